/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What names teach: who may, how much, for how long, and when they are asked
 * again.
 */
#include <string.h>

#include "ilnp_cand.h"
#include "rig.h"
#include "test.h"

#define	MAX	12		/* places */
#define	CANDS	8		/* candidates in all */
#define	OWN	3		/* of one owner */
#define	ROOT	0
#define	ANN	1001
#define	BOB	1002
#define	LIFE	300

static struct ilnp_cands *cs;
static ilnp_time_t now;

static int
begin(void **state)
{
	int error = rig_begin(state);

	cs = ilnp_cands_alloc(MAX, CANDS, OWN);
	now = T0;
	return (error != 0 || cs == NULL);
}

static int
end(void **state)
{
	ilnp_cands_free(cs);
	return (rig_end(state));
}

#define	CAND_TEST(f)	cmocka_unit_test_setup_teardown(f, begin, end)

/* What `who' says: a name, its NID, and a locator for each set bit. */
static struct ilnp_offer
says(uint64_t who, const char *name, uint64_t id, u_int locators,
    uint32_t life)
{
	struct ilnp_offer o = { .of_owner = who, .of_root = who == ROOT,
	    .of_nid = nid(id) };

	(void)strcpy(o.of_name, name);
	for (u_int i = 0; i < ILNP_LOCS_MAX; i++)
		if ((locators >> i & 1) != 0)
			o.of_rec[o.of_n++] = (struct ilnp_lurec){
			    l64(B(i)), i, life };
	return (o);
}

static int
offer(uint64_t who, const char *name, uint64_t id, u_int locators)
{
	struct ilnp_offer o = says(who, name, id, locators, LIFE);

	return (ilnp_cands_offer(cs, &o, now));
}

static int
answer(const char *name, uint64_t id, u_int locators)
{
	struct ilnp_offer o = says(ROOT, name, id, locators, LIFE);
	bool open;

	return (ilnp_cands_answer(cs, &o, now, &open));
}

static struct ilnp_cand
the(uint64_t id)
{
	struct ilnp_cand ca = { .ca_n = 99 };

	assert_true(ilnp_cands_find(cs, nid(id), &ca));
	return (ca);
}

static bool
there(uint64_t id)
{
	struct ilnp_cand ca;

	return (ilnp_cands_find(cs, nid(id), &ca));
}

/* The locators that open sessions with a NID, a bit each. */
static u_int
opens(uint64_t id)
{
	struct ilnp_lurec rec[ILNP_LOCS_MAX];
	bool told;
	u_int bits = 0, n = ilnp_cands_get(cs, nid(id), now, rec, &told);

	for (u_int i = 0; i < n; i++)
		bits |= 1U << (rec[i].lr_l64.l64 - B(0));
	return (bits);
}

static u_int
count(uint64_t owner)
{
	struct ilnp_cand ca;
	u_int n = 0;

	for (u_int i = 0; i < MAX; i++)
		n += ilnp_cands_at(cs, i, &ca) && ca.ca_name[0] != '\0' &&
		    ca.ca_owner == owner;
	return (n);
}

static bool
asked(uint64_t id, bool must)
{
	struct ilnp_cand ca;

	return (ilnp_cands_ask(cs, nid(id), must, now, &ca));
}

/* Looks at all; true if the name of that NID is to be asked. */
static bool
looked(uint64_t id)
{
	static struct ilnp_sessinfo si;
	const struct ilnp_nid us = ME;
	struct ilnp_cand ca;
	bool ask = false;

	ilnp_env_epoch_begin();
	for (u_int i = 0; i < ilnp_cands_max(cs); i++)
		if (ilnp_cands_look(cs, i, r.c, &us, 1, &si, now, &ca))
			ask |= ca.ca_nid.nid == id;
	ilnp_env_epoch_end();
	return (ask);
}

