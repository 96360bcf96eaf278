/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ICMPv6 as far as it concerns sessions: Locator Updates (RFC 6743), the
 * probes of our paths, and errors about packets of ours.
 */
#include "ilnp_ilcc_var.h"
#include "ilnp_addr.h"

#define	ICMP_HDRLEN	8U
#define	TOKEN_LEN	8U
#define	IP6_MMTU	1280
#define	UNRECOGNISED_OPTION	2	/* code of a Parameter Problem */

/*
 * True for an echo or its answer that is as long as a probe of ours; reads its
 * token.
 */
bool
ilnp_icmp_is_probe(const struct ilnp_view *v, const uint8_t *pkt,
    uint16_t *seq, uint64_t *token)
{
	struct ilnp_rd r;

	if ((v->v_icmptype != ILNP_ICMP6_ECHO_REQ &&
	    v->v_icmptype != ILNP_ICMP6_ECHO_REP) || v->v_frag ||
	    v->v_len != v->v_l4off + ICMP_HDRLEN + TOKEN_LEN)
		return (false);
	r = ilnp_rd(pkt + v->v_l4off + 6, 2 + TOKEN_LEN);
	*seq = ilnp_rd_u16(&r);
	*token = ilnp_rd_u64(&r);
	return (true);
}

bool
ilnp_icmp_is_ping(const struct ilnp_view *v)
{
	return ((v->v_icmptype == ILNP_ICMP6_ECHO_REQ ||
	    v->v_icmptype == ILNP_ICMP6_ECHO_REP) &&
	    v->v_len > v->v_l4off + ICMP_HDRLEN + TOKEN_LEN);
}

/* A digest of what an update says, to tell a repeat from news. */
static uint32_t
digest(const struct ilnp_ilcc *c, const struct ilnp_lu *lu)
{
	uint64_t h = lu->lu_count;

	for (u_int i = 0; i < lu->lu_count; i++) {
		struct ilnp_lurec rec = ilnp_lu_rec(lu, i);
		uint64_t words[3] = { h, rec.lr_l64.l64,
		    (uint64_t)rec.lr_pref << 32 | rec.lr_life };

		h = ilnp_hash(c->c_secret, words, 3);
	}
	return ((uint32_t)h);
}

/*
 * Where an acknowledgement goes: to a locator that the update adds, else to
 * where it came from if that is still listed, else to the first listed one
 * (duality paper s5.2: "the newer L64", "an L64 still listed").
 */
static struct ilnp_l64
ack_target(struct ilnp_sess *s, const struct ilnp_lu *lu, struct ilnp_l64 from)
{
	struct ilnp_l64 first = { 0 }, best = { 0 };

	for (u_int i = 0; i < lu->lu_count; i++) {
		struct ilnp_lurec rec = ilnp_lu_rec(lu, i);
		const struct ilnp_loc *l;

		if (!ilnp_l64_usable(rec.lr_l64))
			continue;
		if (first.l64 == 0)
			first = rec.lr_l64;
		l = ilnp_locset_find(&s->s_remote, rec.lr_l64);
		if (l == NULL || !ilnp_loc_sendable(l))
			return (rec.lr_l64);
		if (ilnp_l64_eq(rec.lr_l64, from))
			best = from;
	}
	return (best.l64 != 0 ? best : first);
}

static void
acknowledge(struct ilnp_sess *s, const struct ilnp_lu *lu,
    const struct ilnp_view *v, struct ilnp_l64 to, struct ilnp_acts *acts)
{
	struct ilnp_l64pair pair = { .local = v->v_dst.l64, .remote = to };
	struct ilnp_act *a = ilnp_act_new(acts);

	if (a == NULL)
		return;
	ilnp_sess_ctl(s, &pair, 0, a);
	a->a_ctl.cp_kind = ILNP_CTL_LU;
	a->a_ctl.cp_op = ILNP_LU_ACK;
	a->a_ctl.cp_code = lu->lu_code;
	a->a_ctl.cp_count = lu->lu_count;
	a->a_ctl.cp_reclen = lu->lu_reclen;
	a->a_ctl.cp_body = lu->lu_rec;
	a->a_ctl.cp_bodylen = (uint16_t)(lu->lu_count * lu->lu_reclen);
}

/*
 * True if we would send to a locator that an update does not list: then it is
 * news, also if it says what the last one said.  The peer has been elsewhere
 * since and come back, or names have put it there.
 */
