/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Room for sessions: who goes when it is short, who is held, and who wants the
 * timer to look at him.
 *
 * Memory is bounded three ways: sess_max in all, half_max for sessions a peer
 * began and has not confirmed, pair_max for one pair of NIDs.  When room is
 * short a random unconfirmed session goes, so a flood from forged sources only
 * competes with itself.  If there is none, one goes that a peer has begun and
 * left idle: whoever owns a network can confirm any number of them.  Under
 * pair_max a confirmed one makes way for another that has been confirmed at the
 * same place, or if its own place is dead: for a peer that has restarted, not
 * for somebody elsewhere who uses its NID; never if a flow needs it.  What we
 * have opened ourselves makes way only for more of that, and only if nobody has
 * answered.
 */
#include "ilnp_ilcc_var.h"

#define	EVICT_LOOKS	16	/* sessions of which the worst is evicted */

#define	CONTAINER(p, type, field)					\
	((type *)(void *)((uint8_t *)(p) - offsetof(type, field)))

static void
free_later(struct ilnp_deferred *d)
{
	ilnp_sess_free(CONTAINER(d, struct ilnp_sess, s_deferred));
}

static void
leave_half(struct ilnp_ilcc *c, struct ilnp_sess *s)
{
	uint32_t last;

	ILNP_LOCK_ASSERT(&c->c_lock);
	if (s->s_halfslot == ILNP_NOSLOT)
		return;
	last = --c->c_nhalf;
	c->c_half[s->s_halfslot] = c->c_half[last];
	c->c_half[s->s_halfslot]->s_halfslot = s->s_halfslot;
	s->s_halfslot = ILNP_NOSLOT;
}

static void
leave_busy(struct ilnp_ilcc *c, struct ilnp_sess *s)
{
	uint32_t last;

	ILNP_LOCK_ASSERT(&c->c_lock);
	if (s->s_busyslot == ILNP_NOSLOT)
		return;
	last = --c->c_nbusy;
	c->c_busy[s->s_busyslot] = c->c_busy[last];
	ilnp_store_32(&c->c_busy[last]->s_busyslot, s->s_busyslot);
	ilnp_store_32(&s->s_busyslot, ILNP_NOSLOT);
}

/* Takes a session out of everything; its memory follows its last reader. */
static void
remove_sess(struct ilnp_ilcc *c, struct ilnp_sess *s)
{
	uint32_t last;
	bool held;

	ILNP_LOCK_ASSERT(&c->c_lock);
	last = --c->c_n;
	c->c_pool[s->s_slot] = c->c_pool[last];
	c->c_pool[s->s_slot]->s_slot = s->s_slot;
	leave_half(c, s);
	leave_busy(c, s);
	ilnp_table_remove(&c->c_table, s);
	ilnp_lock(&s->s_lock);
	s->s_dead = true;
	held = s->s_holds != 0;
	ILNP_STAT(c, sess_freed);
	ilnp_ilcc_event(c, ILNP_EV_SESS_GONE, s, NULL, 0, 0);
	ilnp_unlock(&s->s_lock);
	if (!held)
		ilnp_env_defer(&s->s_deferred, free_later);
}

bool
ilnp_sess_hold(struct ilnp_sess *s)
{
	bool alive;

	ilnp_lock(&s->s_lock);
	alive = !s->s_dead;
	if (alive)
		s->s_holds++;
	ilnp_unlock(&s->s_lock);
	return (alive);
}

void
ilnp_sess_release(struct ilnp_sess *s)
{
	bool last;

	ilnp_lock(&s->s_lock);
	ILNP_ASSERT(s->s_holds > 0);
	last = --s->s_holds == 0 && s->s_dead;
	ilnp_unlock(&s->s_lock);
	if (last)
		ilnp_env_defer(&s->s_deferred, free_later);
}

/* True if flows need a session. */
static bool
is_held(struct ilnp_sess *s)
{
	bool held;

	ilnp_lock(&s->s_lock);
	held = s->s_holds != 0;
	ilnp_unlock(&s->s_lock);
	return (held);
}

/*
 * Evicts a random unconfirmed session, if it can be one that no flow needs.
 * Returns false if there is none.
 */
