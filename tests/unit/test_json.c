#include "pairs.h"

#include <jansson.h>

#include "dataplane/extract/json.h"

#define BYTES_MAX (1 << 20)

static int setup(void **state)
{
	*state = json_create(BYTES_MAX);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	json_destroy(*state);
	return 0;
}

/* Reads @text and expects these pairs. */
static void expect(struct json *j, const char *text, const char *pairs)
{
	struct pairs *p = pairs_create(1 << 20);
	bool repaired = true;
	const char *err = json_pairs(j, pairs_copy(p, text, strlen(text)), &p->rb, &repaired);
	if (err)
		fail_msg("%s: %s", text, err);
	assert_string_equal(pairs_built(p), pairs);
	assert_false(repaired);
	assert_false(p->rb.full);
	pairs_destroy(p);
}

static void expect_error(struct json *j, const char *text, const char *error)
{
	struct pairs *p = pairs_create(1 << 20);
	bool repaired = false;
	rec_pair(&p->rb, rec_make_text(&p->rb, VAL_STR, SLICE_LIT("k")), val_of(VAL_NULL, 0, 0));
	const char *err = json_pairs(j, pairs_copy(p, text, strlen(text)), &p->rb, &repaired);
	assert_non_null(err);
	assert_string_equal(err, error);
	assert_string_equal(pairs_built(p), "'k'=null");
	assert_string_equal(json_check(j, pairs_copy(p, text, strlen(text))), error);
	pairs_destroy(p);
}

static void values_keep_the_spelling_of_the_sender(void **state)
{
	expect(*state, "{\"a\":1.50,\"b\":-0e+1,\"c\":12345678901234567890123,\"d\":1E400}",
	       "\"a\"=1.50; \"b\"=-0e+1; \"c\"=12345678901234567890123; \"d\"=1E400");
	expect(*state, "{\"s\":\"a\\/\\u00e9\\n\\ud83d\\ude00\",\"e\":\"\"}",
	       "\"s\"=\"a\\/\\u00e9\\n\\ud83d\\ude00\"; \"e\"=\"\"");
	expect(*state, "{\"t\":true,\"f\":false,\"n\":null}",
	       "\"t\"=true; \"f\"=false; \"n\"=null");
	expect(*state, " {} ", "");
}

static void nested_values_are_kept_as_json_without_line_breaks(void **state)
{
	expect(*state, "{\"o\":{\"x\": [1, {}]},\"a\":[]}", "\"o\"={\"x\": [1, {}]}; \"a\"=[]");
	expect(*state, "{\"o\": {\r\n  \"x y\": [1,\n 2, \"a \\\" b\"]\n}, \"k\": 1}\n",
	       "\"o\"={\"x y\":[1,2,\"a \\\" b\"]}; \"k\"=1");
}

static void other_values_become_the_pair_value(void **state)
{
	expect(*state, "[1, 2]", "\"value\"=[1, 2]");
	expect(*state, "\"x\"", "\"value\"=\"x\"");
	expect(*state, "3", "\"value\"=3");
	expect(*state, "null", "\"value\"=null");
}

static void keys_with_an_underscore_in_front_get_another(void **state)
{
	expect(*state, "{\"_id\":1,\"__x\":2,\"_\":3,\"a_\":4}",
	       "\"__id\"=1; \"___x\"=2; \"__\"=3; \"a_\"=4");
	/* Also when the underscore is written as an escape. */
	expect(*state, "{\"\\u005fid\":1}", "\"__id\"=1");
}

static void keys_lose_escapes_that_need_not_be(void **state)
{
	expect(*state, "{\"\\u0061\\/\\u00e9\":1,\"q\\u0022\\n\":2,\"\":3}",
	       "\"a/\xc3\xa9\"=1; \"q\\\"\\n\"=2; \"\"=3");
}

static void a_byte_order_mark_in_front_is_passed_over(void **state)
{
	expect(*state, "\xef\xbb\xbf{\"a\":1}", "\"a\"=1");
	expect_error(*state, "\xef\xbb\xbf", "json: no value");
}

