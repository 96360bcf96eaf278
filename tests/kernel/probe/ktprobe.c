/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A kernel module for tests, in the place of dtrace(1): hangs on to the probes
 * of ILNP and counts how often each fires.  debug.ktprobe reads, a line each,
 *	count NAME N	the counter NAME has gone up
 *	in VERDICT N	packets judged so
 *	out VERDICT N
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/sbuf.h>
#include <sys/sdt.h>
#include <sys/sysctl.h>

#include <machine/atomic.h>

#define	NAMES		256	/* one name may have several addresses */
#define	VERDICTS	8

enum { ID_COUNT = 1, ID_IN, ID_OUT };

SDT_PROBE_DECLARE(ilnp6, , , count);
SDT_PROBE_DECLARE(ilnp6, , , in);
SDT_PROBE_DECLARE(ilnp6, , , out);

static struct {
	volatile uintptr_t name;
	volatile u_long n;
} counted[NAMES];
static volatile u_long judged[2][VERDICTS];

/* Any thread, any lock held. */
static void
on_probe(uint32_t id, uintptr_t arg0, uintptr_t arg1 __unused,
    uintptr_t arg2 __unused, uintptr_t arg3 __unused, uintptr_t arg4 __unused)
{
	if (id != ID_COUNT) {
		if (arg0 < VERDICTS)
			atomic_add_long(&judged[id - ID_IN][arg0], 1);
		return;
	}
	for (u_int i = 0; i < NAMES; i++)
		if (counted[i].name == arg0 ||
		    (counted[i].name == 0 &&
		    atomic_cmpset_ptr(&counted[i].name, 0, arg0)) ||
		    counted[i].name == arg0) {
			atomic_add_long(&counted[i].n, 1);
			return;
		}
}

static void
print_counted(struct sbuf *sb)
{
	for (u_int i = 0; i < NAMES && counted[i].name != 0; i++) {
		const char *name = (const char *)counted[i].name;
		u_long n = 0;
		bool first = true;

		for (u_int j = 0; j < NAMES && counted[j].name != 0; j++) {
			if (strcmp((const char *)counted[j].name, name) != 0)
				continue;
			first &= j >= i;
			n += counted[j].n;
		}
		if (first)
			sbuf_printf(sb, "count %s %lu\n", name, n);
	}
}

static int
sysctl_ktprobe(SYSCTL_HANDLER_ARGS)
{
	struct sbuf *sb = sbuf_new_for_sysctl(NULL, NULL, 256, req);
	int error;

	print_counted(sb);
	for (u_int v = 0; v < VERDICTS; v++)
		sbuf_printf(sb, "in %u %lu\nout %u %lu\n", v, judged[0][v], v,
		    judged[1][v]);
	error = sbuf_finish(sb);
	sbuf_delete(sb);
	return (error);
}
SYSCTL_PROC(_debug, OID_AUTO, ktprobe,
    CTLTYPE_STRING | CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, 0, sysctl_ktprobe, "A",
    "How often each probe of ILNP has fired");

static int
on_event(module_t mod __unused, int what, void *arg __unused)
{
	switch (what) {
	case MOD_LOAD:
		sdt_probe_func = on_probe;
		sdt_ilnp6___count->id = ID_COUNT;
		sdt_ilnp6___in->id = ID_IN;
		sdt_ilnp6___out->id = ID_OUT;
		sdt_probes_enabled = true;
		return (0);
	case MOD_SHUTDOWN:
		return (0);
	default:
		/* A probe may be in here at any time. */
		return (EBUSY);
	}
}

static moduledata_t ktprobe_mod = { "ktprobe", on_event, NULL };

DECLARE_MODULE(ktprobe, ktprobe_mod, SI_SUB_PSEUDO, SI_ORDER_ANY);
