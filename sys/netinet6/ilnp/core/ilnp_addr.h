/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Identifiers and locators as values: which may be used, how they are hashed,
 * and what they add to a checksum.
 */
#ifndef _ILNP_ADDR_H_
#define	_ILNP_ADDR_H_

#include "ilnp_types.h"

/* True for a locator that may be used across networks: 2000::/3 or fc00::/7. */
bool	ilnp_l64_usable(struct ilnp_l64);

/*
 * True for a NID that a node may own: not zero, not the subnet anycast block
 * of RFC 2526.  Its u and g bits do not matter (contradiction C9).
 */
bool	ilnp_nid_usable(struct ilnp_nid);

/* Modified EUI-64 of an Ethernet address (RFC 4291 appendix A). */
struct ilnp_nid	ilnp_nid_eui64(const uint8_t mac[6]);

/* SipHash-2-4 over `n' words, keyed: table positions nobody can predict. */
uint64_t	ilnp_hash(const uint64_t key[2], const uint64_t *words, size_t n);

/* Compares whole nonces in constant time; false if either is empty. */
bool	ilnp_nonce_eq(const struct ilnp_nonce *, const struct ilnp_nonce *);

#endif /* !_ILNP_ADDR_H_ */
