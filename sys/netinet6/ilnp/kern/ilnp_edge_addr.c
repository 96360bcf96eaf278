/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Gives interfaces an ordinary address for each pair of locator and NID, so
 * that Duplicate Address Detection, Neighbour Discovery and the check whether a
 * packet is ours need not know of ILNP.  The addresses live as long as their
 * prefix; those that somebody else configured are left alone.
 */
#include "ilnp_edge.h"

#include <sys/rmlock.h>
#include <sys/sockio.h>

#include <net/if_dl.h>
#include <net/if_private.h>
#include <net/if_types.h>
#include <netinet6/in6_var.h>
#include <netinet6/nd6.h>

#include "../core/ilnp_addr.h"
#include "ilnp_edge_addr.h"

/* A shorter or longer life than an address has, by more than this, is set. */
#define	LIFE_SLACK	5	/* s */

static struct ilnp_mine *
find_mine(struct ilnp_edge *e, uint32_t ifindex, const struct in6_addr *addr)
{
	for (uint32_t i = 0; i < e->e_nmine; i++)
		if (e->e_mine[i].m_ifindex == ifindex &&
		    IN6_ARE_ADDR_EQUAL(&e->e_mine[i].m_addr, addr))
			return (&e->e_mine[i]);
	return (NULL);
}

static void
del_mine(struct ilnp_edge *e, struct ilnp_mine *m)
{
	*m = e->e_mine[--e->e_nmine];
}

void
ilnp_addr_forget(struct ilnp_edge *e, uint32_t ifindex)
{
	uint32_t i = 0;

	sx_assert(&e->e_sx, SA_XLOCKED);
	while (i < e->e_nmine)
		if (e->e_mine[i].m_ifindex == ifindex)
			del_mine(e, &e->e_mine[i]);
		else
			i++;
}

int
ilnp_addr_eui64(struct ilnp_nid *nid)
{
	struct epoch_tracker et;
	struct ifnet *ifp;
	int error = ENXIO;

	NET_EPOCH_ENTER(et);
	CK_STAILQ_FOREACH(ifp, &V_ifnet, if_link)
		if (ifp->if_type == IFT_ETHER && ifp->if_addrlen == 6) {
			*nid = ilnp_nid_eui64((const uint8_t *)IF_LLADDR(ifp));
			error = 0;
			break;
		}
	NET_EPOCH_EXIT(et);
	return (error);
}

/* Adds an address, or renews one of ours. */
static int
put_address(struct ifnet *ifp, struct in6_ifaddr *ia,
    const struct in6_addr *addr, const struct ilnp_prefix *p, int flags)
{
	struct in6_aliasreq req = {
		.ifra_addr = { .sin6_len = sizeof(req.ifra_addr),
		    .sin6_family = AF_INET6, .sin6_addr = *addr },
		.ifra_prefixmask = { .sin6_len = sizeof(req.ifra_prefixmask),
		    .sin6_family = AF_INET6, .sin6_addr = in6mask64 },
		.ifra_flags = flags,
		.ifra_lifetime = { .ia6t_vltime = p->p_valid,
		    .ia6t_pltime = p->p_preferred }
	};

	return (in6_update_ifa(ifp, &req, ia, 0));
}

/* True if an address ends when its prefix does not. */
static bool
ends_otherwise(const struct in6_ifaddr *ia, const struct ilnp_prefix *p)
{
	time_t end = time_uptime + p->p_valid;

	if (p->p_valid == ND6_INFINITE_LIFETIME)
		return (ia->ia6_lifetime.ia6t_expire != 0);
	return (labs(ia->ia6_lifetime.ia6t_expire - end) > LIFE_SLACK);
}

static bool
life_differs(const struct in6_ifaddr *ia, const struct ilnp_prefix *p)
{
	time_t soft = time_uptime + p->p_preferred;

	if (p->p_valid == ND6_INFINITE_LIFETIME || ends_otherwise(ia, p))
		return (ends_otherwise(ia, p));
	return (p->p_preferred != ND6_INFINITE_LIFETIME &&
	    labs(ia->ia6_lifetime.ia6t_preferred - soft) > LIFE_SLACK);
}

/*
 * True if the address of one NID is there and known to be unique.  It is
 * preferred as source, so that a program which does not choose answers from the
 * NID it was asked at.
 */
static bool
prepare_one(struct ilnp_edge *e, struct ifnet *ifp,
    const struct ilnp_prefix *p, struct ilnp_nid nid)
{
	struct in6_addr addr = ilnp_addr_of(p->p_l64, nid);
	struct ilnp_mine *mine = find_mine(e, p->p_ifindex, &addr);
	struct in6_ifaddr *ia = in6ifa_ifpwithaddr(ifp, &addr);
	bool ready = false;

	if (ia != NULL) {
		ready = (ia->ia6_flags & IN6_IFF_NOTREADY) == 0;
		if (mine != NULL && life_differs(ia, p))
			(void)put_address(ifp, ia, &addr, p,
			    IN6_IFF_PREFER_SOURCE);
		ifa_free(&ia->ia_ifa);
		return (ready);
	}
	if (mine != NULL)
		/* Gone with its prefix, which is back, or deleted by hand. */
		del_mine(e, mine);
	if (p->p_auto && e->e_nmine < ILNP_MINE_MAX &&
	    put_address(ifp, NULL, &addr, p, IN6_IFF_PREFER_SOURCE) == 0) {
		e->e_mine[e->e_nmine].m_ifindex = p->p_ifindex;
		e->e_mine[e->e_nmine++].m_addr = addr;
	}
	return (false);
}

