/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Names: what look-ups teach, and when a name is to be asked again.  The kernel
 * asks nobody: it tells devctl(4) which name, and root writes what the name
 * server said into net.inet6.ilnp6.answer.
 */
#include "ilnp_edge.h"

#include <sys/devctl.h>
#include <sys/jail.h>
#include <sys/priv.h>
#include <sys/proc.h>
#include <sys/sysctl.h>

#include "ilnp_edge_ctl.h"

SYSCTL_DECL(_net_inet6_ilnp6);

#define	ASK_GAP		5	/* s, the least between two questions */
#define	BUSY_FOR	60	/* s for which a session counts as in use */

/*
 * A name that a resolver may have found: it is asked again, and shown.  It may
 * become a word of a shell's command, so it is no more than that, and no option.
 */
static bool
is_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= ILNP_NAME_MAX || name[0] == '-')
		return (false);
	for (const char *c = name; *c != '\0'; c++)
		if ((*c < 'a' || *c > 'z') && (*c < '0' || *c > '9') &&
		    *c != '-' && *c != '_' && *c != '.')
			return (false);
	return (true);
}

/* Reads "NAME NID L64,preference,seconds ...". */
static int
read_offer(struct sysctl_req *req, struct ilnp_offer *o)
{
	char buf[ILNP_NAME_MAX + ILNP_LOCS_MAX * 48 + ILNP_TEXT_MAX];
	size_t len = req->newlen - req->newidx;
	char *text = buf, *name;
	int error;

	if (len >= sizeof(buf))
		return (EINVAL);
	error = SYSCTL_IN(req, buf, len);
	if (error != 0)
		return (error);
	buf[len] = '\0';
	name = strsep(&text, " ");
	if (text == NULL || !is_name(name))
		return (EINVAL);
	(void)strlcpy(o->of_name, name, sizeof(o->of_name));
	return (ilnp_ctl_records(text, &o->of_nid, o->of_rec, &o->of_n));
}

/* Whoever may write the other sysctls of this network stack. */
static bool
is_administrator(struct thread *td)
{
	return (priv_check(td, prison_owns_vnet(td->td_ucred) ?
	    PRIV_SYSCTL_WRITEJAIL : PRIV_SYSCTL_WRITE) == 0);
}

static int
sysctl_candidate(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	struct ilnp_offer o;
	int error;

	if (req->newptr == NULL)
		return (EINVAL);
	if (ilnp_load_ptr(&e->e_cache) == NULL)
		return (ENXIO);
	memset(&o, 0, sizeof(o));
	error = read_offer(req, &o);
	if (error != 0)
		return (error);
	o.of_uid = req->td->td_ucred->cr_ruid;
	o.of_root = is_administrator(req->td);
	error = ilnp_hint_offer(e, &o, ilnp_now());
	/* Anybody gets here: the timer looks at names once a second. */
	if (ilnp_load_32(&e->e_looked) != ilnp_loc_clock(ilnp_now()))
		ilnp_edge_kick(e);
	return (error);
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, candidate, CTLTYPE_STRING |
    CTLFLAG_VNET | CTLFLAG_WR | CTLFLAG_ANYBODY | CTLFLAG_MPSAFE, NULL, 0,
    sysctl_candidate, "A", "Write \"NAME NID L64,preference,seconds ...\" to "
    "offer what a look-up has found; anybody may");

/* Has the sessions with a NID take what its name stands for now. */
static void
renew_sessions(struct ilnp_edge *e, const struct ilnp_offer *o)
{
	ilnp_time_t now = ilnp_now();
	const struct ilnp_here *h;
	struct epoch_tracker et;
	struct ilnp_sess *s;
	struct ilnp_ilcc *c;

	NET_EPOCH_ENTER(et);
	c = ilnp_load_ptr(&e->e_cache);
	h = ilnp_load_ptr(&e->e_here);
	for (uint32_t i = 0; c != NULL && h != NULL && i < h->n_nids; i++) {
		struct ilnp_nidpair nids = { h->n_nid[i], o->of_nid };

		if (ilnp_ilcc_find(c, &nids) != NULL)
			(void)ilnp_ilcc_open(c, &nids, o->of_rec, o->of_n, now,
			    &s);
	}
	NET_EPOCH_EXIT(et);
	ilnp_edge_kick(e);
}

