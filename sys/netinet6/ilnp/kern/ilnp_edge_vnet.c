/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The life of a network stack's edge: made with the VNET, switched on and off
 * by the administrator, gone with the VNET.  And its timer, a task that waits.
 *
 * Switching off: first no packet finds the cache any more, then the flows let
 * go of their sessions, then all readers have left, then the cache goes.
 */
#include "ilnp_edge.h"

#include <sys/proc.h>
#include <sys/sched.h>

#include <machine/atomic.h>

#include "ilnp_edge_addr.h"
#include "ilnp_hooks.h"

FEATURE(ilnp6, "Identifier-Locator Network Protocol for IPv6");

SDT_PROVIDER_DEFINE(ilnp6);
SDT_PROBE_DEFINE3(ilnp6, , , in, "int", "struct mbuf *", "struct ilnp_in *");
SDT_PROBE_DEFINE3(ilnp6, , , out, "int", "struct mbuf *", "struct ilnp_out *");
SDT_PROBE_DEFINE1(ilnp6, , , count, "const char *");

int ilnp_active;

struct taskqueue *ilnp_tasks;

VNET_DEFINE(struct ilnp_edge, ilnp_edge);

#define	TICK_ROUNDS	16	/* full lists of actions sent in one go */

/* At most once a second.  Returns true if that is to be done again. */
static bool
look_at_names(struct ilnp_edge *e)
{
	uint32_t clock = ilnp_loc_clock(ilnp_now());

	if (clock == e->e_looked)
		return (true);
	ilnp_store_32(&e->e_stirred, 0);
	ilnp_store_32(&e->e_looked, clock);
	return (ilnp_name_look(e));
}

static void
tick_task(void *arg, int pending __unused)
{
	struct ilnp_edge *e = arg;
	struct epoch_tracker et;
	struct ilnp_ilcc *c;
	ilnp_time_t now = 0, next = 0;
	bool again = false;

	CURVNET_SET(e->e_vnet);
	NET_EPOCH_ENTER(et);
	c = ilnp_load_ptr(&e->e_cache);
	for (u_int i = 0; c != NULL && i < TICK_ROUNDS && next <= now; i++) {
		e->e_acts->as_n = 0;
		now = ilnp_now();
		next = ilnp_ilcc_tick(c, now, e->e_acts);
		ilnp_out_acts(e, e->e_acts);
	}
	NET_EPOCH_EXIT(et);
	if (c != NULL) {
		again = look_at_names(e);
		now = ilnp_now();
		if (again && next > now + ILNP_SEC(1))
			next = now + ILNP_SEC(1);
		(void)taskqueue_enqueue_timeout_sbt(ilnp_tasks,
		    &e->e_tick, next > now ? ustosbt((int64_t)(next - now)) :
		    SBT_1MS, SBT_1MS, 0);
	}
	CURVNET_RESTORE();
}

void
ilnp_edge_kick(struct ilnp_edge *e)
{
	(void)taskqueue_enqueue_timeout(ilnp_tasks, &e->e_tick, 0);
}

struct grace {
	struct epoch_context g_ctx;
	u_int		g_over;
};

static void
all_have_left(struct epoch_context *ctx)
{
	struct grace *g = __containerof(ctx, struct grace, g_ctx);

	atomic_store_rel_int(&g->g_over, 1);
}

/*
 * Not NET_EPOCH_WAIT(): it queues up at the lock that somebody in a section
 * waits for, and a reader of an rmlock(9) who leaves wakes one thread of that
 * queue, for there is but one writer.  Either he or we would sleep on, and
 * INVARIANTS stop there.  Processors that are idle call back late, so we sleep
 * on ours from tick to tick.
 */
void
ilnp_epoch_wait(void)
{
	struct grace g = { .g_over = 0 };

	sched_pin();
	NET_EPOCH_CALL(all_have_left, &g.g_ctx);
	while (atomic_load_acq_int(&g.g_over) == 0)
		pause("ilnpep", 1);
	sched_unpin();
}

void
ilnp_edge_stop(struct timeout_task *t)
{
	taskqueue_drain_timeout(ilnp_tasks, t);
	/* Or the queue counts it for ever, and cannot be freed. */
	(void)taskqueue_cancel_timeout(ilnp_tasks, t, NULL);
}

/* Our NIDs, or the one that RFC 6741 s2.2 prescribes if we have none. */
static int
add_nids(struct ilnp_edge *e, struct ilnp_ilcc *c)
{
	int error = 0;

	if (e->e_nnids == 0) {
		error = ilnp_addr_eui64(&e->e_nid[0]);
		if (error != 0)
			return (error);
		e->e_nnids = 1;
	}

	for (u_int i = 0; i < e->e_nnids && error == 0; i++)
		error = ilnp_local_nid_add(ilnp_ilcc_local(c), e->e_nid[i]);
	return (error);
}

uint32_t
ilnp_edge_most(const struct ilnp_edge *e, size_t knob)
{
	const struct ilnp_edge *host = e;

	if (knob != offsetof(struct ilnp_conf, sess_max) &&
	    knob != offsetof(struct ilnp_conf, half_max))
		return (UINT32_MAX);
#ifdef VIMAGE
	host = &VNET_VNET(vnet0, ilnp_edge);
#endif
	return (host == e ? UINT32_MAX : ilnp_load_32((const uint32_t *)
	    (const void *)((const uint8_t *)&host->e_conf + knob)));
}

