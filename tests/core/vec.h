/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Reads the golden byte vectors; tests/vectors/README.md has the format.
 */
#ifndef _TESTS_CORE_VEC_H_
#define	_TESTS_CORE_VEC_H_

#include "test.h"

#define	VEC_KEYS	16
#define	VEC_OCTETS	4096
#define	VEC_TEXT	16384

struct vec {
	const char	*v_key[VEC_KEYS];	/* both point into v_text */
	const char	*v_value[VEC_KEYS];
	char		v_text[VEC_TEXT];
	size_t		v_used;
	u_int		v_n;
	uint8_t		v_hex[VEC_OCTETS];
	size_t		v_len;
};

/* Calls fn for every vector of a file; fails the test if there is none. */
void	vec_each(const char *file, void (*fn)(const struct vec *));

/* The value of a key, or NULL. */
const char *vec_get(const struct vec *, const char *key);
bool	vec_is(const struct vec *, const char *key, const char *value);
uint64_t vec_number(const struct vec *, const char *key, int base);

/* An address of 32 hexadecimal digits. */
struct ilnp_ilv vec_ilv(const struct vec *, const char *key);

#endif /* !_TESTS_CORE_VEC_H_ */
