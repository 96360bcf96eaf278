/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Socket options of level IPPROTO_IPV6: by which locators a connected socket
 * speaks with its peer, and by which it wants to.  A program may choose for its
 * own socket and needs no privilege for it: all it gets are locators that the
 * host uses anyway.  In a jail that may not use all addresses of the host,
 * paths from the others are neither shown nor chosen.
 */
#include "opt_inet6.h"

#include "ilnp_edge.h"

#include <sys/jail.h>
#include <sys/protosw.h>
#include <sys/socketvar.h>

#include "../ilnp_sock.h"
#include "ilnp_hooks.h"

_Static_assert(ILNP_SP_NEW == ILNP_PATH_NEW && ILNP_SP_UP == ILNP_PATH_UP &&
    ILNP_SP_SUSPECT == ILNP_PATH_SUSPECT && ILNP_SP_DOWN == ILNP_PATH_DOWN,
    "sp_state");
_Static_assert(ILNP_SL_VALID == ILNP_LOC_VALID &&
    ILNP_SL_ACTIVE == ILNP_LOC_ACTIVE && ILNP_SL_EXPIRED == ILNP_LOC_EXPIRED &&
    ILNP_SL_AGED == ILNP_LOC_AGED, "sl_state");

/* All that an answer may need; too big for a stack. */
struct answer {
	struct ilnp_sessinfo a_info;
	struct ilnp_locset a_ours;
	struct ilnp_choice a_choice;
	union {
		struct in6_addr	addr;
		struct ilnp_soloc loc[2 * ILNP_LOCS_MAX];
		struct ilnp_sopath path[ILNP_PATHS_MAX];
		struct ilnp_sochoice choice;
		int	mode;
	} a_out;
};

/*
 * The flow of a socket, while the inpcb is locked and inside an epoch, or NULL
 * if it is not connected by ILNP.
 */
static const struct ilnp_flow *
flow_of(const struct inpcb *inp)
{
	const struct ilnp_flow *f;

	INP_LOCK_ASSERT(inp);
	if ((inp->inp_inc.inc_flags & INC_ILNP) == 0 ||
	    IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_faddr))
		return (NULL);
	f = ilnp_flow_of(&V_ilnp_edge, inp);
	return (f != NULL && f->f_sess != NULL ? f : NULL);
}

/* Returns 0, or ENOTCONN if the socket is not connected by ILNP. */
static int
read_flow(struct inpcb *inp, struct answer *a)
{
	struct ilnp_ilcc *c;
	const struct ilnp_flow *f;
	struct epoch_tracker et;
	int error = ENOTCONN;

	INP_RLOCK(inp);
	NET_EPOCH_ENTER(et);
	c = ilnp_load_ptr(&V_ilnp_edge.e_cache);
	f = c == NULL ? NULL : flow_of(inp);
	if (f != NULL) {
		ilnp_sess_info(f->f_sess, &a->a_info);
		ilnp_local_list(ilnp_ilcc_local(c), &a->a_ours);
		a->a_choice = f->f_choice;
		error = 0;
	}
	NET_EPOCH_EXIT(et);
	INP_RUNLOCK(inp);
	return (error);
}

static bool
may_see(struct ucred *cred, const struct in6_addr *ours)
{
	return (prison_check_ip6(cred, ours) == 0);
}

/* Where the session's last packet went.  Returns 0, or ENETDOWN: nowhere. */
static int
put_latest(struct answer *a, bool ours)
{
	const struct ilnp_sessinfo *si = &a->a_info;
	const struct ilnp_path *latest = NULL;

	for (u_int i = 0; i < si->si_npaths; i++)
		if (latest == NULL ||
		    si->si_path[i].p_lasttx > latest->p_lasttx)
			latest = &si->si_path[i];
	if (latest == NULL)
		return (ENETDOWN);
	a->a_out.addr = ours ?
	    ilnp_addr_of(latest->p_pair.local, si->si_nids.local) :
	    ilnp_addr_of(latest->p_pair.remote, si->si_nids.remote);
	return (0);
}

