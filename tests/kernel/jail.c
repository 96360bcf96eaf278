/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Jails, as jail(8) makes them, and jexec(8).
 */
#include "jail.h"

int
jail_start(int jid, int (*fn)(void *), void *arg)
{
	result pid = sys_fork();

	if (pid == 0)
		sys_exit(sys_jail_attach(jid) < 0 ? JAIL_NONE : fn(arg));
	return ((int)pid);
}

int
jail_run(int jid, int (*fn)(void *), void *arg)
{
	return ((int)sys_wait(jail_start(jid, fn, arg)));
}

int
jail_with(struct ilv a)
{
	uint8_t in6[16];

	put64(in6, a.l64);
	put64(in6 + 8, a.nid);
	return ((int)sys_address_jail("kt6", in6));
}

int
jail_run_with(struct ilv a, int (*fn)(void *), void *arg)
{
	int jid = jail_with(a), status;

	status = jail_run(jid, fn, arg);
	(void)sys_jail_remove(jid);
	return (status);
}
