/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The kernel edge from the inside: what its files share.  The core decides;
 * the edge turns mbufs, PCBs and interfaces into bytes, NIDs and locators, and
 * decisions back into mbufs.
 *
 * ilnp_edge_env.c	the core's environment
 * ilnp_edge_vnet.c	life of a network stack's edge, the timer
 * ilnp_edge_loc.c	local locators, their addresses and next hops
 * ilnp_edge_addr.c	addresses of NIDs on interfaces
 * ilnp_edge_eph.c	NIDs of one connection each
 * ilnp_edge_hint.c	correspondents that somebody has told of
 * ilnp_edge_name.c	what names teach, and when they are asked again
 * ilnp_edge_flow.c	the NID table of PCBs
 * ilnp_edge_conn.c	doors of connect, listen, SYN cache and MSS
 * ilnp_edge_in.c	packets that arrive
 * ilnp_edge_echo.c	echo requests of programs, and answers
 * ilnp_edge_icmp.c	ICMPv6 errors and answers that quote packets
 * ilnp_edge_out.c	packets that leave, and those ILNP itself sends
 * ilnp_edge_tso.c	software segmentation
 * ilnp_edge_mbuf.c	mbufs and checksums
 * ilnp_edge_text.c	NIDs and locators as people write them
 * ilnp_edge_sysctl.c	knobs, counters, names of listings
 * ilnp_edge_ctl.c	what the administrator writes and reads
 * ilnp_edge_sockopt.c	socket options
 * ilnp_edge_pfil.c	what replaces the hooks where there are none
 * ilnp_edge_mod.c	ILNP as a module of the kernel
 * ilnp_edge_event.c	events for userland
 * ilnp_edge_ddb.c	commands of the kernel debugger
 */
#ifndef _NETINET6_ILNP_KERN_ILNP_EDGE_H_
#define	_NETINET6_ILNP_KERN_ILNP_EDGE_H_

#include "opt_ilnp6.h"

#include "ilnp_env_impl.h"

#include <sys/endian.h>
#include <sys/kernel.h>
#include <sys/mbuf.h>
#include <sys/sdt.h>
#include <sys/socket.h>
#include <sys/sx.h>
#include <sys/taskqueue.h>
#include <sys/time.h>

#include <net/if.h>
#include <net/if_var.h>
#include <net/vnet.h>
#include <netinet/in.h>
#include <netinet/in_pcb.h>
#include <netinet/ip6.h>
#include <netinet6/ip6_var.h>

#include "../core/ilnp_cand.h"

struct nhop_object;
struct pfil_hook;
struct ucred;

/*
 * Whether the kernel calls the doors of ilnp_hooks.h.  It does not call those
 * of a module, which has to do without (ilnp_edge_pfil.c).
 */
#ifdef ILNP6
#define	ILNP_HOOKED	true
#else
#define	ILNP_HOOKED	false
#endif

/*
 * A next hop that belongs to a source locator, in the only shape in which
 * ip6_output() can be handed one: as packet options.
 */
struct ilnp_hop {
	struct ip6_pktopts h_opts;	/* flagged ILNP_OPTS; first */
	struct nhop_object *h_nh;	/* NULL: the routing table's */
	struct ilnp_l64	h_src;
};

/* In ip6po_flags: these options are a struct ilnp_hop. */
#define	ILNP_OPTS	0x40000000

/* One local locator and the way out that goes with it. */
struct ilnp_uplink {
	struct ilnp_hop	u_hop;
	struct ilnp_hop	u_tcphop;	/* the same, never to be fragmented */
	struct in6_addr	u_router;	/* unspecified: none known */
	uint32_t	u_ifindex;
	uint32_t	u_mtu;
	uint16_t	u_weight;	/* of its locator, at least 1 */
	bool		u_mint;		/* ephemeral NIDs have addresses there */
};

#define	ILNP_ONLINK_MAX	32
#define	ILNP_IDLE_MAX	16	/* interfaces that are not to be used */
#define	ILNP_RANKS_MAX	16	/* and such whose locators have a preference */
#define	ILNP_PREF	10	/* of those that nobody has given one */

