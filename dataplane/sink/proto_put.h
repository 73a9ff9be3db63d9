/* proto_put.h - values of a message that are more than a number: text, times.
 *
 * In:     text in padded buffers; nanoseconds.
 * Out:    the value, its length in front, at @o; the new end.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: @o has room for PROTO_TEXT_FACTOR * len bytes of text, and for PROTO_PUT_SLACK bytes
 * more.
 */
#ifndef SL_SINK_PROTO_PUT_H
#define SL_SINK_PROTO_PUT_H

#include <tmmintrin.h>

#include "dataplane/base/civil.h"
#include "dataplane/sink/proto_wire.h"

#define PROTO_TEXT_FACTOR 3
#define PROTO_PUT_SLACK   64

/* What of a text cannot be copied as it is. */
enum proto_odd {
	PROTO_ODD_WIDE,   /* bytes outside of ASCII, which may be no UTF-8 */
	PROTO_ODD_ESCAPE, /* in the inside of a JSON string: escapes */
};

/* The length, as a varint at @o, before @len bytes that stand at @text: they move up to it. */
static inline uint8_t *proto_put_len_before(uint8_t *o, const uint8_t *text, size_t len)
{
	uint8_t *to = o + proto_varint_len(len);
	if (to != text)
		memmove(to, text, len);
	proto_put_varint(o, len);
	return to + len;
}

/* The highest bit of each odd byte. */
static inline __m128i proto_odd_bytes(__m128i v, enum proto_odd odd)
{
	return odd == PROTO_ODD_WIDE ? v : _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
}

/* Writes text of at most 16 bytes, none of them odd. Is it such? */
static inline bool proto_put_short(uint8_t *o, const uint8_t *p, uint32_t len, enum proto_odd odd)
{
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	*o = (uint8_t)len;
	_mm_storeu_si128((__m128i *)(o + 1), v);
	/* Does the first odd byte stand behind the text, which has no more than these 16? */
	unsigned at = (unsigned)_mm_movemask_epi8(proto_odd_bytes(v, odd)) | 1 << 16;
	return (unsigned)__builtin_ctz(at) >= len;
}

/* Text that proto_put_short has seen, and found to be none for it. Bytes that are not UTF-8 become
 * U+FFFD and set *io_invalid; escapes become what they stand for. Not in line, so that short text
 * does not pay for it.
 */
uint8_t *proto_put_long(uint8_t *o, const uint8_t *p, size_t len, enum proto_odd odd,
			bool *io_invalid);

/* What is odd mostly, and stands at @text as it is by now, behind its length at @o. */
uint8_t *proto_put_odd(uint8_t *o, uint8_t *text, struct slice from, enum proto_odd odd,
		       bool *io_invalid);

static inline uint8_t *proto_put_text(uint8_t *o, const uint8_t *p, size_t len, enum proto_odd odd,
				      bool *io_invalid)
{
	return proto_put_short(o, p, (uint32_t)len, odd)
		       ? o + 1 + len
		       : proto_put_long(o, p, len, odd, io_invalid);
}

/* A google.protobuf.Timestamp: seconds and nanoseconds since 1970, the latter always forward; what
 * is 0 is not written.
 */
uint8_t *proto_put_any_time(uint8_t *o, int64_t ns);

/* The same for times from 1978-07-04 on, whose seconds are five bytes. Of a thousand numbers of
 * nanoseconds two are below 2^21, the others are four bytes or five.
 *
 *     length | key 1 | seconds: 5 bytes | key 2 | nanoseconds
 *     '------------- one word -----------------'
 */
static inline uint8_t *proto_put_time(uint8_t *o, int64_t ns)
{
	const uint64_t continued = 0x80808080;
	uint64_t s = (uint64_t)ns / NS_PER_S, rest = (uint64_t)ns - s * NS_PER_S;
	uint64_t word = (1 << 3 | PROTO_VARINT) << 8 | (proto_spread35(s) | continued) << 16 |
			(uint64_t)(2 << 3 | PROTO_VARINT) << 56;
	if (__builtin_expect(ns < (1ll << 28) * NS_PER_S, 0))
		return proto_put_any_time(o, ns);
	memcpy(o, &word, sizeof(word));
	uint8_t *end = o + sizeof(word);
	if (__builtin_expect(rest >= 1u << 21, 1)) {
		uint64_t fifth = rest >> 28 != 0;
		word = proto_spread35(rest) | continued >> 8 | fifth << 31;
		memcpy(end, &word, sizeof(word));
		end += 4 + fifth;
	} else {
		end = rest ? proto_put_varint(end, rest) : end - 1;
	}
	*o = (uint8_t)(end - o - 1);
	return end;
}

#endif
