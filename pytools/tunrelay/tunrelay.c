/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * tunrelay: the least that a program between a TUN device and an interface
 * can do.  Each packet is read once, written once and otherwise not touched;
 * the benchmark holds ilnpd against it, because nothing built the same way
 * can be faster.
 *
 *	tunrelay [-o] -t tun -i interface -m router-mac -a own-address
 *
 * Packets read from the TUN device leave by the interface toward router-mac.
 * IPv6 packets that arrive on the interface for own-address are written to
 * the TUN device; the host must be kept from taking them itself.  With -o a
 * packet may be up to 64 KB long and the kernel cuts it.
 *
 * Writes "ready" when the device exists; runs until it is killed.
 */

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip6.h>
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define	SOCKBUF		(8 << 20)	/* bytes */
#define	PACKET_MAX	65575		/* bytes: IPv6 header and longest payload */

struct relay {
	bool			r_offload;
	int			r_tun;
	int			r_wire;
	struct ether_header	r_eth;		/* for what leaves */
	struct in6_addr		r_own;
};

/* One packet on its way: what is before it differs between the two sides. */
static struct virtio_net_hdr vnet;
static struct ether_header arrived;
static uint8_t packet[PACKET_MAX];

static int
open_tun(const char *name, bool offload)
{
	struct ifreq ifr;
	int fd;

	if ((fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK)) < 0)
		err(1, "/dev/net/tun");
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = IFF_TUN | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		err(1, "TUN device %s", name);
	if (offload && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO6) < 0)
		err(1, "offload on %s", name);
	return (fd);
}

static int
open_wire(const char *name, bool offload, uint8_t mac[ETH_ALEN])
{
	struct sockaddr_ll sll;
	struct ifreq ifr;
	int fd, one, size;

	if ((fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0)) < 0)
		err(1, "packet socket");
	one = 1;
	size = SOCKBUF;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		err(1, "socket buffers");
	/* Without it we would take in again what we have sent. */
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
	    sizeof(one)) < 0)
		err(1, "PACKET_IGNORE_OUTGOING");
	if (offload && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one,
	    sizeof(one)) < 0)
		err(1, "PACKET_VNET_HDR");

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		err(1, "interface %s", name);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);

	memset(&sll, 0, sizeof(sll));
	sll.sll_family = AF_PACKET;
	sll.sll_protocol = htons(ETH_P_IPV6);
	sll.sll_ifindex = (int)if_nametoindex(name);
	if (bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		err(1, "interface %s", name);
	return (fd);
}

/*
 * Returns false if there is nothing to read, or the device is down.
 */
static bool
get(int fd, const struct iovec *iov, int n, size_t *len, const char *what)
{
	ssize_t got;

	if ((got = readv(fd, iov, n)) >= 0) {
		*len = (size_t)got;
		return (true);
	}
	if (errno != EAGAIN && errno != ENETDOWN && errno != EIO)
		err(1, "read from the %s", what);
	return (false);
}

/*
 * Writes one packet.  A device or queue that is full, or down, costs the
 * packet and nothing else.
 */
static void
put(int fd, const struct iovec *iov, int n, const char *what)
{
	if (writev(fd, iov, n) >= 0)
		return;
	if (errno != EAGAIN && errno != ENOBUFS && errno != ENETDOWN &&
	    errno != EIO)
		err(1, "write to the %s", what);
}

/*
 * Offsets in a virtio header count from its packet's first byte, which is the
 * Ethernet header on the wire and the IPv6 header on the TUN device.
 */
static void
shift(int by)
{
	if (vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		vnet.csum_start = (uint16_t)(vnet.csum_start + by);
	if (vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		vnet.hdr_len = (uint16_t)(vnet.hdr_len + by);
}

static void
tun_to_wire(struct relay *r)
{
	size_t before, len;

	before = r->r_offload ? sizeof(vnet) : 0;
	struct iovec in[] = { { &vnet, before }, { packet, sizeof(packet) } };
	if (!get(r->r_tun, in, 2, &len, "TUN device"))
		return;
	shift(ETH_HLEN);
	struct iovec out[] = { { &vnet, before }, { &r->r_eth, ETH_HLEN },
	    { packet, len - before } };
	put(r->r_wire, out, 3, "interface");
}

static void
wire_to_tun(struct relay *r)
{
	const struct ip6_hdr *ip6;
	size_t before, len;

	before = r->r_offload ? sizeof(vnet) : 0;
	struct iovec in[] = { { &vnet, before }, { &arrived, ETH_HLEN },
	    { packet, sizeof(packet) } };
	if (!get(r->r_wire, in, 3, &len, "interface"))
		return;
	ip6 = (const struct ip6_hdr *)(const void *)packet;
	if (len < before + ETH_HLEN + sizeof(*ip6) ||
	    memcmp(&ip6->ip6_dst, &r->r_own, sizeof(r->r_own)) != 0)
		return;
	shift(-ETH_HLEN);
	struct iovec out[] = { { &vnet, before },
	    { packet, len - before - ETH_HLEN } };
	put(r->r_tun, out, 2, "TUN device");
}

static void
usage(void)
{
	fprintf(stderr, "usage: tunrelay [-o] -t tun -i interface "
	    "-m router-mac -a own-address\n");
	_exit(2);
}

int
main(int argc, char *argv[])
{
	static struct relay r;
	struct epoll_event ev, got[2];
	const char *interface, *tun;
	struct ether_addr mac;
	int ch, i, n, poller;
	bool own, router;

	interface = tun = NULL;
	own = router = false;
	while ((ch = getopt(argc, argv, "a:i:m:ot:")) != -1) {
		switch (ch) {
		case 'a':
			own = inet_pton(AF_INET6, optarg, &r.r_own) == 1;
			break;
		case 'i':
			interface = optarg;
			break;
		case 'm':
			router = ether_aton_r(optarg, &mac) != NULL;
			break;
		case 'o':
			r.r_offload = true;
			break;
		case 't':
			tun = optarg;
			break;
		default:
			usage();
		}
	}
	if (!own || !router || interface == NULL || tun == NULL || optind != argc)
		usage();

	r.r_tun = open_tun(tun, r.r_offload);
	r.r_wire = open_wire(interface, r.r_offload, r.r_eth.ether_shost);
	memcpy(r.r_eth.ether_dhost, &mac, ETH_ALEN);
	r.r_eth.ether_type = htons(ETH_P_IPV6);

	if ((poller = epoll_create1(0)) < 0)
		err(1, "epoll");
	ev.events = EPOLLIN;
	ev.data.fd = r.r_tun;
	if (epoll_ctl(poller, EPOLL_CTL_ADD, r.r_tun, &ev) < 0)
		err(1, "epoll");
	ev.data.fd = r.r_wire;
	if (epoll_ctl(poller, EPOLL_CTL_ADD, r.r_wire, &ev) < 0)
		err(1, "epoll");
	puts("ready");
	fflush(stdout);

	for (;;) {
		if ((n = epoll_wait(poller, got, 2, -1)) < 0 && errno != EINTR)
			err(1, "epoll");
		for (i = 0; i < n; i++) {
			if (got[i].data.fd == r.r_tun)
				tun_to_wire(&r);
			else
				wire_to_tun(&r);
		}
	}
}
