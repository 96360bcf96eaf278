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

#include "ilnp_edge_var.h"

/*
 * Whether the kernel calls the doors of ilnp_hooks.h.  It does not call those
 * of a module, which has to do without (ilnp_edge_pfil.c).
 */
#ifdef ILNP6
#define	ILNP_HOOKED	true
#else
#define	ILNP_HOOKED	false
#endif

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
