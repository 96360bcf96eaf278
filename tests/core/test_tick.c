/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The timer: probes and path states over time, the sweep, soft release.
 */
#include "rig.h"

static const struct ilnp_nonce N1 = { 4, { 1, 1, 1, 1 } };

static struct ilnp_sess *
open_other(u_int i)
{
	const struct ilnp_nidpair nids = { ME, nid(0x1000 + i) };
	const struct ilnp_lurec rec = { l64(B(i % 8)), 0, 300 };
	struct ilnp_sess *s = NULL;

	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_open(r.c, &nids, &rec, 1, r.now, &s), 0);
	ilnp_env_epoch_end();
	return (s);
}

/* Makes a session look proven without a conversation. */
static void
prove(struct ilnp_sess *s)
{
	s->s_state = ILNP_SESS_OPEN;
	s->s_nin = N1;
	ilnp_sess_confirm(r.c, s);
}

static void
empty_cache_is_looked_at_once_a_second(void **state)
{
	(void)state;
	rig_tick();
	assert_int_equal(r.next, r.now + ILNP_SEC(1));
	assert_int_equal(r.acts.as_n, 0);
}

static void
black_hole_takes_a_busy_path_down_within_seconds(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);
	struct ilnp_path *p = rig_path(s, A(0), B(0));
	ilnp_time_t began = r.now;

	(void)state;
	while (p->p_state != ILNP_PATH_DOWN) {
		(void)rig_output(s, 1000);
		rig_advance(20);
		assert_in_range(r.now - began, 0, ILNP_SEC(4));
	}
	assert_true(p->p_fails >= 3);
	assert_int_equal(STAT(path_down), 2);	/* the other one, too */
	/* Even then something is tried, and probed once a second. */
	assert_int_equal(rig_output(s, 1000), ILNP_OUT_ILNP);
	assert_true(STAT(probe_sent) < 20);
}

static void
black_hole_behind_a_deep_queue_is_noticed_too(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_path *p = rig_path(s, A(0), B(0));
	struct ilnp_act a;

	(void)state;
	/* One probe was four seconds on its way. */
	r.now += ILNP_SEC(1);
	(void)rig_output(s, 1000);
	rig_tick();
	a = *rig_act(ILNP_CTL_PROBE);
	a.a_ctl.cp_body = a.a_data;
	r.now += ILNP_SEC(4);
	assert_int_equal(rig_answer(&a, &N1), ILNP_IN_CONSUMED);
	assert_int_equal(p->p_state, ILNP_PATH_UP);
	for (u_int i = 0; i < 70; i++) {
		(void)rig_output(s, 1000);
		rig_advance(100);
	}
	assert_int_equal(p->p_state, ILNP_PATH_DOWN);
}

static void
path_that_answers_again_is_used_again(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);
	struct ilnp_path *p = rig_path(s, A(0), B(0));
	u_int used = 0;

	(void)state;
	while (p->p_state != ILNP_PATH_DOWN) {
		(void)rig_output(s, 1000);
		rig_advance(100);
	}
	for (u_int i = 0; i < 30 && p->p_state != ILNP_PATH_UP; i++) {
		(void)rig_output(s, 1000);
		(void)rig_answer_all(&N1);
		r.now += ILNP_MS(100);
	}
	assert_int_equal(p->p_state, ILNP_PATH_UP);
	for (u_int i = 0; i < 10; i++) {
		(void)rig_output(s, 1000);
		used += r.out.o_path[0].op_pair.remote.l64 == B(0);
	}
	assert_int_equal(used, 5);
}

static void
full_queue_is_not_taken_for_a_dead_path(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_path *p = rig_path(s, A(0), B(0));

	(void)state;
	/* Answers are stuck in a queue for 800 ms, data keeps coming in. */
	(void)rig_output(s, 1000);
	for (u_int i = 0; i < 8; i++) {
		rig_advance(100);
		assert_int_equal(rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN),
		    ILNP_IN_DELIVER);
		(void)rig_output(s, 1000);
	}
	assert_int_equal(p->p_state, ILNP_PATH_UP);
}

