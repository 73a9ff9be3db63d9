#include "mysql_wire.h"

#include "parsers/mysql/log.h"

static struct wire_rig w;
static char pos_text[64];

#define GTID(n) "\"txid\":\"00000000-0000-0000-0000-000000000007:" #n "\""

static struct mysql_conf *conf(void)
{
	return w.run.conf;
}

static void begin(uint64_t number)
{
	wire_gtid(&w, number);
	wire_send(&w);
	wire_statement(&w, "BEGIN");
}

static void commit(void)
{
	wire_xid(&w);
	wire_send(&w);
}

/* "bin.000001:<pos>" as txid, of an event that is to be written next. */
static const char *txid_here(void)
{
	snprintf(pos_text, sizeof(pos_text), "\"txid\":\"bin.000001:%u\"", w.pos);
	return pos_text;
}

/* --- Where a change stands -------------------------------------------------------------------- */

static void changes_have_their_transaction_and_their_place_in_it(void **state)
{
	wire_begin(&w);
	begin(4);
	wire_insert(&w, 9, "orders", 1, 2);
	wire_insert(&w, 10, "items", 1, 2);
	commit();
	begin(5);
	wire_insert(&w, 9, "orders", 7, 1);
	commit();
	wire_records_are(&w, 5);
	for (unsigned i = 0; i < 4; i++) {
		char at[64];
		snprintf(at, sizeof(at), "\"tx_index\":%u", i);
		wire_record_has(&w, i, GTID(4));
		wire_record_has(&w, i, at);
	}
	wire_record_has(&w, 4, GTID(5) ",\"tx_index\":0,\"last\":true");
	wire_record_has(&w, 3, "\"tx_index\":3,\"last\":true");
	for (unsigned i = 0; i < 3; i++)
		wire_record_lacks(&w, i, "\"last\"");
}

static void without_a_gtid_the_place_of_its_beginning_names_a_transaction(void **state)
{
	wire_begin(&w);
	const char *txid = txid_here();
	begin(0);
	wire_insert(&w, 9, "orders", 1, 1);
	commit();
	wire_record_has(&w, 0, txid);
	wire_record_has(&w, 0, "\"gtid\":null");
	txid = txid_here();
	wire_statement(&w, "BEGIN");
	wire_insert(&w, 9, "orders", 2, 1);
	wire_statement(&w, "COMMIT");
	wire_record_has(&w, 1, txid);
	wire_record_has(&w, 1, "\"tx_index\":0,\"last\":true");
	wire_records_are(&w, 2);
}

static void a_statement_without_begin_is_a_transaction(void **state)
{
	wire_begin(&w);
	wire_map(&w, 9, "orders");
	wire_send(&w);
	const char *txid = txid_here();
	wire_rows_flags(&w, 9, 1, 2, 0);
	wire_send(&w);
	wire_rows(&w, 9, 3, 2);
	wire_send(&w);
	wire_records_are(&w, 4);
	wire_record_has(&w, 0, txid);
	wire_record_has(&w, 3, txid);
	wire_record_has(&w, 3, "\"tx_index\":3,\"last\":true");
	wire_record_lacks(&w, 1, "\"last\"");
}

static void ddl_is_a_transaction_of_its_own(void **state)
{
	wire_begin(&w);
	wire_gtid(&w, 3);
	wire_send(&w);
	wire_statement(&w, "CREATE TABLE t (a INT)");
	wire_records_are(&w, 1);
	wire_record_has(&w, 0, GTID(3) ",\"tx_index\":0,\"last\":true");
	wire_statement(&w, "DROP TABLE t");
	wire_record_lacks(&w, 1, GTID(3));
}

/* --- The last one ----------------------------------------------------------------------------- */

static void the_last_change_waits_for_the_commit_in_a_later_packet(void **state)
{
	wire_begin(&w);
	begin(4);
	wire_map(&w, 9, "orders");
	wire_send(&w);
	w.run.time_ns = 1764045796500000000ull;
	wire_rows(&w, 9, 1, 3);
	wire_send(&w);
	wire_records_are(&w, 0);
	assert_int_equal(w.run.dirs[1].len, w.len + 5);
	wire_xid(&w);
	size_t n = wire_pack_event(&w);
	w.run.time_ns += 1000000;
	parser_run_data(&w.run, 1, w.packet, n - 1);
	wire_records_are(&w, 0);
	parser_run_data(&w.run, 1, w.packet + n - 1, 1);
	wire_records_are(&w, 3);
	wire_record_has(&w, 2, "\"last\":true");
	assert_int_equal(w.run.dirs[1].len, 0);
}

