/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Frames by hand: written and read without a line of the code under test.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <sys/sockio.h>
#include <net/if.h>
#include <net/if_tap.h>
#include <netinet/in.h>
#include <netinet6/in6_var.h>
#include <netinet6/nd6.h>

#include "net.h"

#define	ETH	14
#define	IP6	40
#define	OPT_NONCE 0x8b
#define	UPDATE	156
#define	PROBE	12	/* octets of one behind its first four */

/* What precedes each frame of TAP_OFFLOAD. */
struct offload {
	uint8_t		flags;
	uint8_t		kind;
	uint16_t	hdrlen;
	uint16_t	segment;
	uint16_t	sumstart;
	uint16_t	sumoff;
};

#define	OFFLOAD_SUM	1	/* flags: the checksum is not finished */
#define	OFFLOAD_TCP6	4	/* kind: to be cut */

static const uint8_t router_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t onlink_mac[6] = { 2, 0, 0, 0, 0, 2 };
uint64_t net_onlink;
bool net_claims;
static int tap_fd[TAPS] = { -1, -1, -1 };
static uint8_t guest_mac[TAPS][6];
static uint8_t last[65536];
static size_t last_len;
static uint8_t kept[2048];
static size_t kept_len;

struct answer net_answer;

void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

void
put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)(v >> 32));
	put32(p + 4, (uint32_t)v);
}

uint16_t
get16(const uint8_t *p)
{
	return ((uint16_t)(p[0] << 8 | p[1]));
}

uint32_t
get32(const uint8_t *p)
{
	return ((uint32_t)get16(p) << 16 | get16(p + 2));
}

uint64_t
get64(const uint8_t *p)
{
	return ((uint64_t)get32(p) << 32 | get32(p + 4));
}

static uint32_t
add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (; n > 1; n -= 2, p += 2)
		sum += get16(p);
	if (n == 1)
		sum += (uint32_t)*p << 8;
	return (sum);
}

static uint16_t
fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)sum);
}

/* The sum of a pseudo-header that holds L64s or does not. */
static uint16_t
pseudo_sum(const uint8_t *ip, size_t size, uint8_t proto, bool full)
{
	uint32_t sum = (uint32_t)size + proto;

	sum = add(sum, ip + 16, 8);
	sum = add(sum, ip + 32, 8);
	if (full) {
		sum = add(sum, ip + 8, 8);
		sum = add(sum, ip + 24, 8);
	}
	return (fold(sum));
}

/* The sum of a segment with such a pseudo-header. */
static uint16_t
transport_sum(const uint8_t *ip, size_t off, size_t len, uint8_t proto,
    bool full)
{
	size_t cover = len - off;

	if (proto == 136 && get16(ip + off + 4) >= 8 &&
	    get16(ip + off + 4) < cover)
		cover = get16(ip + off + 4);
	return (fold(add(pseudo_sum(ip, len - off, proto, full), ip + off,
	    cover)));
}

static void
name_interface(char *name, int tap)
{
	memset(name, 0, IFNAMSIZ);
	memcpy(name, "tap0", 5);
	name[3] = (char)('0' + tap);
}

static void
must(result r, const char *what)
{
	if (r < 0)
		say("%s: error %d\n", what, (int)-r);
}

static void
open_tap(int s, int t)
{
	char path[16] = "/dev/tap0";
	struct in6_ndireq nd;
	struct ifreq ifr;

	path[8] = (char)('0' + t);
	tap_fd[t] = (int)sys_open(path, O_RDWR | O_NONBLOCK);
	must(tap_fd[t], path);
	name_interface(ifr.ifr_name, t);
	must(sys_ioctl(s, SIOCGIFFLAGS, &ifr), "get flags");
	ifr.ifr_flags |= IFF_UP;
	must(sys_ioctl(s, SIOCSIFFLAGS, &ifr), "set flags");
	memset(&nd, 0, sizeof(nd));
	name_interface(nd.ifname, t);
	must(sys_ioctl(s, SIOCGIFINFO_IN6, &nd), "get nd");
	nd.ndi.flags |= ND6_IFF_ACCEPT_RTADV;
	nd.ndi.flags &= ~(uint32_t)ND6_IFF_IFDISABLED;
	must(sys_ioctl(s, SIOCSIFINFO_IN6, &nd), "set nd");
}

