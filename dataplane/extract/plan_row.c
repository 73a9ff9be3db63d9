/* Fields in a row, all at once: the first marks that stand in the line are compared with those that
 * the row wants, and the bytes between them with its bounds.
 *
 *     34>1 2026-11-25T04:43:16Z web-1 su - ID47 ...
 *       1 1                    1     1  1 1    1       marks
 *
 *     bytes   >  _  _  _  _  _  _        in lanes of a byte
 *     at      2  4 25 31 34 36 41
 *     from    0  3  5 26 32 35 37        where the fields begin that end there
 */
#include <immintrin.h>

#include "dataplane/base/text.h"
#include "dataplane/extract/plan_run.h"

/* Words of 64 bytes: places of marks, and bounds, are less than 256. */
#define WORDS_MAX 3

#define WITH_SSE  static inline __attribute__((always_inline, target("sse4.1")))
#define WITH_AVX2 __attribute__((target("avx2,bmi,bmi2")))
#define WITH_AVX512                                                                        \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2," \
			      "popcnt")))

WITH_SSE __m128i lanes(const uint8_t *bytes)
{
	return _mm_load_si128((const __m128i *)bytes);
}

/* ---- what the marks say ---- */

/* Where fields begin that end @at. */
WITH_SSE __m128i begin_of(const struct plan_row *r, __m128i at)
{
	return _mm_add_epi8(_mm_slli_si128(at, 1), lanes(r->behind));
}

WITH_SSE bool lengths_fit(const struct plan_row *r, __m128i at, __m128i from)
{
	__m128i least = _mm_adds_epu8(from, lanes(r->least));
	__m128i most = _mm_adds_epu8(from, lanes(r->most));
	__m128i ok = _mm_cmpeq_epi8(_mm_max_epu8(least, at), at);
	ok = _mm_and_si128(ok, _mm_cmpeq_epi8(_mm_min_epu8(most, at), at));
	return ((unsigned)_mm_movemask_epi8(ok) | r->no_marks) == 0xffff;
}

/* Whether the field is no more than 16 bytes and of a range, as most are that marks do not tell all
 * of.
 */
WITH_SSE bool is_short_range(const struct plan_check *c, const uint8_t *p, unsigned len)
{
	if (c->flags &&
	    ((*p == '-' && (c->flags & PLAN_MINUS)) || (*p == '+' && (c->flags & PLAN_PLUS)))) {
		if (len <= c->min)
			return false;
		p++;
		len--;
	}
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	__m128i off = _mm_sub_epi8(v, _mm_set1_epi8((char)c->lo));
	__m128i over = _mm_cmpeq_epi8(_mm_max_epu8(off, _mm_set1_epi8((char)c->n)), off);
	unsigned outside = (unsigned)_mm_movemask_epi8(over);
	return len <= 16 && (outside & ((1u << len) - 1)) == 0;
}

/* What marks do not tell of the field from @from to @to. */
WITH_SSE bool field_fits(const struct plan_op *op, struct slice line, size_t from, size_t to)
{
	size_t begin = plan_behind_sign(op, line.ptr, line.len, from);
	if (to < begin + op->min || (op->max != PLAN_NO_MAX && to - begin > op->max))
		return false;
	if (op->scan != SCAN_STOPS && run_end(op, line.ptr, begin, to) != to)
		return false;
	return lit_at(op, line.ptr + to, line.len - to);
}

/* The others. */
WITH_SSE bool check_fits(const struct plan_check *c, const struct plan_op *op, struct slice line,
			 size_t from, size_t to)
{
	op += c->step;
	return c->kind == CHECK_LIT ? lit_at(op, line.ptr + to, line.len - to)
				    : field_fits(op, line, from, to);
}

WITH_SSE bool fields_fit(const struct plan_row *r, const struct plan_op *op, struct slice line,
			 size_t at, __m128i from, __m128i to)
{
	uint8_t begins[16], ends[16];
	const uint8_t *p = line.ptr + at;
	_mm_storeu_si128((__m128i *)begins, from);
	_mm_storeu_si128((__m128i *)ends, to);
	const struct plan_check *c = r->checks, *end = c + r->n_ranges;
	for (; c < end; c++) {
		unsigned begin = begins[c->mark];
		if (!is_short_range(c, p + begin, ends[c->mark] - begin))
			return false;
	}
	for (end = r->checks + r->n_checks; c < end; c++) {
		if (!check_fits(c, op, line, at + begins[c->mark], at + ends[c->mark]))
			return false;
	}
	return true;
}

/* ---- finding marks ---- */

/* The words of 64 bytes from @p on are looked at by MARKS(m, p). False: another mark than the row
 * wants stands in a place, or there are too few.
 */
