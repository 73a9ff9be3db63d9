#include "tests/unit/change_case.h"

#include "dataplane/sink/encode_change.h"

static struct cells cells;
static struct cell cell;

static void open_text(const char *text)
{
	static char padded[1 << 14];
	snprintf(padded, sizeof(padded) - SL_PAD, "%s", text);
	cells_open(&cells, &case_change, slice_str(padded));
}

static void assert_cell(const char *key, const char *value, unsigned column)
{
	assert_true(cells_next(&cells, &cell));
	assert_true(slice_eq(cell.key, slice_str(key)));
	assert_true(slice_eq(cell.value, slice_str(value)));
	assert_int_equal(cell.column, column);
}

static void cells_are_keys_and_values_whatever_stands_inside(void **state)
{
	struct change_column cols[] = {
		case_column(",\"a\":", CHANGE_T_INT), case_column(",\"b\\\"}\":", CHANGE_T_JSON),
		case_column(",\"c\":", CHANGE_T_VARCHAR), case_column(",\"d\":", CHANGE_T_INT)};
	case_columns(cols, 4);
	open_text("{\"a\":-1,\"b\\\"}\":{\"x\":[\"]}\\\\\",{}]},\"c\":\",\\\"}\",\"d\":null}");
	assert_cell("\"a\":", "-1", 0);
	assert_int_equal(cell.col.type, CHANGE_T_INT);
	assert_cell("\"b\\\"}\":", "{\"x\":[\"]}\\\\\",{}]}", 1);
	assert_int_equal(cell.col.type, CHANGE_T_JSON);
	assert_cell("\"c\":", "\",\\\"}\"", 2);
	assert_cell("\"d\":", "null", 3);
	assert_false(cells_next(&cells, &cell));
}

static void columns_that_an_image_lacks_are_passed_over(void **state)
{
	struct change_column cols[] = {case_column(",\"a\":", CHANGE_T_INT),
				       case_column(",\"b\":", CHANGE_T_BLOB),
				       case_column(",\"c\":", CHANGE_T_DATE)};
	case_columns(cols, 3);
	open_text("{\"c\":\"x\"}");
	assert_cell("\"c\":", "\"x\"", 2);
	assert_int_equal(cell.col.type, CHANGE_T_DATE);
	assert_false(cells_next(&cells, &cell));
	open_text("{}");
	assert_false(cells_next(&cells, &cell));
	cells_open(&cells, &case_change, (struct slice){0});
	assert_false(cells_next(&cells, &cell));
}

static void behind_a_name_that_is_not_the_tables_nothing_is_declared(void **state)
{
	struct change_column cols[] = {case_column(",\"a\":", CHANGE_T_INT),
				       case_column(",\"b\":", CHANGE_T_INT)};
	case_columns(cols, 2);
	open_text("{\"x\":1,\"b\":2}");
	assert_cell("\"x\":", "1", 2);
	assert_int_equal(cell.col.type, CHANGE_T_UNKNOWN);
	assert_cell("\"b\":", "2", 3);
	assert_int_equal(cell.col.type, CHANGE_T_UNKNOWN);
}

/* Valid text is cut at every byte: whatever comes out lies inside. */
static void text_that_ends_early_ends_the_cells(void **state)
{
	static const char text[] = "{\"a\":{\"b\":\"\\\"\"},\"c\":[1,2],\"d\":\"x\"}";
	case_columns(NULL, 0);
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		char *exact = calloc(1, len + 16); /* what a step may read beyond */
		assert_non_null(exact);
		memcpy(exact, text, len);
		cells_open(&cells, &case_change, slice_of(exact, len));
		for (unsigned n = 0; cells_next(&cells, &cell); n++) {
			assert_true(n < 4);
			assert_true(cell.value.ptr + cell.value.len <= (uint8_t *)exact + len);
		}
		free(exact);
	}
}

static void assert_pair(struct cell_pairs *p, const char *before, const char *after)
{
	struct cell_pair pair;
	assert_true(cell_pairs_next(p, &pair));
	assert_int_equal(!pair.before, !before);
	assert_int_equal(!pair.after, !after);
	if (before)
		assert_true(slice_eq(pair.before->value, slice_str(before)));
	if (after)
		assert_true(slice_eq(pair.after->value, slice_str(after)));
}

