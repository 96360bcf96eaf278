/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Keeps the paths of a session and offers the best of them to the selection
 * algorithm.  Sends nothing.
 */
#include "ilnp_path.h"

_Static_assert(ILNP_PATHS_MAX <= 32, "slots fit a mask");

/* Of ilnp_pathset_watch(); rates are packets in a second. */
#define	RATE_MIN	10		/* what is slower only probes judge */
#define	RATE_MAX	10000000
#define	RATE_AGE	ILNP_MS(500)	/* who was silent for so long begins anew */
#define	TURNS		4		/* packets missed in a row: silence */
#define	LOOK_TURNS	2		/* of the fastest path between looks */
#define	LOOK_LEAST	ILNP_MS(10)
#define	LOOK_MOST	ILNP_MS(80)
#define	SILENT_GAP	ILNP_SEC(2)	/* or two ends keep suspecting each other */
#define	DOUBT_GAP	ILNP_MS(250)	/* between probes of a quiet path */

size_t
ilnp_pathset_size(u_int cap)
{
	return (sizeof(struct ilnp_pathset) + cap * sizeof(struct ilnp_path));
}

void
ilnp_pathset_init(struct ilnp_pathset *ps, u_int cap,
    const struct ilnp_sel_alg *alg)
{
	memset(ps, 0, ilnp_pathset_size(cap));
	ps->ps_cap = cap;
	ilnp_pathset_algorithm(ps, alg);
}

void
ilnp_pathset_algorithm(struct ilnp_pathset *ps, const struct ilnp_sel_alg *alg)
{
	ILNP_ASSERT(alg->sa_privsize <= sizeof(ps->ps_priv));
	ps->ps_alg = alg;
	memset(ps->ps_priv, 0, sizeof(ps->ps_priv));
	alg->sa_reset(ps->ps_priv);
}

/* The peer's preference decides first, ours within it (RFC 6742 s2). */
static uint32_t
rank_of(const struct ilnp_localloc *ll, const struct ilnp_loc *l)
{
	return ((uint32_t)l->l_pref << 16 | ll->ll_pref);
}

static void
drop_path(struct ilnp_pathset *ps, struct ilnp_path *p)
{
	ps->ps_gonetxpkts += p->p_txpkts;
	ps->ps_gonetxbytes += p->p_txbytes;
	ps->ps_gonerxpkts += p->p_rxpkts;
	ps->ps_gonerxbytes += p->p_rxbytes;
	p->p_used = false;
}

/* How little a path is worth a slot: by its rank, but if sought least of all. */
static uint64_t
cheapness(uint32_t rank, bool sought)
{
	return ((uint64_t)sought << 32 | rank);
}

/* A free slot, else that of the cheapest path, else NULL; it must be cheaper. */
static struct ilnp_path *
claim_slot(struct ilnp_pathset *ps, uint32_t rank, bool sought)
{
	uint64_t most = cheapness(rank, sought);
	struct ilnp_path *worst = NULL;

	for (u_int i = 0; i < ps->ps_cap; i++) {
		struct ilnp_path *p = &ps->ps_path[i];

		if (!p->p_used)
			return (p);
		if (cheapness(p->p_rank, p->p_sought) > most) {
			most = cheapness(p->p_rank, p->p_sought);
			worst = p;
		}
	}
	if (worst != NULL)
		drop_path(ps, worst);
	return (worst);
}

static bool
serves(const struct ilnp_loc *l, bool desperate)
{
	return (ilnp_loc_sendable(l) || (desperate &&
	    (l->l_flags & ILNP_LOC_F_WITHDRAWN) == 0));
}

/*
 * Puts the paths in the order of ps_order: diagonal by diagonal through the
 * table of local and remote locators of a preference group.
 */
