/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The edge from the inside: for edge.c, out.c, in.c and icmp.c only.
 */
#ifndef _ILNPD_EDGE_VAR_H_
#define	_ILNPD_EDGE_VAR_H_

#include <linux/if_packet.h>
#include <linux/virtio_net.h>

#include "edge.h"
#include "ilnp_cksum.h"
#include "locator.h"
#include "log.h"

/* Newer than the headers of the systems we build on. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define	VIRTIO_NET_HDR_GSO_UDP_L4	5
#endif

#define	EDGE_BUFS	32	/* packets handled at a time */
#define	EDGE_HEAD	128	/* room in front: nonce, Ethernet, virtio */
#define	EDGE_PACKET	65600	/* longest packet, with its virtio header */
/* Not a multiple of a page, so that heads do not fall into one cache set. */
#define	EDGE_STRIDE	(EDGE_HEAD + EDGE_PACKET + 1088)
#define	VNET_LEN	sizeof(struct virtio_net_hdr)
#define	IP6_MMTU	1280

_Static_assert(VNET_LEN == 10, "NEIGH_MAC_OFF and the kernel say so");

/* EDGE_BUFS buffers of EDGE_STRIDE. */
struct edge_pool {
	uint8_t		*ep_mem;
	u_int		ep_n;		/* in use */
};

struct edge {
	struct edge_pool e_out;		/* in use until the ports are flushed */
	struct edge_pool e_in;
	bool		e_paused;	/* nothing is read from the host */
	struct mmsghdr	e_msg[EDGE_BUFS];
	struct iovec	e_iov[EDGE_BUFS];
	struct sockaddr_ll e_from[EDGE_BUFS];
	struct port	*e_port;	/* the one with packets queued, or NULL */
	struct ilnp_acts e_acts;
	uint32_t	e_sample;	/* counts sums taken on trust */
	ilnp_time_t	e_errsecond;	/* limits errors to the host */
	u_int		e_nerr;
	struct log_rate	e_rate;
};

static inline uint8_t *
edge_buf(struct edge_pool *ep, u_int i)
{
	return (ep->ep_mem + (size_t)i * EDGE_STRIDE);
}

/* A packet in one of the buffers. */
struct packet {
	uint8_t		*p_ip;		/* its IPv6 header */
	size_t		p_len;
	struct virtio_net_hdr p_vnet;	/* offsets count from p_ip */
	bool		p_urgent;	/* goes out at once */
};

static inline uint16_t
get_16(const uint8_t *p)
{
	return ((uint16_t)(p[0] << 8 | p[1]));
}

static inline void
put_16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline uint32_t
get_32(const uint8_t *p)
{
	return ((uint32_t)get_16(p) << 16 | get_16(p + 2));
}

static inline void
put_64(uint8_t *p, uint64_t v)
{
	for (u_int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

#define	OFF_PAYLEN	4
#define	OFF_NEXT	6
#define	OFF_SRC		8
#define	OFF_DST		24

/* edge.c */

/*
 * Sends a packet from a locator of ours to `dst' (which it already holds) by
 * the interface and router of that locator.  In front of it EDGE_ROOM octets
 * are overwritten.  Unless it is urgent it must stay in place until its port
 * has been flushed.
 */
#define	EDGE_ROOM	(VNET_LEN + ETHER_LEN)
void	edge_emit(struct node *, struct packet *, const struct locator *,
	    ilnp_time_t now);

/* Sends what is queued.  Returns false if some of it must wait. */
bool	edge_flush(struct node *, ilnp_time_t now);

/* Writes a packet to the TUN device; the octets in front are overwritten. */
void	edge_deliver(struct node *, struct packet *);

/* Carries out and empties the list of actions. */
void	edge_act(struct node *, ilnp_time_t now);

/*
 * Where the TCP, UDP, UDP-Lite or ICMPv6 checksum of a packet stands; NULL if
 * it has none that covers addresses, or not in this fragment.
 */
uint8_t	*edge_sum(uint8_t *ip, size_t len, const struct ilnp_view *);

/*
 * Corrects a checksum field after words that add up to `was' have become `is';
 * `unfinished': the field is a seed for the hardware.
 */
void	edge_fix_sum(uint8_t *field, uint8_t proto, bool unfinished,
	    uint16_t was, uint16_t is);

/* Octets of IPv6 and transport headers, for the virtio header. */
uint16_t edge_hdrlen(const uint8_t *ip, size_t len, const struct ilnp_view *);

/* True if our nonces are only on the first packets of a session. */
bool	edge_omits_nonces(const struct node *);

/*
 * With that policy, notes that all flows of a pair of NIDs are ILNP's, those
 * without a nonce included.
 */
void	edge_own_pair(struct node *, const struct ilnp_nidpair *,
	    ilnp_time_t now);

/* out.c */
void	out_packet(struct node *, struct packet *, ilnp_time_t now);

/* icmp.c */

/* Tells the host that a packet it sent did not get through. */
void	icmp_refuse(struct node *, const struct packet *, uint8_t type,
	    uint8_t code, uint32_t param, ilnp_time_t now);

/* Hands an error about a packet of ours to the host that sent it. */
void	icmp_error_in(struct node *, const uint8_t *ip, const struct ilnp_in *);

/*
 * Makes an error of the host's fit for the correspondent: the packet it quotes
 * gets the locators that the correspondent knows it by.
 */
void	icmp_error_out(struct packet *, const struct ilnp_view *,
	    const struct ilnp_l64pair *, size_t noncelen);

/*
 * Sends the packet that a Parameter Problem quotes once more, now that the
 * correspondent is known to want it without a nonce.
 */
void	icmp_replay(struct node *, const uint8_t *ip, const struct ilnp_in *,
	    ilnp_time_t now);

#endif /* !_ILNPD_EDGE_VAR_H_ */
