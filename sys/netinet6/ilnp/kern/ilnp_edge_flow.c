/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The NID table: PCBs of ILNP flows, and of sockets bound to one of our ILNP
 * addresses, by protocol, NIDs and ports.  Locators take no part in it
 * (RFC 6741 s4.1).  An entry holds a copy of what packets need, so that nobody
 * who reads it ever touches an inpcb; it also ties the flow to its session, so
 * that another correspondent with the same NID cannot come between them.
 *
 * Readers are in a net epoch section and take no lock.
 */
#include "ilnp_edge.h"

#include <sys/jail.h>
#include <sys/ucred.h>

#include <machine/atomic.h>

#include <netinet/tcp.h>
#include <netinet/tcp_var.h>
#include <netinet/udp.h>
#include <netinet/udp_var.h>

#include "../core/ilnp_addr.h"
#include "ilnp_hooks.h"

/* Without hooks: connections in all, and those whose handshake goes on. */
#define	LEARNT_MAX	262144
#define	UNSURE_MAX	4096
#define	SWEEPS		4	/* that take in the whole table */

void
ilnp_flow_alloc(struct ilnp_edge *e)
{
	struct ilnp_flowtab *t = &e->e_flows;
	struct ilnp_flowhead *b;

	b = malloc(2 * ILNP_FLOW_BUCKETS * sizeof(*b), M_ILNP,
	    M_WAITOK | M_ZERO);
	for (u_int i = 0; i < 2 * ILNP_FLOW_BUCKETS; i++)
		CK_LIST_INIT(&b[i]);
	arc4random_buf(t->t_key, sizeof(t->t_key));
	mtx_lock(&t->t_lock);
	ilnp_store_ptr(&t->t_bucket, b);
	mtx_unlock(&t->t_lock);
}

static void
free_flow(struct ilnp_deferred *d)
{
	struct ilnp_flow *f = __containerof(d, struct ilnp_flow, f_deferred);

	if (f->f_sess != NULL)
		ilnp_sess_release(f->f_sess);
	if (f->f_cred != NULL)
		crfree(f->f_cred);
	free(f, M_ILNP);
}

static void
remove_flow(struct ilnp_flowtab *t, struct ilnp_flow *f)
{
	mtx_assert(&t->t_lock, MA_OWNED);
	CK_LIST_REMOVE(f, f_link);
	if (f->f_inp != NULL)
		CK_LIST_REMOVE(f, f_pcblink);
	f->f_gone = true;
	t->t_n--;
	if (!f->f_sure)
		t->t_unsure--;
	atomic_subtract_int(&ilnp_active, 1);
	ilnp_env_defer(&f->f_deferred, free_flow);
}

void
ilnp_flow_free(struct ilnp_edge *e)
{
	struct ilnp_flowtab *t = &e->e_flows;
	struct ilnp_flowhead *b;
	struct ilnp_flow *f;

	mtx_lock(&t->t_lock);
	b = t->t_bucket;
	for (u_int i = 0; b != NULL && i < ILNP_FLOW_BUCKETS; i++)
		while ((f = CK_LIST_FIRST(&b[i])) != NULL)
			remove_flow(t, f);
	ilnp_store_ptr(&t->t_bucket, NULL);
	mtx_unlock(&t->t_lock);
	/* Entries let go of their sessions before the cache may be freed. */
	ilnp_epoch_wait();
	NET_EPOCH_DRAIN_CALLBACKS();
	free(b, M_ILNP);
}

static struct ilnp_flowhead *
bucket_of(const struct ilnp_flowtab *t, struct ilnp_flowhead *b, uint8_t proto,
    const struct ilnp_nidpair *nids, uint16_t lport, uint16_t fport)
{
	uint64_t ends = (uint64_t)proto << 32 | (uint64_t)lport << 16 | fport;
	/* Our NIDs are few: they need no word of their own. */
	const uint64_t words[2] = {
		nids->local.nid ^ ends << 24, nids->remote.nid
	};

	return (&b[ilnp_place(t->t_key, words, 2) >>
	    (64 - ILNP_FLOW_BITS)]);
}

/* Entries by their PCB, behind those by NIDs and ports. */
static struct ilnp_flowhead *
bucket_of_pcb(struct ilnp_flowhead *b, const struct inpcb *inp)
{
	return (&b[ILNP_FLOW_BUCKETS + ((uintptr_t)inp * 0x9e3779b97f4a7c15 >>
	    (64 - ILNP_FLOW_BITS))]);
}

const struct ilnp_flow *
ilnp_flow_lookup(const struct ilnp_edge *e, uint8_t proto,
    const struct ilnp_nidpair *nids, uint16_t lport, uint16_t fport,
    struct ilnp_l64 local)
{
	const struct ilnp_flowtab *t = &e->e_flows;
	struct ilnp_flowhead *b = ilnp_load_ptr(&t->t_bucket);
	const struct ilnp_flow *f, *found = NULL;

