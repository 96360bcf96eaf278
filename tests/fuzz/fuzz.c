/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 */
#include <stdlib.h>

#include "fuzz.h"
#include "ilnp_cksum.h"

const struct ilnp_nonce fuzz_nonce = { 4, { 0xa1, 0xb2, 0xc3, 0xd4 } };

uint8_t *
fuzz_copy(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);

	NEVER(copy == NULL);
	if (len > 0)
		memcpy(copy, p, len);
	return (copy);
}

struct ilnp_ilcc *
fuzz_cache(void)
{
	struct ilnp_conf conf;
	struct ilnp_ilcc *c;

	ilnp_env_thread_init();
	ilnp_env_seed(1);
	ilnp_conf_init(&conf);
	conf.sess_max = 16;
	conf.half_max = 8;
	c = ilnp_ilcc_alloc(&conf, NULL, NULL);
	NEVER(c == NULL);
	(void)ilnp_local_nid_add(ilnp_ilcc_local(c), US);
	(void)ilnp_local_put(ilnp_ilcc_local(c), OURS(0), 1, 10, 1, 0,
	    ILNP_SEC(1000));
	return (c);
}

void
fuzz_end(struct ilnp_ilcc *c)
{
	ilnp_ilcc_free(c);
	ilnp_env_epoch_barrier();
	NEVER(ilnp_env_alloc_total() != 0);
}

void
fuzz_icmp_sum(uint8_t *pkt, size_t len)
{
	struct ilnp_view v;
	uint16_t sum;

	if (ilnp_wire_parse(pkt, len, &v) != ILNP_PARSE_OK ||
	    v.v_proto != ILNP_PROTO_ICMPV6 || v.v_laterfrag ||
	    len < v.v_len || v.v_len - v.v_l4off < 4)
		return;
	pkt[v.v_l4off + 2] = pkt[v.v_l4off + 3] = 0;
	sum = (uint16_t)~ilnp_cksum_fold(ilnp_cksum_add(ilnp_cksum_pseudo(
	    ILNP_CKSUM_IPV6, v.v_src, v.v_dst, v.v_len - v.v_l4off,
	    ILNP_PROTO_ICMPV6), pkt + v.v_l4off, v.v_len - v.v_l4off));
	pkt[v.v_l4off + 2] = (uint8_t)(sum >> 8);
	pkt[v.v_l4off + 3] = (uint8_t)sum;
}
