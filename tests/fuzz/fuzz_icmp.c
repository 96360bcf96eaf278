/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * ICMPv6 errors with any quote, with right checksums, against a proven session
 * and one that still tries.  Only who quotes our nonce may change anything.
 *
 * Octets: whether the error bears the peer's nonce and comes from the peer or
 * from a router, how the quote begins, type, code, parameter, then what is
 * laid over the quote.
 */
#include <stdlib.h>

#include "fuzz.h"

#define	QUOTE_MAX	256

static size_t
build(uint8_t *buf, struct ilnp_rd *r, const struct ilnp_sess *s)
{
	uint8_t shape = take8(r), type = take8(r), code = take8(r);
	uint8_t quote[QUOTE_MAX] = { 0 };
	struct ilnp_ctl cp = { .cp_kind = ILNP_CTL_PROBE,
	    .cp_src = { OURS(0), US }, .cp_dst = { THEIRS(0), PEER },
	    .cp_nonce = s->s_nout, .cp_body = quote, .cp_bodylen = 8 };
	size_t qlen = ilnp_wire_compose(&cp, quote, sizeof(quote)), len;
	struct ilnp_wr w = ilnp_wr(buf, 1024);
	uint32_t param = take32(r);

	if ((shape & 1) != 0)
		qlen = 0;
	/* The fuzzer's octets replace those of the quote from the end on. */
	if (r->r_left > 0 && (shape & 2) != 0) {
		size_t n = r->r_left < sizeof(quote) ? r->r_left :
		    sizeof(quote);

		memcpy(quote, ilnp_rd_take(r, n), n);
		qlen = n > qlen ? n : qlen;
	} else if (r->r_left > 0)
		qlen = take8(r) < qlen ? qlen / 2 : qlen;
	len = 8 + qlen + ((shape & 4) != 0 ? 8 : 0);
	ilnp_wr_be(&w, 0x60000000, 4);
	ilnp_wr_be(&w, len, 2);
	ilnp_wr_be(&w, (shape & 4) != 0 ? ILNP_PROTO_DSTOPTS :
	    ILNP_PROTO_ICMPV6, 1);
	ilnp_wr_be(&w, 64, 1);
	ilnp_wr_ilv(&w, (struct ilnp_ilv){ THEIRS((shape & 8) != 0 ? 0 : 99),
	    (shape & 16) != 0 ? PEER : (struct ilnp_nid){ 1 } });
	ilnp_wr_ilv(&w, (struct ilnp_ilv){ OURS(0), US });
	if ((shape & 4) != 0) {
		uint8_t opt[16];

		ilnp_wr_bytes(&w, opt, ilnp_wire_put_nonce(opt, &fuzz_nonce,
		    ILNP_PROTO_ICMPV6));
	}
	ilnp_wr_be(&w, type % 6, 1);
	ilnp_wr_be(&w, code, 1);
	ilnp_wr_be(&w, 0, 2);
	ilnp_wr_be(&w, param, 4);
	ilnp_wr_bytes(&w, quote, qlen);
	NEVER(w.w_bad);
	fuzz_icmp_sum(buf, w.w_len);
	return (w.w_len);
}

/* True if the quote in a packet bears a nonce of ours. */
static bool
quotes_us(const uint8_t *p, size_t len, const struct ilnp_nonce *ours)
{
	struct ilnp_view v, q;

	if (ilnp_wire_parse(p, len, &v) != ILNP_PARSE_OK ||
	    (size_t)v.v_l4off + 8 > len)
		return (false);
	(void)ilnp_wire_parse(p + v.v_l4off + 8, len - v.v_l4off - 8, &q);
	return (ilnp_nonce_eq(&q.v_nonce, ours));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ilnp_act room[ILNP_ACTS_INPUT];
	struct ilnp_acts acts = ILNP_ACTS(room);
	const struct ilnp_nidpair nids = { US, PEER };
	const struct ilnp_lurec rec = { THEIRS(0), 0, 300 };
	struct ilnp_ilcc *c = fuzz_cache();
	struct ilnp_rd r = ilnp_rd(data, size);
	ilnp_time_t now = ILNP_SEC(1000);
	struct ilnp_sess *s = NULL;
	struct ilnp_out out;
	struct ilnp_in in;
	uint8_t buf[1024], *p;
	uint8_t upstate;
	size_t len;
	bool proven = (take8(&r) & 1) != 0;

	ilnp_env_epoch_begin();
	NEVER(ilnp_ilcc_open(c, &nids, &rec, 1, now, &s) != 0);
	(void)ilnp_sess_output(c, s, 100, 0, NULL, ILNP_PART_ALONE, now, &out);
	if (proven) {
		s->s_state = ILNP_SESS_OPEN;
		s->s_nin = fuzz_nonce;
		ilnp_sess_confirm(c, s);
	}
	upstate = s->s_paths->ps_path[0].p_state;
	len = build(buf, &r, s);
	p = fuzz_copy(buf, len);
	ilnp_in_look(&in, p, len);
	in.i_hint = ILNP_FLOW_KNOWN;
	(void)ilnp_ilcc_input(c, &in, now, &acts);
	if (proven)
		NEVER(s->s_state != ILNP_SESS_OPEN);
	if (!quotes_us(p, len, &s->s_nout)) {
		NEVER(s->s_state == ILNP_SESS_IPV6);
		NEVER(s->s_paths->ps_path[0].p_mtu != 0);
		/* The peer's nonce on it shows no more than a working path. */
		NEVER(s->s_paths->ps_path[0].p_state != upstate &&
		    s->s_paths->ps_path[0].p_state != ILNP_PATH_UP);
	}
	NEVER(s->s_paths->ps_path[0].p_mtu != 0 &&
	    s->s_paths->ps_path[0].p_mtu < 1280);
	NEVER(acts.as_n != 0);
	ilnp_env_epoch_end();
	free(p);
	fuzz_end(c);
	return (0);
}
