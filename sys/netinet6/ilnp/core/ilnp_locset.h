/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Locator sets: the L64s of one node with preference, lifetime and the four
 * states of RFC 6741 s5.1.  A set holds no lock; its owner's lock guards it.
 */
#ifndef _ILNP_LOCSET_H_
#define	_ILNP_LOCSET_H_

#include "ilnp_wire.h"

enum ilnp_locstate {
	ILNP_LOC_VALID,		/* usable, not in use */
	ILNP_LOC_ACTIVE,	/* usable, in use */
	ILNP_LOC_EXPIRED,	/* past its lifetime, still in use */
	ILNP_LOC_AGED		/* past its lifetime, no longer in use */
};

#define	ILNP_LOC_F_WITHDRAWN	0x01	/* peer withdrew it, or we disabled it */
#define	ILNP_LOC_F_LEARNT	0x02	/* from a packet, not from DNS or an LU */
#define	ILNP_LOC_F_UNPROVEN	0x04	/* no probe has been answered from it */
#define	ILNP_LOC_F_SOUGHT	0x08	/* and none but names put the peer there */

struct ilnp_loc {
	struct ilnp_l64	l_l64;
	uint32_t	l_until;	/* s of the clock; 0 = no end */
	uint32_t	l_used;		/* s of the clock, 0 = never */
	uint32_t	l_if;		/* local ones: the edge's handle */
	uint16_t	l_pref;		/* lower is preferred */
	uint8_t		l_state;	/* enum ilnp_locstate */
	uint8_t		l_flags;
};

struct ilnp_locset {
	uint32_t	ls_n;
	struct ilnp_loc	ls_loc[ILNP_LOCS_MAX];
};

/* The clock of l_until and l_used; never 0. */
static inline uint32_t
ilnp_loc_clock(ilnp_time_t now)
{
	return ((uint32_t)(now / ILNP_SEC(1)) + 1);
}

/* Seconds since a locator was used; UINT32_MAX if it never was. */
static inline uint32_t
ilnp_loc_idle(const struct ilnp_loc *l, ilnp_time_t now)
{
	uint32_t clock = ilnp_loc_clock(now);

	if (l->l_used == 0)
		return (UINT32_MAX);
	return (clock > l->l_used ? clock - l->l_used : 0);
}

/* Returns the locator or NULL. */
static inline struct ilnp_loc *
ilnp_locset_find(struct ilnp_locset *ls, struct ilnp_l64 l64)
{
	for (struct ilnp_loc *l = ls->ls_loc; l < &ls->ls_loc[ls->ls_n]; l++)
		if (ilnp_l64_eq(l->l_l64, l64))
			return (l);
	return (NULL);
}

/*
 * Adds a locator or renews one: preference, lifetime (seconds from now, 0 =
 * no end), flags.  When the set is full an aged or withdrawn locator makes
 * room, then a learnt one.
 * Returns the locator, or NULL if there is no room.
 */
struct ilnp_loc	*ilnp_locset_put(struct ilnp_locset *, struct ilnp_l64,
		    uint16_t pref, uint32_t life, uint8_t flags,
		    ilnp_time_t now);

void	ilnp_locset_del(struct ilnp_locset *, struct ilnp_l64);

/* Marks a locator as used now. */
static inline void
ilnp_loc_touch(struct ilnp_loc *l, ilnp_time_t now)
{
	l->l_used = ilnp_loc_clock(now);
	if (l->l_state == ILNP_LOC_VALID)
		l->l_state = ILNP_LOC_ACTIVE;
	else if (l->l_state == ILNP_LOC_AGED)
		l->l_state = ILNP_LOC_EXPIRED;
}

/*
 * Brings the states up to date: ACTIVE if used within `busy' seconds, EXPIRED
 * or AGED past the lifetime.  Withdrawn locators go away at the end of theirs.
 * Returns true if the locators to send with have changed.
 */
bool	ilnp_locset_age(struct ilnp_locset *, ilnp_time_t now, uint32_t busy);

/* True if packets may be sent with this locator. */
static inline bool
ilnp_loc_sendable(const struct ilnp_loc *l)
{
	return ((l->l_flags & ILNP_LOC_F_WITHDRAWN) == 0 &&
	    l->l_state != ILNP_LOC_AGED);
}

/*
 * Replaces the set by that of a Locator Update (RFC 6743 s4): the best `max'
 * locators that may be used.  What is no longer listed is kept as withdrawn
 * for `retain' seconds, what is new is unproven, and nothing listed is sought.
 * `changed' says whether the sendable locators differ.
 * Returns 0, or EADDRNOTAVAIL if no listed locator may be used; then the set
 * is as before.
 */
int	ilnp_locset_replace(struct ilnp_locset *, const struct ilnp_lu *,
	    u_int max, uint32_t retain, ilnp_time_t now, bool *changed);

#endif /* !_ILNP_LOCSET_H_ */
