/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What packets cost in memory: nothing but their mbufs.
 */
#include <sys/param.h>

#include "kt.h"
#include "memory.h"

#define	ANYBODY	0x021122fffe000600ULL
#define	ROUNDS	100	/* a segment there and one back, in each */

/*
 * Beside packets, there is what is done each second, as looking at locators is,
 * for which so much is asked for at most.
 */
#define	A_SECOND	4

/* lesson: 67 */
void
test_alloc(void)
{
	static const char *const types[] = { "ilnp", "tag" };
	struct conn c = { .far = { FAR_C, ANYBODY },
	    .near = { GUEST_A, GUEST }, .farport = 6480,
	    .nearport = 7280, .seq = 1, .nonce = { 3, 9, 3, 9 },
	    .noncelen = 4 };
	int lfd = listener((struct ilv){ 0, 0 }, c.nearport);
	uint64_t before[nitems(types)];
	unsigned int n = 0, most;
	struct packet k;
	int64_t began;

	scenario("memory for packets");
	net_answer.on = true;
	net_answer.noncelen = c.noncelen;
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	for (unsigned int i = 0; i < nitems(types); i++)
		before[i] = requests_of(types[i]);
	began = now_ms();
	for (; n < ROUNDS; n++) {
		far_send(&c, TH_ACK | TH_PUSH, "there");
		if (!near_reads(&c, "there") || !near_send(&c, "back", &k) ||
		    k.noncelen != 4)
			break;
	}
	check(n == ROUNDS, "%u segments each way, with nonces", n);
	most = ROUNDS + (unsigned int)(now_ms() - began) / 1000 * A_SECOND;
	for (unsigned int i = 0; i < nitems(types); i++) {
		uint64_t more = requests_of(types[i]) - before[i];

		check(more < most, "of \"%s\" is asked for %lu times",
		    types[i], more);
	}
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}
