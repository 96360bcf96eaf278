/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Transport flows between NIDs that the node has seen.  A packet without a
 * nonce is ILNP's business only if it belongs to one of them.
 */
#ifndef _ILNPD_FLOW_H_
#define	_ILNPD_FLOW_H_

#include "ilnp_ilcc.h"

struct filter_want;
struct flows;

/* A key with protocol 0 stands for all flows of a pair of NIDs. */
struct flow_key {
	struct ilnp_nidpair fk_nids;
	uint16_t	fk_lport;	/* ICMPv6 echo: the identifier */
	uint16_t	fk_rport;
	uint8_t		fk_proto;
	uint64_t	fk_hash;	/* of all the above */
};

static inline bool
flow_key_eq(const struct flow_key *a, const struct flow_key *b)
{
	return (a->fk_hash == b->fk_hash &&
	    ilnp_nidpair_eq(&a->fk_nids, &b->fk_nids) &&
	    a->fk_lport == b->fk_lport && a->fk_rport == b->fk_rport &&
	    a->fk_proto == b->fk_proto);
}

#define	FLOW_PLAIN	0x01	/* the peer does not speak ILNP */
#define	FLOW_GUARDED	0x02	/* the host is kept out of it */
#define	FLOW_SYN	0x04	/* fl_seq waits to be acknowledged */
#define	FLOW_SURE	0x08	/* TCP: it has been, so both ends are in it */
#define	FLOW_FIN_IN	0x10	/* TCP: the peer has nothing more to say */
#define	FLOW_FIN_OUT	0x20	/* nor the host */

struct flow {
	struct flow_key	fl_key;
	uint8_t		fl_flags;
	uint32_t	fl_used;	/* s of the clock, 0: free */
	uint32_t	fl_guarded;	/* s of the clock */
	uint32_t	fl_seq;		/* of our SYN */
	uint32_t	fl_sent;	/* TCP: behind what the host has sent */
	uint32_t	fl_acked;	/* the first octet that waits for its ack */
	uint32_t	fl_token;	/* of its session, 0: the usual one */
	struct ilnp_sess *fl_sess;	/* held; NULL: none needs to be */
	struct ilnp_choice fl_choice;	/* the core's; of programs: sockapi.h */
};

struct flows *flows_alloc(void);
void	flows_free(struct flows *);

/*
 * Fills in the key of a packet; `out' tells whose ports are whose.
 * Returns false for packets that name no flow (later fragments, errors).
 */
bool	flow_key(const struct flows *, struct flow_key *, const uint8_t *pkt,
	    size_t len, const struct ilnp_view *, bool out);

/* The key of all flows of a pair. */
void	flow_key_pair(const struct flows *, struct flow_key *,
	    const struct ilnp_nidpair *);

/* Borrowed until the next flows_note(); NULL if unknown or long idle. */
struct flow *flows_find(struct flows *, const struct flow_key *,
		    ilnp_time_t now);

/* Finds a flow or makes it; an old one in its set may give way. */
struct flow *flows_note(struct flows *, const struct flow_key *,
		    ilnp_time_t now);

/* Keeps a flow from being taken for idle. */
void	flow_touch(struct flow *, ilnp_time_t now);

/*
 * Binds a flow to a session, by the token of its peer's nonce, or to none in
 * particular.  That of a connection which both ends are in is held.
 */
void	flow_bind(struct flow *, struct ilnp_sess *, uint32_t token);

/* Takes in flags of a segment of one end: one that is over holds nothing. */
void	flow_ends(struct flow *, uint8_t tcpflags, uint8_t fin);

/* Lets go of all sessions. */
void	flows_release(struct flows *);

/* Marks a flow as plain IPv6.  Returns true if its peer is new to that. */
bool	flows_mark_plain(struct flows *, struct flow *, ilnp_time_t now);

/* Adds the peers of plain flows to what the ports let in. */
void	flows_plain_remotes(const struct flows *, struct filter_want *);

/*
 * Forgets idle plain peers, and lets go of what idle flows hold.  Returns true
 * if there were such peers.
 */
bool	flows_age(struct flows *, ilnp_time_t now);

#endif /* !_ILNPD_FLOW_H_ */
