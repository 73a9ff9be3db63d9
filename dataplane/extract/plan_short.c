/* Shorter ways to do steps. Fields whose ends are few bytes of ASCII go by marks. A field that may
 * hold blanks is a text, whose own scan is shorter than a walk over the marks of its words.
 */
#include "dataplane/extract/plan_ops.h"

/* Fewer do not pay for the marks. */
#define TOKENS_MIN 3

#define NO_BYTE    0x80 /* of marks */

/* False: the rows do not hold it. */
static bool mark(struct plan *p, uint8_t c)
{
	if (c >= 0x80)
		return false;
	for (unsigned r = 0; r < 2; r++) {
		uint8_t *cell = &p->marks[r][c & 15];
		if (*cell != c && *cell != NO_BYTE)
			continue;
		*cell = c;
		p->two_rows = p->two_rows || r > 0;
		return true;
	}
	return false;
}

/* Marks what ends the field. False: that does not work, and nothing has changed. */
static bool mark_ends(struct plan *p, const struct plan_op *op)
{
	uint8_t marks[2][16];
	bool two_rows = p->two_rows;
	memcpy(marks, p->marks, sizeof(marks));
	bool ok = mark(p, op->lit[0]);
	/* Of other sets the bytes are looked at one by one when the end is found. */
	for (unsigned c = 0; c < 0x80 && ok && op->scan == SCAN_STOPS; c++)
		ok = plan_op_takes(op, (uint8_t)c) || mark(p, (uint8_t)c);
	if (!ok) {
		memcpy(p->marks, marks, sizeof(marks));
		p->two_rows = two_rows;
	}
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
	memset(p->marks, NO_BYTE, sizeof(p->marks));
	for (unsigned i = 0; i < p->n_ops; i = next_outside(p, i))
		n += may_go_by_marks(&p->ops[i]);
	for (unsigned i = 0; i < p->n_ops && n >= TOKENS_MIN; i = next_outside(p, i)) {
		struct plan_op *op = &p->ops[i];
		if (!may_go_by_marks(op) || !mark_ends(p, op))
			continue;
		bool alone = op->scan == SCAN_STOPS && op->max == PLAN_NO_MAX && !op->flags &&
			     op->n_lit == 1;
		op->kind = alone ? OP_TOKEN : OP_CHECKED;
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
	name_fields(p);
	list_unset(p);
}