static void
what_is_no_name_nid_or_locator_is_refused(void **state)
{
	struct ilnp_offer o = says(ANN, "a.example", 1, 1, LIFE);
	bool open;
	static const char *const bad[] = { "", "-f", "A", "a b", "a;b", "a/b" };

	(void)state;
	for (u_int i = 0; i < NITEMS(bad); i++) {
		(void)strcpy(o.of_name, bad[i]);
		assert_int_equal(ilnp_cands_offer(cs, &o, now), EINVAL);
	}
	memset(o.of_name, 'a', sizeof(o.of_name));
	assert_int_equal(ilnp_cands_offer(cs, &o, now), EINVAL);
	assert_int_equal(offer(ANN, "a.example", 0, 1), EINVAL);
	assert_int_equal(offer(ANN, "a.example", 1, 0), EINVAL);
	o = says(ANN, "a.example", 1, 1, LIFE);
	o.of_rec[0].lr_l64 = l64(0xfe80000000000000);
	assert_int_equal(ilnp_cands_offer(cs, &o, now), EINVAL);
	assert_int_equal(ilnp_cands_answer(cs, &o, now, &open), EINVAL);
	o.of_n = ILNP_LOCS_MAX + 1;
	assert_int_equal(ilnp_cands_offer(cs, &o, now), EINVAL);
	assert_false(there(1));
}

static void
a_nid_belongs_to_the_name_that_taught_it_first(void **state)
{
	(void)state;
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_int_equal(offer(BOB, "b.example", 1, 1), EEXIST);
	assert_int_equal(offer(BOB, "b.example", 1, 2), EEXIST);
	assert_int_equal(offer(ANN, "b.example", 1, 2), EEXIST);
	/* Whoever is told the same by another name of it may use it. */
	assert_int_equal(offer(ANN, "b.example", 1, 1), 0);
	assert_string_equal(the(1).ca_name, "a.example");
	assert_int_equal(opens(1), 1);
	assert_int_equal(answer("b.example", 1, 2), ENOENT);
}

static void
others_who_are_told_otherwise_have_the_name_asked(void **state)
{
	(void)state;
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_false(asked(1, false));
	assert_int_equal(offer(BOB, "a.example", 1, 2), EBUSY);
	assert_int_equal(opens(1), 1);
	assert_true(asked(1, false));
	assert_false(asked(1, false));
	assert_int_equal(answer("a.example", 1, 2), 0);
	ilnp_cands_answered(cs, "a.example");
	assert_int_equal(opens(1), 2);
	assert_int_equal(offer(BOB, "a.example", 1, 2), 0);
	assert_int_equal(the(1).ca_owner, ANN);
}

static void
preferences_stay_those_of_the_first(void **state)
{
	struct ilnp_offer o = says(BOB, "a.example", 1, 3, LIFE);

	(void)state;
	assert_int_equal(offer(ANN, "a.example", 1, 3), 0);
	o.of_rec[0].lr_pref = 77;
	now += ILNP_SEC(100);
	assert_int_equal(ilnp_cands_offer(cs, &o, now), 0);
	assert_int_equal(the(1).ca_rec[0].lr_pref, 0);
	assert_int_equal(the(1).ca_until, now + ILNP_SEC(LIFE));
	o.of_owner = ANN;
	assert_int_equal(ilnp_cands_offer(cs, &o, now), 0);
	assert_int_equal(the(1).ca_rec[0].lr_pref, 77);
}

static void
what_root_has_looked_up_users_only_renew(void **state)
{
	(void)state;
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_int_equal(offer(ROOT, "a.example", 1, 2), 0);
	assert_int_equal(opens(1), 2);
	assert_int_equal(offer(ANN, "a.example", 1, 1), EBUSY);
	assert_int_equal(offer(ANN, "a.example", 1, 2), 0);
	assert_int_equal(opens(1), 2);
	/* His word replaces that of others. */
	assert_int_equal(offer(ROOT, "b.example", 1, 4), 0);
	assert_string_equal(the(1).ca_name, "b.example");
	assert_int_equal(the(1).ca_owner, ROOT);
	assert_int_equal(opens(1), 4);
}

static void
lifetimes_are_bounded_and_end(void **state)
{
	struct ilnp_offer o = says(ANN, "a.example", 1, 3, 99999);

	(void)state;
	o.of_rec[1].lr_life = 5000;
	assert_int_equal(ilnp_cands_offer(cs, &o, now), 0);
	assert_int_equal(the(1).ca_rec[0].lr_life, ILNP_CAND_LIFE);
	now += ILNP_SEC(ILNP_CAND_LIFE) - 1;
	assert_int_equal(opens(1), 3);
	now++;
	assert_int_equal(opens(1), 0);
	/* Somebody wanted it: the name is to be asked. */
	assert_true(looked(1));
	assert_int_equal(answer("a.example", 1, 2), 0);
	assert_int_equal(opens(1), 2);
}

