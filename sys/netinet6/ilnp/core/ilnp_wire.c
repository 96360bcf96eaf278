/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Reads and writes the octets of ILNP.  Judges form only: whether a nonce is
 * the right one, or a locator may be used, is decided elsewhere.
 */
#include "ilnp_wire.h"
#include "ilnp_cksum.h"

_Static_assert(ILNP_NONCE_MAX == ILNP_NONCE_LONG, "a nonce fits its array");

/*
 * Walks the options of one destination options header, whose octets behind
 * its first two are `r'.  `off' is the offset of the first option.
 */
static enum ilnp_parse
parse_dstopts(struct ilnp_rd r, size_t off, struct ilnp_view *v, bool *found)
{
	const uint8_t *first = r.r_p, *nonce = NULL;
	bool others = false;

	while (r.r_left > 0) {
		const uint8_t *opt = r.r_p, *data;
		uint8_t type, len;

		type = ilnp_rd_u8(&r);
		if (type == ILNP_OPT_PAD1)
			continue;
		len = ilnp_rd_u8(&r);
		data = ilnp_rd_take(&r, len);
		if (r.r_bad)
			return (ILNP_PARSE_SHORT);
		if (type != ILNP_OPT_NONCE) {
			others |= type != ILNP_OPT_PADN;
			continue;
		}
		if (nonce != NULL || v->v_nonce.n_len != 0)
			return (ILNP_PARSE_NONCE_TWICE);
		/* Copies of lengths that the compiler knows. */
		if (len == ILNP_NONCE_SHORT)
			memcpy(v->v_nonce.n_b, data, ILNP_NONCE_SHORT);
		else if (len == ILNP_NONCE_LONG)
			memcpy(v->v_nonce.n_b, data, ILNP_NONCE_LONG);
		else
			return (ILNP_PARSE_NONCE_LEN);
		nonce = opt;
	}
	*found = nonce != NULL;
	if (nonce != NULL) {
		v->v_nonce.n_len = nonce[1];
		v->v_optoff = (uint16_t)(off + (size_t)(nonce - first));
		v->v_alone = !others;
	}
	return (ILNP_PARSE_OK);
}

static enum ilnp_parse
parse_upper(struct ilnp_rd *r, uint8_t proto, struct ilnp_view *v)
{
	switch (proto) {
	case ILNP_PROTO_TCP:
		v->v_sport = ilnp_rd_u16(r);
		v->v_dport = ilnp_rd_u16(r);
		(void)ilnp_rd_take(r, 9);
		v->v_tcpflags = ilnp_rd_u8(r);
		break;
	case ILNP_PROTO_UDP:
	case ILNP_PROTO_UDPLITE:
		v->v_sport = ilnp_rd_u16(r);
		v->v_dport = ilnp_rd_u16(r);
		break;
	case ILNP_PROTO_ICMPV6:
		v->v_icmptype = ilnp_rd_u8(r);
		v->v_icmpcode = ilnp_rd_u8(r);
		break;
	default:
		break;
	}
	return (r->r_bad ? ILNP_PARSE_SHORT : ILNP_PARSE_OK);
}

