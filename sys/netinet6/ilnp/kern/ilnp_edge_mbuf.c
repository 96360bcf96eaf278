/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Mbufs and transport checksums.  Locators are taken out of a sum and put into
 * it by difference; the payload is summed up only where no hardware can.
 */
#include "ilnp_edge.h"

#include <machine/in_cksum.h>

#include <netinet/icmp6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include "../core/ilnp_cksum.h"

#define	TRUSTED	(CSUM_DATA_VALID_IPV6 | CSUM_PSEUDO_HDR)

/* Moves the first `len' octets, more than fit an mbuf, into a cluster. */
static struct mbuf *
gather(struct mbuf *m, int len)
{
	struct mbuf *n = NULL;

	if (len <= MJUM9BYTES && len <= m->m_pkthdr.len)
		n = m_getjcl(M_NOWAIT, MT_DATA, M_PKTHDR,
		    len <= MCLBYTES ? MCLBYTES :
		    len <= MJUMPAGESIZE ? MJUMPAGESIZE : MJUM9BYTES);
	if (n == NULL) {
		m_freem(m);
		return (NULL);
	}
	m_move_pkthdr(n, m);
	m_copydata(m, 0, len, mtod(n, char *));
	n->m_len = len;
	n->m_next = m;
	while (len > 0) {
		int part = min(len, m->m_len);

		m->m_data += part;
		m->m_len -= part;
		len -= part;
		m = m->m_next;
	}
	return (n);
}

struct mbuf *
ilnp_mbuf_makehead(struct mbuf *m, int len)
{
	if (!M_WRITABLE(m)) {
		struct mbuf *n = m_dup(m, M_NOWAIT);

		m_freem(m);
		m = n;
	}
	if (m == NULL || m->m_len >= len)
		return (m);
	if (len <= (int)MHLEN)
		return (m_pullup(m, len));
	return (gather(m, len));
}

const uint8_t ilnp_sumoff[UINT8_MAX + 1] = {
	[IPPROTO_TCP] = offsetof(struct tcphdr, th_sum),
	[IPPROTO_UDP] = offsetof(struct udphdr, uh_sum),
	[IPPROTO_UDPLITE] = offsetof(struct udphdr, uh_sum),
};

/* A checksum as it is sent: zero means that there is none, but in TCP. */
static uint16_t
sent_sum(uint8_t proto, uint16_t sum)
{
	return (sum == 0 && proto != IPPROTO_TCP ? 0xffff : sum);
}

/*
 * Replaces locators that add up to `was' by ones that add up to `is' in the
 * checksum at `at', or in its seed, of the transport header behind the IPv6
 * header.  If `finish', the checksum is completed in software.
 */
static void
fix_sum(struct mbuf *m, int at, uint8_t proto, uint16_t was, uint16_t is,
    bool finish)
{
	uint16_t sum = be16dec(mtodo(m, at));

	if ((m->m_pkthdr.csum_flags & CSUM_DELAY_DATA_IPV6) == 0) {
		/* Zero: a datagram without a checksum stays one. */
		if (proto != IPPROTO_UDP || sum != 0)
			be16enc(mtodo(m, at), sent_sum(proto,
			    ilnp_cksum_fix(sum, was, is)));
		return;
	}
	be16enc(mtodo(m, at), ilnp_cksum_fix_seed(sum, was, is));
	if (!finish)
		return;
	/* Payload that is not mapped (sendfile, kTLS) is read as well. */
	sum = ntohs(in_cksum_skip(m, m->m_pkthdr.len, sizeof(struct ip6_hdr)));
	be16enc(mtodo(m, at), sent_sum(proto, sum));
	m->m_pkthdr.csum_flags &= ~CSUM_DELAY_DATA_IPV6;
}

/* Inserts the nonce behind the IPv6 header.  Consumes m as usual. */
static struct mbuf *
put_nonce(struct mbuf *m, const struct ilnp_nonce *nonce)
{
	const int len = (int)ilnp_wire_noncelen(nonce);
	struct ip6_hdr *ip6;

	M_PREPEND(m, len, M_NOWAIT);
	if (m != NULL && m->m_len < len + (int)sizeof(*ip6))
		m = ilnp_mbuf_makehead(m, len + (int)sizeof(*ip6));
	if (m == NULL)
		return (NULL);
	ip6 = mtod(m, struct ip6_hdr *);
	memmove(ip6, mtodo(m, len), sizeof(*ip6));
	(void)ilnp_wire_put_nonce((uint8_t *)(ip6 + 1), nonce, ip6->ip6_nxt);
	ip6->ip6_nxt = IPPROTO_DSTOPTS;
	ip6->ip6_plen = htons((uint16_t)(m->m_pkthdr.len - sizeof(*ip6)));
	return (m);
}

