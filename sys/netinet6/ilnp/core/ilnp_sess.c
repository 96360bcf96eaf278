/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * One session: how its packets go out, and what changes its state.  All that
 * is called here with s_lock held sends nothing and takes no lock but that of
 * the local locators.
 */
#include "ilnp_ilcc_var.h"
#include "ilnp_addr.h"
#include "ilnp_cksum.h"

/* As ilnp_sess_paths(), if it has not been done. */
bool
ilnp_sess_sync(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now)
{
	struct ilnp_localloc local[ILNP_LOCS_MAX];
	uint32_t gen;
	u_int n;

	ILNP_LOCK_ASSERT(&s->s_lock);
	if (s->s_paths == NULL) {
		u_int cap = ilnp_load_32(&c->c_conf.maxpaths);

		s->s_paths = ilnp_env_alloc(ilnp_pathset_size(cap));
		if (s->s_paths == NULL)
			return (false);
		ilnp_pathset_init(s->s_paths, cap, ilnp_load_ptr(&c->c_alg));
		s->s_synced = false;
	}
	gen = ilnp_local_gen(&c->c_local);
	if (s->s_paths->ps_gen != 0 && s->s_paths->ps_gen != gen)
		s->s_moved = now;
	n = ilnp_local_snapshot(&c->c_local, local, &gen);
	ilnp_pathset_sync(s->s_paths, local, n, &s->s_remote, gen, now);
	s->s_synced = true;
	if (ilnp_sess_stale(c, s))
		ilnp_sess_announce(c, s, now);
	return (true);
}

/*
 * True if every path of a session that has any is down; where it is sought says
 * nothing of whether it is there.
 */
bool
ilnp_sess_lost(struct ilnp_sess *s)
{
	const struct ilnp_path *best = s->s_paths == NULL ? NULL :
	    ilnp_pathset_best(s->s_paths, 0);

	ILNP_LOCK_ASSERT(&s->s_lock);
	return (best != NULL ? best->p_state == ILNP_PATH_DOWN :
	    s->s_paths != NULL && s->s_paths->ps_n != 0);
}

bool
ilnp_sess_strayed(struct ilnp_sess *s)
{
	bool lost = false, failed = false;

	if (ilnp_load_32(&s->s_seeks) == 0)
		return (false);
	ilnp_lock(&s->s_lock);
	if (s->s_paths != NULL && ilnp_sess_known(s))
		lost = ilnp_sess_lost(s);
	/* That one has not even been sought. */
	failed = lost && ilnp_sess_guessable(s);
	for (u_int i = 0; lost && i < s->s_paths->ps_cap; i++)
		failed |= s->s_paths->ps_path[i].p_used &&
		    s->s_paths->ps_path[i].p_sought &&
		    s->s_paths->ps_path[i].p_state == ILNP_PATH_DOWN;
	if (!lost)
		ilnp_store_32(&s->s_seeks, 0);
	ilnp_unlock(&s->s_lock);
	return (failed);
}

bool
ilnp_sess_unheard(struct ilnp_sess *s, ilnp_time_t wait, ilnp_time_t now)
{
	bool unheard;

	if (ilnp_load_32(&s->s_confirmed) != 0)
		return (false);
	ilnp_lock(&s->s_lock);
	unheard = s->s_state == ILNP_SESS_TRYING && s->s_firsttx != 0 &&
	    ilnp_since(now, s->s_firsttx) >= wait;
	ilnp_unlock(&s->s_lock);
	return (unheard);
}

/*
 * True if the peer must be told of our present locators.  One that is not
 * confirmed would not believe us, or may never have spoken to us at all.
 */
bool
ilnp_sess_stale(struct ilnp_ilcc *c, const struct ilnp_sess *s)
{
	return (s->s_state == ILNP_SESS_OPEN && s->s_confirmed != 0 &&
	    s->s_lu_gen != ilnp_local_gen(&c->c_local));
}

