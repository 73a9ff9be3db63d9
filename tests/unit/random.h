/* random.h - numbers by chance, the same in every run, so that a failure comes again.
 *
 * In:     nothing.
 * Out:    the numbers of xorshift64 (Marsaglia, 2003).
 * Owns:   a sequence for each test program, and none for those who keep their own.
 * Runs:   a test, on one thread.
 * Limits: what is kept must not be 0.
 */
#ifndef SL_TESTS_RANDOM_H
#define SL_TESTS_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *io_x)
{
	*io_x ^= *io_x << 13;
	*io_x ^= *io_x >> 7;
	*io_x ^= *io_x << 17;
	return *io_x;
}

/* 0 to below - 1, of the program's sequence. */
static inline unsigned any(unsigned below)
{
	static uint64_t x = 0x9e3779b97f4a7c15u;
	return (unsigned)(random_next(&x) % below);
}

#endif
