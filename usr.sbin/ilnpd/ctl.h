/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The control socket: JSON objects, one per line, in both directions.
 */
#ifndef _ILNPD_CTL_H_
#define	_ILNPD_CTL_H_

#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>

#include "loop.h"

struct ctl;
struct ctl_client;
struct node;

/*
 * Listens on a path that only root may open.  A socket that a crash has left is
 * replaced.  Returns 0 and the handle and the inode, or an errno after a
 * message.
 */
int	ctl_open(struct node *, const char *path, struct ctl **, ino_t *);
void	ctl_close(struct ctl *);

bool	ctl_has_subscribers(const struct ctl *);

/* Sends an object to all subscribers; consumes it. */
void	ctl_publish(struct ctl *, json_t *);

/* Sends an object to one client; consumes it. */
void	ctl_send(struct ctl_client *, json_t *);
void	ctl_subscribe(struct ctl_client *);

#endif /* !_ILNPD_CTL_H_ */
