/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The ILNP Communication Cache (RFC 6741 s5) as an edge sees it.
 *
 * An edge hands in packets and the time, and gets verdicts and actions back.
 * Packets are only read, never changed.  Sessions are borrowed: a pointer is
 * good until the epoch section in which it was got ends.  All functions may be
 * called from several threads at once, inside an epoch section where so noted.
 */
#ifndef _ILNP_ILCC_H_
#define	_ILNP_ILCC_H_

#include "ilnp_act.h"
#include "ilnp_knob.h"
#include "ilnp_local.h"
#include "ilnp_path.h"
#include "ilnp_stat.h"

struct ilnp_ilcc;
struct ilnp_sess;

/*
 * Told what happens, with locks held: it must not call back into the cache.
 * It may be NULL.
 */
typedef void ilnp_event_fn(void *arg, const struct ilnp_event *);

/*
 * Makes a cache.  `conf' is copied.
 * Returns NULL if memory is short.
 */
struct ilnp_ilcc *ilnp_ilcc_alloc(const struct ilnp_conf *, ilnp_event_fn *,
		    void *arg);

/* Frees a cache and its sessions; no thread may be inside any more. */
void	ilnp_ilcc_free(struct ilnp_ilcc *);

/* The knobs in force; an edge changes them by ilnp_conf_set() on this. */
struct ilnp_conf *ilnp_ilcc_conf(struct ilnp_ilcc *);
struct ilnp_local *ilnp_ilcc_local(struct ilnp_ilcc *);

/*
 * The counters; what an edge finds out itself it counts there too.  Only the
 * environment that made them knows how to read them.
 */
struct ilnp_stats *ilnp_ilcc_stats(struct ilnp_ilcc *);
#define	ILNP_COUNT(c, name)	do {					\
	ilnp_env_count(&ilnp_ilcc_stats(c)->name);			\
	ilnp_env_counted(#name);					\
} while (0)

/* The default selection algorithm.  Returns 0 or ENOENT. */
int	ilnp_ilcc_algorithm(struct ilnp_ilcc *, const char *name);
const char *ilnp_ilcc_algorithm_name(const struct ilnp_ilcc *);

/*
 * The session for packets to a correspondent: a confirmed one if there is one,
 * else the youngest.  Inside an epoch.
 * Returns the session, borrowed, or NULL.
 */
struct ilnp_sess *ilnp_ilcc_find(struct ilnp_ilcc *,
		    const struct ilnp_nidpair *);

/*
 * For an edge that has several packets at hand, up to ILNP_BURST: has the
 * processor fetch what the lookups of their correspondents will read, all at
 * the same time, so that they do not wait for memory one after the other.
 */
#define	ILNP_BURST	8
void	ilnp_ilcc_prefetch(struct ilnp_ilcc *, const struct ilnp_nidpair *,
	    u_int n);

/*
 * As ilnp_ilcc_find(), but only a session with a correspondent that has the
 * locator `at': two nodes may have the same NID, and only locators tell them
 * apart then (RFC 6741 s5.4).  Correspondents that do not speak ILNP are left
 * out.
 */
struct ilnp_sess *ilnp_ilcc_find_at(struct ilnp_ilcc *,
		    const struct ilnp_nidpair *, struct ilnp_l64 at);

/*
 * Opens a session as initiator toward a correspondent that names say speaks
 * ILNP (RFC 6744 s6), with the locators they gave.  Where a session exists the
 * word is the administrator's: its locator set is refreshed, but for what a
 * Locator Update has told.
 * Inside an epoch.
 * Returns 0 and the session, EADDRNOTAVAIL if no locator may be used, ENOSPC
 * if the cache is full, ENOMEM.
 */
int	ilnp_ilcc_open(struct ilnp_ilcc *, const struct ilnp_nidpair *,
	    const struct ilnp_lurec *, u_int n, ilnp_time_t now,
	    struct ilnp_sess **);

/*
 * The same on the word of somebody who must not redirect what others have: a
 * session that exists has its locators' lifetimes renewed if it has all of
 * these, and seeks its peer there if it has none to send to.  Another one is
 * opened if those that exist are not known to be there, and have lost their peer
 * or never heard of it.
 */
int	ilnp_ilcc_offer(struct ilnp_ilcc *, const struct ilnp_nidpair *,
	    const struct ilnp_lurec *, u_int n, ilnp_time_t now,
	    struct ilnp_sess **);

