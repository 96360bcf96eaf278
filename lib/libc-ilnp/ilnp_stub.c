/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Sends questions and gathers answers.  An answer counts if it comes from the
 * server to the random port that we asked from, with our random number, our
 * question, and the mixture of upper and lower case in it.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/nameser.h>

#include <fcntl.h>
#include <poll.h>
#include <resolv.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/random.h>
#endif

#include "ilnp_stub.h"

#define	UDP_BUF		4096
#define	FRAME_LEN	2	/* length before a message on TCP */

/* One server, being asked. */
struct talk {
	const struct ilnp_stub *t_stub;
	struct sockaddr_storage t_server;
	struct ilnp_ask	*t_ask;
	u_int		t_n;
	int		t_udp;		/* -1: none */
	int		t_tcp;		/* -1: none */
	bool		t_connected;
	size_t		t_got;		/* octets in t_buf */
	uint8_t		*t_buf;		/* frames from TCP */
	int64_t		t_deadline;	/* ms */
	int64_t		t_alone;	/* ms since when only extra ones are open */
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static bool
draw_random(void *p, size_t len)
{
#ifdef __linux__
	return (getrandom(p, len, 0) == (ssize_t)len);
#else
	arc4random_buf(p, len);
	return (true);
#endif
}

/* A number, and upper case for about half of the letters. */
static bool
randomise(struct ilnp_question *q)
{
	struct {
		uint16_t	id;
		uint8_t		bits[sizeof(q->q_name.n_b) / 8 + 1];
	} drawn;

	if (!draw_random(&drawn, sizeof(drawn)))
		return (false);
	q->q_id = drawn.id;
	for (size_t i = 0; i < q->q_name.n_len; i++) {
		uint8_t *c = &q->q_name.n_b[i];

		if (*c >= 'A' && *c <= 'Z')
			*c = (uint8_t)(*c + 'a' - 'A');
		if (*c >= 'a' && *c <= 'z' &&
		    (drawn.bits[i / 8] >> i % 8 & 1) != 0)
			*c = (uint8_t)(*c - 'a' + 'A');
	}
	return (true);
}

static socklen_t
sockaddr_len(const struct sockaddr_storage *ss)
{
	return (ss->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
	    sizeof(struct sockaddr_in));
}

/* A socket that is on its way to the server, or -1. */
static int
open_socket(const struct sockaddr_storage *server, int type)
{
	int fd = socket(server->ss_family,
	    type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)server,
	    sockaddr_len(server)) != 0 && errno != EINPROGRESS) {
		(void)close(fd);
		fd = -1;
	}
	return (fd);
}

static bool
is_open(const struct ilnp_ask *ak)
{
	return (ak->ak_verdict == ILNP_DNS_NONE && !ak->ak_failed);
}