	NET_EPOCH_ASSERT();
	if (b == NULL)
		return (NULL);
	CK_LIST_FOREACH(f, bucket_of(t, b, proto, nids, lport, fport),
	    f_link) {
		if (f->f_proto != proto || f->f_lport != lport ||
		    f->f_fport != fport || !ilnp_nidpair_eq(&f->f_nids, nids))
			continue;
		if (found == NULL ||
		    ilnp_l64_eq(ilnp_ilv_of(&f->f_laddr).l64, local))
			found = f;
	}
	return (found);
}

uint8_t
ilnp_flow_proto(const struct inpcb *inp)
{
	if ((inp->inp_vflag & INP_IPV6) == 0)
		return (0);
	if (inp->inp_pcbinfo == &V_tcbinfo)
		return (IPPROTO_TCP);
	if (inp->inp_pcbinfo == &V_udbinfo)
		return (IPPROTO_UDP);
	if (inp->inp_pcbinfo == &V_ulitecbinfo)
		return (IPPROTO_UDPLITE);
	return (0);
}

const struct ilnp_flow *
ilnp_flow_of(const struct ilnp_edge *e, const struct inpcb *inp)
{
	struct ilnp_flowhead *b = ilnp_load_ptr(&e->e_flows.t_bucket);
	const struct ilnp_flow *f;

	if (b != NULL)
		CK_LIST_FOREACH(f, bucket_of_pcb(b, inp), f_pcblink)
			if (f->f_inp == inp)
				return (f);
	return (NULL);
}

/*
 * The session that a connected PCB will belong to, held, or NULL.  If a
 * handshake has been done in it (ilnp_door_accept()), it is confirmed.
 */
static struct ilnp_sess *
hold_session(struct ilnp_edge *e, const struct inpcb *inp,
    const struct ilnp_nidpair *nids)
{
	struct ilnp_ilcc *c = ilnp_load_ptr(&e->e_cache);
	struct ilnp_sess *s;

	if (c == NULL)
		return (NULL);
	if (inp->in6p_zoneid == 0) {
		s = ilnp_ilcc_find_at(c, nids,
		    ilnp_ilv_of(&inp->in6p_faddr).l64);
		return (s != NULL && ilnp_sess_hold(s) ? s : NULL);
	}
	/* The token is that of the handshake, put there by accept. */
	s = ilnp_ilcc_bytoken(c, nids, inp->in6p_zoneid);
	if (s == NULL || !ilnp_sess_hold(s)) {
		ILNP_EDGE_STAT(c, sess_refused);
		return (NULL);
	}
	if (ilnp_sess_confirm(c, s))
		ilnp_edge_kick(e);
	return (s);
}

/* Puts an entry into its bucket. */
static void
link_flow(struct ilnp_flowtab *t, struct ilnp_flow *f)
{
	struct ilnp_flowhead *b;

	mtx_assert(&t->t_lock, MA_OWNED);
	/* The macro works its first argument out several times. */
	b = bucket_of(t, t->t_bucket, f->f_proto, &f->f_nids, f->f_lport,
	    f->f_fport);
	CK_LIST_INSERT_HEAD(b, f, f_link);
	if (f->f_inp != NULL) {
		b = bucket_of_pcb(t->t_bucket, f->f_inp);
		CK_LIST_INSERT_HEAD(b, f, f_pcblink);
	}
	t->t_n++;
	if (!f->f_sure)
		t->t_unsure++;
	atomic_add_int(&ilnp_active, 1);
}

/*
 * A connection of a jail that has not all of our addresses leaves from its own,
 * for that is what filters know the jail by.  So does one that another routing
 * table than the first leads: it knows nothing of our other locators.
 */
static void
tie(struct ilnp_flow *f, const struct inpcb *inp)
{
	f->f_cred = crhold(inp->inp_cred);
	if (f->f_choice.ch_kind != ILNP_CHOICE_STRICT)
		f->f_choice.ch_kind = ILNP_CHOICE_PIN;
	f->f_choice.ch_pair.local = ilnp_ilv_of(&f->f_laddr).l64;
}

