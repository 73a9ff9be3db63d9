#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/graph/op_parts.h"

#define PROJECT_COLS(X)                                      \
	X(IN, records_in, "records of the inputs")           \
	X(OUT, records_out, "records with the fields asked") \
	OP_ERROR_COLS(X)                                     \
	X(INFO, nulled, "values that ended in an error and are null (on_error: null)")
#define PROJECT_COL(kind, name, help) PROJECT_##name,
enum { PROJECT_COLS(PROJECT_COL) PROJECT_N_COLS };
LEDGER_DEFINE(project, "project", "records", PROJECT_COLS);

enum on_error { ON_ERROR_DROP, ON_ERROR_NULL };

struct project_conf {
	const char *select;
	int on_error; /* enum on_error */
};

static const char *const on_errors[] = {[ON_ERROR_DROP] = "drop", [ON_ERROR_NULL] = "null", NULL};

static const struct opt project_opts[] = {
	{.name = "select",
	 .type = OPT_STRING,
	 .off = offsetof(struct project_conf, select),
	 .required = true,
	 .live = true,
	 .help = "What a record has from here on, as behind SELECT: \"uid, dur::int AS seconds\". "
		 "A "
		 "* keeps all that is there."},
	{.name = "on_error",
	 .type = OPT_ENUM,
	 .off = offsetof(struct project_conf, on_error),
	 .choices = on_errors,
	 .def = "drop",
	 .live = true,
	 .help = "An expression ends in an error (text that is no number in a cast): the record is "
		 "dropped and counted as lost, or the value is null."},
	OPT_END,
};

struct project_plan {
	struct op_plan base;
	struct op_exprs x;
	const struct expr_item *items; /* of the set; stars among them */
	unsigned n_items;
	bool keeps, nulls;
	struct field_def *fields; /* of the items, stars left out */
	unsigned *exprs;
	unsigned n_fields;
	struct schema schema;   /* of records that keep nothing else */
	struct column *columns; /* where an item goes in a record that keeps the rest */
};

struct project {
	struct op_exprs_state x;
	struct column *columns; /* the plan's, to be written to */
	struct rec *in[BATCH_RECS_MAX], *out[BATCH_RECS_MAX];
	uint16_t row[BATCH_RECS_MAX]; /* of in[i] in the vectors */
};

static void project_destroy(struct op_plan *p)
{
	struct project_plan *j = (struct project_plan *)p;
	if (!j)
		return;
	schema_fini(&j->schema);
	op_exprs_fini(&j->x);
	mem_free(j->fields);
	mem_free(j->exprs);
	mem_free(j->columns);
	op_plan_free(p);
}

/* ---- building ---- */

static int check_name(const struct project_plan *j, const struct op_env *env, const char *name,
		      struct err *e)
{
	int rc = 0;
	if (name[0] == '_')
		rc = err_set(e, -EINVAL,
			     "the name %s: names that begin with \"_\" are sluice's own; expected "
			     "another one, behind AS",
			     name);
	for (unsigned i = 0; rc == 0 && i < j->n_fields; i++)
		if (strcmp(j->fields[i].name, name) == 0)
			rc = err_set(e, -EINVAL,
				     "two fields named %s; expected AS and another name", name);
	return rc < 0 ? env->wrong(env->arg, "select", 0, rc, e) : 0;
}

static int add_items(struct project_plan *j, const struct op_env *env, struct err *e)
{
	j->fields = mem_alloc((j->n_items + 1) * sizeof(*j->fields));
	j->exprs = mem_alloc((j->n_items + 1) * sizeof(*j->exprs));
	j->columns = mem_alloc((j->n_items + 1) * sizeof(*j->columns));
	if (!j->fields || !j->exprs || !j->columns)
		return err_set(e, -ENOMEM, "no memory for %s", env->name);
	for (unsigned i = 0; i < j->n_items; i++) {
		const struct expr_item *it = &j->items[i];
		if (it->expr < 0) {
			j->keeps = true;
			continue;
		}
		int rc = check_name(j, env, it->name, e);
		if (rc == 0)
			rc = column_init(&j->columns[j->n_fields], it->name, env->names,
					 env->source_names);
		if (rc < 0)
			return rc;
		unsigned expr = (unsigned)it->expr;
		j->exprs[j->n_fields] = expr;
		j->fields[j->n_fields++] = (struct field_def){
			.name = it->name, .type = op_val_type(expr_set_type(j->x.set, expr))};
	}
	return 0;
}

/* The fields that are kept, but for those that an item puts another value into; then the items. */
static int make_schema(struct project_plan *j, const struct op_env *env, struct err *e)
{
	const struct op_schema none = {0};
	struct op_field *fields = mem_alloc((j->n_fields + 1) * sizeof(*fields));
	int rc = fields ? op_ports_init(&j->base, 1) : -ENOMEM;
	for (unsigned k = 0; fields && k < j->n_fields; k++)
		fields[k] =
			(struct op_field){j->fields[k].name, expr_set_type(j->x.set, j->exprs[k])};
	if (rc == 0)
		rc = op_schema_extend(&j->base, 0, j->keeps ? env->in : &none, fields, j->n_fields);
	if (rc == 0 && !j->keeps)
		rc = schema_init(&j->schema, j->fields, (uint16_t)j->n_fields);
	mem_free(fields);
	return rc < 0 ? err_set(e, rc, "no memory for %s", env->name) : 0;
}

