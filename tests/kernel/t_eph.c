/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Ephemeral NIDs: each connection has one of its own, which goes when the
 * connection has gone, and never is it given another one in silence.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include "jail.h"
#include "rig.h"

#define	TREE	"net.inet6.ilnp6."
#define	PORT	7800
#define	POOL	4
#define	FAR_P	0x021122fffe000451ULL

static const struct ilv any = { 0, 0 };

/* What a child in a host's stack is to do, and how it went. */
static struct {
	const char *name;
	uint64_t value;
	result	r;
} *job;

static int
read_number(void *unused __unused)
{
	uint32_t v = 0;
	size_t len = sizeof(v);

	job->r = sysctl_get(job->name, &v, &len);
	job->value = v;
	return (0);
}

static uint64_t
number(const char *name)
{
	job->name = name;
	(void)rig_run(RIG_A, read_number, NULL);
	return (job->value);
}

static int
write_number(void *unused __unused)
{
	job->r = sysctl_set_int(job->name, (int)job->value);
	return (0);
}

static result
refused(const char *name, uint64_t value)
{
	job->name = name;
	job->value = value;
	(void)rig_run(RIG_A, write_number, NULL);
	return (job->r);
}

static int
read_nids(void *unused __unused)
{
	char text[256];
	size_t len = sizeof(text);

	memset(text, 0, sizeof(text));
	return (sysctl_get(TREE "nids", text, &len) < 0 || len != 20 ||
	    !contains(text, "0211-22ff-fe00-00a0"));
}

/* Waits until so many NIDs are ready in A. */
static bool
filled(unsigned int n)
{
	int64_t end = now_ms() + 2 * SOON;

	while (number(TREE "ephemeral_ready") != n && now_ms() < end)
		sleep_ms(50);
	return (job->value == n);
}

static void
spell(char text[20], uint64_t nid)
{
	for (int i = 0, k = 0; i < 16; i++) {
		text[k++] = "0123456789abcdef"[nid >> (60 - 4 * i) & 15];
		if (i % 4 == 3)
			text[k++] = i == 15 ? '\0' : '-';
	}
}

static bool
in_sessions(enum rig_who who, uint64_t nid, int ms)
{
	char text[20];

	spell(text, nid);
	return (rig_shows(who, "sessions", text, ms));
}

static struct ilv
ilv_of(const struct sockaddr_in6 *sa)
{
	return ((struct ilv){ get64(&sa->sin6_addr.s6_addr[0]),
	    get64(&sa->sin6_addr.s6_addr[8]) });
}

static struct ilv
own(int fd)
{
	struct sockaddr_in6 sa = { };
	socklen_t len = sizeof(sa);

	(void)sys_getsockname(fd, &sa, &len);
	return (ilv_of(&sa));
}

static int
listen_at(enum rig_who who, uint16_t port)
{
	struct sockaddr_in6 sa = kt_address(any, port);
	int fd = rig_socket(who, SOCK_STREAM, 0);

	if (sys_bind(fd, &sa, sizeof(sa)) < 0 || sys_listen(fd, 16) < 0)
		say("cannot listen\n");
	return (fd);
}

static result
connect_at(int fd, struct ilv to, uint16_t port)
{
	struct sockaddr_in6 sa = kt_address(to, port);

	return (sys_connect(fd, &sa, sizeof(sa)));
}

/* One connection, and what its two ends see. */
struct link_of {
	int	near, far;
	struct ilv is;		/* as A says */
	struct ilv seen;	/* as the other end says */
};

static bool
call(struct link_of *c, enum rig_who who, int lfd, struct ilv to,
    uint16_t port)
{
	struct sockaddr_in6 sa = { };
	socklen_t len = sizeof(sa);

	c->near = rig_socket(who, SOCK_STREAM, 0);
	if (connect_at(c->near, to, port) < 0)
		return (false);
	c->far = (int)sys_accept(lfd, &sa, &len);
	c->is = own(c->near);
	c->seen = ilv_of(&sa);
	return (c->far >= 0);
}

