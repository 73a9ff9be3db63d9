#include "tests/unit/unit.h"

#include "dataplane/frame/parser.h"
#include "dataplane/frame/reasons.h"

static void each_text_of_a_column_has_one_place(void **state)
{
	struct reasons r = {0};
	static const char one[] = "one", two[] = "two";
	unsigned a = reasons_place(&r, 5, one), b = reasons_place(&r, 5, two);
	unsigned c = reasons_place(&r, 6, one);
	assert_true(a != b && b != c && a != c);
	assert_int_equal(reasons_place(&r, 5, one), a);
	assert_int_equal(reasons_place(&r, 6, one), c);
	assert_string_equal(r.of[b].text, "two");
	assert_int_equal(r.of[c].col, 6);
}

static void what_finds_no_place_is_another_reason_of_its_column(void **state)
{
	struct reasons r = {0};
	static const char texts[REASONS_MAX + 10];
	for (unsigned i = 0; i < REASONS_MAX + 10; i++)
		for (unsigned col = 0; col < REASONS_MAX - REASONS_NAMED; col++) {
			unsigned at = reasons_place(&r, col, &texts[i]);
			assert_true(at < REASONS_MAX);
			assert_int_equal(r.of[at].col, col);
			if (r.of[at].text != &texts[i])
				assert_string_equal(r.of[at].text, "other reasons");
		}
}

static void a_stream_is_named_by_its_first_bytes(void **state)
{
	static const struct {
		struct slice bytes;
		const char *name;
	} cases[] = {
		{SLICE_LIT("\x16\x03\x01\x02\x00"), PARSER_TLS},
		{SLICE_LIT("\x16\x03\x03"), PARSER_TLS},
		{SLICE_LIT("PRI * HTTP/2.0\r\n"), "HTTP/2, which is not read"},
		{SLICE_LIT("SSH-2.0-OpenSSH"), "SSH"},
		{SLICE_LIT("\x1f\x8b\x08"), "compressed as a whole: gzip"},
		{SLICE_LIT("\x28\xb5\x2f\xfd\x24"), "compressed as a whole: zstd"},
		{SLICE_LIT("\x16\x03\x09"), "no source knows its first bytes"},
		{SLICE_LIT("\x16"), "no source knows its first bytes"},
		{SLICE_LIT(""), "no source knows its first bytes"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(reason_of_bytes(cases[i].bytes), cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_text_of_a_column_has_one_place),
		cmocka_unit_test(what_finds_no_place_is_another_reason_of_its_column),
		cmocka_unit_test(a_stream_is_named_by_its_first_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
