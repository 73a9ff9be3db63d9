#include "mysql_wire.h"

#include "dataplane/rec/json_text.h"
#include "parsers/mysql/log_priv.h"

static struct wire_rig w;

/* --- Sessions --------------------------------------------------------------------------------- */

static void each_row_of_a_dump_is_a_record_with_its_place(void **state)
{
	wire_begin(&w);
	wire_map(&w, 9, "orders");
	wire_send(&w);
	uint32_t pos = w.pos;
	wire_rows(&w, 9, 41, 2);
	wire_send(&w);
	wire_records_are(&w, 2);
	char place[64];
	snprintf(place, sizeof(place), "\"file\":\"bin.000001\",\"pos\":%u", pos);
	for (unsigned i = 0; i < 2; i++) {
		wire_record_has(&w, i, "\"_stream\":\"shop.orders\",");
		wire_record_has(&w, i, "\"op\":\"c\",\"before\":null,");
		wire_record_has(&w, i, place);
		wire_record_has(&w, i, "\"gtid\":null,\"ts_ms\":1764045796000");
		assert_int_equal(w.run.frames[i].stream_off, pos);
		assert_int_equal(w.run.frames[i].idx, i);
	}
	wire_record_has(&w, 0, "\"after\":{\"id\":41,\"v\":\"v\"},");
	wire_record_has(&w, 1, "\"after\":{\"id\":42,\"v\":\"v\"},");
	wire_record_has(&w, 1, "\"row\":1}");
	assert_int_equal(w.run.skipped, 0);
	assert_true(w.run.passed_over > 0);
}

static void a_session_with_queries_only_is_passed_over(void **state)
{
	wire_greet(&w, MYSQL_CAP_41);
	wire_login(&w, MYSQL_CAP_41, 40);
	wire_say(&w, 1, 2, wire_ok, sizeof(wire_ok));
	size_t login = w.run.consumed;
	wire_command(&w, MYSQL_COM_QUERY, "SELECT 1");
	/* The first column of a row may hold what an event begins with. */
	wire_rows(&w, 1, 1, 3);
	wire_send(&w);
	wire_say(&w, 1, 2, wire_ok, sizeof(wire_ok));
	wire_records_are(&w, 0);
	assert_int_equal(w.run.skipped, 0);
	assert_int_equal(w.run.passed_over, w.run.consumed - login);
}

/* Pain 51. */
static void pain_51_a_login_that_asks_for_tls_is_told_at_that_packet(void **state)
{
	wire_greet(&w, MYSQL_CAP_41 | MYSQL_CAP_SSL);
	wire_login(&w, MYSQL_CAP_41 | MYSQL_CAP_SSL, 32);
	assert_string_equal(w.run.why, "TLS: replication cannot be read");
	assert_true(w.run.dirs[0].left);
	static const uint8_t hello[] = {22, 3, 3, 0, 90};
	parser_run_data(&w.run, 1, hello, sizeof(hello));
	assert_true(w.run.dirs[1].left);
	assert_false(w.run.bad);
	wire_records_are(&w, 0);
}

/* Pain 52: capabilities of servers to come, and a greeting that is longer than we know. */
static void pain_52_unknown_capabilities_do_no_harm(void **state)
{
	wire_greet(&w, ~(MYSQL_CAP_SSL | MYSQL_CAP_COMPRESS | MYSQL_CAP_ZSTD));
	wire_login(&w, ~(MYSQL_CAP_SSL | MYSQL_CAP_COMPRESS | MYSQL_CAP_ZSTD), 60);
	wire_say(&w, 1, 2,
		 "\xfe"
		 "caching_sha2_password",
		 22);
	wire_say(&w, 0, 3, "12345678", 8);
	wire_say(&w, 1, 4, "\1\3", 2);
	wire_say(&w, 1, 5, wire_ok, sizeof(wire_ok));
	wire_dump(&w, "bin.000001");
	wire_rotate(&w, "bin.000001", MYSQL_FLAG_ARTIFICIAL);
	wire_send(&w);
	wire_format(&w);
	wire_send(&w);
	wire_insert(&w, 9, "orders", 1, 1);
	wire_records_are(&w, 1);
}

static void semi_sync_headers_are_taken_off(void **state)
{
	w.semi_sync = true;
	wire_begin(&w);
	wire_insert(&w, 9, "orders", 1, 3);
	wire_records_are(&w, 3);
	assert_int_equal(w.run.skipped, 0);
}

