/* The path, on one screen: worker_turn and path_run. A turn takes a burst of packets from the
 * source through every stage; nothing is queued between them, and everything that a stage hands on
 * is borrowed until the end of the turn.
 *
 *     capture > decode > flow > frame > match > extract > graph > encode > hand-off to the sinks
 */
#include "dataplane/worker.h"

#include <string.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/idle.h"
#include "dataplane/rec/later.h"
#include "dataplane/shadow.h"
#include "dataplane/sink/out_batch.h"
#include "dataplane/sink/out_hops.h"
#include "dataplane/sink/out_key.h"

/* A port that is silent must not keep records back: they leave after this many empty turns, and
 * those of a rare queue beside a busy one after this many of any kind.
 */
#define IDLE_TURNS_TO_FLUSH 64
#define TURNS_TO_FLUSH      1024

/* Time goes on for a worker that rests, too. */
#define IDLE_REST_NS        10000000ull

struct worker_gen {
	struct worker_conf conf;
	struct shed *shed;
	struct rules_scratch *rules;
	struct extract *extract;
	struct graph *graph;
	struct out_key **keys;
};

struct worker {
	struct worker_conf conf;
	struct worker_gen *_Atomic next; /* given, and not taken yet */
	struct errands errands;
	struct shadow *shadow; /* NULL: nobody compares */
	struct decode *decode;
	struct flow *flow;
	struct frame_stage *frame;
	struct shed *shed; /* NULL: nothing is ever shed */
	struct rules_scratch *rules;
	struct extract *extract;
	struct graph *graph;
	struct encode_ctx encode;
	struct out_key **keys;         /* by queue; NULL: it has none */
	size_t extract_cap, graph_cap; /* of the arena; the second while the graph has it */
	unsigned idle_turns, turns;
	struct latency latency;
	struct idle idle;
	uint64_t rested_ns; /* since the idle turns were counted last */
	struct capture_stop stop;
	struct err errors[WORKER_ERRORS_MAX];
	unsigned n_errors;

	struct pkt_raw raw[PKT_BURST];
	struct pkt pkts[PKT_BURST];
	struct frame frames[BATCH_RECS_MAX];
	unsigned n_frames; /* of the burst whose records are in the batch */
	struct batch batch;
};

/* What goes beside a record, for a sink that has messages with keys. */
static void queue_mark(struct worker *w, unsigned queue, struct batch *b, struct rec *r)
{
	uint8_t text[OUT_ID_MAX];
	const struct worker_out *out = &w->conf.out;
	struct slice key = {0}, id = {0};
	if (w->keys[queue])
		key = out_key_of(w->keys[queue], b, r);
	if (w->conf.forms[queue].ids)
		id = slice_of(text, out_hops_put_id(r, text));
	out->mark(out->arg, w->conf.index, queue, key, id);
}

/* The record as a queue's encoder takes it; NULL: the arena does not hold it. */
static const struct rec *queue_rec(struct worker *w, const struct queue_form *form, struct batch *b,
				   struct rec *r)
{
	struct rec *kept = form->only ? proto_shape_keep(form->only, w->encode.proto, b, r) : r;
	return form->encoder->later ? kept : rec_settled(b, kept);
}

/* Puts one record into one queue, in that queue's format. */
static void queue_put(struct worker *w, unsigned queue, struct batch *b, struct rec *r)
{
	const struct worker_out *out = &w->conf.out;
	const struct queue_form *form = &w->conf.forms[queue];
	enum encode_fit fit = encode_fit(form->encoder, r);
	if (form->hops_max && r->hops >= form->hops_max)
		fit = ENCODE_TOO_FAR;
	if (fit != ENCODE_FITS && !(fit == ENCODE_DDL && form->ddl)) {
		out->leave_out(out->arg, w->conf.index, queue, fit);
		return;
	}
	const struct rec *out_rec = queue_rec(w, form, b, r);
	w->encode.shape = form->shape;
	size_t max = out_rec ? form->encoder->max(&w->encode, b, out_rec) : SIZE_MAX;
	uint8_t *room = out->room(out->arg, w->conf.index, queue, max);
	if (!room)
		return;
	size_t len = form->encoder->put(&w->encode, b, out_rec, room);
	if (form->marks)
		queue_mark(w, queue, b, r);
	out->commit(out->arg, w->conf.index, queue, len, r->time_ns);
	const struct proto_scratch *x = w->encode.proto;
	if (form->shape && (x->more || x->misfit))
		out->narrowed(out->arg, w->conf.index, queue, x->more, x->misfit);
}

