/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The hosts and their router: how they are made and end, and processes in them.
 * A process is in one network stack for good, so whatever is to happen in
 * another one is done by a child that goes there and ends.
 */
#include <sys/param.h>
#include <sys/signal.h>
#include <sys/sockio.h>
#include <sys/sysctl.h>
#include <sys/user.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/icmp6.h>
#include <netinet6/in6_var.h>
#include <netinet6/nd6.h>

#include "ifc.h"
#include "jail.h"
#include "memory.h"
#include "rig_var.h"

struct rig rig;
union rig_back *rig_back;

int
rig_start(enum rig_who who, int (*fn)(void *), void *arg)
{
	return (jail_start(rig.jid[who], fn, arg));
}

int
rig_run(enum rig_who who, int (*fn)(void *), void *arg)
{
	return (jail_run(rig.jid[who], fn, arg));
}

int
rig_wait(int pid, int ms)
{
	int64_t end = now_ms() + ms;
	int status;

	while (sys_wait_now(pid, &status) == 0) {
		if (now_ms() > end) {
			(void)sys_kill(pid, SIGKILL);
			(void)sys_wait(pid);
			return (-1);
		}
		sleep_ms(5);
	}
	return (status);
}

int
rig_socket(enum rig_who who, int type, int proto)
{
	result pid;

	rig_back->fd = -1;
	pid = sys_fork_sharing();
	if (pid == 0) {
		if (sys_jail_attach(rig.jid[who]) >= 0)
			rig_back->fd = (int)sys_socket(AF_INET6, type, proto);
		sys_exit(0);
	}
	(void)sys_wait((int)pid);
	return (rig_back->fd);
}

struct ilv
rig_ilv(enum rig_who who, int link)
{
	return ((struct ilv){ RIG_L64(rig.pair ? RIG_A : who, link),
	    RIG_NID(who) });
}

struct ilv
rig_plain(enum rig_who who)
{
	return ((struct ilv){ RIG_L64(RIG_A, 0), 0x20ULL + who });
}

size_t
rig_groups(char *text, uint64_t v, char separator)
{
	for (int i = 0; i < 16; i++) {
		*text++ = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
		if (i % 4 == 3)
			*text++ = i == 15 ? '\0' : separator;
	}
	return (19);
}

/*
 * What all stacks have; connections that have ended stay for twice the msl, and
 * whoever speaks of one that has gone is told so, however many there are.
 */
static bool
set_stack_up(void)
{
	return (sysctl_set_int("net.inet6.ip6.dad_count", 0) >= 0 &&
	    sysctl_set_int("net.inet.tcp.msl", 100) >= 0 &&
	    sysctl_set_int("net.inet.icmp.icmplim", 0) >= 0 &&
	    if_switch("lo0", true));
}

struct setup {
	enum rig_who who;
	bool	ilnp;
};

static int
set_host_up(void *arg)
{
	const struct setup *s = arg;
	char nid[20];
	bool good = set_stack_up();

	good &= sysctl_set_int("net.inet6.ip6.accept_rtadv", 1) >= 0;
	for (int i = 0; i < rig.links[s->who]; i++) {
		const char *name = rig.link[s->who][i].host;

		good &= if_switch(name, true);
		good &= if_listen(name);
		good &= s->ilnp || if_give(name, rig_ilv(s->who, i));
	}
	if (!s->ilnp)
		return (!good);
	(void)rig_groups(nid, RIG_NID(s->who), '-');
	good &= sysctl_set(KNOBS "nids", nid) >= 0;
	good &= sysctl_set_int(KNOBS "enable", 1) >= 0;
	return (!good);
}

static int
set_router_up(void *unused __unused)
{
	bool good = set_stack_up();

	good &= sysctl_set_int("net.inet6.ip6.forwarding", 1) >= 0;
	for (int h = 0; h < 2; h++)
		for (int i = 0; i < rig.links[h]; i++) {
			const char *name = rig.link[h][i].router;

			good &= if_switch(name, true);
			good &= if_listen(name);
			good &= if_give(name, (struct ilv){
			    RIG_L64(h, i), 1 });
		}
	return (!good);
}

