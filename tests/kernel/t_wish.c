/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What a program chooses for a socket before it connects it, for a listener,
 * and in a jail; and settings that survive switching ILNP off and on.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "../../sys/netinet6/ilnp/ilnp_sock.h"
#include "jail.h"
#include "kt.h"
#include "memory.h"

#define	TREE	"net.inet6.ilnp6."
#define	PEER	0x021122fffe000401ULL
#define	PEER2	0x021122fffe000402ULL
#define	JAILED	0x021122fffe000403ULL

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST }, guest_b = { GUEST_B, GUEST };
static const struct ilv peer = { FAR_C, PEER };

static bool
teach(uint64_t nid)
{
	char text[] = "0211-22ff-fe00-0000 2001+0db8+000c+0001,10,600";

	for (int i = 0; i < 4; i++)
		text[15 + i] = "0123456789abcdef"[nid >> (12 - 4 * i) & 0xf];
	return (sysctl_set(TREE "teach", text) >= 0);
}

/* A router that was not heard of for a while takes its prefix along. */
static void
begin(const char *name)
{
	scenario(name);
	if (!two_locators())
		check(false, "a locator is not there");
}

static result
choose(int fd, uint32_t kind, struct ilv local, struct ilv far)
{
	struct ilnp_sochoice ch = { .sc_kind = kind,
	    .sc_local = kt_in6(local), .sc_peer = kt_in6(far) };

	return (sys_setsockopt(fd, IPPROTO_IPV6, ILNP_SO_CHOICE, &ch,
	    sizeof(ch)));
}

/* True if the choice of a socket is that, with that local address. */
static bool
chosen(int fd, uint32_t kind, struct ilv local, uint32_t lost)
{
	struct in6_addr want = kt_in6(local);
	struct ilnp_sochoice ch;
	socklen_t len = sizeof(ch);

	return (sys_getsockopt(fd, IPPROTO_IPV6, ILNP_SO_CHOICE, &ch,
	    &len) >= 0 && ch.sc_kind == kind && ch.sc_lost == lost &&
	    memcmp(&ch.sc_local, &want, sizeof(want)) == 0);
}

static result
set_mode(int fd, int option, int to)
{
	return (sys_setsockopt(fd, IPPROTO_IPV6, option, &to, sizeof(to)));
}

static int
new_socket(int type)
{
	int fd = (int)sys_socket(AF_INET6, type, 0);

	(void)sys_fcntl(fd, F_SETFL, O_NONBLOCK);
	return (fd);
}

static result
connect_to(int fd, struct ilv to, uint16_t port)
{
	struct sockaddr_in6 sa = kt_address(to, port);
	result r = sys_connect(fd, &sa, sizeof(sa));

	return (r == -EINPROGRESS ? 0 : r);
}

/*
 * By which wires the first packets of sockets leave that want a locator, as a
 * mask; 0x80 if one is wrong.
 */
static unsigned int
first_by(int type, uint32_t kind, struct ilv local, uint16_t port)
{
	uint8_t proto = type == SOCK_STREAM ? 6 : 17;
	unsigned int taps = 0;
	struct packet k;

	for (uint16_t i = 0; i < 4; i++) {
		int fd = new_socket(type);

		if (choose(fd, kind, local, any) < 0 ||
		    !chosen(fd, kind, local, 0) ||
		    connect_to(fd, peer, port + i) < 0)
			taps |= 0x80;
		if (type == SOCK_DGRAM)
			(void)sys_sendto(fd, "first", 5, 0, NULL, 0);
		if (!next_to(port + i, proto, &k) || k.noncelen != 4 ||
		    !k.sumok || k.src.l64 != (k.tap == 0 ? GUEST_A : GUEST_B))
			taps |= 0x80;
		taps |= 1U << k.tap;
		if (!chosen(fd, kind, (struct ilv){ local.l64, GUEST }, 0))
			taps |= 0x40;
		(void)sys_close(fd);
	}
	return (taps);
}

