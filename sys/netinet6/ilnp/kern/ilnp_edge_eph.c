/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Ephemeral NIDs: one for each connection that a program makes, so that its
 * connections cannot be told to be of one host by their NIDs.  Some are kept
 * ready, with an address for each locator that has been found unique, so that
 * connect(2) can take one without waiting.  Once no socket has its address any
 * more a NID is retired: its sessions end, its addresses go, and it does not
 * come back.
 *
 * Stages: fresh (its addresses are being asked for), ready, used, gone.  All
 * but the step from ready to used are taken by who looks at locators.
 */
#include "ilnp_edge.h"

#include <sys/sysctl.h>

#include <net/if_private.h>
#include <netinet/tcp.h>
#include <netinet/tcp_var.h>
#include <netinet/udp.h>
#include <netinet/udp_var.h>
#include <netinet6/in6_var.h>

#include "../core/ilnp_addr.h"
#include "ilnp_edge_addr.h"

#define	READY_MAX	256	/* of the knob */
#define	BATCH		32	/* made in a second: each asks on all links */
#define	GRACE		2	/* s, between connect(2) and its PCB */
#define	REFILL		4	/* s until those taken have been replaced */

enum stage { FRESH, READY, USED, GONE };

/* Locking key: (c) constant, (x) e_sx, (o) o_lock, (x o) either to read. */
struct ilnp_eph {
	TAILQ_ENTRY(ilnp_eph) x_link;	/* (x o) in o_all; (x) in o_gone */
	TAILQ_ENTRY(ilnp_eph) x_next;	/* (o) in o_ready */
	struct ilnp_nid	x_nid;		/* (c) */
	struct ilnp_nid	x_remote;	/* (o) whom its connection goes to */
	uint64_t	x_owner;	/* (o) whose connection has it */
	time_t		x_taken;	/* (o) s of time_uptime; 0: never */
	enum stage	x_stage;	/* (o) */
	uint32_t	x_ready;	/* (x) usable locators it is ready at */
	bool		x_dup;		/* (x) somebody else has it, too */
	bool		x_good;		/* (x) will be READY, once published */
};

void
ilnp_eph_init(struct ilnp_edge *e)
{
	struct ilnp_ephpool *o = &e->e_pool;

	mtx_init(&o->o_lock, "ilnp ephemeral", NULL, MTX_DEF);
	TAILQ_INIT(&o->o_all);
	TAILQ_INIT(&o->o_ready);
	TAILQ_INIT(&o->o_gone);
}

void
ilnp_eph_fini(struct ilnp_edge *e)
{
	mtx_destroy(&e->e_pool.o_lock);
}

/*
 * True if somebody would not have more than half of what is left: of those that
 * are ready, and of all that there can be.
 */
static bool
has_share(const struct ilnp_ephpool *o, uint64_t owner)
{
	const uint64_t share = ilnp_owner_share(owner);
	uint32_t used = 0, own = 0, lately = 0;
	const struct ilnp_eph *x;

	mtx_assert(&o->o_lock, MA_OWNED);
	TAILQ_FOREACH(x, &o->o_all, x_link) {
		if (x->x_stage != USED)
			continue;
		used++;
		if (ilnp_owner_share(x->x_owner) == share) {
			own++;
			lately += time_uptime - x->x_taken < REFILL;
		}
	}
	return (lately < o->o_nready && own < ILNP_EPH_MAX - used);
}

int
ilnp_eph_take(struct ilnp_edge *e, struct ucred *cred,
    struct ilnp_nid remote, struct ilnp_nid *nid)
{
	const uint64_t owner = ilnp_name_owner(cred);
	struct ilnp_ephpool *o = &e->e_pool;
	struct ilnp_eph *x;
	int error = 0;

	mtx_lock(&o->o_lock);
	x = TAILQ_FIRST(&o->o_ready);
	if (x == NULL)
		error = EAGAIN;
	else if (owner != ILNP_OWNER_ROOT && !has_share(o, owner))
		error = EDQUOT;
	else {
		TAILQ_REMOVE(&o->o_ready, x, x_next);
		o->o_nready--;
		x->x_stage = USED;
		x->x_taken = time_uptime;
		x->x_remote = remote;
		x->x_owner = owner;
		*nid = x->x_nid;
	}
	mtx_unlock(&o->o_lock);
	return (error);
}

