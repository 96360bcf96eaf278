/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the kernel's environment of the core needs beyond macros.
 */
#include "ilnp_env_impl.h"

#include <sys/kernel.h>

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
