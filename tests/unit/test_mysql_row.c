#include <zlib.h>

#include "mysql_events.h"

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

#define HEAD    "2a0000000000 0100 "
#define HEAD_V2 "2a0000000000 0100 0200 "

/* a int, b varchar(10) utf8mb4, c tinyint unsigned */
static void small_table(void)
{
	rig_table(rig, "03 0f 01", "0a00", "01 01 40 | 02 01 2d | 04 06 01 61 01 62 01 63");
}

static void writes_have_an_image_after_and_deletes_one_before(void **state)
{
	small_table();
	assert_string_equal(
		rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1,
			 HEAD "03 ff | 00 05000000 02 6869 ff | 02 06000000 80"),
		"null {\"a\":5,\"b\":\"hi\",\"c\":255};null {\"a\":6,\"b\":null,\"c\":128}");
	assert_string_equal(rig_rows(rig, MYSQL_EV_DELETE_ROWS_V2, HEAD_V2 "03 ff | 06 ffffffff"),
			    "{\"a\":-1,\"b\":null,\"c\":null} null");
}

static void updates_pair_their_images(void **state)
{
	small_table();
	assert_string_equal(rig_rows(rig, MYSQL_EV_UPDATE_ROWS_V1,
				     HEAD "03 ff ff | 06 05000000 | 04 05000000 01 78"),
			    "{\"a\":5,\"b\":null,\"c\":null} {\"a\":5,\"b\":\"x\",\"c\":null}");
}

static void columns_that_are_not_in_the_image_are_left_out(void **state)
{
	small_table();
	/* As binlog_row_image=MINIMAL writes it: the key before, what changed after. */
	assert_string_equal(rig_rows(rig, MYSQL_EV_UPDATE_ROWS_V2,
				     HEAD_V2
				     "03 f9 fa | 00 05000000 | 00 01 78 | 00 06000000 | 01"),
			    "{\"a\":5} {\"b\":\"x\"};{\"a\":6} {\"b\":null}");
}

static void events_of_all_versions_are_read(void **state)
{
	static const uint8_t plain[] = {MYSQL_EV_WRITE_ROWS_V0, MYSQL_EV_WRITE_ROWS_V1};
	small_table();
	rig->format.post_len[MYSQL_EV_WRITE_ROWS_V0] = 8;
	for (int i = 0; i < 2; i++)
		assert_string_equal(rig_rows(rig, plain[i], HEAD "03 f9 | 00 05000000"),
				    "null {\"a\":5}");
	/* Version 2 has room for more, of which nothing is wanted here. */
	assert_string_equal(rig_rows(rig, MYSQL_EV_WRITE_ROWS_V2,
				     "2a0000000000 0100 0600 00040102 03 f9 | 00 05000000"),
			    "null {\"a\":5}");
	assert_string_equal(rig_rows(rig, MYSQL_EV_WRITE_ROWS_V2, "2a0000000000 0100 0100 03 f9"),
			    mysql_fault_text(MYSQL_F_BODY));
	assert_string_equal(rig_rows(rig, MYSQL_EV_QUERY, HEAD "03 f9"),
			    mysql_fault_text(MYSQL_F_TYPE));
}

static void an_event_that_only_ends_its_statement_has_no_rows(void **state)
{
	small_table();
	assert_string_equal(rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1, "ffffff000000 0100 00"), "");
	assert_string_equal(rig_rows(rig, MYSQL_EV_DELETE_ROWS_V1, "ffffff000000 0100"), "");
}

/* canal#2407, canal#1029: another number of columns must not hang or guess. */
static void rows_of_another_number_of_columns_are_a_fault(void **state)
{
	small_table();
	assert_string_equal(rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1, HEAD "02 ff | 00 05000000 00"),
			    mysql_fault_text(MYSQL_F_COLUMNS));
	assert_string_equal(rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1, HEAD "fc0120 ff"),
			    mysql_fault_text(MYSQL_F_COLUMNS));
}

static void rows_before_the_fault_are_given(void **state)
{
	small_table();
	char expected[256];
	snprintf(expected, sizeof(expected), "null {\"a\":5,\"b\":null,\"c\":null}; %s",
		 mysql_fault_text(MYSQL_F_VALUE));
	assert_string_equal(
		rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1, HEAD "03 ff | 06 05000000 | 06 0500"),
		expected);
}

