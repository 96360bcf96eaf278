/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Paths: the table of states, round-trip times, following the locators of both
 * sides, and which paths are offered to an algorithm.
 */
#include <stdlib.h>

#include "ilnp_path.h"
#include "test.h"

#define	A(n)	l64(0x20010db8000a0000 + (n))	/* ours */
#define	B(n)	l64(0x20010db8000b0000 + (n))	/* the peer's */

static struct ilnp_pathset *
make_set(u_int cap, const struct ilnp_sel_alg *alg)
{
	struct ilnp_pathset *ps = malloc(ilnp_pathset_size(cap));

	assert_non_null(ps);
	ilnp_pathset_init(ps, cap, alg);
	return (ps);
}

static struct ilnp_localloc local[ILNP_LOCS_MAX];
static struct ilnp_locset remote;

static void
two_by_two(struct ilnp_pathset *ps)
{
	memset(&remote, 0, sizeof(remote));
	for (u_int i = 0; i < 2; i++) {
		local[i] = (struct ilnp_localloc){ A(i), i + 1, 1, 0 };
		ilnp_locset_put(&remote, B(i), 0, 0, 0, T0);
	}
	ilnp_pathset_sync(ps, local, 2, &remote, 1, T0);
}

static u_int
count(const struct ilnp_pathset *ps)
{
	u_int n = 0;

	for (u_int i = 0; i < ps->ps_cap; i++)
		n += ps->ps_path[i].p_used;
	return (n);
}

static struct ilnp_path *
path(struct ilnp_pathset *ps, u_int a, u_int b)
{
	struct ilnp_path *p = ilnp_pathset_find(ps,
	    &(struct ilnp_l64pair){ A(a), B(b) });

	assert_non_null(p);
	return (p);
}

static uint32_t
pick_by(struct ilnp_pathset *ps, struct ilnp_choice *ch)
{
	return (ilnp_pathset_pick(ps, ch, 100, 0, &ch->ch_lost));
}

static uint32_t
pick(struct ilnp_pathset *ps, uint32_t len)
{
	const struct ilnp_choice none = { .ch_kind = ILNP_CHOICE_ANY };
	uint32_t mask;
	bool lost = true;

	mask = ilnp_pathset_pick(ps, &none, len, 0, &lost);
	assert_false(lost);
	return (mask);
}

static void
events_lead_from_state_to_state_as_the_table_says(void **state)
{
	/* Three lost probes in a row take a path down. */
	static const struct {
		uint8_t		from, fails;
		enum ilnp_pathevent ev;
		uint8_t		to;
	} table[] = {
		{ ILNP_PATH_NEW, 0, ILNP_PATH_ANSWER, ILNP_PATH_UP },
		{ ILNP_PATH_NEW, 0, ILNP_PATH_LOST, ILNP_PATH_NEW },
		{ ILNP_PATH_NEW, 2, ILNP_PATH_LOST, ILNP_PATH_DOWN },
		{ ILNP_PATH_NEW, 0, ILNP_PATH_UNREACH, ILNP_PATH_DOWN },
		{ ILNP_PATH_UP, 0, ILNP_PATH_ANSWER, ILNP_PATH_UP },
		{ ILNP_PATH_UP, 0, ILNP_PATH_LOST, ILNP_PATH_SUSPECT },
		{ ILNP_PATH_UP, 0, ILNP_PATH_UNREACH, ILNP_PATH_SUSPECT },
		{ ILNP_PATH_SUSPECT, 1, ILNP_PATH_ANSWER, ILNP_PATH_UP },
		{ ILNP_PATH_SUSPECT, 1, ILNP_PATH_LOST, ILNP_PATH_SUSPECT },
		{ ILNP_PATH_SUSPECT, 2, ILNP_PATH_LOST, ILNP_PATH_DOWN },
		{ ILNP_PATH_SUSPECT, 1, ILNP_PATH_UNREACH, ILNP_PATH_SUSPECT },
		{ ILNP_PATH_DOWN, 3, ILNP_PATH_ANSWER, ILNP_PATH_UP },
		{ ILNP_PATH_DOWN, 3, ILNP_PATH_LOST, ILNP_PATH_DOWN },
		{ ILNP_PATH_DOWN, 3, ILNP_PATH_UNREACH, ILNP_PATH_DOWN },
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(table); i++) {
		struct ilnp_path p = { .p_state = table[i].from,
		    .p_fails = table[i].fails };

		assert_int_equal(ilnp_path_event(&p, table[i].ev, 3),
		    table[i].from != table[i].to);
		assert_int_equal(p.p_state, table[i].to);
	}
}

