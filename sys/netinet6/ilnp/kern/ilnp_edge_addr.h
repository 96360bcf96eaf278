/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Between ilnp_edge_loc.c, ilnp_edge_addr.c and ilnp_edge_eph.c.
 */
#ifndef _NETINET6_ILNP_KERN_ILNP_EDGE_ADDR_H_
#define	_NETINET6_ILNP_KERN_ILNP_EDGE_ADDR_H_

/* A prefix that Neighbour Discovery believes in. */
struct ilnp_prefix {
	struct ilnp_l64	p_l64;
	struct in6_addr	p_router;	/* unspecified: none */
	uint32_t	p_ifindex;
	uint32_t	p_mtu;
	uint32_t	p_valid;	/* seconds left */
	uint32_t	p_preferred;	/* seconds left */
	uint16_t	p_pref;		/* the lowest is preferred */
	uint16_t	p_weight;	/* at least 1 */
	bool		p_auto;		/* hosts may make addresses from it */
	bool		p_mint;		/* and ephemeral ones */
	bool		p_idle;		/* its interface is not to be used */
	bool		p_ready;	/* so may be used as a locator */
};

/*
 * Sees to it that the interface of a prefix has an address for each NID, if
 * hosts may make them, and sets p_ready if all are there and found unique
 * (RFC 6741 s3.1).  Sleeps; e_sx held.
 */
void	ilnp_addr_prepare(struct ilnp_edge *, struct ilnp_prefix *);

enum ilnp_addrstate {
	ILNP_ADDR_NONE,		/* it cannot be had, now */
	ILNP_ADDR_ASKED,	/* Duplicate Address Detection goes on */
	ILNP_ADDR_READY,
	ILNP_ADDR_TAKEN		/* somebody else has it */
};

/*
 * Sees to it that there is an address of an ephemeral NID.  It is deprecated,
 * so that source selection chooses it for nobody.  Returns how it is.  Sleeps.
 */
enum ilnp_addrstate ilnp_addr_ephemeral(struct ifnet *,
	    const struct ilnp_prefix *, struct ilnp_nid);

/* Removes the addresses of NIDs of which a function says so.  Sleeps. */
void	ilnp_addr_remove(struct ilnp_edge *,
	    bool (*)(const struct ilnp_edge *, struct ilnp_nid));

/*
 * Between ilnp_edge_loc.c and ilnp_edge_eph.c.  The first sees to ephemeral
 * NIDs and their addresses, may clear p_ready, and makes the set that is to be
 * published; the second goes on when it has been.  Both sleep; e_sx held.
 */
void	ilnp_eph_prepare(struct ilnp_edge *, struct ilnp_prefix *, u_int n);
void	ilnp_eph_settle(struct ilnp_edge *);

/*
 * The NID made of the address of the first Ethernet interface.  Returns 0, or
 * ENXIO if there is none.
 */
int	ilnp_addr_eui64(struct ilnp_nid *);

/* An interface is leaving and takes its addresses along.  e_sx held. */
void	ilnp_addr_forget(struct ilnp_edge *, uint32_t ifindex);

#endif /* !_NETINET6_ILNP_KERN_ILNP_EDGE_ADDR_H_ */