/*
 * Tells the sessions that exist what a name stands for now, and opens none:
 * `trusted' if it is the name that has opened them, else as ilnp_ilcc_offer()
 * does.  The owner of a name need not be the peer: a place that is new gets
 * nothing but probes, without a nonce of ours, until somebody has answered from
 * there who knows both nonces.  Inside an epoch.
 */
void	ilnp_ilcc_renew(struct ilnp_ilcc *, const struct ilnp_nidpair *,
	    const struct ilnp_lurec *, u_int n, bool trusted, ilnp_time_t now);

/*
 * True if a session has lost its peer and nobody who knows its nonces is where
 * names say: a new one may find there a peer that has restarted.
 */
bool	ilnp_sess_strayed(struct ilnp_sess *);

/*
 * True if we have sent to the peer of a session for at least `wait' us, and have
 * never heard of it.
 */
bool	ilnp_sess_unheard(struct ilnp_sess *, ilnp_time_t wait, ilnp_time_t now);

/*
 * A transport flow that belongs to a session holds it: a held session is not
 * freed for being idle, and its memory outlives ilnp_ilcc_close().  Taking hold
 * is for sessions borrowed inside an epoch.
 * Returns false if the session has been closed.
 */
bool	ilnp_sess_hold(struct ilnp_sess *);
void	ilnp_sess_release(struct ilnp_sess *);

/*
 * A digest of a peer's nonce, never 0, that says nothing about it; and the
 * session of a pair of NIDs whose peer uses that nonce, borrowed, or NULL.
 */
uint32_t ilnp_ilcc_token(const struct ilnp_ilcc *, const struct ilnp_nonce *);
struct ilnp_sess *ilnp_ilcc_bytoken(struct ilnp_ilcc *,
		    const struct ilnp_nidpair *, uint32_t token);

/*
 * Shows the NIDs of all sessions to a function, and ends those of which it
 * returns true.  It is called with a lock held.  Inside an epoch.
 */
void	ilnp_ilcc_sift(struct ilnp_ilcc *,
	    bool (*)(void *arg, const struct ilnp_nidpair *), void *arg);

/* Ends a session, or only its memory of not speaking ILNP. */
void	ilnp_ilcc_close(struct ilnp_ilcc *, struct ilnp_sess *);
void	ilnp_sess_retry(struct ilnp_ilcc *, struct ilnp_sess *);

/* Packet out. */
enum ilnp_outverdict {
	ILNP_OUT_ILNP,		/* write locators and nonce */
	ILNP_OUT_PLAIN,		/* write locators; no nonce, IPv6 checksum */
	ILNP_OUT_NOPATH		/* drop; counted */
};

struct ilnp_outpath {
	struct ilnp_l64pair op_pair;
	uint32_t	op_if;		/* edge's handle of the local locator */
	uint32_t	op_mtu;		/* octets; 0 = that of the link */
	uint8_t		op_state;	/* enum ilnp_pathstate */
};

struct ilnp_out {
	u_int		o_n;		/* paths, 1 to ILNP_COPIES_MAX */
	struct ilnp_outpath o_path[ILNP_COPIES_MAX];
	struct ilnp_nonce o_nonce;	/* n_len 0: send without */
	enum ilnp_cksum	o_cksum;	/* RFC or IPV6 */
	bool		o_kick;		/* call ilnp_ilcc_tick() soon */
};

/*
 * What a packet is to its flow, as far as nonce_policy 1 asks: whether the other
 * end would know without a nonce whose it is.
 */
enum ilnp_part {
	ILNP_PART_ALONE,	/* it would not: a datagram, an echo, an answer
				   without a connection */
	ILNP_PART_BEGINS,	/* nor here: a SYN */
	ILNP_PART_GOES_ON	/* another segment: not soon after a SYN */
};

/*
 * True if the segments of a flow may do without nonces: then the edge has to
 * tell a SYN from the rest.
 */
static inline bool
ilnp_omits_nonces(const struct ilnp_conf *conf, const struct ilnp_choice *ch)
{
	return (ch != NULL && ch->ch_nonce != 0 ?
	    ch->ch_nonce == ILNP_NONCE_INITIAL :
	    ilnp_load_32(&conf->nonce_policy) != 0);
}

/*
 * Chooses how a packet of `len' octets goes out.  `flow' is a hash of its
 * transport flow, `choice' what that flow wants, and where its segments are
 * counted: kept by the edge, changed here and by ilnp_sess_choose() only; NULL
 * if it wants nothing and is one with all others that have none.  Inside an
 * epoch.
 *
 * A choice counts for nothing while it would be unsafe: a plain IPv6 peer is
 * bound to one pair, and one that is not confirmed is answered where it spoke
 * from.  Packets that a choice of PIN would have gone another way count as
 * out_unpinned; when ch_lost changes an event choice_lost or choice_back
 * names ch_pair.
 */