static void images_are_walked_together_in_the_tables_order(void **state)
{
	struct change_column cols[] = {
		case_column(",\"a\":", CHANGE_T_INT), case_column(",\"b\":", CHANGE_T_INT),
		case_column(",\"c\":", CHANGE_T_INT), case_column(",\"d\":", CHANGE_T_INT)};
	case_columns(cols, 4);
	struct rec *r = case_row('u', "{\"a\":1,\"c\":2,\"d\":3}", "{\"b\":4,\"c\":5}");
	struct cell_pairs pairs;
	struct cell_pair pair;
	cell_pairs_open(&pairs, &case_batch, r);
	assert_pair(&pairs, "1", NULL);
	assert_pair(&pairs, NULL, "4");
	assert_pair(&pairs, "2", "5");
	assert_pair(&pairs, "3", NULL);
	assert_false(cell_pairs_next(&pairs, &pair));
	assert_false(cell_pairs_next(&pairs, &pair));
}

static void the_place_is_read_whatever_the_order_of_its_members(void **state)
{
	struct change_place place;
	struct rec *r = case_row_at('c', NULL, "{}",
				    "{\"last\":true,\"other\":[1],\"pos\":12,\"file\":\"f\","
				    "\"gtid\":null,\"xid\":3,\"thread\":4}");
	change_place_read(&case_batch, r, &place);
	assert_true(slice_eq(place.last, SLICE_LIT("true")));
	assert_true(slice_eq(place.pos, SLICE_LIT("12")));
	assert_true(slice_eq(place.file, SLICE_LIT("\"f\"")));
	assert_true(slice_eq(place.xid, SLICE_LIT("3")));
	assert_true(slice_eq(place.thread, SLICE_LIT("4")));
	assert_int_equal(place.gtid.len, 0);
	assert_int_equal(place.ts_ms.len, 0);
}

static void base64_is_read_byte_by_byte(void **state)
{
	uint8_t bytes[256], text[400];
	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (uint8_t)(i * 7 + 3);
	for (size_t len = 0; len <= 256; len++) {
		struct slice base64 = slice_of(text, json_base64_put(text, bytes, len));
		assert_int_equal(base64_len(base64), len);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(base64_at(base64, i), bytes[i]);
	}
}

static void a_format_for_changes_takes_rows_and_knows_statements(void **state)
{
	case_columns(NULL, 0);
	struct rec *r = case_row('c', NULL, "{}");
	assert_int_equal(encode_fit(&encoder_canal, r), ENCODE_FITS);
	case_change.kind = CHANGE_DDL;
	assert_int_equal(encode_fit(&encoder_canal, r), ENCODE_DDL);
	assert_int_equal(encode_fit(&encoder_json, r), ENCODE_FITS);
	case_change.kind = CHANGE_STATEMENT;
	assert_int_equal(encode_fit(&encoder_canal, r), ENCODE_NO_FORM);
	case_change.kind = CHANGE_END;
	assert_int_equal(encode_fit(&encoder_canal, r), ENCODE_END);
	assert_int_equal(encode_fit(&encoder_json, r), ENCODE_FITS);
	case_change.kind = CHANGE_ROW;
	r->flags = REC_UNPARSED;
	assert_int_equal(encode_fit(&encoder_canal, r), ENCODE_NO_FORM);
	assert_int_equal(encode_fit(&encoder_json, r), ENCODE_FITS);
	r->flags = 0;
	r->change = NULL;
	assert_int_equal(encode_fit(&encoder_canal, r), ENCODE_NO_FORM);
}

static void encoders_and_their_names_are_in_the_same_order(void **state)
{
	unsigned n = 0;
	for (; encoders[n]; n++)
		assert_string_equal(encoders[n]->name, encoder_names[n]);
	assert_null(encoder_names[n]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_keys_and_values_whatever_stands_inside),
		cmocka_unit_test(columns_that_an_image_lacks_are_passed_over),
		cmocka_unit_test(behind_a_name_that_is_not_the_tables_nothing_is_declared),
		cmocka_unit_test(text_that_ends_early_ends_the_cells),
		cmocka_unit_test(images_are_walked_together_in_the_tables_order),
		cmocka_unit_test(the_place_is_read_whatever_the_order_of_its_members),
		cmocka_unit_test(base64_is_read_byte_by_byte),
		cmocka_unit_test(a_format_for_changes_takes_rows_and_knows_statements),
		cmocka_unit_test(encoders_and_their_names_are_in_the_same_order),
	};
	return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
