/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Speaks nftables.  The table outlives a crash on purpose: silence lets
 * connections wait for the node to come back, a reset ends them.
 */
#include <ctype.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard.h"
#include "ilnp_wire.h"
#include "log.h"

#define	SCRIPT_MAX	4096
#define	FLOWS_MAX	65536
#define	FLOW_SECONDS	3600
#define	FLOW_RENEW	(FLOW_SECONDS / 2)

struct guard {
	struct nft_ctx	*g_ctx;
	char		g_table[40];
	struct log_rate	g_rate;
};

/* Returns 0, or EIO after a message. */
static int
run_script(struct guard *g, const char *script)
{
	if (nft_run_cmd_from_buffer(g->g_ctx, script) == 0)
		return (0);
	if (log_allowed(&g->g_rate, ilnp_env_now()))
		log_error("nftables: %.200s",
		    nft_ctx_get_error_buffer(g->g_ctx));
	return (EIO);
}

static int
put_nid(char *buf, size_t room, struct ilnp_nid nid, const char *end)
{
	return (snprintf(buf, room, "::%x:%x:%x:%x%s",
	    (unsigned int)(nid.nid >> 48 & 0xffff),
	    (unsigned int)(nid.nid >> 32 & 0xffff),
	    (unsigned int)(nid.nid >> 16 & 0xffff),
	    (unsigned int)(nid.nid & 0xffff), end));
}

/*
 * What comes out of the TUN device has been through the node already.
 *
 * The options that may stand before a nonce (Pad1, PadN, CALIPSO) count as the
 * nonce: what else begins with them to one of our NIDs is not worth an answer.
 * In a first fragment the header follows the fragment header; the others go
 * with it, or the host would keep them for a minute each.
 */
static int
install(struct guard *g, const char *tun, const struct ilnp_nid *nid, u_int n)
{
	static const char low[] = "::ffff:ffff:ffff:ffff";
	static const char first[] = "{ 0x8b, 0, 1, 7 }";
	char script[SCRIPT_MAX];
	int at;

	at = snprintf(script, sizeof(script),
	    "add table ip6 %s\n"
	    "delete table ip6 %s\n"
	    "table ip6 %s {\n"
	    " set nids { typeof ip6 daddr; }\n"
	    " set flows { typeof ip6 saddr . ip6 daddr . meta l4proto . "
	    "th sport . th dport; flags timeout; size %d; }\n"
	    " set pairs { typeof ip6 saddr . ip6 daddr; flags timeout; "
	    "size %d; }\n"
	    " set echoes { typeof ip6 saddr . ip6 daddr . icmpv6 id; "
	    "flags timeout; size %d; }\n"
	    " chain prerouting {\n"
	    "  type filter hook prerouting priority raw; policy accept;\n"
	    "  iifname \"%s\" accept\n"
	    "  ip6 nexthdr 60 @nh,336,8 %s ip6 daddr & %s @nids counter drop\n"
	    "  ip6 nexthdr 44 frag nexthdr 60 frag frag-off 0 @nh,400,8 %s "
	    "ip6 daddr & %s @nids counter drop\n"
	    "  ip6 nexthdr 44 frag nexthdr 60 frag frag-off != 0 "
	    "ip6 daddr & %s @nids counter drop\n"
	    "  ip6 saddr & %s . ip6 daddr & %s . meta l4proto . th sport . "
	    "th dport @flows counter drop\n"
	    "  icmpv6 type echo-reply ip6 saddr & %s . ip6 daddr & %s . "
	    "icmpv6 id @echoes counter drop\n"
	    "  ip6 nexthdr { 6, 17, 44, 136 } ip6 saddr & %s . ip6 daddr & %s "
	    "@pairs counter drop\n"
	    "  icmpv6 type echo-reply ip6 saddr & %s . ip6 daddr & %s @pairs "
	    "counter drop\n"
	    " }\n}\n",
	    g->g_table, g->g_table, g->g_table, FLOWS_MAX, FLOWS_MAX,
	    FLOWS_MAX, tun, first, low, first, low, low, low, low, low, low, low,
	    low, low, low);
	for (u_int i = 0; i < n; i++) {
		at += snprintf(script + at, sizeof(script) - (size_t)at,
		    "add element ip6 %s nids { ", g->g_table);
		at += put_nid(script + at, sizeof(script) - (size_t)at, nid[i],
		    " }\n");
	}
	return (run_script(g, script));
}

int
guard_open(const char *name, const char *tun, const struct ilnp_nid *nid,
    u_int n, struct guard **gp)
{
	struct guard *g = calloc(1, sizeof(*g));
	int error;

	if (g == NULL)
		return (ENOMEM);
	(void)snprintf(g->g_table, sizeof(g->g_table), "ilnp_%s", name);
	for (char *p = g->g_table; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p))
			*p = '_';
	g->g_ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (g->g_ctx == NULL) {
		free(g);
		return (ENOMEM);
	}
	(void)nft_ctx_buffer_output(g->g_ctx);
	(void)nft_ctx_buffer_error(g->g_ctx);
	error = install(g, tun, nid, n);
	if (error != 0) {
		nft_ctx_free(g->g_ctx);
		free(g);
		return (error);
	}
	*gp = g;
	return (0);
}

void
guard_close(struct guard *g)
{
	char script[80];

	(void)snprintf(script, sizeof(script), "delete table ip6 %s",
	    g->g_table);
	(void)run_script(g, script);
	nft_ctx_free(g->g_ctx);
	free(g);
}

static void
put_element(char *buf, size_t room, const struct guard *g,
    const struct flow_key *fk)
{
	const char *set = fk->fk_proto == 0 ? "pairs" :
	    fk->fk_proto == ILNP_PROTO_ICMPV6 ? "echoes" : "flows";
	size_t at;

	at = (size_t)snprintf(buf, room, "element ip6 %s %s { ", g->g_table,
	    set);
	at += (size_t)put_nid(buf + at, room - at, fk->fk_nids.remote, " . ");
	at += (size_t)put_nid(buf + at, room - at, fk->fk_nids.local, "");
	if (fk->fk_proto == ILNP_PROTO_ICMPV6)
		at += (size_t)snprintf(buf + at, room - at, " . %u",
		    fk->fk_lport);
	else if (fk->fk_proto != 0)
		at += (size_t)snprintf(buf + at, room - at, " . %u . %u . %u",
		    fk->fk_proto, fk->fk_rport, fk->fk_lport);
	(void)snprintf(buf + at, room - at, " timeout %us }\n", FLOW_SECONDS);
}

void
guard_flow(struct guard *g, struct flow *fl, ilnp_time_t now)
{
	char element[256], script[1024];
	uint32_t clock = ilnp_loc_clock(now);
	bool again = (fl->fl_flags & FLOW_GUARDED) != 0;

	if ((fl->fl_key.fk_proto != 0 &&
	    fl->fl_key.fk_proto != ILNP_PROTO_TCP &&
	    fl->fl_key.fk_proto != ILNP_PROTO_UDP &&
	    fl->fl_key.fk_proto != ILNP_PROTO_ICMPV6) ||
	    (again && clock - fl->fl_guarded < FLOW_RENEW))
		return;
	put_element(element, sizeof(element), g, &fl->fl_key);
	/* An element that is there keeps its old end: take it out first. */
	(void)snprintf(script, sizeof(script), "add %sdelete %sadd %s",
	    element, element, element);
	fl->fl_flags |= FLOW_GUARDED;
	fl->fl_guarded = clock;
	(void)run_script(g, script);
}
