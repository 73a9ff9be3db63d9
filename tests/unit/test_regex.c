#include "pairs.h"

#include "dataplane/match/regex.h"

static struct regex *regex_of(const char *pattern, unsigned flags)
{
	struct regex *r;
	struct err e;
	size_t at;
	if (regex_compile(pattern, flags, &r, &at, &e) < 0)
		fail_msg("%s: %s", pattern, e.text);
	return r;
}

static void expect(const char *pattern, unsigned flags, const char *text, enum regex_result want)
{
	struct regex *r = regex_of(pattern, flags);
	struct regex_scratch *s = regex_scratch_create(regex_n_groups(r));
	assert_int_equal(regex_match(r, s, slice_str(text)), want);
	regex_scratch_destroy(s);
	regex_destroy(r);
}

static void a_search_finds_and_a_whole_match_needs_all_bytes(void **state)
{
	expect("b+", 0, "abbc", REGEX_YES);
	expect("b+", REGEX_WHOLE, "abbc", REGEX_NO);
	expect("ab+c", REGEX_WHOLE, "abbc", REGEX_YES);
	expect("a.c", 0, "a\nc", REGEX_NO);
	expect("a.c", REGEX_WHOLE, "a\nc", REGEX_YES);
	expect("a$", 0, "a\n", REGEX_NO);
	expect("", 0, "", REGEX_YES);
}

static void groups_are_asked_by_number_and_named(void **state)
{
	struct regex *r = regex_of("(?<x>a)|(b)(?<y>c)?", 0);
	struct regex_scratch *s = regex_scratch_create(3);
	struct slice text = SLICE_LIT("-b-");
	assert_int_equal(regex_n_groups(r), 3);
	assert_string_equal(regex_group_name(r, 1), "x");
	assert_null(regex_group_name(r, 2));
	assert_string_equal(regex_group_name(r, 3), "y");
	assert_int_equal(regex_match(r, s, text), REGEX_YES);
	assert_null(regex_group(s, text, 1).ptr);
	assert_ptr_equal(regex_group(s, text, 2).ptr, text.ptr + 1);
	assert_null(regex_group(s, text, 3).ptr);
	regex_scratch_destroy(s);
	regex_destroy(r);
	r = regex_of("(a)(?<x>b)", REGEX_NAMED);
	assert_int_equal(regex_n_groups(r), 1);
	regex_destroy(r);
}

static void a_pattern_that_backtracks_without_end_is_too_costly(void **state)
{
	expect("(a+)+$", 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", REGEX_COSTLY);
}

static void a_bad_pattern_is_told_with_its_place(void **state)
{
	struct regex *r;
	struct err e;
	size_t at;
	assert_int_equal(regex_compile("ab[", 0, &r, &at, &e), -EINVAL);
	assert_int_equal(at, 3);
	assert_string_equal(e.text, "missing terminating ] for character class");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_search_finds_and_a_whole_match_needs_all_bytes),
		cmocka_unit_test(groups_are_asked_by_number_and_named),
		cmocka_unit_test(a_pattern_that_backtracks_without_end_is_too_costly),
		cmocka_unit_test(a_bad_pattern_is_told_with_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
