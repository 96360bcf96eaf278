/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A long transfer between two hosts that keep changing providers, and what
 * the paths between them carry.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "rig.h"

#define	PORT		7500
#define	MOVING_MS	300000
#define	TRANSFER	100000000U
#define	MOVES		50

/* What both ends and the parent see of a transfer. */
struct transfer {
	volatile uint32_t ready;
	volatile uint64_t allowed;	/* octets that may be sent by now */
	volatile uint64_t received;
	uint32_t	total;
	uint64_t	sum[2];		/* of what was sent, of what came */
};

/* A sum in which the place of every octet counts. */
struct digest {
	uint64_t	a, b;
};

static void
add_up(struct digest *s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		s->a += p[i] + 1U;
		s->b += s->a;
	}
}

static int
send_all(void *arg)
{
	static uint8_t data[65536];
	struct transfer *t = arg;
	struct sockaddr_in6 sa = kt_address(rig_ilv(RIG_B, 0), PORT);
	uint64_t x = 88172645463325252ULL, sent = 0;
	struct digest sum = { 0, 0 };
	int fd = (int)sys_socket(AF_INET6, SOCK_STREAM, 0);

	while (t->ready == 0)
		sleep_ms(2);
	if (sys_connect(fd, &sa, sizeof(sa)) < 0)
		return (1);
	while (sent < t->total) {
		size_t n = MIN(sizeof(data), t->total - sent), done = 0;

		for (size_t i = 0; i < sizeof(data); i += 8) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(data + i, &x, 8);
		}
		add_up(&sum, data, n);
		while (sent + n > t->allowed)
			sleep_ms(2);
		while (done < n) {
			result r = sys_write(fd, data + done, n - done);

			if (r < 0)
				return (2);
			done += (size_t)r;
		}
		sent += n;
	}
	t->sum[0] = sum.b;
	(void)sys_close(fd);
	return (0);
}

static int
receive_all(void *arg)
{
	static uint8_t data[65536];
	struct transfer *t = arg;
	struct digest sum = { 0, 0 };
	int fd, lfd = listener((struct ilv){ 0, 0 }, PORT);
	result n;

	(void)sys_fcntl(lfd, F_SETFL, 0);
	t->ready = 1;
	fd = (int)sys_accept(lfd, NULL, NULL);
	while ((n = sys_read(fd, data, sizeof(data))) > 0) {
		add_up(&sum, data, (size_t)n);
		t->received += (uint64_t)n;
	}
	t->sum[1] = sum.b;
	return (n < 0);
}

static bool
wait_received(const struct transfer *t, uint64_t n, int ms)
{
	int64_t end = now_ms() + ms;

	while (t->received < n && now_ms() < end)
		sleep_ms(2);
	return (t->received >= n);
}

/* The link of its provider, by host. */
static int at[2];

/*
 * Whoever waits has the routers repeat themselves, as real ones do: an interface
 * that has just come up may miss what they say.
 */
#define	REPEAT_MS	3000

static void
advertise_again(void)
{
	rig_advertise(RIG_A, at[RIG_A], 7200, 3600);
	rig_advertise(RIG_B, at[RIG_B], 7200, 3600);
}

/* Waits until so much has come. */
static bool
wait_while_advertised(const struct transfer *t, uint64_t n)
{
	int64_t end = now_ms() + MOVING_MS;

	while (!wait_received(t, n, REPEAT_MS)) {
		if (now_ms() > end)
			return (false);
		advertise_again();
	}
	return (true);
}

/*
 * Move number `n': one of the hosts takes its other provider.  The old one's
 * prefix is deprecated, or its link is lost, in turn.
 */
static void
move(unsigned int n)
{
	enum rig_who who = n % 2 == 0 ? RIG_A : RIG_B;
	int from = at[who], to = !from;
	bool hard = n / 2 % 2 != 0;

	rig_link(who, to, true);
	rig_advertise(who, to, 7200, 3600);
	if (hard) {
		/* The new one has just come up: the old one goes anyway. */
		sleep_ms(100);
		rig_link(who, from, false);
	} else
		rig_advertise(who, from, 7200, 0);
	at[who] = to;
}

