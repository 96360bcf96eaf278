/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What takes the place of the hooks on a kernel without them (ilnp.ko).  Packets
 * out are seen by a packet filter, which takes those of ILNP away and sends
 * them anew as they are to be; connections are found in their packets: the
 * first SYN, or datagram of a connected socket, that goes out to a
 * correspondent, and a SYN with a nonce for a program that listens.  What has
 * no socket any more is swept out.
 *
 * What cannot be done from here, ilnp(4) says.
 */
#include "opt_inet6.h"

#include "ilnp_edge.h"

#include <sys/jail.h>

#include <net/if_llatbl.h>
#include <net/pfil.h>
#include <net/route.h>
#include <net/route/nhop.h>
#include <net/route/route_var.h>
#include <netinet6/in6_pcb.h>
#include <netinet/tcp.h>
#include <netinet/tcp_var.h>
#include <netinet/udp.h>
#include <netinet/udp_var.h>

#include "../core/ilnp_addr.h"
#include "ilnp_hooks.h"

/* On a packet that has been through here. */
#define	READY_COOKIE	1795250002
#define	READY_TYPE	1

#define	GRACE_SURE	2	/* s, between a packet and its socket */
#define	GRACE_UNSURE	30	/* s, for a handshake */

static struct inpcbinfo *
pcbinfo_of(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return (&V_tcbinfo);
	case IPPROTO_UDP:
		return (&V_udbinfo);
	default:
		return (&V_ulitecbinfo);
	}
}

/*
 * True if there is a socket for these; `how' is 0 or INPLOOKUP_WILDCARD.  It
 * must be one that may have `came', too, unless that is NULL.
 */
static bool
has_socket(uint8_t proto, struct in6_addr laddr, uint16_t lport,
    struct in6_addr faddr, uint16_t fport, int how,
    const struct in6_addr *came)
{
	struct inpcb *inp;
	bool may;

	inp = in6_pcblookup(pcbinfo_of(proto), &faddr, fport, &laddr, lport,
	    how | INPLOOKUP_RLOCKPCB, NULL);
	if (inp == NULL)
		return (false);
	may = came == NULL || prison_check_ip6(inp->inp_cred, came) == 0;
	INP_RUNLOCK(inp);
	return (may);
}

/*
 * TCP asks the host cache for the MTU: leaves room for the nonce there, as
 * nothing else will.
 */
static void
leave_room(const struct ilnp_edge *e, const struct in6_addr *faddr)
{
	const struct ilnp_here *h = ilnp_load_ptr(&e->e_here);
	struct ilnp_ilcc *c = ilnp_load_ptr(&e->e_cache);
	struct in_conninfo inc = { .inc_flags = INC_ISIPV6,
	    .inc6_faddr = *faddr };
	uint32_t mtu = tcp_hc_getmtu(&inc), room;

	if (h == NULL || c == NULL)
		return;
	room = ilnp_out_room(c);
	for (uint32_t i = 0; i < h->n_uplinks; i++)
		if (mtu == 0 || h->n_uplink[i].u_mtu - room < mtu)
			mtu = h->n_uplink[i].u_mtu - room;
	if (mtu != 0)
		tcp_hc_updatemtu(&inc, mtu);
}

bool
ilnp_pfil_awaited(const struct ilnp_view *v, const struct in6_addr *src,
    const struct in6_addr *dst)
{
	return (has_socket(v->v_proto, *dst, htons(v->v_dport), *src,
	    htons(v->v_sport), INPLOOKUP_WILDCARD, NULL));
}

/* Finds who waits for a packet to *dst, or to another locator of ours. */
static bool
find_listener(const struct ilnp_here *h, const struct ilnp_view *v,
    const struct in6_addr *src, struct in6_addr *dst)
{
	struct in6_addr at = *dst;

	if (ilnp_pfil_awaited(v, src, dst))
		return (true);
	for (uint32_t i = 0; i < h->n_uplinks; i++) {
		ilnp_set_l64(&at, h->n_uplink[i].u_hop.h_src);
		if (has_socket(v->v_proto, at, htons(v->v_dport), *src,
		    htons(v->v_sport), INPLOOKUP_WILDCARD, dst)) {
			*dst = at;
			return (true);
		}
	}
	return (false);
}

