/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Packets that arrive, after ip6_input() has found that they are for us and
 * before any protocol sees them.  The core judges; what passes gets the
 * addresses that its flow began with, a checksum that fits them, and padding
 * where the nonce was.
 */
#include "opt_inet6.h"

#include "ilnp_edge.h"

#include <sys/jail.h>

#include <net/netisr.h>
#include <net/pfil.h>
#include <netinet/icmp6.h>
#include <netinet/tcp.h>
#include <netinet6/scope6_var.h>

#include "../core/ilnp_addr.h"
#include "../core/ilnp_cksum.h"

/* Octets made contiguous at first: enough for all but odd packets. */
#define	FIRST_LOOK	128

/* Fragment headers in a row; who sends more has nothing good in mind. */
#define	NESTED_MAX	4

/* What is known about a packet before the core is asked. */
struct arrival {
	struct ilnp_edge *a_edge;
	struct ilnp_ilcc *a_cache;
	const struct ilnp_flow *a_flow;	/* NULL: of no PCB in the table */
	struct ilnp_in	a_in;		/* for the core, and what it says */
};

static const struct ilnp_flow *
find_flow(const struct ilnp_edge *e, const struct ilnp_view *v,
    const struct ilnp_nidpair *nids, bool connected)
{
	return (ilnp_flow_lookup(e, v->v_proto, nids, htons(v->v_dport),
	    connected ? htons(v->v_sport) : 0, v->v_dst.l64));
}

/*
 * Makes the headers of a packet contiguous, and ICMPv6 messages as a whole, and
 * parses them.  Consumes m: returns the packet, or NULL with it freed.
 */
static struct mbuf *
look(struct mbuf *m, struct ilnp_in *in)
{
	m = ilnp_mbuf_head(m, min(m->m_pkthdr.len, FIRST_LOOK));
	if (m == NULL)
		return (NULL);
	ilnp_in_look(in, mtod(m, const uint8_t *), (size_t)m->m_len);
	if (m->m_len < m->m_pkthdr.len && (in->i_parsed == ILNP_PARSE_SHORT ||
	    (in->i_parsed == ILNP_PARSE_OK &&
	    in->i_view.v_proto == IPPROTO_ICMPV6)) &&
	    m->m_pkthdr.len <= MJUM9BYTES) {
		m = ilnp_mbuf_head(m, m->m_pkthdr.len);
		if (m == NULL)
			return (NULL);
		ilnp_in_look(in, mtod(m, const uint8_t *), (size_t)m->m_len);
	}
	return (m);
}

/* True if a packet without a nonce may concern the core all the same. */
static bool
concerns_core(const struct arrival *a)
{
	const struct ilnp_view *v = &a->a_in.i_view;

	return (v->v_nonce.n_len != 0 || a->a_flow != NULL ||
	    (v->v_proto == IPPROTO_ICMPV6 &&
	    (v->v_icmptype < 128 || v->v_icmptype == ILNP_ICMP6_LU)));
}

/*
 * True if a packet is for a PCB, to be answered with that: a listener answers
 * without, and a SYN may be for one although there is an old connection.
 */
static bool
has_pcb(const struct ilnp_view *v, const struct ilnp_flow *f)
{
	return (f != NULL && (v->v_proto != IPPROTO_TCP || (f->f_sess != NULL &&
	    (v->v_tcpflags & (TH_SYN | TH_ACK)) != TH_SYN)));
}

/* Leaves word on a packet for those who answer it without a PCB. */
static void
leave_note(const struct arrival *a, struct mbuf *m)
{
	const struct ilnp_view *v = &a->a_in.i_view;
	struct ilnp_note *n;

	if (v->v_nonce.n_len == 0)
		return;
	n = ilnp_note_add(m);
	if (n == NULL) {
		ILNP_EDGE_STAT(a->a_cache, nomem);
		return;
	}
	n->n_token = a->a_in.i_token;
	n->n_nonceoff = v->v_optoff;
	n->n_nonce = v->v_nonce;
	n->n_wire.local = v->v_dst.l64;
	n->n_wire.remote = v->v_src.l64;
}

