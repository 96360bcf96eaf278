/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A stub resolver that asks several questions at once: a name's addresses and
 * its ILNP records take one round trip together.
 */
#ifndef _ILNP_STUB_H_
#define	_ILNP_STUB_H_

#include <sys/socket.h>

#include "ilnp_dns.h"

#define	ILNP_SERVERS_MAX 3
#define	ILNP_SEARCH_MAX	8

/* What resolv.conf(5) says. */
struct ilnp_stub {
	u_int		st_nservers;
	struct sockaddr_storage st_server[ILNP_SERVERS_MAX];
	u_int		st_timeout;	/* s, of the first try */
	u_int		st_attempts;
	u_int		st_ndots;
	bool		st_usevc;	/* TCP only */
	bool		st_rotate;
	bool		st_noaaaa;
	bool		st_defnames;	/* search for names without a dot */
	bool		st_dnsrch;	/* search for the others, too */
	u_int		st_nsearch;
	char		st_search[ILNP_SEARCH_MAX][ILNP_DNS_TEXT_MAX];
};

/*
 * Reads the configuration as the system's own resolver does, environment
 * included.  Returns 0 or an errno.
 */
int	ilnp_stub_conf(struct ilnp_stub *);

/* One question of a round, and how it was answered. */
struct ilnp_ask {
	struct ilnp_question ak_q;	/* set q_name and q_type */
	bool		ak_extra;	/* nobody waits long for it alone */
	bool		ak_key;		/* without its records no extra ones serve */
	enum ilnp_dns_verdict ak_verdict;
	enum ilnp_dns_verdict ak_why;	/* of none: what a server said at last */
	uint8_t		*ak_msg;	/* of ILNP_DNS_ANSWER */
	size_t		ak_len;
	/* The stub's own: */
	bool		ak_noedns;
	bool		ak_tcp;
	bool		ak_sent;	/* over TCP */
	bool		ak_failed;	/* by the server that is asked now */
};

/*
 * How long answers to extra questions are waited for once all others are
 * there: some middle boxes swallow what they do not know.  Longer over TCP,
 * where a server has already said that it has more to say.
 */
#define	ILNP_STUB_GRACE		400	/* ms */
#define	ILNP_STUB_GRACE_TCP	2000	/* ms */

/*
 * Asks all questions in parallel, of one server after the other until one has
 * answered all that are not extra.  `unreach' is set if no server could even
 * be sent to.  Needs no round trip more than one question does.
 */
void	ilnp_stub_round(const struct ilnp_stub *, struct ilnp_ask *, u_int n,
	    bool *unreach);

void	ilnp_stub_free(struct ilnp_ask *, u_int n);

#endif /* !_ILNP_STUB_H_ */
