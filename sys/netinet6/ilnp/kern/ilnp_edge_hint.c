/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Correspondents that are known to speak ILNP before the first packet is sent.
 * A hint lets connect(2) try; it never touches a session that exists.
 */
#include "ilnp_edge.h"

#include "../core/ilnp_addr.h"

static struct ilnp_hint *
find_hint(struct ilnp_edge *e, struct ilnp_nid nid)
{
	mtx_assert(&e->e_hintlock, MA_OWNED);
	for (u_int i = 0; i < ILNP_HINTS_MAX; i++)
		if (ilnp_nid_eq(e->e_hint[i].h_nid, nid))
			return (&e->e_hint[i]);
	return (NULL);
}

static bool
is_over(const struct ilnp_hint *h, ilnp_time_t now)
{
	return (h->h_until != 0 && ilnp_loc_clock(now) >= h->h_until);
}

int
ilnp_hint_put(struct ilnp_edge *e, struct ilnp_nid nid,
    const struct ilnp_lurec *rec, u_int n, ilnp_time_t now)
{
	struct ilnp_hint *h;
	uint32_t life = 0;

	if (!ilnp_nid_usable(nid) || n == 0 || n > ILNP_LOCS_MAX)
		return (EINVAL);
	for (u_int i = 0; i < n; i++) {
		if (!ilnp_l64_usable(rec[i].lr_l64))
			return (EINVAL);
		if (rec[i].lr_life > life)
			life = rec[i].lr_life;
	}
	mtx_lock(&e->e_hintlock);
	h = find_hint(e, nid);
	for (u_int i = 0; h == NULL && i < ILNP_HINTS_MAX; i++)
		if (e->e_hint[i].h_nid.nid == 0 || is_over(&e->e_hint[i], now))
			h = &e->e_hint[i];
	if (h == NULL) {
		mtx_unlock(&e->e_hintlock);
		return (ENOSPC);
	}
	h->h_nid = nid;
	h->h_until = life == 0 ? 0 : ilnp_loc_clock(now) + life;
	h->h_n = n;
	memcpy(h->h_rec, rec, n * sizeof(*rec));
	mtx_unlock(&e->e_hintlock);
	return (0);
}

int
ilnp_hint_del(struct ilnp_edge *e, struct ilnp_nid nid)
{
	struct ilnp_hint *h;

	if (nid.nid == 0)
		return (EINVAL);
	mtx_lock(&e->e_hintlock);
	h = find_hint(e, nid);
	if (h != NULL)
		memset(h, 0, sizeof(*h));
	mtx_unlock(&e->e_hintlock);
	return (h != NULL ? 0 : ENOENT);
}

u_int
ilnp_hint_get(struct ilnp_edge *e, struct ilnp_nid nid, ilnp_time_t now,
    struct ilnp_lurec out[ILNP_LOCS_MAX])
{
	struct ilnp_hint *h;
	u_int n = 0;

	if (nid.nid == 0)
		return (0);
	mtx_lock(&e->e_hintlock);
	h = find_hint(e, nid);
	if (h != NULL && !is_over(h, now)) {
		n = h->h_n;
		memcpy(out, h->h_rec, n * sizeof(*out));
	}
	mtx_unlock(&e->e_hintlock);
	return (n);
}

bool
ilnp_hint_known(const struct ilnp_edge *e, struct ilnp_nid nid)
{
	bool known = false;

	for (u_int i = 0; i < ILNP_HINTS_MAX && !known; i++)
		known = __atomic_load_n(&e->e_hint[i].h_nid.nid,
		    __ATOMIC_RELAXED) == nid.nid;
	return (known);
}

bool
ilnp_hint_at(struct ilnp_edge *e, u_int i, struct ilnp_hint *out)
{
	mtx_lock(&e->e_hintlock);
	*out = e->e_hint[i];
	mtx_unlock(&e->e_hintlock);
	return (out->h_nid.nid != 0);
}
