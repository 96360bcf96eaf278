/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Room in the table: who must go when there is none, and that an attacker has
 * no say in it.
 */
#include "rig.h"

static struct ilnp_nonce
random_nonce(void)
{
	struct ilnp_nonce n = { .n_len = 4 };

	ilnp_env_random(n.n_b, 4);
	return (n);
}

static void
flood(u_int n)
{
	for (u_int i = 0; i < n; i++) {
		struct ilnp_nonce nonce = random_nonce();

		(void)rig_knock(0x1000 + i, EVIL, &nonce);
		if (i % 64 == 0)
			ilnp_env_epoch_barrier();
	}
	ilnp_env_epoch_barrier();
}

static void
pair_keeps_at_most_pair_max_sessions(void **state)
{
	(void)state;
	for (uint8_t i = 1; i <= 20; i++) {
		struct ilnp_nonce nonce = nonce_of(4, i);

		assert_int_equal(rig_knock(YOU.nid, B(0), &nonce),
		    ILNP_IN_DELIVER);
		assert_in_range(ilnp_ilcc_count(r.c), 1, 4);
	}
	assert_int_equal(STAT(sess_evicted), 16);
}

/* YOU, or who calls himself so, begins a session at a place and proves it. */
static struct ilnp_sess *
knock_and_prove(uint64_t from, uint8_t i)
{
	struct ilnp_nonce nonce = nonce_of(4, i);
	struct ilnp_sess *s;

	/* Others have been quiet for so long that they are not probed. */
	r.now += ILNP_SEC(20);
	assert_int_equal(rig_knock(YOU.nid, from, &nonce), ILNP_IN_DELIVER);
	s = r.in.i_sess;
	assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
	assert_int_equal(rig_answer_all(&nonce), 1);
	return (s);
}

static bool
is_there(uint64_t from, uint8_t i)
{
	struct ilnp_nonce nonce = nonce_of(4, i);

	return (rig_udp(from, A(0), &nonce, ILNP_FLOW_KNOWN) ==
	    ILNP_IN_DELIVER);
}

static void
peer_that_restarts_often_is_not_locked_out(void **state)
{
	(void)state;
	for (uint8_t i = 1; i <= 20; i++) {
		(void)knock_and_prove(B(0), i);
		assert_true(is_there(B(0), i));
		assert_in_range(ilnp_ilcc_count(r.c), 1, 4);
	}
	/* What goes is what has been silent for longest. */
	assert_false(is_there(B(0), 16));
	assert_true(is_there(B(0), 17));
	assert_int_equal(STAT(sess_evicted), 16);
}

static void
proven_sessions_make_way_for_nobody_elsewhere(void **state)
{
	(void)state;
	for (uint8_t i = 1; i <= 4; i++)
		(void)knock_and_prove(B(0), i);
	/* Packets that anybody could have sent. */
	for (uint8_t i = 10; i < 40; i++) {
		struct ilnp_nonce nonce = nonce_of(4, i);

		assert_int_equal(rig_knock(YOU.nid, i % 2 == 0 ? B(0) : EVIL,
		    &nonce), ILNP_IN_DELIVER);
		assert_int_equal(ilnp_ilcc_count(r.c), 5);
	}
	/* Somebody with YOU's NID who does answer, but from elsewhere. */
	for (uint8_t i = 50; i < 60; i++) {
		(void)knock_and_prove(EVIL, i);
		assert_false(is_there(EVIL, i));
	}
	for (uint8_t i = 1; i <= 4; i++)
		assert_true(is_there(B(0), i));
}

/* Forged first packets make the peer itself prove sessions that it never began. */
static void
session_that_a_flow_needs_makes_way_for_nobody(void **state)
{
	struct ilnp_sess *needed = knock_and_prove(B(0), 1);

	(void)state;
	assert_true(ilnp_sess_hold(needed));
	for (uint8_t i = 2; i <= 20; i++) {
		(void)knock_and_prove(B(0), i);
		assert_true(is_there(B(0), i));
	}
	assert_true(is_there(B(0), 1));
	assert_int_equal(ilnp_ilcc_count(r.c), 5);
	ilnp_sess_release(needed);
}

static void
sessions_of_a_dead_place_make_way(void **state)
{
	struct ilnp_sess *s = NULL;

	(void)state;
	for (uint8_t i = 1; i <= 4; i++)
		s = knock_and_prove(B(0), i);
	for (u_int i = 0; i < s->s_paths->ps_cap; i++)
		s->s_paths->ps_path[i].p_state = ILNP_PATH_DOWN;
	(void)knock_and_prove(B(1), 5);
	assert_true(is_there(B(1), 5));
	for (uint8_t i = 1; i <= 3; i++)
		assert_true(is_there(B(0), i));
	assert_int_equal(ilnp_ilcc_count(r.c), 4);
}