static void
an_expired_nid_is_not_for_anybody_to_take(void **state)
{
	(void)state;
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	now += ILNP_SEC(LIFE);
	assert_int_equal(offer(BOB, "b.example", 1, 2), EBUSY);
	assert_int_equal(offer(BOB, "b.example", 1, 1), EBUSY);
	assert_string_equal(the(1).ca_name, "a.example");
	assert_true(asked(1, false));
	/* It does not lead there any more. */
	ilnp_cands_answered(cs, "a.example");
	assert_false(there(1));
	assert_int_equal(offer(BOB, "b.example", 1, 2), 0);
	/* By its own name for a moment: that is asked. */
	now += ILNP_SEC(LIFE);
	assert_int_equal(offer(ANN, "b.example", 1, 1), 0);
	assert_int_equal(the(1).ca_owner, ANN);
	assert_true(asked(1, false));
	/* And in the end it is forgotten. */
	now += ILNP_SEC(ILNP_CAND_KEEP);
	assert_false(looked(1));
	assert_false(there(1));
}

static void
an_answer_forgets_only_what_was_asked(void **state)
{
	(void)state;
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_int_equal(offer(ANN, "a.example", 2, 1), 0);
	assert_int_equal(offer(ANN, "a.example", 3, 1), 0);
	assert_true(asked(1, true));
	assert_true(asked(3, true));
	ilnp_cands_opened(cs, nid(3), now);
	ilnp_cands_answered(cs, "a.example");
	assert_false(there(1));
	assert_true(there(2));
	/* A session lives by it, and may be told of another place yet. */
	assert_true(there(3));
}

static void
an_answer_is_believed_by_what_it_has_opened(void **state)
{
	struct ilnp_offer o = says(ANN, "a.example", 1, 2, LIFE);
	bool open = true;

	(void)state;
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_int_equal(ilnp_cands_answer(cs, &o, now, &open), 0);
	assert_false(open);
	ilnp_cands_opened(cs, nid(1), now);
	assert_int_equal(ilnp_cands_answer(cs, &o, now, &open), 0);
	assert_true(open);
}

static void
a_name_opens_no_session_that_is_not_wanted(void **state)
{
	const struct ilnp_nidpair nids = { ME, YOU };
	const struct ilnp_lurec evil = { l64(EVIL), 0, LIFE };
	struct ilnp_sess *s;

	(void)state;
	ilnp_env_epoch_begin();
	ilnp_ilcc_renew(r.c, &nids, &evil, 1, true, r.now);
	assert_null(ilnp_ilcc_find(r.c, &nids));
	s = rig_open(1);
	ilnp_ilcc_renew(r.c, &nids, &evil, 1, false, r.now);
	assert_false(rig_knows(s, EVIL));
	/* Nor does who has not answered yet see our nonce anywhere else. */
	ilnp_ilcc_renew(r.c, &nids, &evil, 1, true, r.now);
	assert_false(rig_knows(s, EVIL));
	ilnp_env_epoch_end();
}

static void
a_ttl_of_zero_opens_one_session(void **state)
{
	struct ilnp_offer o = says(ANN, "a.example", 1, 1, 0);

	(void)state;
	assert_int_equal(ilnp_cands_offer(cs, &o, now), 0);
	now += ILNP_SEC(ILNP_CAND_WINDOW) - 1;
	assert_int_equal(opens(1), 1);
	ilnp_cands_opened(cs, nid(1), now);
	assert_int_equal(opens(1), 0);
}

static void
an_owner_has_so_many_and_his_own_make_room(void **state)
{
	const uint64_t jailed = (uint64_t)7 << 32 | ANN;

	(void)state;
	assert_int_equal(offer(BOB, "b.example", 99, 1), 0);
	for (u_int i = 1; i <= OWN; i++) {
		now += 1000;
		assert_int_equal(offer(ANN, "a.example", i, 1), 0);
	}
	/* Renewed, so the second is the oldest now; the third is in use. */
	now += 1000;
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_int_equal(offer(ANN, "a.example", 4, 1), 0);
	assert_false(there(2));
	ilnp_cands_opened(cs, nid(3), now);
	now += 1000;
	assert_int_equal(offer(ANN, "a.example", 5, 1), 0);
	assert_true(there(3) && !there(1));
	assert_int_equal(count(ANN), OWN);
	assert_int_equal(count(BOB), 1);
	/* The same number in a jail is somebody else. */
	assert_int_equal(offer(jailed, "j.example", 6, 1), 0);
	assert_int_equal(count(ANN), OWN);
	assert_int_equal(offer(jailed, "a.example", 3, 2), EBUSY);
}

