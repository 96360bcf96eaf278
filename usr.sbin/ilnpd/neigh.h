/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Link-layer addresses of next hops.  The kernel resolves them; this is a copy
 * that a packet can be sent with at once.
 */
#ifndef _ILNPD_NEIGH_H_
#define	_ILNPD_NEIGH_H_

#include "netlink.h"

#define	NEIGH_HELD	8	/* packets that wait for one neighbour */

struct port;
struct neighs;

struct neigh {
	struct neigh	*ne_next;
	struct in6_addr	ne_addr;
	u_int		ne_index;	/* of the interface */
	bool		ne_valid;
	uint8_t		ne_mac[6];
	ilnp_time_t	ne_used;
	ilnp_time_t	ne_asked;	/* the kernel, last time */
	u_int		ne_nheld;
	struct { uint8_t *frame; size_t len; } ne_held[NEIGH_HELD];
};

/* Where the destination MAC stands in a frame with a virtio header. */
#define	NEIGH_MAC_OFF	10

struct neighs *neighs_alloc(struct netlink *);
void	neighs_free(struct neighs *);

/*
 * The neighbour of that address, borrowed until the next call of neighs_age().
 * Keeps the kernel busy confirming it while it is in use.  NULL if there are
 * too many.
 */
struct neigh *neigh_use(struct neighs *, u_int ifindex,
		    const struct in6_addr *, ilnp_time_t now);

/* Copies a frame until the neighbour is known; the oldest one makes room. */
void	neigh_hold(struct neigh *, const void *frame, size_t len);

/* Takes in what the kernel says; sends what waited by `port'. */
void	neighs_update(struct neighs *, const struct nl_neigh *, bool gone,
	    struct port *);

/* Forgets those that have not been used for a while, and what they hold. */
void	neighs_age(struct neighs *, ilnp_time_t now);

/* Forgets those of an interface that is no more. */
void	neighs_drop(struct neighs *, u_int ifindex);

#endif /* !_ILNPD_NEIGH_H_ */
