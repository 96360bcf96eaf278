/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What routers and hosts without ILNP say: Packet Too Big, Unreachable,
 * Parameter Problem; a path of which nobody says anything any more; and bulk
 * data, whose segments must leave room.
 */
#include <sys/param.h>
#include <netinet/in.h>

#include "kt.h"

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv guest_b = { GUEST_B, GUEST };

/* Hosts of one scenario each, at locators that no other one has. */
#define	BOTH	0x021122fffe000501ULL
#define	BOTH_L	0x20010db800100001ULL
#define	MOVER	0x021122fffe000502ULL
#define	MOVER_L	0x20010db800110001ULL
#define	MOVER_M	0x20010db800120001ULL
#define	MUTE	0x021122fffe000503ULL
#define	MUTE_L	0x20010db800130001ULL

static void
spoil_nonce(uint8_t *ip)
{
	ip[44] ^= 0xff;
}

/* Lets the program send much and returns the longest packet of it. */
static unsigned int
longest(struct conn *c, struct packet *k, bool *right)
{
	static char data[6000];
	unsigned int len = 0, got = 0;

	memset(data, 'x', sizeof(data));
	(void)sys_write(c->fd, data, sizeof(data));
	*right = true;
	while (got < sizeof(data) && net_expect(k, 6, SOON)) {
		if (k->bodylen == 0 || k->dport != c->farport)
			continue;
		if (k->len > len)
			len = k->len;
		*right &= k->sumok && k->noncelen == 4;
		if (k->seq == c->ack) {
			got += k->bodylen;
			c->ack += k->bodylen;
		}
		far_send(c, TH_ACK, "");
	}
	*right &= got == sizeof(data);
	return (len);
}

/* lesson: 53 */
static void
bulk(void)
{
	int lfd = listener(any, 7100);
	struct conn c = { .far = { FAR_C, FAR4 }, .near = guest_a,
	    .farport = 6300, .nearport = 7100, .seq = 77,
	    .nonce = { 6, 6, 6, 6 }, .noncelen = 4 };
	struct packet k;
	unsigned int len;
	bool right;

	scenario("bulk data and Packet Too Big");
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	len = longest(&c, &k, &right);
	check(right, "6000 octets come, each packet with nonce and right sum");
	check(len > 1400 && len <= 1500, "the longest has %u octets", len);
	(void)sys_write(c.fd, "probe me", 8);
	do
		right = net_expect(&k, 6, SOON);
	while (right && (k.dport != c.farport || k.bodylen == 0));
	check(right && k.bodylen == 8, "one more packet");
	net_keep();
	c.ack += 8;
	net_error(0, 2, 0, 1300, spoil_nonce);
	(void)net_receive(&k, 50);
	check(counter("in_ptb") == 0, "a forged Packet Too Big is ignored");
	net_error(0, 2, 0, 1300, NULL);
	(void)net_receive(&k, 50);
	check(counter("in_ptb") == 1, "a true one is taken");
	far_send(&c, TH_ACK, "");
	len = longest(&c, &k, &right);
	check(right && len > 1200 && len <= 1300,
	    "then the longest has %u octets", len);
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}

/*
 * The longest packet by each of two wires, of as much data as it takes until
 * both have carried some; false if they do not.
 */
static bool
longest_by_each(struct conn *c, unsigned int most[2])
{
	static char data[6000];
	int64_t end = now_ms() + 2 * SOON;
	unsigned int n[2] = { 0, 0 };
	struct packet k;

	memset(data, 'y', sizeof(data));
	most[0] = most[1] = 0;
	while ((n[0] < 8 || n[1] < 8) && now_ms() < end) {
		(void)sys_sendto(c->fd, data, sizeof(data), MSG_DONTWAIT, NULL,
		    0);
		while (net_expect(&k, 6, 300)) {
			if (k.bodylen == 0 || k.dport != c->farport ||
			    k.tap > 1)
				continue;
			/* What is left of a write is short. */
			most[k.tap] = MAX(most[k.tap], k.len);
			n[k.tap]++;
			if (k.seq == c->ack)
				c->ack += k.bodylen;
			far_send(c, TH_ACK, "");
		}
	}
	return (n[0] >= 8 && n[1] >= 8);
}

/* A router of a wire finds a packet too big; returns true if it is believed. */
static bool
too_big(struct conn *c, int tap, uint32_t mtu)
{
	uint64_t before = counter("in_ptb");
	int64_t end = now_ms() + 2 * SOON;
	struct packet k;
	bool told = false;

	while (!told && now_ms() < end) {
		(void)sys_write(c->fd, "probe me", 8);
		do
			if (!net_expect(&k, 6, SOON))
				return (false);
		while (k.dport != c->farport || k.seq != c->ack ||
		    k.bodylen == 0);
		told = k.tap == tap;
		if (told) {
			net_keep();
			net_error(tap, 2, 0, mtu, NULL);
		}
		c->ack += k.bodylen;
		far_send(c, TH_ACK, "");
	}
	return (told && counter("in_ptb") == before + 1);
}