static void rows_in_the_middle_of_a_statement_do_not_wait(void **state)
{
	wire_begin(&w);
	begin(4);
	wire_map(&w, 9, "orders");
	wire_send(&w);
	for (unsigned i = 0; i < 1000; i++) {
		wire_rows_flags(&w, 9, 10 * i, 10, 0);
		wire_send(&w);
	}
	wire_records_are(&w, 10000);
	wire_record_lacks(&w, 9999, "\"last\"");
	wire_record_has(&w, 9999, "\"tx_index\":9999");
}

static void a_session_that_ends_before_the_commit_gives_its_rows_without_the_mark(void **state)
{
	wire_begin(&w);
	begin(4);
	wire_insert(&w, 9, "orders", 1, 1);
	wire_records_are(&w, 0);
	parser_run_end(&w.run);
	wire_records_are(&w, 1);
	wire_record_lacks(&w, 0, "\"last\"");
	assert_int_equal(w.run.skipped, 0);
}

static void a_hole_before_the_commit_gives_the_rows_without_the_mark(void **state)
{
	wire_begin(&w);
	begin(4);
	wire_insert(&w, 9, "orders", 1, 1);
	parser_run_gap(&w.run, 1, 35);
	wire_records_are(&w, 1);
	wire_record_lacks(&w, 0, "\"last\"");
	begin(5);
	wire_insert(&w, 9, "orders", 2, 1);
	commit();
	wire_records_are(&w, 2);
	wire_record_has(&w, 1, GTID(5) ",\"tx_index\":0,\"last\":true");
}

static void behind_a_hole_the_transaction_is_not_known_until_the_next_begins(void **state)
{
	wire_begin(&w);
	begin(4);
	parser_run_gap(&w.run, 1, 20);
	wire_insert(&w, 9, "orders", 1, 1);
	commit();
	wire_records_are(&w, 1);
	wire_record_has(&w, 0, "\"txid\":null");
	wire_record_lacks(&w, 0, "\"tx_index\"");
	wire_record_lacks(&w, 0, "\"last\"");
	const char *txid = txid_here();
	wire_statement(&w, "BEGIN");
	wire_insert(&w, 9, "orders", 2, 1);
	commit();
	wire_record_has(&w, 1, txid);
}

static void behind_a_damaged_begin_the_transaction_is_not_known(void **state)
{
	wire_begin(&w);
	wire_gtid(&w, 4);
	wire_send(&w);
	wire_query(&w, "shop", "BEGIN");
	w.event[30] ^= 1;
	wire_send(&w);
	wire_insert(&w, 9, "orders", 1, 1);
	wire_insert(&w, 9, "orders", 2, 1);
	commit();
	wire_records_are(&w, 2);
	for (unsigned i = 0; i < 2; i++) {
		wire_record_has(&w, i, "\"txid\":null");
		wire_record_lacks(&w, i, "\"last\"");
	}
}

static void where_changes_that_are_not_wanted_come_last_the_commit_is_an_event(void **state)
{
	static const char *items[] = {"shop.ord*"};
	conf()->tables = (struct opt_strings){items, 1};
	wire_begin(&w);
	begin(4);
	wire_insert(&w, 9, "orders", 1, 2);
	wire_insert(&w, 10, "users", 1, 1);
	uint32_t pos = w.pos;
	commit();
	wire_records_are(&w, 3);
	wire_record_lacks(&w, 1, "\"last\"");
	wire_record_has(&w, 2, "\"op\":\"commit\",\"source\":{\"db\":null");
	wire_record_has(&w, 2, GTID(4) ",\"tx_index\":2,\"last\":true");
	assert_int_equal(w.run.frames[2].stream_off, pos);
	begin(5);
	wire_insert(&w, 10, "users", 1, 1);
	commit();
	wire_records_are(&w, 3);
	conf()->tables = (struct opt_strings){0};
}

static void a_transaction_that_is_rolled_back_says_so(void **state)
{
	wire_begin(&w);
	begin(4);
	wire_insert(&w, 9, "orders", 1, 1);
	wire_statement(&w, "ROLLBACK TO `s1`");
	wire_insert(&w, 9, "orders", 2, 1);
	wire_statement(&w, "ROLLBACK");
	wire_records_are(&w, 3);
	wire_record_has(&w, 2, "\"op\":\"rollback\"");
	wire_record_has(&w, 2, "\"tx_index\":2,\"last\":true");
	wire_record_lacks(&w, 1, "\"last\"");
}