static void
lost_probes_count_only_in_a_row(void **state)
{
	struct ilnp_path p = { .p_state = ILNP_PATH_UP };

	(void)state;
	for (u_int i = 0; i < 100; i++) {
		ilnp_path_event(&p, ILNP_PATH_LOST, 3);
		ilnp_path_event(&p, ILNP_PATH_LOST, 3);
		assert_int_equal(p.p_state, ILNP_PATH_SUSPECT);
		ilnp_path_event(&p, ILNP_PATH_ANSWER, 3);
		assert_int_equal(p.p_state, ILNP_PATH_UP);
	}
	for (u_int i = 0; i < 1000; i++)
		ilnp_path_event(&p, ILNP_PATH_LOST, 3);
	assert_int_equal(p.p_state, ILNP_PATH_DOWN);
}

static void
round_trip_time_follows_its_samples_within_bounds(void **state)
{
	struct ilnp_path p = { 0 };

	(void)state;
	assert_int_equal(ilnp_path_patience(&p), ILNP_MS(500));
	ilnp_path_rtt(&p, 20000);
	assert_int_equal(p.p_srtt, 20000);
	assert_int_equal(p.p_rttvar, 10000);
	for (u_int i = 0; i < 100; i++)
		ilnp_path_rtt(&p, 200000);
	assert_in_range(p.p_srtt, 199000, 200000);
	assert_in_range(p.p_rttvar, 0, 1000);
	assert_in_range(ilnp_path_patience(&p), ILNP_MS(400), ILNP_MS(600));
	for (u_int i = 0; i < 200; i++)
		ilnp_path_rtt(&p, 0);
	assert_in_range(p.p_srtt, 1, 20);	/* never "not measured" again */
	assert_int_equal(ilnp_path_patience(&p), ILNP_MS(300));
	ilnp_path_rtt(&p, UINT64_MAX);
	assert_in_range(p.p_srtt, 1, ILNP_SEC(60));
	assert_int_equal(ilnp_path_patience(&p), ILNP_SEC(2));
}

static void
set_holds_every_pair_of_locators_once(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);

	(void)state;
	two_by_two(ps);
	assert_int_equal(count(ps), 4);
	for (u_int a = 0; a < 2; a++)
		for (u_int b = 0; b < 2; b++) {
			assert_int_equal(path(ps, a, b)->p_if, a + 1);
			assert_int_equal(path(ps, a, b)->p_state,
			    ILNP_PATH_NEW);
			assert_int_equal(path(ps, a, b)->p_due, T0);
		}
	ilnp_pathset_sync(ps, local, 2, &remote, 2, T0);
	assert_int_equal(count(ps), 4);
	free(ps);
}

static void
pairs_that_stay_keep_what_is_known_of_them(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);
	struct ilnp_path *p;

	(void)state;
	two_by_two(ps);
	p = path(ps, 1, 1);
	p->p_state = ILNP_PATH_UP;
	p->p_srtt = 77;
	p->p_txbytes = 1000;
	path(ps, 0, 1)->p_txbytes = 500;
	path(ps, 0, 0)->p_rxpkts = 3;
	local[1].ll_weight = 9;
	local[1].ll_if = 5;
	/* The first local locator goes: both its pairs go, with their totals. */
	ilnp_pathset_sync(ps, local + 1, 1, &remote, 2, T0);
	assert_int_equal(count(ps), 2);
	assert_ptr_equal(path(ps, 1, 1), p);
	assert_int_equal(p->p_state, ILNP_PATH_UP);
	assert_int_equal(p->p_srtt, 77);
	assert_int_equal(p->p_weight, 9);
	assert_int_equal(p->p_if, 5);
	assert_int_equal(ps->ps_gonetxbytes, 500);
	assert_int_equal(ps->ps_gonerxpkts, 3);
	assert_int_equal(ps->ps_gen, 2);
	free(ps);
}

