#include "mysql_events.h"

#include <time.h>

#include "parsers/mysql/value.h"

static struct rig *rig;

static int setup(void **state)
{
	rig = rig_create();
	return 0;
}

static int teardown(void **state)
{
	rig_destroy(rig);
	return 0;
}

/* One value of a column of @type. */
static void expect(const char *type, const char *meta, const char *optional, const char *hex,
		   const char *text)
{
	rig_table(rig, type, meta, optional);
	assert_string_equal(rig_value(rig, hex), text);
}

#define SIGNED   "01 01 00"
#define UNSIGNED "01 01 80"

static void pain_29_integers_of_all_widths_have_their_sign(void **state)
{
	expect("01", "", SIGNED, "80", "-128");
	expect("01", "", UNSIGNED, "80", "128");
	expect("02", "", SIGNED, "ffff", "-1");
	expect("02", "", UNSIGNED, "ffff", "65535");
	expect("09", "", SIGNED, "000080", "-8388608");
	expect("09", "", UNSIGNED, "000080", "8388608");
	expect("03", "", SIGNED, "00000080", "-2147483648");
	expect("03", "", UNSIGNED, "d3df88c0", "3230195667");
	expect("08", "", SIGNED, "ffffffffffffffff", "-1");
	expect("08", "", UNSIGNED, "ffffffffffffffff", "18446744073709551615");
	assert_false(rig->out.guessed);
	expect("03", "", "", "ffffffff", "-1");
	assert_true(rig->out.guessed); /* nobody told the sign */
}

static void decimals_are_text_with_all_their_digits(void **state)
{
	expect("f6", "0e04", SIGNED, "810dfb38d204d2", "\"1234567890.1234\"");
	expect("f6", "0e04", SIGNED, "7ef204c72dfb2d", "\"-1234567890.1234\"");
	expect("f6", "0502", SIGNED, "800000", "\"0.00\"");
	expect("f6", "0909", SIGNED, "80000001", "\"0.000000001\"");
	expect("f6", "0100", SIGNED, "89", "\"9\"");
	expect("f6", "0100", SIGNED, "76", "\"-9\"");
	expect("f6", "4100", SIGNED, "e33b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff",
	       "\"99999999999999999999999999999999999999999999999999999999999999999\"");
}

static void floats_have_the_shortest_text_that_reads_back(void **state)
{
	expect("04", "04", SIGNED, "cdcc8c3f", "1.1");
	expect("04", "04", SIGNED, "0000803f", "1");
	expect("04", "04", SIGNED, "00000080", "-0");
	expect("04", "04", SIGNED, "ffff7f7f", "3.4028235e+38");
	expect("04", "04", SIGNED, "01000000", "1.4013e-45");
	expect("04", "04", SIGNED, "0000c07f", "null");
	expect("05", "08", SIGNED, "9a9999999999b93f", "0.1");
	expect("05", "08", SIGNED, "000000000000f07f", "null");
}

static void bits_are_integers_and_years_are_numbers(void **state)
{
	expect("10", "0300", "", "04", "4");
	expect("10", "0008", "", "ffffffffffffffff", "18446744073709551615");
	expect("10", "0101", "", "0102", "258");
	expect("0d", "", "", "65", "2001");
	expect("0d", "", "", "00", "0");
}

static void dates_are_written_as_they_are(void **state)
{
	expect("0a", "", "", "5ad10f", "\"2024-10-26\"");
	expect("0a", "", "", "000000", "\"0000-00-00\"");
	expect("0a", "", "", "00d00f", "\"2024-00-00\"");
	expect("0c", "", "", "f57cac8b68120000", "\"2024-02-29 23:59:57\"");
}

/* osheroff#154, shardingsphere#39674, go-mysql#623: the fraction shares the complement. */
static void pain_30_times_are_signed_and_go_beyond_a_day(void **state)
{
	expect("13", "00", "", "800000", "\"00:00:00\"");
	expect("13", "00", "", "7fffff", "\"-00:00:01\"");
	expect("13", "00", "", "6043e5", "\"-507:48:27\"");
	expect("13", "00", "", "b46efb", "\"838:59:59\"");
	expect("13", "02", "", "7fffff f6", "\"-00:00:00.10\"");
	expect("13", "01", "", "7fffff f6", "\"-00:00:00.1\"");
	expect("13", "04", "", "7ffffe ffff", "\"-00:00:01.0001\"");
	expect("13", "06", "", "7ffffe ffff9c", "\"-00:00:01.000100\"");
	expect("13", "06", "", "7fffff ffffff", "\"-00:00:00.000001\"");
	expect("13", "06", "", "b46efb 0f423f", "\"838:59:59.999999\"");
	expect("0b", "", "", "7cd612", "\"123:45:56\"");
	expect("0b", "", "", "ffffff", "\"-00:00:01\"");
}

