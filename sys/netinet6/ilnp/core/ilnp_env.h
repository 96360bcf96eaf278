/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The one door from the core to the world it runs in.  The environment
 * (kern/ or ilnpd/) provides <ilnp_env_impl.h> with exactly what is listed
 * here; the core uses nothing else from outside.
 *
 *	fixed-width integers, bool, size_t, offsetof, u_int, memcpy, memset,
 *	memcmp, errno names
 *	ILNP_ASSERT(expr)
 *
 *	struct ilnp_lock		a non-recursive mutex
 *	ilnp_lock_init(l, name, rank)	locks are taken in order of rising rank
 *	ilnp_lock_destroy(l)
 *	ilnp_lock(l), ilnp_unlock(l)
 *	ILNP_LOCK_ASSERT(l)		held by the caller
 *
 *	ILNP_EPOCH_ASSERT()		inside a read section
 *	struct ilnp_deferred		embedded in objects freed by readers' leave
 *	ilnp_env_defer(d, fn)		fn(d) once all present readers have left
 *
 *	ilnp_env_alloc(size)		zeroed memory or NULL, never sleeps; at
 *					cache lines if it is as long as one
 *	ilnp_env_free(p, size)
 *	ilnp_env_random(buf, len)	unpredictable octets (RFC 6744 s7)
 *
 *	ilnp_load_ptr(p), ilnp_store_ptr(p, v)	acquire load, release store
 *	ilnp_load_32(p), ilnp_store_32(p, v)	same for uint32_t
 *	ilnp_load_16(p), ilnp_store_16(p, v)	same for uint16_t
 *	ilnp_env_counters(size)		zeroed counters, each a uint64_t, or NULL;
 *					never sleeps
 *	ilnp_env_counters_free(p, size)
 *	ilnp_env_count(p)		adds one to one of them, from any thread
 *	ilnp_prefetch(p)		a hint
 *	ilnp_env_counted(name)		the counter of that name goes up
 */
#ifndef _ILNP_ENV_H_
#define	_ILNP_ENV_H_

#include <ilnp_env_impl.h>

/* Lock ranks: inpcb (the kernel's own) comes before all of them. */
enum ilnp_lock_rank {
	ILNP_RANK_POOL = 1,	/* session pool and busy list of a cache */
	ILNP_RANK_SESS,
	ILNP_RANK_LOCSET,
	ILNP_RANK_NAMES		/* what is known of names; none inside */
};

#endif /* !_ILNP_ENV_H_ */
