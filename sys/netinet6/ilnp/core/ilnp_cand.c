/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Who may teach what.  The administrator's word stands, and that of his
 * programs replaces that of others.
 *
 * Places are found by a keyed hash of the NID, so nobody can choose NIDs that
 * share a chain; packets read whether a chain is empty without the lock.
 */
#include "ilnp_cand.h"
#include "ilnp_addr.h"

#define	CHAINS_BITS	10
#define	CHAINS		(1U << CHAINS_BITS)
#define	ASK_GAP		5	/* s, least time between two questions */
#define	VAIN_MAX	3	/* more do not matter */
#define	BUSY_FOR	ILNP_SEC(60)	/* how long a session counts as in use */

/* How many candidates somebody has; on_n is never 0. */
struct owner {
	uint64_t	on_id;		/* ilnp_owner_share() */
	u_int		on_n;
};

/* Locking key: (c) constant, (l) cs_lock. */
struct ilnp_cands {
	struct ilnp_lock cs_lock;	/* none is taken inside */
	uint64_t	cs_key[2];	/* (c) */
	u_int		cs_max;		/* (c) places */
	u_int		cs_most;	/* (c) candidates in all */
	u_int		cs_own;		/* (c) of one owner */
	u_int		cs_n;		/* (l) candidates */
	u_int		cs_nowners;	/* (l) */
	struct owner	*cs_owner;	/* (l) dense; room for cs_most */
	uint16_t	cs_chain[CHAINS];	/* (l) place + 1; 0: empty; peeked */
	struct ilnp_cand cs_place[];	/* (l) */
};

static size_t
size_of(u_int max)
{
	return (offsetof(struct ilnp_cands, cs_place) +
	    max * sizeof(struct ilnp_cand));
}

struct ilnp_cands *
ilnp_cands_alloc(u_int max, u_int cands, u_int own)
{
	struct ilnp_cands *cs;

	ILNP_ASSERT(max < UINT16_MAX && cands <= max && cands > 0);
	cs = ilnp_env_alloc(size_of(max));
	if (cs == NULL)
		return (NULL);
	cs->cs_owner = ilnp_env_alloc(cands * sizeof(*cs->cs_owner));
	if (cs->cs_owner == NULL) {
		ilnp_env_free(cs, size_of(max));
		return (NULL);
	}
	ilnp_lock_init(&cs->cs_lock, "ilnp names", ILNP_RANK_NAMES);
	ilnp_env_random(cs->cs_key, sizeof(cs->cs_key));
	cs->cs_max = max;
	cs->cs_most = cands;
	cs->cs_own = own;
	return (cs);
}

void
ilnp_cands_free(struct ilnp_cands *cs)
{
	ilnp_lock_destroy(&cs->cs_lock);
	ilnp_env_free(cs->cs_owner, cs->cs_most * sizeof(*cs->cs_owner));
	ilnp_env_free(cs, size_of(cs->cs_max));
}

u_int
ilnp_cands_max(const struct ilnp_cands *cs)
{
	return (cs->cs_max);
}

bool
ilnp_name_usable(const char *name)
{
	u_int len = 0;

	for (const char *c = name; *c != '\0'; c++)
		if (++len == ILNP_NAME_MAX ||
		    ((*c < 'a' || *c > 'z') && (*c < '0' || *c > '9') &&
		    *c != '-' && *c != '_' && *c != '.'))
			return (false);
	return (len > 0 && name[0] != '-');
}

bool
ilnp_cand_over(const struct ilnp_cand *ca, ilnp_time_t now)
{
	return (ca->ca_until != 0 && now >= ca->ca_until);
}

static bool
is_told(const struct ilnp_cand *ca)
{
	return (ca->ca_name[0] == '\0');
}

/* Nothing is lost with it: not remembered, and no session lives by it. */
static bool
is_spent(const struct ilnp_cand *ca, ilnp_time_t now)
{
	return (is_told(ca) ? ilnp_cand_over(ca, now) :
	    !ca->ca_open && now >= ca->ca_keep);
}

