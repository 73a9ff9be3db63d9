#include "dataplane/shadow.h"

#include <string.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/rec/later.h"

#define LOOK_EVERY   64       /* bursts */
#define GROW_EVERY   8        /* of these, without haste, before more is looked at */
#define SLOW_NS      3000000u /* a burst that takes longer is too much */
#define BY_SHARE(id) ((uint32_t)((id)*0x9e3779b97f4a7c15ull >> 56))

struct side {
	struct shadow *s;
	enum pair_side is;
	struct shadow_side_conf conf;
	struct encode_ctx encode;
	struct extract *extract;
	struct graph *graph;
	struct rules_scratch *rules;
};

struct shadow {
	struct side sides[2];
	struct record_pairs *pairs;
	uint8_t *line;
	size_t line_max;
	uint64_t missed;
	bool looked;
	unsigned n_bursts, n_full, n_calm;
	/* Read by another thread. */
	uint64_t frames, compared, too_long;
	unsigned share;
	struct frame chosen[BATCH_RECS_MAX];
};

static void count(uint64_t *cell, uint64_t n)
{
	__atomic_store_n(cell, *cell + n, __ATOMIC_RELAXED);
}

static void set_share(struct shadow *s, unsigned share)
{
	__atomic_store_n(&s->share, share ? share : 1, __ATOMIC_RELAXED);
	s->n_calm = 0;
}

/* ---- records ---- */

static void compare(struct side *d, unsigned queue, struct batch *b, struct rec *r)
{
	struct shadow *s = d->s;
	const struct queue_form *form = &d->conf.conf.forms[queue];
	enum encode_fit fit = encode_fit(form->encoder, r);
	if (fit != ENCODE_FITS && !(fit == ENCODE_DDL && form->ddl))
		return;
	if (form->only)
		r = proto_shape_keep(form->only, d->encode.proto, b, r);
	const struct rec *out = encoder_json.later ? r : rec_settled(b, r);
	if (!out || encoder_json.max(&d->encode, b, out) > s->line_max) {
		count(&s->too_long, 1);
		return;
	}
	size_t len = encoder_json.put(&d->encode, b, out, s->line);
	record_pairs_add(s->pairs, d->is, d->conf.queues[queue], slice_of(s->line, len));
}

/* The end of a side's graph. */
static void compare_all(void *arg, unsigned queue, struct batch *b, struct rec *const *recs,
			unsigned n)
{
	size_t mark = b->arena.used;
	for (unsigned i = 0; i < n; i++) {
		compare(arg, queue, b, recs[i]);
		b->arena.used = mark;
	}
}

static void run_side(struct side *d, const struct frame *frames, unsigned n, struct batch *b,
		     size_t extract_cap, size_t graph_cap)
{
	size_t behind = b->arena.used;
	b->room = graph_room(d->graph);
	const struct rule_hits *hits = d->rules ? rules_scan(d->rules, frames, n) : NULL;
	for (unsigned taken = 0; taken < n;) {
		b->arena.used = behind;
		b->n_recs = 0;
		taken = extract_records(d->extract, frames, taken, n, hits, b);
		b->arena.cap = graph_cap;
		graph_push(d->graph, b);
		b->arena.cap = extract_cap;
	}
	b->arena.used = behind;
	b->n_recs = 0;
}

void shadow_frames(struct shadow *s, const struct frame *frames, unsigned n, struct batch *b,
		   size_t extract_cap, size_t graph_cap)
{
	unsigned n_chosen = 0;
	for (unsigned i = 0; i < n; i++)
		if (BY_SHARE(frames[i].session_id) < s->share)
			s->chosen[n_chosen++] = frames[i];
	count(&s->frames, n);
	count(&s->compared, n_chosen);
	if (n_chosen == 0)
		return;
	uint64_t begin_ns = clock_mono_ns();
	for (unsigned i = 0; i < 2; i++)
		run_side(&s->sides[i], s->chosen, n_chosen, b, extract_cap, graph_cap);
	if (clock_mono_ns() - begin_ns > SLOW_NS)
		set_share(s, s->share / 2);
}

void shadow_advance(struct shadow *s, uint64_t now_ns, struct batch *b)
{
	for (unsigned i = 0; i < 2; i++)
		graph_advance(s->sides[i].graph, now_ns, b);
	record_pairs_advance(s->pairs, now_ns);
}

void shadow_look(struct shadow *s, bool full, uint64_t missed)
{
	if (!s->looked)
		s->missed = missed;
	s->looked = true;
	s->n_full += full;
	if (++s->n_bursts < LOOK_EVERY && missed == s->missed)
		return;
	if (s->n_full > s->n_bursts / 2 || missed != s->missed)
		set_share(s, s->share / 2);
	else if (++s->n_calm >= GROW_EVERY && s->share < SHADOW_SHARE_MAX)
		set_share(s, s->share * 2);
	s->n_bursts = s->n_full = 0;
	s->missed = missed;
}

bool shadow_finish(struct shadow *s)
{
	return record_pairs_finish(s->pairs);
}

/* ---- any thread ---- */

struct shadow_load shadow_load(const struct shadow *s)
{
	return (struct shadow_load){
		.frames = __atomic_load_n(&s->frames, __ATOMIC_RELAXED),
		.compared = __atomic_load_n(&s->compared, __ATOMIC_RELAXED),
		.share = __atomic_load_n(&s->share, __ATOMIC_RELAXED),
		.too_long = __atomic_load_n(&s->too_long, __ATOMIC_RELAXED),
	};
}

const struct record_pairs *shadow_pairs(const struct shadow *s)
{
	return s->pairs;
}

/* ---- life ---- */

static int create_side(struct shadow *s, enum pair_side is, const struct shadow_side_conf *c,
		       struct err *e)
{
	struct side *d = &s->sides[is];
	const struct worker_conf *w = &c->conf;
	*d = (struct side){.s = s, .is = is, .conf = *c, .encode = w->encode};
	d->encode.proto = proto_scratch_create();
	if (!d->encode.proto)
		return err_set(e, -ENOMEM, "no memory for a shadow");
	int rc = extract_create(w->extract_sources, w->n_sources, 4 * w->frame->bytes_max, w->names,
				&d->extract, e);
	if (rc == 0)
		rc = graph_create(w->graph, compare_all, d, &d->graph, e);
	if (rc == 0 && w->rules && !(d->rules = rules_scratch_create(w->rules)))
		rc = err_set(e, -ENOMEM, "no memory for the rules of a shadow");
	return rc;
}

int shadow_create(const struct shadow_conf *c, struct shadow **ret_s, struct err *e)
{
	struct shadow *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a shadow");
	s->share = SHADOW_SHARE_MAX;
	s->line_max = c->line_max;
	s->line = mem_map(c->line_max);
	s->pairs = record_pairs_create(c->n_queues, c->samples_max);
	int rc = s->line && s->pairs ? 0 : err_set(e, -ENOMEM, "no memory for a shadow");
	for (unsigned i = 0; rc == 0 && i < 2; i++)
		rc = create_side(s, (enum pair_side)i, &c->sides[i], e);
	if (rc < 0) {
		shadow_destroy(s);
		return rc;
	}
	*ret_s = s;
	return 0;
}

void shadow_destroy(struct shadow *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < 2; i++) {
		struct side *d = &s->sides[i];
		graph_destroy(d->graph);
		extract_destroy(d->extract);
		rules_scratch_destroy(d->rules);
		proto_scratch_destroy(d->encode.proto);
	}
	record_pairs_destroy(s->pairs);
	if (s->line)
		mem_unmap(s->line, s->line_max);
	mem_free(s);
}