u_int
ilnp_eph_toward(struct ilnp_edge *e, struct ilnp_nid remote,
    struct ilnp_nid nid[ILNP_EPH_MAX])
{
	struct ilnp_ephpool *o = &e->e_pool;
	const struct ilnp_eph *x;
	u_int n = 0;

	if (ilnp_load_32(&o->o_n) == 0)
		return (0);
	mtx_lock(&o->o_lock);
	TAILQ_FOREACH(x, &o->o_all, x_link)
		if (x->x_stage == USED && ilnp_nid_eq(x->x_remote, remote))
			nid[n++] = x->x_nid;
	mtx_unlock(&o->o_lock);
	return (n);
}

/* Takes one out of use, unless a connection has just got it. */
static void
give_up(struct ilnp_ephpool *o, struct ilnp_eph *x, bool used)
{
	bool gone;

	mtx_lock(&o->o_lock);
	if (x->x_stage == READY) {
		TAILQ_REMOVE(&o->o_ready, x, x_next);
		o->o_nready--;
	}
	gone = used || x->x_stage != USED;
	if (gone) {
		x->x_stage = GONE;
		TAILQ_REMOVE(&o->o_all, x, x_link);
		ilnp_store_32(&o->o_n, o->o_n - 1);
	}
	mtx_unlock(&o->o_lock);
	if (gone)
		TAILQ_INSERT_TAIL(&o->o_gone, x, x_link);
}

/* What stands in a set for a NID as somebody's; as root's it is itself. */
static struct ilnp_nid
held_by(struct ilnp_nid nid, uint64_t owner)
{
	return ((struct ilnp_nid){ nid.nid ^ owner * 0x9e3779b97f4a7c15 });
}

/* Puts those of `of' whose addresses sockets of the same owner have in `seen'. */
static void
see_sockets(const struct ilnp_nidset *of, struct ilnp_nidset *seen)
{
	struct inpcbinfo *const infos[] = {
		&V_tcbinfo, &V_udbinfo, &V_ulitecbinfo
	};
	struct inpcb *inp;

	for (u_int i = 0; i < nitems(infos); i++) {
		struct inpcb_iterator all = INP_ALL_ITERATOR(infos[i],
		    INPLOOKUP_RLOCKPCB);

		while ((inp = inp_next(&all)) != NULL) {
			struct ilnp_nid nid = held_by(
			    ilnp_ilv_of(&inp->in6p_laddr).nid,
			    ilnp_name_owner(inp->inp_cred));

			/* Closed ones that wait for their program are out. */
			if (ilnp_flow_proto(inp) != 0 &&
			    (inp->inp_flags & INP_INHASHLIST) != 0 &&
			    ilnp_nidset_has(of, nid))
				(void)ilnp_nidset_put(seen, nid);
		}
	}
}

/* Those in use, as their users' and as root's; NULL if memory is short. */
static struct ilnp_nidset *
list_used(struct ilnp_ephpool *o)
{
	struct ilnp_nidset *used = ilnp_nidset_alloc(2 * o->o_n);
	const struct ilnp_eph *x;

	if (used == NULL)
		return (NULL);
	mtx_lock(&o->o_lock);
	TAILQ_FOREACH(x, &o->o_all, x_link)
		if (x->x_stage == USED) {
			(void)ilnp_nidset_put(used, x->x_nid);
			(void)ilnp_nidset_put(used,
			    held_by(x->x_nid, x->x_owner));
		}
	mtx_unlock(&o->o_lock);
	return (used);
}

/*
 * Retires NIDs that no socket has.  A connection that came to nothing leaves
 * none behind, and others than the first may have its address: programs bind to
 * what getsockname(2) says, correspondents connect to where they were called
 * from.  So what there is is looked at, not what has been; but only at sockets
 * of its user and of root, or anybody could keep what others use from ending.
 */
