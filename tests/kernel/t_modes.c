/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Other settings than the defaults: checksums as IPv6 with the nonce on the
 * first packets only, nonces of 12 octets, copies by several paths.
 */
#include <sys/param.h>

#include "kt.h"

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv guest_b = { GUEST_B, GUEST };

/* True if what a program sends first has a nonce. */
static bool
begins(struct ilv to, uint8_t proto)
{
	struct sockaddr_in6 sin6 = kt_address(to, 6711);
	struct packet k;
	bool right;
	int fd;

	if (proto == 6)
		fd = connector(to, 6711);
	else {
		fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
		(void)sys_sendto(fd, "x", 1, 0, &sin6, sizeof(sin6));
	}
	do
		right = net_expect(&k, proto, SOON);
	while (right && k.dport != 6711);
	right = right && k.noncelen == 12 && k.sumok;
	(void)sys_close(fd);
	return (right);
}

/* Not acknowledged any more, or not sent yet. */
static void
spoil_seq(uint8_t *ip)
{
	ip[40 + 6] ^= 0x10;
}

/* Another connection, which there is not. */
static void
spoil_port(uint8_t *ip)
{
	ip[40 + 2] ^= 1;
}

/* What is sent without a nonce shows none when it is quoted. */
static void
forged_errors(struct conn *c)
{
	uint64_t quoted = counter("in_icmp_quote");
	uint64_t unreach = counter("in_unreach");
	struct packet k;

	(void)sys_write(c->fd, "quote me", 8);
	do
		if (!net_expect(&k, 6, SOON))
			break;
	while (k.dport != c->farport || k.bodylen != 8);
	check(k.dport == c->farport && k.bodylen == 8 && k.noncelen == 0,
	    "a segment without a nonce");
	net_keep();
	net_error(0, 1, 3, 0, spoil_seq);
	(void)net_receive(&k, 100);
	net_error(0, 1, 3, 0, spoil_port);
	(void)net_receive(&k, 100);
	check(counter("in_icmp_quote") == quoted + 2 &&
	    counter("in_unreach") == unreach,
	    "errors about one that is not under way are ignored");
	net_error(0, 1, 3, 0, NULL);
	(void)net_receive(&k, 100);
	check(counter("in_unreach") == unreach + 1, "one that fits is not");
	c->ack += 8;
	far_send(c, TH_ACK, "");
	net_error(0, 1, 3, 0, NULL);
	(void)net_receive(&k, 100);
	check(counter("in_unreach") == unreach + 1,
	    "once it has been acknowledged, it is late");
}

static void
modern(int lfd)
{
	struct conn c = { .far = { FAR_C, FAR8 }, .near = guest_a,
	    .farport = 6700, .nearport = 7400, .seq = 10,
	    .nonce = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
	    .noncelen = 12, .sum = SUM_IPV6 };
	struct conn again = { .far = c.far, .near = c.near, .farport = 6702,
	    .nearport = c.nearport, .noncelen = 12, .sum = SUM_IPV6 };
	struct packet k;
	bool bare;

	scenario("IPv6 checksums, nonces of 12 octets on the first packets");
	set("cksum", 1);
	set("nonce_size", 12);
	set("nonce_policy", 1);
	set("nonce_initial", 4);
	set("post_move_nonce", 1);
	memcpy(again.nonce, c.nonce, 12);
	memcpy(net_answer.nonce, c.nonce, 12);
	net_answer.noncelen = 12;
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	check(near_send(&c, "first", &k) && k.noncelen == 12 &&
	    k.sum == SUM_IPV6, "the first packets carry 12 octets");
	bare = false;
	for (int i = 0; i < 20 && !bare; i++) {
		if (!near_send(&c, "later", &k))
			break;
		bare = k.noncelen == 0 && k.sumok && k.sum == SUM_IPV6;
	}
	check(bare, "later ones are like plain IPv6");
	forged_errors(&c);
	check(begins(c.far, 6) && begins(c.far, 17),
	    "a new connection and datagrams begin with one all the same");
	again.seq = c.seq + 100000;
	check(far_connects(&again, lfd, c.far, c.near, 0), "a new connection");
	for (int i = 0; i < 10; i++)
		(void)near_send(&c, "busy", &k);
	check(near_send(&again, "again", &k) && k.noncelen == 12,
	    "goes on with some, however much the other one sends");
	(void)sys_close(again.fd);
	c.noncelen = 0;
	far_send(&c, TH_ACK | TH_PUSH, "bare");
	check(near_reads(&c, "bare"), "the far host may leave it out, too");
	c.near = guest_b;
	c.tap = 1;
	far_send(&c, TH_ACK | TH_PUSH, "at B");
	check(near_reads(&c, "at B"), "also toward another locator of ours");
	(void)sys_close(c.fd);
	set("cksum", 0);
	set("nonce_size", 4);
	set("nonce_policy", 0);
}

