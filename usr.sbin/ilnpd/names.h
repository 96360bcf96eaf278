/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Names: serves the resolvers of this host's programs (lib/libc-ilnp), and asks
 * a name again when what it told has ended or leads nowhere.
 *
 * The socket's address is abstract, "\0ilnpd.names", so it belongs to the
 * network namespace.  Messages are text, one request and one answer:
 *
 *	find NAME				ok [NID ...]
 *	name NID				ok [NAME]
 *	teach NAME NID L64,PREF,SECONDS ...	ok | no REASON
 */
#ifndef _ILNPD_NAMES_H_
#define	_ILNPD_NAMES_H_

#include "hosts.h"
#include "node.h"

struct ilnp_cand;
struct names;

/*
 * Opens the socket, while we are root: resolvers believe nobody else.
 * Returns 0 or an errno after a message.  That another node has the address
 * is no error: names are its business then.
 */
int	names_open(struct node *, struct names **);
void	names_close(struct names *);

/*
 * Opens a session with what names know of its correspondent: hosts file, control
 * socket, or candidate, of which one place is tried.  Inside an epoch.
 * Returns the session, borrowed, or NULL.
 */
struct ilnp_sess *names_session(struct node *, const struct ilnp_nidpair *,
		    ilnp_time_t now);

/*
 * The session for a flow: `s', or one opened beside it, if that has lost its peer
 * or not heard of it, and names know another place where it may be.
 */
struct ilnp_sess *names_better(struct node *, struct ilnp_sess *s,
	    const struct ilnp_nidpair *, ilnp_time_t now);

/*
 * True if a NID's lifetime has ended, and its name is being asked again: who
 * sends to it may try again in a moment.
 */
bool	names_waits(struct node *, struct ilnp_nid, ilnp_time_t now);

/* Packets of a session with a NID had no path. */
void	names_lost(struct node *, struct ilnp_nid, ilnp_time_t now);

/* Sees whether names have to be asked again; a few times a second. */
void	names_tick(struct node *, ilnp_time_t now);

/*
 * For listings: the candidate in place `*i' or the next one, and moves on; or
 * that of a NID.  Return false if there is none.
 */
bool	names_candidate(const struct node *, u_int *i, struct ilnp_cand *);
bool	names_candidate_of(const struct node *, struct ilnp_nid,
	    struct ilnp_cand *);

#endif /* !_ILNPD_NAMES_H_ */
