/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * One's complement sums.  Knows the two pseudo-headers of contradiction C1 and
 * how to get from one to the other without touching the payload (RFC 1624).
 */
#include "ilnp_cksum.h"
#include "ilnp_wire.h"

uint64_t
ilnp_cksum_add(uint64_t sum, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (; len >= 4; len -= 4, b += 4)
		sum += (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
		    (uint32_t)b[2] << 8 | b[3];
	if (len >= 2) {
		sum += (uint32_t)b[0] << 8 | b[1];
		b += 2;
		len -= 2;
	}
	if (len == 1)
		sum += (uint32_t)b[0] << 8;
	return (sum);
}

enum ilnp_cksum
ilnp_cksum_verify(struct ilnp_ilv src, struct ilnp_ilv dst, uint8_t proto,
    const uint8_t *l4, size_t len)
{
	uint64_t sum = ilnp_cksum_add(0, l4, len);
	enum ilnp_cksum kind = proto == ILNP_PROTO_ICMPV6 ? ILNP_CKSUM_IPV6 :
	    ILNP_CKSUM_RFC;

	/* RFC 8200 s8.1: over IPv6 a UDP field of zero is no checksum. */
	if (proto == ILNP_PROTO_UDP && len >= 8 && (l4[6] | l4[7]) == 0)
		return (ILNP_CKSUM_UNKNOWN);
	for (; kind <= ILNP_CKSUM_IPV6; kind++)
		if (ilnp_cksum_fold(sum + ilnp_cksum_pseudo(kind, src, dst,
		    (uint32_t)len, proto)) == 0xffff)
			return (kind);
	return (ILNP_CKSUM_UNKNOWN);
}
