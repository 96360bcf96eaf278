/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Turns state into JSON objects.
 */
#include <arpa/inet.h>
#include <unistd.h>

#include "event.h"
#include "hosts.h"
#include "ilnp.h"
#include "ilnp_cand.h"
#include "locator.h"
#include "names.h"
#include "notation.h"
#include "show.h"

static json_t *
nid_text(struct ilnp_nid nid)
{
	char buf[NOTATION_LEN];

	return (json_string(notation_put_nid(buf, nid)));
}

static json_t *
l64_text(struct ilnp_l64 l64)
{
	char buf[NOTATION_LEN];

	return (json_string(notation_put_l64(buf, l64)));
}

static json_t *
identity_text(struct ilnp_nid nid)
{
	struct ilnp_ilv ilv = { tun_identity(), nid };
	struct in6_addr a = notation_to_in6(ilv);
	char buf[INET6_ADDRSTRLEN];

	return (json_string(inet_ntop(AF_INET6, &a, buf, sizeof(buf))));
}

static json_t *
seconds_since(ilnp_time_t then)
{
	if (then == 0)
		return (json_null());
	return (json_real((double)(ilnp_env_now() - then) / 1e6));
}

static json_t *
core_state(struct node *n, struct ilnp_l64 l64)
{
	static const char *const names[] = {
		[ILNP_LOC_VALID] = "valid",
		[ILNP_LOC_ACTIVE] = "active",
		[ILNP_LOC_EXPIRED] = "expired",
		[ILNP_LOC_AGED] = "aged",
	};
	struct ilnp_locset set;
	struct ilnp_loc *l;

	ilnp_local_list(node_local(n), &set);
	l = ilnp_locset_find(&set, l64);
	return (l == NULL ? json_null() : json_string(names[l->l_state]));
}

json_t *
show_locators(struct node *n)
{
	json_t *list = json_array();
	const struct locator *lc;
	char via[INET6_ADDRSTRLEN];

	for (u_int i = 0; (lc = locators_at(n, i)) != NULL; i++) {
		json_t *o = json_pack("{s:o, s:s, s:s, s:o, s:i, s:i, s:b}",
		    "l64", l64_text(lc->lc_l64),
		    "interface", lc->lc_if->if_conf->ci_name,
		    "state", locators_state_name(lc->lc_state),
		    "core", core_state(n, lc->lc_l64),
		    "preference", (int)lc->lc_if->if_conf->ci_pref,
		    "weight", (int)lc->lc_if->if_conf->ci_weight,
		    "deprecated", (int)lc->lc_deprecated);

		(void)json_object_set_new(o, "router", lc->lc_hasrouter ?
		    json_string(inet_ntop(AF_INET6, &lc->lc_router, via,
		    sizeof(via))) : json_null());
		(void)json_object_set_new(o, "lifetime", lc->lc_until == 0 ?
		    json_null() : json_integer((json_int_t)
		    (lc->lc_until > ilnp_env_now() ?
		    (lc->lc_until - ilnp_env_now()) / ILNP_SEC(1) : 0)));
		(void)json_array_append_new(list, o);
	}
	return (list);
}

static json_t *
show_interfaces(const struct node *n)
{
	json_t *list = json_array();

	for (u_int i = 0; i < n->n_nifs; i++) {
		const struct iface *ifc = &n->n_if[i];

		(void)json_array_append_new(list, json_pack(
		    "{s:s, s:i, s:b, s:b, s:i, s:i, s:i, s:I}",
		    "name", ifc->if_conf->ci_name,
		    "index", (int)ifc->if_index,
		    "running", (int)ifc->if_running,
		    "disabled", (int)ifc->if_disabled,
		    "mtu", (int)ifc->if_mtu,
		    "preference", (int)ifc->if_conf->ci_pref,
		    "weight", (int)ifc->if_conf->ci_weight,
		    "send_lost", (json_int_t)ifc->if_port.po_lost));
	}
	return (list);
}

/* Those that are plain IPv6, and why. */
static json_t *
show_plain(struct node *n)
{
	json_t *list = json_array();
	struct ilnp_sessinfo si;
	u_int cursor = 0;

	while (json_array_size(list) < 1000 &&
	    ilnp_ilcc_list(n->n_ilcc, &cursor, &si)) {
		const char *why;
		json_t *o;

		if (si.si_state != ILNP_SESS_IPV6)
			continue;
		why = event_fallback_reason(si.si_nids.remote);
		o = json_pack("{s:o, s:I, s:s}",
		    "nid", nid_text(si.si_nids.remote),
		    "session", (json_int_t)si.si_id,
		    "reason", why != NULL ? why : "unknown");
		(void)json_array_append_new(list, o);
	}
	return (list);
}

