/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The local side: our NIDs, our locators, the generation.
 */
#include "ilnp_local.h"
#include "test.h"

#define	L(n)	l64(0x20010db800000000 + (n))

static struct ilnp_local lo;

static int
put(uint64_t n, uint16_t pref, uint32_t weight, uint32_t life)
{
	return (ilnp_local_put(&lo, L(n), 7, pref, weight, life, T0));
}

static u_int
advertised(void)
{
	struct ilnp_advert ad;

	ilnp_local_advert(&lo, 300, &ad);
	assert_int_equal(ad.ad_gen, ilnp_local_gen(&lo));
	return (ad.ad_n);
}

/* checklist: 1 6 7 */
static void
several_nids_live_side_by_side_up_to_the_limit(void **state)
{
	(void)state;
	ilnp_local_init(&lo);
	for (u_int i = 1; i <= ILNP_NIDS_MAX; i++)
		assert_int_equal(ilnp_local_nid_add(&lo, nid(i)), 0);
	assert_int_equal(ilnp_local_nid_add(&lo, nid(1)), EEXIST);
	assert_int_equal(ilnp_local_nid_add(&lo, nid(99)), ENOSPC);
	assert_int_equal(ilnp_local_nid_add(&lo, nid(0)), EINVAL);
	assert_int_equal(ilnp_local_nid_del(&lo, nid(3)), 0);
	assert_int_equal(ilnp_local_nid_del(&lo, nid(3)), ENOENT);
	assert_false(ilnp_local_nid_is(&lo, nid(3)));
	for (u_int i = 1; i <= ILNP_NIDS_MAX; i++)
		assert_int_equal(ilnp_local_nid_is(&lo, nid(i)), i != 3);
	ilnp_local_destroy(&lo);
}

/* checklist: 13 71 */
static void
generation_moves_exactly_when_sessions_must_look_again(void **state)
{
	uint32_t gen;

	(void)state;
	ilnp_local_init(&lo);
	gen = ilnp_local_gen(&lo);
	assert_int_equal(put(1, 10, 1, 60), 1);
	assert_int_not_equal(ilnp_local_gen(&lo), gen);
	gen = ilnp_local_gen(&lo);
	assert_int_equal(put(1, 10, 1, 90), 0);		/* lifetime only */
	ilnp_local_touch(&lo, L(1), T0);
	assert_false(ilnp_local_age(&lo, T0, 10));
	assert_int_equal(ilnp_local_gen(&lo), gen);
	assert_int_equal(put(1, 20, 1, 90), 1);		/* preference */
	assert_int_equal(put(1, 20, 2, 90), 1);		/* weight */
	assert_int_equal(ilnp_local_gen(&lo), gen + 2);
	assert_int_equal(ilnp_local_disable(&lo, L(1), true, T0), 0);
	assert_int_equal(ilnp_local_disable(&lo, L(1), true, T0), EALREADY);
	assert_int_equal(ilnp_local_disable(&lo, L(1), false, T0), 0);
	assert_int_equal(ilnp_local_disable(&lo, L(9), true, T0), ENOENT);
	assert_int_equal(ilnp_local_del(&lo, L(1), T0), 0);
	assert_int_equal(ilnp_local_del(&lo, L(1), T0), ENOENT);
	assert_int_equal(ilnp_local_gen(&lo), gen + 5);
	ilnp_local_destroy(&lo);
}

/* checklist: 116 */
static void
locators_that_may_not_be_used_are_refused(void **state)
{
	(void)state;
	ilnp_local_init(&lo);
	assert_int_equal(ilnp_local_put(&lo, l64(0xfe80000000000000), 1, 0, 1,
	    0, T0), -1);
	assert_int_equal(put(1, 0, 0, 0), -1);		/* weight 0 */
	for (u_int i = 0; i < ILNP_LOCS_MAX; i++)
		assert_int_equal(put(i, 0, 1, 0), 1);
	assert_int_equal(put(100, 0, 1, 0), -1);
	assert_int_equal(put(3, 0, 1, 0), 0);
	assert_int_equal(advertised(), ILNP_LOCS_MAX);
	ilnp_local_destroy(&lo);
}

