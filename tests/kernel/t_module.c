/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ilnp.ko on a kernel that knows nothing of ILNP: loaded, used in its reduced
 * mode, unloaded under traffic.
 */
#include <sys/param.h>

#include "../../sys/netinet6/ilnp/ilnp.h"
#include "jail.h"
#include "kt.h"

#define	MODULE	"/boot/kernel/ilnp.ko"
#define	TREE	"net.inet6.ilnp6."

static const struct ilv any = { 0, 0 };
static const struct ilv far_c = { FAR_C, FAR }, far_d = { FAR_D, FAR };
static const struct ilv far2_c = { FAR_C, FAR2 }, far2_d = { FAR_D, FAR2 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv guest_b = { GUEST_B, GUEST };

/* Switches ILNP on with two providers. */
static bool
start(void)
{
	(void)sysctl_set(TREE "nids", "0211-22ff-fe33-4455");
	if (sysctl_set_int(TREE "enable", 1) < 0)
		return (false);
	net_advertise(0, GUEST_A, 3600, 1800);
	net_advertise(1, GUEST_B, 3600, 1800);
	return (shows(TREE "locators", "2001+0db8+000a+0001", SOON) &&
	    shows(TREE "locators", "2001+0db8+000b+0001", SOON));
}

static void
speak_as(const struct conn *c)
{
	memcpy(net_answer.nonce, c->nonce, 12);
	net_answer.noncelen = c->noncelen;
	net_answer.on = true;
}

/* As near_reads(), for kernels that say much on a slow console. */
static bool
reads(const struct conn *c, const char *text)
{
	bool got = false;

	for (int i = 0; i < 5 && !got; i++)
		got = near_reads(c, text);
	return (got);
}

/* What there is none of without hooks. */
static void
options(int fd)
{
	uint8_t value[40];
	socklen_t len = sizeof(value);

	memset(value, 0, sizeof(value));
	check(sys_setsockopt(fd, IPPROTO_IPV6, ILNP_SO_CHOICE, value, len) ==
	    -ENOPROTOOPT && sys_getsockopt(fd, IPPROTO_IPV6, ILNP_SO_PEER,
	    value, &len) == -ENOPROTOOPT,
	    "socket options are said not to be there");
	check(sysctl_set_int(TREE "ephemeral", 4) == -EOPNOTSUPP &&
	    sysctl_set_int(TREE "ephemeral", 0) >= 0,
	    "so are ephemeral NIDs");
}

static void
initiator(void)
{
	struct conn c = { .farport = 5001, .seq = 1000,
	    .nonce = { 9, 8, 7, 6 }, .noncelen = 4 };
	unsigned int taps = 0;
	struct packet k;
	bool right = true;

	scenario("module: the guest connects");
	check(sysctl_set(TREE "teach",
	    "0211-22ff-fe66-7788 2001+0db8+000c+0001,10,600") >= 0,
	    "a correspondent can be told of");
	speak_as(&c);
	c.fd = connector(far_c, 5001);
	check(net_expect(&k, 6, SOON) && k.flags == TH_SYN &&
	    k.noncelen == 4 && k.sumok && k.sum == SUM_RFC && k.toroute,
	    "the SYN carries a nonce, to the router of its locator");
	c.far = far_c;
	c.near = k.src;
	c.tap = k.tap;
	c.nearport = k.sport;
	c.ack = k.seq + 1;
	far_send(&c, TH_SYN | TH_ACK, "");
	check(net_expect(&k, 6, SOON) && k.flags == TH_ACK &&
	    k.noncelen == 4, "the SYN|ACK is accepted");
	check(near_send(&c, "hello", &k) && k.noncelen == 4 && k.sumok,
	    "data goes out");
	c.far = far_d;
	c.near = guest_b;
	c.tap = 1;
	far_send(&c, TH_ACK | TH_PUSH, "from D");
	check(reads(&c, "from D"), "data comes in by another path");
	check(peer_is(c.fd, far_c), "the program sees no difference");
	options(c.fd);
	check(shows(TREE "sessions", "2001+0db8+000b+0001 2001+0db8+000c+0001"
	    " up", SOON), "paths are found to work");
	for (int i = 0; i < 20 && taps != 3; i++) {
		if (!near_send(&c, "turn", &k))
			break;
		taps |= 1U << k.tap;
		right &= k.sumok && k.toroute && k.noncelen == 4 &&
		    k.src.l64 == (k.tap == 0 ? GUEST_A : GUEST_B);
	}
	check(taps == 3 && right,
	    "packets leave in turn, each by the router of its locator");
	(void)sys_close(c.fd);
}

static void
responder(void)
{
	int wild = listener(any, 7500), bound = listener(guest_b, 7501);
	struct conn c = { .far = far2_c, .near = guest_a, .farport = 6800,
	    .nearport = 7500, .seq = 10, .nonce = { 3, 1, 3, 1 },
	    .noncelen = 4 };
	struct conn b = c, p = c;
	struct packet k;

	scenario("module: the far host connects");
	speak_as(&c);
	check(far_connects(&c, wild, far2_d, guest_b, 1),
	    "SYN by one path and ACK by another make a connection");
	check(peer_is(c.fd, far2_c), "the peer has the address of its SYN");
	far_send(&c, TH_ACK | TH_PUSH, "request");
	check(reads(&c, "request"), "its data comes in");
	check(near_send(&c, "response", &k) && k.noncelen == 4 && k.sumok,
	    "data goes out");
	b.farport = 6801;
	b.nearport = 7501;
	check(far_connects(&b, bound, far2_c, guest_a, 0),
	    "a listener bound to one locator is reached by another");
	check(near_send(&b, "bound", &k) && k.sumok, "data goes out");
	p.far.nid = FAR4;
	p.farport = 6802;
	p.noncelen = 0;
	p.sum = SUM_IPV6;
	check(far_connects(&p, wild, p.far, guest_a, 0) &&
	    near_send(&p, "plain", &k) && k.noncelen == 0 &&
	    k.sum == SUM_IPV6, "a plain IPv6 peer is served as ever");
	(void)sys_close(c.fd);
	(void)sys_close(b.fd);
	(void)sys_close(p.fd);
	(void)sys_close(wild);
	(void)sys_close(bound);
}

static void
datagrams(void)
{
	struct sockaddr_in6 sa = kt_address(any, 7502);
	socklen_t len = sizeof(sa);
	struct packet k, r;
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	char buf[64];
	result n = -1;

	scenario("module: UDP");
	(void)sys_bind(fd, &sa, sizeof(sa));
	memset(&k, 0, sizeof(k));
	k.src = (struct ilv){ FAR_C, FAR3 };
	k.dst = guest_a;
	k.proto = 17;
	k.sport = 6200;
	k.dport = 7502;
	memcpy(k.nonce, "\5\5\5\5", 4);
	k.noncelen = 4;
	memcpy(k.body, "ping", 4);
	k.bodylen = 4;
	net_send(0, &k);
	for (int64_t end = now_ms() + SOON; n < 0 && now_ms() < end;)
		n = sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, &sa, &len);
	check(n == 4, "a datagram with a nonce reaches a program");
	(void)sys_sendto(fd, "pong", 4, 0, &sa, len);
	check(net_expect(&r, 17, SOON) && r.noncelen == 4 && r.sumok &&
	    r.sum == SUM_RFC && r.dst.l64 == FAR_C,
	    "its answer carries our nonce");
	k.dport = 7503;
	net_send(0, &k);
	check(net_expect(&r, 58, SOON) && r.type == 1 && r.noncelen == 4 &&
	    r.body[4 + 42] == 0x8b,
	    "port unreachable quotes the packet as it was sent");
	(void)sys_close(fd);
}

