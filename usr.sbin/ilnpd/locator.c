/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Decides which prefixes serve as locators (RFC 6740 s5.1, RFC 8028).
 *
 * A prefix serves once the kernel has accepted it by SLAAC (or the
 * configuration names it), a router stands behind it, and none of our NIDs has
 * a duplicate there.  The node adds the address L64:NID for each NID; it is
 * born deprecated, so that the host's own traffic does not start from it.
 */
#include <linux/if_addr.h>
#include <stdlib.h>

#include "event.h"
#include "iface.h"
#include "ilnp_addr.h"
#include "locator.h"
#include "log.h"
#include "notation.h"

#define	ADDRS_MAX	128
#define	LOCATORS_MAX	16
#define	PREFIX_LEN	64
#define	GUESS_EVERY	ILNP_SEC(5)
#define	DUPLICATE_RETRY	ILNP_SEC(60)
#define	PROTO_KERNEL_RA	2	/* IFAPROT_KERNEL_RA */
#define	OUR_FLAGS	(IFA_F_NOPREFIXROUTE)

/* An address on one of our interfaces or on the TUN device. */
struct kaddr {
	struct nl_addr	ka_addr;
	ilnp_time_t	ka_until;	/* 0 = no end */
	ilnp_time_t	ka_retry;	/* duplicate, and gone: when to try again */
};

struct locators {
	u_int		l_naddrs;
	struct kaddr	l_addr[ADDRS_MAX];
	struct locator	l_loc[LOCATORS_MAX];
	ilnp_time_t	l_guessed[CONF_IFS_MAX];
	struct log_rate	l_rate;
};

struct locators *
locators_alloc(void)
{
	return (calloc(1, sizeof(struct locators)));
}

void
locators_free(struct locators *ls)
{
	free(ls);
}

const char *
locators_state_name(enum locator_state state)
{
	static const char *const names[] = {
		[LOC_NO_ROUTER] = "no_router",
		[LOC_TENTATIVE] = "tentative",
		[LOC_DUPLICATE] = "duplicate",
		[LOC_USED] = "used",
		[LOC_DISABLED] = "disabled",
		[LOC_QUIET] = "quiet",
		[LOC_NO_ROOM] = "no_room",
	};

	return (names[state]);
}

static struct kaddr *
find_addr(struct locators *ls, u_int index, const struct in6_addr *a)
{
	for (u_int i = 0; i < ls->l_naddrs; i++)
		if (ls->l_addr[i].ka_addr.na_index == index &&
		    memcmp(&ls->l_addr[i].ka_addr.na_addr, a,
		    sizeof(*a)) == 0)
			return (&ls->l_addr[i]);
	return (NULL);
}

void
locators_forget(struct node *n)
{
	n->n_locators->l_naddrs = 0;
}

void
locators_addr(struct node *n, const struct nl_addr *na, bool gone)
{
	struct locators *ls = n->n_locators;
	struct kaddr *ka;

	/* Leftovers of ours count wherever they are. */
	if (iface_byindex(n, na->na_index) == NULL &&
	    na->na_proto != NL_ADDR_TAG)
		return;
	ka = find_addr(ls, na->na_index, &na->na_addr);
	n->n_review = true;
	if (gone) {
		if (ka == NULL)
			return;
		/* The kernel takes duplicates away; remember why. */
		if (na->na_proto == NL_ADDR_TAG &&
		    (na->na_flags & IFA_F_DADFAILED) != 0) {
			ka->ka_addr.na_flags = na->na_flags;
			ka->ka_retry = ilnp_env_now() + DUPLICATE_RETRY;
		} else
			*ka = ls->l_addr[--ls->l_naddrs];
		return;
	}
	if (ka == NULL) {
		if (ls->l_naddrs == ADDRS_MAX) {
			if (log_allowed(&ls->l_rate, ilnp_env_now()))
				log_warn("more than %d addresses; one ignored",
				    ADDRS_MAX);
			return;
		}
		ka = &ls->l_addr[ls->l_naddrs++];
	}
	ka->ka_addr = *na;
	ka->ka_retry = 0;
	ka->ka_until = na->na_valid == NL_FOREVER ? 0 :
	    ilnp_env_now() + ILNP_SEC(na->na_valid);
}

