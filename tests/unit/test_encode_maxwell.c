/* The documented messages of Maxwell's daemon, and its spelling of each type. */
#include "tests/unit/change_case.h"

#include "dataplane/sink/encode_change.h"

static const char *value(struct change_column col, const char *text)
{
	return case_value(&encoder_maxwell, col, text, "\"data\":{\"v\":");
}

static const char *of(enum change_type type, const char *text)
{
	return value((struct change_column){.type = (uint8_t)type}, text);
}

static void an_update_has_the_whole_row_and_what_changed_as_it_was(void **state)
{
	struct change_column cols[] = {case_column(",\"id\":", CHANGE_T_INT),
				       case_column(",\"m\":", CHANGE_T_DOUBLE),
				       case_column(",\"c\":", CHANGE_T_TIMESTAMP)};
	cols[0].in_key = true;
	case_columns(cols, 3);
	struct rec *r =
		case_row('u', "{\"id\":1,\"m\":4.2341,\"c\":\"2016-10-21 05:33:37.523000Z\"}",
			 "{\"id\":1,\"m\":5.444,\"c\":\"2016-10-21 05:33:54.631000Z\"}");
	assert_string_equal(
		case_encode(&encoder_maxwell, r),
		"{\"database\":\"shop\",\"table\":\"t\",\"type\":\"update\",\"ts\":1795581795,"
		"\"commit\":true,\"position\":\"bin.000003:4711\",\"gtid\":\"0-7-12\",\"server_"
		"id\":7,"
		"\"primary_key_columns\":[\"id\"],"
		"\"data\":{\"id\":1,\"m\":5.444,\"c\":\"2016-10-21 05:33:54.631000\"},"
		"\"old\":{\"m\":4.2341,\"c\":\"2016-10-21 05:33:37.523000\"}," CASE_IDENTITY "}\n");
}

static void only_updates_have_old(void **state)
{
	struct change_column cols[] = {case_column(",\"id\":", CHANGE_T_INT)};
	case_columns(cols, 1);
	const char *line = case_encode(&encoder_maxwell, case_row('c', NULL, "{\"id\":1}"));
	assert_non_null(strstr(line, "\"type\":\"insert\","));
	assert_non_null(strstr(line, "\"data\":{\"id\":1},\"_id\""));
	line = case_encode(&encoder_maxwell, case_row('d', "{\"id\":1}", NULL));
	assert_non_null(strstr(line, "\"type\":\"delete\","));
	assert_non_null(strstr(line, "\"data\":{\"id\":1},\"_id\""));
	line = case_encode(&encoder_maxwell, case_row('u', "{\"id\":1}", "{\"id\":1}"));
	assert_non_null(strstr(line, "\"data\":{\"id\":1},\"old\":{},\"_id\""));
}

static void a_row_that_is_not_the_last_tells_its_place_in_the_transaction(void **state)
{
	case_columns(NULL, 0);
	const char *line = case_encode(
		&encoder_maxwell,
		case_row_at('c', NULL, "{}",
			    "{\"file\":null,\"pos\":9,\"tx_index\":4,\"xid\":23396,\"ts_ms\":0}"));
	assert_non_null(strstr(line, "\"ts\":0,\"xid\":23396,\"xoffset\":4,\"data\":{},"));
	assert_null(strstr(line, "commit"));
	assert_null(strstr(line, "position"));
}

static void a_statement_tells_its_kind_and_table(void **state)
{
	assert_string_equal(
		case_encode(&encoder_maxwell,
			    case_ddl("shop", "alter table test.e add column torvalds bigint")),
		"{\"type\":\"table-alter\",\"database\":\"test\",\"table\":\"e\",\"ts\":"
		"1795581795000,"
		"\"sql\":\"alter table test.e add column torvalds bigint\","
		"\"position\":\"bin.000003:4711\",\"gtid\":\"0-7-12\"," CASE_IDENTITY "}\n");
	const char *line = case_encode(&encoder_maxwell, case_ddl("x", "CREATE DATABASE y"));
	assert_non_null(strstr(line, "{\"type\":\"database-create\",\"database\":\"y\",\"ts\""));
	line = case_encode(&encoder_maxwell, case_ddl("x", "DROP TABLE z"));
	assert_non_null(
		strstr(line, "{\"type\":\"table-drop\",\"database\":\"x\",\"table\":\"z\","));
}

