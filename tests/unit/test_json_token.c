#include "tests/unit/unit.h"

#include "dataplane/extract/json_token.h"

/* In a block of its own, with the bytes behind it that may be read. */
static struct slice padded(char *buf, const char *text)
{
	size_t len = strlen(text);
	memset(buf, '0', len + SL_PAD);
	memcpy(buf, text, len);
	return slice_of(buf, len);
}

static void numbers_are_those_of_rfc_8259(void **state)
{
	static const char *const good[] = {"0",     "7",   "-0",     "123456789012345678",
					   "1.5",   "0.0", "-12.50", "1e5",
					   "1E+10", "0e-1"};
	static const char *const bad[] = {"-",   "01", "-01", "1.", ".5",  "1e",
					  "1e+", "+1", "0x1", "1 ", "1-2", "--1"};
	char buf[128];
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!json_is_number(padded(buf, good[i])))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (json_is_number(padded(buf, bad[i])))
			fail_msg("%s", bad[i]);
}

static void escapes_that_are_none_and_halves_of_surrogate_pairs_are_told_apart(void **state)
{
	assert_null(json_check_escapes(SLICE_LIT("a\\n\\\"\\/\\u00e9\\ud83d\\ude00")));
	assert_ptr_equal(json_check_escapes(SLICE_LIT("\\x")), json_err_escape);
	assert_ptr_equal(json_check_escapes(SLICE_LIT("a\\")), json_err_escape);
	assert_ptr_equal(json_check_escapes(SLICE_LIT("\\u12g4")), json_err_escape);
	assert_ptr_equal(json_check_escapes(SLICE_LIT("\\ud83d")), json_err_surrogate);
	assert_ptr_equal(json_check_escapes(SLICE_LIT("\\ude00\\ud83d")), json_err_surrogate);
}

static void breaks_are_carriage_returns_and_line_feeds_of_the_text_alone(void **state)
{
	char buf[128];
	assert_false(json_has_breaks(padded(buf, "{ \"a\":\t1 }")));
	assert_true(json_has_breaks(padded(buf, "{\"a key of sixteen\":1,\n\"b\":2}")));
	assert_true(json_has_breaks(padded(buf, "[\r]")));
	struct slice s = padded(buf, "[1]\n");
	assert_false(json_has_breaks(slice_of(s.ptr, 3)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_those_of_rfc_8259),
		cmocka_unit_test(
			escapes_that_are_none_and_halves_of_surrogate_pairs_are_told_apart),
		cmocka_unit_test(breaks_are_carriage_returns_and_line_feeds_of_the_text_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
