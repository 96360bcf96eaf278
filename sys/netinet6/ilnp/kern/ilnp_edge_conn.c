/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * How a flow becomes one of ILNP: as initiator in connect(2), as responder by
 * the nonce of its SYN, which the SYN cache and cookies remember as a token.
 * Nothing here keeps state: the token leads back to the session.
 */
#include "opt_inet6.h"

#include "ilnp_edge.h"

#include <sys/jail.h>

#include <net/if_private.h>
#include <netinet/tcp_var.h>
#include <netinet6/in6_var.h>

#include "../core/ilnp_addr.h"
#include "ilnp_hooks.h"

/* Tells our tags from those of others; unique by the time it was chosen. */
#define	NOTE_COOKIE	1795250000
#define	NOTE_TYPE	1

const struct ilnp_note *
ilnp_note_find(const struct mbuf *m)
{
	if (SLIST_EMPTY(&m->m_pkthdr.tags))
		return (NULL);
	return ((struct ilnp_note *)m_tag_locate(__DECONST(struct mbuf *, m),
	    NOTE_COOKIE, NOTE_TYPE, NULL));
}

struct ilnp_note *
ilnp_note_add(struct mbuf *m)
{
	struct m_tag *t = m_tag_alloc(NOTE_COOKIE, NOTE_TYPE,
	    sizeof(struct ilnp_note) - sizeof(struct m_tag), M_NOWAIT);

	if (t == NULL)
		return (NULL);
	memset(t + 1, 0, sizeof(struct ilnp_note) - sizeof(*t));
	m_tag_prepend(m, t);
	return ((struct ilnp_note *)t);
}

static struct ilnp_nidpair
nids_of(const struct in_conninfo *inc)
{
	struct ilnp_nidpair nids = {
		.local = ilnp_ilv_of(&inc->inc6_laddr).nid,
		.remote = ilnp_ilv_of(&inc->inc6_faddr).nid
	};

	return (nids);
}

/*
 * What a name says of other places of a NID is its owner's word, who may not be
 * the node's: only the place that the program itself has named is tried, and
 * with it no nonce is shown to anybody else.  The node tells of the others.
 * Returns how many are left, 0 or 1.
 */
static u_int
only_at(struct ilnp_lurec *rec, u_int n, struct ilnp_l64 at)
{
	for (u_int i = 0; i < n; i++)
		if (ilnp_l64_eq(rec[i].lr_l64, at)) {
			rec[0] = rec[i];
			return (1);
		}
	return (0);
}

struct ilnp_sess *
ilnp_conn_open(struct ilnp_edge *e, struct ilnp_ilcc *c,
    const struct ilnp_nidpair *nids, struct ilnp_l64 at)
{
	struct ilnp_lurec rec[ILNP_LOCS_MAX];
	struct ilnp_sess *s;
	ilnp_time_t now;
	struct ilnp_cands *cs;
	bool trusted;
	int error;
	u_int n;

	s = ilnp_ilcc_find_at(c, nids, at);
	if (s != NULL || !ilnp_hint_known(e, nids->remote))
		return (s);
	now = ilnp_now();
	cs = ilnp_load_ptr(&e->e_cands);
	n = ilnp_cands_get(cs, nids->remote, now, rec, &trusted);
	if (n == 0) {
		/* Its time may be over, and its name worth a question. */
		ilnp_name_stir(e);
		return (NULL);
	}
	if (!trusted)
		n = only_at(rec, n, at);
	if (n == 0)
		return (NULL);
	error = trusted ? ilnp_ilcc_open(c, nids, rec, n, now, &s) :
	    ilnp_ilcc_offer(c, nids, rec, n, now, &s);
	if (error != 0)
		return (NULL);
	ilnp_cands_opened(cs, nids->remote, now);
	/* The timer looks at what names have opened. */
	ilnp_edge_kick(e);
	/* Known not to speak ILNP, or not to be where the program wants it. */
	return (ilnp_ilcc_find_at(c, nids, at));
}