static bool
evict_half(struct ilnp_ilcc *c)
{
	u_int looks = 0;

	ILNP_LOCK_ASSERT(&c->c_lock);
	while (c->c_nhalf > 0) {
		struct ilnp_sess *s;
		uint32_t r;

		ilnp_env_random(&r, sizeof(r));
		s = c->c_half[r % c->c_nhalf];
		if (ilnp_load_32(&s->s_confirmed) != 0) {
			/* Its own thread is just about to do this. */
			leave_half(c, s);
			continue;
		}
		if (is_held(s) && ++looks < EVICT_LOOKS)
			continue;
		ILNP_STAT(c, sess_evicted);
		remove_sess(c, s);
		return (true);
	}
	return (false);
}

/* Since when nobody has answered; UINT64_MAX if somebody has. */
static ilnp_time_t
unanswered_since(const struct ilnp_sess *s)
{
	if (s->s_confirmed != 0)
		return (UINT64_MAX);
	return (s->s_lasttx > s->s_created ? s->s_lasttx : s->s_created);
}

/* Since when a peer that began a session has left it; UINT64_MAX: not so. */
static ilnp_time_t
left_since(const struct ilnp_sess *s)
{
	ilnp_time_t last = s->s_lasttx > s->s_lastrx ? s->s_lasttx :
	    s->s_lastrx;

	if (s->s_initiator || s->s_confirmed == 0)
		return (UINT64_MAX);
	return (last > s->s_created ? last : s->s_created);
}

/*
 * Evicts that of some sessions that no flow needs which has been silent for
 * longest, and since before `since'.  Returns false if there is none.
 */
static bool
evict_silent(struct ilnp_ilcc *c,
    ilnp_time_t (*silent)(const struct ilnp_sess *), ilnp_time_t since)
{
	struct ilnp_sess *oldest = NULL;

	ILNP_LOCK_ASSERT(&c->c_lock);
	for (u_int i = 0; i < EVICT_LOOKS; i++) {
		struct ilnp_sess *s;
		ilnp_time_t last;
		uint32_t r;

		ilnp_env_random(&r, sizeof(r));
		s = c->c_pool[r % c->c_n];
		ilnp_lock(&s->s_lock);
		last = silent(s);
		if (s->s_holds == 0 && last < since) {
			oldest = s;
			since = last;
		}
		ilnp_unlock(&s->s_lock);
	}
	if (oldest == NULL)
		return (false);
	ILNP_STAT(c, sess_evicted);
	remove_sess(c, oldest);
	return (true);
}

/*
 * Makes room under pair_max, which counts what peers began: the oldest
 * unconfirmed session of the pair goes, one that flows need last.  If all are
 * confirmed, one more may try to be: see pair_excess().
 */
static void
limit_pair(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids)
{
	struct ilnp_sess *s, *oldest = NULL;
	bool needed = false;
	u_int n = 0;

	ILNP_LOCK_ASSERT(&c->c_lock);
	for (s = ilnp_table_first(&c->c_table, nids); s != NULL;
	    s = ilnp_table_next(s)) {
		bool held;

		if (s->s_initiator)
			continue;
		n++;
		if (ilnp_load_32(&s->s_confirmed) != 0)
			continue;
		held = is_held(s);
		if (oldest == NULL || (held == needed ?
		    s->s_id < oldest->s_id : needed)) {
			oldest = s;
			needed = held;
		}
	}
	if (n < ilnp_load_32(&c->c_conf.pair_max) || oldest == NULL)
		return;
	ILNP_STAT(c, sess_evicted);
	remove_sess(c, oldest);
}

/*
 * When a confirmed session may go for one that has just been confirmed at the
 * places `at': the time it was last heard from, 0 if nobody is there any more,
 * UINT64_MAX if it may not.
 */
static ilnp_time_t
spare_since(struct ilnp_sess *s, const struct ilnp_locset *at)
{
	ilnp_time_t since = UINT64_MAX;

	ilnp_lock(&s->s_lock);
	if (ilnp_sess_lost(s))
		since = 0;
	for (u_int i = 0; since == UINT64_MAX && i < at->ls_n; i++)
		if ((at->ls_loc[i].l_flags & ILNP_LOC_F_UNPROVEN) == 0 &&
		    ilnp_sess_is_at(s, at->ls_loc[i].l_l64))
			since = s->s_lastrx;
	ilnp_unlock(&s->s_lock);
	return (since);
}

/*
 * Which session is one too many, now that the peer has confirmed `s', which it
 * began: another one that may go for it, else `s' itself.  Those that flows need
 * neither go nor count: a forged first packet makes both ends confirm a session
 * that neither wants, and must not cost them their connection.
 * Returns the session, or NULL if pair_max allows them all.
 */
