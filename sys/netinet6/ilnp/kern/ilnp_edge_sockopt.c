/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Socket options of level IPPROTO_IPV6: by which locators a connected socket
 * speaks with its peer at this moment.
 */
#include "ilnp_edge.h"

#include <sys/protosw.h>
#include <sys/socketvar.h>

#include "ilnp_hooks.h"

/* The path by which the session's last packet went, or NULL. */
static const struct ilnp_path *
latest_path(const struct ilnp_sessinfo *si)
{
	const struct ilnp_path *latest = NULL;

	for (u_int i = 0; i < si->si_npaths; i++)
		if (latest == NULL ||
		    si->si_path[i].p_lasttx > latest->p_lasttx)
			latest = &si->si_path[i];
	return (latest);
}

/* Returns 0, ENOTCONN if the socket has no ILNP flow, ENETDOWN if no path. */
static int
find_path(struct inpcb *inp, struct ilnp_sessinfo *si, struct in6_addr *local,
    struct in6_addr *peer)
{
	const struct ilnp_flow *f = NULL;
	const struct ilnp_path *p;
	struct epoch_tracker et;
	int error = ENOTCONN;

	INP_RLOCK(inp);
	NET_EPOCH_ENTER(et);
	if ((inp->inp_inc.inc_flags & INC_ILNP) != 0)
		f = ilnp_flow_of(&V_ilnp_edge, inp);
	if (f != NULL && f->f_sess != NULL) {
		ilnp_sess_info(f->f_sess, si);
		p = latest_path(si);
		error = p == NULL ? ENETDOWN : 0;
		if (p != NULL) {
			*local = ilnp_addr_of(p->p_pair.local,
			    f->f_nids.local);
			*peer = ilnp_addr_of(p->p_pair.remote,
			    f->f_nids.remote);
		}
	}
	NET_EPOCH_EXIT(et);
	INP_RUNLOCK(inp);
	return (error);
}

bool
ilnp_door_ctloutput(struct socket *so, struct sockopt *sopt, int *error)
{
	struct in6_addr local, peer;
	struct ilnp_sessinfo *si;

	if (sopt->sopt_name != ILNP_SO_LOCAL && sopt->sopt_name != ILNP_SO_PEER)
		return (false);
	if (sopt->sopt_dir != SOPT_GET) {
		*error = EOPNOTSUPP;
		return (true);
	}
	si = malloc(sizeof(*si), M_ILNP, M_WAITOK);
	*error = find_path(sotoinpcb(so), si, &local, &peer);
	free(si, M_ILNP);
	if (*error == 0)
		*error = sooptcopyout(sopt, sopt->sopt_name == ILNP_SO_LOCAL ?
		    &local : &peer, sizeof(local));
	return (true);
}
