/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Any octets as a DNS answer.  The first octet chooses the type that was asked
 * for, whether the number is made to fit and whether it came over TCP; the rest
 * is the message.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "ilnp_dns.h"

static const struct ilnp_name asked = { 18, "\4host\7example\3com" };

static void
check_record(void *arg, const struct ilnp_rr *rr)
{
	u_int *count = arg;
	char text[ILNP_DNS_TEXT_MAX];
	uint8_t sum = 0;

	(*count)++;
	NEVER(rr->rr_ttl > INT32_MAX);
	/* For AddressSanitizer: all of it can be read. */
	if (rr->rr_type == ILNP_DNS_A || rr->rr_type == ILNP_DNS_AAAA)
		for (u_int i = 0; i < (rr->rr_type == ILNP_DNS_A ? 4u : 16u);
		    i++)
			sum = (uint8_t)(sum + rr->rr_addr[i]);
	if (rr->rr_type == ILNP_DNS_LP) {
		NEVER(rr->rr_target.n_len == 0);
		NEVER(rr->rr_target.n_b[rr->rr_target.n_len - 1] != 0);
		(void)ilnp_name_write(&rr->rr_target, text);
		NEVER(strlen(text) >= ILNP_DNS_TEXT_MAX);
	}
	NEVER(sum == 0 && *count == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { ILNP_DNS_NID, ILNP_DNS_L64,
	    ILNP_DNS_LP, ILNP_DNS_A, ILNP_DNS_AAAA, ILNP_DNS_CNAME };
	struct ilnp_rd r = ilnp_rd(data, size);
	uint8_t choice = take8(&r);
	struct ilnp_question q = { .q_name = asked,
	    .q_type = types[choice % 6] };
	struct ilnp_name owner, parent;
	size_t len = r.r_left;
	uint8_t *msg = fuzz_copy(ilnp_rd_take(&r, len), len);
	u_int count = 0;

	if ((choice & 0x80) != 0 && len >= 2)
		q.q_id = (uint16_t)(msg[0] << 8 | msg[1]);
	(void)ilnp_dns_check(msg, len, &q, (choice & 0x40) != 0);
	if (ilnp_dns_read(msg, len, &q, &owner, check_record, &count) == 0) {
		NEVER(owner.n_len == 0);
		/* A record takes eleven octets at the least. */
		NEVER(count > len / 11);
		for (parent = owner; parent.n_len > 0;
		    parent = ilnp_name_parent(&parent))
			NEVER(!ilnp_name_within(&owner, &parent));
	}
	count = 0;
	(void)ilnp_dns_read_more(msg, len, &asked, q.q_type, check_record,
	    &count);
	NEVER(count > len / 11);
	free(msg);
	return (0);
}