/* What the packet path must know of this node; replaced as a whole. */
struct ilnp_here {
	uint32_t	n_uplinks;
	struct ilnp_uplink n_uplink[ILNP_LOCS_MAX];
	uint32_t	n_onlink;
	struct ilnp_l64	n_onlinks[ILNP_ONLINK_MAX];
	uint32_t	n_coming;	/* bits: these may become locators */
	uint32_t	n_nids;
	struct ilnp_nid	n_nid[ILNP_NIDS_MAX];
	const struct ilnp_nidset *n_ephemeral;	/* last; NULL: none */
};

/*
 * A PCB in the NID table, as packets see it.
 *
 * Locking key: (c) constant once in the table, (t) t_lock, (r) written under
 * t_lock, read without.
 */
struct ilnp_flow {
	CK_LIST_ENTRY(ilnp_flow) f_link;	/* (t) readers are in an epoch */
	CK_LIST_ENTRY(ilnp_flow) f_pcblink;	/* (t) likewise, with f_inp */
	struct ilnp_nidpair f_nids;	/* (c) remote 0: not connected */
	uint16_t	f_lport;	/* (c) network order */
	uint16_t	f_fport;	/* (c) network order, 0: not connected */
	uint8_t		f_proto;	/* (c) */
	bool		f_gone;		/* (t) not in the table any more */
	bool		f_sure;		/* (r) has or had a socket of its own */
	const struct inpcb *f_inp;	/* (c) a name, never followed */
	time_t		f_born;		/* s of time_uptime; echoes: last used */
	struct in6_addr	f_laddr;	/* (c) anchors */
	struct in6_addr	f_faddr;
	struct ilnp_sess *f_sess;	/* (c) held; NULL: not connected */
	struct ucred	*f_cred;	/* (c) held, of who leaves from f_laddr
					   alone; NULL: from anywhere */
	struct ilnp_choice f_choice;	/* the core's, under its locks */
	struct ilnp_deferred f_deferred;
};

CK_LIST_HEAD(ilnp_flowhead, ilnp_flow);

#define	ILNP_FLOW_BITS		12
#define	ILNP_FLOW_BUCKETS	(1U << ILNP_FLOW_BITS)

struct ilnp_flowtab {
	struct mtx	t_lock;
	struct ilnp_flowhead *t_bucket;	/* (t) twice ILNP_FLOW_BUCKETS */
	uint64_t	t_key[3];	/* constant */
	uint32_t	t_n;		/* (t) */
	uint32_t	t_unsure;	/* (t) of these, not f_sure */
	uint32_t	t_swept;	/* (x) where the next sweep goes on */
};

/*
 * What a program has chosen for a socket before it is connected; hangs on the
 * inpcb, under its lock, and is copied into each flow that begins there.
 */
struct ilnp_wish {
	struct ilnp_choice w_choice;	/* ch_lost: false */
	struct ilnp_nidpair w_nids;	/* it is for these alone; 0: for all */
};
#define	ilnp_inp_wish	spare_ptr	/* in an inpcb; NULL: none */

#define	ILNP_EVENTS_MAX	64

/* Events that wait to be told; (q) q_lock. */
struct ilnp_events {
	struct mtx	q_lock;
	uint32_t	q_n;		/* (q) */
	uint32_t	q_lost;		/* (q) for want of room */
	struct ilnp_event q_event[ILNP_EVENTS_MAX];	/* (q) oldest first */
};

/* What the administrator thinks of the locators of an interface. */
struct ilnp_rank {
	char		r_name[IFNAMSIZ];
	uint16_t	r_pref;		/* the lowest is preferred */
	uint16_t	r_weight;	/* at least 1 */
};

/* An address that ILNP has added to an interface. */
struct ilnp_mine {
	uint32_t	m_ifindex;
	struct in6_addr	m_addr;
};

#define	ILNP_MINE_MAX	(ILNP_LOCS_MAX * ILNP_NIDS_MAX)

#define	ILNP_EPH_MAX	1024	/* in all: each is an address per locator */

TAILQ_HEAD(ilnp_ephs, ilnp_eph);

/*
 * Ephemeral NIDs.  Locking key: (x) e_sx, (o) o_lock, the last of all locks,
 * (x o) written under both.
 */