static void
full_set_prefers_pairs_of_better_preference(void **state)
{
	struct ilnp_pathset *ps = make_set(2, &ilnp_sel_rr);

	(void)state;
	memset(&remote, 0, sizeof(remote));
	local[0] = (struct ilnp_localloc){ A(0), 1, 1, 5 };
	ilnp_locset_put(&remote, B(0), 30, 0, 0, T0);
	ilnp_locset_put(&remote, B(1), 10, 0, 0, T0);
	ilnp_locset_put(&remote, B(2), 20, 0, 0, T0);
	ilnp_pathset_sync(ps, local, 1, &remote, 1, T0);
	assert_int_equal(count(ps), 2);
	(void)path(ps, 0, 1);
	(void)path(ps, 0, 2);
	/* Looking again does not shuffle them. */
	path(ps, 0, 2)->p_srtt = 5;
	ilnp_pathset_sync(ps, local, 1, &remote, 1, T0);
	assert_int_equal(path(ps, 0, 2)->p_srtt, 5);
	free(ps);
}

/* checklist: 17 */
static void
locators_past_their_time_serve_when_nothing_else_is_left(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);

	(void)state;
	two_by_two(ps);
	remote.ls_loc[0].l_state = ILNP_LOC_AGED;
	ilnp_pathset_sync(ps, local, 2, &remote, 1, T0);
	assert_int_equal(count(ps), 2);
	remote.ls_loc[1].l_state = ILNP_LOC_AGED;
	ilnp_pathset_sync(ps, local, 2, &remote, 1, T0);
	assert_int_equal(count(ps), 4);
	/* But what the peer took back itself never does. */
	remote.ls_loc[1].l_flags = ILNP_LOC_F_WITHDRAWN;
	ilnp_pathset_sync(ps, local, 2, &remote, 1, T0);
	assert_int_equal(count(ps), 2);
	assert_null(ilnp_pathset_find(ps,
	    &(struct ilnp_l64pair){ A(0), B(1) }));
	free(ps);
}

static void
no_locators_make_no_paths(void **state)
{
	struct ilnp_pathset *ps = make_set(4, &ilnp_sel_redundant);

	(void)state;
	two_by_two(ps);
	ilnp_pathset_sync(ps, local, 0, &remote, 2, T0);
	assert_int_equal(count(ps), 0);
	assert_int_equal(pick(ps, 100), 0);
	assert_null(ilnp_pathset_best(ps, 0));
	assert_null(ilnp_pathset_best(ps, 3));
	free(ps);
}

/* checklist: 98 101 */
static void
only_the_best_preference_group_of_the_best_state_is_offered(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_redundant);
	uint32_t all = 0;

	(void)state;
	memset(&remote, 0, sizeof(remote));
	local[0] = (struct ilnp_localloc){ A(0), 1, 1, 0 };
	local[1] = (struct ilnp_localloc){ A(1), 2, 1, 1 };
	ilnp_locset_put(&remote, B(0), 10, 0, 0, T0);
	ilnp_locset_put(&remote, B(1), 20, 0, 0, T0);
	ilnp_pathset_sync(ps, local, 2, &remote, 1, T0);
