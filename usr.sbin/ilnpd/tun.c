/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Sets up the TUN device.  It is persistent while the node lives: should the
 * node crash, the host's packets to identity addresses find no reader instead
 * of leaving by the default route, and its connections last until the node is
 * back.
 */
#include <sys/ioctl.h>

#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <unistd.h>

#include "log.h"
#include "netlink.h"
#include "notation.h"
#include "tun.h"

/* Newer than the headers of the systems we build on. */
#ifndef TUN_F_USO4
#define	TUN_F_USO4	0x20
#define	TUN_F_USO6	0x40
#endif

#define	PREFIX_LEN	64

struct ilnp_l64
tun_identity(void)
{
	struct ilnp_l64 l64 = {
		(uint64_t)ILNP_IDENTITY_W0 << 48 |
		(uint64_t)ILNP_IDENTITY_W1 << 32 |
		(uint64_t)ILNP_IDENTITY_W2 << 16 | ILNP_IDENTITY_W3
	};

	return (l64);
}

/* Asks for all offloads that this kernel has. */
static int
set_offload(int fd, bool offload)
{
	unsigned long all = TUN_F_CSUM | TUN_F_TSO6 | TUN_F_TSO4;

	if (!offload)
		return (ioctl(fd, TUNSETOFFLOAD, 0UL));
	if (ioctl(fd, TUNSETOFFLOAD, all | TUN_F_USO4 | TUN_F_USO6) == 0)
		return (0);
	return (ioctl(fd, TUNSETOFFLOAD, all));
}

static int
open_device(struct tun *tu, const char *name, bool offload)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	(void)strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	ifr.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(tu->tu_fd, TUNSETIFF, &ifr) != 0) {
		int error = errno;

		log_error("%s: %s%s", name, strerror(error), error == EBUSY ?
		    "; another process has it: choose another `tun' name" : "");
		return (error);
	}
	if (set_offload(tu->tu_fd, offload) != 0 ||
	    ioctl(tu->tu_fd, TUNSETPERSIST, 1UL) != 0) {
		log_error("%s: %s", name, strerror(errno));
		return (errno);
	}
	(void)strcpy(tu->tu_name, ifr.ifr_name);
	tu->tu_index = if_nametoindex(tu->tu_name);
	return (0);
}

/*
 * The first NID is the one that connections start from; the others are kept out
 * of source address selection by a preferred lifetime of zero.
 */
static int
put_identities(struct tun *tu, struct netlink *nl, const struct ilnp_nid *nid,
    u_int n)
{
	for (u_int i = 0; i < n; i++) {
		struct nl_addr na = { .na_index = tu->tu_index,
		    .na_plen = PREFIX_LEN,
		    .na_proto = NL_ADDR_TAG, .na_flags = IFA_F_NODAD,
		    .na_valid = NL_FOREVER,
		    .na_preferred = i == 0 ? NL_FOREVER : 0 };
		struct ilnp_ilv ilv = { tun_identity(), nid[i] };
		int error;

		na.na_addr = notation_to_in6(ilv);
		error = netlink_addr_put(nl, &na);
		if (error != 0) {
			log_error("%s: identity address: %s%s", tu->tu_name,
			    strerror(error), error == EACCES ?
			    "; IPv6 is disabled by a sysctl" : "");
			return (error);
		}
	}
	return (0);
}

int
tun_open(struct tun *tu, int fd, struct netlink *nl, const char *name,
    bool offload, uint32_t mtu, const struct ilnp_nid *nid, u_int n)
{
	int error;

	memset(tu, 0, sizeof(*tu));
	tu->tu_fd = fd;
	tu->tu_src.ls_fd = -1;
	error = open_device(tu, name, offload);
	if (error == 0) {
		error = netlink_link_up(nl, tu->tu_index, mtu);
		if (error != 0)
			log_error("%s: %s", name, strerror(error));
		tu->tu_mtu = mtu;
	}
	if (error == 0)
		error = put_identities(tu, nl, nid, n);
	if (error != 0)
		tun_close(tu);
	return (error);
}

void
tun_close(struct tun *tu)
{
	if (tu->tu_fd < 0)
		return;
	(void)ioctl(tu->tu_fd, TUNSETPERSIST, 0UL);
	(void)close(tu->tu_fd);
	tu->tu_fd = -1;
	tu->tu_index = 0;
}

void
tun_set_mtu(struct tun *tu, struct netlink *nl, uint32_t mtu)
{
	int error;

	if (tu->tu_index == 0 || tu->tu_mtu == mtu)
		return;
	error = netlink_link_mtu(nl, tu->tu_index, mtu);
	if (error != 0)
		log_error("%s: MTU %u: %s", tu->tu_name, mtu, strerror(error));
	else
		tu->tu_mtu = mtu;
}

void
tun_link(struct tun *tu, const struct nl_link *nk, bool gone)
{
	if (gone) {
		log_error("%s: the device has been deleted", nk->nk_name);
		tu->tu_gone = true;
	}
}
