/* The frame stage with parsers of its own: joins, claims, gaps, limits, waking. */
#include "tests/unit/unit.h"

#include "dataplane/base/mem.h"
#include "dataplane/frame/carry.h"
#include "dataplane/frame/frame.h"
#include "dataplane/frame/frame_priv.h"
#include "tests/unit/flow_stand.h"

/* --- A parser of lines, and one whose lines wait for an answer of the other side. --------------
 */

struct line_state {
	bool resync;
};

static enum probe line_probe(const void *conf, const struct parse_in *in)
{
	(void)conf;
	if (in->dir == 1)
		return PROBE_NO;
	if (in->data.len < 2)
		return PROBE_MORE;
	return in->data.ptr[0] == '!' ? PROBE_NO : in->data.ptr[0] == '#' ? PROBE_YES : PROBE_MAYBE;
}

static struct parse_result line_parse(void *state, const void *conf, const struct parse_in *in,
				      struct frame_out *out)
{
	struct line_state *s = state;
	struct parse_result r = {.status = PARSE_MORE, .needed = 1};
	(void)conf;
	s->resync |= in->after_gap;
	while (r.consumed < in->data.len) {
		const uint8_t *p = in->data.ptr + r.consumed;
		size_t left = in->data.len - r.consumed;
		if (*p == '~') {
			r.status = PARSE_BAD;
			r.why = "a tilde";
			return r;
		}
		const uint8_t *nl = memchr(p, '\n', left);
		if (!nl)
			break;
		size_t len = (size_t)(nl - p);
		struct frame_desc d = {.bytes = slice_of(p, len),
				       .body = slice_of(p, len),
				       .stream_off = in->stream_off + r.consumed,
				       .body_kind = BODY_TEXT};
		if (s->resync)
			r.skipped += len + 1, r.why = "half a line";
		else if (!frame_put(out, &d)) {
			r.status = PARSE_OK;
			return r;
		}
		s->resync = false;
		r.consumed += len + 1;
	}
	return r;
}

static struct parser line_parser = {.name = "line",
				    .transports = PARSER_TCP | PARSER_UDP,
				    .state_size = sizeof(struct line_state),
				    .probe = line_probe,
				    .parse = line_parse};

struct ask_state {
	unsigned n_answers;
};

/* dir 0: questions of one byte, kept until dir 1 has answered with a byte. */
static struct parse_result ask_parse(void *state, const void *conf, const struct parse_in *in,
				     struct frame_out *out)
{
	struct ask_state *s = state;
	struct parse_result r = {.status = PARSE_MORE, .needed = 1};
	(void)conf;
	if (in->dir == 1) {
		s->n_answers += (unsigned)in->data.len;
		return (struct parse_result){
			.status = PARSE_OK, .consumed = in->data.len, .wake = true};
	}
	while (r.consumed < in->data.len && (s->n_answers || in->end || in->before_gap)) {
		struct slice one = slice_of(in->data.ptr + r.consumed, 1);
		struct frame_desc d = {.bytes = one, .body = one, .idx = s->n_answers > 0};
		if (!frame_put(out, &d)) {
			r.status = PARSE_OK;
			return r;
		}
		s->n_answers -= s->n_answers > 0;
		r.consumed++;
	}
	return r;
}

static enum probe ask_probe(const void *conf, const struct parse_in *in)
{
	(void)conf;
	(void)in;
	return PROBE_YES;
}

static const struct parser ask_parser = {.name = "ask",
					 .transports = PARSER_TCP,
					 .state_size = sizeof(struct ask_state),
					 .probe = ask_probe,
					 .parse = ask_parse};

/* Everything waits for ten seconds, without a look at the other side; each byte is a frame. */
#define WAIT_NS 10000000000u

static struct parse_result wait_parse(void *state, const void *conf, const struct parse_in *in,
				      struct frame_out *out)
{
	uint64_t *since_ns = state;
	struct parse_result r = {.status = PARSE_MORE, .needed = 1};
	(void)conf;
	if (!*since_ns)
		*since_ns = in->time_ns;
	if (in->time_ns < *since_ns + WAIT_NS && !in->end) {
		r.needed = in->data.len + 1;
		r.due_ns = *since_ns + WAIT_NS;
		return r;
	}
	for (; r.consumed < in->data.len; r.consumed++) {
		struct slice one = slice_of(in->data.ptr + r.consumed, 1);
		struct frame_desc d = {.bytes = one, .body = one};
		if (!frame_put(out, &d)) {
			r.status = PARSE_OK;
			return r;
		}
	}
	*since_ns = 0;
	return r;
}

