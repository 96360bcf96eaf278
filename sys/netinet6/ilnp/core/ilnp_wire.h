/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What stands on the wire: the headers of a packet as far as ILNP must know
 * them, the nonce option (RFC 6744), Locator Updates (RFC 6743), path probes.
 * Bytes in, values out; nothing here keeps state.
 */
#ifndef _ILNP_WIRE_H_
#define	_ILNP_WIRE_H_

#include "ilnp_rd.h"

#define	ILNP_IP6_HDRLEN		40
#define	ILNP_PROTO_HOPOPTS	0
#define	ILNP_PROTO_TCP		6
#define	ILNP_PROTO_UDP		17
#define	ILNP_PROTO_ROUTING	43
#define	ILNP_PROTO_FRAGMENT	44
#define	ILNP_PROTO_ICMPV6	58
#define	ILNP_PROTO_NONE		59
#define	ILNP_PROTO_DSTOPTS	60
#define	ILNP_PROTO_UDPLITE	136

#define	ILNP_OPT_PAD1		0
#define	ILNP_OPT_PADN		1

#define	ILNP_ICMP6_UNREACH	1
#define	ILNP_ICMP6_PTB		2
#define	ILNP_ICMP6_PARAMPROB	4
#define	ILNP_ICMP6_ECHO_REQ	128
#define	ILNP_ICMP6_ECHO_REP	129

/* Longest chain of extension headers looked at; more is malformed. */
#define	ILNP_EXTHDRS_MAX	8

/* Longest control packet that ilnp_wire_compose() writes. */
#define	ILNP_CTL_MAX		(ILNP_IP6_HDRLEN + 16 + ILNP_LU_HDRLEN + \
				    ILNP_LU_COUNT_MAX * ILNP_LU_REC_EXT16)

enum ilnp_parse {
	ILNP_PARSE_OK = 0,
	ILNP_PARSE_SHORT,		/* header runs past the packet */
	ILNP_PARSE_BAD,			/* not IPv6, or the chain is too long */
	ILNP_PARSE_NONCE_TWICE,
	ILNP_PARSE_NONCE_LEN
};

/*
 * A packet's headers.  Offsets count from the IPv6 header.  v_proto is the
 * first header that is not an extension header; it is not looked at in
 * fragments behind the first, whose v_l4off points at fragment data.
 */
struct ilnp_view {
	struct ilnp_ilv	v_src;
	struct ilnp_ilv	v_dst;
	struct ilnp_nonce v_nonce;	/* n_len 0: none */
	uint32_t	v_len;		/* octets by the IPv6 header, with it */
	uint16_t	v_l4off;
	uint16_t	v_nonceoff;	/* of the header that holds the nonce */
	uint16_t	v_noncelen;	/* length of that header */
	uint16_t	v_noncenxt;	/* offset of the octet that names it */
	uint16_t	v_optoff;	/* of the nonce option itself */
	uint8_t		v_proto;
	bool		v_alone;	/* the nonce is all that header holds */
	bool		v_frag;		/* has a fragment header */
	bool		v_laterfrag;	/* fragment that is not the first */
	uint16_t	v_sport;	/* TCP, UDP, UDP-Lite; else 0 */
	uint16_t	v_dport;
	uint8_t		v_icmptype;	/* ICMPv6; else 0 */
	uint8_t		v_icmpcode;
	uint8_t		v_tcpflags;	/* TCP; else 0 */
};

/*
 * Parses a packet of which `len' octets are at hand.  A packet that was cut
 * short (an ICMPv6 quote, a header pulled up from an mbuf chain) parses as long
 * as its headers are there; the payload may be missing.
 */
enum ilnp_parse	ilnp_wire_parse(const void *p, size_t len, struct ilnp_view *);

/* Octets of the destination options header that holds this nonce: 8 or 16. */
static inline size_t
ilnp_wire_noncelen(const struct ilnp_nonce *n)
{
	return (n->n_len == ILNP_NONCE_LONG ? 16 : 8);
}

