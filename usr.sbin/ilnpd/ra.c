/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Reads Router Advertisements (RFC 4861 s4.2, s6.1.2) and asks for them.
 */
#include "ra.h"
#include "ilnp_addr.h"
#include "ilnp_cksum.h"
#include "notation.h"

#define	TYPE_RS		133
#define	TYPE_RA		134
#define	OPT_SOURCE_LL	1
#define	OPT_PREFIX	3
#define	PREFIX_AUTO	0x40	/* flag A: may be used for SLAAC */
#define	HOP_LIMIT	255

struct ra_prefix {
	struct ilnp_l64	rp_l64;
	uint32_t	rp_valid;
	uint32_t	rp_preferred;
};

static struct ra_binding *
find_binding(struct ra_table *rt, struct ilnp_l64 l64,
    const struct in6_addr *router)
{
	for (u_int i = 0; i < rt->rt_n; i++)
		if (ilnp_l64_eq(rt->rt_b[i].rb_l64, l64) &&
		    memcmp(&rt->rt_b[i].rb_router, router,
		    sizeof(*router)) == 0)
			return (&rt->rt_b[i]);
	return (NULL);
}

static u_int
count_of(const struct ra_table *rt, const struct in6_addr *router)
{
	u_int n = 0;

	for (u_int i = 0; i < rt->rt_n; i++)
		n += memcmp(&rt->rt_b[i].rb_router, router,
		    sizeof(*router)) == 0;
	return (n);
}

/*
 * A place for a binding of a router.  If there is none left, the router that
 * has most gives up its latest: nobody keeps others out with many prefixes.
 * Returns NULL if no other has more than this one would have.
 */
static struct ra_binding *
claim(struct ra_table *rt, const struct in6_addr *router)
{
	u_int most = count_of(rt, router) + 1, last = rt->rt_n;

	if (rt->rt_n < RA_BINDINGS_MAX)
		return (&rt->rt_b[rt->rt_n++]);
	for (u_int i = 0; i < rt->rt_n; i++) {
		u_int n = count_of(rt, &rt->rt_b[i].rb_router);

		if (n < most || (n == most && last == rt->rt_n))
			continue;
		most = n;
		last = i;
	}
	return (last == rt->rt_n ? NULL : &rt->rt_b[last]);
}

static void
bind_prefix(struct ra_table *rt, const struct ra_prefix *rp,
    const struct in6_addr *router, uint32_t life, ilnp_time_t now)
{
	struct ra_binding *rb = find_binding(rt, rp->rp_l64, router);

	if (rp->rp_valid < life)
		life = rp->rp_valid;
	if (rb == NULL) {
		rb = life == 0 ? NULL : claim(rt, router);
		if (rb == NULL)
			return;
		rb->rb_l64 = rp->rp_l64;
		rb->rb_router = *router;
	}
	rb->rb_until = now + ILNP_SEC(life);
	rb->rb_deprecated = rp->rp_preferred == 0;
}

/* One option of type Prefix Information, behind its first two octets. */
static void
input_prefix(struct ra_table *rt, struct ilnp_rd r,
    const struct in6_addr *router, uint32_t life, ilnp_time_t now)
{
	struct ra_prefix rp;
	uint8_t plen, flags;

	plen = ilnp_rd_u8(&r);
	flags = ilnp_rd_u8(&r);
	rp.rp_valid = ilnp_rd_u32(&r);
	rp.rp_preferred = ilnp_rd_u32(&r);
	(void)ilnp_rd_u32(&r);
	rp.rp_l64.l64 = ilnp_rd_u64(&r);
	if (r.r_bad || plen != 64 || (flags & PREFIX_AUTO) == 0 ||
	    rp.rp_preferred > rp.rp_valid || !ilnp_l64_usable(rp.rp_l64))
		return;
	bind_prefix(rt, &rp, router, life, now);
}

/* A router that is no default router any more stands behind no prefix. */
static void
forget_router(struct ra_table *rt, const struct in6_addr *router)
{
	for (u_int i = 0; i < rt->rt_n; i++)
		if (memcmp(&rt->rt_b[i].rb_router, router,
		    sizeof(*router)) == 0)
			rt->rt_b[i].rb_until = 0;
}

/*
 * Goes through the options; takes in the prefixes if rt is not NULL.
 * Returns false if one of them does not fit.
 */
