/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Packets and users that must do no harm.
 */
#include <sys/param.h>
#include <netinet/in.h>

#include "jail.h"
#include "kt.h"

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv guest_b = { GUEST_B, GUEST };
static const struct ilv attacker = { 0x20010db866660001ULL, FAR6 };
static int lfd;

/* True if a counter rises while a packet of the far end is ignored. */
static bool
ignored(struct conn *c, struct conn *evil, const char *name)
{
	uint64_t before = counter(name);
	struct packet k;
	char buf[8];

	far_send(evil, TH_ACK | TH_PUSH, "evil");
	(void)net_receive(&k, 100);
	return (counter(name) == before + 1 && sys_recvfrom(c->fd, buf,
	    sizeof(buf), MSG_DONTWAIT, NULL, NULL) == -EAGAIN);
}

/* lesson: 1, 2, 18 */
static void
forged_data(struct conn *c)
{
	struct conn evil;

	scenario("forged data");
	evil = *c;
	evil.nonce[0] ^= 1;
	check(ignored(c, &evil, "in_nonce_wrong"),
	    "a wrong nonce from the right locator");
	evil = *c;
	evil.far = attacker;
	evil.noncelen = 0;
	evil.sum = SUM_IPV6;
	check(ignored(c, &evil, "in_nonce_missing"),
	    "no nonce from another locator");
	evil = *c;
	evil.noncelen = 5;
	check(ignored(c, &evil, "in_nonce_len"), "a nonce of 5 octets");
	evil.noncelen = 4;
	evil.twice = true;
	check(ignored(c, &evil, "in_nonce_twice"), "the nonce, twice");
	far_send(c, TH_ACK | TH_PUSH, "good");
	check(near_reads(c, "good"), "the connection goes on");
}

/* lesson: 3, 4, 55 */
static void
same_nid(struct conn *c)
{
	struct conn evil = { .far = attacker, .near = guest_a, .farport = 6500,
	    .nearport = 7200, .seq = 1, .nonce = { 0x66 }, .noncelen = 4 };
	struct packet k;
	uint8_t ours[12];

	scenario("another host with the same NID");
	net_answer.on = false;
	check(far_connects(&evil, lfd, evil.far, evil.near, 0),
	    "it may connect");
	check(near_send(c, "mine", &k) && k.dst.l64 == c->far.l64,
	    "the first connection stays with its host");
	memcpy(ours, k.nonce, 12);
	check(near_send(&evil, "its", &k) && k.dst.l64 == evil.far.l64,
	    "and the second with its own");
	check(memcmp(ours, k.nonce, 12) != 0, "they have different nonces");
	evil.farport = c->farport;
	evil.seq = c->seq;
	evil.ack = c->ack;
	check(ignored(c, &evil, "in_nonce_wrong"),
	    "it cannot speak on the first one's ports");
	(void)sys_close(evil.fd);
	net_answer.on = true;
}

static void
send_lu(const struct conn *c, const uint64_t *l64, unsigned int n,
    unsigned int count, uint8_t code, uint8_t op)
{
	struct packet k = update_of(c, l64, n);

	k.code = code;
	k.body[0] = (uint8_t)count;
	k.body[1] = op;
	net_send(c->tap, &k);
}

/*
 * True if an update is counted once.  What is told meanwhile to the other host
 * with this NID is acknowledged with our nonce, and counted besides; that does
 * not happen each time.
 */
static bool
refused(const struct conn *c, const uint64_t *l64, unsigned int n,
    unsigned int count, uint8_t code, uint8_t op, const char *name)
{
	struct packet k;

	for (int i = 0; i < 3; i++) {
		uint64_t before = counter(name);

		send_lu(c, l64, n, count, code, op);
		(void)net_receive(&k, 100);
		if (counter(name) == before + 1)
			return (true);
		say("       %s: %lu\n", name, counter(name) - before);
	}
	return (false);
}

/* lesson: 7, 60 */
static void
forged_updates(struct conn *c)
{
	const uint64_t useless[] = { 0xfe80ULL << 48, 0xff02ULL << 48, 0 };
	const uint64_t good[] = { FAR_E };
	struct conn evil = *c;
	struct packet k;

	scenario("Locator Updates that must not move anything");
	evil.noncelen = 0;
	check(refused(&evil, good, 1, 1, 0, 1, "lu_forged"), "without a nonce");
	evil = *c;
	evil.nonce[1] ^= 1;
	check(refused(&evil, good, 1, 1, 0, 1, "lu_forged"),
	    "with a wrong nonce");
	check(refused(c, useless, 3, 3, 0, 1, "lu_badloc"),
	    "with locators nobody can have");
	check(refused(c, good, 1, 255, 0, 1, "lu_malformed"),
	    "that ends before it has said all");
	check(refused(c, good, 1, 0, 0, 1, "lu_malformed"), "without locators");
	check(refused(c, good, 1, 1, 9, 1, "lu_malformed"), "of another code");
	check(refused(c, good, 1, 1, 0, 3, "lu_malformed"),
	    "of another operation");
	check(refused(c, good, 1, 1, 0, 2, "lu_stale_ack"),
	    "an acknowledgement of nothing");
	check(near_send(c, "still here", &k) && k.dst.l64 == c->far.l64,
	    "traffic goes where it went");
}

