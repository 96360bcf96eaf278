/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * What the core needs from a user process: locks, deferred frees, memory,
 * randomness and the clock.  Knows nothing of the node around it.
 */
#include <sys/mman.h>
#include <sys/random.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <time.h>

#include "ilnp_env_impl.h"

#define	HELD_MAX	8	/* locks that one thread may hold */
#define	SPINS		64	/* tries before the processor is given away */

_Static_assert(sizeof(struct ilnp_lock) == 16, "sessions embed a lock");

/* What a thread has of its own. */
struct thread_self {
	uint32_t	t_number;	/* 0 = not known yet */
	uint32_t	t_nheld;
	uint32_t	t_depth;	/* read sections */
	const struct ilnp_lock *t_held[HELD_MAX];
	ck_epoch_record_t *t_record;
};

static _Thread_local struct thread_self self;
_Thread_local const char *ilnp_env_reason;

static uint32_t next_number = 1;
static ck_epoch_t readers;
static pthread_once_t readers_once = PTHREAD_ONCE_INIT;
static uint64_t seed;
static uint64_t fixed_now;
static uint64_t alloc_total;
static int64_t alloc_left = -1;

#if defined(__SANITIZE_THREAD__)
#define	UNDER_TSAN
#elif defined(__SANITIZE_ADDRESS__)
#define	UNDER_ASAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define	UNDER_TSAN
#elif __has_feature(address_sanitizer)
#define	UNDER_ASAN
#endif
#endif

/* They notice use after free if each object comes from them. */
#if defined(UNDER_TSAN) || defined(UNDER_ASAN)
#define	WATCHED	true
#else
#define	WATCHED	false
#endif

/*
 * ThreadSanitizer does not see into libck, so it must be told that what
 * readers did is over when a deferred function runs.
 */
#ifdef UNDER_TSAN
#include <sanitizer/tsan_interface.h>
#define	READER_LEFT()	__tsan_release(&readers)
#define	READERS_GONE()	__tsan_acquire(&readers)
#else
#define	READER_LEFT()	((void)0)
#define	READERS_GONE()	((void)0)
#endif

void
ilnp_env_abort(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
	abort();
}

static _Noreturn void
abort_lock(const struct ilnp_lock *lk, const char *what)
{
	fprintf(stderr, "lock \"%s\" (rank %u): %s\n", lk->lk_name, lk->lk_rank,
	    what);
	for (uint32_t i = 0; i < self.t_nheld; i++)
		fprintf(stderr, "\theld: \"%s\" (rank %u)\n",
		    self.t_held[i]->lk_name, self.t_held[i]->lk_rank);
	abort();
}

static uint32_t
my_number(void)
{
	if (self.t_number == 0)
		self.t_number = __atomic_fetch_add(&next_number, 1,
		    __ATOMIC_RELAXED);
	return (self.t_number);
}

void
ilnp_lock_init(struct ilnp_lock *lk, const char *name, unsigned int rank)
{
	lk->lk_owner = 0;
	lk->lk_rank = rank;
	lk->lk_name = name;
}

void
ilnp_lock_destroy(struct ilnp_lock *lk)
{
	if (__atomic_load_n(&lk->lk_owner, __ATOMIC_ACQUIRE) != 0)
		abort_lock(lk, "destroyed while held");
}

bool
ilnp_lock_mine(const struct ilnp_lock *lk)
{
	return (__atomic_load_n(&lk->lk_owner, __ATOMIC_RELAXED) ==
	    my_number());
}