static int
sysctl_answer(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	struct ilnp_offer o;
	int error;

	if (req->newptr == NULL)
		return (EINVAL);
	memset(&o, 0, sizeof(o));
	error = read_offer(req, &o);
	if (error == 0)
		error = ilnp_hint_answer(e, &o, ilnp_now());
	if (error == 0)
		renew_sessions(e, &o);
	return (error);
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, answer,
    CTLTYPE_STRING | CTLFLAG_VNET | CTLFLAG_WR | CTLFLAG_MPSAFE, NULL, 0,
    sysctl_answer, "A", "Write \"NAME NID L64,preference,seconds ...\" to say "
    "what a name that was to be resolved stands for now");

static void
ask(const struct ilnp_hint *h)
{
	char nid[ILNP_TEXT_MAX], text[ILNP_NAME_MAX + ILNP_TEXT_MAX + 16];

	ilnp_text_nid(h->h_nid, nid);
	(void)snprintf(text, sizeof(text), "name=%s nid=%s", h->h_name, nid);
	devctl_notify("ILNP", "NAME", "RESOLVE", text);
}

/*
 * Looks at the sessions that a candidate has opened: finds out whether there
 * are any, whether they are in use, and whether they lead nowhere.
 */
static bool
is_lost(struct ilnp_edge *e, struct ilnp_hint *h, struct ilnp_sessinfo *si,
    uint32_t clock)
{
	const struct ilnp_here *here;
	struct epoch_tracker et;
	bool down = false;
	uint64_t tx = 0;
	struct ilnp_ilcc *c;

	h->h_open = false;
	NET_EPOCH_ENTER(et);
	c = ilnp_load_ptr(&e->e_cache);
	here = ilnp_load_ptr(&e->e_here);
	for (uint32_t i = 0; c != NULL && here != NULL && i < here->n_nids;
	    i++) {
		struct ilnp_nidpair nids = { here->n_nid[i], h->h_nid };
		struct ilnp_sess *s = ilnp_ilcc_find(c, &nids);

		if (s == NULL)
			continue;
		ilnp_sess_info(s, si);
		h->h_open = true;
		down = down || ilnp_sess_alldown(si);
		tx += si->si_txpkts;
	}
	NET_EPOCH_EXIT(et);
	if (tx != h->h_txpkts)
		h->h_busy = clock;
	h->h_txpkts = tx;
	return (down);
}

bool
ilnp_name_look(struct ilnp_edge *e)
{
	uint32_t clock = ilnp_loc_clock(ilnp_now());
	struct ilnp_sessinfo *si = NULL;
	bool any = false, lost;
	struct ilnp_hint h;

	/* devctl(4) knows no other stack. */
	if (e->e_vnet != vnet0 || ilnp_load_ptr(&e->e_hint) == NULL)
		return (false);
	for (u_int i = 0; i < ILNP_HINTS_MAX; i++) {
		if (!ilnp_hint_at(e, i, &h) || !h.h_open)
			continue;
		if (si == NULL)
			si = malloc(sizeof(*si), M_ILNP, M_WAITOK);
		lost = is_lost(e, &h, si, clock);
		any = any || h.h_open;
		if (h.h_open && clock - h.h_busy < BUSY_FOR &&
		    (lost || h.h_ask || clock >= h.h_until) &&
		    (h.h_asked == 0 || clock - h.h_asked >= ASK_GAP)) {
			h.h_asked = clock;
			ask(&h);
		}
		ilnp_hint_looked(e, &h);
	}
	free(si, M_ILNP);
	return (any);
}
