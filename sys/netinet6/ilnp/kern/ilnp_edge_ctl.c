/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Reads what the administrator writes, and writes what he reads.
 */
#include "ilnp_edge.h"

#include <sys/priv.h>
#include <sys/proc.h>
#include <sys/sbuf.h>

#include "../core/ilnp_addr.h"
#include "ilnp_edge_ctl.h"

static bool
has_nid(const struct ilnp_nid *set, u_int n, struct ilnp_nid nid)
{
	for (u_int i = 0; i < n; i++)
		if (ilnp_nid_eq(set[i], nid))
			return (true);
	return (false);
}

/* The next word of a text, or NULL. */
static char *
next_word(char **text)
{
	char *word;

	do
		word = strsep(text, " \t\n");
	while (word != NULL && *word == '\0');
	return (word);
}

int
ilnp_ctl_nids(struct ilnp_edge *e, char *text)
{
	struct ilnp_nid set[ILNP_NIDS_MAX];
	struct ilnp_local *lo;
	char *word;
	u_int n = 0;

	sx_assert(&e->e_sx, SA_XLOCKED);
	while ((word = next_word(&text)) != NULL) {
		if (n == ILNP_NIDS_MAX)
			return (E2BIG);
		if (ilnp_text_read(word, '-', &set[n].nid) != 0 ||
		    !ilnp_nid_usable(set[n]) || has_nid(set, n, set[n]))
			return (EINVAL);
		n++;
	}
	if (e->e_cache != NULL) {
		if (n == 0)
			return (EINVAL);
		lo = ilnp_ilcc_local(e->e_cache);
		for (u_int i = 0; i < e->e_nnids; i++)
			if (!has_nid(set, n, e->e_nid[i]))
				(void)ilnp_local_nid_del(lo, e->e_nid[i]);
		for (u_int i = 0; i < n; i++)
			(void)ilnp_local_nid_add(lo, set[i]);
	}
	memset(e->e_nid, 0, sizeof(e->e_nid));
	memcpy(e->e_nid, set, n * sizeof(*set));
	e->e_nnids = n;
	ilnp_loc_scan(e);
	return (0);
}

/* Names may be given to other interfaces later; they must be right now. */
static int
read_name(const char *word, char name[IFNAMSIZ])
{
	struct ifnet *ifp = ifunit_ref(word);

	if (ifp == NULL)
		return (ENXIO);
	(void)strlcpy(name, if_name(ifp), IFNAMSIZ);
	if_rele(ifp);
	return (0);
}

int
ilnp_ctl_disabled(struct ilnp_edge *e, char *text)
{
	char names[ILNP_IDLE_MAX][IFNAMSIZ] = { "" };
	char *word;
	u_int n = 0;
	int error;

	sx_assert(&e->e_sx, SA_XLOCKED);
	while ((word = next_word(&text)) != NULL) {
		if (n == ILNP_IDLE_MAX)
			return (E2BIG);
		error = read_name(word, names[n++]);
		if (error != 0)
			return (error);
	}
	memcpy(e->e_idle, names, sizeof(e->e_idle));
	e->e_nidle = n;
	ilnp_loc_scan(e);
	return (0);
}

/* Reads a decimal number up to `highest'. */
static int
read_number(const char *s, uint32_t highest, uint32_t *out)
{
	char *end;
	u_long v = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end != '\0' || v > highest)
		return (EINVAL);
	*out = (uint32_t)v;
	return (0);
}

/* Reads "NAME,preference[,weight]". */
static int
read_rank(char *word, struct ilnp_rank *rank)
{
	char *name = strsep(&word, ","), *pref = strsep(&word, ",");
	uint32_t p, w = 1;

	if (pref == NULL || read_number(pref, UINT16_MAX, &p) != 0 ||
	    (word != NULL && read_number(word, UINT16_MAX, &w) != 0) || w == 0)
		return (EINVAL);
	rank->r_pref = (uint16_t)p;
	rank->r_weight = (uint16_t)w;
	return (read_name(name, rank->r_name));
}

int
ilnp_ctl_preferences(struct ilnp_edge *e, char *text)
{
	struct ilnp_rank ranks[ILNP_RANKS_MAX] = { };
	char *word;
	u_int n = 0;
	int error;

	sx_assert(&e->e_sx, SA_XLOCKED);
	while ((word = next_word(&text)) != NULL) {
		if (n == ILNP_RANKS_MAX)
			return (E2BIG);
		error = read_rank(word, &ranks[n++]);
		if (error != 0)
			return (error);
	}
	memcpy(e->e_rank, ranks, sizeof(e->e_rank));
	e->e_nranks = n;
	ilnp_loc_scan(e);
	return (0);
}

/* Reads "L64[,preference[,seconds]]". */
static int
read_locator(char *word, struct ilnp_lurec *rec)
{
	char *l64 = strsep(&word, ","), *pref = strsep(&word, ",");

	memset(rec, 0, sizeof(*rec));
	if (ilnp_text_read(l64, '+', &rec->lr_l64.l64) != 0 ||
	    (pref != NULL &&
	    read_number(pref, UINT16_MAX, &rec->lr_pref) != 0) ||
	    (word != NULL && read_number(word, 86400 * 366,
	    &rec->lr_life) != 0))
		return (EINVAL);
	return (0);
}