void
ilnp_lock(struct ilnp_lock *lk)
{
	uint32_t me = my_number(), expected = 0;
	unsigned int tries = 0;

	if (ilnp_lock_mine(lk))
		abort_lock(lk, "taken twice");
	for (uint32_t i = 0; i < self.t_nheld; i++)
		if (self.t_held[i]->lk_rank >= lk->lk_rank)
			abort_lock(lk, "taken out of order");
	if (self.t_nheld == HELD_MAX)
		abort_lock(lk, "too many locks held");
	while (!__atomic_compare_exchange_n(&lk->lk_owner, &expected, me, true,
	    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		expected = 0;
		if (++tries % SPINS == 0)
			(void)sched_yield();
	}
	self.t_held[self.t_nheld++] = lk;
}

void
ilnp_unlock(struct ilnp_lock *lk)
{
	uint32_t i;

	if (!ilnp_lock_mine(lk))
		abort_lock(lk, "released by a stranger");
	for (i = 0; self.t_held[i] != lk; i++)
		;
	self.t_held[i] = self.t_held[--self.t_nheld];
	__atomic_store_n(&lk->lk_owner, 0, __ATOMIC_RELEASE);
}

static void
init_readers(void)
{
	ck_epoch_init(&readers);
}

void
ilnp_env_thread_init(void)
{
	ck_epoch_record_t *rec;

	if (self.t_record != NULL)
		return;
	(void)pthread_once(&readers_once, init_readers);
	rec = ck_epoch_recycle(&readers, NULL);
	if (rec == NULL) {
		/* Records stay for the life of the process, to be recycled. */
		rec = aligned_alloc(_Alignof(ck_epoch_record_t), sizeof(*rec));
		ILNP_ASSERT(rec != NULL);
		ck_epoch_register(&readers, rec, NULL);
	}
	self.t_record = rec;
}

void
ilnp_env_thread_fini(void)
{
	ILNP_ASSERT(self.t_nheld == 0);
	if (self.t_record == NULL)
		return;
	ilnp_env_epoch_barrier();
	ck_epoch_unregister(self.t_record);
	self.t_record = NULL;
}

void
ilnp_env_epoch_begin(void)
{
	ILNP_ASSERT(self.t_record != NULL);
	ck_epoch_begin(self.t_record, NULL);
	self.t_depth++;
}

void
ilnp_env_epoch_end(void)
{
	ILNP_ASSERT(self.t_depth > 0);
	if (--self.t_depth == 0)
		READER_LEFT();
	(void)ck_epoch_end(self.t_record, NULL);
}

bool
ilnp_env_in_epoch(void)
{
	return (self.t_depth > 0);
}

static void
run_deferred(ck_epoch_entry_t *entry)
{
	struct ilnp_deferred *d = (struct ilnp_deferred *)(void *)entry;

	READERS_GONE();
	d->d_fn(d);
}

_Static_assert(offsetof(struct ilnp_deferred, d_entry) == 0, "cast above");

void
ilnp_env_defer(struct ilnp_deferred *d, void (*fn)(struct ilnp_deferred *))
{
	ILNP_ASSERT(self.t_record != NULL);
	d->d_fn = fn;
	ck_epoch_call(self.t_record, &d->d_entry, run_deferred);
}

void
ilnp_env_epoch_poll(void)
{
	ILNP_ASSERT(self.t_record != NULL && self.t_depth == 0);
	if (self.t_record->n_pending > 0)
		(void)ck_epoch_poll(self.t_record);
}

void
ilnp_env_epoch_barrier(void)
{
	ILNP_ASSERT(self.t_record != NULL && self.t_depth == 0);
	ck_epoch_barrier(self.t_record);
}

static bool
may_alloc(void)
{
	int64_t left = __atomic_load_n(&alloc_left, __ATOMIC_RELAXED);

	while (left >= 0) {
		if (left == 0)
			return (false);
		if (__atomic_compare_exchange_n(&alloc_left, &left, left - 1,
		    true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			break;
	}
	return (true);
}

/*
 * What there may be a million of lies in blocks of this size, and so do the
 * tables that lead to it: the kernel backs a block by one large page, of which
 * the processor remembers enough.  Blocks of small objects are kept for others
 * once they were needed.
 */
#define	BLOCK		((size_t)2 << 20)
#define	LINE		((size_t)64)
#define	SMALL_MAX	(64 * LINE)

/* A small object that waits to be used again. */
struct spare {
	struct spare	*sp_next;
};

static pthread_mutex_t small_lock = PTHREAD_MUTEX_INITIALIZER;
static struct spare *small_spare[SMALL_MAX / LINE + 1];	/* by lines */
static uint8_t *small_at;	/* what is left of the latest block */
static size_t small_left;

static size_t
round_up(size_t size, size_t unit)
{
	return ((size + unit - 1) / unit * unit);
}

/* Fresh, zeroed memory of whole blocks, for munmap(2). */
static void *
map_blocks(size_t size)
{
	size_t lead;
	uint8_t *p;

	p = mmap(NULL, size + BLOCK, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return (NULL);
	lead = round_up((uintptr_t)p, BLOCK) - (uintptr_t)p;
	if (lead != 0)
		(void)munmap(p, lead);
	(void)munmap(p + lead + size, BLOCK - lead);
	(void)madvise(p + lead, size, MADV_HUGEPAGE);
	return (p + lead);
}

static void *
alloc_small(size_t lines)
{
	struct spare *sp;

	(void)pthread_mutex_lock(&small_lock);
	sp = small_spare[lines];
	if (sp != NULL)
		small_spare[lines] = sp->sp_next;
	else {
		if (small_left < lines * LINE) {
			small_at = map_blocks(BLOCK);
			small_left = small_at != NULL ? BLOCK : 0;
		}
		if (small_left != 0) {
			sp = (struct spare *)(void *)small_at;
			small_at += lines * LINE;
			small_left -= lines * LINE;
		}
	}
	(void)pthread_mutex_unlock(&small_lock);
	return (sp != NULL ? memset(sp, 0, lines * LINE) : NULL);
}

static void
free_small(void *p, size_t lines)
{
	struct spare *sp = p;

	(void)pthread_mutex_lock(&small_lock);
	sp->sp_next = small_spare[lines];
	small_spare[lines] = sp;
	(void)pthread_mutex_unlock(&small_lock);
}

static void *
alloc_lines(size_t size)
{
	void *p = aligned_alloc(LINE, size);

	return (p != NULL ? memset(p, 0, size) : NULL);
}

void *
ilnp_env_alloc(size_t size)
{
	size_t whole = round_up(size, size < BLOCK ? LINE : BLOCK);
	void *p;

	if (!may_alloc())
		return (NULL);
	if (whole >= BLOCK)
		p = map_blocks(whole);
	else if (whole <= SMALL_MAX && !WATCHED)
		p = alloc_small(whole / LINE);
	else
		p = alloc_lines(whole);
	if (p != NULL)
		(void)__atomic_fetch_add(&alloc_total, size, __ATOMIC_RELAXED);
	return (p);
}

void
ilnp_env_free(void *p, size_t size)
{
	size_t whole = round_up(size, size < BLOCK ? LINE : BLOCK);

	if (p == NULL)
		return;
	(void)__atomic_fetch_sub(&alloc_total, size, __ATOMIC_RELAXED);
	if (whole >= BLOCK)
		(void)munmap(p, whole);
	else if (whole <= SMALL_MAX && !WATCHED)
		free_small(p, whole / LINE);
	else
		free(p);
}

uint64_t
ilnp_env_alloc_total(void)
{
	return (__atomic_load_n(&alloc_total, __ATOMIC_RELAXED));
}

void
ilnp_env_alloc_limit(int64_t n)
{
	__atomic_store_n(&alloc_left, n, __ATOMIC_RELAXED);
}

void
ilnp_env_seed(uint64_t value)
{
	__atomic_store_n(&seed, value, __ATOMIC_RELAXED);
}

/* One step of SplitMix64, a generator whose whole state is one counter. */
static uint64_t
next_repeatable(void)
{
	const uint64_t step = 0x9e3779b97f4a7c15;
	uint64_t z = __atomic_fetch_add(&seed, step, __ATOMIC_RELAXED) + step;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31);
}

void
ilnp_env_random(void *buf, size_t len)
{
	uint8_t *p = buf;

	if (__atomic_load_n(&seed, __ATOMIC_RELAXED) != 0) {
		while (len > 0) {
			uint64_t v = next_repeatable();
			size_t n = len < sizeof(v) ? len : sizeof(v);

			memcpy(p, &v, n);
			p += n;
			len -= n;
		}
		return;
	}
	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		/* A nonce that can be guessed is worse than no node at all. */
		ILNP_ASSERT(n > 0 || errno == EINTR);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

uint64_t
ilnp_env_now(void)
{
	uint64_t fixed = __atomic_load_n(&fixed_now, __ATOMIC_RELAXED);
	struct timespec ts;

	if (fixed != 0)
		return (fixed);
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000 +
	    (uint64_t)ts.tv_nsec / 1000 + 1);
}

void
ilnp_env_set_now(uint64_t now)
{
	__atomic_store_n(&fixed_now, now, __ATOMIC_RELAXED);
}