enum ilnp_parse
ilnp_wire_parse(const void *p, size_t len, struct ilnp_view *v)
{
	struct ilnp_rd r = ilnp_rd(p, len), ip6;
	size_t off = ILNP_IP6_HDRLEN, nxtoff = 6;
	enum ilnp_parse rc;
	uint8_t proto;

	memset(v, 0, sizeof(*v));
	ip6 = ilnp_rd_sub(&r, ILNP_IP6_HDRLEN);
	if (ip6.r_bad)
		return (ILNP_PARSE_SHORT);
	if (ilnp_rd_u32(&ip6) >> 28 != 6)
		return (ILNP_PARSE_BAD);
	/* Jumbograms (length 0) do not get here: no link of ours carries them. */
	v->v_len = (uint32_t)ilnp_rd_u16(&ip6) + ILNP_IP6_HDRLEN;
	proto = ilnp_rd_u8(&ip6);
	(void)ilnp_rd_u8(&ip6);
	v->v_src = ilnp_rd_ilv(&ip6);
	v->v_dst = ilnp_rd_ilv(&ip6);
	/* What lies behind the packet (link padding) is none of our business. */
	if (r.r_left > (size_t)v->v_len - ILNP_IP6_HDRLEN)
		r.r_left = (size_t)v->v_len - ILNP_IP6_HDRLEN;

	for (int depth = 0;; depth++) {
		struct ilnp_rd hdr;
		bool found = false;
		uint8_t next;
		size_t hlen;

		v->v_proto = proto;
		switch (proto) {
		case ILNP_PROTO_HOPOPTS:
		case ILNP_PROTO_ROUTING:
		case ILNP_PROTO_DSTOPTS:
			next = ilnp_rd_u8(&r);
			hlen = ((size_t)ilnp_rd_u8(&r) + 1) * 8;
			hdr = ilnp_rd_sub(&r, hlen - 2);
			if (r.r_bad)
				return (ILNP_PARSE_SHORT);
			break;
		case ILNP_PROTO_FRAGMENT: {
			uint16_t where;

			next = ilnp_rd_u8(&r);
			(void)ilnp_rd_u8(&r);
			where = ilnp_rd_u16(&r);
			(void)ilnp_rd_u32(&r);
			if (r.r_bad)
				return (ILNP_PARSE_SHORT);
			hlen = 8;
			hdr = ilnp_rd(NULL, 0);
			v->v_frag = true;
			v->v_laterfrag = where >> 3 != 0;
			break;
		}
		default:
			v->v_l4off = (uint16_t)off;
			return (parse_upper(&r, proto, v));
		}
		if (depth == ILNP_EXTHDRS_MAX)
			return (ILNP_PARSE_BAD);
		if (proto == ILNP_PROTO_DSTOPTS) {
			rc = parse_dstopts(hdr, off + 2, v, &found);
			if (rc != ILNP_PARSE_OK)
				return (rc);
		}
		if (found) {
			v->v_nonceoff = (uint16_t)off;
			v->v_noncelen = (uint16_t)hlen;
			v->v_noncenxt = (uint16_t)nxtoff;
		}
		nxtoff = off;
		off += hlen;
		if (proto == ILNP_PROTO_FRAGMENT && v->v_laterfrag) {
			v->v_proto = next;
			v->v_l4off = (uint16_t)off;
			return (ILNP_PARSE_OK);
		}
		proto = next;
	}
}

int
ilnp_lu_parse(const uint8_t *icmp, size_t len, uint8_t reclen,
    uint8_t softcode, struct ilnp_lu *lu)
{
	struct ilnp_rd r = ilnp_rd(icmp, len);
	uint8_t type, code, count, op;
	size_t each = reclen;

	type = ilnp_rd_u8(&r);
	code = ilnp_rd_u8(&r);
	(void)ilnp_rd_u16(&r);
	count = ilnp_rd_u8(&r);
	op = ilnp_rd_u8(&r);
	(void)ilnp_rd_u16(&r);
	if (r.r_bad || type != ILNP_ICMP6_LU || count == 0)
		return (EBADMSG);
	if (code != ILNP_LU_CODE && (softcode == 0 || code != softcode))
		return (EBADMSG);
	if (op != ILNP_LU_ADVERT && op != ILNP_LU_ACK)
		return (EBADMSG);
	if (reclen != ILNP_LU_REC_RFC) {
		/* A form that the length does not name would be a guess. */
		each = r.r_left / count;
		if (r.r_left % count != 0 || (each != ILNP_LU_REC_RFC &&
		    each != ILNP_LU_REC_EXT14 && each != ILNP_LU_REC_EXT16))
			return (EBADMSG);
	}
	if (r.r_left < each * count)
		return (EBADMSG);
	lu->lu_rec = r.r_p;
	lu->lu_count = count;
	lu->lu_op = op;
	lu->lu_code = code;
	lu->lu_reclen = (uint8_t)each;
	return (0);
}

struct ilnp_lurec
ilnp_lu_rec(const struct ilnp_lu *lu, u_int i)
{
	struct ilnp_rd r = ilnp_rd(lu->lu_rec + (size_t)i * lu->lu_reclen,
	    lu->lu_reclen);
	struct ilnp_lurec rec;

	rec.lr_l64.l64 = ilnp_rd_u64(&r);
	rec.lr_pref = (uint32_t)ilnp_rd_be(&r,
	    lu->lu_reclen == ILNP_LU_REC_EXT16 ? 4 : 2);
	rec.lr_life = (uint32_t)ilnp_rd_be(&r,
	    lu->lu_reclen == ILNP_LU_REC_RFC ? 2 : 4);
	return (rec);
}

