#include "dataplane/rec/json_text_avx2.h"

static uint8_t *put_escape(uint8_t *o, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	static const char shorts[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	o[0] = '\\';
	if (c >= 0x20 || shorts[c]) {
		o[1] = c >= 0x20 ? c : (uint8_t)shorts[c];
		return o + 2;
	}
	memcpy(o + 1, "u00", 3);
	o[4] = (uint8_t)hex[c >> 4];
	o[5] = (uint8_t)hex[c & 15];
	return o + 6;
}

bool json_text_wide(const uint8_t *p, size_t len, size_t *ret_len)
{
	uint8_t c = p[0];
	*ret_len = 1;
	if (c < 0xc2 || c > 0xf4)
		return false;
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	/* The second byte says whether the form is overlong, a surrogate or beyond U+10FFFF. */
	uint8_t lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	uint8_t hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (len < 2 || p[1] < lo || p[1] > hi)
		return false;
	size_t i = 2;
	while (i < n && i < len && (p[i] & 0xc0) == 0x80)
		i++;
	*ret_len = i;
	return i == n;
}

/* Copies text outside of ASCII up to the next ASCII byte or the end; returns the bytes read. */
static size_t put_wide(uint8_t **io_o, const uint8_t *p, size_t len, bool *io_invalid)
{
	uint8_t *o = *io_o;
	size_t i = 0;
	while (i < len && p[i] >= 0x80) {
		size_t n;
		if (json_text_wide(p + i, len - i, &n)) {
			for (size_t k = 0; k < n; k++)
				o[k] = p[i + k];
			o += n;
		} else {
			memcpy(o, "\xef\xbf\xbd", 3);
			o += 3;
			*io_invalid = true;
		}
		i += n;
	}
	*io_o = o;
	return i;
}

/* One vector of text with odd bytes at @odd: all up to its last escape, or to its first byte
 * outside of ASCII. Returns the bytes read. Writing all of @v is within bounds: 16 more bytes are
 * read, so there is room for six times as many.
 */
static inline size_t put_block(uint8_t **io_o, const uint8_t *p, __m128i v, unsigned odd)
{
	unsigned at = (unsigned)__builtin_ctz(odd);
	uint8_t *o = *io_o + at;
	_mm_storeu_si128((__m128i *)*io_o, v);
	while (p[at] < 0x80) {
		o = put_escape(o, p[at++]);
		odd &= odd - 1;
		if (!odd)
			break;
		for (unsigned next = (unsigned)__builtin_ctz(odd); at < next; at++)
			*o++ = p[at];
	}
	*io_o = o;
	return at;
}

size_t json_text_put(uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid)
{
	uint8_t *o = out;
	size_t i = 0;
	while (len - i >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + i));
		unsigned odd = json_text_odd(v);
		if (!odd) {
			_mm_storeu_si128((__m128i *)o, v);
			o += 16;
			i += 16;
			continue;
		}
		i += put_block(&o, p + i, v, odd);
		if (i < len && p[i] >= 0x80)
			i += put_wide(&o, p + i, len - i, io_invalid);
	}
	while (i < len) {
		uint8_t c = p[i];
		if (c >= 0x80) {
			i += put_wide(&o, p + i, len - i, io_invalid);
		} else if (c < 0x20 || c == '"' || c == '\\') {
			o = put_escape(o, c);
			i++;
		} else {
			*o++ = c;
			i++;
		}
	}
	return (size_t)(o - out);
}

/* Not in line, so that clean text does not pay for it. */
__attribute__((noinline)) size_t json_text_put_behind(size_t i, uint8_t *out, const uint8_t *p,
						      size_t len, bool *io_invalid)
{
	return i + json_text_put(out + i, p + i, len - i, io_invalid);
}

/* Copies 16 bytes at @p + @a and 16 at @p + @b to the same offsets of @out. Is one of them odd? */
static inline bool copy_two(uint8_t *out, const uint8_t *p, size_t a, size_t b)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(p + a));
	__m128i w = _mm_loadu_si128((const __m128i *)(p + b));
	_mm_storeu_si128((__m128i *)(out + a), v);
	_mm_storeu_si128((__m128i *)(out + b), w);
	return _mm_movemask_epi8(_mm_or_si128(json_text_odd_bytes(v), json_text_odd_bytes(w)));
}

