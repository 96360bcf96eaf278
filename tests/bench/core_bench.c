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
 * Lookups are for correspondents drawn at random from all of them, the worst
 * there is for the processor's caches, and come in two forms: in bursts with
 * prefetching, as the node makes them, and one by one, as the kernel does.
 * Besides, "active" ones, one by one, are for the same 1,000 correspondents
 * however many there are, as of a host that remembers many and talks to few.
 * Prints one JSON object: nanoseconds of processor time per lookup, and octets
 * of resident memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ilnp_ilcc.h"

#define	MANY		1000000
#define	FEW		1000
#define	LOOKUPS		1000000
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

/* Processor time of this thread: other work on the machine takes none of it. */
static double
seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

/*
 * Nanoseconds per lookup among n correspondents, `stride' apart, in bursts of
 * `burst'; of one: without prefetching.
 */
static double
measure(struct ilnp_ilcc *c, uint32_t n, uint32_t stride, u_int burst)
{
	static uint64_t x = 88172645463325252;
	struct ilnp_nidpair nids[ILNP_BURST];
	double begin;

	ilnp_env_epoch_begin();
	begin = seconds();
	for (u_int done = 0; done < LOOKUPS; done += burst) {
		for (u_int i = 0; i < burst; i++)
			nids[i] = pair_of((uint32_t)(next_random(&x) % n) *
			    stride);
		if (burst > 1)
			ilnp_ilcc_prefetch(c, nids, burst);
		for (u_int i = 0; i < burst; i++)
			if (ilnp_ilcc_find(c, &nids[i]) == NULL)
				abort();
	}
	begin = seconds() - begin;
	ilnp_env_epoch_end();
	return (begin * 1e9 / LOOKUPS);
}

static double
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long all, pages;

	if (f == NULL || fscanf(f, "%lu %lu", &all, &pages) != 2)
		abort();
	(void)fclose(f);
	return ((double)pages * (double)sysconf(_SC_PAGESIZE));
}

int
main(int argc, char **argv)
{
	int pairs = argc > 1 ? atoi(argv[1]) : 5;
	struct ilnp_ilcc *many, *few;
	double before, after;

	ilnp_env_thread_init();
	before = resident();
	many = make_cache(MANY);
	after = resident();
	few = make_cache(FEW);
	printf("{\"lookup\": [");
	for (int i = 0; i < pairs; i++) {
		printf("%s{", i == 0 ? "" : ", ");
		printf("\"burst_many_ns\": %.2f, ",
		    measure(many, MANY, 1, ILNP_BURST));
		printf("\"burst_few_ns\": %.2f, ",
		    measure(few, FEW, 1, ILNP_BURST));
		printf("\"single_many_ns\": %.2f, ", measure(many, MANY, 1, 1));
		printf("\"active_many_ns\": %.2f, ",
		    measure(many, FEW, MANY / FEW, 1));
		printf("\"single_few_ns\": %.2f}", measure(few, FEW, 1, 1));
	}
	printf("], \"octets_per_correspondent\": %.1f}\n",
	    (after - before) / MANY);
	ilnp_ilcc_free(many);
	ilnp_ilcc_free(few);
	ilnp_env_thread_fini();
	return (0);
}