/* lesson: 9 */
static void
flood(struct conn *c)
{
	struct packet k, r;
	uint64_t created = counter("sess_created");

	scenario("a flood of forged first packets");
	check(sysctl_set_int("net.inet6.ilnp6.half_max", 64) >= 0,
	    "a limit set while it runs is for the next time");
	/* Forged sources answer no probes. */
	net_answer.on = false;
	memset(&k, 0, sizeof(k));
	k.dst = guest_a;
	k.proto = 6;
	k.flags = TH_SYN;
	k.dport = 7200;
	k.noncelen = 4;
	for (unsigned int i = 0; i < 6000; i++) {
		k.src.l64 = 0x20010db800000000ULL | (i * 2654435761U);
		k.src.nid = 0x0200000000000001ULL + i;
		k.sport = (uint16_t)(1024 + i);
		put32(k.nonce, i + 1);
		net_send(0, &k);
		if (i % 64 == 0)
			while (net_receive(&r, 1))
				continue;
	}
	while (net_receive(&r, 20))
		continue;
	say("       created %lu evicted %lu freed %lu\n",
	    counter("sess_created") - created, counter("sess_evicted"),
	    counter("sess_freed"));
	check(counter("sess_created") - counter("sess_freed") <= 4096 + 64,
	    "sessions stay within their limit");
	far_send(c, TH_ACK | TH_PUSH, "alive");
	check(near_reads(c, "alive"), "the connection lives through it");
}

/* Changes octets of good packets at random, and sends them all. */
/* lesson: 15 */
static void
mutate(const struct conn *c)
{
	struct packet k, r;
	uint64_t x = 88172645463325252ULL;
	uint8_t p[2048];

	scenario("3000 mutilated packets");
	for (unsigned int i = 0; i < 3000; i++) {
		size_t len;

		memset(&k, 0, sizeof(k));
		k.src = c->far;
		k.dst = c->near;
		memcpy(k.nonce, c->nonce, 12);
		k.noncelen = i % 3 == 0 ? 12 : 4;
		k.nonces = i % 7 == 0;
		k.proto = (uint8_t[]){ 6, 17, 58, 58, 60, 44, 0, 43 }[i % 8];
		k.type = (uint8_t[]){ 1, 2, 4, 128, 129, 156 }[i / 8 % 6];
		k.sport = c->farport;
		k.dport = c->nearport;
		k.flags = TH_ACK;
		k.bodylen = (uint16_t)(i % 200);
		len = net_compose(&k, p);
		for (unsigned int j = 0; j < 1 + i % 5; j++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			/* Not the version, nor for whom it is. */
			p[4 + (x >> 8) % 4] ^= (x & 1) != 0 ? (uint8_t)x : 0;
			p[40 + (x >> 16) % (len - 40)] = (uint8_t)(x >> 40);
		}
		net_send_raw(0, p, len);
		if (i % 64 == 0)
			while (net_receive(&r, 1))
				continue;
	}
	while (net_receive(&r, 20))
		continue;
	check(true, "the kernel is still there");
}

/* Tells of the i-th of many correspondents, or has it forgotten. */
static result
teach_nth(unsigned int i, bool there)
{
	char text[] = "0211-22ff-fe77-0000 2001+0db8+000c+0001";

	for (unsigned int k = 0; k < 4; k++)
		text[15 + k] = "0123456789abcdef"[i >> (12 - 4 * k) & 0xf];
	if (!there)
		text[19] = '\0';
	return (sysctl_set("net.inet6.ilnp6.teach", text));
}