/* Its root can be any of them. */
static void
users_of_a_jail_have_one_share(void **state)
{
	const uint64_t jail = (uint64_t)7 << 32;

	(void)state;
	assert_int_equal(offer(ANN, "a.example", 98, 1), 0);
	now += 1000;
	assert_int_equal(offer(ANN, "a.example", 99, 1), 0);
	for (u_int i = 0; i < 2 * CANDS; i++) {
		now += 1000;
		assert_int_equal(offer(jail | (2000 + i), "j.example",
		    1000 + i, 1), 0);
	}
	assert_true(there(98) && there(99));
	for (u_int i = 0; i < 2 * CANDS; i++)
		assert_int_equal(there(1000 + i), i >= 2 * CANDS - OWN);
	/* What is whose is another matter. */
	assert_int_equal(the(1000 + 2 * CANDS - 1).ca_owner,
	    jail | (2000 + 2 * CANDS - 1));
}

static void
an_expired_one_makes_room_first(void **state)
{
	struct ilnp_offer o = says(ANN, "a.example", 2, 1, 10);

	(void)state;
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_int_equal(ilnp_cands_offer(cs, &o, now), 0);
	assert_int_equal(offer(ANN, "a.example", 3, 1), 0);
	now += ILNP_SEC(10);
	assert_int_equal(offer(ANN, "a.example", 4, 1), 0);
	assert_false(there(2));
}

static void
whoever_has_most_makes_room_for_all(void **state)
{
	u_int all = 0;

	(void)state;
	assert_int_equal(offer(BOB, "b.example", 99, 1), 0);
	for (u_int who = 0; who < 20; who++)
		for (u_int i = 0; i < OWN; i++)
			assert_int_equal(offer(2000 + who, "x.example",
			    1000 + who * OWN + i, 1), 0);
	assert_true(there(99));
	assert_true(there(1000 + 20 * OWN - 1));
	for (u_int who = 0; who < 20; who++)
		all += count(2000 + who);
	assert_int_equal(all, CANDS - 1);
}

static void
the_administrators_word_stands(void **state)
{
	struct ilnp_lurec rec[ILNP_LOCS_MAX] = { { l64(B(5)), 1, 0 } };
	bool told = false;

	(void)state;
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_int_equal(ilnp_cands_put(cs, nid(1), rec, 1, 0, now), 0);
	assert_int_equal(count(ANN), 0);
	/* To follow it is all right. */
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_int_equal(offer(ROOT, "a.example", 1, 1), 0);
	assert_int_equal(answer("a.example", 1, 1), ENOENT);
	assert_int_equal(opens(1), 1 << 5);
	assert_int_equal(ilnp_cands_get(cs, nid(1), now, rec, &told), 1);
	assert_true(told && rec[0].lr_life == UINT32_MAX);
	assert_false(asked(1, true));
	ilnp_cands_opened(cs, nid(1), now);
	now += ILNP_SEC(2 * ILNP_CAND_KEEP);
	assert_false(looked(1));
	assert_int_equal(opens(1), 1 << 5);
	assert_int_equal(ilnp_cands_del(cs, nid(1)), 0);
	assert_int_equal(ilnp_cands_del(cs, nid(1)), ENOENT);
	assert_int_equal(opens(1), 0);
}

static void
the_administrator_may_take_all_places(void **state)
{
	const struct ilnp_lurec rec = { l64(B(1)), 1, 0 };

	(void)state;
	for (u_int i = 0; i < MAX; i++)
		assert_int_equal(ilnp_cands_put(cs, nid(100 + i), &rec, 1,
		    now + ILNP_SEC(60), now), 0);
	assert_int_equal(ilnp_cands_put(cs, nid(200), &rec, 1, 0, now),
	    ENOSPC);
	assert_int_equal(offer(ANN, "a.example", 1, 1), ENOSPC);
	now += ILNP_SEC(60);
	assert_int_equal(opens(100), 0);
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_int_equal(ilnp_cands_put(cs, nid(200), &rec, 1, 0, now), 0);
}

