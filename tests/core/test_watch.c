/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Paths that fall silent: which are suspected, when, and which must not be.
 */
#include <stdlib.h>

#include "world.h"

#define	PATHS	4

static struct ilnp_pathset *ps;
static ilnp_time_t now;
static uint32_t quiet, silent;
static uint32_t seq;

/* Four paths that are UP, between two locators of each side. */
static int
begin(void **state)
{
	struct ilnp_localloc local[2];
	struct ilnp_locset remote;

	(void)test_begin(state);
	now = T0;
	ps = malloc(ilnp_pathset_size(PATHS));
	assert_non_null(ps);
	ilnp_pathset_init(ps, PATHS, &ilnp_sel_rr);
	memset(&remote, 0, sizeof(remote));
	for (u_int i = 0; i < 2; i++) {
		local[i] = (struct ilnp_localloc){ l64(LOC(0, i)), i + 1, 1,
		    0 };
		ilnp_locset_put(&remote, l64(LOC(1, i)), 0, 0, 0, now);
	}
	ilnp_pathset_sync(ps, local, 2, &remote, 1, now);
	for (u_int i = 0; i < PATHS; i++) {
		ps->ps_path[i].p_state = ILNP_PATH_UP;
		ilnp_path_rtt(&ps->ps_path[i], 20000);
	}
	return (0);
}

static int
end(void **state)
{
	free(ps);
	return (test_end(state));
}

#define	WATCH_TEST(f)	cmocka_unit_test_setup_teardown(f, begin, end)

/*
 * For `ms' the paths of a mask bring a packet every `gap' ms each, and all
 * carry some.  What watching says on the way is gathered.
 */
static void
flow(uint32_t mask, u_int gap, u_int ms)
{
	uint32_t q, s;

	quiet = silent = 0;
	for (u_int t = 0; t < ms; t++) {
		now += ILNP_MS(1);
		for (u_int i = 0; i < PATHS; i++) {
			struct ilnp_path *p = &ps->ps_path[i];

			if (t % gap == 0 && (mask & 1U << i) != 0) {
				p->p_heard++;
				p->p_lastrx = now;
			}
			p->p_lasttx = now + 1;
		}
		(void)ilnp_pathset_watch(ps, now, &q, &s);
		assert_int_equal(s & ~q, 0);
		quiet |= q;
		silent |= s;
	}
}

static void
path_that_falls_silent_among_others_is_found_within_a_few_packets(void **state)
{
	/* ms between packets; by when it must have been found */
	static const struct { u_int gap, by; } table[] = {
		{ 1, 40 }, { 5, 40 }, { 10, 80 }, { 20, 200 }, { 40, 400 }
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(table); i++) {
		now += ILNP_SEC(10);
		flow(0xf, table[i].gap, 5000);
		assert_int_equal(quiet, 0);
		/* Three missed in a row are chance. */
		flow(0xe, table[i].gap, 3 * table[i].gap);
		assert_int_equal(silent, 0);
		flow(0xf, table[i].gap, 1000);
		assert_int_equal(silent, 0);
		flow(0xe, table[i].gap, table[i].by);
		assert_int_equal(silent, 1);
	}
}

static void
silence_of_several_paths_is_told_by_the_one_that_goes_on(void **state)
{
	(void)state;
	flow(0xf, 4, 2000);
	flow(0x8, 4, 80);
	assert_int_equal(silent, 0x7);
}

static void
path_of_a_smaller_share_has_its_turns_waited_for(void **state)
{
	(void)state;
	for (u_int i = 0; i < 400; i++) {
		flow(0x7, 1, 19);
		assert_int_equal(silent, 0);
		flow(0xf, 1, 1);
		assert_int_equal(silent, 0);
	}
	flow(0x7, 1, 60);
	assert_int_equal(silent, 0);
	flow(0x7, 1, 100);
	assert_int_equal(silent, 0x8);
}

static void
silence_of_all_is_nobodys_fault_but_worth_a_probe(void **state)
{
	u_int probes = 0;

	(void)state;
	flow(0xf, 4, 2000);
	for (u_int i = 0; i < 1000; i++) {
		flow(0, 1, 10);
		assert_int_equal(silent, 0);
		for (u_int k = 0; k < PATHS; k++)
			probes += (quiet & 1U << k) != 0;
	}
	/* One of each path when it begins, and no more. */
	assert_int_equal(probes, PATHS);
}

