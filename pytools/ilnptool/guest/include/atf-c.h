/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Compiles test programs written for atf-c(3) where there is no libatf-c: the
 * static programs of a lab machine, each of one C file.  The command line is
 * that of atf-test-program(1), results are those of atf-test-case(4).  What
 * the programs of tests/sys do not use is not there: atf_utils, regular
 * expressions, configuration by numbers.
 */
#ifndef _ATF_C_H_
#define	_ATF_C_H_

#include <sys/cdefs.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define	ATF__MAX	256	/* cases, properties or settings */

typedef struct atf_tc atf_tc_t;
typedef struct atf_tp atf_tp_t;
typedef const char *atf_error_t;	/* NULL: none */

struct atf_tc {
	const char	*name;
	void		(*head)(atf_tc_t *);
	void		(*body)(const atf_tc_t *);
	void		(*cleanup)(const atf_tc_t *);
};

struct atf_tp {
	unsigned int	n;
	atf_tc_t	*cases[ATF__MAX];
};

enum atf__expect { ATF__PASS, ATF__FAIL, ATF__EXIT, ATF__SIGNAL, ATF__DEATH,
    ATF__TIMEOUT };

static struct {
	enum atf__expect expect;
	char		reason[1024];	/* of an expected failure */
	unsigned int	expected;	/* failures that came as expected */
	unsigned int	failed;		/* checks */
	const char	*results;	/* NULL: standard output */
	unsigned int	settings;
	const char	*setting[ATF__MAX];	/* NAME=VALUE */
} atf__run;

static atf_error_t atf__add_cases(atf_tp_t *);

static inline atf_error_t
atf_no_error(void)
{
	return (NULL);
}

/* The last result stands. */
static void __printflike(1, 2)
atf__result(const char *fmt, ...)
{
	FILE *out = stdout;
	va_list ap;

	if (atf__run.results != NULL &&
	    (out = fopen(atf__run.results, "w")) == NULL)
		abort();
	va_start(ap, fmt);
	(void)vfprintf(out, fmt, ap);
	va_end(ap);
	(void)fprintf(out, "\n");
	if (out != stdout)
		(void)fclose(out);
	else
		(void)fflush(out);
}

static void __dead2
atf__end(const char *word, const char *reason, int status)
{
	if (reason == NULL)
		atf__result("%s", word);
	else
		atf__result("%s: %s", word, reason);
	exit(status);
}

/* What was expected before has not come. */
static void
atf__settle(void)
{
	static const char *const why[] = {
		[ATF__FAIL] = "expecting a failure, which did not come",
		[ATF__EXIT] = "expected to exit, and went on",
		[ATF__SIGNAL] = "expected to receive a signal, and went on",
		[ATF__DEATH] = "expected to end abruptly, and went on",
		[ATF__TIMEOUT] = "expected to hang, and went on"
	};
	enum atf__expect was = atf__run.expect;

	atf__run.expect = ATF__PASS;
	if (was != ATF__PASS && atf__run.expected == 0) {
		atf__result("failed: Test case was %s", why[was]);
		exit(EXIT_FAILURE);
	}
	atf__run.expected = 0;
}

static void __dead2
atf__failed(const char *reason)
{
	char text[2200];

	if (atf__run.expect == ATF__FAIL) {
		(void)snprintf(text, sizeof(text), "%s: %s",
		    atf__run.reason, reason);
		atf__end("expected_failure", text, EXIT_SUCCESS);
	}
	if (atf__run.expect != ATF__PASS)
		atf__settle();
	atf__end("failed", reason, EXIT_FAILURE);
}

static inline void
atf__failed_check(const char *reason)
{
	if (atf__run.expect == ATF__FAIL)
		atf__run.expected++;
	else if (atf__run.expect == ATF__PASS)
		atf__run.failed++;
	else
		atf__failed(reason);
	(void)fprintf(stderr, "*** Check failed: %s\n", reason);
}