static void statements_end_with_a_commit(void **state)
{
	conf()->statements = true;
	wire_begin(&w);
	begin(4);
	wire_statement(&w, "INSERT INTO t VALUES (1)");
	wire_statement(&w, "INSERT INTO t VALUES (2)");
	commit();
	wire_records_are(&w, 3);
	wire_record_has(&w, 1, "\"op\":\"statement\"");
	wire_record_has(&w, 1, GTID(4) ",\"tx_index\":1");
	wire_record_has(&w, 2, "\"op\":\"commit\"");
}

/* --- XA --------------------------------------------------------------------------------------- */

static void a_prepared_transaction_and_its_end_have_one_name(void **state)
{
	static const uint8_t named[] = {0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 'a', 'b', 'c'};
	wire_begin(&w);
	wire_gtid(&w, 4);
	wire_send(&w);
	wire_statement(&w, "XA START X'6162',X'63',1");
	wire_insert(&w, 9, "orders", 1, 1);
	wire_statement(&w, "XA END X'6162',X'63',1");
	wire_event(&w, MYSQL_EV_XA_PREPARE, 0, named, sizeof(named));
	wire_send(&w);
	wire_records_are(&w, 2);
	wire_record_lacks(&w, 0, "\"last\"");
	wire_record_has(&w, 1, "\"op\":\"prepare\",\"sql\":\"XA PREPARE X'6162',X'63',1\"");
	wire_record_has(&w, 1, "\"tx_index\":1,\"last\":true");
	wire_gtid(&w, 5);
	wire_send(&w);
	wire_statement(&w, "XA COMMIT X'6162',X'63',1");
	wire_records_are(&w, 3);
	wire_record_has(&w, 2, "\"op\":\"commit\",\"sql\":\"XA COMMIT X'6162',X'63',1\"");
	wire_record_has(&w, 2, GTID(5));
}

static void a_name_of_xa_that_is_too_long_is_lost_and_told(void **state)
{
	static const uint8_t named[] = {0, 1, 0, 0, 0, 200, 0, 0, 0, 1, 0, 0, 0, 'a'};
	wire_begin(&w);
	wire_event(&w, MYSQL_EV_XA_PREPARE, 0, named, sizeof(named));
	wire_send(&w);
	assert_int_equal(w.run.skipped, w.len + 5);
}

/* --- MariaDB ---------------------------------------------------------------------------------- */

static void maria_gtid(uint64_t number, uint8_t flags, uint8_t more)
{
	uint8_t body[19] = {0};
	memcpy(body, &number, 8);
	body[12] = flags;
	body[13] = more;
	wire_event(&w, MYSQL_EV_MARIA_GTID, 0, body, sizeof(body));
	wire_send(&w);
}

static void an_alter_in_two_phases_is_one_event_when_it_is_done(void **state)
{
	wire_begin(&w);
	maria_gtid(4, 0x29, 2);
	wire_statement(&w, "ALTER TABLE t ADD c INT");
	wire_records_are(&w, 0);
	maria_gtid(5, 0x28, 0);
	wire_insert(&w, 9, "orders", 1, 1);
	commit();
	maria_gtid(6, 0x29, 4);
	wire_statement(&w, "ALTER TABLE t ADD c INT");
	wire_records_are(&w, 2);
	wire_record_has(&w, 0, "\"txid\":\"0-7-5\",\"tx_index\":0,\"last\":true");
	wire_record_has(&w, 1, "\"op\":\"ddl\"");
	wire_record_has(&w, 1, "\"txid\":\"0-7-6\"");
	maria_gtid(7, 0x29, 2);
	wire_statement(&w, "ALTER TABLE t ADD d INT");
	maria_gtid(8, 0x29, 8);
	wire_statement(&w, "ALTER TABLE t ADD d INT");
	wire_records_are(&w, 2);
	wire_statement(&w, "ALTER TABLE t ADD e INT");
	wire_records_are(&w, 3);
}

