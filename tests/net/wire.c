/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the shell tests cannot do with the base system alone: advertise a
 * prefix for so many seconds, send any IPv6 packet out of an interface, and
 * say of each packet there whether it carries a nonce and which checksum.
 */
#include <sys/param.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <net/bpf.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define	OPT_NONCE	0x8b	/* RFC 6744 s2 */
#define	ICMP6_PROTO	58
#define	FRAME_MAX	9000

struct frame {
	struct ether_header eth;
	struct ip6_hdr ip;
	uint8_t rest[FRAME_MAX];	/* what follows the IPv6 header */
} __packed;

static void __dead2
usage(void)
{
	fprintf(stderr,
	    "usage: wire ra IFACE PREFIX VALID PREFERRED [LIFETIME]\n"
	    "       wire send [-rv] [-c COUNT] [-n NONCE] [-o OFFSET] "
	    "IFACE MAC SRC DST PROTO [HEX]\n"
	    "       wire watch IFACE SECONDS\n");
	exit(2);
}

static unsigned long
number(const char *text, unsigned long highest)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value > highest)
		errx(2, "%s: 0 to %lu", text, highest);
	return (value);
}

/* Reads hexadecimal digits; returns how many octets they make. */
static size_t
octets(const char *text, uint8_t *p, size_t room)
{
	size_t n = strlen(text) / 2;

	if (strlen(text) % 2 != 0 || n > room)
		errx(2, "%s: an even number of digits, at most %zu", text,
		    2 * room);
	for (size_t i = 0; i < n; i++) {
		unsigned int octet;
		char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };
		char more;

		if (sscanf(pair, "%2x%c", &octet, &more) != 1)
			errx(2, "%s: hexadecimal digits", text);
		p[i] = (uint8_t)octet;
	}
	return (n);
}

static struct in6_addr
address(const char *text)
{
	struct in6_addr a;

	if (inet_pton(AF_INET6, text, &a) != 1)
		errx(2, "%s: an IPv6 address", text);
	return (a);
}

static uint32_t
add(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return (sum);
}

/*
 * The sum of an upper-layer packet with its pseudo header: that of IPv6, or
 * that of RFC 6741 s4.2, which knows NIDs only.  0 if a received one is right.
 */
static uint16_t
cksum(const struct ip6_hdr *ip, bool nids, uint8_t proto, const uint8_t *p,
    size_t n)
{
	size_t skip = nids ? 8 : 0;
	uint32_t sum = (uint32_t)n + proto;

	sum = add(sum, &ip->ip6_src.s6_addr[skip], 16 - skip);
	sum = add(sum, &ip->ip6_dst.s6_addr[skip], 16 - skip);
	sum = add(sum, p, n);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)~sum);
}

static int
open_bpf(const char *iface)
{
	struct ifreq ifr;
	u_int one = 1, room = 1 << 19;
	int fd = open("/dev/bpf", O_RDWR);

	if (fd < 0)
		err(1, "/dev/bpf");
	memset(&ifr, 0, sizeof(ifr));
	(void)strlcpy(ifr.ifr_name, iface, sizeof(ifr.ifr_name));
	/* What does not fit is lost, unseen. */
	if (ioctl(fd, BIOCSBLEN, &room) < 0 ||
	    ioctl(fd, BIOCSETIF, &ifr) < 0 ||
	    ioctl(fd, BIOCIMMEDIATE, &one) < 0 ||
	    ioctl(fd, BIOCSHDRCMPLT, &one) < 0)
		err(1, "%s", iface);
	return (fd);
}

/* Finds the Ethernet address and the link-local address of an interface. */
static void
own_addresses(const char *iface, uint8_t mac[6], struct in6_addr *local)
{
	struct ifaddrs *all;
	bool found = false;

	memset(mac, 0, 6);
	if (getifaddrs(&all) != 0)
		err(1, "getifaddrs");
	for (const struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
		if (strcmp(a->ifa_name, iface) != 0 || a->ifa_addr == NULL)
			continue;
		if (a->ifa_addr->sa_family == AF_LINK) {
			const struct sockaddr_dl *dl =
			    (const void *)a->ifa_addr;

			if (dl->sdl_alen == 6)
				memcpy(mac, LLADDR(dl), 6);
		} else if (a->ifa_addr->sa_family == AF_INET6) {
			const struct sockaddr_in6 *sin6 =
			    (const void *)a->ifa_addr;

			if (!IN6_IS_ADDR_LINKLOCAL(&sin6->sin6_addr))
				continue;
			*local = sin6->sin6_addr;
			/* The kernel may have put the zone in there. */
			local->s6_addr[2] = local->s6_addr[3] = 0;
			found = true;
		}
	}
	freeifaddrs(all);
	if (!found)
		errx(1, "%s: no link-local address", iface);
}

