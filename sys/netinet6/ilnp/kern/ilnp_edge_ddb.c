/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Looks at ILNP in a kernel that has stopped: no locks, no memory.  Nonces are
 * shown to nobody, not even here: a console is often a log.
 *
 *	show ilcc			each network stack's cache
 *	show ilnp_session [ADDRESS]	its sessions, or one of them, in detail
 */
#include "opt_ddb.h"

#ifdef DDB
#include "ilnp_edge.h"

#include <ddb/ddb.h>

#include "../core/ilnp_ilcc_var.h"

static void
print_locs(const char *what, const struct ilnp_locset *set)
{
	for (uint32_t i = 0; i < set->ls_n && i < ILNP_LOCS_MAX; i++) {
		const struct ilnp_loc *l = &set->ls_loc[i];
		char text[ILNP_TEXT_MAX];

		ilnp_text_l64(l->l_l64, text);
		db_printf("  %s %s state %u pref %u until %u used %u flags "
		    "0x%x if %u\n", what, text, l->l_state, l->l_pref,
		    l->l_until, l->l_used, l->l_flags, l->l_if);
	}
}

static void
print_brief(const struct ilnp_sess *s)
{
	char local[ILNP_TEXT_MAX], remote[ILNP_TEXT_MAX];

	ilnp_text_nid(s->s_nids.local, local);
	ilnp_text_nid(s->s_nids.remote, remote);
	db_printf("  session %p id %ju %s %s state %u%s%s%s holds %u\n", s,
	    (uintmax_t)s->s_id, local, remote, s->s_state,
	    s->s_initiator ? " initiator" : "",
	    s->s_confirmed != 0 ? " confirmed" : "",
	    s->s_lu_pending ? " lu-pending" : "", s->s_holds);
}

static void
print_path(const struct ilnp_path *p)
{
	char from[ILNP_TEXT_MAX], to[ILNP_TEXT_MAX];

	ilnp_text_l64(p->p_pair.local, from);
	ilnp_text_l64(p->p_pair.remote, to);
	db_printf("  path %s %s state %u fails %u%s%s rank %u srtt %u mtu %u "
	    "tx %ju rx %ju due %ju\n", from, to, p->p_state, p->p_fails,
	    p->p_waiting ? " waiting" : "", p->p_unproven ? " unproven" : "",
	    p->p_rank, p->p_srtt, p->p_mtu, (uintmax_t)p->p_txpkts,
	    (uintmax_t)p->p_rxpkts, (uintmax_t)p->p_due);
}

static void
print_cache(const struct ilnp_edge *e)
{
	const struct ilnp_ilcc *c = e->e_cache;

	db_printf("vnet %p edge %p cache %p here %p flows %u unsure %u\n",
	    e->e_vnet, e, c, e->e_here, e->e_flows.t_n, e->e_flows.t_unsure);
	if (c == NULL)
		return;
	db_printf(" sessions %u of %u, unconfirmed %u of %u, busy %u, "
	    "generation %u, now %ju\n", c->c_n, c->c_max, c->c_nhalf,
	    c->c_halfmax, c->c_nbusy, c->c_local.lo_gen, (uintmax_t)ilnp_now());
	print_locs("locator", &c->c_local.lo_set);
	for (uint32_t i = 0; i < c->c_n && !db_pager_quit; i++)
		print_brief(c->c_pool[i]);
}

static void
print_detail(const struct ilnp_sess *s)
{
	print_brief(s);
	db_printf("  created %ju tx %u last %ju rx %u last %ju moved %ju lu "
	    "generation %u sends %u due %ju\n", (uintmax_t)s->s_created,
	    s->s_ntx, (uintmax_t)s->s_lasttx, s->s_nrx,
	    (uintmax_t)s->s_lastrx, (uintmax_t)s->s_moved, s->s_lu_gen,
	    s->s_lu_sends, (uintmax_t)s->s_lu_due);
	print_locs("remote", &s->s_remote);
	if (s->s_paths == NULL)
		return;
	db_printf("  paths of %s, choice %u\n", s->s_paths->ps_alg->sa_name,
	    s->s_paths->ps_choice.ch_kind);
	for (uint32_t i = 0; i < s->s_paths->ps_cap; i++)
		if (s->s_paths->ps_path[i].p_used)
			print_path(&s->s_paths->ps_path[i]);
}

static void
print_details(const struct ilnp_edge *e)
{
	const struct ilnp_ilcc *c = e->e_cache;

	for (uint32_t i = 0; c != NULL && i < c->c_n && !db_pager_quit; i++)
		print_detail(c->c_pool[i]);
}

static void
for_each(void (*print)(const struct ilnp_edge *))
{
	VNET_ITERATOR_DECL(vnet);

	VNET_FOREACH(vnet) {
		CURVNET_SET_QUIET(vnet);
		if (V_ilnp_edge.e_made)
			print(&V_ilnp_edge);
		CURVNET_RESTORE();
	}
}

DB_SHOW_COMMAND_FLAGS(ilcc, show_ilcc, DB_CMD_MEMSAFE)
{
	for_each(print_cache);
}

DB_SHOW_COMMAND(ilnp_session, show_ilnp_session)
{
	if (have_addr)
		print_detail((const struct ilnp_sess *)addr);
	else
		for_each(print_details);
}
#endif /* DDB */
