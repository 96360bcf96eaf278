/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Links lost, interfaces taken away and destroyed and network stacks ended
 * under load, again and again: what was in use before must be all that is in
 * use after.  FreeBSD without ILNP, in the same kernel, is what it is compared
 * with.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "memory.h"
#include "rig.h"

#define	PORT	7700
#define	ROUNDS	4
#define	SETTLE_MS 20000		/* in which epochs let go of what is left */

#define	USES_MAX 1000

struct tally {
	struct memory_use use[USES_MAX];
	unsigned int n;
};

/* What processes of the hosts, and this one, tell each other. */
struct load {
	volatile bool listening;
	volatile uint64_t octets;	/* that came by TCP */
	volatile uint64_t datagrams;
	volatile bool pause;		/* no datagrams for now */
	volatile bool paused;
};

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
	struct load *w = arg;
	result n;

	(void)sys_fcntl(lfd, F_SETFL, 0);
	w->listening = true;
	fd = (int)sys_accept(lfd, NULL, NULL);
	end_at_once(fd);
	while ((n = sys_read(fd, buf, sizeof(buf))) > 0)
		w->octets += (uint64_t)n;
	for (;;)
		sleep_ms(1000);
}

/* A connected socket; a host that has just come up may have no way for a while. */
static int
reach(int type, enum rig_who who, int provider)
{
	struct sockaddr_in6 sa = kt_address(rig_ilv(who, provider), PORT);

	for (;;) {
		int fd = (int)sys_socket(AF_INET6, type, 0);

		if (sys_connect(fd, &sa, sizeof(sa)) >= 0)
			return (fd);
		(void)sys_close(fd);
		sleep_ms(50);
	}
}

/*
 * Half of the time: whoever takes an interface away waits until all packets have
 * left it, for minutes where processors do nothing else.
 */
static int
pour(void *arg)
{
	static char buf[16384];
	struct load *w = arg;
	int64_t began;
	int fd;

	while (!w->listening)
		sleep_ms(2);
	fd = reach(SOCK_STREAM, RIG_B, 0);
	end_at_once(fd);
	while (began = now_ms(), sys_write(fd, buf, sizeof(buf)) > 0)
		sleep_ms((int)MAX(now_ms() - began, 1));
	for (;;)
		sleep_ms(1000);
}

/*
 * Datagrams, half of the time as well, but not while an interface is being taken
 * away: FreeBSD itself asks it for its hop limit then, and finds it half gone.
 */
static int
spray(void *arg)
{
	static char buf[1000];
	struct load *w = arg;
	int fd = reach(SOCK_DGRAM, RIG_B, 1);
	int64_t began = now_ms();

	for (unsigned int i = 0;; i++) {
		while (w->pause) {
			w->paused = true;
			sleep_ms(1);
		}
		if (sys_sendto(fd, buf, sizeof(buf), 0, NULL, 0) > 0)
			w->datagrams++;
		if (i % 16 == 0) {
			sleep_ms((int)MIN(MAX(now_ms() - began, 1), 100));
			began = now_ms();
		}
	}
}

/* Waits until so much more has come, for as long as anything comes. */
static bool
comes(volatile uint64_t *count, uint64_t more)
{
	uint64_t seen = *count, want = seen + more;
	int64_t end = now_ms() + STUCK_MS;

	while (*count < want && now_ms() < end) {
		if (*count != seen) {
			seen = *count;
			end = now_ms() + STUCK_MS;
		}
		sleep_ms(5);
	}
	return (*count >= want);
}

/* Traffic, whatever becomes of links.  False if there is none in the end. */
static bool
live(struct load *w, bool ilnp, int round)
{
	int64_t began;
	result r;

	if (!rig_up(2, 2, ilnp) || (ilnp && !rig_teach(RIG_A))) {
		say("       the hosts do not come up\n");
		return (false);
	}
	(void)rig_start(RIG_B, absorb, w);
	(void)rig_start(RIG_A, pour, w);
	(void)rig_start(RIG_A, spray, w);
	if (!comes(&w->octets, 1000000) || !comes(&w->datagrams, 100)) {
		say("       there is no traffic\n");
		return (false);
	}
	for (int i = 0; i < 4; i++) {
		rig_link(RIG_A, 1, i % 2 != 0);
		(void)comes(&w->octets, ilnp ? 20000 : 0);
	}
	for (int i = 0; i < 4; i++) {
		rig_own(RIG_A, 1, i % 2 != 0);
		(void)comes(&w->octets, ilnp ? 20000 : 0);
		sleep_ms(100);
	}
	w->pause = true;
	while (!w->paused)
		sleep_ms(1);
	began = now_ms();
	r = round % 2 == 0 ? rig_cut(RIG_A, 1) : rig_take(RIG_A, 1);
	say("       an interface goes in %u ms\n",
	    (unsigned int)(now_ms() - began));
	if (r < 0) {
		say("       a link cannot be taken away: %d\n", (int)-r);
		return (false);
	}
	w->pause = false;
	/* Without ILNP it may have been the link of the connection. */
	if (ilnp && !comes(&w->octets, 200000)) {
		say("       nothing comes any more\n");
		rig_tell();
		return (false);
	}
	return (true);
}

