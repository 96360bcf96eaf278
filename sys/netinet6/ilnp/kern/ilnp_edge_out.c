/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Packets that leave.  Which session and which locators, the core says; here
 * they are written into the packet, the checksum follows them, the nonce goes
 * in front of the transport header, and the next hop is that of the source
 * locator.
 *
 * Four kinds of packets are ours:
 *	of a PCB in the NID table	the session chooses the locators
 *	an echo request of a program	likewise
 *	with a note			an answer without a PCB: it keeps the
 *					locators that it answers
 *	of an unconnected UDP socket	as they are: the program chose them
 */
#include "ilnp_edge.h"

#include <sys/jail.h>

#include <net/if_private.h>
#include <net/route.h>
#include <net/route/nhop.h>
#include <netinet/icmp6.h>
#include <netinet/tcp.h>

#include "../core/ilnp_addr.h"
#include "ilnp_hooks.h"

/* A packet on its way out, and what is known about it. */
struct leaving {
	struct ilnp_edge *l_edge;
	struct ilnp_ilcc *l_cache;
	const struct ilnp_here *l_here;
	struct ilnp_sess *l_sess;
	struct ilnp_choice *l_choice;	/* NULL: none */
	const struct ilnp_note *l_note;	/* NULL: none */
	struct ilnp_l64	l_from;		/* only from there; 0: from anywhere */
	bool		l_elsewhere;	/* another routing table leads */
	bool		l_keep;		/* the locators are right as they are */
};

/* Options of a program with our next hop in them, kept with the packet. */
struct merged {
	struct m_tag	g_tag;		/* first */
	struct ilnp_hop	g_hop;
};

/* An IPv6 packet and its header. */
#define	LONGEST	(IPV6_MAXPACKET + (int)sizeof(struct ip6_hdr))

#define	MERGED_COOKIE	1795250001
#define	MERGED_TYPE	1

u_int
ilnp_out_room(struct ilnp_ilcc *c)
{
	return (ilnp_load_32(&ilnp_ilcc_conf(c)->nonce_size) ==
	    ILNP_NONCE_SHORT ? 8 : 16);
}

static void
take_flow(struct leaving *l, const struct ilnp_flow *f)
{
	l->l_sess = f->f_sess;
	l->l_choice = __DECONST(struct ilnp_choice *, &f->f_choice);
	if (f->f_cred != NULL || l->l_elsewhere)
		l->l_from = ilnp_ilv_of(&f->f_laddr).l64;
}

/* Finds out what a packet is to us.  Returns false if nothing. */
static bool
know(struct leaving *l, const struct mbuf *m, const struct inpcb *inp)
{
	const struct ip6_hdr *ip6 = mtod(m, const struct ip6_hdr *);
	struct ilnp_ilv src, dst;
	const struct ilnp_flow *f;
	struct ilnp_nidpair nids;

	if (!ilnp_octet_usable(ip6->ip6_dst.s6_addr[0]))
		return (false);
	if (inp != NULL && (inp->inp_inc.inc_flags & INC_ILNP) != 0 &&
	    !IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_faddr)) {
		f = ilnp_flow_of(l->l_edge, inp);
		if (f == NULL)
			return (false);
		take_flow(l, f);
		return (l->l_sess != NULL);
	}
	f = ILNP_HOOKED ? NULL : ilnp_pfil_leaves(l->l_edge, m, inp);
	if (f != NULL) {
		/* Without a socket, it answers, and goes where that came from. */
		l->l_keep = inp == NULL;
		take_flow(l, f);
		return (true);
	}
	if (inp != NULL && inp->inp_ip_p == IPPROTO_ICMPV6 &&
	    ip6->ip6_nxt == IPPROTO_ICMPV6 && !l->l_elsewhere &&
	    !prison_flag(inp->inp_cred, PR_IP6)) {
		f = ilnp_echo_leaves(l->l_edge, l->l_here, m);
		if (f == NULL)
			return (false);
		take_flow(l, f);
		return (true);
	}
	src = ilnp_ilv_of(&ip6->ip6_src);
	dst = ilnp_ilv_of(&ip6->ip6_dst);
	nids.local = src.nid;
	nids.remote = dst.nid;
	l->l_keep = true;
	l->l_note = ilnp_note_find(m);
	if (l->l_note != NULL)
		l->l_sess = ilnp_ilcc_bytoken(l->l_cache, &nids,
		    l->l_note->n_token);
	else if (inp != NULL && IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_faddr) &&
	    (ip6->ip6_nxt == IPPROTO_UDP || ip6->ip6_nxt == IPPROTO_UDPLITE) &&
	    ilnp_flow_proto(inp) == ip6->ip6_nxt &&
	    ilnp_loc_nid(l->l_here, src.nid)) {
		l->l_sess = ilnp_ilcc_find_at(l->l_cache, &nids, dst.l64);
		if (l->l_sess == NULL && ilnp_hint_known(l->l_edge, dst.nid) &&
		    ilnp_loc_uplink(l->l_here, src.l64) != NULL)
			l->l_sess = ilnp_conn_open(l->l_edge, l->l_cache,
			    &nids, dst.l64);
	}
	return (l->l_sess != NULL);
}

