/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ICMPv6 errors about packets of ours, and the probes of our paths.
 */
#include "rig.h"

static const struct ilnp_nonce N1 = { 4, { 1, 1, 1, 1 } };
static const struct ilnp_nonce N2 = { 4, { 2, 2, 2, 2 } };
static const struct addrs router = { { { A(0xfe) }, { 1 } },
    { { A(0) }, { 0x021111fffe000001 } }, NULL, ILNP_CKSUM_IPV6 };

/* A packet of ours from A(a) to B(b). */
static void
ours(struct pkt *p, struct ilnp_sess *s, u_int a, u_int b,
    const struct ilnp_nonce *nonce)
{
	const struct addrs at = { { l64(A(a)), s->s_nids.local },
	    { l64(B(b)), s->s_nids.remote }, nonce, ILNP_CKSUM_RFC };

	pkt_udp(p, &at, 5000, 4000, "some data", 9);
}

/* checklist: 49 117 */
static void
packet_too_big_of_a_router_lowers_the_mtu_of_the_path_it_quotes(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);
	struct pkt sent;

	(void)state;
	ours(&sent, s, 0, 1, &s->s_nout);
	pkt_error(&r.pkt, &router, 2, 0, 1400, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_ERROR);
	assert_ptr_equal(r.in.i_sess, s);
	assert_int_equal(r.in.i_mtu, 1400);
	assert_int_equal(r.in.i_quoteoff, 48);
	assert_int_equal(r.in.i_quote.v_sport, 5000);
	assert_int_equal(rig_path(s, A(0), B(1))->p_mtu, 1400);
	assert_int_equal(rig_path(s, A(0), B(0))->p_mtu, 0);
	assert_int_equal(STAT(in_ptb), 1);
	/* It is never raised by a message. */
	pkt_error(&r.pkt, &router, 2, 0, 9000, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_ERROR);
	assert_int_equal(rig_path(s, A(0), B(1))->p_mtu, 1400);
	/* What is below the least MTU is no message at all (RFC 8201 s4). */
	pkt_error(&r.pkt, &router, 2, 0, 1279, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(in_ptb_bad), 1);
	assert_int_equal(rig_path(s, A(0), B(1))->p_mtu, 1400);
	pkt_error(&r.pkt, &router, 2, 0, 1280, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_ERROR);
	assert_int_equal(rig_path(s, A(0), B(1))->p_mtu, 1280);
	for (u_int i = 0; i < 4; i++) {
		(void)rig_output(s, 100);
		assert_int_equal(r.out.o_path[0].op_mtu,
		    r.out.o_path[0].op_pair.remote.l64 == B(1) ? 1280 : 0);
	}
}

/* Sends what has no nonce, as a socket may although the knob does not say so. */
static void
send_bare(struct ilnp_sess *s)
{
	struct ilnp_choice initial = { .ch_nonce = ILNP_NONCE_INITIAL };

	ilnp_env_epoch_begin();
	for (u_int i = 0; i < 20; i++)
		assert_int_equal(ilnp_sess_output(r.c, s, 1450, 0, &initial,
		    ILNP_PART_GOES_ON, r.now, &r.out), ILNP_OUT_ILNP);
	ilnp_env_epoch_end();
	assert_int_equal(r.out.o_nonce.n_len, 0);
}

/* A segment of ours without a nonce. */
static void
bare_segment(struct pkt *p, struct ilnp_sess *s, u_int a, u_int b)
{
	const struct addrs at = { { l64(A(a)), s->s_nids.local },
	    { l64(B(b)), s->s_nids.remote }, NULL, ILNP_CKSUM_RFC };

	pkt_tcp(p, &at, 5000, 80, TH_ACK, "data", 4);
}

static void
error_about_a_packet_without_a_nonce_counts_if_there_was_one(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);
	struct pkt sent;

	(void)state;
	bare_segment(&sent, s, 0, 1);
	pkt_error(&r.pkt, &router, 2, 0, 1400, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(in_icmp_quote), 1);
	send_bare(s);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_ERROR);
	assert_int_equal(r.in.i_mtu, 1400);
	assert_int_equal(rig_path(s, A(0), B(1))->p_mtu, 1400);
	/* All but segments have a nonce, whatever the policy. */
	ours(&sent, s, 0, 0, NULL);
	pkt_error(&r.pkt, &router, 2, 0, 1400, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	/* Nothing so long was sent that it could have been too big. */
	bare_segment(&sent, s, 0, 0);
	pkt_error(&r.pkt, &router, 2, 0, 1450, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(in_ptb_bad), 1);
	assert_int_equal(rig_path(s, A(0), B(0))->p_mtu, 0);
}

