/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The local side of the cache: our NIDs and our locators, the Locator Update
 * that announces them, and the generation that tells sessions to look again.
 */
#ifndef _ILNP_LOCAL_H_
#define	_ILNP_LOCAL_H_

#include "ilnp_act.h"
#include "ilnp_knob.h"
#include "ilnp_path.h"

/*
 * A set of NIDs made up at random, so that their lower bits say where they
 * stand.  Once others can see it it does not change, and is read without a
 * lock.
 */
struct ilnp_nidset {
	uint32_t	ns_n;
	uint32_t	ns_max;
	uint32_t	ns_mask;	/* places - 1; there are 2^k > ns_max */
	struct ilnp_nid	ns_nid[];	/* 0: a free place */
};

/* An empty set with room for `max' NIDs, or NULL if memory is short. */
struct ilnp_nidset *ilnp_nidset_alloc(uint32_t max);
void	ilnp_nidset_free(struct ilnp_nidset *);

/* Returns false if the NID is 0 or there already, or there is no room. */
bool	ilnp_nidset_put(struct ilnp_nidset *, struct ilnp_nid);

static inline bool
ilnp_nidset_has(const struct ilnp_nidset *set, struct ilnp_nid nid)
{
	uint32_t i = (uint32_t)nid.nid & set->ns_mask;

	for (; set->ns_nid[i].nid != 0; i = (i + 1) & set->ns_mask)
		if (ilnp_nid_eq(set->ns_nid[i], nid))
			return (true);
	return (false);
}

struct ilnp_local {
	struct ilnp_lock lo_lock;
	struct ilnp_locset lo_set;		/* (lo_lock) */
	uint32_t	lo_weight[ILNP_LOCS_MAX];	/* (lo_lock) as lo_set */
	uint32_t	lo_nnids;		/* (lo_lock) */
	struct ilnp_nid	lo_nid[ILNP_NIDS_MAX];	/* (lo_lock) */
	const struct ilnp_nidset *lo_ephemeral;	/* (lo_lock) NULL: none */
	ilnp_time_t	lo_changed;		/* (lo_lock) of lo_gen */
	uint32_t	lo_gen;			/* written under lo_lock */
};

/* The locators an advertisement of generation ad_gen lists. */
struct ilnp_advert {
	uint32_t	ad_gen;
	uint32_t	ad_n;
	struct ilnp_lurec ad_rec[ILNP_LOCS_MAX];
};

void	ilnp_local_init(struct ilnp_local *);
void	ilnp_local_destroy(struct ilnp_local *);

/* Returns 0, EINVAL for a NID nobody may own, EEXIST, or ENOSPC. */
int	ilnp_local_nid_add(struct ilnp_local *, struct ilnp_nid);
/* Returns 0 or ENOENT. */
int	ilnp_local_nid_del(struct ilnp_local *, struct ilnp_nid);
/* True for a configured one, and for an ephemeral one. */
bool	ilnp_local_nid_is(struct ilnp_local *, struct ilnp_nid);

/*
 * Our ephemeral NIDs are those of a set, and no others; NULL: there are none.
 * The set stays the caller's, who may free the one before when this returns.
 */
void	ilnp_local_ephemeral(struct ilnp_local *, const struct ilnp_nidset *);

/*
 * Adds a local locator, or renews it: lifetime in seconds (0 = no end), the
 * edge's handle for it, preference, weight (at least 1).
 * Returns 0 if nothing but the lifetime changed, 1 if sessions must look
 * again, -1 if the locator may not be used or there is no room.
 */
int	ilnp_local_put(struct ilnp_local *, struct ilnp_l64, uint32_t ifhandle,
	    uint16_t pref, uint32_t weight, uint32_t life, ilnp_time_t now);

/* Forgets a locator at once.  Returns 0 or ENOENT. */
int	ilnp_local_del(struct ilnp_local *, struct ilnp_l64, ilnp_time_t now);

/*
 * Disables a locator: nothing is sent from it and the next Locator Update does
 * not list it, but it still receives; or enables it again.
 * Returns 0, ENOENT, or EALREADY.
 */
int	ilnp_local_disable(struct ilnp_local *, struct ilnp_l64, bool,
	    ilnp_time_t now);

/* Takes note of a packet to or from a locator. */
void	ilnp_local_touch(struct ilnp_local *, struct ilnp_l64, ilnp_time_t now);

/* Ages locators.  Returns true if sessions must look again. */
bool	ilnp_local_age(struct ilnp_local *, ilnp_time_t now, uint32_t busy);

/* True if the locator is one that we send from, and so advertise. */
bool	ilnp_local_sends(struct ilnp_local *, struct ilnp_l64);

/* Copies the locators to send from; returns how many, sets the generation. */
u_int	ilnp_local_snapshot(struct ilnp_local *,
	    struct ilnp_localloc[ILNP_LOCS_MAX], uint32_t *gen);

/* Copies the whole set, for listings. */
void	ilnp_local_list(struct ilnp_local *, struct ilnp_locset *);

/* What a Locator Update says now; every locator is promised for `life' s. */
void	ilnp_local_advert(struct ilnp_local *, uint32_t life,
	    struct ilnp_advert *);

/* The present generation; changes whenever ilnp_local_advert() would. */
static inline uint32_t
ilnp_local_gen(struct ilnp_local *lo)
{
	return (ilnp_load_32(&lo->lo_gen));
}

#endif /* !_ILNP_LOCAL_H_ */
