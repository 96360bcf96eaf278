/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The sessions: who is let in, who is found, who must go.
 *
 * Memory is bounded three ways: sess_max in all, half_max for sessions a peer
 * began and has not confirmed, pair_max for one pair of NIDs.  When room is
 * short a random unconfirmed session goes; a confirmed one never makes way for
 * a packet, so a flood from forged sources only competes with itself.  Under
 * pair_max a confirmed one makes way for another that has been confirmed at the
 * same place, or if its own place is dead: for a peer that has restarted, not
 * for somebody elsewhere who uses its NID; never if a flow needs it.  What we
 * have opened ourselves makes way only for more of that, and only if nobody has
 * answered.
 */
#include "ilnp_ilcc_var.h"
#include "ilnp_addr.h"

#define	EVICT_LOOKS	16	/* sessions of which the worst is evicted */

#define	CONTAINER(p, type, field)					\
	((type *)(void *)((uint8_t *)(p) - offsetof(type, field)))

struct ilnp_ilcc *
ilnp_ilcc_alloc(const struct ilnp_conf *conf, ilnp_event_fn *fn, void *arg)
{
	struct ilnp_ilcc *c = ilnp_env_alloc(sizeof(*c));
	int error;

	if (c == NULL)
		return (NULL);
	c->c_conf = *conf;
	c->c_event = fn;
	c->c_eventarg = arg;
	c->c_alg = ilnp_sel_algs[0];
	c->c_max = conf->sess_max;
	c->c_halfmax = conf->half_max < c->c_max ? conf->half_max : c->c_max;
	error = ilnp_table_alloc(&c->c_table, c->c_max);
	c->c_pool = ilnp_env_alloc(c->c_max * sizeof(*c->c_pool));
	c->c_busy = ilnp_env_alloc(c->c_max * sizeof(*c->c_busy));
	c->c_half = ilnp_env_alloc(c->c_halfmax * sizeof(*c->c_half));
	ilnp_env_random(c->c_table.t_key, sizeof(c->c_table.t_key));
	ilnp_env_random(c->c_secret, sizeof(c->c_secret));
	ilnp_lock_init(&c->c_lock, "ilnp pool", ILNP_RANK_POOL);
	ilnp_local_init(&c->c_local);
	c->c_nextid = 1;
	if (error != 0 || c->c_pool == NULL || c->c_busy == NULL ||
	    c->c_half == NULL) {
		ilnp_ilcc_free(c);
		return (NULL);
	}
	return (c);
}

static void
free_sess(struct ilnp_sess *s)
{
	if (s->s_paths != NULL)
		ilnp_env_free(s->s_paths,
		    ilnp_pathset_size(s->s_paths->ps_cap));
	ilnp_lock_destroy(&s->s_lock);
	ilnp_env_free(s, sizeof(*s));
}

void
ilnp_ilcc_free(struct ilnp_ilcc *c)
{
	for (uint32_t i = 0; i < c->c_n; i++)
		free_sess(c->c_pool[i]);
	ilnp_local_destroy(&c->c_local);
	ilnp_lock_destroy(&c->c_lock);
	ilnp_table_free(&c->c_table);
	if (c->c_pool != NULL)
		ilnp_env_free(c->c_pool, c->c_max * sizeof(*c->c_pool));
	if (c->c_busy != NULL)
		ilnp_env_free(c->c_busy, c->c_max * sizeof(*c->c_busy));
	if (c->c_half != NULL)
		ilnp_env_free(c->c_half, c->c_halfmax * sizeof(*c->c_half));
	ilnp_env_free(c, sizeof(*c));
}

struct ilnp_conf *
ilnp_ilcc_conf(struct ilnp_ilcc *c)
{
	return (&c->c_conf);
}

struct ilnp_local *
ilnp_ilcc_local(struct ilnp_ilcc *c)
{
	return (&c->c_local);
}

struct ilnp_stats *
ilnp_ilcc_stats(struct ilnp_ilcc *c)
{
	return (&c->c_stats);
}

int
ilnp_ilcc_algorithm(struct ilnp_ilcc *c, const char *name)
{
	const struct ilnp_sel_alg *alg = ilnp_sel_lookup(name);

	if (alg == NULL)
		return (ENOENT);
	ilnp_store_ptr(&c->c_alg, alg);
	return (0);
}

const char *
ilnp_ilcc_algorithm_name(const struct ilnp_ilcc *c)
{
	const struct ilnp_sel_alg *alg = ilnp_load_ptr(&c->c_alg);

	return (alg->sa_name);
}

/*
 * How far a session may be trusted to lead to the node that its NID names: we
 * sought it where names say it is; it has answered from somewhere; anybody
 * could have sent the packet that made it.
 */