int
ilnp_ctl_records(char *text, struct ilnp_nid *nid,
    struct ilnp_lurec rec[ILNP_LOCS_MAX], u_int *n)
{
	char *word = next_word(&text);

	*n = 0;
	if (word == NULL || ilnp_text_read(word, '-', &nid->nid) != 0)
		return (EINVAL);
	while ((word = next_word(&text)) != NULL) {
		if (*n == ILNP_LOCS_MAX)
			return (E2BIG);
		if (read_locator(word, &rec[(*n)++]) != 0)
			return (EINVAL);
	}
	return (0);
}

int
ilnp_ctl_teach(struct ilnp_edge *e, char *text)
{
	struct ilnp_lurec rec[ILNP_LOCS_MAX];
	struct ilnp_nid nid;
	u_int n;
	int error = ilnp_ctl_records(text, &nid, rec, &n);

	if (error != 0)
		return (error);
	return (n == 0 ? ilnp_hint_del(e, nid) :
	    ilnp_hint_put(e, nid, rec, n, ilnp_now()));
}

static const char *const state_names[] = {
	[ILNP_SESS_TRYING] = "trying",
	[ILNP_SESS_OPEN] = "open",
	[ILNP_SESS_IPV6] = "ipv6"
};

static const char *const cksum_names[] = {
	[ILNP_CKSUM_UNKNOWN] = "unknown",
	[ILNP_CKSUM_RFC] = "rfc",
	[ILNP_CKSUM_IPV6] = "ipv6"
};

static const char *const path_names[] = {
	[ILNP_PATH_NEW] = "new",
	[ILNP_PATH_UP] = "up",
	[ILNP_PATH_SUSPECT] = "suspect",
	[ILNP_PATH_DOWN] = "down"
};

static const char *const loc_names[] = {
	[ILNP_LOC_VALID] = "valid",
	[ILNP_LOC_ACTIVE] = "active",
	[ILNP_LOC_EXPIRED] = "expired",
	[ILNP_LOC_AGED] = "aged"
};

static void
print_loc(struct sbuf *sb, const char *what, const struct ilnp_loc *l,
    ilnp_time_t now)
{
	char l64[ILNP_TEXT_MAX];
	uint32_t clock = ilnp_loc_clock(now);

	ilnp_text_l64(l->l_l64, l64);
	sbuf_printf(sb, "%s %s %s pref=%u", what, l64, loc_names[l->l_state],
	    l->l_pref);
	if (l->l_until != 0)
		sbuf_printf(sb, " left=%u", l->l_until > clock ?
		    l->l_until - clock : 0);
	sbuf_printf(sb, "%s%s",
	    (l->l_flags & ILNP_LOC_F_WITHDRAWN) != 0 ? " withdrawn" : "",
	    (l->l_flags & ILNP_LOC_F_LEARNT) != 0 ? " learnt" : "");
}

static void
print_path(struct sbuf *sb, const struct ilnp_path *p)
{
	char l[ILNP_TEXT_MAX], r[ILNP_TEXT_MAX];

	ilnp_text_l64(p->p_pair.local, l);
	ilnp_text_l64(p->p_pair.remote, r);
	sbuf_printf(sb, "\tpath %s %s %s tx=%ju/%ju rx=%ju/%ju rtt=%u mtu=%u\n",
	    l, r, path_names[p->p_state], (uintmax_t)p->p_txpkts,
	    (uintmax_t)p->p_txbytes, (uintmax_t)p->p_rxpkts,
	    (uintmax_t)p->p_rxbytes, p->p_srtt, p->p_mtu);
}

static void
print_session(struct sbuf *sb, const struct ilnp_sessinfo *si,
    ilnp_time_t now)
{
	char l[ILNP_TEXT_MAX], r[ILNP_TEXT_MAX];

	ilnp_text_nid(si->si_nids.local, l);
	ilnp_text_nid(si->si_nids.remote, r);
	sbuf_printf(sb, "session %ju %s %s %s%s%s%s cksum=%s algorithm=%s "
	    "tx=%ju/%ju rx=%ju/%ju\n", (uintmax_t)si->si_id, l, r,
	    state_names[si->si_state], si->si_initiator ? " initiator" : "",
	    si->si_confirmed ? " confirmed" : "",
	    si->si_lu_pending ? " lu-pending" : "", cksum_names[si->si_cksum],
	    si->si_algorithm == NULL ? "-" : si->si_algorithm,
	    (uintmax_t)si->si_txpkts, (uintmax_t)si->si_txbytes,
	    (uintmax_t)si->si_rxpkts, (uintmax_t)si->si_rxbytes);
	for (uint32_t i = 0; i < si->si_remote.ls_n; i++) {
		print_loc(sb, "\tremote", &si->si_remote.ls_loc[i], now);
		sbuf_printf(sb, "\n");
	}
	for (u_int i = 0; i < si->si_npaths; i++)
		print_path(sb, &si->si_path[i]);
}

