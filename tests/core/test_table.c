/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The table: what was put in is found, and nothing else, however crowded it is.
 */
#include "test.h"
#include "ilnp_ilcc_var.h"
#include "ilnp_addr.h"

#define	MAX	64		/* pairs, in 16 buckets */
#define	STEPS	20000

static struct ilnp_table t;
static struct ilnp_sess sess[MAX];

static int
table_begin(void **state)
{
	(void)test_begin(state);
	memset(sess, 0, sizeof(sess));
	ilnp_env_random(t.t_key, sizeof(t.t_key));
	return (ilnp_table_alloc(&t, MAX));
}

static int
table_end(void **state)
{
	ilnp_table_free(&t);
	return (test_end(state));
}

static struct ilnp_nidpair
pair(uint64_t remote)
{
	return ((struct ilnp_nidpair){ nid(1), nid(remote) });
}

static struct ilnp_sess *
first(uint64_t remote)
{
	const struct ilnp_nidpair nids = pair(remote);

	return (ilnp_table_first(&t, &nids));
}

static void
insert(struct ilnp_sess *s, uint64_t remote)
{
	s->s_nids = pair(remote);
	ilnp_table_insert(&t, s);
}

static void
assert_empty(void)
{
	for (uint32_t b = 0; b <= t.t_mask; b++) {
		assert_int_equal(t.t_bucket[b].b_passed, 0);
		for (u_int i = 0; i < ILNP_BUCKET_PLACES; i++)
			assert_null(t.t_bucket[b].b_sess[i]);
	}
}

static void
bucket_is_one_line_of_memory(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct ilnp_bucket), ILNP_LINE);
	assert_int_equal((uintptr_t)t.t_bucket % ILNP_LINE, 0);
}

static void
sessions_of_a_pair_come_youngest_first(void **state)
{
	(void)state;
	for (u_int i = 0; i < 4; i++)
		insert(&sess[i], 7);
	insert(&sess[4], 8);
	assert_ptr_equal(first(7), &sess[3]);
	assert_ptr_equal(ilnp_table_next(&sess[3]), &sess[2]);
	assert_ptr_equal(ilnp_table_next(&sess[2]), &sess[1]);
	assert_ptr_equal(ilnp_table_next(&sess[1]), &sess[0]);
	assert_null(ilnp_table_next(&sess[0]));
	assert_ptr_equal(first(8), &sess[4]);
	assert_null(ilnp_table_next(&sess[4]));
	assert_null(first(9));

	/* From the middle, the end and the beginning. */
	ilnp_table_remove(&t, &sess[2]);
	assert_ptr_equal(ilnp_table_next(&sess[3]), &sess[1]);
	ilnp_table_remove(&t, &sess[0]);
	assert_null(ilnp_table_next(&sess[1]));
	ilnp_table_remove(&t, &sess[3]);
	assert_ptr_equal(first(7), &sess[1]);
	ilnp_table_remove(&t, &sess[1]);
	assert_null(first(7));
	assert_ptr_equal(first(8), &sess[4]);
	ilnp_table_remove(&t, &sess[4]);
	assert_empty();
}

static void
reader_at_a_session_that_goes_still_reaches_the_older_ones(void **state)
{
	(void)state;
	for (u_int i = 0; i < 3; i++)
		insert(&sess[i], 7);
	ilnp_table_remove(&t, &sess[2]);
	ilnp_table_remove(&t, &sess[1]);
	assert_ptr_equal(ilnp_table_next(&sess[2]), &sess[1]);
	assert_ptr_equal(ilnp_table_next(&sess[1]), &sess[0]);
	ilnp_table_remove(&t, &sess[0]);
}

static void
pair_of_identifiers_counts_not_one_of_them(void **state)
{
	const struct ilnp_nidpair other = { nid(2), nid(7) },
	    swapped = { nid(7), nid(1) };

	(void)state;
	insert(&sess[0], 7);
	assert_null(ilnp_table_first(&t, &other));
	assert_null(ilnp_table_first(&t, &swapped));
	ilnp_table_remove(&t, &sess[0]);
}

