/* plan_scan.h - looking at many bytes of a line at once: the ends of runs, and marks.
 *
 * In:     a step of a plan (plan_ops.h), a line in a padded buffer.
 * Out:    offsets in the line.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: reads up to SL_PAD - 1 bytes behind the line.
 *
 * A run's end is looked for from where the run begins, which is not known before the step in front
 * of it is done: each step waits for the one before. Marks do not wait. They are one bit for each
 * of 64 bytes, set where one of the bytes stands that end fields of this plan, and are made for
 * whole words of the line; a field then ends at the next bit:
 *
 *     <34>1 2026-11-25T04:43:16Z web-1 su - ID47 ...      marked: '>' and white space
 *     ___1_1____________________1_____1__1_1____1
 */
#ifndef SL_EXTRACT_PLAN_SCAN_H
#define SL_EXTRACT_PLAN_SCAN_H

#include <smmintrin.h>

#include "dataplane/extract/plan_ops.h"

#define SCANS      static inline __attribute__((always_inline, target("sse4.1")))

#define ROW(op, i) _mm_load_si128((const __m128i *)(op)->rows[i])

/* ---- the end of a run: vectors of 16 bytes, which may reach 15 bytes behind the line ---- */

/* One bit for each byte of @v that is not in the set. */
SCANS unsigned outside_table(const struct plan_op *op, __m128i v)
{
	const __m128i bits =
		_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
	const __m128i nibble = _mm_set1_epi8(15);
	__m128i lo = _mm_and_si128(v, nibble);
	__m128i hi = _mm_and_si128(_mm_srli_epi16(v, 4), nibble);
	__m128i row = _mm_blendv_epi8(_mm_shuffle_epi8(ROW(op, 0), lo),
				      _mm_shuffle_epi8(ROW(op, 1), lo), v);
	__m128i in = _mm_and_si128(row, _mm_shuffle_epi8(bits, hi));
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(in, _mm_setzero_si128()));
}

/* A byte from 0x80 on finds a zero. */
SCANS unsigned outside_stops(const struct plan_op *op, __m128i v)
{
	__m128i stop = _mm_shuffle_epi8(ROW(op, 0), v);
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(stop, v));
}

SCANS unsigned outside_range(const struct plan_op *op, __m128i v)
{
	__m128i off = _mm_sub_epi8(v, ROW(op, 0));
	__m128i over = _mm_max_epu8(off, ROW(op, 1));
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(over, off));
}

#define SCAN_LOOP(OUTSIDE)                                                  \
	for (; at < limit; at += 16) {                                      \
		__m128i v = _mm_loadu_si128((const __m128i *)(start + at)); \
		unsigned out = OUTSIDE(op, v);                              \
		if (out) {                                                  \
			at += (unsigned)__builtin_ctz(out);                 \
			return at < limit ? at : limit;                     \
		}                                                           \
	}                                                                   \
	return limit

/* The first byte from @at on that is not in the set; @limit when there is none. */
SCANS size_t run_end(const struct plan_op *op, const uint8_t *start, size_t at, size_t limit)
{
	switch (op->scan) {
	case SCAN_ALL:
		return limit;
	case SCAN_STOPS:
		SCAN_LOOP(outside_stops);
	case SCAN_RANGE:
		SCAN_LOOP(outside_range);
	default:
		SCAN_LOOP(outside_table);
	}
}

/* Whether the literal stands at @p, with @left bytes to the end; an empty one does. */
static inline bool lit_at(const struct plan_op *op, const uint8_t *p, size_t left)
{
	if (op->n_lit == 1) /* most */
		return left > 0 && *p == op->lit[0];
	__m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p),
				      _mm_load_si128((const __m128i *)op->lit));
	return left >= op->n_lit && (~(unsigned)_mm_movemask_epi8(same) & op->lit_bits) == 0;
}

/* ---- marks ---- */

/* The bits of one word, those taken off that are done with. */
struct marks {
	uint64_t bits;
	size_t base; /* offset of its first byte, a multiple of 64 */
};

/* No word: any offset is far from it. */
#define MARKS_NONE ((struct marks){0, (size_t)0 - 128})

SCANS uint64_t marks_of(const struct plan_marks *m, const uint8_t *q)
{
	__m128i row0 = _mm_load_si128((const __m128i *)m->rows[0]);
	__m128i row1 = _mm_load_si128((const __m128i *)m->rows[1]);
	uint64_t bits = 0;
	for (unsigned i = 0; i < 4; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(q + 16 * i));
		__m128i hit = _mm_cmpeq_epi8(_mm_shuffle_epi8(row0, v), v);
		if (m->two_rows)
			hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_shuffle_epi8(row1, v), v));
		bits |= (uint64_t)(unsigned)_mm_movemask_epi8(hit) << (16 * i);
	}
	return bits;
}

/* The word at @base. The end of the line is marked, so that there always is a next mark. */
SCANS struct marks marks_at(const struct plan *p, const uint8_t *start, size_t len, size_t base)
{
	struct marks m = {marks_of(&p->marks, start + base), base};
	if (len - base < 64) {
		uint64_t end = (uint64_t)1 << (len - base);
		m.bits = (m.bits & (end - 1)) | end;
	}
	return m;
}

/* Those from @at on, which is no more than @len. */
SCANS struct marks marks_from(struct marks m, const struct plan *p, const uint8_t *start,
			      size_t len, size_t at)
{
	if (at - m.base >= 64)
		m = marks_at(p, start, len, at & ~(size_t)63);
	m.bits &= ~(uint64_t)0 << (at - m.base);
	return m;
}

#endif