static void values_have_maxwells_spelling(void **state)
{
	assert_string_equal(of(CHANGE_T_DECIMAL, "\"-0.0012\""), "-0.0012");
	assert_string_equal(of(CHANGE_T_DECIMAL, "\"0\""), "0");
	assert_string_equal(of(CHANGE_T_DECIMAL, "\"10\""), "10");
	assert_string_equal(of(CHANGE_T_DECIMAL, "\"1.\""), "\"1.\"");
	assert_string_equal(of(CHANGE_T_DECIMAL, "\"01\""), "\"01\"");
	assert_string_equal(of(CHANGE_T_DECIMAL, "\"-\""), "\"-\"");
	assert_string_equal(of(CHANGE_T_DECIMAL, "\"\""), "\"\"");
	assert_string_equal(of(CHANGE_T_TIMESTAMP, "\"\""), "\"\"");
	assert_string_equal(of(CHANGE_T_BIGINT, "18446744073709551615"), "18446744073709551615");
	assert_string_equal(of(CHANGE_T_BIT, "5"), "5");
	assert_string_equal(of(CHANGE_T_SET, "\"\""), "[]");
	assert_string_equal(of(CHANGE_T_SET, "\"a\""), "[\"a\"]");
	assert_string_equal(of(CHANGE_T_SET, "\"a,b \\\"c\\\"\""), "[\"a\",\"b \\\"c\\\"\"]");
	assert_string_equal(of(CHANGE_T_SET, "\"a,\""), "[\"a\",\"\"]");
	assert_string_equal(of(CHANGE_T_SET, "3"), "3");
	assert_string_equal(of(CHANGE_T_ENUM, "\"a,b\""), "\"a,b\"");
	assert_string_equal(of(CHANGE_T_DATETIME, "\"0000-00-00 00:00:00\""),
			    "\"0000-00-00 00:00:00\"");
	assert_string_equal(of(CHANGE_T_BLOB, "\"AAH/\""), "\"AAH/\"");
	assert_string_equal(of(CHANGE_T_JSON, "{\"a\":[1,2]}"), "{\"a\":[1,2]}");
	assert_string_equal(of(CHANGE_T_DECIMAL, "null"), "null");
	assert_string_equal(of(CHANGE_T_TIMESTAMP, "null"), "null");
	assert_string_equal(of(CHANGE_T_GEOMETRY, "null"), "null");
}

static const char *wkt(const char *bytes, size_t len)
{
	static char geometry[4096];
	uint8_t base64[2048];
	size_t n = json_base64_put(base64, (const uint8_t *)bytes, len);
	snprintf(geometry, sizeof(geometry), "{\"srid\":0,\"wkb\":\"%.*s\"}", (int)n, base64);
	return of(CHANGE_T_GEOMETRY, geometry);
}

#define WKT(s) wkt("" s, sizeof(s) - 1)
#define ONE    "\0\0\0\0\0\0\xf0?"
#define HALF   "\0\0\0\0\0\0\xe0?"
#define POINT  "\1\1\0\0\0" ONE HALF
#define LINE   "\1\2\0\0\0\2\0\0\0" ONE HALF HALF ONE

static void geometries_are_well_known_text(void **state)
{
	assert_string_equal(WKT(POINT), "\"POINT (1 0.5)\"");
	assert_string_equal(WKT("\0\0\0\0\1\x3f\xf0\0\0\0\0\0\0\x3f\xe0\0\0\0\0\0\0"),
			    "\"POINT (1 0.5)\"");
	assert_string_equal(WKT(LINE), "\"LINESTRING (1 0.5, 0.5 1)\"");
	assert_string_equal(WKT("\1\3\0\0\0\1\0\0\0\2\0\0\0" ONE HALF HALF ONE),
			    "\"POLYGON ((1 0.5, 0.5 1))\"");
	assert_string_equal(WKT("\1\4\0\0\0\2\0\0\0" POINT POINT),
			    "\"MULTIPOINT ((1 0.5), (1 0.5))\"");
	assert_string_equal(WKT("\1\5\0\0\0\1\0\0\0" LINE), "\"MULTILINESTRING ((1 0.5, 0.5 1))\"");
	assert_string_equal(WKT("\1\7\0\0\0\2\0\0\0" POINT "\1\7\0\0\0\0\0\0\0"),
			    "\"GEOMETRYCOLLECTION (POINT (1 0.5), GEOMETRYCOLLECTION EMPTY)\"");
}

static void bytes_that_are_no_geometry_stay_as_they_are(void **state)
{
	assert_string_equal(WKT("\1\1\0\0\0"), "{\"srid\":0,\"wkb\":\"AQEAAAA=\"}");
	assert_string_equal(WKT("\1\2\0\0\0\xff\xff\xff\xff"),
			    "{\"srid\":0,\"wkb\":\"AQIAAAD/////\"}");
	assert_string_equal(WKT(""), "{\"srid\":0,\"wkb\":\"\"}");
	/* A point inside of many lines; and more than there is. */
	assert_non_null(strstr(WKT("\1\5\0\0\0\1\0\0\0" POINT), "srid"));
	assert_non_null(strstr(WKT(POINT "x"), "srid"));
	assert_non_null(strstr(WKT("\1\1\0\0\0\0\0\0\0\0\0\xf8\x7f" ONE), "srid"));
}

static void a_geometry_inside_of_too_many_others_stays_as_it_is(void **state)
{
	char deep[100 * 9];
	for (size_t i = 0; i < 100; i++)
		memcpy(deep + 9 * i, "\1\7\0\0\0\1\0\0\0", 9);
	assert_non_null(strstr(wkt(deep, sizeof(deep)), "srid"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_update_has_the_whole_row_and_what_changed_as_it_was),
		cmocka_unit_test(only_updates_have_old),
		cmocka_unit_test(a_row_that_is_not_the_last_tells_its_place_in_the_transaction),
		cmocka_unit_test(a_statement_tells_its_kind_and_table),
		cmocka_unit_test(values_have_maxwells_spelling),
		cmocka_unit_test(geometries_are_well_known_text),
		cmocka_unit_test(bytes_that_are_no_geometry_stay_as_they_are),
		cmocka_unit_test(a_geometry_inside_of_too_many_others_stays_as_it_is),
	};
	return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