static void
line_up(struct ilnp_pathset *ps, const struct ilnp_localloc *local,
    u_int nlocal, const struct ilnp_locset *remote, bool desperate)
{
	u_int turn[ILNP_PATHS_MAX];

	ps->ps_n = 0;
	for (u_int i = 0; i < ps->ps_cap; i++) {
		const struct ilnp_path *p = &ps->ps_path[i];
		u_int nl = 0, nr = 0, at, li = 0, ri = 0;

		if (!p->p_used)
			continue;
		for (u_int l = 0; l < nlocal; l++) {
			if (local[l].ll_pref != (p->p_rank & 0xffff))
				continue;
			if (ilnp_l64_eq(local[l].ll_l64, p->p_pair.local))
				li = nl;
			nl++;
		}
		for (u_int r = 0; r < remote->ls_n; r++) {
			const struct ilnp_loc *rl = &remote->ls_loc[r];

			if (rl->l_pref != p->p_rank >> 16 ||
			    !serves(rl, desperate))
				continue;
			if (ilnp_l64_eq(rl->l_l64, p->p_pair.remote))
				ri = nr;
			nr++;
		}
		turn[i] = (ri + nr - li % nr) % nr * nl + li;
		for (at = ps->ps_n++; at > 0 &&
		    turn[ps->ps_order[at - 1]] > turn[i]; at--)
			ps->ps_order[at] = ps->ps_order[at - 1];
		ps->ps_order[at] = (uint8_t)i;
	}
}

static void
set_proof(struct ilnp_path *p, const struct ilnp_loc *l)
{
	p->p_unproven = (l->l_flags & ILNP_LOC_F_UNPROVEN) != 0;
	p->p_sought = (l->l_flags & ILNP_LOC_F_SOUGHT) != 0;
}

void
ilnp_pathset_sync(struct ilnp_pathset *ps, const struct ilnp_localloc *local,
    u_int nlocal, const struct ilnp_locset *remote, uint32_t gen,
    ilnp_time_t now)
{
	uint32_t keep = 0;
	bool desperate = true, changed = false;

	for (u_int r = 0; r < remote->ls_n; r++)
		if (ilnp_loc_sendable(&remote->ls_loc[r]) &&
		    (remote->ls_loc[r].l_flags & ILNP_LOC_F_SOUGHT) == 0)
			desperate = false;
	/* First those that stay, so that new ones see which slots are free. */
	for (u_int i = 0; i < ps->ps_cap; i++) {
		struct ilnp_path *p = &ps->ps_path[i];

		for (u_int l = 0; p->p_used && l < nlocal; l++) {
			if (!ilnp_l64_eq(p->p_pair.local, local[l].ll_l64))
				continue;
			for (u_int r = 0; r < remote->ls_n; r++) {
				const struct ilnp_loc *rl = &remote->ls_loc[r];

				if (!ilnp_l64_eq(p->p_pair.remote, rl->l_l64) ||
				    !serves(rl, desperate))
					continue;
				keep |= 1U << i;
				p->p_rank = rank_of(&local[l], rl);
				p->p_weight = local[l].ll_weight;
				p->p_if = local[l].ll_if;
				set_proof(p, rl);
			}
		}
		if (p->p_used && (keep & 1U << i) == 0) {
			drop_path(ps, p);
			changed = true;
		}
	}
	/* Diagonally, so that few slots still hold something of each. */
	for (u_int d = 0; d < remote->ls_n; d++) {
		for (u_int l = 0; l < nlocal; l++) {
			const struct ilnp_loc *rl =
			    &remote->ls_loc[(l + d) % remote->ls_n];
			struct ilnp_l64pair pair = {
				.local = local[l].ll_l64, .remote = rl->l_l64
			};
			struct ilnp_path *p;

			if (!serves(rl, desperate) ||
			    ilnp_pathset_find(ps, &pair) != NULL)
				continue;
			p = claim_slot(ps, rank_of(&local[l], rl),
			    (rl->l_flags & ILNP_LOC_F_SOUGHT) != 0);
			if (p == NULL)
				continue;
			memset(p, 0, sizeof(*p));
			p->p_used = true;
			p->p_pair = pair;
			p->p_rank = rank_of(&local[l], rl);
			p->p_weight = local[l].ll_weight;
			p->p_if = local[l].ll_if;
			set_proof(p, rl);
			p->p_due = now;
			changed = true;
		}
	}
	ps->ps_gen = gen;
	line_up(ps, local, nlocal, remote, desperate);
	if (changed)
		ps->ps_alg->sa_reset(ps->ps_priv);
}

/* States in the order in which they are worth sending on. */
static u_int
worth(const struct ilnp_path *p)
{
	switch (p->p_state) {
	case ILNP_PATH_UP:
		return (0);
	case ILNP_PATH_SUSPECT:
		return (1);
	case ILNP_PATH_NEW:
		return (p->p_unproven ? 3 : 2);
	default:
		return (p->p_unproven ? 5 : 4);
	}
}

