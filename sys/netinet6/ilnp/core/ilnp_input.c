/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What may come in (RFC 6741 s5.4 and s11, RFC 6744 s4 and s7).
 *
 *	nonce of a session		its packet, from wherever
 *	no nonce, known locator		its packet if the flow is ILNP's
 *	no nonce, unknown locator	dropped if the flow is ILNP's
 *	other nonce, opens a flow	a new session
 *	other nonce, opens nothing	dropped; a probe finds out whether the
 *					peer has restarted
 *	alias of a session's nonces	a probe, or its answer, of a peer that
 *					names told where to seek us, or us it
 *
 * In both other cases a packet without a nonce is left to plain IPv6.
 */
#include "ilnp_ilcc_var.h"
#include "ilnp_addr.h"

#define	TH_FIN	0x01
#define	TH_SYN	0x02
#define	TH_RST	0x04
#define	TH_ACK	0x10

/* What must be done once no session lock is held. */
struct after {
	bool	busy;
	bool	unhalf;
};

/* True if a packet may begin a flow where sessions exist. */
static bool
may_open(const struct ilnp_in *in)
{
	const struct ilnp_view *v = &in->i_view;

	if (v->v_laterfrag)
		return (false);
	switch (v->v_proto) {
	case ILNP_PROTO_TCP:
		return ((v->v_tcpflags & (TH_SYN | TH_ACK | TH_RST | TH_FIN)) ==
		    TH_SYN);
	case ILNP_PROTO_ICMPV6:
		return (v->v_icmptype == ILNP_ICMP6_ECHO_REQ);
	case ILNP_PROTO_NONE:
		return (false);
	default:
		return (in->i_hint == ILNP_FLOW_OPENS);
	}
}

/* True if a packet may begin a session where there is none. */
static bool
may_begin(const struct ilnp_view *v)
{
	if (v->v_laterfrag || v->v_proto == ILNP_PROTO_NONE)
		return (false);
	return (v->v_proto != ILNP_PROTO_ICMPV6 ||
	    v->v_icmptype == ILNP_ICMP6_ECHO_REQ);
}

/*
 * True if a packet comes from where the peer of a session has been itself, or
 * has said to be.  Only from there may it change the nonce we know: that
 * somebody is where names say that the peer has gone does not make him the peer.
 */
static bool
from_known(struct ilnp_sess *s, const struct ilnp_view *v)
{
	const struct ilnp_loc *l = ilnp_locset_find(&s->s_remote, v->v_src.l64);

	return (l != NULL && (l->l_flags & ILNP_LOC_F_SOUGHT) == 0);
}

/*
 * True if a packet bears the nonce of a session.  One that is not proven counts
 * only where we seek the peer: whoever made it up would next name a place of
 * his own, and prove that.
 */
static bool
nonce_matches(struct ilnp_sess *s, const struct ilnp_view *v)
{
	return (ilnp_nonce_eq(&s->s_nin, &v->v_nonce) &&
	    (!s->s_provisional || from_known(s, v)));
}

/*
 * A session that has no proven nonce yet takes this one if it comes from a
 * locator we spoke to.  Our own nonce coming back proves itself: the peer
 * shares one nonce for both directions (contradiction C2).
 */
static bool
adopt_nonce(struct ilnp_ilcc *c, struct ilnp_sess *s,
    const struct ilnp_view *v, struct after *after, ilnp_time_t now)
{
	ILNP_LOCK_ASSERT(&s->s_lock);
	if (s->s_state == ILNP_SESS_IPV6 ||
	    (s->s_state == ILNP_SESS_OPEN && !s->s_provisional))
		return (false);
	if (ilnp_nonce_eq(&s->s_nout, &v->v_nonce)) {
		ilnp_sess_setnonce(c, s, &v->v_nonce, true, now);
		after->unhalf = after->busy = true;
		return (true);
	}
	if (!from_known(s, v))
		return (false);
	ilnp_sess_setnonce(c, s, &v->v_nonce, false, now);
	after->busy = true;
	return (true);
}