/*
 * Options of packets that are dressed already and follow the routing table.
 * Those of TCP are not fragmented: the MTU that the host cache holds for an
 * anchor leaves room for the nonce, and is too small for a packet that has it.
 */
static struct ip6_pktopts plain_opts = {
	.ip6po_hlim = -1,
	.ip6po_tclass = -1,
	.ip6po_minmtu = IP6PO_MINMTU_MCASTONLY,
	.ip6po_prefer_tempaddr = IP6PO_TEMPADDR_SYSTEM,
	.ip6po_flags = ILNP_OPTS
};
static struct ip6_pktopts tcp_opts = {
	.ip6po_hlim = -1,
	.ip6po_tclass = -1,
	.ip6po_minmtu = IP6PO_MINMTU_MCASTONLY,
	.ip6po_prefer_tempaddr = IP6PO_TEMPADDR_SYSTEM,
	.ip6po_flags = ILNP_OPTS | IP6PO_DONTFRAG
};

/*
 * The next hop of a packet, if it is not the routing table's: the router of its
 * source locator, unless the destination is on link or the program has named a
 * next hop.
 */
static const struct ilnp_hop *
find_hop(const struct ilnp_here *h, const struct ilnp_l64pair *wire,
    const struct ip6_pktopts *opt, bool tcp)
{
	const struct ilnp_uplink *u = ilnp_loc_uplink(h, wire->local);

	if (u == NULL || u->u_hop.h_nh == NULL ||
	    ilnp_loc_onlink(h, wire->remote) || (opt != NULL &&
	    (opt->ip6po_nexthop != NULL || opt->ip6po_rthdr != NULL)))
		return (NULL);
	return (tcp ? &u->u_tcphop : &u->u_hop);
}

/*
 * Options with which a packet leaves by that hop, or by the routing table;
 * `opt' are the program's.  They hold as long as the packet.
 * Returns `opt' itself if memory is short.
 */
static struct ip6_pktopts *
lead_out(struct mbuf *m, const struct ilnp_hop *hop, struct ip6_pktopts *opt,
    bool tcp)
{
	struct merged *g;

	if (opt == NULL)
		return (hop == NULL ? (tcp ? &tcp_opts : &plain_opts) :
		    __DECONST(struct ip6_pktopts *, &hop->h_opts));
	g = (struct merged *)m_tag_alloc(MERGED_COOKIE, MERGED_TYPE,
	    sizeof(*g) - sizeof(g->g_tag), M_NOWAIT);
	if (g == NULL)
		return (opt);
	memset(&g->g_hop, 0, sizeof(g->g_hop));
	if (hop != NULL)
		g->g_hop = *hop;
	g->g_hop.h_opts = *opt;
	g->g_hop.h_opts.ip6po_flags |= ILNP_OPTS | (tcp ? IP6PO_DONTFRAG : 0);
	m_tag_prepend(m, &g->g_tag);
	return (&g->g_hop.h_opts);
}

int
ilnp_out_send(struct mbuf *m, struct ip6_pktopts *opt)
{
	if (!ILNP_HOOKED)
		return (ilnp_pfil_send(m, opt));
	return (ip6_output(m, opt, NULL, 0, NULL, NULL, NULL));
}

/* Sends a further copy of a packet by another path. */
static void
send_copy(const struct leaving *l, const struct mbuf *m,
    const struct ilnp_l64pair *wire, const struct ilnp_out *out)
{
	bool tcp = mtod(m, const struct ip6_hdr *)->ip6_nxt == IPPROTO_TCP;
	struct mbuf *n = m_dup(m, M_NOWAIT);

	if (n != NULL)
		n = ilnp_mbuf_dress(n, wire, out);
	if (n == NULL) {
		ILNP_EDGE_STAT(l->l_cache, nomem);
		return;
	}
	(void)ilnp_out_send(n, lead_out(n, find_hop(l->l_here, wire, NULL,
	    tcp), NULL, tcp));
}

/*
 * The locators of a packet that answers.  Its addresses are those it answers to,
 * but for a SYN|ACK of a listener bound to another locator than the SYN went
 * to: filters on the way expect that one back.
 */
