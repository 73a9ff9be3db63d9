/* block.h - bump allocation in a block of fixed size, for what a table map becomes.
 *
 * In:     sizes.
 * Out:    pointers into the block; NULL when it is full, and `full` stays set.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: the block.
 */
#ifndef SL_PARSERS_MYSQL_BLOCK_H
#define SL_PARSERS_MYSQL_BLOCK_H

#include "dataplane/base/slice.h"

struct block {
	uint8_t *base;
	size_t used, cap;
	bool full;
};

/* @align: a power of two. */
static inline void *block_take(struct block *b, size_t len, size_t align)
{
	size_t at = (b->used + align - 1) & ~(align - 1);
	if (b->full || at > b->cap || len > b->cap - at) {
		b->full = true;
		return NULL;
	}
	b->used = at + len;
	return b->base + at;
}

/* Gives back all behind @p, the end of what was used of the last block_take. */
static inline void block_trim(struct block *b, const uint8_t *p)
{
	b->used = (size_t)(p - b->base);
}

#endif
