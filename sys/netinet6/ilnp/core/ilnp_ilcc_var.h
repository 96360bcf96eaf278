/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The cache from the inside: for ilnp_ilcc.c, ilnp_room.c, ilnp_sess.c,
 * ilnp_input.c, ilnp_icmp.c, ilnp_show.c and ilnp_tick.c only.
 */
#ifndef _ILNP_ILCC_VAR_H_
#define	_ILNP_ILCC_VAR_H_

#include "ilnp_addr.h"
#include "ilnp_ilcc.h"
#include "ilnp_table.h"

/*
 * One session: two NIDs, two nonces (RFC 6740 s2.3, RFC 6744 s1).
 *
 * Locking key:
 *	(c) constant after alloc_sess()
 *	(p) pool lock of the cache
 *	(s) s_lock
 *
 * "Peeked" fields are also read without the lock, as hints.  A session that
 * s_dead marks is out of the table and waits for its last readers.
 *
 * The order is that of use: a lookup, and the check of a packet's nonce, read
 * the first line; what each packet reads or writes is in the second; in the
 * third are the first two locators of the peer.
 */
struct ilnp_sess {
	struct ilnp_sess *s_next;		/* (p) of the pair; peeked */
	struct ilnp_nidpair s_nids;		/* (c) */
	uint32_t	s_confirmed;		/* (s) the peer answered us; peeked */
	uint8_t		s_state;		/* (s) enum ilnp_sessstate */
	bool		s_initiator;		/* (c) */
	bool		s_provisional;		/* (s) s_nin is not proven */
	struct ilnp_nonce s_nin;		/* (s) the peer's */
	bool		s_dead;			/* (s) */
	uint8_t		s_rxcksum;		/* (s) enum ilnp_cksum */
	bool		s_synced;		/* (s) s_paths follows s_remote */
	bool		s_lu_pending;		/* (s) s_lu_gen waits for its ack */
	struct ilnp_lock s_lock;
	struct ilnp_pathset *s_paths;		/* (s) NULL until it carries data */
	struct ilnp_nonce s_nout;		/* (c) ours, on what we send */
	bool		s_unreach : 1;		/* (s) an error says: path, not peer */
	bool		s_proved : 1;		/* (s) we have answered a probe */
	bool		s_lu_failed;		/* (s) s_lu_gen never got one */
	uint8_t		s_lu_sends;		/* (s) of s_lu_gen */
	uint32_t	s_busyslot;		/* (p) in c_busy, or NOSLOT; peeked */
	uint16_t	s_ntx;			/* (s) segments of flows that do not
						   count, since a beginning */
	uint16_t	s_bare;			/* (s) longest sent without a nonce */
	uint32_t	s_nrx;			/* (s) packets received, saturating */
	uint32_t	s_lu_gen;		/* (s) last one sent or known */
	ilnp_time_t	s_lasttx;		/* (s) */
	ilnp_time_t	s_lastrx;		/* (s) of what is no probe */
	ilnp_time_t	s_moved;		/* (s) local locators changed */
	struct ilnp_l64pair s_rxpair;		/* (s) of the last packet in */
	struct ilnp_locset s_remote;		/* (s) */
	ilnp_time_t	s_lu_due;		/* (s) next (re)transmission */
	ilnp_time_t	s_lu_last;		/* (s) last one sent */
	ilnp_time_t	s_lu_rx;		/* (s) last one accepted */
	ilnp_time_t	s_question;		/* (s) last asked who is there now */
	ilnp_time_t	s_created;		/* (c) */
	ilnp_time_t	s_firsttx;		/* (s) of this try, 0 = none yet */
	uint32_t	s_lu_rxhash;		/* (s) of the last set accepted */
	uint32_t	s_token;		/* (s) of s_nin, if that is known */
	uint32_t	s_holds;		/* (s) flows that belong to it */
	uint32_t	s_seeks;		/* (s) its peer where names say; peeked */
	uint32_t	s_slot;			/* (p) in c_pool */
	uint32_t	s_halfslot;		/* (p) in c_half, or NOSLOT */
	uint64_t	s_id;			/* (c) never used again */
	struct ilnp_deferred s_deferred;
};

