/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Correspondents that are known to speak ILNP before the first packet is sent.
 * A hint lets connect(2) try; it never touches a session that exists.
 *
 * The administrator's hints stand.  Those of look-ups are candidates: anybody
 * may teach one, so they are bounded in number, in time and in effect, and a
 * NID belongs to the name that taught it first until its lifetime ends.
 */
#include "ilnp_edge.h"

#include "../core/ilnp_addr.h"

#define	CANDS_MAX	192	/* in all; the rest is the administrator's */
#define	CANDS_UID_MAX	32	/* of one user */
#define	CAND_LIFE_MAX	3600	/* s, whatever the name server says */
#define	CAND_WINDOW	5	/* s; a program may take so long to connect */

/* Which bit of e_hintbits stands for a NID. */
static u_int
bit_of(struct ilnp_nid nid)
{
	return ((u_int)(nid.nid * 0x9e3779b97f4a7c15 >> 54));
}

_Static_assert(ILNP_HINTBITS * 32 == 1 << 10, "bit_of");

/* Allocates the table the first time that it is needed.  May sleep. */
static void
need_table(struct ilnp_edge *e)
{
	struct ilnp_hint *table;

	if (ilnp_load_ptr(&e->e_hint) != NULL)
		return;
	table = malloc(ILNP_HINTS_MAX * sizeof(*table), M_ILNP,
	    M_WAITOK | M_ZERO);
	mtx_lock(&e->e_hintlock);
	if (e->e_hint == NULL) {
		ilnp_store_ptr(&e->e_hint, table);
		table = NULL;
	}
	mtx_unlock(&e->e_hintlock);
	free(table, M_ILNP);
}

void
ilnp_hint_free(struct ilnp_edge *e)
{
	free(e->e_hint, M_ILNP);
	e->e_hint = NULL;
}

static struct ilnp_hint *
find_hint(struct ilnp_edge *e, struct ilnp_nid nid)
{
	mtx_assert(&e->e_hintlock, MA_OWNED);
	for (u_int i = 0; e->e_hint != NULL && i < ILNP_HINTS_MAX; i++)
		if (ilnp_nid_eq(e->e_hint[i].h_nid, nid))
			return (&e->e_hint[i]);
	return (NULL);
}

/* Readers without the lock may see a hint that is just going, or miss one. */
static void
note_bits(struct ilnp_edge *e)
{
	uint32_t bits[ILNP_HINTBITS] = { 0 };

	mtx_assert(&e->e_hintlock, MA_OWNED);
	for (u_int i = 0; i < ILNP_HINTS_MAX; i++) {
		u_int bit = bit_of(e->e_hint[i].h_nid);

		if (e->e_hint[i].h_nid.nid != 0)
			bits[bit / 32] |= 1U << bit % 32;
	}
	for (u_int i = 0; i < ILNP_HINTBITS; i++)
		ilnp_store_32(&e->e_hintbits[i], bits[i]);
}

static bool
is_over(const struct ilnp_hint *h, ilnp_time_t now)
{
	return (h->h_until != 0 && ilnp_loc_clock(now) >= h->h_until);
}

/* A candidate stays while a session that it has opened lives. */
static bool
is_free(const struct ilnp_hint *h, ilnp_time_t now)
{
	return (h->h_nid.nid == 0 || (!h->h_open && is_over(h, now)));
}

static bool
is_candidate(const struct ilnp_hint *h)
{
	return (h->h_nid.nid != 0 && h->h_name[0] != '\0');
}

static u_int
count_of(const struct ilnp_edge *e, uid_t uid)
{
	u_int n = 0;

	for (u_int i = 0; i < ILNP_HINTS_MAX; i++)
		n += is_candidate(&e->e_hint[i]) && e->e_hint[i].h_uid == uid;
	return (n);
}

/* The candidate of a user that is the least loss. */
static struct ilnp_hint *
oldest_of(struct ilnp_edge *e, uid_t uid)
{
	struct ilnp_hint *old = NULL;

	for (u_int i = 0; i < ILNP_HINTS_MAX; i++) {
		struct ilnp_hint *h = &e->e_hint[i];

		if (is_candidate(h) && h->h_uid == uid && (old == NULL ||
		    (old->h_open && !h->h_open) ||
		    (old->h_open == h->h_open && h->h_born < old->h_born)))
			old = h;
	}
	return (old);
}

static uid_t
heaviest(const struct ilnp_edge *e)
{
	uid_t uid = 0;
	u_int most = 0;

	for (u_int i = 0; i < ILNP_HINTS_MAX; i++) {
		const struct ilnp_hint *h = &e->e_hint[i];
		u_int n = is_candidate(h) ? count_of(e, h->h_uid) : 0;

		if (n > most) {
			most = n;
			uid = h->h_uid;
		}
	}
	return (uid);
}

