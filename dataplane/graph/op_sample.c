#include "dataplane/base/mem.h"
#include "dataplane/graph/key.h"
#include "dataplane/graph/numeric.h"
#include "dataplane/graph/op_parts.h"

#define SAMPLE_COLS(X)                                       \
	X(IN, records_in, "records of the inputs")           \
	X(OUT, records_out, "records of the sample")         \
	X(POLICY, not_sampled, "records that are not in it") \
	OP_ERROR_COLS(X)                                     \
	X(INFO, no_key, "records whose key is null: these are taken by what they are themselves")
#define SAMPLE_COL(kind, name, help) SAMPLE_##name,
enum { SAMPLE_COLS(SAMPLE_COL) SAMPLE_N_COLS };
LEDGER_DEFINE(sample, "sample", "records", SAMPLE_COLS);

struct sample_conf {
	const char *rate, *key;
	int64_t one_in;
};

static const struct opt sample_opts[] = {
	{.name = "rate",
	 .type = OPT_STRING,
	 .off = offsetof(struct sample_conf, rate),
	 .live = true,
	 .help = "The part of all records that goes on, above 0 and at most 1: 0.01. This or "
		 "one_in."},
	{.name = "one_in",
	 .type = OPT_INT,
	 .off = offsetof(struct sample_conf, one_in),
	 .min = 0,
	 .max = 1000000000,
	 .def = "0",
	 .live = true,
	 .help = "One record of so many goes on, on average. 0: see rate."},
	{.name = "key",
	 .type = OPT_STRING,
	 .off = offsetof(struct sample_conf, key),
	 .live = true,
	 .help = "An expression (docs/expressions.md): records of one key all go on, or none of "
		 "them "
		 "does. Not set: each record by itself."},
	OPT_END,
};

struct sample_plan {
	struct op_plan base;
	struct op_exprs x;
	bool by_key;
	unsigned key;
	uint64_t below; /* of 2^53: hashes below it are in the sample */
};

struct sample {
	struct op_exprs_state x;
	struct rec *out[BATCH_RECS_MAX];
};

#define HASH_BITS 53 /* what a double holds */

static void sample_destroy(struct op_plan *p)
{
	struct sample_plan *s = (struct sample_plan *)p;
	if (!s)
		return;
	op_exprs_fini(&s->x);
	op_plan_free(p);
}

static int read_rate(struct sample_plan *s, const struct sample_conf *c, const struct op_env *env,
		     struct err *e)
{
	struct numeric n;
	int rc = 0;
	if (!c->rate == !c->one_in) {
		rc = err_set(e, -EINVAL, "%s; expected one of rate and one_in",
			     c->rate ? "two of them" : "nothing");
		return env->wrong(env->arg, c->rate ? "rate" : "op", 0, rc, e);
	}
	double rate = c->one_in ? 1.0 / (double)c->one_in : 0;
	if (c->rate) {
		rate = numeric_parse(slice_str(c->rate), &n) == VEC_VALUE ? numeric_to_f64(n) : 0;
		if (!(rate > 0 && rate <= 1)) {
			rc = err_set(e, -EINVAL,
				     "\"%s\" is no part of a whole; expected a number above 0, at "
				     "most 1, such as 0.01",
				     c->rate);
			return env->wrong(env->arg, "rate", 0, rc, e);
		}
	}
	s->below = (uint64_t)(rate * (double)(UINT64_C(1) << HASH_BITS));
	return 0;
}

static int add_key(struct sample_plan *s, const struct sample_conf *c, const struct op_env *env,
		   struct err *e)
{
	int rc = 0;
	s->by_key = c->key;
	if (c->key && (rc = op_exprs_add_key(&s->x, env, "key", c->key, e)) < 0)
		return rc;
	s->key = (unsigned)rc;
	return op_exprs_finish(&s->x, e);
}

static int sample_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
			struct err *e)
{
	const struct sample_conf *c = conf;
	struct sample_plan *s = mem_alloc(sizeof(*s));
	int rc = s ? 0 : -ENOMEM;
	if (rc < 0 || (rc = op_ports_init(&s->base, 1)) < 0 ||
	    (rc = op_schema_copy(&s->base, 0, env->in)) < 0)
		err_set(e, rc, "no memory for %s", env->name);
	if (rc == 0 && (rc = read_rate(s, c, env, e)) == 0 &&
	    (rc = op_exprs_init(&s->x, env, e)) == 0)
		rc = add_key(s, c, env, e);
	if (rc < 0) {
		sample_destroy(s ? &s->base : NULL);
		return rc;
	}
	*ret_p = &s->base;
	return 0;
}

static void sample_discard(void *state)
{
	struct sample *s = state;
	op_exprs_discard(&s->x);
	mem_free(s);
}

static int sample_create(const struct op_plan *p, void **ret_state, struct err *e)
{
	struct sample *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a sample");
	int rc = op_exprs_create(&((const struct sample_plan *)p)->x, &s->x, e);
	if (rc < 0)
		sample_discard(s);
	else
		*ret_state = s;
	return rc;
}

/* What the record's _id is made of: the same in a replay, with any number of workers. */
static struct key identity(const struct rec *r)
{
	const uint64_t words[3] = {r->session_id, r->stream_off, (uint64_t)r->idx << 1 | r->dir};
	return key_of_bytes(words, sizeof(words));
}

static void sample_run(const struct op_plan *p, void *state, struct op_run *x,
		       struct rec *const *recs, unsigned n)
{
	const struct sample_plan *s = (const struct sample_plan *)p;
	struct sample *w = state;
	uint64_t *row = op_row(x);
	const struct vec *v = NULL;
	unsigned n_out = 0, n_errors = 0;
	if (s->by_key) {
		op_exprs_run(&w->x, op_batch(x), recs, n);
		v = expr_run_result(w->x.run, s->key);
		n_errors = op_errors(x, SAMPLE_out_of_range, recs, v, n);
	}
	for (unsigned i = 0; i < n; i++) {
		if (v && v->state[i] >= VEC_ERROR)
			continue;
		bool keyed = v && v->state[i] == VEC_VALUE;
		struct key k = keyed ? key_of(v, i) : identity(recs[i]);
		row[SAMPLE_no_key] += v && !keyed;
		w->out[n_out] = recs[i];
		n_out += k.hi >> (64 - HASH_BITS) < s->below;
	}
	row[SAMPLE_records_in] += n;
	row[SAMPLE_records_out] += n_out;
	row[SAMPLE_not_sampled] += n - n_out - n_errors;
	op_emit(x, 0, w->out, n_out);
}

const struct op op_sample = {
	.name = "sample",
	.summary = "A part of the records, the same part each time",
	.opts = sample_opts,
	.conf_size = sizeof(struct sample_conf),
	.ledger = &sample_ledger,
	.build = sample_build,
	.destroy = sample_destroy,
	.create = sample_create,
	.discard = sample_discard,
	.run = sample_run,
};
