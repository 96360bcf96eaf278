/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Values of ILNP's socket options (ilnp.h, ilnp(4)), for programs.  An address
 * is a locator in its upper half and a NID in its lower half.
 */
#ifndef _NETINET6_ILNP_SOCK_H_
#define	_NETINET6_ILNP_SOCK_H_

#include <sys/types.h>
#include <netinet/in.h>

#include "ilnp.h"

/* ILNP_SO_LOCATORS reads an array of these, ours first. */
struct ilnp_soloc {
	struct in6_addr	sl_addr;
	uint32_t	sl_ours;	/* 1: ours, 0: the peer's */
	uint32_t	sl_state;	/* ILNP_SL_* */
	uint32_t	sl_withdrawn;	/* 1: nothing is sent there any more */
	uint32_t	sl_pref;	/* lower is preferred */
	uint32_t	sl_left;	/* s it is valid yet; 0: no end */
};

/* ILNP_SO_PATHS reads an array of these. */
struct ilnp_sopath {
	struct in6_addr	sp_local;
	struct in6_addr	sp_peer;
	uint32_t	sp_state;	/* ILNP_SP_* */
	uint32_t	sp_rank;	/* paths of the lowest are used */
	uint32_t	sp_rtt;		/* us, 0: not measured */
	uint32_t	sp_mtu;		/* octets, 0: that of the link */
	uint64_t	sp_txpkts;
	uint64_t	sp_txbytes;
	uint64_t	sp_rxpkts;
	uint64_t	sp_rxbytes;
};

/*
 * ILNP_SO_CHOICE: what this socket wants.  Either address may be unspecified
 * and fits any locator then; else its NID is the connection's, or 0.
 */
struct ilnp_sochoice {
	uint32_t	sc_kind;	/* ILNP_CHOICE_* */
	uint32_t	sc_lost;	/* read: 1 while it cannot be had */
	struct in6_addr	sc_local;
	struct in6_addr	sc_peer;
};

#endif /* !_NETINET6_ILNP_SOCK_H_ */