static void
keep_only(struct ilnp_locset *ls, struct ilnp_l64 l64)
{
	for (u_int i = ls->ls_n; i-- > 0;)
		if (!ilnp_l64_eq(ls->ls_loc[i].l_l64, l64))
			ilnp_locset_del(ls, ls->ls_loc[i].l_l64);
}

/*
 * The answer to a probe under another nonce than the one we know: whoever
 * returns the token is at the end of the path, so the peer has lost its state
 * and begun anew.
 */
static bool
rekey(struct ilnp_ilcc *c, struct ilnp_sess *s, const struct ilnp_view *v,
    uint16_t seq, uint64_t token, struct after *after, ilnp_time_t now)
{
	struct ilnp_l64pair pair = {
		.local = v->v_dst.l64, .remote = v->v_src.l64
	};
	struct ilnp_path *p;

	ILNP_LOCK_ASSERT(&s->s_lock);
	if (s->s_state == ILNP_SESS_IPV6 ||
	    token != ilnp_sess_token(c, s, &pair, seq))
		return (false);
	/* An answer counts once: a recorded one must not do this again. */
	p = ilnp_sess_probed(s, &pair, seq);
	if (p == NULL || !from_known(s, v))
		return (false);
	if (s->s_state == ILNP_SESS_OPEN && !s->s_provisional) {
		ILNP_STAT(c, sess_rekeyed);
		ilnp_ilcc_event(c, ILNP_EV_REKEYED, s, &pair, 0, now);
		s->s_rxcksum = ILNP_CKSUM_UNKNOWN;
		/*
		 * The new peer knows none of our locators but this one, and we
		 * none of its: what the old one said of others is void.
		 */
		keep_only(&s->s_remote, pair.remote);
		s->s_lu_rx = 0;
		s->s_proved = false;
		s->s_synced = false;
		ilnp_sess_announce(c, s, ilnp_sess_believed(c, s, p->p_srtt,
		    now));
	}
	ilnp_sess_setnonce(c, s, &v->v_nonce, true, now);
	after->unhalf = after->busy = true;
	return (true);
}

/* Takes back a nonce that has turned out to belong to another session. */
static void
forget_nonce(struct ilnp_sess *s, const struct ilnp_nonce *nonce)
{
	ilnp_lock(&s->s_lock);
	if (s->s_provisional && ilnp_nonce_eq(&s->s_nin, nonce)) {
		s->s_nin.n_len = 0;
		s->s_provisional = false;
		s->s_state = ILNP_SESS_TRYING;
	}
	ilnp_unlock(&s->s_lock);
}

/*
 * Finds the session whose probe a packet answers, under a nonce that is new or
 * that `held' has taken without proof: where both ends have begun sessions at
 * once these may have taken each other's nonces crosswise.  Only one end may
 * put that right, or they are crossed again: chance decides.
 * Returns the session locked, or NULL.
 */
static struct ilnp_sess *
find_asker(struct ilnp_ilcc *c, const struct ilnp_in *in,
    struct ilnp_sess *held, struct after *after, ilnp_time_t now)
{
	const struct ilnp_view *v = &in->i_view;
	struct ilnp_sess *s;
	uint64_t token;
	uint16_t seq;
	uint8_t coin = 0;

	if (!ilnp_icmp_is_probe(v, in->i_pkt, &seq, &token))
		return (NULL);
	if (held != NULL)
		ilnp_env_random(&coin, sizeof(coin));
	for (s = ilnp_table_first(&c->c_table, &in->i_nids); s != NULL;
	    s = ilnp_table_next(s)) {
		if (s != held && (coin & 1) != 0)
			continue;
		ilnp_lock(&s->s_lock);
		if (!s->s_dead && rekey(c, s, v, seq, token, after, now)) {
			if (held == NULL || s == held)
				return (s);
			ilnp_unlock(&s->s_lock);
			forget_nonce(held, &v->v_nonce);
			ilnp_lock(&s->s_lock);
			if (!s->s_dead && nonce_matches(s, v))
				return (s);
		}
		ilnp_unlock(&s->s_lock);
	}
	return (NULL);
}

