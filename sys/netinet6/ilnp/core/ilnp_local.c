/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Keeps our own identifiers and locators.  Never talks to anybody: sessions
 * notice by the generation that something has changed.
 */
#include "ilnp_local.h"
#include "ilnp_addr.h"

struct ilnp_nidset *
ilnp_nidset_alloc(uint32_t max)
{
	struct ilnp_nidset *set;
	uint32_t places = 2;

	/* Half of them stay free, so that what is not there is seen soon. */
	while (places < 2 * max)
		places *= 2;
	set = ilnp_env_alloc(sizeof(*set) + places * sizeof(set->ns_nid[0]));
	if (set != NULL) {
		set->ns_max = max;
		set->ns_mask = places - 1;
	}
	return (set);
}

void
ilnp_nidset_free(struct ilnp_nidset *set)
{
	if (set != NULL)
		ilnp_env_free(set, sizeof(*set) +
		    (set->ns_mask + 1) * sizeof(set->ns_nid[0]));
}

bool
ilnp_nidset_put(struct ilnp_nidset *set, struct ilnp_nid nid)
{
	uint32_t i = (uint32_t)nid.nid & set->ns_mask;

	if (nid.nid == 0 || set->ns_n == set->ns_max ||
	    ilnp_nidset_has(set, nid))
		return (false);
	while (set->ns_nid[i].nid != 0)
		i = (i + 1) & set->ns_mask;
	set->ns_nid[i] = nid;
	set->ns_n++;
	return (true);
}

void
ilnp_local_init(struct ilnp_local *lo)
{
	memset(lo, 0, sizeof(*lo));
	ilnp_lock_init(&lo->lo_lock, "ilnp locset", ILNP_RANK_LOCSET);
	lo->lo_gen = 1;
}

void
ilnp_local_destroy(struct ilnp_local *lo)
{
	ilnp_lock_destroy(&lo->lo_lock);
}

static void
next_generation(struct ilnp_local *lo, ilnp_time_t now)
{
	ILNP_LOCK_ASSERT(&lo->lo_lock);
	lo->lo_changed = now;
	ilnp_store_32(&lo->lo_gen, lo->lo_gen + 1);
}

int
ilnp_local_nid_add(struct ilnp_local *lo, struct ilnp_nid nid)
{
	int error = 0;

	if (!ilnp_nid_usable(nid))
		return (EINVAL);
	ilnp_lock(&lo->lo_lock);
	for (u_int i = 0; i < lo->lo_nnids; i++)
		if (ilnp_nid_eq(lo->lo_nid[i], nid))
			error = EEXIST;
	if (error == 0 && lo->lo_nnids == ILNP_NIDS_MAX)
		error = ENOSPC;
	if (error == 0)
		lo->lo_nid[lo->lo_nnids++] = nid;
	ilnp_unlock(&lo->lo_lock);
	return (error);
}

int
ilnp_local_nid_del(struct ilnp_local *lo, struct ilnp_nid nid)
{
	int error = ENOENT;

	ilnp_lock(&lo->lo_lock);
	for (u_int i = 0; i < lo->lo_nnids; i++) {
		if (!ilnp_nid_eq(lo->lo_nid[i], nid))
			continue;
		lo->lo_nid[i] = lo->lo_nid[--lo->lo_nnids];
		error = 0;
		break;
	}
	ilnp_unlock(&lo->lo_lock);
	return (error);
}

bool
ilnp_local_nid_is(struct ilnp_local *lo, struct ilnp_nid nid)
{
	bool found = false;

	ilnp_lock(&lo->lo_lock);
	for (u_int i = 0; i < lo->lo_nnids; i++)
		found |= ilnp_nid_eq(lo->lo_nid[i], nid);
	if (!found && lo->lo_ephemeral != NULL)
		found = ilnp_nidset_has(lo->lo_ephemeral, nid);
	ilnp_unlock(&lo->lo_lock);
	return (found);
}

void
ilnp_local_ephemeral(struct ilnp_local *lo, const struct ilnp_nidset *set)
{
	ilnp_lock(&lo->lo_lock);
	lo->lo_ephemeral = set;
	ilnp_unlock(&lo->lo_lock);
}

int
ilnp_local_put(struct ilnp_local *lo, struct ilnp_l64 l64, uint32_t ifhandle,
    uint16_t pref, uint32_t weight, uint32_t life, ilnp_time_t now)
{
	struct ilnp_loc *l;
	bool changed;
	uint8_t flags = 0;

	if (!ilnp_l64_usable(l64) || weight == 0)
		return (-1);
	ilnp_lock(&lo->lo_lock);
	l = ilnp_locset_find(&lo->lo_set, l64);
	/* Full of locators of ours: none gives way, unlike a peer's. */
	if (l == NULL && lo->lo_set.ls_n == ILNP_LOCS_MAX) {
		ilnp_unlock(&lo->lo_lock);
		return (-1);
	}
	changed = l == NULL || l->l_pref != pref || l->l_if != ifhandle ||
	    l->l_state == ILNP_LOC_AGED ||
	    lo->lo_weight[l - lo->lo_set.ls_loc] != weight;
	if (l != NULL)
		flags = l->l_flags & ILNP_LOC_F_WITHDRAWN;
	l = ilnp_locset_put(&lo->lo_set, l64, pref, life, flags, now);
	l->l_if = ifhandle;
	lo->lo_weight[l - lo->lo_set.ls_loc] = weight;
	if (changed)
		next_generation(lo, now);
	ilnp_unlock(&lo->lo_lock);
	return (changed ? 1 : 0);
}

