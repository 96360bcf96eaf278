/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Checks and keeps the knobs.
 */
#include "ilnp_knob.h"

static const struct knob {
	const char	*name;
	size_t		offset;
	uint32_t	def, lo, hi;
} knobs[] = {
#define	X(n, def, lo, hi, unit, text)					\
	{ #n, offsetof(struct ilnp_conf, n), def, lo, hi },
	ILNP_KNOBS(X)
#undef X
};

#define	NKNOBS	(sizeof(knobs) / sizeof(knobs[0]))

static uint32_t *
value_of(struct ilnp_conf *conf, const struct knob *k)
{
	return ((uint32_t *)(void *)((uint8_t *)conf + k->offset));
}

void
ilnp_conf_init(struct ilnp_conf *conf)
{
	for (size_t i = 0; i < NKNOBS; i++)
		*value_of(conf, &knobs[i]) = knobs[i].def;
}

static bool
same_name(const char *a, const char *b)
{
	for (; *a != '\0' && *a == *b; a++, b++)
		continue;
	return (*a == *b);
}

int
ilnp_conf_set(struct ilnp_conf *conf, const char *name, uint64_t value)
{
	for (size_t i = 0; i < NKNOBS; i++) {
		const struct knob *k = &knobs[i];

		if (!same_name(k->name, name))
			continue;
		if (value < k->lo || value > k->hi)
			return (ERANGE);
		if (k->offset == offsetof(struct ilnp_conf, nonce_size) &&
		    value != ILNP_NONCE_SHORT && value != ILNP_NONCE_LONG)
			return (EINVAL);
		if (k->offset == offsetof(struct ilnp_conf, lu_format) &&
		    value != ILNP_LU_REC_RFC && value != ILNP_LU_REC_EXT14 &&
		    value != ILNP_LU_REC_EXT16)
			return (EINVAL);
		ilnp_store_32(value_of(conf, k), (uint32_t)value);
		return (0);
	}
	return (ENOENT);
}
