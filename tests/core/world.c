/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 */
#include <stdlib.h>

#include "world.h"
#include "ilnp_cksum.h"

#define	PORT	10000		/* of flow 0, at both ends */

struct world w;

static uint32_t
dice(uint32_t sides)
{
	uint32_t v;

	ilnp_env_random(&v, sizeof(v));
	return (v % sides);
}

struct seat *
seat_of(uint64_t locator)
{
	for (u_int i = 0; i < w.w_nseats; i++)
		if (w.w_seat[i].e_l64.l64 == locator)
			return (&w.w_seat[i]);
	return (NULL);
}

static void
enqueue(const uint8_t *b, size_t len, ilnp_time_t at)
{
	struct frame *f = malloc(sizeof(*f) + len), **pp;

	assert_non_null(f);
	f->f_at = at;
	f->f_len = len;
	memcpy(f->f_b, b, len);
	for (pp = &w.w_frames; *pp != NULL && (*pp)->f_at <= at;
	    pp = &(*pp)->f_next)
		continue;
	f->f_next = *pp;
	*pp = f;
}

static uint64_t
word_at(const uint8_t *p)
{
	struct ilnp_rd rd = ilnp_rd(p, 8);

	return (ilnp_rd_u64(&rd));
}

static void
transmit(u_int node, const uint8_t *b, size_t len)
{
	struct seat *from = seat_of(word_at(b + 8));
	struct seat *to = seat_of(word_at(b + 24));
	u_int copies = w.w_dup != 0 && dice(1000) < w.w_dup ? 2 : 1;

	if (w.w_tap != NULL)
		w.w_tap(b, len);
	if (from == NULL || from->e_node != node) {
		/* Only the host's own locators may leave by its links. */
		assert_false(w.w_filter);
		return;
	}
	from->e_sent++;
	from->e_bytes += len;
	if (!from->e_up || to == NULL)
		return;
	while (copies-- > 0) {
		ilnp_time_t at = w.w_now + from->e_delay + to->e_delay;

		if (w.w_loss != 0 && dice(1000) < w.w_loss)
			continue;
		if (w.w_jitter != 0)
			at += dice((uint32_t)w.w_jitter);
		enqueue(b, len, at);
	}
}

static void
carry_out(u_int node, const struct ilnp_acts *acts)
{
	static uint8_t buf[ILNP_CTL_MAX];

	for (u_int i = 0; i < acts->as_n; i++) {
		size_t len = ilnp_wire_compose(&acts->as_act[i].a_ctl, buf,
		    sizeof(buf));

		assert_true(len > 0);
		transmit(node, buf, len);
	}
}

static void
tick(u_int node)
{
	static struct ilnp_act room[ILNP_ACTS_TICK];
	struct ilnp_acts acts = ILNP_ACTS(room);
	struct node *n = &w.w_node[node];

	ilnp_env_epoch_begin();
	n->n_tick = ilnp_ilcc_tick(n->n_c, w.w_now, &acts);
	ilnp_env_epoch_end();
	assert_true(n->n_tick >= w.w_now);
	carry_out(node, &acts);
}

/* The application: it notes what has come. */
static void
got(u_int node, const struct ilnp_view *v, const uint8_t *b, size_t len,
    bool plain)
{
	struct node *n = &w.w_node[node];
	struct ilnp_rd rd = ilnp_rd(b + v->v_l4off + 8, len - v->v_l4off - 8);
	uint32_t seq = ilnp_rd_u32(&rd);
	enum ilnp_cksum kind = ilnp_cksum_verify(v->v_src, v->v_dst,
	    v->v_proto, b + v->v_l4off, len - v->v_l4off);

	assert_int_not_equal(kind, ILNP_CKSUM_UNKNOWN);
	if (plain)
		assert_int_equal(kind, ILNP_CKSUM_IPV6);
	assert_in_range(seq, 0, WORLD_SEQS - 1);
	if (n->n_seen[seq] != 0) {
		n->n_again++;
		return;
	}
	n->n_seen[seq] = 1;
	n->n_got++;
	n->n_plain += plain;
	n->n_bare += v->v_nonce.n_len == 0;
	if (seq < n->n_highest)
		n->n_late++;
	else
		n->n_highest = seq;
	if (n->n_lastgot != 0 && w.w_now - n->n_lastgot > n->n_gap)
		n->n_gap = w.w_now - n->n_lastgot;
	n->n_lastgot = w.w_now;
}

static u_int
peer_of(struct ilnp_nid id)
{
	for (u_int i = 0; i < WORLD_NODES; i++)
		if (ilnp_nid_eq(w.w_node[i].n_nid, id))
			return (i);
	fail_msg("a packet from nowhere");
	return (0);
}

