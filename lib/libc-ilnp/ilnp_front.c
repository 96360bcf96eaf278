/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A correspondent whose teaching is refused is left out, and its ordinary
 * addresses serve: ILNP is tried where it can work and is never in the way.
 */
#include <stdlib.h>

#include "ilnp_front.h"
#include "ilnp_teach.h"

#define	PREFIX_LEN	8	/* octets before the NID */

/* True if an ordinary address is one of a correspondent that is taught. */
static bool
is_covered(const struct ilnp_found *f, const struct ilnp_naddr *na)
{
	struct ilnp_rd r = ilnp_rd(na->na_b, sizeof(na->na_b));
	struct ilnp_nid nid = ilnp_rd_ilv(&r).nid;

	for (u_int i = 0; i < f->f_npeers; i++)
		if (na->na_family == AF_INET6 &&
		    ilnp_nid_eq(f->f_peer[i].pe_nid, nid))
			return (true);
	return (false);
}

/* Puts the correspondents' addresses before the ordinary ones. */
static bool
list_addresses(struct ilnp_found *f)
{
	u_int count = 0, n = 0;
	struct ilnp_naddr *all;

	for (u_int i = 0; i < f->f_npeers; i++)
		count += ilnp_teach_count(&f->f_peer[i]);
	all = calloc(count + f->f_n, sizeof(*all));
	if (all == NULL)
		return (false);
	for (u_int i = 0; i < f->f_npeers; i++)
		for (u_int k = 0; k < ilnp_teach_count(&f->f_peer[i]); k++) {
			struct in6_addr a = ilnp_teach_addr(&f->f_peer[i], k);

			all[n].na_family = AF_INET6;
			memcpy(all[n++].na_b, a.s6_addr, sizeof(a.s6_addr));
		}
	/* IPv6 first, as the correspondents' are. */
	for (int v4 = 0; v4 < 2; v4++)
		for (u_int i = 0; i < f->f_n; i++)
			if ((f->f_addr[i].na_family == AF_INET) == v4 &&
			    !is_covered(f, &f->f_addr[i]))
				all[n++] = f->f_addr[i];
	free(f->f_addr);
	f->f_addr = all;
	f->f_n = n;
	f->f_room = count + f->f_n;
	return (true);
}

static void
teach_peers(struct ilnp_found *f)
{
	u_int n = 0;

	for (u_int i = 0; i < f->f_npeers; i++)
		if (ilnp_teach(f->f_name, &f->f_peer[i]) == 0)
			f->f_peer[n++] = f->f_peer[i];
	f->f_npeers = n;
}

enum ilnp_names_status
ilnp_front_lookup(const char *name, int family, struct ilnp_found *f)
{
	enum ilnp_names_status status;
	struct ilnp_stub st;
	int error;
	u_int want;

	memset(f, 0, sizeof(*f));
	switch (family) {
	case AF_UNSPEC:
		want = ILNP_WANT_IPV4 | ILNP_WANT_IPV6;
		break;
	case AF_INET6:
		want = ILNP_WANT_IPV6;
		break;
	case AF_INET:
		want = ILNP_WANT_IPV4;
		break;
	default:
		return (ILNP_NAMES_UNAVAIL);
	}
	error = ilnp_teach_find(name, f);
	if (error == 0 && family == AF_INET)
		return (ILNP_NAMES_UNAVAIL);
	if (error == 0) {
		(void)strncpy(f->f_name, name, sizeof(f->f_name) - 1);
		return (list_addresses(f) ? ILNP_NAMES_FOUND :
		    ILNP_NAMES_UNAVAIL);
	}
	if (error != ENOENT || ilnp_stub_conf(&st) != 0)
		return (ILNP_NAMES_UNAVAIL);
	status = ilnp_names_lookup(&st, name, want, f);
	if (status != ILNP_NAMES_FOUND)
		return (status);
	teach_peers(f);
	/* Without correspondents the list is as the server gave it. */
	if (f->f_npeers == 0)
		return (f->f_n > 0 ? ILNP_NAMES_FOUND : ILNP_NAMES_NODATA);
	return (list_addresses(f) ? ILNP_NAMES_FOUND : ILNP_NAMES_UNAVAIL);
}