void
ilnp_pfil_arrived(struct ilnp_edge *e, const struct ilnp_view *v,
    struct ilnp_sess *s, const struct in6_addr *src, struct in6_addr *dst)
{
	const struct ilnp_here *h = ilnp_load_ptr(&e->e_here);
	struct ilnp_ends ends;

	if (h == NULL || (v->v_proto == IPPROTO_TCP &&
	    (v->v_tcpflags & (TH_SYN | TH_ACK)) != TH_SYN) ||
	    !find_listener(h, v, src, dst) || v->v_proto != IPPROTO_TCP)
		return;
	ends.en_proto = v->v_proto;
	ends.en_laddr = *dst;
	ends.en_lport = htons(v->v_dport);
	ends.en_faddr = *src;
	ends.en_fport = htons(v->v_sport);
	if (ilnp_flow_learn(e, &ends, s, false) != NULL)
		leave_room(e, src);
}

/* The connection that a packet begins, if it may be one of ILNP, or NULL. */
static const struct ilnp_flow *
begin(struct ilnp_edge *e, const struct ilnp_ends *ends)
{
	struct ilnp_ilcc *c = ilnp_load_ptr(&e->e_cache);
	const struct ilnp_here *h = ilnp_load_ptr(&e->e_here);
	struct ilnp_ilv local = ilnp_ilv_of(&ends->en_laddr);
	struct ilnp_ilv remote = ilnp_ilv_of(&ends->en_faddr);
	struct ilnp_nidpair nids = {
		.local = local.nid, .remote = remote.nid
	};
	const struct ilnp_flow *f = NULL;
	struct ilnp_sess *s;

	if (c == NULL || h == NULL || !ilnp_nid_usable(remote.nid) ||
	    ilnp_loc_nid(h, remote.nid) ||
	    ilnp_loc_uplink(h, local.l64) == NULL)
		return (NULL);
	s = ilnp_conn_open(e, c, &nids, remote.l64);
	if (s != NULL)
		f = ilnp_flow_learn(e, ends, s, true);
	if (f != NULL)
		leave_room(e, &ends->en_faddr);
	return (f);
}

const struct ilnp_flow *
ilnp_pfil_leaves(struct ilnp_edge *e, const struct mbuf *m,
    const struct inpcb *inp)
{
	const struct ip6_hdr *ip6 = mtod(m, const struct ip6_hdr *);
	const struct ilnp_here *h = ilnp_load_ptr(&e->e_here);
	const struct tcphdr *th = (const struct tcphdr *)(ip6 + 1);
	bool connected = inp != NULL &&
	    !IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_faddr);
	struct ilnp_ends ends = { .en_proto = ip6->ip6_nxt,
	    .en_laddr = ip6->ip6_src, .en_faddr = ip6->ip6_dst };
	struct ilnp_nidpair nids = {
		.local = ilnp_ilv_of(&ip6->ip6_src).nid,
		.remote = ilnp_ilv_of(&ip6->ip6_dst).nid
	};
	const struct ilnp_flow *f;

	if (h == NULL || !ilnp_loc_nid(h, nids.local) ||
	    ilnp_sumoff[ends.en_proto] == 0 ||
	    m->m_len < (int)(sizeof(*ip6) + (ends.en_proto == IPPROTO_TCP ?
	    sizeof(*th) : sizeof(struct udphdr))) ||
	    (inp != NULL && (ilnp_flow_proto(inp) != ends.en_proto ||
	    prison_flag(inp->inp_cred, PR_IP6))))
		return (NULL);
	/* Ports stand at the same place in all three. */
	ends.en_lport = th->th_sport;
	ends.en_fport = th->th_dport;
	f = ilnp_flow_lookup(e, ends.en_proto, &nids, ends.en_lport,
	    ends.en_fport, ilnp_ilv_of(&ends.en_laddr).l64);
	if (f != NULL && IN6_ARE_ADDR_EQUAL(&f->f_laddr, &ends.en_laddr) &&
	    IN6_ARE_ADDR_EQUAL(&f->f_faddr, &ends.en_faddr)) {
		if (connected && !f->f_sure)
			ilnp_flow_sure(e, f);
		return (f);
	}
	if (!connected || (f != NULL && f->f_sure) ||
	    (ends.en_proto == IPPROTO_TCP &&
	    (tcp_get_flags(th) & (TH_SYN | TH_ACK)) != TH_SYN))
		return (NULL);
	return (begin(e, &ends));
}

