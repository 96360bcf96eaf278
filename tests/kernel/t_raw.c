/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Raw sockets; listeners that share a port, in and out of a jail.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <sys/socket.h>
#include <net/if_dl.h>
#include <net/route.h>
#include <netinet/in.h>

#include "../../sys/netinet6/ilnp/ilnp_sock.h"
#include "ifc.h"
#include "jail.h"
#include "kt.h"

#define	TREE	"net.inet6.ilnp6."
#define	PEER	0x021122fffe000411ULL
#define	CALLER	0x021122fffe000412ULL
#define	PORT	7640

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST }, guest_b = { GUEST_B, GUEST };
static const struct ilv peer = { FAR_C, PEER }, plain = { FAR_E, 0x9c };

static bool
write_to(int fd, struct ilv to, const void *p, size_t n)
{
	struct sockaddr_in6 sa = kt_address(to, 0);

	result r = sys_sendto(fd, p, n, 0, &sa, sizeof(sa));

	if (r != (result)n)
		say("       cannot send: error %d\n", (int)-r);
	return (r == (result)n);
}

/* True if the next packet of that protocol goes there and has no nonce. */
static bool
leaves_bare(uint8_t proto, struct ilv to)
{
	struct packet k;
	bool found;

	do
		found = net_expect(&k, proto, SOON);
	while (found && k.dst.nid != to.nid);
	return (found && k.noncelen == 0 && k.dst.l64 == to.l64);
}

/* lesson: 52 */
static void
raw(void)
{
	uint8_t udp[12] = { 0x11, 0x11, 0x22, 0x22, 0, 12, 0xab, 0xcd, 1, 2 };
	struct sockaddr_in6 sa = kt_address(peer, 0);
	int fd = (int)sys_socket(AF_INET6, SOCK_RAW, 89);
	int datagrams = (int)sys_socket(AF_INET6, SOCK_RAW, 17);
	char buf[64];
	struct packet k;
	result n = -1;

	scenario("raw sockets");
	check(sysctl_set(TREE "teach",
	    "0211-22ff-fe00-0411 2001+0db8+000c+0001,10,600") >= 0,
	    "told of a host");
	check(write_to(fd, peer, "bare", 4) && leaves_bare(89, peer),
	    "what they send to it is as it was written");
	check(write_to(fd, plain, "bare", 4) && leaves_bare(89, plain),
	    "so is what they send to another then");
	check(sys_connect(fd, &sa, sizeof(sa)) >= 0 &&
	    sys_write(fd, "bare", 4) == 4 && leaves_bare(89, peer),
	    "and when connected");
	check(write_to(datagrams, peer, udp, sizeof(udp)) &&
	    leaves_bare(17, peer),
	    "not even what looks like UDP is changed");
	(void)sys_close(fd);
	(void)sys_close(datagrams);

	fd = (int)sys_socket(AF_INET6, SOCK_RAW, 89);
	memset(&k, 0, sizeof(k));
	k.src = peer;
	k.dst = guest_a;
	k.proto = 89;
	memcpy(k.nonce, "\3\1\3\1", 4);
	k.noncelen = 4;
	memcpy(k.body, "raw and ILNP", 12);
	k.bodylen = 12;
	net_send(0, &k);
	for (int64_t end = now_ms() + SOON; n < 0 && now_ms() < end;)
		n = sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, NULL,
		    NULL);
	check(n == 12 && memcmp(buf, "raw and ILNP", 12) == 0,
	    "what comes with a nonce is read");
	(void)sys_close(fd);
}

/* A listener that shares its port, or an error. */
static int
sharing(uint16_t port)
{
	struct sockaddr_in6 sa = kt_address(any, port);
	int fd = (int)sys_socket(AF_INET6, SOCK_STREAM, 0), one = 1;

	(void)sys_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT_LB, &one,
	    sizeof(one));
	(void)sys_fcntl(fd, F_SETFL, O_NONBLOCK);
	return (sys_bind(fd, &sa, sizeof(sa)) < 0 ||
	    sys_listen(fd, 8) < 0 ? -1 : fd);
}

