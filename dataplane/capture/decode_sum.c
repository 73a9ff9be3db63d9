/* The ones' complement sum of RFC 1071, 32 bytes a step.
 *
 * The order of the bytes of a word does not matter to such a sum, nor does the width of the words
 * added, as long as all carries come back in at the end. So lanes of 32 bits take the low and the
 * high halves of words apart, and are added up before they can overflow.
 */
#include "dataplane/capture/decode_walk.h"

typedef uint32_t lanes __attribute__((vector_size(16)));

/* A lane takes 0xffff at most a step. */
#define SUM_STEPS_MAX 65536

static inline uint64_t sum_lanes(lanes v)
{
	return (uint64_t)v[0] + v[1] + v[2] + v[3];
}

static uint64_t sum_tail(const uint8_t *p, size_t len)
{
	uint64_t s = 0;
	for (; len >= 4; p += 4, len -= 4) {
		uint32_t w;
		memcpy(&w, p, 4);
		s += w;
	}
	uint32_t last = 0;
	memcpy(&last, p, len & 3);
	return s + last;
}

/* The caller folds, and swaps the bytes if it wants the sum as a number. */
uint64_t sum_bytes(const uint8_t *p, size_t len)
{
	uint64_t s = 0;
	while (len >= 32) {
		size_t steps = len / 32 < SUM_STEPS_MAX ? len / 32 : SUM_STEPS_MAX;
		lanes low_a = {0}, low_b = {0}, high_a = {0}, high_b = {0};
		for (size_t i = 0; i < steps; i++, p += 32) {
			lanes a, b;
			memcpy(&a, p, 16);
			memcpy(&b, p + 16, 16);
			low_a += a & 0xffff;
			low_b += b & 0xffff;
			high_a += a >> 16;
			high_b += b >> 16;
		}
		len -= steps * 32;
		s += sum_lanes(low_a) + sum_lanes(low_b);
		s += sum_lanes(high_a) + sum_lanes(high_b);
	}
	return s + sum_tail(p, len);
}
