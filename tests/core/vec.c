/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 */
#include <stdlib.h>

#include "vec.h"

const char *
vec_get(const struct vec *v, const char *key)
{
	for (u_int i = 0; i < v->v_n; i++)
		if (strcmp(v->v_key[i], key) == 0)
			return (v->v_value[i]);
	return (NULL);
}

bool
vec_is(const struct vec *v, const char *key, const char *value)
{
	const char *found = vec_get(v, key);

	return (found != NULL && strcmp(found, value) == 0);
}

uint64_t
vec_number(const struct vec *v, const char *key, int base)
{
	const char *found = vec_get(v, key);

	assert_non_null(found);
	return (strtoull(found, NULL, base));
}

struct ilnp_ilv
vec_ilv(const struct vec *v, const char *key)
{
	const char *found = vec_get(v, key);
	char half[17] = { 0 };
	struct ilnp_ilv address;

	assert_non_null(found);
	assert_int_equal(strlen(found), 32);
	memcpy(half, found, 16);
	address.l64.l64 = strtoull(half, NULL, 16);
	address.nid.nid = strtoull(found + 16, NULL, 16);
	return (address);
}

static void
finish(struct vec *v, void (*fn)(const struct vec *))
{
	const char *hex = vec_get(v, "hex");

	if (hex != NULL) {
		v->v_len = strlen(hex) / 2;
		assert_true(v->v_len <= sizeof(v->v_hex));
		for (size_t i = 0; i < v->v_len; i++)
			assert_int_equal(sscanf(hex + 2 * i, "%2hhx",
			    &v->v_hex[i]), 1);
	}
	fn(v);
	memset(v, 0, sizeof(*v));
}

void
vec_each(const char *file, void (*fn)(const struct vec *))
{
	static struct vec vec;
	struct vec *v = &vec;
	char path[512];
	u_int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", VECTORS, file);
	f = fopen(path, "r");
	assert_non_null(f);
	memset(v, 0, sizeof(*v));
	for (;;) {
		char *line = v->v_text + v->v_used, *colon;

		if (fgets(line, (int)(sizeof(v->v_text) - v->v_used), f) ==
		    NULL)
			break;
		line[strcspn(line, "\n")] = '\0';
		colon = strchr(line, ':');
		if (line[0] == '#')
			continue;
		if (line[0] == '\0') {
			if (v->v_n > 0) {
				finish(v, fn);
				n++;
			}
			continue;
		}
		assert_non_null(colon);
		assert_true(v->v_n < VEC_KEYS);
		*colon = '\0';
		v->v_key[v->v_n] = line;
		v->v_value[v->v_n++] = colon + 1 + strspn(colon + 1, " ");
		v->v_used += (size_t)(colon + 1 - line) + strlen(colon + 1) + 1;
	}
	if (v->v_n > 0) {
		finish(v, fn);
		n++;
	}
	fclose(f);
	assert_true(n > 0);
}
