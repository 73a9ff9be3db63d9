#include "pairs.h"

#include "dataplane/extract/kv.h"

static struct pairs *pairs;

static int setup(void **state)
{
	pairs = pairs_create(1 << 20);
	return 0;
}

static int teardown(void **state)
{
	pairs_destroy(pairs);
	return 0;
}

static const struct kv plain = {.pair_sep = SLICE_LIT(" "), .kv_sep = SLICE_LIT("=")};
static const struct kv logfmt = {
	.logfmt = true, .pair_sep = SLICE_LIT(" "), .kv_sep = SLICE_LIT("=")};

static void expect(const struct kv *kv, const char *line, const char *built)
{
	uint64_t failed = 0;
	pairs_reset(pairs, NULL);
	struct slice text = pairs_copy(pairs, line, strlen(line));
	bool ok = kv_pairs(kv, text, &pairs->rb, 0, &failed);
	assert_string_equal(ok ? pairs_built(pairs) : "no", built);
}

static void pairs_are_split_and_keys_that_stand_alone_are_true(void **state)
{
	expect(&plain, "a=1  b=x=y debug c=", "'a'='1'; 'b'='x=y'; 'debug'=true; 'c'=''");
	expect(&plain, "=1", "''='1'");
	expect(&plain, "I am no pairs", "no");
	expect(&plain, "", "no");
}

static void quoted_values_may_hold_separators(void **state)
{
	expect(&plain, "a=\"x y\" b=\"q \\\" \\\\ \\t\"", "'a'='x y'; 'b'='q \" \\ \\t'");
	expect(&plain, "a=\"x y", "'a'='\"x'; 'y'=true");
	expect(&plain, "a=\"x\"y z=1", "'a'='\"x\"y'; 'z'='1'");
	expect(&plain, "argh=no '=", "'argh'='no'; '''=''");
}

static void separators_are_those_of_the_configuration(void **state)
{
	const struct kv kv = {.pair_sep = SLICE_LIT(", "), .kv_sep = SLICE_LIT(": ")};
	expect(&kv, "a: 1, b : \"x, y\" , c d:  z", "'a'='1'; 'b'='x, y'; 'c d'='z'");
	const struct kv lines = {.pair_sep = SLICE_LIT("\n"), .kv_sep = SLICE_LIT(":")};
	expect(&lines, "To: tom\ntest: \"tom\" test", "'To'='tom'; 'test'='\"tom\" test'");
	expect(&lines, "To: tom\ntest: \"tom test\"  ", "'To'='tom'; 'test'='tom test'");
}

static void logfmt_has_the_escapes_of_json(void **state)
{
	expect(&logfmt, "level=info msg=\"a \\\"b\\\"\\n\\u00e9\" took=3ms dry e=",
	       "'level'='info'; 'msg'='a \"b\"\n\xc3\xa9'; 'took'='3ms'; 'dry'=true; 'e'=''");
	expect(&logfmt, "a=\"x\"y", "no");
	expect(&logfmt, "a=x\"y", "no");
	expect(&logfmt, "a=\"x", "no");
	expect(&logfmt, "\"a\"=x", "no");
	expect(&logfmt, "=x a=1", "no");
	expect(&logfmt, "no pairs", "no");
}

static void keys_with_an_underscore_in_front_get_another(void **state)
{
	expect(&plain, "_id=1 _flag", "'__id'='1'; '__flag'=true");
	expect(&logfmt, "_id=1", "'__id'='1'");
}

static void many_opening_quotes_cost_no_more_than_their_length(void **state)
{
	static char line[200000];
	size_t n = 0;
	while (n < sizeof(line) - 8)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "a=\"\\");
	uint64_t failed = 0;
	pairs_reset(pairs, NULL);
	struct slice text = pairs_copy(pairs, line, n);
	assert_true(kv_pairs(&plain, text, &pairs->rb, 0, &failed));
	pairs_reset(pairs, NULL);
	assert_false(kv_pairs(&logfmt, pairs_copy(pairs, line, n), &pairs->rb, 0, &failed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_split_and_keys_that_stand_alone_are_true),
		cmocka_unit_test(quoted_values_may_hold_separators),
		cmocka_unit_test(separators_are_those_of_the_configuration),
		cmocka_unit_test(logfmt_has_the_escapes_of_json),
		cmocka_unit_test(keys_with_an_underscore_in_front_get_another),
		cmocka_unit_test(many_opening_quotes_cost_no_more_than_their_length),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