static void events_without_checksums_are_read(void **state)
{
	w.sums = false;
	wire_begin(&w);
	wire_insert(&w, 9, "orders", 1, 3);
	wire_records_are(&w, 3);
}

/* MariaDB 10.11 sends them to a mariadb-binlog that wants none. */
static void checksums_that_were_refused_are_read_when_they_come_all_the_same(void **state)
{
	for (int sums = 0; sums < 2; sums++) {
		parser_run_reset(&w.run);
		w.pos = 4;
		w.sums = sums;
		wire_begin_with(&w, "SET @master_binlog_checksum='NONE'");
		wire_insert(&w, 9, "orders", 1, 3);
		wire_records_are(&w, 3);
		wire_record_has(&w, 2, "\"id\":3");
		assert_int_equal(w.run.skipped, 0);
	}
}

static void the_answer_of_the_server_waits_for_a_login_that_comes_late(void **state)
{
	wire_greet(&w, MYSQL_CAP_41 | MYSQL_CAP_SSL);
	wire_say(&w, 1, 2, wire_ok, sizeof(wire_ok));
	size_t before = w.run.dirs[1].len;
	assert_true(before > 0);
	wire_login(&w, MYSQL_CAP_41, 40);
	assert_int_equal(w.run.dirs[1].len, 0);
}

static void an_error_ends_the_dump_and_queries_are_passed_over_again(void **state)
{
	wire_begin(&w);
	wire_insert(&w, 9, "orders", 1, 1);
	wire_say(&w, 1, 9, "\xff\x01\x02#HY000gone away", 17);
	wire_command(&w, MYSQL_COM_QUERY, "SELECT 1");
	size_t before = w.run.passed_over;
	wire_say(&w, 1, 1, "\1", 1);
	wire_records_are(&w, 1);
	assert_int_equal(w.run.passed_over, before + 5);
	assert_int_equal(w.run.skipped, 0);
}

/* --- What is lost ----------------------------------------------------------------------------- */

static void a_wrong_checksum_loses_its_event_and_no_other(void **state)
{
	wire_begin(&w);
	wire_map(&w, 9, "orders");
	wire_send(&w);
	wire_rows(&w, 9, 1, 2);
	w.event[30] ^= 1;
	wire_send(&w);
	assert_string_equal(w.run.why, "the checksum of the event is wrong");
	assert_int_equal(w.run.skipped, w.len + 5);
	wire_rows(&w, 9, 3, 2);
	wire_send(&w);
	wire_records_are(&w, 2);
	wire_record_has(&w, 0, "\"id\":3");
}

/* Pain 34. */
static void pain_34_rows_without_their_table_map_are_lost_and_told(void **state)
{
	wire_begin(&w);
	wire_rows(&w, 9, 1, 2);
	wire_send(&w);
	wire_records_are(&w, 0);
	assert_string_equal(w.run.why, "rows whose table map was not seen");
	assert_int_equal(w.run.skipped, w.len + 5);
}

static void an_unknown_event_type_is_lost_and_told(void **state)
{
	wire_begin(&w);
	wire_event(&w, 99, 0, "abc", 3);
	wire_send(&w);
	assert_string_equal(w.run.why, "event type 99, which is not known");
	wire_insert(&w, 9, "orders", 1, 1);
	wire_records_are(&w, 1);
}

/* The first bytes of w.event as base64, and how many it has. */
static void raw_is_the_event(size_t frame, size_t cut)
{
	static uint8_t want[2 * WIRE_BYTES];
	size_t n = (size_t)sprintf((char *)want, "\"raw\":\"");
	n += json_base64_put(want + n, w.event, cut);
	n += (size_t)sprintf((char *)want + n, "\",\"raw_bytes\":%zu%s", w.len,
			     cut < w.len ? ",\"raw_cut\":true" : "}");
	wire_record_has(&w, frame, (char *)want);
}

