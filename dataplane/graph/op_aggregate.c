#include <stdio.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/graph/accum.h"
#include "dataplane/graph/keymap.h"
#include "dataplane/graph/op_parts.h"

#define AGGREGATE_COLS(X)                                                                      \
	X(IN, records_in, "records of the inputs")                                             \
	X(MERGED, merged, "records of groups that went out")                                   \
	X(HELD, held, "records of groups that are open")                                       \
	X(POLICY, late, "records whose window was closed (late: drop)")                        \
	X(LOSS, late_lost, "records whose window was closed (late: lose)")                     \
	X(LOSS, ahead, "records whose time is further ahead than the option ahead lets it be") \
	X(LOSS, no_time, "records without a time")                                             \
	X(LOSS, no_group, "records of new groups beyond groups_max")                           \
	X(LOSS, key_too_long, "records whose group has more than key_bytes_max of text")       \
	OP_ERROR_COLS(X)                                                                       \
	X(INFO, groups_out, "groups that went out, one record each")                           \
	X(MISSED, results_lost, "groups that the batch had no room for")                       \
	X(MISSED, overflows, "results that are out of range, and null")
#define AGGREGATE_COL(kind, name, help) AGGREGATE_##name,
enum { AGGREGATE_COLS(AGGREGATE_COL) AGGREGATE_N_COLS };
LEDGER_DEFINE(aggregate, "aggregate", "records", AGGREGATE_COLS);

enum late { LATE_LOSE, LATE_DROP };
static const char *const lates[] = {[LATE_LOSE] = "lose", [LATE_DROP] = "drop", NULL};

struct aggregate_conf {
	uint64_t window_ns, lateness_ns, ahead_ns, key_bytes_max;
	const char *time;
	struct opt_map group_by, aggregates;
	int64_t groups_max;
	int late; /* enum late */
};

#define HOUR_NS (3600LL * 1000000000)