/* Has a place sought, unless its peer has named it or names have already. */
static void
seek(struct ilnp_ilcc *c, struct ilnp_sess *s, struct ilnp_l64 at,
    ilnp_time_t now)
{
	const struct ilnp_loc *l = ilnp_locset_find(&s->s_remote, at);

	ILNP_LOCK_ASSERT(&s->s_lock);
	if ((l == NULL || (l->l_flags & ILNP_LOC_F_WITHDRAWN) != 0) &&
	    ilnp_locset_put(&s->s_remote, at, UINT16_MAX,
	    ilnp_load_32(&c->c_conf.lu_lifetime), ILNP_LOC_F_LEARNT |
	    ILNP_LOC_F_UNPROVEN | ILNP_LOC_F_SOUGHT, now) != NULL)
		s->s_synced = false;
}

/*
 * Finds the session whose peer seeks us where names say that we are, or answers
 * us where they say that it is.  Its place is then sought by us, too, also if it
 * has been there before: it has to answer from there itself.
 * Returns the session locked, or NULL.
 */
static struct ilnp_sess *
find_seeker(struct ilnp_ilcc *c, const struct ilnp_in *in, ilnp_time_t now)
{
	const struct ilnp_view *v = &in->i_view;
	struct ilnp_l64pair pair = {
		.local = v->v_dst.l64, .remote = v->v_src.l64
	};
	struct ilnp_nonce alias;
	struct ilnp_sess *s;
	uint64_t token;
	uint16_t seq;

	if (!ilnp_icmp_is_probe(v, in->i_pkt, &seq, &token))
		return (NULL);
	for (s = ilnp_table_first(&c->c_table, &in->i_nids); s != NULL;
	    s = ilnp_table_next(s)) {
		ilnp_lock(&s->s_lock);
		if (!s->s_dead && ilnp_sess_known(s)) {
			ilnp_sess_alias(s, &pair, false, &alias);
			if (ilnp_nonce_eq(&alias, &v->v_nonce))
				break;
		}
		ilnp_unlock(&s->s_lock);
	}
	if (s != NULL)
		seek(c, s, pair.remote, now);
	return (s);
}

/* Asks a known locator, at most once a second, who is there now. */
static void
question_peer(struct ilnp_sess *s, const struct ilnp_l64pair *pair,
    struct after *after, ilnp_time_t now)
{
	struct ilnp_path *p;

	ILNP_LOCK_ASSERT(&s->s_lock);
	if (s->s_paths == NULL || (s->s_question != 0 &&
	    ilnp_since(now, s->s_question) < ILNP_SEC(1)))
		return;
	p = ilnp_pathset_find(s->s_paths, pair);
	if (p == NULL)
		return;
	s->s_question = now;
	/* A probe that is out already asks the same. */
	if (!p->p_waiting)
		p->p_due = now;
	after->busy = true;
}

/*
 * Finds the session of a packet with a nonce and returns it locked, or makes
 * one and returns that locked, or NULL with the verdict.
 */
static struct ilnp_sess *
find_by_nonce(struct ilnp_ilcc *c, ilnp_time_t now, struct ilnp_in *in,
    struct after *after, enum ilnp_inverdict *verdict)
{
	const struct ilnp_view *v = &in->i_view;
	struct ilnp_l64pair pair = {
		.local = v->v_dst.l64, .remote = v->v_src.l64
	};
	const bool answer = v->v_proto == ILNP_PROTO_ICMPV6 &&
	    v->v_icmptype == ILNP_ICMP6_ECHO_REP;
	struct ilnp_sess *first, *s, *known = NULL, *held = NULL;
	bool any = false;

