#include "tests/unit/change_case.h"

#include "dataplane/sink/out_key.h"

static const char *key_of(const char *name, struct rec *r)
{
	static char text[256];
	static const struct slice source_names[] = {SLICE_LIT("orders")};
	struct names *names = names_create();
	struct out_key *k = NULL;
	assert_non_null(names);
	assert_int_equal(out_key_create(name, names, source_names, &k), 0);
	struct slice key = out_key_of(k, &case_batch, r);
	snprintf(text, sizeof(text), "%.*s", (int)key.len, (const char *)key.ptr);
	bool none = !key.ptr;
	out_key_destroy(k);
	names_destroy(names);
	return none ? NULL : text;
}

static void a_change_of_a_row_has_a_column_as_its_key(void **state)
{
	struct rec *r = case_row('u', "{\"id\":1,\"name\":\"x\",\"gone\":7}",
				 "{\"id\":2,\"name\":\"a\\\"b\\u00e9\",\"none\":null,\"f\":1.50}");
	assert_string_equal(key_of("id", r), "2");
	assert_string_equal(key_of("name", r), "a\"b\xc3\xa9"); /* not escaped */
	assert_string_equal(key_of("f", r), "1.50");
	assert_string_equal(key_of("gone", r), "7"); /* of a partial image: as it was before */
	assert_null(key_of("none", r));
	assert_null(key_of("other", r));
}

static void a_row_that_was_deleted_has_the_key_that_it_had(void **state)
{
	assert_string_equal(key_of("id", case_row('d', "{\"id\":\"k\"}", NULL)), "k");
	assert_string_equal(key_of("id", case_row('d', "{\"id\":\"\"}", NULL)), "");
}

static void another_record_has_a_field_as_its_key(void **state)
{
	struct rec *r = case_ddl("shop", "drop table t");
	assert_string_equal(key_of("db", r), "shop");
	assert_string_equal(key_of("_source", r), "orders");
	assert_null(key_of("no_such_field", r));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, case_set_up, case_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_change_of_a_row_has_a_column_as_its_key),
		CASE(a_row_that_was_deleted_has_the_key_that_it_had),
		CASE(another_record_has_a_field_as_its_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