/* A place for a candidate, or NULL if the administrator has taken all. */
static struct ilnp_hint *
make_room(struct ilnp_edge *e, uid_t uid, ilnp_time_t now)
{
	struct ilnp_hint *room = NULL;
	u_int all = 0;

	for (u_int i = 0; i < ILNP_HINTS_MAX; i++) {
		struct ilnp_hint *h = &e->e_hint[i];

		if (is_free(h, now))
			memset(h, 0, sizeof(*h));
		if (h->h_nid.nid == 0 && room == NULL)
			room = h;
		all += is_candidate(h);
	}
	if (count_of(e, uid) >= CANDS_UID_MAX)
		return (oldest_of(e, uid));
	if (all >= CANDS_MAX || room == NULL)
		return (oldest_of(e, heaviest(e)));
	return (room);
}

static int
check_records(struct ilnp_nid nid, const struct ilnp_lurec *rec, u_int n)
{
	if (!ilnp_nid_usable(nid) || n == 0 || n > ILNP_LOCS_MAX)
		return (EINVAL);
	for (u_int i = 0; i < n; i++)
		if (!ilnp_l64_usable(rec[i].lr_l64))
			return (EINVAL);
	return (0);
}

int
ilnp_hint_put(struct ilnp_edge *e, struct ilnp_nid nid,
    const struct ilnp_lurec *rec, u_int n, ilnp_time_t now)
{
	struct ilnp_hint *h;
	uint32_t life = 0;
	int error = check_records(nid, rec, n);

	if (error != 0)
		return (error);
	for (u_int i = 0; i < n; i++)
		if (rec[i].lr_life > life)
			life = rec[i].lr_life;
	need_table(e);
	mtx_lock(&e->e_hintlock);
	h = find_hint(e, nid);
	for (u_int i = 0; h == NULL && i < ILNP_HINTS_MAX; i++)
		if (is_free(&e->e_hint[i], now))
			h = &e->e_hint[i];
	if (h == NULL) {
		mtx_unlock(&e->e_hintlock);
		return (ENOSPC);
	}
	memset(h, 0, sizeof(*h));
	h->h_nid = nid;
	h->h_until = life == 0 ? 0 : ilnp_loc_clock(now) + life;
	h->h_n = n;
	memcpy(h->h_rec, rec, n * sizeof(*rec));
	note_bits(e);
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
	if (h != NULL) {
		memset(h, 0, sizeof(*h));
		note_bits(e);
	}
	mtx_unlock(&e->e_hintlock);
	return (h != NULL ? 0 : ENOENT);
}

static bool
same_locators(const struct ilnp_hint *h, const struct ilnp_lurec *rec, u_int n)
{
	for (u_int i = 0; i < n; i++) {
		bool found = false;

		for (u_int k = 0; k < h->h_n; k++)
			found = found || ilnp_l64_eq(h->h_rec[k].lr_l64,
			    rec[i].lr_l64);
		if (!found)
			return (false);
	}
	return (n == h->h_n);
}

/* Starts a lifetime: the least of the locators', within our bounds. */
static void
set_life(struct ilnp_hint *h, const struct ilnp_lurec *rec, u_int n,
    ilnp_time_t now)
{
	uint32_t life = CAND_LIFE_MAX;

	for (u_int i = 0; i < n; i++)
		if (rec[i].lr_life < life)
			life = rec[i].lr_life;
	h->h_once = life == 0;
	for (u_int i = 0; i < h->h_n; i++)
		h->h_rec[i].lr_life = life;
	h->h_until = ilnp_loc_clock(now) +
	    (life < CAND_WINDOW ? CAND_WINDOW : life);
}

static void
set_locators(struct ilnp_hint *h, const struct ilnp_lurec *rec, u_int n,
    ilnp_time_t now)
{
	h->h_n = n;
	memcpy(h->h_rec, rec, n * sizeof(*rec));
	set_life(h, rec, n, now);
}

