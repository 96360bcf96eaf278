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
 *
 * What is chosen for a connection ends with it.  What is chosen for a socket
 * that is not connected, a wish, holds for each connection that it makes, from
 * its first packet on, and for those that it accepts.
 */
#include "opt_inet6.h"

#include "ilnp_edge.h"

#include <sys/jail.h>
#include <sys/protosw.h>
#include <sys/socketvar.h>

#include "../core/ilnp_addr.h"
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
	struct ilnp_l64	a_from;		/* it leaves from there alone; 0: no */
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

static bool
is_connected(const struct inpcb *inp)
{
	return (!IN6_IS_ADDR_UNSPECIFIED(&inp->in6p_faddr));
}

const struct ilnp_choice *
ilnp_wish_of(const struct inpcb *inp, const struct ilnp_nidpair *nids)
{
	const struct ilnp_wish *w = inp->ilnp_inp_wish;
	const struct socket *listener;

	INP_LOCK_ASSERT(inp);
	/* With a token it comes out of the SYN cache. */
	if (w == NULL && inp->in6p_zoneid != 0) {
		listener = inp->inp_socket->so_listen;
		if (listener != NULL) {
			INP_LOCK_ASSERT(sotoinpcb(listener));
			w = sotoinpcb(listener)->ilnp_inp_wish;
		}
	}
	if (w == NULL || (w->w_nids.local.nid != 0 &&
	    !ilnp_nid_eq(w->w_nids.local, nids->local)) ||
	    (w->w_nids.remote.nid != 0 &&
	    !ilnp_nid_eq(w->w_nids.remote, nids->remote)))
		return (NULL);
	return (&w->w_choice);
}

void
ilnp_door_pcb_free(struct inpcb *inp)
{
	INP_WLOCK_ASSERT(inp);
	free(inp->ilnp_inp_wish, M_ILNP);
	inp->ilnp_inp_wish = NULL;
}

/*
 * What is known for a socket that is not connected: our locators and its wish.
 * Returns 0, or ENOTCONN if that does not answer the question.
 */
static int
read_wish(const struct inpcb *inp, int name, struct answer *a)
{
	const struct ilnp_here *h = ilnp_load_ptr(&V_ilnp_edge.e_here);
	struct ilnp_ilcc *c = ilnp_load_ptr(&V_ilnp_edge.e_cache);
	const struct ilnp_wish *w = inp->ilnp_inp_wish;

	INP_LOCK_ASSERT(inp);
	if (name == ILNP_SO_LOCATORS && c != NULL && h != NULL) {
		a->a_info.si_nids.local = h->n_nid[0];
		ilnp_local_list(ilnp_ilcc_local(c), &a->a_ours);
	} else if (name < ILNP_SO_CHOICE)
		return (ENOTCONN);
	if (w != NULL && name >= ILNP_SO_CHOICE) {
		a->a_info.si_nids = w->w_nids;
		a->a_choice = w->w_choice;
	}
	return (0);
}

/*
 * Reads what an option may ask for.  Returns 0, or ENOTCONN if it is about a
 * connection by ILNP and there is none.
 */
static int
read_flow(struct inpcb *inp, int name, struct answer *a)
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
		if (f->f_cred != NULL)
			a->a_from = ilnp_ilv_of(&f->f_laddr).l64;
		error = 0;
	} else if (!is_connected(inp))
		error = read_wish(inp, name, a);
	NET_EPOCH_EXIT(et);
	INP_RUNLOCK(inp);
	return (error);
}

static struct ucred *
cred_of(const struct inpcb *inp, const struct sockopt *sopt)
{
	return (sopt->sopt_td == NULL ? inp->inp_cred :
	    sopt->sopt_td->td_ucred);
}

static bool
may_see(struct ucred *cred, const struct in6_addr *ours)
{
	return (prison_check_ip6(cred, ours) == 0);
}

/*
 * Where the session's last packet went that can have been this socket's.
 * Returns 0, or ENETDOWN: nowhere.
 */
