/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * DNS messages (RFC 1035, RFC 6742): writes queries, reads answers.  Octets
 * in, values out; no sockets, no memory.
 */
#ifndef _ILNP_DNS_H_
#define	_ILNP_DNS_H_

#include "ilnp_rd.h"

#define	ILNP_DNS_A	1
#define	ILNP_DNS_CNAME	5
#define	ILNP_DNS_AAAA	28

#define	ILNP_DNS_MSG_MAX	65535	/* octets */
#define	ILNP_DNS_UDP_MAX	1232	/* what we say we can take (EDNS0) */
#define	ILNP_DNS_QUERY_MAX	288	/* header, question, EDNS0 */
#define	ILNP_DNS_TEXT_MAX	256	/* a name as text and its end */

/* A name as it stands in messages: labels, the root's at the end. */
struct ilnp_name {
	uint8_t		n_len;		/* octets; 0: no name */
	uint8_t		n_b[255];
};

/*
 * Reads a host name of letters, digits, '-' and '_', with or without a dot at
 * its end.  Returns false if it is anything else or too long.
 */
bool	ilnp_name_read(struct ilnp_name *, const char *text);

/*
 * Writes a name as text, without the dot at the end.  Returns false, and
 * writes "", if a label holds what host names do not.
 */
bool	ilnp_name_write(const struct ilnp_name *,
	    char text[ILNP_DNS_TEXT_MAX]);

void	ilnp_name_lower(struct ilnp_name *);

/* Upper and lower case are the same. */
bool	ilnp_name_eq(const struct ilnp_name *, const struct ilnp_name *);

/* True if a name is `zone' or lies below it. */
bool	ilnp_name_within(const struct ilnp_name *,
	    const struct ilnp_name *zone);

/* The name without its first label; empty for the root. */
struct ilnp_name ilnp_name_parent(const struct ilnp_name *);

struct ilnp_question {
	struct ilnp_name q_name;	/* in the case it was asked with */
	uint16_t	q_type;
	uint16_t	q_id;
};

/*
 * Writes a recursive query, with EDNS0 or without.  Returns its length, or 0
 * if it does not fit.
 */
size_t	ilnp_dns_query(uint8_t *buf, size_t cap, const struct ilnp_question *,
	    bool edns);

enum ilnp_dns_verdict {
	ILNP_DNS_NONE,		/* not answered */
	ILNP_DNS_ALIEN,		/* no answer to this question */
	ILNP_DNS_TRUNCATED,	/* to be asked again over TCP */
	ILNP_DNS_OLD,		/* the server may not know EDNS0 */
	ILNP_DNS_ANSWER,	/* holds records or says there are none */
	ILNP_DNS_NONAME,	/* there is no such name */
	ILNP_DNS_FAILED,	/* the server could not find out */
	ILNP_DNS_REFUSED	/* the server does not want to */
};

/*
 * Judges header and question of a message.  Over TCP there is nothing more to
 * be had: what is truncated there or has lost its case counts as it is.
 */
enum ilnp_dns_verdict ilnp_dns_check(const uint8_t *msg, size_t len,
	    const struct ilnp_question *, bool tcp);

/* One record; values that its type does not have are zero. */
struct ilnp_rr {
	uint16_t	rr_type;
	uint16_t	rr_pref;	/* NID, L64, LP: lower is preferred */
	uint32_t	rr_ttl;		/* s; the least on the way to it */
	uint64_t	rr_value;	/* NID, L64 */
	const uint8_t	*rr_addr;	/* A: 4 octets, AAAA: 16, in place */
	struct ilnp_name rr_target;	/* LP */
};

typedef void ilnp_rr_fn(void *arg, const struct ilnp_rr *);

/*
 * Calls back for each record that answers the question, behind at most
 * ILNP_DNS_CHAIN aliases; `owner' gets the name at the end of these.  All of
 * the message is looked at first: one form error, for instance a NID record
 * that is not ten octets long (RFC 6742 s2.1.1), and nothing of it is used.
 * Returns 0, or EINVAL if the message is malformed.
 */
int	ilnp_dns_read(const uint8_t *msg, size_t len,
	    const struct ilnp_question *, struct ilnp_name *owner,
	    ilnp_rr_fn *, void *arg);

/* True if ilnp_dns_read() would call back. */
bool	ilnp_dns_holds(const uint8_t *msg, size_t len,
	    const struct ilnp_question *);

/*
 * As ilnp_dns_read(), for records of `type' that the additional section has
 * under `name'.  Whether to believe them is the caller's business.
 */
int	ilnp_dns_read_more(const uint8_t *msg, size_t len,
	    const struct ilnp_name *, uint16_t type, ilnp_rr_fn *, void *arg);

#define	ILNP_DNS_CHAIN	16

#endif /* !_ILNP_DNS_H_ */