static void
two_paths(void)
{
	int lfd = listener(any, 7110);
	struct conn c = { .far = { BOTH_L, BOTH }, .near = guest_a,
	    .farport = 6310, .nearport = 7110, .seq = 78,
	    .nonce = { 5, 0, 1, 1 }, .noncelen = 4 };
	unsigned int most[2];
	bool both;

	scenario("Packet Too Big on two paths");
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	c.near = guest_b;
	c.tap = 1;
	far_send(&c, TH_ACK | TH_PUSH, "by the other");
	check(near_reads(&c, "by the other") &&
	    shows("net.inet6.ilnp6.sessions", "path 2001+0db8+000a+0001 "
	    "2001+0db8+0010+0001 up", SOON) &&
	    shows("net.inet6.ilnp6.sessions", "path 2001+0db8+000b+0001 "
	    "2001+0db8+0010+0001 up", SOON), "both paths work");
	both = longest_by_each(&c, most);
	check(both && most[0] > 1400 && most[1] > 1400,
	    "the longest have %u and %u octets", most[0], most[1]);
	check(too_big(&c, 0, 1400), "a router of one says 1400");
	check(too_big(&c, 1, 1300), "one of the other says 1300");
	both = longest_by_each(&c, most);
	check(both && most[0] > 1200 && most[0] <= 1400 && most[1] > 1200 &&
	    most[1] <= 1300, "then they have %u and %u", most[0], most[1]);
	check(shows("net.inet6.ilnp6.sessions", "mtu=1400", 0) &&
	    shows("net.inet6.ilnp6.sessions", "mtu=1300", 0),
	    "each path has its own");
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}

/* A datagram socket of the program, connected to a host it has been told of. */
static int
talks_to(const char *told, struct ilv far, uint16_t port)
{
	struct sockaddr_in6 sa = kt_address(far, port);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);

	check(sysctl_set("net.inet6.ilnp6.teach", told) >= 0 &&
	    sys_connect(fd, &sa, sizeof(sa)) >= 0, "told of a host");
	return (fd);
}

/* The next datagram to a port, and by which wire it goes. */
static bool
sends(int fd, uint16_t port, size_t n, struct packet *k)
{
	static const char text[1400];

	return (sys_write(fd, text, n) == (result)n && next_to(port, 17, k));
}

/* A datagram of the far host, to one of our locators. */
static struct packet
datagram_from(struct ilv far, struct ilv near, const struct packet *k)
{
	struct packet r;

	memset(&r, 0, sizeof(r));
	r.src = far;
	r.dst = near;
	r.proto = 17;
	r.sport = k->dport;
	r.dport = k->sport;
	memcpy(r.nonce, net_answer.nonce, 12);
	r.noncelen = 4;
	memcpy(r.body, "datagram", 8);
	r.bodylen = 8;
	return (r);
}

/* Takes what has come, and what is to be told. */
static void
hear_out(int fd)
{
	char buf[16];

	while (sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, NULL, NULL) !=
	    -EAGAIN)
		continue;
}

static bool
refused(int fd)
{
	char buf[16];

	return (sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, NULL, NULL) ==
	    -ECONNREFUSED);
}

/*
 * Errors about what was sent before the far host moved: they name the old
 * path, reach the program that sent it, and do no harm to the new one.
 */
static void
after_move(void)
{
	struct conn c = { .far = { MOVER_L, MOVER }, .nonce = { 5, 0, 2, 2 },
	    .noncelen = 4 };
	const uint64_t there = MOVER_M;
	struct packet k, r;
	int64_t end;
	int fd;

	scenario("errors that come after a move");
	memcpy(net_answer.nonce, c.nonce, 4);
	fd = talks_to("0211-22ff-fe00-0502 2001+0db8+0011+0001", c.far, 6320);
	check(sends(fd, 6320, 1300, &k) && k.dst.l64 == MOVER_L &&
	    k.noncelen == 4, "a datagram leaves");
	net_keep();
	c.near = k.src;
	c.tap = k.tap;
	r = datagram_from(c.far, c.near, &k);
	net_send(c.tap, &r);
	r = update_of(&c, &there, 1);
	end = now_ms() + SOON;
	do
		net_send(c.tap, &r);
	while (sends(fd, 6320, 8, &k) && k.dst.l64 != there &&
	    now_ms() < end);
	check(k.dst.l64 == there, "the far host has moved");
	hear_out(fd);
	net_error(c.tap, 1, 4, 0, spoil_nonce);
	check(!refused(fd), "a forged Port Unreachable is ignored");
	net_error(c.tap, 1, 4, 0, NULL);
	check(refused(fd), "a true one about the old path reaches the program");
	net_error(c.tap, 1, 0, 0, NULL);
	net_error(c.tap, 2, 0, 1280, NULL);
	hear_out(fd);
	check(sends(fd, 6320, 1300, &k) && k.dst.l64 == there && k.len > 1300,
	    "no route and Packet Too Big say nothing of the new one");
	(void)sys_close(fd);
}