static u_int
trust(const struct ilnp_sess *s)
{
	return (s->s_initiator ? 2 : ilnp_load_32(&s->s_confirmed) != 0);
}

static bool
prefer(const struct ilnp_sess *a, const struct ilnp_sess *b)
{
	u_int ta = trust(a), tb = trust(b);

	return (ta != tb ? ta > tb : a->s_id > b->s_id);
}

struct ilnp_sess *
ilnp_ilcc_find(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids)
{
	struct ilnp_sess *s, *best = NULL;

	ILNP_EPOCH_ASSERT();
	for (s = ilnp_table_first(&c->c_table, nids); s != NULL;
	    s = ilnp_table_next(s))
		if (best == NULL || prefer(s, best))
			best = s;
	return (best);
}

void
ilnp_ilcc_prefetch(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    u_int n)
{
	ilnp_table_prefetch(&c->c_table, nids, n);
}

/* True if the correspondent has shown to be at a locator, or names say so. */
static bool
is_at(struct ilnp_sess *s, struct ilnp_l64 at)
{
	const struct ilnp_loc *l = ilnp_locset_find(&s->s_remote, at);

	return (l != NULL && (l->l_flags & ILNP_LOC_F_UNPROVEN) == 0);
}

uint32_t
ilnp_ilcc_token(const struct ilnp_ilcc *c, const struct ilnp_nonce *nonce)
{
	uint64_t words[3] = { nonce->n_len, 0, 0 };
	uint32_t token;

	_Static_assert(sizeof(nonce->n_b) <= 2 * sizeof(words[0]), "fits");
	memcpy(&words[1], nonce->n_b, sizeof(nonce->n_b));
	token = (uint32_t)ilnp_hash(c->c_secret, words, 3);
	return (token != 0 ? token : 1);
}

struct ilnp_sess *
ilnp_ilcc_bytoken(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    uint32_t token)
{
	struct ilnp_sess *s;

	ILNP_EPOCH_ASSERT();
	for (s = ilnp_table_first(&c->c_table, nids); s != NULL;
	    s = ilnp_table_next(s)) {
		bool found;

		ilnp_lock(&s->s_lock);
		found = !s->s_dead && s->s_nin.n_len != 0 &&
		    s->s_token == token;
		ilnp_unlock(&s->s_lock);
		if (found)
			return (s);
	}
	return (NULL);
}

struct ilnp_sess *
ilnp_ilcc_find_at(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    struct ilnp_l64 at)
{
	struct ilnp_sess *s, *best = NULL;

	ILNP_EPOCH_ASSERT();
	for (s = ilnp_table_first(&c->c_table, nids); s != NULL;
	    s = ilnp_table_next(s)) {
		bool there;

		ilnp_lock(&s->s_lock);
		there = !s->s_dead && s->s_state != ILNP_SESS_IPV6 &&
		    is_at(s, at);
		ilnp_unlock(&s->s_lock);
		if (there && (best == NULL || prefer(s, best)))
			best = s;
	}
	return (best);
}

static void
free_later(struct ilnp_deferred *d)
{
	free_sess(CONTAINER(d, struct ilnp_sess, s_deferred));
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

/* Evicts a random unconfirmed session.  Returns false if there is none. */
static bool
evict_half(struct ilnp_ilcc *c)
{
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
		ILNP_STAT(c, sess_evicted);
		remove_sess(c, s);
		return (true);
	}
	return (false);
}

/*
 * Makes room for a session that we open: of some others that nobody has
 * answered and no flow needs, that goes which was silent for longest.  Anybody's
 * programs open sessions: they must not keep all others from it.
 * Returns false if there is none.
 */
