/* Shorter ways to do steps. Fields whose ends are few bytes of ASCII go by marks. A field that may
 * hold blanks is a text, whose own scan is shorter than a walk over the marks of its words.
 */
#include "dataplane/extract/plan_ops.h"

/* Fewer do not pay for the marks. */
#define TOKENS_MIN 3

/* What a field of a row must have at most, so that places and bounds are less than 256. */
#define LEAST_MAX  48

#define NO_BYTE    0x80 /* of marks */

static void marks_init(struct plan_marks *m)
{
	memset(m->rows, NO_BYTE, sizeof(m->rows));
	m->two_rows = false;
}

/* False: the rows do not hold it. */
static bool mark(struct plan_marks *m, uint8_t c)
{
	if (c >= 0x80)
		return false;
	for (unsigned r = 0; r < 2; r++) {
		uint8_t *cell = &m->rows[r][c & 15];
		if (*cell != c && *cell != NO_BYTE)
			continue;
		*cell = c;
		m->two_rows = m->two_rows || r > 0;
		return true;
	}
	return false;
}

/* Marks what ends the field. False: that does not work, and nothing has changed. */
static bool mark_ends(struct plan_marks *m, const struct plan_op *op)
{
	struct plan_marks before = *m;
	bool ok = mark(m, op->lit[0]);
	/* Of other sets the bytes are looked at one by one when the end is found. */
	for (unsigned c = 0; c < 0x80 && ok && op->scan == SCAN_STOPS; c++)
		ok = plan_op_takes(op, (uint8_t)c) || mark(m, (uint8_t)c);
	if (!ok)
		*m = before;
	return ok;
}

static bool may_go_by_marks(const struct plan_op *op)
{
	return op->kind == OP_STOP && op->n_lit > 0 && !op->back && !op->dfa &&
	       op->scan != SCAN_ALL && !plan_op_takes(op, ' ') && !plan_op_takes(op, op->lit[0]);
}

/* Whether the branches of an OP_ALT can be tried in a row: each fits or does not, and where it has
 * marks of its own they are read again for the next one.
 */
static bool is_flat(const struct plan *p, const struct plan_op *alt)
{
	for (const struct plan_op *op = alt + 1; op < p->ops + alt->end; op++) {
		if (op->kind == OP_LOOP || op->kind == OP_ALT || op->kind == OP_FIRST ||
		    op->kind == OP_LAST)
			return false;
	}
	return true;
}

/* Steps inside of loops and other alternatives are done by plan_nested.c. */
static unsigned next_outside(const struct plan *p, unsigned i)
{
	bool nested = p->ops[i].kind == OP_LOOP || p->ops[i].kind == OP_ALT;
	return nested ? p->ops[i].end : i + 1;
}

static void name_alternatives(struct plan *p)
{
	for (unsigned i = 0; i < p->n_ops; i = next_outside(p, i)) {
		if (p->ops[i].kind == OP_ALT && is_flat(p, &p->ops[i]))
			p->ops[i].kind = OP_EITHER;
	}
}

static void choose_tokens(struct plan *p)
{
	unsigned n = 0;
	marks_init(&p->marks);
	for (unsigned i = 0; i < p->n_ops; i = next_outside(p, i))
		n += may_go_by_marks(&p->ops[i]);
	for (unsigned i = 0; i < p->n_ops && n >= TOKENS_MIN; i = next_outside(p, i)) {
		struct plan_op *op = &p->ops[i];
		if (!may_go_by_marks(op) || !mark_ends(&p->marks, op))
			continue;
		bool alone = op->scan == SCAN_STOPS && op->max == PLAN_NO_MAX && !op->flags &&
			     op->n_lit == 1;
		op->kind = alone ? OP_TOKEN : OP_CHECKED;
	}
}

/* ---- rows ---- */