static void what_is_wrong_is_said(void **state)
{
	struct json *j = *state;
	expect_error(j, "", "json: no value");
	expect_error(j, " \n", "json: no value");
	expect_error(j, "{\"a\":1", "json: ',' or '}' was expected");
	expect_error(j, "{\"a\" 1}", "json: ':' was expected");
	expect_error(j, "{\"a\":}", "json: a value was expected");
	expect_error(j, "{\"a\":1,}", "json: a key was expected");
	expect_error(j, "{a:1}", "json: a key was expected");
	expect_error(j, "{\"a\":01}", "json: bad number");
	expect_error(j, "{\"a\":0123456789012345}", "json: bad number");
	expect_error(j, "{\"a\":123456789012345x}", "json: bad number");
	expect_error(j, "{\"a\":1.}", "json: bad number");
	expect_error(j, "{\"a\":-}", "json: bad number");
	expect_error(j, "{\"a\":\"\\x\"}", "json: bad escape in a string");
	expect_error(j, "{\"a\":\"\\u12g4\"}", "json: bad escape in a string");
	expect_error(j, "{\"a\":\"b}", "json: a string does not end");
	expect_error(j, "{\"a\":\"\n\"}", "json: control character in a string");
	expect_error(j, "{\"a\":[1 2]}", "json: ',' or ']' was expected");
	expect_error(j, "{\"a\":[1,]}", "json: a value was expected");
	expect_error(j, "{\"a\":[{\"b\":tru}]}", "json: a value was expected");
	expect_error(j, "{\"a\":1} x", "json: bytes behind the value");
	expect_error(j, "{\"a\":\"x\"\"y\"}", "json: ',' or '}' was expected");
	expect_error(j, "{\"a\":1\"y\"}", "json: bad number");
}

static void bytes_that_are_not_utf8_become_the_replacement_character(void **state)
{
	struct pairs *p = pairs_create(1 << 20);
	static const char text[] = "{\"a\xff\":\"caf\xe9\",\"o\":[\"\xe6\x97\",\"\\ud800\"],\"s\":"
				   "\"\\\\ud800\\udc00\\ud83d\\ude00\"}";
	bool repaired = false;
	struct slice body = pairs_copy(p, text, sizeof(text) - 1);
	assert_string_equal(json_check(*state, body), "json: bytes that are not UTF-8");
	assert_null(json_pairs(*state, body, &p->rb, &repaired));
	assert_true(repaired);
	assert_string_equal(pairs_built(p), "\"a\xef\xbf\xbd\"=\"caf\xef\xbf\xbd\"; "
					    "\"o\"=[\"\xef\xbf\xbd\",\"\\ufffd\"]; "
					    "\"s\"=\"\\\\ud800\\ufffd\\ud83d\\ude00\"");
	pairs_destroy(p);
}

static void replacements_are_as_many_as_in_text_outside_of_json(void **state)
{
	struct pairs *p = pairs_create(1 << 20);
	static const char text[] = "{\"a\":\"\xed\xa0\x80 \xf0\x9f\x98 \xc0\xaf \xe2\x82\xc3\"}";
	bool repaired = false;
	assert_null(json_pairs(*state, pairs_copy(p, text, sizeof(text) - 1), &p->rb, &repaired));
	assert_true(repaired);
	assert_string_equal(pairs_built(p), "\"a\"=\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
					    "\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd "
					    "\xef\xbf\xbd\xef\xbf\xbd\"");
	pairs_destroy(p);
}

static void bytes_outside_of_strings_that_are_not_utf8_stay_an_error(void **state)
{
	struct pairs *p = pairs_create(1 << 20);
	bool repaired = false;
	assert_non_null(json_pairs(*state, pairs_copy(p, "{\"a\":\xe9}", 7), &p->rb, &repaired));
	assert_false(repaired);
	pairs_destroy(p);
}

static void nesting_has_a_limit(void **state)
{
	char text[4 * JSON_DEPTH_MAX];
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	text[2 * JSON_DEPTH_MAX] = 0;
	assert_null(json_check(*state, slice_str(text)));
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	text[2 * JSON_DEPTH_MAX + 2] = 0;
	expect_error(*state, text, "json: nested deeper than 512 levels");
}

