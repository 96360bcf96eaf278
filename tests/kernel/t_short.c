/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Memory is short: every so many-th allocation that may fail does, in the
 * whole kernel, while hosts connect, talk and move.  What fails may fail, but
 * nothing crashes or leaks, and afterwards all is as it was.  For kernels with
 * `options MALLOC_MAKE_FAILURES'.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "memory.h"
#include "rig.h"

#define	PORT		7800
#define	RATE		"debug.malloc.failure_rate"

/* One in that many fails.  With more, FreeBSD itself cannot do anything. */
static const int rates[] = { 31, 17, 11 };

#define	FAILURES	40	/* of each rate */
#define	FAILING_MS	600000	/* in which there must be so many */

struct need {
	volatile bool stop;
	volatile uint32_t tried;	/* connections */
	volatile uint32_t echoed;
};

static uint32_t
number_of(const char *name)
{
	uint32_t v = 0;
	size_t len = sizeof(v);

	(void)sysctl_get(name, &v, &len);
	return (v);
}

/* Sends back what comes first on each connection. */
static int
echo(void *arg)
{
	struct need *w = arg;
	int lfd = listener((struct ilv){ 0, 0 }, PORT);
	char buf[64];

	while (!w->stop) {
		int fd = (int)sys_accept(lfd, NULL, NULL);
		int64_t end = now_ms() + 2000;
		result n;

		if (fd < 0) {
			sleep_ms(1);
			continue;
		}
		(void)sys_fcntl(fd, F_SETFL, O_NONBLOCK);
		while ((n = sys_read(fd, buf, sizeof(buf))) < 0 &&
		    now_ms() < end)
			sleep_ms(1);
		if (n > 0)
			(void)sys_sendto(fd, buf, (size_t)n, MSG_NOSIGNAL,
			    NULL, 0);
		(void)sys_close(fd);
	}
	return (0);
}

/* One connection, there and back.  Returns true if the echo came in time. */
static bool
ask(int ms)
{
	struct { int on, seconds; } linger = { 1, 0 };
	int fd = connector(rig_ilv(RIG_B, 0), PORT);
	int64_t end = now_ms() + ms;
	bool said = false, heard = false;
	char buf[8];

	(void)sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger));
	while (!heard && now_ms() < end) {
		if (!said)
			said = sys_sendto(fd, "echo", 4, MSG_NOSIGNAL, NULL,
			    0) == 4;
		else
			heard = sys_read(fd, buf, sizeof(buf)) == 4;
		if (!heard)
			sleep_ms(1);
	}
	(void)sys_close(fd);
	return (heard);
}

static int
keep_asking(void *arg)
{
	struct sockaddr_in6 sa = kt_address(rig_ilv(RIG_B, 1), PORT);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	static char text[16384];
	struct need *w = arg;

	while (!w->stop) {
		size_t len = sizeof(text);

		w->tried++;
		if (ask(1000))
			w->echoed++;
		/* To a closed port: errors come back, and quote it. */
		for (int i = 0; i < 8; i++)
			(void)sys_sendto(fd, text, 100, 0, &sa, sizeof(sa));
		(void)sysctl_get("net.inet6.ilnp6.sessions", text, &len);
		len = sizeof(text);
		(void)sysctl_get("net.inet6.ilnp6.locators", text, &len);
	}
	return (0);
}

static int
ask_many(void *arg)
{
	uint32_t *heard = arg;

	for (uint32_t i = 0; i < 50 && *heard == i; i++)
		*heard += ask(STUCK_MS);
	return (0);
}

/* Switches ILNP off, and on as often as that succeeds in some attempts. */
static int
off_and_on(void *arg)
{
	volatile uint32_t *refused = arg;

	for (int i = 0; i < 20; i++) {
		(void)sysctl_set_int("net.inet6.ilnp6.enable", 0);
		if (sysctl_set_int("net.inet6.ilnp6.enable", 1) < 0)
			(*refused)++;
	}
	return (0);
}

/* FreeBSD's faster tables do not recover from a lack of memory. */
static int
take_simple_table(void *unused __unused)
{
	return (sysctl_set("net.route.algo.inet6.algo", "radix6") < 0);
}

/* Talks and moves while one of `rate' allocations fails. */
static void
live_short(int rate, struct need *w)
{
	uint32_t tried = w->tried, echoed = w->echoed;
	uint32_t failed = number_of("debug.malloc.failure_count");
	int64_t end = now_ms() + FAILING_MS;

	(void)sysctl_set_int(RATE, rate);
	for (int i = 0; now_ms() < end && (i < 4 ||
	    number_of("debug.malloc.failure_count") < failed + FAILURES); i++) {
		rig_link(RIG_A, i / 2 % 2, i % 2 != 0);
		sleep_ms(500);
	}
	(void)sysctl_set_int(RATE, 0);
	for (int i = 0; i < 2; i++) {
		rig_link(RIG_A, i, true);
		rig_advertise(RIG_A, i, 7200, 3600);
	}
	say("       one of %d: %u failed; %u of %u connections worked\n", rate,
	    number_of("debug.malloc.failure_count") - failed,
	    w->echoed - echoed, w->tried - tried);
}

