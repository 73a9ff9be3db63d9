#include "dataplane/graph/op_aggregate.h"

#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/graph/keymap.h"

#define AGGREGATE_COLS(X)                                                                      \
	X(IN, records_in, "records of the inputs")                                             \
	X(MERGED, merged, "records of groups that went out")                                   \
	X(IN_FLIGHT, in_flight, "records of groups that are open")                             \
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

#define OUT_RECS_MAX 64

/* The open ones; at a reload they go over to another state as a whole. */
struct groups {
	uint8_t *all;
	size_t bytes, heap_bytes;
	struct keymap map;
	uint32_t *heap; /* of open groups, the first to go out in front */
	uint32_t n_open, n_used, free;
	uint64_t seq;
	uint64_t now_ns; /* packet time, as it was told */
};

struct aggregate {
	struct op_exprs_state x;
	struct groups g;
	struct vec *vecs; /* one row of each is used: keys, then results */
	unsigned n_vecs;
	uint8_t states[BATCH_RECS_MAX]; /* the worst of all expressions */
	struct rec *out[OUT_RECS_MAX];
};

#define NO_GROUP UINT32_MAX

/* ---- groups ---- */

static struct group *group_at(const struct aggregate_plan *a, const struct aggregate *s, uint32_t i)
{
	return (struct group *)(s->g.all + (size_t)i * a->group_bytes);
}

static bool before(const struct group *x, const struct group *y)
{
	return x->start_ns != y->start_ns ? x->start_ns < y->start_ns : x->seq < y->seq;
}

static void heap_push(const struct aggregate_plan *a, struct aggregate *s, uint32_t group)
{
	uint32_t i = s->g.n_open++;
	while (i > 0) {
		uint32_t up = (i - 1) / 2;
		if (!before(group_at(a, s, group), group_at(a, s, s->g.heap[up])))
			break;
		s->g.heap[i] = s->g.heap[up];
		i = up;
	}
	s->g.heap[i] = group;
}

static uint32_t heap_pop(const struct aggregate_plan *a, struct aggregate *s)
{
	uint32_t first = s->g.heap[0], last = s->g.heap[--s->g.n_open], i = 0;
	for (uint32_t k = 1; k < s->g.n_open; k = 2 * i + 1) {
		if (k + 1 < s->g.n_open &&
		    before(group_at(a, s, s->g.heap[k + 1]), group_at(a, s, s->g.heap[k])))
			k++;
		if (!before(group_at(a, s, s->g.heap[k]), group_at(a, s, last)))
			break;
		s->g.heap[i] = s->g.heap[k];
		i = k;
	}
	s->g.heap[i] = last;
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
	uint32_t at = keymap_find(&s->g.map, k);
	if (at != KEYMAP_NONE)
		return group_at(a, s, at);
	if (key_text_bytes(a, s, row) > a->c.key_bytes_max) {
		cells[AGGREGATE_key_too_long]++;
		return NULL;
	}
	if (s->g.n_open == (uint32_t)a->c.groups_max) {
		cells[AGGREGATE_no_group]++;
		return NULL;
	}
	at = s->g.free;
	if (at == NO_GROUP)
		at = s->g.n_used++;
	else
		s->g.free = group_at(a, s, at)->next;
	struct group *g = group_at(a, s, at);
	memset(g, 0, a->group_bytes);
	*g = (struct group){
		.key = k, .start_ns = start_ns, .seq = s->g.seq++, .source = UINT16_MAX};
	keep_keys(a, s, g, row);
	keymap_put(&s->g.map, at);
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
	return end <= (__int128)s->g.now_ns;
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
	if (s->g.now_ns == 0)
		s->g.now_ns = recs[0]->time_ns; /* what the first burst brings can be late too */
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
		cells[AGGREGATE_in_flight]++;
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
	keymap_del(&s->g.map, at);
	cells[AGGREGATE_in_flight] -= g->n_recs;
	cells[AGGREGATE_merged] += g->n_recs;
	g->next = s->g.free;
	s->g.free = at;
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
	while (s->g.n_open && (all || is_closed(a, s, group_at(a, s, s->g.heap[0])->start_ns))) {
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
	if (now_ns <= s->g.now_ns)
		return;
	s->g.now_ns = now_ns;
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
	keymap_fini(&s->g.map);
	if (s->g.all)
		mem_unmap(s->g.all, s->g.bytes);
	for (unsigned i = 0; s->vecs && i < s->n_vecs; i++)
		vec_fini(&s->vecs[i]);
	if (s->g.heap)
		mem_unmap(s->g.heap, s->g.heap_bytes);
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
	s->g.free = NO_GROUP;
	s->g.bytes = (size_t)cap * a->group_bytes;
	s->g.all = mem_map(s->g.bytes);
	s->g.heap_bytes = cap * sizeof(*s->g.heap);
	s->g.heap = mem_map(s->g.heap_bytes);
	int rc = s->g.all && s->g.heap ? keymap_init(&s->g.map, s->g.all, a->group_bytes, cap)
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

static bool aggregate_carry(const struct op_plan *from_plan, void *from,
			    const struct op_plan *to_plan, void *to, const uint16_t *sources,
			    struct batch *b)
{
	struct aggregate *a = from, *z = to;
	if (!aggregate_same_groups((const struct aggregate_plan *)from_plan,
				   (const struct aggregate_plan *)to_plan))
		return false;
	SL_EXCHANGE(a->g, z->g);
	for (uint32_t i = 0; sources && i < z->g.n_open; i++) {
		struct group *g = group_at((const struct aggregate_plan *)to_plan, z, z->g.heap[i]);
		g->source = sources[g->source];
	}
	return true;
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
	.carry = aggregate_carry,
};
