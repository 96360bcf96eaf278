/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Counters of the edge, beside those of the core: one row each, shown together
 * with them by the control socket and ilnpd(8).
 */
#ifndef _ILNPD_STAT_H_
#define	_ILNPD_STAT_H_

#include <stdint.h>

#define	ILNPD_STATS(X)							\
	X(node_out_notours, "Packets not sent: not from an identity address of ours") \
	X(node_out_nosess, "Packets not sent: the correspondent is unknown")	\
	X(node_out_toobig, "Packets not sent: longer than the path takes")	\
	X(node_out_badform, "Packets not sent: headers that cannot take a nonce") \
	X(node_out_nolocator, "Packets not sent: the locator is no longer ours")	\
	X(node_out_nohop, "Packets not sent: no router, or too many neighbours")	\
	X(node_out_lost, "Packets that the kernel did not take from us")	\
	X(node_out_held, "Segments sent once a path worked, having waited for one") \
	X(node_out_replayed, "Packets sent again as plain IPv6 after a Parameter Problem") \
	X(node_in_overrun, "Packets that came in faster than they were read")	\
	X(node_in_short, "Packets dropped: cut short on the way to us")	\
	X(node_in_notdata, "Packets dropped: neighbour discovery or the like inside a session") \
	X(node_frag_whole, "Datagrams put together from fragments")	\
	X(node_frag_bad, "Fragments dropped: not in order, or too long together") \
	X(node_frag_overlap, "Fragments dropped: of a datagram with overlapping ones") \
	X(node_frag_again, "Fragments dropped: they were there already") \
	X(node_frag_late, "Fragments dropped: the others did not come in time") \
	X(node_frag_full, "Fragments dropped: too many datagrams at once") \
	X(node_in_lost, "Packets that the TUN device did not take")	\
	X(node_ra, "Router Advertisements taken in")			\
	X(node_ra_bad, "Router Advertisements ignored: not in order")	\
	X(node_netlink_lost, "Times the kernel's events had to be asked for again") \
	X(node_names_taught, "Correspondents learnt from look-ups of programs") \
	X(node_names_refused, "Correspondents not learnt: they belong to another name") \
	X(node_names_asked, "Names asked again: their locators ended or led nowhere") \
	X(node_names_renewed, "Correspondents whose name told of locators again") \
	X(node_ctl_dropped, "Control connections closed for not reading what they asked for")

struct node_stats {
#define	X(name, text)	uint64_t name;
	ILNPD_STATS(X)
#undef X
};

#endif /* !_ILNPD_STAT_H_ */
