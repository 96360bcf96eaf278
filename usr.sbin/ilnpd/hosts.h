/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The correspondents that names know: I-LVs from the hosts file, and those that
 * are taught by the control socket.
 *
 *	# I-LV name [preference [lifetime]]
 *	2001+0db8+0001+0001.0211-22ff-fe33-4455	mn
 *	2001+0db8+0002+0002.0211-22ff-fe33-4455	mn 20 300
 */
#ifndef _ILNPD_HOSTS_H_
#define	_ILNPD_HOSTS_H_

#include "ilnp_wire.h"

#define	HOSTS_NAME_MAX	64
#define	HOSTS_ERROR_MAX	512

struct hosts;

struct host {
	struct ilnp_nid	ho_nid;
	char		ho_name[HOSTS_NAME_MAX];	/* "" if only taught */
	bool		ho_taught;
	u_int		ho_n;
	struct ilnp_lurec ho_rec[ILNP_LOCS_MAX];
};

struct hosts *hosts_alloc(void);
void	hosts_free(struct hosts *);

/*
 * Reads a file from an open descriptor, and on success replaces what the last
 * file said; `path' is for messages.
 * Returns true, or false with a message "FILE:LINE: ..." and nothing changed.
 */
bool	hosts_read(struct hosts *, int fd, const char *path,
	    char error[HOSTS_ERROR_MAX]);

/* Learns a correspondent's locators.  Returns 0, ENOSPC or ENOMEM. */
int	hosts_teach(struct hosts *, struct ilnp_nid, const struct ilnp_lurec *,
	    u_int n);

/* Borrowed until the next change; NULL if unknown. */
const struct host *hosts_find(const struct hosts *, struct ilnp_nid);

/* The i-th correspondent for a listing; NULL behind the last. */
const struct host *hosts_at(const struct hosts *, u_int i);

#endif /* !_ILNPD_HOSTS_H_ */