static void images_without_a_column_end_the_event(void **state)
{
	small_table();
	assert_string_equal(rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1, HEAD "03 00 | 00"),
			    mysql_fault_text(MYSQL_F_VALUE));
}

static void an_event_cut_anywhere_gives_no_invented_row(void **state)
{
	uint8_t body[256];
	small_table();
	size_t head = hex_read(HEAD "03 ff", body);
	size_t n = hex_read(HEAD "03 ff | 00 05000000 02 6869 ff", body);
	for (size_t i = 0; i < n; i++) {
		struct mysql_event ev = rig_event(rig, MYSQL_EV_WRITE_ROWS_V1, slice_of(body, i));
		const char *got = rig_rows_of(rig, &ev);
		if (i == head || i == 8)
			assert_string_equal(got, "");
		else
			assert_string_equal(
				got, mysql_fault_text(i < head ? MYSQL_F_BODY : MYSQL_F_VALUE));
	}
}

static void compressed_events_are_read_like_plain_ones(void **state)
{
	static const uint8_t types[] = {MYSQL_EV_UPDATE_ROWS_COMPRESSED_V1,
					MYSQL_EV_UPDATE_ROWS_COMPRESSED_V2};
	uint8_t rows[64], body[256];
	small_table();
	size_t n_rows = hex_read("06 05000000 | 04 05000000 01 78", rows);
	for (int i = 0; i < 2; i++) {
		size_t n = hex_read(i ? HEAD_V2 "03 ff ff" : HEAD "03 ff ff", body);
		uLongf len = sizeof(body) - n - 2;
		body[n++] = 0x81;
		body[n++] = (uint8_t)n_rows;
		assert_int_equal(compress(body + n, &len, rows, n_rows), Z_OK);
		struct mysql_event ev = rig_event(rig, types[i], slice_of(body, n + len));
		assert_string_equal(rig_rows_of(rig, &ev), "{\"a\":5,\"b\":null,\"c\":null} "
							   "{\"a\":5,\"b\":\"x\",\"c\":null}");
		ev = rig_event(rig, types[i], slice_of(body, n + len - 5));
		assert_string_equal(rig_rows_of(rig, &ev), mysql_fault_text(MYSQL_F_COMPRESSION));
	}
}

static void a_row_longer_than_its_room_leaves_nothing_behind(void **state)
{
	static struct mysql_rows rows;
	struct mysql_row row;
	small_table();
	struct mysql_event ev =
		rig_hex(rig, MYSQL_EV_WRITE_ROWS_V1, HEAD "03 ff | 00 05000000 02 6869 ff");
	assert_int_equal(mysql_rows_begin(&ev, &rig->format, NULL, &rows), MYSQL_F_OK);
	assert_int_equal(mysql_rows_next(&rows, rig->table, &row), MYSQL_F_OK);
	bool fits = false;
	for (size_t cap = 0; cap < 300; cap++) {
		uint8_t *buf = malloc(cap + JSON_TEXT_SLACK);
		struct mysql_out out = {.buf = buf, .cap = cap};
		enum mysql_fault f =
			mysql_row_json(&rig->dec, rig->table, &rows, &row, MYSQL_AFTER, &out);
		assert_true(f == (fits ? MYSQL_F_OK : MYSQL_F_NO_ROOM) || (!fits && !f));
		fits |= !f;
		assert_int_equal(out.len, f ? 0 : strlen("{\"a\":5,\"b\":\"hi\",\"c\":255}"));
		free(buf);
	}
	assert_true(fits);
}

static void long_text_needs_no_more_room_than_its_own(void **state)
{
	static struct mysql_rows rows;
	static uint8_t body[8192];
	struct mysql_row row;
	rig_table(rig, "fc", "02", "02 01 2d");
	size_t n = hex_read(HEAD "01 ff | 00 8813", body);
	for (int i = 0; i < 5000; i += 2)
		memcpy(body + n + i, "\xc3\xa9", 2);
	struct mysql_event ev = rig_event(rig, MYSQL_EV_WRITE_ROWS_V1, slice_of(body, n + 5000));
	assert_int_equal(mysql_rows_begin(&ev, &rig->format, NULL, &rows), MYSQL_F_OK);
	assert_int_equal(mysql_rows_next(&rows, rig->table, &row), MYSQL_F_OK);
	struct mysql_out out = {.buf = rig->text, .cap = 5000 + 9};
	assert_int_equal(mysql_row_json(&rig->dec, rig->table, &rows, &row, MYSQL_AFTER, &out),
			 MYSQL_F_OK);
	assert_int_equal(out.len, 5009);
	assert_false(out.invalid_text);
	out = (struct mysql_out){.buf = rig->text, .cap = 5000 + 8};
	assert_int_equal(mysql_row_json(&rig->dec, rig->table, &rows, &row, MYSQL_AFTER, &out),
			 MYSQL_F_NO_ROOM);
}

