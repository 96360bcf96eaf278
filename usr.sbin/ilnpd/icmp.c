/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ICMPv6 errors across the edge: made for the host, handed to it, and passed on
 * from it.
 */
#include "edge_var.h"
#include "flow.h"

#define	ICMP_HDRLEN	8
#define	HOP_LIMIT	64
#define	ERRORS_PER_SECOND 200
#define	PROBE_LEN	8	/* octets of a probe's token */
#define	OFF_CKSUM	2
#define	OFF_PARAM	4
#define	TCP_OFF_SEQ	4

/* Writes type, code, parameter and checksum of an error of `len' octets. */
static void
finish_error(uint8_t *ip, size_t len, uint8_t type, uint8_t code,
    uint32_t param)
{
	struct ilnp_rd r = ilnp_rd(ip + OFF_SRC, 32);
	struct ilnp_ilv src = ilnp_rd_ilv(&r), dst = ilnp_rd_ilv(&r);
	uint8_t *icmp = ip + ILNP_IP6_HDRLEN;
	size_t icmplen = len - ILNP_IP6_HDRLEN;

	icmp[0] = type;
	icmp[1] = code;
	put_16(icmp + OFF_CKSUM, 0);
	put_16(icmp + OFF_PARAM, (uint16_t)(param >> 16));
	put_16(icmp + OFF_PARAM + 2, (uint16_t)param);
	put_16(icmp + OFF_CKSUM, (uint16_t)~ilnp_cksum_fold(ilnp_cksum_add(
	    ilnp_cksum_pseudo(ILNP_CKSUM_IPV6, src, dst, (uint32_t)icmplen,
	    ILNP_PROTO_ICMPV6), icmp, icmplen)));
}

static void
put_ip(uint8_t *ip, size_t len, const uint8_t *src, const uint8_t *dst)
{
	memset(ip, 0, OFF_SRC);
	ip[0] = 0x60;
	put_16(ip + OFF_PAYLEN, (uint16_t)(len - ILNP_IP6_HDRLEN));
	ip[OFF_NEXT] = ILNP_PROTO_ICMPV6;
	ip[OFF_NEXT + 1] = HOP_LIMIT;
	memcpy(ip + OFF_SRC, src, 16);
	memcpy(ip + OFF_DST, dst, 16);
}

static bool
may_refuse(struct edge *e, const struct packet *p, ilnp_time_t now)
{
	struct ilnp_view v;

	if (ilnp_wire_parse(p->p_ip, p->p_len, &v) != ILNP_PARSE_OK ||
	    v.v_laterfrag || (v.v_proto == ILNP_PROTO_ICMPV6 &&
	    v.v_icmptype < 128))
		return (false);
	if (now / ILNP_SEC(1) != e->e_errsecond) {
		e->e_errsecond = now / ILNP_SEC(1);
		e->e_nerr = 0;
	}
	return (e->e_nerr++ < ERRORS_PER_SECOND);
}

void
icmp_refuse(struct node *n, const struct packet *orig, uint8_t type,
    uint8_t code, uint32_t param, ilnp_time_t now)
{
	uint8_t buf[VNET_LEN + IP6_MMTU];
	struct packet p = { .p_ip = buf + VNET_LEN };
	size_t quote = orig->p_len;

	if (!may_refuse(n->n_edge, orig, now))
		return;
	if (quote > IP6_MMTU - ILNP_IP6_HDRLEN - ICMP_HDRLEN)
		quote = IP6_MMTU - ILNP_IP6_HDRLEN - ICMP_HDRLEN;
	p.p_len = ILNP_IP6_HDRLEN + ICMP_HDRLEN + quote;
	/* From where the packet was going, to where it came from. */
	put_ip(p.p_ip, p.p_len, orig->p_ip + OFF_DST, orig->p_ip + OFF_SRC);
	memcpy(p.p_ip + ILNP_IP6_HDRLEN + ICMP_HDRLEN, orig->p_ip, quote);
	finish_error(p.p_ip, p.p_len, type, code, param);
	edge_deliver(n, &p);
}

