/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Programs of many kinds: datagrams connected or not, to hosts that names say
 * speak ILNP, UDP-Lite, files sent without a copy, a jail with one address,
 * listeners from before ILNP was there.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "jail.h"
#include "kt.h"

#define	TREE	"net.inet6.ilnp6."
#define	HINTED	0x021122fffe000301ULL
#define	HINTED2	0x021122fffe000302ULL
#define	HINTED3	0x021122fffe000303ULL

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv guest_b = { GUEST_B, GUEST };

static bool
teach(uint64_t nid)
{
	char text[] = "0211-22ff-fe00-0000 2001+0db8+000c+0001,10,600";
	const char *digits = "0123456789abcdef";

	for (int i = 0; i < 4; i++)
		text[15 + i] = digits[nid >> (12 - 4 * i) & 0xf];
	return (sysctl_set(TREE "teach", text) >= 0);
}

/* Sends, and answers, datagrams; the socket may be connected. */
static void
talk(int proto, uint64_t nid, bool connected, const char *what)
{
	struct ilv far = { FAR_C, nid };
	struct sockaddr_in6 sa = kt_address(far, 6300);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, proto);
	struct packet k, r;
	char buf[64];
	result n = -1;
	bool found;

	(void)teach(nid);
	if (connected)
		(void)sys_connect(fd, &sa, sizeof(sa));
	/* A wire that nobody reads takes some fifty packets and no more. */
	for (int i = 0; i < 100 && net_receive(&k, 50); i++)
		continue;
	/* Probes that follow the first datagram are answered under it, too. */
	memset(net_answer.nonce, 0, 12);
	memcpy(net_answer.nonce, "\6\6\6\6", 4);
	n = sys_sendto(fd, "query", 5, 0, connected ? NULL : &sa,
	    connected ? 0 : sizeof(sa));
	check(n == 5, "%s: a datagram can be sent (%d)", what, (int)n);
	n = -1;
	found = net_expect(&k, (uint8_t)proto, SOON);
	check(found && k.noncelen == 4 && k.sumok && k.sum == SUM_RFC &&
	    k.toroute && k.bodylen == 5, "%s: the first carries a nonce", what);
	memset(&r, 0, sizeof(r));
	r.src = far;
	r.dst = k.src;
	r.proto = (uint8_t)proto;
	r.sport = 6300;
	r.dport = k.sport;
	memcpy(r.nonce, "\6\6\6\6", 4);
	r.noncelen = 4;
	memcpy(r.body, "answer", 6);
	r.bodylen = 6;
	net_send(k.tap, &r);
	for (int64_t end = now_ms() + SOON; n < 0 && now_ms() < end;)
		n = sys_recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, NULL,
		    NULL);
	check(n == 6, "%s: the answer is heard", what);
	(void)sys_sendto(fd, "again", 5, 0, connected ? NULL : &sa,
	    connected ? 0 : sizeof(sa));
	check(net_expect(&k, (uint8_t)proto, SOON) && k.noncelen == 4 &&
	    k.sumok, "%s: so are more", what);
	(void)sys_close(fd);
}

/* A connection to a listener, reached by the other locator of the guest. */
static bool
reaches(int lfd, uint16_t port, struct ilv near, struct conn *c)
{
	static uint16_t farport = 6600;

	memset(c, 0, sizeof(*c));
	c->far = (struct ilv){ FAR_C, 0x021122fffe000304ULL };
	c->near = near;
	c->tap = near.l64 == GUEST_A ? 0 : 1;
	c->farport = farport++;
	c->nearport = port;
	c->seq = 10;
	memcpy(c->nonce, "\7\3\7\3", 4);
	c->noncelen = 4;
	memcpy(net_answer.nonce, c->nonce, 12);
	net_answer.noncelen = 4;
	return (far_connects(c, lfd, c->far, near, c->tap));
}

static void
file(void)
{
	int lfd = listener(any, 7701), fd;
	static uint8_t whole[4096];
	size_t have = 0;
	struct packet k;
	struct conn c;
	result size;
	bool right = true;

	scenario("a file sent without a copy");
	check(reaches(lfd, 7701, guest_a, &c), "connected");
	fd = (int)sys_open("/boot/loader.rc", O_RDONLY);
	size = sys_read(fd, whole, sizeof(whole));
	check(size > 100 && sys_sendfile(fd, c.fd) == size, "sent");
	while (have < (size_t)size && net_expect(&k, 6, SOON)) {
		if (k.dport != c.farport || k.bodylen == 0)
			continue;
		if (have == 0)
			c.ack = k.seq;
		if (k.seq != c.ack)
			continue;
		right &= k.sumok && k.noncelen == 4 &&
		    memcmp(k.body, whole + have, k.bodylen) == 0;
		have += k.bodylen;
		c.ack += k.bodylen;
		far_send(&c, TH_ACK, "");
	}
	check(have == (size_t)size && right, "it arrives as it is");
	(void)sys_close(fd);
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}

/* Plays the far end as well: the taps are open to it. */
static int
is_reached(void *unused __unused)
{
	int lfd = listener(any, 7702);
	struct conn c;

	if (!reaches(lfd, 7702, guest_b, &c))
		return (1);
	far_send(&c, TH_ACK | TH_PUSH, "in");
	return (near_reads(&c, "in") ? 0 : 2);
}

static void
one_address(void)
{
	int status;

	scenario("a jail that may use one address");
	status = jail_run_with(guest_b, is_reached, NULL);
	check(status == 0, "its program is reached there (%d), and not "
	    "elsewhere (t_raw.c)", status);
}

static void
early(void)
{
	int lfd;
	struct conn c;
	struct packet k;

	scenario("bound before ILNP was there");
	(void)sysctl_set_int(TREE "enable", 0);
	lfd = listener(guest_b, 7703);
	(void)sysctl_set_int(TREE "enable", 1);
	net_advertise(0, GUEST_A, 7200, 3600);
	net_advertise(1, GUEST_B, 7200, 3600);
	for (int64_t end = now_ms() + SOON; now_ms() < end &&
	    !listing(TREE "locators", "2001+0db8+000b+0001");)
		(void)net_receive(&k, 50);
	check(reaches(lfd, 7703, guest_a, &c),
	    "a listener is reached by another locator all the same");
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}

void
test_prog(void)
{
	net_answer.on = true;
	net_answer.noncelen = 4;
	scenario("datagrams to hosts that names say speak ILNP");
	talk(17, HINTED, true, "connected");
	talk(17, HINTED2, false, "not connected");
	talk(136, HINTED3, true, "UDP-Lite");
	file();
	one_address();
	early();
}