static uint64_t
updates_taken(void)
{
	return (rig_counter(RIG_A, "lu_rcvd") + rig_counter(RIG_B, "lu_rcvd"));
}

/* Changes that follow each other closely are told by one, so each is awaited. */
static bool
wait_told(uint64_t before, int ms)
{
	int64_t end = now_ms() + ms, again = now_ms() + REPEAT_MS;

	while (updates_taken() == before && now_ms() < end) {
		sleep_ms(20);
		if (now_ms() > again) {
			advertise_again();
			again = now_ms() + REPEAT_MS;
		}
	}
	return (updates_taken() != before);
}

/* lesson: 56, 58 */
/* checklist: 24, 29 */
void
transfer_while_moving(uint32_t octets, int changes)
{
	struct transfer *t = shared_memory(sizeof(*t));
	uint64_t part = octets / ((uint32_t)changes + 1);
	int pid[2], moves = 0, told = 0, status[2];

	scenario("a transfer through many changes of provider");
	rig_link(RIG_A, 1, false);
	rig_link(RIG_B, 1, false);
	t->total = octets;
	t->allowed = part;
	pid[0] = rig_start(RIG_B, receive_all, t);
	pid[1] = rig_start(RIG_A, send_all, t);
	while (moves < changes) {
		uint64_t before = t->received, updates = updates_taken();

		if (!wait_while_advertised(t, MIN(before + 300000,
		    t->allowed - 65536)))
			break;
		move((unsigned int)moves++);
		told += wait_told(updates, 2 * SOON);
		t->allowed += part;
	}
	check(moves == changes, "%d changes, data flows after each", moves);
	t->allowed = octets;
	status[1] = rig_wait(pid[1], 2 * MOVING_MS);
	status[0] = rig_wait(pid[0], MOVING_MS);
	check(status[0] == 0 && status[1] == 0 && t->received == octets,
	    "all %lu octets come", (unsigned long)t->received);
	check(t->sum[0] == t->sum[1] && t->sum[0] != 0,
	    "both ends have the same sum, %lx", (unsigned long)t->sum[0]);
	check(told == changes, "%d changes were told by Locator Updates", told);
	if (status[0] != 0 || status[1] != 0) {
		say("       status %d %d\n", status[0], status[1]);
		(void)rig_shows(RIG_A, "sessions", "-", 0);
		(void)rig_shows(RIG_B, "sessions", "-", 0);
	}
	rig_link(RIG_A, 0, true);
	rig_link(RIG_B, 0, true);
}

#define	DATAGRAMS	6000U

struct shares {
	volatile bool	ready;
	volatile uint32_t received;
	volatile uint32_t stop;
	unsigned int	flows;
	unsigned int	copies;		/* that come of each */
	bool		odd;		/* of different lengths */
};

static int
count_datagrams(void *arg)
{
	struct shares *s = arg;
	struct sockaddr_in6 sa = kt_address((struct ilv){ 0, 0 }, PORT + 1);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	char buf[2000];

	(void)sys_bind(fd, &sa, sizeof(sa));
	s->ready = true;
	while (s->stop == 0) {
		if (sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, NULL,
		    NULL) < 0)
			sleep_ms(1);
		else
			s->received++;
	}
	return (0);
}

static int
send_datagrams(void *arg)
{
	struct shares *s = arg;
	struct sockaddr_in6 sa = kt_address(rig_ilv(RIG_B, 0), PORT + 1);
	static char buf[1200];
	int fd[16];

	for (unsigned int i = 0; i < s->flows; i++) {
		fd[i] = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
		if (sys_connect(fd[i], &sa, sizeof(sa)) < 0)
			return (1);
	}
	for (unsigned int i = 0; i < DATAGRAMS; i++) {
		size_t n = s->odd ? 40 + i * 7919 % 1100 : 200;

		(void)sys_sendto(fd[i % s->flows], buf, n, 0, NULL, 0);
		/* Nobody is to lose a datagram for want of room. */
		for (int w = 0; s->received / s->copies + 32 < i && w < 500;
		    w++)
			sleep_ms(1);
	}
	return (0);
}

