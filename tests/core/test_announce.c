/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Locator Updates of ours: when they are sent, repeated and given up.
 */
#include "rig.h"

static const struct ilnp_nonce N1 = { 4, { 1, 1, 1, 1 } };
static const struct ilnp_nonce N2 = { 4, { 2, 2, 2, 2 } };

static struct ilnp_act
next_lu(void)
{
	for (u_int i = 0; i < 200; i++) {
		rig_tick();
		if (rig_act(ILNP_CTL_LU) != NULL) {
			struct ilnp_act a = *rig_act(ILNP_CTL_LU);

			assert_int_equal(rig_acts(ILNP_CTL_LU), 1);
			return (a);
		}
		assert_true(r.next > r.now);
		r.now = r.next;
	}
	fail_msg("no Locator Update came");
	return (r.acts.as_act[0]);
}

/* The peer acknowledges what we sent. */
static enum ilnp_inverdict
ack(struct ilnp_act a, const struct ilnp_nonce *nonce)
{
	struct ilnp_lurec rec[ILNP_LOCS_MAX];

	a.a_ctl.cp_body = a.a_data;
	for (u_int i = 0; i < a.a_ctl.cp_count; i++)
		rec[i] = rig_act_rec(&a, i);
	return (rig_lu(a.a_ctl.cp_dst.l64.l64, a.a_ctl.cp_src.l64.l64, nonce,
	    ILNP_LU_ACK, rec, a.a_ctl.cp_count));
}

/* checklist: 71 72 75 */
static void
change_of_our_locators_is_announced_in_full_and_at_once(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_act a;
	ilnp_time_t began = r.now;

	(void)state;
	rig_local(1);
	assert_int_equal(rig_output(s, 10), ILNP_OUT_ILNP);
	a = next_lu();
	assert_int_equal(r.now, began);
	a.a_ctl.cp_body = a.a_data;
	assert_int_equal(a.a_ctl.cp_op, ILNP_LU_ADVERT);
	assert_int_equal(a.a_ctl.cp_count, 2);
	assert_true(rig_act_rec(&a, 0).lr_l64.l64 == A(0));
	assert_true(rig_act_rec(&a, 1).lr_l64.l64 == A(1));
	assert_int_equal(rig_act_rec(&a, 1).lr_life, 300);
	assert_true(ilnp_nonce_eq(&a.a_ctl.cp_nonce, &s->s_nout));
	/* It goes out by a path that works, not by the new one. */
	assert_true(a.a_ctl.cp_src.l64.l64 == A(0));
	assert_int_equal(a.a_if, 1);
	assert_true(rig_info(s).si_lu_pending);
	assert_int_equal(ack(a, &N1), ILNP_IN_CONSUMED);
	assert_false(rig_info(s).si_lu_pending);
	assert_int_equal(STAT(lu_acked), 1);
	assert_int_equal(r.events[ILNP_EV_LU_SENT], 1);
	assert_int_equal(r.events[ILNP_EV_LU_ACKED], 1);
}

/* checklist: 71 */
static void
idle_correspondents_hear_of_a_change_too(void **state)
{
	(void)state;
	(void)rig_opened(1, &N1);
	rig_advance(100000);
	rig_tick();
	assert_int_equal(r.c->c_nbusy, 0);
	rig_local(1);
	assert_int_equal(next_lu().a_ctl.cp_count, 2);
}

/* checklist: 80 */
static void
nobody_unproven_or_plain_is_sent_an_update(void **state)
{
	struct ilnp_sess *s;

	(void)state;
	(void)rig_tcp(B(0), A(0), &N1, TH_SYN);
	s = rig_open(1);
	(void)rig_output(s, 10);
	rig_local(1);
	rig_advance(9000);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_IPV6);
	assert_int_equal(STAT(lu_sent), 0);
}

static void
move_before_the_first_answer_is_told_with_the_first_proof(void **state)
{
	struct ilnp_sess *s = rig_open(1);
	struct ilnp_act a;

	(void)state;
	(void)rig_output(s, 10);
	rig_local(1);
	ilnp_local_del(ilnp_ilcc_local(r.c), l64(A(0)), r.now);
	(void)rig_output(s, 10);
	assert_int_equal(rig_answer_all(&N1), 1);
	a = next_lu();
	a.a_ctl.cp_body = a.a_data;
	assert_int_equal(a.a_ctl.cp_count, 1);
	assert_true(rig_act_rec(&a, 0).lr_l64.l64 == A(1));
}

