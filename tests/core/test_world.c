/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Two ends and a network between them.
 */
#include "ilnp_addr.h"
#include "world.h"

static uint32_t seq;

static void
node_and_host(enum host other, u_int providers, u_int delay_ms)
{
	seq = 0;
	node_start(0, HOST_ILNP);
	node_start(1, other);
	for (u_int p = 0; p < providers; p++) {
		node_attach(0, p, delay_ms);
		node_attach(1, p, delay_ms);
	}
	assert_non_null(node_open(0, 1));
}

static void
two_nodes(u_int providers, u_int delay_ms)
{
	node_and_host(HOST_ILNP, providers, delay_ms);
}

/* Sends packets at a steady pace to a host that sends them back. */
static void
echoed_flow(enum host other, u_int delay_ms, u_int count, u_int gap_ms)
{
	node_and_host(other, 1, delay_ms);
	w.w_node[1].n_echo = true;
	for (u_int i = 0; i < count; i++) {
		node_send(0, 1, 0, i, 100);
		world_run(gap_ms);
	}
}

/* The initiator speaks first, the other answers. */
static void
begin_flow(u_int flow)
{
	node_send(0, 1, flow, seq, 100);
	for (u_int i = 0; i < 100 && w.w_node[1].n_sess[flow] == 0; i++)
		world_run(10);
	assert_int_not_equal(w.w_node[1].n_sess[flow], 0);
	seq++;
}

static u_int
lost(void)
{
	return (2 * seq - 1 - w.w_node[0].n_got - w.w_node[1].n_got);
}

/* Lets everything under way arrive. */
static void
settle(void)
{
	world_run(3000);
}

static bool
agreed(void)
{
	return (node_knows_peer(0, 1, 0) && node_knows_peer(1, 0, 0));
}

/* checklist: 22 34 35 37 58 */
static void
two_ends_prove_each_other_within_a_few_round_trips(void **state)
{
	(void)state;
	two_nodes(1, 20);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 10, 200);
	assert_int_equal(node_sess(0, 1, 0)->s_confirmed, 1);
	assert_int_equal(node_sess(1, 0, 0)->s_confirmed, 1);
	assert_true(ilnp_nonce_eq(&node_sess(0, 1, 0)->s_nout,
	    &node_sess(1, 0, 0)->s_nin));
	assert_true(ilnp_nonce_eq(&node_sess(1, 0, 0)->s_nout,
	    &node_sess(0, 1, 0)->s_nin));
	settle();
	assert_int_equal(lost(), 0);
	assert_int_equal(node_sessions(0) + node_sessions(1), 2);
	assert_int_equal(w.w_node[0].n_drops + w.w_node[1].n_drops, 0);
}

static void
two_ends_without_traffic_leave_each_other_alone(void **state)
{
	uint64_t sent;

	(void)state;
	two_nodes(3, 20);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 10, 2000);
	world_run(15000);
	sent = NSTAT(0, probe_sent) + NSTAT(1, probe_sent);
	assert_true(sent > 0);
	world_run(60000);
	assert_int_equal(NSTAT(0, probe_sent) + NSTAT(1, probe_sent), sent);
	/* And they find together again. */
	world_talk(0, 1, 0, &seq, 10, 1000);
	settle();
	assert_int_equal(lost(), 0);
	assert_true(NSTAT(0, probe_sent) + NSTAT(1, probe_sent) > sent);
}

static void
first_updates_are_believed_at_once(void **state)
{
	(void)state;
	for (u_int delay = 0; delay <= 200; delay += 50) {
		world_end();
		world_begin();
		two_nodes(3, delay);
		begin_flow(0);
		world_talk(0, 1, 0, &seq, 10, 2000);
		settle();
		assert_int_equal(NSTAT(0, lu_unproven), 0);
		assert_int_equal(NSTAT(1, lu_unproven), 0);
		assert_true(agreed());
		assert_int_equal(lost(), 0);
	}
}

