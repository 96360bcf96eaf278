/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The table of ilnp_table.h: open addressing over buckets of one cache line.
 * Knows of a session only its NIDs and its successor.
 */
#include "ilnp_ilcc_var.h"
#include "ilnp_addr.h"

#define	BUCKETS_MINBITS	4

_Static_assert(sizeof(struct ilnp_bucket) <= ILNP_LINE, "one line");

static uint64_t
hash_pair(const struct ilnp_table *t, const struct ilnp_nidpair *nids)
{
	uint64_t words[2] = { nids->local.nid, nids->remote.nid };

	return (ilnp_place(t->t_key, words, 2));
}

/* The bits that choose the bucket say nothing inside it: those below do. */
static uint16_t
tag_of(const struct ilnp_table *t, uint64_t hash)
{
	return ((uint16_t)(hash >> (t->t_shift - 16)));
}

static struct ilnp_bucket *
home_of(const struct ilnp_table *t, uint64_t hash)
{
	return (&t->t_bucket[hash >> t->t_shift]);
}

static struct ilnp_bucket *
behind(const struct ilnp_table *t, const struct ilnp_bucket *b)
{
	return (&t->t_bucket[(uint32_t)(b - t->t_bucket + 1) & t->t_mask]);
}

int
ilnp_table_alloc(struct ilnp_table *t, uint32_t max)
{
	uint32_t n = 1U << BUCKETS_MINBITS;

	/* Up to two thirds full: one pair in twenty-five is not at home. */
	t->t_shift = 64 - BUCKETS_MINBITS;
	while (n < max / 4) {
		n <<= 1;
		t->t_shift--;
	}
	t->t_mask = n - 1;
	t->t_bucket = ilnp_env_alloc(n * sizeof(*t->t_bucket));
	return (t->t_bucket != NULL ? 0 : ENOMEM);
}

void
ilnp_table_free(struct ilnp_table *t)
{
	if (t->t_bucket != NULL)
		ilnp_env_free(t->t_bucket,
		    ((size_t)t->t_mask + 1) * sizeof(*t->t_bucket));
}

/*
 * Finds a pair, and for writers its place.  What readers get is what they have
 * looked at: the place may be another pair's a moment later.
 * Returns its youngest session, or NULL.
 */
static struct ilnp_sess *
find_pair(const struct ilnp_table *t, const struct ilnp_nidpair *nids,
    uint64_t hash, struct ilnp_bucket **bp, u_int *place)
{
	struct ilnp_bucket *b = home_of(t, hash);

	for (uint32_t n = 0; n <= t->t_mask; n++) {
		for (u_int i = 0; i < ILNP_BUCKET_PLACES; i++) {
			struct ilnp_sess *s;

			if (ilnp_load_16(&b->b_tag[i]) != tag_of(t, hash))
				continue;
			s = ilnp_load_ptr(&b->b_sess[i]);
			if (s != NULL && ilnp_nidpair_eq(&s->s_nids, nids)) {
				*bp = b;
				*place = i;
				return (s);
			}
		}
		if (ilnp_load_32(&b->b_passed) == 0)
			break;
		b = behind(t, b);
	}
	return (NULL);
}

struct ilnp_sess *
ilnp_table_first(const struct ilnp_table *t, const struct ilnp_nidpair *nids)
{
	struct ilnp_bucket *b;
	u_int i;

	return (find_pair(t, nids, hash_pair(t, nids), &b, &i));
}

struct ilnp_sess *
ilnp_table_next(const struct ilnp_sess *s)
{
	return (ilnp_load_ptr(&s->s_next));
}

/* Gives a pair that has none a place.  There is one: see ilnp_table_alloc(). */
static void
take_place(struct ilnp_table *t, struct ilnp_sess *s, uint64_t hash)
{
	struct ilnp_bucket *b = home_of(t, hash);

	for (uint32_t n = 0; n <= t->t_mask; n++) {
		for (u_int i = 0; i < ILNP_BUCKET_PLACES; i++) {
			if (b->b_sess[i] != NULL)
				continue;
			ilnp_store_16(&b->b_tag[i], tag_of(t, hash));
			ilnp_store_ptr(&b->b_sess[i], s);
			return;
		}
		ilnp_store_32(&b->b_passed, b->b_passed + 1);
		b = behind(t, b);
	}
	ILNP_ASSERT(false);
}

void
ilnp_table_insert(struct ilnp_table *t, struct ilnp_sess *s)
{
	uint64_t hash = hash_pair(t, &s->s_nids);
	struct ilnp_bucket *b;
	u_int i;

	ilnp_store_ptr(&s->s_next, find_pair(t, &s->s_nids, hash, &b, &i));
	if (s->s_next != NULL)
		ilnp_store_ptr(&b->b_sess[i], s);
	else
		take_place(t, s, hash);
}

/* The last session of its pair leaves the place b_sess[i]. */
static void
leave_place(struct ilnp_table *t, struct ilnp_bucket *b, u_int i,
    uint64_t hash)
{
	ilnp_store_ptr(&b->b_sess[i], NULL);
	for (struct ilnp_bucket *p = home_of(t, hash); p != b; p = behind(t, p))
		ilnp_store_32(&p->b_passed, p->b_passed - 1);
}

void
ilnp_table_remove(struct ilnp_table *t, struct ilnp_sess *s)
{
	uint64_t hash = hash_pair(t, &s->s_nids);
	struct ilnp_bucket *b;
	struct ilnp_sess *prev;
	u_int i;

	prev = find_pair(t, &s->s_nids, hash, &b, &i);
	/* s_next stays: readers that are at this session go on by it. */
	if (prev != s) {
		while (prev->s_next != s)
			prev = prev->s_next;
		ilnp_store_ptr(&prev->s_next, s->s_next);
	} else if (s->s_next != NULL)
		ilnp_store_ptr(&b->b_sess[i], s->s_next);
	else
		leave_place(t, b, i, hash);
}

/* Asks for the lines of a session that each packet needs. */
static void
prefetch_sess(const struct ilnp_sess *s)
{
	const uint8_t *line = (const uint8_t *)s;

	ilnp_prefetch(line);
	ilnp_prefetch(line + ILNP_LINE);
	ilnp_prefetch(line + 2 * ILNP_LINE);
}

static void
prefetch_pair(const struct ilnp_table *t, uint64_t hash)
{
	const struct ilnp_bucket *b = home_of(t, hash);
	bool found = false;

	for (uint32_t n = 0; n <= t->t_mask && !found; n++) {
		for (u_int i = 0; i < ILNP_BUCKET_PLACES; i++) {
			const struct ilnp_sess *s;

			if (ilnp_load_16(&b->b_tag[i]) != tag_of(t, hash))
				continue;
			s = ilnp_load_ptr(&b->b_sess[i]);
			if (s == NULL)
				continue;
			prefetch_sess(s);
			found = true;
		}
		if (ilnp_load_32(&b->b_passed) == 0)
			return;
		b = behind(t, b);
	}
}

/* Asks for all buckets before it looks into the first. */
void
ilnp_table_prefetch(const struct ilnp_table *t,
    const struct ilnp_nidpair *nids, u_int n)
{
	uint64_t hash[ILNP_BURST];

	ILNP_ASSERT(n <= ILNP_BURST);
	for (u_int i = 0; i < n; i++) {
		hash[i] = hash_pair(t, &nids[i]);
		ilnp_prefetch(home_of(t, hash[i]));
	}
	for (u_int i = 0; i < n; i++)
		prefetch_pair(t, hash[i]);
}
