/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Tells userland what happens, by devctl(4): a DNS updater follows our
 * locators, an operator the paths.  The core tells us with its locks held, so
 * events wait in a short queue for a task; where there are too many, locators
 * come first, and what is lost is counted.  Only the host's own network stack
 * speaks: devctl(4) knows no others.
 */
#include "ilnp_edge.h"

#include <sys/devctl.h>

/* Places of the queue that only events of locators may take. */
#define	RESERVED	8

/* What events are called, and the name of what e_pair holds in them. */
static const struct {
	const char	*subsystem;	/* NULL: not told */
	const char	*type;
} names[] = {
	[ILNP_EV_FALLBACK] = { "SESSION", "FALLBACK" },
	[ILNP_EV_REKEYED] = { "SESSION", "REKEYED" },
	[ILNP_EV_LU_FAILED] = { "SESSION", "UNHEARD" },
	[ILNP_EV_PATH_UP] = { "PATH", "UP" },
	[ILNP_EV_PATH_DOWN] = { "PATH", "DOWN" },
	[ILNP_EV_LOC_ADD] = { "LOCATOR", "ADD" },
	[ILNP_EV_LOC_DEL] = { "LOCATOR", "DEL" },
	[ILNP_EV_CHOICE_LOST] = { "CHOICE", "LOST" },
	[ILNP_EV_CHOICE_BACK] = { "CHOICE", "BACK" }
};

static bool
is_locator(const struct ilnp_event *ev)
{
	return (ev->e_kind == ILNP_EV_LOC_ADD || ev->e_kind == ILNP_EV_LOC_DEL);
}

void
ilnp_event_post(void *arg, const struct ilnp_event *ev)
{
	struct ilnp_edge *e = arg;
	struct ilnp_events *q = &e->e_events;

	if (ev->e_kind >= nitems(names) ||
	    names[ev->e_kind].subsystem == NULL || !ilnp_edge_is_host(e))
		return;
	mtx_lock(&q->q_lock);
	if (q->q_n < nitems(q->q_event) - (is_locator(ev) ? 0 : RESERVED))
		q->q_event[q->q_n++] = *ev;
	else
		q->q_lost++;
	mtx_unlock(&q->q_lock);
	(void)taskqueue_enqueue(ilnp_tasks, &e->e_notify);
}

static void
tell(const struct ilnp_event *ev)
{
	char from[ILNP_TEXT_MAX], to[ILNP_TEXT_MAX];
	char local[ILNP_TEXT_MAX], remote[ILNP_TEXT_MAX];
	char text[160];

	ilnp_text_l64(ev->e_pair.local, from);
	ilnp_text_l64(ev->e_pair.remote, to);
	ilnp_text_nid(ev->e_nids.local, local);
	ilnp_text_nid(ev->e_nids.remote, remote);
	if (is_locator(ev))
		(void)snprintf(text, sizeof(text), "locator=%s", from);
	else if (ev->e_pair.local.l64 == 0 && ev->e_pair.remote.l64 == 0)
		(void)snprintf(text, sizeof(text), "local=%s remote=%s", local,
		    remote);
	else
		(void)snprintf(text, sizeof(text),
		    "local=%s remote=%s from=%s to=%s", local, remote, from,
		    to);
	devctl_notify("ILNP", names[ev->e_kind].subsystem,
	    names[ev->e_kind].type, text);
}

static void
notify_task(void *arg, int pending __unused)
{
	struct ilnp_edge *e = arg;
	struct ilnp_events *q = &e->e_events;
	struct ilnp_event first;
	uint32_t lost;

	for (;;) {
		mtx_lock(&q->q_lock);
		lost = q->q_lost;
		q->q_lost = 0;
		if (q->q_n == 0) {
			mtx_unlock(&q->q_lock);
			break;
		}
		first = q->q_event[0];
		memmove(&q->q_event[0], &q->q_event[1],
		    --q->q_n * sizeof(first));
		mtx_unlock(&q->q_lock);
		if (lost != 0) {
			char text[24];

			(void)snprintf(text, sizeof(text), "count=%u", lost);
			devctl_notify("ILNP", "EVENT", "LOST", text);
		}
		tell(&first);
	}
}

void
ilnp_event_init(struct ilnp_edge *e)
{
	mtx_init(&e->e_events.q_lock, "ilnp events", NULL, MTX_DEF);
	TASK_INIT(&e->e_notify, 0, notify_task, e);
}

void
ilnp_event_fini(struct ilnp_edge *e)
{
	taskqueue_drain(ilnp_tasks, &e->e_notify);
	mtx_destroy(&e->e_events.q_lock);
}
