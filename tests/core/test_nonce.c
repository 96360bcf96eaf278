/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Nonces that are not known yet, or not any more: first answers, peers that
 * have restarted, questions.
 */
#include "rig.h"

static const struct ilnp_nonce N1 = { 4, { 1, 1, 1, 1 } };
static const struct ilnp_nonce N2 = { 4, { 2, 2, 2, 2 } };

/* checklist: 35 37 */
static void
answer_to_our_first_packet_is_believed_only_as_far_as_an_address(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
	assert_int_equal(r.out.o_nonce.n_len, 4);
	assert_int_equal(rig_tcp(B(0), A(0), &N1, TH_SYN | TH_ACK),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_OPEN);
	assert_true(s->s_provisional);
	assert_false(rig_info(s).si_confirmed);
	/* A Locator Update moves nothing yet. */
	assert_int_equal(RIG_LU(B(0), A(0), &N1, { l64(EVIL), 0, 300 }),
	    ILNP_IN_CONSUMED);
	assert_int_equal(STAT(lu_unproven), 1);
	assert_false(rig_knows(s, EVIL));
	assert_int_equal(rig_acts(ILNP_CTL_LU), 0);

	assert_int_equal(rig_answer_all(&N1), 1);
	assert_false(s->s_provisional);
	assert_true(rig_info(s).si_confirmed);
}

static void
forged_first_answer_does_not_lock_out_the_real_peer(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
	/* The attacker knows all addresses, and is first. */
	assert_int_equal(rig_tcp(B(0), A(0), &N2, TH_SYN | TH_ACK),
	    ILNP_IN_DELIVER);
	assert_int_equal(rig_tcp(B(0), A(0), &N1, TH_SYN | TH_ACK),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s);
	assert_int_equal(rig_answer_all(&N1), 1);
	assert_true(ilnp_nonce_eq(&s->s_nin, &N1));
	/* From here on the attacker's nonce is worth nothing. */
	assert_int_equal(rig_tcp(B(0), A(0), &N2, TH_ACK), ILNP_IN_DROP);
	assert_true(ilnp_nonce_eq(&s->s_nin, &N1));
}

static void
forged_first_answer_cannot_name_a_place_of_the_attackers(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
	assert_int_equal(rig_tcp(B(0), A(0), &N2, TH_SYN | TH_ACK),
	    ILNP_IN_DELIVER);
	assert_true(s->s_provisional);
	/* Now from where the attacker could answer our probes. */
	assert_int_equal(rig_tcp(EVIL, A(0), &N2, TH_ACK), ILNP_IN_DROP);
	assert_int_equal(rig_udp(EVIL, A(0), &N2, ILNP_FLOW_KNOWN),
	    ILNP_IN_DROP);
	assert_false(rig_knows(s, EVIL));
	rig_tick();
	for (u_int i = 0; i < r.acts.as_n; i++)
		assert_true(r.acts.as_act[i].a_ctl.cp_dst.l64.l64 == B(0));
}

static void
probe_answer_overrides_a_forged_provisional_nonce(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
	assert_int_equal(rig_tcp(B(0), A(0), &N2, TH_SYN | TH_ACK),
	    ILNP_IN_DELIVER);
	/* The real peer's first sign of life is its answer to our probe. */
	assert_int_equal(rig_answer_all(&N1), 1);
	assert_true(ilnp_nonce_eq(&s->s_nin, &N1));
	assert_false(s->s_provisional);
	assert_int_equal(STAT(sess_rekeyed), 0);
}

static void
nonce_from_a_locator_we_did_not_speak_to_is_not_an_answer(void **state)
{
	struct ilnp_sess *s = rig_open(1);

	(void)state;
	assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
	assert_int_equal(rig_tcp(EVIL, A(0), &N2, TH_SYN | TH_ACK),
	    ILNP_IN_DROP);
	assert_int_equal(rig_info(s).si_state, ILNP_SESS_TRYING);
	assert_false(rig_knows(s, EVIL));
}

static void
our_own_nonce_coming_back_proves_a_peer_that_shares_it(void **state)
{
	struct ilnp_sess *s = rig_open(1);
	struct ilnp_nonce ours = s->s_nout;

	(void)state;
	assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
	assert_int_equal(rig_tcp(B(0), A(0), &ours, TH_SYN | TH_ACK),
	    ILNP_IN_DELIVER);
	assert_true(rig_info(s).si_confirmed);
	assert_false(s->s_provisional);
}