struct ilnp_ephpool {
	struct mtx	o_lock;
	uint32_t	o_want;		/* (x) to be ready; 0: not used; peeked */
	uint32_t	o_stable;	/* without one a connection has ours */
	uint32_t	o_n;		/* (x o) in o_all; peeked */
	uint32_t	o_nready;	/* (o) peeked */
	time_t		o_looked;	/* (x) s of time_uptime */
	struct ilnp_ephs o_all;		/* (x o) but for those gone */
	struct ilnp_ephs o_ready;	/* (o) */
	struct ilnp_ephs o_gone;	/* (x) */
	struct ilnp_nidset *o_set;	/* (x) those that packets may have */
	struct ilnp_nidset *o_oldset;	/* (x) until the new one is published */
};

/*
 * The edge of one network stack.
 *
 * Locking key: (c) constant while the stack lives, (x) e_sx, (e) read inside
 * a net epoch section and written under (x), (k) by the tick
 * task alone.
 */
struct ilnp_edge {
	struct sx	e_sx;
	struct vnet	*e_vnet;	/* (c) */
	bool		e_made;		/* (c) and not gone */
	struct ilnp_ilcc *e_cache;	/* (e) NULL: ILNP is off */
	struct ilnp_here *e_here;	/* (e) NULL: as above */
	struct ilnp_conf e_conf;	/* (x) knobs, kept while ILNP is off */
	const struct ilnp_sel_alg *e_alg;	/* (x) likewise */
	uint32_t	e_nnids;	/* (x) configured NIDs */
	struct ilnp_nid	e_nid[ILNP_NIDS_MAX];	/* (x) */
	uint32_t	e_nidle;	/* (x) interfaces not to be used */
	char		e_idle[ILNP_IDLE_MAX][IFNAMSIZ];	/* (x) */
	uint32_t	e_nranks;	/* (x) */
	struct ilnp_rank e_rank[ILNP_RANKS_MAX];	/* (x) */
	struct pfil_hook *e_hook;	/* (x) */
	struct pfil_hook *e_outhook;	/* (x) NULL if ILNP_HOOKED */
	uint32_t	e_nmine;	/* (x) addresses that ILNP has added */
	struct ilnp_mine e_mine[ILNP_MINE_MAX];	/* (x) */
	struct ilnp_ephpool e_pool;
	struct ilnp_flowtab e_flows;
	struct ilnp_cands *e_cands;	/* (c) once there, NULL before */
	uint32_t	e_looked;	/* (k) s, when names were last looked at; peeked */
	uint32_t	e_stirred;	/* s, when somebody wanted that; peeked */
	struct timeout_task e_tick;
	struct timeout_task e_scan;
	uint32_t	e_soon;		/* that is about to run; atomic */
	struct ilnp_events e_events;
	struct task	e_notify;
	struct ilnp_acts *e_acts;	/* (k) */
};

VNET_DECLARE(struct ilnp_edge, ilnp_edge);
#define	V_ilnp_edge	VNET(ilnp_edge)

/* True for that of the host, which may be the only one. */
static inline bool
ilnp_edge_is_host(const struct ilnp_edge *e __unused)
{
#ifdef VIMAGE
	return (e->e_vnet == vnet0);
#else
	return (true);
#endif
}

static inline ilnp_time_t
ilnp_time_of(const struct bintime *up)
{
	return ((ilnp_time_t)up->sec * 1000000 +
	    ((up->frac >> 32) * 1000000 >> 32) + 1);
}

static inline ilnp_time_t
ilnp_now(void)
{
	struct bintime up;

	binuptime(&up);
	return (ilnp_time_of(&up));
}

/*
 * The same as of the last tick of the clock, at a third of the price: for data,
 * whose time is only compared with spans of several ticks.
 */
static inline ilnp_time_t
ilnp_now_coarse(void)
{
	struct bintime up;

	getbinuptime(&up);
	return (ilnp_time_of(&up));
}

static inline struct ilnp_ilv
ilnp_ilv_of(const struct in6_addr *a)
{
	struct ilnp_ilv v = {
		.l64 = { be64dec(&a->s6_addr[0]) },
		.nid = { be64dec(&a->s6_addr[8]) }
	};

	return (v);
}