static void every_day_of_a_timestamp_has_its_date(void **state)
{
	struct mysql_column c = {.type = MYSQL_T_TIMESTAMP2, .fixed = 4};
	for (uint64_t seconds = 1; seconds <= UINT32_MAX; seconds += 86399) {
		time_t t = (time_t)seconds;
		struct tm tm;
		char got[VALUE_TIME_MAX + 1], want[64];
		uint8_t p[8] = {(uint8_t)(seconds >> 24), (uint8_t)(seconds >> 16),
				(uint8_t)(seconds >> 8), (uint8_t)seconds};
		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%Y-%m-%d %H:%M:%SZ", &tm);
		*value_timestamp_put(got, &c, p) = 0;
		assert_string_equal(got, want);
	}
}

static void datetimes_and_timestamps_keep_their_declared_fraction(void **state)
{
	expect("12", "00", "", "99b2bafb79", "\"2024-02-29 15:45:57\"");
	expect("12", "03", "", "99b2bafb79 1388", "\"2024-02-29 15:45:57.500\"");
	expect("12", "00", "", "8000000000", "\"0000-00-00 00:00:00\"");
	expect("11", "00", "", "65e0a4b5", "\"2024-02-29 15:37:25Z\"");
	expect("11", "06", "", "65e0a4b5 00000a", "\"2024-02-29 15:37:25.000010Z\"");
	expect("11", "02", "", "00000000 00", "\"0000-00-00 00:00:00.00Z\"");
	expect("11", "00", "", "00000001", "\"1970-01-01 00:00:01Z\"");
	expect("11", "00", "", "386d437f", "\"1999-12-31 23:59:59Z\"");
	expect("11", "00", "", "38bb0c00", "\"2000-02-29 00:00:00Z\"");
	expect("11", "00", "", "38bc5d80", "\"2000-03-01 00:00:00Z\"");
	expect("11", "00", "", "ffffffff", "\"2106-02-07 06:28:15Z\"");
	expect("07", "", "", "b5a4e065", "\"2024-02-29 15:37:25Z\"");
}

static void text_is_converted_from_its_character_set(void **state)
{
	expect("0f", "1400", "02 01 2d", "04 61c3a922", "\"a\xc3\xa9\\\"\"");
	expect("0f", "1400", "02 01 08", "02 61e9", "\"a\xc3\xa9\"");
	expect("0f", "1400", "02 01 1c", "04 c4e3bac3", "\"\xe4\xbd\xa0\xe5\xa5\xbd\"");
	expect("fc", "02", "02 01 0d", "0400 83658358", "\"\xe3\x83\x86\xe3\x82\xb9\"");
	expect("fc", "01", "02 01 36", "06 0061d83dde00", "\"a\xf0\x9f\x98\x80\"");
	assert_false(rig->out.invalid_text);
	expect("0f", "1400", "02 01 2d", "02 61ff", "\"a\xef\xbf\xbd\"");
	assert_true(rig->out.invalid_text);
}

static void bytes_are_base64_and_binary_has_its_zeros_back(void **state)
{
	expect("0f", "1400", "02 01 3f", "03 00ff00", "\"AP8A\"");
	expect("fc", "02", "02 01 3f", "0000", "\"\"");
	expect("fe", "fe04", "02 01 3f", "01 ff", "\"/wAAAA==\"");
}

static void what_nobody_told_is_text_where_it_is_utf8_and_bytes_elsewhere(void **state)
{
	expect("0f", "1400", "", "03 61c3a9", "\"a\xc3\xa9\"");
	assert_true(rig->out.guessed);
	expect("0f", "1400", "", "02 61e9", "\"Yek=\"");
	expect("fe", "fe04", "", "01 ff", "\"/w==\"");
}

static void labels_are_written_where_they_are_known(void **state)
{
	const char *labels = "06 05 02 01 61 01 62", *members = "05 07 03 01 72 01 77 01 78";
	expect("fe", "f701", labels, "02", "\"b\"");
	expect("fe", "f701", labels, "00", "\"\"");
	expect("fe", "f701", labels, "03", "3");
	expect("fe", "f702", "", "0201", "258");
	expect("fe", "f801", members, "05", "\"r,x\"");
	expect("fe", "f801", members, "00", "\"\"");
	expect("fe", "f801", members, "08", "8");
	expect("fe", "f808", "", "ffffffffffffffff", "18446744073709551615");
}