#define	SLOT(a, b)	(1U << (path(ps, a, b) - ps->ps_path))
	/* The peer's preference counts before ours. */
	assert_int_equal(pick(ps, 1), SLOT(0, 0));
	path(ps, 0, 0)->p_state = ILNP_PATH_DOWN;
	assert_int_equal(pick(ps, 1), SLOT(1, 0));
	/* A path that works comes before one that is only preferred. */
	path(ps, 1, 1)->p_state = ILNP_PATH_SUSPECT;
	assert_int_equal(pick(ps, 1), SLOT(1, 1));
	path(ps, 0, 1)->p_state = ILNP_PATH_UP;
	assert_int_equal(pick(ps, 1), SLOT(0, 1));
	/* With equal preferences the algorithm has the choice. */
	for (u_int i = 0; i < ps->ps_cap; i++) {
		ps->ps_path[i].p_state = ILNP_PATH_UP;
		ps->ps_path[i].p_rank = 7;
		if (ps->ps_path[i].p_used)
			all |= 1U << i;
	}
	assert_int_equal(pick(ps, 1), all);
	/* And when all are down the best of them is still tried. */
	for (u_int i = 0; i < ps->ps_cap; i++)
		ps->ps_path[i].p_state = ILNP_PATH_DOWN;
	assert_int_equal(pick(ps, 1), all);
	free(ps);
}

static void
control_messages_take_the_best_path_and_then_the_others_in_turn(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);
	bool seen[16] = { false };

	(void)state;
	two_by_two(ps);
	path(ps, 1, 0)->p_state = ILNP_PATH_UP;
	assert_ptr_equal(ilnp_pathset_best(ps, 0), path(ps, 1, 0));
	assert_ptr_equal(ilnp_pathset_best(ps, 4), path(ps, 1, 0));
	for (u_int i = 0; i < 4; i++)
		seen[ilnp_pathset_best(ps, i) - ps->ps_path] = true;
	for (u_int i = 0; i < 16; i++)
		assert_int_equal(seen[i], ps->ps_path[i].p_used);
	/* Dead ones are left out while there are others. */
	path(ps, 0, 1)->p_state = ILNP_PATH_DOWN;
	for (u_int i = 0; i < 9; i++)
		assert_ptr_not_equal(ilnp_pathset_best(ps, i), path(ps, 0, 1));
	for (u_int i = 0; i < 16; i++)
		ps->ps_path[i].p_state = ILNP_PATH_DOWN;
	assert_ptr_not_equal(ilnp_pathset_best(ps, 0),
	    ilnp_pathset_best(ps, 1));
	free(ps);
}

static void
random_changes_of_locators_keep_the_set_exact(void **state)
{
	struct ilnp_pathset *ps = make_set(32, &ilnp_sel_drr);

	(void)state;
	memset(&remote, 0, sizeof(remote));
	for (u_int round = 0; round < 3000; round++) {
		struct ilnp_localloc now[ILNP_LOCS_MAX];
		uint8_t rnd[4];
		u_int nlocal = 0, sendable = 0, aged = 0, want;

		ilnp_env_random(rnd, sizeof(rnd));
		for (u_int i = 0; i < 4; i++)
			if ((rnd[0] & 1 << i) != 0)
				now[nlocal++] = (struct ilnp_localloc){ A(i),
				    i, 1, rnd[1] % 3 };
		remote.ls_n = 0;
		for (u_int i = 0; i < ILNP_LOCS_MAX; i++) {
			struct ilnp_loc *l;

			if ((rnd[2] & 1 << i) == 0)
				continue;
			l = ilnp_locset_put(&remote, B(i), rnd[3] % 3, 0, 0,
			    T0);
			if ((rnd[1] & 1 << i) != 0) {
				l->l_state = ILNP_LOC_AGED;
				aged++;
			} else
				sendable++;
		}
		want = nlocal * (sendable != 0 ? sendable : aged);
		ilnp_pathset_sync(ps, now, nlocal, &remote, round, T0);
		assert_int_equal(count(ps), want > 32 ? 32 : want);
		if (want != 0)
			assert_int_not_equal(pick(ps, 100), 0);
	}
	free(ps);
}

/* Picks n times: no two in a row may leave from, or go to, the same locator. */
static void
expect_turns(struct ilnp_pathset *ps, u_int n)
{
	const struct ilnp_path *last = NULL;

	for (u_int i = 0; i < n; i++) {
		uint32_t mask = pick(ps, 100);
		const struct ilnp_path *p =
		    &ps->ps_path[__builtin_ctz(mask)];

		if (last != NULL) {
			assert_false(ilnp_l64_eq(last->p_pair.local,
			    p->p_pair.local));
			assert_false(ilnp_l64_eq(last->p_pair.remote,
			    p->p_pair.remote));
		}
		last = p;
	}
}

