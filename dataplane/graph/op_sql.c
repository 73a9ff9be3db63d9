#include <stdio.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/dim/dim.h"
#include "dataplane/graph/op_parts.h"
#include "dataplane/graph/sql_query.h"

/* A SELECT is a chain of other operators inside of one node:
 *
 *     filter? > enrich .. > filter? > ( aggregate > filter? )? > project
 *
 * Up to the aggregate what a stage counts is counted under the same name here. What is behind it
 * counts groups, which never came in.
 */
#define SQL_COLS(X)                                                                       \
	X(IN, records_in, "records of the inputs")                                        \
	X(OUT, records_out, "records with the fields asked; of a query without GROUP BY") \
	X(POLICY, filtered, "records for which WHERE is false or null")                   \
	X(POLICY, dropped, "records without a row in a dimension of a JOIN")              \
	X(MERGED, merged, "records of groups that went out")                              \
	X(IN_FLIGHT, in_flight, "records of groups that are open")                        \
	X(POLICY, late, "records whose window was closed (late: drop)")                   \
	X(LOSS, late_lost, "records whose window was closed (late: lose)")                \
	X(LOSS, ahead, "records whose time is further ahead than the option lets it be")  \
	X(LOSS, no_time, "records without a time")                                        \
	X(LOSS, no_group, "records of new groups beyond groups_max")                      \
	X(LOSS, key_too_long, "records whose group has more than key_bytes_max of text")  \
	OP_ERROR_COLS(X)                                                                  \
	X(INFO, hits, "keys that a dimension has")                                        \
	X(INFO, misses, "keys that it does not have")                                     \
	X(INFO, no_key, "records without a key, which count as misses")                   \
	X(INFO, groups_out, "groups that went out, one record each")                      \
	X(INFO, groups_filtered, "groups for which HAVING is false or null")              \
	X(MISSED, results_lost, "groups whose results ended in an error or had no room")  \
	X(MISSED, overflows, "results that are out of range, and null")
#define SQL_COL(kind, name, help) SQL_COL_##name,
enum { SQL_COLS(SQL_COL) SQL_N_COLS };
LEDGER_DEFINE(sql, "sql", "records", SQL_COLS);

extern const struct op op_aggregate, op_enrich, op_filter, op_project;

/* What an aggregate has beside the query; the defaults are its own. */
struct sql_conf {
	const char *query;
	uint64_t lateness_ns, ahead_ns, key_bytes_max;
	int64_t groups_max;
	int late;
};

static const char *const lates[] = {"lose", "drop", NULL};

#define HOUR_NS (3600LL * 1000000000)

static const struct opt sql_opts[] = {
	{.name = "query",
	 .type = OPT_STRING,
	 .off = offsetof(struct sql_conf, query),
	 .required = true,
	 .live = true,
	 .help = "SELECT items FROM input [[LEFT] JOIN dimension ON key = dimension.key] [WHERE "
		 "condition] [GROUP BY tumble(_time, '1 minute'), expressions [HAVING "
		 "condition]]."},
	{.name = "lateness",
	 .type = OPT_DURATION,
	 .off = offsetof(struct sql_conf, lateness_ns),
	 .min = 0,
	 .max = 24 * HOUR_NS,
	 .def = "5s",
	 .live = true,
	 .help = "As of op aggregate."},
	{.name = "ahead",
	 .type = OPT_DURATION,
	 .off = offsetof(struct sql_conf, ahead_ns),
	 .min = 0,
	 .max = 366 * 24 * HOUR_NS,
	 .def = "1h",
	 .live = true,
	 .help = "As of op aggregate."},
	{.name = "late",
	 .type = OPT_ENUM,
	 .off = offsetof(struct sql_conf, late),
	 .choices = lates,
	 .def = "lose",
	 .live = true,
	 .help = "As of op aggregate."},
	{.name = "groups_max",
	 .type = OPT_INT,
	 .off = offsetof(struct sql_conf, groups_max),
	 .min = 1,
	 .max = 1 << 28,
	 .def = "65536",
	 .live = true,
	 .help = "As of op aggregate."},
	{.name = "key_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct sql_conf, key_bytes_max),
	 .min = 0,
	 .max = 65536,
	 .def = "256",
	 .live = true,
	 .help = "As of op aggregate."},
	OPT_END,
};

#define STAGES_MAX  (SQL_JOINS_MAX + 5)
#define NOT_COUNTED 0xff

