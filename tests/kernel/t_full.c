/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A table of sessions that is full of those whose connections need them: one
 * more is refused and counted, whoever begins it, and nothing else is.
 */
#include <sys/param.h>

#include "kt.h"

#define	SESSIONS	16	/* the least that may be set */
#define	CALLER		0x021122fffe000500ULL
#define	CALLED		0x021122fffe0005ffULL
#define	PORT		7270

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };

/* Cuts a connection off: with it goes what needs its session. */
static void
cut(const struct conn *c)
{
	const int now[2] = { 1, 0 };

	(void)sys_setsockopt(c->fd, SOL_SOCKET, SO_LINGER, now, sizeof(now));
	(void)sys_close(c->fd);
}

/* True if what we begin with somebody that names know goes without ILNP. */
static bool
is_plain(void)
{
	struct packet k;
	bool plain;
	int fd;

	(void)sysctl_set("net.inet6.ilnp6.teach",
	    "0211-22ff-fe00-05ff 2001+0db8+000c+0001,10,600");
	fd = connector((struct ilv){ FAR_C, CALLED }, PORT + 1);
	plain = next_to(PORT + 1, 6, &k) && k.noncelen == 0 &&
	    k.sum == SUM_IPV6;
	(void)sys_close(fd);
	return (plain);
}

/*
 * Calls until a session is made.  Returns how often there was no answer; more
 * than is possible if there never was one.
 */
static unsigned int
call(struct conn *c)
{
	uint64_t before = counter("sess_created");
	int64_t end = now_ms() + SOON;
	const uint32_t seq = c->seq;
	struct packet k;

	for (unsigned int n = 0;; n++) {
		far_send(c, TH_SYN, "");
		c->seq = seq;
		for (int64_t next = now_ms() + 300; now_ms() < next;)
			(void)net_receive(&k, 50);
		if (counter("sess_created") != before)
			return (n);
		if (now_ms() > end)
			return (UINT_MAX);
	}
}

uint64_t
full_table(void)
{
	static struct conn c[SESSIONS + 1];
	struct conn *last = &c[SESSIONS];
	int lfd = listener(any, PORT);
	uint64_t refused;
	unsigned int n;
	struct packet k;
	bool good;

	scenario("a full table of sessions");
	set("sess_max", SESSIONS);
	set("busy_time", 1);
	set("enable", 0);
	set("enable", 1);
	good = two_locators();
	for (unsigned int i = 0; i <= SESSIONS; i++)
		c[i] = (struct conn){ .far = { FAR_C, CALLER + i },
		    .near = guest_a, .farport = (uint16_t)(6700 + i),
		    .nearport = PORT, .seq = 100, .nonce = { 6, 1, 6, 1 },
		    .noncelen = 4 };
	net_answer.on = true;
	net_answer.noncelen = 4;
	memcpy(net_answer.nonce, c[0].nonce, 12);
	for (unsigned int i = 0; i < SESSIONS; i++)
		good = good && far_connects(&c[i], lfd, c[i].far, c[i].near, 0);
	check(good && counter("sess_created") == SESSIONS &&
	    counter("sess_refused") == 0, "there is room for %u", SESSIONS);
	far_send(last, TH_SYN, "");
	last->seq--;
	check(risen("sess_refused", 0) == 1 && counter("sess_evicted") == 0,
	    "whoever calls then is refused, and nobody goes for it");
	check(is_plain() && counter("sess_refused") == 2,
	    "whom a program calls is called without ILNP");
	good = near_send(&c[0], "first", &k) && k.noncelen == 4 &&
	    near_send(last - 1, "last", &k) && k.noncelen == 4;
	check(good && counter("sess_refused") == 2,
	    "connections that are there go on");
	cut(&c[0]);
	n = call(last);
	refused = counter("sess_refused");
	check(n < UINT_MAX && refused == 2 + n && counter("sess_evicted") == 1,
	    "one that has left makes way (%u)", n);
	check(far_connects(last, lfd, last->far, last->near, 0),
	    "for the next that calls");
	for (unsigned int i = 1; i <= SESSIONS; i++)
		cut(&c[i]);
	(void)sys_close(lfd);
	set("sess_max", 65536);
	set("busy_time", 10);
	set("enable", 0);
	set("enable", 1);
	check(two_locators(), "two locators");
	return (refused);
}