static void
a_full_mesh_is_taken_diagonally(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);
	u_int seen[16] = { 0 };

	(void)state;
	memset(&remote, 0, sizeof(remote));
	for (u_int i = 0; i < 3; i++) {
		local[i] = (struct ilnp_localloc){ A(i), i + 1, 1, 0 };
		ilnp_locset_put(&remote, B(i), 0, 0, 0, T0);
	}
	ilnp_pathset_sync(ps, local, 3, &remote, 1, T0);
	for (u_int i = 0; i < 90; i++)
		seen[__builtin_ctz(pick(ps, 100))]++;
	for (u_int i = 0; i < 9; i++)
		assert_int_equal(seen[i], 10);
	free(ps);
}

/* Nor does it matter in which order the locators came to be known. */
static void
turns_do_not_depend_on_how_locators_came(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);

	(void)state;
	memset(&remote, 0, sizeof(remote));
	for (u_int i = 0; i < 4; i++)
		local[i] = (struct ilnp_localloc){ A(i), i + 1, 1, 0 };
	ilnp_locset_put(&remote, B(0), 0, 0, 0, T0);
	ilnp_pathset_sync(ps, local, 1, &remote, 1, T0);
	ilnp_pathset_sync(ps, local, 4, &remote, 2, T0);
	for (u_int i = 1; i < 4; i++) {
		ilnp_locset_put(&remote, B(i), 0, 0, 0, T0);
		ilnp_pathset_sync(ps, local, 4, &remote, 3, T0);
	}
	assert_int_equal(count(ps), 16);
	/* Within a diagonal; from one to the next one locator may repeat. */
	for (u_int i = 0; i < 4; i++)
		expect_turns(ps, 4);
	free(ps);
}

/* checklist: 98 */
static void
turns_go_on_within_a_preference_group(void **state)
{
	struct ilnp_pathset *ps = make_set(32, &ilnp_sel_rr);
	u_int n = 0;

	(void)state;
	memset(&remote, 0, sizeof(remote));
	for (u_int i = 0; i < 4; i++) {
		local[i] = (struct ilnp_localloc){ A(i), i + 1, 1, i % 2 };
		ilnp_locset_put(&remote, B(i), (uint16_t)(i % 2), 0, 0, T0);
	}
	ilnp_pathset_sync(ps, local, 4, &remote, 1, T0);
	for (u_int i = 0; i < 20; i++)
		expect_turns(ps, 2);
	for (u_int i = 0; i < 40; i++) {
		const struct ilnp_path *p =
		    &ps->ps_path[__builtin_ctz(pick(ps, 100))];

		assert_int_equal(p->p_rank, 0);
		n += ilnp_l64_eq(p->p_pair.local, A(2));
	}
	assert_int_equal(n, 20);
	free(ps);
}

static void
few_slots_still_hold_something_of_every_locator(void **state)
{
	struct ilnp_pathset *ps = make_set(8, &ilnp_sel_rr);
	bool a[8] = { false }, b[8] = { false };

	(void)state;
	memset(&remote, 0, sizeof(remote));
	for (u_int i = 0; i < 8; i++) {
		local[i] = (struct ilnp_localloc){ A(i), i + 1, 1, 0 };
		ilnp_locset_put(&remote, B(i), 0, 0, 0, T0);
	}
	ilnp_pathset_sync(ps, local, 8, &remote, 1, T0);
	for (u_int i = 0; i < 8; i++) {
		a[ps->ps_path[i].p_pair.local.l64 & 7] = true;
		b[ps->ps_path[i].p_pair.remote.l64 & 7] = true;
	}
	for (u_int i = 0; i < 8; i++)
		assert_true(a[i] && b[i]);
	free(ps);
}

static void
set_state(struct ilnp_pathset *ps, uint8_t state)
{
	for (u_int i = 0; i < ps->ps_cap; i++)
		ps->ps_path[i].p_state = state;
}

