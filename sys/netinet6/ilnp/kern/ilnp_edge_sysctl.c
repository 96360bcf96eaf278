/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * net.inet6.ilnp6: knobs and counters out of the core's tables, the switch, our
 * NIDs, correspondents, and listings.  Everything is per VNET.  Nonces stay
 * inside; writing is for those who may write sysctls of their VNET.
 */
#include "ilnp_edge.h"

#include <sys/jail.h>
#include <sys/proc.h>
#include <sys/sbuf.h>
#include <sys/sysctl.h>

#include "../core/ilnp_select.h"
#include "ilnp_edge_ctl.h"

#define	VNET_RW	(CTLFLAG_VNET | CTLFLAG_RW | CTLFLAG_MPSAFE)
#define	VNET_RD	(CTLFLAG_VNET | CTLFLAG_RD | CTLFLAG_MPSAFE)

SYSCTL_DECL(_net_inet6);
SYSCTL_NODE(_net_inet6, OID_AUTO, ilnp6, CTLFLAG_RW | CTLFLAG_MPSAFE, 0,
    "Identifier-Locator Network Protocol");
static SYSCTL_NODE(_net_inet6_ilnp6, OID_AUTO, stats,
    CTLFLAG_RD | CTLFLAG_MPSAFE, 0, "Counters");

