/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Value types.  Identifiers and locators are different structs so that they
 * cannot be swapped or compared by accident; both are held in host order, so
 * the first octet on the wire is the most significant one here.
 */
#ifndef _ILNP_TYPES_H_
#define	_ILNP_TYPES_H_

#include "ilnp_env.h"
#include "../ilnp.h"

/* Monotonic clock, microseconds.  0 means "never" where a field allows it. */
typedef uint64_t ilnp_time_t;

#define	ILNP_MS(n)	((ilnp_time_t)(n) * 1000)
#define	ILNP_SEC(n)	((ilnp_time_t)(n) * 1000000)

/* Time gone by; 0 if another thread's clock was read a moment later. */
static inline ilnp_time_t
ilnp_since(ilnp_time_t now, ilnp_time_t then)
{
	return (now > then ? now - then : 0);
}

struct ilnp_nid {
	uint64_t	nid;
};

struct ilnp_l64 {
	uint64_t	l64;
};

/* I-LV: what stands in an IPv6 address field (RFC 6741 s3.1). */
struct ilnp_ilv {
	struct ilnp_l64	l64;
	struct ilnp_nid	nid;
};

struct ilnp_nidpair {
	struct ilnp_nid	local;
	struct ilnp_nid	remote;
};

/* A path is named by the locators it leaves from and goes to. */
struct ilnp_l64pair {
	struct ilnp_l64	local;
	struct ilnp_l64	remote;
};

/* Octets behind n_len are zero, so that whole nonces can be compared. */
struct ilnp_nonce {
	uint8_t		n_len;		/* 0: none */
	uint8_t		n_b[ILNP_NONCE_MAX];
};

/* How a TCP or UDP checksum treats the locators (contradiction C1). */
enum ilnp_cksum {
	ILNP_CKSUM_UNKNOWN = 0,
	ILNP_CKSUM_RFC,			/* L64s count as zero, RFC 6741 s4.2 */
	ILNP_CKSUM_IPV6			/* full addresses, 2026 draft */
};

static inline bool
ilnp_nid_eq(struct ilnp_nid a, struct ilnp_nid b)
{
	return (a.nid == b.nid);
}

static inline bool
ilnp_l64_eq(struct ilnp_l64 a, struct ilnp_l64 b)
{
	return (a.l64 == b.l64);
}

static inline bool
ilnp_nidpair_eq(const struct ilnp_nidpair *a, const struct ilnp_nidpair *b)
{
	return (a->local.nid == b->local.nid && a->remote.nid == b->remote.nid);
}

static inline bool
ilnp_l64pair_eq(const struct ilnp_l64pair *a, const struct ilnp_l64pair *b)
{
	return (a->local.l64 == b->local.l64 && a->remote.l64 == b->remote.l64);
}

/*
 * Whose share of what is bounded somebody uses up.  The upper half of an owner is
 * a jail that has no stack of its own, or 0: its root can be as many users as he
 * likes, so that all of them are one here.
 */
static inline uint64_t
ilnp_owner_share(uint64_t owner)
{
	return (owner >> 32 != 0 ? owner & ~(uint64_t)UINT32_MAX : owner);
}

#endif /* !_ILNP_TYPES_H_ */
