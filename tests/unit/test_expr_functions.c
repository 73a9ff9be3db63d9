/* fn_*.c: what the examples of docs/expressions.md do not show, bounds and bad arguments above all.
 */
#include "expr_case.h"

static void texts_that_would_grow_without_end_are_bounded(void **state)
{
	expr_is("length(repeat(t, 10))", "120");
	expr_is("repeat(t, 200000)", "!no_room");
	expr_is("repeat(t, 2147483647)", "!no_room");
	expr_is("repeat(t, -1)", "");
	expr_is("repeat(empty, 2147483647)", "");
	expr_is("lpad(t, 2147483647)", "!no_room");
	expr_is("rpad(t, 2147483647, empty)", "Hello, w\xc3\xb6rld");
	expr_is("replace(repeat(t, 1000), 'l', repeat(t, 1000))", "!no_room");
	expr_is("length(replace(t, 'l', ''))", "9");
	expr_is("replace(t, '', 'x')", "Hello, w\xc3\xb6rld");
	expr_is("length(translate(t, 'l', '\xe6\x97\xa5'))", "12");
}

static void parts_of_text_begin_and_end_where_they_can(void **state)
{
	expr_is("left(t, -20)", "");
	expr_is("left(t, 2147483647)", "Hello, w\xc3\xb6rld");
	expr_is("right(t, 4)", "\xc3\xb6rld");
	expr_is("right(t, -8)", "\xc3\xb6rld");
	expr_is("right(t, -2147483648)", "");
	expr_is("substring(t from -5 for 7)", "H");
	expr_is("substring(t from 9 for 1)", "\xc3\xb6");
	expr_is("substring(t from 100)", "");
	expr_is("substring(t from 1 for -i)", "!bad_input");
	expr_is("substring(t from 2147483647 for 2147483647)", "");
	expr_is("substring(t from -2147483648 for 2147483647)", "");
	expr_is("split_part(t, ', ', -2)", "Hello");
	expr_is("split_part(t, 'x', -2)", "");
	expr_is("split_part(t, ',', zero)", "!bad_input");
	expr_is("overlay(t placing 'x' from zero)", "!bad_input");
	expr_is("overlay(t placing 'x' from 100 for 2147483647)", "Hello, w\xc3\xb6rldx");
	expr_is("chr(zero)", "!bad_input");
	expr_is("chr(55296 + zero)", "!bad_input");
	expr_is("position(empty in t)", "1");
	expr_is("btrim('\xc3\xa4"
		"a\xc3\xa4', '\xc3\xa4')",
		"a");
	expr_is("reverse('')", "");
}

static void like_knows_its_escapes(void **state)
{
	expr_is("'a%b' LIKE 'a\\%b'", "true");
	expr_is("'axb' LIKE 'a\\%b'", "false");
	expr_is("t LIKE 'Hello\\'", "? 2: the pattern must not end in its escape");
	expr_is("t LIKE left('Hello\\', i)", "!bad_input");
	expr_is("t LIKE '%' || 'rld'", "true");
	expr_is("t LIKE '%%%l%%%'", "true");
	expr_is("t LIKE '____________'", "true");
	expr_is("t LIKE '___________'", "false");
	expr_is("t LIKE 'hello!, w%' ESCAPE '!'", "false");
	expr_is("t ILIKE 'HELLO!, W%' ESCAPE '!'", "true");
	expr_is("t LIKE 'Hello%' ESCAPE ''", "true");
	expr_is("t LIKE nothing", "NULL");
	expr_is("empty LIKE '%'", "true");
	expr_is("empty LIKE '_'", "false");
	expr_is("empty ~ '^$'", "true");
	expr_is("nothing ~ 'x'", "NULL");
	expr_is("t ~ NULL", "NULL");
	expr_is("'abc' ~ 'b'", "true");
}

static void whole_numbers_overflow_at_the_ends_of_their_types(void **state)
{
	expr_is("(32760 + i)::int2 + 1::int2", "!out_of_range");
	expr_is("(32760 + i)::int2 - 1::int2", "32766");
	expr_is("2147483640 + i", "2147483647");
	expr_is("2147483641 + i", "!out_of_range");
	expr_is("-2147483648 - i", "!out_of_range");
	expr_is("1000000 * (i * 1000)", "!out_of_range");
	expr_is("big - -1::int8", "!out_of_range");
	expr_is("big * -1", "-9223372036854775807");
	expr_is("big * i", "!out_of_range");
	expr_is("(-2147483648 + zero) / (zero - 1)", "!out_of_range");
	expr_is("(-2147483648 + zero) % (zero - 1)", "0");
	expr_is("(-big - 1) / (zero - 1)", "!out_of_range");
	expr_is("(-big - 1) % (zero - 1)", "0");
	expr_is("-(-2147483648 + zero)", "!out_of_range");
	expr_is("abs(-big - 1)", "!out_of_range");
	expr_is("i % zero", "!division_by_zero");
	expr_is("-i / 2", "-3");
	expr_is("-i % 2", "-1");
	expr_is("i << 33", "14");
}

