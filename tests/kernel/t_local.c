/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What programs and users of the guest may do, and what of one socket must
 * not be seen in the next.
 */
#include <sys/param.h>
#include <netinet/in.h>

#include "kt.h"
#include "../../sys/netinet6/ilnp/core/ilnp_knob.h"

#define	TREE	"net.inet6.ilnp6."

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv peer = { FAR_C, FAR + 0x100 };
static const struct ilv plain = { FAR_E, 0x99 };

static bool
teach(void)
{
	return (sysctl_set(TREE "teach",
	    "0211-22ff-fe66-7888 2001+0db8+000c+0001") >= 0);
}

/* lesson: 21, 29, 30 */
static void
reconnecting(void)
{
	struct sockaddr_in6 to = kt_address(peer, 7801);
	struct sockaddr_in6 other = kt_address(plain, 7802);
	struct sockaddr_in6 nowhere = kt_address(peer, 0);
	uint8_t options[8] = { 0, 0, 1, 4, 0, 0, 0, 0 };
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	struct packet k;
	bool found;

	scenario("a socket that changes its mind");
	check(teach(), "told of a host");
	check(sys_connect(fd, &to, sizeof(to)) >= 0 &&
	    sys_sendto(fd, "one", 3, 0, NULL, 0) == 3 &&
	    next_to(7801, 17, &k) && k.noncelen == 4,
	    "to it with a nonce");
	check(sys_connect(fd, &other, sizeof(other)) >= 0 &&
	    sys_sendto(fd, "two", 3, 0, NULL, 0) == 3 &&
	    next_to(7802, 17, &k) && k.noncelen == 0 && k.sum == SUM_IPV6,
	    "then to a host of plain IPv6, without");
	check(sys_connect(fd, &nowhere, sizeof(nowhere)) < 0,
	    "an attempt to connect fails");
	check(sys_connect(fd, &other, sizeof(other)) >= 0 &&
	    sys_sendto(fd, "two", 3, 0, NULL, 0) == 3 &&
	    next_to(7802, 17, &k) && k.noncelen == 0,
	    "and leaves nothing behind");
	check(sys_setsockopt(fd, IPPROTO_IPV6, IPV6_DSTOPTS, options,
	    sizeof(options)) >= 0 &&
	    sys_connect(fd, &to, sizeof(to)) >= 0 &&
	    sys_sendto(fd, "three", 5, 0, NULL, 0) == 5,
	    "options of the program's own");
	found = net_expect(&k, 60, SOON);
	/* Each in a header of its own. */
	check(found && k.proto == 60 && k.body[0] == 17 && k.body[2] == 0x8b,
	    "do not stand in the nonce's way");
	(void)sys_close(fd);
}

/* With a nonce of 4 octets, 65,519 of payload are what IPv6 has room for. */
static void
longest(void)
{
	static char data[65521];
	struct sockaddr_in6 to = kt_address(peer, 7803);
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0), room = 200000;
	uint64_t before = counter("out_toolong");
	struct packet k;

	scenario("the longest datagram");
	check(sysctl_set_long("net.inet.udp.maxdgram", 65535) >= 0 &&
	    sys_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room,
	    sizeof(room)) >= 0 && sys_connect(fd, &to, sizeof(to)) >= 0,
	    "a socket for it");
	check(sys_sendto(fd, data, 65519, 0, NULL, 0) == 65519,
	    "65519 octets are sent");
	check(sys_sendto(fd, data, 65520, 0, NULL, 0) == -EMSGSIZE &&
	    counter("out_toolong") == before + 1,
	    "one more is an error, and counted");
	(void)sysctl_set_long("net.inet.udp.maxdgram", 9216);
	while (net_receive(&k, 100))
		continue;
	(void)sys_close(fd);
}

