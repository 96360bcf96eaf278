/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Serves programs of all users, so each gets little and nobody is waited for.
 * What one does reaches no flow but that of his own socket: a choice is kept
 * by ports and NIDs, and only as long as the kernel lists the very socket that
 * was handed over, in our network namespace, between them.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge.h"
#include "hosts.h"
#include "log.h"
#include "names.h"
#include "notation.h"
#include "show.h"
#include "sockapi.h"

#define	SOCKET_NAME	"ilnpd.sock"
#define	CLIENTS_MAX	128
#define	USER_MAX	32	/* of them, of one user; root has no limit */
#define	REQUEST_MAX	4096
#define	LOOK_EVERY	ILNP_SEC(1)
#define	COMMANDS	"status, prefer, pin, strict, redundant, any, " \
			"subscribe"

struct client {
	struct sockapi	*sc_api;
	struct loop_src	sc_src;
	int		sc_fd;		/* -1: free */
	uid_t		sc_uid;
	bool		sc_attached;	/* what is below counts */
	bool		sc_subscribed;
	ino_t		sc_inode;	/* of the socket handed over */
	struct flow_key	sc_key;
	struct ilnp_choice sc_choice;
};

struct sockapi {
	struct node	*sa_node;
	struct loop_src	sa_src;
	int		sa_fd;		/* -1: another node has the address */
	u_int		sa_attached;	/* clients with a socket */
	ilnp_time_t	sa_looked;
	struct client	sa_client[CLIENTS_MAX];
};

static void
drop_client(struct client *sc)
{
	struct sockapi *sa = sc->sc_api;

	loop_del(sa->sa_node->n_loop, &sc->sc_src);
	(void)close(sc->sc_fd);
	if (sc->sc_attached)
		sa->sa_attached--;
	memset(sc, 0, sizeof(*sc));
	sc->sc_api = sa;
	sc->sc_fd = sc->sc_src.ls_fd = -1;
}

/* Consumes o. */
static void
answer(struct client *sc, json_t *o)
{
	char *text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);

	if (text != NULL)
		(void)send(sc->sc_fd, text, strlen(text),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	free(text);
	json_decref(o);
}

static json_t *
refuse(const char *error, const char *allowed)
{
	return (json_pack("{s:b, s:s, s:s*}", "ok", 0, "error", error,
	    "allowed", allowed));
}

/* One line of /proc/net/tcp6 or udp6: is it that socket, between these? */
static bool
is_line_of(const char *line, const struct client *sc)
{
	unsigned int l[4], r[4], lport, rport;
	unsigned long inode;
	struct in6_addr local, remote;
	struct ilnp_ilv ilv;

	if (sscanf(line, " %*d: %8x%8x%8x%8x:%x %8x%8x%8x%8x:%x %*x %*x:%*x "
	    "%*x:%*x %*x %*u %*u %lu", &l[0], &l[1], &l[2], &l[3], &lport,
	    &r[0], &r[1], &r[2], &r[3], &rport, &inode) != 11 ||
	    inode != sc->sc_inode || lport != sc->sc_key.fk_lport ||
	    rport != sc->sc_key.fk_rport)
		return (false);
	memcpy(&local, l, sizeof(local));
	memcpy(&remote, r, sizeof(remote));
	ilv = notation_from_in6(&local);
	if (!ilnp_nid_eq(ilv.nid, sc->sc_key.fk_nids.local))
		return (false);
	ilv = notation_from_in6(&remote);
	return (ilnp_nid_eq(ilv.nid, sc->sc_key.fk_nids.remote));
}

/* True if the kernel still has the socket in our network namespace. */
static bool
is_alive(const struct client *sc)
{
	FILE *fp = fopen(sc->sc_key.fk_proto == IPPROTO_TCP ?
	    "/proc/self/net/tcp6" : "/proc/self/net/udp6", "re");
	bool found = false;
	char line[512];

	if (fp == NULL)
		return (false);
	while (!found && fgets(line, sizeof(line), fp) != NULL)
		found = is_line_of(line, sc);
	(void)fclose(fp);
	return (found);
}

/* The half of a flow's key that one of its addresses tells. */
static bool
read_end(int rc, const struct sockaddr_in6 *sin6, struct ilnp_nid *nid,
    uint16_t *port)
{
	struct ilnp_ilv ilv;

	if (rc != 0 || sin6->sin6_family != AF_INET6)
		return (false);
	ilv = notation_from_in6(&sin6->sin6_addr);
	*nid = ilv.nid;
	*port = ntohs(sin6->sin6_port);
	return (ilnp_l64_eq(ilv.l64, tun_identity()));
}