struct stage {
	const struct op *op;
	struct op_plan *plan;
	uint8_t cols[LEDGER_COLS_MAX]; /* of ours, by column of the stage's ledger */
};

struct sql_plan {
	struct op_plan base;
	struct stage stages[STAGES_MAX];
	unsigned n_stages;
	unsigned n_of_records; /* of these: up to the aggregate; the others work on groups */
};

struct sql;

/* A call of one stage. */
struct stage_run {
	struct op_run x; /* first */
	struct sql *s;
	unsigned stage;
	struct op_run *node; /* the call of the node */
};

struct sql {
	const struct sql_plan *plan;
	void *states[STAGES_MAX];
	uint64_t rows[STAGES_MAX][LEDGER_COLS_MAX];
};

/* Only groups want to see all records. GROUP BY goes with tumble, whatever else has the word in it.
 */
static bool sql_alone(const void *conf)
{
	const char *query = ((const struct sql_conf *)conf)->query;
	return query && strcasestr(query, "tumble");
}

static void sql_destroy(struct op_plan *base)
{
	struct sql_plan *p = (struct sql_plan *)base;
	if (!p)
		return;
	for (unsigned i = 0; i < p->n_stages; i++)
		p->stages[i].op->destroy(p->stages[i].plan);
	op_plan_free(base);
}

/* ---- building ---- */

struct builder {
	struct sql_plan *p;
	const struct sql_conf *c;
	const struct op_env *env; /* of the node */
	struct sql_query q;
	const struct sql_part *select; /* what the stage that is built has for... */
	const struct sql_part *where;
	const struct sql_join *join;
	struct err *e;
};

static const struct sql_name *find_name(const struct sql_name *names, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(names[i].name, name) == 0)
			return &names[i];
	return NULL;
}

/* Where the value of a stage's @key stands in the query. */
static size_t place_of(const struct builder *b, const char *key)
{
	const struct sql_name *n = NULL;
	if (strcmp(key, "where") == 0)
		return b->where->off;
	if (strcmp(key, "select") == 0)
		return b->q.items.off;
	if (strcmp(key, "time") == 0)
		return b->q.time.off;
	if (b->join)
		return strcmp(key, "key") == 0 ? b->join->key.off : b->join->off;
	if (strncmp(key, "group_by.", 9) == 0)
		n = find_name(b->q.groups, b->q.n_groups, key + 9);
	else if (strncmp(key, "aggregates.", 11) == 0)
		n = find_name(b->q.aggregates, b->q.n_aggregates, key + 11);
	return n ? n->part.off : 0;
}

static int stage_wrong(void *arg, const char *key, size_t off, int code, struct err *e)
{
	const struct builder *b = arg;
	return b->env->wrong(b->env->arg, "query", place_of(b, key) + off, code, e);
}

static struct dim *stage_dim(void *arg, const char *name)
{
	const struct builder *b = arg;
	return b->env->dim(b->env->arg, name);
}

/* The options of a stage, by their names; those that are not named here are empty, which is what a
 * list or a text is without a value.
 */