static u_int vouched;

static bool
vouch(const struct ilnp_in *in)
{
	vouched++;
	assert_int_equal(in->i_quote.v_sport, 5000);
	assert_int_equal(in->i_quoteoff, 48);
	return (*(const bool *)in->i_edge);
}

static enum ilnp_inverdict
input_vouched(bool good)
{
	enum ilnp_inverdict verdict;

	r.acts.as_n = 0;
	ilnp_env_epoch_begin();
	ilnp_in_look(&r.in, r.pkt.b, r.pkt.len);
	r.in.i_vouch = vouch;
	r.in.i_edge = &good;
	verdict = ilnp_ilcc_input(r.c, &r.in, r.now, &r.acts);
	ilnp_env_epoch_end();
	return (verdict);
}

static void
error_without_a_nonce_needs_a_flow_that_vouches_for_it(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);
	struct pkt sent;

	(void)state;
	send_bare(s);
	bare_segment(&sent, s, 0, 1);
	for (uint8_t type = 1; type <= 3; type++) {
		pkt_error(&r.pkt, &router, type, 0, type == 2 ? 1300 : 0,
		    &sent, 1232);
		assert_int_equal(input_vouched(false), ILNP_IN_DROP);
	}
	assert_int_equal(STAT(in_icmp_quote), 3);
	assert_int_equal(rig_path(s, A(0), B(1))->p_mtu, 0);
	assert_int_equal(rig_path(s, A(0), B(1))->p_state, ILNP_PATH_UP);
	pkt_error(&r.pkt, &router, 2, 0, 1300, &sent, 1232);
	assert_int_equal(input_vouched(true), ILNP_IN_ERROR);
	assert_int_equal(rig_path(s, A(0), B(1))->p_mtu, 1300);
	assert_int_equal(vouched, 4);
	/* Our nonce is better than any flow. */
	ours(&sent, s, 0, 0, &s->s_nout);
	pkt_error(&r.pkt, &router, 2, 0, 1300, &sent, 1232);
	assert_int_equal(input_vouched(false), ILNP_IN_ERROR);
	assert_int_equal(vouched, 4);
}

/* checklist: 49 */
static void
errors_about_plain_ipv6_packets_are_left_to_ipv6(void **state)
{
	const struct addrs plain = { { l64(A(0)), ME }, { l64(B(0)), nid(7) },
	    NULL, ILNP_CKSUM_IPV6 };
	const struct addrs with = { { l64(A(0)), ME }, { l64(B(0)), YOU }, &N2,
	    ILNP_CKSUM_IPV6 };
	struct pkt sent;

	(void)state;
	pkt_udp(&sent, &plain, 1, 2, "x", 1);
	pkt_error(&r.pkt, &router, 2, 0, 1400, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_IPV6);
	/* Also when a stranger put a nonce on it. */
	pkt_error(&r.pkt, &with, 1, 0, 0, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_IPV6);
	assert_int_equal(ilnp_ilcc_count(r.c), 0);
}

/* checklist: 45 47 */
static void
error_of_a_correspondent_without_its_nonce_is_discarded(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);
	const struct addrs peer = { { l64(B(0)), YOU }, { l64(A(0)), ME },
	    NULL, ILNP_CKSUM_IPV6 };
	struct pkt sent;

	(void)state;
	ours(&sent, s, 0, 0, &s->s_nout);
	for (uint8_t type = 1; type <= 3; type++) {
		pkt_error(&r.pkt, &peer, type, 0, 1400, &sent, 1232);
		assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	}
	assert_int_equal(STAT(in_icmp_forged), 3);
	assert_int_equal(rig_path(s, A(0), B(0))->p_mtu, 0);
	assert_int_equal(rig_path(s, A(0), B(0))->p_state, ILNP_PATH_UP);
}