/* Once ended in a panic: there was no candidate to make room for another. */
static void
full_hints(void)
{
	unsigned int n = 0;
	result pid;

	scenario("a user, and no room left by the administrator");
	while (n < 1000 && teach_nth(n, true) >= 0)
		n++;
	check(n > 0 && teach_nth(n, true) == -ENOSPC, "no more can be told of");
	pid = sys_fork();
	if (pid == 0) {
		(void)sys_setuid(1001);
		sys_exit(sysctl_set("net.inet6.ilnp6.candidate",
		    "full.example.com 0211-22ff-fe78-0001 "
		    "2001+0db8+000e+0001,10,300") == -ENOSPC ? 0 : 1);
	}
	check(sys_wait((int)pid) == 0, "a user's look-up is refused");
	while (n > 0)
		(void)teach_nth(--n, false);
}

/* True if a process of some user ends well. */
static bool
as_user(int uid, bool (*fn)(void))
{
	result pid = sys_fork();

	if (pid == 0) {
		(void)sys_setuid(uid);
		sys_exit(fn() ? 0 : 1);
	}
	return (sys_wait((int)pid) == 0);
}

static bool
looks_up(void)
{
	return (sysctl_set("net.inet6.ilnp6.candidate", "secret.example.com "
	    "0211-22ff-fe79-0001 2001+0db8+000e+0001,10,300") >= 0);
}

static bool
sees_name(void)
{
	return (listing("net.inet6.ilnp6.hints",
	    " name=secret.example.com uid=1001 left="));
}

static bool
sees_no_name(void)
{
	return (listing("net.inet6.ilnp6.hints", "0211-22ff-fe79-0001") &&
	    !listing("net.inet6.ilnp6.hints", "secret"));
}

#define	CLAIMED	0x021122fffe790002ULL

static bool
claims(void)
{
	return (sysctl_set("net.inet6.ilnp6.candidate", "evil.example.com "
	    "0211-22ff-fe79-0002 2001+0db8+000c+0001,10,300 "
	    "2001+0db8+000e+0001,0,300") >= 0);
}

/*
 * A user's name says that somebody else's NID is at a place of his own, too:
 * nothing goes there, for the nonce would be in it.
 */
static void
claimed_nid(void)
{
	const struct ilv bank = { FAR_C, CLAIMED };
	int64_t end;
	struct packet k;
	bool there = false, elsewhere = false;
	int fd;

	scenario("a name that claims another's NID");
	check(as_user(1001, claims), "a user's look-up says so");
	fd = connector(bank, 7301);
	end = now_ms() + 3000;
	while (now_ms() < end || (!there && now_ms() < end + SOON))
		if (net_receive(&k, 100) && k.dst.nid == CLAIMED) {
			there |= k.dst.l64 == FAR_C;
			elsewhere |= k.dst.l64 != FAR_C;
		}
	check(there, "a connection begins where the program wants it");
	check(!elsewhere && net_answer.update.dst.l64 != FAR_E,
	    "and nothing goes where only the name says");
	(void)sys_close(fd);
}

static void
private_names(void)
{
	scenario("what others look up");
	check(as_user(1001, looks_up), "a user looks a name up");
	check(as_user(1001, sees_name) && sees_name(),
	    "he and root see the name");
	check(as_user(1002, sees_no_name), "another user does not");
	(void)sysctl_set("net.inet6.ilnp6.teach", "0211-22ff-fe79-0001");
}

#define	SHARED_NID	"0211-22ff-fe7a-0001"
#define	CANDIDATE	"net.inet6.ilnp6.candidate"

static bool
shares(void)
{
	return (sysctl_set(CANDIDATE, "shared.example.com " SHARED_NID
	    " 2001+0db8+000e+0001,10,300") >= 0);
}

/* Looks up more than one user may have. */
static bool
fills(void)
{
	char text[] = "full.example.com 0211-22ff-fe7b-0000 "
	    "2001+0db8+000e+0001,10,300";
	bool good = true;

	for (unsigned int i = 0; i < 40; i++) {
		text[34] = "0123456789abcdef"[i >> 4];
		text[35] = "0123456789abcdef"[i & 15];
		good &= sysctl_set(CANDIDATE, text) >= 0;
	}
	return (good);
}

static bool
says_otherwise(void)
{
	return (sysctl_set(CANDIDATE, "shared.example.com " SHARED_NID
	    " 2001+0db8+000e+0002,10,300") == -EBUSY && fills());
}

/* The same number is another user in a jail that shares the network stack. */
static int
is_another_user(void *unused __unused)
{
	return (!as_user(1001, says_otherwise));
}

static void
jailed_user(void)
{
	scenario("a user of a jail with another one's number");
	check(as_user(1001, shares), "a user looks a name up");
	check(jail_run_with(guest_b, is_another_user, NULL) == 0,
	    "the jail's user may not say otherwise, and has many names");
	check(listing("net.inet6.ilnp6.hints", SHARED_NID
	    " 2001+0db8+000e+0001"), "which drive out none of the other's");
	(void)sysctl_set("net.inet6.ilnp6.teach", SHARED_NID);
}