/* lesson: 59 */
/* checklist: 85 */
static void
unanswered_update_is_resent_at_growing_intervals_and_given_up(void **state)
{
	static const u_int at[] = { 0, 1, 3, 6, 10, 15, 21 };
	struct ilnp_sess *s = rig_opened(1, &N1);
	ilnp_time_t began = r.now;

	(void)state;
	rig_local(1);
	for (size_t i = 0; i < NITEMS(at); i++) {
		(void)next_lu();
		assert_int_equal(r.now - began, ILNP_SEC(at[i]));
	}
	rig_advance(30000);
	assert_int_equal(STAT(lu_sent), NITEMS(at));
	assert_int_equal(STAT(lu_failed), 1);
	assert_int_equal(r.events[ILNP_EV_LU_FAILED], 1);
	assert_false(rig_info(s).si_lu_pending);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_OPEN);
	assert_int_equal(rig_output(s, 10), ILNP_OUT_ILNP);
}

static void
update_that_failed_is_sent_again_when_a_path_comes_back(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	rig_local(1);
	for (u_int i = 0; i < 40; i++) {
		(void)rig_output(s, 10);
		rig_advance(1000);
	}
	assert_int_equal(STAT(lu_failed), 1);
	for (u_int i = 0; i < 30 && STAT(path_up) < 2; i++) {
		(void)rig_output(s, 10);
		(void)rig_answer_all(&N1);
		r.now += ILNP_MS(100);
	}
	(void)ack(next_lu(), &N1);
	assert_int_equal(STAT(lu_acked), 1);
	rig_advance(5000);
	assert_int_equal(STAT(lu_sent), 8);
}

static void
update_that_waits_is_sent_again_when_a_path_comes_back(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	rig_local(1);
	/* Sent at 0, 1, 3 and 6 s; the next one would come at 10. */
	for (u_int i = 0; i < 7; i++) {
		(void)rig_output(s, 10);
		rig_advance(1000);
	}
	assert_int_equal(STAT(lu_sent), 4);
	for (u_int i = 0; i < 15; i++) {
		(void)rig_output(s, 10);
		(void)rig_answer_all(&N1);
		r.now += ILNP_MS(100);
	}
	assert_int_equal(STAT(lu_sent), 5);
}

static void
repeats_take_other_paths(void **state)
{
	struct ilnp_sess *s = rig_opened(3, &N1);
	bool seen[3] = { false };

	(void)state;
	ilnp_local_put(ilnp_ilcc_local(r.c), l64(A(0)), 1, 9, 1, 0, r.now);
	(void)s;
	for (u_int i = 0; i < 3; i++) {
		struct ilnp_act a = next_lu();

		seen[a.a_ctl.cp_dst.l64.l64 - B(0)] = true;
		/* All paths go on working until it is sent again. */
		for (u_int ms = 0; ms < 1000 * i + 900; ms += 100) {
			r.now += ILNP_MS(100);
			(void)rig_answer_all(&N1);
		}
	}
	for (u_int i = 0; i < 3; i++)
		assert_true(seen[i]);
}

/* checklist: 87 */
static void
ack_of_another_set_does_not_stop_the_resending(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	const struct ilnp_lurec wrong[][2] = {
		{ { l64(A(0)), 0, 300 }, { l64(A(2)), 0, 300 } },
		{ { l64(A(0)), 0, 300 }, { l64(A(1)), 1, 300 } },
		{ { l64(A(0)), 0, 300 }, { l64(A(1)), 0, 299 } },
		{ { l64(A(1)), 0, 300 }, { l64(A(0)), 0, 300 } },
	};
	struct ilnp_act a;

	(void)state;
	rig_local(1);
	a = next_lu();
	for (size_t i = 0; i < NITEMS(wrong); i++)
		(void)rig_lu(B(0), A(0), &N1, ILNP_LU_ACK, wrong[i], 2);
	(void)rig_lu(B(0), A(0), &N1, ILNP_LU_ACK, wrong[0], 1);
	assert_int_equal(STAT(lu_stale_ack), 5);
	assert_true(rig_info(s).si_lu_pending);
	assert_int_equal(ack(a, &N2), ILNP_IN_DROP);
	assert_int_equal(ack(a, NULL), ILNP_IN_DROP);
	assert_true(rig_info(s).si_lu_pending);
	assert_int_equal(ack(a, &N1), ILNP_IN_CONSUMED);
	assert_false(rig_info(s).si_lu_pending);
	assert_int_equal(STAT(lu_acked), 1);
	assert_int_equal(ack(a, &N1), ILNP_IN_CONSUMED);
	assert_int_equal(STAT(lu_acked), 1);
}

