/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The life of the node: set-up, the rounds of its loop, tear-down.
 */
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include <linux/if_addr.h>
#include <net/if_arp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl.h"
#include "edge.h"
#include "event.h"
#include "flow.h"
#include "guard.h"
#include "held.h"
#include "hosts.h"
#include "iface.h"
#include "ilnp_addr.h"
#include "locator.h"
#include "log.h"
#include "names.h"
#include "node.h"
#include "priv.h"
#include "sockapi.h"

#define	ROUND_MAX_MS	1000	/* longest wait of the loop */
#define	WAITING_MS	50	/* while a port may turn out to be clogged */
#define	SLOW_EVERY	ILNP_SEC(10)
#define	TUN_RETRY	ILNP_SEC(1)

static struct loop_src signals = { .ls_fd = -1 };

static void
on_signal(void *arg, uint32_t events)
{
	struct node *n = arg;
	struct signalfd_siginfo si;

	(void)events;
	while (read(signals.ls_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGHUP)
			n->n_reload = true;
		else
			n->n_stop = true;
	}
}

static int
watch_signals(struct node *n)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return (errno);
	return (loop_add(n->n_loop, &signals, fd, EPOLLIN, on_signal, n));
}

static void
on_link(void *arg, const struct nl_link *nk, bool gone)
{
	iface_link(arg, nk, gone);
}

static void
on_addr(void *arg, const struct nl_addr *na, bool gone)
{
	if (IN6_IS_ADDR_LINKLOCAL(&na->na_addr)) {
		if (gone || (na->na_flags & IFA_F_TENTATIVE) == 0)
			iface_linklocal(arg, na, gone);
	} else
		locators_addr(arg, na, gone);
}

static void
on_neigh(void *arg, const struct nl_neigh *nn, bool gone)
{
	struct node *n = arg;
	struct iface *ifc = iface_byindex(n, nn->nn_index);

	if (ifc != NULL)
		neighs_update(n->n_neighs, nn, gone, &ifc->if_port);
}

static void
on_resync(void *arg)
{
	struct node *n = arg;

	n->n_stats.node_netlink_lost++;
	for (u_int i = 0; i < n->n_nifs; i++) {
		struct iface *ifc = &n->n_if[i];
		struct nl_link nk = { .nk_index = ifc->if_index };

		if (ifc->if_index == 0)
			continue;
		neighs_drop(n->n_neighs, ifc->if_index);
		(void)strcpy(nk.nk_name, ifc->if_conf->ci_name);
		if (if_nametoindex(nk.nk_name) != ifc->if_index)
			iface_link(n, &nk, true);
	}
	locators_forget(n);
	n->n_review = true;
	if (netlink_list_links(n->n_netlink) != 0 ||
	    netlink_list_addrs(n->n_netlink) != 0)
		log_error("cannot list links and addresses");
}

static const struct nl_ops kernel_view = {
	.no_link = on_link,
	.no_addr = on_addr,
	.no_neigh = on_neigh,
	.no_resync = on_resync,
};

/*
 * The modified EUI-64 of the first interface that there is and that has one
 * (RFC 6741 s2.2).
 */
static bool
default_nid(struct node *n)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found = false;

	for (u_int i = 0; i < n->n_conf.c_nifs && fd >= 0 && !found; i++) {
		struct ifreq ifr;

		memset(&ifr, 0, sizeof(ifr));
		(void)strcpy(ifr.ifr_name, n->n_conf.c_if[i].ci_name);
		if (ioctl(fd, SIOCGIFHWADDR, &ifr) != 0 ||
		    ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
			continue;
		n->n_nid[0] = ilnp_nid_eui64(
		    (const uint8_t *)ifr.ifr_hwaddr.sa_data);
		n->n_nnids = 1;
		found = true;
	}
	if (fd >= 0)
		(void)close(fd);
	return (found);
}

static int
start_nids(struct node *n)
{
	n->n_nnids = n->n_conf.c_nnids;
	memcpy(n->n_nid, n->n_conf.c_nid, sizeof(n->n_nid));
	if (n->n_nnids == 0 && !default_nid(n)) {
		log_error("no interface to make a NID from; name one with -N");
		return (EXIT_MISSING);
	}
	for (u_int i = 0; i < n->n_nnids; i++)
		(void)ilnp_local_nid_add(node_local(n), n->n_nid[i]);
	return (0);
}

void
node_refresh_sessions(struct node *n)
{
	ilnp_time_t now = ilnp_env_now();
	const struct host *ho;

	for (u_int i = 0; (ho = hosts_at(n->n_hosts, i)) != NULL; i++)
		for (u_int l = 0; l < n->n_nnids; l++) {
			struct ilnp_nidpair nids = { n->n_nid[l], ho->ho_nid };
			struct ilnp_sess *s;

			if (ilnp_ilcc_find(n->n_ilcc, &nids) != NULL)
				(void)ilnp_ilcc_open(n->n_ilcc, &nids,
				    ho->ho_rec, ho->ho_n, now, &s);
		}
}

