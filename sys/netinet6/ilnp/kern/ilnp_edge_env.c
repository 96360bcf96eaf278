/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the kernel's environment of the core needs beyond macros.
 */
#include "ilnp_env_impl.h"

#include <sys/kernel.h>

#include <vm/uma.h>

#include "../core/ilnp_stat.h"

MALLOC_DEFINE(M_ILNP, "ilnp", "Identifier-Locator Network Protocol");

_Static_assert(offsetof(struct ilnp_deferred, d_ctx) == 0, "cast below");

static void
run_deferred(struct epoch_context *ctx)
{
	struct ilnp_deferred *d = (struct ilnp_deferred *)(void *)ctx;

	d->d_fn(d);
}

void
ilnp_env_defer(struct ilnp_deferred *d, void (*fn)(struct ilnp_deferred *))
{
	d->d_fn = fn;
	NET_EPOCH_CALL(run_deferred, &d->d_ctx);
}

static uma_zone_t counters_zone;

static void
make_zone(const void *unused __unused)
{
	counters_zone = uma_zcreate("ilnp counters", sizeof(struct ilnp_stats),
	    NULL, NULL, NULL, NULL, UMA_ALIGN_PTR, UMA_ZONE_PCPU);
}
SYSINIT(ilnp_counters, SI_SUB_TASKQ, SI_ORDER_ANY, make_zone, NULL);

static void
unmake_zone(const void *unused __unused)
{
	uma_zdestroy(counters_zone);
}
SYSUNINIT(ilnp_counters, SI_SUB_TASKQ, SI_ORDER_ANY, unmake_zone, NULL);

void *
ilnp_env_counters(size_t size)
{
	ILNP_ASSERT(size == sizeof(struct ilnp_stats));
	return (uma_zalloc_pcpu(counters_zone, M_NOWAIT | M_ZERO));
}

void
ilnp_env_counters_free(void *p, size_t size __unused)
{
	uma_zfree_pcpu(counters_zone, p);
}
