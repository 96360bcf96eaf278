/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the node is told at start: a TOML file, then flags over it.
 */
#ifndef _ILNPD_CONF_H_
#define	_ILNPD_CONF_H_

#include <net/if.h>
#include <netinet/in.h>

#include "ilnp_knob.h"

#define	CONF_IFS_MAX	8
#define	CONF_STATICS_MAX 16
#define	CONF_DENY_MAX	16
#define	CONF_NAME_MAX	16
#define	CONF_PATH_MAX	108	/* a Unix socket's limit */

struct conf_if {
	char		ci_name[IF_NAMESIZE];
	uint16_t	ci_pref;	/* of its locators, lower is preferred */
	uint32_t	ci_weight;
	bool		ci_disabled;
};

/* A locator that no Router Advertisement announces. */
struct conf_static {
	u_int		cs_if;		/* index into c_if */
	struct ilnp_l64	cs_l64;
	bool		cs_routed;	/* has a router */
	struct in6_addr	cs_via;
};

struct conf_deny {
	struct ilnp_l64	cd_prefix;
	u_int		cd_len;		/* bits, at most 64 */
};

struct conf {
	char		c_name[CONF_NAME_MAX];
	char		c_tun[IF_NAMESIZE];
	uint32_t	c_mtu;		/* of the TUN device; 0 = computed */
	bool		c_offload;
	bool		c_foreground;
	bool		c_verbose;
	char		c_statedir[CONF_PATH_MAX];
	char		c_control[CONF_PATH_MAX];
	char		c_hosts[256];	/* "" = none */
	char		c_user[32];
	char		c_algorithm[16];
	u_int		c_nifs;
	struct conf_if	c_if[CONF_IFS_MAX];
	u_int		c_nnids;
	struct ilnp_nid	c_nid[ILNP_NIDS_MAX];
	u_int		c_nstatics;
	struct conf_static c_static[CONF_STATICS_MAX];
	u_int		c_ndeny;
	struct conf_deny c_deny[CONF_DENY_MAX];
	struct ilnp_conf c_knobs;
};

/*
 * Reads the command line and the file it names.
 * Returns -1 to go on, else the exit code: 0 after -h or -V, 2 after a message
 * about what is wrong.
 */
int	conf_read(struct conf *, int argc, char **argv);

/* True if the configuration forbids to use a prefix as locator. */
bool	conf_denies(const struct conf *, struct ilnp_l64);

/* Says in words which values a knob may have; "" if there is no such knob. */
const char *conf_knob_range(const char *name);

/* The names of all selection algorithms, separated by commas. */
const char *conf_algorithms(void);

#define	ILNPD_VERSION	"0.1.0"

#endif /* !_ILNPD_CONF_H_ */
