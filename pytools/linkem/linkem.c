/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * linkem: joins two interfaces by a link that delays, loses, reorders and
 * limits frames.  This file moves frames and listens to commands; link.c
 * decides.
 *
 * Commands are datagrams on a Unix socket, one line each, answered with one
 * line of JSON:  "set [a|b] name=number ..."  or  "stats".  "a" is the
 * direction that enters by interface a.
 */

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <net/if.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "link.h"

#define	FRAME_MAX	65550		/* bytes, more than any MTU + header */
#define	SOCKBUF		(8 << 20)	/* bytes */
#define	BURST		64		/* frames from one side in a row */
#define	LINE		1024		/* bytes of a command or an answer */
#define	NSEC		1000000000ULL

static struct link_way ways[2];		/* [0] enters by a, [1] by b */
static int sides[2];			/* packet sockets */
static uint64_t missed[2];		/* frames a full socket buffer refused */

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec);
}

static int
open_side(const char *name)
{
	struct sockaddr_ll sll;
	int fd, one, size;

	if ((fd = socket(AF_PACKET, SOCK_RAW, 0)) < 0)
		err(1, "packet socket");
	one = 1;
	size = SOCKBUF;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		err(1, "socket buffers");
	/* Without it we would take in again what we have sent. */
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
	    sizeof(one)) < 0)
		err(1, "PACKET_IGNORE_OUTGOING");
	memset(&sll, 0, sizeof(sll));
	sll.sll_family = AF_PACKET;
	sll.sll_protocol = htons(ETH_P_ALL);
	if ((sll.sll_ifindex = (int)if_nametoindex(name)) == 0)
		err(1, "interface %s", name);
	if (bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		err(1, "interface %s", name);
	return (fd);
}

static int
open_control(const char *path)
{
	struct sockaddr_un sun;
	int fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun.sun_path))
		errx(1, "%s: a socket path has at most %zu bytes", path,
		    sizeof(sun.sun_path) - 1);
	strcpy(sun.sun_path, path);
	(void)unlink(path);
	if ((fd = socket(AF_UNIX, SOCK_DGRAM, 0)) < 0 ||
	    bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		err(1, "%s", path);
	return (fd);
}

static void
format_stats(char *out, size_t size)
{
	const struct link_stats *s;
	struct tpacket_stats ps;
	socklen_t len;
	size_t at;
	int i;

	at = (size_t)snprintf(out, size, "{\"ok\": true, \"in_flight\": %zu",
	    link_in_flight());
	for (i = 0; i < 2; i++) {
		len = sizeof(ps);
		if (getsockopt(sides[i], SOL_PACKET, PACKET_STATISTICS, &ps,
		    &len) == 0)
			missed[i] += ps.tp_drops;	/* reading clears it */
		s = &ways[i].w_stats;
		at += (size_t)snprintf(out + at, size - at, ", \"%c\": "
		    "{\"received\": %" PRIu64 ", \"sent\": %" PRIu64
		    ", \"lost\": %" PRIu64 ", \"overflow\": %" PRIu64
		    ", \"failed\": %" PRIu64 ", \"bytes\": %" PRIu64
		    ", \"reordered\": %" PRIu64 ", \"missed\": %" PRIu64 "}",
		    "ab"[i], s->received, s->sent, s->lost, s->overflow,
		    s->failed, s->bytes, s->reordered, missed[i]);
	}
	snprintf(out + at, size - at, "}");
}

/*
 * Apply "[a|b] name=number ...", to one direction or to both.  Returns NULL,
 * or what is wrong; then nothing has changed.
 */
static const char *
set(char *words)
{
	struct link_settings fresh[2] = { ways[0].w_set, ways[1].w_set };
	const char *error;
	char copy[LINE], *save, *word;
	int first, i, last;

	first = 0;
	last = 1;
	if ((words[0] == 'a' || words[0] == 'b') && words[1] == ' ') {
		first = last = words[0] - 'a';
		words += 2;
	}
	for (word = strtok_r(words, " ", &save); word != NULL;
	    word = strtok_r(NULL, " ", &save)) {
		for (i = first; i <= last; i++) {
			snprintf(copy, sizeof(copy), "%s", word);
			if ((error = link_set(&fresh[i], copy)) != NULL)
				return (error);
		}
	}
	for (i = 0; i < 2; i++) {
		if (fresh[i].jitter_us > fresh[i].delay_us)
			return ("jitter_us is larger than delay_us");
	}
	ways[0].w_set = fresh[0];
	ways[1].w_set = fresh[1];
	return (NULL);
}

