#include "dataplane/graph/op_aggregate.h"

#include <stdio.h>

#include "dataplane/base/mem.h"

static const char *const lates[] = {[LATE_LOSE] = "lose", [LATE_DROP] = "drop", NULL};

#define HOUR_NS (3600LL * 1000000000)

const struct opt aggregate_opts[] = {
	{.name = "window",
	 .type = OPT_DURATION,
	 .off = offsetof(struct aggregate_conf, window_ns),
	 .min = 1000000,
	 .max = 366 * 24 * HOUR_NS,
	 .required = true,
	 .live = true,
	 .help = "The length of a window. Windows begin at whole multiples of it since 1970, UTC."},
	{.name = "time",
	 .type = OPT_STRING,
	 .off = offsetof(struct aggregate_conf, time),
	 .live = true,
	 .help = "An expression of type timestamptz: the time by which a record falls into a "
		 "window. "
		 "Not set: packet time."},
	{.name = "lateness",
	 .type = OPT_DURATION,
	 .off = offsetof(struct aggregate_conf, lateness_ns),
	 .min = 0,
	 .max = 24 * HOUR_NS,
	 .def = "5s",
	 .live = true,
	 .help = "For so long, in packet time, a window waits for records behind its end."},
	{.name = "ahead",
	 .type = OPT_DURATION,
	 .off = offsetof(struct aggregate_conf, ahead_ns),
	 .min = 0,
	 .max = 366 * 24 * HOUR_NS,
	 .def = "1h",
	 .live = true,
	 .help = "A record whose own time is further ahead of packet time is lost: a sender's "
		 "clock "
		 "that is wrong must not fill memory with windows."},
	{.name = "late",
	 .type = OPT_ENUM,
	 .off = offsetof(struct aggregate_conf, late),
	 .choices = lates,
	 .def = "lose",
	 .live = true,
	 .help = "A record whose window is closed counts as lost, or is left out on purpose "
		 "(drop)."},
	{.name = "group_by",
	 .type = OPT_MAP,
	 .off = offsetof(struct aggregate_conf, group_by),
	 .def = "{}",
	 .live = true,
	 .help = "Names and expressions (docs/expressions.md) of the fields that make a group."},
	{.name = "aggregates",
	 .type = OPT_MAP,
	 .off = offsetof(struct aggregate_conf, aggregates),
	 .required = true,
	 .live = true,
	 .help = "Names, and of what: count(*), count(x), sum(x), min(x), max(x), avg(x), "
		 "approx_distinct(x)."},
	{.name = "groups_max",
	 .type = OPT_INT,
	 .off = offsetof(struct aggregate_conf, groups_max),
	 .min = 1,
	 .max = 1 << 28,
	 .def = "65536",
	 .live = true,
	 .help = "Groups of all open windows together, in each worker. Records of further groups "
		 "are "
		 "lost, as no_group."},
	{.name = "key_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct aggregate_conf, key_bytes_max),
	 .min = 0,
	 .max = 65536,
	 .def = "256",
	 .live = true,
	 .help = "Text of one group's fields together. Records of groups with more are lost, as "
		 "key_too_long."},
	OPT_END,
};
void aggregate_destroy(struct op_plan *p)
{
	struct aggregate_plan *a = (struct aggregate_plan *)p;
	if (!a)
		return;
	schema_fini(&a->schema);
	op_exprs_fini(&a->x);
	for (unsigned i = 0; a->fields && i < AGGREGATE_N_WINDOW + a->n_keys + a->n_accums; i++)
		mem_free((void *)a->fields[i].name);
	mem_free(a->fields);
	mem_free(a->keys);
	mem_free(a->types);
	mem_free(a->args);
	mem_free(a->accums);
	mem_free(a->accum_offs);
	mem_free((void *)a->name.ptr);
	op_plan_free(p);
}

static int take_memory(struct aggregate_plan *a, const struct aggregate_conf *c,
		       const struct op_env *env)
{
	a->c = *c;
	a->name = slice_str(mem_strdup(env->name));
	a->name_key = key_of_bytes(env->name, strlen(env->name));
	a->n_keys = (unsigned)c->group_by.n;
	a->n_accums = (unsigned)c->aggregates.n;
	a->fields = mem_alloc((AGGREGATE_N_WINDOW + a->n_keys + a->n_accums) * sizeof(*a->fields));
	a->keys = mem_alloc((a->n_keys + 1) * sizeof(*a->keys));
	a->types = mem_alloc((a->n_keys + 1) * sizeof(*a->types));
	a->args = mem_alloc((a->n_accums + 1) * sizeof(*a->args));
	a->accums = mem_alloc((a->n_accums + 1) * sizeof(*a->accums));
	a->accum_offs = mem_alloc((a->n_accums + 1) * sizeof(*a->accum_offs));
	return a->name.ptr && a->fields && a->keys && a->types && a->args && a->accums &&
			       a->accum_offs
		       ? 0
		       : -ENOMEM;
}

