/* bytes.h - short texts compared and hashed without a call.
 *
 * In:     bytes.
 * Out:    whether they are the same; 64 bits.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: nothing is read outside of what is given.
 */
#ifndef SL_BASE_BYTES_H
#define SL_BASE_BYTES_H

#include "dataplane/base/slice.h"

static inline uint64_t bytes_load8(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t bytes_load4(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t bytes_load2(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* Up to 8 bytes as a number, by two loads that may overlap: with the length it is theirs alone. */
static inline uint64_t bytes_pack(const uint8_t *p, size_t len)
{
	if (len >= 8)
		return bytes_load8(p);
	if (len >= 4)
		return bytes_load4(p) | (uint64_t)bytes_load4(p + len - 4) << 32;
	if (len >= 2)
		return bytes_load2(p) | bytes_load2(p + len - 2) << 16;
	return len ? *p : 0;
}

/* The first and the last 16 bytes of @len, which may overlap. */
static inline uint64_t bytes_differ_16(const uint8_t *a, const uint8_t *b, size_t len)
{
	return (bytes_load8(a) ^ bytes_load8(b)) | (bytes_load8(a + 8) ^ bytes_load8(b + 8)) |
	       (bytes_load8(a + len - 16) ^ bytes_load8(b + len - 16)) |
	       (bytes_load8(a + len - 8) ^ bytes_load8(b + len - 8));
}

static inline bool bytes_same(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	if (a.len <= 8)
		return bytes_pack(a.ptr, a.len) == bytes_pack(b.ptr, a.len);
	if (a.len < 16)
		return bytes_load8(a.ptr) == bytes_load8(b.ptr) &&
		       bytes_load8(a.ptr + a.len - 8) == bytes_load8(b.ptr + a.len - 8);
	if (a.len <= 32)
		return bytes_differ_16(a.ptr, b.ptr, a.len) == 0;
	return memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Of 8 bytes, is none beyond ASCII and none a backslash? */
static inline bool bytes_plain8(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
	uint64_t y = x ^ ones * '\\';
	return ((x | (y - ones)) & high) == 0;
}

/* The same of a text: it stands for itself, in JSON and as UTF-8. */
static inline bool bytes_plain(struct slice s)
{
	if (s.len < 8)
		return bytes_plain8(bytes_pack(s.ptr, s.len));
	for (size_t i = 0; i + 8 < s.len; i += 8)
		if (!bytes_plain8(bytes_load8(s.ptr + i)))
			return false;
	return bytes_plain8(bytes_load8(s.ptr + s.len - 8));
}

static inline uint64_t bytes_mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ull;
	return x ^ x >> 29;
}

/* The product of two words, its halves put together. */
static inline uint64_t bytes_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 x = (unsigned __int128)a * b;
	return (uint64_t)x ^ (uint64_t)(x >> 64);
}

static inline uint64_t bytes_hash(struct slice s)
{
	uint64_t h = s.len;
	if (s.len <= 8)
		return bytes_mix(bytes_pack(s.ptr, s.len) ^ h << 56);
	for (size_t i = 0; i + 8 < s.len; i += 8)
		h = bytes_mix(h ^ bytes_load8(s.ptr + i));
	return bytes_mix(h ^ bytes_load8(s.ptr + s.len - 8));
}

/* What a text is told by: up to seven bytes have a word of their own, longer ones likely. */
static inline uint64_t bytes_word(struct slice s)
{
	if (s.len < 8)
		return bytes_pack(s.ptr, s.len) | (uint64_t)s.len << 56;
	return bytes_hash(s) | 1ull << 63;
}

#define BYTES_NO_WORD (0x0101ull << 48) /* of no text */

/* Are texts with this word the same? */
static inline bool bytes_word_same(uint64_t word, struct slice a, struct slice b)
{
	return !(word >> 63) || bytes_same(a, b);
}

#endif
