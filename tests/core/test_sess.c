/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * One session from the inside: how packets go out, when they carry the nonce,
 * fallback to plain IPv6, locators nobody has answered from.
 */
#include "rig.h"

static const struct ilnp_nonce N1 = { 4, { 1, 1, 1, 1 } };

/* checklist: 37 39 */
static void
every_packet_carries_the_nonce_by_default(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	for (u_int i = 0; i < 100; i++) {
		assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
		assert_true(ilnp_nonce_eq(&r.out.o_nonce, &s->s_nout));
		assert_int_equal(r.out.o_cksum, ILNP_CKSUM_RFC);
	}
	assert_int_equal(STAT(out_ilnp), 101);
}

/* checklist: 37 51 */
static void
with_policy_initial_first_packets_and_those_after_a_move_carry_it(void **state)
{
	struct ilnp_sess *s;

	(void)state;
	rig_knob("nonce_policy", 1);
	rig_knob("nonce_initial", 8);
	rig_knob("post_move_nonce", 60);
	s = rig_open(1);
	/* Until the peer has answered all do, however many. */
	for (u_int i = 0; i < 50; i++) {
		assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
		assert_int_equal(r.out.o_nonce.n_len, 4);
	}
	assert_int_equal(rig_answer_all(&N1), 1);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_int_equal(r.out.o_nonce.n_len, 0);

	rig_local(1);
	assert_int_equal(ilnp_local_del(ilnp_ilcc_local(r.c), l64(A(0)),
	    r.now), 0);
	for (u_int i = 0; i < 59; i++) {
		assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
		assert_true(r.out.o_path[0].op_pair.local.l64 == A(1));
		assert_int_equal(r.out.o_nonce.n_len, 4);
		r.now += ILNP_SEC(1);
	}
	r.now += ILNP_SEC(2);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_int_equal(r.out.o_nonce.n_len, 0);
}

static u_int
nonce_of_part(struct ilnp_sess *s, struct ilnp_choice *ch, enum ilnp_part part)
{
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_sess_output(r.c, s, 100, 0, ch, part, r.now,
	    &r.out), ILNP_OUT_ILNP);
	ilnp_env_epoch_end();
	return (r.out.o_nonce.n_len);
}

/* What is found out only as it is sent would leave with a nonce, uncut. */
static void
large_segment_is_not_left_to_hardware_once_we_have_moved(void **state)
{
	struct ilnp_sess *s;

	(void)state;
	rig_knob("nonce_policy", 1);
	rig_knob("nonce_initial", 1);
	rig_knob("cksum", 1);
	s = rig_opened(1, &N1);
	for (u_int i = 0; i < 4; i++)
		(void)rig_output(s, 100);
	assert_true(ilnp_sess_bare(r.c, s, NULL, r.now));
	rig_local(1);
	assert_false(ilnp_sess_bare(r.c, s, NULL, r.now));
	assert_int_equal(rig_output(s, 60000), ILNP_OUT_ILNP);
	assert_int_equal(r.out.o_nonce.n_len, 4);
}

/* The other end knows a connection once the third packet of its beginning is there. */
static void
with_policy_initial_each_connection_begins_with_nonces_of_its_own(void **state)
{
	struct ilnp_choice busy = { .ch_lost = false }, fresh = busy;
	struct ilnp_sess *s;

	(void)state;
	rig_knob("nonce_policy", 1);
	rig_knob("nonce_initial", 2);
	s = rig_opened(1, &N1);
	for (u_int i = 0; i < 20; i++)
		(void)nonce_of_part(s, &busy, ILNP_PART_GOES_ON);
	assert_int_equal(nonce_of_part(s, &busy, ILNP_PART_GOES_ON), 0);
	assert_int_equal(nonce_of_part(s, &fresh, ILNP_PART_BEGINS), 4);
	/* What others send between them makes no difference. */
	for (u_int i = 0; i < 20; i++) {
		assert_int_equal(nonce_of_part(s, &busy, ILNP_PART_GOES_ON),
		    0);
		assert_int_equal(nonce_of_part(s, NULL, ILNP_PART_ALONE), 4);
		/* Nor that it is repeated. */
		assert_int_equal(nonce_of_part(s, &fresh, ILNP_PART_BEGINS),
		    4);
	}
	assert_int_equal(nonce_of_part(s, &fresh, ILNP_PART_GOES_ON), 4);
	assert_int_equal(nonce_of_part(s, &fresh, ILNP_PART_GOES_ON), 4);
	assert_int_equal(nonce_of_part(s, &fresh, ILNP_PART_GOES_ON), 0);
	/* Datagrams and answers without a connection have one always. */
	for (u_int i = 0; i < 20; i++)
		assert_int_equal(nonce_of_part(s, NULL, ILNP_PART_ALONE), 4);
}