void
ilnp_pathset_prove(struct ilnp_pathset *ps, struct ilnp_l64 remote)
{
	ps->ps_blind = 0;
	for (u_int i = 0; i < ps->ps_cap; i++)
		if (ilnp_l64_eq(ps->ps_path[i].p_pair.remote, remote))
			ps->ps_path[i].p_unproven =
			    ps->ps_path[i].p_sought = false;
}

static bool
better(const struct ilnp_path *a, const struct ilnp_path *b)
{
	if (worth(a) != worth(b))
		return (worth(a) < worth(b));
	return (a->p_rank < b->p_rank);
}

static const struct ilnp_path *
best_of(const struct ilnp_pathset *ps, uint32_t offer)
{
	const struct ilnp_path *best = NULL;

	for (u_int k = 0; k < ps->ps_n; k++) {
		const struct ilnp_path *p = &ps->ps_path[ps->ps_order[k]];

		if ((offer & 1U << ps->ps_order[k]) != 0 &&
		    (best == NULL || better(p, best)))
			best = p;
	}
	return (best);
}

/* Thins a mask out to ILNP_COPIES_MAX, those that share nothing first. */
static uint32_t
thin_out(const struct ilnp_pathset *ps, uint32_t mask)
{
	const struct ilnp_path *taken[ILNP_COPIES_MAX];
	uint32_t thin = 0;
	u_int n = 0;

	/* Sharing neither locator with one taken, then one, then both. */
	for (u_int most = 0; most < 3; most++) {
		for (u_int k = 0; k < ps->ps_n; k++) {
			uint32_t bit = 1U << ps->ps_order[k];
			const struct ilnp_path *p =
			    &ps->ps_path[ps->ps_order[k]];
			u_int shared = 0;

			if ((mask & bit) == 0 || (thin & bit) != 0)
				continue;
			for (u_int i = 0; i < n; i++)
				shared |= ilnp_l64_eq(p->p_pair.local,
				    taken[i]->p_pair.local) |
				    ilnp_l64_eq(p->p_pair.remote,
				    taken[i]->p_pair.remote) << 1;
			if ((shared & 1) + (shared >> 1) > most)
				continue;
			taken[n++] = p;
			thin |= bit;
			if (n == ILNP_COPIES_MAX)
				return (thin);
		}
	}
	return (thin);
}

/*
 * Lists those of `offer' in the best state present, of the best preference
 * group.  Returns how many there are.
 */
static u_int
list_best(const struct ilnp_pathset *ps, uint32_t offer,
    struct ilnp_sel_path cand[ILNP_PATHS_MAX])
{
	const struct ilnp_path *best = best_of(ps, offer);
	u_int n = 0;

	for (u_int k = 0; best != NULL && k < ps->ps_n; k++) {
		const struct ilnp_path *p = &ps->ps_path[ps->ps_order[k]];

		if ((offer & 1U << ps->ps_order[k]) == 0 ||
		    worth(p) != worth(best) || p->p_rank != best->p_rank)
			continue;
		cand[n].sp_slot = ps->ps_order[k];
		cand[n].sp_turn = (uint8_t)k;
		cand[n].sp_weight = p->p_weight;
		cand[n].sp_srtt = p->p_srtt;
		n++;
	}
	return (n);
}

/* Picks among the slots of `offer' by state, preference and algorithm. */
static uint32_t
pick_among(struct ilnp_pathset *ps, uint32_t offer, uint32_t len,
    uint32_t flow)
{
	struct ilnp_sel_path cand[ILNP_PATHS_MAX];
	struct ilnp_sel_in in = { .si_path = cand, .si_len = len,
	    .si_flow = flow };
	uint32_t picked, mask = 0;
	u_int n = 0;

	in.si_n = list_best(ps, offer, cand);
	if (in.si_n == 0)
		return (0);
	if (in.si_n == 1)
		return (1U << cand[0].sp_slot);
	picked = ps->ps_alg->sa_pick(ps->ps_priv, &in);
	for (u_int i = 0; i < in.si_n; i++) {
		if ((picked & 1U << i) != 0) {
			mask |= 1U << cand[i].sp_slot;
			n++;
		}
	}
	ILNP_ASSERT(mask != 0);
	return (n > ILNP_COPIES_MAX ? thin_out(ps, mask) : mask);
}