int
ilnp_hint_offer(struct ilnp_edge *e, const struct ilnp_offer *o,
    ilnp_time_t now)
{
	bool live, mine, same, named;
	struct ilnp_hint *h;
	int error = check_records(o->of_nid, o->of_rec, o->of_n);

	if (error != 0)
		return (error);
	need_table(e);
	mtx_lock(&e->e_hintlock);
	h = find_hint(e, o->of_nid);
	live = h != NULL && !is_free(h, now);
	if (live && !is_candidate(h)) {
		/* The administrator's word stands; to follow it is all right. */
		mtx_unlock(&e->e_hintlock);
		return (0);
	}
	mine = live && (o->of_root || (!h->h_root && o->of_uid == h->h_uid));
	same = live && same_locators(h, o->of_rec, o->of_n);
	named = live && strcasecmp(h->h_name, o->of_name) == 0;
	if (live && named && !same)
		h->h_ask = true;
	if (live && ((named && (mine || same)) || (mine && same))) {
		h->h_root = h->h_root || (o->of_root && named);
		/* Preferences stay those of who taught it first. */
		if (mine)
			set_locators(h, o->of_rec, o->of_n, now);
		else
			set_life(h, o->of_rec, o->of_n, now);
	} else if (live && !o->of_root)
		error = named ? EBUSY : EEXIST;
	else {
		if (h == NULL)
			h = make_room(e, o->of_uid, now);
		if (h == NULL) {
			mtx_unlock(&e->e_hintlock);
			return (ENOSPC);
		}
		memset(h, 0, sizeof(*h));
		h->h_nid = o->of_nid;
		h->h_uid = o->of_uid;
		h->h_root = o->of_root;
		h->h_born = ilnp_loc_clock(now);
		(void)strlcpy(h->h_name, o->of_name, sizeof(h->h_name));
		set_locators(h, o->of_rec, o->of_n, now);
		note_bits(e);
	}
	mtx_unlock(&e->e_hintlock);
	return (error);
}

int
ilnp_hint_answer(struct ilnp_edge *e, const struct ilnp_offer *o,
    ilnp_time_t now)
{
	struct ilnp_hint *h;
	int error = check_records(o->of_nid, o->of_rec, o->of_n);

	if (error != 0)
		return (error);
	mtx_lock(&e->e_hintlock);
	h = find_hint(e, o->of_nid);
	if (h == NULL || !is_candidate(h) ||
	    strcasecmp(h->h_name, o->of_name) != 0)
		error = ENOENT;
	else
		set_locators(h, o->of_rec, o->of_n, now);
	mtx_unlock(&e->e_hintlock);
	return (error);
}

u_int
ilnp_hint_get(struct ilnp_edge *e, struct ilnp_nid nid, ilnp_time_t now,
    struct ilnp_lurec out[ILNP_LOCS_MAX], bool *trusted)
{
	struct ilnp_hint *h;
	u_int n = 0;

	if (nid.nid == 0 || !ilnp_hint_known(e, nid))
		return (0);
	mtx_lock(&e->e_hintlock);
	h = find_hint(e, nid);
	if (h != NULL && !is_over(h, now)) {
		n = h->h_n;
		memcpy(out, h->h_rec, n * sizeof(*out));
		/* Of no end; the core takes 0 for a name's, good once. */
		for (u_int i = 0; !is_candidate(h) && i < n; i++)
			if (out[i].lr_life == 0)
				out[i].lr_life = UINT32_MAX;
		*trusted = !is_candidate(h);
	}
	mtx_unlock(&e->e_hintlock);
	return (n);
}

void
ilnp_hint_opened(struct ilnp_edge *e, struct ilnp_nid nid, ilnp_time_t now)
{
	struct ilnp_hint *h;

	mtx_lock(&e->e_hintlock);
	h = find_hint(e, nid);
	if (h != NULL && is_candidate(h)) {
		h->h_open = true;
		h->h_busy = ilnp_loc_clock(now);
		if (h->h_once)
			h->h_until = h->h_busy;
	}
	mtx_unlock(&e->e_hintlock);
}

bool
ilnp_hint_known(const struct ilnp_edge *e, struct ilnp_nid nid)
{
	u_int bit = bit_of(nid);

	return ((ilnp_load_32(&e->e_hintbits[bit / 32]) >> bit % 32 & 1) != 0);
}

bool
ilnp_hint_at(struct ilnp_edge *e, u_int i, struct ilnp_hint *out)
{
	memset(out, 0, sizeof(*out));
	mtx_lock(&e->e_hintlock);
	if (e->e_hint != NULL)
		*out = e->e_hint[i];
	mtx_unlock(&e->e_hintlock);
	return (out->h_nid.nid != 0);
}

void
ilnp_hint_looked(struct ilnp_edge *e, const struct ilnp_hint *seen)
{
	struct ilnp_hint *h;

	mtx_lock(&e->e_hintlock);
	h = find_hint(e, seen->h_nid);
	if (h != NULL && is_candidate(h)) {
		h->h_open = seen->h_open;
		h->h_busy = seen->h_busy;
		h->h_asked = seen->h_asked;
		h->h_txpkts = seen->h_txpkts;
		h->h_ask = false;
	}
	mtx_unlock(&e->e_hintlock);
}
