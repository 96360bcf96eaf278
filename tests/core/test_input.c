/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What may come in: nonces, locators, flows that open and flows that do not,
 * forgeries.
 */
#include "rig.h"

static const struct ilnp_nonce N1 = { 4, { 1, 1, 1, 1 } };
static const struct ilnp_nonce N2 = { 4, { 2, 2, 2, 2 } };
static const struct ilnp_nonce LONG = { 12, { 1, 1, 1, 1 } };

/* checklist: 15 33 */
static void
packet_is_found_by_remote_nid_and_nonce(void **state)
{
	struct ilnp_sess *s = rig_accepted(&N1);

	(void)state;
	assert_int_equal(rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s);
	assert_int_equal(r.in.i_nids.remote.nid, YOU.nid);
	/* A longer nonce with the same beginning is another one. */
	assert_int_equal(rig_udp(B(0), A(0), &LONG, ILNP_FLOW_KNOWN),
	    ILNP_IN_DROP);
}

/* checklist: 16 */
static void
packet_without_nonce_is_found_by_remote_locator_and_nid(void **state)
{
	struct ilnp_sess *s = rig_accepted(&N1);

	(void)state;
	assert_int_equal(rig_udp(B(0), A(0), NULL, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s);
}

/* checklist: 42 */
static void
data_from_an_unknown_locator_without_the_right_nonce_is_dropped(void **state)
{
	struct ilnp_sess *s = rig_accepted(&N1);
	const struct essence e = essence_of(s);

	(void)state;
	assert_int_equal(rig_udp(EVIL, A(0), NULL, ILNP_FLOW_KNOWN),
	    ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_missing), 1);
	assert_null(r.in.i_sess);
	assert_int_equal(rig_udp(EVIL, A(0), &N2, ILNP_FLOW_KNOWN),
	    ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_wrong), 1);
	assert_null(r.in.i_sess);
	assert_int_equal(rig_tcp(EVIL, A(0), &N2, TH_ACK), ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_wrong), 2);
	assert_same_essence(s, &e);
	assert_int_equal(ilnp_ilcc_count(r.c), 1);
}

/* checklist: 44 */
static void
data_from_an_unknown_locator_with_the_right_nonce_is_accepted(void **state)
{
	struct ilnp_sess *s = rig_accepted(&N1);

	(void)state;
	assert_int_equal(rig_udp(B(7), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s);
	assert_int_equal(STAT(in_newloc), 1);
	assert_true(rig_knows(s, B(7)));
	/* It is last among the peer's locators, so data goes on as before. */
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_true(r.out.o_path[0].op_pair.remote.l64 == B(0));
}

/* checklist: 116 */
static void
source_that_may_not_be_a_locator_is_dropped_even_with_the_nonce(void **state)
{
	static const uint64_t bad[] = { 0xfe80000000000000, 0, 1,
	    0xff02000000000000 };
	struct ilnp_sess *s = rig_accepted(&N1);
	const struct essence e = essence_of(s);

	(void)state;
	for (size_t i = 0; i < NITEMS(bad); i++)
		assert_int_equal(rig_udp(bad[i], A(0), &N1, ILNP_FLOW_KNOWN),
		    ILNP_IN_DROP);
	assert_int_equal(STAT(in_badloc), NITEMS(bad));
	assert_int_equal(rig_udp(B(0), 0xfe80000000000000, &N1,
	    ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_same_essence(s, &e);
}

/* checklist: 55 */
static void
wrong_nonce_from_a_known_locator_opens_only_with_an_opening_packet(void **state)
{
	static const struct {
		uint8_t		flags;
		enum ilnp_inverdict verdict;
	} cases[] = {
		{ TH_SYN, ILNP_IN_DELIVER },
		{ TH_SYN | TH_ACK, ILNP_IN_DROP },
		{ TH_ACK, ILNP_IN_DROP },
		{ TH_RST, ILNP_IN_DROP },
		{ TH_SYN | TH_RST, ILNP_IN_DROP },
		{ TH_SYN | TH_FIN, ILNP_IN_DROP },
		{ TH_FIN | TH_ACK, ILNP_IN_DROP },
		{ 0, ILNP_IN_DROP },
	};
	struct ilnp_sess *s = rig_accepted(&N1);

	(void)state;
	for (size_t i = 0; i < NITEMS(cases); i++) {
		assert_int_equal(rig_tcp(B(0), A(0), &N2, cases[i].flags),
		    cases[i].verdict);
		if (cases[i].verdict == ILNP_IN_DELIVER) {
			assert_ptr_not_equal(r.in.i_sess, s);
			ilnp_ilcc_close(r.c, r.in.i_sess);
		} else
			assert_null(r.in.i_sess);
	}
	assert_int_equal(STAT(in_nonce_wrong), NITEMS(cases) - 1);
	assert_int_equal(rig_udp(B(0), A(0), &N2, ILNP_FLOW_OPENS),
	    ILNP_IN_DELIVER);
	assert_ptr_not_equal(r.in.i_sess, s);
	assert_int_equal(rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s);
}

static void
packet_that_cannot_begin_anything_makes_no_session(void **state)
{
	const struct addrs a = { { l64(B(0)), YOU }, { l64(A(0)), ME }, &N1,
	    ILNP_CKSUM_RFC };

	(void)state;
	pkt_raw(&r.pkt, &a, ILNP_PROTO_NONE, NULL, 0);
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_DROP);
	pkt_icmp(&r.pkt, &a, ILNP_ICMP6_ECHO_REP, 0, 0, NULL, 0);
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_wrong), 2);
	assert_int_equal(ilnp_ilcc_count(r.c), 0);
	pkt_icmp(&r.pkt, &a, ILNP_ICMP6_ECHO_REQ, 0, 0, NULL, 0);
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_DELIVER);
	assert_int_equal(ilnp_ilcc_count(r.c), 1);
}