static void
session_without_locators_of_ours_sends_nothing(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	ilnp_local_del(ilnp_ilcc_local(r.c), l64(A(0)), r.now);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_NOPATH);
	assert_int_equal(r.out.o_n, 0);
	assert_int_equal(STAT(out_nopath), 1);
	assert_int_equal(STAT(out_ilnp), 0);
	rig_local(3);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_int_equal(r.out.o_path[0].op_if, 4);
}

/* checklist: 97 */
static void
interface_handle_belongs_to_the_chosen_source_locator(void **state)
{
	struct ilnp_sess *s;

	(void)state;
	rig_local(1);
	rig_local(2);
	s = rig_opened(2, &N1);
	for (u_int i = 0; i < 30; i++) {
		assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
		assert_int_equal(r.out.o_path[0].op_if,
		    r.out.o_path[0].op_pair.local.l64 - A(0) + 1);
	}
}

/* checklist: 98 */
static void
less_preferred_locators_carry_nothing_while_better_ones_work(void **state)
{
	const struct ilnp_nidpair nids = { ME, YOU };
	const struct ilnp_lurec rec[] = { { l64(B(0)), 20, 300 },
	    { l64(B(1)), 10, 300 } };
	struct ilnp_sess *s = NULL;

	(void)state;
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_open(r.c, &nids, rec, 2, r.now, &s), 0);
	ilnp_env_epoch_end();
	(void)rig_output(s, 1);
	assert_int_equal(rig_answer_all(&N1), 2);
	for (u_int i = 0; i < 20; i++) {
		assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
		assert_true(r.out.o_path[0].op_pair.remote.l64 == B(1));
	}
	rig_path(s, A(0), B(1))->p_state = ILNP_PATH_DOWN;
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_true(r.out.o_path[0].op_pair.remote.l64 == B(0));
}

static void
redundant_copies_go_out_at_most_four_times(void **state)
{
	struct ilnp_sess *s;

	(void)state;
	assert_int_equal(ilnp_ilcc_algorithm(r.c, "redundant"), 0);
	rig_local(1);
	s = rig_opened(4, &N1);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_int_equal(r.out.o_n, ILNP_COPIES_MAX);
	for (u_int i = 0; i < r.out.o_n; i++)
		for (u_int j = 0; j < i; j++)
			assert_false(ilnp_l64pair_eq(
			    &r.out.o_path[i].op_pair,
			    &r.out.o_path[j].op_pair));
}

static void
unconfirmed_responder_answers_where_it_was_spoken_to(void **state)
{
	struct ilnp_sess *s;

	(void)state;
	rig_local(1);
	(void)rig_tcp(B(0), A(1), &N1, TH_SYN);
	s = r.in.i_sess;
	for (u_int i = 0; i < 4; i++) {
		assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
		assert_int_equal(r.out.o_n, 1);
		assert_true(r.out.o_path[0].op_pair.local.l64 == A(1));
		assert_true(r.out.o_path[0].op_pair.remote.l64 == B(0));
		assert_int_equal(r.out.o_nonce.n_len, 4);
	}
}

static void
handshake_known_to_be_done_confirms_a_session(void **state)
{
	struct ilnp_sess *s;

	(void)state;
	(void)rig_tcp(B(0), A(0), &N1, TH_SYN);
	s = r.in.i_sess;
	assert_int_not_equal(s->s_halfslot, ILNP_NOSLOT);
	ilnp_sess_confirm(r.c, s);
	assert_true(rig_info(s).si_confirmed);
	assert_int_equal(s->s_halfslot, ILNP_NOSLOT);
	assert_int_equal(r.c->c_nhalf, 0);
}

/* The peer complains of octet `pointer' of a SYN of ours with this nonce. */
static enum ilnp_inverdict
complaint(const struct ilnp_nonce *quoted, uint32_t pointer)
{
	const struct addrs mine = { { l64(A(0)), ME }, { l64(B(0)), YOU },
	    quoted, ILNP_CKSUM_RFC };
	const struct addrs back = { { l64(B(0)), YOU }, { l64(A(0)), ME },
	    NULL, ILNP_CKSUM_IPV6 };
	struct pkt sent;

	pkt_tcp(&sent, &mine, 4000, 80, TH_SYN, NULL, 0);
	pkt_error(&r.pkt, &back, 4, 2, pointer, &sent, 1232);
	return (rig_input(ILNP_FLOW_OPENS));
}

