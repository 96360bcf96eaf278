/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Peers that are lost and sought where a name server says: what is shown to
 * whoever is there, what proves that it is the peer, and what does not.
 */
#include "rig.h"

static const struct ilnp_nidpair us = { { 0x021111fffe000001 },
    { 0x022222fffe000002 } };
static const struct ilnp_nonce N1 = { 4, { 1, 1, 1, 1 } };
static const struct ilnp_nonce N2 = { 4, { 2, 2, 2, 2 } };

static void
answer_says(uint64_t at)
{
	const struct ilnp_lurec rec = { l64(at), 0, 300 };

	ilnp_env_epoch_begin();
	ilnp_ilcc_renew(r.c, &us, &rec, 1, true, r.now);
	ilnp_env_epoch_end();
}

/* A session whose peer has not been heard of for a while. */
static struct ilnp_sess *
lost_session(void)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	for (u_int i = 0; i < 5; i++) {
		(void)rig_output(s, 10);
		rig_advance(1000);
	}
	assert_int_equal(rig_path(s, A(0), B(0))->p_state, ILNP_PATH_DOWN);
	return (s);
}

/* The next probe to a locator. */
static struct ilnp_act
probe_to(struct ilnp_sess *s, uint64_t to)
{
	for (u_int i = 0; i < 50; i++) {
		(void)rig_output(s, 100);
		rig_tick();
		for (u_int k = 0; k < r.acts.as_n; k++) {
			struct ilnp_act a = r.acts.as_act[k];

			if (a.a_ctl.cp_kind == ILNP_CTL_PROBE &&
			    a.a_ctl.cp_echoid == (uint16_t)s->s_id &&
			    a.a_ctl.cp_dst.l64.l64 == to)
				return (a);
		}
		r.now += ILNP_MS(100);
	}
	fail_msg("no probe came");
	return (r.room[0]);
}

static enum ilnp_inverdict
answered(struct ilnp_act a, const struct ilnp_nonce *nonce)
{
	a.a_ctl.cp_body = a.a_data;
	return (rig_answer(&a, nonce));
}

/* What the peer, which has both nonces, sends from a place. */
static struct ilnp_nonce
alias_from(struct ilnp_sess *s, uint64_t at)
{
	const struct ilnp_l64pair pair = l64pair(A(0), at);
	struct ilnp_nonce alias;

	ilnp_lock(&s->s_lock);
	ilnp_sess_alias(s, &pair, false, &alias);
	ilnp_unlock(&s->s_lock);
	return (alias);
}

static void
place_that_names_put_the_peer_gets_probes_alone_and_no_nonce(void **state)
{
	struct ilnp_sess *s = lost_session();
	u_int probes = 0;

	(void)state;
	answer_says(EVIL);
	rig_local(1);	/* so that there is something to announce, too */
	for (u_int i = 0; i < 200; i++) {
		if (rig_output(s, 100) == ILNP_OUT_ILNP)
			assert_true(r.out.o_path[0].op_pair.remote.l64 !=
			    EVIL);
		rig_tick();
		for (u_int k = 0; k < r.acts.as_n; k++) {
			const struct ilnp_ctl *ctl = &r.acts.as_act[k].a_ctl;

			if (ctl->cp_dst.l64.l64 != EVIL)
				continue;
			assert_int_equal(ctl->cp_kind, ILNP_CTL_PROBE);
			assert_false(ilnp_nonce_eq(&ctl->cp_nonce,
			    &s->s_nout));
			assert_int_equal(ctl->cp_nonce.n_len, s->s_nout.n_len);
			probes++;
		}
		r.now += ILNP_MS(100);
	}
	assert_true(probes > 5);
}