#define FIND_LOOP(MARKS)                                                          \
	uint8_t at[16];                                                           \
	unsigned n = 0;                                                           \
	for (size_t base = 0; base < left && base < 64 * WORDS_MAX; base += 64) { \
		uint64_t bits = MARKS(&r->marks, p + base);                       \
		if (left - base < 64)                                             \
			bits &= ((uint64_t)1 << (left - base)) - 1;               \
		for (; bits; bits &= bits - 1) {                                  \
			size_t to = base + (unsigned)__builtin_ctzll(bits);       \
			at[n] = (uint8_t)to;                                      \
			if (p[to] != r->lit[n]) {                                 \
				if (r->texts >> n & 1)                            \
					continue;                                 \
				return false;                                     \
			}                                                         \
			if (++n == r->n_marks)                                    \
				goto enough;                                      \
		}                                                                 \
	}                                                                         \
	return false;                                                             \
	enough:                                                                   \
	*f = _mm_loadu_si128((const __m128i *)at);                                \
	*ret_last = at[n - 1];                                                    \
	return true

WITH_SSE bool find_sse(const struct plan_row *r, const uint8_t *p, size_t left, __m128i *f,
		       size_t *ret_last)
{
	FIND_LOOP(marks_of);
}

WITH_AVX2 static inline uint64_t marks_of_wide(const struct plan_marks *m, const uint8_t *q)
{
	__m256i row0 = _mm256_broadcastsi128_si256(lanes(m->rows[0]));
	__m256i row1 = _mm256_broadcastsi128_si256(lanes(m->rows[1]));
	__m256i v = _mm256_loadu_si256((const __m256i *)q);
	__m256i w = _mm256_loadu_si256((const __m256i *)(q + 32));
	__m256i hit_v = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(row0, v), v);
	__m256i hit_w = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(row0, w), w);
	if (m->two_rows) {
		__m256i more_v = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(row1, v), v);
		__m256i more_w = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(row1, w), w);
		hit_v = _mm256_or_si256(hit_v, more_v);
		hit_w = _mm256_or_si256(hit_w, more_w);
	}
	return (uint32_t)_mm256_movemask_epi8(hit_v) |
	       (uint64_t)(uint32_t)_mm256_movemask_epi8(hit_w) << 32;
}

WITH_AVX2 static inline bool find_avx2(const struct plan_row *r, const uint8_t *p, size_t left,
				       __m128i *f, size_t *ret_last)
{
	FIND_LOOP(marks_of_wide);
}

/* All marks that stand behind where a row begins, in as many lanes as there are; zero behind them.
 */
struct seen {
	__m512i at, bytes;
	unsigned n;
};

/* Places and bytes of a word's marks are put side by side, behind those of the words before. */
WITH_AVX512 static inline struct seen see(const struct plan_row *r, const uint8_t *p, size_t left)
{
	const __m512i row0 = _mm512_broadcast_i32x4(lanes(r->marks.rows[0]));
	const __m512i row1 = _mm512_broadcast_i32x4(lanes(r->marks.rows[1]));
	__m512i place = _mm512_load_si512(text_places);
	struct seen s = {_mm512_setzero_si512(), _mm512_setzero_si512(), 0};
	unsigned enough = r->texts ? 64 : r->n_marks;
	for (size_t base = 0; base < left && s.n < enough && base < 64 * WORDS_MAX; base += 64) {
		__m512i v = _mm512_loadu_si512(p + base);
		uint64_t hit = _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(row0, v), v);
		if (r->marks.two_rows)
			hit |= _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(row1, v), v);
		hit = left - base < 64 ? _bzhi_u64(hit, (unsigned)(left - base)) : hit;
		__m512i at = _mm512_maskz_compress_epi8(hit, place);
		uint64_t these = ~(uint64_t)0 << s.n;
		s.at = _mm512_mask_expand_epi8(s.at, these, at);
		s.bytes = _mm512_mask_permutexvar_epi8(s.bytes, these, s.at, v);
		s.n += (unsigned)_mm_popcnt_u64(hit);
		place = _mm512_add_epi8(place, _mm512_set1_epi8(64));
	}
	return s;
}

/* Takes away the marks inside of texts. False: one has no end. */
WITH_AVX512 static inline bool skip_inside(const struct plan_row *r, struct seen *s)
{
	uint64_t inside = 0;
	unsigned n = 0, n_seen = s->n < 64 ? s->n : 64; /* of those inside, so far; of all */
	for (unsigned texts = r->texts; texts; texts &= texts - 1) {
		unsigned mark = (unsigned)__builtin_ctz(texts), begin = mark + n;
		__m512i lit = _mm512_set1_epi8((char)r->lit[mark]);
		uint64_t ends = _mm512_cmpeq_epi8_mask(s->bytes, lit);
		ends = _bzhi_u64(ends, n_seen);
		if (begin >= 64 || !(ends >> begin))
			return false;
		unsigned more = (unsigned)__builtin_ctzll(ends >> begin);
		inside |= _bzhi_u64(~(uint64_t)0, more) << begin;
		n += more;
	}
	if (n) {
		s->at = _mm512_maskz_compress_epi8(~inside, s->at);
		s->bytes = _mm512_maskz_compress_epi8(~inside, s->bytes);
		s->n = n_seen - n;
	}
	return true;
}