static void rows_that_contradict_their_map_go_out_as_a_dead_letter(void **state)
{
	wire_begin(&w);
	wire_map(&w, 9, "orders");
	wire_send(&w);
	wire_rows(&w, 9, 1, 1);
	uint8_t body[64];
	size_t len = w.len - MYSQL_EVENT_HEADER_LEN - 4;
	memcpy(body, w.event + MYSQL_EVENT_HEADER_LEN, len);
	body[10] = 3; /* columns */
	wire_event(&w, MYSQL_EV_WRITE_ROWS_V2, 0, body, len);
	wire_send(&w);
	wire_records_are(&w, 1);
	assert_non_null(w.run.frames[0].unparsed);
	assert_int_equal(w.run.frames[0].len, w.len);
	assert_memory_equal(w.run.frames[0].bytes, w.event, w.len);
	wire_record_has(&w, 0, "\"_stream\":\"shop.orders\"");
	raw_is_the_event(0, w.len);
	wire_insert(&w, 9, "orders", 2, 1);
	wire_records_are(&w, 2);
}

/* Pain 22: the table stops, and says why; the others go on. */
static void a_table_that_is_not_that_of_the_schema_stops_with_its_raw_events(void **state)
{
	wire_begin(&w);
	wire_query(&w, "shop", "CREATE TABLE t (a INT, b VARCHAR(64), c INT)");
	wire_send(&w);
	wire_bare_map(&w, 9, "\3\x0f", 2, "\x40\0", 2);
	for (unsigned i = 1; i <= 2; i++) {
		uint32_t pos = w.pos;
		char place[64];
		wire_rows(&w, 9, i, 1);
		wire_send(&w);
		wire_records_are(&w, 1 + i);
		assert_string_equal(w.run.frames[i].unparsed,
				    "another number of columns than in the schema");
		snprintf(place, sizeof(place), "\"file\":\"bin.000001\",\"pos\":%u,", pos);
		wire_record_has(&w, i, place);
		wire_record_has(&w, i, "\"source\":{\"db\":\"shop\",\"table\":\"t\",");
		wire_record_has(&w, i, "\"_stream\":\"shop.t\"");
		raw_is_the_event(i, w.len);
	}
	wire_insert(&w, 10, "orders", 3, 1);
	wire_record_has(&w, 3, "\"id\":3");
	assert_int_equal(w.run.skipped, 0);
}

static void a_dead_letter_is_bounded_and_says_how_long_it_would_be(void **state)
{
	wire_begin(&w);
	wire_query(&w, "shop", "CREATE TABLE t (a INT)");
	wire_send(&w);
	wire_bare_map(&w, 9, "\3\x0f", 2, "\x40\0", 2);
	wire_rows(&w, 9, 1, 12000);
	assert_true(w.len > MYSQL_DEAD_SHOWN && w.len < MYSQL_DEAD_BYTES);
	wire_send(&w);
	wire_records_are(&w, 2);
	assert_true(w.run.frames[1].len > MYSQL_DEAD_SHOWN);
	raw_is_the_event(1, MYSQL_DEAD_SHOWN);
}

/* --- Holes and late joins --------------------------------------------------------------------- */

static void behind_a_hole_rows_wait_for_a_table_map(void **state)
{
	wire_begin(&w);
	wire_insert(&w, 9, "orders", 1, 1);
	wire_rows(&w, 9, 2, 1);
	size_t n = wire_pack_event(&w);
	parser_run_gap(&w.run, 1, 11);
	parser_run_data(&w.run, 1, w.packet + 11, n - 11);
	wire_rows(&w, 9, 3, 1); /* its table may be another by now */
	wire_send(&w);
	wire_records_are(&w, 1);
	size_t skipped = w.run.skipped;
	wire_insert(&w, 9, "orders", 4, 1);
	wire_records_are(&w, 2);
	wire_record_has(&w, 1, "\"id\":4");
	wire_record_has(&w, 1, "\"file\":\"bin.000001\"");
	assert_int_equal(w.run.skipped, skipped);
}

static void behind_a_long_hole_the_file_is_not_known(void **state)
{
	wire_begin(&w);
	wire_insert(&w, 9, "orders", 1, 1);
	assert_true(w.run.frames[0].identity != 0);
	parser_run_gap(&w.run, 1, 100000);
	w.pos += 200;
	wire_insert(&w, 9, "orders", 4, 1);
	wire_records_are(&w, 2);
	wire_record_has(&w, 1, "\"file\":null");
	assert_int_equal(w.run.frames[1].identity, 0);
	wire_event(&w, MYSQL_EV_HEARTBEAT, 0, "bin.000002", 10);
	wire_send(&w);
	wire_insert(&w, 9, "orders", 5, 1);
	wire_record_has(&w, 2, "\"file\":\"bin.000002\"");
}

