/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Redundant: every packet is sent on all of the best paths.
 */
#include "../core/ilnp_select.h"

static void
reset_nothing(void *priv)
{
	(void)priv;
}

static uint32_t
pick_redundant(void *priv, const struct ilnp_sel_in *in)
{
	(void)priv;
	return (in->si_n >= 32 ? UINT32_MAX : (1U << in->si_n) - 1);
}

const struct ilnp_sel_alg ilnp_sel_redundant = {
	.sa_name = "redundant",
	.sa_text = "every packet is sent on all paths",
	.sa_privsize = 0,
	.sa_reset = reset_nothing,
	.sa_pick = pick_redundant,
};