static void
what_is_known_can_be_told_without_the_lock(void **state)
{
	u_int strangers = 0;

	(void)state;
	for (u_int i = 0; i < CANDS; i++)
		assert_int_equal(offer(ANN + i, "a.example", 1 + i, 1), 0);
	for (u_int i = 0; i < CANDS; i++)
		assert_true(ilnp_cands_known(cs, nid(1 + i)));
	for (u_int i = 0; i < 1000; i++)
		strangers += ilnp_cands_known(cs, nid(5000 + i));
	assert_in_range(strangers, 0, 100);
	for (u_int i = 0; i < CANDS; i++)
		assert_int_equal(ilnp_cands_del(cs, nid(1 + i)), 0);
	for (u_int i = 0; i < CANDS; i++)
		assert_false(ilnp_cands_known(cs, nid(1 + i)));
}

/* Which NIDs look alike is another matter in each table. */
static void
nobody_can_choose_nids_that_look_alike(void **state)
{
	u_int alike = 0;

	(void)state;
	for (u_int i = 0; i < 200; i++) {
		assert_int_equal(offer(ANN, "a.example", 7, 1), 0);
		for (u_int k = 1; k <= 200; k++)
			alike += ilnp_cands_known(cs, nid(7 + k * (uint64_t)
			    0x0004000100000000));
		ilnp_cands_free(cs);
		cs = ilnp_cands_alloc(MAX, CANDS, OWN);
		assert_non_null(cs);
	}
	/* 40000 pairs, of which one in 1024 share a chain by chance. */
	assert_in_range(alike, 1, 400);
}

static void
a_name_is_asked_again_at_intervals(void **state)
{
	(void)state;
	assert_int_equal(offer(ANN, "a.example", 1, 1), 0);
	assert_true(asked(1, true));
	now += ILNP_SEC(5) - 1;
	assert_false(asked(1, true));
	now++;
	assert_true(asked(1, true));
	assert_false(asked(2, true));
}

static void
a_session_in_use_has_its_name_asked_when_the_lifetime_ends(void **state)
{
	const struct ilnp_nidpair nids = { ME, YOU };
	const uint64_t you = YOU.nid;
	struct ilnp_sess *s;

	(void)state;
	assert_int_equal(offer(ANN, "a.example", you, 1), 0);
	s = rig_open(1);
	assert_non_null(s);
	ilnp_cands_opened(cs, YOU, now);
	assert_false(looked(you));
	now += ILNP_SEC(LIFE);
	/* Nothing was sent for long. */
	assert_false(looked(you));
	assert_true(the(you).ca_open);
	assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
	assert_true(looked(you));
	now += ILNP_SEC(1);
	assert_false(looked(you));
	now += ILNP_SEC(4);
	assert_true(looked(you));
	assert_int_equal(answer("a.example", you, 3), 0);
	now += ILNP_SEC(5);
	assert_false(looked(you));
	ilnp_env_epoch_begin();
	ilnp_ilcc_close(r.c, ilnp_ilcc_find(r.c, &nids));
	ilnp_env_epoch_end();
	assert_false(looked(you));
	assert_false(the(you).ca_open);
}

static void
a_session_in_use_keeps_what_is_good_for_one(void **state)
{
	struct ilnp_offer o = says(ANN, "a.example", YOU.nid, 1, 0);
	struct ilnp_sess *s;

	(void)state;
	assert_int_equal(ilnp_cands_offer(cs, &o, now), 0);
	s = rig_open(1);
	assert_non_null(s);
	ilnp_cands_opened(cs, YOU, now);
	for (u_int i = 0; i < 10; i++) {
		assert_int_equal(rig_output(s, 100), ILNP_OUT_ILNP);
		assert_false(looked(YOU.nid));
		now += ILNP_SEC(1);
	}
}

