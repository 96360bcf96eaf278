/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The sessions: who is let in, who is found, and where names say that they are.
 */
#include "ilnp_ilcc_var.h"
#include "ilnp_addr.h"

/* Whose word it is where a correspondent is. */
enum word {
	TOLD,		/* the administrator's, or that of names for a new session */
	ANSWERED,	/* of a name server, for sessions that exist */
	OFFERED		/* of anybody who has looked the name up */
};

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
	c->c_stats = ilnp_env_counters(sizeof(*c->c_stats));
	error = ilnp_table_alloc(&c->c_table, c->c_max);
	c->c_pool = ilnp_env_alloc(c->c_max * sizeof(*c->c_pool));
	c->c_busy = ilnp_env_alloc(c->c_max * sizeof(*c->c_busy));
	c->c_half = ilnp_env_alloc(c->c_halfmax * sizeof(*c->c_half));
	ilnp_env_random(c->c_table.t_key, sizeof(c->c_table.t_key));
	ilnp_env_random(c->c_secret, sizeof(c->c_secret));
	ilnp_lock_init(&c->c_lock, "ilnp pool", ILNP_RANK_POOL);
	ilnp_local_init(&c->c_local);
	c->c_nextid = 1;
	if (error != 0 || c->c_stats == NULL || c->c_pool == NULL ||
	    c->c_busy == NULL || c->c_half == NULL) {
		ilnp_ilcc_free(c);
		return (NULL);
	}
	return (c);
}

void
ilnp_sess_free(struct ilnp_sess *s)
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
		ilnp_sess_free(c->c_pool[i]);
	ilnp_local_destroy(&c->c_local);
	ilnp_lock_destroy(&c->c_lock);
	ilnp_table_free(&c->c_table);
	if (c->c_pool != NULL)
		ilnp_env_free(c->c_pool, c->c_max * sizeof(*c->c_pool));
	if (c->c_busy != NULL)
		ilnp_env_free(c->c_busy, c->c_max * sizeof(*c->c_busy));
	if (c->c_half != NULL)
		ilnp_env_free(c->c_half, c->c_halfmax * sizeof(*c->c_half));
	if (c->c_stats != NULL)
		ilnp_env_counters_free(c->c_stats, sizeof(*c->c_stats));
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
	return (c->c_stats);
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
bool
ilnp_sess_is_at(struct ilnp_sess *s, struct ilnp_l64 at)
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
		    ilnp_sess_is_at(s, at);
		ilnp_unlock(&s->s_lock);
		if (there && (best == NULL || prefer(s, best)))
			best = s;
	}
	return (best);
}