/* Connections that have come to a pair of listeners; closes them. */
static unsigned int
come(const int fd[2])
{
	unsigned int n = 0;
	result c;

	for (int i = 0; i < 2; i++)
		while ((c = sys_accept(fd[i], NULL, NULL)) >= 0) {
			n++;
			(void)sys_close((int)c);
		}
	return (n);
}

/* Connects to a locator of the guest; whoever listens there will know. */
static bool
call(struct ilv near, uint16_t farport)
{
	struct conn c = { .far = { FAR_C, CALLER }, .near = near,
	    .farport = farport, .nearport = PORT, .seq = 10,
	    .nonce = { 2, 3, 2, 3 }, .noncelen = 4 };
	int64_t end = now_ms() + SOON;
	struct packet k;

	c.tap = near.l64 == GUEST_A ? 0 : 1;
	memcpy(net_answer.nonce, c.nonce, 12);
	far_send(&c, TH_SYN, "");
	do
		if (!net_expect(&k, 6, SOON) || now_ms() >= end)
			return (false);
	while (k.dport != farport || k.flags != (TH_SYN | TH_ACK));
	c.ack = k.seq + 1;
	far_send(&c, TH_ACK, "");
	(void)net_receive(&k, 50);
	return (true);
}

struct shared {
	volatile int ready;
	volatile int stop;
	volatile unsigned int come;
};

/* The listeners of the jail. */
static int
serve(void *arg)
{
	struct shared *s = arg;
	int fd[2] = { sharing(PORT), sharing(PORT) };

	s->ready = fd[0] >= 0 && fd[1] >= 0 ? 1 : -1;
	while (s->stop == 0) {
		s->come += come(fd);
		sleep_ms(5);
	}
	return (0);
}

static bool
wait_come(const struct shared *s, unsigned int n)
{
	int64_t end = now_ms() + SOON;
	struct packet k;

	while (s->come < n && now_ms() < end)
		(void)net_receive(&k, 20);
	return (s->come == n);
}

/* lesson: 25, 49 */
static void
groups(void)
{
	struct shared *s = shared_memory(sizeof(*s));
	int jid = jail_with(guest_b), pid, fd[2];
	bool good = true;

	scenario("listeners that share a port, in and out of a jail");
	pid = jail_start(jid, serve, s);
	while (s->ready == 0)
		sleep_ms(5);
	/* Not before, or the child would have them as well. */
	fd[0] = sharing(PORT);
	fd[1] = sharing(PORT);
	check(s->ready == 1 && fd[0] >= 0 && fd[1] >= 0,
	    "two of the host, two of a jail with the other address");
	for (uint16_t i = 0; i < 4; i++)
		good &= call(guest_b, 6990 + i);
	check(good && wait_come(s, 4) && come(fd) == 0,
	    "connections to the jail's address are the jail's");
	good = true;
	for (uint16_t i = 4; i < 8; i++)
		good &= call(guest_a, 6990 + i);
	check(good && come(fd) == 4 && wait_come(s, 4),
	    "those to the host's other address are not");
	(void)sys_close(fd[0]);
	(void)sys_close(fd[1]);
	check(!call(guest_a, 6999) && s->come == 4,
	    "not even if nobody waits there: the jail may not use that one");
	s->stop = 1;
	(void)sys_wait(pid);
	(void)sys_jail_remove(jid);
}

/* A user of a jail sends to a correspondent of ours, and asks from where. */
static int
sends_eight(void *arg)
{
	struct shared *s = arg;
	struct sockaddr_in6 sa = kt_address(peer, 6210);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	const struct in6_addr own = kt_in6(guest_b);
	struct in6_addr from = { };
	socklen_t len = sizeof(from);

	s->ready = sys_connect(fd, &sa, sizeof(sa)) >= 0 ? 1 : -1;
	for (int i = 0; i < 8 && s->ready == 1; i++) {
		(void)sys_write(fd, "jailed", 6);
		sleep_ms(20);
	}
	while (s->stop == 0)
		sleep_ms(5);
	s->come = sys_getsockopt(fd, IPPROTO_IPV6, ILNP_SO_LOCAL, &from,
	    &len) >= 0 && memcmp(&from, &own, sizeof(own)) == 0;
	(void)sys_close(fd);
	return (0);
}