static bool
withdraws(const struct ilnp_locset *ls, const struct ilnp_lu *lu)
{
	for (u_int i = 0; i < ls->ls_n; i++) {
		u_int j = 0;

		if ((ls->ls_loc[i].l_flags & ILNP_LOC_F_WITHDRAWN) != 0)
			continue;
		while (j < lu->lu_count && !ilnp_l64_eq(ls->ls_loc[i].l_l64,
		    ilnp_lu_rec(lu, j).lr_l64))
			j++;
		if (j == lu->lu_count)
			return (true);
	}
	return (false);
}

static void
input_advert(struct ilnp_ilcc *c, struct ilnp_sess *s,
    const struct ilnp_lu *lu, const struct ilnp_view *v, ilnp_time_t now,
    struct ilnp_acts *acts)
{
	struct ilnp_l64pair pair = {
		.local = v->v_dst.l64, .remote = v->v_src.l64
	};
	ilnp_time_t gap = ILNP_MS(ilnp_load_32(&c->c_conf.lu_gap)) / 2;
	uint32_t hash = digest(c, lu);
	struct ilnp_l64 to;
	bool changed;

	ILNP_LOCK_ASSERT(&s->s_lock);
	to = ack_target(s, lu, pair.remote);
	if (s->s_lu_rx != 0 && hash == s->s_lu_rxhash &&
	    !withdraws(&s->s_remote, lu)) {
		ILNP_STAT(c, lu_dup);
		acknowledge(s, lu, v, to, acts);
		return;
	}
	if (s->s_lu_rx != 0 && ilnp_since(now, s->s_lu_rx) < gap) {
		ILNP_STAT(c, lu_limited);
		return;
	}
	if (ilnp_locset_replace(&s->s_remote, lu,
	    ilnp_load_32(&c->c_conf.maxlocs),
	    ilnp_load_32(&c->c_conf.lu_retain), now, &changed) != 0) {
		ILNP_STAT(c, lu_badloc);
		return;
	}
	s->s_lu_rx = now;
	s->s_lu_rxhash = hash;
	if (changed)
		s->s_synced = false;
	ILNP_STAT(c, lu_rcvd);
	ilnp_ilcc_event(c, ILNP_EV_LU_RCVD, s, &pair, lu->lu_count, now);
	acknowledge(s, lu, v, to, acts);
}

/* True if an acknowledgement repeats what we last announced. */
static bool
ack_matches(struct ilnp_ilcc *c, const struct ilnp_sess *s,
    const struct ilnp_lu *lu)
{
	struct ilnp_advert ad;

	ilnp_local_advert(&c->c_local, ilnp_load_32(&c->c_conf.lu_lifetime),
	    &ad);
	if (ad.ad_gen != s->s_lu_gen || ad.ad_n != lu->lu_count)
		return (false);
	for (u_int i = 0; i < ad.ad_n; i++) {
		struct ilnp_lurec rec = ilnp_lu_rec(lu, i);

		if (!ilnp_l64_eq(rec.lr_l64, ad.ad_rec[i].lr_l64) ||
		    rec.lr_pref != ad.ad_rec[i].lr_pref ||
		    rec.lr_life != ad.ad_rec[i].lr_life)
			return (false);
	}
	return (true);
}

static void
input_lu(struct ilnp_ilcc *c, struct ilnp_sess *s, const struct ilnp_in *in,
    ilnp_time_t now, struct ilnp_acts *acts)
{
	const struct ilnp_view *v = &in->i_view;
	struct ilnp_lu lu;

	if (!ilnp_wire_icmp_ok(in->i_pkt, in->i_len, v)) {
		ILNP_STAT(c, lu_cksum);
		return;
	}
	if (ilnp_lu_parse(in->i_pkt + v->v_l4off,
	    (size_t)v->v_len - v->v_l4off,
	    (uint8_t)ilnp_load_32(&c->c_conf.lu_format),
	    (uint8_t)ilnp_load_32(&c->c_conf.lu_soft_code), &lu) != 0) {
		ILNP_STAT(c, lu_malformed);
		return;
	}
	if (lu.lu_count > ilnp_load_32(&c->c_conf.lu_max)) {
		ILNP_STAT(c, lu_toomany);
		return;
	}
	/* A nonce nobody has proven moves nothing. */
	if (s->s_confirmed == 0 || s->s_provisional) {
		ILNP_STAT(c, lu_unproven);
		return;
	}
	if (lu.lu_op == ILNP_LU_ADVERT) {
		input_advert(c, s, &lu, v, now, acts);
		return;
	}
	if (!ack_matches(c, s, &lu)) {
		ILNP_STAT(c, lu_stale_ack);
		/*
		 * The peer has just taken an older set, late or replayed, for
		 * our latest: there is nothing in an update to order them by.
		 */
		if (!s->s_lu_pending)
			ilnp_sess_announce(c, s, now);
		return;
	}
	if (!s->s_lu_pending || s->s_lu_sends == 0)
		return;
	s->s_lu_pending = false;
	ILNP_STAT(c, lu_acked);
	ilnp_ilcc_event(c, ILNP_EV_LU_ACKED, s, &s->s_rxpair, lu.lu_count,
	    now);
}

