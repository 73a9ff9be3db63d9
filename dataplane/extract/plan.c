#include "dataplane/extract/plan.h"

#include "dataplane/base/mem.h"
#include "dataplane/extract/plan_run.h"
#include "dataplane/extract/settle.h"

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

static void add_byte(struct plan_op *op, uint8_t byte)
{
	op->lit_bits |= (uint16_t)(1u << op->n_lit);
	op->lit[op->n_lit++] = byte;
}

static bool scan_by_stops(struct plan_op *op, const struct byte_set *s)
{
	uint8_t stops[16];
	memset(stops, 0x80, sizeof(stops));
	for (unsigned b = 0; b < 256; b++) {
		if (byte_set_has(s, (uint8_t)b))
			continue;
		if (b >= 0x80 || stops[b & 15] != 0x80)
			return false;
		stops[b & 15] = (uint8_t)b;
	}
	memcpy(op->rows[0], stops, sizeof(stops));
	return true;
}

static bool scan_by_range(struct plan_op *op, const struct byte_set *s)
{
	unsigned lo = 0, hi = 255;
	while (lo < 256 && !byte_set_has(s, (uint8_t)lo))
		lo++;
	while (hi > lo && !byte_set_has(s, (uint8_t)hi))
		hi--;
	if (lo == 256 || byte_set_count(s) != hi - lo + 1)
		return false;
	memset(op->rows[0], (int)lo, sizeof(op->rows[0]));
	memset(op->rows[1], (int)(hi - lo + 1), sizeof(op->rows[1]));
	return true;
}

static void set_table(struct plan_op *op, const struct byte_set *s)
{
	op->scan = SCAN_TABLE;
	for (unsigned b = 0; b < 256; b++) {
		if (byte_set_has(s, (uint8_t)b))
			op->rows[b >> 7][b & 15] |= (uint8_t)(1 << (b >> 4 & 7));
	}
}

static void set_scan(struct plan_op *op, const struct byte_set *s)
{
	if (is_all(s))
		op->scan = SCAN_ALL;
	else if (scan_by_stops(op, s))
		op->scan = SCAN_STOPS;
	else if (scan_by_range(op, s))
		op->scan = SCAN_RANGE;
	else
		set_table(op, s);
}

/* A set, or a set repeated: no table is needed to check it. */
static bool is_run(const struct node *n)
{
	return n->kind == NODE_SET || (n->kind == NODE_REP && n->first->kind == NODE_SET);
}

/* The flags for a set of signs; 0 when there is another byte in it. */
static unsigned signs_of(const struct byte_set *s)
{
	unsigned minus = byte_set_has(s, '-'), plus = byte_set_has(s, '+');
	bool only = byte_set_count(s) == minus + plus;
	return only ? minus * PLAN_MINUS + plus * PLAN_PLUS : 0;
}

/* The run behind an optional sign, which is none of its bytes: [+-]?\d+. NULL when @n is no such.
 */
static const struct node *signed_run(const struct node *n, unsigned *ret_flags)
{
	const struct node *sign = n->kind == NODE_CAT ? n->first : NULL;
	if (!sign || sign->kind != NODE_REP || sign->min != 0 || sign->max != 1 ||
	    sign->first->kind != NODE_SET)
		return NULL;
	const struct node *run = sign->next;
	*ret_flags = signs_of(&sign->bytes);
	if (!run || run->next || !is_run(run) || byte_set_meet(&sign->bytes, &run->bytes))
		return NULL;
	return *ret_flags ? run : NULL;
}

static bool add_dfa(struct compiler *c, const struct node *n, uint16_t *ret_dfa)
{
	if (c->p->n_dfas == PLAN_DFAS_MAX)
		return false;
	struct dfa *dfa = dfa_create(n);
	if (!dfa)
		return false;
	c->p->dfas[c->p->n_dfas++] = dfa;
	*ret_dfa = (uint16_t)c->p->n_dfas;
	return true;
}

