/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The table: who is found, who is let in, and that an attacker has no say in
 * it.
 */
#include "rig.h"

static const struct ilnp_nidpair us = { { 0x021111fffe000001 },
    { 0x022222fffe000002 } };

/* checklist: 12 */
static void
opened_session_is_found_and_holds_what_names_gave(void **state)
{
	struct ilnp_sess *s = rig_open(3);
	struct ilnp_sessinfo si = rig_info(s);

	(void)state;
	assert_ptr_equal(rig_find(), s);
	assert_int_equal(si.si_state, ILNP_SESS_TRYING);
	assert_true(si.si_initiator);
	assert_false(si.si_confirmed);
	assert_int_equal(si.si_remote.ls_n, 3);
	assert_int_equal(ilnp_ilcc_count(r.c), 1);
	assert_int_equal(STAT(sess_created), 1);
	assert_int_equal(r.events[ILNP_EV_SESS_NEW], 1);
}

/* checklist: 22 */
static void
second_flow_to_a_correspondent_shares_its_session(void **state)
{
	struct ilnp_sess *s = rig_open(1), *again = NULL;

	(void)state;
	assert_int_equal(rig_open_at(B(5), &again), 0);
	assert_ptr_equal(again, s);
	assert_int_equal(ilnp_ilcc_count(r.c), 1);
	assert_true(rig_knows(s, B(5)));
}

/* checklist: 107 */
static void
open_takes_only_locators_that_may_be_used(void **state)
{
	const struct ilnp_lurec rec[] = { { l64(0xfe80000000000000), 0, 300 },
	    { l64(0), 0, 300 }, { l64(0xff02000000000000), 0, 300 },
	    { l64(B(1)), 70000, 300 } };
	struct ilnp_sess *s = NULL;

	(void)state;
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_open(r.c, &us, rec, 3, r.now, &s),
	    EADDRNOTAVAIL);
	assert_int_equal(ilnp_ilcc_open(r.c, &us, rec, 0, r.now, &s),
	    EADDRNOTAVAIL);
	assert_null(s);
	assert_int_equal(ilnp_ilcc_open(r.c, &us, rec, 4, r.now, &s), 0);
	ilnp_env_epoch_end();
	assert_int_equal(rig_info(s).si_remote.ls_n, 1);
	assert_int_equal(rig_info(s).si_remote.ls_loc[0].l_pref, 65535);
}

/* Anybody may have said so: nobody else's packets go where he likes. */
static void
offer_opens_sessions_and_redirects_none(void **state)
{
	const struct ilnp_lurec mine[] = { { l64(B(0)), 0, 300 },
	    { l64(EVIL), 0, 300 } }, more = { l64(B(0)), 0, 900 };
	struct ilnp_sess *s = NULL, *again = NULL;

	(void)state;
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_offer(r.c, &us, mine, 1, r.now, &s), 0);
	ilnp_env_epoch_end();
	assert_true(rig_knows(s, B(0)));
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_offer(r.c, &us, mine, 2, r.now, &again), 0);
	ilnp_env_epoch_end();
	assert_ptr_equal(again, s);
	assert_false(rig_knows(s, EVIL));
	/* What it has already may last longer. */
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_offer(r.c, &us, &more, 1, r.now, &again),
	    0);
	ilnp_env_epoch_end();
	assert_true(rig_info(s).si_remote.ls_loc[0].l_until >
	    ilnp_loc_clock(r.now) + 300);
	/* Who is sought elsewhere is sought by another nonce. */
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_offer(r.c, &us, &mine[1], 1, r.now,
	    &again), 0);
	ilnp_ilcc_renew(r.c, &us, mine, 2, true, r.now);
	ilnp_env_epoch_end();
	assert_ptr_not_equal(again, s);
	assert_true(rig_knows(again, EVIL));
	assert_false(rig_knows(again, B(0)));
	assert_false(rig_knows(s, EVIL));
	assert_false(ilnp_nonce_eq(&again->s_nout, &s->s_nout));
}

/* checklist: 19 */
static void
name_with_ttl_0_opens_a_session_but_is_not_kept_for_ever(void **state)
{
	const struct ilnp_lurec rec = { l64(B(0)), 0, 0 };
	struct ilnp_sess *s = NULL;

	(void)state;
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_open(r.c, &us, &rec, 1, r.now, &s), 0);
	ilnp_env_epoch_end();
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	rig_advance(5000);
	assert_int_equal(rig_info(s).si_remote.ls_loc[0].l_state,
	    ILNP_LOC_EXPIRED);
}

/* checklist: 58 */
static void
first_packet_with_a_nonce_makes_a_session(void **state)
{
	const struct ilnp_nonce nonce = nonce_of(4, 1);

	(void)state;
	assert_int_equal(rig_knock(YOU.nid, B(0), &nonce), ILNP_IN_DELIVER);
	assert_non_null(r.in.i_sess);
	assert_ptr_equal(rig_find(), r.in.i_sess);
	assert_int_equal(rig_info(r.in.i_sess).si_state, ILNP_SESS_OPEN);
	assert_false(rig_info(r.in.i_sess).si_initiator);
	assert_false(rig_info(r.in.i_sess).si_confirmed);
	assert_true(rig_knows(r.in.i_sess, B(0)));
}

