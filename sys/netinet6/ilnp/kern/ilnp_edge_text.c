/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * NIDs and locators as people write them: '-' between the groups of a NID, '+'
 * between those of a locator, ':' as in DNS on input.
 */
#include "ilnp_edge.h"

static void
write_groups(uint64_t v, char sep, char out[ILNP_TEXT_MAX])
{
	(void)snprintf(out, ILNP_TEXT_MAX, "%04x%c%04x%c%04x%c%04x",
	    (u_int)(v >> 48 & 0xffff), sep, (u_int)(v >> 32 & 0xffff), sep,
	    (u_int)(v >> 16 & 0xffff), sep, (u_int)(v & 0xffff));
}

void
ilnp_text_nid(struct ilnp_nid nid, char out[ILNP_TEXT_MAX])
{
	write_groups(nid.nid, '-', out);
}

void
ilnp_text_l64(struct ilnp_l64 l64, char out[ILNP_TEXT_MAX])
{
	write_groups(l64.l64, '+', out);
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (-1);
}

int
ilnp_text_read(const char *s, char separator, uint64_t *out)
{
	uint64_t v = 0;
	char sep = '\0';

	for (u_int group = 0; group < 4; group++) {
		uint64_t g = 0;
		u_int n;

		for (n = 0; n < 4 && digit(*s) >= 0; n++, s++)
			g = g << 4 | (uint64_t)digit(*s);
		if (n == 0)
			return (EINVAL);
		v = v << 16 | g;
		if (group == 3)
			break;
		if (group == 0)
			sep = *s;
		if ((sep != ':' && sep != separator) || *s != sep)
			return (EINVAL);
		s++;
	}
	if (*s != '\0')
		return (EINVAL);
	*out = v;
	return (0);
}
