/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A table of datagrams in the making.  Each has room for the longest there can
 * be, of which only what arrives is touched, and a map of the octets that are
 * there, so that any overlap is seen, however fragments are laid out and in
 * whatever order they come (RFC 5722).
 */
#include <stdlib.h>

#include "reass.h"

#define	UNIT		8	/* octets: fragments count in these */
#define	PAYLOAD_MAX	65535
#define	UNITS		((PAYLOAD_MAX + UNIT - 1) / UNIT)
#define	HEAD_MAX	256	/* longest unfragmentable part */
#define	FRAG_HDRLEN	8
#define	OFF_PAYLEN	4
#define	OFF_NEXT	6
#define	OFF_TCLASS	1	/* the octet with the ECN bits */
#define	ECN_CE		0x30

/* What is the same in all fragments of a datagram. */
struct key {
	uint8_t		k_addrs[32];
	uint32_t	k_id;
	struct ilnp_nonce k_nonce;	/* if each fragment shows it */
};

struct fragment {
	struct key	f_key;
	size_t		f_at;		/* of the fragment header */
	size_t		f_nextoff;	/* of the octet that names it */
	size_t		f_off;		/* octets, in the datagram */
	size_t		f_len;
	uint8_t		f_next;
	bool		f_more;
};

struct slot {
	ilnp_time_t	sl_began;	/* 0: free */
	struct key	sl_key;
	bool		sl_known;
	bool		sl_bad;		/* what is still to come is dropped */
	bool		sl_ce;
	u_int		sl_frags;
	size_t		sl_headlen;	/* 0: the first fragment is missing */
	size_t		sl_have;	/* octets of payload */
	size_t		sl_total;	/* 0: the last fragment is missing */
	size_t		sl_end;		/* of what is there */
	uint8_t		sl_map[(UNITS + 7) / 8];
	uint8_t		*sl_buf;	/* payload; the head goes in front */
};

struct reass {
	struct slot	r_slot[REASS_SLOTS];
	uint8_t		*r_mem;
};

#define	STRIDE	(REASS_ROOM + HEAD_MAX + UNITS * UNIT)

struct reass *
reass_alloc(void)
{
	struct reass *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return (NULL);
	r->r_mem = malloc((size_t)REASS_SLOTS * STRIDE);
	if (r->r_mem == NULL) {
		free(r);
		return (NULL);
	}
	for (u_int i = 0; i < REASS_SLOTS; i++)
		r->r_slot[i].sl_buf = r->r_mem + (size_t)i * STRIDE +
		    REASS_ROOM + HEAD_MAX;
	return (r);
}

void
reass_free(struct reass *r)
{
	if (r == NULL)
		return;
	free(r->r_mem);
	free(r);
}

/* Reads the fragment header.  Returns false if the fragment is not in order. */
static bool
read_fragment(const uint8_t *ip, const struct ilnp_view *v, struct fragment *f)
{
	struct ilnp_rd r = ilnp_rd(ip + OFF_NEXT, v->v_len - OFF_NEXT);
	uint8_t next = ilnp_rd_u8(&r);
	uint16_t where;

	memset(f, 0, sizeof(*f));
	f->f_nextoff = OFF_NEXT;
	f->f_at = ILNP_IP6_HDRLEN;
	(void)ilnp_rd_take(&r, ILNP_IP6_HDRLEN - OFF_NEXT - 1);
	while (next != ILNP_PROTO_FRAGMENT && !r.r_bad) {
		size_t len;

		f->f_nextoff = f->f_at;
		next = ilnp_rd_u8(&r);
		len = ((size_t)ilnp_rd_u8(&r) + 1) * 8;
		(void)ilnp_rd_take(&r, len - 2);
		f->f_at += len;
	}
	f->f_next = ilnp_rd_u8(&r);
	(void)ilnp_rd_u8(&r);
	where = ilnp_rd_u16(&r);
	f->f_key.k_id = ilnp_rd_u32(&r);
	if (r.r_bad)
		return (false);
	memcpy(f->f_key.k_addrs, ip + 8, sizeof(f->f_key.k_addrs));
	if (v->v_nonce.n_len != 0 && v->v_nonceoff < f->f_at)
		f->f_key.k_nonce = v->v_nonce;
	f->f_off = where & ~7U;
	f->f_more = (where & 1) != 0;
	f->f_len = r.r_left;
	if (f->f_more && (f->f_len == 0 || f->f_len % UNIT != 0))
		return (false);
	if (f->f_off != 0 && f->f_len == 0)
		return (false);
	return (f->f_at <= HEAD_MAX && f->f_at - ILNP_IP6_HDRLEN + f->f_off +
	    f->f_len <= PAYLOAD_MAX);
}

