/* literal.c, literal_time.c, inet.c */
#include "unit.h"

#include "dataplane/graph/inet.h"
#include "dataplane/graph/literal.h"

/* What @text reads as, printed again; "bad", "range". */
static const char *again(enum sql_type t, const char *text)
{
	static char out[LITERAL_MAX + 1];
	union cell c;
	uint8_t state = literal_read(t, slice_str(text), NULL, &c);
	if (state != VEC_VALUE)
		return state == VEC_BAD_INPUT ? "bad" : "range";
	out[literal_put(t, &c, NULL, out)] = '\0';
	return out;
}

static void numbers_are_read_and_printed_as_sql_does(void **state)
{
	assert_string_equal(again(SQL_INT2, " -32768 "), "-32768");
	assert_string_equal(again(SQL_INT2, "32768"), "range");
	assert_string_equal(again(SQL_INT4, "+7"), "7");
	assert_string_equal(again(SQL_INT8, "-9223372036854775808"), "-9223372036854775808");
	assert_string_equal(again(SQL_INT8, "9223372036854775808"), "range");
	assert_string_equal(again(SQL_INT4, "1.0"), "bad");
	assert_string_equal(again(SQL_INT4, ""), "bad");
	assert_string_equal(again(SQL_FLOAT8, "1e15"), "1e+15");
	assert_string_equal(again(SQL_FLOAT8, "123456789012345"), "123456789012345");
	assert_string_equal(again(SQL_FLOAT8, "0.0001"), "0.0001");
	assert_string_equal(again(SQL_FLOAT8, "0.00001"), "1e-05");
	assert_string_equal(again(SQL_FLOAT8, "5e-324"), "5e-324");
	assert_string_equal(again(SQL_FLOAT8, "-0"), "-0");
	assert_string_equal(again(SQL_FLOAT8, "1e400"), "range");
	assert_string_equal(again(SQL_FLOAT8, "nan"), "NaN");
	assert_string_equal(again(SQL_FLOAT8, "-inf"), "-Infinity");
	assert_string_equal(again(SQL_FLOAT4, "16777216"), "1.6777216e+07");
	assert_string_equal(again(SQL_FLOAT4, "0.1"), "0.1");
	assert_string_equal(again(SQL_BOOL, "tr"), "true");
	assert_string_equal(again(SQL_BOOL, "OFF"), "false");
	assert_string_equal(again(SQL_BOOL, "o"), "bad");
}

static void a_text_right_between_two_numbers_is_neither_of_them(void **state)
{
	assert_string_equal(again(SQL_FLOAT8, "-3.4359803904e25"), "-3.4359803903999998e+25");
	assert_string_equal(again(SQL_FLOAT4, "1.5e10"), "1.5000001e+10");
}

static void dates_and_times_are_iso_8601(void **state)
{
	assert_string_equal(again(SQL_DATE, "2024-02-29"), "2024-02-29");
	assert_string_equal(again(SQL_DATE, "2023-02-29"), "range");
	assert_string_equal(again(SQL_DATE, "20261125"), "2026-11-25");
	assert_string_equal(again(SQL_DATE, "2026-1-5"), "2026-01-05");
	assert_string_equal(again(SQL_DATE, "5/1/2026"), "bad");
	assert_string_equal(again(SQL_TIME, "4:05"), "04:05:00");
	assert_string_equal(again(SQL_TIME, "040506.5"), "04:05:06.5");
	assert_string_equal(again(SQL_TIME, "24:00:00"), "24:00:00");
	assert_string_equal(again(SQL_TIME, "24:00:01"), "range");
	assert_string_equal(again(SQL_TIME, "2026-11-25"), "bad");
	assert_string_equal(again(SQL_TIMESTAMP, "2026-11-25T04:43:16.123456789"),
			    "2026-11-25 04:43:16.123456789");
	assert_string_equal(again(SQL_TIMESTAMP, "1500-01-01"), "range");
	assert_string_equal(again(SQL_TIMESTAMPTZ, "2026-11-25 04:43:16+02:30"),
			    "2026-11-25 02:13:16+00");
	assert_string_equal(again(SQL_TIMESTAMPTZ, "2026-11-25 04:43:16 Z"),
			    "2026-11-25 04:43:16+00");
	assert_string_equal(again(SQL_TIMESTAMPTZ, "2026-11-25 04:43:16+99"), "bad");
	assert_string_equal(again(SQL_TIMESTAMP, "1677-09-21 00:12:44"), "1677-09-21 00:12:44");
	assert_string_equal(again(SQL_TIMESTAMP, "1677-09-21 00:12:43"), "range");
	assert_string_equal(again(SQL_TIMESTAMP, "2262-04-11 23:47:16"), "2262-04-11 23:47:16");
	assert_string_equal(again(SQL_TIMESTAMP, "2262-04-11 23:47:17"), "range");
}

