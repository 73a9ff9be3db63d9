#include "ctl/live_tap.h"

#include <string.h>

#include "ctl/tap_ring.h"
#include "ctl/text_out.h"
#include "dataplane/base/civil.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

#define COUNTS_EVERY (1 * (uint64_t)NS_PER_S)
#define CLOCK_STEP_S 10 /* a clock that went back by more was set */

/* So many records a second of packet time. */
struct pace {
	uint64_t second;
	unsigned n;
};

/* In one worker. */
struct place {
	struct graph_tap tap;
	struct live_tap *t;
	void *filter; /* the state of t->filter */
	struct op_run run;
	uint64_t row[LEDGER_COLS_MAX]; /* of the filter */
	unsigned side;                 /* that is being seen */
	struct encode_ctx encode;
	struct pace pace;
	struct tap_ring ring;
	_Atomic uint64_t seen, over_rate, no_room, filtered, failed;
};

struct counts {
	uint64_t seen, filtered, failed, over_rate, no_room;
};

struct live_tap {
	struct tap_sides sides;
	bool *origins;         /* by origin: is it one of the sides? */
	uint16_t *side_of;     /* by origin */
	struct op_plan *where; /* NULL: all records */
	char *where_text;
	void *where_conf;
	struct names *names;
	unsigned rate;
	uint64_t count;
	unsigned n_workers;

	struct counts before;      /* of the taps that this one goes on for */
	uint64_t shown, over_rate; /* by the reader, of all workers together */
	struct pace pace;
	unsigned turn; /* the worker whose record is next */
	uint64_t counts_ns;
	const char *end;     /* NULL: it goes on */
	bool ended;          /* the last line has been made */
	bool drains;         /* another goes on for it: it has no more lines but records */
	unsigned generation; /* that it has come to, not told yet; 0: none */
	/* What is being read: up to three pieces, then the ring gives the record back. */
	struct slice pieces[3];
	unsigned n_pieces;
	struct tap_ring *from;
	struct text_out line; /* that is no record */
	struct place places[];
};

static const struct op *filter_op(void)
{
	unsigned i = 0;
	while (strcmp(ops[i]->name, "filter") != 0)
		i++;
	return ops[i];
}

/* Is there one more in this second? */
static bool pace_take(struct pace *p, unsigned rate, uint64_t time_ns)
{
	uint64_t second = time_ns / NS_PER_S;
	if (second > p->second || second + CLOCK_STEP_S < p->second)
		*p = (struct pace){.second = second};
	return p->n < rate && ++p->n;
}

/* ---- in a worker ---- */

static void count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static void keep(struct place *w, struct batch *b, struct rec *const *recs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!pace_take(&w->pace, w->t->rate, recs[i]->time_ns)) {
			count(&w->over_rate, 1);
			continue;
		}
		uint8_t *room = tap_ring_room(&w->ring, encode_json_max(&w->encode, b, recs[i]));
		if (!room) {
			count(&w->no_room, 1);
			continue;
		}
		size_t len = encode_json(&w->encode, b, recs[i], room);
		tap_ring_put(&w->ring, len, w->side, recs[i]->time_ns);
	}
}

static void keep_passed(struct op_run *x, unsigned port, struct rec *const *recs, unsigned n)
{
	struct place *w = (struct place *)((char *)x - offsetof(struct place, run));
	(void)port;
	keep(w, x->b, recs, n);
}

/* What the condition says of @n records, by its ledger. */
static void filter(struct place *w, struct batch *b, struct rec *const *recs, unsigned n)
{
	const struct op *op = filter_op();
	memset(w->row, 0, sizeof(w->row));
	w->run.b = b;
	op->run(w->t->where, w->filter, &w->run, recs, n);
	uint64_t failed = ledger_sum(op->ledger, w->row, LEDGER_LOSS);
	count(&w->failed, failed);
	count(&w->filtered, n - failed - ledger_sum(op->ledger, w->row, LEDGER_OUT));
}

static void see(void *arg, unsigned origin, struct batch *b, struct rec *const *recs, unsigned n)
{
	struct place *w = arg;
	struct pace pace = w->pace;
	w->side = w->t->side_of[origin];
	count(&w->seen, n);
	/* Once a second has its records, the rest of it is not even looked at. */
	if (!pace_take(&pace, w->t->rate, recs[n - 1]->time_ns))
		count(&w->over_rate, n);
	else if (w->t->where)
		filter(w, b, recs, n);
	else
		keep(w, b, recs, n);
}