/*
 * Copies a quoted packet of ours as the host knows it: with identity addresses
 * and without the nonce header.  `room' is at least that of the quote.
 */
static size_t
restore_quote(uint8_t *to, const uint8_t *quote, size_t len,
    const struct ilnp_view *q)
{
	size_t cut = q->v_nonce.n_len != 0 && q->v_alone ? q->v_noncelen : 0;
	size_t at = cut != 0 ? q->v_nonceoff : len;

	memcpy(to, quote, at);
	if (cut != 0) {
		memcpy(to + at, quote + at + cut, len - at - cut);
		to[q->v_noncenxt] = quote[at];
		put_16(to + OFF_PAYLEN,
		    (uint16_t)(get_16(to + OFF_PAYLEN) - cut));
	}
	put_64(to + OFF_SRC, tun_identity().l64);
	put_64(to + OFF_DST, tun_identity().l64);
	return (len - cut);
}

/* Octets of the quote at hand; 0 if its headers are not all there. */
static size_t
quote_len(const struct ilnp_in *in)
{
	size_t len = (size_t)in->i_view.v_len - in->i_quoteoff;

	if (len > in->i_quote.v_len)
		len = in->i_quote.v_len;
	if (len < ILNP_IP6_HDRLEN ||
	    (in->i_quote.v_nonce.n_len != 0 &&
	    len < (size_t)in->i_quote.v_nonceoff + in->i_quote.v_noncelen))
		return (0);
	return (len);
}

bool
icmp_vouch(const struct ilnp_in *in)
{
	const struct ilnp_view *q = &in->i_quote;
	const uint8_t *quote = in->i_pkt + in->i_quoteoff;
	size_t len = in->i_len - in->i_quoteoff;
	struct node *n = in->i_edge;
	const struct flow *fl;
	struct flow_key fk;
	uint32_t seq;

	if (!flow_key(n->n_flows, &fk, quote, len, q, true))
		return (false);
	fl = flows_find(n->n_flows, &fk, ilnp_env_now());
	if (fl == NULL || q->v_proto != ILNP_PROTO_TCP)
		return (fl != NULL);
	if ((size_t)q->v_l4off + TCP_OFF_SEQ + 4 > len)
		return (false);
	seq = get_32(quote + q->v_l4off + TCP_OFF_SEQ);
	return ((int32_t)(seq - fl->fl_acked) >= 0 &&
	    (int32_t)(fl->fl_sent - seq) > 0);
}

void
icmp_error_in(struct node *n, const uint8_t *ip, const struct ilnp_in *in)
{
	const struct ilnp_view *v = &in->i_view, *q = &in->i_quote;
	uint8_t buf[VNET_LEN + IP6_MMTU];
	struct packet p = { .p_ip = buf + VNET_LEN };
	uint8_t *quote = p.p_ip + ILNP_IP6_HDRLEN + ICMP_HDRLEN;
	uint32_t param = get_32(ip + v->v_l4off + OFF_PARAM);
	size_t len = quote_len(in);

	if (len == 0)
		return;
	if (len > IP6_MMTU - ILNP_IP6_HDRLEN - ICMP_HDRLEN)
		len = IP6_MMTU - ILNP_IP6_HDRLEN - ICMP_HDRLEN;
	len = restore_quote(quote, ip + in->i_quoteoff, len, q);
	p.p_len = ILNP_IP6_HDRLEN + ICMP_HDRLEN + len;
	/* A router's address stays, the correspondent's is its identity. */
	put_ip(p.p_ip, p.p_len, ip + OFF_SRC, quote + OFF_SRC);
	if (ilnp_nid_eq(v->v_src.nid, q->v_dst.nid))
		memcpy(p.p_ip + OFF_SRC, quote + OFF_DST, 16);
	if (v->v_icmptype == ILNP_ICMP6_PTB) {
		/* The host's packets grow by the nonce header after this. */
		param = in->i_mtu - q->v_noncelen;
		if (param < IP6_MMTU)
			param = IP6_MMTU;
	} else if (v->v_icmptype == ILNP_ICMP6_PARAMPROB &&
	    q->v_nonce.n_len != 0 && param > q->v_nonceoff)
		param -= q->v_noncelen;
	finish_error(p.p_ip, p.p_len, v->v_icmptype, v->v_icmpcode, param);
	edge_deliver(n, &p);
}

