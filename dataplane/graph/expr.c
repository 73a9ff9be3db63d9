#include "dataplane/graph/expr.h"

#include "dataplane/base/mem.h"
#include "dataplane/graph/check.h"

#define MEMBERS_MAX 16

/* The members of an input that are read. */
struct members {
	bool whole;  /* or all of it */
	bool valued; /* more than whether it is NULL */
	unsigned n;
	struct slice keys[MEMBERS_MAX];
};

/* What one result is kept in; reused when nobody reads it any more. */
struct slot {
	enum cell_kind kind;
	bool is_free;
};

struct expr_set {
	struct program p;
	struct scope scope;
	uint32_t exprs[EXPR_SET_MAX]; /* their steps */
	bool left_out[EXPR_SET_MAX];
	unsigned n_exprs;
	bool finished;
	/* and when it is: */
	uint32_t *order; /* the calls that are needed */
	unsigned n_order;
	uint32_t *slot_of; /* by step */
	struct slot *slots;
	unsigned n_slots;
	bool *spread;            /* by step: constants that are read as vectors */
	struct members *members; /* by input */
};

struct expr_run {
	const struct expr_set *s;
	struct vec *slots;
	struct vec *inputs;
	struct vec *constants; /* by step; those that are spread have memory */
	struct call *calls;
	struct vec *outs; /* of the calls: a slot, with the type of its step */
	struct vec **args;
	struct patterns_scratch *patterns;
};

int expr_set_create(const struct expr_scope *scope, struct expr_set **ret_s, struct err *e)
{
	struct expr_set *s = mem_alloc(sizeof(*s));
	int ret = s ? program_init(&s->p, scope->zone, e) : -ENOMEM;
	if (ret == 0)
		ret = scope_init(&s->scope, scope);
	if (ret == -ENOMEM)
		err_set(e, ret, "out of memory for expressions");
	if (ret < 0) {
		expr_set_destroy(s);
		return ret;
	}
	*ret_s = s;
	return 0;
}

void expr_set_destroy(struct expr_set *s)
{
	if (!s)
		return;
	mem_free(s->order);
	mem_free(s->slot_of);
	mem_free(s->slots);
	mem_free(s->spread);
	mem_free(s->members);
	scope_fini(&s->scope);
	program_fini(&s->p);
	mem_free(s);
}

/* ---- adding ---- */

static int add(struct expr_set *s, const struct sql_node *n, struct expr_place *ret_at,
	       struct err *e)
{
	struct check c = {.p = &s->p, .scope = &s->scope, .e = e};
	struct typed t;
	int ret = check_expr(&c, n, &t);
	ret_at->off = c.off;
	if (ret < 0)
		return ret;
	ret_at->off = n->off;
	if (s->n_exprs == EXPR_SET_MAX)
		return err_set(e, -ENOSPC, "more than %d expressions", EXPR_SET_MAX);
	const struct vec *value = program_value(&s->p, t.step);
	if (value && value->state[0] >= VEC_ERROR)
		return err_set(e, -EINVAL, "an error for every record: %s",
			       vec_error_name(value->state[0]));
	s->exprs[s->n_exprs] = t.step;
	return (int)s->n_exprs++;
}

int expr_set_add(struct expr_set *s, struct slice text, struct expr_place *ret_at, struct err *e)
{
	struct sql_item *items;
	unsigned n;
	int ret = sql_parse_list(text, &s->p.a, &items, &n, &ret_at->off, e);
	if (ret < 0)
		return ret;
	if (n > 1) {
		ret_at->off = items[1].node->off;
		return err_set(e, -EINVAL, "one expression is expected, not a list");
	}
	ret_at->off = items[0].node->off;
	if (items[0].name)
		return err_set(e, -EINVAL, "a name (AS %s) has no meaning here", items[0].name);
	return add(s, items[0].node, ret_at, e);
}

static int add_item(struct expr_set *s, const struct sql_item *from, struct expr_item *item,
		    struct expr_place *ret_at, struct err *e)
{
	const char *name = from->name ? from->name : check_item_name(from->node);
	ret_at->off = from->node->off;
	item->expr = -1;
	if (from->node->kind == SQL_NODE_STAR)
		return from->name ? err_set(e, -EINVAL, "a star cannot have a name") : 0;
	if (!name)
		return err_set(e, -EINVAL, "the result needs a name: ... AS name");
	item->name = program_take(&s->p, strlen(name) + 1);
	if (!item->name)
		return err_set(e, -ENOSPC, "the expressions are too large");
	memcpy(item->name, name, strlen(name));
	item->expr = add(s, from->node, ret_at, e);
	return item->expr < 0 ? item->expr : 0;
}

