/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What every unit test of the core includes: cmocka, a clock that stands
 * still, repeatable randomness, and a check that all memory came back.
 *
 * A comment of the form "checklist: 42 43" directly above a test names the
 * lines of the conformance checklist that it shows; test_core.py reads it.
 */
#ifndef _TESTS_CORE_TEST_H_
#define	_TESTS_CORE_TEST_H_

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "ilnp_ilcc.h"

#define	T0	ILNP_SEC(1000)		/* when every test begins */

#define	NITEMS(a)	(sizeof(a) / sizeof((a)[0]))

static inline struct ilnp_l64
l64(uint64_t v)
{
	return ((struct ilnp_l64){ v });
}

static inline struct ilnp_nid
nid(uint64_t v)
{
	return ((struct ilnp_nid){ v });
}

static inline struct ilnp_ilv
ilv(uint64_t locator, uint64_t identifier)
{
	return ((struct ilnp_ilv){ l64(locator), nid(identifier) });
}

static inline struct ilnp_l64pair
l64pair(uint64_t local, uint64_t remote)
{
	return ((struct ilnp_l64pair){ l64(local), l64(remote) });
}

/* cmocka set-up and tear-down of one test. */
int	test_begin(void **state);
int	test_end(void **state);

#define	TEST(f)	cmocka_unit_test_setup_teardown(f, test_begin, test_end)

/* Runs all tests, or those that match the pattern on the command line. */
#define	TEST_MAIN(...)							\
int									\
main(int argc, char **argv)						\
{									\
	const struct CMUnitTest tests[] = { __VA_ARGS__ };		\
									\
	if (argc > 1)							\
		cmocka_set_test_filter(argv[1]);			\
	return (cmocka_run_group_tests(tests, NULL, NULL));		\
}

#endif /* !_TESTS_CORE_TEST_H_ */
