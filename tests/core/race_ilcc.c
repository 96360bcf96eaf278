/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Everything that an edge may do to a cache, from several threads at once, for
 * ThreadSanitizer and AddressSanitizer to watch.
 *
 *	race_ilcc [milliseconds]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ilnp_ilcc.h"

#define	PEERS	40	/* enough to make buckets of the table overflow */
#define	REPLIES	64

static struct ilnp_ilcc *cache;
static const struct ilnp_nid us = { 0x0200000000000001 };
static bool stop;
static uint64_t done[8];

/* Answers to our probes on their way back to the input threads. */
static pthread_mutex_t reply_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	size_t		len;
	uint8_t		b[ILNP_CTL_MAX];
} reply[REPLIES];
static u_int nreplies;

static uint32_t
dice(uint32_t *x, uint32_t sides)
{
	*x = *x * 1664525 + 1013904223;
	return ((*x >> 8) % sides);
}

static struct ilnp_nid
peer_nid(u_int i)
{
	return ((struct ilnp_nid){ 0x0200000000001000 + i });
}

static struct ilnp_nonce
peer_nonce(u_int i)
{
	struct ilnp_nonce n = { .n_len = 4, .n_b = { 0xaa, (uint8_t)i, 1, 2 } };

	return (n);
}

static struct ilnp_l64
ours(u_int i)
{
	return ((struct ilnp_l64){ 0x20010db8000a0000 + i });
}

static struct ilnp_l64
theirs(u_int i)
{
	return ((struct ilnp_l64){ 0x20010db8000b0000 + i });
}

/* A packet of a peer: data, a flow that opens, a forgery or an update. */
static size_t
make_packet(uint8_t *buf, uint32_t *x)
{
	u_int who = dice(x, PEERS);
	struct ilnp_nonce nonce = peer_nonce(dice(x, 8) == 0 ? dice(x, 250) :
	    who);
	struct ilnp_ctl cp = { .cp_kind = ILNP_CTL_LU,
	    .cp_src = { theirs(dice(x, 4)), peer_nid(who) },
	    .cp_dst = { ours(dice(x, 3)), us }, .cp_nonce = nonce,
	    .cp_op = (uint8_t)(1 + dice(x, 2)), .cp_reclen = 12 };
	uint8_t body[4 * 12];
	struct ilnp_wr w = ilnp_wr(body, sizeof(body));
	size_t len;

	cp.cp_count = (uint8_t)(1 + dice(x, 4));
	for (u_int i = 0; i < cp.cp_count; i++) {
		struct ilnp_lurec rec = { theirs(dice(x, 8)), dice(x, 3), 300 };

		ilnp_lu_put_rec(&w, 12, &rec);
	}
	cp.cp_body = body;
	cp.cp_bodylen = (uint16_t)w.w_len;
	len = ilnp_wire_compose(&cp, buf, ILNP_CTL_MAX);
	if (dice(x, 3) != 0) {
		/* The same packet, but UDP: nobody here looks at its sum. */
		buf[40] = ILNP_PROTO_UDP;
		if (dice(x, 4) == 0)
			buf[6] = ILNP_PROTO_NONE;
	}
	return (len);
}

/* What the peers answer to the control packets of ours. */
static void
carry_out(const struct ilnp_acts *acts)
{
	for (u_int i = 0; i < acts->as_n; i++) {
		struct ilnp_ctl cp = acts->as_act[i].a_ctl;
		struct ilnp_ilv src = cp.cp_src;
		u_int who = (u_int)(cp.cp_dst.nid.nid - peer_nid(0).nid);

		cp.cp_src = cp.cp_dst;
		cp.cp_dst = src;
		cp.cp_nonce = peer_nonce(who);
		if (cp.cp_kind == ILNP_CTL_PROBE)
			cp.cp_kind = ILNP_CTL_PROBE_REPLY;
		else if (cp.cp_kind == ILNP_CTL_LU && cp.cp_op == 1)
			cp.cp_op = 2;
		else
			continue;
		pthread_mutex_lock(&reply_lock);
		if (nreplies < REPLIES) {
			reply[nreplies].len = ilnp_wire_compose(&cp,
			    reply[nreplies].b, ILNP_CTL_MAX);
			nreplies++;
		}
		pthread_mutex_unlock(&reply_lock);
	}
}