/* Pain 41. */
static void a_session_joined_late_is_read_from_its_next_table_map(void **state)
{
	wire_map(&w, 9, "orders");
	size_t n = wire_pack_event(&w);
	w.run.dirs[1].after_gap = true;
	parser_run_data(&w.run, 1, w.packet + 20, n - 20);
	wire_rows(&w, 9, 1, 1);
	wire_send(&w);
	wire_insert(&w, 9, "orders", 2, 2);
	wire_records_are(&w, 2);
	wire_record_has(&w, 0, "\"id\":2");
	assert_true(w.run.skipped > 0);
}

static void an_ordinary_session_joined_late_is_passed_over(void **state)
{
	w.run.dirs[0].after_gap = w.run.dirs[1].after_gap = true;
	wire_command(&w, MYSQL_COM_QUERY, "SELECT * FROM orders");
	for (unsigned i = 0; i < 20; i++)
		wire_say(&w, 1, (uint8_t)i, "\4abcd", 5);
	wire_records_are(&w, 0);
	assert_int_equal(w.run.skipped, 0);
	wire_begin(&w); /* the greeting is one answer more, but then comes a dump */
	wire_insert(&w, 9, "orders", 1, 1);
	wire_records_are(&w, 1);
}

/* --- Files, statements, options --------------------------------------------------------------- */

static void begin_file(void)
{
	parser_run_data(&w.run, 1,
			"\xfe"
			"bin",
			4);
	wire_format(&w);
	parser_run_data(&w.run, 1, w.event, w.len);
}

static void a_log_file_is_read_without_packets(void **state)
{
	begin_file();
	wire_map(&w, 9, "orders");
	parser_run_data(&w.run, 1, w.event, w.len);
	wire_rows(&w, 9, 1, 300); /* more than a burst */
	parser_run_data(&w.run, 1, w.event, w.len);
	wire_records_are(&w, 300);
	wire_record_has(&w, 299, "\"id\":300");
	wire_record_has(&w, 299, "\"row\":299}");
	assert_int_equal(parser_run_probe(&w.run, 1, false,
					  "\xfe"
					  "bin",
					  4),
			 PROBE_YES);
}

static void the_name_of_a_log_file_is_that_of_the_request_for_it(void **state)
{
	static const uint8_t request[] = {21,  0,   0,   0,   0x12, 4,   0,   0,   0,
					  0,   0,   0,   0,   0,    0,   'b', 'i', 'n',
					  '.', '0', '0', '0', '0',  '0', '1'};
	assert_int_equal(parser_run_probe(&w.run, 0, false, request, sizeof(request)), PROBE_YES);
	parser_run_data(&w.run, 0, request, sizeof(request));
	begin_file();
	wire_map(&w, 9, "orders");
	parser_run_data(&w.run, 1, w.event, w.len);
	wire_rows(&w, 9, 1, 1);
	parser_run_data(&w.run, 1, w.event, w.len);
	wire_record_has(&w, 0, "\"file\":\"bin.000001\"");
	uint64_t identity = w.run.frames[0].identity, off = w.run.frames[0].stream_off;
	parser_run_reset(&w.run);
	w.pos = 4;
	wire_begin(&w);
	wire_insert(&w, 9, "orders", 1, 1);
	assert_true(identity != 0);
	assert_int_equal(w.run.frames[0].identity, identity);
	assert_int_equal(w.run.frames[0].stream_off, off);
}

static void ddl_is_a_record_and_names_the_columns_behind_it(void **state)
{
	wire_begin(&w);
	wire_query(&w, "shop", "CREATE TABLE t (a INT, b VARCHAR(64))");
	wire_send(&w);
	wire_records_are(&w, 1);
	wire_record_has(&w, 0, "\"op\":\"ddl\",\"db\":\"shop\",\"sql\":\"CREATE TABLE t (a INT");
	/* The map without its names: what stands behind the null bits. */
	wire_map(&w, 9, "t");
	uint8_t body[64];
	size_t len = w.len - MYSQL_EVENT_HEADER_LEN - 4 - 10;
	memcpy(body, w.event + MYSQL_EVENT_HEADER_LEN, len);
	w.pos -= (uint32_t)w.len;
	wire_event(&w, MYSQL_EV_TABLE_MAP, 0, body, len);
	wire_send(&w);
	wire_rows(&w, 9, 5, 1);
	wire_send(&w);
	wire_record_has(&w, 1, "\"after\":{\"a\":5,\"b\":\"v\"}");
}