/* Waits until a host has so many routers; 0 if it has. */
static int
wait_for_routers(void *arg)
{
	const int *n = arg;
	static struct in6_defrouter list[RIG_LINKS];
	int64_t end = now_ms() + 60000;
	size_t len;

	do {
		len = sizeof(list);
		if (sysctl_get("net.inet6.icmp6.nd6_drlist", list, &len) >= 0 &&
		    len >= (size_t)*n * sizeof(list[0]))
			return (0);
		sleep_ms(10);
	} while (now_ms() < end);
	return (1);
}

/* Makes a link between two jails. */
static bool
make_link(struct link *l, int host, int router)
{
	struct ifreq ifr = if_about("epair");
	int s = if_control();
	bool done;
	size_t n;

	done = sys_ioctl(s, SIOCIFCREATE, &ifr) >= 0;
	memcpy(l->host, ifr.ifr_name, IFNAMSIZ);
	memcpy(l->router, ifr.ifr_name, IFNAMSIZ);
	n = length(l->router);
	l->router[n - 1] = 'b';
	ifr = if_about(l->host);
	ifr.ifr_jid = host;
	done &= sys_ioctl(s, SIOCSIFVNET, &ifr) >= 0;
	ifr = if_about(l->router);
	ifr.ifr_jid = router;
	done &= sys_ioctl(s, SIOCSIFVNET, &ifr) >= 0;
	(void)sys_close(s);
	return (done);
}

static bool
make_jails(int n)
{
	static const char *const names[3] = { "kta", "ktb", "ktr" };
	bool good = true;

	if (rig_back == NULL)
		rig_back = shared_memory(sizeof(*rig_back));
	/* Not "vnet": what VNET_DEBUG remembers counts as that, too. */
	if (rig.stacks == 0)
		rig.stacks = memory_of("vnet_data");
	for (int i = 0; i < 3; i++)
		rig.jid[i] = -1;
	for (int i = 0; i < n; i++) {
		rig.jid[i] = (int)sys_vnet_jail(names[i]);
		good &= rig.jid[i] >= 0;
	}
	return (good);
}

bool
rig_up(int alinks, int blinks, bool ilnp)
{
	bool good;

	good = make_jails(3);
	rig.pair = false;
	rig.ilnp = ilnp;
	rig.links[RIG_A] = alinks;
	rig.links[RIG_B] = blinks;
	for (int h = 0; h < 2; h++)
		for (int i = 0; i < rig.links[h]; i++)
			good &= make_link(&rig.link[h][i], rig.jid[h],
			    rig.jid[RIG_R]);
	good = good && rig_run(RIG_R, set_router_up, NULL) == 0;
	for (int h = 0; good && h < 2; h++) {
		struct setup s = { h, ilnp };

		good &= rig_run(h, set_host_up, &s) == 0;
		for (int i = 0; i < rig.links[h]; i++) {
			char l64[24];

			rig_advertise(h, i, 7200, 3600);
			(void)rig_groups(l64, RIG_L64(h, i), '+');
			good &= !ilnp || rig_shows(h, "locators", l64, 60000);
		}
		if (good && !ilnp)
			good = rig_run(h, wait_for_routers,
			    &rig.links[h]) == 0;
	}
	return (good);
}

static int
set_pair_up(void *arg)
{
	enum rig_who who = *(enum rig_who *)arg;
	const char *name = rig.link[RIG_A][0].host;
	struct ifreq ifr;
	bool good = set_stack_up();
	int s;

	if (who == RIG_B)
		name = rig.link[RIG_A][0].router;
	good &= if_switch(name, true);
	good &= if_listen(name);
	good &= if_give(name, rig_plain(who));
	good &= if_give(name, rig_ilv(who, 0));
	s = if_control();
	ifr = if_about(name);
	good &= sys_ioctl(s, SIOCGHWADDR, &ifr) >= 0;
	memcpy(rig_back->text, ifr.ifr_addr.sa_data, 6);
	(void)sys_close(s);
	return (!good);
}