static u_int
chain_of(const struct ilnp_cands *cs, struct ilnp_nid nid)
{
	return ((u_int)(ilnp_place(cs->cs_key, &nid.nid, 1) >>
	    (64 - CHAINS_BITS)));
}

bool
ilnp_cands_known(const struct ilnp_cands *cs, struct ilnp_nid nid)
{
	return (ilnp_load_16(&cs->cs_chain[chain_of(cs, nid)]) != 0);
}

static struct ilnp_cand *
find(struct ilnp_cands *cs, struct ilnp_nid nid)
{
	u_int at = cs->cs_chain[chain_of(cs, nid)];

	ILNP_LOCK_ASSERT(&cs->cs_lock);
	while (at != 0 && !ilnp_nid_eq(cs->cs_place[at - 1].ca_nid, nid))
		at = cs->cs_place[at - 1].ca_next;
	return (at != 0 ? &cs->cs_place[at - 1] : NULL);
}

/* The entry of an owner, or the place behind the last one. */
static struct owner *
owner_of(struct ilnp_cands *cs, uint64_t id)
{
	const uint64_t share = ilnp_owner_share(id);
	struct owner *on = cs->cs_owner;

	while (on < &cs->cs_owner[cs->cs_nowners] && on->on_id != share)
		on++;
	return (on);
}

static void
count_one(struct ilnp_cands *cs, uint64_t id)
{
	struct owner *on = owner_of(cs, id);

	if (on == &cs->cs_owner[cs->cs_nowners]) {
		ILNP_ASSERT(cs->cs_nowners < cs->cs_most);
		cs->cs_nowners++;
		*on = (struct owner){ .on_id = ilnp_owner_share(id) };
	}
	on->on_n++;
	cs->cs_n++;
}

static void
uncount_one(struct ilnp_cands *cs, uint64_t id)
{
	struct owner *on = owner_of(cs, id);

	ILNP_ASSERT(on->on_n > 0);
	if (--on->on_n == 0)
		*on = cs->cs_owner[--cs->cs_nowners];
	cs->cs_n--;
}

/* Frees a place.  Readers without the lock may still see its chain. */
static void
drop(struct ilnp_cands *cs, struct ilnp_cand *ca)
{
	uint16_t *head = &cs->cs_chain[chain_of(cs, ca->ca_nid)];
	uint16_t at = (uint16_t)(ca - cs->cs_place + 1);

	if (*head == at)
		ilnp_store_16(head, ca->ca_next);
	else {
		struct ilnp_cand *prev = &cs->cs_place[*head - 1];

		while (prev->ca_next != at)
			prev = &cs->cs_place[prev->ca_next - 1];
		prev->ca_next = ca->ca_next;
	}
	if (!is_told(ca))
		uncount_one(cs, ca->ca_owner);
	memset(ca, 0, sizeof(*ca));
}

/* Gives a free place to a NID; the name of `o' and its owner, if there is one. */
static void
take(struct ilnp_cands *cs, struct ilnp_cand *ca, struct ilnp_nid nid,
    const struct ilnp_offer *o)
{
	uint16_t *head = &cs->cs_chain[chain_of(cs, nid)];

	ca->ca_nid = nid;
	ca->ca_next = *head;
	ilnp_store_16(head, (uint16_t)(ca - cs->cs_place + 1));
	if (o == NULL)
		return;
	for (u_int i = 0; o->of_name[i] != '\0'; i++)
		ca->ca_name[i] = o->of_name[i];
	ca->ca_owner = o->of_owner;
	ca->ca_root = o->of_root;
	count_one(cs, o->of_owner);
}

/* A free place, or NULL.  What is spent goes only for want of one. */
static struct ilnp_cand *
find_place(struct ilnp_cands *cs, ilnp_time_t now)
{
	struct ilnp_cand *spent = NULL;

	for (u_int i = 0; i < cs->cs_max; i++) {
		struct ilnp_cand *ca = &cs->cs_place[i];

		if (ca->ca_nid.nid == 0)
			return (ca);
		if (spent == NULL && is_spent(ca, now))
			spent = ca;
	}
	if (spent != NULL)
		drop(cs, spent);
	return (spent);
}