	s = in->i_flow;
	if (s != NULL && !answer && ilnp_nidpair_eq(&s->s_nids, &in->i_nids)) {
		ilnp_lock(&s->s_lock);
		if (!s->s_dead && nonce_matches(s, v))
			return (s);
		ilnp_unlock(&s->s_lock);
	}
	first = ilnp_table_first(&c->c_table, &in->i_nids);
	for (s = first; s != NULL; s = ilnp_table_next(s)) {
		ilnp_lock(&s->s_lock);
		if (!s->s_dead && nonce_matches(s, v)) {
			if (!s->s_provisional || !answer)
				return (s);
			held = s;
		}
		ilnp_unlock(&s->s_lock);
	}
	/* Not on the common path any more: this nonce is new to us. */
	s = find_seeker(c, in, now);
	if (s != NULL) {
		after->busy = true;
		return (s);
	}
	if (answer) {
		s = find_asker(c, in, held, after, now);
		if (s != NULL)
			return (s);
	}
	for (s = first; s != NULL; s = ilnp_table_next(s)) {
		ilnp_lock(&s->s_lock);
		if (!s->s_dead) {
			any |= s->s_state != ILNP_SESS_IPV6;
			if (adopt_nonce(c, s, v, after, now))
				return (s);
			if (known == NULL && s->s_state == ILNP_SESS_OPEN &&
			    ilnp_locset_find(&s->s_remote, pair.remote) != NULL)
				known = s;
		}
		ilnp_unlock(&s->s_lock);
	}

	*verdict = ILNP_IN_DROP;
	if (v->v_proto == ILNP_PROTO_ICMPV6 &&
	    v->v_icmptype == ILNP_ICMP6_LU) {
		ILNP_STAT(c, lu_forged);
		return (NULL);
	}
	if (v->v_proto == ILNP_PROTO_ICMPV6 && v->v_icmptype < 128) {
		/* An error under a nonce that nobody agreed on. */
		if (any) {
			ILNP_STAT(c, in_icmp_forged);
			return (NULL);
		}
		*verdict = ILNP_IN_IPV6;
		return (NULL);
	}
	if (any ? !may_open(in) : !may_begin(v)) {
		ILNP_STAT(c, in_nonce_wrong);
		if (known != NULL) {
			ilnp_lock(&known->s_lock);
			question_peer(known, &pair, after, now);
			ilnp_unlock(&known->s_lock);
			in->i_sess = known;
		}
		return (NULL);
	}
	if (!ilnp_local_nid_is(&c->c_local, in->i_nids.local)) {
		ILNP_STAT(c, in_notours);
		*verdict = ILNP_IN_IPV6;
		return (NULL);
	}
	if (ilnp_ilcc_accept(c, &in->i_nids, &v->v_nonce, v->v_src.l64, now,
	    &s) != 0)
		return (NULL);
	after->busy = true;
	ilnp_lock(&s->s_lock);
	/* Spoken to at a locator we are giving up: the peer must be told. */
	if (!ilnp_local_sends(&c->c_local, v->v_dst.l64))
		s->s_lu_gen--;
	return (s);
}

/* Counts a packet; returns its path or NULL. */
static struct ilnp_path *
count_arrival(struct ilnp_sess *s, const struct ilnp_view *v)
{
	struct ilnp_l64pair pair = {
		.local = v->v_dst.l64, .remote = v->v_src.l64
	};
	struct ilnp_path *p = s->s_paths == NULL ? NULL :
	    ilnp_pathset_find(s->s_paths, &pair);

	if (p != NULL) {
		p->p_rxpkts++;
		p->p_rxbytes += v->v_len;
	}
	return (p);
}

/*
 * Notes where a packet of the session came from.  One without a nonce may be
 * anybody's: it teaches nothing about locators and paths, and keeps none alive.
 * Plain IPv6 has no others.
 */
