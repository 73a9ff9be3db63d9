/* readers.h - who is inside: memory that readers may still see is not used again before they left.
 *
 * In:     readers that come in and leave, around each look-up of a burst.
 * Out:    to the one writer: whether everybody who was inside at an epoch has left since.
 * Owns:   nothing.
 * Runs:   join, quit: any thread, for a reader that is outside. enter, leave: the reader. The
 *         others: the writer.
 * Limits: READERS_MAX readers. A writer may wait for a reader: it stays inside for a burst, no
 * longer.
 */
#ifndef SL_DIM_READERS_H
#define SL_DIM_READERS_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define READERS_MAX    64
#define READER_OUTSIDE UINT64_MAX

struct readers {
	_Alignas(64) atomic_uint_fast64_t epoch;
	atomic_int n; /* above every number that was ever given */
	struct {
		_Alignas(64) atomic_uint_fast64_t seen; /* the epoch when it came in */
		atomic_bool joined;
	} each[READERS_MAX];
};

/* A zeroed struct readers has none. Returns the number of a new reader, or -ENOSPC. */
static inline int readers_join(struct readers *r)
{
	int i = 0;
	while (i < READERS_MAX && atomic_exchange(&r->each[i].joined, true))
		i++;
	if (i == READERS_MAX)
		return -ENOSPC;
	/* When another has raised n beyond it, the writer waits for this store at most. */
	atomic_store(&r->each[i].seen, READER_OUTSIDE);
	int n = atomic_load(&r->n);
	while (n <= i && !atomic_compare_exchange_weak(&r->n, &n, i + 1))
		;
	return i;
}

/* @reader comes no more: its number is free. It is outside. */
static inline void readers_quit(struct readers *r, int reader)
{
	atomic_store(&r->each[reader].joined, false);
}

/* Sequentially consistent: the writer sees that we are inside before we see anything of his. */
static inline void readers_enter(struct readers *r, int reader)
{
	atomic_store(&r->each[reader].seen, atomic_load(&r->epoch));
}

static inline void readers_leave(struct readers *r, int reader)
{
	atomic_store_explicit(&r->each[reader].seen, READER_OUTSIDE, memory_order_release);
}

/* Ends an epoch, in which the writer took something out, and returns it. */
static inline uint64_t readers_next(struct readers *r)
{
	return atomic_fetch_add(&r->epoch, 1);
}

/* Has everybody left who was inside in @epoch? */
static inline bool readers_left(struct readers *r, uint64_t epoch)
{
	int n = atomic_load(&r->n);
	for (int i = 0; i < n; i++)
		if (atomic_load(&r->each[i].seen) <= epoch)
			return false;
	return true;
}

static inline void readers_wait(struct readers *r, uint64_t epoch)
{
	while (!readers_left(r, epoch))
		__builtin_ia32_pause();
}

#endif