/*
 * True if a listener at another locator of ours may have what comes to an
 * address: its jail must have that one, too, and nobody else wait there.
 */
static bool
stands_in(const struct ilnp_flow *f, const struct ilnp_view *v,
    const struct in6_addr *src, const struct in6_addr *dst)
{
	return ((f->f_cred == NULL || prison_check_ip6(f->f_cred, dst) == 0) &&
	    !ilnp_pfil_awaited(v, src, dst));
}

/* Rewrites addresses and checksum to those of the flow. */
static void
translate(const struct arrival *a, struct mbuf *m, enum ilnp_cksum kind,
    const struct in6_addr *src, const struct in6_addr *dst)
{
	const struct ilnp_view *v = &a->a_in.i_view;
	struct ip6_hdr *ip6 = mtod(m, struct ip6_hdr *);
	u_int sumoff = ilnp_sumoff[v->v_proto];
	uint16_t was = 0, is = ilnp_cksum_l64s(ilnp_ilv_of(src).l64,
	    ilnp_ilv_of(dst).l64), sum;

	if (sumoff != 0) {
		if (kind == ILNP_CKSUM_IPV6)
			was = ilnp_cksum_l64s(v->v_src.l64, v->v_dst.l64);
		sum = ilnp_cksum_fix(be16dec(mtodo(m, v->v_l4off + sumoff)),
		    was, is);
		if (sum == 0 && v->v_proto != IPPROTO_TCP)
			sum = 0xffff;
		be16enc(mtodo(m, v->v_l4off + sumoff), sum);
		/* Verified, and made of the addresses that follow. */
		m->m_pkthdr.csum_flags |= CSUM_DATA_VALID_IPV6 |
		    CSUM_PSEUDO_HDR;
		m->m_pkthdr.csum_data = 0xffff;
	}
	ip6->ip6_src = *src;
	ip6->ip6_dst = *dst;
}

/* A packet of a session.  Returns false if it must be dropped. */
static bool
deliver(const struct arrival *a, struct mbuf *m)
{
	const struct ilnp_in *in = &a->a_in;
	const struct ilnp_view *v = &in->i_view;
	struct ip6_hdr *ip6 = mtod(m, struct ip6_hdr *);
	const struct ilnp_flow *f = a->a_flow;
	const struct in6_addr *src = &ip6->ip6_src, *dst = &ip6->ip6_dst;
	struct in6_addr found;
	enum ilnp_cksum kind;

	/* The flow of somebody else who has the same NID (RFC 6741 s5.4). */
	if (f != NULL && f->f_sess != in->i_sess) {
		/* One that may not exist gives way to a SYN. */
		if (f->f_sure || (v->v_tcpflags & TH_SYN) == 0) {
			ILNP_EDGE_STAT(a->a_cache, in_nonce_wrong);
			return (false);
		}
		f = NULL;
	}
	if (v->v_nonce.n_len != 0)
		ilnp_wire_neutralise(mtod(m, uint8_t *), v);
	if (f != NULL && v->v_proto == IPPROTO_ICMPV6) {
		ilnp_echo_readdress(m, v->v_l4off, &f->f_faddr, &f->f_laddr);
		return (true);
	}
	if (ilnp_sumoff[v->v_proto] == 0 || v->v_laterfrag ||
	    m->m_len < v->v_l4off + 8 + (v->v_proto == IPPROTO_TCP ? 12 : 0)) {
		leave_note(a, m);
		return (true);
	}
	kind = ilnp_mbuf_verify(m, v, in->i_cksum);
	if (kind == ILNP_CKSUM_UNKNOWN)
		/* Transport will count and drop it. */
		return (true);
	if (kind != in->i_cksum &&
	    !ilnp_sess_cksum(a->a_cache, in->i_sess, kind))
		return (false);
	if (f == NULL && !ILNP_HOOKED) {
		found = *dst;
		ilnp_pfil_arrived(a->a_edge, v, in->i_sess, src, &found);
		dst = &found;
	} else if (f == NULL) {
		f = find_flow(a->a_edge, v, &(struct ilnp_nidpair){
		    .local = v->v_dst.nid }, false);
		if (f != NULL && memcmp(&f->f_laddr, dst, 8) != 0 &&
		    !stands_in(f, v, src, dst))
			f = NULL;
	}
	if (!has_pcb(v, f))
		leave_note(a, m);
	if (f != NULL) {
		dst = &f->f_laddr;
		if (f->f_sess != NULL)
			src = &f->f_faddr;
	}
	translate(a, m, kind, src, dst);
	return (true);
}

