/* slice.h - borrowed bytes.
 *
 * In:     -
 * Out:    a pointer and a length; the bytes belong to somebody else.
 * Owns:   nothing. A slice handed on by a stage is borrowed until the end of the worker's turn.
 * Runs:   any thread.
 * Limits: buffers that slices point into are padded by SL_PAD readable bytes for vector reads.
 */
#ifndef SL_BASE_SLICE_H
#define SL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Readable bytes behind the end of every buffer of ours. simdjson wants 64, AVX-512 loads the same.
 */
#define SL_PAD 64

struct slice {
	const uint8_t *ptr;
	size_t len;
};

#define SLICE_LIT(s) ((struct slice){(const uint8_t *)("" s), sizeof(s) - 1})

static inline struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){(const uint8_t *)ptr, len};
}

static inline struct slice slice_str(const char *s)
{
	return (struct slice){(const uint8_t *)s, s ? strlen(s) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* The bytes from @off on; empty when @off is behind the end. */
static inline struct slice slice_from(struct slice s, size_t off)
{
	return off < s.len ? (struct slice){s.ptr + off, s.len - off}
			   : (struct slice){s.ptr + s.len, 0};
}

static inline bool slice_starts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

#endif