/* checklist: 33 34 35 */
static void
nonces_are_fresh_and_differ_by_direction(void **state)
{
	struct ilnp_nonce seen[40];
	u_int n = 0;

	(void)state;
	for (u_int size = 4; size <= 12; size += 8) {
		rig_knob("nonce_size", size);
		for (u_int i = 0; i < 10; i++) {
			struct ilnp_nonce peer = nonce_of(4, (uint8_t)(i + 1));
			struct ilnp_sess *s = NULL;

			assert_int_equal(rig_knock(YOU.nid, B(0), &peer),
			    ILNP_IN_DELIVER);
			seen[n] = r.in.i_sess->s_nout;
			assert_int_equal(seen[n].n_len, size);
			assert_false(ilnp_nonce_eq(&seen[n], &peer));
			n++;
			ilnp_ilcc_close(r.c, r.in.i_sess);
			assert_int_equal(rig_open_at(B(0), &s), 0);
			seen[n++] = s->s_nout;
			ilnp_ilcc_close(r.c, s);
		}
	}
	for (u_int i = 0; i < n; i++)
		for (u_int j = 0; j < i; j++)
			assert_false(ilnp_nonce_eq(&seen[i], &seen[j]));
}

static void
responder_evicted_in_a_flood_comes_back_with_the_same_nonce(void **state)
{
	const struct ilnp_nonce peer = nonce_of(4, 1);
	struct ilnp_nonce ours;

	(void)state;
	(void)rig_knock(YOU.nid, B(0), &peer);
	ours = r.in.i_sess->s_nout;
	ilnp_ilcc_close(r.c, r.in.i_sess);
	(void)rig_knock(YOU.nid, B(0), &peer);
	assert_true(ilnp_nonce_eq(&r.in.i_sess->s_nout, &ours));
}

static void
shared_nonce_mode_answers_with_the_initiators_nonce(void **state)
{
	const struct ilnp_nonce peer = nonce_of(12, 3);

	(void)state;
	rig_knob("nonce_shared", 1);
	(void)rig_knock(YOU.nid, B(0), &peer);
	assert_true(ilnp_nonce_eq(&r.in.i_sess->s_nout, &peer));
}

