/* Sessions over a reload of sources: who keeps them, who gets them, and what is in the rows then.
 */
#include "tests/unit/unit.h"

#include "dataplane/frame/frame.h"
#include "tests/unit/flow_stand.h"

/* --- A parser of words that end with a dot. A star keeps them back until the end. ------------- */

struct word_state {
	bool begun, resync;
};

static enum probe word_probe(const void *conf, const struct parse_in *in)
{
	(void)conf;
	return in->data.len && in->data.ptr[0] != '?' ? PROBE_YES : PROBE_NO;
}

static struct parse_result word_parse(void *state, const void *conf, const struct parse_in *in,
				      struct frame_out *out)
{
	struct word_state *s = state;
	struct parse_result r = {.status = PARSE_MORE, .needed = 1};
	(void)conf;
	s->resync |= !s->begun && in->after_gap;
	s->begun = true;
	bool waits = in->data.len && in->data.ptr[0] == '*' && !in->end;
	while (!waits && r.consumed < in->data.len) {
		struct slice rest = slice_from(in->data, r.consumed);
		const uint8_t *dot = memchr(rest.ptr, '.', rest.len);
		struct slice word = slice_of(rest.ptr, dot ? (size_t)(dot - rest.ptr) + 1 : 0);
		struct frame_desc d = {.bytes = word, .body = word};
		if (!dot)
			break;
		if (s->resync) {
			r.skipped += word.len;
			r.why = "half a word";
		} else if (!frame_put(out, &d)) {
			r.status = PARSE_OK;
			return r;
		}
		s->resync = false;
		r.consumed += word.len;
	}
	if (waits)
		r.needed = in->data.len + 1;
	return r;
}

static struct slice word_datagram(struct slice data)
{
	return data;
}

static const struct parser words = {.name = "words",
				    .transports = PARSER_TCP | PARSER_UDP,
				    .state_size = sizeof(struct word_state),
				    .probe = word_probe,
				    .parse = word_parse,
				    .datagram = word_datagram};

/* --- The stage, and what comes of it: `A<word.`, by the source's number. -----------------------
 */

static struct opt_port_range p1 = {1, 1}, p2 = {2, 2};
static struct frame_stage *f;
static struct batch b;
static struct frame frames[BATCH_RECS_MAX];
static char got[1 << 16];
static size_t len;
static uint64_t off[FLOW_STANDS];
static struct frame_left left; /* of the one source that is gone, or all NULL */

static struct frame_source on(const char *name, struct opt_port_range *port, uint32_t goes_on)
{
	return (struct frame_source){.name = name,
				     .parser = &words,
				     .tcp = {port, port != NULL},
				     .udp = {port, port != NULL},
				     .goes_on = goes_on};
}

static void keep(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		got[len++] = (char)('A' + frames[i].source);
		memcpy(got + len, frames[i].body.ptr, frames[i].body.len);
		len += frames[i].body.len;
	}
	got[len] = '\0';
}

static void check_got(const char *want)
{
	assert_string_equal(got, want);
	len = 0;
	got[0] = '\0';
}

static void feed(const struct flow_event *ev)
{
	for (unsigned done = 0, n; done < 1; keep(n)) {
		arena_reset(&b.arena);
		done = frame_parse(f, ev, 1, &b, frames, &n);
	}
}

static void text(uint32_t session, const char *t)
{
	struct flow_event ev = {.kind = FLOW_DATA,
				.session = session,
				.data = slice_str(t),
				.stream_off = off[session],
				.datagram = sessions[session].proto == 17};
	off[session] += ev.data.len;
	feed(&ev);
}

static void end(uint32_t session)
{
	struct flow_event ev = {.kind = FLOW_END, .session = session};
	feed(&ev);
	sessions[session].proto = 0;
}

static void balance(unsigned n)
{
	for (unsigned i = 0; i <= n; i++)
		assert_int_equal(ledger_imbalance(&frame_ledger, frame_row(f, i)), 0);
}

static void leave(const struct frame_table *t)
{
	unsigned n;
	for (bool more = true; more; keep(n)) {
		arena_reset(&b.arena);
		more = frame_leave(f, t, &b, frames, &n);
	}
}

static uint64_t left_row[FRAME_N_COLS];

static void settle(struct frame_table *t, unsigned n_before, unsigned n_now)
{
	unsigned n;
	frame_exchange(f, &t);
	for (bool more = true; more; keep(n)) {
		arena_reset(&b.arena);
		more = frame_settle(f, &b, frames, &n);
	}
	memset(left_row, 0, sizeof(left_row));
	for (unsigned i = 0; i < n_before; i++) {
		if (!frame_table_left(t, i, &left))
			continue;
		memcpy(left_row, left.row, sizeof(left_row));
		assert_int_equal(ledger_imbalance(&frame_ledger, left_row), 0);
		assert_int_equal(left_row[FRAME_in_flight], 0);
	}
	frame_table_destroy(t);
	balance(n_now);
}

