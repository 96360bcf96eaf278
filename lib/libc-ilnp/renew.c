/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ilnp-renew: asks names again for FreeBSD's kernel, which lists in
 * net.inet6.ilnp6.hints which ones.  With names it asks these and ends; with -f
 * it looks into that list whenever devctl(4) says that a name is to be asked.  A
 * jail with a network stack of its own hears no events: there it looks once a
 * second.
 *
 * Each name is asked by a process of its own that has become nobody, for it
 * reads what name servers send; the answers go to the kernel by
 * net.inet6.ilnp6.answer.  Anybody's programs have names asked, so nobody has
 * many asked at a time, and who has the fewest comes first.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/un.h>

#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ilnp_names.h"
#include "ilnp_teach.h"

#define	DEVD_PIPE	"/var/run/devd.seqpacket.pipe"
#define	DEVCTL		"/dev/devctl"
#define	EVENT		"!system=ILNP subsystem=NAME type=RESOLVE "
#define	EVENT_MAX	1024
#define	NOBODY		65534
#define	HINTS		"net.inet6.ilnp6.hints"
#define	LOOK_EVERY	1000	/* ms, where there are no events */
#define	NAMES_MAX	256	/* in the kernel's list, and remembered here */
#define	ASKED_MAX	32	/* at a time */
#define	ASKED_OWN	2	/* of one owner */

/* A name that is being asked, or was. */
struct name {
	char		n_name[ILNP_DNS_TEXT_MAX];
	uint64_t	n_owner;	/* whose program has looked it up */
	int64_t		n_began;	/* ms; when it was last asked, 0: never */
	int		n_fd;		/* from the process that asks; -1: none */
	bool		n_listed;	/* in the kernel's list */
};

/* What a process that asks has found. */
struct reply {
	bool		rp_told;	/* a name server knew */
	struct ilnp_found rp_found;
};

static struct name names[NAMES_MAX];
static u_int nasked;		/* names that are being asked */
static bool all_found = true;

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static _Noreturn void
run_asker(int sock, const char *name)
{
	enum ilnp_names_status status;
	struct ilnp_stub st;
	struct reply rp;

	closefrom(sock + 1);
	for (int fd = 3; fd < sock; fd++)
		(void)close(fd);
	if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 ||
	    setuid(NOBODY) != 0 || ilnp_stub_conf(&st) != 0)
		_exit(1);
	/* The names are whole; a search list may mislead. */
	st.st_nsearch = 0;
	memset(&rp, 0, sizeof(rp));
	status = ilnp_names_lookup(&st, name, 0, &rp.rp_found);
	if (status != ILNP_NAMES_FOUND)
		rp.rp_found.f_npeers = 0;
	ilnp_names_free(&rp.rp_found);
	rp.rp_told = status == ILNP_NAMES_FOUND ||
	    status == ILNP_NAMES_NONAME || status == ILNP_NAMES_NODATA;
	_exit(send(sock, &rp, sizeof(rp), MSG_NOSIGNAL) < 0);
}

static void
begin(struct name *n)
{
	int sock[2];

	n->n_began = now_ms();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock) != 0)
		err(1, "socketpair");
	switch (fork()) {
	case -1:
		/* The kernel will say it again. */
		warn("fork");
		(void)close(sock[0]);
		break;
	case 0:
		run_asker(sock[1], n->n_name);
	default:
		n->n_fd = sock[0];
		nasked++;
	}
	(void)close(sock[1]);
}

/*
 * Tells the kernel; it knows which of a name's NIDs it has sessions with.
 * Without a correspondent: that there are no others.
 */
static void
tell_kernel(const char *name, const struct ilnp_peer *pe)
{
	char text[ILNP_DNS_TEXT_MAX + ILNP_TEACH_TEXT_MAX + 2];
	int at = snprintf(text, sizeof(text), "%s%s", name,
	    pe != NULL ? " " : "");

	if (pe != NULL && (pe->pe_n == 0 || pe->pe_n > ILNP_LOCS_MAX ||
	    !ilnp_teach_text(pe, text + at, sizeof(text) - (size_t)at)))
		return;
	if (sysctlbyname("net.inet6.ilnp6.answer", NULL, NULL, text,
	    strlen(text)) != 0 && errno != ENOENT)
		warn("%s", name);
}