/* ---- building ---- */

static int wrong(void *arg, const char *key, size_t off, int code, struct err *e)
{
	(void)arg;
	return err_prefix(e, code, "%s: at byte %zu: ", key, off + 1);
}

static struct dim *no_dim(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return NULL;
}

static int build_where(struct live_tap *t, const struct pipeline *p, const char *where,
		       struct err *e)
{
	const struct op *op = filter_op();
	struct op_field *fields;
	struct op_schema in;
	t->names = names_copy(p->names); /* a worker reads the other one */
	t->where_text = mem_strdup(where);
	t->where_conf = mem_alloc(op->conf_size);
	if (!t->names || !t->where_text || !t->where_conf ||
	    pipeline_merge(p, t->sides.origins, t->sides.n, &fields, &in) < 0)
		return err_set(e, -ENOMEM, "no memory for a tap");
	*(const char **)((char *)t->where_conf + op->opts[0].off) = t->where_text;
	struct op_env env = {.name = "tap",
			     .in = &in,
			     .names = t->names,
			     .source_names = p->source_names,
			     .dim = no_dim,
			     .wrong = wrong};
	int rc = op->build(t->where_conf, &env, &t->where, e);
	mem_free(fields);
	return rc;
}

static int build_place(struct live_tap *t, const struct pipeline *p, unsigned i, struct err *e)
{
	struct place *w = &t->places[i];
	w->t = t;
	w->tap = (struct graph_tap){.origins = t->origins, .see = see, .arg = w};
	w->run = (struct op_run){.row = w->row, .emit = keep_passed};
	w->encode = p->encode;
	if (tap_ring_init(&w->ring, TAP_RING_BYTES) < 0)
		return err_set(e, -ENOMEM, "no memory for a tap");
	return t->where ? filter_op()->create(t->where, &w->filter, e) : 0;
}

int live_tap_create(const struct pipeline *p, const struct tap_query *q, unsigned n_workers,
		    struct live_tap **ret_t, struct err *e)
{
	struct live_tap *t = mem_alloc(sizeof(*t) + n_workers * sizeof(struct place));
	if (!t)
		return err_set(e, -ENOMEM, "no memory for a tap");
	t->rate = q->rate;
	t->count = q->count;
	t->n_workers = n_workers;
	t->counts_ns = clock_mono_ns();
	t->origins = mem_alloc((p->conf->n_origins + 1) * sizeof(*t->origins));
	t->side_of = mem_alloc((p->conf->n_origins + 1) * sizeof(*t->side_of));
	int rc = t->origins && t->side_of ? tap_sides_init(p->conf, q->node, q->which, &t->sides, e)
					  : err_set(e, -ENOMEM, "no memory for a tap");
	for (unsigned i = 0; rc == 0 && i < t->sides.n; i++) {
		t->origins[t->sides.items[i].origin] = true;
		t->side_of[t->sides.items[i].origin] = (uint16_t)i;
	}
	if (rc == 0 && q->where)
		rc = build_where(t, p, q->where, e);
	for (unsigned i = 0; rc == 0 && i < n_workers; i++)
		rc = build_place(t, p, i, e);
	if (rc < 0) {
		live_tap_destroy(t);
		return rc;
	}
	*ret_t = t;
	return 0;
}

void live_tap_destroy(struct live_tap *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->n_workers; i++) {
		tap_ring_fini(&t->places[i].ring);
		if (t->places[i].filter)
			filter_op()->discard(t->places[i].filter);
	}
	filter_op()->destroy(t->where);
	names_destroy(t->names);
	mem_free(t->where_conf);
	mem_free(t->where_text);
	tap_sides_fini(&t->sides);
	text_out_fini(&t->line);
	mem_free(t->origins);
	mem_free(t->side_of);
	mem_free(t);
}

struct graph_tap *live_tap_of_worker(struct live_tap *t, unsigned i)
{
	return &t->places[i].tap;
}

/* ---- reading ---- */

bool live_tap_is_full(const struct live_tap *t)
{
	return t->count && t->shown >= t->count;
}

void live_tap_end(struct live_tap *t, const char *why)
{
	t->end = why;
}

static struct counts counts_of(const struct live_tap *t)
{
	struct counts c = t->before;
#define ADD(name) c.name += atomic_load_explicit(&t->places[i].name, memory_order_relaxed)
	for (unsigned i = 0; i < t->n_workers; i++) {
		ADD(seen);
		ADD(filtered);
		ADD(failed);
		ADD(over_rate);
		ADD(no_room);
	}
#undef ADD
	return c;
}

