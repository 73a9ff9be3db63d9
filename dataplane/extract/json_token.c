#include "dataplane/extract/json_token.h"

#include <smmintrin.h>

#include "dataplane/base/text.h"

const char json_err_escape[] = "json: bad escape in a string";
const char json_err_surrogate[] = "json: half of a surrogate pair";

static int hex4(const uint8_t *p)
{
	int v = 0;
	for (unsigned i = 0; i < 4; i++) {
		int digit = text_hex_digit(p[i]);
		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

int json_unit_at(const uint8_t *p, const uint8_t *end)
{
	return end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
}

const char *json_check_escapes(struct slice in)
{
	const uint8_t *p = in.ptr, *end = in.ptr + in.len;
	while ((p = memchr(p, '\\', (size_t)(end - p)))) {
		if (end - p >= 2 && p[1] && memchr("\"\\/bfnrt", p[1], 8)) {
			p += 2;
			continue;
		}
		int unit = json_unit_at(p, end);
		if (unit < 0)
			return json_err_escape;
		p += 6;
		if (json_is_low(unit) || (json_is_high(unit) && !json_is_low(json_unit_at(p, end))))
			return json_err_surrogate;
		if (json_is_high(unit))
			p += 6;
	}
	return NULL;
}

static const uint8_t *digits(const uint8_t *p, const uint8_t *end)
{
	while (p < end && text_is_digit(*p))
		p++;
	return p;
}

/* Up to 16 digits and nothing else. */
static inline __attribute__((target("sse4.1"))) bool is_short_integer(struct slice s)
{
	__m128i v = _mm_loadu_si128((const __m128i *)s.ptr);
	v = _mm_sub_epi8(v, _mm_set1_epi8('0'));
	unsigned is_digit =
		(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v));
	return (unsigned)__builtin_ctz(~is_digit) >= s.len && (*s.ptr != '0' || s.len == 1);
}

bool json_is_number(struct slice s)
{
	if (is_short_integer(s))
		return true;
	const uint8_t *p = s.ptr, *end = s.ptr + s.len, *from;
	p += p < end && *p == '-';
	from = p;
	p = digits(p, end);
	if (p == from || (*from == '0' && p - from > 1))
		return false;
	if (p < end && *p == '.') {
		from = ++p;
		p = digits(p, end);
		if (p == from)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		p += p < end && (*p == '+' || *p == '-');
		from = p;
		p = digits(p, end);
		if (p == from)
			return false;
	}
	return p == end;
}

/* Any control character, which outside of strings is white space: 16 bytes at a time, and up to 15
 * behind the text.
 */
static inline bool has_control(struct slice s)
{
	const __m128i limit = _mm_set1_epi8(0x1f);
	__m128i any = _mm_setzero_si128();
	for (size_t i = 0; i < s.len; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(s.ptr + i));
		any = _mm_or_si128(any, _mm_cmpeq_epi8(_mm_min_epu8(v, limit), v));
	}
	return _mm_movemask_epi8(any) != 0;
}

bool json_has_breaks(struct slice s)
{
	return has_control(s) && (memchr(s.ptr, '\n', s.len) || memchr(s.ptr, '\r', s.len));
}
