/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Jails, epairs and what ifconfig(8) and rtadvd(8) would do with them.  A
 * process is in one network stack for good, so whatever is to happen in
 * another one is done by a child that goes there and ends.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <sys/signal.h>
#include <sys/sockio.h>
#include <sys/sysctl.h>
#include <sys/user.h>
#include <net/bpf.h>
#include <net/if.h>
#include <net/if_mib.h>
#include <netinet/in.h>
#include <netinet/icmp6.h>
#include <netinet6/in6_var.h>
#include <netinet6/nd6.h>

#include "ifc.h"
#include "jail.h"
#include "memory.h"
#include "rig.h"

#define	KNOBS	"net.inet6.ilnp6."

struct link {
	char	host[IFNAMSIZ];		/* the host's end */
	char	router[IFNAMSIZ];	/* the router's */
};

static struct {
	int	jid[3];
	int	links[2];
	struct link link[2][RIG_LINKS];
	bool	pair;
	bool	ilnp;		/* hosts have it */
	uint8_t	mac[2][6];	/* of a pair */
	uint64_t stacks;	/* memory of stacks before there was one of ours */
} rig;

/* What a child brings back beside its exit status. */
static union {
	uint64_t n[2];
	int	fd;
	char	text[16384];
} *back;

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

	back->fd = -1;
	pid = sys_fork_sharing();
	if (pid == 0) {
		if (sys_jail_attach(rig.jid[who]) >= 0)
			back->fd = (int)sys_socket(AF_INET6, type, proto);
		sys_exit(0);
	}
	(void)sys_wait((int)pid);
	return (back->fd);
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

static size_t
put_groups(char *text, uint64_t v, char separator)
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
	(void)put_groups(nid, RIG_NID(s->who), '-');
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

	for (back->n[0] = 0; back->n[0] < l->most && now_ms() < end;
	    back->n[0]++, a.l64++)
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
	return ((unsigned int)back->n[0]);
}

static int
count(void *arg)
{
	int mib[6] = { CTL_NET, PF_LINK, NETLINK_GENERIC, IFMIB_IFDATA,
	    if_index_of(arg), IFDATA_GENERAL };
	struct ifmibdata data;
	size_t len = sizeof(data);

	if (sysctl_mib(mib, 6, &data, &len) < 0)
		return (1);
	back->n[0] = data.ifmd_data.ifi_ipackets;
	back->n[1] = data.ifmd_data.ifi_ibytes;
	return (0);
}

void
rig_sent(enum rig_who who, int link, uint64_t *packets, uint64_t *octets)
{
	if (rig_run(RIG_R, count, rig.link[who][link].router) != 0)
		say("cannot count\n");
	*packets = back->n[0];
	*octets = back->n[1];
}

struct knob {
	char	path[80];
	const char *text;
	int	value;
};

static struct knob
knob(const char *name)
{
	struct knob k = { .path = KNOBS };

	memcpy(k.path + length(k.path), name, length(name) + 1);
	return (k);
}

static int
set_knob(void *arg)
{
	const struct knob *k = arg;

	return ((k->text != NULL ? sysctl_set(k->path, k->text) :
	    sysctl_set_int(k->path, k->value)) < 0);
}

void
rig_set(enum rig_who who, const char *name, int value)
{
	struct knob k = knob(name);

	k.value = value;
	if (rig_run(who, set_knob, &k) != 0)
		check(false, "%s cannot be set to %d", name, value);
}

bool
rig_write(enum rig_who who, const char *name, const char *text)
{
	struct knob k = knob(name);

	k.text = text;
	return (rig_run(who, set_knob, &k) == 0);
}

static int
read_counter(void *arg)
{
	back->n[0] = counter(arg);
	return (0);
}

uint64_t
rig_counter(enum rig_who who, const char *name)
{
	(void)rig_run(who, read_counter, (void *)(uintptr_t)name);
	return (back->n[0]);
}

