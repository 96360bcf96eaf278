/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Sticky: a transport flow stays on one path while that path works.  Rendezvous
 * hashing, so that a path coming or going moves only the flows it must.
 */
#include "../core/ilnp_select.h"

static void
reset_nothing(void *priv)
{
	(void)priv;
}

/* Spreads the bits of a flow and a slot; not keyed: the flow already is. */
static uint32_t
score(uint32_t flow, uint8_t slot)
{
	uint32_t h = flow ^ (slot + 1) * 0x9e3779b9;

	h = (h ^ h >> 16) * 0x85ebca6b;
	h = (h ^ h >> 13) * 0xc2b2ae35;
	return (h ^ h >> 16);
}

static uint32_t
pick_sticky(void *priv, const struct ilnp_sel_in *in)
{
	u_int best = 0;

	(void)priv;
	for (u_int i = 1; i < in->si_n; i++)
		if (score(in->si_flow, in->si_path[i].sp_slot) >
		    score(in->si_flow, in->si_path[best].sp_slot))
			best = i;
	return (1U << best);
}

const struct ilnp_sel_alg ilnp_sel_sticky = {
	.sa_name = "sticky",
	.sa_text = "each transport flow stays on one path",
	.sa_privsize = 0,
	.sa_reset = reset_nothing,
	.sa_pick = pick_sticky,
};
