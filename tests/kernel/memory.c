/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Reads the statistics of the kernel's allocators, which come as a stream of
 * headers, each followed by one record per processor.
 */
#include <sys/param.h>
#include <sys/malloc.h>
#include <vm/uma.h>

#include "kt.h"
#include "memory.h"

/* Types have a record for each processor that there could be. */
#define	TYPES_MAX	(32U << 20)
#define	ZONES_MAX	(1U << 20)

/* Room for more than there is would cost: the kernel wires all of it. */
static const char *
read_stream(const char *name, size_t len)
{
	static char *stream;

	if (stream == NULL)
		stream = shared_memory(TYPES_MAX);
	if (sysctl_get(name, stream, &len) < 0) {
		say("cannot read %s\n", name);
		memset(stream, 0, 64);
	}
	return (stream);
}

static bool
same(const char *a, const char *b)
{
	return (length(a) == length(b) && memcmp(a, b, length(a)) == 0);
}

struct amount {
	uint64_t items;		/* in use */
	uint64_t octets;
	uint64_t requests;	/* ever */
};

/* Called for each malloc(9) type. */
static void
each_type(void (*fn)(void *, const char *, const struct amount *), void *arg)
{
	const char *p = read_stream("kern.malloc_stats", TYPES_MAX);
	const struct malloc_type_stream_header *head = (const void *)p;

	p += sizeof(*head);
	for (uint32_t i = 0; i < head->mtsh_count; i++) {
		const struct malloc_type_header *h = (const void *)p;
		const struct malloc_type_stats *s = (const void *)(h + 1);
		struct amount a = { };

		for (uint32_t cpu = 0; cpu < head->mtsh_maxcpus; cpu++, s++) {
			a.octets += s->mts_memalloced - s->mts_memfreed;
			a.items += s->mts_numallocs - s->mts_numfrees;
			a.requests += s->mts_numallocs;
		}
		fn(arg, h->mth_name, &a);
		p = (const void *)s;
	}
}

/* And for each uma(9) zone. */
static void
each_zone(void (*fn)(void *, const char *, const struct amount *), void *arg)
{
	const char *p = read_stream("vm.zone_stats", ZONES_MAX);
	const struct uma_stream_header *head = (const void *)p;

	p += sizeof(*head);
	for (uint32_t i = 0; i < head->ush_count; i++) {
		const struct uma_type_header *h = (const void *)p;
		const struct uma_percpu_stat *s = (const void *)(h + 1);
		struct amount a = { .items = h->uth_allocs - h->uth_frees,
		    .requests = h->uth_allocs };

		for (uint32_t cpu = 0; cpu < head->ush_maxcpus; cpu++, s++) {
			a.items += s->ups_allocs - s->ups_frees;
			a.requests += s->ups_allocs;
		}
		a.octets = a.items * h->uth_size;
		fn(arg, h->uth_name, &a);
		p = (const void *)s;
	}
}

struct search {
	const char *name;
	unsigned int found;
	struct amount sum;
};

static void
match(void *arg, const char *name, const struct amount *a)
{
	struct search *s = arg;

	if (same(name, s->name)) {
		s->found++;
		s->sum.items += a->items;
		s->sum.octets += a->octets;
		s->sum.requests += a->requests;
	}
}

uint64_t
memory_of(const char *type)
{
	struct search s = { .name = type };

	each_type(match, &s);
	return (s.sum.octets);
}

uint64_t
requests_of(const char *type)
{
	struct search s = { .name = type };

	each_type(match, &s);
	return (s.sum.requests);
}

uint64_t
items_of(const char *zone)
{
	struct search s = { .name = zone };

	each_zone(match, &s);
	return (s.sum.items);
}

static bool
comes_to(uint64_t (*of)(const char *), const char *name, uint64_t most)
{
	int64_t end = now_ms() + STUCK_MS;

	while (of(name) > most)
		if (now_ms() > end)
			return (false);
		else
			sleep_ms(100);
	return (true);
}

bool
memory_comes_to(const char *type, uint64_t most)
{
	return (comes_to(memory_of, type, most));
}

bool
items_come_to(const char *zone, uint64_t most)
{
	return (comes_to(items_of, zone, most));
}

unsigned int
zones_of(const char *name)
{
	struct search s = { .name = name };

	each_zone(match, &s);
	return (s.found);
}

struct census {
	struct memory_use *use;
	unsigned int first;	/* of its kind: types and zones share names */
	unsigned int n;
	unsigned int max;
};

static void
enter(void *arg, const char *name, const struct amount *a)
{
	struct census *c = arg;
	unsigned int i = c->first;

	while (i < c->n && !same(c->use[i].name, name))
		i++;
	if (i == c->max) {
		say("more than %u types and zones\n", c->max);
		return;
	}
	if (i == c->n) {
		memset(&c->use[i], 0, sizeof(c->use[i]));
		memcpy(c->use[i].name, name, MIN(length(name),
		    sizeof(c->use[i].name) - 1));
		c->n++;
	}
	c->use[i].items += a->items;
}

unsigned int
memory_all(struct memory_use *use, unsigned int max)
{
	struct census c = { .use = use, .max = max };

	each_type(enter, &c);
	c.first = c.n;
	each_zone(enter, &c);
	return (c.n);
}
