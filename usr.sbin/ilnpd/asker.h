/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Asks names again in a process of its own: name servers may take their time,
 * and what they send is read where there is nothing to win.
 */
#ifndef _ILNPD_ASKER_H_
#define	_ILNPD_ASKER_H_

#include "ilnp_names.h"
#include "loop.h"

struct asker;

/* Told what a name stands for now; NULL if nobody could tell. */
typedef void asker_fn(void *arg, const char *name, const struct ilnp_found *);

/*
 * Starts the process, which becomes `user' without any capability, and is
 * started again if it dies.
 * Returns 0 and the handle, or an errno.
 */
int	asker_open(struct loop *, const char *user, asker_fn *, void *arg,
	    struct asker **);
void	asker_close(struct asker *);

/*
 * Asks for a name on behalf of a user; users take turns.  Returns false if it
 * waits already, too many do, or the process is gone.
 */
bool	asker_ask(struct asker *, uid_t, const char *name);

#endif /* !_ILNPD_ASKER_H_ */
