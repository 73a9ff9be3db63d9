/* The documented shapes of Debezium's connector for MySQL: envelope, schema change, type mappings.
 */
#include "tests/unit/change_case.h"

#define SOURCE                                                                              \
	"\"source\":{\"version\":\"sluice\",\"connector\":\"mysql\",\"name\":\"orders\","   \
	"\"snapshot\":\"false\",\"db\":\"shop\",\"table\":\"t\",\"server_id\":7,"           \
	"\"file\":\"bin.000003\",\"pos\":4711,\"gtid\":\"0-7-12\",\"ts_ms\":1795581795000," \
	"\"txid\":\"0-7-12\",\"tx_index\":2,\"last\":true,\"row\":0," CASE_IDENTITY "}"

static const char *value(struct change_column col, const char *text)
{
	return case_value(&encoder_debezium, col, text, "\"after\":{\"v\":");
}

static const char *of(enum change_type type, const char *text)
{
	return value((struct change_column){.type = (uint8_t)type}, text);
}

static const char *bits(unsigned n, const char *text)
{
	return value((struct change_column){.type = CHANGE_T_BIT, .length = n}, text);
}

static void an_update_has_both_images_and_the_place(void **state)
{
	struct change_column cols[] = {case_column(",\"id\":", CHANGE_T_INT),
				       case_column(",\"name\":", CHANGE_T_VARCHAR)};
	case_columns(cols, 2);
	struct rec *r = case_row('u', "{\"id\":1004,\"name\":\"Anne\"}",
				 "{\"id\":1004,\"name\":\"Anne Marie\"}");
	assert_string_equal(case_encode(&encoder_debezium, r),
			    "{\"before\":{\"id\":1004,\"name\":\"Anne\"},"
			    "\"after\":{\"id\":1004,\"name\":\"Anne Marie\"}," SOURCE
			    ",\"op\":\"u\",\"ts_ms\":1795581796123,"
			    "\"transaction\":{\"id\":\"0-7-12\",\"total_order\":3}}\n");
}

static void an_insert_has_no_before_and_a_delete_no_after(void **state)
{
	struct change_column cols[] = {case_column(",\"id\":", CHANGE_T_INT)};
	case_columns(cols, 1);
	const char *line = case_encode(&encoder_debezium, case_row('c', NULL, "{\"id\":1}"));
	assert_non_null(strstr(line, "{\"before\":null,\"after\":{\"id\":1},"));
	assert_non_null(strstr(line, ",\"op\":\"c\","));
	line = case_encode(&encoder_debezium, case_row('d', "{\"id\":1}", NULL));
	assert_non_null(strstr(line, "{\"before\":{\"id\":1},\"after\":null,"));
	assert_non_null(strstr(line, ",\"op\":\"d\","));
}

static void without_a_transaction_that_is_known_there_is_none(void **state)
{
	case_columns(NULL, 0);
	struct rec *r = case_row_at('c', NULL, "{}", "{\"db\":\"shop\",\"gtid\":null,\"ts_ms\":0}");
	const char *line = case_encode(&encoder_debezium, r);
	assert_non_null(strstr(line, "\"after\":{},"));
	assert_non_null(strstr(line, ",\"transaction\":null}\n"));
}

static void a_change_of_tables_is_an_event_of_its_own_shape(void **state)
{
	struct rec *r = case_ddl("shop", "ALTER TABLE `t` ADD \"x\" INT");
	assert_string_equal(case_encode(&encoder_debezium, r),
			    "{" SOURCE ",\"ts_ms\":1795581796123,\"databaseName\":\"shop\","
			    "\"schemaName\":null,\"ddl\":\"ALTER TABLE `t` ADD \\\"x\\\" INT\","
			    "\"tableChanges\":[]}\n");
	const char *line = case_encode(&encoder_debezium, case_ddl(NULL, "DROP TABLE a.b"));
	assert_non_null(strstr(line, "\"databaseName\":\"a\""));
	line = case_encode(&encoder_debezium, case_ddl(NULL, "DROP TABLE b"));
	assert_non_null(strstr(line, "\"databaseName\":null"));
}