/* Lets both hosts forget each other. */
static void
forget(void)
{
	for (enum rig_who h = RIG_A; h <= RIG_B; h++) {
		rig_set(h, "enable", 0);
		rig_set(h, "enable", 1);
	}
	for (enum rig_who h = RIG_A; h <= RIG_B; h++) {
		if (!rig_shows(h, "locators", "valid", SOON) ||
		    !rig_teach(h))
			check(false, "ILNP is not back");
	}
}

/* Sends datagrams and finds out what each link of A carried. */
static unsigned int
share_out(const char *algorithm, struct shares *s, uint64_t packets[],
    uint64_t octets[])
{
	uint64_t was[RIG_LINKS][2];
	int pid;

	s->received = s->stop = 0;
	s->ready = false;
	/* It is for correspondents that are not known yet, and lasts as long. */
	forget();
	if (!rig_write(RIG_A, "algorithm", algorithm))
		check(false, "no algorithm %s", algorithm);
	for (int i = 0; i < RIG_LINKS; i++)
		rig_sent(RIG_A, i, &was[i][0], &was[i][1]);
	pid = rig_start(RIG_B, count_datagrams, s);
	while (!s->ready)
		sleep_ms(2);
	if (rig_wait(rig_start(RIG_A, send_datagrams, s), MOVING_MS) != 0)
		check(false, "cannot send");
	/* What is still on its way comes, or nothing does for a second. */
	for (uint32_t seen = 0, i = 0; i < 100 &&
	    s->received < DATAGRAMS * s->copies; i++) {
		if (s->received != seen) {
			seen = s->received;
			i = 0;
		}
		sleep_ms(10);
	}
	s->stop = 1;
	(void)rig_wait(pid, MOVING_MS);
	for (int i = 0; i < RIG_LINKS; i++) {
		rig_sent(RIG_A, i, &packets[i], &octets[i]);
		packets[i] -= was[i][0];
		octets[i] -= was[i][1];
	}
	say("       %s: %u came, by links %lu %lu %lu\n", algorithm,
	    s->received, packets[0], packets[1], packets[2]);
	return (s->received);
}

/* True if three shares differ from a third by at most 2 % of the whole. */
static bool
thirds(const uint64_t v[])
{
	uint64_t all = v[0] + v[1] + v[2];

	for (int i = 0; i < 3; i++)
		if (v[i] * 100 < all * 31 || v[i] * 100 > all * 36)
			return (false);
	return (true);
}

/* Has the first link of A carry as much as the two others together. */
static bool
prefer_first(void)
{
	const char *name = rig_interface(RIG_A, 0);
	char text[40];
	size_t n = length(name);

	memcpy(text, name, n);
	memcpy(text + n, ",10,2", 6);
	return (rig_write(RIG_A, "preferences", text) &&
	    rig_shows(RIG_A, "locators", "weight=2", SOON));
}

/* True if they did, to 2 % of the whole. */
static bool
by_weight(const uint64_t v[])
{
	uint64_t all = v[0] + v[1] + v[2];

	for (int i = 0; i < 3; i++) {
		uint64_t want = i == 0 ? 50 : 25;

		if (v[i] * 100 < all * (want - 2) ||
		    v[i] * 100 > all * (want + 2))
			return (false);
	}
	return (true);
}

/* lesson: 54 */
static void
datagram_shares(void)
{
	struct shares *s = shared_memory(sizeof(*s));
	uint64_t p[RIG_LINKS], o[RIG_LINKS];
	unsigned int n;

	scenario("what three providers carry");
	s->flows = s->copies = 1;
	n = share_out("rr", s, p, o);
	check(n == DATAGRAMS && thirds(p), "rr: as many packets by each");
	s->odd = true;
	n = share_out("drr", s, p, o);
	check(n == DATAGRAMS && thirds(o), "drr: as many octets by each");
	n = share_out("weighted", s, p, o);
	check(n == DATAGRAMS && thirds(o),
	    "weighted, with the same weights: as many octets by each");
	check(prefer_first(), "one has a weight of 2");
	n = share_out("weighted", s, p, o);
	check(n == DATAGRAMS && by_weight(o),
	    "weighted: half of the octets by it, a quarter by each other");
	(void)rig_write(RIG_A, "preferences", "");
	s->odd = false;
	n = share_out("pref", s, p, o);
	check(n == DATAGRAMS && MAX(MAX(p[0], p[1]), p[2]) >= DATAGRAMS &&
	    MIN(MIN(p[0], p[1]), p[2]) < DATAGRAMS / 50,
	    "pref: all by one of them");
	s->copies = RIG_LINKS;
	n = share_out("redundant", s, p, o);
	/* All but the first few, sent before all paths were probed. */
	check(n >= RIG_LINKS * (DATAGRAMS - 100) && thirds(p) &&
	    MIN(MIN(p[0], p[1]), p[2]) >= DATAGRAMS - 100,
	    "redundant: all by each");
	s->flows = 16;
	s->copies = 1;
	n = share_out("sticky", s, p, o);
	check(n == DATAGRAMS && p[0] + p[1] + p[2] >= DATAGRAMS &&
	    MAX(MAX(p[0], p[1]), p[2]) < DATAGRAMS,
	    "sticky: each of 16 flows by one, not all by the same");
	(void)rig_write(RIG_A, "algorithm", "rr");
}

