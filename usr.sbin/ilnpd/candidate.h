/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Correspondents that ordinary programs' look-ups have taught.  Anybody may
 * teach, so this is bounded in number, in time and in effect: a candidate opens
 * sessions where there is none, and a NID belongs to the name that taught it
 * first.  When its lifetime has ended the name is remembered, for programs that
 * go on using the address: it is asked again before anything is sent.
 */
#ifndef _ILNPD_CANDIDATE_H_
#define	_ILNPD_CANDIDATE_H_

#include <sys/types.h>

#include "hosts.h"

#define	CAND_MAX	1024	/* in all */
#define	CAND_UID_MAX	64	/* of one user */
#define	CAND_NAME_MAX	256
#define	CAND_LIFE_MAX	3600	/* s, whatever the name server says */
#define	CAND_KEEP	86400	/* s a name is remembered */
#define	CAND_WINDOW	5	/* s; a program may take so long to connect */

struct candidate {
	struct host	c_host;
	char		c_name[CAND_NAME_MAX];	/* whom to ask again */
	uid_t		c_uid;		/* who taught it first */
	bool		c_once;		/* TTL 0: good for one session */
	bool		c_pinned;	/* a session has been opened with it */
	uint64_t	c_txpkts;	/* of its session, when last looked at */
	ilnp_time_t	c_until;	/* opens no sessions from then on */
	ilnp_time_t	c_keep;		/* remembered until then */
	ilnp_time_t	c_busy;		/* its session last sent */
	ilnp_time_t	c_asked;	/* its name was last asked again */
};

struct candidates;

struct candidates *candidates_alloc(void);
void	candidates_free(struct candidates *);

/*
 * Learns from a user.  His own candidates make room if he has too many, those
 * of whoever has most if there are too many in all.
 * Returns 0, or EEXIST if the NID belongs to another name.  The caller should
 * ask the candidate's name himself on EAGAIN, which is a refusal, for others
 * were told otherwise, and on EINPROGRESS, which is none, for they were long
 * ago.
 */
int	candidates_learn(struct candidates *, uid_t, const char *name,
	    struct ilnp_nid, const struct ilnp_lurec *, u_int n,
	    ilnp_time_t now);

/* Takes the word of the name server for a candidate's locators. */
void	candidates_verify(struct candidate *, const struct ilnp_lurec *,
	    u_int n, ilnp_time_t now);

/* Borrowed until the next change; NULL if unknown. */
struct candidate *candidates_find(struct candidates *, struct ilnp_nid);

/* True if a session may be opened with a candidate. */
bool	candidate_opens(const struct candidate *, ilnp_time_t now);

/* The i-th candidate, for those who look at all; NULL behind the last. */
struct candidate *candidates_at(struct candidates *, u_int i);

/* Forgets one; what candidates_at() gave for it may be another one now. */
void	candidates_drop(struct candidates *, struct candidate *);

/* Forgets those whose time has come. */
void	candidates_age(struct candidates *, ilnp_time_t now);

#endif /* !_ILNPD_CANDIDATE_H_ */