static int add_field(struct aggregate_plan *a, const struct op_env *env, unsigned at,
		     const char *name, enum sql_type t, const char *key, struct err *e)
{
	int rc = 0;
	if (name[0] == '_')
		rc = err_set(e, -EINVAL,
			     "the name %s: names that begin with \"_\" are sluice's own", name);
	for (unsigned i = 0; rc == 0 && i < at; i++)
		if (strcmp(a->fields[i].name, name) == 0)
			rc = err_set(e, -EINVAL, "there is a field %s already", name);
	if (rc < 0)
		return env->wrong(env->arg, key, 0, rc, e);
	a->fields[at] = (struct field_def){.name = mem_strdup(name), .type = op_val_type(t)};
	return a->fields[at].name ? 0 : err_set(e, -ENOMEM, "no memory for %s", env->name);
}

static int add_keys(struct aggregate_plan *a, const struct aggregate_conf *c,
		    const struct op_env *env, struct err *e)
{
	char key[256];
	int rc = add_field(a, env, 0, "window_start", SQL_TIMESTAMPTZ, "window", e);
	if (rc == 0)
		rc = add_field(a, env, 1, "window_end", SQL_TIMESTAMPTZ, "window", e);
	for (unsigned i = 0; rc == 0 && i < a->n_keys; i++) {
		const struct opt_pair *p = &c->group_by.items[i];
		snprintf(key, sizeof(key), "group_by.%s", p->key);
		rc = op_exprs_add_key(&a->x, env, key, p->value, e);
		if (rc < 0)
			return rc;
		a->keys[i] = (unsigned)rc;
		a->types[i] = expr_set_type(a->x.set, a->keys[i]);
		rc = add_field(a, env, AGGREGATE_N_WINDOW + i, p->key, a->types[i], key, e);
	}
	return rc;
}

static int add_argument(struct aggregate_plan *a, unsigned i, const struct op_env *env,
			const char *key, const char *text, struct slice arg, struct err *e)
{
	struct op_env_part part;
	size_t off = (size_t)((const char *)arg.ptr - text);
	op_env_part(&part, env, NULL, off);
	char *copy = mem_alloc(arg.len + 1);
	if (!copy)
		return err_set(e, -ENOMEM, "no memory for %s", env->name);
	memcpy(copy, arg.ptr, arg.len);
	int rc = op_exprs_add(&a->x, &part.env, key, copy, e);
	mem_free(copy);
	if (rc < 0)
		return rc;
	a->args[i] = (unsigned)rc;
	a->accums[i].in = expr_set_type(a->x.set, a->args[i]);
	const char *expected = accum_type(&a->accums[i]);
	if (!expected)
		return 0;
	err_set(e, -EINVAL, "an argument of type %s; expected %s", sql_type_name(a->accums[i].in),
		expected);
	return env->wrong(env->arg, key, off, -EINVAL, e);
}

static int add_accum(struct aggregate_plan *a, unsigned i, const struct opt_pair *p,
		     const struct op_env *env, struct err *e)
{
	char key[256];
	struct slice arg;
	struct accum *x = &a->accums[i];
	int rc = 0;
	snprintf(key, sizeof(key), "aggregates.%s", p->key);
	if (!accum_parse(p->value, &x->kind, &arg)) {
		err_set(e, -EINVAL, "\"%s\" is no aggregate; expected one of %s", p->value,
			accum_names);
		return env->wrong(env->arg, key, 0, -EINVAL, e);
	}
	if (x->kind == ACCUM_COUNT_ALL)
		accum_type(x);
	else
		rc = add_argument(a, i, env, key, p->value, arg, e);
	return rc < 0 ? rc
		      : add_field(a, env, AGGREGATE_N_WINDOW + a->n_keys + i, p->key, x->out, key,
				  e);
}

