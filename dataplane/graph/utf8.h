/* utf8.h - characters of valid UTF-8.
 *
 * In:     text that is valid UTF-8 (that of vectors is).
 * Out:    counts and places.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_GRAPH_UTF8_H
#define SL_GRAPH_UTF8_H

#include "dataplane/base/slice.h"

static inline bool utf8_begins(uint8_t c)
{
	return (c & 0xc0) != 0x80;
}

static inline size_t utf8_count(struct slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += utf8_begins(s.ptr[i]);
	return n;
}

/* Bytes of the character that begins with @c. */
static inline size_t utf8_len(uint8_t c)
{
	return c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* The offset of character @n (from 0), or s.len when there are fewer. */
static inline size_t utf8_offset(struct slice s, uint64_t n)
{
	size_t i = 0;
	for (; i < s.len && n > 0; n--)
		i += utf8_len(s.ptr[i]);
	return i < s.len ? i : s.len;
}

/* The code point of the character at @p and its bytes. */
static inline uint32_t utf8_read(const uint8_t *p, size_t *ret_len)
{
	*ret_len = utf8_len(*p);
	switch (*ret_len) {
	case 1:
		return *p;
	case 2:
		return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
	case 3:
		return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
	default:
		return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
		       (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
	}
}

/* Writes up to 4 bytes; returns how many. */
static inline size_t utf8_put(uint8_t *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)((0xf00u >> n & 0xff) | c);
	return n;
}

#endif