/* False: it is too large. */
static bool compile_span(struct compiler *c, const struct node *n, enum plan_op_kind kind,
			 unsigned back)
{
	uint16_t dfa = 0;
	unsigned flags = 0;
	const struct node *run = signed_run(n, &flags);
	if (run && (kind == OP_STOP || kind == OP_REST))
		n = run;
	else
		flags = 0;
	if (n->len_min >= PLAN_NO_MAX || (n->len_max >= PLAN_NO_MAX && n->len_max != SHAPE_NO_MAX))
		return false;
	if (!is_run(n) && !add_dfa(c, n, &dfa))
		return false;
	struct plan_op *op = op_new(c, kind);
	op->dfa = dfa;
	op->flags = (uint8_t)flags;
	op->back = (uint8_t)back;
	op->min = (uint16_t)n->len_min;
	op->max = n->len_max == SHAPE_NO_MAX ? PLAN_NO_MAX : (uint16_t)n->len_max;
	set_scan(op, &n->bytes);
	return true;
}

/* A span whose end @f decides. False when it does not. */
static bool compile_decided(struct compiler *c, const struct node *n, const struct follow *f)
{
	if (n->len_min == n->len_max)
		return compile_span(c, n, OP_FIXED, 0);
	if (f->is_end)
		return compile_span(c, n, OP_REST, 0);
	/* Behind a sign the run alone is looked through, so what follows has to end that, and at
	 * once.
	 */
	unsigned flags;
	const struct node *run = signed_run(n, &flags);
	const struct byte_set *bytes = run && run->len_min > 0 ? &run->bytes : &n->bytes;
	for (unsigned k = 0; k < f->n_lit && !(run && k > 0); k++) {
		if (!byte_set_has(bytes, f->lit[k]))
			return compile_span(c, n, OP_STOP, k);
	}
	return !byte_set_meet(bytes, &f->head) && compile_span(c, n, OP_STOP, 0);
}

/* All bytes, as few as leave nothing but blanks behind. */
static bool compile_trim(struct compiler *c, const struct node *n, const struct follow *f)
{
	struct plan_op *op = op_new(c, OP_TRIM);
	op->min = (uint16_t)n->len_min;
	op->max = PLAN_NO_MAX;
	set_table(op, &f->blanks);
	return true;
}

