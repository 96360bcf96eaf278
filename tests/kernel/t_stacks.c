/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The TCP stacks RACK and BBR, in a kernel that has them (ILNP-STACKS): their
 * segments leave through the same door, and their connections move as others
 * do.
 */
#include <sys/param.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "rig.h"

#define	OCTETS	10000000U
#define	CHANGES	10

static int
choose_stack(void *name)
{
	return (sysctl_set("net.inet.tcp.functions_default", name) < 0);
}

/* True if a new socket of a host uses a stack. */
static bool
uses(enum rig_who who, const char *name)
{
	int fd = rig_socket(who, SOCK_STREAM, 0);
	struct tcp_function_set set;
	socklen_t len = sizeof(set);
	bool same;

	memset(&set, 0, sizeof(set));
	same = sys_getsockopt(fd, IPPROTO_TCP, TCP_FUNCTION_BLK, &set,
	    &len) >= 0 && length(set.function_set_name) == length(name) &&
	    memcmp(set.function_set_name, name, length(name)) == 0;
	(void)sys_close(fd);
	return (same);
}

/* lesson: 45 */
static void
stack(const char *name)
{
	scenario(name);
	check(rig_up(2, 2, true), "two hosts with two providers each");
	check(rig_teach(RIG_A), "one is told of the other");
	for (enum rig_who h = RIG_A; h <= RIG_B; h++)
		check(rig_run(h, choose_stack, (void *)(uintptr_t)name) == 0 &&
		    uses(h, name), "host %d uses it", h);
	transfer_while_moving(OCTETS, CHANGES);
	check(rig_counter(RIG_A, "out_ilnp") > OCTETS / 1500 &&
	    rig_counter(RIG_B, "in_ilnp") > OCTETS / 1500 &&
	    rig_counter(RIG_B, "in_nonce_missing") == 0,
	    "all of it as ILNP");
	rig_down();
}

void
test_stacks(void)
{
	stack("rack");
	stack("bbr");
}
