/* key.h - values of expressions as keys of 128 bits: what SQL calls equal has the same key.
 *
 * In:     a row of a vector.
 * Out:    struct key.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: types of key_can. Two different values have one key with a chance of 2^-128; a sender
 * that means to make such a pair has to find it in XXH3, which is no cryptographic hash.
 */
#ifndef SL_GRAPH_KEY_H
#define SL_GRAPH_KEY_H

#include "dataplane/graph/vec.h"

struct key {
	uint64_t lo, hi;
};

static inline bool key_eq(struct key a, struct key b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

/* Not json and inet, whose equality is not that of their text. */
bool key_can(enum sql_type t);

/* Of row @i, which is a value or NULL. */
struct key key_of(const struct vec *v, unsigned i);

struct key key_of_bytes(const void *p, size_t len);

/* Of two keys, in this order. */
struct key key_join(struct key a, struct key b);

#endif