/* Four octets can all be tried against an alias, if they are all it is made of. */
static void
one_short_nonce_for_both_ways_is_not_sought_with(void **state)
{
	struct ilnp_sess *s = rig_open(1), *other = NULL;
	const struct ilnp_lurec rec = { l64(EVIL), 0, 300 };
	struct ilnp_nonce shared = s->s_nout;

	(void)state;
	assert_int_equal(rig_udp(B(0), A(0), &shared, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_int_equal(answered(probe_to(s, B(0)), &shared),
	    ILNP_IN_CONSUMED);
	for (u_int i = 0; i < 5; i++) {
		(void)rig_output(s, 10);
		rig_advance(1000);
	}
	assert_true(rig_info(s).si_confirmed);
	answer_says(EVIL);
	for (u_int i = 0; i < 50; i++) {
		(void)rig_output(s, 100);
		rig_tick();
		for (u_int k = 0; k < r.acts.as_n; k++)
			assert_true(r.acts.as_act[k].a_ctl.cp_dst.l64.l64 !=
			    EVIL);
		r.now += ILNP_MS(100);
	}
	/* A session with nonces of its own may find it there. */
	assert_true(ilnp_sess_strayed(s));
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_offer(r.c, &us, &rec, 1, r.now, &other),
	    0);
	ilnp_env_epoch_end();
	assert_ptr_not_equal(other, s);
	assert_false(ilnp_nonce_eq(&other->s_nout, &shared));
}

static void
whoever_answers_there_without_the_nonces_is_not_the_peer(void **state)
{
	struct ilnp_sess *s = lost_session();
	struct ilnp_act a;

	(void)state;
	answer_says(EVIL);
	for (u_int i = 0; i < 20; i++) {
		a = probe_to(s, EVIL);
		assert_int_equal(answered(a, &N2), ILNP_IN_DROP);
		/* Nor who sends back what it was shown. */
		assert_int_equal(answered(a, &a.a_ctl.cp_nonce),
		    ILNP_IN_DROP);
	}
	assert_int_equal(rig_udp(EVIL, A(0), &N2, ILNP_FLOW_KNOWN),
	    ILNP_IN_DROP);
	assert_true(ilnp_nonce_eq(&s->s_nin, &N1));
	assert_int_equal(STAT(sess_rekeyed), 0);
	assert_int_not_equal(rig_path(s, A(0), EVIL)->p_state, ILNP_PATH_UP);
}

/* Before the list is acted upon its probe is still under way. */
static void
place_that_the_peer_does_not_list_proves_no_more_than_before(void **state)
{
	const struct ilnp_lurec rec = { l64(B(5)), 0, 300 };
	struct ilnp_sess *s = lost_session();
	struct ilnp_act a;

	(void)state;
	answer_says(EVIL);
	a = probe_to(s, EVIL);
	assert_int_equal(rig_lu(B(5), A(0), &N1, ILNP_LU_ADVERT, &rec, 1),
	    ILNP_IN_CONSUMED);
	assert_int_equal(answered(a, &N2), ILNP_IN_DROP);
	assert_true(ilnp_nonce_eq(&s->s_nin, &N1));
	assert_int_equal(STAT(sess_rekeyed), 0);
}

static void
peer_that_has_moved_proves_itself_by_both_nonces(void **state)
{
	struct ilnp_sess *s = lost_session();
	struct ilnp_nonce alias;
	struct ilnp_act a;

	(void)state;
	answer_says(B(5));
	a = probe_to(s, B(5));
	/* What it would say from elsewhere counts for nothing here. */
	alias = alias_from(s, B(6));
	assert_int_equal(answered(a, &alias), ILNP_IN_DROP);
	alias = alias_from(s, B(5));
	assert_int_equal(answered(a, &alias), ILNP_IN_CONSUMED);
	assert_int_equal(rig_path(s, A(0), B(5))->p_state, ILNP_PATH_UP);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_true(r.out.o_path[0].op_pair.remote.l64 == B(5));
	assert_true(ilnp_nonce_eq(&r.out.o_nonce, &s->s_nout));
	a = probe_to(s, B(5));
	assert_true(ilnp_nonce_eq(&a.a_ctl.cp_nonce, &s->s_nout));
	assert_int_equal(STAT(sess_rekeyed), 0);
}

static void
peer_that_seeks_us_is_answered_and_sought_in_turn(void **state)
{
	struct ilnp_sess *s = lost_session();
	struct ilnp_nonce alias = alias_from(s, B(5));
	struct addrs at = { { l64(B(5)), YOU }, { l64(A(0)), ME }, &alias,
	    ILNP_CKSUM_IPV6 };
	const struct ilnp_act *reply;
	struct ilnp_act a;

	(void)state;
	pkt_icmp(&r.pkt, &at, ILNP_ICMP6_ECHO_REQ, 0, 0x00070009, "TOKEN678",
	    8);
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_CONSUMED);
	assert_ptr_equal(r.in.i_sess, s);
	reply = rig_act(ILNP_CTL_PROBE_REPLY);
	assert_non_null(reply);
	assert_false(ilnp_nonce_eq(&reply->a_ctl.cp_nonce, &s->s_nout));
	assert_int_equal(ilnp_ilcc_count(r.c), 1);
	/* To have come from there proves nothing: packets can be recorded. */
	a = probe_to(s, B(5));
	assert_false(ilnp_nonce_eq(&a.a_ctl.cp_nonce, &s->s_nout));
	assert_int_equal(answered(a, &alias), ILNP_IN_CONSUMED);
	assert_int_equal(rig_path(s, A(0), B(5))->p_state, ILNP_PATH_UP);
	/* Data under an alias is none. */
	assert_int_equal(rig_udp(B(5), A(0), &alias, ILNP_FLOW_KNOWN),
	    ILNP_IN_DROP);
}