int expr_set_add_list(struct expr_set *s, struct slice text, const struct expr_item **ret_items,
		      unsigned *ret_n, struct expr_place *ret_at, struct err *e)
{
	struct sql_item *items;
	unsigned n;
	int ret = sql_parse_list(text, &s->p.a, &items, &n, &ret_at->off, e);
	if (ret < 0)
		return ret;
	struct expr_item *out = program_take(&s->p, n * sizeof(*out));
	if (!out)
		return err_set(e, -ENOSPC, "the expressions are too large");
	for (unsigned i = 0; ret == 0 && i < n; i++)
		ret = add_item(s, &items[i], &out[i], ret_at, e);
	if (ret < 0)
		return ret;
	*ret_items = out;
	*ret_n = n;
	return 0;
}

/* ---- finishing ---- */

/* Arguments that a call reads while it runs. */
static unsigned n_read(const struct step *st)
{
	return st->fn->n_run && st->fn->n_run < st->n_args ? st->fn->n_run : st->n_args;
}

/* The last call that reads each step; UINT32_MAX: a result, kept to the end; 0: nobody. Call
 * numbers are steps, and no call has number 0 of a step that it reads.
 */
static void find_uses(const struct expr_set *s, uint32_t *last)
{
	for (unsigned i = 0; i < s->n_exprs; i++)
		if (!s->left_out[i])
			last[s->exprs[i]] = UINT32_MAX;
	for (uint32_t i = s->p.n_steps; i-- > 0;) {
		const struct step *st = &s->p.steps[i];
		if (!st->fn || !last[i])
			continue;
		for (unsigned k = 0; k < n_read(st); k++)
			if (!last[st->args[k]])
				last[st->args[k]] = i;
	}
}

static uint32_t take_slot(struct expr_set *s, enum cell_kind kind)
{
	for (uint32_t i = 0; i < s->n_slots; i++)
		if (s->slots[i].is_free && s->slots[i].kind == kind) {
			s->slots[i].is_free = false;
			return i;
		}
	s->slots[s->n_slots] = (struct slot){.kind = kind};
	return s->n_slots++;
}

static void plan(struct expr_set *s, const uint32_t *last)
{
	for (uint32_t i = 0; i < s->p.n_steps; i++) {
		const struct step *st = &s->p.steps[i];
		s->spread[i] = st->constant && last[i];
		if (!st->fn || !last[i])
			continue;
		s->order[s->n_order++] = i;
		s->slot_of[i] = take_slot(s, cell_kind_of((enum sql_type)st->type));
		/* Only now, so that no call writes what it reads. An argument that comes twice is
		 * let go twice, which does no harm.
		 */
		for (unsigned k = 0; k < n_read(st); k++)
			if (s->p.steps[st->args[k]].fn && last[st->args[k]] == i)
				s->slots[s->slot_of[st->args[k]]].is_free = true;
	}
}

static void add_member(struct members *m, struct slice key)
{
	for (unsigned i = 0; i < m->n; i++)
		if (slice_eq(m->keys[i], key))
			return;
	m->whole = m->whole || m->n == MEMBERS_MAX;
	if (!m->whole)
		m->keys[m->n++] = key;
}

/* What is read of the inputs, by the calls that are needed and as results. */
static void find_members(struct expr_set *s, const uint32_t *last)
{
	const struct step *steps = s->p.steps;
	for (unsigned i = 0; i < s->n_exprs; i++) {
		const struct step *st = &steps[s->exprs[i]];
		if (s->left_out[i]) /* it is looked at elsewhere */
			st = &steps[st->args[0]];
		if (!st->fn && !st->constant)
			s->members[st->column].whole = s->members[st->column].valued = true;
	}
	for (uint32_t i = 0; i < s->p.n_steps; i++) {
		const struct step *st = &steps[i];
		for (unsigned k = 0; st->fn && last[i] && k < st->n_args; k++) {
			const struct step *arg = &steps[st->args[k]];
			if (arg->fn || arg->constant)
				continue;
			struct members *m = &s->members[arg->column];
			m->valued |= st->fn != &fn_is_null;
			const struct vec *key =
				st->n_args == 2 ? steps[st->args[1]].constant : NULL;
			if (k == 0 && fn_takes_member(st->fn) && key && key->state[0] == VEC_VALUE)
				add_member(m, key->s[0]);
			else
				m->whole = true;
		}
	}
}

const struct slice *expr_set_members(const struct expr_set *s, unsigned i, unsigned *ret_n)
{
	const struct members *m = &s->members[i];
	*ret_n = m->whole ? 0 : m->n;
	return m->keys;
}