static void
serve(int control)
{
	struct sockaddr_un from;
	socklen_t fromlen;
	const char *error;
	char answer[LINE], line[LINE];
	ssize_t len;

	fromlen = sizeof(from);
	len = recvfrom(control, line, sizeof(line) - 1, MSG_DONTWAIT,
	    (struct sockaddr *)&from, &fromlen);
	if (len < 0)
		return;
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "stats") == 0)
		format_stats(answer, sizeof(answer));
	else {
		error = "want: stats, or set [a|b] name=number ...";
		if (strncmp(line, "set ", 4) == 0)
			error = set(line + 4);
		if (error == NULL)
			strcpy(answer, "{\"ok\": true}");
		else
			snprintf(answer, sizeof(answer),
			    "{\"ok\": false, \"error\": \"%s\"}", error);
	}
	/* Who asks without a name of his own does not want to know. */
	(void)sendto(control, answer, strlen(answer), MSG_DONTWAIT,
	    (struct sockaddr *)&from, fromlen);
}

static void
read_side(int side)
{
	static unsigned char frame[FRAME_MAX];
	ssize_t len;
	int i;

	for (i = 0; i < BURST; i++) {
		/* An interface that goes down is an error once; it may return. */
		len = recv(sides[side], frame, sizeof(frame), MSG_DONTWAIT);
		if (len < 0)
			return;
		link_accept(&ways[side], frame, (size_t)len, now_ns());
	}
}

static void
watch(int epoll, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		err(1, "epoll_ctl");
}

/* Carry frames until a signal says to end. */
static void
carry(int control)
{
	struct itimerspec when;
	struct epoll_event ev[8];
	sigset_t ends;
	uint64_t next, ticks;
	int epoll, i, n, signals, timer;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	if ((epoll = epoll_create1(0)) < 0 ||
	    (signals = signalfd(-1, &ends, 0)) < 0 ||
	    (timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)) < 0)
		err(1, "epoll, signalfd or timerfd");
	watch(epoll, signals);
	watch(epoll, timer);
	watch(epoll, control);
	watch(epoll, sides[0]);
	watch(epoll, sides[1]);
	for (;;) {
		if ((n = epoll_wait(epoll, ev, 8, -1)) < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < n; i++) {
			if (ev[i].data.fd == signals)
				return;
			else if (ev[i].data.fd == timer)
				(void)!read(timer, &ticks, sizeof(ticks));
			else if (ev[i].data.fd == control)
				serve(control);
			else
				read_side(ev[i].data.fd == sides[1]);
		}
		memset(&when, 0, sizeof(when));
		if ((next = link_release(now_ns())) != LINK_NEVER) {
			when.it_value.tv_sec = (time_t)(next / NSEC);
			when.it_value.tv_nsec = (long)(next % NSEC);
		}
		timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
	}
}

int
main(int argc, char *argv[])
{
	const char *a, *b, *error, *path;
	char answer[LINE];
	uint64_t seed;
	int ch, control, i;

	a = b = path = NULL;
	seed = 1;
	while ((ch = getopt(argc, argv, "a:b:c:s:")) != -1)
		switch (ch) {
		case 'a': a = optarg; break;
		case 'b': b = optarg; break;
		case 'c': path = optarg; break;
		case 's': seed = strtoull(optarg, NULL, 10); break;
		default: a = b = NULL; optind = argc; break;
		}
	if (a == NULL || b == NULL)
		errx(2, "usage: linkem -a interface -b interface [-c socket] "
		    "[-s seed] [name=number ...]");
	ways[0].w_set.hold_us = ways[1].w_set.hold_us = 5000;
	ways[0].w_set.queue_bytes = ways[1].w_set.queue_bytes = 64000;
	for (; optind < argc; optind++)
		if ((error = set(argv[optind])) != NULL)
			errx(2, "%s: %s", argv[optind], error);
	sides[0] = open_side(a);
	sides[1] = open_side(b);
	for (i = 0; i < 2; i++) {
		ways[i].w_out = sides[!i];
		link_seed(&ways[i], 2 * seed + (uint64_t)i);
	}
	control = path == NULL ? -1 : open_control(path);
	/* Being late is being wrong; without the right to it we still work. */
	(void)setpriority(PRIO_PROCESS, 0, -15);
	carry(control);
	format_stats(answer, sizeof(answer));
	puts(answer);
	return (0);
}