static inline struct in6_addr
ilnp_addr_of(struct ilnp_l64 l64, struct ilnp_nid nid)
{
	struct in6_addr a;

	be64enc(&a.s6_addr[0], l64.l64);
	be64enc(&a.s6_addr[8], nid.nid);
	return (a);
}

static inline void
ilnp_set_l64(struct in6_addr *a, struct ilnp_l64 l64)
{
	be64enc(&a->s6_addr[0], l64.l64);
}

/*
 * Probes, with the verdict of the core, and (ilnp_env_impl.h) one for each
 * counter that goes up, before the verdict it stands for:
 *	ilnp6:::in(enum ilnp_inverdict, struct mbuf *, struct ilnp_in *)
 *	ilnp6:::out(enum ilnp_outverdict, struct mbuf *, struct ilnp_out *)
 *	ilnp6:::count(const char *)
 */
SDT_PROBE_DECLARE(ilnp6, , , in);
SDT_PROBE_DECLARE(ilnp6, , , out);

/* Adds one to a counter of a cache. */
#define	ILNP_EDGE_STAT(c, name)	ILNP_COUNT(c, name)

/* ilnp_edge_vnet.c */

/*
 * What ILNP does outside of packets.  The system's own thread for tasks will
 * not do: network stacks end in it, which takes as long as their last
 * connection, and waits for tasks of the stack that ends.
 */
extern struct taskqueue *ilnp_tasks;

/* Waits until all have left who are in a section of the network's epoch. */
void	ilnp_epoch_wait(void);

/* Waits for a task that is not to run again. */
void	ilnp_edge_stop(struct timeout_task *);

/* Wakes the timer.  Any lock but the core's may be held. */
void	ilnp_edge_kick(struct ilnp_edge *);

/*
 * How large a table may be that a knob bounds: its owner may be root of a jail,
 * whose memory is the host's.  `knob' is the offset in struct ilnp_conf.
 */
uint32_t ilnp_edge_most(const struct ilnp_edge *, size_t knob);

/* Switches ILNP on or off in the current VNET; may sleep.  e_sx held. */
int	ilnp_edge_enable(struct ilnp_edge *);
void	ilnp_edge_disable(struct ilnp_edge *);

/* ilnp_edge_loc.c */

void	ilnp_loc_init(struct ilnp_edge *);
void	ilnp_loc_fini(struct ilnp_edge *);

/*
 * Brings locators, addresses and next hops up to date with Neighbour
 * Discovery.  Sleeps; e_sx held.
 */
void	ilnp_loc_scan(struct ilnp_edge *);

/* Has that done by a task soon.  Any lock but the core's may be held. */
void	ilnp_loc_rescan(struct ilnp_edge *);

/* Forgets all local locators: ILNP is being switched off.  e_sx held. */
void	ilnp_loc_clear(struct ilnp_edge *);

/* The way out for a source locator, or NULL.  Inside an epoch. */
static inline const struct ilnp_uplink *
ilnp_loc_uplink(const struct ilnp_here *h, struct ilnp_l64 l64)
{
	for (uint32_t i = 0; i < h->n_uplinks; i++)
		if (ilnp_l64_eq(h->n_uplink[i].u_hop.h_src, l64))
			return (&h->n_uplink[i]);
	return (NULL);
}

bool	ilnp_loc_onlink(const struct ilnp_here *, struct ilnp_l64);
/* True for a NID of ours, ephemeral ones included; there is always a first. */
bool	ilnp_loc_nid_other(const struct ilnp_here *, struct ilnp_nid);

static inline bool
ilnp_loc_nid(const struct ilnp_here *h, struct ilnp_nid nid)
{
	return (ilnp_nid_eq(h->n_nid[0], nid) || ilnp_loc_nid_other(h, nid));
}

/* ilnp_edge_eph.c */

void	ilnp_eph_init(struct ilnp_edge *);
void	ilnp_eph_fini(struct ilnp_edge *);

/* Forgets all; nobody is inside any more.  Sleeps; e_sx held. */
void	ilnp_eph_clear(struct ilnp_edge *);

