/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Reads a command, checks its fields, answers with "ok" or with "error" and
 * what is allowed.
 */
#include <string.h>

#include "cmd.h"
#include "ctl.h"
#include "edge.h"
#include "hosts.h"
#include "iface.h"
#include "ilnp_addr.h"
#include "locator.h"
#include "notation.h"
#include "show.h"

#define	PAGE_DEFAULT	1000
#define	PAGE_MAX	10000

static json_t *
answer_ok(void)
{
	return (json_pack("{s:b}", "ok", 1));
}

static json_t *
answer_with(const char *key, json_t *value)
{
	json_t *o = answer_ok();

	(void)json_object_set_new(o, key, value);
	return (o);
}

static json_t *
refuse(const char *error, const char *allowed)
{
	return (json_pack("{s:b, s:s, s:s*}", "ok", 0, "error", error,
	    "allowed", allowed));
}

/* A field that must be a string; NULL if it is not. */
static const char *
text_of(const json_t *req, const char *key)
{
	return (json_string_value(json_object_get(req, key)));
}

static json_t *
cmd_status(struct node *n, struct ctl_client *cc, const json_t *req)
{
	(void)cc;
	(void)req;
	return (show_status(n));
}

static json_t *
cmd_locators(struct node *n, struct ctl_client *cc, const json_t *req)
{
	(void)cc;
	(void)req;
	return (answer_with("locators", show_locators(n)));
}

static json_t *
cmd_counters(struct node *n, struct ctl_client *cc, const json_t *req)
{
	(void)cc;
	(void)req;
	return (answer_with("counters", show_counters(n)));
}

static json_t *
cmd_knobs(struct node *n, struct ctl_client *cc, const json_t *req)
{
	(void)cc;
	(void)req;
	return (answer_with("knobs", show_knobs(n)));
}

static json_t *
cmd_hosts(struct node *n, struct ctl_client *cc, const json_t *req)
{
	(void)cc;
	(void)req;
	return (answer_with("hosts", show_hosts(n)));
}

/* Sessions or paths, a page at a time: "from" and "max", then "next". */
static json_t *
list_sessions(struct node *n, const json_t *req, bool paths)
{
	json_int_t from = json_integer_value(json_object_get(req, "from"));
	json_int_t max = json_integer_value(json_object_get(req, "max"));
	json_t *list = json_array(), *o;
	struct ilnp_sessinfo si;
	bool more = true;
	u_int cursor;

	if (max <= 0)
		max = PAGE_DEFAULT;
	if (max > PAGE_MAX)
		max = PAGE_MAX;
	cursor = from < 0 || from > UINT32_MAX ? 0 : (u_int)from;
	while (max-- > 0 && (more = ilnp_ilcc_list(n->n_ilcc, &cursor, &si))) {
		if (paths) {
			json_t *some = show_paths(&si);

			(void)json_array_extend(list, some);
			json_decref(some);
		} else
			(void)json_array_append_new(list,
			    show_session(&si, n));
	}
	o = answer_with(paths ? "paths" : "sessions", list);
	(void)json_object_set_new(o, "next", more &&
	    cursor < ilnp_ilcc_count(n->n_ilcc) ? json_integer(cursor) :
	    json_null());
	return (o);
}

static json_t *
cmd_sessions(struct node *n, struct ctl_client *cc, const json_t *req)
{
	(void)cc;
	return (list_sessions(n, req, false));
}

static json_t *
cmd_paths(struct node *n, struct ctl_client *cc, const json_t *req)
{
	(void)cc;
	return (list_sessions(n, req, true));
}

static json_t *
cmd_set(struct node *n, struct ctl_client *cc, const json_t *req)
{
	const json_t *value = json_object_get(req, "value");
	const char *name = text_of(req, "name");
	struct ilnp_conf *conf = ilnp_ilcc_conf(n->n_ilcc);

	(void)cc;
	if (name == NULL || conf_knob_range(name)[0] == '\0')
		return (refuse("no such knob", "those that \"knobs\" lists"));
	if (strcmp(name, "sess_max") == 0 || strcmp(name, "half_max") == 0)
		return (refuse("fixed when the node starts",
		    "a value in the configuration file"));
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    ilnp_conf_set(conf, name,
	    (uint64_t)json_integer_value(value)) != 0)
		return (refuse("bad value", conf_knob_range(name)));
	/* Some of them change what comes in and how much goes out. */
	n->n_refilter = n->n_review = true;
	n->n_tick = ilnp_env_now();
	return (answer_ok());
}