json_t *
show_status(struct node *n)
{
	json_t *nids = json_array(), *identities = json_array();

	for (u_int i = 0; i < n->n_nnids; i++) {
		(void)json_array_append_new(nids, nid_text(n->n_nid[i]));
		(void)json_array_append_new(identities,
		    identity_text(n->n_nid[i]));
	}
	return (json_pack("{s:b, s:s, s:i, s:s, s:i, s:f, s:o, s:o, s:s, s:i, "
	    "s:o, s:o, s:o, s:{s:s, s:i, s:b}}",
	    "ok", 1,
	    "version", ILNPD_VERSION,
	    "api", ILNP_API_VERSION,
	    "name", n->n_conf.c_name,
	    "pid", (int)getpid(),
	    "uptime", (double)(ilnp_env_now() - n->n_started) / 1e6,
	    "nids", nids,
	    "identities", identities,
	    "algorithm", ilnp_ilcc_algorithm_name(n->n_ilcc),
	    "sessions", (int)ilnp_ilcc_count(n->n_ilcc),
	    "locators", show_locators(n),
	    "interfaces", show_interfaces(n),
	    "plain", show_plain(n),
	    "tun", "name", n->n_tun.tu_name,
	    "mtu", (int)n->n_tun.tu_mtu,
	    "offload", (int)n->n_conf.c_offload));
}

json_t *
show_counters(struct node *n)
{
	const struct ilnp_stats *st = ilnp_ilcc_stats(n->n_ilcc);
	json_t *o = json_object();

	n->n_stats.node_out_lost = 0;
	for (u_int i = 0; i < n->n_nifs; i++)
		n->n_stats.node_out_lost += n->n_if[i].if_port.po_lost;
	n->n_stats.node_in_overrun = intake_overruns(&n->n_intake);
#define	X(name, text)							\
	(void)json_object_set_new(o, #name,				\
	    json_integer((json_int_t)__atomic_load_n(&st->name, __ATOMIC_RELAXED)));
	ILNP_STATS(X)
#undef X
#define	X(name, text)							\
	(void)json_object_set_new(o, #name,				\
	    json_integer((json_int_t)n->n_stats.name));
	ILNPD_STATS(X)
#undef X
	return (o);
}

json_t *
show_knobs(struct node *n)
{
	const struct ilnp_conf *conf = ilnp_ilcc_conf(n->n_ilcc);
	json_t *o = json_object();

#define	X(name, def, lo, hi, unit, text)				\
	(void)json_object_set_new(o, #name, json_pack(			\
	    "{s:I, s:I, s:I, s:I, s:s, s:s}",				\
	    "value", (json_int_t)conf->name, "default", (json_int_t)def,	\
	    "min", (json_int_t)lo, "max", (json_int_t)hi, "unit", unit,	\
	    "text", text));
	ILNP_KNOBS(X)
#undef X
	return (o);
}

static json_t *
show_host(struct ilnp_nid nid, const char *name, bool taught,
    const struct ilnp_lurec *rec, u_int n)
{
	json_t *recs = json_array();

	for (u_int r = 0; r < n; r++)
		(void)json_array_append_new(recs, json_pack("{s:o, s:I, s:I}",
		    "l64", l64_text(rec[r].lr_l64),
		    "preference", (json_int_t)rec[r].lr_pref,
		    "lifetime", (json_int_t)rec[r].lr_life));
	return (json_pack("{s:s, s:o, s:o, s:b, s:o}",
	    "name", name,
	    "nid", nid_text(nid),
	    "identity", identity_text(nid),
	    "taught", (int)taught,
	    "locators", recs));
}

json_t *
show_hosts(struct node *n)
{
	json_t *list = json_array(), *o;
	const struct host *ho;
	struct ilnp_cand ca;

	for (u_int i = 0; i < 1000 &&
	    (ho = hosts_at(n->n_hosts, i)) != NULL; i++)
		(void)json_array_append_new(list, show_host(ho->ho_nid,
		    ho->ho_name, ho->ho_taught, ho->ho_rec, ho->ho_n));
	for (u_int i = 0; names_candidate(n, &i, &ca);) {
		o = show_host(ca.ca_nid, ca.ca_name, false, ca.ca_rec,
		    ca.ca_n);
		(void)json_object_set_new(o, "uid",
		    json_integer((json_int_t)ca.ca_owner));
		(void)json_object_set_new(o, "in_use",
		    json_boolean(ca.ca_open));
		(void)json_object_set_new(o, "expired",
		    json_boolean(ilnp_cand_over(&ca, ilnp_env_now())));
		(void)json_array_append_new(list, o);
	}
	return (list);
}

