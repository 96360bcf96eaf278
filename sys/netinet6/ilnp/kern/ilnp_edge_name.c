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

/* Reads "NAME NID L64,preference,seconds ...".  A name alone leaves no NID. */
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
	if (strlcpy(o->of_name, name, sizeof(o->of_name)) >=
	    sizeof(o->of_name))
		return (EINVAL);
	return (text == NULL ? 0 :
	    ilnp_ctl_records(text, &o->of_nid, o->of_rec, &o->of_n));
}

/* Whoever may write the other sysctls of this network stack. */
static bool
is_administrator(struct thread *td)
{
	return (priv_check(td, prison_owns_vnet(td->td_ucred) ?
	    PRIV_SYSCTL_WRITEJAIL : PRIV_SYSCTL_WRITE) == 0);
}

uint64_t
ilnp_name_owner(struct ucred *cred)
{
	uint64_t jail = jailed_without_vnet(cred) ?
	    (uint32_t)cred->cr_prison->pr_id : 0;

	return (jail << 32 | cred->cr_ruid);
}

void
ilnp_name_stir(struct ilnp_edge *e)
{
	uint32_t clock = ilnp_loc_clock(ilnp_now());

	/* Once before the timer looks in this second, and once after. */
	if (ilnp_load_32(&e->e_looked) == clock &&
	    ilnp_load_32(&e->e_stirred) == clock)
		return;
	ilnp_store_32(&e->e_stirred, clock);
	ilnp_edge_kick(e);
}

static int
sysctl_candidate(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	struct ilnp_cands *cs;
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
	cs = ilnp_hint_table(e);
	if (cs == NULL)
		return (ENOMEM);
	o.of_owner = ilnp_name_owner(req->td->td_ucred);
	o.of_root = is_administrator(req->td);
	error = ilnp_cands_offer(cs, &o, ilnp_now());
	ilnp_name_stir(e);
	return (error);
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, candidate, CTLTYPE_STRING |
    CTLFLAG_VNET | CTLFLAG_WR | CTLFLAG_ANYBODY | CTLFLAG_MPSAFE, NULL, 0,
    sysctl_candidate, "A", "Write \"NAME NID L64,preference,seconds ...\" to "
    "offer what a look-up has found; anybody may");

#define	OURS_MAX	(ILNP_NIDS_MAX + ILNP_EPH_MAX)

/*
 * The NIDs under which we may have sessions with a correspondent; returns how
 * many there are.  Inside an epoch.
 */
static u_int
nids_toward(struct ilnp_edge *e, struct ilnp_nid remote,
    struct ilnp_nid ours[OURS_MAX])
{
	const struct ilnp_here *h = ilnp_load_ptr(&e->e_here);
	u_int n = h == NULL ? 0 : h->n_nids;

	if (n != 0)
		memcpy(ours, h->n_nid, n * sizeof(*ours));
	return (n + ilnp_eph_toward(e, remote, ours + n));
}

/*
 * Has the sessions with a NID take what its name stands for now, as the word of
 * who opened them or as anybody's.
 */
static void
renew_sessions(struct ilnp_edge *e, const struct ilnp_offer *o, bool trusted)
{
	struct ilnp_nid *ours = malloc(OURS_MAX * sizeof(*ours), M_ILNP,
	    M_WAITOK);
	ilnp_time_t now = ilnp_now();
	struct epoch_tracker et;
	struct ilnp_ilcc *c;
	u_int n;

	NET_EPOCH_ENTER(et);
	c = ilnp_load_ptr(&e->e_cache);
	n = nids_toward(e, o->of_nid, ours);
	for (u_int i = 0; c != NULL && i < n; i++) {
		struct ilnp_nidpair nids = { ours[i], o->of_nid };

		ilnp_ilcc_renew(c, &nids, o->of_rec, o->of_n, trusted, now);
	}
	NET_EPOCH_EXIT(et);
	free(ours, M_ILNP);
	ilnp_edge_kick(e);
}

static int
sysctl_answer(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	struct ilnp_cands *cs = ilnp_load_ptr(&e->e_cands);
	struct ilnp_offer o;
	bool open;
	int error;

	if (req->newptr == NULL)
		return (EINVAL);
	memset(&o, 0, sizeof(o));
	error = read_offer(req, &o);
	if (error != 0)
		return (error);
	if (cs == NULL)
		return (ENOENT);
	if (o.of_nid.nid == 0) {
		ilnp_cands_answered(cs, o.of_name);
		return (0);
	}
	error = ilnp_cands_answer(cs, &o, ilnp_now(), &open);
	if (error == 0)
		renew_sessions(e, &o, open);
	return (error);
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, answer,
    CTLTYPE_STRING | CTLFLAG_VNET | CTLFLAG_WR | CTLFLAG_MPSAFE, NULL, 0,
    sysctl_answer, "A", "Write \"NAME NID L64,preference,seconds ...\" to say "
    "what a name that was to be resolved stands for now; then \"NAME\": for "
    "nothing else");

/* devctl(4) knows no other stack: in a jail the listing of hints tells. */
static void
ask(const struct ilnp_edge *e, const struct ilnp_cand *ca)
{
	char nid[ILNP_TEXT_MAX], text[ILNP_NAME_MAX + ILNP_TEXT_MAX + 16];

	if (!ilnp_edge_is_host(e))
		return;
	ilnp_text_nid(ca->ca_nid, nid);
	(void)snprintf(text, sizeof(text), "name=%s nid=%s", ca->ca_name, nid);
	devctl_notify("ILNP", "NAME", "RESOLVE", text);
}

bool
ilnp_name_look(struct ilnp_edge *e)
{
	struct ilnp_cands *cs = ilnp_load_ptr(&e->e_cands);
	ilnp_time_t now = ilnp_now();
	struct ilnp_nid *ours;
	struct ilnp_sessinfo *si;
	struct epoch_tracker et;
	struct ilnp_cand ca;
	struct ilnp_ilcc *c;
	bool any = false, lost;

	if (cs == NULL)
		return (false);
	si = malloc(sizeof(*si), M_ILNP, M_WAITOK);
	ours = malloc(OURS_MAX * sizeof(*ours), M_ILNP, M_WAITOK);
	for (u_int i = 0; i < ilnp_cands_max(cs); i++) {
		lost = false;
		ca.ca_open = ca.ca_doubt = false;
		NET_EPOCH_ENTER(et);
		c = ilnp_load_ptr(&e->e_cache);
		if (c != NULL && ilnp_cands_at(cs, i, &ca))
			lost = ilnp_cands_look(cs, i, c, ours,
			    nids_toward(e, ca.ca_nid, ours), si, now, &ca);
		NET_EPOCH_EXIT(et);
		any = any || ca.ca_open || ca.ca_doubt;
		if (lost)
			ask(e, &ca);
	}
	free(ours, M_ILNP);
	free(si, M_ILNP);
	return (any);
}
