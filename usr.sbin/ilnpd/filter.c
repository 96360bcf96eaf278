/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Writes the filter program.  What it lets in is still judged packet by packet;
 * it only keeps the host's other traffic from being copied up.
 *
 * Let in, to one of our NIDs: destination options, also in fragments, ICMPv6
 * errors, Locator Updates; from correspondents without ILNP also TCP, UDP, fragments and echo
 * replies.  Let in from any router: Router Advertisements.
 */
#include <linux/if_packet.h>

#include "filter.h"
#include "ilnp_wire.h"
#include "port.h"

#define	OFF_NEXT	(ETHER_LEN + 6)
#define	OFF_SRC_NID	(ETHER_LEN + 16)
#define	OFF_DST_NID	(ETHER_LEN + 32)
#define	OFF_ICMPTYPE	(ETHER_LEN + ILNP_IP6_HDRLEN)
#define	OFF_FRAGNEXT	(ETHER_LEN + ILNP_IP6_HDRLEN)
#define	ICMP_INFO	128	/* first type that is not an error */
#define	ICMP_RA		134
#define	WHOLE		0x40000
#define	JUMPS_MAX	64

enum label { OURS, PLAIN };

/* A program in the making: jumps wait for the place of their label. */
struct maker {
	struct filter	*m_fi;
	u_int		m_n;
	struct { u_int at; enum label to; } m_jump[JUMPS_MAX];
};

static void
put(struct maker *m, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	struct sock_filter insn = { code, jt, jf, k };

	ILNP_ASSERT(m->m_fi->fi_n < FILTER_INSNS_MAX);
	m->m_fi->fi_insn[m->m_fi->fi_n++] = insn;
}

#define	LOAD_OCTET(m, off)	put(m, BPF_LD | BPF_B | BPF_ABS, 0, 0, off)
#define	LOAD_WORD(m, off)	put(m, BPF_LD | BPF_W | BPF_ABS, 0, 0, off)
#define	SKIP_IF(m, v, n)	put(m, BPF_JMP | BPF_JEQ | BPF_K, n, 0, v)
#define	SKIP_UNLESS(m, v, n)	put(m, BPF_JMP | BPF_JEQ | BPF_K, 0, n, v)
#define	SKIP_BELOW(m, v, n)	put(m, BPF_JMP | BPF_JGE | BPF_K, 0, n, v)
#define	RETURN(m, len)		put(m, BPF_RET | BPF_K, 0, 0, len)

static void
jump_to(struct maker *m, enum label to)
{
	ILNP_ASSERT(m->m_n < JUMPS_MAX);
	m->m_jump[m->m_n].at = m->m_fi->fi_n;
	m->m_jump[m->m_n++].to = to;
	put(m, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void
place(struct maker *m, enum label here)
{
	for (u_int i = 0; i < m->m_n; i++)
		if (m->m_jump[i].to == here)
			m->m_fi->fi_insn[m->m_jump[i].at].k =
			    m->m_fi->fi_n - m->m_jump[i].at - 1;
}

/* The next instruction runs if the two words at `off' are this NID. */
static void
skip_unless_nid(struct maker *m, uint32_t off, struct ilnp_nid nid)
{
	LOAD_WORD(m, off);
	SKIP_UNLESS(m, (uint32_t)(nid.nid >> 32), 3);
	LOAD_WORD(m, off + 4);
	SKIP_UNLESS(m, (uint32_t)nid.nid, 1);
}

static void
put_protocols(struct maker *m)
{
	static const uint8_t plain[] = { ILNP_PROTO_TCP, ILNP_PROTO_UDP };

	LOAD_OCTET(m, OFF_NEXT);
	SKIP_UNLESS(m, ILNP_PROTO_DSTOPTS, 1);
	jump_to(m, OURS);
	for (u_int i = 0; i < sizeof(plain); i++) {
		SKIP_UNLESS(m, plain[i], 1);
		jump_to(m, PLAIN);
	}
	SKIP_UNLESS(m, ILNP_PROTO_FRAGMENT, 4);
	LOAD_OCTET(m, OFF_FRAGNEXT);
	SKIP_UNLESS(m, ILNP_PROTO_DSTOPTS, 1);
	jump_to(m, OURS);
	jump_to(m, PLAIN);
	SKIP_IF(m, ILNP_PROTO_ICMPV6, 1);
	RETURN(m, 0);

	LOAD_OCTET(m, OFF_ICMPTYPE);
	SKIP_UNLESS(m, ICMP_RA, 1);
	RETURN(m, WHOLE);
	SKIP_UNLESS(m, ILNP_ICMP6_LU, 1);
	jump_to(m, OURS);
	SKIP_UNLESS(m, ILNP_ICMP6_ECHO_REP, 1);
	jump_to(m, PLAIN);
	SKIP_BELOW(m, ICMP_INFO, 1);
	RETURN(m, 0);
	jump_to(m, OURS);
}

void
filter_make(struct filter *fi, const struct filter_want *fw)
{
	struct maker m = { .m_fi = fi };

	fi->fi_n = 0;
	LOAD_WORD(&m, (uint32_t)SKF_AD_OFF + SKF_AD_IFINDEX);
	for (u_int i = 0; i < fw->fw_nifs; i++)
		SKIP_IF(&m, fw->fw_if[i], (uint8_t)(fw->fw_nifs - i));
	RETURN(&m, 0);
	LOAD_WORD(&m, (uint32_t)SKF_AD_OFF + SKF_AD_PKTTYPE);
	SKIP_IF(&m, PACKET_HOST, 2);
	SKIP_IF(&m, PACKET_MULTICAST, 1);
	RETURN(&m, 0);
	put_protocols(&m);

	place(&m, PLAIN);
	for (u_int i = 0; !fw->fw_anyremote && i < fw->fw_nremotes; i++) {
		skip_unless_nid(&m, OFF_SRC_NID, fw->fw_remote[i]);
		jump_to(&m, OURS);
	}
	if (!fw->fw_anyremote)
		RETURN(&m, 0);

	place(&m, OURS);
	for (u_int i = 0; i < fw->fw_nnids; i++) {
		skip_unless_nid(&m, OFF_DST_NID, fw->fw_nid[i]);
		RETURN(&m, WHOLE);
	}
	RETURN(&m, 0);
}
