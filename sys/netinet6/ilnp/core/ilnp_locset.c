/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Keeps the locators of one node.  Never decides which one a packet takes.
 */
#include "ilnp_locset.h"
#include "ilnp_addr.h"

_Static_assert(sizeof(struct ilnp_loc) == 24, "a million correspondents fit");

/* How readily a locator gives up its place; 0 = never. */
static u_int
dispensable(const struct ilnp_loc *l)
{
	if (l->l_state == ILNP_LOC_AGED)
		return (3);
	if ((l->l_flags & (ILNP_LOC_F_WITHDRAWN | ILNP_LOC_F_SOUGHT)) != 0)
		return (2);
	return ((l->l_flags & ILNP_LOC_F_LEARNT) != 0 ? 1 : 0);
}

static struct ilnp_loc *
make_room(struct ilnp_locset *ls, uint8_t flags)
{
	struct ilnp_loc *victim = NULL;

	if (ls->ls_n < ILNP_LOCS_MAX)
		return (&ls->ls_loc[ls->ls_n++]);
	for (u_int i = 0; i < ls->ls_n; i++) {
		struct ilnp_loc *l = &ls->ls_loc[i];
		u_int d = dispensable(l);

		/*
		 * One learnt from a packet never displaces another, nor does
		 * one that only names know.
		 */
		if (d < 2 && (d == 0 || (flags & (ILNP_LOC_F_LEARNT |
		    ILNP_LOC_F_SOUGHT)) != 0))
			continue;
		if (victim == NULL || d > dispensable(victim))
			victim = l;
	}
	return (victim);
}

struct ilnp_loc *
ilnp_locset_put(struct ilnp_locset *ls, struct ilnp_l64 l64, uint16_t pref,
    uint32_t life, uint8_t flags, ilnp_time_t now)
{
	struct ilnp_loc *l = ilnp_locset_find(ls, l64);

	if (l == NULL) {
		l = make_room(ls, flags);
		if (l == NULL)
			return (NULL);
		memset(l, 0, sizeof(*l));
		l->l_l64 = l64;
	}
	l->l_pref = pref;
	l->l_flags = flags;
	l->l_until = 0;
	if (life != 0) {
		uint32_t start = ilnp_loc_clock(now);

		l->l_until = life > UINT32_MAX - start ? 0 : start + life;
	}
	if (l->l_state == ILNP_LOC_EXPIRED)
		l->l_state = ILNP_LOC_ACTIVE;
	else if (l->l_state == ILNP_LOC_AGED)
		l->l_state = ILNP_LOC_VALID;
	return (l);
}

void
ilnp_locset_del(struct ilnp_locset *ls, struct ilnp_l64 l64)
{
	struct ilnp_loc *l = ilnp_locset_find(ls, l64);

	if (l != NULL)
		*l = ls->ls_loc[--ls->ls_n];
}

bool
ilnp_locset_age(struct ilnp_locset *ls, ilnp_time_t now, uint32_t busy)
{
	uint32_t clock = ilnp_loc_clock(now);
	bool changed = false;

	for (u_int i = 0; i < ls->ls_n;) {
		struct ilnp_loc *l = &ls->ls_loc[i];
		bool past = l->l_until != 0 && clock >= l->l_until;
		bool used = ilnp_loc_idle(l, now) <= busy;
		bool was = ilnp_loc_sendable(l);

		if (past && (l->l_flags & ILNP_LOC_F_WITHDRAWN) != 0) {
			*l = ls->ls_loc[--ls->ls_n];
			continue;
		}
		if (past)
			l->l_state = used ? ILNP_LOC_EXPIRED : ILNP_LOC_AGED;
		else
			l->l_state = used ? ILNP_LOC_ACTIVE : ILNP_LOC_VALID;
		changed |= was != ilnp_loc_sendable(l);
		i++;
	}
	return (changed);
}

/*
 * Picks the best `max' usable records, best first, equal ones in the order of
 * the message; a locator named twice counts once, with its better preference.
 */
static u_int
pick_records(const struct ilnp_lu *lu, u_int max, struct ilnp_lurec *best)
{
	u_int n = 0;

	for (u_int i = 0; i < lu->lu_count; i++) {
		struct ilnp_lurec rec = ilnp_lu_rec(lu, i);
		u_int at, dup;

		if (!ilnp_l64_usable(rec.lr_l64) || rec.lr_life == 0)
			continue;
		if (rec.lr_pref > UINT16_MAX)
			rec.lr_pref = UINT16_MAX;
		for (dup = 0; dup < n; dup++)
			if (ilnp_l64_eq(best[dup].lr_l64, rec.lr_l64))
				break;
		if (dup < n) {
			if (best[dup].lr_pref <= rec.lr_pref)
				continue;
			for (; dup + 1 < n; dup++)
				best[dup] = best[dup + 1];
			n--;
		}
		for (at = n; at > 0 && best[at - 1].lr_pref > rec.lr_pref; at--)
			if (at < max)
				best[at] = best[at - 1];
		if (at < max) {
			best[at] = rec;
			if (n < max)
				n++;
		}
	}
	return (n);
}

int
ilnp_locset_replace(struct ilnp_locset *ls, const struct ilnp_lu *lu,
    u_int max, uint32_t retain, ilnp_time_t now, bool *changed)
{
	struct ilnp_lurec best[ILNP_LOCS_MAX];
	struct ilnp_locset old = *ls;
	u_int n;

	if (max > ILNP_LOCS_MAX)
		max = ILNP_LOCS_MAX;
	n = pick_records(lu, max, best);
	if (n == 0)
		return (EADDRNOTAVAIL);

	*changed = false;
	ls->ls_n = 0;
	for (u_int i = 0; i < n; i++) {
		const struct ilnp_loc *was = ilnp_locset_find(&old,
		    best[i].lr_l64);
		struct ilnp_loc *l = &ls->ls_loc[ls->ls_n++];
		uint8_t flags = was == NULL ? ILNP_LOC_F_UNPROVEN :
		    was->l_flags & ILNP_LOC_F_UNPROVEN;

		if (was != NULL)
			*l = *was;
		else
			memset(l, 0, sizeof(*l));
		*changed |= was == NULL || !ilnp_loc_sendable(was) ||
		    was->l_pref != best[i].lr_pref;
		l->l_l64 = best[i].lr_l64;
		(void)ilnp_locset_put(ls, l->l_l64, (uint16_t)best[i].lr_pref,
		    best[i].lr_life, flags, now);
	}
	/* Withdrawn ones keep the free places; with a nonce they still count. */
	for (u_int i = 0; i < old.ls_n; i++) {
		const struct ilnp_loc *was = &old.ls_loc[i];

		if (ilnp_locset_find(ls, was->l_l64) != NULL)
			continue;
		*changed |= ilnp_loc_sendable(was);
		if (retain == 0 || ls->ls_n == ILNP_LOCS_MAX)
			continue;
		ls->ls_loc[ls->ls_n] = *was;
		if ((was->l_flags & ILNP_LOC_F_WITHDRAWN) == 0) {
			/* Whoever is there is still none that we know. */
			ls->ls_loc[ls->ls_n].l_flags = ILNP_LOC_F_WITHDRAWN |
			    (was->l_flags & (ILNP_LOC_F_UNPROVEN |
			    ILNP_LOC_F_SOUGHT));
			ls->ls_loc[ls->ls_n].l_until =
			    ilnp_loc_clock(now) + retain;
		}
		ls->ls_n++;
	}
	return (0);
}
