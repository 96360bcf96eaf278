/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Puts packets on the wire and into the TUN device.
 */
#include <sys/epoll.h>

#include <stdlib.h>
#include <unistd.h>

#include "edge_var.h"
#include "flow.h"
#include "guard.h"
#include "held.h"
#include "iface.h"
#include "notation.h"
#include "reass.h"

#define	SUM_OFF_TCP	16
#define	SUM_OFF_UDP	6
#define	SUM_OFF_ICMP	2
#define	UDP_HDRLEN	8
#define	FRAG_HDRLEN	8
#define	TICKS_MAX	64	/* full lists of actions at a time */

static bool
fill_pool(struct edge_pool *ep)
{
	ep->ep_mem = malloc((size_t)(EDGE_BUFS + 1) * EDGE_STRIDE);
	if (ep->ep_mem == NULL)
		return (false);
	for (u_int i = 0; i < EDGE_BUFS; i++)
		ep->ep_buf[i] = ep->ep_mem + (size_t)i * EDGE_STRIDE;
	ep->ep_spare = ep->ep_mem + (size_t)EDGE_BUFS * EDGE_STRIDE;
	return (true);
}

struct edge *
edge_alloc(void)
{
	struct edge *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return (NULL);
	e->e_reass = reass_alloc();
	if (e->e_reass == NULL || !fill_pool(&e->e_out) ||
	    !fill_pool(&e->e_in)) {
		edge_free(e);
		return (NULL);
	}
	e->e_acts = ILNP_ACTS(e->e_act);
	for (u_int i = 0; i < EDGE_BUFS; i++) {
		e->e_iov[i].iov_base = e->e_in.ep_buf[i] + EDGE_HEAD;
		e->e_iov[i].iov_len = EDGE_PACKET;
		e->e_msg[i].msg_hdr.msg_iov = &e->e_iov[i];
		e->e_msg[i].msg_hdr.msg_iovlen = 1;
		e->e_msg[i].msg_hdr.msg_name = &e->e_from[i];
		e->e_msg[i].msg_hdr.msg_namelen = sizeof(e->e_from[i]);
	}
	return (e);
}

void
edge_free(struct edge *e)
{
	free(e->e_out.ep_mem);
	free(e->e_in.ep_mem);
	reass_free(e->e_reass);
	free(e);
}

uint8_t *
edge_sum(uint8_t *ip, size_t len, const struct ilnp_view *v)
{
	size_t off;

	if (v->v_laterfrag)
		return (NULL);
	switch (v->v_proto) {
	case ILNP_PROTO_TCP:
		off = SUM_OFF_TCP;
		break;
	case ILNP_PROTO_UDP:
	case ILNP_PROTO_UDPLITE:
		off = SUM_OFF_UDP;
		break;
	case ILNP_PROTO_ICMPV6:
		off = SUM_OFF_ICMP;
		break;
	default:
		return (NULL);
	}
	off += v->v_l4off;
	return (off + 2 > len ? NULL : ip + off);
}

void
edge_fix_sum(uint8_t *field, uint8_t proto, bool unfinished, uint16_t was,
    uint16_t is)
{
	uint16_t sum = get_16(field);

	if (unfinished) {
		put_16(field, ilnp_cksum_fix_seed(sum, was, is));
		return;
	}
	/* A UDP datagram may have none (RFC 6935). */
	if (sum == 0 && proto == ILNP_PROTO_UDP)
		return;
	sum = ilnp_cksum_fix(sum, was, is);
	if (sum == 0 && proto == ILNP_PROTO_UDP)
		sum = 0xffff;
	put_16(field, sum);
}

uint16_t
edge_hdrlen(const uint8_t *ip, size_t len, const struct ilnp_view *v)
{
	size_t n = v->v_l4off;

	if (v->v_proto == ILNP_PROTO_TCP && n + 13 <= len)
		n += (size_t)(ip[n + 12] >> 4) * 4;
	else if (v->v_proto == ILNP_PROTO_UDP)
		n += UDP_HDRLEN;
	return ((uint16_t)(n < len ? n : len));
}

/* What goes out by different ports keeps its order all the same. */
static void
use_port(struct node *n, struct port *port, ilnp_time_t now)
{
	if (n->n_edge->e_port != NULL && n->n_edge->e_port != port)
		(void)port_flush(n->n_edge->e_port, now);
	n->n_edge->e_port = port;
}

