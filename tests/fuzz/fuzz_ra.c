/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Any octets as Router Advertisements that one after the other reach the node.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "ra.h"

static void
check_table(const struct ra_table *rt)
{
	NEVER(rt->rt_n > RA_BINDINGS_MAX);
	for (u_int i = 0; i < rt->rt_n; i++) {
		NEVER(!ilnp_l64_usable(rt->rt_b[i].rb_l64));
		NEVER(ra_find(rt, rt->rt_b[i].rb_l64) == NULL);
		for (u_int j = 0; j < i; j++)
			NEVER(ilnp_l64_eq(rt->rt_b[i].rb_l64,
			    rt->rt_b[j].rb_l64) &&
			    memcmp(&rt->rt_b[i].rb_router,
			    &rt->rt_b[j].rb_router,
			    sizeof(rt->rt_b[j].rb_router)) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ilnp_rd r = ilnp_rd(data, size);
	struct ra_table rt = { 0 };
	ilnp_time_t now = ILNP_SEC(1000);

	while (r.r_left > 2) {
		bool trusted = take8(&r) % 2 == 0;
		size_t len = (size_t)take8(&r) * 2;
		uint8_t *p;

		if (len > r.r_left)
			len = r.r_left;
		p = fuzz_copy(ilnp_rd_take(&r, len), len);
		if (!ra_input(&rt, p, len, trusted, now))
			NEVER(!rt.rt_heard && rt.rt_n > 0);
		check_table(&rt);
		free(p);
		now += ILNP_SEC(take8(&r));
		(void)ra_age(&rt, now);
		for (u_int i = 0; i < rt.rt_n; i++)
			NEVER(rt.rt_b[i].rb_until <= now);
	}
	return (0);
}