/* True if connections are to have NIDs of their own. */
static inline bool
ilnp_eph_on(const struct ilnp_edge *e)
{
	return (ilnp_load_32(&e->e_pool.o_want) != 0);
}

/*
 * Takes one for somebody's connection to that correspondent.  Any lock but the
 * core's may be held.
 * Returns 0, EAGAIN if none is ready, EDQUOT if he has had his share.
 */
int	ilnp_eph_take(struct ilnp_edge *, struct ucred *,
	    struct ilnp_nid remote, struct ilnp_nid *);

/*
 * Those whose connections go to a correspondent; returns how many there are.
 * Any lock but the core's may be held.
 */
u_int	ilnp_eph_toward(struct ilnp_edge *, struct ilnp_nid remote,
	    struct ilnp_nid[ILNP_EPH_MAX]);

/* ilnp_edge_hint.c */

/*
 * The table of a stack, made when it is needed first.  Returns NULL if memory is
 * short.
 */
struct ilnp_cands *ilnp_hint_table(struct ilnp_edge *);

/* Forgets all; nobody else may be inside any more. */
void	ilnp_hint_free(struct ilnp_edge *);

/* True if somebody may have told of a NID; takes no lock. */
bool	ilnp_hint_known(const struct ilnp_edge *, struct ilnp_nid);

/* The administrator's word.  Return 0, EINVAL, ENOENT, ENOSPC, ENOMEM. */
int	ilnp_hint_put(struct ilnp_edge *, struct ilnp_nid,
	    const struct ilnp_lurec *, u_int n, ilnp_time_t now);
int	ilnp_hint_del(struct ilnp_edge *, struct ilnp_nid);

/* ilnp_edge_name.c */

/*
 * Has names asked again whose sessions need it.  May sleep.  Returns true if
 * there are sessions to look at again in a second.
 */
bool	ilnp_name_look(struct ilnp_edge *);

/* Has that done soon; anybody may want it as often as he likes. */
void	ilnp_name_stir(struct ilnp_edge *);

#define	ILNP_OWNER_ROOT	0	/* that of the network stack */

/*
 * Whose a candidate or a connection is, by his real user ID: users of a jail are
 * others than those outside, unless the stack is the jail's own.
 */
uint64_t ilnp_name_owner(struct ucred *);

/* ilnp_edge_flow.c */

void	ilnp_flow_alloc(struct ilnp_edge *);
void	ilnp_flow_free(struct ilnp_edge *);

/*
 * The connected PCB of these NIDs and ports, or with remote NID and port 0 a
 * bound one, preferably bound to `local'.  Inside an epoch.
 * Returns what packets may know of it, or NULL.
 */
const struct ilnp_flow *ilnp_flow_lookup(const struct ilnp_edge *,
	    uint8_t proto, const struct ilnp_nidpair *, uint16_t lport,
	    uint16_t fport, struct ilnp_l64 local);

/* That of a PCB, or NULL.  Inside an epoch. */
const struct ilnp_flow *ilnp_flow_of(const struct ilnp_edge *,
	    const struct inpcb *);

/* The transport protocol of a PCB that may be in the table, else 0. */
uint8_t	ilnp_flow_proto(const struct inpcb *);

/*
 * Takes sockets in that were bound to an address before it became one of ours,
 * because ILNP was off or its locator not known.  Sleeps; e_sx held.
 */
void	ilnp_flow_adopt(struct ilnp_edge *);

/* The ends of a connection; ports in network order. */
struct ilnp_ends {
	struct in6_addr	en_laddr;
	struct in6_addr	en_faddr;
	uint16_t	en_lport;
	uint16_t	en_fport;
	uint8_t		en_proto;
};

/*
 * Without hooks: puts in a connection that packets have told of, in place of
 * one with the same NIDs and ports that is not sure to exist.  Inside an
 * epoch.  Returns it, or NULL if there is no room.
 */
const struct ilnp_flow *ilnp_flow_learn(struct ilnp_edge *,
	    const struct ilnp_ends *, struct ilnp_sess *, bool sure);