/* Wants a Locator Update sent as soon as the gap between two allows. */
void
ilnp_sess_announce(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now)
{
	ilnp_time_t soonest = s->s_lu_last +
	    ILNP_MS(ilnp_load_32(&c->c_conf.lu_gap));

	ILNP_LOCK_ASSERT(&s->s_lock);
	s->s_lu_pending = true;
	s->s_lu_failed = false;
	s->s_lu_sends = 0;
	s->s_lu_due = s->s_lu_last != 0 && soonest > now ? soonest : now;
}

/*
 * When a Locator Update that follows on a proof of the peer may go out: the
 * peer must have proven us too, or it will not take it.  It has, or is about
 * to, half a round trip after we have answered a probe of its; if it has not
 * even asked we wait for that as long as for an acknowledgement.
 */
ilnp_time_t
ilnp_sess_believed(const struct ilnp_ilcc *c, const struct ilnp_sess *s,
    uint32_t rtt, ilnp_time_t now)
{
	ilnp_time_t soon = rtt + ILNP_MS(ilnp_load_32(&c->c_conf.lu_gap));

	return (now + (s->s_proved || soon > ILNP_SEC(1) ? soon :
	    ILNP_SEC(1)));
}

void
ilnp_sess_proved(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now)
{
	const struct ilnp_path *p = s->s_paths == NULL ? NULL :
	    ilnp_pathset_best(s->s_paths, 0);
	ilnp_time_t due;

	ILNP_LOCK_ASSERT(&s->s_lock);
	if (s->s_proved)
		return;
	s->s_proved = true;
	due = ilnp_sess_believed(c, s, p == NULL ? 0 : p->p_srtt, now);
	if (s->s_lu_pending && s->s_lu_sends == 0 && s->s_lu_due > due)
		s->s_lu_due = due;
}

/*
 * The peer has answered something only it could have seen.  `rtt' is what the
 * answer took, in us, 0 if unknown.  The caller calls ilnp_ilcc_unhalf() and
 * ilnp_ilcc_busy() once it has let go of s_lock.
 */
void
ilnp_sess_confirmed(struct ilnp_ilcc *c, struct ilnp_sess *s, uint32_t rtt,
    ilnp_time_t now)
{
	struct ilnp_advert ad;

	ILNP_LOCK_ASSERT(&s->s_lock);
	s->s_provisional = false;
	if (s->s_confirmed != 0)
		return;
	ilnp_store_32(&s->s_confirmed, 1);
	/*
	 * So far the peer knows the locators it has seen: tell it the others.
	 */
	ilnp_local_advert(&c->c_local, 1, &ad);
	if (ad.ad_n > 1 || s->s_lu_gen != ad.ad_gen)
		ilnp_sess_announce(c, s, ilnp_sess_believed(c, s, rtt, now));
}

bool
ilnp_sess_confirm(struct ilnp_ilcc *c, struct ilnp_sess *s)
{
	bool news;

	ilnp_lock(&s->s_lock);
	news = s->s_confirmed == 0;
	ilnp_sess_confirmed(c, s, 0, s->s_lastrx);
	ilnp_unlock(&s->s_lock);
	if (news) {
		ilnp_ilcc_unhalf(c, s);
		ilnp_ilcc_busy(c, s);
	}
	return (news);
}

/*
 * Takes a nonce for the peer's.  It is proven if it came with an answer that
 * only somebody on the path could give; before that it is believed no more
 * than a source address is in plain IPv6.
 */
void
ilnp_sess_setnonce(struct ilnp_ilcc *c, struct ilnp_sess *s,
    const struct ilnp_nonce *nonce, bool proven, ilnp_time_t now)
{
	ILNP_LOCK_ASSERT(&s->s_lock);
	s->s_nin = *nonce;
	s->s_token = ilnp_ilcc_token(c, nonce);
	s->s_provisional = !proven;
	s->s_state = ILNP_SESS_OPEN;
	if (proven)
		ilnp_sess_confirmed(c, s, 0, now);
}

