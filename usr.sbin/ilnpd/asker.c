/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * One question at a time; the rest waits in the node.  Two processes: one reads
 * what name servers send, and the keeper forks it again should it die.  The
 * keeper is forked by the node's helper (priv.h), which was there before there
 * was any secret, and again should the keeper die.
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
#include <time.h>
#include <unistd.h>

#include "asker.h"
#include "log.h"

#define	WAITING_MAX	64
#define	WAITING_UID_MAX	8	/* of one user */
#define	RESTART_MAX	64	/* s between two starts at most; of both */

/* What comes from the other processes. */
struct reply {
	int		rp_ended;	/* not 0: the asker has, as wait(2) tells */
	char		rp_name[ILNP_DNS_TEXT_MAX];	/* as it was asked for */
	bool		rp_told;	/* a name server knew */
	struct ilnp_found rp_found;
};

struct waiting {
	uid_t		w_uid;
	char		w_name[ILNP_DNS_TEXT_MAX];
};

struct asker {
	struct loop	*as_loop;
	struct loop_src	as_src;
	struct priv	*as_priv;
	ilnp_time_t	as_due;		/* when a keeper is wanted; 0: it is there */
	ilnp_time_t	as_began;
	u_int		as_wait;	/* s before the next one */
	asker_fn	*as_fn;
	void		*as_arg;
	bool		as_busy;	/* the first name has been sent */
	uid_t		as_last;	/* whose name was asked last */
	u_int		as_n;
	struct waiting	as_name[WAITING_MAX];
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

/* Answers until the node or the keeper is gone. */
static _Noreturn void
run_asker(int sock, pid_t keeper)
{
	enum ilnp_names_status status;
	struct reply rp;
	struct ilnp_stub st;
	ssize_t n;

	(void)prctl(PR_SET_NAME, "ilnpd-asker");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != keeper)
		_exit(0);
	memset(&rp, 0, sizeof(rp));
	while ((n = recv(sock, rp.rp_name, sizeof(rp.rp_name) - 1, 0)) > 0) {
		rp.rp_name[n] = '\0';
		rp.rp_told = false;
		if (ilnp_stub_conf(&st) == 0) {
			/* The names are whole; a search list may mislead. */
			st.st_nsearch = 0;
			status = ilnp_names_lookup(&st, rp.rp_name, 0,
			    &rp.rp_found);
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

/* Starts the asker, again and again, the later the sooner it ended. */
void
asker_keep(int sock, const char *user)
{
	struct reply rp = { .rp_ended = 0 };
	const pid_t keeper = getpid();
	int null = open("/dev/null", O_RDWR);
	unsigned int wait = 1;

	/* Whoever reads what the node printed must see its end. */
	for (int i = 0; i < 3; i++)
		(void)dup2(null, i);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)prctl(PR_SET_NAME, "ilnpd-keeper");
	close_others(sock);
	if (!become(user))
		_exit(1);
	for (;;) {
		time_t began = time(NULL);
		pid_t pid = fork();

		if (pid == 0)
			run_asker(sock, keeper);
		if (pid > 0) {
			if (waitpid(pid, &rp.rp_ended, 0) != pid ||
			    rp.rp_ended == 0 ||
			    send(sock, &rp, sizeof(rp), MSG_NOSIGNAL) < 0)
				_exit(0);
		}
		if (time(NULL) - began > RESTART_MAX)
			wait = 1;
		(void)sleep(wait);
		if (wait < RESTART_MAX)
			wait *= 2;
	}
}

/* Users take turns: names of one whose servers are slow hold up nobody else. */
static void
send_next(struct asker *as)
{
	struct waiting next;
	u_int at = 0;

	if (as->as_busy || as->as_n == 0 || as->as_src.ls_fd < 0)
		return;
	while (at < as->as_n && as->as_name[at].w_uid == as->as_last)
		at++;
	if (at == as->as_n)
		at = 0;
	next = as->as_name[at];
	memmove(&as->as_name[1], &as->as_name[0], at * sizeof(next));
	as->as_name[0] = next;
	as->as_last = next.w_uid;
	as->as_busy = send(as->as_src.ls_fd, next.w_name, strlen(next.w_name),
	    MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

/* The first name has its answer, or will not get one. */
static void
end_first(struct asker *as)
{
	as->as_busy = false;
	memmove(&as->as_name[0], &as->as_name[1],
	    --as->as_n * sizeof(as->as_name[0]));
}

/* The keeper has ended, or what it says is nonsense. */
static void
lose(struct asker *as)
{
	int fd = as->as_src.ls_fd;
	ilnp_time_t now = ilnp_env_now();

	loop_del(as->as_loop, &as->as_src);
	(void)close(fd);
	if (ilnp_since(now, as->as_began) > ILNP_SEC(RESTART_MAX))
		as->as_wait = 1;
	as->as_due = now + ILNP_SEC(as->as_wait);
	log_warn("the processes that ask names have ended; they are started "
	    "again in %u s", as->as_wait);
	if (as->as_wait < RESTART_MAX)
		as->as_wait *= 2;
	/* Perhaps it was this name's fault: others come first. */
	if (as->as_busy)
		end_first(as);
}

static bool
is_sound(const struct reply *rp)
{
	if (rp->rp_found.f_npeers > ILNP_NIDS_MAX ||
	    memchr(rp->rp_name, '\0', sizeof(rp->rp_name)) == NULL)
		return (false);
	for (u_int i = 0; i < rp->rp_found.f_npeers; i++)
		if (rp->rp_found.f_peer[i].pe_n > ILNP_LOCS_MAX)
			return (false);
	return (true);
}

static void
read_reply(void *arg, uint32_t events)
{
	struct asker *as = arg;
	struct reply rp;
	ssize_t n = recv(as->as_src.ls_fd, &rp, sizeof(rp), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(rp) || !is_sound(&rp)) {
		lose(as);
		return;
	}
	if (rp.rp_ended != 0) {
		log_warn("the process that asks names has ended (%s %d); it is "
		    "started again", WIFSIGNALED(rp.rp_ended) ? "signal" :
		    "status", WIFSIGNALED(rp.rp_ended) ?
		    WTERMSIG(rp.rp_ended) : WEXITSTATUS(rp.rp_ended));
		/* Perhaps it was this name's fault: others come first. */
		if (as->as_busy)
			end_first(as);
	} else if (as->as_busy && strcmp(rp.rp_name,
	    as->as_name[0].w_name) == 0) {
		end_first(as);
		as->as_fn(as->as_arg, rp.rp_name,
		    rp.rp_told ? &rp.rp_found : NULL);
	}
	send_next(as);
}

/* Returns 0 or an errno. */
static int
start(struct asker *as)
{
	int fd, error = priv_open_file(as->as_priv, PRIV_ASKER, &fd);

	if (error != 0)
		return (error);
	error = loop_add(as->as_loop, &as->as_src, fd, EPOLLIN, read_reply,
	    as);
	if (error != 0) {
		(void)close(fd);
		return (error);
	}
	as->as_due = 0;
	as->as_began = ilnp_env_now();
	return (0);
}

int
asker_open(struct loop *loop, struct priv *priv, asker_fn *fn, void *arg,
    struct asker **asp)
{
	struct asker *as = calloc(1, sizeof(*as));
	int error;

	if (as == NULL)
		return (ENOMEM);
	as->as_loop = loop;
	as->as_priv = priv;
	as->as_fn = fn;
	as->as_arg = arg;
	as->as_wait = 1;
	as->as_src.ls_fd = -1;
	error = start(as);
	if (error != 0) {
		free(as);
		return (error);
	}
	*asp = as;
	return (0);
}

void
asker_tick(struct asker *as, ilnp_time_t now)
{
	int error;

	if (as->as_due == 0 || now < as->as_due)
		return;
	error = start(as);
	if (error != 0) {
		log_error("the processes that ask names cannot be started: %s",
		    strerror(error));
		as->as_due = now + ILNP_SEC(RESTART_MAX);
		return;
	}
	send_next(as);
}

/* It may be waiting for a name server; the helper ends it. */
void
asker_close(struct asker *as)
{
	int fd = as->as_src.ls_fd;

	if (fd >= 0) {
		loop_del(as->as_loop, &as->as_src);
		(void)close(fd);
	}
	free(as);
}

bool
asker_ask(struct asker *as, uid_t uid, const char *name)
{
	struct waiting *w = &as->as_name[as->as_n];
	u_int same = 0;

	if (as->as_n == WAITING_MAX ||
	    strlen(name) >= sizeof(w->w_name))
		return (false);
	for (u_int i = 0; i < as->as_n; i++) {
		if (strcasecmp(as->as_name[i].w_name, name) == 0)
			return (false);
		same += as->as_name[i].w_uid == uid;
	}
	if (same == WAITING_UID_MAX)
		return (false);
	w->w_uid = uid;
	(void)strcpy(w->w_name, name);
	as->as_n++;
	send_next(as);
	return (true);
}
