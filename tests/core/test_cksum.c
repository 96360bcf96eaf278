/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Checksum arithmetic against sums that are worked out from scratch.
 */
#include "ilnp_cksum.h"
#include "pkt.h"
#include "vec.h"

#define	SRC	ilv(0x20010db800010001, 0x021122fffe334455)
#define	DST	ilv(0x20010db800020002, 0x021122fffe667788)

static uint16_t
field_at(const uint8_t *p)
{
	return ((uint16_t)(p[0] << 8 | p[1]));
}

static void
check_segment(const struct vec *v)
{
	struct ilnp_ilv src = vec_ilv(v, "source"), dst = vec_ilv(v,
	    "destination");
	uint8_t proto = (uint8_t)vec_number(v, "protocol", 10);
	enum ilnp_cksum kind = ilnp_cksum_verify(src, dst, proto, v->v_hex,
	    v->v_len);

	if (vec_is(v, "expect", "rfc"))
		assert_int_equal(kind, ILNP_CKSUM_RFC);
	else if (vec_is(v, "expect", "ipv6"))
		assert_int_equal(kind, ILNP_CKSUM_IPV6);
	else
		assert_int_equal(kind, ILNP_CKSUM_UNKNOWN);
}

/* checklist: 25 26 28 30 31 */
static void
segments_verify_as_the_vectors_say(void **state)
{
	(void)state;
	vec_each("cksum.vec", check_segment);
}

/* checklist: 30 */
static void
udp_field_of_zero_is_no_checksum(void **state)
{
	/* The right sum of this datagram is zero, sent as 0xffff. */
	uint8_t udp[10] = { 0x9c, 0x40, 0x13, 0x89, 0, 10, 0xff, 0xff, 0x4d,
	    0x78 };

	(void)state;
	assert_int_equal(ilnp_cksum_verify(SRC, DST, ILNP_PROTO_UDP, udp, 10),
	    ILNP_CKSUM_RFC);
	udp[6] = udp[7] = 0;
	assert_int_equal(ilnp_cksum_verify(SRC, DST, ILNP_PROTO_UDP, udp, 10),
	    ILNP_CKSUM_UNKNOWN);
}

static uint16_t
random16(void)
{
	uint16_t v;

	ilnp_env_random(&v, sizeof(v));
	return (v);
}

static struct ilnp_ilv
random_ilv(void)
{
	struct ilnp_ilv v;

	ilnp_env_random(&v, sizeof(v));
	return (v);
}

static bool
same_sum(uint16_t a, uint16_t b)
{
	/* 0 and 0xffff are the same number in one's complement. */
	return (a % 0xffff == b % 0xffff);
}

/* checklist: 25 26 */
static void
sums_of_any_length_equal_a_plain_addition(void **state)
{
	static uint8_t data[3000];

	(void)state;
	for (u_int i = 0; i < 2000; i++) {
		struct addrs a = { .src = random_ilv(), .dst = random_ilv() };
		size_t len = random16() % (i < 1000 ? 40 : sizeof(data));
		uint8_t proto = ILNP_PROTO_TCP;

		ilnp_env_random(data, len);
		for (a.cksum = ILNP_CKSUM_RFC; a.cksum <= ILNP_CKSUM_IPV6;
		    a.cksum++) {
			uint16_t sum = ilnp_cksum_fold(ilnp_cksum_add(
			    ilnp_cksum_pseudo(a.cksum, a.src, a.dst,
			    (uint32_t)len, proto), data, len));

			assert_int_equal((uint16_t)~sum, pkt_cksum(&a, proto,
			    data, len));
		}
	}
}

