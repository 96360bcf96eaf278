/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ilnp-resolve: what a name stands for, as JSON.  For programs that do not use
 * getaddrinfo(3), for `ilnptool resolve', and for the tests.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ilnp_front.h"
#include "ilnp_teach.h"

#define	EXIT_USAGE	2
#define	EXIT_NONAME	1
#define	EXIT_UNAVAIL	3
#define	EXIT_AGAIN	4

static const char *const status_names[] = {
	[ILNP_NAMES_FOUND] = "found",
	[ILNP_NAMES_NONAME] = "no such name",
	[ILNP_NAMES_NODATA] = "no such data",
	[ILNP_NAMES_AGAIN] = "try again",
	[ILNP_NAMES_UNAVAIL] = "not available",
};

static void
print_groups(uint64_t v, char sep)
{
	printf("\"%04x%c%04x%c%04x%c%04x\"",
	    (u_int)(v >> 48 & 0xffff), sep, (u_int)(v >> 32 & 0xffff), sep,
	    (u_int)(v >> 16 & 0xffff), sep, (u_int)(v & 0xffff));
}

static void
print_addr(int family, const void *b)
{
	char text[INET6_ADDRSTRLEN];

	printf("\"%s\"", inet_ntop(family, b, text, sizeof(text)));
}

static void
print_peer(const struct ilnp_peer *pe)
{
	printf("{\"nid\":");
	print_groups(pe->pe_nid.nid, '-');
	printf(",\"preference\":%u,\"lifetime\":%u,\"use\":[", pe->pe_pref,
	    pe->pe_life);
	for (u_int i = 0; i < ilnp_teach_count(pe); i++) {
		struct in6_addr a = ilnp_teach_addr(pe, i);

		printf("%s", i > 0 ? "," : "");
		print_addr(AF_INET6, &a);
	}
	printf("],\"locators\":[");
	for (u_int i = 0; i < pe->pe_n; i++) {
		printf("%s{\"l64\":", i > 0 ? "," : "");
		print_groups(pe->pe_loc[i].lr_l64.l64, '+');
		printf(",\"preference\":%u,\"lifetime\":%u}",
		    pe->pe_loc[i].lr_pref, pe->pe_loc[i].lr_life);
	}
	printf("]}");
}

static void
print_found(enum ilnp_names_status status, const struct ilnp_found *f)
{
	printf("{\"status\":\"%s\",\"name\":\"%s\",\"peers\":[",
	    status_names[status], f->f_name);
	for (u_int i = 0; i < f->f_npeers; i++) {
		printf("%s", i > 0 ? "," : "");
		print_peer(&f->f_peer[i]);
	}
	printf("],\"addresses\":[");
	for (u_int i = 0; i < f->f_n; i++) {
		printf("%s", i > 0 ? "," : "");
		print_addr(f->f_addr[i].na_family, f->f_addr[i].na_b);
	}
	printf("]}\n");
}

/* Puts one server in the place of those of resolv.conf. */
static bool
set_server(struct ilnp_stub *st, const char *text, u_int port)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&st->st_server[0];
	struct sockaddr_in *sin = (struct sockaddr_in *)&st->st_server[0];

	memset(&st->st_server[0], 0, sizeof(st->st_server[0]));
	st->st_nservers = 1;
	if (inet_pton(AF_INET6, text, &sin6->sin6_addr) == 1) {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons((uint16_t)port);
	} else if (inet_pton(AF_INET, text, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons((uint16_t)port);
	} else
		return (false);
	return (true);
}

static _Noreturn void
usage(void)
{
	fprintf(stderr, "usage: ilnp-resolve [-6n] [-a attempts] [-p port] "
	    "[-s server] [-t seconds] name\n");
	exit(EXIT_USAGE);
}

int
main(int argc, char **argv)
{
	u_int want = ILNP_WANT_IPV4 | ILNP_WANT_IPV6, port = 53;
	const char *server = NULL;
	bool only_look = false;
	struct ilnp_found f;
	struct ilnp_stub st;
	enum ilnp_names_status status;
	u_int attempts = 0, seconds = 0;
	int opt;

	while ((opt = getopt(argc, argv, "6a:np:s:t:")) != -1)
		switch (opt) {
		case '6':
			want = ILNP_WANT_IPV6;
			break;
		case 'a':
			attempts = (u_int)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			only_look = true;
			break;
		case 'p':
			port = (u_int)strtoul(optarg, NULL, 10);
			break;
		case 's':
			server = optarg;
			break;
		case 't':
			seconds = (u_int)strtoul(optarg, NULL, 10);
			break;
		default:
			usage();
		}
	if (optind + 1 != argc || (server != NULL && !only_look))
		usage();
	if (!only_look)
		status = ilnp_front_lookup(argv[optind],
		    want == ILNP_WANT_IPV6 ? AF_INET6 : AF_UNSPEC, &f);
	else {
		if (ilnp_stub_conf(&st) != 0 || (server != NULL &&
		    !set_server(&st, server, port)))
			usage();
		if (attempts != 0)
			st.st_attempts = attempts;
		if (seconds != 0)
			st.st_timeout = seconds;
		status = ilnp_names_lookup(&st, argv[optind], want, &f);
	}
	print_found(status, &f);
	ilnp_names_free(&f);
	return (status == ILNP_NAMES_FOUND ? 0 :
	    status == ILNP_NAMES_UNAVAIL ? EXIT_UNAVAIL :
	    status == ILNP_NAMES_AGAIN ? EXIT_AGAIN : EXIT_NONAME);
}