static void
retire(struct ilnp_edge *e)
{
	struct ilnp_ephpool *o = &e->e_pool;
	struct ilnp_nidset *used = list_used(o), *seen = NULL;
	struct ilnp_eph *x, *next;

	/* What comes into use after that is too young to be retired. */
	if (used != NULL && used->ns_n != 0)
		seen = ilnp_nidset_alloc(used->ns_n);
	if (seen != NULL)
		see_sockets(used, seen);
	TAILQ_FOREACH_SAFE(x, &o->o_all, x_link, next) {
		bool over;

		mtx_lock(&o->o_lock);
		over = seen != NULL && x->x_stage == USED &&
		    time_uptime - x->x_taken > GRACE &&
		    !ilnp_nidset_has(seen, x->x_nid) &&
		    !ilnp_nidset_has(seen, held_by(x->x_nid, x->x_owner));
		mtx_unlock(&o->o_lock);
		if (over) {
			give_up(o, x, true);
			ILNP_EDGE_STAT(e->e_cache, eph_retired);
		}
	}
	ilnp_nidset_free(seen);
	ilnp_nidset_free(used);
}

static bool
is_known(const struct ilnp_edge *e, struct ilnp_nid nid)
{
	const struct ilnp_eph *x;
	bool known = ilnp_hint_known(e, nid);

	for (uint32_t i = 0; i < e->e_nnids; i++)
		known = known || ilnp_nid_eq(e->e_nid[i], nid);
	TAILQ_FOREACH(x, &e->e_pool.o_all, x_link)
		known = known || ilnp_nid_eq(x->x_nid, nid);
	return (known);
}

/*
 * Makes one up (RFC 8981 s3.3.1).  Correspondents' NIDs are not looked through:
 * it is one of a million of them in one of 2^42 cases.
 * Returns false if it is to be tried later.
 */
static bool
make_one(struct ilnp_edge *e)
{
	struct ilnp_ephpool *o = &e->e_pool;
	struct ilnp_nid nid;
	struct ilnp_eph *x;

	arc4random_buf(&nid, sizeof(nid));
	/* Neither universal nor of a group: 62 bits are left. */
	nid.nid &= ~(0x03ULL << 56);
	if (!ilnp_nid_unreserved(nid) || is_known(e, nid))
		return (false);
	x = ilnp_env_alloc(sizeof(*x));
	if (x == NULL)
		return (false);
	x->x_nid = nid;
	x->x_stage = FRESH;
	mtx_lock(&o->o_lock);
	TAILQ_INSERT_TAIL(&o->o_all, x, x_link);
	ilnp_store_32(&o->o_n, o->o_n + 1);
	mtx_unlock(&o->o_lock);
	return (true);
}

/* Has as many fresh and ready ones as are wanted. */
static void
fill(struct ilnp_edge *e)
{
	struct ilnp_ephpool *o = &e->e_pool;
	struct ilnp_eph *x, *next;
	uint32_t n = 0;

	TAILQ_FOREACH_SAFE(x, &o->o_all, x_link, next) {
		if (x->x_stage == USED)
			continue;
		if (n < o->o_want)
			n++;
		else
			give_up(o, x, false);
	}
	for (u_int i = 0; i < BATCH; i++)
		if (n < o->o_want && o->o_n < ILNP_EPH_MAX && make_one(e))
			n++;
}

/*
 * Gives NIDs their addresses at one locator.  One that comes has to wait until
 * those in use are known to be unique there, but a locator in use does not go
 * because of them.
 */
