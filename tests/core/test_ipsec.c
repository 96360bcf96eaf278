/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Packets protected by IPsec: the core judges them by what can be read of them
 * and never looks into them.
 */
#include "rig.h"

#define	PROTO_ESP	50
#define	PROTO_AH	51

static const struct ilnp_nonce N1 = { 4, { 1, 1, 1, 1 } };
static const struct ilnp_nonce N2 = { 4, { 2, 2, 2, 2 } };

/* A payload of ESP, or of AH with a message behind it. */
static enum ilnp_inverdict
input_protected(uint64_t from, const struct ilnp_nonce *nonce, uint8_t proto,
    const void *data, size_t len)
{
	const struct addrs a = { { l64(from), YOU }, { l64(A(0)), ME }, nonce,
	    ILNP_CKSUM_RFC };

	pkt_raw(&r.pkt, &a, proto, data, len);
	return (rig_input(ILNP_FLOW_KNOWN));
}

/* checklist: 50 */
static void
nonce_is_checked_before_anything_is_deciphered(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	uint8_t esp[64];

	(void)state;
	/* Nothing that the core could read but the nonce before it. */
	memset(esp, 0xa5, sizeof(esp));
	assert_int_equal(input_protected(B(0), &N2, PROTO_ESP, esp,
	    sizeof(esp)), ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_wrong), 1);
	assert_int_equal(input_protected(EVIL, &N2, PROTO_ESP, esp,
	    sizeof(esp)), ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_wrong), 2);
	assert_int_equal(input_protected(EVIL, NULL, PROTO_ESP, esp,
	    sizeof(esp)), ILNP_IN_DROP);
	assert_int_equal(STAT(in_nonce_missing), 1);
	/* What passes is left to IPsec as it came. */
	assert_int_equal(input_protected(B(0), &N1, PROTO_ESP, esp,
	    sizeof(esp)), ILNP_IN_DELIVER);
	assert_ptr_equal(r.in.i_sess, s);
	assert_int_equal(r.in.i_view.v_proto, PROTO_ESP);
}

/* checklist: 81 */
static void
protected_update_needs_its_nonce_all_the_same(void **state)
{
	struct ilnp_sess *s = rig_opened(1, &N1);
	const struct addrs a = { { l64(B(0)), YOU }, { l64(A(0)), ME }, NULL,
	    ILNP_CKSUM_IPV6 };
	const struct ilnp_lurec rec = { l64(B(7)), 0, 300 };
	uint8_t ah[24 + 8 + 12] = { ILNP_PROTO_ICMPV6, 24 / 4 - 2 };

	(void)state;
	pkt_lu(&r.pkt, &a, ILNP_LU_ADVERT, &rec, 1);
	memcpy(ah + 24, r.pkt.b + 40, 8 + 12);
	/* With an authentication header: without a nonce, and with a wrong one. */
	assert_int_not_equal(input_protected(B(0), NULL, PROTO_AH, ah,
	    sizeof(ah)), ILNP_IN_CONSUMED);
	assert_int_equal(input_protected(B(0), &N2, PROTO_AH, ah, sizeof(ah)),
	    ILNP_IN_DROP);
	assert_false(rig_knows(s, B(7)));
	assert_int_equal(STAT(lu_rcvd), 0);
	/* And what IPsec gives back, once it has taken its own header off. */
	pkt_lu(&r.pkt, &a, ILNP_LU_ADVERT, &rec, 1);
	assert_int_equal(rig_input(ILNP_FLOW_KNOWN), ILNP_IN_DROP);
	assert_int_equal(STAT(lu_forged), 1);
	assert_false(rig_knows(s, B(7)));
	assert_int_equal(RIG_LU(B(0), A(0), &N1, { l64(B(7)), 0, 300 }),
	    ILNP_IN_CONSUMED);
	assert_true(rig_knows(s, B(7)));
}

TEST_MAIN(
	RIG_TEST(nonce_is_checked_before_anything_is_deciphered),
	RIG_TEST(protected_update_needs_its_nonce_all_the_same))
