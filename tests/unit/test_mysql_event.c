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

static enum mysql_fault parse_hex(const char *hex, struct mysql_event *ev)
{
	static uint8_t bytes[4096];
	size_t n = hex_read(hex, bytes);
	return mysql_event_parse(slice_of(bytes, n), &rig->format, ev);
}

static void a_header_is_read_and_says_how_many_bytes_are_missing(void **state)
{
	struct mysql_event ev;
	const char *xid = "78563412 10 02000000 1b000000 00010000 0800 0900000000000000";
	assert_int_equal(parse_hex(xid, &ev), MYSQL_F_OK);
	assert_int_equal(ev.time_s, 0x12345678);
	assert_int_equal(ev.type, MYSQL_EV_XID);
	assert_int_equal(ev.server_id, 2);
	assert_int_equal(ev.size, 27);
	assert_int_equal(ev.log_pos, 256);
	assert_int_equal(ev.flags, 8);
	assert_int_equal(ev.body.len, 8);
	assert_int_equal(ev.body.ptr[0], 9);
	assert_int_equal(parse_hex("78563412 10 02000000 1b000000 00010000 08", &ev), MYSQL_F_MORE);
	assert_int_equal(ev.size, 0);
	assert_int_equal(parse_hex("78563412 10 02000000 1b000000 00010000 0800 09", &ev),
			 MYSQL_F_MORE);
	assert_int_equal(ev.size, 27);
}

static void headers_that_cannot_be_are_named(void **state)
{
	struct mysql_event ev;
	assert_int_equal(parse_hex("00000000 10 02000000 12000000 00010000 0000", &ev),
			 MYSQL_F_HEADER);
	assert_int_equal(parse_hex("00000000 00 02000000 13000000 00010000 0000", &ev),
			 MYSQL_F_HEADER);
	assert_int_equal(parse_hex("00000000 01 02000000 45000000 00010000 0000", &ev),
			 MYSQL_F_VERSION);
	rig->format.checksum = true;
	assert_int_equal(parse_hex("00000000 10 02000000 15000000 00010000 0000 0000", &ev),
			 MYSQL_F_HEADER);
	rig->format.checksum = false;
}

static void types_have_names_and_unknown_ones_none(void **state)
{
	for (unsigned t = 2; t <= 42; t++)
		assert_non_null(mysql_event_name((uint8_t)t));
	for (unsigned t = 160; t <= 172; t++)
		assert_non_null(mysql_event_name((uint8_t)t));
	assert_null(mysql_event_name(0));
	assert_null(mysql_event_name(43));
	assert_null(mysql_event_name(255));
	assert_string_equal(mysql_event_name(31), "UPDATE_ROWS_V2");
	for (int f = 0; f < MYSQL_N_FAULTS; f++)
		assert_true(strlen(mysql_fault_text((enum mysql_fault)f)) > 4);
	assert_non_null(mysql_fault_text(MYSQL_N_FAULTS));
}

/* The first event of a log of MySQL 9.6.0, and its two neighbours. */
static const char *const first_960 =
	"c0d69069 0f 01000000 7b000000 7f000000 0000 "
	"0400 392e362e30 "
	"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	" 00000000 13 "
	"000d0008000000000400040000006300041a08000000000000020000000a0a0a2a2a001234000a28000001";

static size_t put_sum(uint8_t *p, size_t len)
{
	uint32_t crc = (uint32_t)crc32(0, p, (uInt)len);
	memcpy(p + len, &crc, 4);
	return len + 4;
}

static void the_format_description_tells_version_lengths_and_checksums(void **state)
{
	uint8_t p[256];
	struct mysql_event ev;
	struct mysql_format f;
	size_t n = put_sum(p, hex_read(first_960, p));
	assert_int_equal(n, 123);
	assert_int_equal(mysql_event_parse(slice_of(p, n), &rig->format, &ev), MYSQL_F_OK);
	assert_true(ev.has_crc && mysql_event_sum_ok(&ev));
	assert_int_equal(mysql_format_parse(&ev, &f), MYSQL_F_OK);
	assert_string_equal(f.server_version, "9.6.0");
	assert_int_equal(f.version, 90600);
	assert_false(f.mariadb);
	assert_true(f.checksum);
	assert_int_equal(f.n_types, 42);
	assert_int_equal(f.post_len[MYSQL_EV_WRITE_ROWS_V2], 10);
	/* A log that is being written has a flag that its checksum does not know. */
	p[17] |= MYSQL_FLAG_IN_USE;
	assert_int_equal(mysql_event_parse(slice_of(p, n), &rig->format, &ev), MYSQL_F_OK);
	assert_true(mysql_event_sum_ok(&ev));
	p[30] ^= 1;
	assert_false(mysql_event_sum_ok(&ev));
	p[19] = 3;
	assert_int_equal(mysql_format_parse(&ev, &f), MYSQL_F_VERSION);
}