/* One life of three stacks, ended under traffic.  False if it is no life. */
static bool
live_and_die(bool ilnp, int round)
{
	struct load *w = shared_memory(sizeof(*w));
	int64_t began = now_ms(), ends;
	bool good = live(w, ilnp, round);

	ends = now_ms();
	good &= rig_down();
	say("       %s ILNP: %lu octets, %lu datagrams in %u ms; "
	    "ended in %u ms\n", ilnp ? "with" : "without", w->octets,
	    w->datagrams, (unsigned int)(ends - began),
	    (unsigned int)(now_ms() - ends));
	unshare_memory(w, sizeof(*w));
	return (good);
}

static void
count_all(struct tally *t)
{
	memset(t, 0, sizeof(*t));
	t->n = memory_all(t->use, USES_MAX);
}

/* By how much one use has grown; both tallies are in the same order. */
static int64_t
growth_of(const struct tally *before, const struct tally *after, unsigned int i)
{
	return ((int64_t)(after->use[i].items -
	    (i < before->n ? before->use[i].items : 0)));
}

/*
 * True for what the allocators keep for themselves or count twice: what
 * malloc(9) gives out is counted by its types, a cluster by its mbuf.  A process
 * that is kept for later use has its thread still, and that its stack, its room
 * for registers and for dtrace(1), a umtx, a turnstile and a sleep queue.  Masks
 * of routes are what FreeBSD leaves of each stack, more of one that takes
 * addresses from advertisements, as here only hosts with ILNP do.
 */
static bool
is_store(const char *name)
{
	static const char *const stores[] = { "malloc-", " Bucket", "UMA ",
	    "vm pgcache", "vmem btag", "RADIX NODE", "mbuf_cluster", "umtx",
	    "TURNSTILE", "SLEEPQUEUE", "THREAD", "kstack_cache",
	    "FPU_save_area", "kdtrace", "routetbl" };

	for (unsigned int i = 0; i < nitems(stores); i++)
		if (contains(name, stores[i]))
			return (true);
	return (false);
}

/*
 * A leak leaves at least one in each round, beyond what is usual.  What FreeBSD
 * leaves varies: 384 to 394 masks of routes, in three stacks.
 */
static bool
is_leak(const char *name, int64_t usual, int64_t grown)
{
	return (!is_store(name) && grown >= MAX(usual, 0) * 33 / 32 + ROUNDS);
}

/*
 * What some rounds leave behind, with ILNP if it is known what is usual without;
 * false if one of them went wrong.
 */
static bool
growth(const int64_t *usual, int64_t grown[], struct tally *after)
{
	static struct tally before;
	bool ilnp = usual != NULL, more;
	int64_t end;

	/* The first ones make what is made once. */
	for (int i = 0; i < 2; i++)
		if (!live_and_die(ilnp, i))
			return (false);
	/* Epochs let go of what is left some time later. */
	sleep_ms(3000);
	count_all(&before);
	for (int i = 0; i < ROUNDS; i++)
		if (!live_and_die(ilnp, i))
			return (false);
	end = now_ms() + (ilnp ? STUCK_MS : SETTLE_MS);
	do {
		sleep_ms(500);
		count_all(after);
		more = false;
		for (unsigned int i = 0; i < after->n; i++) {
			grown[i] = growth_of(&before, after, i);
			more |= is_leak(after->use[i].name,
			    ilnp ? usual[i] : 0, grown[i]);
		}
	} while (more && now_ms() < end);
	return (true);
}

/* lesson: 26, 41, 42 */
void
test_end(void)
{
	static int64_t plain[USES_MAX], ilnp[USES_MAX];
	static struct tally after;
	unsigned int leaks = 0;
	uint64_t used;

	scenario("stacks that end under load");
	/* By the machine's own stack, if another group has told it of peers. */
	used = memory_of("ilnp");
	check(growth(NULL, plain, &after), "%d rounds without ILNP", ROUNDS);
	check(growth(plain, ilnp, &after), "%d rounds with it", ROUNDS);
	for (unsigned int i = 0; i < after.n; i++) {
		if (plain[i] != 0 || ilnp[i] != 0)
			say("       %s: %d without ILNP, %d with it\n",
			    after.use[i].name, (int)plain[i], (int)ilnp[i]);
		leaks += is_leak(after.use[i].name, plain[i], ilnp[i]);
	}
	check(memory_of("ilnp") <= used, "no more memory of ILNP is in use");
	check(leaks == 0, "of %u kinds of memory %u have grown by one in each "
	    "round, or more, beyond what FreeBSD itself leaves", after.n,
	    leaks);
}
