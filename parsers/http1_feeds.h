/* http1_feeds.h - where the lines of a head end.
 *
 * In:     bytes, of which none but these are read.
 * Out:    a bit for each line feed, 64 bytes a word; of the last word what it has.
 * Owns:   nothing.
 * Runs:   any.
 * Limits: one byte at least.
 */
#ifndef SL_PARSERS_HTTP1_FEEDS_H
#define SL_PARSERS_HTTP1_FEEDS_H

#include <stddef.h>
#include <stdint.h>

/* The three do the same, each with what its processor has: AVX2; AVX-512 with BW. */
void http1_feeds_sse(const uint8_t *p, size_t n, uint64_t *bits);
void http1_feeds_avx2(const uint8_t *p, size_t n, uint64_t *bits);
void http1_feeds_avx512(const uint8_t *p, size_t n, uint64_t *bits);

static inline void http1_feeds(const uint8_t *p, size_t n, uint64_t *bits)
{
	if (__builtin_cpu_supports("avx512bw"))
		http1_feeds_avx512(p, n, bits);
	else if (__builtin_cpu_supports("avx2"))
		http1_feeds_avx2(p, n, bits);
	else
		http1_feeds_sse(p, n, bits);
}

#endif