/* Any bytes up to the first one of the literal. */
static bool is_text(const struct plan_op *op)
{
	if (op->kind != OP_STOP || op->scan != SCAN_STOPS || !op->n_lit || op->back || op->dfa ||
	    op->flags || op->max != PLAN_NO_MAX || plan_op_takes(op, op->lit[0]))
		return false;
	unsigned n_stops = 0;
	for (unsigned c = 0; c < 0x80; c++)
		n_stops += !plan_op_takes(op, (uint8_t)c);
	return n_stops == 1;
}

static void add_mark(struct plan_row *r, uint8_t lit, unsigned behind, unsigned least,
		     unsigned most)
{
	unsigned i = r->n_marks++;
	r->lit[i] = lit;
	r->behind[i] = (uint8_t)behind;
	r->least[i] = (uint8_t)least;
	r->most[i] = (uint8_t)most;
}

/* The marks of one field and of the literal behind it. False: the row ends in front of it. */
static bool add_field(struct plan_row *r, const struct plan_op *op, uint8_t nil)
{
	bool next_group = r->n_groups == 0 || op->group == r->group + r->n_groups;
	unsigned first = r->n_marks, behind = 1;
	if (first + op->n_lit > PLAN_ROW_MARKS || op->min > LEAST_MAX || (op->group && !next_group))
		return false;
	add_mark(r, op->lit[0], r->last, op->min, UINT8_MAX);
	for (unsigned k = 1; k < op->n_lit; k++) {
		bool marked = plan_marks_have(&r->marks, op->lit[k]);
		if (marked)
			add_mark(r, op->lit[k], behind, 0, 0);
		behind = marked ? 1 : behind + 1;
	}
	if (is_text(op))
		r->texts |= 1u << first;
	r->last = behind;
	bool told = r->n_marks - first == op->n_lit && !op->flags && op->max == PLAN_NO_MAX;
	if (!told || op->scan != SCAN_STOPS || nil)
		r->checks[r->n_checks++] = (struct plan_check){.mark = (uint8_t)first,
							       .step = (uint8_t)r->n_steps,
							       .nil = nil,
							       .nil_group = (uint8_t)r->n_groups,
							       .set_only = told};
	if (op->group && r->n_groups == 0)
		r->group = op->group;
	if (op->group)
		r->pick[r->n_groups++] = (uint8_t)first;
	r->n_steps++;
	return true;
}

static bool goes_by_marks(const struct plan_op *op)
{
	return op->kind == OP_TOKEN || op->kind == OP_CHECKED;
}

/* A way through the steps from one on that makes no choice: copies of spans, each with all of the
 * literal behind it. Two choices are known, of which the first is one span and the second is two
 * ways:
 *
 *     (?:%{INT:bytes}|-)         a span, or a byte in its place
 *     [^[:]+(?:\[%{INT:pid}\])?: the part in brackets, or nothing
 */
struct way {
	struct plan *p;
	struct plan_op *ops; /* behind all others of the plan */
	unsigned n;
	bool take, chose; /* whether the optional part is on this way; whether there is one */
	uint8_t nil[PLAN_ROW_MARKS];
	unsigned end[PLAN_ROW_MARKS]; /* the step behind; 0: that is inside of a choice */
};

/* A copy of @op as the next step. NULL: there is no room. */
static struct plan_op *way_add(struct way *w, const struct plan_op *op, unsigned end)
{
	if (w->n == PLAN_ROW_MARKS || w->p->n_ops + w->p->n_row_ops + w->n == PLAN_OPS_MAX)
		return NULL;
	w->ops[w->n] = *op;
	w->nil[w->n] = 0;
	w->end[w->n] = end;
	return &w->ops[w->n++];
}

/* The literal @lit behind the last step, which then ends in front of step @end. */
static bool way_add_lit(struct way *w, const struct plan_op *lit, unsigned end)
{
	struct plan_op *op = &w->ops[w->n - 1];
	if (lit->kind != OP_LIT || op->n_lit + lit->n_lit > PLAN_LIT_MAX)
		return false;
	for (unsigned k = 0; k < lit->n_lit; k++) {
		op->lit_bits |= (uint16_t)(1u << op->n_lit);
		op->lit[op->n_lit++] = lit->lit[k];
	}
	w->end[w->n - 1] = end;
	return goes_by_marks(op) || may_go_by_marks(op);
}

