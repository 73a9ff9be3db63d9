#include <emmintrin.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/dim/dim.h"
#include "dataplane/graph/graph.h"
#include "dataplane/graph/held.h"
#include "dataplane/graph/op_parts.h"
#include "dataplane/rec/later.h"

#define ENRICH_COLS(X)                                                                  \
	X(IN, records_in, "records of the inputs")                                      \
	X(OUT, records_out, "records with the fields of the dimension")                 \
	X(POLICY, dropped, "records whose key is not in the dimension (missing: drop)") \
	X(LOSS, missing, "records whose key is not in the dimension (missing: lose)")   \
	OP_ERROR_COLS(X)                                                                \
	X(IN_FLIGHT, in_flight, "records that wait for their key (missing: hold)")      \
	X(INFO, hits, "keys that the dimension has")                                    \
	X(INFO, misses, "keys that it does not have")                                   \
	X(INFO, no_key, "records without a key, which count as misses")                 \
	X(INFO, late_hits, "keys that came while their record was held")                \
	X(INFO, hold_full, "records that found no room to wait in")
#define ENRICH_COL(kind, name, help) ENRICH_##name,
enum { ENRICH_COLS(ENRICH_COL) ENRICH_N_COLS };
LEDGER_DEFINE(enrich, "enrich", "records", ENRICH_COLS);

enum missing { MISSING_NULL, MISSING_DROP, MISSING_LOSE, MISSING_DEAD, MISSING_HOLD };
static const char *const missings[] = {"null", "drop", "lose", "dead_letter", "hold", NULL};
static const char *const thens[] = {"null", "drop", "lose", "dead_letter", NULL};

struct enrich_conf {
	const char *dimension, *key, *prefix;
	struct opt_strings fields;
	int missing, then; /* enum missing */
	uint64_t hold_ns, hold_bytes_max;
	int64_t hold_recs_max;
};

static const struct opt enrich_opts[] = {
	{.name = "dimension",
	 .type = OPT_STRING,
	 .off = offsetof(struct enrich_conf, dimension),
	 .required = true,
	 .live = true,
	 .help = "The dimension whose fields the record gets."},
	{.name = "key",
	 .type = OPT_STRING,
	 .off = offsetof(struct enrich_conf, key),
	 .required = true,
	 .live = true,
	 .help = "An expression (docs/expressions.md) of text or a whole number: the key of the "
		 "row."},
	{.name = "fields",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct enrich_conf, fields),
	 .def = "[]",
	 .live = true,
	 .help = "The fields that are taken. None named: all of them."},
	{.name = "prefix",
	 .type = OPT_STRING,
	 .off = offsetof(struct enrich_conf, prefix),
	 .def = "\"\"",
	 .live = true,
	 .help = "Text in front of their names in the record."},
	{.name = "missing",
	 .type = OPT_ENUM,
	 .off = offsetof(struct enrich_conf, missing),
	 .choices = missings,
	 .def = "\"null\"",
	 .live = true,
	 .help = "A key that the dimension does not have: the fields are null, or the record is "
		 "left out on purpose (drop), or it is left out and counts as lost (lose), or it "
		 "becomes a dead letter (dead_letter, with the section dead_letters), or it waits "
		 "for its key (hold)."},
	{.name = "hold",
	 .type = OPT_DURATION,
	 .off = offsetof(struct enrich_conf, hold_ns),
	 .min = 1000000,
	 .max = 3600000000000,
	 .def = "5s",
	 .live = true,
	 .help = "missing: hold: how long a record waits, in packet time."},
	{.name = "then",
	 .type = OPT_ENUM,
	 .off = offsetof(struct enrich_conf, then),
	 .choices = thens,
	 .def = "\"null\"",
	 .live = true,
	 .help = "missing: hold: what becomes of a record whose key did not come, or that finds no "
		 "room to wait in; as under missing."},
	{.name = "hold_recs_max",
	 .type = OPT_INT,
	 .off = offsetof(struct enrich_conf, hold_recs_max),
	 .min = 1,
	 .max = 10000000,
	 .def = "10000",
	 .live = true,
	 .help = "missing: hold: records that wait at most, of each worker."},
	{.name = "hold_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct enrich_conf, hold_bytes_max),
	 .min = 1 << 16,
	 .max = 4ll << 30,
	 .def = "16MiB",
	 .live = true,
	 .help = "missing: hold: memory of those records at most, of each worker."},
	OPT_END,
};

