/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Locator sets: the four states, replacement by Locator Updates, room.
 */
#include "ilnp_locset.h"
#include "test.h"

#define	L(n)	l64(0x20010db800000000 + (n))

static uint8_t body[ILNP_LU_COUNT_MAX * 12];

static struct ilnp_lu
lu_of(const struct ilnp_lurec *rec, u_int n)
{
	struct ilnp_wr w = ilnp_wr(body, sizeof(body));
	struct ilnp_lu lu = { .lu_rec = body, .lu_count = (uint8_t)n,
	    .lu_op = ILNP_LU_ADVERT, .lu_reclen = 12 };

	for (u_int i = 0; i < n; i++)
		ilnp_lu_put_rec(&w, 12, &rec[i]);
	return (lu);
}

#define	LU(...)	lu_of((const struct ilnp_lurec[]){ __VA_ARGS__ },	\
	    NITEMS(((const struct ilnp_lurec[]){ __VA_ARGS__ })))

static int
replace(struct ilnp_locset *ls, const struct ilnp_lu *lu, bool *changed)
{
	return (ilnp_locset_replace(ls, lu, ILNP_LOCS_MAX, 30, T0, changed));
}

static uint8_t
state_of(struct ilnp_locset *ls, uint64_t n)
{
	struct ilnp_loc *l = ilnp_locset_find(ls, L(n));

	assert_non_null(l);
	return (l->l_state);
}

/* lesson: 61 */
/* checklist: 14 17 */
static void
locator_passes_through_the_four_states(void **state)
{
	struct ilnp_locset ls = { 0 };
	ilnp_time_t now = T0;

	(void)state;
	assert_non_null(ilnp_locset_put(&ls, L(1), 0, 60, 0, now));
	assert_int_equal(state_of(&ls, 1), ILNP_LOC_VALID);
	ilnp_loc_touch(ilnp_locset_find(&ls, L(1)), now);
	assert_int_equal(state_of(&ls, 1), ILNP_LOC_ACTIVE);
	now += ILNP_SEC(20);
	assert_false(ilnp_locset_age(&ls, now, 10));
	assert_int_equal(state_of(&ls, 1), ILNP_LOC_VALID);

	/* Past its lifetime while in use: expired, still sendable. */
	now = T0 + ILNP_SEC(59);
	ilnp_loc_touch(ilnp_locset_find(&ls, L(1)), now);
	now += ILNP_SEC(2);
	assert_false(ilnp_locset_age(&ls, now, 10));
	assert_int_equal(state_of(&ls, 1), ILNP_LOC_EXPIRED);
	assert_true(ilnp_loc_sendable(&ls.ls_loc[0]));

	/* And when no longer in use: aged, kept, but not sent to. */
	now += ILNP_SEC(20);
	assert_true(ilnp_locset_age(&ls, now, 10));
	assert_int_equal(state_of(&ls, 1), ILNP_LOC_AGED);
	assert_false(ilnp_loc_sendable(&ls.ls_loc[0]));
	assert_int_equal(ls.ls_n, 1);

	/* Renewal makes it as good as new. */
	assert_non_null(ilnp_locset_put(&ls, L(1), 0, 60, 0, now));
	assert_int_equal(state_of(&ls, 1), ILNP_LOC_VALID);
	assert_false(ilnp_locset_age(&ls, now, 10));
}

static void
locator_without_end_never_expires(void **state)
{
	struct ilnp_locset ls = { 0 };

	(void)state;
	ilnp_locset_put(&ls, L(1), 0, 0, 0, T0);
	ilnp_locset_put(&ls, L(2), 0, UINT32_MAX, 0, T0);
	assert_false(ilnp_locset_age(&ls, T0 + ILNP_SEC(4000000000), 10));
	assert_int_equal(state_of(&ls, 1), ILNP_LOC_VALID);
	assert_int_equal(state_of(&ls, 2), ILNP_LOC_VALID);
}

static void
locator_used_a_moment_after_the_clock_was_read_counts_as_used(void **state)
{
	struct ilnp_locset ls = { 0 };

	(void)state;
	/* Another thread's clock may be one tick ahead of the timer's. */
	ilnp_locset_put(&ls, L(1), 0, 1, 0, T0);
	ilnp_loc_touch(&ls.ls_loc[0], T0 + ILNP_SEC(6));
	assert_false(ilnp_locset_age(&ls, T0 + ILNP_SEC(5), 10));
	assert_int_equal(state_of(&ls, 1), ILNP_LOC_EXPIRED);
}