static void
before_connect(void)
{
	static const struct ilv nameless = { GUEST_B, 0 };
	int fd = new_socket(SOCK_STREAM);
	struct packet k;

	begin("a path chosen before connect");
	check(teach(PEER), "told of a host");
	check(first_by(SOCK_STREAM, ILNP_CHOICE_STRICT, guest_b, 5100) == 2,
	    "each SYN leaves from the locator that was asked for");
	check(first_by(SOCK_STREAM, ILNP_CHOICE_PIN, guest_a, 5110) == 1,
	    "or from the other one");
	check(first_by(SOCK_DGRAM, ILNP_CHOICE_PIN, nameless, 5120) == 2 &&
	    first_by(SOCK_DGRAM, ILNP_CHOICE_STRICT, guest_a, 5130) == 1,
	    "so does the first datagram");
	check(set_mode(fd, ILNP_SO_CKSUM, ILNP_SUM_IPV6) >= 0 &&
	    set_mode(fd, ILNP_SO_NONCE, ILNP_NONCE_INITIAL) >= 0 &&
	    choose(fd, ILNP_CHOICE_PREFER, guest_b, any) >= 0 &&
	    connect_to(fd, peer, 5140) >= 0 && next_to(5140, 6, &k) &&
	    k.sum == SUM_IPV6 && k.sumok && k.tap == 1,
	    "checksums are as chosen from the SYN on");
	(void)sys_close(fd);
}

static void
what_cannot_be(void)
{
	static const struct ilv absent = { FAR_E, 0 }, other = { FAR_C, PEER2 };
	static const struct ilv plain = { FAR_E, 0x77 };
	struct ilnp_soloc loc[2 * ILNP_LOCS_MAX];
	socklen_t len = sizeof(loc);
	int fd = new_socket(SOCK_STREAM), raw;
	unsigned int ours = 0;
	struct packet k;

	begin("choices that cannot be had");
	check(sys_getsockopt(fd, IPPROTO_IPV6, ILNP_SO_LOCATORS, loc,
	    &len) >= 0, "our locators can be asked for");
	for (unsigned int i = 0; i < len / sizeof(loc[0]); i++)
		ours += loc[i].sl_ours == 1 &&
		    get64(loc[i].sl_addr.s6_addr + 8) == GUEST;
	check(ours == 2 && len == 2 * sizeof(loc[0]), "there are two");
	len = sizeof(loc);
	check(sys_getsockopt(fd, IPPROTO_IPV6, ILNP_SO_PATHS, loc,
	    &len) == -ENOTCONN, "but no paths yet");
	check(choose(fd, ILNP_CHOICE_PIN, absent, any) == -EADDRNOTAVAIL &&
	    choose(fd, ILNP_CHOICE_PIN, (struct ilv){ GUEST_A, PEER }, any) ==
	    -EADDRNOTAVAIL && choose(fd, ILNP_CHOICE_PIN, any, any) == -EINVAL
	    && choose(fd, 77, any, any) == -EINVAL &&
	    choose(fd, 256 + ILNP_CHOICE_PIN, guest_a, any) == -EINVAL &&
	    set_mode(fd, ILNP_SO_NONCE, 3) == -EINVAL &&
	    chosen(fd, ILNP_CHOICE_ANY, any, 0),
	    "what is not ours, or is nothing, is refused and leaves nothing");
	check(choose(fd, ILNP_CHOICE_STRICT, any, absent) >= 0 &&
	    connect_to(fd, peer, 5150) == -EADDRNOTAVAIL,
	    "connect fails where strictly nothing else will do");
	check(connect_to(fd, plain, 5151) == -EADDRNOTAVAIL,
	    "and toward a host that is not known to speak ILNP");
	check(choose(fd, ILNP_CHOICE_PIN, any, absent) >= 0 &&
	    connect_to(fd, peer, 5152) >= 0 && next_to(5152, 6, &k) &&
	    k.dst.l64 == FAR_C && chosen(fd, ILNP_CHOICE_PIN, any, 1),
	    "a pin gives way, and says so");
	(void)sys_close(fd);
	fd = new_socket(SOCK_STREAM);
	check(choose(fd, ILNP_CHOICE_STRICT, guest_b, other) >= 0 &&
	    connect_to(fd, peer, 5153) >= 0 && next_to(5153, 6, &k) &&
	    chosen(fd, ILNP_CHOICE_ANY, any, 0),
	    "one that names another host is not for this one");
	(void)sys_close(fd);
	raw = (int)sys_socket(AF_INET6, SOCK_RAW, 200);
	check(choose(raw, ILNP_CHOICE_PIN, guest_a, any) == -EOPNOTSUPP,
	    "raw sockets have no choice");
	(void)sys_close(raw);
}

