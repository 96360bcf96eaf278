/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Weighted sharing: octets in proportion to the weights of the paths.  The path
 * with the least work per weight is taken; work is kept relative to the least
 * of the paths on offer, so it neither overflows nor lets a path that was away
 * catch up in one burst.
 */
#include "../core/ilnp_select.h"

#define	SCALE	1024

struct weighted_priv {
	uint64_t	work[ILNP_PATHS_MAX];	/* octets * SCALE / weight */
	uint64_t	floor;			/* least work last time */
};

_Static_assert(sizeof(struct weighted_priv) <= ILNP_SEL_PRIVMAX,
    "fits a path set");

static void
reset_weighted(void *priv)
{
	struct weighted_priv *w = priv;

	for (u_int i = 0; i < ILNP_PATHS_MAX; i++)
		w->work[i] = 0;
	w->floor = 0;
}

static uint32_t
pick_weighted(void *priv, const struct ilnp_sel_in *in)
{
	struct weighted_priv *w = priv;
	u_int best = 0;
	uint64_t *mine;

	for (u_int i = 0; i < in->si_n; i++) {
		uint64_t *work = &w->work[in->si_path[i].sp_slot];

		if (*work < w->floor)
			*work = w->floor;
		if (*work < w->work[in->si_path[best].sp_slot])
			best = i;
	}
	mine = &w->work[in->si_path[best].sp_slot];
	w->floor = *mine;
	*mine += (uint64_t)in->si_len * SCALE / in->si_path[best].sp_weight;
	return (1U << best);
}

const struct ilnp_sel_alg ilnp_sel_weighted = {
	.sa_name = "weighted",
	.sa_text = "octets in proportion to the weights of the paths",
	.sa_spreads = true,
	.sa_privsize = sizeof(struct weighted_priv),
	.sa_reset = reset_weighted,
	.sa_pick = pick_weighted,
};
