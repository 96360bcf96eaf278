/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The node: what its parts share.  One thread uses all of it.
 */
#ifndef _ILNPD_NODE_H_
#define	_ILNPD_NODE_H_

#include "conf.h"
#include "ilnp_ilcc.h"
#include "loop.h"
#include "neigh.h"
#include "netlink.h"
#include "port.h"
#include "ra.h"
#include "stat.h"
#include "tun.h"

struct ctl;
struct edge;
struct flows;
struct guard;
struct held;
struct hosts;
struct locators;
struct names;
struct priv;
struct sockapi;

/* An interface that the configuration names, present or not. */
struct iface {
	struct node	*if_node;
	const struct conf_if *if_conf;
	u_int		if_index;	/* 0: there is none of that name now */
	uint32_t	if_mtu;
	uint8_t		if_mac[6];
	bool		if_running;
	bool		if_disabled;	/* on the disabled list */
	bool		if_haslocal;
	struct in6_addr	if_local;	/* link-local address, for asking */
	ilnp_time_t	if_solicit;	/* next Router Solicitation, 0 = none */
	u_int		if_solicits;	/* sent since the link came up */
	struct port	if_port;	/* to send */
	struct ra_table	if_ra;
};

struct node {
	struct conf	n_conf;
	struct loop	*n_loop;
	struct ilnp_ilcc *n_ilcc;
	struct netlink	*n_netlink;
	struct neighs	*n_neighs;
	struct locators	*n_locators;
	struct hosts	*n_hosts;
	struct names	*n_names;
	struct sockapi	*n_sockapi;
	struct flows	*n_flows;
	struct held	*n_held;
	struct guard	*n_guard;
	struct edge	*n_edge;
	struct ctl	*n_ctl;
	struct priv	*n_priv;
	struct intake	n_intake;
	struct tun	n_tun;
	struct node_stats n_stats;
	u_int		n_nifs;
	struct iface	n_if[CONF_IFS_MAX];
	u_int		n_nnids;
	struct ilnp_nid	n_nid[ILNP_NIDS_MAX];
	ilnp_time_t	n_started;
	ilnp_time_t	n_tick;		/* the core wants to be called */
	bool		n_stop;
	bool		n_reload;	/* the hosts file is to be read again */
	bool		n_review;	/* locators may have changed */
	bool		n_refilter;	/* what the intake lets in has changed */
};

/*
 * Sets the node up, in this order: tables, control socket (whoever has it is
 * the node of that name), kernel's view, NIDs, names, guard, TUN device, packet
 * sockets, addresses; and last gives privileges up.
 * Returns 0, or the exit code after a message; node_stop() undoes what is done.
 */
int	node_start(struct node *);

/* Serves until a signal or an error ends it.  Returns the exit code. */
int	node_run(struct node *);

/* Takes everything down again. */
void	node_stop(struct node *);

/*
 * Reads the hosts file again.  Returns true, or false with a message and
 * nothing changed.
 */
bool	node_read_hosts(struct node *, char *error);

/* Tells existing sessions of the locators that names know by now. */
void	node_refresh_sessions(struct node *);

#define	EXIT_FAILED	1
#define	EXIT_MISSING	3	/* the environment lacks something */

static inline struct ilnp_local *
node_local(struct node *n)
{
	return (ilnp_ilcc_local(n->n_ilcc));
}

#endif /* !_ILNPD_NODE_H_ */