/* The second branch of an OP_EITHER that has two; NULL: it has not. */
static const struct plan_op *second_of_two(const struct plan *p, const struct plan_op *either)
{
	const struct plan_op *b = &p->ops[either[1].end];
	return b->kind == OP_BRANCH && b->end == either->end ? b : NULL;
}

/* A span, or one byte in its place, and a literal: from step @i on. */
static bool way_add_nil(struct way *w, unsigned i)
{
	const struct plan_op *either = &w->p->ops[i], *span = either + 2, *nil;
	const struct plan_op *b = either->kind == OP_EITHER ? second_of_two(w->p, either) : NULL;
	if (!b || span->kind != OP_STOP || span->n_lit || span->min != 1 || span[1].kind != OP_JOIN)
		return false;
	nil = b + 1;
	if (nil->kind != OP_LIT || nil->n_lit != 1 || nil[1].kind != OP_JOIN ||
	    plan_op_takes(span, nil->lit[0]) || nil->lit[0] == 0)
		return false;
	const struct plan_op *lit = &w->p->ops[either->end];
	if (!way_add(w, span, 0) || !way_add_lit(w, lit, either->end + 1u) ||
	    nil->lit[0] == lit->lit[0])
		return false;
	w->nil[w->n - 1] = nil->lit[0];
	return true;
}

/* A span, what may stand behind it, and a literal. */
static bool way_add_optional(struct way *w, unsigned i)
{
	const struct plan_op *span = &w->p->ops[i], *maybe = span + 1, *op = maybe + 1;
	const struct plan_op *lit = &w->p->ops[maybe->end];
	if (w->chose || span->kind != OP_STOP || span->n_lit || maybe->kind != OP_MAYBE ||
	    op->kind != OP_LIT || lit->kind != OP_LIT || !way_add(w, span, 0))
		return false;
	w->chose = true;
	if (w->take && !way_add_lit(w, op++, 0))
		return false;
	for (; w->take && op < lit; op++)
		if (!goes_by_marks(op) || !way_add(w, op, 0))
			return false;
	return way_add_lit(w, lit, maybe->end + 1u);
}

/* From step @i on. */
static void way_make(struct way *w, unsigned i)
{
	bool on = true;
	while (on) {
		const struct plan_op *op = &w->p->ops[i];
		if (goes_by_marks(op) || (w->n > 0 && is_text(op)))
			on = way_add(w, op, i + 1) != NULL;
		else
			on = w->n > 0 && (way_add_nil(w, i) || way_add_optional(w, i));
		i = on ? w->end[w->n - 1] : i;
	}
}

/* The row of the first steps of @w. Returns how many they are; 0: fewer than @least. */
static unsigned add_row(struct way *w, unsigned least)
{
	struct plan *p = w->p;
	if (p->n_rows == PLAN_ROWS_MAX)
		return 0;
	struct plan_row *r = &p->rows[p->n_rows];
	unsigned end = 0, n = 0;
	*r = (struct plan_row){0};
	marks_init(&r->marks);
	while (end < w->n && mark_ends(&r->marks, &w->ops[end]))
		end++;
	while (n < end && add_field(r, &w->ops[n], w->nil[n]))
		n++;
	if (n < least || !w->end[n - 1])
		return 0;
	r->no_marks = 0xffff & ~((1u << r->n_marks) - 1);
	r->halves = (uint32_t)(((uint64_t)1 << (2 * r->n_groups)) - 1);
	r->first = p->n_ops + p->n_row_ops;
	r->end = w->end[n - 1];
	p->n_row_ops += n;
	p->n_rows++;
	return n;
}

