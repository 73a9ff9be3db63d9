/* json_text.h - bytes of any origin as the inside of a JSON string (RFC 8259, section 7), and as
 * base64 (RFC 4648, section 4).
 *
 * In:     borrowed bytes that should be UTF-8 and may not be.
 * Out:    escaped, valid UTF-8 in a buffer of the caller's.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: at most JSON_TEXT_FACTOR bytes out for each byte in.
 */
#ifndef SL_REC_JSON_TEXT_H
#define SL_REC_JSON_TEXT_H

#include <tmmintrin.h>

#include "dataplane/base/slice.h"

#define JSON_TEXT_FACTOR 6  /* \u0001 */
#define JSON_TEXT_SLACK  16 /* what the padded form may write behind its result */

/* Escapes quotes, backslashes and control characters; each maximal subpart of an ill-formed
 * sequence (Unicode 3.9, the practice of the W3C) becomes one U+FFFD, three bytes as they are, and
 * sets *io_invalid, which is never cleared here. Reads nothing outside of @p[0..len-1]; @out holds
 * JSON_TEXT_FACTOR * len bytes. Returns the bytes written.
 */
size_t json_text_put(uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid);

/* Looks at the sequence that the byte @p[0] >= 0x80 begins. Returns true when it is well-formed
 * (Unicode, table 3-7); *ret_len is its length, or else the length of its maximal subpart: the
 * bytes that could still have begun a character, and at least one.
 */
bool json_text_wide(const uint8_t *p, size_t len, size_t *ret_len);

/* The same text without escapes: nothing but what is not UTF-8 changes. @out holds
 * JSON_TEXT_REPAIR_FACTOR * len bytes.
 */
#define JSON_TEXT_REPAIR_FACTOR 3
size_t json_text_repair(uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid);

/* The bytes of @v that JSON cannot take as they are, or that need a look at their neighbours: below
 * 0x20, above 0x7f (below it too, where bytes are signed), quotes, backslashes; each becomes 0xff.
 * The table has at each low nibble the one of the last two that ends so, else what ends otherwise.
 */
static inline __m128i json_text_odd_bytes(__m128i v)
{
	const __m128i by_nibble =
		_mm_setr_epi8(1, 0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0, '\\', 0, 0, 0);
	return _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
			    _mm_cmpeq_epi8(v, _mm_shuffle_epi8(by_nibble, v)));
}

/* The same, one bit a byte. */
static inline unsigned json_text_odd(__m128i v)
{
	return (unsigned)_mm_movemask_epi8(json_text_odd_bytes(v));
}

/* Text of more than 16 bytes, or with an odd one, of json_text_put_padded. */
size_t json_text_put_long(uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid);

/* The same as json_text_put for bytes in a padded buffer (slice.h); @out holds JSON_TEXT_FACTOR *
 * len + JSON_TEXT_SLACK bytes. Clean text, which most is, costs a step, and when it is longer than
 * 16 bytes one for each 32.
 */
static inline size_t json_text_put_padded(uint8_t *out, const uint8_t *p, size_t len,
					  bool *io_invalid)
{
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	_mm_storeu_si128((__m128i *)out, v);
	/* Does the first odd byte stand behind the text, which has no more than these 16? */
	if ((unsigned)__builtin_ctz(json_text_odd(v) | 1 << 16) >= len)
		return len;
	return json_text_put_long(out, p, len, io_invalid);
}

/* Writes @p as base64 with its '=' at the end, without line breaks: 4 * ((len + 2) / 3) bytes. */
size_t json_base64_put(uint8_t *out, const uint8_t *p, size_t len);

#endif