static struct ilnp_l64pair
kept_pair(const struct leaving *l, const struct mbuf *m)
{
	const struct ip6_hdr *ip6 = mtod(m, const struct ip6_hdr *);
	struct ilnp_l64pair pair = {
		.local = ilnp_ilv_of(&ip6->ip6_src).l64,
		.remote = ilnp_ilv_of(&ip6->ip6_dst).l64
	}, came;

	if (ip6->ip6_nxt != IPPROTO_TCP ||
	    (l->l_note != NULL && l->l_note->n_wire.remote.l64 != 0))
		return (pair);
	came = ilnp_sess_rxpair(l->l_sess);
	if (ilnp_l64_eq(came.remote, pair.remote) &&
	    ilnp_loc_uplink(l->l_here, came.local) != NULL)
		pair.local = came.local;
	return (pair);
}

static uint32_t
flow_of(const struct inpcb *inp)
{
	if (inp == NULL)
		return (0);
	return (((uint32_t)inp->inp_lport << 16 | inp->inp_fport) * 0x9e3779b1);
}

/* True if a segment is a SYN. */
static bool
is_syn(const struct mbuf *m)
{
	const int at = sizeof(struct ip6_hdr) + offsetof(struct tcphdr,
	    th_flags);
	uint8_t flags;

	if (m->m_pkthdr.len <= at)
		return (false);
	m_copydata(m, at, sizeof(flags), (char *)&flags);
	return ((flags & TH_SYN) != 0);
}

static enum ilnp_part
part_of(const struct leaving *l, const struct mbuf *m, bool tcp)
{
	if (!tcp)
		return (ILNP_PART_ALONE);
	return (ilnp_omits_nonces(ilnp_ilcc_conf(l->l_cache), l->l_choice) &&
	    is_syn(m) ? ILNP_PART_BEGINS : ILNP_PART_GOES_ON);
}

/* Has the core choose how a packet leaves.  Returns 0 or an errno; counted. */
static int
choose(const struct leaving *l, const struct mbuf *m, const struct inpcb *inp,
    bool tcp, struct ilnp_out *out)
{
	enum ilnp_outverdict verdict;

	verdict = ilnp_sess_output(l->l_cache, l->l_sess,
	    (uint32_t)m->m_pkthdr.len, flow_of(inp), l->l_choice,
	    part_of(l, m, tcp), ilnp_now_coarse(), out);
	SDT_PROBE3(ilnp6, , , out, verdict, m, out);
	if (out->o_kick)
		ilnp_edge_kick(l->l_edge);
	if (verdict == ILNP_OUT_NOPATH)
		return (EHOSTUNREACH);
	/* Few are so long that it takes more than a look. */
	if (m->m_pkthdr.len > LONGEST - 16 && out->o_nonce.n_len != 0 &&
	    m->m_pkthdr.len + (int)ilnp_wire_noncelen(&out->o_nonce) >
	    LONGEST) {
		ILNP_EDGE_STAT(l->l_cache, out_toolong);
		return (EMSGSIZE);
	}
	return (0);
}

bool
ilnp_door_output(struct mbuf **mp, struct ip6_pktopts **optp,
    struct route_in6 **rop, int flags, struct inpcb *inp, int *error)
{
	struct leaving l = { .l_edge = &V_ilnp_edge };
	struct ilnp_l64pair wire;
	struct ilnp_out out;
	struct ip6_pktopts *opt = *optp;
	const struct ilnp_hop *hop;
	const struct ip6_hdr *ip6;
	struct mbuf *m = *mp;
	bool tcp, large;

	l.l_cache = ilnp_load_ptr(&l.l_edge->e_cache);
	l.l_here = ilnp_load_ptr(&l.l_edge->e_here);
	/* Routers of locators belong to the first routing table. */
	l.l_elsewhere = M_GETFIB(m) != RT_DEFAULT_FIB;
	if (l.l_cache == NULL || l.l_here == NULL ||
	    (flags & IPV6_FORWARDING) != 0 ||
	    (opt != NULL && (opt->ip6po_flags & ILNP_OPTS) != 0) ||
	    !know(&l, m, inp))
		return (false);

