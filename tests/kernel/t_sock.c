/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What a program can learn and choose by socket options, and what userland
 * hears by devctl(4).
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "../../sys/netinet6/ilnp/ilnp_sock.h"
#include "kt.h"

#define	TREE	"net.inet6.ilnp6."

static const struct ilv any = { 0, 0 };
static const struct ilv far_c = { FAR_C, FAR5 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv guest_b = { GUEST_B, GUEST };

static bool
same(const struct in6_addr *in6, struct ilv a)
{
	return (get64(&in6->s6_addr[0]) == a.l64 &&
	    get64(&in6->s6_addr[8]) == a.nid);
}

static result
choose(int fd, uint32_t kind, struct ilv local, struct ilv peer)
{
	struct ilnp_sochoice ch = { .sc_kind = kind,
	    .sc_local = kt_in6(local), .sc_peer = kt_in6(peer) };

	return (sys_setsockopt(fd, IPPROTO_IPV6, ILNP_SO_CHOICE, &ch,
	    sizeof(ch)));
}

/* By which taps `n' packets leave, as a mask; 0x80 if one was wrong. */
static unsigned int
taps_of(struct conn *c, int n)
{
	unsigned int taps = 0;

	for (int i = 0; i < n; i++) {
		struct packet k;

		if (!near_send(c, "tap?", &k) || !k.sumok ||
		    k.src.l64 != (k.tap == 0 ? GUEST_A : GUEST_B))
			return (0x80);
		taps |= 1U << k.tap;
	}
	return (taps);
}

static void
look(const struct conn *c)
{
	struct ilnp_soloc loc[2 * ILNP_LOCS_MAX];
	struct ilnp_sopath path[ILNP_PATHS_MAX];
	socklen_t len = sizeof(loc);
	unsigned int ours = 0, peers = 0, up = 0, n;

	check(sys_getsockopt(c->fd, IPPROTO_IPV6, ILNP_SO_LOCATORS, loc,
	    &len) >= 0, "locators can be asked for");
	n = len / sizeof(loc[0]);
	for (unsigned int i = 0; i < n; i++) {
		ours += loc[i].sl_ours == 1 && (same(&loc[i].sl_addr, guest_a) ||
		    same(&loc[i].sl_addr, guest_b));
		peers += loc[i].sl_ours == 0 && same(&loc[i].sl_addr, far_c);
	}
	check(n == 3 && ours == 2 && peers == 1, "two are ours, one the peer's");
	for (int64_t end = now_ms() + SOON; up != 2 && now_ms() < end;) {
		struct packet k;

		(void)net_receive(&k, 20);
		len = sizeof(path);
		if (sys_getsockopt(c->fd, IPPROTO_IPV6, ILNP_SO_PATHS, path,
		    &len) < 0 || len != 2 * sizeof(path[0]))
			break;
		up = 0;
		for (unsigned int i = 0; i < 2; i++)
			up += path[i].sp_state == ILNP_SP_UP &&
			    path[i].sp_rtt != 0 && same(&path[i].sp_peer, far_c);
	}
	check(up == 2, "so can paths: two, both up and measured");
	len = 2 * sizeof(loc[0]) - 1;
	check(sys_getsockopt(c->fd, IPPROTO_IPV6, ILNP_SO_LOCATORS, loc,
	    &len) >= 0 && len == 2 * sizeof(loc[0]) - 1,
	    "no more is written than there is room");
	len = 0;
	check(sys_getsockopt(c->fd, IPPROTO_IPV6, ILNP_SO_PATHS, path,
	    &len) >= 0 && len == 0, "nor where there is none");
}

static void
bad(int fd, int udp)
{
	struct ilnp_sochoice ch = { .sc_kind = ILNP_CHOICE_PIN,
	    .sc_local = kt_in6(guest_a) };
	struct ilv other = { GUEST_A, FAR9 }, nowhere = { FAR_E, 0 };
	socklen_t len = sizeof(ch);

	check(sys_getsockopt(udp, IPPROTO_IPV6, ILNP_SO_LOCAL, &ch, &len) ==
	    -ENOTCONN && sys_getsockopt(udp, IPPROTO_IPV6, ILNP_SO_PATHS, &ch,
	    &len) == -ENOTCONN, "a socket that is not connected has no paths");
	check(sys_setsockopt(fd, IPPROTO_IPV6, ILNP_SO_CHOICE, &ch,
	    sizeof(ch) - 1) == -EINVAL, "half a choice is refused");
	check(sys_setsockopt(fd, IPPROTO_IPV6, ILNP_SO_CHOICE, (void *)16,
	    sizeof(ch)) == -EFAULT, "and one from nowhere");
	check(choose(fd, 77, any, any) == -EINVAL &&
	    choose(fd, 256 + ILNP_CHOICE_PIN, guest_a, any) == -EINVAL,
	    "a kind that does not exist is refused");
	check(choose(fd, ILNP_CHOICE_PIN, any, any) == -EINVAL,
	    "a pin to nothing is refused");
	check(choose(fd, ILNP_CHOICE_PIN, other, any) == -EADDRNOTAVAIL &&
	    choose(fd, ILNP_CHOICE_PIN, nowhere, any) == -EADDRNOTAVAIL &&
	    choose(fd, ILNP_CHOICE_PIN, any, nowhere) == -EADDRNOTAVAIL,
	    "one to somebody else's address or a locator that is not there");
	check(sys_setsockopt(fd, IPPROTO_IPV6, ILNP_SO_PATHS, &ch,
	    sizeof(ch)) == -EOPNOTSUPP, "what is there to read is not set");
}

static void
pin(struct conn *c)
{
	struct ilnp_sochoice ch;
	socklen_t len = sizeof(ch);
	struct packet k;
	unsigned int taps = 0;

	check(taps_of(c, 8) == 3, "packets take turns");
	check(choose(c->fd, ILNP_CHOICE_PIN, guest_b, any) >= 0 &&
	    taps_of(c, 8) == 2, "pinned to B they leave from B");
	check(choose(c->fd, ILNP_CHOICE_STRICT, guest_a, far_c) >= 0 &&
	    taps_of(c, 8) == 1, "strictly from A, from A");
	check(sys_getsockopt(c->fd, IPPROTO_IPV6, ILNP_SO_CHOICE, &ch,
	    &len) >= 0 && ch.sc_kind == ILNP_CHOICE_STRICT &&
	    ch.sc_lost == 0 && same(&ch.sc_local, guest_a) &&
	    same(&ch.sc_peer, far_c), "the choice can be read");
	check(choose(c->fd, ILNP_CHOICE_REDUNDANT, any, any) >= 0,
	    "all paths at once can be asked for");
	(void)sys_write(c->fd, "copies", 6);
	while (taps != 3 && net_expect(&k, 6, SOON))
		if (k.bodylen == 6)
			taps |= 1U << k.tap;
	c->ack += 6;
	far_send(c, TH_ACK, "");
	check(taps == 3, "a segment then leaves by both");
	check(choose(c->fd, ILNP_CHOICE_ANY, any, any) >= 0 &&
	    taps_of(c, 8) == 3, "with no wish they take turns again");
}

static bool
mode_is(int fd, int option, int want)
{
	socklen_t len = sizeof(int);
	int have = -1;

	return (sys_getsockopt(fd, IPPROTO_IPV6, option, &have, &len) >= 0 &&
	    have == want);
}

static result
set_mode(int fd, int option, int to)
{
	return (sys_setsockopt(fd, IPPROTO_IPV6, option, &to, sizeof(to)));
}

static void
modes(struct conn *c)
{
	struct packet k;
	bool bare = false;

	check(set_mode(c->fd, ILNP_SO_CKSUM, ILNP_SUM_IPV6) >= 0 &&
	    near_send(c, "sum?", &k) && k.sumok && k.sum == SUM_IPV6,
	    "one socket may send checksums as in IPv6");
	check(set_mode(c->fd, ILNP_SO_NONCE, ILNP_NONCE_INITIAL) >= 0,
	    "and the nonce on the first packets only");
	for (int i = 0; i < 20 && !bare; i++)
		bare = near_send(c, "bare", &k) && k.noncelen == 0 && k.sumok;
	check(bare, "which then look like IPv6");
	check(choose(c->fd, ILNP_CHOICE_ANY, any, any) >= 0 &&
	    mode_is(c->fd, ILNP_SO_CKSUM, ILNP_SUM_IPV6) &&
	    mode_is(c->fd, ILNP_SO_NONCE, ILNP_NONCE_INITIAL),
	    "another choice of path leaves that");
	check(set_mode(c->fd, ILNP_SO_NONCE, 3) == -EINVAL &&
	    set_mode(c->fd, ILNP_SO_CKSUM, -1) == -EINVAL,
	    "modes that do not exist are refused");
	check(set_mode(c->fd, ILNP_SO_NONCE, 0) >= 0 &&
	    set_mode(c->fd, ILNP_SO_CKSUM, 0) >= 0 &&
	    near_send(c, "back", &k) && k.noncelen == 4 && k.sum == SUM_RFC,
	    "and back");
}

/* Reads what devctl has to say and looks for a line. */
static bool
heard(int fd, const char *part, int ms)
{
	static char line[1024];
	int64_t end = now_ms() + ms;
	struct packet k;
	result n;

	do {
		while ((n = sys_read(fd, line, sizeof(line) - 1)) > 0) {
			line[n] = '\0';
			if (contains(line, part))
				return (true);
		}
		(void)net_receive(&k, 20);
	} while (now_ms() < end);
	return (false);
}

static void
events(int fd)
{
	scenario("events");
	check(fd >= 0 && heard(fd, "!system=ILNP subsystem=LOCATOR type=ADD "
	    "locator=2001+0db8+000b+0001", SOON), "a locator has come");
	check(heard(fd, "subsystem=PATH type=UP local=0211-22ff-fe33-4455 "
	    "remote=0211-22ff-fe00-0005 from=2001+0db8+000", SOON),
	    "a path has come up");
	net_advertise(1, GUEST_B, 7200, 0);
	check(heard(fd, "!system=ILNP subsystem=LOCATOR type=DEL "
	    "locator=2001+0db8+000b+0001", SOON), "a locator has gone");
	net_advertise(1, GUEST_B, 3600, 1800);
	check(heard(fd, "type=ADD locator=2001+0db8+000b+0001", SOON),
	    "and is back");
	net_answer.on = false;
	check(heard(fd, "subsystem=PATH type=DOWN", 2 * SOON),
	    "a path has gone down");
	net_answer.on = true;
	(void)sys_close(fd);
}

/* hook: sockopt */
void
test_sock(void)
{
	int devctl = (int)sys_open("/dev/devctl", O_RDONLY | O_NONBLOCK);
	int udp = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0), lfd;
	struct conn c = { .far = far_c, .near = guest_a, .farport = 6950,
	    .nearport = 7600, .seq = 10, .nonce = { 2, 7, 2, 7 },
	    .noncelen = 4 };

	scenario("socket options");
	check(two_locators(), "there are two locators");
	lfd = listener(any, 7600);
	memcpy(net_answer.nonce, c.nonce, 12);
	net_answer.noncelen = c.noncelen;
	net_answer.on = true;
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	check(shows(TREE "sessions",
	    "2001+0db8+000b+0001 2001+0db8+000c+0001 up", SOON),
	    "by two paths");
	look(&c);
	bad(c.fd, udp);
	pin(&c);
	modes(&c);
	events(devctl);
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
	(void)sys_close(udp);
}