/* checklist: 88 */
static void
burst_of_changes_becomes_one_update_with_the_last_state(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_act a;

	(void)state;
	rig_local(1);
	a = next_lu();
	(void)ack(a, &N1);
	for (u_int i = 2; i < 6; i++) {
		rig_local(i);
		(void)rig_output(s, 10);
		rig_advance(10);
	}
	assert_int_equal(STAT(lu_sent), 1);
	a = next_lu();
	assert_int_equal(a.a_ctl.cp_count, 6);
	(void)ack(a, &N1);
	rig_advance(3000);
	assert_int_equal(STAT(lu_sent), 2);
}

static void
newer_set_supersedes_the_one_that_waits_for_its_ack(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_act old, new;
	ilnp_time_t began;

	(void)state;
	rig_local(1);
	(void)next_lu();
	rig_advance(3500);
	old = next_lu();		/* third sending, next one due in 3 s */
	r.now++;
	rig_local(2);
	began = r.now;
	new = next_lu();
	assert_in_range(r.now - began, 0, ILNP_MS(150));
	assert_int_equal(new.a_ctl.cp_count, 3);
	(void)ack(old, &N1);
	assert_true(rig_info(s).si_lu_pending);
	(void)ack(new, &N1);
	assert_false(rig_info(s).si_lu_pending);
}

static void
newer_set_does_not_wait_in_an_idle_session_either(void **state)
{
	struct ilnp_act a;
	ilnp_time_t began;

	(void)state;
	(void)rig_opened(1, &N1);
	rig_advance(60000);
	rig_local(1);
	for (u_int i = 0; i < 5; i++) {
		(void)next_lu();
		r.now++;
	}
	rig_local(2);
	began = r.now;
	a = next_lu();
	assert_in_range(r.now - began, 0, ILNP_MS(150));
	assert_int_equal(a.a_ctl.cp_count, 3);
}

static void
late_ack_of_an_older_set_makes_us_tell_the_latest_again(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_act old, new;

	(void)state;
	rig_local(1);
	(void)rig_output(s, 10);
	old = next_lu();
	rig_local(2);
	r.now += ILNP_MS(150);
	(void)rig_output(s, 10);
	new = next_lu();
	(void)ack(new, &N1);
	assert_false(rig_info(s).si_lu_pending);
	/* The network delivers the older update after the newer one. */
	r.now += ILNP_MS(100);
	(void)ack(old, &N1);
	new = next_lu();
	assert_int_equal(new.a_ctl.cp_count, 3);
	(void)ack(new, &N1);
	rig_advance(5000);
	assert_int_equal(STAT(lu_sent), 3);
}

static void
losing_the_last_locator_sends_nothing(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	ilnp_local_del(ilnp_ilcc_local(r.c), l64(A(0)), r.now);
	rig_advance(5000);
	assert_int_equal(STAT(lu_sent), 0);
	assert_false(rig_info(s).si_lu_pending);
	rig_local(1);
	assert_true(next_lu().a_ctl.cp_src.l64.l64 == A(1));
}

static void
locators_are_announced_again_before_their_lifetime_is_over(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	rig_local(1);
	(void)ack(next_lu(), &N1);
	for (u_int i = 0; i < 152; i++) {
		(void)rig_output(s, 10);
		(void)rig_answer_all(&N1);
		if (i == 148)
			assert_int_equal(STAT(lu_sent), 1);
		r.now += ILNP_SEC(1);
	}
	assert_int_equal(STAT(lu_sent), 2);
}

static void
first_proof_tells_the_peer_of_our_other_locators(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	rig_local(1);
	rig_local(2);
	(void)rig_output(s, 10);
	assert_true(rig_answer_all(&N1) > 0);
	assert_int_equal(next_lu().a_ctl.cp_count, 3);
}

/* checklist: 90 */
static void
extended_records_and_soft_code_are_sent_when_set(void **state)
{
	struct ilnp_act a;

	(void)state;
	rig_knob("lu_format", 14);
	rig_knob("lu_soft_code", 7);
	(void)rig_opened(1, &N1);
	rig_local(1);
	a = next_lu();
	a.a_ctl.cp_body = a.a_data;
	assert_int_equal(a.a_ctl.cp_reclen, 14);
	assert_int_equal(a.a_ctl.cp_bodylen, 28);
	assert_int_equal(a.a_ctl.cp_code, 7);
	assert_int_equal(rig_act_rec(&a, 1).lr_life, 300);
	/* Its ack has the same form. */
	{
		const struct addrs at = { { l64(B(0)), YOU }, { l64(A(0)), ME },
		    &N1, ILNP_CKSUM_IPV6 };

		pkt_icmp(&r.pkt, &at, 156, 7, 0x02020000, a.a_data, 28);
		assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_CONSUMED);
	}
	assert_int_equal(STAT(lu_acked), 1);
}