/* The host's administrator may have lowered his since. */
static void
bound_tables(struct ilnp_edge *e)
{
	e->e_conf.sess_max = min(e->e_conf.sess_max,
	    ilnp_edge_most(e, offsetof(struct ilnp_conf, sess_max)));
	e->e_conf.half_max = min(e->e_conf.half_max,
	    ilnp_edge_most(e, offsetof(struct ilnp_conf, half_max)));
}

#define	LINK_ROOM	16	/* for the header of a link as the system boots */

int
ilnp_edge_enable(struct ilnp_edge *e)
{
	struct ilnp_ilcc *c;
	int error;

	sx_assert(&e->e_sx, SA_XLOCKED);
	if (e->e_cache != NULL)
		return (0);
	bound_tables(e);
	c = ilnp_ilcc_alloc(&e->e_conf, ilnp_event_post, e);
	if (c == NULL)
		return (ENOMEM);
	(void)ilnp_ilcc_algorithm(c, e->e_alg->sa_name);
	e->e_acts = malloc(sizeof(*e->e_acts) + ILNP_ACTS_TICK *
	    sizeof(struct ilnp_act), M_ILNP, M_WAITOK);
	e->e_acts->as_max = ILNP_ACTS_TICK;
	e->e_acts->as_act = (struct ilnp_act *)(e->e_acts + 1);
	ilnp_flow_alloc(e);
	error = add_nids(e, c);
	if (error == 0)
		error = ilnp_in_link(e);
	if (error == 0 && !ILNP_HOOKED) {
		error = ilnp_pfil_link(e);
		if (error != 0)
			ilnp_in_unlink(e);
	}
	if (error != 0) {
		ilnp_flow_free(e);
		free(e->e_acts, M_ILNP);
		ilnp_ilcc_free(c);
		return (error);
	}
	/* So that no packet needs another mbuf for its nonce. */
	max_linkhdr_grow(LINK_ROOM + 16);
	ilnp_store_ptr(&e->e_cache, c);
	atomic_add_int(&ilnp_active, 1);
	ilnp_loc_scan(e);
	ilnp_loc_rescan(e);
	ilnp_edge_kick(e);
	return (0);
}

void
ilnp_edge_disable(struct ilnp_edge *e)
{
	struct ilnp_ilcc *c = e->e_cache;

	sx_assert(&e->e_sx, SA_XLOCKED);
	if (c == NULL)
		return;
	ilnp_store_ptr(&e->e_cache, NULL);
	ilnp_pfil_unlink(e);
	ilnp_in_unlink(e);
	ilnp_epoch_wait();
	ilnp_edge_stop(&e->e_tick);
	ilnp_flow_free(e);
	ilnp_loc_clear(e);
	ilnp_eph_clear(e);
	ilnp_ilcc_free(c);
	free(e->e_acts, M_ILNP);
	e->e_acts = NULL;
	atomic_subtract_int(&ilnp_active, 1);
}

static void
make_tasks(const void *unused __unused)
{
	ilnp_tasks = taskqueue_create("ilnp", M_WAITOK,
	    taskqueue_thread_enqueue, &ilnp_tasks);
	(void)taskqueue_start_threads(&ilnp_tasks, 1, PWAIT, "ilnp");
}
SYSINIT(ilnp_tasks, SI_SUB_TASKQ, SI_ORDER_ANY, make_tasks, NULL);

static void
unmake_tasks(const void *unused __unused)
{
	taskqueue_free(ilnp_tasks);
}
SYSUNINIT(ilnp_tasks, SI_SUB_TASKQ, SI_ORDER_ANY, unmake_tasks, NULL);

static void
make_edge(const void *unused __unused)
{
	struct ilnp_edge *e = &V_ilnp_edge;

	e->e_vnet = curvnet;
	sx_init(&e->e_sx, "ilnp edge");
	mtx_init(&e->e_flows.t_lock, "ilnp flows", NULL, MTX_DEF);
	ilnp_conf_init(&e->e_conf);
	e->e_alg = ilnp_sel_algs[0];
	ilnp_event_init(e);
	ilnp_eph_init(e);
	TIMEOUT_TASK_INIT(ilnp_tasks, &e->e_tick, 0, tick_task, e);
	ilnp_loc_init(e);
	e->e_made = true;
}
VNET_SYSINIT(ilnp_edge, SI_SUB_PROTO_IFATTACHDOMAIN, SI_ORDER_ANY, make_edge,
    NULL);

static void
unmake_edge(const void *unused __unused)
{
	struct ilnp_edge *e = &V_ilnp_edge;

	sx_xlock(&e->e_sx);
	ilnp_edge_disable(e);
	sx_xunlock(&e->e_sx);
	/* A look-up told of while ILNP went off may have woken it since. */
	ilnp_edge_stop(&e->e_tick);
	ilnp_loc_fini(e);
	ilnp_event_fini(e);
	ilnp_eph_fini(e);
	e->e_made = false;
	mtx_destroy(&e->e_flows.t_lock);
	ilnp_hint_free(e);
	sx_destroy(&e->e_sx);
}
VNET_SYSUNINIT(ilnp_edge, SI_SUB_PROTO_IFATTACHDOMAIN, SI_ORDER_ANY,
    unmake_edge, NULL);
