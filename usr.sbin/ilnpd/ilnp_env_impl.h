/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Copyright (c) 2026 The ilnp project
 *
 * The environment of core/ilnp_env.h in a user process, for the node, the
 * tests and the benchmarks.  Stricter than the kernel: locks know their owner
 * and their rank, and whoever breaks a rule is aborted with a message.
 */
#ifndef _ILNP_ENV_IMPL_H_
#define	_ILNP_ENV_IMPL_H_

#include <sys/types.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <ck_epoch.h>
#include <ck_queue.h>

/*
 * Concurrency Kit orders its list accesses with inline assembly, which
 * ThreadSanitizer cannot see.  These are the same instructions on amd64.
 */
#undef ck_pr_load_ptr
#undef ck_pr_store_ptr
#define	ck_pr_load_ptr(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define	ck_pr_store_ptr(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)

#define	ILNP_ASSERT(expr) do {						\
	if (__builtin_expect(!(expr), 0))				\
		ilnp_env_abort(__FILE__, __LINE__, #expr);		\
} while (0)

_Noreturn void ilnp_env_abort(const char *file, int line, const char *what);

/*
 * A non-recursive mutex of 16 octets.  Holders spin and then yield: all
 * sections of the core are a few hundred instructions.
 */
struct ilnp_lock {
	uint32_t	lk_owner;	/* thread number, 0 = free */
	uint32_t	lk_rank;
	const char	*lk_name;
};

void	ilnp_lock_init(struct ilnp_lock *, const char *name, unsigned int rank);
void	ilnp_lock_destroy(struct ilnp_lock *);
void	ilnp_lock(struct ilnp_lock *);
void	ilnp_unlock(struct ilnp_lock *);
bool	ilnp_lock_mine(const struct ilnp_lock *);

#define	ILNP_LOCK_ASSERT(l)	ILNP_ASSERT(ilnp_lock_mine(l))
#define	ILNP_EPOCH_ASSERT()	ILNP_ASSERT(ilnp_env_in_epoch())

/* The counter that this thread has moved last: why a packet was dropped. */
extern _Thread_local const char *ilnp_env_reason;
#define	ilnp_env_counted(name)	((void)(ilnp_env_reason = (name)))

struct ilnp_deferred {
	ck_epoch_entry_t d_entry;
	void		(*d_fn)(struct ilnp_deferred *);
};

void	ilnp_env_defer(struct ilnp_deferred *,
	    void (*)(struct ilnp_deferred *));

void	*ilnp_env_alloc(size_t);
void	ilnp_env_free(void *, size_t);
void	ilnp_env_random(void *, size_t);

#define	ilnp_load_ptr(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define	ilnp_store_ptr(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define	ilnp_load_32(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define	ilnp_store_32(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define	ilnp_load_16(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define	ilnp_store_16(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
/* Ordinary words, which may be read at any time. */
#define	ilnp_env_counters(size)	ilnp_env_alloc(size)
#define	ilnp_env_counters_free(p, size)	ilnp_env_free((p), (size))
#define	ilnp_env_count(p)	((void)__atomic_fetch_add((p), 1, __ATOMIC_RELAXED))
#define	ilnp_prefetch(p)	__builtin_prefetch(p)

/*
 * The rest is for those who use the core, not for the core.
 */

/* Every thread calls these; _fini waits until what it deferred has run. */
void	ilnp_env_thread_init(void);
void	ilnp_env_thread_fini(void);

/* Read sections; they nest. */
void	ilnp_env_epoch_begin(void);
void	ilnp_env_epoch_end(void);
bool	ilnp_env_in_epoch(void);

/*
 * Run what this thread has deferred: _poll what may run already, without
 * waiting; _barrier all of it.  Outside of read sections.
 */
void	ilnp_env_epoch_poll(void);
void	ilnp_env_epoch_barrier(void);

/* Makes ilnp_env_random() repeatable, for tests; 0 makes it random again. */
void	ilnp_env_seed(uint64_t);

/*
 * The monotonic clock in microseconds, never 0.  Once set it stands still
 * until it is set again; 0 lets the real one run.
 */
uint64_t ilnp_env_now(void);
void	ilnp_env_set_now(uint64_t);

/* Octets allocated at present. */
uint64_t ilnp_env_alloc_total(void);

/* Lets n more allocations succeed and then none; a negative n ends that. */
void	ilnp_env_alloc_limit(int64_t n);

#endif /* !_ILNP_ENV_IMPL_H_ */
