/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * One question at a time; the rest waits in the node.
 */
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "asker.h"
#include "log.h"

#define	WAITING_MAX	64

struct asker {
	struct loop	*as_loop;
	struct loop_src	as_src;
	pid_t		as_pid;
	asker_fn	*as_fn;
	void		*as_arg;
	bool		as_busy;	/* the first name has been sent */
	u_int		as_n;
	char		as_name[WAITING_MAX][ILNP_DNS_TEXT_MAX];
};

static bool
become(const char *user)
{
	const struct passwd *pw = getpwnam(user);

	if (pw == NULL)
		return (false);
	capng_clear(CAPNG_SELECT_BOTH);
	return (capng_change_id((int)pw->pw_uid, (int)pw->pw_gid,
	    (capng_flags_t)(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING)) ==
	    0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

/* Descriptors of the node are none of this process's business. */
static void
close_others(int keep)
{
	if (keep > 3)
		(void)close_range(3, (unsigned int)keep - 1, 0);
	(void)close_range((unsigned int)keep + 1, ~0U, 0);
}

static _Noreturn void
run_asker(int sock, const char *user)
{
	char name[ILNP_DNS_TEXT_MAX];
	struct ilnp_found f;
	struct ilnp_stub st;
	ssize_t n;
	int null = open("/dev/null", O_RDWR);

	/* Whoever reads what the node printed must see its end. */
	for (int i = 0; i < 3; i++)
		(void)dup2(null, i);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)prctl(PR_SET_NAME, "ilnpd-asker");
	close_others(sock);
	if (!become(user))
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
send_next(struct asker *as)
{
	if (as->as_busy || as->as_n == 0 || as->as_src.ls_fd < 0)
		return;
	as->as_busy = send(as->as_src.ls_fd, as->as_name[0],
	    strlen(as->as_name[0]), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

static void
lose(struct asker *as)
{
	int fd = as->as_src.ls_fd;

	log_error("the process that asks names has ended; names are not asked "
	    "again until the node is restarted");
	loop_del(as->as_loop, &as->as_src);
	(void)close(fd);
	as->as_n = 0;
}

static void
read_answer(void *arg, uint32_t events)
{
	struct asker *as = arg;
	struct ilnp_found f;
	char name[ILNP_DNS_TEXT_MAX];
	ssize_t n = recv(as->as_src.ls_fd, &f, sizeof(f), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(f) || !as->as_busy || f.f_npeers > ILNP_NIDS_MAX) {
		lose(as);
		return;
	}
	for (u_int i = 0; i < f.f_npeers; i++)
		if (f.f_peer[i].pe_n > ILNP_LOCS_MAX) {
			lose(as);
			return;
		}
	(void)strcpy(name, as->as_name[0]);
	as->as_busy = false;
	memmove(as->as_name[0], as->as_name[1],
	    --as->as_n * sizeof(as->as_name[0]));
	as->as_fn(as->as_arg, name, &f);
	send_next(as);
}

int
asker_open(struct loop *loop, const char *user, asker_fn *fn, void *arg,
    struct asker **asp)
{
	struct asker *as = calloc(1, sizeof(*as));
	int sock[2], error;

	if (as == NULL)
		return (ENOMEM);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) != 0) {
		free(as);
		return (errno);
	}
	as->as_loop = loop;
	as->as_fn = fn;
	as->as_arg = arg;
	as->as_pid = fork();
	error = errno;
	if (as->as_pid == 0)
		run_asker(sock[1], user);
	(void)close(sock[1]);
	if (as->as_pid > 0)
		error = loop_add(loop, &as->as_src, sock[0], EPOLLIN,
		    read_answer, as);
	if (error != 0) {
		(void)close(sock[0]);
		if (as->as_pid > 0)
			(void)waitpid(as->as_pid, NULL, 0);
		free(as);
		return (error);
	}
	*asp = as;
	return (0);
}

/* It may be waiting for a name server; nobody waits for it. */
void
asker_close(struct asker *as)
{
	int fd = as->as_src.ls_fd;

	if (fd >= 0) {
		loop_del(as->as_loop, &as->as_src);
		(void)close(fd);
	}
	(void)kill(as->as_pid, SIGKILL);
	(void)waitpid(as->as_pid, NULL, 0);
	free(as);
}

bool
asker_ask(struct asker *as, const char *name)
{
	if (as->as_src.ls_fd < 0 || as->as_n == WAITING_MAX ||
	    strlen(name) >= ILNP_DNS_TEXT_MAX)
		return (false);
	for (u_int i = 0; i < as->as_n; i++)
		if (strcasecmp(as->as_name[i], name) == 0)
			return (false);
	(void)strcpy(as->as_name[as->as_n++], name);
	send_next(as);
	return (true);
}
