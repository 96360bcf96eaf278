/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Beginning and end: interfaces that go, ILNP switched off and on under
 * connections, network stacks of jails.
 */
#include <sys/param.h>

#include "jail.h"
#include "kt.h"

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv guest_b = { GUEST_B, GUEST };

/* lesson: 26 */
static void
interface(struct conn *c)
{
	struct packet k;

	scenario("an interface goes");
	check(net_destroy(1) >= 0, "destroyed with a connection on it");
	(void)net_receive(&k, 200);
	check(!listing("net.inet6.ilnp6.locators", "2001+0db8+000b+0001"),
	    "its locator is gone");
	c->near = guest_a;
	c->tap = 0;
	far_send(c, TH_ACK | TH_PUSH, "here");
	check(near_reads(c, "here"), "the connection goes on");
	check(near_send(c, "there", &k) && k.src.l64 == GUEST_A,
	    "by the interface that is left");
}

/* lesson: 41 */
static void
switching(struct conn *c)
{
	struct packet k;

	scenario("off and on");
	for (int i = 0; i < 10; i++) {
		if (sysctl_set_int("net.inet6.ilnp6.enable", 0) < 0 ||
		    sysctl_set_int("net.inet6.ilnp6.enable", 1) < 0)
			check(false, "round %d", i);
		far_send(c, TH_ACK, "");
		(void)net_receive(&k, 10);
	}
	check(sysctl_set_int("net.inet6.ilnp6.enable", 0) >= 0, "off");
	(void)net_receive(&k, 50);
	check(counter("in_ilnp") == 0 && !listing("net.inet6.ilnp6.sessions",
	    "session"), "nothing is left");
	(void)sys_write(c->fd, "plain", 5);
	do
		if (!net_expect(&k, 6, SOON))
			break;
	while (k.dport != c->farport || k.bodylen == 0);
	check(k.dport == c->farport && k.noncelen == 0 && k.sum == SUM_IPV6,
	    "what is left of a connection is plain IPv6");
}

#define	HOST_HALF	2048

/* Tables of a jail are in the host's memory: root there asks for less, no more. */
static bool
bounded(void)
{
	static const char *const names[] = { "net.inet6.ilnp6.sess_max",
	    "net.inet6.ilnp6.half_max" };
	int most[] = { 65536, HOST_HALF };

	for (int i = 0; i < 2; i++)
		if (sysctl_set_int(names[i], most[i] + 1) != -EPERM ||
		    sysctl_set_int(names[i], most[i] / 2) < 0 ||
		    sysctl_set_int(names[i], most[i]) < 0)
			return (false);
	return (true);
}

/* ILNP in the stack of a jail, until that ends or before. */
static int
has_its_own(void *arg)
{
	const bool *off = arg;

	return (sysctl_set("net.inet6.ilnp6.nids", "0:0:0:1") < 0 ||
	    !bounded() ||
	    sysctl_set_int("net.inet6.ilnp6.enable", 1) < 0 ||
	    (*off && sysctl_set_int("net.inet6.ilnp6.enable", 0) < 0));
}

/* lesson: 42 */
static void
jails(void)
{
	bool good = true;

	scenario("10 network stacks of jails");
	set("half_max", HOST_HALF);
	for (int i = 0; i < 10; i++) {
		int jid = (int)sys_vnet_jail("kt");
		bool off = i % 2 == 0;

		if (jid < 0) {
			check(false, "no jail: error %d", -jid);
			return;
		}
		good &= jail_run(jid, has_its_own, &off) == 0;
		good &= sys_jail_remove(jid) >= 0;
	}
	/* The stacks end some time after their jails. */
	sleep_ms(500);
	check(good, "each had ILNP of its own, half of them to their end, and "
	    "tables no larger than the host's");
	set("half_max", 4096);
}

void
test_life(void)
{
	int lfd = listener(any, 7300);
	struct conn c = { .far = { FAR_C, FAR7 }, .near = guest_b, .tap = 1,
	    .farport = 6600, .nearport = 7300, .seq = 1,
	    .nonce = { 8, 8, 8, 8 }, .noncelen = 4 };

	net_answer.on = true;
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, 1), "connected");
	interface(&c);
	switching(&c);
	jails();
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}
