/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Correspondents that are known to speak ILNP before the first packet is sent:
 * the table of core/ilnp_cand.h, one for each network stack that needs it.
 */
#include "ilnp_edge.h"

#define	PLACES		256
#define	CANDS_MAX	192	/* candidates in all; the rest is root's */
#define	CANDS_OWN	32	/* of one owner */

struct ilnp_cands *
ilnp_hint_table(struct ilnp_edge *e)
{
	struct ilnp_cands *cs = ilnp_load_ptr(&e->e_cands), *none = NULL;

	if (cs != NULL)
		return (cs);
	cs = ilnp_cands_alloc(PLACES, CANDS_MAX, CANDS_OWN);
	if (cs == NULL || __atomic_compare_exchange_n(&e->e_cands, &none, cs,
	    false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return (cs);
	/* Somebody else was quicker. */
	ilnp_cands_free(cs);
	return (none);
}

void
ilnp_hint_free(struct ilnp_edge *e)
{
	if (e->e_cands != NULL)
		ilnp_cands_free(e->e_cands);
	e->e_cands = NULL;
}

bool
ilnp_hint_known(const struct ilnp_edge *e, struct ilnp_nid nid)
{
	const struct ilnp_cands *cs = ilnp_load_ptr(&e->e_cands);

	return (cs != NULL && ilnp_cands_known(cs, nid));
}

int
ilnp_hint_put(struct ilnp_edge *e, struct ilnp_nid nid,
    const struct ilnp_lurec *rec, u_int n, ilnp_time_t now)
{
	struct ilnp_cands *cs = ilnp_hint_table(e);
	uint32_t life = 0;

	if (cs == NULL)
		return (ENOMEM);
	for (u_int i = 0; i < n; i++)
		if (rec[i].lr_life > life)
			life = rec[i].lr_life;
	return (ilnp_cands_put(cs, nid, rec, n, life == 0 ? 0 :
	    now + ILNP_SEC(life), now));
}

int
ilnp_hint_del(struct ilnp_edge *e, struct ilnp_nid nid)
{
	struct ilnp_cands *cs = ilnp_load_ptr(&e->e_cands);

	if (nid.nid == 0)
		return (EINVAL);
	return (cs != NULL ? ilnp_cands_del(cs, nid) : ENOENT);
}