/*
 * An answer to a probe of ours, under the right nonce.
 * Returns false if it is not for us but for a program.
 */
static bool
input_answer(struct ilnp_ilcc *c, struct ilnp_sess *s, uint16_t seq,
    uint64_t token, const struct ilnp_l64pair *pair, ilnp_time_t now)
{
	struct ilnp_path *p;
	struct ilnp_loc *l;
	ilnp_time_t sent;

	ILNP_LOCK_ASSERT(&s->s_lock);
	if (token != ilnp_sess_token(c, s, pair, seq))
		return (false);
	p = ilnp_sess_probed(s, pair, seq);
	if (p == NULL) {
		ILNP_STAT(c, probe_stray);
		ilnp_sess_confirmed(c, s, 0, now);
		return (true);
	}
	ILNP_STAT(c, probe_reply);
	sent = p->p_sent[seq % ILNP_PROBE_RING];
	p->p_sent[seq % ILNP_PROBE_RING] = 0;
	ilnp_path_rtt(p, ilnp_since(now, sent));
	ilnp_sess_confirmed(c, s, p->p_srtt, now);
	l = ilnp_locset_find(&s->s_remote, pair->remote);
	if (l != NULL)
		l->l_flags &= (uint8_t)~(ILNP_LOC_F_UNPROVEN |
		    ILNP_LOC_F_SOUGHT);
	ilnp_pathset_prove(s->s_paths, pair->remote);
	/* A late answer means that the latest probe may still be answered. */
	if (seq == p->p_seq) {
		p->p_waiting = false;
		p->p_due = now + ilnp_sess_probegap(c, p, now);
	}
	ilnp_sess_pathevent(c, s, p, ILNP_PATH_ANSWER, now);
	return (true);
}

/*
 * Answers a probe over the very locators it came by.  If we do not use ours any
 * more, the peer does not know that, or learns it anew by the answer: it must
 * be told.
 */
static void
answer_probe(struct ilnp_ilcc *c, struct ilnp_sess *s, const uint8_t *pkt,
    const struct ilnp_view *v, ilnp_time_t now, struct ilnp_acts *acts)
{
	struct ilnp_l64pair pair = {
		.local = v->v_dst.l64, .remote = v->v_src.l64
	};
	struct ilnp_rd r = ilnp_rd(pkt + v->v_l4off + 4, 4 + TOKEN_LEN);
	struct ilnp_act *a = ilnp_act_new(acts);

	if (a == NULL)
		return;
	ilnp_sess_ctl(s, &pair, 0, a);
	a->a_ctl.cp_kind = ILNP_CTL_PROBE_REPLY;
	a->a_ctl.cp_echoid = ilnp_rd_u16(&r);
	a->a_ctl.cp_echoseq = ilnp_rd_u16(&r);
	a->a_ctl.cp_body = r.r_p;
	a->a_ctl.cp_bodylen = TOKEN_LEN;
	ILNP_STAT(c, probe_rcvd);
	if (s->s_lu_pending || ilnp_local_sends(&c->c_local, pair.local))
		return;
	if (s->s_confirmed == 0)
		s->s_lu_gen = ilnp_local_gen(&c->c_local) - 1;
	else if (ilnp_since(now, s->s_lu_last) >= ILNP_SEC(1))
		ilnp_sess_announce(c, s, now);
}

/* A message that is no error, under a nonce of session s. */
enum ilnp_inverdict
ilnp_icmp_control(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now,
    struct ilnp_in *in, struct ilnp_acts *acts)
{
	const struct ilnp_view *v = &in->i_view;
	struct ilnp_l64pair pair = {
		.local = v->v_dst.l64, .remote = v->v_src.l64
	};
	enum ilnp_inverdict verdict = ILNP_IN_DELIVER;
	bool confirmed = false;
	uint64_t token;
	uint16_t seq;