#define	ASKED	"asked.example.com 0211-22ff-fe7c-0001 "

static bool
is_told(void)
{
	return (sysctl_set(CANDIDATE, ASKED "2001+0db8+000e+0001,1,300") >= 0);
}

static bool
is_told_otherwise(void)
{
	return (sysctl_set(CANDIDATE, ASKED "2001+0db8+000e+0002,1,300") ==
	    -EBUSY);
}

/* No devctl(4) tells in a jail's stack; ilnp-renew(8) looks there. */
static int
asks_in_jail(void *unused __unused)
{
	return (sysctl_set("net.inet6.ilnp6.nids", "0:0:0:1") < 0 ||
	    sysctl_set_int("net.inet6.ilnp6.enable", 1) < 0 ||
	    !as_user(1001, is_told) || !as_user(1002, is_told_otherwise) ||
	    !shows("net.inet6.ilnp6.hints", " asked=", SOON) ||
	    sysctl_set("net.inet6.ilnp6.answer",
	    ASKED "2001+0db8+000e+0002,1,300") < 0 ||
	    !listing("net.inet6.ilnp6.hints", "e+0002,1,300 name=asked") ||
	    listing("net.inet6.ilnp6.hints", " asked="));
}

/* It leads there no more, says the name server. */
static int
forgets_in_jail(void *unused __unused)
{
	int64_t end = now_ms() + 2 * SOON;

	/* Now the first is who is told otherwise. */
	if (as_user(1002, is_told))
		return (1);
	while (!listing("net.inet6.ilnp6.hints", " asked=")) {
		if (now_ms() > end)
			return (2);
		sleep_ms(200);
	}
	return (sysctl_set("net.inet6.ilnp6.answer", "asked.example.com") < 0 ||
	    listing("net.inet6.ilnp6.hints", "asked.example.com") ? 3 : 0);
}

static void
jailed_names(void)
{
	int jid = (int)sys_vnet_jail("kt8");

	scenario("names in the network stack of a jail");
	check(jail_run(jid, asks_in_jail, NULL) == 0,
	    "one that others were told otherwise of is to be asked");
	check(jail_run(jid, forgets_in_jail, NULL) == 0,
	    "and is forgotten if it says no more");
	(void)sys_jail_remove(jid);
}

/* lesson: 24 */
static void
users(void)
{
	result pid, r;

	scenario("users");
	pid = sys_fork();
	if (pid == 0) {
		(void)sys_setuid(1001);
		r = sysctl_set("net.inet6.ilnp6.teach",
		    "0211-22ff-fe00-0006 2001+0db8+000e+0001");
		if (r == -EPERM)
			r = sysctl_set_int("net.inet6.ilnp6.enable", 0);
		if (r == -EPERM)
			r = sysctl_set("net.inet6.ilnp6.nids", "1:1:1:1");
		sys_exit(r == -EPERM ? 0 : 1);
	}
	check(sys_wait((int)pid) == 0, "only root may change anything");
	check(sysctl_set("net.inet6.ilnp6.teach", "1:2:3") == -EINVAL &&
	    sysctl_set("net.inet6.ilnp6.teach", "") == -EINVAL &&
	    sysctl_set("net.inet6.ilnp6.teach",
	    "0211-22ff-fe00-0006 fe80+0+0+0") == -EINVAL,
	    "nonsense is refused");
}

static bool
reads_sessions(void)
{
	size_t len = 0;

	return (sysctl_get("net.inet6.ilnp6.sessions", NULL, &len) >= 0 &&
	    len > 1);
}

/* Correspondents are somebody's, as connections are. */
static void
blind_users(void)
{
	const char *const see = "security.bsd.see_other_uids";
	bool before = as_user(1001, reads_sessions), after, root;

	scenario("users who are not to see what others do");
	(void)sysctl_set_int(see, 0);
	after = as_user(1001, reads_sessions);
	root = reads_sessions();
	(void)sysctl_set_int(see, 1);
	check(before && !after, "see no sessions");
	check(root, "root does");
}

#define	SPOKEN		0x20010db8000a0077ULL
#define	SPOKEN_TEXT	"2001+0db8+000a+0077"
#define	LONGER_S	4	/* the prefix lives, each time */
#define	PAUSE_MS	8	/* less than after what the kernel looks */
#define	DEAF_MS		100	/* many times that */
#define	DEAF_TIMES	10	/* and as often as chance does not do it */

