/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Privileges: a small process keeps them to open the hosts file and the TUN
 * device again and to remove the control socket; the node gives them up.
 */
#ifndef _ILNPD_PRIV_H_
#define	_ILNPD_PRIV_H_

#include <sys/types.h>

struct priv;

/*
 * Starts the helper, before anything else is opened; `user' is whom processes
 * become that need no privilege.  Returns 0 and the handle, or an errno.
 */
int	priv_open(const char *hosts, const char *control, const char *user,
	    struct priv **);

/* Lets the helper finish its work and end. */
void	priv_close(struct priv *);

/* Tells the helper which socket is ours to remove. */
void	priv_own_socket(struct priv *, ino_t);

enum priv_file { PRIV_HOSTS, PRIV_TUN, PRIV_ASKER };

/*
 * Opens a file that only root may open, or the way to a new process that asks
 * names (asker.h), in the place of the one before.
 * Returns 0 and a descriptor, or an errno.
 */
int	priv_open_file(struct priv *, enum priv_file, int *fd);

/*
 * Becomes a user with no capabilities but CAP_NET_ADMIN and CAP_NET_RAW, for
 * good.  Returns 0 or an errno after a message.
 */
int	priv_drop(const char *user);

#endif /* !_ILNPD_PRIV_H_ */