/* The peer does not speak ILNP; its flows keep to one pair of locators. */
void
ilnp_sess_fallback(struct ilnp_ilcc *c, struct ilnp_sess *s,
    const struct ilnp_l64pair *pair, ilnp_time_t now)
{
	ILNP_LOCK_ASSERT(&s->s_lock);
	s->s_state = ILNP_SESS_IPV6;
	s->s_provisional = false;
	s->s_nin.n_len = 0;
	s->s_rxpair = *pair;
	s->s_lu_pending = false;
	ilnp_ilcc_event(c, ILNP_EV_FALLBACK, s, pair, 0, now);
}

void
ilnp_sess_retry(struct ilnp_ilcc *c, struct ilnp_sess *s)
{
	(void)c;
	ilnp_lock(&s->s_lock);
	if (s->s_state == ILNP_SESS_IPV6) {
		s->s_state = ILNP_SESS_TRYING;
		s->s_firsttx = 0;
		s->s_unreach = false;
	}
	ilnp_unlock(&s->s_lock);
}

int
ilnp_sess_algorithm(struct ilnp_ilcc *c, struct ilnp_sess *s, const char *name)
{
	const struct ilnp_sel_alg *alg = ilnp_sel_lookup(name);
	int error = 0;

	if (alg == NULL)
		return (ENOENT);
	ilnp_lock(&s->s_lock);
	if (ilnp_sess_paths(c, s, s->s_lasttx))
		ilnp_pathset_algorithm(s->s_paths, alg);
	else
		error = ENOMEM;
	ilnp_unlock(&s->s_lock);
	return (error);
}

int
ilnp_sess_choose(struct ilnp_ilcc *c, struct ilnp_sess *s,
    struct ilnp_choice *choice, const struct ilnp_choice *want)
{
	bool paired = want->ch_kind == ILNP_CHOICE_PREFER ||
	    want->ch_kind == ILNP_CHOICE_PIN ||
	    want->ch_kind == ILNP_CHOICE_STRICT;
	int error = 0;

	if (want->ch_kind > ILNP_CHOICE_REDUNDANT || (paired &&
	    want->ch_pair.local.l64 == 0 && want->ch_pair.remote.l64 == 0))
		return (EINVAL);
	ilnp_lock(&s->s_lock);
	if (!ilnp_sess_paths(c, s, s->s_lasttx))
		error = ENOMEM;
	else if (paired && !ilnp_pathset_fits(s->s_paths, &want->ch_pair))
		error = EADDRNOTAVAIL;
	else {
		if (choice == NULL)
			choice = &s->s_paths->ps_choice;
		choice->ch_kind = want->ch_kind;
		choice->ch_lost = false;
		memset(&choice->ch_pair, 0, sizeof(choice->ch_pair));
		if (paired)
			choice->ch_pair = want->ch_pair;
	}
	ilnp_unlock(&s->s_lock);
	return (error);
}

int
ilnp_sess_modes(struct ilnp_sess *s, struct ilnp_choice *choice,
    uint32_t nonce, uint32_t cksum)
{
	if (nonce > ILNP_NONCE_INITIAL || cksum > ILNP_SUM_PEER)
		return (EINVAL);
	ilnp_lock(&s->s_lock);
	choice->ch_nonce = (uint8_t)nonce;
	choice->ch_cksum = (uint8_t)cksum;
	ilnp_unlock(&s->s_lock);
	return (0);
}

