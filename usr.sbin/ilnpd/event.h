/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What happens, told to the log and to those who have subscribed.
 */
#ifndef _ILNPD_EVENT_H_
#define	_ILNPD_EVENT_H_

#include "node.h"

struct locator;

/* The core's callback; arg is the node. */
void	event_core(void *arg, const struct ilnp_event *);

/* A locator of ours was added, deleted, or has become quiet. */
void	event_locator(struct node *, enum ilnp_event_kind,
	    const struct locator *, ilnp_time_t now);

/* Why a correspondent is taken for plain IPv6; NULL if not known. */
const char *event_fallback_reason(struct ilnp_nid);

#endif /* !_ILNPD_EVENT_H_ */
