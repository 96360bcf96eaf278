/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the core wants done or known.  Functions that take a `struct ilnp_acts'
 * append to it; the edge carries the actions out when it holds no lock.
 */
#ifndef _ILNP_ACT_H_
#define	_ILNP_ACT_H_

#include "ilnp_wire.h"

/* One control packet to be sent from local locator a_ctl.cp_src.l64. */
struct ilnp_act {
	struct ilnp_ctl	a_ctl;
	uint32_t	a_if;		/* edge's handle of that locator; 0: look
					   it up by cp_src.l64 */
	uint8_t		a_data[ILNP_LOCS_MAX * ILNP_LU_REC_EXT16];
					/* backs cp_body where the core made it */
};

/*
 * Places that a list must have free for ilnp_ilcc_input(), and those that serve
 * ilnp_ilcc_tick() well, which stops early when it runs short.  An action takes
 * some 250 octets: two of them fit on a kernel stack.
 */
#define	ILNP_ACTS_INPUT	2
#define	ILNP_ACTS_TICK	32

struct ilnp_acts {
	u_int		as_n;
	u_int		as_max;		/* places in as_act, the caller's */
	struct ilnp_act	*as_act;
};

/* An empty list in an array. */
#define	ILNP_ACTS(array)						\
	((struct ilnp_acts){						\
		.as_max = sizeof(array) / sizeof((array)[0]),		\
		.as_act = (array)					\
	})

/* Returns a zeroed action at the end of the list, or NULL if it is full. */
static inline struct ilnp_act *
ilnp_act_new(struct ilnp_acts *as)
{
	struct ilnp_act *a;

	if (as->as_n == as->as_max)
		return (NULL);
	a = &as->as_act[as->as_n++];
	memset(a, 0, sizeof(*a));
	return (a);
}

enum ilnp_event_kind {
	ILNP_EV_SESS_NEW,
	ILNP_EV_SESS_GONE,
	ILNP_EV_FALLBACK,
	ILNP_EV_REKEYED,
	ILNP_EV_PATH_UP,
	ILNP_EV_PATH_SUSPECT,
	ILNP_EV_PATH_DOWN,
	ILNP_EV_LU_SENT,
	ILNP_EV_LU_ACKED,
	ILNP_EV_LU_FAILED,
	ILNP_EV_LU_RCVD,
	ILNP_EV_LOC_ADD,
	ILNP_EV_LOC_DEL,
	ILNP_EV_LOC_QUIET,
	ILNP_EV_CHOICE_LOST,
	ILNP_EV_CHOICE_BACK
};

/* The name of a kind as users see it, for instance "lu_sent". */
const char *ilnp_event_name(enum ilnp_event_kind);

/* Fields that an event does not concern are zero. */
struct ilnp_event {
	enum ilnp_event_kind e_kind;
	ilnp_time_t	e_time;
	struct ilnp_nidpair e_nids;
	struct ilnp_l64pair e_pair;
	uint32_t	e_count;	/* LU: locators listed */
};

#endif /* !_ILNP_ACT_H_ */