/*
 * Puts a head in front of a payload of `len' octets; what it names next is what
 * follows the fragment header, which goes out.
 */
static uint8_t *
join(uint8_t *payload, const uint8_t *head, const struct fragment *f,
    size_t len)
{
	uint8_t *ip = payload - f->f_at;

	memmove(ip, head, f->f_at);
	ip[f->f_nextoff] = f->f_next;
	len += f->f_at - ILNP_IP6_HDRLEN;
	ip[OFF_PAYLEN] = (uint8_t)(len >> 8);
	ip[OFF_PAYLEN + 1] = (uint8_t)len;
	return (ip);
}

static bool
same_key(const struct key *a, const struct key *b)
{
	return (a->k_id == b->k_id &&
	    memcmp(a->k_addrs, b->k_addrs, sizeof(a->k_addrs)) == 0 &&
	    a->k_nonce.n_len == b->k_nonce.n_len &&
	    memcmp(a->k_nonce.n_b, b->k_nonce.n_b, a->k_nonce.n_len) == 0);
}

/* Empties a slot.  What it held has been counted, or is complete. */
static void
clear(struct slot *sl)
{
	sl->sl_began = 0;
	sl->sl_known = sl->sl_bad = sl->sl_ce = false;
	sl->sl_frags = 0;
	sl->sl_headlen = sl->sl_have = sl->sl_total = sl->sl_end = 0;
	memset(sl->sl_map, 0, sizeof(sl->sl_map));
}

void
reass_age(struct reass *r, ilnp_time_t now, struct node_stats *stats)
{
	for (u_int i = 0; i < REASS_SLOTS; i++) {
		struct slot *sl = &r->r_slot[i];

		if (sl->sl_began == 0 || now - sl->sl_began < REASS_TIME)
			continue;
		stats->node_frag_late += sl->sl_frags;
		clear(sl);
	}
}

/*
 * A slot for a new datagram.  Where there is no room the oldest gives way:
 * strangers to all, others only to those that are known as well.
 */
static struct slot *
claim(struct reass *r, bool known, struct node_stats *stats)
{
	struct slot *unused = NULL, *oldest[2] = { NULL, NULL }, *victim;
	u_int strangers = 0;

	for (u_int i = 0; i < REASS_SLOTS; i++) {
		struct slot *sl = &r->r_slot[i], **kind;

		if (sl->sl_began == 0) {
			unused = sl;
			continue;
		}
		strangers += !sl->sl_known;
		kind = &oldest[sl->sl_known];
		if (*kind == NULL || sl->sl_began < (*kind)->sl_began)
			*kind = sl;
	}
	if (unused != NULL && (known || strangers < REASS_STRANGERS))
		return (unused);
	victim = oldest[false] != NULL || !known ? oldest[false] :
	    oldest[true];
	if (victim == NULL)
		return (NULL);
	stats->node_frag_full += victim->sl_frags;
	clear(victim);
	return (victim);
}

static struct slot *
find(struct reass *r, const struct key *k)
{
	for (u_int i = 0; i < REASS_SLOTS; i++)
		if (r->r_slot[i].sl_began != 0 &&
		    same_key(&r->r_slot[i].sl_key, k))
			return (&r->r_slot[i]);
	return (NULL);
}

/* How many of the fragment's units are there already. */
static size_t
units_there(const struct slot *sl, size_t first, size_t n)
{
	size_t there = 0;

	for (size_t i = first; i < first + n; i++)
		there += sl->sl_map[i / 8] >> i % 8 & 1;
	return (there);
}

/* What a fragment is to what is there of its datagram. */
enum place { NEW, AGAIN, CLASH };

/*
 * A fragment that says again what is there, to the octet, has been doubled
 * under way; any other overlap is an attack (RFC 5722 s4).
 */
