#include <smmintrin.h>

#include "dataplane/extract/plan_ops.h"

struct run {
	const struct plan *p;
	const uint8_t *start, *at, *end;
	struct plan_part *parts;
	bool chose;  /* another choice might have led to a match */
	size_t work; /* bytes looked at, for loops to end in time */
};

/* Alternatives inside of a loop may look at the rest of the line in every round. Beyond so many
 * bytes for each one of the line PCRE2, which has a limit of its own, has to say.
 */
#define WORK_FACTOR 16
#define WORK_FREE   65536

/* ---- the end of a run: vectors of 16 bytes, which may reach 15 bytes behind the line ---- */

#define SCANS       static inline __attribute__((always_inline, target("sse4.1")))

/* One bit for each byte of @v that is not in the set. */
SCANS unsigned outside(const struct plan_op *op, __m128i v)
{
	const __m128i bits =
		_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
	const __m128i nibble = _mm_set1_epi8(15);
	__m128i lo = _mm_and_si128(v, nibble);
	__m128i hi = _mm_and_si128(_mm_srli_epi16(v, 4), nibble);
	__m128i low = _mm_loadu_si128((const __m128i *)op->low);
	__m128i high = _mm_loadu_si128((const __m128i *)op->high);
	__m128i row = _mm_blendv_epi8(_mm_shuffle_epi8(low, lo), _mm_shuffle_epi8(high, lo), v);
	__m128i in = _mm_and_si128(row, _mm_shuffle_epi8(bits, hi));
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(in, _mm_setzero_si128()));
}

SCANS unsigned outside_two(const struct plan_op *op, __m128i v)
{
	__m128i a = _mm_cmpeq_epi8(v, _mm_set1_epi8((char)op->scan_a));
	__m128i b = _mm_cmpeq_epi8(v, _mm_set1_epi8((char)op->scan_b));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(a, b));
}

SCANS unsigned outside_range(const struct plan_op *op, __m128i v)
{
	__m128i off = _mm_sub_epi8(v, _mm_set1_epi8((char)op->scan_a));
	__m128i in = _mm_min_epu8(off, _mm_set1_epi8((char)(op->scan_b - op->scan_a)));
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(in, off)) ^ 0xffff;
}

/* Bytes up to 0x20, most of which are outside. */
SCANS unsigned maybe_outside(__m128i v)
{
	__m128i low = _mm_min_epu8(v, _mm_set1_epi8(0x20));
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(low, v));
}

#define SCAN_LOOP(OUTSIDE)                                       \
	for (; p < end; p += 16) {                               \
		__m128i v = _mm_loadu_si128((const __m128i *)p); \
		unsigned out = (OUTSIDE);                        \
		if (out) {                                       \
			p += __builtin_ctz(out);                 \
			return p < end ? p : end;                \
		}                                                \
	}                                                        \
	return end

static const uint8_t *run_end_table(const struct plan_op *op, const uint8_t *p, const uint8_t *end)
{
	SCAN_LOOP(outside(op, v));
}

static const uint8_t *run_end_blank(const struct plan_op *op, const uint8_t *p, const uint8_t *end)
{
	for (; p < end; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		unsigned out = maybe_outside(v);
		if (!out)
			continue;
		p += __builtin_ctz(out);
		if (p >= end)
			return end;
		return plan_op_has(op, *p) ? run_end_table(op, p, end) : p;
	}
	return end;
}

/* The first byte from @p on that is not in the set; @end when there is none. */
SCANS const uint8_t *run_end(const struct plan_op *op, const uint8_t *p, const uint8_t *end)
{
	switch (op->scan) {
	case SCAN_ALL:
		return end;
	case SCAN_TWO:
		SCAN_LOOP(outside_two(op, v));
	case SCAN_BLANK:
		return run_end_blank(op, p, end);
	case SCAN_RANGE:
		SCAN_LOOP(outside_range(op, v));
	default:
		return run_end_table(op, p, end);
	}
}

/* Whether the literal stands at @p; an empty one does. */
static inline bool has_lit(const struct plan_op *op, const uint8_t *p, const uint8_t *end)
{
	__m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p),
				      _mm_loadu_si128((const __m128i *)op->lit));
	unsigned want = (1u << op->n_lit) - 1;
	return end - p >= op->n_lit && ((unsigned)_mm_movemask_epi8(same) & want) == want;
}

/* ---- spans whose end is found in other ways ---- */

/* The first literal from @p on that begins at @limit or before; NULL when there is none. */
static const uint8_t *first_lit(const struct plan_op *op, const uint8_t *p, const uint8_t *limit,
				const uint8_t *end)
{
	const uint8_t *stop = limit < end ? limit + 1 : end; /* where it may not begin any more */
	while (p < stop && (p = memchr(p, op->lit[0], (size_t)(stop - p)))) {
		if (has_lit(op, p, end))
			return p;
		p++;
	}
	return NULL;
}

static const uint8_t *last_lit(const struct plan_op *op, const uint8_t *p, const uint8_t *limit,
			       const uint8_t *end)
{
	const uint8_t *stop = limit < end ? limit + 1 : end;
	while (p < stop) {
		const uint8_t *q = memrchr(p, op->lit[0], (size_t)(stop - p));
		if (!q || has_lit(op, q, end))
			return q;
		stop = q;
	}
	return NULL;
}

