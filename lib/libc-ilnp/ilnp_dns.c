/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Reads DNS messages through the core's bounded reader.  A message is believed
 * as a whole or not at all.
 */
#include "ilnp_dns.h"

#define	HEADER_LEN	12
#define	CLASS_IN	1
#define	TYPE_OPT	41
#define	LABEL_MAX	63
#define	POINTER		0xc0
#define	PREF_VALUE_LEN	10	/* RDATA of NID and L64 */

#define	FLAG_QR		0x8000
#define	FLAG_OPCODE	0x7800
#define	FLAG_AA		0x0400
#define	FLAG_TC		0x0200
#define	FLAG_RD		0x0100
#define	FLAG_RA		0x0080
#define	RCODE(flags)	((flags) & 0x000f)

#define	RCODE_FORMERR	1
#define	RCODE_SERVFAIL	2
#define	RCODE_NXDOMAIN	3
#define	RCODE_NOTIMP	4

struct message {
	const uint8_t	*m_p;
	size_t		m_len;
};

/* The counts of the four sections. */
struct header {
	uint16_t	h_id;
	uint16_t	h_flags;
	uint16_t	h_count[4];
};

/* A record before its data is looked at. */
struct record {
	struct ilnp_name r_owner;
	uint16_t	r_type;
	uint16_t	r_class;
	uint32_t	r_ttl;
	uint16_t	r_len;
	struct ilnp_rd	r_data;		/* to the end of the message */
};

static uint8_t
lower(uint8_t c)
{
	return (c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c);
}

static bool
is_host_char(uint8_t c)
{
	c = lower(c);
	return ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	    c == '-' || c == '_');
}

/* Room is left for the root's label. */
static bool
append_label(struct ilnp_name *n, const uint8_t *label, size_t len)
{
	if (len == 0 || len > LABEL_MAX ||
	    n->n_len + len + 2 > sizeof(n->n_b))
		return (false);
	n->n_b[n->n_len] = (uint8_t)len;
	memcpy(n->n_b + n->n_len + 1, label, len);
	n->n_len = (uint8_t)(n->n_len + len + 1);
	return (true);
}

static void
append_root(struct ilnp_name *n)
{
	n->n_b[n->n_len++] = 0;
}

bool
ilnp_name_read(struct ilnp_name *out, const char *text)
{
	struct ilnp_name n = { 0 };
	size_t len;

	while (*text != '\0') {
		for (len = 0; text[len] != '\0' && text[len] != '.'; len++)
			if (!is_host_char((uint8_t)text[len]))
				return (false);
		if (!append_label(&n, (const uint8_t *)text, len))
			return (false);
		text += len;
		if (*text == '.')
			text++;
	}
	if (n.n_len == 0)
		return (false);
	append_root(&n);
	*out = n;
	return (true);
}

bool
ilnp_name_write(const struct ilnp_name *n, char text[ILNP_DNS_TEXT_MAX])
{
	struct ilnp_rd r = ilnp_rd(n->n_b, n->n_len);
	size_t at = 0;
	uint8_t len;

	text[0] = '\0';
	while ((len = ilnp_rd_u8(&r)) != 0) {
		if (at > 0)
			text[at++] = '.';
		while (len-- > 0) {
			uint8_t c = ilnp_rd_u8(&r);

			if (!is_host_char(c)) {
				text[0] = '\0';
				return (false);
			}
			text[at++] = (char)c;
		}
	}
	text[at] = '\0';
	return (at > 0);
}

/* Lengths are below 'A', so they may be folded like letters. */
void
ilnp_name_lower(struct ilnp_name *n)
{
	for (u_int i = 0; i < n->n_len; i++)
		n->n_b[i] = lower(n->n_b[i]);
}

static bool
same_octets(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (lower(a[i]) != lower(b[i]))
			return (false);
	return (true);
}

bool
ilnp_name_eq(const struct ilnp_name *a, const struct ilnp_name *b)
{
	return (a->n_len == b->n_len && same_octets(a->n_b, b->n_b, a->n_len));
}