static void
hang_up(struct link_of *c)
{
	/* Whose address has gone would not hear that the other one ends. */
	const int now[2] = { 1, 0 };

	(void)sys_setsockopt(c->near, SOL_SOCKET, SO_LINGER, now, sizeof(now));
	(void)sys_setsockopt(c->far, SOL_SOCKET, SO_LINGER, now, sizeof(now));
	(void)sys_close(c->near);
	(void)sys_close(c->far);
}

/* True if an octet goes each way. */
static bool
talk(const struct link_of *c)
{
	char a = 'a', b = 0;
	result r;

	(void)sys_fcntl(c->near, F_SETFL, 0);
	r = sys_write(c->near, &a, 1);
	return (r == 1 && sys_read(c->far, &b, 1) == 1 && b == 'a' &&
	    sys_write(c->far, &a, 1) == 1 && sys_read(c->near, &b, 1) == 1);
}

/* True if A has this address. */
static bool
has(struct ilv a)
{
	struct sockaddr_in6 sa = kt_address(a, 0);
	int fd = rig_socket(RIG_A, SOCK_DGRAM, 0);
	bool there = sys_bind(fd, &sa, sizeof(sa)) >= 0;

	(void)sys_close(fd);
	return (there);
}

static bool
vanishes(struct ilv a, int ms)
{
	int64_t end = now_ms() + ms;

	while (has(a) && now_ms() < end)
		sleep_ms(50);
	return (!has(a));
}

/* The address of the same NID at a locator of A. */
static struct ilv
at(struct ilv a, int link)
{
	return ((struct ilv){ RIG_L64(RIG_A, link), a.nid });
}

static bool
is_one(struct ilv a)
{
	return ((a.l64 == RIG_L64(RIG_A, 0) || a.l64 == RIG_L64(RIG_A, 1)) &&
	    a.nid != RIG_NID(RIG_A) &&
	    a.nid != 0 && (a.nid >> 56 & 3) == 0);
}

static bool
is_ours(struct ilv a)
{
	return (a.nid == RIG_NID(RIG_A));
}

/* lesson: 63 */
/* checklist: 111 */
static void
each_its_own(struct link_of c[2], int lfd)
{
	const struct ilv b = rig_ilv(RIG_B, 0);

	scenario("each connection has a NID of its own");
	check(refused(TREE "ephemeral", 257) == -ERANGE &&
	    refused(TREE "ephemeral_fallback", 2) == -ERANGE,
	    "more than 256 are not kept");
	rig_set(RIG_A, "ephemeral", POOL);
	check(filled(POOL), "so many are ready soon");
	check(rig_run(RIG_A, read_nids, NULL) == 0,
	    "they are none of the NIDs that names would tell of");
	check(call(&c[0], RIG_A, lfd, b, PORT) &&
	    call(&c[1], RIG_A, lfd, b, PORT), "two connections to one peer");
	check(is_one(c[0].is) && is_one(c[1].is) &&
	    c[0].is.nid != c[1].is.nid, "neither has the host's NID, nor the "
	    "other's: %lx, %lx", c[0].is.nid, c[1].is.nid);
	/* The locator may be another one: its SYN has gone by any path. */
	check(c[0].is.nid == c[0].seen.nid && c[1].is.nid == c[1].seen.nid,
	    "the peer sees the same");
	check(in_sessions(RIG_A, c[0].is.nid, SOON) &&
	    in_sessions(RIG_A, c[1].is.nid, SOON) &&
	    in_sessions(RIG_B, c[0].is.nid, SOON) &&
	    in_sessions(RIG_B, c[1].is.nid, SOON),
	    "each is a session of its own, at both ends");
	check(talk(&c[0]) && talk(&c[1]), "data goes both ways");
	check(filled(POOL), "those taken are replaced");
	check(has(at(c[0].is, 0)) && has(at(c[0].is, 1)) &&
	    has(at(c[1].is, 0)) && has(at(c[1].is, 1)),
	    "they have an address at each locator");
}

