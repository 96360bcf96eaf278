/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Programs of all users come here, so each costs little: few places, one
 * request each, and whoever dawdles makes room for the next.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "asker.h"
#include "candidate.h"
#include "ilnp_addr.h"
#include "log.h"
#include "names.h"
#include "notation.h"

#define	SOCKET_NAME	"ilnpd.names"
#define	CLIENTS_MAX	32
#define	REQUEST_MAX	1024
#define	ANSWER_MAX	512
#define	LOOK_EVERY	ILNP_SEC(1)
#define	ASK_GAP		ILNP_SEC(5)	/* least time between two questions */
#define	BUSY_FOR	ILNP_SEC(60)	/* how long a session counts as in use */

struct names_client {
	struct names	*nc_names;
	struct loop_src	nc_src;
	int		nc_fd;		/* -1: free */
	uint64_t	nc_serial;
};

struct names {
	struct node	*na_node;
	struct candidates *na_cands;
	struct asker	*na_asker;
	struct loop_src	na_src;
	int		na_fd;		/* -1: another node has the address */
	uint64_t	na_serial;
	ilnp_time_t	na_looked;
	struct names_client na_client[CLIENTS_MAX];
};

static void
drop_client(struct names_client *nc)
{
	loop_del(nc->nc_names->na_node->n_loop, &nc->nc_src);
	(void)close(nc->nc_fd);
	nc->nc_fd = -1;
}

/* "L64,preference,seconds" */
static bool
read_record(char *word, struct ilnp_lurec *rec)
{
	char *save = NULL, *end;
	char *l64 = strtok_r(word, ",", &save);
	char *pref = strtok_r(NULL, ",", &save);
	char *life = strtok_r(NULL, ",", &save);
	unsigned long p, t;

	if (life == NULL || strtok_r(NULL, ",", &save) != NULL ||
	    !notation_l64(l64, &rec->lr_l64) ||
	    !ilnp_l64_usable(rec->lr_l64))
		return (false);
	p = strtoul(pref, &end, 10);
	if (*end != '\0' || *pref < '0' || *pref > '9' || p > UINT16_MAX)
		return (false);
	t = strtoul(life, &end, 10);
	if (*end != '\0' || *life < '0' || *life > '9' || t > UINT32_MAX)
		return (false);
	rec->lr_pref = (uint32_t)p;
	rec->lr_life = (uint32_t)t;
	return (true);
}