static void
preferred_pair_is_taken_while_nothing_works_better(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_redundant);
	struct ilnp_choice ch = { .ch_kind = ILNP_CHOICE_PREFER,
	    .ch_pair = { A(1), B(1) } };

	(void)state;
	two_by_two(ps);
	set_state(ps, ILNP_PATH_UP);
	assert_int_equal(pick_by(ps, &ch), SLOT(1, 1));
	/* Preferences of locators do not matter to it, states do. */
	path(ps, 1, 1)->p_rank = 5;
	assert_int_equal(pick_by(ps, &ch), SLOT(1, 1));
	path(ps, 1, 1)->p_state = ILNP_PATH_SUSPECT;
	assert_int_equal(pick_by(ps, &ch), pick(ps, 100));
	assert_true(ch.ch_lost);
	set_state(ps, ILNP_PATH_DOWN);
	assert_int_equal(pick_by(ps, &ch), SLOT(1, 1));
	assert_false(ch.ch_lost);
	/* Half a pair fits two paths; they are chosen from as always. */
	ch.ch_pair.remote.l64 = 0;
	path(ps, 1, 1)->p_rank = path(ps, 1, 0)->p_rank;
	assert_int_equal(pick_by(ps, &ch), SLOT(1, 0) | SLOT(1, 1));
	path(ps, 1, 0)->p_state = ILNP_PATH_UP;
	assert_int_equal(pick_by(ps, &ch), SLOT(1, 0));
	free(ps);
}

static void
pinned_pair_gives_way_only_when_down_and_others_are_not(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);
	struct ilnp_choice ch = { .ch_kind = ILNP_CHOICE_PIN,
	    .ch_pair = { A(0), B(1) } };

	(void)state;
	two_by_two(ps);
	set_state(ps, ILNP_PATH_UP);
	for (u_int was = ILNP_PATH_NEW; was < ILNP_PATH_DOWN; was++) {
		path(ps, 0, 1)->p_state = (uint8_t)was;
		assert_int_equal(pick_by(ps, &ch), SLOT(0, 1));
		assert_false(ch.ch_lost);
	}
	path(ps, 0, 1)->p_state = ILNP_PATH_DOWN;
	assert_int_equal(pick_by(ps, &ch) & SLOT(0, 1), 0);
	assert_true(ch.ch_lost);
	/* When nothing works at all, it may as well be the pinned one. */
	set_state(ps, ILNP_PATH_DOWN);
	assert_int_equal(pick_by(ps, &ch), SLOT(0, 1));
	assert_true(ch.ch_lost);
	/* Gone is like down. */
	set_state(ps, ILNP_PATH_UP);
	ilnp_pathset_sync(ps, local + 1, 1, &remote, 2, T0);
	assert_int_not_equal(pick_by(ps, &ch), 0);
	assert_true(ch.ch_lost);
	ilnp_pathset_sync(ps, local, 2, &remote, 3, T0);
	assert_int_equal(pick_by(ps, &ch), SLOT(0, 1));
	assert_false(ch.ch_lost);
	free(ps);
}

static void
strict_pair_is_never_left(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);
	struct ilnp_choice ch = { .ch_kind = ILNP_CHOICE_STRICT,
	    .ch_pair = { A(0), B(1) } };

	(void)state;
	two_by_two(ps);
	set_state(ps, ILNP_PATH_UP);
	path(ps, 0, 1)->p_state = ILNP_PATH_DOWN;
	assert_int_equal(pick_by(ps, &ch), SLOT(0, 1));
	assert_true(ch.ch_lost);
	ilnp_pathset_sync(ps, local + 1, 1, &remote, 2, T0);
	assert_int_equal(pick_by(ps, &ch), 0);
	assert_true(ch.ch_lost);
	free(ps);
}