static const struct parser wait_parser = {.name = "wait",
					  .transports = PARSER_TCP,
					  .state_size = sizeof(uint64_t),
					  .probe = ask_probe,
					  .parse = wait_parse};

/* A datagram is a frame, but for the dots at its end. */
static struct slice whole_datagram(struct slice data)
{
	while (data.len && data.ptr[data.len - 1] == '.')
		data.len--;
	return data;
}

static struct parse_result whole_parse(void *state, const void *conf, const struct parse_in *in,
				       struct frame_out *out)
{
	struct slice kept = whole_datagram(in->data);
	struct frame_desc d = {.bytes = kept,
			       .body = kept,
			       .stream_off = in->stream_off,
			       .body_kind = BODY_PARSER};
	(void)state;
	(void)conf;
	bool done = !kept.len || frame_put(out, &d);
	return (struct parse_result){.status = PARSE_OK, .consumed = done ? in->data.len : 0};
}

static const struct parser whole_parser = {.name = "whole",
					   .transports = PARSER_UDP,
					   .probe = ask_probe,
					   .parse = whole_parse,
					   .datagram = whole_datagram};

/* --- The stage under test, and what it gave. ---------------------------------------------------
 */

static struct opt_port_range line_port = {514, 514}, ask_port = {80, 80}, wait_port = {99, 99},
			     whole_port = {77, 77};
static struct frame_source sources[] = {
	{.name = "line",
	 .parser = &line_parser,
	 .tcp = {&line_port, 1},
	 .udp = {&line_port, 1},
	 .probe = true},
	{.name = "ask", .parser = &ask_parser, .tcp = {&ask_port, 1}, .port_decides = true},
	{.name = "wait", .parser = &wait_parser, .tcp = {&wait_port, 1}, .port_decides = true},
	{.name = "whole", .parser = &whole_parser, .udp = {&whole_port, 1}},
};

#define N_SOURCES (sizeof(sources) / sizeof(sources[0]))
#define NOBODY    N_SOURCES

struct rig {
	struct frame_stage *f;
	struct batch b;
	struct frame frames[BATCH_RECS_MAX];
	char got[1 << 20]; /* bodies, each followed by '|' */
	size_t len;
};

static void rig_balance(struct rig *r)
{
	static const unsigned cols[] = {FRAME_unclaimed, FRAME_left_alone, FRAME_skipped,
					FRAME_bad};
	for (unsigned i = 0; i <= N_SOURCES; i++) {
		const struct reason *why = frame_reasons(r->f, i)->of;
		assert_int_equal(ledger_imbalance(&frame_ledger, frame_row(r->f, i)), 0);
		for (unsigned c = 0; c < sizeof(cols) / sizeof(cols[0]); c++) {
			uint64_t sum = 0;
			for (unsigned k = 0; k < REASONS_MAX; k++)
				sum += why[k].col == cols[c] ? why[k].bytes : 0;
			assert_int_equal(sum, frame_row(r->f, i)[cols[c]]);
		}
	}
}

static void check_reason(const struct rig *r, unsigned row, unsigned col, const char *text,
			 uint64_t bytes, uint64_t times)
{
	const struct reason *why = frame_reasons(r->f, row)->of;
	while (why->text && (why->col != col || strcmp(why->text, text) != 0))
		why++;
	assert_non_null(why->text);
	assert_int_equal(why->bytes, bytes);
	assert_int_equal(why->times, times);
}

static void keep_frames(struct rig *r, unsigned n_frames)
{
	for (unsigned i = 0; i < n_frames; i++) {
		struct slice body = r->frames[i].body;
		memcpy(r->got + r->len, body.ptr, body.len);
		r->len += body.len;
		r->got[r->len++] = r->frames[i].idx ? '+' : '|';
	}
	r->got[r->len] = '\0';
}

static void rig_feed(struct rig *r, const struct flow_event *ev, unsigned n)
{
	for (unsigned done = 0; done < n;) {
		unsigned n_frames;
		arena_reset(&r->b.arena);
		done += frame_parse(r->f, ev + done, n - done, &r->b, r->frames, &n_frames);
		keep_frames(r, n_frames);
	}
	rig_balance(r); /* in the middle of an event its rest is in no column yet */
}

/* Packet time goes on. Returns the number of bursts that were full. */
static unsigned rig_wake(struct rig *r, uint64_t now_ns)
{
	unsigned n_frames, n_full = 0;
	bool more = true;
	for (; more; n_full += more) {
		arena_reset(&r->b.arena);
		more = frame_wake(r->f, now_ns, &r->b, r->frames, &n_frames);
		keep_frames(r, n_frames);
	}
	rig_balance(r);
	return n_full;
}