static void
send_plain(u_int node, u_int flow, uint32_t seq, size_t len,
    struct ilnp_ilv src, struct ilnp_ilv dst)
{
	const struct addrs a = { src, dst, NULL, ILNP_CKSUM_IPV6 };
	uint8_t data[1500] = { (uint8_t)(seq >> 24), (uint8_t)(seq >> 16),
	    (uint8_t)(seq >> 8), (uint8_t)seq };
	struct pkt p;

	pkt_udp(&p, &a, (uint16_t)(PORT + flow), (uint16_t)(PORT + flow),
	    data, len);
	transmit(node, p.b, p.len);
}

static void
receive_foreign(u_int node, const uint8_t *b, size_t len)
{
	struct node *n = &w.w_node[node];
	struct ilnp_view v;
	struct pkt about, p;

	assert_int_equal(ilnp_wire_parse(b, len, &v), ILNP_PARSE_OK);
	if (v.v_nonce.n_len != 0) {
		const struct addrs back = { v.v_dst, v.v_src, NULL,
		    ILNP_CKSUM_IPV6 };

		if (n->n_kind == HOST_MUTE)
			return;
		memcpy(about.b, b, len);
		about.len = len;
		pkt_error(&p, &back, ILNP_ICMP6_PARAMPROB, 2, v.v_optoff,
		    &about, 1232);
		transmit(node, p.b, p.len);
		return;
	}
	if (v.v_proto != ILNP_PROTO_UDP)
		return;
	got(node, &v, b, len, true);
	if (n->n_echo)
		send_plain(node, (u_int)(v.v_dport - PORT), n->n_highest, 64,
		    v.v_dst, v.v_src);
}

static void
receive(u_int node, const uint8_t *b, size_t len)
{
	struct ilnp_act room[ILNP_ACTS_INPUT];
	struct ilnp_acts acts = ILNP_ACTS(room);
	struct node *n = &w.w_node[node];
	enum ilnp_inverdict verdict;
	struct ilnp_in in;
	struct ilnp_view v;
	u_int flow = 0;

	if (n->n_kind != HOST_ILNP) {
		receive_foreign(node, b, len);
		return;
	}
	if (n->n_c == NULL)
		return;
	ilnp_in_look(&in, b, len);
	v = in.i_view;
	if (in.i_parsed == ILNP_PARSE_OK && v.v_proto == ILNP_PROTO_UDP) {
		flow = (u_int)(v.v_dport - PORT);
		if (n->n_sess[flow] != 0)
			in.i_hint = ILNP_FLOW_KNOWN;
	}
	ilnp_env_epoch_begin();
	verdict = ilnp_ilcc_input(n->n_c, &in, w.w_now, &acts);
	if (verdict == ILNP_IN_DELIVER && v.v_proto == ILNP_PROTO_UDP)
		n->n_sess[flow] = in.i_sess->s_id;
	ilnp_env_epoch_end();
	if (verdict == ILNP_IN_DELIVER && v.v_proto == ILNP_PROTO_UDP)
		got(node, &v, b, len, in.i_cksum == ILNP_CKSUM_IPV6);
	else if (verdict == ILNP_IN_IPV6 && v.v_proto == ILNP_PROTO_UDP)
		got(node, &v, b, len, true);
	else if (verdict == ILNP_IN_DROP)
		n->n_drops++;
	carry_out(node, &acts);
	if (in.i_kick)
		n->n_tick = w.w_now;
	if (n->n_echo && v.v_proto == ILNP_PROTO_UDP &&
	    (verdict == ILNP_IN_DELIVER || verdict == ILNP_IN_IPV6))
		node_send(node, peer_of(v.v_src.nid), flow, n->n_highest, 64);
}

void
world_run(u_int ms)
{
	const ilnp_time_t end = w.w_now + ILNP_MS(ms);

	for (;;) {
		ilnp_time_t next = end;
		struct frame *f = w.w_frames;

		if (f != NULL && f->f_at < next)
			next = f->f_at;
		for (u_int i = 0; i < WORLD_NODES; i++)
			if (w.w_node[i].n_c != NULL &&
			    w.w_node[i].n_tick < next)
				next = w.w_node[i].n_tick;
		if (next > w.w_now)
			w.w_now = next;
		ilnp_env_set_now(w.w_now);
		if (f != NULL && f->f_at <= w.w_now) {
			struct seat *to = seat_of(word_at(f->f_b + 24));

			struct pkt p = { .len = f->f_len };

			memcpy(p.b, f->f_b, p.len);
			w.w_frames = f->f_next;
			free(f);
			if (to != NULL && to->e_up && word_at(p.b + 32) ==
			    w.w_node[to->e_node].n_nid.nid)
				receive(to->e_node, p.b, p.len);
			continue;
		}
		for (u_int i = 0; i < WORLD_NODES; i++)
			if (w.w_node[i].n_c != NULL &&
			    w.w_node[i].n_tick <= w.w_now)
				tick(i);
		ilnp_env_epoch_poll();
		if (w.w_now >= end)
			break;
	}
}

