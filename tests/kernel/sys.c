/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * System calls of FreeBSD/amd64, and text on the console.
 */
#include <sys/param.h>
#include <sys/fcntl.h>
#include <sys/kenv.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/ttycom.h>
#include <sys/uio.h>
#include <sys/unistd.h>
#include <sys/wait.h>

#include <stdarg.h>

#include "sys.h"

static result
call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;
	bool failed;

	/* The carry flag says that the result is an errno. */
	__asm__ __volatile__("syscall; setc %1"
	    : "=a"(ret), "=q"(failed), "+r"(r10), "+r"(r8), "+r"(r9)
	    : "a"(number), "D"(a), "S"(b), "d"(c)
	    : "rcx", "r11", "memory", "cc");
	return (failed ? -ret : ret);
}

#define	P(x)	((long)(x))

result
sys_open(const char *path, int flags)
{
	return (call(SYS_open, P(path), flags, 0, 0, 0, 0));
}

result
sys_close(int fd)
{
	return (call(SYS_close, fd, 0, 0, 0, 0, 0));
}

result
sys_read(int fd, void *buf, size_t len)
{
	return (call(SYS_read, fd, P(buf), P(len), 0, 0, 0));
}

result
sys_write(int fd, const void *buf, size_t len)
{
	return (call(SYS_write, fd, P(buf), P(len), 0, 0, 0));
}

result
sys_ioctl(int fd, unsigned long request, void *arg)
{
	return (call(SYS_ioctl, fd, P(request), P(arg), 0, 0, 0));
}

result
sys_fcntl(int fd, int cmd, long arg)
{
	return (call(SYS_fcntl, fd, cmd, arg, 0, 0, 0));
}

result
sys_socket(int domain, int type, int protocol)
{
	return (call(SYS_socket, domain, type, protocol, 0, 0, 0));
}

result
sys_bind(int fd, const void *sa, socklen_t len)
{
	return (call(SYS_bind, fd, P(sa), len, 0, 0, 0));
}

result
sys_connect(int fd, const void *sa, socklen_t len)
{
	return (call(SYS_connect, fd, P(sa), len, 0, 0, 0));
}

result
sys_listen(int fd, int backlog)
{
	return (call(SYS_listen, fd, backlog, 0, 0, 0, 0));
}

result
sys_accept(int fd, void *sa, socklen_t *len)
{
	return (call(SYS_accept, fd, P(sa), P(len), 0, 0, 0));
}

result
sys_getpeername(int fd, void *sa, socklen_t *len)
{
	return (call(SYS_getpeername, fd, P(sa), P(len), 0, 0, 0));
}

result
sys_getsockname(int fd, void *sa, socklen_t *len)
{
	return (call(SYS_getsockname, fd, P(sa), P(len), 0, 0, 0));
}

result
sys_sendto(int fd, const void *buf, size_t n, int flags, const void *sa,
    socklen_t len)
{
	return (call(SYS_sendto, fd, P(buf), P(n), flags, P(sa), len));
}

result
sys_recvfrom(int fd, void *buf, size_t n, int flags, void *sa, socklen_t *len)
{
	return (call(SYS_recvfrom, fd, P(buf), P(n), flags, P(sa), P(len)));
}

result
sys_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
	return (call(SYS_setsockopt, fd, level, name, P(val), len, 0));
}

result
sys_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	return (call(SYS_getsockopt, fd, level, name, P(val), P(len), 0));
}

result
sys_fork(void)
{
	return (call(SYS_fork, 0, 0, 0, 0, 0, 0));
}

result
sys_fork_sharing(void)
{
	return (call(SYS_rfork, RFPROC, 0, 0, 0, 0, 0));
}

/* As a shell has it: 128 and the signal for one that was killed. */
static int
exit_status(int status)
{
	return ((status & 0x7f) != 0 ? 128 + (status & 0x7f) : status >> 8);
}

result
sys_wait_now(int pid, int *status)
{
	result r = call(SYS_wait4, pid, P(status), WNOHANG, 0, 0, 0);

	*status = exit_status(*status);
	return (r);
}

result
sys_kill(int pid, int signal)
{
	return (call(SYS_kill, pid, signal, 0, 0, 0, 0));
}

