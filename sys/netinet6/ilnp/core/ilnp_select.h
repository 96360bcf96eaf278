/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Locator selection: which of the usable paths a packet takes.
 *
 * An algorithm is a constant table of functions plus a private area whose size
 * it declares; the framework owns memory, locks and the rule that only paths
 * of the best preference group that work are offered, so no algorithm can get
 * that wrong.  It sees plain numbers, never a packet or a socket.
 */
#ifndef _ILNP_SELECT_H_
#define	_ILNP_SELECT_H_

#include "ilnp_types.h"

/* Private areas are at most this long, so that a path set can embed one. */
#define	ILNP_SEL_PRIVMAX	(ILNP_PATHS_MAX * 8 + 16)

struct ilnp_sel_path {
	uint8_t		sp_slot;	/* place in the path set, stable */
	uint8_t		sp_turn;	/* place in the order of turns, rising */
	uint32_t	sp_weight;	/* at least 1 */
	uint32_t	sp_srtt;	/* us, 0 = not measured */
};

struct ilnp_sel_in {
	const struct ilnp_sel_path *si_path;
	u_int		si_n;		/* 1 to ILNP_PATHS_MAX */
	uint32_t	si_len;		/* octets of the packet */
	uint32_t	si_flow;	/* hash of the transport flow */
};

struct ilnp_sel_alg {
	const char	*sa_name;
	const char	*sa_text;	/* one sentence for the manual */
	size_t		sa_privsize;
	bool		sa_spreads;	/* packets of one flow take turns */

	/* The set of paths has changed, or the area is new and zero. */
	void		(*sa_reset)(void *priv);

	/* Returns a bit mask over the indices of si_path, not empty. */
	uint32_t	(*sa_pick)(void *priv, const struct ilnp_sel_in *);
};

extern const struct ilnp_sel_alg ilnp_sel_rr;
extern const struct ilnp_sel_alg ilnp_sel_drr;
extern const struct ilnp_sel_alg ilnp_sel_drr_paper;
extern const struct ilnp_sel_alg ilnp_sel_pref;
extern const struct ilnp_sel_alg ilnp_sel_weighted;
extern const struct ilnp_sel_alg ilnp_sel_sticky;
extern const struct ilnp_sel_alg ilnp_sel_redundant;

/* All algorithms, ended by NULL; the first is the default. */
extern const struct ilnp_sel_alg *const ilnp_sel_algs[];

/* Returns the algorithm of that name or NULL. */
const struct ilnp_sel_alg *ilnp_sel_lookup(const char *name);

#endif /* !_ILNP_SELECT_H_ */