static enum place
place_of(const struct slot *sl, const struct fragment *f,
    const uint8_t *payload)
{
	size_t n = (f->f_len + UNIT - 1) / UNIT;
	size_t there = units_there(sl, f->f_off / UNIT, n);
	size_t end = f->f_off + f->f_len;

	if (!f->f_more && sl->sl_total != 0 && sl->sl_total != end)
		return (CLASH);
	if (there == n && end <= sl->sl_end)
		return (memcmp(sl->sl_buf + f->f_off, payload, f->f_len) == 0 ?
		    AGAIN : CLASH);
	if (there != 0 || (sl->sl_total != 0 && end > sl->sl_total) ||
	    (!f->f_more && end < sl->sl_end))
		return (CLASH);
	return (NEW);
}

static void
put(struct slot *sl, const struct fragment *f, const uint8_t *ip)
{
	size_t end = f->f_off + f->f_len;

	memcpy(sl->sl_buf + f->f_off, ip + f->f_at + FRAG_HDRLEN, f->f_len);
	for (size_t i = f->f_off / UNIT; i * UNIT < end; i++)
		sl->sl_map[i / 8] |= (uint8_t)(1U << i % 8);
	sl->sl_have += f->f_len;
	sl->sl_frags++;
	if (end > sl->sl_end)
		sl->sl_end = end;
	if (!f->f_more)
		sl->sl_total = end;
	/* One fragment's mark of congestion is that of all (RFC 3168 s5.3). */
	if ((ip[OFF_TCLASS] & ECN_CE) == ECN_CE)
		sl->sl_ce = true;
	if (f->f_off == 0) {
		(void)join(sl->sl_buf, ip, f, 0);
		sl->sl_headlen = f->f_at;
	}
}

/* Returns the datagram if nothing of it is missing, and lets go the slot. */
static uint8_t *
finish(struct slot *sl, size_t *len, struct node_stats *stats)
{
	uint8_t *ip = sl->sl_buf - sl->sl_headlen;
	size_t payload = sl->sl_headlen - ILNP_IP6_HDRLEN + sl->sl_have;

	if (sl->sl_headlen == 0 || sl->sl_total == 0 ||
	    sl->sl_have != sl->sl_total)
		return (NULL);
	if (payload > PAYLOAD_MAX) {
		stats->node_frag_bad += sl->sl_frags;
		clear(sl);
		return (NULL);
	}
	ip[OFF_PAYLEN] = (uint8_t)(payload >> 8);
	ip[OFF_PAYLEN + 1] = (uint8_t)payload;
	if (sl->sl_ce)
		ip[OFF_TCLASS] |= ECN_CE;
	*len = ILNP_IP6_HDRLEN + payload;
	stats->node_frag_whole++;
	clear(sl);
	return (ip);
}

uint8_t *
reass_input(struct reass *r, uint8_t *ip, const struct ilnp_view *v,
    bool known, ilnp_time_t now, struct node_stats *stats, size_t *len)
{
	struct fragment f;
	struct slot *sl;

	if (!read_fragment(ip, v, &f)) {
		stats->node_frag_bad++;
		return (NULL);
	}
	/* One alone is whole, whatever others say (RFC 6946). */
	if (f.f_off == 0 && !f.f_more) {
		stats->node_frag_whole++;
		*len = v->v_len - FRAG_HDRLEN;
		return (join(ip + f.f_at + FRAG_HDRLEN, ip, &f, f.f_len));
	}
	reass_age(r, now, stats);
	sl = find(r, &f.f_key);
	if (sl == NULL) {
		sl = claim(r, known, stats);
		if (sl == NULL) {
			stats->node_frag_full++;
			return (NULL);
		}
		sl->sl_key = f.f_key;
		sl->sl_began = now;
	}
	sl->sl_known |= known;
	switch (sl->sl_bad ? CLASH : place_of(sl, &f,
	    ip + f.f_at + FRAG_HDRLEN)) {
	case NEW:
		put(sl, &f, ip);
		return (finish(sl, len, stats));
	case AGAIN:
		stats->node_frag_again++;
		return (NULL);
	default:
		/* All that has come and all that is to come. */
		stats->node_frag_overlap += sl->sl_frags + 1;
		sl->sl_frags = 0;
		sl->sl_bad = true;
		return (NULL);
	}
}
