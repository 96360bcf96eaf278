/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Any sequence of what programs teach, the administrator says, name servers
 * answer and time does: the limits hold, and what belongs to one name or owner
 * goes to no other while it lives.
 */
#include "fuzz.h"
#include "ilnp_cand.h"

#define	MAX	12
#define	CANDS	8
#define	OWN	3
#define	USERS	5		/* and as many of a jail */
#define	JAIL	((uint64_t)7 << 32)

static struct ilnp_offer
take_offer(struct ilnp_rd *r)
{
	uint8_t who = take8(r) % (2 * USERS);
	struct ilnp_offer o = { .of_owner = who < USERS ? who : JAIL | who };

	o.of_name[0] = (char)('a' + take8(r) % 4);
	o.of_root = o.of_owner == 0;
	o.of_nid.nid = 1 + take8(r) % 16;
	o.of_n = take8(r) % 4;
	for (u_int i = 0; i < o.of_n; i++)
		o.of_rec[i] = (struct ilnp_lurec){ THEIRS(take8(r) % 4),
		    take8(r), take8(r) };
	return (o);
}

static void
check_limits(struct ilnp_cands *cs)
{
	u_int all = 0, of[USERS + 1] = { 0 };
	struct ilnp_cand ca, same;

	for (u_int i = 0; i < MAX; i++) {
		if (!ilnp_cands_at(cs, i, &ca))
			continue;
		NEVER(!ilnp_cands_known(cs, ca.ca_nid));
		NEVER(!ilnp_cands_find(cs, ca.ca_nid, &same) ||
		    memcmp(&ca, &same, sizeof(ca)) != 0);
		if (ca.ca_name[0] == '\0')
			continue;
		NEVER(ca.ca_n == 0);
		NEVER(++of[ca.ca_owner < USERS ? ca.ca_owner : USERS] > OWN);
		NEVER(++all > CANDS);
	}
}

static void
offer(struct ilnp_cands *cs, const struct ilnp_offer *o, ilnp_time_t now)
{
	struct ilnp_cand was, is;
	bool live = ilnp_cands_find(cs, o->of_nid, &was) &&
	    (was.ca_open || !ilnp_cand_over(&was, now));

	(void)ilnp_cands_offer(cs, o, now);
	if (!live || o->of_root)
		return;
	NEVER(!ilnp_cands_find(cs, o->of_nid, &is));
	NEVER(strcmp(was.ca_name, is.ca_name) != 0);
	NEVER(was.ca_owner != is.ca_owner);
	/* Only he who taught it says where it is. */
	NEVER((was.ca_owner != o->of_owner || was.ca_root) &&
	    (was.ca_n != is.ca_n || !ilnp_l64_eq(was.ca_rec[0].lr_l64,
	    is.ca_rec[0].lr_l64)));
}

static void
step(struct ilnp_rd *r, struct ilnp_cands *cs, struct ilnp_ilcc *c,
    ilnp_time_t *now)
{
	static const struct ilnp_nid us = US;
	static struct ilnp_sessinfo si;
	struct ilnp_lurec rec[ILNP_LOCS_MAX];
	uint8_t what = take8(r);
	struct ilnp_offer o = take_offer(r);
	struct ilnp_cand ca;
	bool told;

	switch (what % 8) {
	case 0:
		(void)ilnp_cands_put(cs, o.of_nid, o.of_rec, o.of_n,
		    take8(r) % 2 == 0 ? 0 : *now + ILNP_SEC(9), *now);
		break;
	case 1:
		(void)ilnp_cands_del(cs, o.of_nid);
		break;
	case 2:
		(void)ilnp_cands_answer(cs, &o, *now, &told);
		break;
	case 3:
		ilnp_cands_answered(cs, o.of_name);
		break;
	case 4:
		if (ilnp_cands_get(cs, o.of_nid, *now, rec, &told) > 0)
			ilnp_cands_opened(cs, o.of_nid, *now);
		break;
	case 5:
		*now += ILNP_SEC((uint64_t)take8(r) * take8(r) * 4);
		break;
	case 6:
		for (u_int i = 0; i < MAX; i++)
			(void)ilnp_cands_look(cs, i, c, &us, 1, &si, *now,
			    &ca);
		break;
	default:
		offer(cs, &o, *now);
		break;
	}
	check_limits(cs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ilnp_ilcc *c = fuzz_cache();
	struct ilnp_cands *cs = ilnp_cands_alloc(MAX, CANDS, OWN);
	struct ilnp_rd r = ilnp_rd(data, size);
	ilnp_time_t now = ILNP_SEC(1);

	NEVER(cs == NULL);
	ilnp_env_epoch_begin();
	while (r.r_left > 0)
		step(&r, cs, c, &now);
	ilnp_env_epoch_end();
	ilnp_cands_free(cs);
	fuzz_end(c);
	return (0);
}