/* True for an address that shows that the kernel has accepted its prefix. */
static bool
is_evidence(const struct kaddr *ka)
{
	const struct nl_addr *na = &ka->ka_addr;

	return (na->na_plen == PREFIX_LEN && na->na_proto != NL_ADDR_TAG &&
	    (na->na_flags & IFA_F_DADFAILED) == 0 &&
	    (na->na_proto == PROTO_KERNEL_RA ||
	    (na->na_flags & IFA_F_PERMANENT) == 0));
}

/*
 * Of `places' for locators, those that the core has if `put', the last are
 * kept for interfaces without any: prefixes that flood one network must not
 * keep another out.
 */
static bool
has_room(const struct node *n, const struct iface *ifc, bool put,
    u_int places)
{
	bool has[CONF_IFS_MAX] = { false };
	u_int taken = 0;

	for (u_int i = 0; i < LOCATORS_MAX; i++) {
		const struct locator *lc = &n->n_locators->l_loc[i];

		if (lc->lc_if == NULL || (put && !lc->lc_put))
			continue;
		taken++;
		has[lc->lc_if - n->n_if] = true;
	}
	for (u_int i = 0; i < n->n_nifs && has[ifc - n->n_if]; i++)
		taken += !has[i];
	return (taken < places);
}

static struct locator *
find_slot(struct node *n, const struct iface *ifc, struct ilnp_l64 l64)
{
	struct locators *ls = n->n_locators;
	struct locator *slot = NULL;

	for (u_int i = 0; i < LOCATORS_MAX; i++) {
		struct locator *lc = &ls->l_loc[i];

		if (lc->lc_if == ifc && ilnp_l64_eq(lc->lc_l64, l64))
			return (lc);
		if (lc->lc_if == NULL && slot == NULL)
			slot = lc;
	}
	return (has_room(n, ifc, false, LOCATORS_MAX) ? slot : NULL);
}

static struct locator *
see(struct node *n, struct iface *ifc, struct ilnp_l64 l64)
{
	struct locator *lc;

	if (!ilnp_l64_usable(l64) || conf_denies(&n->n_conf, l64) ||
	    ilnp_l64_eq(l64, tun_identity()))
		return (NULL);
	lc = find_slot(n, ifc, l64);
	if (lc == NULL)
		return (NULL);
	if (lc->lc_if == NULL) {
		memset(lc, 0, sizeof(*lc));
		lc->lc_l64 = l64;
		lc->lc_if = ifc;
		lc->lc_state = LOC_TENTATIVE;
	}
	if (!lc->lc_seen) {
		lc->lc_seen = true;
		lc->lc_hadrouter = lc->lc_hasrouter;
		lc->lc_hasrouter = lc->lc_onlinkonly = false;
		lc->lc_deprecated = true;
		lc->lc_until = 1;
	}
	return (lc);
}

/* The kernel's only default router there, until we have heard one ourselves. */
static bool
guess_router(struct node *n, struct iface *ifc, struct in6_addr *router)
{
	ilnp_time_t *last = &n->n_locators->l_guessed[ifc - n->n_if];
	ilnp_time_t now = ilnp_env_now();

	if (*last != 0 && now - *last < GUESS_EVERY)
		return (false);
	*last = now;
	return (netlink_router(n->n_netlink, ifc->if_index, router) == 0);
}

/* Goes through the evidence: which locators there could be, how long. */
static void
see_all(struct node *n)
{
	struct locators *ls = n->n_locators;

	for (u_int i = 0; i < ls->l_naddrs; i++) {
		struct kaddr *ka = &ls->l_addr[i];
		struct iface *ifc = iface_byindex(n, ka->ka_addr.na_index);
		struct locator *lc;

		if (ifc == NULL || !ifc->if_running || !is_evidence(ka))
			continue;
		lc = see(n, ifc, notation_from_in6(&ka->ka_addr.na_addr).l64);
		if (lc == NULL)
			continue;
		if (lc->lc_until != 0 && (ka->ka_until == 0 ||
		    ka->ka_until > lc->lc_until))
			lc->lc_until = ka->ka_until;
		if ((ka->ka_addr.na_flags & IFA_F_DEPRECATED) == 0)
			lc->lc_deprecated = false;
	}
	for (u_int i = 0; i < n->n_conf.c_nstatics; i++) {
		const struct conf_static *cs = &n->n_conf.c_static[i];
		struct iface *ifc = &n->n_if[cs->cs_if];
		struct locator *lc = NULL;

		if (ifc->if_index != 0 && ifc->if_running)
			lc = see(n, ifc, cs->cs_l64);
		if (lc == NULL)
			continue;
		lc->lc_until = 0;
		lc->lc_deprecated = false;
		lc->lc_onlinkonly = !cs->cs_routed;
		lc->lc_hasrouter = cs->cs_routed;
		lc->lc_router = cs->cs_via;
	}
}