/* checklist: 73 */
static void
update_replaces_the_set_for_sending(void **state)
{
	struct ilnp_locset ls = { 0 };
	struct ilnp_lu lu;
	bool changed;

	(void)state;
	ilnp_locset_put(&ls, L(1), 10, 300, 0, T0);
	ilnp_locset_put(&ls, L(2), 10, 300, 0, T0);
	lu = LU({ L(2), 10, 300 }, { L(3), 20, 300 });
	assert_int_equal(replace(&ls, &lu, &changed), 0);
	assert_true(changed);
	assert_int_equal(ls.ls_n, 3);
	assert_true(ilnp_loc_sendable(ilnp_locset_find(&ls, L(2))));
	assert_true(ilnp_loc_sendable(ilnp_locset_find(&ls, L(3))));
	assert_false(ilnp_loc_sendable(ilnp_locset_find(&ls, L(1))));
	assert_true(ilnp_locset_find(&ls, L(1))->l_flags &
	    ILNP_LOC_F_WITHDRAWN);

	assert_int_equal(replace(&ls, &lu, &changed), 0);
	assert_false(changed);
}

static void
withdrawn_locator_is_kept_for_a_while_and_then_goes(void **state)
{
	struct ilnp_locset ls = { 0 };
	struct ilnp_lu lu;
	bool changed;

	(void)state;
	ilnp_locset_put(&ls, L(1), 10, 300, 0, T0);
	lu = LU({ L(2), 10, 300 });
	assert_int_equal(replace(&ls, &lu, &changed), 0);
	(void)ilnp_locset_age(&ls, T0 + ILNP_SEC(29), 10);
	assert_non_null(ilnp_locset_find(&ls, L(1)));
	/* A further update does not prolong its stay. */
	lu = LU({ L(3), 10, 300 });
	assert_int_equal(ilnp_locset_replace(&ls, &lu, 8, 30,
	    T0 + ILNP_SEC(29), &changed), 0);
	assert_false(ilnp_locset_age(&ls, T0 + ILNP_SEC(31), 10));
	assert_null(ilnp_locset_find(&ls, L(1)));
	assert_non_null(ilnp_locset_find(&ls, L(2)));
}

static void
withdrawn_locators_are_not_kept_when_retention_is_off(void **state)
{
	struct ilnp_locset ls = { 0 };
	struct ilnp_lu lu = LU({ L(2), 10, 300 });
	bool changed;

	(void)state;
	ilnp_locset_put(&ls, L(1), 10, 300, 0, T0);
	assert_int_equal(ilnp_locset_replace(&ls, &lu, 8, 0, T0, &changed), 0);
	assert_int_equal(ls.ls_n, 1);
	assert_true(changed);
}

static void
withdrawn_locator_comes_back_when_it_is_listed_again(void **state)
{
	struct ilnp_locset ls = { 0 };
	struct ilnp_lu lu;
	bool changed;

	(void)state;
	ilnp_locset_put(&ls, L(1), 10, 300, 0, T0);
	lu = LU({ L(2), 10, 300 });
	assert_int_equal(replace(&ls, &lu, &changed), 0);
	lu = LU({ L(1), 10, 300 }, { L(2), 10, 300 });
	assert_int_equal(replace(&ls, &lu, &changed), 0);
	assert_true(changed);
	assert_true(ilnp_loc_sendable(ilnp_locset_find(&ls, L(1))));
}

static void
learnt_locator_becomes_an_ordinary_one_when_it_is_listed(void **state)
{
	struct ilnp_locset ls = { 0 };
	struct ilnp_lu lu = LU({ L(1), 10, 300 });
	bool changed;

	(void)state;
	ilnp_locset_put(&ls, L(1), 65535, 300, ILNP_LOC_F_LEARNT, T0);
	assert_int_equal(replace(&ls, &lu, &changed), 0);
	assert_true(changed);
	assert_false(ls.ls_loc[0].l_flags & ILNP_LOC_F_LEARNT);
}

