/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Identifiers and locators as values: which may be used, how they are hashed,
 * and what they add to a checksum.
 */
#ifndef _ILNP_ADDR_H_
#define	_ILNP_ADDR_H_

#include "ilnp_types.h"

/*
 * True for a locator that may be used across networks: 2000::/3 or fc00::/7.
 * Its first octet tells, which is all that need be read of a header.
 */
static inline bool
ilnp_octet_usable(uint8_t first)
{
	return ((first & 0xe0) == 0x20 || (first & 0xfe) == 0xfc);
}

static inline bool
ilnp_l64_usable(struct ilnp_l64 l)
{
	return (ilnp_octet_usable((uint8_t)(l.l64 >> 56)));
}

/*
 * True for a NID that a node may own: not zero, not the subnet anycast block
 * of RFC 2526.  Its u and g bits do not matter (contradiction C9).
 */
bool	ilnp_nid_usable(struct ilnp_nid);

/*
 * True for a NID that may be made up at random (RFC 8981 s3.3.1): one that is
 * usable, in no block of the registry of RFC 5453, and by its u and g bits
 * neither universal nor that of a group (RFC 6741 s2.1).
 */
bool	ilnp_nid_unreserved(struct ilnp_nid);

/* Modified EUI-64 of an Ethernet address (RFC 4291 appendix A). */
struct ilnp_nid	ilnp_nid_eui64(const uint8_t mac[6]);

/* SipHash-2-4 over `n' words, keyed: says nothing about them or the key. */
uint64_t	ilnp_hash(const uint64_t key[2], const uint64_t *words, size_t n);

/*
 * Where `n' words belong in a table of 1 << b places: at the upper b bits.
 * For what never leaves the host, at a fraction of what ilnp_hash() costs.
 * NH (RFC 4418 s5.2) under a key of n + 1 words that nobody knows: two inputs
 * that somebody has chosen share a place no more often than by chance.
 */
static inline uint64_t
ilnp_place(const uint64_t *key, const uint64_t *words, u_int n)
{
	uint64_t sum = 0;

	for (u_int i = 0; i < n; i++)
		sum += (uint64_t)((uint32_t)words[i] + (uint32_t)key[i]) *
		    ((uint32_t)(words[i] >> 32) + (uint32_t)(key[i] >> 32));
	/* Equal steps between inputs must not become equal steps of places. */
	sum *= 0x9e3779b97f4a7c15;
	sum ^= sum >> 32;
	return (sum * (key[n] | 1));
}

/* Compares whole nonces in constant time; false if either is empty. */
static inline bool
ilnp_nonce_eq(const struct ilnp_nonce *a, const struct ilnp_nonce *b)
{
	const uint8_t *p = (const uint8_t *)a, *q = (const uint8_t *)b;
	uint64_t x[2], y[2];

	/* Two words, which overlap in the middle. */
	_Static_assert(sizeof(*a) >= sizeof(x[0]) &&
	    sizeof(*a) <= sizeof(x) && sizeof(*a) == sizeof(a->n_len) +
	    sizeof(a->n_b), "all of a nonce, and no more");
	memcpy(&x[0], p, sizeof(x[0]));
	memcpy(&y[0], q, sizeof(y[0]));
	memcpy(&x[1], p + sizeof(*a) - sizeof(x[1]), sizeof(x[1]));
	memcpy(&y[1], q + sizeof(*b) - sizeof(y[1]), sizeof(y[1]));
	return (((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0 && a->n_len != 0);
}

#endif /* !_ILNP_ADDR_H_ */
