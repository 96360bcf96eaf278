/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * epoll(7) with callbacks.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop.h"

#define	BATCH	64
#define	BACKLOG	64	/* connections not yet accepted */

struct loop {
	int		l_fd;
	int		l_n;		/* events of this round */
	struct epoll_event l_ev[BATCH];
};

struct loop *
loop_alloc(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return (NULL);
	l->l_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->l_fd < 0) {
		free(l);
		return (NULL);
	}
	return (l);
}

void
loop_free(struct loop *l)
{
	(void)close(l->l_fd);
	free(l);
}

int
loop_add(struct loop *l, struct loop_src *src, int fd, uint32_t events,
    void (*fn)(void *, uint32_t), void *arg)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	if (epoll_ctl(l->l_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
		return (errno);
	src->ls_fd = fd;
	src->ls_fn = fn;
	src->ls_arg = arg;
	return (0);
}

int
loop_listen(struct loop *l, struct loop_src *src, const char *name,
    void (*fn)(void *, uint32_t), void *arg, int *fdp)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const size_t len = strlen(name);
	int error;

	memcpy(sun.sun_path + 1, name, len);
	*fdp = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (*fdp < 0)
		return (errno);
	if (bind(*fdp, (struct sockaddr *)&sun, (socklen_t)(
	    offsetof(struct sockaddr_un, sun_path) + 1 + len)) == 0 &&
	    listen(*fdp, BACKLOG) == 0)
		return (loop_add(l, src, *fdp, EPOLLIN, fn, arg));
	error = errno;
	(void)close(*fdp);
	*fdp = -1;
	return (error);
}

int
loop_mod(struct loop *l, struct loop_src *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	return (epoll_ctl(l->l_fd, EPOLL_CTL_MOD, src->ls_fd, &ev) != 0 ?
	    errno : 0);
}

void
loop_del(struct loop *l, struct loop_src *src)
{
	if (src->ls_fd < 0)
		return;
	(void)epoll_ctl(l->l_fd, EPOLL_CTL_DEL, src->ls_fd, NULL);
	src->ls_fd = -1;
	/* The owner may go away now: its events of this round with it. */
	for (int i = 0; i < l->l_n; i++)
		if (l->l_ev[i].data.ptr == src)
			l->l_ev[i].data.ptr = NULL;
}

int
loop_run(struct loop *l, int timeout_ms)
{
	l->l_n = epoll_wait(l->l_fd, l->l_ev, BATCH, timeout_ms);
	if (l->l_n < 0) {
		l->l_n = 0;
		return (errno == EINTR ? 0 : errno);
	}
	for (int i = 0; i < l->l_n; i++) {
		struct loop_src *src = l->l_ev[i].data.ptr;

		if (src != NULL)
			src->ls_fn(src->ls_arg, l->l_ev[i].events);
	}
	l->l_n = 0;
	return (0);
}
