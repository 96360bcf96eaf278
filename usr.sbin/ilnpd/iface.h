/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The interfaces that ILNP may use: their coming and going, their ports, the
 * search for routers behind them.
 */
#ifndef _ILNPD_IFACE_H_
#define	_ILNPD_IFACE_H_

#include "node.h"

void	iface_init(struct node *);
void	iface_close(struct node *);

/* Takes in what the kernel says about a link. */
void	iface_link(struct node *, const struct nl_link *, bool gone);

/* Takes in a link-local address, the source of Router Solicitations. */
void	iface_linklocal(struct node *, const struct nl_addr *, bool gone);

/* Returns the interface, or NULL. */
struct iface *iface_byindex(struct node *, u_int index);
struct iface *iface_byname(struct node *, const char *);

/* Sends due Router Solicitations.  Returns when to be called again, 0: never. */
ilnp_time_t iface_tick(struct node *, ilnp_time_t now);

/* Opens the intake, before the first interface is there.  0 or an errno. */
int	iface_intake(struct node *);

/* Makes its filter fit the interfaces, our NIDs and the flows in fallback. */
void	iface_refilter(struct node *);

/* Largest packet that may be handed to the TUN device. */
uint32_t iface_tun_mtu(const struct node *);

#endif /* !_ILNPD_IFACE_H_ */
