/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Packet sockets: whole Ethernet frames with a virtio header in front, so that
 * the kernel cuts large packets and finishes checksums.  One port per interface
 * to send, so that a full one does not hold up the others; one intake for all
 * of them, so that packets are read in the order in which they came.
 */
#ifndef _ILNPD_PORT_H_
#define	_ILNPD_PORT_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/filter.h>

#include "ilnp_types.h"
#include "loop.h"

#define	PORT_QUEUE	64	/* packets sent with one system call */
#define	ETHER_LEN	14

/*
 * Data waits in a port while the link is busy, and then more is not read from
 * the host, whose transport sees a full device as it would see that of the link
 * itself.  What cannot wait goes by a socket of its own.
 */
struct port {
	int		po_fd;		/* -1: closed */
	int		po_urgent;
	struct loop_src	po_src;		/* in the loop while something waits */
	ilnp_time_t	po_since;	/* when it began to wait */
	bool		po_clogged;	/* waited too long: drop, do not wait */
	u_int		po_at;		/* next packet to send */
	u_int		po_n;		/* packets queued */
	uint64_t	po_lost;	/* packets the kernel did not take */
	struct mmsghdr	po_msg[PORT_QUEUE];
	struct iovec	po_iov[PORT_QUEUE];
};

/* Returns 0 or an errno. */
int	port_open(struct port *, u_int ifindex);
void	port_close(struct port *);

/*
 * Queues a frame, virtio header first.  It must stay where it is until
 * port_flush() returns true; a frame for which there is no room is lost.
 */
void	port_queue(struct port *, void *frame, size_t len);

/* Sends what is queued.  Returns false if some of it must wait. */
bool	port_flush(struct port *, ilnp_time_t now);

/* Gives up what has been waiting too long. */
bool	port_unclog(struct port *, ilnp_time_t now);

static inline bool
port_waits(const struct port *po)
{
	return (po->po_at < po->po_n);
}

/* Sends one frame at once, past those that wait. */
void	port_send(struct port *, const void *frame, size_t len);

struct intake {
	int		it_fd;		/* -1: closed */
	struct loop_src	it_src;
	uint64_t	it_overruns;	/* up to the last time of asking */
};

/* Opens an intake for what the filter lets in.  Returns 0 or an errno. */
int	intake_open(struct intake *, const struct sock_fprog *);
void	intake_close(struct intake *);
int	intake_filter(struct intake *, const struct sock_fprog *);

/* Packets that came in faster than they were read, so far. */
uint64_t intake_overruns(struct intake *);

#endif /* !_ILNPD_PORT_H_ */