static void rig_data(struct rig *r, unsigned dir, const char *text, size_t len)
{
	static uint64_t off[2];
	/* Exactly as long as it is, for ASan. */
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	struct flow_event ev = {.kind = FLOW_DATA,
				.dir = (uint8_t)dir,
				.data = slice_of(copy, len),
				.stream_off = off[dir],
				.time_ns = 1};
	off[dir] += len;
	rig_feed(r, &ev, 1);
	free(copy);
}

static void rig_text(struct rig *r, unsigned dir, const char *text)
{
	rig_data(r, dir, text, strlen(text));
}

static void rig_gap(struct rig *r, uint64_t bytes)
{
	struct flow_event ev = {.kind = FLOW_GAP, .gap_bytes = bytes};
	rig_feed(r, &ev, 1);
}

static void rig_end(struct rig *r)
{
	struct flow_event ev = {.kind = FLOW_END};
	rig_feed(r, &ev, 1);
	for (unsigned i = 0; i <= N_SOURCES; i++)
		assert_int_equal(frame_row(r->f, i)[FRAME_in_flight], 0);
}

static struct rig *rig_new(uint16_t port, size_t bytes_max, size_t carry_max)
{
	struct frame_conf conf = {
		.bytes_max = bytes_max, .carry_bytes_max = carry_max, .probe_bytes_max = 64};
	struct rig *r = calloc(1, sizeof(*r));
	struct err e;
	sessions[0] = (struct flow_session){
		.port = {40000, port}, .proto = 6, .from_start = true, .id = 77};
	sessions[1] = (struct flow_session){.port = {40000, port}, .proto = 17, .from_start = true};
	assert_int_equal(arena_init(&r->b.arena, 1 << 24), 0);
	assert_int_equal(frame_create(&conf, sources, N_SOURCES, NULL, &r->f, &e), 0);
	return r;
}

static void rig_free(struct rig *r)
{
	frame_destroy(r->f);
	arena_fini(&r->b.arena);
	free(r);
}

static uint64_t cell(const struct rig *r, unsigned source, unsigned col)
{
	return frame_row(r->f, source)[col];
}

static void lines_are_the_same_however_they_are_cut(void **st)
{
	static char text[20000], want[20000];
	size_t len = 0;
	uint32_t seed = 1;
	(void)st;
	while (len < sizeof(text) - 1500) {
		seed = seed * 1664525 + 1013904223;
		size_t n = seed >> 30 ? seed >> 25 : seed >> 22;
		for (size_t i = 0; i < n; i++)
			text[len + i] = (char)('a' + (len + i + n) % 26);
		len += n;
		text[len++] = '\n';
	}
	for (size_t i = 0; i < len; i++)
		want[i] = text[i] == '\n' ? '|' : text[i];
	for (unsigned round = 0; round < 60; round++) {
		struct rig *r = rig_new(514, 1 << 20, 1 << 22);
		for (size_t at = 0; at < len;) {
			seed = seed * 1664525 + 1013904223;
			size_t n = round == 0 ? 1 : 1 + (seed >> 16) % (round * 40);
			n = n > len - at ? len - at : n;
			rig_data(r, 0, text + at, n);
			at += n;
		}
		assert_int_equal(r->len, len);
		assert_memory_equal(r->got, want, len);
		rig_end(r);
		assert_int_equal(cell(r, 0, FRAME_bytes_framed), len);
		rig_free(r);
	}
}

static void a_frame_that_the_burst_refused_leaves_with_its_own_event(void **st)
{
	struct rig *r = rig_new(514, 1 << 20, 1 << 22);
	static char x[140000];
	(void)st;
	memset(x, 'x', sizeof(x));
	rig_data(r, 0, x, sizeof(x));
	/* A burst that holds a frame already has no room for the long line that ends in the second
	 * event. */
	const struct flow_event ev[] = {
		{.kind = FLOW_DATA, .session = 1, .datagram = true, .data = SLICE_LIT("first\n")},
		{.kind = FLOW_DATA, .data = SLICE_LIT("\n"), .stream_off = sizeof(x)},
	};
	rig_feed(r, ev, 2);
	assert_int_equal(cell(r, 0, FRAME_frames), 2);
	assert_int_equal(cell(r, 0, FRAME_in_flight), 0);
	rig_end(r);
	rig_free(r);
}

