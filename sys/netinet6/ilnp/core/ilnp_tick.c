/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The timer.  It looks only at sessions that have something going on, and
 * sweeps through the rest a few at a time, so its cost does not grow with the
 * number of correspondents that are merely remembered.
 */
#include "ilnp_ilcc_var.h"

#define	SWEEP_STEP	64	/* sessions aged per call */
#define	SWEEP_FAST	1024	/* while there is a change to be told */
#define	TICK_IDLE	ILNP_SEC(1)
#define	PASS_FEW	64	/* busy sessions that are looked at whenever wanted */
#define	PASS_EACH	2	/* us from one look at all to the next, for each */
#define	PASS_MOST	ILNP_MS(250)

static ilnp_time_t
sooner(ilnp_time_t a, ilnp_time_t b)
{
	return (a < b ? a : b);
}

static ilnp_time_t
last_traffic(const struct ilnp_sess *s)
{
	return (s->s_lasttx > s->s_lastrx ? s->s_lasttx : s->s_lastrx);
}

/*
 * Sends the pending Locator Update if it is due.
 * Returns when to look again, or `now' if there was no room for it.
 */
static ilnp_time_t
tick_lu(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now,
    struct ilnp_acts *acts)
{
	struct ilnp_advert ad;
	struct ilnp_path *p;
	struct ilnp_act *a;
	struct ilnp_wr w;
	uint8_t reclen = (uint8_t)ilnp_load_32(&c->c_conf.lu_format);

	if (now < s->s_lu_due)
		return (s->s_lu_due);
	ilnp_local_advert(&c->c_local, ilnp_load_32(&c->c_conf.lu_lifetime),
	    &ad);
	if (ad.ad_gen != s->s_lu_gen) {
		/* A newer set supersedes the one that was being sent. */
		s->s_lu_gen = ad.ad_gen;
		s->s_lu_sends = 0;
	}
	if (ad.ad_n == 0) {
		/* There is no way to say "none left" (contradiction C25). */
		s->s_lu_pending = false;
		return (now + TICK_IDLE);
	}
	if (s->s_lu_sends >= ilnp_load_32(&c->c_conf.lu_sends)) {
		s->s_lu_pending = false;
		s->s_lu_failed = true;
		ILNP_STAT(c, lu_failed);
		ilnp_ilcc_event(c, ILNP_EV_LU_FAILED, s, NULL, ad.ad_n, now);
		return (now + TICK_IDLE);
	}
	if (!ilnp_sess_paths(c, s, now))
		return (now + TICK_IDLE);
	/* The best path first, another one for each repeat. */
	p = ilnp_pathset_best(s->s_paths, s->s_lu_sends);
	if (p == NULL)
		return (now + TICK_IDLE);
	a = ilnp_act_new(acts);
	if (a == NULL)
		return (now);
	w = ilnp_wr(a->a_data, sizeof(a->a_data));
	for (u_int i = 0; i < ad.ad_n; i++)
		ilnp_lu_put_rec(&w, reclen, &ad.ad_rec[i]);
	ilnp_sess_ctl(s, &p->p_pair, p->p_if, a);
	a->a_ctl.cp_kind = ILNP_CTL_LU;
	a->a_ctl.cp_op = ILNP_LU_ADVERT;
	a->a_ctl.cp_code = (uint8_t)(ilnp_load_32(&c->c_conf.handover) == 0 ?
	    ilnp_load_32(&c->c_conf.lu_soft_code) : ILNP_LU_CODE);
	a->a_ctl.cp_count = (uint8_t)ad.ad_n;
	a->a_ctl.cp_reclen = reclen;
	a->a_ctl.cp_body = a->a_data;
	a->a_ctl.cp_bodylen = (uint16_t)w.w_len;
	s->s_lu_sends++;
	s->s_lu_last = now;
	s->s_lu_due = now + ILNP_SEC(s->s_lu_sends);
	ILNP_STAT(c, lu_sent);
	ilnp_ilcc_event(c, ILNP_EV_LU_SENT, s, &p->p_pair, ad.ad_n, now);
	return (s->s_lu_due);
}

/* True if the session's paths may be probed at all. */
static bool
may_probe(const struct ilnp_sess *s)
{
	switch (s->s_state) {
	case ILNP_SESS_TRYING:
		return (s->s_firsttx != 0);
	case ILNP_SESS_OPEN:
		/*
		 * One packet from a stranger, perhaps forged, is not answered
		 * with more than transport answers.  The second one is, also
		 * when it is all one way (RFC 6741 s13.1).
		 */
		return (s->s_confirmed != 0 || s->s_initiator ||
		    s->s_lasttx != 0 || s->s_nrx > 1);
	default:
		return (false);
	}
}

