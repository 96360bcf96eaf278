/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What routers and hosts without ILNP say: Packet Too Big, Unreachable,
 * Parameter Problem; and bulk data, whose segments must leave room.
 */
#include <sys/param.h>

#include "kt.h"

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };

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
	while (got < sizeof(data) && net_expect(k, 6, 2000)) {
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
		right = net_expect(&k, 6, 1000);
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
		found = net_expect(&k, 6, 2000);
	while (found && k.dport != 5002);
	check(found && k.noncelen == 4 && k.dst.l64 == FAR_E,
	    "the SYN carries a nonce");
	net_keep();
	net_error(0, 4, 2, 42, spoil_nonce);
	(void)net_receive(&k, 50);
	check(counter("fallback") == 0 && counter("fallback_forged") > 0,
	    "a Parameter Problem with another nonce is ignored");
	do
		found = net_expect(&k, 6, 4000);
	while (found && (k.flags != TH_SYN || k.dport != 5002));
	check(found && k.noncelen == 4, "the SYN is sent again with the nonce");
	net_keep();
	net_error(0, 4, 2, 42, NULL);
	(void)net_receive(&k, 50);
	check(counter("fallback") == 1, "the true one is believed");
	do
		found = net_expect(&k, 6, 6000);
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
	fallback();
}
