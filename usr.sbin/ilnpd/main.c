/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ilnpd: ILNPv6 for a Linux host, behind a TUN device.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "node.h"

/* Too large for the stack of main(), and there is only one. */
static struct node node;

/*
 * Goes into the background.  The parent stays until the child is ready, so that
 * who started it learns by the exit code whether it runs.
 * Returns a descriptor to report to, and one to put in the place of the terminal.
 */
static int
detach(int *null)
{
	int fd[2], status;
	char code;
	pid_t pid;

	*null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (*null < 0 || pipe2(fd, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		perror("ilnpd");
		exit(EXIT_FAILED);
	}
	if (pid == 0) {
		(void)close(fd[0]);
		(void)setsid();
		return (fd[1]);
	}
	(void)close(fd[1]);
	if (read(fd[0], &code, 1) == 1)
		exit(0);
	(void)waitpid(pid, &status, 0);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED);
}

static void
report_ready(int fd, int null)
{
	for (int i = 0; i < 3; i++)
		(void)dup2(null, i);
	log_open("ilnpd", false);
	(void)!write(fd, "", 1);
	(void)close(fd);
	(void)close(null);
}

int
main(int argc, char **argv)
{
	int code = conf_read(&node.n_conf, argc, argv), ready = -1, null = -1;

	if (code >= 0)
		return (code);
	(void)signal(SIGPIPE, SIG_IGN);
	log_open("ilnpd", true);
	log_verbose(node.n_conf.c_verbose);
	if (!node.n_conf.c_foreground)
		ready = detach(&null);
	code = node_start(&node);
	if (code == 0) {
		if (ready >= 0)
			report_ready(ready, null);
		log_info("%s %s: running", node.n_conf.c_name, ILNPD_VERSION);
		code = node_run(&node);
		log_info("%s: ending", node.n_conf.c_name);
	}
	node_stop(&node);
	return (code);
}