/* checklist: 46 47 */
static void
error_of_a_correspondent_with_a_wrong_nonce_is_discarded(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);
	const struct addrs peer = { { l64(B(0)), YOU }, { l64(A(0)), ME },
	    &N2, ILNP_CKSUM_IPV6 };
	struct pkt sent;

	(void)state;
	ours(&sent, s, 0, 0, &s->s_nout);
	pkt_error(&r.pkt, &peer, 1, 4, 0, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(in_icmp_forged), 1);
	assert_int_equal(rig_path(s, A(0), B(0))->p_state, ILNP_PATH_UP);
}

/* checklist: 38 */
static void
error_of_a_correspondent_with_its_nonce_is_taken(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	const struct addrs peer = { { l64(B(0)), YOU }, { l64(A(0)), ME },
	    &N1, ILNP_CKSUM_IPV6 };
	struct pkt sent;

	(void)state;
	ours(&sent, s, 0, 0, &s->s_nout);
	pkt_error(&r.pkt, &peer, 1, 4, 0, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_ERROR);
	assert_ptr_equal(r.in.i_sess, s);
	assert_int_equal(r.in.i_quoteoff, 56);
	assert_int_equal(r.in.i_quote.v_dport, 4000);
	assert_int_equal(r.in.i_mtu, 0);
}

static void
error_that_quotes_no_packet_of_ours_is_ignored(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);
	struct pkt sent;

	(void)state;
	ours(&sent, s, 0, 0, &N2);
	pkt_error(&r.pkt, &router, 2, 0, 1280, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	ours(&sent, s, 0, 0, NULL);
	pkt_error(&r.pkt, &router, 1, 0, 0, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(in_icmp_quote), 2);
	assert_int_equal(rig_path(s, A(0), B(0))->p_mtu, 0);
	assert_int_equal(rig_path(s, A(0), B(0))->p_state, ILNP_PATH_UP);
}

static void
quote_that_is_cut_short_still_names_its_session(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct pkt sent;

	(void)state;
	ours(&sent, s, 0, 0, &s->s_nout);
	for (size_t n = 0; n <= sent.len; n++) {
		enum ilnp_inverdict v;

		pkt_error(&r.pkt, &router, 2, 0, 1300, &sent, n);
		v = rig_input(ILNP_FLOW_KNOWN);
		if (n >= 48)
			assert_int_equal(v, ILNP_IN_ERROR);
		else
			assert_int_not_equal(v, ILNP_IN_ERROR);
	}
	assert_int_equal(rig_path(s, A(0), B(0))->p_mtu, 1300);
}

static void
error_with_a_spoilt_checksum_is_left_to_ipv6_which_drops_it(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct pkt sent;

	(void)state;
	ours(&sent, s, 0, 0, &s->s_nout);
	pkt_error(&r.pkt, &router, 2, 0, 1300, &sent, 1232);
	r.pkt.b[43] ^= 1;
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_IPV6);
	assert_int_equal(rig_path(s, A(0), B(0))->p_mtu, 0);
}

static void
unreachable_path_is_a_hint_while_another_works(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);
	struct pkt sent;

	(void)state;
	ours(&sent, s, 0, 1, &s->s_nout);
	pkt_error(&r.pkt, &router, 1, 0, 0, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_CONSUMED);
	assert_int_equal(rig_path(s, A(0), B(1))->p_state, ILNP_PATH_SUSPECT);
	for (u_int i = 0; i < 10; i++) {
		(void)rig_output(s, 100);
		assert_true(r.out.o_path[0].op_pair.remote.l64 == B(0));
	}
	/* When the last one goes too, transport is told. */
	ours(&sent, s, 0, 0, &s->s_nout);
	pkt_error(&r.pkt, &router, 1, 0, 0, &sent, 1232);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_ERROR);
	assert_int_equal(STAT(in_unreach), 2);
	/* And a probe that is answered brings a path back. */
	r.now += ILNP_SEC(2);
	assert_true(rig_answer_all(&N1) > 0);
	assert_int_equal(rig_path(s, A(0), B(1))->p_state, ILNP_PATH_UP);
}

static void
other_errors_are_passed_on_with_their_session(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct pkt sent;

	(void)state;
	ours(&sent, s, 0, 0, &s->s_nout);
	pkt_error(&r.pkt, &router, 3, 0, 0, &sent, 1232);	/* time exceeded */
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_ERROR);
	pkt_error(&r.pkt, &router, 4, 0, 42, &sent, 1232);	/* header field */
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_ERROR);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_OPEN);
}

