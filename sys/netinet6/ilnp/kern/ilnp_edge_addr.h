/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Between ilnp_edge_loc.c and ilnp_edge_addr.c.
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
	bool		p_idle;		/* its interface is not to be used */
	bool		p_ready;	/* so may be used as a locator */
};

/*
 * Sees to it that the interface of a prefix has an address for each NID, if
 * hosts may make them, and sets p_ready if all are there and found unique
 * (RFC 6741 s3.1).  Sleeps; e_sx held.
 */
void	ilnp_addr_prepare(struct ilnp_edge *, struct ilnp_prefix *);

/*
 * The NID made of the address of the first Ethernet interface.  Returns 0, or
 * ENXIO if there is none.
 */
int	ilnp_addr_eui64(struct ilnp_nid *);

/* An interface is leaving and takes its addresses along.  e_sx held. */
void	ilnp_addr_forget(struct ilnp_edge *, uint32_t ifindex);

#endif /* !_NETINET6_ILNP_KERN_ILNP_EDGE_ADDR_H_ */
