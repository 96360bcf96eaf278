/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What `vmstat -m' and `vmstat -z' say.
 */
#ifndef _KT_MEMORY_H_
#define	_KT_MEMORY_H_

#include "sys.h"

/* Octets in use of a type of malloc(9); asking takes long. */
uint64_t memory_of(const char *type);

/* How often somebody has asked for memory of a type. */
uint64_t requests_of(const char *type);

/* Waits until a type has no more in use than that; false if it goes on having. */
bool	memory_comes_to(const char *type, uint64_t most);

/* Items in use of a zone of uma(9). */
uint64_t items_of(const char *zone);

/* Waits until a zone has no more in use than that, as above. */
bool	items_come_to(const char *zone, uint64_t most);

/* How many zones have a name. */
unsigned int zones_of(const char *name);

/* All types and then all zones, those of one name as one. */
struct memory_use {
	char	name[32];
	uint64_t items;
};

/* Returns how many there are. */
unsigned int memory_all(struct memory_use *, unsigned int max);

#endif /* !_KT_MEMORY_H_ */
