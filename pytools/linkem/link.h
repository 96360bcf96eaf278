/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * One direction of an emulated link: which frames get through, and when.
 */

#ifndef LINKEM_LINK_H
#define	LINKEM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define	LINK_NEVER	UINT64_MAX

/* What a person can set; link_set() finds the fields by name. */
struct link_settings {
	uint64_t	delay_us;
	uint64_t	jitter_us;	/* uniform, at most this to either side */
	uint64_t	loss_ppm;
	uint64_t	reorder_ppm;
	uint64_t	hold_us;	/* how much later a reordered one leaves */
	uint64_t	rate_bps;	/* 0: unlimited */
	uint64_t	queue_bytes;	/* wait for the rate; more is dropped */
};

/*
 * Every frame received is counted in exactly one of the next four, or still in
 * flight.
 */
struct link_stats {
	uint64_t	received;
	uint64_t	sent;
	uint64_t	lost;		/* chosen by loss_ppm */
	uint64_t	overflow;	/* found the queue full */
	uint64_t	failed;		/* not taken by the outgoing interface */
	uint64_t	bytes;		/* of the frames sent */
	uint64_t	reordered;	/* chosen by reorder_ppm */
};

struct link_way {
	struct link_settings	w_set;
	struct link_stats	w_stats;
	int			w_out;		/* packet socket */
	uint64_t		w_random;	/* generator state */
	uint64_t		w_idle_at;	/* ns, when the rate is free */
	uint64_t		w_last_due;	/* ns, of the frames in order */
};

/* Times are monotonic nanoseconds. */
void		 link_seed(struct link_way *, uint64_t);
const char	*link_set(struct link_settings *, char *);
void		 link_accept(struct link_way *, const void *, size_t, uint64_t);
uint64_t	 link_release(uint64_t);
size_t		 link_in_flight(void);

#endif
