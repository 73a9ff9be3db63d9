#include "dataplane/extract/plan.h"

#include "dataplane/base/mem.h"
#include "dataplane/extract/plan_ops.h"

/* What stands behind a part of the pattern, as far as it matters for where the part ends. */
struct follow {
	struct byte_set head; /* its first bytes */
	bool can_end;         /* it may be nothing, up to the end of the line */
	bool is_end;          /* it is nothing */
	bool fits_all;        /* it matches every text */
	bool is_blanks;       /* it is any number of bytes of `blanks`, up to the end of the line */
	struct byte_set blanks;
	uint8_t lit[PLAN_LIT_MAX]; /* bytes that it begins with for sure */
	unsigned n_lit;
};

struct compiler {
	struct plan *p;
	bool failed;
};

static bool is_all(const struct byte_set *s)
{
	return byte_set_count(s) == 256;
}

/* ---- what follows ---- */

static struct follow before(const struct node *n, struct follow f);

static struct follow before_cat(const struct node *c, struct follow f)
{
	return c ? before(c, before_cat(c->next, f)) : f;
}

static struct follow before_alt(const struct node *n, struct follow f)
{
	struct follow r = {0};
	for (const struct node *c = n->first; c; c = c->next) {
		struct follow one = before(c, f);
		r.head = byte_set_or(r.head, one.head);
		r.can_end = r.can_end || one.can_end;
		r.fits_all = r.fits_all || one.fits_all;
	}
	return r;
}

static struct follow before_rep(const struct node *n, struct follow f)
{
	const struct node *c = n->first;
	bool nullable = n->len_min == 0;
	bool free_set = c->kind == NODE_SET && n->min == 0 && n->max == SHAPE_NO_MAX;
	struct follow r = {.head = c->head};
	if (nullable)
		r.head = byte_set_or(r.head, f.head);
	r.can_end = nullable && f.can_end;
	r.fits_all = (nullable && f.fits_all) || (free_set && is_all(&c->set) && f.can_end);
	r.is_blanks = free_set && f.is_end;
	r.blanks = c->set;
	if (!nullable && node_is_byte(c))
		r.lit[r.n_lit++] = node_byte(c);
	return r;
}

/* What stands before @n and @f sees. */
static struct follow before(const struct node *n, struct follow f)
{
	struct follow r = {0};
	switch (n->kind) {
	case NODE_EMPTY:
		return f;
	case NODE_ALT:
		return before_alt(n, f);
	case NODE_REP:
		return before_rep(n, f);
	case NODE_CAT:
	case NODE_GROUP:
		return before_cat(n->first, f);
	case NODE_SET:
		r.head = n->set;
		if (node_is_byte(n)) {
			r.lit[0] = node_byte(n);
			r.n_lit = f.n_lit < PLAN_LIT_MAX ? f.n_lit + 1 : PLAN_LIT_MAX;
			memcpy(r.lit + 1, f.lit, r.n_lit - 1);
		}
	}
	return r;
}

/* ---- steps ---- */

static struct plan_op *op_new(struct compiler *c, enum plan_op_kind kind)
{
	if (c->p->n_ops == PLAN_OPS_MAX) {
		c->failed = true;
		return &c->p->ops[PLAN_OPS_MAX - 1];
	}
	struct plan_op *op = &c->p->ops[c->p->n_ops++];
	op->kind = (uint8_t)kind;
	return op;
}

static void set_scan(struct plan_op *op, const struct byte_set *s)
{
	op->set = *s;
	op->is_all = is_all(s);
	for (unsigned b = 0; b < 256; b++) {
		if (byte_set_has(s, (uint8_t)b)) {
			uint8_t *row = b < 128 ? op->scan.low : op->scan.high;
			row[b & 15] |= (uint8_t)(1 << (b >> 4 & 7));
		}
	}
}

/* A set, or a set repeated: no table is needed to check it. */
static bool is_run(const struct node *n)
{
	return n->kind == NODE_SET || (n->kind == NODE_REP && n->first->kind == NODE_SET);
}

