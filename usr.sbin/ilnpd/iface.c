/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Keeps the table of interfaces in step with the kernel.
 */
#include <sys/epoll.h>

#include "edge.h"
#include "filter.h"
#include "flow.h"
#include "iface.h"
#include "log.h"

#define	SOLICITS_MAX	3
#define	SOLICIT_EVERY	ILNP_SEC(2)
#define	MTU_MIN		1280

void
iface_init(struct node *n)
{
	n->n_nifs = n->n_conf.c_nifs;
	for (u_int i = 0; i < n->n_nifs; i++) {
		struct iface *ifc = &n->n_if[i];

		ifc->if_node = n;
		ifc->if_conf = &n->n_conf.c_if[i];
		ifc->if_disabled = ifc->if_conf->ci_disabled;
		ifc->if_port.po_fd = ifc->if_port.po_urgent = -1;
		ifc->if_port.po_src.ls_fd = -1;
	}
	n->n_intake.it_fd = n->n_intake.it_src.ls_fd = -1;
}

void
iface_close(struct node *n)
{
	for (u_int i = 0; i < n->n_nifs; i++) {
		loop_del(n->n_loop, &n->n_if[i].if_port.po_src);
		port_close(&n->n_if[i].if_port);
	}
	loop_del(n->n_loop, &n->n_intake.it_src);
	intake_close(&n->n_intake);
}

struct iface *
iface_byindex(struct node *n, u_int index)
{
	for (u_int i = 0; i < n->n_nifs; i++)
		if (n->n_if[i].if_index == index)
			return (index != 0 ? &n->n_if[i] : NULL);
	return (NULL);
}

struct iface *
iface_byname(struct node *n, const char *name)
{
	for (u_int i = 0; i < n->n_nifs; i++)
		if (strcmp(n->n_if[i].if_conf->ci_name, name) == 0)
			return (&n->n_if[i]);
	return (NULL);
}

static void
make_filter(struct node *n, struct filter *fi, struct sock_fprog *prog)
{
	struct filter_want fw;

	memset(&fw, 0, sizeof(fw));
	for (u_int i = 0; i < n->n_nifs; i++)
		if (n->n_if[i].if_index != 0)
			fw.fw_if[fw.fw_nifs++] = n->n_if[i].if_index;
	fw.fw_nnids = n->n_nnids;
	memcpy(fw.fw_nid, n->n_nid, sizeof(fw.fw_nid));
	/* With that policy correspondents leave the nonce out, too. */
	fw.fw_anyremote = ilnp_ilcc_conf(n->n_ilcc)->nonce_policy != 0;
	flows_plain_remotes(n->n_flows, &fw);
	filter_make(fi, &fw);
	prog->len = (unsigned short)fi->fi_n;
	prog->filter = fi->fi_insn;
}

int
iface_intake(struct node *n)
{
	struct sock_fprog prog;
	struct filter fi;
	int error;

	make_filter(n, &fi, &prog);
	error = intake_open(&n->n_intake, &prog);
	if (error == 0)
		error = loop_add(n->n_loop, &n->n_intake.it_src,
		    n->n_intake.it_fd, EPOLLIN, edge_input, n);
	return (error);
}

void
iface_refilter(struct node *n)
{
	struct sock_fprog prog;
	struct filter fi;
	int error;

	n->n_refilter = false;
	make_filter(n, &fi, &prog);
	error = intake_filter(&n->n_intake, &prog);
	if (error != 0)
		log_error("packet filter: %s", strerror(error));
}

uint32_t
iface_tun_mtu(const struct node *n)
{
	const struct ilnp_conf *knobs = ilnp_ilcc_conf(n->n_ilcc);
	uint32_t mtu = 0, header = knobs->nonce_size == 4 ? 8 : 16;

	if (n->n_conf.c_mtu != 0)
		return (n->n_conf.c_mtu);
	for (u_int i = 0; i < n->n_nifs; i++) {
		const struct iface *ifc = &n->n_if[i];

		if (ifc->if_index != 0 && (mtu == 0 || ifc->if_mtu < mtu))
			mtu = ifc->if_mtu;
	}
	if (mtu == 0)
		mtu = 1500;
	return (mtu < MTU_MIN + header ? MTU_MIN : mtu - header);
}

