/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Writes messages.  Never called for a packet without log_allowed().
 */
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "log.h"

#define	PER_SECOND	10

static bool to_stderr = true;
static bool verbose;
static const char *name = "ilnpd";

void
log_open(const char *ident, bool foreground)
{
	name = ident;
	to_stderr = foreground;
	if (!foreground)
		openlog(ident, LOG_PID, LOG_DAEMON);
}

void
log_verbose(bool on)
{
	verbose = on;
}

static void
write_message(int priority, const char *fmt, va_list ap)
{
	char text[1024];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (to_stderr)
		(void)fprintf(stderr, "%s: %s\n", name, text);
	else
		syslog(priority, "%s", text);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_message(LOG_ERR, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_message(LOG_WARNING, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_message(LOG_INFO, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	write_message(LOG_DEBUG, fmt, ap);
	va_end(ap);
}

bool
log_allowed(struct log_rate *lr, uint64_t now)
{
	uint64_t second = now / 1000000;

	if (second != lr->lr_second) {
		if (lr->lr_lost > 0)
			log_warn("%u similar messages not shown", lr->lr_lost);
		lr->lr_second = second;
		lr->lr_n = lr->lr_lost = 0;
	}
	if (lr->lr_n < PER_SECOND) {
		lr->lr_n++;
		return (true);
	}
	lr->lr_lost++;
	return (false);
}