/* Where the span at @p ends, its bytes checked to be in the set; NULL: nowhere. Not for OP_STOP. */
static const uint8_t *span_end(const struct plan_op *op, struct run *r, const uint8_t *p)
{
	const uint8_t *to = r->end, *limit;
	if (r->end - p < op->min)
		return NULL;
	switch (op->kind) {
	case OP_FIXED:
		to = p + op->min;
		return run_end(op, p, to) == to ? to : NULL;
	case OP_REST:
		return run_end(op, p, to) == to ? to : NULL;
	case OP_TRIM:
		while (to > p + op->min && plan_op_has(op, to[-1]))
			to--;
		return to;
	default:
		limit = run_end(op, p, r->end);
		if (limit - p < op->min)
			return NULL;
		p += op->min;
		to = op->kind == OP_FIRST ? first_lit(op, p, limit, r->end)
					  : last_lit(op, p, limit, r->end);
		r->chose = r->chose || to;
		return to;
	}
}

static inline bool has_sign(const struct plan_op *op, const uint8_t *p, const uint8_t *end)
{
	return op->flags && p < end &&
	       ((*p == '-' && (op->flags & PLAN_MINUS)) || (*p == '+' && (op->flags & PLAN_PLUS)));
}

/* The span at @p, with what stands behind it. Returns where the next step begins, or NULL. */
static inline const uint8_t *match_span(struct run *r, const struct plan_op *op, const uint8_t *p)
{
	const uint8_t *from = p + has_sign(op, p, r->end), *to;
	bool stop = op->kind == OP_STOP;
	to = stop ? run_end(op, from, r->end) - op->back : span_end(op, r, from);
	r->work += to > from ? (size_t)(to - from) : to ? 1 : (size_t)(r->end - from);
	/* Also when there is no end, or `back` leads to before the start. */
	if (to < from + op->min || (op->max != PLAN_NO_MAX && to - from > op->max))
		return NULL;
	if (op->dfa && !dfa_match(r->p->dfas[op->dfa - 1], from, (size_t)(to - from)))
		return NULL;
	r->parts[op->group] =
		(struct plan_part){(uint32_t)(p - r->start), (uint32_t)(to - r->start)};
	if (op->kind == OP_FIRST || op->kind == OP_LAST)
		return to; /* the literal is checked as a step of its own */
	return has_lit(op, to, r->end) ? to + op->n_lit : NULL;
}

/* ---- steps ---- */

static enum plan_result match_ops(struct run *r, unsigned at, unsigned end);

static enum plan_result match_loop(struct run *r, unsigned at)
{
	const struct plan_op *op = &r->p->ops[at];
	size_t max = op->max == PLAN_NO_MAX ? SIZE_MAX : op->max, n = 0;
	for (; n < max && r->at < r->end && plan_op_has(op, *r->at); n++) {
		enum plan_result res = match_ops(r, at + 1, op->end);
		if (res != PLAN_YES)
			return res;
		if (r->work > WORK_FREE + WORK_FACTOR * (size_t)(r->end - r->start))
			return PLAN_UNSURE;
	}
	return n >= op->min ? PLAN_YES : PLAN_NO;
}

static enum plan_result match_alt(struct run *r, unsigned at)
{
	const struct plan_op *ops = r->p->ops;
	const uint8_t *from = r->at;
	bool chose = r->chose;
	for (unsigned b = at + 1; b < ops[at].end; b = ops[b].end) {
		r->at = from;
		r->chose = false;
		enum plan_result res = match_ops(r, b + 1, ops[b].end);
		if (res == PLAN_UNSURE)
			return res;
		if (res == PLAN_YES) {
			r->chose = r->chose || chose || (ops[b].flags & PLAN_AMBIGUOUS) != 0;
			return res;
		}
		for (unsigned g = ops[b].min; g < ops[b].max; g++)
			r->parts[g].from = PLAN_UNSET;
	}
	r->chose = chose;
	return PLAN_NO;
}

/* Steps at..end-1 from r->at on. NO is sure: whoever has chosen turns it into UNSURE. */
static enum plan_result match_ops(struct run *r, unsigned at, unsigned end)
{
	const struct plan_op *op = r->p->ops + at, *last = r->p->ops + end;
	const uint8_t *p = r->at;
	enum plan_result res = PLAN_YES;
	while (op < last) {
		switch (op->kind) {
		case OP_LIT:
			p = has_lit(op, p, r->end) ? p + op->n_lit : NULL;
			break;
		case OP_OPEN:
			r->parts[op->group].from = (uint32_t)(p - r->start);
			break;
		case OP_CLOSE:
			r->parts[op->group].to = (uint32_t)(p - r->start);
			break;
		case OP_LOOP:
		case OP_ALT:
			r->at = p;
			res = op->kind == OP_LOOP ? match_loop(r, (unsigned)(op - r->p->ops))
						  : match_alt(r, (unsigned)(op - r->p->ops));
			if (res == PLAN_UNSURE)
				return res;
			p = res == PLAN_YES ? r->at : NULL;
			op = r->p->ops + op->end - 1;
			break;
		default:
			p = match_span(r, op, p);
		}
		if (!p)
			return r->chose ? PLAN_UNSURE : PLAN_NO;
		op++;
	}
	r->at = p;
	return PLAN_YES;
}

enum plan_result plan_match(const struct plan *p, struct slice line, struct plan_part *ret_parts)
{
	struct run r = {.p = p,
			.start = line.ptr,
			.at = line.ptr,
			.end = line.ptr + line.len,
			.parts = ret_parts};
	for (unsigned g = 1; g <= p->n_groups; g++)
		ret_parts[g].from = PLAN_UNSET;
	enum plan_result res = match_ops(&r, 0, p->n_ops);
	if (res == PLAN_YES && r.at != r.end)
		res = r.chose ? PLAN_UNSURE : PLAN_NO;
	return res;
}
