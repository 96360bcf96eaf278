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

static inline uint16_t
ilnp_cksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)sum);
}

/* Adds len octets; an odd last octet counts as the high half of a word. */
uint64_t	ilnp_cksum_add(uint64_t sum, const void *p, size_t len);

/* Pseudo-header of RFC 8200 s8.1, with the L64s (IPV6) or without (RFC). */
uint64_t	ilnp_cksum_pseudo(enum ilnp_cksum kind, struct ilnp_ilv src,
		    struct ilnp_ilv dst, uint32_t len, uint8_t proto);

/* The 16-bit sum of the two locators: the difference between the two kinds. */
uint16_t	ilnp_cksum_l64s(struct ilnp_l64, struct ilnp_l64);

/*
 * Returns a seed (an uncomplemented partial sum left for the hardware) after
 * the words that add up to `was' have been replaced by words that add up to
 * `is'.
 */
static inline uint16_t
ilnp_cksum_fix_seed(uint16_t seed, uint16_t was, uint16_t is)
{
	uint32_t sum = (uint32_t)seed + (uint16_t)~was + is;

	sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)(sum + (sum >> 16)));
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