__attribute__((target("avx2"))) static size_t put_avx2(uint8_t *out, const uint8_t *p, size_t len,
						       bool *io_invalid)
{
	return json_text_put_avx2(json_text_avx2(), out, p, len, io_invalid);
}

/* The same by halves. */
static size_t put_ssse3(uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid)
{
	size_t i = 0, last = len - 32;
	for (; i < last; i += 32)
		if (copy_two(out, p, i, i + 16))
			return json_text_put_behind(i, out, p, len, io_invalid);
	return copy_two(out, p, last, last + 16)
		       ? json_text_put_behind(last, out, p, len, io_invalid)
		       : len;
}

size_t json_text_put_long(uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid)
{
	if (len >= 32)
		return __builtin_cpu_supports("avx2") ? put_avx2(out, p, len, io_invalid)
						      : put_ssse3(out, p, len, io_invalid);
	if (len > 16 && !copy_two(out, p, 0, len - 16))
		return len;
	return json_text_put_behind(0, out, p, len, io_invalid);
}

size_t json_text_repair(uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid)
{
	uint8_t *o = out;
	for (size_t i = 0; i < len;) {
		if (p[i] < 0x80)
			*o++ = p[i++];
		else
			i += put_wide(&o, p + i, len - i, io_invalid);
	}
	return (size_t)(o - out);
}

/* Twelve of the sixteen bytes at @p as sixteen digits. */
static inline __m128i base64_12(const uint8_t *p)
{
	/* Each three bytes a b c into four, b a c b, so that each digit's six bits lie in one half.
	 */
	const __m128i spread = _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
	__m128i v = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)p), spread);
	/* Products move them down: the first and third digit by 10 and 6, the others up by 4 and 8.
	 */
	__m128i odd = _mm_mulhi_epu16(_mm_and_si128(v, _mm_set1_epi32(0x0fc0fc00)),
				      _mm_set1_epi32(0x04000040));
	__m128i even = _mm_mullo_epi16(_mm_and_si128(v, _mm_set1_epi32(0x003f03f0)),
				       _mm_set1_epi32(0x01000010));
	v = _mm_or_si128(odd, even);
	/* What is added to a value: 0 to 25 are class 13, 26 to 51 class 0, the others one each. */
	const __m128i add = _mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
					  '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
					  '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
	__m128i kind = _mm_subs_epu8(v, _mm_set1_epi8(51));
	__m128i upper = _mm_cmpgt_epi8(_mm_set1_epi8(26), v);
	kind = _mm_or_si128(kind, _mm_and_si128(upper, _mm_set1_epi8(13)));
	return _mm_add_epi8(v, _mm_shuffle_epi8(add, kind));
}

size_t json_base64_put(uint8_t *out, const uint8_t *p, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t *o = out;
	size_t i = 0;
	for (; len - i >= 16; i += 12, o += 16)
		_mm_storeu_si128((__m128i *)o, base64_12(p + i));
	for (; len - i >= 3; i += 3, o += 4) {
		uint32_t w = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
		o[0] = (uint8_t)digits[w >> 18];
		o[1] = (uint8_t)digits[w >> 12 & 63];
		o[2] = (uint8_t)digits[w >> 6 & 63];
		o[3] = (uint8_t)digits[w & 63];
	}
	if (i < len) {
		uint32_t w = (uint32_t)p[i] << 16 | (len - i == 2 ? (uint32_t)p[i + 1] << 8 : 0);
		o[0] = (uint8_t)digits[w >> 18];
		o[1] = (uint8_t)digits[w >> 12 & 63];
		o[2] = len - i == 2 ? (uint8_t)digits[w >> 6 & 63] : '=';
		o[3] = '=';
		o += 4;
	}
	return (size_t)(o - out);
}
