/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * From the host to the wire: identity addresses become locators, and the nonce
 * goes in.
 */
#include <netinet/tcp.h>

#include <unistd.h>

#include "edge_var.h"
#include "flow.h"
#include "guard.h"
#include "held.h"
#include "hosts.h"
#include "iface.h"
#include "names.h"
#include "sockapi.h"

#define	OUT_OCTETS	(256 * 1024)	/* sent at once, to stay in the cache */
#define	OUT_PACKETS	128		/* before others get their turn */
#define	TCP_OFF_DOFF	12
#define	UNREACH_ADMIN	1
#define	UNREACH_ADDRESS	3
#define	FRAG_OFF_ID	4
#define	FRAG_HDRLEN	8
#define	UDP_OFF_LEN	4
#define	TRAIN_TIME	ILNP_SEC(1)	/* the host sends them in a row */
#define	GSO_MASK	0x7f	/* without the ECN flag */
#define	CUT_FEW		16	/* segments that cost little to send one by one */

/* Where the nonce header goes. */
struct gap {
	size_t		g_at;
	size_t		g_next;		/* of the octet that names what follows */
};

/*
 * The place is before the fragment header if the host has fragmented, so that
 * each fragment shows the nonce; else right before the upper layer.
 */
static bool
find_gap(const struct packet *p, const struct ilnp_view *v, struct gap *g)
{
	uint8_t next = p->p_ip[OFF_NEXT];

	g->g_at = ILNP_IP6_HDRLEN;
	g->g_next = OFF_NEXT;
	while (next != ILNP_PROTO_FRAGMENT && g->g_at < v->v_l4off) {
		if (g->g_at + 2 > p->p_len)
			return (false);
		g->g_next = g->g_at;
		next = p->p_ip[g->g_at];
		g->g_at += ((size_t)p->p_ip[g->g_at + 1] + 1) * 8;
	}
	return (g->g_at <= p->p_len);
}

/* Octets of the longest packet that the kernel will make of this one. */
static size_t
longest_segment(const struct packet *p)
{
	size_t seg = (size_t)p->p_vnet.hdr_len + p->p_vnet.gso_size;

	if (p->p_vnet.gso_type == VIRTIO_NET_HDR_GSO_NONE || seg > p->p_len)
		return (p->p_len);
	return (seg);
}

/*
 * Linux routers reached over virtual links get large packets whole.  To judge
 * whether the pieces will fit they take what follows the IPv6 header for the
 * TCP header, also where it is a nonce, and read its length from the first
 * octet of what may be the sequence number: to some that fit they answer Packet
 * Too Big.  Slightly smaller pieces fit by that rule, too.
 */
static void
humour_routers(struct packet *p, size_t limit)
{
	size_t doff;

	if ((p->p_vnet.gso_type & GSO_MASK) != VIRTIO_NET_HDR_GSO_TCPV6)
		return;
	doff = (size_t)(p->p_ip[ILNP_IP6_HDRLEN + TCP_OFF_DOFF] >> 4) * 4;
	if (ILNP_IP6_HDRLEN + doff + p->p_vnet.gso_size > limit)
		p->p_vnet.gso_size =
		    (uint16_t)(limit - ILNP_IP6_HDRLEN - doff);
}

/* Octets of the longest packet that fits a path. */
static size_t
limit_of(const struct ilnp_outpath *path, const struct locator *lc)
{
	size_t limit = lc->lc_if->if_mtu;

	return (path->op_mtu != 0 && path->op_mtu < limit ? path->op_mtu :
	    limit);
}

/*
 * Octets behind the IPv6 header of the packet, or of that which the host has cut
 * into fragments: the first one of a datagram tells how long that is.
 */
