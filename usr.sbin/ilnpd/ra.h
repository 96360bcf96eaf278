/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Router Advertisements as the node needs them: which router stands behind
 * which prefix (RFC 8028), and for how long.  What the kernel makes of them
 * (addresses, their lifetimes) is learnt from the kernel.
 */
#ifndef _ILNPD_RA_H_
#define	_ILNPD_RA_H_

#include <netinet/in.h>

#include "ilnp_wire.h"

#define	RA_BINDINGS_MAX	16	/* per interface */

/* One prefix of one router. */
struct ra_binding {
	struct ilnp_l64	rb_l64;
	struct in6_addr	rb_router;
	ilnp_time_t	rb_until;
	bool		rb_deprecated;	/* the router wants it used no more */
};

/* What has been heard on one interface. */
struct ra_table {
	bool		rt_heard;	/* any, since the link came up */
	u_int		rt_n;
	struct ra_binding rt_b[RA_BINDINGS_MAX];
};

/*
 * Takes in a packet that may be a Router Advertisement; its checksum may be
 * left unfinished by a virtual link (`trusted').
 * Returns true if it was one and was in order.
 */
bool	ra_input(struct ra_table *, const uint8_t *pkt, size_t len,
	    bool trusted, ilnp_time_t now);

/* Forgets what has run out.  Returns true if there was something. */
bool	ra_age(struct ra_table *, ilnp_time_t now);

/*
 * The binding for a prefix with the longest future.  Borrowed, or NULL.
 */
const struct ra_binding *ra_find(const struct ra_table *, struct ilnp_l64);

/*
 * Writes a Router Solicitation from `src', which may be unspecified.
 * Returns its length.
 */
size_t	ra_solicit(uint8_t *buf, size_t room, const struct in6_addr *src,
	    const uint8_t mac[6]);

#endif /* !_ILNPD_RA_H_ */
