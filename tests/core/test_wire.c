/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Wire formats: golden vectors, hostile octets, and what the composer writes.
 */
#include <stdlib.h>

#include "ilnp_addr.h"
#include "ilnp_wire.h"
#include "pkt.h"
#include "vec.h"

#define	SRC	ilv(0x20010db800010001, 0x021122fffe334455)
#define	DST	ilv(0x20010db800020002, 0x021122fffe667788)

static enum ilnp_parse
verdict_of(const struct vec *v)
{
	static const struct {
		const char	*name;
		enum ilnp_parse	code;
	} table[] = {
		{ "ok", ILNP_PARSE_OK },
		{ "truncated", ILNP_PARSE_SHORT },
		{ "option-overrun", ILNP_PARSE_SHORT },
		{ "not-ipv6", ILNP_PARSE_BAD },
		{ "header-chain", ILNP_PARSE_BAD },
		{ "nonce-twice", ILNP_PARSE_NONCE_TWICE },
		{ "nonce-length", ILNP_PARSE_NONCE_LEN },
	};

	for (size_t i = 0; i < NITEMS(table); i++)
		if (vec_is(v, "expect", table[i].name))
			return (table[i].code);
	fail_msg("vector %s: unknown verdict", vec_get(v, "name"));
	return (ILNP_PARSE_OK);
}

static void
assert_nonce_is(const struct ilnp_nonce *n, const char *hex)
{
	char text[2 * ILNP_NONCE_MAX + 1] = "none";

	for (u_int i = 0; i < n->n_len; i++)
		snprintf(text + 2 * i, 3, "%02x", n->n_b[i]);
	assert_string_equal(text, hex);
}

static void
check_packet(const struct vec *v)
{
	struct ilnp_view view;

	assert_int_equal(ilnp_wire_parse(v->v_hex, v->v_len, &view),
	    verdict_of(v));
	if (!vec_is(v, "expect", "ok"))
		return;
	assert_int_equal(view.v_proto, vec_number(v, "proto", 10));
	assert_nonce_is(&view.v_nonce, vec_get(v, "nonce"));
	assert_true(view.v_src.l64.l64 >> 32 == 0x20010db8);
	assert_true(view.v_dst.nid.nid >> 16 == 0x021122fffe66 ||
	    view.v_dst.nid.nid >> 16 == 0x021122fffe33);
	assert_int_equal(view.v_laterfrag, vec_get(v, "later-fragment") != NULL);
	if (vec_get(v, "sport") != NULL) {
		assert_int_equal(view.v_sport, vec_number(v, "sport", 10));
		assert_int_equal(view.v_dport, vec_number(v, "dport", 10));
	}
	if (vec_get(v, "icmp-type") != NULL)
		assert_int_equal(view.v_icmptype,
		    vec_number(v, "icmp-type", 10));
	if (vec_get(v, "quoted-nonce") != NULL) {
		struct ilnp_view quote;

		assert_int_equal(ilnp_wire_parse(v->v_hex + view.v_l4off + 8,
		    v->v_len - view.v_l4off - 8, &quote), ILNP_PARSE_OK);
		assert_nonce_is(&quote.v_nonce, vec_get(v, "quoted-nonce"));
		assert_int_equal(quote.v_optoff, vec_number(v, "pointer", 10));
	}
}

/* checklist: 3 32 33 40 53 54 */
static void
packets_read_as_the_vectors_say(void **state)
{
	(void)state;
	vec_each("packet.vec", check_packet);
}

static void
longest_packet_has_65535_octets_behind_its_header(void **state)
{
	const struct addrs a = { .src = SRC, .dst = DST };
	struct ilnp_view view;
	struct pkt p;

	(void)state;
	pkt_udp(&p, &a, 1, 2, "data", 4);
	p.b[4] = p.b[5] = 0xff;
	assert_int_equal(ilnp_wire_parse(p.b, p.len, &view), ILNP_PARSE_OK);
	assert_int_equal(view.v_len, 40 + 65535);
}

