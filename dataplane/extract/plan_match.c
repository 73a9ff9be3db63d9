#include <smmintrin.h>

#include "dataplane/extract/plan_ops.h"

/* Places are offsets in the line. */
struct run {
	const struct plan *p;
	const uint8_t *start;
	size_t at, len;
	struct plan_part *parts;
	bool chose;  /* another choice might have led to a match */
	size_t work; /* bytes looked at, for loops to end in time */
};

#define NOWHERE     SIZE_MAX

/* Alternatives inside of a loop may look at the rest of the line in every round. Beyond so many
 * bytes for each one of the line PCRE2, which has a limit of its own, has to say.
 */
#define WORK_FACTOR 16
#define WORK_FREE   65536

/* ---- the end of a run: vectors of 16 bytes, which may reach 15 bytes behind the line ---- */

#define SCANS       static inline __attribute__((always_inline, target("sse4.1")))

#define ROW(op, i)  _mm_load_si128((const __m128i *)(op)->rows[i])

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
	__m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p),
				      _mm_load_si128((const __m128i *)op->lit));
	return left >= op->n_lit && (~(unsigned)_mm_movemask_epi8(same) & op->lit_bits) == 0;
}

static inline bool has_lit(const struct run *r, const struct plan_op *op, size_t at)
{
	return lit_at(op, r->start + at, r->len - at);
}

/* ---- spans whose end is found in other ways ---- */

/* The first literal from @at on that begins at @limit or before. */
static size_t first_lit(const struct run *r, const struct plan_op *op, size_t at, size_t limit)
{
	const uint8_t *p = r->start + at;
	/* Where it may not begin any more. */
	const uint8_t *stop = r->start + (limit < r->len ? limit + 1 : r->len);
	while (p < stop && (p = memchr(p, op->lit[0], (size_t)(stop - p)))) {
		if (has_lit(r, op, (size_t)(p - r->start)))
			return (size_t)(p - r->start);
		p++;
	}
	return NOWHERE;
}

static size_t last_lit(const struct run *r, const struct plan_op *op, size_t at, size_t limit)
{
	size_t stop = limit < r->len ? limit + 1 : r->len;
	while (at < stop) {
		const uint8_t *p = memrchr(r->start + at, op->lit[0], stop - at);
		if (!p)
			return NOWHERE;
		stop = (size_t)(p - r->start);
		if (has_lit(r, op, stop))
			return stop;
	}
	return NOWHERE;
}

/* Where the span at @at ends, its bytes checked to be in the set. */
static size_t span_end(struct run *r, const struct plan_op *op, size_t at)
{
	size_t to = r->len, limit;
	if (r->len - at < op->min)
		return NOWHERE;
	switch (op->kind) {
	case OP_FIXED:
		to = at + op->min;
		return run_end(op, r->start, at, to) == to ? to : NOWHERE;
	case OP_REST:
		return run_end(op, r->start, at, to) == to ? to : NOWHERE;
	case OP_TRIM:
		r->work += to - at;
		while (to > at + op->min && plan_op_has(op, r->start[to - 1]))
			to--;
		return to;
	default:
		limit = run_end(op, r->start, at, r->len);
		r->work += limit - at;
		if (limit - at < op->min)
			return NOWHERE;
		at += op->min;
		to = op->kind == OP_FIRST ? first_lit(r, op, at, limit)
					  : last_lit(r, op, at, limit);
		r->chose = r->chose || to != NOWHERE;
		return to;
	}
}

/* Where a span at @at begins behind its sign, if it may have one. */
static inline size_t behind_sign(const struct run *r, const struct plan_op *op, size_t at)
{
	if (!op->flags || at == r->len)
		return at;
	uint8_t c = r->start[at];
	return at +
	       ((c == '-' && (op->flags & PLAN_MINUS)) || (c == '+' && (op->flags & PLAN_PLUS)));
}

/* A span of these kinds, its end checked. Returns where the next step begins, or NOWHERE. */
static size_t match_span(struct run *r, const struct plan_op *op, size_t at)
{
	size_t from = behind_sign(r, op, at), to = span_end(r, op, from);
	if (to == NOWHERE || (op->max != PLAN_NO_MAX && to - from > op->max))
		return NOWHERE;
	if (op->dfa && !dfa_match(r->p->dfas[op->dfa - 1], r->start + from, to - from))
		return NOWHERE;
	r->parts[op->group] = (struct plan_part){(uint32_t)at, (uint32_t)to};
	if (op->kind == OP_FIRST || op->kind == OP_LAST)
		return to; /* the literal is checked as a step of its own */
	return has_lit(r, op, to) ? to + op->n_lit : NOWHERE;
}

/* ---- steps ---- */

static enum plan_result match_ops(struct run *r, unsigned at, unsigned end);

