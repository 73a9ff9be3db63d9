/* pattern.c, pattern_syntax.c */
#include "unit.h"

#include "dataplane/graph/pattern.h"

static void translates(const char *pattern, bool ignore_case, const char *to)
{
	char out[512];
	struct err e;
	if (pattern_translate(slice_str(pattern), &ignore_case, out, &e) < 0)
		fail_msg("%s: %s", pattern, e.text);
	assert_string_equal(out, to);
}

static void refuses(const char *pattern, const char *part)
{
	char out[512];
	struct err e;
	bool ignore_case = false;
	assert_int_equal(pattern_translate(slice_str(pattern), &ignore_case, out, &e), -EINVAL);
	if (!strstr(e.text, part))
		fail_msg("%s: %s", pattern, e.text);
}

static void the_syntax_of_postgresql_becomes_that_of_hyperscan(void **state)
{
	translates("^a.c$", false, "^a.c\\z");
	translates("a-b", false, "a\\x{2d}b");
	translates("ab", true, "[Aa][Bb]");
	translates("(?i)a", false, "[Aa]");
	translates("\\d\\W", false, "[0-9][^0-9A-Za-z_]");
	translates("\\yx\\Y\\Z", false, "\\bx\\B\\z");
	translates("[a-c]", true, "[a-cA-C]");
	translates("[]x]", false, "[\\x{5d}x]");
	translates("[^[:alpha:]\\d]", false, "[^[:alpha:]0-9]");
	translates("[[:upper:]]", true, "[[:alpha:]]");
	translates("(ab|c)*?", false, "(?:ab|c)*");
	translates("a{2}b{1,}c{0,3}?", false, "a{2,2}b{1,}c{0,3}");
	translates("a{x", false, "a\\x{7b}x");
	translates("\\B\\b", false, "\\x{5c}\\x{8}");
	translates("\xc3\xa4", false, "\\x{e4}");
	translates("", false, "");
}

static void what_hyperscan_has_not_is_refused_by_name(void **state)
{
	refuses("(a)\\1", "references back");
	refuses("a(?=b)", "look-around");
	refuses("\\mx", "\\y");
	refuses("[[.a.]]", "collating");
	refuses("***=a", "***");
	refuses("(?x)a", "options");
	refuses("*a", "nothing to repeat");
	refuses("a**", "nothing to repeat");
	refuses("(a", "not closed");
	refuses("a)", "not opened");
	refuses("[a", "not closed");
	refuses("[b-a]", "ends before");
	refuses("a{256}", "255");
	refuses("a{2,1}", "255");
	refuses("a\\", "at the end");
	refuses("\\q", "no such escape");
	refuses("[[:foo:]]", "no such class");
	refuses("\\u12", "number");
}

static void patterns_of_two_columns_are_two_scans_and_do_not_mix(void **state)
{
	struct patterns *p = patterns_create();
	struct pattern_ref a, b, c;
	struct vec u, v;
	struct err e;
	assert_int_equal(patterns_add(p, 1, SLICE_LIT("^x"), false, &a, &e), 0);
	assert_int_equal(patterns_add(p, 1, SLICE_LIT("Y$"), true, &b, &e), 0);
	assert_int_equal(patterns_add(p, 2, SLICE_LIT("^x"), false, &c, &e), 0);
	assert_int_equal(patterns_compile(p, &e), 0);
	struct patterns_scratch *s = patterns_scratch_create(p);
	assert_non_null(s);
	assert_int_equal(vec_init(&u, SQL_TEXT), 0);
	assert_int_equal(vec_init(&v, SQL_TEXT), 0);
	u.s[0] = SLICE_LIT("xy");
	u.s[1] = SLICE_LIT("ax\ny");
	u.state[2] = VEC_NULL;
	v.s[0] = SLICE_LIT("a");
	v.s[1] = SLICE_LIT("x");
	v.s[2] = SLICE_LIT("");
	for (int round = 0; round < 2; round++) {
		patterns_begin(s);
		const uint8_t *hits = patterns_scan(s, a, &u, 3);
		assert_true(hits[0] && !hits[1]);
		hits = patterns_scan(s, b, &u, 3);
		assert_true(hits[0] && hits[1]);
		hits = patterns_scan(s, c, &v, 3);
		assert_true(!hits[0] && hits[1] && !hits[2]);
	}
	vec_fini(&u);
	vec_fini(&v);
	patterns_scratch_destroy(s);
	patterns_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_syntax_of_postgresql_becomes_that_of_hyperscan),
		cmocka_unit_test(what_hyperscan_has_not_is_refused_by_name),
		cmocka_unit_test(patterns_of_two_columns_are_two_scans_and_do_not_mix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
