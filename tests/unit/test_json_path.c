#include "unit.h"

#include "dataplane/graph/json_path.h"

static const char *key(const char *json, const char *name)
{
	static char out[128];
	struct slice v;
	if (!json_at_key(slice_str(json), slice_str(name), &v))
		return NULL;
	snprintf(out, sizeof(out), "%.*s", (int)v.len, (const char *)v.ptr);
	return out;
}

static const char *element(const char *json, int64_t i)
{
	static char out[128];
	struct slice v;
	if (!json_at_index(slice_str(json), i, &v))
		return NULL;
	snprintf(out, sizeof(out), "%.*s", (int)v.len, (const char *)v.ptr);
	return out;
}

static void values_of_any_kind_are_found_by_key(void **state)
{
	const char *json = " {\"a\" : [1, {\"b\": \"]}\\\"\"}], \"b\":-1.5e3,\"c\":\"x,y\" , "
			   "\"\\u0064\": null}";
	assert_string_equal(key(json, "a"), "[1, {\"b\": \"]}\\\"\"}]");
	assert_string_equal(key(json, "b"), "-1.5e3");
	assert_string_equal(key(json, "c"), "\"x,y\"");
	assert_string_equal(key(json, "d"), "null");
	assert_null(key(json, "e"));
	assert_null(key("[1]", "a"));
	assert_null(key("\"a\"", "a"));
	assert_null(key("{}", ""));
	assert_string_equal(key("{\"\": 1}", ""), "1");
}

static void of_a_key_that_comes_twice_the_last_counts(void **state)
{
	assert_string_equal(key("{\"a\":1,\"b\":2,\"a\":3}", "a"), "3");
}

static void elements_are_counted_from_either_end(void **state)
{
	assert_string_equal(element("[10, \"a\", [1]]", 0), "10");
	assert_string_equal(element("[10, \"a\", [1]]", -1), "[1]");
	assert_string_equal(element("[10, \"a\", [1]]", -3), "10");
	assert_null(element("[10, \"a\", [1]]", 3));
	assert_null(element("[10, \"a\", [1]]", -4));
	assert_null(element("[]", 0));
	assert_null(element("{\"a\":1}", 0));
	assert_null(element("[1]", INT64_MIN));
}

static void validity_is_that_of_rfc_8259(void **state)
{
	static const char *const good[] = {"1",
					   "-0.5e+3",
					   "\"a\\u00e9\"",
					   "[]",
					   "{}",
					   " [1, [2, {}]] ",
					   "{\"a\":{\"b\":[null,true,false]}}",
					   "[[[]],{}]"};
	static const char *const bad[] = {
		"",         " ",       "01",        "1.",         "-",    "1e",
		"\"a",      "\"\\x\"", "\"\\u12\"", "[1,]",       "[,1]", "{\"a\"}",
		"{\"a\":}", "{a:1}",   "[1 2]",     "{\"a\":1,}", "nul",  "1 2",
		"[}",       "]",       "\"\n\"",    "{\"a\":1]",  "\x01"};
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!json_valid(slice_str(good[i])))
			fail_msg("refused: %s", good[i]);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (json_valid(slice_str(bad[i])))
			fail_msg("taken: %s", bad[i]);
}

static void depth_is_bounded(void **state)
{
	char deep[2 * JSON_PATH_DEPTH_MAX + 4];
	memset(deep, '[', JSON_PATH_DEPTH_MAX);
	memset(deep + JSON_PATH_DEPTH_MAX, ']', JSON_PATH_DEPTH_MAX);
	assert_true(json_valid(slice_of(deep, 2 * JSON_PATH_DEPTH_MAX)));
	memset(deep, '[', JSON_PATH_DEPTH_MAX + 1);
	memset(deep + JSON_PATH_DEPTH_MAX + 1, ']', JSON_PATH_DEPTH_MAX + 1);
	assert_false(json_valid(slice_of(deep, 2 * JSON_PATH_DEPTH_MAX + 2)));
}

/* A record's JSON is valid; if it were not, nothing would be read behind its end. */
static void a_text_that_ends_too_soon_ends_the_search(void **state)
{
	const char *json = "{\"a\":[1,{\"b\":\"x\\\"\"}],\"c\":tru";
	struct slice v;
	for (size_t len = 0; len <= strlen(json); len++) {
		char *copy = malloc(len + 1);
		memcpy(copy, json, len);
		json_at_key(slice_of(copy, len), SLICE_LIT("c"), &v);
		json_at_index(slice_of(copy, len), 1, &v);
		json_valid(slice_of(copy, len));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_any_kind_are_found_by_key),
		cmocka_unit_test(of_a_key_that_comes_twice_the_last_counts),
		cmocka_unit_test(elements_are_counted_from_either_end),
		cmocka_unit_test(validity_is_that_of_rfc_8259),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(a_text_that_ends_too_soon_ends_the_search),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
