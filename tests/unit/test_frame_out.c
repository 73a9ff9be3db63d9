#include "tests/unit/unit.h"

#include "dataplane/frame/frame_out.h"

#define N_FRAMES 4

static struct frame_out out;
static struct batch batch;
static struct frame frames[N_FRAMES];

static int set_up(void **state)
{
	if (frame_out_init(&out, 4096) < 0 || arena_init(&batch.arena, 1 << 20) < 0)
		return -1;
	frame_out_begin(&out, &batch, frames, N_FRAMES);
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&batch.arena);
	frame_out_fini(&out);
	return 0;
}

static bool put(struct slice bytes)
{
	return frame_put(&out, &(struct frame_desc){.bytes = bytes, .body = bytes});
}

static void a_frame_is_a_copy_with_its_body_inside(void **state)
{
	char text[] = "12 <34>hello";
	struct frame_desc d = {.bytes = slice_str(text), .body = slice_of(text + 3, 9), .idx = 7};
	out.time_ns = 5;
	assert_true(frame_put(&out, &d));
	memset(text, 'x', sizeof(text));
	assert_memory_equal(frames[0].bytes.ptr, "12 <34>hello", 12);
	assert_ptr_equal(frames[0].body.ptr, frames[0].bytes.ptr + 3);
	assert_int_equal(frames[0].body.len, 9);
	assert_int_equal(frames[0].idx, 7);
	assert_int_equal(frames[0].time_ns, 5);
	d.time_ns = 9;
	assert_true(frame_put(&out, &d));
	assert_int_equal(frames[1].time_ns, 9); /* the frame's own time wins */
}

static void the_origin_is_copied_once_for_a_burst_and_session(void **state)
{
	static const char origin[64] = "\"_src\":\"a\""; /* padded */
	frame_out_origin(&out, slice_str(origin));
	assert_true(put(SLICE_LIT("one")) && put(SLICE_LIT("two")));
	assert_int_not_equal(frames[0].origin_off, 0);
	assert_int_equal(frames[0].origin_off, frames[1].origin_off);
	assert_int_equal(frames[1].origin_len, out.origin.len);
	assert_memory_equal(batch.arena.base + frames[0].origin_off, out.origin.ptr,
			    out.origin.len);
}

/* Field by field what frame_put makes of the same. */
static void frames_that_are_alike_are_what_each_would_be_alone(void **state)
{
	static const char origin[64] = "\"_src\":\"a\""; /* padded */
	static const char text[] = "rows of one event";
	struct frame_desc d = {.stream_off = 77,
			       .time_ns = 9,
			       .body_kind = BODY_PARSER,
			       .identity = 5,
			       .idx = 3,
			       .aux = text};
	out.session = 4;
	frame_out_origin(&out, slice_str(origin));
	d.bytes = d.body = slice_str(text);
	assert_true(frame_put(&out, &d));
	struct frame_run run = frame_run_begin(&out, &d);
	struct frame_block block;
	assert_true(frame_block(&out, run.next, SLICE_LIT("head"), d.bytes, 0, &block));
	struct slice copy = slice_of(block.at, block.len);
	assert_true(slice_eq(copy, d.bytes) && block.from == d.bytes.ptr);
	assert_memory_equal(batch.arena.base + block.head_off, "head", 4);
	assert_true(frame_run_put(&run, copy, 3, text));
	assert_true(frame_run_put(&run, slice_of(copy.ptr, 4), 6, &d));
	const struct frame *a = &frames[0], *b = &frames[1], *c = &frames[2];
	assert_true(slice_eq(b->bytes, a->bytes) && b->bytes.ptr != a->bytes.ptr);
	assert_ptr_equal(b->body.ptr, b->bytes.ptr);
	assert_true(b->time_ns == 9 && b->stream_off == 77 && b->session_id == 5 && b->idx == 3);
	assert_true(b->aux == text && b->body_kind == BODY_PARSER && b->dir == a->dir);
	assert_true(b->origin_off == a->origin_off && b->origin_len == a->origin_len);
	assert_true(b->session == 4 && b->source == a->source && b->cut == a->cut && !b->unparsed);
	assert_true(slice_eq(c->body, SLICE_LIT("rows")) && c->idx == 6 && c->aux == &d);
	assert_true(frame_run_put(&run, copy, 0, NULL));
	assert_false(frame_run_put(&run, copy, 0, NULL)); /* the burst is full */
	frame_run_end(&out, run.next, true);
	assert_true(out.full && out.n == N_FRAMES);
}

/* Rows of a few bytes fill a burst long before the event they are of ends: what was copied of it
 * then is copied again.
 */
