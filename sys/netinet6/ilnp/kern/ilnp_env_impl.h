/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The environment of core/ilnp_env.h in a FreeBSD kernel: mutexes, the network
 * epoch, malloc(9) that never waits.
 */
#ifndef _ILNP_ENV_IMPL_H_
#define	_ILNP_ENV_IMPL_H_

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/ck.h>
#include <sys/counter.h>
#include <sys/epoch.h>
#include <sys/errno.h>
#include <sys/libkern.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/sdt.h>
#include <sys/stddef.h>

MALLOC_DECLARE(M_ILNP);

#define	ILNP_ASSERT(expr)	KASSERT((expr), ("%s: %s", __func__, #expr))

struct ilnp_lock {
	struct mtx	lk_mtx;
};

/*
 * WITNESS learns the order from the names; the rank is for environments
 * without it.
 */
#define	ilnp_lock_init(l, name, rank)					\
	mtx_init(&(l)->lk_mtx, (name), NULL, MTX_DEF | MTX_NEW)
#define	ilnp_lock_destroy(l)	mtx_destroy(&(l)->lk_mtx)
#define	ilnp_lock(l)		mtx_lock(&(l)->lk_mtx)
#define	ilnp_unlock(l)		mtx_unlock(&(l)->lk_mtx)
#define	ILNP_LOCK_ASSERT(l)	mtx_assert(&(l)->lk_mtx, MA_OWNED)

#define	ILNP_EPOCH_ASSERT()	NET_EPOCH_ASSERT()

struct ilnp_deferred {
	struct epoch_context d_ctx;
	void		(*d_fn)(struct ilnp_deferred *);
};

void	ilnp_env_defer(struct ilnp_deferred *,
	    void (*)(struct ilnp_deferred *));

#define	ilnp_env_alloc(size)	malloc((size), M_ILNP, M_NOWAIT | M_ZERO)
#define	ilnp_env_free(p, size)	free((p), M_ILNP)
#define	ilnp_env_random(buf, n)	arc4random_buf((buf), (n))

#define	ilnp_load_ptr(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define	ilnp_store_ptr(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define	ilnp_load_32(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define	ilnp_store_32(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define	ilnp_load_16(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define	ilnp_store_16(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* Each processor has its own (counter(9)); counter_u64_fetch() reads them. */
void	*ilnp_env_counters(size_t);
void	ilnp_env_counters_free(void *, size_t);
#define	ilnp_env_count(p)	counter_u64_add((p), 1)

/* The counter of that name goes up. */
SDT_PROVIDER_DECLARE(ilnp6);
SDT_PROBE_DECLARE(ilnp6, , , count);
#define	ilnp_env_counted(name)	SDT_PROBE1(ilnp6, , , count, name)

#define	ilnp_prefetch(p)	__builtin_prefetch(p)

#endif /* !_ILNP_ENV_IMPL_H_ */