/* How much is lost with a candidate: a session's name, a correspondent, little. */
static u_int
worth(const struct ilnp_cand *ca, ilnp_time_t now)
{
	return (ca->ca_open ? 2 : ilnp_cand_over(ca, now) ? 0 : 1);
}

/*
 * Drops the candidate of an owner that is the least loss, and of several the
 * one that was renewed first.
 */
static struct ilnp_cand *
drop_least(struct ilnp_cands *cs, uint64_t owner, ilnp_time_t now)
{
	const uint64_t share = ilnp_owner_share(owner);
	struct ilnp_cand *old = NULL;
	u_int least = 0;

	for (u_int i = 0; i < cs->cs_max; i++) {
		struct ilnp_cand *ca = &cs->cs_place[i];
		u_int w = worth(ca, now);

		if (ca->ca_nid.nid != 0 && !is_told(ca) &&
		    ilnp_owner_share(ca->ca_owner) == share && (old == NULL || w < least ||
		    (w == least && ca->ca_keep < old->ca_keep))) {
			old = ca;
			least = w;
		}
	}
	ILNP_ASSERT(old != NULL);
	drop(cs, old);
	return (old);
}

/* Of those who have equally many, one that came late: so many drive out no one. */
static uint64_t
heaviest(const struct ilnp_cands *cs)
{
	const struct owner *most = &cs->cs_owner[0];

	for (u_int i = 1; i < cs->cs_nowners; i++)
		if (cs->cs_owner[i].on_n >= most->on_n)
			most = &cs->cs_owner[i];
	return (most->on_id);
}

/* A place for a candidate, or NULL if the administrator has taken all. */
static struct ilnp_cand *
make_room(struct ilnp_cands *cs, uint64_t owner, ilnp_time_t now)
{
	const struct owner *on = owner_of(cs, owner);
	struct ilnp_cand *ca;

	if (on < &cs->cs_owner[cs->cs_nowners] && on->on_n >= cs->cs_own)
		return (drop_least(cs, owner, now));
	ca = cs->cs_n < cs->cs_most ? find_place(cs, now) : NULL;
	if (ca == NULL && cs->cs_n > 0)
		ca = drop_least(cs, heaviest(cs), now);
	return (ca);
}

static bool
are_usable(struct ilnp_nid nid, const struct ilnp_lurec *rec, u_int n)
{
	if (!ilnp_nid_usable(nid) || n == 0 || n > ILNP_LOCS_MAX)
		return (false);
	for (u_int i = 0; i < n; i++)
		if (!ilnp_l64_usable(rec[i].lr_l64))
			return (false);
	return (true);
}

static bool
same_name(const struct ilnp_cand *ca, const char *name)
{
	u_int i = 0;

	while (ca->ca_name[i] != '\0' && ca->ca_name[i] == name[i])
		i++;
	return (ca->ca_name[i] == name[i]);
}

static bool
same_locators(const struct ilnp_cand *ca, const struct ilnp_offer *o)
{
	for (u_int i = 0; i < o->of_n; i++) {
		bool found = false;

		for (u_int k = 0; k < ca->ca_n; k++)
			found = found || ilnp_l64_eq(ca->ca_rec[k].lr_l64,
			    o->of_rec[i].lr_l64);
		if (!found)
			return (false);
	}
	return (o->of_n == ca->ca_n);
}

