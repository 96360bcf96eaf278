/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the kernel edge keeps for a network stack: its locators with the ways
 * out, the PCBs of its flows, events that wait, ephemeral NIDs; and the locks
 * of all that.  For the files of ilnp_edge.h, which includes it.
 */
#ifndef _NETINET6_ILNP_KERN_ILNP_EDGE_VAR_H_
#define	_NETINET6_ILNP_KERN_ILNP_EDGE_VAR_H_

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

#endif /* !_NETINET6_ILNP_KERN_ILNP_EDGE_VAR_H_ */
