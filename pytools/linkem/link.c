/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Decides for each frame when it leaves, or that it does not.  Never looks
 * into a frame, and keeps the order of arrival except for frames chosen to be
 * overtaken.  All choices come from a seeded generator, one per direction, so
 * that a run can be repeated.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

#define	HEAP_MAX	(1 << 18)	/* frames in flight, both directions */
#define	MILLION		1000000
#define	NSEC		1000000000ULL

struct frame {
	uint64_t	 f_due;		/* ns, monotonic */
	uint64_t	 f_serial;	/* breaks ties, first come first served */
	struct link_way	*f_way;
	size_t		 f_len;
	unsigned char	 f_data[];
};

static const struct {
	const char	*k_name;
	size_t		 k_offset;
	uint64_t	 k_max;
} knobs[] = {
#define	KNOB(name, max)	{ #name, offsetof(struct link_settings, name), max }
	KNOB(delay_us, 60 * MILLION),
	KNOB(jitter_us, 60 * MILLION),
	KNOB(loss_ppm, MILLION),
	KNOB(reorder_ppm, MILLION),
	KNOB(hold_us, 60 * MILLION),
	KNOB(rate_bps, 100 * NSEC),
	KNOB(queue_bytes, 1 << 30),
#undef KNOB
};

static struct frame **heap;		/* the earliest first */
static size_t nheap, heap_size;
static uint64_t serial;

/* splitmix64: any seed will do, and the whole state is one number. */
static uint64_t
next_random(struct link_way *w)
{
	uint64_t z;

	z = (w->w_random += 0x9e3779b97f4a7c15ULL);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31));
}

void
link_seed(struct link_way *w, uint64_t seed)
{

	w->w_random = seed;
}

/*
 * Apply one "name=number"; the word is cut at its equals sign.  Returns NULL,
 * or what is wrong with it.
 */
const char *
link_set(struct link_settings *s, char *word)
{
	char *end, *value;
	uint64_t number;
	size_t i;

	if ((value = strchr(word, '=')) == NULL)
		return ("want name=number");
	*value++ = '\0';
	errno = 0;
	number = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end != '\0' || errno != 0)
		return ("not a number");
	for (i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		if (strcmp(word, knobs[i].k_name) != 0)
			continue;
		if (number > knobs[i].k_max)
			return ("number too large");
		memcpy((char *)s + knobs[i].k_offset, &number, sizeof(number));
		return (NULL);
	}
	return ("no such setting");
}

static bool
precedes(const struct frame *f, const struct frame *g)
{

	if (f->f_due != g->f_due)
		return (f->f_due < g->f_due);
	return (f->f_serial < g->f_serial);
}

/* Returns false if there is no room; the frame stays the caller's. */
static bool
heap_push(struct frame *f)
{
	struct frame **bigger;
	size_t i, size;

	if (nheap == heap_size) {
		size = heap_size == 0 ? 256 : 2 * heap_size;
		if (size > HEAP_MAX)
			return (false);
		if ((bigger = realloc(heap, size * sizeof(*heap))) == NULL)
			return (false);
		heap = bigger;
		heap_size = size;
	}
	for (i = nheap++; i > 0; i = (i - 1) / 2) {
		if (!precedes(f, heap[(i - 1) / 2]))
			break;
		heap[i] = heap[(i - 1) / 2];
	}
	heap[i] = f;
	return (true);
}

static struct frame *
heap_pop(void)
{
	struct frame *last, *top;
	size_t child, i;

	top = heap[0];
	last = heap[--nheap];
	for (i = 0; (child = 2 * i + 1) < nheap; i = child) {
		if (child + 1 < nheap && precedes(heap[child + 1], heap[child]))
			child++;
		if (!precedes(heap[child], last))
			break;
		heap[i] = heap[child];
	}
	heap[i] = last;
	return (top);
}

static void
transmit(struct link_way *w, const void *data, size_t len)
{

	if (send(w->w_out, data, len, MSG_DONTWAIT) == (ssize_t)len) {
		w->w_stats.sent++;
		w->w_stats.bytes += len;
	} else
		w->w_stats.failed++;
}

/*
 * Take the frame's share of the rate and set *due to when its last bit is out.
 *
 * Returns false if the frame finds the queue full.
 */
static bool
shape(struct link_way *w, size_t len, uint64_t now, uint64_t *due)
{
	const struct link_settings *s = &w->w_set;
	double waiting;
	uint64_t start;

	*due = now;
	if (s->rate_bps == 0)
		return (true);
	start = w->w_idle_at > now ? w->w_idle_at : now;
	waiting = (double)(start - now) * (double)s->rate_bps / (8.0 * NSEC);
	if (waiting + (double)len > (double)s->queue_bytes)
		return (false);
	w->w_idle_at = *due = start + len * 8 * NSEC / s->rate_bps;
	return (true);
}

/*
 * Returns when the frame leaves, or LINK_NEVER.  The generator is asked the
 * same questions for every frame: what happens to the tenth does not depend on
 * the settings during the first nine.
 */
static uint64_t
decide(struct link_way *w, size_t len, uint64_t now)
{
	const struct link_settings *s = &w->w_set;
	uint64_t due, shift;
	bool hold, lose;

	lose = next_random(w) % MILLION < s->loss_ppm;
	hold = next_random(w) % MILLION < s->reorder_ppm;
	shift = next_random(w) % (2 * s->jitter_us * 1000 + 1);
	if (!shape(w, len, now, &due)) {
		w->w_stats.overflow++;
		return (LINK_NEVER);
	}
	if (lose) {
		w->w_stats.lost++;
		return (LINK_NEVER);
	}
	due += (s->delay_us - s->jitter_us) * 1000 + shift;
	if (hold) {
		w->w_stats.reordered++;
		return (due + s->hold_us * 1000);
	}
	if (due < w->w_last_due)
		due = w->w_last_due;
	w->w_last_due = due;
	return (due);
}

/* Decide about a frame that came in at `now', and send it if it is due. */
void
link_accept(struct link_way *w, const void *data, size_t len, uint64_t now)
{
	struct frame *f;
	uint64_t due;

	w->w_stats.received++;
	if ((due = decide(w, len, now)) == LINK_NEVER)
		return;
	if (due <= now && (nheap == 0 || heap[0]->f_due > now)) {
		transmit(w, data, len);
		return;
	}
	if ((f = malloc(sizeof(*f) + len)) == NULL) {
		w->w_stats.overflow++;
		return;
	}
	f->f_due = due;
	f->f_serial = serial++;
	f->f_way = w;
	f->f_len = len;
	memcpy(f->f_data, data, len);
	if (!heap_push(f)) {
		w->w_stats.overflow++;
		free(f);
	}
}

/* Send what is due; returns when the next frame will be, or LINK_NEVER. */
uint64_t
link_release(uint64_t now)
{
	struct frame *f;

	while (nheap > 0 && heap[0]->f_due <= now) {
		f = heap_pop();
		transmit(f->f_way, f->f_data, f->f_len);
		free(f);
	}
	return (nheap > 0 ? heap[0]->f_due : LINK_NEVER);
}

size_t
link_in_flight(void)
{

	return (nheap);
}