static void halves_around_a_gap_are_never_joined(void **st)
{
	struct rig *r = rig_new(514, 1 << 20, 1 << 22);
	(void)st;
	rig_text(r, 0, "one\ntw");
	rig_gap(r, 100);
	rig_text(r, 0, "ee\nfour\n");
	rig_end(r);
	assert_string_equal(r->got, "one|four|");
	assert_int_equal(cell(r, 0, FRAME_incomplete), 2);
	assert_int_equal(cell(r, 0, FRAME_skipped), 3);
	assert_int_equal(cell(r, 0, FRAME_gap_bytes), 100);
	check_reason(r, 0, FRAME_skipped, "half a line", 3, 0);
	rig_free(r);
}

static void a_gap_before_the_first_bytes_is_one_of_the_source_that_claims(void **st)
{
	struct rig *r = rig_new(514, 1 << 20, 1 << 22);
	(void)st;
	rig_gap(r, 100);
	assert_int_equal(cell(r, NOBODY, FRAME_gap_bytes), 0);
	rig_text(r, 0, "half\nwhole\n");
	rig_end(r);
	assert_int_equal(cell(r, 0, FRAME_gaps), 1);
	assert_int_equal(cell(r, 0, FRAME_gap_bytes), 100);
	rig_free(r);
}

static void a_line_without_end_is_given_up_and_the_next_one_found(void **st)
{
	struct rig *r = rig_new(514, 4096, 1 << 22);
	char x[3000];
	(void)st;
	memset(x, 'x', sizeof(x));
	rig_text(r, 0, "one\n");
	for (int i = 0; i < 100; i++)
		rig_data(r, 0, x, sizeof(x));
	rig_text(r, 0, "tail\nnext\n");
	rig_end(r);
	assert_string_equal(r->got, "one|next|");
	assert_true(cell(r, 0, FRAME_too_long) + cell(r, 0, FRAME_skipped) == 300005);
	rig_free(r);
}

static void a_session_on_its_port_is_claimed_once_the_first_bytes_agree(void **st)
{
	struct rig *r = rig_new(514, 1 << 20, 1 << 22);
	(void)st;
	rig_text(r, 1, "banner of the server\n");
	rig_text(r, 0, "h");
	assert_int_equal(cell(r, NOBODY, FRAME_in_flight), 1);
	rig_text(r, 0, "ello\n");
	rig_end(r);
	assert_string_equal(r->got, "hello|");
	assert_int_equal(cell(r, NOBODY, FRAME_unclaimed), 21);
	assert_int_equal(cell(r, 0, FRAME_bytes_in), 6);
	rig_free(r);
}

static void other_ports_are_claimed_only_when_the_probe_is_sure(void **st)
{
	struct rig *r = rig_new(9999, 1 << 20, 1 << 22);
	(void)st;
	rig_text(r, 0, "maybe\n");
	rig_text(r, 0, "more\n");
	rig_end(r);
	assert_string_equal(r->got, "");
	assert_int_equal(cell(r, NOBODY, FRAME_unclaimed), 11);
	rig_text(r, 0, "#sure\n");
	rig_end(r);
	assert_string_equal(r->got, "#sure|");
	rig_free(r);
}

static void a_stray_datagram_does_not_spoil_the_next_one(void **st)
{
	struct rig *r = rig_new(514, 1 << 20, 1 << 22);
	(void)st;
	static const char *const texts[] = {"!binary", "good\n", "~not ours\n", "again\n",
					    "cut off"};
	for (size_t i = 0; i < 5; i++) {
		struct flow_event ev = {.kind = FLOW_DATA,
					.session = 1,
					.datagram = true,
					.data = slice_str(texts[i])};
		rig_feed(r, &ev, 1);
	}
	assert_string_equal(r->got, "good|again|");
	assert_int_equal(cell(r, NOBODY, FRAME_unclaimed), 7);
	assert_int_equal(cell(r, 0, FRAME_bad), 10);
	assert_int_equal(cell(r, 0, FRAME_incomplete), 7);
	rig_free(r);
}

