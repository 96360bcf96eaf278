/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The TUN device: where the host's own packets between identity addresses come
 * out and go in.
 */
#ifndef _ILNPD_TUN_H_
#define	_ILNPD_TUN_H_

#include <net/if.h>

#include "ilnp_types.h"
#include "loop.h"

struct netlink;
struct nl_link;

struct tun {
	int		tu_fd;		/* -1: closed */
	u_int		tu_index;
	uint32_t	tu_mtu;
	bool		tu_gone;	/* somebody has deleted the device */
	char		tu_name[IF_NAMESIZE];
	struct loop_src	tu_src;
};

/* The high half of identity addresses. */
struct ilnp_l64 tun_identity(void);

/*
 * Makes the device, or takes over one that a crash has left, and gives it the
 * identity addresses.  `fd' is /dev/net/tun opened; it is closed if this fails.
 * Returns 0 or an errno after a message.
 */
int	tun_open(struct tun *, int fd, struct netlink *, const char *name,
	    bool offload, uint32_t mtu, const struct ilnp_nid *, u_int n);

/* Closes the device; it goes away with its addresses and routes. */
void	tun_close(struct tun *);

void	tun_set_mtu(struct tun *, struct netlink *, uint32_t mtu);

/* Takes in what the kernel says about the device. */
void	tun_link(struct tun *, const struct nl_link *, bool gone);

#endif /* !_ILNPD_TUN_H_ */