static void *
run_input(void *arg)
{
	uint32_t x = (uint32_t)(uintptr_t)arg;
	static _Thread_local struct ilnp_act room[ILNP_ACTS_INPUT];
	struct ilnp_acts acts = ILNP_ACTS(room);
	uint8_t buf[ILNP_CTL_MAX];

	ilnp_env_thread_init();
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct ilnp_in in;
		size_t len = 0;

		pthread_mutex_lock(&reply_lock);
		if (nreplies > 0) {
			len = reply[--nreplies].len;
			memcpy(buf, reply[nreplies].b, len);
		}
		pthread_mutex_unlock(&reply_lock);
		if (len == 0)
			len = make_packet(buf, &x);
		acts.as_n = 0;
		ilnp_env_epoch_begin();
		ilnp_in_look(&in, buf, len);
		if (dice(&x, 2) == 0)
			in.i_hint = ILNP_FLOW_KNOWN;
		if (dice(&x, 4) == 0) {
			const struct ilnp_nidpair nids = { us,
			    in.i_view.v_src.nid };

			in.i_flow = ilnp_ilcc_find(cache, &nids);
		}
		if (ilnp_ilcc_input(cache, &in, ilnp_env_now(), &acts) ==
		    ILNP_IN_DELIVER) {
			(void)ilnp_sess_cksum(cache, in.i_sess,
			    ILNP_CKSUM_RFC);
			if (dice(&x, 64) == 0)
				ilnp_sess_confirm(cache, in.i_sess);
		}
		ilnp_env_epoch_end();
		carry_out(&acts);
		ilnp_env_epoch_poll();
		__atomic_fetch_add(&done[0], 1, __ATOMIC_RELAXED);
	}
	ilnp_env_thread_fini();
	return (NULL);
}

static void *
run_output(void *arg)
{
	uint32_t x = (uint32_t)(uintptr_t)arg;

	ilnp_env_thread_init();
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		const struct ilnp_nidpair nids = { us,
		    peer_nid(dice(&x, PEERS)) };
		struct ilnp_choice want = { .ch_lost = false }, ch = want;
		struct ilnp_sess *s;
		struct ilnp_out out;

		ilnp_env_epoch_begin();
		ilnp_ilcc_prefetch(cache, &nids, 1);
		s = dice(&x, 4) != 0 ? ilnp_ilcc_find(cache, &nids) :
		    ilnp_ilcc_find_at(cache, &nids, theirs(dice(&x, 4)));
		if (s != NULL) {
			if (dice(&x, 16) == 0) {
				want.ch_kind = (uint8_t)dice(&x, 5);
				want.ch_pair.remote = theirs(dice(&x, 4));
				(void)ilnp_sess_choose(cache, s,
				    dice(&x, 2) == 0 ? NULL : &ch, &want);
			}
			(void)ilnp_sess_output(cache, s, 1 + dice(&x, 1500),
			    dice(&x, 99), dice(&x, 2) == 0 ? &ch : NULL,
			    (enum ilnp_part)dice(&x, 3), ilnp_env_now(), &out);
			(void)ilnp_sess_bare(cache, s, NULL,
			    ilnp_env_now());
		}
		ilnp_env_epoch_end();
		ilnp_env_epoch_poll();
		__atomic_fetch_add(&done[1], 1, __ATOMIC_RELAXED);
	}
	ilnp_env_thread_fini();
	return (NULL);
}

static void *
run_tick(void *arg)
{
	static struct ilnp_act room[ILNP_ACTS_TICK];
	struct ilnp_acts acts = ILNP_ACTS(room);

	(void)arg;
	ilnp_env_thread_init();
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		acts.as_n = 0;
		ilnp_env_epoch_begin();
		(void)ilnp_ilcc_tick(cache, ilnp_env_now(), &acts);
		ilnp_env_epoch_end();
		carry_out(&acts);
		ilnp_env_epoch_poll();
		__atomic_fetch_add(&done[2], 1, __ATOMIC_RELAXED);
	}
	ilnp_env_thread_fini();
	return (NULL);
}

static void
list_all(uint32_t *x)
{
	struct ilnp_sessinfo si;
	u_int cursor = 0;

	ilnp_env_epoch_begin();
	while (ilnp_ilcc_list(cache, &cursor, &si)) {
		struct ilnp_sess *s = ilnp_ilcc_byid(cache, si.si_id);

		if (s == NULL)
			continue;
		if (dice(x, 16) == 0)
			(void)ilnp_sess_algorithm(cache, s,
			    ilnp_sel_algs[dice(x, 7)]->sa_name);
		if (dice(x, 64) == 0)
			ilnp_sess_retry(cache, s);
	}
	ilnp_env_epoch_end();
}

