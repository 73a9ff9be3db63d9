/* head.h - what every text of a pattern begins with, as a bounded pattern for match/prefix.h.
 *
 * In:     the tree of a pattern (shape.h).
 * Out:    a regular expression without anchors that needs at most MATCH_PREFIX_BYTES bytes.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: HEAD_TEXT_MAX bytes of expression; what would be longer is cut where it still holds.
 *
 * A run without an end is taken for bounded, and one that is longer decides nothing:
 *
 *     \S+ (GET|PUT) ...      (?:\S{21}|\S{1,20} (?:GET|PUT) ...)
 *
 * And the same byte by byte, as far as places are known: HEAD_BYTES_MAX sets at most.
 */
#ifndef SL_EXTRACT_HEAD_H
#define SL_EXTRACT_HEAD_H

#include "dataplane/extract/shape.h"

#define HEAD_TEXT_MAX  16384
#define HEAD_BYTES_MAX 24

/* Every text has at least @n bytes, and the one at @i is of the set @at[i]. */
struct head_bytes {
	unsigned n;
	struct byte_set at[HEAD_BYTES_MAX];
};

/* False when every text may begin with anything; then @out is not set. */
bool head_of(const struct node *root, char *out);
void head_bytes_of(const struct node *root, struct head_bytes *ret_bytes);

#endif