/* The session that a request names, or NULL. */
static struct ilnp_sess *
session_of(struct node *n, const json_t *req)
{
	const json_t *id = json_object_get(req, "session");

	return (json_is_integer(id) ? ilnp_ilcc_byid(n->n_ilcc,
	    (uint64_t)json_integer_value(id)) : NULL);
}

static json_t *
cmd_algorithm(struct node *n, struct ctl_client *cc, const json_t *req)
{
	const char *name = text_of(req, "name");
	struct ilnp_sess *s;
	int error;

	(void)cc;
	if (name == NULL)
		return (answer_with("algorithm",
		    json_string(ilnp_ilcc_algorithm_name(n->n_ilcc))));
	if (json_object_get(req, "session") == NULL) {
		error = ilnp_ilcc_algorithm(n->n_ilcc, name);
	} else {
		s = session_of(n, req);
		if (s == NULL)
			return (refuse("no such session",
			    "an \"id\" that \"sessions\" lists"));
		error = ilnp_sess_algorithm(n->n_ilcc, s, name);
	}
	if (error != 0)
		return (refuse(error == ENOENT ? "no such algorithm" :
		    strerror(error), conf_algorithms()));
	return (answer_ok());
}

/* What may be used has changed without an event: all are told anew. */
static void
publish_locators(struct node *n)
{
	json_t *locs = show_locators(n), *o;
	size_t i;

	json_array_foreach(locs, i, o)
		ctl_publish(n->n_ctl, json_pack("{s:s, s:O}", "event",
		    "locator", "locator", o));
	json_decref(locs);
}

static json_t *
set_disabled(struct node *n, const json_t *req, bool disable)
{
	const char *name = text_of(req, "interface");
	struct iface *ifc = name == NULL ? NULL : iface_byname(n, name);
	char allowed[CONF_IFS_MAX * (IF_NAMESIZE + 2)] = "";

	if (ifc != NULL) {
		locators_disable(n, ifc, disable);
		publish_locators(n);
		return (answer_ok());
	}
	for (u_int i = 0; i < n->n_nifs; i++) {
		if (i > 0)
			(void)strcat(allowed, ", ");
		(void)strcat(allowed, n->n_if[i].if_conf->ci_name);
	}
	return (refuse("no such interface", allowed));
}

static json_t *
cmd_disable(struct node *n, struct ctl_client *cc, const json_t *req)
{
	(void)cc;
	return (set_disabled(n, req, true));
}

static json_t *
cmd_enable(struct node *n, struct ctl_client *cc, const json_t *req)
{
	(void)cc;
	return (set_disabled(n, req, false));
}

static json_t *
cmd_resolve(struct node *n, struct ctl_client *cc, const json_t *req)
{
	char error[HOSTS_ERROR_MAX];

	(void)cc;
	(void)req;
	if (!node_read_hosts(n, error))
		return (refuse(error, NULL));
	return (answer_ok());
}

/* Forgets that a correspondent is plain IPv6: one, by NID or session, or all. */
static json_t *
cmd_retry(struct node *n, struct ctl_client *cc, const json_t *req)
{
	const char *text = text_of(req, "nid");
	struct ilnp_sess *one = session_of(n, req);
	struct ilnp_sessinfo si;
	struct ilnp_nid nid = { 0 };
	json_int_t count = 0;
	u_int cursor = 0;

	(void)cc;
	if (text != NULL && !notation_nid(text, &nid))
		return (refuse("bad NID", "four groups of hexadecimal digits"));
	if (json_object_get(req, "session") != NULL && one == NULL)
		return (refuse("no such session",
		    "an \"id\" that \"sessions\" lists"));
	if (one != NULL) {
		ilnp_sess_retry(n->n_ilcc, one);
		return (answer_with("retried", json_integer(1)));
	}
	while (ilnp_ilcc_list(n->n_ilcc, &cursor, &si)) {
		struct ilnp_sess *s;

		if (si.si_state != ILNP_SESS_IPV6 ||
		    (text != NULL && !ilnp_nid_eq(si.si_nids.remote, nid)))
			continue;
		s = ilnp_ilcc_byid(n->n_ilcc, si.si_id);
		if (s == NULL)
			continue;
		ilnp_sess_retry(n->n_ilcc, s);
		count++;
	}
	return (answer_with("retried", json_integer(count)));
}