/* checklist: 29 */
static void
fixing_a_sum_equals_computing_it_anew(void **state)
{
	static uint8_t seg[1500];

	(void)state;
	for (u_int i = 0; i < 3000; i++) {
		struct addrs a = { .src = random_ilv(), .dst = random_ilv() };
		size_t len = 20 + random16() % (sizeof(seg) - 20);
		uint16_t rfc, full, l64s = ilnp_cksum_l64s(a.src.l64,
		    a.dst.l64);
		struct ilnp_l64 moved = l64(random_ilv().l64.l64);

		ilnp_env_random(seg, len);
		seg[16] = seg[17] = 0;
		a.cksum = ILNP_CKSUM_RFC;
		rfc = pkt_cksum(&a, ILNP_PROTO_TCP, seg, len);
		a.cksum = ILNP_CKSUM_IPV6;
		full = pkt_cksum(&a, ILNP_PROTO_TCP, seg, len);

		/* From one kind to the other and back. */
		assert_true(same_sum(ilnp_cksum_fix(rfc, 0, l64s), full));
		assert_true(same_sum(ilnp_cksum_fix(full, l64s, 0), rfc));

		/* A move of the source locator. */
		a.src.l64 = moved;
		assert_true(same_sum(ilnp_cksum_fix(full, l64s,
		    ilnp_cksum_l64s(moved, a.dst.l64)),
		    pkt_cksum(&a, ILNP_PROTO_TCP, seg, len)));
		assert_int_equal(ilnp_cksum_l64s(moved, a.dst.l64),
		    ilnp_cksum_l64s(a.dst.l64, moved));
	}
}

static void
fixing_a_seed_equals_the_pseudo_header_of_the_other_kind(void **state)
{
	(void)state;
	for (u_int i = 0; i < 2000; i++) {
		struct ilnp_ilv src = random_ilv(), dst = random_ilv();
		uint16_t l64s = ilnp_cksum_l64s(src.l64, dst.l64);
		uint16_t rfc = ilnp_cksum_fold(ilnp_cksum_pseudo(
		    ILNP_CKSUM_RFC, src, dst, i, ILNP_PROTO_TCP));
		uint16_t full = ilnp_cksum_fold(ilnp_cksum_pseudo(
		    ILNP_CKSUM_IPV6, src, dst, i, ILNP_PROTO_TCP));

		assert_true(same_sum(ilnp_cksum_fix_seed(rfc, 0, l64s), full));
		assert_true(same_sum(ilnp_cksum_fix_seed(full, l64s, 0), rfc));
	}
}

/* checklist: 31 */
static void
either_kind_verifies_and_a_spoilt_segment_does_not(void **state)
{
	const uint8_t data[] = "either kind";
	struct pkt p;

	(void)state;
	for (enum ilnp_cksum kind = ILNP_CKSUM_RFC; kind <= ILNP_CKSUM_IPV6;
	    kind++) {
		struct addrs a = { .src = SRC, .dst = DST, .cksum = kind };

		pkt_udp(&p, &a, 1, 2, data, sizeof(data));
		assert_int_equal(ilnp_cksum_verify(SRC, DST, ILNP_PROTO_UDP,
		    p.b + 40, p.len - 40), kind);
		p.b[50] ^= 1;
		assert_int_equal(ilnp_cksum_verify(SRC, DST, ILNP_PROTO_UDP,
		    p.b + 40, p.len - 40), ILNP_CKSUM_UNKNOWN);
	}
}

static void
locators_that_add_up_to_nothing_verify_as_rfc(void **state)
{
	const struct ilnp_ilv src = ilv((uint64_t)ILNP_IDENTITY_W0 << 48 |
	    (uint64_t)ILNP_IDENTITY_W1 << 32 |
	    (uint64_t)ILNP_IDENTITY_W2 << 16 | ILNP_IDENTITY_W3, 1);
	const struct addrs a = { .src = src,
	    .dst = ilv(src.l64.l64, 2), .cksum = ILNP_CKSUM_IPV6 };
	struct pkt p;

	(void)state;
	assert_int_equal(ilnp_cksum_l64s(src.l64, l64(0)), 0xffff);
	pkt_udp(&p, &a, 1, 2, "x", 1);
	assert_int_equal(ilnp_cksum_verify(a.src, a.dst, ILNP_PROTO_UDP,
	    p.b + 40, p.len - 40), ILNP_CKSUM_RFC);
	assert_int_not_equal(field_at(p.b + 46), 0);
}

TEST_MAIN(
	TEST(segments_verify_as_the_vectors_say),
	TEST(udp_field_of_zero_is_no_checksum),
	TEST(sums_of_any_length_equal_a_plain_addition),
	TEST(fixing_a_sum_equals_computing_it_anew),
	TEST(fixing_a_seed_equals_the_pseudo_header_of_the_other_kind),
	TEST(either_kind_verifies_and_a_spoilt_segment_does_not),
	TEST(locators_that_add_up_to_nothing_verify_as_rfc))