/* Copies one session at a time, so that nobody waits for the reader. */
void
ilnp_ctl_sessions(struct ilnp_edge *e, struct sbuf *sb)
{
	struct ilnp_sessinfo *si = malloc(sizeof(*si), M_ILNP, M_WAITOK);
	ilnp_time_t now = ilnp_now();
	struct epoch_tracker et;
	struct ilnp_ilcc *c;
	u_int cursor = 0;
	bool more = true;

	while (more) {
		NET_EPOCH_ENTER(et);
		c = ilnp_load_ptr(&e->e_cache);
		more = c != NULL && ilnp_ilcc_list(c, &cursor, si);
		NET_EPOCH_EXIT(et);
		if (more)
			print_session(sb, si, now);
	}
	free(si, M_ILNP);
}

/* Where packets from a locator leave, if that is known. */
static void
print_way(struct ilnp_edge *e, struct sbuf *sb, struct ilnp_l64 l64)
{
	char router[INET6_ADDRSTRLEN], name[IFNAMSIZ] = "-";
	const struct ilnp_uplink *u = NULL;
	const struct ilnp_here *h;
	struct epoch_tracker et;
	struct ifnet *ifp;
	uint32_t mtu = 0, weight = 0;

	NET_EPOCH_ENTER(et);
	h = ilnp_load_ptr(&e->e_here);
	if (h != NULL)
		u = ilnp_loc_uplink(h, l64);
	if (u != NULL) {
		mtu = u->u_mtu;
		weight = u->u_weight;
		(void)ip6_sprintf(router, &u->u_router);
		ifp = ifnet_byindex(u->u_ifindex);
		if (ifp != NULL)
			(void)strlcpy(name, if_name(ifp), IFNAMSIZ);
	}
	NET_EPOCH_EXIT(et);
	if (u != NULL)
		sbuf_printf(sb, " weight=%u interface=%s mtu=%u router=%s",
		    weight, name, mtu, router);
}

void
ilnp_ctl_locators(struct ilnp_edge *e, struct sbuf *sb)
{
	ilnp_time_t now = ilnp_now();
	struct ilnp_locset set = { };
	struct epoch_tracker et;
	struct ilnp_ilcc *c;

	NET_EPOCH_ENTER(et);
	c = ilnp_load_ptr(&e->e_cache);
	if (c != NULL)
		ilnp_local_list(ilnp_ilcc_local(c), &set);
	NET_EPOCH_EXIT(et);
	for (uint32_t i = 0; i < set.ls_n; i++) {
		print_loc(sb, "locator", &set.ls_loc[i], now);
		print_way(e, sb, set.ls_loc[i].l_l64);
		sbuf_printf(sb, "\n");
	}
}

static void
print_owner(struct sbuf *sb, const struct ilnp_cand *ca)
{
	sbuf_printf(sb, " name=%s uid=%u", ca->ca_name,
	    (uint32_t)ca->ca_owner);
	if (ca->ca_owner >> 32 != 0)
		sbuf_printf(sb, " jail=%u", (uint32_t)(ca->ca_owner >> 32));
}

void
ilnp_ctl_hints(struct ilnp_edge *e, struct sbuf *sb)
{
	struct ilnp_cands *cs = ilnp_load_ptr(&e->e_cands);
	struct ucred *cred = curthread->td_ucred;
	ilnp_time_t now = ilnp_now();
	struct ilnp_cand ca;

	for (u_int i = 0; cs != NULL && i < ilnp_cands_max(cs); i++) {
		char text[ILNP_TEXT_MAX];

		if (!ilnp_cands_at(cs, i, &ca))
			continue;
		ilnp_text_nid(ca.ca_nid, text);
		sbuf_printf(sb, "hint %s", text);
		for (uint32_t j = 0; j < ca.ca_n; j++) {
			ilnp_text_l64(ca.ca_rec[j].lr_l64, text);
			sbuf_printf(sb, " %s,%u,%u", text,
			    ca.ca_rec[j].lr_pref, ca.ca_rec[j].lr_life);
		}
		/* Whom a user's programs look up is no other user's business. */
		if (ca.ca_name[0] != '\0' && (priv_check(curthread,
		    PRIV_SEEOTHERUIDS) == 0 ||
		    ca.ca_owner == ilnp_name_owner(cred)))
			print_owner(sb, &ca);
		if (ca.ca_name[0] != '\0')
			sbuf_printf(sb, " left=%ju", (uintmax_t)(ilnp_since(
			    ca.ca_until, now) / ILNP_SEC(1)));
		if (ca.ca_waits)
			sbuf_printf(sb, " asked=%ju.%03ju", (uintmax_t)(
			    ilnp_since(now, ca.ca_asked) / ILNP_SEC(1)),
			    (uintmax_t)(ilnp_since(now, ca.ca_asked) /
			    ILNP_MS(1) % 1000));
		sbuf_printf(sb, "%s\n", ca.ca_open ? " open" : "");
	}
}