/* A name that a resolver may have found: it is asked again, and shown. */
static bool
is_name(const char *name)
{
	size_t len = strlen(name);

	return (len > 0 && len < CAND_NAME_MAX && strspn(name,
	    "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len);
}

static void
ask_again(struct names *na, struct candidate *c, ilnp_time_t now)
{
	if (na->na_asker == NULL ||
	    (c->c_asked != 0 && now - c->c_asked < ASK_GAP))
		return;
	c->c_asked = now;
	if (asker_ask(na->na_asker, c->c_uid, c->c_name)) {
		na->na_node->n_stats.node_names_asked++;
		log_debug("%s: asked again", c->c_name);
	}
}

/* True if a session has all these locators already, or none to send with. */
static bool
may_renew(const struct ilnp_locset *ls, const struct host *ho)
{
	bool all = true, any = false;

	for (u_int i = 0; i < ls->ls_n; i++)
		any = any || ilnp_loc_sendable(&ls->ls_loc[i]);
	for (u_int r = 0; r < ho->ho_n; r++) {
		bool found = false;

		for (u_int i = 0; i < ls->ls_n; i++)
			found = found || ilnp_l64_eq(ls->ls_loc[i].l_l64,
			    ho->ho_rec[r].lr_l64);
		all = all && found;
	}
	return (all || !any);
}

/*
 * Tells existing sessions what names know by now.  Unless the word comes from
 * the name server to us, it renews lifetimes and no more.
 */
static void
refresh_sessions(struct node *n, const struct host *ho, bool trusted,
    ilnp_time_t now)
{
	for (u_int l = 0; l < n->n_nnids; l++) {
		struct ilnp_nidpair nids = { n->n_nid[l], ho->ho_nid };
		struct ilnp_sess *s = ilnp_ilcc_find(n->n_ilcc, &nids);
		struct ilnp_sessinfo si;

		if (s == NULL)
			continue;
		ilnp_sess_info(s, &si);
		if (trusted || may_renew(&si.si_remote, ho))
			(void)ilnp_ilcc_open(n->n_ilcc, &nids, ho->ho_rec,
			    ho->ho_n, now, &s);
	}
}

static void
answer_find(struct names *na, char **save, char *answer)
{
	const char *name = strtok_r(NULL, " ", save);
	const struct host *ho;
	char nid[NOTATION_LEN];
	size_t at;

	if (name == NULL) {
		(void)strcpy(answer, "no name");
		return;
	}
	at = (size_t)snprintf(answer, ANSWER_MAX, "ok");
	for (u_int i = 0; (ho = hosts_at(na->na_node->n_hosts, i)) != NULL &&
	    at + NOTATION_LEN + 1 < ANSWER_MAX; i++)
		if (strcasecmp(ho->ho_name, name) == 0)
			at += (size_t)snprintf(answer + at, ANSWER_MAX - at,
			    " %s", notation_put_nid(nid, ho->ho_nid));
}

/*
 * The name of a NID, for getnameinfo(3): from the hosts file, or from what the
 * user himself or root has looked up.
 */
static void
answer_name(struct names *na, uid_t uid, char **save, char *answer)
{
	const char *text = strtok_r(NULL, " ", save), *name = "";
	const struct candidate *c;
	const struct host *ho;
	struct ilnp_nid nid;

	if (text == NULL || !notation_nid(text, &nid)) {
		(void)strcpy(answer, "no NID");
		return;
	}
	ho = hosts_find(na->na_node->n_hosts, nid);
	c = candidates_find(na->na_cands, nid);
	if (ho != NULL)
		name = ho->ho_name;
	else if (c != NULL && (c->c_uid == uid || c->c_uid == 0))
		name = c->c_name;
	(void)snprintf(answer, ANSWER_MAX, "ok%s%s", name[0] != '\0' ? " " :
	    "", name);
}

static const char *
teach(struct names *na, uid_t uid, char **save, ilnp_time_t now)
{
	const char *name = strtok_r(NULL, " ", save);
	const char *text = strtok_r(NULL, " ", save);
	struct ilnp_lurec rec[ILNP_LOCS_MAX];
	struct node *n = na->na_node;
	struct candidate *c;
	struct ilnp_nid nid;
	u_int count = 0;
	char *word;
	int error;

	if (text == NULL || !is_name(name) || !notation_nid(text, &nid) ||
	    !ilnp_nid_usable(nid))
		return ("no usable name or NID");
	while ((word = strtok_r(NULL, " ", save)) != NULL)
		if (count == ILNP_LOCS_MAX || !read_record(word,
		    &rec[count++]))
			return ("no usable locators");
	if (count == 0)
		return ("no locators");
	/* The administrator's word stands; to follow it is all right. */
	if (hosts_find(n->n_hosts, nid) != NULL)
		return (NULL);
	error = candidates_learn(na->na_cands, uid, name, nid, rec, count,
	    now);
	c = candidates_find(na->na_cands, nid);
	if (error == EAGAIN || error == EINPROGRESS)
		ask_again(na, c, now);
	if (error != 0 && error != EINPROGRESS) {
		n->n_stats.node_names_refused++;
		return (error == EAGAIN ? "others were told otherwise" :
		    "the NID belongs to another name");
	}
	n->n_stats.node_names_taught++;
	refresh_sessions(n, &c->c_host, false, now);
	return (NULL);
}

static void
serve_request(struct names *na, int fd, char *line)
{
	struct ucred uc = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(uc);
	char answer[ANSWER_MAX], *save = NULL;
	const char *word = strtok_r(line, " \n", &save), *why;

	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len);
	if (word != NULL && strcmp(word, "find") == 0)
		answer_find(na, &save, answer);
	else if (word != NULL && strcmp(word, "name") == 0)
		answer_name(na, uc.uid, &save, answer);
	else if (word != NULL && strcmp(word, "teach") == 0) {
		ilnp_env_epoch_begin();
		why = teach(na, uc.uid, &save, ilnp_env_now());
		ilnp_env_epoch_end();
		(void)snprintf(answer, sizeof(answer), "%s%s",
		    why == NULL ? "ok" : "no ", why == NULL ? "" : why);
	} else
		(void)strcpy(answer, "no such request; there are find, name, "
		    "teach");
	(void)send(fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Serves the one request of a connection.  Returns false if it is to come yet. */
static bool
serve(struct names *na, int fd)
{
	char line[REQUEST_MAX];
	ssize_t n = recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return (false);
	if (n > 0 && n < (ssize_t)sizeof(line)) {
		line[n] = '\0';
		serve_request(na, fd, line);
	}
	return (true);
}

static void
serve_client(void *arg, uint32_t events)
{
	struct names_client *nc = arg;

	(void)events;
	if (serve(nc->nc_names, nc->nc_fd))
		drop_client(nc);
}

/* A free place, or that of whoever has had his the longest. */
static struct names_client *
make_place(struct names *na)
{
	struct names_client *old = &na->na_client[0];

	for (u_int i = 0; i < CLIENTS_MAX; i++) {
		struct names_client *nc = &na->na_client[i];

		if (nc->nc_fd < 0)
			return (nc);
		if (nc->nc_serial < old->nc_serial)
			old = nc;
	}
	drop_client(old);
	return (old);
}

/* Not all at once: packets want their turn. */
static void
accept_client(void *arg, uint32_t events)
{
	struct names *na = arg;
	struct names_client *nc;
	int fd = accept4(na->na_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	/* Most have sent their request by now: each program waits for it. */
	if (serve(na, fd)) {
		(void)close(fd);
		return;
	}
	nc = make_place(na);
	nc->nc_names = na;
	nc->nc_fd = fd;
	nc->nc_serial = ++na->na_serial;
	if (loop_add(na->na_node->n_loop, &nc->nc_src, fd, EPOLLIN,
	    serve_client, nc) != 0)
		drop_client(nc);
}

static const struct ilnp_peer *
peer_of(const struct ilnp_found *f, struct ilnp_nid nid)
{
	for (u_int i = 0; i < f->f_npeers; i++)
		if (ilnp_nid_eq(f->f_peer[i].pe_nid, nid) &&
		    f->f_peer[i].pe_n > 0)
			return (&f->f_peer[i]);
	return (NULL);
}

/* What a name stands for now, in the words of its server. */
static void
take_answer(void *arg, const char *name, const struct ilnp_found *f)
{
	struct names *na = arg;
	ilnp_time_t now = ilnp_env_now();
	struct candidate *c;

	if (f == NULL)
		return;
	ilnp_env_epoch_begin();
	for (u_int i = 0; (c = candidates_at(na->na_cands, i)) != NULL;) {
		const struct ilnp_peer *pe;

		if (strcasecmp(c->c_name, name) != 0) {
			i++;
			continue;
		}
		pe = peer_of(f, c->c_host.ho_nid);
		if (pe == NULL && !c->c_pinned) {
			candidates_drop(na->na_cands, c);
			continue;
		}
		i++;
		if (pe == NULL)
			continue;
		candidates_verify(c, pe->pe_loc, pe->pe_n, now);
		if (c->c_pinned)
			refresh_sessions(na->na_node, &c->c_host, true, now);
		na->na_node->n_stats.node_names_renewed++;
	}
	ilnp_env_epoch_end();
}

static int
listen_on(struct names *na)
{
	int error = loop_listen(na->na_node->n_loop, &na->na_src, SOCKET_NAME,
	    accept_client, na, &na->na_fd);

	if (error != EADDRINUSE)
		return (error);
	log_warn("somebody in this network namespace serves names already; "
	    "programs are not helped to look them up");
	return (0);
}

int
names_open(struct node *n, struct names **nap)
{
	struct names *na = calloc(1, sizeof(*na));
	int error;

	if (na == NULL)
		return (ENOMEM);
	na->na_node = n;
	na->na_fd = na->na_src.ls_fd = -1;
	for (u_int i = 0; i < CLIENTS_MAX; i++)
		na->na_client[i].nc_fd = na->na_client[i].nc_src.ls_fd = -1;
	na->na_cands = candidates_alloc();
	error = na->na_cands == NULL ? ENOMEM : listen_on(na);
	if (error == 0)
		error = asker_open(n->n_loop, n->n_conf.c_user, take_answer,
		    na, &na->na_asker);
	if (error != 0) {
		log_error("names: %s", strerror(error));
		names_close(na);
		return (error);
	}
	*nap = na;
	return (0);
}

void
names_close(struct names *na)
{
	for (u_int i = 0; i < CLIENTS_MAX; i++)
		if (na->na_client[i].nc_fd >= 0)
			drop_client(&na->na_client[i]);
	loop_del(na->na_node->n_loop, &na->na_src);
	if (na->na_fd >= 0)
		(void)close(na->na_fd);
	if (na->na_asker != NULL)
		asker_close(na->na_asker);
	candidates_free(na->na_cands);
	free(na);
}

const struct host *
names_find(struct node *n, struct ilnp_nid nid, ilnp_time_t now)
{
	const struct host *ho = hosts_find(n->n_hosts, nid);
	const struct candidate *c;

	if (ho != NULL)
		return (ho);
	c = candidates_find(n->n_names->na_cands, nid);
	return (c != NULL && candidate_opens(c, now) ? &c->c_host : NULL);
}

bool
names_waits(struct node *n, struct ilnp_nid nid, ilnp_time_t now)
{
	struct candidate *c = candidates_find(n->n_names->na_cands, nid);

	if (c == NULL || candidate_opens(c, now))
		return (false);
	ask_again(n->n_names, c, now);
	return (true);
}

void
names_opened(struct node *n, struct ilnp_nid nid, ilnp_time_t now)
{
	struct candidate *c = candidates_find(n->n_names->na_cands, nid);

	if (c == NULL || hosts_find(n->n_hosts, nid) != NULL)
		return;
	c->c_pinned = true;
	c->c_busy = now;
	if (c->c_once)
		c->c_until = now;
}

void
names_lost(struct node *n, struct ilnp_nid nid, ilnp_time_t now)
{
	struct candidate *c = candidates_find(n->n_names->na_cands, nid);

	if (c != NULL && c->c_pinned)
		ask_again(n->n_names, c, now);
}

/* Looks at the sessions that a candidate has opened. */
static void
look_at(struct names *na, struct candidate *c, ilnp_time_t now)
{
	struct node *n = na->na_node;
	bool live = false, down = false;
	uint64_t txpkts = 0;

	for (u_int l = 0; l < n->n_nnids; l++) {
		struct ilnp_nidpair nids = { n->n_nid[l], c->c_host.ho_nid };
		struct ilnp_sess *s = ilnp_ilcc_find(n->n_ilcc, &nids);
		struct ilnp_sessinfo si;

		if (s == NULL)
			continue;
		live = true;
		ilnp_sess_info(s, &si);
		down = down || ilnp_sess_alldown(&si);
		txpkts += si.si_txpkts;
	}
	c->c_pinned = live;
	if (txpkts != c->c_txpkts)
		c->c_busy = now;
	c->c_txpkts = txpkts;
	if (live && now - c->c_busy < BUSY_FOR &&
	    (down || !candidate_opens(c, now)))
		ask_again(na, c, now);
}

void
names_tick(struct node *n, ilnp_time_t now)
{
	struct names *na = n->n_names;
	struct candidate *c;

	if (now - na->na_looked < LOOK_EVERY)
		return;
	na->na_looked = now;
	ilnp_env_epoch_begin();
	for (u_int i = 0; (c = candidates_at(na->na_cands, i)) != NULL; i++)
		if (c->c_pinned)
			look_at(na, c, now);
	candidates_age(na->na_cands, now);
	ilnp_env_epoch_end();
}

struct candidate *
names_candidate(const struct node *n, u_int i)
{
	return (candidates_at(n->n_names->na_cands, i));
}

struct candidate *
names_candidate_of(const struct node *n, struct ilnp_nid nid)
{
	return (candidates_find(n->n_names->na_cands, nid));
}
