#include "tests/support/parser_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/base/mem.h"
#include "dataplane/rec/later.h"
#include "tests/support/conf_default.h"

#define SCRATCH_BYTES  (8u << 20)
#define ARENA_BYTES    (64u << 20)
#define RUN_GROUND_MAX (256u << 10)

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "no memory for a parser run\n");
		abort();
	}
	return p;
}

static void broke(struct parser_run *run, const char *what)
{
	if (run->broken[0] == 0)
		snprintf(run->broken, sizeof(run->broken), "%s", what);
}

/* --- Set up ------------------------------------------------------------------------------------
 */

void parser_run_init(struct parser_run *run, const struct parser *parser)
{
	*run = (struct parser_run){.parser = parser, .burst = 64};
	run->conf = must(calloc(1, parser->conf_size + 1));
	run->state = must(calloc(1, parser->state_size + 1));
	conf_default(&run->mem, parser->opts, run->conf);
	run->time_ns = 1764045796000000000ull;
	run->port[0] = 50000;
	run->port[1] = 514;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	run->guard = mmap(NULL, RUN_UNREAD_MAX + page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (run->guard == MAP_FAILED || mprotect(run->guard + RUN_UNREAD_MAX, page, PROT_NONE) < 0)
		must(NULL);
	uint16_t n_fields = 0;
	while (parser->fields && parser->fields[n_fields].name)
		n_fields++;
	if (schema_init(&run->schema, parser->fields, n_fields) < 0 ||
	    frame_out_init(&run->out, SCRATCH_BYTES) < 0 ||
	    arena_init(&run->batch.arena, ARENA_BYTES) < 0)
		must(NULL);
	struct err e;
	if (parser->pool_create && parser->pool_create(run->conf, NULL, &run->pool, &e) < 0)
		must(NULL);
	if (parser->memo_size)
		run->memo = must(calloc(1, parser->memo_size));
	static const uint8_t padded[14 + SL_PAD] = "\"_source\":\"s\",";
	static const struct slice source = {padded, 14};
	run->names = must(names_create());
	run->encode = (struct encode_ctx){
		.names = run->names, .source_json = &source, .source_only = &source};
	run->rb = must(calloc(1, sizeof(*run->rb)));
	for (unsigned d = 0; d < 2; d++)
		run->dirs[d].unread = must(malloc(RUN_UNREAD_MAX));
}

static void forget(struct parser_run *run)
{
	for (size_t i = 0; i < run->n_frames; i++) {
		free(run->frames[i].bytes);
		free(run->frames[i].meta);
		free(run->frames[i].record);
		free(run->frames[i].ground);
	}
	run->n_frames = 0;
}

void parser_run_reset(struct parser_run *run)
{
	forget(run);
	memset(run->state, 0, run->parser->state_size);
	for (unsigned d = 0; d < 2; d++)
		run->dirs[d] = (struct run_direction){.unread = run->dirs[d].unread};
	run->bad = false;
	run->consumed = run->skipped = run->passed_over = run->left_over = 0;
	run->why = NULL;
	run->broken[0] = 0;
}

void parser_run_fini(struct parser_run *run)
{
	forget(run);
	free(run->frames);
	free(run->conf);
	memlist_fini(&run->mem);
	free(run->state);
	free(run->memo);
	free(run->rb);
	for (unsigned d = 0; d < 2; d++)
		free(run->dirs[d].unread);
	if (run->pool)
		run->parser->pool_destroy(run->pool);
	munmap(run->guard, RUN_UNREAD_MAX + (size_t)sysconf(_SC_PAGESIZE));
	arena_fini(&run->batch.arena);
	frame_out_fini(&run->out);
	schema_fini(&run->schema);
	names_destroy(run->names);
}

/* --- Frames ------------------------------------------------------------------------------------
 */

static void check_val(struct parser_run *run, struct val v)
{
	size_t bytes = v.type == VAL_LATER ? sizeof(struct later) : v.len;
	if (v.type > VAL_NULL && v.type != VAL_TRUE && v.type != VAL_FALSE && v.type != VAL_NAME &&
	    (size_t)v.off + bytes > run->batch.arena.used)
		broke(run, "a value lies outside the arena");
}

/* The record's line without the newline. */
static char *text_of(struct parser_run *run, const struct frame *f, struct rec *r)
{
	r->session_id = f->session_id;
	r->stream_off = f->stream_off;
	r->idx = f->idx;
	r->dir = f->dir;
	uint8_t *text = must(malloc(encode_json_max(&run->encode, &run->batch, r) + 1));
	text[encode_json(&run->encode, &run->batch, r, text) - 1] = 0;
	return (char *)text;
}

static const char *extract(struct parser_run *run, const struct frame *f, struct run_frame *k)
{
	rec_begin(run->rb, &run->batch, &run->schema);
	const char *error = f->unparsed;
	if (!error)
		error = run->parser->extract(run->conf, f, run->rb);
	if (error && !run->parser->dead)
		return error;
	if (error) {
		rec_begin(run->rb, &run->batch, &run->schema);
		run->parser->dead(f, run->rb);
	}
	struct rec *r = rec_end(run->rb);
	if (!r) {
		broke(run, "a record does not fit");
		return NULL;
	}
	r->error = error;
	for (unsigned i = 0; i < run->schema.n_fields + 2u * r->n_pairs; i++)
		check_val(run, r->vals[i]);
	if (run->keep_records)
		k->record = text_of(run, f, r);
	run->batch.n_recs = 0;
	return error;
}

static void keep_frame(struct parser_run *run, const struct frame *f)
{
	if (run->n_frames == run->cap_frames) {
		run->cap_frames = run->cap_frames ? 2 * run->cap_frames : 64;
		run->frames = must(realloc(run->frames, run->cap_frames * sizeof(*run->frames)));
	}
	struct run_frame *k = &run->frames[run->n_frames++];
	*k = (struct run_frame){
		.stream_off = f->stream_off,
		.time_ns = f->time_ns,
		.len = f->bytes.len,
		.body_off = f->body.len ? (size_t)(f->body.ptr - f->bytes.ptr) : 0,
		.body_len = f->body.len,
		.idx = f->idx,
		.body_kind = f->body_kind,
		.dir = f->dir,
		.cut = f->cut,
		.unparsed = f->unparsed,
		.identity = f->session_id,
	};
	if (k->body_off + k->body_len > k->len)
		broke(run, "the body lies outside the frame");
	k->bytes = must(malloc(k->len + 1));
	memcpy(k->bytes, f->bytes.ptr, k->len);
	if (f->meta.type == VAL_JSON)
		k->meta = must(strndup((char *)run->batch.arena.base + f->meta.off, f->meta.len));
	if (run->keep_ground && run->parser->ground) {
		k->ground = must(malloc(RUN_GROUND_MAX));
		k->ground_len = run->parser->ground(run->pool, f, k->ground, RUN_GROUND_MAX);
	}
	if (f->unparsed ? run->parser->dead != NULL
			: f->body_kind == BODY_PARSER && run->parser->extract)
		k->error = extract(run, f, k);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool run_frame_same(const struct run_frame *a, const struct run_frame *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0 &&
	       a->stream_off == b->stream_off && a->idx == b->idx && a->dir == b->dir &&
	       a->body_off == b->body_off && a->body_len == b->body_len &&
	       a->body_kind == b->body_kind && a->cut == b->cut &&
	       same_text(a->unparsed, b->unparsed) && same_text(a->meta, b->meta) &&
	       same_text(a->error, b->error) && same_text(a->record, b->record) &&
	       a->identity == b->identity;
}

#define AGAIN_BURSTS_MAX 4096

static void begin_burst(struct parser_run *run);

void parser_run_again(struct parser_run *run, const struct run_frame *k, struct slice ground)
{
	struct arena *a = &run->batch.arena;
	uint32_t done = 0;
	bool more = true;
	for (unsigned n = 0; more && n < AGAIN_BURSTS_MAX; n++) {
		begin_burst(run);
		uint32_t at = arena_copy(a, k->bytes, k->len),
			 g = arena_copy(a, ground.ptr, ground.len);
		const struct frame f = {
			.time_ns = run->time_ns,
			.stream_off = k->stream_off,
			.session_id = k->identity,
			.bytes = arena_slice(a, at, k->len),
			.body = arena_slice(a, at + (uint32_t)k->body_off, k->body_len),
			.idx = k->idx,
			.dir = k->dir,
		};
		run->out.session_id = f.session_id;
		run->out.dir = f.dir;
		arena_reset(&run->out.scratch);
		run->parser->again(run->pool, &f, arena_slice(a, g, ground.len), &done, &run->out);
		for (unsigned i = 0; i < run->out.n; i++)
			keep_frame(run, &run->burst_frames[i]);
		more = run->out.full && run->out.n;
	}
	if (more)
		broke(run, "a letter has no end");
}

/* --- Calls -------------------------------------------------------------------------------------
 */

static void begin_burst(struct parser_run *run)
{
	arena_reset(&run->batch.arena);
	run->batch.n_recs = 0;
	frame_out_begin(&run->out, &run->batch, run->burst_frames, run->burst);
}

static void check_result(struct parser_run *run, struct parse_result r, size_t len)
{
	if (r.consumed > len)
		broke(run, "more was consumed than there was");
	else if (r.skipped + r.passed_over > r.consumed)
		broke(run, "more was skipped than consumed");
	else if (r.status == PARSE_MORE && r.consumed + r.needed <= len)
		broke(run, "MORE asks for bytes that are there");
	else if (r.status == PARSE_OK && r.consumed == 0 && len > 0 && !run->out.full)
		broke(run, "OK without progress");
	else if (run->out.full && run->out.n == 0)
		broke(run, "an empty burst refused a frame");
	else if (r.skipped && !r.why)
		broke(run, "bytes were skipped without a reason");
	else if ((r.status == PARSE_BAD || r.status == PARSE_DONE) && !r.why)
		broke(run, "BAD or DONE without a reason");
}

static void fill_in(const struct parser_run *run, unsigned dir, struct parse_in *in)
{
	*in = (struct parse_in){
		.time_ns = run->time_ns,
		.dir = (uint8_t)dir,
		.one_sided = !run->dirs[!dir].seen,
		.port = {run->port[0], run->port[1]},
		.pool = run->pool,
		.memo = run->memo,
	};
}

/* What the parser says of a datagram without a call of parse. */
static void check_datagram(struct parser_run *run, const struct parse_in *in, struct parse_result r)
{
	struct slice kept = run->parser->datagram(in->data);
	const struct frame *f = &run->burst_frames[0];
	bool same = run->out.n == (kept.len > 0) && r.consumed == in->data.len && !r.skipped;
	if (same && kept.len)
		same = f->body_kind == BODY_PARSER && slice_eq(f->bytes, kept) &&
		       slice_eq(f->body, kept) && f->stream_off == in->stream_off;
	if (!same)
		broke(run, "datagram and parse make different frames of a datagram");
}

/* Every other call of a parser that wants it so finds its bytes laid down, in two parts: what it
 * makes of them must be the same.
 */
static void lay_down(struct parser_run *run, struct parse_in *in)
{
	struct slice data = in->data;
	if (!run->parser->lays_down || in->datagram || !data.len || run->n_calls++ % 2)
		return;
	struct slice head = slice_of(data.ptr, data.len / 3);
	struct slice laid = frame_out_lay(&run->out, run->parser, head, slice_from(data, head.len));
	if (!laid.ptr)
		return;
	in->data = laid;
	in->ends = &run->out.ends;
}

/* One call over @data, which is laid against the unreadable page. Frames are kept at once. */
static struct parse_result call(struct parser_run *run, struct parse_in *in, struct slice data,
				uint64_t off)
{
	uint8_t *at = run->guard + RUN_UNREAD_MAX - data.len;
	if (data.len)
		memcpy(at, data.ptr, data.len);
	in->data = slice_of(at, data.len);
	in->stream_off = off;
	begin_burst(run);
	arena_reset(&run->out.scratch);
	run->out.time_ns = in->time_ns;
	run->out.dir = in->dir;
	lay_down(run, in);
	struct parse_result r = run->parser->parse(run->state, run->conf, in, &run->out);
	if (in->ends)
		frame_out_laid(&run->out, r.consumed);
	in->ends = NULL;
	check_result(run, r, data.len);
	if (in->datagram && run->parser->datagram)
		check_datagram(run, in, r);
	for (unsigned i = 0; i < run->out.n; i++)
		keep_frame(run, &run->burst_frames[i]);
	run->consumed += r.consumed;
	run->skipped += r.skipped;
	run->passed_over += r.passed_over;
	if (r.why)
		run->why = r.why;
	run->dirs[in->dir].due_ns = r.due_ns;
	return r;
}

static void leave(struct parser_run *run, unsigned dir, struct parse_result r)
{
	run->bad |= r.status == PARSE_BAD;
	run->dirs[dir].left = true;
	run->dirs[dir].len = 0;
}

static void read_unread(struct parser_run *run, unsigned dir, struct parse_in *in)
{
	struct run_direction *d = &run->dirs[dir];
	d->wake = false;
	while (!d->left && d->len && run->broken[0] == 0) {
		in->after_gap = d->after_gap;
		struct parse_result r = call(run, in, slice_of(d->unread, d->len), d->off);
		bool full = run->out.full;
		d->off += r.consumed;
		d->len -= r.consumed;
		memmove(d->unread, d->unread + r.consumed, d->len);
		if (r.consumed)
			d->after_gap = false;
		d->needed = r.status == PARSE_MORE && r.needed > d->len ? r.needed - d->len : 0;
		if (r.wake)
			run->dirs[!dir].wake = true;
		if (r.status == PARSE_BAD || r.status == PARSE_DONE)
			leave(run, dir, r);
		if (!full && (r.status == PARSE_MORE || d->len == 0))
			break;
	}
}

static void read_both(struct parser_run *run, unsigned dir, struct parse_in *in)
{
	read_unread(run, dir, in);
	for (unsigned i = 0; i < 64 && (run->dirs[0].wake || run->dirs[1].wake); i++) {
		unsigned other = run->dirs[0].wake ? 0 : 1;
		struct parse_in in2;
		fill_in(run, other, &in2);
		read_unread(run, other, &in2);
	}
}

void parser_run_data(struct parser_run *run, unsigned dir, const void *bytes, size_t len)
{
	struct run_direction *d = &run->dirs[dir];
	d->seen = true;
	if (d->left || len == 0)
		return;
	if (d->len + len > RUN_UNREAD_MAX) {
		broke(run, "too many unread bytes for a test");
		return;
	}
	memcpy(d->unread + d->len, bytes, len);
	d->len += len;
	d->needed -= len < d->needed ? len : d->needed;
	if (d->needed)
		return;
	struct parse_in in;
	fill_in(run, dir, &in);
	read_both(run, dir, &in);
}

void parser_run_datagram(struct parser_run *run, unsigned dir, const void *bytes, size_t len)
{
	struct run_direction *d = &run->dirs[dir];
	struct slice rest = slice_of(bytes, len);
	struct parse_in in;
	d->seen = true;
	fill_in(run, dir, &in);
	in.datagram = true;
	while (rest.len && run->broken[0] == 0) {
		struct parse_result r = call(run, &in, rest, d->off);
		bool again = run->out.full || (r.status == PARSE_OK && r.consumed > 0);
		d->off += r.consumed;
		rest = slice_from(rest, r.consumed);
		run->bad |= r.status == PARSE_BAD;
		if (!again)
			break;
	}
	d->off += rest.len;
	run->left_over += rest.len;
}

void parser_run_gap(struct parser_run *run, unsigned dir, size_t len)
{
	struct run_direction *d = &run->dirs[dir];
	struct parse_in in;
	fill_in(run, dir, &in);
	in.before_gap = true;
	d->seen = true;
	if (d->len)
		read_both(run, dir, &in);
	run->left_over += d->len;
	d->off += d->len + len;
	d->len = d->needed = 0;
	d->after_gap = true;
}

void parser_run_no_room(struct parser_run *run, unsigned dir)
{
	struct parse_in in;
	fill_in(run, dir, &in);
	in.before_gap = in.no_room = true;
	if (run->dirs[dir].len)
		read_both(run, dir, &in);
	run->left_over += run->dirs[dir].len;
}

void parser_run_end(struct parser_run *run)
{
	for (unsigned dir = 0; dir < 2; dir++) {
		struct run_direction *d = &run->dirs[dir];
		struct parse_in in;
		fill_in(run, dir, &in);
		in.end = true;
		in.closed = !run->left_open;
		if (d->len)
			read_both(run, dir, &in);
		run->left_over += d->len;
		d->off += d->len;
		d->len = 0;
	}
}

void parser_run_ack(struct parser_run *run, unsigned dir, uint64_t n)
{
	struct parse_in in;
	fill_in(run, dir, &in);
	in.stream_off = n;
	run->parser->acked(run->state, &in);
}

enum probe parser_run_probe(struct parser_run *run, unsigned dir, bool datagram, const void *bytes,
			    size_t len)
{
	uint8_t *at = run->guard + RUN_UNREAD_MAX - len;
	struct parse_in in;
	memcpy(at, bytes, len);
	fill_in(run, dir, &in);
	in.data = slice_of(at, len);
	in.datagram = datagram;
	return run->parser->probe(run->conf, &in);
}
