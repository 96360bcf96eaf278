/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A bounded table of flows: sets of eight, placed by a keyed hash.
 */
#include <stdlib.h>

#include "filter.h"
#include "flow.h"
#include "ilnp_addr.h"

#define	SETS		8192
#define	WAYS		8
#define	IDLE_MAX	600	/* s */
#define	OFF_ECHO_ID	4
#define	SWEEP		64	/* sets looked at at a time */
#define	TH_FIN		0x01
#define	TH_RST		0x04

struct plain_peer {
	struct ilnp_nid	pp_nid;
	uint32_t	pp_used;	/* s of the clock, 0: free */
};

struct flows {
	uint64_t	f_key[2];
	bool		f_many;		/* more plain peers than f_peer holds */
	u_int		f_swept;	/* where the next sweep goes on */
	struct plain_peer f_peer[FILTER_REMOTES_MAX];
	struct flow	f_set[SETS][WAYS];
};

struct flows *
flows_alloc(void)
{
	struct flows *f = calloc(1, sizeof(*f));

	if (f != NULL)
		ilnp_env_random(f->f_key, sizeof(f->f_key));
	return (f);
}

void
flows_free(struct flows *f)
{
	free(f);
}

static uint64_t
hash_key(const struct flows *f, const struct flow_key *fk)
{
	uint64_t words[3] = { fk->fk_nids.local.nid, fk->fk_nids.remote.nid,
	    (uint64_t)fk->fk_proto << 32 | (uint32_t)fk->fk_lport << 16 |
	    fk->fk_rport };

	return (ilnp_hash(f->f_key, words, 3));
}

bool
flow_key(const struct flows *f, struct flow_key *fk, const uint8_t *pkt,
    size_t len, const struct ilnp_view *v, bool out)
{
	if (v->v_laterfrag)
		return (false);
	fk->fk_nids.local = out ? v->v_src.nid : v->v_dst.nid;
	fk->fk_nids.remote = out ? v->v_dst.nid : v->v_src.nid;
	fk->fk_proto = v->v_proto;
	fk->fk_lport = out ? v->v_sport : v->v_dport;
	fk->fk_rport = out ? v->v_dport : v->v_sport;
	if (v->v_proto == ILNP_PROTO_ICMPV6) {
		struct ilnp_rd r;

		if ((v->v_icmptype != ILNP_ICMP6_ECHO_REQ &&
		    v->v_icmptype != ILNP_ICMP6_ECHO_REP) ||
		    (size_t)v->v_l4off + OFF_ECHO_ID > len)
			return (false);
		r = ilnp_rd(pkt + v->v_l4off + OFF_ECHO_ID,
		    len - v->v_l4off - OFF_ECHO_ID);
		fk->fk_lport = ilnp_rd_u16(&r);
		fk->fk_rport = 0;
	}
	fk->fk_hash = hash_key(f, fk);
	return (true);
}

void
flow_key_pair(const struct flows *f, struct flow_key *fk,
    const struct ilnp_nidpair *nids)
{
	memset(fk, 0, sizeof(*fk));
	fk->fk_nids = *nids;
	fk->fk_hash = hash_key(f, fk);
}

static bool
is_live(const struct flow *fl, uint32_t clock)
{
	return (fl->fl_used != 0 && clock - fl->fl_used <= IDLE_MAX);
}

/* Lets go of the session of a flow. */
static void
release(struct flow *fl)
{
	if (fl->fl_sess != NULL)
		ilnp_sess_release(fl->fl_sess);
	fl->fl_sess = NULL;
}

void
flow_bind(struct flow *fl, struct ilnp_sess *s, uint32_t token)
{
	release(fl);
	fl->fl_token = token;
	if (token != 0 && (fl->fl_flags & FLOW_SURE) != 0 && ilnp_sess_hold(s))
		fl->fl_sess = s;
}

void
flow_ends(struct flow *fl, uint8_t tcpflags, uint8_t fin)
{
	if ((tcpflags & TH_FIN) != 0)
		fl->fl_flags |= fin;
	if ((tcpflags & TH_RST) != 0 || ((fl->fl_flags & FLOW_FIN_IN) != 0 &&
	    (fl->fl_flags & FLOW_FIN_OUT) != 0))
		release(fl);
}