static size_t
whole_length(const struct packet *p, const struct ilnp_view *v)
{
	size_t len = p->p_len - ILNP_IP6_HDRLEN;

	if (v->v_frag && !v->v_laterfrag && v->v_proto == ILNP_PROTO_UDP &&
	    (size_t)v->v_l4off + UDP_OFF_LEN + 2 <= p->p_len)
		len = v->v_l4off - ILNP_IP6_HDRLEN - FRAG_HDRLEN +
		    get_16(p->p_ip + v->v_l4off + UDP_OFF_LEN);
	return (len);
}

/* Tells the host that a datagram is too long; programs see EMSGSIZE. */
static void
refuse_length(struct node *n, const struct packet *p, size_t limit,
    ilnp_time_t now)
{
	icmp_refuse(n, p, ILNP_ICMP6_PTB, 0,
	    limit < IP6_MMTU ? IP6_MMTU : (uint32_t)limit, now);
}

/* Returns false, and tells the host, if the path takes no such packets. */
static bool
fits_path(struct node *n, const struct packet *p, size_t limit,
    size_t noncelen, ilnp_time_t now)
{
	if (longest_segment(p) + noncelen <= limit)
		return (true);
	n->n_stats.node_out_toobig++;
	refuse_length(n, p, limit - noncelen, now);
	return (false);
}