static void *option(const struct op *op, void *conf, const char *name)
{
	for (const struct opt *o = op->opts; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return (uint8_t *)conf + o->off;
	return NULL;
}

static void set_text(const struct op *op, void *conf, const char *name, const char *text)
{
	*(const char **)option(op, conf, name) = text;
}

static void set_choice(const struct op *op, void *conf, const char *name, const char *choice)
{
	for (const struct opt *o = op->opts; o->name; o++)
		for (int i = 0; strcmp(o->name, name) == 0 && o->choices[i]; i++)
			if (strcmp(o->choices[i], choice) == 0)
				*(int *)((uint8_t *)conf + o->off) = i;
}

/* Columns of the stage's ledger to ours: by name up to the aggregate; behind it what is lost are
 * results.
 */
static void map_columns(struct stage *st, bool first, bool behind)
{
	const struct ledger_table *t = st->op->ledger;
	for (unsigned c = 0; c < t->n_cols; c++) {
		enum ledger_kind kind = t->cols[c].kind;
		st->cols[c] = NOT_COUNTED;
		for (unsigned k = 0; k < SQL_N_COLS && !behind; k++)
			if (strcmp(sql_ledger.cols[k].name, t->cols[c].name) == 0 &&
			    kind != LEDGER_OUT && (kind != LEDGER_IN || first))
				st->cols[c] = (uint8_t)k;
		if (behind && kind == LEDGER_LOSS)
			st->cols[c] = SQL_COL_results_lost;
		else if (behind && kind == LEDGER_POLICY)
			st->cols[c] = SQL_COL_groups_filtered;
	}
}

/* One more stage, with @conf, behind those that there are. */
static int add_stage(struct builder *b, const struct op *op, const void *conf)
{
	struct sql_plan *p = b->p;
	struct stage *st = &p->stages[p->n_stages];
	bool behind = false;
	for (unsigned i = 0; i < p->n_stages; i++)
		behind |= p->stages[i].op == &op_aggregate;
	struct op_env env = *b->env;
	env.in = p->n_stages ? &st[-1].plan->ports[0] : b->env->in;
	env.wrong = stage_wrong;
	env.note = NULL;
	env.dim = stage_dim;
	env.arg = b;
	int rc = op->build(conf, &env, &st->plan, b->e);
	if (rc < 0)
		return rc;
	st->op = op;
	map_columns(st, p->n_stages == 0, behind);
	p->n_of_records += !behind;
	p->n_stages++;
	return 0;
}

static int add_simple(struct builder *b, const struct op *op, const char *key, const char *text)
{
	void *conf = mem_alloc(op->conf_size);
	if (!conf)
		return err_set(b->e, -ENOMEM, "no memory for %s", b->env->name);
	set_text(op, conf, key, text);
	int rc = add_stage(b, op, conf);
	mem_free(conf);
	return rc;
}

static int add_filter(struct builder *b, const struct sql_part *where)
{
	b->where = where;
	return where->text ? add_simple(b, &op_filter, "where", where->text) : 0;
}

/* A field of a dimension that is named without the dimension could be one of the record, which is
 * not known before it is seen.
 */
static int check_bare(struct builder *b, const struct dim_spec *s, const struct sql_join *j)
{
	for (unsigned i = 0; i < s->n_fields; i++) {
		size_t off;
		bool known = false;
		for (unsigned k = 0; k < b->env->in->n_fields; k++)
			known |= strcmp(b->env->in->fields[k].name, s->fields[i].name) == 0;
		if (known || !sql_query_bare(&b->q, s->fields[i].name, &off))
			continue;
		err_set(b->e, -EINVAL,
			"whose %s? Expected %s%s of the dimension, or \"%s\" in quotes of the "
			"record",
			s->fields[i].name, j->prefix, s->fields[i].name, s->fields[i].name);
		return b->env->wrong(b->env->arg, "query", off, -EINVAL, b->e);
	}
	return 0;
}

static int check_join(struct builder *b, const struct sql_join *j)
{
	struct dim *d = b->env->dim(b->env->arg, j->dimension);
	if (!d)
		return 0; /* the stage says so */
	const struct dim_spec *s = dim_spec_of(d);
	if (s->key && !text_ieq(slice_str(s->key), slice_str(j->key_column))) {
		err_set(b->e, -EINVAL, "%s%s is not the key of dimension %s; expected %s%s",
			j->prefix, j->key_column, s->name, j->prefix, s->key);
		return b->env->wrong(b->env->arg, "query", j->off, -EINVAL, b->e);
	}
	return check_bare(b, s, j);
}

static int add_join(struct builder *b, const struct sql_join *j)
{
	int rc = check_join(b, j);
	void *conf = rc == 0 ? mem_alloc(op_enrich.conf_size) : NULL;
	if (!conf)
		return rc < 0 ? rc : err_set(b->e, -ENOMEM, "no memory for %s", b->env->name);
	set_text(&op_enrich, conf, "dimension", j->dimension);
	set_text(&op_enrich, conf, "key", j->key.text);
	set_text(&op_enrich, conf, "prefix", j->prefix);
	set_choice(&op_enrich, conf, "missing", j->left ? "null" : "drop");
	b->join = j;
	rc = add_stage(b, &op_enrich, conf);
	b->join = NULL;
	mem_free(conf);
	return rc;
}

static struct opt_map map_of(const struct sql_name *names, unsigned n, struct opt_pair *pairs)
{
	for (unsigned i = 0; i < n; i++)
		pairs[i] = (struct opt_pair){.key = names[i].name, .value = names[i].part.text};
	return (struct opt_map){.items = pairs, .n = n};
}

static int add_aggregate(struct builder *b)
{
	const struct op *op = &op_aggregate;
	struct opt_pair groups[SQL_NAMES_MAX], aggregates[SQL_NAMES_MAX];
	/* A GROUP BY without an aggregate gives each group once. */
	struct sql_name count = {"a0", {"count(*)", 0}};
	bool none = b->q.n_aggregates == 0;
	void *conf = mem_alloc(op->conf_size);
	if (!conf)
		return err_set(b->e, -ENOMEM, "no memory for %s", b->env->name);
	*(uint64_t *)option(op, conf, "window") = b->q.window_ns;
	*(uint64_t *)option(op, conf, "lateness") = b->c->lateness_ns;
	*(uint64_t *)option(op, conf, "ahead") = b->c->ahead_ns;
	*(uint64_t *)option(op, conf, "key_bytes_max") = b->c->key_bytes_max;
	*(int64_t *)option(op, conf, "groups_max") = b->c->groups_max;
	set_choice(op, conf, "late", lates[b->c->late]);
	set_text(op, conf, "time", b->q.time.text);
	*(struct opt_map *)option(op, conf, "group_by") =
		map_of(b->q.groups, b->q.n_groups, groups);
	*(struct opt_map *)option(op, conf, "aggregates") =
		map_of(none ? &count : b->q.aggregates, none ? 1 : b->q.n_aggregates, aggregates);
	int rc = add_stage(b, op, conf);
	mem_free(conf);
	return rc;
}

static int add_stages(struct builder *b)
{
	const struct sql_query *q = &b->q;
	int rc = q->where_joined ? 0 : add_filter(b, &q->where);
	for (unsigned i = 0; rc == 0 && i < q->n_joins; i++)
		rc = add_join(b, &q->joins[i]);
	if (rc == 0 && q->where_joined)
		rc = add_filter(b, &q->where);
	if (rc == 0 && q->grouped)
		rc = add_aggregate(b);
	if (rc == 0 && q->grouped)
		rc = add_filter(b, &q->having);
	return rc < 0 ? rc : add_simple(b, &op_project, "select", q->items.text);
}

static int sql_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
		     struct err *e)
{
	size_t off;
	struct sql_plan *p = mem_alloc(sizeof(*p));
	if (!p)
		return err_set(e, -ENOMEM, "no memory for %s", env->name);
	struct builder b = {.p = p, .c = conf, .env = env, .e = e};
	int rc = sql_query_read(&b.q, b.c->query, &off, e);
	if (rc < 0)
		env->wrong(env->arg, "query", off, rc, e);
	else
		rc = add_stages(&b);
	if (rc == 0 &&
	    (op_ports_init(&p->base, 1) < 0 ||
	     op_schema_copy(&p->base, 0, &p->stages[p->n_stages - 1].plan->ports[0]) < 0))
		rc = err_set(e, -ENOMEM, "no memory for %s", env->name);
	sql_query_fini(&b.q);
	if (rc < 0) {
		sql_destroy(&p->base);
		return rc;
	}
	*ret_p = &p->base;
	return 0;
}