static void
prepare_at(struct ilnp_edge *e, struct ilnp_prefix *p, bool fresh)
{
	bool isnew = e->e_here == NULL ||
	    ilnp_loc_uplink(e->e_here, p->p_l64) == NULL;
	bool usable = p->p_ready;
	struct epoch_tracker et;
	struct ilnp_eph *x;
	struct ifnet *ifp;

	NET_EPOCH_ENTER(et);
	ifp = ifnet_byindex_ref(p->p_ifindex);
	NET_EPOCH_EXIT(et);
	if (ifp == NULL)
		return;
	TAILQ_FOREACH(x, &e->e_pool.o_all, x_link) {
		if ((x->x_stage == FRESH) != fresh)
			continue;
		switch (ilnp_addr_ephemeral(ifp, p, x->x_nid)) {
		case ILNP_ADDR_READY:
			x->x_ready += usable;
			break;
		case ILNP_ADDR_ASKED:
			if (isnew && !fresh)
				p->p_ready = false;
			break;
		case ILNP_ADDR_TAKEN:
			if (!x->x_dup)
				ILNP_EDGE_STAT(e->e_cache, eph_dup);
			x->x_dup = true;
			break;
		case ILNP_ADDR_NONE:
			break;
		}
	}
	if_rele(ifp);
}

/* What packets may have from now on.  Returns false if memory is short. */
static bool
make_set(struct ilnp_edge *e)
{
	struct ilnp_ephpool *o = &e->e_pool;
	struct ilnp_nidset *set = ilnp_nidset_alloc(o->o_n);
	struct ilnp_eph *x;

	if (set == NULL)
		return (false);
	TAILQ_FOREACH(x, &o->o_all, x_link)
		if (x->x_stage != FRESH || x->x_good)
			(void)ilnp_nidset_put(set, x->x_nid);
	o->o_oldset = o->o_set;
	o->o_set = set;
	ilnp_local_ephemeral(ilnp_ilcc_local(e->e_cache), set);
	return (true);
}

void
ilnp_eph_prepare(struct ilnp_edge *e, struct ilnp_prefix *p, u_int n)
{
	struct ilnp_ephpool *o = &e->e_pool;
	struct ilnp_eph *x, *next;
	uint32_t usable = 0;
	bool changed;

	sx_assert(&e->e_sx, SA_XLOCKED);
	if (o->o_want == 0 && o->o_n == 0)
		return;
	if (o->o_looked != time_uptime) {
		o->o_looked = time_uptime;
		retire(e);
		fill(e);
	}
	TAILQ_FOREACH(x, &o->o_all, x_link)
		x->x_ready = 0;
	for (u_int i = 0; i < n; i++)
		if (p[i].p_mint) {
			prepare_at(e, &p[i], false);
			prepare_at(e, &p[i], true);
			usable += p[i].p_ready;
		}
	changed = !TAILQ_EMPTY(&o->o_gone);
	TAILQ_FOREACH_SAFE(x, &o->o_all, x_link, next) {
		/* In use it stays: probes find out where it is not reached. */
		if (x->x_dup)
			give_up(o, x, false);
		x->x_good = x->x_stage == FRESH && usable != 0 &&
		    x->x_ready >= usable;
		changed = changed || x->x_stage == GONE || x->x_good;
	}
	if (changed && !make_set(e))
		TAILQ_FOREACH(x, &o->o_all, x_link)
			x->x_good = false;
}

static bool
is_dead(void *arg, const struct ilnp_nidpair *nids)
{
	return (ilnp_nidset_has(arg, nids->local));
}

static void
free_gone(struct ilnp_ephpool *o)
{
	struct ilnp_eph *x;

	while ((x = TAILQ_FIRST(&o->o_gone)) != NULL) {
		TAILQ_REMOVE(&o->o_gone, x, x_link);
		ilnp_env_free(x, sizeof(*x));
	}
}

static bool
is_gone(const struct ilnp_edge *e, struct ilnp_nid nid)
{
	const struct ilnp_eph *x;

	TAILQ_FOREACH(x, &e->e_pool.o_gone, x_link)
		if (ilnp_nid_eq(x->x_nid, nid))
			return (true);
	return (false);
}