/* Takes the socket over; it stays the caller's to close. */
static const char *
attach(struct client *sc, int fd)
{
	struct sockaddr_in6 local = { 0 }, remote = { 0 };
	socklen_t len = sizeof(local), plen = sizeof(int);
	struct flow_key *fk = &sc->sc_key;
	struct node *n = sc->sc_api->sa_node;
	struct ilnp_view v = { 0 };
	struct stat st;
	int proto = 0;

	if (fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode) ||
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &proto, &plen) != 0 ||
	    (proto != IPPROTO_TCP && proto != IPPROTO_UDP))
		return ("not a TCP or UDP socket");
	if (!read_end(getsockname(fd, (struct sockaddr *)&local, &len),
	    &local, &v.v_src.nid, &v.v_sport))
		return ("not bound to an identity address of ours");
	len = sizeof(remote);
	if (!read_end(getpeername(fd, (struct sockaddr *)&remote, &len),
	    &remote, &v.v_dst.nid, &v.v_dport))
		return ("not connected to an identity address");
	v.v_proto = (uint8_t)proto;
	sc->sc_inode = st.st_ino;
	if (!flow_key(n->n_flows, fk, NULL, 0, &v, true) || !is_alive(sc))
		return ("not a socket of this network namespace");
	sc->sc_attached = true;
	sc->sc_api->sa_attached++;
	return (NULL);
}

/* The session of the socket, opened if names know its correspondent. */
static struct ilnp_sess *
session_of(struct client *sc, ilnp_time_t now)
{
	struct node *n = sc->sc_api->sa_node;
	const struct flow *fl = flows_find(n->n_flows, &sc->sc_key, now);
	const struct ilnp_nidpair *nids = &sc->sc_key.fk_nids;
	struct ilnp_sess *s = NULL;

	if (fl != NULL && fl->fl_token != 0)
		s = ilnp_ilcc_bytoken(n->n_ilcc, nids, fl->fl_token);
	if (s == NULL)
		s = ilnp_ilcc_find(n->n_ilcc, nids);
	if (s == NULL)
		return (names_session(n, nids, now));
	return (names_better(n, s, nids, now));
}

static const char *const kinds[] = {
	[ILNP_CHOICE_ANY] = "any",
	[ILNP_CHOICE_PREFER] = "prefer",
	[ILNP_CHOICE_PIN] = "pin",
	[ILNP_CHOICE_STRICT] = "strict",
	[ILNP_CHOICE_REDUNDANT] = "redundant",
};
#define	NKINDS	(sizeof(kinds) / sizeof(kinds[0]))

static json_t *
show_choice(const struct ilnp_choice *ch)
{
	char local[NOTATION_LEN], remote[NOTATION_LEN];

	return (json_pack("{s:s, s:b, s:s*, s:s*}", "kind",
	    kinds[ch->ch_kind], "lost", (int)ch->ch_lost,
	    "local_l64", ch->ch_pair.local.l64 == 0 ? NULL :
	    notation_put_l64(local, ch->ch_pair.local),
	    "remote_l64", ch->ch_pair.remote.l64 == 0 ? NULL :
	    notation_put_l64(remote, ch->ch_pair.remote)));
}

/* Leaves in each object what concerns the socket alone. */
static json_t *
without_totals(json_t *list)
{
	static const char *const totals[] = {
		"tx_packets", "tx_bytes", "rx_packets", "rx_bytes", "session"
	};
	json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
		for (u_int t = 0; t < sizeof(totals) / sizeof(totals[0]); t++)
			(void)json_object_del(o, totals[t]);
	return (list);
}

/* Another flow of the session may be somebody else's: no totals. */
static json_t *
show_status_of(struct client *sc, ilnp_time_t now)
{
	struct node *n = sc->sc_api->sa_node;
	struct ilnp_sess *s = session_of(sc, now);
	struct ilnp_sessinfo si;
	json_t *whole, *o;
	u_int cursor = 0;
	bool found = false;

	if (s == NULL)
		return (refuse("the correspondent is unknown",
		    "one that the hosts file or a look-up has told of"));
	while (!found && ilnp_ilcc_list(n->n_ilcc, &cursor, &si))
		found = ilnp_ilcc_byid(n->n_ilcc, si.si_id) == s;
	if (!found)
		return (refuse("the session has just ended", "another try"));
	whole = show_session(&si, n);
	o = json_pack("{s:b, s:O, s:O, s:O, s:O, s:O, s:o, s:o, s:o}",
	    "ok", 1,
	    "local_nid", json_object_get(whole, "local_nid"),
	    "remote_nid", json_object_get(whole, "remote_nid"),
	    "state", json_object_get(whole, "state"),
	    "algorithm", json_object_get(whole, "algorithm"),
	    "remote", json_object_get(whole, "locators"),
	    "local", show_locators(n),
	    "paths", without_totals(show_paths(&si)),
	    "choice", show_choice(&sc->sc_choice));
	json_decref(whole);
	return (o);
}