/* A datagram socket that wants one of our locators, and has sent from there. */
static int
wants_b(uint32_t kind, uint16_t port)
{
	int fd = new_socket(SOCK_DGRAM);
	struct packet k;

	check(choose(fd, kind, guest_b, any) >= 0 &&
	    connect_to(fd, peer, port) >= 0 &&
	    sys_sendto(fd, "first", 5, 0, NULL, 0) == 5 &&
	    next_to(port, 17, &k) && k.tap == 1, "it is had at first");
	return (fd);
}

/* Each of the two ways to go without has a counter. */
static void
lost(void)
{
	uint64_t unpinned, nopath;
	struct packet k;
	int pin, strict;
	result r;

	begin("choices that cannot be had any more");
	pin = wants_b(ILNP_CHOICE_PIN, 5180);
	strict = wants_b(ILNP_CHOICE_STRICT, 5181);
	net_advertise(1, GUEST_B, 7200, 0);
	check(shows(TREE "locators", " withdrawn", SOON), "the locator goes");
	unpinned = counter("out_unpinned");
	nopath = counter("out_nopath");
	check(sys_sendto(pin, "pin", 3, 0, NULL, 0) == 3 &&
	    next_to(5180, 17, &k) && k.tap == 0 &&
	    counter("out_unpinned") == unpinned + 1 &&
	    counter("out_nopath") == nopath,
	    "what is pinned leaves by another path, which is counted");
	r = sys_sendto(strict, "strict", 6, 0, NULL, 0);
	check(r < 0 && counter("out_nopath") == nopath + 1 &&
	    counter("out_unpinned") == unpinned + 1,
	    "what is strict does not leave (%d), which is, too", (int)r);
	(void)sys_close(pin);
	(void)sys_close(strict);
}

static void
inherited(void)
{
	struct conn c = { .far = { FAR_C, PEER2 }, .near = guest_a,
	    .farport = 6980, .nearport = 7630, .seq = 10,
	    .nonce = { 4, 2, 4, 2 }, .noncelen = 4 };
	int lfd = listener(any, 7630);
	unsigned int taps = 0;
	struct packet k;

	begin("a choice for a listener");
	memcpy(net_answer.nonce, c.nonce, 12);
	check(choose(lfd, ILNP_CHOICE_STRICT, guest_b, any) >= 0 &&
	    set_mode(lfd, ILNP_SO_CKSUM, ILNP_SUM_IPV6) >= 0, "made");
	check(far_connects(&c, lfd, c.far, c.near, 0),
	    "the handshake goes where the peer began it");
	check(chosen(c.fd, ILNP_CHOICE_STRICT, guest_b, 0),
	    "the connection has inherited it");
	for (int i = 0; i < 6; i++)
		taps |= near_send(&c, "mine", &k) && k.sum == SUM_IPV6 &&
		    k.sumok ? 1U << k.tap : 0x80;
	check(taps == 2, "and sends by it");
	check(choose(c.fd, ILNP_CHOICE_ANY, any, any) >= 0 &&
	    chosen(lfd, ILNP_CHOICE_STRICT, guest_b, 0),
	    "to change that changes nothing for the listener");
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}

/* hook: pcb-free */
static void
forgotten(void)
{
	struct sockaddr_in6 sa = kt_address(any, 0);
	uint64_t before = memory_of("ilnp");
	bool good = true;

	begin("choices of sockets that go");
	for (int i = 0; i < 300; i++) {
		int fd = new_socket(i % 2 == 0 ? SOCK_STREAM : SOCK_DGRAM);

		good &= choose(fd, ILNP_CHOICE_PIN, guest_b, any) >= 0 &&
		    choose(fd, ILNP_CHOICE_PIN, guest_a, any) >= 0;
		if (i % 3 == 1)
			good &= sys_bind(fd, &sa, sizeof(sa)) >= 0;
		if (i % 6 == 4)
			good &= sys_listen(fd, 4) >= 0;
		(void)sys_close(fd);
	}
	check(good, "300 sockets have one");
	check(memory_comes_to("ilnp", before), "%lu octets before, %lu after",
	    before, memory_of("ilnp"));
}

