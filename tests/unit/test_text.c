#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#include "dataplane/base/text.h"

static void u64_reads_digits_only_and_refuses_what_does_not_fit(void **st)
{
	uint64_t v = 7;
	(void)st;
	assert_true(text_u64(SLICE_LIT("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
	static const char *const bad[] = {
		"",    "18446744073709551616",   "-1", "+1", " 1", "1 ", "0x10",
		"1e3", "99999999999999999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_u64(slice_str(bad[i]), &v));
	assert_true(v == UINT64_MAX);
}

static void numbers_are_written_as_printf_does(void **st)
{
	static const int64_t values[] = {
		0,     1,        -1,        9,          10,   99,        100,       -100,
		12345, 99999999, 100000000, 4294967295, 1e15, INT64_MAX, INT64_MIN, -4294967296};
	char got[32], want[32];
	(void)st;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		got[text_put_i64(got, values[i])] = '\0';
		snprintf(want, sizeof(want), "%lld", (long long)values[i]);
		assert_string_equal(got, want);
		got[text_put_u64(got, (uint64_t)values[i])] = '\0';
		snprintf(want, sizeof(want), "%llu", (unsigned long long)values[i]);
		assert_string_equal(got, want);
		got[text_put_u64_loose(got, (uint64_t)values[i])] = '\0';
		snprintf(want, sizeof(want), "%llu", (unsigned long long)values[i]);
		assert_string_equal(got, want);
		got[text_put_hex64(got, (uint64_t)values[i])] = '\0';
		snprintf(want, sizeof(want), "%016llx", (unsigned long long)values[i]);
		assert_string_equal(got, want);
	}
}

static void doubles_read_back_as_they_were(void **st)
{
	static const double values[] = {
		0, -0.0, 0.1, 1.0 / 3, 1e300, 5e-324, 123456789012345678.0, 2.5e-7};
	char got[40];
	(void)st;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		got[text_put_f64(got, values[i])] = '\0';
		assert_true(strtod(got, NULL) == values[i]);
	}
	got[text_put_f64(got, 0.1)] = '\0';
	assert_string_equal(got, "0.1");
	got[text_put_f64(got, strtod("nan", NULL))] = '\0';
	assert_string_equal(got, "null");
}

static void integers_of_every_length_are_written_alike_by_both_ways(void **st)
{
	char got[32], want[32];
	(void)st;
	for (uint64_t power = 1, i = 0; i < 20; i++, power *= 10)
		for (uint64_t k = 0; k < 40; k++) {
			uint64_t v = power * (k % 10) + (k / 10) * (power / 7 + 1) - (k % 3);
			got[text_put_u64_loose(got, v)] = '\0';
			want[text_put_u64(want, v)] = '\0';
			assert_string_equal(got, want);
		}
	for (uint32_t v = 0; v < 100000000; v += 997) {
		got[text_put_u64_loose(got, v)] = '\0';
		want[text_put_u64(want, v)] = '\0';
		assert_string_equal(got, want);
	}
}

/* As the C library does it: the fewest of 15 to 17 digits that read back. */
static void f64_slowly(char *out, size_t cap, double v)
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, cap, "%.*g", digits, v);
		if (strtod(out, NULL) == v)
			return;
	}
}

static void check_f64(double v)
{
	char got[40], want[40];
	got[text_put_f64(got, v)] = '\0';
	f64_slowly(want, sizeof(want), v);
	assert_string_equal(got, want);
}

static void doubles_are_written_as_the_c_library_writes_them(void **st)
{
	uint64_t x = 0x9e3779b97f4a7c15ull;
	(void)st;
	for (unsigned i = 0; i < 60000; i++) {
		random_next(&x);
		double tens = 1, any;
		for (unsigned k = x >> 60; k > 0; k--)
			tens *= 10;
		double whole = (double)(x >> 8 & ((1ull << (x & 63 ? x & 63 : 1)) - 1));
		check_f64(whole / tens); /* a few places behind the point */
		check_f64(-whole * tens);
		check_f64(whole / 8);
		memcpy(&any, &x, 8);
		if (any - any == 0)
			check_f64(any);
	}
	static const double edges[] = {0.0001,
				       0.00009999999999999999,
				       999999999999999.0,
				       999999999999999.9,
				       1e15,
				       0.99999999999999989,
				       0.1 + 0.2,
				       0.001,
				       9.9999999999999995e-4,
				       123456.0,
				       100,
				       0.5};
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		check_f64(edges[i]);
}

static void utf8_ends_at_the_first_ill_formed_byte(void **st)
{
	static const struct {
		const char *text;
		size_t valid;
	} cases[] = {
		{"plain ascii, longer than a word", 31},
		{"caf\xc3\xa9", 5},
		{"\xf0\x9f\x98\x80", 4},
		{"ab\xc3", 2},           /* cut */
		{"\xc0\xaf", 0},         /* overlong */
		{"\xed\xa0\x80", 0},     /* surrogate */
		{"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
		{"12345678\xff", 8},
		{"\xe2\x82\x28", 0},
	};
	(void)st;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			text_utf8_valid((const uint8_t *)cases[i].text, strlen(cases[i].text)),
			cases[i].valid);
}

static void case_is_ignored_for_ascii_only(void **st)
{
	(void)st;
	assert_true(text_ieq(SLICE_LIT("Content-Type"), SLICE_LIT("content-TYPE")));
	assert_false(text_ieq(SLICE_LIT("a"), SLICE_LIT("ab")));
	assert_false(text_ieq(SLICE_LIT("\xc3\x89"), SLICE_LIT("\xc3\xa9")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(u64_reads_digits_only_and_refuses_what_does_not_fit),
		cmocka_unit_test(numbers_are_written_as_printf_does),
		cmocka_unit_test(integers_of_every_length_are_written_alike_by_both_ways),
		cmocka_unit_test(doubles_read_back_as_they_were),
		cmocka_unit_test(doubles_are_written_as_the_c_library_writes_them),
		cmocka_unit_test(utf8_ends_at_the_first_ill_formed_byte),
		cmocka_unit_test(case_is_ignored_for_ascii_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