/* checklist: 98 */
static void
equal_paths_share_the_octets(void **state)
{
	u_int total = 0;

	(void)state;
	two_nodes(3, 20);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 10, 3000);
	assert_true(agreed());
	for (u_int i = 0; i < w.w_nseats; i++)
		w.w_seat[i].e_bytes = 0;
	world_talk(0, 1, 0, &seq, 5, 15000);
	for (u_int p = 0; p < 3; p++)
		total += seat_of(LOC(0, p))->e_bytes;
	for (u_int p = 0; p < 3; p++)
		assert_in_range(seat_of(LOC(0, p))->e_bytes * 1000 / total,
		    328, 338);
	settle();
	assert_int_equal(lost(), 0);
	assert_int_equal(w.w_node[0].n_late + w.w_node[1].n_late, 0);
}

/* Moves node 0 from one provider to the next as the paper does. */
static void
soft_handover(u_int from, u_int to, u_int delay_ms)
{
	node_attach(0, to, delay_ms);
	world_talk(0, 1, 0, &seq, 5, 1000);
	node_disable(0, from, true);
	for (u_int i = 0; i < 100; i++) {
		world_talk(0, 1, 0, &seq, 5, 100);
		if (ilnp_ilcc_released(w.w_node[0].n_c, l64(LOC(0, from)),
		    w.w_now))
			break;
	}
	assert_true(ilnp_ilcc_released(w.w_node[0].n_c, l64(LOC(0, from)),
	    w.w_now));
	node_detach(0, from);
	world_talk(0, 1, 0, &seq, 5, 500);
}

/* checklist: 71 72 73 92 93 95 */
static void
soft_handover_loses_nothing(void **state)
{
	static const u_int delays[] = { 0, 20, 200 };

	(void)state;
	for (size_t i = 0; i < NITEMS(delays); i++) {
		world_end();
		world_begin();
		two_nodes(1, delays[i]);
		begin_flow(0);
		world_talk(0, 1, 0, &seq, 5, 1000);
		for (u_int p = 1; p < 4; p++)
			soft_handover(p - 1, p, delays[i]);
		settle();
		assert_int_equal(lost(), 0);
		assert_true(agreed());
		assert_int_equal(w.w_node[0].n_drops, 0);
		assert_int_equal(w.w_node[1].n_drops, 0);
	}
}

static void
new_path_carries_data_one_round_trip_after_it_is_there(void **state)
{
	static const u_int rtts[] = { 20, 200 };

	(void)state;
	for (size_t i = 0; i < NITEMS(rtts); i++) {
		struct seat *new;
		ilnp_time_t began;

		world_end();
		world_begin();
		two_nodes(1, rtts[i] / 2);
		begin_flow(0);
		world_talk(0, 1, 0, &seq, 1, 2000);
		node_attach(0, 1, rtts[i] / 2);
		new = seat_of(LOC(0, 1));
		new->e_bytes = 0;
		began = w.w_now;
		/* Probe and update are under 400 octets, a datagram over 500. */
		while (new->e_bytes < 500) {
			world_talk(0, 1, 0, &seq, 1, 1);
			assert_in_range(w.w_now - began, 0,
			    ILNP_MS(rtts[i]) * 11 / 10);
		}
	}
}

/* Each packet of the flow, as it leaves. */
static u_int tapped, locators_tapped;
static struct ilnp_l64pair last_tapped;

static void
tap_flow(const uint8_t *b, size_t len)
{
	struct ilnp_view v;

	assert_int_equal(ilnp_wire_parse(b, len, &v), ILNP_PARSE_OK);
	if (v.v_proto != ILNP_PROTO_UDP)
		return;
	tapped++;
	if (!ilnp_nid_eq(v.v_src.nid, w.w_node[0].n_nid)) {
		assert_true(ilnp_nid_eq(v.v_src.nid, w.w_node[1].n_nid));
		assert_true(ilnp_nid_eq(v.v_dst.nid, w.w_node[0].n_nid));
		return;
	}
	assert_true(ilnp_nid_eq(v.v_dst.nid, w.w_node[1].n_nid));
	locators_tapped += !ilnp_l64_eq(v.v_src.l64, last_tapped.local) ||
	    !ilnp_l64_eq(v.v_dst.l64, last_tapped.remote);
	last_tapped.local = v.v_src.l64;
	last_tapped.remote = v.v_dst.l64;
}

