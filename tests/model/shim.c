/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The core behind functions that take nothing but numbers and octets, so that
 * Python can drive it without knowing how its structs are laid out.
 */
#include "ilnp_ilcc_var.h"

#define	PACKETS	ILNP_ACTS_TICK

struct shim {
	struct ilnp_ilcc *c;
	struct ilnp_acts acts;		/* in room */
	struct ilnp_act	room[PACKETS];
	size_t		npkts;
	size_t		len[PACKETS];
	uint8_t		pkt[PACKETS][ILNP_CTL_MAX];
};

/* One session as the model sees it; ilnpcore.py has the same layout. */
struct shim_locator {
	uint64_t	l64;
	uint32_t	pref;
	uint32_t	flags;
};

struct shim_session {
	uint64_t	id;
	uint64_t	remote_nid;
	uint32_t	state;
	uint32_t	confirmed;
	uint32_t	provisional;
	uint32_t	lu_pending;
	uint32_t	initiator;
	uint32_t	nin_len;
	uint32_t	nout_len;
	uint8_t		nin[16];
	uint8_t		nout[16];
	uint32_t	nlocs;
	uint32_t	npaths;
	uint32_t	lost;
	struct shim_locator loc[ILNP_LOCS_MAX];
};

struct shim	*shim_new(uint64_t nid);
void	shim_free(struct shim *);
int	shim_knob(struct shim *, const char *, uint64_t);
int	shim_put(struct shim *, uint64_t l64, uint32_t pref, uint64_t now);
int	shim_del(struct shim *, uint64_t l64, uint64_t now);
int	shim_disable(struct shim *, uint64_t l64, int, uint64_t now);
int	shim_open(struct shim *, uint64_t local, uint64_t remote,
	    const uint64_t *l64, uint32_t n, uint64_t now);
int	shim_output(struct shim *, uint64_t local, uint64_t remote,
	    uint32_t len, uint64_t now, uint64_t pairs[2 * ILNP_COPIES_MAX],
	    uint8_t nonce[ILNP_NONCE_MAX], uint32_t *nonce_len);
int	shim_input(struct shim *, const uint8_t *, size_t, int known,
	    uint64_t now);
uint64_t shim_tick(struct shim *, uint64_t now);
size_t	shim_packet(struct shim *, size_t i, uint8_t *buf);
uint32_t shim_sessions(struct shim *, struct shim_session *, uint32_t max);
uint64_t shim_stat(struct shim *, const char *);
uint64_t shim_memory(void);
void	shim_seed(uint64_t);

struct shim *
shim_new(uint64_t nid)
{
	struct shim *m = ilnp_env_alloc(sizeof(*m));
	struct ilnp_conf conf;

	ilnp_env_thread_init();
	ilnp_conf_init(&conf);
	conf.sess_max = 32;
	conf.half_max = 16;
	if (m == NULL)
		return (NULL);
	m->c = ilnp_ilcc_alloc(&conf, NULL, NULL);
	if (m->c != NULL)
		(void)ilnp_local_nid_add(ilnp_ilcc_local(m->c),
		    (struct ilnp_nid){ nid });
	return (m);
}

void
shim_free(struct shim *m)
{
	ilnp_env_epoch_barrier();
	ilnp_ilcc_free(m->c);
	ilnp_env_free(m, sizeof(*m));
}

int
shim_knob(struct shim *m, const char *name, uint64_t value)
{
	return (ilnp_conf_set(ilnp_ilcc_conf(m->c), name, value));
}

int
shim_put(struct shim *m, uint64_t l64, uint32_t pref, uint64_t now)
{
	return (ilnp_local_put(ilnp_ilcc_local(m->c),
	    (struct ilnp_l64){ l64 }, 1, (uint16_t)pref, 1, 0, now));
}

int
shim_del(struct shim *m, uint64_t l64, uint64_t now)
{
	return (ilnp_local_del(ilnp_ilcc_local(m->c),
	    (struct ilnp_l64){ l64 }, now));
}

int
shim_disable(struct shim *m, uint64_t l64, int disable, uint64_t now)
{
	return (ilnp_local_disable(ilnp_ilcc_local(m->c),
	    (struct ilnp_l64){ l64 }, disable != 0, now));
}

int
shim_open(struct shim *m, uint64_t local, uint64_t remote, const uint64_t *l64,
    uint32_t n, uint64_t now)
{
	const struct ilnp_nidpair nids = { { local }, { remote } };
	struct ilnp_lurec rec[ILNP_LOCS_MAX];
	struct ilnp_sess *s;
	int error;

	for (uint32_t i = 0; i < n && i < ILNP_LOCS_MAX; i++)
		rec[i] = (struct ilnp_lurec){ { l64[i] }, 0, 300 };
	ilnp_env_epoch_begin();
	error = ilnp_ilcc_open(m->c, &nids, rec, n, now, &s);
	ilnp_env_epoch_end();
	return (error);
}