static void
copies(int lfd)
{
	struct conn c = { .far = { FAR_C, FAR9 }, .near = guest_a,
	    .farport = 6701, .nearport = 7400, .seq = 10,
	    .nonce = { 9, 9, 9, 9 }, .noncelen = 4 };
	struct packet k;
	unsigned int taps = 0;
	int64_t end;
	bool right = true;

	scenario("copies by all paths");
	check(sysctl_set("net.inet6.ilnp6.algorithm", "nonsense") == -ENOENT,
	    "an unknown algorithm is refused");
	check(sysctl_set("net.inet6.ilnp6.algorithm", "redundant") >= 0,
	    "a known one is not");
	memcpy(net_answer.nonce, c.nonce, 12);
	net_answer.noncelen = 4;
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	end = now_ms() + 2 * SOON;
	while (taps != 3 && now_ms() < end) {
		(void)net_receive(&k, 100);
		(void)sys_write(c.fd, "copy", 4);
		taps = 0;
		while (taps != 3 && net_expect(&k, 6, 300))
			if (k.dport == c.farport && k.bodylen >= 4) {
				taps |= 1U << k.tap;
				right &= k.sumok && k.noncelen == 4 &&
				    k.src.l64 == (k.tap == 0 ? GUEST_A :
				    GUEST_B);
			}
		c.ack = k.seq + k.bodylen;
		far_send(&c, TH_ACK, "");
	}
	check(taps == 3 && right, "one segment leaves by both routers");
	(void)sys_close(c.fd);
	(void)sysctl_set("net.inet6.ilnp6.algorithm", "rr");
}

/* True if all that a connection sends leaves by one wire. */
static bool
leaves_by(struct conn *c, int tap)
{
	bool by = true;

	for (int i = 0; i < 6; i++) {
		struct packet k;

		by &= near_send(c, "word", &k) && k.tap == tap && k.sumok;
	}
	return (by);
}

/*
 * A new connection leaves by a wire, once the session has heard of it and the
 * path there works.
 */
static bool
prefers(int lfd, int tap, uint16_t port)
{
	struct conn c = { .far = { FAR_C, FAR9 }, .near = guest_a,
	    .farport = port, .nearport = 7400, .seq = 10,
	    .nonce = { 9, 9, 9, 9 }, .noncelen = 4 };
	int64_t end = now_ms() + SOON;
	bool by;

	if (!far_connects(&c, lfd, c.far, c.near, 0))
		return (false);
	do
		by = leaves_by(&c, tap);
	while (!by && now_ms() < end);
	(void)sys_close(c.fd);
	return (by);
}

static result
rank(const char *text)
{
	return (sysctl_set("net.inet6.ilnp6.preferences", text));
}

static void
preferences(int lfd)
{
	scenario("locators that the administrator prefers");
	net_advertise(0, GUEST_A, 7200, 3600);
	net_advertise(1, GUEST_B, 7200, 3600);
	check(shows("net.inet6.ilnp6.locators", "2001+0db8+000a+0001 ",
	    SOON) && shows("net.inet6.ilnp6.locators",
	    "2001+0db8+000b+0001 ", SOON), "there are two");
	check(rank("tap1") == -EINVAL && rank("tap1,65536") == -EINVAL &&
	    rank("tap1,-1") == -EINVAL && rank("tap1,1,0") == -EINVAL &&
	    rank("tap1,1,2,3") == -EINVAL && rank("tap0,1 no9,1") == -ENXIO,
	    "what is no preference is refused");
	check(!shows("net.inet6.ilnp6.preferences", "tap", 0),
	    "and nothing of it is kept");
	check(rank("tap1,20,3") >= 0 &&
	    shows("net.inet6.ilnp6.preferences", "tap1,20,3", SOON),
	    "a right one is");
	check(shows("net.inet6.ilnp6.locators", "pref=20", SOON) &&
	    shows("net.inet6.ilnp6.locators", "weight=3", SOON),
	    "the locator has it");
	check(prefers(lfd, 0, 6720), "all leaves by the other interface");
	check(rank("tap0,30") >= 0 && shows("net.inet6.ilnp6.locators",
	    "pref=30", SOON) && prefers(lfd, 1, 6721),
	    "a new list takes the place of the old one, and all changes over");
	check(rank("") >= 0 && shows("net.inet6.ilnp6.locators",
	    "2001+0db8+000a+0001 active pref=10", SOON), "and as ever");
}

void
test_modes(void)
{
	int lfd = listener(any, 7400);

	net_answer.on = true;
	modern(lfd);
	copies(lfd);
	preferences(lfd);
	(void)sys_close(lfd);
}
