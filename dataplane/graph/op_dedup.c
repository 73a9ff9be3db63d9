#include "dataplane/base/mem.h"
#include "dataplane/graph/keymap.h"
#include "dataplane/graph/op_parts.h"

#define DEDUP_COLS(X)                                                                 \
	X(IN, records_in, "records of the inputs")                                    \
	X(OUT, records_out, "the first record of each key, and those without a key")  \
	X(POLICY, duplicates, "records whose key came within the window before them") \
	OP_ERROR_COLS(X)                                                              \
	X(INFO, no_key, "records whose key is null, which go on")                     \
	X(INFO, evicted, "keys forgotten before their window ended, because of entries_max")
#define DEDUP_COL(kind, name, help) DEDUP_##name,
enum { DEDUP_COLS(DEDUP_COL) DEDUP_N_COLS };
LEDGER_DEFINE(dedup, "dedup", "records", DEDUP_COLS);

struct dedup_conf {
	const char *key;
	uint64_t window_ns;
	int64_t entries_max;
};

static const struct opt dedup_opts[] = {
	{.name = "key",
	 .type = OPT_STRING,
	 .off = offsetof(struct dedup_conf, key),
	 .required = true,
	 .live = true,
	 .help = "An expression (docs/expressions.md): of the records of one key the first goes "
		 "on."},
	{.name = "window",
	 .type = OPT_DURATION,
	 .off = offsetof(struct dedup_conf, window_ns),
	 .min = 1000000,
	 .max = 7 * 86400LL * 1000000000,
	 .def = "10m",
	 .live = true,
	 .help = "For so long, in packet time from the record that went on, others of its key are "
		 "left "
		 "out."},
	{.name = "entries_max",
	 .type = OPT_INT,
	 .off = offsetof(struct dedup_conf, entries_max),
	 .min = 1,
	 .max = 1 << 28,
	 .def = "1000000",
	 .live = true,
	 .help = "Keys that are remembered, in each worker; each takes 48 bytes or less. Beyond it "
		 "the "
		 "oldest "
		 "is forgotten, and counted as evicted when its window has not ended."},
	OPT_END,
};

struct dedup_plan {
	struct op_plan base;
	struct op_exprs x;
	unsigned key;
	uint64_t window_ns;
	uint32_t entries_max;
};

struct entry {
	struct key key; /* first: keymap.h */
	uint64_t time_ns;
	bool live; /* its key has not come again, behind its window */
};

struct dedup {
	struct op_exprs_state x;
	struct entry *entries; /* a ring in the order of coming: n of them from head on */
	struct keymap map;     /* of those that live */
	uint32_t cap, head, n;
	uint64_t now_ns; /* the latest time of a record */
	struct rec *out[BATCH_RECS_MAX];
};

static void dedup_destroy(struct op_plan *p)
{
	struct dedup_plan *d = (struct dedup_plan *)p;
	if (!d)
		return;
	op_exprs_fini(&d->x);
	op_plan_free(p);
}

static int dedup_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
		       struct err *e)
{
	const struct dedup_conf *c = conf;
	struct dedup_plan *d = mem_alloc(sizeof(*d));
	int rc = d ? 0 : -ENOMEM;
	if (rc < 0 || (rc = op_ports_init(&d->base, 1)) < 0 ||
	    (rc = op_schema_copy(&d->base, 0, env->in)) < 0)
		err_set(e, rc, "no memory for %s", env->name);
	if (rc == 0 && (rc = op_exprs_init(&d->x, env, e)) == 0 &&
	    (rc = op_exprs_add_key(&d->x, env, "key", c->key, e)) >= 0) {
		d->key = (unsigned)rc;
		d->window_ns = c->window_ns;
		d->entries_max = (uint32_t)c->entries_max;
		rc = op_exprs_finish(&d->x, e);
	}
	if (rc < 0) {
		dedup_destroy(d ? &d->base : NULL);
		return rc;
	}
	*ret_p = &d->base;
	return 0;
}

/* ---- keys that are remembered ---- */

static size_t entries_bytes(const struct dedup *s)
{
	return s->cap * sizeof(*s->entries);
}

static bool within(uint64_t window_ns, uint64_t from_ns, uint64_t time_ns)
{
	/* Records of several sessions are not in the order of time. */
	return time_ns < from_ns ? from_ns - time_ns < window_ns : time_ns - from_ns < window_ns;
}