static void
probes_come_faster_where_data_flows(void **state)
{
	struct ilnp_sess *s;
	uint64_t busy, idle;

	(void)state;
	rig_knob("busy_time", 3600);
	s = rig_opened(1, &N1);
	busy = STAT(probe_sent);
	for (u_int i = 0; i < 1000; i++) {
		(void)rig_output(s, 100);
		(void)rig_answer_all(&N1);
		r.now += ILNP_MS(10);
	}
	busy = STAT(probe_sent) - busy;
	idle = STAT(probe_sent);
	for (u_int i = 0; i < 1000; i++) {
		(void)rig_answer_all(&N1);
		r.now += ILNP_MS(10);
	}
	idle = STAT(probe_sent) - idle;
	assert_in_range(busy, 36, 41);
	assert_in_range(idle, 9, 12);
}

static void
session_without_traffic_is_left_alone(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	uint64_t sent;

	(void)state;
	rig_advance(12000);
	sent = STAT(probe_sent);
	assert_int_equal(r.c->c_nbusy, 0);
	rig_advance(60000);
	assert_int_equal(STAT(probe_sent), sent);
	/* The next packet wakes it up. */
	(void)rig_output(s, 100);
	assert_true(r.out.o_kick);
	rig_tick();
	assert_int_equal(STAT(probe_sent), sent + 1);
}

static void
no_session_is_forgotten_when_the_list_of_actions_is_full(void **state)
{
	struct ilnp_sess *s[60];
	u_int probes = 0, calls = 0;

	(void)state;
	for (u_int i = 0; i < NITEMS(s); i++) {
		s[i] = open_other(i);
		assert_int_equal(ilnp_sess_output(r.c, s[i], 1, 0, NULL,
		    ILNP_PART_ALONE, r.now, (ilnp_env_epoch_begin(), &r.out)), ILNP_OUT_ILNP);
		ilnp_env_epoch_end();
	}
	do {
		rig_tick();
		probes += rig_acts(ILNP_CTL_PROBE);
		assert_in_range(++calls, 1, 5);
	} while (r.next == r.now);
	assert_int_equal(probes, NITEMS(s));
	for (u_int i = 0; i < NITEMS(s); i++)
		assert_int_equal(s[i]->s_paths->ps_path[0].p_seq, 1);
	/* And the answer is when the first of them wants to be looked at. */
	assert_int_equal(r.next, r.now + ILNP_MS(500));
}

static void
session_that_leaves_the_busy_ones_hides_no_other(void **state)
{
	struct ilnp_sess *s[10];

	(void)state;
	for (u_int i = 0; i < NITEMS(s); i++) {
		s[i] = open_other(i);
		ilnp_env_epoch_begin();
		(void)ilnp_sess_output(r.c, s[i], 1, 0, NULL,
		    ILNP_PART_ALONE, r.now, &r.out);
		ilnp_env_epoch_end();
		prove(s[i]);
	}
	/* All but every third have been quiet for long. */
	r.now += ILNP_SEC(11);
	for (u_int i = 0; i < NITEMS(s); i += 3)
		s[i]->s_lasttx = r.now;
	r.c->c_busynext = 5;	/* in the middle of a pass, as it happens */
	for (u_int i = 0; i < NITEMS(s); i++)
		if (s[i]->s_paths != NULL)
			s[i]->s_paths->ps_path[0].p_due = r.now;
	rig_tick();
	if (r.next == r.now)
		rig_tick();
	assert_int_equal(r.c->c_nbusy, 4);
	for (u_int i = 0; i < NITEMS(s); i += 3)
		assert_int_equal(s[i]->s_paths->ps_path[0].p_seq, 1);
}