static void
note_arrival(struct ilnp_ilcc *c, struct ilnp_sess *s,
    const struct ilnp_in *in, ilnp_time_t now)
{
	const struct ilnp_view *v = &in->i_view;
	const bool verified = v->v_nonce.n_len != 0;
	struct ilnp_l64pair pair = {
		.local = v->v_dst.l64, .remote = v->v_src.l64
	};
	struct ilnp_path *p = count_arrival(s, v);
	struct ilnp_loc *l;
	uint64_t token;
	uint16_t seq;

	ILNP_LOCK_ASSERT(&s->s_lock);
	if (!verified && s->s_state != ILNP_SESS_IPV6)
		return;
	l = ilnp_locset_find(&s->s_remote, pair.remote);
	if (l == NULL) {
		ILNP_STAT(c, in_newloc);
		/* Last among the peer's locators until it says otherwise. */
		l = ilnp_locset_put(&s->s_remote, pair.remote, UINT16_MAX,
		    ilnp_load_32(&c->c_conf.lu_lifetime),
		    ILNP_LOC_F_LEARNT | ILNP_LOC_F_UNPROVEN, now);
		if (l != NULL)
			s->s_synced = false;
	}
	if (l != NULL) {
		bool was = ilnp_loc_sendable(l);

		/* The peer itself is there, who may see our nonce. */
		if ((l->l_flags & ILNP_LOC_F_SOUGHT) != 0 &&
		    ilnp_nonce_eq(&s->s_nin, &v->v_nonce)) {
			l->l_flags &= (uint8_t)~ILNP_LOC_F_SOUGHT;
			s->s_synced = false;
		}

		ilnp_loc_touch(l, now);
		if (ilnp_loc_sendable(l) != was)
			s->s_synced = false;
	}
	/* A probe is no traffic: two silent ends would wake each other for ever. */
	if (v->v_proto != ILNP_PROTO_ICMPV6 ||
	    !ilnp_icmp_is_probe(v, in->i_pkt, &seq, &token))
		s->s_lastrx = now;
	if (s->s_nrx < UINT32_MAX)
		s->s_nrx++;
	if (verified)
		s->s_rxpair = pair;
	if (p == NULL) {
		ilnp_local_touch(&c->c_local, pair.local, now);
		return;
	}
	/*
	 * The pair a session began with is taken to work both ways, as in
	 * plain IPv6; every other one must answer a probe first, so that a
	 * peer cannot aim our traffic at somebody else.
	 */
	if (verified && p->p_state == ILNP_PATH_NEW && p->p_lastrx == 0 &&
	    !p->p_unproven &&
	    ilnp_pathset_best(s->s_paths, 0)->p_state != ILNP_PATH_UP)
		ilnp_sess_pathevent(c, s, p, ILNP_PATH_ANSWER, now);
	if (ilnp_loc_clock(p->p_lastrx) != ilnp_loc_clock(now))
		ilnp_local_touch(&c->c_local, pair.local, now);
	p->p_lastrx = now;
	p->p_heard++;
}

static enum ilnp_inverdict
input_nonce(struct ilnp_ilcc *c, ilnp_time_t now, struct ilnp_in *in,
    struct ilnp_acts *acts)
{
	const struct ilnp_view *v = &in->i_view;
	enum ilnp_inverdict verdict;
	struct after after = { false, false };
	struct ilnp_sess *s;

	if (!ilnp_l64_usable(v->v_src.l64) || !ilnp_l64_usable(v->v_dst.l64)) {
		ILNP_STAT(c, in_badloc);
		return (ILNP_IN_DROP);
	}
	s = find_by_nonce(c, now, in, &after, &verdict);
	if (s == NULL) {
		if (after.busy) {
			ilnp_ilcc_busy(c, in->i_sess);
			in->i_kick = true;
		}
		in->i_sess = NULL;
		if (verdict == ILNP_IN_IPV6 && v->v_icmptype != 0 &&
		    v->v_icmptype < 128)
			return (ilnp_icmp_error(c, NULL, now, in));
		return (verdict);
	}
	in->i_sess = s;
	in->i_token = s->s_token;
	in->i_cksum = (enum ilnp_cksum)s->s_rxcksum;
	note_arrival(c, s, in, now);
	/* Also one who only listens must ask who it is (RFC 6741 s13.1). */
	if (s->s_lu_pending || (s->s_confirmed == 0 &&
	    ilnp_load_32(&s->s_busyslot) == ILNP_NOSLOT))
		after.busy = true;
	ilnp_unlock(&s->s_lock);

	verdict = ILNP_IN_DELIVER;
	if (v->v_proto == ILNP_PROTO_ICMPV6 && !v->v_laterfrag) {
		if (v->v_icmptype < 128)
			verdict = ilnp_icmp_error(c, s, now, in);
		else
			verdict = ilnp_icmp_control(c, s, now, in, acts);
	}
	if (verdict == ILNP_IN_DELIVER)
		ILNP_STAT(c, in_ilnp);
	if (after.unhalf)
		ilnp_ilcc_unhalf(c, s);
	if (after.busy) {
		ilnp_ilcc_busy(c, s);
		in->i_kick = true;
	}
	return (verdict);
}

