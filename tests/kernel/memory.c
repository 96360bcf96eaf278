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

#include "memory.h"

#define	STREAM_MAX	(64U << 20)

static const char *
read_stream(const char *name)
{
	static char *stream;
	size_t len = STREAM_MAX;

	if (stream == NULL)
		stream = shared_memory(STREAM_MAX);
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

uint64_t
memory_of(const char *type)
{
	const char *p = read_stream("kern.malloc_stats");
	const struct malloc_type_stream_header *head = (const void *)p;
	uint64_t used = 0;

	p += sizeof(*head);
	for (uint32_t i = 0; i < head->mtsh_count; i++) {
		const struct malloc_type_header *h = (const void *)p;
		const struct malloc_type_stats *s = (const void *)(h + 1);

		for (uint32_t cpu = 0; cpu < head->mtsh_maxcpus; cpu++, s++)
			if (same(h->mth_name, type))
				used += s->mts_memalloced - s->mts_memfreed;
		p = (const void *)s;
	}
	return (used);
}

uint64_t
items_of(const char *zone)
{
	const char *p = read_stream("vm.zone_stats");
	const struct uma_stream_header *head = (const void *)p;
	uint64_t used = 0;

	p += sizeof(*head);
	for (uint32_t i = 0; i < head->ush_count; i++) {
		const struct uma_type_header *h = (const void *)p;
		const struct uma_percpu_stat *s = (const void *)(h + 1);
		bool this = same(h->uth_name, zone);

		if (this)
			used += h->uth_allocs - h->uth_frees;
		for (uint32_t cpu = 0; cpu < head->ush_maxcpus; cpu++, s++)
			if (this)
				used += s->ups_allocs - s->ups_frees;
		p = (const void *)s;
	}
	return (used);
}
