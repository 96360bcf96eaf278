/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The part of TOML that our configuration uses: tables, strings, integers,
 * booleans, arrays of strings, comments.  Anything else is an error.
 */
#ifndef _ILNPD_TOML_H_
#define	_ILNPD_TOML_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum toml_kind {
	TOML_STRING,
	TOML_INTEGER,
	TOML_BOOLEAN,
	TOML_ARRAY
};

#define	TOML_ITEMS_MAX	64

struct toml_value {
	enum toml_kind	tv_kind;
	int64_t		tv_int;
	bool		tv_bool;
	char		*tv_str;
	char		*tv_item[TOML_ITEMS_MAX];
	size_t		tv_n;
};

/* A table header has one part, or two as in [interface.eth0]; "" if none. */
struct toml_place {
	const char	*tp_table;
	const char	*tp_sub;
	const char	*tp_key;
};

/* What was wrong: the words for "FILE:LINE: bad BAD; allowed: ALLOWED". */
struct toml_fault {
	int		tf_line;
	char		tf_bad[200];
	char		tf_allowed[400];
};

void	toml_fault(struct toml_fault *, const char *bad, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* Takes one value; returns false and fills in the fault if it will not do. */
typedef bool toml_fn(void *arg, const struct toml_place *,
	    const struct toml_value *, struct toml_fault *);

/*
 * Reads a text that ends with NUL, calling `fn' for each value in order.
 * Returns true, or false with the fault and its line.
 */
bool	toml_read(const char *text, toml_fn *fn, void *arg,
	    struct toml_fault *);

#endif /* !_ILNPD_TOML_H_ */
