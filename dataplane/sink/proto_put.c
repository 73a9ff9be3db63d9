#include "dataplane/sink/proto_put_avx2.h"

#include "dataplane/base/text.h"
#include "dataplane/extract/json.h"
#include "dataplane/rec/json_text.h"

static_assert(PROTO_TEXT_FACTOR == JSON_TEXT_REPAIR_FACTOR, "what is repaired grows so much");

/* Copies 16 bytes at @p + @i to the same offset of @o; the odd ones of them. */
static inline __m128i copy_16(uint8_t *o, const uint8_t *p, size_t i, enum proto_odd odd)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(p + i));
	_mm_storeu_si128((__m128i *)(o + i), v);
	return proto_odd_bytes(v, odd);
}

/* Copies @len > 16 bytes, the last 16 of them by themselves; true when none was odd. */
static inline bool copy_ssse3(uint8_t *o, const uint8_t *p, size_t len, enum proto_odd odd)
{
	__m128i all = copy_16(o, p, len - 16, odd);
	for (size_t i = 0; i + 16 < len; i += 16)
		all = _mm_or_si128(all, copy_16(o, p, i, odd));
	return !_mm_movemask_epi8(all);
}

uint8_t *proto_put_odd(uint8_t *o, uint8_t *text, struct slice from, enum proto_odd odd,
		       bool *io_invalid)
{
	size_t len = from.len;
	if (odd == PROTO_ODD_ESCAPE)
		len = json_unescape(text, from);
	else if (text_utf8_valid(from.ptr, len) < len)
		len = json_text_repair(text, from.ptr, len, io_invalid);
	return proto_put_len_before(o, text, len);
}

__attribute__((target("avx2"))) static uint8_t *put_avx2(uint8_t *o, const uint8_t *p, size_t len,
							 enum proto_odd odd, bool *io_invalid)
{
	return proto_put_long_avx2(o, p, len, odd, io_invalid);
}

uint8_t *proto_put_long(uint8_t *o, const uint8_t *p, size_t len, enum proto_odd odd,
			bool *io_invalid)
{
	uint8_t *text = o + 1;
	if (len > 32) {
		if (__builtin_cpu_supports("avx2"))
			return put_avx2(o, p, len, odd, io_invalid);
		text = proto_put_varint(o, len);
	}
	if (len > 16 && copy_ssse3(text, p, len, odd))
		return text + len;
	return proto_put_odd(o, text, slice_of(p, len), odd, io_invalid);
}

uint8_t *proto_put_any_time(uint8_t *o, int64_t ns)
{
	int64_t s = ns / NS_PER_S, rest = ns % NS_PER_S;
	if (rest < 0) {
		rest += NS_PER_S;
		s--;
	}
	uint8_t *at = o + 1;
	if (s)
		at = proto_put_varint(proto_put_key(at, 1, PROTO_VARINT), (uint64_t)s);
	if (rest)
		at = proto_put_varint(proto_put_key(at, 2, PROTO_VARINT), (uint64_t)rest);
	*o = (uint8_t)(at - o - 1);
	return at;
}
