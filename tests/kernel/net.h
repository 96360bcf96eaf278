/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The other end of the guest's wires: tap interfaces on which this program is
 * the router and every host behind it, with frames made by hand.
 */
#ifndef _KT_NET_H_
#define	_KT_NET_H_

#include "sys.h"

#define	TAPS	3

/* The wire whose interface segments and sums up in hardware. */
#define	TAP_OFFLOAD	2

/* An address as locator and identifier, in host order. */
struct ilv {
	uint64_t	l64;
	uint64_t	nid;
};

/*
 * Opens tap0 and tap1 if they are not, brings them up and lets them accept
 * advertisements.
 */
void	net_open(void);

/* Opens TAP_OFFLOAD, with all its capabilities switched on. */
void	net_open_offload(void);

/*
 * Advertises a prefix of 64 bits on a wire, as the router fe80::1 of that
 * wire; a router lifetime of 0 says that it is no default router.
 */
void	net_advertise(int tap, uint64_t l64, uint32_t valid,
	    uint32_t preferred);

/* The router of a wire says that it is no default router any more. */
void	net_resign(int tap);

enum sum { SUM_RFC, SUM_IPV6 };

/* A packet of the far host; what is not said is zero. */
struct packet {
	struct ilv	src;
	struct ilv	dst;
	uint8_t		nonce[12];
	uint8_t		noncelen;	/* 0: no option */
	uint8_t		nonces;		/* further copies of the option */
	uint8_t		proto;
	enum sum	sum;
	uint16_t	sport, dport;	/* TCP, UDP */
	uint32_t	seq, ack;	/* TCP */
	uint8_t		flags;		/* TCP */
	bool		mss;		/* TCP: with that option */
	uint8_t		type, code;	/* ICMPv6 */
	uint8_t		body[1400];	/* payload; ICMPv6: behind 4 octets */
	uint16_t	bodylen;
	uint16_t	cover;		/* UDP-Lite: octets summed up; 0: all */
	/* Of packets that the guest sent: */
	int		tap;
	bool		toroute;	/* to the router's Ethernet address */
	bool		sumok;		/* either kind of checksum is right */
	uint16_t	len;		/* of the whole packet */
	/* Hardware is to finish the checksum; also of what net_send() sends. */
	bool		partial;
	uint16_t	segment;	/* and to cut pieces of that; 0: it is not */
};

#define	TH_FIN	0x01
#define	TH_SYN	0x02
#define	TH_RST	0x04
#define	TH_PUSH	0x08
#define	TH_ACK	0x10

/* One that is `partial' by TAP_OFFLOAD. */
void	net_send(int tap, const struct packet *);

/* The same in two fragments, cut behind `at' octets of what can be cut. */
void	net_send_cut(int tap, const struct packet *, size_t at);

/* Closes a wire and destroys its interface.  Returns what that returned. */
result	net_destroy(int tap);

/* Sends octets as they are, from the IPv6 header on. */
void	net_send_raw(int tap, const uint8_t *, size_t);

/* Writes a packet into `buf' of 2048 octets; returns its length. */
size_t	net_compose(const struct packet *, uint8_t *buf);

/*
 * The next packet that the guest sends to a global address, within `ms'.
 * Neighbour Discovery is answered on the way; probes, if `net_answer' is set,
 * and Locator Updates, likewise, with the nonce there.
 * Returns false if none came.
 */
bool	net_receive(struct packet *, int ms);

/* As above, the next of that protocol. */
bool	net_expect(struct packet *, uint8_t proto, int ms);

/* Keeps the octets of the packet that was received last. */
void	net_keep(void);

/*
 * An ICMPv6 error of a router about the packet that was kept, whose octets
 * may be changed first by `spoil'.
 */
void	net_error(int tap, uint8_t type, uint8_t code, uint32_t param,
	    void (*spoil)(uint8_t *ip));

/* The NID of a neighbour that is not the router; 0: there is none. */
extern uint64_t net_onlink;

/* Somebody says that he has every new address. */
extern bool net_claims;

struct answer {
	bool	on;
	uint8_t	nonce[12];
	uint8_t	noncelen;
	uint32_t probes;	/* answered so far */
	uint32_t updates;	/* acknowledged so far */
	struct packet update;	/* the last Locator Update */
	struct packet echo;	/* the last request that was no probe */
	uint32_t dead;		/* wires, as a mask, behind which nobody is */
};

extern struct answer net_answer;

void	put16(uint8_t *, uint32_t);
void	put32(uint8_t *, uint32_t);
void	put64(uint8_t *, uint64_t);
uint16_t get16(const uint8_t *);
uint32_t get32(const uint8_t *);
uint64_t get64(const uint8_t *);

#endif /* !_KT_NET_H_ */