static int add_time(struct aggregate_plan *a, const struct aggregate_conf *c,
		    const struct op_env *env, struct err *e)
{
	a->has_time = c->time;
	if (!c->time)
		return 0;
	int rc = op_exprs_add(&a->x, env, "time", c->time, e);
	if (rc < 0)
		return rc;
	a->time = (unsigned)rc;
	enum sql_type t = expr_set_type(a->x.set, a->time);
	if (t == SQL_TIMESTAMPTZ)
		return 0;
	err_set(e, -EINVAL,
		"a time of type %s; expected timestamptz: x::timestamptz, to_timestamp(x)",
		sql_type_name(t));
	return env->wrong(env->arg, "time", 0, -EINVAL, e);
}

static int make_schema(struct aggregate_plan *a, const struct op_env *env, struct err *e)
{
	unsigned n = AGGREGATE_N_WINDOW + a->n_keys + a->n_accums;
	struct op_field *fields = mem_alloc(n * sizeof(*fields));
	int rc = fields ? op_ports_init(&a->base, 1) : -ENOMEM;
	for (unsigned i = 0; fields && i < n; i++) {
		enum sql_type t = SQL_TIMESTAMPTZ;
		if (i >= AGGREGATE_N_WINDOW + a->n_keys)
			t = a->accums[i - AGGREGATE_N_WINDOW - a->n_keys].out;
		else if (i >= AGGREGATE_N_WINDOW)
			t = a->types[i - AGGREGATE_N_WINDOW];
		fields[i] = (struct op_field){a->fields[i].name, t};
	}
	if (rc == 0)
		rc = op_schema_set(&a->base, 0, fields, n, false);
	if (rc == 0)
		rc = schema_init(&a->schema, a->fields, (uint16_t)n);
	mem_free(fields);
	return rc < 0 ? err_set(e, rc, "no memory for %s", env->name) : 0;
}

static uint32_t whole(uint64_t bytes)
{
	return (uint32_t)((bytes + 15) & ~UINT64_C(15));
}

static void lay_out(struct aggregate_plan *a)
{
	a->keys_off = whole(sizeof(struct group));
	a->text_off = a->keys_off + whole(a->n_keys * sizeof(struct group_key));
	uint32_t off = a->text_off + whole(a->n_keys ? a->c.key_bytes_max : 0);
	for (unsigned i = 0; i < a->n_accums; i++) {
		a->accum_offs[i] = off;
		off += (uint32_t)accum_bytes(&a->accums[i]);
	}
	a->group_bytes = off;
}

static int check_counts(const struct aggregate_conf *c, const struct op_env *env, struct err *e)
{
	if (c->aggregates.n == 0 ||
	    c->aggregates.n + c->group_by.n > REC_FIXED_MAX - AGGREGATE_N_WINDOW) {
		err_set(e, -EINVAL,
			"%zu fields; expected at least one, and at most %d with group_by",
			c->aggregates.n, REC_FIXED_MAX - AGGREGATE_N_WINDOW);
		return env->wrong(env->arg, "aggregates", 0, -EINVAL, e);
	}
	return 0;
}

int aggregate_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
		    struct err *e)
{
	const struct aggregate_conf *c = conf;
	int rc = check_counts(c, env, e);
	if (rc < 0)
		return rc;
	struct aggregate_plan *a = mem_alloc(sizeof(*a));
	if (!a || take_memory(a, c, env) < 0)
		rc = err_set(e, -ENOMEM, "no memory for %s", env->name);
	if (rc == 0)
		rc = op_exprs_init(&a->x, env, e);
	if (rc == 0)
		rc = add_time(a, c, env, e);
	if (rc == 0)
		rc = add_keys(a, c, env, e);
	for (unsigned i = 0; rc == 0 && i < a->n_accums; i++)
		rc = add_accum(a, i, &c->aggregates.items[i], env, e);
	if (rc == 0)
		rc = op_exprs_finish(&a->x, e);
	if (rc == 0)
		rc = make_schema(a, env, e);
	if (rc < 0) {
		aggregate_destroy(a ? &a->base : NULL);
		return rc;
	}
	lay_out(a);
	*ret_p = &a->base;
	return 0;
}

bool aggregate_same_groups(const struct aggregate_plan *a, const struct aggregate_plan *b)
{
	bool same = a->n_keys == b->n_keys && a->n_accums == b->n_accums &&
		    a->group_bytes == b->group_bytes && a->c.groups_max == b->c.groups_max;
	for (unsigned i = 0; same && i < a->n_keys; i++)
		same = a->types[i] == b->types[i];
	for (unsigned i = 0; same && i < a->n_accums; i++)
		same = a->accums[i].kind == b->accums[i].kind &&
		       a->accums[i].in == b->accums[i].in && a->accum_offs[i] == b->accum_offs[i];
	return same;
}
