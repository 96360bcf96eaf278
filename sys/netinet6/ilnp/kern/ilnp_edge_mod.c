/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ILNP as a module of the kernel.  In a kernel with `options ILNP6' it is there
 * from the beginning and stays; ilnp.ko is the same for kernels without hooks
 * and may be unloaded at any time, which ends all sessions.
 */
#include "ilnp_edge.h"

#include <sys/module.h>

static int
on_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		if (!ILNP_HOOKED)
			printf("ilnp: no hooks in this kernel, reduced mode: "
			    "see ilnp(4)\n");
		return (0);
	case MOD_QUIESCE:
	case MOD_UNLOAD:
		/* The kernel's own code leads here. */
		return (ILNP_HOOKED ? EBUSY : 0);
	case MOD_SHUTDOWN:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t ilnp_mod = { "ilnp", on_event, NULL };

DECLARE_MODULE(ilnp, ilnp_mod, SI_SUB_PROTO_IFATTACHDOMAIN, SI_ORDER_SECOND);
MODULE_VERSION(ilnp, 1);

/* Last: what is freed after its last reader is freed by functions in here. */
static void
drain(const void *unused __unused)
{
	NET_EPOCH_DRAIN_CALLBACKS();
}
SYSUNINIT(ilnp_drain, SI_SUB_PROTO_IFATTACHDOMAIN, SI_ORDER_FIRST, drain,
    NULL);
