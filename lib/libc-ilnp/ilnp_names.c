/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Puts answers together: every NID of a name with every L64 of it (RFC 6742
 * s3.1), each in order of preference.  A locator behind an LP record is as good
 * as the worse of the two preferences says, and lives as long as the shorter of
 * the two lifetimes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ilnp_addr.h"
#include "ilnp_names.h"

#define	POINTERS_MAX	4	/* LP records followed, the preferred ones */
#define	TARGET_TIMEOUT	2	/* s, for the locators behind them */

#define	ASKS		5	/* A, AAAA, NID, L64, LP */

struct pointer {
	struct ilnp_name p_target;
	uint16_t	p_pref;
	uint32_t	p_ttl;
};

/* Records on their way, the preferred ones first. */
struct gathering {
	struct ilnp_found *g_found;
	bool		g_nomem;
	struct ilnp_name g_owner;	/* of the LP records */
	u_int		g_nptrs;
	struct pointer	g_ptr[POINTERS_MAX];
	const struct pointer *g_by;	/* what led to these L64s, or NULL */
	u_int		g_nlocs;
	struct ilnp_lurec g_loc[ILNP_LOCS_MAX];
};

void
ilnp_names_free(struct ilnp_found *f)
{
	free(f->f_addr);
	f->f_addr = NULL;
	f->f_n = f->f_room = 0;
}

/*
 * Makes place number `at' among n entries with room for max; those behind it
 * move, and the last one may fall out.  Returns false if there is no such place.
 */
static bool
make_place(void *base, size_t size, u_int *n, u_int max, u_int at)
{
	uint8_t *p = base;

	if (at == max)
		return (false);
	if (*n < max)
		(*n)++;
	memmove(p + (at + 1) * size, p + at * size, (*n - 1 - at) * size);
	return (true);
}

static void
drop_place(void *base, size_t size, u_int *n, u_int at)
{
	uint8_t *p = base;

	(*n)--;
	memmove(p + at * size, p + (at + 1) * size, (*n - at) * size);
}

static void
gather_nid(void *arg, const struct ilnp_rr *rr)
{
	struct gathering *g = arg;
	struct ilnp_found *f = g->g_found;
	struct ilnp_nid nid = { rr->rr_value };
	u_int at = 0;

	if (!ilnp_nid_usable(nid))
		return;
	for (u_int i = 0; i < f->f_npeers; i++)
		if (ilnp_nid_eq(f->f_peer[i].pe_nid, nid)) {
			if (f->f_peer[i].pe_pref <= rr->rr_pref)
				return;
			drop_place(f->f_peer, sizeof(f->f_peer[0]),
			    &f->f_npeers, i);
		}
	while (at < f->f_npeers && f->f_peer[at].pe_pref <= rr->rr_pref)
		at++;
	if (!make_place(f->f_peer, sizeof(f->f_peer[0]), &f->f_npeers,
	    ILNP_NIDS_MAX, at))
		return;
	f->f_peer[at] = (struct ilnp_peer){ .pe_nid = nid,
	    .pe_pref = rr->rr_pref, .pe_life = rr->rr_ttl };
}

static void
gather_l64(void *arg, const struct ilnp_rr *rr)
{
	struct gathering *g = arg;
	struct ilnp_lurec rec = { .lr_l64 = { rr->rr_value },
	    .lr_pref = rr->rr_pref, .lr_life = rr->rr_ttl };
	u_int at = 0;

	if (!ilnp_l64_usable(rec.lr_l64))
		return;
	if (g->g_by != NULL && g->g_by->p_pref > rec.lr_pref)
		rec.lr_pref = g->g_by->p_pref;
	if (g->g_by != NULL && g->g_by->p_ttl < rec.lr_life)
		rec.lr_life = g->g_by->p_ttl;
	for (u_int i = 0; i < g->g_nlocs; i++)
		if (ilnp_l64_eq(g->g_loc[i].lr_l64, rec.lr_l64)) {
			if (g->g_loc[i].lr_pref <= rec.lr_pref)
				return;
			drop_place(g->g_loc, sizeof(g->g_loc[0]),
			    &g->g_nlocs, i);
		}
	while (at < g->g_nlocs && g->g_loc[at].lr_pref <= rec.lr_pref)
		at++;
	if (make_place(g->g_loc, sizeof(g->g_loc[0]), &g->g_nlocs,
	    ILNP_LOCS_MAX, at))
		g->g_loc[at] = rec;
}

