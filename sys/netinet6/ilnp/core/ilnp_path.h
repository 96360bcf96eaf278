/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Paths: pairs of a local and a remote locator, each with its own state,
 * round-trip time, MTU and counters.  A path set belongs to one session and is
 * guarded by its lock.
 *
 * Liveness follows the ideas of REAP (RFC 5534): traffic that comes in says a
 * path may live, only an answer to a probe of ours says that it does.
 *
 *	state	ANSWER	LOST			UNREACH	SILENT
 *	NEW	UP	DOWN after probe_fails	DOWN	NEW
 *	UP	UP	SUSPECT			SUSPECT	SUSPECT
 *	SUSPECT	UP	DOWN after probe_fails	SUSPECT	SUSPECT
 *	DOWN	UP	DOWN			DOWN	DOWN
 *
 * A path by which packets came steadily and come no more, while others of the
 * session go on, is SILENT: it carries nothing until it has answered a probe,
 * which is sent at once.  So a path that is suspected wrongly, because the
 * peer has no use for it any more, misses its share for one round trip.
 *
 * A remote locator that only a Locator Update or a packet has named gets a few
 * packets until a probe has been answered from it, so that a peer cannot aim
 * our traffic at somebody else.  One that only names have told of gets none,
 * nor any message but probes: who owns a name need not be the peer.
 */
#ifndef _ILNP_PATH_H_
#define	_ILNP_PATH_H_

#include "ilnp_locset.h"
#include "ilnp_select.h"

enum ilnp_pathstate {
	ILNP_PATH_NEW,
	ILNP_PATH_UP,
	ILNP_PATH_SUSPECT,
	ILNP_PATH_DOWN
};

enum ilnp_pathevent {
	ILNP_PATH_ANSWER,	/* a probe was answered, or the peer's first packet */
	ILNP_PATH_LOST,		/* a probe was not answered in time */
	ILNP_PATH_UNREACH,	/* an ICMPv6 error says so */
	ILNP_PATH_SILENT	/* nothing comes in by it, but by others */
};

/* Paths that one packet takes at most. */
#define	ILNP_COPIES_MAX	4

/*
 * What a flow, or a session for all its flows, wants of path selection.  Half
 * of ch_pair may be zero and fits any locator then.
 *
 *	ANY		what the session wants; of a session, its algorithm
 *	PREFER		a path that fits, whatever the preferences of locators,
 *			while no other is in a better state
 *	PIN		a path that fits, whatever its state; only when all that
 *			fit are DOWN or gone and others are not, one of those
 *	STRICT		a path that fits, whatever its state, or none
 *	REDUNDANT	all paths that are not DOWN and lead to a proven
 *			locator, of all preferences; of more than
 *			ILNP_COPIES_MAX those with fewest locators in common
 *
 * Where several paths fit, state, preference and algorithm decide among them
 * as among all.  A remote locator that is not proven gets no more packets than
 * without a choice.
 */
struct ilnp_choice {
	uint8_t		ch_kind;	/* ILNP_CHOICE_* */
	bool		ch_lost;	/* no path that fits works, or (PREFER)
					   another works better */
	uint8_t		ch_nonce;	/* ILNP_NONCE_*, 0: as nonce_policy says */
	uint8_t		ch_cksum;	/* ILNP_SUM_*, 0: as cksum says */
	uint16_t	ch_ntx;		/* segments since its flow has begun */
	struct ilnp_l64pair ch_pair;	/* PREFER, PIN, STRICT */
};

/* Probes whose sending time is remembered, so that late answers count. */
#define	ILNP_PROBE_RING	4

/* Packets for unproven locators: as many as TCP sends at once into the blue. */
#define	ILNP_BLIND_MAX	10