static void datagrams_that_are_frames_are_taken_whole_of_either_side_and_in_any_number(void **st)
{
	struct rig *r = rig_new(77, 1 << 20, 1 << 22);
	static struct flow_event ev[BATCH_RECS_MAX + 44];
	unsigned n = sizeof(ev) / sizeof(ev[0]);
	(void)st;
	for (unsigned i = 0; i < n; i++)
		ev[i] = (struct flow_event){.kind = FLOW_DATA,
					    .session = 1,
					    .datagram = true,
					    .dir = i % 2,
					    .time_ns = i,
					    .stream_off = 2 * i,
					    .data = i % 10 ? SLICE_LIT("a.") : SLICE_LIT("..")};
	rig_feed(r, ev, n);
	assert_int_equal(cell(r, 3, FRAME_bytes_in), 2 * n);
	assert_int_equal(cell(r, 3, FRAME_bytes_framed), 2 * n);
	assert_int_equal(cell(r, 3, FRAME_frames), n - n / 10);
	assert_int_equal(r->len, 2 * (n - n / 10));
	const struct frame *last = &r->frames[(n - n / 10) % BATCH_RECS_MAX - 1];
	assert_int_equal(last->time_ns, n - 1);
	assert_int_equal(last->stream_off, 2 * (n - 1));
	assert_int_equal(last->dir, 1);
	assert_int_equal(last->body_kind, BODY_PARSER);
	assert_int_equal(last->session_id, sessions[1].id);
	assert_memory_equal(r->b.arena.base + last->origin_off, "\"_src\"", 6);
	rig_end(r);
	rig_free(r);
}

static void the_first_datagram_of_a_session_that_finds_the_burst_full_is_counted_once(void **st)
{
	struct rig *r = rig_new(77, 1 << 20, 1 << 22);
	static struct flow_event ev[BATCH_RECS_MAX + 2];
	unsigned n = sizeof(ev) / sizeof(ev[0]);
	(void)st;
	sessions[2] = sessions[1];
	for (unsigned i = 0; i < n; i++)
		ev[i] = (struct flow_event){.kind = FLOW_DATA,
					    .session = i < BATCH_RECS_MAX ? 1 : 2,
					    .datagram = true,
					    .data = SLICE_LIT("a.")};
	rig_feed(r, ev, n);
	assert_int_equal(cell(r, 3, FRAME_bytes_in), 2 * n);
	assert_int_equal(cell(r, 3, FRAME_frames), n);
	rig_free(r);
}

static void what_a_parser_is_told_is_told_anew_each_time(void **st)
{
	struct flow_session s = {0};
	struct frame_session *fs = mem_alloc(sizeof(*fs));
	const struct flow_event ev = {.peer_seen = true};
	struct parse_in in;
	(void)st;
	memset(&in, 1, sizeof(in));
	frame_fill_in(&s, fs, &ev, &in);
	assert_false(in.datagram || in.after_gap || in.before_gap || in.no_room || in.end ||
		     in.closed || in.one_sided);
	mem_free(fs);
}

static void a_datagram_cut_by_the_snap_length_is_a_frame_that_says_so(void **st)
{
	struct rig *r = rig_new(77, 1 << 20, 1 << 22);
	struct flow_event ev[] = {
		{.kind = FLOW_DATA, .session = 1, .datagram = true, .data = SLICE_LIT("one")},
		{.kind = FLOW_DATA, .session = 1, .datagram = true, .data = SLICE_LIT("two")},
		{.kind = FLOW_GAP,
		 .session = 1,
		 .datagram = true,
		 .gap_bytes = 5,
		 .reason = FLOW_GAP_SNAPLEN},
		{.kind = FLOW_DATA, .session = 1, .datagram = true, .data = SLICE_LIT("six")},
	};
	(void)st;
	rig_feed(r, ev, 4);
	assert_string_equal(r->got, "one|two|six|");
	assert_false(r->frames[0].cut);
	assert_true(r->frames[1].cut);
	assert_false(r->frames[2].cut);
	assert_int_equal(cell(r, 3, FRAME_gap_bytes), 5);
	rig_free(r);
}

static void questions_wait_for_their_answers(void **st)
{
	struct rig *r = rig_new(80, 1 << 20, 1 << 22);
	(void)st;
	rig_text(r, 0, "abc");
	assert_string_equal(r->got, "");
	rig_text(r, 1, "1");
	assert_string_equal(r->got, "a+");
	rig_text(r, 1, "23");
	assert_string_equal(r->got, "a+b+c+");
	rig_text(r, 0, "de");
	rig_end(r);
	assert_string_equal(r->got, "a+b+c+d|e|");
	rig_free(r);
}

static void what_is_complete_leaves_before_memory_runs_out(void **st)
{
	struct rig *r = rig_new(80, 1024, 1 << 22);
	char q[700];
	(void)st;
	memset(q, 'q', sizeof(q));
	rig_data(r, 0, q, sizeof(q));
	rig_data(r, 0, q, sizeof(q));
	rig_end(r);
	assert_int_equal(cell(r, 1, FRAME_frames), 1400);
	assert_int_equal(cell(r, 1, FRAME_too_long), 0);
	rig_free(r);
}

