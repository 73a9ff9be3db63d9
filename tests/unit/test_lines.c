#include "tests/unit/unit.h"

#include "parsers/parsers.h"
#include "tests/support/parser_run.h"

static struct parser_run run;

static void stream(const char *bytes)
{
	parser_run_data(&run, 0, bytes, strlen(bytes));
}

static void frames_are(size_t n)
{
	assert_string_equal(run.broken, "");
	assert_int_equal(run.n_frames, n);
}

static void body_is(size_t i, const char *want)
{
	assert_true(i < run.n_frames);
	const struct run_frame *f = &run.frames[i];
	if (f->body_len != strlen(want) || memcmp(f->bytes + f->body_off, want, f->body_len) != 0)
		fail_msg("body %zu is '%.*s', not '%s'", i, (int)f->body_len,
			 (char *)f->bytes + f->body_off, want);
	assert_int_equal(f->body_kind, BODY_AUTO);
}

static void lines_end_with_lf_or_crlf_and_empty_ones_are_delimiters(void **state)
{
	stream("{\"a\":1}\r\n\n \t\r\nplain text\n");
	frames_are(2);
	body_is(0, "{\"a\":1}");
	body_is(1, "plain text");
	assert_int_equal(run.frames[1].stream_off, 14);
	assert_int_equal(run.skipped, 0);
}

/* Pain 17. */
static void a_byte_order_mark_is_no_part_of_the_line(void **state)
{
	stream("\xef\xbb\xbf{\"a\":1}\n\xef\xbb\xbf\n");
	frames_are(1);
	body_is(0, "{\"a\":1}");
}

static void blanks_stay_before_text_and_go_before_an_object(void **state)
{
	stream("  {\"a\":1}\n  indented\n");
	body_is(0, "{\"a\":1}");
	body_is(1, "  indented");
}

/* Pain 18. */
static void the_last_line_needs_no_line_feed(void **state)
{
	stream("one\ntwo");
	frames_are(1);
	parser_run_end(&run);
	frames_are(2);
	body_is(1, "two");
	assert_false(run.frames[1].cut);
}

static void a_last_line_that_nobody_closed_is_cut(void **state)
{
	run.left_open = true;
	stream("one\ntwo");
	parser_run_end(&run);
	frames_are(2);
	assert_false(run.frames[0].cut);
	body_is(1, "two");
	assert_true(run.frames[1].cut);
}

static void a_datagram_holds_lines_and_each_ends_with_it(void **state)
{
	parser_run_datagram(&run, 0, "one\ntwo", 7);
	parser_run_datagram(&run, 0, "three", 5);
	frames_are(3);
	body_is(1, "two");
	body_is(2, "three");
	assert_int_equal(run.left_over, 0);
}

static void a_gap_joins_no_halves(void **state)
{
	stream("one\nfirst half ");
	parser_run_gap(&run, 0, 10);
	stream("second half");
	stream("\nthree\n");
	frames_are(2);
	body_is(1, "three");
	assert_int_equal(run.skipped, 12);
	assert_int_equal(run.left_over, 11);
	assert_non_null(run.why);
}

/* Pain 19. */
static void lines_do_not_depend_on_bursts_or_slices(void **state)
{
	run.burst = 1;
	stream("one\ntw");
	stream("o\nthree\nfour\n");
	frames_are(4);
	body_is(1, "two");
	body_is(3, "four");
	run.burst = 64;
}

static enum probe probe(const char *text)
{
	return parser_run_probe(&run, 0, false, text, strlen(text));
}

static void probe_knows_objects_and_refuses_binary_bytes(void **state)
{
	assert_int_equal(probe("{\"a\":1}"), PROBE_YES);
	assert_int_equal(probe("\xef\xbb\xbf \r\n{ \"a\""), PROBE_YES);
	assert_int_equal(probe("{}"), PROBE_YES);
	assert_int_equal(probe("{"), PROBE_MORE);
	assert_int_equal(probe(" \n"), PROBE_MORE);
	assert_int_equal(probe("{x"), PROBE_MAYBE);
	assert_int_equal(probe("text"), PROBE_MAYBE);
	assert_int_equal(probe("\x16\x03\x01"), PROBE_NO);
	assert_int_equal(parser_run_probe(&run, 0, false, "a\0b", 3), PROBE_NO);
	assert_int_equal(parser_run_probe(&run, 1, false, "{\"a\":1}", 7), PROBE_NO);
	assert_int_equal(parser_run_probe(&run, 0, true, "{", 1), PROBE_MAYBE);
}

static int set_up(void **state)
{
	parser_run_init(&run, &parser_lines);
	return 0;
}

static int tear_down(void **state)
{
	parser_run_fini(&run);
	return 0;
}

static int fresh(void **state)
{
	parser_run_reset(&run);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_end_with_lf_or_crlf_and_empty_ones_are_delimiters),
		TEST(a_byte_order_mark_is_no_part_of_the_line),
		TEST(blanks_stay_before_text_and_go_before_an_object),
		TEST(the_last_line_needs_no_line_feed),
		TEST(a_last_line_that_nobody_closed_is_cut),
		TEST(a_datagram_holds_lines_and_each_ends_with_it),
		TEST(a_gap_joins_no_halves),
		TEST(lines_do_not_depend_on_bursts_or_slices),
		TEST(probe_knows_objects_and_refuses_binary_bytes),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