/* A locator of a request; absent is none. */
static bool
read_l64(const json_t *req, const char *key, struct ilnp_l64 *l64)
{
	const json_t *value = json_object_get(req, key);

	l64->l64 = 0;
	return (value == NULL || json_is_null(value) ||
	    (json_is_string(value) &&
	    notation_l64(json_string_value(value), l64)));
}

static json_t *
choose(struct client *sc, const json_t *req, uint8_t kind, ilnp_time_t now)
{
	struct ilnp_choice want = { .ch_kind = kind };
	struct ilnp_sess *s = session_of(sc, now);
	int error;

	if (!read_l64(req, "local", &want.ch_pair.local) ||
	    !read_l64(req, "remote", &want.ch_pair.remote))
		return (refuse("bad locator",
		    "four groups of hexadecimal digits, as 2001+db8+1+1"));
	if (s == NULL)
		return (refuse("the correspondent is unknown",
		    "one that the hosts file or a look-up has told of"));
	error = ilnp_sess_choose(sc->sc_api->sa_node->n_ilcc, s,
	    &sc->sc_choice, &want);
	if (error == EADDRNOTAVAIL)
		return (refuse("no path fits these locators",
		    "those that \"paths\" of \"status\" lists"));
	if (error == EINVAL)
		return (refuse("no locator named", "\"local\", \"remote\" or "
		    "both"));
	if (error != 0)
		return (refuse(strerror(error), NULL));
	return (json_pack("{s:b, s:o}", "ok", 1, "choice",
	    show_choice(&sc->sc_choice)));
}

static json_t *
serve_request(struct client *sc, const char *text, size_t len, ilnp_time_t now)
{
	json_t *req = json_loadb(text, len, 0, NULL), *o = NULL;
	const char *cmd = json_string_value(json_object_get(req, "cmd"));

	if (cmd == NULL)
		o = refuse("no \"cmd\"", COMMANDS);
	else if (strcmp(cmd, "status") == 0)
		o = show_status_of(sc, now);
	else if (strcmp(cmd, "subscribe") == 0) {
		sc->sc_subscribed = true;
		o = json_pack("{s:b}", "ok", 1);
	}
	for (uint8_t k = 0; o == NULL && k < NKINDS; k++)
		if (strcmp(cmd, kinds[k]) == 0)
			o = choose(sc, req, k, now);
	if (o == NULL)
		o = refuse("no such command", COMMANDS);
	json_decref(req);
	return (o);
}

/* Closes all that a message brought but the first socket, which is returned. */
static int
first_fd(struct msghdr *mh)
{
	int first = -1;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm != NULL;
	    cm = CMSG_NXTHDR(mh, cm)) {
		size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cm->cmsg_level != SOL_SOCKET ||
		    cm->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(fd),
			    sizeof(fd));
			if (first < 0)
				first = fd;
			else
				(void)close(fd);
		}
	}
	return (first);
}

static void
serve_client(void *arg, uint32_t events)
{
	struct client *sc = arg;
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(4 * sizeof(int))];
	} control;
	char text[REQUEST_MAX];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = control.buf, .msg_controllen = sizeof(control) };
	const char *why = NULL;
	ssize_t n;
	int fd;

	(void)events;
	n = recvmsg(sc->sc_fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop_client(sc);
		return;
	}
	fd = first_fd(&mh);
	if (!sc->sc_attached)
		why = fd < 0 ? "no socket handed over" : attach(sc, fd);
	if (fd >= 0)
		(void)close(fd);
	if (why != NULL || (mh.msg_flags & MSG_TRUNC) != 0) {
		answer(sc, refuse(why != NULL ? why : "message too long",
		    "a connected TCP or UDP socket with the first message"));
		drop_client(sc);
		return;
	}
	ilnp_env_epoch_begin();
	answer(sc, serve_request(sc, text, (size_t)n, ilnp_env_now()));
	ilnp_env_epoch_end();
}

