/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 */
#include "rig.h"

struct rig r;

static void
count_event(void *arg, const struct ilnp_event *e)
{
	(void)arg;
	assert_non_null(ilnp_event_name(e->e_kind));
	r.events[e->e_kind]++;
}

void
rig_make(u_int nlocal)
{
	if (r.c != NULL)
		ilnp_ilcc_free(r.c);
	r.c = ilnp_ilcc_alloc(&r.conf, count_event, NULL);
	assert_non_null(r.c);
	assert_int_equal(ilnp_local_nid_add(ilnp_ilcc_local(r.c), ME), 0);
	for (u_int i = 0; i < nlocal; i++)
		rig_local(i);
}

int
rig_begin(void **state)
{
	(void)test_begin(state);
	memset(&r, 0, sizeof(r));
	ilnp_conf_init(&r.conf);
	r.acts = ILNP_ACTS(r.room);
	r.conf.sess_max = 64;
	r.conf.half_max = 8;
	r.now = T0;
	rig_make(1);
	return (0);
}

int
rig_end(void **state)
{
	ilnp_ilcc_free(r.c);
	return (test_end(state));
}

void
rig_knob(const char *name, uint64_t value)
{
	assert_int_equal(ilnp_conf_set(ilnp_ilcc_conf(r.c), name, value), 0);
}

void
rig_local(u_int n)
{
	assert_int_equal(ilnp_local_put(ilnp_ilcc_local(r.c), l64(A(n)), n + 1,
	    0, 1, 0, r.now), 1);
}

struct ilnp_sess *
rig_open_to(struct ilnp_nid remote, u_int n)
{
	const struct ilnp_nidpair nids = { ME, remote };
	struct ilnp_lurec rec[ILNP_LOCS_MAX];
	struct ilnp_sess *s = NULL;

	for (u_int i = 0; i < n; i++)
		rec[i] = (struct ilnp_lurec){ l64(B(i)), 0, 300 };
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_open(r.c, &nids, rec, n, r.now, &s), 0);
	ilnp_env_epoch_end();
	return (s);
}

struct ilnp_sess *
rig_open(u_int n)
{
	return (rig_open_to(YOU, n));
}

int
rig_open_at(uint64_t locator, struct ilnp_sess **sp)
{
	const struct ilnp_nidpair us = { ME, YOU };
	const struct ilnp_lurec rec = { l64(locator), 0, 300 };
	int error;

	ilnp_env_epoch_begin();
	error = ilnp_ilcc_open(r.c, &us, &rec, 1, r.now, sp);
	ilnp_env_epoch_end();
	return (error);
}

struct ilnp_sess *
rig_find(void)
{
	const struct ilnp_nidpair nids = { ME, YOU };
	struct ilnp_sess *s;

	ilnp_env_epoch_begin();
	s = ilnp_ilcc_find(r.c, &nids);
	ilnp_env_epoch_end();
	return (s);
}

enum ilnp_outverdict
rig_output(struct ilnp_sess *s, uint32_t len)
{
	return (rig_output_by(s, len, NULL));
}

enum ilnp_outverdict
rig_output_by(struct ilnp_sess *s, uint32_t len, struct ilnp_choice *choice)
{
	enum ilnp_outverdict v;

	ilnp_env_epoch_begin();
	v = ilnp_sess_output(r.c, s, len, 0, choice, ILNP_PART_GOES_ON,
	    r.now, &r.out);
	ilnp_env_epoch_end();
	return (v);
}

enum ilnp_inverdict
rig_input(enum ilnp_flowhint hint)
{
	enum ilnp_inverdict v;

	r.acts.as_n = 0;
	ilnp_env_epoch_begin();
	ilnp_in_look(&r.in, r.pkt.b, r.pkt.len);
	r.in.i_hint = hint;
	v = ilnp_ilcc_input(r.c, &r.in, r.now, &r.acts);
	ilnp_env_epoch_end();
	assert_in_range(r.acts.as_n, 0, ILNP_ACTS_INPUT);
	return (v);
}

static struct addrs
from_to(uint64_t from, uint64_t to, const struct ilnp_nonce *nonce)
{
	return ((struct addrs){ { l64(from), YOU }, { l64(to), ME }, nonce,
	    ILNP_CKSUM_RFC });
}

enum ilnp_inverdict
rig_udp(uint64_t from, uint64_t to, const struct ilnp_nonce *nonce,
    enum ilnp_flowhint hint)
{
	const struct addrs a = from_to(from, to, nonce);

	pkt_udp(&r.pkt, &a, 4000, 5000, "data", 4);
	return (rig_input(hint));
}

enum ilnp_inverdict
rig_tcp(uint64_t from, uint64_t to, const struct ilnp_nonce *nonce,
    uint8_t flags)
{
	const struct addrs a = from_to(from, to, nonce);

	pkt_tcp(&r.pkt, &a, 4000, 80, flags, NULL, 0);
	return (rig_input(ILNP_FLOW_OPENS));
}

enum ilnp_inverdict
rig_knock(uint64_t identifier, uint64_t from, const struct ilnp_nonce *nonce)
{
	const struct addrs a = { ilv(from, identifier), { l64(A(0)), ME },
	    nonce, ILNP_CKSUM_RFC };

	pkt_tcp(&r.pkt, &a, 4000, 80, TH_SYN, NULL, 0);
	return (rig_input(ILNP_FLOW_OPENS));
}

enum ilnp_inverdict
rig_lu(uint64_t from, uint64_t to, const struct ilnp_nonce *nonce, uint8_t op,
    const struct ilnp_lurec *rec, u_int n)
{
	const struct addrs a = from_to(from, to, nonce);

	pkt_lu(&r.pkt, &a, op, rec, n);
	return (rig_input(ILNP_FLOW_KNOWN));
}