/* Puts a PCB into the table.  Returns false if that cannot be done. */
static bool
insert_flow(struct ilnp_edge *e, const struct inpcb *inp, uint8_t proto,
    bool connected)
{
	struct ilnp_flowtab *t = &e->e_flows;
	struct ilnp_flow *f = ilnp_env_alloc(sizeof(*f));
	const struct ilnp_choice *wish;

	if (f == NULL)
		return (false);
	f->f_proto = proto;
	f->f_inp = inp;
	f->f_sure = true;
	f->f_lport = inp->inp_lport;
	f->f_laddr = inp->in6p_laddr;
	f->f_nids.local = ilnp_ilv_of(&inp->in6p_laddr).nid;
	if (connected) {
		f->f_fport = inp->inp_fport;
		f->f_faddr = inp->in6p_faddr;
		f->f_nids.remote = ilnp_ilv_of(&inp->in6p_faddr).nid;
		f->f_sess = hold_session(e, inp, &f->f_nids);
		if (f->f_sess == NULL) {
			free(f, M_ILNP);
			return (false);
		}
		wish = ilnp_wish_of(inp, &f->f_nids);
		if (wish != NULL)
			f->f_choice = *wish;
	}
	if (prison_flag(inp->inp_cred, PR_IP6) ||
	    inp->inp_inc.inc_fibnum != RT_DEFAULT_FIB)
		tie(f, inp);
	mtx_lock(&t->t_lock);
	if (t->t_bucket == NULL) {
		mtx_unlock(&t->t_lock);
		free_flow(&f->f_deferred);
		return (false);
	}
	link_flow(t, f);
	mtx_unlock(&t->t_lock);
	return (true);
}

void
ilnp_door_pcb_insert(struct inpcb *inp)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	uint8_t proto = ilnp_flow_proto(inp);
	struct epoch_tracker et;
	const struct ilnp_here *h;
	struct ilnp_ilv local;

	INP_WLOCK_ASSERT(inp);
	if (proto == 0)
		return;
	if (!IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_faddr)) {
		/* in6_pcbconnect() is in an epoch section, bind(2) is not. */
		if ((inp->inp_inc.inc_flags & INC_ILNP) != 0 &&
		    !insert_flow(e, inp, proto, true))
			inp->inp_inc.inc_flags &= ~INC_ILNP;
		/* It has done its work, and users could see it. */
		inp->in6p_zoneid = 0;
		return;
	}
	if (IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_laddr))
		return;
	NET_EPOCH_ENTER(et);
	h = ilnp_load_ptr(&e->e_here);
	local = ilnp_ilv_of(&inp->in6p_laddr);
	if (h != NULL && ilnp_loc_nid(h, local.nid) &&
	    ilnp_loc_uplink(h, local.l64) != NULL)
		/* Without memory it is found by its address alone. */
		(void)insert_flow(e, inp, proto, false);
	NET_EPOCH_EXIT(et);
}

/* Removes a PCB, if it is there. */
static void
remove_pcb(struct ilnp_edge *e, const struct inpcb *inp)
{
	struct ilnp_flowtab *t = &e->e_flows;
	const struct ilnp_flow *f;

	mtx_lock(&t->t_lock);
	f = ilnp_flow_of(e, inp);
	if (f != NULL)
		remove_flow(t, __DECONST(struct ilnp_flow *, f));
	mtx_unlock(&t->t_lock);
}

void
ilnp_door_pcb_remove(struct inpcb *inp)
{
	INP_WLOCK_ASSERT(inp);
	if (ilnp_flow_proto(inp) == 0)
		return;
	if (IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_faddr) ||
	    (inp->inp_inc.inc_flags & INC_ILNP) != 0)
		remove_pcb(&V_ilnp_edge, inp);
	inp->inp_inc.inc_flags &= ~INC_ILNP;
}

/* A bound PCB has been connected: it was there without a foreign end. */
void
ilnp_door_pcb_rehash(struct inpcb *inp)
{
	INP_WLOCK_ASSERT(inp);
	if (ilnp_flow_proto(inp) == 0)
		return;
	remove_pcb(&V_ilnp_edge, inp);
	ilnp_door_pcb_insert(inp);
}

static void
adopt_pcb(struct ilnp_edge *e, struct inpcb *inp)
{
	struct epoch_tracker et;
	bool there;

	INP_WLOCK_ASSERT(inp);
	if (ilnp_flow_proto(inp) == 0 || (inp->inp_flags & INP_INHASHLIST) == 0 ||
	    !IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_faddr) ||
	    IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_laddr))
		return;
	NET_EPOCH_ENTER(et);
	there = ilnp_flow_of(e, inp) != NULL;
	NET_EPOCH_EXIT(et);
	if (!there)
		ilnp_door_pcb_insert(inp);
}

void
ilnp_flow_adopt(struct ilnp_edge *e)
{
	struct inpcbinfo *const infos[] = {
		&V_tcbinfo, &V_udbinfo, &V_ulitecbinfo
	};
	struct inpcb *inp;

	sx_assert(&e->e_sx, SA_XLOCKED);
	for (u_int i = 0; i < nitems(infos); i++) {
		struct inpcb_iterator all = INP_ALL_ITERATOR(infos[i],
		    INPLOOKUP_WLOCKPCB);

		while ((inp = inp_next(&all)) != NULL)
			adopt_pcb(e, inp);
	}
}

