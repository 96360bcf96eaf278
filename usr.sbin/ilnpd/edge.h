/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The edge: packets between the TUN device and the wire, with the core as
 * judge of each.
 */
#ifndef _ILNPD_EDGE_H_
#define	_ILNPD_EDGE_H_

#include "node.h"

struct edge *edge_alloc(void);
void	edge_free(struct edge *);

/* Callbacks of the loop for the intake and the TUN device; arg is the node. */
void	edge_input(void *arg, uint32_t events);
void	edge_output(void *arg, uint32_t events);

/* Sends what has waited for a port; reads from the host again if all is gone. */
void	edge_resume(struct node *, ilnp_time_t now);

/* True while packets wait for a port, which may not take too long. */
bool	edge_waits(const struct node *);

/* Lets the core's timers run and sends what they want sent. */
void	edge_tick(struct node *, ilnp_time_t now);

/* Asks the routers of an interface to make themselves known. */
void	edge_solicit(struct iface *);

#endif /* !_ILNPD_EDGE_H_ */
