#include "ctl/explain.h"

#include <inttypes.h>
#include <string.h>

#include "ctl/explain_packets.h"
#include "ctl/generation.h"
#include "ctl/lone.h"
#include "ctl/record_id.h"
#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/frame/origin.h"
#include "dataplane/sink/kafka_hash.h"

/* The frame that the record was made of. */
struct seen_frame {
	bool seen;
	struct frame f; /* its slices are gone */
	uint8_t *bytes;
	struct flow_session session;
	bool of_log; /* of a database's log: the offset is not one of the session's */
};

struct explain {
	struct record_id id;
	const char *text;
	const struct config *conf;
	struct generation *g;
	struct worker *worker;
	struct worker_witness witness;
	atomic_bool stop;

	struct seen_frame frame;
	bool has_before,
		has_after; /* frames of that direction beside the offset that was asked for */
	uint64_t before_off, after_off;

	/* The records that an origin gives now: queues get each of them, in this order. */
	unsigned wanted_at, *n_put; /* its place; by queue */
	bool wanted;
	bool inside;                       /* it goes through the graph now */
	bool no_format;                    /* the source has formats, and none fitted */
	uint64_t (*rows)[LEDGER_COLS_MAX]; /* of nodes, before the record went in */
	bool *origins;                     /* all */
	struct graph_tap tap;
	struct encode_ctx encode;
	uint8_t *room;
	size_t cap;
	json_t *key;

	json_t *o, *places, *nodes, *queues, *letters;
};

/* ---- what comes by ---- */

static bool is_it(const struct explain *x, const struct rec *r)
{
	return r->session_id == x->id.session && r->stream_off == x->id.off &&
	       r->idx == x->id.idx && r->dir == x->id.dir;
}

static json_t *record_json(struct explain *x, const struct batch *b, const struct rec *r)
{
	if (encode_json_max(&x->encode, b, r) > x->cap)
		return json_string("too large to be shown");
	size_t len = encode_json(&x->encode, b, r, x->room);
	return json_loadb((const char *)x->room, len, 0, NULL);
}

static void keep_frame(struct explain *x, const struct frame *f)
{
	const struct flow_session *s = flow_session(worker_flow(x->worker), f->session);
	x->frame = (struct seen_frame){
		.seen = true, .f = *f, .session = *s, .of_log = f->session_id != s->id};
	x->frame.bytes = mem_alloc(f->bytes.len + 1);
	if (x->frame.bytes)
		memcpy(x->frame.bytes, f->bytes.ptr, f->bytes.len);
}

static void see_frames(void *arg, const struct frame *frames, unsigned n)
{
	struct explain *x = arg;
	mem_seal(false); /* whoever looks on is in no hurry */
	for (unsigned i = 0; i < n; i++) {
		const struct frame *f = &frames[i];
		if (f->session_id != x->id.session || f->dir != x->id.dir)
			continue;
		if (f->stream_off == x->id.off && !x->frame.seen)
			keep_frame(x, f);
		if (f->stream_off < x->id.off) {
			x->has_before = true;
			x->before_off = f->stream_off;
		} else if (f->stream_off > x->id.off && !x->has_after) {
			x->has_after = true;
			x->after_off = f->stream_off;
		}
	}
	mem_seal(true);
}

static void see_origin(void *arg, unsigned origin, struct batch *b, struct rec *const *recs,
		       unsigned n)
{
	struct explain *x = arg;
	x->wanted = false;
	for (unsigned i = 0; i < n; i++) {
		if (!is_it(x, recs[i]))
			continue;
		mem_seal(false);
		x->wanted = true;
		x->wanted_at = i;
		memset(x->n_put, 0, x->conf->n_queues * sizeof(*x->n_put));
		json_array_append_new(x->places,
				      json_pack("{s:s,s:i,s:o?}", "origin",
						x->conf->origins[origin].name, "number",
						(int)origin, "record", record_json(x, b, recs[i])));
		mem_seal(true);
		return;
	}
}

