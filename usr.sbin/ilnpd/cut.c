/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Cuts a packet of several segments into the packets that the host would have
 * made of it itself (the rules are those of segmentation offload for TCP and
 * for UDP).  Judges nothing and sends nothing.
 */
#include "edge_var.h"

#define	TCP_OFF_SEQ	4
#define	TCP_OFF_FLAGS	13
#define	TCP_OFF_SUM	16
#define	TCP_HDRLEN	20
#define	TH_FIN		0x01
#define	TH_PSH		0x08
#define	TH_CWR		0x80
#define	UDP_OFF_LEN	4
#define	UDP_OFF_SUM	6
#define	UDP_HDRLEN	8
#define	GSO_MASK	0x7f	/* without the ECN flag */
#define	RATE_TIME	ILNP_MS(10)
#define	PIECES_PER_SECOND 10000

static size_t
header_length(const struct packet *p, const struct ilnp_view *v)
{
	switch (p->p_vnet.gso_type & GSO_MASK) {
	case VIRTIO_NET_HDR_GSO_TCPV6:
		if (v->v_proto != ILNP_PROTO_TCP ||
		    p->p_vnet.csum_offset != TCP_OFF_SUM)
			return (0);
		break;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		if (v->v_proto != ILNP_PROTO_UDP ||
		    p->p_vnet.csum_offset != UDP_OFF_SUM)
			return (0);
		break;
	default:
		return (0);
	}
	if (v->v_frag || (p->p_vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0 ||
	    p->p_vnet.csum_start != v->v_l4off || p->p_vnet.gso_size == 0)
		return (0);
	return (edge_hdrlen(p->p_ip, p->p_len, v));
}

u_int
cut_segments(const struct packet *p, const struct ilnp_view *v)
{
	size_t hdrlen = header_length(p, v);
	size_t least = v->v_l4off + (v->v_proto == ILNP_PROTO_TCP ?
	    TCP_HDRLEN : UDP_HDRLEN);

	if (hdrlen < least || p->p_len <= hdrlen)
		return (1);
	return ((u_int)((p->p_len - hdrlen + p->p_vnet.gso_size - 1) /
	    p->p_vnet.gso_size));
}

/*
 * As much as the host sends in a tenth of a millisecond.  On a slow path that
 * is one segment; on fast ones it keeps the number of pieces at ten thousand a
 * second, and what overtakes them by about as little.
 */
u_int
cut_together(struct cut_rate *cr, const struct packet *p, u_int segments,
    ilnp_time_t now)
{
	ilnp_time_t passed = now - cr->cr_since;
	uint64_t n;

	cr->cr_octets += p->p_len;
	if (passed >= RATE_TIME) {
		cr->cr_rate = passed > 2 * RATE_TIME ? 0 :
		    cr->cr_octets * ILNP_SEC(1) / passed;
		cr->cr_octets = 0;
		cr->cr_since = now;
	}
	n = cr->cr_rate / PIECES_PER_SECOND / p->p_vnet.gso_size;
	return (n < 1 ? 1 : n > segments ? segments : (u_int)n);
}

void
cut_begin(struct cut *ct, const struct packet *p, const struct ilnp_view *v,
    u_int together)
{
	ct->ct_whole = *p;
	ct->ct_piece = (size_t)together * p->p_vnet.gso_size;
	ct->ct_l4off = v->v_l4off;
	ct->ct_hdrlen = edge_hdrlen(p->p_ip, p->p_len, v);
	ct->ct_at = ct->ct_hdrlen;
	ct->ct_tcp = v->v_proto == ILNP_PROTO_TCP;
}

/* Each segment has its own place in the stream; marks stand for one end. */
static void
fix_tcp(const struct cut *ct, uint8_t *tcp, bool last)
{
	size_t done = ct->ct_at - ct->ct_hdrlen;
	uint32_t seq = get_32(tcp + TCP_OFF_SEQ) + (uint32_t)done;

	put_16(tcp + TCP_OFF_SEQ, (uint16_t)(seq >> 16));
	put_16(tcp + TCP_OFF_SEQ + 2, (uint16_t)seq);
	if (!last)
		tcp[TCP_OFF_FLAGS] &= (uint8_t)~(TH_FIN | TH_PSH);
	if (done != 0)
		tcp[TCP_OFF_FLAGS] &= (uint8_t)~TH_CWR;
}

void
cut_next(struct cut *ct, uint8_t *to, struct packet *p)
{
	const struct packet *whole = &ct->ct_whole;
	size_t left = whole->p_len - ct->ct_at;
	size_t n = left < ct->ct_piece ? left : ct->ct_piece;
	size_t l4len = ct->ct_hdrlen - ct->ct_l4off + n;
	uint8_t *l4 = to + ct->ct_l4off;
	uint8_t *sum = l4 + whole->p_vnet.csum_offset;

	memcpy(to, whole->p_ip, ct->ct_hdrlen);
	memcpy(to + ct->ct_hdrlen, whole->p_ip + ct->ct_at, n);
	put_16(to + OFF_PAYLEN,
	    (uint16_t)(ct->ct_hdrlen + n - ILNP_IP6_HDRLEN));
	if (ct->ct_tcp)
		fix_tcp(ct, l4, n == left);
	else
		put_16(l4 + UDP_OFF_LEN, (uint16_t)l4len);
	/* The pseudo-header, of which the seed is the sum, has the length. */
	put_16(sum, ilnp_cksum_fix_seed(get_16(sum),
	    (uint16_t)(whole->p_len - ct->ct_l4off), (uint16_t)l4len));
	ct->ct_at += n;

	p->p_ip = to;
	p->p_len = ct->ct_hdrlen + n;
	p->p_vnet = whole->p_vnet;
	if (n <= p->p_vnet.gso_size) {
		p->p_vnet.gso_type = VIRTIO_NET_HDR_GSO_NONE;
		p->p_vnet.gso_size = 0;
	}
	p->p_urgent = false;
	p->p_piece = true;
}