struct mbuf *
ilnp_mbuf_dress(struct mbuf *m, const struct ilnp_l64pair *wire,
    const struct ilnp_out *out)
{
	struct ip6_hdr *ip6 = mtod(m, struct ip6_hdr *);
	const uint8_t proto = ip6->ip6_nxt;
	int off = proto == IPPROTO_ICMPV6 ? (int)offsetof(struct icmp6_hdr,
	    icmp6_cksum) : (int)ilnp_sumoff[proto];
	int at = (int)sizeof(*ip6) + off;

	if (m->m_pkthdr.len < at + 2)
		off = 0;
	m = ilnp_mbuf_head(m, off != 0 ? at + 2 : (int)sizeof(*ip6));
	if (m == NULL)
		return (NULL);
	if (off != 0) {
		uint16_t was, is = 0;

		ip6 = mtod(m, struct ip6_hdr *);
		was = ilnp_cksum_l64s(ilnp_ilv_of(&ip6->ip6_src).l64,
		    ilnp_ilv_of(&ip6->ip6_dst).l64);
		if (proto == IPPROTO_ICMPV6 || out->o_cksum == ILNP_CKSUM_IPV6)
			is = ilnp_cksum_l64s(wire->local, wire->remote);
		fix_sum(m, at, proto, was, is, out->o_nonce.n_len != 0 ||
		    out->o_cksum != ILNP_CKSUM_IPV6);
	}
	ip6 = mtod(m, struct ip6_hdr *);
	ilnp_set_l64(&ip6->ip6_src, wire->local);
	ilnp_set_l64(&ip6->ip6_dst, wire->remote);
	return (out->o_nonce.n_len != 0 ? put_nonce(m, &out->o_nonce) : m);
}

/* True if a sum over data and pseudo-header is what it must be. */
static bool
adds_up(const struct ilnp_view *v, enum ilnp_cksum kind, uint32_t len,
    uint16_t data)
{
	return (ilnp_cksum_fold(data + ilnp_cksum_pseudo(kind, v->v_src,
	    v->v_dst, len, v->v_proto)) == 0xffff);
}

/*
 * True if what stands in the place of a checksum is only what one is begun
 * with: the guests of a host leave it to hardware that is never passed, and
 * their interfaces call it verified.
 */
static bool
is_seed(const struct mbuf *m, const struct ilnp_view *v, enum ilnp_cksum kind,
    uint32_t len)
{
	uint16_t sum;

	m_copydata(m, v->v_l4off + (int)ilnp_sumoff[v->v_proto],
	    sizeof(sum), (char *)&sum);
	return (ntohs(sum) % 0xffff == ilnp_cksum_fold(ilnp_cksum_pseudo(kind,
	    v->v_src, v->v_dst, len, v->v_proto)) % 0xffff);
}

enum ilnp_cksum
ilnp_mbuf_verify(const struct mbuf *m, const struct ilnp_view *v,
    enum ilnp_cksum hint)
{
	uint32_t len = (uint32_t)v->v_len - v->v_l4off, cover = len;
	enum ilnp_cksum other;
	bool unfinished = false;
	uint16_t data;

	if (v->v_proto == IPPROTO_UDPLITE) {
		uint16_t ulen;

		m_copydata(m, v->v_l4off + offsetof(struct udphdr, uh_ulen),
		    sizeof(ulen), (char *)&ulen);
		cover = ntohs(ulen);
		if (cover == 0 || cover > len)
			cover = len;
	} else if ((m->m_pkthdr.csum_flags & TRUSTED) == TRUSTED) {
		if (m->m_pkthdr.csum_data != 0xffff)
			return (ILNP_CKSUM_UNKNOWN);
		/* Verified with full addresses by hardware, as is usual. */
		unfinished = is_seed(m, v, ILNP_CKSUM_RFC, len);
		if (!unfinished)
			return (ILNP_CKSUM_IPV6);
	}
	/* The sum of all that stands there, not its complement. */
	data = ntohs((uint16_t)~in_cksum_skip(__DECONST(struct mbuf *, m),
	    v->v_l4off + (int)cover, v->v_l4off));
	if (hint == ILNP_CKSUM_UNKNOWN)
		hint = ILNP_CKSUM_RFC;
	if (adds_up(v, hint, len, data))
		return (hint);
	other = hint == ILNP_CKSUM_RFC ? ILNP_CKSUM_IPV6 : ILNP_CKSUM_RFC;
	if (adds_up(v, other, len, data))
		return (other);
	return (unfinished ? ILNP_CKSUM_RFC : ILNP_CKSUM_UNKNOWN);
}