static void intervals_are_words_clocks_or_iso_8601(void **state)
{
	assert_string_equal(again(SQL_INTERVAL, "1 day 2:03:04.5"), "1 day 02:03:04.5");
	assert_string_equal(again(SQL_INTERVAL, "-1 year +2 days"), "-1 years +2 days");
	assert_string_equal(again(SQL_INTERVAL, "1.5 months"), "1 mon 15 days");
	assert_string_equal(again(SQL_INTERVAL, "2 weeks ago"), "-14 days");
	assert_string_equal(again(SQL_INTERVAL, "P1Y2M3DT4H5M6S"), "1 year 2 mons 3 days 04:05:06");
	assert_string_equal(again(SQL_INTERVAL, "1-2"), "1 year 2 mons");
	assert_string_equal(again(SQL_INTERVAL, "90"), "00:01:30");
	assert_string_equal(again(SQL_INTERVAL, "-00:00:01"), "-00:00:01");
	assert_string_equal(again(SQL_INTERVAL, "2026-11-25"), "bad");
	assert_string_equal(again(SQL_INTERVAL, "1 fortnight"), "bad");
	assert_string_equal(again(SQL_INTERVAL, ""), "bad");
	assert_string_equal(again(SQL_INTERVAL, "@"), "bad");
	assert_string_equal(again(SQL_INTERVAL, "@ 1 minute"), "00:01:00");
	assert_string_equal(again(SQL_INTERVAL, "1.2.3"), "bad");
	assert_string_equal(again(SQL_INTERVAL, "1-1 days"), "bad");
	assert_string_equal(again(SQL_INTERVAL, "-2147483648 months ago"), "range");
	assert_string_equal(again(SQL_INTERVAL, "99999999999 years"), "range");
}

static void addresses_have_a_mask_or_all_of_their_bits(void **state)
{
	struct inet a, b;
	assert_string_equal(again(SQL_INET, "10.1.2.3"), "10.1.2.3");
	assert_string_equal(again(SQL_INET, "010.001.2.3/32"), "10.1.2.3");
	assert_string_equal(again(SQL_INET, "10.1/16"), "10.1.0.0/16");
	assert_string_equal(again(SQL_INET, "10.1"), "bad");
	assert_string_equal(again(SQL_INET, "10.1.2.256"), "bad");
	assert_string_equal(again(SQL_INET, "10.1.2.3/33"), "bad");
	assert_string_equal(again(SQL_INET, "2001:DB8::1/32"), "2001:db8::1/32");
	assert_string_equal(again(SQL_INET, "::ffff:1.2.3.4"), "::ffff:1.2.3.4");
	assert_string_equal(again(SQL_INET, ""), "bad");
	assert_true(inet_parse(SLICE_LIT("10.1.2.3"), &a) &&
		    inet_parse(SLICE_LIT("10.0.0.0/9"), &b));
	assert_true(inet_within(&a, &b, false));
	assert_false(inet_within(&b, &a, true));
	assert_false(inet_within(&b, &b, false));
	assert_true(inet_within(&b, &b, true));
	assert_true(inet_compare(SLICE_LIT("255.0.0.1"), SLICE_LIT("::1")) < 0);
	assert_true(inet_compare(SLICE_LIT("10.0.0.0/8"), SLICE_LIT("10.0.0.0/9")) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_and_printed_as_sql_does),
		cmocka_unit_test(a_text_right_between_two_numbers_is_neither_of_them),
		cmocka_unit_test(dates_and_times_are_iso_8601),
		cmocka_unit_test(intervals_are_words_clocks_or_iso_8601),
		cmocka_unit_test(addresses_have_a_mask_or_all_of_their_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