static void
put(int fd, struct frame *f, size_t len)
{
	f->eth.ether_type = htons(ETHERTYPE_IPV6);
	f->ip.ip6_flow = 0;
	f->ip.ip6_vfc = IPV6_VERSION;
	f->ip.ip6_plen = htons((uint16_t)len);
	len += offsetof(struct frame, rest);
	if (write(fd, f, len) != (ssize_t)len)
		err(1, "write");
}

static int
advertise(int argc, char **argv)
{
	static const uint8_t all_nodes[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	static struct frame f;
	uint8_t *p = f.rest;
	uint32_t valid, preferred;
	uint16_t lifetime, sum;
	struct in6_addr prefix, local;
	const size_t len = 16 + 32 + 8;

	if (argc != 4 && argc != 5)
		usage();
	prefix = address(argv[1]);
	valid = htonl((uint32_t)number(argv[2], UINT32_MAX));
	preferred = htonl((uint32_t)number(argv[3], UINT32_MAX));
	lifetime = argc == 5 ? (uint16_t)number(argv[4], 9000) : 1800;
	memcpy(f.eth.ether_dhost, all_nodes, 6);
	own_addresses(argv[0], f.eth.ether_shost, &local);
	f.ip.ip6_src = local;
	f.ip.ip6_dst = address("ff02::1");
	f.ip.ip6_nxt = ICMP6_PROTO;
	f.ip.ip6_hlim = 255;
	/* RFC 4861 s4.2, s4.6.2, s4.6.1. */
	p[0] = 134;
	p[4] = 64;
	p[6] = (uint8_t)(lifetime >> 8);
	p[7] = (uint8_t)lifetime;
	p[16] = 3;
	p[17] = 4;
	p[18] = 64;
	p[19] = 0xc0;
	memcpy(p + 20, &valid, 4);
	memcpy(p + 24, &preferred, 4);
	memcpy(p + 32, &prefix, 16);
	p[48] = 1;
	p[49] = 1;
	memcpy(p + 50, f.eth.ether_shost, 6);
	sum = htons(cksum(&f.ip, false, ICMP6_PROTO, p, len));
	memcpy(p + 2, &sum, 2);
	put(open_bpf(argv[0]), &f, len);
	return (0);
}

/* Writes a destination options header with these options; returns its length. */
static size_t
options(uint8_t *p, uint8_t next, const uint8_t *opt, size_t n)
{
	size_t len = roundup2(2 + n, 8);

	memset(p, 0, len);
	p[0] = next;
	p[1] = (uint8_t)(len / 8 - 1);
	memcpy(p + 2, opt, n);
	/* Pad1 is a single zero, PadN says how many follow. */
	if (len - 2 - n > 1) {
		p[2 + n] = 1;
		p[3 + n] = (uint8_t)(len - 4 - n);
	}
	return (len);
}

static int
send_packets(int argc, char **argv)
{
	static struct frame f;
	uint8_t opt[512], nonce[255];
	size_t head = 0, n, nopt = 0;
	unsigned long count = 1, offset = ULONG_MAX;
	bool nids = false, vary = false;
	uint8_t proto;
	unsigned int mac[6];
	int c, fd;

	while ((c = getopt(argc, argv, "c:n:o:rv")) != -1)
		switch (c) {
		case 'c':
			count = number(optarg, 10000000);
			break;
		case 'n':
			n = octets(optarg, nonce, sizeof(nonce));
			if (nopt + 2 + n > sizeof(opt))
				usage();
			opt[nopt++] = OPT_NONCE;
			opt[nopt++] = (uint8_t)n;
			memcpy(opt + nopt, nonce, n);
			nopt += n;
			break;
		case 'o':
			offset = number(optarg, 1000);
			break;
		case 'r':
			nids = true;
			break;
		case 'v':
			vary = true;
			break;
		default:
			usage();
		}
	argc -= optind;
	argv += optind;
	if (argc != 5 && argc != 6)
		usage();
	if (sscanf(argv[1], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2],
	    &mac[3], &mac[4], &mac[5]) != 6)
		errx(2, "%s: an Ethernet address", argv[1]);
	for (int i = 0; i < 6; i++)
		f.eth.ether_dhost[i] = (uint8_t)mac[i];
	f.eth.ether_shost[0] = 2;
	f.ip.ip6_src = address(argv[2]);
	f.ip.ip6_dst = address(argv[3]);
	f.ip.ip6_hlim = 64;
	proto = (uint8_t)number(argv[4], 255);
	f.ip.ip6_nxt = proto;
	if (nopt > 0) {
		head = options(f.rest, proto, opt, nopt);
		f.ip.ip6_nxt = IPPROTO_DSTOPTS;
	}
	n = argc == 6 ? octets(argv[5], f.rest + head, 2000) : 0;
	fd = open_bpf(argv[0]);
	for (uint32_t i = 0; i < count; i++) {
		/* Another locator, NID and nonce each time. */
		if (vary) {
			memcpy(&f.ip.ip6_src.s6_addr[4], &i, 4);
			memcpy(&f.ip.ip6_src.s6_addr[12], &i, 4);
			if (nopt > 0)
				f.rest[4] = (uint8_t)i;
		}
		if (offset != ULONG_MAX && offset + 2 <= n) {
			uint16_t sum;

			memset(f.rest + head + offset, 0, 2);
			sum = htons(cksum(&f.ip, nids, proto, f.rest + head,
			    n));
			memcpy(f.rest + head + offset, &sum, 2);
		}
		put(fd, &f, head + n);
	}
	return (0);
}

