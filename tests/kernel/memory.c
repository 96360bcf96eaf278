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

/* Called for each malloc(9) type with what of it is in use. */
static void
each_type(void (*fn)(void *, const char *, uint64_t, uint64_t), void *arg)
{
	const char *p = read_stream("kern.malloc_stats", TYPES_MAX);
	const struct malloc_type_stream_header *head = (const void *)p;

	p += sizeof(*head);
	for (uint32_t i = 0; i < head->mtsh_count; i++) {
		const struct malloc_type_header *h = (const void *)p;
		const struct malloc_type_stats *s = (const void *)(h + 1);
		uint64_t octets = 0, items = 0;

		for (uint32_t cpu = 0; cpu < head->mtsh_maxcpus; cpu++, s++) {
			octets += s->mts_memalloced - s->mts_memfreed;
			items += s->mts_numallocs - s->mts_numfrees;
		}
		fn(arg, h->mth_name, items, octets);
		p = (const void *)s;
	}
}

/* And for each uma(9) zone. */
static void
each_zone(void (*fn)(void *, const char *, uint64_t, uint64_t), void *arg)
{
	const char *p = read_stream("vm.zone_stats", ZONES_MAX);
	const struct uma_stream_header *head = (const void *)p;

	p += sizeof(*head);
	for (uint32_t i = 0; i < head->ush_count; i++) {
		const struct uma_type_header *h = (const void *)p;
		const struct uma_percpu_stat *s = (const void *)(h + 1);
		uint64_t items = h->uth_allocs - h->uth_frees;

		for (uint32_t cpu = 0; cpu < head->ush_maxcpus; cpu++, s++)
			items += s->ups_allocs - s->ups_frees;
		fn(arg, h->uth_name, items, items * h->uth_size);
		p = (const void *)s;
	}
}

struct search {
	const char *name;
	unsigned int found;
	uint64_t items;
	uint64_t octets;
};

static void
match(void *arg, const char *name, uint64_t items, uint64_t octets)
{
	struct search *s = arg;

	if (same(name, s->name)) {
		s->found++;
		s->items += items;
		s->octets += octets;
	}
}

uint64_t
memory_of(const char *type)
{
	struct search s = { .name = type };

	each_type(match, &s);
	return (s.octets);
}

uint64_t
items_of(const char *zone)
{
	struct search s = { .name = zone };

	each_zone(match, &s);
	return (s.items);
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
enter(void *arg, const char *name, uint64_t items, uint64_t octets __unused)
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
	c->use[i].items += items;
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
