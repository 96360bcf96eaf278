/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The far host connects to programs of the guest: SYN cache and cookies,
 * handshakes whose segments take different paths, bound listeners, UDP.
 */
#include <sys/param.h>
#include <netinet/in.h>

#include "kt.h"

static const struct ilv any = { 0, 0 };
static const struct ilv far_c = { FAR_C, FAR2 }, far_d = { FAR_D, FAR2 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv guest_b = { GUEST_B, GUEST };

/* A connection whose SYN and ACK take different paths at both ends. */
/* lesson: 44, 46, 47, 48 */
static void
crossing(int lfd, uint16_t port, uint8_t nonce, enum sum sum,
    struct ilv peer)
{
	struct conn c = { .far = far_c, .near = guest_a, .farport = port,
	    .nearport = 7000, .seq = 5000, .nonce = { 1, 2, 3, nonce },
	    .noncelen = 4, .sum = sum };
	struct packet k;

	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, far_d, guest_b, 1),
	    "SYN by one path and ACK by another make a connection");
	far_send(&c, TH_ACK | TH_PUSH, "request");
	check(near_reads(&c, "request"), "its data comes in");
	check(near_send(&c, "response", &k) && k.noncelen == 4 && k.sumok,
	    "data goes out");
	check(peer_is(c.fd, peer), "the peer has the address it should");
	(void)sys_close(c.fd);
	c.ack++;
	far_send(&c, TH_ACK | TH_FIN, "");
	(void)net_receive(&k, 50);
}

static void
plain(int lfd)
{
	struct conn c = { .far = { FAR_E, FAR }, .near = guest_a,
	    .farport = 6100, .nearport = 7000, .seq = 1, .sum = SUM_IPV6 };
	struct packet k;

	check(far_connects(&c, lfd, c.far, c.near, 0),
	    "a peer without ILNP connects");
	check(near_send(&c, "plain", &k) && k.noncelen == 0 &&
	    k.sum == SUM_IPV6, "and gets plain IPv6");
	(void)sys_close(c.fd);
}

/* lesson: 50 */
static void
bound(uint16_t port)
{
	int lfd = listener(guest_b, 7001);
	struct conn c = { .far = far_c, .near = guest_a, .farport = port,
	    .nearport = 7001, .seq = 8000, .nonce = { 4, 4, 4, 4 },
	    .noncelen = 4 };
	struct packet k;

	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, far_c, guest_a, 0),
	    "a listener bound to one locator is reached by another");
	check(near_send(&c, "bound", &k) && k.sumok, "data goes out");
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}

/* What comes back from a port where nobody listens. */
static void
unreachable(uint8_t noncelen, uint64_t nid)
{
	struct packet k = { .src = { FAR_C, nid }, .dst = guest_a,
	    .proto = 17, .sport = 6200, .dport = 7003, .noncelen = noncelen,
	    .nonce = { 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7 },
	    .body = "ping", .bodylen = 4 }, r;
	int at = 4 + 42;	/* of the option in the quote */
	bool found;

	net_send(0, &k);
	found = net_expect(&r, 58, SOON);
	check(found && r.type == 1 && r.code == 4 && r.noncelen != 0 &&
	    r.sumok, "port unreachable carries our nonce");
	check(r.body[4 + 6] == 60 && r.body[at] == 0x8b &&
	    r.body[at + 1] == noncelen &&
	    memcmp(r.body + at + 2, k.nonce, noncelen) == 0,
	    "and quotes the packet as it was sent, with its %u octets",
	    noncelen);
}

/* lesson: 5, 13, 14 */
static void
datagrams(void)
{
	struct sockaddr_in6 sa = { .sin6_len = sizeof(sa),
	    .sin6_family = AF_INET6 };
	socklen_t len = sizeof(sa);
	struct packet k, r;
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	static char big[3000];
	char buf[64];
	result n = -1;
	bool found;

	put16((uint8_t *)&sa.sin6_port, 7002);
	(void)sys_bind(fd, &sa, sizeof(sa));
	memset(&k, 0, sizeof(k));
	k.src.l64 = FAR_C;
	k.src.nid = FAR3;
	k.dst = guest_a;
	k.proto = 17;
	k.sport = 6200;
	k.dport = 7002;
	memcpy(k.nonce, "\5\5\5\5", 4);
	k.noncelen = 4;
	memcpy(k.body, "ping", 4);
	k.bodylen = 4;
	memcpy(net_answer.nonce, k.nonce, 12);
	net_send(0, &k);
	for (int64_t end = now_ms() + SOON; n < 0 && now_ms() < end;)
		n = sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, &sa, &len);
	check(n == 4 && get64(&sa.sin6_addr.s6_addr[0]) == FAR_C,
	    "a datagram with a nonce reaches a program");
	(void)sys_sendto(fd, "pong", 4, 0, &sa, len);
	found = net_expect(&r, 17, SOON);
	check(found && r.noncelen == 4 && r.sumok && r.sum == SUM_RFC &&
	    r.dst.l64 == FAR_C, "its answer carries our nonce");
	k.bodylen = 600;
	memset(k.body, 'f', k.bodylen);
	net_send_cut(0, &k, 400);
	n = -1;
	for (int64_t end = now_ms() + SOON; n < 0 && now_ms() < end;)
		n = sys_recvfrom(fd, big, sizeof(big), MSG_DONTWAIT, NULL, NULL);
	check(n == 600, "a datagram in two fragments reaches it, too");
	(void)sys_sendto(fd, big, 3000, 0, &sa, len);
	found = net_expect(&r, 44, SOON) && net_expect(&r, 44, SOON) &&
	    net_expect(&r, 44, SOON);
	check(found, "a long answer leaves in three fragments");
	len = sizeof(sa);
	k.bodylen = 4;
	k.noncelen = 0;
	k.sum = SUM_IPV6;
	k.src.nid = 0x77;
	net_send(0, &k);
	n = -1;
	for (int64_t end = now_ms() + SOON; n < 0 && now_ms() < end;)
		n = sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, &sa, &len);
	check(n == 4 && get64(&sa.sin6_addr.s6_addr[8]) == 0x77,
	    "so does one of plain IPv6");
	(void)sys_sendto(fd, "pong", 4, 0, &sa, len);
	found = net_expect(&r, 17, SOON);
	check(found && r.noncelen == 0 && r.sum == SUM_IPV6 &&
	    r.dst.nid == 0x77, "and is answered in kind");
	(void)sys_close(fd);
	unreachable(4, FAR3);
	unreachable(12, FAR4 + 0x100);
}

/* hook: syncache-match */
void
test_accept(void)
{
	int lfd = listener(any, 7000);

	net_advertise(0, GUEST_A, 7200, 3600);
	scenario("the far host connects, SYN cache");
	crossing(lfd, 6000, 1, SUM_RFC, far_c);
	scenario("the same with IPv6 checksums");
	crossing(lfd, 6001, 2, SUM_IPV6, far_c);
	scenario("the same with SYN cookies only");
	(void)sysctl_set_int("net.inet.tcp.syncookies_only", 1);
	/* Nothing remembers the SYN's: the addresses are those of the ACK. */
	crossing(lfd, 6002, 3, SUM_RFC, far_d);
	(void)sysctl_set_int("net.inet.tcp.syncookies_only", 0);
	scenario("plain IPv6");
	plain(lfd);
	scenario("bound listener");
	bound(6003);
	scenario("UDP");
	datagrams();
	(void)sys_close(lfd);
}