/* True if packets can leave by the interface that has an address. */
static bool
is_alive(const struct in6_addr *addr)
{
	const struct in6_ifaddr *ia = in6ifa_ifwithaddr(addr, 0, false);

	return (ia != NULL && (ia->ia_ifp->if_flags & IFF_UP) != 0 &&
	    ia->ia_ifp->if_link_state != LINK_STATE_DOWN);
}

/*
 * The source address of a new flow: the one that the stock selection found if
 * it has a NID, else one that has, on the same interface and locator, if the
 * program has not asked for another and its jail may use it.  A lost link may
 * keep its address and the default route for a while, and a locator whose
 * router has gone its addresses: then another locator takes its place.
 * Returns false if there is none.
 */
static bool
choose_source(const struct ilnp_here *h, const struct inpcb *inp,
    const struct in6_addr *found, struct in6_addr *chosen)
{
	struct ilnp_ilv local = ilnp_ilv_of(found);
	bool ours = ilnp_loc_uplink(h, local.l64) != NULL;

	*chosen = *found;
	if (ours && ilnp_loc_nid(h, local.nid))
		return (true);
	if (!IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_laddr) ||
	    (inp->in6p_outputopts != NULL &&
	    inp->in6p_outputopts->ip6po_pktinfo != NULL))
		return (false);
	if (!ours) {
		if (h->n_uplinks == 0 ||
		    (!ilnp_loc_nid(h, local.nid) && is_alive(found)))
			return (false);
		local.l64 = h->n_uplink[0].u_hop.h_src;
	}
	*chosen = ilnp_addr_of(local.l64, h->n_nid[0]);
	return (prison_check_ip6(inp->inp_cred, chosen) == 0);
}

/* True if a connection of this socket may have a NID of its own. */
static bool
may_be_ephemeral(const struct inpcb *inp)
{
	const struct ip6_pktopts *opts = inp->in6p_outputopts;
	const struct ilnp_wish *w = inp->ilnp_inp_wish;

	/* The program has chosen a source, or to be known (RFC 5014). */
	if (!IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_laddr) || (opts != NULL &&
	    (opts->ip6po_pktinfo != NULL ||
	    opts->ip6po_prefer_tempaddr == IP6PO_TEMPADDR_NOTPREFER)) ||
	    (w != NULL && w->w_nids.local.nid != 0))
		return (false);
	/* A jail without a stack of its own has its addresses and no others. */
	return (ilnp_flow_proto(inp) != 0 &&
	    !prison_flag(inp->inp_cred, PR_IP6));
}

static bool
is_coming(const struct ilnp_here *h, struct ilnp_l64 l64)
{
	for (uint32_t i = 0; i < h->n_onlink; i++)
		if (ilnp_l64_eq(h->n_onlinks[i], l64))
			return ((h->n_coming & 1U << i) != 0);
	return (false);
}

/*
 * Gives a connection a NID that nothing else has, whether its peer speaks ILNP
 * or not, if that is wanted and it would leave by one of our locators or by one
 * that is about to be.  Replaces `source', which the stock selection has found.
 * Returns 0 or, unless our own NID will do then, EADDRNOTAVAIL.
 */
