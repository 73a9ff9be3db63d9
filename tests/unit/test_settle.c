#include "format_files.h"

#include "dataplane/extract/settle.h"

static bool settles(const char *pattern, uint8_t behind)
{
	struct shape *s = shape_parse(pattern, true);
	assert_non_null(s);
	bool yes = settle_by_bsd_time(shape_root(s), behind);
	shape_destroy(s);
	return yes;
}

static void patterns_of_time_stamps_are_settled_by_one(void **state)
{
	struct grok *lib = patterns_load(NULL);
	struct grok_pattern p;
	struct err e;
	assert_int_equal(grok_expand(lib, "%{SYSLOGTIMESTAMP}", &p, NULL, &e), 0);
	assert_true(settles(p.regex, ' '));
	assert_true(settles(p.regex, ']'));
	grok_pattern_fini(&p);
	grok_destroy(lib);
	assert_true(settles("\\w+ [\\d ]\\d \\d+:\\d+:\\d+", ' '));
	assert_true(settles("\\w{3} [\\d ]\\d [\\d:]{8}", ' '));
}

static void patterns_that_may_take_more_or_less_are_not(void **state)
{
	/* A longer text: a year, another digit. */
	assert_false(settles("\\w{3} [\\d ]\\d [\\d:]{8}(?: \\d+)?", ' '));
	assert_false(settles("\\w{3} [\\d ]\\d [\\d:]{8,}", '0'));
	/* A shorter one with the same byte behind it. */
	assert_false(settles("\\w{3}(?: [\\d ]\\d [\\d:]{8})?", ' '));
	assert_false(settles("\\w{3} [\\d ]\\d [\\d:]{2,8}", ':'));
}

static void patterns_that_do_not_take_all_stamps_are_not(void **state)
{
	assert_false(settles("\\w{3} \\d\\d [\\d:]{8}", ' '));
	assert_false(settles("Nov [\\d ]\\d [\\d:]{8}", ' '));
	assert_false(settles("\\w{3} [\\d ]\\d [01]\\d:\\d\\d:\\d\\d", ' '));
	assert_false(settles("\\w{3} [\\d ]\\d [\\d:]{5}", ' '));
	assert_false(settles("\\d+", ' '));
}

static bool none_at(const char *pattern, const char *text)
{
	struct shape *s = shape_parse(pattern, true);
	assert_non_null(s);
	bool none = settle_by_text(shape_root(s), (const uint8_t *)text, strlen(text));
	shape_destroy(s);
	return none;
}

static void a_text_settles_what_fits_no_part_of_it_and_does_not_go_on(void **state)
{
	assert_true(none_at("[+-]?\\d+", "- "));
	assert_false(none_at("[+-]?\\d+", "-"));
	assert_false(none_at("[+-]?\\d+", "1 "));
	assert_false(none_at("[+-]?\\d*", "- "));
	assert_false(none_at("- ?", "- "));
	assert_true(none_at("(?<x>ab|b)c", "abb"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_of_time_stamps_are_settled_by_one),
		cmocka_unit_test(patterns_that_may_take_more_or_less_are_not),
		cmocka_unit_test(patterns_that_do_not_take_all_stamps_are_not),
		cmocka_unit_test(a_text_settles_what_fits_no_part_of_it_and_does_not_go_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
