#include "dataplane/base/mem.h"
#include "dataplane/graph/op_parts.h"

#define FILTER_COLS(X)                                               \
	X(IN, records_in, "records of the inputs")                   \
	X(OUT, records_out, "records for which the condition holds") \
	X(POLICY, filtered, "records for which it is false or null") \
	OP_ERROR_COLS(X)
#define FILTER_COL(kind, name, help) FILTER_##name,
enum { FILTER_COLS(FILTER_COL) FILTER_N_COLS };
LEDGER_DEFINE(filter, "filter", "records", FILTER_COLS);

struct filter_conf {
	const char *where;
};

static const struct opt filter_opts[] = {
	{.name = "where",
	 .type = OPT_STRING,
	 .off = offsetof(struct filter_conf, where),
	 .required = true,
	 .live = true,
	 .help = "The condition (docs/expressions.md) of the records that go on."},
	OPT_END,
};

struct filter_plan {
	struct op_plan base;
	struct op_exprs x;
	unsigned where;
};

struct filter {
	struct op_exprs_state x;
	struct rec *out[BATCH_RECS_MAX];
};

static void filter_destroy(struct op_plan *p)
{
	struct filter_plan *f = (struct filter_plan *)p;
	if (!f)
		return;
	op_exprs_fini(&f->x);
	op_plan_free(p);
}

static int filter_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
			struct err *e)
{
	const struct filter_conf *c = conf;
	struct filter_plan *f = mem_alloc(sizeof(*f));
	int rc = f ? 0 : -ENOMEM;
	if (rc < 0 || (rc = op_ports_init(&f->base, 1)) < 0 ||
	    (rc = op_schema_copy(&f->base, 0, env->in)) < 0)
		err_set(e, rc, "no memory for %s", env->name);
	if (rc == 0 && (rc = op_exprs_init(&f->x, env, e)) == 0 &&
	    (rc = op_exprs_add_condition(&f->x, env, "where", c->where, e)) >= 0) {
		f->where = (unsigned)rc;
		rc = op_exprs_finish(&f->x, e);
	}
	if (rc < 0) {
		filter_destroy(f ? &f->base : NULL);
		return rc;
	}
	*ret_p = &f->base;
	return 0;
}

static void filter_discard(void *state)
{
	struct filter *s = state;
	op_exprs_discard(&s->x);
	mem_free(s);
}

static int filter_create(const struct op_plan *p, void **ret_state, struct err *e)
{
	struct filter *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a filter");
	int rc = op_exprs_create(&((const struct filter_plan *)p)->x, &s->x, e);
	if (rc < 0)
		filter_discard(s);
	else
		*ret_state = s;
	return rc;
}

static void filter_run(const struct op_plan *p, void *state, struct op_run *x,
		       struct rec *const *recs, unsigned n)
{
	const struct filter_plan *f = (const struct filter_plan *)p;
	struct filter *s = state;
	uint64_t *row = op_row(x);
	unsigned n_out = 0;
	op_exprs_run(&s->x, op_batch(x), recs, n);
	const struct vec *v = expr_run_result(s->x.run, f->where);
	for (unsigned i = 0; i < n; i++) {
		s->out[n_out] = recs[i];
		n_out += v->state[i] == VEC_VALUE && v->i[i];
	}
	unsigned n_errors = op_errors(x, FILTER_out_of_range, recs, v, n);
	row[FILTER_records_in] += n;
	row[FILTER_records_out] += n_out;
	row[FILTER_filtered] += n - n_out - n_errors;
	op_emit(x, 0, s->out, n_out);
}

const struct op op_filter = {
	.name = "filter",
	.summary = "The records for which a condition holds",
	.opts = filter_opts,
	.conf_size = sizeof(struct filter_conf),
	.ledger = &filter_ledger,
	.build = filter_build,
	.destroy = filter_destroy,
	.create = filter_create,
	.discard = filter_discard,
	.run = filter_run,
};
