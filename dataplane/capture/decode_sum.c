/* The ones' complement sum of RFC 1071.
 *
 * The order of the bytes of a word does not matter to such a sum, nor does the width of the words
 * added, as long as all carries come back in at the end. So lanes of 32 bits take the low and the
 * high halves of words apart, and are added up before they can overflow.
 */
#include "dataplane/capture/decode_walk.h"

typedef uint32_t lanes __attribute__((vector_size(32)));

#define SUM_STEP      sizeof(lanes)

/* A lane takes twice 0xffff a step, and all eight of them are added in 32 bits at the end. */
#define SUM_STEPS_MAX 4096

/* From here on the wide kernel is worth its start. */
#define SUM_WIDE_MIN  128

static inline __attribute__((always_inline)) uint64_t sum_steps(const uint8_t *p, size_t n_steps)
{
	lanes low = {0}, high = {0};
	for (size_t i = 0; i < n_steps; i++, p += SUM_STEP) {
		lanes v;
		memcpy(&v, p, sizeof(v));
		low += v & 0xffff;
		high += v >> 16;
	}
	low += high;
	uint64_t pairs[4], s = 0;
	memcpy(pairs, &low, sizeof(pairs));
	for (int i = 0; i < 4; i++)
		s += (pairs[i] & 0xffffffff) + (pairs[i] >> 32);
	return s;
}

static uint64_t sum_narrow(const uint8_t *p, size_t n_steps)
{
	return sum_steps(p, n_steps);
}

__attribute__((target("avx2"))) static uint64_t sum_wide(const uint8_t *p, size_t n_steps)
{
	return sum_steps(p, n_steps);
}

/* The last bytes, fewer than a step. */
static inline uint64_t sum_tail(const uint8_t *p, size_t len)
{
	uint64_t s = 0;
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		s += (w & 0xffffffff) + (w >> 32);
	}
	uint32_t w = 0;
	if (len & 4) {
		memcpy(&w, p, 4);
		s += w;
		p += 4;
	}
	if (len & 2)
		s += (uint32_t)(p[0] | p[1] << 8);
	if (len & 1)
		s += p[len & 2];
	return s;
}

/* The caller folds, and swaps the bytes if it wants the sum as a number. */
uint64_t sum_bytes(const uint8_t *p, size_t len)
{
	uint64_t s = 0;
	bool wide = len >= SUM_WIDE_MIN && __builtin_cpu_supports("avx2");
	while (len >= SUM_STEP) {
		size_t n = len / SUM_STEP < SUM_STEPS_MAX ? len / SUM_STEP : SUM_STEPS_MAX;
		s += wide ? sum_wide(p, n) : sum_narrow(p, n);
		p += n * SUM_STEP;
		len -= n * SUM_STEP;
	}
	return s + sum_tail(p, len);
}