	large = (m->m_pkthdr.csum_flags & CSUM_TSO) != 0;
	if (large && !ilnp_sess_bare(l.l_cache, l.l_sess, l.l_choice,
	    ilnp_now()))
		goto cut;
	ip6 = mtod(m, const struct ip6_hdr *);
	tcp = ip6->ip6_nxt == IPPROTO_TCP;
	*error = choose(&l, m, inp, tcp, &out);
	if (*error != 0) {
		m_freem(m);
		*mp = NULL;
		return (true);
	}
	/* We may have moved since it was asked. */
	if (large && (out.o_nonce.n_len != 0 ||
	    out.o_cksum != ILNP_CKSUM_IPV6))
		goto cut;
	if (l.l_keep) {
		wire = kept_pair(&l, m);
		if (l.l_note != NULL && ip6->ip6_nxt == IPPROTO_ICMPV6)
			m = ilnp_icmp_restore(m, l.l_note);
	} else {
		wire = out.o_path[0].op_pair;
		if (l.l_from.l64 != 0)
			wire.local = l.l_from;
		for (u_int i = 1; i < out.o_n && l.l_from.l64 == 0; i++)
			send_copy(&l, m, &out.o_path[i].op_pair, &out);
	}
	if (m != NULL)
		m = ilnp_mbuf_dress(m, &wire, &out);
	*mp = m;
	if (m == NULL) {
		ILNP_EDGE_STAT(l.l_cache, nomem);
		*error = ENOBUFS;
		return (true);
	}
	hop = l.l_elsewhere ? NULL : find_hop(l.l_here, &wire, opt, tcp);
	/* A plain datagram that follows the routing table needs no options. */
	if (ILNP_HOOKED && opt == NULL && hop == NULL && !tcp)
		return (false);
	*optp = lead_out(m, hop, opt, tcp);
	if (hop != NULL && *optp != opt)
		*rop = NULL;
	return (false);
cut:
	*mp = NULL;
	*error = ilnp_tso_output(m, opt, flags, inp);
	return (true);
}

struct nhop_object *
ilnp_door_nhop(const struct ip6_pktopts *opt, const struct ip6_hdr *ip6)
{
	const struct ilnp_hop *hop;
	const struct ilnp_here *h;
	struct ilnp_l64 dst;

	if ((opt->ip6po_flags & ILNP_OPTS) == 0 || opt == &plain_opts ||
	    opt == &tcp_opts)
		return (NULL);
	hop = __containerof(opt, const struct ilnp_hop, h_opts);
	h = ilnp_load_ptr(&V_ilnp_edge.e_here);
	dst = ilnp_ilv_of(&ip6->ip6_dst).l64;
	/* A filter may have turned the packet to somebody else. */
	if (h == NULL || hop->h_nh == NULL || !NH_IS_VALID(hop->h_nh) ||
	    !ilnp_l64_eq(ilnp_ilv_of(&ip6->ip6_src).l64, hop->h_src) ||
	    !ilnp_l64_usable(dst) || ilnp_loc_onlink(h, dst))
		return (NULL);
	return (hop->h_nh);
}

/* Returns false if memory is short. */
static bool
send_act(const struct ilnp_here *h, const struct ilnp_act *a)
{
	const struct ilnp_ctl *ctl = &a->a_ctl;
	struct ilnp_l64pair wire = {
		.local = ctl->cp_src.l64, .remote = ctl->cp_dst.l64
	};
	size_t room = ILNP_IP6_HDRLEN + 16 + ILNP_LU_HDRLEN + ctl->cp_bodylen;
	struct mbuf *m;

	if (room <= MCLBYTES - 64)
		m = m_getcl(M_NOWAIT, MT_DATA, M_PKTHDR);
	else
		m = m_getjcl(M_NOWAIT, MT_DATA, M_PKTHDR, MJUM9BYTES);
	if (m == NULL)
		return (false);
	m->m_data += max_linkhdr;
	m->m_len = m->m_pkthdr.len = (int)ilnp_wire_compose(ctl,
	    mtod(m, uint8_t *), (size_t)M_TRAILINGSPACE(m));
	if (m->m_len == 0) {
		m_freem(m);
		return (false);
	}
	(void)ilnp_out_send(m, lead_out(m, find_hop(h, &wire, NULL, false),
	    NULL, false));
	return (true);
}

void
ilnp_out_acts(struct ilnp_edge *e, const struct ilnp_acts *acts)
{
	const struct ilnp_here *h = ilnp_load_ptr(&e->e_here);
	struct ilnp_ilcc *c = ilnp_load_ptr(&e->e_cache);

	NET_EPOCH_ASSERT();
	/* Nobody knows what filters and drivers will lock. */
	WITNESS_WARN(WARN_GIANTOK | WARN_SLEEPOK, NULL, "ILNP sends");
	/* Without these ILNP is being switched off. */
	for (u_int i = 0; c != NULL && h != NULL && i < acts->as_n; i++)
		if (!send_act(h, &acts->as_act[i]))
			ILNP_EDGE_STAT(c, nomem);
}
