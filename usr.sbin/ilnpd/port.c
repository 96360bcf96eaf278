/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Sends and receives frames.  Never looks into them.
 */
#include <arpa/inet.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <unistd.h>

#include "port.h"

/*
 * Octets, as the kernel counts them, that wait below us on a busy link: enough
 * to keep it busy until we are woken, and little enough that a queue builds up
 * where it belongs, in the host's transport.
 */
#define	DATA_ROOM	(32 << 10)
#define	URGENT_ROOM	(1 << 20)
#define	RECEIVE_ROOM	(16 << 20)
#define	WAIT_MAX	ILNP_MS(300)	/* a link that moves nothing is dead */

/*
 * Makes a packet socket of protocol 0, which receives nothing.
 * Returns a descriptor, or -1 with errno.
 */
static int
open_socket(int buffer, int room)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return (-1);
	(void)setsockopt(fd, SOL_SOCKET, buffer, &room, sizeof(room));
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0)
		return (fd);
	(void)close(fd);
	return (-1);
}

static int
bind_socket(int fd, uint16_t protocol, u_int ifindex)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(protocol), .sll_ifindex = (int)ifindex };

	return (bind(fd, (struct sockaddr *)&sll, sizeof(sll)) != 0 ? errno :
	    0);
}

int
port_open(struct port *po, u_int ifindex)
{
	int error;

	memset(po, 0, sizeof(*po));
	po->po_src.ls_fd = -1;
	po->po_fd = open_socket(SO_SNDBUFFORCE, DATA_ROOM);
	po->po_urgent = open_socket(SO_SNDBUFFORCE, URGENT_ROOM);
	if (po->po_fd < 0 || po->po_urgent < 0)
		error = errno;
	else
		error = bind_socket(po->po_fd, 0, ifindex);
	if (error == 0)
		error = bind_socket(po->po_urgent, 0, ifindex);
	if (error != 0) {
		port_close(po);
		return (error);
	}
	for (u_int i = 0; i < PORT_QUEUE; i++) {
		po->po_msg[i].msg_hdr.msg_iov = &po->po_iov[i];
		po->po_msg[i].msg_hdr.msg_iovlen = 1;
	}
	return (0);
}

void
port_close(struct port *po)
{
	if (po->po_fd >= 0)
		(void)close(po->po_fd);
	if (po->po_urgent >= 0)
		(void)close(po->po_urgent);
	po->po_fd = po->po_urgent = -1;
	po->po_at = po->po_n = 0;
}

void
port_queue(struct port *po, void *frame, size_t len)
{
	if (po->po_fd < 0 || po->po_n == PORT_QUEUE) {
		po->po_lost++;
		return;
	}
	po->po_iov[po->po_n].iov_base = frame;
	po->po_iov[po->po_n].iov_len = len;
	po->po_n++;
}

bool
port_flush(struct port *po, ilnp_time_t now)
{
	while (port_waits(po)) {
		int n = sendmmsg(po->po_fd, po->po_msg + po->po_at,
		    po->po_n - po->po_at, MSG_DONTWAIT);

		if (n > 0) {
			po->po_at += (u_int)n;
			po->po_clogged = false;
			po->po_since = now;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN && !po->po_clogged)
			return (false);
		/* The link takes no more, or not this one: it is lost. */
		po->po_lost++;
		po->po_at++;
	}
	po->po_at = po->po_n = 0;
	return (true);
}

bool
port_unclog(struct port *po, ilnp_time_t now)
{
	if (!port_waits(po) || now - po->po_since < WAIT_MAX)
		return (false);
	po->po_clogged = true;
	return (port_flush(po, now));
}

void
port_send(struct port *po, const void *frame, size_t len)
{
	if (po->po_urgent < 0 ||
	    send(po->po_urgent, frame, len, MSG_DONTWAIT) < 0)
		po->po_lost++;
}

int
intake_filter(struct intake *it, const struct sock_fprog *filter)
{
	return (setsockopt(it->it_fd, SOL_SOCKET, SO_ATTACH_FILTER, filter,
	    sizeof(*filter)) != 0 ? errno : 0);
}

int
intake_open(struct intake *it, const struct sock_fprog *filter)
{
	int error;

	it->it_src.ls_fd = -1;
	it->it_fd = open_socket(SO_RCVBUFFORCE, RECEIVE_ROOM);
	if (it->it_fd < 0)
		return (errno);
	/* Nothing comes in before the filter is there. */
	error = intake_filter(it, filter);
	if (error == 0)
		error = bind_socket(it->it_fd, ETH_P_IPV6, 0);
	if (error != 0)
		intake_close(it);
	return (error);
}

void
intake_close(struct intake *it)
{
	if (it->it_fd >= 0)
		(void)close(it->it_fd);
	it->it_fd = -1;
}

uint64_t
intake_overruns(struct intake *it)
{
	struct tpacket_stats st;
	socklen_t len = sizeof(st);

	/* Reading resets the kernel's counters. */
	if (it->it_fd >= 0 && getsockopt(it->it_fd, SOL_PACKET,
	    PACKET_STATISTICS, &st, &len) == 0)
		it->it_overruns += st.tp_drops;
	return (it->it_overruns);
}