static const struct opt aggregate_opts[] = {
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

struct aggregate_plan {
	struct op_plan base;
	struct op_exprs x;
	struct aggregate_conf c; /* the numbers of it */
	bool has_time;
	unsigned time; /* expression */
	unsigned n_keys, n_accums;
	unsigned *keys;       /* expressions */
	enum sql_type *types; /* of keys */
	unsigned *args;       /* expressions of accums */
	struct accum *accums;
	uint32_t *accum_offs;
	uint32_t keys_off, text_off, group_bytes; /* in a group */
	struct field_def *fields;
	struct schema schema; /* window_start, window_end, keys, accums */
	struct slice name;
	struct key name_key;
};

/* One value of a group's key. */
struct group_key {
	union cell v;
	uint64_t state; /* enum vec_state */
};

/*    struct group | group_key .. | text of the keys | accumulators .. */
struct group {
	struct key key; /* first: keymap.h */
	int64_t start_ns;
	uint64_t seq; /* groups go out in the order of their windows, then of their coming */
	uint64_t n_recs;
	uint16_t source; /* the lowest of its records' */
	uint32_t next;   /* of the free ones */
};

#define OUT_RECS_MAX 64

struct aggregate {
	struct op_exprs_state x;
	uint8_t *groups;
	size_t groups_bytes, heap_bytes;
	struct keymap map;
	uint32_t *heap; /* of open groups, the first to go out in front */
	uint32_t n_open, n_used, free;
	uint64_t seq;
	uint64_t now_ns;  /* packet time, as it was told */
	struct vec *vecs; /* one row of each is used: keys, then results */
	unsigned n_vecs;
	uint8_t states[BATCH_RECS_MAX]; /* the worst of all expressions */
	struct rec *out[OUT_RECS_MAX];
};

#define NO_GROUP UINT32_MAX
#define N_WINDOW 2 /* fields in front of the keys */

/* ---- building ---- */

static void aggregate_destroy(struct op_plan *p)
{
	struct aggregate_plan *a = (struct aggregate_plan *)p;
	if (!a)
		return;
	schema_fini(&a->schema);
	op_exprs_fini(&a->x);
	for (unsigned i = 0; a->fields && i < N_WINDOW + a->n_keys + a->n_accums; i++)
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
	a->fields = mem_alloc((N_WINDOW + a->n_keys + a->n_accums) * sizeof(*a->fields));
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
		rc = add_field(a, env, N_WINDOW + i, p->key, a->types[i], key, e);
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
	return rc < 0 ? rc : add_field(a, env, N_WINDOW + a->n_keys + i, p->key, x->out, key, e);
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
	unsigned n = N_WINDOW + a->n_keys + a->n_accums;
	struct op_field *fields = mem_alloc(n * sizeof(*fields));
	int rc = fields ? op_ports_init(&a->base, 1) : -ENOMEM;
	for (unsigned i = 0; fields && i < n; i++) {
		enum sql_type t = SQL_TIMESTAMPTZ;
		if (i >= N_WINDOW + a->n_keys)
			t = a->accums[i - N_WINDOW - a->n_keys].out;
		else if (i >= N_WINDOW)
			t = a->types[i - N_WINDOW];
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
	if (c->aggregates.n == 0 || c->aggregates.n + c->group_by.n > REC_FIXED_MAX - N_WINDOW) {
		err_set(e, -EINVAL,
			"%zu fields; expected at least one, and at most %d with group_by",
			c->aggregates.n, REC_FIXED_MAX - N_WINDOW);
		return env->wrong(env->arg, "aggregates", 0, -EINVAL, e);
	}
	return 0;
}

static int aggregate_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
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

/* ---- groups ---- */

static struct group *group_at(const struct aggregate_plan *a, const struct aggregate *s, uint32_t i)
{
	return (struct group *)(s->groups + (size_t)i * a->group_bytes);
}

static bool before(const struct group *x, const struct group *y)
{
	return x->start_ns != y->start_ns ? x->start_ns < y->start_ns : x->seq < y->seq;
}

static void heap_push(const struct aggregate_plan *a, struct aggregate *s, uint32_t group)
{
	uint32_t i = s->n_open++;
	while (i > 0) {
		uint32_t up = (i - 1) / 2;
		if (!before(group_at(a, s, group), group_at(a, s, s->heap[up])))
			break;
		s->heap[i] = s->heap[up];
		i = up;
	}
	s->heap[i] = group;
}

static uint32_t heap_pop(const struct aggregate_plan *a, struct aggregate *s)
{
	uint32_t first = s->heap[0], last = s->heap[--s->n_open], i = 0;
	for (uint32_t k = 1; k < s->n_open; k = 2 * i + 1) {
		if (k + 1 < s->n_open &&
		    before(group_at(a, s, s->heap[k + 1]), group_at(a, s, s->heap[k])))
			k++;
		if (!before(group_at(a, s, s->heap[k]), group_at(a, s, last)))
			break;
		s->heap[i] = s->heap[k];
		i = k;
	}
	s->heap[i] = last;
	return first;
}

static bool is_text(enum sql_type t)
{
	return cell_kind_of(t) == CELL_S;
}

/* The key's values, and their text, into a group that is new. */
static void keep_keys(const struct aggregate_plan *a, struct aggregate *s, struct group *g,
		      unsigned row)
{
	struct group_key *keys = (struct group_key *)((uint8_t *)g + a->keys_off);
	uint8_t *text = (uint8_t *)g + a->text_off;
	for (unsigned k = 0; k < a->n_keys; k++) {
		const struct vec *v = expr_run_result(s->x.run, a->keys[k]);
		keys[k].state = v->state[row];
		if (v->state[row] != VEC_VALUE)
			continue;
		cell_load(v, row, &keys[k].v);
		if (!is_text(a->types[k]))
			continue;
		struct slice from = keys[k].v.s;
		if (from.len)
			memcpy(text, from.ptr, from.len);
		keys[k].v.s = slice_of(text, from.len);
		text += from.len;
	}
}

static size_t key_text_bytes(const struct aggregate_plan *a, const struct aggregate *s,
			     unsigned row)
{
	size_t n = 0;
	for (unsigned k = 0; k < a->n_keys; k++) {
		const struct vec *v = expr_run_result(s->x.run, a->keys[k]);
		if (v->state[row] == VEC_VALUE && is_text(a->types[k]))
			n += v->s[row].len;
	}
	return n;
}

/* Of the node, the window and the key: what the group's identity is made of. */
static struct key group_key(const struct aggregate_plan *a, const struct aggregate *s,
			    int64_t start_ns, unsigned row)
{
	struct key k = key_join(a->name_key, key_of_bytes(&start_ns, sizeof(start_ns)));
	for (unsigned i = 0; i < a->n_keys; i++)
		k = key_join(k, key_of(expr_run_result(s->x.run, a->keys[i]), row));
	return k;
}

/* The group of a row, made when there is none. NULL: no room, and the row has been counted. */
static struct group *find_group(const struct aggregate_plan *a, struct aggregate *s,
				int64_t start_ns, unsigned row, uint64_t *cells)
{
	struct key k = group_key(a, s, start_ns, row);
	uint32_t at = keymap_find(&s->map, k);
	if (at != KEYMAP_NONE)
		return group_at(a, s, at);
	if (key_text_bytes(a, s, row) > a->c.key_bytes_max) {
		cells[AGGREGATE_key_too_long]++;
		return NULL;
	}
	if (s->n_open == (uint32_t)a->c.groups_max) {
		cells[AGGREGATE_no_group]++;
		return NULL;
	}
	at = s->free;
	if (at == NO_GROUP)
		at = s->n_used++;
	else
		s->free = group_at(a, s, at)->next;
	struct group *g = group_at(a, s, at);
	memset(g, 0, a->group_bytes);
	*g = (struct group){.key = k, .start_ns = start_ns, .seq = s->seq++, .source = UINT16_MAX};
	keep_keys(a, s, g, row);
	keymap_put(&s->map, at);
	heap_push(a, s, at);
	return g;
}

/* ---- records in ---- */

/* Into s->states: VEC_VALUE, or the first error of a row's expressions. */
static void find_errors(const struct aggregate_plan *a, struct aggregate *s, unsigned n)
{
	memset(s->states, VEC_VALUE, n);
	for (unsigned k = 0; k < a->n_keys + a->n_accums + a->has_time; k++) {
		unsigned at = k < a->n_keys ? a->keys[k] : a->time;
		if (k >= a->n_keys && k < a->n_keys + a->n_accums) {
			if (a->accums[k - a->n_keys].kind == ACCUM_COUNT_ALL)
				continue;
			at = a->args[k - a->n_keys];
		}
		const struct vec *v = expr_run_result(s->x.run, at);
		for (unsigned i = 0; i < n; i++)
			if (v->state[i] >= VEC_ERROR && s->states[i] < VEC_ERROR)
				s->states[i] = v->state[i];
	}
}

static bool is_closed(const struct aggregate_plan *a, const struct aggregate *s, int64_t start_ns)
{
	__int128 end = (__int128)start_ns + a->c.window_ns + a->c.lateness_ns;
	return end <= (__int128)s->now_ns;
}

/* The time of a row in its window; false when it has none there, and has been counted. */
static bool find_window(const struct aggregate_plan *a, const struct aggregate *s,
			const struct rec *r, unsigned row, uint64_t *cells, int64_t *ret_start_ns)
{
	int64_t time_ns = (int64_t)r->time_ns;
	if (a->has_time) {
		const struct vec *v = expr_run_result(s->x.run, a->time);
		if (v->state[row] != VEC_VALUE) {
			cells[AGGREGATE_no_time]++;
			return false;
		}
		time_ns = v->i[row];
		if ((__int128)time_ns > (__int128)r->time_ns + a->c.ahead_ns) {
			cells[AGGREGATE_ahead]++;
			return false;
		}
	}
	if (time_ns > INT64_MAX - (int64_t)a->c.window_ns) {
		cells[AGGREGATE_ahead]++;
		return false;
	}
	/* Packet time begins in 1970: what was before is behind every window. */
	*ret_start_ns = time_ns - time_ns % (int64_t)a->c.window_ns;
	if (time_ns < 0 || is_closed(a, s, *ret_start_ns)) {
		cells[a->c.late == LATE_LOSE ? AGGREGATE_late_lost : AGGREGATE_late]++;
		return false;
	}
	return true;
}

static void aggregate_run(const struct op_plan *p, void *state, struct op_run *x,
			  struct rec *const *recs, unsigned n)
{
	const struct aggregate_plan *a = (const struct aggregate_plan *)p;
	struct aggregate *s = state;
	uint64_t *cells = op_row(x);
	op_exprs_run(&s->x, op_batch(x), recs, n);
	find_errors(a, s, n);
	if (s->now_ns == 0)
		s->now_ns = recs[0]->time_ns; /* what the first burst brings can be late too */
	cells[AGGREGATE_records_in] += n;
	for (unsigned i = 0; i < n; i++) {
		int64_t start_ns;
		if (s->states[i] >= VEC_ERROR) {
			op_error(x, AGGREGATE_out_of_range, recs[i], s->states[i]);
			continue;
		}
		if (!find_window(a, s, recs[i], i, cells, &start_ns))
			continue;
		struct group *g = find_group(a, s, start_ns, i, cells);
		if (!g)
			continue;
		for (unsigned k = 0; k < a->n_accums; k++) {
			const struct accum *acc = &a->accums[k];
			const struct vec *v = acc->kind == ACCUM_COUNT_ALL
						      ? NULL
						      : expr_run_result(s->x.run, a->args[k]);
			accum_add(acc, (uint8_t *)g + a->accum_offs[k], v, i);
		}
		g->n_recs++;
		g->source = recs[i]->source < g->source ? recs[i]->source : g->source;
		cells[AGGREGATE_held]++;
	}
}

/* ---- groups out ---- */

static struct val cell_val(struct vec *v, uint8_t state, const union cell *c, struct arena *a)
{
	v->state[0] = state;
	if (state == VEC_VALUE)
		cell_store(v, 0, c);
	return vec_get(v, 0, a);
}

static struct val time_val(struct arena *a, int64_t ns)
{
	uint32_t off = arena_take8(a, sizeof(ns));
	if (!off)
		return (struct val){0};
	memcpy(a->base + off, &ns, sizeof(ns));
	return val_of(VAL_TIME, off, sizeof(ns));
}

static bool fill(const struct aggregate_plan *a, struct aggregate *s, const struct group *g,
		 struct arena *ar, struct rec *r, uint64_t *cells)
{
	const struct group_key *keys = (const struct group_key *)((const uint8_t *)g + a->keys_off);
	struct val *out = r->vals;
	*out++ = time_val(ar, g->start_ns);
	*out++ = time_val(ar, g->start_ns + (int64_t)a->c.window_ns);
	for (unsigned k = 0; k < a->n_keys; k++)
		*out++ = cell_val(&s->vecs[k], (uint8_t)keys[k].state, &keys[k].v, ar);
	for (unsigned k = 0; k < a->n_accums; k++) {
		union cell c;
		uint8_t state = accum_get(&a->accums[k], (const uint8_t *)g + a->accum_offs[k], &c);
		cells[AGGREGATE_overflows] += state >= VEC_ERROR;
		*out++ = cell_val(&s->vecs[a->n_keys + k], state >= VEC_ERROR ? VEC_NULL : state,
				  &c, ar);
	}
	for (const struct val *v = r->vals; v < out; v++)
		if (v->type == VAL_ABSENT)
			return false;
	return true;
}

/* The record of a group. Its time is the last one of its window, so that it falls into the window
 * of a coarser aggregate behind this one. NULL: no room.
 */
static struct rec *group_rec(const struct aggregate_plan *a, struct aggregate *s,
			     const struct group *g, struct batch *b, uint64_t *cells)
{
	struct rec head = {.time_ns = (uint64_t)(g->start_ns + (int64_t)a->c.window_ns - 1),
			   .session_id = g->key.lo,
			   .stream_off = (uint64_t)g->start_ns,
			   .source = g->source};
	struct rec *r = op_rec(b, &head, &a->schema, 0);
	uint32_t name = r ? arena_copy(&b->arena, a->name.ptr, a->name.len) : 0;
	if (!name)
		return NULL;
	r->stream = val_of(VAL_STR, name, a->name.len);
	return fill(a, s, g, &b->arena, r, cells) ? r : NULL;
}

static void close_group(const struct aggregate_plan *a, struct aggregate *s, uint32_t at,
			uint64_t *cells)
{
	struct group *g = group_at(a, s, at);
	keymap_del(&s->map, at);
	cells[AGGREGATE_held] -= g->n_recs;
	cells[AGGREGATE_merged] += g->n_recs;
	g->next = s->free;
	s->free = at;
}

/* Half of what the arena has is for those that follow. */
static bool is_crowded(const struct arena *a, size_t mark)
{
	return arena_left(a) < (a->cap - mark) / 2;
}

/* Groups whose window is closed, or all of them. */
static void emit_groups(const struct aggregate_plan *a, struct aggregate *s, struct op_run *x,
			bool all)
{
	struct batch *b = op_batch(x);
	uint64_t *cells = op_row(x);
	size_t mark = b->arena.used;
	unsigned n = 0;
	while (s->n_open && (all || is_closed(a, s, group_at(a, s, s->heap[0])->start_ns))) {
		uint32_t at = heap_pop(a, s);
		struct rec *r = group_rec(a, s, group_at(a, s, at), b, cells);
		if (r)
			s->out[n++] = r;
		cells[r ? AGGREGATE_groups_out : AGGREGATE_results_lost]++;
		close_group(a, s, at, cells);
		if (n == OUT_RECS_MAX || is_crowded(&b->arena, mark)) {
			op_emit(x, 0, s->out, n);
			b->arena.used = mark;
			n = 0;
		}
	}
	op_emit(x, 0, s->out, n);
	b->arena.used = mark;
}

static void aggregate_advance(const struct op_plan *p, void *state, struct op_run *x,
			      uint64_t now_ns)
{
	struct aggregate *s = state;
	if (now_ns <= s->now_ns)
		return;
	s->now_ns = now_ns;
	emit_groups((const struct aggregate_plan *)p, s, x, false);
}

static void aggregate_finish(const struct op_plan *p, void *state, struct op_run *x)
{
	emit_groups((const struct aggregate_plan *)p, state, x, true);
}

/* ---- life ---- */

static void aggregate_discard(void *state)
{
	struct aggregate *s = state;
	op_exprs_discard(&s->x);
	keymap_fini(&s->map);
	if (s->groups)
		mem_unmap(s->groups, s->groups_bytes);
	for (unsigned i = 0; s->vecs && i < s->n_vecs; i++)
		vec_fini(&s->vecs[i]);
	if (s->heap)
		mem_unmap(s->heap, s->heap_bytes);
	mem_free(s->vecs);
	mem_free(s);
}

static int make_vecs(const struct aggregate_plan *a, struct aggregate *s)
{
	s->n_vecs = a->n_keys + a->n_accums;
	s->vecs = mem_alloc(s->n_vecs * sizeof(*s->vecs));
	int rc = s->vecs ? 0 : -ENOMEM;
	for (unsigned i = 0; rc == 0 && i < s->n_vecs; i++)
		rc = vec_init(&s->vecs[i],
			      i < a->n_keys ? a->types[i] : a->accums[i - a->n_keys].out);
	return rc;
}

static int aggregate_create(const struct op_plan *p, void **ret_state, struct err *e)
{
	const struct aggregate_plan *a = (const struct aggregate_plan *)p;
	struct aggregate *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for an aggregate");
	uint32_t cap = (uint32_t)a->c.groups_max;
	s->free = NO_GROUP;
	s->groups_bytes = (size_t)cap * a->group_bytes;
	s->groups = mem_map(s->groups_bytes);
	s->heap_bytes = cap * sizeof(*s->heap);
	s->heap = mem_map(s->heap_bytes);
	int rc = s->groups && s->heap ? keymap_init(&s->map, s->groups, a->group_bytes, cap)
				      : -ENOMEM;
	if (rc == 0)
		rc = make_vecs(a, s);
	if (rc < 0)
		err_set(e, rc, "no memory for %u groups of %u bytes", cap, a->group_bytes);
	else
		rc = op_exprs_create(&a->x, &s->x, e);
	if (rc < 0)
		aggregate_discard(s);
	else
		*ret_state = s;
	return rc;
}

const struct op op_aggregate = {
	.name = "aggregate",
	.summary = "One record for each group of records in each window of time",
	.opts = aggregate_opts,
	.conf_size = sizeof(struct aggregate_conf),
	.ledger = &aggregate_ledger,
	.alone = true,
	.build = aggregate_build,
	.destroy = aggregate_destroy,
	.create = aggregate_create,
	.discard = aggregate_discard,
	.run = aggregate_run,
	.advance = aggregate_advance,
	.finish = aggregate_finish,
};
