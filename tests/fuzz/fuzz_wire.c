/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Any octets as a packet: what the parser says of them must be true.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "ilnp_cksum.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p = fuzz_copy(data, size);
	struct ilnp_view v, again;

	if (ilnp_wire_parse(p, size, &v) == ILNP_PARSE_OK) {
		NEVER(v.v_l4off < ILNP_IP6_HDRLEN);
		NEVER(v.v_l4off > size || v.v_l4off > v.v_len);
		(void)ilnp_wire_icmp_ok(p, size, &v);
		if (size >= v.v_len && !v.v_laterfrag)
			(void)ilnp_cksum_verify(v.v_src, v.v_dst, v.v_proto,
			    p + v.v_l4off, (size_t)v.v_len - v.v_l4off);
		if (v.v_nonce.n_len != 0) {
			NEVER(v.v_nonce.n_len != 4 && v.v_nonce.n_len != 12);
			NEVER(p[v.v_optoff] != ILNP_OPT_NONCE);
			NEVER(p[v.v_noncenxt] != ILNP_PROTO_DSTOPTS);
			NEVER(v.v_noncelen % 8 != 0);
			NEVER(v.v_optoff + 2 + v.v_nonce.n_len >
			    v.v_nonceoff + v.v_noncelen);
			NEVER(v.v_nonceoff + v.v_noncelen > v.v_l4off);
			/* Without the nonce it is the same packet. */
			ilnp_wire_neutralise(p, &v);
			NEVER(ilnp_wire_parse(p, size, &again) !=
			    ILNP_PARSE_OK);
			NEVER(again.v_nonce.n_len != 0);
			NEVER(again.v_l4off != v.v_l4off);
			NEVER(again.v_sport != v.v_sport);
		}
	}
	free(p);
	return (0);
}
