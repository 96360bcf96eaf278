/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Processes in jails.  Whoever is in one stays there, so whatever is to happen
 * in a jail is done by a child that goes there and ends.
 */
#ifndef _KT_JAIL_H_
#define	_KT_JAIL_H_

#include "net.h"

#define	JAIL_NONE	255	/* the status of who could not go there */

/* Starts a function in a jail and does not wait.  Returns the process. */
int	jail_start(int jid, int (*)(void *), void *arg);

/* The same, and waits.  Returns what the function does. */
int	jail_run(int jid, int (*)(void *), void *arg);

/*
 * A jail that shares our network stack, but for this one address; one at a
 * time.  Returns its id.
 */
int	jail_with(struct ilv);

/* Runs a function in a jail made for it. */
int	jail_run_with(struct ilv, int (*)(void *), void *arg);

#endif /* !_KT_JAIL_H_ */
