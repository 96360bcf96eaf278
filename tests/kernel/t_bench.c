/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What things cost, in instructions: for a machine with one processor that
 * counts time in them.  Prints lines "BENCH name number".
 *
 * Two stacks are joined by one link.  The thread of the link is served before
 * this process goes on, so that a system call which sends ends when the other
 * stack has done its part: the cost of a datagram is that of sendto() and
 * recvfrom(), and nothing waits in between.  Medians of many, since the clock
 * interrupts now and then.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "rig.h"

#define	ROUNDS	400
#define	FOREVER	1000000000
#define	PORT	7800

static uint64_t sample[ROUNDS];

static uint64_t
median(unsigned int n)
{
	for (unsigned int i = 1; i < n; i++)
		for (unsigned int j = i; j > 0 &&
		    sample[j] < sample[j - 1]; j--) {
			uint64_t t = sample[j];

			sample[j] = sample[j - 1];
			sample[j - 1] = t;
		}
	return (sample[n / 2]);
}

/*
 * How many rounds: many more for the one that the loader names, such as
 * "udp64.ilnp", so that a profiler finds it running.
 */
static int
rounds(const char *name, const char *arm)
{
	char spin[64], this[64];
	size_t n = length(name);

	memcpy(this, name, n);
	this[n] = '.';
	memcpy(this + n + 1, arm, length(arm) + 1);
	if (!loader_variable("kt.spin", spin, sizeof(spin)) ||
	    length(spin) != length(this) || !contains(spin, this))
		return (ROUNDS);
	say("SPIN %s\n", this);
	return (FOREVER);
}

static void
tell(const char *name, const char *arm, uint64_t n)
{
	say("BENCH %s.%s %lu\n", name, arm, (unsigned long)n);
}

/* The locks taken since they were last counted, if the kernel counts them. */
static void
tell_locks(const char *name, const char *arm, unsigned int packets)
{
	static char text[1 << 20];
	size_t len = sizeof(text) - 1;

	memset(text, 0, sizeof(text));
	if (sysctl_get("debug.lock.prof.stats", text, &len) < 0)
		return;
	say("LOCKS %s.%s %u\n", name, arm, packets);
	for (char *p = text, *line = text; *p != '\0'; p++)
		if (*p == '\n') {
			*p = '\0';
			say("LOCK %s\n", line);
			line = p + 1;
		}
	say("LOCKS END\n");
}

static void
count_locks(int on)
{
	if (on != 0)
		(void)sysctl_set_int("debug.lock.prof.reset", 1);
	(void)sysctl_set_int("debug.lock.prof.enable", on);
}

/*
 * Datagrams from one stack to the other between two addresses: of a connected
 * socket to one that is only bound.
 */
static void
datagrams(const char *arm, struct ilv from, struct ilv to, size_t len)
{
	struct sockaddr_in6 a = kt_address(from, PORT), b = kt_address(to,
	    PORT);
	int s = rig_socket(RIG_A, SOCK_DGRAM, 0);
	int r = rig_socket(RIG_B, SOCK_DGRAM, 0);
	static char buf[2000];
	const char *name = len < 500 ? "udp64" : "udp1000";
	unsigned int n = 0;
	int all = rounds(name, arm);

	if (sys_bind(s, &a, sizeof(a)) < 0 ||
	    sys_connect(s, &b, sizeof(b)) < 0 ||
	    sys_bind(r, &b, sizeof(b)) < 0)
		check(false, "%s.%s: cannot connect", name, arm);
	for (int i = -50; i < all; i++) {
		uint64_t t;

		/* Both ends speak, as their paths are to stay proven. */
		if (i % 10 == 0) {
			(void)sys_sendto(r, buf, len, 0, &a, sizeof(a));
			(void)sys_recvfrom(s, buf, sizeof(buf), MSG_DONTWAIT,
			    NULL, NULL);
		}
		if (i == 0)
			count_locks(1);
		t = ticks();
		if (sys_sendto(s, buf, len, 0, NULL, 0) < 0 ||
		    sys_recvfrom(r, buf, sizeof(buf), MSG_DONTWAIT, NULL,
		    NULL) < 0)
			continue;
		t = ticks() - t;
		if (i >= 0 && n < ROUNDS)
			sample[n++] = t;
	}
	count_locks(0);
	check(n > ROUNDS * 9 / 10, "%s.%s: %u datagrams", name, arm, n);
	tell(name, arm, median(n));
	tell_locks(name, arm, n);
	(void)sys_close(s);
	(void)sys_close(r);
}

