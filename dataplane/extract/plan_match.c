#include <assert.h>
#include <smmintrin.h>

#include "dataplane/extract/plan_ops.h"

struct run {
	const struct plan *p;
	const uint8_t *start, *at, *end;
	struct plan_part *parts;
	bool chose; /* another choice might have led to a match */
};

/* The first byte from @p on that is not in the set; @end when there is none. Reads up to 15 bytes
 * behind @end.
 */
__attribute__((target("sse4.1"))) static const uint8_t *
run_end(const struct plan_scan *s, const uint8_t *p, const uint8_t *end)
{
	const __m128i low = _mm_loadu_si128((const __m128i *)s->low);
	const __m128i high = _mm_loadu_si128((const __m128i *)s->high);
	const __m128i bits =
		_mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
	const __m128i nibble = _mm_set1_epi8(15);
	for (; p < end; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		__m128i lo = _mm_and_si128(v, nibble);
		__m128i hi = _mm_and_si128(_mm_srli_epi16(v, 4), nibble);
		__m128i row =
			_mm_blendv_epi8(_mm_shuffle_epi8(low, lo), _mm_shuffle_epi8(high, lo), v);
		__m128i in = _mm_and_si128(row, _mm_shuffle_epi8(bits, hi));
		unsigned out = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(in, _mm_setzero_si128()));
		if (out) {
			p += __builtin_ctz(out);
			return p < end ? p : end;
		}
	}
	return end;
}

/* Whether the literal stands at @p. Reads up to 15 bytes behind the line. */
static bool has_lit(const struct plan_op *op, const uint8_t *p, const uint8_t *end)
{
	__m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p),
				      _mm_loadu_si128((const __m128i *)op->lit));
	unsigned want = (1u << op->n_lit) - 1;
	return (size_t)(end - p) >= op->n_lit && ((unsigned)_mm_movemask_epi8(same) & want) == want;
}

static const uint8_t *span_limit(const struct plan_op *op, const struct run *r)
{
	return op->is_all ? r->end : run_end(&op->scan, r->at, r->end);
}

/* The first @op->lit from @p on that begins at @limit or before; NULL when there is none. */
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
		if (!q)
			return NULL;
		if (has_lit(op, q, end))
			return q;
		stop = q;
	}
	return NULL;
}

/* Where the span ends by what is found behind it; NULL: nowhere. The bytes up to there are in the
 * set, unless the mode says otherwise.
 */
static const uint8_t *span_end(const struct plan_op *op, struct run *r)
{
	const uint8_t *p = r->at, *limit, *from;
	switch (op->mode) {
	case MODE_FIXED:
		return (size_t)(r->end - p) >= op->min ? p + op->min : NULL;
	case MODE_REST:
		return r->end;
	case MODE_STOP:
		limit = span_limit(op, r);
		return limit - p >= op->back ? limit - op->back : NULL;
	case MODE_TRIM:
		if ((size_t)(r->end - p) < op->min)
			return NULL;
		for (limit = r->end; limit > p + op->min && byte_set_has(&op->set, limit[-1]);)
			limit--;
		return limit;
	default:
		limit = span_limit(op, r);
		if ((size_t)(limit - p) < op->min)
			return NULL;
		from = p + op->min;
		r->chose = true;
		return op->mode == MODE_FIRST ? first_lit(op, from, limit, r->end)
					      : last_lit(op, from, limit, r->end);
	}
}

static bool match_span(const struct plan_op *op, struct run *r)
{
	bool chose = r->chose;
	const uint8_t *p = r->at, *end = span_end(op, r);
	if (!end) {
		/* What is found nowhere is no choice. */
		r->chose = chose;
		return false;
	}
	size_t len = (size_t)(end - p);
	if (!op->is_run && !dfa_match(op->dfa, p, len))
		return false;
	bool unchecked = op->mode == MODE_FIXED || op->mode == MODE_REST || op->mode == MODE_TRIM;
	if (op->is_run && unchecked && !op->is_all && run_end(&op->scan, p, end) != end)
		return false;
	if (len < op->min || (op->max != SHAPE_NO_MAX && len > op->max))
		return false;
	r->at = end;
	return true;
}

static enum plan_result match_ops(struct run *r, unsigned at, unsigned end);

static enum plan_result match_loop(struct run *r, unsigned at)
{
	const struct plan_op *op = &r->p->ops[at];
	uint32_t n = 0;
	for (; n < op->max && r->at < r->end && byte_set_has(&op->set, *r->at); n++) {
		enum plan_result res = match_ops(r, at + 1, op->end);
		if (res != PLAN_YES)
			return res;
	}
	return n >= op->min ? PLAN_YES : PLAN_NO;
}

static enum plan_result match_alt(struct run *r, unsigned at)
{
	const struct plan *p = r->p;
	const uint8_t *from = r->at;
	bool chose = r->chose;
	for (unsigned b = at + 1; b < p->ops[at].end; b = p->ops[b].end) {
		r->at = from;
		r->chose = false;
		enum plan_result res = match_ops(r, b + 1, p->ops[b].end);
		if (res == PLAN_UNSURE)
			return res;
		if (res == PLAN_YES) {
			r->chose = r->chose || chose || p->ops[b].ambiguous;
			return res;
		}
		for (unsigned g = p->ops[b].group_lo; g < p->ops[b].group_hi; g++)
			r->parts[g].from = PLAN_UNSET;
	}
	r->chose = chose;
	return PLAN_NO;
}

/* Steps at..end-1. NO is sure: whoever has chosen turns it into UNSURE. */
static enum plan_result match_ops(struct run *r, unsigned at, unsigned end)
{
	const struct plan_op *ops = r->p->ops;
	while (at < end) {
		const struct plan_op *op = &ops[at];
		enum plan_result res = PLAN_YES;
		bool ok = true;
		switch (op->kind) {
		case OP_LIT:
			ok = has_lit(op, r->at, r->end);
			r->at += ok ? op->n_lit : 0;
			at++;
			break;
		case OP_OPEN:
			r->parts[op->group].from = (uint32_t)(r->at - r->start);
			at++;
			break;
		case OP_CLOSE:
			r->parts[op->group].to = (uint32_t)(r->at - r->start);
			at++;
			break;
		case OP_SPAN:
			ok = match_span(op, r);
			at++;
			break;
		case OP_LOOP:
			res = match_loop(r, at);
			at = op->end;
			break;
		default:
			res = match_alt(r, at);
			at = op->end;
		}
		if (res == PLAN_UNSURE)
			return res;
		if (!ok || res == PLAN_NO)
			return r->chose ? PLAN_UNSURE : PLAN_NO;
	}
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