static void
moving(struct link_of c[2])
{
	uint64_t acked = rig_counter(RIG_A, "lu_acked");
	int64_t end = now_ms() + 2 * SOON;

	scenario("a connection with an ephemeral NID moves");
	rig_advertise(RIG_A, 0, 7200, 0);
	while (rig_counter(RIG_A, "lu_acked") < acked + 2 && now_ms() < end)
		sleep_ms(50);
	check(rig_counter(RIG_A, "lu_acked") >= acked + 2,
	    "the peer is told of both");
	rig_link(RIG_A, 0, false);
	check(talk(&c[0]) && talk(&c[1]), "they go on by the other link");
	rig_link(RIG_A, 0, true);
	rig_advertise(RIG_A, 0, 7200, 3600);
	check(rig_shows(RIG_A, "locators", "2001+0db8+a000+0001", 2 * SOON) &&
	    has(at(c[0].is, 0)), "the first link comes back");
	check(talk(&c[0]) && talk(&c[1]), "nothing is lost");
}

static void
retired(struct link_of c[2])
{
	scenario("a NID goes with its last connection");
	hang_up(&c[0]);
	check(vanishes(at(c[0].is, 0), 2 * SOON) &&
	    vanishes(at(c[0].is, 1), 2 * SOON), "its addresses vanish");
	check(has(c[1].is) && talk(&c[1]), "those of another one stay");
	check(!in_sessions(RIG_A, c[0].is.nid, 0), "its session has ended");
	check(rig_counter(RIG_A, "eph_retired") >= 1, "it is counted");
	hang_up(&c[1]);
}

/* How datagrams of A look to B; nid 0: nothing came. */
static struct ilv
datagram(int fd, int bfd, bool connected)
{
	struct sockaddr_in6 to = kt_address(rig_ilv(RIG_B, 0), PORT), from;
	socklen_t len = sizeof(from);
	int64_t end = now_ms() + 3000;
	char text[8];

	memset(&from, 0, sizeof(from));
	if (sys_sendto(fd, "udp", 3, 0, connected ? NULL : (void *)&to,
	    connected ? 0 : sizeof(to)) < 0)
		return (any);
	while (sys_recvfrom(bfd, text, sizeof(text), 0, &from, &len) < 0 &&
	    now_ms() < end)
		sleep_ms(5);
	return (ilv_of(&from));
}

static void
datagrams(void)
{
	struct sockaddr_in6 sa = kt_address(any, PORT);
	int bfd = rig_socket(RIG_B, SOCK_DGRAM, 0);
	int one = rig_socket(RIG_A, SOCK_DGRAM, 0);
	int two = rig_socket(RIG_A, SOCK_DGRAM, 0);
	struct ilv first, second;

	scenario("datagrams");
	(void)sys_bind(bfd, &sa, sizeof(sa));
	(void)sys_fcntl(bfd, F_SETFL, O_NONBLOCK);
	check(filled(POOL), "ready");
	check(connect_at(one, rig_ilv(RIG_B, 0), PORT) >= 0, "connected");
	first = datagram(one, bfd, true);
	check(first.nid == own(one).nid && first.nid != 0 && !is_ours(first),
	    "those of a connected socket are of an ephemeral NID");
	check(is_ours(datagram(two, bfd, false)),
	    "those of an unconnected one of the host's");
	check(connect_at(two, rig_ilv(RIG_B, 0), PORT) >= 0, "it is connected");
	second = datagram(two, bfd, true);
	check(!is_ours(second) && second.nid != first.nid,
	    "and has another one now");
	(void)sys_close(one);
	(void)sys_close(two);
	(void)sys_close(bfd);
}

