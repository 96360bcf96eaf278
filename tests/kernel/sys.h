/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The little of a C library that a first program without one needs: system
 * calls, memory, and text on the console.
 */
#ifndef _KT_SYS_H_
#define	_KT_SYS_H_

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

/* The result of a system call: not negative, or the negated errno. */
typedef long result;

result	sys_open(const char *path, int flags);
result	sys_close(int fd);
result	sys_read(int fd, void *, size_t);
result	sys_write(int fd, const void *, size_t);
result	sys_ioctl(int fd, unsigned long request, void *);
result	sys_fcntl(int fd, int cmd, long arg);
result	sys_socket(int domain, int type, int protocol);
result	sys_bind(int fd, const void *sa, socklen_t);
result	sys_connect(int fd, const void *sa, socklen_t);
result	sys_listen(int fd, int backlog);
result	sys_accept(int fd, void *sa, socklen_t *);
result	sys_getpeername(int fd, void *sa, socklen_t *);
result	sys_getsockname(int fd, void *sa, socklen_t *);
result	sys_sendto(int fd, const void *, size_t, int flags, const void *sa,
	    socklen_t);
result	sys_recvfrom(int fd, void *, size_t, int flags, void *sa, socklen_t *);
result	sys_setsockopt(int fd, int level, int name, const void *, socklen_t);
result	sys_getsockopt(int fd, int level, int name, void *, socklen_t *);

result	sys_fork(void);
/* The same, with one table of file descriptors for both. */
result	sys_fork_sharing(void);
result	sys_wait(int pid);
/* 0 if the process has not ended yet, else what sys_wait() returns. */
result	sys_wait_now(int pid, int *status);
result	sys_kill(int pid, int signal);
void	sys_yield(void);
result	sys_setuid(int uid);
void	sys_exit(int status) __attribute__((__noreturn__));
/*
 * A persistent jail with its own network stack, in which raw sockets may be
 * had; returns its id.
 */
result	sys_vnet_jail(const char *name);
/* One that shares our network stack, but for one address of IPv6. */
result	sys_address_jail(const char *name, const uint8_t addr[16]);
result	sys_jail_attach(int jid);
result	sys_jail_remove(int jid);

/* A sysctl by name; set values are strings or 32-bit numbers. */
result	sysctl_get(const char *name, void *, size_t *);
result	sysctl_set(const char *name, const char *value);
result	sysctl_set_int(const char *name, int value);
result	sysctl_set_long(const char *name, long value);
result	sysctl_mib(const int *mib, unsigned int n, void *, size_t *);

/* Sends a file; returns how many octets. */
result	sys_sendfile(int fd, int to);

/* Modules; the first returns the id that the second wants. */
result	sys_kldload(const char *path);
result	sys_kldunload(int id);

/* A variable of the loader; returns false if it is not set. */
bool	loader_variable(const char *name, char *, size_t);

/* Zeroed memory that a forked process goes on sharing.  Never NULL. */
void	*shared_memory(size_t);
void	unshare_memory(void *, size_t);

/* Instructions run so far, in a machine that counts time in them. */
static inline uint64_t
ticks(void)
{
	uint32_t lo, hi;

	__asm__ __volatile__("lfence; rdtsc" : "=a"(lo), "=d"(hi));
	return ((uint64_t)hi << 32 | lo);
}

/* Milliseconds since some time. */
int64_t	now_ms(void);
void	sleep_ms(int);

void	power_off(void) __attribute__((__noreturn__));

/* Waits until all that was said is on the lines: they are slow. */
void	say_all(void);

/* Formats %s %d %u %x %lx %c with an optional width and zeros. */
void	say(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));

size_t	length(const char *);
bool	contains(const char *text, const char *part);

void	*memcpy(void *, const void *, size_t);
void	*memmove(void *, const void *, size_t);
void	*memset(void *, int, size_t);
int	memcmp(const void *, const void *, size_t);

#endif /* !_KT_SYS_H_ */