/* It has gone from there and come back; what it withdrew is not forgotten yet. */
static void
peer_that_seeks_us_from_where_it_has_been_is_sought_too(void **state)
{
	const struct ilnp_lurec rec = { l64(B(0)), 0, 300 };
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_nonce alias = alias_from(s, B(5));
	struct addrs at = { { l64(B(5)), YOU }, { l64(A(0)), ME }, &alias,
	    ILNP_CKSUM_IPV6 };

	(void)state;
	assert_int_equal(rig_udp(B(5), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_int_equal(rig_lu(B(0), A(0), &N1, ILNP_LU_ADVERT, &rec, 1),
	    ILNP_IN_CONSUMED);
	(void)rig_output(s, 10);
	assert_null(rig_path(s, A(0), B(5)));
	pkt_icmp(&r.pkt, &at, ILNP_ICMP6_ECHO_REQ, 0, 0x00070009, "TOKEN678",
	    8);
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_CONSUMED);
	assert_int_equal(answered(probe_to(s, B(5)), &N1), ILNP_IN_CONSUMED);
	assert_int_equal(rig_path(s, A(0), B(5))->p_state, ILNP_PATH_UP);
}

static void
peer_that_shows_its_own_nonce_there_is_sought_no_more(void **state)
{
	struct ilnp_sess *s = lost_session();
	struct ilnp_act a;

	(void)state;
	answer_says(B(5));
	assert_int_equal(rig_udp(B(5), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	a = probe_to(s, B(5));
	assert_true(ilnp_nonce_eq(&a.a_ctl.cp_nonce, &s->s_nout));
}

static void
places_that_names_make_up_leave_room_for_the_peer_itself(void **state)
{
	struct ilnp_sess *s = lost_session();

	(void)state;
	for (u_int i = 0; i < 2 * ILNP_LOCS_MAX; i++)
		answer_says(EVIL + i);
	assert_int_equal(rig_udp(B(5), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_int_equal(answered(probe_to(s, B(5)), &N1), ILNP_IN_CONSUMED);
	assert_int_equal(rig_path(s, A(0), B(5))->p_state, ILNP_PATH_UP);
}

static void
answer_proves_no_locator_that_was_not_proven(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	const struct ilnp_lurec rec[] = { { l64(B(0)), 0, 300 },
	    { l64(B(7)), 0, 300 } };
	struct ilnp_sess *again;

	(void)state;
	assert_int_equal(rig_udp(B(7), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	answer_says(B(7));
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_offer(r.c, &us, rec, 2, r.now, &again), 0);
	assert_ptr_equal(again, s);
	assert_ptr_equal(ilnp_ilcc_find_at(r.c, &us, l64(B(0))), s);
	assert_null(ilnp_ilcc_find_at(r.c, &us, l64(B(7))));
	ilnp_env_epoch_end();
}

/* A peer that has restarted elsewhere knows no nonce: nothing finds it there. */
static void
offer_opens_a_session_beside_one_that_has_lost_its_peer(void **state)
{
	struct ilnp_sess *s = lost_session(), *other = NULL, *again = NULL;
	const struct ilnp_lurec rec = { l64(B(5)), 0, 300 };

	(void)state;
	answer_says(B(5));
	assert_false(ilnp_sess_strayed(s));
	for (u_int i = 0; i < 4; i++) {
		(void)rig_output(s, 10);
		rig_advance(1000);
	}
	assert_true(ilnp_sess_strayed(s));
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_offer(r.c, &us, &rec, 1, r.now, &other),
	    0);
	assert_ptr_not_equal(other, s);
	assert_int_equal(ilnp_ilcc_offer(r.c, &us, &rec, 1, r.now, &again),
	    0);
	assert_ptr_equal(again, other);
	ilnp_env_epoch_end();
	assert_int_equal(answered(probe_to(other, B(5)), &N2),
	    ILNP_IN_CONSUMED);
	assert_true(rig_info(other).si_confirmed);
	assert_false(ilnp_sess_strayed(other));
	assert_true(ilnp_nonce_eq(&s->s_nin, &N1));
}

/* It may have moved at the same time: nobody need wait until all is down. */
static void
who_has_moved_seeks_a_peer_that_it_has_not_heard_since(void **state)
{
	const struct ilnp_lurec rec = { l64(B(0)), 0, 300 };
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	assert_int_equal(rig_lu(B(0), A(0), &N1, ILNP_LU_ADVERT, &rec, 1),
	    ILNP_IN_CONSUMED);
	(void)rig_output(s, 10);
	/* What a peer says itself comes before what others say of it. */
	answer_says(B(5));
	assert_false(rig_knows(s, B(5)));
	rig_local(1);
	assert_int_equal(ilnp_local_del(ilnp_ilcc_local(r.c), l64(A(0)),
	    r.now), 0);
	(void)rig_output(s, 10);
	assert_int_equal(rig_path(s, A(1), B(0))->p_state, ILNP_PATH_NEW);
	answer_says(B(5));
	assert_true(rig_knows(s, B(5)));
	(void)rig_output(s, 10);
	assert_non_null(rig_path(s, A(1), B(5)));
	assert_true(rig_path(s, A(1), B(5))->p_sought);
}

static void
peer_is_unheard_until_it_has_answered(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	rig_advance(2000);
	assert_false(ilnp_sess_unheard(s, ILNP_SEC(1), r.now));
	(void)rig_output(s, 10);
	assert_false(ilnp_sess_unheard(s, ILNP_SEC(1), r.now));
	assert_true(ilnp_sess_unheard(s, 0, r.now));
	assert_true(ilnp_sess_unheard(s, ILNP_SEC(1), r.now + ILNP_SEC(1)));
	assert_int_equal(rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_false(ilnp_sess_unheard(s, 0, r.now + ILNP_SEC(1)));
}

TEST_MAIN(
	RIG_TEST(peer_that_seeks_us_from_where_it_has_been_is_sought_too),
	RIG_TEST(who_has_moved_seeks_a_peer_that_it_has_not_heard_since),
	RIG_TEST(peer_is_unheard_until_it_has_answered),
	RIG_TEST(place_that_names_put_the_peer_gets_probes_alone_and_no_nonce),
	RIG_TEST(one_short_nonce_for_both_ways_is_not_sought_with),
	RIG_TEST(whoever_answers_there_without_the_nonces_is_not_the_peer),
	RIG_TEST(place_that_the_peer_does_not_list_proves_no_more_than_before),
	RIG_TEST(peer_that_has_moved_proves_itself_by_both_nonces),
	RIG_TEST(peer_that_seeks_us_is_answered_and_sought_in_turn),
	RIG_TEST(peer_that_shows_its_own_nonce_there_is_sought_no_more),
	RIG_TEST(places_that_names_make_up_leave_room_for_the_peer_itself),
	RIG_TEST(answer_proves_no_locator_that_was_not_proven),
	RIG_TEST(offer_opens_a_session_beside_one_that_has_lost_its_peer))