/* A probe of YOU's from B(0). */
static void
peer_asks(uint64_t to, const struct ilnp_nonce *nonce)
{
	const struct addrs a = { { l64(B(0)), YOU }, { l64(to), ME }, nonce,
	    ILNP_CKSUM_IPV6 };

	pkt_icmp(&r.pkt, &a, ILNP_ICMP6_ECHO_REQ, 0, 0x00010001, "whois_it",
	    8);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_CONSUMED);
}

/*
 * A TCP handshake has told us who the peer is, but not yet the peer who we are:
 * it would not believe an update.
 */
static void
accepted_by_tcp(void)
{
	struct ilnp_sess *s;

	rig_local(1);
	(void)rig_tcp(B(0), A(0), &N1, TH_SYN);
	s = r.in.i_sess;
	assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
	ilnp_sess_confirm(r.c, s);
}

static void
update_waits_until_the_peer_can_believe_it(void **state)
{
	(void)state;
	accepted_by_tcp();
	rig_advance(500);
	assert_int_equal(STAT(lu_sent), 0);
	peer_asks(A(0), &N1);
	rig_advance(200);
	assert_int_equal(STAT(lu_sent), 1);
	/* Its further probes do not hurry anything. */
	peer_asks(A(0), &N1);
	rig_advance(500);
	assert_int_equal(STAT(lu_sent), 1);
}

static void
update_to_a_peer_that_never_asks_waits_a_second(void **state)
{
	(void)state;
	accepted_by_tcp();
	rig_advance(990);
	assert_int_equal(STAT(lu_sent), 0);
	rig_advance(20);
	assert_int_equal(STAT(lu_sent), 1);
}

/*
 * Who asks at a locator that we have given up, or learns it from our answer,
 * has not heard our update or believes something older.
 */
/* checklist: 71 72 */
static void
peer_that_asks_where_we_do_not_send_from_is_told_again(void **state)
{
	uint64_t sent;

	(void)state;
	rig_local(1);
	(void)rig_opened(1, &N1);
	assert_int_equal(ilnp_local_disable(ilnp_ilcc_local(r.c), l64(A(1)),
	    true, r.now), 0);
	/* Whatever is announced now is answered. */
	for (u_int i = 0; i < 30; i++) {
		rig_advance(100);
		(void)rig_lu(B(0), A(0), &N1, ILNP_LU_ACK,
		    (const struct ilnp_lurec[]){ { l64(A(0)), 0, 300 } }, 1);
	}
	sent = STAT(lu_sent);
	assert_int_equal(STAT(lu_acked), 1);
	peer_asks(A(0), &N1);
	rig_advance(500);
	assert_int_equal(STAT(lu_sent), sent);
	peer_asks(A(1), &N1);
	rig_advance(500);
	assert_int_equal(STAT(lu_sent), sent + 1);
}

TEST_MAIN(
	RIG_TEST(peer_that_asks_where_we_do_not_send_from_is_told_again),
	RIG_TEST(update_waits_until_the_peer_can_believe_it),
	RIG_TEST(update_to_a_peer_that_never_asks_waits_a_second),
	RIG_TEST(change_of_our_locators_is_announced_in_full_and_at_once),
	RIG_TEST(idle_correspondents_hear_of_a_change_too),
	RIG_TEST(nobody_unproven_or_plain_is_sent_an_update),
	RIG_TEST(move_before_the_first_answer_is_told_with_the_first_proof),
	RIG_TEST(unanswered_update_is_resent_at_growing_intervals_and_given_up),
	RIG_TEST(update_that_failed_is_sent_again_when_a_path_comes_back),
	RIG_TEST(update_that_waits_is_sent_again_when_a_path_comes_back),
	RIG_TEST(repeats_take_other_paths),
	RIG_TEST(ack_of_another_set_does_not_stop_the_resending),
	RIG_TEST(burst_of_changes_becomes_one_update_with_the_last_state),
	RIG_TEST(newer_set_supersedes_the_one_that_waits_for_its_ack),
	RIG_TEST(newer_set_does_not_wait_in_an_idle_session_either),
	RIG_TEST(late_ack_of_an_older_set_makes_us_tell_the_latest_again),
	RIG_TEST(losing_the_last_locator_sends_nothing),
	RIG_TEST(locators_are_announced_again_before_their_lifetime_is_over),
	RIG_TEST(first_proof_tells_the_peer_of_our_other_locators),
	RIG_TEST(extended_records_and_soft_code_are_sent_when_set))