static void servers_before_checksums_have_none_in_their_description(void **state)
{
	uint8_t p[256];
	struct mysql_event ev;
	struct mysql_format f;
	size_t n = hex_read(first_960, p) - 1;
	memcpy(p + 21, "5.5.36-log", 10);
	p[9] = (uint8_t)n;
	assert_int_equal(mysql_event_parse(slice_of(p, n), &rig->format, &ev), MYSQL_F_OK);
	assert_false(ev.has_crc);
	assert_int_equal(mysql_format_parse(&ev, &f), MYSQL_F_OK);
	assert_false(f.checksum);
	assert_int_equal(f.n_types, 42);
	assert_int_equal(f.version, 50536);
	/* MariaDB has them since 5.3, under a number below MySQL's. */
	n = put_sum(p, hex_read(first_960, p));
	memcpy(p + 21, "5.5.36-MariaDB", 14);
	put_sum(p, n - 4);
	assert_int_equal(mysql_event_parse(slice_of(p, n), &rig->format, &ev), MYSQL_F_OK);
	assert_true(ev.has_crc && mysql_event_sum_ok(&ev));
	assert_int_equal(mysql_format_parse(&ev, &f), MYSQL_F_OK);
	assert_true(f.mariadb && f.checksum);
}

static void a_wrong_checksum_is_seen(void **state)
{
	uint8_t p[64];
	struct mysql_event ev;
	size_t n = hex_read("00000000 10 02000000 1f000000 00010000 0000 0900000000000000", p);
	n = put_sum(p, n);
	rig->format.checksum = true;
	assert_int_equal(mysql_event_parse(slice_of(p, n), &rig->format, &ev), MYSQL_F_OK);
	assert_int_equal(ev.body.len, 8);
	assert_true(mysql_event_sum_ok(&ev));
	for (size_t i = 0; i < n; i++) {
		p[i] ^= 0x10;
		assert_false(mysql_event_sum_ok(&ev));
		p[i] ^= 0x10;
	}
	rig->format.checksum = false;
}

static void rotate_names_the_next_log(void **state)
{
	struct slice file;
	uint64_t pos;
	struct mysql_event ev =
		rig_hex(rig, MYSQL_EV_ROTATE, "0400000000000000 62696e2e303030303035");
	assert_int_equal(mysql_rotate_parse(&ev, &file, &pos), MYSQL_F_OK);
	assert_true(slice_eq(file, SLICE_LIT("bin.000005")));
	assert_int_equal(pos, 4);
	ev = rig_hex(rig, MYSQL_EV_ROTATE, "04000000000000");
	assert_int_equal(mysql_rotate_parse(&ev, &file, &pos), MYSQL_F_BODY);
	ev = rig_hex(rig, MYSQL_EV_ROTATE, "0400000000000000");
	assert_int_equal(mysql_rotate_parse(&ev, &file, &pos), MYSQL_F_VALUE);
}

/* thread 7, 1 s, db of 1, error 5; status: flags2, sql_mode, catalog "std", charset gbk (28) */
static const char *const query_hex =
	"07000000 01000000 01 0500 1a00 | 00 00000000 | 01 0000000000000000 | 06 03 737464 | "
	"04 1c00 1c00 1c00 | 64 00 | 53454c";

static void a_query_tells_its_character_set(void **state)
{
	struct mysql_query q;
	struct mysql_event ev = rig_hex(rig, MYSQL_EV_QUERY, query_hex);
	assert_int_equal(mysql_query_parse(&ev, &rig->format, NULL, &q), MYSQL_F_OK);
	assert_int_equal(q.thread_id, 7);
	assert_int_equal(q.exec_s, 1);
	assert_int_equal(q.error_code, 5);
	assert_int_equal(q.collation, 28);
	assert_true(slice_eq(q.db, SLICE_LIT("d")));
	assert_true(slice_eq(q.sql, SLICE_LIT("SEL")));
	/* A status variable of tomorrow ends the list, not the statement. */
	ev = rig_hex(rig, MYSQL_EV_QUERY,
		     "07000000 01000000 00 0000 0400 | fa 010203 | 00 | 42454749 4e");
	assert_int_equal(mysql_query_parse(&ev, &rig->format, NULL, &q), MYSQL_F_OK);
	assert_int_equal(q.collation, 0);
	assert_true(slice_eq(q.sql, SLICE_LIT("BEGIN")));
}

