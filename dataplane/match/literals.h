/* literals.h - which of a few texts bodies contain, found where they lie, many bytes at a time.
 *
 * In:     texts; bodies of frames, in padded buffers (slice.h).
 * Out:    one bit for each text that a body contains.
 * Owns:   tables, immutable once built and shared.
 * Runs:   create, destroy: main. find: worker.
 * Limits: LITERALS_MAX texts, none of them empty; processors with AVX-512 VBMI, or with AVX2.
 *
 * Of each text a window of five bytes is looked for, of its first 64 one that is rare in logs
 * ("deadlock": "dlock"). Windows stand in eight buckets, and a table for each place of a window
 * tells by the six lower bits of a byte in which of them it may stand there. One instruction looks
 * up 64 bytes. What all five have in common is a candidate, to be compared with the bucket's texts:
 *
 *     body        ... d  e  a  d       l            o         c        k ...
 *     buckets                 {3} & {3, 7} & {0, 3, 6} & {3, 5} & {1, 3} = {3}
 *
 * With AVX2 tables of sixteen entries know the four lower bits; each text must have four bytes of
 * ASCII to begin a window with.
 */
#ifndef SL_MATCH_LITERALS_H
#define SL_MATCH_LITERALS_H

#include "dataplane/frame/parser.h"

#define LITERALS_MAX 64

struct literals;

/* Which of the two ways: the better one of this processor, or, for tests, this one. */
enum literals_way { LITERALS_BEST, LITERALS_WIDE, LITERALS_NARROW };

/* Can this processor, and are candidates that are none of the texts rare enough? */
bool literals_can(const struct slice *texts, unsigned n, enum literals_way way);

/* Texts, for which literals_can() answers true, are copied. NULL: out of memory. */
struct literals *literals_create(const struct slice *texts, unsigned n, enum literals_way way);
void literals_destroy(struct literals *l); /* accepts NULL */

/* Bit i of found[k]: the body of frames[k] contains text i. What is read of the padding behind it
 * does not count. False: none contains any.
 */
bool literals_find(const struct literals *l, const struct frame *frames, unsigned n,
		   uint64_t *found);

#endif
