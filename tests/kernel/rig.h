/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * Two hosts and a router between them, each a jail with a network stack of its
 * own, so that ILNP of the kernel talks to itself.  A host has one link, and
 * on it one prefix, for each of its providers; all of them end at the router.
 */
#ifndef _KT_RIG_H_
#define	_KT_RIG_H_

#include "kt.h"

#define	RIG_LINKS	3

enum rig_who { RIG_A, RIG_B, RIG_R };

/* The locator of a host on one of its links; both hosts' NIDs. */
#define	RIG_L64(who, link)						\
	(0x20010db800000001ULL | (0xaULL + (who)) << 28 | (uint64_t)(link) << 16)
#define	RIG_NID(who)	(0x021122fffe0000a0ULL + (who))

/* A's second one, as listings have it. */
#define	RIG_TEXT_A1	"2001+0db8+a001+0001"

/*
 * Makes the hosts with that many links, ILNP on if `ilnp', and advertises all
 * prefixes.  Returns when each host has all its locators; false if not.
 */
bool	rig_up(int alinks, int blinks, bool ilnp);

/*
 * Makes the hosts with one link between them and no router, each with an
 * address of its NID and one of RIG_PLAIN in the prefix of A's first link; then
 * switches ILNP on there and tells A of B.  Return false if that failed.
 */
bool	rig_pair(void);
bool	rig_pair_on(void);

/* True if the kernel has ILNP. */
bool	rig_has(void);

/*
 * Removes the jails, with all that runs in them, and what they had.  Returns
 * true when their stacks have ended, false if they have not after long.
 */
#define	RIG_END_MS	300000
bool	rig_down(void);

/* Runs a function in a network stack of its own process; what it returns. */
int	rig_run(enum rig_who, int (*)(void *), void *arg);

/* Starts it there and does not wait.  Returns the process. */
int	rig_start(enum rig_who, int (*)(void *), void *arg);

/* Waits for such a process; -1 if it had to be killed at the deadline. */
int	rig_wait(int pid, int ms);

/* A socket of another network stack, for this process. */
int	rig_socket(enum rig_who, int type, int proto);

/* The router advertises the prefix of a link again. */
void	rig_advertise(enum rig_who, int link, uint32_t valid,
	    uint32_t preferred);

/* The router's end of a link goes up or down, and with it the carrier. */
void	rig_link(enum rig_who, int link, bool up);

/* A host's own end goes up or down. */
void	rig_own(enum rig_who, int link, bool up);

/* Takes a host's interface away from its stack; destroys a link there. */
result	rig_take(enum rig_who, int link);
result	rig_cut(enum rig_who, int link);

/*
 * Gives a host's interface addresses with the host's NID that live for some
 * seconds, `most' of them, or as many as there is time for in half of those;
 * the first one is of this locator.  Returns how many.
 */
unsigned int rig_lend(enum rig_who, int link, uint64_t l64, unsigned int most,
	    unsigned int seconds);

/* Packets and octets that a host has sent by one of its links. */
void	rig_sent(enum rig_who, int link, uint64_t *packets, uint64_t *octets);

/* A knob, a text, a counter, and whether a listing shows something in time. */
void	rig_set(enum rig_who, const char *knob, int value);
bool	rig_write(enum rig_who, const char *knob, const char *text);
uint64_t rig_counter(enum rig_who, const char *name);
bool	rig_shows(enum rig_who, const char *name, const char *part, int ms);

/* What a host calls its end of a link. */
const char *rig_interface(enum rig_who, int link);

/*
 * Waits until a host has no connections of TCP any more, for as long as they
 * become fewer.  Returns how many there are.
 */
uint32_t rig_hangs_up(enum rig_who);

/*
 * A TCP transfer from A to B, who have two links each and take the other one
 * in turn, so many times.
 */
void	transfer_while_moving(uint32_t octets, int changes);

/* Prints what both hosts know of each other, for whoever looks for a mistake. */
void	rig_tell(void);

/* Tells host `who' where the other one is. */
bool	rig_teach(enum rig_who);

/* An address of a host, on one of its links; and without ILNP, in a pair. */
struct ilv rig_ilv(enum rig_who, int link);
struct ilv rig_plain(enum rig_who);

/*
 * A way to put frames on the only link of a host, for its peer; and a packet
 * to send by it.
 */
int	rig_tap(enum rig_who);
void	rig_inject(int fd, enum rig_who to, const uint8_t *, size_t);

#endif /* !_KT_RIG_H_ */
