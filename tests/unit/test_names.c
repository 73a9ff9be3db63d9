#include "tests/unit/unit.h"

#include "dataplane/rec/names.h"

static void a_name_has_one_number_however_often_it_is_added(void **state)
{
	struct names *n = names_create();
	uint32_t a, b, again;
	assert_int_equal(names_add(n, SLICE_LIT("status"), &a), 0);
	assert_int_equal(names_add(n, SLICE_LIT("statu"), &b), 0);
	assert_int_equal(names_add(n, SLICE_LIT("status"), &again), 0);
	assert_int_not_equal(a, b);
	assert_int_equal(a, again);
	assert_true(slice_eq(names_text(n, a), SLICE_LIT("status")));
	names_destroy(n);
}

static void a_name_is_spelled_as_a_json_key(void **state)
{
	struct names *n = names_create();
	uint32_t plain, odd, empty;
	assert_int_equal(names_add(n, SLICE_LIT("uid"), &plain), 0);
	assert_int_equal(names_add(n, SLICE_LIT("a\"b\n\xff"), &odd), 0);
	assert_int_equal(names_add(n, SLICE_LIT(""), &empty), 0);
	assert_true(slice_eq(names_json(n, plain), SLICE_LIT("\"uid\":")));
	assert_true(slice_eq(names_json(n, odd), SLICE_LIT("\"a\\\"b\\n\xef\xbf\xbd\":")));
	assert_true(slice_eq(names_json(n, empty), SLICE_LIT("\"\":")));
	names_destroy(n);
}

static void names_keep_their_numbers_when_the_table_grows(void **state)
{
	struct names *n = names_create();
	char text[16];
	uint32_t id;
	for (uint32_t i = 0; i < 1000; i++) {
		int len = snprintf(text, sizeof(text), "n%u", i);
		assert_int_equal(names_add(n, slice_of(text, (size_t)len), &id), 0);
		assert_int_equal(id, i);
	}
	assert_true(slice_eq(names_text(n, 63), SLICE_LIT("n63")));
	assert_true(slice_eq(names_json(n, 64), SLICE_LIT("\"n64\":")));
	assert_true(slice_eq(names_text(n, 999), SLICE_LIT("n999")));
	names_destroy(n);
	names_destroy(NULL);
}

static void a_copy_has_the_same_numbers_and_grows_by_itself(void **state)
{
	struct names *n = names_create();
	uint32_t id;
	for (unsigned i = 0; i < 200; i++) {
		char name[16];
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(names_add(n, slice_str(name), &id), 0);
	}
	struct names *copy = names_copy(n);
	assert_non_null(copy);
	assert_int_equal(names_add(copy, SLICE_LIT("n123"), &id), 0);
	assert_int_equal(id, 123);
	assert_int_equal(names_add(copy, SLICE_LIT("new"), &id), 0);
	assert_int_equal(id, 200);
	assert_int_equal(names_count(n), 200);
	names_destroy(n);
	assert_true(slice_eq(names_text(copy, 123), SLICE_LIT("n123")));
	names_destroy(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_one_number_however_often_it_is_added),
		cmocka_unit_test(a_name_is_spelled_as_a_json_key),
		cmocka_unit_test(names_keep_their_numbers_when_the_table_grows),
		cmocka_unit_test(a_copy_has_the_same_numbers_and_grows_by_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