static enum plan_result match_loop(struct run *r, unsigned at)
{
	const struct plan_op *op = &r->p->ops[at];
	size_t max = op->max == PLAN_NO_MAX ? SIZE_MAX : op->max, n = 0;
	for (; n < max && r->at < r->len && plan_op_has(op, r->start[r->at]); n++) {
		enum plan_result res = match_ops(r, at + 1, op->end);
		if (res != PLAN_YES)
			return res;
		if (r->work > WORK_FREE + WORK_FACTOR * r->len)
			return PLAN_UNSURE;
	}
	return n >= op->min ? PLAN_YES : PLAN_NO;
}

static enum plan_result match_alt(struct run *r, unsigned at)
{
	const struct plan_op *ops = r->p->ops;
	size_t from = r->at;
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

/* A step that has steps inside. */
static enum plan_result match_nested(struct run *r, const struct plan_op *op)
{
	unsigned at = (unsigned)(op - r->p->ops);
	return op->kind == OP_LOOP ? match_loop(r, at) : match_alt(r, at);
}

/* What of a plan is most often done: kept where the compiler holds it in registers. */
struct here {
	const uint8_t *start;
	size_t len;
	struct plan_part *parts;
};

/* The fields in a row that begin with @*io_op, which becomes the last of them. */
SCANS size_t match_fields(struct here h, const struct plan_op **io_op, const struct plan_op *last,
			  size_t at)
{
	const struct plan_op *op = *io_op;
	do {
		size_t to = run_end(op, h.start, at, h.len);
		h.parts[op->group] = (struct plan_part){(uint32_t)at, (uint32_t)to};
		if (to - at < op->min || !lit_at(op, h.start + to, h.len - to))
			return NOWHERE;
		at = to + op->n_lit;
		op++;
	} while (op < last && op->kind == OP_FIELD);
	*io_op = op - 1;
	return at;
}

SCANS size_t match_stop(const struct run *r, struct here h, const struct plan_op *op, size_t at)
{
	size_t from = behind_sign(r, op, at);
	size_t n = run_end(op, h.start, from, h.len) - from;
	if (n < (size_t)op->min + op->back)
		return NOWHERE;
	n -= op->back;
	if ((op->max != PLAN_NO_MAX && n > op->max) ||
	    (op->dfa && !dfa_match(r->p->dfas[op->dfa - 1], h.start + from, n)))
		return NOWHERE;
	size_t to = from + n;
	h.parts[op->group] = (struct plan_part){(uint32_t)at, (uint32_t)to};
	return lit_at(op, h.start + to, h.len - to) ? to + op->n_lit : NOWHERE;
}

/* Steps from..end-1 from r->at on. NO is sure: whoever has chosen turns it into UNSURE. */
static enum plan_result match_ops(struct run *r, unsigned from, unsigned end)
{
	const struct plan_op *op = r->p->ops + from, *last = r->p->ops + end;
	const struct here h = {r->start, r->len, r->parts};
	size_t at = r->at;
	enum plan_result res;
	for (; op < last && at != NOWHERE; op++) {
		switch (op->kind) {
		case OP_FIELD:
			at = match_fields(h, &op, last, at);
			break;
		case OP_STOP:
			at = match_stop(r, h, op, at);
			break;
		case OP_LIT:
			at = lit_at(op, h.start + at, h.len - at) ? at + op->n_lit : NOWHERE;
			break;
		case OP_OPEN:
			h.parts[op->group].from = (uint32_t)at;
			break;
		case OP_CLOSE:
			h.parts[op->group].to = (uint32_t)at;
			break;
		case OP_LOOP:
		case OP_ALT:
			r->at = at;
			res = match_nested(r, op);
			if (res == PLAN_UNSURE)
				return res;
			at = res == PLAN_YES ? r->at : NOWHERE;
			op = r->p->ops + op->end - 1;
			break;
		default:
			at = match_span(r, op, at);
		}
	}
	bool ok = at != NOWHERE;
	/* A step looks at no more than what it takes, or when it fails at the rest of the line. */
	r->work += (ok ? at : r->len) - r->at + 1;
	if (!ok)
		return r->chose ? PLAN_UNSURE : PLAN_NO;
	r->at = at;
	return PLAN_YES;
}

enum plan_result plan_match(const struct plan *p, struct slice line, struct plan_part *ret_parts)
{
	struct run r = {.p = p, .start = line.ptr, .len = line.len, .parts = ret_parts};
	for (unsigned g = 1; g <= p->n_groups; g++)
		ret_parts[g].from = PLAN_UNSET;
	enum plan_result res = match_ops(&r, 0, p->n_ops);
	if (res == PLAN_YES && r.at != r.len)
		res = r.chose ? PLAN_UNSURE : PLAN_NO;
	return res;
}