static void
gather_lp(void *arg, const struct ilnp_rr *rr)
{
	struct gathering *g = arg;
	u_int at = 0;

	while (at < g->g_nptrs && g->g_ptr[at].p_pref <= rr->rr_pref)
		if (ilnp_name_eq(&g->g_ptr[at++].p_target, &rr->rr_target))
			return;
	if (!make_place(g->g_ptr, sizeof(g->g_ptr[0]), &g->g_nptrs,
	    POINTERS_MAX, at))
		return;
	g->g_ptr[at] = (struct pointer){ .p_target = rr->rr_target,
	    .p_pref = rr->rr_pref, .p_ttl = rr->rr_ttl };
}

static void
gather_addr(void *arg, const struct ilnp_rr *rr)
{
	struct gathering *g = arg;
	struct ilnp_found *f = g->g_found;
	struct ilnp_naddr *na;

	if (f->f_n == f->f_room) {
		u_int room = f->f_room == 0 ? 16 : f->f_room * 2;
		void *more = realloc(f->f_addr, room * sizeof(*f->f_addr));

		if (more == NULL) {
			g->g_nomem = true;
			return;
		}
		f->f_addr = more;
		f->f_room = room;
	}
	na = &f->f_addr[f->f_n++];
	memset(na, 0, sizeof(*na));
	na->na_family = rr->rr_type == ILNP_DNS_A ? AF_INET : AF_INET6;
	memcpy(na->na_b, rr->rr_addr, rr->rr_type == ILNP_DNS_A ? 4 : 16);
	if (f->f_n == 1 || rr->rr_ttl < f->f_ttl)
		f->f_ttl = rr->rr_ttl;
}

/*
 * Additional data is believed where the answer's server may speak for it: for
 * targets below the name above the owner, unless that is a top level domain.
 */
static bool
in_bailiwick(const struct ilnp_name *target, const struct ilnp_name *owner)
{
	struct ilnp_name zone = ilnp_name_parent(owner);
	struct ilnp_name up = ilnp_name_parent(&zone);

	return (up.n_len > 1 && ilnp_name_within(target, &zone));
}

/* Takes what came along with the LP records.  Returns true if it did. */
static bool
take_along(struct gathering *g, const struct ilnp_ask *lp,
    const struct pointer *p)
{
	u_int before = g->g_nlocs;

	if (!in_bailiwick(&p->p_target, &g->g_owner))
		return (false);
	g->g_by = p;
	if (ilnp_dns_read_more(lp->ak_msg, lp->ak_len, &p->p_target,
	    ILNP_DNS_L64, gather_l64, g) != 0)
		return (false);
	return (g->g_nlocs > before);
}

/* True if the target's aliases, if any, do not lead back to the owner. */
static bool
is_elsewhere(const struct ilnp_ask *ak, const struct ilnp_name *owner)
{
	struct ilnp_name end;

	return (ilnp_dns_read(ak->ak_msg, ak->ak_len, &ak->ak_q, &end, NULL,
	    NULL) == 0 && !ilnp_name_eq(&end, owner));
}

/*
 * One level: what LP records a target has of its own is nobody's business, and
 * one that points to its own owner is refused (RFC 6742 s2.4.1.2).
 */
static void
follow_pointers(const struct ilnp_stub *st, struct gathering *g,
    const struct ilnp_ask *lp)
{
	struct ilnp_ask ask[POINTERS_MAX];
	const struct pointer *by[POINTERS_MAX];
	struct ilnp_stub brief = *st;
	struct ilnp_name end;
	bool unreach;
	u_int n = 0;

	for (u_int i = 0; i < g->g_nptrs; i++) {
		const struct pointer *p = &g->g_ptr[i];

		if (ilnp_name_eq(&p->p_target, &g->g_owner) ||
		    ilnp_name_eq(&p->p_target, &lp->ak_q.q_name) ||
		    take_along(g, lp, p))
			continue;
		memset(&ask[n], 0, sizeof(ask[n]));
		ask[n].ak_q.q_name = p->p_target;
		ask[n].ak_q.q_type = ILNP_DNS_L64;
		by[n++] = p;
	}
	if (n == 0)
		return;
	brief.st_attempts = 1;
	if (brief.st_timeout > TARGET_TIMEOUT)
		brief.st_timeout = TARGET_TIMEOUT;
	ilnp_stub_round(&brief, ask, n, &unreach);
	for (u_int i = 0; i < n; i++) {
		if (ask[i].ak_verdict != ILNP_DNS_ANSWER ||
		    !is_elsewhere(&ask[i], &g->g_owner))
			continue;
		g->g_by = by[i];
		(void)ilnp_dns_read(ask[i].ak_msg, ask[i].ak_len,
		    &ask[i].ak_q, &end, gather_l64, g);
	}
	ilnp_stub_free(ask, n);
}