static bool
fits(const struct ilnp_path *p, const struct ilnp_l64pair *pair)
{
	return ((pair->local.l64 == 0 ||
	    ilnp_l64_eq(p->p_pair.local, pair->local)) &&
	    (pair->remote.l64 == 0 ||
	    ilnp_l64_eq(p->p_pair.remote, pair->remote)));
}

bool
ilnp_pathset_fits(const struct ilnp_pathset *ps,
    const struct ilnp_l64pair *pair)
{
	for (u_int k = 0; k < ps->ps_n; k++)
		if (fits(&ps->ps_path[ps->ps_order[k]], pair))
			return (true);
	return (false);
}

/*
 * Narrows the slots of `all' to those that a choice asks for; to none if it
 * asks for nothing or must give way.
 */
static uint32_t
narrow(const struct ilnp_pathset *ps, const struct ilnp_choice *ch,
    uint32_t all, bool *lost)
{
	const struct ilnp_path *mine, *any = best_of(ps, all);
	uint32_t fit = 0;

	for (u_int k = 0; k < ps->ps_n; k++) {
		const struct ilnp_path *p = &ps->ps_path[ps->ps_order[k]];

		if (ch->ch_kind == ILNP_CHOICE_REDUNDANT ?
		    p->p_state != ILNP_PATH_DOWN && !p->p_unproven :
		    fits(p, &ch->ch_pair))
			fit |= 1U << ps->ps_order[k];
	}
	fit &= all;
	mine = best_of(ps, fit);
	switch (ch->ch_kind) {
	case ILNP_CHOICE_PREFER:
		*lost = mine == NULL || worth(mine) > worth(any);
		return (*lost ? 0 : fit);
	case ILNP_CHOICE_PIN:
		*lost = mine == NULL || mine->p_state == ILNP_PATH_DOWN;
		return (*lost && any != NULL &&
		    any->p_state != ILNP_PATH_DOWN ? 0 : fit);
	case ILNP_CHOICE_STRICT:
		*lost = mine == NULL || mine->p_state == ILNP_PATH_DOWN;
		return (fit);
	case ILNP_CHOICE_REDUNDANT:
		return (fit);
	default:
		return (0);
	}
}

/* All that may be taken at all. */
static uint32_t
allowed(const struct ilnp_pathset *ps)
{
	uint32_t all = 0;

	for (u_int k = 0; k < ps->ps_n; k++)
		if (ilnp_pathset_allows(ps, &ps->ps_path[ps->ps_order[k]]))
			all |= 1U << ps->ps_order[k];
	return (all);
}

bool
ilnp_pathset_spreads(const struct ilnp_pathset *ps,
    const struct ilnp_choice *ch)
{
	struct ilnp_sel_path cand[ILNP_PATHS_MAX];
	uint32_t all = allowed(ps), fit;
	bool lost;

	if (!ps->ps_alg->sa_spreads || ch->ch_kind == ILNP_CHOICE_REDUNDANT)
		return (false);
	fit = narrow(ps, ch, all, &lost);
	return (list_best(ps, fit != 0 ? fit : all, cand) > 1);
}

uint32_t
ilnp_pathset_pick_of(struct ilnp_pathset *ps, const struct ilnp_choice *ch,
    uint32_t len, uint32_t flow, bool *lost)
{
	uint32_t all = allowed(ps), fit;

	*lost = false;
	if (ch->ch_kind == ILNP_CHOICE_ANY)
		return (pick_among(ps, all, len, flow));
	fit = narrow(ps, ch, all, lost);
	if (fit == 0 && ch->ch_kind != ILNP_CHOICE_STRICT)
		fit = all;
	else if (ch->ch_kind == ILNP_CHOICE_REDUNDANT)
		return (thin_out(ps, fit));
	return (pick_among(ps, fit, len, flow));
}

struct ilnp_path *
ilnp_pathset_best(struct ilnp_pathset *ps, u_int skip)
{
	struct ilnp_path *order[ILNP_PATHS_MAX];
	u_int n = 0, alive = 0;

	for (u_int i = 0; i < ps->ps_cap; i++) {
		u_int at;

		if (!ps->ps_path[i].p_used || ps->ps_path[i].p_sought)
			continue;
		alive += ps->ps_path[i].p_state != ILNP_PATH_DOWN;
		for (at = n++; at > 0 &&
		    better(&ps->ps_path[i], order[at - 1]); at--)
			order[at] = order[at - 1];
		order[at] = &ps->ps_path[i];
	}
	if (n == 0)
		return (NULL);
	return (order[skip % (alive != 0 ? alive : n)]);
}