/* Who does not answer is asked less and less, who does as its caches forget. */
static void
a_session_that_has_lost_its_peer_has_its_name_asked_sooner(void **state)
{
	static const struct ilnp_nonce nonce = { 4, { 9, 9, 9, 9 } };
	static const struct {
		bool	answers;
		uint32_t life;
		uint32_t gap;	/* s to the next question */
	} steps[] = { { false, 0, 1 }, { false, 0, 2 }, { false, 0, 4 },
	    { false, 0, 5 }, { false, 0, 5 }, { true, 2, 2 }, { true, 0, 1 },
	    { true, LIFE, 5 }, { false, 0, 1 } };
	struct ilnp_sess *s = rig_opened(1, &nonce);
	struct ilnp_offer o = says(ANN, "a.example", YOU.nid, 1, LIFE);
	bool open;

	(void)state;
	assert_int_equal(ilnp_cands_offer(cs, &o, now), 0);
	ilnp_cands_opened(cs, YOU, now);
	(void)rig_output(s, 10);
	assert_false(looked(YOU.nid));
	for (u_int i = 0; i < 5; i++) {
		(void)rig_output(s, 10);
		rig_advance(1000);
	}
	now += ILNP_SEC(5);
	assert_true(looked(YOU.nid));
	for (u_int i = 0; i < NITEMS(steps); i++) {
		o = says(ANN, "a.example", YOU.nid, 1, steps[i].life);
		if (steps[i].answers)
			assert_int_equal(ilnp_cands_answer(cs, &o, now, &open),
			    0);
		(void)rig_output(s, 10);
		now += ILNP_SEC(steps[i].gap) - 1;
		assert_false(looked(YOU.nid));
		now++;
		assert_true(looked(YOU.nid));
	}
}

static void
other_locators_of_a_session_that_lives_have_the_name_asked(void **state)
{
	const uint64_t you = YOU.nid;

	(void)state;
	assert_int_equal(offer(ANN, "a.example", you, 1), 0);
	assert_int_equal(offer(ANN, "a.example", you, 2), 0);
	assert_false(asked(you, false));
	assert_non_null(rig_open(1));
	ilnp_cands_opened(cs, YOU, now);
	assert_int_equal(offer(ANN, "a.example", you, 4), 0);
	assert_true(looked(you));
	assert_true(the(you).ca_waits);
	assert_int_equal(answer("a.example", you, 4), 0);
	assert_false(the(you).ca_waits);
}

static void
without_memory_there_is_no_table(void **state)
{
	(void)state;
	ilnp_env_alloc_limit(1);
	assert_null(ilnp_cands_alloc(MAX, CANDS, OWN));
	ilnp_env_alloc_limit(-1);
}

TEST_MAIN(
    CAND_TEST(what_is_no_name_nid_or_locator_is_refused),
    CAND_TEST(a_nid_belongs_to_the_name_that_taught_it_first),
    CAND_TEST(others_who_are_told_otherwise_have_the_name_asked),
    CAND_TEST(preferences_stay_those_of_the_first),
    CAND_TEST(what_root_has_looked_up_users_only_renew),
    CAND_TEST(lifetimes_are_bounded_and_end),
    CAND_TEST(an_expired_nid_is_not_for_anybody_to_take),
    CAND_TEST(an_answer_forgets_only_what_was_asked),
    CAND_TEST(an_answer_is_believed_by_what_it_has_opened),
    CAND_TEST(a_name_opens_no_session_that_is_not_wanted),
    CAND_TEST(a_ttl_of_zero_opens_one_session),
    CAND_TEST(an_owner_has_so_many_and_his_own_make_room),
    CAND_TEST(users_of_a_jail_have_one_share),
    CAND_TEST(an_expired_one_makes_room_first),
    CAND_TEST(whoever_has_most_makes_room_for_all),
    CAND_TEST(the_administrators_word_stands),
    CAND_TEST(the_administrator_may_take_all_places),
    CAND_TEST(what_is_known_can_be_told_without_the_lock),
    CAND_TEST(nobody_can_choose_nids_that_look_alike),
    CAND_TEST(a_name_is_asked_again_at_intervals),
    CAND_TEST(a_session_in_use_has_its_name_asked_when_the_lifetime_ends),
    CAND_TEST(a_session_in_use_keeps_what_is_good_for_one),
    CAND_TEST(a_session_that_has_lost_its_peer_has_its_name_asked_sooner),
    CAND_TEST(other_locators_of_a_session_that_lives_have_the_name_asked),
    CAND_TEST(without_memory_there_is_no_table))