static void
sweep_reaches_every_session_once_even_while_others_leave(void **state)
{
	struct ilnp_sess *s[60];
	uint64_t freed = 0;

	(void)state;
	for (u_int i = 0; i < NITEMS(s); i++) {
		s[i] = open_other(i);
		prove(s[i]);
	}
	rig_tick();
	rig_local(1);
	/* A third is to be freed for idleness in the very same sweep. */
	r.now += ILNP_SEC(2000);
	for (u_int i = 0; i < NITEMS(s); i++)
		if (i % 3 != 0)
			s[i]->s_lastrx = r.now;
	for (u_int i = 0; i < 20; i++) {
		rig_tick();
		if (i == 3)
			ilnp_ilcc_close(r.c, s[1]);
		r.now += 1000;
	}
	freed = STAT(sess_freed);
	assert_int_equal(freed, 20 + 1);
	assert_int_equal(STAT(lu_sent), 40);
	for (u_int i = 0; i < NITEMS(s); i++)
		if (i % 3 != 0 && i != 1) {
			assert_int_equal(s[i]->s_lu_gen,
			    ilnp_local_gen(ilnp_ilcc_local(r.c)));
			assert_int_equal(s[i]->s_lu_sends, 1);
		}
}

static void
session_used_a_moment_after_the_timer_read_its_clock_lives_on(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	r.now += ILNP_SEC(5);
	(void)rig_output(s, 100);
	(void)rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN);
	r.now -= 3;
	for (u_int i = 0; i < 5; i++)
		rig_tick();
	assert_int_equal(ilnp_ilcc_count(r.c), 1);
	assert_int_equal(r.c->c_nbusy, 1);
}

/* checklist: 17 18 */
static void
locators_and_nids_of_a_live_session_outlive_their_lifetime(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	for (u_int i = 0; i < 400; i++) {
		assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
		(void)rig_answer_all(&N1);
		r.now += ILNP_SEC(1);
	}
	assert_int_equal(rig_info(s).si_remote.ls_loc[0].l_state,
	    ILNP_LOC_EXPIRED);
	/* Long idle it is aged, and still serves: there is no other. */
	rig_advance(60000);
	assert_int_equal(rig_info(s).si_remote.ls_loc[0].l_state,
	    ILNP_LOC_AGED);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_ptr_equal(rig_find(), s);
}