/* Starts a lifetime: the least of the locators', within our bounds. */
static void
set_life(struct ilnp_cand *ca, const struct ilnp_offer *o, ilnp_time_t now)
{
	uint32_t life = ILNP_CAND_LIFE;

	for (u_int i = 0; i < o->of_n; i++)
		if (o->of_rec[i].lr_life < life)
			life = o->of_rec[i].lr_life;
	ca->ca_once = life == 0;
	for (u_int i = 0; i < ca->ca_n; i++)
		ca->ca_rec[i].lr_life = life;
	ca->ca_until = now + ILNP_SEC(life < ILNP_CAND_WINDOW ?
	    ILNP_CAND_WINDOW : life);
	ca->ca_keep = now + ILNP_SEC(ILNP_CAND_KEEP);
}

static void
set_locators(struct ilnp_cand *ca, const struct ilnp_offer *o,
    ilnp_time_t now)
{
	ca->ca_n = o->of_n;
	memcpy(ca->ca_rec, o->of_rec, o->of_n * sizeof(o->of_rec[0]));
	set_life(ca, o, now);
}

int
ilnp_cands_put(struct ilnp_cands *cs, struct ilnp_nid nid,
    const struct ilnp_lurec *rec, u_int n, ilnp_time_t until, ilnp_time_t now)
{
	struct ilnp_cand *ca;

	if (!are_usable(nid, rec, n))
		return (EINVAL);
	ilnp_lock(&cs->cs_lock);
	ca = find(cs, nid);
	if (ca != NULL)
		drop(cs, ca);
	else
		ca = find_place(cs, now);
	if (ca != NULL) {
		take(cs, ca, nid, NULL);
		ca->ca_until = until;
		ca->ca_n = n;
		memcpy(ca->ca_rec, rec, n * sizeof(*rec));
	}
	ilnp_unlock(&cs->cs_lock);
	return (ca != NULL ? 0 : ENOSPC);
}

int
ilnp_cands_del(struct ilnp_cands *cs, struct ilnp_nid nid)
{
	struct ilnp_cand *ca;

	ilnp_lock(&cs->cs_lock);
	ca = find(cs, nid);
	if (ca != NULL)
		drop(cs, ca);
	ilnp_unlock(&cs->cs_lock);
	return (ca != NULL ? 0 : ENOENT);
}

/* A NID that nobody has told of, or that changes hands. */
static int
learn_new(struct ilnp_cands *cs, struct ilnp_cand *old,
    const struct ilnp_offer *o, ilnp_time_t now)
{
	ilnp_time_t asked = old != NULL ? old->ca_asked : 0;
	struct ilnp_cand *ca;

	if (old != NULL)
		drop(cs, old);
	ca = make_room(cs, o->of_owner, now);
	if (ca == NULL)
		return (ENOSPC);
	take(cs, ca, o->of_nid, o);
	ca->ca_asked = asked;
	set_locators(ca, o, now);
	return (0);
}

/*
 * What somebody says of a candidate that there is.  Its first name stays as
 * long as it lives, and its first owner.
 */
static int
learn_again(struct ilnp_cands *cs, struct ilnp_cand *ca,
    const struct ilnp_offer *o, ilnp_time_t now)
{
	bool live = ca->ca_open || !ilnp_cand_over(ca, now);
	bool mine = o->of_root || (!ca->ca_root &&
	    o->of_owner == ca->ca_owner);
	bool same = same_locators(ca, o);
	bool named = same_name(ca, o->of_name);
	int error = 0;

	/* If he is right, a session that lives is to know it. */
	if (named && !same && (!mine || ca->ca_open))
		ca->ca_doubt = true;
	if (mine && (named || (live && same))) {
		ca->ca_root = ca->ca_root || (o->of_root && named);
		set_locators(ca, o, now);
	} else if (named && same)
		/* Preferences stay those of who taught it first. */
		set_life(ca, o, now);
	else if (mine && (!live || o->of_root))
		error = learn_new(cs, ca, o, now);
	else if (live)
		error = named ? EBUSY : EEXIST;
	else if (named) {
		error = learn_new(cs, ca, o, now);
		ca = find(cs, o->of_nid);
		if (ca != NULL)
			ca->ca_doubt = true;
	} else {
		ca->ca_doubt = true;
		error = EBUSY;
	}
	return (error);
}