static bool
judge(struct arrival *a, struct mbuf *m)
{
	struct ilnp_in *in = &a->a_in;
	struct ilnp_act room[ILNP_ACTS_INPUT];
	struct ilnp_acts acts = ILNP_ACTS(room);
	enum ilnp_inverdict verdict;
	ilnp_time_t now;
	bool pass = false;

	if (a->a_flow != NULL) {
		in->i_hint = ILNP_FLOW_KNOWN;
		in->i_flow = a->a_flow->f_sess;
	}
	/* Round trips are measured by what is ICMPv6, and by nothing else. */
	if (in->i_view.v_proto == IPPROTO_ICMPV6) {
		in->i_vouch = ilnp_icmp_vouch;
		in->i_edge = a->a_edge;
		now = ilnp_now();
	} else
		now = ilnp_now_coarse();
	verdict = ilnp_ilcc_input(a->a_cache, in, now, &acts);
	SDT_PROBE3(ilnp6, , , in, verdict, m, in);
	switch (verdict) {
	case ILNP_IN_IPV6:
		pass = true;
		break;
	case ILNP_IN_DELIVER:
		pass = deliver(a, m);
		break;
	case ILNP_IN_ERROR:
		if (in->i_view.v_nonce.n_len != 0)
			ilnp_wire_neutralise(mtod(m, uint8_t *), &in->i_view);
		ilnp_icmp_present(a->a_edge, m, in,
		    ilnp_out_room(a->a_cache));
		pass = true;
		break;
	case ILNP_IN_CONSUMED:
		ilnp_out_acts(a->a_edge, &acts);
		break;
	case ILNP_IN_DROP:
		break;
	}
	if (in->i_kick)
		ilnp_edge_kick(a->a_edge);
	return (pass);
}

/* Where the fragment header stands in a packet that has one, parsed before. */
static int
fragment_header(const struct mbuf *m)
{
	const uint8_t *ip6 = mtod(m, const uint8_t *);
	uint8_t next = ip6[offsetof(struct ip6_hdr, ip6_nxt)];
	int off = sizeof(struct ip6_hdr);

	while (next != IPPROTO_FRAGMENT) {
		next = ip6[off];
		off += (ip6[off + 1] + 1) * 8;
	}
	return (off);
}

/*
 * Whole datagrams are easier to judge: reassembles and starts again.  If each
 * fragment carries a nonce (RFC 6744 s2), that of the first is what counts.
 */
static void
reassemble(struct ilnp_ilcc *c, struct mbuf *m, int off)
{
	int next = IPPROTO_FRAGMENT;

	for (u_int i = 0; i < NESTED_MAX && next == IPPROTO_FRAGMENT; i++)
		next = frag6_input(&m, &off, IPPROTO_FRAGMENT);
	if (next == IPPROTO_DONE)
		return;
	if (next == IPPROTO_FRAGMENT) {
		ILNP_EDGE_STAT(c, in_malformed);
		m_freem(m);
		return;
	}
	/* The zone is put in anew; with one in it the source would be forged. */
	(void)in6_clearscope(&mtod(m, struct ip6_hdr *)->ip6_src);
	m->m_flags |= M_FASTFWD_OURS;
	(void)netisr_queue(NETISR_IPV6, m);
}