/* What has been put behind the head of all lines becomes what is read. */
static void lay_line(struct live_tap *t)
{
	const struct tap_side *s = &t->sides.items[0];
	size_t head = (size_t)(strstr(s->head, ",\"side\":") - s->head);
	text_out_str(&t->line, "}\n");
	t->pieces[1] = slice_of(s->head, head);
	t->pieces[0] = slice_of(t->line.text, t->line.len);
	t->n_pieces = 2;
}

static void put_count(struct live_tap *t, const char *name, uint64_t n)
{
	text_out_str(&t->line, name);
	text_out_u64(&t->line, n);
}

static void lay_counts(struct live_tap *t)
{
	struct counts c = counts_of(t);
	t->line.len = 0;
	text_out_str(&t->line, ",\"counts\":{");
	put_count(t, "\"seen\":", c.seen);
	put_count(t, ",\"shown\":", t->shown);
	put_count(t, ",\"filtered\":", c.filtered);
	put_count(t, ",\"failed\":", c.failed);
	put_count(t, ",\"over_rate\":", c.over_rate + t->over_rate);
	put_count(t, ",\"no_room\":", c.no_room);
	text_out_str(&t->line, "}");
	if (t->end) {
		text_out_str(&t->line, ",\"end\":");
		text_out_json(&t->line, t->end);
	}
	lay_line(t);
	t->ended = t->end != NULL;
	t->counts_ns = clock_mono_ns();
}

static void lay_generation(struct live_tap *t)
{
	t->line.len = 0;
	text_out_str(&t->line, ",\"reloaded\":{\"generation\":");
	text_out_u64(&t->line, t->generation);
	text_out_str(&t->line, "}");
	lay_line(t);
	t->generation = 0;
}

/* Workers take turns. What is over the rate in all of them together is left out. False: there is
 * none.
 */
static bool lay_record(struct live_tap *t)
{
	struct slice rec;
	unsigned side;
	uint64_t time_ns;
	for (unsigned i = 0; i < t->n_workers; i++) {
		struct tap_ring *r = &t->places[t->turn++ % t->n_workers].ring;
		while (tap_ring_next(r, &rec, &side, &time_ns)) {
			if (live_tap_is_full(t) || !pace_take(&t->pace, t->rate, time_ns)) {
				t->over_rate++;
				tap_ring_done(r);
				continue;
			}
			t->shown++;
			t->pieces[2] =
				slice_of(t->sides.items[side].head, t->sides.items[side].len);
			t->pieces[1] = slice_of(rec.ptr, rec.len - 1); /* without the line's end */
			t->pieces[0] = SLICE_LIT("}\n");
			t->n_pieces = 3;
			t->from = r;
			return true;
		}
	}
	return false;
}

/* False: there is nothing to be read. */
static bool lay_next(struct live_tap *t)
{
	if (t->from)
		tap_ring_done(t->from);
	t->from = NULL;
	if (t->ended)
		return false;
	if (t->generation) {
		lay_generation(t);
		return true;
	}
	if (lay_record(t))
		return true;
	if (t->drains)
		return false;
	if (!t->end && clock_mono_ns() - t->counts_ns < COUNTS_EVERY)
		return false;
	lay_counts(t);
	return true;
}

ssize_t live_tap_read(struct live_tap *t, char *out, size_t cap)
{
	size_t n = 0;
	while (n < cap && (t->n_pieces || lay_next(t))) {
		struct slice *s = &t->pieces[t->n_pieces - 1];
		size_t len = s->len < cap - n ? s->len : cap - n;
		memcpy(out + n, s->ptr, len);
		n += len;
		*s = slice_from(*s, len);
		t->n_pieces -= s->len == 0;
	}
	return n == 0 && t->ended ? -1 : (ssize_t)n;
}

bool live_tap_drain(struct live_tap *t, char *out, size_t cap, size_t *ret_len)
{
	t->drains = true;
	*ret_len = (size_t)live_tap_read(t, out, cap);
	return *ret_len < cap;
}

void live_tap_follow(struct live_tap *t, const struct live_tap *before, unsigned generation)
{
	t->before = counts_of(before);
	t->shown = before->shown;
	t->over_rate = before->over_rate;
	t->pace = before->pace;
	t->counts_ns = before->counts_ns;
	t->generation = generation;
}
