/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Preference: the first of the best paths carries all, the rest wait.
 */
#include "../core/ilnp_select.h"

static void
reset_nothing(void *priv)
{
	(void)priv;
}

static uint32_t
pick_pref(void *priv, const struct ilnp_sel_in *in)
{
	u_int best = 0;

	(void)priv;
	for (u_int i = 1; i < in->si_n; i++)
		if (in->si_path[i].sp_slot < in->si_path[best].sp_slot)
			best = i;
	return (1U << best);
}

const struct ilnp_sel_alg ilnp_sel_pref = {
	.sa_name = "pref",
	.sa_text = "one path of the best preference carries everything",
	.sa_privsize = 0,
	.sa_reset = reset_nothing,
	.sa_pick = pick_pref,
};
