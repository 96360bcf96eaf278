/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A small table: there is something in it only while a session has lost its
 * peer.
 */
#include <stdlib.h>
#include <string.h>

#include "held.h"

struct kept {
	struct flow_key	k_key;
	ilnp_time_t	k_since;
	bool		k_due;
	void		*k_frame;	/* NULL: a free place */
	size_t		k_len;
};

struct held {
	u_int		h_n;
	u_int		h_due;
	struct kept	h_kept[HELD_MAX];
};

struct held *
held_alloc(void)
{
	return (calloc(1, sizeof(struct held)));
}

static void
drop(struct held *h, struct kept *k)
{
	if (k->k_frame == NULL)
		return;
	free(k->k_frame);
	h->h_due -= k->k_due;
	h->h_n--;
	memset(k, 0, sizeof(*k));
}

void
held_free(struct held *h)
{
	for (u_int i = 0; i < HELD_MAX; i++)
		drop(h, &h->h_kept[i]);
	free(h);
}

/* The place of a connection, else a free one, else the oldest. */
static struct kept *
place_of(struct held *h, const struct flow_key *fk)
{
	struct kept *place = &h->h_kept[0];

	for (u_int i = 0; i < HELD_MAX; i++) {
		struct kept *k = &h->h_kept[i];

		if (k->k_frame != NULL && flow_key_eq(&k->k_key, fk))
			return (k);
		if (k->k_since < place->k_since)
			place = k;
	}
	return (place);
}

void
held_keep(struct held *h, const struct flow_key *fk, const void *frame,
    size_t len, ilnp_time_t now)
{
	struct kept *k = place_of(h, fk);

	drop(h, k);
	k->k_frame = malloc(len);
	if (k->k_frame == NULL)
		return;
	memcpy(k->k_frame, frame, len);
	k->k_len = len;
	k->k_key = *fk;
	k->k_since = now;
	h->h_n++;
}

void
held_drop(struct held *h, const struct flow_key *fk)
{
	struct kept *k;

	if (h->h_n == 0)
		return;
	k = place_of(h, fk);
	if (k->k_frame != NULL && flow_key_eq(&k->k_key, fk))
		drop(h, k);
}

void
held_wake(struct held *h, const struct ilnp_nidpair *nids)
{
	for (u_int i = 0; h->h_n != 0 && i < HELD_MAX; i++) {
		struct kept *k = &h->h_kept[i];

		if (k->k_frame == NULL || k->k_due ||
		    !ilnp_nidpair_eq(&k->k_key.fk_nids, nids))
			continue;
		k->k_due = true;
		h->h_due++;
	}
}

bool
held_due(const struct held *h)
{
	return (h->h_due != 0);
}

size_t
held_take(struct held *h, void *frame, ilnp_time_t now)
{
	size_t len = 0;

	for (u_int i = 0; h->h_due != 0 && len == 0; i++) {
		struct kept *k = &h->h_kept[i];

		if (!k->k_due)
			continue;
		if (ilnp_since(now, k->k_since) < HELD_TIME) {
			len = k->k_len;
			memcpy(frame, k->k_frame, len);
		}
		drop(h, k);
	}
	return (len);
}
