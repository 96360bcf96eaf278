/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The edge from the inside: for edge.c, out.c, cut.c, in.c and icmp.c only.
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
#define	EDGE_TRAINS	16	/* fragmented datagrams sent at a time */

_Static_assert(VNET_LEN == 10, "NEIGH_MAC_OFF and the kernel say so");

/* EDGE_BUFS buffers of EDGE_STRIDE, and one in reserve. */
struct edge_pool {
	uint8_t		*ep_mem;
	uint8_t		*ep_buf[EDGE_BUFS];
	uint8_t		*ep_spare;
	u_int		ep_n;		/* in use */
};

/* A packet in one of the buffers. */
struct packet {
	uint8_t		*p_ip;		/* its IPv6 header */
	size_t		p_len;
	struct virtio_net_hdr p_vnet;	/* offsets count from p_ip */
	bool		p_urgent;	/* goes out at once */
	bool		p_piece;	/* of a larger one: not to be cut again */
};

/* A packet of several segments that is being cut. */
struct cut {
	struct packet	ct_whole;
	size_t		ct_l4off;
	size_t		ct_hdrlen;	/* of all headers */
	size_t		ct_piece;	/* octets of payload in each piece */
	size_t		ct_at;		/* octets of ct_whole that are done */
	bool		ct_tcp;
};

/* How fast the host sends what is to be cut. */
struct cut_rate {
	ilnp_time_t	cr_since;
	uint64_t	cr_octets;	/* since then */
	uint64_t	cr_rate;	/* octets/s before */
};

/* The way that the first fragment of a datagram has taken. */
struct train {
	ilnp_time_t	tr_began;
	struct ilnp_nidpair tr_nids;
	uint32_t	tr_id;
	u_int		tr_n;
	struct ilnp_outpath tr_path[ILNP_COPIES_MAX];
};

struct reass;

struct edge {
	struct edge_pool e_out;		/* in use until the ports are flushed */
	struct edge_pool e_in;
	struct cut	e_cut;		/* in the spare buffer of e_out */
	struct cut_rate	e_cutrate;
	struct train	e_train[EDGE_TRAINS];
	u_int		e_ntrains;	/* so far */
	struct reass	*e_reass;
	bool		e_paused;	/* nothing is read from the host */
	struct mmsghdr	e_msg[EDGE_BUFS];
	struct iovec	e_iov[EDGE_BUFS];
	struct sockaddr_ll e_from[EDGE_BUFS];
	struct port	*e_port;	/* the one with packets queued, or NULL */
	struct ilnp_acts e_acts;	/* in e_act */
	struct ilnp_act	e_act[ILNP_ACTS_TICK];
	uint32_t	e_sample;	/* counts sums taken on trust */
	ilnp_time_t	e_errsecond;	/* limits errors to the host */
	u_int		e_nerr;
	struct log_rate	e_rate;
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

static inline uint64_t
get_64(const uint8_t *p)
{
	return ((uint64_t)get_32(p) << 32 | get_32(p + 4));
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

/* cut.c */

/* How many segments a packet of the host holds; 1 if it cannot be cut. */
u_int	cut_segments(const struct packet *, const struct ilnp_view *);

/*
 * How many segments of a packet of `segments' should go one way together, so
 * that neither much is overtaken by what goes the other ways nor all time is
 * spent on single segments.
 */
u_int	cut_together(struct cut_rate *, const struct packet *, u_int segments,
	    ilnp_time_t now);

/*
 * Begins to cut a packet of more than one segment into pieces of `together'.
 * It must stay where it is until cut_more() says that nothing is left.
 */
void	cut_begin(struct cut *, const struct packet *,
	    const struct ilnp_view *, u_int together);

static inline bool
cut_more(const struct cut *ct)
{
	return (ct->ct_at < ct->ct_whole.p_len);
}

/* Makes the next piece a packet in a buffer of at least EDGE_PACKET octets. */
void	cut_next(struct cut *, uint8_t *to, struct packet *);

/* icmp.c */

/* Tells the host that a packet it sent did not get through. */
void	icmp_refuse(struct node *, const struct packet *, uint8_t type,
	    uint8_t code, uint32_t param, ilnp_time_t now);

/*
 * For i_vouch of the core: true if a flow of the host may have sent the packet
 * that an error quotes; of TCP, if the peer has not acknowledged it yet.
 */
bool	icmp_vouch(const struct ilnp_in *);

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
