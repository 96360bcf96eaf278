/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Keeps the host's own stack away from packets that are the node's: Linux would
 * answer the nonce option with Parameter Problem and unknown flows with RST.
 */
#ifndef _ILNPD_GUARD_H_
#define	_ILNPD_GUARD_H_

#include "flow.h"

struct guard;

/*
 * Installs the node's own nftables table, in place of one that a crash has
 * left.  Returns 0 and the handle, or an errno after a message.
 */
int	guard_open(const char *name, const char *tun, const struct ilnp_nid *,
	    u_int n, struct guard **);

/* Removes the table. */
void	guard_close(struct guard *);

/*
 * Keeps the host out of a flow, or all flows of a pair, from whatever locators,
 * for a while.
 */
void	guard_flow(struct guard *, struct flow *, ilnp_time_t now);

#endif /* !_ILNPD_GUARD_H_ */
