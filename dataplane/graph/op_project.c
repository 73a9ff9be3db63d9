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

/* A field that is nothing but a field of the input is handed on as it is carried. */
struct passed {
	bool is;
	bool read; /* other expressions want it as a vector all the same */
	unsigned input;
};

struct project_plan {
	struct op_plan base;
	struct op_exprs x;
	const struct expr_item *items; /* of the set; stars among them */
	unsigned n_items;
	bool keeps, nulls;
	struct field_def *fields; /* of the items, stars left out */
	unsigned *exprs;
	struct passed *passed; /* by field */
	unsigned n_fields;
	struct schema schema;   /* of records that keep nothing else */
	struct column *columns; /* where an item goes in a record that keeps the rest */
};

struct project {
	struct op_exprs_state x;
	struct column *columns;           /* the plan's, to be written to */
	bool *passed;                     /* by field: so it is, in all records of this burst */
	struct val *vals;                 /* of field 0 of all records, of field 1, ... */
	struct rec *kept[BATCH_RECS_MAX]; /* without those that end in an error */
	struct rec *out[BATCH_RECS_MAX];
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
	mem_free(j->passed);
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
	j->passed = mem_alloc((j->n_items + 1) * sizeof(*j->passed));
	j->columns = mem_alloc((j->n_items + 1) * sizeof(*j->columns));
	if (!j->fields || !j->exprs || !j->passed || !j->columns)
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
		struct passed *pass = &j->passed[j->n_fields];
		pass->is = expr_set_is_input(j->x.set, expr, &pass->input);
		pass->read = pass->is && expr_set_is_read(j->x.set, pass->input);
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
	mem_free(s->passed);
	mem_free(s->vals);
	mem_free(s);
}

static int project_create(const struct op_plan *p, void **ret_state, struct err *e)
{
	const struct project_plan *j = (const struct project_plan *)p;
	struct project *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a projection");
	s->columns = mem_alloc((j->n_fields + 1) * sizeof(*s->columns));
	s->passed = mem_alloc((j->n_fields + 1) * sizeof(*s->passed));
	s->vals = mem_alloc((j->n_fields + 1) * BATCH_RECS_MAX * sizeof(*s->vals));
	int rc = s->columns && s->passed && s->vals
			 ? op_exprs_create(&j->x, &s->x, e)
			 : err_set(e, -ENOMEM, "no memory for a projection");
	if (rc < 0) {
		project_discard(s);
		return rc;
	}
	memcpy(s->columns, j->columns, j->n_fields * sizeof(*s->columns));
	*ret_state = s;
	return 0;
}

static struct val *vals_of(const struct project *s, unsigned k)
{
	return s->vals + (size_t)k * BATCH_RECS_MAX;
}

/* Fields that need no expression. */
static void pass_fields(const struct project_plan *j, struct project *s, const struct batch *b,
			struct rec *const *recs, unsigned n)
{
	for (unsigned k = 0; k < j->n_fields; k++) {
		const struct passed *p = &j->passed[k];
		if (!p->is)
			continue;
		s->passed[k] = column_pass(&s->x.columns[p->input], b, recs, n,
					   expr_set_type(j->x.set, j->exprs[k]), vals_of(s, k));
		s->x.left_out[p->input] = s->passed[k] && !p->read;
	}
}

static uint8_t worst_state(const struct project_plan *j, const struct project *s, unsigned n)
{
	uint8_t worst = 0;
	for (unsigned k = 0; k < j->n_fields; k++) {
		const uint8_t *state = expr_run_result(s->x.run, j->exprs[k])->state;
		for (unsigned i = 0; !s->passed[k] && i < n; i++)
			worst = state[i] > worst ? state[i] : worst;
	}
	return worst;
}

/* Numbers of eight bytes, side by side in the arena. False: it has no room for them. */
static bool take_words(const struct vec *v, enum val_type type, unsigned n, struct arena *a,
		       struct val *vals)
{
	uint32_t off = arena_take8(a, n * sizeof(*v->i));
	if (!off)
		return false;
	memcpy(a->base + off, v->i, n * sizeof(*v->i));
	for (unsigned i = 0; i < n; i++)
		vals[i] = v->state[i] == VEC_VALUE ? val_of(type, off + 8 * i, 8)
						   : val_of(VAL_NULL, 0, 0);
	return true;
}

/* A text that stands in the arena already is only named. */
static struct val take_text(const struct vec *v, unsigned i, struct arena *a)
{
	struct slice s = v->s[i];
	if (s.ptr > a->base && s.ptr + s.len <= a->base + a->used && s.len <= VAL_LEN_MAX)
		return val_of(VAL_STR, (uint32_t)(s.ptr - a->base), s.len);
	return vec_get(v, i, a);
}

static struct val take_val(const struct vec *v, unsigned i, struct arena *a)
{
	if (v->state[i] != VEC_VALUE)
		return val_of(VAL_NULL, 0, 0);
	return v->type == SQL_TEXT ? take_text(v, i, a) : vec_get(v, i, a);
}

/* The results of an expression as values. False: for some there is no room, and they are
 * VAL_ABSENT.
 */
static bool take_vals(const struct vec *v, unsigned n, struct arena *a, struct val *vals)
{
	enum val_type type = op_val_type(v->type);
	bool words = type == VAL_I64 || type == VAL_F64 || type == VAL_TIME, whole = true;
	if (words && take_words(v, type, n, a, vals))
		return true;
	for (unsigned i = 0; i < n; i++) {
		vals[i] = take_val(v, i, a);
		whole &= vals[i].type != VAL_ABSENT;
	}
	return whole;
}

