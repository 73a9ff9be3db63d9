/* The tree of a pattern, and the table that is made of it. */
#include "pairs.h"
#include "random.h"

#include "dataplane/extract/dfa.h"
#include "dataplane/extract/shape.h"
#include "dataplane/match/regex.h"

static void what_follows_from_a_tree_is_worked_out(void **state)
{
	struct shape *s = shape_parse("a{2,3}(?:b|cd*)(?<x>[0-9])?", true);
	assert_non_null(s);
	const struct node *root = shape_root(s);
	assert_int_equal(root->len_min, 3);
	assert_int_equal(root->len_max, SHAPE_NO_MAX);
	assert_true(root->has_groups);
	assert_int_equal(byte_set_count(&root->head), 1);
	assert_int_equal(byte_set_count(&root->bytes), 4 + 10);
	shape_destroy(s);
}

static void classes_are_sets_of_bytes(void **state)
{
	static const struct {
		const char *pattern;
		unsigned n;
	} cases[] = {{"\\d", 10},          {"\\W", 256 - 63}, {"[^\\s]", 250},
		     {".", 256},           {"[]a-c-]", 5},    {"[\\]\\x41-\\x43]", 4},
		     {"[[:alpha:]_]", 53}, {"[\\d-z]", 12},   {"[^]]", 255},
		     {"\\x41", 1}};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shape *s = shape_parse(cases[i].pattern, true);
		assert_non_null(s);
		assert_int_equal(byte_set_count(&shape_root(s)->bytes), cases[i].n);
		shape_destroy(s);
	}
}

static void what_is_not_regular_has_no_shape(void **state)
{
	static const char *const patterns[] = {"(?=a)",  "(a)\\1", "a++",    "(?>a)",
					       "(?i)a",  "\\bx",   "a|b$c",  "x^",
					       "\\p{L}", "(?#c)",  "(*UTF)a"};
	for (unsigned i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (shape_parse(patterns[i], false))
			fail_msg("%s has a shape", patterns[i]);
	}
}

static void groups_without_a_name_capture_unless_only_names_do(void **state)
{
	struct shape *s = shape_parse("(a)(?<x>b)", false);
	assert_int_equal(shape_root(s)->first->next->group, 2);
	shape_destroy(s);
	s = shape_parse("(a)(?<x>b)", true);
	assert_int_equal(shape_root(s)->first->next->group, 1);
	shape_destroy(s);
}

static void a_table_accepts_what_pcre2_does(void **state)
{
	static const char *const patterns[] = {
		"a*(?:b|ab)c?",
		"(?:[+-]?\\d+(?:\\.\\d*)?|\\.\\d+)",
		"(?:ab|a)(?:bc|c)",
		"x{2,4}y{0,2}",
		"(?:a|b){3}c*?d",
		"(?:(?:25[0-5]|[01]?\\d?\\d)\\.){2}1",
		"",
	};
	static const char letters[] = "aabbcxyd.+-12501";
	uint64_t seed = 88172645463325252u;
	for (unsigned i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct shape *s = shape_parse(patterns[i], true);
		struct dfa *d = dfa_create(shape_root(s));
		struct regex *r;
		struct err e;
		size_t at;
		assert_non_null(d);
		assert_int_equal(regex_compile(patterns[i], REGEX_WHOLE, &r, &at, &e), 0);
		struct regex_scratch *scratch = regex_scratch_create(0);
		for (unsigned k = 0; k < 20000; k++) {
			uint8_t text[8];
			random_next(&seed);
			unsigned len = (unsigned)(seed % 9);
			for (unsigned c = 0; c < len; c++)
				text[c] = (uint8_t)letters[seed >> (8 + 4 * c) & 15];
			bool want = regex_match(r, scratch, slice_of(text, len)) == REGEX_YES;
			if (dfa_match(d, text, len) != want)
				fail_msg("%s on %.*s", patterns[i], (int)len, (char *)text);
		}
		regex_scratch_destroy(scratch);
		regex_destroy(r);
		dfa_destroy(d);
		shape_destroy(s);
	}
}

static void a_table_that_would_be_too_large_is_not_made(void **state)
{
	struct shape *s = shape_parse("(?:a|b)*a(?:a|b){12}", true);
	assert_null(dfa_create(shape_root(s)));
	shape_destroy(s);
	s = shape_parse("(?:ab){5000}", true);
	assert_null(dfa_create(shape_root(s)));
	shape_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_follows_from_a_tree_is_worked_out),
		cmocka_unit_test(classes_are_sets_of_bytes),
		cmocka_unit_test(what_is_not_regular_has_no_shape),
		cmocka_unit_test(groups_without_a_name_capture_unless_only_names_do),
		cmocka_unit_test(a_table_accepts_what_pcre2_does),
		cmocka_unit_test(a_table_that_would_be_too_large_is_not_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
