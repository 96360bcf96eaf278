/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Links of the rig: what rtadvd(8), ifconfig(8) and whoever pulls a cable would
 * do with them, and frames by hand.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <sys/sockio.h>
#include <net/bpf.h>
#include <net/if.h>
#include <netinet/in.h>

#include "ifc.h"
#include "rig_var.h"

struct advert {
	enum rig_who who;
	int	link;
	uint32_t valid;
	uint32_t preferred;
};

static int
advertise(void *arg)
{
	const struct advert *a = arg;
	const char *name = rig.link[a->who][a->link].router;
	int s = (int)sys_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	int hops = 255, ifindex = if_index_of(name);
	struct ifreq ifr = if_about(name);
	struct sockaddr_in6 all = { .sin6_len = sizeof(all),
	    .sin6_family = AF_INET6, .sin6_scope_id = (uint32_t)ifindex };
	uint8_t p[16 + 32 + 8];

	memset(p, 0, sizeof(p));
	p[0] = 134;
	p[4] = 64;
	put16(p + 6, 1800);
	p[16] = 3;
	p[17] = 4;
	p[18] = 64;
	/*
	 * Hosts without ILNP have been given their addresses.  For one that an
	 * advertisement is to make FreeBSD waits for in6_multi_sx inside of
	 * the epoch of the network, which INVARIANTS do not bear.
	 */
	p[19] = rig.ilnp ? 0xc0 : 0x80;
	put32(p + 20, a->valid);
	put32(p + 24, a->preferred);
	put64(p + 32, RIG_L64(a->who, a->link));
	/* A router that nobody could reach would take its prefix along. */
	p[48] = 1;
	p[49] = 1;
	(void)sys_ioctl(s, SIOCGHWADDR, &ifr);
	memcpy(p + 50, ifr.ifr_addr.sa_data, 6);
	all.sin6_addr.s6_addr[0] = 0xff;
	all.sin6_addr.s6_addr[1] = 2;
	all.sin6_addr.s6_addr[15] = 1;
	return (sys_setsockopt(s, IPPROTO_IPV6, IPV6_MULTICAST_IF, &ifindex,
	    sizeof(ifindex)) < 0 ||
	    sys_setsockopt(s, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops,
	    sizeof(hops)) < 0 ||
	    sys_sendto(s, p, sizeof(p), 0, &all, sizeof(all)) < 0);
}

void
rig_advertise(enum rig_who who, int link, uint32_t valid, uint32_t preferred)
{
	struct advert a = { who, link, valid, preferred };

	if (rig_run(RIG_R, advertise, &a) != 0)
		say("cannot advertise link %d of host %d\n", link, who);
}

struct change {
	const char *name;
	bool	up;
};

static int
change_link(void *arg)
{
	const struct change *c = arg;

	return (!if_switch(c->name, c->up));
}

void
rig_link(enum rig_who who, int link, bool up)
{
	struct change c = { rig.link[who][link].router, up };

	if (rig_run(RIG_R, change_link, &c) != 0)
		say("       cannot switch link %d of host %d\n", link, who);
}

static int
destroy_there(void *arg)
{
	return ((int)-if_destroy(arg));
}

void
rig_own(enum rig_who who, int link, bool up)
{
	struct change c = { rig.link[who][link].host, up };

	if (rig_run(who, change_link, &c) != 0)
		say("cannot switch interface %d of host %d\n", link, who);
}

result
rig_take(enum rig_who who, int link)
{
	struct ifreq ifr = if_about(rig.link[who][link].host);
	int s = if_control();
	result r;

	ifr.ifr_jid = rig.jid[who];
	r = sys_ioctl(s, SIOCSIFRVNET, &ifr);
	(void)sys_close(s);
	return (r);
}

result
rig_cut(enum rig_who who, int link)
{
	char *name = rig.link[who][link].host;
	int error = rig_run(who, destroy_there, name);

	if (error == 0)
		*name = '\0';
	return (-error);
}

struct loan {
	const char *name;
	struct ilv first;
	unsigned int most;
	unsigned int seconds;
};

static int
lend(void *arg)
{
	const struct loan *l = arg;
	int64_t end = now_ms() + 500LL * l->seconds;
	struct ilv a = l->first;

	for (rig_back->n[0] = 0; rig_back->n[0] < l->most && now_ms() < end;
	    rig_back->n[0]++, a.l64++)
		if (!if_lend(l->name, a, l->seconds))
			return (1);
	return (0);
}

unsigned int
rig_lend(enum rig_who who, int link, uint64_t l64, unsigned int most,
    unsigned int seconds)
{
	struct loan l = { rig.link[who][link].host, { l64, RIG_NID(who) },
	    most, seconds };

	if (rig_run(who, lend, &l) != 0)
		say("       an address cannot be given\n");
	return ((unsigned int)rig_back->n[0]);
}

const char *
rig_interface(enum rig_who who, int link)
{
	return (rig.link[who][link].host);
}

int
rig_tap(enum rig_who who)
{
	struct ifreq ifr = if_about(who == RIG_A ? rig.link[RIG_A][0].host :
	    rig.link[RIG_A][0].router);
	unsigned int complete = 1;
	int pid;

	rig_back->fd = -1;
	pid = (int)sys_fork_sharing();
	if (pid == 0) {
		int fd = -1;

		if (sys_jail_attach(rig.jid[who]) >= 0)
			fd = (int)sys_open("/dev/bpf", O_RDWR);
		if (fd >= 0 && sys_ioctl(fd, BIOCSETIF, &ifr) >= 0 &&
		    sys_ioctl(fd, BIOCSHDRCMPLT, &complete) >= 0)
			rig_back->fd = fd;
		sys_exit(0);
	}
	(void)sys_wait(pid);
	return (rig_back->fd);
}

void
rig_inject(int fd, enum rig_who to, const uint8_t *ip, size_t len)
{
	static uint8_t frame[2048];

	memcpy(frame, rig.mac[to], 6);
	memcpy(frame + 6, rig.mac[to == RIG_A ? RIG_B : RIG_A], 6);
	put16(frame + 12, 0x86dd);
	memcpy(frame + 14, ip, len);
	if (sys_write(fd, frame, 14 + len) < 0)
		say("cannot inject\n");
}
