/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Any fragments in any order.  Each step takes a few octets that say which part
 * of a datagram comes next, or the octets of a packet as they are.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "reass.h"

#define	FRAG_HDRLEN	8
#define	HEAD		(ILNP_IP6_HDRLEN + FRAG_HDRLEN)
#define	LONGEST		66000

static uint8_t buf[REASS_ROOM + LONGEST];

/* The octet that stands at a place of every datagram that is not forged. */
static uint8_t
octet_at(size_t off)
{
	return ((uint8_t)(off * 31 >> 3));
}

/* A fragment of UDP, with the octets that belong there but for one in 64. */
static size_t
make_fragment(struct ilnp_rd *r, uint8_t *ip)
{
	struct ilnp_wr w = ilnp_wr(ip, HEAD);
	size_t off = (size_t)take8(r) * 8, len = (size_t)take8(r) * 4;
	uint8_t how = take8(r);

	if (how % 64 == 1)
		off = 65528 - off;
	ilnp_wr_be(&w, 0x60000000, 4);
	ilnp_wr_be(&w, FRAG_HDRLEN + len, 2);
	ilnp_wr_be(&w, ILNP_PROTO_FRAGMENT, 1);
	ilnp_wr_be(&w, 64, 1);
	ilnp_wr_ilv(&w, (struct ilnp_ilv){ THEIRS(0), PEER });
	ilnp_wr_ilv(&w, (struct ilnp_ilv){ OURS(0), US });
	ilnp_wr_be(&w, ILNP_PROTO_UDP, 1);
	ilnp_wr_be(&w, 0, 1);
	ilnp_wr_be(&w, off | (how & 1), 2);
	ilnp_wr_be(&w, how >> 6, 4);
	for (size_t i = 0; i < len; i++)
		ip[HEAD + i] = octet_at(off + i);
	if (how % 64 == 2 && len != 0)
		ip[HEAD + len / 2] ^= 1;
	return (HEAD + len);
}

/* What comes out whole is a packet without a fragment header of this kind. */
static void
check_whole(const uint8_t *ip, size_t len, bool ours)
{
	struct ilnp_view v;
	uint8_t changed = 0;

	NEVER(len < ILNP_IP6_HDRLEN || len > ILNP_IP6_HDRLEN + 65535);
	NEVER(len - ILNP_IP6_HDRLEN != (size_t)(ip[4] << 8 | ip[5]));
	(void)ilnp_wire_parse(ip, len, &v);
	for (size_t i = 0; ours && i < len - ILNP_IP6_HDRLEN; i++)
		changed |= ip[ILNP_IP6_HDRLEN + i] ^ octet_at(i);
	NEVER(changed > 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ilnp_rd r = ilnp_rd(data, size);
	static struct reass *ra;	/* large, and empty after each run */
	struct node_stats stats = { 0 };
	ilnp_time_t now = ILNP_SEC(1000);
	uint64_t in = 0;
	bool pure = true;

	if (ra == NULL)
		ra = reass_alloc();
	NEVER(ra == NULL);
	while (r.r_left > 0) {
		uint8_t *ip = buf + REASS_ROOM, *whole;
		uint8_t step = take8(&r);
		struct ilnp_view v;
		size_t len;

		if (step % 4 != 0)
			len = make_fragment(&r, ip);
		else {
			len = take8(&r);
			if (len > r.r_left)
				len = r.r_left;
			memcpy(ip, ilnp_rd_take(&r, len), len);
			pure = false;
		}
		now += ILNP_SEC(step / 16);
		if (ilnp_wire_parse(ip, len, &v) != ILNP_PARSE_OK ||
		    !v.v_frag || v.v_len > len)
			continue;
		in++;
		whole = reass_input(ra, ip, &v, step % 8 < 4, now, &stats,
		    &len);
		if (whole != NULL)
			check_whole(whole, len, pure);
	}
	reass_age(ra, now + REASS_TIME, &stats);
	/* Every fragment has been counted as dropped or is in a whole. */
	NEVER(stats.node_frag_bad + stats.node_frag_overlap +
	    stats.node_frag_again + stats.node_frag_late +
	    stats.node_frag_full > in);
	NEVER(stats.node_frag_whole > in);
	return (0);
}
