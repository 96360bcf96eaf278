/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A bounded cache of neighbours.  Address resolution itself, retries and
 * unreachability detection are the kernel's.
 */
#include <stdlib.h>

#include "neigh.h"
#include "port.h"

#define	BUCKETS		256
#define	NEIGHS_MAX	1024
#define	CONFIRM_EVERY	ILNP_SEC(15)
#define	ASK_EVERY	ILNP_SEC(1)
#define	IDLE_MAX	ILNP_SEC(120)

struct neighs {
	struct netlink	*ns_nl;
	u_int		ns_n;
	struct neigh	*ns_bucket[BUCKETS];
};

struct neighs *
neighs_alloc(struct netlink *nl)
{
	struct neighs *ns = calloc(1, sizeof(*ns));

	if (ns != NULL)
		ns->ns_nl = nl;
	return (ns);
}

static void
drop_held(struct neigh *ne)
{
	for (u_int i = 0; i < ne->ne_nheld; i++)
		free(ne->ne_held[i].frame);
	ne->ne_nheld = 0;
}

/* Takes out every neighbour that `which' is true for. */
static void
remove_some(struct neighs *ns, bool (*which)(const struct neigh *, uint64_t),
    uint64_t arg)
{
	for (u_int b = 0; b < BUCKETS; b++) {
		struct neigh **nep = &ns->ns_bucket[b], *ne;

		while ((ne = *nep) != NULL) {
			if (!which(ne, arg)) {
				nep = &ne->ne_next;
				continue;
			}
			*nep = ne->ne_next;
			drop_held(ne);
			free(ne);
			ns->ns_n--;
		}
	}
}

static bool
is_any(const struct neigh *ne, uint64_t arg)
{
	(void)ne;
	(void)arg;
	return (true);
}

static bool
is_idle(const struct neigh *ne, uint64_t now)
{
	return (now - ne->ne_used > IDLE_MAX);
}

static bool
is_on(const struct neigh *ne, uint64_t ifindex)
{
	return (ne->ne_index == ifindex);
}

void
neighs_free(struct neighs *ns)
{
	remove_some(ns, is_any, 0);
	free(ns);
}

void
neighs_age(struct neighs *ns, ilnp_time_t now)
{
	remove_some(ns, is_idle, now);
}

void
neighs_drop(struct neighs *ns, u_int ifindex)
{
	remove_some(ns, is_on, ifindex);
}

static struct neigh **
bucket_of(struct neighs *ns, u_int ifindex, const struct in6_addr *a)
{
	uint32_t h = ifindex;

	for (u_int i = 0; i < 16; i++)
		h = (h ^ a->s6_addr[i]) * 0x01000193;
	return (&ns->ns_bucket[(h ^ h >> 16) % BUCKETS]);
}

static struct neigh *
find(struct neighs *ns, u_int ifindex, const struct in6_addr *a)
{
	struct neigh *ne;

	for (ne = *bucket_of(ns, ifindex, a); ne != NULL; ne = ne->ne_next)
		if (ne->ne_index == ifindex &&
		    memcmp(&ne->ne_addr, a, sizeof(*a)) == 0)
			break;
	return (ne);
}

static struct neigh *
make(struct neighs *ns, u_int ifindex, const struct in6_addr *a)
{
	struct nl_neigh nn = { .nn_index = ifindex, .nn_addr = *a };
	struct neigh **b = bucket_of(ns, ifindex, a);
	struct neigh *ne;

	if (ns->ns_n == NEIGHS_MAX)
		return (NULL);
	ne = calloc(1, sizeof(*ne));
	if (ne == NULL)
		return (NULL);
	ne->ne_addr = *a;
	ne->ne_index = ifindex;
	/* The kernel may know it already and would then not tell. */
	if (netlink_neigh_get(ns->ns_nl, &nn) == 0 && nn.nn_valid) {
		ne->ne_valid = true;
		memcpy(ne->ne_mac, nn.nn_mac, sizeof(ne->ne_mac));
	}
	ne->ne_next = *b;
	*b = ne;
	ns->ns_n++;
	return (ne);
}

struct neigh *
neigh_use(struct neighs *ns, u_int ifindex, const struct in6_addr *a,
    ilnp_time_t now)
{
	struct neigh *ne = find(ns, ifindex, a);

	if (ne == NULL)
		ne = make(ns, ifindex, a);
	if (ne == NULL)
		return (NULL);
	ne->ne_used = now;
	if (ne->ne_asked == 0 ||
	    now - ne->ne_asked > (ne->ne_valid ? CONFIRM_EVERY : ASK_EVERY)) {
		ne->ne_asked = now;
		netlink_neigh_use(ns->ns_nl, ifindex, a);
	}
	return (ne);
}

void
neigh_hold(struct neigh *ne, const void *frame, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL)
		return;
	memcpy(copy, frame, len);
	if (ne->ne_nheld == NEIGH_HELD) {
		free(ne->ne_held[0].frame);
		memmove(&ne->ne_held[0], &ne->ne_held[1],
		    (NEIGH_HELD - 1) * sizeof(ne->ne_held[0]));
		ne->ne_nheld--;
	}
	ne->ne_held[ne->ne_nheld].frame = copy;
	ne->ne_held[ne->ne_nheld++].len = len;
}

static void
send_held(struct neigh *ne, struct port *port)
{
	for (u_int i = 0; i < ne->ne_nheld; i++) {
		memcpy(ne->ne_held[i].frame + NEIGH_MAC_OFF, ne->ne_mac,
		    sizeof(ne->ne_mac));
		port_send(port, ne->ne_held[i].frame, ne->ne_held[i].len);
	}
	drop_held(ne);
}

void
neighs_update(struct neighs *ns, const struct nl_neigh *nn, bool gone,
    struct port *port)
{
	struct neigh *ne = find(ns, nn->nn_index, &nn->nn_addr);

	if (ne == NULL)
		return;
	if (gone) {
		/* Collected for lack of use by the kernel, which we are not. */
		ne->ne_asked = 0;
		return;
	}
	if (!nn->nn_valid) {
		ne->ne_valid = false;
		return;
	}
	ne->ne_valid = true;
	memcpy(ne->ne_mac, nn->nn_mac, sizeof(ne->ne_mac));
	if (ne->ne_nheld > 0 && port != NULL)
		send_held(ne, port);
}