void
net_open(void)
{
	int s = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);

	must(sysctl_set_int("net.inet6.ip6.accept_rtadv", 1), "accept_rtadv");
	/* Nobody reads the wires for seconds at times; no router has gone then. */
	must(sysctl_set_int("net.inet6.icmp6.nd6_umaxtries", 60), "umaxtries");
	for (int t = 0; t < TAPS; t++)
		if (t != TAP_OFFLOAD && tap_fd[t] < 0)
			open_tap(s, t);
	(void)sys_close(s);
}

void
net_open_offload(void)
{
	int s = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	int len = sizeof(struct offload);
	struct ifreq ifr;

	open_tap(s, TAP_OFFLOAD);
	must(sys_ioctl(tap_fd[TAP_OFFLOAD], TAPSVNETHDR, &len), "header");
	name_interface(ifr.ifr_name, TAP_OFFLOAD);
	must(sys_ioctl(s, SIOCGIFCAP, &ifr), "get capabilities");
	ifr.ifr_reqcap = ifr.ifr_reqcap | IFCAP_TSO6 | IFCAP_HWCSUM_IPV6;
	must(sys_ioctl(s, SIOCSIFCAP, &ifr), "set capabilities");
	(void)sys_close(s);
}

/* What is left to the hardware of TAP_OFFLOAD. */
static struct offload ahead;