/* checklist: 20 */
static void
two_correspondents_with_one_nid_are_kept_apart_by_their_nonces(void **state)
{
	const struct ilnp_nonce n1 = nonce_of(4, 1), n2 = nonce_of(4, 2);
	struct ilnp_sess *s1, *s2;

	(void)state;
	(void)rig_knock(YOU.nid, B(0), &n1);
	s1 = r.in.i_sess;
	(void)rig_knock(YOU.nid, B(9), &n2);
	s2 = r.in.i_sess;
	assert_ptr_not_equal(s1, s2);
	assert_int_equal(rig_udp(B(0), A(0), &n1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s1);
	assert_int_equal(rig_udp(B(9), A(0), &n2, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s2);
	/* Each is answered where it is. */
	assert_int_equal(rig_output(s1, 10), ILNP_OUT_ILNP);
	assert_true(r.out.o_path[0].op_pair.remote.l64 == B(0));
	assert_int_equal(rig_output(s2, 10), ILNP_OUT_ILNP);
	assert_true(r.out.o_path[0].op_pair.remote.l64 == B(9));
}

static void
stranger_under_a_correspondents_nid_does_not_become_its_session(void **state)
{
	const struct ilnp_nonce theirs = nonce_of(4, 1);
	struct ilnp_sess *s = NULL, *forged;

	(void)state;
	/* The attacker plants a session under YOU's NID and even proves it. */
	assert_int_equal(rig_knock(YOU.nid, EVIL, &theirs), ILNP_IN_DELIVER);
	forged = r.in.i_sess;
	assert_int_equal(rig_output(forged, 40), ILNP_OUT_ILNP);
	assert_int_equal(rig_answer_all(&theirs), 1);
	assert_true(rig_info(forged).si_confirmed);

	/* What we open toward the real one goes to the real one. */
	assert_int_equal(rig_open_at(B(0), &s), 0);
	assert_ptr_not_equal(s, forged);
	assert_ptr_equal(rig_find(), s);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_int_equal(r.out.o_n, 1);
	assert_true(r.out.o_path[0].op_pair.remote.l64 == B(0));
	assert_false(rig_knows(s, EVIL));
	assert_false(rig_knows(forged, B(0)));
}

static void
later_strangers_do_not_take_over_a_session_we_try(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	for (uint8_t i = 1; i < 10; i++) {
		struct ilnp_nonce nonce = nonce_of(4, i);

		(void)rig_knock(YOU.nid, EVIL, &nonce);
		assert_ptr_equal(rig_find(), s);
	}
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_true(r.out.o_path[0].op_pair.remote.l64 == B(0));
}

static void
session_that_a_named_peer_began_is_used_when_we_open(void **state)
{
	const struct ilnp_nonce nonce = nonce_of(4, 1);
	struct ilnp_sess *s = rig_accepted(&nonce), *again = NULL;

	(void)state;
	assert_int_equal(rig_open_at(B(0), &again), 0);
	assert_ptr_equal(again, s);
}

/* checklist: 36 */
static void
packet_for_a_nid_that_is_not_ours_is_left_to_ipv6(void **state)
{
	const struct ilnp_nonce nonce = nonce_of(4, 1);
	const struct addrs a = { { l64(B(0)), YOU }, { l64(A(0)), nid(99) },
	    &nonce, ILNP_CKSUM_RFC };

	(void)state;
	pkt_tcp(&r.pkt, &a, 1, 2, TH_SYN, NULL, 0);
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_IPV6);
	assert_int_equal(STAT(in_notours), 1);
	assert_int_equal(ilnp_ilcc_count(r.c), 0);
}

static void
closed_session_is_gone_at_once_and_twice_is_once(void **state)
{
	struct ilnp_sess *s = rig_open(1);
	u_int cursor = 0;
	struct ilnp_sessinfo si;

	(void)state;
	ilnp_env_epoch_begin();
	ilnp_ilcc_close(r.c, s);
	ilnp_ilcc_close(r.c, s);
	assert_null(ilnp_ilcc_find(r.c, &us));
	assert_null(ilnp_ilcc_byid(r.c, s->s_id));
	assert_false(ilnp_ilcc_list(r.c, &cursor, &si));
	ilnp_env_epoch_end();
	assert_int_equal(ilnp_ilcc_count(r.c), 0);
	assert_int_equal(STAT(sess_freed), 1);
	assert_int_equal(r.events[ILNP_EV_SESS_GONE], 1);
}

static void
listing_shows_every_session_once_and_finds_it_again_by_id(void **state)
{
	bool seen[65] = { false };
	struct ilnp_sessinfo si;
	u_int cursor = 0, n = 0;

	(void)state;
	for (u_int i = 0; i < 50; i++)
		(void)rig_open_to(nid(100 + i), 1);
	ilnp_env_epoch_begin();
	while (ilnp_ilcc_list(r.c, &cursor, &si)) {
		assert_in_range(si.si_id, 1, 50);
		assert_false(seen[si.si_id]);
		seen[si.si_id] = true;
		assert_true(ilnp_ilcc_byid(r.c, si.si_id)->s_nids.remote.nid ==
		    si.si_nids.remote.nid);
		n++;
	}
	assert_null(ilnp_ilcc_byid(r.c, 0));
	assert_null(ilnp_ilcc_byid(r.c, 51));
	ilnp_env_epoch_end();
	assert_int_equal(n, 50);
}

static void
algorithm_is_chosen_by_name_for_new_and_for_single_sessions(void **state)
{
	struct ilnp_sess *s = rig_open(2);

	(void)state;
	assert_int_equal(ilnp_ilcc_algorithm(r.c, "nonsense"), ENOENT);
	assert_int_equal(ilnp_ilcc_algorithm(r.c, "drr"), 0);
	assert_string_equal(ilnp_ilcc_algorithm_name(r.c), "drr");
	assert_null(rig_info(s).si_algorithm);
	assert_int_equal(rig_output(s, 10), ILNP_OUT_ILNP);
	assert_string_equal(rig_info(s).si_algorithm, "drr");
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_sess_algorithm(r.c, s, "nope"), ENOENT);
	assert_int_equal(ilnp_sess_algorithm(r.c, s, "redundant"), 0);
	ilnp_env_epoch_end();
	assert_string_equal(rig_info(s).si_algorithm, "redundant");
	assert_int_equal(rig_output(s, 10), ILNP_OUT_ILNP);
	assert_int_equal(r.out.o_n, 2);
}

TEST_MAIN(
	RIG_TEST(opened_session_is_found_and_holds_what_names_gave),
	RIG_TEST(second_flow_to_a_correspondent_shares_its_session),
	RIG_TEST(open_takes_only_locators_that_may_be_used),
	RIG_TEST(offer_opens_sessions_and_redirects_none),
	RIG_TEST(name_with_ttl_0_opens_a_session_but_is_not_kept_for_ever),
	RIG_TEST(first_packet_with_a_nonce_makes_a_session),
	RIG_TEST(nonces_are_fresh_and_differ_by_direction),
	RIG_TEST(responder_evicted_in_a_flood_comes_back_with_the_same_nonce),
	RIG_TEST(shared_nonce_mode_answers_with_the_initiators_nonce),
	RIG_TEST(two_correspondents_with_one_nid_are_kept_apart_by_their_nonces),
	RIG_TEST(stranger_under_a_correspondents_nid_does_not_become_its_session),
	RIG_TEST(later_strangers_do_not_take_over_a_session_we_try),
	RIG_TEST(session_that_a_named_peer_began_is_used_when_we_open),
	RIG_TEST(packet_for_a_nid_that_is_not_ours_is_left_to_ipv6),
	RIG_TEST(closed_session_is_gone_at_once_and_twice_is_once),
	RIG_TEST(listing_shows_every_session_once_and_finds_it_again_by_id),
	RIG_TEST(algorithm_is_chosen_by_name_for_new_and_for_single_sessions))
