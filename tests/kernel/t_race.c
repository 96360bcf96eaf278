/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What happens at once: several processes send by the same sockets, others
 * read all listings, names are taught and forgotten, while a host changes its
 * provider again and again.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "memory.h"
#include "rig.h"

#define	PORT	7900
#define	MOVES	12
#define	SENDERS	2
#define	TAUGHT	40		/* names, none of them anybody's */

struct race {
	volatile bool stop;
	volatile uint32_t sent[SENDERS];
	volatile uint32_t received;
	volatile uint32_t strange;	/* what came and nobody has sent */
	volatile uint32_t listed;
	volatile uint32_t torn;		/* listings with a broken line */
	volatile uint32_t taught;
};

/* Of both senders: one socket that is connected, one that is not. */
static int shared_fd[2];

static int
receive(void *arg)
{
	struct sockaddr_in6 sa = kt_address((struct ilv){ 0, 0 }, PORT);
	struct race *w = arg;
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	char buf[64];

	(void)sys_bind(fd, &sa, sizeof(sa));
	while (!w->stop) {
		result n = sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT,
		    NULL, NULL);

		if (n < 0)
			sleep_ms(1);
		else if (n == 8 && memcmp(buf, "at once", 8) == 0)
			w->received++;
		else
			w->strange++;
	}
	return (0);
}

/* A socket that is not connected is locked for reading while it sends. */
static int
send_both(struct race *w, int who)
{
	struct sockaddr_in6 sa[2] = { kt_address(rig_ilv(RIG_B, 0), PORT),
	    kt_address(rig_ilv(RIG_B, 1), PORT) };

	for (uint32_t i = 0; !w->stop; i++) {
		if (sys_sendto(shared_fd[0], "at once", 8, 0, NULL, 0) > 0)
			w->sent[who]++;
		if (sys_sendto(shared_fd[1], "at once", 8, 0, &sa[i % 2],
		    sizeof(sa[0])) > 0)
			w->sent[who]++;
		/* Nobody is to lose a datagram for want of room. */
		if (i % 8 == 0)
			sleep_ms(2);
	}
	return (0);
}

/* True if each line of a listing begins as one does, and the last one ends. */
static bool
is_whole(const char *text)
{
	static const char *const heads[] = { "session ", "\tremote ",
	    "\tpath ", "locator ", "hint " };
	bool whole = true;

	while (*text != '\0' && whole) {
		whole = false;
		for (unsigned int i = 0; i < nitems(heads); i++)
			whole |= memcmp(text, heads[i], length(heads[i])) == 0;
		while (*text != '\0' && *text != '\n')
			text++;
		whole &= *text == '\n';
		text += *text == '\n';
	}
	return (whole);
}

static int
list(void *arg)
{
	static const char *const names[] = { "net.inet6.ilnp6.sessions",
	    "net.inet6.ilnp6.locators", "net.inet6.ilnp6.hints" };
	static char text[65536];
	struct race *w = arg;

	while (!w->stop)
		for (unsigned int i = 0; i < nitems(names); i++) {
			size_t len = sizeof(text) - 64;

			memset(text, 0, sizeof(text));
			if (sysctl_get(names[i], text, &len) < 0)
				continue;
			w->listed++;
			if (!is_whole(text) && w->torn++ == 0)
				say("%s", text);
		}
	return (0);
}

static int
teach(void *arg)
{
	static const char hex[] = "0123456789abcdef";
	char told[] = "0211-22ff-fe00-0b00 2001+0db8+00ff+0001,10,600";
	char forget[] = "0211-22ff-fe00-0b00";
	struct race *w = arg;

	for (unsigned int i = 0; !w->stop; i = (i + 1) % TAUGHT) {
		told[17] = forget[17] = hex[i / 16];
		told[18] = forget[18] = hex[i % 16];
		if (sysctl_set("net.inet6.ilnp6.teach", told) >= 0)
			w->taught++;
		(void)sysctl_set("net.inet6.ilnp6.teach", forget);
	}
	return (0);
}

/* True if the connected socket has the names that it had. */
static bool
keeps_names(const struct sockaddr_in6 was[2])
{
	struct sockaddr_in6 now[2];
	socklen_t len = sizeof(now[0]);

	return (sys_getsockname(shared_fd[0], &now[0], &len) >= 0 &&
	    sys_getpeername(shared_fd[0], &now[1], &len) >= 0 &&
	    memcmp(&was[0].sin6_addr, &now[0].sin6_addr, 16) == 0 &&
	    memcmp(&was[1].sin6_addr, &now[1].sin6_addr, 16) == 0 &&
	    was[0].sin6_port == now[0].sin6_port);
}