void
sys_yield(void)
{
	(void)call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

result
sys_wait(int pid)
{
	int status = 0;
	result r = call(SYS_wait4, pid, P(&status), 0, 0, 0, 0);

	/* One that was killed, or has crashed, is not one that succeeded. */
	return (r < 0 ? r : exit_status(status));
}

result
sys_setuid(int uid)
{
	return (call(SYS_setuid, uid, 0, 0, 0, 0, 0));
}

void
sys_exit(int status)
{
	(void)call(SYS_exit, status, 0, 0, 0, 0, 0);
	for (;;)
		;
}

result
sys_vnet_jail(const char *name)
{
	char key[3][16] = { "name", "persist", "vnet" }, path[] = "path";
	char root[] = "/", raw[] = "allow.raw_sockets";
	int fresh = 1;		/* JAIL_SYS_NEW */
	struct iovec iov[10] = {
		{ key[0], 5 }, { (void *)(uintptr_t)name, length(name) + 1 },
		{ key[1], 8 }, { NULL, 0 },
		{ key[2], 5 }, { &fresh, sizeof(fresh) },
		{ path, 5 }, { root, 2 },
		{ raw, sizeof(raw) }, { NULL, 0 }
	};

	/* JAIL_CREATE */
	return (call(SYS_jail_set, P(iov), 10, 1, 0, 0, 0));
}

result
sys_address_jail(const char *name, const uint8_t addr[16])
{
	char key[3][16] = { "name", "persist", "ip6.addr" }, path[] = "path";
	char root[] = "/";
	struct iovec iov[8] = {
		{ key[0], 5 }, { (void *)(uintptr_t)name, length(name) + 1 },
		{ key[1], 8 }, { NULL, 0 },
		{ key[2], 9 }, { (void *)(uintptr_t)addr, 16 },
		{ path, 5 }, { root, 2 }
	};

	return (call(SYS_jail_set, P(iov), 8, 1, 0, 0, 0));
}

result
sys_jail_attach(int jid)
{
	return (call(SYS_jail_attach, jid, 0, 0, 0, 0, 0));
}

result
sys_jail_remove(int jid)
{
	return (call(SYS_jail_remove, jid, 0, 0, 0, 0, 0));
}

static result
sysctl_byname(const char *name, void *old, size_t *oldlen, const void *new,
    size_t newlen)
{
	return (call(SYS___sysctlbyname, P(name), P(length(name)), P(old),
	    P(oldlen), P(new), P(newlen)));
}

result
sysctl_get(const char *name, void *buf, size_t *len)
{
	return (sysctl_byname(name, buf, len, NULL, 0));
}

result
sysctl_set(const char *name, const char *value)
{
	return (sysctl_byname(name, NULL, NULL, value, length(value)));
}

result
sysctl_set_int(const char *name, int value)
{
	return (sysctl_byname(name, NULL, NULL, &value, sizeof(value)));
}

result
sysctl_set_long(const char *name, long value)
{
	return (sysctl_byname(name, NULL, NULL, &value, sizeof(value)));
}

result
sysctl_mib(const int *mib, unsigned int n, void *buf, size_t *len)
{
	return (call(SYS___sysctl, P(mib), n, P(buf), P(len), 0, 0));
}

result
sys_sendfile(int fd, int to)
{
	off_t sent = 0;
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	register long r9 __asm__("r9") = P(&sent);
	long ret;
	bool failed;

	/* The seventh argument, flags, is on the stack: none. */
	__asm__ __volatile__("lea -128(%%rsp), %%rsp; pushq $0; pushq $0; "
	    "syscall; lea 144(%%rsp), %%rsp; setc %1"
	    : "=a"(ret), "=q"(failed), "+r"(r10), "+r"(r8), "+r"(r9)
	    : "a"(SYS_sendfile), "D"((long)fd), "S"((long)to), "d"(0L)
	    : "rcx", "r11", "memory", "cc");
	return (failed && sent == 0 ? -ret : (result)sent);
}

result
sys_kldload(const char *path)
{
	return (call(SYS_kldload, P(path), 0, 0, 0, 0, 0));
}

result
sys_kldunload(int id)
{
	return (call(SYS_kldunload, id, 0, 0, 0, 0, 0));
}

bool
loader_variable(const char *name, char *buf, size_t len)
{
	memset(buf, 0, len);
	return (call(SYS_kenv, KENV_GET, P(name), P(buf), P(len), 0, 0) > 0);
}

void *
shared_memory(size_t len)
{
	result r = call(SYS_mmap, 0, P(len), PROT_READ | PROT_WRITE,
	    MAP_ANON | MAP_SHARED, -1, 0);

	if (r < 0) {
		say("no memory to share: error %d\n", (int)-r);
		sys_exit(1);
	}
	return ((void *)r);
}

void
unshare_memory(void *p, size_t len)
{
	(void)call(SYS_munmap, P(p), P(len), 0, 0, 0, 0);
}

int64_t
now_ms(void)
{
	struct timespec ts;

	(void)call(SYS_clock_gettime, CLOCK_MONOTONIC, P(&ts), 0, 0, 0, 0);
	return (ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

void
sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000L };

	(void)call(SYS_nanosleep, P(&ts), 0, 0, 0, 0, 0);
}

void
power_off(void)
{
	(void)call(SYS_reboot, RB_POWEROFF, 0, 0, 0, 0, 0);
	for (;;)
		;
}

size_t
length(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return (n);
}

bool
contains(const char *text, const char *part)
{
	size_t n = length(part), left = length(text);

	for (; left >= n; text++, left--)
		if (memcmp(text, part, n) == 0)
			return (true);
	return (false);
}

void *
memcpy(void *d, const void *s, size_t n)
{
	return (memmove(d, s, n));
}

void *
memmove(void *d, const void *s, size_t n)
{
	volatile uint8_t *to = d;
	const volatile uint8_t *from = s;
	void *end = d;

	if (to <= from || to >= from + n)
		__asm__ __volatile__("rep movsb"
		    : "+D"(end), "+S"(s), "+c"(n) : : "memory");
	else
		while (n-- > 0)
			to[n] = from[n];
	return (d);
}

void *
memset(void *d, int c, size_t n)
{
	void *end = d;

	__asm__ __volatile__("rep stosb"
	    : "+D"(end), "+c"(n) : "a"(c) : "memory");
	return (d);
}

int
memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return (*x - *y);
	return (0);
}

