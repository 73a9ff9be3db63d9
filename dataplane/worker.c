/* The path, on one screen: worker_turn, packets_run and path_run. A turn takes a burst of packets
 * from the source through every stage; nothing is queued between them, and everything that a stage
 * hands on is borrowed until the end of the turn. worker_parts.h says where the rest of a worker
 * is.
 *
 *     capture > decode > flow > frame > match > extract > graph > encode > hand-off to the sinks
 */
#include <string.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/shadow.h"
#include "dataplane/worker_parts.h"

/* Looks in vain, or so long a rest, until what waits for time is looked after. */
#define IDLE_TURNS     64
#define IDLE_REST_NS   10000000ull

/* A file knows no time to wait: records of a rare queue leave after so many turns. */
#define TURNS_TO_FLUSH 1024

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
	b->room = graph_room(w->graph);
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
			worker_bury_unread(w, b);
		worker_count_hops(w, b);
		worker_foresee(w, b);
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

/* From the events of sessions to encoded records, from event @done on. Frames come in bursts that
 * fit the batch.
 */
static void path_run(struct worker *w, const struct flow_event *ev, unsigned n_ev, unsigned done)
{
	while (done < n_ev) {
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
	path_run(w, ev, n_ev, 0);
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

/* No further than what may still come. The clock was noted before the look that has just found
 * nothing: what came since then, and while this thread had no core, is not behind it.
 */
static void advance_idle(struct worker *w)
{
	const struct capture *c = w->conf.capture;
	uint64_t now_ns = w->noted_ns - c->late_ns;
	w->noted_ns = 0;
	if (c->pending)
		return;
	path_advance(w, c->come_ns && c->come_ns < now_ns ? c->come_ns : now_ns);
	flow_release(w->flow);
}

/* From packets to encoded records. Those that are plain need no events. */
static void packets_run(struct worker *w, const struct pkt *pkts, unsigned n)
{
	const struct flow_event *ev;
	unsigned n_frames;
	arena_reset(&w->batch.arena);
	unsigned n_plain =
		frame_straight(w->frame, w->flow, pkts, n, &w->batch, w->frames, &n_frames);
	unsigned n_ev = flow_track(w->flow, pkts + n_plain, n - n_plain, &ev);
	unsigned done = frame_parse_on(w->frame, ev, n_ev, &n_frames);
	frames_run(w, n_frames);
	path_run(w, ev, n_ev, done);
}

static void worker_turn(struct worker *w, unsigned n_raw)
{
	unsigned n = decode_burst(w->decode, w->raw, n_raw, w->pkts);
	packets_run(w, w->pkts, n);
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

static void flush(struct worker *w)
{
	w->conf.out.flush(w->conf.out.arg, w->conf.index, false);
}

/* A port must not keep records back. True: nothing is open now. */
static bool flush_in_time(struct worker *w, uint64_t now_ns, uint64_t longest_ns)
{
	if (!flush_is_due(w->flushed_ns, now_ns, longest_ns))
		return false;
	w->flushed_ns = now_ns;
	flush(w);
	return true;
}

static uint64_t min_ns(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void worker_rest(struct worker *w)
{
	const struct flush_conf *f = &w->conf.flush;
	uint64_t max_ns = min_ns(w->conf.capture->wait_max_ns, w->conf.rest_max_ns);
	if (w->conf.live && !flush_in_time(w, clock_wall_ns(), f->idle_ns))
		max_ns = min_ns(max_ns, flush_rest_max(f));
	uint64_t rest_ns = idle_rest(&w->idle, max_ns);
	if (errands_wait(&w->errands) || !worker_gen_taken(w))
		rest_ns = 0;
	capture_wait(w->conf.capture, rest_ns);
	w->rested_ns += rest_ns;
}

/* Nothing came. A live port's clock goes on by itself; a file's stands still. */
static void worker_idle(struct worker *w)
{
	if (w->noted_ns)
		advance_idle(w);
	worker_rest(w);
	if (++w->idle_turns < IDLE_TURNS && w->rested_ns < IDLE_REST_NS)
		return;
	w->idle_turns = 0;
	w->rested_ns = 0;
	if (!w->conf.live) {
		flush(w);
		return;
	}
	look_at_queues(w);
	w->noted_ns = clock_wall_ns();
}

/* What is made of a file happened long ago. */
static void note_latency(struct worker *w, unsigned n)
{
	if (!w->conf.live)
		return;
	uint64_t now_ns = clock_wall_ns(), then_ns = w->raw[0].time_ns;
	latency_add(&w->latency, now_ns > then_ns ? now_ns - then_ns : 0, n);
	flush_in_time(w, now_ns, w->conf.flush.busy_ns);
}

void worker_track(struct worker *w, const struct pkt *pkts, unsigned n)
{
	packets_run(w, pkts, n);
	flow_release(w->flow);
}

void worker_finish(struct worker *w)
{
	const struct flow_event *ev;
	unsigned n_ev;
	decode_finish(w->decode);
	while ((n_ev = flow_finish(w->flow, &ev)) > 0) {
		path_run(w, ev, n_ev, 0);
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

/* Goes through some of the sessions; true: there are more. */
static bool leave_sources(struct worker *w, const struct frame_table *next)
{
	unsigned n_frames;
	arena_reset(&w->batch.arena);
	bool more = frame_leave(w->frame, next, &w->batch, w->frames, &n_frames);
	frames_run(w, n_frames);
	return more;
}

static bool settle_sources(struct worker *w)
{
	unsigned n_frames;
	arena_reset(&w->batch.arena);
	bool more = frame_settle(w->frame, &w->batch, w->frames, &n_frames);
	frames_run(w, n_frames);
	return more;
}

/* A reload has made new parts: what the old ones hold goes out first, or is carried over. */
static void go_over(struct worker *w, struct worker_gen *g)
{
	worker_shadow(w, NULL); /* it compares with what there was */
	w->batch.arena.cap = w->graph_cap;
	graph_go_over(w->graph, g->graph, g->conf.next_nodes, g->conf.next_sources, &w->batch);
	w->batch.arena.cap = w->extract_cap;
	if (w->conf.out.leave)
		w->conf.out.leave(w->conf.out.arg, w->conf.index);
	worker_gen_exchange(w, g);
	w->settles = true;
}

/* No step of it takes longer than a turn does, but for nodes that hold much and are no more: what
 * they hold is given out in one.
 */
static void take_generation(struct worker *w)
{
	struct worker_gen *g = atomic_load_explicit(&w->next, memory_order_acquire);
	if (!g)
		return;
	if (!w->settles) {
		if (!leave_sources(w, g->sources))
			go_over(w, g);
	} else if (!settle_sources(w)) {
		worker_gen_take_late(w);
	}
}

/* As capture_receive; -ENODATA also when it was told to stop and has read what came before. */
static int receive(struct worker *w)
{
	struct capture *c = w->conf.capture;
	bool stop = atomic_load_explicit(w->conf.stop, memory_order_relaxed);
	if (!stop || c->ends)
		return capture_receive(c, w->raw);
	w->unread = !w->conf.live;
	if (w->unread || w->stop.n_bursts == CAPTURE_BURSTS_AFTER_STOP)
		return -ENODATA;
	int n = capture_receive(c, w->raw);
	return capture_is_dry(&w->stop, c, n) && n <= 0 ? -ENODATA : n;
}

/* All that comes of one letter. */
static void feed_again(struct worker *w, const struct frame *f, struct slice ground)
{
	size_t behind_letter = w->batch.arena.used;
	uint32_t n_done = 0;
	for (bool more = true; more;) {
		unsigned n_frames;
		w->batch.arena.used = behind_letter;
		more = frame_again(w->frame, f, ground, &n_done, &w->batch, w->frames, &n_frames);
		frames_run(w, n_frames);
	}
}

/* Frames that were packets once. Their packet times may go back, the clock does not. */
static void feed_run(struct worker *w)
{
	const struct worker_feed *feed = &w->conf.feed;
	uint64_t now_ns = 0;
	struct slice ground;
	arena_reset(&w->batch.arena);
	while (!(w->unread = atomic_load_explicit(w->conf.stop, memory_order_relaxed)) &&
	       feed->next(feed->arg, &w->batch, &w->frames[0], &ground)) {
		const struct frame f = w->frames[0];
		if (f.time_ns > now_ns)
			now_ns = f.time_ns;
		answer(w);
		if (ground.len)
			feed_again(w, &f, ground);
		else
			frames_run(w, 1);
		path_advance(w, now_ns);
		arena_reset(&w->batch.arena);
	}
	worker_finish(w);
}

/* Full bursts are what stood in the rings already. */
static void look_at_shadow(struct worker *w, int n)
{
	const struct capture *c = w->conf.capture;
	shadow_look(w->shadow, n == PKT_BURST || c->behind, capture_missed(c));
}

static void capture_run(struct worker *w)
{
	int n;
	errands_open(&w->errands);
	while ((n = receive(w)) != -ENODATA) {
		take_generation(w);
		answer(w);
		errands_step(&w->errands, w);
		if (++w->turns % TURNS_TO_FLUSH == 0 && !w->conf.live)
			flush(w);
		if (w->shed && w->turns % shed_look_turns(w->shed) == 0)
			look_at_queues(w);
		if (n < 0) {
			note_error(w);
		} else if (n == 0) {
			worker_idle(w);
		} else {
			w->idle_turns = 0;
			w->noted_ns = 0;
			idle_busy(&w->idle);
			if (w->shadow)
				look_at_shadow(w, n);
			worker_turn(w, (unsigned)n);
			note_latency(w, (unsigned)n);
		}
	}
	if (!w->conf.witness)                   /* whose own tap stays as long as the worker */
		graph_tap_remove_all(w->graph); /* nobody can remove one from now on */
	w->shadow = NULL;
	frame_stay(w->frame);
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

bool worker_unread(const struct worker *w)
{
	return w->unread;
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