struct ilnp_path {
	struct ilnp_l64pair p_pair;
	bool		p_used;		/* the slot holds a path */
	uint8_t		p_state;	/* enum ilnp_pathstate */
	uint8_t		p_fails;	/* probes lost in a row */
	bool		p_waiting;	/* the latest probe is unanswered */
	bool		p_unproven;	/* nobody has answered from p_pair.remote */
	bool		p_sought;	/* and only names put the peer there */
	uint16_t	p_seq;		/* of the latest probe */
	uint32_t	p_rank;		/* preference group, lower is better */
	uint32_t	p_if;		/* edge's handle of the local locator */
	uint32_t	p_weight;
	uint32_t	p_mtu;		/* octets; 0 = that of the link */
	uint32_t	p_srtt;		/* us, RFC 6298; 0 = not measured */
	uint32_t	p_rttvar;	/* us */
	ilnp_time_t	p_sent[ILNP_PROBE_RING];	/* by p_seq modulo, 0 = answered */
	ilnp_time_t	p_due;		/* next probe, or the wait's end */
	ilnp_time_t	p_lasttx;
	ilnp_time_t	p_lastrx;
	uint64_t	p_txpkts;
	uint64_t	p_txbytes;
	uint64_t	p_rxpkts;
	uint64_t	p_rxbytes;
	uint64_t	p_heard;	/* of p_rxpkts, those with the nonce */
	uint64_t	p_seen;		/* p_heard at p_counted */
	ilnp_time_t	p_counted;	/* last look that found packets */
	uint32_t	p_rate;		/* packets in, per second, smoothed */
	uint32_t	p_quiet;	/* us without one while others had some */
	ilnp_time_t	p_doubted;	/* last probed for being quiet, 0 = never */
	ilnp_time_t	p_silent;	/* last SILENT, 0 = never */
};

struct ilnp_pathset {
	uint32_t	ps_cap;		/* slots */
	uint32_t	ps_gen;		/* of the local locators it was made from */
	uint32_t	ps_blind;	/* packets to unproven locators in a row */
	uint32_t	ps_n;		/* paths */
	uint8_t		ps_order[ILNP_PATHS_MAX];	/* their slots */
	ilnp_time_t	ps_looked;	/* at what comes in */
	ilnp_time_t	ps_lookgap;	/* to the next look, 0: none is due */
	struct ilnp_choice ps_choice;	/* of flows that have none */
	uint64_t	ps_gonetxpkts;	/* totals of paths that are no more */
	uint64_t	ps_gonetxbytes;
	uint64_t	ps_gonerxpkts;
	uint64_t	ps_gonerxbytes;
	const struct ilnp_sel_alg *ps_alg;
	_Alignas(8) uint8_t ps_priv[ILNP_SEL_PRIVMAX];
	struct ilnp_path ps_path[];
};

size_t	ilnp_pathset_size(u_int cap);
void	ilnp_pathset_init(struct ilnp_pathset *, u_int cap,
	    const struct ilnp_sel_alg *);
void	ilnp_pathset_algorithm(struct ilnp_pathset *,
	    const struct ilnp_sel_alg *);

/* What a path set needs to know of a local locator. */
struct ilnp_localloc {
	struct ilnp_l64	ll_l64;
	uint32_t	ll_if;
	uint32_t	ll_weight;
	uint16_t	ll_pref;
};

/*
 * Makes the set hold all pairs of the given local and the sendable remote
 * locators, best preference first as far as slots go.  Pairs that stay keep
 * all they have; new ones are NEW with a probe due at once.  If no remote
 * locator is sendable, those past their time serve (RFC 6741 s5.2).
 *
 * ps_order lists them so that those of one preference group that follow each
 * other differ in both locators where that is possible: packets sent in turn
 * do not pile up on one link.
 */
void	ilnp_pathset_sync(struct ilnp_pathset *, const struct ilnp_localloc *,
	    u_int nlocal, const struct ilnp_locset *remote, uint32_t gen,
	    ilnp_time_t now);