struct enrich_plan {
	struct op_plan base;
	struct op_exprs x;
	unsigned key;
	const struct names *in_names; /* of the fields of records that come */
	struct dim *dim;
	int missing, then; /* the second never hold */
	uint64_t hold_ns;
	unsigned hold_recs_max;
	size_t hold_bytes_max;
	unsigned n_fields; /* of these, taken */
	unsigned *from;    /* index in the row, by field taken */
	bool in_order;     /* the first ones of the row, as they stand there */
	struct column *columns;
	char **names; /* with the prefix */
	struct field_def *defs;
	struct schema added; /* the fields taken */
};

/* The fields of a record that comes, and behind them those that are added to it. */
struct joined {
	const struct schema *of;
	bool apart; /* it has none of them already, and they are few enough */
	struct schema schema;
	struct schema_room room;
};

#define JOINED_MAX 4 /* records of further schemas get pairs */

struct enrich {
	struct op_exprs_state x;
	struct column *columns;
	struct joined joined[JOINED_MAX];
	unsigned n_joined;
	const struct joined *last; /* of the last record; NULL: of none yet */
	struct dim *dim;           /* the plan's, of which this is a */
	int reader;                /* -1: not yet */
	struct slice keys[BATCH_RECS_MAX];
	const struct dim_row *rows[BATCH_RECS_MAX];
	struct rec *out[BATCH_RECS_MAX];
	struct held *held;     /* NULL: nothing waits */
	uint64_t seen_version; /* of the dimension, when the keys of those were looked up */
	uint64_t until_ns;     /* of the last that was held: times do not go back */
};

static void enrich_destroy(struct op_plan *p)
{
	struct enrich_plan *r = (struct enrich_plan *)p;
	if (!r)
		return;
	for (unsigned i = 0; r->names && i < r->n_fields; i++)
		mem_free(r->names[i]);
	mem_free(r->names);
	mem_free(r->from);
	mem_free(r->columns);
	schema_fini(&r->added);
	mem_free(r->defs);
	op_exprs_fini(&r->x);
	op_plan_free(p);
}

/* ---- building ---- */

static enum sql_type sql_type_of(const struct type *t)
{
	static const enum sql_type types[] = {[TYPE_STRING] = SQL_TEXT,
					      [TYPE_INT] = SQL_INT8,
					      [TYPE_FLOAT] = SQL_FLOAT8,
					      [TYPE_BOOL] = SQL_BOOL,
					      [TYPE_TIME] = SQL_TIMESTAMPTZ};
	return types[t->kind];
}

static int find_field(const struct dim_spec *s, const char *name)
{
	for (unsigned i = 0; i < s->n_fields; i++)
		if (strcmp(s->fields[i].name, name) == 0)
			return (int)i;
	return -1;
}

static char *join(const char *prefix, const char *name)
{
	size_t a = strlen(prefix), b = strlen(name);
	char *s = mem_alloc(a + b + 1);
	if (s) {
		memcpy(s, prefix, a);
		memcpy(s + a, name, b);
	}
	return s;
}

/* Refuses the name of the last field taken, as project does. */
static int check_name(const struct enrich_plan *r, const struct op_env *env, struct err *e)
{
	const char *name = r->names[r->n_fields - 1];
	int rc = 0;
	if (name[0] == '_')
		rc = err_set(e, -EINVAL,
			     "the name %s: names that begin with \"_\" are sluice's own; expected "
			     "another prefix",
			     name);
	for (unsigned i = 0; rc == 0 && i + 1 < r->n_fields; i++)
		if (strcmp(r->names[i], name) == 0)
			rc = err_set(e, -EINVAL, "two fields named %s", name);
	return rc < 0 ? env->wrong(env->arg, name[0] == '_' ? "prefix" : "fields", 0, rc, e) : 0;
}