static bool
more(const struct race *w, uint32_t than)
{
	int64_t end = now_ms() + STUCK_MS;

	while (w->received < than && now_ms() < end)
		sleep_ms(5);
	return (w->received >= than);
}

#define	LENT		300	/* addresses at once */
#define	LENT_S		8	/* that they live */
#define	LENT_L64	0x20010db877000000ULL
#define	LOANS		(2 * LENT)	/* as many as that in some rounds */
#define	LOANS_LEAST	64	/* of a kernel that takes long for each */

/*
 * Addresses of as many prefixes, some of them locators for their time, that all
 * end.  FreeBSD takes them away in one section of the epoch, and waits there for
 * whoever reads the list of all addresses, as each packet that comes does; our
 * task waits for that epoch.  Advertisements would make them in a section, too,
 * which INVARIANTS do not bear (rig_link.c).
 */
static uint32_t
come_and_go(const struct race *w)
{
	uint64_t used = memory_of("ifaddr");
	uint32_t n = 0;

	for (int i = 0; i < 6 && n < LOANS; i++) {
		n += rig_lend(RIG_A, 1, LENT_L64 + n, LENT, LENT_S);
		if (!memory_comes_to("ifaddr", used) ||
		    !more(w, w->received + 200))
			return (0);
	}
	return (n);
}

/* lesson: 32, 33, 37 */
void
test_race(void)
{
	struct sockaddr_in6 names[2], sa;
	uint64_t used = memory_of("ilnp");
	struct race *w = shared_memory(sizeof(*w));
	bool flows = true, same = true;
	uint32_t lent;
	int pid[4 + SENDERS], n = 0, ended = 0;
	socklen_t len = sizeof(sa);

	scenario("all at once");
	check(rig_up(2, 2, true) && rig_teach(RIG_A), "two hosts");
	sa = kt_address(rig_ilv(RIG_B, 0), PORT);
	shared_fd[0] = rig_socket(RIG_A, SOCK_DGRAM, 0);
	shared_fd[1] = rig_socket(RIG_A, SOCK_DGRAM, 0);
	check(sys_connect(shared_fd[0], &sa, sizeof(sa)) >= 0, "connected");
	(void)sys_getsockname(shared_fd[0], &names[0], &len);
	(void)sys_getpeername(shared_fd[0], &names[1], &len);
	pid[n++] = rig_start(RIG_B, receive, w);
	pid[n++] = rig_start(RIG_A, list, w);
	pid[n++] = rig_start(RIG_B, list, w);
	pid[n++] = rig_start(RIG_A, teach, w);
	for (int i = 0; i < SENDERS; i++) {
		result child = sys_fork();

		if (child == 0)
			sys_exit(send_both(w, i));
		pid[n++] = (int)child;
	}
	for (int i = 0; i < MOVES && flows; i++) {
		int to = i % 2;

		rig_link(RIG_A, to, true);
		rig_advertise(RIG_A, to, 7200, 3600);
		rig_link(RIG_A, !to, false);
		flows = more(w, w->received + 200);
		same &= keeps_names(names);
	}
	check(flows, "%u of %u datagrams of %d senders come, through %d moves",
	    w->received, w->sent[0] + w->sent[1], SENDERS, MOVES);
	lent = come_and_go(w);
	check(lent >= LOANS_LEAST, "%u addresses come and go meanwhile", lent);
	check(rig_shows(RIG_A, "locators", RIG_TEXT_A1, 0),
	    "the locator that was there stays");
	check(w->strange == 0, "and no others");
	check(same, "the socket of both keeps its names");
	check(w->listed > 100 && w->torn == 0,
	    "%u listings were read meanwhile, all of them whole", w->listed);
	check(w->taught > TAUGHT, "%u names were taught and forgotten",
	    w->taught);
	w->stop = true;
	while (n > 0)
		ended += rig_wait(pid[--n], STUCK_MS) == 0;
	check(ended == (int)nitems(pid), "all come to an end");
	for (int i = 0; i < 2; i++)
		(void)sys_close(shared_fd[i]);
	check(rig_down(), "so do their stacks");
	check(memory_comes_to("ilnp", used), "no memory of ILNP is in use");
	unshare_memory(w, sizeof(*w));
}