/* It exists: its handshake is done. */
void	ilnp_flow_sure(struct ilnp_edge *, const struct ilnp_flow *);

/* Takes out some of the connections that are not alive.  e_sx held. */
void	ilnp_flow_sweep(struct ilnp_edge *,
	    bool (*alive)(struct ilnp_edge *, const struct ilnp_flow *));

/* ilnp_edge_echo.c */

/*
 * The place of an echo request of a program, which gets one if it goes to a
 * correspondent.  Inside an epoch; the packet starts with its IPv6 header.
 * Returns NULL if it is none of ILNP.
 */
const struct ilnp_flow *ilnp_echo_leaves(struct ilnp_edge *,
	    const struct ilnp_here *, const struct mbuf *);

/* That of the request which a whole ICMPv6 message may answer, or NULL. */
const struct ilnp_flow *ilnp_echo_arrives(const struct ilnp_edge *,
	    const struct mbuf *, const struct ilnp_view *);

/* Gives an ICMPv6 message at `off', contiguous so far, other addresses. */
void	ilnp_echo_readdress(struct mbuf *, int off, const struct in6_addr *src,
	    const struct in6_addr *dst);

/* For ilnp_flow_sweep(); all but echoes stay. */
bool	ilnp_echo_alive(struct ilnp_edge *, const struct ilnp_flow *);

/* ilnp_edge_conn.c */

/*
 * A session toward that correspondent, borrowed: one that exists, or a new one
 * if we were told of it.  Inside an epoch.  Returns NULL if it is not known to
 * speak ILNP.
 */
struct ilnp_sess *ilnp_conn_open(struct ilnp_edge *, struct ilnp_ilcc *,
	    const struct ilnp_nidpair *, struct ilnp_l64 at);

/* A note on a packet that came or goes with a nonce but without a flow. */
struct ilnp_note {
	struct m_tag	n_tag;		/* first */
	uint32_t	n_token;	/* of the peer's nonce */
	uint16_t	n_nonceoff;	/* of the option that was made padding */
	struct ilnp_nonce n_nonce;	/* of the peer */
	struct ilnp_l64pair n_wire;	/* locators it came with */
};

/* Returns the note or NULL. */
const struct ilnp_note *ilnp_note_find(const struct mbuf *);

/* Puts an empty note on a packet.  Returns NULL if memory is short. */
struct ilnp_note *ilnp_note_add(struct mbuf *);

/* ilnp_edge_sockopt.c */

/*
 * What a socket wants of a flow between these, or NULL: its own wish, or that
 * of the listener it is being cloned from.  The inpcb is locked; so is that
 * of the listener, by the SYN cache.
 */
const struct ilnp_choice *ilnp_wish_of(const struct inpcb *,
	    const struct ilnp_nidpair *);

/* ilnp_edge_mbuf.c */

/*
 * Makes the first `len' octets of a packet contiguous and writable.
 * Consumes m: returns the packet, or NULL with it freed.
 */
struct mbuf *ilnp_mbuf_makehead(struct mbuf *m, int len);

static inline struct mbuf *
ilnp_mbuf_head(struct mbuf *m, int len)
{
	if (__predict_true(m->m_len >= len && M_WRITABLE(m)))
		return (m);
	return (ilnp_mbuf_makehead(m, len));
}

/* The offset of the checksum in a transport header, or 0 if it has none. */
extern const uint8_t ilnp_sumoff[UINT8_MAX + 1];

/*
 * Writes locators, checksum and nonce into a packet.  Consumes m: returns the
 * packet, or NULL with it freed.
 */
struct mbuf *ilnp_mbuf_dress(struct mbuf *m, const struct ilnp_l64pair *wire,
	    const struct ilnp_out *out);

/*
 * Finds out which checksum an arrived segment carries; `hint' is tried first.
 * Returns ILNP_CKSUM_UNKNOWN if it is wrong by either rule.
 */
enum ilnp_cksum	ilnp_mbuf_verify(const struct mbuf *m,
	    const struct ilnp_view *, enum ilnp_cksum hint);

/* ilnp_edge_in.c */

int	ilnp_in_link(struct ilnp_edge *);
void	ilnp_in_unlink(struct ilnp_edge *);

