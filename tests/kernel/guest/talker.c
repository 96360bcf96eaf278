/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Sends and receives what can be checked: the FreeBSD side of talker.py, as one
 * static program without a library.
 *
 *	talker receive tcp|udp|udplite PORT COUNT SIZE
 *	talker send tcp|udp|udplite ADDRESS PORT COUNT SIZE PAUSE_MS STOP
 *
 * ADDRESS is 32 hexadecimal digits.  COUNT blocks of SIZE octets go, and more
 * until there is a file STOP, if that is not `-'; each begins with its number.  Both ends say how many octets there were, and their
 * CRC-32; for datagrams, which may change their order, the sum of theirs.
 */
#include <sys/types.h>
#include <sys/fcntl.h>
#include <netinet/in.h>

#include <stddef.h>

#include "../sys.h"

#define	SIZE_MAX_	65536
#define	WAIT_S		20	/* for the next datagram */
#define	UDPLITE		136

static uint8_t block[SIZE_MAX_];
static uint32_t table[256];

static void
make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ ((c & 1) != 0 ? 0xedb88320U : 0);
		table[i] = c;
	}
}

static uint32_t
crc(uint32_t c, const uint8_t *p, size_t n)
{
	c = ~c;
	while (n-- > 0)
		c = table[(c ^ *p++) & 0xff] ^ c >> 8;
	return (~c);
}

static unsigned int
number(const char *s)
{
	unsigned int v = 0;

	while (*s >= '0' && *s <= '9')
		v = v * 10 + (unsigned int)(*s++ - '0');
	return (v);
}

static bool
is(const char *a, const char *b)
{
	return (length(a) == length(b) && memcmp(a, b, length(a)) == 0);
}

/* say() is for the console. */
static void
print(const char *text)
{
	(void)sys_write(1, text, length(text));
}

static void
print_number(uint64_t v)
{
	char digits[24], *p = digits + sizeof(digits);

	*--p = '\0';
	do
		*--p = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	print(p);
}

static void
print_sums(uint64_t octets, uint32_t sum)
{
	print_number(octets);
	print(" ");
	print_number(sum);
	print("\n");
}

/* Ends the program if a system call has failed. */
static int
must(const char *what, result r)
{
	if (r < 0) {
		print(what);
		print(": error ");
		print_number((uint64_t)-r);
		print("\n");
		sys_exit(1);
	}
	return ((int)r);
}

static int
open_socket(const char *proto)
{
	if (is(proto, "tcp"))
		return (must("socket", sys_socket(AF_INET6, SOCK_STREAM, 0)));
	return (must("socket", sys_socket(AF_INET6, SOCK_DGRAM,
	    is(proto, "udp") ? IPPROTO_UDP : UDPLITE)));
}

static void
receive(const char *proto, const char *port, unsigned int count)
{
	struct sockaddr_in6 sa = {
		.sin6_len = sizeof(sa), .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)number(port))
	};
	long limit[2] = { WAIT_S, 0 };
	int fd = open_socket(proto), on = 1, room = 16 * SIZE_MAX_;
	uint64_t octets = 0;
	uint32_t sum = 0;
	result n;

	(void)sys_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)must("bind", sys_bind(fd, &sa, sizeof(sa)));
	if (is(proto, "tcp")) {
		(void)must("listen", sys_listen(fd, 1));
		print("ready\n");
		fd = must("accept", sys_accept(fd, NULL, NULL));
		while ((n = sys_read(fd, block, sizeof(block))) > 0) {
			sum = crc(sum, block, (size_t)n);
			octets += (uint64_t)n;
		}
		(void)must("read", n);
		print_sums(octets, sum);
		return;
	}
	(void)must("timeout", sys_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, limit,
	    sizeof(limit)));
	(void)must("buffer", sys_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room,
	    sizeof(room)));
	print("ready\n");
	while (count-- > 0) {
		n = sys_recvfrom(fd, block, sizeof(block), 0, NULL, NULL);
		if (n < 0)
			break;
		sum += crc(0, block, (size_t)n);
		octets += (uint64_t)n;
	}
	print_sums(octets, sum);
}

static bool
is_there(const char *path)
{
	result fd = sys_open(path, O_RDONLY);

	if (fd >= 0)
		(void)sys_close((int)fd);
	return (fd >= 0);
}

static void
read_address(const char *s, struct in6_addr *a)
{
	for (int i = 0; i < 32; i++) {
		int c = s[i] <= '9' ? s[i] - '0' : s[i] - 'a' + 10;

		a->s6_addr[i / 2] = (uint8_t)(a->s6_addr[i / 2] << 4 | c);
	}
}

static void
send_all(char **args)
{
	struct sockaddr_in6 sa = {
		.sin6_len = sizeof(sa), .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)number(args[2]))
	};
	unsigned int count = number(args[3]), size = number(args[4]);
	unsigned int pause = number(args[5]);
	bool stream = is(args[0], "tcp");
	int fd = open_socket(args[0]), room = 2 * SIZE_MAX_;
	uint64_t octets = 0;
	uint32_t sum = 0;

	for (unsigned int i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i * 7);
	read_address(args[1], &sa.sin6_addr);
	if (!stream)
		(void)sys_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room,
		    sizeof(room));
	(void)must("connect", sys_connect(fd, &sa, sizeof(sa)));
	for (unsigned int i = 0; i < count || (!is(args[6], "-") &&
	    !is_there(args[6])); i++) {
		for (int j = 0; j < 8; j++)
			block[j] = j < 4 ? 0 : (uint8_t)(i >> 8 * (7 - j));
		for (unsigned int done = 0; done < size;)
			done += (unsigned int)must("write", sys_write(fd,
			    block + done, size - done));
		sum = stream ? crc(sum, block, size) :
		    sum + crc(0, block, size);
		octets += size;
		if (pause != 0)
			sleep_ms((int)pause);
	}
	print_sums(octets, sum);
}

void	_start(char **) __attribute__((__force_align_arg_pointer__));

/* What the kernel passes leads to the number of arguments, and these. */
void
_start(char **args)
{
	long argc = *(long *)(void *)args;

	args++;
	make_table();
	if (argc == 6 && is(args[1], "receive"))
		receive(args[2], args[3], number(args[4]));
	else if (argc == 9 && is(args[1], "send") && number(args[6]) >= 8 &&
	    number(args[6]) <= SIZE_MAX_)
		send_all(&args[2]);
	else {
		print("usage: see talker.c\n");
		sys_exit(2);
	}
	sys_exit(0);
}
