/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A cache that lives through whatever comes: packets, raw or by the fuzzer's
 * choice of parts, the passing of time, our own packets and moves.  After each
 * step what no octets may bring about is checked.
 */
#include <stdlib.h>

#include "fuzz.h"

#define	STEPS	64
#define	PROBES	8

static struct ilnp_ilcc *c;
static ilnp_time_t now;
static struct ilnp_act room[ILNP_ACTS_TICK];
static struct ilnp_acts acts;
static struct ilnp_act probe[PROBES];	/* the latest ones of ours */
static u_int nprobes;

/* Sessions whose peer had to be proven before anything of them changes. */
static struct witness {
	uint64_t	id;
	struct ilnp_nonce nin, nout;
	bool		answered;	/* a probe of ours was, in this step */
} witness[16];
static u_int nwitness;

static void
observe(void)
{
	nwitness = 0;
	for (uint32_t i = 0; i < c->c_n; i++) {
		const struct ilnp_sess *s = c->c_pool[i];

		if (s->s_confirmed != 0 && !s->s_provisional &&
		    s->s_state == ILNP_SESS_OPEN)
			witness[nwitness++] = (struct witness){ s->s_id,
			    s->s_nin, s->s_nout, false };
	}
}

static void
check(bool answered)
{
	NEVER(c->c_n > 16 || c->c_nhalf > 8 || c->c_nbusy > c->c_n);
	for (uint32_t i = 0; i < c->c_n; i++) {
		struct ilnp_sess *s = c->c_pool[i];
		struct ilnp_locset *ls = &s->s_remote;

		NEVER(s->s_slot != i || s->s_dead);
		NEVER(s->s_halfslot != ILNP_NOSLOT &&
		    c->c_half[s->s_halfslot] != s);
		NEVER(s->s_busyslot != ILNP_NOSLOT &&
		    c->c_busy[s->s_busyslot] != s);
		NEVER(ls->ls_n > ILNP_LOCS_MAX);
		for (u_int j = 0; j < ls->ls_n; j++)
			NEVER(!ilnp_l64_usable(ls->ls_loc[j].l_l64));
		if (s->s_paths != NULL)
			NEVER(s->s_paths->ps_blind >
			    ILNP_BLIND_MAX + ILNP_COPIES_MAX);
		for (u_int j = 0; j < nwitness; j++) {
			if (witness[j].id != s->s_id)
				continue;
			NEVER(!ilnp_nonce_eq(&witness[j].nout, &s->s_nout));
			NEVER(!answered &&
			    !ilnp_nonce_eq(&witness[j].nin, &s->s_nin));
		}
	}
}

static void
remember_probes(void)
{
	for (u_int i = 0; i < acts.as_n; i++) {
		uint8_t buf[ILNP_CTL_MAX];

		NEVER(ilnp_wire_compose(&acts.as_act[i].a_ctl, buf,
		    sizeof(buf)) == 0);
		if (acts.as_act[i].a_ctl.cp_kind != ILNP_CTL_PROBE)
			continue;
		probe[nprobes % PROBES] = acts.as_act[i];
		probe[nprobes % PROBES].a_ctl.cp_body =
		    probe[nprobes % PROBES].a_data;
		nprobes++;
	}
}

static void
hand_in(uint8_t *pkt, size_t len, uint8_t how)
{
	uint8_t *p;
	struct ilnp_in in;

	if ((how & 2) != 0)
		fuzz_icmp_sum(pkt, len);
	p = fuzz_copy(pkt, len);
	acts = ILNP_ACTS(room);
	ilnp_in_look(&in, p, len);
	if ((how & 1) != 0)
		in.i_hint = ILNP_FLOW_KNOWN;
	if ((how & 16) != 0) {
		const struct ilnp_nidpair nids = { US, PEER };

		in.i_flow = ilnp_ilcc_find(c, &nids);
	}
	if (ilnp_ilcc_input(c, &in, now, &acts) == ILNP_IN_DELIVER) {
		NEVER(in.i_sess == NULL);
		if ((how & 4) != 0)
			(void)ilnp_sess_cksum(c, in.i_sess, ILNP_CKSUM_RFC);
	}
	NEVER(acts.as_n > ILNP_ACTS_INPUT);
	remember_probes();
	free(p);
}

