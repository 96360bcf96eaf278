/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The state of the node as JSON.  Nonces are not in it.
 */
#ifndef _ILNPD_SHOW_H_
#define	_ILNPD_SHOW_H_

#include <jansson.h>

#include "node.h"

json_t	*show_status(struct node *);
json_t	*show_locators(struct node *);
json_t	*show_counters(struct node *);
json_t	*show_knobs(struct node *);
json_t	*show_hosts(struct node *);
json_t	*show_session(const struct ilnp_sessinfo *, const struct node *);
json_t	*show_paths(const struct ilnp_sessinfo *);

#endif /* !_ILNPD_SHOW_H_ */