static void before_record(void *arg, const struct batch *b, const struct rec *r)
{
	struct explain *x = arg;
	const struct graph *g = worker_graph(x->worker);
	x->inside = is_it(x, r);
	if (x->inside)
		x->no_format = r->flags & REC_NO_FORMAT;
	for (unsigned i = 0; i < x->g->pipeline->graph.n_nodes; i++)
		memcpy(x->rows[i], graph_node_row(g, i),
		       x->g->pipeline->graph.nodes[i].op->ledger->n_cols * sizeof(uint64_t));
}

/* What each node has counted since: of this record, as no other went in. */
static void after_record(void *arg)
{
	struct explain *x = arg;
	const struct graph_plan *plan = &x->g->pipeline->graph;
	if (!x->inside || json_array_size(x->nodes))
		return;
	mem_seal(false);
	for (unsigned i = 0; i < plan->n_nodes; i++) {
		const struct ledger_table *l = plan->nodes[i].op->ledger;
		const uint64_t *now = graph_node_row(worker_graph(x->worker), i);
		json_t *counts = json_object(), *why = NULL;
		for (unsigned c = 0; c < l->n_cols; c++) {
			int64_t n = (int64_t)(now[c] - x->rows[i][c]);
			if (n == 0)
				continue;
			json_object_set_new(counts, l->cols[c].name, json_integer(n));
			if (l->cols[c].kind != LEDGER_IN && l->cols[c].kind != LEDGER_OUT &&
			    l->cols[c].kind != LEDGER_INFO && !why)
				why = json_pack("{s:s,s:s}", "name", l->cols[c].name, "help",
						l->cols[c].help);
		}
		if (json_object_size(counts))
			json_array_append_new(x->nodes, json_pack("{s:s,s:s,s:i,s:O,s:o*}", "node",
								  plan->nodes[i].name, "op",
								  plan->nodes[i].op->name, "first",
								  (int)plan->nodes[i].first_origin,
								  "counts", counts, "stayed", why));
		json_decref(counts);
	}
	mem_seal(true);
}

/* ---- the queues ---- */

/* Is the record that @queue gets now the one? */
static bool is_put(struct explain *x, unsigned queue)
{
	return x->n_put[queue]++ == x->wanted_at && x->wanted;
}

static uint8_t *take_room(void *arg, unsigned worker, unsigned queue, size_t len)
{
	struct explain *x = arg;
	x->key = NULL;
	return len <= x->cap ? x->room : NULL;
}

static void take_mark(void *arg, unsigned worker, unsigned queue, struct slice key, struct slice id)
{
	struct explain *x = arg;
	if (!key.ptr || !x->wanted || x->n_put[queue] != x->wanted_at)
		return;
	mem_seal(false);
	x->key = json_stringn((const char *)key.ptr, key.len);
	if (!x->key)
		x->key = json_string("(bytes that are no text)");
	mem_seal(true);
}

/* Kafka's place of a key, where the number of partitions is known. */
static void add_partition(json_t *o, const struct queue_conf *q, const json_t *key)
{
	const char *text = json_string_value(key);
	if (!text)
		return;
	uint32_t hash = kafka_hash(text, json_string_length(key)) & 0x7fffffff;
	json_object_set_new(o, "key_hash", json_integer(hash));
	if (q->partitions)
		json_object_set_new(o, "partition",
				    json_integer((json_int_t)(hash % (uint64_t)q->partitions)));
}

static json_t *queue_json(const struct explain *x, unsigned queue)
{
	const struct queue_conf *q = &x->conf->queues[queue];
	const struct sink_conf *s = &x->conf->sinks[q->sink];
	json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "queue", q->name, "sink", s->name, "type",
			      s->ops->name, "format", encoders[q->format]->name);
	if (q->topic)
		json_object_set_new(o, "topic", json_string(q->topic));
	return o;
}