enum ilnp_outverdict ilnp_sess_output(struct ilnp_ilcc *, struct ilnp_sess *,
	    uint32_t len, uint32_t flow, struct ilnp_choice *choice,
	    enum ilnp_part, ilnp_time_t now, struct ilnp_out *);

/*
 * True if packets of one flow with that choice would take turns among several
 * paths now, so that a large one should not go as one.
 */
bool	ilnp_sess_spreads(struct ilnp_ilcc *, struct ilnp_sess *,
	    const struct ilnp_choice *, ilnp_time_t now);

/*
 * Changes the choice of a flow of a session; with `choice' NULL that of the
 * session, for flows that have none (ILNP_CHOICE_ANY).  ch_lost of `want' does
 * not matter.
 * Returns 0, EINVAL if the kind is none or needs a pair and both halves of it
 * are zero, EADDRNOTAVAIL if no path of the session fits the pair now, ENOMEM.
 */
int	ilnp_sess_choose(struct ilnp_ilcc *, struct ilnp_sess *,
	    struct ilnp_choice *choice, const struct ilnp_choice *want);

/*
 * Sets on which packets a flow carries the nonce (ILNP_NONCE_*) and which
 * checksums it sends (ILNP_SUM_*); 0: as the knobs say.
 * Returns 0 or EINVAL.
 */
int	ilnp_sess_modes(struct ilnp_sess *, struct ilnp_choice *choice,
	    uint32_t nonce, uint32_t cksum);

/*
 * True if a segment sent now would go out with neither a nonce nor a checksum
 * that hardware cannot make, so that it may be left to be cut up below.  The
 * choice is that of its flow, or NULL.
 */
bool	ilnp_sess_bare(struct ilnp_ilcc *, struct ilnp_sess *,
	    const struct ilnp_choice *, ilnp_time_t now);

/* Packet in. */
enum ilnp_inverdict {
	ILNP_IN_IPV6,		/* none of ILNP's business */
	ILNP_IN_DELIVER,	/* part of i_sess: give it to transport */
	ILNP_IN_ERROR,		/* ICMPv6 error about a packet of i_sess */
	ILNP_IN_CONSUMED,	/* a control message; the actions answer it */
	ILNP_IN_DROP		/* counted */
};

/* What an edge knows of the flow of a packet. */
enum ilnp_flowhint {
	ILNP_FLOW_OPENS,	/* may begin a flow, or the edge cannot know */
	ILNP_FLOW_KNOWN		/* belongs to a flow with an existing session */
};

struct ilnp_in {
	/* What the edge says; ilnp_in_look() fills it in. */
	const uint8_t	*i_pkt;		/* from its IPv6 header on */
	size_t		i_len;		/* octets at hand */
	enum ilnp_parse	i_parsed;
	struct ilnp_view i_view;
	enum ilnp_flowhint i_hint;
	struct ilnp_sess *i_flow;	/* of that flow; NULL: not known */
	bool		(*i_vouch)(const struct ilnp_in *);	/* see below */
	void		*i_edge;	/* the edge's, for that */

	/* What the core answers. */
	struct ilnp_sess *i_sess;	/* borrowed */
	struct ilnp_nidpair i_nids;	/* seen from our side */
	uint32_t	i_token;	/* of the nonce, if it is i_sess's */
	enum ilnp_cksum	i_cksum;	/* what the peer sends; UNKNOWN: find
					   out and call ilnp_sess_cksum() */
	struct ilnp_view i_quote;	/* ERROR: the quoted packet */
	uint16_t	i_quoteoff;	/* ERROR: where it starts */
	uint32_t	i_mtu;		/* ERROR: of a Packet Too Big, else 0 */
	bool		i_kick;		/* call ilnp_ilcc_tick() soon */
};

/* Parses a packet of a flow that nothing is known about. */
static inline void
ilnp_in_look(struct ilnp_in *in, const uint8_t *pkt, size_t len)
{
	in->i_pkt = pkt;
	in->i_len = len;
	in->i_parsed = ilnp_wire_parse(pkt, len, &in->i_view);
	in->i_hint = ILNP_FLOW_OPENS;
	in->i_flow = NULL;
	in->i_vouch = NULL;
}