static ilnp_time_t
tick_path(struct ilnp_ilcc *c, struct ilnp_sess *s, struct ilnp_path *p,
    ilnp_time_t now, struct ilnp_acts *acts)
{
	struct ilnp_act *a;

	if (now < p->p_due)
		return (p->p_due);
	/* A wait whose end nobody looked at, in an idle session, is void. */
	if (p->p_waiting && ilnp_since(now, p->p_due) < TICK_IDLE) {
		if (ilnp_pathset_waits(s->s_paths, p, now)) {
			p->p_due = now + ilnp_path_hurry(p) / 2;
			return (p->p_due);
		}
		p->p_waiting = false;
		ilnp_sess_pathevent(c, s, p, ILNP_PATH_LOST, now);
		if (p->p_state == ILNP_PATH_DOWN) {
			p->p_due = now + ILNP_MS(ilnp_load_32(
			    &c->c_conf.probe_idle));
			return (p->p_due);
		}
	}
	a = ilnp_act_new(acts);
	if (a == NULL)
		return (now);
	ilnp_sess_probe(c, s, p, a, now);
	return (p->p_due);
}

/*
 * The path to where the last packet came from: from where it was sent to, if
 * that locator of ours still sends.  Returns NULL if there is none.
 */
static struct ilnp_path *
way_back(struct ilnp_sess *s)
{
	struct ilnp_path *p = ilnp_pathset_find(s->s_paths, &s->s_rxpair);

	for (u_int i = 0; p == NULL && i < s->s_paths->ps_cap; i++)
		if (s->s_paths->ps_path[i].p_used &&
		    ilnp_l64_eq(s->s_paths->ps_path[i].p_pair.remote,
		    s->s_rxpair.remote))
			p = &s->s_paths->ps_path[i];
	return (p);
}

/*
 * Suspects paths that have fallen silent and has them probed at once.  Where
 * each flow keeps to its path silence may only mean that a flow is over, and
 * others must not be moved for that: there a probe alone decides.
 * Returns when to look again, 0: not before the next probe.
 */
static ilnp_time_t
watch_paths(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now)
{
	struct ilnp_pathset *ps = s->s_paths;
	uint32_t quiet, silent;
	ilnp_time_t next;

	next = ilnp_pathset_watch(ps, now, &quiet, &silent);
	for (u_int i = 0; (quiet & ~0U << i) != 0; i++) {
		struct ilnp_path *p = &ps->ps_path[i];

		if ((quiet & 1U << i) == 0)
			continue;
		if ((silent & 1U << i) != 0 && ps->ps_alg->sa_spreads)
			ilnp_sess_pathevent(c, s, p, ILNP_PATH_SILENT, now);
		if (!p->p_waiting)
			p->p_due = now;
	}
	return (next);
}

static ilnp_time_t
tick_paths(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now,
    struct ilnp_acts *acts)
{
	ilnp_time_t next = now + TICK_IDLE;
	struct ilnp_path *p;
	ilnp_time_t look;

	if (!may_probe(s) || !ilnp_sess_paths(c, s, now))
		return (next);
	if (s->s_confirmed == 0 && !s->s_initiator) {
		/* A stranger gets no more probes than it has sent packets. */
		p = way_back(s);
		if (p != NULL && p->p_seq < s->s_nrx)
			next = sooner(next, tick_path(c, s, p, now, acts));
		return (next);
	}
	look = watch_paths(c, s, now);
	if (look != 0)
		next = sooner(next, look);
	for (u_int i = 0; i < s->s_paths->ps_cap; i++) {
		p = &s->s_paths->ps_path[i];
		if (p->p_used)
			next = sooner(next, tick_path(c, s, p, now, acts));
	}
	return (next);
}

/*
 * Gives up on ILNP with a peer that does not answer at all.  A nonce that
 * nobody stands by is no answer: anybody could have sent it.
 */
