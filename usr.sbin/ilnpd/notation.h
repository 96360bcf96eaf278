/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * How NIDs, L64s and I-LVs are written by people (contradiction C18).
 */
#ifndef _ILNPD_NOTATION_H_
#define	_ILNPD_NOTATION_H_

#include <netinet/in.h>

#include "ilnp_types.h"

#define	NOTATION_LEN	40	/* room for an I-LV and its end */

/*
 * Four groups of 1 to 4 hexadecimal digits, separated by one of the
 * characters in `seps'.  Returns false if the text is anything else.
 */
bool	notation_groups(const char *text, size_t len, const char *seps,
	    uint64_t *value);

/* A lone NID or L64, with dashes, plus signs or colons. */
bool	notation_nid(const char *, struct ilnp_nid *);
bool	notation_l64(const char *, struct ilnp_l64 *);

/* L64(+).NID(-), or NID(-).L64(+) as in the duality paper. */
bool	notation_ilv(const char *, struct ilnp_ilv *);

/* Our own form: 0211-22ff-fe33-4455, 2001+0db8+0001+0001, both with a dot. */
const char *notation_put_nid(char buf[NOTATION_LEN], struct ilnp_nid);
const char *notation_put_l64(char buf[NOTATION_LEN], struct ilnp_l64);
const char *notation_put_ilv(char buf[NOTATION_LEN], struct ilnp_ilv);

/* Between IPv6 addresses and I-LVs. */
struct ilnp_ilv notation_from_in6(const struct in6_addr *);
struct in6_addr notation_to_in6(struct ilnp_ilv);

#endif /* !_ILNPD_NOTATION_H_ */