/* Every NID with every L64; the lifetime is the least of those involved. */
static void
compose_peers(struct gathering *g)
{
	struct ilnp_found *f = g->g_found;

	if (g->g_nlocs == 0)
		f->f_npeers = 0;
	for (u_int i = 0; i < f->f_npeers; i++) {
		struct ilnp_peer *pe = &f->f_peer[i];

		pe->pe_n = g->g_nlocs;
		memcpy(pe->pe_loc, g->g_loc, g->g_nlocs * sizeof(g->g_loc[0]));
		for (u_int l = 0; l < pe->pe_n; l++) {
			if (pe->pe_loc[l].lr_life < pe->pe_life)
				pe->pe_life = pe->pe_loc[l].lr_life;
		}
		for (u_int l = 0; l < pe->pe_n; l++)
			pe->pe_loc[l].lr_life = pe->pe_life;
	}
}

/* Reads an answer, if there is one.  Returns true if it was in order. */
static bool
read_answer(const struct ilnp_ask *ak, struct ilnp_name *owner,
    ilnp_rr_fn *fn, struct gathering *g)
{
	return (ak != NULL && ak->ak_verdict == ILNP_DNS_ANSWER &&
	    ilnp_dns_read(ak->ak_msg, ak->ak_len, &ak->ak_q, owner, fn, g) ==
	    0);
}

/* Adds a question to those of a round. */
static struct ilnp_ask *
add_ask(struct ilnp_ask *ask, u_int *n, const struct ilnp_name *name,
    uint16_t type)
{
	struct ilnp_ask *ak = &ask[(*n)++];

	memset(ak, 0, sizeof(*ak));
	ak->ak_q.q_name = *name;
	ak->ak_q.q_type = type;
	return (ak);
}

/* Why a name yielded nothing, from what its addresses' questions came to. */
static enum ilnp_names_status
judge_failure(const struct ilnp_ask *ask, u_int n, bool unreach,
    bool *servfail)
{
	bool noname = n > 0;

	if (unreach)
		return (ILNP_NAMES_UNAVAIL);
	for (u_int i = 0; i < n; i++) {
		if (ask[i].ak_extra)
			continue;
		if (ask[i].ak_verdict == ILNP_DNS_NONE) {
			*servfail = ask[i].ak_why == ILNP_DNS_FAILED;
			return (ask[i].ak_why == ILNP_DNS_NONE || *servfail ?
			    ILNP_NAMES_AGAIN : ILNP_NAMES_UNAVAIL);
		}
		noname = noname && ask[i].ak_verdict == ILNP_DNS_NONAME;
	}
	return (noname ? ILNP_NAMES_NONAME : ILNP_NAMES_NODATA);
}