/* NIDs whose pairs all belong into the last bucket, from `from' on. */
static uint64_t
crowding(uint64_t from)
{
	for (;; from++) {
		uint64_t words[2] = { 1, from };

		if (ilnp_place(t.t_key, words, 2) >> t.t_shift == t.t_mask)
			return (from);
	}
}

static void
pairs_that_all_belong_into_one_bucket_are_found_behind_it(void **state)
{
	uint64_t n = 0;

	(void)state;
	for (u_int i = 0; i < MAX; i++) {
		n = crowding(n + 1);
		insert(&sess[i], n);
	}
	assert_int_equal(t.t_bucket[t.t_mask].b_passed,
	    MAX - ILNP_BUCKET_PLACES);
	for (u_int i = 0; i < MAX; i++)
		assert_ptr_equal(first(sess[i].s_nids.remote.nid), &sess[i]);
	assert_null(first(crowding(n + 1)));
	/* What leaves in front does not hide what lies behind. */
	for (u_int i = 0; i < MAX; i++) {
		ilnp_table_remove(&t, &sess[i]);
		assert_null(first(sess[i].s_nids.remote.nid));
		for (u_int k = i + 1; k < MAX; k++)
			assert_ptr_equal(first(sess[k].s_nids.remote.nid),
			    &sess[k]);
	}
	assert_empty();
}

static void
coming_and_going_at_random_loses_nothing_and_leaves_nothing(void **state)
{
	bool in[MAX] = { false };

	(void)state;
	for (u_int step = 0; step < STEPS; step++) {
		uint8_t i;

		ilnp_env_random(&i, sizeof(i));
		i %= MAX;
		/* Three quarters of the time nearly full. */
		if (in[i] && step % 4 != 0)
			continue;
		assert_ptr_equal(first(100 + i), in[i] ? &sess[i] : NULL);
		if (in[i])
			ilnp_table_remove(&t, &sess[i]);
		else
			insert(&sess[i], 100 + i);
		in[i] = !in[i];
	}
	for (u_int i = 0; i < MAX; i++) {
		assert_ptr_equal(first(100 + i), in[i] ? &sess[i] : NULL);
		if (in[i])
			ilnp_table_remove(&t, &sess[i]);
	}
	assert_empty();
}

static void
prefetching_changes_nothing(void **state)
{
	struct ilnp_nidpair nids[ILNP_BURST];
	uint64_t n = 0;

	(void)state;
	for (u_int i = 0; i < ILNP_BURST; i++)
		nids[i] = pair(n = crowding(n + 1));
	for (u_int i = 0; i <= ILNP_BURST; i++)
		ilnp_table_prefetch(&t, nids, i);
	assert_empty();
	/* The last two lie in another bucket; the next one is nowhere. */
	for (u_int i = 0; i < ILNP_BURST - 1; i++)
		insert(&sess[i], nids[i].remote.nid);
	ilnp_table_prefetch(&t, nids, ILNP_BURST);
	for (u_int i = 0; i < ILNP_BURST - 1; i++) {
		assert_ptr_equal(ilnp_table_first(&t, &nids[i]), &sess[i]);
		ilnp_table_remove(&t, &sess[i]);
	}
	/* Places that are free again still bear the tags of who was there. */
	ilnp_table_prefetch(&t, nids, ILNP_BURST);
	assert_empty();
}

#define	TABLE_TEST(f)	cmocka_unit_test_setup_teardown(f, table_begin,	\
    table_end)

TEST_MAIN(
	TABLE_TEST(bucket_is_one_line_of_memory),
	TABLE_TEST(sessions_of_a_pair_come_youngest_first),
	TABLE_TEST(reader_at_a_session_that_goes_still_reaches_the_older_ones),
	TABLE_TEST(pair_of_identifiers_counts_not_one_of_them),
	TABLE_TEST(pairs_that_all_belong_into_one_bucket_are_found_behind_it),
	TABLE_TEST(coming_and_going_at_random_loses_nothing_and_leaves_nothing),
	TABLE_TEST(prefetching_changes_nothing))
