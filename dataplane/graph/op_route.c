#include <stdio.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/graph/op_parts.h"
#include "dataplane/graph/route_check.h"

#define ROUTE_COLS(X)                                          \
	X(IN, records_in, "records of the inputs")             \
	X(OUT, records_out, "records that went into a branch") \
	OP_ERROR_COLS(X)                                       \
	X(INFO, rest, "of these, for which no condition holds")
#define ROUTE_COL(kind, name, help) ROUTE_##name,
enum { ROUTE_COLS(ROUTE_COL) ROUTE_N_COLS };
LEDGER_DEFINE(route, "route", "records", ROUTE_COLS);

struct route_conf {
	struct opt_map branches;
	const char *rest;
};

static const struct opt route_opts[] = {
	{.name = "branches",
	 .type = OPT_MAP,
	 .off = offsetof(struct route_conf, branches),
	 .required = true,
	 .live = true,
	 .help = "Names and conditions (docs/expressions.md): a record goes into the first branch "
		 "whose condition holds. NODE.NAME is what others take from."},
	{.name = "rest",
	 .type = OPT_STRING,
	 .off = offsetof(struct route_conf, rest),
	 .def = "rest",
	 .live = true,
	 .help = "The name of the branch for all other records."},
	OPT_END,
};

/* Branches, then the rest. */
static const char *route_port(const void *conf, unsigned i)
{
	const struct route_conf *c = conf;
	if (i < c->branches.n)
		return c->branches.items[i].key;
	return i == c->branches.n ? c->rest : NULL;
}

struct route_plan {
	struct op_plan base;
	struct op_exprs x;
	unsigned n_branches;
	unsigned *exprs; /* the condition of each */
};

struct route {
	struct op_exprs_state x;
	uint16_t branch[BATCH_RECS_MAX]; /* of each record */
	struct rec *out[BATCH_RECS_MAX];
};

static void route_destroy(struct op_plan *p)
{
	struct route_plan *r = (struct route_plan *)p;
	if (!r)
		return;
	op_exprs_fini(&r->x);
	mem_free(r->exprs);
	op_plan_free(p);
}

static int add_branches(struct route_plan *r, const struct route_conf *c, const struct op_env *env,
			struct err *e)
{
	int rc = 0;
	for (unsigned i = 0; rc >= 0 && i < r->n_branches; i++) {
		char key[128];
		const struct opt_pair *b = &c->branches.items[i];
		snprintf(key, sizeof(key), "branches.%s", b->key);
		if (strcmp(b->key, c->rest) == 0) {
			rc = err_set(e, -EINVAL, "a branch has the name of the rest");
			return env->wrong(env->arg, key, 0, rc, e);
		}
		rc = op_exprs_add_condition(&r->x, env, key, b->value, e);
		r->exprs[i] = (unsigned)rc;
	}
	return rc < 0 ? rc : op_exprs_finish(&r->x, e);
}

struct noter {
	const struct route_conf *c;
	const struct op_env *env;
};

static void note(void *arg, unsigned branch, const char *text)
{
	const struct noter *n = arg;
	char key[128];
	snprintf(key, sizeof(key), "branches.%s", n->c->branches.items[branch].key);
	n->env->note(n->env->arg, key, text);
}

/* What is known of the branches before a record is seen. */
static void note_branches(const struct route_plan *r, const struct route_conf *c,
			  const struct op_env *env)
{
	struct noter n = {c, env};
	const struct vec *v;
	for (unsigned i = 0; i < r->n_branches; i++) {
		if (!expr_set_constant(r->x.set, r->exprs[i], &v))
			continue;
		note(&n, i,
		     v->state[0] == VEC_VALUE && v->i[0]
			     ? "holds for every record: branches behind it and the rest get none"
			     : "can never hold: it is the same for every record");
	}
	route_check(&c->branches, note, &n);
}

