/* json_quick_run.h - pairs as the object before had them: its keys, plain values, no blanks.
 *
 * In:     the inside of an object, and SL_PAD readable bytes behind it.
 * Out:    the pairs up to the first that is otherwise, which json_quick.c then reads.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: texts without escapes, numbers of up to 15 characters, true, false and null.
 *
 *     "uid":"u1","dur":-12.5,"net":{"rtt":3}}
 *     ^^^^^^     one comparison with the key that is expected
 *            ^^^ one look at 64 bytes, or 32, tells where the text ends
 *                            ^ not this one: it is nested
 */
#ifndef SL_EXTRACT_JSON_QUICK_RUN_H
#define SL_EXTRACT_JSON_QUICK_RUN_H

#include "dataplane/extract/json_quick.h"

/* Where reading goes on. */
struct quick_place {
	const uint8_t *p;
	unsigned i;  /* pairs of the object before it */
	bool closed; /* p is behind the object's last bracket, else where a pair begins */
	bool wide;   /* some text had more than ASCII */
};

/* Reads on from @io; the pairs go to @rb. Both say the same, with what their processor has. */
typedef void json_quick_run(const struct json_quick *q, const uint8_t *end, struct rec_builder *rb,
			    struct quick_place *io);
json_quick_run json_quick_run_avx2, json_quick_run_avx512;

#endif