/* One TCP transfer from A to B; true if all of it came. */
static bool
transfer(struct transfer *t, uint32_t octets)
{
	int pid[2];

	memset(t, 0, sizeof(*t));
	t->total = octets;
	t->allowed = octets;
	pid[0] = rig_start(RIG_B, receive_all, t);
	pid[1] = rig_start(RIG_A, send_all, t);
	return ((rig_wait(pid[1], MOVING_MS) | rig_wait(pid[0], MOVING_MS)) == 0 &&
	    t->received == octets && t->sum[0] == t->sum[1]);
}

/* checklist: 31, 33 */
static void
modes(void)
{
	static const char *const kinds[] = { "rfc", "ipv6", "auto" };
	struct transfer *t = shared_memory(sizeof(*t));

	scenario("kernel to kernel: checksums, nonces, policies");
	for (int mine = 0; mine < 3; mine++)
		for (int its = 0; its < 3; its++) {
			int policy = (mine + its) % 2;
			int size = mine == its ? 12 : 4;
			bool good;

			rig_set(RIG_A, "cksum", mine);
			rig_set(RIG_B, "cksum", its);
			rig_set(RIG_A, "nonce_policy", policy);
			rig_set(RIG_B, "nonce_policy", its == 1);
			rig_set(RIG_A, "nonce_size", size);
			rig_set(RIG_B, "nonce_size", 4 + 12 - size);
			forget();
			good = transfer(t, 400000);
			check(good && rig_shows(RIG_B, "sessions",
			    mine == 1 || (mine == 2 && its == 1) ?
			    "cksum=ipv6" : "cksum=rfc", SOON),
			    "%s toward %s, nonce of %d octets on %s",
			    kinds[mine], kinds[its], size, policy == 0 ?
			    "all packets" : "the first packets");
		}
	for (enum rig_who h = RIG_A; h <= RIG_B; h++) {
		rig_set(h, "cksum", 0);
		rig_set(h, "nonce_policy", 0);
		rig_set(h, "nonce_size", 4);
	}
}

/* lesson: 20 */
static void
plain_peer(void)
{
	struct transfer *t = shared_memory(sizeof(*t));
	uint64_t before;

	scenario("a FreeBSD without ILNP");
	forget();
	rig_set(RIG_B, "enable", 0);
	before = rig_counter(RIG_A, "fallback");
	check(transfer(t, 1000000), "a transfer to it");
	check(rig_counter(RIG_A, "fallback") == before + 1,
	    "its Parameter Problem told");
	check(rig_shows(RIG_A, "sessions", " ipv6", 0),
	    "it is remembered as plain");
	rig_set(RIG_B, "enable", 1);
}

void
test_move(void)
{
	scenario("two hosts with two providers each");
	check(rig_up(2, 2, true), "both have their locators");
	check(rig_teach(RIG_A), "one is told of the other");
	transfer_while_moving(TRANSFER, MOVES);
	modes();
	plain_peer();
	rig_down();
	scenario("a host with three providers");
	check(rig_up(3, 1, true), "it has three locators");
	check(rig_teach(RIG_A), "it is told of the other one");
	datagram_shares();
	rig_down();
}
