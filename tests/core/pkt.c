/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 */
#include "pkt.h"

static void
put(uint8_t *p, uint64_t v, size_t n)
{
	while (n-- > 0) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

static uint32_t
sum16(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (sum);
}

uint16_t
pkt_cksum(const struct addrs *a, uint8_t proto, const uint8_t *l4, size_t len)
{
	bool full = a->cksum == ILNP_CKSUM_IPV6 || proto == ILNP_PROTO_ICMPV6;
	uint8_t pseudo[40];
	uint32_t sum;

	put(pseudo, full ? a->src.l64.l64 : 0, 8);
	put(pseudo + 8, a->src.nid.nid, 8);
	put(pseudo + 16, full ? a->dst.l64.l64 : 0, 8);
	put(pseudo + 24, a->dst.nid.nid, 8);
	put(pseudo + 32, len, 4);
	put(pseudo + 36, proto, 4);
	sum = sum16(sum16(0, pseudo, sizeof(pseudo)), l4, len);
	return ((uint16_t)~sum);
}

void
pkt_raw(struct pkt *p, const struct addrs *a, uint8_t proto, const void *l4,
    size_t len)
{
	size_t opt = a->nonce == NULL ? 0 : a->nonce->n_len == 4 ? 8 : 16;

	assert_true(40 + opt + len <= sizeof(p->b));
	put(p->b, 0x60000000, 4);
	put(p->b + 4, opt + len, 2);
	put(p->b + 6, opt == 0 ? proto : ILNP_PROTO_DSTOPTS, 1);
	put(p->b + 7, 64, 1);
	put(p->b + 8, a->src.l64.l64, 8);
	put(p->b + 16, a->src.nid.nid, 8);
	put(p->b + 24, a->dst.l64.l64, 8);
	put(p->b + 32, a->dst.nid.nid, 8);
	if (opt != 0) {
		put(p->b + 40, proto, 1);
		put(p->b + 41, opt / 8 - 1, 1);
		put(p->b + 42, 0x8b, 1);
		put(p->b + 43, a->nonce->n_len, 1);
		memcpy(p->b + 44, a->nonce->n_b, a->nonce->n_len);
	}
	if (len > 0)
		memcpy(p->b + 40 + opt, l4, len);
	p->len = 40 + opt + len;
}

void
pkt_udp(struct pkt *p, const struct addrs *a, uint16_t sport, uint16_t dport,
    const void *data, size_t len)
{
	uint8_t l4[PKT_MAX] = { 0 };
	uint16_t sum;

	put(l4, sport, 2);
	put(l4 + 2, dport, 2);
	put(l4 + 4, 8 + len, 2);
	if (len > 0)
		memcpy(l4 + 8, data, len);
	sum = pkt_cksum(a, ILNP_PROTO_UDP, l4, 8 + len);
	put(l4 + 6, sum == 0 ? 0xffff : sum, 2);
	pkt_raw(p, a, ILNP_PROTO_UDP, l4, 8 + len);
}

void
pkt_tcp(struct pkt *p, const struct addrs *a, uint16_t sport, uint16_t dport,
    uint8_t flags, const void *data, size_t len)
{
	uint8_t l4[PKT_MAX] = { 0 };

	put(l4, sport, 2);
	put(l4 + 2, dport, 2);
	put(l4 + 12, 5 << 4, 1);
	put(l4 + 13, flags, 1);
	put(l4 + 14, 0xffff, 2);
	if (len > 0)
		memcpy(l4 + 20, data, len);
	put(l4 + 16, pkt_cksum(a, ILNP_PROTO_TCP, l4, 20 + len), 2);
	pkt_raw(p, a, ILNP_PROTO_TCP, l4, 20 + len);
}

void
pkt_icmp(struct pkt *p, const struct addrs *a, uint8_t type, uint8_t code,
    uint32_t word, const void *data, size_t len)
{
	uint8_t l4[PKT_MAX] = { 0 };

	put(l4, type, 1);
	put(l4 + 1, code, 1);
	put(l4 + 4, word, 4);
	if (len > 0)
		memcpy(l4 + 8, data, len);
	put(l4 + 2, pkt_cksum(a, ILNP_PROTO_ICMPV6, l4, 8 + len), 2);
	pkt_raw(p, a, ILNP_PROTO_ICMPV6, l4, 8 + len);
}

void
pkt_lu(struct pkt *p, const struct addrs *a, uint8_t op,
    const struct ilnp_lurec *rec, u_int n)
{
	uint8_t body[ILNP_LU_COUNT_MAX * 12];

	for (u_int i = 0; i < n; i++) {
		put(body + 12 * i, rec[i].lr_l64.l64, 8);
		put(body + 12 * i + 8, rec[i].lr_pref, 2);
		put(body + 12 * i + 10, rec[i].lr_life, 2);
	}
	pkt_icmp(p, a, 156, 0, (uint32_t)n << 24 | (uint32_t)op << 16, body,
	    (size_t)n * 12);
}

void
pkt_error(struct pkt *p, const struct addrs *a, uint8_t type, uint8_t code,
    uint32_t word, const struct pkt *about, size_t quote)
{
	pkt_icmp(p, a, type, code, word, about->b,
	    quote < about->len ? quote : about->len);
}

struct ilnp_nonce
nonce_of(uint8_t len, uint8_t fill)
{
	struct ilnp_nonce n = { .n_len = len };

	memset(n.n_b, fill, len);
	return (n);
}
