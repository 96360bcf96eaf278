/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * First process of a machine that is only to show that its kernel runs: says
 * which one on the console and resets the machine, which ends QEMU and bhyve
 * (powering off waits five seconds for disks).  Needs neither libc nor a file
 * system that can be written.
 */
#include <sys/syscall.h>
#include <sys/reboot.h>
#include <sys/ttycom.h>

#define	O_RDWR	2

static long
call(long number, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ __volatile__("syscall"
	    : "=a" (ret), "+r" (r10)
	    : "a" (number), "D" (a), "S" (b), "d" (c)
	    : "rcx", "r8", "r9", "r11", "memory", "cc");
	return (ret);
}

static void
say(int fd, const char *text)
{
	long len = 0;

	while (text[len] != '\0')
		len++;
	call(SYS_write, fd, (long)text, len, 0);
}

/* Prints a string sysctl, or that there is none of this name. */
static void
say_sysctl(int fd, const char *name)
{
	/* sysctlbyname(2) has six arguments; the last two are in r8 and r9. */
	register long newp __asm__("r8") = 0;
	register long newlen __asm__("r9") = 0;
	register long oldlenp __asm__("r10");
	char value[512];
	unsigned long len = sizeof(value) - 1;
	long namelen = 0, ret;

	while (name[namelen] != '\0')
		namelen++;
	oldlenp = (long)&len;
	__asm__ __volatile__("syscall"
	    : "=a" (ret), "+r" (oldlenp), "+r" (newp), "+r" (newlen)
	    : "a" (SYS___sysctlbyname), "D" (name), "S" (namelen), "d" (value)
	    : "rcx", "r11", "memory", "cc");
	say(fd, "HELLO ");
	say(fd, name);
	say(fd, " ");
	if (ret == 0 && len < sizeof(value)) {
		value[len] = '\0';
		say(fd, value);
	} else
		say(fd, "is not there");
	say(fd, "\n");
}

void	_start(void);

void
_start(void)
{
	int fd;

	fd = (int)call(SYS_open, (long)"/dev/console", O_RDWR, 0, 0);
	say_sysctl(fd, "kern.ident");
	say_sysctl(fd, "kern.osrelease");
	say(fd, "HELLO done\n");
	/* Else the kernel's farewell lands in the middle of ours. */
	call(SYS_ioctl, fd, TIOCDRAIN, 0, 0);
	call(SYS_reboot, RB_AUTOBOOT | RB_NOSYNC, 0, 0, 0);
	for (;;)
		continue;
}