/* A lock may be longer elsewhere; what a lookup reads is before it. */
_Static_assert(offsetof(struct ilnp_sess, s_lock) <= ILNP_LINE - 16,
    "lookups touch one line");
_Static_assert(sizeof(struct ilnp_sess) - sizeof(struct ilnp_lock) <=
    7 * ILNP_LINE - 16, "a million correspondents fit");

#define	ILNP_NOSLOT	UINT32_MAX

/*
 * Locking key: (c) constant, (p) c_lock, atomic otherwise.
 * Lock order: c_lock, s_lock, lo_lock.
 */
struct ilnp_ilcc {
	struct ilnp_conf c_conf;	/* single words; read without a lock */
	struct ilnp_local c_local;
	struct ilnp_stats *c_stats;	/* (c) */
	const struct ilnp_sel_alg *c_alg;
	ilnp_event_fn	*c_event;	/* (c) */
	void		*c_eventarg;	/* (c) */
	uint64_t	c_secret[2];	/* (c) for tokens and stateless nonces */

	uint32_t	c_max;		/* (c) places in c_pool and c_busy */
	uint32_t	c_halfmax;	/* (c) places in c_half */
	struct ilnp_table c_table;	/* (p) read by anybody */

	struct ilnp_lock c_lock;
	struct ilnp_sess **c_pool;	/* (p) all, dense */
	struct ilnp_sess **c_half;	/* (p) the unconfirmed ones we did not open */
	struct ilnp_sess **c_busy;	/* (p) those the timer looks at */
	uint32_t	c_n;		/* (p) */
	uint32_t	c_nhalf;	/* (p) */
	uint32_t	c_nbusy;	/* (p) */
	uint64_t	c_nextid;	/* (p) */
	uint32_t	c_sweep;	/* (p) places below it are still to be swept */
	uint32_t	c_busynext;	/* (p) places below it are still to be looked at */
	ilnp_time_t	c_passed;	/* (p) when they were, from the first on */
	uint32_t	c_sweepgen;	/* (p) local generation of this sweep */
	uint32_t	c_sweptgen;	/* (p) of the last whole sweep */
};

/* ilnp_ilcc.c */
int	ilnp_ilcc_accept(struct ilnp_ilcc *, const struct ilnp_nidpair *,
	    const struct ilnp_nonce *peer, struct ilnp_l64 from,
	    ilnp_time_t now, struct ilnp_sess **);
bool	ilnp_sess_is_at(struct ilnp_sess *, struct ilnp_l64);
void	ilnp_sess_free(struct ilnp_sess *);

/* ilnp_room.c */
int	ilnp_ilcc_insert(struct ilnp_ilcc *, struct ilnp_sess *, ilnp_time_t);
/* No session lock may be held: */
void	ilnp_ilcc_busy(struct ilnp_ilcc *, struct ilnp_sess *);
void	ilnp_ilcc_notbusy(struct ilnp_ilcc *, struct ilnp_sess *);
void	ilnp_ilcc_unhalf(struct ilnp_ilcc *, struct ilnp_sess *);

/* ilnp_show.c; any lock may be held */
void	ilnp_ilcc_event(struct ilnp_ilcc *, enum ilnp_event_kind,
	    const struct ilnp_sess *, const struct ilnp_l64pair *,
	    uint32_t count, ilnp_time_t);

/* True if we know the peer of a session by a nonce it has proven. */
static inline bool
ilnp_sess_known(const struct ilnp_sess *s)
{
	return (s->s_state == ILNP_SESS_OPEN && s->s_confirmed != 0 &&
	    !s->s_provisional);
}

