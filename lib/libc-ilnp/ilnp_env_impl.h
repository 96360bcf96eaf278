/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the core's values and its bounded reader need inside a C library: no
 * locks, no epochs, nothing that is allocated.
 */
#ifndef _ILNP_ENV_IMPL_H_
#define	_ILNP_ENV_IMPL_H_

#include <sys/types.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#endif /* !_ILNP_ENV_IMPL_H_ */
