/* What users of other readers of replication complain about, one test each, where no other file
 * has it: docs/proof.md lists all of them with their tests.
 */
#include "mysql_events.h"
#include "mysql_wire.h"

#include <time.h>
#include <zstd.h>

#include "parsers/mysql/pool.h"

static struct wire_rig w;

/* --- 26 --------------------------------------------------------------------------------------- */

/* An event that holds a transaction of one insert with @n rows, packed by zstd. @broken: the packed
 * bytes are not what they should be.
 */
static void send_payload(unsigned n, bool broken)
{
	static uint8_t inner[WIRE_BYTES], body[WIRE_BYTES];
	size_t len = 0;
	w.sums = false; /* events inside have none */
	wire_map(&w, 9, "orders");
	memcpy(inner, w.event, w.len);
	len += w.len;
	wire_rows(&w, 9, 1, n);
	memcpy(inner + len, w.event, w.len);
	len += w.len;
	wire_xid(&w);
	memcpy(inner + len, w.event, w.len);
	len += w.len;
	w.sums = true;
	uint8_t head[] = {2, 1, 0, /* zstd */
			  3, 3, 252, (uint8_t)len, (uint8_t)(len >> 8), 0};
	memcpy(body, head, sizeof(head));
	size_t packed =
		ZSTD_compress(body + sizeof(head), sizeof(body) - sizeof(head), inner, len, 3);
	assert_false(ZSTD_isError(packed));
	if (broken)
		memset(body + sizeof(head), 0x55, packed);
	wire_event(&w, MYSQL_EV_TRANSACTION_PAYLOAD, 0, body, sizeof(head) + packed);
	wire_send(&w);
}

static void pain_26_a_compressed_transaction_gives_all_its_rows(void **state)
{
	wire_begin(&w);
	wire_gtid(&w, 1);
	wire_send(&w);
	send_payload(3, false);
	wire_records_are(&w, 3);
	wire_record_has(&w, 0, "\"id\":1");
	wire_record_has(&w, 2, "\"id\":3");
	wire_record_has(&w, 2, "\"last\":true");
	assert_int_equal(w.run.skipped, 0);
}

static void pain_26_a_compressed_transaction_that_cannot_be_read_is_a_dead_letter(void **state)
{
	wire_begin(&w);
	wire_gtid(&w, 1);
	wire_send(&w);
	send_payload(3, true);
	wire_records_are(&w, 1);
	assert_non_null(w.run.frames[0].unparsed);
	wire_record_has(&w, 0, "\"raw\":");
	wire_transaction(&w, 2, 7);
	wire_records_are(&w, 2);
	wire_record_has(&w, 1, "\"id\":7");
}

/* --- 31 --------------------------------------------------------------------------------------- */

static void pain_31_a_timestamp_is_utc_and_a_datetime_as_declared_in_every_zone(void **state)
{
	static const char *const zones[] = {"UTC", "America/New_York", "Asia/Kolkata"};
	struct rig *rig = rig_create();
	for (unsigned i = 0; i < 3; i++) {
		setenv("TZ", zones[i], 1);
		tzset();
		rig_table(rig, "11", "00", "");
		assert_string_equal(rig_value(rig, "692533e4"), "\"2025-11-25 04:43:16Z\"");
		rig_table(rig, "12", "00", "");
		assert_string_equal(rig_value(rig, "99b8324ad0"), "\"2025-11-25 04:43:16\"");
	}
	unsetenv("TZ");
	tzset();
	rig_destroy(rig);
}

/* --- 33 to 37: where the log goes on ---------------------------------------------------------- */

/* The server sends the whole transaction again: what came before is known by its ids, and nothing
 * of the rest is lost.
 */
static void pain_33_a_transaction_that_was_cut_comes_again_with_the_same_ids(void **state)
{
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	uint32_t pos = w.pos;
	wire_gtid(&w, 2);
	wire_send(&w);
	wire_statement(&w, "BEGIN");
	wire_map(&w, 9, "orders");
	wire_send(&w);
	wire_rows_flags(&w, 9, 2, 2, 0); /* and here the connection breaks */
	wire_send(&w);
	wire_records_are(&w, 3);
	uint64_t identity = w.run.frames[1].identity, off = w.run.frames[1].stream_off;
	uint32_t idx = w.run.frames[2].idx;
	wire_record_lacks(&w, 2, "\"last\"");
	wire_reconnect(&w, pos);
	wire_gtid(&w, 2);
	wire_send(&w);
	wire_statement(&w, "BEGIN");
	wire_map(&w, 9, "orders");
	wire_send(&w);
	wire_rows_flags(&w, 9, 2, 2, 0);
	wire_send(&w);
	wire_rows(&w, 9, 4, 1);
	wire_send(&w);
	wire_xid(&w);
	wire_send(&w);
	wire_records_are(&w, 3);
	assert_int_equal(w.run.frames[0].identity, identity);
	assert_int_equal(w.run.frames[0].stream_off, off);
	assert_int_equal(w.run.frames[1].idx, idx);
	wire_record_has(&w, 2, "\"id\":4");
	wire_record_has(&w, 2, "\"last\":true");
	assert_int_equal(wire_chains(&w)->n_breaks, 0);
}

static void pain_35_a_transaction_without_a_gtid_has_not_that_of_the_one_before(void **state)
{
	wire_begin(&w);
	wire_transaction(&w, 4, 1);
	wire_transaction(&w, 0, 2);
	wire_records_are(&w, 2);
	wire_record_has(&w, 0, "\"gtid\":\"00000000-0000-0000-0000-000000000007:4\"");
	wire_record_has(&w, 1, "\"gtid\":null");
}