bool
ilnp_path_event(struct ilnp_path *p, enum ilnp_pathevent ev,
    uint32_t probe_fails)
{
	enum { NEW = ILNP_PATH_NEW, UP = ILNP_PATH_UP,
	    SUSPECT = ILNP_PATH_SUSPECT, DOWN = ILNP_PATH_DOWN };
	static const uint8_t next[4][4] = {
		/*		ANSWER	LOST		UNREACH		SILENT */
		[NEW] = {	UP,	NEW,		DOWN,		NEW },
		[UP] = {	UP,	SUSPECT,	SUSPECT,	SUSPECT },
		[SUSPECT] = {	UP,	SUSPECT,	SUSPECT,	SUSPECT },
		[DOWN] = {	UP,	DOWN,		DOWN,		DOWN },
	};
	uint8_t was = p->p_state;

	if (ev == ILNP_PATH_ANSWER)
		p->p_fails = 0;
	else if (ev == ILNP_PATH_LOST && p->p_fails < UINT8_MAX)
		p->p_fails++;
	p->p_state = next[was][ev];
	if (p->p_fails >= probe_fails)
		p->p_state = ILNP_PATH_DOWN;
	return (p->p_state != was);
}

void
ilnp_path_rtt(struct ilnp_path *p, uint64_t sample)
{
	uint32_t rtt, diff;

	rtt = sample > ILNP_SEC(60) ? (uint32_t)ILNP_SEC(60) :
	    sample == 0 ? 1 : (uint32_t)sample;
	if (p->p_srtt == 0) {
		p->p_srtt = rtt;
		p->p_rttvar = rtt / 2;
		return;
	}
	diff = rtt > p->p_srtt ? rtt - p->p_srtt : p->p_srtt - rtt;
	p->p_rttvar = (uint32_t)(((uint64_t)p->p_rttvar * 3 + diff) / 4);
	p->p_srtt = (uint32_t)(((uint64_t)p->p_srtt * 7 + rtt) / 8);
	if (p->p_srtt == 0)
		p->p_srtt = 1;
}

/* One answer out of a deep queue must not blind us for long. */
static ilnp_time_t
rto(const struct ilnp_path *p, ilnp_time_t slack, ilnp_time_t least)
{
	ilnp_time_t wait = 2 * (ilnp_time_t)p->p_srtt +
	    4 * (ilnp_time_t)p->p_rttvar + slack;

	return (wait < least ? least : wait > ILNP_SEC(2) ? ILNP_SEC(2) : wait);
}

ilnp_time_t
ilnp_path_patience(const struct ilnp_path *p)
{
	return (p->p_srtt == 0 ? ILNP_MS(500) :
	    rto(p, ILNP_MS(100), ILNP_MS(300)));
}

/* What is taken down in a hurry comes back slowly: only a suspicion hurries. */
ilnp_time_t
ilnp_path_hurry(const struct ilnp_path *p)
{
	return (p->p_state == ILNP_PATH_UP && p->p_srtt != 0 ?
	    rto(p, ILNP_MS(50), 0) : ilnp_path_patience(p));
}

bool
ilnp_pathset_waits(const struct ilnp_pathset *ps, const struct ilnp_path *p,
    ilnp_time_t now)
{
	ilnp_time_t sent = p->p_sent[p->p_seq % ILNP_PROBE_RING];
	ilnp_time_t patience = ilnp_path_patience(p);

	/* Traffic comes in by the same locators: the queue may be long. */
	if (p->p_lastrx > sent)
		return (ilnp_since(now, sent) < 3 * patience);
	/* By others it came when the answer should have: nobody stands still. */
	for (u_int k = 0; k < ps->ps_n; k++) {
		const struct ilnp_path *o = &ps->ps_path[ps->ps_order[k]];

		if (o != p && o->p_lastrx > sent + p->p_srtt)
			return (ilnp_since(now, sent) < ilnp_path_hurry(p));
	}
	return (ilnp_since(now, sent) < patience);
}

/*
 * Takes in how many packets of the peer have come by each path.  One by which
 * none came keeps its rate: that is what it is measured by.
 */