void
ilnp_addr_prepare(struct ilnp_edge *e, struct ilnp_prefix *p)
{
	struct epoch_tracker et;
	struct ifnet *ifp;

	sx_assert(&e->e_sx, SA_XLOCKED);
	NET_EPOCH_ENTER(et);
	ifp = ifnet_byindex_ref(p->p_ifindex);
	NET_EPOCH_EXIT(et);
	if (ifp == NULL)
		return;
	p->p_ready = e->e_nnids != 0;
	for (uint32_t i = 0; i < e->e_nnids; i++)
		p->p_ready &= prepare_one(e, ifp, p, e->e_nid[i]);
	if_rele(ifp);
}

enum ilnp_addrstate
ilnp_addr_ephemeral(struct ifnet *ifp, const struct ilnp_prefix *p,
    struct ilnp_nid nid)
{
	struct in6_addr addr = ilnp_addr_of(p->p_l64, nid);
	/* Deprecated when this prefix was first seen, or before. */
	struct ilnp_prefix old = *p;
	enum ilnp_addrstate state = ILNP_ADDR_READY;
	struct in6_ifaddr *ia;
	int flags;

	old.p_preferred = 0;
	ia = in6ifa_ifwithaddr(&addr, 0, true);
	if (ia == NULL) {
		if (put_address(ifp, NULL, &addr, &old,
		    IN6_IFF_DEPRECATED) != 0)
			return (ILNP_ADDR_NONE);
		ia = in6ifa_ifwithaddr(&addr, 0, true);
		if (ia == NULL)
			return (ILNP_ADDR_NONE);
		/* Or it would count as preferred until the second is over. */
		ia->ia6_updatetime--;
	}
	flags = ia->ia6_flags;
	if ((flags & IN6_IFF_DUPLICATED) != 0)
		state = ILNP_ADDR_TAKEN;
	else if ((flags & IN6_IFF_NOTREADY) != 0)
		state = ILNP_ADDR_ASKED;
	else if (ends_otherwise(ia, p))
		/* Not before: a question under way would be forgotten. */
		(void)put_address(ifp, ia, &addr, &old, IN6_IFF_DEPRECATED);
	ifa_free(&ia->ia_ifa);
	return (state);
}

#define	REMOVALS	32	/* between two looks at the list */

struct doomed {
	struct ifnet	*d_ifp;		/* referenced */
	struct in6_addr	d_addr;
};

/* Fills in addresses that are to go; returns how many. */
static u_int
find_doomed(struct ilnp_edge *e,
    bool (*gone)(const struct ilnp_edge *, struct ilnp_nid),
    struct doomed d[REMOVALS])
{
	struct rm_priotracker tracker;
	struct epoch_tracker et;
	struct in6_ifaddr *ia;
	u_int n = 0;

	/* An interface is referenced within the epoch only. */
	NET_EPOCH_ENTER(et);
	IN6_IFADDR_RLOCK(&tracker);
	CK_STAILQ_FOREACH(ia, &V_in6_ifaddrhead, ia_link) {
		const struct in6_addr *addr = &ia->ia_addr.sin6_addr;

		if (n < REMOVALS && gone(e, ilnp_ilv_of(addr).nid) &&
		    if_try_ref(ia->ia_ifp)) {
			d[n].d_ifp = ia->ia_ifp;
			d[n++].d_addr = *addr;
		}
	}
	IN6_IFADDR_RUNLOCK(&tracker);
	NET_EPOCH_EXIT(et);
	return (n);
}

void
ilnp_addr_remove(struct ilnp_edge *e,
    bool (*gone)(const struct ilnp_edge *, struct ilnp_nid))
{
	struct in6_aliasreq req = { };
	struct doomed d[REMOVALS];
	u_int n, done;

	do {
		n = find_doomed(e, gone, d);
		done = 0;
		for (u_int i = 0; i < n; i++) {
			req.ifra_addr.sin6_len = sizeof(req.ifra_addr);
			req.ifra_addr.sin6_family = AF_INET6;
			req.ifra_addr.sin6_addr = d[i].d_addr;
			/* As ifconfig(8) does, with its locks. */
			done += in6_control(NULL, SIOCDIFADDR_IN6, &req,
			    d[i].d_ifp, NULL) == 0;
			if_rele(d[i].d_ifp);
		}
	} while (n == REMOVALS && done != 0);
}