/* MariaDB keeps a hash for a UNIQUE key over a TEXT, and its rows have it. */
static void a_hidden_column_of_mariadb_has_its_name_and_the_others_theirs(void **state)
{
	wire_begin(&w);
	wire_query(&w, "shop", "CREATE TABLE t (a INT, b TEXT, UNIQUE (b))");
	wire_send(&w);
	wire_bare_map(&w, 9, "\3\xfc\x08", 3, "\2", 1);
	static const uint8_t row[] = {9, 0, 0, 0, 0, 0, 1, 0,   2, 0, 3, 7, /* header */
				      0, 5, 0, 0, 0, 1, 0, 'x', 8, 0, 0, 0, 0, 0, 0, 0};
	wire_event(&w, MYSQL_EV_WRITE_ROWS_V2, 0, row, sizeof(row));
	wire_send(&w);
	wire_records_are(&w, 2);
	wire_record_has(&w, 1, "\"after\":{\"a\":5,\"b\":\"x\",\"DB_ROW_HASH_1\":8}");
}

/* Row images say which columns they hold: a virtual one may be left out. */
static void a_generated_column_that_an_image_leaves_out_has_no_key(void **state)
{
	wire_begin(&w);
	wire_query(&w, "shop", "CREATE TABLE t (a INT, g INT AS (a + 1) VIRTUAL, c VARCHAR(64))");
	wire_send(&w);
	wire_bare_map(&w, 9, "\3\3\x0f", 3, "\x40\0", 2);
	static const uint8_t row[] = {9, 0, 0, 0, 0, 0, 1,  0, 2, 0, 3, 5, /* a and c */
				      0, 5, 0, 0, 0, 1, 'x'};
	wire_event(&w, MYSQL_EV_WRITE_ROWS_V2, 0, row, sizeof(row));
	wire_send(&w);
	wire_record_has(&w, 1, "\"after\":{\"a\":5,\"c\":\"x\"}");
}

/* A statement may have been lost: names that came from statements are a guess then. */
static void behind_an_event_that_is_damaged_names_are_unsure(void **state)
{
	wire_begin(&w);
	wire_query(&w, "shop", "CREATE TABLE t (a INT, b VARCHAR(64))");
	wire_send(&w);
	wire_bare_map(&w, 9, "\3\x0f", 2, "\x40\0", 2);
	wire_rows(&w, 9, 5, 1);
	wire_send(&w);
	assert_null(strstr(w.run.frames[1].record, "unsure"));
	wire_query(&w, "shop", "ALTER TABLE t CHANGE a x INT");
	w.event[w.len - 9] ^= 1;
	wire_send(&w);
	assert_string_equal(w.run.why, "the checksum of the event is wrong");
	wire_bare_map(&w, 10, "\3\x0f", 2, "\x40\0", 2);
	wire_rows(&w, 10, 6, 1);
	wire_send(&w);
	wire_record_has(&w, 2, "\"after\":{\"a\":6,\"b\":\"v\"}");
	wire_record_has(&w, 2, "\"unsure\":true");
}

static void names_of_tables_fold_case_where_the_server_does(void **state)
{
	wire_begin(&w);
	wire_query(&w, "shop", "CREATE TABLE T (a INT, b VARCHAR(64))");
	wire_send(&w);
	wire_bare_map(&w, 9, "\3\x0f", 2, "\x40\0", 2);
	wire_rows(&w, 9, 5, 1);
	wire_send(&w);
	wire_record_has(&w, 1,
			((struct mysql_conf *)w.run.conf)->ignore_case
				? "\"after\":{\"a\":5,\"b\":\"v\"}"
				: "\"after\":{\"c1\":5,\"c2\":\"v\"}");
}

static void transactions_and_statements_are_no_records(void **state)
{
	wire_begin(&w);
	wire_query(&w, "shop", "BEGIN");
	wire_send(&w);
	wire_query(&w, "shop", "INSERT INTO t VALUES (1)");
	wire_send(&w);
	wire_query(&w, "shop", "COMMIT");
	wire_send(&w);
	wire_records_are(&w, 0);
	((struct mysql_conf *)w.run.conf)->statements = true;
	wire_query(&w, "shop", "INSERT INTO t VALUES (1)");
	wire_send(&w);
	wire_records_are(&w, 1);
	wire_record_has(&w, 0, "\"op\":\"statement\",\"db\":\"shop\",\"sql\":\"INSERT INTO");
}