/* lesson: 17, 34, 43 */
void
test_short(void)
{
	struct need *w;
	uint32_t *heard, *refused, failed = 0;
	size_t len = sizeof(failed);
	uint64_t tags = memory_of("tag"), packets = items_of("mbuf_packet");
	uint64_t lost;
	int pid[2];

	scenario("memory is short");
	if (sysctl_get("debug.malloc.failure_count", &failed, &len) < 0) {
		say("       this kernel has no MALLOC_MAKE_FAILURES\n");
		return;
	}
	/*
	 * A connection that lacks what it needs is cut off: TCP gives it up.
	 * A reset is sent but once: whoever has closed before waits in vain.
	 */
	(void)sysctl_set_int("net.inet.tcp.maxunacktime", 20000);
	(void)sysctl_set_int("net.inet.tcp.finwait2_timeout", 20000);
	(void)sysctl_set_int("net.inet.tcp.fast_finwait2_recycle", 1);
	w = shared_memory(sizeof(*w));
	heard = shared_memory(sizeof(*heard));
	refused = shared_memory(sizeof(*refused));
	check(rig_up(2, 2, true) && rig_teach(RIG_A), "two hosts");
	for (enum rig_who h = RIG_A; h <= RIG_R; h++)
		if (rig_run(h, take_simple_table, NULL) != 0)
			say("       no other table for routes\n");
	pid[0] = rig_start(RIG_B, echo, w);
	pid[1] = rig_start(RIG_A, keep_asking, w);
	for (unsigned int i = 0; i < nitems(rates); i++)
		live_short(rates[i], w);
	failed = number_of("debug.malloc.failure_count") - failed;
	check(failed >= FAILURES * nitems(rates),
	    "%u allocations failed, and nothing crashed", failed);
	lost = rig_counter(RIG_A, "nomem") + rig_counter(RIG_B, "nomem");
	check(lost > 0, "what is lost for it is counted: %lu", lost);
	check(rig_shows(RIG_A, "locators", RIG_TEXT_A1, STUCK_MS),
	    "the locators are back");
	(void)rig_run(RIG_A, ask_many, heard);
	check(*heard == 50, "with memory %u of 50 connections work", *heard);
	w->stop = true;
	check(rig_wait(pid[1], STUCK_MS) == 0 && rig_wait(pid[0], STUCK_MS) == 0,
	    "both come to an end");
	check(rig_hangs_up(RIG_A) == 0 && rig_hangs_up(RIG_B) == 0,
	    "so do their connections");
	for (unsigned int i = 0; i < nitems(rates); i++) {
		(void)sysctl_set_int(RATE, rates[i]);
		(void)rig_run(RIG_A, off_and_on, refused);
		(void)sysctl_set_int(RATE, 0);
	}
	check(*refused > 0, "switched on without memory, refused %u times",
	    *refused);
	check(rig_down(), "their stacks end");
	check(memory_of("ilnp") == 0, "no memory of ILNP is in use");
	check(memory_of("tag") <= tags, "nor of notes on packets");
	check(items_come_to("mbuf_packet", packets), "nor packets that nobody "
	    "has: %lu before, %lu after", packets, items_of("mbuf_packet"));
}
