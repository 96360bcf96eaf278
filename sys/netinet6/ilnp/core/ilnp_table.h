/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Finds the sessions of a pair of NIDs.  A place in the table belongs to a pair
 * and leads to its youngest session, which leads to the next older one.
 *
 * A packet of a correspondent that was silent for a while pays for each cache
 * line that is read on the way, and for nothing else that one could measure.
 * So a bucket is one line, and holds beside each place some bits of the hash:
 * of the sessions in it only the one that is sought is ever touched.
 *
 * Readers take no lock.  That is safe because a pair stays in the place it was
 * given as long as it has a session: whoever looks for it finds it, whatever
 * comes and goes beside it.  Writers must exclude one another.
 */
#ifndef _ILNP_TABLE_H_
#define	_ILNP_TABLE_H_

#include "ilnp_ilcc.h"

#define	ILNP_LINE		64	/* octets that memory hands over at once */
#define	ILNP_BUCKET_PLACES	6

/*
 * All fields change only under the lock of the writers, and are read without
 * it.  A pair whose bucket is full lies in the nearest one behind it that is
 * not, and counts in b_passed of each bucket between.
 */
struct ilnp_bucket {
	struct ilnp_sess *b_sess[ILNP_BUCKET_PLACES];	/* NULL: free */
	uint16_t	b_tag[ILNP_BUCKET_PLACES];
	uint32_t	b_passed;	/* pairs that found no place here */
};

struct ilnp_table {
	struct ilnp_bucket *t_bucket;
	uint32_t	t_mask;		/* buckets - 1 */
	uint32_t	t_shift;	/* of a hash, leaves a bucket */
	uint64_t	t_key[3];	/* so that nobody can aim at a bucket */
};

/* Makes a table for at most `max' pairs, all but t_key. Returns 0 or ENOMEM. */
int	ilnp_table_alloc(struct ilnp_table *, uint32_t max);
void	ilnp_table_free(struct ilnp_table *);

/*
 * The sessions of a pair, youngest first: borrowed, inside an epoch, or under
 * the lock of the writers.
 * Return NULL if there is none, or no further one.
 */
struct ilnp_sess *ilnp_table_first(const struct ilnp_table *,
		    const struct ilnp_nidpair *);
struct ilnp_sess *ilnp_table_next(const struct ilnp_sess *);

/* Writers only. */
void	ilnp_table_insert(struct ilnp_table *, struct ilnp_sess *);
void	ilnp_table_remove(struct ilnp_table *, struct ilnp_sess *);

/*
 * Has the processor fetch what lookups of up to ILNP_BURST pairs will read, all
 * at the same time.
 */
void	ilnp_table_prefetch(const struct ilnp_table *,
	    const struct ilnp_nidpair *, u_int n);

#endif /* !_ILNP_TABLE_H_ */