static void tables_that_are_not_wanted_are_passed_over(void **state)
{
	static const char *items[] = {"shop.ord*"};
	((struct mysql_conf *)w.run.conf)->tables = (struct opt_strings){items, 1};
	wire_begin(&w);
	size_t passed = w.run.passed_over;
	wire_map(&w, 9, "users");
	wire_send(&w);
	assert_int_equal(w.run.passed_over - passed, w.len + 5);
	passed = w.run.passed_over;
	wire_rows(&w, 9, 2, 1);
	wire_send(&w);
	assert_int_equal(w.run.passed_over - passed, w.len + 5);
	wire_insert(&w, 10, "orders", 3, 1);
	wire_records_are(&w, 1);
	wire_record_has(&w, 0, "\"_stream\":\"shop.orders\"");
	((struct mysql_conf *)w.run.conf)->tables = (struct opt_strings){0};
}

static void two_replicas_give_the_same_ids(void **state)
{
	wire_begin(&w);
	wire_insert(&w, 9, "orders", 1, 1);
	struct run_frame first = w.run.frames[0];
	static struct wire_rig other;
	wire_init(&other);
	other.semi_sync = true; /* they need not ask alike */
	wire_begin(&other);
	wire_insert(&other, 9, "orders", 1, 1);
	struct run_frame second = other.run.frames[0];
	assert_true(first.identity != 0 && first.identity == second.identity);
	assert_int_equal(first.stream_off, second.stream_off);
	assert_int_equal(first.idx, second.idx);
	wire_fini(&other);
}

static int set_up(void **state)
{
	wire_init(&w);
	return 0;
}

static int set_up_folding(void **state)
{
	set_up(state);
	((struct mysql_conf *)w.run.conf)->ignore_case = true;
	wire_new_pool(&w, NULL);
	return 0;
}

static int tear_down(void **state)
{
	wire_fini(&w);
	return 0;
}

#define TEST(name)         cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_FOLDING(name) cmocka_unit_test_setup_teardown(name, set_up_folding, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_row_of_a_dump_is_a_record_with_its_place),
		TEST(a_session_with_queries_only_is_passed_over),
		TEST(pain_51_a_login_that_asks_for_tls_is_told_at_that_packet),
		TEST(pain_52_unknown_capabilities_do_no_harm),
		TEST(semi_sync_headers_are_taken_off),
		TEST(events_without_checksums_are_read),
		TEST(checksums_that_were_refused_are_read_when_they_come_all_the_same),
		TEST(the_answer_of_the_server_waits_for_a_login_that_comes_late),
		TEST(an_error_ends_the_dump_and_queries_are_passed_over_again),
		TEST(a_wrong_checksum_loses_its_event_and_no_other),
		TEST(pain_34_rows_without_their_table_map_are_lost_and_told),
		TEST(an_unknown_event_type_is_lost_and_told),
		TEST(rows_that_contradict_their_map_go_out_as_a_dead_letter),
		TEST(a_table_that_is_not_that_of_the_schema_stops_with_its_raw_events),
		TEST(a_dead_letter_is_bounded_and_says_how_long_it_would_be),
		TEST(behind_a_hole_rows_wait_for_a_table_map),
		TEST(behind_a_long_hole_the_file_is_not_known),
		TEST(a_session_joined_late_is_read_from_its_next_table_map),
		TEST(an_ordinary_session_joined_late_is_passed_over),
		TEST(a_log_file_is_read_without_packets),
		TEST(the_name_of_a_log_file_is_that_of_the_request_for_it),
		TEST(ddl_is_a_record_and_names_the_columns_behind_it),
		TEST(a_hidden_column_of_mariadb_has_its_name_and_the_others_theirs),
		TEST(a_generated_column_that_an_image_leaves_out_has_no_key),
		TEST(behind_an_event_that_is_damaged_names_are_unsure),
		TEST(names_of_tables_fold_case_where_the_server_does),
		TEST_FOLDING(names_of_tables_fold_case_where_the_server_does),
		TEST(transactions_and_statements_are_no_records),
		TEST(tables_that_are_not_wanted_are_passed_over),
		TEST(two_replicas_give_the_same_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