/* MariaDB, mysql56_temporal_format=OFF: TIME(0) is three bytes, TIME(6) six, and both look the
 * same. */
static void rows_whose_times_have_no_told_width_are_believed_only_when_they_make_sense(void **state)
{
	rig->format.mariadb = true;
	rig_table(rig, "0b 03", "", "01 01 00");
	assert_true(rig->table->old_temporal);
	assert_string_equal(
		rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1,
			 HEAD "02 ff | 00 7cd612 05000000 | 02 7cd612"),
		"null {\"c1\":\"123:45:56\",\"c2\":5};null {\"c1\":\"123:45:56\",\"c2\":null}");
	assert_string_equal(
		rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1, HEAD "02 ff | 00 7cd61c 05000000"),
		mysql_fault_text(MYSQL_F_OLD_TEMPORAL));
	assert_string_equal(rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1,
				     HEAD "02 ff | 00 7cd612 05000000 | 00 7cd612 0500"),
			    mysql_fault_text(MYSQL_F_OLD_TEMPORAL));
	rig->format.mariadb = false;
}

/* Partial updates: a int, j json */
#define JSON_OLD "0e000000 00 0100 0d00 0b00 0200 05 0100 6162" /* {"ab":1} */

static void partial_table(void)
{
	rig_table(rig, "03 f5", "04", "01 01 00 | 04 04 01 61 01 6a");
}

/* go-mysql#650, shyiko#287: partial updates dropped silently, whole row included. */
static void pain_27_partial_updates_are_applied_to_the_value_before(void **state)
{
	partial_table();
	assert_string_equal(rig_rows(rig, MYSQL_EV_PARTIAL_UPDATE_ROWS,
				     HEAD_V2
				     "02 ff ff | 00 05000000 " JSON_OLD
				     "| 01 01 00 05000000 0a000000 00 04 242e6162 03 05 0200"),
			    "{\"a\":5,\"j\":{\"ab\":1}} {\"a\":5,\"j\":{\"ab\":2}}");
}

/* go-mysql#774: with a minimal image there is no value to apply the change to. */
static void pain_28_without_a_value_before_the_patch_itself_is_written(void **state)
{
	partial_table();
	assert_string_equal(
		rig_rows(rig, MYSQL_EV_PARTIAL_UPDATE_ROWS,
			 HEAD_V2 "02 fd fe | 00 05000000 | 01 01 00 0a000000 00 04 242e6162 03 05 "
				 "0200"),
		"{\"a\":5} "
		"{\"j\":{\"_partial\":[{\"op\":\"replace\",\"path\":\"$.ab\",\"value\":2}]}}");
}

/* JSON has a null of its own, which formats that write JSON as a string tell from SQL's. */
static void the_null_of_json_has_a_blank_behind_it(void **state)
{
	partial_table();
	assert_string_equal(rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1,
				     HEAD "02 ff | 00 05000000 02000000 0400 | 02 06000000"),
			    "null {\"a\":5,\"j\":null };null {\"a\":6,\"j\":null}");
	assert_string_equal(rig_rows(rig, MYSQL_EV_PARTIAL_UPDATE_ROWS,
				     HEAD_V2 "02 ff ff | 00 05000000 " JSON_OLD
					     "| 00 00 05000000 02000000 0400"),
			    "{\"a\":5,\"j\":{\"ab\":1}} {\"a\":5,\"j\":null }");
}

