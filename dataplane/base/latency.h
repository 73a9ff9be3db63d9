/* latency.h - how long things took: counts in buckets, a quarter of a doubling each.
 *
 * In:     durations in nanoseconds, of any number of records at once.
 * Out:    counts by bucket, the sum, and quantiles: the upper edge of their bucket, up to a quarter
 *         too much, and never too little.
 * Owns:   nothing; all of it is in the struct, zero to begin with.
 * Runs:   latency_add: one thread. latency_read: any.
 * Limits: what took less than 1 us, or more than an hour, is in the first or the last bucket.
 */
#ifndef SL_BASE_LATENCY_H
#define SL_BASE_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

#define LATENCY_BUCKETS 130

struct latency {
	_Atomic uint64_t n[LATENCY_BUCKETS];
	_Atomic uint64_t sum_ns;
};

/* A copy, and what several of them add up to. */
struct latency_sum {
	uint64_t n[LATENCY_BUCKETS];
	uint64_t total, sum_ns;
};

static inline unsigned latency_bucket(uint64_t ns)
{
	uint64_t us = ns / 1000;
	if (us < 4)
		return (unsigned)us;
	unsigned octave = 63 - (unsigned)__builtin_clzll(us);
	unsigned i = 4 * (octave - 1) + (unsigned)(us >> (octave - 2) & 3);
	return i < LATENCY_BUCKETS ? i : LATENCY_BUCKETS - 1;
}

static inline void latency_add(struct latency *l, uint64_t ns, uint64_t n)
{
	_Atomic uint64_t *at = &l->n[latency_bucket(ns)];
	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + n,
			      memory_order_relaxed);
	atomic_store_explicit(&l->sum_ns,
			      atomic_load_explicit(&l->sum_ns, memory_order_relaxed) + n * ns,
			      memory_order_relaxed);
}

/* Nanoseconds below which all of bucket @i is. */
uint64_t latency_bound_ns(unsigned i);

/* Adds what @l counts by now. */
void latency_read(const struct latency *l, struct latency_sum *io_sum);

/* Nanoseconds that @permille of all took at most; 0 when there are none. */
uint64_t latency_quantile_ns(const struct latency_sum *s, unsigned permille);

#endif
