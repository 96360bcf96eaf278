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
#include "ilnp_addr.h"
#include "ilnp_cand.h"
#include "log.h"
#include "names.h"
#include "notation.h"

#define	SOCKET_NAME	"ilnpd.names"
#define	CLIENTS_MAX	32
#define	REQUEST_MAX	1024
#define	ANSWER_MAX	512
#define	LOOK_EVERY	ILNP_MS(250)
#define	PLACE_WAIT	ILNP_MS(900)	/* before TCP says it once more */
#define	CANDS_MAX	1024	/* candidates in all */
#define	CANDS_UID_MAX	64	/* of one user */

struct names_client {
	struct names	*nc_names;
	struct loop_src	nc_src;
	int		nc_fd;		/* -1: free */
	uint64_t	nc_serial;
};

struct names {
	struct node	*na_node;
	struct ilnp_cands *na_cands;
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

static void
ask(struct names *na, const struct ilnp_cand *ca)
{
	if (na->na_asker != NULL &&
	    asker_ask(na->na_asker, (uid_t)ca->ca_owner, ca->ca_name)) {
		na->na_node->n_stats.node_names_asked++;
		log_debug("%s: asked again", ca->ca_name);
	}
}

/* Asks a NID's name; if not `must', only if others were told otherwise. */
static void
ask_again(struct names *na, struct ilnp_nid nid, bool must, ilnp_time_t now)
{
	struct ilnp_cand ca;

	if (ilnp_cands_ask(na->na_cands, nid, must, now, &ca))
		ask(na, &ca);
}

/*
 * Tells existing sessions what names know by now; `trusted' is the word of the
 * name server to us about what it has opened.
 */
static void
refresh_sessions(struct node *n, const struct ilnp_offer *o, bool trusted,
    ilnp_time_t now)
{
	for (u_int l = 0; l < n->n_nnids; l++) {
		struct ilnp_nidpair nids = { n->n_nid[l], o->of_nid };

		ilnp_ilcc_renew(n->n_ilcc, &nids, o->of_rec, o->of_n, trusted,
		    now);
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
	const struct host *ho;
	struct ilnp_cand ca;
	struct ilnp_nid nid;

	if (text == NULL || !notation_nid(text, &nid)) {
		(void)strcpy(answer, "no NID");
		return;
	}
	ho = hosts_find(na->na_node->n_hosts, nid);
	if (ho != NULL)
		name = ho->ho_name;
	else if (ilnp_cands_find(na->na_cands, nid, &ca) &&
	    (ca.ca_owner == uid || ca.ca_owner == 0))
		name = ca.ca_name;
	(void)snprintf(answer, ANSWER_MAX, "ok%s%s", name[0] != '\0' ? " " :
	    "", name);
}

static const char *
teach(struct names *na, uid_t uid, char **save, ilnp_time_t now)
{
	const char *name = strtok_r(NULL, " ", save);
	const char *text = strtok_r(NULL, " ", save);
	struct ilnp_offer o = { .of_owner = uid, .of_root = uid == 0 };
	struct node *n = na->na_node;
	char *word;
	int error;

	if (text == NULL || !notation_nid(text, &o.of_nid) ||
	    strlen(name) >= sizeof(o.of_name))
		return ("no usable name or NID");
	(void)strcpy(o.of_name, name);
	while ((word = strtok_r(NULL, " ", save)) != NULL)
		if (o.of_n == ILNP_LOCS_MAX || !read_record(word,
		    &o.of_rec[o.of_n++]))
			return ("no usable locators");
	/* The administrator's word stands; to follow it is all right. */
	if (hosts_find(n->n_hosts, o.of_nid) != NULL)
		return (NULL);
	error = ilnp_cands_offer(na->na_cands, &o, now);
	ask_again(na, o.of_nid, false, now);
	switch (error) {
	case 0:
		break;
	case EINVAL:
		return ("no usable name, NID or locators");
	default:
		n->n_stats.node_names_refused++;
		return (error == EBUSY ? "others were told otherwise" :
		    "the NID belongs to another name");
	}
	n->n_stats.node_names_taught++;
	refresh_sessions(n, &o, false, now);
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

/* What a name stands for now, in the words of its server. */
static void
take_answer(void *arg, const char *name, const struct ilnp_found *f)
{
	struct names *na = arg;
	ilnp_time_t now = ilnp_env_now();
	struct ilnp_offer o = { .of_name = "" };
	bool open;

	if (f == NULL || strlen(name) >= sizeof(o.of_name))
		return;
	(void)strcpy(o.of_name, name);
	ilnp_env_epoch_begin();
	for (u_int i = 0; i < f->f_npeers; i++) {
		const struct ilnp_peer *pe = &f->f_peer[i];

		o.of_nid = pe->pe_nid;
		o.of_n = pe->pe_n;
		memcpy(o.of_rec, pe->pe_loc, sizeof(o.of_rec));
		if (ilnp_cands_answer(na->na_cands, &o, now, &open) != 0)
			continue;
		refresh_sessions(na->na_node, &o, open, now);
		na->na_node->n_stats.node_names_renewed++;
	}
	ilnp_cands_answered(na->na_cands, name);
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
	na->na_cands = ilnp_cands_alloc(CANDS_MAX, CANDS_MAX, CANDS_UID_MAX);
	error = na->na_cands == NULL ? ENOMEM : listen_on(na);
	if (error == 0)
		error = asker_open(n->n_loop, n->n_priv, take_answer, na,
		    &na->na_asker);
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
	if (na->na_cands != NULL)
		ilnp_cands_free(na->na_cands);
	free(na);
}

/*
 * The preferred one of the places where no session of ours has begun, or NULL.
 * What a name says of other places of a NID is its owner's word, who may not be
 * the node's.  So each place sees a nonce of its own, and that only if nobody
 * has answered at those before; who answers tells where else it is.
 */
static const struct ilnp_lurec *
next_place(struct node *n, const struct ilnp_nidpair *nids,
    const struct ilnp_lurec *rec, u_int count)
{
	const struct ilnp_lurec *best = NULL;

	for (u_int i = 0; i < count; i++)
		if ((best == NULL || rec[i].lr_pref < best->lr_pref) &&
		    ilnp_ilcc_find_at(n->n_ilcc, nids, rec[i].lr_l64) == NULL)
			best = &rec[i];
	return (best);
}

struct ilnp_sess *
names_session(struct node *n, const struct ilnp_nidpair *nids,
    ilnp_time_t now)
{
	const struct host *ho = hosts_find(n->n_hosts, nids->remote);
	struct ilnp_cands *cs = n->n_names->na_cands;
	struct ilnp_lurec rec[ILNP_LOCS_MAX];
	const struct ilnp_lurec *place;
	struct ilnp_sess *s;
	bool told;

	if (ho != NULL)
		return (ilnp_ilcc_open(n->n_ilcc, nids, ho->ho_rec, ho->ho_n,
		    now, &s) == 0 ? s : NULL);
	place = next_place(n, nids, rec, ilnp_cands_get(cs, nids->remote, now,
	    rec, &told));
	if (place == NULL || ilnp_ilcc_offer(n->n_ilcc, nids, place, 1, now,
	    &s) != 0)
		return (NULL);
	ilnp_cands_opened(cs, nids->remote, now);
	return (s);
}

struct ilnp_sess *
names_better(struct node *n, struct ilnp_sess *s,
    const struct ilnp_nidpair *nids, ilnp_time_t now)
{
	struct ilnp_sess *other;

	if (!ilnp_sess_strayed(s) && !ilnp_sess_unheard(s, PLACE_WAIT, now))
		return (s);
	other = names_session(n, nids, now);
	return (other != NULL ? other : s);
}

bool
names_waits(struct node *n, struct ilnp_nid nid, ilnp_time_t now)
{
	struct ilnp_cand ca;

	if (!ilnp_cands_find(n->n_names->na_cands, nid, &ca) ||
	    !ilnp_cand_over(&ca, now))
		return (false);
	ask_again(n->n_names, nid, true, now);
	return (true);
}

void
names_lost(struct node *n, struct ilnp_nid nid, ilnp_time_t now)
{
	struct ilnp_cand ca;

	if (ilnp_cands_find(n->n_names->na_cands, nid, &ca) && ca.ca_open)
		ask_again(n->n_names, nid, true, now);
}

void
names_tick(struct node *n, ilnp_time_t now)
{
	struct names *na = n->n_names;
	struct ilnp_sessinfo si;
	struct ilnp_cand ca;

	if (now - na->na_looked < LOOK_EVERY)
		return;
	na->na_looked = now;
	asker_tick(na->na_asker, now);
	ilnp_env_epoch_begin();
	for (u_int i = 0; i < CANDS_MAX; i++)
		if (ilnp_cands_look(na->na_cands, i, n->n_ilcc, n->n_nid,
		    n->n_nnids, &si, now, &ca))
			ask(na, &ca);
	ilnp_env_epoch_end();
}

bool
names_candidate(const struct node *n, u_int *i, struct ilnp_cand *ca)
{
	while (*i < CANDS_MAX)
		if (ilnp_cands_at(n->n_names->na_cands, (*i)++, ca))
			return (true);
	return (false);
}

bool
names_candidate_of(const struct node *n, struct ilnp_nid nid,
    struct ilnp_cand *ca)
{
	return (ilnp_cands_find(n->n_names->na_cands, nid, ca));
}