/* Asks for one name as it stands. */
static enum ilnp_names_status
lookup_one(const struct ilnp_stub *st, const struct ilnp_name *name,
    u_int want, struct ilnp_found *f, bool *servfail)
{
	struct gathering g = { .g_found = f };
	struct ilnp_name owner = *name;
	struct ilnp_ask ask[ASKS], *a = NULL, *aaaa = NULL;
	struct ilnp_ask *nid = NULL, *l64 = NULL, *lp = NULL;
	enum ilnp_names_status status;
	bool unreach;
	u_int n = 0;

	*servfail = false;
	if (want == ILNP_WANT_IPV6 && st->st_noaaaa)
		return (ILNP_NAMES_UNAVAIL);
	/* Servers answer in this order: first what is always waited for. */
	if ((want & ILNP_WANT_IPV4) != 0)
		a = add_ask(ask, &n, name, ILNP_DNS_A);
	if ((want & ILNP_WANT_IPV6) != 0 && !st->st_noaaaa)
		aaaa = add_ask(ask, &n, name, ILNP_DNS_AAAA);
	if (want != ILNP_WANT_IPV4) {
		nid = add_ask(ask, &n, name, ILNP_DNS_NID);
		l64 = add_ask(ask, &n, name, ILNP_DNS_L64);
		lp = add_ask(ask, &n, name, ILNP_DNS_LP);
		/* Without addresses to wait for they are the purpose. */
		nid->ak_extra = l64->ak_extra = lp->ak_extra = want != 0;
		nid->ak_key = true;
	}
	ilnp_stub_round(st, ask, n, &unreach);
	if (read_answer(nid, &owner, gather_nid, &g) && f->f_npeers > 0) {
		(void)read_answer(l64, &owner, gather_l64, &g);
		if (read_answer(lp, &g.g_owner, gather_lp, &g))
			follow_pointers(st, &g, lp);
	}
	compose_peers(&g);
	(void)read_answer(a, &owner, gather_addr, &g);
	(void)read_answer(aaaa, &owner, gather_addr, &g);
	/* As it was typed; parts of aliases come in our mixture of cases. */
	if (ilnp_name_eq(&owner, name))
		owner = *name;
	else
		ilnp_name_lower(&owner);
	if (g.g_nomem || !ilnp_name_write(&owner, f->f_name))
		status = ILNP_NAMES_UNAVAIL;
	else if (f->f_npeers > 0 || f->f_n > 0)
		status = ILNP_NAMES_FOUND;
	else
		status = judge_failure(ask, n, unreach, servfail);
	ilnp_stub_free(ask, n);
	return (status);
}

/* As lookup_one(), below a domain; "" is the root. */
static enum ilnp_names_status
lookup_below(const struct ilnp_stub *st, const char *text, const char *domain,
    u_int want, struct ilnp_found *f, bool *servfail)
{
	char whole[2 * ILNP_DNS_TEXT_MAX + 2];
	struct ilnp_name name;

	(void)snprintf(whole, sizeof(whole), "%s%s%s", text,
	    domain[0] == '\0' || strcmp(domain, ".") == 0 ? "" : ".", domain);
	*servfail = false;
	if (!ilnp_name_read(&name, whole))
		return (ILNP_NAMES_UNAVAIL);
	return (lookup_one(st, &name, want, f, servfail));
}

/*
 * The order in which the search list is tried, and which of several failures
 * counts, are those of res_search(3).
 */
enum ilnp_names_status
ilnp_names_lookup(const struct ilnp_stub *st, const char *name, u_int want,
    struct ilnp_found *f)
{
	enum ilnp_names_status status = ILNP_NAMES_NONAME, first;
	bool tried = false, nodata = false, failed = false, servfail;
	bool whole = name[0] != '\0' && name[strlen(name) - 1] == '.';
	u_int dots = 0;

	memset(f, 0, sizeof(*f));
	for (const char *c = name; *c != '\0'; c++)
		dots += *c == '.';
	if (strlen(name) >= ILNP_DNS_TEXT_MAX ||
	    (dots == 0 && getenv("HOSTALIASES") != NULL))
		return (ILNP_NAMES_UNAVAIL);
	first = status;
	if (dots >= st->st_ndots || whole) {
		first = status = lookup_below(st, name, "", want, f,
		    &servfail);
		if (status == ILNP_NAMES_FOUND || whole ||
		    status == ILNP_NAMES_UNAVAIL)
			return (status);
		tried = true;
	}
	for (u_int i = 0; i < st->st_nsearch && (dots == 0 ?
	    st->st_defnames : st->st_dnsrch); i++) {
		bool root = strspn(st->st_search[i], ".") ==
		    strlen(st->st_search[i]);

		if (root && tried)
			continue;
		tried = tried || root;
		status = lookup_below(st, name, st->st_search[i], want, f,
		    &servfail);
		if (status == ILNP_NAMES_FOUND ||
		    status == ILNP_NAMES_UNAVAIL)
			return (status);
		nodata = nodata || status == ILNP_NAMES_NODATA;
		failed = failed || servfail;
		if ((status == ILNP_NAMES_AGAIN && !servfail) ||
		    !st->st_dnsrch)
			break;
	}
	if (!tried) {
		first = status = lookup_below(st, name, "", want, f,
		    &servfail);
		if (status == ILNP_NAMES_FOUND)
			return (status);
	}
	if (first != ILNP_NAMES_NONAME)
		return (first);
	return (nodata ? ILNP_NAMES_NODATA : failed ? ILNP_NAMES_AGAIN :
	    status);
}