/* The rows event in w.event as @n pieces; the one numbered @without is not sent. */
static void send_pieces(unsigned n, unsigned without)
{
	static uint8_t whole[WIRE_BYTES], body[WIRE_BYTES];
	size_t len = w.len, at = 0;
	w.pos -= (uint32_t)len;
	memcpy(whole, w.event, len);
	for (uint32_t i = 1; i <= n; i++) {
		size_t head = i == 1 ? 17 : 9, part = i == n ? len - at : len / n;
		memcpy(body, &n, 4);
		memcpy(body + 4, &i, 4);
		body[8] = i == 1;
		memcpy(body + 9, &len, 8);
		memcpy(body + head, whole + at, part);
		wire_event(&w, MYSQL_EV_PARTIAL_ROW_DATA, 0, body, head + part);
		if (i != without)
			wire_send(&w);
		at += part;
	}
}

static void rows_that_come_in_pieces_are_put_together(void **state)
{
	wire_begin(&w);
	wire_map(&w, 9, "orders");
	wire_send(&w);
	wire_rows(&w, 9, 1, 500); /* more than a burst */
	send_pieces(3, 0);
	wire_records_are(&w, 500);
	wire_record_has(&w, 499, "\"id\":500");
	wire_record_has(&w, 499, "\"last\":true");
	assert_int_equal(w.run.skipped, 0);
	w.sums = true;
	wire_rows(&w, 9, 1, 20);
	send_pieces(4, 2);
	wire_records_are(&w, 500);
	assert_string_equal(w.run.why, "a piece of a rows event without the piece before it");
	wire_rows(&w, 9, 7, 1);
	send_pieces(1, 0);
	wire_records_are(&w, 501);
	wire_record_has(&w, 500, "\"id\":7");
}

/* --- The statement behind --------------------------------------------------------------------- */

static void rows_query(const char *sql, size_t len)
{
	static uint8_t body[8192];
	body[0] = (uint8_t)len;
	memcpy(body + 1, sql, len);
	wire_event(&w, MYSQL_EV_ROWS_QUERY, MYSQL_FLAG_IGNORABLE, body, 1 + len);
	wire_send(&w);
}

static void changes_carry_their_statement_when_asked(void **state)
{
	wire_begin(&w);
	rows_query("INSERT 0", 8);
	wire_insert(&w, 9, "orders", 1, 1);
	wire_record_lacks(&w, 0, "\"query\"");
	conf()->query = true;
	rows_query("INSERT INTO orders SET v = \"v\"", 30);
	wire_insert(&w, 9, "orders", 2, 2);
	wire_record_has(&w, 1, "\"query\":\"INSERT INTO orders SET v = \\\"v\\\"\",\"row\":0}");
	wire_record_has(&w, 2, "\"query\":\"INSERT INTO orders SET v = \\\"v\\\"\",\"row\":1}");
	wire_insert(&w, 9, "orders", 3, 1);
	wire_record_lacks(&w, 3, "\"query\"");
}

static void a_long_statement_is_cut_and_says_so(void **state)
{
	static char sql[MYSQL_QUERY_MAX + 1];
	memset(sql, 1, sizeof(sql)); /* the worst: six bytes of JSON each */
	conf()->query = true;
	wire_begin(&w);
	rows_query(sql, sizeof(sql));
	wire_insert(&w, 9, "orders", 1, 1);
	rows_query(sql, sizeof(sql) - 1);
	wire_insert(&w, 9, "orders", 2, 1);
	wire_records_are(&w, 2);
	wire_record_has(&w, 0, "\\u0001\",\"query_cut\":true,");
	wire_record_has(&w, 1, "\\u0001\",\"row\":0}");
	const char *at = strstr(w.run.frames[0].record, "\"query\":\"") + 9;
	assert_int_equal(strchr(at, '"') - at, 6 * MYSQL_QUERY_MAX);
}

/* --- Parts ------------------------------------------------------------------------------------ */