static struct client *
make_place(struct sockapi *sa, uid_t uid)
{
	struct client *free_one = NULL;
	u_int same = 0;

	for (u_int i = 0; i < CLIENTS_MAX; i++) {
		struct client *sc = &sa->sa_client[i];

		if (sc->sc_fd < 0)
			free_one = sc;
		else if (sc->sc_uid == uid)
			same++;
	}
	return (uid != 0 && same >= USER_MAX ? NULL : free_one);
}

/* Whoever has too many, or finds no place, is turned away at once. */
static void
accept_client(void *arg, uint32_t events)
{
	struct sockapi *sa = arg;
	int fd = accept4(sa->sa_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ucred uc = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(uc);
	struct client *sc;

	(void)events;
	if (fd < 0)
		return;
	sc = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) != 0 ? NULL :
	    make_place(sa, uc.uid);
	if (sc == NULL) {
		(void)close(fd);
		return;
	}
	sc->sc_fd = fd;
	sc->sc_uid = uc.uid;
	if (loop_add(sa->sa_node->n_loop, &sc->sc_src, fd, EPOLLIN,
	    serve_client, sc) != 0)
		drop_client(sc);
}

int
sockapi_open(struct node *n, struct sockapi **sap)
{
	struct sockapi *sa = calloc(1, sizeof(*sa));
	int error;

	if (sa == NULL)
		return (ENOMEM);
	sa->sa_node = n;
	sa->sa_fd = sa->sa_src.ls_fd = -1;
	for (u_int i = 0; i < CLIENTS_MAX; i++) {
		sa->sa_client[i].sc_api = sa;
		sa->sa_client[i].sc_fd = sa->sa_client[i].sc_src.ls_fd = -1;
	}
	error = loop_listen(n->n_loop, &sa->sa_src, SOCKET_NAME, accept_client,
	    sa, &sa->sa_fd);
	if (error == EADDRINUSE)
		log_warn("locator API: another node serves this network "
		    "namespace");
	else if (error != 0) {
		log_error("locator API: %s", strerror(error));
		sockapi_close(sa);
		return (error);
	}
	*sap = sa;
	return (0);
}

void
sockapi_close(struct sockapi *sa)
{
	for (u_int i = 0; i < CLIENTS_MAX; i++)
		if (sa->sa_client[i].sc_fd >= 0)
			drop_client(&sa->sa_client[i]);
	if (sa->sa_fd >= 0) {
		loop_del(sa->sa_node->n_loop, &sa->sa_src);
		(void)close(sa->sa_fd);
	}
	free(sa);
}

struct ilnp_choice *
sockapi_choice(struct node *n, const struct flow_key *fk)
{
	struct sockapi *sa = n->n_sockapi;

	if (sa == NULL || sa->sa_attached == 0)
		return (NULL);
	for (u_int i = 0; i < CLIENTS_MAX; i++) {
		struct client *sc = &sa->sa_client[i];

		if (sc->sc_attached && sc->sc_key.fk_hash == fk->fk_hash &&
		    sc->sc_key.fk_proto == fk->fk_proto &&
		    sc->sc_key.fk_lport == fk->fk_lport &&
		    sc->sc_key.fk_rport == fk->fk_rport &&
		    ilnp_nidpair_eq(&sc->sc_key.fk_nids, &fk->fk_nids))
			return (&sc->sc_choice);
	}
	return (NULL);
}

bool
sockapi_has_clients(const struct node *n)
{
	return (n->n_sockapi != NULL && n->n_sockapi->sa_attached > 0);
}

void
sockapi_event(struct node *n, const struct ilnp_nidpair *nids, json_t *o)
{
	struct sockapi *sa = n->n_sockapi;

	if (sa == NULL || sa->sa_attached == 0)
		return;
	for (u_int i = 0; i < CLIENTS_MAX; i++) {
		struct client *sc = &sa->sa_client[i];

		if (sc->sc_attached && sc->sc_subscribed &&
		    ilnp_nidpair_eq(&sc->sc_key.fk_nids, nids))
			answer(sc, json_incref(o));
	}
}

void
sockapi_tick(struct node *n, ilnp_time_t now)
{
	struct sockapi *sa = n->n_sockapi;

	if (sa == NULL || sa->sa_attached == 0 ||
	    now - sa->sa_looked < LOOK_EVERY)
		return;
	sa->sa_looked = now;
	for (u_int i = 0; i < CLIENTS_MAX; i++) {
		struct client *sc = &sa->sa_client[i];

		if (sc->sc_attached && !is_alive(sc))
			drop_client(sc);
	}
}