/* How long a locator lives, in seconds; 0 if there is none. */
static uint32_t
life_of(const char *l64)
{
	static char text[4096];
	size_t len = sizeof(text) - 64;
	const char *p = text;
	uint32_t n = 0;

	memset(text, 0, sizeof(text));
	(void)sysctl_get("net.inet6.ilnp6.locators", text, &len);
	while (*p != '\0' && memcmp(p, l64, length(l64)) != 0)
		p++;
	while (*p != '\0' && *p != '\n' && memcmp(p, "left=", 5) != 0)
		p++;
	if (*p == 'l')
		for (p += 5; *p >= '0' && *p <= '9'; p++)
			n = n * 10 + (uint32_t)(*p - '0');
	return (n);
}

/* Waits until what was said is known, and nobody looks any more. */
static void
settle(uint32_t seconds)
{
	int64_t end = now_ms() + SOON;
	struct packet k;

	while (life_of(SPOKEN_TEXT) + LONGER_S <= seconds && now_ms() < end)
		(void)net_receive(&k, 10);
	(void)net_receive(&k, 100);
}

enum hearing { HEARD, DEAF, PAUSED };

/*
 * Advertises the prefix for so long, again and again without a pause, until the
 * locator lives that long, or it is clear that it never will.
 */
static enum hearing
speak(uint32_t seconds)
{
	int64_t began = now_ms(), before, now = began;

	do {
		before = now;
		now = now_ms();
		net_advertise(0, SPOKEN, seconds, seconds);
		if (now_ms() > before + PAUSE_MS)
			return (PAUSED);
		if (life_of(SPOKEN_TEXT) > seconds - LONGER_S)
			return (now_ms() > now + PAUSE_MS ? PAUSED : HEARD);
	} while (now < began + DEAF_MS);
	return (DEAF);
}

/*
 * Where routers speak all the time, we listen to them all the same.  A machine
 * with other work pauses, and tells nothing then.  They are to be heard twice
 * in a row: somebody may have been looking when they began.
 */
static void
many_advertisements(void)
{
	int64_t end = now_ms() + SOON;
	uint32_t seconds = 60, tries = 0, deaf = 0;
	enum hearing how;

	scenario("advertisements without an end");
	do {
		how = speak(seconds += LONGER_S);
		if (how == HEARD)
			how = speak(seconds += LONGER_S);
		deaf += how == DEAF;
		tries++;
		settle(seconds);
	} while (how != HEARD && deaf < DEAF_TIMES && now_ms() < end);
	if (how != HEARD && deaf < DEAF_TIMES)
		say("       this machine is too slow to tell\n");
	check(deaf < DEAF_TIMES && life_of(SPOKEN_TEXT) != 0,
	    "what they say is known meanwhile (%u)", tries);
	net_advertise(0, SPOKEN, 0, 0);
	check(two_locators(), "and those that were there stay");
}

/* lesson: 10, 11 */
static void
many_prefixes(void)
{
	struct packet k;

	scenario("300 prefixes");
	for (unsigned int i = 0; i < 300; i++) {
		net_advertise(0, 0x20010db877000000ULL + i, 60, 60);
		(void)net_receive(&k, 1);
	}
	(void)net_receive(&k, 3000);
	check(listing("net.inet6.ilnp6.locators", "2001+0db8+000a+0001") &&
	    listing("net.inet6.ilnp6.locators", "2001+0db8+000b+0001"),
	    "the locators that were there stay");
	for (unsigned int i = 0; i < 300; i++) {
		net_advertise(0, 0x20010db877000000ULL + i, 0, 0);
		/* A router that does not answer takes its prefix along. */
		(void)net_receive(&k, 1);
	}
}

void
test_hostile(void)
{
	struct conn c = { .far = { FAR_C, FAR6 }, .near = guest_a,
	    .farport = 6400, .nearport = 7200, .seq = 400,
	    .nonce = { 7, 7, 7, 7 }, .noncelen = 4 };
	uint32_t v;
	size_t len = sizeof(v);

	lfd = listener(any, 7200);
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	forged_data(&c);
	same_nid(&c);
	forged_updates(&c);
	flood(&c);
	mutate(&c);
	users();
	private_names();
	full_hints();
	claimed_nid();
	blind_users();
	many_advertisements();
	/*
	 * FreeBSD makes addresses of its own for them inside of the epoch, and
	 * waits there for whoever else joins a group, as we do for ours: a
	 * debug kernel does not bear that.
	 */
	if (sysctl_get("debug.witness.watch", &v, &len) < 0)
		many_prefixes();
	jailed_user();
	jailed_names();
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}