/* True if a listing contains these octets in hexadecimal. */
static bool
shows_octets(const char *name, const uint8_t *p, unsigned int n)
{
	char text[32];

	for (unsigned int i = 0; i < n; i++) {
		text[2 * i] = "0123456789abcdef"[p[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
	}
	text[2 * n] = '\0';
	return (listing(name, text));
}

/* lesson: 22, 23 */
static void
secrets(struct conn *c)
{
	static char text[6000];
	struct packet k;
	result pid;

	scenario("what is nobody's business");
	check(near_send(c, "mine", &k) && k.noncelen == 4, "data goes out");
	check(!shows_octets(TREE "sessions", k.nonce, 4) &&
	    !shows_octets(TREE "sessions", c->nonce, 4),
	    "no listing shows a nonce");
	pid = sys_fork();
	if (pid == 0) {
		size_t len = sizeof(text);

		(void)sys_setuid(1001);
		/* Too little room, too much, and none at all. */
		for (size_t n = 0; n < 600; n += 37) {
			len = n;
			(void)sysctl_get(TREE "sessions", text, &len);
			len = n;
			(void)sysctl_get(TREE "locators", text, &len);
		}
		(void)sysctl_get(TREE "sessions", NULL, &len);
		sys_exit(0);
	}
	check(sys_wait((int)pid) == 0, "users may ask in any way");
}

/* lesson: 49 */
static void
balanced(void)
{
	struct conn c = { .far = { FAR_C, FAR9 + 0x100 }, .near = guest_a,
	    .farport = 6800, .nearport = 7804, .seq = 5,
	    .nonce = { 9, 9, 1, 1 }, .noncelen = 4 };
	struct sockaddr_in6 sa = kt_address(any, 7804);
	int fd[2], one = 1, got;
	struct packet k;

	scenario("listeners that share a port");
	for (int i = 0; i < 2; i++) {
		fd[i] = (int)sys_socket(AF_INET6, SOCK_STREAM, 0);
		(void)sys_setsockopt(fd[i], SOL_SOCKET, SO_REUSEPORT_LB, &one,
		    sizeof(one));
		if (sys_bind(fd[i], &sa, sizeof(sa)) < 0 ||
		    sys_listen(fd[i], 4) < 0)
			check(false, "cannot listen");
		(void)sys_fcntl(fd[i], 4 /* F_SETFL */, 4 /* O_NONBLOCK */);
	}
	memcpy(net_answer.nonce, c.nonce, 12);
	(void)far_connects(&c, fd[0], c.far, c.near, 0);
	got = c.fd;
	if (got < 0)
		got = (int)sys_accept(fd[1], NULL, NULL);
	c.fd = got;
	check(got >= 0, "one of them gets the connection");
	check(near_send(&c, "hello", &k) && k.noncelen == 4, "data goes out");
	(void)sys_close(got);
	(void)sys_close(fd[0]);
	(void)sys_close(fd[1]);
}

struct limit {
	const char *name;
	uint32_t usual, lowest, highest;
};

static const struct limit limits[] = {
#define	X(name, def, lo, hi, unit, text)	{ #name, def, lo, hi },
	ILNP_KNOBS(X)
#undef X
};

/* lesson: 27, 28 */
static void
extremes(struct conn *c)
{
	struct packet k;
	unsigned int wrong = 0;

	scenario("knobs at their ends");
	for (unsigned int i = 0; i < nitems(limits); i++) {
		const struct limit *l = &limits[i];
		char path[80] = TREE;
		int64_t end;

		memcpy(path + length(path), l->name, length(l->name) + 1);
		if ((l->lowest > 0 &&
		    sysctl_set_int(path, (int)l->lowest - 1) >= 0) ||
		    sysctl_set_int(path, (int)l->highest + 1) >= 0 ||
		    sysctl_set_int(path, (int)l->lowest) < 0 ||
		    sysctl_set_int(path, (int)l->highest) < 0) {
			say("       %s takes what it must not, or not what "
			    "it must\n", l->name);
			wrong++;
		}
		/* Let timers and packets meet both values. */
		for (int j = 0; j < 2; j++) {
			(void)sysctl_set_int(path, (int)(j == 0 ? l->lowest :
			    l->highest));
			far_send(c, TH_ACK, "");
			(void)sys_write(c->fd, "x", 1);
			for (end = now_ms() + 30; now_ms() < end;)
				(void)net_receive(&k, 5);
		}
		(void)sysctl_set_int(path, (int)l->usual);
	}
	check(wrong == 0, "%u knobs refuse what is beyond them",
	    (unsigned int)nitems(limits));
}

void
test_local(void)
{
	int lfd = listener(any, 7800);
	struct conn c = { .far = { FAR_C, FAR8 + 0x100 }, .near = guest_a,
	    .farport = 6900, .nearport = 7800, .seq = 5,
	    .nonce = { 0xfe, 0xdc, 0xba, 0x98 }, .noncelen = 4 };

	net_answer.on = true;
	net_answer.noncelen = 4;
	reconnecting();
	longest();
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	secrets(&c);
	balanced();
	memcpy(net_answer.nonce, c.nonce, 12);
	extremes(&c);
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}