/* Connections from one stack to the other; ended by a reset, at once. */
static void
connections(const char *arm, struct ilv from, struct ilv to)
{
	struct sockaddr_in6 a = kt_address(from, 0), b = kt_address(to, PORT);
	int lfd = rig_socket(RIG_B, SOCK_STREAM, 0);
	struct { int on, seconds; } linger = { 1, 0 };
	unsigned int n = 0;
	int all = rounds("tcp", arm);

	if (sys_bind(lfd, &b, sizeof(b)) < 0 || sys_listen(lfd, 16) < 0)
		check(false, "tcp.%s: cannot listen", arm);
	(void)sys_fcntl(lfd, F_SETFL, O_NONBLOCK);
	for (int i = -20; i < all; i++) {
		int s = rig_socket(RIG_A, SOCK_STREAM, 0);
		result r;
		uint64_t t;

		(void)sys_bind(s, &a, sizeof(a));
		(void)sys_fcntl(s, F_SETFL, O_NONBLOCK);
		t = ticks();
		(void)sys_connect(s, &b, sizeof(b));
		r = sys_accept(lfd, NULL, NULL);
		t = ticks() - t;
		if (r >= 0 && i >= 0 && n < ROUNDS)
			sample[n++] = t;
		(void)sys_setsockopt(s, SOL_SOCKET, SO_LINGER, &linger,
		    sizeof(linger));
		(void)sys_close(s);
		if (r >= 0)
			(void)sys_close((int)r);
	}
	check(n > ROUNDS * 9 / 10, "tcp.%s: %u connections", arm, n);
	tell("tcp", arm, median(n));
	(void)sys_close(lfd);
}

/* A stream from one stack to the other, octets that fit one segment each. */
static void
stream(const char *arm, struct ilv from, struct ilv to)
{
	struct sockaddr_in6 a = kt_address(from, 0), b = kt_address(to,
	    PORT + 1);
	int lfd = rig_socket(RIG_B, SOCK_STREAM, 0);
	int s = rig_socket(RIG_A, SOCK_STREAM, 0), r, one = 1;
	static char buf[2000];
	unsigned int n = 0;
	int all = rounds("segment", arm);

	(void)sys_bind(lfd, &b, sizeof(b));
	(void)sys_listen(lfd, 16);
	(void)sys_bind(s, &a, sizeof(a));
	(void)sys_setsockopt(s, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one,
	    sizeof(one));
	if (sys_connect(s, &b, sizeof(b)) < 0)
		check(false, "segment.%s: cannot connect", arm);
	r = (int)sys_accept(lfd, NULL, NULL);
	for (int i = -50; i < all; i++) {
		uint64_t t;

		if (i == 0)
			count_locks(1);
		t = ticks();
		if (sys_write(s, buf, 1000) < 0 || sys_recvfrom(r, buf,
		    sizeof(buf), MSG_DONTWAIT, NULL, NULL) != 1000)
			continue;
		t = ticks() - t;
		if (i >= 0 && n < ROUNDS)
			sample[n++] = t;
	}
	count_locks(0);
	check(n > ROUNDS * 9 / 10, "segment.%s: %u segments", arm, n);
	tell("segment", arm, median(n));
	tell_locks("segment", arm, n);
	(void)sys_close(s);
	(void)sys_close(r);
	(void)sys_close(lfd);
}

/* Correspondents that the other stack comes to know, by datagrams of theirs. */
static void
make_known(unsigned int from, unsigned int to)
{
	static uint8_t p[2048];
	int fd = rig_tap(RIG_A), deaf = rig_socket(RIG_B, SOCK_DGRAM, 0);
	struct sockaddr_in6 sa = kt_address((struct ilv){ 0, 0 }, 9);
	struct packet k;

	/* Nobody reads what they say, but nobody is told so. */
	(void)sys_bind(deaf, &sa, sizeof(sa));
	for (unsigned int i = from; i < to; i++) {
		memset(&k, 0, sizeof(k));
		k.src.l64 = FAR_C;
		k.src.nid = 0x021122fffd000000ULL + i;
		k.dst = rig_ilv(RIG_B, 0);
		k.proto = 17;
		k.sport = 1;
		k.dport = 9;
		k.noncelen = 4;
		put32(k.nonce, i + 1);
		rig_inject(fd, RIG_B, p, net_compose(&k, p));
	}
	(void)sys_close(fd);
	(void)sys_close(deaf);
	/* They are not probed any more. */
	sleep_ms(15000);
}

static void
all(const char *arm, struct ilv from, struct ilv to)
{
	datagrams(arm, from, to, 64);
	datagrams(arm, from, to, 1000);
	stream(arm, from, to);
	connections(arm, from, to);
}

/* lesson: 31, 68, 69 */
void
test_bench(void)
{
	struct ilv a, b;

	scenario("instructions");
	/* Five seconds of them otherwise, before the machine goes off. */
	(void)sysctl_set_int("kern.shutdown.poweroff_delay", 0);
	check(rig_pair(), "two stacks on one link");
	a = rig_ilv(RIG_A, 0);
	b = rig_ilv(RIG_B, 0);
	all(rig_has() ? "off" : "stock", rig_plain(RIG_A), rig_plain(RIG_B));
	if (!rig_has()) {
		rig_down();
		return;
	}
	/* A jail's are at most the host's. */
	set("half_max", 20000);
	for (enum rig_who h = RIG_A; h <= RIG_B; h++)
		rig_set(h, "half_max", 20000);
	check(rig_pair_on(), "ILNP is on in both");
	all("plain", rig_plain(RIG_A), rig_plain(RIG_B));
	all("ilnp", a, b);
	make_known(0, 10);
	connections("known10", a, b);
	datagrams("known10", a, b, 64);
	make_known(10, 10000);
	check(rig_counter(RIG_B, "sess_created") >= 10000,
	    "%lu correspondents are known", rig_counter(RIG_B,
	    "sess_created"));
	connections("known10000", a, b);
	datagrams("known10000", a, b, 64);
	rig_down();
}