void
edge_emit(struct node *n, struct packet *p, const struct locator *lc,
    ilnp_time_t now)
{
	struct iface *ifc = lc->lc_if;
	uint8_t *ether = p->p_ip - ETHER_LEN;
	struct virtio_net_hdr vnet = p->p_vnet;
	struct in6_addr hop;
	struct ilnp_ilv dst;
	struct neigh *ne;

	memcpy(&hop, p->p_ip + OFF_DST, sizeof(hop));
	dst = notation_from_in6(&hop);
	/* The next hop belongs to the source locator (RFC 6740 s4.4). */
	if (!ilnp_l64_eq(dst.l64, lc->lc_l64)) {
		if (!lc->lc_hasrouter) {
			n->n_stats.node_out_nohop++;
			return;
		}
		hop = lc->lc_router;
	}
	ne = neigh_use(n->n_neighs, ifc->if_index, &hop, now);
	if (ne == NULL) {
		n->n_stats.node_out_nohop++;
		return;
	}
	memcpy(ether, ne->ne_mac, 6);
	memcpy(ether + 6, ifc->if_mac, 6);
	put_16(ether + 12, 0x86dd);
	vnet.hdr_len += ETHER_LEN;
	if ((vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		vnet.csum_start += ETHER_LEN;
	memcpy(ether - VNET_LEN, &vnet, VNET_LEN);
	if (!ne->ne_valid)
		neigh_hold(ne, ether - VNET_LEN, EDGE_ROOM + p->p_len);
	else if (p->p_urgent)
		port_send(&ifc->if_port, ether - VNET_LEN,
		    EDGE_ROOM + p->p_len);
	else {
		use_port(n, &ifc->if_port, now);
		port_queue(&ifc->if_port, ether - VNET_LEN,
		    EDGE_ROOM + p->p_len);
	}
}

bool
edge_waits(const struct node *n)
{
	return (n->n_edge->e_paused);
}

static void
on_writable(void *arg, uint32_t events)
{
	(void)events;
	edge_resume(arg, ilnp_env_now());
}

bool
edge_flush(struct node *n, ilnp_time_t now)
{
	bool all = true;

	n->n_edge->e_port = NULL;
	for (u_int i = 0; i < n->n_nifs; i++) {
		struct port *po = &n->n_if[i].if_port;

		if (!port_waits(po) || port_flush(po, now)) {
			loop_del(n->n_loop, &po->po_src);
			continue;
		}
		all = false;
		if (po->po_src.ls_fd < 0)
			(void)loop_add(n->n_loop, &po->po_src, po->po_fd,
			    EPOLLOUT, on_writable, n);
	}
	return (all);
}

void
edge_resume(struct node *n, ilnp_time_t now)
{
	for (u_int i = 0; i < n->n_nifs; i++)
		(void)port_unclog(&n->n_if[i].if_port, now);
	if (!edge_flush(n, now) || !n->n_edge->e_paused)
		return;
	n->n_edge->e_paused = false;
	n->n_edge->e_out.ep_n = 0;
	(void)loop_mod(n->n_loop, &n->n_tun.tu_src, EPOLLIN);
	/* The device says nothing of packets that wait here. */
	if (cut_more(&n->n_edge->e_cut) || held_due(n->n_held))
		edge_output(n, 0);
}

bool
edge_omits_nonces(const struct node *n)
{
	return (ilnp_ilcc_conf(n->n_ilcc)->nonce_policy != 0);
}

void
edge_own_pair(struct node *n, const struct ilnp_nidpair *nids, ilnp_time_t now)
{
	struct flow_key fk;

	flow_key_pair(n->n_flows, &fk, nids);
	guard_flow(n->n_guard, flows_note(n->n_flows, &fk, now), now);
}

void
edge_deliver(struct node *n, struct packet *p)
{
	uint8_t *start = p->p_ip - VNET_LEN;

	memcpy(start, &p->p_vnet, VNET_LEN);
	if (write(n->n_tun.tu_fd, start, VNET_LEN + p->p_len) >= 0)
		return;
	n->n_stats.node_in_lost++;
	if (errno == EBADFD)
		n->n_tun.tu_gone = true;
}

/*
 * Sends a control packet that is longer than any path must take in fragments.
 * The nonce is in the first one alone, as a stack does it that knows nothing of
 * nonces: so whoever puts fragments together anyhow finds all where it belongs.
 */
static void
emit_fragments(struct node *n, const struct packet *whole,
    const struct locator *lc, ilnp_time_t now)
{
	uint8_t buf[EDGE_ROOM + IP6_MMTU], *ip = buf + EDGE_ROOM;
	uint8_t *head = ip + ILNP_IP6_HDRLEN;
	size_t payload = whole->p_len - ILNP_IP6_HDRLEN;
	size_t most = (IP6_MMTU - ILNP_IP6_HDRLEN - FRAG_HDRLEN) & ~7U;
	uint32_t id;

	ilnp_env_random(&id, sizeof(id));
	for (size_t off = 0; off < payload; off += most) {
		bool more = payload - off > most;
		size_t len = more ? most : payload - off;
		struct packet p = { .p_ip = ip, .p_urgent = true,
		    .p_len = ILNP_IP6_HDRLEN + FRAG_HDRLEN + len };

		memcpy(ip, whole->p_ip, ILNP_IP6_HDRLEN);
		put_16(ip + OFF_PAYLEN, (uint16_t)(FRAG_HDRLEN + len));
		ip[OFF_NEXT] = ILNP_PROTO_FRAGMENT;
		put_16(head, (uint16_t)(whole->p_ip[OFF_NEXT] << 8));
		put_16(head + 2, (uint16_t)(off | more));
		memcpy(head + 4, &id, sizeof(id));
		memcpy(head + FRAG_HDRLEN, whole->p_ip + ILNP_IP6_HDRLEN + off,
		    len);
		edge_emit(n, &p, lc, now);
	}
}

void
edge_act(struct node *n, ilnp_time_t now)
{
	struct ilnp_acts *as = &n->n_edge->e_acts;
	uint8_t buf[EDGE_ROOM + ILNP_CTL_MAX];

	for (u_int i = 0; i < as->as_n; i++) {
		const struct ilnp_ctl *ctl = &as->as_act[i].a_ctl;
		const struct locator *lc = locators_find(n, ctl->cp_src.l64);
		struct packet p = { .p_ip = buf + EDGE_ROOM,
		    .p_urgent = true };

		if (lc == NULL) {
			n->n_stats.node_out_nolocator++;
			continue;
		}
		p.p_len = ilnp_wire_compose(ctl, p.p_ip, ILNP_CTL_MAX);
		if (p.p_len == 0) {
			n->n_stats.node_out_badform++;
			continue;
		}
		if (p.p_len > IP6_MMTU)
			emit_fragments(n, &p, lc, now);
		else
			edge_emit(n, &p, lc, now);
	}
	as->as_n = 0;
}

void
edge_tick(struct node *n, ilnp_time_t now)
{
	ilnp_time_t next = now;

	for (u_int i = 0; i < TICKS_MAX && next <= now; i++) {
		ilnp_env_epoch_begin();
		next = ilnp_ilcc_tick(n->n_ilcc, now, &n->n_edge->e_acts);
		edge_act(n, now);
		ilnp_env_epoch_end();
	}
	ilnp_env_epoch_poll();
	reass_age(n->n_edge->e_reass, now, &n->n_stats);
	n->n_tick = next;
}

void
edge_solicit(struct iface *ifc)
{
	/* The group of all routers, ff02::2 */
	static const uint8_t routers[6] = { 0x33, 0x33, 0, 0, 0, 2 };
	uint8_t buf[EDGE_ROOM + 64];
	/* The link-local address takes a second to be found unique. */
	size_t len = ra_solicit(buf + EDGE_ROOM, sizeof(buf) - EDGE_ROOM,
	    ifc->if_haslocal ? &ifc->if_local : &in6addr_any, ifc->if_mac);

	memset(buf, 0, VNET_LEN);
	memcpy(buf + VNET_LEN, routers, 6);
	memcpy(buf + VNET_LEN + 6, ifc->if_mac, 6);
	put_16(buf + VNET_LEN + 12, 0x86dd);
	port_send(&ifc->if_port, buf, EDGE_ROOM + len);
}
