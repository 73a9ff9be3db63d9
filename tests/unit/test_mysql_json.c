#include "mysql_events.h"

#include "parsers/mysql/mjson.h"

static uint8_t text[1 << 16];

static const char *put_hex(const char *hex, const char *base)
{
	static uint8_t value[1 << 15], old[1 << 12];
	size_t n = hex_read(hex, value);
	struct mysql_out out = {.buf = text, .cap = sizeof(text) - 64};
	struct slice b = {old, base && base[0] != '-' ? hex_read(base, old) : 0};
	enum mysql_fault f;
	if (!base)
		f = mjson_put(slice_of(value, n), &out);
	else
		f = mjson_put_diff(base[0] == '-' ? NULL : &b, slice_of(value, n), &out);
	if (f)
		return mysql_fault_text(f);
	text[out.len] = 0;
	return (const char *)text;
}

static void expect(const char *hex, const char *json)
{
	assert_string_equal(put_hex(hex, NULL), json);
}

static void scalars_of_all_types_are_written(void **state)
{
	expect("", "null");
	expect("04 00", "null");
	expect("04 01", "true");
	expect("04 02", "false");
	expect("05 ffff", "-1");
	expect("06 ffff", "65535");
	expect("07 ffffffff", "-1");
	expect("08 ffffffff", "4294967295");
	expect("09 ffffffffffffffff", "-1");
	expect("0a ffffffffffffffff", "18446744073709551615");
	expect("0b 000000000000f83f", "1.5");
	expect("0c 03 612262", "\"a\\\"b\"");
}

static void long_strings_have_lengths_of_several_bytes(void **state)
{
	static uint8_t value[70000 + SL_PAD] = {0x0c, 0xf0, 0xa2, 0x04}; /* 70,000 */
	static uint8_t big[90000];
	memset(value + 4, 'a', 69996);
	struct mysql_out out = {.buf = big, .cap = sizeof(big) - 64};
	assert_int_equal(mjson_put(slice_of(value, 70000), &out), MYSQL_F_JSON);
	value[1] = 0xec;
	assert_int_equal(mjson_put(slice_of(value, 70000), &out), MYSQL_F_OK);
	assert_int_equal(out.len, 69996 + 2);
}

static void arrays_and_objects_hold_small_values_in_their_entries(void **state)
{
	/* [1, "x", null] */
	expect("02 0300 0f00 | 05 0100 | 0c 0d00 | 04 0000 | 01 78", "[1,\"x\",null]");
	/* {"ab": 1} and [] and {} */
	expect("00 0100 0d00 | 0b00 0200 | 05 0100 | 6162", "{\"ab\":1}");
	expect("02 0000 0400", "[]");
	expect("00 0000 0400", "{}");
	/* large: [70000], four bytes in the entry */
	expect("03 01000000 0d000000 | 07 70110100", "[70000]");
	/* {"a":[true]} */
	expect("00 0100 1300 | 0b00 0100 | 02 0c00 | 61 | 0100 0700 04 0100", "{\"a\":[true]}");
}

static void values_of_sql_types_are_written_as_the_server_does(void **state)
{
	expect("0f f6 05 0402 8c7f", mysql_fault_text(MYSQL_F_JSON)); /* cut */
	expect("0f f6 05 0603 807b 01c8", mysql_fault_text(MYSQL_F_JSON));
	expect("0f f6 06 0603 807b 01c8", "123.456");
	expect("0f 0a 08 0000000000e48b19", "\"2012-03-18\"");
	expect("0f 0b 08 fbffff7cefffffff", "\"-01:02:03.000005\"");
	expect("0f 10 01 55", "\"base64:type16:VQ==\"");
	expect("0f 0c 07 00000000000000", mysql_fault_text(MYSQL_F_JSON));
}

static void what_is_cut_or_points_outside_is_a_fault(void **state)
{
	static const char *const cases[] = {
		"00",
		"05 01",
		"0b 00",
		"0c",
		"0c 05 61",
		"0c ffffffffff 61",
		"0d 00",
		"04",
		"04 03",
		"02 0100 0300",
		"02 ffff 0400",
		"02 0100 0700 | 0c 0800",
		"02 0100 0700 | 0c ffff",
		"00 0100 0b00 | ffff 0100 | 05 0100",
		"00 0100 0b00 | 0b00 ffff | 05 0100",
		"03 ffffffff ffffffff",
		"0f",
		"0f f6 02 0502",
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i], mysql_fault_text(MYSQL_F_JSON));
}

static void arrays_that_hold_themselves_end(void **state)
{
	/* Its only value is at offset 0: itself, again. */
	expect("02 0100 0700 | 02 0000", mysql_fault_text(MYSQL_F_JSON));
	/* Twice: the text would double with each level. */
	static uint8_t small[4096];
	uint8_t value[16];
	size_t n = hex_read("02 0200 0a00 | 02 0000 | 02 0000", value);
	struct mysql_out out = {.buf = small, .cap = sizeof(small) - 64};
	enum mysql_fault f = mjson_put(slice_of(value, n), &out);
	assert_true(f == MYSQL_F_JSON || f == MYSQL_F_NO_ROOM);
}

/* {"a":1,"bb":[10,20]} */
#define BASE                                                                                      \
	"00 0200 1f00 | 1200 0100 | 1300 0200 | 05 0100 | 02 1500 | 61 6262 | 0200 0a00 05 0a00 " \
	"05 1400"

static void diff(const char *hex, const char *json)
{
	assert_string_equal(put_hex(hex, BASE), json);
}

