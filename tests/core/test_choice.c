/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What single flows want of path selection.
 */
#include "rig.h"

static const struct ilnp_nonce N1 = { 4, { 1, 1, 1, 1 } };

static const struct ilnp_choice ANY = { .ch_kind = ILNP_CHOICE_ANY };

static struct ilnp_choice
choice(uint8_t kind, uint64_t a, uint64_t b)
{
	return ((struct ilnp_choice){ .ch_kind = kind,
	    .ch_pair = l64pair(a, b) });
}

/* True if the last packet took one path, this one. */
static bool
took(uint64_t a, uint64_t b)
{
	return (r.out.o_n == 1 && r.out.o_path[0].op_pair.local.l64 == A(a) &&
	    r.out.o_path[0].op_pair.remote.l64 == B(b));
}

static void
choice_of_a_flow_goes_before_that_of_its_session(void **state)
{
	struct ilnp_choice flow = ANY, want;
	struct ilnp_sess *s;
	u_int by_first = 0;

	(void)state;
	rig_local(1);
	s = rig_opened(2, &N1);
	want = choice(ILNP_CHOICE_PIN, A(1), B(0));
	assert_int_equal(ilnp_sess_choose(r.c, s, NULL, &want), 0);
	assert_int_equal(rig_info(s).si_choice.ch_kind, ILNP_CHOICE_PIN);
	want = choice(ILNP_CHOICE_PREFER, 0, B(1));
	assert_int_equal(ilnp_sess_choose(r.c, s, &flow, &want), 0);
	for (u_int i = 0; i < 10; i++) {
		assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
		assert_true(took(1, 0));
		assert_int_equal(rig_output_by(s, 100, &flow), ILNP_OUT_ILNP);
		assert_int_equal(r.out.o_n, 1);
		assert_true(r.out.o_path[0].op_pair.remote.l64 == B(1));
		by_first += took(0, 1);
	}
	assert_int_equal(by_first, 5);
	/* A flow that takes its wish back follows the session again. */
	assert_int_equal(ilnp_sess_choose(r.c, s, &flow, &ANY), 0);
	assert_int_equal(rig_output_by(s, 100, &flow), ILNP_OUT_ILNP);
	assert_true(took(1, 0));
	assert_int_equal(ilnp_sess_choose(r.c, s, NULL, &ANY), 0);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_false(took(1, 0));
	/* One flow is copied, the others are not. */
	want = choice(ILNP_CHOICE_REDUNDANT, 0, 0);
	assert_int_equal(ilnp_sess_choose(r.c, s, &flow, &want), 0);
	assert_int_equal(rig_output_by(s, 100, &flow), ILNP_OUT_ILNP);
	assert_int_equal(r.out.o_n, 4);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_int_equal(r.out.o_n, 1);
	assert_int_equal(STAT(out_unpinned), 0);
}

static void
pinned_flow_is_told_when_it_must_go_another_way(void **state)
{
	struct ilnp_choice flow = ANY;
	const struct ilnp_choice want = choice(ILNP_CHOICE_PIN, A(0), B(1));
	struct ilnp_sess *s;

	(void)state;
	s = rig_opened(2, &N1);
	assert_int_equal(ilnp_sess_choose(r.c, s, &flow, &want), 0);
	rig_path(s, A(0), B(1))->p_state = ILNP_PATH_DOWN;
	for (u_int i = 0; i < 5; i++) {
		assert_int_equal(rig_output_by(s, 100, &flow), ILNP_OUT_ILNP);
		assert_true(took(0, 0));
	}
	assert_true(flow.ch_lost);
	assert_int_equal(r.events[ILNP_EV_CHOICE_LOST], 1);
	assert_int_equal(STAT(out_unpinned), 5);
	rig_path(s, A(0), B(1))->p_state = ILNP_PATH_UP;
	for (u_int i = 0; i < 5; i++) {
		assert_int_equal(rig_output_by(s, 100, &flow), ILNP_OUT_ILNP);
		assert_true(took(0, 1));
	}
	assert_false(flow.ch_lost);
	assert_int_equal(r.events[ILNP_EV_CHOICE_BACK], 1);
	assert_int_equal(STAT(out_unpinned), 5);
	/* The peer takes the locator back: the same as down. */
	assert_int_equal(RIG_LU(B(0), A(0), &N1, { l64(B(0)), 0, 300 }),
	    ILNP_IN_CONSUMED);
	assert_int_equal(rig_output_by(s, 100, &flow), ILNP_OUT_ILNP);
	assert_true(took(0, 0));
	assert_int_equal(r.events[ILNP_EV_CHOICE_LOST], 2);
}

