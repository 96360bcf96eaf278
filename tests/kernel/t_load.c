/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Ten thousand connections between two hosts, one of which then moves; each
 * carries a message of its own there and back.  Nothing here is late as long
 * as it goes on.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "memory.h"
#include "rig.h"

#define	CONNECTIONS	10000
#define	PORT		7600
#define	BACKLOG		128	/* as kern.ipc.soacceptqueue allows */
#define	AT_ONCE		50	/* connections that begin */
#define	WORDS		16	/* of a message */

_Static_assert(CONNECTIONS % AT_ONCE == 0 && 2 * AT_ONCE <= BACKLOG,
    "the listener's queue has room for all that begin");

struct crowd {
	volatile uint32_t ready;
	volatile uint32_t accepted;
	volatile uint32_t speak;	/* 1: all are to say something */
	volatile uint32_t heard;	/* messages that came where they should */
	volatile uint32_t answered;	/* whose answers did */
	volatile uint32_t same;		/* whose peer is called what it was */
	volatile uint64_t sum[2];	/* of the messages, and of the answers */
	volatile uint32_t leave;
};

/* The message of a connection: its number, and what follows from it. */
static void
make_message(uint32_t number, uint32_t m[WORDS])
{
	m[0] = number;
	for (unsigned int i = 1; i < WORDS; i++)
		m[i] = m[i - 1] * 2654435761U + i;
}

static uint64_t
sum_of(const uint32_t m[WORDS])
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < WORDS; i++)
		sum += (i + 1ULL) * m[i];
	return (sum);
}

/* Reads a whole message; returns true if it is the one of that number. */
static bool
read_message(int fd, uint32_t number, uint32_t m[WORDS])
{
	uint32_t want[WORDS];
	size_t have = 0;
	result n;

	while (have < sizeof(want) &&
	    (n = sys_read(fd, (char *)m + have, sizeof(want) - have)) > 0)
		have += (size_t)n;
	make_message(number, want);
	return (have == sizeof(want) && memcmp(m, want, have) == 0);
}

static int
accept_many(void *arg)
{
	static int fd[CONNECTIONS];
	static uint32_t number[CONNECTIONS];
	struct crowd *w = arg;
	int lfd = listener((struct ilv){ 0, 0 }, PORT);
	uint32_t m[WORDS];

	(void)sys_listen(lfd, BACKLOG);
	(void)sys_fcntl(lfd, F_SETFL, 0);
	w->ready = 1;
	for (int i = 0; i < CONNECTIONS; i++) {
		fd[i] = (int)sys_accept(lfd, NULL, NULL);
		if (fd[i] < 0 || sys_read(fd[i], &number[i], 4) != 4)
			return (1);
		w->accepted++;
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		if (!read_message(fd[i], number[i], m))
			return (2);
		w->sum[0] += sum_of(m);
		w->heard++;
		if (sys_write(fd[i], m, sizeof(m)) != sizeof(m))
			return (3);
	}
	while (w->leave == 0)
		sleep_ms(5);
	return (0);
}

/* Begins some connections at once; each then says its number. */
static result
connect_some(int fd[], uint32_t first, uint32_t n)
{
	struct ilv to = rig_ilv(RIG_B, 0);
	result r = 4;

	for (uint32_t i = first; i < first + n; i++)
		fd[i] = connector(to, PORT);
	for (uint32_t i = first; i < first + n && r == 4; i++) {
		while ((r = sys_write(fd[i], &i, 4)) == -ENOTCONN)
			sleep_ms(1);
		(void)sys_fcntl(fd[i], F_SETFL, 0);
	}
	return (r);
}

static int
connect_many(void *arg)
{
	static int fd[CONNECTIONS];
	struct crowd *w = arg;
	uint32_t m[WORDS];

	while (w->ready == 0)
		sleep_ms(2);
	for (uint32_t i = 0; i < CONNECTIONS; i += AT_ONCE) {
		result r = connect_some(fd, i, AT_ONCE);

		if (r != 4)
			return ((int)-r);
		/* A full queue of the listener would cost a second. */
		while (w->accepted < i)
			sleep_ms(1);
	}
	while (w->speak == 0)
		sleep_ms(5);
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		make_message(i, m);
		if (sys_write(fd[i], m, sizeof(m)) != sizeof(m))
			return (201);
	}
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		if (!read_message(fd[i], i, m))
			return (202);
		w->sum[1] += sum_of(m);
		w->same += peer_is(fd[i], rig_ilv(RIG_B, 0));
		w->answered++;
	}
	while (w->leave == 0)
		sleep_ms(5);
	return (0);
}

/* Waits until all are there, for as long as more come. */
static bool
reach_all(volatile uint32_t *n, const char *what)
{
	int64_t began = now_ms(), last = began;
	uint32_t seen = 0, told = 0;

	while (*n < CONNECTIONS && now_ms() < last + STUCK_MS) {
		if (*n != seen) {
			seen = *n;
			last = now_ms();
		}
		if (seen >= told + 1000) {
			told += 1000;
			say("       %u %s after %u ms\n", told, what,
			    (unsigned int)(last - began));
		}
		sleep_ms(10);
	}
	say("       %u %s after %u ms\n", *n, what,
	    (unsigned int)(now_ms() - began));
	return (*n >= CONNECTIONS);
}

/*
 * Each of so many flows is found in its bucket, and taken out of it: nothing
 * of them is left.
 */
/* lesson: 38, 40, 68 */
void
test_load(void)
{
	struct crowd *w = shared_memory(sizeof(*w));
	uint64_t before, sessions;
	bool all;
	int pid[2];

	scenario("ten thousand connections");
	check(rig_up(2, 2, true) && rig_teach(RIG_A), "two hosts");
	rig_link(RIG_A, 1, false);
	before = memory_of("ilnp");
	pid[0] = rig_start(RIG_B, accept_many, w);
	pid[1] = rig_start(RIG_A, connect_many, w);
	all = reach_all(&w->accepted, "were accepted");
	check(all, "%u were accepted", w->accepted);
	sessions = rig_counter(RIG_B, "sess_created");
	check(sessions == 1, "they share %lu session", sessions);
	say("       %lu octets of ILNP for each\n",
	    (memory_of("ilnp") - before) / CONNECTIONS);
	rig_link(RIG_A, 1, true);
	rig_advertise(RIG_A, 1, 7200, 3600);
	check(rig_shows(RIG_A, "locators", RIG_TEXT_A1, SOON),
	    "another provider");
	rig_link(RIG_A, 0, false);
	w->speak = 1;
	all &= reach_all(&w->heard, "were heard");
	all &= reach_all(&w->answered, "were answered");
	check(all, "one host moves, and %u go on, each on its own socket",
	    w->answered);
	check(w->sum[0] == w->sum[1] && w->sum[0] != 0,
	    "what was sent and what came back add up to the same");
	check(w->same == CONNECTIONS, "%u programs see no other peer", w->same);
	if (!all)
		rig_tell();
	w->leave = 1;
	for (int i = 1; i >= 0; i--) {
		int status = rig_wait(pid[i], 5 * STUCK_MS);

		check(status == 0, "host %d closes all: %d", i, status);
	}
	for (enum rig_who h = RIG_A; h <= RIG_B; h++) {
		uint32_t n = rig_hangs_up(h);

		check(n == 0, "host %d has %u connections in the end", h, n);
	}
	check(memory_comes_to("ilnp", before + 20000),
	    "%lu octets were in use before, %lu are after", before,
	    memory_of("ilnp"));
	check(rig_down(), "their stacks end");
}