static struct ilnp_soloc *
put_locators(struct ilnp_soloc *to, const struct ilnp_locset *set,
    struct ilnp_nid nid, struct ucred *ours)
{
	uint32_t clock = ilnp_loc_clock(ilnp_now());

	for (uint32_t i = 0; i < set->ls_n; i++) {
		const struct ilnp_loc *l = &set->ls_loc[i];
		struct in6_addr addr = ilnp_addr_of(l->l_l64, nid);

		if (ours != NULL && !may_see(ours, &addr))
			continue;
		to->sl_addr = addr;
		to->sl_ours = ours != NULL;
		to->sl_state = l->l_state;
		to->sl_withdrawn = (l->l_flags & ILNP_LOC_F_WITHDRAWN) != 0;
		to->sl_pref = l->l_pref;
		to->sl_left = l->l_until == 0 ? 0 :
		    l->l_until > clock ? l->l_until - clock : 1;
		to++;
	}
	return (to);
}

static struct ilnp_sopath *
put_paths(struct ilnp_sopath *to, const struct ilnp_sessinfo *si,
    struct ucred *cred)
{
	for (u_int i = 0; i < si->si_npaths; i++) {
		const struct ilnp_path *p = &si->si_path[i];

		to->sp_local = ilnp_addr_of(p->p_pair.local,
		    si->si_nids.local);
		if (!may_see(cred, &to->sp_local))
			continue;
		to->sp_peer = ilnp_addr_of(p->p_pair.remote,
		    si->si_nids.remote);
		to->sp_state = p->p_state;
		to->sp_rank = p->p_rank;
		to->sp_rtt = p->p_srtt;
		to->sp_mtu = p->p_mtu;
		to->sp_txpkts = p->p_txpkts;
		to->sp_txbytes = p->p_txbytes;
		to->sp_rxpkts = p->p_rxpkts;
		to->sp_rxbytes = p->p_rxbytes;
		to++;
	}
	return (to);
}

static void
put_choice(struct ilnp_sochoice *to, const struct ilnp_choice *ch,
    const struct ilnp_nidpair *nids)
{
	to->sc_kind = ch->ch_kind;
	to->sc_lost = ch->ch_lost;
	if (ch->ch_pair.local.l64 != 0)
		to->sc_local = ilnp_addr_of(ch->ch_pair.local, nids->local);
	if (ch->ch_pair.remote.l64 != 0)
		to->sc_peer = ilnp_addr_of(ch->ch_pair.remote, nids->remote);
}

/* Answers with as much as the program has room for. */
static int
get_option(struct inpcb *inp, struct sockopt *sopt)
{
	struct answer *a = malloc(sizeof(*a), M_ILNP, M_WAITOK | M_ZERO);
	struct ucred *cred = sopt->sopt_td == NULL ? inp->inp_cred :
	    sopt->sopt_td->td_ucred;
	size_t len = sizeof(struct in6_addr);
	struct ilnp_soloc *loc = a->a_out.loc;
	int error;

	error = read_flow(inp, a);
	if (error == 0)
		switch (sopt->sopt_name) {
		case ILNP_SO_LOCAL:
		case ILNP_SO_PEER:
			error = put_latest(a, sopt->sopt_name == ILNP_SO_LOCAL);
			if (error == 0 && sopt->sopt_name == ILNP_SO_LOCAL &&
			    !may_see(cred, &a->a_out.addr))
				error = EPERM;
			break;
		case ILNP_SO_LOCATORS:
			loc = put_locators(loc, &a->a_ours,
			    a->a_info.si_nids.local, cred);
			loc = put_locators(loc, &a->a_info.si_remote,
			    a->a_info.si_nids.remote, NULL);
			len = (size_t)(loc - a->a_out.loc) * sizeof(*loc);
			break;
		case ILNP_SO_PATHS:
			len = (size_t)(put_paths(a->a_out.path, &a->a_info,
			    cred) - a->a_out.path) * sizeof(a->a_out.path[0]);
			break;
		case ILNP_SO_CHOICE:
			put_choice(&a->a_out.choice, &a->a_choice,
			    &a->a_info.si_nids);
			len = sizeof(a->a_out.choice);
			break;
		case ILNP_SO_NONCE:
		case ILNP_SO_CKSUM:
			a->a_out.mode = sopt->sopt_name == ILNP_SO_NONCE ?
			    a->a_choice.ch_nonce : a->a_choice.ch_cksum;
			len = sizeof(a->a_out.mode);
			break;
		}
	if (error == 0)
		error = sooptcopyout(sopt, &a->a_out, len);
	free(a, M_ILNP);
	return (error);
}

