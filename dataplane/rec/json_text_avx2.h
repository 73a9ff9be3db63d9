/* json_text_avx2.h - json_text_put_padded, in steps of 32 bytes.
 *
 * In:     as json_text.h has it.
 * Out:    the same; up to 32 bytes behind the result may be written over.
 * Owns:   nothing.
 * Runs:   any thread of a processor with AVX2, inside of functions that are made for it.
 * Limits: -
 */
#ifndef SL_REC_JSON_TEXT_AVX2_H
#define SL_REC_JSON_TEXT_AVX2_H

#include <immintrin.h>

#include "dataplane/rec/json_text.h"

#define JSON_TEXT_AVX2 static inline __attribute__((always_inline, target("avx2")))

/* What json_text_odd_bytes compares with, twice each. */
struct json_text_avx2 {
	__m256i blank, by_nibble;
};

JSON_TEXT_AVX2 struct json_text_avx2 json_text_avx2(void)
{
	struct json_text_avx2 w = {_mm256_set1_epi8(0x20),
				   _mm256_setr_epi8(1, 0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0, '\\', 0,
						    0, 0, 1, 0, '"', 0, 0, 0, 0, 0, 0, 0, 0, 0,
						    '\\', 0, 0, 0)};
	/* Or the compiler, which knows what they are, would make them anew at each place, and two
	 * instructions of the comparison with blanks.
	 */
	__asm__("" : "+x"(w.blank), "+x"(w.by_nibble));
	return w;
}

JSON_TEXT_AVX2 __m256i json_text_avx2_odd_bytes(struct json_text_avx2 w, __m256i v)
{
	return _mm256_or_si256(_mm256_cmpgt_epi8(w.blank, v),
			       _mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(w.by_nibble, v)));
}

/* Copies 32 bytes. Those that are odd, one bit a byte. */
JSON_TEXT_AVX2 uint32_t json_text_avx2_copy(struct json_text_avx2 w, uint8_t *out, const uint8_t *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	_mm256_storeu_si256((__m256i *)out, v);
	return (uint32_t)_mm256_movemask_epi8(json_text_avx2_odd_bytes(w, v));
}

/* Copies 32 bytes at @a and 32 at @b. Is one of them odd? */
JSON_TEXT_AVX2 bool json_text_avx2_copy_two(struct json_text_avx2 w, uint8_t *out, const uint8_t *p,
					    size_t a, size_t b)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(p + a));
	__m256i v2 = _mm256_loadu_si256((const __m256i *)(p + b));
	_mm256_storeu_si256((__m256i *)(out + a), v);
	_mm256_storeu_si256((__m256i *)(out + b), v2);
	__m256i odd =
		_mm256_or_si256(json_text_avx2_odd_bytes(w, v), json_text_avx2_odd_bytes(w, v2));
	return !_mm256_testz_si256(odd, odd);
}

/* Copies text of 32 bytes or more, in steps of 64, as long as they are clean: so many bytes, or
 * @len. The last step looks at bytes of the one before again, or at some twice, rather than at what
 * is behind the text.
 */
JSON_TEXT_AVX2 size_t json_text_avx2_copy_clean(struct json_text_avx2 w, uint8_t *out,
						const uint8_t *p, size_t len)
{
	size_t i = 0, last = len - 32;
	for (; i + 32 < last; i += 64)
		if (json_text_avx2_copy_two(w, out, p, i, i + 32))
			return i;
	i = i < last ? i : last;
	return json_text_avx2_copy_two(w, out, p, i, last) ? i : len;
}

/* What stands behind the first @i bytes, which are clean and copied, and the bytes of all. */
size_t json_text_put_behind(size_t i, uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid);

/* All of it. */
JSON_TEXT_AVX2 size_t json_text_put_avx2(struct json_text_avx2 w, uint8_t *out, const uint8_t *p,
					 size_t len, bool *io_invalid)
{
	size_t i = json_text_avx2_copy_clean(w, out, p, len);
	return i == len ? len : json_text_put_behind(i, out, p, len, io_invalid);
}

#endif