static void
input_never_changes_our_own_nonce(void **state)
{
	struct ilnp_sess *s = rig_open(1);
	struct ilnp_nonce ours = s->s_nout;

	(void)state;
	assert_int_equal(rig_output(s, 40), ILNP_OUT_ILNP);
	for (uint8_t i = 1; i < 100; i++) {
		struct ilnp_nonce n = nonce_of(i % 2 == 0 ? 4 : 12, i);

		(void)rig_tcp(B(0), A(0), &n, i % 3 == 0 ? TH_SYN : TH_ACK);
		(void)rig_answer_all(&n);
		assert_true(ilnp_nonce_eq(&s->s_nout, &ours));
	}
}

static void
restarted_peer_is_found_out_by_a_probe_and_taken_back(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);

	(void)state;
	assert_int_equal(RIG_LU(B(0), A(0), &N1, { l64(B(0)), 0, 300 },
	    { l64(B(1)), 0, 300 }, { l64(B(2)), 0, 300 }), ILNP_IN_CONSUMED);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	rig_tick();
	rig_advance(5);
	/* Data under a new nonce: dropped, but it raises the question. */
	assert_int_equal(rig_udp(B(0), A(0), &N2, ILNP_FLOW_KNOWN),
	    ILNP_IN_DROP);
	assert_true(r.in.i_kick);
	assert_true(ilnp_nonce_eq(&s->s_nin, &N1));
	assert_true(rig_answer_all(&N2) > 0);
	assert_true(ilnp_nonce_eq(&s->s_nin, &N2));
	assert_int_equal(STAT(sess_rekeyed), 1);
	assert_int_equal(r.events[ILNP_EV_REKEYED], 1);
	assert_int_equal(rig_udp(B(0), A(0), &N2, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s);
	assert_int_equal(rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DROP);
}

static void
restarted_peer_must_name_its_other_locators_anew(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	const struct ilnp_lurec set[] = { { l64(B(0)), 0, 300 },
	    { l64(B(1)), 0, 300 } };

	(void)state;
	assert_int_equal(rig_lu(B(0), A(0), &N1, ILNP_LU_ADVERT, set, 2),
	    ILNP_IN_CONSUMED);
	assert_true(rig_knows(s, B(1)));
	r.now += ILNP_SEC(2);
	(void)rig_udp(B(0), A(0), &N2, ILNP_FLOW_KNOWN);
	rig_tick();
	for (u_int i = 0; i < r.acts.as_n; i++) {
		struct ilnp_act a = r.acts.as_act[i];

		a.a_ctl.cp_body = a.a_data;
		if (a.a_ctl.cp_kind == ILNP_CTL_PROBE &&
		    a.a_ctl.cp_dst.l64.l64 == B(0)) {
			assert_int_equal(rig_answer(&a, &N2),
			    ILNP_IN_CONSUMED);
			break;
		}
	}
	assert_int_equal(STAT(sess_rekeyed), 1);
	assert_false(rig_knows(s, B(1)));
	assert_true(rig_knows(s, B(0)));
	/* The very same set as before is news now. */
	assert_int_equal(rig_lu(B(0), A(0), &N2, ILNP_LU_ADVERT, set, 2),
	    ILNP_IN_CONSUMED);
	assert_int_equal(STAT(lu_dup), 0);
	assert_true(rig_knows(s, B(1)));
}

static void
restarted_peer_is_noticed_in_an_idle_session_too(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);

	(void)state;
	rig_advance(60000);
	assert_int_equal(rig_udp(B(0), A(0), &N2, ILNP_FLOW_KNOWN),
	    ILNP_IN_DROP);
	assert_int_equal(rig_answer_all(&N2), 1);
	assert_true(ilnp_nonce_eq(&s->s_nin, &N2));
}

static void
answer_with_a_made_up_or_an_old_token_rekeys_nothing(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_act probe;
	struct essence e;

	(void)state;
	r.now += ILNP_SEC(2);
	rig_tick();
	assert_non_null(rig_act(ILNP_CTL_PROBE));
	probe = *rig_act(ILNP_CTL_PROBE);
	probe.a_ctl.cp_body = probe.a_data;
	e = essence_of(s);
	probe.a_data[3] ^= 1;
	assert_int_equal(rig_answer(&probe, &N2), ILNP_IN_DROP);
	probe.a_data[3] ^= 1;
	probe.a_ctl.cp_echoseq++;
	assert_int_equal(rig_answer(&probe, &N2), ILNP_IN_DROP);
	probe.a_ctl.cp_echoseq--;
	/* From another place than it was sent to. */
	probe.a_ctl.cp_dst.l64 = l64(EVIL);
	assert_int_equal(rig_answer(&probe, &N2), ILNP_IN_DROP);
	probe.a_ctl.cp_dst.l64 = l64(B(0));
	/* The real answer comes; a recording of it is worth nothing later. */
	assert_int_equal(rig_answer(&probe, &N1), ILNP_IN_CONSUMED);
	assert_int_equal(rig_answer(&probe, &N2), ILNP_IN_DROP);
	assert_same_essence(s, &e);
	assert_int_equal(STAT(sess_rekeyed), 0);
}