void
icmp_error_out(struct packet *p, const struct ilnp_view *v,
    const struct ilnp_l64pair *pair, size_t noncelen)
{
	uint8_t *icmp = p->p_ip + v->v_l4off;
	uint8_t *quote = icmp + ICMP_HDRLEN;
	struct ilnp_ilv src = { pair->local, v->v_src.nid };
	struct ilnp_ilv dst = { pair->remote, v->v_dst.nid };
	size_t icmplen;

	/* An error must stay within the least MTU (RFC 4443 s2.4). */
	if (p->p_len + noncelen > IP6_MMTU) {
		p->p_len = IP6_MMTU - noncelen;
		put_16(p->p_ip + OFF_PAYLEN,
		    (uint16_t)(p->p_len - ILNP_IP6_HDRLEN));
	}
	icmplen = p->p_len - v->v_l4off;
	if (icmplen >= ICMP_HDRLEN + ILNP_IP6_HDRLEN) {
		put_64(quote + OFF_SRC, pair->remote.l64);
		put_64(quote + OFF_DST, pair->local.l64);
	}
	p->p_vnet = (struct virtio_net_hdr){ .hdr_len = p->p_vnet.hdr_len };
	put_16(icmp + OFF_CKSUM, 0);
	put_16(icmp + OFF_CKSUM, (uint16_t)~ilnp_cksum_fold(ilnp_cksum_add(
	    ilnp_cksum_pseudo(ILNP_CKSUM_IPV6, src, dst, (uint32_t)icmplen,
	    ILNP_PROTO_ICMPV6), icmp, icmplen)));
}

/*
 * The checksum that the host had put in, or left to be finished: over identity
 * addresses.  The quote was covered by the sum of the error, so its octets are
 * as we sent them, but its sum may not have been finished then.
 */
static void
restore_sum(uint8_t *ip, size_t len, const struct ilnp_view *v)
{
	uint8_t *field = edge_sum(ip, len, v);
	uint16_t sum;

	if (field == NULL || v->v_frag)
		return;
	put_16(field, 0);
	sum = (uint16_t)~ilnp_cksum_fold(ilnp_cksum_add(ilnp_cksum_pseudo(
	    ILNP_CKSUM_IPV6, v->v_src, v->v_dst,
	    (uint32_t)(len - v->v_l4off), v->v_proto), ip + v->v_l4off,
	    len - v->v_l4off));
	put_16(field, sum == 0 && v->v_proto == ILNP_PROTO_UDP ? 0xffff : sum);
}

void
icmp_replay(struct node *n, const uint8_t *ip, const struct ilnp_in *in,
    ilnp_time_t now)
{
	uint8_t buf[EDGE_HEAD + EDGE_ROOM + IP6_MMTU];
	struct packet p = { .p_ip = buf + EDGE_HEAD + EDGE_ROOM,
	    .p_urgent = true };
	const struct ilnp_view *q = &in->i_quote;
	size_t len = quote_len(in);
	struct ilnp_view v;

	/* Cut short it is of no use; transport will repeat it. */
	if (len != q->v_len || len == 0 || len > IP6_MMTU)
		return;
	/* The core's own probes are not the host's. */
	if (q->v_proto == ILNP_PROTO_ICMPV6 &&
	    len - q->v_l4off == ICMP_HDRLEN + PROBE_LEN)
		return;
	p.p_len = restore_quote(p.p_ip, ip + in->i_quoteoff, len, q);
	if (ilnp_wire_parse(p.p_ip, p.p_len, &v) != ILNP_PARSE_OK)
		return;
	restore_sum(p.p_ip, p.p_len, &v);
	n->n_stats.node_out_replayed++;
	out_packet(n, &p, now);
}
