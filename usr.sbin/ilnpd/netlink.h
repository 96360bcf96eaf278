/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the kernel knows of links, addresses, neighbours and routes, and how it
 * is asked to change them.
 */
#ifndef _ILNPD_NETLINK_H_
#define	_ILNPD_NETLINK_H_

#include <net/if.h>
#include <netinet/in.h>

#include "ilnp_types.h"
#include "loop.h"

#define	NL_FOREVER	UINT32_MAX

/* Marks the addresses that the node adds (IFA_PROTO), also after a crash. */
#define	NL_ADDR_TAG	0x8b

struct nl_link {
	u_int		nk_index;
	char		nk_name[IF_NAMESIZE];
	uint32_t	nk_mtu;
	uint8_t		nk_mac[6];
	bool		nk_ether;
	bool		nk_running;	/* up, with carrier */
};

struct nl_addr {
	u_int		na_index;
	struct in6_addr	na_addr;
	uint8_t		na_plen;
	uint8_t		na_proto;	/* IFAPROT_* or a tag of ours */
	uint32_t	na_flags;	/* IFA_F_* */
	uint32_t	na_valid;	/* seconds */
	uint32_t	na_preferred;
};

struct nl_neigh {
	u_int		nn_index;
	struct in6_addr	nn_addr;
	uint8_t		nn_mac[6];
	bool		nn_valid;
};

/* What is told to the owner; `gone' marks the end of a thing. */
struct nl_ops {
	void	(*no_link)(void *, const struct nl_link *, bool gone);
	void	(*no_addr)(void *, const struct nl_addr *, bool gone);
	void	(*no_neigh)(void *, const struct nl_neigh *, bool gone);
	/* Events were lost: everything must be asked for anew. */
	void	(*no_resync)(void *);
};

struct netlink;

/* Returns 0 and the handle, watched by the loop, or an errno. */
int	netlink_open(struct loop *, const struct nl_ops *, void *arg,
	    struct netlink **);
void	netlink_close(struct netlink *);

/* Tells all that there is.  All of these return 0 or an errno. */
int	netlink_list_links(struct netlink *);
int	netlink_list_addrs(struct netlink *);

/* Adds an address or changes the lifetimes of one. */
int	netlink_addr_put(struct netlink *, const struct nl_addr *);
int	netlink_addr_del(struct netlink *, const struct nl_addr *);

/* Brings a link up with an MTU and without link-local addresses of its own. */
int	netlink_link_up(struct netlink *, u_int index, uint32_t mtu);
int	netlink_link_mtu(struct netlink *, u_int index, uint32_t mtu);

/* Fills in MAC and validity; ENOENT if the kernel knows no such neighbour. */
int	netlink_neigh_get(struct netlink *, struct nl_neigh *);

/* Asks the kernel to find out or confirm a neighbour; does not wait. */
void	netlink_neigh_use(struct netlink *, u_int index,
	    const struct in6_addr *);

/*
 * The only default router of a link in the kernel's table.  ENOENT if there is
 * none, or more than one.
 */
int	netlink_router(struct netlink *, u_int index, struct in6_addr *);

#endif /* !_ILNPD_NETLINK_H_ */
