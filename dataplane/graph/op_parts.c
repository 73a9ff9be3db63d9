#include "dataplane/graph/op_parts.h"

#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/graph/key.h"

/* ---- ports ---- */

int op_ports_init(struct op_plan *p, unsigned n)
{
	p->ports = mem_alloc(n * sizeof(*p->ports));
	p->n_ports = p->ports ? n : 0;
	return p->ports ? 0 : -ENOMEM;
}

int op_schema_set(struct op_plan *p, unsigned port, const struct op_field *fields, unsigned n,
		  bool open)
{
	struct op_schema *s = (struct op_schema *)&p->ports[port];
	struct op_field *copy = mem_alloc((n + 1) * sizeof(*copy));
	s->fields = copy;
	s->open = open;
	if (!copy)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		copy[i] = (struct op_field){mem_strdup(fields[i].name), fields[i].type};
		if (!copy[i].name)
			return -ENOMEM;
		s->n_fields++;
	}
	return 0;
}

int op_schema_copy(struct op_plan *p, unsigned port, const struct op_schema *from)
{
	return op_schema_set(p, port, from->fields, from->n_fields, from->open);
}

int op_schema_extend(struct op_plan *p, unsigned port, const struct op_schema *from,
		     const struct op_field *more, unsigned n_more)
{
	unsigned n = 0;
	struct op_field *fields = mem_alloc((from->n_fields + n_more + 1) * sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	for (unsigned i = 0; i < from->n_fields; i++) {
		bool replaced = false;
		for (unsigned k = 0; k < n_more; k++)
			replaced |= strcmp(more[k].name, from->fields[i].name) == 0;
		if (!replaced)
			fields[n++] = from->fields[i];
	}
	memcpy(fields + n, more, n_more * sizeof(*more));
	int rc = op_schema_set(p, port, fields, n + n_more, from->open);
	mem_free(fields);
	return rc;
}

void op_ports_fini(struct op_plan *p)
{
	for (unsigned i = 0; i < p->n_ports; i++) {
		for (unsigned k = 0; k < p->ports[i].n_fields; k++)
			mem_free((void *)p->ports[i].fields[k].name);
		mem_free((void *)p->ports[i].fields);
	}
	mem_free((void *)p->ports);
}

void op_plan_free(struct op_plan *p)
{
	if (!p)
		return;
	op_ports_fini(p);
	mem_free(p);
}

/* ---- parts of values ---- */

static int part_wrong(void *arg, const char *key, size_t off, int code, struct err *e)
{
	const struct op_env_part *p = arg;
	const struct op_env *w = p->whole;
	return w->wrong(w->arg, p->key ? p->key : key, p->off + off, code, e);
}

static struct dim *part_dim(void *arg, const char *name)
{
	const struct op_env_part *p = arg;
	return p->whole->dim(p->whole->arg, name);
}

void op_env_part(struct op_env_part *p, const struct op_env *whole, const char *key, size_t off)
{
	*p = (struct op_env_part){.env = *whole, .whole = whole, .key = key, .off = off};
	p->env.dim = part_dim;
	p->env.wrong = part_wrong;
	p->env.note = NULL;
	p->env.arg = p;
}

enum val_type op_val_type(enum sql_type t)
{
	switch (t) {
	case SQL_BOOL:
		return VAL_TRUE;
	case SQL_INT2:
	case SQL_INT4:
	case SQL_INT8:
		return VAL_I64;
	case SQL_FLOAT4:
	case SQL_FLOAT8:
		return VAL_F64;
	case SQL_NUMERIC:
		return VAL_NUM;
	case SQL_TIMESTAMPTZ:
		return VAL_TIME;
	case SQL_JSON:
		return VAL_JSON;
	case SQL_BYTEA:
		return VAL_BYTES;
	default:
		return VAL_STR;
	}
}

/* ---- records ---- */

void op_rec_put(struct column *c, const struct batch *b, struct rec *r, struct val v)
{
	struct val *slot = column_slot(c, b, r);
	if (!slot) {
		struct val *pair = rec_pairs(r) + 2 * r->n_pairs++;
		pair[0] = val_of(VAL_NAME, c->name_id, 0);
		slot = &pair[1];
	} else if (slot < rec_pairs(r)) {
		r->change = NULL; /* before and after may not be what they were */
	}
	*slot = v;
}

/* ---- expressions ---- */

int op_exprs_init(struct op_exprs *x, const struct op_env *env, struct err *e)
{
	unsigned n = env->in->n_fields + column_n_meta;
	x->names = env->names;
	x->source_names = env->source_names;
	x->scope = mem_alloc(n * sizeof(*x->scope));
	if (!x->scope)
		return err_set(e, -ENOMEM, "no memory for the columns of %s", env->name);
	for (unsigned i = 0; i < n; i++) {
		const struct op_field *f = i < env->in->n_fields
						   ? &env->in->fields[i]
						   : &column_meta[i - env->in->n_fields];
		x->scope[i] = (struct expr_column){f->name, f->type};
	}
	struct expr_scope scope = {.columns = x->scope, .n_columns = n, .open = env->in->open};
	return expr_set_create(&scope, &x->set, e);
}

void op_exprs_fini(struct op_exprs *x)
{
	expr_set_destroy(x->set);
	mem_free(x->scope);
}

int op_exprs_add(struct op_exprs *x, const struct op_env *env, const char *key, const char *text,
		 struct err *e)
{
	struct expr_place at = {0};
	int rc = expr_set_add(x->set, slice_str(text), &at, e);
	return rc < 0 ? env->wrong(env->arg, key, at.off, rc, e) : rc;
}

int op_exprs_add_list(struct op_exprs *x, const struct op_env *env, const char *key,
		      const char *text, const struct expr_item **ret_items, unsigned *ret_n,
		      struct err *e)
{
	struct expr_place at = {0};
	int rc = expr_set_add_list(x->set, slice_str(text), ret_items, ret_n, &at, e);
	return rc < 0 ? env->wrong(env->arg, key, at.off, rc, e) : rc;
}

int op_exprs_add_condition(struct op_exprs *x, const struct op_env *env, const char *key,
			   const char *text, struct err *e)
{
	int rc = op_exprs_add(x, env, key, text, e);
	if (rc < 0)
		return rc;
	enum sql_type t = expr_set_type(x->set, (unsigned)rc);
	if (t == SQL_BOOL)
		return rc;
	err_set(e, -EINVAL, "this is of type %s; expected a condition, of type boolean",
		sql_type_name(t));
	return env->wrong(env->arg, key, 0, -EINVAL, e);
}

int op_exprs_add_key(struct op_exprs *x, const struct op_env *env, const char *key,
		     const char *text, struct err *e)
{
	int rc = op_exprs_add(x, env, key, text, e);
	if (rc < 0)
		return rc;
	enum sql_type t = expr_set_type(x->set, (unsigned)rc);
	if (key_can(t))
		return rc;
	err_set(e, -EINVAL, "a key of type %s; expected another type: x::text is one",
		sql_type_name(t));
	return env->wrong(env->arg, key, 0, -EINVAL, e);
}

int op_exprs_finish(struct op_exprs *x, struct err *e)
{
	return expr_set_finish(x->set, e);
}

int op_exprs_create(const struct op_exprs *x, struct op_exprs_state *s, struct err *e)
{
	const struct expr_column *inputs = expr_set_inputs(x->set, &s->n_columns);
	s->x = x;
	s->columns = mem_alloc((s->n_columns + 1) * sizeof(*s->columns));
	s->left_out = mem_alloc((s->n_columns + 1) * sizeof(*s->left_out));
	if (!s->columns || !s->left_out)
		return err_set(e, -ENOMEM, "no memory for columns");
	for (unsigned i = 0; i < s->n_columns; i++) {
		int rc = column_init(&s->columns[i], inputs[i].name, x->names, x->source_names);
		if (rc < 0)
			return err_set(e, rc, "no room for the name of column %s", inputs[i].name);
		struct later_pick *pick = &s->columns[i].pick;
		pick->keys = expr_set_members(x->set, i, &pick->n);
		s->columns[i].only_there =
			inputs[i].type == SQL_TEXT && expr_set_asks_null(x->set, i);
	}
	return expr_run_create(x->set, &s->run, e);
}

void op_exprs_discard(struct op_exprs_state *s)
{
	expr_run_destroy(s->run);
	mem_free(s->columns);
	mem_free(s->left_out);
}

void op_exprs_run(struct op_exprs_state *s, struct batch *b, struct rec *const *recs, unsigned n)
{
	for (unsigned i = 0; i < s->n_columns; i++)
		if (!s->left_out[i])
			column_fill(&s->columns[i], b, recs, n, expr_run_input(s->run, i));
	expr_run_all(s->run, n, &b->arena);
}

#define N_ERRORS (VEC_N_STATES - VEC_ERROR)

void op_error(struct op_run *x, unsigned col, const struct rec *r, uint8_t error)
{
	unsigned lost = (unsigned)(error - VEC_ERROR);
	op_row(x)[col +
		  (op_dead(x, r, vec_error_name(error), (struct slice){0}) ? N_ERRORS : lost)]++;
}

unsigned op_errors(struct op_run *x, unsigned col, struct rec *const *recs, const struct vec *v,
		   unsigned n)
{
	unsigned n_errors = 0;
	for (unsigned i = 0; i < n; i++)
		n_errors += v->state[i] >= VEC_ERROR;
	for (unsigned i = 0; n_errors && i < n; i++)
		if (v->state[i] >= VEC_ERROR)
			op_error(x, col, recs[i], v->state[i]);
	return n_errors;
}
