/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * As many forged packets as the loader was told of, for one session: nothing
 * of it may change.
 */
#include <sys/param.h>
#include <netinet/in.h>

#include "kt.h"
#include "memory.h"

#define	KINDS	8
#define	VARIANTS 256	/* of each kind, with other nonces */

static const struct ilv any = { 0, 0 };
static const struct ilv guest_a = { GUEST_A, GUEST };
static const struct ilv attacker = { 0x20010db866660001ULL, FAR6 + 0x200 };

static uint8_t forged[KINDS * VARIANTS][256];
static size_t forged_len[KINDS * VARIANTS];

/* Counters that must stay as they are: whatever they count changes state. */
static const char *const state[] = {
	"sess_created", "sess_freed", "sess_evicted", "sess_rekeyed",
	"in_newloc", "in_ptb", "in_unreach", "fallback", "lu_rcvd", "lu_acked",
	"probe_rcvd"
};

/* Those that count the packets, one each. */
static const char *const drops[] = {
	"in_nonce_wrong", "in_nonce_missing", "in_icmp_forged",
	"in_icmp_quote", "fallback_forged", "lu_forged", "in_notours",
	"lu_stale_ack", "in_nonce_len"
};

/* What a counter has counted since, which is said. */
static uint64_t
difference(const char *name, uint64_t since)
{
	uint64_t n = counter(name) - since;

	if (n != 0)
		say("       %s %lu\n", name, n);
	return (n);
}

/* A quote of a packet of the guest, for a forged error. */
static size_t
put_quote(uint8_t *p, const struct conn *c, uint32_t nonce)
{
	struct packet k;

	memset(&k, 0, sizeof(k));
	k.src = c->near;
	k.dst = c->far;
	k.proto = 6;
	k.sport = c->nearport;
	k.dport = c->farport;
	k.seq = c->ack;
	k.noncelen = 4;
	put32(k.nonce, nonce);
	return (net_compose(&k, p));
}

static void
forge(const struct conn *c, unsigned int kind, unsigned int variant)
{
	unsigned int at = kind * VARIANTS + variant;
	uint32_t nonce = 0x60000000 + variant * 2654435761U;
	struct packet k;

	memset(&k, 0, sizeof(k));
	k.src = c->far;
	k.dst = c->near;
	k.noncelen = 4;
	put32(k.nonce, nonce);
	k.sport = c->farport;
	k.dport = c->nearport;
	k.seq = c->seq;
	k.ack = c->ack;
	k.flags = TH_ACK | TH_PUSH;
	k.proto = 6;
	memcpy(k.body, "evil", 4);
	k.bodylen = 4;
	switch (kind) {
	case 0:			/* data with a wrong nonce */
		break;
	case 1:			/* from elsewhere, without one */
		k.src.l64 = attacker.l64 + variant;
		k.noncelen = 0;
		k.sum = SUM_IPV6;
		break;
	case 2:			/* reset, from elsewhere, wrong nonce */
		k.src.l64 = attacker.l64 + variant;
		k.flags = TH_RST | TH_ACK;
		break;
	case 3:			/* Locator Update */
	case 4:			/* its acknowledgement */
		k.proto = 58;
		k.type = 156;
		memset(k.body, 0, 16);
		k.body[0] = 1;
		k.body[1] = kind == 3 ? 1 : 2;
		put64(k.body + 4, attacker.l64);
		put16(k.body + 14, 300);
		k.bodylen = 16;
		break;
	case 5:			/* Parameter Problem */
	case 6:			/* Packet Too Big */
		k.proto = 58;
		k.type = kind == 5 ? 4 : 2;
		k.code = kind == 5 ? 2 : 0;
		k.noncelen = kind == 5 ? 0 : 4;
		put32(k.body, kind == 5 ? 42 : 1280);
		k.bodylen = (uint16_t)(4 + put_quote(k.body + 4, c, nonce));
		break;
	default:		/* answer to a probe */
		k.proto = 58;
		k.type = 129;
		put32(k.body, variant << 16 | 1);
		put64(k.body + 4, nonce);
		k.bodylen = 12;
		break;
	}
	forged_len[at] = net_compose(&k, forged[at]);
}

