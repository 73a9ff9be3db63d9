/* encode_put.h - pieces of JSON that every encoder writes.
 *
 * In:     bytes, numbers, the identity of a record.
 * Out:    the same at @o, which has room for it and for JSON_TEXT_SLACK bytes more; the new end.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: -
 */
#ifndef SL_SINK_ENCODE_PUT_H
#define SL_SINK_ENCODE_PUT_H

#include "dataplane/base/text.h"
#include "dataplane/rec/json_text.h"
#include "dataplane/sink/encode.h"

#define PUT_ID_MAX    64 /* 16 + 1 + 1 + 1 + 20 + 1 + 10 */
#define PUT_TIME_MAX  30

#define PUT_LIT(o, s) put_bytes(o, "" s, sizeof(s) - 1)

static inline uint8_t *put_bytes(uint8_t *o, const void *p, size_t len)
{
	memcpy(o, p, len);
	return o + len;
}

/* Copies from a padded buffer in steps of 16: names are short, a call of memcpy would cost more. */
static inline uint8_t *put_padded(uint8_t *o, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i += 16)
		_mm_storeu_si128((__m128i *)(o + i), _mm_loadu_si128((const __m128i *)(p + i)));
	return o + len;
}

static inline uint8_t *put_slice(uint8_t *o, struct slice s)
{
	return put_padded(o, s.ptr, s.len);
}

static inline uint8_t *put_u64(uint8_t *o, uint64_t v)
{
	return o + text_put_u64((char *)o, v);
}

/* Text of any origin as a string. */
static inline uint8_t *put_string(uint8_t *o, struct slice text, bool *io_invalid)
{
	*o++ = '"';
	o += json_text_put(o, text.ptr, text.len, io_invalid);
	*o++ = '"';
	return o;
}

/* The text of a record's _id. Its numbers are small, mostly: then each part is written before the
 * one in front of it, which it writes over.
 *
 *     0123456789abcdef-c-1234-0
 */
static inline __attribute__((always_inline)) uint8_t *put_id(uint8_t *o, const struct rec *r)
{
	char *head = (char *)o, *off = head + 19;
	if (__builtin_expect(r->stream_off < 1000000000, 1))
		o = (uint8_t *)off + text_put_upto_9digits(off, (uint32_t)r->stream_off);
	else
		o = (uint8_t *)off + text_put_u64_loose(off, r->stream_off);
	uint32_t dir = '-' << 24 | 'c' << 16 | '-' << 8;
	dir += ('s' - 'c') * (uint32_t)r->dir << 16;
	memcpy(head + 15, &dir, sizeof(dir));
	text_put_hex64(head, r->session_id);
	if (__builtin_expect(r->idx < 10, 1)) { /* most frames are one record */
		uint16_t idx = (uint16_t)(('0' << 8 | '-') + (r->idx << 8));
		memcpy(o, &idx, sizeof(idx));
		return o + 2;
	}
	*o++ = '-';
	return o + text_put_u64_loose((char *)o, r->idx);
}

/* The nanoseconds of @time_ns behind its second, whose text is ctx->second_text then. Packets of a
 * burst are of one second, mostly: its date is worked out once, which saves 20 ns.
 */
static inline uint64_t put_second(struct encode_ctx *ctx, uint64_t time_ns)
{
	uint64_t ns = time_ns - ctx->second_ns;
	if (ns >= NS_PER_S || !ctx->second_text[0]) {
		ns = time_ns % NS_PER_S;
		ctx->second_ns = time_ns - ns;
		civil_put_rfc3339_9(ctx->second_text, (int64_t)ctx->second_ns);
	}
	return ns;
}

static inline uint8_t *put_time_9(struct encode_ctx *ctx, uint64_t time_ns, uint8_t *o)
{
	uint64_t ns = put_second(ctx, time_ns);
	memcpy(o, ctx->second_text, 20);
	text_put_9digits((char *)o + 20, (uint32_t)ns);
	o[29] = 'Z';
	return o + PUT_TIME_MAX;
}

#endif