static void
few_packets_by_a_path_that_never_had_many_do_not_speak_for_a_flow(void **state)
{
	(void)state;
	for (u_int i = 0; i < 40; i++) {
		flow(0x3, 2, 60);
		flow(0xf, 1, 1);
	}
	/* The flow ends; that others answer probes says nothing of its paths. */
	for (u_int i = 0; i < 3; i++) {
		flow(0x8, 20, 20);
		assert_int_equal(silent & 0x3, 0);
	}
}

static void
pauses_of_a_flow_cost_few_probes(void **state)
{
	u_int probes = 0;

	(void)state;
	for (u_int i = 0; i < 100; i++) {
		flow(0xf, 2, 50);
		flow(0, 1, 50);
		assert_int_equal(silent, 0);
		probes += quiet & 1;
	}
	assert_in_range(probes, 1, 10 * 4);
}

static void
path_that_is_probed_or_has_nothing_to_answer_is_not_probed_for_quiet(
    void **state)
{
	(void)state;
	flow(0xf, 4, 2000);
	ps->ps_path[0].p_waiting = true;
	flow(0, 1, 20);
	for (u_int i = 0; i < PATHS; i++)
		ps->ps_path[i].p_lasttx = ps->ps_path[i].p_lastrx;
	ps->ps_path[1].p_lasttx = now;
	for (u_int t = 0; t < 10; t++) {
		uint32_t q, s;

		now += ILNP_MS(10);
		(void)ilnp_pathset_watch(ps, now, &q, &s);
		quiet |= q;
	}
	assert_int_equal(quiet, 0x2);
}

static void
what_comes_seldom_is_not_judged(void **state)
{
	(void)state;
	flow(0xf, 125, 5000);
	flow(0xe, 125, 5000);
	assert_int_equal(quiet, 0);
	/* And it is not looked at more often than probes are due. */
	assert_int_equal(ilnp_pathset_watch(ps, now + ILNP_SEC(1), &quiet,
	    &silent), 0);
}

static void
who_was_late_does_not_blame_others(void **state)
{
	uint32_t q, s;

	(void)state;
	flow(0xf, 4, 2000);
	for (u_int i = 0; i < 20; i++) {
		/* After a rest the packets of one path are read first. */
		now += ILNP_MS(200);
		ps->ps_path[1].p_heard += 32;
		ps->ps_path[1].p_lastrx = now;
		(void)ilnp_pathset_watch(ps, now, &q, &s);
		assert_int_equal(q, 0);
		for (u_int k = 0; k < PATHS; k++) {
			ps->ps_path[k].p_heard += 18;
			ps->ps_path[k].p_lastrx = now;
		}
	}
}

static void
burst_of_one_path_makes_no_other_silent(void **state)
{
	(void)state;
	flow(0xf, 4, 2000);
	for (u_int i = 0; i < 50; i++) {
		ps->ps_path[2].p_heard += 500;
		flow(0xc, 4, 12);
		assert_int_equal(silent, 0);
		flow(0xf, 4, 12);
		assert_int_equal(silent, 0);
	}
}

static void
path_the_peer_has_left_is_suspected_once(void **state)
{
	u_int n = 0;

	(void)state;
	flow(0xf, 4, 2000);
	for (u_int i = 0; i < 100; i++) {
		flow(0xe, 4, 100);
		n += silent == 1;
		/* Probes of both ends go on and are answered. */
		ps->ps_path[0].p_heard++;
		ps->ps_path[0].p_lastrx = now;
	}
	assert_int_equal(n, 1);
}