/* Lets go of the oldest while their window has ended, and of one more when there is no room. */
static void make_room(const struct dedup_plan *d, struct dedup *s, uint64_t *row)
{
	while (s->n) {
		struct entry *en = &s->entries[s->head];
		bool ended = !en->live || s->now_ns - en->time_ns >= d->window_ns;
		if (!ended && s->n < s->cap)
			return;
		row[DEDUP_evicted] += !ended;
		if (en->live)
			keymap_del(&s->map, s->head);
		s->head = s->head + 1 == s->cap ? 0 : s->head + 1;
		s->n--;
	}
}

/* Has @key come within the window before @time_ns? If not, it has from now on. */
static bool seen(const struct dedup_plan *d, struct dedup *s, struct key key, uint64_t time_ns,
		 uint64_t *row)
{
	s->now_ns = time_ns > s->now_ns ? time_ns : s->now_ns;
	make_room(d, s, row);
	uint32_t old = keymap_find(&s->map, key);
	if (old != KEYMAP_NONE) {
		struct entry *en = &s->entries[old];
		if (within(d->window_ns, en->time_ns, time_ns))
			return true;
		keymap_del(&s->map, old);
		en->live = false;
	}
	uint32_t at = s->head + s->n < s->cap ? s->head + s->n : s->head + s->n - s->cap;
	s->entries[at] = (struct entry){.key = key, .time_ns = time_ns, .live = true};
	keymap_put(&s->map, at);
	s->n++;
	return false;
}

/* ---- a worker's ---- */

static void dedup_discard(void *state)
{
	struct dedup *s = state;
	op_exprs_discard(&s->x);
	if (s->entries)
		mem_unmap(s->entries, entries_bytes(s));
	keymap_fini(&s->map);
	mem_free(s);
}

static int dedup_create(const struct op_plan *p, void **ret_state, struct err *e)
{
	const struct dedup_plan *d = (const struct dedup_plan *)p;
	struct dedup *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a dedup");
	s->cap = d->entries_max;
	s->entries = mem_map(entries_bytes(s));
	int rc = s->entries ? keymap_init(&s->map, s->entries, sizeof(*s->entries), s->cap)
			    : -ENOMEM;
	if (rc < 0)
		err_set(e, rc, "no memory for %u keys", s->cap);
	else
		rc = op_exprs_create(&d->x, &s->x, e);
	if (rc < 0)
		dedup_discard(s);
	else
		*ret_state = s;
	return rc;
}

static void dedup_run(const struct op_plan *p, void *state, struct op_run *x,
		      struct rec *const *recs, unsigned n)
{
	const struct dedup_plan *d = (const struct dedup_plan *)p;
	struct dedup *s = state;
	uint64_t *row = op_row(x);
	unsigned n_out = 0;
	op_exprs_run(&s->x, op_batch(x), recs, n);
	const struct vec *v = expr_run_result(s->x.run, d->key);
	unsigned n_errors = op_errors(x, DEDUP_out_of_range, recs, v, n);
	for (unsigned i = 0; i < n; i++) {
		if (v->state[i] >= VEC_ERROR)
			continue;
		s->out[n_out] = recs[i];
		if (v->state[i] == VEC_NULL) {
			row[DEDUP_no_key]++;
			n_out++;
		} else {
			n_out += !seen(d, s, key_of(v, i), recs[i]->time_ns, row);
		}
	}
	row[DEDUP_records_in] += n;
	row[DEDUP_records_out] += n_out;
	row[DEDUP_duplicates] += n - n_out - n_errors;
	op_emit(x, 0, s->out, n_out);
}

/* Keys whose values have another type now do not come again: they go as their windows end. */
static bool dedup_carry(const struct op_plan *from_plan, void *from, const struct op_plan *to_plan,
			void *to, const uint16_t *sources, struct batch *b)
{
	struct dedup *a = from, *z = to;
	if (a->cap != z->cap)
		return false;
	SL_EXCHANGE(a->entries, z->entries);
	SL_EXCHANGE(a->map, z->map);
	SL_EXCHANGE(a->head, z->head);
	SL_EXCHANGE(a->n, z->n);
	SL_EXCHANGE(a->now_ns, z->now_ns);
	return true;
}

const struct op op_dedup = {
	.name = "dedup",
	.summary = "The first record of each key within a window of packet time",
	.opts = dedup_opts,
	.conf_size = sizeof(struct dedup_conf),
	.ledger = &dedup_ledger,
	.alone = true,
	.build = dedup_build,
	.destroy = dedup_destroy,
	.create = dedup_create,
	.discard = dedup_discard,
	.run = dedup_run,
	.carry = dedup_carry,
};