static void
by_choice(int lfd)
{
	struct sockaddr_in6 sa = kt_address(rig_ilv(RIG_A, 1), 0);
	struct link_of c = { .near = rig_socket(RIG_A, SOCK_STREAM, 0) };
	int no = 0, alfd;

	scenario("programs that want to be known");
	check(sys_bind(c.near, &sa, sizeof(sa)) >= 0 &&
	    connect_at(c.near, rig_ilv(RIG_B, 0), PORT) >= 0 &&
	    own(c.near).l64 == RIG_L64(RIG_A, 1) && is_ours(own(c.near)),
	    "a bound socket keeps its address");
	(void)sys_close(c.near);
	(void)sys_close((int)sys_accept(lfd, NULL, NULL));
	c.near = rig_socket(RIG_A, SOCK_STREAM, 0);
	check(sys_setsockopt(c.near, IPPROTO_IPV6, IPV6_PREFER_TEMPADDR, &no,
	    sizeof(no)) >= 0 &&
	    connect_at(c.near, rig_ilv(RIG_B, 0), PORT) >= 0 &&
	    is_ours(own(c.near)), "so does one that prefers no temporary one");
	(void)sys_close(c.near);
	(void)sys_close((int)sys_accept(lfd, NULL, NULL));
	alfd = listen_at(RIG_A, PORT + 1);
	check(rig_teach(RIG_B) && call(&c, RIG_B, alfd, rig_ilv(RIG_A, 0),
	    PORT + 1) && is_ours(own(c.far)),
	    "who is called answers as who was called");
	hang_up(&c);
	(void)sys_close(alfd);
}

static void
plain_peer(void)
{
	struct ilv router = { RIG_L64(RIG_B, 0), 1 };
	int lfd = listen_at(RIG_R, PORT);
	struct link_of c;

	scenario("toward a host without ILNP");
	check(filled(POOL), "ready");
	check(call(&c, RIG_A, lfd, router, PORT) && is_one(c.is) &&
	    memcmp(&c.is, &c.seen, 16) == 0 && talk(&c),
	    "a connection has an ephemeral NID, too");
	check(!in_sessions(RIG_A, c.is.nid, 0), "and is plain IPv6");
	sleep_ms(4000);
	check(has(c.is) && talk(&c), "it stays while the connection does");
	hang_up(&c);
	check(vanishes(c.is, 2 * SOON), "and no longer");
	(void)sys_close(lfd);
	check(call(&c, RIG_A, lfd, router, PORT) == false,
	    "one that comes to nothing");
	(void)sys_close(c.near);
}

/* checklist: 112 */
static void
empty(void)
{
	uint64_t before = rig_counter(RIG_A, "eph_empty");
	int fd[200], n = 0;
	result r = 0;

	scenario("none is ready");
	while (n < 200 && r >= 0) {
		fd[n] = rig_socket(RIG_A, SOCK_DGRAM, 0);
		r = connect_at(fd[n++], rig_ilv(RIG_B, 0), PORT);
	}
	check(r == -EADDRNOTAVAIL, "connect says so, the %d. time", n);
	check(own(fd[n - 1]).nid == 0, "the socket has no address");
	check(rig_counter(RIG_A, "eph_empty") == before + 1, "it is counted");
	rig_set(RIG_A, "ephemeral_fallback", 1);
	/* They are made once a second. */
	for (int i = 0; i < 200; i++) {
		r = connect_at(fd[n - 1], rig_ilv(RIG_B, 0), PORT);
		if (r < 0 || is_ours(own(fd[n - 1])))
			break;
		(void)sys_close(fd[n - 1]);
		fd[n - 1] = rig_socket(RIG_A, SOCK_DGRAM, 0);
	}
	check(r >= 0 && is_ours(own(fd[n - 1])) &&
	    rig_counter(RIG_A, "eph_stable") > 0,
	    "with ephemeral_fallback it has the host's, which is counted");
	rig_set(RIG_A, "ephemeral_fallback", 0);
	for (int i = 0; i < n; i++)
		(void)sys_close(fd[i]);
	check(filled(POOL), "there are some again");
}

/* What users of A have done. */
static struct {
	int	got, other;	/* connections of two of them */
	result	last;		/* what the first was told in the end */
	struct ilv is;		/* where one connects from */
	int	step;
} *users;

static int
connected_socket(void)
{
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);

	users->last = connect_at(fd, rig_ilv(RIG_B, 0), PORT);
	return (fd);
}

