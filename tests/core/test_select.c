/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Selection algorithms: shares, drift, stickiness.
 */
#include "ilnp_select.h"
#include "test.h"

#define	PATHS	ILNP_PATHS_MAX

struct bench {
	const struct ilnp_sel_alg *alg;
	_Alignas(8) uint8_t priv[ILNP_SEL_PRIVMAX];
	struct ilnp_sel_path path[PATHS];
	u_int		n;
	uint64_t	bytes[PATHS];	/* by slot */
	uint64_t	pkts[PATHS];
};

static struct bench b;

static void
begin(const struct ilnp_sel_alg *alg, u_int n)
{
	memset(&b, 0, sizeof(b));
	b.alg = alg;
	b.n = n;
	for (u_int i = 0; i < n; i++)
		b.path[i] = (struct ilnp_sel_path){ (uint8_t)i, (uint8_t)i,
		    1, 0 };
	alg->sa_reset(b.priv);
}

static uint32_t
pick(uint32_t len, uint32_t flow)
{
	struct ilnp_sel_in in = { b.path, b.n, len, flow };
	uint32_t mask = b.alg->sa_pick(b.priv, &in);

	assert_int_not_equal(mask, 0);
	assert_int_equal(b.n == 32 ? 0 : mask >> b.n, 0);
	for (u_int i = 0; i < b.n; i++)
		if ((mask & 1U << i) != 0) {
			b.bytes[b.path[i].sp_slot] += len;
			b.pkts[b.path[i].sp_slot]++;
		}
	return (mask);
}

static uint32_t
random_len(void)
{
	uint16_t v;

	ilnp_env_random(&v, sizeof(v));
	return (v % 4 == 0 ? 1400 : 60 + v % 1300);
}

static void
drop_path(u_int at)
{
	for (; at + 1 < b.n; at++)
		b.path[at] = b.path[at + 1];
	b.n--;
}

static void
algorithms_are_found_by_their_names(void **state)
{
	(void)state;
	for (u_int i = 0; ilnp_sel_algs[i] != NULL; i++) {
		const struct ilnp_sel_alg *a = ilnp_sel_algs[i];

		assert_ptr_equal(ilnp_sel_lookup(a->sa_name), a);
		assert_in_range(a->sa_privsize, 0, ILNP_SEL_PRIVMAX);
		assert_non_null(a->sa_text);
	}
	assert_null(ilnp_sel_lookup(""));
	assert_null(ilnp_sel_lookup("r"));
	assert_null(ilnp_sel_lookup("rrr"));
}

static void
every_algorithm_stays_within_the_paths_on_offer(void **state)
{
	(void)state;
	for (u_int a = 0; ilnp_sel_algs[a] != NULL; a++) {
		begin(ilnp_sel_algs[a], PATHS);
		for (u_int i = 0; i < 4000; i++) {
			uint32_t rnd, mask;

			/* A random set of slots, in a random order of sizes. */
			ilnp_env_random(&mask, sizeof(mask));
			ilnp_env_random(&rnd, sizeof(rnd));
			b.n = 0;
			for (u_int s = 0; s < PATHS; s++)
				if ((mask & 1U << s) != 0)
					b.path[b.n++] = (struct ilnp_sel_path){
					    (uint8_t)s, (uint8_t)s,
					    1 + rnd % 9, rnd };
			if (b.n > 0)
				(void)pick(rnd % 65536, rnd);
		}
	}
}

static void
round_robin_takes_each_path_in_turn(void **state)
{
	(void)state;
	begin(&ilnp_sel_rr, 3);
	for (u_int i = 0; i < 300; i++)
		assert_int_equal(pick(100, 0), 1U << i % 3);
}

static void
round_robin_goes_on_after_a_path_has_gone(void **state)
{
	(void)state;
	begin(&ilnp_sel_rr, 3);
	(void)pick(1, 0);
	drop_path(1);
	assert_int_equal(pick(1, 0), 2);	/* slot 2 is now index 1 */
	assert_int_equal(pick(1, 0), 1);
	assert_int_equal(pick(1, 0), 2);
}

/* checklist: 96 */
static void
drr_shares_octets_equally_at_every_moment(void **state)
{
	(void)state;
	for (u_int n = 2; n <= 5; n++) {
		begin(&ilnp_sel_drr, n);
		for (u_int i = 0; i < 20000; i++) {
			uint64_t lo = UINT64_MAX, hi = 0;

			(void)pick(random_len(), 0);
			for (u_int s = 0; s < n; s++) {
				lo = b.bytes[s] < lo ? b.bytes[s] : lo;
				hi = b.bytes[s] > hi ? b.bytes[s] : hi;
			}
			assert_in_range(hi - lo, 0, 1400);
		}
	}
}

/* checklist: 96 */
static void
drr_paper_takes_the_lowest_score_and_charges_as_the_paper_says(void **state)
{
	int64_t score[3] = { 0 };

	(void)state;
	begin(&ilnp_sel_drr_paper, 3);
	for (u_int i = 0; i < 5000; i++) {
		uint32_t len = random_len();
		u_int best = 0;

		for (u_int s = 1; s < 3; s++)
			if (score[s] < score[best])
				best = s;
		assert_int_equal(pick(len, 0), 1U << best);
		for (u_int s = 0; s < 3; s++)
			score[s] += s == best ? len : -(int64_t)len;
	}
	/* Shares come out right although all scores drift downwards. */
	for (u_int s = 0; s < 3; s++) {
		assert_in_range(b.bytes[s] * 3 / 1000,
		    (b.bytes[0] + b.bytes[1] + b.bytes[2]) / 1000 - 10,
		    (b.bytes[0] + b.bytes[1] + b.bytes[2]) / 1000 + 10);
		assert_true(score[s] < 0);
	}
}

