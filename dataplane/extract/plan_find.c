/* Finds the fields of a plan that stand in a row, and can be done as one (plan_row.c). */
#include "dataplane/extract/plan_ops.h"

/* What a field of a row must have at most, so that places and bounds are less than 256. */
#define LEAST_MAX 48

#define NO_BYTE   0x80 /* of marks */

/* Ways through the choices of a row. */
#define WAYS_MAX  4

/* ---- marks ---- */

void plan_marks_init(struct plan_marks *m)
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

bool plan_mark_ends(struct plan_marks *m, const struct plan_op *op)
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

/* ---- ways ---- */

/* One way from the first step of a row to its end: fields with all bytes that follow them. */
struct way {
	unsigned n;
	bool failed;
	struct plan_op field[PLAN_ROW_MARKS];
	uint16_t step[PLAN_ROW_MARKS]; /* that the field is */
};

struct ways {
	const struct plan *p;
	unsigned n, end;
	struct way way[WAYS_MAX];
};

static void add_bytes(struct way *w, const struct plan_op *op)
{
	struct plan_op *field = w->n ? &w->field[w->n - 1] : NULL;
	if (!field || field->n_lit + op->n_lit > PLAN_LIT_MAX) {
		w->failed = true;
		return;
	}
	memcpy(field->lit + field->n_lit, op->lit, op->n_lit);
	field->n_lit += op->n_lit;
	field->lit_bits = (uint16_t)((1u << field->n_lit) - 1);
}

/* Each field ends with bytes: where a choice follows, with those of either way. */
static void add_span(struct way *w, const struct plan_op *op, unsigned step)
{
	if (w->n == PLAN_ROW_MARKS || (w->n && w->field[w->n - 1].n_lit == 0)) {
		w->failed = true;
		return;
	}
	w->step[w->n] = (uint16_t)step;
	w->field[w->n++] = *op;
}

static void walk(struct ways *all, struct way *w, unsigned at);

/* Another way, from a choice on. */
static void fork_to(struct ways *all, const struct way *w, unsigned at)
{
	if (all->n == WAYS_MAX) {
		all->way[0].failed = true;
		return;
	}
	struct way *next = &all->way[all->n++];
	*next = *w;
	walk(all, next, at);
}

/* A branch that might be taken although a later one is right decides nothing here. The byte behind
 * a choice tells which branch it is, so that no row ends with one.
 */
static void walk_branches(struct ways *all, struct way *w, unsigned alt)
{
	const struct plan_op *ops = all->p->ops;
	const struct way so_far = *w;
	for (unsigned b = alt + 1; b < ops[alt].end; b = ops[b].end) {
		if (ops[b].flags & PLAN_AMBIGUOUS)
			w->failed = true;
	}
	if (w->failed)
		return;
	walk(all, w, alt + 2);
	for (unsigned b = ops[alt + 1].end; b < ops[alt].end; b = ops[b].end)
		fork_to(all, &so_far, b + 1);
}

/* The steps from @at on, up to the end of the row. */
static void walk(struct ways *all, struct way *w, unsigned at)
{
	const struct plan_op *ops = all->p->ops;
	while (at < all->end && !w->failed) {
		const struct plan_op *op = &ops[at];
		switch (op->kind) {
		case OP_STOP:
		case OP_TOKEN:
		case OP_CHECKED:
			add_span(w, op, at++);
			break;
		case OP_LIT:
			add_bytes(w, op);
			at++;
			break;
		case OP_JOIN:
			at = op->end;
			break;
		case OP_MAYBE: {
			const struct way so_far = *w;
			walk(all, w, at + 1);
			if (!w->failed)
				fork_to(all, &so_far, op->end);
			return;
		}
		case OP_EITHER:
			walk_branches(all, w, at);
			return;
		default:
			w->failed = true;
		}
	}
	w->failed = w->failed || w->n == 0 || w->field[w->n - 1].n_lit == 0;
}