static void take_record(void *arg, unsigned worker, unsigned queue, size_t len, uint64_t time_ns)
{
	struct explain *x = arg;
	if (!is_put(x, queue))
		return;
	mem_seal(false);
	json_t *o = queue_json(x, queue);
	bool text = !encoders[x->conf->queues[queue].format]->binary;
	json_object_set_new(o, "bytes", json_integer((json_int_t)len));
	if (text)
		json_object_set_new(o, "message", json_stringn((const char *)x->room, len - 1));
	if (x->key)
		json_object_set(o, "key", x->key);
	if (strcmp(x->conf->sinks[x->conf->queues[queue].sink].ops->name, "kafka") == 0)
		add_partition(o, &x->conf->queues[queue], x->key);
	json_decref(x->key);
	x->key = NULL;
	json_array_append_new(x->queues, o);
	mem_seal(true);
}

static void left_out(void *arg, unsigned worker, unsigned queue, enum encode_fit why)
{
	static const char *const texts[] = {
		[ENCODE_DDL] = "a change of tables, which the queue does not take (ddl: false)",
		[ENCODE_END] = "the end of a transaction, of which the format has no form",
		[ENCODE_NO_FORM] = "the format holds changes of rows alone",
		[ENCODE_TOO_FAR] = "it came through more queues than hops_max",
	};
	struct explain *x = arg;
	if (!is_put(x, queue))
		return;
	mem_seal(false);
	json_t *o = queue_json(x, queue);
	json_object_set_new(o, "left_out", json_string(texts[why]));
	json_array_append_new(x->queues, o);
	mem_seal(true);
}

static void narrowed(void *arg, unsigned worker, unsigned queue, unsigned n_more,
		     unsigned n_misfits)
{
}

static void nothing_open(void *arg, unsigned worker, bool last)
{
}

static void take_letter(void *arg, unsigned worker, const struct dead_letter *l)
{
	struct explain *x = arg;
	if (!slice_eq(l->text[DEAD_ID], slice_str(x->text)))
		return;
	mem_seal(false);
	json_array_append_new(
		x->letters,
		json_pack("{s:s,s:s%,s:s%}", "stage", dead_stage_names[l->stage], "rule",
			  (const char *)l->text[DEAD_RULE].ptr, l->text[DEAD_RULE].len, "reason",
			  (const char *)l->text[DEAD_REASON].ptr, l->text[DEAD_REASON].len));
	mem_seal(true);
}

/* ---- the run ---- */

static int build(struct explain *x, const struct replay_conf *rc, struct err *e)
{
	const struct config *c = x->conf;
	const struct pipeline *p = x->g->pipeline;
	struct worker_conf wc = generation_worker_conf(x->g);
	x->witness = (struct worker_witness){see_frames, before_record, after_record, x};
	wc.n_workers = 1;
	wc.decode = &c->decode;
	wc.flow = &c->flow;
	wc.frame = &c->frame;
	wc.frame_sources = p->frame_sources;
	wc.stop = &x->stop;
	wc.witness = &x->witness;
	wc.dead_flags = c->dead_letters.dir ? dead_letter_flags(&c->dead_letters) : 0;
	wc.out = (struct worker_out){
		.room = take_room,
		.mark = take_mark,
		.commit = take_record,
		.flush = nothing_open,
		.leave_out = left_out,
		.narrowed = narrowed,
		.dead = c->dead_letters.dir ? take_letter : NULL,
		.dead_arg = x,
		.arg = x,
	};
	int ret = replay_open(rc, &wc.capture, e);
	if (ret == 0)
		ret = worker_create(&wc, &x->worker, e);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < c->n_origins; i++)
		x->origins[i] = true;
	x->tap = (struct graph_tap){.origins = x->origins, .see = see_origin, .arg = x};
	x->encode = p->encode;
	worker_tap(x->worker, &p->graph, &x->tap);
	return 0;
}