/* checklist: 10 59 */
static void
packet_without_a_nonce_from_no_correspondent_is_plain_ipv6(void **state)
{
	(void)state;
	assert_int_equal(rig_udp(B(0), A(0), NULL, ILNP_FLOW_OPENS),
	    ILNP_IN_IPV6);
	assert_int_equal(rig_udp(B(0), A(0), NULL, ILNP_FLOW_KNOWN),
	    ILNP_IN_IPV6);
	assert_int_equal(rig_tcp(B(0), A(0), NULL, TH_SYN), ILNP_IN_IPV6);
	assert_int_equal(ilnp_ilcc_count(r.c), 0);
}

/* checklist: 59 115 */
static void
new_flow_and_neighbour_discovery_of_a_correspondent_without_nonce_are_ipv6(
    void **state)
{
	struct ilnp_sess *s = rig_accepted(&N1);
	const struct addrs a = { { l64(B(0)), YOU }, { l64(A(0)), ME }, NULL,
	    ILNP_CKSUM_IPV6 };
	const struct essence e = essence_of(s);

	(void)state;
	assert_int_equal(rig_udp(B(0), A(0), NULL, ILNP_FLOW_OPENS),
	    ILNP_IN_IPV6);
	for (uint8_t type = 130; type <= 143; type++) {
		pkt_icmp(&r.pkt, &a, type, 0, 0, "0123456789abcdef", 16);
		assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_IPV6);
	}
	pkt_icmp(&r.pkt, &a, ILNP_ICMP6_ECHO_REQ, 0, 0, NULL, 0);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_IPV6);
	assert_same_essence(s, &e);
}