/* Prints the nonce among the options of a header; true if there is one. */
static bool
print_nonce(const uint8_t *p, size_t n)
{
	for (size_t i = 2; i < n;) {
		size_t len;

		if (p[i] == 0) {
			i++;
			continue;
		}
		if (i + 2 > n || i + 2 + p[i + 1] > n)
			return (false);
		len = p[i + 1];
		if (p[i] == OPT_NONCE) {
			printf(" nonce=");
			for (size_t j = 0; j < len; j++)
				printf("%02x", p[i + 2 + j]);
			return (true);
		}
		i += 2 + len;
	}
	return (false);
}

static const char *
kind_of_sum(const struct ip6_hdr *ip, uint8_t proto, const uint8_t *p, size_t n)
{
	bool plain = cksum(ip, false, proto, p, n) == 0;
	bool nids = cksum(ip, true, proto, p, n) == 0;

	return (plain ? (nids ? "both" : "ipv6") : nids ? "rfc" : "bad");
}

static void
print_packet(const uint8_t *frame, size_t caplen)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	const uint8_t *p = frame + sizeof(struct ether_header);
	struct ip6_hdr ip;
	bool nonce = false;
	uint8_t proto;
	size_t n;

	if (caplen < sizeof(struct ether_header) + sizeof(ip))
		return;
	memcpy(&ip, p, sizeof(ip));
	if ((ip.ip6_vfc & IPV6_VERSION_MASK) != IPV6_VERSION)
		return;
	p += sizeof(ip);
	n = MIN(caplen - sizeof(struct ether_header) - sizeof(ip),
	    ntohs(ip.ip6_plen));
	proto = ip.ip6_nxt;
	(void)inet_ntop(AF_INET6, &ip.ip6_src, src, sizeof(src));
	(void)inet_ntop(AF_INET6, &ip.ip6_dst, dst, sizeof(dst));
	printf("%s > %s", src, dst);
	while (proto == IPPROTO_DSTOPTS && n >= 8 &&
	    ((size_t)p[1] + 1) * 8 <= n) {
		size_t len = ((size_t)p[1] + 1) * 8;

		nonce |= print_nonce(p, len);
		proto = p[0];
		p += len;
		n -= len;
	}
	printf("%s proto=%d", nonce ? "" : " nonce=-", proto);
	if ((proto == IPPROTO_TCP || proto == IPPROTO_UDP) && n >= 8)
		printf(" ports=%d,%d", p[0] << 8 | p[1], p[2] << 8 | p[3]);
	else if (proto == ICMP6_PROTO && n >= 4)
		printf(" type=%d", p[0]);
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP ||
	    proto == ICMP6_PROTO)
		printf(" sum=%s", kind_of_sum(&ip, proto, p, n));
	printf(" len=%zu\n", n);
}

static int
watch(int argc, char **argv)
{
	struct timeval wait = { 0, 100000 }, now, end;
	u_int size;
	uint8_t *buf;
	int fd;

	if (argc != 2)
		usage();
	fd = open_bpf(argv[0]);
	if (ioctl(fd, BIOCGBLEN, &size) < 0 ||
	    ioctl(fd, BIOCSRTIMEOUT, &wait) < 0 || (buf = malloc(size)) == NULL)
		err(1, "%s", argv[0]);
	(void)gettimeofday(&end, NULL);
	end.tv_sec += (time_t)number(argv[1], 3600);
	/* Whoever starts us waits for this line, then begins. */
	printf("watching\n");
	do {
		ssize_t got = read(fd, buf, size);

		(void)fflush(stdout);
		for (ssize_t at = 0; at < got;) {
			struct bpf_hdr h;

			memcpy(&h, buf + at, sizeof(h));
			print_packet(buf + at + h.bh_hdrlen, h.bh_caplen);
			at += (ssize_t)BPF_WORDALIGN(h.bh_hdrlen + h.bh_caplen);
		}
		(void)gettimeofday(&now, NULL);
	} while (timercmp(&now, &end, <));
	return (0);
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		usage();
	if (strcmp(argv[1], "ra") == 0)
		return (advertise(argc - 2, argv + 2));
	if (strcmp(argv[1], "send") == 0)
		return (send_packets(argc - 1, argv + 1));
	if (strcmp(argv[1], "watch") == 0)
		return (watch(argc - 2, argv + 2));
	usage();
}