static void diffs_replace_insert_and_remove(void **state)
{
	expect(BASE, "{\"a\":1,\"bb\":[10,20]}");
	diff("", "{\"a\":1,\"bb\":[10,20]}");
	diff("00 03 242e61 03 05 0700", "{\"a\":7,\"bb\":[10,20]}");
	diff("00 08 242e62625b305d"
	     "00",
	     mysql_fault_text(MYSQL_F_DIFF));
	diff("00 07 242e62625b305d 03 05 0700", "{\"a\":1,\"bb\":[7,20]}");
	diff("01 07 242e62625b305d 03 05 0700", "{\"a\":1,\"bb\":[7,10,20]}");
	diff("01 07 242e62625b325d 03 05 0700", "{\"a\":1,\"bb\":[10,20,7]}");
	diff("01 07 242e62625b395d 03 05 0700", "{\"a\":1,\"bb\":[10,20,7]}");
	diff("02 07 242e62625b305d", "{\"a\":1,\"bb\":[20]}");
	diff("02 07 242e62625b315d", "{\"a\":1,\"bb\":[10]}");
	diff("02 03 242e61", "{\"bb\":[10,20]}");
	diff("02 04 242e6262", "{\"a\":1}");
	diff("02 04 242e6262 02 03 242e61", "{}");
	diff("02 07 242e62625b305d 02 07 242e62625b305d 01 07 242e62625b305d 02 04 01",
	     "{\"a\":1,\"bb\":[true]}");
	diff("00 01 24 03 05 0700", "7");
}

static void inserted_keys_stand_where_the_server_would_put_them(void **state)
{
	diff("01 03 242e63 03 05 0700", "{\"a\":1,\"c\":7,\"bb\":[10,20]}");
	diff("01 04 242e6161 03 05 0700", "{\"a\":1,\"aa\":7,\"bb\":[10,20]}");
	diff("01 04 242e7a7a 03 05 0700", "{\"a\":1,\"bb\":[10,20],\"zz\":7}");
	diff("01 06 242e22206122 03 05 0700", "{\"a\":1,\" a\":7,\"bb\":[10,20]}");
	/* into an empty one */
	diff("02 03 242e61 02 04 242e6262 01 03 242e61 02 04 00", "{\"a\":null}");
}

static void diffs_that_do_not_fit_are_written_as_they_are(void **state)
{
	diff("00 03 242e7a 03 05 0700",
	     "{\"_partial\":[{\"op\":\"replace\",\"path\":\"$.z\",\"value\":7}]}");
	diff("02 06 242e615b305d", "{\"_partial\":[{\"op\":\"remove\",\"path\":\"$.a[0]\"}]}");
	diff("02 01 24", "{\"_partial\":[{\"op\":\"remove\",\"path\":\"$\"}]}");
	diff("01 03 242e61 03 05 0700",
	     "{\"_partial\":[{\"op\":\"insert\",\"path\":\"$.a\",\"value\":7}]}");
	assert_string_equal(put_hex("02 03 242e61 01 05 242e226122 02 04 01", "-"),
			    "{\"_partial\":[{\"op\":\"remove\",\"path\":\"$.a\"},"
			    "{\"op\":\"insert\",\"path\":\"$.\\\"a\\\"\",\"value\":true}]}");
}

static void broken_diffs_are_a_fault(void **state)
{
	static const char *const cases[] = {"00",          "03 01 24", "00 05 24", "00 01 24 05 04",
					    "00 01 24 fb", "ff"};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		diff(cases[i], mysql_fault_text(MYSQL_F_DIFF));
		assert_string_equal(put_hex(cases[i], "-"), mysql_fault_text(MYSQL_F_DIFF));
	}
	diff("00 01 24 01 05", mysql_fault_text(MYSQL_F_JSON));
}

static void many_diffs_of_a_long_value_are_not_applied_one_by_one(void **state)
{
	/* 40,000 diffs of 8 bytes, each to be found in a text of 64,000: 2.5 GB of text. */
	static uint8_t base[64004 + SL_PAD], diffs[40000 * 8 + SL_PAD], out_text[4 << 20];
	uint8_t one[16];
	base[0] = 0x0c;
	base[1] = 0x80;
	base[2] = 0xf4;
	base[3] = 0x03;
	memset(base + 4, 'a', 64000);
	assert_int_equal(hex_read("00 03 245b30 02 04 01", one), 8);
	for (size_t i = 0; i < 320000; i += 8)
		memcpy(diffs + i, one, 8);
	struct mysql_out out = {.buf = out_text, .cap = sizeof(out_text) - 64};
	struct slice b = {base, 64004};
	assert_int_equal(mjson_put_diff(&b, slice_of(diffs, 320000), &out), MYSQL_F_OK);
	assert_true(out.len > 40000 * 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_of_all_types_are_written),
		cmocka_unit_test(long_strings_have_lengths_of_several_bytes),
		cmocka_unit_test(arrays_and_objects_hold_small_values_in_their_entries),
		cmocka_unit_test(values_of_sql_types_are_written_as_the_server_does),
		cmocka_unit_test(what_is_cut_or_points_outside_is_a_fault),
		cmocka_unit_test(arrays_that_hold_themselves_end),
		cmocka_unit_test(diffs_replace_insert_and_remove),
		cmocka_unit_test(inserted_keys_stand_where_the_server_would_put_them),
		cmocka_unit_test(diffs_that_do_not_fit_are_written_as_they_are),
		cmocka_unit_test(broken_diffs_are_a_fault),
		cmocka_unit_test(many_diffs_of_a_long_value_are_not_applied_one_by_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