static void bits_are_a_boolean_or_bytes_the_lowest_first(void **state)
{
	assert_string_equal(bits(1, "0"), "false");
	assert_string_equal(bits(1, "1"), "true");
	assert_string_equal(bits(7, "127"), "\"fw==\"");
	assert_string_equal(bits(9, "258"), "\"AgE=\"");
	assert_string_equal(bits(64, "18446744073709551615"), "\"//////////8=\"");
	assert_string_equal(bits(64, "null"), "null");
}

static void json_is_text_and_stays_what_it_was(void **state)
{
	assert_string_equal(of(CHANGE_T_JSON, "{\"a\":[1,\"x\\n\"]}"),
			    "\"{\\\"a\\\":[1,\\\"x\\\\n\\\"]}\"");
	assert_string_equal(of(CHANGE_T_JSON, "\"s\""), "\"\\\"s\\\"\"");
	assert_string_equal(of(CHANGE_T_JSON, "1.5"), "\"1.5\"");
	assert_string_equal(of(CHANGE_T_JSON, "true"), "\"true\"");
	assert_string_equal(of(CHANGE_T_JSON, "null"), "null");
	assert_string_equal(of(CHANGE_T_JSON, "null "), "\"null\"");
}

static void dates_that_no_calendar_has_are_null(void **state)
{
	assert_string_equal(of(CHANGE_T_DATE, "\"0000-00-00\""), "null");
	assert_string_equal(of(CHANGE_T_DATE, "\"2024-00-01\""), "null");
	assert_string_equal(of(CHANGE_T_DATETIME, "\"2024-02-00 10:00:00\""), "null");
	assert_string_equal(of(CHANGE_T_TIMESTAMP, "\"0000-00-00 00:00:00Z\""), "null");
	assert_string_equal(of(CHANGE_T_DATE, "\"2024-10-20\""), "\"2024-10-20\"");
}

static void all_other_values_are_those_that_a_parser_of_the_type_reads(void **state)
{
	static const struct {
		enum change_type type;
		const char *text;
	} same[] = {
		{CHANGE_T_BIGINT, "18446744073709551615"},
		{CHANGE_T_TINYINT, "-128"},
		{CHANGE_T_DECIMAL, "\"-0.0012\""},
		{CHANGE_T_DOUBLE, "1.5e+300"},
		{CHANGE_T_TIME, "\"-838:59:59.000001\""},
		{CHANGE_T_DATETIME, "\"9999-12-31 23:59:59.999999\""},
		{CHANGE_T_TIMESTAMP, "\"2024-05-06 07:08:09.12Z\""},
		{CHANGE_T_YEAR, "2155"},
		{CHANGE_T_ENUM, "\"green\""},
		{CHANGE_T_SET, "\"a,b\""},
		{CHANGE_T_BLOB, "\"AAH/\""},
		{CHANGE_T_VARCHAR, "\"\xef\xbf\xbd\\\"\\\\\""},
		{CHANGE_T_GEOMETRY, "{\"srid\":0,\"wkb\":\"AQ==\"}"},
		{CHANGE_T_VECTOR, "[1,0.5]"},
		{CHANGE_T_UNKNOWN, "[{}]"},
	};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_string_equal(of(same[i].type, same[i].text), same[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_update_has_both_images_and_the_place),
		cmocka_unit_test(an_insert_has_no_before_and_a_delete_no_after),
		cmocka_unit_test(without_a_transaction_that_is_known_there_is_none),
		cmocka_unit_test(a_change_of_tables_is_an_event_of_its_own_shape),
		cmocka_unit_test(bits_are_a_boolean_or_bytes_the_lowest_first),
		cmocka_unit_test(json_is_text_and_stays_what_it_was),
		cmocka_unit_test(dates_that_no_calendar_has_are_null),
		cmocka_unit_test(all_other_values_are_those_that_a_parser_of_the_type_reads),
	};
	return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