static void whole_values_in_a_partial_event_are_whole(void **state)
{
	partial_table();
	assert_string_equal(rig_rows(rig, MYSQL_EV_PARTIAL_UPDATE_ROWS,
				     HEAD_V2 "02 ff ff | 00 05000000 " JSON_OLD "| 00 00 05000000 "
					     "03000000 05 0700"),
			    "{\"a\":5,\"j\":{\"ab\":1}} {\"a\":5,\"j\":7}");
	assert_string_equal(rig_rows(rig, MYSQL_EV_PARTIAL_UPDATE_ROWS,
				     HEAD_V2 "02 ff ff | 00 05000000 " JSON_OLD
					     "| 01 00 00 05000000 "
					     "03000000 05 0700"),
			    "{\"a\":5,\"j\":{\"ab\":1}} {\"a\":5,\"j\":7}");
}

static void the_bits_of_partial_updates_count_json_columns_out_of_the_image(void **state)
{
	/* j1 json, j2 json: only j2 is in the image after, and partial */
	rig_table(rig, "f5 f5", "04 04", "04 06 02 6a31 02 6a32");
	assert_string_equal(rig_rows(rig, MYSQL_EV_PARTIAL_UPDATE_ROWS,
				     HEAD_V2 "02 ff fe | 00 03000000 050700 " JSON_OLD
					     "| 01 02 00 0a000000 00 04 242e6162 03 05 0200"),
			    "{\"j1\":7,\"j2\":{\"ab\":1}} {\"j2\":{\"ab\":2}}");
}

/* Against a file of MySQL 8.0.22: minimal image, partial values. */
static void partial_updates_of_a_server_are_read(void **state)
{
	size_t len;
	uint8_t *log = shared_log("rmc-json.binlog.000001", &len);
	if (!log)
		skip();
	struct slice s = slice_of(log, len);
	unsigned seen = 0;
	mysql_format_init(&rig->format);
	while (s.len) {
		struct mysql_event ev;
		assert_int_equal(mysql_event_parse(s, &rig->format, &ev), MYSQL_F_OK);
		assert_true(mysql_event_sum_ok(&ev));
		if (ev.type == MYSQL_EV_FORMAT)
			assert_int_equal(mysql_format_parse(&ev, &rig->format), MYSQL_F_OK);
		if (ev.type == MYSQL_EV_TABLE_MAP)
			assert_int_equal(mysql_table_parse(&ev, &rig->format, &mysql_charsets, NULL,
							   0, rig->slot, RIG_BYTES, &rig->table),
					 MYSQL_F_OK);
		if (ev.type == MYSQL_EV_PARTIAL_UPDATE_ROWS && ++seen == 1)
			assert_ptr_equal(
				strstr(rig_rows_of(rig, &ev),
				       "{\"c1\":1} "
				       "{\"c2\":{\"_partial\":[{\"op\":\"replace\",\"path\":"
				       "\"$.age\",\"value\":26}]},\"c3\":\"Joe\",\"c4\":26};"),
				rig->text);
		s = slice_from(s, ev.size);
	}
	assert_int_equal(seen, 1);
	mysql_format_init(&rig->format);
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_have_an_image_after_and_deletes_one_before),
		cmocka_unit_test(updates_pair_their_images),
		cmocka_unit_test(columns_that_are_not_in_the_image_are_left_out),
		cmocka_unit_test(events_of_all_versions_are_read),
		cmocka_unit_test(an_event_that_only_ends_its_statement_has_no_rows),
		cmocka_unit_test(rows_of_another_number_of_columns_are_a_fault),
		cmocka_unit_test(rows_before_the_fault_are_given),
		cmocka_unit_test(images_without_a_column_end_the_event),
		cmocka_unit_test(an_event_cut_anywhere_gives_no_invented_row),
		cmocka_unit_test(compressed_events_are_read_like_plain_ones),
		cmocka_unit_test(a_row_longer_than_its_room_leaves_nothing_behind),
		cmocka_unit_test(long_text_needs_no_more_room_than_its_own),
		cmocka_unit_test(
			rows_whose_times_have_no_told_width_are_believed_only_when_they_make_sense),
		cmocka_unit_test(pain_27_partial_updates_are_applied_to_the_value_before),
		cmocka_unit_test(pain_28_without_a_value_before_the_patch_itself_is_written),
		cmocka_unit_test(the_null_of_json_has_a_blank_behind_it),
		cmocka_unit_test(whole_values_in_a_partial_event_are_whole),
		cmocka_unit_test(the_bits_of_partial_updates_count_json_columns_out_of_the_image),
		cmocka_unit_test(partial_updates_of_a_server_are_read),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