static void
update_without_a_usable_locator_changes_nothing(void **state)
{
	struct ilnp_locset ls = { 0 }, before;
	struct ilnp_lu lu = LU({ l64(0xfe80000000000000), 0, 300 },
	    { l64(0xff02000000000000), 0, 300 }, { l64(0), 0, 300 },
	    { L(9), 0, 0 });
	bool changed = false;

	(void)state;
	ilnp_locset_put(&ls, L(1), 10, 300, 0, T0);
	before = ls;
	assert_int_equal(replace(&ls, &lu, &changed), EADDRNOTAVAIL);
	assert_memory_equal(&ls, &before, sizeof(ls));
}

static void
locator_named_twice_counts_once_with_its_better_preference(void **state)
{
	struct ilnp_locset ls = { 0 };
	struct ilnp_lu lu = LU({ L(1), 30, 300 }, { L(2), 20, 300 },
	    { L(1), 10, 200 }, { L(1), 40, 100 });
	bool changed;

	(void)state;
	assert_int_equal(replace(&ls, &lu, &changed), 0);
	assert_int_equal(ls.ls_n, 2);
	assert_true(ilnp_l64_eq(ls.ls_loc[0].l_l64, L(1)));
	assert_int_equal(ls.ls_loc[0].l_pref, 10);
}

/* checklist: 23 101 */
static void
of_255_locators_the_best_are_taken(void **state)
{
	struct ilnp_lurec rec[255];
	struct ilnp_locset ls;
	struct ilnp_lu lu;
	bool changed;

	(void)state;
	for (u_int max = 1; max <= ILNP_LOCS_MAX; max++) {
		memset(&ls, 0, sizeof(ls));
		/* 7 and 255 have no common factor: every number comes once. */
		for (u_int i = 0; i < 255; i++)
			rec[i] = (struct ilnp_lurec){ L(i * 7 % 255 + 1),
			    i * 7 % 255 + 1, 300 };
		lu = lu_of(rec, 255);
		assert_int_equal(ilnp_locset_replace(&ls, &lu, max, 30, T0,
		    &changed), 0);
		assert_int_equal(ls.ls_n, max);
		for (u_int i = 0; i < max; i++) {
			assert_int_equal(ls.ls_loc[i].l_pref, i + 1);
			assert_true(ilnp_l64_eq(ls.ls_loc[i].l_l64, L(i + 1)));
		}
	}
}

static void
random_updates_always_yield_the_best_of_their_locators(void **state)
{
	struct ilnp_locset ls = { 0 };

	(void)state;
	for (u_int round = 0; round < 3000; round++) {
		struct ilnp_lurec rec[24];
		uint32_t best[12];
		struct ilnp_lu lu;
		uint8_t rnd[3 * 24];
		u_int n, max, distinct = 0;
		bool changed;

		ilnp_env_random(rnd, sizeof(rnd));
		n = 1 + rnd[0] % 24;
		max = 1 + rnd[1] % ILNP_LOCS_MAX;
		for (u_int i = 0; i < 12; i++)
			best[i] = UINT32_MAX;
		for (u_int i = 0; i < n; i++) {
			u_int which = rnd[3 * i] % 12;

			rec[i] = (struct ilnp_lurec){ L(which),
			    rnd[3 * i + 1] % 16, 300 };
			if (best[which] == UINT32_MAX)
				distinct++;
			if (rec[i].lr_pref < best[which])
				best[which] = rec[i].lr_pref;
		}
		lu = lu_of(rec, n);
		assert_int_equal(ilnp_locset_replace(&ls, &lu, max, 30,
		    T0 + ILNP_SEC(round), &changed), 0);
		u_int sendable = 0;
		uint32_t worst = 0;
		for (u_int i = 0; i < ls.ls_n; i++) {
			struct ilnp_loc *l = &ls.ls_loc[i];
			u_int which = (u_int)(l->l_l64.l64 - L(0).l64);

			for (u_int j = 0; j < i; j++)
				assert_false(ilnp_l64_eq(l->l_l64,
				    ls.ls_loc[j].l_l64));
			if (!ilnp_loc_sendable(l))
				continue;
			sendable++;
			assert_int_equal(l->l_pref, best[which]);
			if (l->l_pref > worst)
				worst = l->l_pref;
			best[which] = UINT32_MAX;
		}
		assert_int_equal(sendable, distinct < max ? distinct : max);
		/* Nothing that was left out is better than what was taken. */
		for (u_int i = 0; i < 12 && distinct > max; i++)
			assert_true(best[i] >= worst);
	}
}