/* checklist: 40 53 54 */
static void
malformed_packets_have_one_counter_each_and_no_effect(void **state)
{
	struct ilnp_sess *s = rig_accepted(&N1);
	const struct essence e = essence_of(s);
	const struct addrs a = { { l64(B(0)), YOU }, { l64(A(0)), ME }, NULL,
	    ILNP_CKSUM_RFC };
	/* Destination options, then UDP of 8 octets. */
	const uint8_t twice[] = { 17, 1, 0x8b, 4, 1, 1, 1, 1, 0x8b, 4, 1, 1,
	    1, 1, 1, 0, 0, 1, 0, 2, 0, 8, 0, 0 };
	const uint8_t seven[] = { 17, 1, 0x8b, 7, 1, 1, 1, 1, 1, 1, 1, 1, 3,
	    0, 0, 0, 0, 1, 0, 2, 0, 8, 0, 0 };
	const uint8_t zero[] = { 17, 0, 0x8b, 0, 1, 2, 0, 0, 0, 1, 0, 2, 0, 8,
	    0, 0 };
	const uint8_t overrun[] = { 17, 0, 0x8b, 12, 1, 1, 1, 1, 0, 1, 0, 2, 0,
	    8, 0, 0 };

	(void)state;
	pkt_raw(&r.pkt, &a, ILNP_PROTO_DSTOPTS, twice, sizeof(twice));
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_twice), 1);
	pkt_raw(&r.pkt, &a, ILNP_PROTO_DSTOPTS, seven, sizeof(seven));
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	pkt_raw(&r.pkt, &a, ILNP_PROTO_DSTOPTS, zero, sizeof(zero));
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_len), 2);
	pkt_raw(&r.pkt, &a, ILNP_PROTO_DSTOPTS, overrun, sizeof(overrun));
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(in_malformed), 1);
	assert_same_essence(s, &e);
	assert_int_equal(STAT(in_ilnp), 1);		/* the first of all */
}

static void
icmp_message_that_is_not_whole_is_not_looked_into(void **state)
{
	const struct addrs a = { { l64(B(0)), YOU }, { l64(A(0)), ME }, &N1,
	    ILNP_CKSUM_IPV6 };

	(void)state;
	(void)rig_accepted(&N1);
	pkt_icmp(&r.pkt, &a, ILNP_ICMP6_ECHO_REP, 0, 1, "token678", 8);
	r.pkt.len -= 8;
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(in_malformed), 1);
}

/* The edges make no more contiguous than they must. */
static void
ping_that_is_longer_than_a_probe_need_not_be_whole(void **state)
{
	const struct addrs a = { { l64(B(0)), YOU }, { l64(A(0)), ME }, &N1,
	    ILNP_CKSUM_IPV6 };
	const uint8_t types[] = { ILNP_ICMP6_ECHO_REQ, ILNP_ICMP6_ECHO_REP };

	(void)state;
	(void)rig_accepted(&N1);
	for (u_int i = 0; i < 2; i++) {
		pkt_icmp(&r.pkt, &a, types[i], 0, 1, "a long ping", 11);
		r.pkt.len -= 11;
		assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DELIVER);
	}
	pkt_icmp(&r.pkt, &a, ILNP_ICMP6_LU, 0, 1, "no ping at all", 14);
	r.pkt.len -= 11;
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(in_malformed), 1);
}

static void
packets_of_other_kinds_are_none_of_our_business(void **state)
{
	(void)state;
	memset(&r.pkt, 0, sizeof(r.pkt));
	r.pkt.len = 60;
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_IPV6);
	r.pkt.b[0] = 0x60;
	r.pkt.len = 39;
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_IPV6);
	r.pkt.len = 0;
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_IPV6);
	assert_int_equal(STAT(in_malformed), 0);
}

static enum ilnp_inverdict
plain_of_flow(uint64_t from, struct ilnp_sess *flow)
{
	const struct addrs a = { { l64(from), YOU }, { l64(A(0)), ME }, NULL,
	    ILNP_CKSUM_RFC };
	enum ilnp_inverdict v;

	pkt_udp(&r.pkt, &a, 4000, 5000, "data", 4);
	ilnp_in_look(&r.in, r.pkt.b, r.pkt.len);
	r.in.i_hint = ILNP_FLOW_KNOWN;
	r.in.i_flow = flow;
	ilnp_env_epoch_begin();
	/* What is not ICMPv6 asks for no actions. */
	v = ilnp_ilcc_input(r.c, &r.in, r.now, NULL);
	ilnp_env_epoch_end();
	return (v);
}

