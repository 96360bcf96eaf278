/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ICMPv6 errors quote packets as they were on the wire, transport knows its
 * flows by their anchors: both ways, the quote is translated.
 */
#include "ilnp_edge.h"

#include <netinet/icmp6.h>
#include <netinet/tcp.h>
#include <netinet/tcp_seq.h>
#include <netinet/tcp_var.h>
#include <netinet6/in6_pcb.h>

#include "ilnp_hooks.h"

static void
renew_sum(struct mbuf *m, int off)
{
	struct icmp6_hdr *icmp = (struct icmp6_hdr *)mtodo(m, off);

	icmp->icmp6_cksum = 0;
	icmp->icmp6_cksum = in6_cksum(m, IPPROTO_ICMPV6, (uint32_t)off,
	    (uint32_t)(m->m_pkthdr.len - off));
}

void
ilnp_icmp_present(struct ilnp_edge *e, struct mbuf *m,
    const struct ilnp_in *in, u_int room)
{
	const struct ilnp_view *q = &in->i_quote;
	struct icmp6_hdr *icmp = (struct icmp6_hdr *)mtodo(m,
	    in->i_view.v_l4off);
	struct in_conninfo wire = { .inc_flags = INC_ISIPV6 };
	const struct ilnp_flow *f;
	struct ip6_hdr *quote;

	if (m->m_len < in->i_quoteoff + (int)sizeof(*quote))
		return;
	quote = (struct ip6_hdr *)mtodo(m, in->i_quoteoff);
	if (in->i_mtu != 0) {
		/* For those who ask by wire address: UDP, raw, fragments. */
		wire.inc6_faddr = quote->ip6_dst;
		tcp_hc_updatemtu(&wire, in->i_mtu);
		icmp->icmp6_mtu = htonl(in->i_mtu - room);
	}
	f = ilnp_flow_lookup(e, q->v_proto, &in->i_nids, htons(q->v_sport),
	    htons(q->v_dport), q->v_src.l64);
	if (f != NULL) {
		quote->ip6_src = f->f_laddr;
		quote->ip6_dst = f->f_faddr;
	}
	/* Raw sockets see it, of jails as well. */
	if (q->v_nonce.n_len != 0)
		ilnp_wire_neutralise((uint8_t *)quote, q);
	renew_sum(m, in->i_view.v_l4off);
}

/* True if a connection has sent, and waits to hear of, an octet of its stream. */
static bool
is_under_way(const struct ilnp_flow *f, uint32_t seq)
{
	struct in6_addr faddr = f->f_faddr, laddr = f->f_laddr;
	struct inpcb *inp;
	bool waits;

	inp = in6_pcblookup(&V_tcbinfo, &faddr, f->f_fport, &laddr, f->f_lport,
	    INPLOOKUP_RLOCKPCB, NULL);
	if (inp == NULL)
		return (false);
	waits = SEQ_GEQ(seq, intotcpcb(inp)->snd_una) &&
	    SEQ_LT(seq, intotcpcb(inp)->snd_max);
	INP_RUNLOCK(inp);
	return (waits);
}

bool
ilnp_icmp_vouch(const struct ilnp_in *in)
{
	const struct ilnp_view *q = &in->i_quote;
	const size_t at = (size_t)in->i_quoteoff + q->v_l4off +
	    offsetof(struct tcphdr, th_seq);
	struct ilnp_nidpair nids = {
		.local = q->v_src.nid, .remote = q->v_dst.nid
	};
	const struct ilnp_flow *f;

	f = ilnp_flow_lookup(in->i_edge, q->v_proto, &nids, htons(q->v_sport),
	    htons(q->v_dport), q->v_src.l64);
	if (f == NULL || f->f_sess == NULL || q->v_proto != IPPROTO_TCP)
		return (f != NULL && f->f_sess != NULL);
	return (at + sizeof(uint32_t) <= in->i_len &&
	    is_under_way(f, be32dec(in->i_pkt + at)));
}

struct mbuf *
ilnp_icmp_restore(struct mbuf *m, const struct ilnp_note *n)
{
	const int off = sizeof(struct ip6_hdr);
	const int at = off + (int)sizeof(struct icmp6_hdr);
	const struct icmp6_hdr *icmp;
	struct ip6_hdr *quote;
	uint8_t *opt;
	int need = at + (int)sizeof(*quote);

	if (n->n_nonceoff != 0)
		need = at + n->n_nonceoff + 2 + n->n_nonce.n_len;
	if (m->m_pkthdr.len < need)
		return (m);
	m = ilnp_mbuf_head(m, need);
	if (m == NULL)
		return (NULL);
	icmp = (const struct icmp6_hdr *)mtodo(m, off);
	if ((icmp->icmp6_type & ICMP6_INFOMSG_MASK) != 0)
		return (m);
	quote = (struct ip6_hdr *)mtodo(m, at);
	ilnp_set_l64(&quote->ip6_src, n->n_wire.remote);
	ilnp_set_l64(&quote->ip6_dst, n->n_wire.local);
	if (n->n_nonceoff != 0) {
		opt = (uint8_t *)mtodo(m, at + n->n_nonceoff);
		opt[0] = ILNP_OPT_NONCE;
		opt[1] = n->n_nonce.n_len;
		memcpy(opt + 2, n->n_nonce.n_b, n->n_nonce.n_len);
	}
	renew_sum(m, off);
	return (m);
}
