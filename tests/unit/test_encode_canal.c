/* Flat messages as canal documents them: every value a string, types by name and by number. */
#include "tests/unit/change_case.h"

#include "dataplane/sink/canal_type.h"

static const char *value(struct change_column col, const char *text)
{
	return case_value(&encoder_canal, col, text, "{\"data\":[{\"v\":");
}

static const char *of(enum change_type type, const char *text)
{
	return value((struct change_column){.type = (uint8_t)type}, text);
}

static const char *type_text(struct change_column col)
{
	static char text[CANAL_TYPE_MAX];
	*canal_type_put((uint8_t *)text, &col) = 0;
	return text;
}

static void an_update_has_what_changed_as_it_was(void **state)
{
	struct change_column cols[] = {case_column(",\"id\":", CHANGE_T_INT),
				       case_column(",\"name\":", CHANGE_T_VARCHAR),
				       case_column(",\"price\":", CHANGE_T_DECIMAL)};
	cols[0].in_key = true;
	cols[1].length = 64;
	cols[2].length = 10;
	cols[2].decimals = 2;
	case_columns(cols, 3);
	struct rec *r = case_row('u', "{\"id\":1,\"name\":null,\"price\":\"1.50\"}",
				 "{\"id\":1,\"name\":\"tea\",\"price\":\"1.50\"}");
	assert_string_equal(case_encode(&encoder_canal, r),
			    "{\"data\":[{\"id\":\"1\",\"name\":\"tea\",\"price\":\"1.50\"}],"
			    "\"database\":\"shop\",\"es\":1795581795000,\"id\":0,\"isDdl\":false,"
			    "\"mysqlType\":{\"id\":\"int\",\"name\":\"varchar(64)\",\"price\":"
			    "\"decimal(10,2)\"},"
			    "\"old\":[{\"name\":null}],\"pkNames\":[\"id\"],\"sql\":\"\","
			    "\"sqlType\":{\"id\":4,\"name\":12,\"price\":3},\"table\":\"t\","
			    "\"ts\":1795581796123,\"type\":\"UPDATE\"," CASE_IDENTITY "}\n");
}

static void an_update_that_changes_nothing_has_an_old_row_without_columns(void **state)
{
	struct change_column cols[] = {case_column(",\"id\":", CHANGE_T_INT)};
	case_columns(cols, 1);
	const char *line = case_encode(&encoder_canal, case_row('u', "{\"id\":1}", "{\"id\":1}"));
	assert_non_null(strstr(line, "\"old\":[{}],\"pkNames\":null,"));
}

static void inserts_and_deletes_have_no_old(void **state)
{
	struct change_column cols[] = {case_column(",\"id\":", CHANGE_T_INT)};
	case_columns(cols, 1);
	const char *line = case_encode(&encoder_canal, case_row('c', NULL, "{\"id\":1}"));
	assert_non_null(strstr(line, "{\"data\":[{\"id\":\"1\"}],"));
	assert_non_null(strstr(line, "\"old\":null,"));
	assert_non_null(strstr(line, "\"type\":\"INSERT\","));
	line = case_encode(&encoder_canal, case_row('d', "{\"id\":2}", NULL));
	assert_non_null(strstr(line, "{\"data\":[{\"id\":\"2\"}],"));
	assert_non_null(strstr(line, "\"type\":\"DELETE\","));
}

static void smaller_images_of_an_update_make_one_row_together(void **state)
{
	struct change_column cols[] = {
		case_column(",\"id\":", CHANGE_T_INT), case_column(",\"a\":", CHANGE_T_INT),
		case_column(",\"b\":", CHANGE_T_INT), case_column(",\"c\":", CHANGE_T_INT)};
	case_columns(cols, 4);
	const char *line = case_encode(&encoder_canal,
				       case_row('u', "{\"id\":1,\"c\":3}", "{\"b\":2,\"c\":4}"));
	assert_non_null(strstr(line, "{\"data\":[{\"id\":\"1\",\"b\":\"2\",\"c\":\"4\"}],"));
	assert_non_null(strstr(line, "\"mysqlType\":{\"id\":\"int\",\"b\":\"int\",\"c\":\"int\"}"));
	assert_non_null(strstr(line, "\"old\":[{\"c\":\"3\"}],"));
}

static void a_statement_tells_its_kind_and_table(void **state)
{
	assert_string_equal(
		case_encode(&encoder_canal,
			    case_ddl("shop", "create table if not exists `a b` (i int)")),
		"{\"data\":null,\"database\":\"shop\",\"es\":1795581795000,\"id\":0,\"isDdl\":true,"
		"\"mysqlType\":null,\"old\":null,\"pkNames\":null,"
		"\"sql\":\"create table if not exists `a b` (i int)\",\"sqlType\":null,"
		"\"table\":\"a b\",\"ts\":1795581796123,\"type\":\"CREATE\"," CASE_IDENTITY "}\n");
	static const char *const kinds[][2] = {
		{"ALTER TABLE t ADD c INT", "ALTER"},
		{"DROP TABLE t", "ERASE"},
		{"TRUNCATE t", "TRUNCATE"},
		{"RENAME TABLE t TO u", "RENAME"},
		{"CREATE INDEX i ON t (c)", "CINDEX"},
		{"DROP INDEX i ON t", "DINDEX"},
		{"CREATE DATABASE x", "QUERY"},
		{"CREATE VIEW v AS SELECT 1", "QUERY"},
		{"/*!40000 ALTER TABLE t FORCE */", "ALTER"},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char want[64];
		snprintf(want, sizeof(want), "\"type\":\"%s\"", kinds[i][1]);
		const char *line = case_encode(&encoder_canal, case_ddl("shop", kinds[i][0]));
		if (!strstr(line, want))
			fail_msg("%s: %s", kinds[i][0], line);
	}
}

