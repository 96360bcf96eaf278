/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Correspondents on the same link, unique local addresses, checksums over a
 * part of a datagram.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>
#include <netinet/udplite.h>

#include "kt.h"

#define	TREE	"net.inet6.ilnp6."
#define	NEAR	0x021122fffe000421ULL
#define	LITE	0x021122fffe000422ULL
#define	LOCAL	0x021122fffe000423ULL
#define	ULA	0xfd0000010002000aULL
#define	ULA_FAR	0xfd0000010002000cULL

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };

static int
connected(int proto, struct ilv to, uint16_t port)
{
	struct sockaddr_in6 sa = kt_address(to, port);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, proto);

	if (sys_connect(fd, &sa, sizeof(sa)) < 0)
		check(false, "cannot connect");
	return (fd);
}

/* lesson: 62 */
static void
on_link(void)
{
	struct ilv near = { GUEST_A, NEAR }, far = { FAR_C, NEAR };
	bool direct = true, routed = true;
	struct packet k;
	int fd;

	scenario("a correspondent on the same link");
	check(sysctl_set(TREE "teach",
	    "0211-22ff-fe00-0421 2001+0db8+000a+0001") >= 0, "told of it");
	net_onlink = NEAR;
	memcpy(net_answer.nonce, "\4\2\1\1", 4);
	fd = connected(17, near, 6301);
	for (int i = 0; i < 4; i++) {
		(void)sys_write(fd, "next door", 9);
		/* From either locator: it is on the link of one of them. */
		direct &= next_to(6301, 17, &k) && k.noncelen == 4 &&
		    k.sumok && (k.src.l64 != GUEST_A || !k.toroute);
	}
	check(direct, "packets from its prefix go to it, not to the router");
	(void)sys_close(fd);
	check(sysctl_set(TREE "teach", "0211-22ff-fe00-0421") >= 0 &&
	    sysctl_set(TREE "teach",
	    "0211-22ff-fe00-0424 2001+0db8+000c+0001") >= 0,
	    "told of one behind the router");
	far.nid = NEAR + 3;
	net_onlink = far.nid;
	fd = connected(17, far, 6302);
	for (int i = 0; i < 4; i++) {
		(void)sys_write(fd, "far away", 8);
		routed &= next_to(6302, 17, &k) && k.noncelen == 4 &&
		    k.sumok && k.toroute;
	}
	check(routed, "packets to that one go to the router");
	net_onlink = 0;
	(void)sys_close(fd);
}

/* A datagram of which the first four octets are covered, with one spoiled. */
static bool
arrives(int fd, struct packet *k, uint16_t dport, size_t spoil)
{
	uint8_t p[2048];
	char buf[64];
	result n = -1;
	size_t len;

	k->cover = 8 + 4;
	k->dport = dport;
	len = net_compose(k, p);
	p[len - k->bodylen + spoil] ^= 0x55;
	net_send_raw(k->tap, p, len);
	for (int64_t end = now_ms() + 500; n < 0 && now_ms() < end;)
		n = sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, NULL,
		    NULL);
	return (n == k->bodylen);
}

/* lesson: 51 */
static void
partly_covered(void)
{
	struct ilv far = { FAR_C, LITE };
	int fd, cover = 8 + 4;
	struct packet k, r;

	scenario("UDP-Lite, covered in part");
	check(sysctl_set(TREE "teach",
	    "0211-22ff-fe00-0422 2001+0db8+000c+0001") >= 0, "told of a host");
	memcpy(net_answer.nonce, "\4\2\2\2", 4);
	fd = connected(136, far, 6303);
	check(sys_setsockopt(fd, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, &cover,
	    sizeof(cover)) >= 0 && sys_setsockopt(fd, IPPROTO_UDPLITE,
	    UDPLITE_RECV_CSCOV, &cover, sizeof(cover)) >= 0 && sys_write(fd, "headbody", 8) == 8 &&
	    next_to(6303, 136, &k) && k.noncelen == 4 && k.sumok &&
	    k.sum == SUM_RFC && k.bodylen == 8,
	    "what is sent is summed up as RFC 6741 says, as far as covered");
	memset(&r, 0, sizeof(r));
	r.src = k.dst;
	r.dst = k.src;
	r.tap = k.tap;
	r.proto = 136;
	r.sport = 6303;
	memcpy(r.nonce, "\4\2\2\2", 4);
	r.noncelen = 4;
	memcpy(r.body, "headbody", 8);
	r.bodylen = 8;
	check(arrives(fd, &r, k.sport, 6),
	    "what comes may be damaged where it is not covered");
	check(!arrives(fd, &r, k.sport, 2), "but not where it is");
	r.sum = SUM_IPV6;
	check(arrives(fd, &r, k.sport, 6) && !arrives(fd, &r, k.sport, 2),
	    "likewise with sums as in IPv6");
	(void)sys_close(fd);
}

/* lesson: 64 */
static void
unique_local(void)
{
	int lfd = listener(any, 7650), fd;
	struct ilv far = { ULA_FAR, LOCAL };
	struct conn c = { .far = far, .near = { ULA, GUEST }, .farport = 6970,
	    .nearport = 7650, .seq = 10, .nonce = { 4, 2, 3, 3 },
	    .noncelen = 4 };
	static char text[6000];
	struct packet k;
	int64_t end;
	size_t len;

	scenario("unique local addresses");
	net_advertise(0, ULA, 12, 12);
	check(shows(TREE "locators", "fd00+0001+0002+000a", SOON),
	    "their prefix becomes a locator");
	check(sysctl_set(TREE "teach",
	    "0211-22ff-fe00-0423 fd00+0001+0002+000c") >= 0, "told of a host");
	memcpy(net_answer.nonce, c.nonce, 12);
	fd = connected(17, far, 6304);
	check(sys_write(fd, "inside", 6) == 6 && next_to(6304, 17, &k) &&
	    k.noncelen == 4 && k.sumok && k.dst.l64 == ULA_FAR,
	    "a datagram to it carries a nonce");
	(void)sys_close(fd);
	check(far_connects(&c, lfd, c.far, c.near, 0),
	    "it connects to us at ours");
	far_send(&c, TH_ACK | TH_PUSH, "inside");
	check(near_reads(&c, "inside") && near_send(&c, "as well", &k) &&
	    k.noncelen == 4 && k.dst.l64 == ULA_FAR && k.sumok,
	    "data comes and goes");
	c.far.l64 = 0x20010db866660001ULL;
	c.near = guest_a;
	far_send(&c, TH_ACK | TH_PUSH, "outside");
	check(near_reads(&c, "outside"), "and may come from outside later");
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
	/* Whoever comes next is not to hear of its end. */
	end = now_ms() + 30000;
	do {
		len = sizeof(text) - 1;
		memset(text, 0, sizeof(text));
		(void)sysctl_get(TREE "locators", text, &len);
		(void)net_receive(&k, 500);
	} while (contains(text, "fd00+0001+0002+000a") && now_ms() < end);
	check(now_ms() < end, "the locator ends with its prefix");
}

void
test_kinds(void)
{
	check(two_locators(), "both locators");
	net_answer.on = true;
	net_answer.noncelen = 4;
	/* A slow console is not to look like silence. */
	set("fallback", 0);
	on_link();
	partly_covered();
	unique_local();
	set("fallback", 1);
}