/* checklist: 4 */
static void
nids_of_a_flow_stay_while_both_ends_change_all_their_locators(void **state)
{
	(void)state;
	two_nodes(1, 20);
	tapped = locators_tapped = 0;
	w.w_tap = tap_flow;
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 5, 1000);
	for (u_int p = 1; p < 5; p++) {
		soft_handover(p - 1, p, 20);
		node_attach(1, p, 20);
		world_talk(0, 1, 0, &seq, 5, 500);
		node_detach(1, p - 1);
		world_talk(0, 1, 0, &seq, 5, 500);
	}
	assert_true(tapped > 1000);
	assert_true(locators_tapped >= 8);
	assert_int_equal(node_sessions(0), 1);
}

/* checklist: 91 */
static void
hard_move_of_one_end_heals_itself(void **state)
{
	(void)state;
	two_nodes(1, 20);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 10, 1000);
	for (u_int p = 1; p < 6; p++) {
		node_detach(0, p - 1);
		node_attach(0, p, 20);
		world_talk(0, 1, 0, &seq, 10, 2000);
		assert_true(agreed());
	}
	settle();
	/* What was on its way to the old place, and no more. */
	assert_in_range(lost(), 0, 5 * 8);
}

static void
both_ends_moving_softly_at_once_lose_nothing(void **state)
{
	(void)state;
	two_nodes(1, 40);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 5, 1000);
	for (u_int p = 1; p < 5; p++) {
		node_attach(0, p, 40);
		node_attach(1, p, 40);
		world_talk(0, 1, 0, &seq, 5, 1000);
		node_disable(0, p - 1, true);
		node_disable(1, p - 1, true);
		world_talk(0, 1, 0, &seq, 5, 4000);
		assert_true(ilnp_ilcc_released(w.w_node[0].n_c,
		    l64(LOC(0, p - 1)), w.w_now));
		assert_true(ilnp_ilcc_released(w.w_node[1].n_c,
		    l64(LOC(1, p - 1)), w.w_now));
		node_detach(0, p - 1);
		node_detach(1, p - 1);
	}
	settle();
	assert_int_equal(lost(), 0);
	assert_true(agreed());
}

static void
both_ends_moving_hard_meet_again_through_names(void **state)
{
	(void)state;
	/* Who is told: the one that began, by an answer or a hosts file; both. */
	for (u_int told = 0; told < 3; told++) {
		for (u_int size = 4; size <= 12; size += 8) {
			world_end();
			world_begin();
			w.w_conf.nonce_size = size;
			two_nodes(1, 20);
			begin_flow(0);
			world_talk(0, 1, 0, &seq, 10, 1000);
			node_detach(0, 0);
			node_detach(1, 0);
			node_attach(0, 1, 20);
			node_attach(1, 1, 20);
			world_talk(0, 1, 0, &seq, 10, 5000);
			assert_false(agreed());
			if (told == 1)
				assert_non_null(node_open(0, 1));
			else
				node_renew(0, 1);
			if (told == 2)
				node_renew(1, 0);
			world_talk(0, 1, 0, &seq, 10, 5000);
			assert_true(agreed());
			assert_int_equal(node_sessions(0), 1);
			assert_int_equal(node_sessions(1), 1);
		}
	}
}

static void
black_hole_is_left_within_two_seconds(void **state)
{
	(void)state;
	two_nodes(2, 20);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 5, 2000);
	w.w_node[0].n_gap = w.w_node[1].n_gap = 0;
	seat_cut(0, 0, true);
	seat_cut(1, 0, true);
	world_talk(0, 1, 0, &seq, 5, 3000);
	/* One path of four is left; traffic shared before, so gaps are short. */
	assert_in_range(w.w_node[0].n_gap, 0, ILNP_MS(600));
	assert_in_range(w.w_node[1].n_gap, 0, ILNP_MS(600));
	seat_cut(0, 0, false);
	seat_cut(1, 0, false);
	world_talk(0, 1, 0, &seq, 5, 3000);
	for (u_int i = 0; i < w.w_nseats; i++)
		w.w_seat[i].e_bytes = 0;
	world_talk(0, 1, 0, &seq, 5, 1000);
	assert_true(seat_of(LOC(0, 0))->e_bytes > 40000);
}