static void a_session_that_stops_to_be_of_the_protocol_is_left_alone(void **st)
{
	struct rig *r = rig_new(514, 1 << 20, 1 << 22);
	(void)st;
	rig_text(r, 0, "one\n~other\n");
	rig_text(r, 0, "two\n");
	rig_end(r);
	assert_string_equal(r->got, "one|");
	assert_int_equal(cell(r, 0, FRAME_bad), 11);
	check_reason(r, 0, FRAME_bad, "a tilde", 11, 1);
	rig_free(r);
}

static void bytes_behind_the_end_of_a_claim_are_counted_when_the_burst_was_full(void **st)
{
	struct rig *r = rig_new(514, 1 << 20, 1 << 22);
	static char x[8192];
	(void)st;
	rig_text(r, 0, "half");
	/* A burst that is full already refuses the joined line; the end is found on return. */
	memset(x, '\n', 256);
	memcpy(x + 256, "\n~", 2);
	memset(x + 258, 'z', 6000);
	const struct flow_event ev[] = {
		{.kind = FLOW_DATA, .session = 1, .datagram = true, .data = slice_of(x, 256)},
		{.kind = FLOW_DATA, .data = slice_of(x + 256, 6002), .stream_off = 4},
	};
	rig_feed(r, ev, 2);
	rig_end(r);
	assert_int_equal(cell(r, 0, FRAME_frames), 257);
	assert_int_equal(cell(r, 0, FRAME_bad), 6001);
	rig_free(r);
}

static void what_waits_for_an_end_has_the_time_of_its_own_last_packet(void **st)
{
	struct rig *r = rig_new(80, 1 << 20, 1 << 22);
	(void)st;
	const struct flow_event ev[] = {
		{.kind = FLOW_DATA, .data = SLICE_LIT("a"), .time_ns = 5},
		{.kind = FLOW_DATA, .data = SLICE_LIT("b"), .time_ns = 7, .stream_off = 1},
		{.kind = FLOW_END, .time_ns = 3600000000000, .reason = FLOW_END_IDLE},
	};
	rig_feed(r, ev, 3);
	assert_string_equal(r->got, "a|b|");
	assert_int_equal(r->frames[0].time_ns, 7);
	assert_int_equal(r->frames[1].time_ns, 7);
	rig_free(r);
}

static void a_pool_that_is_full_drops_by_name(void **st)
{
	struct rig *r = rig_new(514, 1 << 20, 2048);
	char x[3000];
	(void)st;
	memset(x, 'x', sizeof(x));
	rig_data(r, 0, x, sizeof(x));
	rig_text(r, 0, "y\nnext\n");
	rig_end(r);
	assert_string_equal(r->got, "next|");
	assert_int_equal(cell(r, 0, FRAME_no_memory), 3000);
	rig_free(r);
}

static void first_bytes_that_find_no_room_are_lost_and_not_left_out(void **st)
{
	struct rig *r = rig_new(514, 1 << 20, 2048);
	char x[3000];
	(void)st;
	memset(x, 'x', sizeof(x));
	rig_text(r, 0, "h"); /* not enough to claim */
	rig_data(r, 0, x, sizeof(x));
	rig_text(r, 0, "hello\n");
	rig_end(r);
	assert_string_equal(r->got, "");
	assert_int_equal(cell(r, NOBODY, FRAME_no_memory), 3007);
	assert_int_equal(cell(r, NOBODY, FRAME_unclaimed), 0);
	rig_free(r);
}

static void carried_bytes_survive_any_order_of_append_and_consume(void **st)
{
	struct carry_pool *p;
	struct carry c = {0};
	uint8_t model[1 << 14];
	size_t len = 0;
	uint32_t seed = 7;
	(void)st;
	assert_int_equal(carry_create(1 << 20, 1 << 15, &p), 0);
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1664525 + 1013904223;
		size_t n = (seed >> 12) % 300;
		uint8_t bytes[300];
		memset(bytes, (int)(seed >> 24), sizeof(bytes));
		if (seed & 1024 && len + n < sizeof(model)) {
			assert_true(carry_append(p, &c, bytes, n));
			memcpy(model + len, bytes, n);
			len += n;
		} else {
			n = n > len ? len : n;
			carry_consume(p, &c, n);
			memmove(model, model + n, len -= n);
		}
		assert_int_equal(c.len, len);
		assert_memory_equal(carry_bytes(&c).ptr ? carry_bytes(&c).ptr : model, model, len);
	}
	carry_clear(p, &c);
	carry_destroy(p);
}