/* checklist: 62 63 66 */
static void
parameter_problem_for_our_nonce_means_plain_ipv6(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	assert_int_equal(complaint(&s->s_nout, 42), ILNP_IN_CONSUMED);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_IPV6);
	assert_int_equal(STAT(fallback), 1);
	assert_int_equal(r.events[ILNP_EV_FALLBACK], 1);

	assert_int_equal(rig_output(s, 60), ILNP_OUT_PLAIN);
	assert_int_equal(r.out.o_nonce.n_len, 0);
	assert_int_equal(r.out.o_cksum, ILNP_CKSUM_IPV6);
	assert_int_equal(STAT(out_plain), 1);
	/* The same once more is late, not news. */
	assert_int_equal(complaint(&s->s_nout, 42), ILNP_IN_CONSUMED);
	assert_int_equal(STAT(fallback), 1);
	/* No probe bears a nonce to that host any more. */
	rig_advance(3000);
	assert_int_equal(STAT(probe_sent), 0);
}

/* checklist: 66 67 */
static void
parameter_problem_that_does_not_fit_is_not_believed(void **state)
{
	struct ilnp_sess *s = rig_open(1);
	const struct ilnp_nonce wrong = nonce_of(4, 0xee);

	(void)state;
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	for (uint32_t pointer = 0; pointer < 80; pointer++) {
		if (pointer == 42)
			continue;
		assert_int_equal(complaint(&s->s_nout, pointer), ILNP_IN_DROP);
	}
	assert_int_equal(STAT(fallback_forged), 79);
	assert_int_equal(complaint(&wrong, 42), ILNP_IN_DROP);
	assert_int_equal(STAT(fallback_forged), 80);
	assert_int_equal(complaint(NULL, 42), ILNP_IN_DROP);
	assert_int_equal(STAT(fallback_forged), 81);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_TRYING);

	/* And not at all once the peer has shown its nonce. */
	assert_int_equal(rig_answer_all(&N1), 1);
	assert_int_equal(complaint(&s->s_nout, 42), ILNP_IN_DROP);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_OPEN);
	assert_int_equal(STAT(fallback), 0);
}

/* checklist: 62 */
static void
forged_nonce_does_not_stand_in_the_way_of_fallback(void **state)
{
	struct ilnp_sess *s = rig_open(1);
	const struct ilnp_nonce forged = nonce_of(4, 0xee);

	(void)state;
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	assert_int_equal(rig_tcp(B(0), A(0), &forged, TH_SYN | TH_ACK),
	    ILNP_IN_DELIVER);
	assert_int_equal(complaint(&s->s_nout, 42), ILNP_IN_CONSUMED);
	assert_int_equal(rig_output(s, 60), ILNP_OUT_PLAIN);
	/* Nor does it go on working. */
	assert_int_not_equal(rig_tcp(B(0), A(0), &forged, TH_ACK),
	    ILNP_IN_ERROR);
	assert_ptr_not_equal(r.in.i_sess, s);
}

/* checklist: 64 */
static void
silence_means_plain_ipv6_after_the_wait(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	rig_advance(10000);	/* waiting begins with the first packet */
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	rig_advance(2400);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_TRYING);
	rig_advance(200);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_IPV6);
	assert_int_equal(STAT(fallback_silent), 1);
	assert_int_equal(rig_output(s, 60), ILNP_OUT_PLAIN);
}

/* checklist: 64 */
static void
silence_behind_a_forged_nonce_is_silence(void **state)
{
	struct ilnp_sess *s = rig_open(1);
	const struct ilnp_nonce forged = nonce_of(4, 0xee);

	(void)state;
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	assert_int_equal(rig_tcp(B(0), A(0), &forged, TH_SYN | TH_ACK),
	    ILNP_IN_DELIVER);
	for (u_int i = 0; i < 60; i++) {
		rig_advance(100);
		(void)rig_tcp(B(0), A(0), &forged, TH_ACK);
	}
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_IPV6);
}

