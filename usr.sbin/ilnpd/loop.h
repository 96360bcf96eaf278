/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The event loop: one thread, file descriptors, one deadline.
 */
#ifndef _ILNPD_LOOP_H_
#define	_ILNPD_LOOP_H_

#include <stdint.h>

struct loop;

/* Embedded by the owner of a descriptor. */
struct loop_src {
	int		ls_fd;		/* -1: not in a loop */
	void		(*ls_fn)(void *arg, uint32_t events);
	void		*ls_arg;
};

/* Returns NULL if the system has no room for one. */
struct loop *loop_alloc(void);
void	loop_free(struct loop *);

/* Watches a descriptor for EPOLL* events.  Returns 0 or an errno. */
int	loop_add(struct loop *, struct loop_src *, int fd, uint32_t events,
	    void (*fn)(void *, uint32_t), void *arg);

/*
 * Makes a socket at an abstract address of this network namespace and watches
 * it for connections.  Returns 0 or an errno, EADDRINUSE if somebody else has
 * the address; *fdp is the caller's to close, or -1.
 */
int	loop_listen(struct loop *, struct loop_src *, const char *name,
	    void (*fn)(void *, uint32_t), void *arg, int *fdp);

int	loop_mod(struct loop *, struct loop_src *, uint32_t events);

/* Stops watching; safe from within any callback.  The descriptor stays open. */
void	loop_del(struct loop *, struct loop_src *);

/*
 * Waits up to timeout_ms (-1: without end) and calls back whoever has events.
 * Returns 0 or an errno.
 */
int	loop_run(struct loop *, int timeout_ms);

#endif /* !_ILNPD_LOOP_H_ */
