/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 */
#include "test.h"

int
test_begin(void **state)
{
	(void)state;
	ilnp_env_thread_init();
	ilnp_env_seed(0x5eed);
	ilnp_env_set_now(T0);
	ilnp_env_alloc_limit(-1);
	return (0);
}

int
test_end(void **state)
{
	(void)state;
	ilnp_env_alloc_limit(-1);
	ilnp_env_epoch_barrier();
	if (ilnp_env_alloc_total() == 0)
		return (0);
	print_error("%llu octets were not freed\n",
	    (unsigned long long)ilnp_env_alloc_total());
	return (-1);
}