/* checklist: 16 20 */
static void
packet_without_a_nonce_is_of_its_flows_session_or_of_none(void **state)
{
	struct ilnp_sess *x = rig_accepted(&N1), *y;

	(void)state;
	assert_int_equal(rig_tcp(B(5), A(0), &N2, TH_SYN), ILNP_IN_DELIVER);
	y = r.in.i_sess;
	assert_ptr_not_equal(x, y);
	assert_int_equal(plain_of_flow(B(5), NULL), ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, y);
	assert_int_equal(plain_of_flow(B(5), y), ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, y);
	/* Two nodes have the NID: what one sends is not of the other's flow. */
	assert_int_equal(plain_of_flow(B(5), x), ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_missing), 1);
	assert_int_equal(plain_of_flow(B(0), x), ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, x);
}

static void
packet_without_a_nonce_teaches_nothing(void **state)
{
	struct ilnp_sess *s = rig_open(2);
	struct essence e;

	(void)state;
	rig_local(1);
	assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
	assert_int_equal(rig_tcp(B(0), A(0), &N1, TH_SYN | TH_ACK),
	    ILNP_IN_DELIVER);
	(void)rig_answer_all(&N1);
	e = essence_of(s);
	/* Anybody can send these: known addresses, no nonce. */
	for (u_int i = 0; i < 10; i++) {
		assert_int_equal(rig_udp(B(1), A(1), NULL, ILNP_FLOW_KNOWN),
		    ILNP_IN_DELIVER);
		assert_int_equal(rig_udp(B(1), A(0), NULL, ILNP_FLOW_KNOWN),
		    ILNP_IN_DELIVER);
	}
	assert_same_essence(s, &e);
}

static void
packet_without_a_nonce_does_not_open_a_new_path(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	for (u_int i = 0; i < 6; i++) {
		(void)rig_output(s, 10);
		rig_advance(1000);
	}
	assert_int_equal(rig_path(s, A(0), B(0))->p_state, ILNP_PATH_DOWN);
	rig_local(1);
	(void)rig_output(s, 10);
	assert_int_equal(rig_udp(B(0), A(1), NULL, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_int_equal(rig_path(s, A(1), B(0))->p_state, ILNP_PATH_NEW);
}

static void
withdrawn_locator_needs_a_nonce(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	assert_int_equal(RIG_LU(B(1), A(0), &N1, { l64(B(1)), 0, 300 }),
	    ILNP_IN_CONSUMED);
	assert_int_equal(STAT(lu_rcvd), 1);
	assert_int_equal(rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s);
	assert_int_equal(rig_udp(B(0), A(0), NULL, ILNP_FLOW_KNOWN),
	    ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_missing), 1);
}

static void
stranger_gets_no_more_probes_than_it_sent_packets(void **state)
{
	(void)state;
	assert_int_equal(rig_udp(B(0), A(0), &N1, ILNP_FLOW_OPENS),
	    ILNP_IN_DELIVER);
	rig_advance(8000);
	assert_int_equal(STAT(probe_sent), 0);
	for (u_int i = 2; i < 5; i++) {
		assert_int_equal(rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN),
		    ILNP_IN_DELIVER);
		rig_advance(8000);
		assert_in_range(STAT(probe_sent), 1, i);
	}
}

/* checklist: 52 */
static void
receiver_of_a_one_way_flow_shows_its_nonce(void **state)
{
	struct ilnp_sess *s;

	(void)state;
	(void)rig_udp(B(0), A(0), &N1, ILNP_FLOW_OPENS);
	(void)rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN);
	s = r.in.i_sess;
	rig_tick();
	assert_int_equal(rig_acts(ILNP_CTL_PROBE), 1);
	assert_true(ilnp_nonce_eq(&rig_act(ILNP_CTL_PROBE)->a_ctl.cp_nonce,
	    &s->s_nout));
	assert_int_equal(rig_answer_all(&N1), 0);
}

