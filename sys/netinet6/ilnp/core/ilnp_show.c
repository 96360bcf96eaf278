/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What can be seen of the sessions from outside: listings and events; and those
 * ended that somebody has picked out.
 */
#include "ilnp_ilcc_var.h"

#define	SIFT_AT_ONCE	256	/* sessions seen under one lock */

const char *
ilnp_event_name(enum ilnp_event_kind kind)
{
	static const char *const names[] = {
		[ILNP_EV_SESS_NEW] = "sess_new",
		[ILNP_EV_SESS_GONE] = "sess_gone",
		[ILNP_EV_FALLBACK] = "fallback",
		[ILNP_EV_REKEYED] = "rekeyed",
		[ILNP_EV_PATH_UP] = "path_up",
		[ILNP_EV_PATH_SUSPECT] = "path_suspect",
		[ILNP_EV_PATH_DOWN] = "path_down",
		[ILNP_EV_LU_SENT] = "lu_sent",
		[ILNP_EV_LU_ACKED] = "lu_acked",
		[ILNP_EV_LU_FAILED] = "lu_failed",
		[ILNP_EV_LU_RCVD] = "lu_rcvd",
		[ILNP_EV_LOC_ADD] = "loc_add",
		[ILNP_EV_LOC_DEL] = "loc_del",
		[ILNP_EV_LOC_QUIET] = "loc_quiet",
		[ILNP_EV_CHOICE_LOST] = "choice_lost",
		[ILNP_EV_CHOICE_BACK] = "choice_back",
	};

	return (names[kind]);
}

void
ilnp_ilcc_event(struct ilnp_ilcc *c, enum ilnp_event_kind kind,
    const struct ilnp_sess *s, const struct ilnp_l64pair *pair,
    uint32_t count, ilnp_time_t now)
{
	struct ilnp_event e = { .e_kind = kind, .e_time = now,
	    .e_count = count };

	if (c->c_event == NULL)
		return;
	if (s != NULL)
		e.e_nids = s->s_nids;
	if (pair != NULL)
		e.e_pair = *pair;
	c->c_event(c->c_eventarg, &e);
}

u_int
ilnp_ilcc_count(struct ilnp_ilcc *c)
{
	u_int n;

	ilnp_lock(&c->c_lock);
	n = c->c_n;
	ilnp_unlock(&c->c_lock);
	return (n);
}

void
ilnp_sess_info(struct ilnp_sess *s, struct ilnp_sessinfo *si)
{
	memset(si, 0, sizeof(*si));
	ilnp_lock(&s->s_lock);
	si->si_id = s->s_id;
	si->si_nids = s->s_nids;
	si->si_state = (enum ilnp_sessstate)s->s_state;
	si->si_initiator = s->s_initiator;
	si->si_confirmed = s->s_confirmed != 0;
	si->si_lu_pending = s->s_lu_pending;
	si->si_cksum = (enum ilnp_cksum)s->s_rxcksum;
	si->si_created = s->s_created;
	si->si_lastrx = s->s_lastrx;
	si->si_remote = s->s_remote;
	if (s->s_paths != NULL) {
		const struct ilnp_pathset *ps = s->s_paths;

		si->si_algorithm = ps->ps_alg->sa_name;
		si->si_choice = ps->ps_choice;
		si->si_txpkts = ps->ps_gonetxpkts;
		si->si_rxpkts = ps->ps_gonerxpkts;
		si->si_txbytes = ps->ps_gonetxbytes;
		si->si_rxbytes = ps->ps_gonerxbytes;
		for (u_int i = 0; i < ps->ps_cap; i++) {
			const struct ilnp_path *p = &ps->ps_path[i];

			if (!p->p_used)
				continue;
			si->si_path[si->si_npaths++] = *p;
			si->si_txpkts += p->p_txpkts;
			si->si_rxpkts += p->p_rxpkts;
			si->si_txbytes += p->p_txbytes;
			si->si_rxbytes += p->p_rxbytes;
		}
	}
	ilnp_unlock(&s->s_lock);
}

bool
ilnp_ilcc_list(struct ilnp_ilcc *c, u_int *cursor, struct ilnp_sessinfo *si)
{
	struct ilnp_sess *s = NULL;

	ILNP_EPOCH_ASSERT();
	ilnp_lock(&c->c_lock);
	if (*cursor < c->c_n)
		s = c->c_pool[(*cursor)++];
	ilnp_unlock(&c->c_lock);
	if (s == NULL)
		return (false);
	ilnp_sess_info(s, si);
	return (true);
}

void
ilnp_ilcc_sift(struct ilnp_ilcc *c,
    bool (*fn)(void *, const struct ilnp_nidpair *), void *arg)
{
	struct ilnp_sess *s;
	uint32_t i = UINT32_MAX;

	ILNP_EPOCH_ASSERT();
	do {
		s = NULL;
		ilnp_lock(&c->c_lock);
		/* One that goes is replaced by the last, seen before. */
		if (i > c->c_n)
			i = c->c_n;
		/* Packets wait for this lock; there may be millions. */
		for (u_int k = 0; k < SIFT_AT_ONCE && i > 0 && s == NULL;
		    k++) {
			i--;
			if (fn(arg, &c->c_pool[i]->s_nids))
				s = c->c_pool[i];
		}
		ilnp_unlock(&c->c_lock);
		if (s != NULL)
			ilnp_ilcc_close(c, s);
	} while (i > 0);
}

struct ilnp_sess *
ilnp_ilcc_byid(struct ilnp_ilcc *c, uint64_t id)
{
	struct ilnp_sess *s = NULL;

	ILNP_EPOCH_ASSERT();
	ilnp_lock(&c->c_lock);
	for (uint32_t i = 0; i < c->c_n && s == NULL; i++)
		if (c->c_pool[i]->s_id == id)
			s = c->c_pool[i];
	ilnp_unlock(&c->c_lock);
	return (s);
}

bool
ilnp_sess_cut_off(const struct ilnp_sessinfo *si)
{
	for (u_int i = 0; i < si->si_npaths; i++) {
		const struct ilnp_path *p = &si->si_path[i];

		if (p->p_state != ILNP_PATH_DOWN && !p->p_sought &&
		    (p->p_state != ILNP_PATH_NEW || p->p_fails == 0 ||
		    !si->si_confirmed))
			return (false);
	}
	return (si->si_npaths > 0);
}