static void floats_overflow_and_underflow(void **state)
{
	expr_is("f * 1.7e308::float8", "!out_of_range");
	expr_is("f * 1e-300::float8 * 1e-300::float8", "!out_of_range");
	expr_is("f / zero::float8", "!division_by_zero");
	expr_is("('NaN'::float8 + zero) / zero::float8", "NaN");
	expr_is("sqrt(-f)", "!bad_input");
	expr_is("ln(zero)", "!bad_input");
	expr_is("power(zero, -1)", "!bad_input");
	expr_is("power(-f, f)", "!bad_input");
	expr_is("exp(f * 1000)", "!out_of_range");
	expr_is("(f * 1e300)::real", "!out_of_range");
	expr_is("(f * 1e300)::int8", "!out_of_range");
	expr_is("f = 'NaN'", "false");
	expr_is("'NaN'::float8 > f", "true");
}

static void times_leave_their_range_as_an_error(void **state)
{
	expr_is("ts + INTERVAL '300 years'", "!out_of_range");
	expr_is("d + 2147483647", "!out_of_range");
	expr_is("d - DATE '1970-01-01' + i", "20789");
	expr_is("DATE '2026-01-31' + make_interval(0, i - 6)", "2026-02-28 00:00:00");
	expr_is("ts - INTERVAL '-2147483648 months'", "!out_of_range");
	expr_is("INTERVAL '1 day' * i * 1e300::float8", "!out_of_range");
	expr_is("INTERVAL '1 day' / zero", "!division_by_zero");
	expr_is("date_bin(INTERVAL '1 month', ts, ts)", "!bad_input");
	expr_is("date_bin(make_interval(0, 0, 0, zero), ts, ts)", "!bad_input");
	expr_is("make_date(2026, 2, 22 + i)", "!out_of_range");
	expr_is("make_time(24, 0, f)", "!out_of_range");
	expr_is("to_timestamp(f * 1e300)", "!out_of_range");
	expr_is("ts AT TIME ZONE INTERVAL '1 day'", "!bad_input");
	expr_is("date_trunc('week', INTERVAL '1 day' * i)", "!bad_input");
}

static void the_zone_of_the_session_is_that_of_the_scope(void **state)
{
	char out[128];
	expr_case_run("_time", "America/New_York", out, sizeof(out));
	assert_string_equal(out, "2026-07-25 04:43:16+00"); /* expr_case prints UTC */
	expr_case_run("_time::text", "America/New_York", out, sizeof(out));
	assert_string_equal(out, "2026-07-25 00:43:16-04");
	expr_case_run("date_trunc('day', _time)::text", "America/New_York", out, sizeof(out));
	assert_string_equal(out, "2026-07-25 00:00:00-04");
	expr_case_run("'2026-01-01'::timestamptz::text", "Asia/Kolkata", out, sizeof(out));
	assert_string_equal(out, "2026-01-01 00:00:00+05:30");
	expr_case_run("now() = _time AND current_date = _time::date", NULL, out, sizeof(out));
	assert_string_equal(out, "true");
}

static void json_and_bytes_are_checked_where_they_are_made(void **state)
{
	expr_is("t::json", "!bad_input");
	expr_is("(left('[1,2]x', 5))::json -> 1", "2");
	expr_is("j -> 'a' -> 'b' ->> 1", "x\ny");
	expr_is("j -> 'a' -> 'b' ->> 2", "NULL");
	expr_is("j #>> '{a,b,x}'", "NULL");
	expr_is("j #> '{}'", "{\"a\":{\"b\":[1,\"x\\ny\",null]},\"a2\":true}");
	expr_is("j #> '{a'", "? 2: '{a' is no path; one is written as in '{a,0,b}'");
	expr_is("(j -> 'a')::int", "!bad_input");
	expr_is("json_array_length(j)", "!bad_input");
	expr_is("decode(t, 'hex')", "!bad_input");
	expr_is("decode(t, 'base64')", "!bad_input");
	expr_is("encode(decode(left('QQ==', 4 + zero), 'base64'), 'hex')", "41");
	expr_is("decode(left('QQ=', 3 + zero), 'base64')", "!bad_input");
	expr_is("convert_from(decode(left('ff', 2 + zero), 'hex'), 'UTF8')", "!bad_input");
	expr_is("(left('\\x0', 3 + zero))::bytea", "!bad_input");
	expr_is("t::inet", "!bad_input");
	expr_is("set_masklen(ip, 26 + i)", "!bad_input");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_that_would_grow_without_end_are_bounded),
		cmocka_unit_test(parts_of_text_begin_and_end_where_they_can),
		cmocka_unit_test(like_knows_its_escapes),
		cmocka_unit_test(whole_numbers_overflow_at_the_ends_of_their_types),
		cmocka_unit_test(floats_overflow_and_underflow),
		cmocka_unit_test(times_leave_their_range_as_an_error),
		cmocka_unit_test(the_zone_of_the_session_is_that_of_the_scope),
		cmocka_unit_test(json_and_bytes_are_checked_where_they_are_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
