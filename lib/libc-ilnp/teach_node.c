/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Linux: asks and teaches ilnpd(8).  Its socket for names has an abstract
 * address, so it is that of the node in our network namespace, and needs no
 * file that each namespace would have to see differently.
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

#include "ilnp_addr.h"
#include "ilnp_teach.h"

#define	SOCKET_NAME	"\0ilnpd.names"
#define	WAIT_S		1
#define	ANSWER_MAX	1024

/* Whoever has root's rights when it listens there is the node. */
static bool
is_roots(int fd)
{
	struct ucred uc;
	socklen_t len = sizeof(uc);

	return (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) == 0 &&
	    uc.uid == 0);
}

/* Sends a line and waits for the answer.  Returns 0 or an errno. */
static int
ask_node(const char *line, char answer[ANSWER_MAX])
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const struct timeval wait = { .tv_sec = WAIT_S };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int error = 0;
	ssize_t n = -1;

	if (fd < 0)
		return (errno);
	memcpy(sun.sun_path, SOCKET_NAME, sizeof(SOCKET_NAME) - 1);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&sun, (socklen_t)(offsetof(struct
	    sockaddr_un, sun_path) + sizeof(SOCKET_NAME) - 1)) != 0)
		error = errno;
	else if (!is_roots(fd))
		error = EPERM;
	else if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0 ||
	    (n = recv(fd, answer, ANSWER_MAX - 1, 0)) <= 0)
		error = n == 0 ? EPIPE : errno;
	(void)close(fd);
	if (error == 0)
		answer[n] = '\0';
	return (error);
}

int
ilnp_teach_find(const char *name, struct ilnp_found *f)
{
	char line[ILNP_DNS_TEXT_MAX + 8], answer[ANSWER_MAX];
	char *save = NULL, *word;
	int error;

	if (name[strcspn(name, " \t\r\n")] != '\0')
		return (EINVAL);
	if ((size_t)snprintf(line, sizeof(line), "find %s", name) >=
	    sizeof(line))
		return (ENAMETOOLONG);
	error = ask_node(line, answer);
	if (error != 0)
		return (error);
	word = strtok_r(answer, " ", &save);
	if (word == NULL || strcmp(word, "ok") != 0)
		return (EPROTO);
	while (f->f_npeers < ILNP_NIDS_MAX &&
	    (word = strtok_r(NULL, " ", &save)) != NULL) {
		struct ilnp_peer *pe = &f->f_peer[f->f_npeers++];

		memset(pe, 0, sizeof(*pe));
		if (!ilnp_teach_groups(word, strlen(word), '-',
		    &pe->pe_nid.nid))
			return (EPROTO);
	}
	return (f->f_npeers > 0 ? 0 : ENOENT);
}

int
ilnp_teach(const char *name, const struct ilnp_peer *pe)
{
	char line[ILNP_DNS_TEXT_MAX + ILNP_TEACH_TEXT_MAX + 8];
	char answer[ANSWER_MAX];
	int error, at;

	at = snprintf(line, sizeof(line), "teach %s ", name);
	for (int i = 0; i < at; i++)
		line[i] = (char)tolower((unsigned char)line[i]);
	if (!ilnp_teach_text(pe, line + at, sizeof(line) - (size_t)at))
		return (ENAMETOOLONG);
	error = ask_node(line, answer);
	if (error != 0)
		return (error);
	return (strcmp(answer, "ok") == 0 ? 0 : EACCES);
}

u_int
ilnp_teach_count(const struct ilnp_peer *pe)
{
	(void)pe;
	return (1);
}

static struct in6_addr
identity_of(struct ilnp_nid nid)
{
	static const uint16_t prefix[4] = { ILNP_IDENTITY_W0,
	    ILNP_IDENTITY_W1, ILNP_IDENTITY_W2, ILNP_IDENTITY_W3 };
	struct in6_addr a;

	for (u_int k = 0; k < 8; k++) {
		a.s6_addr[k] = (uint8_t)(prefix[k / 2] >>
		    (k % 2 == 0 ? 8 : 0));
		a.s6_addr[8 + k] = (uint8_t)(nid.nid >> (56 - 8 * k));
	}
	return (a);
}

/* The identity address: it outlives all locators. */
struct in6_addr
ilnp_teach_addr(const struct ilnp_peer *pe, u_int i)
{
	(void)i;
	return (identity_of(pe->pe_nid));
}

int
ilnp_teach_name(const struct in6_addr *a, char name[ILNP_DNS_TEXT_MAX])
{
	struct ilnp_rd r = ilnp_rd(a->s6_addr, sizeof(a->s6_addr));
	struct ilnp_nid nid = ilnp_rd_ilv(&r).nid;
	struct in6_addr own = identity_of(nid);
	char line[ILNP_TEACH_TEXT_MAX] = "name ", answer[ANSWER_MAX];
	const struct ilnp_peer pe = { .pe_nid = nid };
	int error;

	if (memcmp(a, &own, sizeof(own)) != 0)
		return (EAFNOSUPPORT);
	if (!ilnp_teach_text(&pe, line + strlen(line),
	    sizeof(line) - strlen(line)))
		return (ENAMETOOLONG);
	error = ask_node(line, answer);
	if (error != 0)
		return (error);
	if (strncmp(answer, "ok ", 3) != 0 ||
	    strlen(answer + 3) >= ILNP_DNS_TEXT_MAX)
		return (ENOENT);
	(void)strcpy(name, answer + 3);
	return (0);
}
