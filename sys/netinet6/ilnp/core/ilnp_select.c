/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The list of selection algorithms.
 */
#include "ilnp_select.h"

const struct ilnp_sel_alg *const ilnp_sel_algs[] = {
	&ilnp_sel_rr,
	&ilnp_sel_drr,
	&ilnp_sel_drr_paper,
	&ilnp_sel_pref,
	&ilnp_sel_weighted,
	&ilnp_sel_sticky,
	&ilnp_sel_redundant,
	NULL
};

const struct ilnp_sel_alg *
ilnp_sel_lookup(const char *name)
{
	for (u_int i = 0; ilnp_sel_algs[i] != NULL; i++) {
		const char *a = ilnp_sel_algs[i]->sa_name, *b = name;

		while (*a != '\0' && *a == *b) {
			a++;
			b++;
		}
		if (*a == *b)
			return (ilnp_sel_algs[i]);
	}
	return (NULL);
}
