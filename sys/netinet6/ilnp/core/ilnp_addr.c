/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Decides what may serve as locator or identifier, and hashes them.
 */
#include "ilnp_addr.h"

bool
ilnp_nid_usable(struct ilnp_nid n)
{
	/* RFC 2526: fdff:ffff:ffff:ff80 to fdff:ffff:ffff:ffff */
	return (n.nid != 0 && n.nid >> 7 != 0xfdffffffffffff80 >> 7);
}

bool
ilnp_nid_unreserved(struct ilnp_nid n)
{
	/* RFC 5453: 0200:5eff:fe00:0000 to 0200:5eff:feff:ffff */
	return (ilnp_nid_usable(n) && n.nid >> 24 != 0x02005efffe &&
	    (n.nid >> 56 & 0x03) == 0);
}

struct ilnp_nid
ilnp_nid_eui64(const uint8_t mac[6])
{
	struct ilnp_nid n;

	n.nid = (uint64_t)(mac[0] ^ 0x02) << 56 | (uint64_t)mac[1] << 48 |
	    (uint64_t)mac[2] << 40 | (uint64_t)0xfffe << 24 |
	    (uint64_t)mac[3] << 16 | (uint64_t)mac[4] << 8 | mac[5];
	return (n);
}

static inline uint64_t
rotate_left(uint64_t v, unsigned int n)
{
	return (v << n | v >> (64 - n));
}

static inline void
mix_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] = rotate_left(v[2], 32);
}

/*
 * SipHash-2-4 of n little-endian words.  The words are hashed as values, so
 * machines of either byte order agree.
 */
uint64_t
ilnp_hash(const uint64_t key[2], const uint64_t *words, size_t n)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573,
	};
	uint64_t last = (uint64_t)(n * 8) << 56;

	for (size_t i = 0; i < n; i++) {
		v[3] ^= words[i];
		mix_round(v);
		mix_round(v);
		v[0] ^= words[i];
	}
	v[3] ^= last;
	mix_round(v);
	mix_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		mix_round(v);
	return (v[0] ^ v[1] ^ v[2] ^ v[3]);
}
