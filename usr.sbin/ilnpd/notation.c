/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Reads and writes identifiers and locators as text.
 */
#include <ctype.h>
#include <stdio.h>

#include "notation.h"

#define	GROUPS	4
#define	DIGITS	4

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	c = (char)tolower((unsigned char)c);
	return (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

bool
notation_groups(const char *text, size_t len, const char *seps, uint64_t *value)
{
	uint64_t v = 0;
	size_t at = 0;
	char sep = '\0';

	for (int group = 0; group < GROUPS; group++) {
		unsigned int digits = 0, w = 0;

		if (group > 0) {
			if (at == len || strchr(seps, text[at]) == NULL ||
			    (sep != '\0' && text[at] != sep))
				return (false);
			sep = text[at++];
		}
		for (; at < len && digit_value(text[at]) >= 0; at++) {
			w = w << 4 | (unsigned int)digit_value(text[at]);
			if (++digits > DIGITS)
				return (false);
		}
		if (digits == 0)
			return (false);
		v = v << 16 | w;
	}
	if (at != len)
		return (false);
	*value = v;
	return (true);
}

bool
notation_nid(const char *text, struct ilnp_nid *nid)
{
	return (notation_groups(text, strlen(text), "-+:", &nid->nid));
}

bool
notation_l64(const char *text, struct ilnp_l64 *l64)
{
	return (notation_groups(text, strlen(text), "+-:", &l64->l64));
}

bool
notation_ilv(const char *text, struct ilnp_ilv *ilv)
{
	const char *dot = strchr(text, '.');
	struct ilnp_ilv v;
	size_t left, right;

	if (dot == NULL)
		return (false);
	left = (size_t)(dot - text);
	right = strlen(dot + 1);
	if (!(notation_groups(text, left, "+", &v.l64.l64) &&
	    notation_groups(dot + 1, right, "-", &v.nid.nid)) &&
	    !(notation_groups(text, left, "-", &v.nid.nid) &&
	    notation_groups(dot + 1, right, "+", &v.l64.l64)))
		return (false);
	*ilv = v;
	return (true);
}

static int
put_groups(char *buf, size_t room, uint64_t v, char sep)
{
	return (snprintf(buf, room, "%04x%c%04x%c%04x%c%04x",
	    (unsigned int)(v >> 48 & 0xffff), sep,
	    (unsigned int)(v >> 32 & 0xffff), sep,
	    (unsigned int)(v >> 16 & 0xffff), sep,
	    (unsigned int)(v & 0xffff)));
}

const char *
notation_put_nid(char buf[NOTATION_LEN], struct ilnp_nid nid)
{
	(void)put_groups(buf, NOTATION_LEN, nid.nid, '-');
	return (buf);
}

const char *
notation_put_l64(char buf[NOTATION_LEN], struct ilnp_l64 l64)
{
	(void)put_groups(buf, NOTATION_LEN, l64.l64, '+');
	return (buf);
}

const char *
notation_put_ilv(char buf[NOTATION_LEN], struct ilnp_ilv ilv)
{
	int n = put_groups(buf, NOTATION_LEN, ilv.l64.l64, '+');

	buf[n++] = '.';
	(void)put_groups(buf + n, NOTATION_LEN - (size_t)n, ilv.nid.nid, '-');
	return (buf);
}

struct ilnp_ilv
notation_from_in6(const struct in6_addr *a)
{
	struct ilnp_ilv v = { { 0 }, { 0 } };

	for (int i = 0; i < 8; i++) {
		v.l64.l64 = v.l64.l64 << 8 | a->s6_addr[i];
		v.nid.nid = v.nid.nid << 8 | a->s6_addr[i + 8];
	}
	return (v);
}

struct in6_addr
notation_to_in6(struct ilnp_ilv v)
{
	struct in6_addr a;

	for (int i = 0; i < 8; i++) {
		a.s6_addr[i] = (uint8_t)(v.l64.l64 >> (56 - 8 * i));
		a.s6_addr[i + 8] = (uint8_t)(v.nid.nid >> (56 - 8 * i));
	}
	return (a);
}
