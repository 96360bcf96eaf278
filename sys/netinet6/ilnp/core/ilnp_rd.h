/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Bounded reader and writer: the only places where packet octets are touched.
 * Both remember failure, so a parser asks once at the end.  A failed reader
 * yields zeros, a failed writer writes nothing.
 */
#ifndef _ILNP_RD_H_
#define	_ILNP_RD_H_

#include "ilnp_types.h"

struct ilnp_rd {
	const uint8_t	*r_p;
	size_t		r_left;		/* octets */
	bool		r_bad;		/* something past the end was wanted */
};

static inline struct ilnp_rd
ilnp_rd(const void *p, size_t len)
{
	struct ilnp_rd r = { .r_p = p, .r_left = len, .r_bad = false };

	return (r);
}

/* Steps over n octets.  Returns false and marks the reader bad if it cannot. */
static inline bool
ilnp_rd_skip(struct ilnp_rd *r, size_t n)
{
	/* A bad one has nothing, and does not have no octets either. */
	if (r->r_bad || n > r->r_left) {
		r->r_bad = true;
		r->r_left = 0;
		return (false);
	}
	r->r_p += n;
	r->r_left -= n;
	return (true);
}

/* Returns n octets in place, or NULL and marks the reader bad. */
static inline const uint8_t *
ilnp_rd_take(struct ilnp_rd *r, size_t n)
{
	const uint8_t *p = r->r_p;

	return (ilnp_rd_skip(r, n) ? p : NULL);
}

static inline uint64_t
ilnp_rd_be(struct ilnp_rd *r, size_t n)
{
	const uint8_t *p = ilnp_rd_take(r, n);
	uint64_t v = 0;

	if (p != NULL)
		for (size_t i = 0; i < n; i++)
			v = v << 8 | p[i];
	return (v);
}

static inline uint8_t
ilnp_rd_u8(struct ilnp_rd *r)
{
	const uint8_t *p = r->r_p;

	return (ilnp_rd_skip(r, 1) ? p[0] : 0);
}

static inline uint16_t
ilnp_rd_u16(struct ilnp_rd *r)
{
	const uint8_t *p = r->r_p;

	return (ilnp_rd_skip(r, 2) ? (uint16_t)(p[0] << 8 | p[1]) : 0);
}

/* In one expression, which compilers know for a load and a swap of octets. */
static inline uint32_t
ilnp_be32(const uint8_t p[4])
{
	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3]);
}

static inline uint32_t
ilnp_rd_u32(struct ilnp_rd *r)
{
	const uint8_t *p = r->r_p;

	return (ilnp_rd_skip(r, 4) ? ilnp_be32(p) : 0);
}

static inline uint64_t
ilnp_rd_u64(struct ilnp_rd *r)
{
	const uint8_t *p = r->r_p;

	return (ilnp_rd_skip(r, 8) ? (uint64_t)ilnp_be32(p) << 32 |
	    ilnp_be32(p + 4) : 0);
}

static inline struct ilnp_ilv
ilnp_rd_ilv(struct ilnp_rd *r)
{
	struct ilnp_ilv v;

	v.l64.l64 = ilnp_rd_u64(r);
	v.nid.nid = ilnp_rd_u64(r);
	return (v);
}

/* A reader over exactly the next n octets; bad if they are not there. */
static inline struct ilnp_rd
ilnp_rd_sub(struct ilnp_rd *r, size_t n)
{
	struct ilnp_rd s = { .r_p = r->r_p, .r_left = n };

	if (!ilnp_rd_skip(r, n)) {
		s.r_left = 0;
		s.r_bad = true;
	}
	return (s);
}

struct ilnp_wr {
	uint8_t		*w_p;
	size_t		w_cap;		/* octets */
	size_t		w_len;		/* octets written */
	bool		w_bad;		/* something did not fit */
};

static inline struct ilnp_wr
ilnp_wr(void *p, size_t cap)
{
	struct ilnp_wr w = { .w_p = p, .w_cap = cap };

	return (w);
}

static inline void
ilnp_wr_be(struct ilnp_wr *w, uint64_t v, size_t n)
{
	if (w->w_bad || n > w->w_cap - w->w_len) {
		w->w_bad = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		w->w_p[w->w_len + i] = (uint8_t)(v >> 8 * (n - 1 - i));
	w->w_len += n;
}

static inline void
ilnp_wr_bytes(struct ilnp_wr *w, const void *p, size_t n)
{
	if (w->w_bad || n > w->w_cap - w->w_len) {
		w->w_bad = true;
		return;
	}
	memcpy(w->w_p + w->w_len, p, n);
	w->w_len += n;
}

static inline void
ilnp_wr_ilv(struct ilnp_wr *w, struct ilnp_ilv v)
{
	ilnp_wr_be(w, v.l64.l64, 8);
	ilnp_wr_be(w, v.nid.nid, 8);
}

#endif /* !_ILNP_RD_H_ */