static void
restarted_node_is_taken_back_within_five_seconds(void **state)
{
	(void)state;
	for (u_int victim = 0; victim < 2; victim++) {
		u_int before;

		world_end();
		world_begin();
		two_nodes(2, 20);
		begin_flow(0);
		world_talk(0, 1, 0, &seq, 10, 2000);
		node_stop(victim);
		world_talk(0, 1, 0, &seq, 10, 1000);
		node_start(victim, HOST_ILNP);
		assert_non_null(node_open(victim, 1 - victim));
		world_talk(0, 1, 0, &seq, 10, 5000);
		before = w.w_node[0].n_got + w.w_node[1].n_got;
		world_talk(0, 1, 0, &seq, 10, 1000);
		settle();
		assert_int_equal(w.w_node[0].n_got + w.w_node[1].n_got -
		    before, 200 + 2);
	}
}

static void
responder_found_at_a_locator_it_gives_up_says_so(void **state)
{
	(void)state;
	two_nodes(1, 20);
	node_attach(1, 1, 20);
	node_disable(1, 0, true);
	/* Names were read before that. */
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 10, 3000);
	assert_int_equal(node_sess(1, 0, 0)->s_confirmed, 1);
	assert_true(agreed());
	assert_true(ilnp_ilcc_released(w.w_node[1].n_c, l64(LOC(1, 0)),
	    w.w_now));
	settle();
	assert_int_equal(lost(), 0);
}

static void
responder_that_forgot_everything_is_taken_back(void **state)
{
	u_int before;

	(void)state;
	two_nodes(1, 0);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 10, 5000);
	node_stop(1);
	node_start(1, HOST_ILNP);
	world_talk(0, 1, 0, &seq, 10, 5000);
	before = w.w_node[0].n_got + w.w_node[1].n_got;
	world_talk(0, 1, 0, &seq, 10, 1000);
	settle();
	assert_int_equal(w.w_node[0].n_got + w.w_node[1].n_got - before, 200);
	/* Whatever sessions are left, each is the other end of another one. */
	for (u_int n = 0; n < 2; n++) {
		struct ilnp_ilcc *here = w.w_node[n].n_c;
		struct ilnp_ilcc *there = w.w_node[1 - n].n_c;

		for (uint32_t i = 0; i < here->c_n; i++) {
			u_int partners = 0;

			for (uint32_t j = 0; j < there->c_n; j++)
				partners += ilnp_nonce_eq(
				    &here->c_pool[i]->s_nout,
				    &there->c_pool[j]->s_nin);
			assert_int_equal(partners, 1);
			assert_int_equal(here->c_pool[i]->s_confirmed, 1);
		}
	}
}

/* checklist: 10 60 62 63 */
static void
host_without_ilnp_is_spoken_to_in_plain_ipv6(void **state)
{
	(void)state;
	echoed_flow(HOST_PLAIN, 20, 50, 20);
	settle();
	/* Two were on their way before the first answer came. */
	assert_int_equal(w.w_node[1].n_got, 48);
	assert_int_equal(w.w_node[0].n_got, 48);
	assert_int_equal(w.w_node[0].n_plain, 48);
	assert_int_equal(NSTAT(0, fallback), 1);
	assert_int_equal(NSTAT(0, fallback_forged), 0);
}

static void
tap_modes(const uint8_t *b, size_t len)
{
	struct ilnp_view v;

	assert_int_equal(ilnp_wire_parse(b, len, &v), ILNP_PARSE_OK);
	if (v.v_proto != ILNP_PROTO_UDP)
		return;
	tapped++;
	if (ilnp_nid_eq(v.v_dst.nid, w.w_node[1].n_nid))
		assert_int_equal(v.v_nonce.n_len, 4);
	else if (ilnp_nid_eq(v.v_dst.nid, w.w_node[2].n_nid))
		assert_int_equal(v.v_nonce.n_len, 0);
}