/* Writes that header; `next' is what follows it.  Returns its length. */
static inline size_t
ilnp_wire_put_nonce(uint8_t *buf, const struct ilnp_nonce *n, uint8_t next)
{
	size_t len = ilnp_wire_noncelen(n);

	buf[0] = next;
	buf[1] = (uint8_t)(len / 8 - 1);
	buf[2] = ILNP_OPT_NONCE;
	buf[3] = n->n_len;
	/* Of a length that the compiler knows: this is done for each packet. */
	if (len == 8)
		memcpy(buf + 4, n->n_b, 4);
	else
		memcpy(buf + 4, n->n_b, 12);
	return (len);
}

/* Turns the nonce option of a parsed packet into padding, in place. */
static inline void
ilnp_wire_neutralise(uint8_t *pkt, const struct ilnp_view *v)
{
	uint8_t *opt = pkt + v->v_optoff;

	opt[0] = ILNP_OPT_PADN;
	if (v->v_nonce.n_len == ILNP_NONCE_SHORT)
		memset(opt + 2, 0, ILNP_NONCE_SHORT);
	else
		memset(opt + 2, 0, ILNP_NONCE_LONG);
}

/* One record of a Locator Update. */
struct ilnp_lurec {
	struct ilnp_l64	lr_l64;
	uint32_t	lr_pref;	/* lower is preferred */
	uint32_t	lr_life;	/* seconds */
};

/* A Locator Update body in place; records are read one at a time. */
struct ilnp_lu {
	const uint8_t	*lu_rec;	/* first record */
	uint8_t		lu_count;
	uint8_t		lu_op;		/* ILNP_LU_ADVERT, ILNP_LU_ACK */
	uint8_t		lu_code;
	uint8_t		lu_reclen;	/* 12, 14 or 16 octets */
};

/*
 * Parses an ICMPv6 message of type 156.  `reclen' is the record form in force,
 * `softcode' a second code to accept (0: none).  In an extended form the length
 * of the message tells the form of its records.
 * Returns 0, or EBADMSG for a wrong length, count, code or operation.
 */
int	ilnp_lu_parse(const uint8_t *icmp, size_t len, uint8_t reclen,
	    uint8_t softcode, struct ilnp_lu *);

/* Record `i' below lu_count. */
struct ilnp_lurec ilnp_lu_rec(const struct ilnp_lu *, u_int i);

/*
 * A control packet to be sent: enough to write it from its IPv6 header on.
 * cp_body is for an acknowledgement: the records of the advertisement, octet
 * for octet (RFC 6743 s2), which stay where they were received.
 */
enum ilnp_ctl_kind {
	ILNP_CTL_LU,
	ILNP_CTL_PROBE,
	ILNP_CTL_PROBE_REPLY
};

struct ilnp_ctl {
	enum ilnp_ctl_kind cp_kind;
	struct ilnp_ilv	cp_src;
	struct ilnp_ilv	cp_dst;
	struct ilnp_nonce cp_nonce;
	uint8_t		cp_op;		/* LU: operation */
	uint8_t		cp_code;	/* LU: code */
	uint8_t		cp_count;	/* LU: records */
	uint8_t		cp_reclen;	/* LU: octets per record */
	const uint8_t	*cp_body;	/* LU records or echo data, in place */
	uint16_t	cp_bodylen;
	uint16_t	cp_echoid;	/* probes */
	uint16_t	cp_echoseq;
};

/* Writes one record.  Preference and lifetime are clamped to their fields. */
void	ilnp_lu_put_rec(struct ilnp_wr *, uint8_t reclen,
	    const struct ilnp_lurec *);

/*
 * Writes the whole packet: IPv6 header, nonce, ICMPv6 with its checksum.
 * Returns its length, or 0 if it does not fit.
 */
size_t	ilnp_wire_compose(const struct ilnp_ctl *, uint8_t *buf, size_t cap);

/* True if the ICMPv6 checksum of a whole, unfragmented message is right. */
bool	ilnp_wire_icmp_ok(const uint8_t *pkt, size_t len,
	    const struct ilnp_view *);

#endif /* !_ILNP_WIRE_H_ */