static void
raw_packet(struct ilnp_rd *r)
{
	uint8_t how = take8(r);
	size_t len = take8(r);
	uint8_t buf[256];

	if (len > r->r_left)
		len = r->r_left;
	if (len > 0)
		memcpy(buf, ilnp_rd_take(r, len), len);
	hand_in(buf, len, how);
}

static struct ilnp_nonce
choose_nonce(struct ilnp_rd *r)
{
	uint8_t how = take8(r);
	struct ilnp_nonce n = fuzz_nonce;

	if (how < 128)
		return (n);
	if (how < 160 && c->c_n > 0)	/* shared, or an echo of ours */
		return (c->c_pool[how % c->c_n]->s_nout);
	n.n_len = how < 200 ? 12 : 4;
	n.n_b[0] = how % 4;
	return (n);
}

/* A well-formed packet of the fuzzer's choosing. */
static void
built_packet(struct ilnp_rd *r)
{
	uint8_t kind = take8(r), how = take8(r), at = take8(r);
	uint8_t body[255], buf[ILNP_CTL_MAX];
	struct ilnp_ctl cp = { .cp_src = { THEIRS(at % 8), PEER },
	    .cp_dst = { OURS(at / 8 % 4), US }, .cp_nonce = choose_nonce(r),
	    .cp_reclen = 12 };
	size_t len;

	cp.cp_src.nid.nid += at / 32 % 4;
	cp.cp_kind = kind % 8 < 4 ? ILNP_CTL_LU : ILNP_CTL_PROBE +
	    (enum ilnp_ctl_kind)(kind % 2);
	cp.cp_op = (uint8_t)(1 + (kind / 8) % 2);
	cp.cp_count = kind / 16 % 8;
	cp.cp_bodylen = (uint16_t)(cp.cp_kind == ILNP_CTL_LU ?
	    cp.cp_count * 12 : 8);
	for (u_int i = 0; i < cp.cp_bodylen; i++) {
		/* Mostly locators that may be used. */
		static const uint8_t usable[] = { 0x20, 1, 0xd, 0xb8, 0, 1, 0 };

		body[i] = cp.cp_kind == ILNP_CTL_LU && i % 12 <
		    sizeof(usable) && (how & 8) == 0 ? usable[i % 12] :
		    take8(r);
	}
	cp.cp_body = body;
	len = ilnp_wire_compose(&cp, buf, sizeof(buf));
	NEVER(len == 0);
	if (kind % 8 == 3) {
		/* UDP or TCP in its place. */
		size_t up = cp.cp_nonce.n_len == 12 ? 56 : 48;

		buf[40] = (how & 16) != 0 ? ILNP_PROTO_TCP : ILNP_PROTO_UDP;
		if (len > up + 13)
			buf[up + 13] = take8(r);
	}
	hand_in(buf, len, how);
}

/* The peer, or whoever got it, answers a probe of ours. */
static bool
answer(struct ilnp_rd *r)
{
	uint8_t which = take8(r), spoil = take8(r);
	uint8_t buf[ILNP_CTL_MAX];
	struct ilnp_ctl cp;
	struct ilnp_ilv src;

	if (nprobes == 0)
		return (false);
	cp = probe[which % (nprobes < PROBES ? nprobes : PROBES)].a_ctl;
	src = cp.cp_src;
	cp.cp_src = cp.cp_dst;
	cp.cp_dst = src;
	cp.cp_kind = ILNP_CTL_PROBE_REPLY;
	cp.cp_nonce = choose_nonce(r);
	if (spoil > 240)
		cp.cp_echoseq ^= spoil;
	hand_in(buf, ilnp_wire_compose(&cp, buf, sizeof(buf)), 1);
	return (true);
}