/*
 * Judges a packet that arrived for one of our addresses; ICMPv6 messages, but
 * for a program's long echoes, must be whole.  A TCP segment that is no SYN
 * never opens a session while one exists, whatever the hint.  A packet without
 * a nonce is of i_flow or of none, if that is known; one with a nonce may be of
 * another session all the same.  Inside an epoch; the list of actions must have
 * ILNP_ACTS_INPUT free places, and may be NULL for what is not ICMPv6.
 *
 * An ICMPv6 error that quotes no nonce could be anybody's: i_vouch says whether
 * a flow of ours may have sent the packet in i_quote, at i_quoteoff (RFC 5927);
 * NULL: the edge cannot know.  No locks are held then.
 */
enum ilnp_inverdict ilnp_ilcc_input(struct ilnp_ilcc *, struct ilnp_in *,
	    ilnp_time_t now, struct ilnp_acts *);

/*
 * Says which kind of checksum a packet of the peer turned out to carry.
 * Returns false if the packet must be dropped (cksum_strict); counted.
 */
bool	ilnp_sess_cksum(struct ilnp_ilcc *, struct ilnp_sess *,
	    enum ilnp_cksum);

/* The locators of the peer's last packet with a nonce; zero if there is none. */
struct ilnp_l64pair ilnp_sess_rxpair(struct ilnp_sess *);

/*
 * Says that the peer has been heard to answer us (a TCP handshake is done).
 * Returns true if ilnp_ilcc_tick() is to be called soon.
 */
bool	ilnp_sess_confirm(struct ilnp_ilcc *, struct ilnp_sess *);

/*
 * Timers: probes, Locator Updates, fallback, ageing.  Call when the returned
 * time comes, or sooner; again at once if it is `now' (the list was full).
 * Inside an epoch.
 */
ilnp_time_t ilnp_ilcc_tick(struct ilnp_ilcc *, ilnp_time_t now,
	    struct ilnp_acts *);

/*
 * True if no correspondent needs a disabled locator any more: all have
 * acknowledged and it has been quiet (soft handover, RFC 6740 s6.2).
 */
bool	ilnp_ilcc_released(struct ilnp_ilcc *, struct ilnp_l64, ilnp_time_t now);

/* Listings. */
enum ilnp_sessstate {
	ILNP_SESS_TRYING,	/* we began; the peer's nonce is not known yet */
	ILNP_SESS_OPEN,
	ILNP_SESS_IPV6		/* the peer does not speak ILNP */
};

struct ilnp_sessinfo {
	uint64_t	si_id;
	struct ilnp_nidpair si_nids;
	enum ilnp_sessstate si_state;
	bool		si_initiator;
	bool		si_confirmed;
	bool		si_lu_pending;
	enum ilnp_cksum	si_cksum;	/* the peer's */
	const char	*si_algorithm;	/* NULL while it has no paths */
	struct ilnp_choice si_choice;	/* of flows that have none */
	uint64_t	si_txpkts;
	uint64_t	si_rxpkts;
	uint64_t	si_txbytes;
	uint64_t	si_rxbytes;
	ilnp_time_t	si_created;
	ilnp_time_t	si_lastrx;
	struct ilnp_locset si_remote;
	u_int		si_npaths;
	struct ilnp_path si_path[ILNP_PATHS_MAX];
};

u_int	ilnp_ilcc_count(struct ilnp_ilcc *);

/*
 * Copies out the session in place `*cursor' of the cache or the next one, and
 * moves the cursor on.  Nonces stay inside.  Inside an epoch.
 * Returns false when there is none left.
 */
bool	ilnp_ilcc_list(struct ilnp_ilcc *, u_int *cursor,
	    struct ilnp_sessinfo *);

/* The same for one session. */
void	ilnp_sess_info(struct ilnp_sess *, struct ilnp_sessinfo *);

/*
 * True if it has paths, and none of them works: each is down, or new and has lost
 * a probe to a peer that was heard by others.  Two ends that move at once need
 * that time to have their names follow them.
 */
bool	ilnp_sess_cut_off(const struct ilnp_sessinfo *);

/* Finds a session by the si_id of a listing.  Inside an epoch. */
struct ilnp_sess *ilnp_ilcc_byid(struct ilnp_ilcc *, uint64_t id);

/* Selects an algorithm for one session.  Returns 0, ENOENT or ENOMEM. */
int	ilnp_sess_algorithm(struct ilnp_ilcc *, struct ilnp_sess *,
	    const char *name);

#endif /* !_ILNP_ILCC_H_ */