static void a_query_that_is_cut_anywhere_is_a_fault_or_shorter(void **state)
{
	uint8_t body[256];
	struct mysql_query q;
	size_t n = hex_read(query_hex, body);
	for (size_t i = 0; i < n; i++) {
		struct mysql_event ev = rig_event(rig, MYSQL_EV_QUERY, slice_of(body, i));
		enum mysql_fault f = mysql_query_parse(&ev, &rig->format, NULL, &q);
		assert_int_equal(f, i < n - 3 ? MYSQL_F_BODY : MYSQL_F_OK);
	}
}

static size_t put_block(uint8_t *out, const char *text)
{
	uLongf n = 4096;
	out[0] = 0x82;
	out[1] = (uint8_t)(strlen(text) >> 8);
	out[2] = (uint8_t)strlen(text);
	assert_int_equal(compress(out + 3, &n, (const Bytef *)text, strlen(text)), Z_OK);
	return 3 + n;
}

static void compressed_queries_are_read_as_plain_ones(void **state)
{
	uint8_t body[4096 + 64];
	struct mysql_query q;
	size_t head = hex_read("07000000 01000000 01 0000 0000 | 64 00", body);
	size_t n = head + put_block(body + head, "CREATE TABLE t (a int)");
	struct mysql_event ev = rig_event(rig, MYSQL_EV_QUERY_COMPRESSED, slice_of(body, n));
	for (int i = 0; i < 3; i++) {
		memset(&q, 0, sizeof(q));
		assert_int_equal(mysql_query_parse(&ev, &rig->format, rig->dec.unpack, &q),
				 MYSQL_F_OK);
		assert_true(slice_eq(q.sql, SLICE_LIT("CREATE TABLE t (a int)")));
	}
	assert_int_equal(mysql_query_parse(&ev, &rig->format, NULL, &q), MYSQL_F_COMPRESSION);
	body[head + 2]++; /* another length than what comes out */
	ev = rig_event(rig, MYSQL_EV_QUERY_COMPRESSED, slice_of(body, n));
	assert_int_equal(mysql_query_parse(&ev, &rig->format, rig->dec.unpack, &q),
			 MYSQL_F_COMPRESSION);
	body[head] = 0x84;
	memcpy(body + head + 1, "\x7f\xff\xff\xff", 4);
	ev = rig_event(rig, MYSQL_EV_QUERY_COMPRESSED, slice_of(body, n));
	assert_int_equal(mysql_query_parse(&ev, &rig->format, rig->dec.unpack, &q),
			 MYSQL_F_TOO_LARGE);
}

static const char *gtid_text(uint8_t type, const char *hex, struct mysql_gtid *g)
{
	static char text[MYSQL_GTID_TEXT_MAX + 1];
	struct mysql_event ev = rig_hex(rig, type, hex);
	enum mysql_fault f = mysql_gtid_parse(&ev, g);
	if (f)
		return mysql_fault_text(f);
	text[mysql_gtid_text(g, text)] = 0;
	return text;
}

static void transactions_of_mysql_have_uuid_and_number(void **state)
{
	struct mysql_gtid g;
	assert_string_equal(gtid_text(MYSQL_EV_GTID,
				      "01 93e95066a2f411ec9b699657f0ae95e2 0500000000000000 02 "
				      "0400000000000000 0500000000000000 40420f00000000 fc5001 "
				      "9c380100",
				      &g),
			    "93e95066-a2f4-11ec-9b69-9657f0ae95e2:5");
	assert_int_equal(g.last_committed, 4);
	assert_int_equal(g.sequence_number, 5);
	assert_int_equal(g.immediate_commit_us, 1000000);
	assert_int_equal(g.original_commit_us, 1000000);
	assert_int_equal(g.transaction_len, 336);
	/* On a replica the time of the first commit follows. */
	gtid_text(MYSQL_EV_GTID,
		  "01 93e95066a2f411ec9b699657f0ae95e2 0500000000000000 02 0400000000000000 "
		  "0500000000000000 40420f00000080 80841e00000000 0a",
		  &g);
	assert_int_equal(g.immediate_commit_us, 1000000);
	assert_int_equal(g.original_commit_us, 2000000);
	/* MySQL 5.6 ends behind the number. */
	assert_string_equal(gtid_text(MYSQL_EV_GTID,
				      "01 00000000000000000000000000000001 0500000000000000", &g),
			    "00000000-0000-0000-0000-000000000001:5");
	assert_int_equal(g.last_committed, -1);
	assert_string_equal(gtid_text(MYSQL_EV_GTID, "01 93e95066a2f411", &g),
			    mysql_fault_text(MYSQL_F_BODY));
}