static int take_memory(struct explain *x, struct err *e)
{
	const struct config *c = x->conf;
	x->cap = LONE_ROOM(
		frame_limit_max(&c->frame, x->g->pipeline->frame_sources, (unsigned)c->n_sources));
	x->room = mem_map(x->cap);
	x->n_put = mem_alloc((c->n_queues + 1) * sizeof(*x->n_put));
	x->origins = mem_alloc((c->n_origins + 1) * sizeof(*x->origins));
	x->rows = mem_alloc((x->g->pipeline->graph.n_nodes + 1) * sizeof(*x->rows));
	x->o = json_object();
	x->places = json_array();
	x->nodes = json_array();
	x->queues = json_array();
	x->letters = json_array();
	return x->room && x->n_put && x->origins && x->rows ? 0 : err_set(e, -ENOMEM, "no memory");
}

static void fini(struct explain *x)
{
	worker_destroy(x->worker);
	generation_put(x->g);
	if (x->room)
		mem_unmap(x->room, x->cap);
	mem_free(x->n_put);
	mem_free(x->origins);
	mem_free(x->rows);
	mem_free(x->frame.bytes);
	json_decref(x->places);
	json_decref(x->nodes);
	json_decref(x->queues);
	json_decref(x->letters);
	json_decref(x->o);
}

/* ---- what is told ---- */

static json_t *hex_of(const uint8_t *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * EXPLAIN_HEX_MAX];
	size_t n = len < EXPLAIN_HEX_MAX ? len : EXPLAIN_HEX_MAX;
	for (size_t i = 0; i < n; i++) {
		text[2 * i] = digits[p[i] >> 4];
		text[2 * i + 1] = digits[p[i] & 15];
	}
	return json_stringn(text, 2 * n);
}

static json_t *time_json(uint64_t ns)
{
	char text[40];
	return json_stringn(text, civil_put_rfc3339_9(text, (int64_t)ns));
}

static json_t *end_json(const struct flow_session *s, unsigned end)
{
	char text[ORIGIN_LEN_MAX];
	return json_stringn(text, origin_end_put(text, s->addr[end], s->port[end]));
}

static json_t *session_json(const struct flow_session *s, unsigned dir)
{
	char id[17];
	bool tcp = s->proto == IPPROTO_TCP_;
	snprintf(id, sizeof(id), "%016" PRIx64, s->id);
	return json_pack("{s:s,s:s,s:o,s:o,s:s,s:b,s:b}", "session", id, "protocol",
			 tcp ? "tcp" : "udp", "client", end_json(s, 0), "server", end_json(s, 1),
			 "from", dir ? "server" : "client", "late", tcp && !s->from_start,
			 "one_sided", tcp && !(s->seen[0] && s->seen[1]));
}

/* Where the frame's bytes are among those of the wire. Of a frame that was decoded (chunked,
 * packed) only where it begins is known, and that it ends before the next one.
 */
static void find_range(const struct explain *x, const struct span *s, uint64_t *ret_from,
		       uint64_t *ret_until, bool *ret_exact)
{
	const struct seen_frame *f = &x->frame;
	size_t len = f->f.bytes.len;
	const uint8_t *at = f->bytes && len ? memmem(s->bytes, s->len, f->bytes, len) : NULL;
	/* A change has no place in the stream: where its bytes came twice nobody can tell. */
	if (at && f->of_log && memmem(at + 1, s->len - (size_t)(at + 1 - s->bytes), f->bytes, len))
		at = NULL;
	uint64_t end = s->from + s->len;
	*ret_exact = at != NULL;
	*ret_from = at && f->of_log ? s->from + (uint64_t)(at - s->bytes) : s->from;
	*ret_until = at ? s->from + (uint64_t)(at - s->bytes) + len : end;
	if (f->of_log && !at && s->n_packets) /* what the packet has that completed it */
		*ret_from = s->packets[s->n_packets - 1].from;
	if (!at && !f->of_log && x->has_after && x->after_off < end)
		*ret_until = x->after_off;
}