void
ilnp_sess_pathevent(struct ilnp_ilcc *c, struct ilnp_sess *s,
    struct ilnp_path *p, enum ilnp_pathevent ev, ilnp_time_t now)
{
	ILNP_LOCK_ASSERT(&s->s_lock);
	if (!ilnp_path_event(p, ev, ilnp_load_32(&c->c_conf.probe_fails)))
		return;
	switch (p->p_state) {
	case ILNP_PATH_UP:
		ILNP_STAT(c, path_up);
		ilnp_ilcc_event(c, ILNP_EV_PATH_UP, s, &p->p_pair, 0, now);
		/* An update that found no way before finds one now. */
		if (s->s_lu_failed || (s->s_lu_pending && s->s_lu_sends > 1))
			ilnp_sess_announce(c, s, now);
		break;
	case ILNP_PATH_SUSPECT:
		ilnp_ilcc_event(c, ILNP_EV_PATH_SUSPECT, s, &p->p_pair, 0,
		    now);
		break;
	case ILNP_PATH_DOWN:
		ILNP_STAT(c, path_down);
		ilnp_ilcc_event(c, ILNP_EV_PATH_DOWN, s, &p->p_pair, 0, now);
		break;
	default:
		break;
	}
}

/*
 * Whether a data packet sent now must carry the nonce (contradiction C3).  The
 * other end knows a connection only once the third packet of its beginning has
 * come, so each counts for itself from its SYN on.
 */
static bool
carries_nonce(const struct ilnp_ilcc *c, const struct ilnp_sess *s,
    const struct ilnp_choice *ch, enum ilnp_part part, ilnp_time_t now)
{
	const struct ilnp_conf *conf = &c->c_conf;

	return (part != ILNP_PART_GOES_ON || !ilnp_omits_nonces(conf, ch) ||
	    s->s_confirmed == 0 || (ch != NULL ? ch->ch_ntx : s->s_ntx) <
	    ilnp_load_32(&conf->nonce_initial) ||
	    (s->s_moved != 0 && ilnp_since(now, s->s_moved) <
	    ILNP_SEC(ilnp_load_32(&conf->post_move_nonce))));
}

/* Counts the segments of a connection since its SYN. */
static void
count_part(struct ilnp_sess *s, struct ilnp_choice *ch, enum ilnp_part part)
{
	uint16_t *ntx = ch != NULL ? &ch->ch_ntx : &s->s_ntx;

	if (part == ILNP_PART_BEGINS)
		*ntx = 0;
	else if (*ntx < UINT16_MAX)
		(*ntx)++;
}

static enum ilnp_cksum
cksum_out(const struct ilnp_ilcc *c, const struct ilnp_sess *s,
    const struct ilnp_choice *ch)
{
	switch (ch != NULL && ch->ch_cksum != 0 ? ch->ch_cksum :
	    ilnp_load_32(&c->c_conf.cksum) + 1) {
	case ILNP_SUM_RFC:
		return (ILNP_CKSUM_RFC);
	case ILNP_SUM_IPV6:
		return (ILNP_CKSUM_IPV6);
	default:
		return (s->s_rxcksum == ILNP_CKSUM_IPV6 ? ILNP_CKSUM_IPV6 :
		    ILNP_CKSUM_RFC);
	}
}

bool
ilnp_sess_bare(struct ilnp_ilcc *c, struct ilnp_sess *s,
    const struct ilnp_choice *choice, ilnp_time_t now)
{
	bool bare;

	ilnp_lock(&s->s_lock);
	/* Or it would find out that we have moved only when it is sent. */
	(void)ilnp_sess_paths(c, s, now);
	bare = s->s_state == ILNP_SESS_IPV6 || (!carries_nonce(c, s,
	    choice, ILNP_PART_GOES_ON, now) &&
	    cksum_out(c, s, choice) == ILNP_CKSUM_IPV6);
	ilnp_unlock(&s->s_lock);
	return (bare);
}

bool
ilnp_sess_cksum(struct ilnp_ilcc *c, struct ilnp_sess *s, enum ilnp_cksum kind)
{
	bool accept;

	ilnp_lock(&s->s_lock);
	accept = ilnp_load_32(&c->c_conf.cksum_strict) == 0 ||
	    kind == cksum_out(c, s, NULL);
	if (accept)
		s->s_rxcksum = (uint8_t)kind;
	ilnp_unlock(&s->s_lock);
	if (!accept)
		ILNP_STAT(c, in_cksum_kind);
	return (accept);
}

