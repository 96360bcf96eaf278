/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Local locators.  They are what Neighbour Discovery believes in: prefixes of
 * 64 bits that are on link, after its own checks, with its lifetimes and with
 * the routers that advertise them.  A task compares the two; packets, events
 * and the clock only ask for it.
 */
#include "ilnp_edge.h"

#include <sys/eventhandler.h>
#include <sys/rwlock.h>

#include <net/if_var.h>
#include <net/if_private.h>
#include <net/route.h>
#include <net/route/nhop.h>
#include <netinet6/in6_var.h>
#include <netinet6/nd6.h>

#include "../core/ilnp_addr.h"
#include "ilnp_edge_addr.h"

#define	SCAN_PERIOD	SBT_1S
#define	SCAN_SOON	(10 * SBT_1MS)

struct ilnp_prefixes {
	u_int		ps_n;
	struct ilnp_prefix ps_prefix[ILNP_ONLINK_MAX];
};

bool
ilnp_loc_onlink(const struct ilnp_here *h, struct ilnp_l64 l64)
{
	for (uint32_t i = 0; i < h->n_onlink; i++)
		if (ilnp_l64_eq(h->n_onlinks[i], l64))
			return (true);
	return (false);
}

bool
ilnp_loc_nid_other(const struct ilnp_here *h, struct ilnp_nid nid)
{
	for (uint32_t i = 1; i < h->n_nids; i++)
		if (ilnp_nid_eq(h->n_nid[i], nid))
			return (true);
	return (h->n_ephemeral != NULL && ilnp_nidset_has(h->n_ephemeral, nid));
}

