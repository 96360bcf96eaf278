/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The way from names to whoever speaks ILNP on this host: the node's socket on
 * Linux, the kernel on FreeBSD.  Each system has a file of its own.
 */
#ifndef _ILNP_TEACH_H_
#define	_ILNP_TEACH_H_

#include "ilnp_names.h"

/*
 * Finds a name that was written into a hosts file.
 * Returns 0 and the correspondents, ENOENT if no such name is written there,
 * or another errno if this host does not speak ILNP now.
 */
int	ilnp_teach_find(const char *name, struct ilnp_found *);

/*
 * Makes a correspondent known as a candidate: it serves those who do not know
 * the NID yet and changes nothing for those who do.
 * Returns 0, or an errno if its addresses must not be used.
 */
int	ilnp_teach(const char *name, const struct ilnp_peer *);

/* How many addresses programs use for a correspondent, and the i-th of them. */
u_int	ilnp_teach_count(const struct ilnp_peer *);
struct in6_addr ilnp_teach_addr(const struct ilnp_peer *, u_int i);

/*
 * Finds who is behind an address by which programs call a correspondent.
 * Returns 0; ENOENT, or another errno, if nobody knows; EAFNOSUPPORT if it is
 * an ordinary address, whose name stands in the DNS.  Only where identity
 * addresses are used.
 */
int	ilnp_teach_name(const struct in6_addr *,
	    char name[ILNP_DNS_TEXT_MAX]);

/* Writes "NID L64,preference,seconds ..."; returns false if there is no room. */
bool	ilnp_teach_text(const struct ilnp_peer *, char *text, size_t room);

/* Four groups as they are written in answers and hosts files. */
bool	ilnp_teach_groups(const char *text, size_t len, char sep, uint64_t *);

#define	ILNP_TEACH_TEXT_MAX	512

#endif /* !_ILNP_TEACH_H_ */