static int take_fields(struct enrich_plan *r, const struct enrich_conf *c, const struct op_env *env,
		       struct err *e)
{
	const struct dim_spec *s = dim_spec_of(r->dim);
	unsigned n = c->fields.n ? (unsigned)c->fields.n : s->n_fields;
	r->from = mem_alloc(n * sizeof(*r->from));
	r->names = mem_alloc(n * sizeof(*r->names));
	r->columns = mem_alloc(n * sizeof(*r->columns));
	if (!r->from || !r->names || !r->columns)
		return err_set(e, -ENOMEM, "no memory for %s", env->name);
	r->in_order = true;
	for (unsigned i = 0; i < n; i++) {
		int at = c->fields.n ? find_field(s, c->fields.items[i]) : (int)i;
		if (at < 0) {
			int rc = err_set(e, -EINVAL, "dimension %s has no field \"%s\"", s->name,
					 c->fields.items[i]);
			return env->wrong(env->arg, "fields", 0, rc, e);
		}
		r->from[i] = (unsigned)at;
		r->in_order = r->in_order && r->from[i] == i;
		r->names[i] = join(c->prefix, s->fields[at].name);
		r->n_fields++;
		int rc = r->names[i] ? column_init(&r->columns[i], r->names[i], env->names,
						   env->source_names)
				     : -ENOMEM;
		if (rc < 0)
			return err_set(e, rc, "no memory for the fields of %s", env->name);
		rc = check_name(r, env, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int add_key(struct enrich_plan *r, const struct enrich_conf *c, const struct op_env *env,
		   struct err *e)
{
	int rc = op_exprs_add(&r->x, env, "key", c->key, e);
	if (rc < 0)
		return rc;
	r->key = (unsigned)rc;
	enum sql_type t = expr_set_type(r->x.set, r->key);
	if (t == SQL_TEXT || t == SQL_INT2 || t == SQL_INT4 || t == SQL_INT8)
		return op_exprs_finish(&r->x, e);
	err_set(e, -EINVAL, "a key of type %s; expected text or a whole number", sql_type_name(t));
	return env->wrong(env->arg, "key", 0, -EINVAL, e);
}

static int make_schema(struct enrich_plan *r, const struct op_env *env, struct err *e)
{
	const struct dim_spec *s = dim_spec_of(r->dim);
	int rc = op_ports_init(&r->base, 1);
	struct op_field *more = mem_alloc(r->n_fields * sizeof(*more));
	r->defs = mem_alloc(r->n_fields * sizeof(*r->defs));
	for (unsigned i = 0; more && r->defs && i < r->n_fields; i++) {
		enum sql_type t = sql_type_of(&s->fields[r->from[i]].type);
		more[i] = (struct op_field){r->names[i], t};
		r->defs[i] = (struct field_def){r->names[i], op_val_type(t), ""};
	}
	if (rc == 0 && (!more || !r->defs))
		rc = -ENOMEM;
	if (rc == 0)
		rc = op_schema_extend(&r->base, 0, env->in, more, r->n_fields);
	if (rc == 0)
		rc = schema_init(&r->added, r->defs, (uint16_t)r->n_fields);
	mem_free(more);
	return rc < 0 ? err_set(e, rc, "no memory for %s", env->name) : 0;
}

/* What is asked for must be there: else records would be lost that were to be kept. */
static int check_dead(const struct enrich_plan *r, const struct op_env *env, struct err *e)
{
	if (env->dead_letters || (r->missing != MISSING_DEAD && r->then != MISSING_DEAD))
		return 0;
	int rc = err_set(e, -EINVAL,
			 "dead_letter, and the configuration has no section dead_letters; expected "
			 "one, such as dead_letters: { dir: /var/lib/sluice/dlq }");
	return env->wrong(env->arg, r->missing == MISSING_DEAD ? "missing" : "then", 0, rc, e);
}

static int enrich_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
			struct err *e)
{
	const struct enrich_conf *c = conf;
	struct enrich_plan *r = mem_alloc(sizeof(*r));
	if (!r)
		return err_set(e, -ENOMEM, "no memory for %s", env->name);
	int rc = 0;
	r->in_names = env->names;
	r->missing = c->missing;
	r->then = c->missing == MISSING_HOLD ? c->then : c->missing;
	r->hold_ns = c->hold_ns;
	r->hold_recs_max = (unsigned)c->hold_recs_max;
	r->hold_bytes_max = c->hold_bytes_max;
	r->dim = env->dim(env->arg, c->dimension);
	if (!r->dim) {
		rc = err_set(e, -EINVAL, "no dimension is named \"%s\"", c->dimension);
		env->wrong(env->arg, "dimension", 0, rc, e);
	}
	if (rc == 0)
		rc = check_dead(r, env, e);
	if (rc == 0)
		rc = take_fields(r, c, env, e);
	if (rc == 0)
		rc = op_exprs_init(&r->x, env, e);
	if (rc == 0)
		rc = add_key(r, c, env, e);
	if (rc == 0)
		rc = make_schema(r, env, e);
	if (rc < 0) {
		enrich_destroy(&r->base);
		return rc;
	}
	*ret_p = &r->base;
	return 0;
}

/* ---- a worker's ---- */

static unsigned enrich_appends(const struct op_plan *plan)
{
	return ((const struct enrich_plan *)plan)->n_fields;
}

static void enrich_discard(void *state)
{
	struct enrich *s = state;
	op_exprs_discard(&s->x);
	held_destroy(s->held);
	if (s->reader >= 0)
		dim_quit(s->dim, s->reader);
	mem_free(s->columns);
	mem_free(s);
}

static int enrich_create(const struct op_plan *p, void **ret_state, struct err *e)
{
	const struct enrich_plan *r = (const struct enrich_plan *)p;
	struct enrich *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for an enrichment");
	s->dim = r->dim;
	s->reader = -1;
	s->columns = mem_alloc(r->n_fields * sizeof(*s->columns));
	int rc = s->columns ? op_exprs_create(&r->x, &s->x, e)
			    : err_set(e, -ENOMEM, "no memory for an enrichment");
	if (rc == 0 && r->missing == MISSING_HOLD &&
	    !(s->held = held_create(r->hold_recs_max, r->hold_bytes_max)))
		rc = err_set(e, -ENOMEM, "no memory for records that wait");
	if (rc == 0 && (s->reader = dim_join(r->dim)) < 0)
		rc = err_set(e, s->reader, "more than %d nodes and workers read dimension %s",
			     READERS_MAX, dim_spec_of(r->dim)->name);
	if (rc < 0) {
		enrich_discard(s);
		return rc;
	}
	memcpy(s->columns, r->columns, r->n_fields * sizeof(*s->columns));
	*ret_state = s;
	return 0;
}

/* The keys as text; no bytes where there is none. @states: vec_states of them. */
static const struct slice *spell_keys(struct enrich *s, const struct vec *v, unsigned n,
				      unsigned states, struct arena *a)
{
	if (v->type == SQL_TEXT && states == VEC_VALUE)
		return v->s;
	for (unsigned i = 0; i < n; i++) {
		char text[24];
		s->keys[i] = (struct slice){0};
		if (v->state[i] != VEC_VALUE)
			continue;
		if (v->type == SQL_TEXT) {
			s->keys[i] = v->s[i];
			continue;
		}
		size_t len = (size_t)snprintf(text, sizeof(text), "%" PRId64, v->i[i]);
		uint32_t off = arena_copy(a, text, len);
		if (off)
			s->keys[i] = arena_slice(a, off, len);
	}
	return s->keys;
}

static bool is_apart(const struct enrich_plan *p, const struct schema *schema)
{
	for (unsigned i = 0; i < schema->n_fields; i++)
		for (unsigned k = 0; k < p->n_fields; k++)
			if (strcmp(schema->fields[i].name, p->names[k]) == 0)
				return false;
	return true;
}

/* NULL: records of this schema get their fields one by one. */
static const struct schema *join_schema(const struct enrich_plan *p, struct enrich *s,
					const struct schema *of)
{
	unsigned i = 0;
	while (i < s->n_joined && s->joined[i].of != of)
		i++;
	if (i == JOINED_MAX)
		return NULL;
	struct joined *j = &s->joined[i];
	if (i == s->n_joined) {
		s->n_joined++;
		j->of = of;
		j->apart = is_apart(p, of) && schema_join(&j->schema, of, &p->added, &j->room);
	}
	s->last = j;
	return j->apart ? &j->schema : NULL;
}

static inline const struct schema *joined_schema(const struct enrich_plan *p, struct enrich *s,
						 const struct schema *of)
{
	if (s->last && s->last->of == of)
		return s->last->apart ? &s->last->schema : NULL;
	return join_schema(p, s, of);
}

/* A record without pairs is one of another schema then, which has the new fields, too. */
static inline void append(const unsigned *from, const struct schema *joined, struct rec *r,
			  const struct dim_row *row, uint32_t base)
{
	struct val *to = r->vals + r->schema->n_fields, null = val_of(VAL_NULL, 0, 0);
	unsigned n_fields = joined->n_fields - r->schema->n_fields;
	for (unsigned k = 0; k < n_fields; k++) {
		uint64_t word = val_word(row ? &row->vals[from[k]] : &null);
		uint32_t off = (uint32_t)word + base; /* the lower half */
		to[k] = val_of_word((word >> 32 << 32) | off);
	}
	r->schema = joined;
}

static void put_fields(const struct enrich_plan *p, struct enrich *s, const struct batch *b,
		       struct rec *r, const struct dim_row *row, uint32_t base)
{
	for (unsigned k = 0; k < p->n_fields; k++) {
		struct val v = row ? row->vals[p->from[k]] : val_of(VAL_NULL, 0, 0);
		v.off += base;
		op_rec_put(&s->columns[k], b, r, v);
	}
}

/* *ret_base: what is to be added to the places of the row's values. */
static inline bool copy_texts(struct arena *a, const struct dim_row *row, unsigned n_columns,
			      uint32_t *ret_base)
{
	uint32_t texts = dim_row_texts(row, n_columns);
	uint32_t off = arena_copy_padded(a, (const uint8_t *)row + texts, row->bytes - texts);
	*ret_base = off - texts;
	return off != 0;
}

/* Two values at a time: behind the last one there is room for another, as for the key of a pair. */
static inline void append_in_order(struct val *to, const struct val *from, unsigned n,
				   uint32_t base)
{
	const __m128i places = _mm_set_epi32(0, (int)base, 0, (int)base);
	for (unsigned k = 0; k < n; k += 2) {
		__m128i two = _mm_loadu_si128((const __m128i *)(from + k));
		_mm_storeu_si128((__m128i *)(to + k), _mm_add_epi32(two, places));
	}
}

#define STEP 32 /* bytes of texts, as those of most rows fit in */

/* Records from @i on that are as most are: without pairs, of the last one's schema, their rows
 * there. They are given out in place. Returns the number of the first that is another, or that has
 * no room.
 */
static unsigned append_alike(const struct enrich_plan *p, struct enrich *s, struct arena *a,
			     struct rec *const *recs, unsigned i, unsigned n, struct rec **out)
{
	const struct joined *j = s->last;
	if (!p->in_order || !j || !j->apart)
		return i;
	unsigned n_columns = dim_spec_of(p->dim)->n_fields, n_fields = p->n_fields;
	const struct schema *of = j->of;
	uint16_t n_before = of->n_fields;
	size_t used = a->used, cap = a->cap;
	for (; i < n; i++) {
		const struct dim_row *row = s->rows[i];
		struct rec *r = recs[i];
		if (!row || r->schema != of || r->n_pairs || r->change)
			break;
		uint32_t texts = dim_row_texts(row, n_columns);
		size_t len = row->bytes - texts;
		if (len > cap - used)
			break;
		const uint8_t *from = (const uint8_t *)row + texts;
		uint8_t *to = a->base + used;
		memcpy(to, from, STEP);
		for (size_t k = STEP; __builtin_expect(k < len, 0); k += STEP)
			memcpy(to + k, from + k, STEP);
		append_in_order(r->vals + n_before, row->vals, n_fields, (uint32_t)used - texts);
		used += len;
		r->schema = &j->schema;
		*out++ = r;
	}
	a->used = used;
	return i;
}

/* The values of s->rows, or nulls where there is none, as fields of these records, or of copies of
 * them: s->out. Returns how many; those without room are counted.
 */
static unsigned enrich_recs(const struct enrich_plan *p, struct enrich *s, struct op_run *x,
			    struct rec *const *recs, unsigned n)
{
	struct batch *b = op_batch(x);
	unsigned n_out = 0, n_more = p->n_fields + op_room_next(x);
	unsigned n_columns = dim_spec_of(p->dim)->n_fields;
	bool in_place = op_room(x) > 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned first = i;
		if (in_place)
			i = append_alike(p, s, &b->arena, recs, i, n, s->out + n_out);
		n_out += i - first;
		if (i == n)
			break;
		const struct dim_row *row = s->rows[i];
		struct rec *r = in_place ? recs[i] : op_rec_copy(b, recs[i], n_more);
		uint32_t base = 0;
		if (!r || (row && !copy_texts(&b->arena, row, n_columns, &base)))
			continue;
		const struct schema *joined =
			r->n_pairs || r->change ? NULL : joined_schema(p, s, r->schema);
		if (joined)
			append(p->from, joined, r, row, base);
		else
			put_fields(p, s, b, r, row, base);
		s->out[n_out++] = r;
	}
	op_row(x)[ENRICH_no_room] += n - n_out;
	return n_out;
}

/* What becomes of a record whose key is not there. True: it goes on, with nulls. */
static bool goes_on(const struct enrich_plan *p, struct op_run *x, const struct rec *r,
		    struct slice about)
{
	unsigned col = ENRICH_missing;
	if (p->then == MISSING_NULL)
		return true;
	if (p->then == MISSING_DROP)
		col = ENRICH_dropped;
	else if (p->then == MISSING_DEAD && op_dead(x, r, "missing_key", about))
		col = ENRICH_dead_letters;
	op_row(x)[col]++;
	return false;
}

/* A record without a key would wait for nothing. */
static bool hold(const struct enrich_plan *p, struct enrich *s, struct op_run *x, struct rec *r,
		 struct slice key)
{
	if (!s->held || !key.ptr)
		return false;
	uint64_t until_ns = r->time_ns + p->hold_ns;
	if (until_ns > s->until_ns)
		s->until_ns = until_ns;
	struct batch *b = op_batch(x);
	struct slice about = {0};
	if (p->then == MISSING_DEAD && x->dead)
		about = x->about(x, r);
	r = rec_settled(b, r);
	bool done = r && held_put(s->held, b, r, key, about, s->until_ns);
	op_row(x)[done ? ENRICH_in_flight : ENRICH_hold_full]++;
	return done;
}

/* A record whose key is not there, or ended in an error. True: it does not go on from here. */
static bool misses(const struct enrich_plan *p, struct enrich *s, struct op_run *x, struct rec *r,
		   struct slice key, uint8_t state)
{
	if (state >= VEC_ERROR)
		return true;
	op_row(x)[ENRICH_no_key] += !key.ptr;
	return hold(p, s, x, r, key) || !goes_on(p, x, r, (struct slice){0});
}

/* Takes those out that do not go on: s->out and s->rows. Returns how many do. */
static unsigned keep(const struct enrich_plan *p, struct enrich *s, struct op_run *x,
		     struct rec *const *recs, unsigned n, const struct slice *keys,
		     const uint8_t *states)
{
	unsigned n_on = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct dim_row *hit = s->rows[i];
		if (!hit && misses(p, s, x, recs[i], keys[i], states[i]))
			continue;
		s->out[n_on] = recs[i];
		s->rows[n_on++] = hit;
	}
	return n_on;
}