/* What administrators, routers and programs do. */
static void *
run_control(void *arg)
{
	uint32_t x = (uint32_t)(uintptr_t)arg;
	struct ilnp_local *lo = ilnp_ilcc_local(cache);
	struct ilnp_sess *held = NULL;

	ilnp_env_thread_init();
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		const struct ilnp_nidpair nids = { us,
		    peer_nid(dice(&x, PEERS)) };
		const struct ilnp_lurec rec[2] = { { theirs(dice(&x, 4)), 0,
		    300 }, { theirs(dice(&x, 4)), 1, 300 } };
		ilnp_time_t now = ilnp_env_now();
		struct ilnp_sess *s = NULL;

		ilnp_env_epoch_begin();
		switch (dice(&x, 12)) {
		case 0:
			(void)ilnp_local_put(lo, ours(dice(&x, 4)), 1, 0,
			    1 + dice(&x, 2), 0, now);
			break;
		case 1:
			(void)ilnp_local_del(lo, ours(1 + dice(&x, 3)), now);
			break;
		case 2:
			(void)ilnp_local_disable(lo, ours(dice(&x, 4)),
			    dice(&x, 2) != 0, now);
			(void)ilnp_ilcc_released(cache, ours(dice(&x, 4)), now);
			break;
		case 3:
			s = ilnp_ilcc_find(cache, &nids);
			if (s != NULL && dice(&x, 4) == 0)
				ilnp_ilcc_close(cache, s);
			break;
		case 4:
			if (held == NULL) {
				s = ilnp_ilcc_find(cache, &nids);
				if (s != NULL && ilnp_sess_hold(s))
					held = s;
			} else {
				ilnp_sess_release(held);
				held = NULL;
			}
			break;
		case 5:
			(void)ilnp_conf_set(ilnp_ilcc_conf(cache), "pair_max",
			    1 + dice(&x, 4));
			(void)ilnp_conf_set(ilnp_ilcc_conf(cache), "maxlocs",
			    1 + dice(&x, 8));
			(void)ilnp_conf_set(ilnp_ilcc_conf(cache),
			    "nonce_policy", dice(&x, 2));
			break;
		case 6:
			(void)ilnp_ilcc_algorithm(cache,
			    ilnp_sel_algs[dice(&x, 7)]->sa_name);
			break;
		case 7:
			(void)ilnp_ilcc_bytoken(cache, &nids, dice(&x, 9));
			(void)ilnp_ilcc_count(cache);
			break;
		default:
			(void)ilnp_ilcc_open(cache, &nids, rec, 2, now, &s);
			break;
		}
		ilnp_env_epoch_end();
		if (dice(&x, 64) == 0)
			list_all(&x);
		ilnp_env_epoch_poll();
		__atomic_fetch_add(&done[3], 1, __ATOMIC_RELAXED);
	}
	if (held != NULL)
		ilnp_sess_release(held);
	ilnp_env_thread_fini();
	return (NULL);
}

static void
count_event(void *arg, const struct ilnp_event *e)
{
	__atomic_fetch_add((uint64_t *)arg, 1, __ATOMIC_RELAXED);
	(void)ilnp_event_name(e->e_kind);
}

int
main(int argc, char **argv)
{
	static void *(*const jobs[])(void *) = { run_input, run_input,
	    run_output, run_tick, run_control };
	pthread_t thread[sizeof(jobs) / sizeof(jobs[0])];
	useconds_t usec = (argc > 1 ? (useconds_t)atoi(argv[1]) : 2000) * 1000;
	struct ilnp_conf conf;
	struct ilnp_stats sum;
	uint64_t events = 0;

	ilnp_env_thread_init();
	ilnp_conf_init(&conf);
	conf.sess_max = 64;
	conf.half_max = 16;
	conf.lu_gap = 0;
	conf.probe_busy = 20;
	conf.busy_time = 1;
	cache = ilnp_ilcc_alloc(&conf, count_event, &events);
	if (cache == NULL)
		return (1);
	(void)ilnp_local_nid_add(ilnp_ilcc_local(cache), us);
	(void)ilnp_local_put(ilnp_ilcc_local(cache), ours(0), 1, 0, 1, 0,
	    ilnp_env_now());
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		if (pthread_create(&thread[i], NULL, jobs[i],
		    (void *)(uintptr_t)(i + 1)) != 0)
			return (1);
	usleep(usec);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		pthread_join(thread[i], NULL);
	sum = *ilnp_ilcc_stats(cache);
	ilnp_ilcc_free(cache);
	ilnp_env_thread_fini();
	printf("input %llu output %llu tick %llu control %llu events %llu\n",
	    (unsigned long long)done[0], (unsigned long long)done[1],
	    (unsigned long long)done[2], (unsigned long long)done[3],
	    (unsigned long long)events);
	printf("created %llu evicted %llu lu_rcvd %llu lu_acked %llu "
	    "probe_reply %llu rekeyed %llu\n",
	    (unsigned long long)sum.sess_created,
	    (unsigned long long)sum.sess_evicted,
	    (unsigned long long)sum.lu_rcvd, (unsigned long long)sum.lu_acked,
	    (unsigned long long)sum.probe_reply,
	    (unsigned long long)sum.sess_rekeyed);
	if (ilnp_env_alloc_total() != 0) {
		printf("%llu octets were not freed\n",
		    (unsigned long long)ilnp_env_alloc_total());
		return (1);
	}
	return (0);
}
