/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What ping(8) does: echo requests from a raw socket, to a host with two
 * locators, whose answers come from either.
 */
#include <sys/param.h>
#include <netinet/in.h>
#include <netinet/icmp6.h>

#include "kt.h"

#define	PINGED	(FAR + 0x300)
#define	LENGTH	48

static const struct ilv peer = { FAR_C, PINGED };
static const struct ilv stranger = { FAR_E, 0x9a };

static const struct icmp6_hdr *
head_of(uint16_t seq)
{
	static struct icmp6_hdr h;

	h.icmp6_type = ICMP6_ECHO_REQUEST;
	h.icmp6_id = htons(0x1234);
	h.icmp6_seq = htons(seq);
	return (&h);
}

static bool
request(int fd, uint16_t seq)
{
	uint8_t out[LENGTH];

	memset(out, 0x5a, sizeof(out));
	memcpy(out, head_of(seq), sizeof(struct icmp6_hdr));
	return (sys_write(fd, out, sizeof(out)) == sizeof(out));
}

/* True if the answer comes, and as from where the program sent to. */
static bool
answered(int fd, uint16_t seq, int ms)
{
	const struct icmp6_hdr *sent = head_of(seq);
	int64_t end = now_ms() + ms;
	struct sockaddr_in6 from;
	struct icmp6_hdr reply;
	uint8_t in[200];
	struct packet k;

	do {
		socklen_t len = sizeof(from);

		while (sys_recvfrom(fd, in, sizeof(in), MSG_DONTWAIT, &from,
		    &len) == LENGTH) {
			memcpy(&reply, in, sizeof(reply));
			if (reply.icmp6_type == ICMP6_ECHO_REPLY &&
			    reply.icmp6_id == sent->icmp6_id &&
			    reply.icmp6_seq == sent->icmp6_seq)
				return (get64(from.sin6_addr.s6_addr) == FAR_C);
		}
		(void)net_receive(&k, 20);
	} while (now_ms() < end);
	return (false);
}

static bool
ping(int fd, uint16_t seq)
{
	return (request(fd, seq) && answered(fd, seq, 5000));
}

/* Takes a request, and answers it with a nonce that is right or not. */
static bool
answer_by_hand(const uint8_t nonce[4], uint8_t spoil)
{
	struct packet k, r;

	do
		if (!net_expect(&k, 58, SOON))
			return (false);
	while (k.type != ICMP6_ECHO_REQUEST || k.bodylen < LENGTH - 4);
	r = k;
	r.src = k.dst;
	r.dst = k.src;
	r.type = ICMP6_ECHO_REPLY;
	memcpy(r.nonce, nonce, 4);
	r.nonce[0] ^= spoil;
	net_send(k.tap, &r);
	return (true);
}

static int
pinger(struct ilv to)
{
	struct sockaddr_in6 sin6 = kt_address(to, 0);
	int fd = (int)sys_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);

	check(fd >= 0 && sys_connect(fd, &sin6, sizeof(sin6)) >= 0,
	    "a raw socket is connected");
	return (fd);
}

/* checklist: 28, 38 */
void
test_ping(void)
{
	const uint8_t nonce[4] = { 0x71, 0x72, 0x73, 0x74 };
	const struct packet *last = &net_answer.echo;
	unsigned int n = 0, at = 0;
	uint64_t wrong;
	int64_t began = now_ms();
	bool right = true;
	struct packet k;
	int fd;

	scenario("ping");
	check(sysctl_set("net.inet6.ilnp6.teach", "0211-22ff-fe66-7a88 "
	    "2001+0db8+000c+0001 2001+0db8+000d+0001") >= 0,
	    "told of a host with two locators, and of no end");
	net_answer.on = true;
	memcpy(net_answer.nonce, nonce, sizeof(nonce));
	net_answer.noncelen = sizeof(nonce);
	fd = pinger(peer);
	check(ping(fd, 200), "it answers");
	while (now_ms() < began + 3000)
		(void)net_receive(&k, 100);
	check(!listing("net.inet6.ilnp6.sessions", "aged") &&
	    !listing("net.inet6.ilnp6.sessions", "expired"),
	    "no locator ends by itself");
	/* The second locator is used once it has answered a probe. */
	for (uint16_t i = 0; i < 60 && (n < 12 || at != 3); i++) {
		memset(&net_answer.echo, 0, sizeof(net_answer.echo));
		if (!ping(fd, i))
			break;
		n++;
		right &= last->dst.nid == PINGED && last->noncelen == 4 &&
		    last->sumok && last->sum == SUM_IPV6;
		at |= last->dst.l64 == FAR_C ? 1 : last->dst.l64 == FAR_D ? 2 :
		    4;
	}
	check(n >= 12 && at == 3,
	    "its requests go to both, and all answers are for it");
	check(right, "with nonces, and sums over whole addresses");
	net_answer.on = false;
	wrong = counter("in_nonce_wrong");
	check(request(fd, 100) && answer_by_hand(nonce, 1) &&
	    !answered(fd, 100, 300) && counter("in_nonce_wrong") > wrong,
	    "an answer with another nonce is not");
	check(request(fd, 101) && answer_by_hand(nonce, 0) &&
	    answered(fd, 101, 5000), "one with the right nonce is");
	net_answer.on = true;
	(void)sys_close(fd);

	fd = pinger(stranger);
	memset(&net_answer.echo, 0, sizeof(net_answer.echo));
	(void)ping(fd, 0);
	check(last->dst.nid == stranger.nid && last->noncelen == 0,
	    "a host that we were not told of gets plain requests");
	(void)sys_close(fd);
}