/* Takes what a process has found; it ends with that. */
static void
finish(struct name *n)
{
	struct reply rp = { .rp_told = false };
	const struct ilnp_found *f = &rp.rp_found;

	if (recv(n->n_fd, &rp, sizeof(rp), 0) != (ssize_t)sizeof(rp))
		memset(&rp, 0, sizeof(rp));
	(void)close(n->n_fd);
	n->n_fd = -1;
	nasked--;
	for (u_int i = 0; i < f->f_npeers && i < ILNP_NIDS_MAX; i++)
		tell_kernel(n->n_name, &f->f_peer[i]);
	if (rp.rp_told)
		tell_kernel(n->n_name, NULL);
	else
		warnx("%s: no answer", n->n_name);
	all_found = all_found && f->f_npeers > 0;
}

/* Waits for an event, for `ms', -1: for ever, or for the end of a question. */
static bool
wait_for(int events, int ms)
{
	struct pollfd pf[NAMES_MAX + 1] = { { .fd = events,
	    .events = POLLIN } };

	for (u_int i = 0; i < NAMES_MAX; i++)
		pf[i + 1] = (struct pollfd){ .fd = names[i].n_fd,
		    .events = POLLIN };
	if (poll(pf, NAMES_MAX + 1, ms) < 0)
		return (false);
	for (u_int i = 0; i < NAMES_MAX; i++)
		if (names[i].n_fd >= 0 && pf[i + 1].revents != 0)
			finish(&names[i]);
	return (pf[0].revents != 0);
}

/*
 * The place of a name; if it has none, that of another of which nobody knows any
 * more.  Returns NULL if there is none.
 */
static struct name *
place_of(const char *name)
{
	struct name *old = NULL;

	for (u_int i = 0; i < NAMES_MAX; i++) {
		struct name *n = &names[i];

		if (strcmp(n->n_name, name) == 0)
			return (n);
		if (n->n_fd < 0 && !n->n_listed &&
		    (old == NULL || n->n_began < old->n_began))
			old = n;
	}
	if (old == NULL)
		return (NULL);
	(void)strlcpy(old->n_name, name, sizeof(old->n_name));
	old->n_began = 0;
	return (old);
}

/*
 * Reads a line of the list: a name that the kernel wants to be asked, and that
 * has not been since it said so.  Returns its place or NULL.
 */
static struct name *
read_hint(char *line, int64_t now)
{
	const char *name = NULL, *asked = NULL;
	uint64_t uid = 0, jail = 0;
	struct name *n;
	char *word;

	while ((word = strsep(&line, " ")) != NULL) {
		if (strncmp(word, "name=", 5) == 0)
			name = word + 5;
		else if (strncmp(word, "uid=", 4) == 0)
			uid = strtoul(word + 4, NULL, 10);
		else if (strncmp(word, "jail=", 5) == 0)
			jail = strtoul(word + 5, NULL, 10);
		else if (strncmp(word, "asked=", 6) == 0)
			asked = word + 6;
	}
	if (name == NULL || asked == NULL || strlen(name) >= ILNP_DNS_TEXT_MAX)
		return (NULL);
	n = place_of(name);
	if (n == NULL)
		return (NULL);
	n->n_listed = true;
	if (n->n_fd >= 0 || (n->n_began != 0 &&
	    (double)(now - n->n_began) < strtod(asked, NULL) * 1000))
		return (NULL);
	n->n_owner = ilnp_owner_share(jail << 32 | uid);
	return (n);
}

/* How much its owner has had asked: now, and how lately. */
static u_int
weigh(const struct name *n, int64_t *last)
{
	u_int count = 0;

	*last = 0;
	for (u_int i = 0; i < NAMES_MAX; i++) {
		if (names[i].n_owner != n->n_owner)
			continue;
		count += names[i].n_fd >= 0;
		if (names[i].n_began > *last)
			*last = names[i].n_began;
	}
	return (count);
}