static ilnp_time_t
tick_trying(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now)
{
	ilnp_time_t due = s->s_firsttx +
	    ILNP_MS(ilnp_load_32(&c->c_conf.fallback_wait));
	struct ilnp_path *p;

	/* An unreachable says that the path fails, not that the peer does. */
	if (s->s_firsttx == 0 || s->s_unreach || s->s_paths == NULL ||
	    ilnp_load_32(&c->c_conf.fallback) == 0)
		return (now + TICK_IDLE);
	if (now < due)
		return (due);
	p = ilnp_pathset_best(s->s_paths, 0);
	if (p == NULL || p->p_state == ILNP_PATH_UP)
		return (now + TICK_IDLE);
	ILNP_STAT(c, fallback_silent);
	ilnp_sess_fallback(c, s, &p->p_pair, now);
	return (now + TICK_IDLE);
}

/* Returns when the session wants to be looked at again, 0: not any more. */
static ilnp_time_t
tick_sess(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now,
    struct ilnp_acts *acts)
{
	ilnp_time_t next = now + TICK_IDLE;
	ilnp_time_t refresh = ILNP_SEC(ilnp_load_32(
	    &c->c_conf.lu_lifetime)) / 2;
	bool busy = ilnp_since(now, last_traffic(s)) <
	    ILNP_SEC(ilnp_load_32(&c->c_conf.busy_time)) ||
	    (s->s_question != 0 &&
	    ilnp_since(now, s->s_question) < ILNP_SEC(1));

	if (s->s_state == ILNP_SESS_TRYING || s->s_provisional)
		next = sooner(next, tick_trying(c, s, now));
	if (s->s_state == ILNP_SESS_OPEN && s->s_lu_last != 0 &&
	    !s->s_lu_pending && ilnp_since(now, s->s_lu_last) > refresh)
		ilnp_sess_announce(c, s, now);
	if (busy)
		next = sooner(next, tick_paths(c, s, now, acts));
	if (s->s_lu_pending && s->s_state == ILNP_SESS_OPEN)
		next = sooner(next, tick_lu(c, s, now, acts));
	else if (!busy)
		return (0);
	return (next);
}

/*
 * When the busy ones may be looked at again.  To look at one takes about a tenth
 * of PASS_EACH, and among many there is always one for which it is time, or to
 * which something has just happened: without a bound the timer would do nothing
 * else any more.
 */
static ilnp_time_t
pass_due(const struct ilnp_ilcc *c)
{
	ilnp_time_t gap = (ilnp_time_t)c->c_nbusy * PASS_EACH;

	ILNP_LOCK_ASSERT(&c->c_lock);
	if (c->c_nbusy <= PASS_FEW || c->c_busynext != 0)
		return (0);
	return (c->c_passed + sooner(gap, PASS_MOST));
}

/*
 * Goes down through the busy ones, for the reason sweep() gives.  A pass that
 * ran out of room goes on from where it was, and as the times of its first part
 * are forgotten by then, another one follows as soon as it may.
 */
static ilnp_time_t
tick_busy(struct ilnp_ilcc *c, ilnp_time_t now, struct ilnp_acts *acts)
{
	ilnp_time_t next = now + TICK_IDLE;

	ilnp_lock(&c->c_lock);
	if (c->c_busynext == 0) {
		c->c_busynext = c->c_nbusy;
		c->c_passed = now;
	} else
		next = now;
	ilnp_unlock(&c->c_lock);
	for (;;) {
		struct ilnp_sess *s = NULL;
		ilnp_time_t t = next;

		ilnp_lock(&c->c_lock);
		if (c->c_busynext > c->c_nbusy)
			c->c_busynext = c->c_nbusy;
		if (c->c_busynext > 0)
			s = c->c_busy[--c->c_busynext];
		ilnp_unlock(&c->c_lock);
		if (s == NULL)
			return (next);
		ilnp_lock(&s->s_lock);
		if (!s->s_dead)
			t = tick_sess(c, s, now, acts);
		ilnp_unlock(&s->s_lock);
		if (t == 0)
			ilnp_ilcc_notbusy(c, s);
		else
			next = sooner(next, t);
		if (acts->as_n == acts->as_max)
			return (now);
	}
}

/* What the sweep finds out about one session. */
enum swept { KEEP, WAKE, FREE };

