/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The doors between FreeBSD's network stack and ILNP.  The lines that
 * sys/hooks/hooks.toml inserts call ilnp_hook_*(), defined here; behind each
 * stands an ilnp_door_*() of kern/.  docs/kernel-doors.md says why each site
 * was chosen and what surrounds it.  Needs <netinet/in_pcb.h>.
 *
 * Without `options ILNP6' every hook is a macro for nothing, so that a patched
 * kernel without the option is the kernel it was, instruction by instruction.  With the option
 * a hook first makes the cheapest test that tells foreign traffic from ours:
 * one load of ilnp_active or of a flag in something the caller just used.
 *
 * Rules that hold for all doors.  They run in the current VNET and do nothing
 * where ILNP is off.  They never sleep, take no inpcb or pcbinfo lock, never
 * call into a transport protocol, and allocate only without waiting.  Lock
 * order: inpcb, pcbinfo hash, syncache bucket, then those of the core.
 */
#ifndef _NETINET6_ILNP_KERN_ILNP_HOOKS_H_
#define	_NETINET6_ILNP_KERN_ILNP_HOOKS_H_

#include "opt_ilnp6.h"

struct in6_addr;
struct in_conninfo;
struct inpcb;
struct ip6_hdr;
struct ip6_pktopts;
struct mbuf;
struct nhop_object;
struct route_in6;
struct sockaddr_in6;
struct socket;
struct sockopt;
struct tcp_ifcap;

/*
 * In inc_flags of a struct in_conninfo: the endpoints belong to an ILNP flow.
 *
 * In an inpcb it means that the PCB is in the NID table (or is about to be);
 * written under the inpcb's write lock, set by ilnp_door_connect() or copied
 * from the SYN cache, cleared by ilnp_door_pcb_remove().  In the in_conninfo
 * of a segment for a listener and in that of a SYN cache entry it means that
 * the segment carried a nonce, and inc6_zoneid then holds a token made of
 * that nonce: unused by the stack for global addresses, and never zero.
 */
#define	INC_ILNP	0x80

/*
 * How many VNETs have ILNP switched on or PCBs left in a NID table.  Read
 * without a lock: a value just gone stale costs a call or misses a packet
 * that came while ILNP was being switched on.
 */
extern int ilnp_active;

/*
 * Packet out, from ip6_output() after IPsec and before anything has looked at
 * the addresses.  Net epoch; *inp, if not NULL, is locked at least for
 * reading, and for writing whenever *rop is its inp_route6.
 *
 * Writes the current locators into the header, corrects the transport
 * checksum or its seed, inserts the nonce, and may replace
 *	*mp	by the packet with a header inserted,
 *	*rop	by NULL, so that ilnp_door_nhop() is asked for the next hop,
 *	*optp	by options that carry that next hop; they live until the epoch
 *		section ends or as long as the packet.
 * A header inserted here is not known to ip6_output() as an option: the
 * transport checksum must then be complete, with no CSUM_DELAY_DATA_IPV6 and
 * no CSUM_TSO left.
 *
 * Returns false if ip6_output() is to go on with *mp.  Returns true if the
 * packet has been consumed; *error is then what ip6_output() returns, 0 if the
 * packet was sent or queued.
 */
bool	ilnp_door_output(struct mbuf **mp, struct ip6_pktopts **optp,
	    struct route_in6 **rop, int flags, struct inpcb *inp, int *error);

/*
 * Next hop of a packet without a cached route, in place of a lookup.  Net
 * epoch.  `opt' is not NULL, but may be anybody's.
 * Returns the next hop of the path that ilnp_door_output() chose, borrowed
 * until the epoch section ends; NULL if `opt' is not ours, or the next hop is
 * no longer valid, or the packet no longer goes to that path's destination
 * (a filter changed it).
 */
struct nhop_object *ilnp_door_nhop(const struct ip6_pktopts *opt,
	    const struct ip6_hdr *ip6);

/*
 * Socket options of level IPPROTO_IPV6 that are ours.  No locks held, may
 * sleep (the one door that may).
 * Returns true if the option was ours, with *error set for the caller.
 */
bool	ilnp_door_ctloutput(struct socket *so, struct sockopt *sopt,
	    int *error);

/*
 * A socket is being connected to sin6, and `laddr' is the source that the
 * stock selection chose (or, unless `selected', that the socket had: a
 * connection out of the SYN cache, for which this does nothing).  Net
 * epoch, inpcb and pcbinfo hash write locked.
 * Decides whether the flow will be an ILNP one and sets INC_ILNP in the
 * inpcb; may then replace *laddr by another address of the same interface (an
 * ephemeral NID) unless the socket is bound, its options name a source, or
 * its jail may not use that address.
 * Returns false if the connection may be made.  Returns true with *error set
 * for connect(2) if the socket insists on ILNP and cannot have it, or no
 * ephemeral NID is ready for it; *laddr and the inpcb are then unchanged.
 */
bool	ilnp_door_connect(struct inpcb *inp, const struct sockaddr_in6 *sin6,
	    bool selected, struct in6_addr *laddr, int *error);

/*
 * Is there a flow with these NIDs and ports already, under other locators?
 * The address pair itself is the business of the stock lookup.  Net epoch,
 * pcbinfo hash locked, inpcb locked; ports in network order, either may be 0.
 * Where the socket is bound, its own address counts instead of `laddr'.
 */
bool	ilnp_door_pcb_taken(const struct inpcb *inp,
	    const struct in6_addr *faddr, uint16_t fport,
	    const struct in6_addr *laddr, uint16_t lport);

/*
 * A PCB has entered its hash, has changed its foreign end while in it, or is
 * about to leave it.  inpcb and pcbinfo hash write locked; in an epoch section
 * if it has a foreign end.
 * Insertion takes PCBs with INC_ILNP, and unconnected ones bound to one of
 * our ILNP addresses, into the NID table.  If memory is short the flow goes
 * on as plain IPv6 (INC_ILNP cleared, counted).  Removal is complete: when it
 * returns no new reader finds the PCB, and readers inside an epoch section
 * may still see a copy of its addresses and ports but never the inpcb.
 */
void	ilnp_door_pcb_insert(struct inpcb *inp);
void	ilnp_door_pcb_rehash(struct inpcb *inp);
void	ilnp_door_pcb_remove(struct inpcb *inp);

/* A PCB with a wish (struct ilnp_wish) is being freed; inpcb write locked. */
void	ilnp_door_pcb_free(struct inpcb *inp);

/*
 * A segment for a listening socket: `inc' has been filled from its addresses
 * and ports.  Net epoch, inpcb locked.
 * Sets INC_ILNP and the token in `inc' if the input edge tagged `m' as a
 * packet with a nonce.  m stays the caller's.
 */
void	ilnp_door_mark(struct in_conninfo *inc, const struct mbuf *m);

/*
 * Fills `key' with what stays the same of a marked `inc' when locators
 * change: NIDs, ports, and the token in place of both L64s.  No locks needed.
 */
void	ilnp_door_flowkey(const struct in_conninfo *inc,
	    struct in_conninfo *key);

/*
 * Are two marked endpoint pairs the same flow under any locators, with the
 * same token?  Bucket lock held.
 */
bool	ilnp_door_same_flow(const struct in_conninfo *a,
	    const struct in_conninfo *b);

/*
 * A segment of the SYN cache is about to be sent for a marked entry.  Net
 * epoch; the bucket lock may be held.
 * Tags `m' for ilnp_door_output(), which finds no inpcb with it and, in a
 * flood, no session.  m stays the caller's.
 */
void	ilnp_door_synack(const struct in_conninfo *inc, struct mbuf *m);

/*
 * A socket is being made from a marked SYN cache entry, or from a cookie;
 * `m', which may be NULL, is the segment that completed the handshake.  Net
 * epoch, inpcb write locked, pcbinfo hash not locked; addresses of the inpcb
 * are not set yet, INC_ILNP is.
 * Leaves the token to the insertion that follows, which finds the session by
 * it and confirms it, or clears INC_ILNP if there is none any more (counted).
 */
void	ilnp_door_accept(struct inpcb *inp, const struct in_conninfo *inc,
	    const struct mbuf *m);

/*
 * The MTU that TCP may count on toward a marked endpoint, given that of the
 * route to its anchor (0: no route).  Net epoch.
 * Returns the least of the usable paths less the room for the nonce, never
 * less than IPV6_MMTU less that room; clears CSUM_TSO in `cap', if not NULL,
 * where the session cannot have it.
 */
uint32_t ilnp_door_maxmtu(const struct in_conninfo *inc, uint32_t mtu,
	    struct tcp_ifcap *cap);

#ifdef ILNP6
/*
 * Copies keep the addresses of the caller's variables from escaping, so that
 * ip6_output() can hold them in registers for packets that are not ours.
 */
static inline bool
ilnp_hook_output(struct mbuf **mp, struct ip6_pktopts **optp,
    struct route_in6 **rop, int flags, struct inpcb *inp, int *errorp)
{
	struct ip6_pktopts *opt = *optp;
	struct route_in6 *ro = *rop;
	struct mbuf *m = *mp;
	int error = 0;
	bool consumed;

	if (__predict_true(ilnp_active == 0))
		return (false);
	consumed = ilnp_door_output(&m, &opt, &ro, flags, inp, &error);
	*mp = m;
	*optp = opt;
	*rop = ro;
	*errorp = error;
	return (consumed);
}

static inline struct nhop_object *
ilnp_hook_nhop(const struct ip6_pktopts *opt, const struct ip6_hdr *ip6)
{
	if (__predict_true(opt == NULL || ilnp_active == 0))
		return (NULL);
	return (ilnp_door_nhop(opt, ip6));
}

static inline bool
ilnp_hook_ctloutput(struct socket *so, struct sockopt *sopt, int *error)
{
	return (ilnp_door_ctloutput(so, sopt, error));
}

static inline bool
ilnp_hook_connect(struct inpcb *inp, const struct sockaddr_in6 *sin6,
    bool selected, struct in6_addr *laddr, int *error)
{
	return (__predict_false(ilnp_active != 0 || inp->spare_ptr != NULL) &&
	    ilnp_door_connect(inp, sin6, selected, laddr, error));
}

static inline bool
ilnp_hook_pcb_taken(const struct inpcb *inp, const struct in6_addr *faddr,
    uint16_t fport, const struct in6_addr *laddr, uint16_t lport)
{
	return (__predict_false(ilnp_active != 0) &&
	    ilnp_door_pcb_taken(inp, faddr, fport, laddr, lport));
}

static inline void
ilnp_hook_pcb_insert(struct inpcb *inp)
{
	if (__predict_false(ilnp_active != 0))
		ilnp_door_pcb_insert(inp);
}

static inline void
ilnp_hook_pcb_rehash(struct inpcb *inp)
{
	if (__predict_false(ilnp_active != 0))
		ilnp_door_pcb_rehash(inp);
}

static inline void
ilnp_hook_pcb_remove(struct inpcb *inp)
{
	if (__predict_false(ilnp_active != 0))
		ilnp_door_pcb_remove(inp);
}

static inline void
ilnp_hook_pcb_free(struct inpcb *inp)
{
	if (__predict_false(inp->spare_ptr != NULL))
		ilnp_door_pcb_free(inp);
}

static inline void
ilnp_hook_mark(struct in_conninfo *inc, const struct mbuf *m)
{
	if (__predict_false(ilnp_active != 0))
		ilnp_door_mark(inc, m);
}

/* Returns `key', filled, if `inc' is marked; else `inc'. */
static inline struct in_conninfo *
ilnp_hook_flowkey(struct in_conninfo *inc, struct in_conninfo *key)
{
	if (__predict_true((inc->inc_flags & INC_ILNP) == 0))
		return (inc);
	ilnp_door_flowkey(inc, key);
	return (key);
}

static inline bool
ilnp_hook_same_flow(const struct in_conninfo *a, const struct in_conninfo *b)
{
	return (__predict_false((a->inc_flags & b->inc_flags & INC_ILNP) != 0) &&
	    ilnp_door_same_flow(a, b));
}

static inline void
ilnp_hook_synack(const struct in_conninfo *inc, struct mbuf *m)
{
	if (__predict_false((inc->inc_flags & INC_ILNP) != 0))
		ilnp_door_synack(inc, m);
}

static inline void
ilnp_hook_accept(struct inpcb *inp, const struct in_conninfo *inc,
    const struct mbuf *m)
{
	if (__predict_false((inc->inc_flags & INC_ILNP) != 0))
		ilnp_door_accept(inp, inc, m);
}

static inline uint32_t
ilnp_hook_maxmtu(const struct in_conninfo *inc, uint32_t mtu,
    struct tcp_ifcap *cap)
{
	if (__predict_true((inc->inc_flags & INC_ILNP) == 0))
		return (mtu);
	return (ilnp_door_maxmtu(inc, mtu, cap));
}

#else /* !ILNP6 */

/*
 * Macros, that the arguments may not even be looked at: an address taken and
 * optimised away later would still change the code around it.
 */
#define	ilnp_hook_output(mp, optp, rop, flags, inp, errorp)	false
#define	ilnp_hook_nhop(opt, ip6)				NULL
#define	ilnp_hook_ctloutput(so, sopt, errorp)			false
#define	ilnp_hook_connect(inp, sin6, selected, laddr, errorp)	false
#define	ilnp_hook_pcb_taken(inp, faddr, fport, laddr, lport)	false
#define	ilnp_hook_pcb_insert(inp)				((void)0)
#define	ilnp_hook_pcb_rehash(inp)				((void)0)
#define	ilnp_hook_pcb_remove(inp)				((void)0)
#define	ilnp_hook_pcb_free(inp)					((void)0)
#define	ilnp_hook_mark(inc, m)					((void)0)
#define	ilnp_hook_flowkey(inc, key)		((void)sizeof(*(key)), (inc))
#define	ilnp_hook_same_flow(a, b)				false
#define	ilnp_hook_synack(inc, m)				((void)0)
#define	ilnp_hook_accept(inp, inc, m)				((void)0)
#define	ilnp_hook_maxmtu(inc, mtu, cap)				(mtu)

#endif /* ILNP6 */
#endif /* !_NETINET6_ILNP_KERN_ILNP_HOOKS_H_ */