/* Opens a session, with names that know one locator of YOU. */
static struct ilnp_sess *
open_at(uint64_t at)
{
	const struct ilnp_nidpair nids = { ME, YOU };
	const struct ilnp_lurec rec = { l64(at), 0, 300 };
	struct ilnp_sess *s = NULL;

	ilnp_env_epoch_begin();
	assert_int_equal(ilnp_ilcc_open(r.c, &nids, &rec, 1, r.now, &s), 0);
	ilnp_env_epoch_end();
	return (s);
}

/* The probe of a session toward a locator among the last actions, or NULL. */
static const struct ilnp_act *
probe_of(const struct ilnp_sess *s, uint64_t to)
{
	for (u_int i = 0; i < r.acts.as_n; i++) {
		const struct ilnp_act *a = &r.acts.as_act[i];

		if (a->a_ctl.cp_kind == ILNP_CTL_PROBE &&
		    a->a_ctl.cp_echoid == (uint16_t)s->s_id &&
		    a->a_ctl.cp_dst.l64.l64 == to)
			return (a);
	}
	return (NULL);
}

/*
 * Two sessions of one pair have taken each other's peer: the one that only
 * believed a nonce gives it to the one whose probe is answered under it.
 */
static void
sessions_crossed_with_those_of_the_peer_find_back(void **state)
{
	struct ilnp_sess *x = rig_accepted(&N1), *y;
	u_int kept = 0;

	(void)state;
	assert_int_equal(rig_udp(B(1), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	y = open_at(B(1));
	assert_ptr_not_equal(x, y);
	assert_int_equal(rig_udp(B(1), A(0), &N2, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, y);
	for (u_int i = 0; i < 200 && !ilnp_nonce_eq(&x->s_nin, &N2); i++) {
		struct ilnp_act a;

		r.now += ILNP_MS(100);
		assert_int_equal(rig_output(x, 100), ILNP_OUT_ILNP);
		rig_tick();
		if (probe_of(x, B(1)) == NULL)
			continue;
		a = *probe_of(x, B(1));
		a.a_ctl.cp_body = a.a_data;
		kept += rig_answer(&a, &N2) == ILNP_IN_DELIVER;
	}
	assert_true(ilnp_nonce_eq(&x->s_nin, &N2));
	assert_int_equal(STAT(sess_rekeyed), 1);
	assert_int_equal(y->s_state, ILNP_SESS_TRYING);
	assert_int_equal(y->s_nin.n_len, 0);
	/* What the other one of the peer says now goes to the one that waits. */
	assert_int_equal(rig_udp(B(1), A(0), &N1, ILNP_FLOW_KNOWN),
	    ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, y);
	/* Chance keeps both ends from doing this at once, but not for ever. */
	assert_in_range(kept, 0, 30);
}

static void
names_put_every_session_right_that_has_lost_its_peer(void **state)
{
	struct ilnp_sess *x = rig_opened(1, &N1), *y;

	(void)state;
	assert_int_equal(RIG_LU(B(0), A(0), &N1, { l64(B(0)), 0, 300 }),
	    ILNP_IN_CONSUMED);
	assert_int_equal(rig_tcp(B(1), A(0), &N2, TH_SYN), ILNP_IN_DELIVER);
	y = r.in.i_sess;
	assert_int_equal(rig_output(y, 100), ILNP_OUT_ILNP);
	assert_true(rig_answer_all(&N2) > 0);
	assert_true(rig_info(y).si_confirmed);
	for (u_int i = 0; i < x->s_paths->ps_cap; i++)
		x->s_paths->ps_path[i].p_state = ILNP_PATH_DOWN;
	assert_ptr_equal(open_at(B(1)), y);
	assert_true(rig_knows(x, B(1)));
}

static void
forgeries_do_not_keep_a_dead_path_from_being_noticed(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	struct ilnp_path *p = rig_path(s, A(0), B(0));

	(void)state;
	/* A slow path, so that patience is longer than the questions' gap. */
	p->p_srtt = 700000;
	for (u_int i = 0; i < 100; i++) {
		(void)rig_udp(B(0), A(0), &N2, ILNP_FLOW_KNOWN);
		(void)rig_output(s, 10);
		rig_advance(100);
	}
	assert_int_equal(p->p_state, ILNP_PATH_DOWN);
}

/* Anybody can send packets without one to where a session is known to be. */
static void
packets_without_a_nonce_keep_nothing_alive(void **state)
{
	struct ilnp_sess *s = rig_opened(2, &N1);
	struct ilnp_path *p = rig_path(s, A(0), B(0));
	struct essence e = essence_of(s);
	ilnp_time_t lastrx = p->p_lastrx, srx = s->s_lastrx;
	struct ilnp_loc *l = ilnp_locset_find(&s->s_remote, l64(B(0)));
	uint32_t used = l->l_used;

	(void)state;
	r.now += ILNP_SEC(2);
	for (u_int i = 0; i < 100; i++)
		assert_int_equal(rig_udp(B(0), A(0), NULL, ILNP_FLOW_KNOWN),
		    ILNP_IN_DELIVER);
	assert_same_essence(s, &e);
	assert_int_equal(p->p_lastrx, lastrx);
	assert_int_equal(s->s_lastrx, srx);
	assert_int_equal(l->l_used, used);
	assert_int_equal(p->p_rxpkts - p->p_heard, 100);
	/* The path is dead and the other one is not: silence, whatever comes. */
	for (u_int i = 0; i < 400; i++) {
		(void)rig_udp(B(0), A(0), NULL, ILNP_FLOW_KNOWN);
		(void)rig_udp(B(1), A(0), &N1, ILNP_FLOW_KNOWN);
		if (i < 200)
			(void)rig_udp(B(0), A(0), &N1, ILNP_FLOW_KNOWN);
		(void)rig_output(s, 100);
		if (i < 200)
			(void)rig_answer_all(&N1);
		r.now += ILNP_MS(5);
		if (i >= 200)
			rig_tick();
		if (i == 220)
			assert_int_not_equal(p->p_state, ILNP_PATH_UP);
	}
	assert_int_equal(p->p_state, ILNP_PATH_DOWN);
}

static void
wrong_nonces_are_questioned_at_most_once_a_second(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	uint64_t before;

	(void)state;
	r.now += ILNP_SEC(1);
	(void)rig_answer_all(&N1);
	before = STAT(probe_sent);
	for (u_int i = 0; i < 50; i++) {
		assert_int_equal(rig_udp(B(0), A(0), &N2, ILNP_FLOW_KNOWN),
		    ILNP_IN_DROP);
		(void)rig_answer_all(&N1);
	}
	assert_in_range(STAT(probe_sent) - before, 0, 1);
	assert_true(ilnp_nonce_eq(&s->s_nin, &N1));
}

TEST_MAIN(
	RIG_TEST(answer_to_our_first_packet_is_believed_only_as_far_as_an_address),
	RIG_TEST(forged_first_answer_does_not_lock_out_the_real_peer),
	RIG_TEST(forged_first_answer_cannot_name_a_place_of_the_attackers),
	RIG_TEST(probe_answer_overrides_a_forged_provisional_nonce),
	RIG_TEST(nonce_from_a_locator_we_did_not_speak_to_is_not_an_answer),
	RIG_TEST(our_own_nonce_coming_back_proves_a_peer_that_shares_it),
	RIG_TEST(input_never_changes_our_own_nonce),
	RIG_TEST(restarted_peer_is_found_out_by_a_probe_and_taken_back),
	RIG_TEST(restarted_peer_must_name_its_other_locators_anew),
	RIG_TEST(restarted_peer_is_noticed_in_an_idle_session_too),
	RIG_TEST(answer_with_a_made_up_or_an_old_token_rekeys_nothing),
	RIG_TEST(sessions_crossed_with_those_of_the_peer_find_back),
	RIG_TEST(names_put_every_session_right_that_has_lost_its_peer),
	RIG_TEST(forgeries_do_not_keep_a_dead_path_from_being_noticed),
	RIG_TEST(packets_without_a_nonce_keep_nothing_alive),
	RIG_TEST(wrong_nonces_are_questioned_at_most_once_a_second))
