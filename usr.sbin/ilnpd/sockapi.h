/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The locator API: programs of all users see and choose the paths of their own
 * connected sockets.
 *
 * The socket's address is abstract, "\0ilnpd.sock", so it belongs to the
 * network namespace; one connection serves one TCP or UDP socket.  Messages
 * are JSON objects (SOCK_SEQPACKET).  The first one hands the socket over
 * (SCM_RIGHTS), which proves whose it is; the node looks at it and closes it.
 * A choice ends with the connection, or with the socket.
 */
#ifndef _ILNPD_SOCKAPI_H_
#define	_ILNPD_SOCKAPI_H_

#include <jansson.h>

#include "flow.h"
#include "node.h"

struct sockapi;

/*
 * Returns 0 or an errno after a message.  That another node has the address is
 * no error: sockets are its business then.
 */
int	sockapi_open(struct node *, struct sockapi **);
void	sockapi_close(struct sockapi *);

/* What a flow wants; NULL if it wants nothing. */
struct ilnp_choice *sockapi_choice(struct node *, const struct flow_key *);

/* True if there is anybody whom events may interest. */
bool	sockapi_has_clients(const struct node *);

/* Tells an event to those whose socket is between these NIDs; o is borrowed. */
void	sockapi_event(struct node *, const struct ilnp_nidpair *, json_t *o);

/* Lets go whoever's socket is no more; about once a second. */
void	sockapi_tick(struct node *, ilnp_time_t now);

#endif /* !_ILNPD_SOCKAPI_H_ */