/* Whether what was seen are the marks of the row. */
WITH_AVX512 static inline bool marks_are(const struct plan_row *r, struct seen s, __m128i *ret_at,
					 size_t *ret_last)
{
	uint8_t at[16];
	if (!skip_inside(r, &s) || s.n < r->n_marks)
		return false;
	*ret_at = _mm512_castsi512_si128(s.at);
	_mm_storeu_si128((__m128i *)at, *ret_at);
	*ret_last = at[r->n_marks - 1];
	__m128i bytes = _mm512_castsi512_si128(s.bytes);
	return (_mm_cmpeq_epi8_mask(bytes, lanes(r->lit)) | r->no_marks) == 0xffff;
}

/* ---- parts ---- */

/* Two parts from places of one byte each. */
WITH_SSE void put_two(struct plan_part *to, __m128i pairs, __m128i off)
{
	_mm_storeu_si128((__m128i *)to, _mm_add_epi32(_mm_cvtepu8_epi32(pairs), off));
}

/* The parts of all groups, of which fields begin at @from and end at @to. */
WITH_SSE void put_parts(const struct plan_row *r, __m128i from, __m128i to, size_t at,
			struct plan_part *parts)
{
	const __m128i off = _mm_set1_epi32((int)at);
	__m128i pick = lanes(r->pick);
	from = _mm_shuffle_epi8(from, pick);
	to = _mm_shuffle_epi8(to, pick);
	__m128i pairs = _mm_unpacklo_epi8(from, to);
	struct plan_part *part = parts + r->group, *end = part + r->n_groups;
	for (struct plan_part *half = part + 8; end - part >= 2; part += 2) {
		if (part == half)
			pairs = _mm_unpackhi_epi8(from, to);
		put_two(part, pairs, off);
		pairs = _mm_srli_si128(pairs, 4);
	}
	if (part == parts + r->group + 8)
		pairs = _mm_unpackhi_epi8(from, to);
	if (part < end)
		_mm_storel_epi64((__m128i *)part, _mm_add_epi32(_mm_cvtepu8_epi32(pairs), off));
}

/* The same, eight at a time. */
WITH_AVX512 static inline void put_parts_wide(const struct plan_row *r, __m128i from, __m128i to,
					      size_t at, struct plan_part *parts)
{
	const __m512i off = _mm512_set1_epi32((int)at);
	__m128i pick = lanes(r->pick);
	from = _mm_shuffle_epi8(from, pick);
	to = _mm_shuffle_epi8(to, pick);
	struct plan_part *part = parts + r->group;
	__m512i v = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(from, to));
	_mm512_mask_storeu_epi32(part, (__mmask16)r->halves, _mm512_add_epi32(v, off));
	if (r->halves >> 16) {
		v = _mm512_cvtepu8_epi32(_mm_unpackhi_epi8(from, to));
		_mm512_mask_storeu_epi32(part + 8, (__mmask16)(r->halves >> 16),
					 _mm512_add_epi32(v, off));
	}
}

/* The groups that this way passes by, of which others may have been written along. */
WITH_SSE void put_skips(const struct plan_row *r, struct plan_part *parts)
{
	for (unsigned bits = r->skips; bits; bits &= bits - 1)
		parts[r->group + (unsigned)__builtin_ctz(bits)] =
			(struct plan_part){PLAN_UNSET, PLAN_UNSET};
}

/* ---- rows ---- */

/* Each way of the row, whose marks stand at @f if FIND is true. */
#define MATCH_BY(FIND, PUT)                                                            \
	do {                                                                           \
		__m128i f;                                                             \
		size_t last;                                                           \
		if (!(FIND))                                                           \
			continue;                                                      \
		__m128i from = begin_of(r, f);                                         \
		if (!lengths_fit(r, f, from) || !fields_fit(r, op, line, at, from, f)) \
			continue;                                                      \
		PUT(r, from, f, at, parts);                                            \
		put_skips(r, parts);                                                   \
		return at + last + r->last;                                            \
	} while (r++->n_ways > 1);                                                     \
	return PLAN_NOWHERE

__attribute__((target("sse4.1"))) size_t plan_row_sse(const struct plan_row *r,
						      const struct plan_op *op, struct slice line,
						      size_t at, struct plan_part *parts)
{
	MATCH_BY(find_sse(r, line.ptr + at, line.len - at, &f, &last), put_parts);
}

WITH_AVX2 size_t plan_row_avx2(const struct plan_row *r, const struct plan_op *op,
			       struct slice line, size_t at, struct plan_part *parts)
{
	MATCH_BY(find_avx2(r, line.ptr + at, line.len - at, &f, &last), put_parts);
}

WITH_AVX512 size_t plan_row_avx512(const struct plan_row *r, const struct plan_op *op,
				   struct slice line, size_t at, struct plan_part *parts)
{
	struct seen s = see(r, line.ptr + at, line.len - at);
	MATCH_BY(marks_are(r, s, &f, &last), put_parts_wide);
}
