/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Packets for tests, written without the composer and the checksums of the
 * core, so that both can be wrong only on their own.
 */
#ifndef _TESTS_CORE_PKT_H_
#define	_TESTS_CORE_PKT_H_

#include "test.h"

#define	PKT_MAX		4400

struct pkt {
	size_t	len;
	uint8_t	b[PKT_MAX];
};

/* Checksums leave the L64s out (RFC) or not (IPV6); ICMPv6 never does. */
struct addrs {
	struct ilnp_ilv	src;
	struct ilnp_ilv	dst;
	const struct ilnp_nonce *nonce;		/* NULL: none */
	enum ilnp_cksum	cksum;
};

#define	TH_FIN	0x01
#define	TH_SYN	0x02
#define	TH_RST	0x04
#define	TH_ACK	0x10

void	pkt_raw(struct pkt *, const struct addrs *, uint8_t proto,
	    const void *l4, size_t len);
void	pkt_udp(struct pkt *, const struct addrs *, uint16_t sport,
	    uint16_t dport, const void *data, size_t len);
void	pkt_tcp(struct pkt *, const struct addrs *, uint16_t sport,
	    uint16_t dport, uint8_t flags, const void *data, size_t len);

/* `word' is the four octets behind the checksum. */
void	pkt_icmp(struct pkt *, const struct addrs *, uint8_t type,
	    uint8_t code, uint32_t word, const void *data, size_t len);
void	pkt_lu(struct pkt *, const struct addrs *, uint8_t op,
	    const struct ilnp_lurec *, u_int n);

/* An ICMPv6 error that quotes at most `quote' octets of `about'. */
void	pkt_error(struct pkt *, const struct addrs *, uint8_t type,
	    uint8_t code, uint32_t word, const struct pkt *about, size_t quote);

/* The sum of a segment whose checksum field is zero, complemented. */
uint16_t pkt_cksum(const struct addrs *, uint8_t proto, const uint8_t *l4,
	    size_t len);

/* A nonce of four or twelve octets that are all `fill'. */
struct ilnp_nonce nonce_of(uint8_t len, uint8_t fill);

#endif /* !_TESTS_CORE_PKT_H_ */
