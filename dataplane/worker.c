/* The path, on one screen: worker_turn and path_run. A turn takes a burst of packets from the
 * source through every stage; nothing is queued between them, and everything that a stage hands on
 * is borrowed until the end of the turn.
 *
 *     capture > decode > flow > frame > match > extract > route > encode > hand-off to the sinks
 */
#include "dataplane/worker.h"

#include <string.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

/* A port that is silent must not keep records back: they leave after this many empty turns, and
 * those of a rare queue beside a busy one after this many of any kind.
 */
#define IDLE_TURNS_TO_FLUSH 64
#define TURNS_TO_FLUSH      1024

struct worker {
	struct worker_conf conf;
	struct decode *decode;
	struct flow *flow;
	struct frame_stage *frame;
	struct rules_scratch *rules;
	struct extract *extract;
	struct encode_ctx encode;
	uint64_t (*graph_rows)[GRAPH_N_COLS];
	unsigned idle_turns, turns;
	struct err errors[WORKER_ERRORS_MAX];
	unsigned n_errors;

	struct pkt_raw raw[PKT_BURST];
	struct pkt pkts[PKT_BURST];
	struct frame frames[BATCH_RECS_MAX];
	struct batch batch;
};

LEDGER_DEFINE(graph, "graph", "records", GRAPH_COLS);

/* Puts one record into one queue, in that queue's format. */
static void queue_put(struct worker *w, unsigned queue, const struct rec *r)
{
	struct handoff *h = w->conf.handoff;
	const struct queue_form *form = &w->conf.forms[queue];
	enum encode_fit fit = encode_fit(form->encoder, r);
	if (fit == ENCODE_NO_FORM || (fit == ENCODE_DDL && !form->ddl)) {
		unsigned col = fit == ENCODE_DDL ? HANDOFF_ddl : HANDOFF_no_form;
		handoff_leave_out(h, w->conf.index, queue, col);
		return;
	}
	size_t max = form->encoder->max(&w->encode, &w->batch, r);
	uint8_t *room = handoff_room(h, w->conf.index, queue, max);
	if (!room)
		return;
	size_t len = form->encoder->put(&w->encode, &w->batch, r, room);
	handoff_commit(h, w->conf.index, queue, len, r->time_ns);
}

/* Puts each record of the batch into the queues of its source. */
static void records_route(struct worker *w)
{
	struct batch *b = &w->batch;
	for (unsigned i = 0; i < b->n_recs; i++) {
		const struct rec *r = b->recs[i];
		const struct route *to = &w->conf.routes[r->source];
		uint64_t *row = w->graph_rows[r->source];
		row[GRAPH_records_in]++;
		row[to->n_queues ? GRAPH_records_out : GRAPH_no_queue]++;
		row[GRAPH_copies] += to->n_queues;
		for (unsigned q = 0; q < to->n_queues; q++)
			queue_put(w, to->queues[q], r);
	}
}

