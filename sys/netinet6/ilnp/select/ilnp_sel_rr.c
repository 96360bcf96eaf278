/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Round robin: each packet takes the path after the last one's.
 */
#include "../core/ilnp_select.h"

struct rr_priv {
	uint32_t	next;		/* turn to begin looking at */
};

static void
reset_rr(void *priv)
{
	struct rr_priv *rr = priv;

	rr->next = 0;
}

static uint32_t
pick_rr(void *priv, const struct ilnp_sel_in *in)
{
	struct rr_priv *rr = priv;
	u_int best = 0;
	uint32_t bestdist = UINT32_MAX;

	/* Turns, not indices: a path that drops out does not shift the rest. */
	for (u_int i = 0; i < in->si_n; i++) {
		uint32_t dist = (in->si_path[i].sp_turn + ILNP_PATHS_MAX -
		    rr->next) % ILNP_PATHS_MAX;

		if (dist < bestdist) {
			bestdist = dist;
			best = i;
		}
	}
	rr->next = (in->si_path[best].sp_turn + 1) % ILNP_PATHS_MAX;
	return (1U << best);
}

const struct ilnp_sel_alg ilnp_sel_rr = {
	.sa_name = "rr",
	.sa_text = "each packet takes the next path",
	.sa_spreads = true,
	.sa_privsize = sizeof(struct rr_priv),
	.sa_reset = reset_rr,
	.sa_pick = pick_rr,
};
