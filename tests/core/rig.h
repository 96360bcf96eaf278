/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A test rig: one cache and, opposite, peers made by hand, so that a test says
 * octet for octet what they send.
 */
#ifndef _TESTS_CORE_RIG_H_
#define	_TESTS_CORE_RIG_H_

#include "ilnp_ilcc_var.h"
#include "ilnp_addr.h"
#include "pkt.h"

#define	ME	nid(0x021111fffe000001)
#define	YOU	nid(0x022222fffe000002)
#define	A(n)	(0x20010db8000a0000 + (uint64_t)(n))	/* our locators */
#define	B(n)	(0x20010db8000b0000 + (uint64_t)(n))	/* the peer's */
#define	EVIL	0x20010db80666dead			/* an attacker's */

struct rig {
	struct ilnp_conf conf;
	struct ilnp_ilcc *c;
	ilnp_time_t	now;
	ilnp_time_t	next;		/* what the last tick answered */
	struct ilnp_acts acts;		/* of the last call, in room */
	struct ilnp_act	room[ILNP_ACTS_TICK];
	struct ilnp_in	in;
	struct ilnp_out	out;
	struct pkt	pkt;
	u_int		events[ILNP_EV_CHOICE_BACK + 1];
};

extern struct rig r;

/* A cache with our NID and `nlocal' locators; r.conf is the caller's. */
void	rig_make(u_int nlocal);
int	rig_begin(void **state);	/* knobs at their defaults, one locator */
int	rig_end(void **state);

#define	RIG_TEST(f)	cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

void	rig_knob(const char *name, uint64_t value);
void	rig_local(u_int n);			/* adds locator A(n) */
#define	STAT(name)	__atomic_load_n(&ilnp_ilcc_stats(r.c)->name,	\
			    __ATOMIC_RELAXED)

/* Opens a session at B(0) to B(n-1), preference 0; the second, to YOU. */
struct ilnp_sess *rig_open_to(struct ilnp_nid remote, u_int n);
struct ilnp_sess *rig_open(u_int n);
/* The same to YOU at one locator; returns what opening it does. */
int	rig_open_at(uint64_t locator, struct ilnp_sess **);
struct ilnp_sess *rig_find(void);

enum ilnp_outverdict rig_output(struct ilnp_sess *, uint32_t len);
enum ilnp_outverdict rig_output_by(struct ilnp_sess *, uint32_t len,
	    struct ilnp_choice *);

/* Hands r.pkt in. */
enum ilnp_inverdict rig_input(enum ilnp_flowhint);
enum ilnp_inverdict rig_udp(uint64_t from, uint64_t to,
	    const struct ilnp_nonce *, enum ilnp_flowhint);
enum ilnp_inverdict rig_tcp(uint64_t from, uint64_t to,
	    const struct ilnp_nonce *, uint8_t flags);
/* A packet that begins a flow, from any NID and locator. */
enum ilnp_inverdict rig_knock(uint64_t identifier, uint64_t from,
	    const struct ilnp_nonce *);
enum ilnp_inverdict rig_lu(uint64_t from, uint64_t to,
	    const struct ilnp_nonce *, uint8_t op, const struct ilnp_lurec *,
	    u_int n);
#define	RIG_LU(from, to, nonce, ...)					\
	rig_lu(from, to, nonce, ILNP_LU_ADVERT,				\
	    (const struct ilnp_lurec[]){ __VA_ARGS__ },			\
	    NITEMS(((const struct ilnp_lurec[]){ __VA_ARGS__ })))

void	rig_tick(void);
void	rig_advance(u_int ms);		/* ticks whenever it is due */

/* The peer answers a probe of ours under a nonce of its own. */
enum ilnp_inverdict rig_answer(const struct ilnp_act *,
	    const struct ilnp_nonce *);
/* Ticks and answers whatever probes come of it; returns how many. */
u_int	rig_answer_all(const struct ilnp_nonce *);
/* A session that YOU began from B(0) and that is confirmed. */
struct ilnp_sess *rig_accepted(const struct ilnp_nonce *);
/* One that we began and YOU answered. */
struct ilnp_sess *rig_opened(u_int n, const struct ilnp_nonce *);

/* The last action of a kind, or NULL. */
const struct ilnp_act *rig_act(enum ilnp_ctl_kind);
u_int	rig_acts(enum ilnp_ctl_kind);
struct ilnp_lurec rig_act_rec(const struct ilnp_act *, u_int i);

/* The state of a session as listings show it. */
struct ilnp_sessinfo rig_info(const struct ilnp_sess *);
bool	rig_knows(const struct ilnp_sess *, uint64_t l64);	/* sendable */
struct ilnp_path *rig_path(struct ilnp_sess *, uint64_t a, uint64_t b);

/* What an attacker must not be able to change. */
struct essence {
	struct ilnp_locset remote;
	struct ilnp_nonce nin, nout;
	uint8_t		state, npaths;
	bool		confirmed, provisional, pending;
	uint32_t	lu_gen;
	uint8_t		pathstate[ILNP_PATHS_MAX];
	struct ilnp_l64pair rxpair;
};
struct essence essence_of(struct ilnp_sess *);
#define	assert_same_essence(s, e) do {					\
	const struct essence now_ = essence_of(s);			\
	assert_memory_equal(&now_, (e), sizeof(now_));			\
} while (0)

#endif /* !_TESTS_CORE_RIG_H_ */