/* True if a connection is to be kept. */
static bool
is_alive(struct ilnp_edge *e, const struct ilnp_flow *f)
{
	if (f->f_proto == IPPROTO_ICMPV6)
		return (ilnp_echo_alive(e, f));
	if (has_socket(f->f_proto, f->f_laddr, f->f_lport, f->f_faddr,
	    f->f_fport, 0, NULL)) {
		if (!f->f_sure)
			ilnp_flow_sure(e, f);
		return (true);
	}
	return (time_uptime - f->f_born <
	    (f->f_sure ? GRACE_SURE : GRACE_UNSURE));
}

void
ilnp_pfil_sweep(struct ilnp_edge *e)
{
	ilnp_flow_sweep(e, is_alive);
}

int
ilnp_pfil_send(struct mbuf *m, struct ip6_pktopts *opt)
{
	struct route_in6 ro = { };
	struct ilnp_ilcc *c = ilnp_load_ptr(&V_ilnp_edge.e_cache);
	struct nhop_object *nh;
	struct m_tag *t;
	int error;

	t = m_tag_alloc(READY_COOKIE, READY_TYPE, 0, M_NOWAIT);
	if (t == NULL) {
		if (c != NULL)
			ILNP_EDGE_STAT(c, nomem);
		m_freem(m);
		return (ENOBUFS);
	}
	m_tag_prepend(m, t);
	nh = ilnp_door_nhop(opt, mtod(m, const struct ip6_hdr *));
	if (nh == NULL || nhop_try_ref_object(nh) == 0)
		return (ip6_output(m, opt, NULL, 0, NULL, NULL, NULL));
	ro.ro_nh = nh;
	ro.ro_dst.sin6_family = AF_INET6;
	ro.ro_dst.sin6_len = sizeof(ro.ro_dst);
	ro.ro_dst.sin6_addr = mtod(m, const struct ip6_hdr *)->ip6_dst;
	error = ip6_output(m, opt, &ro, 0, NULL, NULL, NULL);
	RO_INVALIDATE_CACHE(&ro);
	return (error);
}

/* The program cannot be told of errors: to it, the packet was lost on its way. */
static pfil_return_t
on_leaving(struct mbuf **mp, struct ifnet *ifp __unused, int flags,
    void *ruleset __unused, struct inpcb *inp)
{
	struct ip6_pktopts *opt = NULL;
	struct route_in6 *ro = NULL;
	struct mbuf *m = *mp;
	struct m_tag *t;
	int error;

	if ((flags & PFIL_FWD) != 0)
		return (PFIL_PASS);
	t = m_tag_locate(m, READY_COOKIE, READY_TYPE, NULL);
	if (t != NULL) {
		m_tag_delete(m, t);
		return (PFIL_PASS);
	}
	if (!ilnp_door_output(&m, &opt, &ro, 0, inp, &error)) {
		if (opt == NULL)
			return (PFIL_PASS);
		(void)ilnp_pfil_send(m, opt);
	}
	*mp = NULL;
	return (PFIL_CONSUMED);
}

int
ilnp_pfil_link(struct ilnp_edge *e)
{
	struct pfil_hook_args hook = {
		.pa_version = PFIL_VERSION,
		.pa_flags = PFIL_OUT,
		.pa_type = PFIL_TYPE_IP6,
		.pa_mbuf_chk = on_leaving,
		.pa_modname = "ilnp",
		.pa_rulname = "out"
	};
	struct pfil_link_args link = {
		.pa_version = PFIL_VERSION,
		/* First on the way out: filters see packets as they leave. */
		.pa_flags = PFIL_OUT | PFIL_HEADPTR | PFIL_HOOKPTR |
		    PFIL_APPEND,
		.pa_head = V_inet6_pfil_head
	};
	int error;

	e->e_outhook = pfil_add_hook(&hook);
	link.pa_hook = e->e_outhook;
	error = pfil_link(&link);
	if (error != 0)
		ilnp_pfil_unlink(e);
	return (error);
}

void
ilnp_pfil_unlink(struct ilnp_edge *e)
{
	if (e->e_outhook != NULL)
		pfil_remove_hook(e->e_outhook);
	e->e_outhook = NULL;
}