	if (v->v_icmptype == ILNP_ICMP6_LU) {
		ilnp_lock(&s->s_lock);
		input_lu(c, s, in, now, acts);
		ilnp_unlock(&s->s_lock);
		in->i_kick = true;
		return (ILNP_IN_CONSUMED);
	}
	if (!ilnp_icmp_is_probe(v, in->i_pkt, &seq, &token))
		return (ILNP_IN_DELIVER);
	if (!ilnp_wire_icmp_ok(in->i_pkt, in->i_len, v)) {
		ILNP_STAT(c, lu_cksum);
		return (ILNP_IN_DROP);
	}
	ilnp_lock(&s->s_lock);
	if (v->v_icmptype == ILNP_ICMP6_ECHO_REQ) {
		answer_probe(c, s, in->i_pkt, v, now, acts);
		ilnp_sess_proved(c, s, now);
		verdict = ILNP_IN_CONSUMED;
	} else if (input_answer(c, s, seq, token, &pair, now)) {
		confirmed = true;
		verdict = ILNP_IN_CONSUMED;
	}
	ilnp_unlock(&s->s_lock);
	if (confirmed) {
		ilnp_ilcc_unhalf(c, s);
		ilnp_ilcc_busy(c, s);
		in->i_kick = true;
	}
	return (verdict);
}

/*
 * True if a session may have sent a packet: without its nonce, only a segment
 * of a connection.
 */
static bool
may_have_sent(const struct ilnp_sess *s, const struct ilnp_view *q)
{
	if (q->v_nonce.n_len != 0)
		return (ilnp_nonce_eq(&s->s_nout, &q->v_nonce));
	return (s->s_state == ILNP_SESS_IPV6 ||
	    (s->s_bare != 0 && q->v_proto == ILNP_PROTO_TCP));
}

/* Finds the session that sent the quoted packet.  Returns it locked or NULL. */
static struct ilnp_sess *
find_quoted(struct ilnp_ilcc *c, const struct ilnp_view *q)
{
	struct ilnp_nidpair nids = {
		.local = q->v_src.nid, .remote = q->v_dst.nid
	};
	struct ilnp_sess *s;

	for (s = ilnp_table_first(&c->c_table, &nids); s != NULL;
	    s = ilnp_table_next(s)) {
		ilnp_lock(&s->s_lock);
		if (!s->s_dead && may_have_sent(s, q))
			return (s);
		ilnp_unlock(&s->s_lock);
	}
	return (NULL);
}

/*
 * True if any session exists for the packet's NIDs: then it must match one, but
 * for those that are plain IPv6.
 */
static bool
concerns_us(struct ilnp_ilcc *c, const struct ilnp_view *q)
{
	struct ilnp_nidpair nids = {
		.local = q->v_src.nid, .remote = q->v_dst.nid
	};
	bool any = false;

	for (struct ilnp_sess *s = ilnp_table_first(&c->c_table, &nids);
	    s != NULL && !any; s = ilnp_table_next(s)) {
		ilnp_lock(&s->s_lock);
		any = q->v_nonce.n_len != 0 || s->s_state != ILNP_SESS_IPV6;
		ilnp_unlock(&s->s_lock);
	}
	return (any);
}

static bool
other_path_up(const struct ilnp_sess *s, const struct ilnp_path *not)
{
	for (u_int i = 0; i < s->s_paths->ps_cap; i++) {
		const struct ilnp_path *p = &s->s_paths->ps_path[i];

		if (p->p_used && p != not && p->p_state == ILNP_PATH_UP)
			return (true);
	}
	return (false);
}

