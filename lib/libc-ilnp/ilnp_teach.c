/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * How correspondents are written for the node and for the kernel.
 */
#include <stdio.h>

#include "ilnp_teach.h"

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	return (c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

bool
ilnp_teach_groups(const char *text, size_t len, char sep, uint64_t *value)
{
	uint64_t v = 0;
	u_int group = 0, digits = 0, w = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && hex_value(text[i]) >= 0 && digits < 4) {
			w = w << 4 | (u_int)hex_value(text[i]);
			digits++;
			continue;
		}
		if (digits == 0 || (i < len && text[i] != sep))
			return (false);
		v = v << 16 | w;
		group++;
		digits = w = 0;
	}
	if (group != 4)
		return (false);
	*value = v;
	return (true);
}

static int
put_groups(char *text, size_t room, const char *before, uint64_t v, char sep)
{
	return (snprintf(text, room, "%s%04x%c%04x%c%04x%c%04x", before,
	    (u_int)(v >> 48 & 0xffff), sep, (u_int)(v >> 32 & 0xffff), sep,
	    (u_int)(v >> 16 & 0xffff), sep, (u_int)(v & 0xffff)));
}

bool
ilnp_teach_text(const struct ilnp_peer *pe, char *text, size_t room)
{
	size_t at = (size_t)put_groups(text, room, "", pe->pe_nid.nid, '-');

	for (u_int i = 0; i < pe->pe_n && at < room; i++) {
		const struct ilnp_lurec *rec = &pe->pe_loc[i];

		at += (size_t)put_groups(text + at, room - at, " ",
		    rec->lr_l64.l64, '+');
		if (at < room)
			at += (size_t)snprintf(text + at, room - at, ",%u,%u",
			    rec->lr_pref, rec->lr_life);
	}
	return (at < room);
}