/* checklist: 21 36 */
static void
flows_to_hosts_with_and_without_ilnp_go_on_side_by_side(void **state)
{
	struct ilnp_sessinfo si;

	(void)state;
	two_nodes(1, 20);
	node_start(2, HOST_PLAIN);
	w.w_node[2].n_echo = true;
	node_attach(2, 0, 20);
	assert_non_null(node_open(0, 2));
	begin_flow(0);
	for (u_int i = 0; i < 10; i++) {
		node_send(0, 2, 1, i, 100);
		world_talk(0, 1, 0, &seq, 10, 20);
	}
	ilnp_sess_info(node_sess(0, 1, 0), &si);
	assert_int_equal(si.si_state, ILNP_SESS_OPEN);
	ilnp_sess_info(node_sess(0, 2, 1), &si);
	assert_int_equal(si.si_state, ILNP_SESS_IPV6);
	tapped = 0;
	w.w_tap = tap_modes;
	for (u_int i = 10; i < 60; i++) {
		node_send(0, 2, 1, i, 100);
		world_talk(0, 1, 0, &seq, 10, 20);
	}
	settle();
	assert_true(tapped > 200);
	assert_in_range(w.w_node[2].n_got, 55, 60);
	assert_true(agreed());
}

/* checklist: 64 */
static void
mute_host_is_spoken_to_in_plain_ipv6_after_the_wait(void **state)
{
	(void)state;
	echoed_flow(HOST_MUTE, 20, 50, 100);
	settle();
	assert_int_equal(NSTAT(0, fallback_silent), 1);
	assert_in_range(w.w_node[0].n_got, 24, 25);
}

static void
random_moves_on_a_bad_network_converge_when_it_calms_down(void **state)
{
	bool have[2][6] = { { true }, { true } };
	u_int n[2] = { 1, 1 };
	uint8_t rnd[4];

	(void)state;
	two_nodes(1, 20);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 10, 1000);
	for (u_int round = 0; round < 150; round++) {
		u_int who, p;

		w.w_loss = 100;
		w.w_dup = 100;
		w.w_jitter = ILNP_MS(150);
		ilnp_env_random(rnd, sizeof(rnd));
		who = rnd[0] % 2;
		p = rnd[1] % 6;
		if (!have[who][p]) {
			node_attach(who, p, rnd[2] % 100);
			have[who][p] = true;
			n[who]++;
		} else if (n[who] > 1) {
			node_detach(who, p);
			have[who][p] = false;
			n[who]--;
		}
		world_talk(0, 1, 0, &seq, 20, 20 + rnd[3] * 4);
		if (round % 10 != 9)
			continue;
		w.w_loss = w.w_dup = 0;
		w.w_jitter = 0;
		world_talk(0, 1, 0, &seq, 50, 12000);
		if (!agreed()) {
			/* Both lost each other: names help (RFC 6740 s6.2). */
			(void)node_open(0, 1);
			(void)node_open(1, 0);
			world_talk(0, 1, 0, &seq, 50, 12000);
		}
		assert_true(agreed());
	}
	assert_true(seq < WORLD_SEQS);
	assert_in_range(node_sessions(0), 1, 4);
}

/* lesson: 8 */
static void
late_older_update_does_not_outlive_the_newer_one(void **state)
{
	(void)state;
	two_nodes(1, 20);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 10, 1000);
	/* The first of two updates takes a detour. */
	w.w_jitter = ILNP_MS(800);
	for (u_int i = 0; i < 20; i++) {
		node_attach(0, 1, 20);
		world_talk(0, 1, 0, &seq, 10, 110);
		node_detach(0, 1);
		world_talk(0, 1, 0, &seq, 10, 1500);
		assert_int_equal(seq < WORLD_SEQS, true);
	}
	w.w_jitter = 0;
	world_talk(0, 1, 0, &seq, 10, 8000);
	assert_true(agreed());
}

static void
silent_fallback_and_a_late_answer_end_in_one_mode(void **state)
{
	(void)state;
	/* A round trip longer than the wait. */
	echoed_flow(HOST_ILNP, 1500, 100, 200);
	world_run(10000);
	assert_int_equal(NSTAT(0, fallback_silent), 1);
	/* Whatever mode it is, data gets through in both directions. */
	assert_in_range(w.w_node[1].n_got, 95, 100);
	assert_in_range(w.w_node[0].n_got, 95, 100);
	assert_in_range(node_sessions(0), 1, 2);
	assert_in_range(node_sessions(1), 1, 2);
}

