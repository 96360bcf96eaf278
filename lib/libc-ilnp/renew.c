/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ilnp-renew: asks names again for FreeBSD's kernel, which says by devctl(4)
 * which ones.  With names it asks these and ends, as an action of devd(8); with
 * -f it follows the events itself.  A jail with a network stack of its own has
 * no devctl(4): there it looks into net.inet6.ilnp6.hints once a second.
 *
 * What name servers send is read by a process that has become nobody; the
 * answers go to the kernel by net.inet6.ilnp6.answer.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ilnp_names.h"
#include "ilnp_teach.h"

#define	DEVD_PIPE	"/var/run/devd.seqpacket.pipe"
#define	DEVCTL		"/dev/devctl"
#define	EVENT		"!system=ILNP subsystem=NAME type=RESOLVE name="
#define	EVENT_MAX	1024
#define	NOBODY		65534
#define	HINTS		"net.inet6.ilnp6.hints"
#define	ASKED_MAX	5	/* s; then the kernel says it again */

/* What the process that asks has found. */
struct reply {
	bool		rp_told;	/* a name server knew */
	struct ilnp_found rp_found;
};

static int asker = -1;		/* the way to the process that asks */

static _Noreturn void
run_asker(int sock)
{
	char name[ILNP_DNS_TEXT_MAX];
	enum ilnp_names_status status;
	struct ilnp_stub st;
	struct reply rp;
	ssize_t n;

	if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 ||
	    setuid(NOBODY) != 0)
		_exit(1);
	while ((n = recv(sock, name, sizeof(name) - 1, 0)) > 0) {
		name[n] = '\0';
		memset(&rp, 0, sizeof(rp));
		if (ilnp_stub_conf(&st) == 0) {
			/* The names are whole; a search list may mislead. */
			st.st_nsearch = 0;
			status = ilnp_names_lookup(&st, name, 0,
			    &rp.rp_found);
			if (status != ILNP_NAMES_FOUND)
				rp.rp_found.f_npeers = 0;
			ilnp_names_free(&rp.rp_found);
			rp.rp_told = status == ILNP_NAMES_FOUND ||
			    status == ILNP_NAMES_NONAME ||
			    status == ILNP_NAMES_NODATA;
		}
		if (send(sock, &rp, sizeof(rp), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

static void
start_asker(void)
{
	int sock[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock) != 0)
		err(1, "socketpair");
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		(void)close(sock[0]);
		run_asker(sock[1]);
	}
	(void)close(sock[1]);
	asker = sock[0];
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

/* Returns false if nobody could tell. */
static bool
renew(const char *name)
{
	const struct ilnp_found *f;
	struct reply rp;

	if (strlen(name) >= ILNP_DNS_TEXT_MAX)
		return (false);
	if (send(asker, name, strlen(name), MSG_NOSIGNAL) < 0 ||
	    recv(asker, &rp, sizeof(rp), 0) != (ssize_t)sizeof(rp))
		errx(1, "the process that asks has ended");
	f = &rp.rp_found;
	for (u_int i = 0; i < f->f_npeers && i < ILNP_NIDS_MAX; i++)
		tell_kernel(name, &f->f_peer[i]);
	if (rp.rp_told)
		tell_kernel(name, NULL);
	return (f->f_npeers > 0);
}

/*
 * Events as devd(8) hands them on or, where it does not run, the kernel's.
 * Returns -1 if there are none to be had.
 */
static int
open_events(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
	    .sun_path = DEVD_PIPE };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	(void)close(fd);
	return (open(DEVCTL, O_RDONLY));
}

/* Asks a name of the listing if the kernel wanted that a moment ago. */
static bool
renew_hint(char *line)
{
	char *word, *name = NULL;
	unsigned long asked = ASKED_MAX;

	while ((word = strsep(&line, " ")) != NULL) {
		if (strncmp(word, "name=", 5) == 0)
			name = word + 5;
		else if (strncmp(word, "asked=", 6) == 0)
			asked = strtoul(word + 6, NULL, 10);
	}
	return (name == NULL || asked >= ASKED_MAX || renew(name));
}

/* Where there are no events. */
static _Noreturn void
watch(void)
{
	for (;;) {
		char *list = NULL, *rest, *line;
		bool all = true;
		size_t len = 0;

		if (sysctlbyname(HINTS, NULL, &len, NULL, 0) != 0)
			err(1, "%s", HINTS);
		/* It may be longer in a moment. */
		len += len / 2 + 1;
		list = calloc(1, len + 1);
		if (list == NULL)
			err(1, "%s", HINTS);
		if (sysctlbyname(HINTS, list, &len, NULL, 0) != 0 &&
		    errno != ENOMEM)
			err(1, "%s", HINTS);
		rest = list;
		while ((line = strsep(&rest, "\n")) != NULL)
			all = renew_hint(line) && all;
		free(list);
		(void)sleep(all ? 1 : ASKED_MAX);
	}
}

static void
follow(void)
{
	char event[EVENT_MAX], *name;
	int fd = open_events();
	ssize_t n;

	if (fd < 0)
		watch();
	while ((n = read(fd, event, sizeof(event) - 1)) > 0) {
		event[n] = '\0';
		if (strncmp(event, EVENT, sizeof(EVENT) - 1) != 0)
			continue;
		name = event + sizeof(EVENT) - 1;
		name[strcspn(name, " \n")] = '\0';
		if (!renew(name))
			warnx("%s: no answer", name);
	}
	err(1, "events have ended");
}

int
main(int argc, char **argv)
{
	bool all = true;

	if (argc < 2 || (argv[1][0] == '-' && (strcmp(argv[1], "-f") != 0 ||
	    argc != 2))) {
		(void)fprintf(stderr, "usage: ilnp-renew name ...\n"
		    "       ilnp-renew -f\n");
		return (2);
	}
	start_asker();
	if (strcmp(argv[1], "-f") == 0)
		follow();
	for (int i = 1; i < argc; i++)
		all = renew(argv[i]) && all;
	return (all ? 0 : 1);
}
