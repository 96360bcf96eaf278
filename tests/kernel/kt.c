/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The first program of the guest: sets the network up, runs the scenarios,
 * says how they went, and switches off.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "kt.h"
#include "../../sys/netinet6/ilnp/core/ilnp_stat.h"

static unsigned int good, bad;
static bool debugger;	/* has the last word */

void
verdict(bool ok)
{
	if (ok)
		good++;
	else
		bad++;
}

void
scenario(const char *name)
{
	say("== %s\n", name);
}

void
set(const char *knob, int value)
{
	char path[80] = "net.inet6.ilnp6.";

	memcpy(path + length(path), knob, length(knob) + 1);
	if (sysctl_set_int(path, value) < 0)
		check(false, "%s cannot be set to %d", knob, value);
}

uint64_t
counter(const char *name)
{
	char path[80] = "net.inet6.ilnp6.stats.";
	size_t len = sizeof(uint64_t), n = length(path);
	uint64_t v = 0;

	memcpy(path + n, name, length(name) + 1);
	if (sysctl_get(path, &v, &len) < 0)
		say("no counter %s\n", name);
	return (v);
}

uint64_t
risen(const char *name, uint64_t was)
{
	int64_t end = now_ms() + SOON;

	while (counter(name) == was && now_ms() < end)
		sleep_ms(2);
	return (counter(name) - was);
}