struct ilnp_name
ilnp_name_parent(const struct ilnp_name *n)
{
	struct ilnp_name up = { 0 };
	size_t skip = n->n_len == 0 ? 0 : (size_t)n->n_b[0] + 1;

	if (skip < n->n_len) {
		up.n_len = (uint8_t)(n->n_len - skip);
		memcpy(up.n_b, n->n_b + skip, up.n_len);
	}
	return (up);
}

bool
ilnp_name_within(const struct ilnp_name *n, const struct ilnp_name *zone)
{
	struct ilnp_name up = *n;

	while (up.n_len > zone->n_len)
		up = ilnp_name_parent(&up);
	return (zone->n_len > 0 && ilnp_name_eq(&up, zone));
}

size_t
ilnp_dns_query(uint8_t *buf, size_t cap, const struct ilnp_question *q,
    bool edns)
{
	struct ilnp_wr w = ilnp_wr(buf, cap);

	ilnp_wr_be(&w, q->q_id, 2);
	ilnp_wr_be(&w, FLAG_RD, 2);
	ilnp_wr_be(&w, 1, 2);
	ilnp_wr_be(&w, 0, 2);
	ilnp_wr_be(&w, 0, 2);
	ilnp_wr_be(&w, edns ? 1 : 0, 2);
	ilnp_wr_bytes(&w, q->q_name.n_b, q->q_name.n_len);
	ilnp_wr_be(&w, q->q_type, 2);
	ilnp_wr_be(&w, CLASS_IN, 2);
	if (edns) {
		ilnp_wr_be(&w, 0, 1);
		ilnp_wr_be(&w, TYPE_OPT, 2);
		ilnp_wr_be(&w, ILNP_DNS_UDP_MAX, 2);
		ilnp_wr_be(&w, 0, 4);
		ilnp_wr_be(&w, 0, 2);
	}
	return (w.w_bad ? 0 : w.w_len);
}

/*
 * Reads a name whose labels may go on at an earlier place of the message.
 * Each jump must lead further back than the last, so there is an end.  Marks
 * the reader bad if it is no name.
 */
static void
read_name(const struct message *m, struct ilnp_rd *r, struct ilnp_name *out)
{
	struct ilnp_rd there, *at = r;
	size_t limit = m->m_len - r->r_left;	/* where this part begins */
	struct ilnp_name n = { 0 };
	uint8_t len;

	while ((len = ilnp_rd_u8(at)) != 0) {
		if ((len & POINTER) == POINTER) {
			size_t to = (size_t)(len & ~POINTER) << 8 |
			    ilnp_rd_u8(at);

			if (at->r_bad || to >= limit)
				break;
			limit = to;
			there = ilnp_rd(m->m_p, m->m_len);
			(void)ilnp_rd_take(&there, to);
			at = &there;
		} else {
			const uint8_t *label = ilnp_rd_take(at, len);

			if (label == NULL || !append_label(&n, label, len))
				break;
		}
	}
	if (len != 0 || at->r_bad) {
		r->r_bad = true;
		return;
	}
	append_root(&n);
	*out = n;
}

static void
read_header(struct ilnp_rd *r, struct header *h)
{
	h->h_id = ilnp_rd_u16(r);
	h->h_flags = ilnp_rd_u16(r);
	for (int i = 0; i < 4; i++)
		h->h_count[i] = ilnp_rd_u16(r);
}