static void a_block_is_no_longer_than_is_good_but_for_one_long_frame(void **state)
{
	static uint8_t large[FRAME_BURST_BYTES];
	struct frame_desc d = {.body_kind = BODY_PARSER};
	struct frame_run run = frame_run_begin(&out, &d);
	struct frame_block block;
	struct slice none = {0}, bytes = slice_of(large, sizeof(large));
	assert_true(frame_block(&out, run.next, none, bytes, 5, &block));
	assert_int_equal(block.len, FRAME_BLOCK_BYTES);
	assert_true(frame_block(&out, run.next, none, slice_of(large, 7), 5, &block));
	assert_int_equal(block.len, 7);
	assert_true(frame_block(&out, run.next, none, bytes, 20000, &block));
	assert_int_equal(block.len, 20000);
	assert_true(frame_run_put(&run, slice_of(block.at, 20000), 0, NULL));
	size_t used = batch.arena.used;
	assert_false(frame_block(&out, run.next, none, bytes, 120000, &block));
	assert_true(out.n == 1 && batch.arena.used == used && block.len == 20000);
}

/* Of what waited and what came: as frame_put makes them, but where they stand. */
static void frames_of_what_was_laid_down_stand_where_it_is(void **state)
{
	static const char origin[64] = "\"_src\":\"a\""; /* padded */
	static const struct parser lines = {.lays_down = BODY_TEXT};
	struct slice whole = SLICE_LIT("first\nnext\nha");
	struct frame_desc d = {.body_kind = BODY_TEXT, .stream_off = 70};
	out.time_ns = 9;
	out.session = 4;
	frame_out_origin(&out, slice_str(origin));
	d.bytes = d.body = SLICE_LIT("next");
	assert_true(frame_put(&out, &d));
	struct slice laid =
		frame_out_lay(&out, &lines, slice_of(whole.ptr, 3), slice_from(whole, 3));
	assert_true(slice_eq(laid, whole) && out.ends.n == 2 && out.ends.at[1] == 10);
	struct frame_run run = frame_lines_begin(&out);
	assert_true(frame_line_put(&run, slice_of(laid.ptr + 6, 4), 70));
	frame_run_end(&out, run.next, false);
	size_t used = batch.arena.used;
	d.bytes = d.body = slice_of(laid.ptr, 5);
	assert_true(frame_put(&out, &d) && frame_put_whole(&out, d.bytes, 1, false));
	assert_int_equal(batch.arena.used, used);
	const struct frame *a = &frames[0], *b = &frames[1];
	assert_true(slice_eq(b->body, a->body) && b->bytes.ptr == laid.ptr + 6);
	assert_true(b->time_ns == 9 && b->stream_off == 70 && b->session == 4 && !b->unparsed);
	assert_true(b->body_kind == BODY_TEXT && !b->aux && !b->idx && !b->cut);
	assert_true(b->origin_off == a->origin_off && b->origin_len == a->origin_len);
	assert_true(frames[2].body.ptr == laid.ptr && frames[3].body.ptr == laid.ptr);
	assert_false(frame_put(&out, &d) || frame_put_whole(&out, d.bytes, 1, false));
	frame_out_laid(&out, 11);
	assert_int_equal(batch.arena.used, used - 2); /* the half line is given back */
	assert_null(frame_out_lay(&out, &lines, whole, whole).ptr);
}

static void a_burst_ends_with_its_frames(void **state)
{
	for (unsigned i = 0; i < N_FRAMES; i++)
		assert_true(put(SLICE_LIT("x")));
	assert_false(put(SLICE_LIT("x")));
	assert_true(out.full);
	assert_int_equal(out.n, N_FRAMES);
}

static void a_burst_ends_with_its_bytes_but_one_frame_may_be_larger(void **state)
{
	static uint8_t large[FRAME_BURST_BYTES + 1];
	assert_true(put(slice_of(large, sizeof(large))));
	assert_false(put(SLICE_LIT("x")));
	assert_true(out.full);
}

static void a_frame_that_the_arena_cannot_hold_is_refused_and_takes_nothing(void **state)
{
	arena_take(&batch.arena, arena_left(&batch.arena) - SL_PAD);
	size_t used = batch.arena.used;
	assert_false(put(SLICE_LIT("x")));
	assert_int_equal(batch.arena.used, used);
	assert_int_equal(out.n, 0);
}

static void scratch_ends_at_its_limit(void **state)
{
	uint8_t *a = frame_scratch(&out, 1000);
	assert_non_null(a);
	memset(a, 0xff, 1000 + SL_PAD);
	assert_int_equal((uintptr_t)a % 8, 0);
	assert_null(frame_scratch(&out, frame_scratch_max(&out)));
	arena_reset(&out.scratch);
	assert_non_null(frame_scratch(&out, frame_scratch_max(&out) - SL_PAD));
	assert_int_equal(frame_bytes_max(&out), 4096);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_is_a_copy_with_its_body_inside),
		TEST(the_origin_is_copied_once_for_a_burst_and_session),
		TEST(frames_that_are_alike_are_what_each_would_be_alone),
		TEST(a_block_is_no_longer_than_is_good_but_for_one_long_frame),
		TEST(frames_of_what_was_laid_down_stand_where_it_is),
		TEST(a_burst_ends_with_its_frames),
		TEST(a_burst_ends_with_its_bytes_but_one_frame_may_be_larger),
		TEST(a_frame_that_the_arena_cannot_hold_is_refused_and_takes_nothing),
		TEST(scratch_ends_at_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