static int
count_connections(void *unused __unused)
{
	uint32_t n = 0;
	size_t len = sizeof(n);

	(void)sysctl_get("net.inet.tcp.pcbcount", &n, &len);
	back->n[0] = n;
	return (0);
}

uint32_t
rig_hangs_up(enum rig_who who)
{
	int64_t end = now_ms() + RIG_END_MS;
	uint64_t least = UINT64_MAX;

	do {
		(void)rig_run(who, count_connections, NULL);
		if (back->n[0] < least) {
			least = back->n[0];
			end = now_ms() + RIG_END_MS;
		}
		sleep_ms(50);
	} while (least != 0 && now_ms() < end);
	return ((uint32_t)least);
}

struct look {
	const char *name;
	const char *part;
	int	ms;
};

static int
look_for(void *arg)
{
	const struct look *l = arg;
	int64_t end = now_ms() + l->ms;
	struct knob k = knob(l->name);

	do {
		size_t len = sizeof(back->text) - 1;

		memset(back->text, 0, sizeof(back->text));
		(void)sysctl_get(k.path, back->text, &len);
		if (contains(back->text, l->part))
			return (0);
		sleep_ms(10);
	} while (now_ms() < end);
	return (1);
}

bool
rig_shows(enum rig_who who, const char *name, const char *part, int ms)
{
	struct look l = { name, part, ms };

	if (rig_run(who, look_for, &l) == 0)
		return (true);
	say("%s", back->text);
	return (false);
}

const char *
rig_interface(enum rig_who who, int link)
{
	return (rig.link[who][link].host);
}

static int
tell(void *unused __unused)
{
	(void)listing(KNOBS "sessions", "");
	(void)listing(KNOBS "locators", "");
	say_counters();
	return (0);
}

void
rig_tell(void)
{
	(void)rig_run(RIG_A, tell, NULL);
	(void)rig_run(RIG_B, tell, NULL);
}

bool
rig_teach(enum rig_who who)
{
	enum rig_who other = who == RIG_A ? RIG_B : RIG_A;
	char text[200];
	size_t n = put_groups(text, RIG_NID(other), '-');

	for (int i = 0; i < rig.links[other]; i++) {
		text[n++] = ' ';
		n += put_groups(text + n, rig_ilv(other, i).l64, '+');
	}
	text[n] = '\0';
	return (rig_write(who, "teach", text));
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

	if (back == NULL)
		back = shared_memory(sizeof(*back));
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
			(void)put_groups(l64, RIG_L64(h, i), '+');
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
	memcpy(back->text, ifr.ifr_addr.sa_data, 6);
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
		memcpy(rig.mac[h], back->text, 6);
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
		(void)put_groups(text, RIG_NID(h), '-');
		good &= rig_write(h, "nids", text);
		rig_set(h, "enable", 1);
		good &= rig_shows(h, "locators", "valid", 60000);
	}
	n = put_groups(text, RIG_NID(RIG_B), '-');
	text[n++] = ' ';
	(void)put_groups(text + n, rig_ilv(RIG_B, 0).l64, '+');
	return (good && rig_write(RIG_A, "teach", text));
}

bool
rig_has(void)
{
	int v;
	size_t len = sizeof(v);

	return (sysctl_get(KNOBS "enable", &v, &len) >= 0);
}

int
rig_tap(enum rig_who who)
{
	struct ifreq ifr = if_about(who == RIG_A ? rig.link[RIG_A][0].host :
	    rig.link[RIG_A][0].router);
	unsigned int complete = 1;
	int pid;

	back->fd = -1;
	pid = (int)sys_fork_sharing();
	if (pid == 0) {
		int fd = -1;

		if (sys_jail_attach(rig.jid[who]) >= 0)
			fd = (int)sys_open("/dev/bpf", O_RDWR);
		if (fd >= 0 && sys_ioctl(fd, BIOCSETIF, &ifr) >= 0 &&
		    sys_ioctl(fd, BIOCSHDRCMPLT, &complete) >= 0)
			back->fd = fd;
		sys_exit(0);
	}
	(void)sys_wait(pid);
	return (back->fd);
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