bool expr_set_asks_null(const struct expr_set *s, unsigned i)
{
	return !s->members[i].valued;
}

int expr_set_finish(struct expr_set *s, struct err *e)
{
	uint32_t n = s->p.n_steps + 1;
	uint32_t *last = mem_alloc(n * sizeof(*last));
	s->order = mem_alloc(n * sizeof(*s->order));
	s->slot_of = mem_alloc(n * sizeof(*s->slot_of));
	s->slots = mem_alloc(n * sizeof(*s->slots));
	s->spread = mem_alloc(n * sizeof(*s->spread));
	s->members = mem_alloc((s->scope.n_inputs + 1) * sizeof(*s->members));
	int ret = last && s->order && s->slot_of && s->slots && s->spread && s->members
			  ? patterns_compile(s->p.patterns, e)
			  : err_set(e, -ENOMEM, "out of memory for expressions");
	if (ret == 0) {
		find_uses(s, last);
		plan(s, last);
		find_members(s, last);
		s->finished = true;
	}
	mem_free(last);
	return ret;
}

enum sql_type expr_set_type(const struct expr_set *s, unsigned expr)
{
	return (enum sql_type)s->p.steps[s->exprs[expr]].type;
}

const struct expr_column *expr_set_inputs(const struct expr_set *s, unsigned *ret_n)
{
	*ret_n = s->scope.n_inputs;
	return s->scope.inputs;
}

bool expr_set_constant(const struct expr_set *s, unsigned expr, const struct vec **ret_v)
{
	const struct vec *v = program_value(&s->p, s->exprs[expr]);
	if (v)
		*ret_v = v;
	return v != NULL;
}

bool expr_set_is_input(const struct expr_set *s, unsigned expr, unsigned *ret_input)
{
	const struct step *st = &s->p.steps[s->exprs[expr]];
	if (st->fn || st->constant)
		return false;
	*ret_input = st->column;
	return true;
}

/* The constant at argument *io_k or behind it, nulls left out; NULL: none, or another thing. */
static const struct vec *constant_at(const struct expr_set *s, const struct step *st,
				     unsigned *io_k)
{
	for (; *io_k < st->n_args; ++*io_k) {
		const struct vec *v = s->p.steps[st->args[*io_k]].constant;
		if (!v || v->state[0] == VEC_VALUE)
			return v;
	}
	return NULL;
}

unsigned expr_set_one_of(const struct expr_set *s, unsigned expr, unsigned *ret_input)
{
	const struct step *st = &s->p.steps[s->exprs[expr]];
	unsigned n = 0, k = 1;
	if (!st->fn || (st->fn != &fn_in && strcmp(st->fn->name, "=") != 0))
		return 0;
	const struct step *subject = &s->p.steps[st->args[0]];
	if (subject->fn || subject->constant || subject->type != SQL_TEXT)
		return 0;
	for (; constant_at(s, st, &k); k++)
		n++;
	*ret_input = subject->column;
	return k == st->n_args ? n : 0;
}

struct slice expr_set_one_of_text(const struct expr_set *s, unsigned expr, unsigned i)
{
	const struct step *st = &s->p.steps[s->exprs[expr]];
	unsigned k = 1;
	while (constant_at(s, st, &k) && i-- > 0)
		k++;
	return s->p.steps[st->args[k]].constant->s[0];
}

void expr_set_leave_out(struct expr_set *s, unsigned expr)
{
	s->left_out[expr] = true;
}

bool expr_set_is_read(const struct expr_set *s, unsigned i)
{
	for (unsigned c = 0; c < s->n_order; c++) {
		const struct step *st = &s->p.steps[s->order[c]];
		for (unsigned k = 0; k < n_read(st); k++) {
			const struct step *arg = &s->p.steps[st->args[k]];
			if (!arg->fn && !arg->constant && arg->column == i)
				return true;
		}
	}
	return false;
}

/* ---- running ---- */

static enum sql_type type_of_kind(enum cell_kind kind)
{
	static const enum sql_type types[] = {[CELL_I] = SQL_INT8,
					      [CELL_F] = SQL_FLOAT8,
					      [CELL_S] = SQL_TEXT,
					      [CELL_N] = SQL_NUMERIC,
					      [CELL_V] = SQL_INTERVAL};
	return types[kind];
}

static int spread_constant(struct vec *v, const struct vec *one)
{
	union cell c;
	if (vec_init(v, one->type) < 0)
		return -ENOMEM;
	memset(v->state, one->state[0], VEC_ROWS_MAX);
	if (one->state[0] != VEC_VALUE)
		return 0;
	cell_load(one, 0, &c);
	for (unsigned i = 0; i < VEC_ROWS_MAX; i++)
		cell_store(v, i, &c);
	return 0;
}