/* ---- a worker's ---- */

static void sql_discard(void *state)
{
	struct sql *s = state;
	for (unsigned i = 0; i < s->plan->n_stages; i++)
		if (s->states[i])
			s->plan->stages[i].op->discard(s->states[i]);
	mem_free(s);
}

static int sql_create(const struct op_plan *base, void **ret_state, struct err *e)
{
	struct sql *s = mem_alloc(sizeof(*s));
	int rc = 0;
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a query");
	s->plan = (const struct sql_plan *)base;
	for (unsigned i = 0; rc == 0 && i < s->plan->n_stages; i++)
		rc = s->plan->stages[i].op->create(s->plan->stages[i].plan, &s->states[i], e);
	if (rc < 0)
		sql_discard(s);
	else
		*ret_state = s;
	return rc;
}

static void emit_stage(struct op_run *x, unsigned port, struct rec *const *recs, unsigned n);

static void bury_stage(struct op_run *x, const struct rec *r, const char *why, struct slice about)
{
	struct op_run *node = ((const struct stage_run *)x)->node;
	node->dead(node, r, why, about);
}

static struct stage_run in_stage(struct sql *s, unsigned stage, struct op_run *node)
{
	bool buries = node->dead && stage < s->plan->n_of_records;
	return (struct stage_run){.x = {.b = node->b,
					.row = s->rows[stage],
					.emit = emit_stage,
					.dead = buries ? bury_stage : NULL},
				  .s = s,
				  .stage = stage,
				  .node = node};
}

