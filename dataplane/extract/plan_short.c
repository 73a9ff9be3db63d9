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
static bool add_field(struct plan_row *r, const struct plan_op *op)
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
	if (!told || op->scan != SCAN_STOPS)
		r->checks[r->n_checks++] =
			(struct plan_check){(uint8_t)first, (uint8_t)r->n_steps, told};
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

/* The row that begins with step @i. Returns how many steps it has; 0: too few for one. */
static unsigned make_row(struct plan *p, unsigned i)
{
	if (p->n_rows == PLAN_ROWS_MAX)
		return 0;
	struct plan_row *r = &p->rows[p->n_rows];
	*r = (struct plan_row){0};
	marks_init(&r->marks);
	unsigned end = i;
	for (const struct plan_op *op = &p->ops[i]; goes_by_marks(op) || (end > i && is_text(op));
	     op++) {
		if (!mark_ends(&r->marks, op))
			break;
		end++;
	}
	for (unsigned k = i; k < end && add_field(r, &p->ops[k]);)
		k++;
	if (r->n_steps < TOKENS_MIN)
		return 0;
	r->no_marks = 0xffff & ~((1u << r->n_marks) - 1);
	r->halves = (uint32_t)(((uint64_t)1 << (2 * r->n_groups)) - 1);
	p->ops[i].kind = OP_ROW;
	p->ops[i].dfa = (uint16_t)p->n_rows++;
	return r->n_steps;
}

static void find_rows(struct plan *p)
{
	for (unsigned i = 0; i < p->n_ops;) {
		unsigned n = make_row(p, i);
		i = n ? i + n : next_outside(p, i);
	}
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
	name_fields(p);
	name_stamps(p);
	list_unset(p);
}
