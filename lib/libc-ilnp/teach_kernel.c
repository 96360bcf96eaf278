/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * FreeBSD: teaches the kernel by sysctl, and reads the hosts file itself:
 *
 *	# I-LV name [preference [lifetime]]
 *	2001+0db8+0001+0001.0211-22ff-fe33-4455	mn 10 300
 */
#include <sys/types.h>
#include <sys/sysctl.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "ilnp_addr.h"
#include "ilnp_teach.h"

#define	HOSTS_FILE	"/etc/ilnp.hosts"
#define	HOSTS_LIFE	300	/* s, where a line says nothing */
#define	PREF_DEFAULT	10
#define	LINE_LEN	512

static bool
kernel_speaks(void)
{
	int on = 0;
	size_t len = sizeof(on);

	return (sysctlbyname("net.inet6.ilnp6.enable", &on, &len, NULL, 0) ==
	    0 && on != 0);
}

/* L64(+).NID(-), or NID(-).L64(+) as in the duality paper. */
static bool
read_ilv(const char *text, struct ilnp_ilv *v)
{
	const char *dot = strchr(text, '.'), *right;
	size_t left;

	if (dot == NULL)
		return (false);
	left = (size_t)(dot - text);
	right = dot + 1;
	return ((ilnp_teach_groups(text, left, '+', &v->l64.l64) &&
	    ilnp_teach_groups(right, strlen(right), '-', &v->nid.nid)) ||
	    (ilnp_teach_groups(text, left, '-', &v->nid.nid) &&
	    ilnp_teach_groups(right, strlen(right), '+', &v->l64.l64)));
}

static struct ilnp_peer *
need_peer(struct ilnp_found *f, struct ilnp_nid nid)
{
	struct ilnp_peer *pe;

	for (u_int i = 0; i < f->f_npeers; i++)
		if (ilnp_nid_eq(f->f_peer[i].pe_nid, nid))
			return (&f->f_peer[i]);
	if (f->f_npeers == ILNP_NIDS_MAX)
		return (NULL);
	pe = &f->f_peer[f->f_npeers++];
	memset(pe, 0, sizeof(*pe));
	pe->pe_nid = nid;
	pe->pe_life = UINT32_MAX;
	return (pe);
}

/* Lines that are wrong are skipped: a resolver has nobody to tell. */
static void
read_line(char *line, const char *name, struct ilnp_found *f)
{
	struct ilnp_lurec rec = { .lr_pref = PREF_DEFAULT,
	    .lr_life = HOSTS_LIFE };
	char *word[4] = { NULL }, *save = NULL, *w = line;
	struct ilnp_peer *pe;
	struct ilnp_ilv ilv;

	line[strcspn(line, "#\r\n")] = '\0';
	for (u_int i = 0; i < 4; i++, w = NULL)
		if ((word[i] = strtok_r(w, " \t", &save)) == NULL)
			break;
	if (word[1] == NULL || strcasecmp(word[1], name) != 0 ||
	    !read_ilv(word[0], &ilv) || !ilnp_l64_usable(ilv.l64) ||
	    !ilnp_nid_usable(ilv.nid))
		return;
	rec.lr_l64 = ilv.l64;
	if (word[2] != NULL)
		rec.lr_pref = (uint32_t)strtoul(word[2], NULL, 10) & 0xffff;
	if (word[3] != NULL)
		rec.lr_life = (uint32_t)strtoul(word[3], NULL, 10);
	pe = need_peer(f, ilv.nid);
	if (pe == NULL || pe->pe_n == ILNP_LOCS_MAX)
		return;
	pe->pe_loc[pe->pe_n++] = rec;
	if (rec.lr_life < pe->pe_life)
		pe->pe_life = rec.lr_life;
}

int
ilnp_teach_find(const char *name, struct ilnp_found *f)
{
	char line[LINE_LEN];
	FILE *fp;

	if (!kernel_speaks())
		return (ENXIO);
	fp = fopen(HOSTS_FILE, "re");
	if (fp == NULL)
		return (ENOENT);
	while (fgets(line, sizeof(line), fp) != NULL)
		read_line(line, name, f);
	(void)fclose(fp);
	for (u_int i = 0; i < f->f_npeers; i++)
		(void)ilnp_teach(name, &f->f_peer[i]);
	return (f->f_npeers > 0 ? 0 : ENOENT);
}

int
ilnp_teach(const char *name, const struct ilnp_peer *pe)
{
	char text[ILNP_DNS_TEXT_MAX + ILNP_TEACH_TEXT_MAX + 2];
	int at = snprintf(text, sizeof(text), "%s ", name);

	for (int i = 0; i < at; i++)
		text[i] = (char)tolower((unsigned char)text[i]);
	if (!ilnp_teach_text(pe, text + at, sizeof(text) - (size_t)at))
		return (ENAMETOOLONG);
	/* Without a NUL, so that the kernel need not care for one. */
	return (sysctlbyname("net.inet6.ilnp6.candidate", NULL, NULL, text,
	    strlen(text)) == 0 ? 0 : errno);
}

/* The kernel takes any of a correspondent's I-LVs for it. */
u_int
ilnp_teach_count(const struct ilnp_peer *pe)
{
	return (pe->pe_n);
}

struct in6_addr
ilnp_teach_addr(const struct ilnp_peer *pe, u_int i)
{
	struct in6_addr a;

	for (u_int k = 0; k < 8; k++) {
		a.s6_addr[k] = (uint8_t)(pe->pe_loc[i].lr_l64.l64 >>
		    (56 - 8 * k));
		a.s6_addr[8 + k] = (uint8_t)(pe->pe_nid.nid >> (56 - 8 * k));
	}
	return (a);
}