static struct ilnp_sess *
pair_excess(struct ilnp_ilcc *c, struct ilnp_sess *s)
{
	struct ilnp_sess *o, *victim = NULL;
	ilnp_time_t since = UINT64_MAX;
	struct ilnp_locset at;
	u_int n = 0;

	ILNP_LOCK_ASSERT(&c->c_lock);
	ilnp_lock(&s->s_lock);
	at = s->s_remote;
	ilnp_unlock(&s->s_lock);
	for (o = ilnp_table_first(&c->c_table, &s->s_nids); o != NULL;
	    o = ilnp_table_next(o)) {
		ilnp_time_t t;

		if (o->s_initiator || ilnp_load_32(&o->s_confirmed) == 0 ||
		    is_held(o))
			continue;
		n++;
		t = o == s ? UINT64_MAX : spare_since(o, &at);
		if (t < since || (o == s && victim == NULL)) {
			victim = o;
			since = t;
		}
	}
	return (n > ilnp_load_32(&c->c_conf.pair_max) ? victim : NULL);
}

/*
 * Makes room for a session in a full cache.  Those that nobody has answered
 * make way only for one that we open: anybody's programs open sessions, and
 * must not keep all others from it.
 * Returns false if there is none.
 */
static bool
make_room(struct ilnp_ilcc *c, bool initiator, ilnp_time_t now)
{
	ilnp_time_t busy = ILNP_SEC(ilnp_load_32(&c->c_conf.busy_time));

	ILNP_LOCK_ASSERT(&c->c_lock);
	return (evict_half(c) ||
	    (initiator && evict_silent(c, unanswered_since, UINT64_MAX)) ||
	    (now > busy && evict_silent(c, left_since, now - busy)));
}

/*
 * Puts a new session into the table.
 * Returns 0, or ENOSPC with the session still the caller's.
 */
int
ilnp_ilcc_insert(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now)
{
	ILNP_LOCK_ASSERT(&c->c_lock);
	if (!s->s_initiator)
		limit_pair(c, &s->s_nids);
	if (!s->s_initiator && c->c_nhalf == c->c_halfmax)
		(void)evict_half(c);
	if (c->c_n == c->c_max && !make_room(c, s->s_initiator, now))
		return (ENOSPC);
	s->s_id = c->c_nextid++;
	s->s_slot = c->c_n;
	c->c_pool[c->c_n++] = s;
	if (!s->s_initiator) {
		s->s_halfslot = c->c_nhalf;
		c->c_half[c->c_nhalf++] = s;
	}
	ilnp_table_insert(&c->c_table, s);
	ILNP_STAT(c, sess_created);
	ilnp_ilcc_event(c, ILNP_EV_SESS_NEW, s, NULL, 0, now);
	return (0);
}

void
ilnp_ilcc_close(struct ilnp_ilcc *c, struct ilnp_sess *s)
{
	ilnp_lock(&c->c_lock);
	/* s_dead only changes under c_lock, so one reader of it wins. */
	if (!s->s_dead)
		remove_sess(c, s);
	ilnp_unlock(&c->c_lock);
}

void
ilnp_ilcc_busy(struct ilnp_ilcc *c, struct ilnp_sess *s)
{
	if (ilnp_load_32(&s->s_busyslot) != ILNP_NOSLOT)
		return;
	ilnp_lock(&c->c_lock);
	if (!s->s_dead && s->s_busyslot == ILNP_NOSLOT) {
		ilnp_store_32(&s->s_busyslot, c->c_nbusy);
		c->c_busy[c->c_nbusy++] = s;
	}
	ilnp_unlock(&c->c_lock);
}

void
ilnp_ilcc_notbusy(struct ilnp_ilcc *c, struct ilnp_sess *s)
{
	ilnp_lock(&c->c_lock);
	leave_busy(c, s);
	ilnp_unlock(&c->c_lock);
}

void
ilnp_ilcc_unhalf(struct ilnp_ilcc *c, struct ilnp_sess *s)
{
	struct ilnp_sess *excess;

	ilnp_lock(&c->c_lock);
	if (s->s_halfslot != ILNP_NOSLOT) {
		leave_half(c, s);
		excess = pair_excess(c, s);
		if (excess != NULL) {
			ILNP_STAT(c, sess_evicted);
			remove_sess(c, excess);
		}
	}
	ilnp_unlock(&c->c_lock);
}