static void
find_router(struct node *n, struct locator *lc)
{
	const struct ra_binding *rb;

	if (lc->lc_hasrouter || lc->lc_onlinkonly)
		return;
	rb = ra_find(&lc->lc_if->if_ra, lc->lc_l64);
	if (rb != NULL) {
		lc->lc_hasrouter = true;
		lc->lc_router = rb->rb_router;
		if (rb->rb_deprecated)
			lc->lc_deprecated = true;
	} else if (!lc->lc_if->if_ra.rt_heard) {
		lc->lc_hasrouter = lc->lc_hadrouter ||
		    guess_router(n, lc->lc_if, &lc->lc_router);
	}
}

static struct in6_addr
address_of(const struct locator *lc, struct ilnp_nid nid)
{
	struct ilnp_ilv ilv = { lc->lc_l64, nid };

	return (notation_to_in6(ilv));
}

/* True if L64:NID is there and lives about as long as it should. */
static bool
is_in_order(const struct locator *lc, const struct kaddr *ka, ilnp_time_t now)
{
	ilnp_time_t a = ka->ka_until, b = lc->lc_until;

	if (ka->ka_retry != 0)
		return (now < ka->ka_retry);
	/* The kernel's own address, where the NID is made from the MAC. */
	if (ka->ka_addr.na_proto != NL_ADDR_TAG)
		return (true);
	if (a == 0 || b == 0)
		return (a == b);
	return ((a > b ? a - b : b - a) < ILNP_SEC(2));
}

/* Adds L64:NID, or has its lifetime follow the kernel's. */
static void
put_address(struct node *n, struct locator *lc, struct ilnp_nid nid,
    ilnp_time_t now)
{
	struct nl_addr na = { .na_index = lc->lc_if->if_index,
	    .na_plen = PREFIX_LEN, .na_proto = NL_ADDR_TAG,
	    .na_flags = OUR_FLAGS, .na_valid = NL_FOREVER };
	struct kaddr *ka;
	bool fresh;
	int error;

	na.na_addr = address_of(lc, nid);
	ka = find_addr(n->n_locators, na.na_index, &na.na_addr);
	if (ka != NULL && is_in_order(lc, ka, now))
		return;
	if (lc->lc_until != 0)
		na.na_valid = (uint32_t)((lc->lc_until - now) / ILNP_SEC(1)) + 1;
	error = netlink_addr_put(n->n_netlink, &na);
	if (error != 0) {
		if (log_allowed(&n->n_locators->l_rate, now))
			log_error("%s: address: %s",
			    lc->lc_if->if_conf->ci_name, strerror(error));
		return;
	}
	/* Until the kernel says more: tentative if it is new. */
	fresh = ka == NULL || ka->ka_retry != 0;
	na.na_flags = fresh ? OUR_FLAGS | IFA_F_TENTATIVE :
	    ka->ka_addr.na_flags;
	locators_addr(n, &na, false);
}

/* How far duplicate address detection has come for all our NIDs. */
static enum locator_state
detection_state(struct node *n, const struct locator *lc)
{
	enum locator_state state = LOC_USED;

	for (u_int i = 0; i < n->n_nnids; i++) {
		struct in6_addr a = address_of(lc, n->n_nid[i]);
		const struct kaddr *ka = find_addr(n->n_locators,
		    lc->lc_if->if_index, &a);

		if (ka != NULL &&
		    (ka->ka_addr.na_flags & IFA_F_DADFAILED) != 0)
			return (LOC_DUPLICATE);
		if (ka == NULL ||
		    (ka->ka_addr.na_flags & IFA_F_TENTATIVE) != 0)
			state = LOC_TENTATIVE;
	}
	return (state);
}