struct ilnp_l64pair
ilnp_sess_rxpair(struct ilnp_sess *s)
{
	struct ilnp_l64pair pair;

	ilnp_lock(&s->s_lock);
	pair = s->s_rxpair;
	ilnp_unlock(&s->s_lock);
	return (pair);
}

/* A slot of the path that must be taken whatever the algorithm says, or 0. */
static uint32_t
fixed_path(struct ilnp_sess *s)
{
	struct ilnp_path *p;

	/*
	 * Plain IPv6 flows cannot move.  A responder that has not been
	 * confirmed mirrors the locators it was spoken to with, so that a
	 * handshake passes stateful filters and is sent nowhere else.
	 */
	if (s->s_state != ILNP_SESS_IPV6 &&
	    (s->s_initiator || s->s_confirmed != 0))
		return (0);
	p = ilnp_pathset_find(s->s_paths, &s->s_rxpair);
	if (p == NULL || !ilnp_pathset_allows(s->s_paths, p))
		return (0);
	return (1U << (p - s->s_paths->ps_path));
}

/* How long after an answer the next probe is due. */
ilnp_time_t
ilnp_sess_probegap(const struct ilnp_ilcc *c, const struct ilnp_path *p,
    ilnp_time_t now)
{
	ilnp_time_t busy = ILNP_MS(ilnp_load_32(&c->c_conf.probe_busy));

	return (p->p_lasttx != 0 && ilnp_since(now, p->p_lasttx) < busy ?
	    busy : ILNP_MS(ilnp_load_32(&c->c_conf.probe_idle)));
}

static void
charge_path(struct ilnp_ilcc *c, struct ilnp_sess *s, struct ilnp_path *p,
    uint32_t len, ilnp_time_t now)
{
	ilnp_time_t soon;

	/* Once a second is often enough for states that change in seconds. */
	if (ilnp_loc_clock(p->p_lasttx) != ilnp_loc_clock(now)) {
		struct ilnp_loc *l = ilnp_locset_find(&s->s_remote,
		    p->p_pair.remote);

		ilnp_local_touch(&c->c_local, p->p_pair.local, now);
		if (l != NULL)
			ilnp_loc_touch(l, now);
	}
	if (p->p_unproven)
		s->s_paths->ps_blind++;
	p->p_lasttx = now;
	/* A path that begins to carry data is watched more closely at once. */
	soon = now + ILNP_MS(ilnp_load_32(&c->c_conf.probe_busy));
	if (!p->p_waiting && p->p_due > soon)
		p->p_due = soon;
	p->p_txpkts++;
	p->p_txbytes += len;
}

/* Picks the paths of a packet; returns a mask of slots. */
static uint32_t
pick_paths(struct ilnp_ilcc *c, struct ilnp_sess *s, uint32_t len,
    uint32_t flow, struct ilnp_choice *ch, ilnp_time_t now)
{
	uint32_t mask = fixed_path(s);
	bool lost;

	if (mask != 0)
		return (mask);
	if (ch == NULL || ch->ch_kind == ILNP_CHOICE_ANY)
		ch = &s->s_paths->ps_choice;
	mask = ilnp_pathset_pick(s->s_paths, ch, len, flow, &lost);
	if (lost && ch->ch_kind == ILNP_CHOICE_PIN && mask != 0)
		ILNP_STAT(c, out_unpinned);
	if (lost != ch->ch_lost) {
		ch->ch_lost = lost;
		ilnp_ilcc_event(c, lost ? ILNP_EV_CHOICE_LOST :
		    ILNP_EV_CHOICE_BACK, s, &ch->ch_pair, 0, now);
	}
	return (mask);
}