static bool is_plain(const struct queue_form *f)
{
	return !f->marks && !f->shape && !f->only && !f->encoder->changes_only;
}

/* The same for a queue that takes all records as they are: as many at a time as its open batch
 * holds.
 */
static void queue_put_plain(struct worker *w, unsigned queue, struct batch *b,
			    struct rec *const *recs, unsigned n)
{
	const struct worker_out *out = &w->conf.out;
	const struct encoder *encoder = w->conf.forms[queue].encoder;
	struct out_batch *to = NULL;
	size_t mark = b->arena.used;
	unsigned n_added = 0;
	w->encode.shape = NULL;
	for (unsigned i = 0; i < n; i++) {
		b->arena.used = mark; /* what was written for the record before alone */
		const struct rec *r = encoder->later ? recs[i] : rec_settled(b, recs[i]);
		size_t max = r ? encoder->max(&w->encode, b, r) : SIZE_MAX;
		if (!to || !out_batch_holds(to, max)) {
			if (n_added)
				out->added(out->arg, w->conf.index, queue, n_added);
			n_added = 0;
			to = out->open(out->arg, w->conf.index, queue, max);
		}
		if (!to)
			continue;
		size_t len = encoder->put(&w->encode, b, r, to->buf + to->len);
		out_batch_add(to, len, recs[i]->time_ns);
		n_added++;
	}
	b->arena.used = mark;
	if (n_added)
		out->added(out->arg, w->conf.index, queue, n_added);
}