static void
check_header(const struct vec *v)
{
	const struct addrs a = { .src = SRC, .dst = DST };
	struct ilnp_view view;
	struct pkt p;

	pkt_raw(&p, &a, ILNP_PROTO_DSTOPTS, v->v_hex, v->v_len);
	if (!vec_is(v, "expect", "ok")) {
		assert_int_equal(ilnp_wire_parse(p.b, p.len, &view),
		    verdict_of(v));
		return;
	}
	/* Whatever follows, the header itself has been read. */
	(void)ilnp_wire_parse(p.b, p.len, &view);
	assert_nonce_is(&view.v_nonce, vec_get(v, "nonce"));
	assert_int_equal(view.v_proto, vec_number(v, "next", 10));
	if (view.v_nonce.n_len != 0) {
		assert_int_equal(view.v_nonceoff, 40);
		assert_int_equal(view.v_noncenxt, 6);
		assert_int_equal(view.v_noncelen, v->v_len);
		assert_int_equal(p.b[view.v_optoff], ILNP_OPT_NONCE);
	}
}

/* checklist: 32 33 40 53 54 */
static void
options_headers_read_as_the_vectors_say(void **state)
{
	(void)state;
	vec_each("nonce.vec", check_header);
}

static void
check_lu(const struct vec *v)
{
	uint8_t soft = vec_get(v, "soft") == NULL ? 0 :
	    (uint8_t)vec_number(v, "soft", 10);
	uint8_t modes[2] = { ILNP_LU_REC_EXT14, ILNP_LU_REC_EXT16 };
	u_int nmodes = 2;

	if (vec_is(v, "mode", "rfc")) {
		modes[0] = ILNP_LU_REC_RFC;
		nmodes = 1;
	}
	for (u_int m = 0; m < nmodes; m++) {
		struct ilnp_lu lu;
		char text[128] = "";
		int error = ilnp_lu_parse(v->v_hex, v->v_len, modes[m], soft,
		    &lu);

		if (!vec_is(v, "expect", "ok")) {
			assert_int_equal(error, EBADMSG);
			continue;
		}
		assert_int_equal(error, 0);
		assert_int_equal(lu.lu_op, vec_number(v, "operation", 10));
		assert_int_equal(lu.lu_code, vec_number(v, "code", 10));
		assert_int_equal(lu.lu_reclen, vec_number(v, "record", 10));
		assert_int_equal(lu.lu_count, vec_number(v, "count", 10));
		for (u_int i = 0; i < lu.lu_count && i < 2; i++) {
			struct ilnp_lurec rec = ilnp_lu_rec(&lu, i);

			snprintf(text + strlen(text),
			    sizeof(text) - strlen(text), "%s%016llx/%u/%u",
			    i == 0 ? "" : " ",
			    (unsigned long long)rec.lr_l64.l64, rec.lr_pref,
			    rec.lr_life);
		}
		assert_string_equal(text, vec_get(v, "locators"));
	}
}

/* checklist: 23 68 69 70 82 83 84 90 */
static void
locator_updates_read_as_the_vectors_say(void **state)
{
	(void)state;
	vec_each("lu.vec", check_lu);
}

static void
lu_of_no_known_form_is_refused_in_extended_mode(void **state)
{
	/* 34 octets for two records: 14 each would fit, but is a guess. */
	uint8_t msg[8 + 34] = { 156, 0, 0, 0, 2, 1, 0, 0, 0x20, 1, 13, 0xb8 };
	struct ilnp_lu lu;

	(void)state;
	assert_int_equal(ilnp_lu_parse(msg, sizeof(msg), 14, 0, &lu), EBADMSG);
	assert_int_equal(ilnp_lu_parse(msg, sizeof(msg) - 6, 14, 0, &lu), 0);
}

/* checklist: 54 */
static void
every_truncation_of_a_packet_is_judged_without_reading_past_it(void **state)
{
	const struct ilnp_nonce nonce = nonce_of(12, 7);
	const struct addrs a = { .src = SRC, .dst = DST, .nonce = &nonce };
	struct pkt p;

	(void)state;
	pkt_tcp(&p, &a, 1, 2, TH_SYN, NULL, 0);
	for (size_t n = 0; n <= p.len; n++) {
		uint8_t *copy = malloc(n == 0 ? 1 : n);	/* ASan guards its end */
		struct ilnp_view v;
		enum ilnp_parse rc;

		assert_non_null(copy);
		memcpy(copy, p.b, n);
		rc = ilnp_wire_parse(copy, n, &v);
		/* Ports and flags are 14 octets, the rest may be missing. */
		assert_int_equal(rc, n < 40 + 16 + 14 ? ILNP_PARSE_SHORT :
		    ILNP_PARSE_OK);
		free(copy);
	}
}