/*
 * True if who is shown an alias of the session's nonces can find these by trying
 * all: there is only one, of four octets.
 */
static inline bool
ilnp_sess_guessable(const struct ilnp_sess *s)
{
	return (s->s_nin.n_len == ILNP_NONCE_SHORT &&
	    ilnp_nonce_eq(&s->s_nin, &s->s_nout));
}

/* ilnp_sess.c: all under s_lock */
bool	ilnp_sess_sync(struct ilnp_ilcc *, struct ilnp_sess *, ilnp_time_t);

/*
 * Makes the path set follow the locators of both sides.
 * Returns false if the session has none and memory for one is short.
 */
static inline bool
ilnp_sess_paths(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now)
{
	return ((s->s_synced && s->s_paths != NULL &&
	    s->s_paths->ps_gen == ilnp_local_gen(&c->c_local)) ||
	    ilnp_sess_sync(c, s, now));
}

void	ilnp_sess_confirmed(struct ilnp_ilcc *, struct ilnp_sess *,
	    uint32_t rtt, ilnp_time_t);
ilnp_time_t ilnp_sess_believed(const struct ilnp_ilcc *,
	    const struct ilnp_sess *, uint32_t rtt, ilnp_time_t);
void	ilnp_sess_proved(struct ilnp_ilcc *, struct ilnp_sess *, ilnp_time_t);
void	ilnp_sess_setnonce(struct ilnp_ilcc *, struct ilnp_sess *,
	    const struct ilnp_nonce *, bool proven, ilnp_time_t);
void	ilnp_sess_fallback(struct ilnp_ilcc *, struct ilnp_sess *,
	    const struct ilnp_l64pair *, ilnp_time_t);
void	ilnp_sess_announce(struct ilnp_ilcc *, struct ilnp_sess *,
	    ilnp_time_t);
bool	ilnp_sess_stale(struct ilnp_ilcc *, const struct ilnp_sess *);
bool	ilnp_sess_lost(struct ilnp_sess *);
void	ilnp_sess_pathevent(struct ilnp_ilcc *, struct ilnp_sess *,
	    struct ilnp_path *, enum ilnp_pathevent, ilnp_time_t);
void	ilnp_sess_probe(struct ilnp_ilcc *, struct ilnp_sess *,
	    struct ilnp_path *, struct ilnp_act *, ilnp_time_t);
uint64_t ilnp_sess_token(const struct ilnp_ilcc *, const struct ilnp_sess *,
	    const struct ilnp_l64pair *, uint16_t seq);
ilnp_time_t ilnp_sess_probegap(const struct ilnp_ilcc *,
	    const struct ilnp_path *, ilnp_time_t);
struct ilnp_path *ilnp_sess_probed(struct ilnp_sess *,
	    const struct ilnp_l64pair *, uint16_t seq);
void	ilnp_sess_alias(const struct ilnp_sess *, const struct ilnp_l64pair *,
	    bool ours, struct ilnp_nonce *);
void	ilnp_sess_ctl(struct ilnp_sess *, const struct ilnp_l64pair *,
	    uint32_t ifhandle, struct ilnp_act *);

/* ilnp_icmp.c */
enum ilnp_inverdict ilnp_icmp_control(struct ilnp_ilcc *, struct ilnp_sess *,
	    ilnp_time_t, struct ilnp_in *, struct ilnp_acts *);
enum ilnp_inverdict ilnp_icmp_error(struct ilnp_ilcc *,
	    const struct ilnp_sess *from, ilnp_time_t, struct ilnp_in *);
/* True for an echo or its answer that is a program's: longer than a probe. */
bool	ilnp_icmp_is_ping(const struct ilnp_view *);
bool	ilnp_icmp_is_probe(const struct ilnp_view *, const uint8_t *pkt,
	    uint16_t *seq, uint64_t *token);

#endif /* !_ILNP_ILCC_VAR_H_ */