void
say_counters(void)
{
#define	X(name, text)							\
	if (counter(#name) != 0)					\
		say(" " #name "=%lu", (unsigned long)counter(#name));
	ILNP_STATS(X)
#undef X
	say("\n");
}

bool
listing(const char *name, const char *part)
{
	static char text[6000];
	size_t len = sizeof(text) - 1;

	memset(text, 0, sizeof(text));
	(void)sysctl_get(name, text, &len);
	/* A line that did not fit is not to run into the next one. */
	say("%s%s", text, length(text) == sizeof(text) - 1 ? "\n" : "");
	return (contains(text, part));
}

bool
shows(const char *name, const char *part, int ms)
{
	static char text[6000];
	int64_t end = now_ms() + ms;

	do {
		size_t len = sizeof(text) - 1;
		struct packet k;

		memset(text, 0, sizeof(text));
		(void)sysctl_get(name, text, &len);
		if (contains(text, part))
			return (true);
		(void)net_receive(&k, 20);
	} while (now_ms() < end);
	say("%s", text);
	return (false);
}

struct in6_addr
kt_in6(struct ilv a)
{
	struct in6_addr in6;

	put64(&in6.s6_addr[0], a.l64);
	put64(&in6.s6_addr[8], a.nid);
	return (in6);
}

struct sockaddr_in6
kt_address(struct ilv a, uint16_t port)
{
	struct sockaddr_in6 sa = { .sin6_len = sizeof(sa),
	    .sin6_family = AF_INET6, .sin6_addr = kt_in6(a) };

	put16((uint8_t *)&sa.sin6_port, port);
	return (sa);
}

int
listener(struct ilv a, uint16_t port)
{
	struct sockaddr_in6 sa = kt_address(a, port);
	int fd = (int)sys_socket(AF_INET6, SOCK_STREAM, 0);

	if (sys_bind(fd, &sa, sizeof(sa)) < 0 || sys_listen(fd, 16) < 0)
		say("cannot listen\n");
	(void)sys_fcntl(fd, F_SETFL, O_NONBLOCK);
	return (fd);
}

int
connector(struct ilv a, uint16_t port)
{
	struct sockaddr_in6 sa = kt_address(a, port);
	int fd = (int)sys_socket(AF_INET6, SOCK_STREAM, 0);
	result r;

	(void)sys_fcntl(fd, F_SETFL, O_NONBLOCK);
	r = sys_connect(fd, &sa, sizeof(sa));
	if (r < 0 && r != -EINPROGRESS)
		say("connect: error %d\n", (int)-r);
	return (fd);
}

struct packet
far_packet(const struct conn *c)
{
	struct packet k;

	memset(&k, 0, sizeof(k));
	k.src = c->far;
	k.dst = c->near;
	memcpy(k.nonce, c->nonce, 12);
	k.noncelen = c->noncelen;
	k.nonces = c->twice;
	k.sum = c->sum;
	return (k);
}

struct packet
far_segment(const struct conn *c, uint8_t flags)
{
	struct packet k = far_packet(c);

	k.proto = 6;
	k.sport = c->farport;
	k.dport = c->nearport;
	k.seq = c->seq;
	k.ack = c->ack;
	k.flags = flags;
	k.mss = (flags & TH_SYN) != 0;
	return (k);
}

void
far_send(struct conn *c, uint8_t flags, const char *text)
{
	struct packet k = far_segment(c, flags);

	k.bodylen = (uint16_t)length(text);
	memcpy(k.body, text, k.bodylen);
	net_send(c->tap, &k);
	c->seq += k.bodylen + ((flags & (TH_SYN | TH_FIN)) != 0);
}

bool
near_send(struct conn *c, const char *text, struct packet *k)
{
	int64_t end = now_ms() + SOON;

	(void)sys_write(c->fd, text, length(text));
	do {
		if (!net_expect(k, 6, SOON))
			continue;
		if (k->sport == c->nearport && k->bodylen == length(text) &&
		    memcmp(k->body, text, k->bodylen) == 0) {
			c->ack = k->seq + k->bodylen;
			far_send(c, TH_ACK, "");
			return (true);
		}
	} while (now_ms() < end);
	return (false);
}

bool
near_reads(const struct conn *c, const char *text)
{
	int64_t end = now_ms() + SOON;
	char buf[256];
	result n;

	do {
		struct packet k;

		n = sys_recvfrom(c->fd, buf, sizeof(buf), MSG_DONTWAIT, NULL,
		    NULL);
		if (n >= 0)
			break;
		(void)net_receive(&k, 20);
	} while (now_ms() < end);
	return (n == (result)length(text) &&
	    memcmp(buf, text, (size_t)n) == 0);
}

bool
next_to(uint16_t port, uint8_t proto, struct packet *k)
{
	int64_t end = now_ms() + SOON;

	do
		if (net_expect(k, proto, SOON) && k->dport == port)
			return (true);
	while (now_ms() < end);
	return (false);
}

struct packet
update_of(const struct conn *c, const uint64_t *l64, unsigned int n)
{
	struct packet k;

	memset(&k, 0, sizeof(k));
	k.src = c->far;
	k.dst = c->near;
	memcpy(k.nonce, c->nonce, 12);
	k.noncelen = c->noncelen;
	k.proto = 58;
	k.type = 156;
	k.body[0] = (uint8_t)n;
	k.body[1] = 1;
	for (unsigned int i = 0; i < n; i++) {
		put64(k.body + 4 + 12 * i, l64[i]);
		put16(k.body + 12 + 12 * i, 10);
		put16(k.body + 14 + 12 * i, 300);
	}
	k.bodylen = (uint16_t)(4 + 12 * n);
	return (k);
}

bool
peer_is(int fd, struct ilv a)
{
	struct sockaddr_in6 want = kt_address(a, 0), sa;
	socklen_t len = sizeof(sa);

	return (sys_getpeername(fd, &sa, &len) >= 0 &&
	    memcmp(&sa.sin6_addr, &want.sin6_addr, 16) == 0);
}

bool
far_connects(struct conn *c, int lfd, struct ilv ackfar, struct ilv acknear,
    int acktap)
{
	int64_t end;
	struct packet k;
	result fd;

	c->fd = -1;
	end = now_ms() + SOON;
	/*
	 * A wire holds some fifty frames that nobody has read.  FreeBSD forgets
	 * a SYN whose answer finds no room there.
	 */
	while (now_ms() < end && net_receive(&k, 0))
		continue;
	far_send(c, TH_SYN, "");
	/* Other connections may say the same again and again. */
	do
		if (now_ms() > end || !net_expect(&k, 6, SOON))
			return (false);
	while (k.dport != c->farport || k.flags != (TH_SYN | TH_ACK));
	/* The answer mirrors the locators of the question. */
	if (k.ack != c->seq || !k.sumok || k.src.l64 != c->near.l64 ||
	    k.dst.l64 != c->far.l64 || k.tap != c->tap)
		return (false);
	c->ack = k.seq + 1;
	c->far = ackfar;
	c->near = acknear;
	c->tap = acktap;
	far_send(c, TH_ACK, "");
	end = now_ms() + SOON;
	/* Probes go on being answered meanwhile. */
	while ((fd = sys_accept(lfd, NULL, NULL)) < 0 && now_ms() < end)
		(void)net_receive(&k, 10);
	c->fd = (int)fd;
	return (fd >= 0);
}

bool
two_locators(void)
{
	int64_t end = now_ms() + STUCK_MS;
	struct packet k;

	/* An interface that has just come up believes nobody for a second. */
	do {
		net_advertise(0, GUEST_A, 7200, 3600);
		net_advertise(1, GUEST_B, 7200, 3600);
		(void)net_receive(&k, 100);
		if (shows("net.inet6.ilnp6.locators", "2001+0db8+000a+0001",
		    1000) && shows("net.inet6.ilnp6.locators",
		    "2001+0db8+000b+0001", 1000))
			return (true);
	} while (now_ms() < end);
	return (false);
}

void
leave_to_debugger(void)
{
	struct conn c = { .far = { FAR_C, FAR2 }, .near = { GUEST_A, GUEST },
	    .farport = 7000, .nearport = 7505, .seq = 10,
	    .nonce = { 0xa5, 0x3c, 0x96, 0x0f }, .noncelen = 4 };
	int lfd = listener((struct ilv){ 0, 0 }, c.nearport);

	scenario("the debugger");
	memcpy(net_answer.nonce, c.nonce, 12);
	net_answer.noncelen = c.noncelen;
	net_answer.on = true;
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	debugger = true;
}

/*
 * The kernel stops, shows what it knows of ILNP, and the machine ends: it does
 * not go on until somebody types.
 */
static void
look_inside(void)
{
	(void)sysctl_set("debug.ddb.scripting.script",
	    "kdb.enter.sysctl=show ilcc; show ilnp_session; reset");
	(void)sysctl_set_int("debug.kdb.enter", 1);
}

/* By hand-made frames, in the network stack of this program. */
static void
test_wire(void)
{
	struct packet k;

	net_open();
	(void)net_receive(&k, 1500);
	test_connect();
	test_accept();
	test_path();
	test_modes();
	test_wait();
	test_sock();
	test_prog();
	test_ping();
	test_offload();
	test_alloc();
	(void)full_table();
	test_life();
}

/* Opens the wires and switches ILNP on. */
static void
begin_with_two(void)
{
	struct packet k;

	net_open();
	(void)net_receive(&k, 1500);
	(void)sysctl_set("net.inet6.ilnp6.nids", "0211-22ff-fe33-4455");
	set("enable", 1);
	check(two_locators(), "two locators");
}

/* The same, by attackers and users. */
static void
test_harm(void)
{
	begin_with_two();
	net_answer.on = true;
	net_answer.noncelen = 4;
	test_local();
	check(two_locators(), "two locators again");
	test_forged();
	check(two_locators(), "two locators again");
	test_count();
	/* Last: answers to its floods go on, and fill the queues of the taps. */
	test_hostile();
}

/* Sockets of all kinds, and what programs may say of them. */
static void
test_sockets(void)
{
	begin_with_two();
	test_wish();
	test_raw();
	test_kinds();
	test_ephemeral();
	check(two_locators(), "two locators again");
	leave_to_debugger();
}

/* Many connections, and many processes. */
static void
test_many(void)
{
	test_load();
	test_race();
}

/* What is dropped, and what else is counted, is seen by probes, too. */
static void
test_probed(void)
{
	test_probes(test_harm);
}

/* The groups of scenarios, in their order; some run only if asked for. */
static const struct {
	const char *name;
	void	(*run)(void);
	bool	always;
} groups[] = {
	{ "wire", test_wire, true },
	{ "sockets", test_sockets, true },
	{ "harm", test_harm, true },
	{ "move", test_move, true },
	{ "load", test_many, true },
	{ "end", test_end, true },
	{ "short", test_short, false },
	{ "module", test_module, false },
	{ "bench", test_bench, false },
	{ "stacks", test_stacks, false },
	{ "probes", test_probed, false }
};

/* True if the loader was told to run a group, or nothing. */
static bool
wanted(unsigned int i)
{
	char list[128];

	return (loader_variable("kt.groups", list, sizeof(list)) ?
	    contains(list, groups[i].name) : groups[i].always);
}

void	_start(void) __attribute__((__force_align_arg_pointer__));

void
_start(void)
{
	say("KT: start\n");
	(void)sysctl_set_int("net.inet.ip.fw.enable", 0);
	/* Connections that have ended keep their stack for twice that. */
	(void)sysctl_set_int("net.inet.tcp.msl", 100);
	for (unsigned int i = 0; i < nitems(groups); i++)
		if (wanted(i))
			groups[i].run();
	say("KT: %u ok, %u failed\n", good, bad);
	say("KT: %s\n", bad == 0 ? "PASS" : "FAIL");
	say_all();
	if (debugger)
		look_inside();
	power_off();
}