static void
full_set_makes_room_only_at_the_cost_of_lesser_locators(void **state)
{
	struct ilnp_locset ls = { 0 };

	(void)state;
	for (u_int i = 0; i < ILNP_LOCS_MAX; i++)
		assert_non_null(ilnp_locset_put(&ls, L(i), 0, 0, 0, T0));
	assert_null(ilnp_locset_put(&ls, L(100), 0, 0, 0, T0));
	assert_null(ilnp_locset_put(&ls, L(100), 0, 0, ILNP_LOC_F_LEARNT, T0));

	/* A learnt one yields to one that is told, not to another learnt one. */
	ls.ls_loc[3].l_flags = ILNP_LOC_F_LEARNT;
	assert_null(ilnp_locset_put(&ls, L(101), 0, 0, ILNP_LOC_F_LEARNT, T0));
	assert_non_null(ilnp_locset_put(&ls, L(101), 0, 0, 0, T0));
	assert_null(ilnp_locset_find(&ls, L(3)));

	/* A withdrawn one yields to anything, an aged one even before it. */
	ls.ls_loc[4].l_flags = ILNP_LOC_F_WITHDRAWN;
	ls.ls_loc[5].l_state = ILNP_LOC_AGED;
	assert_non_null(ilnp_locset_put(&ls, L(102), 0, 0, ILNP_LOC_F_LEARNT,
	    T0));
	assert_null(ilnp_locset_find(&ls, L(5)));
	assert_non_null(ilnp_locset_put(&ls, L(103), 0, 0, ILNP_LOC_F_LEARNT,
	    T0));
	assert_null(ilnp_locset_find(&ls, L(4)));

	/* One that only names know displaces none that the peer has shown. */
	ls.ls_loc[6].l_flags = ILNP_LOC_F_SOUGHT;
	assert_non_null(ilnp_locset_put(&ls, L(104), 0, 0, ILNP_LOC_F_SOUGHT,
	    T0));
	assert_null(ilnp_locset_find(&ls, L(6)));
	assert_non_null(ilnp_locset_put(&ls, L(105), 0, 0, ILNP_LOC_F_LEARNT,
	    T0));
	assert_null(ilnp_locset_find(&ls, L(104)));
	assert_null(ilnp_locset_put(&ls, L(106), 0, 0, ILNP_LOC_F_SOUGHT,
	    T0));
	assert_int_equal(ls.ls_n, ILNP_LOCS_MAX);
}

static void
deletion_leaves_the_others_in_place(void **state)
{
	struct ilnp_locset ls = { 0 };

	(void)state;
	for (u_int i = 0; i < 3; i++)
		ilnp_locset_put(&ls, L(i), (uint16_t)i, 0, 0, T0);
	ilnp_locset_del(&ls, L(1));
	ilnp_locset_del(&ls, L(77));
	assert_int_equal(ls.ls_n, 2);
	assert_int_equal(ilnp_locset_find(&ls, L(0))->l_pref, 0);
	assert_int_equal(ilnp_locset_find(&ls, L(2))->l_pref, 2);
}

TEST_MAIN(
	TEST(locator_passes_through_the_four_states),
	TEST(locator_without_end_never_expires),
	TEST(locator_used_a_moment_after_the_clock_was_read_counts_as_used),
	TEST(update_replaces_the_set_for_sending),
	TEST(withdrawn_locator_is_kept_for_a_while_and_then_goes),
	TEST(withdrawn_locators_are_not_kept_when_retention_is_off),
	TEST(withdrawn_locator_comes_back_when_it_is_listed_again),
	TEST(learnt_locator_becomes_an_ordinary_one_when_it_is_listed),
	TEST(update_without_a_usable_locator_changes_nothing),
	TEST(locator_named_twice_counts_once_with_its_better_preference),
	TEST(of_255_locators_the_best_are_taken),
	TEST(random_updates_always_yield_the_best_of_their_locators),
	TEST(full_set_makes_room_only_at_the_cost_of_lesser_locators),
	TEST(deletion_leaves_the_others_in_place))