static int
make_ephemeral(struct ilnp_edge *e, const struct inpcb *inp,
    const struct in6_addr *to, struct in6_addr *source)
{
	struct ilnp_ilcc *c = ilnp_load_ptr(&e->e_cache);
	const struct ilnp_here *h = ilnp_load_ptr(&e->e_here);
	struct ilnp_ilv local = ilnp_ilv_of(source), remote = ilnp_ilv_of(to);
	const struct ilnp_uplink *u;
	int why = EAGAIN;

	if (!ilnp_eph_on(e) || c == NULL || !may_be_ephemeral(inp) ||
	    !ilnp_l64_usable(remote.l64) || !ilnp_l64_usable(local.l64) ||
	    IN6_ARE_ADDR_EQUAL(source, to))
		return (0);
	if (h == NULL)
		goto none;
	if (ilnp_loc_nid(h, remote.nid))
		return (0);
	u = ilnp_loc_uplink(h, local.l64);
	if (u == NULL) {
		if (is_coming(h, local.l64))
			goto none;
		if (!ilnp_loc_nid(h, local.nid) && is_alive(source))
			return (0);
		/* As choose_source() has it. */
		u = h->n_uplinks == 0 ? NULL : &h->n_uplink[0];
	}
	if (u == NULL || !u->u_mint)
		goto none;
	why = ilnp_eph_take(e, inp->inp_cred, remote.nid, &local.nid);
	if (why != 0)
		goto none;
	ILNP_EDGE_STAT(c, eph_taken);
	*source = ilnp_addr_of(u->u_hop.h_src, local.nid);
	return (0);
none:
	if (ilnp_load_32(&e->e_pool.o_stable) != 0) {
		ILNP_EDGE_STAT(c, eph_stable);
		return (0);
	}
	if (why == EDQUOT)
		ILNP_EDGE_STAT(c, eph_share);
	else
		ILNP_EDGE_STAT(c, eph_empty);
	return (EADDRNOTAVAIL);
}

/*
 * The session of a socket that is being connected, borrowed, and the source
 * address it gets; NULL if the flow will be one of plain IPv6.
 */
static struct ilnp_sess *
open_for(struct ilnp_edge *e, const struct inpcb *inp,
    const struct in6_addr *to, const struct in6_addr *found,
    struct in6_addr *source)
{
	struct ilnp_ilcc *c = ilnp_load_ptr(&e->e_cache);
	const struct ilnp_here *h = ilnp_load_ptr(&e->e_here);
	struct ilnp_ilv remote = ilnp_ilv_of(to);
	struct ilnp_nidpair nids;

	if (c == NULL || h == NULL || ilnp_flow_proto(inp) == 0 ||
	    !ilnp_l64_usable(remote.l64) || !ilnp_nid_usable(remote.nid) ||
	    ilnp_loc_nid(h, remote.nid) ||
	    !choose_source(h, inp, found, source))
		return (NULL);
	nids.local = ilnp_ilv_of(source).nid;
	nids.remote = remote.nid;
	return (ilnp_conn_open(e, c, &nids, remote.l64));
}

/* True if a path or none will do, and there is no such path. */
static bool
must_fail(struct ilnp_edge *e, const struct inpcb *inp, struct ilnp_sess *s,
    const struct in6_addr *source, const struct in6_addr *to)
{
	struct ilnp_nidpair nids = {
		.local = ilnp_ilv_of(source).nid,
		.remote = ilnp_ilv_of(to).nid
	};
	const struct ilnp_choice *wish = ilnp_wish_of(inp, &nids);
	struct ilnp_choice trial = { };

	if (wish == NULL || wish->ch_kind != ILNP_CHOICE_STRICT)
		return (false);
	return (s == NULL || ilnp_sess_choose(ilnp_load_ptr(&e->e_cache), s,
	    &trial, wish) != 0);
}

bool
ilnp_door_connect(struct inpcb *inp, const struct sockaddr_in6 *sin6,
    bool selected, struct in6_addr *laddr, int *error)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	struct in6_addr found = *laddr, source;
	struct ilnp_sess *s;

	INP_WLOCK_ASSERT(inp);
	if (!selected)
		return (false);
	/* An attempt to connect may have failed after this point. */
	inp->inp_inc.inc_flags &= ~INC_ILNP;
	inp->in6p_zoneid = 0;
	*error = make_ephemeral(e, inp, &sin6->sin6_addr, &found);
	if (*error != 0)
		return (true);
	source = found;
	s = open_for(e, inp, &sin6->sin6_addr, &found, &source);
	if (must_fail(e, inp, s, &source, &sin6->sin6_addr)) {
		*error = EADDRNOTAVAIL;
		return (true);
	}
	*laddr = found;
	if (s != NULL) {
		inp->inp_inc.inc_flags |= INC_ILNP;
		*laddr = source;
	}
	return (false);
}