/* One of "locators": an L64 as text, or an object with preference, lifetime. */
static bool
read_locator(const json_t *value, struct ilnp_lurec *rec)
{
	const json_t *pref = json_object_get(value, "preference");
	const json_t *life = json_object_get(value, "lifetime");
	const char *l64 = json_is_string(value) ? json_string_value(value) :
	    text_of(value, "l64");
	json_int_t p = pref == NULL ? 10 : json_integer_value(pref);
	json_int_t t = life == NULL ? 0 : json_integer_value(life);

	if (l64 == NULL || !notation_l64(l64, &rec->lr_l64) ||
	    !ilnp_l64_usable(rec->lr_l64) || p < 0 || p > UINT16_MAX ||
	    t < 0 || t > UINT32_MAX)
		return (false);
	rec->lr_pref = (uint32_t)p;
	rec->lr_life = (uint32_t)t;
	return (true);
}

static json_t *
cmd_teach(struct node *n, struct ctl_client *cc, const json_t *req)
{
	const json_t *list = json_object_get(req, "locators");
	const char *text = text_of(req, "nid");
	struct ilnp_lurec rec[ILNP_LOCS_MAX];
	struct ilnp_nid nid;
	size_t count = json_array_size(list);

	(void)cc;
	if (text == NULL || !notation_nid(text, &nid) ||
	    !ilnp_nid_usable(nid))
		return (refuse("bad NID", "four groups of hexadecimal digits"));
	if (count == 0 || count > ILNP_LOCS_MAX)
		return (refuse("bad locators", "a list of 1 to 8"));
	for (size_t i = 0; i < count; i++)
		if (!read_locator(json_array_get(list, i), &rec[i]))
			return (refuse("bad locator", "an L64 of 2000::/3 or "
			    "fc00::/7, or {\"l64\", \"preference\" 0 to 65535, "
			    "\"lifetime\" in s}"));
	if (hosts_teach(n->n_hosts, nid, rec, (u_int)count) != 0)
		return (refuse("no room for more correspondents", NULL));
	node_refresh_sessions(n);
	return (answer_ok());
}

/* All there is, then all that happens. */
static json_t *
cmd_subscribe(struct node *n, struct ctl_client *cc, const json_t *req)
{
	json_t *locs = show_locators(n), *o;
	struct ilnp_sessinfo si;
	u_int cursor = 0;
	size_t i;

	(void)req;
	ctl_send(cc, answer_ok());
	json_array_foreach(locs, i, o)
		ctl_send(cc, json_pack("{s:s, s:O}", "event", "locator",
		    "locator", o));
	json_decref(locs);
	while (ilnp_ilcc_list(n->n_ilcc, &cursor, &si))
		ctl_send(cc, json_pack("{s:s, s:o}", "event", "session",
		    "session", show_session(&si, n)));
	ctl_subscribe(cc);
	return (json_pack("{s:s}", "event", "dump_end"));
}

static const struct command {
	const char	*name;
	json_t		*(*fn)(struct node *, struct ctl_client *,
			    const json_t *);
} commands[] = {
	{ "status", cmd_status },
	{ "sessions", cmd_sessions },
	{ "paths", cmd_paths },
	{ "locators", cmd_locators },
	{ "counters", cmd_counters },
	{ "knobs", cmd_knobs },
	{ "hosts", cmd_hosts },
	{ "set", cmd_set },
	{ "algorithm", cmd_algorithm },
	{ "disable", cmd_disable },
	{ "enable", cmd_enable },
	{ "resolve", cmd_resolve },
	{ "retry", cmd_retry },
	{ "teach", cmd_teach },
	{ "subscribe", cmd_subscribe },
};

#define	COMMANDS	"status, sessions, paths, locators, counters, knobs, " \
			"hosts, set, algorithm, disable, enable, resolve, " \
			"retry, teach, subscribe"

void
cmd_line(struct node *n, struct ctl_client *cc, const char *line, size_t len)
{
	json_error_t error;
	json_t *req = json_loadb(line, len, 0, &error), *answer = NULL;
	const char *name = text_of(req, "cmd");

	if (req == NULL)
		answer = refuse("not JSON", "one object per line");
	else if (name == NULL)
		answer = refuse("no \"cmd\"", COMMANDS);
	for (size_t i = 0; answer == NULL &&
	    i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		ilnp_env_epoch_begin();
		answer = commands[i].fn(n, cc, req);
		ilnp_env_epoch_end();
		if (answer == NULL)
			answer = refuse("out of memory", NULL);
	}
	if (answer == NULL)
		answer = refuse("no such command", COMMANDS);
	ctl_send(cc, answer);
	json_decref(req);
}
