/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the administrator may write and read, as text: between
 * ilnp_edge_sysctl.c and ilnp_edge_ctl.c.
 */
#ifndef _NETINET6_ILNP_KERN_ILNP_EDGE_CTL_H_
#define	_NETINET6_ILNP_KERN_ILNP_EDGE_CTL_H_

struct ilnp_edge;
struct sbuf;

/*
 * Make our NIDs those listed; leave the interfaces listed unused, and no
 * others; give the locators of interfaces "NAME,preference[,weight] ...", and
 * others the defaults; tell of a correspondent.  The text is taken apart in
 * place.  e_sx held for all but the last.
 * Return 0 or an errno; on error nothing has changed.
 */
int	ilnp_ctl_nids(struct ilnp_edge *, char *);
int	ilnp_ctl_disabled(struct ilnp_edge *, char *);
int	ilnp_ctl_preferences(struct ilnp_edge *, char *);
int	ilnp_ctl_teach(struct ilnp_edge *, char *);

/*
 * Reads "NID L64[,preference[,seconds]] ...", the text taken apart in place.
 * Returns 0, EINVAL, or E2BIG; there may be no locators.
 */
int	ilnp_ctl_records(char *, struct ilnp_nid *,
	    struct ilnp_lurec[ILNP_LOCS_MAX], u_int *n);

/*
 * Listings, one line each and indented lines for its parts.  They wait for the
 * reader with no lock held, so ILNP may be switched off meanwhile.
 */
void	ilnp_ctl_sessions(struct ilnp_edge *, struct sbuf *);
void	ilnp_ctl_locators(struct ilnp_edge *, struct sbuf *);
void	ilnp_ctl_hints(struct ilnp_edge *, struct sbuf *);

#endif /* !_NETINET6_ILNP_KERN_ILNP_EDGE_CTL_H_ */