/* Ends all that there is of those that are gone. */
static void
bury(struct ilnp_edge *e)
{
	struct ilnp_ephpool *o = &e->e_pool;
	struct epoch_tracker et;
	struct ilnp_nidset *dead;
	struct ilnp_eph *x;
	uint32_t n = 0;

	TAILQ_FOREACH(x, &o->o_gone, x_link)
		n++;
	dead = n == 0 ? NULL : ilnp_nidset_alloc(n);
	if (dead == NULL)
		return;
	TAILQ_FOREACH(x, &o->o_gone, x_link)
		(void)ilnp_nidset_put(dead, x->x_nid);
	NET_EPOCH_ENTER(et);
	ilnp_ilcc_sift(e->e_cache, is_dead, dead);
	NET_EPOCH_EXIT(et);
	ilnp_nidset_free(dead);
	ilnp_addr_remove(e, is_gone);
	free_gone(o);
}

void
ilnp_eph_settle(struct ilnp_edge *e)
{
	struct ilnp_ephpool *o = &e->e_pool;
	struct ilnp_eph *x;

	sx_assert(&e->e_sx, SA_XLOCKED);
	if (o->o_oldset == NULL && o->o_set == NULL)
		return;
	TAILQ_FOREACH(x, &o->o_all, x_link) {
		if (!x->x_good)
			continue;
		x->x_good = false;
		mtx_lock(&o->o_lock);
		x->x_stage = READY;
		TAILQ_INSERT_TAIL(&o->o_ready, x, x_next);
		o->o_nready++;
		mtx_unlock(&o->o_lock);
	}
	ilnp_nidset_free(o->o_oldset);
	o->o_oldset = NULL;
	bury(e);
}

void
ilnp_eph_clear(struct ilnp_edge *e)
{
	struct ilnp_ephpool *o = &e->e_pool;
	struct ilnp_eph *x, *next;

	sx_assert(&e->e_sx, SA_XLOCKED);
	TAILQ_FOREACH_SAFE(x, &o->o_all, x_link, next)
		give_up(o, x, true);
	if (!TAILQ_EMPTY(&o->o_gone))
		ilnp_addr_remove(e, is_gone);
	free_gone(o);
	ilnp_nidset_free(o->o_set);
	o->o_set = NULL;
}

static int
sysctl_ephemeral(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	uint32_t value = ilnp_load_32(&e->e_pool.o_want);
	int error;

	error = sysctl_handle_32(oidp, &value, 0, req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	if (value > READY_MAX)
		return (ERANGE);
	/* Without its hook nobody asks us when a program connects. */
	if (value != 0 && !ILNP_HOOKED)
		return (EOPNOTSUPP);
	sx_xlock(&e->e_sx);
	ilnp_store_32(&e->e_pool.o_want, value);
	e->e_pool.o_looked = 0;
	ilnp_loc_scan(e);
	sx_xunlock(&e->e_sx);
	return (0);
}
SYSCTL_DECL(_net_inet6_ilnp6);
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, ephemeral, CTLTYPE_U32 | CTLFLAG_VNET |
    CTLFLAG_RW | CTLFLAG_MPSAFE, NULL, 0, sysctl_ephemeral, "IU",
    "Ephemeral NIDs kept ready, one for each connection; 0: none are used");

static int
sysctl_stable(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	uint32_t value = ilnp_load_32(&e->e_pool.o_stable);
	int error;

	error = sysctl_handle_32(oidp, &value, 0, req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	if (value > 1)
		return (ERANGE);
	ilnp_store_32(&e->e_pool.o_stable, value);
	return (0);
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, ephemeral_fallback, CTLTYPE_U32 |
    CTLFLAG_VNET | CTLFLAG_RW | CTLFLAG_MPSAFE, NULL, 0, sysctl_stable, "IU",
    "Where no ephemeral NID is ready, 0: connect fails; 1: it uses ours");

static int
sysctl_ready(SYSCTL_HANDLER_ARGS)
{
	uint32_t value = ilnp_load_32(&V_ilnp_edge.e_pool.o_nready);

	return (sysctl_handle_32(oidp, &value, 0, req));
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, ephemeral_ready, CTLTYPE_U32 |
    CTLFLAG_VNET | CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, 0, sysctl_ready, "IU",
    "Ephemeral NIDs that are ready now");