/* What a program in a jail with one address may do; the first that is wrong. */
static int
in_jail(void *unused __unused)
{
	struct ilnp_soloc loc[2 * ILNP_LOCS_MAX];
	struct ilnp_sopath path[ILNP_PATHS_MAX];
	struct in6_addr local, b = kt_in6(guest_b);
	socklen_t len = sizeof(loc);
	struct packet k;
	char text[64];
	size_t size = sizeof(text);
	int fd;

	if (sys_setuid(1001) < 0)
		return (1);
	fd = new_socket(SOCK_DGRAM);
	if (sys_getsockopt(fd, IPPROTO_IPV6, ILNP_SO_LOCATORS, loc,
	    &len) < 0 || len != sizeof(loc[0]) ||
	    memcmp(&loc[0].sl_addr, &b, 16) != 0)
		return (2);
	if (choose(fd, ILNP_CHOICE_PIN, guest_a, any) != -EADDRNOTAVAIL ||
	    choose(fd, ILNP_CHOICE_PIN, (struct ilv){ GUEST_A, 0 }, any) !=
	    -EADDRNOTAVAIL)
		return (3);
	if (choose(fd, ILNP_CHOICE_STRICT, (struct ilv){ GUEST_B, 0 },
	    any) < 0)
		return (4);
	if (connect_to(fd, (struct ilv){ FAR_C, JAILED }, 5170) < 0)
		return (5);
	for (int i = 0; i < 4; i++) {
		(void)sys_sendto(fd, "jail", 4, 0, NULL, 0);
		if (!next_to(5170, 17, &k) || k.tap != 1 ||
		    k.src.l64 != GUEST_B || k.noncelen != 4)
			return (6);
	}
	len = sizeof(path);
	if (sys_getsockopt(fd, IPPROTO_IPV6, ILNP_SO_PATHS, path, &len) < 0 ||
	    len != sizeof(path[0]) || memcmp(&path[0].sp_local, &b, 16) != 0)
		return (7);
	if (choose(fd, ILNP_CHOICE_PIN, guest_a, any) != -EADDRNOTAVAIL ||
	    choose(fd, ILNP_CHOICE_PIN, guest_b, any) < 0)
		return (8);
	len = sizeof(local);
	if (sys_getsockopt(fd, IPPROTO_IPV6, ILNP_SO_LOCAL, &local,
	    &len) < 0 || memcmp(&local, &b, 16) != 0)
		return (9);
	/* What concerns others is not for it to see or set. */
	if (sysctl_get(TREE "sessions", text, &size) != -EPERM ||
	    sysctl_set_int(TREE "probe_idle", 500) != -EPERM ||
	    sysctl_set(TREE "algorithm", "rr") != -EPERM)
		return (10);
	return (0);
}

/* lesson: 24, 25 */
static void
jailed(void)
{
	int status;

	begin("choices in a jail that may use one address");
	check(teach(JAILED), "the host is told of a correspondent");
	status = jail_run_with(guest_b, in_jail, NULL);
	check(status == 0, "it sees and chooses that one, for its own sockets, "
	    "without privilege (%d)", status);
}

static bool
algorithm_is(const char *name)
{
	char text[32];
	size_t len = sizeof(text);

	memset(text, 0, sizeof(text));
	return (sysctl_get(TREE "algorithm", text, &len) >= 0 &&
	    length(text) == length(name) &&
	    memcmp(text, name, length(name)) == 0);
}

static void
off_and_on(void)
{
	uint32_t value = 0;
	size_t len = sizeof(value);

	scenario("settings outlive ILNP's being off");
	check(sysctl_set(TREE "algorithm", "pref") >= 0 &&
	    sysctl_set(TREE "algorithm", "nonsense") == -ENOENT &&
	    algorithm_is("pref"), "an algorithm is set");
	set("lu_max", 17);
	set("enable", 0);
	check(algorithm_is("pref"), "it is still there when ILNP is off");
	set("enable", 1);
	check(algorithm_is("pref") && sysctl_get(TREE "lu_max", &value,
	    &len) >= 0 && value == 17, "and on again; so are knobs");
	check(listing(TREE "nids", "0211-22ff-fe33-4455") &&
	    listing(TREE "hints", "0211-22ff-fe00-0401"),
	    "NIDs, and what we were told");
	set("enable", 0);
	check(sysctl_set(TREE "algorithm", "drr") >= 0,
	    "one can be chosen before ILNP is on");
	set("enable", 1);
	check(algorithm_is("drr"), "and is in force then");
	check(sysctl_set(TREE "algorithm", "rr") >= 0, "back");
	set("lu_max", 64);
}

void
test_wish(void)
{
	net_answer.on = true;
	memcpy(net_answer.nonce, "\4\4\4\4", 4);
	net_answer.noncelen = 4;
	set("fallback", 0);
	before_connect();
	what_cannot_be();
	lost();
	inherited();
	forgotten();
	jailed();
	set("fallback", 1);
	off_and_on();
}