/* Returns the path or NULL. */
static inline struct ilnp_path *
ilnp_pathset_find(struct ilnp_pathset *ps, const struct ilnp_l64pair *pair)
{
	for (u_int i = 0; i < ps->ps_cap; i++)
		if (ps->ps_path[i].p_used &&
		    ilnp_l64pair_eq(&ps->ps_path[i].p_pair, pair))
			return (&ps->ps_path[i]);
	return (NULL);
}

/*
 * True if a packet may take the path: it is proven, or is not sought and has not
 * had its few.
 */
static inline bool
ilnp_pathset_allows(const struct ilnp_pathset *ps, const struct ilnp_path *p)
{
	return (!p->p_unproven ||
	    (!p->p_sought && ps->ps_blind < ILNP_BLIND_MAX));
}

/* Somebody has answered a probe from a remote locator. */
void	ilnp_pathset_prove(struct ilnp_pathset *, struct ilnp_l64);

/*
 * Picks the paths for a packet: from the best state present (UP, SUSPECT, NEW,
 * DOWN), within it the best preference group, by the algorithm; or as `choice'
 * says.  `lost' is set to what ch_lost must be now.
 * Returns a mask of at most ILNP_COPIES_MAX slots, 0 if there is no path that
 * may be taken.
 */
uint32_t ilnp_pathset_pick_of(struct ilnp_pathset *,
	    const struct ilnp_choice *, uint32_t len, uint32_t flow,
	    bool *lost);

static inline uint32_t
ilnp_pathset_pick(struct ilnp_pathset *ps, const struct ilnp_choice *ch,
    uint32_t len, uint32_t flow, bool *lost)
{
	u_int only = ps->ps_order[0];

	*lost = false;
	/* Most have no choice. */
	if (ps->ps_n == 1 && ch->ch_kind == ILNP_CHOICE_ANY)
		return (ilnp_pathset_allows(ps, &ps->ps_path[only]) ?
		    1U << only : 0);
	return (ilnp_pathset_pick_of(ps, ch, len, flow, lost));
}

/* True if packets of one flow with that choice take turns among paths now. */
bool	ilnp_pathset_spreads(const struct ilnp_pathset *,
	    const struct ilnp_choice *);

/* True if a path of the set, in whatever state, fits a pair of locators. */
bool	ilnp_pathset_fits(const struct ilnp_pathset *,
	    const struct ilnp_l64pair *);

/*
 * The best path for a control message: as above, but without the algorithm, and
 * none that is sought.
 * With `skip' others in turn; those that are down only if there are no others.
 */
struct ilnp_path *ilnp_pathset_best(struct ilnp_pathset *, u_int skip);

/* Applies an event by the table above.  Returns true if the state changed. */
bool	ilnp_path_event(struct ilnp_path *, enum ilnp_pathevent,
	    uint32_t probe_fails);

/* Takes in a round-trip time sample, in us (RFC 6298 s2). */
void	ilnp_path_rtt(struct ilnp_path *, uint64_t sample);

/*
 * How long to wait for the answer to a probe, in us, at least 0.3 s and at
 * most 2 s: as long as hosts may stand still.
 */
ilnp_time_t ilnp_path_patience(const struct ilnp_path *);

/* The same for a path that works, if hosts are known not to stand still. */
ilnp_time_t ilnp_path_hurry(const struct ilnp_path *);

/*
 * True if the answer to the latest probe may still come, though it has not in
 * the time that ilnp_path_hurry() gives it.
 */
bool	ilnp_pathset_waits(const struct ilnp_pathset *,
	    const struct ilnp_path *, ilnp_time_t now);

/*
 * Looks at what has come in since the last look: which paths that are UP have
 * fallen silent.  `silent' has the slots of those by which nothing comes while
 * others go on, `quiet' those that should be probed now, be it that nothing
 * comes by any path.
 * Returns when to look again, 0 if too little comes in to tell anything from.
 */
ilnp_time_t ilnp_pathset_watch(struct ilnp_pathset *, ilnp_time_t now,
	    uint32_t *quiet, uint32_t *silent);

#endif /* !_ILNP_PATH_H_ */
