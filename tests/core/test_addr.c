/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Which locators and identifiers may be used, hashing, nonce comparison, knobs.
 */
#include "ilnp_addr.h"
#include "pkt.h"

/* checklist: 116 */
static void
only_global_and_unique_local_prefixes_are_locators(void **state)
{
	static const struct {
		uint64_t	l64;
		bool		usable;
	} cases[] = {
		{ 0x20010db800010001, true },
		{ 0x2000000000000000, true },
		{ 0x3fffffffffffffff, true },
		{ 0xfc00000000000000, true },
		{ 0xfdffffffffffffff, true },
		{ 0, false },
		{ 1, false },
		{ 0x1fffffffffffffff, false },
		{ 0x4000000000000000, false },
		{ 0xfbffffffffffffff, false },
		{ 0xfe80000000000000, false },	/* link-local */
		{ 0xfec0000000000000, false },	/* site-local */
		{ 0xff02000000000000, false },	/* multicast */
	};

	(void)state;
	for (size_t i = 0; i < NITEMS(cases); i++)
		assert_int_equal(ilnp_l64_usable(l64(cases[i].l64)),
		    cases[i].usable);
}

/* checklist: 11 */
static void
nids_are_not_judged_by_their_u_and_g_bits(void **state)
{
	(void)state;
	for (uint64_t bits = 0; bits < 4; bits++)
		assert_true(ilnp_nid_usable(nid(bits << 56 | 1)));
	assert_false(ilnp_nid_usable(nid(0)));
	assert_false(ilnp_nid_usable(nid(0xfdffffffffffff80)));
	assert_false(ilnp_nid_usable(nid(0xfdffffffffffffff)));
	assert_true(ilnp_nid_usable(nid(0xfdffffffffffff7f)));
	assert_true(ilnp_nid_usable(nid(0xfdfffffffffffeff)));
}

/* checklist: 2 */
static void
default_nid_is_the_modified_eui64(void **state)
{
	const uint8_t mac[6] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55 };

	(void)state;
	assert_true(ilnp_nid_eui64(mac).nid == 0x021122fffe334455);
}

static void
hash_is_siphash_2_4(void **state)
{
	/* First published test vectors: key 00..0f, input 00..07 and none. */
	const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	const uint64_t words[1] = { 0x0706050403020100 };

	(void)state;
	assert_true(ilnp_hash(key, words, 0) == 0x726fdb47dd0e0e31);
	assert_true(ilnp_hash(key, words, 1) == 0x93f5f5799a932462);
}

/* As many as chance would put together, or nearly, and for every bit. */
static void
places_are_spread_whatever_bits_differ(void **state)
{
	(void)state;
	for (u_int word = 0; word < 2; word++)
		for (u_int low = 0; low <= 56; low += 8) {
			uint8_t seen[256] = { 0 };
			uint64_t key[3];
			u_int most = 0;

			ilnp_env_random(key, sizeof(key));
			for (uint64_t i = 0; i < 256; i++) {
				uint64_t words[2] = { 0x021122fffe000001,
				    0x021122fffe000002 };
				uint8_t *n;

				words[word] ^= i << low;
				n = &seen[ilnp_place(key, words, 2) >> 56];
				if (++*n > most)
					most = *n;
			}
			assert_in_range(most, 1, 32);
		}
}

static void
nonces_are_equal_only_with_all_octets_and_the_length(void **state)
{
	struct ilnp_nonce a = nonce_of(12, 5), b = nonce_of(12, 5);

	(void)state;
	assert_true(ilnp_nonce_eq(&a, &b));
	for (u_int i = 0; i < 12; i++) {
		b.n_b[i] ^= 0x80;
		assert_false(ilnp_nonce_eq(&a, &b));
		b.n_b[i] ^= 0x80;
	}
	b = nonce_of(4, 5);
	assert_false(ilnp_nonce_eq(&a, &b));
	a = b = nonce_of(0, 0);
	assert_false(ilnp_nonce_eq(&a, &b));
}

static void
knobs_keep_to_their_ranges_at_both_ends(void **state)
{
	static const struct {
		const char	*name;
		uint64_t	lo, hi;
	} knobs[] = {
#define	X(n, def, lo, hi, unit, text)	{ #n, lo, hi },
		ILNP_KNOBS(X)
#undef X
	};
	struct ilnp_conf conf;

	(void)state;
	ilnp_conf_init(&conf);
	for (size_t i = 0; i < NITEMS(knobs); i++) {
		assert_int_equal(ilnp_conf_set(&conf, knobs[i].name,
		    knobs[i].lo), 0);
		assert_int_equal(ilnp_conf_set(&conf, knobs[i].name,
		    knobs[i].hi), 0);
		assert_int_equal(ilnp_conf_set(&conf, knobs[i].name,
		    knobs[i].hi + 1), ERANGE);
		assert_int_equal(ilnp_conf_set(&conf, knobs[i].name,
		    UINT64_MAX), ERANGE);
		if (knobs[i].lo > 0)
			assert_int_equal(ilnp_conf_set(&conf, knobs[i].name,
			    knobs[i].lo - 1), ERANGE);
	}
}

static void
knobs_refuse_unknown_names_and_values_without_meaning(void **state)
{
	struct ilnp_conf conf;

	(void)state;
	ilnp_conf_init(&conf);
	assert_int_equal(conf.nonce_size, 4);
	assert_int_equal(ilnp_conf_set(&conf, "nonce_size", 7), EINVAL);
	assert_int_equal(ilnp_conf_set(&conf, "lu_format", 13), EINVAL);
	assert_int_equal(ilnp_conf_set(&conf, "lu_format", 14), 0);
	assert_int_equal(ilnp_conf_set(&conf, "nonce_siz", 4), ENOENT);
	assert_int_equal(ilnp_conf_set(&conf, "nonce_sizes", 4), ENOENT);
	assert_int_equal(ilnp_conf_set(&conf, "", 4), ENOENT);
	assert_int_equal(conf.nonce_size, 4);
	assert_int_equal(conf.lu_format, 14);
}

TEST_MAIN(
	TEST(only_global_and_unique_local_prefixes_are_locators),
	TEST(nids_are_not_judged_by_their_u_and_g_bits),
	TEST(default_nid_is_the_modified_eui64),
	TEST(hash_is_siphash_2_4),
	TEST(places_are_spread_whatever_bits_differ),
	TEST(nonces_are_equal_only_with_all_octets_and_the_length),
	TEST(knobs_keep_to_their_ranges_at_both_ends),
	TEST(knobs_refuse_unknown_names_and_values_without_meaning))
