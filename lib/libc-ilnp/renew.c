/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ilnp-renew: asks names again for FreeBSD's kernel, which says by devctl(4)
 * which ones.  With names it asks these and ends, as an action of devd(8); with
 * -f it follows the events itself.
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

static int asker = -1;		/* the way to the process that asks */

static _Noreturn void
run_asker(int sock)
{
	char name[ILNP_DNS_TEXT_MAX];
	struct ilnp_found f;
	struct ilnp_stub st;
	ssize_t n;

	if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 ||
	    setuid(NOBODY) != 0)
		_exit(1);
	while ((n = recv(sock, name, sizeof(name) - 1, 0)) > 0) {
		name[n] = '\0';
		memset(&f, 0, sizeof(f));
		if (ilnp_stub_conf(&st) == 0) {
			/* The names are whole; a search list may mislead. */
			st.st_nsearch = 0;
			if (ilnp_names_lookup(&st, name, 0, &f) !=
			    ILNP_NAMES_FOUND)
				f.f_npeers = 0;
			ilnp_names_free(&f);
		}
		if (send(sock, &f, sizeof(f), MSG_NOSIGNAL) < 0)
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

/* Tells the kernel; it knows which of a name's NIDs it has sessions with. */
static void
tell_kernel(const char *name, const struct ilnp_peer *pe)
{
	char text[ILNP_DNS_TEXT_MAX + ILNP_TEACH_TEXT_MAX + 2];
	int at = snprintf(text, sizeof(text), "%s ", name);

	if (pe->pe_n == 0 || pe->pe_n > ILNP_LOCS_MAX ||
	    !ilnp_teach_text(pe, text + at, sizeof(text) - (size_t)at))
		return;
	if (sysctlbyname("net.inet6.ilnp6.answer", NULL, NULL, text,
	    strlen(text)) != 0 && errno != ENOENT)
		warn("%s", name);
}

/* Returns false if nobody could tell. */
static bool
renew(const char *name)
{
	struct ilnp_found f;

	if (strlen(name) >= ILNP_DNS_TEXT_MAX)
		return (false);
	if (send(asker, name, strlen(name), MSG_NOSIGNAL) < 0 ||
	    recv(asker, &f, sizeof(f), 0) != (ssize_t)sizeof(f))
		errx(1, "the process that asks has ended");
	for (u_int i = 0; i < f.f_npeers && i < ILNP_NIDS_MAX; i++)
		tell_kernel(name, &f.f_peer[i]);
	return (f.f_npeers > 0);
}

/* Events as devd(8) hands them on or, where it does not run, the kernel's. */
static int
open_events(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX,
	    .sun_path = DEVD_PIPE };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	(void)close(fd);
	fd = open(DEVCTL, O_RDONLY);
	if (fd < 0)
		err(1, "%s", DEVCTL);
	return (fd);
}

static void
follow(void)
{
	char event[EVENT_MAX], *name;
	int fd = open_events();
	ssize_t n;

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