enum ilnp_dns_verdict
ilnp_dns_check(const uint8_t *msg, size_t len, const struct ilnp_question *q,
    bool tcp)
{
	const struct message m = { msg, len };
	struct ilnp_rd r = ilnp_rd(msg, len);
	struct ilnp_name name = { 0 };
	uint16_t type, class;
	struct header h;

	read_header(&r, &h);
	if (r.r_bad || h.h_id != q->q_id || (h.h_flags & FLAG_QR) == 0 ||
	    (h.h_flags & FLAG_OPCODE) != 0)
		return (ILNP_DNS_ALIEN);
	/* Servers that cannot read a query may answer with its header alone. */
	if (h.h_count[0] == 0 && (RCODE(h.h_flags) == RCODE_FORMERR ||
	    RCODE(h.h_flags) == RCODE_NOTIMP))
		return (ILNP_DNS_OLD);
	read_name(&m, &r, &name);
	type = ilnp_rd_u16(&r);
	class = ilnp_rd_u16(&r);
	if (r.r_bad || h.h_count[0] != 1 || class != CLASS_IN ||
	    type != q->q_type || !ilnp_name_eq(&name, &q->q_name))
		return (ILNP_DNS_ALIEN);
	/*
	 * Names come back in the mixture of cases that they were asked with.
	 * If not, the server does not keep it or somebody else has guessed;
	 * TCP tells.
	 */
	if (!tcp && ((h.h_flags & FLAG_TC) != 0 ||
	    memcmp(name.n_b, q->q_name.n_b, name.n_len) != 0))
		return (ILNP_DNS_TRUNCATED);
	switch (RCODE(h.h_flags)) {
	case 0:
		/* Sent on to others: a server that does not ask them for us. */
		if (h.h_count[1] == 0 && (h.h_flags & (FLAG_AA | FLAG_RA)) == 0)
			return (ILNP_DNS_REFUSED);
		return (ILNP_DNS_ANSWER);
	case RCODE_NXDOMAIN:
		return (ILNP_DNS_NONAME);
	case RCODE_SERVFAIL:
		return (ILNP_DNS_FAILED);
	case RCODE_FORMERR:
	case RCODE_NOTIMP:
		return (ILNP_DNS_OLD);
	default:
		return (ILNP_DNS_REFUSED);
	}
}

static void
read_record(const struct message *m, struct ilnp_rd *r, struct record *rec)
{
	memset(rec, 0, sizeof(*rec));
	read_name(m, r, &rec->r_owner);
	rec->r_type = ilnp_rd_u16(r);
	rec->r_class = ilnp_rd_u16(r);
	rec->r_ttl = ilnp_rd_u32(r);
	if (rec->r_ttl > INT32_MAX)	/* RFC 2181 s8 */
		rec->r_ttl = 0;
	rec->r_len = ilnp_rd_u16(r);
	rec->r_data = *r;
	(void)ilnp_rd_take(r, rec->r_len);
}

/* Returns false if the data is not what its type must have. */
static bool
read_data(const struct message *m, const struct record *rec,
    struct ilnp_rr *rr)
{
	struct ilnp_rd r = rec->r_data, whole = r;
	size_t end = r.r_left - rec->r_len;

	memset(rr, 0, sizeof(*rr));
	rr->rr_type = rec->r_type;
	rr->rr_ttl = rec->r_ttl;
	if (rec->r_class != CLASS_IN)
		return (true);
	switch (rec->r_type) {
	case ILNP_DNS_A:
		rr->rr_addr = ilnp_rd_take(&r, 4);
		break;
	case ILNP_DNS_AAAA:
		rr->rr_addr = ilnp_rd_take(&r, 16);
		break;
	case ILNP_DNS_NID:
	case ILNP_DNS_L64:
		rr->rr_pref = ilnp_rd_u16(&r);
		rr->rr_value = ilnp_rd_u64(&r);
		break;
	case ILNP_DNS_LP:
		rr->rr_pref = ilnp_rd_u16(&r);
		/* Never compressed (RFC 6742 s2.4.1.2): not even ours to read. */
		whole = ilnp_rd_sub(&r, rec->r_len < 2 ? 0 : rec->r_len - 2);
		read_name(&(const struct message){ whole.r_p, whole.r_left },
		    &whole, &rr->rr_target);
		return (!r.r_bad && !whole.r_bad && whole.r_left == 0 &&
		    r.r_left == end);
	case ILNP_DNS_CNAME:
		read_name(m, &r, &rr->rr_target);
		break;
	default:
		return (true);
	}
	return (!r.r_bad && r.r_left == end);
}

