/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ILNPv6 as userland may see it: protocol numbers, limits and versions.
 * Holds plain numbers only, one per line, so that other languages can be
 * given them by a generator instead of by hand.
 */
#ifndef _NETINET6_ILNP_H_
#define	_NETINET6_ILNP_H_

/* Raised when a sysctl, event or control message changes its meaning. */
#define	ILNP_API_VERSION	1

/* Nonce destination option, RFC 6744 s2. */
#define	ILNP_OPT_NONCE		0x8b
#define	ILNP_NONCE_SHORT	4	/* octets */
#define	ILNP_NONCE_LONG		12	/* octets */
#define	ILNP_NONCE_MAX		12	/* octets */

/* Locator Update, RFC 6743 s2. */
#define	ILNP_ICMP6_LU		156
#define	ILNP_LU_CODE		0
#define	ILNP_LU_ADVERT		1
#define	ILNP_LU_ACK		2
#define	ILNP_LU_HDRLEN		8	/* octets before the first record */
#define	ILNP_LU_REC_RFC		12	/* record: 8 + 2 + 2, RFC 6743 */
#define	ILNP_LU_REC_EXT14	14	/* record: 8 + 2 + 4 */
#define	ILNP_LU_REC_EXT16	16	/* record: 8 + 4 + 4 */
#define	ILNP_LU_COUNT_MAX	255

/* DNS resource record types, RFC 6742 s5. */
#define	ILNP_DNS_NID		104
#define	ILNP_DNS_L32		105
#define	ILNP_DNS_L64		106
#define	ILNP_DNS_LP		107

/*
 * Identity prefix: its four 16-bit words add up to 0xffff in one's complement
 * arithmetic, so an address made of it and a NID contributes to a TCP or UDP
 * checksum exactly what RFC 6741 s4.2 asks for: the NID alone.
 */
#define	ILNP_IDENTITY_W0	0xfd69
#define	ILNP_IDENTITY_W1	0x6c6e
#define	ILNP_IDENTITY_W2	0x702d
#define	ILNP_IDENTITY_W3	0x25fa

/*
 * Socket options of level IPPROTO_IPV6; values are of struct in6_addr or those
 * of ilnp_sock.h.  They tell the locators in use now, whereas getsockname() and
 * getpeername() keep to those that the flow began with.  Those that can be set
 * may be before the socket is connected.
 */
#define	ILNP_SO_LOCAL		120	/* read: from where we send */
#define	ILNP_SO_PEER		121	/* read: where the peer is reached */
#define	ILNP_SO_LOCATORS	122	/* read: struct ilnp_soloc [] */
#define	ILNP_SO_PATHS		123	/* read: struct ilnp_sopath [] */
#define	ILNP_SO_CHOICE		124	/* struct ilnp_sochoice */
#define	ILNP_SO_NONCE		125	/* int: ILNP_NONCE_*, 0 as sysctl says */
#define	ILNP_SO_CKSUM		126	/* int: ILNP_SUM_*, 0 as sysctl says */

/* Which packets carry the nonce, which checksums are sent. */
#define	ILNP_NONCE_ALWAYS	1
#define	ILNP_NONCE_INITIAL	2	/* the first ones, and after a move */
#define	ILNP_SUM_RFC		1	/* RFC 6741 */
#define	ILNP_SUM_IPV6		2	/* as in IPv6 */
#define	ILNP_SUM_PEER		3	/* as the peer sends */

/* States of a locator, of a path. */
#define	ILNP_SL_VALID		0	/* usable, not in use */
#define	ILNP_SL_ACTIVE		1	/* usable, in use */
#define	ILNP_SL_EXPIRED		2	/* past its lifetime, still in use */
#define	ILNP_SL_AGED		3	/* past its lifetime, not in use */
#define	ILNP_SP_NEW		0	/* nobody has answered by it yet */
#define	ILNP_SP_UP		1
#define	ILNP_SP_SUSPECT		2	/* something was lost */
#define	ILNP_SP_DOWN		3

/*
 * How a flow, or a session for all its flows, wants its paths chosen:
 * struct ilnp_choice of core/ilnp_path.h says what each means.
 */
#define	ILNP_CHOICE_ANY		0	/* no wish: the algorithm decides */
#define	ILNP_CHOICE_PREFER	1	/* a pair of locators while it works best */
#define	ILNP_CHOICE_PIN		2	/* a pair of locators unless it is down */
#define	ILNP_CHOICE_STRICT	3	/* a pair of locators or nothing */
#define	ILNP_CHOICE_REDUNDANT	4	/* all paths that work, at once */

/* Limits that size arrays; the knobs maxlocs and maxpaths stay below them. */
#define	ILNP_LOCS_MAX		8	/* locators per session, and local ones */
#define	ILNP_NIDS_MAX		8	/* local NIDs that are not ephemeral */
#define	ILNP_PATHS_MAX		32	/* locator pairs per session */

#endif /* !_NETINET6_ILNP_H_ */