/* Reads one half of a choice.  Returns false if the NID is another. */
static bool
read_half(const struct in6_addr *addr, struct ilnp_nid nid,
    struct ilnp_l64 *l64)
{
	struct ilnp_ilv v = ilnp_ilv_of(addr);

	*l64 = v.l64;
	return (v.nid.nid == 0 || ilnp_nid_eq(v.nid, nid));
}

static int
set_choice(struct inpcb *inp, struct sockopt *sopt)
{
	struct ilnp_choice want = { };
	struct ilnp_sochoice in;
	const struct ilnp_flow *f;
	struct epoch_tracker et;
	struct in6_addr ours;
	struct ilnp_ilcc *c;
	int error;

	error = sooptcopyin(sopt, &in, sizeof(in), sizeof(in));
	if (error != 0)
		return (error);
	if (in.sc_kind > UINT8_MAX)
		return (EINVAL);
	want.ch_kind = (uint8_t)in.sc_kind;
	INP_RLOCK(inp);
	NET_EPOCH_ENTER(et);
	c = ilnp_load_ptr(&V_ilnp_edge.e_cache);
	f = c == NULL ? NULL : flow_of(inp);
	if (f == NULL)
		error = ENOTCONN;
	else if (!read_half(&in.sc_local, f->f_nids.local,
	    &want.ch_pair.local) || !read_half(&in.sc_peer, f->f_nids.remote,
	    &want.ch_pair.remote))
		error = EADDRNOTAVAIL;
	else if (want.ch_pair.local.l64 != 0) {
		ours = ilnp_addr_of(want.ch_pair.local, f->f_nids.local);
		if (!may_see(sopt->sopt_td == NULL ? inp->inp_cred :
		    sopt->sopt_td->td_ucred, &ours))
			error = EADDRNOTAVAIL;
	}
	if (error == 0)
		error = ilnp_sess_choose(c, f->f_sess,
		    __DECONST(struct ilnp_choice *, &f->f_choice), &want);
	NET_EPOCH_EXIT(et);
	INP_RUNLOCK(inp);
	return (error);
}

static int
set_mode(struct inpcb *inp, struct sockopt *sopt)
{
	const struct ilnp_flow *f;
	struct epoch_tracker et;
	struct ilnp_choice *ch;
	int error, mode;

	error = sooptcopyin(sopt, &mode, sizeof(mode), sizeof(mode));
	if (error != 0)
		return (error);
	INP_RLOCK(inp);
	NET_EPOCH_ENTER(et);
	f = flow_of(inp);
	if (f == NULL)
		error = ENOTCONN;
	else {
		ch = __DECONST(struct ilnp_choice *, &f->f_choice);
		error = sopt->sopt_name == ILNP_SO_NONCE ?
		    ilnp_sess_modes(f->f_sess, ch, (uint32_t)mode,
		    ch->ch_cksum) :
		    ilnp_sess_modes(f->f_sess, ch, ch->ch_nonce,
		    (uint32_t)mode);
	}
	NET_EPOCH_EXIT(et);
	INP_RUNLOCK(inp);
	return (error);
}

bool
ilnp_door_ctloutput(struct socket *so, struct sockopt *sopt, int *error)
{
	if (sopt->sopt_name < ILNP_SO_LOCAL || sopt->sopt_name > ILNP_SO_CKSUM)
		return (false);
	if (sopt->sopt_dir == SOPT_GET)
		*error = get_option(sotoinpcb(so), sopt);
	else if (sopt->sopt_name == ILNP_SO_CHOICE)
		*error = set_choice(sotoinpcb(so), sopt);
	else if (sopt->sopt_name >= ILNP_SO_NONCE)
		*error = set_mode(sotoinpcb(so), sopt);
	else
		*error = EOPNOTSUPP;
	return (true);
}
