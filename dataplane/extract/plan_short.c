/* Shorter ways to do steps. Fields whose ends are few bytes of ASCII go by marks. A field that may
 * hold blanks is a text, whose own scan is shorter than a walk over the marks of its words.
 */
#include "dataplane/extract/plan_ops.h"

bool plan_may_go_by_marks(const struct plan_op *op)
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
unsigned plan_next_outside(const struct plan *p, unsigned i)
{
	bool nested = p->ops[i].kind == OP_LOOP || p->ops[i].kind == OP_ALT;
	return nested ? p->ops[i].end : i + 1;
}

static void name_alternatives(struct plan *p)
{
	for (unsigned i = 0; i < p->n_ops; i = plan_next_outside(p, i)) {
		if (p->ops[i].kind == OP_ALT && is_flat(p, &p->ops[i]))
			p->ops[i].kind = OP_EITHER;
	}
}

static void choose_tokens(struct plan *p)
{
	unsigned n = 0;
	plan_marks_init(&p->marks);
	for (unsigned i = 0; i < p->n_ops; i = plan_next_outside(p, i))
		n += plan_may_go_by_marks(&p->ops[i]);
	for (unsigned i = 0; i < p->n_ops && n >= PLAN_TOKENS_MIN; i = plan_next_outside(p, i)) {
		struct plan_op *op = &p->ops[i];
		if (!plan_may_go_by_marks(op) || !plan_mark_ends(&p->marks, op))
			continue;
		bool alone = op->scan == SCAN_STOPS && op->max == PLAN_NO_MAX && !op->flags &&
			     op->n_lit == 1;
		op->kind = alone ? OP_TOKEN : OP_CHECKED;
	}
}

static bool goes_by_marks(const struct plan_op *op)
{
	return op->kind == OP_TOKEN || op->kind == OP_CHECKED || op->kind == OP_ROW;
}

/* For one field alone a word of marks is more than a look at its own bytes. */
static void part_lone_tokens(struct plan *p)
{
	for (unsigned i = 0, before = 0; i < p->n_ops; i = plan_next_outside(p, i)) {
		struct plan_op *op = &p->ops[i];
		bool lone = !(i && goes_by_marks(&p->ops[before])) && !goes_by_marks(op + 1);
		before = i;
		if (lone && op->kind != OP_ROW && goes_by_marks(op))
			op->kind = OP_STOP;
	}
}

/* Most other spans need no more than that. */
static void name_fields(struct plan *p)
{
	for (unsigned i = 0; i < p->n_ops; i = plan_next_outside(p, i)) {
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
	for (unsigned i = 0; i < p->n_ops; i = plan_next_outside(p, i)) {
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
	plan_find_rows(p);
	part_lone_tokens(p);
	name_fields(p);
	name_stamps(p);
	list_unset(p);
}