/* Moves a reader behind the questions.  Returns false if there is no such place. */
static bool
skip_questions(const struct message *m, struct ilnp_rd *r, struct header *h)
{
	struct ilnp_name name;

	read_header(r, h);
	for (u_int i = 0; i < h->h_count[0] && !r->r_bad; i++) {
		read_name(m, r, &name);
		(void)ilnp_rd_take(r, 4);
	}
	return (!r->r_bad);
}

/* True if every record can be read, to the end of the last section. */
static bool
is_sound(const struct message *m)
{
	struct ilnp_rd r = ilnp_rd(m->m_p, m->m_len);
	struct header h;
	struct record rec;
	struct ilnp_rr rr;

	if (!skip_questions(m, &r, &h))
		return (false);
	for (u_int s = 1; s < 4; s++)
		for (u_int i = 0; i < h.h_count[s]; i++) {
			read_record(m, &r, &rec);
			if (r.r_bad || !read_data(m, &rec, &rr))
				return (false);
		}
	return (true);
}

/*
 * Calls back for the records of one section with a given owner and type, none
 * of which may live longer than `ttl'.  The message is sound.
 * Returns how many there were; the last one is in `last'.
 */
static u_int
walk_section(const struct message *m, u_int section,
    const struct ilnp_name *owner, uint16_t type, uint32_t ttl,
    ilnp_rr_fn *fn, void *arg, struct ilnp_rr *last)
{
	struct ilnp_rd r = ilnp_rd(m->m_p, m->m_len);
	struct record rec;
	struct header h;
	u_int found = 0;

	(void)skip_questions(m, &r, &h);
	for (u_int s = 1; s <= section; s++)
		for (u_int i = 0; i < h.h_count[s]; i++) {
			read_record(m, &r, &rec);
			if (s != section || rec.r_type != type ||
			    rec.r_class != CLASS_IN ||
			    !ilnp_name_eq(&rec.r_owner, owner))
				continue;
			(void)read_data(m, &rec, last);
			if (last->rr_ttl > ttl)
				last->rr_ttl = ttl;
			if (fn != NULL)
				fn(arg, last);
			found++;
		}
	return (found);
}

int
ilnp_dns_read(const uint8_t *msg, size_t len, const struct ilnp_question *q,
    struct ilnp_name *owner, ilnp_rr_fn *fn, void *arg)
{
	const struct message m = { msg, len };
	struct ilnp_name name = q->q_name;
	uint32_t ttl = UINT32_MAX;
	struct ilnp_rr rr;

	if (!is_sound(&m))
		return (EINVAL);
	for (u_int hops = 0; walk_section(&m, 1, &name, ILNP_DNS_CNAME, ttl,
	    NULL, NULL, &rr) > 0; hops++) {
		if (hops == ILNP_DNS_CHAIN)
			return (EINVAL);
		name = rr.rr_target;
		ttl = rr.rr_ttl;
	}
	(void)walk_section(&m, 1, &name, q->q_type, ttl, fn, arg, &rr);
	*owner = name;
	return (0);
}

static void
mark_true(void *arg, const struct ilnp_rr *rr)
{
	(void)rr;
	*(bool *)arg = true;
}

bool
ilnp_dns_holds(const uint8_t *msg, size_t len, const struct ilnp_question *q)
{
	struct ilnp_name owner;
	bool holds = false;

	return (ilnp_dns_read(msg, len, q, &owner, mark_true, &holds) == 0 &&
	    holds);
}

int
ilnp_dns_read_more(const uint8_t *msg, size_t len,
    const struct ilnp_name *name, uint16_t type, ilnp_rr_fn *fn, void *arg)
{
	const struct message m = { msg, len };
	struct ilnp_rr rr;

	if (!is_sound(&m))
		return (EINVAL);
	(void)walk_section(&m, 3, name, type, UINT32_MAX, fn, arg, &rr);
	return (0);
}