/* We keep no position that could be purged: the replica's new start is told, with what lies
 * between.
 */
static void pain_36_a_position_that_the_server_has_purged_is_a_gap_with_both_ends(void **state)
{
	static const uint8_t purged[] = "\xff\xd4\x04#HY000Could not find first log file name";
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	uint32_t pos = w.pos;
	wire_say(&w, 1, ++w.seq, purged, sizeof(purged) - 1);
	wire_reconnect(&w, pos + 9000);
	wire_transaction(&w, 8, 8);
	wire_records_are(&w, 1);
	assert_int_equal(wire_chains(&w)->n_breaks, 1);
	assert_int_equal(wire_chains(&w)->breaks[0].kind, MYSQL_BREAK_BETWEEN);
	assert_int_equal(wire_chains(&w)->breaks[0].from.pos, pos);
	assert_int_equal(wire_chains(&w)->breaks[0].to.pos, pos + 9000);
	assert_int_equal(wire_chains(&w)->row[MYSQL_CHAIN_gtid_gaps], 1);
}

static void pain_37_a_quiet_server_has_no_delay_though_hours_pass(void **state)
{
	wire_begin(&w);
	w.run.time_ns = 1764045796000000000ull + 1000000;
	wire_transaction(&w, 1, 1);
	for (unsigned i = 0; i < 100; i++) {
		uint32_t pos = w.pos;
		w.run.time_ns += 60000000000ull;
		wire_event(&w, MYSQL_EV_HEARTBEAT, MYSQL_FLAG_ARTIFICIAL, "bin.000001", 10);
		memcpy(w.event + 13, &pos, 4);
		uint32_t crc = (uint32_t)crc32(0, w.event, (unsigned)(w.len - 4));
		memcpy(w.event + w.len - 4, &crc, 4);
		wire_send(&w);
	}
	assert_int_equal(wire_chains(&w)->items[0].wire.n, 1);
	assert_int_equal(wire_chains(&w)->items[0].wire.max_ns, 1000000);
	assert_int_equal(wire_chains(&w)->n_breaks, 0);
	wire_records_are(&w, 1);
}

/* --- 38 --------------------------------------------------------------------------------------- */

/* Rows leave event by event, long before the commit; what waits is never more than one event, and
 * the pool was made before (a sealed worker may not allocate).
 */
static void pain_38_a_huge_transaction_leaves_as_it_comes(void **state)
{
	w.run.keep_records = false;
	wire_begin(&w);
	wire_gtid(&w, 1);
	wire_send(&w);
	wire_statement(&w, "BEGIN");
	wire_map(&w, 9, "orders");
	wire_send(&w);
	size_t n = 0;
	for (unsigned i = 0; i < 400; i++, n += 1000) {
		wire_rows_flags(&w, 9, 1 + 1000 * i, 1000, 0);
		wire_send(&w);
		assert_int_equal(w.run.n_frames, n + 1000);
		assert_int_equal(w.run.dirs[1].len, 0);
	}
	wire_rows(&w, 9, 1 + (uint32_t)n, 1);
	wire_send(&w);
	assert_true(w.run.dirs[1].len <= w.len + 5); /* the last one waits for the commit */
	wire_xid(&w);
	wire_send(&w);
	assert_int_equal(w.run.n_frames, n + 1);
	assert_int_equal(w.run.dirs[1].len, 0);
	assert_int_equal(w.run.skipped, 0);
}

/* --- 50 --------------------------------------------------------------------------------------- */

/* All records of a session in one text; @burst: frames at a time, as a busy or an idle worker takes
 * them.
 */
static char *records_of_a_session(unsigned burst)
{
	w.run.burst = burst;
	wire_begin(&w);
	for (unsigned i = 1; i < 9; i++) {
		w.run.time_ns = 1764045796000000000ull + i * 1000000007ull;
		wire_transaction(&w, i, i);
	}
	wire_records_are(&w, 8);
	char *all = calloc(8, 4096);
	for (size_t i = 0; i < w.run.n_frames; i++)
		snprintf(all + strlen(all), 4096, "%s\n", w.run.frames[i].record);
	return all;
}

static void pain_50_only_packet_time_counts_so_live_and_replay_agree(void **state)
{
	char *live = records_of_a_session(1);
	const struct mysql_delay *d = &wire_chains(&w)->items[0].wire;
	uint64_t n = d->n, max_ns = d->max_ns;
	wire_fini(&w);
	wire_init(&w);
	char *replay = records_of_a_session(BATCH_RECS_MAX);
	assert_string_equal(live, replay);
	d = &wire_chains(&w)->items[0].wire;
	assert_int_equal(d->n, n);
	assert_int_equal(d->max_ns, max_ns);
	assert_int_equal(max_ns, 8 * 1000000007ull);
	free(live);
	free(replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WIRE_TEST(pain_26_a_compressed_transaction_gives_all_its_rows),
		WIRE_TEST(pain_26_a_compressed_transaction_that_cannot_be_read_is_a_dead_letter),
		WIRE_TEST(pain_31_a_timestamp_is_utc_and_a_datetime_as_declared_in_every_zone),
		WIRE_TEST(pain_33_a_transaction_that_was_cut_comes_again_with_the_same_ids),
		WIRE_TEST(pain_35_a_transaction_without_a_gtid_has_not_that_of_the_one_before),
		WIRE_TEST(pain_36_a_position_that_the_server_has_purged_is_a_gap_with_both_ends),
		WIRE_TEST(pain_37_a_quiet_server_has_no_delay_though_hours_pass),
		WIRE_TEST(pain_38_a_huge_transaction_leaves_as_it_comes),
		WIRE_TEST(pain_50_only_packet_time_counts_so_live_and_replay_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