int
ilnp_cands_offer(struct ilnp_cands *cs, const struct ilnp_offer *o,
    ilnp_time_t now)
{
	struct ilnp_cand *ca;
	int error = 0;

	if (!ilnp_name_usable(o->of_name) ||
	    !are_usable(o->of_nid, o->of_rec, o->of_n))
		return (EINVAL);
	ilnp_lock(&cs->cs_lock);
	ca = find(cs, o->of_nid);
	if (ca != NULL && is_spent(ca, now)) {
		drop(cs, ca);
		ca = NULL;
	}
	if (ca == NULL)
		error = learn_new(cs, NULL, o, now);
	else if (!is_told(ca))
		error = learn_again(cs, ca, o, now);
	ilnp_unlock(&cs->cs_lock);
	return (error);
}

int
ilnp_cands_answer(struct ilnp_cands *cs, const struct ilnp_offer *o,
    ilnp_time_t now, bool *open)
{
	struct ilnp_cand *ca;

	if (!are_usable(o->of_nid, o->of_rec, o->of_n))
		return (EINVAL);
	ilnp_lock(&cs->cs_lock);
	ca = find(cs, o->of_nid);
	if (ca != NULL && (is_told(ca) || !same_name(ca, o->of_name)))
		ca = NULL;
	if (ca != NULL) {
		set_locators(ca, o, now);
		ca->ca_doubt = ca->ca_waits = false;
		*open = ca->ca_open;
	}
	ilnp_unlock(&cs->cs_lock);
	return (ca != NULL ? 0 : ENOENT);
}

void
ilnp_cands_answered(struct ilnp_cands *cs, const char *name)
{
	ilnp_lock(&cs->cs_lock);
	for (u_int i = 0; i < cs->cs_max; i++) {
		struct ilnp_cand *ca = &cs->cs_place[i];

		if (!ca->ca_waits || !same_name(ca, name))
			continue;
		ca->ca_doubt = ca->ca_waits = false;
		if (!ca->ca_open)
			drop(cs, ca);
	}
	ilnp_unlock(&cs->cs_lock);
}

u_int
ilnp_cands_get(struct ilnp_cands *cs, struct ilnp_nid nid, ilnp_time_t now,
    struct ilnp_lurec out[ILNP_LOCS_MAX], bool *told)
{
	struct ilnp_cand *ca;
	u_int n = 0;

	if (!ilnp_cands_known(cs, nid))
		return (0);
	ilnp_lock(&cs->cs_lock);
	ca = find(cs, nid);
	if (ca != NULL && ilnp_cand_over(ca, now))
		ca->ca_doubt = !is_told(ca);
	else if (ca != NULL) {
		n = ca->ca_n;
		memcpy(out, ca->ca_rec, n * sizeof(*out));
		*told = is_told(ca);
		/* Of no end; the core takes 0 for a name's, good once. */
		for (u_int i = 0; *told && i < n; i++)
			if (out[i].lr_life == 0)
				out[i].lr_life = UINT32_MAX;
	}
	ilnp_unlock(&cs->cs_lock);
	return (n);
}

void
ilnp_cands_opened(struct ilnp_cands *cs, struct ilnp_nid nid, ilnp_time_t now)
{
	struct ilnp_cand *ca;

	ilnp_lock(&cs->cs_lock);
	ca = find(cs, nid);
	if (ca != NULL && !is_told(ca)) {
		ca->ca_open = true;
		ca->ca_busy = now;
		if (ca->ca_once)
			ca->ca_until = now;
	}
	ilnp_unlock(&cs->cs_lock);
}

/*
 * How many seconds after a question the next one may follow if a session waits
 * for it: caches say the same until a lifetime has ended, and who does not answer
 * is asked less and less.
 */
static uint32_t
urgent_gap(const struct ilnp_cand *ca)
{
	uint32_t gap = ca->ca_waits ? 1U << ca->ca_vain :
	    ca->ca_rec[0].lr_life;

	return (gap == 0 ? 1 : gap < ASK_GAP ? gap : ASK_GAP);
}