int
ilnp_local_del(struct ilnp_local *lo, struct ilnp_l64 l64, ilnp_time_t now)
{
	struct ilnp_loc *l;
	bool changed;

	ilnp_lock(&lo->lo_lock);
	l = ilnp_locset_find(&lo->lo_set, l64);
	if (l == NULL) {
		ilnp_unlock(&lo->lo_lock);
		return (ENOENT);
	}
	/* One that was disabled or aged was not announced any more. */
	changed = ilnp_loc_sendable(l);
	lo->lo_weight[l - lo->lo_set.ls_loc] =
	    lo->lo_weight[lo->lo_set.ls_n - 1];
	ilnp_locset_del(&lo->lo_set, l64);
	if (changed)
		next_generation(lo, now);
	ilnp_unlock(&lo->lo_lock);
	return (0);
}

int
ilnp_local_disable(struct ilnp_local *lo, struct ilnp_l64 l64, bool disable,
    ilnp_time_t now)
{
	struct ilnp_loc *l;
	int error = 0;

	ilnp_lock(&lo->lo_lock);
	l = ilnp_locset_find(&lo->lo_set, l64);
	if (l == NULL)
		error = ENOENT;
	else if (((l->l_flags & ILNP_LOC_F_WITHDRAWN) != 0) == disable)
		error = EALREADY;
	else {
		l->l_flags ^= ILNP_LOC_F_WITHDRAWN;
		next_generation(lo, now);
	}
	ilnp_unlock(&lo->lo_lock);
	return (error);
}

void
ilnp_local_touch(struct ilnp_local *lo, struct ilnp_l64 l64, ilnp_time_t now)
{
	struct ilnp_loc *l;

	ilnp_lock(&lo->lo_lock);
	l = ilnp_locset_find(&lo->lo_set, l64);
	if (l != NULL)
		ilnp_loc_touch(l, now);
	ilnp_unlock(&lo->lo_lock);
}

bool
ilnp_local_age(struct ilnp_local *lo, ilnp_time_t now, uint32_t busy)
{
	struct ilnp_locset *ls = &lo->lo_set;
	bool changed = false;

	ilnp_lock(&lo->lo_lock);
	/*
	 * A disabled locator of ours stays until the edge deletes it, and one
	 * whose lifetime is over is not sent from, in use or not: the router
	 * no longer stands behind it.
	 */
	for (u_int i = 0; i < ls->ls_n; i++) {
		struct ilnp_loc *l = &ls->ls_loc[i];
		uint32_t clock = ilnp_loc_clock(now);
		bool used = ilnp_loc_idle(l, now) <= busy;

		if (l->l_until != 0 && clock >= l->l_until) {
			changed |= l->l_state != ILNP_LOC_AGED;
			l->l_state = ILNP_LOC_AGED;
		} else
			l->l_state = used ? ILNP_LOC_ACTIVE : ILNP_LOC_VALID;
	}
	if (changed)
		next_generation(lo, now);
	ilnp_unlock(&lo->lo_lock);
	return (changed);
}

bool
ilnp_local_sends(struct ilnp_local *lo, struct ilnp_l64 l64)
{
	const struct ilnp_loc *l;
	bool sends;

	ilnp_lock(&lo->lo_lock);
	l = ilnp_locset_find(&lo->lo_set, l64);
	sends = l != NULL && ilnp_loc_sendable(l);
	ilnp_unlock(&lo->lo_lock);
	return (sends);
}

u_int
ilnp_local_snapshot(struct ilnp_local *lo,
    struct ilnp_localloc out[ILNP_LOCS_MAX], uint32_t *gen)
{
	u_int n = 0;

	ilnp_lock(&lo->lo_lock);
	for (u_int i = 0; i < lo->lo_set.ls_n; i++) {
		const struct ilnp_loc *l = &lo->lo_set.ls_loc[i];

		if (!ilnp_loc_sendable(l))
			continue;
		out[n].ll_l64 = l->l_l64;
		out[n].ll_if = l->l_if;
		out[n].ll_pref = l->l_pref;
		out[n].ll_weight = lo->lo_weight[i];
		n++;
	}
	*gen = lo->lo_gen;
	ilnp_unlock(&lo->lo_lock);
	return (n);
}

void
ilnp_local_list(struct ilnp_local *lo, struct ilnp_locset *out)
{
	ilnp_lock(&lo->lo_lock);
	*out = lo->lo_set;
	ilnp_unlock(&lo->lo_lock);
}

void
ilnp_local_advert(struct ilnp_local *lo, uint32_t life, struct ilnp_advert *ad)
{
	memset(ad, 0, sizeof(*ad));
	ilnp_lock(&lo->lo_lock);
	for (u_int i = 0; i < lo->lo_set.ls_n; i++) {
		const struct ilnp_loc *l = &lo->lo_set.ls_loc[i];

		if (!ilnp_loc_sendable(l))
			continue;
		ad->ad_rec[ad->ad_n].lr_l64 = l->l_l64;
		ad->ad_rec[ad->ad_n].lr_pref = l->l_pref;
		ad->ad_rec[ad->ad_n].lr_life = life;
		ad->ad_n++;
	}
	ad->ad_gen = lo->lo_gen;
	ilnp_unlock(&lo->lo_lock);
}