static void tell_packets(struct explain *x, const struct span *s)
{
	uint64_t from, until;
	bool exact;
	json_t *packets = json_array();
	find_range(x, s, &from, &until, &exact);
	for (unsigned i = 0; i < s->n_packets; i++) {
		const struct span_packet *p = &s->packets[i];
		if (p->until > from && p->from < until)
			json_array_append_new(
				packets,
				json_pack("{s:I,s:s,s:o,s:I,s:I,s:I,s:s}", "number",
					  (json_int_t)p->number, "file", p->file ? p->file : "?",
					  "time", time_json(p->time_ns), "bytes",
					  (json_int_t)p->bytes, "from", (json_int_t)p->from,
					  "until", (json_int_t)p->until, "layers", p->layers));
	}
	json_object_set_new(x->o, "packets", packets);
	json_object_set_new(x->o, "wire",
			    json_pack("{s:I,s:I,s:b,s:o}", "from", (json_int_t)from, "until",
				      (json_int_t)until, "exact", exact, "hex",
				      hex_of(s->bytes + (from - s->from), until - from)));
}

static void tell_gaps(struct explain *x, const struct span *s)
{
	static const char *const why[] = {
		[FLOW_GAP_ACKED] = "the receiver has acknowledged them",
		[FLOW_GAP_WAITED] = "waited for in vain",
		[FLOW_GAP_MEMORY] = "flow.memory_bytes_max",
		[FLOW_GAP_SNAPLEN] = "cut off by the snap length",
		[FLOW_GAP_END] = "the session ended",
	};
	json_t *gaps = json_array();
	for (unsigned i = 0; i < s->n_gaps; i++)
		json_array_append_new(gaps, json_pack("{s:I,s:I,s:s}", "from",
						      (json_int_t)s->gaps[i].from, "until",
						      (json_int_t)s->gaps[i].until, "why",
						      why[s->gaps[i].reason]));
	json_object_set_new(x->o, "gaps", gaps);
}

/* There is no such frame: how far was it from being there? */
static void tell_absence(struct explain *x, const struct span *s)
{
	const char *why = "no frame begins at this offset";
	if (!s->seen)
		why = "these files have no such session; a row change is known by the log of its "
		      "server";
	else if (x->id.off >= s->end)
		why = "the stream does not go so far in these files";
	for (unsigned i = 0; s->seen && i < s->n_gaps; i++)
		if (x->id.off >= s->gaps[i].from && x->id.off < s->gaps[i].until)
			why = "the bytes there were not captured";
	json_object_set_new(x->o, "absent", json_string(why));
	if (x->has_before)
		json_object_set_new(x->o, "frame_before", json_integer((json_int_t)x->before_off));
	if (x->has_after)
		json_object_set_new(x->o, "frame_after", json_integer((json_int_t)x->after_off));
}

/* A record says which of several formats fitted it; of one there is nothing to say. */
static void tell_format(struct explain *x, const struct source_conf *s)
{
	const json_t *place = json_array_get(x->places, 0);
	json_t *said = json_object_get(json_object_get(place, "record"), "_format");
	if (json_is_string(said))
		json_object_set(x->o, "format", said);
	else if (s->n_formats && x->no_format)
		json_object_set_new(x->o, "format", json_string("(none fits)"));
	else if (s->n_formats == 1 && place)
		json_object_set_new(x->o, "format",
				    json_string(x->conf->formats[s->formats[0]].name));
}

static void tell_frame(struct explain *x)
{
	const struct frame *f = &x->frame.f;
	const struct source_conf *s = &x->conf->sources[f->source];
	json_object_set_new(x->o, "source", json_string(s->name));
	json_object_set_new(x->o, "parser", json_string(s->parser->name));
	tell_format(x, s);
	json_object_set_new(x->o, "time", time_json(f->time_ns));
	json_t *o = json_pack("{s:I,s:I,s:b,s:b}", "bytes", (json_int_t)f->bytes.len, "offset",
			      (json_int_t)f->stream_off, "cut", f->cut, "of_log", x->frame.of_log);
	if (f->unparsed)
		json_object_set_new(o, "unparsed", json_string(f->unparsed));
	if (x->frame.bytes)
		json_object_set_new(o, "hex", hex_of(x->frame.bytes, f->bytes.len));
	json_object_set_new(x->o, "frame", o);
}