static void
drr_does_not_starve_or_flood_a_path_that_was_away(void **state)
{
	uint64_t before, others;

	(void)state;
	begin(&ilnp_sel_drr, 4);
	for (u_int i = 0; i < 400; i++)
		(void)pick(1000, 0);
	b.n = 3;				/* slot 3 is away */
	for (u_int i = 0; i < 30000; i++)
		(void)pick(1000, 0);
	b.n = 4;
	before = b.pkts[3];
	others = b.pkts[0];
	for (u_int i = 0; i < 40; i++)
		(void)pick(1000, 0);
	assert_in_range(b.pkts[3] - before, 9, 11);
	assert_in_range(b.pkts[0] - others, 9, 11);
}

static void
weighted_shares_octets_by_weight(void **state)
{
	static const uint32_t weights[4] = { 1, 4, 5, 10 };
	uint64_t total = 0;

	(void)state;
	begin(&ilnp_sel_weighted, 4);
	for (u_int i = 0; i < 4; i++)
		b.path[i].sp_weight = weights[i];
	for (u_int i = 0; i < 50000; i++) {
		uint32_t len = random_len();

		(void)pick(len, 0);
		total += len;
	}
	for (u_int i = 0; i < 4; i++)
		assert_in_range(b.bytes[i] * 1000 / total,
		    weights[i] * 50 - 2, weights[i] * 50 + 2);
}

static void
weighted_path_that_was_away_does_not_catch_up(void **state)
{
	(void)state;
	begin(&ilnp_sel_weighted, 2);
	for (u_int i = 0; i < 1000; i++)
		(void)pick(1000, 0);
	b.n = 1;
	for (u_int i = 0; i < 1000; i++)
		(void)pick(1000, 0);
	b.n = 2;
	memset(b.pkts, 0, sizeof(b.pkts));
	for (u_int i = 0; i < 100; i++)
		(void)pick(1000, 0);
	assert_in_range(b.pkts[1], 49, 52);
}

static void
weighted_survives_the_largest_numbers(void **state)
{
	(void)state;
	begin(&ilnp_sel_weighted, 2);
	b.path[0].sp_weight = UINT32_MAX;
	for (u_int i = 0; i < 100000; i++)
		(void)pick(UINT32_MAX, 0);
	assert_true(b.pkts[0] > 99990);
}

static void
sticky_flow_stays_on_its_path(void **state)
{
	uint32_t mask;

	(void)state;
	begin(&ilnp_sel_sticky, 4);
	for (u_int flow = 0; flow < 500; flow++) {
		mask = pick(100, flow);
		for (u_int i = 0; i < 5; i++)
			assert_int_equal(pick(1400, flow), mask);
	}
	for (u_int i = 0; i < 4; i++)
		assert_in_range(b.pkts[i], 600, 900);
}

static void
sticky_moves_only_the_flows_of_a_path_that_goes(void **state)
{
	u_int was[1000], moved = 0;

	(void)state;
	begin(&ilnp_sel_sticky, 4);
	for (u_int flow = 0; flow < NITEMS(was); flow++)
		was[flow] = (u_int)__builtin_ctz(pick(1, flow));
	drop_path(1);
	for (u_int flow = 0; flow < NITEMS(was); flow++) {
		u_int slot = b.path[__builtin_ctz(pick(1, flow))].sp_slot;

		if (was[flow] == 1)
			moved++;
		else
			assert_int_equal(slot, was[flow]);
	}
	assert_in_range(moved, 150, 350);
}

static void
pref_takes_one_path_and_keeps_to_it(void **state)
{
	(void)state;
	begin(&ilnp_sel_pref, 3);
	for (u_int i = 0; i < 10; i++)
		assert_int_equal(pick(1, i), 1);
	drop_path(0);
	for (u_int i = 0; i < 10; i++)
		assert_int_equal(pick(1, i), 1);
	assert_int_equal(b.pkts[1], 10);
}

static void
redundant_takes_all_paths(void **state)
{
	(void)state;
	for (u_int n = 1; n <= PATHS; n++) {
		begin(&ilnp_sel_redundant, n);
		assert_int_equal(pick(1, 0), n == 32 ? UINT32_MAX :
		    (1U << n) - 1);
	}
}

TEST_MAIN(
	TEST(algorithms_are_found_by_their_names),
	TEST(every_algorithm_stays_within_the_paths_on_offer),
	TEST(round_robin_takes_each_path_in_turn),
	TEST(round_robin_goes_on_after_a_path_has_gone),
	TEST(drr_shares_octets_equally_at_every_moment),
	TEST(drr_paper_takes_the_lowest_score_and_charges_as_the_paper_says),
	TEST(drr_does_not_starve_or_flood_a_path_that_was_away),
	TEST(weighted_shares_octets_by_weight),
	TEST(weighted_path_that_was_away_does_not_catch_up),
	TEST(weighted_survives_the_largest_numbers),
	TEST(sticky_flow_stays_on_its_path),
	TEST(sticky_moves_only_the_flows_of_a_path_that_goes),
	TEST(pref_takes_one_path_and_keeps_to_it),
	TEST(redundant_takes_all_paths))