bool
node_read_hosts(struct node *n, char *message)
{
	int fd, error;

	if (n->n_conf.c_hosts[0] == '\0') {
		(void)strcpy(message, "no hosts file; set `hosts' or use -H");
		return (false);
	}
	error = priv_open_file(n->n_priv, PRIV_HOSTS, &fd);
	if (error != 0) {
		(void)snprintf(message, HOSTS_ERROR_MAX, "%s: %s",
		    n->n_conf.c_hosts, strerror(error));
		return (false);
	}
	if (!hosts_read(n->n_hosts, fd, n->n_conf.c_hosts, message))
		return (false);
	ilnp_env_epoch_begin();
	node_refresh_sessions(n);
	ilnp_env_epoch_end();
	return (true);
}

/* What needs nothing from outside. */
static int
start_tables(struct node *n)
{
	int error = priv_open(n->n_conf.c_hosts, n->n_conf.c_control,
	    n->n_conf.c_user, &n->n_priv);

	ilnp_env_thread_init();
	n->n_started = ilnp_env_now();
	n->n_tun.tu_fd = n->n_tun.tu_src.ls_fd = -1;
	n->n_ilcc = ilnp_ilcc_alloc(&n->n_conf.c_knobs, event_core, n);
	n->n_loop = loop_alloc();
	n->n_hosts = hosts_alloc();
	n->n_flows = flows_alloc();
	n->n_held = held_alloc();
	n->n_edge = edge_alloc();
	n->n_locators = locators_alloc();
	if (error != 0 || n->n_ilcc == NULL || n->n_loop == NULL ||
	    n->n_hosts == NULL || n->n_flows == NULL || n->n_held == NULL ||
	    n->n_edge == NULL || n->n_locators == NULL) {
		log_error("out of memory");
		return (EXIT_FAILED);
	}
	(void)ilnp_ilcc_algorithm(n->n_ilcc, n->n_conf.c_algorithm);
	iface_init(n);
	return (0);
}

static int
start_names(struct node *n)
{
	char message[HOSTS_ERROR_MAX];

	if (names_open(n, &n->n_names) != 0 ||
	    sockapi_open(n, &n->n_sockapi) != 0)
		return (EXIT_MISSING);
	if (n->n_conf.c_hosts[0] == '\0' || node_read_hosts(n, message))
		return (0);
	log_error("%s", message);
	return (2);
}

static int
start_kernel(struct node *n)
{
	int error = netlink_open(n->n_loop, &kernel_view, n, &n->n_netlink);

	if (error == 0) {
		n->n_neighs = neighs_alloc(n->n_netlink);
		if (n->n_neighs == NULL)
			error = ENOMEM;
	}
	if (error == 0)
		error = watch_signals(n);
	if (error != 0)
		log_error("netlink: %s", strerror(error));
	return (error == 0 ? 0 : EXIT_MISSING);
}

static int
open_tun(struct node *n)
{
	int fd, error = priv_open_file(n->n_priv, PRIV_TUN, &fd);

	if (error != 0) {
		log_error("/dev/net/tun: %s; load the tun module",
		    strerror(error));
		return (EXIT_MISSING);
	}
	error = tun_open(&n->n_tun, fd, n->n_netlink, n->n_conf.c_tun,
	    n->n_conf.c_offload, iface_tun_mtu(n), n->n_nid, n->n_nnids);
	if (error == 0)
		error = loop_add(n->n_loop, &n->n_tun.tu_src, n->n_tun.tu_fd,
		    EPOLLIN, edge_output, n);
	return (error == 0 ? 0 : EXIT_MISSING);
}

static int
start_packets(struct node *n)
{
	int code, error;

	if (guard_open(n->n_conf.c_name, n->n_conf.c_tun, n->n_nid,
	    n->n_nnids, &n->n_guard) != 0)
		return (EXIT_MISSING);
	code = open_tun(n);
	if (code != 0)
		return (code);
	error = iface_intake(n);
	if (error != 0) {
		log_error("packet socket: %s", strerror(error));
		return (EXIT_MISSING);
	}
	if (netlink_list_links(n->n_netlink) != 0 ||
	    netlink_list_addrs(n->n_netlink) != 0) {
		log_error("cannot list links and addresses");
		return (EXIT_MISSING);
	}
	for (u_int i = 0; i < n->n_nifs; i++)
		if (n->n_if[i].if_index == 0)
			log_warn("%s: not there yet; waiting for it",
			    n->n_if[i].if_conf->ci_name);
	return (0);
}

static int
start_control(struct node *n)
{
	ino_t inode;

	if (ctl_open(n, n->n_conf.c_control, &n->n_ctl, &inode) != 0)
		return (EXIT_MISSING);
	priv_own_socket(n->n_priv, inode);
	return (0);
}

static int
drop_privileges(struct node *n)
{
	return (priv_drop(n->n_conf.c_user) == 0 ? 0 : EXIT_MISSING);
}

