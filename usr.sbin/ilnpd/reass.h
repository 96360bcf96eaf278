/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Puts datagrams together that arrive in fragments (RFC 8200 s4.5), so that
 * they are judged whole: a Locator Update of many locators, a nonce that only
 * the first fragment shows, a checksum whose kind is not known yet.
 *
 * Memory is bounded by a fixed number of datagrams at once, of which those who
 * have not shown the nonce of a session get a part, and time by REASS_TIME.
 */
#ifndef _ILNPD_REASS_H_
#define	_ILNPD_REASS_H_

#include "ilnp_wire.h"
#include "stat.h"

#define	REASS_SLOTS	64	/* datagrams at once */
#define	REASS_STRANGERS	16	/* of them without a known nonce */
#define	REASS_TIME	ILNP_SEC(60)	/* RFC 8200 s4.5 */
#define	REASS_ROOM	64	/* free octets in front of what is returned */

struct reass;

/* Returns NULL if memory is short. */
struct reass *reass_alloc(void);
void	reass_free(struct reass *);

/*
 * Takes in a fragment: a packet of which ilnp_wire_parse() has said OK and
 * v_frag, with v_len octets at hand and REASS_ROOM in front that may be
 * overwritten.  `known': it bears the nonce of a session.
 * Returns the whole packet, which stays good until the next call, or NULL if
 * there is none yet or the fragment has been dropped, which is counted.
 */
uint8_t	*reass_input(struct reass *, uint8_t *ip, const struct ilnp_view *,
	    bool known, ilnp_time_t now, struct node_stats *, size_t *len);

/* Gives up datagrams that are not complete in time. */
void	reass_age(struct reass *, ilnp_time_t now, struct node_stats *);

#endif /* !_ILNPD_REASS_H_ */