void
rig_tick(void)
{
	r.acts.as_n = 0;
	ilnp_env_epoch_begin();
	r.next = ilnp_ilcc_tick(r.c, r.now, &r.acts);
	ilnp_env_epoch_end();
	assert_true(r.next >= r.now);
}

void
rig_advance(u_int ms)
{
	const ilnp_time_t end = r.now + ILNP_MS(ms);

	while (r.now < end) {
		rig_tick();
		/* No promise to look again is further away than a second. */
		assert_in_range(r.next - r.now, 0, ILNP_SEC(1));
		r.now = r.next == r.now ? r.now + 1 : r.next;
	}
	r.now = end;
}

enum ilnp_inverdict
rig_answer(const struct ilnp_act *a, const struct ilnp_nonce *nonce)
{
	const struct addrs back = { a->a_ctl.cp_dst, a->a_ctl.cp_src, nonce,
	    ILNP_CKSUM_IPV6 };

	assert_int_equal(a->a_ctl.cp_kind, ILNP_CTL_PROBE);
	assert_int_equal(a->a_ctl.cp_bodylen, 8);
	pkt_icmp(&r.pkt, &back, ILNP_ICMP6_ECHO_REP, 0,
	    (uint32_t)a->a_ctl.cp_echoid << 16 | a->a_ctl.cp_echoseq,
	    a->a_ctl.cp_body, a->a_ctl.cp_bodylen);
	return (rig_input(ILNP_FLOW_KNOWN));
}

u_int
rig_answer_all(const struct ilnp_nonce *nonce)
{
	struct ilnp_act act[ILNP_ACTS_TICK];
	u_int n = 0, nacts;

	rig_tick();
	nacts = r.acts.as_n;
	memcpy(act, r.room, sizeof(act));
	for (u_int i = 0; i < nacts; i++) {
		if (act[i].a_ctl.cp_kind != ILNP_CTL_PROBE)
			continue;
		/* Copying the list has moved what the bodies point to. */
		act[i].a_ctl.cp_body = act[i].a_data;
		assert_int_equal(rig_answer(&act[i], nonce), ILNP_IN_CONSUMED);
		n++;
	}
	return (n);
}

struct ilnp_sess *
rig_accepted(const struct ilnp_nonce *nonce)
{
	struct ilnp_sess *s;

	assert_int_equal(rig_udp(B(0), A(0), nonce, ILNP_FLOW_OPENS),
	    ILNP_IN_DELIVER);
	s = r.in.i_sess;
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_int_equal(rig_answer_all(nonce), 1);
	assert_true(rig_info(s).si_confirmed);
	return (s);
}

struct ilnp_sess *
rig_opened(u_int n, const struct ilnp_nonce *nonce)
{
	struct ilnp_sess *s = rig_open(n);

	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_true(rig_answer_all(nonce) >= n);
	assert_true(rig_info(s).si_confirmed);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_OPEN);
	return (s);
}

u_int
rig_acts(enum ilnp_ctl_kind kind)
{
	u_int n = 0;

	for (u_int i = 0; i < r.acts.as_n; i++)
		n += r.acts.as_act[i].a_ctl.cp_kind == kind;
	return (n);
}

const struct ilnp_act *
rig_act(enum ilnp_ctl_kind kind)
{
	for (u_int i = r.acts.as_n; i-- > 0;)
		if (r.acts.as_act[i].a_ctl.cp_kind == kind)
			return (&r.acts.as_act[i]);
	return (NULL);
}

struct ilnp_lurec
rig_act_rec(const struct ilnp_act *a, u_int i)
{
	struct ilnp_lu lu = { .lu_rec = a->a_ctl.cp_body,
	    .lu_count = a->a_ctl.cp_count, .lu_reclen = a->a_ctl.cp_reclen };

	assert_true(i < lu.lu_count);
	return (ilnp_lu_rec(&lu, i));
}

struct ilnp_sessinfo
rig_info(const struct ilnp_sess *s)
{
	struct ilnp_sessinfo si;
	u_int cursor = 0;

	ilnp_env_epoch_begin();
	while (ilnp_ilcc_list(r.c, &cursor, &si))
		if (si.si_id == s->s_id)
			break;
	ilnp_env_epoch_end();
	assert_true(si.si_id == s->s_id);
	return (si);
}

bool
rig_knows(const struct ilnp_sess *s, uint64_t locator)
{
	struct ilnp_sessinfo si = rig_info(s);
	struct ilnp_loc *l = ilnp_locset_find(&si.si_remote, l64(locator));

	return (l != NULL && ilnp_loc_sendable(l));
}

struct ilnp_path *
rig_path(struct ilnp_sess *s, uint64_t a, uint64_t b)
{
	const struct ilnp_l64pair pair = l64pair(a, b);

	assert_non_null(s->s_paths);
	return (ilnp_pathset_find(s->s_paths, &pair));
}

struct essence
essence_of(struct ilnp_sess *s)
{
	struct ilnp_sessinfo si = rig_info(s);
	struct essence e;

	memset(&e, 0, sizeof(e));
	e.remote = si.si_remote;
	for (u_int i = 0; i < e.remote.ls_n; i++)
		e.remote.ls_loc[i].l_used = 0;
	e.nin = s->s_nin;
	e.nout = s->s_nout;
	e.state = (uint8_t)si.si_state;
	e.confirmed = si.si_confirmed;
	e.provisional = s->s_provisional;
	e.pending = si.si_lu_pending;
	e.lu_gen = s->s_lu_gen;
	e.npaths = (uint8_t)si.si_npaths;
	for (u_int i = 0; i < si.si_npaths; i++)
		e.pathstate[i] = si.si_path[i].p_state;
	e.rxpair = s->s_rxpair;
	return (e);
}