bool
ilnp_sess_spreads(struct ilnp_ilcc *c, struct ilnp_sess *s,
    const struct ilnp_choice *choice, ilnp_time_t now)
{
	bool spreads = false;

	ilnp_lock(&s->s_lock);
	if (ilnp_sess_paths(c, s, now) && fixed_path(s) == 0)
		spreads = ilnp_pathset_spreads(s->s_paths, choice == NULL ||
		    choice->ch_kind == ILNP_CHOICE_ANY ?
		    &s->s_paths->ps_choice : choice);
	ilnp_unlock(&s->s_lock);
	return (spreads);
}

enum ilnp_outverdict
ilnp_sess_output(struct ilnp_ilcc *c, struct ilnp_sess *s, uint32_t len,
    uint32_t flow, struct ilnp_choice *choice, enum ilnp_part part,
    ilnp_time_t now, struct ilnp_out *out)
{
	enum ilnp_outverdict verdict = ILNP_OUT_NOPATH;
	uint32_t mask = 0;
	u_int n = 0;
	bool wake;

	ILNP_EPOCH_ASSERT();
	out->o_kick = false;
	out->o_nonce.n_len = 0;
	ilnp_lock(&s->s_lock);
	wake = s->s_lasttx == 0 || ilnp_since(now, s->s_lasttx) > ILNP_MS(50);
	if (ilnp_sess_paths(c, s, now))
		mask = pick_paths(c, s, len, flow, choice, now);
	for (; mask != 0 && n < ILNP_COPIES_MAX; mask &= mask - 1) {
		struct ilnp_path *p =
		    &s->s_paths->ps_path[__builtin_ctz(mask)];

		out->o_path[n].op_pair = p->p_pair;
		out->o_path[n].op_if = p->p_if;
		out->o_path[n].op_mtu = p->p_mtu;
		out->o_path[n].op_state = p->p_state;
		n++;
		charge_path(c, s, p, len, now);
		if (s->s_state == ILNP_SESS_IPV6)
			s->s_rxpair = p->p_pair;
	}
	out->o_n = n;
	if (n == 0)
		ILNP_STAT(c, out_nopath);
	else if (s->s_state == ILNP_SESS_IPV6) {
		verdict = ILNP_OUT_PLAIN;
		out->o_cksum = ILNP_CKSUM_IPV6;
		ILNP_STAT(c, out_plain);
	} else {
		verdict = ILNP_OUT_ILNP;
		out->o_cksum = cksum_out(c, s, choice);
		if (carries_nonce(c, s, choice, part, now))
			out->o_nonce = s->s_nout;
		else if (len > s->s_bare)
			s->s_bare = (uint16_t)(len < UINT16_MAX ? len :
			    UINT16_MAX);
		ILNP_STAT(c, out_ilnp);
	}
	if (s->s_firsttx == 0)
		s->s_firsttx = now;
	if (part != ILNP_PART_ALONE)
		count_part(s, choice, part);
	s->s_lasttx = now;
	ilnp_unlock(&s->s_lock);
	if (wake || ilnp_load_32(&s->s_busyslot) == ILNP_NOSLOT) {
		ilnp_ilcc_busy(c, s);
		out->o_kick = true;
	}
	return (verdict);
}

/*
 * What stands in for a nonce on a path where only names put the peer: whoever
 * owns the name must not learn from it what would make him either of us.  The
 * peer, who knows both nonces, knows it by them and by the locators, so that it
 * is worth nothing elsewhere.  `ours' tells whose packets it is on.
 */
void
ilnp_sess_alias(const struct ilnp_sess *s, const struct ilnp_l64pair *pair,
    bool ours, struct ilnp_nonce *alias)
{
	const struct ilnp_nonce *from = ours ? &s->s_nout : &s->s_nin;
	const struct ilnp_nonce *to = ours ? &s->s_nin : &s->s_nout;
	struct ilnp_rd f = ilnp_rd(from->n_b, sizeof(from->n_b));
	struct ilnp_rd t = ilnp_rd(to->n_b, sizeof(to->n_b));
	uint64_t key[2] = { ilnp_rd_u64(&f), ilnp_rd_u64(&t) };
	uint64_t words[4] = {
		(uint64_t)ilnp_rd_u32(&f) << 32 | ilnp_rd_u32(&t),
		ours ? pair->local.l64 : pair->remote.l64,
		ours ? pair->remote.l64 : pair->local.l64, 0
	};
	uint8_t raw[2 * sizeof(uint64_t)];
	struct ilnp_wr w = ilnp_wr(raw, sizeof(raw));

	for (; words[3] < 2; words[3]++)
		ilnp_wr_be(&w, ilnp_hash(key, words, 4), sizeof(uint64_t));
	memset(alias, 0, sizeof(*alias));
	alias->n_len = from->n_len;
	memcpy(alias->n_b, raw, alias->n_len);
}