#define	ATF__TEXT(text, fmt)						\
	char text[1024];						\
	va_list ap;							\
									\
	va_start(ap, fmt);						\
	(void)vsnprintf(text, sizeof(text), fmt, ap);			\
	va_end(ap)

static inline void __dead2 __printflike(1, 2)
atf_tc_fail(const char *fmt, ...)
{
	ATF__TEXT(text, fmt);

	atf__failed(text);
}

static inline void __printflike(1, 2)
atf_tc_fail_nonfatal(const char *fmt, ...)
{
	ATF__TEXT(text, fmt);

	atf__failed_check(text);
}

static inline void __dead2 __printflike(1, 2)
atf_tc_skip(const char *fmt, ...)
{
	ATF__TEXT(text, fmt);

	if (atf__run.expect != ATF__PASS)
		atf__settle();
	atf__end("skipped", text, EXIT_SUCCESS);
}

static inline void __dead2
atf_tc_pass(void)
{
	static char text[80];

	if (atf__run.expect == ATF__FAIL && atf__run.expected != 0)
		atf__end("expected_failure", atf__run.reason, EXIT_SUCCESS);
	atf__settle();
	if (atf__run.failed == 0)
		atf__end("passed", NULL, EXIT_SUCCESS);
	(void)snprintf(text, sizeof(text),
	    "%u checks failed; see output for more details", atf__run.failed);
	atf__end("failed", text, EXIT_FAILURE);
}

static inline void
atf_tc_expect_pass(void)
{
	atf__settle();
}

static inline void __printflike(1, 2)
atf_tc_expect_fail(const char *fmt, ...)
{
	ATF__TEXT(text, fmt);

	atf__settle();
	atf__run.expect = ATF__FAIL;
	(void)strlcpy(atf__run.reason, text, sizeof(atf__run.reason));
}

static inline void __printflike(1, 2)
atf_tc_expect_death(const char *fmt, ...)
{
	ATF__TEXT(text, fmt);

	atf__settle();
	atf__run.expect = ATF__DEATH;
	atf__result("expected_death: %s", text);
}

static inline void __printflike(1, 2)
atf_tc_expect_timeout(const char *fmt, ...)
{
	ATF__TEXT(text, fmt);

	atf__settle();
	atf__run.expect = ATF__TIMEOUT;
	atf__result("expected_timeout: %s", text);
}

static inline void
atf__expect_number(enum atf__expect expect, const char *word, int number,
    const char *text)
{
	atf__settle();
	atf__run.expect = expect;
	if (number == -1)
		atf__result("%s: %s", word, text);
	else
		atf__result("%s(%d): %s", word, number, text);
}

static inline void __printflike(2, 3)
atf_tc_expect_exit(int status, const char *fmt, ...)
{
	ATF__TEXT(text, fmt);

	atf__expect_number(ATF__EXIT, "expected_exit", status, text);
}

static inline void __printflike(2, 3)
atf_tc_expect_signal(int signo, const char *fmt, ...)
{
	ATF__TEXT(text, fmt);

	atf__expect_number(ATF__SIGNAL, "expected_signal", signo, text);
}

/* Properties are only wanted for the list of cases, so they are told at once. */
static inline atf_error_t __printflike(3, 4)
atf_tc_set_md_var(atf_tc_t *tc __unused, const char *name, const char *fmt,
    ...)
{
	ATF__TEXT(text, fmt);

	printf("%s: %s\n", name, text);
	return (NULL);
}

static inline const char *
atf__setting(const char *name)
{
	size_t len = strlen(name);

	for (unsigned int i = 0; i < atf__run.settings; i++)
		if (strncmp(atf__run.setting[i], name, len) == 0 &&
		    atf__run.setting[i][len] == '=')
			return (atf__run.setting[i] + len + 1);
	return (NULL);
}

static inline bool
atf_tc_has_config_var(const atf_tc_t *tc __unused, const char *name)
{
	return (atf__setting(name) != NULL);
}