static void longer_than_the_limit_is_refused(void **state)
{
	struct json *j = json_create(64);
	char text[80 + SL_PAD];
	memset(text, ' ', sizeof(text));
	text[0] = '1';
	assert_null(json_check(j, slice_of(text, 64)));
	assert_string_equal(json_check(j, slice_of(text, 65)),
			    "json: longer than the reader's limit");
	json_destroy(j);
}

static void a_full_arena_is_told(void **state)
{
	struct pairs *p = pairs_create(4096);
	bool repaired = false;
	char text[3000];
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"a\":[\n1", 8);
	memcpy(text + sizeof(text) - 2, "]}", 2);
	json_pairs(*state, pairs_copy(p, text, sizeof(text)), &p->rb, &repaired);
	assert_true(p->rb.full);
	pairs_destroy(p);
}

static size_t from_base64(const char *s, uint8_t *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;
	uint32_t bits = 0, n_bits = 0;
	for (const char *d; *s && (d = strchr(digits, *s)); s++) {
		bits = bits << 6 | (uint32_t)(d - digits);
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (uint8_t)(bits >> n_bits);
		}
	}
	return n;
}

/* Nested values are handed on as they are, so each must be a valid text of its own. */
static void expect_valid_pairs(struct json *j, const uint8_t *text, size_t len)
{
	struct pairs *p = pairs_create(8 << 20);
	bool repaired = false;
	if (!json_pairs(j, pairs_copy(p, text, len), &p->rb, &repaired)) {
		for (unsigned i = 0; i < p->rb.n_pairs; i++) {
			struct val v = p->rb.pairs[2 * i + 1];
			struct slice part = arena_slice(&p->b.arena, v.off, v.len);
			if (v.type != VAL_JSON)
				continue;
			assert_null(memchr(part.ptr, '\n', part.len));
			assert_null(json_check(j, part));
		}
	}
	pairs_destroy(p);
}

static void all_verdicts_of_the_json_test_suite_agree(void **state)
{
	FILE *f = pairs_open_shared("data/vectors/json_parsing.jsonl");
	if (!f)
		skip();
	char *line = NULL;
	size_t cap = 0;
	unsigned n = 0;
	while (getline(&line, &cap, f) > 0) {
		json_t *o = json_loads(line, 0, NULL);
		const char *name = json_string_value(json_object_get(o, "name"));
		const char *verdict = json_string_value(json_object_get(o, "verdict"));
		const char *b64 = json_string_value(json_object_get(o, "b64"));
		size_t total = (size_t)json_integer_value(json_object_get(o, "total_bytes"));
		size_t cap_bytes = strlen(b64) + total + SL_PAD;
		uint8_t *text = calloc(1, cap_bytes);
		size_t len = from_base64(b64, text);
		for (size_t i = len; len && i < total; i++)
			text[i] = text[i - len];
		len = total > len ? total : len;
		const char *err = json_check(*state, slice_of(text, len));
		if (strcmp(verdict, "accept") == 0 && err)
			fail_msg("%s must be accepted: %s", name, err);
		if (strcmp(verdict, "reject") == 0 && !err)
			fail_msg("%s must be rejected", name);
		expect_valid_pairs(*state, text, len);
		free(text);
		json_decref(o);
		n++;
	}
	free(line);
	fclose(f);
	assert_int_equal(n, 226);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_keep_the_spelling_of_the_sender),
		cmocka_unit_test(nested_values_are_kept_as_json_without_line_breaks),
		cmocka_unit_test(other_values_become_the_pair_value),
		cmocka_unit_test(keys_with_an_underscore_in_front_get_another),
		cmocka_unit_test(keys_lose_escapes_that_need_not_be),
		cmocka_unit_test(a_byte_order_mark_in_front_is_passed_over),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(bytes_that_are_not_utf8_become_the_replacement_character),
		cmocka_unit_test(replacements_are_as_many_as_in_text_outside_of_json),
		cmocka_unit_test(bytes_outside_of_strings_that_are_not_utf8_stay_an_error),
		cmocka_unit_test(nesting_has_a_limit),
		cmocka_unit_test(longer_than_the_limit_is_refused),
		cmocka_unit_test(a_full_arena_is_told),
		cmocka_unit_test(all_verdicts_of_the_json_test_suite_agree),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