void
world_begin(void)
{
	memset(&w, 0, sizeof(w));
	w.w_now = T0;
	w.w_filter = true;
	ilnp_conf_init(&w.w_conf);
	w.w_conf.sess_max = 64;
	w.w_conf.half_max = 16;
	for (u_int i = 0; i < WORLD_NODES; i++)
		w.w_node[i].n_nid = nid(0x0200000000000000 + i + 1);
}

void
world_end(void)
{
	for (u_int i = 0; i < WORLD_NODES; i++)
		if (w.w_node[i].n_c != NULL)
			ilnp_ilcc_free(w.w_node[i].n_c);
	while (w.w_frames != NULL) {
		struct frame *f = w.w_frames;

		w.w_frames = f->f_next;
		free(f);
	}
}

int
world_setup(void **state)
{
	(void)test_begin(state);
	world_begin();
	return (0);
}

int
world_teardown(void **state)
{
	world_end();
	return (test_end(state));
}

void
node_start(u_int node, enum host kind)
{
	struct node *n = &w.w_node[node];

	n->n_kind = kind;
	if (kind != HOST_ILNP)
		return;
	n->n_c = ilnp_ilcc_alloc(&w.w_conf, NULL, NULL);
	assert_non_null(n->n_c);
	assert_int_equal(ilnp_local_nid_add(ilnp_ilcc_local(n->n_c),
	    n->n_nid), 0);
	n->n_tick = w.w_now;
	memset(n->n_sess, 0, sizeof(n->n_sess));
	for (u_int i = 0; i < w.w_nseats; i++)
		if (w.w_seat[i].e_node == node)
			(void)ilnp_local_put(ilnp_ilcc_local(n->n_c),
			    w.w_seat[i].e_l64, i + 1, 0, 1, 0, w.w_now);
}

void
node_stop(u_int node)
{
	ilnp_env_epoch_barrier();
	ilnp_ilcc_free(w.w_node[node].n_c);
	w.w_node[node].n_c = NULL;
}

void
node_knob(u_int node, const char *name, uint64_t value)
{
	assert_int_equal(ilnp_conf_set(ilnp_ilcc_conf(w.w_node[node].n_c),
	    name, value), 0);
}

void
node_attach(u_int node, u_int provider, u_int delay_ms)
{
	struct seat *e = seat_of(LOC(node, provider));

	if (e == NULL) {
		assert_true(w.w_nseats < WORLD_SEATS);
		e = &w.w_seat[w.w_nseats++];
	}
	e->e_l64 = l64(LOC(node, provider));
	e->e_node = node;
	e->e_up = true;
	e->e_delay = ILNP_MS(delay_ms) / 2;
	if (w.w_node[node].n_c != NULL) {
		(void)ilnp_local_put(ilnp_ilcc_local(w.w_node[node].n_c),
		    e->e_l64, provider + 1, 0, 1, 0, w.w_now);
		w.w_node[node].n_tick = w.w_now;
	}
}

void
node_detach(u_int node, u_int provider)
{
	struct seat *e = seat_of(LOC(node, provider));

	assert_non_null(e);
	if (w.w_node[node].n_c != NULL) {
		(void)ilnp_local_del(ilnp_ilcc_local(w.w_node[node].n_c),
		    e->e_l64, w.w_now);
		w.w_node[node].n_tick = w.w_now;
	}
	*e = w.w_seat[--w.w_nseats];
}

void
node_disable(u_int node, u_int provider, bool disable)
{
	assert_int_equal(ilnp_local_disable(ilnp_ilcc_local(
	    w.w_node[node].n_c), l64(LOC(node, provider)), disable, w.w_now),
	    0);
	w.w_node[node].n_tick = w.w_now;
}

void
seat_cut(u_int node, u_int provider, bool cut)
{
	seat_of(LOC(node, provider))->e_up = !cut;
}

/* Where a node sits.  Returns how many locators it has. */
static u_int
places_of(u_int peer, struct ilnp_lurec rec[WORLD_SEATS])
{
	u_int n = 0;

	for (u_int i = 0; i < w.w_nseats; i++)
		if (w.w_seat[i].e_node == peer)
			rec[n++] = (struct ilnp_lurec){ w.w_seat[i].e_l64, 0,
			    300 };
	return (n);
}