static int
sysctl_enable(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	int error, on = e->e_cache != NULL;

	error = sysctl_handle_int(oidp, &on, 0, req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	if (on != 0 && on != 1)
		return (EINVAL);
	sx_xlock(&e->e_sx);
	if (on != 0)
		error = ilnp_edge_enable(e);
	else
		ilnp_edge_disable(e);
	sx_xunlock(&e->e_sx);
	return (error);
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, enable, CTLTYPE_INT | VNET_RW, NULL, 0,
    sysctl_enable, "I",
    "1: speak ILNP; 0: end all sessions and be an IPv6 node");

SYSCTL_BOOL(_net_inet6_ilnp6, OID_AUTO, hooked, CTLFLAG_RD,
    SYSCTL_NULL_BOOL_PTR, ILNP_HOOKED,
    "1: part of this kernel; 0: a module in reduced mode, see ilnp(4)");

/* arg1 would be taken for an address in the VNET; the name tells the knob. */
static int
sysctl_knob(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	uint32_t *place, value;
	int error;

	place = (uint32_t *)(void *)((uint8_t *)&e->e_conf + arg2);
	value = ilnp_load_32(place);
	error = sysctl_handle_32(oidp, &value, 0, req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	if (value > ilnp_edge_most(e, (size_t)arg2))
		return (EPERM);
	sx_xlock(&e->e_sx);
	error = ilnp_conf_set(&e->e_conf, oidp->oid_name, value);
	if (error == 0 && e->e_cache != NULL)
		error = ilnp_conf_set(ilnp_ilcc_conf(e->e_cache),
		    oidp->oid_name, value);
	sx_xunlock(&e->e_sx);
	return (error);
}

#define	X(name, def, lo, hi, unit, text)				\
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, name, CTLTYPE_U32 | VNET_RW,	\
    NULL, offsetof(struct ilnp_conf, name), sysctl_knob, "IU",		\
    text " [" #lo " to " #hi " " unit "]");
ILNP_KNOBS(X)
#undef X

static int
sysctl_counter(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	struct epoch_tracker et;
	struct ilnp_ilcc *c;
	uint64_t value = 0;

	NET_EPOCH_ENTER(et);
	c = ilnp_load_ptr(&e->e_cache);
	if (c != NULL)
		value = counter_u64_fetch((counter_u64_t)(void *)
		    ((uint8_t *)ilnp_ilcc_stats(c) + arg2));
	NET_EPOCH_EXIT(et);
	return (sysctl_handle_64(oidp, &value, 0, req));
}

#define	X(name, text)							\
SYSCTL_PROC(_net_inet6_ilnp6_stats, OID_AUTO, name, CTLTYPE_U64 | VNET_RD, \
    NULL, offsetof(struct ilnp_stats, name), sysctl_counter, "QU", text);
ILNP_STATS(X)
#undef X

/* Reads a new string value into `buf'.  Returns 0 or an errno. */
static int
read_string(struct sysctl_req *req, char *buf, size_t size)
{
	size_t len = req->newlen - req->newidx;
	int error;

	if (len >= size)
		return (EINVAL);
	error = SYSCTL_IN(req, buf, len);
	buf[len] = '\0';
	return (error);
}

static int
sysctl_algorithm(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	const struct ilnp_sel_alg *alg = ilnp_load_ptr(&e->e_alg);
	char name[32];
	int error;

	/* Memory of programs is touched with no lock held. */
	error = SYSCTL_OUT(req, alg->sa_name, strlen(alg->sa_name) + 1);
	if (error != 0 || req->newptr == NULL)
		return (error);
	error = read_string(req, name, sizeof(name));
	if (error != 0)
		return (error);
	alg = ilnp_sel_lookup(name);
	if (alg == NULL)
		return (ENOENT);
	sx_xlock(&e->e_sx);
	ilnp_store_ptr(&e->e_alg, alg);
	if (e->e_cache != NULL)
		error = ilnp_ilcc_algorithm(e->e_cache, name);
	sx_xunlock(&e->e_sx);
	return (error);
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, algorithm, CTLTYPE_STRING | VNET_RW,
    NULL, 0, sysctl_algorithm, "A", "How new sessions choose among paths");

/*
 * Tells a list that stands in `buf', and has another taken in its place, for
 * which the room is used again.  Lets the lock go while memory of the program
 * is touched: that may wait for a disk, or for whoever made it so.
 */
static int
tell_and_take(struct sysctl_req *req, struct ilnp_edge *e, struct sbuf *sb,
    char *buf, size_t size, int (*take)(struct ilnp_edge *, char *))
{
	int error;

	sx_assert(&e->e_sx, SA_XLOCKED);
	(void)sbuf_finish(sb);
	sx_xunlock(&e->e_sx);
	error = SYSCTL_OUT(req, sbuf_data(sb), sbuf_len(sb) + 1);
	sbuf_delete(sb);
	if (error == 0 && req->newptr != NULL)
		error = read_string(req, buf, size);
	sx_xlock(&e->e_sx);
	return (error != 0 || req->newptr == NULL ? error : take(e, buf));
}

static int
sysctl_nids(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	char buf[ILNP_NIDS_MAX * ILNP_TEXT_MAX + 1];
	struct sbuf sb;
	int error;

	sx_xlock(&e->e_sx);
	sbuf_new(&sb, buf, sizeof(buf), SBUF_FIXEDLEN);
	for (uint32_t i = 0; i < e->e_nnids; i++) {
		char text[ILNP_TEXT_MAX];

		ilnp_text_nid(e->e_nid[i], text);
		sbuf_printf(&sb, "%s%s", i == 0 ? "" : " ", text);
	}
	error = tell_and_take(req, e, &sb, buf, sizeof(buf), ilnp_ctl_nids);
	sx_xunlock(&e->e_sx);
	return (error);
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, nids, CTLTYPE_STRING | VNET_RW, NULL,
    0, sysctl_nids, "A", "Our NIDs; those not listed any more are given up");

static int
sysctl_disabled(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	char buf[ILNP_IDLE_MAX * IFNAMSIZ + 1];
	struct sbuf sb;
	int error;

	sx_xlock(&e->e_sx);
	sbuf_new(&sb, buf, sizeof(buf), SBUF_FIXEDLEN);
	for (uint32_t i = 0; i < e->e_nidle; i++)
		sbuf_printf(&sb, "%s%s", i == 0 ? "" : " ", e->e_idle[i]);
	error = tell_and_take(req, e, &sb, buf, sizeof(buf), ilnp_ctl_disabled);
	sx_xunlock(&e->e_sx);
	return (error);
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, disabled, CTLTYPE_STRING | VNET_RW,
    NULL, 0, sysctl_disabled, "A", "Interfaces whose locators are not used");

static int
sysctl_preferences(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	char buf[ILNP_RANKS_MAX * (IFNAMSIZ + sizeof(",65535,65535")) + 1];
	struct sbuf sb;
	int error;

	sx_xlock(&e->e_sx);
	sbuf_new(&sb, buf, sizeof(buf), SBUF_FIXEDLEN);
	for (uint32_t i = 0; i < e->e_nranks; i++) {
		const struct ilnp_rank *r = &e->e_rank[i];

		sbuf_printf(&sb, "%s%s,%u,%u", i == 0 ? "" : " ", r->r_name,
		    r->r_pref, r->r_weight);
	}
	error = tell_and_take(req, e, &sb, buf, sizeof(buf),
	    ilnp_ctl_preferences);
	sx_xunlock(&e->e_sx);
	return (error);
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, preferences, CTLTYPE_STRING | VNET_RW,
    NULL, 0, sysctl_preferences, "A",
    "\"INTERFACE,preference[,weight] ...\": of its locators, else 10 and 1");

static int
sysctl_teach(SYSCTL_HANDLER_ARGS)
{
	char buf[ILNP_LOCS_MAX * 48 + ILNP_TEXT_MAX];
	int error;

	if (req->newptr == NULL)
		return (EINVAL);
	error = read_string(req, buf, sizeof(buf));
	return (error != 0 ? error : ilnp_ctl_teach(&V_ilnp_edge, buf));
}
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, teach,
    CTLTYPE_STRING | CTLFLAG_VNET | CTLFLAG_WR | CTLFLAG_MPSAFE, NULL, 0,
    sysctl_teach, "A", "Write \"NID L64[,preference[,seconds]] ...\" to tell of "
    "a correspondent; without locators it is forgotten");

static void (*const listings[])(struct ilnp_edge *, struct sbuf *) = {
	ilnp_ctl_sessions, ilnp_ctl_locators, ilnp_ctl_hints
};
#define	SESSIONS	0

static int
sysctl_list(SYSCTL_HANDLER_ARGS)
{
	struct ilnp_edge *e = &V_ilnp_edge;
	struct sbuf *sb;
	int error;

	/* A jail that shares our network stack is not to see its peers. */
	if (jailed_without_vnet(req->td->td_ucred))
		return (EPERM);
	/* They are several users': who must not see others' sees none. */
	if (arg2 == SESSIONS && cr_bsd_visible(req->td->td_ucred,
	    thread0.td_ucred) != 0)
		return (EPERM);
	sb = sbuf_new_for_sysctl(NULL, NULL, 256, req);
	/* No lock: anybody reads, as slowly and as often as he likes. */
	if (ilnp_load_ptr(&e->e_cache) != NULL)
		listings[arg2](e, sb);
	error = sbuf_finish(sb);
	sbuf_delete(sb);
	return (error);
}

#define	LISTING(name, i, text)						\
SYSCTL_PROC(_net_inet6_ilnp6, OID_AUTO, name, CTLTYPE_STRING | VNET_RD,	\
    NULL, i, sysctl_list, "A", text)

LISTING(sessions, SESSIONS, "Correspondents with their locators and paths");
LISTING(locators, 1, "Our locators with their routers");
LISTING(hints, 2, "Correspondents that we were told of");
