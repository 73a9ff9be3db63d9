#include "mysql_wire.h"

static struct wire_rig w;

static struct slice packet(void)
{
	size_t n = wire_pack_event(&w);
	return slice_of(w.packet, n);
}

static void a_greeting_tells_the_capabilities_of_the_server(void **state)
{
	static const uint8_t greeting[] = "\x0a"
					  "5.5.5-10.11\0"
					  "\1\0\0\0"
					  "saltsalt\0"
					  "\x20\x08\x21\2\0\1\0";
	uint32_t caps = 0;
	assert_true(mysql_greeting_read(slice_of(greeting, sizeof(greeting) - 1), &caps));
	assert_int_equal(caps, 0x10820);
	assert_false(mysql_greeting_read(SLICE_LIT("\x0a"
						   "5.5"),
					 &caps));
	assert_false(mysql_greeting_read(SLICE_LIT("\x0a"
						   "5\x01.5\0saltsalt"),
					 &caps));
	assert_false(mysql_greeting_read(SLICE_LIT("\x09"
						   "5.5.5"),
					 &caps));
}

static void a_request_for_tls_is_a_login_cut_short(void **state)
{
	uint8_t login[64] = {0x00, 0x0a};
	uint32_t caps;
	bool tls;
	assert_true(mysql_login_read(slice_of(login, 32), &caps, &tls));
	assert_true(tls);
	assert_true(mysql_login_read(slice_of(login, 64), &caps, &tls));
	assert_false(tls);
	assert_false(mysql_login_read(slice_of(login, 31), &caps, &tls));
}

static void dumps_are_read_by_position_and_by_gtid(void **state)
{
	struct slice file;
	uint64_t pos;
	assert_true(mysql_dump_read(SLICE_LIT("\x12\x04\x01\0\0\0\0\7\0\0\0bin.1"), &file, &pos));
	assert_true(slice_eq(file, SLICE_LIT("bin.1")));
	assert_int_equal(pos, 260);
	assert_true(mysql_dump_read(
		SLICE_LIT("\x1e\0\0\7\0\0\0\5\0\0\0bin.2\x04\0\0\0\1\0\0\0\0\0\0\0"), &file, &pos));
	assert_true(slice_eq(file, SLICE_LIT("bin.2")));
	assert_int_equal(pos, 0x100000004);
	assert_false(mysql_dump_read(SLICE_LIT("\x1e\0\0\7\0\0\0\xff\0\0\0bin.2"), &file, &pos));
	assert_false(mysql_dump_read(SLICE_LIT("\x03select"), &file, &pos));
}

static void a_replica_that_refuses_checksums_is_noticed(void **state)
{
	assert_true(mysql_query_refuses_sums(SLICE_LIT("SET @master_binlog_checksum='NONE'")));
	assert_true(mysql_query_refuses_sums(SLICE_LIT("set @source_binlog_checksum= 'none'")));
	assert_false(mysql_query_refuses_sums(
		SLICE_LIT("SET @master_binlog_checksum= @@global.binlog_checksum")));
	assert_false(mysql_query_refuses_sums(SLICE_LIT("SET @other='NONE'")));
}

static void an_event_is_known_by_its_size_with_and_without_semi_sync(void **state)
{
	struct slice event;
	wire_rows(&w, 9, 1, 3);
	for (unsigned i = 0; i < 2; i++) {
		w.semi_sync = i;
		struct slice payload = slice_from(packet(), 4);
		assert_true(mysql_packet_event(payload, &event));
		assert_int_equal(event.len, w.len);
		payload.len--;
		assert_false(mysql_packet_event(payload, &event));
	}
	assert_false(mysql_packet_event(SLICE_LIT("\0\0\0\2\0\0\0"), &event));
}

/* --- Scanning --------------------------------------------------------------------------------- */

static uint8_t bytes[WIRE_BYTES];
static size_t n_bytes;

