#include "dataplane/extract/json_quick_run.h"

#include <immintrin.h>

#include "dataplane/extract/json_number.h"

#define GLUE_(a, b)    a##_##b
#define GLUE(a, b)     GLUE_(a, b)
#define WAY_NAME(name) GLUE(name, WAY)
#define WAY_FUNCTION   __attribute__((target(WAY_TARGET)))
#define WAY_INLINE     static inline __attribute__((always_inline, target(WAY_TARGET)))

/* The length of the word at @p, 0: it is none. */
static inline __attribute__((always_inline)) unsigned word(const uint8_t *p,
							   enum val_type *ret_type)
{
	uint32_t v;
	memcpy(&v, p, 4);
	*ret_type = v == 0x65757274 ? VAL_TRUE : v == 0x6c6c756e ? VAL_NULL : VAL_FALSE;
	if (*ret_type != VAL_FALSE)
		return 4;
	return v == 0x736c6166 && p[4] == 'e' ? 5 : 0;
}

/* What look() says of bytes, one bit each: quotes; and what is not ASCII, or no plain part of a
 * text. wide() says which are the first of these.
 */

/* ---- AVX2 ---- */

#define WAY        avx2
#define WAY_TARGET "avx2,bmi"
#define WAY_BYTES  32
#define WAY_BITS   uint32_t

struct marks_avx2 {
	uint32_t quotes, odd;
};

WAY_INLINE bool is_expected_avx2(const struct quick_key *k, const uint8_t *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	v = _mm256_and_si256(v, _mm256_loadu_si256((const __m256i *)k->mask));
	v = _mm256_xor_si256(v, _mm256_loadu_si256((const __m256i *)k->text));
	return _mm256_testz_si256(v, v);
}

WAY_INLINE struct marks_avx2 look_avx2(const uint8_t *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)p);
	__m256i odd = _mm256_or_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(' '), v),
				      _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
	__m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
	return (struct marks_avx2){(uint32_t)_mm256_movemask_epi8(quote),
				   (uint32_t)_mm256_movemask_epi8(odd)};
}

WAY_INLINE uint32_t wide_avx2(const uint8_t *p)
{
	return (uint32_t)_mm256_movemask_epi8(_mm256_loadu_si256((const __m256i *)p));
}

WAY_INLINE unsigned first_avx2(uint32_t bits)
{
	return (unsigned)__builtin_ctz(bits);
}

#include "dataplane/extract/json_quick_run_way.h"

#undef WAY
#undef WAY_TARGET
#undef WAY_BYTES
#undef WAY_BITS

/* ---- AVX-512 ---- */

#define WAY        avx512
#define WAY_TARGET "avx512bw,avx512vl,bmi"
#define WAY_BYTES  64
#define WAY_BITS   uint64_t

struct marks_avx512 {
	uint64_t quotes, odd;
};

WAY_INLINE bool is_expected_avx512(const struct quick_key *k, const uint8_t *p)
{
	__m256i key = _mm256_loadu_si256((const __m256i *)k->text);
	return !_mm256_mask_cmpneq_epi8_mask(k->bits, key, _mm256_loadu_si256((const __m256i *)p));
}

WAY_INLINE struct marks_avx512 look_avx512(const uint8_t *p)
{
	__m512i v = _mm512_loadu_si512(p);
	return (struct marks_avx512){_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"')),
				     _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(' ')) |
					     _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\'))};
}

WAY_INLINE uint64_t wide_avx512(const uint8_t *p)
{
	return _mm512_movepi8_mask(_mm512_loadu_si512(p));
}

WAY_INLINE unsigned first_avx512(uint64_t bits)
{
	return (unsigned)__builtin_ctzll(bits);
}

#include "dataplane/extract/json_quick_run_way.h"