/* Returns a session outside the table, or NULL. */
static struct ilnp_sess *
alloc_sess(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    bool initiator, ilnp_time_t now)
{
	struct ilnp_sess *s = ilnp_env_alloc(sizeof(*s));

	if (s == NULL) {
		ILNP_STAT(c, sess_refused);
		return (NULL);
	}
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
 * What a locator is that names give for a session.  With a peer that we know,
 * only the administrator's word counts like the peer's own: another one must
 * answer from there before it may see our nonce.
 */
static uint8_t
flags_of(struct ilnp_sess *s, struct ilnp_l64 l64, enum word word)
{
	const struct ilnp_loc *was = ilnp_locset_find(&s->s_remote, l64);

	if (word == TOLD || !ilnp_sess_known(s))
		return (0);
	if (was == NULL || (was->l_flags & ILNP_LOC_F_WITHDRAWN) != 0)
		return (ILNP_LOC_F_UNPROVEN | ILNP_LOC_F_SOUGHT);
	return (was->l_flags & (ILNP_LOC_F_UNPROVEN | ILNP_LOC_F_SOUGHT));
}

/*
 * Takes the usable ones of the locators that names gave.  A peer that has not
 * answered yet is sought where its session began, and nowhere else: whoever else
 * a name leads to is not to see our nonce.
 */
static u_int
put_locators(struct ilnp_ilcc *c, struct ilnp_sess *s,
    const struct ilnp_lurec *rec, u_int n, enum word word, ilnp_time_t now)
{
	u_int taken = 0;

	for (u_int i = 0; i < n && taken < ilnp_load_32(&c->c_conf.maxlocs);
	    i++) {
		uint16_t pref = rec[i].lr_pref > UINT16_MAX ? UINT16_MAX :
		    (uint16_t)rec[i].lr_pref;
		/* TTL 0 is good for one session (RFC 6740 s4.4), not for ever. */
		uint32_t life = rec[i].lr_life == 0 ? 1 : rec[i].lr_life;
		uint8_t flags = flags_of(s, rec[i].lr_l64, word);

		if (!ilnp_l64_usable(rec[i].lr_l64) ||
		    ((flags & ILNP_LOC_F_SOUGHT) != 0 &&
		    ilnp_sess_guessable(s)) ||
		    (word != TOLD && !ilnp_sess_known(s) &&
		    ilnp_locset_find(&s->s_remote, rec[i].lr_l64) == NULL))
			continue;
		if (ilnp_locset_put(&s->s_remote, rec[i].lr_l64, pref, life,
		    flags, now) != NULL)
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
		named = ilnp_sess_is_at(s, rec[i].lr_l64);
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

/*
 * True if the peer of a session has not been heard by any path that we have now:
 * it is lost, or we have moved and it may have as well.
 */
static bool
is_adrift(struct ilnp_sess *s)
{
	const struct ilnp_path *best = s->s_paths == NULL ? NULL :
	    ilnp_pathset_best(s->s_paths, 0);

	return (ilnp_sess_lost(s) || (ilnp_sess_known(s) && best != NULL &&
	    best->p_state == ILNP_PATH_NEW));
}

/*
 * Tells a session where names say that its correspondent is.  What that itself
 * has told us by a Locator Update stands, unless it is nowhere there: both of
 * us may have moved (RFC 6740 s6.2).
 * Returns true if the session is with the node we mean.
 */
static bool
tell_sess(struct ilnp_ilcc *c, struct ilnp_sess *s,
    const struct ilnp_lurec *rec, u_int n, enum word word, ilnp_time_t now)
{
	ILNP_LOCK_ASSERT(&s->s_lock);
	if (!is_named(s, rec, n))
		return (false);
	if ((s->s_lu_rx == 0 || (word == TOLD ? ilnp_sess_lost(s) :
	    is_adrift(s))) && (word != OFFERED || is_renewed(s, rec, n))) {
		(void)put_locators(c, s, rec, n, word, now);
		s->s_synced = false;
		if (word != TOLD && ilnp_sess_known(s))
			ilnp_store_32(&s->s_seeks, 1);
	}
	return (true);
}

/* True if a session has nowhere to send to where its peer is known to be. */
static bool
is_lost(struct ilnp_sess *s)
{
	bool any = false;

	ILNP_LOCK_ASSERT(&s->s_lock);
	for (u_int i = 0; i < s->s_remote.ls_n; i++)
		any = any || (ilnp_loc_sendable(&s->s_remote.ls_loc[i]) &&
		    ilnp_sess_is_at(s, s->s_remote.ls_loc[i].l_l64));
	return (!any || ilnp_sess_lost(s));
}

/*
 * True if a session is of no use to somebody who was told of these places: it is
 * not known to be at any of them, and has lost a peer that it knew, or not heard
 * of it yet.
 */
static bool
is_elsewhere(struct ilnp_sess *s, const struct ilnp_lurec *rec, u_int n)
{
	ILNP_LOCK_ASSERT(&s->s_lock);
	if (ilnp_sess_known(s) ? !is_lost(s) :
	    s->s_state != ILNP_SESS_TRYING)
		return (false);
	for (u_int i = 0; i < n; i++)
		if (ilnp_sess_is_at(s, rec[i].lr_l64))
			return (false);
	return (true);
}

/*
 * Tells all sessions with the node we mean.  Returns the best for who was told
 * of these places, or NULL.
 */
static struct ilnp_sess *
tell_all(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_lurec *rec, u_int n, enum word word, ilnp_time_t now)
{
	struct ilnp_sess *s, *best = NULL;
	bool bestlost = false;

	ILNP_EPOCH_ASSERT();
	for (s = ilnp_table_first(&c->c_table, nids); s != NULL;
	    s = ilnp_table_next(s)) {
		bool named, lost;

		ilnp_lock(&s->s_lock);
		lost = ilnp_sess_lost(s);
		named = tell_sess(c, s, rec, n, word, now) &&
		    !is_elsewhere(s, rec, n);
		ilnp_unlock(&s->s_lock);
		if (named && (best == NULL || (lost == bestlost ?
		    prefer(s, best) : bestlost))) {
			best = s;
			bestlost = lost;
		}
	}
	return (best);
}

static int
open_sess(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_lurec *rec, u_int n, enum word word, ilnp_time_t now,
    struct ilnp_sess **sp)
{
	struct ilnp_sess *s = tell_all(c, nids, rec, n, word, now);
	int error;

	if (s != NULL) {
		*sp = s;
		return (0);
	}
	s = alloc_sess(c, nids, true, now);
	if (s == NULL)
		return (ENOMEM);
	if (put_locators(c, s, rec, n, TOLD, now) == 0) {
		ilnp_sess_free(s);
		return (EADDRNOTAVAIL);
	}
	s->s_nout.n_len = (uint8_t)ilnp_load_32(&c->c_conf.nonce_size);
	ilnp_env_random(s->s_nout.n_b, s->s_nout.n_len);
	ilnp_lock(&c->c_lock);
	error = ilnp_ilcc_insert(c, s, now);
	ilnp_unlock(&c->c_lock);
	if (error != 0) {
		ILNP_STAT(c, sess_refused);
		ilnp_sess_free(s);
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
	return (open_sess(c, nids, rec, n, TOLD, now, sp));
}

int
ilnp_ilcc_offer(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_lurec *rec, u_int n, ilnp_time_t now,
    struct ilnp_sess **sp)
{
	return (open_sess(c, nids, rec, n, OFFERED, now, sp));
}

void
ilnp_ilcc_renew(struct ilnp_ilcc *c, const struct ilnp_nidpair *nids,
    const struct ilnp_lurec *rec, u_int n, bool trusted, ilnp_time_t now)
{
	(void)tell_all(c, nids, rec, n, trusted ? ANSWERED : OFFERED, now);
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

	if (s == NULL)
		return (ENOMEM);
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
	error = ilnp_ilcc_insert(c, s, now);
	ilnp_unlock(&c->c_lock);
	if (error != 0) {
		ILNP_STAT(c, sess_refused);
		ilnp_sess_free(s);
		return (error);
	}
	*sp = s;
	return (0);
}
