/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What all front doors do: find a name, teach what it leads to, and say which
 * addresses a program shall use.
 */
#ifndef _ILNP_FRONT_H_
#define	_ILNP_FRONT_H_

#include "ilnp_names.h"

/*
 * Looks a name up for AF_UNSPEC, AF_INET6, or AF_INET, which has ordinary
 * addresses alone.  On ILNP_NAMES_FOUND `f_addr'
 * holds the addresses: those of correspondents first, in order of preference,
 * then ordinary ones of other hosts, if any.
 * ILNP_NAMES_UNAVAIL if this host does not speak ILNP, or for names that are
 * none of our business.  ilnp_names_free() in any case.
 */
enum ilnp_names_status ilnp_front_lookup(const char *name, int family,
	    struct ilnp_found *);

#endif /* !_ILNP_FRONT_H_ */