static void enrich_run(const struct op_plan *plan, void *state, struct op_run *x,
		       struct rec *const *recs, unsigned n)
{
	const struct enrich_plan *p = (const struct enrich_plan *)plan;
	struct enrich *s = state;
	struct batch *b = op_batch(x);
	uint64_t *row = op_row(x);
	unsigned n_errors = 0, n_on = n;
	op_exprs_run(&s->x, b, recs, n);
	const struct vec *v = expr_run_result(s->x.run, p->key);
	unsigned states = vec_states(v, n);
	const struct slice *keys = spell_keys(s, v, n, states, &b->arena);
	row[ENRICH_records_in] += n;
	if (states >= VEC_ERROR)
		n_errors = op_errors(x, ENRICH_out_of_range, recs, v, n);
	unsigned n_hits = dim_table_find(dim_enter(p->dim, s->reader), keys, n, s->rows);
	if (n_hits < n) {
		n_on = keep(p, s, x, recs, n, keys, v->state);
		recs = s->out;
	}
	unsigned n_out = enrich_recs(p, s, x, recs, n_on);
	dim_leave(p->dim, s->reader);
	row[ENRICH_hits] += n_hits;
	row[ENRICH_misses] += n - n_errors - n_hits;
	row[ENRICH_records_out] += n_out;
	op_emit(x, 0, s->out, n_out);
}