/* The host sends to the same by its other locator. */
static bool
sends_from_other(void)
{
	struct sockaddr_in6 sa = kt_address(peer, 6212);
	struct ilnp_sochoice ch = { .sc_kind = ILNP_CHOICE_PIN,
	    .sc_local = kt_in6(guest_a) };
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	struct packet k;
	bool sent;

	sent = sys_connect(fd, &sa, sizeof(sa)) >= 0 && sys_setsockopt(fd,
	    IPPROTO_IPV6, ILNP_SO_CHOICE, &ch, sizeof(ch)) >= 0 &&
	    sys_write(fd, "host", 4) == 4;
	do
		sent &= net_expect(&k, 17, SOON);
	while (sent && k.dport != 6212);
	(void)sys_close(fd);
	return (sent && k.src.l64 == GUEST_A && k.noncelen != 0);
}

/*
 * Filters know a jail by its address, so what it sends comes from there, by
 * whatever paths the host's own connections go.
 */
static void
jailed_flow(void)
{
	struct shared *s = shared_memory(sizeof(*s));
	unsigned int own = 0, others = 0, bare = 0;
	int jid = jail_with(guest_b), pid;
	struct packet k;

	scenario("a connection of a jail with one of two addresses");
	(void)sysctl_set(TREE "teach",
	    "0211-22ff-fe00-0411 2001+0db8+000c+0001,10,600");
	pid = jail_start(jid, sends_eight, s);
	while (own + others < 8 && net_expect(&k, 17, 5000))
		if (k.dport == 6210) {
			own += k.src.l64 == GUEST_B && k.tap == 1;
			others += k.src.l64 != GUEST_B || k.tap != 1;
			bare += k.noncelen == 0;
		}
	check(s->ready == 1 && own == 8 && others == 0 && bare == 0,
	    "speaks ILNP from that alone (%u, %u)", own, others);
	check(sends_from_other(), "the host sends from the other");
	s->stop = 1;
	(void)sys_wait(pid);
	check(s->come == 1, "what the jail is told is its own all the same");
	(void)sys_jail_remove(jid);
}

/* Adds or deletes a default route of the second routing table; by tap0. */
static result
second_table(uint8_t what)
{
	struct {
		struct rt_msghdr h;
		_Alignas(long) struct sockaddr_in6 dst;
		_Alignas(long) struct sockaddr_in6 gate;
		_Alignas(long) struct sockaddr_in6 mask;
		_Alignas(long) struct sockaddr_dl ifp;
	} m;
	int fd = (int)sys_socket(PF_ROUTE, SOCK_RAW, AF_INET6), fib = 1;
	const struct ilv router = { 0xfe80ULL << 48, 1 };
	result r;

	memset(&m, 0, sizeof(m));
	m.h.rtm_msglen = sizeof(m);
	m.h.rtm_version = RTM_VERSION;
	m.h.rtm_type = what;
	m.h.rtm_flags = RTF_UP | RTF_GATEWAY | RTF_STATIC;
	m.h.rtm_addrs = RTA_DST | RTA_GATEWAY | RTA_NETMASK | RTA_IFP;
	m.dst = m.mask = kt_address(any, 0);
	m.gate = kt_address(router, 0);
	m.gate.sin6_scope_id = (uint32_t)if_index_of("tap0");
	m.ifp.sdl_len = sizeof(m.ifp);
	m.ifp.sdl_family = AF_LINK;
	m.ifp.sdl_index = (uint16_t)m.gate.sin6_scope_id;
	r = sys_setsockopt(fd, SOL_SOCKET, SO_SETFIB, &fib, sizeof(fib));
	if (r >= 0)
		r = sys_write(fd, &m, sizeof(m));
	(void)sys_close(fd);
	return (r);
}

