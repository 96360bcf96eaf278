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

_Static_assert(offsetof(struct tcphdr, th_sum) == 16 &&
    offsetof(struct udphdr, uh_sum) == 6, "ilnp_mbuf_sumoff()");

static uint16_t
get_sum(const struct mbuf *m, int off)
{
	return (be16dec(mtodo(m, off)));
}

static void
put_sum(struct mbuf *m, int off, uint16_t sum)
{
	be16enc(mtodo(m, off), sum);
}

struct mbuf *
ilnp_mbuf_fixsum(struct mbuf *m, int off, uint8_t proto, uint16_t was,
    uint16_t is, bool finish)
{
	int at = off + (int)(proto == IPPROTO_ICMPV6 ?
	    offsetof(struct icmp6_hdr, icmp6_cksum) : ilnp_mbuf_sumoff(proto));
	uint16_t sum;

	if (at == off || m->m_pkthdr.len < at + 2)
		return (m);
	m = ilnp_mbuf_head(m, at + 2);
	if (m == NULL)
		return (NULL);
	sum = get_sum(m, at);
	if ((m->m_pkthdr.csum_flags & CSUM_DELAY_DATA_IPV6) == 0) {
		/* Zero: a datagram without a checksum stays one. */
		if (proto == IPPROTO_UDP && sum == 0)
			return (m);
		sum = ilnp_cksum_fix(sum, was, is);
		put_sum(m, at, proto != IPPROTO_TCP && sum == 0 ? 0xffff : sum);
		return (m);
	}
	put_sum(m, at, ilnp_cksum_fix_seed(sum, was, is));
	if (!finish)
		return (m);
	/* Payload that is not mapped (sendfile, kTLS) is read as well. */
	sum = ntohs(in_cksum_skip(m, m->m_pkthdr.len, off));
	put_sum(m, at, proto != IPPROTO_TCP && sum == 0 ? 0xffff : sum);
	m->m_pkthdr.csum_flags &= ~CSUM_DELAY_DATA_IPV6;
	return (m);
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

	m_copydata(m, v->v_l4off + (int)ilnp_mbuf_sumoff(v->v_proto),
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