/* checklist: 72 */
static void
advertisement_lists_all_that_may_be_sent_from(void **state)
{
	struct ilnp_localloc snap[ILNP_LOCS_MAX];
	struct ilnp_advert ad;
	uint32_t gen;

	(void)state;
	ilnp_local_init(&lo);
	put(1, 10, 3, 0);
	put(2, 20, 4, 0);
	put(3, 30, 5, 0);
	ilnp_local_disable(&lo, L(2), true, T0);
	ilnp_local_advert(&lo, 300, &ad);
	assert_int_equal(ad.ad_n, 2);
	assert_true(ilnp_l64_eq(ad.ad_rec[1].lr_l64, L(3)));
	assert_int_equal(ad.ad_rec[1].lr_pref, 30);
	assert_int_equal(ad.ad_rec[1].lr_life, 300);
	assert_int_equal(ilnp_local_snapshot(&lo, snap, &gen), 2);
	assert_int_equal(gen, ad.ad_gen);
	assert_int_equal(snap[1].ll_weight, 5);
	assert_int_equal(snap[1].ll_if, 7);
	ilnp_local_destroy(&lo);
}

static void
weights_stay_with_their_locators_when_one_is_deleted(void **state)
{
	struct ilnp_localloc snap[ILNP_LOCS_MAX];
	uint32_t gen;

	(void)state;
	ilnp_local_init(&lo);
	for (u_int i = 0; i < 4; i++)
		put(i, 0, 10 + i, 0);
	ilnp_local_del(&lo, L(1), T0);
	assert_int_equal(ilnp_local_snapshot(&lo, snap, &gen), 3);
	for (u_int i = 0; i < 3; i++)
		assert_int_equal(snap[i].ll_weight,
		    10 + (snap[i].ll_l64.l64 - L(0).l64));
	ilnp_local_destroy(&lo);
}

/* checklist: 9 */
static void
locator_past_its_lifetime_is_no_longer_sent_from(void **state)
{
	uint32_t gen;

	(void)state;
	ilnp_local_init(&lo);
	put(1, 0, 1, 60);
	put(2, 0, 1, 0);
	ilnp_local_touch(&lo, L(1), T0 + ILNP_SEC(60));
	gen = ilnp_local_gen(&lo);
	assert_true(ilnp_local_age(&lo, T0 + ILNP_SEC(61), 10));
	assert_int_not_equal(ilnp_local_gen(&lo), gen);
	assert_int_equal(advertised(), 1);
	assert_false(ilnp_local_age(&lo, T0 + ILNP_SEC(62), 10));

	/* The next Router Advertisement brings it back. */
	assert_int_equal(ilnp_local_put(&lo, L(1), 7, 0, 1, 60,
	    T0 + ILNP_SEC(70)), 1);
	assert_int_equal(advertised(), 2);
	ilnp_local_destroy(&lo);
}

/* checklist: 95 */
static void
disabled_locator_stays_disabled_when_its_router_advertises_it(void **state)
{
	(void)state;
	ilnp_local_init(&lo);
	put(1, 0, 1, 60);
	put(2, 0, 1, 60);
	ilnp_local_disable(&lo, L(1), true, T0);
	assert_int_equal(put(1, 0, 1, 90), 0);
	assert_int_equal(advertised(), 1);
	ilnp_local_disable(&lo, L(1), false, T0);
	assert_int_equal(advertised(), 2);
	ilnp_local_destroy(&lo);
}

static void
packet_does_not_prolong_the_lifetime_of_a_locator(void **state)
{
	struct ilnp_locset set;
	uint32_t until;

	(void)state;
	ilnp_local_init(&lo);
	put(1, 0, 1, 60);
	ilnp_local_list(&lo, &set);
	until = set.ls_loc[0].l_until;
	ilnp_local_touch(&lo, L(1), T0 + ILNP_SEC(50));
	ilnp_local_list(&lo, &set);
	assert_int_equal(set.ls_loc[0].l_until, until);
	ilnp_local_touch(&lo, L(44), T0);	/* not ours: no effect */
	ilnp_local_destroy(&lo);
}

TEST_MAIN(
	TEST(several_nids_live_side_by_side_up_to_the_limit),
	TEST(generation_moves_exactly_when_sessions_must_look_again),
	TEST(locators_that_may_not_be_used_are_refused),
	TEST(advertisement_lists_all_that_may_be_sent_from),
	TEST(weights_stay_with_their_locators_when_one_is_deleted),
	TEST(locator_past_its_lifetime_is_no_longer_sent_from),
	TEST(disabled_locator_stays_disabled_when_its_router_advertises_it),
	TEST(packet_does_not_prolong_the_lifetime_of_a_locator))