void
ilnp_door_mark(struct in_conninfo *inc, const struct mbuf *m)
{
	const struct ilnp_note *n = ilnp_note_find(m);

	if (n == NULL || (inc->inc_flags & INC_ISIPV6) == 0)
		return;
	inc->inc_flags |= INC_ILNP;
	inc->inc6_zoneid = n->n_token;
	/*
	 * The peer is where this comes from: a SYN may have got the addresses
	 * of a connection in TIME_WAIT, which has given way to it.
	 */
	inc->inc6_faddr = ilnp_addr_of(n->n_wire.remote,
	    ilnp_ilv_of(&inc->inc6_faddr).nid);
}

void
ilnp_door_flowkey(const struct in_conninfo *inc, struct in_conninfo *key)
{
	*key = *inc;
	memset(&key->inc6_faddr, 0, 8);
	memset(&key->inc6_laddr, 0, 8);
	/* The SYN cache picks its bucket by ports and foreign address. */
	key->inc6_faddr.s6_addr32[0] = inc->inc6_zoneid;
}

bool
ilnp_door_same_flow(const struct in_conninfo *a, const struct in_conninfo *b)
{
	struct ilnp_nidpair an = nids_of(a), bn = nids_of(b);

	return (a->inc_fport == b->inc_fport && a->inc_lport == b->inc_lport &&
	    a->inc6_zoneid == b->inc6_zoneid && ilnp_nidpair_eq(&an, &bn));
}

void
ilnp_door_synack(const struct in_conninfo *inc, struct mbuf *m)
{
	struct ilnp_note *n = ilnp_note_add(m);

	/* Without it the segment goes as IPv6 and is dropped: as if lost. */
	if (n != NULL)
		n->n_token = inc->inc6_zoneid;
}

void
ilnp_door_accept(struct inpcb *inp, const struct in_conninfo *inc,
    const struct mbuf *m __unused)
{
	INP_WLOCK_ASSERT(inp);
	/* For the insertion, if there will be one: see hold_session(). */
	if (ilnp_load_ptr(&V_ilnp_edge.e_cache) != NULL)
		inp->in6p_zoneid = inc->inc6_zoneid;
	else
		inp->inp_inc.inc_flags &= ~INC_ILNP;
}

uint32_t
ilnp_door_maxmtu(const struct in_conninfo *inc __unused, uint32_t mtu,
    struct tcp_ifcap *cap)
{
	const struct ilnp_edge *e = &V_ilnp_edge;
	struct ilnp_ilcc *c = ilnp_load_ptr(&e->e_cache);
	const struct ilnp_here *h = ilnp_load_ptr(&e->e_here);
	const struct ilnp_conf *conf;
	uint32_t room;

	if (c == NULL || h == NULL)
		return (mtu);
	/* No route to the anchor any more: the flow has moved on. */
	for (uint32_t i = 0; i < h->n_uplinks; i++)
		if (mtu == 0 || h->n_uplink[i].u_mtu < mtu)
			mtu = h->n_uplink[i].u_mtu;
	if (mtu == 0)
		return (0);
	conf = ilnp_ilcc_conf(c);
	room = ilnp_out_room(c);
	if (cap != NULL && (ilnp_load_32(&conf->nonce_policy) == 0 ||
	    ilnp_load_32(&conf->cksum) != 1))
		cap->ifcap &= ~CSUM_TSO;
	return ((mtu < IPV6_MMTU ? IPV6_MMTU : mtu) - room);
}