static void
send_frame(int tap, const uint8_t *ip, size_t len, const uint8_t *mac)
{
	static const uint8_t all[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	size_t head = tap == TAP_OFFLOAD ? sizeof(ahead) : 0;
	uint8_t buf[2100], *frame = buf + head;

	memcpy(buf, &ahead, head);
	memset(&ahead, 0, sizeof(ahead));
	memcpy(frame, mac != NULL ? mac : all, 6);
	memcpy(frame + 6, router_mac, 6);
	put16(frame + 12, 0x86dd);
	memcpy(frame + ETH, ip, len);
	(void)sys_write(tap_fd[tap], buf, head + ETH + len);
}

static void
ip_header(uint8_t *ip, struct ilv src, struct ilv dst, uint8_t next,
    size_t payload, uint8_t hops)
{
	put32(ip, 0x60000000);
	put16(ip + 4, (uint32_t)payload);
	ip[6] = next;
	ip[7] = hops;
	put64(ip + 8, src.l64);
	put64(ip + 16, src.nid);
	put64(ip + 24, dst.l64);
	put64(ip + 32, dst.nid);
}

static const struct ilv router = { 0xfe80ULL << 48, 1 };

void
net_advertise(int tap, uint64_t l64, uint32_t valid, uint32_t preferred)
{
	struct ilv all = { 0xff02ULL << 48, 1 };
	uint8_t p[IP6 + 16 + 8 + 32];

	memset(p, 0, sizeof(p));
	ip_header(p, router, all, 58, sizeof(p) - IP6, 255);
	p[IP6] = 134;
	p[IP6 + 4] = 64;
	put16(p + IP6 + 6, 1800);
	p[IP6 + 16] = 1;
	p[IP6 + 17] = 1;
	memcpy(p + IP6 + 18, router_mac, 6);
	p[IP6 + 24] = 3;
	p[IP6 + 25] = 4;
	p[IP6 + 26] = 64;
	p[IP6 + 27] = 0xc0;
	put32(p + IP6 + 28, valid);
	put32(p + IP6 + 32, preferred);
	put64(p + IP6 + 40, l64);
	put16(p + IP6 + 2, (uint16_t)~transport_sum(p, IP6, sizeof(p), 58,
	    true));
	send_frame(tap, p, sizeof(p), NULL);
}

void
net_resign(int tap)
{
	struct ilv all = { 0xff02ULL << 48, 1 };
	uint8_t p[IP6 + 16];

	memset(p, 0, sizeof(p));
	ip_header(p, router, all, 58, sizeof(p) - IP6, 255);
	p[IP6] = 134;
	p[IP6 + 4] = 64;
	put16(p + IP6 + 2, (uint16_t)~transport_sum(p, IP6, sizeof(p), 58,
	    true));
	send_frame(tap, p, sizeof(p), NULL);
}

size_t
net_compose(const struct packet *k, uint8_t *p)
{
	size_t off = IP6, l4, sumat = 0;
	uint8_t next = k->proto, nexts = next;
	bool full = k->sum == SUM_IPV6 || k->proto == 58;

	if (k->noncelen != 0) {
		size_t optlen = (2 + (size_t)(2 + k->noncelen) *
		    (k->nonces + 1) + 7) / 8 * 8;

		memset(p + off, 0, optlen);
		p[off] = nexts;
		p[off + 1] = (uint8_t)(optlen / 8 - 1);
		for (int i = 0; i <= k->nonces; i++) {
			uint8_t *o = p + off + 2 + i * (2 + k->noncelen);

			o[0] = OPT_NONCE;
			o[1] = k->noncelen;
			memcpy(o + 2, k->nonce, k->noncelen);
		}
		next = 60;
		off += optlen;
	}
	l4 = off;
	memset(p + off, 0, 24);
	switch (k->proto) {
	case 6:
		put16(p + off, k->sport);
		put16(p + off + 2, k->dport);
		put32(p + off + 4, k->seq);
		put32(p + off + 8, k->ack);
		p[off + 12] = k->mss ? 0x60 : 0x50;
		p[off + 13] = k->flags;
		put16(p + off + 14, 65535);
		sumat = off + 16;
		off += 20;
		if (k->mss) {
			put32(p + off, 0x020405a0);
			off += 4;
		}
		break;
	case 17:
	case 136:
		put16(p + off, k->sport);
		put16(p + off + 2, k->dport);
		put16(p + off + 4, k->cover != 0 ? k->cover : 8U + k->bodylen);
		sumat = off + 6;
		off += 8;
		break;
	case 58:
		p[off] = k->type;
		p[off + 1] = k->code;
		sumat = off + 2;
		off += 4;
		break;
	}
	memcpy(p + off, k->body, k->bodylen);
	off += k->bodylen;
	ip_header(p, k->src, k->dst, next, off - IP6, 64);
	if (k->partial) {
		put16(p + sumat, pseudo_sum(p, off - l4, k->proto, full));
		ahead = (struct offload){ .flags = OFFLOAD_SUM,
		    .sumstart = (uint16_t)(ETH + l4),
		    .sumoff = (uint16_t)(sumat - l4) };
	} else if (sumat != 0)
		put16(p + sumat, (uint16_t)~transport_sum(p, l4, off,
		    k->proto, full));
	return (off);
}

void
net_send_raw(int tap, const uint8_t *p, size_t len)
{
	send_frame(tap, p, len, guest_mac[tap]);
}

void
net_send(int tap, const struct packet *k)
{
	uint8_t p[2048];

	net_send_raw(tap, p, net_compose(k, p));
}

/* Answers a Neighbour Solicitation, unless it is for a new address. */
static void
advertise_neighbour(int tap, const uint8_t *ip)
{
	struct ilv dst = { get64(ip + 8), get64(ip + 16) };
	bool isnew = dst.l64 == 0 && dst.nid == 0;
	uint8_t p[IP6 + 32];

	if (isnew && !net_claims)
		return;
	if (isnew)
		dst = (struct ilv){ 0xff02000000000000, 1 };
	memset(p, 0, sizeof(p));
	ip_header(p, router, dst, 58, 32, 255);
	memcpy(p + 8, ip + IP6 + 8, 16);
	p[IP6] = 136;
	p[IP6 + 4] = isnew ? 0x20 : 0xe0;
	memcpy(p + IP6 + 8, ip + IP6 + 8, 16);
	p[IP6 + 24] = 2;
	p[IP6 + 25] = 1;
	memcpy(p + IP6 + 26, get64(ip + IP6 + 16) == net_onlink ? onlink_mac :
	    router_mac, 6);
	put16(p + IP6 + 2, (uint16_t)~transport_sum(p, IP6, sizeof(p), 58,
	    true));
	send_frame(tap, p, sizeof(p), guest_mac[tap]);
}

/* Takes a packet of the guest apart.  Returns false if it is not for us. */
static bool
take_apart(int tap, const uint8_t *frame, size_t n, struct packet *k)
{
	const uint8_t *ip = frame + ETH;
	size_t off = IP6, len;
	uint8_t next;

	if (n < ETH + IP6 || get16(frame + 12) != 0x86dd)
		return (false);
	memcpy(guest_mac[tap], frame + 6, 6);
	len = IP6 + (size_t)get16(ip + 4);
	if (len > n - ETH)
		return (false);
	if (ip[6] == 58 && ip[IP6] == 135) {
		advertise_neighbour(tap, ip);
		return (false);
	}
	if (ip[24] == 0xff || ip[24] == 0xfe)
		return (false);
	memset(k, 0, sizeof(*k));
	k->tap = tap;
	k->toroute = memcmp(frame, router_mac, 6) == 0;
	k->len = (uint16_t)len;
	k->src.l64 = get64(ip + 8);
	k->src.nid = get64(ip + 16);
	k->dst.l64 = get64(ip + 24);
	k->dst.nid = get64(ip + 32);
	next = ip[6];
	if (next == 60) {
		for (size_t o = off + 2; o < off + 8U * (ip[off + 1] + 1U);
		    o += ip[o] == 0 ? 1 : 2U + ip[o + 1])
			if (ip[o] == OPT_NONCE && ip[o + 1] <= 12) {
				k->noncelen = ip[o + 1];
				memcpy(k->nonce, ip + o + 2, k->noncelen);
			}
		next = ip[off];
		off += 8U * (ip[off + 1] + 1U);
	}
	k->proto = next;
	if (next == 44)
		return (true);
	if (transport_sum(ip, off, len, next, true) == 0xffff) {
		k->sumok = true;
		k->sum = SUM_IPV6;
	} else if (transport_sum(ip, off, len, next, false) == 0xffff)
		k->sumok = true;
	switch (next) {
	case 6:
		k->sport = get16(ip + off);
		k->dport = get16(ip + off + 2);
		k->seq = get32(ip + off + 4);
		k->ack = get32(ip + off + 8);
		k->flags = ip[off + 13];
		off += (size_t)(ip[off + 12] >> 4) * 4;
		break;
	case 17:
	case 136:
		k->sport = get16(ip + off);
		k->dport = get16(ip + off + 2);
		off += 8;
		break;
	case 58:
		k->type = ip[off];
		k->code = ip[off + 1];
		off += 4;
		break;
	}
	k->bodylen = (uint16_t)MIN(len - off, sizeof(k->body));
	memcpy(k->body, ip + off, k->bodylen);
	return (true);
}

/* Answers what a well-behaved node would.  Returns true if that was all. */
static bool
answer(const struct packet *k)
{
	struct packet r = *k;
	struct ilv src = k->src;

	if (!net_answer.on || k->proto != 58)
		return (false);
	if ((net_answer.dead & 1U << k->tap) != 0)
		return (true);
	r.src = k->dst;
	r.dst = src;
	memcpy(r.nonce, net_answer.nonce, 12);
	r.noncelen = net_answer.noncelen;
	if (k->type == 128) {
		r.type = 129;
		if (k->bodylen == PROBE)
			net_answer.probes++;
		else
			net_answer.echo = *k;
	} else if (k->type == UPDATE && k->body[1] == 1) {
		r.body[1] = 2;
		net_answer.updates++;
		net_answer.update = *k;
	} else
		return (false);
	net_send(k->tap, &r);
	return (true);
}

static void
note_offload(struct packet *k, const uint8_t *buf)
{
	struct offload o;

	memcpy(&o, buf, sizeof(o));
	k->partial = (o.flags & OFFLOAD_SUM) != 0;
	k->segment = o.kind == OFFLOAD_TCP6 ? o.segment : 0;
}

bool
net_receive(struct packet *k, int ms)
{
	int64_t end = now_ms() + ms;
	static uint8_t buf[70000];
	static int first;	/* in turn: no wire is to keep us from others */

	do {
		for (int i = 0; i < TAPS; i++) {
			int t = (first + i) % TAPS;
			size_t head = t == TAP_OFFLOAD ?
			    sizeof(struct offload) : 0;
			const uint8_t *frame = buf + head;
			result n;

			while ((n = sys_read(tap_fd[t], buf, sizeof(buf)) -
			    (result)head) > 0)
				if (take_apart(t, frame, (size_t)n, k) &&
				    !answer(k)) {
					if (head != 0)
						note_offload(k, buf);
					last_len = MIN((size_t)n - ETH,
					    sizeof(last));
					memcpy(last, frame + ETH, last_len);
					first = t + 1;
					return (true);
				}
		}
		sleep_ms(2);
	} while (now_ms() < end);
	return (false);
}

bool
net_expect(struct packet *k, uint8_t proto, int ms)
{
	int64_t end = now_ms() + ms;

	do
		if (!net_receive(k, (int)MAX(end - now_ms(), 1)))
			return (false);
	while (k->proto != proto);
	return (true);
}

void
net_keep(void)
{
	memcpy(kept, last, last_len);
	kept_len = last_len;
}

void
net_error(int tap, uint8_t type, uint8_t code, uint32_t param,
    void (*spoil)(uint8_t *ip))
{
	struct ilv somewhere = { 0x20010db8ffff0000ULL, 1 };
	struct ilv dst = { get64(kept + 8), get64(kept + 16) };
	size_t quote = MIN(kept_len, 1280 - IP6 - 8), len = IP6 + 8 + quote;
	uint8_t p[1280];

	memset(p, 0, IP6 + 8);
	ip_header(p, somewhere, dst, 58, len - IP6, 64);
	p[IP6] = type;
	p[IP6 + 1] = code;
	put32(p + IP6 + 4, param);
	memcpy(p + IP6 + 8, kept, quote);
	if (spoil != NULL)
		spoil(p + IP6 + 8);
	put16(p + IP6 + 2, (uint16_t)~transport_sum(p, IP6, len, 58, true));
	net_send_raw(tap, p, len);
}

void
net_send_cut(int tap, const struct packet *k, size_t at)
{
	uint8_t whole[2048], p[2048];
	size_t len = net_compose(k, whole) - IP6;

	for (int second = 1; second >= 0; second--) {
		size_t part = second ? len - at : at;

		memcpy(p, whole, IP6);
		put16(p + 4, (uint32_t)(part + 8));
		p[6] = 44;
		memset(p + IP6, 0, 8);
		p[IP6] = whole[6];
		put16(p + IP6 + 2, second ? (uint32_t)at : 1);
		put32(p + IP6 + 4, 0x1234);
		memcpy(p + IP6 + 8, whole + IP6 + (second ? at : 0), part);
		net_send_raw(tap, p, IP6 + 8 + part);
	}
}

result
net_destroy(int tap)
{
	int s = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	struct ifreq ifr;
	result r;

	(void)sys_close(tap_fd[tap]);
	memset(&ifr, 0, sizeof(ifr));
	name_interface(ifr.ifr_name, tap);
	r = sys_ioctl(s, SIOCIFDESTROY, &ifr);
	(void)sys_close(s);
	tap_fd[tap] = -1;
	return (r);
}
