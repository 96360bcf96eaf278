/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The helper opens two fixed files and takes no paths from anybody.  It starts
 * the process that asks names, for it knows no secrets that this could inherit.
 * It ends when the node does, whatever ended the node.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asker.h"
#include "log.h"
#include "priv.h"

struct priv {
	int		pr_fd;
	pid_t		pr_pid;
};

struct request {
	bool		rq_own;		/* the socket rq_inode; else open */
	enum priv_file	rq_file;
	ino_t		rq_inode;
};

/* An errno, with a descriptor beside it if that is 0. */
static void
send_descriptor(int sock, int fd, int error)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = &error, .iov_len = sizeof(error) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memset(&control, 0, sizeof(control));
	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.hdr.cmsg_level = SOL_SOCKET;
		control.hdr.cmsg_type = SCM_RIGHTS;
		control.hdr.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.hdr), &fd, sizeof(fd));
	}
	(void)sendmsg(sock, &msg, MSG_NOSIGNAL);
}

/* Ends the keeper, and the asker with it. */
static void
end_keeper(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* Starts a keeper.  Returns the node's end of its socket, or -1. */
static int
start_keeper(const char *user, pid_t *pid)
{
	int sock[2];

	end_keeper(*pid);
	*pid = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) != 0)
		return (-1);
	*pid = fork();
	if (*pid == 0)
		asker_keep(sock[1], user);
	(void)close(sock[1]);
	if (*pid < 0) {
		int error = errno;

		(void)close(sock[0]);
		errno = error;
		return (-1);
	}
	return (sock[0]);
}

static _Noreturn void
run_helper(int sock, const char *hosts, const char *control, const char *user)
{
	pid_t keeper = -1;
	struct request rq;
	struct stat st;
	ino_t inode = 0;
	int null = open("/dev/null", O_RDWR);

	/* Signals to the group are for the node; it tells by going away. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	for (int i = 0; i < 3; i++)
		(void)dup2(null, i);
	(void)prctl(PR_SET_NAME, "ilnpd-helper");
	while (read(sock, &rq, sizeof(rq)) == sizeof(rq)) {
		if (rq.rq_own) {
			inode = rq.rq_inode;
			continue;
		}
		int fd = rq.rq_file == PRIV_ASKER ?
		    start_keeper(user, &keeper) : rq.rq_file == PRIV_TUN ?
		    open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK) :
		    open(hosts, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		send_descriptor(sock, fd, fd < 0 ? errno : 0);
		if (fd >= 0)
			(void)close(fd);
	}
	end_keeper(keeper);
	/* Not if another node has taken the name over meanwhile. */
	if (inode != 0 && lstat(control, &st) == 0 && st.st_ino == inode)
		(void)unlink(control);
	_exit(0);
}

int
priv_open(const char *hosts, const char *control, const char *user,
    struct priv **prp)
{
	struct priv *pr = calloc(1, sizeof(*pr));
	int sock[2], error;

	if (pr == NULL)
		return (ENOMEM);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) != 0) {
		free(pr);
		return (errno);
	}
	pr->pr_pid = fork();
	error = errno;
	if (pr->pr_pid == 0) {
		(void)close(sock[0]);
		run_helper(sock[1], hosts, control, user);
	}
	(void)close(sock[1]);
	pr->pr_fd = sock[0];
	if (pr->pr_pid < 0) {
		(void)close(sock[0]);
		free(pr);
		return (error);
	}
	*prp = pr;
	return (0);
}

void
priv_close(struct priv *pr)
{
	(void)close(pr->pr_fd);
	(void)waitpid(pr->pr_pid, NULL, 0);
	free(pr);
}

void
priv_own_socket(struct priv *pr, ino_t inode)
{
	struct request rq = { .rq_own = true, .rq_inode = inode };

	(void)send(pr->pr_fd, &rq, sizeof(rq), MSG_NOSIGNAL);
}

int
priv_open_file(struct priv *pr, enum priv_file file, int *fd)
{
	struct request rq = { .rq_file = file };
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	int error = EPIPE;
	struct iovec iov = { .iov_base = &error, .iov_len = sizeof(error) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control) };

	if (send(pr->pr_fd, &rq, sizeof(rq), MSG_NOSIGNAL) != sizeof(rq) ||
	    recvmsg(pr->pr_fd, &msg, MSG_CMSG_CLOEXEC) != sizeof(error))
		return (EPIPE);
	if (error != 0)
		return (error);
	if (msg.msg_controllen < CMSG_LEN(sizeof(int)))
		return (EPIPE);
	memcpy(fd, CMSG_DATA(&control.hdr), sizeof(*fd));
	return (0);
}

int
priv_drop(const char *user)
{
	const struct passwd *pw = getpwnam(user);
	int rc;

	if (pw == NULL) {
		log_error("%s: no such user; set `user'", user);
		return (ENOENT);
	}
	capng_clear(CAPNG_SELECT_BOTH);
	(void)capng_updatev(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE |
	    CAPNG_PERMITTED | CAPNG_BOUNDING_SET), CAP_NET_ADMIN, CAP_NET_RAW,
	    -1);
	rc = capng_change_id((int)pw->pw_uid, (int)pw->pw_gid,
	    (capng_flags_t)(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING));
	if (rc != 0) {
		log_error("%s: cannot give up privileges (libcap-ng: %d)",
		    user, rc);
		return (EPERM);
	}
	/* Not dumpable any more: others of that user may not look inside. */
	return (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? errno : 0);
}
