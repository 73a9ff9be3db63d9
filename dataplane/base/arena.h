/* arena.h - bump allocation with one reset: the lifetime "batch".
 *
 * In:     sizes.
 * Out:    offsets from the arena's base. Offset 0 is never handed out and means "none".
 * Owns:   one mapping of fixed capacity, touched as it fills, padded by SL_PAD.
 * Runs:   the thread that owns the arena.
 * Limits: 4 GiB, since offsets are 32 bits; a full arena returns 0 and the caller ends its burst.
 */
#ifndef SL_BASE_ARENA_H
#define SL_BASE_ARENA_H

#include "dataplane/base/slice.h"

struct arena {
	uint8_t *base;
	size_t cap;
	size_t used;
};

/* Returns 0 or -ENOMEM. @cap in bytes. */
int arena_init(struct arena *a, size_t cap);
void arena_fini(struct arena *a);

static inline void arena_reset(struct arena *a)
{
	a->used = 8;
}

/* Does @p point into it? Then SL_PAD bytes can be read from there, and more, whatever they are. */
static inline bool arena_has(const struct arena *a, const void *p)
{
	return (size_t)((const uint8_t *)p - a->base) < a->cap;
}

static inline size_t arena_left(const struct arena *a)
{
	return a->cap - a->used;
}

/* @len bytes, not aligned, not zeroed. Returns the offset, or 0 when full. */
static inline uint32_t arena_take(struct arena *a, size_t len)
{
	if (len > arena_left(a))
		return 0;
	uint32_t off = (uint32_t)a->used;
	a->used += len;
	return off;
}

/* The same, aligned to 8 bytes. */
static inline uint32_t arena_take8(struct arena *a, size_t len)
{
	size_t at = (a->used + 7) & ~(size_t)7;
	if (at > a->cap || len > a->cap - at)
		return 0;
	a->used = at + len;
	return (uint32_t)at;
}

static inline uint32_t arena_copy(struct arena *a, const void *ptr, size_t len)
{
	uint32_t off = arena_take(a, len);
	if (off && len)
		memcpy(a->base + off, ptr, len);
	return off;
}

/* The same for some bytes out of a padded buffer, in steps that those of most fit in: a call of
 * memcpy would cost more.
 */
static inline uint32_t arena_copy_padded(struct arena *a, const uint8_t *ptr, size_t len)
{
	uint32_t off = arena_take(a, len);
	uint8_t *to = a->base + off;
	for (size_t i = 0; off && i < len; i += SL_PAD)
		memcpy(to + i, ptr + i, SL_PAD);
	return off;
}

static inline struct slice arena_slice(const struct arena *a, uint32_t off, size_t len)
{
	return (struct slice){a->base + off, len};
}

#endif