/* A parser that takes long things in parts keeps a byte of them: it finds room whatever others
 * keep. */
static void a_few_bytes_are_carried_when_all_memory_is_taken(void **st)
{
	static const uint8_t bytes[4096] = "abcdefghijk";
	struct carry_pool *p;
	struct carry all[256] = {0}, few = {0};
	unsigned n = 0;
	(void)st;
	assert_int_equal(carry_create(4096, 4096, &p), 0);
	while (n < 256 && carry_append(p, &all[n], bytes, 64))
		n++;
	assert_true(n < 256);
	assert_true(carry_append(p, &few, bytes, CARRY_FEW - 2));
	carry_consume(p, &few, 2);
	assert_true(carry_append(p, &few, bytes + CARRY_FEW - 2, 4));
	assert_false(carry_append(p, &few, bytes, 1));
	assert_true(slice_eq(carry_bytes(&few), slice_of(bytes + 2, CARRY_FEW)));
	while (n > 0)
		carry_clear(p, &all[--n]);
	assert_true(carry_append(p, &few, bytes + CARRY_FEW + 2, 100)); /* and goes on in a block */
	assert_true(slice_eq(carry_bytes(&few), slice_of(bytes + 2, CARRY_FEW + 100)));
	carry_consume(p, &few, few.len);
	assert_true(few.block == NULL && few.at == 0);
	carry_destroy(p);
}

static void a_session_in_the_place_of_another_has_its_own_addresses(void **st)
{
	struct rig *r = rig_new(514, 1 << 20, 1 << 22);
	const struct flow_event ev[] = {
		{.kind = FLOW_DATA, .session = 1, .datagram = true, .data = SLICE_LIT("x\n")},
		{.kind = FLOW_END, .session = 1},
	};
	static const char want[] = "\"_src\":\"[::]:7\",\"_dst\":\"[::]:514\"";
	(void)st;
	rig_feed(r, ev, 2);
	sessions[1].port[0] = 7;
	rig_feed(r, ev, 2);
	assert_int_equal(r->frames[0].origin_len, sizeof(want) - 1);
	assert_memory_equal(r->b.arena.base + r->frames[0].origin_off, want, sizeof(want) - 1);
	rig_free(r);
}

static void a_parser_is_called_when_its_time_comes_though_no_byte_does(void **st)
{
	struct rig *r = rig_new(99, 1 << 20, 1 << 22);
	(void)st;
	rig_text(r, 0, "ab");
	assert_int_equal(rig_wake(r, WAIT_NS), 0);
	assert_string_equal(r->got, "");
	assert_int_equal(cell(r, 2, FRAME_in_flight), 2);
	rig_wake(r, WAIT_NS + 4000000000u);
	assert_string_equal(r->got, "a|b|");
	assert_int_equal(r->frames[0].time_ns, 1 + WAIT_NS); /* not when it was found out */
	rig_wake(r, 5 * (uint64_t)WAIT_NS);
	rig_end(r);
	assert_string_equal(r->got, "a|b|");
	rig_free(r);
}

static void a_burst_that_is_full_is_gone_on_with_after_its_time_came(void **st)
{
	struct rig *r = rig_new(99, 1 << 20, 1 << 22);
	static char x[3 * BATCH_RECS_MAX];
	(void)st;
	memset(x, 'x', sizeof(x));
	rig_data(r, 0, x, sizeof(x));
	assert_int_equal(rig_wake(r, 2 * (uint64_t)WAIT_NS), 2);
	assert_int_equal(cell(r, 2, FRAME_frames), sizeof(x));
	rig_end(r);
	rig_free(r);
}

static void a_session_that_ended_is_not_called(void **st)
{
	struct rig *r = rig_new(99, 1 << 20, 1 << 22);
	(void)st;
	rig_text(r, 0, "ab");
	rig_end(r);
	size_t len = r->len;
	rig_wake(r, 2 * (uint64_t)WAIT_NS);
	assert_int_equal(r->len, len);
	rig_free(r);
}