static void
strangers_cannot_use_up_the_sessions_of_a_pair_against_us(void **state)
{
	struct ilnp_sess *s = NULL;

	(void)state;
	/* As many proven sessions under YOU's NID as a pair may have. */
	for (uint8_t i = 1; i <= 4; i++) {
		struct ilnp_nonce nonce = nonce_of(4, i);

		assert_int_equal(rig_knock(YOU.nid, EVIL, &nonce),
		    ILNP_IN_DELIVER);
		assert_int_equal(rig_output(r.in.i_sess, 40), ILNP_OUT_ILNP);
		assert_int_equal(rig_answer_all(&nonce), 1);
	}
	assert_int_equal(rig_open_at(B(0), &s), 0);
	assert_ptr_equal(rig_find(), s);
}

static void
flood_never_evicts_confirmed_or_opened_sessions(void **state)
{
	const struct ilnp_nonce nonce = nonce_of(4, 1);
	struct ilnp_sess *mine, *theirs;
	const struct ilnp_nidpair other = { ME, nid(77) };
	const struct ilnp_lurec rec = { l64(B(3)), 0, 300 };

	(void)state;
	theirs = rig_accepted(&nonce);
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_open(r.c, &other, &rec, 1, r.now, &mine),
	    0);
	ilnp_env_epoch_end();
	flood(5000);
	assert_int_equal(ilnp_ilcc_count(r.c), 8 + 2);
	assert_ptr_equal(rig_find(), theirs);
	assert_int_equal(rig_udp(B(0), A(0), &nonce, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, theirs);
	assert_int_equal(rig_output(mine, 10), ILNP_OUT_ILNP);
	assert_int_equal(STAT(sess_refused), 0);
}

static void
memory_stays_bounded_whatever_comes_in(void **state)
{
	uint64_t before, full;

	(void)state;
	before = ilnp_env_alloc_total();
	flood(64);
	full = ilnp_env_alloc_total();
	flood(5000);
	assert_int_equal(ilnp_env_alloc_total(), full);
	assert_true(full - before <= 64 * sizeof(struct ilnp_sess));
}

static void
full_cache_refuses_packets_and_counts_each_once(void **state)
{
	struct ilnp_nonce nonce = nonce_of(4, 1);

	(void)state;
	r.conf.sess_max = 16;
	r.conf.half_max = 16;
	r.conf.pair_max = 64;
	rig_make(1);
	for (uint8_t i = 0; i < 16; i++) {
		struct ilnp_sess *s = rig_open_to(nid(100 + i), 1);

		/* A flow needs it. */
		ilnp_env_epoch_begin();
		assert_true(ilnp_sess_hold(s));
		ilnp_env_epoch_end();
	}
	assert_int_equal(rig_knock(YOU.nid, B(0), &nonce), ILNP_IN_DROP);
	assert_int_equal(STAT(sess_refused), 1);
	assert_int_equal(ilnp_ilcc_count(r.c), 16);
	assert_int_equal(rig_open_at(B(0), &(struct ilnp_sess *){ NULL }),
	    ENOSPC);
	assert_int_equal(STAT(sess_refused), 2);
}

/* A session that somebody has begun and confirmed. */
static struct ilnp_sess *
knock_confirmed(uint64_t identifier)
{
	struct ilnp_nonce nonce = random_nonce();

	assert_int_equal(rig_knock(identifier, B(0), &nonce), ILNP_IN_DELIVER);
	ilnp_env_epoch_begin();
	(void)ilnp_sess_confirm(r.c, r.in.i_sess);
	ilnp_env_epoch_end();
	return (r.in.i_sess);
}

