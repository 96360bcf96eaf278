/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Ten thousand connections between two hosts, one of which then moves.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "memory.h"
#include "rig.h"

#define	CONNECTIONS	10000
#define	PORT		7600

struct crowd {
	volatile uint32_t ready;
	volatile uint32_t accepted;
	volatile uint32_t speak;	/* 1: all are to say their number */
	volatile uint32_t right;	/* that was heard on the right one */
	volatile uint32_t leave;
};

static int
accept_many(void *arg)
{
	static int fd[CONNECTIONS];
	struct crowd *w = arg;
	int lfd = listener((struct ilv){ 0, 0 }, PORT);
	uint32_t first, again;

	(void)sys_fcntl(lfd, F_SETFL, 0);
	w->ready = 1;
	for (int i = 0; i < CONNECTIONS; i++) {
		fd[i] = (int)sys_accept(lfd, NULL, NULL);
		if (fd[i] < 0)
			return (1);
		w->accepted++;
	}
	for (int i = 0; i < CONNECTIONS; i++)
		if (sys_read(fd[i], &first, 4) == 4 &&
		    sys_read(fd[i], &again, 4) == 4 && first == again)
			w->right++;
	while (w->leave == 0)
		sleep_ms(5);
	return (0);
}

static int
connect_many(void *arg)
{
	static int fd[CONNECTIONS];
	struct crowd *w = arg;
	struct sockaddr_in6 sa = kt_address(rig_ilv(RIG_B, 0), PORT);

	while (w->ready == 0)
		sleep_ms(2);
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		result r;

		fd[i] = (int)sys_socket(AF_INET6, SOCK_STREAM, 0);
		r = sys_connect(fd[i], &sa, sizeof(sa));
		if (r >= 0)
			r = sys_write(fd[i], &i, 4);
		if (r != 4)
			return ((int)-r);
		while (w->accepted + 100 < i)
			sleep_ms(1);
	}
	while (w->speak == 0)
		sleep_ms(5);
	for (uint32_t i = 0; i < CONNECTIONS; i++)
		if (sys_write(fd[i], &i, 4) != 4)
			return (2);
	while (w->leave == 0)
		sleep_ms(5);
	return (0);
}

static bool
reach(volatile uint32_t *n, uint32_t want, int ms)
{
	int64_t end = now_ms() + ms;

	while (*n < want && now_ms() < end)
		sleep_ms(10);
	return (*n >= want);
}

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
	all = reach(&w->accepted, CONNECTIONS, 600000);
	check(all, "%u were accepted", w->accepted);
	if (!all) {
		rig_tell();
		say("       status %d %d\n", rig_wait(pid[1], 10),
		    rig_wait(pid[0], 10));
	}
	sessions = rig_counter(RIG_B, "sess_created");
	check(sessions == 1, "they share %lu session", sessions);
	say("       %lu octets of ILNP for each\n",
	    (memory_of("ilnp") - before) / CONNECTIONS);
	rig_link(RIG_A, 1, true);
	rig_advertise(RIG_A, 1, 7200, 3600);
	sleep_ms(200);
	rig_link(RIG_A, 0, false);
	w->speak = 1;
	check(reach(&w->right, CONNECTIONS, 300000),
	    "one host moves, and %u go on, each for its own socket",
	    w->right);
	w->leave = 1;
	check(rig_wait(pid[1], 60000) == 0 && rig_wait(pid[0], 60000) == 0,
	    "all are closed");
	for (int i = 0; i < 200 && memory_of("ilnp") > before + 20000; i++)
		sleep_ms(50);
	check(memory_of("ilnp") <= before + 20000,
	    "%lu octets were in use before, %lu are after", before,
	    memory_of("ilnp"));
	rig_down();
}