static void
redundant_flow_takes_all_paths_that_work_whatever_the_algorithm(void **state)
{
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);
	struct ilnp_choice ch = { .ch_kind = ILNP_CHOICE_REDUNDANT };

	(void)state;
	two_by_two(ps);
	path(ps, 0, 0)->p_rank = 7;
	path(ps, 0, 0)->p_state = ILNP_PATH_SUSPECT;
	path(ps, 1, 0)->p_state = ILNP_PATH_DOWN;
	path(ps, 1, 1)->p_unproven = true;
	assert_int_equal(pick_by(ps, &ch), SLOT(0, 0) | SLOT(0, 1));
	/* When none works, one is tried as always. */
	set_state(ps, ILNP_PATH_DOWN);
	assert_int_equal(__builtin_popcount(pick_by(ps, &ch)), 1);
	free(ps);
}

/* A packet is copied a few times only, to where the copies fail least together. */
static void
copies_share_as_few_locators_as_possible(void **state)
{
	struct ilnp_choice ch = { .ch_kind = ILNP_CHOICE_REDUNDANT };
	struct ilnp_pathset *ps[2] = { make_set(16, &ilnp_sel_redundant),
	    make_set(16, &ilnp_sel_rr) };

	(void)state;
	memset(&remote, 0, sizeof(remote));
	for (u_int i = 0; i < 4; i++) {
		local[i] = (struct ilnp_localloc){ A(i), i + 1, 1, 0 };
		ilnp_locset_put(&remote, B(i), 0, 0, 0, T0);
	}
	for (u_int i = 0; i < 2; i++) {
		uint32_t mask, from = 0, to = 0;

		ilnp_pathset_sync(ps[i], local, 4, &remote, 1, T0);
		mask = i == 0 ? pick(ps[i], 1) : pick_by(ps[i], &ch);
		assert_int_equal(__builtin_popcount(mask), ILNP_COPIES_MAX);
		for (; mask != 0; mask &= mask - 1) {
			const struct ilnp_path *p =
			    &ps[i]->ps_path[__builtin_ctz(mask)];

			from |= 1U << (p->p_pair.local.l64 & 7);
			to |= 1U << (p->p_pair.remote.l64 & 7);
		}
		assert_int_equal(from, 0xf);
		assert_int_equal(to, 0xf);
		free(ps[i]);
	}
}

/* A choice does not open a way around the few packets of an unproven place. */
static void
unproven_place_gets_its_few_packets_whatever_is_chosen(void **state)
{
	static const uint8_t kinds[] = { ILNP_CHOICE_PREFER, ILNP_CHOICE_PIN,
	    ILNP_CHOICE_STRICT, ILNP_CHOICE_REDUNDANT };

	(void)state;
	for (u_int i = 0; i < NITEMS(kinds); i++) {
		struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);
		struct ilnp_choice ch = { .ch_kind = kinds[i],
		    .ch_pair = { A(0), B(1) } };

		two_by_two(ps);
		path(ps, 0, 1)->p_unproven = true;
		path(ps, 1, 1)->p_unproven = true;
		ps->ps_blind = ILNP_BLIND_MAX;
		assert_int_equal(pick_by(ps, &ch) &
		    (SLOT(0, 1) | SLOT(1, 1)), 0);
		free(ps);
	}
}

static void
only_algorithms_that_take_turns_spread_a_flow(void **state)
{
	struct ilnp_choice ch = { .ch_kind = ILNP_CHOICE_ANY };
	const struct ilnp_sel_alg *spread[] = { &ilnp_sel_rr, &ilnp_sel_drr,
	    &ilnp_sel_drr_paper, &ilnp_sel_weighted };
	const struct ilnp_sel_alg *keep[] = { &ilnp_sel_pref,
	    &ilnp_sel_sticky, &ilnp_sel_redundant };
	struct ilnp_pathset *ps = make_set(16, &ilnp_sel_rr);

	(void)state;
	assert_false(ilnp_pathset_spreads(ps, &ch));
	two_by_two(ps);
	set_state(ps, ILNP_PATH_UP);
	for (u_int i = 0; i < NITEMS(keep); i++) {
		ilnp_pathset_algorithm(ps, keep[i]);
		assert_false(ilnp_pathset_spreads(ps, &ch));
	}
	for (u_int i = 0; i < NITEMS(spread); i++) {
		ilnp_pathset_algorithm(ps, spread[i]);
		assert_true(ilnp_pathset_spreads(ps, &ch));
	}
	/* A choice of one pair leaves nothing to spread over, half of one does. */
	ch.ch_kind = ILNP_CHOICE_PIN;
	ch.ch_pair = (struct ilnp_l64pair){ A(1), B(1) };
	assert_false(ilnp_pathset_spreads(ps, &ch));
	ch.ch_pair.remote.l64 = 0;
	assert_true(ilnp_pathset_spreads(ps, &ch));
	ch.ch_kind = ILNP_CHOICE_REDUNDANT;
	assert_false(ilnp_pathset_spreads(ps, &ch));
	/* Only paths of the best state and preference count. */
	ch.ch_kind = ILNP_CHOICE_ANY;
	path(ps, 0, 1)->p_rank = 5;
	path(ps, 1, 0)->p_state = path(ps, 1, 1)->p_state = ILNP_PATH_DOWN;
	assert_false(ilnp_pathset_spreads(ps, &ch));
	free(ps);
}

