/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * From the wire to the host: what the core accepts loses its nonce and gets
 * identity addresses.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "edge_var.h"
#include "flow.h"
#include "iface.h"
#include "log.h"
#include "reass.h"

#define	IN_ROUNDS	4	/* batches before others get their turn */
#define	VERIFY_EVERY	64	/* one in so many sums is checked anyway */
/* Always: a peer that changes over says so in its first ACK. */
#define	VERIFY_SMALL	64
#define	TCP_OFF_ACK	8
#define	TH_SYN		0x02
#define	TH_ACK		0x10
#define	ICMP_RA		134
#define	ICMP_MLD_FIRST	130	/* MLD and neighbour discovery */
#define	ICMP_ND_LAST	137

/* Puts a seed and the sums it may be on one footing: 0 and 0xffff are one. */
static bool
same_sum(uint16_t a, uint16_t b)
{
	return (a % 0xffff == b % 0xffff);
}

/* What an unfinished checksum was begun with. */
static enum ilnp_cksum
kind_of_seed(const uint8_t *field, const struct ilnp_view *v)
{
	uint32_t len = (uint32_t)v->v_len - v->v_l4off;
	enum ilnp_cksum kind;

	for (kind = ILNP_CKSUM_RFC; kind <= ILNP_CKSUM_IPV6; kind++)
		if (same_sum(get_16(field), ilnp_cksum_fold(ilnp_cksum_pseudo(
		    kind, v->v_src, v->v_dst, len, v->v_proto))))
			return (kind);
	return (ILNP_CKSUM_UNKNOWN);
}

/*
 * Which kind of checksum the packet carries.  What cannot be found out from
 * this packet is taken to be as before; if that is wrong the host will see.
 */