static void
answer_in_the_last_moment_counts(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	rig_advance(2450);
	assert_int_equal(rig_path(s, A(0), B(0))->p_state, ILNP_PATH_DOWN);
	assert_int_equal(rig_tcp(B(0), A(0), &N1, TH_SYN | TH_ACK),
	    ILNP_IN_DELIVER);
	rig_tick();
	rig_path(s, A(0), B(0))->p_state = ILNP_PATH_UP;
	r.now += ILNP_MS(100);
	rig_tick();
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_OPEN);
}

static void
proven_session_never_falls_back_for_silence(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	for (u_int i = 0; i < 30; i++) {
		assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
		rig_advance(1000);
	}
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_OPEN);
	assert_int_equal(STAT(fallback_silent), 0);
}

/* checklist: 64 */
static void
fallback_can_be_switched_off(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	rig_knob("fallback", 0);
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	rig_advance(9000);
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	assert_int_equal(STAT(fallback_silent), 0);
}

/* checklist: 65 */
static void
unreachable_is_no_reason_to_fall_back(void **state)
{
	struct ilnp_sess *s = rig_open(1);
	const struct addrs mine = { { l64(A(0)), ME }, { l64(B(0)), YOU },
	    &s->s_nout, ILNP_CKSUM_RFC };
	const struct addrs router = { ilv(A(0xfe), 1), { l64(A(0)), ME },
	    NULL, ILNP_CKSUM_IPV6 };
	struct pkt sent;

	(void)state;
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	pkt_tcp(&sent, &mine, 4000, 80, TH_SYN, NULL, 0);
	pkt_error(&r.pkt, &router, 1, 0, 0, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_ERROR);
	rig_advance(9000);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_TRYING);
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
}

/* checklist: 59 63 */
static void
plain_flow_keeps_to_its_pair_of_locators(void **state)
{
	struct ilnp_l64pair pair;
	struct ilnp_sess *s;

	(void)state;
	rig_local(1);
	s = rig_open(2);
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	rig_advance(3000);
	assert_int_equal(rig_output(s, 60), ILNP_OUT_PLAIN);
	pair = r.out.o_path[0].op_pair;
	for (u_int i = 0; i < 20; i++) {
		/* Anybody may send these. */
		(void)rig_udp(B(i % 2), A(i / 2 % 2), NULL, ILNP_FLOW_KNOWN);
		assert_int_equal(rig_output(s, 60), ILNP_OUT_PLAIN);
		assert_int_equal(r.out.o_n, 1);
		assert_true(ilnp_l64pair_eq(&r.out.o_path[0].op_pair, &pair));
	}
}

static void
memory_of_plain_ipv6_ends_when_idle_or_when_told(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	(void)rig_output(s, 60);
	rig_advance(3000);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_IPV6);
	ilnp_sess_retry(r.c, s);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_TRYING);
	assert_int_equal(rig_output(s, 60), ILNP_OUT_ILNP);
	rig_advance(3000);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_IPV6);
	rig_advance(56000);
	assert_int_equal(ilnp_ilcc_count(r.c), 1);
	rig_advance(3000);
	assert_int_equal(ilnp_ilcc_count(r.c), 0);
}

static void
data_to_a_locator_nobody_answered_from_is_a_few_packets(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	u_int sent = 0;

	(void)state;
	/* The peer, or who has its nonce, names a victim and nothing else. */
	assert_int_equal(RIG_LU(B(0), A(0), &N1, { l64(EVIL), 0, 300 }),
	    ILNP_IN_CONSUMED);
	for (u_int i = 0; i < 2000; i++) {
		if (rig_output(s, 1400) == ILNP_OUT_ILNP)
			sent++;
		else
			assert_int_equal(r.out.o_n, 0);
		/* Packets that claim to come from there prove nothing. */
		assert_int_equal(rig_udp(EVIL, A(0), &N1, ILNP_FLOW_KNOWN),
		    ILNP_IN_DELIVER);
		if (rig_path(s, A(0), EVIL) != NULL)
			assert_int_not_equal(rig_path(s, A(0), EVIL)->p_state,
			    ILNP_PATH_UP);
		rig_advance(10);
		(void)RIG_LU(B(0), A(0), &N1, { l64(EVIL + i), 0, 300 });
	}
	assert_int_equal(sent, ILNP_BLIND_MAX);
}