/* True if packets can leave by an interface. */
static bool
is_usable(const struct ifnet *ifp)
{
	return ((ifp->if_flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP &&
	    ifp->if_link_state != LINK_STATE_DOWN);
}

static uint32_t
seconds_left(time_t until)
{
	if (until == 0)
		return (ND6_INFINITE_LIFETIME);
	return (until > time_uptime ? (uint32_t)(until - time_uptime) : 0);
}

static bool
is_idle(const struct ilnp_edge *e, const struct ifnet *ifp)
{
	for (uint32_t i = 0; i < e->e_nidle; i++)
		if (strcmp(e->e_idle[i], ifp->if_xname) == 0)
			return (true);
	return (false);
}

/* What the administrator thinks of an interface, or would without a word. */
static struct ilnp_rank
rank_of(const struct ilnp_edge *e, const struct ifnet *ifp)
{
	for (uint32_t i = 0; i < e->e_nranks; i++)
		if (strcmp(e->e_rank[i].r_name, ifp->if_xname) == 0)
			return (e->e_rank[i]);
	return ((struct ilnp_rank){ .r_pref = ILNP_PREF, .r_weight = 1 });
}

static void
read_prefix(const struct ilnp_edge *e, struct ilnp_prefix *p,
    const struct nd_prefix *pr)
{
	const struct nd_pfxrouter *pfr = LIST_FIRST(&pr->ndpr_advrtrs);
	struct ilnp_rank rank = rank_of(e, pr->ndpr_ifp);

	memset(p, 0, sizeof(*p));
	p->p_l64 = ilnp_ilv_of(&pr->ndpr_prefix.sin6_addr).l64;
	p->p_ifindex = pr->ndpr_ifp->if_index;
	p->p_mtu = IN6_LINKMTU(pr->ndpr_ifp);
	p->p_auto = pr->ndpr_raf_auto;
	/* No router has a say where the administrator gives addresses. */
	p->p_mint = p->p_auto || (pfr == NULL && pr->ndpr_expire == 0);
	p->p_idle = is_idle(e, pr->ndpr_ifp);
	p->p_valid = seconds_left(pr->ndpr_expire);
	p->p_preferred = seconds_left(pr->ndpr_preferred);
	p->p_pref = rank.r_pref;
	p->p_weight = rank.r_weight;
	if (pfr != NULL)
		p->p_router = pfr->router->rtaddr;
}

/*
 * What Neighbour Discovery says now, but for an interface that is leaving.
 * Where there is more than fits, what is in use comes first, so that nobody can
 * push our locators out by advertising others.
 */
static void
read_prefixes(const struct ilnp_edge *e, struct ilnp_prefixes *ps,
    uint32_t leaving)
{
	const struct ilnp_here *h = e->e_here;
	const struct nd_prefix *pr;

	ps->ps_n = 0;
	ND6_RLOCK();
	for (int used = 1; used >= 0; used--)
		LIST_FOREACH(pr, &V_nd_prefix, ndpr_entry) {
			struct ilnp_l64 l64 = ilnp_ilv_of(
			    &pr->ndpr_prefix.sin6_addr).l64;

			if (pr->ndpr_plen != 64 || !ilnp_l64_usable(l64) ||
			    (pr->ndpr_stateflags & NDPRF_ONLINK) == 0 ||
			    pr->ndpr_ifp->if_index == leaving ||
			    !is_usable(pr->ndpr_ifp) ||
			    seconds_left(pr->ndpr_expire) == 0 ||
			    (h != NULL && ilnp_loc_uplink(h, l64) != NULL) !=
			    (used != 0))
				continue;
			if (ps->ps_n < ILNP_ONLINK_MAX)
				read_prefix(e, &ps->ps_prefix[ps->ps_n++],
				    pr);
		}
	ND6_RUNLOCK();
}

/* True if we send from a locator, and so would be found at it. */
static bool
is_sent_from(struct ilnp_locset *set, struct ilnp_l64 l64)
{
	const struct ilnp_loc *l = ilnp_locset_find(set, l64);

	return (l != NULL && (l->l_flags & ILNP_LOC_F_WITHDRAWN) == 0);
}

/* Tells userland of those of `set' that are not in `than'. */
static void
tell_more(struct ilnp_edge *e, struct ilnp_locset *set,
    struct ilnp_locset *than, enum ilnp_event_kind kind)
{
	struct ilnp_event ev = { .e_kind = kind };

	for (uint32_t i = 0; i < set->ls_n; i++) {
		ev.e_pair.local = set->ls_loc[i].l_l64;
		if (is_sent_from(set, ev.e_pair.local) &&
		    !is_sent_from(than, ev.e_pair.local))
			ilnp_event_post(e, &ev);
	}
}

/* True if one of our locators is not on its way out. */
static bool
any_preferred(const struct ilnp_prefixes *ps)
{
	for (u_int i = 0; i < ps->ps_n; i++)
		if (ps->ps_prefix[i].p_ready && !ps->ps_prefix[i].p_idle &&
		    ps->ps_prefix[i].p_preferred != 0)
			return (true);
	return (false);
}

/*
 * True if the core is to have a locator.  One of an interface that is not to be
 * used stays until no correspondent needs it any more (RFC 6740 s6.2).
 */
static bool
is_kept(struct ilnp_edge *e, const struct ilnp_prefix *p,
    struct ilnp_locset *before, ilnp_time_t now)
{
	const struct ilnp_loc *l = ilnp_locset_find(before, p->p_l64);
	struct epoch_tracker et;
	bool released;

	if (!p->p_ready || !p->p_idle)
		return (p->p_ready);
	if (l == NULL || l->l_if != p->p_ifindex)
		return (false);
	NET_EPOCH_ENTER(et);
	released = (l->l_flags & ILNP_LOC_F_WITHDRAWN) != 0 &&
	    ilnp_ilcc_released(e->e_cache, p->p_l64, now);
	NET_EPOCH_EXIT(et);
	return (!released);
}

/*
 * Tells the core, and userland, what has come, stayed and gone.  A deprecated
 * prefix goes as soon as another can take its place (RFC 4862 s5.5.4).
 */
static void
tell_core(struct ilnp_edge *e, const struct ilnp_prefixes *ps)
{
	struct ilnp_local *lo = ilnp_ilcc_local(e->e_cache);
	struct ilnp_locset set, before;
	bool replaced = any_preferred(ps), kept[ILNP_ONLINK_MAX];
	ilnp_time_t now = ilnp_now();

	ilnp_local_list(lo, &before);
	for (u_int i = 0; i < ps->ps_n; i++) {
		const struct ilnp_prefix *p = &ps->ps_prefix[i];

		kept[i] = is_kept(e, p, &before, now);
		if (!kept[i])
			continue;
		(void)ilnp_local_put(lo, p->p_l64, p->p_ifindex, p->p_pref,
		    p->p_weight, p->p_valid == ND6_INFINITE_LIFETIME ? 0 :
		    p->p_valid, now);
		(void)ilnp_local_disable(lo, p->p_l64, p->p_idle ||
		    (replaced && p->p_preferred == 0), now);
	}
	ilnp_local_list(lo, &set);
	for (u_int i = 0; i < set.ls_n; i++) {
		bool found = false;

		for (u_int j = 0; j < ps->ps_n && !found; j++)
			found = kept[j] && ilnp_l64_eq(
			    ps->ps_prefix[j].p_l64, set.ls_loc[i].l_l64);
		if (!found)
			(void)ilnp_local_del(lo, set.ls_loc[i].l_l64, now);
	}
	ilnp_local_list(lo, &set);
	tell_more(e, &before, &set, ILNP_EV_LOC_DEL);
	tell_more(e, &set, &before, ILNP_EV_LOC_ADD);
}

/* The next hop through a router, referenced, or NULL. */
static struct nhop_object *
make_nhop(const struct ilnp_prefix *p, struct ilnp_nid nid)
{
	struct sockaddr_in6 gw = {
		.sin6_len = sizeof(gw), .sin6_family = AF_INET6,
		.sin6_addr = p->p_router
	};
	struct in6_addr addr = ilnp_addr_of(p->p_l64, nid);
	struct nhop_object *nh = NULL;
	struct in6_ifaddr *ia;
	struct epoch_tracker et;
	struct ifnet *ifp;
	int error;

	if (IN6_IS_ADDR_UNSPECIFIED(&p->p_router))
		return (NULL);
	NET_EPOCH_ENTER(et);
	ifp = ifnet_byindex(p->p_ifindex);
	if (ifp != NULL && (ia = in6ifa_ifpwithaddr(ifp, &addr)) != NULL) {
		nh = nhop_alloc(RT_DEFAULT_FIB, AF_INET6);
		if (nh != NULL) {
			(void)nhop_set_gw(nh, (struct sockaddr *)&gw, true);
			nhop_set_transmit_ifp(nh, ifp);
			nhop_set_src(nh, &ia->ia_ifa);
			nhop_set_pxtype_flag(nh, NHF_DEFAULT);
			nh = nhop_get_nhop(nh, &error);
		}
		ifa_free(&ia->ia_ifa);
	}
	NET_EPOCH_EXIT(et);
	return (nh);
}

static struct ilnp_here *
make_here(struct ilnp_edge *e, const struct ilnp_prefixes *ps)
{
	struct ilnp_here *h = malloc(sizeof(*h), M_ILNP, M_WAITOK | M_ZERO);

	h->n_nids = e->e_nnids;
	memcpy(h->n_nid, e->e_nid, sizeof(h->n_nid));
	h->n_ephemeral = e->e_pool.o_set;
	for (u_int i = 0; i < ps->ps_n; i++) {
		const struct ilnp_prefix *p = &ps->ps_prefix[i];
		struct ilnp_uplink *u = &h->n_uplink[h->n_uplinks];

		if (p->p_auto && !p->p_ready)
			h->n_coming |= 1U << h->n_onlink;
		h->n_onlinks[h->n_onlink++] = p->p_l64;
		if (!p->p_ready || h->n_uplinks == ILNP_LOCS_MAX ||
		    ilnp_loc_uplink(h, p->p_l64) != NULL)
			continue;
		h->n_uplinks++;
		ip6_initpktopts(&u->u_hop.h_opts);
		u->u_hop.h_opts.ip6po_flags |= ILNP_OPTS;
		u->u_hop.h_src = p->p_l64;
		u->u_hop.h_nh = make_nhop(p, e->e_nid[0]);
		u->u_tcphop = u->u_hop;
		u->u_tcphop.h_opts.ip6po_flags |= IP6PO_DONTFRAG;
		u->u_router = p->p_router;
		u->u_ifindex = p->p_ifindex;
		u->u_mtu = p->p_mtu;
		u->u_weight = p->p_weight;
		u->u_mint = p->p_mint;
	}
	return (h);
}

static void
free_here(struct ilnp_here *h)
{
	for (uint32_t i = 0; i < h->n_uplinks; i++)
		if (h->n_uplink[i].u_hop.h_nh != NULL)
			nhop_free(h->n_uplink[i].u_hop.h_nh);
	free(h, M_ILNP);
}

/*
 * True if all but ephemeral NIDs is the same.  Equal next hops are one object,
 * so the comparison sees all that matters.
 */
static bool
same_here(const struct ilnp_here *a, const struct ilnp_here *b)
{
	return (memcmp(a, b, offsetof(struct ilnp_here, n_ephemeral)) == 0);
}

static void
publish(struct ilnp_edge *e, struct ilnp_here *h)
{
	struct ilnp_here *old = e->e_here;
	bool same = old != NULL && h != NULL && same_here(old, h);

	if (same && old->n_ephemeral == h->n_ephemeral) {
		free_here(h);
		return;
	}
	ilnp_store_ptr(&e->e_here, h);
	if (h != NULL && !same && ILNP_HOOKED)
		ilnp_flow_adopt(e);
	if (old != NULL) {
		ilnp_epoch_wait();
		free_here(old);
	}
}

static void
scan_without(struct ilnp_edge *e, uint32_t leaving)
{
	struct ilnp_ilcc *c = e->e_cache;
	struct ilnp_prefixes *ps;
	uint32_t gen;

	sx_assert(&e->e_sx, SA_XLOCKED);
	if (c == NULL)
		return;
	gen = ilnp_local_gen(ilnp_ilcc_local(c));
	ps = malloc(sizeof(*ps), M_ILNP, M_WAITOK);
	read_prefixes(e, ps, leaving);
	for (u_int i = 0; i < ps->ps_n && i < ILNP_LOCS_MAX; i++)
		ilnp_addr_prepare(e, &ps->ps_prefix[i]);
	ilnp_eph_prepare(e, ps->ps_prefix, min(ps->ps_n, ILNP_LOCS_MAX));
	/* The way out exists before anybody chooses its locator. */
	publish(e, make_here(e, ps));
	ilnp_eph_settle(e);
	tell_core(e, ps);
	free(ps, M_ILNP);
	if (gen != ilnp_local_gen(ilnp_ilcc_local(c)))
		ilnp_edge_kick(e);
}

void
ilnp_loc_scan(struct ilnp_edge *e)
{
	scan_without(e, 0);
}

void
ilnp_loc_clear(struct ilnp_edge *e)
{
	sx_assert(&e->e_sx, SA_XLOCKED);
	publish(e, NULL);
}

static void
scan_task(void *arg, int pending __unused)
{
	struct ilnp_edge *e = arg;

	CURVNET_SET(e->e_vnet);
	/* Whatever happens from now on is a reason to look again. */
	ilnp_store_32(&e->e_soon, 0);
	/*
	 * What brings us here comes in the middle of a section of the epoch:
	 * FreeBSD has told us of an address, and has still to join groups for
	 * it.  It must not have to wait for us there, who do the same.
	 */
	ilnp_epoch_wait();
	/* Whoever holds it may be waiting for this task's thread. */
	if (!sx_try_xlock(&e->e_sx)) {
		ilnp_loc_rescan(e);
		CURVNET_RESTORE();
		return;
	}
	ilnp_loc_scan(e);
	if (ILNP_HOOKED)
		ilnp_flow_sweep(e, ilnp_echo_alive);
	else
		ilnp_pfil_sweep(e);
	/* Less than 0: not later, if it is about to run already. */
	if (e->e_cache != NULL)
		(void)taskqueue_enqueue_timeout_sbt(ilnp_tasks,
		    &e->e_scan, -SCAN_PERIOD, SCAN_PERIOD / 10, 0);
	sx_xunlock(&e->e_sx);
	CURVNET_RESTORE();
}

/*
 * What has just happened is often not in the tables yet: look a bit later.  More
 * of it, however much, does not put that off.
 */
void
ilnp_loc_rescan(struct ilnp_edge *e)
{
	struct epoch_tracker et;

	/* Who switches ILNP off waits for this before the last scan. */
	NET_EPOCH_ENTER(et);
	if (ilnp_load_ptr(&e->e_cache) != NULL &&
	    __atomic_exchange_n(&e->e_soon, 1, __ATOMIC_ACQ_REL) == 0)
		(void)taskqueue_enqueue_timeout_sbt(ilnp_tasks,
		    &e->e_scan, SCAN_SOON, SBT_1MS, 0);
	NET_EPOCH_EXIT(et);
}

/* Events come in the VNET of their interface. */
static void
on_link(void *arg __unused, struct ifnet *ifp __unused, int state __unused)
{
	ilnp_loc_rescan(&V_ilnp_edge);
}

static void
on_address(void *arg __unused, struct ifnet *ifp __unused,
    struct ifaddr *ifa __unused, int event __unused)
{
	ilnp_loc_rescan(&V_ilnp_edge);
}

/*
 * Nothing may lead to the interface when this returns.  The handler sleeps, as
 * others of this event do.
 */
static void
on_departure(void *arg __unused, struct ifnet *ifp)
{
	struct ilnp_edge *e = &V_ilnp_edge;

	if (!e->e_made)
		return;
	sx_xlock(&e->e_sx);
	ilnp_addr_forget(e, ifp->if_index);
	scan_without(e, ifp->if_index);
	sx_xunlock(&e->e_sx);
}

static eventhandler_tag link_tag, address_tag, departure_tag;

static void
register_events(const void *unused __unused)
{
	link_tag = EVENTHANDLER_REGISTER(ifnet_link_event, on_link, NULL,
	    EVENTHANDLER_PRI_ANY);
	address_tag = EVENTHANDLER_REGISTER(ifaddr_event_ext, on_address, NULL,
	    EVENTHANDLER_PRI_ANY);
	departure_tag = EVENTHANDLER_REGISTER(ifnet_departure_event,
	    on_departure, NULL, EVENTHANDLER_PRI_ANY);
}
SYSINIT(ilnp_events, SI_SUB_PROTO_FIREWALL, SI_ORDER_ANY, register_events,
    NULL);

static void
deregister_events(const void *unused __unused)
{
	EVENTHANDLER_DEREGISTER(ifnet_link_event, link_tag);
	EVENTHANDLER_DEREGISTER(ifaddr_event_ext, address_tag);
	EVENTHANDLER_DEREGISTER(ifnet_departure_event, departure_tag);
}
SYSUNINIT(ilnp_events, SI_SUB_PROTO_FIREWALL, SI_ORDER_ANY, deregister_events,
    NULL);

void
ilnp_loc_init(struct ilnp_edge *e)
{
	TIMEOUT_TASK_INIT(ilnp_tasks, &e->e_scan, 0, scan_task, e);
}

void
ilnp_loc_fini(struct ilnp_edge *e)
{
	ilnp_edge_stop(&e->e_scan);
}