/* ---- those that wait ---- */

/* Records of @held from *io_at on, of which the keys are there or the time is over, as many as the
 * arena has room for. Returns how many go on.
 */
static unsigned release_some(const struct enrich_plan *p, struct enrich *s, struct op_run *x,
			     uint64_t now_ns, unsigned *io_at)
{
	struct held *h = s->held;
	struct batch *b = op_batch(x);
	uint64_t *row = op_row(x);
	unsigned first = *io_at, n = held_n(h) - first, n_on = 0;
	size_t bytes = 0, room = arena_left(&b->arena) / GRAPH_GROWTH;
	n = n < BATCH_RECS_MAX ? n : BATCH_RECS_MAX;
	for (unsigned i = 0; i < n; i++) {
		bytes += held_bytes(h, first + i);
		if (i && bytes > room)
			n = i;
		else
			s->keys[i] = held_is_taken(h, first + i) ? (struct slice){0}
								 : held_key(h, first + i);
	}
	dim_table_find(dim_enter(p->dim, s->reader), s->keys, n, s->rows);
	for (unsigned i = 0; i < n; i++) {
		const struct dim_row *hit = s->rows[i];
		if (!s->keys[i].ptr || (!hit && held_until_ns(h, first + i) > now_ns))
			continue;
		struct rec *r = held_take(h, first + i, b);
		row[ENRICH_in_flight]--;
		row[ENRICH_late_hits] += hit != NULL;
		row[ENRICH_no_room] += !r;
		if (!r || (!hit && !goes_on(p, x, r, held_about(h, first + i))))
			continue;
		s->out[n_on] = r;
		s->rows[n_on++] = hit;
	}
	unsigned n_out = enrich_recs(p, s, x, s->out, n_on);
	dim_leave(p->dim, s->reader);
	*io_at += n;
	return n_out;
}