static void
probe_is_answered_over_the_locators_it_came_by(void **state)
{
	struct ilnp_sess *s = rig_accepted(&N1);
	const struct addrs at = { { l64(B(3)), YOU }, { l64(A(0)), ME }, &N1,
	    ILNP_CKSUM_IPV6 };
	const struct ilnp_act *a;

	(void)state;
	pkt_icmp(&r.pkt, &at, ILNP_ICMP6_ECHO_REQ, 0, 0x00070009, "TOKEN678",
	    8);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_CONSUMED);
	assert_int_equal(rig_acts(ILNP_CTL_PROBE_REPLY), 1);
	a = rig_act(ILNP_CTL_PROBE_REPLY);
	assert_true(a->a_ctl.cp_src.l64.l64 == A(0));
	assert_true(a->a_ctl.cp_dst.l64.l64 == B(3));
	assert_true(ilnp_nonce_eq(&a->a_ctl.cp_nonce, &s->s_nout));
	assert_int_equal(a->a_ctl.cp_echoid, 7);
	assert_int_equal(a->a_ctl.cp_echoseq, 9);
	assert_int_equal(a->a_ctl.cp_bodylen, 8);
	assert_memory_equal(a->a_ctl.cp_body, "TOKEN678", 8);
	assert_int_equal(STAT(probe_rcvd), 1);
}

static void
echoes_of_programs_reach_them(void **state)
{
	const struct addrs at = { { l64(B(0)), YOU }, { l64(A(0)), ME }, &N1,
	    ILNP_CKSUM_IPV6 };

	(void)state;
	(void)rig_accepted(&N1);
	pkt_icmp(&r.pkt, &at, ILNP_ICMP6_ECHO_REQ, 0, 1, "0123456789abcdef",
	    16);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DELIVER);
	pkt_icmp(&r.pkt, &at, ILNP_ICMP6_ECHO_REP, 0, 1, "not ours", 8);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DELIVER);
	assert_int_equal(STAT(probe_rcvd) + STAT(probe_stray), 0);
}

static void
probe_with_a_spoilt_checksum_is_dropped(void **state)
{
	const struct addrs at = { { l64(B(0)), YOU }, { l64(A(0)), ME }, &N1,
	    ILNP_CKSUM_IPV6 };

	(void)state;
	(void)rig_accepted(&N1);
	pkt_icmp(&r.pkt, &at, ILNP_ICMP6_ECHO_REQ, 0, 1, "TOKEN678", 8);
	r.pkt.b[r.pkt.len - 1] ^= 1;
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(r.acts.as_n, 0);
	assert_int_equal(STAT(lu_cksum), 1);
}

static struct ilnp_act
next_probe(void)
{
	for (u_int i = 0; i < 100; i++) {
		rig_tick();
		if (rig_act(ILNP_CTL_PROBE) != NULL)
			return (*rig_act(ILNP_CTL_PROBE));
		r.now = r.next;
	}
	fail_msg("no probe came");
	return (r.acts.as_act[0]);
}

static enum ilnp_inverdict
answer(struct ilnp_act a)
{
	a.a_ctl.cp_body = a.a_data;
	return (rig_answer(&a, &N1));
}

static void
answers_measure_the_round_trip(void **state)
{
	struct ilnp_sess *s = rig_open(1);
	struct ilnp_act a;

	(void)state;
	(void)rig_output(s, 10);
	a = next_probe();
	r.now += ILNP_MS(40);
	assert_int_equal(answer(a), ILNP_IN_CONSUMED);
	assert_int_equal(rig_path(s, A(0), B(0))->p_srtt, ILNP_MS(40));
	assert_int_equal(rig_path(s, A(0), B(0))->p_state, ILNP_PATH_UP);
	assert_int_equal(STAT(path_up), 1);
}

