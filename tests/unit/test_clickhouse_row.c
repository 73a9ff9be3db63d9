/* Rows of RowBinary, and the types of their values; tests/services/test_clickhouse.py has them read
 * by ClickHouse itself.
 */
#include "tests/unit/unit.h"

#include "dataplane/sink/clickhouse_row.h"
#include "dataplane/sink/clickhouse_type.h"

static struct err error;

/* The row of @json in a table of one column `c`: as hex; or the error. */
static const char *row(const char *type, const char *json)
{
	static char out[1024];
	static uint8_t padded[1024];
	char described[400];
	struct ch_rows *r = NULL;
	struct slice bytes;
	snprintf(described, sizeof(described), "c\t%s\t\t\n", type);
	snprintf((char *)padded, sizeof(padded), "%s\n", json);
	int rc = ch_rows_create(described, 4096, &r, &error);
	if (rc == 0)
		rc = ch_rows_put(r, slice_str((char *)padded), &bytes, &error);
	if (rc < 0)
		snprintf(out, sizeof(out), "%s", error.text);
	out[rc < 0 ? strlen(out) : 0] = '\0';
	for (size_t i = 0; rc == 0 && i < bytes.len; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes.ptr[i]);
	ch_rows_destroy(r);
	return out;
}

static void every_type_has_the_bytes_of_its_values(void **unused)
{
	static const struct {
		const char *type, *json, *hex;
	} cases[] = {
		{"UInt8", "{\"c\":255}", "ff"},
		{"UInt8", "{\"c\":true}", "01"},
		{"UInt8", "{\"c\":\"7\"}", "07"},
		{"UInt16", "{\"c\":5.0}", "0500"},
		{"UInt32", "{\"c\":4294967295}", "ffffffff"},
		{"UInt64", "{\"c\":18446744073709551615}", "ffffffffffffffff"},
		{"Int8", "{\"c\":-128}", "80"},
		{"Int64", "{\"c\":-1}", "ffffffffffffffff"},
		{"Float32", "{\"c\":1.5}", "0000c03f"},
		{"Float64", "{\"c\":-2e3}", "0000000000409fc0"},
		{"Bool", "{\"c\":true}", "01"},
		{"String", "{\"c\":\"a\\u00e9\\n\"}", "0461c3a90a"},
		{"String", "{\"c\":{\"x\":[1,\"]\"]}}", "0d7b2278223a5b312c225d225d7d"},
		{"String", "{\"c\":1.50}", "04312e3530"},
		{"FixedString(4)", "{\"c\":\"ab\"}", "61620000"},
		{"Nullable(UInt8)", "{\"c\":null}", "01"},
		{"Nullable(UInt8)", "{\"c\":3}", "0003"},
		{"Nullable(UInt8)", "{\"other\":3}", "01"},
		{"UInt16", "{\"c\":null}", "0000"},
		{"LowCardinality(String)", "{\"c\":\"x\"}", "0178"},
		{"LowCardinality(Nullable(String))", "{\"c\":\"x\"}", "000178"},
		{"Date", "{\"c\":\"1970-01-03\"}", "0200"},
		{"Date", "{\"c\":\"1970-01-03T23:59:59.9Z\"}", "0200"},
		{"Date32", "{\"c\":\"1969-12-31\"}", "ffffffff"},
		{"DateTime", "{\"c\":\"1970-01-01T00:00:10.999Z\"}", "0a000000"},
		{"DateTime", "{\"c\":\"1970-01-01 00:00:10\"}", "0a000000"},
		{"DateTime('Europe/Berlin')", "{\"c\":10}", "0a000000"},
		{"DateTime64(3)", "{\"c\":\"1970-01-01T00:00:01.234567Z\"}", "d204000000000000"},
		{"DateTime64(3, 'UTC')", "{\"c\":1.5}", "dc05000000000000"},
		{"DateTime64(9)", "{\"c\":\"1969-12-31T23:59:59.999999999Z\"}", "ffffffffffffffff"},
		{"Decimal(9, 2)", "{\"c\":\"-1.5\"}", "6affffff"},
		{"Decimal(18, 4)", "{\"c\":2}", "204e000000000000"},
		{"Decimal(38, 1)", "{\"c\":0.1}", "01000000000000000000000000000000"},
		{"Decimal64(2)", "{\"c\":1.230}", "7b00000000000000"},
		{"Enum8('a' = 1, 'it\\\\'s' = -2)", "{\"c\":\"it's\"}", "fe"},
		{"Enum16('a' = 1, 'b' = 300)", "{\"c\":\"b\"}", "2c01"},
		{"Enum8('a' = 5, 'b' = 6)", "{\"c\":6}", "06"},
		{"Enum8('a' = 5, 'b' = 6)", "{}", "05"},
		{"UUID", "{\"c\":\"00112233-4455-6677-8899-aabbccddeeff\"}",
		 "7766554433221100ffeeddccbbaa9988"},
		{"IPv4", "{\"c\":\"10.0.0.1\"}", "0100000a"},
		{"IPv6", "{\"c\":\"::1\"}", "00000000000000000000000000000001"},
		{"IPv6", "{\"c\":\"10.0.0.1\"}", "00000000000000000000ffff0a000001"},
		{"Array(UInt8)", "{\"c\":[1, 2,3]}", "03010203"},
		{"Array(UInt8)", "{\"c\":[]}", "00"},
		{"Array(UInt8)", "{}", "00"},
		{"Array(Nullable(String))", "{\"c\":[\"a\",null]}",
		 "02000161"
		 "01"},
		{"Array(String)", "{\"c\":[[1,2],{\"a\":1}]}", "02055b312c325d077b2261223a317d"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = row(cases[i].type, cases[i].json);
		if (strcmp(got, cases[i].hex) != 0)
			print_message("%s %s: %s\n", cases[i].type, cases[i].json, got);
		assert_string_equal(got, cases[i].hex);
	}
}

static void what_a_type_does_not_take_is_named_with_its_column(void **unused)
{
	static const struct {
		const char *type, *value;
	} cases[] = {
		{"UInt8", "256"},
		{"UInt8", "-1"},
		{"UInt8", "1.5"},
		{"UInt8", "\"x\""},
		{"UInt8", "[1]"},
		{"UInt8", "1e2"},
		{"Int8", "128"},
		{"UInt64", "18446744073709551616"},
		{"Float64", "\"a\""},
		{"Float64", "true"},
		{"Bool", "2"},
		{"FixedString(2)", "\"abc\""},
		{"Date", "\"2026-02-30\""},
		{"Date", "\"1969-12-31\""},
		{"DateTime", "\"soon\""},
		{"DateTime", "-1"},
		{"Decimal(9, 2)", "0.001"},
		{"Decimal(9, 2)", "\"a\""},
		{"Enum8('a' = 1)", "\"b\""},
		{"UUID", "\"0011\""},
		{"IPv4", "\"::1\""},
		{"Array(UInt8)", "3"},
		{"Array(UInt8)", "[1,300]"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char json[100], want[200];
		const char *v = cases[i].value;
		snprintf(json, sizeof(json), "{\"a\":1,\"c\":%s}", v);
		snprintf(want, sizeof(want), "column c of type %s does not take %.*s",
			 cases[i].type, *v == '"' ? (int)strlen(v) - 2 : (int)strlen(v),
			 v + (*v == '"'));
		assert_string_equal(row(cases[i].type, json), want);
	}
}

static void a_type_that_is_not_written_is_named(void **unused)
{
	static const char *const types[] = {
		"Map(String, String)",           "Tuple(UInt8)",   "UInt256",
		"Array(Array(UInt8))",           "Decimal(76, 2)", "FixedString(0)",
		"AggregateFunction(sum, UInt8)", "Nullable()"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_non_null(strstr(row(types[i], "{}"), "which is not written as RowBinary"));
}

static void columns_come_in_the_order_of_the_table_whatever_that_of_the_record(void **unused)
{
	static const char line[SL_PAD + 100] = "{\"x\":{\"b\":9},\"b\":2,\"\\u0061\":1,\"d\":4}\n";
	struct ch_rows *r;
	struct slice got;
	assert_int_equal(
		ch_rows_create("a\tUInt8\t\t\nb\tUInt8\t\t\nm\tUInt8\tMATERIALIZED\t1\n"
			       "l\tUInt8\tALIAS\ta\nd`q\\\\\tUInt8\tDEFAULT\t7\nd\tUInt8\t\t\n",
			       4096, &r, &error),
		0);
	assert_string_equal(ch_rows_names(r), "`a`,`b`,`d\\`q\\\\`,`d`");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ch_rows_put(r, slice_str(line), &got, &error), 0);
		assert_int_equal(got.len, 4);
		assert_memory_equal(got.ptr, "\1\2\0\4", 4);
	}
	ch_rows_destroy(r);
}

static void what_is_no_object_is_refused(void **unused)
{
	static const char *const lines[] = {"", "1", "[1]", "\"x\"", "{\"c\":\"", "\xff"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_string_equal(row("UInt8", lines[i]), "it is no JSON object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_has_the_bytes_of_its_values),
		cmocka_unit_test(what_a_type_does_not_take_is_named_with_its_column),
		cmocka_unit_test(a_type_that_is_not_written_is_named),
		cmocka_unit_test(
			columns_come_in_the_order_of_the_table_whatever_that_of_the_record),
		cmocka_unit_test(what_is_no_object_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
