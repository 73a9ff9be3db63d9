#include "tests/unit/unit.h"

#include "ctl/text_out.h"

static void assert_has(struct text_out *o, const char *want)
{
	assert_false(o->failed);
	assert_int_equal(o->len, strlen(want));
	assert_memory_equal(o->text, want, o->len);
	text_out_fini(o);
}

static void a_text_grows_by_its_pieces(void **state)
{
	struct text_out o = {0};
	text_out_str(&o, "n=");
	text_out_u64(&o, UINT64_MAX);
	text_out_str(&o, " ");
	text_out_i64(&o, INT64_MIN);
	text_out_fmt(&o, " %s %.1f", "f", 0.5);
	assert_has(&o, "n=18446744073709551615 -9223372036854775808 f 0.5");
}

static void strings_are_escaped_as_json_and_labels_as_prometheus_wants_them(void **state)
{
	struct text_out o = {0};
	text_out_json(&o, "a\"b\\c\nd\xff");
	text_out_label(&o, "a\"b\\c\nd");
	text_out_json(&o, "");
	assert_has(&o, "\"a\\\"b\\\\c\\nd\xef\xbf\xbd\"a\\\"b\\\\c\\nd\"\"");
}

static void a_text_of_any_length_has_no_hole(void **state)
{
	struct text_out o = {0};
	for (unsigned i = 0; i < 100000; i++)
		text_out_u64(&o, i % 10);
	assert_int_equal(o.len, 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(o.text[i], '0' + i % 10);
	text_out_fini(&o);
	assert_null(o.text);
}

static void without_memory_the_rest_is_left_out_and_said(void **state)
{
	struct text_out o = {0};
	text_out_str(&o, "a");
	assert_false(text_out_grow(&o, SIZE_MAX - 9));
	text_out_str(&o, "b");
	assert_true(o.failed);
	text_out_fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_grows_by_its_pieces),
		cmocka_unit_test(strings_are_escaped_as_json_and_labels_as_prometheus_wants_them),
		cmocka_unit_test(a_text_of_any_length_has_no_hole),
		cmocka_unit_test(without_memory_the_rest_is_left_out_and_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