static enum ilnp_cksum
kind_of(struct edge *e, const struct packet *p, const struct ilnp_in *in,
    const uint8_t *field)
{
	const struct ilnp_view *v = &in->i_view;
	enum ilnp_cksum kind = ILNP_CKSUM_UNKNOWN;
	size_t len = (size_t)v->v_len - v->v_l4off;

	if (v->v_proto == ILNP_PROTO_ICMPV6)
		return (ILNP_CKSUM_IPV6);
	if ((p->p_vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		kind = kind_of_seed(field, v);
	else if (in->i_cksum == ILNP_CKSUM_UNKNOWN || len <= VERIFY_SMALL ||
	    ++e->e_sample % VERIFY_EVERY == 0)
		kind = ilnp_cksum_verify(v->v_src, v->v_dst, v->v_proto,
		    p->p_ip + v->v_l4off, len);
	return (kind != ILNP_CKSUM_UNKNOWN ? kind : in->i_cksum);
}

/* Makes the sum one over identity addresses.  Returns false to drop. */
static bool
fix_sum(struct node *n, struct packet *p, const struct ilnp_in *in)
{
	const struct ilnp_view *v = &in->i_view;
	uint8_t *field = edge_sum(p->p_ip, p->p_len, v);
	enum ilnp_cksum kind;

	if (field == NULL)
		return (true);
	kind = kind_of(n->n_edge, p, in, field);
	if (v->v_proto != ILNP_PROTO_ICMPV6 && kind != in->i_cksum &&
	    !ilnp_sess_cksum(n->n_ilcc, in->i_sess, kind))
		return (false);
	if (kind != ILNP_CKSUM_IPV6) {
		/* Whoever checked it did so by the rule of IPv6. */
		p->p_vnet.flags &= (uint8_t)~VIRTIO_NET_HDR_F_DATA_VALID;
		return (true);
	}
	edge_fix_sum(field, v->v_proto,
	    (p->p_vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0,
	    ilnp_cksum_l64s(v->v_src.l64, v->v_dst.l64), 0);
	return (true);
}

/* Takes the nonce out of the packet, or makes it padding where it must stay. */
static void
remove_nonce(struct packet *p, const struct ilnp_view *v)
{
	size_t off = v->v_nonceoff, len = v->v_noncelen;
	uint8_t *ip = p->p_ip + len;

	if (v->v_nonce.n_len == 0)
		return;
	if (!v->v_alone) {
		ilnp_wire_neutralise(p->p_ip, v);
		return;
	}
	p->p_ip[v->v_noncenxt] = p->p_ip[off];
	memmove(ip, p->p_ip, off);
	p->p_ip = ip;
	p->p_len -= len;
	put_16(ip + OFF_PAYLEN, (uint16_t)(get_16(ip + OFF_PAYLEN) - len));
	if ((p->p_vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		p->p_vnet.csum_start -= (uint16_t)len;
	p->p_vnet.hdr_len -= (uint16_t)len;
}

/*
 * Binds a flow to the session in which the peer has it: a peer that ties its
 * flows to sessions takes the answers in no other.  Which one packets out would
 * take otherwise may change at any time, where the peer has restarted, both
 * ends have begun one at once, or there is a namesake.
 */
static void
bind_flow(struct flow *fl, const struct ilnp_in *in)
{
	flow_bind(fl, in->i_sess,
	    in->i_view.v_nonce.n_len != 0 ? in->i_token : 0);
}

/*
 * Lets a flow go over to the session of a packet if its own is gone, or the
 * peer has shown to be in the other one and that is where its own leads, or its
 * own leads nowhere any more.  Somebody elsewhere who uses the peer's NID must
 * not draw the flow to himself.
 */
static void
rebind_flow(struct node *n, struct flow *fl, const struct ilnp_in *in)
{
	struct ilnp_sessinfo si;
	const struct ilnp_loc *l;
	struct ilnp_sess *s;

	if (in->i_view.v_nonce.n_len == 0 || in->i_token == fl->fl_token)
		return;
	s = fl->fl_token == 0 ? NULL :
	    ilnp_ilcc_bytoken(n->n_ilcc, &in->i_nids, fl->fl_token);
	if (s != NULL) {
		ilnp_sess_info(in->i_sess, &si);
		if (!si.si_confirmed)
			return;
		ilnp_sess_info(s, &si);
		l = ilnp_locset_find(&si.si_remote, in->i_view.v_src.l64);
		if (l == NULL || (l->l_flags & ILNP_LOC_F_UNPROVEN) != 0)
			for (u_int i = 0; i < si.si_npaths; i++)
				if (si.si_path[i].p_state == ILNP_PATH_UP)
					return;
	}
	bind_flow(fl, in);
}

static void
note_syn(struct node *n, const struct ilnp_in *in, const struct flow_key *fk,
    ilnp_time_t now)
{
	struct flow *fl = flows_note(n->n_flows, fk, now);

	if ((fl->fl_flags & FLOW_SURE) == 0)
		bind_flow(fl, in);
	else
		rebind_flow(n, fl, in);
}

static bool
acks_our_syn(const struct packet *p, const struct ilnp_view *v,
    const struct flow *fl)
{
	return ((fl->fl_flags & FLOW_SYN) != 0 &&
	    (v->v_tcpflags & TH_ACK) != 0 &&
	    (size_t)v->v_l4off + 12 <= p->p_len &&
	    get_32(p->p_ip + v->v_l4off + 8) == fl->fl_seq + 1);
}

/* Notes how much of what the host has sent has arrived. */
static void
note_ack(const struct packet *p, const struct ilnp_view *v, struct flow *fl)
{
	uint32_t ack;

	if ((v->v_tcpflags & TH_ACK) == 0 ||
	    (size_t)v->v_l4off + TCP_OFF_ACK + 4 > p->p_len)
		return;
	ack = get_32(p->p_ip + v->v_l4off + TCP_OFF_ACK);
	if ((int32_t)(ack - fl->fl_acked) > 0 &&
	    (int32_t)(fl->fl_sent - ack) >= 0)
		fl->fl_acked = ack;
}

/* Notes what a segment that begins nothing teaches about its connection. */
static void
note_segment(struct node *n, const struct packet *p, const struct ilnp_in *in,
    struct flow *fl, ilnp_time_t now)
{
	flow_touch(fl, now);
	note_ack(p, &in->i_view, fl);
	if (in->i_view.v_nonce.n_len != 0)
		flow_ends(fl, in->i_view.v_tcpflags, FLOW_FIN_IN);
	if (!acks_our_syn(p, &in->i_view, fl)) {
		if ((fl->fl_flags & FLOW_SURE) != 0)
			rebind_flow(n, fl, in);
		return;
	}
	fl->fl_flags &= (uint8_t)~FLOW_SYN;
	fl->fl_flags |= FLOW_SURE;
	if ((in->i_view.v_tcpflags & TH_SYN) != 0) {
		bind_flow(fl, in);
		return;
	}
	/* The peer has seen our SYN: it is where it says. */
	ilnp_sess_confirm(n->n_ilcc, in->i_sess);
	bind_flow(fl, in);
	n->n_tick = now;
}

/* Notes what this packet teaches about its flow. */
static void
note_flow(struct node *n, const struct packet *p, const struct ilnp_in *in,
    const struct flow_key *fk, ilnp_time_t now)
{
	const struct ilnp_view *v = &in->i_view;
	struct flow *fl;

	if (v->v_proto == ILNP_PROTO_TCP &&
	    (v->v_tcpflags & (TH_SYN | TH_ACK)) == TH_SYN) {
		note_syn(n, in, fk, now);
		return;
	}
	fl = flows_find(n->n_flows, fk, now);
	if (v->v_proto == ILNP_PROTO_TCP) {
		if (fl != NULL)
			note_segment(n, p, in, fl, now);
	} else if (fl == NULL || v->v_icmptype == ILNP_ICMP6_ECHO_REQ)
		bind_flow(flows_note(n->n_flows, fk, now), in);
	else
		rebind_flow(n, fl, in);
}

static void
deliver(struct node *n, struct packet *p, const struct ilnp_in *in,
    const struct flow_key *fk, ilnp_time_t now)
{
	const struct ilnp_view *v = &in->i_view;

	if (p->p_len < v->v_len) {
		n->n_stats.node_in_short++;
		return;
	}
	/* What is behind it is the padding of a short frame. */
	p->p_len = v->v_len;
	if (v->v_proto == ILNP_PROTO_NONE)
		return;
	if (v->v_proto == ILNP_PROTO_ICMPV6 &&
	    v->v_icmptype >= ICMP_MLD_FIRST && v->v_icmptype <= ICMP_ND_LAST) {
		n->n_stats.node_in_notdata++;
		return;
	}
	if (fk != NULL)
		note_flow(n, p, in, fk, now);
	if (v->v_nonce.n_len != 0 && edge_omits_nonces(n))
		edge_own_pair(n, &in->i_nids, now);
	if (!fix_sum(n, p, in))
		return;
	p->p_vnet.hdr_len = edge_hdrlen(p->p_ip, p->p_len, v);
	remove_nonce(p, v);
	put_64(p->p_ip + OFF_SRC, tun_identity().l64);
	put_64(p->p_ip + OFF_DST, tun_identity().l64);
	edge_deliver(n, p);
}

/* True if a packet without a nonce can be ILNP's all the same. */
static bool
may_lack_nonce(struct node *n, const struct ilnp_view *v, ilnp_time_t now)
{
	struct ilnp_nidpair nids = { v->v_dst.nid, v->v_src.nid };
	struct flow_key fk;

	if (!edge_omits_nonces(n))
		return (false);
	flow_key_pair(n->n_flows, &fk, &nids);
	return (flows_find(n->n_flows, &fk, now) != NULL);
}

/* What is known of the packet's flow before the core has seen it. */
static enum ilnp_flowhint
hint_of(struct node *n, const struct packet *p, const struct ilnp_in *in,
    struct flow_key *fk, bool *keyed, ilnp_time_t now)
{
	const struct ilnp_view *v = &in->i_view;

	*keyed = false;
	if (in->i_parsed != ILNP_PARSE_OK)
		return (ILNP_FLOW_OPENS);
	*keyed = flow_key(n->n_flows, fk, p->p_ip, p->p_len, v, false);
	/* The flags of a TCP segment with a nonce say more than a flow does. */
	if (v->v_proto == ILNP_PROTO_TCP && v->v_nonce.n_len != 0)
		return (ILNP_FLOW_OPENS);
	if (*keyed && flows_find(n->n_flows, fk, now) != NULL)
		return (ILNP_FLOW_KNOWN);
	return (v->v_nonce.n_len == 0 && may_lack_nonce(n, v, now) ?
	    ILNP_FLOW_KNOWN : ILNP_FLOW_OPENS);
}

static bool
is_fragment(const struct ilnp_in *in)
{
	return (in->i_parsed == ILNP_PARSE_OK && in->i_view.v_frag);
}

/*
 * Takes in a fragment.  Returns true if `p' is the whole packet now; its
 * headers have to be looked at again.
 */
static bool
put_together(struct node *n, struct packet *p, const struct ilnp_view *v,
    ilnp_time_t now)
{
	struct ilnp_nidpair nids = { v->v_dst.nid, v->v_src.nid };
	bool known = v->v_nonce.n_len != 0 && ilnp_ilcc_bytoken(n->n_ilcc,
	    &nids, ilnp_ilcc_token(n->n_ilcc, &v->v_nonce)) != NULL;

	if (p->p_len < v->v_len) {
		n->n_stats.node_in_short++;
		return (false);
	}
	p->p_ip = reass_input(n->n_edge->e_reass, p->p_ip, v, known, now,
	    &n->n_stats, &p->p_len);
	memset(&p->p_vnet, 0, sizeof(p->p_vnet));
	return (p->p_ip != NULL);
}

static void
input_ra(struct node *n, struct iface *ifc, const struct packet *p,
    ilnp_time_t now)
{
	if (ifc == NULL)
		return;
	if (!ra_input(&ifc->if_ra, p->p_ip, p->p_len,
	    (p->p_vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0, now)) {
		n->n_stats.node_ra_bad++;
		return;
	}
	n->n_stats.node_ra++;
	n->n_review = true;
	/*
	 * The kernel says nothing of an address that it has made of a new
	 * prefix until it has found it unique: ask, so that ours is looked into
	 * at the same time.
	 */
	if (!locators_cover(n, ifc))
		(void)netlink_list_addrs(n->n_netlink);
}

/*
 * Says what the core has dropped, and by which counter (RFC 6741 s11.1, RFC
 * 6743 s6): most of it is forged.
 */
static void
log_drop(struct node *n, u_int ifindex, const struct packet *p,
    const struct ilnp_in *in, ilnp_time_t now)
{
	static struct log_rate rate;
	const struct iface *ifc = iface_byindex(n, ifindex);
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], what[32] = "";

	if (!log_allowed(&rate, now))
		return;
	if (in->i_parsed == ILNP_PARSE_OK)
		(void)snprintf(what, sizeof(what),
		    in->i_view.v_proto == ILNP_PROTO_ICMPV6 ?
		    ", ICMPv6 type %u" : ", protocol %u",
		    in->i_view.v_proto == ILNP_PROTO_ICMPV6 ?
		    in->i_view.v_icmptype : in->i_view.v_proto);
	log_warn("%s: dropped (%s): %s > %s%s",
	    ifc == NULL ? "?" : ifc->if_conf->ci_name, ilnp_env_reason,
	    inet_ntop(AF_INET6, p->p_ip + OFF_SRC, src, sizeof(src)),
	    inet_ntop(AF_INET6, p->p_ip + OFF_DST, dst, sizeof(dst)), what);
}

static void
input_packet(struct node *n, u_int ifindex, struct packet *p, ilnp_time_t now)
{
	struct flow_key fk;
	struct ilnp_in in;
	bool keyed;

	if (p->p_len <= ILNP_IP6_HDRLEN) {
		n->n_stats.node_in_short++;
		return;
	}
	if (p->p_ip[OFF_NEXT] == ILNP_PROTO_ICMPV6 &&
	    p->p_ip[ILNP_IP6_HDRLEN] == ICMP_RA) {
		input_ra(n, iface_byindex(n, ifindex), p, now);
		return;
	}
	ilnp_in_look(&in, p->p_ip, p->p_len);
	if (is_fragment(&in)) {
		if (!put_together(n, p, &in.i_view, now))
			return;
		ilnp_in_look(&in, p->p_ip, p->p_len);
		if (is_fragment(&in)) {
			/* A fragment of a fragment: nobody sends that. */
			n->n_stats.node_frag_bad++;
			return;
		}
	}
	in.i_hint = hint_of(n, p, &in, &fk, &keyed, now);
	in.i_vouch = icmp_vouch;
	in.i_edge = n;
	switch (ilnp_ilcc_input(n->n_ilcc, &in, now, &n->n_edge->e_acts)) {
	case ILNP_IN_DELIVER:
		deliver(n, p, &in, keyed ? &fk : NULL, now);
		break;
	case ILNP_IN_ERROR:
		icmp_error_in(n, p->p_ip, &in);
		break;
	case ILNP_IN_CONSUMED:
		edge_act(n, now);
		if (in.i_view.v_icmptype == ILNP_ICMP6_PARAMPROB)
			icmp_replay(n, p->p_ip, &in, now);
		break;
	case ILNP_IN_DROP:
		log_drop(n, ifindex, p, &in, now);
		break;
	default:
		break;
	}
	if (in.i_kick)
		n->n_tick = now;
}

/* Finds the packet in a received frame; offsets will count from its header. */
static bool
open_frame(const struct edge *e, u_int i, struct packet *p)
{
	uint8_t *buf = e->e_iov[i].iov_base;
	size_t len = e->e_msg[i].msg_len;

	if (len < EDGE_ROOM + ILNP_IP6_HDRLEN)
		return (false);
	memcpy(&p->p_vnet, buf, VNET_LEN);
	p->p_ip = buf + EDGE_ROOM;
	p->p_len = len - EDGE_ROOM;
	if ((p->p_vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		p->p_vnet.csum_start -= ETHER_LEN;
	return (true);
}

/* Asks for the sessions of the next few frames of a batch, all at once. */
static void
fetch_sessions(struct node *n, u_int from, u_int to)
{
	struct edge *e = n->n_edge;
	struct ilnp_nidpair nids[ILNP_BURST];
	u_int k = 0;

	for (u_int i = from; i < to && k < ILNP_BURST; i++) {
		const uint8_t *ip = (uint8_t *)e->e_iov[i].iov_base + EDGE_ROOM;

		if (e->e_msg[i].msg_len < EDGE_ROOM + ILNP_IP6_HDRLEN)
			continue;
		nids[k].local.nid = get_64(ip + OFF_DST + 8);
		nids[k].remote.nid = get_64(ip + OFF_SRC + 8);
		k++;
	}
	/* For a single one there is nothing to do meanwhile. */
	if (k > 1)
		ilnp_ilcc_prefetch(n->n_ilcc, nids, k);
}

void
edge_input(void *arg, uint32_t events)
{
	struct node *n = arg;
	struct edge *e = n->n_edge;

	(void)events;
	for (u_int round = 0; round < IN_ROUNDS; round++) {
		int got = recvmmsg(n->n_intake.it_fd, e->e_msg, EDGE_BUFS,
		    MSG_DONTWAIT, NULL);
		ilnp_time_t now = ilnp_env_now();

		if (got <= 0)
			return;
		ilnp_env_epoch_begin();
		for (u_int i = 0; i < (u_int)got; i++) {
			struct packet p;

			if (i % ILNP_BURST == 0)
				fetch_sessions(n, i, (u_int)got);
			if (open_frame(e, i, &p))
				input_packet(n, (u_int)e->e_from[i].sll_ifindex,
				    &p, now);
			else
				n->n_stats.node_in_short++;
		}
		ilnp_env_epoch_end();
		if (got < EDGE_BUFS)
			return;
	}
}
