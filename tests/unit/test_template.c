#include "tests/unit/unit.h"

#include "parsers/parsers.h"
#include "tests/support/parser_run.h"
#include "tests/support/record_text.h"

static struct parser_run run;

static int set_up(void **state)
{
	parser_run_init(&run, &parser_template);
	return 0;
}

static int tear_down(void **state)
{
	parser_run_fini(&run);
	return 0;
}

static void strings_are_framed_and_broken_ones_are_skipped(void **state)
{
	parser_run_data(&run, 0, "5:hello,0:,05:x,3:abc!,2:ok,", 28);
	assert_string_equal(run.broken, "");
	assert_int_equal(run.n_frames, 3);
	assert_memory_equal(run.frames[0].bytes + run.frames[0].body_off, "hello", 5);
	assert_int_equal(run.frames[1].body_len, 0);
	assert_memory_equal(run.frames[2].bytes + run.frames[2].body_off, "ok", 2);
	assert_int_equal(run.skipped, 12);
	assert_string_equal(run.why, "not a netstring");
}

static void more_says_how_many_bytes_are_needed(void **state)
{
	parser_run_reset(&run);
	parser_run_data(&run, 0, "5:he", 4);
	assert_int_equal(run.dirs[0].needed, 4);
	parser_run_data(&run, 0, "llo,", 4);
	assert_int_equal(run.n_frames, 1);
}

static void a_record_has_the_length_and_the_string(void **state)
{
	static struct record_text rt;
	record_text_init(&rt, &parser_template);
	record_text_read(&rt, "hello", 5);
	assert_string_equal(record_text_get(&rt, "length"), "5");
	assert_string_equal(record_text_get(&rt, "message"), "hello");
	record_text_fini(&rt);
}

static void probe_wants_digits_and_a_colon(void **state)
{
	assert_int_equal(parser_run_probe(&run, 0, false, "5:h", 3), PROBE_MAYBE);
	assert_int_equal(parser_run_probe(&run, 0, false, "55", 2), PROBE_MORE);
	assert_int_equal(parser_run_probe(&run, 0, false, "GET", 3), PROBE_NO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_framed_and_broken_ones_are_skipped),
		cmocka_unit_test(more_says_how_many_bytes_are_needed),
		cmocka_unit_test(a_record_has_the_length_and_the_string),
		cmocka_unit_test(probe_wants_digits_and_a_colon),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