int
node_start(struct node *n)
{
	static int (*const steps[])(struct node *) = {
		start_tables, start_control, start_kernel, start_nids,
		start_names, start_packets, drop_privileges,
	};

	if (geteuid() != 0) {
		log_error("needs root to set up a TUN device, packet sockets "
		    "and a firewall table; gives it up afterwards");
		return (EXIT_MISSING);
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int code = steps[i](n);

		if (code != 0)
			return (code);
	}
	return (0);
}

void
node_stop(struct node *n)
{
	if (n->n_ctl != NULL)
		ctl_close(n->n_ctl);
	n->n_ctl = NULL;
	if (n->n_names != NULL)
		names_close(n->n_names);
	n->n_names = NULL;
	if (n->n_sockapi != NULL)
		sockapi_close(n->n_sockapi);
	n->n_sockapi = NULL;
	if (n->n_netlink != NULL && n->n_locators != NULL)
		locators_withdraw(n);
	if (n->n_loop != NULL) {
		loop_del(n->n_loop, &n->n_tun.tu_src);
		iface_close(n);
	}
	tun_close(&n->n_tun);
	if (n->n_guard != NULL)
		guard_close(n->n_guard);
	if (n->n_neighs != NULL)
		neighs_free(n->n_neighs);
	if (n->n_netlink != NULL)
		netlink_close(n->n_netlink);
	if (signals.ls_fd >= 0)
		(void)close(signals.ls_fd);
	if (n->n_loop != NULL)
		loop_free(n->n_loop);
	if (n->n_ilcc != NULL) {
		if (n->n_flows != NULL)
			flows_release(n->n_flows);
		ilnp_env_epoch_barrier();
		ilnp_ilcc_free(n->n_ilcc);
	}
	if (n->n_hosts != NULL)
		hosts_free(n->n_hosts);
	if (n->n_edge != NULL)
		edge_free(n->n_edge);
	if (n->n_held != NULL)
		held_free(n->n_held);
	flows_free(n->n_flows);
	locators_free(n->n_locators);
	if (n->n_priv != NULL)
		priv_close(n->n_priv);
	ilnp_env_thread_fini();
}

/* The device was deleted under us: sessions go on as soon as it is back. */
static void
revive_tun(struct node *n, ilnp_time_t now)
{
	static ilnp_time_t last;

	if (last != 0 && now - last < TUN_RETRY)
		return;
	last = now;
	loop_del(n->n_loop, &n->n_tun.tu_src);
	tun_close(&n->n_tun);
	if (open_tun(n) == 0)
		log_info("%s: made again", n->n_tun.tu_name);
	else
		n->n_tun.tu_gone = true;
}

static void
do_slow_things(struct node *n, ilnp_time_t now)
{
	static ilnp_time_t last;

	if (now - last < SLOW_EVERY)
		return;
	last = now;
	neighs_age(n->n_neighs, now);
	if (flows_age(n->n_flows, now))
		n->n_refilter = true;
}

/* One round of everything that is not a packet. */
static void
do_round(struct node *n, ilnp_time_t now)
{
	static ilnp_time_t reviewed;
	char message[HOSTS_ERROR_MAX];

	if (n->n_reload) {
		n->n_reload = false;
		if (!node_read_hosts(n, message))
			log_error("%s", message);
	}
	if (n->n_tun.tu_gone)
		revive_tun(n, now);
	/* Lifetimes run out without an event. */
	if (n->n_review || now - reviewed > ILNP_MS(ROUND_MAX_MS)) {
		reviewed = now;
		tun_set_mtu(&n->n_tun, n->n_netlink, iface_tun_mtu(n));
		locators_review(n, now);
	}
	if (n->n_refilter)
		iface_refilter(n);
	if (n->n_tick <= now) {
		edge_tick(n, now);
		locators_tick(n, now);
	}
	if (edge_waits(n))
		edge_resume(n, now);
	if (held_due(n->n_held))
		edge_output(n, 0);
	names_tick(n, now);
	sockapi_tick(n, now);
	do_slow_things(n, now);
}

static int
wait_ms(struct node *n, ilnp_time_t now, ilnp_time_t solicit)
{
	ilnp_time_t next = now + ILNP_MS(ROUND_MAX_MS);

	if (edge_waits(n))
		next = now + ILNP_MS(WAITING_MS);
	if (n->n_tick < next)
		next = n->n_tick;
	if (solicit != 0 && solicit < next)
		next = solicit;
	if (next <= now || n->n_review)
		return (0);
	return ((int)((next - now + 999) / 1000));
}

int
node_run(struct node *n)
{
	while (!n->n_stop) {
		ilnp_time_t now = ilnp_env_now();
		int error;

		do_round(n, now);
		error = loop_run(n->n_loop, wait_ms(n, now,
		    iface_tick(n, now)));
		if (error != 0) {
			log_error("event loop: %s", strerror(error));
			return (EXIT_FAILED);
		}
	}
	return (0);
}