static struct frame_table *table(const struct frame_source *sources, unsigned n)
{
	struct err e;
	struct frame_table *t;
	assert_int_equal(frame_table_create(f, sources, n, &t, &e), 0);
	return t;
}

static void reload(const struct frame_source *sources, unsigned n, unsigned n_before)
{
	struct frame_table *t = table(sources, n);
	leave(t);
	settle(t, n_before, n);
}

static struct frame_source first[2];

/* Sessions 1 (TCP, port 1), 2 (TCP, port 2), 3 (UDP, port 1), 4 (TCP, port 3). */
static int set_up(void **state)
{
	static const struct frame_conf conf = {
		.bytes_max = 4096, .carry_bytes_max = 1 << 20, .probe_bytes_max = 64};
	static const uint16_t ports[] = {0, 1, 2, 1, 3};
	struct err e;
	(void)state;
	first[0] = on("a", &p1, 0);
	first[1] = on("b", &p2, 0);
	memset(sessions, 0, sizeof(sessions));
	memset(off, 0, sizeof(off));
	len = 0;
	for (unsigned i = 1; i < 5; i++)
		sessions[i] = (struct flow_session){.port = {40000, ports[i]},
						    .proto = i == 3 ? 17 : 6,
						    .from_start = true,
						    .id = i};
	return arena_init(&b.arena, 1 << 20) < 0 || frame_create(&conf, first, 2, NULL, &f, &e) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	frame_destroy(f);
	arena_fini(&b.arena);
	return 0;
}

static void a_session_whose_source_goes_on_keeps_its_half_frame(void **state)
{
	const struct frame_source next[] = {on("new", &p2, 0), on("a", &p1, 1)};
	(void)state;
	text(1, "one.tw");
	check_got("Aone.");
	reload(next, 2, 2);
	text(1, "o.");
	check_got("Btwo.");
	assert_int_equal(frame_row(f, 1)[FRAME_bytes_framed], 8);
	assert_int_equal(frame_row(f, 1)[FRAME_sessions_moved], 0);
}

static void what_a_source_holds_that_is_removed_ends_as_at_the_end_of_its_session(void **state)
{
	const struct frame_source next[] = {on("b", &p2, 2)};
	(void)state;
	text(1, "*kept.back.ha");
	reload(next, 1, 2);
	check_got("A*kept.Aback."); /* by what was there before, whose number it has */
	assert_int_equal(left_row[FRAME_bytes_in], 13);
	assert_int_equal(left_row[FRAME_incomplete], 2);
	text(1, "lf.more.");
	check_got("");
	assert_int_equal(frame_row(f, 1)[FRAME_unclaimed], 8);
}

static void a_session_goes_to_the_source_that_has_its_port_now_and_finds_a_frame(void **state)
{
	const struct frame_source next[] = {on("a", &p2, 1), on("b", &p1, 2)};
	(void)state;
	text(1, "one.tw");
	text(2, "eins.");
	reload(next, 2, 2);
	check_got("Aone.Beins.");
	text(1, "o.three.");
	text(2, "zwei.drei.");
	check_got("Bthree.Adrei.");
	assert_int_equal(frame_row(f, 0)[FRAME_incomplete], 2);
	assert_int_equal(frame_row(f, 0)[FRAME_skipped] + frame_row(f, 1)[FRAME_skipped], 7);
	assert_int_equal(frame_row(f, 0)[FRAME_sessions_moved], 1);
	balance(2);
}

static void what_comes_on_the_way_waits_for_the_source_that_is_to_read_it(void **state)
{
	const struct frame_source next[] = {on("new", &p1, 0), on("b", &p2, 2)};
	struct frame_table *t = table(next, 2);
	(void)state;
	text(1, "one.");
	leave(t);
	text(1, "tw");
	text(1, "o.three.");
	text(3, "datagram.");
	check_got("Aone.Adatagram."); /* which leaves nothing behind */
	settle(t, 2, 2);
	check_got("Athree."); /* of the next one */
	text(1, "four.");
	text(3, "again.");
	check_got("Afour.Aagain.");
	assert_int_equal(left_row[FRAME_bytes_in], 4 + 9);
	assert_int_equal(frame_row(f, 0)[FRAME_bytes_in], 10 + 5 + 6);
}

static void a_session_that_begins_on_the_way_waits_and_loses_nothing(void **state)
{
	const struct frame_source next[] = {on("new", &p1, 0), on("b", &p2, 2)};
	struct frame_table *t = table(next, 2);
	(void)state;
	leave(t);
	text(1, "one.two.");
	text(2, "other.");
	check_got("Bother.");
	settle(t, 2, 2);
	check_got("Aone.Atwo.");
}

