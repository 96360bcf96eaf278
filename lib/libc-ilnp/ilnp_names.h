/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What a name stands for: correspondents with their locators (RFC 6742), and
 * ordinary addresses.
 */
#ifndef _ILNP_NAMES_H_
#define	_ILNP_NAMES_H_

#include <netinet/in.h>

#include "ilnp_stub.h"
#include "ilnp_wire.h"

/* A node that a name leads to. */
struct ilnp_peer {
	struct ilnp_nid	pe_nid;
	uint16_t	pe_pref;	/* of the NID; lower is preferred */
	uint32_t	pe_life;	/* s; 0: good for one session */
	u_int		pe_n;
	struct ilnp_lurec pe_loc[ILNP_LOCS_MAX];	/* preferred ones first */
};

struct ilnp_naddr {
	int		na_family;
	uint8_t		na_b[16];
};

struct ilnp_found {
	char		f_name[ILNP_DNS_TEXT_MAX];	/* behind all aliases */
	uint32_t	f_ttl;		/* s; the least of the addresses' */
	u_int		f_npeers;
	struct ilnp_peer f_peer[ILNP_NIDS_MAX];
	u_int		f_n;		/* IPv4 first, in the server's order */
	u_int		f_room;
	struct ilnp_naddr *f_addr;
};

enum ilnp_names_status {
	ILNP_NAMES_FOUND,
	ILNP_NAMES_NONAME,	/* there is no such name */
	ILNP_NAMES_NODATA,	/* it has nothing of what was asked for */
	ILNP_NAMES_AGAIN,	/* nobody could tell */
	ILNP_NAMES_UNAVAIL	/* not for us: the next source may try */
};

#define	ILNP_WANT_IPV4	0x01
#define	ILNP_WANT_IPV6	0x02

/*
 * Looks a name up with the search list of `st'.  Beside what `want' says, NID,
 * L64 and LP records are asked for in the same round trip, but for those who
 * want IPv4 alone.  A second one is needed only for LP records whose locators
 * did not come along.
 * ilnp_names_free() frees what is in `found', whatever the result.
 */
enum ilnp_names_status ilnp_names_lookup(const struct ilnp_stub *st,
	    const char *name, u_int want, struct ilnp_found *found);
void	ilnp_names_free(struct ilnp_found *);

#endif /* !_ILNP_NAMES_H_ */