/* The error itself, with its session locked. */
static enum ilnp_inverdict
apply_error(struct ilnp_ilcc *c, struct ilnp_sess *s, uint32_t param,
    ilnp_time_t now, struct ilnp_in *in)
{
	const struct ilnp_view *v = &in->i_view, *q = &in->i_quote;
	struct ilnp_l64pair pair = {
		.local = q->v_src.l64, .remote = q->v_dst.l64
	};
	struct ilnp_path *p = s->s_paths == NULL ? NULL :
	    ilnp_pathset_find(s->s_paths, &pair);

	switch (v->v_icmptype) {
	case ILNP_ICMP6_PARAMPROB:
		if (v->v_icmpcode != UNRECOGNISED_OPTION ||
		    q->v_nonce.n_len == 0)
			return (ILNP_IN_ERROR);
		if (param != q->v_optoff || (s->s_state == ILNP_SESS_OPEN &&
		    !s->s_provisional)) {
			ILNP_STAT(c, fallback_forged);
			return (ILNP_IN_DROP);
		}
		if (ilnp_load_32(&c->c_conf.fallback) == 0)
			return (ILNP_IN_ERROR);
		if (s->s_state != ILNP_SESS_IPV6) {
			ILNP_STAT(c, fallback);
			ilnp_sess_fallback(c, s, &pair, now);
		}
		return (ILNP_IN_CONSUMED);
	case ILNP_ICMP6_PTB:
		if (param < IP6_MMTU || (q->v_nonce.n_len == 0 &&
		    s->s_state == ILNP_SESS_OPEN && param >= s->s_bare)) {
			ILNP_STAT(c, in_ptb_bad);
			return (ILNP_IN_DROP);
		}
		in->i_mtu = param;
		ILNP_STAT(c, in_ptb);
		if (p != NULL && (p->p_mtu == 0 || param < p->p_mtu))
			p->p_mtu = param;
		return (ILNP_IN_ERROR);
	case ILNP_ICMP6_UNREACH:
		ILNP_STAT(c, in_unreach);
		s->s_unreach = true;
		if (p == NULL)
			return (ILNP_IN_ERROR);
		ilnp_sess_pathevent(c, s, p, ILNP_PATH_UNREACH, now);
		/* Transport need not know while there is another way. */
		return (other_path_up(s, p) ? ILNP_IN_CONSUMED :
		    ILNP_IN_ERROR);
	default:
		return (ILNP_IN_ERROR);
	}
}

/*
 * An ICMPv6 error.  `from' is the session whose nonce it carried, or NULL.
 *
 * A correspondent that has shown us its nonce must show it again (RFC 6741
 * s11.1); anybody else may be a router.  Both must quote a packet that we sent,
 * by our nonce (contradiction C21), or one without, if the edge vouches for it.
 */
enum ilnp_inverdict
ilnp_icmp_error(struct ilnp_ilcc *c, const struct ilnp_sess *from,
    ilnp_time_t now, struct ilnp_in *in)
{
	const struct ilnp_view *v = &in->i_view;
	const uint8_t *pkt = in->i_pkt;
	size_t quoteoff = (size_t)v->v_l4off + ICMP_HDRLEN;
	enum ilnp_inverdict verdict;
	struct ilnp_sess *s = NULL;
	struct ilnp_rd r;

	if (!ilnp_wire_icmp_ok(pkt, in->i_len, v) || quoteoff > v->v_len)
		return (ILNP_IN_IPV6);
	/* Headers cut off by the quote are no reason to refuse it. */
	if (ilnp_wire_parse(pkt + quoteoff, (size_t)v->v_len - quoteoff,
	    &in->i_quote) == ILNP_PARSE_BAD || in->i_quote.v_len == 0)
		return (ILNP_IN_IPV6);
	in->i_quoteoff = (uint16_t)quoteoff;
	if (in->i_quote.v_nonce.n_len != 0 || in->i_vouch == NULL ||
	    in->i_vouch(in))
		s = find_quoted(c, &in->i_quote);
	if (s == NULL) {
		if (!concerns_us(c, &in->i_quote))
			return (ILNP_IN_IPV6);
		if (v->v_icmptype == ILNP_ICMP6_PARAMPROB)
			ILNP_STAT(c, fallback_forged);
		else
			ILNP_STAT(c, in_icmp_quote);
		return (ILNP_IN_DROP);
	}
	if (s != from && s->s_state == ILNP_SESS_OPEN && !s->s_provisional &&
	    ilnp_nid_eq(v->v_src.nid, s->s_nids.remote) &&
	    ilnp_locset_find(&s->s_remote, v->v_src.l64) != NULL) {
		ilnp_unlock(&s->s_lock);
		ILNP_STAT(c, in_icmp_forged);
		return (ILNP_IN_DROP);
	}
	r = ilnp_rd(pkt + v->v_l4off + 4, 4);
	in->i_sess = s;
	in->i_nids = s->s_nids;
	verdict = apply_error(c, s, ilnp_rd_u32(&r), now, in);
	ilnp_unlock(&s->s_lock);
	in->i_kick = true;
	return (verdict);
}