static void a_session_that_ends_on_the_way_is_read_by_the_source_it_had(void **state)
{
	const struct frame_source next[] = {on("new", &p1, 0), on("b", &p2, 2)};
	struct frame_table *t = table(next, 2);
	(void)state;
	text(1, "one.tw");
	leave(t);
	text(1, "o.three.");
	end(1);
	check_got("Aone.Athree.");
	settle(t, 2, 2);
	assert_int_equal(left_row[FRAME_incomplete], 2);
	assert_int_equal(left_row[FRAME_skipped], 2);
}

static void a_reload_that_is_given_up_leaves_what_waits_to_the_source_it_had(void **state)
{
	const struct frame_source next[] = {on("new", &p1, 0), on("b", &p2, 2)};
	struct frame_table *t = table(next, 2);
	(void)state;
	text(1, "one.");
	leave(t);
	text(1, "two.");
	frame_stay(f);
	text(1, "three.");
	end(1);
	check_got("Aone.Athree.");
	frame_table_destroy(t);
	balance(2);
}

static void a_new_source_gets_the_sessions_of_its_port_that_nobody_wanted(void **state)
{
	static struct opt_port_range p3 = {3, 3};
	const struct frame_source next[] = {on("a", &p1, 1), on("b", &p2, 2), on("c", &p3, 0)};
	(void)state;
	text(4, "one.tw");
	text(1, "?not of ours.");
	check_got("");
	reload(next, 3, 2);
	text(4, "o.three.");
	text(1, "still.not.");
	check_got("Cthree."); /* port 1 is asked as it was: nobody is asked twice */
	assert_int_equal(frame_row(f, 2)[FRAME_sessions_moved], 1);
	assert_int_equal(frame_row(f, 2)[FRAME_skipped], 2);
	assert_int_equal(frame_row(f, 3)[FRAME_unclaimed], 6 + 13 + 10);
}

static void a_source_that_goes_on_keeps_its_sessions_from_one_that_is_asked_first(void **state)
{
	const struct frame_source next[] = {on("new", &p1, 0), on("a", &p1, 1), on("b", &p2, 2)};
	(void)state;
	text(1, "one.tw");
	text(3, "datagram.");
	check_got("Aone.Adatagram.");
	reload(next, 3, 2);
	text(1, "o.");
	text(3, "again.");
	check_got("Btwo.Bagain.");
	end(3);
	sessions[3].proto = 17;
	text(3, "a new one.");
	check_got("Aa new one.");
}

static void more_frames_than_a_burst_holds_all_come_out(void **state)
{
	const struct frame_source next[] = {on("new", &p1, 0)};
	struct frame_table *t = table(next, 1);
	static char many[2 * (2 * BATCH_RECS_MAX + 10) + 1];
	(void)state;
	for (unsigned i = 0; i + 2 < sizeof(many); i += 2)
		memcpy(many + i, i ? "x." : "*.", 3);
	text(1, many);
	check_got("");
	leave(t);
	assert_int_equal(len, 3 * (2 * BATCH_RECS_MAX + 10));
	len = 0;
	text(1, "half.");
	text(1, many);
	settle(t, 2, 1);
	assert_int_equal(len, 3 * (2 * BATCH_RECS_MAX + 10));
	assert_int_equal(frame_row(f, 0)[FRAME_skipped], 5);
}

static void reloads_beyond_the_epochs_there_are_change_nothing(void **state)
{
	const struct frame_source next[2][2] = {{on("b", &p2, 1), on("c", &p1, 0)},
						{on("b", &p2, 1), on("d", &p1, 0)}};
	const struct frame_source second[] = {on("b", &p2, 2), on("c", &p1, 0)};
	(void)state;
	text(2, "one.");
	text(3, "x.");
	reload(second, 2, 2);
	for (unsigned i = 0; i < 600; i++) {
		text(2, "tw");
		text(3, "y.");
		reload(next[i % 2], 2, 2);
		text(2, "o.");
	}
	assert_int_equal(frame_row(f, 0)[FRAME_bytes_framed], 4 + 600 * 4);
	assert_int_equal(frame_row(f, 0)[FRAME_sessions], 1);
	assert_int_equal(left_row[FRAME_bytes_framed], 2);
}

#define MOVE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOVE(a_session_whose_source_goes_on_keeps_its_half_frame),
		MOVE(what_a_source_holds_that_is_removed_ends_as_at_the_end_of_its_session),
		MOVE(a_session_goes_to_the_source_that_has_its_port_now_and_finds_a_frame),
		MOVE(what_comes_on_the_way_waits_for_the_source_that_is_to_read_it),
		MOVE(a_session_that_begins_on_the_way_waits_and_loses_nothing),
		MOVE(a_session_that_ends_on_the_way_is_read_by_the_source_it_had),
		MOVE(a_reload_that_is_given_up_leaves_what_waits_to_the_source_it_had),
		MOVE(a_new_source_gets_the_sessions_of_its_port_that_nobody_wanted),
		MOVE(a_source_that_goes_on_keeps_its_sessions_from_one_that_is_asked_first),
		MOVE(more_frames_than_a_burst_holds_all_come_out),
		MOVE(reloads_beyond_the_epochs_there_are_change_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
