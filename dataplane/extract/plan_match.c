/* The steps of a plan in a row, from the start of the line to its end. */
#include "dataplane/base/bsd_time.h"
#include "dataplane/extract/plan_run.h"

/* What every step needs: kept where the compiler holds it in registers. */
struct here {
	const struct plan *p;
	const uint8_t *start;
	size_t len;
	struct plan_part *parts;
};

static inline void set_part(struct here h, const struct plan_op *op, size_t at, size_t to)
{
	h.parts[op->group] = (struct plan_part){(uint32_t)at, (uint32_t)to};
}

/* ---- tokens ---- */

/* The first mark at which the span's literal may begin; marks up to there are taken off. NOWHERE
 * when the span ends at another one, or with the line.
 */
SCANS size_t next_end(struct here h, const struct plan_op *op, struct marks *io_m)
{
	struct marks m = *io_m;
	for (;;) {
		while (m.bits == 0)
			m = marks_at(h.p, h.start, h.len, m.base + 64);
		size_t to = m.base + (unsigned)__builtin_ctzll(m.bits);
		m.bits &= m.bits - 1;
		*io_m = m;
		if (to >= h.len)
			return PLAN_NOWHERE;
		if (h.start[to] == op->lit[0])
			return to;
		if (!plan_op_takes(op, h.start[to]))
			return PLAN_NOWHERE;
	}
}

/* The tokens in a row that begin with @*io_op, which becomes the last of them. */
SCANS size_t match_tokens(struct here h, const struct plan_op **io_op, size_t at,
			  struct marks *io_m)
{
	const struct plan_op *op = *io_op;
	struct marks m = marks_from(*io_m, h.p, h.start, h.len, at);
	do {
		size_t to = next_end(h, op, &m);
		if (to == PLAN_NOWHERE || to - at < op->min)
			return PLAN_NOWHERE;
		set_part(h, op, at, to);
		at = to + 1;
		op++;
	} while (op->kind == OP_TOKEN);
	*io_op = op - 1;
	*io_m = m;
	return at;
}

/* A token of which the marks do not tell all: its sign, its set, how long it may be, and the
 * literal behind it.
 */
SCANS size_t match_checked(struct here h, const struct plan_op *op, size_t at, struct marks *io_m)
{
	size_t from = plan_behind_sign(op, h.start, h.len, at);
	*io_m = marks_from(*io_m, h.p, h.start, h.len, from);
	size_t to = next_end(h, op, io_m);
	if (to == PLAN_NOWHERE || to - from < op->min ||
	    (op->max != PLAN_NO_MAX && to - from > op->max))
		return PLAN_NOWHERE;
	if (op->scan != SCAN_STOPS && run_end(op, h.start, from, to) != to)
		return PLAN_NOWHERE;
	set_part(h, op, at, to);
	return lit_at(op, h.start + to, h.len - to) ? to + op->n_lit : PLAN_NOWHERE;
}

/* The row that begins with @*io_op, which becomes the last of its steps. */
SCANS size_t match_row(struct here h, const struct plan_op **io_op, size_t at, struct marks *io_m)
{
	const struct plan_op *op = *io_op;
	const struct plan_row *r = &h.p->rows[op->dfa];
	size_t behind = h.p->row(r, op, slice_of(h.start, h.len), at, h.parts);
	if (behind == PLAN_NOWHERE)
		return match_checked(h, op, at, io_m);
	*io_op = op + r->n_steps - 1;
	return behind;
}

/* ---- other steps ---- */

/* The fields in a row that begin with @*io_op, which becomes the last of them. */
SCANS size_t match_fields(struct here h, const struct plan_op **io_op, size_t at)
{
	const struct plan_op *op = *io_op;
	do {
		size_t to = run_end(op, h.start, at, h.len);
		set_part(h, op, at, to);
		if (to - at < op->min || !lit_at(op, h.start + to, h.len - to))
			return PLAN_NOWHERE;
		at = to + op->n_lit;
		op++;
	} while (op->kind == OP_FIELD);
	*io_op = op - 1;
	return at;
}

/* Whether a time stamp stands here, and behind it what has to. */
static inline bool at_bsd_time(struct here h, const struct plan_op *op, size_t at)
{
	uint64_t rest;
	return h.len - at > BSD_TIME_LEN && h.start[at + BSD_TIME_LEN] == op->lit[0] &&
	       bsd_time_at(h.start + at, &rest);
}

/* Behind the steps that a time stamp settles, or in front of them. */
static inline size_t match_bsd_time(struct here h, const struct plan_op **io_op, size_t at)
{
	const struct plan_op *op = *io_op;
	if (!at_bsd_time(h, op, at))
		return at;
	*io_op = h.p->ops + op->end - 1;
	return at + BSD_TIME_LEN;
}

