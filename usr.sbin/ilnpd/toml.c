/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A strict reader of a small part of TOML.  Knows nothing of what the keys
 * mean.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toml.h"

#define	NAME_MAX_LEN	64
#define	STRING_MAX_LEN	1024
#define	SEEN_MAX	512

struct reader {
	const char	*r_p;
	int		r_line;
	char		r_table[NAME_MAX_LEN];
	char		r_sub[NAME_MAX_LEN];
	char		*r_seen[SEEN_MAX];	/* "table.sub.key" */
	size_t		r_nseen;
	struct toml_fault *r_fault;
};

void
toml_fault(struct toml_fault *f, const char *bad, const char *fmt, ...)
{
	va_list ap;

	(void)snprintf(f->tf_bad, sizeof(f->tf_bad), "%s", bad);
	va_start(ap, fmt);
	(void)vsnprintf(f->tf_allowed, sizeof(f->tf_allowed), fmt, ap);
	va_end(ap);
}

/* Complains about what stands at the reader's place, up to the line's end. */
static bool
refuse_here(struct reader *r, const char *allowed)
{
	char bad[80];
	size_t n = strcspn(r->r_p, "\n\r");

	if (n == 0)
		(void)snprintf(bad, sizeof(bad), "end of line");
	else
		(void)snprintf(bad, sizeof(bad), "text '%.*s'",
		    n > 40 ? 40 : (int)n, r->r_p);
	toml_fault(r->r_fault, bad, "%s", allowed);
	return (false);
}

static void
skip_blanks(struct reader *r)
{
	while (*r->r_p == ' ' || *r->r_p == '\t')
		r->r_p++;
}

/* Skips to the start of the next line; false if something stands before it. */
static bool
end_line(struct reader *r)
{
	skip_blanks(r);
	if (*r->r_p == '#')
		r->r_p += strcspn(r->r_p, "\n");
	if (*r->r_p == '\r' && r->r_p[1] == '\n')
		r->r_p++;
	if (*r->r_p == '\n') {
		r->r_p++;
		r->r_line++;
	} else if (*r->r_p != '\0')
		return (refuse_here(r, "nothing more on this line"));
	return (true);
}

static void
skip_lines(struct reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (*r->r_p == '#')
			r->r_p += strcspn(r->r_p, "\n");
		if (*r->r_p == '\r')
			r->r_p++;
		if (*r->r_p != '\n')
			return;
		r->r_p++;
		r->r_line++;
	}
}

static bool
read_escape(struct reader *r, char *c)
{
	switch (*r->r_p) {
	case '"':
	case '\\':
		*c = *r->r_p;
		break;
	case 't':
		*c = '\t';
		break;
	case 'n':
		*c = '\n';
		break;
	default:
		return (refuse_here(r, "\\\", \\\\, \\t or \\n"));
	}
	r->r_p++;
	return (true);
}

/* A string in "double" quotes, with escapes, or in 'single' ones, without. */
static bool
read_string(struct reader *r, char *buf, size_t room)
{
	char quote = *r->r_p++;
	size_t n = 0;

	for (;;) {
		char c = *r->r_p;

		if (c == '\0' || c == '\n')
			return (refuse_here(r, "a closing quote"));
		r->r_p++;
		if (c == quote)
			break;
		if (c == '\\' && quote == '"' && !read_escape(r, &c))
			return (false);
		if (n + 1 == room)
			return (refuse_here(r, "a shorter string"));
		buf[n++] = c;
	}
	buf[n] = '\0';
	return (true);
}

/* One part of a key: bare or quoted. */
static bool
read_name(struct reader *r, char buf[NAME_MAX_LEN])
{
	size_t n = 0;

	if (*r->r_p == '"' || *r->r_p == '\'')
		return (read_string(r, buf, NAME_MAX_LEN));
	while (isalnum((unsigned char)r->r_p[n]) || r->r_p[n] == '_' ||
	    r->r_p[n] == '-')
		n++;
	if (n == 0 || n >= NAME_MAX_LEN)
		return (refuse_here(r, "a name of letters, digits, _ and -"));
	memcpy(buf, r->r_p, n);
	buf[n] = '\0';
	r->r_p += n;
	return (true);
}

/* Notes a table or key; complains if it was there before. */
static bool
note_seen(struct reader *r, const char *key)
{
	char *full = NULL;

	if (asprintf(&full, "%s.%s.%s", r->r_table, r->r_sub, key) < 0)
		return (refuse_here(r, "a machine with more memory"));
	for (size_t i = 0; i < r->r_nseen; i++) {
		if (strcmp(r->r_seen[i], full) != 0)
			continue;
		free(full);
		toml_fault(r->r_fault, key[0] != '\0' ? key : r->r_table,
		    "each name once");
		return (false);
	}
	if (r->r_nseen == SEEN_MAX) {
		free(full);
		return (refuse_here(r, "at most 512 keys"));
	}
	r->r_seen[r->r_nseen++] = full;
	return (true);
}