static bool
send_udp(struct talk *t, const struct ilnp_ask *ak)
{
	uint8_t q[ILNP_DNS_QUERY_MAX];
	size_t len = ilnp_dns_query(q, sizeof(q), &ak->ak_q, !ak->ak_noedns);

	return (send(t->t_udp, q, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static void
close_tcp(struct talk *t)
{
	if (t->t_tcp >= 0)
		(void)close(t->t_tcp);
	t->t_tcp = -1;
	for (u_int i = 0; i < t->t_n; i++)
		if (t->t_ask[i].ak_tcp && is_open(&t->t_ask[i]))
			t->t_ask[i].ak_failed = true;
}

/* Questions over TCP are so short that a new connection takes them whole. */
static void
send_tcp(struct talk *t)
{
	uint8_t q[FRAME_LEN + ILNP_DNS_QUERY_MAX];

	for (u_int i = 0; i < t->t_n; i++) {
		struct ilnp_ask *ak = &t->t_ask[i];
		size_t len;

		if (!ak->ak_tcp || ak->ak_sent || !is_open(ak))
			continue;
		len = ilnp_dns_query(q + FRAME_LEN, ILNP_DNS_QUERY_MAX,
		    &ak->ak_q, !ak->ak_noedns);
		q[0] = (uint8_t)(len >> 8);
		q[1] = (uint8_t)len;
		if (send(t->t_tcp, q, FRAME_LEN + len, MSG_NOSIGNAL) !=
		    (ssize_t)(FRAME_LEN + len)) {
			close_tcp(t);
			return;
		}
		ak->ak_sent = true;
	}
}

static void
want_tcp(struct talk *t, struct ilnp_ask *ak)
{
	ak->ak_tcp = true;
	ak->ak_sent = false;
	if (t->t_buf == NULL)
		t->t_buf = malloc(FRAME_LEN + ILNP_DNS_MSG_MAX);
	if (t->t_tcp < 0 && t->t_buf != NULL) {
		t->t_tcp = open_socket(&t->t_server, SOCK_STREAM);
		t->t_connected = false;
		t->t_got = 0;
	}
	if (t->t_tcp < 0 || t->t_buf == NULL)
		ak->ak_failed = true;
	else if (t->t_connected)
		send_tcp(t);
}

static void
keep_answer(struct ilnp_ask *ak, const uint8_t *msg, size_t len)
{
	ak->ak_msg = malloc(len);
	if (ak->ak_msg == NULL) {
		ak->ak_failed = true;
		return;
	}
	memcpy(ak->ak_msg, msg, len);
	ak->ak_len = len;
	ak->ak_verdict = ILNP_DNS_ANSWER;
}

/* Nobody waits for answers to extra questions any more. */
static void
spare_extra(struct talk *t)
{
	for (u_int i = 0; i < t->t_n; i++)
		if (t->t_ask[i].ak_extra && is_open(&t->t_ask[i]))
			t->t_ask[i].ak_verdict = ILNP_DNS_NONAME;
}

/* Sees what a message answers, if anything. */
static void
take_message(struct talk *t, const uint8_t *msg, size_t len, bool tcp)
{
	enum ilnp_dns_verdict v = ILNP_DNS_ALIEN;
	struct ilnp_ask *ak = NULL;

	for (u_int i = 0; i < t->t_n && v == ILNP_DNS_ALIEN; i++) {
		ak = &t->t_ask[i];
		if (is_open(ak) && ak->ak_tcp == tcp)
			v = ilnp_dns_check(msg, len, &ak->ak_q, tcp);
	}
	switch (v) {
	case ILNP_DNS_ALIEN:
	case ILNP_DNS_NONE:
		return;
	case ILNP_DNS_ANSWER:
		keep_answer(ak, msg, len);
		if (ak->ak_key && !ilnp_dns_holds(msg, len, &ak->ak_q))
			spare_extra(t);
		return;
	case ILNP_DNS_NONAME:
		/*
		 * True for all types (RFC 8020), but some servers say so of
		 * those they do not know (RFC 4074 s4.2): only what is extra
		 * is spared the wait.
		 */
		ak->ak_verdict = v;
		if (!ak->ak_extra || ak->ak_key)
			spare_extra(t);
		return;
	case ILNP_DNS_TRUNCATED:
		want_tcp(t, ak);
		return;
	case ILNP_DNS_OLD:
		if (!ak->ak_noedns) {
			ak->ak_noedns = true;
			if (tcp)
				want_tcp(t, ak);
			else
				ak->ak_failed = !send_udp(t, ak);
			return;
		}
		break;
	default:
		break;
	}
	/* The next server may know better, but not about what is extra. */
	ak->ak_why = v;
	if (!ak->ak_extra) {
		ak->ak_failed = true;
		return;
	}
	ak->ak_verdict = v;
	if (ak->ak_key)
		spare_extra(t);
}

static bool
any_open(const struct talk *t)
{
	for (u_int i = 0; i < t->t_n; i++)
		if (is_open(&t->t_ask[i]))
			return (true);
	return (false);
}

static void
read_udp(struct talk *t)
{
	uint8_t buf[UDP_BUF];
	ssize_t n = 0;

	while (any_open(t) &&
	    (n = recv(t->t_udp, buf, sizeof(buf), MSG_DONTWAIT)) >= 0)
		take_message(t, buf, (size_t)n, false);
	/* Nobody listens there; those on TCP may go on. */
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		for (u_int i = 0; i < t->t_n; i++)
			if (!t->t_ask[i].ak_tcp && is_open(&t->t_ask[i]))
				t->t_ask[i].ak_failed = true;
}

static void
read_tcp(struct talk *t)
{
	ssize_t n = recv(t->t_tcp, t->t_buf + t->t_got,
	    FRAME_LEN + ILNP_DNS_MSG_MAX - t->t_got, MSG_DONTWAIT);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			close_tcp(t);
		return;
	}
	t->t_got += (size_t)n;
	for (;;) {
		struct ilnp_rd r = ilnp_rd(t->t_buf, t->t_got);
		size_t len = ilnp_rd_u16(&r);
		const uint8_t *msg = ilnp_rd_take(&r, len);

		if (msg == NULL)
			return;
		take_message(t, msg, len, true);
		memmove(t->t_buf, msg + len, r.r_left);
		t->t_got = r.r_left;
	}
}

/* For how many ms there is something to wait for; 0 or less: there is not. */
static int64_t
patience(struct talk *t)
{
	bool any = false, needed = false, tcp = false;
	int64_t now = now_ms(), end;

	for (u_int i = 0; i < t->t_n; i++)
		if (is_open(&t->t_ask[i])) {
			any = true;
			needed = needed || !t->t_ask[i].ak_extra;
			tcp = tcp || t->t_ask[i].ak_tcp;
		}
	if (!any)
		return (0);
	if (needed)
		return (t->t_deadline - now);
	if (t->t_alone == 0)
		t->t_alone = now;
	end = t->t_alone + (tcp ? ILNP_STUB_GRACE_TCP : ILNP_STUB_GRACE);
	return ((end < t->t_deadline ? end : t->t_deadline) - now);
}

static void
converse(struct talk *t)
{
	int64_t left;

	while ((left = patience(t)) > 0) {
		struct pollfd pf[2] = {
			{ .fd = t->t_udp, .events = POLLIN },
			{ .fd = t->t_tcp, .events = t->t_connected ? POLLIN :
			    POLLIN | POLLOUT },
		};

		if (poll(pf, 2, (int)left) < 0 && errno != EINTR)
			return;
		if (pf[0].revents != 0)
			read_udp(t);
		if (pf[1].revents != 0 && t->t_tcp == pf[1].fd) {
			if (!t->t_connected) {
				t->t_connected = true;
				send_tcp(t);
			} else
				read_tcp(t);
		}
	}
}

/* Returns false if the server cannot even be sent to. */
static bool
ask_server(const struct ilnp_stub *st, const struct sockaddr_storage *server,
    struct ilnp_ask *ask, u_int n, u_int seconds)
{
	struct talk t = { .t_stub = st, .t_server = *server, .t_ask = ask,
	    .t_n = n, .t_tcp = -1,
	    .t_deadline = now_ms() + (int64_t)seconds * 1000 };

	t.t_udp = open_socket(server, SOCK_DGRAM);
	if (t.t_udp < 0)
		return (false);
	for (u_int i = 0; i < n; i++) {
		struct ilnp_ask *ak = &ask[i];

		ak->ak_failed = ak->ak_tcp = false;
		if (!is_open(ak))
			continue;
		if (!randomise(&ak->ak_q))
			ak->ak_failed = true;
		else if (st->st_usevc)
			want_tcp(&t, ak);
		else if (!send_udp(&t, ak))
			ak->ak_failed = true;
	}
	converse(&t);
	(void)close(t.t_udp);
	if (t.t_tcp >= 0)
		(void)close(t.t_tcp);
	free(t.t_buf);
	return (true);
}

static bool
is_done(const struct ilnp_ask *ask, u_int n)
{
	for (u_int i = 0; i < n; i++)
		if (!ask[i].ak_extra && ask[i].ak_verdict == ILNP_DNS_NONE)
			return (false);
	return (true);
}

void
ilnp_stub_round(const struct ilnp_stub *st, struct ilnp_ask *ask, u_int n,
    bool *unreach)
{
	static u_int turn;
	u_int first = 0;

	*unreach = true;
	if (st->st_rotate && st->st_nservers > 0)
		first = __atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED);
	for (u_int try = 0; try < st->st_attempts; try++) {
		u_int seconds = st->st_timeout << try;

		/* As the system's own resolver shares the time. */
		if (try > 0 && st->st_nservers > 0)
			seconds /= st->st_nservers;
		for (u_int i = 0; i < st->st_nservers; i++) {
			if (ask_server(st, &st->st_server[(first + i) %
			    st->st_nservers], ask, n,
			    seconds == 0 ? 1 : seconds))
				*unreach = false;
			if (is_done(ask, n))
				return;
		}
	}
}

void
ilnp_stub_free(struct ilnp_ask *ask, u_int n)
{
	for (u_int i = 0; i < n; i++) {
		free(ask[i].ak_msg);
		ask[i].ak_msg = NULL;
	}
}

#ifdef __linux__
/* Where an IPv4 address is missing an IPv6 one is kept elsewhere. */
static u_int
get_servers(res_state rs, struct sockaddr_storage *out, u_int max)
{
	u_int n = 0;

	for (int i = 0; i < rs->nscount && n < max; i++) {
		if (rs->nsaddr_list[i].sin_family == AF_INET)
			memcpy(&out[n++], &rs->nsaddr_list[i],
			    sizeof(struct sockaddr_in));
		else if (rs->_u._ext.nsaddrs[i] != NULL)
			memcpy(&out[n++], rs->_u._ext.nsaddrs[i],
			    sizeof(struct sockaddr_in6));
	}
	return (n);
}
#define	close_resolver(rs)	res_nclose(rs)
#else
static u_int
get_servers(res_state rs, struct sockaddr_storage *out, u_int max)
{
	union res_sockaddr_union set[ILNP_SERVERS_MAX];
	int found = res_getservers(rs, set, ILNP_SERVERS_MAX);
	u_int n = 0;

	for (int i = 0; i < found && n < max; i++) {
		if (set[i].sin.sin_family == AF_INET6)
			memcpy(&out[n++], &set[i].sin6, sizeof(set[i].sin6));
		else if (set[i].sin.sin_family == AF_INET)
			memcpy(&out[n++], &set[i].sin, sizeof(set[i].sin));
	}
	return (n);
}
#define	close_resolver(rs)	res_ndestroy(rs)
#endif

int
ilnp_stub_conf(struct ilnp_stub *st)
{
	struct __res_state rs;

	memset(&rs, 0, sizeof(rs));
	memset(st, 0, sizeof(*st));
	if (res_ninit(&rs) != 0)
		return (errno == 0 ? EIO : errno);
	st->st_nservers = get_servers(&rs, st->st_server, ILNP_SERVERS_MAX);
	st->st_timeout = (u_int)(rs.retrans > 0 ? rs.retrans : RES_TIMEOUT);
	st->st_attempts = (u_int)(rs.retry > 0 ? rs.retry : RES_DFLRETRY);
	st->st_ndots = rs.ndots;
	st->st_usevc = (rs.options & RES_USEVC) != 0;
	st->st_rotate = (rs.options & RES_ROTATE) != 0;
	st->st_defnames = (rs.options & RES_DEFNAMES) != 0;
	st->st_dnsrch = (rs.options & RES_DNSRCH) != 0;
#ifdef RES_NOAAAA
	st->st_noaaaa = (rs.options & RES_NOAAAA) != 0;
#endif
	for (u_int i = 0; i < ILNP_SEARCH_MAX && i < MAXDNSRCH &&
	    rs.dnsrch[i] != NULL; i++)
		if (strlen(rs.dnsrch[i]) < ILNP_DNS_TEXT_MAX)
			(void)strcpy(st->st_search[st->st_nsearch++],
			    rs.dnsrch[i]);
	close_resolver(&rs);
	return (0);
}