/* The console, and the line on which nobody but this program speaks. */
static const char *const line_names[] = { "/dev/console", "/dev/cuau1" };
static int lines[] = { -1, -1 };

static void
put(const char *s, size_t n)
{
	for (unsigned int i = 0; i < nitems(lines); i++) {
		if (lines[i] == -1)
			lines[i] = (int)sys_open(line_names[i], O_RDWR);
		if (lines[i] >= 0)
			(void)sys_write(lines[i], s, n);
	}
}

void
say_all(void)
{
	for (unsigned int i = 0; i < nitems(lines); i++)
		if (lines[i] >= 0)
			(void)sys_ioctl(lines[i], TIOCDRAIN, NULL);
}

void
say(const char *fmt, ...)
{
	char line[8192];
	size_t n = 0;
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt != '\0' && n < sizeof(line) - 72; fmt++) {
		char digits[24], pad = ' ';
		int width = 0, nd = 0;
		unsigned long v;

		if (*fmt != '%') {
			line[n++] = *fmt;
			continue;
		}
		fmt++;
		if (*fmt == '0')
			pad = *fmt++;
		while (*fmt >= '0' && *fmt <= '9')
			width = width * 10 + *fmt++ - '0';
		if (*fmt == 's') {
			const char *s = va_arg(ap, const char *);

			while (*s != '\0' && n < sizeof(line) - 72)
				line[n++] = *s++;
			continue;
		}
		if (*fmt == 'c') {
			line[n++] = (char)va_arg(ap, int);
			continue;
		}
		if (*fmt == 'l') {
			fmt++;
			v = va_arg(ap, unsigned long);
		} else if (*fmt == 'd') {
			int d = va_arg(ap, int);

			if (d < 0)
				line[n++] = '-';
			v = d < 0 ? -(unsigned long)d : (unsigned long)d;
		} else
			v = va_arg(ap, unsigned int);
		do {
			digits[nd++] = "0123456789abcdef"[v %
			    (*fmt == 'x' ? 16 : 10)];
			v /= *fmt == 'x' ? 16 : 10;
		} while (v != 0);
		while (width-- > nd)
			line[n++] = pad;
		while (nd > 0)
			line[n++] = digits[--nd];
	}
	va_end(ap);
	put(line, n);
}
