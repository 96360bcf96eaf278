/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A program of a FreeBSD machine that looks names up as any other does.
 *
 *	names look		a line "NAME FAMILY TYPE FLAGS" each, in numbers
 *	names as UID COMMAND ...	runs another one as that user
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <err.h>
#include <grp.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
look_up(const char *name, const struct addrinfo *hints)
{
	struct addrinfo *list = NULL;
	char host[NI_MAXHOST];
	int error = getaddrinfo(name, "80", hints, &list);

	printf("%d", error);
	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host,
		    sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
			errx(1, "%s: an address that is none", name);
		printf(" %d,%d,%d,%s,%s", ai->ai_family, ai->ai_socktype,
		    ai->ai_protocol, host, ai->ai_canonname == NULL ? "" :
		    ai->ai_canonname);
	}
	printf("\n");
	if (list != NULL)
		freeaddrinfo(list);
}

static void
look_all(void)
{
	char line[1200], name[1024];
	struct addrinfo hints;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		memset(&hints, 0, sizeof(hints));
		if (sscanf(line, "%1023s %d %d %d", name, &hints.ai_family,
		    &hints.ai_socktype, &hints.ai_flags) != 4)
			errx(2, "%s", line);
		look_up(name, &hints);
	}
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "look") == 0) {
		look_all();
		return (0);
	}
	if (argc > 3 && strcmp(argv[1], "as") == 0) {
		uid_t uid = (uid_t)atoi(argv[2]);

		if (setgroups(0, NULL) != 0 || setgid(uid) != 0 ||
		    setuid(uid) != 0)
			err(1, "%s", argv[2]);
		execvp(argv[3], argv + 3);
		err(1, "%s", argv[3]);
	}
	(void)fprintf(stderr, "usage: names look\n"
	    "       names as UID COMMAND ...\n");
	return (2);
}