static void
send_something(struct ilnp_rd *r)
{
	const struct ilnp_nidpair nids = { US, PEER };
	struct ilnp_sess *s = ilnp_ilcc_find(c, &nids);
	struct ilnp_choice ch = { .ch_lost = false };
	struct ilnp_out out;
	uint8_t how;

	if (s == NULL)
		return;
	how = take8(r);
	ch.ch_kind = how % 8;
	ch.ch_pair.local = OURS(how / 8 % 4);
	ch.ch_pair.remote = THEIRS(how / 32);
	if (ch.ch_kind <= ILNP_CHOICE_REDUNDANT && (how & 128) != 0)
		(void)ilnp_sess_choose(c, s, NULL, &ch);
	if (ilnp_sess_output(c, s, take8(r) * 6, take8(r), &ch,
	    (enum ilnp_part)(how / 16 % 3), now, &out) == ILNP_OUT_NOPATH)
		NEVER(out.o_n != 0);
	else
		NEVER(out.o_n == 0 || out.o_n > ILNP_COPIES_MAX);
}

static void
do_locally(struct ilnp_rd *r)
{
	struct ilnp_local *lo = ilnp_ilcc_local(c);
	const struct ilnp_nidpair nids = { US, PEER };
	struct ilnp_lurec rec = { THEIRS(take8(r) % 8), 0, 60 };
	struct ilnp_sess *s;
	uint8_t what = take8(r), n = take8(r) % 4;

	switch (what % 8) {
	case 0:
		(void)ilnp_local_put(lo, OURS(n), 1, what / 8, 1, what, now);
		break;
	case 1:
		(void)ilnp_local_del(lo, OURS(n), now);
		break;
	case 2:
		(void)ilnp_local_disable(lo, OURS(n), (what & 8) != 0, now);
		(void)ilnp_ilcc_released(c, OURS(n), now);
		break;
	case 3:
		s = ilnp_ilcc_find(c, &nids);
		if (s != NULL && (what & 8) != 0)
			ilnp_ilcc_close(c, s);
		else if (s != NULL)
			ilnp_sess_retry(c, s);
		break;
	case 4:
		(void)ilnp_ilcc_algorithm(c, ilnp_sel_algs[n]->sa_name);
		break;
	case 5:
		(void)ilnp_conf_set(ilnp_ilcc_conf(c), "nonce_policy", n & 1);
		(void)ilnp_conf_set(ilnp_ilcc_conf(c), "lu_max", 255);
		break;
	case 6:
		ilnp_ilcc_renew(c, &nids, &rec, 1, (what & 8) != 0, now);
		break;
	default:
		(void)ilnp_ilcc_open(c, &nids, &rec, 1, now, &s);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ilnp_rd r = ilnp_rd(data, size);

	c = fuzz_cache();
	now = ILNP_SEC(1000);
	nprobes = 0;
	for (u_int step = 0; step < STEPS && r.r_left > 0; step++) {
		bool answered = false;

		observe();
		ilnp_env_epoch_begin();
		switch (take8(&r) % 8) {
		case 0:
			raw_packet(&r);
			answered = true;	/* it may hold anything */
			break;
		case 1:
		case 2:
			built_packet(&r);
			break;
		case 3:
			answered = answer(&r);
			break;
		case 4:
			send_something(&r);
			break;
		case 5:
			do_locally(&r);
			break;
		default:
			now += ILNP_MS(take8(&r) * take8(&r));
			acts = ILNP_ACTS(room);
			NEVER(ilnp_ilcc_tick(c, now, &acts) < now);
			remember_probes();
			break;
		}
		ilnp_env_epoch_end();
		check(answered);
		ilnp_env_epoch_poll();
	}
	fuzz_end(c);
	return (0);
}
