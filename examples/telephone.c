/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * A telephone that sends each UDP datagram to every locator of its peer: the
 * sample of the LIN6 talk (SAINT 2003) in today's shape.  It speaks to
 * telephone.py, too.
 *
 *	cc -o telephone telephone.c
 *	telephone answer PORT
 *	telephone call HOST PORT SECONDS
 *
 * Only redundant() is about ILNP.  On FreeBSD it is a socket option.  Elsewhere
 * it shows our socket to the node (ilnpd), which thereby knows that it is ours,
 * and asks for all paths; that lasts as long as the connection to the node.  No
 * privilege is needed.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <err.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __FreeBSD__
#include <netinet6/ilnp/ilnp_sock.h>
#endif

#define	FRAME_MS	20
#define	VOICE_LEN	160	/* 20 ms at 8000 samples a second */
#define	HEAD_LEN	12	/* number, time of sending */
#define	SILENCE_MS	3000	/* after which the answering side hangs up */
#define	FRAMES_MAX	(1 << 20)

/* What was heard: frames by number, each counted once. */
static struct {
	bool		heard[FRAMES_MAX];
	uint32_t	frames;		/* sent by the peer so far */
	uint32_t	fresh;
	uint32_t	copies;
	int64_t		last;		/* ms, 0: none yet */
	int64_t		longest;	/* ms */
} ear;

static volatile sig_atomic_t hung_up;

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

#ifdef __FreeBSD__
/* Asks for all paths.  Returns -1: there is nothing to keep open. */
static int
redundant(int s)
{
	struct ilnp_sochoice ch = { .sc_kind = ILNP_CHOICE_REDUNDANT };

	if (setsockopt(s, IPPROTO_IPV6, ILNP_SO_CHOICE, &ch, sizeof(ch)) != 0)
		err(1, "redundant: not connected by ILNP?");
	return (-1);
}
#else
/*
 * Asks for all paths.  Returns the connection to the node, which is to be kept
 * open, or ends the program: then there is no node, or it says why not.
 */
static int
redundant(int s)
{
	static const char name[] = "\0ilnpd.sock", ask[] =
	    "{\"cmd\": \"redundant\"}";
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct iovec iov = { (void *)(uintptr_t)ask, sizeof(ask) - 1 };
	union {
		struct cmsghdr	align;
		char		buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *cm;
	char answer[1024];
	ssize_t n;
	int node = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	memcpy(sun.sun_path, name, sizeof(name) - 1);
	if (node < 0 || connect(node, (struct sockaddr *)&sun, (socklen_t)(
	    offsetof(struct sockaddr_un, sun_path) + sizeof(name) - 1)) != 0)
		err(3, "no ILNP node serves this network namespace");
	memset(&control, 0, sizeof(control));
	cm = CMSG_FIRSTHDR(&mh);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(s));
	memcpy(CMSG_DATA(cm), &s, sizeof(s));
	if (sendmsg(node, &mh, 0) < 0)
		err(1, "sendmsg");
	n = recv(node, answer, sizeof(answer) - 1, 0);
	if (n <= 0)
		err(1, "the node does not answer");
	answer[n] = '\0';
	if (strstr(answer, "\"ok\":true") == NULL)
		errx(1, "redundant: %s", answer);
	return (node);
}
#endif

static void
hear(int s)
{
	uint8_t frame[2048];
	ssize_t n = recv(s, frame, sizeof(frame), 0);
	int64_t now = now_ms();
	uint32_t number;

	if (n < HEAD_LEN)
		return;
	number = (uint32_t)frame[0] << 24 | (uint32_t)frame[1] << 16 |
	    (uint32_t)frame[2] << 8 | frame[3];
	if (number >= FRAMES_MAX)
		return;
	if (ear.heard[number]) {
		ear.copies++;
		return;
	}
	ear.heard[number] = true;
	ear.fresh++;
	if (number >= ear.frames)
		ear.frames = number + 1;
	if (ear.last != 0 && now - ear.last > ear.longest)
		ear.longest = now - ear.last;
	ear.last = now;
}

static void
say(int s, uint32_t number)
{
	uint8_t frame[HEAD_LEN + VOICE_LEN] = { (uint8_t)(number >> 24),
	    (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number };

	(void)send(s, frame, sizeof(frame), 0);
}

static void
hang_up(int sig)
{
	(void)sig;
	hung_up = 1;
}

static void
talk(int s, int64_t ms)
{
	int64_t begin = now_ms(), now;
	uint32_t number = 0;

	(void)signal(SIGINT, hang_up);
	while (!hung_up && (now = now_ms()) < begin + ms) {
		struct pollfd pfd = { .fd = s, .events = POLLIN };
		int64_t due = begin + (int64_t)number * FRAME_MS;

		if (poll(&pfd, 1, due > now ? (int)(due - now) : 0) > 0) {
			hear(s);
			continue;
		}
		if (ear.last != 0 && now - ear.last > SILENCE_MS)
			break;
		say(s, number++);
	}
	printf("{\"frames\": %u, \"missing\": %u, \"copies\": %u, "
	    "\"longest_gap_ms\": %lld}\n", ear.frames, ear.frames - ear.fresh,
	    ear.copies, (long long)ear.longest);
}

static int
wait_for_call(const char *port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons((uint16_t)atoi(port)) };
	socklen_t len = sizeof(sin6);
	char first[1];
	int s = socket(AF_INET6, SOCK_DGRAM, 0);

	if (s < 0 || bind(s, (struct sockaddr *)&sin6, len) != 0)
		err(1, "port %s", port);
	printf("waiting for a call\n");
	(void)fflush(stdout);
	if (recvfrom(s, first, sizeof(first), 0, (struct sockaddr *)&sin6,
	    &len) < 0 || connect(s, (struct sockaddr *)&sin6, len) != 0)
		err(1, "no call");
	return (s);
}

static int
call(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_family = AF_INET6,
	    .ai_socktype = SOCK_DGRAM }, *ai;
	int error = getaddrinfo(host, port, &hints, &ai);
	int s;

	if (error != 0)
		errx(1, "%s: %s", host, gai_strerror(error));
	s = socket(AF_INET6, SOCK_DGRAM, 0);
	if (s < 0 || connect(s, ai->ai_addr, ai->ai_addrlen) != 0)
		err(1, "%s", host);
	freeaddrinfo(ai);
	return (s);
}

int
main(int argc, char **argv)
{
	int64_t ms = INT64_MAX / 2;
	int node, s;

	if (argc == 3 && strcmp(argv[1], "answer") == 0)
		s = wait_for_call(argv[2]);
	else if (argc == 5 && strcmp(argv[1], "call") == 0) {
		s = call(argv[2], argv[3]);
		ms = atoll(argv[4]) * 1000;
	} else {
		(void)fprintf(stderr, "usage: telephone answer PORT\n"
		    "       telephone call HOST PORT SECONDS\n");
		return (2);
	}
	node = redundant(s);
	talk(s, ms);
	if (node >= 0)
		(void)close(node);
	(void)close(s);
	return (0);
}
