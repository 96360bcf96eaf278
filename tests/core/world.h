/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A small world: caches wired to each other by a network in memory that has
 * delays, loses, repeats and reorders packets.  Time stands still but for
 * world_run(), and all chance comes from the seed, so every run is the same.
 *
 * Nodes exchange UDP datagrams of numbered flows; each carries its number.
 */
#ifndef _TESTS_CORE_WORLD_H_
#define	_TESTS_CORE_WORLD_H_

#include "ilnp_ilcc_var.h"
#include "pkt.h"

#define	WORLD_NODES	3
#define	WORLD_SEATS	32
#define	WORLD_FLOWS	8
#define	WORLD_SEQS	65536

enum host {
	HOST_ILNP,
	HOST_PLAIN,		/* answers the option with Parameter Problem */
	HOST_MUTE		/* drops what has the option */
};

struct node {
	enum host	n_kind;
	struct ilnp_nid	n_nid;
	struct ilnp_ilcc *n_c;		/* ILNP only */
	ilnp_time_t	n_tick;		/* when it wants to be called */
	bool		n_echo;		/* sends every datagram back */
	uint64_t	n_sess[WORLD_FLOWS];	/* ids, 0 = none yet */
	u_int		n_got;		/* datagrams, each counted once */
	u_int		n_again;	/* duplicates */
	u_int		n_plain;	/* of all: as plain IPv6 */
	u_int		n_bare;		/* of all: without a nonce */
	u_int		n_late;		/* came after a higher number */
	u_int		n_drops;
	u_int		n_unsent;	/* nothing could be sent */
	uint32_t	n_highest;
	ilnp_time_t	n_lastgot;
	ilnp_time_t	n_gap;		/* longest time between two */
	uint8_t		n_seen[WORLD_SEQS];
};

/* A place in the network: whoever sits there has the locator. */
struct seat {
	struct ilnp_l64	e_l64;
	u_int		e_node;
	bool		e_up;		/* false: a black hole */
	ilnp_time_t	e_delay;
	u_int		e_sent;
	u_int		e_bytes;
};

struct frame {
	struct frame	*f_next;
	ilnp_time_t	f_at;
	size_t		f_len;
	uint8_t		f_b[];
};

struct world {
	ilnp_time_t	w_now;
	struct node	w_node[WORLD_NODES];
	struct seat	w_seat[WORLD_SEATS];
	u_int		w_nseats;
	struct frame	*w_frames;	/* by time */
	u_int		w_loss;		/* of 1000 */
	u_int		w_dup;		/* of 1000 */
	ilnp_time_t	w_jitter;
	struct ilnp_conf w_conf;	/* for caches to come */
	bool		w_filter;	/* routers check source locators */
	void		(*w_tap)(const uint8_t *, size_t);
};

extern struct world w;

void	world_begin(void);
void	world_end(void);

#define	WORLD_TEST(f)							\
	cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
int	world_setup(void **state);
int	world_teardown(void **state);

void	node_start(u_int node, enum host);
void	node_stop(u_int node);		/* as if killed */
void	node_knob(u_int node, const char *name, uint64_t value);

/* The locator of provider `p' for a node. */
#define	LOC(node, p)	(0x20010db800000000 + (uint64_t)(node) * 0x10000 + (p))

/* A node gets a locator, or loses it, with or without knowing. */
void	node_attach(u_int node, u_int provider, u_int delay_ms);
void	node_detach(u_int node, u_int provider);
void	node_disable(u_int node, u_int provider, bool);
void	seat_cut(u_int node, u_int provider, bool cut);
struct seat *seat_of(uint64_t l64);

/* The administrator, or a name server, tells `node' where `peer' is. */
struct ilnp_sess *node_open(u_int node, u_int peer);
void	node_renew(u_int node, u_int peer);
void	node_send(u_int node, u_int peer, u_int flow, uint32_t seq,
	    size_t len);

/* The session of a flow, or that toward a peer; NULL if there is none. */
struct ilnp_sess *node_sess(u_int node, u_int peer, u_int flow);
u_int	node_sessions(u_int node);
#define	NSTAT(node, name)						\
	__atomic_load_n(&ilnp_ilcc_stats(w.w_node[node].n_c)->name,	\
	    __ATOMIC_RELAXED)

/* Lets time pass. */
void	world_run(u_int ms);

/*
 * Sends a datagram both ways every `step' ms for `ms', numbered from *seq on.
 */
void	world_talk(u_int a, u_int b, u_int flow, uint32_t *seq, u_int step,
	    u_int ms);

/*
 * True if node knows the locators that its peer may be reached at, and no
 * others that it would send data to.
 */
bool	node_knows_peer(u_int node, u_int peer, u_int flow);

#endif /* !_TESTS_CORE_WORLD_H_ */
