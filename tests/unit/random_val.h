/* random_val.h - values as a parser would make them, by chance.
 *
 * In:     a builder with an open record; the state of the sequence, which is not 0 at first.
 * Out:    a value whose bytes stand in the arena.
 * Owns:   nothing.
 * Runs:   a test.
 * Limits: 199 bytes of text. The same sequence in every run (xorshift64).
 */
#ifndef SL_TESTS_RANDOM_VAL_H
#define SL_TESTS_RANDOM_VAL_H

#include "dataplane/rec/rec.h"
#include "tests/unit/random.h"

/* Mostly ASCII, or mostly bytes of any kind. */
static inline struct val random_text(struct rec_builder *rb, uint64_t *x, enum val_type type)
{
	uint8_t p[200];
	size_t len = random_next(x) % (random_next(x) % 4 ? 24 : sizeof(p));
	unsigned wild = random_next(x) % 3;
	for (size_t i = 0; i < len; i++) {
		uint64_t v = random_next(x);
		p[i] = (uint8_t)(wild == 0 || v >> 32 & 7 ? ' ' + v % 95 : v);
	}
	return rec_make_text(rb, type, slice_of(p, len));
}

static inline struct val random_val(struct rec_builder *rb, uint64_t *x)
{
	uint64_t bits = random_next(x);
	switch (random_next(x) % 13) {
	case 0:
		return val_of(VAL_NULL, 0, 0);
	case 1:
		return val_of(VAL_FALSE, 0, 0);
	case 2:
		return val_of(VAL_TRUE, 0, 0);
	case 3:
		bits = (uint64_t)((int64_t)bits >> random_next(x) % 64);
		return rec_make8(rb, VAL_I64, &bits);
	case 4: /* jansson reads no more than 63 bits */
		bits >>= 1 + random_next(x) % 63;
		return rec_make8(rb, VAL_U64, &bits);
	case 5:
		return rec_make8(rb, VAL_F64, &bits);
	case 6:
		return rec_make8(rb, VAL_TIME, &bits);
	case 7:
		return rec_make_text(rb, VAL_NUM, SLICE_LIT("12.5E-3"));
	case 8:
		return rec_make_text(rb, VAL_JSTR, SLICE_LIT("\\ud83d\\ude00 \\\\"));
	case 9:
		return rec_make_text(rb, VAL_JSON, SLICE_LIT("{\"a\":[1,2,\"\\u0000\"]}"));
	case 10:
		return random_text(rb, x, VAL_BYTES);
	default:
		return random_text(rb, x, VAL_STR);
	}
}

#endif
