/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Internet checksum arithmetic for both pseudo-headers.  Partial sums are
 * 32-bit one's complement accumulators of big-endian 16-bit words.
 */
#ifndef _ILNP_CKSUM_H_
#define	_ILNP_CKSUM_H_

#include "ilnp_types.h"

/*
 * To a sum is added itself with its halves swapped: then the upper half is the
 * sum of both, with the carry out of the lower one, which is the same sum.
 */
static inline uint16_t
ilnp_cksum_fold32(uint32_t sum)
{
	sum += sum << 16 | sum >> 16;
	return ((uint16_t)(sum >> 16));
}

static inline uint16_t
ilnp_cksum_fold(uint64_t sum)
{
	sum += sum << 32 | sum >> 32;
	return (ilnp_cksum_fold32((uint32_t)(sum >> 32)));
}

static inline uint64_t
ilnp_cksum_word64(uint64_t sum, uint64_t word)
{
	return (sum + (word >> 32) + (word & 0xffffffff));
}

/* Adds len octets; an odd last octet counts as the high half of a word. */
uint64_t	ilnp_cksum_add(uint64_t sum, const void *p, size_t len);

/* Pseudo-header of RFC 8200 s8.1, with the L64s (IPV6) or without (RFC). */
static inline uint64_t
ilnp_cksum_pseudo(enum ilnp_cksum kind, struct ilnp_ilv src,
    struct ilnp_ilv dst, uint32_t len, uint8_t proto)
{
	uint64_t sum = (uint64_t)len + proto;

	sum = ilnp_cksum_word64(sum, src.nid.nid);
	sum = ilnp_cksum_word64(sum, dst.nid.nid);
	if (kind == ILNP_CKSUM_IPV6) {
		sum = ilnp_cksum_word64(sum, src.l64.l64);
		sum = ilnp_cksum_word64(sum, dst.l64.l64);
	}
	return (sum);
}

/* The 16-bit sum of the two locators: the difference between the two kinds. */
static inline uint16_t
ilnp_cksum_l64s(struct ilnp_l64 a, struct ilnp_l64 b)
{
	return (ilnp_cksum_fold(ilnp_cksum_word64(ilnp_cksum_word64(0, a.l64),
	    b.l64)));
}

/*
 * Returns a seed (an uncomplemented partial sum left for the hardware) after
 * the words that add up to `was' have been replaced by words that add up to
 * `is'.
 */
static inline uint16_t
ilnp_cksum_fix_seed(uint16_t seed, uint16_t was, uint16_t is)
{
	return (ilnp_cksum_fold32((uint32_t)seed + (uint16_t)~was + is));
}

/* The same for a checksum field: complemented, as on the wire. */
static inline uint16_t
ilnp_cksum_fix(uint16_t field, uint16_t was, uint16_t is)
{
	return ((uint16_t)~ilnp_cksum_fix_seed((uint16_t)~field, was, is));
}

/*
 * Finds which kind of sum a whole segment carries.
 * Returns the kind, or ILNP_CKSUM_UNKNOWN if neither fits.  Where both fit
 * (locators that add up to zero) the answer is RFC.  ICMPv6 has only the kind
 * with full addresses (RFC 6741 s4.3).
 */
enum ilnp_cksum	ilnp_cksum_verify(struct ilnp_ilv src, struct ilnp_ilv dst,
		    uint8_t proto, const uint8_t *l4, size_t len);

#endif /* !_ILNP_CKSUM_H_ */