/* Returns the number of paths, 0 without one, -1 without a session. */
int
shim_output(struct shim *m, uint64_t local, uint64_t remote, uint32_t len,
    uint64_t now, uint64_t pairs[2 * ILNP_COPIES_MAX],
    uint8_t nonce[ILNP_NONCE_MAX], uint32_t *nonce_len)
{
	const struct ilnp_nidpair nids = { { local }, { remote } };
	struct ilnp_out out = { .o_n = 0 };
	struct ilnp_sess *s;

	ilnp_env_epoch_begin();
	s = ilnp_ilcc_find(m->c, &nids);
	if (s != NULL)
		(void)ilnp_sess_output(m->c, s, len, 0, NULL,
		    ILNP_PART_GOES_ON, now, &out);
	ilnp_env_epoch_end();
	if (s == NULL)
		return (-1);
	for (u_int i = 0; i < out.o_n; i++) {
		pairs[2 * i] = out.o_path[i].op_pair.local.l64;
		pairs[2 * i + 1] = out.o_path[i].op_pair.remote.l64;
	}
	*nonce_len = out.o_nonce.n_len;
	memcpy(nonce, out.o_nonce.n_b, ILNP_NONCE_MAX);
	return ((int)out.o_n);
}

/* Acknowledgements point into the packet they answer: write all at once. */
static void
compose_all(struct shim *m)
{
	m->npkts = m->acts.as_n;
	for (u_int i = 0; i < m->acts.as_n; i++)
		m->len[i] = ilnp_wire_compose(&m->acts.as_act[i].a_ctl,
		    m->pkt[i], sizeof(m->pkt[i]));
}

int
shim_input(struct shim *m, const uint8_t *pkt, size_t len, int known,
    uint64_t now)
{
	enum ilnp_inverdict verdict;
	struct ilnp_in in;

	m->acts = ILNP_ACTS(m->room);
	ilnp_in_look(&in, pkt, len);
	if (known != 0)
		in.i_hint = ILNP_FLOW_KNOWN;
	ilnp_env_epoch_begin();
	verdict = ilnp_ilcc_input(m->c, &in, now, &m->acts);
	ilnp_env_epoch_end();
	compose_all(m);
	ilnp_env_epoch_poll();
	return ((int)verdict);
}

uint64_t
shim_tick(struct shim *m, uint64_t now)
{
	uint64_t next;

	m->acts = ILNP_ACTS(m->room);
	ilnp_env_epoch_begin();
	next = ilnp_ilcc_tick(m->c, now, &m->acts);
	ilnp_env_epoch_end();
	compose_all(m);
	ilnp_env_epoch_poll();
	return (next);
}

/* Copies out packet i of the last call; returns its length, 0 if none. */
size_t
shim_packet(struct shim *m, size_t i, uint8_t *buf)
{
	if (i >= m->npkts)
		return (0);
	memcpy(buf, m->pkt[i], m->len[i]);
	return (m->len[i]);
}

/* True if nobody answers on any path of a session that has some. */
static bool
lost(const struct ilnp_sess *s)
{
	const struct ilnp_path *best = s->s_paths == NULL ? NULL :
	    ilnp_pathset_best(s->s_paths, 0);

	return (best != NULL && best->p_state == ILNP_PATH_DOWN);
}

uint32_t
shim_sessions(struct shim *m, struct shim_session *out, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->c->c_n && n < max; i++) {
		const struct ilnp_sess *s = m->c->c_pool[i];
		struct shim_session *o = &out[n++];

		memset(o, 0, sizeof(*o));
		o->id = s->s_id;
		o->remote_nid = s->s_nids.remote.nid;
		o->state = s->s_state;
		o->confirmed = s->s_confirmed;
		o->provisional = s->s_provisional;
		o->lu_pending = s->s_lu_pending;
		o->initiator = s->s_initiator;
		o->nin_len = s->s_nin.n_len;
		o->nout_len = s->s_nout.n_len;
		memcpy(o->nin, s->s_nin.n_b, ILNP_NONCE_MAX);
		memcpy(o->nout, s->s_nout.n_b, ILNP_NONCE_MAX);
		o->lost = lost(s);
		o->nlocs = s->s_remote.ls_n;
		for (u_int j = 0; j < s->s_remote.ls_n; j++) {
			const struct ilnp_loc *l = &s->s_remote.ls_loc[j];

			o->loc[j].l64 = l->l_l64.l64;
			o->loc[j].pref = l->l_pref;
			o->loc[j].flags = l->l_flags;
		}
		for (u_int j = 0; s->s_paths != NULL &&
		    j < s->s_paths->ps_cap; j++)
			o->npaths += s->s_paths->ps_path[j].p_used;
	}
	return (n);
}

uint64_t
shim_stat(struct shim *m, const char *name)
{
#define	X(n, text)							\
	if (strcmp(name, #n) == 0)					\
		return (ilnp_ilcc_stats(m->c)->n);
	ILNP_STATS(X)
#undef X
	return (UINT64_MAX);
}

uint64_t
shim_memory(void)
{
	return (ilnp_env_alloc_total());
}

void
shim_seed(uint64_t seed)
{
	ilnp_env_seed(seed);
}