struct ilnp_sess *
node_open(u_int node, u_int peer)
{
	const struct ilnp_nidpair nids = { w.w_node[node].n_nid,
	    w.w_node[peer].n_nid };
	struct ilnp_lurec rec[WORLD_SEATS];
	u_int n = places_of(peer, rec);
	struct ilnp_sess *s = NULL;

	ilnp_env_epoch_begin();
	(void)ilnp_ilcc_open(w.w_node[node].n_c, &nids, rec, n, w.w_now, &s);
	ilnp_env_epoch_end();
	return (s);
}

void
node_renew(u_int node, u_int peer)
{
	const struct ilnp_nidpair nids = { w.w_node[node].n_nid,
	    w.w_node[peer].n_nid };
	struct ilnp_lurec rec[WORLD_SEATS];
	u_int n = places_of(peer, rec);

	ilnp_env_epoch_begin();
	ilnp_ilcc_renew(w.w_node[node].n_c, &nids, rec, n, true,
	    w.w_now);
	ilnp_env_epoch_end();
}

struct ilnp_sess *
node_sess(u_int node, u_int peer, u_int flow)
{
	struct node *n = &w.w_node[node];
	const struct ilnp_nidpair nids = { n->n_nid, w.w_node[peer].n_nid };
	struct ilnp_sess *s = NULL;

	ilnp_env_epoch_begin();
	if (n->n_sess[flow] != 0)
		s = ilnp_ilcc_byid(n->n_c, n->n_sess[flow]);
	if (s == NULL)
		s = ilnp_ilcc_find(n->n_c, &nids);
	if (s != NULL)
		n->n_sess[flow] = s->s_id;
	ilnp_env_epoch_end();
	return (s);
}

u_int
node_sessions(u_int node)
{
	return (ilnp_ilcc_count(w.w_node[node].n_c));
}

void
node_send(u_int node, u_int peer, u_int flow, uint32_t seq, size_t len)
{
	struct node *n = &w.w_node[node];
	uint8_t data[1500] = { (uint8_t)(seq >> 24), (uint8_t)(seq >> 16),
	    (uint8_t)(seq >> 8), (uint8_t)seq };
	enum ilnp_outverdict verdict;
	struct ilnp_sess *s;
	struct ilnp_out out;

	if (n->n_c == NULL)
		return;
	s = node_sess(node, peer, flow);
	if (s == NULL) {
		n->n_unsent++;
		return;
	}
	ilnp_env_epoch_begin();
	verdict = ilnp_sess_output(n->n_c, s, (uint32_t)len + 48, flow, NULL,
	    ILNP_PART_GOES_ON, w.w_now, &out);
	ilnp_env_epoch_end();
	if (verdict == ILNP_OUT_NOPATH)
		n->n_unsent++;
	for (u_int i = 0; i < out.o_n; i++) {
		const struct addrs a = {
			{ out.o_path[i].op_pair.local, n->n_nid },
			{ out.o_path[i].op_pair.remote, w.w_node[peer].n_nid },
			out.o_nonce.n_len == 0 ? NULL : &out.o_nonce,
			out.o_cksum
		};
		struct pkt p;

		pkt_udp(&p, &a, (uint16_t)(PORT + flow),
		    (uint16_t)(PORT + flow), data, len);
		transmit(node, p.b, p.len);
	}
	if (out.o_kick)
		n->n_tick = w.w_now;
}

void
world_talk(u_int a, u_int b, u_int flow, uint32_t *seq, u_int step, u_int ms)
{
	for (u_int t = 0; t < ms; t += step) {
		node_send(a, b, flow, *seq, 500);
		node_send(b, a, flow, *seq, 500);
		(*seq)++;
		world_run(step);
	}
}

bool
node_knows_peer(u_int node, u_int peer, u_int flow)
{
	struct ilnp_sess *s = node_sess(node, peer, flow);
	struct ilnp_locset *set, theirs;
	u_int n = 0;

	if (s == NULL || w.w_node[peer].n_c == NULL)
		return (false);
	set = &s->s_remote;
	ilnp_local_list(ilnp_ilcc_local(w.w_node[peer].n_c), &theirs);
	for (u_int i = 0; i < theirs.ls_n; i++) {
		const struct ilnp_loc *l;

		if (!ilnp_loc_sendable(&theirs.ls_loc[i]))
			continue;
		n++;
		l = ilnp_locset_find(set, theirs.ls_loc[i].l_l64);
		if (l == NULL || !ilnp_loc_sendable(l))
			return (false);
	}
	/*
	 * What comes after the update that took a locator back, a packet from
	 * there or an older update, may teach it again; nobody answers from
	 * there, so nothing is sent there but probes.
	 */
	for (u_int i = 0; i < set->ls_n; i++)
		n -= ilnp_loc_sendable(&set->ls_loc[i]) &&
		    (set->ls_loc[i].l_flags & ILNP_LOC_F_UNPROVEN) == 0;
	return (n == 0);
}
