/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the fuzz targets have in common: a source of choices taken from the
 * fuzzer's octets, and the two ends that the golden vectors speak of.
 */
#ifndef _TESTS_FUZZ_FUZZ_H_
#define	_TESTS_FUZZ_FUZZ_H_

#include "ilnp_ilcc_var.h"
#include "ilnp_addr.h"

#define	PEER	((struct ilnp_nid){ 0x021122fffe334455 })
#define	US	((struct ilnp_nid){ 0x021122fffe667788 })
#define	THEIRS(n) ((struct ilnp_l64){ 0x20010db800010001 + (uint64_t)(n) })
#define	OURS(n)	((struct ilnp_l64){ 0x20010db800020002 + (uint64_t)(n) })

extern const struct ilnp_nonce fuzz_nonce;	/* the peer's */

/* Aborts with a message: what must never be is. */
#define	NEVER(expr)	ILNP_ASSERT(!(expr))

/* Zero when the octets are used up. */
static inline uint8_t
take8(struct ilnp_rd *r)
{
	uint8_t v = ilnp_rd_u8(r);

	r->r_bad = false;
	return (v);
}

static inline uint32_t
take32(struct ilnp_rd *r)
{
	uint32_t v = take8(r);

	v = v << 8 | take8(r);
	v = v << 8 | take8(r);
	return (v << 8 | take8(r));
}

/* A copy of its own for AddressSanitizer to guard; free() it. */
uint8_t	*fuzz_copy(const uint8_t *, size_t);

/* A cache with our NID and one locator, at the beginning of time. */
struct ilnp_ilcc *fuzz_cache(void);
void	fuzz_end(struct ilnp_ilcc *);

/* Writes the right ICMPv6 checksum into a packet, if it is one. */
void	fuzz_icmp_sum(uint8_t *pkt, size_t len);

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#endif /* !_TESTS_FUZZ_FUZZ_H_ */
