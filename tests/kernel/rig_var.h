/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the parts of the rig share.
 */
#ifndef _KT_RIG_VAR_H_
#define	_KT_RIG_VAR_H_

#include <net/if.h>

#include "rig.h"

#define	KNOBS	"net.inet6.ilnp6."

struct link {
	char	host[IFNAMSIZ];		/* the host's end */
	char	router[IFNAMSIZ];	/* the router's */
};

extern struct rig {
	int	jid[3];
	int	links[2];
	struct link link[2][RIG_LINKS];
	bool	pair;
	bool	ilnp;		/* hosts have it */
	uint8_t	mac[2][6];	/* of a pair */
	uint64_t stacks;	/* memory of stacks before there was any */
} rig;

/* What a child brings back beside its exit status. */
extern union rig_back {
	uint64_t n[2];
	int	fd;
	char	text[16384];
} *rig_back;

/* Writes a NID or locator with a separator; returns how long that is, 19. */
size_t	rig_groups(char *text, uint64_t, char separator);

#endif /* !_KT_RIG_VAR_H_ */
