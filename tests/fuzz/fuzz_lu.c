/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Any octets as a Locator Update, applied to a set of locators.  The first two
 * octets choose the record form and the soft code, the third the set's limit.
 */
#include <stdlib.h>

#include "fuzz.h"

static void
check_set(const struct ilnp_locset *ls, u_int max)
{
	u_int sendable = 0;

	NEVER(ls->ls_n > ILNP_LOCS_MAX);
	for (u_int i = 0; i < ls->ls_n; i++) {
		NEVER(!ilnp_l64_usable(ls->ls_loc[i].l_l64));
		sendable += ilnp_loc_sendable(&ls->ls_loc[i]);
		for (u_int j = 0; j < i; j++)
			NEVER(ilnp_l64_eq(ls->ls_loc[i].l_l64,
			    ls->ls_loc[j].l_l64));
	}
	NEVER(sendable > max);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ilnp_rd r = ilnp_rd(data, size);
	uint8_t form = (uint8_t)(12 + 2 * (take8(&r) % 3));
	uint8_t soft = take8(&r);
	u_int max = 1 + take8(&r) % ILNP_LOCS_MAX;
	struct ilnp_locset ls = { 0 };
	ilnp_time_t now = ILNP_SEC(1000);
	bool changed;

	/* Several messages, so that one meets what another has left. */
	while (r.r_left > 1) {
		size_t len = take8(&r) * 4;
		struct ilnp_lu lu;
		uint8_t *p;

		if (len > r.r_left)
			len = r.r_left;
		p = fuzz_copy(ilnp_rd_take(&r, len), len);
		if (ilnp_lu_parse(p, len, form, soft, &lu) == 0) {
			struct ilnp_locset before = ls;

			NEVER(lu.lu_count == 0);
			NEVER(8 + (size_t)lu.lu_count * lu.lu_reclen > len);
			if (ilnp_locset_replace(&ls, &lu, max, 30, now,
			    &changed) != 0)
				NEVER(memcmp(&ls, &before, sizeof(ls)) != 0);
			else
				check_set(&ls, max);
		}
		now += ILNP_SEC(len);
		(void)ilnp_locset_age(&ls, now, 10);
		free(p);
	}
	return (0);
}