static void
answered_probe_opens_a_new_locator_for_data(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	assert_int_equal(RIG_LU(B(1), A(0), &N1, { l64(B(1)), 0, 300 }),
	    ILNP_IN_CONSUMED);
	for (u_int i = 0; i < ILNP_BLIND_MAX; i++)
		assert_int_equal(rig_output(s, 1400), ILNP_OUT_ILNP);
	assert_int_equal(rig_output(s, 1400), ILNP_OUT_NOPATH);
	assert_int_equal(rig_answer_all(&N1), 1);
	for (u_int i = 0; i < 200; i++)
		assert_int_equal(rig_output(s, 1400), ILNP_OUT_ILNP);
}

static void
every_new_locator_has_its_few_packets_after_a_proof(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	for (u_int i = 1; i < 5; i++) {
		r.now += ILNP_SEC(1);
		assert_int_equal(RIG_LU(B(i), A(0), &N1, { l64(B(i)), 0, 300 }),
		    ILNP_IN_CONSUMED);
		for (u_int n = 0; n < ILNP_BLIND_MAX; n++)
			assert_int_equal(rig_output(s, 9), ILNP_OUT_ILNP);
		assert_int_equal(rig_output(s, 9), ILNP_OUT_NOPATH);
		assert_int_equal(rig_answer_all(&N1), 1);
	}
}

static void
our_own_move_does_not_put_proven_locators_in_doubt(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	rig_local(1);
	ilnp_local_del(ilnp_ilcc_local(r.c), l64(A(0)), r.now);
	for (u_int i = 0; i < 100; i++)
		assert_int_equal(rig_output(s, 1400), ILNP_OUT_ILNP);
}

static void
unconfirmed_session_cannot_be_turned_on_a_victim(void **state)
{
	struct ilnp_sess *s;
	u_int there = 0;

	(void)state;
	(void)rig_udp(EVIL, A(0), &N1, ILNP_FLOW_OPENS);
	s = r.in.i_sess;
	assert_int_equal(rig_output(s, 1400), ILNP_OUT_ILNP);
	/* One packet as if from the victim, then we answer for ever. */
	(void)rig_udp(B(5), A(0), &N1, ILNP_FLOW_KNOWN);
	for (u_int i = 0; i < 100; i++)
		if (rig_output(s, 1400) == ILNP_OUT_ILNP &&
		    r.out.o_path[0].op_pair.remote.l64 == B(5))
			there++;
	assert_in_range(there, 0, ILNP_BLIND_MAX);
}

static void
names_are_asked_again_when_every_path_is_down(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1), *again = NULL;
	const struct ilnp_nidpair nids = { ME, YOU };
	const struct ilnp_lurec rec = { l64(B(5)), 0, 300 };

	(void)state;
	assert_int_equal(RIG_LU(B(0), A(0), &N1, { l64(B(0)), 0, 300 }),
	    ILNP_IN_CONSUMED);
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_open(r.c, &nids, &rec, 1, r.now, &again),
	    0);
	ilnp_env_epoch_end();
	assert_ptr_equal(again, s);
	assert_false(rig_knows(s, B(5)));	/* the update stands */
	for (u_int i = 0; i < 5; i++) {
		(void)rig_output(s, 10);
		rig_advance(1000);
	}
	assert_int_equal(rig_path(s, A(0), B(0))->p_state, ILNP_PATH_DOWN);
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_open(r.c, &nids, &rec, 1, r.now, &again),
	    0);
	ilnp_env_epoch_end();
	assert_true(rig_knows(s, B(5)));
	assert_int_equal(rig_output(s, 10), ILNP_OUT_ILNP);
	assert_true(r.out.o_path[0].op_pair.remote.l64 == B(5));
}

static void
totals_survive_the_paths_they_were_counted_on(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_sessinfo si;

	(void)state;
	for (u_int i = 0; i < 5; i++)
		(void)rig_output(s, 1000);
	(void)rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN);
	si = rig_info(s);
	rig_local(1);
	ilnp_local_del(ilnp_ilcc_local(r.c), l64(A(0)), r.now);
	(void)rig_output(s, 500);
	assert_int_equal(rig_info(s).si_txbytes, si.si_txbytes + 500);
	assert_int_equal(rig_info(s).si_txpkts, si.si_txpkts + 1);
	assert_int_equal(rig_info(s).si_rxpkts, si.si_rxpkts);
	assert_int_equal(rig_info(s).si_npaths, 1);
}

