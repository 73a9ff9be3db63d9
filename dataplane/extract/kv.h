/* kv.h - key=value text and logfmt to pairs of a record.
 *
 * In:     "a=1 b=\"x y\" debug".
 * Out:    pairs of text; a key that stands alone is true.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: REC_PAIRS_MAX pairs.
 *
 * kv: separators of the configuration; a value in double quotes may hold them, and \" and \\ in it
 * are escapes. Where pairs are not separated by blanks, blanks around keys and values do not count.
 * logfmt: pairs are separated by blanks, quoted values have the escapes of JSON, keys have no
 * quotes.
 */
#ifndef SL_EXTRACT_KV_H
#define SL_EXTRACT_KV_H

#include "dataplane/extract/keys.h"
#include "dataplane/extract/types.h"

/* Types of fields whose names come with the line. */
struct typed_name {
	struct slice name;
	struct type type;
};

struct kv {
	bool logfmt;
	struct slice pair_sep, kv_sep; /* neither is empty */
	const struct typed_name *types;
	unsigned n_types;
};

/* Adds the pairs of @line, which lies in the arena of @rb. False when no key in it has a value (or,
 * logfmt, when a quote stands where it must not): then pairs that were added must be taken back.
 */
bool kv_pairs(const struct kv *kv, struct slice line, struct rec_builder *rb, int64_t packet_ns,
	      uint64_t *io_failed);

#endif