/* From a burst of frames, which stand in the batch's arena, to encoded records. */
static void frames_run(struct worker *w, unsigned n_frames)
{
	struct batch *b = &w->batch;
	const struct rule_hits *hits = NULL;
	if (w->rules)
		hits = rules_scan(w->rules, w->frames, n_frames);
	size_t behind_frames = b->arena.used;
	for (unsigned taken = 0; taken < n_frames;) {
		b->arena.used = behind_frames;
		b->n_recs = 0;
		taken = extract_records(w->extract, w->frames, taken, n_frames, hits, b);
		records_route(w);
	}
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

/* Packet time has come to @now_ns: what waits for it in flow, and in the parsers, goes on. */
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

/* Nothing came. A live port's clock goes on by itself; a file's stands still. */
static void worker_idle(struct worker *w)
{
	if (++w->idle_turns != IDLE_TURNS_TO_FLUSH)
		return;
	w->idle_turns = 0;
	handoff_flush(w->conf.handoff, w->conf.index);
	if (!w->conf.live)
		return;
	path_advance(w, clock_wall_ns());
	flow_release(w->flow);
}

static void worker_finish(struct worker *w)
{
	const struct flow_event *ev;
	unsigned n_ev;
	decode_finish(w->decode);
	while ((n_ev = flow_finish(w->flow, &ev)) > 0) {
		path_run(w, ev, n_ev);
		flow_release(w->flow);
	}
	handoff_flush(w->conf.handoff, w->conf.index);
}

static void note_error(struct worker *w)
{
	if (w->n_errors < WORKER_ERRORS_MAX)
		w->errors[w->n_errors++] = w->conf.capture->err;
}

int worker_run(struct worker *w)
{
	mem_seal(true);
	while (!atomic_load_explicit(w->conf.stop, memory_order_relaxed)) {
		int n = capture_receive(w->conf.capture, w->raw);
		if (n == -ENODATA)
			break;
		if (++w->turns % TURNS_TO_FLUSH == 0)
			handoff_flush(w->conf.handoff, w->conf.index);
		if (n < 0) {
			note_error(w);
		} else if (n == 0) {
			worker_idle(w);
		} else {
			w->idle_turns = 0;
			worker_turn(w, (unsigned)n);
		}
	}
	capture_settle(w->conf.capture);
	worker_finish(w);
	mem_seal(false);
	return w->n_errors ? -EIO : 0;
}

int worker_create(const struct worker_conf *conf, struct worker **ret_w, struct err *e)
{
	int rc = -ENOMEM;
	size_t frame_max = frame_limit_max(conf->frame, conf->frame_sources, conf->n_sources);
	struct worker *w = mem_alloc(sizeof(*w));
	if (!w) {
		capture_close(conf->capture);
		return err_set(e, -ENOMEM, "no memory for a worker");
	}
	w->conf = *conf;
	w->encode = conf->encode;
	w->graph_rows = mem_alloc(conf->n_sources * sizeof(*w->graph_rows));
	if (!w->graph_rows || arena_init(&w->batch.arena, WORKER_ARENA_BYTES(frame_max)) < 0) {
		err_set(e, -ENOMEM, "no memory for the batch of a worker");
		goto fail;
	}
	if ((rc = decode_create(conf->decode, &w->decode, e)) < 0 ||
	    (rc = flow_create(conf->flow, &w->flow, e)) < 0 ||
	    (rc = frame_create(conf->frame, conf->frame_sources, conf->n_sources, w->flow,
			       &w->frame, e)) < 0 ||
	    (rc = extract_create(conf->extract_sources, conf->n_sources, 4 * conf->frame->bytes_max,
				 conf->names, &w->extract, e)) < 0)
		goto fail;
	if (conf->rules && !(w->rules = rules_scratch_create(conf->rules))) {
		rc = err_set(e, -ENOMEM, "no memory for the rules of a worker");
		goto fail;
	}
	if (conf->share)
		decode_share(w->decode, conf->index, conf->n_workers);
	for (unsigned i = 0; i < conf->n_sources; i++)
		if (conf->frame_sources[i].parser->together)
			decode_share_together(w->decode, &conf->frame_sources[i].tcp);
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
	extract_destroy(w->extract);
	rules_scratch_destroy(w->rules);
	frame_destroy(w->frame);
	flow_destroy(w->flow);
	decode_destroy(w->decode);
	arena_fini(&w->batch.arena);
	mem_free(w->graph_rows);
	capture_close(w->conf.capture);
	mem_free(w);
}

const char *worker_error(const struct worker *w, unsigned i)
{
	return i < w->n_errors ? w->errors[i].text : NULL;
}

const struct capture_stats *worker_capture_stats(const struct worker *w)
{
	return &w->conf.capture->stats;
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

const uint64_t *worker_graph_row(const struct worker *w, unsigned source)
{
	return w->graph_rows[source];
}