/* The end of the graph. */
static void queue_put_all(void *arg, unsigned queue, struct batch *b, struct rec *const *recs,
			  unsigned n)
{
	const struct worker *w = arg;
	size_t mark = b->arena.used;
	if (w->conf.out.open && is_plain(&w->conf.forms[queue])) {
		queue_put_plain(arg, queue, b, recs, n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		queue_put(arg, queue, b, recs[i]);
		b->arena.used = mark; /* what was written for this record alone */
	}
}

/* ---- dead letters ---- */

/* The frame that @r was made of: they stand in the arena in their order. NULL: it is not of this
 * burst, or none (a group).
 */
static const struct frame *frame_of(const struct worker *w, const struct rec *r)
{
	const uint8_t *at = w->batch.arena.base + r->frame_off;
	unsigned lo = 0, hi = w->n_frames;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		if (w->frames[mid].bytes.ptr < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	const struct frame *f = &w->frames[lo];
	return lo < w->n_frames && r->frame_len && f->bytes.ptr == at ? f : NULL;
}

/* The record as JSON, where the frame's bytes alone do not say what it is. */
static struct slice detail_of(struct worker *w, struct batch *b, const struct rec *r)
{
	const struct parser *p = w->conf.frame_sources[r->source].parser;
	uint32_t off = 0;
	size_t max = encode_json_max(&w->encode, b, r);
	if (p->changes || r->frame_len == 0)
		off = arena_take(&b->arena, max);
	if (!off)
		return (struct slice){0};
	size_t len = encode_json(&w->encode, b, r, b->arena.base + off);
	return slice_of(b->arena.base + off, len - 1); /* without the line's end */
}

static void bury(struct worker *w, struct batch *b, const struct rec *r, enum dead_stage stage,
		 const char *rule, const char *why, struct slice about)
{
	struct dead_letter l;
	uint8_t id[OUT_ID_MAX];
	size_t used = b->arena.used;
	dead_letter_of(&l, b, r, about.len ? NULL : frame_of(w, r));
	if (about.len)
		dead_letter_recall(&l, about);
	l.stage = (uint8_t)stage;
	l.text[DEAD_REASON] = slice_str(why);
	l.text[DEAD_RULE] = slice_str(rule);
	l.text[DEAD_SOURCE] = w->conf.source_names[r->source];
	l.text[DEAD_ID] = slice_of(id, encode_id(r, id));
	l.text[DEAD_DETAIL] = detail_of(w, b, r);
	w->conf.out.dead(w->conf.out.dead_arg, w->conf.index, &l);
	b->arena.used = used;
}

/* The graph could not work on it. */
static void bury_node(void *arg, unsigned node, struct batch *b, const struct rec *r,
		      const char *why, struct slice about)
{
	struct worker *w = arg;
	bury(w, b, r, DEAD_NODE, w->conf.graph->nodes[node].name, why, about);
}

/* It waits in a node, and its frame does not. */
static struct slice about_rec(void *arg, struct batch *b, const struct rec *r)
{
	const struct frame *f = frame_of(arg, r);
	return f ? dead_letter_about(b, f) : (struct slice){0};
}

static const struct graph_dead graph_dead = {.bury = bury_node, .about = about_rec};

/* Extraction's records that are not to go on. */
static void bury_unread(struct worker *w, struct batch *b)
{
	for (unsigned i = 0; i < b->n_recs; i++) {
		const struct rec *r = b->recs[i];
		if (!(r->flags & w->conf.dead_flags))
			continue;
		const char *parser = w->conf.frame_sources[r->source].parser->name;
		extract_dead(w->extract, r);
		bury(w, b, r, DEAD_EXTRACT, parser, r->error ? r->error : "no format fits",
		     (struct slice){0});
		b->recs[i] = NULL;
	}
}

/* Where a queue wants to know through how many the records have come. */
static void count_hops(const struct worker *w, struct batch *b)
{
	bool wanted = false;
	for (unsigned q = 0; q < w->conf.n_queues; q++)
		wanted |= w->conf.forms[q].hops_max > 0;
	for (unsigned i = 0; wanted && i < b->n_recs; i++)
		if (b->recs[i])
			b->recs[i]->hops = out_hops_of(b, b->recs[i]) & 127;
}

/* Before the eyes of the witness. */
static void push_one_by_one(struct worker *w, struct batch *b)
{
	const struct worker_witness *witness = w->conf.witness;
	struct rec *recs[BATCH_RECS_MAX];
	unsigned n = b->n_recs;
	memcpy(recs, b->recs, n * sizeof(struct rec *));
	for (unsigned i = 0; i < n; i++) {
		if (!recs[i])
			continue;
		b->recs[0] = recs[i];
		b->n_recs = 1;
		witness->before(witness->arg, b, recs[i]);
		graph_push(w->graph, b);
		witness->after(witness->arg);
	}
	b->n_recs = 0;
}

/* From a burst of frames, which stand in the batch's arena, to encoded records. */
static void frames_run(struct worker *w, unsigned n_frames)
{
	struct batch *b = &w->batch;
	const struct rule_hits *hits = NULL;
	if (shed_active(w->shed))
		n_frames = shed_frames(w->shed, w->extract, w->frames, n_frames);
	if (w->rules)
		hits = rules_scan(w->rules, w->frames, n_frames);
	size_t behind_frames = b->arena.used;
	w->n_frames = n_frames;
	if (w->conf.witness)
		w->conf.witness->frames(w->conf.witness->arg, w->frames, n_frames);
	for (unsigned taken = 0; taken < n_frames;) {
		b->arena.used = behind_frames;
		b->n_recs = 0;
		taken = extract_records(w->extract, w->frames, taken, n_frames, hits, b);
		/* What is behind extraction's part of the arena is the graph's. */
		b->arena.cap = w->graph_cap;
		if (w->conf.dead_flags)
			bury_unread(w, b);
		count_hops(w, b);
		if (w->conf.witness)
			push_one_by_one(w, b);
		else
			graph_push(w->graph, b);
		b->arena.cap = w->extract_cap;
	}
	b->arena.used = behind_frames;
	if (w->shadow)
		shadow_frames(w->shadow, w->frames, n_frames, b, w->extract_cap, w->graph_cap);
	w->n_frames = 0;
}

/* From the events of sessions to encoded records. Frames come in bursts that fit the batch. */
static void path_run(struct worker *w, const struct flow_event *ev, unsigned n_ev)
{
	for (unsigned done = 0; done < n_ev;) {
		unsigned n_frames;
		arena_reset(&w->batch.arena);
		done += frame_parse(w->frame, ev + done, n_ev - done, &w->batch, w->frames,
				    &n_frames);
		frames_run(w, n_frames);
	}
}

/* Packet time has come to @now_ns: what waits for it in flow, parsers and operators goes on. */
static void path_advance(struct worker *w, uint64_t now_ns)
{
	const struct flow_event *ev;
	unsigned n_ev = flow_advance(w->flow, now_ns, &ev);
	path_run(w, ev, n_ev);
	for (bool more = true; more;) {
		unsigned n_frames;
		arena_reset(&w->batch.arena);
		more = frame_wake(w->frame, now_ns, &w->batch, w->frames, &n_frames);
		frames_run(w, n_frames);
	}
	w->batch.arena.cap = w->graph_cap;
	graph_advance(w->graph, now_ns, &w->batch);
	if (w->shadow)
		shadow_advance(w->shadow, now_ns, &w->batch);
	w->batch.arena.cap = w->extract_cap;
}

static void worker_turn(struct worker *w, unsigned n_raw)
{
	const struct flow_event *ev;
	unsigned n = decode_burst(w->decode, w->raw, n_raw, w->pkts);
	unsigned n_ev = flow_track(w->flow, w->pkts, n, &ev);
	path_run(w, ev, n_ev);
	/* Packets of other workers move our clock too: sessions expire alike in all of them. */
	if (n_raw)
		path_advance(w, w->raw[n_raw - 1].time_ns);
	flow_release(w->flow);
	decode_release(w->decode);
}

static void look_at_queues(struct worker *w)
{
	const struct worker_out *out = &w->conf.out;
	if (w->shed)
		shed_look(w->shed, out->level, out->arg, w->conf.index);
}

/* Nothing came. A live port's clock goes on by itself; a file's stands still. */
static void worker_idle(struct worker *w)
{
	uint64_t rest_ns = idle_rest(&w->idle, w->conf.capture->wait_max_ns);
	capture_wait(w->conf.capture, rest_ns);
	w->rested_ns += rest_ns;
	if (++w->idle_turns < IDLE_TURNS_TO_FLUSH && w->rested_ns < IDLE_REST_NS)
		return;
	w->idle_turns = 0;
	w->rested_ns = 0;
	w->conf.out.flush(w->conf.out.arg, w->conf.index, false);
	look_at_queues(w);
	if (!w->conf.live)
		return;
	path_advance(w, clock_wall_ns());
	flow_release(w->flow);
}

/* What is made of a file happened long ago. */
static void note_latency(struct worker *w, unsigned n)
{
	uint64_t now_ns = w->conf.live ? clock_wall_ns() : 0, then_ns = w->raw[0].time_ns;
	if (w->conf.live)
		latency_add(&w->latency, now_ns > then_ns ? now_ns - then_ns : 0, n);
}

void worker_track(struct worker *w, const struct pkt *pkts, unsigned n)
{
	const struct flow_event *ev;
	unsigned n_ev = flow_track(w->flow, pkts, n, &ev);
	path_run(w, ev, n_ev);
	flow_release(w->flow);
}

void worker_finish(struct worker *w)
{
	const struct flow_event *ev;
	unsigned n_ev;
	decode_finish(w->decode);
	while ((n_ev = flow_finish(w->flow, &ev)) > 0) {
		path_run(w, ev, n_ev);
		flow_release(w->flow);
	}
	w->batch.arena.cap = w->graph_cap;
	graph_finish(w->graph, &w->batch);
	w->batch.arena.cap = w->extract_cap;
	w->conf.out.flush(w->conf.out.arg, w->conf.index, true);
}

static void note_error(struct worker *w)
{
	if (w->n_errors < WORKER_ERRORS_MAX)
		w->errors[w->n_errors++] = w->conf.capture->err;
}

/* One load a turn, as long as nobody asks. */
static void answer(struct worker *w)
{
	struct worker_ask *ask = w->conf.ask;
	if (!ask)
		return;
	unsigned asked = atomic_load_explicit(&ask->asked, memory_order_acquire);
	if (asked == atomic_load_explicit(&ask->answered, memory_order_relaxed))
		return;
	ask->answer(ask->arg, w->conf.index, asked);
	atomic_store_explicit(&ask->answered, asked, memory_order_release);
}

void worker_gen_take_late(struct worker *w)
{
	struct worker_gen *g = atomic_load_explicit(&w->next, memory_order_acquire);
	SL_EXCHANGE(w->rules, g->rules);
	SL_EXCHANGE(w->shed, g->shed);
	SL_EXCHANGE(w->extract, g->extract);
	SL_EXCHANGE(w->graph, g->graph);
	SL_EXCHANGE(w->keys, g->keys);
	SL_EXCHANGE(w->conf.rules, g->conf.rules);
	SL_EXCHANGE(w->conf.forms, g->conf.forms);
	SL_EXCHANGE(w->conf.graph, g->conf.graph);
	SL_EXCHANGE(w->conf.source_names, g->conf.source_names);
	SL_EXCHANGE(w->conf.n_queues, g->conf.n_queues);
	SL_EXCHANGE(w->conf.out.arg, g->conf.out.arg);
	struct proto_scratch *proto = w->encode.proto;
	w->encode = g->conf.encode;
	w->encode.proto = proto;
	atomic_store_explicit(&w->next, NULL, memory_order_release);
}

/* A reload has made new parts: what the old ones hold goes out first, or is carried over. */
static void take_generation(struct worker *w)
{
	const struct worker_gen *g = atomic_load_explicit(&w->next, memory_order_acquire);
	if (!g)
		return;
	w->batch.arena.cap = w->graph_cap;
	graph_go_over(w->graph, g->graph, g->conf.next_nodes, &w->batch);
	w->batch.arena.cap = w->extract_cap;
	if (w->conf.out.leave)
		w->conf.out.leave(w->conf.out.arg, w->conf.index);
	worker_gen_take_late(w);
}

void worker_gen_give(struct worker *w, struct worker_gen *g)
{
	atomic_store_explicit(&w->next, g, memory_order_release);
}

bool worker_gen_taken(const struct worker *w)
{
	return atomic_load_explicit(&w->next, memory_order_acquire) == NULL;
}

const struct extract *worker_gen_extract(const struct worker_gen *g)
{
	return g->extract;
}

const struct graph *worker_gen_graph(const struct worker_gen *g)
{
	return g->graph;
}

/* As capture_receive; -ENODATA also when it was told to stop and has read what came before. */
static int receive(struct worker *w)
{
	struct capture *c = w->conf.capture;
	bool stop = atomic_load_explicit(w->conf.stop, memory_order_relaxed);
	if (!stop || c->ends)
		return capture_receive(c, w->raw);
	if (!w->conf.live || w->stop.n_bursts == CAPTURE_BURSTS_AFTER_STOP)
		return -ENODATA;
	int n = capture_receive(c, w->raw);
	return capture_is_dry(&w->stop, c, n) && n <= 0 ? -ENODATA : n;
}

/* Frames that were packets once. Their packet times may go back, the clock does not. */
static void feed_run(struct worker *w)
{
	const struct worker_feed *feed = &w->conf.feed;
	uint64_t now_ns = 0;
	arena_reset(&w->batch.arena);
	while (!atomic_load_explicit(w->conf.stop, memory_order_relaxed) &&
	       feed->next(feed->arg, &w->batch, &w->frames[0])) {
		if (w->frames[0].time_ns > now_ns)
			now_ns = w->frames[0].time_ns;
		answer(w);
		frames_run(w, 1);
		path_advance(w, now_ns);
		arena_reset(&w->batch.arena);
	}
	worker_finish(w);
}

static uint64_t missed_by(const struct worker *w)
{
	return atomic_load_explicit(&w->conf.capture->stats.missed, memory_order_relaxed);
}

static void capture_run(struct worker *w)
{
	int n;
	errands_open(&w->errands);
	while ((n = receive(w)) != -ENODATA) {
		take_generation(w);
		answer(w);
		errands_step(&w->errands, w);
		if (++w->turns % TURNS_TO_FLUSH == 0)
			w->conf.out.flush(w->conf.out.arg, w->conf.index, false);
		if (w->shed && w->turns % shed_look_turns(w->shed) == 0)
			look_at_queues(w);
		if (n < 0) {
			note_error(w);
		} else if (n == 0) {
			worker_idle(w);
		} else {
			w->idle_turns = 0;
			idle_busy(&w->idle);
			if (w->shadow)
				shadow_look(w->shadow, (unsigned)n, missed_by(w));
			worker_turn(w, (unsigned)n);
			note_latency(w, (unsigned)n);
		}
	}
	if (!w->conf.witness)                   /* whose own tap stays as long as the worker */
		graph_tap_remove_all(w->graph); /* nobody can remove one from now on */
	w->shadow = NULL;
	errands_close(&w->errands);
	capture_settle(w->conf.capture);
	worker_finish(w);
}

int worker_run(struct worker *w)
{
	mem_seal(true);
	if (w->conf.feed.next)
		feed_run(w);
	else
		capture_run(w);
	mem_seal(false);
	return w->n_errors ? -EIO : 0;
}

static void destroy_keys(struct out_key **keys, unsigned n_queues)
{
	for (unsigned q = 0; keys && q < n_queues; q++)
		out_key_destroy(keys[q]);
	mem_free(keys);
}

static int create_keys(const struct worker_conf *c, struct out_key ***ret_keys, struct err *e)
{
	int rc = 0;
	struct out_key **keys = mem_alloc((c->n_queues + 1) * sizeof(struct out_key *));
	if (!keys)
		return err_set(e, -ENOMEM, "no memory for the keys of queues");
	for (unsigned q = 0; rc == 0 && q < c->n_queues; q++)
		if (c->forms[q].key)
			rc = out_key_create(c->forms[q].key, c->names, c->source_names, &keys[q]);
	if (rc < 0) {
		destroy_keys(keys, c->n_queues);
		return err_set(e, rc, "the key of a queue: %s", strerror(-rc));
	}
	*ret_keys = keys;
	return 0;
}

/* A replay waits, and sheds nothing. */
static int create_shed(const struct worker *w, const struct worker_conf *conf, struct shed **ret_s,
		       struct err *e)
{
	bool sheds = conf->sheds && w->conf.out.level && w->conf.live;
	return sheds ? shed_create(conf->sheds, conf->n_sources, ret_s, e) : 0;
}

int worker_gen_create(struct worker *w, const struct worker_conf *conf, struct worker_gen **ret_g,
		      struct err *e)
{
	struct worker_gen *g = mem_alloc(sizeof(*g));
	if (!g)
		return err_set(e, -ENOMEM, "no memory for a worker");
	g->conf = *conf;
	int rc = extract_create(conf->extract_sources, conf->n_sources, 4 * conf->frame->bytes_max,
				conf->names, &g->extract, e);
	if (rc == 0)
		rc = graph_create(conf->graph, queue_put_all, w, &g->graph, e);
	if (rc == 0 && w->conf.out.dead)
		graph_set_dead(g->graph, &graph_dead);
	if (rc == 0)
		rc = create_keys(conf, &g->keys, e);
	if (rc == 0)
		rc = create_shed(w, conf, &g->shed, e);
	if (rc == 0 && conf->rules && !(g->rules = rules_scratch_create(conf->rules)))
		rc = err_set(e, -ENOMEM, "no memory for the rules of a worker");
	if (rc < 0) {
		worker_gen_destroy(g);
		return rc;
	}
	*ret_g = g;
	return 0;
}

void worker_gen_destroy(struct worker_gen *g)
{
	if (!g)
		return;
	destroy_keys(g->keys, g->conf.n_queues);
	shed_destroy(g->shed);
	graph_destroy(g->graph);
	extract_destroy(g->extract);
	rules_scratch_destroy(g->rules);
	mem_free(g);
}

int worker_create(const struct worker_conf *conf, struct worker **ret_w, struct err *e)
{
	int rc = -ENOMEM;
	size_t frame_max = frame_limit_max(conf->frame, conf->frame_sources, conf->n_sources);
	struct worker_gen *first;
	struct worker *w = mem_alloc(sizeof(*w));
	if (!w) {
		if (conf->capture)
			capture_close(conf->capture);
		return err_set(e, -ENOMEM, "no memory for a worker");
	}
	w->conf = *conf;
	w->encode = conf->encode;
	w->extract_cap = WORKER_ARENA_BYTES(frame_max);
	w->graph_cap = w->extract_cap +
		       (conf->graph->n_nodes || conf->live ? WORKER_ARENA_BYTES(frame_max) : 0);
	if (arena_init(&w->batch.arena, w->graph_cap) < 0) {
		err_set(e, -ENOMEM, "no memory for the batch of a worker");
		goto fail;
	}
	w->batch.arena.cap = w->extract_cap;
	w->encode.proto = proto_scratch_create();
	if (!w->encode.proto) {
		err_set(e, -ENOMEM, "no memory for a worker");
		goto fail;
	}
	if ((rc = decode_create(conf->decode, &w->decode, e)) < 0 ||
	    (rc = flow_create(conf->flow, &w->flow, e)) < 0 ||
	    (rc = frame_create(conf->frame, conf->frame_sources, conf->n_sources, w->flow,
			       &w->frame, e)) < 0 ||
	    (rc = worker_gen_create(w, conf, &first, e)) < 0)
		goto fail;
	worker_gen_give(w, first);
	worker_gen_take_late(w);
	worker_gen_destroy(first); /* it has what there was before: nothing */
	if (conf->share)
		decode_share(w->decode, conf->index, conf->n_workers);
	for (unsigned i = 0; i < conf->n_sources; i++) {
		const struct frame_source *s = &conf->frame_sources[i];
		if (s->parser->together)
			decode_share_together(w->decode, &s->tcp);
		if (s->parser->acked)
			flow_tell_acks(w->flow, &s->tcp);
	}
	*ret_w = w;
	return 0;
fail:
	worker_destroy(w);
	return rc;
}

void worker_destroy(struct worker *w)
{
	if (!w)
		return;
	destroy_keys(w->keys, w->conf.n_queues);
	shed_destroy(w->shed);
	graph_destroy(w->graph);
	extract_destroy(w->extract);
	rules_scratch_destroy(w->rules);
	frame_destroy(w->frame);
	flow_destroy(w->flow);
	decode_destroy(w->decode);
	proto_scratch_destroy(w->encode.proto);
	w->batch.arena.cap = w->graph_cap;
	arena_fini(&w->batch.arena);
	if (w->conf.capture)
		capture_close(w->conf.capture);
	mem_free(w);
}

bool worker_tap(struct worker *w, const struct graph_plan *plan, struct graph_tap *t)
{
	bool fits = graph_plan(w->graph) == plan;
	if (fits)
		graph_tap_add(w->graph, t);
	return fits;
}

void worker_untap(struct worker *w, const struct graph_tap *t)
{
	graph_tap_remove(w->graph, t);
}

void worker_shadow(struct worker *w, struct shadow *s)
{
	if (w->shadow)
		shadow_finish(w->shadow);
	w->shadow = s;
}

void worker_errand(struct worker *w, struct errand *er)
{
	errands_give(&w->errands, er);
}

const char *worker_error(const struct worker *w, unsigned i)
{
	return i < w->n_errors ? w->errors[i].text : NULL;
}

const struct capture_stats *worker_capture_stats(const struct worker *w)
{
	return &w->conf.capture->stats;
}

const struct latency *worker_latency(const struct worker *w)
{
	return &w->latency;
}

const struct decode *worker_decode(const struct worker *w)
{
	return w->decode;
}

const struct flow *worker_flow(const struct worker *w)
{
	return w->flow;
}

const struct frame_stage *worker_frame(const struct worker *w)
{
	return w->frame;
}

const struct extract *worker_extract(const struct worker *w)
{
	return w->extract;
}

const struct graph *worker_graph(const struct worker *w)
{
	return w->graph;
}