bool
rig_pair(void)
{
	bool good = make_jails(2);

	rig.pair = true;
	rig.links[RIG_A] = 1;
	rig.links[RIG_B] = 0;
	good = good && make_link(&rig.link[RIG_A][0], rig.jid[RIG_A],
	    rig.jid[RIG_B]);
	for (enum rig_who h = RIG_A; good && h <= RIG_B; h++) {
		good &= rig_run(h, set_pair_up, &h) == 0;
		memcpy(rig.mac[h], rig_back->text, 6);
	}
	return (good);
}

bool
rig_pair_on(void)
{
	char text[64];
	size_t n;
	bool good = true;

	for (enum rig_who h = RIG_A; h <= RIG_B; h++) {
		(void)rig_groups(text, RIG_NID(h), '-');
		good &= rig_write(h, "nids", text);
		rig_set(h, "enable", 1);
		good &= rig_shows(h, "locators", "valid", 60000);
	}
	n = rig_groups(text, RIG_NID(RIG_B), '-');
	text[n++] = ' ';
	(void)rig_groups(text + n, rig_ilv(RIG_B, 0).l64, '+');
	return (good && rig_write(RIG_A, "teach", text));
}

/* True if a link has come home from stacks that end, and is gone. */
static bool
is_destroyed(struct link *l)
{
	if (l->host[0] != '\0' && if_destroy(l->host) >= 0)
		l->host[0] = '\0';
	return (l->host[0] == '\0');
}

/*
 * Prints what may keep a stack, and where the kernel's own threads are that end
 * one.
 */
static void
tell_who_ends(void)
{
	static const char *const keepers[] = { "tcp_inpcb", "udp_inpcb",
	    "ripcb", "socket", "syncache" };
	static char text[1 << 20];
	const int mib[4] = { CTL_KERN, KERN_PROC, KERN_PROC_KSTACK, 0 };
	const struct kinfo_kstack *k = (const void *)text;
	size_t len = sizeof(text);

	for (unsigned int i = 0; i < nitems(keepers); i++)
		say("       %s: %lu\n", keepers[i], items_of(keepers[i]));
	if (sysctl_mib(mib, 4, text, &len) < 0)
		return;
	for (; len >= sizeof(*k); k++, len -= sizeof(*k))
		if (contains(k->kkst_trace, "vnet_") ||
		    contains(k->kkst_trace, "prison_"))
			say("%s\n", k->kkst_trace);
}

bool
rig_down(void)
{
	int64_t end = now_ms() + RIG_END_MS, told = now_ms() + 60000;
	bool gone;
	int status;

	for (int i = 0; i < 3; i++)
		if (rig.jid[i] >= 0 && sys_jail_remove(rig.jid[i]) < 0)
			say("a jail stays\n");
	do {
		/* Who was killed keeps its jail until somebody asks for it. */
		while (sys_wait_now(-1, &status) > 0)
			continue;
		gone = true;
		for (int h = 0; h < 2; h++)
			for (int i = 0; i < rig.links[h]; i++)
				gone &= is_destroyed(&rig.link[h][i]);
		/* Each stack has such a zone, and loses it near its end. */
		if (gone && zones_of("syncache") <= 1 &&
		    memory_of("vnet_data") <= rig.stacks)
			return (true);
		if (now_ms() > told) {
			tell_who_ends();
			told += 60000;
		}
		sleep_ms(50);
	} while (now_ms() < end);
	say("%s\n", gone ? "a stack stays" : "a link stays");
	tell_who_ends();
	return (false);
}
