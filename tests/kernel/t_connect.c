/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A program of the guest connects to the far host; both move while the
 * connection lives.
 */
#include <sys/param.h>
#include <netinet/in.h>

#include "../../sys/netinet6/ilnp/ilnp.h"
#include "kt.h"

static const struct ilv far_c = { FAR_C, FAR }, far_d = { FAR_D, FAR };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv guest_b = { GUEST_B, GUEST };

/* True if a socket says that it uses this address now. */
static bool
in_use(int fd, int option, struct ilv want)
{
	uint8_t addr[16];
	socklen_t len = sizeof(addr);

	return (sys_getsockopt(fd, IPPROTO_IPV6, option, addr, &len) >= 0 &&
	    len == 16 && get64(addr) == want.l64 &&
	    get64(addr + 8) == want.nid);
}

/* Waits until the guest announces exactly this locator. */
static bool
wait_update(uint64_t l64, int ms)
{
	int64_t end = now_ms() + ms;
	struct packet k;

	do {
		if (net_answer.updates > 0 && net_answer.update.body[0] == 1 &&
		    get64(net_answer.update.body + 4) == l64)
			return (true);
		(void)net_receive(&k, 20);
	} while (now_ms() < end);
	return (false);
}

/* lesson: 56, 57, 58 */
void
test_connect(void)
{
	struct conn c = { .far = { FAR_C, FAR }, .near = { GUEST_A, GUEST },
	    .farport = 5001, .seq = 1000, .nonce = { 9, 8, 7, 6 },
	    .noncelen = 4, .sum = SUM_RFC };
	const uint64_t moved[] = { FAR_D };
	struct packet k;
	bool found;

	scenario("switching on");
	check(sysctl_set("net.inet6.ilnp6.nids", "0211-22ff-fe33-4455") >= 0,
	    "a NID can be set");
	check(sysctl_set("net.inet6.ilnp6.nids", "0:0:0:0") == -EINVAL,
	    "NID zero is refused");
	check(sysctl_set_int("net.inet6.ilnp6.nonce_size", 7) == -EINVAL,
	    "a nonce of 7 octets is refused");
	check(sysctl_set_int("net.inet6.ilnp6.enable", 1) >= 0,
	    "ILNP can be enabled");
	net_advertise(0, GUEST_A, 3600, 1800);
	check(shows("net.inet6.ilnp6.locators", "2001+0db8+000a+0001", SOON),
	    "an advertised prefix becomes a locator after DAD");
	(void)listing("net.inet6.ilnp6.locators", "");
	check(sysctl_set("net.inet6.ilnp6.teach",
	    "0211-22ff-fe66-7788 2001+0db8+000c+0001,10,600") >= 0,
	    "a correspondent can be told of");
	(void)listing("net.inet6.ilnp6.hints", "");

	scenario("connect");
	net_answer.on = true;
	memcpy(net_answer.nonce, c.nonce, 12);
	net_answer.noncelen = 4;
	c.fd = connector(far_c, 5001);
	found = net_expect(&k, 6, SOON);
	check(found && k.flags == TH_SYN && k.noncelen == 4 && k.toroute,
	    "the SYN carries a nonce of 4 octets, to the router");
	check(k.sumok && k.sum == SUM_RFC, "its checksum leaves L64s out");
	check(k.src.l64 == GUEST_A && k.src.nid == GUEST &&
	    k.dst.l64 == FAR_C, "its locators are the only ones known");
	c.nearport = k.sport;
	c.ack = k.seq + 1;
	far_send(&c, TH_SYN | TH_ACK, "");
	found = net_expect(&k, 6, SOON);
	check(found && k.flags == TH_ACK && k.ack == 1001 && k.noncelen == 4,
	    "the SYN|ACK with another nonce is accepted");
	check(near_send(&c, "hello", &k) && k.sumok && k.noncelen == 4,
	    "data goes out");
	far_send(&c, TH_ACK | TH_PUSH, "world");
	check(near_reads(&c, "world"), "data comes in");
	check(peer_is(c.fd, far_c), "the peer is who was connected to");
	(void)listing("net.inet6.ilnp6.sessions", "");

	scenario("the far host moves");
	/* It is believed once the far host has proven that it is there. */
	for (int64_t end = now_ms() + SOON; now_ms() < end;) {
		k = update_of(&c, moved, 1);
		net_send(c.tap, &k);
		found = net_expect(&k, 58, 300) && k.type == 156 &&
		    k.body[1] == 2 && k.dst.l64 == FAR_D;
		if (found)
			break;
	}
	check(found, "its Locator Update is acknowledged");
	c.far = far_d;
	far_send(&c, TH_ACK | TH_PUSH, "from D");
	check(near_reads(&c, "from D"), "data comes in from the new locator");
	check(shows("net.inet6.ilnp6.sessions", "2001+0db8+000d+0001 up",
	    SOON), "the new path is found to work");
	check(near_send(&c, "to D", &k) && k.dst.l64 == FAR_D && k.sumok,
	    "data goes to the new locator");
	check(peer_is(c.fd, far_c), "the program sees no difference");
	(void)listing("net.inet6.ilnp6.sessions", "");

	scenario("the guest moves");
	net_answer.updates = 0;
	net_advertise(1, GUEST_B, 3600, 1800);
	check(shows("net.inet6.ilnp6.locators", "2001+0db8+000b+0001", SOON),
	    "a second prefix becomes a locator");
	net_advertise(0, GUEST_A, 7200, 0);
	check(shows("net.inet6.ilnp6.locators",
	    "2001+0db8+000a+0001 active pref=10 left=", SOON), "first kept");
	check(shows("net.inet6.ilnp6.locators", "withdrawn", SOON),
	    "a deprecated prefix is withdrawn");
	check(shows("net.inet6.ilnp6.sessions", "2001+0db8+000b+0001 2001+"
	    "0db8+000d+0001 up", SOON), "the path from the new locator is up");
	check(wait_update(GUEST_B, SOON),
	    "a Locator Update lists the new locator alone");
	check(near_send(&c, "from B", &k) && k.src.l64 == GUEST_B &&
	    k.tap == 1 && k.sumok && k.toroute,
	    "data leaves from the new locator by its own router");
	check(in_use(c.fd, ILNP_SO_LOCAL, guest_b) &&
	    in_use(c.fd, ILNP_SO_PEER, far_d),
	    "the program can ask for the locators in use");
	c.near = guest_b;
	c.tap = 1;
	far_send(&c, TH_ACK | TH_PUSH, "to B");
	check(near_reads(&c, "to B"), "data comes in at the new locator");
	c.near = guest_a;
	c.tap = 0;
	far_send(&c, TH_ACK | TH_PUSH, "to A");
	check(near_reads(&c, "to A"), "and still at the old one");
	(void)listing("net.inet6.ilnp6.sessions", "");
	(void)sys_close(c.fd);
	do
		found = net_expect(&k, 6, SOON);
	while (found && (k.flags & TH_FIN) == 0);
	check(found && k.src.l64 == GUEST_B, "the connection is closed");
}