/* Who has another routing table does not leave by routers of the first. */
static void
other_table(void)
{
	struct sockaddr_in6 near = kt_address(guest_b, 0);
	struct sockaddr_in6 sa = kt_address(peer, 6213);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0), fib = 1;
	unsigned int own = 0, others = 0, bare = 0;
	struct packet k;
	bool good;
	result r;

	scenario("a socket with another routing table");
	good = sysctl_set_int("net.fibs", 2) >= 0;
	r = second_table(RTM_ADD);
	check(good && r >= 0, "leads to the first router (%d)", (int)r);
	good = sys_setsockopt(fd, SOL_SOCKET, SO_SETFIB, &fib,
	    sizeof(fib)) >= 0 && sys_bind(fd, &near, sizeof(near)) >= 0 &&
	    sys_connect(fd, &sa, sizeof(sa)) >= 0;
	check(good, "the socket has an address of the second");
	for (int i = 0; i < 8 && good; i++) {
		good = sys_write(fd, "second", 6) == 6;
		do
			good &= net_expect(&k, 17, SOON);
		while (good && k.dport != 6213);
		own += good && k.src.l64 == GUEST_B && k.tap == 0;
		others += good && (k.src.l64 != GUEST_B || k.tap != 0);
		bare += good && k.noncelen == 0;
	}
	check(own == 8 && others == 0 && bare == 0,
	    "speaks ILNP from that, by that router (%u, %u)", own, others);
	check(second_table(RTM_DELETE) >= 0 && sys_write(fd, "none", 4) < 0,
	    "and not without a route there");
	(void)sys_close(fd);
}

/* What a router says of a packet of ours is read by raw sockets, of jails too. */
static void
quoted(void)
{
	struct sockaddr_in6 sa = kt_address(peer, 6211);
	int raws = (int)sys_socket(AF_INET6, SOCK_RAW, 58);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	static uint8_t buf[2048];
	struct packet k;
	bool sent;
	result n = -1;

	scenario("a raw socket and an error that quotes us");
	(void)sys_connect(fd, &sa, sizeof(sa));
	(void)sys_write(fd, "quote me", 8);
	do
		sent = net_expect(&k, 17, SOON);
	while (sent && k.dport != 6211);
	check(sent && k.noncelen == 4, "a datagram has left with our nonce");
	net_keep();
	net_error(k.tap, 3, 0, 0, NULL);
	for (int64_t end = now_ms() + SOON; now_ms() < end;) {
		n = sys_recvfrom(raws, buf, sizeof(buf), MSG_DONTWAIT, NULL,
		    NULL);
		if (n > 0 && buf[0] == 3)
			break;
		(void)net_receive(&k, 5);
	}
	check(n >= 64 && buf[0] == 3 && buf[8 + 6] == 60,
	    "the error is read, with the quote");
	check(buf[8 + 42] == 1 && buf[8 + 43] == 4 &&
	    get32(buf + 8 + 44) == 0, "in which there is no nonce");
	(void)sys_close(fd);
	(void)sys_close(raws);
}

/*
 * Two sockets of one port, and two locators of one node: RFC 6741 s4.1 knows
 * but one flow there.
 */
/* hook: connect-unique */
static void
twice(void)
{
	struct sockaddr_in6 here = kt_address(any, 7642);
	struct sockaddr_in6 c = kt_address((struct ilv){ FAR_C, CALLER }, 6201);
	struct sockaddr_in6 d = kt_address((struct ilv){ FAR_D, CALLER }, 6201);
	struct sockaddr_in6 other = kt_address((struct ilv){ FAR_D, CALLER },
	    6202);
	int fd[2], one = 1;
	bool bound = true;

	scenario("two sockets of one port");
	for (int i = 0; i < 2; i++) {
		fd[i] = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
		(void)sys_setsockopt(fd[i], SOL_SOCKET, SO_REUSEPORT, &one,
		    sizeof(one));
		bound &= sys_bind(fd[i], &here, sizeof(here)) >= 0;
	}
	check(bound && sysctl_set("net.inet6.ilnp6.teach",
	    "0211-22ff-fe00-0412 2001+0db8+000c+0001 2001+0db8+000d+0001") >=
	    0 && sys_connect(fd[0], &c, sizeof(c)) >= 0, "one is connected");
	check(sys_connect(fd[1], &d, sizeof(d)) == -EADDRINUSE,
	    "the other cannot be to the same port by another locator");
	check(sys_connect(fd[1], &other, sizeof(other)) >= 0,
	    "but to another port");
	(void)sys_close(fd[0]);
	(void)sys_close(fd[1]);
}