/* The same for all of a group and the byte behind it, or as OP_OPEN. */
static inline size_t match_stamp(struct here h, const struct plan_op **io_op, size_t at)
{
	const struct plan_op *op = *io_op;
	set_part(h, op, at, at + BSD_TIME_LEN);
	if (!at_bsd_time(h, op, at))
		return at;
	*io_op = h.p->ops + op->end - 1;
	return at + BSD_TIME_LEN + 1;
}

/* What plan_nested.c remembers from one step to the next. */
struct other {
	bool chose;
	size_t work;
};

/* What is done by plan_nested.c. */
static __attribute__((noinline)) size_t match_other(struct here h, struct other *o,
						    const struct plan_op **io_op, size_t at)
{
	const struct plan_op *op = *io_op;
	struct plan_run r = {.p = h.p,
			     .start = h.start,
			     .at = at,
			     .len = h.len,
			     .parts = h.parts,
			     .chose = o->chose,
			     .work = o->work};
	if (op->kind == OP_LOOP || op->kind == OP_ALT) {
		enum plan_result res = plan_nested(&r, op);
		r.chose = r.chose || res == PLAN_UNSURE;
		*io_op = h.p->ops + op->end - 1;
		at = res == PLAN_YES ? r.at : PLAN_NOWHERE;
	} else {
		at = plan_span(&r, op, at);
	}
	*o = (struct other){r.chose, r.work};
	return at;
}

/* The branch of an OP_EITHER behind one that does not fit, whose groups are taken back; NULL when
 * it was the last one, or none.
 */
static const struct plan_op *next_branch(struct here h, const struct plan_op *branch)
{
	if (!branch)
		return NULL;
	for (unsigned g = branch->min; g < branch->max; g++)
		h.parts[g].from = PLAN_UNSET;
	const struct plan_op *next = h.p->ops + branch->end;
	return next->kind == OP_BRANCH ? next : NULL;
}

enum plan_result plan_match(const struct plan *p, struct slice line, struct plan_part *ret_parts)
{
	struct other o = {0};
	const struct here h = {p, line.ptr, line.len, ret_parts};
	const struct plan_op *op = p->ops, *branch = NULL;
	struct marks m = MARKS_NONE;
	size_t at = 0, branch_at = 0;
	for (unsigned i = 0; i < p->n_unset; i++)
		ret_parts[p->unset[i]].from = PLAN_UNSET;
	for (;; op++) {
		switch (op->kind) {
		case OP_TOKEN:
			at = match_tokens(h, &op, at, &m);
			break;
		case OP_ROW:
			at = match_row(h, &op, at, &m);
			if (at == PLAN_NOWHERE || op[1].kind != OP_TAIL)
				break;
			op++;
			goto tail;
		case OP_CHECKED:
			at = match_checked(h, op, at, &m);
			break;
		case OP_FIELD:
			at = match_fields(h, &op, at);
			break;
		case OP_STOP:
			at = plan_stop(op, p, h.start, h.len, h.parts, at);
			break;
		case OP_LIT:
			at = lit_at(op, h.start + at, h.len - at) ? at + op->n_lit : PLAN_NOWHERE;
			break;
		case OP_OPEN:
			h.parts[op->group].from = (uint32_t)at;
			continue;
		case OP_CLOSE:
			h.parts[op->group].to = (uint32_t)at;
			continue;
		case OP_MAYBE:
			if (at == h.len || !plan_op_has(op, h.start[at]))
				op = p->ops + op->end - 1;
			continue;
		case OP_STAMP:
			at = match_stamp(h, &op, at);
			continue;
		case OP_BSD_TIME:
			at = match_bsd_time(h, &op, at);
			continue;
		case OP_EITHER:
			op++; /* to its first branch */
			__attribute__((fallthrough));
		case OP_BRANCH:
			branch = op;
			branch_at = at;
			continue;
		case OP_JOIN:
			o.chose = o.chose || (op->flags & PLAN_AMBIGUOUS) != 0;
			branch = NULL;
			op = p->ops + op->end - 1;
			continue;
		case OP_TAIL:
		tail:
			set_part(h, op, at, h.len);
			at = h.len - at < op->min ? PLAN_NOWHERE : h.len;
			if (at != PLAN_NOWHERE && op[1].kind == OP_END)
				return PLAN_YES;
			break;
		case OP_END:
			return at == h.len ? PLAN_YES : o.chose ? PLAN_UNSURE : PLAN_NO;
		default:
			at = match_other(h, &o, &op, at);
		}
		if (at != PLAN_NOWHERE)
			continue;
		branch = next_branch(h, branch);
		if (!branch)
			return o.chose ? PLAN_UNSURE : PLAN_NO;
		op = branch - 1;
		at = branch_at;
		m = MARKS_NONE;
	}
}