static pfil_return_t
on_packet(struct mbuf **mp, struct ifnet *ifp __unused, int flags __unused,
    void *ruleset __unused, struct inpcb *inp __unused)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	const struct ilnp_here *h = ilnp_load_ptr(&e->e_here);
	struct mbuf *m = *mp;
	const struct ip6_hdr *ip6 = mtod(m, const struct ip6_hdr *);
	const struct ilnp_view *v;
	struct ilnp_nidpair nids;
	struct arrival a;
	bool pass;

	a.a_edge = e;
	a.a_flow = NULL;
	a.a_cache = ilnp_load_ptr(&e->e_cache);
	if (a.a_cache == NULL || h == NULL)
		return (PFIL_PASS);
	nids.local = ilnp_ilv_of(&ip6->ip6_dst).nid;
	nids.remote = ilnp_ilv_of(&ip6->ip6_src).nid;
	if (!ilnp_loc_nid(h, nids.local) ||
	    !ilnp_octet_usable(ip6->ip6_dst.s6_addr[0])) {
		/* A router of ours has spoken: locators may have changed. */
		if (ip6->ip6_nxt == IPPROTO_ICMPV6 && ip6->ip6_hlim == 255 &&
		    m->m_len > (int)sizeof(*ip6) &&
		    *(const uint8_t *)(ip6 + 1) == ND_ROUTER_ADVERT)
			ilnp_loc_rescan(e);
		return (PFIL_PASS);
	}
	if (ip6->ip6_nxt == IPPROTO_FRAGMENT) {
		*mp = NULL;
		reassemble(a.a_cache, m, sizeof(*ip6));
		return (PFIL_CONSUMED);
	}
	*mp = m = look(m, &a.a_in);
	if (m == NULL) {
		ILNP_EDGE_STAT(a.a_cache, nomem);
		return (PFIL_DROPPED);
	}
	if (a.a_in.i_parsed == ILNP_PARSE_OK) {
		v = &a.a_in.i_view;
		if (v->v_frag) {
			*mp = NULL;
			reassemble(a.a_cache, m, fragment_header(m));
			return (PFIL_CONSUMED);
		}
		if (ilnp_sumoff[v->v_proto] != 0)
			a.a_flow = find_flow(e, v, &nids, true);
		else if (v->v_proto == IPPROTO_ICMPV6)
			a.a_flow = ilnp_echo_arrives(e, m, v);
		if (!concerns_core(&a))
			return (PFIL_PASS);
	}
	/* What does not parse is only counted, and told whose it is. */
	pass = judge(&a, m);
	if (pass)
		return (PFIL_PASS);
	m_freem(m);
	*mp = NULL;
	return (PFIL_DROPPED);
}

int
ilnp_in_link(struct ilnp_edge *e)
{
	struct pfil_hook_args hook = {
		.pa_version = PFIL_VERSION,
		.pa_flags = PFIL_OUT,
		.pa_type = PFIL_TYPE_IP6,
		.pa_mbuf_chk = on_packet,
		.pa_modname = "ilnp",
		.pa_rulname = "default"
	};
	struct pfil_link_args link = {
		.pa_version = PFIL_VERSION,
		.pa_flags = PFIL_OUT | PFIL_HEADPTR | PFIL_HOOKPTR,
		.pa_head = V_inet6_local_pfil_head
	};
	int error;

	e->e_hook = pfil_add_hook(&hook);
	link.pa_hook = e->e_hook;
	error = pfil_link(&link);
	if (error != 0)
		ilnp_in_unlink(e);
	return (error);
}

void
ilnp_in_unlink(struct ilnp_edge *e)
{
	pfil_remove_hook(e->e_hook);
	e->e_hook = NULL;
}