static const char *
path_state(uint8_t state)
{
	static const char *const names[] = {
		[ILNP_PATH_NEW] = "new",
		[ILNP_PATH_UP] = "up",
		[ILNP_PATH_SUSPECT] = "suspect",
		[ILNP_PATH_DOWN] = "down",
	};

	return (names[state]);
}

json_t *
show_paths(const struct ilnp_sessinfo *si)
{
	json_t *list = json_array();
	char name[IF_NAMESIZE];

	for (u_int i = 0; i < si->si_npaths; i++) {
		const struct ilnp_path *p = &si->si_path[i];

		(void)json_array_append_new(list, json_pack(
		    "{s:I, s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, "
		    "s:I, s:I, s:I}",
		    "session", (json_int_t)si->si_id,
		    "remote_nid", nid_text(si->si_nids.remote),
		    "local_l64", l64_text(p->p_pair.local),
		    "remote_l64", l64_text(p->p_pair.remote),
		    "interface", if_indextoname(p->p_if, name) != NULL ? name :
		    "",
		    "state", path_state(p->p_state),
		    "srtt_us", (json_int_t)p->p_srtt,
		    "mtu", (json_int_t)p->p_mtu,
		    "rank", (json_int_t)p->p_rank,
		    "weight", (json_int_t)p->p_weight,
		    "tx_packets", (json_int_t)p->p_txpkts,
		    "tx_bytes", (json_int_t)p->p_txbytes,
		    "rx_packets", (json_int_t)p->p_rxpkts,
		    "rx_bytes", (json_int_t)p->p_rxbytes));
	}
	return (list);
}

static json_t *
show_remote(const struct ilnp_locset *ls)
{
	static const char *const names[] = {
		[ILNP_LOC_VALID] = "valid",
		[ILNP_LOC_ACTIVE] = "active",
		[ILNP_LOC_EXPIRED] = "expired",
		[ILNP_LOC_AGED] = "aged",
	};
	json_t *list = json_array();

	for (u_int i = 0; i < ls->ls_n; i++) {
		const struct ilnp_loc *l = &ls->ls_loc[i];

		(void)json_array_append_new(list, json_pack(
		    "{s:o, s:s, s:i, s:b, s:b}",
		    "l64", l64_text(l->l_l64), "state", names[l->l_state],
		    "preference", (int)l->l_pref,
		    "withdrawn", (l->l_flags & ILNP_LOC_F_WITHDRAWN) != 0,
		    "learnt", (l->l_flags & ILNP_LOC_F_LEARNT) != 0));
	}
	return (list);
}

json_t *
show_session(const struct ilnp_sessinfo *si, const struct node *n)
{
	static const char *const states[] = {
		[ILNP_SESS_TRYING] = "trying",
		[ILNP_SESS_OPEN] = "open",
		[ILNP_SESS_IPV6] = "ipv6",
	};
	static const char *const kinds[] = {
		[ILNP_CKSUM_UNKNOWN] = "unknown",
		[ILNP_CKSUM_RFC] = "rfc",
		[ILNP_CKSUM_IPV6] = "ipv6",
	};
	const struct host *ho = hosts_find(n->n_hosts, si->si_nids.remote);
	struct ilnp_cand ca;
	const char *name = ho != NULL ? ho->ho_name : names_candidate_of(n,
	    si->si_nids.remote, &ca) && ca.ca_open ? ca.ca_name : "";
	const char *why = si->si_state != ILNP_SESS_IPV6 ? NULL :
	    event_fallback_reason(si->si_nids.remote);

	return (json_pack("{s:I, s:o, s:o, s:s*, s:s, s:s*, s:b, s:b, s:b, "
	    "s:s, s:s*, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}",
	    "id", (json_int_t)si->si_id,
	    "local_nid", nid_text(si->si_nids.local),
	    "remote_nid", nid_text(si->si_nids.remote),
	    "name", name[0] != '\0' ? name : NULL,
	    "state", states[si->si_state],
	    "reason", why,
	    "initiator", (int)si->si_initiator,
	    "confirmed", (int)si->si_confirmed,
	    "lu_pending", (int)si->si_lu_pending,
	    "cksum", kinds[si->si_cksum],
	    "algorithm", si->si_algorithm,
	    "tx_packets", (json_int_t)si->si_txpkts,
	    "rx_packets", (json_int_t)si->si_rxpkts,
	    "tx_bytes", (json_int_t)si->si_txbytes,
	    "rx_bytes", (json_int_t)si->si_rxbytes,
	    "age", seconds_since(si->si_created),
	    "idle", seconds_since(si->si_lastrx),
	    "locators", show_remote(&si->si_remote),
	    "paths", show_paths(si)));
}
