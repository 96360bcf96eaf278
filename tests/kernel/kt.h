/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the scenarios share: verdicts, names, sockets, and a TCP far end.
 */
#ifndef _KT_KT_H_
#define	_KT_KT_H_

#include <netinet/in.h>

#include "net.h"

/* Locators: the guest's on tap0 and tap1, and those of the far host. */
#define	GUEST_A	0x20010db8000a0001ULL
#define	GUEST_B	0x20010db8000b0001ULL
#define	FAR_C	0x20010db8000c0001ULL
#define	FAR_D	0x20010db8000d0001ULL
#define	FAR_E	0x20010db8000e0001ULL
#define	GUEST	0x021122fffe334455ULL
#define	FAR	0x021122fffe667788ULL
#define	FAR2	0x021122fffe99aabbULL
#define	FAR3	0x021122fffeccddeeULL
#define	FAR4	0x021122fffe000004ULL
#define	FAR5	0x021122fffe000005ULL
#define	FAR6	0x021122fffe000006ULL
#define	FAR7	0x021122fffe000007ULL
#define	FAR8	0x021122fffe000008ULL
#define	FAR9	0x021122fffe000009ULL

/* Says whether something was as it must be, and keeps count. */
#define	check(cond, ...) do {						\
	bool check_ok = (cond);						\
	say("%s ", check_ok ? "  ok  " : "  FAIL");			\
	say(__VA_ARGS__);						\
	say("\n");							\
	verdict(check_ok);						\
} while (0)
void	verdict(bool ok);
void	scenario(const char *name);

/* Sets a knob of net.inet6.ilnp6, which must succeed. */
void	set(const char *knob, int value);

/* A counter of net.inet6.ilnp6.stats. */
uint64_t counter(const char *name);

/* Waits until one is not `was' any more; by how much it has gone up. */
uint64_t risen(const char *name, uint64_t was);

/* Prints all counters that are not zero. */
void	say_counters(void);

/* Prints a text sysctl; returns true if it contains `part'. */
bool	listing(const char *name, const char *part);

/* Waits until a text sysctl contains `part'; prints it if it does not in time. */
bool	shows(const char *name, const char *part, int ms);

/* The far end of a TCP connection, and the program's socket. */
struct conn {
	int	fd;
	struct ilv far;		/* from where the far end sends */
	struct ilv near;	/* to where */
	int	tap;		/* by which wire */
	uint16_t farport;
	uint16_t nearport;
	uint32_t seq;		/* of the far end */
	uint32_t ack;
	uint8_t	nonce[12];	/* of the far end */
	uint8_t	noncelen;
	bool	twice;		/* the nonce stands there twice */
	enum sum sum;
};

/*
 * Leaves a connection for the kernel's debugger, which shows on the console at
 * the very end what there is of ILNP.
 */
void	leave_to_debugger(void);

struct in6_addr kt_in6(struct ilv);
struct sockaddr_in6 kt_address(struct ilv, uint16_t port);

/* Binds a listening socket; nid 0: to no address. */
int	listener(struct ilv, uint16_t port);

/*
 * How long what must come is awaited, in ms: whoever waits that long has lost,
 * on a slow machine, too.
 */
#define	SOON	30000

/* How long, of something long, no more of it may come until it is given up. */
#define	STUCK_MS 120000

/*
 * Has the prefixes of tap0 and tap1 advertised until both are locators:
 * scenarios that end with other prefixes may have taken a router for dead.
 */
bool	two_locators(void);

/* Starts a connection without waiting for it. */
int	connector(struct ilv, uint16_t port);

/*
 * A packet of the far end, from where the connection says, that has its nonces
 * and no body yet; a segment in it, the next of the far end's; the same, sent.
 */
struct packet far_packet(const struct conn *);
struct packet far_segment(const struct conn *, uint8_t flags);
void	far_send(struct conn *, uint8_t flags, const char *text);

/* Lets the program send, and takes the segment it makes; `k' gets it. */
bool	near_send(struct conn *, const char *text, struct packet *k);

/* True if the program reads exactly that within a second. */
bool	near_reads(const struct conn *, const char *text);

/* The next packet that goes to that port of the far host. */
bool	next_to(uint16_t port, uint8_t proto, struct packet *k);

/* A Locator Update of the far end, which is at these locators. */
struct packet update_of(const struct conn *, const uint64_t *l64,
	    unsigned int n);

/* True if the far end of the socket is seen as that address. */
bool	peer_is(int fd, struct ilv);

/*
 * Makes a connection from the far host to the program's listener.  The SYN
 * goes by `c', the ACK by `ackfar', `acknear' and `acktap'.
 * Returns false if it does not come to be.
 */
bool	far_connects(struct conn *c, int lfd, struct ilv ackfar,
	    struct ilv acknear, int acktap);

void	test_connect(void);
void	test_accept(void);
void	test_path(void);
void	test_modes(void);
void	test_wait(void);
void	test_offload(void);
void	test_hostile(void);
void	test_local(void);
void	test_forged(void);
void	test_count(void);
void	test_alloc(void);
void	test_life(void);
void	test_move(void);
void	test_load(void);
void	test_race(void);
void	test_end(void);
void	test_short(void);
void	test_bench(void);
void	test_module(void);
void	test_sock(void);
void	test_prog(void);
void	test_ping(void);
void	test_wish(void);
void	test_raw(void);
void	test_kinds(void);
void	test_ephemeral(void);
void	test_stacks(void);
void	test_probes(void (*)(void));

/* Returns how many sessions were refused. */
uint64_t full_table(void);

#endif /* !_KT_KT_H_ */