/* Waits until the paths from A and from B to where MUTE is both work. */
static bool
both_work(void)
{
	return (shows("net.inet6.ilnp6.sessions", "path 2001+0db8+000a+0001 "
	    "2001+0db8+0013+0001 up", SOON) &&
	    shows("net.inet6.ilnp6.sessions", "path 2001+0db8+000b+0001 "
	    "2001+0db8+0013+0001 up", SOON));
}

/*
 * Traffic both ways by two paths, of which one soon takes all and gives nothing
 * any more.  Returns for how many ms packets went there, for as long as one in
 * some time did; -1 if they did not stop.
 */
static int
goes_on(int fd, struct packet *r)
{
	int64_t dead = now_ms() + 2000, last = dead, end = dead + SOON;
	int64_t next = 0;
	struct packet k;

	while (now_ms() < MIN(end, last + 4000)) {
		if (now_ms() >= dead)
			net_answer.dead = 1;
		if (now_ms() >= next) {
			next = now_ms() + 10;
			(void)sys_write(fd, "datagram", 8);
			for (int t = 0; t < 2; t++) {
				r->dst = t == 0 ? guest_a : guest_b;
				if ((net_answer.dead & 1U << t) == 0)
					net_send(t, r);
			}
		}
		while (net_receive(&k, 2))
			if (k.proto == 17 && k.tap == 0 && now_ms() >= dead)
				last = now_ms();
	}
	net_answer.dead = 0;
	return (last < end - 4000 ? (int)(last - dead) : -1);
}

/*
 * Probes are too rare to find out that a path is silent: that nothing comes by
 * it does.  Who is late himself blames nobody, so that it may take another try
 * on a machine with much other work.
 */
static void
silence(void)
{
	struct packet k, r;
	int fd, ms = -1;

	scenario("a path that falls silent");
	memcpy(net_answer.nonce, "\5\0\3\3", 4);
	fd = talks_to("0211-22ff-fe00-0503 2001+0db8+0013+0001",
	    (struct ilv){ MUTE_L, MUTE }, 6330);
	check(sends(fd, 6330, 8, &k), "a datagram leaves");
	r = datagram_from((struct ilv){ MUTE_L, MUTE }, k.src, &k);
	net_send(k.tap, &r);
	check(both_work(), "both paths work");
	for (int i = 0; i < 3 && ms < 0 && both_work(); i++) {
		set("probe_busy", 60000);
		set("probe_idle", 20000);
		ms = goes_on(fd, &r);
		if (ms < 0) {
			(void)listing("net.inet6.ilnp6.sessions", "");
			say_counters();
		}
		set("probe_busy", 250);
		set("probe_idle", 1000);
		(void)sends(fd, 6330, 8, &k);
	}
	check(ms >= 0, "it is left after %d ms", ms);
	(void)sys_close(fd);
}

/* lesson: 19, 20 */
static void
fallback(void)
{
	struct packet k;
	bool found;
	int fd;

	scenario("fallback");
	net_answer.on = false;
	check(sysctl_set("net.inet6.ilnp6.teach",
	    "0211-22ff-fe00-0005 2001+0db8+000e+0001") >= 0, "told of a host");
	fd = connector((struct ilv){ FAR_E, FAR5 }, 5002);
	do
		found = net_expect(&k, 6, SOON);
	while (found && k.dport != 5002);
	check(found && k.noncelen == 4 && k.dst.l64 == FAR_E,
	    "the SYN carries a nonce");
	net_keep();
	net_error(0, 4, 2, 42, spoil_nonce);
	(void)net_receive(&k, 50);
	check(counter("fallback") == 0 && counter("fallback_forged") > 0,
	    "a Parameter Problem with another nonce is ignored");
	do
		found = net_expect(&k, 6, SOON);
	while (found && (k.flags != TH_SYN || k.dport != 5002));
	check(found && k.noncelen == 4, "the SYN is sent again with the nonce");
	net_keep();
	net_error(0, 4, 2, 42, NULL);
	(void)net_receive(&k, 50);
	check(counter("fallback") == 1, "the true one is believed");
	do
		found = net_expect(&k, 6, SOON);
	while (found && (k.flags != TH_SYN || k.dport != 5002));
	check(found && k.noncelen == 0 && k.sum == SUM_IPV6,
	    "the next SYN is plain IPv6");
	(void)sys_close(fd);
	net_answer.on = true;
}

void
test_path(void)
{
	bulk();
	two_paths();
	after_move();
	silence();
	fallback();
}