static void
aged_locator_that_is_heard_from_is_used_again(void **state)
{
	const struct ilnp_nidpair nids = { ME, YOU };
	const struct ilnp_lurec rec[] = { { l64(B(0)), 0, 1000 },
	    { l64(B(1)), 0, 20 } };
	struct ilnp_sess *s = NULL;

	(void)state;
	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_open(r.c, &nids, rec, 2, r.now, &s), 0);
	ilnp_env_epoch_end();
	(void)rig_output(s, 10);
	assert_int_equal(rig_answer_all(&N1), 2);
	rig_advance(60000);
	(void)rig_output(s, 10);
	assert_null(rig_path(s, A(0), B(1)));
	assert_int_equal(rig_udp(B(1), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	(void)rig_output(s, 10);
	assert_non_null(rig_path(s, A(0), B(1)));
}

/* checklist: 92 95 */
static void
soft_release_waits_for_all_acks_and_for_quiet(void **state)
{
	struct ilnp_local *lo = ilnp_ilcc_local(r.c);
	struct ilnp_sess *s;

	(void)state;
	rig_local(1);
	s = rig_opened(1, &N1);
	rig_advance(3000);
	while (rig_info(s).si_lu_pending)
		rig_advance(1000);
	r.now += ILNP_SEC(3);
	(void)rig_output(s, 10);
	assert_int_equal(ilnp_local_disable(lo, l64(A(0)), true, r.now), 0);
	/* Not before the sweep has told everybody. */
	assert_false(ilnp_ilcc_released(r.c, l64(A(0)), r.now));
	(void)rig_output(s, 10);
	assert_true(r.out.o_path[0].op_pair.local.l64 == A(1));
	rig_tick();
	rig_tick();
	r.now += ILNP_SEC(5);
	assert_false(ilnp_ilcc_released(r.c, l64(A(0)), r.now));
	/* Late data still comes in there. */
	assert_int_equal(rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	{
		const struct ilnp_lurec rec = { l64(A(1)), 0, 300 };

		(void)rig_lu(B(0), A(1), &N1, ILNP_LU_ACK, &rec, 1);
	}
	assert_false(rig_info(s).si_lu_pending);
	assert_false(ilnp_ilcc_released(r.c, l64(A(0)), r.now));
	r.now += ILNP_SEC(3);
	assert_true(ilnp_ilcc_released(r.c, l64(A(0)), r.now));
	assert_true(ilnp_ilcc_released(r.c, l64(A(9)), r.now));
}

/* checklist: 91 */
static void
hard_handover_releases_at_once(void **state)
{
	(void)state;
	rig_knob("handover", 1);
	(void)rig_opened(1, &N1);
	rig_local(1);
	assert_int_equal(ilnp_local_disable(ilnp_ilcc_local(r.c), l64(A(0)),
	    true, r.now), 0);
	assert_true(ilnp_ilcc_released(r.c, l64(A(0)), r.now));
}

/* checklist: 9 */
static void
locator_whose_router_fell_silent_is_taken_back_from_the_peers(void **state)
{
	struct ilnp_sess *s;

	(void)state;
	rig_local(1);
	s = rig_opened(1, &N1);
	assert_int_equal(ilnp_local_put(ilnp_ilcc_local(r.c), l64(A(1)), 2, 0,
	    1, 5, r.now), 0);
	rig_advance(4000);
	while (rig_act(ILNP_CTL_LU) == NULL ||
	    rig_act(ILNP_CTL_LU)->a_ctl.cp_count != 1) {
		rig_tick();
		assert_true(r.now < T0 + ILNP_SEC(60));
		r.now = r.next;
	}
	for (u_int i = 0; i < 4; i++) {
		(void)rig_output(s, 10);
		assert_true(r.out.o_path[0].op_pair.local.l64 == A(0));
	}
}

static void
twenty_thousand_moves_leave_a_session_in_order(void **state)
{
	struct ilnp_local *lo = ilnp_ilcc_local(r.c);
	struct ilnp_sess *s = rig_opened(1, &N1);
	uint64_t total = ilnp_env_alloc_total();

	(void)state;
	for (u_int i = 1; i <= 20000; i++) {
		assert_int_equal(ilnp_local_put(lo, l64(A(i)), i + 1, 0, 1, 0,
		    r.now), 1);
		assert_int_equal(ilnp_local_del(lo, l64(A(i - 1)), r.now), 0);
		assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
		assert_true(r.out.o_path[0].op_pair.local.l64 == A(i));
		assert_int_equal(r.out.o_path[0].op_if, i + 1);
		if (i % 100 == 0) {
			assert_int_equal(RIG_LU(B(i / 100), A(i), &N1,
			    { l64(B(i / 100)), 0, 300 }), ILNP_IN_CONSUMED);
			assert_true(rig_answer_all(&N1) > 0);
		}
		r.now += ILNP_MS(10);
	}
	assert_int_equal(ilnp_env_alloc_total(), total);
	assert_int_equal(rig_info(s).si_txpkts, 20001);
	assert_int_equal(rig_info(s).si_npaths, 1);
}

/* However short the list, everything is said in the end, each thing once. */
static void
short_list_of_actions_only_takes_more_calls(void **state)
{
	struct ilnp_act one[1];
	struct ilnp_acts acts = ILNP_ACTS(one);
	struct ilnp_sess *s;
	u_int sent = 0;

	(void)state;
	rig_local(1);
	s = rig_open(4);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	ilnp_env_epoch_begin();
	for (u_int i = 0; i < 20; i++) {
		acts.as_n = 0;
		r.next = ilnp_ilcc_tick(r.c, r.now, &acts);
		sent += acts.as_n;
		if (r.next > r.now)
			break;
		assert_int_equal(acts.as_n, 1);
	}
	ilnp_env_epoch_end();
	assert_true(r.next > r.now);
	assert_int_equal(sent, 8);
	assert_int_equal(STAT(probe_sent), 8);
}

/* Or the timer of a host with many correspondents does nothing else any more. */
static void
many_sessions_are_looked_at_together(void **state)
{
	const u_int many = 1000;
	const ilnp_time_t began = r.now, gap = 2 * many;
	struct ilnp_sess *last;

	(void)state;
	r.conf.sess_max = many + 1;
	rig_make(1);
	for (u_int i = 0; i < many; i++)
		(void)rig_output(open_other(i), 100);
	do
		rig_tick();
	while (r.next == r.now);
	assert_int_equal(STAT(probe_sent), many);
	assert_int_equal(r.next, began + gap);

	/* What happens to one more waits for the next look at all. */
	r.now += gap / 2;
	last = open_other(many);
	(void)rig_output(last, 100);
	assert_true(r.out.o_kick);
	rig_tick();
	assert_int_equal(r.acts.as_n, 0);
	assert_in_range(r.next, began + gap, began + gap + 2);
	r.now = r.next;
	rig_tick();
	assert_int_equal(r.acts.as_n, 1);
	assert_true(r.room[0].a_ctl.cp_dst.nid.nid == last->s_nids.remote.nid);
}

/* checklist: 52 */
static void
one_way_flow_that_had_fallen_silent_is_asked_too(void **state)
{
	const struct ilnp_nonce nonce = { 4, { 1, 1, 1, 1 } };

	(void)state;
	assert_int_equal(rig_udp(B(0), A(0), &nonce, ILNP_FLOW_OPENS),
	    ILNP_IN_DELIVER);
	rig_advance(60000);
	assert_int_equal(STAT(probe_sent), 0);
	assert_int_equal(rig_udp(B(0), A(0), &nonce, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_true(r.in.i_kick);
	rig_tick();
	assert_non_null(rig_act(ILNP_CTL_PROBE));
	assert_true(rig_act(ILNP_CTL_PROBE)->a_ctl.cp_dst.l64.l64 == B(0));
}

TEST_MAIN(
	RIG_TEST(many_sessions_are_looked_at_together),
	RIG_TEST(one_way_flow_that_had_fallen_silent_is_asked_too),
	RIG_TEST(short_list_of_actions_only_takes_more_calls),
	RIG_TEST(empty_cache_is_looked_at_once_a_second),
	RIG_TEST(black_hole_takes_a_busy_path_down_within_seconds),
	RIG_TEST(black_hole_behind_a_deep_queue_is_noticed_too),
	RIG_TEST(path_that_answers_again_is_used_again),
	RIG_TEST(full_queue_is_not_taken_for_a_dead_path),
	RIG_TEST(probes_come_faster_where_data_flows),
	RIG_TEST(session_without_traffic_is_left_alone),
	RIG_TEST(no_session_is_forgotten_when_the_list_of_actions_is_full),
	RIG_TEST(session_that_leaves_the_busy_ones_hides_no_other),
	RIG_TEST(sweep_reaches_every_session_once_even_while_others_leave),
	RIG_TEST(session_used_a_moment_after_the_timer_read_its_clock_lives_on),
	RIG_TEST(locators_and_nids_of_a_live_session_outlive_their_lifetime),
	RIG_TEST(aged_locator_that_is_heard_from_is_used_again),
	RIG_TEST(soft_release_waits_for_all_acks_and_for_quiet),
	RIG_TEST(hard_handover_releases_at_once),
	RIG_TEST(locator_whose_router_fell_silent_is_taken_back_from_the_peers),
	RIG_TEST(twenty_thousand_moves_leave_a_session_in_order))