static bool
evict_opened(struct ilnp_ilcc *c)
{
	struct ilnp_sess *oldest = NULL;
	ilnp_time_t since = UINT64_MAX;

	ILNP_LOCK_ASSERT(&c->c_lock);
	for (u_int i = 0; i < EVICT_LOOKS; i++) {
		struct ilnp_sess *s;
		ilnp_time_t last;
		uint32_t r;

		ilnp_env_random(&r, sizeof(r));
		s = c->c_pool[r % c->c_n];
		ilnp_lock(&s->s_lock);
		last = s->s_lasttx > s->s_created ? s->s_lasttx : s->s_created;
		if (s->s_confirmed == 0 && s->s_holds == 0 && last < since) {
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
 * unconfirmed session of the pair goes.  If all are confirmed, one more may try
 * to be: see pair_excess().
 */
static void
limit_pair(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids)
{
	struct ilnp_sess *s, *oldest = NULL;
	u_int n = 0;

	ILNP_LOCK_ASSERT(&c->c_lock);
	for (s = ilnp_table_first(&c->c_table, nids); s != NULL;
	    s = ilnp_table_next(s)) {
		if (s->s_initiator)
			continue;
		n++;
		if (ilnp_load_32(&s->s_confirmed) == 0 &&
		    (oldest == NULL || s->s_id < oldest->s_id))
			oldest = s;
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
		    is_at(s, at->ls_loc[i].l_l64))
			since = s->s_lastrx;
	ilnp_unlock(&s->s_lock);
	return (since);
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

/* Returns a session outside the table, or NULL. */
static struct ilnp_sess *
alloc_sess(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    bool initiator, ilnp_time_t now)
{
	struct ilnp_sess *s = ilnp_env_alloc(sizeof(*s));

	if (s == NULL)
		return (NULL);
	ilnp_lock_init(&s->s_lock, "ilnp session", ILNP_RANK_SESS);
	s->s_nids = *nids;
	s->s_initiator = initiator;
	s->s_state = initiator ? ILNP_SESS_TRYING : ILNP_SESS_OPEN;
	s->s_created = now;
	s->s_lu_gen = ilnp_local_gen(&c->c_local);
	s->s_halfslot = s->s_busyslot = ILNP_NOSLOT;
	return (s);
}

/*
 * Puts a new session into the table.
 * Returns 0, or ENOSPC with the session still the caller's.
 */
static int
insert_sess(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now)
{
	ILNP_LOCK_ASSERT(&c->c_lock);
	if (!s->s_initiator)
		limit_pair(c, &s->s_nids);
	if (!s->s_initiator && c->c_nhalf == c->c_halfmax)
		(void)evict_half(c);
	if (c->c_n == c->c_max && !evict_half(c) &&
	    (!s->s_initiator || !evict_opened(c)))
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

/* Takes the usable ones of the locators that names gave. */
static u_int
put_locators(struct ilnp_ilcc *c, struct ilnp_sess *s,
    const struct ilnp_lurec *rec, u_int n, ilnp_time_t now)
{
	u_int taken = 0;

	for (u_int i = 0; i < n && taken < ilnp_load_32(&c->c_conf.maxlocs);
	    i++) {
		uint16_t pref = rec[i].lr_pref > UINT16_MAX ? UINT16_MAX :
		    (uint16_t)rec[i].lr_pref;
		/* TTL 0 is good for one session (RFC 6740 s4.4), not for ever. */
		uint32_t life = rec[i].lr_life == 0 ? 1 : rec[i].lr_life;

		if (ilnp_l64_usable(rec[i].lr_l64) &&
		    ilnp_locset_put(&s->s_remote, rec[i].lr_l64, pref, life, 0,
		    now) != NULL)
			taken++;
	}
	return (taken);
}

/*
 * True if a session leads to the node we mean: we opened it, or that node began
 * it from where names say it is.  Others may use its NID.
 */
static bool
is_named(struct ilnp_sess *s, const struct ilnp_lurec *rec, u_int n)
{
	bool named = s->s_initiator;

	ILNP_LOCK_ASSERT(&s->s_lock);
	for (u_int i = 0; !named && i < n; i++)
		named = is_at(s, rec[i].lr_l64);
	return (named && trust(s) != 0 && !s->s_dead);
}

/* True if a session has all these locators already, or none to send to. */
static bool
is_renewed(struct ilnp_sess *s, const struct ilnp_lurec *rec, u_int n)
{
	bool all = true, any = false;

	ILNP_LOCK_ASSERT(&s->s_lock);
	for (u_int i = 0; i < s->s_remote.ls_n; i++)
		any = any || ilnp_loc_sendable(&s->s_remote.ls_loc[i]);
	for (u_int i = 0; i < n; i++)
		all = all && ilnp_locset_find(&s->s_remote,
		    rec[i].lr_l64) != NULL;
	return (all || !any);
}

/* Tells all sessions with the node we mean; returns the best, or NULL. */
static struct ilnp_sess *
renew_sess(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_lurec *rec, u_int n, bool trusted, ilnp_time_t now)
{
	struct ilnp_sess *s, *best = NULL;
	bool bestlost = false;

	ILNP_EPOCH_ASSERT();
	for (s = ilnp_table_first(&c->c_table, nids); s != NULL;
	    s = ilnp_table_next(s)) {
		bool named, lost;

		ilnp_lock(&s->s_lock);
		named = is_named(s, rec, n);
		lost = ilnp_sess_lost(s);
		/*
		 * What the peer itself has told us by a Locator Update stands,
		 * unless it is nowhere there: both of us may have moved
		 * (RFC 6740 s6.2).
		 */
		if (named && (s->s_lu_rx == 0 || lost) &&
		    (trusted || is_renewed(s, rec, n))) {
			(void)put_locators(c, s, rec, n, now);
			s->s_synced = false;
		}
		ilnp_unlock(&s->s_lock);
		if (named && (best == NULL || (lost == bestlost ?
		    prefer(s, best) : bestlost))) {
			best = s;
			bestlost = lost;
		}
	}
	return (best);
}

void
ilnp_ilcc_renew(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_lurec *rec, u_int n, bool trusted, ilnp_time_t now)
{
	(void)renew_sess(c, nids, rec, n, trusted, now);
}

static int
open_sess(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_lurec *rec, u_int n, bool trusted, ilnp_time_t now,
    struct ilnp_sess **sp)
{
	struct ilnp_sess *s = renew_sess(c, nids, rec, n, trusted, now);
	int error;

	if (s != NULL) {
		*sp = s;
		return (0);
	}
	s = alloc_sess(c, nids, true, now);
	if (s == NULL)
		return (ENOMEM);
	if (put_locators(c, s, rec, n, now) == 0) {
		free_sess(s);
		return (EADDRNOTAVAIL);
	}
	s->s_nout.n_len = (uint8_t)ilnp_load_32(&c->c_conf.nonce_size);
	ilnp_env_random(s->s_nout.n_b, s->s_nout.n_len);
	ilnp_lock(&c->c_lock);
	error = insert_sess(c, s, now);
	ilnp_unlock(&c->c_lock);
	if (error != 0) {
		ILNP_STAT(c, sess_refused);
		free_sess(s);
		return (error);
	}
	*sp = s;
	return (0);
}

int
ilnp_ilcc_open(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_lurec *rec, u_int n, ilnp_time_t now,
    struct ilnp_sess **sp)
{
	return (open_sess(c, nids, rec, n, true, now, sp));
}

int
ilnp_ilcc_offer(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_lurec *rec, u_int n, ilnp_time_t now,
    struct ilnp_sess **sp)
{
	return (open_sess(c, nids, rec, n, false, now, sp));
}

/*
 * The responder's nonce is a keyed hash of the NIDs and the initiator's nonce:
 * as unpredictable as a random one and new for each session, yet the same
 * again if this session is evicted under a flood and its next packet makes it
 * anew.
 */
static void
derive_nonce(const struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_nonce *peer, struct ilnp_nonce *out)
{
	uint64_t words[5] = { nids->local.nid, nids->remote.nid, 0, 0, 0 };
	uint8_t raw[2 * sizeof(uint64_t)];

	memcpy(&words[2], peer->n_b, sizeof(peer->n_b));
	for (uint64_t i = 0; i < 2; i++) {
		uint64_t h;

		words[4] = (uint64_t)peer->n_len << 8 | i;
		h = ilnp_hash(c->c_secret, words, 5);
		memcpy(raw + i * sizeof(h), &h, sizeof(h));
	}
	out->n_len = (uint8_t)ilnp_load_32(&c->c_conf.nonce_size);
	memcpy(out->n_b, raw, out->n_len);
}

/* True if a session of the pair sends under this nonce already. */
static bool
nonce_taken(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_nonce *nonce)
{
	struct ilnp_sess *s;

	for (s = ilnp_table_first(&c->c_table, nids); s != NULL;
	    s = ilnp_table_next(s))
		if (ilnp_nonce_eq(&s->s_nout, nonce))
			return (true);
	return (false);
}

/*
 * Makes a session as responder, for a packet that carried nonce `peer' from
 * locator `from'.
 * Returns 0 and the session, borrowed, ENOSPC or ENOMEM.
 */
int
ilnp_ilcc_accept(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_nonce *peer, struct ilnp_l64 from, ilnp_time_t now,
    struct ilnp_sess **sp)
{
	struct ilnp_sess *s = alloc_sess(c, nids, false, now);
	int error;

	if (s == NULL) {
		ILNP_STAT(c, sess_refused);
		return (ENOMEM);
	}
	s->s_nin = *peer;
	s->s_token = ilnp_ilcc_token(c, peer);
	if (ilnp_load_32(&c->c_conf.nonce_shared) != 0)
		s->s_nout = *peer;
	else {
		derive_nonce(c, nids, peer, &s->s_nout);
		/*
		 * The session it was derived for once may have gone over to
		 * another nonce of the peer's, which would then take the one
		 * for the other.
		 */
		if (nonce_taken(c, nids, &s->s_nout))
			ilnp_env_random(s->s_nout.n_b, s->s_nout.n_len);
	}
	(void)ilnp_locset_put(&s->s_remote, from, 0,
	    ilnp_load_32(&c->c_conf.lu_lifetime), 0, now);
	ilnp_lock(&c->c_lock);
	error = insert_sess(c, s, now);
	ilnp_unlock(&c->c_lock);
	if (error != 0) {
		ILNP_STAT(c, sess_refused);
		free_sess(s);
		return (error);
	}
	*sp = s;
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