static void every_value_is_a_string(void **state)
{
	assert_string_equal(of(CHANGE_T_BIGINT, "18446744073709551615"),
			    "\"18446744073709551615\"");
	assert_string_equal(of(CHANGE_T_DOUBLE, "-1.5e-07"), "\"-1.5e-07\"");
	assert_string_equal(of(CHANGE_T_BIT, "5"), "\"5\"");
	assert_string_equal(of(CHANGE_T_YEAR, "0"), "\"0000\"");
	assert_string_equal(of(CHANGE_T_YEAR, "1999"), "\"1999\"");
	assert_string_equal(of(CHANGE_T_DATE, "\"0000-00-00\""), "\"0000-00-00\"");
	assert_string_equal(of(CHANGE_T_TIME, "\"-01:02:03.5\""), "\"-01:02:03.5\"");
	assert_string_equal(of(CHANGE_T_TIMESTAMP, "\"2024-05-06 07:08:09.12Z\""),
			    "\"2024-05-06 07:08:09.12\"");
	assert_string_equal(of(CHANGE_T_JSON, "{\"a\":\"b\"}"), "\"{\\\"a\\\":\\\"b\\\"}\"");
	assert_string_equal(of(CHANGE_T_JSON, "\"s\""), "\"\\\"s\\\"\"");
	assert_string_equal(of(CHANGE_T_VECTOR, "[1,2]"), "\"[1,2]\"");
	assert_string_equal(of(CHANGE_T_ENUM, "3"), "\"3\"");
	assert_string_equal(of(CHANGE_T_VARCHAR, "null"), "null");
	assert_string_equal(of(CHANGE_T_JSON, "null"), "null");
	assert_string_equal(of(CHANGE_T_JSON, "null "), "\"null\"");
}

static void bytes_are_the_characters_of_the_same_numbers(void **state)
{
	assert_string_equal(of(CHANGE_T_BLOB, "\"\""), "\"\"");
	assert_string_equal(of(CHANGE_T_BLOB, "\"AAH/\""), "\"\\u0000\\u0001\xc3\xbf\"");
	assert_string_equal(of(CHANGE_T_BINARY, "\"YQ==\""), "\"a\"");
	assert_string_equal(of(CHANGE_T_VARBINARY, "\"YSI=\""), "\"a\\\"\"");
	assert_string_equal(of(CHANGE_T_LONGBLOB, "\"YVx/gA==\""), "\"a\\\\\x7f\xc2\x80\"");
	assert_string_equal(of(CHANGE_T_GEOMETRY, "{\"srid\":258,\"wkb\":\"YWI=\"}"),
			    "\"\\u0002\\u0001\\u0000\\u0000ab\"");
}

static void types_are_written_as_they_are_declared(void **state)
{
	static const struct slice labels[] = {{(const uint8_t *)"it's", 4},
					      {(const uint8_t *)"b", 1}};
	struct change_column c = {.type = CHANGE_T_ENUM, .labels = labels, .n_labels = 2};
	assert_string_equal(type_text(c), "\"enum('it''s','b')\"");
	assert_int_equal(canal_sql_type(&c), 1);
	c.type = CHANGE_T_SET;
	assert_string_equal(type_text(c), "\"set('it''s','b')\"");
	c.n_labels = 0;
	assert_string_equal(type_text(c), "\"set\"");
	assert_int_equal(canal_sql_type(&c), -7);
	c = (struct change_column){.type = CHANGE_T_BIGINT, .is_unsigned = true};
	assert_string_equal(type_text(c), "\"bigint unsigned\"");
	assert_int_equal(canal_sql_type(&c), 3);
	c = (struct change_column){.type = CHANGE_T_DATETIME, .decimals = 6};
	assert_string_equal(type_text(c), "\"datetime(6)\"");
	assert_int_equal(canal_sql_type(&c), 93);
	c = (struct change_column){.type = CHANGE_T_BINARY, .length = 16};
	assert_string_equal(type_text(c), "\"binary(16)\"");
	assert_int_equal(canal_sql_type(&c), 2004);
	c = (struct change_column){.type = CHANGE_T_UNKNOWN};
	assert_string_equal(type_text(c), "\"\"");
}

static void labels_that_have_no_room_are_left_out_of_the_type(void **state)
{
	static uint8_t text[CANAL_TYPE_MAX];
	memset(text, 'x', sizeof(text));
	struct slice labels[2] = {{text, 200}, {text, sizeof(text)}};
	struct change_column c = {.type = CHANGE_T_ENUM, .labels = labels, .n_labels = 2};
	assert_string_equal(type_text(c), "\"enum\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_update_has_what_changed_as_it_was),
		cmocka_unit_test(an_update_that_changes_nothing_has_an_old_row_without_columns),
		cmocka_unit_test(inserts_and_deletes_have_no_old),
		cmocka_unit_test(smaller_images_of_an_update_make_one_row_together),
		cmocka_unit_test(a_statement_tells_its_kind_and_table),
		cmocka_unit_test(every_value_is_a_string),
		cmocka_unit_test(bytes_are_the_characters_of_the_same_numbers),
		cmocka_unit_test(types_are_written_as_they_are_declared),
		cmocka_unit_test(labels_that_have_no_room_are_left_out_of_the_type),
	};
	return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