static bool
read_table(struct reader *r)
{
	r->r_p++;
	r->r_sub[0] = '\0';
	skip_blanks(r);
	if (!read_name(r, r->r_table))
		return (false);
	skip_blanks(r);
	if (*r->r_p == '.') {
		r->r_p++;
		skip_blanks(r);
		if (!read_name(r, r->r_sub))
			return (false);
		skip_blanks(r);
	}
	if (*r->r_p != ']')
		return (refuse_here(r, "[table] or [table.name]"));
	r->r_p++;
	return (note_seen(r, "") && end_line(r));
}

static bool
read_integer(struct reader *r, struct toml_value *v)
{
	char digits[24];
	size_t n = 0;
	char *end;

	for (; isalnum((unsigned char)*r->r_p) || strchr("+-_.", *r->r_p);
	    r->r_p++) {
		if (*r->r_p == '\0')
			break;
		if (*r->r_p == '_')
			continue;
		if (n + 1 == sizeof(digits))
			return (refuse_here(r, "a shorter number"));
		digits[n++] = *r->r_p;
	}
	digits[n] = '\0';
	errno = 0;
	v->tv_int = strtoll(digits, &end, 10);
	v->tv_kind = TOML_INTEGER;
	if (n > 0 && *end == '\0' && errno == 0)
		return (true);
	toml_fault(r->r_fault, n > 0 ? digits : "end of line",
	    "a \"string\", a whole number, true, false or an [\"array\"]");
	return (false);
}

static bool
read_array(struct reader *r, struct toml_value *v)
{
	char buf[STRING_MAX_LEN];

	v->tv_kind = TOML_ARRAY;
	r->r_p++;
	for (;;) {
		skip_lines(r);
		if (*r->r_p == ']')
			break;
		if (*r->r_p != '"' && *r->r_p != '\'')
			return (refuse_here(r, "strings, commas and ]"));
		if (!read_string(r, buf, sizeof(buf)))
			return (false);
		if (v->tv_n == TOML_ITEMS_MAX)
			return (refuse_here(r, "at most 64 strings"));
		v->tv_item[v->tv_n] = strdup(buf);
		if (v->tv_item[v->tv_n++] == NULL)
			return (refuse_here(r, "a machine with more memory"));
		skip_lines(r);
		if (*r->r_p == ',')
			r->r_p++;
		else if (*r->r_p != ']')
			return (refuse_here(r, "a comma or ]"));
	}
	r->r_p++;
	return (true);
}

static bool
read_value(struct reader *r, struct toml_value *v)
{
	char buf[STRING_MAX_LEN];

	if (*r->r_p == '"' || *r->r_p == '\'') {
		if (!read_string(r, buf, sizeof(buf)))
			return (false);
		v->tv_kind = TOML_STRING;
		v->tv_str = strdup(buf);
		return (v->tv_str != NULL ||
		    refuse_here(r, "a machine with more memory"));
	}
	if (*r->r_p == '[')
		return (read_array(r, v));
	if (strncmp(r->r_p, "true", 4) == 0 ||
	    strncmp(r->r_p, "false", 5) == 0) {
		v->tv_kind = TOML_BOOLEAN;
		v->tv_bool = *r->r_p == 't';
		r->r_p += v->tv_bool ? 4 : 5;
		return (true);
	}
	return (read_integer(r, v));
}

static void
free_value(struct toml_value *v)
{
	free(v->tv_str);
	for (size_t i = 0; i < v->tv_n; i++)
		free(v->tv_item[i]);
}

static bool
read_pair(struct reader *r, toml_fn *fn, void *arg)
{
	struct toml_value v = { .tv_str = NULL };
	char key[NAME_MAX_LEN];
	struct toml_place place = { r->r_table, r->r_sub, key };
	bool ok = false;

	if (!read_name(r, key))
		return (false);
	skip_blanks(r);
	if (*r->r_p != '=')
		return (refuse_here(r, "key = value"));
	r->r_p++;
	skip_blanks(r);
	if (note_seen(r, key) && read_value(r, &v))
		ok = fn(arg, &place, &v, r->r_fault) && end_line(r);
	free_value(&v);
	return (ok);
}

bool
toml_read(const char *text, toml_fn *fn, void *arg, struct toml_fault *fault)
{
	struct reader r = { .r_p = text, .r_line = 1, .r_fault = fault };
	bool ok = true;

	skip_lines(&r);
	while (ok && *r.r_p != '\0') {
		ok = *r.r_p == '[' ? read_table(&r) : read_pair(&r, fn, arg);
		if (ok)
			skip_lines(&r);
	}
	fault->tf_line = r.r_line;
	for (size_t i = 0; i < r.r_nseen; i++)
		free(r.r_seen[i]);
	return (ok);
}