static void
peers_kind_of_checksum_is_remembered_and_answered(void **state)
{
	struct ilnp_sess *s = rig_accepted(&N1);

	(void)state;
	assert_int_equal(r.in.i_cksum, ILNP_CKSUM_UNKNOWN);
	assert_true(ilnp_sess_cksum(r.c, s, ILNP_CKSUM_IPV6));
	(void)rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN);
	assert_int_equal(r.in.i_cksum, ILNP_CKSUM_IPV6);
	(void)rig_output(s, 100);
	assert_int_equal(r.out.o_cksum, ILNP_CKSUM_RFC);	/* knob: rfc */
	rig_knob("cksum", 2);
	(void)rig_output(s, 100);
	assert_int_equal(r.out.o_cksum, ILNP_CKSUM_IPV6);
	rig_knob("cksum", 1);
	(void)rig_output(s, 100);
	assert_int_equal(r.out.o_cksum, ILNP_CKSUM_IPV6);
	rig_knob("cksum", 0);
	rig_knob("cksum_strict", 1);
	assert_false(ilnp_sess_cksum(r.c, s, ILNP_CKSUM_IPV6));
	assert_int_equal(STAT(in_cksum_kind), 1);
	assert_true(ilnp_sess_cksum(r.c, s, ILNP_CKSUM_RFC));
}

static void
later_fragment_with_the_nonce_is_delivered_and_opens_nothing(void **state)
{
	const struct addrs a = { { l64(B(0)), YOU }, { l64(A(0)), ME }, NULL,
	    ILNP_CKSUM_RFC };
	/* Options, fragment at offset 8, eight octets. */
	uint8_t hdr[24] = { 44, 0, 0x8b, 4, 1, 1, 1, 1, 17, 0, 0, 8, 0, 0, 0,
	    9 };

	(void)state;
	pkt_raw(&r.pkt, &a, ILNP_PROTO_DSTOPTS, hdr, sizeof(hdr));
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_DROP);
	assert_int_equal(ilnp_ilcc_count(r.c), 0);
	(void)rig_accepted(&N1);
	pkt_raw(&r.pkt, &a, ILNP_PROTO_DSTOPTS, hdr, sizeof(hdr));
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DELIVER);
}

TEST_MAIN(
	RIG_TEST(packet_is_found_by_remote_nid_and_nonce),
	RIG_TEST(packet_without_nonce_is_found_by_remote_locator_and_nid),
	RIG_TEST(data_from_an_unknown_locator_without_the_right_nonce_is_dropped),
	RIG_TEST(data_from_an_unknown_locator_with_the_right_nonce_is_accepted),
	RIG_TEST(source_that_may_not_be_a_locator_is_dropped_even_with_the_nonce),
	RIG_TEST(wrong_nonce_from_a_known_locator_opens_only_with_an_opening_packet),
	RIG_TEST(packet_that_cannot_begin_anything_makes_no_session),
	RIG_TEST(packet_without_a_nonce_from_no_correspondent_is_plain_ipv6),
	RIG_TEST(new_flow_and_neighbour_discovery_of_a_correspondent_without_nonce_are_ipv6),
	RIG_TEST(malformed_packets_have_one_counter_each_and_no_effect),
	RIG_TEST(icmp_message_that_is_not_whole_is_not_looked_into),
	RIG_TEST(ping_that_is_longer_than_a_probe_need_not_be_whole),
	RIG_TEST(packets_of_other_kinds_are_none_of_our_business),
	RIG_TEST(packet_without_a_nonce_is_of_its_flows_session_or_of_none),
	RIG_TEST(packet_without_a_nonce_teaches_nothing),
	RIG_TEST(packet_without_a_nonce_does_not_open_a_new_path),
	RIG_TEST(withdrawn_locator_needs_a_nonce),
	RIG_TEST(stranger_gets_no_more_probes_than_it_sent_packets),
	RIG_TEST(receiver_of_a_one_way_flow_shows_its_nonce),
	RIG_TEST(peers_kind_of_checksum_is_remembered_and_answered),
	RIG_TEST(later_fragment_with_the_nonce_is_delivered_and_opens_nothing))
