/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the core has for ephemeral NIDs: which may be made up, a set of them that
 * is ours beside what is configured, and the end of their sessions.
 */
#include "rig.h"

/* checklist: 111 */
static void
what_is_reserved_is_not_made_up(void **state)
{
	static const uint64_t reserved[] = {
		0,					/* subnet routers */
		0x02005efffe000000, 0x02005efffe005213,	/* RFC 5453 */
		0x02005efffeffffff,
		0xfdffffffffffff80, 0xfdffffffffffffff,	/* RFC 2526 */
		0x0200000000000001,			/* universal */
		0x0100000000000001			/* a group */
	};
	static const uint64_t others[] = {
		1, 0x0400000000000000, 0xfcffffffffffffff,
		0xfcffffffffffff80, 0x00005efffe000000, 0x2c9e112233445566
	};

	(void)state;
	for (u_int i = 0; i < NITEMS(reserved); i++)
		assert_false(ilnp_nid_unreserved(nid(reserved[i])));
	for (u_int i = 0; i < NITEMS(others); i++)
		assert_true(ilnp_nid_unreserved(nid(others[i])));
	/* The same octets in the other order are free: order matters. */
	assert_true(ilnp_nid_unreserved(nid(0x80ffffffffffff7d)));
}

static void
a_set_has_what_was_put_there(void **state)
{
	enum { N = 1000 };
	struct ilnp_nidset *set = ilnp_nidset_alloc(N);

	(void)state;
	assert_non_null(set);
	assert_false(ilnp_nidset_put(set, nid(0)));
	assert_false(ilnp_nidset_has(set, nid(0)));
	/* All fall on few places. */
	for (u_int i = 1; i <= N; i++)
		assert_true(ilnp_nidset_put(set, nid((uint64_t)i << 32 |
		    i % 3)));
	assert_false(ilnp_nidset_put(set, nid((uint64_t)1 << 32 | 1)));
	assert_false(ilnp_nidset_put(set, nid(77)));	/* full */
	for (u_int i = 1; i <= N; i++) {
		assert_true(ilnp_nidset_has(set, nid((uint64_t)i << 32 |
		    i % 3)));
		assert_false(ilnp_nidset_has(set, nid((uint64_t)i << 32 |
		    (i + 1) % 3)));
	}
	ilnp_nidset_free(set);
	set = ilnp_nidset_alloc(0);
	assert_false(ilnp_nidset_put(set, nid(1)));
	assert_false(ilnp_nidset_has(set, nid(1)));
	ilnp_nidset_free(set);
	ilnp_nidset_free(NULL);
}

static void
ephemeral_ones_are_ours_while_the_edge_says_so(void **state)
{
	struct ilnp_nidset *set = ilnp_nidset_alloc(2);
	struct ilnp_local *lo = ilnp_ilcc_local(r.c);

	(void)state;
	assert_true(ilnp_nidset_put(set, nid(0x1234)));
	assert_false(ilnp_local_nid_is(lo, nid(0x1234)));
	ilnp_local_ephemeral(lo, set);
	assert_true(ilnp_local_nid_is(lo, nid(0x1234)));
	assert_true(ilnp_local_nid_is(lo, ME));
	assert_false(ilnp_local_nid_is(lo, nid(0x1235)));
	ilnp_local_ephemeral(lo, NULL);
	assert_false(ilnp_local_nid_is(lo, nid(0x1234)));
	ilnp_nidset_free(set);
}

/* A peer begins a session with an ephemeral NID, as with any. */
static void
who_knows_one_can_call_it(void **state)
{
	const struct ilnp_nonce nonce = { .n_len = 4, .n_b = { 1, 2, 3, 4 } };
	const struct addrs a = { { l64(B(0)), YOU }, ilv(A(0), 0x1234),
	    &nonce, ILNP_CKSUM_RFC };
	struct ilnp_nidset *set = ilnp_nidset_alloc(1);

	(void)state;
	pkt_tcp(&r.pkt, &a, 4000, 80, 0x02, NULL, 0);
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_IPV6);
	assert_int_equal(STAT(in_notours), 1);
	assert_true(ilnp_nidset_put(set, nid(0x1234)));
	ilnp_local_ephemeral(ilnp_ilcc_local(r.c), set);
	assert_int_equal(rig_input(ILNP_FLOW_OPENS), ILNP_IN_DELIVER);
	ilnp_local_ephemeral(ilnp_ilcc_local(r.c), NULL);
	ilnp_nidset_free(set);
}

static bool
is_odd(void *arg, const struct ilnp_nidpair *nids)
{
	++*(u_int *)arg;
	return ((nids->local.nid & 1) != 0);
}

/* checklist: 111 */
static void
sessions_of_some_nids_end_and_others_stay(void **state)
{
	enum { N = 600 };	/* more than are looked at at once */
	const struct ilnp_lurec rec = { l64(B(0)), 0, 300 };
	struct ilnp_nonce nout[40];
	struct ilnp_sess *s;
	u_int shown = 0;

	(void)state;
	r.conf.sess_max = N;
	rig_make(1);
	ilnp_env_epoch_begin();
	for (u_int i = 0; i < N; i++) {
		const struct ilnp_nidpair p = { nid(0x1000 + i), YOU };

		assert_int_equal(ilnp_ilcc_open(r.c, &p, &rec, 1, r.now, &s),
		    0);
		/* One NID, one pair of nonces. */
		for (u_int j = 0; j < i && i < NITEMS(nout); j++)
			assert_false(ilnp_nonce_eq(&s->s_nout, &nout[j]));
		if (i < NITEMS(nout))
			nout[i] = s->s_nout;
	}
	ilnp_ilcc_sift(r.c, is_odd, &shown);
	assert_int_equal(shown, N);
	assert_int_equal(ilnp_ilcc_count(r.c), N / 2);
	for (u_int i = 0; i < N; i++) {
		const struct ilnp_nidpair p = { nid(0x1000 + i), YOU };

		assert_int_equal(ilnp_ilcc_find(r.c, &p) != NULL, i % 2 == 0);
	}
	ilnp_env_epoch_end();
}

TEST_MAIN(
	TEST(what_is_reserved_is_not_made_up),
	TEST(a_set_has_what_was_put_there),
	RIG_TEST(ephemeral_ones_are_ours_while_the_edge_says_so),
	RIG_TEST(who_knows_one_can_call_it),
	RIG_TEST(sessions_of_some_nids_end_and_others_stay))
