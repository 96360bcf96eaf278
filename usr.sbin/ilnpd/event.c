/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Turns events into JSON objects and log lines; a path that works wakes what
 * waits for one.  Called with the core's locks
 * held, so it asks the core nothing.
 */
#include <jansson.h>
#include <time.h>

#include "ctl.h"
#include "event.h"
#include "held.h"
#include "locator.h"
#include "log.h"
#include "notation.h"
#include "sockapi.h"

#define	REASONS_MAX	128

/* The latest correspondents that were found to be plain IPv6. */
static struct reason {
	struct ilnp_nid	re_nid;
	const char	*re_text;
} reasons[REASONS_MAX];
static u_int next_reason;
static uint64_t silent_before;

static double
wall_time(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

/* The core counts before it tells: which of the two has grown? */
static const char *
note_reason(struct node *n, struct ilnp_nid nid)
{
	uint64_t silent = ilnp_ilcc_stats(n->n_ilcc)->fallback_silent;
	struct reason *re = &reasons[next_reason++ % REASONS_MAX];

	re->re_nid = nid;
	re->re_text = silent != silent_before ? "silent" :
	    "parameter_problem";
	silent_before = silent;
	return (re->re_text);
}

const char *
event_fallback_reason(struct ilnp_nid nid)
{
	for (u_int i = 1; i <= REASONS_MAX; i++) {
		const struct reason *re =
		    &reasons[(next_reason - i) % REASONS_MAX];

		if (re->re_text != NULL && ilnp_nid_eq(re->re_nid, nid))
			return (re->re_text);
	}
	return (NULL);
}

static void
put_l64(json_t *o, const char *key, struct ilnp_l64 l64)
{
	char buf[NOTATION_LEN];

	if (l64.l64 != 0)
		(void)json_object_set_new(o, key,
		    json_string(notation_put_l64(buf, l64)));
}

static void
put_nid(json_t *o, const char *key, struct ilnp_nid nid)
{
	char buf[NOTATION_LEN];

	if (nid.nid != 0)
		(void)json_object_set_new(o, key,
		    json_string(notation_put_nid(buf, nid)));
}

void
event_core(void *arg, const struct ilnp_event *e)
{
	static struct log_rate rate;
	struct node *n = arg;
	const char *reason = NULL;
	char nid[NOTATION_LEN];
	bool subscribed = n->n_ctl != NULL && ctl_has_subscribers(n->n_ctl);
	json_t *o;

	if (e->e_kind == ILNP_EV_PATH_UP)
		held_wake(n->n_held, &e->e_nids);
	if (e->e_kind == ILNP_EV_FALLBACK) {
		reason = note_reason(n, e->e_nids.remote);
		if (log_allowed(&rate, e->e_time))
			log_warn("%s: taken for plain IPv6 (%s)",
			    notation_put_nid(nid, e->e_nids.remote), reason);
	}
	if (!subscribed && !sockapi_has_clients(n))
		return;
	o = json_pack("{s:s, s:f, s:I}", "event", ilnp_event_name(e->e_kind),
	    "time", wall_time(), "clock_us", (json_int_t)e->e_time);
	if (o == NULL)
		return;
	put_nid(o, "local_nid", e->e_nids.local);
	put_nid(o, "remote_nid", e->e_nids.remote);
	put_l64(o, "local_l64", e->e_pair.local);
	put_l64(o, "remote_l64", e->e_pair.remote);
	if (e->e_count != 0)
		(void)json_object_set_new(o, "count",
		    json_integer(e->e_count));
	if (reason != NULL)
		(void)json_object_set_new(o, "reason", json_string(reason));
	sockapi_event(n, &e->e_nids, o);
	if (subscribed)
		ctl_publish(n->n_ctl, o);
	else
		json_decref(o);
}

void
event_locator(struct node *n, enum ilnp_event_kind kind,
    const struct locator *lc, ilnp_time_t now)
{
	char l64[NOTATION_LEN];
	json_t *o;

	log_info("%s: locator %s %s", lc->lc_if->if_conf->ci_name,
	    notation_put_l64(l64, lc->lc_l64), kind == ILNP_EV_LOC_ADD ?
	    "in use" : kind == ILNP_EV_LOC_DEL ? "given up" : "quiet");
	if (n->n_ctl == NULL || !ctl_has_subscribers(n->n_ctl))
		return;
	o = json_pack("{s:s, s:f, s:I, s:s, s:s}", "event",
	    ilnp_event_name(kind), "time", wall_time(), "clock_us",
	    (json_int_t)now, "local_l64", l64, "interface",
	    lc->lc_if->if_conf->ci_name);
	if (o != NULL)
		ctl_publish(n->n_ctl, o);
}
