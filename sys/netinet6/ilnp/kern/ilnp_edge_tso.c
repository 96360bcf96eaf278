/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Software segmentation, for TCP packets that were made for the hardware to cut
 * up but must carry a nonce or the checksum of RFC 6741.  Payload is shared,
 * not copied; every segment then takes its own way through ip6_output().
 */
#include "ilnp_edge.h"

#include <netinet/tcp.h>
#include <netinet/tcp_var.h>

#include "../core/ilnp_cksum.h"

struct cut {
	struct tcphdr	*t_th;		/* in the original */
	int		t_hlen;		/* IPv6 and TCP headers */
	int		t_len;		/* payload of the original */
};

static struct mbuf *
make_segment(const struct mbuf *m, const struct cut *t, int off, int len)
{
	bool last = off + len == t->t_len;
	struct tcphdr *th;
	struct ip6_hdr *ip6;
	struct mbuf *n = m_gethdr(M_NOWAIT, MT_DATA);
	uint16_t flags;

	if (n == NULL)
		return (NULL);
	if (m_dup_pkthdr(n, m, M_NOWAIT) == 0) {
		m_free(n);
		return (NULL);
	}
	M_ALIGN(n, t->t_hlen);
	m_copydata(m, 0, t->t_hlen, mtod(n, char *));
	n->m_len = t->t_hlen;
	n->m_next = m_copym(__DECONST(struct mbuf *, m), t->t_hlen + off, len,
	    M_NOWAIT);
	if (n->m_next == NULL) {
		m_freem(n);
		return (NULL);
	}
	n->m_pkthdr.len = t->t_hlen + len;
	n->m_pkthdr.csum_flags &= ~CSUM_TSO;
	n->m_pkthdr.csum_flags |= CSUM_TCP_IPV6;
	n->m_pkthdr.csum_data = offsetof(struct tcphdr, th_sum);
	ip6 = mtod(n, struct ip6_hdr *);
	ip6->ip6_plen = htons((uint16_t)(n->m_pkthdr.len - sizeof(*ip6)));
	th = (struct tcphdr *)(ip6 + 1);
	th->th_seq = htonl(ntohl(t->t_th->th_seq) + (uint32_t)off);
	flags = tcp_get_flags(th);
	if (!last)
		flags &= ~(TH_FIN | TH_PUSH);
	if (off != 0)
		flags &= ~TH_CWR;
	tcp_set_flags(th, flags);
	th->th_sum = htons(ilnp_cksum_fold(ilnp_cksum_pseudo(ILNP_CKSUM_IPV6,
	    ilnp_ilv_of(&ip6->ip6_src), ilnp_ilv_of(&ip6->ip6_dst),
	    (uint32_t)n->m_pkthdr.len - sizeof(*ip6), IPPROTO_TCP)));
	return (n);
}

int
ilnp_tso_output(struct mbuf *m, struct ip6_pktopts *opt, int flags,
    struct inpcb *inp)
{
	int mss = m->m_pkthdr.tso_segsz, error = 0;
	struct cut t;

	t.t_hlen = sizeof(struct ip6_hdr) + sizeof(struct tcphdr);
	m = ilnp_mbuf_head(m, t.t_hlen);
	if (m == NULL)
		return (ENOBUFS);
	t.t_th = (struct tcphdr *)mtodo(m, sizeof(struct ip6_hdr));
	t.t_hlen = sizeof(struct ip6_hdr) + (t.t_th->th_off << 2);
	m = ilnp_mbuf_head(m, t.t_hlen);
	if (m == NULL)
		return (ENOBUFS);
	t.t_th = (struct tcphdr *)mtodo(m, sizeof(struct ip6_hdr));
	t.t_len = m->m_pkthdr.len - t.t_hlen;
	for (int off = 0; off < t.t_len && error == 0; off += mss) {
		struct mbuf *n = make_segment(m, &t, off,
		    min(mss, t.t_len - off));

		error = n == NULL ? ENOBUFS :
		    ip6_output(n, opt, NULL, flags, NULL, NULL, inp);
	}
	m_freem(m);
	return (error);
}