/* The lines of one session that say where the peer is. */
static size_t
where(char *out, size_t size)
{
	static char text[16384];
	size_t len = sizeof(text) - 1, n = 0;
	char *p = text;

	memset(text, 0, sizeof(text));
	(void)sysctl_get("net.inet6.ilnp6.sessions", text, &len);
	while (*p != '\0' && n + 32 < size) {
		/* Behind the locator come lifetimes, and they run. */
		if (p[0] == '\t' && p[1] == 'r') {
			memcpy(out + n, p, 28);
			n += 28;
		}
		while (*p != '\0' && *p++ != '\n')
			continue;
	}
	return (n);
}

static unsigned int
how_many(void)
{
	char text[16];
	unsigned int n = 0;

	if (!loader_variable("kt.forged", text, sizeof(text)))
		return (20000);
	for (const char *p = text; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (unsigned int)(*p - '0');
	return (n);
}

/* lesson: 1, 2, 6, 7, 9, 12, 19 */
/* checklist: 42, 45, 46 */
void
test_forged(void)
{
	struct conn c = { .far = { FAR_C, FAR6 + 0x200 }, .near = guest_a,
	    .farport = 6450, .nearport = 7250, .seq = 400,
	    .nonce = { 7, 7, 7, 8 }, .noncelen = 4 };
	int lfd = listener(any, 7250);
	unsigned int n = how_many();
	static char before[8192], after[8192];
	uint64_t was[nitems(state)], wasdrop[nitems(drops)], memory;
	uint64_t dropped = 0, changed = 0;
	uint32_t acked;
	size_t len[2];
	struct packet k;

	scenario("forged packets");
	memcpy(net_answer.nonce, c.nonce, 12);
	check(far_connects(&c, lfd, c.far, c.near, 0), "connected");
	check(near_send(&c, "mine", &k), "data goes out");
	for (unsigned int i = 0; i < KINDS; i++)
		for (unsigned int j = 0; j < VARIANTS; j++)
			forge(&c, i, j);
	/* Whatever was under way has come to its end. */
	for (int i = 0; i < 100; i++)
		(void)net_receive(&k, 20);
	len[0] = where(before, sizeof(before));
	memory = memory_of("ilnp");
	for (unsigned int i = 0; i < nitems(state); i++)
		was[i] = counter(state[i]);
	for (unsigned int i = 0; i < nitems(drops); i++)
		wasdrop[i] = counter(drops[i]);
	acked = net_answer.updates;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = (i % KINDS) * VARIANTS + i / KINDS % VARIANTS;

		net_send_raw(0, forged[at], forged_len[at]);
		if (i % 256 == 0)
			while (net_receive(&k, 1))
				continue;
	}
	for (int i = 0; i < 50; i++)
		(void)net_receive(&k, 10);
	for (unsigned int i = 0; i < nitems(drops); i++)
		dropped += difference(drops[i], wasdrop[i]);
	for (unsigned int i = 0; i < nitems(state); i++)
		changed += difference(state[i], was[i]);
	check(dropped == n, "%u were sent, %lu counted, one reason each", n,
	    dropped);
	/* A locator's lifetime may be told meanwhile, and truly acknowledged. */
	check(changed <= net_answer.updates - acked,
	    "no counter says that anything changed");
	len[1] = where(after, sizeof(after));
	check(len[0] != 0 && len[0] == len[1] &&
	    memcmp(before, after, len[0]) == 0,
	    "all correspondents are where they were");
	check(memory_of("ilnp") <= memory, "%lu octets of memory, as before",
	    memory);
	far_send(&c, TH_ACK | TH_PUSH, "good");
	check(near_reads(&c, "good"), "the connection goes on");
	(void)sys_close(c.fd);
	(void)sys_close(lfd);
}