/* A datagram whose nonce stands in front of each of its fragments. */
static void
fragments(void)
{
	struct sockaddr_in6 sa = kt_address(any, 7641);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	uint8_t whole[2048], p[2048];
	const size_t front = 40 + 8, at = 400;
	char big[1000];
	struct packet k;
	size_t len;
	result n = -1;

	scenario("fragments with a nonce each");
	(void)sys_bind(fd, &sa, sizeof(sa));
	memset(&k, 0, sizeof(k));
	k.src = peer;
	k.dst = guest_a;
	k.proto = 17;
	k.sport = 6200;
	k.dport = 7641;
	memcpy(k.nonce, "\3\1\3\1", 4);
	k.noncelen = 4;
	memset(k.body, 'F', 700);
	k.bodylen = 700;
	len = net_compose(&k, whole) - front;
	for (int second = 1; second >= 0; second--) {
		size_t part = second ? len - at : at;

		memcpy(p, whole, front);
		put16(p + 4, (uint32_t)(part + 8 + 8));
		p[40] = 44;
		memset(p + front, 0, 8);
		p[front] = whole[40];
		put16(p + front + 2, second ? (uint32_t)at : 1);
		put32(p + front + 4, 0x4321);
		memcpy(p + front + 8, whole + front + (second ? at : 0), part);
		net_send_raw(0, p, front + 8 + part);
	}
	for (int64_t end = now_ms() + SOON; n < 0 && now_ms() < end;)
		n = sys_recvfrom(fd, big, sizeof(big), MSG_DONTWAIT, NULL,
		    NULL);
	check(n == 700 && big[0] == 'F' && big[699] == 'F',
	    "are put together");
	k.src = (struct ilv){ 0xfe80ULL << 48, 1 };
	k.noncelen = 0;
	k.sum = SUM_IPV6;
	net_send_cut(0, &k, 400);
	n = -1;
	for (int64_t end = now_ms() + SOON; n < 0 && now_ms() < end;)
		n = sys_recvfrom(fd, big, sizeof(big), MSG_DONTWAIT, NULL,
		    NULL);
	check(n == 700, "so are those from an address of the link");
	(void)sys_close(fd);
}

/* A datagram behind that many fragment headers, each of a whole packet. */
static void
send_nested(unsigned int headers)
{
	uint8_t whole[2048], p[2048];
	const size_t front = 40;
	struct packet k;
	size_t len;

	memset(&k, 0, sizeof(k));
	k.src = plain;
	k.dst = guest_a;
	k.proto = 17;
	k.sport = 6200;
	k.dport = 7643;
	k.sum = SUM_IPV6;
	memcpy(k.body, "nested", 6);
	k.bodylen = 6;
	len = net_compose(&k, whole);
	memcpy(p, whole, front);
	put16(p + 4, (uint32_t)(len - front + 8 * headers));
	p[6] = 44;
	for (unsigned int i = 0; i < headers; i++) {
		memset(p + front + 8 * i, 0, 8);
		p[front + 8 * i] = i + 1 < headers ? 44 : 17;
		put32(p + front + 8 * i + 4, 0x9000 + i);
	}
	memcpy(p + front + 8 * headers, whole + front, len - front);
	net_send_raw(0, p, len + 8 * headers);
}

/* Each header of a fragment costs a way through ip6_input(). */
static void
nested(void)
{
	struct sockaddr_in6 sa = kt_address(any, 7643);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	uint64_t before = counter("in_malformed");
	char buf[16];
	result n = -1;

	scenario("fragment headers in a row");
	(void)sys_bind(fd, &sa, sizeof(sa));
	send_nested(2);
	for (int64_t end = now_ms() + SOON; n < 0 && now_ms() < end;)
		n = sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, NULL,
		    NULL);
	check(n == 6, "two are taken off");
	send_nested(170);
	check(risen("in_malformed", before) == 1 &&
	    sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, NULL, NULL) ==
	    -EAGAIN, "170 are dropped");
	(void)sys_close(fd);
}

void
test_raw(void)
{
	check(two_locators(), "both locators");
	raw();
	groups();
	jailed_flow();
	other_table();
	quoted();
	twice();
	fragments();
	nested();
}
