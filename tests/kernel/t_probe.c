/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What dtrace(1) would see: each counter that goes up fires a probe, and so
 * does each packet that is judged.  A module of the tests listens.
 */
#include <sys/param.h>

#include "../../sys/netinet6/ilnp/core/ilnp_stat.h"
#include "kt.h"

static char text[8192];

/* The number behind a line of the module's report that begins so. */
static uint64_t
fired(const char *kind, const char *name)
{
	size_t k = length(kind), n = length(name);

	for (const char *p = text; *p != '\0'; p++) {
		uint64_t v = 0;

		if ((p != text && p[-1] != '\n') || memcmp(p, kind, k) != 0 ||
		    p[k] != ' ' || memcmp(p + k + 1, name, n) != 0 ||
		    p[k + 1 + n] != ' ')
			continue;
		for (p += k + n + 2; *p >= '0' && *p <= '9'; p++)
			v = v * 10 + (uint64_t)(*p - '0');
		return (v);
	}
	return (0);
}

static void
ask(void)
{
	size_t len = sizeof(text) - 1;

	memset(text, 0, sizeof(text));
	if (sysctl_get("debug.ktprobe", text, &len) < 0)
		check(false, "the module does not answer");
}

/*
 * Timers go on while this looks, so a counter must lie between what the probe
 * said before and after.
 */
static bool
agrees(const char *name, uint64_t *n)
{
	uint64_t before;

	ask();
	before = fired("count", name);
	*n = counter(name);
	ask();
	if (before <= *n && *n <= fired("count", name))
		return (true);
	say("       %s is %lu, its probe has fired %lu times\n", name, *n,
	    before);
	return (false);
}

/*
 * True, with its name said, if a reason did not come up.  Quotes of what was
 * never sent are for t_modes.c, which is not run here.
 */
static bool
not_seen(const char *name, uint64_t n)
{
	if (contains(name, "in_icmp_quote"))
		return (false);
	if (n == 0)
		say("       %s has never gone up\n", name);
	return (n == 0);
}

/* Switches ILNP off and on, which begins its counters anew. */
static void
refusals(void)
{
	uint64_t before, refused;

	ask();
	before = fired("count", "sess_refused");
	refused = full_table();
	ask();
	check(refused > 0 && fired("count", "sess_refused") == before + refused,
	    "a probe fires for each of %lu that are refused", refused);
}

void
test_probes(void (*run)(void))
{
	unsigned int all = 0, moved = 0, reasons = 0, unseen = 0, wrong = 0;
	result r = sys_kldload("/boot/kernel/ktprobe.ko");
	uint64_t n;

	scenario("probes");
	check(r >= 0, "the module loads (%d)", (int)r);
	if (r < 0)
		return;
	run();
	scenario("what the probes saw");
#define	X(name, what)							\
	wrong += !agrees(#name, &n);					\
	all++;								\
	moved += n != 0;						\
	if (contains(what, "dropped:") || contains(what, "ignored:")) {	\
		reasons++;						\
		unseen += not_seen(#name, n);				\
	}
	ILNP_STATS(X)
#undef X
	check(wrong == 0, "each of %u probes fires as often as its counter "
	    "goes up", all);
	check(moved >= 20, "%u of them did", moved);
	check(reasons >= 19 && unseen == 0, "those of all %u reasons not to "
	    "take a packet but one are among them", reasons);
	check(fired("in", "1") > 0 && fired("in", "4") > 0 &&
	    fired("out", "0") > 0,
	    "packets taken, dropped and sent are seen");
	refusals();
}