/* The same of a field that some records could hand on, and others, which are VAL_ABSENT, could not.
 * What a record makes of it must not hang on which others came in its burst: what is handed on
 * stays, and has no error.
 */
static bool take_rest(struct vec *v, unsigned n, struct arena *a, struct val *vals)
{
	bool whole = true;
	for (unsigned i = 0; i < n; i++) {
		if (vals[i].type != VAL_ABSENT)
			v->state[i] = VEC_VALUE;
		else
			vals[i] = take_val(v, i, a);
		whole &= vals[i].type != VAL_ABSENT;
	}
	return whole;
}

/* The values of the fields that were not passed for the whole burst. */
static bool take_fields(const struct project_plan *j, struct project *s, unsigned n,
			struct arena *a)
{
	bool whole = true;
	for (unsigned k = 0; k < j->n_fields; k++) {
		const struct passed *p = &j->passed[k];
		if (s->passed[k])
			continue;
		whole &= p->is ? take_rest(expr_run_input(s->x.run, p->input), n, a, vals_of(s, k))
			       : take_vals(expr_run_result(s->x.run, j->exprs[k]), n, a,
					   vals_of(s, k));
	}
	return whole;
}

/* A record is dropped with the first of its errors; else each of them is a null. The values of
 * those that stay move up; they are s->kept. Returns how many.
 */
static unsigned drop_errors(const struct project_plan *j, struct project *s,
			    struct rec *const *recs, unsigned n, struct op_run *x)
{
	uint64_t *row = op_row(x);
	unsigned n_in = 0;
	for (unsigned i = 0; i < n; i++) {
		uint8_t worst = VEC_VALUE;
		for (unsigned k = 0; k < j->n_fields; k++) {
			vals_of(s, k)[n_in] = vals_of(s, k)[i];
			uint8_t state = expr_run_result(s->x.run, j->exprs[k])->state[i];
			if (s->passed[k] || state < VEC_ERROR)
				continue;
			row[PROJECT_nulled] += j->nulls;
			if (worst < VEC_ERROR)
				worst = state;
		}
		if (worst >= VEC_ERROR && !j->nulls)
			op_error(x, PROJECT_out_of_range, recs[i], worst);
		else
			s->kept[n_in++] = recs[i];
	}
	return n_in;
}

/* The same for values that found no room. */
static unsigned drop_absent(const struct project_plan *j, struct project *s, unsigned n)
{
	unsigned n_in = 0;
	for (unsigned i = 0; i < n; i++) {
		bool whole = true;
		for (unsigned k = 0; k < j->n_fields; k++) {
			whole &= vals_of(s, k)[i].type != VAL_ABSENT;
			vals_of(s, k)[n_in] = vals_of(s, k)[i];
		}
		s->kept[n_in] = s->kept[i];
		n_in += whole;
	}
	return n_in;
}

/* Copies of the records, with the fields set. Returns how many there is room for. */
static unsigned copy_recs(const struct project_plan *j, struct project *s, struct batch *b,
			  struct rec *const *from, unsigned n, unsigned room)
{
	for (unsigned i = 0; i < n; i++) {
		s->out[i] = op_rec_copy(b, from[i], j->n_fields + room);
		if (!s->out[i])
			return i;
		for (unsigned k = 0; k < j->n_fields; k++)
			op_rec_put(&s->columns[k], b, s->out[i], vals_of(s, k)[i]);
	}
	return n;
}

/* Records that have these fields and no others, side by side. Returns how many there is room for.
 */
static unsigned lay_recs(const struct project_plan *j, struct project *s, struct batch *b,
			 struct rec *const *from, unsigned n, unsigned room)
{
	size_t bytes = sizeof(struct rec) + (j->n_fields + 2u * room) * sizeof(struct val);
	size_t left = arena_left(&b->arena), n_fit = left < 8 ? 0 : (left - 7) / bytes;
	n = n < n_fit ? n : (unsigned)n_fit;
	uint32_t off = arena_take8(&b->arena, n * bytes);
	if (!off)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		struct rec *r = (struct rec *)(b->arena.base + off + i * bytes);
		*r = *from[i];
		r->schema = &j->schema;
		r->n_pairs = 0;
		r->change = NULL; /* before and after are not what they were */
		s->out[i] = r;
	}
	for (unsigned k = 0; k < j->n_fields; k++) {
		const struct val *vals = vals_of(s, k);
		for (unsigned i = 0; i < n; i++)
			s->out[i]->vals[k] = vals[i];
	}
	return n;
}

static void project_run(const struct op_plan *p, void *state, struct op_run *x,
			struct rec *const *recs, unsigned n)
{
	const struct project_plan *j = (const struct project_plan *)p;
	struct project *s = state;
	struct batch *b = op_batch(x);
	uint64_t *row = op_row(x);
	unsigned n_in = n;
	pass_fields(j, s, b, recs, n);
	op_exprs_run(&s->x, b, recs, n);
	bool whole = take_fields(j, s, n, &b->arena);
	if (worst_state(j, s, n) >= VEC_ERROR || !whole) {
		n_in = drop_errors(j, s, recs, n, x);
		recs = s->kept;
	}
	unsigned n_whole = whole ? n_in : drop_absent(j, s, n_in);
	unsigned n_out = (j->keeps ? copy_recs : lay_recs)(j, s, b, recs, n_whole, op_room_next(x));
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
	.makes_room = true,
};
