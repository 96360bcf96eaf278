/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Links lost, interfaces destroyed and network stacks ended under load, again
 * and again: what was in use before must be all that is in use after.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "memory.h"
#include "rig.h"

#define	PORT	7700
#define	ROUNDS	3

/* What is counted: types of malloc(9), then zones of uma(9). */
static const char *const types[] = {
	"ilnp", "nhops", "ifaddr", "ifnet", "ether_multi", "in6_multi",
	"in6_ifmulti", "rtentry", "routetbl", "ip6ndp", "mld", "pfil"
};
static const char *const zones[] = {
	"mbuf", "mbuf_packet", "tcp_inpcb", "udp_inpcb", "socket"
};

#define	COUNTED	(nitems(types) + nitems(zones))

/* A connection whose process is killed ends at once, and frees its stack. */
static void
end_at_once(int fd)
{
	struct { int on, seconds; } linger = { 1, 0 };

	(void)sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
	    sizeof(linger));
}

static int
absorb(void *arg)
{
	static char buf[65536];
	int lfd = listener((struct ilv){ 0, 0 }, PORT), fd;
	volatile uint64_t *got = arg;
	result n;

	(void)sys_fcntl(lfd, F_SETFL, 0);
	got[0]++;
	fd = (int)sys_accept(lfd, NULL, NULL);
	end_at_once(fd);
	while ((n = sys_read(fd, buf, sizeof(buf))) > 0)
		got[1] += (uint64_t)n;
	for (;;)
		sleep_ms(1000);
}

static int
pour(void *arg)
{
	static char buf[65536];
	struct sockaddr_in6 sa = kt_address(rig_ilv(RIG_B, 0), PORT);
	volatile uint64_t *got = arg;
	int fd = (int)sys_socket(AF_INET6, SOCK_STREAM, 0);

	end_at_once(fd);
	while (got[0] == 0)
		sleep_ms(2);
	(void)sys_connect(fd, &sa, sizeof(sa));
	while (sys_write(fd, buf, sizeof(buf)) > 0)
		continue;
	for (;;)
		sleep_ms(1000);
}

/*
 * Datagrams, but not while an interface is being destroyed: FreeBSD itself
 * asks it for its hop limit then, and finds it half gone.
 */
static int
spray(void *arg)
{
	volatile uint64_t *got = arg;
	struct sockaddr_in6 sa = kt_address(rig_ilv(RIG_B, 1), PORT);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	static char buf[1000];

	(void)sys_connect(fd, &sa, sizeof(sa));
	for (unsigned int i = 0;; i++) {
		while (got[2] != 0) {
			got[3] = 1;
			sleep_ms(1);
		}
		(void)sys_sendto(fd, buf, sizeof(buf), 0, NULL, 0);
		if (i % 16 == 0)
			sleep_ms(1);
	}
}

/* One life of three stacks, ended under traffic.  Returns what came. */
static uint64_t
live_and_die(bool ilnp)
{
	volatile uint64_t *got = shared_memory(4096);
	uint64_t half;
	int pid[3];

	if (!rig_up(2, 2, ilnp) || (ilnp && !rig_teach(RIG_A)))
		check(false, "the hosts do not come up");
	pid[0] = rig_start(RIG_B, absorb, (void *)(uintptr_t)got);
	pid[1] = rig_start(RIG_A, pour, (void *)(uintptr_t)got);
	pid[2] = rig_start(RIG_A, spray, (void *)(uintptr_t)got);
	for (int i = 0; i < 500 && got[1] < 1000000; i++)
		sleep_ms(10);
	for (int i = 0; i < 4; i++) {
		rig_link(RIG_A, 1, i % 2 != 0);
		sleep_ms(20);
	}
	got[2] = 1;
	while (got[3] == 0)
		sleep_ms(1);
	if (rig_cut(RIG_A, 1) < 0)
		check(false, "a link cannot be destroyed");
	got[2] = 0;
	half = got[1];
	for (int i = 0; ilnp && i < 800 && got[1] < half + 200000; i++)
		sleep_ms(10);
	if (ilnp && got[1] < half + 200000)
		check(false, "nothing comes any more");
	rig_down();
	for (int i = 0; i < 3; i++)
		(void)sys_wait(pid[i]);
	return (got[1]);
}

static void
count_all(uint64_t v[])
{
	/* Stacks end, and epochs let go, some time later. */
	sleep_ms(1500);
	for (unsigned int i = 0; i < nitems(types); i++)
		v[i] = memory_of(types[i]);
	for (unsigned int i = 0; i < nitems(zones); i++)
		v[nitems(types) + i] = items_of(zones[i]);
}

/* What some rounds leave behind. */
static void
growth(bool ilnp, int64_t grown[])
{
	uint64_t before[COUNTED], after[COUNTED];

	/* The first one makes what is made once. */
	(void)live_and_die(ilnp);
	count_all(before);
	for (int i = 0; i < ROUNDS; i++)
		(void)live_and_die(ilnp);
	/* Until it is as it was, or for long. */
	for (int i = 0; i < 10; i++) {
		bool more = false;

		count_all(after);
		for (unsigned int j = 0; j < COUNTED; j++)
			more |= after[j] > before[j];
		if (!more)
			break;
	}
	for (unsigned int i = 0; i < COUNTED; i++)
		grown[i] = (int64_t)(after[i] - before[i]);
}

void
test_end(void)
{
	int64_t plain[COUNTED], ilnp[COUNTED];
	bool good = true;

	scenario("stacks that end under load");
	growth(false, plain);
	growth(true, ilnp);
	for (unsigned int i = 0; i < COUNTED; i++) {
		const char *name = i < nitems(types) ? types[i] :
		    zones[i - nitems(types)];
		/* What FreeBSD itself keeps, and a few mbufs on their way. */
		int64_t allowed = MAX(plain[i], 0) +
		    (i < nitems(types) ? 0 : 8);

		if (plain[i] != 0 || ilnp[i] != 0)
			say("       %s: %d without ILNP, %d with it\n", name,
			    (int)plain[i], (int)ilnp[i]);
		if (ilnp[i] > allowed)
			good = false;
	}
	check(ilnp[0] == 0, "no memory of ILNP is left after %d rounds",
	    ROUNDS);
	check(good, "nor of anything else more than without ILNP");
}