static void
count_in(struct ilnp_pathset *ps, uint32_t came[ILNP_PATHS_MAX],
    ilnp_time_t now)
{
	for (u_int k = 0; k < ps->ps_n; k++) {
		struct ilnp_path *p = &ps->ps_path[ps->ps_order[k]];
		uint64_t n = p->p_heard - p->p_seen, rate;
		ilnp_time_t span = ilnp_since(now, p->p_counted);

		came[k] = n > RATE_MAX ? RATE_MAX : (uint32_t)n;
		if (n == 0)
			continue;
		rate = came[k] * ILNP_SEC(1) / span;
		if (rate > RATE_MAX)
			rate = RATE_MAX;
		p->p_rate = span > RATE_AGE ? (uint32_t)rate :
		    (uint32_t)(((uint64_t)p->p_rate * 7 + rate) / 8);
		p->p_seen = p->p_heard;
		p->p_counted = now;
	}
}

/*
 * For how much of `span' us packets of another path stand: as long as so many
 * take there, or by path `p' if it is the faster one.
 */
static ilnp_time_t
busy_for(const struct ilnp_pathset *ps, const uint32_t came[ILNP_PATHS_MAX],
    ilnp_time_t span, const struct ilnp_path *p)
{
	ilnp_time_t most = 0;

	for (u_int k = 0; k < ps->ps_n; k++) {
		const struct ilnp_path *o = &ps->ps_path[ps->ps_order[k]];
		ilnp_time_t t;

		if (o->p_state != ILNP_PATH_UP || o->p_rate < RATE_MIN)
			continue;
		t = came[k] * ILNP_SEC(1) /
		    (o->p_rate > p->p_rate ? o->p_rate : p->p_rate);
		if (t > most)
			most = t;
	}
	return (most < span ? most : span);
}

ilnp_time_t
ilnp_pathset_watch(struct ilnp_pathset *ps, ilnp_time_t now, uint32_t *quiet,
    uint32_t *silent)
{
	uint32_t came[ILNP_PATHS_MAX], fastest = 0;
	ilnp_time_t gap = ps->ps_lookgap != 0 ? ps->ps_lookgap : LOOK_LEAST;
	ilnp_time_t span = ilnp_since(now, ps->ps_looked);
	bool late = ps->ps_lookgap == 0 || span > 3 * gap;

	*quiet = *silent = 0;
	if (ps->ps_n < 2)
		return (0);
	if (span < gap)
		return (ps->ps_looked + gap);
	count_in(ps, came, now);
	for (u_int k = 0; k < ps->ps_n; k++) {
		struct ilnp_path *p = &ps->ps_path[ps->ps_order[k]];
		ilnp_time_t turns;

		if (p->p_rate > fastest &&
		    ilnp_since(now, p->p_counted) < RATE_AGE)
			fastest = p->p_rate;
		/* Who was late himself must not blame others. */
		if (came[k] != 0 || late || p->p_rate < RATE_MIN ||
		    p->p_state != ILNP_PATH_UP) {
			p->p_quiet = 0;
			continue;
		}
		p->p_quiet += (uint32_t)busy_for(ps, came, span, p);
		turns = TURNS * ILNP_SEC(1) / p->p_rate;
		if (turns < 2 * gap)
			turns = 2 * gap;
		if (p->p_quiet >= turns && (p->p_silent == 0 ||
		    ilnp_since(now, p->p_silent) >= SILENT_GAP)) {
			*silent |= 1U << ps->ps_order[k];
			p->p_silent = now;
			p->p_rate = 0;
		} else if (p->p_waiting || p->p_lasttx <= p->p_lastrx ||
		    ilnp_since(now, p->p_lastrx) < turns ||
		    p->p_doubted > p->p_lastrx || (p->p_doubted != 0 &&
		    ilnp_since(now, p->p_doubted) < DOUBT_GAP))
			continue;
		*quiet |= 1U << ps->ps_order[k];
		p->p_doubted = now;
	}
	ps->ps_looked = now;
	ps->ps_lookgap = 0;
	if (fastest < RATE_MIN)
		return (0);
	gap = LOOK_TURNS * ILNP_SEC(1) / fastest;
	ps->ps_lookgap = gap < LOOK_LEAST ? LOOK_LEAST :
	    gap > LOOK_MOST ? LOOK_MOST : gap;
	return (now + ps->ps_lookgap);
}
