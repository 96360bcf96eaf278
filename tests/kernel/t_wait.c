/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * How connections end: what is left of one in TIME_WAIT answers and gives way
 * by any locators, as long as it is there and no longer.
 */
#include <sys/param.h>
#include <sys/fcntl.h>

#include "kt.h"
#include "memory.h"

/* Correspondents of this file. */
#define	STAYER	0x021122fffe000601ULL
#define	SERVER	0x021122fffe000602ULL
#define	LEAVER	0x021122fffe000603ULL

#define	PORT	7660
#define	MANY	60
#define	LONG	60000	/* ms; all of a scenario takes place in it */

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv guest_b = { GUEST_B, GUEST };

/* The far host goes over to its other path. */
static void
cross_over(struct conn *c)
{
	bool was = c->far.l64 == FAR_D;

	c->far.l64 = was ? FAR_C : FAR_D;
	c->near = was ? guest_a : guest_b;
	c->tap = was ? 0 : 1;
}

/* Lets all that is under way come. */
static void
hush(void)
{
	struct packet k;

	while (net_receive(&k, 50))
		continue;
}

/* True if what comes next with these flags is of ILNP, and fits. */
static bool
hears(const struct conn *c, uint8_t flags)
{
	struct packet k;

	do
		if (!next_to(c->farport, 6, &k))
			return (false);
	while (k.flags != flags);
	return (k.ack == c->seq && k.seq == c->ack && k.noncelen == 4 &&
	    k.sumok && k.toroute && k.src.l64 == (k.tap == 0 ? GUEST_A :
	    GUEST_B));
}

/* The program ends a connection, and the far host does so next. */
static bool
we_end(struct conn *c)
{
	hush();
	(void)sys_close(c->fd);
	if (!hears(c, TH_FIN | TH_ACK))
		return (false);
	c->ack++;
	far_send(c, TH_ACK, "");
	far_send(c, TH_ACK | TH_FIN, "");
	return (hears(c, TH_ACK));
}

/* The far host has not heard that its FIN has come. */
static bool
fin_again(struct conn *c)
{
	hush();
	c->seq--;
	far_send(c, TH_ACK | TH_FIN, "");
	return (hears(c, TH_ACK));
}

static void
answers(struct conn *c)
{
	check(we_end(c), "the program ends it, then the far host");
	check(fin_again(c), "a FIN that comes again is acknowledged");
	cross_over(c);
	check(fin_again(c), "one by another path as well");
}

/* Who begins anew, by the same ports, need not wait. */
static void
gives_way(struct conn *c, int lfd)
{
	struct packet k;
	bool silent;

	hush();
	c->seq -= 1000;
	far_send(c, TH_SYN, "");
	silent = true;
	while (net_receive(&k, 300))
		silent &= k.proto != 6 || k.dport != c->farport;
	check(silent, "a SYN of before is not answered");
	c->seq += 100000;
	check(far_connects(c, lfd, c->far, c->near, c->tap),
	    "a new one is, at another locator, and makes a connection");
	far_send(c, TH_ACK | TH_PUSH, "anew");
	check(near_reads(c, "anew") && near_send(c, "answer", &k) &&
	    k.noncelen == 4 && k.sumok, "which has what is sent on it");
	cross_over(c);
	far_send(c, TH_ACK | TH_PUSH, "across");
	check(near_reads(c, "across"), "by each path");
	check(we_end(c) && fin_again(c), "it ends as the first one did");
}

/* The guest has begun, and ends. */
static void
of_ours(void)
{
	struct conn c = { .far = { FAR_C, SERVER }, .farport = PORT,
	    .seq = 1000, .nonce = { 6, 0, 2, 2 }, .noncelen = 4 };
	struct packet k;

	scenario("TIME_WAIT of a connection that we began");
	memcpy(net_answer.nonce, c.nonce, 12);
	check(sysctl_set("net.inet6.ilnp6.teach", "0211-22ff-fe00-0602 "
	    "2001+0db8+000c+0001 2001+0db8+000d+0001") >= 0, "told of a host");
	c.fd = connector(c.far, PORT);
	check(next_to(PORT, 6, &k) && k.flags == TH_SYN && k.noncelen == 4,
	    "a SYN leaves");
	c.far = k.dst;
	c.near = k.src;
	c.tap = k.tap;
	c.nearport = k.sport;
	c.ack = k.seq + 1;
	far_send(&c, TH_SYN | TH_ACK, "");
	check(hears(&c, TH_ACK) && near_send(&c, "hello", &k), "connected");
	answers(&c);
}