/* The rows that begin with step @i. Returns the step behind them; 0: there is none. */
static unsigned make_rows(struct plan *p, unsigned i)
{
	unsigned n_rows = p->n_rows;
	struct way w = {.p = p, .ops = p->ops + p->n_ops + p->n_row_ops, .take = true};
	way_make(&w, i);
	if (!add_row(&w, TOKENS_MIN))
		return 0;
	p->ops[i].kind = OP_ROW;
	p->ops[i].dfa = (uint16_t)n_rows;
	unsigned end = p->rows[n_rows].end;
	if (w.chose) {
		w = (struct way){.p = p, .ops = p->ops + p->n_ops + p->n_row_ops};
		way_make(&w, i);
		p->rows[n_rows].more = add_row(&w, TOKENS_MIN - 1) > 0;
	}
	return end;
}

static void find_rows(struct plan *p)
{
	for (unsigned i = 0; i < p->n_ops;) {
		unsigned end = make_rows(p, i);
		i = end ? end : next_outside(p, i);
	}
}

/* Behind the step, or the row, at @i. */
static unsigned next_alone(const struct plan *p, unsigned i)
{
	return p->ops[i].kind == OP_ROW ? p->rows[p->ops[i].dfa].end : next_outside(p, i);
}

/* Outside of rows: marks are made again for them, which a few do not pay for. */
static void leave_few_tokens(struct plan *p)
{
	unsigned n = 0;
	for (unsigned i = 0; i < p->n_ops; i = next_alone(p, i))
		n += goes_by_marks(&p->ops[i]);
	for (unsigned i = 0; i < p->n_ops && n < TOKENS_MIN; i = next_alone(p, i))
		if (goes_by_marks(&p->ops[i]))
			p->ops[i].kind = OP_STOP;
}

/* Most other spans need no more than that. */
static void name_fields(struct plan *p)
{
	for (unsigned i = 0; i < p->n_ops; i = next_outside(p, i)) {
		struct plan_op *op = &p->ops[i];
		if (op->back || op->flags || op->dfa || op->max != PLAN_NO_MAX)
			continue;
		if (op->kind == OP_STOP && op->scan != SCAN_ALL)
			op->kind = OP_FIELD;
		else if (op->kind == OP_REST && op->scan == SCAN_ALL)
			op->kind = OP_TAIL;
	}
}

/* Groups that are a time stamp and nothing else. */
static void name_stamps(struct plan *p)
{
	for (unsigned i = 0; i < p->n_ops; i = next_outside(p, i)) {
		struct plan_op *op = &p->ops[i];
		if (op->kind != OP_OPEN || op[1].kind != OP_BSD_TIME)
			continue;
		const struct plan_op *close = &p->ops[op[1].end];
		if (close->kind != OP_CLOSE || close->group != op->group ||
		    close[1].kind != OP_LIT || close[1].n_lit != 1 ||
		    close[1].lit[0] != op[1].lit[0])
			continue;
		op->kind = OP_STAMP;
		op->lit[0] = close[1].lit[0];
		op->end = (uint16_t)(close + 2 - p->ops);
	}
}

static void add_unset(struct plan *p, uint8_t group)
{
	if (group && !memchr(p->unset, group, p->n_unset))
		p->unset[p->n_unset++] = group;
}

/* The groups that may take no part. */
static void list_unset(struct plan *p)
{
	for (unsigned i = 0; i < p->n_ops; i++) {
		const struct plan_op *op = &p->ops[i];
		bool optional = op->kind == OP_LOOP || op->kind == OP_MAYBE || op->kind == OP_ALT ||
				op->kind == OP_EITHER;
		for (unsigned k = i + 1; optional && k < op->end; k++)
			add_unset(p, p->ops[k].group);
	}
}

void plan_shorten(struct plan *p)
{
	name_alternatives(p);
	choose_tokens(p);
	find_rows(p);
	leave_few_tokens(p);
	name_fields(p);
	name_stamps(p);
	list_unset(p);
}
