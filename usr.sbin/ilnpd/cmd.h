/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The commands of the control socket.
 */
#ifndef _ILNPD_CMD_H_
#define	_ILNPD_CMD_H_

#include <stddef.h>

struct ctl_client;
struct node;

/* Carries out one line and answers it. */
void	cmd_line(struct node *, struct ctl_client *, const char *line,
	    size_t len);

#endif /* !_ILNPD_CMD_H_ */