static void
fix_sum(struct packet *p, const struct ilnp_view *v,
    const struct ilnp_l64pair *pair, enum ilnp_cksum kind)
{
	uint8_t *field = edge_sum(p->p_ip, p->p_len, v);

	/*
	 * The host's sum is over identity addresses, which is that of RFC 6741
	 * already.  ICMPv6 always covers the whole addresses.
	 */
	if (field == NULL ||
	    (kind == ILNP_CKSUM_RFC && v->v_proto != ILNP_PROTO_ICMPV6))
		return;
	edge_fix_sum(field, v->v_proto,
	    (p->p_vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0, 0,
	    ilnp_cksum_l64s(pair->local, pair->remote));
}

static void
insert_nonce(struct packet *p, const struct gap *g,
    const struct ilnp_nonce *nonce)
{
	size_t len = ilnp_wire_noncelen(nonce);
	uint8_t *ip = p->p_ip - len;
	uint8_t next = p->p_ip[g->g_next];

	memmove(ip, p->p_ip, g->g_at);
	(void)ilnp_wire_put_nonce(ip + g->g_at, nonce, next);
	ip[g->g_next] = ILNP_PROTO_DSTOPTS;
	put_16(ip + OFF_PAYLEN, (uint16_t)(get_16(ip + OFF_PAYLEN) + len));
	p->p_ip = ip;
	p->p_len += len;
	p->p_vnet.hdr_len += (uint16_t)len;
	if ((p->p_vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		p->p_vnet.csum_start += (uint16_t)len;
}

/*
 * True if some router could take a large packet for too big that is not, as
 * said above.  What this depends on is not all known before the path is, so
 * this errs on the safe side.
 */
static bool
may_be_misread(struct node *n, const struct packet *p,
    const struct ilnp_view *v)
{
	size_t header = ilnp_ilcc_conf(n->n_ilcc)->nonce_size == 4 ? 8 : 16;
	size_t doff;

	if (v->v_proto != ILNP_PROTO_TCP)
		return (false);
	if (header > TCP_OFF_DOFF)
		return (true);
	doff = (size_t)(p->p_ip[ILNP_IP6_HDRLEN + TCP_OFF_DOFF - header] >>
	    4) * 4;
	return (doff > header +
	    (size_t)(p->p_ip[v->v_l4off + TCP_OFF_DOFF] >> 4) * 4);
}

static void
send_by_path(struct node *n, struct packet *p, const struct ilnp_view *v,
    const struct ilnp_out *out, const struct ilnp_outpath *path,
    ilnp_time_t now)
{
	const struct locator *lc = locators_find(n, path->op_pair.local);
	size_t noncelen = out->o_nonce.n_len == 0 ? 0 :
	    ilnp_wire_noncelen(&out->o_nonce);
	struct gap g;

	if (lc == NULL) {
		n->n_stats.node_out_nolocator++;
		return;
	}
	if (!find_gap(p, v, &g)) {
		n->n_stats.node_out_badform++;
		return;
	}
	if (noncelen != 0 && whole_length(p, v) + noncelen > UINT16_MAX) {
		ILNP_COUNT(n->n_ilcc, out_toolong);
		refuse_length(n, p, limit_of(path, lc), now);
		return;
	}
	if (v->v_proto == ILNP_PROTO_ICMPV6 && !v->v_laterfrag &&
	    v->v_icmptype < 128)
		icmp_error_out(p, v, &path->op_pair, noncelen);
	else {
		if (!fits_path(n, p, limit_of(path, lc), noncelen, now))
			return;
		fix_sum(p, v, &path->op_pair, out->o_cksum);
	}
	put_64(p->p_ip + OFF_SRC, path->op_pair.local.l64);
	put_64(p->p_ip + OFF_DST, path->op_pair.remote.l64);
	if (noncelen != 0) {
		insert_nonce(p, &g, &out->o_nonce);
		humour_routers(p, limit_of(path, lc));
	}
	edge_emit(n, p, lc, now);
}

/* A copy in a buffer of its own, for another path. */
static struct packet
copy_packet(struct edge *e, const struct packet *p)
{
	struct packet q = *p;

	q.p_ip = e->e_out.ep_buf[e->e_out.ep_n++] + EDGE_HEAD + VNET_LEN;
	memcpy(q.p_ip, p->p_ip, p->p_len);
	return (q);
}

static struct ilnp_sess *
open_session(struct node *n, const struct packet *p,
    const struct ilnp_nidpair *nids, ilnp_time_t now)
{
	struct ilnp_sess *s = names_session(n, nids, now);

	if (s != NULL)
		return (s);
	n->n_stats.node_out_nosess++;
	if (!names_waits(n, nids->remote, now))
		icmp_refuse(n, p, ILNP_ICMP6_UNREACH, UNREACH_ADDRESS, 0, now);
	return (NULL);
}

/*
 * The session for a packet: that of its flow if the flow knows better, else
 * that of the correspondent, opened if names know one.
 */
static struct ilnp_sess *
find_session(struct node *n, const struct packet *p,
    const struct ilnp_nidpair *nids, const struct flow *fl, ilnp_time_t now)
{
	struct ilnp_sess *s = NULL;

	if (fl != NULL && fl->fl_token != 0)
		s = ilnp_ilcc_bytoken(n->n_ilcc, nids, fl->fl_token);
	if (s == NULL)
		s = ilnp_ilcc_find(n->n_ilcc, nids);
	if (s == NULL)
		return (open_session(n, p, nids, now));
	return (names_better(n, s, nids, now));
}

static bool
is_syn(const struct ilnp_view *v)
{
	return (v->v_proto == ILNP_PROTO_TCP && (v->v_tcpflags & TH_SYN) != 0);
}

static enum ilnp_part
part_of(const struct ilnp_view *v)
{
	if (v->v_proto != ILNP_PROTO_TCP || v->v_laterfrag)
		return (ILNP_PART_ALONE);
	return (is_syn(v) ? ILNP_PART_BEGINS : ILNP_PART_GOES_ON);
}

/* Notes how far a connection has got. */
static void
note_sent(struct flow *fl, const struct packet *p, const struct ilnp_view *v)
{
	const uint8_t *th = p->p_ip + v->v_l4off;
	uint32_t end;

	if ((size_t)v->v_l4off + TCP_OFF_DOFF + 2 > p->p_len)
		return;
	end = get_32(th + 4) + (uint32_t)(p->p_len - v->v_l4off) -
	    (uint32_t)(th[TCP_OFF_DOFF] >> 4) * 4 + 1;
	if (is_syn(v) || (int32_t)(end - fl->fl_sent) > 0)
		fl->fl_sent = end;
	if (is_syn(v))
		fl->fl_acked = get_32(th + 4);
	flow_ends(fl, v->v_tcpflags, FLOW_FIN_OUT);
}

/* Remembers what answers to this packet will need.  Returns its flow or NULL. */
static struct flow *
note_flow(struct node *n, const struct packet *p, const struct ilnp_view *v,
    const struct flow_key *fk, struct flow *fl, enum ilnp_outverdict verdict,
    ilnp_time_t now)
{
	/* All that there is to know of a connection shows when it begins. */
	if (v->v_proto == ILNP_PROTO_TCP && !is_syn(v) &&
	    verdict == ILNP_OUT_ILNP)
		return (fl);
	fl = flows_note(n->n_flows, fk, now);
	if (is_syn(v)) {
		fl->fl_flags |= FLOW_SYN;
		fl->fl_seq = get_32(p->p_ip + v->v_l4off + 4);
		if ((v->v_tcpflags & TH_ACK) == 0) {
			/* The peer's answer will say. */
			fl->fl_flags &= (uint8_t)~FLOW_SURE;
			flow_bind(fl, NULL, 0);
		}
	}
	/* Before the packet goes, so that the answer finds all in place. */
	if (verdict == ILNP_OUT_PLAIN &&
	    flows_mark_plain(n->n_flows, fl, now))
		iface_refilter(n);
	if (verdict == ILNP_OUT_PLAIN)
		guard_flow(n->n_guard, fl, now);
	return (fl);
}

/* True if a packet is one that a session may carry. */
static bool
check_packet(struct node *n, const struct packet *p, struct ilnp_view *v,
    ilnp_time_t now)
{
	/*
	 * Multicast of the host comes by here too, and a nonce that an
	 * application has put in itself is none of ours.
	 */
	if (ilnp_wire_parse(p->p_ip, p->p_len, v) != ILNP_PARSE_OK ||
	    v->v_len != p->p_len || v->v_nonce.n_len != 0 ||
	    !ilnp_l64_eq(v->v_dst.l64, tun_identity()))
		return (false);
	if (ilnp_l64_eq(v->v_src.l64, tun_identity()) &&
	    ilnp_local_nid_is(node_local(n), v->v_src.nid))
		return (true);
	n->n_stats.node_out_notours++;
	icmp_refuse(n, p, ILNP_ICMP6_UNREACH, UNREACH_ADMIN, 0, now);
	return (false);
}

static void
send_packet(struct node *n, struct packet *p, const struct ilnp_view *v,
    struct ilnp_out *out, ilnp_time_t now)
{
	struct packet copy[ILNP_COPIES_MAX];

	copy[0] = *p;
	for (u_int i = 1; i < out->o_n; i++) {
		if (n->n_edge->e_out.ep_n == EDGE_BUFS) {
			n->n_stats.node_out_lost += out->o_n - i;
			out->o_n = i;
		} else
			copy[i] = copy_packet(n->n_edge, p);
	}
	for (u_int i = 0; i < out->o_n; i++)
		send_by_path(n, &copy[i], v, out, &out->o_path[i], now);
}

/*
 * Sets the packet that was read last aside, to be sent in pieces, if it should
 * not go as one: where its segments would take turns among paths, a large
 * packet would be overtaken by so much that TCP takes it for lost.
 * Returns false if it goes as it is.
 */
static bool
cut_up(struct node *n, const struct packet *p, const struct ilnp_view *v,
    struct ilnp_sess *s, const struct ilnp_choice *choice, ilnp_time_t now)
{
	struct edge *e = n->n_edge;
	struct edge_pool *ep = &e->e_out;
	u_int segments, together;
	uint8_t *buf;

	if (p->p_vnet.gso_type == VIRTIO_NET_HDR_GSO_NONE || p->p_piece)
		return (false);
	together = segments = cut_segments(p, v);
	if (ilnp_sess_spreads(n->n_ilcc, s, choice, now))
		together = cut_together(&e->e_cutrate, p, segments, now);
	else if (segments <= CUT_FEW && may_be_misread(n, p, v))
		together = 1;
	if (together == segments)
		return (false);
	buf = ep->ep_buf[--ep->ep_n];
	ep->ep_buf[ep->ep_n] = ep->ep_spare;
	ep->ep_spare = buf;
	cut_begin(&e->e_cut, p, v, together);
	return (true);
}

/*
 * Has all fragments of a datagram take the way of its first one: who puts them
 * together goes by addresses (RFC 8200 s4.5).
 */
static void
keep_together(struct edge *e, const struct packet *p,
    const struct ilnp_view *v, const struct ilnp_nidpair *nids,
    struct ilnp_out *out, ilnp_time_t now)
{
	struct train *tr;
	struct gap g;
	uint32_t id;

	if (!find_gap(p, v, &g) || g.g_at + FRAG_OFF_ID + 4 > p->p_len)
		return;
	id = get_32(p->p_ip + g.g_at + FRAG_OFF_ID);
	for (u_int i = 0; i < EDGE_TRAINS; i++) {
		tr = &e->e_train[i];
		if (tr->tr_n == 0 || tr->tr_id != id ||
		    now - tr->tr_began > TRAIN_TIME ||
		    !ilnp_nidpair_eq(&tr->tr_nids, nids))
			continue;
		out->o_n = tr->tr_n;
		memcpy(out->o_path, tr->tr_path, sizeof(out->o_path));
		return;
	}
	tr = &e->e_train[e->e_ntrains++ % EDGE_TRAINS];
	tr->tr_began = now;
	tr->tr_nids = *nids;
	tr->tr_id = id;
	tr->tr_n = out->o_n;
	memcpy(tr->tr_path, out->o_path, sizeof(tr->tr_path));
}

/*
 * Keeps a segment for which no path works, until one does: TCP alone asks for it
 * again if it comes too late.  Not that of a peer that we have never heard, for
 * nobody knows whether it is there.
 */
static void
hold_back(struct node *n, const struct packet *p, const struct flow_key *fk,
    struct ilnp_sess *s, const struct ilnp_out *out, ilnp_time_t now)
{
	for (u_int i = 0; i < out->o_n; i++)
		if (out->o_path[i].op_state == ILNP_PATH_UP ||
		    out->o_path[i].op_state == ILNP_PATH_SUSPECT) {
			held_drop(n->n_held, fk);
			return;
		}
	if (ilnp_sess_unheard(s, 0, now))
		return;
	memcpy(p->p_ip - VNET_LEN, &p->p_vnet, VNET_LEN);
	held_keep(n->n_held, fk, p->p_ip - VNET_LEN, VNET_LEN + p->p_len, now);
}

void
out_packet(struct node *n, struct packet *p, ilnp_time_t now)
{
	enum ilnp_outverdict verdict;
	struct ilnp_nidpair nids;
	struct ilnp_choice *choice;
	struct ilnp_sess *s;
	struct ilnp_view v;
	struct ilnp_out out;
	struct flow_key fk;
	struct flow *fl = NULL;
	bool keyed;

	if (!check_packet(n, p, &v, now))
		return;
	nids.local = v.v_src.nid;
	nids.remote = v.v_dst.nid;
	keyed = flow_key(n->n_flows, &fk, p->p_ip, p->p_len, &v, true);
	if (keyed)
		fl = flows_find(n->n_flows, &fk, now);
	s = find_session(n, p, &nids, fl, now);
	if (s == NULL)
		return;
	choice = keyed ? sockapi_choice(n, &fk) : NULL;
	if (choice == NULL && fl != NULL)
		choice = &fl->fl_choice;
	if (cut_up(n, p, &v, s, choice, now))
		return;
	p->p_vnet.hdr_len = edge_hdrlen(p->p_ip, p->p_len, &v);
	verdict = ilnp_sess_output(n->n_ilcc, s, (uint32_t)p->p_len,
	    keyed ? (uint32_t)(fk.fk_hash >> 32) : 0, choice, part_of(&v), now,
	    &out);
	if (out.o_kick)
		n->n_tick = now;
	if (keyed && v.v_proto == ILNP_PROTO_TCP && verdict != ILNP_OUT_PLAIN)
		hold_back(n, p, &fk, s, &out, now);
	if (verdict == ILNP_OUT_NOPATH) {
		names_lost(n, nids.remote, now);
		return;
	}
	if (v.v_frag)
		keep_together(n->n_edge, p, &v, &nids, &out, now);
	if (keyed)
		fl = note_flow(n, p, &v, &fk, fl, verdict, now);
	if (fl != NULL && v.v_proto == ILNP_PROTO_TCP)
		note_sent(fl, p, &v);
	if (verdict == ILNP_OUT_ILNP && edge_omits_nonces(n))
		edge_own_pair(n, &nids, now);
	send_packet(n, p, &v, &out, now);
}

/*
 * Takes one packet into the next free buffer: one that has waited for a path, or
 * the host's.  Returns false if there is none.
 */
static bool
read_packet(struct node *n, struct packet *p, ilnp_time_t now)
{
	struct edge_pool *ep = &n->n_edge->e_out;
	uint8_t *buf = ep->ep_buf[ep->ep_n] + EDGE_HEAD;
	ssize_t len = (ssize_t)held_take(n->n_held, buf, now);

	if (len != 0)
		n->n_stats.node_out_held++;
	else
		len = read(n->n_tun.tu_fd, buf, EDGE_PACKET);
	if (len < 0 && errno != EAGAIN && errno != EINTR)
		n->n_tun.tu_gone = true;
	if (len < (ssize_t)VNET_LEN)
		return (false);
	memcpy(&p->p_vnet, buf, VNET_LEN);
	p->p_ip = buf + VNET_LEN;
	p->p_len = (size_t)len - VNET_LEN;
	p->p_urgent = p->p_piece = false;
	ep->ep_n++;
	return (true);
}

/* The next packet to be sent: of what is being cut, or the next whole one. */
static bool
next_packet(struct node *n, struct packet *p, ilnp_time_t now)
{
	struct edge *e = n->n_edge;

	if (!cut_more(&e->e_cut))
		return (read_packet(n, p, now));
	cut_next(&e->e_cut, e->e_out.ep_buf[e->e_out.ep_n++] + EDGE_HEAD +
	    VNET_LEN, p);
	return (true);
}

/* Sends a batch; if a port is busy, reads no more until it is not. */
static bool
finish_batch(struct node *n, ilnp_time_t now)
{
	if (edge_flush(n, now)) {
		n->n_edge->e_out.ep_n = 0;
		return (true);
	}
	n->n_edge->e_paused = true;
	(void)loop_mod(n->n_loop, &n->n_tun.tu_src, 0);
	return (false);
}

void
edge_output(void *arg, uint32_t events)
{
	struct node *n = arg;
	ilnp_time_t now = ilnp_env_now();
	size_t octets = 0;
	struct packet p;

	(void)events;
	if (n->n_edge->e_paused)
		return;
	ilnp_env_epoch_begin();
	for (u_int i = 0; (i < OUT_PACKETS || cut_more(&n->n_edge->e_cut)) &&
	    next_packet(n, &p, now); i++) {
		out_packet(n, &p, now);
		octets += p.p_len;
		if (octets > OUT_OCTETS ||
		    n->n_edge->e_out.ep_n + ILNP_COPIES_MAX > EDGE_BUFS) {
			if (!finish_batch(n, now))
				break;
			octets = 0;
			now = ilnp_env_now();
		}
	}
	if (!n->n_edge->e_paused)
		(void)finish_batch(n, now);
	ilnp_env_epoch_end();
}
