#include <immintrin.h>

#include "dataplane/base/text.h"
#include "parsers/http1_feeds.h"
#include "parsers/http1_known.h"

#define GLUE_(a, b)    a##_##b
#define GLUE(a, b)     GLUE_(a, b)
#define WAY_NAME(name) GLUE(name, WAY)
#define WAY_FUNCTION   __attribute__((target(WAY_TARGET)))
#define WAY_INLINE     static inline __attribute__((always_inline, target(WAY_TARGET)))

/* The bytes that a head is in, and the line feeds among them, 64 bytes at a time. */
struct reader {
	const uint8_t *p;
	size_t end, base; /* base: of the 64 bytes at hand */
	uint64_t feeds;   /* those of them that are still to come */
};

#define NO_LINE UINT32_MAX

/* Of less than 64 bytes. */
static __attribute__((noinline)) uint64_t last_feeds(const uint8_t *p, size_t n)
{
	uint64_t bits = 0;
	http1_feeds(p, n, &bits);
	return bits;
}

/* The last bytes of a head may be the last of all, so that fewer can be compared. */
static __attribute__((noinline)) bool ends_so(const struct http1_known_line *l, const uint8_t *p,
					      size_t len)
{
	return l->len <= len && memcmp(l->text, p, l->len) == 0;
}

/* " HTTP/1.1" CR, any two digits */
static inline bool is_usual_version(const uint8_t *p)
{
	return memcmp(p, " HTTP/", 6) == 0 && text_is_digit(p[6]) && p[7] == '.' &&
	       text_is_digit(p[8]) && p[9] == '\r';
}

/* The value p[from .. to-1] of a Content-Length, up to nine digits. */
static inline bool take_length(struct http1_msg *m, const uint8_t *p, size_t from, size_t to)
{
	uint32_t v = 0;
	if (to - from > 9)
		return false;
	for (; from < to; from++) {
		uint32_t digit = p[from] - (uint32_t)'0';
		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	m->length = v;
	return true;
}

/* The value of the header line from @from to the line feed @at. */
static inline __attribute__((always_inline)) bool take_value(struct http1_msg *m,
							     const struct http1_known_line *l,
							     const uint8_t *p, uint32_t from,
							     uint32_t at)
{
	uint32_t value = from + l->len;
	if (l->kind == LINE_SAME)
		return value == at;
	/* Bytes that are none of the blanks around it at both ends, and CR. */
	if (at < value + 2 || p[value] <= ' ' || p[at - 2] <= ' ' || p[at - 1] != '\r')
		return false;
	if (l->kind == LINE_LENGTH)
		return take_length(m, p, value, at - 1);
	m->span[l->span] = (struct http1_part){value, at - 1 - value};
	return true;
}

/* Is the line from @from to the line feed @at empty? Then the head ends with it. */
static inline bool take_end(const struct http1_known_head *h, struct http1_msg *m, const uint8_t *p,
			    uint32_t from, uint32_t at)
{
	if (at != from && (at != from + 1 || p[from] != '\r'))
		return false;
	m->head_len = at + 1;
	m->flags = h->flags;
	m->type = h->type;
	m->codings = h->codings;
	return true;
}

/* Of 64 bytes: which are line feeds; which are blanks or control characters; and are those that
 * count the line's?
 */

/* ---- SSE4.2 ---- */

#define WAY        sse
#define WAY_TARGET "sse4.2"

static inline __m128i load16(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

static inline uint64_t bits16(__m128i v)
{
	return (unsigned)_mm_movemask_epi8(v);
}

WAY_INLINE bool same_sse(const struct http1_known_line *l, const uint8_t *p)
{
	for (unsigned i = 0; i < l->len; i += 16)
		if (~bits16(_mm_cmpeq_epi8(load16(l->text + i), load16(p + i))) & l->bits >> i &
		    0xffff)
			return false;
	return true;
}

WAY_INLINE uint64_t feeds_sse(const uint8_t *p)
{
	uint64_t bits = 0;
	for (unsigned i = 0; i < 64; i += 16)
		bits |= bits16(_mm_cmpeq_epi8(load16(p + i), _mm_set1_epi8('\n'))) << i;
	return bits;
}

WAY_INLINE uint64_t blanks_sse(const uint8_t *p)
{
	uint64_t bits = 0;
	for (unsigned i = 0; i < 64; i += 16) {
		__m128i v = load16(p + i);
		__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(' ')), v);
		bits |= bits16(_mm_or_si128(low, _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)))) << i;
	}
	return bits;
}

#include "parsers/http1_known_way.h"

#undef WAY
#undef WAY_TARGET

/* ---- AVX2 ---- */

#define WAY        avx2
#define WAY_TARGET "avx2,bmi"

WAY_INLINE __m256i load32(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

WAY_INLINE uint64_t bits32(__m256i v)
{
	return (uint32_t)_mm256_movemask_epi8(v);
}

WAY_INLINE uint64_t equal32(__m256i v, char c)
{
	return bits32(_mm256_cmpeq_epi8(v, _mm256_set1_epi8(c)));
}

WAY_INLINE bool same_avx2(const struct http1_known_line *l, const uint8_t *p)
{
	uint32_t low = (uint32_t)l->bits;
	if (~bits32(_mm256_cmpeq_epi8(load32(l->text), load32(p))) & low)
		return false;
	return l->len <= 32 ||
	       !(~bits32(_mm256_cmpeq_epi8(load32(l->text + 32), load32(p + 32))) & l->bits >> 32);
}

WAY_INLINE uint64_t feeds_avx2(const uint8_t *p)
{
	return equal32(load32(p), '\n') | equal32(load32(p + 32), '\n') << 32;
}

WAY_INLINE uint64_t blanks32(const uint8_t *p)
{
	__m256i v = load32(p),
		low = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(' ')), v);
	return bits32(_mm256_or_si256(low, _mm256_cmpeq_epi8(v, _mm256_set1_epi8(0x7f))));
}

WAY_INLINE uint64_t blanks_avx2(const uint8_t *p)
{
	return blanks32(p) | blanks32(p + 32) << 32;
}

#include "parsers/http1_known_way.h"

#undef WAY
#undef WAY_TARGET

/* ---- AVX-512 ---- */

#define WAY        avx512
#define WAY_TARGET "avx512bw,bmi"

WAY_INLINE bool same_avx512(const struct http1_known_line *l, const uint8_t *p)
{
	return !_mm512_mask_cmpneq_epi8_mask(l->bits, _mm512_loadu_si512(l->text),
					     _mm512_loadu_si512(p));
}

WAY_INLINE uint64_t feeds_avx512(const uint8_t *p)
{
	return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8('\n'));
}

WAY_INLINE uint64_t blanks_avx512(const uint8_t *p)
{
	__m512i v = _mm512_loadu_si512(p);
	return _mm512_cmple_epu8_mask(v, _mm512_set1_epi8(' ')) |
	       _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8(0x7f));
}

#include "parsers/http1_known_way.h"
