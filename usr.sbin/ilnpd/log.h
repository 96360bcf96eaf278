/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Messages for people: stderr in the foreground, else syslog.
 */
#ifndef _ILNPD_LOG_H_
#define	_ILNPD_LOG_H_

#include <stdbool.h>
#include <stdint.h>

void	log_open(const char *ident, bool foreground);
/* Debug messages are shown only when asked for. */
void	log_verbose(bool);

void	log_error(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_warn(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *, ...) __attribute__((format(printf, 1, 2)));
void	log_debug(const char *, ...) __attribute__((format(printf, 1, 2)));

/* Allows ten messages of a kind per second (RFC 6741 s11.1 lets us). */
struct log_rate {
	uint64_t	lr_second;
	unsigned int	lr_n;
	unsigned int	lr_lost;
};

/* True if a message of this kind may be written now. */
bool	log_allowed(struct log_rate *, uint64_t now);

#endif /* !_ILNPD_LOG_H_ */