static void
random_octets_never_read_out_of_bounds(void **state)
{
	(void)state;
	for (u_int i = 0; i < 20000; i++) {
		uint8_t buf[96], *copy;
		struct ilnp_view v;
		struct ilnp_lu lu;
		size_t n;

		ilnp_env_random(buf, sizeof(buf));
		n = buf[0] % sizeof(buf);
		buf[0] = 0x60;
		buf[4] = 0;
		buf[5] %= 64;
		buf[6] = (uint8_t[]){ 0, 43, 44, 60, 60, 60, 6, 58 }[buf[6] % 8];
		copy = malloc(n == 0 ? 1 : n);
		assert_non_null(copy);
		memcpy(copy, buf, n);
		if (ilnp_wire_parse(copy, n, &v) == ILNP_PARSE_OK) {
			assert_true(v.v_l4off >= 40);
			assert_true(v.v_l4off <= n || v.v_laterfrag);
			if (v.v_nonce.n_len != 0) {
				assert_true(v.v_optoff + 2 + v.v_nonce.n_len <=
				    v.v_nonceoff + v.v_noncelen);
				ilnp_wire_neutralise(copy, &v);
			}
		}
		if (n > 0)
			copy[0] = 156;
		for (uint8_t form = 12; form <= 16; form += 2)
			if (ilnp_lu_parse(copy, n, form, copy[0], &lu) == 0)
				(void)ilnp_lu_rec(&lu, lu.lu_count - 1U);
		free(copy);
	}
}

static void
chain_of_eight_headers_passes_and_of_nine_does_not(void **state)
{
	const struct addrs a = { .src = SRC, .dst = DST };
	uint8_t chain[9 * 8 + 8] = { 0 };
	struct ilnp_view v;
	struct pkt p;

	(void)state;
	for (u_int n = 8; n <= 9; n++) {
		for (u_int i = 0; i < n; i++) {
			uint8_t *h = chain + 8 * i;

			h[0] = i + 1 == n ? 17 : 60;
			h[1] = 0;
			h[2] = 1;
			h[3] = 4;
		}
		pkt_raw(&p, &a, ILNP_PROTO_DSTOPTS, chain, n * 8 + 8);
		assert_int_equal(ilnp_wire_parse(p.b, p.len, &v), n == 8 ?
		    ILNP_PARSE_OK : ILNP_PARSE_BAD);
	}
}

/* checklist: 54 */
static void
octets_behind_the_packet_do_not_belong_to_its_headers(void **state)
{
	const struct ilnp_nonce nonce = nonce_of(4, 0xaa);
	const struct addrs a = { .src = SRC, .dst = DST, .nonce = &nonce };
	struct ilnp_view v;
	struct pkt p;

	(void)state;
	pkt_udp(&p, &a, 1, 2, "x", 1);
	for (uint8_t len = 0; len < 12; len++) {
		p.b[5] = len;
		assert_int_equal(ilnp_wire_parse(p.b, p.len, &v),
		    ILNP_PARSE_SHORT);
	}
	p.b[5] = 12;		/* up to the ports */
	assert_int_equal(ilnp_wire_parse(p.b, p.len, &v), ILNP_PARSE_OK);
}

static void
neutralised_nonce_is_padding_of_the_same_length(void **state)
{
	const struct ilnp_nonce nonce = nonce_of(12, 0xaa);
	const struct addrs a = { .src = SRC, .dst = DST, .nonce = &nonce };
	struct ilnp_view v;
	struct pkt p;

	(void)state;
	pkt_udp(&p, &a, 1, 2, "x", 1);
	assert_int_equal(ilnp_wire_parse(p.b, p.len, &v), ILNP_PARSE_OK);
	assert_true(v.v_alone);
	ilnp_wire_neutralise(p.b, &v);
	assert_int_equal(ilnp_wire_parse(p.b, p.len, &v), ILNP_PARSE_OK);
	assert_int_equal(v.v_nonce.n_len, 0);
	assert_int_equal(v.v_sport, 1);
	for (u_int i = 44; i < 56; i++)
		assert_int_equal(p.b[i], 0);
}