/* ilnp_edge_icmp.c */

/*
 * Translates the packet that an ICMPv6 error quotes to what transport knows.
 * The message is contiguous; its checksum is made right.
 */
void	ilnp_icmp_present(struct ilnp_edge *, struct mbuf *,
	    const struct ilnp_in *, u_int room);

/*
 * For i_vouch of the core: true if a connection of ours may have sent the packet
 * that an error quotes; of TCP, if it has not been acknowledged yet.  Inside an
 * epoch, no locks held.
 */
bool	ilnp_icmp_vouch(const struct ilnp_in *);

/*
 * Undoes what the input edge did to the packet that an error of ours quotes.
 * Consumes m: returns the packet, or NULL with it freed.
 */
struct mbuf *ilnp_icmp_restore(struct mbuf *, const struct ilnp_note *);

/* ilnp_edge_out.c */

/* Sends what the core wants sent.  Inside an epoch; no core lock held. */
void	ilnp_out_acts(struct ilnp_edge *, const struct ilnp_acts *);

/*
 * Sends a packet that is as it is to be on the wire, with options from there
 * that lead to its next hop.  Consumes m; the epoch is the caller's.
 */
int	ilnp_out_send(struct mbuf *m, struct ip6_pktopts *);

/* Room to leave in each packet for the nonce. */
u_int	ilnp_out_room(struct ilnp_ilcc *);

/* ilnp_edge_tso.c */

/*
 * Cuts a packet meant for segmentation offload and passes each segment to
 * ip6_output().  Consumes m.  Returns the first error.
 */
int	ilnp_tso_output(struct mbuf *m, struct ip6_pktopts *, int flags,
	    struct inpcb *);

/* ilnp_edge_event.c */

void	ilnp_event_init(struct ilnp_edge *);
void	ilnp_event_fini(struct ilnp_edge *);

/* An ilnp_event_fn for an edge.  Any lock may be held. */
void	ilnp_event_post(void *edge, const struct ilnp_event *);

/* ilnp_edge_text.c */

#define	ILNP_TEXT_MAX	20	/* "hhhh-hhhh-hhhh-hhhh" and a NUL */

void	ilnp_text_nid(struct ilnp_nid, char[ILNP_TEXT_MAX]);
void	ilnp_text_l64(struct ilnp_l64, char[ILNP_TEXT_MAX]);

/*
 * Reads four groups of hexadecimal digits with one kind of separator between
 * them: ':' for both, '-' for NIDs, '+' for locators.
 * Returns 0 or EINVAL.
 */
int	ilnp_text_read(const char *, char separator, uint64_t *);

/* ilnp_edge_pfil.c: only if not ILNP_HOOKED */

int	ilnp_pfil_link(struct ilnp_edge *);
void	ilnp_pfil_unlink(struct ilnp_edge *);

/*
 * The connection of a packet that leaves, from its socket or, if that is NULL,
 * without one.  Inside an epoch; the packet starts with its IPv6 header.
 * Returns NULL if it is none of ILNP.
 */
const struct ilnp_flow *ilnp_pfil_leaves(struct ilnp_edge *,
	    const struct mbuf *, const struct inpcb *);

/*
 * A packet of a session and no connection has arrived: *dst becomes the
 * address at which somebody waits for it, and a SYN makes a connection.
 */
void	ilnp_pfil_arrived(struct ilnp_edge *, const struct ilnp_view *,
	    struct ilnp_sess *, const struct in6_addr *src,
	    struct in6_addr *dst);

/*
 * True if there is a socket for a packet with these addresses, by the rules of
 * plain IPv6: exact, load-balancing groups, jails, wildcards.  No locks held.
 * With hooks as well.
 */
bool	ilnp_pfil_awaited(const struct ilnp_view *, const struct in6_addr *src,
	    const struct in6_addr *dst);

/* As ilnp_out_send(). */
int	ilnp_pfil_send(struct mbuf *, struct ip6_pktopts *);

/* Forgets connections that are no more.  e_sx held. */
void	ilnp_pfil_sweep(struct ilnp_edge *);

#endif /* !_NETINET6_ILNP_KERN_ILNP_EDGE_H_ */