/* Begins with one of those that wait.  Returns false if all must wait longer. */
static bool
begin_next(struct name **wait, u_int n)
{
	u_int least = ASKED_OWN, best = n;
	int64_t oldest = INT64_MAX;

	for (u_int i = 0; i < n && nasked < ASKED_MAX; i++) {
		int64_t last;
		u_int count;

		if (wait[i] == NULL)
			continue;
		count = weigh(wait[i], &last);
		if (count > least || count == ASKED_OWN ||
		    (count == least && last >= oldest))
			continue;
		least = count;
		oldest = last;
		best = i;
	}
	if (best == n)
		return (false);
	begin(wait[best]);
	wait[best] = NULL;
	return (true);
}

/* Looks which names the kernel wants asked, and asks as many as may be. */
static void
look(void)
{
	struct name *wait[NAMES_MAX];
	char *list, *rest, *line;
	int64_t now = now_ms();
	size_t len = 0;
	u_int n = 0;

	if (sysctlbyname(HINTS, NULL, &len, NULL, 0) != 0)
		err(1, "%s", HINTS);
	/* It may be longer in a moment. */
	len += len / 2 + 1;
	list = calloc(1, len + 1);
	if (list == NULL || (sysctlbyname(HINTS, list, &len, NULL, 0) != 0 &&
	    errno != ENOMEM))
		err(1, "%s", HINTS);
	for (u_int i = 0; i < NAMES_MAX; i++)
		names[i].n_listed = false;
	rest = list;
	while (n < NAMES_MAX && (line = strsep(&rest, "\n")) != NULL) {
		wait[n] = read_hint(line, now);
		n += wait[n] != NULL;
	}
	free(list);
	while (begin_next(wait, n))
		continue;
}

/*
 * Events as devd(8) hands them on or, where it does not run, the kernel's.
 * Returns -1 if there are none to be had; a jail that shares the host's files
 * would open the host's.
 */
static int
open_events(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
	    .sun_path = DEVD_PIPE };
	int fd, jailed = 0;
	size_t len = sizeof(jailed);

	if (sysctlbyname("security.jail.jailed", &jailed, &len, NULL, 0) == 0 &&
	    jailed != 0)
		return (-1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	(void)close(fd);
	return (open(DEVCTL, O_RDONLY));
}

static _Noreturn void
follow(void)
{
	char event[EVENT_MAX];
	int fd = open_events();
	ssize_t n;

	for (;;) {
		look();
		/* The end of a question lets another begin; so does an event. */
		while (wait_for(fd, fd < 0 ? LOOK_EVERY : -1)) {
			n = read(fd, event, sizeof(event) - 1);
			if (n <= 0)
				err(1, "events have ended");
			event[n] = '\0';
			if (strncmp(event, EVENT, sizeof(EVENT) - 1) == 0)
				break;
		}
	}
}

/* Asks the names that it was given. */
static void
ask_all(char **name, int n)
{
	for (int i = 0; i < n || nasked > 0;) {
		struct name *place;

		if (i == n || nasked == ASKED_MAX) {
			(void)wait_for(-1, -1);
			continue;
		}
		if (strlen(name[i]) >= ILNP_DNS_TEXT_MAX)
			errx(2, "%s: too long for a name", name[i]);
		place = place_of(name[i++]);
		if (place != NULL && place->n_fd < 0)
			begin(place);
	}
}

int
main(int argc, char **argv)
{
	bool all = argc > 1 && strcmp(argv[1], "-f") == 0;

	if (argc < 2 || (argv[1][0] == '-' && (!all || argc != 2))) {
		(void)fprintf(stderr, "usage: ilnp-renew name ...\n"
		    "       ilnp-renew -f\n");
		return (2);
	}
	(void)signal(SIGCHLD, SIG_IGN);
	for (u_int i = 0; i < NAMES_MAX; i++)
		names[i].n_fd = -1;
	if (all)
		follow();
	ask_all(argv + 1, argc - 1);
	return (all_found ? 0 : 1);
}