/* checklist: 41 */
static void
nonce_beside_another_option_is_found_but_not_alone(void **state)
{
	const struct addrs a = { .src = SRC, .dst = DST };
	const uint8_t hdr[16 + 8] = { 17, 1, 0x8b, 4, 1, 2, 3, 4,
	    0x1e, 2, 0, 0, 1, 2, 0, 0 };
	struct ilnp_view v;
	struct pkt p;

	(void)state;
	pkt_raw(&p, &a, ILNP_PROTO_DSTOPTS, hdr, sizeof(hdr));
	assert_int_equal(ilnp_wire_parse(p.b, p.len, &v), ILNP_PARSE_OK);
	assert_int_equal(v.v_nonce.n_len, 4);
	assert_false(v.v_alone);
	assert_int_equal(v.v_optoff, 42);
}

static struct ilnp_ctl
lu_ctl(uint8_t *body, uint8_t reclen, u_int n)
{
	struct ilnp_ctl cp = { .cp_kind = ILNP_CTL_LU, .cp_src = SRC,
	    .cp_dst = DST, .cp_op = ILNP_LU_ADVERT, .cp_count = (uint8_t)n,
	    .cp_reclen = reclen, .cp_body = body,
	    .cp_bodylen = (uint16_t)(n * reclen) };
	struct ilnp_wr w = ilnp_wr(body, n * reclen);

	for (u_int i = 0; i < n; i++)
		ilnp_lu_put_rec(&w, reclen, &(struct ilnp_lurec){
		    .lr_l64 = l64(0x20010db800000000 + i), .lr_pref = i,
		    .lr_life = 1000 + i });
	assert_false(w.w_bad);
	cp.cp_nonce = nonce_of(4, 9);
	return (cp);
}

/* checklist: 28 68 70 75 119 */
static void
composed_locator_update_of_255_records_reads_back(void **state)
{
	static uint8_t body[255 * 16], buf[ILNP_CTL_MAX];
	static const uint8_t forms[] = { 12, 14, 16 };

	(void)state;
	for (size_t f = 0; f < NITEMS(forms); f++) {
		struct ilnp_ctl cp = lu_ctl(body, forms[f], 255);
		struct addrs a = { .src = SRC, .dst = DST };
		struct ilnp_view v;
		struct ilnp_lu lu;
		size_t len;

		cp.cp_nonce = nonce_of(12, 9);
		len = ilnp_wire_compose(&cp, buf, sizeof(buf));
		assert_int_equal(len, 40 + 16 + 8 + 255 * forms[f]);
		assert_int_equal(ilnp_wire_parse(buf, len, &v),
		    ILNP_PARSE_OK);
		assert_true(ilnp_wire_icmp_ok(buf, len, &v));
		assert_int_equal(pkt_cksum(&a, ILNP_PROTO_ICMPV6,
		    buf + v.v_l4off, len - v.v_l4off), 0);
		assert_int_equal(ilnp_lu_parse(buf + v.v_l4off,
		    len - v.v_l4off, forms[f], 0, &lu), 0);
		for (u_int i = 0; i < 255; i++) {
			struct ilnp_lurec rec = ilnp_lu_rec(&lu, i);

			assert_true(rec.lr_l64.l64 == 0x20010db800000000 + i);
			assert_int_equal(rec.lr_pref, i);
			assert_int_equal(rec.lr_life, 1000 + i);
		}
	}
}

static void
composer_writes_nothing_past_its_buffer(void **state)
{
	uint8_t body[2 * 12];
	struct ilnp_ctl cp = lu_ctl(body, 12, 2);

	(void)state;
	for (size_t cap = 0; cap < 40 + 8 + 8 + 24; cap++) {
		uint8_t *buf = malloc(cap == 0 ? 1 : cap);

		assert_non_null(buf);
		assert_int_equal(ilnp_wire_compose(&cp, buf, cap), 0);
		free(buf);
	}
}

/* checklist: 89 90 */
static void
numbers_too_large_for_a_record_are_clamped(void **state)
{
	const struct ilnp_lurec big = { .lr_l64 = l64(1), .lr_pref = 70000,
	    .lr_life = 100000 };
	static const struct {
		uint8_t		form;
		uint32_t	pref, life;
	} want[] = { { 12, 65535, 65535 }, { 14, 65535, 100000 },
	    { 16, 70000, 100000 } };

	(void)state;
	for (size_t i = 0; i < NITEMS(want); i++) {
		uint8_t buf[16];
		struct ilnp_wr w = ilnp_wr(buf, sizeof(buf));
		struct ilnp_lu lu = { .lu_rec = buf, .lu_count = 1,
		    .lu_reclen = want[i].form };
		struct ilnp_lurec rec;

		ilnp_lu_put_rec(&w, want[i].form, &big);
		assert_int_equal(w.w_len, want[i].form);
		rec = ilnp_lu_rec(&lu, 0);
		assert_int_equal(rec.lr_pref, want[i].pref);
		assert_int_equal(rec.lr_life, want[i].life);
	}
}