static void
strict_flow_sends_nothing_rather_than_another_way(void **state)
{
	struct ilnp_choice flow = ANY;
	const struct ilnp_choice want = choice(ILNP_CHOICE_STRICT, A(0), B(1));
	struct ilnp_sess *s;
	uint64_t nopath;

	(void)state;
	s = rig_opened(2, &N1);
	assert_int_equal(ilnp_sess_choose(r.c, s, &flow, &want), 0);
	rig_path(s, A(0), B(1))->p_state = ILNP_PATH_DOWN;
	assert_int_equal(rig_output_by(s, 100, &flow), ILNP_OUT_ILNP);
	assert_true(took(0, 1));
	assert_int_equal(r.events[ILNP_EV_CHOICE_LOST], 1);
	assert_int_equal(RIG_LU(B(0), A(0), &N1, { l64(B(0)), 0, 300 }),
	    ILNP_IN_CONSUMED);
	nopath = STAT(out_nopath);
	assert_int_equal(rig_output_by(s, 100, &flow), ILNP_OUT_NOPATH);
	assert_int_equal(STAT(out_nopath), nopath + 1);
	assert_int_equal(STAT(out_unpinned), 0);
	/* Other flows of the session do not mind. */
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
}

static void
choices_that_mean_nothing_are_refused_and_change_nothing(void **state)
{
	struct ilnp_choice flow = ANY, want = choice(ILNP_CHOICE_PIN, A(0),
	    B(1));
	struct ilnp_sess *s;

	(void)state;
	s = rig_opened(2, &N1);
	assert_int_equal(ilnp_sess_choose(r.c, s, &flow, &want), 0);
	want = choice(ILNP_CHOICE_REDUNDANT + 1, A(0), B(0));
	assert_int_equal(ilnp_sess_choose(r.c, s, &flow, &want), EINVAL);
	want = choice(ILNP_CHOICE_PIN, 0, 0);
	assert_int_equal(ilnp_sess_choose(r.c, s, &flow, &want), EINVAL);
	want = choice(ILNP_CHOICE_STRICT, A(0), B(2));
	assert_int_equal(ilnp_sess_choose(r.c, s, &flow, &want),
	    EADDRNOTAVAIL);
	want = choice(ILNP_CHOICE_PREFER, A(1), 0);
	assert_int_equal(ilnp_sess_choose(r.c, s, &flow, &want),
	    EADDRNOTAVAIL);
	assert_int_equal(flow.ch_kind, ILNP_CHOICE_PIN);
	assert_true(flow.ch_pair.remote.l64 == B(1));
}

static void
choice_does_not_send_a_strangers_answer_elsewhere(void **state)
{
	struct ilnp_choice want = choice(ILNP_CHOICE_PIN, A(1), B(0));
	struct ilnp_sess *s;

	(void)state;
	rig_local(1);
	assert_int_equal(rig_udp(B(0), A(0), &N1, ILNP_FLOW_OPENS),
	    ILNP_IN_DELIVER);
	s = r.in.i_sess;
	assert_int_equal(ilnp_sess_choose(r.c, s, NULL, &want), 0);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_true(took(0, 0));
	ilnp_sess_confirm(r.c, s);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_true(took(1, 0));
}

TEST_MAIN(
	RIG_TEST(choice_of_a_flow_goes_before_that_of_its_session),
	RIG_TEST(pinned_flow_is_told_when_it_must_go_another_way),
	RIG_TEST(strict_flow_sends_nothing_rather_than_another_way),
	RIG_TEST(choices_that_mean_nothing_are_refused_and_change_nothing),
	RIG_TEST(choice_does_not_send_a_strangers_answer_elsewhere))
