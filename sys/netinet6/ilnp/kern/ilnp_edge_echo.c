/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Echo requests of programs, and their answers: what ping(8) needs to follow a
 * correspondent that moves.  A raw socket has no place in the NID table, so a
 * request takes one, with its identifier for a port.  Its addresses are the
 * anchors: the answer gets them back wherever it comes from.
 *
 * The checksum of ICMPv6 is always that of full addresses (RFC 6741 s4.3).
 */
#include "ilnp_edge.h"

#include <netinet/icmp6.h>

#include "../core/ilnp_addr.h"
#include "../core/ilnp_cksum.h"

/* In the place of the foreign port; a bound socket has 0 there. */
#define	ECHO_PORT	htons(7)

#define	ECHO_MAX	1024	/* identifiers in use at a time */
#define	ECHO_LIFE	60	/* s since the last request */

static const struct ilnp_flow *
find_echo(const struct ilnp_edge *e, const struct ilnp_nidpair *nids,
    uint16_t id, struct ilnp_l64 local)
{
	return (ilnp_flow_lookup(e, IPPROTO_ICMPV6, nids, id, ECHO_PORT,
	    local));
}

static void
use(const struct ilnp_flow *cf)
{
	struct ilnp_flow *f = __DECONST(struct ilnp_flow *, cf);

	__atomic_store_n(&f->f_born, time_uptime, __ATOMIC_RELAXED);
}

/* Makes a place for the requests of a program, if it may be ILNP, or NULL. */
static const struct ilnp_flow *
begin(struct ilnp_edge *e, const struct ilnp_here *h,
    const struct ilnp_nidpair *nids, const struct ilnp_ends *ends)
{
	struct ilnp_ilcc *c = ilnp_load_ptr(&e->e_cache);
	struct ilnp_l64 local = ilnp_ilv_of(&ends->en_laddr).l64;
	struct ilnp_sess *s;

	if (c == NULL || e->e_flows.t_unsure >= ECHO_MAX ||
	    !ilnp_nid_usable(nids->remote) ||
	    ilnp_loc_nid(h, nids->remote) || ilnp_loc_uplink(h, local) == NULL)
		return (NULL);
	s = ilnp_conn_open(e, c, nids, ilnp_ilv_of(&ends->en_faddr).l64);
	return (s == NULL ? NULL : ilnp_flow_learn(e, ends, s, false));
}

const struct ilnp_flow *
ilnp_echo_leaves(struct ilnp_edge *e, const struct ilnp_here *h,
    const struct mbuf *m)
{
	const struct ip6_hdr *ip6 = mtod(m, const struct ip6_hdr *);
	struct ilnp_ends ends = { .en_proto = IPPROTO_ICMPV6,
	    .en_laddr = ip6->ip6_src, .en_faddr = ip6->ip6_dst,
	    .en_fport = ECHO_PORT };
	struct ilnp_nidpair nids = {
		.local = ilnp_ilv_of(&ip6->ip6_src).nid,
		.remote = ilnp_ilv_of(&ip6->ip6_dst).nid
	};
	const struct ilnp_flow *f;
	struct icmp6_hdr icmp;

	if (!ilnp_loc_nid(h, nids.local) ||
	    m->m_pkthdr.len < (int)(sizeof(*ip6) + sizeof(icmp)))
		return (NULL);
	m_copydata(m, sizeof(*ip6), sizeof(icmp), (char *)&icmp);
	if (icmp.icmp6_type != ICMP6_ECHO_REQUEST)
		return (NULL);
	ends.en_lport = icmp.icmp6_id;
	f = find_echo(e, &nids, icmp.icmp6_id, ilnp_ilv_of(&ip6->ip6_src).l64);
	if (f == NULL || !IN6_ARE_ADDR_EQUAL(&f->f_laddr, &ip6->ip6_src) ||
	    !IN6_ARE_ADDR_EQUAL(&f->f_faddr, &ip6->ip6_dst))
		f = begin(e, h, &nids, &ends);
	if (f != NULL)
		use(f);
	return (f);
}

const struct ilnp_flow *
ilnp_echo_arrives(const struct ilnp_edge *e, const struct mbuf *m,
    const struct ilnp_view *v)
{
	struct ilnp_nidpair nids = {
		.local = v->v_dst.nid, .remote = v->v_src.nid
	};
	const struct icmp6_hdr *icmp;

	if (v->v_icmptype != ICMP6_ECHO_REPLY || v->v_frag ||
	    m->m_len < v->v_l4off + (int)sizeof(*icmp))
		return (NULL);
	icmp = (const struct icmp6_hdr *)mtodo(m, v->v_l4off);
	return (find_echo(e, &nids, icmp->icmp6_id, v->v_dst.l64));
}

void
ilnp_echo_readdress(struct mbuf *m, int off, const struct in6_addr *src,
    const struct in6_addr *dst)
{
	struct ip6_hdr *ip6 = mtod(m, struct ip6_hdr *);
	char *sum = mtodo(m, off + offsetof(struct icmp6_hdr, icmp6_cksum));
	uint16_t was = ilnp_cksum_l64s(ilnp_ilv_of(&ip6->ip6_src).l64,
	    ilnp_ilv_of(&ip6->ip6_dst).l64);

	be16enc(sum, ilnp_cksum_fix(be16dec(sum), was, ilnp_cksum_l64s(
	    ilnp_ilv_of(src).l64, ilnp_ilv_of(dst).l64)));
	ip6->ip6_src = *src;
	ip6->ip6_dst = *dst;
}

bool
ilnp_echo_alive(struct ilnp_edge *e __unused, const struct ilnp_flow *f)
{
	return (f->f_proto != IPPROTO_ICMPV6 ||
	    time_uptime - __atomic_load_n(&f->f_born, __ATOMIC_RELAXED) <=
	    ECHO_LIFE);
}