/* Whoever owns a network can have any number of NIDs there, all confirmed. */
static void
full_cache_has_room_where_peers_have_left(void **state)
{
	struct ilnp_sess *used, *held, *opened;
	struct ilnp_nonce nonce = nonce_of(4, 1);

	(void)state;
	r.conf.sess_max = 16;
	rig_make(1);
	opened = rig_open(1);
	(void)ilnp_sess_confirm(r.c, opened);
	held = knock_confirmed(200);
	ilnp_env_epoch_begin();
	assert_true(ilnp_sess_hold(held));
	ilnp_env_epoch_end();
	used = knock_confirmed(201);
	for (u_int i = 0; i < 13; i++)
		(void)knock_confirmed(300 + i);
	assert_int_equal(ilnp_ilcc_count(r.c), 16);
	r.now += ILNP_SEC(9);
	assert_int_equal(rig_knock(400, B(0), &nonce), ILNP_IN_DROP);
	assert_int_equal(STAT(sess_refused), 1);
	assert_int_equal(rig_output(used, 40), ILNP_OUT_ILNP);
	r.now += ILNP_SEC(2);
	assert_int_equal(rig_knock(400, B(0), &nonce), ILNP_IN_DELIVER);
	assert_int_equal(STAT(sess_evicted), 1);
	/* A flood costs no more than that one. */
	flood(1000);
	assert_int_equal(STAT(sess_evicted), 1001);
	assert_int_equal(ilnp_ilcc_count(r.c), 16);
	assert_false(opened->s_dead);
	assert_false(held->s_dead);
	assert_false(used->s_dead);
	for (u_int i = 0; i < 4; i++)
		(void)knock_confirmed(500 + i);
	assert_false(opened->s_dead);
	assert_false(held->s_dead);
	assert_false(used->s_dead);
	ilnp_sess_release(held);
}

/* Datagrams may flow in a session before its peer has answered a probe. */
static void
forged_first_packets_do_not_take_a_session_from_its_flow(void **state)
{
	const struct ilnp_nonce mine = nonce_of(4, 1);
	struct ilnp_sess *s;

	(void)state;
	assert_int_equal(rig_knock(YOU.nid, B(0), &mine), ILNP_IN_DELIVER);
	s = r.in.i_sess;
	ilnp_env_epoch_begin();
	assert_true(ilnp_sess_hold(s));
	ilnp_env_epoch_end();
	for (u_int i = 0; i < 300; i++) {
		struct ilnp_nonce nonce = random_nonce();

		(void)rig_knock(YOU.nid, EVIL, &nonce);
	}
	flood(300);
	assert_false(s->s_dead);
	assert_int_equal(rig_udp(B(0), A(0), &mine, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s);
	assert_in_range(ilnp_ilcc_count(r.c), 1, 8 + 1);
	ilnp_sess_release(s);
}

static void
programs_cannot_keep_others_from_opening_sessions(void **state)
{
	const struct ilnp_lurec rec = { l64(B(0)), 0, 300 };
	struct ilnp_sess *held = NULL, *answered = NULL, *s;
	struct ilnp_nidpair nids = { ME, nid(0) };

	(void)state;
	r.conf.sess_max = 16;
	rig_make(1);
	for (u_int i = 0; i < 500; i++) {
		nids.remote = nid(100 + i);
		r.now += ILNP_MS(1);
		ilnp_env_epoch_begin();
		assert_int_equal(ilnp_ilcc_open(r.c, &nids, &rec, 1, r.now,
		    &s), 0);
		if (i == 0) {
			held = s;
			assert_true(ilnp_sess_hold(held));
		} else if (i == 1) {
			answered = s;
			(void)ilnp_sess_confirm(r.c, answered);
		}
		ilnp_env_epoch_end();
	}
	assert_int_equal(ilnp_ilcc_count(r.c), 16);
	assert_int_equal(STAT(sess_evicted), 500 - 16);
	ilnp_env_epoch_begin();
	nids.remote = nid(100);
	assert_ptr_equal(ilnp_ilcc_find(r.c, &nids), held);
	nids.remote = nid(101);
	assert_ptr_equal(ilnp_ilcc_find(r.c, &nids), answered);
	ilnp_sess_release(held);
	ilnp_env_epoch_end();
	ilnp_env_epoch_barrier();
}

TEST_MAIN(
	RIG_TEST(pair_keeps_at_most_pair_max_sessions),
	RIG_TEST(peer_that_restarts_often_is_not_locked_out),
	RIG_TEST(proven_sessions_make_way_for_nobody_elsewhere),
	RIG_TEST(session_that_a_flow_needs_makes_way_for_nobody),
	RIG_TEST(sessions_of_a_dead_place_make_way),
	RIG_TEST(strangers_cannot_use_up_the_sessions_of_a_pair_against_us),
	RIG_TEST(flood_never_evicts_confirmed_or_opened_sessions),
	RIG_TEST(forged_first_packets_do_not_take_a_session_from_its_flow),
	RIG_TEST(programs_cannot_keep_others_from_opening_sessions),
	RIG_TEST(memory_stays_bounded_whatever_comes_in),
	RIG_TEST(full_cache_refuses_packets_and_counts_each_once),
	RIG_TEST(full_cache_has_room_where_peers_have_left))
