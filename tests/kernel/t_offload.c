/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * An interface that segments and sums up: what of that is left to it.
 */
#include <sys/param.h>

#include "kt.h"

#define	GUEST_T	0x20010db8000f0001ULL	/* locator of the guest there */

static const struct ilv any = { 0, 0 };
static const struct ilv guest_t = { GUEST_T, GUEST };

/* What the interfaces were given. */
struct seen {
	unsigned int	packets;
	unsigned int	large;		/* to be segmented */
	unsigned int	partial;	/* to be summed up */
	unsigned int	nonces;
	unsigned int	elsewhere;	/* by interfaces without offloads */
	bool		right;
};

/* Lets the program send much, and says how it left. */
static struct seen
bulk(struct conn *c)
{
	static char data[60000];
	struct seen s = { .right = true };
	unsigned int got = 0, all;
	struct packet k;

	/* What the socket has room for. */
	all = (unsigned int)sys_write(c->fd, data, sizeof(data));
	while (got < all && net_expect(&k, 6, SOON)) {
		size_t headers = 60U + (k.noncelen == 0 ? 0 :
		    k.noncelen == 4 ? 8 : 16), size;

		if (k.bodylen == 0 || k.dport != c->farport)
			continue;
		/* What is not said of the body by its copy. */
		size = k.len - headers;
		if (size > k.bodylen)
			size -= 12;	/* time stamps */
		if (k.bodylen < sizeof(k.body))
			size = k.bodylen;
		s.packets++;
		s.large += k.segment != 0;
		s.partial += k.partial;
		s.nonces += k.noncelen != 0;
		s.elsewhere += k.tap != TAP_OFFLOAD;
		s.right &= k.segment != 0 ? k.segment <= 1440 : k.len <= 1500;
		s.right &= k.partial || k.sumok;
		if (k.seq == c->ack) {
			got += (unsigned int)size;
			c->ack += (uint32_t)size;
		}
		far_send(c, TH_ACK, "");
	}
	s.right &= got == all;
	say("       %u packets, %u large, %u to be summed up, %u nonces, "
	    "%u elsewhere, %u octets\n", s.packets, s.large, s.partial,
	    s.nonces, s.elsewhere, got);
	return (s);
}

/* lesson: 66 */
/* checklist: 26 */
static void
offloads(int lfd, bool modern, uint16_t port)
{
	struct conn c = { .far = { FAR_C, FAR8 }, .near = guest_t,
	    .tap = TAP_OFFLOAD, .farport = port, .nearport = 7450,
	    .seq = 10, .nonce = { 1, 2, 3, modern }, .noncelen = 4,
	    .sum = SUM_IPV6 };
	struct seen s;

	set("cksum", modern);
	set("nonce_policy", modern);
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, c.tap), "connected");
	(void)bulk(&c);
	sleep_ms(1100);
	s = bulk(&c);
	if (!modern) {
		check(s.right && s.large == 0 && s.nonces == s.packets,
		    "with a nonce on each nothing is left to the hardware");
		(void)sys_close(c.fd);
		return;
	}
	check(s.right && s.large > 0 && s.nonces == 0,
	    "without nonces the hardware segments");
	check(s.partial == s.packets, "and sums up all of them");
	net_advertise(0, GUEST_A, 7200, 3600);
	for (int64_t end = now_ms() + 2 * SOON; now_ms() < end &&
	    s.elsewhere == 0;)
		s = bulk(&c);
	check(s.right && s.elsewhere > 0,
	    "by an interface without that it all leaves in pieces");
	net_advertise(0, GUEST_A, 7200, 0);
	(void)sys_close(c.fd);
}

/* True if a datagram whose checksum nobody has finished comes to a program. */
static bool
unfinished_comes(int fd, enum sum sum)
{
	struct packet k = { .src = { FAR_C, FAR8 }, .dst = guest_t,
	    .noncelen = 4, .nonce = { 1, 2, 3, 0 }, .proto = 17, .sum = sum,
	    .sport = 6712, .dport = 7451, .bodylen = 4, .partial = true };
	struct packet none;
	char got[8];

	memcpy(k.body, "half", 4);
	net_send(TAP_OFFLOAD, &k);
	(void)net_receive(&none, 100);
	return (sys_recvfrom(fd, got, sizeof(got), MSG_DONTWAIT, NULL, NULL) ==
	    4);
}

static void
unfinished(void)
{
	struct sockaddr_in6 here = kt_address(any, 7451);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	uint64_t before;

	scenario("checksums that the neighbour has left to hardware");
	check(sys_bind(fd, &here, sizeof(here)) >= 0 &&
	    unfinished_comes(fd, SUM_RFC), "one begun as RFC 6741 says is taken");
	check(unfinished_comes(fd, SUM_IPV6), "and one begun as IPv6 says");
	set("cksum_strict", 1);
	before = counter("in_cksum_kind");
	check(unfinished_comes(fd, SUM_RFC) &&
	    counter("in_cksum_kind") == before,
	    "where only the former may come it does");
	check(!unfinished_comes(fd, SUM_IPV6) &&
	    counter("in_cksum_kind") == before + 1, "the latter does not");
	set("cksum_strict", 0);
	(void)sys_close(fd);
}

void
test_offload(void)
{
	int lfd = listener(any, 7450);

	scenario("an interface that segments");
	net_answer.on = true;
	net_answer.noncelen = 4;
	net_open_offload();
	net_advertise(TAP_OFFLOAD, GUEST_T, 7200, 3600);
	net_advertise(0, GUEST_A, 7200, 0);
	net_advertise(1, GUEST_B, 7200, 0);
	/* TCP asks the interface of the default route what it can do. */
	net_resign(0);
	net_resign(1);
	for (int i = 0; i < 300; i++) {
		struct packet k;

		(void)net_receive(&k, 10);
	}
	check(listing("net.inet6.ilnp6.locators", "2001+0db8+000f+0001"),
	    "it has a locator");
	set("post_move_nonce", 1);
	set("nonce_initial", 4);
	offloads(lfd, false, 6710);
	offloads(lfd, true, 6711);
	set("cksum", 0);
	set("nonce_policy", 0);
	unfinished();
	(void)sys_close(lfd);
	net_advertise(0, GUEST_A, 7200, 3600);
	net_advertise(1, GUEST_B, 7200, 3600);
	check(net_destroy(TAP_OFFLOAD) >= 0, "it can be destroyed");
	for (int i = 0; i < 50; i++) {
		struct packet k;

		(void)net_receive(&k, 10);
	}
}
