/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Correspondents that are known before there is a session with them: those
 * that the administrator has told of, and candidates, which programs have found
 * by looking names up (RFC 6742).
 *
 * Anybody's programs teach candidates, so these are bounded in number, in time
 * and in effect: one opens a session where there is none, and a NID belongs to
 * the name that taught it first.  When its lifetime has ended a candidate opens
 * no more sessions, but its name is remembered: it is asked again before the
 * NID is anybody else's.
 *
 * All functions may be called from several threads at once.
 */
#ifndef _ILNP_CAND_H_
#define	_ILNP_CAND_H_

#include "ilnp_ilcc.h"

#define	ILNP_NAME_MAX	256	/* octets of a name with its NUL */
#define	ILNP_CAND_LIFE	3600	/* s, whatever the name server says */
#define	ILNP_CAND_WINDOW 5	/* s; a program may take so long to connect */
#define	ILNP_CAND_KEEP	86400	/* s for which a name is remembered */

struct ilnp_cands;

/* What a look-up has found. */
struct ilnp_offer {
	char		of_name[ILNP_NAME_MAX];
	uint64_t	of_owner;	/* whose program; see ilnp_owner_share() */
	bool		of_root;	/* an administrator's */
	struct ilnp_nid	of_nid;
	u_int		of_n;
	struct ilnp_lurec of_rec[ILNP_LOCS_MAX];
};

/* One of them. */
struct ilnp_cand {
	struct ilnp_nid	ca_nid;		/* 0: a free place */
	char		ca_name[ILNP_NAME_MAX];	/* whom to ask; "": we were told */
	uint64_t	ca_owner;	/* who taught it first */
	bool		ca_root;	/* an administrator's program has as well */
	bool		ca_once;	/* TTL 0: good for one session */
	bool		ca_open;	/* it has opened a session that lives */
	bool		ca_doubt;	/* others were told otherwise */
	bool		ca_waits;	/* its name was asked, and has not answered */
	uint8_t		ca_vain;	/* how often before that, in a row */
	uint16_t	ca_next;	/* place + 1 of the same hash; 0: last */
	u_int		ca_n;
	struct ilnp_lurec ca_rec[ILNP_LOCS_MAX];
	ilnp_time_t	ca_until;	/* opens no sessions then; 0: no end */
	ilnp_time_t	ca_keep;	/* remembered until then */
	ilnp_time_t	ca_asked;	/* its name was last asked; 0: never */
	ilnp_time_t	ca_busy;	/* its session last sent */
	uint64_t	ca_txpkts;	/* of its session, when last looked at */
};

/*
 * Makes a table of `max' places, at most `cands' of them for candidates, and of
 * these `own' for each owner.  Returns NULL if memory is short.
 */
struct ilnp_cands *ilnp_cands_alloc(u_int max, u_int cands, u_int own);
void	ilnp_cands_free(struct ilnp_cands *);

/*
 * True for a name that a resolver may have found.  It may become a word of a
 * shell's command, so it is no more than that, in lower case, and no option.
 */
bool	ilnp_name_usable(const char *);

/*
 * The administrator's word, which stands until `until'; 0: for ever.
 * Returns 0, EINVAL for a NID or locators that may not be used, ENOSPC.
 */
int	ilnp_cands_put(struct ilnp_cands *, struct ilnp_nid,
	    const struct ilnp_lurec *, u_int n, ilnp_time_t until,
	    ilnp_time_t now);

/* Forgets a correspondent, whoever told of it.  Returns 0 or ENOENT. */
int	ilnp_cands_del(struct ilnp_cands *, struct ilnp_nid);

/*
 * Learns from a program.  An owner's own candidates make room if he has too
 * many, those of whoever has most if there are too many in all.
 * Returns 0, also where the administrator's word stands, EINVAL, ENOSPC if the
 * administrator has told of as many as there can be, EEXIST if the NID belongs
 * to another name, or EBUSY if another owner was told otherwise and the name
 * must be asked first (EAGAIN would have sysctl(3) try for ever).
 */
int	ilnp_cands_offer(struct ilnp_cands *, const struct ilnp_offer *,
	    ilnp_time_t now);

/*
 * Takes the word of the name server for one NID of a name; once all of a name
 * have been told, ilnp_cands_answered() forgets those that were not, but for
 * such as a session lives by.  of_owner and of_root do not matter.
 * Returns 0, EINVAL, or ENOENT if the NID is not known by that name.  `open'
 * is whether it has opened a session, which may believe it: one that somebody
 * else has opened is none of that name's business.
 */
int	ilnp_cands_answer(struct ilnp_cands *, const struct ilnp_offer *,
	    ilnp_time_t now, bool *open);
void	ilnp_cands_answered(struct ilnp_cands *, const char *name);

/*
 * The locators to open a session with, and whether they are the
 * administrator's, whom sessions that exist may believe.
 * Returns their number, 0 if there are none or their time is over; then the
 * name is to be asked.
 */
u_int	ilnp_cands_get(struct ilnp_cands *, struct ilnp_nid, ilnp_time_t now,
	    struct ilnp_lurec[ILNP_LOCS_MAX], bool *told);

/* A session has been opened with those. */
void	ilnp_cands_opened(struct ilnp_cands *, struct ilnp_nid,
	    ilnp_time_t now);

/* False for most NIDs that are not in the table; takes no lock. */
bool	ilnp_cands_known(const struct ilnp_cands *, struct ilnp_nid);

/*
 * Says that a NID's name should be asked; if not `must', only if others were
 * told otherwise.
 * Returns true, and the candidate, if now is the time, for it is not asked too
 * often.  The caller asks.
 */
bool	ilnp_cands_ask(struct ilnp_cands *, struct ilnp_nid, bool must,
	    ilnp_time_t now, struct ilnp_cand *);

/*
 * Looks at the i-th place, at least once a second: at the sessions that a
 * candidate has opened from any of our `n' NIDs, and whether its time has come.
 * `si' is room.  Inside an epoch.
 * Returns true if its name is to be asked now; the candidate as it is then.
 */
bool	ilnp_cands_look(struct ilnp_cands *, u_int i, struct ilnp_ilcc *,
	    const struct ilnp_nid *ours, u_int n, struct ilnp_sessinfo *si,
	    ilnp_time_t now, struct ilnp_cand *);

/* Copies one out; of a NID, or of the i-th place.  False if there is none. */
bool	ilnp_cands_find(struct ilnp_cands *, struct ilnp_nid,
	    struct ilnp_cand *);
bool	ilnp_cands_at(struct ilnp_cands *, u_int i, struct ilnp_cand *);

/* Places; true if a candidate opens no sessions any more. */
u_int	ilnp_cands_max(const struct ilnp_cands *);
bool	ilnp_cand_over(const struct ilnp_cand *, ilnp_time_t now);

#endif /* !_ILNP_CAND_H_ */
