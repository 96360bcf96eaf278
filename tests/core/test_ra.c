/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Which prefixes routers stand behind, and that none of them crowds out another.
 */
#include "pkt.h"
#include "ra.h"

static struct ra_table rt;
static ilnp_time_t now;

static int
begin(void **state)
{
	memset(&rt, 0, sizeof(rt));
	now = T0;
	return (test_begin(state));
}

#define	RA_TEST(f)	cmocka_unit_test_setup_teardown(f, begin, test_end)

/* Prefix `n' of those that begin with a router's number. */
static struct ilnp_l64
prefix(u_int router, u_int n)
{
	return (l64(0x20010db800000000 + (router << 16) + n));
}

/* Router fe80::N advertises its first `n' prefixes. */
static void
advertise(u_int router, u_int n, uint16_t life)
{
	const struct addrs a = {
		{ l64(0xfe80000000000000), nid(router) },
		{ l64(0xff02000000000000), nid(1) }, NULL, ILNP_CKSUM_IPV6
	};
	uint8_t body[8 + 64 * 32] = { 0 }, *o = body + 8;
	struct pkt p;

	for (u_int i = 0; i < n; i++, o += 32) {
		uint64_t bits = prefix(router, i).l64;

		o[0] = 3;
		o[1] = 4;
		o[2] = 64;
		o[3] = 0xc0;
		memset(o + 4, 0xff, 8);		/* both lifetimes: for ever */
		for (u_int k = 0; k < 8; k++)
			o[16 + k] = (uint8_t)(bits >> (56 - 8 * k));
	}
	pkt_icmp(&p, &a, 134, 0, 64U << 24 | life, body,
	    (size_t)(o - body));
	p.b[7] = 255;
	assert_true(ra_input(&rt, p.b, p.len, false, now));
}

static u_int
bound(u_int router)
{
	u_int n = 0;

	for (u_int i = 0; i < 64; i++)
		n += ra_find(&rt, prefix(router, i)) != NULL;
	return (n);
}

static void
router_with_many_prefixes_leaves_room_for_others(void **state)
{
	(void)state;
	advertise(1, 40, 600);
	assert_int_equal(bound(1), RA_BINDINGS_MAX);
	advertise(2, 2, 600);
	assert_int_equal(bound(2), 2);
	/* What it had first it keeps, and it takes nothing back. */
	advertise(1, 40, 600);
	assert_int_equal(bound(1), RA_BINDINGS_MAX - 2);
	assert_non_null(ra_find(&rt, prefix(1, 0)));
	assert_int_equal(bound(2), 2);
}

static void
routers_that_all_want_more_get_equal_shares_and_keep_them(void **state)
{
	(void)state;
	for (u_int i = 0; i < 3; i++) {
		advertise(1, 40, 600);
		advertise(2, 40, 600);
		assert_int_equal(bound(1), RA_BINDINGS_MAX / 2);
		assert_int_equal(bound(2), RA_BINDINGS_MAX / 2);
	}
	advertise(3, 40, 600);
	for (u_int r = 1; r <= 3; r++)
		assert_in_range(bound(r), RA_BINDINGS_MAX / 3,
		    RA_BINDINGS_MAX / 3 + 1);
	/* Only as many as there are places can be served at all. */
	for (u_int r = 4; r < 40; r++)
		advertise(r, 3, 600);
	assert_int_equal(bound(1) > 0 && bound(2) > 0 && bound(3) > 0, 1);
	assert_int_equal(rt.rt_n, RA_BINDINGS_MAX);
}

static void
router_that_goes_gives_its_places_back(void **state)
{
	(void)state;
	advertise(1, 40, 600);
	advertise(1, 0, 0);
	(void)ra_age(&rt, now);
	assert_int_equal(rt.rt_n, 0);
	advertise(2, 3, 5);
	now += ILNP_SEC(6);
	assert_true(ra_age(&rt, now));
	assert_int_equal(bound(2), 0);
}

TEST_MAIN(
	RA_TEST(router_with_many_prefixes_leaves_room_for_others),
	RA_TEST(routers_that_all_want_more_get_equal_shares_and_keep_them),
	RA_TEST(router_that_goes_gives_its_places_back))