/* Whoever owns a name cannot drive out places where the peer has been. */
static void
places_that_only_names_know_take_no_path_from_others(void **state)
{
	struct ilnp_pathset *ps = make_set(2, &ilnp_sel_rr);

	(void)state;
	memset(&remote, 0, sizeof(remote));
	local[0] = (struct ilnp_localloc){ A(0), 1, 1, 0 };
	for (u_int i = 2; i < 5; i++)
		ilnp_locset_put(&remote, B(i), 0, 0, ILNP_LOC_F_UNPROVEN |
		    ILNP_LOC_F_SOUGHT, T0);
	ilnp_pathset_sync(ps, local, 1, &remote, 1, T0);
	assert_int_equal(count(ps), 2);
	/* They may be preferred to all others, and have been first. */
	ilnp_locset_put(&remote, B(0), 10, 300, 0, T0);
	ilnp_locset_put(&remote, B(1), 20, 300, 0, T0);
	ilnp_pathset_sync(ps, local, 1, &remote, 1, T0);
	assert_int_equal(count(ps), 2);
	assert_false(path(ps, 0, 0)->p_sought || path(ps, 0, 1)->p_sought);
	/* Nor does one whose time is over go while there are no others. */
	for (u_int i = 0; i < 2; i++)
		ilnp_locset_find(&remote, B(i))->l_state = ILNP_LOC_AGED;
	ilnp_pathset_sync(ps, local, 1, &remote, 1, T0);
	assert_int_equal(count(ps), 2);
	assert_false(path(ps, 0, 0)->p_sought || path(ps, 0, 1)->p_sought);
	free(ps);
}

TEST_MAIN(
	TEST(only_algorithms_that_take_turns_spread_a_flow),
	TEST(a_full_mesh_is_taken_diagonally),
	TEST(turns_do_not_depend_on_how_locators_came),
	TEST(turns_go_on_within_a_preference_group),
	TEST(places_that_only_names_know_take_no_path_from_others),
	TEST(few_slots_still_hold_something_of_every_locator),
	TEST(preferred_pair_is_taken_while_nothing_works_better),
	TEST(pinned_pair_gives_way_only_when_down_and_others_are_not),
	TEST(strict_pair_is_never_left),
	TEST(redundant_flow_takes_all_paths_that_work_whatever_the_algorithm),
	TEST(copies_share_as_few_locators_as_possible),
	TEST(unproven_place_gets_its_few_packets_whatever_is_chosen),
	TEST(events_lead_from_state_to_state_as_the_table_says),
	TEST(lost_probes_count_only_in_a_row),
	TEST(round_trip_time_follows_its_samples_within_bounds),
	TEST(set_holds_every_pair_of_locators_once),
	TEST(pairs_that_stay_keep_what_is_known_of_them),
	TEST(full_set_prefers_pairs_of_better_preference),
	TEST(locators_past_their_time_serve_when_nothing_else_is_left),
	TEST(no_locators_make_no_paths),
	TEST(only_the_best_preference_group_of_the_best_state_is_offered),
	TEST(control_messages_take_the_best_path_and_then_the_others_in_turn),
	TEST(random_changes_of_locators_keep_the_set_exact))
