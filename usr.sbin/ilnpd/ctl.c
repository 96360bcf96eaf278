/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Clients of the control socket.  Nobody is waited for: who does not read is
 * dropped.  What the commands mean is in cmd.c.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "ctl.h"
#include "log.h"
#include "node.h"

#define	CLIENTS_MAX	64
#define	BACKLOG		128	/* connections not yet accepted */
#define	LINE_MAX_LEN	65536
#define	BACKLOG_MAX	(8 << 20)	/* octets a client may leave unread */

struct ctl_client {
	struct ctl	*cc_ctl;
	struct loop_src	cc_src;
	int		cc_fd;		/* -1: free */
	bool		cc_subscribed;
	bool		cc_dead;	/* to be closed when it is safe */
	bool		cc_skips;	/* to the end of a line too long */
	size_t		cc_nin;
	char		*cc_in;		/* LINE_MAX_LEN */
	char		*cc_out;
	size_t		cc_nout;
	size_t		cc_room;
};

struct ctl {
	struct node	*c_node;
	struct loop_src	c_src;
	int		c_fd;
	u_int		c_subscribers;
	struct ctl_client c_client[CLIENTS_MAX];
};

static void
drop_client(struct ctl_client *cc)
{
	struct ctl *c = cc->cc_ctl;

	loop_del(c->c_node->n_loop, &cc->cc_src);
	(void)close(cc->cc_fd);
	if (cc->cc_subscribed)
		c->c_subscribers--;
	free(cc->cc_in);
	free(cc->cc_out);
	memset(cc, 0, sizeof(*cc));
	cc->cc_fd = cc->cc_src.ls_fd = -1;
	(void)loop_mod(c->c_node->n_loop, &c->c_src, EPOLLIN);
}

/*
 * A client may not go away while it is being served, or from under those who
 * publish to all: the loop will find its connection closed.
 */
static void
mark_dead(struct ctl_client *cc)
{
	cc->cc_dead = true;
	(void)shutdown(cc->cc_fd, SHUT_RDWR);
}