/* False: its table would be too large. */
static bool compile_span(struct compiler *c, const struct node *n, enum plan_mode mode,
			 unsigned back)
{
	struct dfa *dfa = is_run(n) ? NULL : dfa_create(n);
	if (!is_run(n) && !dfa)
		return false;
	struct plan_op *op = op_new(c, OP_SPAN);
	dfa_destroy(op->dfa); /* of a plan that has too many steps */
	op->dfa = dfa;
	op->is_run = is_run(n);
	op->mode = (uint8_t)mode;
	op->back = (uint8_t)back;
	op->min = n->len_min;
	op->max = n->len_max;
	set_scan(op, &n->bytes);
	return true;
}

/* A span whose end @f decides. False when it does not. */
static bool compile_decided(struct compiler *c, const struct node *n, const struct follow *f)
{
	if (n->len_min == n->len_max)
		return compile_span(c, n, MODE_FIXED, 0);
	if (f->is_end)
		return compile_span(c, n, MODE_REST, 0);
	for (unsigned k = 0; k < f->n_lit; k++) {
		if (!byte_set_has(&n->bytes, f->lit[k]))
			return compile_span(c, n, MODE_STOP, k);
	}
	return !byte_set_meet(&n->bytes, &f->head) && compile_span(c, n, MODE_STOP, 0);
}

/* A set without an upper bound, whose end is found by looking for what follows. */
static bool compile_searched(struct compiler *c, const struct node *n, const struct follow *f)
{
	if (n->kind != NODE_REP || n->first->kind != NODE_SET || n->max != SHAPE_NO_MAX)
		return false;
	if (!n->lazy && f->fits_all)
		return compile_span(c, n, MODE_STOP, 0);
	if (n->lazy && f->is_blanks) {
		compile_span(c, n, MODE_TRIM, 0);
		c->p->ops[c->p->n_ops - 1].set = f->blanks;
		return true;
	}
	if (f->n_lit == 0)
		return false;
	compile_span(c, n, n->lazy ? MODE_FIRST : MODE_LAST, 0);
	struct plan_op *op = &c->p->ops[c->p->n_ops - 1];
	op->n_lit = (uint8_t)f->n_lit;
	memcpy(op->lit, f->lit, f->n_lit);
	return true;
}

static bool all_bytes(const struct node *n)
{
	if (n->kind != NODE_CAT)
		return false;
	for (const struct node *c = n->first; c; c = c->next) {
		if (!node_is_byte(c))
			return false;
	}
	return true;
}

static void compile(struct compiler *c, const struct node *n, const struct follow *f);

/* Children of a sequence; bytes in a row become one step. */
static void compile_cat(struct compiler *c, const struct node *n, const struct follow *f)
{
	for (; n && !c->failed; n = n->next) {
		if (!node_is_byte(n)) {
			struct follow rest = before_cat(n->next, *f);
			compile(c, n, &rest);
			continue;
		}
		struct plan_op *op = op_new(c, OP_LIT);
		op->lit[op->n_lit++] = node_byte(n);
		while (n->next && node_is_byte(n->next) && op->n_lit < PLAN_LIT_MAX) {
			n = n->next;
			op->lit[op->n_lit++] = node_byte(n);
		}
	}
}

/* A repetition of which the next byte tells whether it goes on. */
static bool compile_loop(struct compiler *c, const struct node *n, const struct follow *f)
{
	const struct node *in = n->first;
	if (in->len_min == 0 || (n->max > 1 && in->has_groups) ||
	    byte_set_meet(&in->head, &f->head))
		return false;
	unsigned at = c->p->n_ops;
	struct plan_op *op = op_new(c, OP_LOOP);
	op->min = n->min;
	op->max = n->max;
	op->set = in->head;
	/* Behind one round stands another one, or what follows. */
	struct follow rest = {.head = byte_set_or(in->head, f->head), .can_end = f->can_end};
	if (n->max == 1)
		rest = *f;
	compile(c, in, &rest);
	c->p->ops[at].end = (uint16_t)c->p->n_ops;
	return true;
}