/* Fills in what all control packets of a session have in common. */
void
ilnp_sess_ctl(struct ilnp_sess *s, const struct ilnp_l64pair *pair,
    uint32_t ifhandle, struct ilnp_act *a)
{
	const struct ilnp_loc *l = ilnp_locset_find(&s->s_remote, pair->remote);

	a->a_if = ifhandle;
	a->a_ctl.cp_src.l64 = pair->local;
	a->a_ctl.cp_src.nid = s->s_nids.local;
	a->a_ctl.cp_dst.l64 = pair->remote;
	a->a_ctl.cp_dst.nid = s->s_nids.remote;
	if (l != NULL && (l->l_flags & ILNP_LOC_F_SOUGHT) != 0)
		ilnp_sess_alias(s, pair, true, &a->a_ctl.cp_nonce);
	else
		a->a_ctl.cp_nonce = s->s_nout;
}

/*
 * What a probe carries and its answer brings back.  A keyed hash, so nothing
 * needs to be remembered to know it again and nobody off the path can guess it.
 */
uint64_t
ilnp_sess_token(const struct ilnp_ilcc *c, const struct ilnp_sess *s,
    const struct ilnp_l64pair *pair, uint16_t seq)
{
	uint64_t words[6] = {
		s->s_nids.local.nid, s->s_nids.remote.nid,
		pair->local.l64, pair->remote.l64, s->s_id, seq
	};

	return (ilnp_hash(c->c_secret, words, 6));
}

/* The path on which probe `seq' waits for its answer, or NULL. */
struct ilnp_path *
ilnp_sess_probed(struct ilnp_sess *s, const struct ilnp_l64pair *pair,
    uint16_t seq)
{
	struct ilnp_path *p = s->s_paths == NULL ? NULL :
	    ilnp_pathset_find(s->s_paths, pair);

	ILNP_LOCK_ASSERT(&s->s_lock);
	if (p == NULL || (uint16_t)(p->p_seq - seq) >= ILNP_PROBE_RING ||
	    p->p_sent[seq % ILNP_PROBE_RING] == 0)
		return (NULL);
	return (p);
}

/* Writes a probe for a path into an action. */
void
ilnp_sess_probe(struct ilnp_ilcc *c, struct ilnp_sess *s, struct ilnp_path *p,
    struct ilnp_act *a, ilnp_time_t now)
{
	struct ilnp_wr w = ilnp_wr(a->a_data, sizeof(a->a_data));

	ILNP_LOCK_ASSERT(&s->s_lock);
	p->p_seq++;
	p->p_sent[p->p_seq % ILNP_PROBE_RING] = now;
	p->p_waiting = true;
	p->p_due = now + ilnp_path_hurry(p);
	ilnp_wr_be(&w, ilnp_sess_token(c, s, &p->p_pair, p->p_seq), 8);
	ilnp_sess_ctl(s, &p->p_pair, p->p_if, a);
	a->a_ctl.cp_kind = ILNP_CTL_PROBE;
	a->a_ctl.cp_echoid = (uint16_t)s->s_id;
	a->a_ctl.cp_echoseq = p->p_seq;
	a->a_ctl.cp_body = a->a_data;
	a->a_ctl.cp_bodylen = (uint16_t)w.w_len;
	ILNP_STAT(c, probe_sent);
}