static void add(struct slice s)
{
	memcpy(bytes + n_bytes, s.ptr, s.len);
	n_bytes += s.len;
}

static enum mysql_scan scan(bool last, size_t budget, size_t *ret_at)
{
	size_t needed;
	struct mysql_scan_how how = {.packets = true, .last = last, .budget = &budget};
	return mysql_scan(slice_of(bytes, n_bytes), &how, ret_at, &needed);
}

static void the_first_event_with_a_right_checksum_is_found(void **state)
{
	size_t at;
	add(SLICE_LIT("the end of an event that is not known, and zeros: \0\0\0\0\0\0\0\0\0\0"));
	size_t start = n_bytes;
	wire_rows(&w, 9, 1, 3);
	add(packet());
	assert_int_equal(scan(false, 1000, &at), MYSQL_SCAN_FOUND);
	assert_int_equal(at, start);
	n_bytes--;
	assert_int_equal(scan(false, 1000, &at), MYSQL_SCAN_MORE);
	assert_int_equal(at, start);
	assert_int_equal(scan(true, 1000, &at), MYSQL_SCAN_NONE);
	assert_int_equal(at, n_bytes);
}

static void without_checksums_a_successor_must_follow(void **state)
{
	size_t at;
	w.sums = false;
	wire_rows(&w, 9, 1, 3);
	add(packet());
	assert_int_equal(scan(false, 1000, &at), MYSQL_SCAN_MORE);
	wire_rows(&w, 9, 1, 1);
	add(packet());
	assert_int_equal(scan(false, 1000, &at), MYSQL_SCAN_FOUND);
	assert_int_equal(at, 0);
	n_bytes = 0;
	wire_rows(&w, 9, 1, 3);
	add(packet());
	w.pos += 1; /* a position that does not go on */
	wire_rows(&w, 9, 1, 1);
	add(packet());
	assert_int_equal(scan(true, 1000, &at), MYSQL_SCAN_NONE);
}

static void work_in_vain_is_bounded(void **state)
{
	size_t at;
	wire_rows(&w, 9, 1, 3);
	add(packet());
	assert_int_equal(scan(true, w.len, &at), MYSQL_SCAN_FOUND);
	assert_int_equal(scan(true, w.len - 1, &at), MYSQL_SCAN_NONE);
}

/* A step is a call with fewer bytes: what may be spent must not depend on them. */
static void the_same_event_is_found_in_small_steps(void **state)
{
	size_t at, needed, budget = 0, begin = 0;
	enum mysql_scan found = MYSQL_SCAN_MORE;
	memset(bytes, 1, 100);
	n_bytes = 100;
	wire_rows(&w, 9, 1, 100);
	add(packet());
	assert_int_equal(scan(false, 0, &at), MYSQL_SCAN_FOUND);
	assert_int_equal(at, 100);
	struct mysql_scan_how how = {.packets = true, .budget = &budget};
	for (size_t end = 1; end <= n_bytes && found != MYSQL_SCAN_FOUND; end++) {
		found = mysql_scan(slice_of(bytes + begin, end - begin), &how, &at, &needed);
		begin += at;
	}
	assert_int_equal(found, MYSQL_SCAN_FOUND);
	assert_int_equal(begin, 100);
}

static int set_up(void **state)
{
	n_bytes = 0;
	return wire_set_up(state);
}

#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, set_up, wire_tear_down, &w)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_greeting_tells_the_capabilities_of_the_server),
		TEST(a_request_for_tls_is_a_login_cut_short),
		TEST(dumps_are_read_by_position_and_by_gtid),
		TEST(a_replica_that_refuses_checksums_is_noticed),
		TEST(an_event_is_known_by_its_size_with_and_without_semi_sync),
		TEST(the_first_event_with_a_right_checksum_is_found),
		TEST(without_checksums_a_successor_must_follow),
		TEST(work_in_vain_is_bounded),
		TEST(the_same_event_is_found_in_small_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