/* Groups of a tree are numbered in the order in which they open. */
static void groups_of(const struct node *n, uint16_t *io_lo, uint16_t *io_hi)
{
	if (n->kind == NODE_GROUP) {
		*io_lo = n->group < *io_lo ? (uint16_t)n->group : *io_lo;
		*io_hi = n->group >= *io_hi ? (uint16_t)(n->group + 1) : *io_hi;
	}
	for (const struct node *c = n->first; c; c = c->next)
		groups_of(c, io_lo, io_hi);
}

static void compile_branch(struct compiler *c, const struct node *n, const struct follow *f,
			   bool ambiguous)
{
	unsigned at = c->p->n_ops;
	struct plan_op *op = op_new(c, OP_BRANCH);
	op->ambiguous = ambiguous;
	op->group_lo = UINT16_MAX;
	groups_of(n, &op->group_lo, &op->group_hi);
	compile(c, n, f);
	c->p->ops[at].end = (uint16_t)c->p->n_ops;
}

/* Whether a text that fits the first may fit the second too, going by the first byte. */
static bool may_both(const struct follow *a, const struct follow *b)
{
	return byte_set_meet(&a->head, &b->head) || (a->can_end && b->can_end);
}

static void compile_alt(struct compiler *c, const struct node *n, const struct follow *f)
{
	unsigned at = c->p->n_ops;
	op_new(c, OP_ALT);
	for (const struct node *b = n->first; b && !c->failed; b = b->next) {
		struct follow mine = before(b, *f);
		bool ambiguous = false;
		for (const struct node *later = b->next; later; later = later->next) {
			struct follow other = before(later, *f);
			ambiguous = ambiguous || may_both(&mine, &other);
		}
		compile_branch(c, b, f, ambiguous);
	}
	c->p->ops[at].end = (uint16_t)c->p->n_ops;
}

/* The child or nothing. */
static void compile_optional(struct compiler *c, const struct node *n, const struct follow *f)
{
	static const struct node nothing = {.kind = NODE_EMPTY};
	struct follow mine = before(n->first, *f);
	bool ambiguous = may_both(&mine, f);
	unsigned at = c->p->n_ops;
	op_new(c, OP_ALT);
	if (n->lazy)
		compile_branch(c, &nothing, f, ambiguous);
	compile_branch(c, n->first, f, ambiguous && !n->lazy);
	if (!n->lazy)
		compile_branch(c, &nothing, f, false);
	c->p->ops[at].end = (uint16_t)c->p->n_ops;
}

static void compile_group(struct compiler *c, const struct node *n, const struct follow *f)
{
	if (n->group > PLAN_GROUPS_MAX) {
		c->failed = true;
		return;
	}
	if (n->group > c->p->n_groups)
		c->p->n_groups = n->group;
	op_new(c, OP_OPEN)->group = (uint16_t)n->group;
	compile(c, n->first, f);
	op_new(c, OP_CLOSE)->group = (uint16_t)n->group;
}

static void compile(struct compiler *c, const struct node *n, const struct follow *f)
{
	if (c->failed || n->kind == NODE_EMPTY)
		return;
	if (node_is_byte(n)) {
		struct plan_op *op = op_new(c, OP_LIT);
		op->lit[op->n_lit++] = node_byte(n);
		return;
	}
	if (!n->has_groups && !all_bytes(n) &&
	    (compile_decided(c, n, f) || compile_searched(c, n, f)))
		return;
	if (n->kind == NODE_CAT)
		compile_cat(c, n->first, f);
	else if (n->kind == NODE_GROUP)
		compile_group(c, n, f);
	else if (n->kind == NODE_ALT)
		compile_alt(c, n, f);
	else if (n->kind != NODE_REP || compile_loop(c, n, f))
		return;
	else if (n->min == 0 && n->max == 1)
		compile_optional(c, n, f);
	else
		c->failed = true;
}

struct plan *plan_create(const struct node *root)
{
	const struct follow end = {.can_end = true, .is_end = true};
	struct compiler c = {.p = mem_alloc(sizeof(struct plan))};
	if (!c.p)
		return NULL;
	compile(&c, root, &end);
	if (c.failed) {
		plan_destroy(c.p);
		return NULL;
	}
	return c.p;
}

void plan_destroy(struct plan *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->n_ops; i++)
		dfa_destroy(p->ops[i].dfa);
	mem_free(p);
}
