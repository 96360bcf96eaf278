/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Each reason for which a packet is not taken has a counter of its own, which
 * goes up by one, and no other does: those that t_forged.c, t_hostile.c and
 * t_local.c do not come by.
 */
#include <sys/param.h>
#include <netinet/in.h>

#include "../../sys/netinet6/ilnp/core/ilnp_stat.h"
#include "kt.h"

#define	PEER	(FAR6 + 0x300)
#define	BEGINNER (FAR6 + 0x301)
#define	PROBE	12	/* octets of one behind its first four */

static const struct ilv guest_a = { GUEST_A, GUEST };

static uint64_t was, allwas;

/* All packets that were not taken, for whatever reason. */
static uint64_t
refusals(void)
{
	uint64_t n = 0;

#define	X(name, text)							\
	if (contains(text, "dropped:") || contains(text, "ignored:"))	\
		n += counter(#name);
	ILNP_STATS(X)
#undef X
	return (n);
}

static void
note(const char *name)
{
	was = counter(name);
	allwas = refusals();
}

/* True if since then one packet was counted, under that name. */
static bool
alone(const char *name)
{
	uint64_t n = risen(name, was), all = refusals() - allwas;

	if (n == 1 && all == 1)
		return (true);
	say("       %s: %lu, of all reasons: %lu\n", name, n, all);
	say_counters();
	return (false);
}

/* True if octets are refused for that reason. */
static bool
refused_raw(int tap, const uint8_t *p, size_t len, const char *name)
{
	note(name);
	net_send_raw(tap, p, len);
	return (alone(name));
}

static bool
refused(const struct conn *c, const struct packet *k, const char *name)
{
	uint8_t p[2048];

	return (refused_raw(c->tap, p, net_compose(k, p), name));
}

/* The same packet with its last octet changed. */
static bool
refused_spoilt(const struct conn *c, const struct packet *k, const char *name)
{
	uint8_t p[2048];
	size_t len = net_compose(k, p);

	p[len - 1] ^= 1;
	return (refused_raw(c->tap, p, len, name));
}

/* A segment that would be taken. */
static struct packet
segment_of(const struct conn *c)
{
	struct packet k = far_segment(c, TH_ACK | TH_PUSH);

	memcpy(k.body, "evil", 4);
	k.bodylen = 4;
	return (k);
}

static struct packet
echo_of(const struct conn *c)
{
	struct packet k = far_packet(c);

	k.proto = 58;
	k.type = 128;
	k.bodylen = PROBE;
	return (k);
}

static void
segments(struct conn *c)
{
	struct packet k = segment_of(c);
	uint8_t p[2048];
	size_t len;

	k.src.l64 = 0xfe80ULL << 48;
	check(refused(c, &k, "in_badloc"), "from a locator nobody can have");
	k = segment_of(c);
	len = net_compose(&k, p);
	/* A header that does so would not come past ipfw(4). */
	p[43] = 200;
	check(refused_raw(c->tap, p, len, "in_malformed"),
	    "an option that goes on behind the end of its header");
	k.sum = SUM_IPV6;
	set("cksum_strict", 1);
	check(refused(c, &k, "in_cksum_kind"), "the other kind of checksum");
	set("cksum_strict", 0);
	check(near_send(c, "too big?", &k), "data goes out");
	net_keep();
	note("in_ptb_bad");
	net_error(k.tap, 2, 0, 1000, NULL);
	check(alone("in_ptb_bad"), "a network too small for IPv6");
	far_send(c, TH_ACK | TH_PUSH, "good");
	check(near_reads(c, "good"), "the connection goes on");
}

/* True if an update is taken in the end: the nonce is to be proven first. */
static bool
is_taken(const struct conn *c, const struct packet *update)
{
	uint64_t before = counter("lu_rcvd");
	int64_t end = now_ms() + SOON;
	struct packet k;

	do {
		net_send(c->tap, update);
		(void)net_receive(&k, 100);
	} while (counter("lu_rcvd") == before && now_ms() < end);
	return (counter("lu_rcvd") == before + 1);
}

static void
updates(const struct conn *c)
{
	static const uint64_t there[] = { FAR_C }, both[] = { FAR_C, FAR_D };
	struct packet one = update_of(c, there, 1), k = echo_of(c);
	struct packet two = update_of(c, both, 2);
	uint64_t dups, all;

	/* Longer than all that follows takes. */
	set("lu_gap", 10000);
	check(is_taken(c, &one), "a Locator Update is taken");
	dups = counter("lu_dup");
	all = refusals();
	net_send(c->tap, &one);
	check(risen("lu_dup", dups) == 1 && refusals() == all,
	    "the same once more is no news, and no mistake");
	check(refused(c, &two, "lu_limited"), "another too soon");
	set("lu_max", 1);
	check(refused(c, &two, "lu_toomany"), "too many locators");
	set("lu_max", 64);
	check(refused_spoilt(c, &two, "lu_cksum"), "a wrong checksum");
	check(refused_spoilt(c, &k, "lu_cksum"), "or that of a probe");
	set("lu_gap", 100);
}

/* A handshake that has just begun proves no nonce. */
static void
unproven(void)
{
	static const uint64_t l64[] = { FAR_E };
	struct conn c = { .far = { FAR_D, BEGINNER }, .near = guest_a,
	    .farport = 6461, .nearport = 7260, .seq = 9,
	    .nonce = { 9, 9, 8, 8 }, .noncelen = 4 };
	struct packet k = update_of(&c, l64, 1);

	net_answer.on = false;
	far_send(&c, TH_SYN, "");
	check(refused(&c, &k, "lu_unproven"), "of a nonce not proven yet");
	far_send(&c, TH_RST, "");
	net_answer.on = true;
}

/* The answer to a probe counts once. */
static void
twice(const struct conn *c)
{
	int64_t end = now_ms() + SOON;
	uint64_t stray = counter("probe_stray"), reply;
	struct packet k;
	struct ilv src;

	net_answer.on = false;
	do
		(void)net_expect(&k, 58, SOON);
	while ((k.type != 128 || k.bodylen != PROBE || k.dst.nid != PEER) &&
	    now_ms() < end);
	src = k.src;
	k.src = k.dst;
	k.dst = src;
	k.type = 129;
	memcpy(k.nonce, c->nonce, 12);
	k.noncelen = c->noncelen;
	reply = counter("probe_reply");
	net_send(k.tap, &k);
	check(risen("probe_reply", reply) == 1 &&
	    counter("probe_stray") == stray, "a probe is answered");
	net_send(k.tap, &k);
	check(risen("probe_stray", stray) == 1 &&
	    counter("probe_reply") == reply + 1, "its second answer is nobody's");
	net_answer.on = true;
}

void
test_count(void)
{
	struct conn c = { .far = { FAR_C, PEER }, .near = guest_a,
	    .farport = 6460, .nearport = 7260, .seq = 400,
	    .nonce = { 7, 7, 7, 9 }, .noncelen = 4 };
	int lfd = listener((struct ilv){ 0, 0 }, 7260);

	scenario("one counter for each reason");
	net_answer.on = true;
	net_answer.noncelen = c.noncelen;
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	updates(&c);
	segments(&c);
	unproven();
	twice(&c);
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}
