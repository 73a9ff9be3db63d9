#include "tests/unit/unit.h"

#include "dataplane/sink/file_name.h"

#define TIME_NS 1795581796123456789 /* 2026-11-25T04:43:16.123456789Z */

static void prepared(const char *path, const char *suffix, const char *want)
{
	char got[FILE_NAME_MAX];
	struct err e = {0};
	assert_int_equal(file_name_prepare(path, suffix, got, &e), 0);
	assert_string_equal(got, want);
}

static void expanded(const char *template, uint64_t number, const char *want)
{
	char got[FILE_NAME_MAX];
	assert_true(file_name_expand(template, TIME_NS, number, got));
	assert_string_equal(got, want);
}

static void a_template_without_a_number_gets_one_before_its_extension(void **state)
{
	prepared("events.ndjson", "", "events-%n.ndjson");
	prepared("out/web.example.com.ndjson", "", "out/web.example.com-%n.ndjson");
	prepared("out.d/events", "", "out.d/events-%n");
	prepared("/x/.hidden", "", "/x/.hidden-%n");
	prepared(".hidden", "", ".hidden-%n");
	prepared("events-%Y%m%d", "", "events-%Y%m%d-%n");
	prepared("%n/events.ndjson", "", "%n/events.ndjson");
	prepared("100%%.log", "", "100%%-%n.log");
}

static void a_suffix_is_added_once(void **state)
{
	prepared("events.ndjson", ".zst", "events-%n.ndjson.zst");
	prepared("events.ndjson.zst", ".zst", "events-%n.ndjson.zst");
	prepared("events-%n", ".zst", "events-%n.zst");
}

static void names_are_made_of_utc_time_and_number(void **state)
{
	expanded("/v/%Y/%m/%d/%H%M%S-%n.ndjson", 7, "/v/2026/11/25/044316-000007.ndjson");
	expanded("a%%b-%n", 1234567, "a%b-1234567");
}

static void a_pattern_matches_all_names_and_nothing_is_special_in_it(void **state)
{
	char got[FILE_NAME_MAX];
	assert_true(file_name_pattern("/v[1]/%Y%m/w?-%n.nd%%", ".part", got));
	assert_string_equal(got, "/v\\[1]/**/w\\?-*.nd%.part");
}

static void the_fixed_directory_ends_before_the_first_date(void **state)
{
	char got[FILE_NAME_MAX];
	file_name_fixed_dir("/var/log/web-%Y/x-%n", got);
	assert_string_equal(got, "/var/log");
	file_name_fixed_dir("events-%n", got);
	assert_string_equal(got, ".");
	file_name_fixed_dir("/events-%n", got);
	assert_string_equal(got, "/");
}

static void a_wrong_template_is_refused_with_a_text(void **state)
{
	static const char *const wrong[] = {"", "dir/", "a%q", "a%", "%Y/", "a%%%"};
	char got[FILE_NAME_MAX] = "untouched";
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err e = {0};
		assert_int_equal(file_name_prepare(wrong[i], "", got, &e), -EINVAL);
		assert_true(e.text[0]);
	}
	assert_string_equal(got, "untouched");
}

static void a_name_that_is_too_long_is_refused_and_not_cut(void **state)
{
	char path[FILE_NAME_MAX + 10], got[FILE_NAME_MAX];
	memset(path, 'x', sizeof(path));
	path[FILE_NAME_MAX - 4] = '\0'; /* room for "-%n" but not for its digits */
	assert_int_equal(file_name_prepare(path, "", got, NULL), 0);
	char name[FILE_NAME_MAX];
	assert_false(file_name_expand(got, TIME_NS, 0, name));
	path[FILE_NAME_MAX - 4] = 'x';
	path[FILE_NAME_MAX - 3] = '\0';
	assert_int_equal(file_name_prepare(path, "", got, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_template_without_a_number_gets_one_before_its_extension),
		cmocka_unit_test(a_suffix_is_added_once),
		cmocka_unit_test(names_are_made_of_utc_time_and_number),
		cmocka_unit_test(a_pattern_matches_all_names_and_nothing_is_special_in_it),
		cmocka_unit_test(the_fixed_directory_ends_before_the_first_date),
		cmocka_unit_test(a_wrong_template_is_refused_with_a_text),
		cmocka_unit_test(a_name_that_is_too_long_is_refused_and_not_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