static void
nonce_policy_initial_survives_moves(void **state)
{
	(void)state;
	w.w_conf.nonce_policy = 1;
	w.w_conf.post_move_nonce = 3;
	two_nodes(1, 20);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 5, 2000);
	assert_true(w.w_node[1].n_bare > 100);
	for (u_int p = 1; p < 4; p++) {
		soft_handover(p - 1, p, 20);
		world_talk(0, 1, 0, &seq, 5, 5000);
	}
	settle();
	assert_int_equal(lost(), 0);
	assert_true(agreed());
}

static void
shared_nonce_peer_works(void **state)
{
	(void)state;
	two_nodes(2, 20);
	node_knob(1, "nonce_shared", 1);
	begin_flow(0);
	world_talk(0, 1, 0, &seq, 10, 2000);
	assert_true(ilnp_nonce_eq(&node_sess(0, 1, 0)->s_nin,
	    &node_sess(0, 1, 0)->s_nout));
	soft_handover(0, 3, 20);
	settle();
	assert_int_equal(lost(), 0);
	assert_true(agreed());
}

/* Everything once, with allocation failing at the n-th time and after. */
static void
live_through(int64_t n)
{
	seq = 0;
	world_begin();
	w.w_node[0].n_kind = w.w_node[1].n_kind = HOST_ILNP;
	ilnp_env_alloc_limit(n);
	for (u_int i = 0; i < 2; i++) {
		w.w_node[i].n_c = ilnp_ilcc_alloc(&w.w_conf, NULL, NULL);
		if (w.w_node[i].n_c == NULL)
			return;
		assert_int_equal(ilnp_local_nid_add(ilnp_ilcc_local(
		    w.w_node[i].n_c), w.w_node[i].n_nid), 0);
		node_attach(i, 0, 20);
	}
	(void)node_open(0, 1);
	world_talk(0, 1, 0, &seq, 10, 200);
	node_attach(0, 1, 20);
	world_talk(0, 1, 0, &seq, 10, 200);

	/* Memory is there again: now all must work. */
	ilnp_env_alloc_limit(-1);
	assert_non_null(node_open(0, 1));
	world_talk(0, 1, 0, &seq, 10, 3000);
	assert_true(agreed());
	assert_true(w.w_node[0].n_got > 250);
	assert_true(w.w_node[1].n_got > 250);
}

static void
want_of_memory_at_any_moment_does_no_lasting_harm(void **state)
{
	(void)state;
	for (int64_t n = 0; n < 24; n++) {
		world_end();
		live_through(n);
		ilnp_env_alloc_limit(-1);
	}
}

TEST_MAIN(
	WORLD_TEST(two_ends_prove_each_other_within_a_few_round_trips),
	WORLD_TEST(two_ends_without_traffic_leave_each_other_alone),
	WORLD_TEST(first_updates_are_believed_at_once),
	WORLD_TEST(equal_paths_share_the_octets),
	WORLD_TEST(soft_handover_loses_nothing),
	WORLD_TEST(new_path_carries_data_one_round_trip_after_it_is_there),
	WORLD_TEST(nids_of_a_flow_stay_while_both_ends_change_all_their_locators),
	WORLD_TEST(hard_move_of_one_end_heals_itself),
	WORLD_TEST(both_ends_moving_softly_at_once_lose_nothing),
	WORLD_TEST(both_ends_moving_hard_meet_again_through_names),
	WORLD_TEST(black_hole_is_left_within_two_seconds),
	WORLD_TEST(restarted_node_is_taken_back_within_five_seconds),
	WORLD_TEST(responder_found_at_a_locator_it_gives_up_says_so),
	WORLD_TEST(responder_that_forgot_everything_is_taken_back),
	WORLD_TEST(host_without_ilnp_is_spoken_to_in_plain_ipv6),
	WORLD_TEST(flows_to_hosts_with_and_without_ilnp_go_on_side_by_side),
	WORLD_TEST(mute_host_is_spoken_to_in_plain_ipv6_after_the_wait),
	WORLD_TEST(random_moves_on_a_bad_network_converge_when_it_calms_down),
	WORLD_TEST(late_older_update_does_not_outlive_the_newer_one),
	WORLD_TEST(silent_fallback_and_a_late_answer_end_in_one_mode),
	WORLD_TEST(nonce_policy_initial_survives_moves),
	WORLD_TEST(shared_nonce_peer_works),
	WORLD_TEST(want_of_memory_at_any_moment_does_no_lasting_harm))