/* Unloads under traffic, in the middle of a connection, and loads again. */
static void
coming_and_going(int id)
{
	int lfd = listener(any, 7504);
	struct packet k;
	bool good = true;

	scenario("module: unloaded and loaded");
	for (int i = 0; i < 5 && good; i++) {
		struct conn c = { .far = { FAR_C, FAR5 }, .near = guest_a,
		    .farport = (uint16_t)(6900 + i), .nearport = 7504,
		    .seq = 10, .nonce = { 7, 7, 7, (uint8_t)i },
		    .noncelen = 4 };

		speak_as(&c);
		good = far_connects(&c, lfd, c.far, c.near, 0);
		(void)sys_write(c.fd, "adrift", 6);
		far_send(&c, TH_ACK | TH_PUSH, "adrift");
		good = good && sys_kldunload(id) >= 0;
		far_send(&c, TH_ACK | TH_PUSH, "adrift");
		(void)net_receive(&k, 20);
		(void)sys_close(c.fd);
		id = (int)sys_kldload(MODULE);
		good = good && id >= 0 && start();
	}
	check(good, "five times, each with a connection alive");
	check(sysctl_set_int(TREE "enable", 0) >= 0 && sys_kldunload(id) >= 0,
	    "it also goes when it is off");
	check(sysctl_set_int(TREE "enable", 1) < 0, "nothing is left of it");
	(void)sys_close(lfd);
}

static int
has_its_own(void *unused __unused)
{
	return (sysctl_set(TREE "nids", "0:0:0:1") < 0 ||
	    sysctl_set_int(TREE "enable", 1) < 0);
}

static void
jail(int id)
{
	int jid = (int)sys_vnet_jail("kt");

	scenario("module: network stacks of jails");
	check(jail_run(jid, has_its_own, NULL) == 0,
	    "a jail has ILNP of its own");
	check(sys_kldunload(id) >= 0, "the module goes while it does");
	check(sys_jail_remove(jid) >= 0, "the jail goes after it");
	sleep_ms(300);
}

void
test_module(void)
{
	uint8_t hooked = 1;
	size_t len = sizeof(hooked);
	result id = sys_kldload(MODULE);
	struct packet k;

	scenario("module: loading");
	check(id >= 0, "ilnp.ko loads (%d)", (int)id);
	if (id < 0)
		return;
	check(sysctl_get(TREE "hooked", &hooked, &len) >= 0 && hooked == 0,
	    "it says that it is in reduced mode");
	net_open();
	(void)net_receive(&k, 1500);
	check(start(), "it can be switched on");
	initiator();
	responder();
	datagrams();
	/* Packet Too Big, fallback, and segments that leave room for a nonce. */
	test_path();
	/* What is left to hardware, and what is not. */
	test_offload();
	jail((int)id);
	id = sys_kldload(MODULE);
	check(id >= 0 && start(), "it loads again");
	coming_and_going((int)id);
	scenario("module: the last time");
	check(sys_kldload(MODULE) >= 0 && start(), "it loads again");
	leave_to_debugger();
}