static enum swept
sweep_sess(struct ilnp_ilcc *c, struct ilnp_sess *s, ilnp_time_t now)
{
	ilnp_time_t last = last_traffic(s);
	uint32_t busy = ilnp_load_32(&c->c_conf.busy_time);
	enum swept what = KEEP;

	if (last < s->s_created)
		last = s->s_created;
	if (s->s_holds == 0 && ilnp_since(now, last) >
	    ILNP_SEC(ilnp_load_32(s->s_state == ILNP_SESS_IPV6 ?
	    &c->c_conf.fallback_ttl : &c->c_conf.sess_idle)))
		return (FREE);
	if (ilnp_locset_age(&s->s_remote, now, busy))
		s->s_synced = false;
	if (ilnp_sess_stale(c, s)) {
		/* Also when an older set still waits for its ack. */
		ilnp_sess_announce(c, s, now);
		what = WAKE;
	}
	return (what);
}

/*
 * Goes down through the pool: removal moves the last session into the hole,
 * and the last one has been seen already, so none is missed.
 */
static void
sweep(struct ilnp_ilcc *c, ilnp_time_t now)
{
	u_int steps;

	ilnp_lock(&c->c_lock);
	steps = c->c_sweptgen == ilnp_local_gen(&c->c_local) ? SWEEP_STEP :
	    SWEEP_FAST;
	ilnp_unlock(&c->c_lock);
	while (steps-- > 0) {
		struct ilnp_sess *s = NULL;
		enum swept what = KEEP;

		ilnp_lock(&c->c_lock);
		if (c->c_sweep > c->c_n)
			c->c_sweep = c->c_n;
		if (c->c_sweep == 0) {
			bool done = c->c_sweptgen == c->c_sweepgen;

			c->c_sweptgen = c->c_sweepgen;
			c->c_sweepgen = ilnp_local_gen(&c->c_local);
			c->c_sweep = c->c_n;
			if (c->c_n == 0 || (done &&
			    c->c_sweptgen == c->c_sweepgen))
				steps = 0;
		} else
			s = c->c_pool[--c->c_sweep];
		ilnp_unlock(&c->c_lock);
		if (s == NULL)
			continue;
		ilnp_lock(&s->s_lock);
		if (!s->s_dead)
			what = sweep_sess(c, s, now);
		ilnp_unlock(&s->s_lock);
		if (what == WAKE)
			ilnp_ilcc_busy(c, s);
		else if (what == FREE)
			ilnp_ilcc_close(c, s);
	}
}

/* True if not all sessions know yet that our locators have changed. */
static bool
is_behind(struct ilnp_ilcc *c)
{
	ILNP_LOCK_ASSERT(&c->c_lock);
	return (c->c_sweptgen != ilnp_local_gen(&c->c_local) && c->c_n != 0);
}

ilnp_time_t
ilnp_ilcc_tick(struct ilnp_ilcc *c, ilnp_time_t now, struct ilnp_acts *acts)
{
	ilnp_time_t due, next;
	bool behind;

	ILNP_EPOCH_ASSERT();
	(void)ilnp_local_age(&c->c_local, now,
	    ilnp_load_32(&c->c_conf.busy_time));
	ilnp_lock(&c->c_lock);
	due = pass_due(c);
	behind = is_behind(c);
	ilnp_unlock(&c->c_lock);
	if (now < due && !behind)
		return (due);
	sweep(c, now);
	next = now < due ? due : tick_busy(c, now, acts);
	ilnp_lock(&c->c_lock);
	behind = is_behind(c);
	ilnp_unlock(&c->c_lock);
	return (behind ? sooner(next, now + ILNP_MS(1)) : next);
}

bool
ilnp_ilcc_released(struct ilnp_ilcc *c, struct ilnp_l64 l64, ilnp_time_t now)
{
	uint32_t quiet = ilnp_load_32(&c->c_conf.quiet);
	struct ilnp_locset set;
	struct ilnp_loc *l;
	bool released = true;

	ilnp_local_list(&c->c_local, &set);
	l = ilnp_locset_find(&set, l64);
	if (l == NULL || ilnp_load_32(&c->c_conf.handover) != 0)
		return (true);
	/* l_used has whole seconds: round the wait up. */
	if (ilnp_loc_idle(l, now) < (quiet + 999) / 1000 + 1)
		return (false);
	ilnp_lock(&c->c_lock);
	if (is_behind(c))
		released = false;
	for (uint32_t i = 0; released && i < c->c_nbusy; i++) {
		struct ilnp_sess *s = c->c_busy[i];

		ilnp_lock(&s->s_lock);
		released = !s->s_lu_pending;
		ilnp_unlock(&s->s_lock);
	}
	ilnp_unlock(&c->c_lock);
	return (released);
}