/* The vector that a step's value stands in. */
static struct vec *vec_of(struct expr_run *r, uint32_t step)
{
	const struct step *st = &r->s->p.steps[step];
	if (st->constant)
		return &r->constants[step];
	return st->fn ? &r->outs[step] : &r->inputs[st->column];
}

static void link_calls(struct expr_run *r)
{
	const struct expr_set *s = r->s;
	struct vec **args = r->args;
	for (unsigned i = 0; i < s->n_order; i++) {
		uint32_t step = s->order[i];
		const struct step *st = &s->p.steps[step];
		struct call *c = &r->calls[i];
		r->outs[step] = r->slots[s->slot_of[step]];
		r->outs[step].type = (enum sql_type)st->type;
		*c = (struct call){.fn = st->fn,
				   .aux = st->aux,
				   .out = &r->outs[step],
				   .in = args,
				   .n_in = n_read(st),
				   .zone = s->p.zone,
				   .patterns = r->patterns};
		for (unsigned k = 0; k < c->n_in; k++) {
			args[k] = vec_of(r, st->args[k]);
			if (k < 32 && s->p.steps[st->args[k]].constant)
				c->constants |= 1u << k;
		}
		args += c->n_in;
	}
}

static bool make_vectors(struct expr_run *r)
{
	const struct expr_set *s = r->s;
	size_t n = s->p.n_steps + 1, n_args = 1;
	for (unsigned i = 0; i < s->n_order; i++)
		n_args += s->p.steps[s->order[i]].n_args;
	r->slots = mem_alloc((s->n_slots + 1) * sizeof(*r->slots));
	r->inputs = mem_alloc((s->scope.n_inputs + 1) * sizeof(*r->inputs));
	r->constants = mem_alloc(n * sizeof(*r->constants));
	r->outs = mem_alloc(n * sizeof(*r->outs));
	r->calls = mem_alloc((s->n_order + 1) * sizeof(*r->calls));
	r->args = mem_alloc(n_args * sizeof(*r->args));
	r->patterns = patterns_scratch_create(s->p.patterns);
	if (!r->slots || !r->inputs || !r->constants || !r->outs || !r->calls || !r->args ||
	    !r->patterns)
		return false;
	for (unsigned i = 0; i < s->n_slots; i++)
		if (vec_init(&r->slots[i], type_of_kind(s->slots[i].kind)) < 0)
			return false;
	for (unsigned i = 0; i < s->scope.n_inputs; i++)
		if (vec_init(&r->inputs[i], s->scope.inputs[i].type) < 0)
			return false;
	for (uint32_t i = 0; i < s->p.n_steps; i++)
		if (s->spread[i] && spread_constant(&r->constants[i], s->p.steps[i].constant) < 0)
			return false;
	return true;
}

int expr_run_create(const struct expr_set *s, struct expr_run **ret_r, struct err *e)
{
	struct expr_run *r = mem_alloc(sizeof(*r));
	if (r) {
		r->s = s;
		if (make_vectors(r)) {
			link_calls(r);
			*ret_r = r;
			return 0;
		}
	}
	expr_run_destroy(r);
	return err_set(e, -ENOMEM, "out of memory to run expressions");
}

void expr_run_destroy(struct expr_run *r)
{
	if (!r)
		return;
	for (unsigned i = 0; r->slots && i < r->s->n_slots; i++)
		vec_fini(&r->slots[i]);
	for (unsigned i = 0; r->inputs && i < r->s->scope.n_inputs; i++)
		vec_fini(&r->inputs[i]);
	for (uint32_t i = 0; r->constants && i < r->s->p.n_steps; i++)
		if (r->s->spread[i])
			vec_fini(&r->constants[i]);
	patterns_scratch_destroy(r->patterns);
	mem_free(r->slots);
	mem_free(r->inputs);
	mem_free(r->constants);
	mem_free(r->outs);
	mem_free(r->calls);
	mem_free(r->args);
	mem_free(r);
}

struct vec *expr_run_input(struct expr_run *r, unsigned i)
{
	return &r->inputs[i];
}

void expr_run_all(struct expr_run *r, unsigned n, struct arena *a)
{
	patterns_begin(r->patterns);
	for (unsigned i = 0; i < r->s->n_order; i++) {
		r->calls[i].a = a;
		fn_run(&r->calls[i], n);
	}
}

const struct vec *expr_run_result(const struct expr_run *r, unsigned expr)
{
	return vec_of((struct expr_run *)r, r->s->exprs[expr]);
}
