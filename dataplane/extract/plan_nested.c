/* Steps inside of steps, and spans whose ends need a search: what is done less often. Depth is that
 * of the pattern.
 */
#include "dataplane/extract/plan_run.h"

/* Alternatives inside of a loop may look at the rest of the line in every round. Beyond so many
 * bytes for each one of the line PCRE2, which has a limit of its own, has to say.
 */
#define WORK_FACTOR 16
#define WORK_FREE   65536

static inline bool has_lit(const struct plan_run *r, const struct plan_op *op, size_t at)
{
	return lit_at(op, r->start + at, r->len - at);
}

/* ---- spans whose end is found in other ways ---- */

/* The first literal from @at on that begins at @limit or before. */
static size_t first_lit(const struct plan_run *r, const struct plan_op *op, size_t at, size_t limit)
{
	const uint8_t *p = r->start + at;
	/* Where it may not begin any more. */
	const uint8_t *stop = r->start + (limit < r->len ? limit + 1 : r->len);
	while (p < stop && (p = memchr(p, op->lit[0], (size_t)(stop - p)))) {
		if (has_lit(r, op, (size_t)(p - r->start)))
			return (size_t)(p - r->start);
		p++;
	}
	return PLAN_NOWHERE;
}

static size_t last_lit(const struct plan_run *r, const struct plan_op *op, size_t at, size_t limit)
{
	size_t stop = limit < r->len ? limit + 1 : r->len;
	while (at < stop) {
		const uint8_t *p = memrchr(r->start + at, op->lit[0], stop - at);
		if (!p)
			return PLAN_NOWHERE;
		stop = (size_t)(p - r->start);
		if (has_lit(r, op, stop))
			return stop;
	}
	return PLAN_NOWHERE;
}

/* Where the span at @at ends, its bytes checked to be in the set. */
static size_t span_end(struct plan_run *r, const struct plan_op *op, size_t at)
{
	size_t to = r->len, limit;
	if (r->len - at < op->min)
		return PLAN_NOWHERE;
	switch (op->kind) {
	case OP_FIXED:
		to = at + op->min;
		return run_end(op, r->start, at, to) == to ? to : PLAN_NOWHERE;
	case OP_REST:
		return run_end(op, r->start, at, to) == to ? to : PLAN_NOWHERE;
	case OP_TRIM:
		r->work += to - at;
		while (to > at + op->min && plan_op_has(op, r->start[to - 1]))
			to--;
		return to;
	default:
		limit = run_end(op, r->start, at, r->len);
		r->work += limit - at;
		if (limit - at < op->min)
			return PLAN_NOWHERE;
		at += op->min;
		to = op->kind == OP_FIRST ? first_lit(r, op, at, limit)
					  : last_lit(r, op, at, limit);
		r->chose = r->chose || to != PLAN_NOWHERE;
		return to;
	}
}

size_t plan_span(struct plan_run *r, const struct plan_op *op, size_t at)
{
	size_t from = plan_behind_sign(op, r->start, r->len, at), to = span_end(r, op, from);
	if (to == PLAN_NOWHERE || (op->max != PLAN_NO_MAX && to - from > op->max))
		return PLAN_NOWHERE;
	if (op->dfa && !dfa_match(r->p->dfas[op->dfa - 1], r->start + from, to - from))
		return PLAN_NOWHERE;
	r->parts[op->group] = (struct plan_part){(uint32_t)at, (uint32_t)to};
	if (op->kind == OP_FIRST || op->kind == OP_LAST)
		return to; /* the literal is checked as a step of its own */
	return has_lit(r, op, to) ? to + op->n_lit : PLAN_NOWHERE;
}

/* ---- steps ---- */

static enum plan_result match_ops(struct plan_run *r, unsigned at, unsigned end);

static enum plan_result match_loop(struct plan_run *r, unsigned at)
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

static enum plan_result match_alt(struct plan_run *r, unsigned at)
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

/* Steps from..end-1 from r->at on. NO is sure: whoever has chosen turns it into UNSURE. */
static enum plan_result match_ops(struct plan_run *r, unsigned from, unsigned end)
{
	const struct plan_op *op = r->p->ops + from, *last = r->p->ops + end;
	size_t at = r->at;
	enum plan_result res;
	for (; op < last && at != PLAN_NOWHERE; op++) {
		switch (op->kind) {
		case OP_LIT:
			at = has_lit(r, op, at) ? at + op->n_lit : PLAN_NOWHERE;
			break;
		case OP_OPEN:
			r->parts[op->group].from = (uint32_t)at;
			break;
		case OP_CLOSE:
			r->parts[op->group].to = (uint32_t)at;
			break;
		case OP_MAYBE:
			if (at == r->len || !plan_op_has(op, r->start[at]))
				op = r->p->ops + op->end - 1;
			break;
		case OP_JOIN:
		case OP_BSD_TIME: /* its steps do as well */
			break;
		case OP_LOOP:
		case OP_ALT:
			r->at = at;
			res = plan_nested(r, op);
			if (res == PLAN_UNSURE)
				return res;
			at = res == PLAN_YES ? r->at : PLAN_NOWHERE;
			op = r->p->ops + op->end - 1;
			break;
		case OP_FIELD:
		case OP_STOP:
			at = plan_stop(op, r->p, r->start, r->len, r->parts, at);
			break;
		default:
			at = plan_span(r, op, at);
		}
	}
	bool ok = at != PLAN_NOWHERE;
	/* A step looks at no more than what it takes, or when it fails at the rest of the line. */
	r->work += (ok ? at : r->len) - r->at + 1;
	if (!ok)
		return r->chose ? PLAN_UNSURE : PLAN_NO;
	r->at = at;
	return PLAN_YES;
}

enum plan_result plan_nested(struct plan_run *r, const struct plan_op *op)
{
	unsigned at = (unsigned)(op - r->p->ops);
	return op->kind == OP_LOOP ? match_loop(r, at) : match_alt(r, at);
}
