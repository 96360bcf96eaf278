/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Segments for which there is no path that works: the last one of each
 * connection is kept, and sent once there is such a path.
 *
 * TCP waits twice as long after each segment that is lost, so by itself it would
 * stay silent for about as long again as there was no path.  A neighbour that is
 * being looked for is waited for in the same way (RFC 4861 s7.2.2).
 */
#ifndef _ILNPD_HELD_H_
#define	_ILNPD_HELD_H_

#include "flow.h"

#define	HELD_MAX	64	/* connections */
#define	HELD_TIME	ILNP_SEC(60)	/* what is older is of no use to TCP */

struct held;

/* Returns NULL if memory is short. */
struct held *held_alloc(void);
void	held_free(struct held *);

/*
 * Keeps a copy of a frame for a connection, in the place of its last one.  If
 * there are too many, the oldest goes; if memory is short, it is not kept.
 */
void	held_keep(struct held *, const struct flow_key *, const void *frame,
	    size_t len, ilnp_time_t now);

/* The connection has sent by a path that works: what is kept is of no use. */
void	held_drop(struct held *, const struct flow_key *);

/* A path between two NIDs works; may be called with locks of the core held. */
void	held_wake(struct held *, const struct ilnp_nidpair *);

/* True if some are to be sent now. */
bool	held_due(const struct held *);

/*
 * Takes one of those into a buffer that has room for the longest frame.
 * Returns its length, 0 if there is none.
 */
size_t	held_take(struct held *, void *frame, ilnp_time_t now);

#endif /* !_ILNPD_HELD_H_ */
