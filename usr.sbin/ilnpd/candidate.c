/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Who may teach what.  Root's word replaces that of others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "candidate.h"
#include "ilnp_addr.h"

struct candidates {
	u_int		cs_n;
	struct candidate cs_all[CAND_MAX];
};

struct candidates *
candidates_alloc(void)
{
	return (calloc(1, sizeof(struct candidates)));
}

void
candidates_free(struct candidates *cs)
{
	free(cs);
}

struct candidate *
candidates_at(struct candidates *cs, u_int i)
{
	return (i < cs->cs_n ? &cs->cs_all[i] : NULL);
}

struct candidate *
candidates_find(struct candidates *cs, struct ilnp_nid nid)
{
	for (u_int i = 0; i < cs->cs_n; i++)
		if (ilnp_nid_eq(cs->cs_all[i].c_host.ho_nid, nid))
			return (&cs->cs_all[i]);
	return (NULL);
}

bool
candidate_opens(const struct candidate *c, ilnp_time_t now)
{
	return (now < c->c_until);
}

static u_int
count_of(const struct candidates *cs, uid_t uid)
{
	u_int n = 0;

	for (u_int i = 0; i < cs->cs_n; i++)
		n += cs->cs_all[i].c_uid == uid;
	return (n);
}

static uid_t
heaviest(const struct candidates *cs)
{
	uid_t uid = cs->cs_all[0].c_uid;
	u_int most = 0;

	for (u_int i = 0; i < cs->cs_n; i++) {
		u_int n = count_of(cs, cs->cs_all[i].c_uid);

		if (n > most) {
			most = n;
			uid = cs->cs_all[i].c_uid;
		}
	}
	return (uid);
}

/* The one of a user that was renewed first, without a session if he has such. */
static struct candidate *
oldest_of(struct candidates *cs, uid_t uid)
{
	struct candidate *old = NULL;

	for (u_int i = 0; i < cs->cs_n; i++) {
		struct candidate *c = &cs->cs_all[i];

		if (c->c_uid == uid && (old == NULL ||
		    (old->c_pinned && !c->c_pinned) ||
		    (old->c_pinned == c->c_pinned && c->c_keep < old->c_keep)))
			old = c;
	}
	return (old);
}

/* A place for one more; there always is one. */
static struct candidate *
make_room(struct candidates *cs, uid_t uid)
{
	if (count_of(cs, uid) >= CAND_UID_MAX)
		return (oldest_of(cs, uid));
	if (cs->cs_n == CAND_MAX)
		return (oldest_of(cs, heaviest(cs)));
	return (&cs->cs_all[cs->cs_n++]);
}

static bool
same_locators(const struct host *ho, const struct ilnp_lurec *rec, u_int n)
{
	for (u_int i = 0; i < n; i++) {
		bool found = false;

		for (u_int k = 0; k < ho->ho_n; k++)
			found = found || ilnp_l64_eq(ho->ho_rec[k].lr_l64,
			    rec[i].lr_l64);
		if (!found)
			return (false);
	}
	return (n == ho->ho_n);
}

/* Starts a lifetime: the least of the locators', within our bounds. */
static void
set_life(struct candidate *c, const struct ilnp_lurec *rec, u_int n,
    ilnp_time_t now)
{
	uint32_t life = CAND_LIFE_MAX;

	for (u_int i = 0; i < n; i++)
		if (rec[i].lr_life < life)
			life = rec[i].lr_life;
	c->c_once = life == 0;
	for (u_int i = 0; i < c->c_host.ho_n; i++)
		c->c_host.ho_rec[i].lr_life = life;
	if (life < CAND_WINDOW)
		life = CAND_WINDOW;
	c->c_until = now + ILNP_SEC(life);
	c->c_keep = now + ILNP_SEC(CAND_KEEP);
}

static void
set_locators(struct candidate *c, const struct ilnp_lurec *rec, u_int n,
    ilnp_time_t now)
{
	c->c_host.ho_n = n;
	memcpy(c->c_host.ho_rec, rec, n * sizeof(*rec));
	set_life(c, rec, n, now);
}

void
candidates_verify(struct candidate *c, const struct ilnp_lurec *rec, u_int n,
    ilnp_time_t now)
{
	set_locators(c, rec, n, now);
}

int
candidates_learn(struct candidates *cs, uid_t uid, const char *name,
    struct ilnp_nid nid, const struct ilnp_lurec *rec, u_int n,
    ilnp_time_t now)
{
	struct candidate *c = candidates_find(cs, nid);
	bool live = c != NULL && (c->c_pinned || candidate_opens(c, now));
	bool mine = c != NULL && (uid == c->c_uid || uid == 0);
	bool same = c != NULL && same_locators(&c->c_host, rec, n);
	bool named = c != NULL && strcasecmp(c->c_name, name) == 0;
	bool doubtful = c != NULL && !mine && !same;

	if (live && ((named && (mine || same)) ||
	    (uid == c->c_uid && same))) {
		/* Preferences stay those of who taught it first. */
		if (mine)
			set_locators(c, rec, n, now);
		else
			set_life(c, rec, n, now);
		return (0);
	}
	if (live && uid != 0)
		return (named ? EAGAIN : EEXIST);
	if (doubtful && !named)
		return (EAGAIN);
	if (c == NULL)
		c = make_room(cs, uid);
	memset(c, 0, sizeof(*c));
	c->c_uid = uid;
	c->c_host.ho_nid = nid;
	(void)snprintf(c->c_name, sizeof(c->c_name), "%s", name);
	(void)snprintf(c->c_host.ho_name, sizeof(c->c_host.ho_name), "%.*s",
	    HOSTS_NAME_MAX - 1, name);
	set_locators(c, rec, n, now);
	return (doubtful ? EINPROGRESS : 0);
}

void
candidates_drop(struct candidates *cs, struct candidate *c)
{
	*c = cs->cs_all[--cs->cs_n];
}

void
candidates_age(struct candidates *cs, ilnp_time_t now)
{
	for (u_int i = 0; i < cs->cs_n;) {
		struct candidate *c = &cs->cs_all[i];

		if (c->c_pinned || now < c->c_keep)
			i++;
		else
			candidates_drop(cs, c);
	}
}