static void
duplicate_and_very_late_answers_do_not_spoil_the_measure(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_path *p = rig_path(s, A(0), B(0));
	struct ilnp_act a;

	(void)state;
	(void)rig_output(s, 10);
	r.now += ILNP_SEC(1);
	a = next_probe();
	r.now += ILNP_MS(10);
	assert_int_equal(answer(a), ILNP_IN_CONSUMED);
	r.now += ILNP_MS(900);
	assert_int_equal(answer(a), ILNP_IN_CONSUMED);
	assert_int_equal(STAT(probe_stray), 1);
	assert_in_range(p->p_srtt, 1, ILNP_MS(10));
	/* Many probes later nobody remembers when it was sent. */
	a = next_probe();
	for (u_int i = 0; i < ILNP_PROBE_RING; i++) {
		(void)rig_output(s, 10);
		r.now += ILNP_SEC(2);
		(void)next_probe();
	}
	assert_int_equal(answer(a), ILNP_IN_CONSUMED);
	assert_int_equal(STAT(probe_stray), 2);
	assert_in_range(p->p_srtt, 1, ILNP_MS(10));
}

static void
answer_read_by_a_clock_that_lags_counts_as_instant(void **state)
{
	struct ilnp_sess *s = rig_open(1);
	struct ilnp_act a;

	(void)state;
	(void)rig_output(s, 10);
	a = next_probe();
	r.now -= 5;
	assert_int_equal(answer(a), ILNP_IN_CONSUMED);
	assert_int_equal(rig_path(s, A(0), B(0))->p_srtt, 1);
}

static void
late_answer_brings_a_path_back(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_path *p = rig_path(s, A(0), B(0));
	struct ilnp_act first;

	(void)state;
	r.now += ILNP_SEC(1);
	(void)rig_output(s, 10);
	first = next_probe();
	(void)rig_output(s, 10);
	r.now += ILNP_MS(700);
	(void)next_probe();
	assert_int_equal(p->p_state, ILNP_PATH_SUSPECT);
	assert_int_equal(answer(first), ILNP_IN_CONSUMED);
	assert_int_equal(p->p_state, ILNP_PATH_UP);
	assert_int_equal(p->p_fails, 0);
}

static void
answer_must_come_back_by_the_locators_it_was_asked_by(void **state)
{
	struct ilnp_sess *s = rig_open(2);
	struct ilnp_act a;

	(void)state;
	(void)rig_output(s, 10);
	a = next_probe();
	assert_true(a.a_ctl.cp_dst.l64.l64 == B(1));
	a.a_ctl.cp_dst.l64 = l64(B(0));
	assert_int_equal(answer(a), ILNP_IN_DELIVER);
	assert_int_equal(rig_path(s, A(0), B(1))->p_state, ILNP_PATH_NEW);
	assert_false(rig_info(s).si_confirmed);
}

TEST_MAIN(
	RIG_TEST(packet_too_big_of_a_router_lowers_the_mtu_of_the_path_it_quotes),
	RIG_TEST(error_about_a_packet_without_a_nonce_counts_if_there_was_one),
	RIG_TEST(error_without_a_nonce_needs_a_flow_that_vouches_for_it),
	RIG_TEST(errors_about_plain_ipv6_packets_are_left_to_ipv6),
	RIG_TEST(error_of_a_correspondent_without_its_nonce_is_discarded),
	RIG_TEST(error_of_a_correspondent_with_a_wrong_nonce_is_discarded),
	RIG_TEST(error_of_a_correspondent_with_its_nonce_is_taken),
	RIG_TEST(error_that_quotes_no_packet_of_ours_is_ignored),
	RIG_TEST(quote_that_is_cut_short_still_names_its_session),
	RIG_TEST(error_with_a_spoilt_checksum_is_left_to_ipv6_which_drops_it),
	RIG_TEST(unreachable_path_is_a_hint_while_another_works),
	RIG_TEST(other_errors_are_passed_on_with_their_session),
	RIG_TEST(probe_is_answered_over_the_locators_it_came_by),
	RIG_TEST(echoes_of_programs_reach_them),
	RIG_TEST(probe_with_a_spoilt_checksum_is_dropped),
	RIG_TEST(answers_measure_the_round_trip),
	RIG_TEST(duplicate_and_very_late_answers_do_not_spoil_the_measure),
	RIG_TEST(answer_read_by_a_clock_that_lags_counts_as_instant),
	RIG_TEST(late_answer_brings_a_path_back),
	RIG_TEST(answer_must_come_back_by_the_locators_it_was_asked_by))
