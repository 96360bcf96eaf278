/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 */
#include <sys/param.h>
#include <sys/sockio.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet6/in6_var.h>
#include <netinet6/nd6.h>

#include "ifc.h"

int
if_control(void)
{
	return ((int)sys_socket(AF_INET6, SOCK_DGRAM, 0));
}

struct ifreq
if_about(const char *name)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, name, length(name) + 1);
	return (ifr);
}

/* One request of a socket that is there for it alone. */
static result
request(unsigned long what, void *arg)
{
	int s = if_control();
	result r = sys_ioctl(s, what, arg);

	(void)sys_close(s);
	return (r);
}

bool
if_switch(const char *name, bool up)
{
	struct ifreq ifr = if_about(name);

	if (request(SIOCGIFFLAGS, &ifr) < 0)
		return (false);
	if (up)
		ifr.ifr_flags |= IFF_UP;
	else
		ifr.ifr_flags &= (short)~IFF_UP;
	return (request(SIOCSIFFLAGS, &ifr) >= 0);
}

int
if_index_of(const char *name)
{
	struct ifreq ifr = if_about(name);

	return (request(SIOCGIFINDEX, &ifr) < 0 ? 0 : ifr.ifr_index);
}

bool
if_lend(const char *name, struct ilv a, uint32_t seconds)
{
	struct in6_aliasreq req;

	memset(&req, 0, sizeof(req));
	memcpy(req.ifra_name, name, length(name) + 1);
	req.ifra_addr.sin6_len = sizeof(req.ifra_addr);
	req.ifra_addr.sin6_family = AF_INET6;
	put64(&req.ifra_addr.sin6_addr.s6_addr[0], a.l64);
	put64(&req.ifra_addr.sin6_addr.s6_addr[8], a.nid);
	req.ifra_prefixmask.sin6_len = sizeof(req.ifra_prefixmask);
	req.ifra_prefixmask.sin6_family = AF_INET6;
	memset(&req.ifra_prefixmask.sin6_addr, 0xff, 8);
	req.ifra_flags = IN6_IFF_NODAD;
	req.ifra_lifetime.ia6t_vltime = seconds;
	req.ifra_lifetime.ia6t_pltime = seconds;
	return (request(SIOCAIFADDR_IN6, &req) >= 0);
}

bool
if_give(const char *name, struct ilv a)
{
	return (if_lend(name, a, ND6_INFINITE_LIFETIME));
}

bool
if_listen(const char *name)
{
	struct in6_ndireq nd;

	memset(&nd, 0, sizeof(nd));
	memcpy(nd.ifname, name, length(name) + 1);
	if (request(SIOCGIFINFO_IN6, &nd) < 0)
		return (false);
	/*
	 * Nobody has our addresses.  FreeBSD looks twice, without a lock, at
	 * those it has still to ask for, and INVARIANTS do not bear that they
	 * have been answered for in between.
	 */
	nd.ndi.flags |= ND6_IFF_ACCEPT_RTADV | ND6_IFF_NO_DAD;
	nd.ndi.flags &= ~(uint32_t)ND6_IFF_IFDISABLED;
	return (request(SIOCSIFINFO_IN6, &nd) >= 0);
}

result
if_destroy(const char *name)
{
	struct ifreq ifr = if_about(name);

	return (request(SIOCIFDESTROY, &ifr));
}