static bool
walk_options(struct ra_table *rt, struct ilnp_rd r,
    const struct in6_addr *router, uint32_t life, ilnp_time_t now)
{
	while (r.r_left > 0) {
		uint8_t type = ilnp_rd_u8(&r);
		size_t optlen = (size_t)ilnp_rd_u8(&r) * 8;
		struct ilnp_rd opt;

		if (r.r_bad || optlen == 0)
			return (false);
		opt = ilnp_rd_sub(&r, optlen - 2);
		if (opt.r_bad)
			return (false);
		if (rt != NULL && type == OPT_PREFIX)
			input_prefix(rt, opt, router, life, now);
	}
	return (true);
}

bool
ra_input(struct ra_table *rt, const uint8_t *pkt, size_t len, bool trusted,
    ilnp_time_t now)
{
	struct in6_addr router;
	struct ilnp_view v;
	struct ilnp_rd r;
	uint32_t life;

	if (ilnp_wire_parse(pkt, len, &v) != ILNP_PARSE_OK || v.v_frag ||
	    v.v_proto != ILNP_PROTO_ICMPV6 || v.v_icmptype != TYPE_RA ||
	    v.v_icmpcode != 0 || pkt[7] != HOP_LIMIT || len < v.v_len ||
	    v.v_src.l64.l64 >> 54 != 0xfe80 >> 6 ||
	    (!trusted && !ilnp_wire_icmp_ok(pkt, len, &v)))
		return (false);
	router = notation_to_in6(v.v_src);
	r = ilnp_rd(pkt + v.v_l4off, (size_t)v.v_len - v.v_l4off);
	(void)ilnp_rd_take(&r, 6);
	life = ilnp_rd_u16(&r);
	(void)ilnp_rd_u64(&r);
	if (r.r_bad || !walk_options(NULL, r, &router, 0, now))
		return (false);
	rt->rt_heard = true;
	if (life == 0)
		forget_router(rt, &router);
	else
		(void)walk_options(rt, r, &router, life, now);
	return (true);
}

bool
ra_age(struct ra_table *rt, ilnp_time_t now)
{
	bool any = false;

	for (u_int i = 0; i < rt->rt_n;) {
		if (rt->rt_b[i].rb_until > now) {
			i++;
			continue;
		}
		rt->rt_b[i] = rt->rt_b[--rt->rt_n];
		any = true;
	}
	return (any);
}

const struct ra_binding *
ra_find(const struct ra_table *rt, struct ilnp_l64 l64)
{
	const struct ra_binding *best = NULL;

	for (u_int i = 0; i < rt->rt_n; i++)
		if (ilnp_l64_eq(rt->rt_b[i].rb_l64, l64) &&
		    (best == NULL || rt->rt_b[i].rb_until > best->rb_until))
			best = &rt->rt_b[i];
	return (best);
}

size_t
ra_solicit(uint8_t *buf, size_t room, const struct in6_addr *src,
    const uint8_t mac[6])
{
	static const struct ilnp_ilv routers = { { 0xff02000000000000 }, { 2 } };
	struct ilnp_wr w = ilnp_wr(buf, room);
	struct ilnp_ilv from = notation_from_in6(src);
	/* An unspecified address goes without the option (RFC 4861 s4.1). */
	const size_t icmplen = from.nid.nid == 0 ? 8 : 16;
	uint16_t sum;

	ilnp_wr_be(&w, 0x60000000, 4);
	ilnp_wr_be(&w, icmplen, 2);
	ilnp_wr_be(&w, ILNP_PROTO_ICMPV6, 1);
	ilnp_wr_be(&w, HOP_LIMIT, 1);
	ilnp_wr_ilv(&w, from);
	ilnp_wr_ilv(&w, routers);
	ilnp_wr_be(&w, TYPE_RS << 8, 2);
	ilnp_wr_be(&w, 0, 2 + 4);
	if (icmplen > 8) {
		ilnp_wr_be(&w, OPT_SOURCE_LL << 8 | 1, 2);
		ilnp_wr_bytes(&w, mac, 6);
	}
	if (w.w_bad)
		return (0);
	sum = (uint16_t)~ilnp_cksum_fold(ilnp_cksum_add(ilnp_cksum_pseudo(
	    ILNP_CKSUM_IPV6, from, routers, (uint32_t)icmplen,
	    ILNP_PROTO_ICMPV6), buf + ILNP_IP6_HDRLEN, icmplen));
	buf[ILNP_IP6_HDRLEN + 2] = (uint8_t)(sum >> 8);
	buf[ILNP_IP6_HDRLEN + 3] = (uint8_t)sum;
	return (w.w_len);
}
