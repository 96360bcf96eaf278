/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * P13: what a lookup in the cache costs with 1,000,000 correspondents over
 * what it costs with 1,000, and how much memory a correspondent takes.
 *
 *	core_bench [PAIRS]
 *
 * Every lookup is for a correspondent drawn at random from all of them, the
 * worst there is for the processor's caches.  Besides, "active" lookups draw
 * from 1,000 of them however many there are, as a host would that remembers
 * many and talks to few.  Prints one JSON object.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ilnp_ilcc.h"

#define	MANY		1000000
#define	FEW		1000
#define	LOOKUPS		2000000
#define	ME		0x0211220000000001

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (*x);
}

static struct ilnp_nidpair
pair_of(uint32_t i)
{
	/* Spread as real identifiers are, and found again by their number. */
	struct ilnp_nidpair p = { .local = { ME },
	    .remote = { 0x0200000000000000 | ((uint64_t)i + 1) * 0x9e3779b1 } };

	return (p);
}

static struct ilnp_ilcc *
make_cache(uint32_t n)
{
	struct ilnp_lurec rec[2] = {
		{ .lr_l64 = { 0x20010db800010001 }, .lr_life = 3600 },
		{ .lr_l64 = { 0x20010db800020002 }, .lr_life = 3600 },
	};
	struct ilnp_conf conf;
	struct ilnp_sess *s;
	struct ilnp_ilcc *c;

	ilnp_conf_init(&conf);
	conf.sess_max = n;
	c = ilnp_ilcc_alloc(&conf, NULL, NULL);
	if (c == NULL)
		abort();
	ilnp_env_epoch_begin();
	for (uint32_t i = 0; i < n; i++) {
		struct ilnp_nidpair nids = pair_of(i);

		if (ilnp_ilcc_open(c, &nids, rec, 2, 1, &s) != 0)
			abort();
	}
	ilnp_env_epoch_end();
	return (c);
}

static double
seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

/* Nanoseconds per lookup among n correspondents, `stride' apart. */
static double
measure(struct ilnp_ilcc *c, uint32_t n, uint32_t stride)
{
	uint64_t x = 88172645463325252;
	double begin;

	ilnp_env_epoch_begin();
	begin = seconds();
	for (int i = 0; i < LOOKUPS; i++) {
		struct ilnp_nidpair nids = pair_of(
		    (uint32_t)(next_random(&x) % n) * stride);

		if (ilnp_ilcc_find(c, &nids) == NULL)
			abort();
	}
	begin = seconds() - begin;
	ilnp_env_epoch_end();
	return (begin * 1e9 / LOOKUPS);
}

int
main(int argc, char **argv)
{
	int pairs = argc > 1 ? atoi(argv[1]) : 5;
	struct mallinfo2 before, after;
	struct ilnp_ilcc *many, *few;

	ilnp_env_thread_init();
	before = mallinfo2();
	many = make_cache(MANY);
	after = mallinfo2();
	few = make_cache(FEW);
	printf("{\"lookup\": [");
	for (int i = 0; i < pairs; i++)
		printf("%s{\"many_ns\": %.2f, \"few_ns\": %.2f, "
		    "\"active_ns\": %.2f}", i == 0 ? "" : ", ",
		    measure(many, MANY, 1), measure(few, FEW, 1),
		    measure(many, FEW, MANY / FEW));
	printf("], \"octets_per_correspondent\": %.1f}\n",
	    (double)(after.uordblks + after.hblkhd - before.uordblks -
	    before.hblkhd) / MANY);
	ilnp_ilcc_free(many);
	ilnp_ilcc_free(few);
	ilnp_env_thread_fini();
	return (0);
}