/* Notes that a name is asked now, unless it was less than `gap' s ago. */
static bool
may_ask(struct ilnp_cand *ca, uint32_t gap, ilnp_time_t now)
{
	if (ca->ca_asked != 0 && ilnp_since(now, ca->ca_asked) < ILNP_SEC(gap))
		return (false);
	if (!ca->ca_waits)
		ca->ca_vain = 0;
	else if (ca->ca_vain < VAIN_MAX)
		ca->ca_vain++;
	ca->ca_asked = now;
	ca->ca_doubt = false;
	ca->ca_waits = true;
	return (true);
}

bool
ilnp_cands_ask(struct ilnp_cands *cs, struct ilnp_nid nid, bool must,
    ilnp_time_t now, struct ilnp_cand *out)
{
	struct ilnp_cand *ca;
	bool ask;

	ilnp_lock(&cs->cs_lock);
	ca = find(cs, nid);
	ask = ca != NULL && !is_told(ca) && (must || ca->ca_doubt) &&
	    may_ask(ca, ASK_GAP, now);
	if (ask)
		*out = *ca;
	ilnp_unlock(&cs->cs_lock);
	return (ask);
}

bool
ilnp_cands_look(struct ilnp_cands *cs, u_int i, struct ilnp_ilcc *c,
    const struct ilnp_nid *ours, u_int n, struct ilnp_sessinfo *si,
    ilnp_time_t now, struct ilnp_cand *out)
{
	struct ilnp_cand *ca = &cs->cs_place[i];
	bool live = false, down = false, ask = false;
	uint64_t txpkts = 0;

	ILNP_EPOCH_ASSERT();
	if (!ilnp_cands_at(cs, i, out) || is_told(out))
		return (false);
	for (u_int k = 0; out->ca_open && k < n; k++) {
		struct ilnp_nidpair nids = { ours[k], out->ca_nid };
		struct ilnp_sess *s = ilnp_ilcc_find(c, &nids);

		if (s == NULL)
			continue;
		ilnp_sess_info(s, si);
		live = true;
		down = down || ilnp_sess_cut_off(si);
		txpkts += si->si_txpkts;
	}
	ilnp_lock(&cs->cs_lock);
	if (ilnp_nid_eq(ca->ca_nid, out->ca_nid) && !is_told(ca)) {
		/* Unless a session has been opened in between. */
		if (ca->ca_busy == out->ca_busy)
			ca->ca_open = live;
		if (txpkts != ca->ca_txpkts)
			ca->ca_busy = now;
		ca->ca_txpkts = txpkts;
		if (is_spent(ca, now))
			drop(cs, ca);
		else {
			live = live &&
			    ilnp_since(now, ca->ca_busy) < BUSY_FOR;
			/* What is good for one session serves until it ends. */
			ask = (ca->ca_doubt || (live && (down ||
			    (!ca->ca_once && ilnp_cand_over(ca, now))))) &&
			    may_ask(ca, live && down ? urgent_gap(ca) :
			    ASK_GAP, now);
		}
		*out = *ca;
	}
	ilnp_unlock(&cs->cs_lock);
	return (ask);
}

bool
ilnp_cands_find(struct ilnp_cands *cs, struct ilnp_nid nid,
    struct ilnp_cand *out)
{
	const struct ilnp_cand *ca;

	ilnp_lock(&cs->cs_lock);
	ca = find(cs, nid);
	if (ca != NULL)
		*out = *ca;
	ilnp_unlock(&cs->cs_lock);
	return (ca != NULL);
}

bool
ilnp_cands_at(struct ilnp_cands *cs, u_int i, struct ilnp_cand *out)
{
	bool there;

	ilnp_lock(&cs->cs_lock);
	there = cs->cs_place[i].ca_nid.nid != 0;
	if (there)
		*out = cs->cs_place[i];
	ilnp_unlock(&cs->cs_lock);
	return (there);
}