static void
held_session_outlives_idleness_and_its_memory_the_close(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	assert_true(ilnp_sess_hold(s));
	rig_advance(2000000);
	assert_int_equal(ilnp_ilcc_count(r.c), 1);
	ilnp_ilcc_close(r.c, s);
	ilnp_env_epoch_barrier();
	assert_false(ilnp_sess_hold(s));
	ilnp_sess_release(s);
	ilnp_env_epoch_barrier();
	s = rig_open(1);
	rig_advance(1000000);
	assert_int_equal(ilnp_ilcc_count(r.c), 1);
	rig_advance(1000000);
	assert_int_equal(ilnp_ilcc_count(r.c), 0);
}

static void
session_is_found_at_its_locators_and_by_its_token(void **state)
{
	const struct ilnp_nidpair nids = { ME, YOU };
	struct ilnp_sess *s = rig_accepted(&N1);
	uint32_t token = ilnp_ilcc_token(r.c, &N1);
	const struct ilnp_nonce other = nonce_of(4, 9);

	(void)state;
	(void)RIG_LU(B(0), A(0), &N1, { l64(B(0)), 0, 300 },
	    { l64(EVIL), 0, 300 });
	ilnp_env_epoch_begin();
	assert_ptr_equal(ilnp_ilcc_find_at(r.c, &nids, l64(B(0))), s);
	assert_null(ilnp_ilcc_find_at(r.c, &nids, l64(B(1))));
	/* Naming a place does not make it so. */
	assert_null(ilnp_ilcc_find_at(r.c, &nids, l64(EVIL)));
	assert_int_not_equal(token, 0);
	assert_int_not_equal(token, ilnp_ilcc_token(r.c, &other));
	assert_ptr_equal(ilnp_ilcc_bytoken(r.c, &nids, token), s);
	assert_null(ilnp_ilcc_bytoken(r.c, &nids, token + 1));
	/* What an edge learns with a packet, so that it need not compute it. */
	assert_int_equal(rig_udp(B(0), A(0), &N1,
	    ILNP_FLOW_KNOWN), ILNP_IN_DELIVER);
	assert_int_equal(r.in.i_token, token);
	ilnp_env_epoch_end();
}

TEST_MAIN(
	RIG_TEST(large_segment_is_not_left_to_hardware_once_we_have_moved),
	RIG_TEST(every_packet_carries_the_nonce_by_default),
	RIG_TEST(with_policy_initial_first_packets_and_those_after_a_move_carry_it),
	RIG_TEST(with_policy_initial_each_connection_begins_with_nonces_of_its_own),
	RIG_TEST(session_without_locators_of_ours_sends_nothing),
	RIG_TEST(interface_handle_belongs_to_the_chosen_source_locator),
	RIG_TEST(less_preferred_locators_carry_nothing_while_better_ones_work),
	RIG_TEST(redundant_copies_go_out_at_most_four_times),
	RIG_TEST(unconfirmed_responder_answers_where_it_was_spoken_to),
	RIG_TEST(handshake_known_to_be_done_confirms_a_session),
	RIG_TEST(parameter_problem_for_our_nonce_means_plain_ipv6),
	RIG_TEST(parameter_problem_that_does_not_fit_is_not_believed),
	RIG_TEST(forged_nonce_does_not_stand_in_the_way_of_fallback),
	RIG_TEST(silence_means_plain_ipv6_after_the_wait),
	RIG_TEST(silence_behind_a_forged_nonce_is_silence),
	RIG_TEST(answer_in_the_last_moment_counts),
	RIG_TEST(proven_session_never_falls_back_for_silence),
	RIG_TEST(fallback_can_be_switched_off),
	RIG_TEST(unreachable_is_no_reason_to_fall_back),
	RIG_TEST(plain_flow_keeps_to_its_pair_of_locators),
	RIG_TEST(memory_of_plain_ipv6_ends_when_idle_or_when_told),
	RIG_TEST(data_to_a_locator_nobody_answered_from_is_a_few_packets),
	RIG_TEST(answered_probe_opens_a_new_locator_for_data),
	RIG_TEST(every_new_locator_has_its_few_packets_after_a_proof),
	RIG_TEST(our_own_move_does_not_put_proven_locators_in_doubt),
	RIG_TEST(unconfirmed_session_cannot_be_turned_on_a_victim),
	RIG_TEST(names_are_asked_again_when_every_path_is_down),
	RIG_TEST(totals_survive_the_paths_they_were_counted_on),
	RIG_TEST(held_session_outlives_idleness_and_its_memory_the_close),
	RIG_TEST(session_is_found_at_its_locators_and_by_its_token))