bool
ilnp_door_pcb_taken(const struct inpcb *inp, const struct in6_addr *faddr,
    uint16_t fport, const struct in6_addr *laddr, uint16_t lport)
{
	uint8_t proto = ilnp_flow_proto(inp);
	const struct ilnp_flow *f;
	struct ilnp_nidpair nids;
	struct ilnp_ilv local;

	if (proto == 0 || fport == 0 || lport == 0)
		return (false);
	if (!IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_laddr))
		laddr = &inp->in6p_laddr;
	local = ilnp_ilv_of(laddr);
	nids.local = local.nid;
	nids.remote = ilnp_ilv_of(faddr).nid;
	f = ilnp_flow_lookup(&V_ilnp_edge, proto, &nids, lport, fport,
	    local.l64);
	return (f != NULL && f->f_inp != inp &&
	    (!IN6_ARE_ADDR_EQUAL(&f->f_laddr, laddr) ||
	    !IN6_ARE_ADDR_EQUAL(&f->f_faddr, faddr)));
}

const struct ilnp_flow *
ilnp_flow_learn(struct ilnp_edge *e, const struct ilnp_ends *ends,
    struct ilnp_sess *s, bool sure)
{
	struct ilnp_flowtab *t = &e->e_flows;
	struct ilnp_flow *f, *old;

	NET_EPOCH_ASSERT();
	f = ilnp_env_alloc(sizeof(*f));
	if (f == NULL)
		return (NULL);
	if (!ilnp_sess_hold(s)) {
		free(f, M_ILNP);
		return (NULL);
	}
	f->f_nids.local = ilnp_ilv_of(&ends->en_laddr).nid;
	f->f_nids.remote = ilnp_ilv_of(&ends->en_faddr).nid;
	f->f_proto = ends->en_proto;
	f->f_lport = ends->en_lport;
	f->f_fport = ends->en_fport;
	f->f_laddr = ends->en_laddr;
	f->f_faddr = ends->en_faddr;
	f->f_sess = s;
	f->f_sure = sure;
	f->f_born = time_uptime;
	mtx_lock(&t->t_lock);
	old = __DECONST(struct ilnp_flow *, ilnp_flow_lookup(e, f->f_proto,
	    &f->f_nids, f->f_lport, f->f_fport,
	    ilnp_ilv_of(&f->f_laddr).l64));
	if (t->t_bucket == NULL || (old != NULL && old->f_sure) ||
	    (!sure && t->t_unsure >= UNSURE_MAX) || t->t_n >= LEARNT_MAX) {
		mtx_unlock(&t->t_lock);
		free_flow(&f->f_deferred);
		return (NULL);
	}
	if (old != NULL)
		remove_flow(t, old);
	link_flow(t, f);
	mtx_unlock(&t->t_lock);
	return (f);
}

void
ilnp_flow_sure(struct ilnp_edge *e, const struct ilnp_flow *cf)
{
	struct ilnp_flow *f = __DECONST(struct ilnp_flow *, cf);
	struct ilnp_flowtab *t = &e->e_flows;
	struct ilnp_ilcc *c = ilnp_load_ptr(&e->e_cache);
	bool first;

	mtx_lock(&t->t_lock);
	first = !f->f_gone && !f->f_sure;
	if (first) {
		f->f_sure = true;
		t->t_unsure--;
	}
	mtx_unlock(&t->t_lock);
	if (first && c != NULL && ilnp_sess_confirm(c, f->f_sess))
		ilnp_edge_kick(e);
}

void
ilnp_flow_sweep(struct ilnp_edge *e,
    bool (*alive)(struct ilnp_edge *, const struct ilnp_flow *))
{
	struct ilnp_flowtab *t = &e->e_flows;
	struct ilnp_flowhead *b;
	struct epoch_tracker et;
	struct ilnp_flow *f;

	sx_assert(&e->e_sx, SA_XLOCKED);
	NET_EPOCH_ENTER(et);
	b = ilnp_load_ptr(&t->t_bucket);
	for (u_int i = 0; b != NULL && i < ILNP_FLOW_BUCKETS / SWEEPS; i++) {
		t->t_swept = (t->t_swept + 1) % ILNP_FLOW_BUCKETS;
		CK_LIST_FOREACH(f, &b[t->t_swept], f_link) {
			if (f->f_sess == NULL || alive(e, f))
				continue;
			mtx_lock(&t->t_lock);
			if (!f->f_gone)
				remove_flow(t, f);
			mtx_unlock(&t->t_lock);
		}
	}
	NET_EPOCH_EXIT(et);
}
