/* json_quick.h - most JSON objects to pairs in one walk over their bytes, without a list of tokens.
 *
 * In:     one JSON object, and SL_PAD readable bytes behind it.
 * Out:    the same pairs as json.c makes by its tokens, or no answer.
 * Owns:   the keys of the object before: a sender writes the same ones in the same order.
 * Runs:   worker.
 * Limits: QUICK_KEYS_MAX keys, QUICK_DEPTH_MAX levels, keys without escapes; no line breaks in
 * nested values. Beyond them, and where anything is wrong, there is no answer.
 *
 *     {"uid":"u1","dur":-12.5,"net":{"rtt":3}}
 *      ^^^^^^ the key, its quotes and the colon are compared with those of the object before
 *            ^^^^ 16 bytes at a time to the next quote, escape or control character
 *
 * Most pairs are read by json_quick_run.h, where the processor allows; what it leaves is read here.
 */
#ifndef SL_EXTRACT_JSON_QUICK_H
#define SL_EXTRACT_JSON_QUICK_H

#include "dataplane/rec/rec.h"

#define QUICK_KEYS_MAX  64
#define QUICK_DEPTH_MAX 64

/* `"key":`, and which of the bytes it has; len 0: longer than this. */
struct quick_key {
	uint8_t text[32], mask[32];
	uint32_t bits; /* the mask, one bit a byte */
	uint32_t len;
	uint64_t word; /* the key's value at offset 0; 0: it goes apart, or is longer than this */
};

/* How pairs that are as expected are read; of json_quick.way. */
enum quick_way { QUICK_ANY, QUICK_PLAIN, QUICK_AVX2, QUICK_AVX512 };

/* The best way of this processor. */
enum quick_way json_quick_way(void);

struct json_quick {
	enum quick_way way; /* QUICK_ANY, all zero: the first call finds it out */
	uint64_t id;        /* of these n keys; another one whenever they have changed */
	unsigned n;
	bool changed;
	struct quick_key keys[QUICK_KEYS_MAX];
};

/* True: all of @text is valid, and its pairs are added. False: there is no answer, @rb is as it
 * was. *ret_id is the same for objects of the same keys in the same order, 0 when that is not
 * known.
 */
bool json_quick_pairs(struct json_quick *q, struct slice text, struct rec_builder *rb,
		      uint64_t *ret_id);

#endif