void
flows_release(struct flows *f)
{
	for (u_int i = 0; i < SETS; i++)
		for (u_int k = 0; k < WAYS; k++)
			release(&f->f_set[i][k]);
}

struct flow *
flows_find(struct flows *f, const struct flow_key *fk, ilnp_time_t now)
{
	struct flow *set = f->f_set[fk->fk_hash % SETS];
	uint32_t clock = ilnp_loc_clock(now);

	for (u_int i = 0; i < WAYS; i++)
		if (is_live(&set[i], clock) && flow_key_eq(&set[i].fl_key, fk))
			return (&set[i]);
	return (NULL);
}

/* How readily a flow gives way; plain ones break without their entry. */
static uint32_t
dispensable(const struct flow *fl, uint32_t clock)
{
	if (!is_live(fl, clock))
		return (UINT32_MAX);
	return ((clock - fl->fl_used) * 2 +
	    ((fl->fl_flags & FLOW_PLAIN) == 0 ? IDLE_MAX * 2 : 0));
}

struct flow *
flows_note(struct flows *f, const struct flow_key *fk, ilnp_time_t now)
{
	struct flow *set = f->f_set[fk->fk_hash % SETS], *victim = set;
	uint32_t clock = ilnp_loc_clock(now);

	for (u_int i = 0; i < WAYS; i++) {
		if (is_live(&set[i], clock) && flow_key_eq(&set[i].fl_key, fk)) {
			set[i].fl_used = clock;
			return (&set[i]);
		}
		if (dispensable(&set[i], clock) > dispensable(victim, clock))
			victim = &set[i];
	}
	release(victim);
	memset(victim, 0, sizeof(*victim));
	victim->fl_key = *fk;
	victim->fl_used = clock;
	return (victim);
}

void
flow_touch(struct flow *fl, ilnp_time_t now)
{
	uint32_t clock = ilnp_loc_clock(now);

	if (fl->fl_used != clock)
		fl->fl_used = clock;
}

bool
flows_mark_plain(struct flows *f, struct flow *fl, ilnp_time_t now)
{
	struct plain_peer *slot = NULL;

	fl->fl_flags |= FLOW_PLAIN;
	for (u_int i = 0; i < FILTER_REMOTES_MAX; i++) {
		struct plain_peer *pp = &f->f_peer[i];

		if (pp->pp_used == 0) {
			slot = pp;
		} else if (ilnp_nid_eq(pp->pp_nid, fl->fl_key.fk_nids.remote)) {
			pp->pp_used = ilnp_loc_clock(now);
			return (false);
		}
	}
	if (slot != NULL) {
		slot->pp_nid = fl->fl_key.fk_nids.remote;
		slot->pp_used = ilnp_loc_clock(now);
		return (true);
	}
	if (f->f_many)
		return (false);
	f->f_many = true;
	return (true);
}

void
flows_plain_remotes(const struct flows *f, struct filter_want *fw)
{
	for (u_int i = 0; i < FILTER_REMOTES_MAX; i++)
		if (f->f_peer[i].pp_used != 0)
			fw->fw_remote[fw->fw_nremotes++] = f->f_peer[i].pp_nid;
	fw->fw_anyremote |= f->f_many;
}

bool
flows_age(struct flows *f, ilnp_time_t now)
{
	uint32_t clock = ilnp_loc_clock(now);
	bool any = false;

	for (u_int i = 0; i < SWEEP; i++) {
		struct flow *set = f->f_set[f->f_swept++ % SETS];

		for (u_int k = 0; k < WAYS; k++)
			if (!is_live(&set[k], clock))
				release(&set[k]);
	}
	for (u_int i = 0; i < FILTER_REMOTES_MAX; i++) {
		struct plain_peer *pp = &f->f_peer[i];

		if (pp->pp_used == 0 || clock - pp->pp_used <= IDLE_MAX)
			continue;
		pp->pp_used = 0;
		any = true;
	}
	/* With room again, those that come back will be listed. */
	if (any)
		f->f_many = false;
	return (any);
}