/* All of them are looked up again when the dimension has changed; otherwise only those are, whose
 * time is over.
 */
static void enrich_advance(const struct op_plan *plan, void *state, struct op_run *x,
			   uint64_t now_ns)
{
	const struct enrich_plan *p = (const struct enrich_plan *)plan;
	struct enrich *s = state;
	struct batch *b = op_batch(x);
	if (!s->held)
		return;
	uint64_t version = dim_version(p->dim);
	bool all = version != s->seen_version;
	s->seen_version = version;
	for (unsigned at = 0; at < held_n(s->held);) {
		if (!all && held_until_ns(s->held, at) > now_ns)
			break;
		size_t mark = b->arena.used;
		unsigned n = release_some(p, s, x, now_ns, &at);
		op_row(x)[ENRICH_records_out] += n;
		op_emit(x, 0, s->out, n);
		b->arena.used = mark;
	}
	held_trim(s->held);
}

static void enrich_finish(const struct op_plan *plan, void *state, struct op_run *x)
{
	enrich_advance(plan, state, x, UINT64_MAX);
}

/* The keys are looked up anew at the next moment: the dimension may be another. */
static bool enrich_carry(const struct op_plan *from_plan, void *from, const struct op_plan *to_plan,
			 void *to, const uint16_t *sources, struct batch *b)
{
	const struct enrich_plan *p = (const struct enrich_plan *)from_plan;
	struct enrich *a = from, *z = to;
	bool all = a->held && z->held;
	for (unsigned i = 0; all && i < held_n(a->held); i++)
		if (!held_is_taken(a->held, i))
			all = held_move(a->held, i, z->held, p->in_names, sources, b);
	z->until_ns = a->until_ns;
	return all;
}

const struct op op_enrich = {
	.name = "enrich",
	.summary = "Records with the fields of a dimension",
	.opts = enrich_opts,
	.conf_size = sizeof(struct enrich_conf),
	.ledger = &enrich_ledger,
	.build = enrich_build,
	.destroy = enrich_destroy,
	.create = enrich_create,
	.discard = enrich_discard,
	.run = enrich_run,
	.appends = enrich_appends,
	.makes_room = true,
	.advance = enrich_advance,
	.finish = enrich_finish,
	.carry = enrich_carry,
};
