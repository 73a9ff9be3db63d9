/* plan_run.h - a plan while it is done: what plan_match.c and plan_nested.c share.
 *
 * In:     steps, a line in a padded buffer.
 * Out:    captures, and where the next step begins.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_EXTRACT_PLAN_RUN_H
#define SL_EXTRACT_PLAN_RUN_H

#include "dataplane/base/cpu.h"
#include "dataplane/extract/plan_scan.h"

/* Places are offsets in the line. */
struct plan_run {
	const struct plan *p;
	const uint8_t *start;
	size_t at, len;
	struct plan_part *parts;
	bool chose;  /* another choice might have led to a match */
	size_t work; /* bytes looked at, for loops to end in time */
};

#define PLAN_NOWHERE SIZE_MAX

/* A step that has steps inside: OP_LOOP, OP_ALT. YES: r->at is behind it. */
enum plan_result plan_nested(struct plan_run *r, const struct plan_op *op);

/* OP_FIXED to OP_LAST at @at. Returns where the next step begins, or PLAN_NOWHERE. */
size_t plan_span(struct plan_run *r, const struct plan_op *op, size_t at);

/* The three do the same, each with what its processor has: AVX2 and BMI2; AVX-512 with VBMI2. */
plan_row_fn plan_row_sse, plan_row_avx2, plan_row_avx512;

/* What this processor does rows with. */
static inline plan_row_fn *plan_row_way(void)
{
	if (cpu_has_avx512())
		return plan_row_avx512;
	return cpu_has_avx2() ? plan_row_avx2 : plan_row_sse;
}

/* Where a span at @at begins behind its sign, if it may have one. */
static inline size_t plan_behind_sign(const struct plan_op *op, const uint8_t *start, size_t len,
				      size_t at)
{
	if (!op->flags || at == len)
		return at;
	uint8_t c = start[at];
	return at +
	       ((c == '-' && (op->flags & PLAN_MINUS)) || (c == '+' && (op->flags & PLAN_PLUS)));
}

/* OP_STOP or OP_FIELD: the same as plan_span, for these two. */
SCANS size_t plan_stop(const struct plan_op *op, const struct plan *p, const uint8_t *start,
		       size_t len, struct plan_part *parts, size_t at)
{
	size_t from = plan_behind_sign(op, start, len, at);
	size_t n = run_end(op, start, from, len) - from;
	if (n < (size_t)op->min + op->back)
		return PLAN_NOWHERE;
	n -= op->back;
	if ((op->max != PLAN_NO_MAX && n > op->max) ||
	    (op->dfa && !dfa_match(p->dfas[op->dfa - 1], start + from, n)))
		return PLAN_NOWHERE;
	size_t to = from + n;
	parts[op->group] = (struct plan_part){(uint32_t)at, (uint32_t)to};
	return lit_at(op, start + to, len - to) ? to + op->n_lit : PLAN_NOWHERE;
}

#endif