static enum ilnp_inverdict
input_plain(struct ilnp_ilcc *c, ilnp_time_t now, struct ilnp_in *in)
{
	const struct ilnp_view *v = &in->i_view;
	struct ilnp_sess *s, *found = NULL;
	bool any = false;

	if (v->v_proto == ILNP_PROTO_ICMPV6 && !v->v_laterfrag) {
		if (v->v_icmptype < 128)
			return (ilnp_icmp_error(c, NULL, now, in));
		if (v->v_icmptype == ILNP_ICMP6_LU &&
		    ilnp_local_nid_is(&c->c_local, in->i_nids.local)) {
			ILNP_STAT(c, lu_forged);
			return (ILNP_IN_DROP);
		}
		/* ND, MLD and nonce-less echoes are plain IPv6 (C26). */
		if (v->v_icmptype != ILNP_ICMP6_ECHO_REP)
			return (ILNP_IN_IPV6);
	}
	if (in->i_hint != ILNP_FLOW_KNOWN)
		return (ILNP_IN_IPV6);
	for (s = ilnp_table_first(&c->c_table, &in->i_nids); s != NULL;
	    s = ilnp_table_next(s)) {
		const struct ilnp_loc *l;

		if (in->i_flow != NULL && s != in->i_flow)
			continue;
		ilnp_lock(&s->s_lock);
		any = true;
		l = ilnp_locset_find(&s->s_remote, v->v_src.l64);
		/* From a withdrawn locator only a nonce counts (C6). */
		if (!s->s_dead && s->s_state != ILNP_SESS_TRYING &&
		    l != NULL && (l->l_flags & ILNP_LOC_F_WITHDRAWN) == 0) {
			found = s;
			break;
		}
		ilnp_unlock(&s->s_lock);
	}
	if (found == NULL) {
		if (!any)
			return (ILNP_IN_IPV6);
		ILNP_STAT(c, in_nonce_missing);
		return (ILNP_IN_DROP);
	}
	in->i_sess = found;
	in->i_cksum = found->s_state == ILNP_SESS_IPV6 ? ILNP_CKSUM_IPV6 :
	    (enum ilnp_cksum)found->s_rxcksum;
	note_arrival(c, found, in, now);
	ilnp_unlock(&found->s_lock);
	ILNP_STAT(c, in_ilnp);
	return (ILNP_IN_DELIVER);
}

enum ilnp_inverdict
ilnp_ilcc_input(struct ilnp_ilcc *c, struct ilnp_in *in, ilnp_time_t now,
    struct ilnp_acts *acts)
{
	const struct ilnp_view *v = &in->i_view;

	ILNP_EPOCH_ASSERT();
	in->i_sess = NULL;
	in->i_cksum = ILNP_CKSUM_UNKNOWN;
	in->i_mtu = 0;
	in->i_quoteoff = 0;
	in->i_kick = false;
	switch (in->i_parsed) {
	case ILNP_PARSE_OK:
		break;
	case ILNP_PARSE_NONCE_TWICE:
		ILNP_STAT(c, in_nonce_twice);
		return (ILNP_IN_DROP);
	case ILNP_PARSE_NONCE_LEN:
		ILNP_STAT(c, in_nonce_len);
		return (ILNP_IN_DROP);
	default:
		/* Ours to judge only if it has an options header. */
		if (in->i_len <= 6 || in->i_pkt[6] != ILNP_PROTO_DSTOPTS)
			return (ILNP_IN_IPV6);
		ILNP_STAT(c, in_malformed);
		return (ILNP_IN_DROP);
	}
	if (v->v_proto == ILNP_PROTO_ICMPV6 && in->i_len < v->v_len &&
	    !ilnp_icmp_is_ping(v)) {
		ILNP_STAT(c, in_malformed);
		return (ILNP_IN_DROP);
	}
	in->i_nids.local = v->v_dst.nid;
	in->i_nids.remote = v->v_src.nid;
	if (v->v_nonce.n_len != 0)
		return (input_nonce(c, now, in, acts));
	return (input_plain(c, now, in));
}