static void outside_of_gtid_mode_transactions_have_no_name(void **state)
{
	struct mysql_gtid g;
	assert_string_equal(gtid_text(MYSQL_EV_ANONYMOUS_GTID,
				      "01 00000000000000000000000000000000 0000000000000000 02 "
				      "0400000000000000 0500000000000000",
				      &g),
			    "");
	assert_int_equal(g.kind, MYSQL_GTID_NONE);
}

static void tagged_transactions_are_read_field_by_field(void **state)
{
	struct mysql_gtid g;
	/* As MySQL 9.6 wrote it. */
	const char *hex = "0278000000 02aaee25020804650222c503c502e1029cc10311035502dead03 040c "
			  "060a6d79746167 0800 0a04 0c7f1cf3b814244a06 10a104 12430f0b";
	assert_string_equal(gtid_text(MYSQL_EV_GTID_TAGGED, hex, &g),
			    "55778904-0299-11f1-b1b8-4ef0c4956feb:mytag:3");
	assert_int_equal(g.last_committed, 0);
	assert_int_equal(g.sequence_number, 1);
	assert_true(g.immediate_commit_us > 1700000000000000ull);
	assert_int_equal(g.original_commit_us, g.immediate_commit_us);
	/* A field of tomorrow behind those that are known. */
	assert_string_equal(
		gtid_text(MYSQL_EV_GTID_TAGGED,
			  "02500000 00 02aaee25020804650222c503c502e1029cc10311035502dead03 "
			  "040c 3e0102",
			  &g),
		"55778904-0299-11f1-b1b8-4ef0c4956feb:3");
	assert_string_equal(gtid_text(MYSQL_EV_GTID_TAGGED, "0278000000 02aaee", &g),
			    mysql_fault_text(MYSQL_F_BODY));
}

static void transactions_of_mariadb_have_domain_server_and_number(void **state)
{
	struct mysql_gtid g;
	assert_string_equal(
		gtid_text(MYSQL_EV_MARIA_GTID, "0c00000000000000 01000000 01 000000", &g),
		"1-7-12");
	assert_true(g.standalone);
	assert_string_equal(gtid_text(MYSQL_EV_MARIA_GTID, "0c000000", &g),
			    mysql_fault_text(MYSQL_F_BODY));
}

static void statements_of_row_events_are_found(void **state)
{
	struct slice sql;
	struct mysql_event ev = rig_hex(rig, MYSQL_EV_ROWS_QUERY, "03 53454c");
	assert_int_equal(mysql_rows_query_parse(&ev, &sql), MYSQL_F_OK);
	assert_true(slice_eq(sql, SLICE_LIT("SEL")));
	ev = rig_hex(rig, MYSQL_EV_ANNOTATE_ROWS, "53454c");
	assert_int_equal(mysql_rows_query_parse(&ev, &sql), MYSQL_F_OK);
	assert_true(slice_eq(sql, SLICE_LIT("SEL")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_read_and_says_how_many_bytes_are_missing),
		cmocka_unit_test(headers_that_cannot_be_are_named),
		cmocka_unit_test(types_have_names_and_unknown_ones_none),
		cmocka_unit_test(the_format_description_tells_version_lengths_and_checksums),
		cmocka_unit_test(servers_before_checksums_have_none_in_their_description),
		cmocka_unit_test(a_wrong_checksum_is_seen),
		cmocka_unit_test(rotate_names_the_next_log),
		cmocka_unit_test(a_query_tells_its_character_set),
		cmocka_unit_test(a_query_that_is_cut_anywhere_is_a_fault_or_shorter),
		cmocka_unit_test(compressed_queries_are_read_as_plain_ones),
		cmocka_unit_test(transactions_of_mysql_have_uuid_and_number),
		cmocka_unit_test(outside_of_gtid_mode_transactions_have_no_name),
		cmocka_unit_test(tagged_transactions_are_read_field_by_field),
		cmocka_unit_test(transactions_of_mariadb_have_domain_server_and_number),
		cmocka_unit_test(statements_of_row_events_are_found),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