static void run_stage(struct sql *s, unsigned i, struct op_run *node, struct rec *const *recs,
		      unsigned n)
{
	const struct stage *st = &s->plan->stages[i];
	struct stage_run r = in_stage(s, i, node);
	st->op->run(st->plan, s->states[i], &r.x, recs, n);
}

/* To the next stage, or out of the node. */
static void emit_stage(struct op_run *x, unsigned port, struct rec *const *recs, unsigned n)
{
	const struct stage_run *r = (const struct stage_run *)x;
	if (r->stage + 1 < r->s->plan->n_stages)
		run_stage(r->s, r->stage + 1, r->node, recs, n);
	else
		op_emit(r->node, port, recs, n);
}

/* The node's row is the sum of the stages' ones. */
/* Summed beside the row, which others read. */
static void count(const struct sql *s, uint64_t *ret_row)
{
	bool grouped = false;
	uint64_t row[SQL_N_COLS] = {0};
	for (unsigned i = 0; i < s->plan->n_stages; i++) {
		const struct stage *st = &s->plan->stages[i];
		for (unsigned c = 0; c < st->op->ledger->n_cols; c++)
			if (st->cols[c] != NOT_COUNTED)
				row[st->cols[c]] += s->rows[i][c];
		grouped |= st->op == &op_aggregate;
	}
	unsigned last = s->plan->n_stages - 1;
	const struct ledger_table *t = s->plan->stages[last].op->ledger;
	uint64_t n_out = ledger_sum(t, s->rows[last], LEDGER_OUT);
	row[grouped ? SQL_COL_groups_out : SQL_COL_records_out] = n_out;
	memcpy(ret_row, row, sizeof(row));
}

static void sql_run(const struct op_plan *p, void *state, struct op_run *x, struct rec *const *recs,
		    unsigned n)
{
	run_stage(state, 0, x, recs, n);
	count(state, op_row(x));
}

static void sql_advance(const struct op_plan *p, void *state, struct op_run *x, uint64_t now_ns)
{
	struct sql *s = state;
	for (unsigned i = 0; i < s->plan->n_stages; i++) {
		const struct stage *st = &s->plan->stages[i];
		struct stage_run r = in_stage(s, i, x);
		if (st->op->advance)
			st->op->advance(st->plan, s->states[i], &r.x, now_ns);
	}
	count(s, op_row(x));
}

static void sql_finish(const struct op_plan *p, void *state, struct op_run *x)
{
	struct sql *s = state;
	for (unsigned i = 0; i < s->plan->n_stages; i++) {
		const struct stage *st = &s->plan->stages[i];
		struct stage_run r = in_stage(s, i, x);
		if (st->op->finish)
			st->op->finish(st->plan, s->states[i], &r.x);
	}
	count(s, op_row(x));
}

/* The aggregate is what remembers. Its row stays: that of the node goes on from nothing, and what
 * goes out of it is less than nothing held, until both rows are summed.
 */
static bool sql_carry(const struct op_plan *from_plan, void *from, const struct op_plan *to_plan,
		      void *to, const uint16_t *sources, struct batch *b)
{
	const struct sql_plan *p = (const struct sql_plan *)from_plan;
	const struct sql_plan *q = (const struct sql_plan *)to_plan;
	struct sql *a = from, *z = to;
	for (unsigned i = 0; i < p->n_stages && i < q->n_stages; i++) {
		const struct stage *st = &p->stages[i], *to_st = &q->stages[i];
		if (st->op == &op_aggregate && to_st->op == &op_aggregate)
			return st->op->carry(st->plan, a->states[i], to_st->plan, z->states[i],
					     sources, b);
	}
	return false;
}

const struct op op_sql = {
	.name = "sql",
	.summary = "A SELECT with WHERE, JOIN of dimensions and GROUP BY windows of time",
	.opts = sql_opts,
	.conf_size = sizeof(struct sql_conf),
	.ledger = &sql_ledger,
	.alone = true,
	.alone_if = sql_alone,
	.build = sql_build,
	.destroy = sql_destroy,
	.create = sql_create,
	.discard = sql_discard,
	.run = sql_run,
	.advance = sql_advance,
	.finish = sql_finish,
	.carry = sql_carry,
};
