/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Which frames the kernel hands to the node (classic BPF).
 */
#ifndef _ILNPD_FILTER_H_
#define	_ILNPD_FILTER_H_

#include <linux/filter.h>

#include "ilnp_types.h"

#define	FILTER_REMOTES_MAX	32
#define	FILTER_IFS_MAX	16
#define	FILTER_INSNS_MAX	320

struct filter_want {
	u_int		fw_nifs;
	u_int		fw_if[FILTER_IFS_MAX];	/* interface indices */
	u_int		fw_nnids;
	struct ilnp_nid	fw_nid[ILNP_NIDS_MAX];
	/*
	 * Correspondents whose packets without a nonce are wanted too: those in
	 * fallback.  fw_anyremote: they are too many to list.
	 */
	bool		fw_anyremote;
	u_int		fw_nremotes;
	struct ilnp_nid	fw_remote[FILTER_REMOTES_MAX];
};

struct filter {
	u_int		fi_n;
	struct sock_filter fi_insn[FILTER_INSNS_MAX];
};

void	filter_make(struct filter *, const struct filter_want *);

#endif /* !_ILNPD_FILTER_H_ */