static void
tell_core(struct node *n, struct locator *lc, ilnp_time_t now)
{
	const struct conf_if *ci = lc->lc_if->if_conf;
	uint32_t life = 0;
	int rc = -1;

	if (lc->lc_until != 0)
		life = (uint32_t)((lc->lc_until - now) / ILNP_SEC(1)) + 1;
	if (lc->lc_put || has_room(n, lc->lc_if, true, ILNP_LOCS_MAX))
		rc = ilnp_local_put(node_local(n), lc->lc_l64,
		    lc->lc_if->if_index, lc->lc_deprecated ? UINT16_MAX :
		    ci->ci_pref, ci->ci_weight, life, now);
	if (rc < 0) {
		lc->lc_state = LOC_NO_ROOM;
		if (log_allowed(&n->n_locators->l_rate, now))
			log_warn("%s: locator not used: there is no room for "
			    "more", ci->ci_name);
		return;
	}
	if (rc > 0)
		n->n_tick = now;
	if (!lc->lc_put) {
		lc->lc_put = true;
		event_locator(n, ILNP_EV_LOC_ADD, lc, now);
	}
	if (lc->lc_if->if_disabled && ilnp_local_disable(node_local(n),
	    lc->lc_l64, true, now) == 0)
		n->n_tick = now;
}

static void
untell_core(struct node *n, struct locator *lc, ilnp_time_t now)
{
	if (!lc->lc_put)
		return;
	lc->lc_put = false;
	(void)ilnp_local_del(node_local(n), lc->lc_l64, now);
	n->n_tick = now;
	event_locator(n, ILNP_EV_LOC_DEL, lc, now);
	/* The same prefix may be waiting on another interface. */
	n->n_review = true;
}

/* True if another interface already serves this prefix. */
static bool
taken_elsewhere(const struct locators *ls, const struct locator *lc)
{
	for (u_int i = 0; i < LOCATORS_MAX; i++)
		if (&ls->l_loc[i] != lc && ls->l_loc[i].lc_if != NULL &&
		    ls->l_loc[i].lc_put &&
		    ilnp_l64_eq(ls->l_loc[i].lc_l64, lc->lc_l64))
			return (true);
	return (false);
}

static void
review_one(struct node *n, struct locator *lc, ilnp_time_t now)
{
	enum locator_state was = lc->lc_state;
	bool idle = lc->lc_if->if_disabled && !lc->lc_put;

	if (idle) {
		lc->lc_state = LOC_QUIET;
		return;
	}
	for (u_int i = 0; i < n->n_nnids; i++)
		put_address(n, lc, n->n_nid[i], now);
	if (!lc->lc_hasrouter && !lc->lc_onlinkonly)
		lc->lc_state = LOC_NO_ROUTER;
	else
		lc->lc_state = detection_state(n, lc);
	if (lc->lc_state == LOC_DUPLICATE && was != LOC_DUPLICATE)
		log_error("%s: another node has our NID on this network; "
		    "locator not used", lc->lc_if->if_conf->ci_name);
	if (lc->lc_state == LOC_USED &&
	    (lc->lc_put || !taken_elsewhere(n->n_locators, lc))) {
		tell_core(n, lc, now);
		if (lc->lc_put && lc->lc_if->if_disabled)
			lc->lc_state = LOC_DISABLED;
	} else
		untell_core(n, lc, now);
}

/* True if an address of ours belongs where it is. */
static bool
is_wanted(const struct node *n, const struct nl_addr *na)
{
	struct ilnp_ilv ilv = notation_from_in6(&na->na_addr);
	bool ours = false;

	for (u_int i = 0; i < n->n_nnids; i++)
		ours |= ilnp_nid_eq(n->n_nid[i], ilv.nid);
	if (!ours)
		return (false);
	if (na->na_index == n->n_tun.tu_index)
		return (ilnp_l64_eq(ilv.l64, tun_identity()));
	for (u_int i = 0; i < LOCATORS_MAX; i++) {
		const struct locator *lc = &n->n_locators->l_loc[i];

		if (lc->lc_if != NULL && lc->lc_if->if_index == na->na_index &&
		    ilnp_l64_eq(lc->lc_l64, ilv.l64) &&
		    lc->lc_state != LOC_QUIET)
			return (true);
	}
	return (false);
}