static int project_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
			 struct err *e)
{
	const struct project_conf *c = conf;
	struct project_plan *j = mem_alloc(sizeof(*j));
	if (!j)
		return err_set(e, -ENOMEM, "no memory for %s", env->name);
	j->nulls = c->on_error == ON_ERROR_NULL;
	int rc = op_exprs_init(&j->x, env, e);
	if (rc == 0)
		rc = op_exprs_add_list(&j->x, env, "select", c->select, &j->items, &j->n_items, e);
	if (rc == 0)
		rc = op_exprs_finish(&j->x, e);
	if (rc == 0)
		rc = add_items(j, env, e);
	if (rc == 0)
		rc = make_schema(j, env, e);
	if (rc < 0) {
		project_destroy(&j->base);
		return rc;
	}
	*ret_p = &j->base;
	return 0;
}

/* ---- a worker's ---- */

static void project_discard(void *state)
{
	struct project *s = state;
	op_exprs_discard(&s->x);
	mem_free(s->columns);
	mem_free(s);
}

static int project_create(const struct op_plan *p, void **ret_state, struct err *e)
{
	const struct project_plan *j = (const struct project_plan *)p;
	struct project *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a projection");
	s->columns = mem_alloc((j->n_fields + 1) * sizeof(*s->columns));
	int rc = s->columns ? op_exprs_create(&j->x, &s->x, e)
			    : err_set(e, -ENOMEM, "no memory for a projection");
	if (rc < 0) {
		project_discard(s);
		return rc;
	}
	memcpy(s->columns, j->columns, j->n_fields * sizeof(*s->columns));
	*ret_state = s;
	return 0;
}

static bool any_error(const struct project_plan *j, const struct project *s, unsigned n)
{
	uint8_t worst = 0;
	for (unsigned k = 0; k < j->n_fields; k++) {
		const uint8_t *state = expr_run_result(s->x.run, j->exprs[k])->state;
		for (unsigned i = 0; i < n; i++)
			worst = state[i] > worst ? state[i] : worst;
	}
	return worst >= VEC_ERROR;
}

/* A record is dropped with the first of its errors; else each of them is a null. */
static unsigned drop_errors(const struct project_plan *j, struct project *s,
			    struct rec *const *recs, unsigned n, struct op_run *x)
{
	uint64_t *row = op_row(x);
	unsigned n_in = 0, n_checked = any_error(j, s, n) ? j->n_fields : 0;
	for (unsigned i = 0; i < n; i++) {
		uint8_t worst = VEC_VALUE;
		for (unsigned k = 0; k < n_checked; k++) {
			uint8_t state = expr_run_result(s->x.run, j->exprs[k])->state[i];
			if (state < VEC_ERROR)
				continue;
			row[PROJECT_nulled] += j->nulls;
			if (worst < VEC_ERROR)
				worst = state;
		}
		if (worst >= VEC_ERROR && !j->nulls) {
			op_error(x, PROJECT_out_of_range, recs[i], worst);
			continue;
		}
		s->in[n_in] = recs[i];
		s->row[n_in++] = (uint16_t)i;
	}
	return n_in;
}

/* A text that stands in the arena already is only named. */
static struct val get_val(const struct vec *v, unsigned i, struct arena *a)
{
	if (v->type == SQL_TEXT && v->state[i] == VEC_VALUE) {
		struct slice s = v->s[i];
		if (s.ptr > a->base && s.ptr + s.len <= a->base + a->used && s.len <= VAL_LEN_MAX)
			return val_of(VAL_STR, (uint32_t)(s.ptr - a->base), s.len);
	}
	return v->state[i] == VEC_VALUE ? vec_get(v, i, a) : val_of(VAL_NULL, 0, 0);
}

/* Field @k of all records; those that find no room for it are no more. */
static void fill_field(const struct project_plan *j, struct project *s, struct batch *b, unsigned k,
		       unsigned n)
{
	const struct vec *v = expr_run_result(s->x.run, j->exprs[k]);
	for (unsigned i = 0; i < n; i++) {
		if (!s->out[i])
			continue;
		struct val val = get_val(v, s->row[i], &b->arena);
		if (val.type == VAL_ABSENT)
			s->out[i] = NULL;
		else if (j->keeps)
			op_rec_put(&s->columns[k], b, s->out[i], val);
		else
			s->out[i]->vals[k] = val;
	}
}

static struct rec *make_rec(const struct project_plan *j, struct batch *b, const struct rec *from)
{
	if (j->keeps)
		return op_rec_copy(b, from, j->n_fields);
	struct rec *r = op_rec(b, from, &j->schema, 0);
	if (r)
		r->change = NULL; /* before and after are not what they were */
	return r;
}

static void project_run(const struct op_plan *p, void *state, struct op_run *x,
			struct rec *const *recs, unsigned n)
{
	const struct project_plan *j = (const struct project_plan *)p;
	struct project *s = state;
	struct batch *b = op_batch(x);
	uint64_t *row = op_row(x);
	op_exprs_run(&s->x, b, recs, n);
	unsigned n_in = drop_errors(j, s, recs, n, x), n_out = 0;
	for (unsigned i = 0; i < n_in; i++)
		s->out[i] = make_rec(j, b, s->in[i]);
	for (unsigned k = 0; k < j->n_fields; k++)
		fill_field(j, s, b, k, n_in);
	for (unsigned i = 0; i < n_in; i++) {
		s->out[n_out] = s->out[i];
		n_out += s->out[i] != NULL;
	}
	row[PROJECT_no_room] += n_in - n_out;
	row[PROJECT_records_in] += n;
	row[PROJECT_records_out] += n_out;
	op_emit(x, 0, s->out, n_out);
}

const struct op op_project = {
	.name = "project",
	.summary = "Records with the fields of a SELECT list",
	.opts = project_opts,
	.conf_size = sizeof(struct project_conf),
	.ledger = &project_ledger,
	.build = project_build,
	.destroy = project_destroy,
	.create = project_create,
	.discard = project_discard,
	.run = project_run,
};