static void words_that_speak_of_transactions(void **state)
{
	static const struct {
		const char *sql;
		enum mysql_txn_word word;
	} cases[] = {
		{"BEGIN", MYSQL_WORD_BEGIN},
		{"begin", MYSQL_WORD_BEGIN},
		{"BEGIN/*x*/", MYSQL_WORD_NONE},
		{"COMMIT", MYSQL_WORD_COMMIT},
		{"COMMIT;", MYSQL_WORD_COMMIT},
		{"COMMITTED", MYSQL_WORD_NONE},
		{"ROLLBACK", MYSQL_WORD_ROLLBACK},
		{"ROLLBACK TO s", MYSQL_WORD_OTHER},
		{"rollback  to s", MYSQL_WORD_OTHER},
		{"SAVEPOINT `a`", MYSQL_WORD_OTHER},
		{"XA START X'1'", MYSQL_WORD_XA_BEGIN},
		{"XA  COMMIT X'1'", MYSQL_WORD_XA_COMMIT},
		{"XA ROLLBACK X'1'", MYSQL_WORD_XA_ROLLBACK},
		{"XA END X'1'", MYSQL_WORD_OTHER},
		{"# comment", MYSQL_WORD_OTHER},
		{"", MYSQL_WORD_OTHER},
		{"INSERT INTO t SELECT 1", MYSQL_WORD_NONE},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (mysql_txn_word(slice_str(cases[i].sql)) != cases[i].word)
			fail_msg("%s is %u", cases[i].sql,
				 (unsigned)mysql_txn_word(slice_str(cases[i].sql)));
}

static void what_follows_is_asked_for_no_farther_than_needed(void **state)
{
	struct mysql_format f;
	size_t needed;
	mysql_format_init(&f);
	f.checksum = true;
	wire_query(&w, "shop", "COMMIT");
	for (size_t n = 0; n < w.len; n++) {
		assert_int_equal(mysql_ahead_event(slice_of(w.event, n), &f, &needed),
				 MYSQL_AHEAD_MORE);
		assert_int_equal(needed,
				 n < MYSQL_EVENT_HEADER_LEN ? MYSQL_EVENT_HEADER_LEN : w.len);
	}
	assert_int_equal(mysql_ahead_event(slice_of(w.event, w.len), &f, &needed),
			 MYSQL_AHEAD_COMMITS);
	wire_query(&w, "shop", "ROLLBACK");
	assert_int_equal(mysql_ahead_event(slice_of(w.event, w.len), &f, &needed),
			 MYSQL_AHEAD_GOES_ON);
	wire_xid(&w);
	assert_int_equal(mysql_ahead_event(slice_of(w.event, 19), &f, &needed),
			 MYSQL_AHEAD_COMMITS);
	wire_rows(&w, 9, 1, 3000); /* longer than any commit */
	size_t n = wire_pack_event(&w);
	assert_true(n > MYSQL_AHEAD_BYTES);
	assert_int_equal(mysql_ahead_packet(slice_of(w.packet, 4), &f, &needed),
			 MYSQL_AHEAD_GOES_ON);
	assert_int_equal(mysql_ahead_packet(slice_of(w.packet, 3), &f, &needed), MYSQL_AHEAD_MORE);
	assert_int_equal(mysql_ahead_packet(slice_of("\5\0\0\1\xfe\0\0\2\0", 9), &f, &needed),
			 MYSQL_AHEAD_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WIRE_TEST(changes_have_their_transaction_and_their_place_in_it),
		WIRE_TEST(without_a_gtid_the_place_of_its_beginning_names_a_transaction),
		WIRE_TEST(a_statement_without_begin_is_a_transaction),
		WIRE_TEST(ddl_is_a_transaction_of_its_own),
		WIRE_TEST(the_last_change_waits_for_the_commit_in_a_later_packet),
		WIRE_TEST(rows_in_the_middle_of_a_statement_do_not_wait),
		WIRE_TEST(a_session_that_ends_before_the_commit_gives_its_rows_without_the_mark),
		WIRE_TEST(a_hole_before_the_commit_gives_the_rows_without_the_mark),
		WIRE_TEST(behind_a_hole_the_transaction_is_not_known_until_the_next_begins),
		WIRE_TEST(behind_a_damaged_begin_the_transaction_is_not_known),
		WIRE_TEST(where_changes_that_are_not_wanted_come_last_the_commit_is_an_event),
		WIRE_TEST(a_transaction_that_is_rolled_back_says_so),
		WIRE_TEST(statements_end_with_a_commit),
		WIRE_TEST(a_prepared_transaction_and_its_end_have_one_name),
		WIRE_TEST(a_name_of_xa_that_is_too_long_is_lost_and_told),
		WIRE_TEST(an_alter_in_two_phases_is_one_event_when_it_is_done),
		WIRE_TEST(rows_that_come_in_pieces_are_put_together),
		WIRE_TEST(changes_carry_their_statement_when_asked),
		WIRE_TEST(a_long_statement_is_cut_and_says_so),
		WIRE_TEST(words_that_speak_of_transactions),
		WIRE_TEST(what_follows_is_asked_for_no_farther_than_needed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