static int route_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
		       struct err *e)
{
	const struct route_conf *c = conf;
	if (c->branches.n == 0 || c->branches.n >= OP_PORTS_MAX) {
		err_set(e, -EINVAL, "%zu branches; expected 1 to %d", c->branches.n,
			OP_PORTS_MAX - 1);
		return env->wrong(env->arg, "branches", 0, -EINVAL, e);
	}
	struct route_plan *r = mem_alloc(sizeof(*r));
	int rc = r ? 0 : -ENOMEM;
	if (rc == 0) {
		r->n_branches = (unsigned)c->branches.n;
		r->exprs = mem_alloc(r->n_branches * sizeof(*r->exprs));
		rc = r->exprs ? op_ports_init(&r->base, r->n_branches + 1) : -ENOMEM;
	}
	for (unsigned i = 0; rc == 0 && i <= r->n_branches; i++)
		rc = op_schema_copy(&r->base, i, env->in);
	if (rc < 0)
		err_set(e, rc, "no memory for %s", env->name);
	if (rc == 0 && (rc = op_exprs_init(&r->x, env, e)) == 0)
		rc = add_branches(r, c, env, e);
	if (rc == 0 && env->note)
		note_branches(r, c, env);
	if (rc < 0) {
		route_destroy(r ? &r->base : NULL);
		return rc;
	}
	*ret_p = &r->base;
	return 0;
}

static void route_discard(void *state)
{
	struct route *s = state;
	op_exprs_discard(&s->x);
	mem_free(s);
}

static int route_create(const struct op_plan *p, void **ret_state, struct err *e)
{
	struct route *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a route");
	int rc = op_exprs_create(&((const struct route_plan *)p)->x, &s->x, e);
	if (rc < 0)
		route_discard(s);
	else
		*ret_state = s;
	return rc;
}

#define NO_BRANCH 0xffff

/* The first branch whose condition holds. A condition that ends in an error before one holds leaves
 * open which it would be: the record is lost, by name.
 */
static void choose(const struct route_plan *r, struct route *s, struct op_run *x,
		   struct rec *const *recs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		s->branch[i] = (uint16_t)r->n_branches;
	for (unsigned k = r->n_branches; k-- > 0;) {
		const struct vec *v = expr_run_result(s->x.run, r->exprs[k]);
		for (unsigned i = 0; i < n; i++) {
			if (v->state[i] >= VEC_ERROR)
				s->branch[i] = NO_BRANCH - (v->state[i] - VEC_ERROR);
			else if (v->state[i] == VEC_VALUE && v->i[i])
				s->branch[i] = (uint16_t)k;
		}
	}
	for (unsigned i = 0; i < n; i++)
		if (s->branch[i] > r->n_branches)
			op_error(x, ROUTE_out_of_range, recs[i],
				 (uint8_t)(VEC_ERROR + NO_BRANCH - s->branch[i]));
}

static void route_run(const struct op_plan *p, void *state, struct op_run *x,
		      struct rec *const *recs, unsigned n)
{
	const struct route_plan *r = (const struct route_plan *)p;
	struct route *s = state;
	uint64_t *row = op_row(x);
	op_exprs_run(&s->x, op_batch(x), recs, n);
	choose(r, s, x, recs, n);
	row[ROUTE_records_in] += n;
	unsigned ends[OP_PORTS_MAX + 1] = {0}, n_out = 0;
	for (unsigned i = 0; i < n; i++)
		if (s->branch[i] <= r->n_branches)
			ends[s->branch[i]]++;
	row[ROUTE_rest] += ends[r->n_branches];
	for (unsigned k = 0; k <= r->n_branches; k++) {
		unsigned first = n_out;
		n_out += ends[k];
		ends[k] = first;
	}
	for (unsigned i = 0; i < n; i++)
		if (s->branch[i] <= r->n_branches)
			s->out[ends[s->branch[i]]++] = recs[i];
	row[ROUTE_records_out] += n_out;
	for (unsigned k = 0, first = 0; k <= r->n_branches; first = ends[k++])
		op_emit(x, k, s->out + first, ends[k] - first);
}

const struct op op_route = {
	.name = "route",
	.summary = "Each record into the first branch whose condition holds",
	.opts = route_opts,
	.conf_size = sizeof(struct route_conf),
	.ledger = &route_ledger,
	.port = route_port,
	.build = route_build,
	.destroy = route_destroy,
	.create = route_create,
	.discard = route_discard,
	.run = route_run,
};