void
ilnp_lu_put_rec(struct ilnp_wr *w, uint8_t reclen, const struct ilnp_lurec *rec)
{
	size_t preflen = reclen == ILNP_LU_REC_EXT16 ? 4 : 2;
	size_t lifelen = reclen == ILNP_LU_REC_RFC ? 2 : 4;
	uint32_t pref = rec->lr_pref, life = rec->lr_life;

	if (preflen == 2 && pref > UINT16_MAX)
		pref = UINT16_MAX;
	if (lifelen == 2 && life > UINT16_MAX)
		life = UINT16_MAX;
	ilnp_wr_be(w, rec->lr_l64.l64, 8);
	ilnp_wr_be(w, pref, preflen);
	ilnp_wr_be(w, life, lifelen);
}

size_t
ilnp_wire_compose(const struct ilnp_ctl *cp, uint8_t *buf, size_t cap)
{
	struct ilnp_wr w = ilnp_wr(buf, cap);
	uint8_t opt[16];
	size_t optlen = ilnp_wire_put_nonce(opt, &cp->cp_nonce,
	    ILNP_PROTO_ICMPV6);
	size_t icmplen = 8 + (size_t)cp->cp_bodylen;
	size_t at;
	uint16_t sum;

	ilnp_wr_be(&w, 0x60000000, 4);
	ilnp_wr_be(&w, optlen + icmplen, 2);
	ilnp_wr_be(&w, ILNP_PROTO_DSTOPTS, 1);
	ilnp_wr_be(&w, 64, 1);			/* hop limit */
	ilnp_wr_ilv(&w, cp->cp_src);
	ilnp_wr_ilv(&w, cp->cp_dst);
	ilnp_wr_bytes(&w, opt, optlen);
	at = w.w_len;
	switch (cp->cp_kind) {
	case ILNP_CTL_LU:
		ilnp_wr_be(&w, ILNP_ICMP6_LU, 1);
		ilnp_wr_be(&w, cp->cp_code, 1);
		ilnp_wr_be(&w, 0, 2);
		ilnp_wr_be(&w, cp->cp_count, 1);
		ilnp_wr_be(&w, cp->cp_op, 1);
		ilnp_wr_be(&w, 0, 2);
		break;
	case ILNP_CTL_PROBE:
	case ILNP_CTL_PROBE_REPLY:
		ilnp_wr_be(&w, cp->cp_kind == ILNP_CTL_PROBE ?
		    ILNP_ICMP6_ECHO_REQ : ILNP_ICMP6_ECHO_REP, 1);
		ilnp_wr_be(&w, 0, 1);
		ilnp_wr_be(&w, 0, 2);
		ilnp_wr_be(&w, cp->cp_echoid, 2);
		ilnp_wr_be(&w, cp->cp_echoseq, 2);
		break;
	}
	ilnp_wr_bytes(&w, cp->cp_body, cp->cp_bodylen);
	if (w.w_bad)
		return (0);
	/* ICMPv6 sums always cover full addresses (RFC 6741 s4.3). */
	sum = (uint16_t)~ilnp_cksum_fold(ilnp_cksum_add(ilnp_cksum_pseudo(
	    ILNP_CKSUM_IPV6, cp->cp_src, cp->cp_dst, (uint32_t)icmplen,
	    ILNP_PROTO_ICMPV6), buf + at, icmplen));
	buf[at + 2] = (uint8_t)(sum >> 8);
	buf[at + 3] = (uint8_t)sum;
	return (w.w_len);
}

bool
ilnp_wire_icmp_ok(const uint8_t *pkt, size_t len, const struct ilnp_view *v)
{
	size_t icmplen;

	if (v->v_frag || len < v->v_len || v->v_l4off > v->v_len)
		return (false);
	icmplen = (size_t)v->v_len - v->v_l4off;
	return (ilnp_cksum_fold(ilnp_cksum_add(ilnp_cksum_pseudo(
	    ILNP_CKSUM_IPV6, v->v_src, v->v_dst, (uint32_t)icmplen,
	    ILNP_PROTO_ICMPV6), pkt + v->v_l4off, icmplen)) == 0xffff);
}