/* The far host ends, and we have nothing to wait for. */
static void
they_end(int lfd)
{
	struct conn c = { .far = { FAR_C, LEAVER }, .near = guest_a,
	    .farport = 6960, .nearport = PORT, .seq = 20,
	    .nonce = { 6, 0, 3, 3 }, .noncelen = 4 };
	char octet;

	scenario("the far host ends a connection");
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, c.tap), "connected");
	hush();
	cross_over(&c);
	far_send(&c, TH_ACK | TH_FIN, "");
	check(hears(&c, TH_ACK), "its FIN, by another path, is acknowledged");
	(void)sys_fcntl(c.fd, F_SETFL, 0);
	check(sys_read(c.fd, &octet, 1) == 0, "the program reads the end");
	(void)sys_close(c.fd);
	check(hears(&c, TH_FIN | TH_ACK), "and ends it, too");
	c.ack++;
	cross_over(&c);
	far_send(&c, TH_ACK, "");
	hush();
	c.seq = 5;
	check(far_connects(&c, lfd, c.far, c.near, c.tap),
	    "nothing of it is left in the way of another");
	check(we_end(&c), "that ends");
}

/* Many that wait, for long, until their time is cut. */
static void
goes(int lfd)
{
	static struct conn cs[MANY];
	uint64_t before = 0, during;
	struct packet k;
	bool right = true;

	scenario("TIME_WAIT ends");
	for (unsigned int i = 0; i < MANY; i++) {
		struct conn *c = &cs[i];

		/* With the first one comes what they share. */
		if (i == 1)
			before = memory_of("ilnp");
		*c = (struct conn){ .far = { FAR_C, STAYER },
		    .near = guest_a, .farport = (uint16_t)(6970 + i),
		    .nearport = PORT, .seq = 30,
		    .nonce = { 6, 0, 1, 1 }, .noncelen = 4 };
		right = right && far_connects(c, lfd, c->far, c->near, 0) &&
		    we_end(c);
	}
	during = memory_of("ilnp");
	check(right && during > before, "%u connections wait, in %u octets",
	    MANY, (unsigned int)(during - before));
	(void)sysctl_set_int("net.inet.tcp.msl", 100);
	for (unsigned int i = 0; i < MANY; i++) {
		cross_over(&cs[i]);
		right = right && fin_again(&cs[i]);
	}
	/* Other things come and go as well, but they are few. */
	check(right && memory_comes_to("ilnp", before + (during - before) / 2),
	    "after twice net.inet.tcp.msl nothing is left of them");
	cs[0].seq--;
	far_send(&cs[0], TH_ACK | TH_FIN, "");
	check(next_to(cs[0].farport, 6, &k) && (k.flags & TH_RST) != 0,
	    "who asks is told so");
}

void
test_wait(void)
{
	int lfd = listener(any, PORT);
	struct conn c = { .far = { FAR_C, STAYER }, .near = guest_a,
	    .farport = 6950, .nearport = PORT, .seq = 10,
	    .nonce = { 6, 0, 1, 1 }, .noncelen = 4 };
	int msl = 0;
	size_t len = sizeof(msl);

	scenario("TIME_WAIT");
	check(sysctl_get("net.inet.tcp.msl", &msl, &len) >= 0 &&
	    sysctl_set_int("net.inet.tcp.msl", LONG) >= 0, "a long one");
	net_answer.on = true;
	net_answer.noncelen = 4;
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	answers(&c);
	gives_way(&c, lfd);
	of_ours();
	they_end(lfd);
	memcpy(net_answer.nonce, c.nonce, 12);
	goes(lfd);
	(void)sysctl_set_int("net.inet.tcp.msl", msl);
	(void)sys_close(lfd);
}