static void
unanswered_probe_is_lost_soon_only_if_others_are_heard(void **state)
{
	struct ilnp_path *p = &ps->ps_path[0], *o = &ps->ps_path[1];

	(void)state;
	for (u_int i = 0; i < 50; i++)
		ilnp_path_rtt(p, 20000);
	assert_in_range(ilnp_path_hurry(p), ILNP_MS(90), ILNP_MS(100));
	assert_int_equal(ilnp_path_patience(p), ILNP_MS(300));
	p->p_seq = 1;
	p->p_waiting = true;
	p->p_sent[1] = now;
	assert_true(ilnp_pathset_waits(ps, p, now + ILNP_MS(299)));
	assert_false(ilnp_pathset_waits(ps, p, now + ILNP_MS(300)));
	/* What was on its way already says nothing of how they are now. */
	o->p_lastrx = now + ILNP_MS(15);
	assert_true(ilnp_pathset_waits(ps, p, now + ILNP_MS(299)));
	o->p_lastrx = now + ILNP_MS(30);
	assert_true(ilnp_pathset_waits(ps, p, now + ILNP_MS(80)));
	assert_false(ilnp_pathset_waits(ps, p, now + ILNP_MS(100)));
	/* A path comes down as slowly as ever. */
	p->p_state = ILNP_PATH_SUSPECT;
	assert_true(ilnp_pathset_waits(ps, p, now + ILNP_MS(299)));
	/* Its own traffic shows that it only has a long queue. */
	p->p_state = ILNP_PATH_UP;
	p->p_lastrx = now + ILNP_MS(30);
	assert_true(ilnp_pathset_waits(ps, p, now + ILNP_MS(899)));
	assert_false(ilnp_pathset_waits(ps, p, now + ILNP_MS(900)));
}

/* Two nodes with two providers each, so four paths, in full flow. */
static void
flowing(u_int delay_ms, const char *algorithm)
{
	seq = 0;
	node_start(0, HOST_ILNP);
	node_start(1, HOST_ILNP);
	for (u_int n = 0; n < 2; n++) {
		assert_int_equal(ilnp_ilcc_algorithm(w.w_node[n].n_c,
		    algorithm), 0);
		node_attach(n, 0, delay_ms);
		node_attach(n, 1, delay_ms);
	}
	assert_non_null(node_open(0, 1));
	node_send(0, 1, 0, seq, 100);
	for (u_int i = 0; i < 100 && w.w_node[1].n_sess[0] == 0; i++)
		world_run(10);
	seq++;
	world_talk(0, 1, 0, &seq, 2, 3000);
}

static u_int
in_state(u_int node, enum ilnp_pathstate state)
{
	const struct ilnp_pathset *set = node_sess(node, 1 - node, 0)->s_paths;
	u_int n = 0;

	for (u_int i = 0; i < set->ps_cap; i++)
		n += set->ps_path[i].p_used &&
		    set->ps_path[i].p_state == state;
	return (n);
}

/* How often paths have come up: one that was suspected wrongly comes again. */
static uint64_t
ups(void)
{
	return (NSTAT(0, path_up) + NSTAT(1, path_up));
}

static void
black_hole_takes_no_more_than_a_few_packets(void **state)
{
	u_int before;

	(void)state;
	flowing(20, "rr");
	before = w.w_node[0].n_got + w.w_node[1].n_got;
	seat_cut(0, 0, true);
	world_talk(0, 1, 0, &seq, 2, 100);
	for (u_int n = 0; n < 2; n++) {
		assert_int_equal(in_state(n, ILNP_PATH_UP), 2);
		assert_int_equal(in_state(n, ILNP_PATH_SUSPECT), 2);
	}
	world_talk(0, 1, 0, &seq, 2, 2000);
	for (u_int n = 0; n < 2; n++)
		assert_int_equal(in_state(n, ILNP_PATH_DOWN), 2);
	world_run(100);
	/* Half of what was sent until silence could be heard, each way. */
	assert_in_range(2 * 1050 - (w.w_node[0].n_got + w.w_node[1].n_got -
	    before), 10, 2 * (20 + 60) / 2 / 2);
	seat_cut(0, 0, false);
	world_talk(0, 1, 0, &seq, 2, 2000);
	assert_int_equal(in_state(0, ILNP_PATH_UP), 4);
	assert_int_equal(in_state(1, ILNP_PATH_UP), 4);
}

static void
queue_that_grows_and_empties_makes_nobody_suspect(void **state)
{
	struct seat *e;
	uint64_t was;

	(void)state;
	flowing(20, "rr");
	e = seat_of(LOC(0, 0));
	was = ups();
	/* A queue fills in a second and empties at once, again and again. */
	for (u_int i = 0; i < 5; i++) {
		for (u_int t = 0; t < 500; t++) {
			e->e_delay += 600;
			world_talk(0, 1, 0, &seq, 2, 2);
		}
		assert_true(e->e_delay > ILNP_MS(300));
		e->e_delay = ILNP_MS(10);
		world_talk(0, 1, 0, &seq, 2, 500);
	}
	assert_int_equal(ups(), was);
	assert_int_equal(in_state(0, ILNP_PATH_UP), 4);
	assert_int_equal(in_state(1, ILNP_PATH_UP), 4);
	world_run(2000);
	assert_int_equal(2 * seq - 1 - w.w_node[0].n_got - w.w_node[1].n_got,
	    0);
}