/* ---- rows ---- */

/* Any bytes up to the first one of the literal. */
static bool is_text(const struct plan_op *op)
{
	if (op->scan != SCAN_STOPS || !op->n_lit || op->back || op->dfa || op->flags ||
	    op->max != PLAN_NO_MAX || plan_op_takes(op, op->lit[0]))
		return false;
	unsigned n_stops = 0;
	for (unsigned c = 0; c < 0x80; c++)
		n_stops += !plan_op_takes(op, (uint8_t)c);
	return n_stops == 1;
}

static bool goes_by_marks(const struct plan_op *op)
{
	struct plan_op as_step = *op;
	as_step.kind = OP_STOP;
	return plan_may_go_by_marks(&as_step);
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

/* The group of a field, and those before it that this way passes by. False: it is none of the next
 * ones.
 */
static bool add_group(struct plan_row *r, unsigned group, unsigned mark)
{
	if (!group)
		return true;
	if (r->n_groups == 0)
		r->group = group;
	if (group < r->group + r->n_groups || group - r->group >= PLAN_ROW_MARKS)
		return false;
	for (; r->group + r->n_groups < group; r->n_groups++)
		r->skips |= 1u << r->n_groups;
	r->halves |= 3u << (2 * r->n_groups);
	r->pick[r->n_groups++] = (uint8_t)mark;
	return true;
}

/* A check of field @i, with a step of its own behind OP_END when it is followed by other bytes here
 * than it is there. False: there is no room.
 */
static bool add_check(struct plan *p, struct plan_row *r, const struct way *w, unsigned i,
		      unsigned first_step, struct plan_check c)
{
	const struct plan_op *op = &w->field[i];
	unsigned step = w->step[i];
	if (r->n_checks == PLAN_ROW_MARKS || p->n_ops == PLAN_OPS_MAX)
		return false;
	if (c.kind != CHECK_RANGE && op->n_lit != p->ops[step].n_lit) {
		step = p->n_ops++;
		p->ops[step] = *op;
	}
	c.step = (uint16_t)(step - first_step);
	struct plan_check *to = &r->checks[r->n_checks++];
	if (c.kind == CHECK_RANGE) {
		*to = r->checks[r->n_ranges];
		to = &r->checks[r->n_ranges++];
	}
	*to = c;
	return true;
}

/* What marks do not tell of the field that ends at @mark. @lit_told: they do of its literal. */
static bool add_checks(struct plan *p, struct plan_row *r, const struct way *w, unsigned i,
		       unsigned first_step, unsigned mark, bool lit_told)
{
	const struct plan_op *op = &w->field[i];
	bool by_stops = op->scan == SCAN_STOPS && !op->flags && op->max == PLAN_NO_MAX;
	bool by_range =
		op->scan == SCAN_RANGE && op->rows[1][0] && op->min <= 16 && op->max == PLAN_NO_MAX;
	struct plan_check c = {.mark = (uint8_t)mark, .kind = CHECK_FIELD};
	if (!by_stops && !by_range)
		return add_check(p, r, w, i, first_step, c);
	bool ok = true;
	if (by_range) {
		c = (struct plan_check){.mark = (uint8_t)mark,
					.kind = CHECK_RANGE,
					.lo = op->rows[0][0],
					.n = op->rows[1][0],
					.min = (uint8_t)op->min,
					.flags = op->flags};
		ok = add_check(p, r, w, i, first_step, c);
	}
	c.kind = CHECK_LIT;
	return ok && (lit_told || add_check(p, r, w, i, first_step, c));
}

/* The marks of field @i and of the literal behind it. False: the row cannot have it. */
static bool add_field(struct plan *p, struct plan_row *r, const struct way *w, unsigned i,
		      unsigned first_step)
{
	const struct plan_op *op = &w->field[i];
	unsigned first = r->n_marks, behind = 1;
	if (first + op->n_lit > PLAN_ROW_MARKS || op->min > LEAST_MAX ||
	    !add_group(r, op->group, first))
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
	return add_checks(p, r, w, i, first_step, first, r->n_marks - first == op->n_lit);
}

/* The marks of all ways. */
static bool mark_all(struct plan_marks *m, const struct ways *all)
{
	plan_marks_init(m);
	for (unsigned k = 0; k < all->n; k++) {
		const struct way *w = &all->way[k];
		for (unsigned i = 0; i < w->n; i++) {
			const struct plan_op *op = &w->field[i];
			if (!(goes_by_marks(op) || (i > 0 && is_text(op))) ||
			    !plan_mark_ends(m, op))
				return false;
		}
	}
	return true;
}

/* The rows of all ways. False, and nothing has changed: one of them is none. */
static bool make_rows(struct plan *p, const struct ways *all, unsigned at)
{
	struct plan_marks marks;
	unsigned n_ops = p->n_ops;
	for (unsigned k = 0; k < all->n; k++) {
		if (all->way[k].failed)
			return false;
	}
	if (p->n_rows + all->n > PLAN_ROWS_MAX || all->way[0].n < PLAN_TOKENS_MIN ||
	    !mark_all(&marks, all))
		return false;
	for (unsigned k = 0; k < all->n; k++) {
		struct plan_row *r = &p->rows[p->n_rows + k];
		*r = (struct plan_row){
			.marks = marks, .n_steps = all->end - at, .n_ways = all->n - k};
		for (unsigned i = 0; i < all->way[k].n; i++) {
			if (!add_field(p, r, &all->way[k], i, at)) {
				p->n_ops = n_ops;
				return false;
			}
		}
		r->no_marks = 0xffff & ~((1u << r->n_marks) - 1);
	}
	p->ops[at].kind = OP_ROW;
	p->ops[at].dfa = (uint16_t)p->n_rows;
	p->n_rows += all->n;
	return true;
}

/* A step that goes by marks by itself. */
static bool is_token(const struct plan_op *op)
{
	return op->kind == OP_TOKEN || op->kind == OP_CHECKED;
}

static bool is_choice(const struct plan_op *op)
{
	return op->kind == OP_MAYBE || op->kind == OP_EITHER;
}

/* Whether a row may end in front of step @end: behind bytes that all of its ways have. */
static bool may_end(const struct plan *p, unsigned at, unsigned end)
{
	unsigned last = at;
	while (at < end) {
		last = at;
		at = is_choice(&p->ops[at]) ? p->ops[at].end : at + 1;
	}
	return at == end && p->ops[last].n_lit > 0;
}

/* Where the row that begins with step @at could end at most. */
static unsigned farthest(const struct plan *p, unsigned at)
{
	for (unsigned n = 0; n < 3 * PLAN_ROW_MARKS; n++) {
		const struct plan_op *op = &p->ops[at];
		if (is_choice(op))
			at = op->end;
		else if (op->kind == OP_STOP || op->kind == OP_LIT || is_token(op))
			at++;
		else
			break;
	}
	return at;
}

/* The longest row that begins with step @at. Returns the step behind it; 0: there is none. */
static unsigned make_row(struct plan *p, unsigned at)
{
	struct ways all = {.p = p};
	for (unsigned end = is_token(&p->ops[at]) ? farthest(p, at) : 0; end > at; end--) {
		if (!may_end(p, at, end))
			continue;
		all.n = 1;
		all.end = end;
		all.way[0] = (struct way){0};
		walk(&all, &all.way[0], at);
		if (make_rows(p, &all, at))
			return end;
	}
	return 0;
}

void plan_find_rows(struct plan *p)
{
	unsigned end = p->n_ops; /* checks may be put behind */
	for (unsigned i = 0; i < end;) {
		unsigned behind = make_row(p, i);
		i = behind ? behind : plan_next_outside(p, i);
	}
}