static void what_nobody_claims_is_told_by_name(void **st)
{
	struct rig *r = rig_new(9999, 1 << 20, 1 << 22);
	(void)st;
	rig_text(r, 0, "\x16\x03\x01 hello of TLS");
	rig_text(r, 0, "and what follows");
	rig_end(r);
	check_reason(r, NOBODY, FRAME_unclaimed, "TLS", 16 + 16, 1);
	rig_text(r, 0, "\x1f\x8b\x08 gzip");
	rig_end(r);
	check_reason(r, NOBODY, FRAME_unclaimed, "compressed as a whole: gzip", 8, 1);
	rig_text(r, 0, "what may this be?");
	struct frame_look l;
	frame_look(r->f, 0, &l);
	assert_int_equal(l.claim, FRAME_NOBODYS);
	assert_string_equal(l.why, "no source knows its first bytes");
	rig_end(r);
	check_reason(r, NOBODY, FRAME_unclaimed, "no source knows its first bytes", 17, 1);
	rig_free(r);
}

static void check_look(const struct rig *r, enum frame_claim claim, uint64_t gaps, uint64_t bytes)
{
	struct frame_look l;
	frame_look(r->f, 0, &l);
	assert_int_equal(l.claim, claim);
	assert_int_equal(l.gaps, gaps);
	assert_int_equal(l.gap_bytes, bytes);
	assert_true(!l.why == (claim == FRAME_UNDECIDED || claim == FRAME_READ));
}

static void who_looks_sees_what_became_of_a_claim_and_every_gap(void **state)
{
	struct rig *r = rig_new(514, 4096, 1 << 20);
	check_look(r, FRAME_UNDECIDED, 0, 0);
	rig_gap(r, 5);
	rig_text(r, 0, "o");
	check_look(r, FRAME_UNDECIDED, 1, 5);
	rig_text(r, 0, "ne\ntwo\n");
	check_look(r, FRAME_READ, 1, 5);
	rig_gap(r, 7);
	check_look(r, FRAME_READ, 2, 12);
	rig_text(r, 0, "three\n~");
	check_look(r, FRAME_BROKEN, 2, 12);
	rig_gap(r, 1); /* of what nobody reads any more too */
	check_look(r, FRAME_BROKEN, 3, 13);
	rig_end(r);
	check_look(r, FRAME_UNDECIDED, 0, 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_the_same_however_they_are_cut),
		cmocka_unit_test(a_frame_that_the_burst_refused_leaves_with_its_own_event),
		cmocka_unit_test(halves_around_a_gap_are_never_joined),
		cmocka_unit_test(a_gap_before_the_first_bytes_is_one_of_the_source_that_claims),
		cmocka_unit_test(a_line_without_end_is_given_up_and_the_next_one_found),
		cmocka_unit_test(a_session_on_its_port_is_claimed_once_the_first_bytes_agree),
		cmocka_unit_test(other_ports_are_claimed_only_when_the_probe_is_sure),
		cmocka_unit_test(a_stray_datagram_does_not_spoil_the_next_one),
		cmocka_unit_test(
			datagrams_that_are_frames_are_taken_whole_of_either_side_and_in_any_number),
		cmocka_unit_test(a_datagram_cut_by_the_snap_length_is_a_frame_that_says_so),
		cmocka_unit_test(questions_wait_for_their_answers),
		cmocka_unit_test(what_is_complete_leaves_before_memory_runs_out),
		cmocka_unit_test(a_session_that_stops_to_be_of_the_protocol_is_left_alone),
		cmocka_unit_test(
			bytes_behind_the_end_of_a_claim_are_counted_when_the_burst_was_full),
		cmocka_unit_test(what_waits_for_an_end_has_the_time_of_its_own_last_packet),
		cmocka_unit_test(a_pool_that_is_full_drops_by_name),
		cmocka_unit_test(first_bytes_that_find_no_room_are_lost_and_not_left_out),
		cmocka_unit_test(a_few_bytes_are_carried_when_all_memory_is_taken),
		cmocka_unit_test(
			the_first_datagram_of_a_session_that_finds_the_burst_full_is_counted_once),
		cmocka_unit_test(what_a_parser_is_told_is_told_anew_each_time),
		cmocka_unit_test(carried_bytes_survive_any_order_of_append_and_consume),
		cmocka_unit_test(a_parser_is_called_when_its_time_comes_though_no_byte_does),
		cmocka_unit_test(a_burst_that_is_full_is_gone_on_with_after_its_time_came),
		cmocka_unit_test(a_session_that_ended_is_not_called),
		cmocka_unit_test(what_nobody_claims_is_told_by_name),
		cmocka_unit_test(a_session_in_the_place_of_another_has_its_own_addresses),
		cmocka_unit_test(who_looks_sees_what_became_of_a_claim_and_every_gap),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	line_parser.lays_down = BODY_TEXT; /* all of it holds for streams that are laid down, too */
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