static void
remove_unwanted(struct node *n)
{
	struct locators *ls = n->n_locators;

	for (u_int i = 0; i < ls->l_naddrs;) {
		const struct nl_addr *na = &ls->l_addr[i].ka_addr;

		if (na->na_proto != NL_ADDR_TAG || is_wanted(n, na)) {
			i++;
			continue;
		}
		(void)netlink_addr_del(n->n_netlink, na);
		ls->l_addr[i] = ls->l_addr[--ls->l_naddrs];
	}
}

void
locators_review(struct node *n, ilnp_time_t now)
{
	struct locators *ls = n->n_locators;

	n->n_review = false;
	for (u_int i = 0; i < n->n_nifs; i++)
		(void)ra_age(&n->n_if[i].if_ra, now);
	for (u_int i = 0; i < LOCATORS_MAX; i++)
		ls->l_loc[i].lc_seen = false;
	see_all(n);
	for (u_int i = 0; i < LOCATORS_MAX; i++) {
		struct locator *lc = &ls->l_loc[i];

		if (lc->lc_if == NULL)
			continue;
		if (lc->lc_seen && (lc->lc_until == 0 || lc->lc_until > now)) {
			find_router(n, lc);
			review_one(n, lc, now);
			continue;
		}
		untell_core(n, lc, now);
		lc->lc_if = NULL;
	}
	remove_unwanted(n);
}

void
locators_disable(struct node *n, struct iface *ifc, bool disable)
{
	ilnp_time_t now = ilnp_env_now();

	ifc->if_disabled = disable;
	for (u_int i = 0; i < LOCATORS_MAX; i++) {
		struct locator *lc = &n->n_locators->l_loc[i];

		if (lc->lc_if == ifc && lc->lc_put &&
		    ilnp_local_disable(node_local(n), lc->lc_l64, disable,
		    now) == 0)
			n->n_tick = now;
	}
	n->n_review = true;
}

void
locators_tick(struct node *n, ilnp_time_t now)
{
	for (u_int i = 0; i < LOCATORS_MAX; i++) {
		struct locator *lc = &n->n_locators->l_loc[i];

		if (lc->lc_if == NULL || lc->lc_state != LOC_DISABLED ||
		    !lc->lc_if->if_disabled ||
		    !ilnp_ilcc_released(n->n_ilcc, lc->lc_l64, now))
			continue;
		event_locator(n, ILNP_EV_LOC_QUIET, lc, now);
		untell_core(n, lc, now);
		lc->lc_state = LOC_QUIET;
		n->n_review = true;
	}
}

void
locators_withdraw(struct node *n)
{
	struct locators *ls = n->n_locators;

	for (u_int i = 0; i < ls->l_naddrs; i++)
		if (ls->l_addr[i].ka_addr.na_proto == NL_ADDR_TAG)
			(void)netlink_addr_del(n->n_netlink,
			    &ls->l_addr[i].ka_addr);
	ls->l_naddrs = 0;
}

const struct locator *
locators_find(const struct node *n, struct ilnp_l64 l64)
{
	for (u_int i = 0; i < LOCATORS_MAX; i++) {
		const struct locator *lc = &n->n_locators->l_loc[i];

		if (lc->lc_put && ilnp_l64_eq(lc->lc_l64, l64) &&
		    lc->lc_if != NULL)
			return (lc);
	}
	return (NULL);
}

bool
locators_cover(const struct node *n, const struct iface *ifc)
{
	const struct locators *ls = n->n_locators;

	for (u_int i = 0; i < ifc->if_ra.rt_n; i++) {
		bool known = false;

		for (u_int j = 0; j < LOCATORS_MAX; j++)
			known |= ls->l_loc[j].lc_if == ifc &&
			    ilnp_l64_eq(ls->l_loc[j].lc_l64,
			    ifc->if_ra.rt_b[i].rb_l64);
		if (!known)
			return (false);
	}
	return (true);
}

const struct locator *
locators_at(const struct node *n, u_int i)
{
	for (u_int j = 0; j < LOCATORS_MAX; j++)
		if (n->n_locators->l_loc[j].lc_if != NULL && i-- == 0)
			return (&n->n_locators->l_loc[j]);
	return (NULL);
}