static void
composed_probe_is_an_echo_with_nonce_and_token(void **state)
{
	const uint8_t token[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct ilnp_ctl cp = { .cp_kind = ILNP_CTL_PROBE, .cp_src = SRC,
	    .cp_dst = DST, .cp_body = token, .cp_bodylen = 8,
	    .cp_echoid = 0x1234, .cp_echoseq = 0x5678 };
	uint8_t buf[80];
	struct ilnp_view v;
	size_t len;

	(void)state;
	cp.cp_nonce = nonce_of(4, 3);
	len = ilnp_wire_compose(&cp, buf, sizeof(buf));
	assert_int_equal(len, 40 + 8 + 8 + 8);
	assert_int_equal(ilnp_wire_parse(buf, len, &v), ILNP_PARSE_OK);
	assert_int_equal(v.v_icmptype, ILNP_ICMP6_ECHO_REQ);
	assert_true(ilnp_nonce_eq(&v.v_nonce, &cp.cp_nonce));
	assert_true(ilnp_wire_icmp_ok(buf, len, &v));
	assert_memory_equal(buf + v.v_l4off + 4, "\x12\x34\x56\x78", 4);
	assert_memory_equal(buf + v.v_l4off + 8, token, 8);
}

static void
any_flipped_bit_of_an_icmp_message_spoils_its_sum(void **state)
{
	const struct addrs a = { .src = SRC, .dst = DST };
	struct ilnp_view v;
	struct pkt p;

	(void)state;
	pkt_icmp(&p, &a, 128, 0, 0x01020304, "payload!", 8);
	assert_int_equal(ilnp_wire_parse(p.b, p.len, &v), ILNP_PARSE_OK);
	assert_true(ilnp_wire_icmp_ok(p.b, p.len, &v));
	for (size_t bit = 0; bit < (p.len - 40) * 8; bit++) {
		p.b[40 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(ilnp_wire_icmp_ok(p.b, p.len, &v));
		p.b[40 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_false(ilnp_wire_icmp_ok(p.b, p.len - 1, &v));
}

/* A length that is not there reads as 0: what follows must not be taken for 0 octets. */
static void
reader_that_has_failed_does_not_even_have_no_octets(void **state)
{
	const uint8_t one[1] = { 7 };
	struct ilnp_rd r = ilnp_rd(one, sizeof(one));

	(void)state;
	assert_ptr_equal(ilnp_rd_take(&r, 0), one);
	assert_int_equal(ilnp_rd_u16(&r), 0);
	assert_true(r.r_bad);
	assert_null(ilnp_rd_take(&r, 0));
	assert_false(ilnp_rd_skip(&r, 0));
}

TEST_MAIN(
	TEST(reader_that_has_failed_does_not_even_have_no_octets),
	TEST(packets_read_as_the_vectors_say),
	TEST(longest_packet_has_65535_octets_behind_its_header),
	TEST(options_headers_read_as_the_vectors_say),
	TEST(locator_updates_read_as_the_vectors_say),
	TEST(lu_of_no_known_form_is_refused_in_extended_mode),
	TEST(every_truncation_of_a_packet_is_judged_without_reading_past_it),
	TEST(random_octets_never_read_out_of_bounds),
	TEST(chain_of_eight_headers_passes_and_of_nine_does_not),
	TEST(octets_behind_the_packet_do_not_belong_to_its_headers),
	TEST(neutralised_nonce_is_padding_of_the_same_length),
	TEST(nonce_beside_another_option_is_found_but_not_alone),
	TEST(composed_locator_update_of_255_records_reads_back),
	TEST(composer_writes_nothing_past_its_buffer),
	TEST(numbers_too_large_for_a_record_are_clamped),
	TEST(composed_probe_is_an_echo_with_nonce_and_token),
	TEST(any_flipped_bit_of_an_icmp_message_spoils_its_sum))