static void
appear(struct node *n, struct iface *ifc, const struct nl_link *nk)
{
	int error = port_open(&ifc->if_port, nk->nk_index);

	if (error != 0) {
		log_error("%s: packet socket: %s", nk->nk_name,
		    strerror(error));
		return;
	}
	ifc->if_index = nk->nk_index;
	memset(&ifc->if_ra, 0, sizeof(ifc->if_ra));
	log_info("%s: in use, index %u", nk->nk_name, nk->nk_index);
	iface_refilter(n);
}

static void
vanish(struct node *n, struct iface *ifc)
{
	log_warn("%s: gone", ifc->if_conf->ci_name);
	loop_del(n->n_loop, &ifc->if_port.po_src);
	port_close(&ifc->if_port);
	neighs_drop(n->n_neighs, ifc->if_index);
	ifc->if_index = 0;
	ifc->if_running = ifc->if_haslocal = false;
	memset(&ifc->if_ra, 0, sizeof(ifc->if_ra));
	iface_refilter(n);
}

/* A link without carrier may come back on another network. */
static void
change_running(struct node *n, struct iface *ifc, bool running)
{
	ifc->if_running = running;
	ifc->if_solicits = 0;
	ifc->if_solicit = running ? ilnp_env_now() : 0;
	if (!running) {
		memset(&ifc->if_ra, 0, sizeof(ifc->if_ra));
		neighs_drop(n->n_neighs, ifc->if_index);
	}
	log_info("%s: link %s", ifc->if_conf->ci_name, running ? "up" :
	    "down");
}

void
iface_link(struct node *n, const struct nl_link *nk, bool gone)
{
	struct iface *ifc = iface_byname(n, nk->nk_name);
	struct iface *was = iface_byindex(n, nk->nk_index);

	if (nk->nk_index == n->n_tun.tu_index) {
		tun_link(&n->n_tun, nk, gone);
		return;
	}
	/* Renamed, or another one under this name. */
	if (was != NULL && was != ifc) {
		vanish(n, was);
		n->n_review = true;
	}
	if (ifc == NULL)
		return;
	n->n_review = true;
	if (ifc->if_index != 0 && (gone || ifc->if_index != nk->nk_index))
		vanish(n, ifc);
	if (gone)
		return;
	if (!nk->nk_ether) {
		log_error("%s: not an Ethernet link; not used", nk->nk_name);
		return;
	}
	if (ifc->if_index == 0)
		appear(n, ifc, nk);
	if (ifc->if_index == 0)
		return;
	memcpy(ifc->if_mac, nk->nk_mac, sizeof(ifc->if_mac));
	ifc->if_mtu = nk->nk_mtu;
	if (ifc->if_running != nk->nk_running)
		change_running(n, ifc, nk->nk_running);
}

void
iface_linklocal(struct node *n, const struct nl_addr *na, bool gone)
{
	struct iface *ifc = iface_byindex(n, na->na_index);

	if (ifc == NULL)
		return;
	if (!gone) {
		/* Routers answer a known address at once, others by and by. */
		if (!ifc->if_haslocal && ifc->if_solicit != 0)
			ifc->if_solicit = ilnp_env_now();
		ifc->if_haslocal = true;
		ifc->if_local = na->na_addr;
	} else if (memcmp(&ifc->if_local, &na->na_addr,
	    sizeof(na->na_addr)) == 0)
		ifc->if_haslocal = false;
}

ilnp_time_t
iface_tick(struct node *n, ilnp_time_t now)
{
	ilnp_time_t next = 0;

	for (u_int i = 0; i < n->n_nifs; i++) {
		struct iface *ifc = &n->n_if[i];

		if (ifc->if_solicit == 0)
			continue;
		if (ifc->if_solicit <= now && ifc->if_running) {
			/* Answers say which router stands behind a prefix. */
			if (!ifc->if_ra.rt_heard) {
				edge_solicit(ifc);
				ifc->if_solicits++;
			}
			ifc->if_solicit = now + SOLICIT_EVERY;
			if (ifc->if_ra.rt_heard ||
			    ifc->if_solicits == SOLICITS_MAX)
				ifc->if_solicit = 0;
		}
		if (ifc->if_solicit != 0 &&
		    (next == 0 || ifc->if_solicit < next))
			next = ifc->if_solicit;
	}
	return (next);
}