/* A set without an upper bound, whose end is found by looking for what follows. */
static bool compile_searched(struct compiler *c, const struct node *n, const struct follow *f)
{
	if (n->kind != NODE_REP || n->first->kind != NODE_SET || n->max != SHAPE_NO_MAX ||
	    n->len_min >= PLAN_NO_MAX)
		return false;
	if (!n->lazy && f->fits_all)
		return compile_span(c, n, OP_STOP, 0);
	if (n->lazy && f->is_blanks && is_all(&n->bytes))
		return compile_trim(c, n, f);
	if (f->n_lit == 0)
		return false;
	compile_span(c, n, n->lazy ? OP_FIRST : OP_LAST, 0);
	struct plan_op *op = &c->p->ops[c->p->n_ops - 1];
	for (unsigned i = 0; i < f->n_lit; i++)
		add_byte(op, f->lit[i]);
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

static bool is_span(const struct plan_op *op)
{
	return op->kind >= OP_STOP && op->kind <= OP_LAST;
}

/* The bytes from @n on as one step, or as the end of the span that is @span. Returns the last of
 * them. What is looked for in a search stays to be checked as a whole, since a search may know only
 * a part.
 */
static const struct node *compile_bytes(struct compiler *c, const struct node *n,
					struct plan_op *span)
{
	struct plan_op *op = span && span->n_lit == 0 ? span : op_new(c, OP_LIT);
	add_byte(op, node_byte(n));
	while (n->next && node_is_byte(n->next) && op->n_lit < PLAN_LIT_MAX) {
		n = n->next;
		add_byte(op, node_byte(n));
	}
	return n;
}

/* Children of a sequence. */
static void compile_cat(struct compiler *c, const struct node *n, const struct follow *f)
{
	struct plan_op *span = NULL; /* the step of the child before, when it is one span */
	for (; n && !c->failed; n = n->next) {
		if (node_is_byte(n)) {
			n = compile_bytes(c, n, span);
			span = NULL;
			continue;
		}
		struct follow rest = before_cat(n->next, *f);
		unsigned at = c->p->n_ops;
		compile(c, n, &rest);
		span = c->p->n_ops == at + 1 && is_span(&c->p->ops[at]) ? &c->p->ops[at] : NULL;
	}
}

/* The same, with a short way for time stamps in front. */
static void compile_sequence(struct compiler *c, const struct node *n, const struct follow *f)
{
	unsigned at = c->p->n_ops;
	bool stamped = !n->has_groups && f->n_lit > 0 && settle_by_bsd_time(n, f->lit[0]);
	if (stamped)
		add_byte(op_new(c, OP_BSD_TIME), f->lit[0]);
	compile_cat(c, n->first, f);
	if (stamped)
		c->p->ops[at].end = (uint16_t)c->p->n_ops;
}

/* A repetition of which the next byte tells whether it goes on. */
static bool compile_loop(struct compiler *c, const struct node *n, const struct follow *f)
{
	const struct node *in = n->first;
	if (in->len_min == 0 || (n->max > 1 && in->has_groups) || n->min >= PLAN_NO_MAX ||
	    (n->max >= PLAN_NO_MAX && n->max != SHAPE_NO_MAX) || byte_set_meet(&in->head, &f->head))
		return false;
	unsigned at = c->p->n_ops;
	struct plan_op *op = op_new(c, n->min == 0 && n->max == 1 ? OP_MAYBE : OP_LOOP);
	op->min = (uint16_t)n->min;
	op->max = n->max == SHAPE_NO_MAX ? PLAN_NO_MAX : (uint16_t)n->max;
	set_table(op, &in->head);
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
	op->flags = ambiguous ? PLAN_AMBIGUOUS : 0;
	op->min = UINT16_MAX;
	groups_of(n, &op->min, &op->max);
	compile(c, n, f);
	op_new(c, OP_JOIN)->flags = c->p->ops[at].flags;
	c->p->ops[at].end = (uint16_t)c->p->n_ops;
}

/* Behind the branches of the OP_ALT @at. */
static void join_branches(struct compiler *c, unsigned at)
{
	unsigned end = c->p->n_ops;
	for (unsigned b = at + 1; b < end && !c->failed; b = c->p->ops[b].end)
		c->p->ops[c->p->ops[b].end - 1].end = (uint16_t)end;
	c->p->ops[at].end = (uint16_t)end;
}

/* Whether a text that fits the first may fit the second too, going by the first byte. */
static bool may_both(const struct follow *a, const struct follow *b)
{
	return byte_set_meet(&a->head, &b->head) || (a->can_end && b->can_end);
}

/* Whether @later is bytes that, with the first one that follows, are none of @n: (?:-?\d+|-) and a
 * blank.
 */
static bool told_apart(const struct node *n, const struct node *later, const struct follow *f)
{
	uint8_t text[PLAN_LIT_MAX];
	size_t len = 0;
	const struct node *c = later->kind == NODE_CAT ? later->first : later;
	for (; c && node_is_byte(c) && len < PLAN_LIT_MAX - 1; c = c->next) {
		text[len++] = node_byte(c);
		if (later->kind != NODE_CAT)
			break;
	}
	bool is_text = later->kind == NODE_CAT ? !c : len == 1;
	if (!is_text || f->n_lit == 0)
		return false;
	text[len++] = f->lit[0];
	return settle_by_text(n, text, len);
}

static void compile_alt(struct compiler *c, const struct node *n, const struct follow *f)
{
	unsigned at = c->p->n_ops;
	op_new(c, OP_ALT);
	for (const struct node *b = n->first; b && !c->failed; b = b->next) {
		struct follow mine = before(b, *f);
		/* A branch that took nothing has not looked at the first byte either. */
		bool ambiguous = b->next && b->len_min == 0;
		for (const struct node *later = b->next; later; later = later->next) {
			struct follow other = before(later, *f);
			ambiguous =
				ambiguous || (may_both(&mine, &other) && !told_apart(b, later, f));
		}
		compile_branch(c, b, f, ambiguous);
	}
	join_branches(c, at);
}

/* The child or nothing. */
static void compile_optional(struct compiler *c, const struct node *n, const struct follow *f)
{
	static const struct node nothing = {.kind = NODE_EMPTY};
	struct follow mine = before(n->first, *f);
	bool ambiguous = n->first->len_min == 0 || may_both(&mine, f);
	unsigned at = c->p->n_ops;
	op_new(c, OP_ALT);
	if (n->lazy)
		compile_branch(c, &nothing, f, true);
	compile_branch(c, n->first, f, ambiguous && !n->lazy);
	if (!n->lazy)
		compile_branch(c, &nothing, f, false);
	join_branches(c, at);
}

static void compile_group(struct compiler *c, const struct node *n, const struct follow *f)
{
	if (n->group > PLAN_GROUPS_MAX) {
		c->failed = true;
		return;
	}
	if (n->group > c->p->n_groups)
		c->p->n_groups = n->group;
	unsigned at = c->p->n_ops;
	op_new(c, OP_OPEN)->group = (uint8_t)n->group;
	compile(c, n->first, f);
	struct plan_op *op = &c->p->ops[at];
	bool alone = c->p->n_ops == at + 2 && is_span(op + 1) && op[1].group == 0;
	if (alone && (op[1].n_lit == 0 || op[1].kind == OP_FIRST || op[1].kind == OP_LAST)) {
		/* One span captures by itself, but not the literal behind it. */
		op[0] = op[1];
		op[1] = (struct plan_op){0};
		op->group = (uint8_t)n->group;
		c->p->n_ops--;
		return;
	}
	op_new(c, OP_CLOSE)->group = (uint8_t)n->group;
}

static void compile(struct compiler *c, const struct node *n, const struct follow *f)
{
	if (c->failed || n->kind == NODE_EMPTY)
		return;
	if (node_is_byte(n)) {
		struct plan_op *op = op_new(c, OP_LIT);
		add_byte(op, node_byte(n));
		return;
	}
	if (!n->has_groups && !all_bytes(n) &&
	    (compile_decided(c, n, f) || compile_searched(c, n, f)))
		return;
	if (n->kind == NODE_CAT)
		compile_sequence(c, n, f);
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

/* ---- plans ---- */

/* A plan with room for so many of each, all in one block. */
static struct plan *plan_of_size(size_t n_ops, size_t n_rows, size_t n_dfas, size_t n_unset)
{
	size_t rows_at = sizeof(struct plan) + n_ops * sizeof(struct plan_op);
	size_t dfas_at = rows_at + n_rows * sizeof(struct plan_row);
	size_t unset_at = dfas_at + n_dfas * sizeof(struct dfa *);
	struct plan *p = mem_alloc(unset_at + n_unset);
	if (p) {
		p->rows = (struct plan_row *)((char *)p + rows_at);
		p->dfas = (struct dfa **)((char *)p + dfas_at);
		p->unset = (uint8_t *)p + unset_at;
		p->row = plan_row_way();
	}
	return p;
}

/* The same without the room that it does not need. */
static struct plan *fitted(struct plan *p)
{
	struct plan *to = plan_of_size(p->n_ops, p->n_rows, p->n_dfas, p->n_unset);
	if (!to)
		return p;
	to->n_ops = p->n_ops;
	to->n_groups = p->n_groups;
	to->n_dfas = p->n_dfas;
	to->n_unset = p->n_unset;
	to->n_rows = p->n_rows;
	to->marks = p->marks;
	memcpy(to->ops, p->ops, p->n_ops * sizeof(*p->ops));
	memcpy(to->rows, p->rows, p->n_rows * sizeof(*p->rows));
	memcpy(to->dfas, p->dfas, p->n_dfas * sizeof(*p->dfas));
	memcpy(to->unset, p->unset, p->n_unset);
	mem_free(p);
	return to;
}

struct plan *plan_create(const struct node *root)
{
	const struct follow end = {.can_end = true, .is_end = true};
	struct compiler c = {
		.p = plan_of_size(PLAN_OPS_MAX, PLAN_ROWS_MAX, PLAN_DFAS_MAX, PLAN_GROUPS_MAX)};
	if (!c.p)
		return NULL;
	compile(&c, root, &end);
	op_new(&c, OP_END);
	if (c.failed) {
		plan_destroy(c.p);
		return NULL;
	}
	plan_shorten(c.p);
	return fitted(c.p);
}

void plan_destroy(struct plan *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->n_dfas; i++)
		dfa_destroy(p->dfas[i]);
	mem_free(p);
}