static int
put_latest(struct answer *a, bool ours)
{
	const struct ilnp_sessinfo *si = &a->a_info;
	const struct ilnp_path *latest = NULL;

	for (u_int i = 0; i < si->si_npaths; i++) {
		const struct ilnp_path *p = &si->si_path[i];

		if (a->a_from.l64 != 0 &&
		    !ilnp_l64_eq(a->a_from, p->p_pair.local))
			continue;
		if (latest == NULL || p->p_lasttx > latest->p_lasttx)
			latest = p;
	}
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
	struct ucred *cred = cred_of(inp, sopt);
	size_t len = sizeof(struct in6_addr);
	struct ilnp_soloc *loc = a->a_out.loc;
	int error;

	error = read_flow(inp, sopt->sopt_name, a);
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

/* Changes what a connection wants.  Returns 0, EINVAL, EADDRNOTAVAIL, ENOMEM. */
static int
choose_now(struct ilnp_ilcc *c, const struct ilnp_flow *f, struct ucred *cred,
    const struct ilnp_sochoice *in)
{
	struct ilnp_choice want = { .ch_kind = (uint8_t)in->sc_kind };
	struct in6_addr ours;

	if (!read_half(&in->sc_local, f->f_nids.local, &want.ch_pair.local) ||
	    !read_half(&in->sc_peer, f->f_nids.remote, &want.ch_pair.remote))
		return (EADDRNOTAVAIL);
	if (want.ch_pair.local.l64 != 0) {
		ours = ilnp_addr_of(want.ch_pair.local, f->f_nids.local);
		if (!may_see(cred, &ours))
			return (EADDRNOTAVAIL);
	}
	return (ilnp_sess_choose(c, f->f_sess,
	    __DECONST(struct ilnp_choice *, &f->f_choice), &want));
}

/* True if a locator is one of ours and may be used, with the NID or with any. */
static bool
is_ours(const struct ilnp_here *h, struct ilnp_ilv v, struct ucred *cred)
{
	if (h == NULL || ilnp_loc_uplink(h, v.l64) == NULL)
		return (false);
	for (uint32_t i = 0; i < h->n_nids; i++) {
		struct in6_addr addr = ilnp_addr_of(v.l64, h->n_nid[i]);

		if ((v.nid.nid == 0 || ilnp_nid_eq(v.nid, h->n_nid[i])) &&
		    may_see(cred, &addr))
			return (true);
	}
	return (false);
}

/*
 * Changes what connections to come will want.  Whether the peer is where the
 * program says cannot be known yet.  Returns 0, EINVAL or EADDRNOTAVAIL.
 */
static int
choose_later(struct ilnp_wish *w, struct ucred *cred,
    const struct ilnp_sochoice *in)
{
	const struct ilnp_here *h = ilnp_load_ptr(&V_ilnp_edge.e_here);
	struct ilnp_ilv local = ilnp_ilv_of(&in->sc_local);
	struct ilnp_ilv peer = ilnp_ilv_of(&in->sc_peer);
	bool paired = in->sc_kind == ILNP_CHOICE_PREFER ||
	    in->sc_kind == ILNP_CHOICE_PIN || in->sc_kind == ILNP_CHOICE_STRICT;

	if (in->sc_kind > ILNP_CHOICE_REDUNDANT ||
	    (paired && local.l64.l64 == 0 && peer.l64.l64 == 0))
		return (EINVAL);
	if (paired && ((local.l64.l64 != 0 && !is_ours(h, local, cred)) ||
	    (peer.l64.l64 != 0 && !ilnp_l64_usable(peer.l64))))
		return (EADDRNOTAVAIL);
	w->w_choice.ch_kind = (uint8_t)in->sc_kind;
	memset(&w->w_nids, 0, sizeof(w->w_nids));
	memset(&w->w_choice.ch_pair, 0, sizeof(w->w_choice.ch_pair));
	if (paired) {
		w->w_nids.local = local.nid;
		w->w_nids.remote = peer.nid;
		w->w_choice.ch_pair.local = local.l64;
		w->w_choice.ch_pair.remote = peer.l64;
	}
	return (0);
}

/* As ilnp_sess_modes(), for connections to come. */
static int
modes_later(struct ilnp_wish *w, uint32_t nonce, uint32_t cksum)
{
	if (nonce > ILNP_NONCE_INITIAL || cksum > ILNP_SUM_PEER)
		return (EINVAL);
	w->w_choice.ch_nonce = (uint8_t)nonce;
	w->w_choice.ch_cksum = (uint8_t)cksum;
	return (0);
}

/* The value of an option that can be set. */
union value {
	struct ilnp_sochoice choice;
	int	mode;
};

static int
set_flow(struct ilnp_ilcc *c, const struct ilnp_flow *f, struct ucred *cred,
    int name, const union value *v)
{
	struct ilnp_choice *ch = __DECONST(struct ilnp_choice *, &f->f_choice);

	switch (name) {
	case ILNP_SO_CHOICE:
		return (choose_now(c, f, cred, &v->choice));
	case ILNP_SO_NONCE:
		return (ilnp_sess_modes(f->f_sess, ch, (uint32_t)v->mode,
		    ch->ch_cksum));
	default:
		return (ilnp_sess_modes(f->f_sess, ch, ch->ch_nonce,
		    (uint32_t)v->mode));
	}
}

static int
set_wish(struct ilnp_wish *w, struct ucred *cred, int name,
    const union value *v)
{
	switch (name) {
	case ILNP_SO_CHOICE:
		return (choose_later(w, cred, &v->choice));
	case ILNP_SO_NONCE:
		return (modes_later(w, (uint32_t)v->mode,
		    w->w_choice.ch_cksum));
	default:
		return (modes_later(w, w->w_choice.ch_nonce,
		    (uint32_t)v->mode));
	}
}

static int
set_option(struct inpcb *inp, struct sockopt *sopt)
{
	static const struct ilnp_wish none;
	struct ilnp_wish *w;
	const struct ilnp_flow *f;
	struct epoch_tracker et;
	struct ilnp_ilcc *c;
	union value v;
	size_t len = sopt->sopt_name == ILNP_SO_CHOICE ? sizeof(v.choice) :
	    sizeof(v.mode);
	int error;

	error = sooptcopyin(sopt, &v, len, len);
	if (error != 0)
		return (error);
	if (sopt->sopt_name == ILNP_SO_CHOICE && v.choice.sc_kind > UINT8_MAX)
		return (EINVAL);
	w = malloc(sizeof(*w), M_ILNP, M_WAITOK);
	INP_WLOCK(inp);
	NET_EPOCH_ENTER(et);
	c = ilnp_load_ptr(&V_ilnp_edge.e_cache);
	f = c == NULL ? NULL : flow_of(inp);
	if (f != NULL)
		error = set_flow(c, f, cred_of(inp, sopt), sopt->sopt_name,
		    &v);
	else if (is_connected(inp))
		error = ENOTCONN;
	else {
		*w = inp->ilnp_inp_wish == NULL ? none :
		    *(const struct ilnp_wish *)inp->ilnp_inp_wish;
		error = set_wish(w, cred_of(inp, sopt), sopt->sopt_name, &v);
		if (error == 0) {
			struct ilnp_wish *old = inp->ilnp_inp_wish;

			inp->ilnp_inp_wish = w;
			w = old;
		}
	}
	NET_EPOCH_EXIT(et);
	INP_WUNLOCK(inp);
	free(w, M_ILNP);
	return (error);
}

bool
ilnp_door_ctloutput(struct socket *so, struct sockopt *sopt, int *error)
{
	struct inpcb *inp = sotoinpcb(so);

	if (sopt->sopt_name < ILNP_SO_LOCAL || sopt->sopt_name > ILNP_SO_CKSUM)
		return (false);
	if (ilnp_flow_proto(inp) == 0)
		*error = EOPNOTSUPP;
	else if (sopt->sopt_dir == SOPT_GET)
		*error = get_option(inp, sopt);
	else if (sopt->sopt_name >= ILNP_SO_CHOICE)
		*error = set_option(inp, sopt);
	else
		*error = EOPNOTSUPP;
	return (true);
}