static inline const char *
atf_tc_get_config_var_wd(const atf_tc_t *tc __unused, const char *name,
    const char *otherwise)
{
	const char *value = atf__setting(name);

	return (value != NULL ? value : otherwise);
}

static inline const char *
atf_tc_get_config_var(const atf_tc_t *tc, const char *name)
{
	const char *value = atf_tc_get_config_var_wd(tc, name, NULL);

	if (value == NULL)
		atf_tc_fail("no configuration variable %s", name);
	return (value);
}

static inline bool
atf_tc_get_config_var_as_bool_wd(const atf_tc_t *tc, const char *name,
    bool otherwise)
{
	const char *value = atf_tc_get_config_var_wd(tc, name,
	    otherwise ? "true" : "false");

	return (strcasecmp(value, "true") == 0 ||
	    strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0);
}

static inline const char *
atf_tc_get_ident(const atf_tc_t *tc)
{
	return (tc->name);
}

#define	ATF__TC(tc, head, cleanup)					\
	static void atf__body_##tc(const atf_tc_t *);			\
	static atf_tc_t atf__tc_##tc = { #tc, head, atf__body_##tc, cleanup }

#define	ATF_TC(tc)							\
	static void atf__head_##tc(atf_tc_t *);				\
	ATF__TC(tc, atf__head_##tc, NULL)
#define	ATF_TC_WITHOUT_HEAD(tc)	ATF__TC(tc, NULL, NULL)
#define	ATF_TC_WITH_CLEANUP(tc)						\
	static void atf__head_##tc(atf_tc_t *);				\
	static void atf__cleanup_##tc(const atf_tc_t *);		\
	ATF__TC(tc, atf__head_##tc, atf__cleanup_##tc)
#define	ATF_TC_HEAD(tc, p)						\
	static void atf__head_##tc(atf_tc_t *p __unused)
#define	ATF_TC_BODY(tc, p)						\
	static void atf__body_##tc(const atf_tc_t *p __unused)
#define	ATF_TC_CLEANUP(tc, p)						\
	static void atf__cleanup_##tc(const atf_tc_t *p __unused)
#define	ATF_TP_ADD_TCS(p)						\
	static atf_error_t atf__add_cases(atf_tp_t *p)
#define	ATF_TP_ADD_TC(p, tc) do {					\
	if ((p)->n < ATF__MAX)						\
		(p)->cases[(p)->n++] = &atf__tc_##tc;			\
} while (0)

#define	ATF__IF(fail, condition, fmt, ...) do {				\
	if (!(condition))						\
		fail("%s:%d: " fmt, __FILE__, __LINE__, ##__VA_ARGS__);	\
} while (0)
#define	ATF__EQ(fail, a, b, fmt, ...)					\
	ATF__IF(fail, (a) == (b), "%s != %s" fmt, #a, #b, ##__VA_ARGS__)
#define	ATF__STREQ(fail, a, b, fmt, ...)				\
	ATF__IF(fail, strcmp(a, b) == 0, "%s != %s (%s != %s)" fmt, #a, #b,	\
	    a, b, ##__VA_ARGS__)
#define	ATF__ERRNO(fail, wanted, condition) do {			\
	ATF__IF(fail, condition, "%s is not true", #condition);		\
	ATF__IF(fail, errno == (wanted), "errno is %d, not %s", errno,	\
	    #wanted);							\
} while (0)

#define	ATF_REQUIRE(x)		ATF__IF(atf_tc_fail, x, "%s not met", #x)
#define	ATF_REQUIRE_MSG(x, ...)	ATF__IF(atf_tc_fail, x, __VA_ARGS__)
#define	ATF_REQUIRE_EQ(a, b)	ATF__EQ(atf_tc_fail, a, b, "")
#define	ATF_REQUIRE_EQ_MSG(a, b, ...)					\
	ATF__EQ(atf_tc_fail, a, b, ": " __VA_ARGS__)
#define	ATF_REQUIRE_INTEQ(a, b)	ATF__EQ(atf_tc_fail, a, b, "")
#define	ATF_REQUIRE_STREQ(a, b)	ATF__STREQ(atf_tc_fail, a, b, "")
#define	ATF_REQUIRE_STREQ_MSG(a, b, ...)				\
	ATF__STREQ(atf_tc_fail, a, b, ": " __VA_ARGS__)
#define	ATF_REQUIRE_ERRNO(e, x)	ATF__ERRNO(atf_tc_fail, e, x)
#define	ATF_CHECK(x)							\
	ATF__IF(atf_tc_fail_nonfatal, x, "%s not met", #x)
#define	ATF_CHECK_MSG(x, ...)	ATF__IF(atf_tc_fail_nonfatal, x, __VA_ARGS__)
#define	ATF_CHECK_EQ(a, b)	ATF__EQ(atf_tc_fail_nonfatal, a, b, "")
#define	ATF_CHECK_EQ_MSG(a, b, ...)					\
	ATF__EQ(atf_tc_fail_nonfatal, a, b, ": " __VA_ARGS__)
#define	ATF_CHECK_INTEQ(a, b)	ATF__EQ(atf_tc_fail_nonfatal, a, b, "")
#define	ATF_CHECK_STREQ(a, b)	ATF__STREQ(atf_tc_fail_nonfatal, a, b, "")
#define	ATF_CHECK_ERRNO(e, x)	ATF__ERRNO(atf_tc_fail_nonfatal, e, x)

static void
atf__list(const atf_tp_t *tp)
{
	printf("Content-Type: application/X-atf-tp; version=\"1\"\n");
	for (unsigned int i = 0; i < tp->n; i++) {
		printf("\nident: %s\n", tp->cases[i]->name);
		if (tp->cases[i]->cleanup != NULL)
			printf("has.cleanup: true\n");
		if (tp->cases[i]->head != NULL)
			tp->cases[i]->head(tp->cases[i]);
	}
}

static int
atf__one(const atf_tp_t *tp, char *name)
{
	char *colon = strchr(name, ':');
	const char *part = colon == NULL ? "body" : colon + 1;

	if (colon != NULL)
		*colon = '\0';
	for (unsigned int i = 0; i < tp->n; i++) {
		const atf_tc_t *tc = tp->cases[i];

		if (strcmp(tc->name, name) != 0)
			continue;
		if (strcmp(part, "cleanup") == 0) {
			if (tc->cleanup != NULL)
				tc->cleanup(tc);
			return (EXIT_SUCCESS);
		}
		tc->body(tc);
		atf_tc_pass();
	}
	(void)fprintf(stderr, "no test case %s\n", name);
	return (EXIT_FAILURE);
}

int
main(int argc, char **argv)
{
	static char setting[1024];
	static atf_tp_t tp;
	const char *srcdir = ".";
	bool list = false;
	int c;

	while ((c = getopt(argc, argv, "lr:s:v:")) != -1)
		switch (c) {
		case 'l':
			list = true;
			break;
		case 'r':
			atf__run.results = optarg;
			break;
		case 's':
			srcdir = optarg;
			break;
		case 'v':
			if (atf__run.settings < ATF__MAX)
				atf__run.setting[atf__run.settings++] = optarg;
			break;
		default:
			return (EXIT_FAILURE);
		}
	(void)snprintf(setting, sizeof(setting), "srcdir=%s", srcdir);
	if (atf__run.settings < ATF__MAX)
		atf__run.setting[atf__run.settings++] = setting;
	if (atf__add_cases(&tp) != NULL || (!list && optind + 1 != argc))
		return (EXIT_FAILURE);
	if (!list)
		return (atf__one(&tp, argv[optind]));
	atf__list(&tp);
	return (EXIT_SUCCESS);
}

#endif /* !_ATF_C_H_ */