static void geometry_is_srid_and_wkb(void **state)
{
	expect("ff", "04", "", "09000000 e6100000 0101000000",
	       "{\"srid\":4326,\"wkb\":\"AQEAAAA=\"}");
	expect("ff", "04", "", "00000000", "{\"srid\":0,\"wkb\":\"\"}");
	expect("ff", "01", "", "03 000000", mysql_fault_text(MYSQL_F_VALUE));
}

static void vectors_are_arrays_of_floats(void **state)
{
	expect("f2", "04", "", "0c000000 cdcc8c3f cdcc0c40 33335340", "[1.1,2.2,3.3]");
	expect("f2", "04", "", "0c000000 0000803f 000080bf 00000000", "[1,-1,0]");
	expect("f2", "04", "", "03000000 000000", mysql_fault_text(MYSQL_F_VALUE));
}

static void expect_kind(uint8_t kind, const char *meta, const char *hex, const char *text)
{
	struct mysql_column_def def = {
		.name = SLICE_LIT("u"), .type = MYSQL_T_STRING, .kind = kind};
	assert_int_equal(rig_table_defs(rig, "fe", meta, "", &def, 1), MYSQL_F_OK);
	assert_string_equal(rig_value(rig, hex), text);
}

static void uuids_and_addresses_are_text_where_a_schema_says_so(void **state)
{
	expect_kind(MYSQL_KIND_UUID, "fe10", "10 123e4567e89b12d3a456426614174000",
		    "\"123e4567-e89b-12d3-a456-426614174000\"");
	expect_kind(MYSQL_KIND_UUID, "fe10", "00", "\"00000000-0000-0000-0000-000000000000\"");
	expect_kind(MYSQL_KIND_INET6, "fe10", "10 20010db8000000000000ff0000428329",
		    "\"2001:db8::ff00:42:8329\"");
	expect_kind(MYSQL_KIND_INET4, "fe04", "04 c0000201", "\"192.0.2.1\"");
	expect_kind(MYSQL_KIND_INET4, "fe04", "02 7f00", "\"127.0.0.0\"");
}

static void compressed_columns_are_unpacked(void **state)
{
	expect("8d", "0b00", "02 01 2d", "05 006d796163", "\"myac\"");
	expect("8c", "02", "02 01 2d", "0000", "\"\"");
	/* forty times 'a': raw deflate, and zlib */
	const char *forty = "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"";
	for (int i = 0; i < 3; i++) {
		expect("8d", "3200", "02 01 2d", "08 8928 4b4c240e0000", forty);
		expect("8c", "01", "02 01 2d", "0e 8128 789c4b4c240e000036eb0f29", forty);
	}
	expect("8d", "3200", "02 01 2d", "08 8927 4b4c240e0000",
	       mysql_fault_text(MYSQL_F_COMPRESSION));
	expect("8d", "3200", "02 01 2d", "02 7101", mysql_fault_text(MYSQL_F_ALGORITHM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pain_29_integers_of_all_widths_have_their_sign),
		cmocka_unit_test(decimals_are_text_with_all_their_digits),
		cmocka_unit_test(floats_have_the_shortest_text_that_reads_back),
		cmocka_unit_test(bits_are_integers_and_years_are_numbers),
		cmocka_unit_test(dates_are_written_as_they_are),
		cmocka_unit_test(pain_30_times_are_signed_and_go_beyond_a_day),
		cmocka_unit_test(datetimes_and_timestamps_keep_their_declared_fraction),
		cmocka_unit_test(every_day_of_a_timestamp_has_its_date),
		cmocka_unit_test(text_is_converted_from_its_character_set),
		cmocka_unit_test(bytes_are_base64_and_binary_has_its_zeros_back),
		cmocka_unit_test(what_nobody_told_is_text_where_it_is_utf8_and_bytes_elsewhere),
		cmocka_unit_test(labels_are_written_where_they_are_known),
		cmocka_unit_test(geometry_is_srid_and_wkb),
		cmocka_unit_test(vectors_are_arrays_of_floats),
		cmocka_unit_test(uuids_and_addresses_are_text_where_a_schema_says_so),
		cmocka_unit_test(compressed_columns_are_unpacked),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