/* A child that is this user; 0 in the child. */
static result
as_user(int uid)
{
	result pid = sys_fork();

	if (pid == 0 && sys_setuid(uid) < 0)
		sys_exit(1);
	return (pid);
}

static int
take_all(void *unused __unused)
{
	result pid = as_user(1001);

	if (pid == 0) {
		while (users->got < 200 && (connected_socket(),
		    users->last >= 0))
			users->got++;
		sys_exit(users->last == -EADDRNOTAVAIL ? 0 : 2);
	}
	if (sys_wait((int)pid) != 0)
		return (1);
	pid = as_user(1002);
	if (pid == 0) {
		result first = users->last;

		(void)connected_socket();
		users->other = users->last >= 0;
		users->last = first;
		sys_exit(0);
	}
	(void)sys_wait((int)pid);
	/* Root has what is left. */
	while (users->step < 200 && (connected_socket(), users->last >= 0))
		users->step++;
	return (users->last == -EADDRNOTAVAIL ? 0 : 3);
}

static void
shares(void)
{
	uint64_t share = rig_counter(RIG_A, "eph_share");
	uint64_t none = rig_counter(RIG_A, "eph_empty");
	int status;

	scenario("a user who takes all that he can get");
	check(filled(POOL), "some are ready");
	memset(users, 0, sizeof(*users));
	status = rig_run(RIG_A, take_all, NULL);
	check(status == 0 && users->got >= POOL / 2,
	    "he is refused one (%d), after %d", status, users->got);
	check(rig_counter(RIG_A, "eph_share") == share + 1,
	    "for he has had his share");
	check(users->other == 1, "another user gets one");
	check(rig_counter(RIG_A, "eph_empty") == none + 1,
	    "root is refused when there is none, after %d", users->step);
	check(filled(POOL), "there are some again");
}

static void
wait_for_step(int step)
{
	while (__atomic_load_n(&users->step, __ATOMIC_ACQUIRE) < step)
		sleep_ms(10);
}

static void
set_step(int step)
{
	__atomic_store_n(&users->step, step, __ATOMIC_RELEASE);
}

static int
share_address(void *unused __unused)
{
	struct sockaddr_in6 sa;
	result one, two;
	int fd;

	one = as_user(1001);
	if (one == 0) {
		users->is = own(connected_socket());
		set_step(1);
		wait_for_step(2);
		sys_exit(users->last < 0);
	}
	wait_for_step(1);
	two = as_user(1002);
	if (two == 0) {
		sa = kt_address(users->is, PORT + 2);
		fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
		users->last = sys_bind(fd, &sa, sizeof(sa));
		set_step(2);
		wait_for_step(3);
		sys_exit(users->last < 0);
	}
	return (sys_wait((int)one) != 0 || sys_wait((int)two) != 0);
}

static void
squatter(void)
{
	result pid;

	scenario("another user has a socket at the same address");
	check(filled(POOL), "some are ready");
	memset(users, 0, sizeof(*users));
	pid = rig_start(RIG_A, share_address, NULL);
	wait_for_step(2);
	check(vanishes(users->is, 2 * SOON),
	    "the NID goes with the last connection of who has it");
	set_step(3);
	check(rig_wait((int)pid, 10000) == 0, "both had the address");
}

static void
off(int lfd)
{
	struct link_of c, d;

	scenario("ILNP, or ephemeral NIDs, are switched off");
	check(call(&c, RIG_A, lfd, rig_ilv(RIG_B, 0), PORT) && is_one(c.is),
	    "a connection");
	rig_set(RIG_A, "ephemeral", 0);
	check(filled(0) && has(c.is) && talk(&c), "it goes on without others");
	check(call(&d, RIG_A, lfd, rig_ilv(RIG_B, 0), PORT) &&
	    is_ours(d.is) && is_ours(d.seen),
	    "further ones have the host's NID");
	rig_set(RIG_A, "ephemeral", POOL);
	check(filled(POOL), "on");
	rig_set(RIG_A, "enable", 0);
	check(!has(c.is) && number(TREE "ephemeral_ready") == 0,
	    "without ILNP there is none");
	hang_up(&c);
	hang_up(&d);
	rig_set(RIG_A, "enable", 1);
	check(filled(POOL), "and with it as many as before");
}