static void
wrong_suspicion_is_over_in_a_round_trip_and_does_not_echo(void **state)
{
	uint64_t was;

	(void)state;
	flowing(200, "rr");
	was = ups();
	seat_cut(0, 0, true);
	world_talk(0, 1, 0, &seq, 2, 60);
	seat_cut(0, 0, false);
	world_talk(0, 1, 0, &seq, 2, 20000);
	/* Both ends may fall for it once, and once for what the other did. */
	assert_in_range(ups() - was, 2, 8);
	assert_int_equal(in_state(0, ILNP_PATH_UP), 4);
	assert_int_equal(in_state(1, ILNP_PATH_UP), 4);
}

static void
flow_that_keeps_to_its_path_has_it_probed_at_once(void **state)
{
	struct ilnp_path *p = NULL;
	uint64_t sent;

	(void)state;
	flowing(20, "sticky");
	for (u_int i = 0; i < PATHS; i++) {
		p = &node_sess(0, 1, 0)->s_paths->ps_path[i];
		if (p->p_rate > 100)
			break;
	}
	assert_true(p->p_rate > 100);
	sent = NSTAT(0, probe_sent);
	/* The peer is done; what we send goes on. */
	for (u_int t = 0; t < 60; t += 2) {
		node_send(0, 1, 0, seq++, 500);
		world_run(2);
	}
	assert_int_equal(p->p_state, ILNP_PATH_UP);
	assert_true(NSTAT(0, probe_sent) > sent);
	world_talk(0, 1, 0, &seq, 2, 1000);
	/* But a black hole is suspected as soon as others are heard. */
	seat_cut(0, 0, true);
	seat_cut(0, 1, true);
	world_talk(0, 1, 0, &seq, 2, 40);
	assert_int_equal(p->p_state, ILNP_PATH_UP);
	seat_cut(0, p->p_pair.local.l64 == LOC(0, 0) ? 1 : 0, false);
	world_talk(0, 1, 0, &seq, 2, 400);
	assert_int_not_equal(p->p_state, ILNP_PATH_UP);
}

static void
world_without_answers_is_not_flooded_with_probes(void **state)
{
	uint64_t sent;

	(void)state;
	flowing(20, "rr");
	sent = NSTAT(0, probe_sent);
	seat_cut(0, 0, true);
	seat_cut(0, 1, true);
	world_talk(0, 1, 0, &seq, 2, 10000);
	/* One of each path every 300 ms until it is down, then every second. */
	assert_in_range(NSTAT(0, probe_sent) - sent, 4, 4 * 15);
}

TEST_MAIN(
	WATCH_TEST(path_that_falls_silent_among_others_is_found_within_a_few_packets),
	WATCH_TEST(silence_of_several_paths_is_told_by_the_one_that_goes_on),
	WATCH_TEST(path_of_a_smaller_share_has_its_turns_waited_for),
	WATCH_TEST(silence_of_all_is_nobodys_fault_but_worth_a_probe),
	WATCH_TEST(few_packets_by_a_path_that_never_had_many_do_not_speak_for_a_flow),
	WATCH_TEST(pauses_of_a_flow_cost_few_probes),
	WATCH_TEST(path_that_is_probed_or_has_nothing_to_answer_is_not_probed_for_quiet),
	WATCH_TEST(what_comes_seldom_is_not_judged),
	WATCH_TEST(who_was_late_does_not_blame_others),
	WATCH_TEST(burst_of_one_path_makes_no_other_silent),
	WATCH_TEST(path_the_peer_has_left_is_suspected_once),
	WATCH_TEST(unanswered_probe_is_lost_soon_only_if_others_are_heard),
	WORLD_TEST(black_hole_takes_no_more_than_a_few_packets),
	WORLD_TEST(queue_that_grows_and_empties_makes_nobody_suspect),
	WORLD_TEST(wrong_suspicion_is_over_in_a_round_trip_and_does_not_echo),
	WORLD_TEST(flow_that_keeps_to_its_path_has_it_probed_at_once),
	WORLD_TEST(world_without_answers_is_not_flooded_with_probes))
