/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Counters: one row each.  The name is the sysctl leaf under
 * net.inet6.ilnp6.stats and the key in the node's control socket; the sentence
 * is what sysctl -d, ilnp(4) and ilnptool show.
 */
#ifndef _ILNP_STAT_H_
#define	_ILNP_STAT_H_

#define	ILNP_STATS(X)							\
	X(out_ilnp, "Packets sent with a nonce or as part of an ILNP session")	\
	X(out_plain, "Packets sent as plain IPv6 because the peer does not speak ILNP") \
	X(out_nopath, "Packets not sent: no usable pair of locators")	\
	X(out_toolong, "Packets not sent: with their nonce longer than IPv6 allows") \
	X(out_unpinned, "Packets of pinned flows sent by another path: theirs was down or gone") \
	X(in_ilnp, "Packets accepted for an ILNP session")		\
	X(in_newloc, "Packets accepted from a locator not yet known, by their nonce") \
	X(in_malformed, "Packets dropped: headers do not parse")	\
	X(in_nonce_twice, "Packets dropped: more than one nonce option")	\
	X(in_nonce_len, "Packets dropped: nonce neither 4 nor 12 octets long") \
	X(in_nonce_wrong, "Packets dropped: nonce of no known session")	\
	X(in_nonce_missing, "Packets dropped: unknown locator and no nonce")	\
	X(in_notours, "Packets left to IPv6: nonce for a NID that is not ours")	\
	X(in_badloc, "Packets dropped: source locator may not be used")	\
	X(in_cksum_kind, "Packets dropped: the other kind of checksum, and cksum_strict is set") \
	X(in_icmp_forged, "ICMPv6 errors dropped: from a correspondent without its nonce") \
	X(in_icmp_quote, "ICMPv6 errors ignored: quoted packet is not one of ours") \
	X(in_ptb, "Packet Too Big messages applied to a path")		\
	X(in_ptb_bad, "Packet Too Big messages ignored: below the least MTU, or about nothing so long") \
	X(in_unreach, "Unreachable messages applied to a path")		\
	X(sess_created, "Sessions created")				\
	X(sess_freed, "Sessions freed")					\
	X(sess_refused, "Sessions refused: the cache is full or memory is short")		\
	X(sess_evicted, "Sessions evicted to make room")	\
	X(sess_rekeyed, "Sessions that took a restarted peer's new nonce") \
	X(fallback, "Correspondents found not to speak ILNP by a Parameter Problem") \
	X(fallback_silent, "Correspondents taken for plain IPv6 because nothing answered") \
	X(fallback_forged, "Parameter Problems ignored: pointer or quoted nonce wrong") \
	X(lu_sent, "Locator Update advertisements sent, repeats included")	\
	X(lu_acked, "Locator Update advertisements acknowledged")	\
	X(lu_failed, "Locator Update advertisements given up")		\
	X(lu_rcvd, "Locator Update advertisements accepted")		\
	X(lu_dup, "Locator Update advertisements that changed nothing")	\
	X(lu_forged, "Locator Updates dropped: no nonce or a wrong one")	\
	X(lu_unproven, "Locator Updates dropped: the sender's nonce is not proven yet") \
	X(lu_malformed, "Locator Updates dropped: count, length, code or operation") \
	X(lu_toomany, "Locator Updates dropped: more locators than lu_max")	\
	X(lu_badloc, "Locator Updates dropped: no locator that may be used") \
	X(lu_cksum, "Locator Updates and probes dropped: ICMPv6 checksum wrong") \
	X(lu_limited, "Locator Updates dropped: sent too fast")		\
	X(lu_stale_ack, "Locator Update acknowledgements ignored: not of our latest") \
	X(probe_sent, "Path probes sent")				\
	X(probe_rcvd, "Path probes answered")				\
	X(probe_reply, "Answers to our path probes")			\
	X(probe_stray, "Answers to probes we did not send")		\
	X(path_down, "Paths declared DOWN")				\
	X(path_up, "Paths declared UP")					\
	X(eph_taken, "Connections that got an ephemeral NID")		\
	X(eph_empty, "Connections refused: no ephemeral NID was ready")	\
	X(eph_share, "Connections refused: the user has had his share of ephemeral NIDs") \
	X(eph_stable, "Connections that got a NID of ours for want of an ephemeral one") \
	X(eph_dup, "Ephemeral NIDs that somebody else on a link has, too") \
	X(eph_retired, "Ephemeral NIDs retired, with their last connection") \
	X(nomem, "Packets lost, or sent without what they lack, because memory is short")

/*
 * Made by ilnp_env_counters(), which says how they are read.  Aligned where
 * words are shorter, too: one instruction adds to them.
 */
struct ilnp_stats {
#define	X(name, text)	_Alignas(8) uint64_t name;
	ILNP_STATS(X)
#undef X
};

/* Adds one to a counter of the cache `c'. */
#define	ILNP_STAT(c, name)	do {					\
	ilnp_env_count(&(c)->c_stats->name);				\
	ilnp_env_counted(#name);					\
} while (0)

#endif /* !_ILNP_STAT_H_ */
