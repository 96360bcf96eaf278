/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Our own locators: which prefixes of which interfaces are usable, through
 * which router, and since when.  Everything is derived again from what the
 * kernel and the routers said last, so no event can be missed for long.
 */
#ifndef _ILNPD_LOCATOR_H_
#define	_ILNPD_LOCATOR_H_

#include "node.h"

enum locator_state {
	LOC_NO_ROUTER,		/* no router stands behind the prefix */
	LOC_TENTATIVE,		/* duplicate address detection is running */
	LOC_DUPLICATE,		/* somebody else has our NID there */
	LOC_USED,
	LOC_DISABLED,		/* receives until it is quiet */
	LOC_QUIET,		/* disabled and let go */
	LOC_NO_ROOM		/* others have taken all places */
};

struct locator {
	struct ilnp_l64	lc_l64;
	struct iface	*lc_if;		/* NULL: free slot */
	enum locator_state lc_state;
	bool		lc_onlinkonly;	/* static, without a router */
	bool		lc_hasrouter;
	bool		lc_hadrouter;	/* before the present review */
	struct in6_addr	lc_router;
	ilnp_time_t	lc_until;	/* of the prefix, 0 = no end */
	bool		lc_deprecated;
	bool		lc_seen;	/* in the present review */
	bool		lc_put;		/* the core has it */
};

struct locators *locators_alloc(void);
void	locators_free(struct locators *);

/* Takes in what the kernel says about an address. */
void	locators_addr(struct node *, const struct nl_addr *, bool gone);
/* Forgets all addresses, before they are listed anew. */
void	locators_forget(struct node *);

/* Brings locators, addresses and the core in line with what is known. */
void	locators_review(struct node *, ilnp_time_t now);

/* Tells the core of disabled interfaces, and lets go what is quiet. */
void	locators_disable(struct node *, struct iface *, bool);
void	locators_tick(struct node *, ilnp_time_t now);

/* Removes from the interfaces what the node has added. */
void	locators_withdraw(struct node *);

/* The locator to send from, or NULL.  Good until the next review. */
const struct locator *locators_find(const struct node *, struct ilnp_l64);

/* True if every prefix that routers have announced on an interface is known. */
bool	locators_cover(const struct node *, const struct iface *);

/* The i-th locator for a listing; NULL behind the last. */
const struct locator *locators_at(const struct node *, u_int i);
const char *locators_state_name(enum locator_state);

#endif /* !_ILNPD_LOCATOR_H_ */