static int
jailed_connect(void *unused __unused)
{
	int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	struct ilv a;

	if (sys_setuid(1001) < 0 ||
	    connect_at(fd, (struct ilv){ FAR_C, FAR_P }, 5190) < 0)
		return (1);
	a = own(fd);
	return (a.l64 == GUEST_B && a.nid == GUEST ? 0 : 2);
}

static void
in_jail(void)
{
	struct packet k;
	int64_t end = now_ms() + 2 * SOON;
	uint32_t v = 0;
	size_t len = sizeof(v);
	int fd, status;

	scenario("a jail that has one address");
	(void)sysctl_set(TREE "teach",
	    "0211-22ff-fe00-0451 2001+0db8+000c+0001,10,600");
	set("ephemeral", 2);
	while (v != 2 && now_ms() < end) {
		(void)net_receive(&k, 50);
		(void)sysctl_get(TREE "ephemeral_ready", &v, &len);
	}
	check(v == 2, "the host has ephemeral NIDs");
	status = jail_run_with((struct ilv){ GUEST_B, GUEST }, jailed_connect,
	    NULL);
	check(status == 0, "it connects from its address (%d)", status);
	fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	check(connect_at(fd, (struct ilv){ FAR_C, FAR_P }, 5191) >= 0 &&
	    own(fd).nid != GUEST, "the host's own programs do not");
	(void)sys_close(fd);
}

/* lesson: 63 */
static void
somebody_elses(void)
{
	uint64_t before = counter("eph_dup");
	int64_t end = now_ms() + 2 * SOON;
	struct packet k;
	uint32_t v = 0;
	size_t len = sizeof(v);
	int fd;

	scenario("somebody else has the same ephemeral NIDs");
	set("ephemeral", 0);
	net_claims = true;
	set("ephemeral", 2);
	while (counter("eph_dup") < before + 3 && now_ms() < end)
		(void)net_receive(&k, 20);
	check(counter("eph_dup") >= before + 3, "they are given up");
	(void)sysctl_get(TREE "ephemeral_ready", &v, &len);
	fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
	check(v == 0 && connect_at(fd, (struct ilv){ FAR_C, FAR_P }, 5192) ==
	    -EADDRNOTAVAIL, "and none is used");
	net_claims = false;
	for (end = now_ms() + 2 * SOON; v != 2 && now_ms() < end;) {
		(void)net_receive(&k, 50);
		(void)sysctl_get(TREE "ephemeral_ready", &v, &len);
	}
	check(v == 2 && connect_at(fd, (struct ilv){ FAR_C, FAR_P }, 5193) >= 0
	    && own(fd).nid != GUEST, "others are made that nobody claims");
	(void)sys_close(fd);
	set("ephemeral", 0);
}

void
test_ephemeral(void)
{
	struct link_of c[2];
	uint32_t v;
	size_t len = sizeof(v);
	int lfd;

	in_jail();
	/* A debug kernel does not bear that new addresses are asked for. */
	if (sysctl_get("debug.witness.watch", &v, &len) < 0)
		somebody_elses();
	set("ephemeral", 0);
	job = shared_memory(sizeof(*job));
	users = shared_memory(sizeof(*users));
	scenario("hosts with ephemeral NIDs");
	if (!rig_up(2, 2, true) || !rig_teach(RIG_A)) {
		check(false, "two hosts and a router");
		(void)rig_down();
		return;
	}
	lfd = listen_at(RIG_B, PORT);
	each_its_own(c, lfd);
	moving(c);
	retired(c);
	datagrams();
	by_choice(lfd);
	plain_peer();
	empty();
	shares();
	squatter();
	off(lfd);
	rig_tell();
	(void)sys_close(lfd);
	check(rig_down(), "the hosts end");
}