/* One line about its end. */
static void tell_outcome(struct explain *x)
{
	char text[512] = "";
	size_t n_in = 0, i;
	json_t *q, *n;
	json_array_foreach(x->queues, i, q) n_in += !json_object_get(q, "left_out");
	json_array_foreach(x->nodes, i, n)
	{
		const json_t *stayed = json_object_get(n, "stayed");
		if (stayed)
			snprintf(text, sizeof(text), "went no further in node %s: %s: %s",
				 json_string_value(json_object_get(n, "node")),
				 json_string_value(json_object_get(stayed, "name")),
				 json_string_value(json_object_get(stayed, "help")));
	}
	if (n_in)
		snprintf(text, sizeof(text), "came to %zu queue%s", n_in, n_in == 1 ? "" : "s");
	else if (json_array_size(x->letters))
		snprintf(text, sizeof(text), "became a dead letter");
	else if (!x->frame.seen && json_array_size(x->places) == 0)
		snprintf(text, sizeof(text), "is not there");
	else if (json_array_size(x->places) == 0)
		snprintf(text, sizeof(text),
			 "the frame is there, and has no record of this number");
	else if (!*text)
		snprintf(text, sizeof(text), "no node and no queue takes it from there");
	json_object_set_new(x->o, "outcome", json_string(text));
	json_object_set_new(x->o, "queues_reached", json_integer((json_int_t)n_in));
}

static int tell(struct explain *x, const struct replay_conf *rc, struct err *e)
{
	struct span *s = NULL;
	struct span_query q = {.session = x->id.session, .dir = x->id.dir, .from = x->id.off};
	if (x->frame.of_log) {
		q.by_time = true;
		q.session = x->frame.session.id;
		q.time_ns = x->frame.f.time_ns;
	}
	int rc_ = span_find(x->conf, rc, &q, &s, e);
	if (rc_ < 0)
		return rc_;
	json_object_set_new(x->o, "id", json_string(x->text));
	json_object_set_new(x->o, "n_sources", json_integer((json_int_t)x->conf->n_sources));
	if (s->seen)
		json_object_set_new(x->o, "session", session_json(&s->session, q.dir));
	if (x->frame.seen) {
		tell_frame(x);
		tell_packets(x, s);
	} else if (json_array_size(x->places) == 0) {
		tell_absence(x, s);
	}
	if (!x->frame.seen || x->frame.f.cut)
		tell_gaps(x, s);
	span_free(s);
	json_object_set(x->o, "places", x->places);
	json_object_set(x->o, "nodes", x->nodes);
	json_object_set(x->o, "queues", x->queues);
	json_object_set(x->o, "dead_letters", x->letters);
	tell_outcome(x);
	return 0;
}

int explain_record(const struct config *c, const struct replay_conf *rc, const char *id,
		   FILE *notes, json_t **ret_o, struct err *e)
{
	struct explain x = {.text = id, .conf = c};
	if (!record_id_read(id, &x.id))
		return err_set(e, -EINVAL, RECORD_ID_WRONG, id);
	int rc_ = generation_build(c, NULL, &x.g, notes, e);
	if (rc_ == 0)
		rc_ = take_memory(&x, e);
	if (rc_ == 0)
		rc_ = build(&x, rc, e);
	if (rc_ == 0) {
		worker_run(x.worker);
		for (unsigned i = 0; worker_error(x.worker, i); i++)
			fprintf(notes, "sluiced: %s\n", worker_error(x.worker, i));
		rc_ = tell(&x, rc, e);
	}
	if (rc_ == 0)
		*ret_o = json_incref(x.o);
	fini(&x);
	return rc_;
}

bool explain_found(const json_t *o)
{
	return json_integer_value(json_object_get(o, "queues_reached")) > 0;
}
