/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Deficit round robin over octets (Yanagida and Bhatti 2024, s4.4): the path
 * with the lowest score is taken and charged.  The rule of the paper charges
 * the taken path with the size and credits every other one with the size, so
 * the scores drift apart from zero with more than two paths; the drift-free
 * variant credits the others with what the taken one was charged, together.
 */
#include "../core/ilnp_select.h"

struct drr_priv {
	int64_t		score[ILNP_PATHS_MAX];	/* octets, by slot */
};

_Static_assert(sizeof(struct drr_priv) <= ILNP_SEL_PRIVMAX, "fits a path set");

static void
reset_drr(void *priv)
{
	struct drr_priv *d = priv;

	for (u_int i = 0; i < ILNP_PATHS_MAX; i++)
		d->score[i] = 0;
}

static u_int
lowest(const struct drr_priv *d, const struct ilnp_sel_in *in)
{
	u_int best = 0;

	for (u_int i = 1; i < in->si_n; i++)
		if (d->score[in->si_path[i].sp_slot] <
		    d->score[in->si_path[best].sp_slot])
			best = i;
	return (best);
}

static uint32_t
pick_drr(void *priv, const struct ilnp_sel_in *in)
{
	struct drr_priv *d = priv;
	u_int best = lowest(d, in);
	int64_t size = in->si_len;

	for (u_int i = 0; i < in->si_n; i++)
		d->score[in->si_path[i].sp_slot] += i == best ?
		    size * (int64_t)(in->si_n - 1) : -size;
	return (1U << best);
}

static uint32_t
pick_drr_paper(void *priv, const struct ilnp_sel_in *in)
{
	struct drr_priv *d = priv;
	u_int best = lowest(d, in);
	int64_t size = in->si_len;

	for (u_int i = 0; i < in->si_n; i++)
		d->score[in->si_path[i].sp_slot] += i == best ? size : -size;
	return (1U << best);
}

const struct ilnp_sel_alg ilnp_sel_drr = {
	.sa_name = "drr",
	.sa_text = "the path that has carried the fewest octets",
	.sa_spreads = true,
	.sa_privsize = sizeof(struct drr_priv),
	.sa_reset = reset_drr,
	.sa_pick = pick_drr,
};

const struct ilnp_sel_alg ilnp_sel_drr_paper = {
	.sa_name = "drr_paper",
	.sa_text = "as drr, with the scoring rule of the duality paper",
	.sa_spreads = true,
	.sa_privsize = sizeof(struct drr_priv),
	.sa_reset = reset_drr,
	.sa_pick = pick_drr_paper,
};
