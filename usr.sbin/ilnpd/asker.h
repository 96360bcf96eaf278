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
#include "priv.h"

struct asker;

/* Told what a name stands for now; NULL if nobody could tell. */
typedef void asker_fn(void *arg, const char *name, const struct ilnp_found *);

/*
 * Has the process started, which is started again if it or who keeps it dies.
 * Returns 0 and the handle, or an errno.
 */
int	asker_open(struct loop *, struct priv *, asker_fn *, void *arg,
	    struct asker **);
void	asker_close(struct asker *);

/* About once a second: has it started again if it is time for that. */
void	asker_tick(struct asker *, ilnp_time_t now);

/*
 * For the helper: becomes `user' without any capability, and starts the process
 * that asks, again and again.
 */
_Noreturn void asker_keep(int sock, const char *user);

/*
 * Asks for a name on behalf of a user; users take turns.  Returns false if it
 * waits already, too many do, or the process is gone.
 */
bool	asker_ask(struct asker *, uid_t, const char *name);

#endif /* !_ILNPD_ASKER_H_ */