/* Sends what has been waiting; marks the client dead if it is gone. */
static void
flush_client(struct ctl_client *cc)
{
	size_t at = 0;

	while (at < cc->cc_nout) {
		ssize_t n = send(cc->cc_fd, cc->cc_out + at, cc->cc_nout - at,
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				mark_dead(cc);
			break;
		}
		at += (size_t)n;
	}
	memmove(cc->cc_out, cc->cc_out + at, cc->cc_nout - at);
	cc->cc_nout -= at;
	(void)loop_mod(cc->cc_ctl->c_node->n_loop, &cc->cc_src,
	    cc->cc_nout > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static bool
append(struct ctl_client *cc, const char *text, size_t len)
{
	if (cc->cc_nout + len > cc->cc_room) {
		size_t room = (cc->cc_nout + len) * 2;
		char *out = realloc(cc->cc_out, room);

		if (out == NULL)
			return (false);
		cc->cc_out = out;
		cc->cc_room = room;
	}
	memcpy(cc->cc_out + cc->cc_nout, text, len);
	cc->cc_nout += len;
	return (true);
}

void
ctl_send(struct ctl_client *cc, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	size_t len = text == NULL ? 0 : strlen(text);

	json_decref(o);
	if (cc->cc_dead || text == NULL) {
		free(text);
		return;
	}
	if (cc->cc_nout + len > BACKLOG_MAX) {
		log_warn("control client does not read; dropped");
		cc->cc_ctl->c_node->n_stats.node_ctl_dropped++;
		mark_dead(cc);
	} else {
		text[len] = '\n';
		if (!append(cc, text, len + 1))
			mark_dead(cc);
		flush_client(cc);
	}
	free(text);
}

void
ctl_subscribe(struct ctl_client *cc)
{
	if (!cc->cc_subscribed)
		cc->cc_ctl->c_subscribers++;
	cc->cc_subscribed = true;
}

bool
ctl_has_subscribers(const struct ctl *c)
{
	return (c->c_subscribers > 0);
}

void
ctl_publish(struct ctl *c, json_t *o)
{
	for (u_int i = 0; i < CLIENTS_MAX; i++)
		if (c->c_client[i].cc_fd >= 0 && c->c_client[i].cc_subscribed)
			ctl_send(&c->c_client[i], json_incref(o));
	json_decref(o);
}

/*
 * Hands each whole line to its command.  One that is too long is refused when
 * that is seen, and what is left of it passed over.
 */
static void
read_lines(struct ctl_client *cc)
{
	char *start = cc->cc_in, *end;
	size_t left = cc->cc_nin;

	while (!cc->cc_dead && (end = memchr(start, '\n', left)) != NULL) {
		if (!cc->cc_skips)
			cmd_line(cc->cc_ctl->c_node, cc, start,
			    (size_t)(end - start));
		cc->cc_skips = false;
		left -= (size_t)(end + 1 - start);
		start = end + 1;
	}
	if (left == LINE_MAX_LEN && !cc->cc_skips) {
		cc->cc_skips = true;
		ctl_send(cc, json_pack("{s:b, s:s, s:s}", "ok", 0, "error",
		    "line too long", "allowed", "65535 octets"));
	}
	if (cc->cc_skips)
		left = 0;
	memmove(cc->cc_in, start, left);
	cc->cc_nin = left;
}

static void
serve_client(void *arg, uint32_t events)
{
	struct ctl_client *cc = arg;

	if ((events & EPOLLOUT) != 0)
		flush_client(cc);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !cc->cc_dead) {
		ssize_t n = recv(cc->cc_fd, cc->cc_in + cc->cc_nin,
		    LINE_MAX_LEN - cc->cc_nin, MSG_DONTWAIT);

		if (n > 0) {
			cc->cc_nin += (size_t)n;
			read_lines(cc);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			mark_dead(cc);
	}
	if (cc->cc_dead)
		drop_client(cc);
}

static struct ctl_client *
free_client(struct ctl *c)
{
	for (u_int i = 0; i < CLIENTS_MAX; i++)
		if (c->c_client[i].cc_fd < 0)
			return (&c->c_client[i]);
	return (NULL);
}

/* Who does not find a place waits until another one has left. */
static void
accept_clients(void *arg, uint32_t events)
{
	struct ctl *c = arg;
	struct ctl_client *cc;
	int fd;

	(void)events;
	while ((cc = free_client(c)) != NULL) {
		fd = accept4(c->c_fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		cc->cc_ctl = c;
		cc->cc_fd = fd;
		cc->cc_in = malloc(LINE_MAX_LEN);
		if (cc->cc_in == NULL || loop_add(c->c_node->n_loop,
		    &cc->cc_src, fd, EPOLLIN, serve_client, cc) != 0)
			drop_client(cc);
	}
	(void)loop_mod(c->c_node->n_loop, &c->c_src, 0);
}

/* True if somebody answers on the socket of that name. */
static bool
is_alive(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive;

	if (fd < 0)
		return (false);
	alive = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0;
	(void)close(fd);
	return (alive);
}

static int
listen_on(struct ctl *c, const char *path, ino_t *inode)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t mask;
	struct stat st;
	int rc;

	(void)strncpy(sun.sun_path, path, sizeof(sun.sun_path) - 1);
	if (is_alive(&sun)) {
		log_error("%s: another node answers there; choose another "
		    "`name'", path);
		return (EADDRINUSE);
	}
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
	c->c_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	mask = umask(0177);
	rc = c->c_fd < 0 ? -1 : bind(c->c_fd, (struct sockaddr *)&sun,
	    sizeof(sun));
	(void)umask(mask);
	if (rc != 0 || listen(c->c_fd, BACKLOG) != 0 || lstat(path, &st) != 0) {
		rc = errno;
		log_error("%s: %s", path, strerror(rc));
		return (rc);
	}
	*inode = st.st_ino;
	return (0);
}

int
ctl_open(struct node *n, const char *path, struct ctl **cp, ino_t *inode)
{
	struct ctl *c = calloc(1, sizeof(*c));
	int error;

	if (c == NULL)
		return (ENOMEM);
	c->c_node = n;
	c->c_fd = c->c_src.ls_fd = -1;
	for (u_int i = 0; i < CLIENTS_MAX; i++)
		c->c_client[i].cc_fd = c->c_client[i].cc_src.ls_fd = -1;
	error = listen_on(c, path, inode);
	if (error == 0)
		error = loop_add(n->n_loop, &c->c_src, c->c_fd, EPOLLIN,
		    accept_clients, c);
	if (error != 0) {
		ctl_close(c);
		return (error);
	}
	*cp = c;
	return (0);
}

void
ctl_close(struct ctl *c)
{
	for (u_int i = 0; i < CLIENTS_MAX; i++)
		if (c->c_client[i].cc_fd >= 0)
			drop_client(&c->c_client[i]);
	loop_del(c->c_node->n_loop, &c->c_src);
	if (c->c_fd >= 0)
		(void)close(c->c_fd);
	free(c);
}
