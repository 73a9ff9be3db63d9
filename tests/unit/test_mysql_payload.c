/* Transactions that MySQL has compressed: payload.c, and inside.c and long.c, which read them. No
 * MySQL is asked: the events are made here, as its manual has them.
 */
#include "mysql_events.h"
#include "mysql_wire.h"
#include "random.h"

#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_frameHeaderSize */
#include <zstd.h>

#include "tests/support/payload_walk.h"

#define LARGE_BYTES (40u << 20)
#define HEAD_BYTES  28 /* in front of the compressed bytes */
#define BLOB        60000
#define LARGE_ROWS  300 /* of BLOB bytes that nothing makes shorter: more than one packet */

#define BLOCKS      (LARGE_ROWS * BLOB / ZSTD_BLOCKSIZE_MAX)

static struct wire_rig w;
static struct rig *rig;

/* A buffer for events, and one for a payload around them, and for packets around that. */
static uint8_t *events, *body, *bytes;
static size_t n_events, n_body, n_bytes;

/* --- Payloads --------------------------------------------------------------------------------- */

static void put_packed(uint64_t v)
{
	body[n_body++] = 254;
	memcpy(body + n_body, &v, 8);
	n_body += 8;
}

/* The body of an event around @inside. @told: what it says of their size. */
static void put_payload(struct slice inside, uint8_t algorithm, uint64_t told)
{
	n_body = 0;
	memcpy(body, (uint8_t[]){2, 3, 252, algorithm, 0, 3, 9}, 7);
	n_body = 7;
	put_packed(told);
	memcpy(body + n_body, (uint8_t[]){1, 9}, 2);
	n_body += 2;
	size_t at = n_body, packed = inside.len;
	n_body += 10; /* the size of what follows, and the end of the head */
	if (algorithm == 0) {
		packed = ZSTD_compress(body + n_body, LARGE_BYTES, inside.ptr, inside.len, 1);
		assert_false(ZSTD_isError(packed));
	} else {
		memcpy(body + n_body, inside.ptr, packed);
	}
	n_body = at;
	put_packed(packed);
	body[n_body++] = 0;
	n_body += packed;
}

static struct mysql_event event_of(size_t len)
{
	struct mysql_event ev;
	uint32_t size = (uint32_t)(MYSQL_EVENT_HEADER_LEN + len);
	static uint8_t small[1 << 16];
	memset(small, 0, MYSQL_EVENT_HEADER_LEN);
	small[4] = MYSQL_EV_TRANSACTION_PAYLOAD;
	memcpy(small + 9, &size, 4);
	memcpy(small + MYSQL_EVENT_HEADER_LEN, body, len);
	assert_int_equal(mysql_event_parse(slice_of(small, size), &rig->format, &ev), MYSQL_F_OK);
	return ev;
}

static size_t n_walked;

static void walked(void *arg, struct slice event)
{
	assert_memory_equal(event.ptr, events + n_walked, event.len);
	n_walked += event.len;
}

/* In one piece, and byte for byte. */
static enum mysql_fault walk(size_t len, uint64_t bytes_max)
{
	struct mysql_event ev = event_of(len);
	mem_seal(true); /* nothing is allocated */
	n_walked = 0;
	enum mysql_fault fault = payload_walk(&ev, bytes_max, ev.size, walked, NULL);
	size_t n = n_walked;
	n_walked = 0;
	assert_int_equal(payload_walk(&ev, bytes_max, 1, walked, NULL), fault);
	assert_int_equal(n_walked, n);
	mem_seal(false);
	return fault;
}

static void three_events(void)
{
	for (int i = 0; i < 3; i++)
		hex_read("00000000 10 02000000 1b000000 00000000 0000 0900000000000000",
			 events + i * 27);
	n_events = 81;
}

/* maxwell#2254, go-mysql#533: the position advances, zero rows, no error. */
static void compressed_transactions_give_their_events(void **state)
{
	const uint8_t algorithms[] = {0, 255};
	three_events();
	for (int a = 0; a < 2; a++) {
		put_payload(slice_of(events, n_events), algorithms[a], n_events);
		size_t n = n_body;
		assert_int_equal(walk(n, 81), MYSQL_F_END);
		assert_int_equal(n_walked, 81);
		for (size_t i = 0; i < n; i++) /* cut anywhere */
			assert_int_not_equal(walk(i, 81), MYSQL_F_END);
	}
}

static void payloads_that_cannot_be_unpacked_are_named(void **state)
{
	three_events();
	struct slice in = slice_of(events, n_events);
	put_payload(in, 7, 81);
	assert_int_equal(walk(n_body, 81), MYSQL_F_ALGORITHM);
	put_payload(in, 0, 82);
	assert_int_equal(walk(n_body, 81), MYSQL_F_BOMB);
	assert_int_equal(n_walked, 0);
	/* More comes out than was told. */
	put_payload(in, 0, 80);
	assert_int_equal(walk(n_body, 81), MYSQL_F_BOMB);
	assert_true(n_walked < 81);
	put_payload(slice_of(events, 80), 0, 80);
	assert_int_equal(walk(n_body, 81), MYSQL_F_BODY);
	assert_int_equal(n_walked, 54);
	put_payload(in, 0, 81);
	body[HEAD_BYTES] ^= 0xff;
	assert_int_equal(walk(n_body, 81), MYSQL_F_COMPRESSION);
	memset(events + 27 + 9, 0, 4); /* a size that cannot be */
	put_payload(in, 0, 81);
	assert_int_equal(walk(n_body, 81), MYSQL_F_HEADER);
	assert_int_equal(n_walked, 27);
}

static void an_event_too_long_to_be_held_costs_no_other(void **state)
{
	size_t len = PAYLOAD_WALK_BYTES + 1;
	uint32_t size = (uint32_t)len;
	three_events();
	memmove(events + 27 + len, events + 27, 54);
	memset(events + 27, 0, len);
	memcpy(events + 27 + 9, &size, 4);
	put_payload(slice_of(events, 81 + len), 0, 81 + len);
	memmove(events + 27, events + 27 + len, 54);
	assert_int_equal(walk(n_body, UINT64_MAX), MYSQL_F_END);
	assert_int_equal(n_walked, 81);
}

/* --- Large ones ------------------------------------------------------------------------------- */

/* Of the event in @w.event. */
static void put_inside(void)
{
	memcpy(events + n_events, w.event, w.len);
	n_events += w.len;
}

/* Appends an insert of one row, (id, 60,000 bytes that cannot be compressed, or zeros). */
static void put_blob_row(uint32_t id, bool zeros)
{
	static uint8_t row[WIRE_BYTES] = {9, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 3, 0};
	size_t n = 13;
	uint64_t x = 88172645463325252ull + id;
	memcpy(row + n, &id, 4);
	row[n + 4] = (uint8_t)BLOB;
	row[n + 5] = (uint8_t)(BLOB >> 8);
	n += 6;
	for (size_t i = 0; i < BLOB; i += 8) {
		random_next(&x);
		memcpy(row + n + i, zeros ? (uint64_t[]){0} : &x, 8);
	}
	wire_event(&w, MYSQL_EV_WRITE_ROWS_V2, 0, row, n + BLOB);
	put_inside();
}

/* A transaction of @n rows. */
static void make_large(unsigned n, bool zeros)
{
	uint32_t pos = w.pos;
	w.pos = 4; /* the same bytes each time */
	n_events = 0;
	w.sums = false;
	wire_query(&w, "shop", "BEGIN");
	put_inside();
	for (unsigned i = 0; i < n; i++) {
		uint8_t map[] = {9,   0, 0, 0,   0, 0, 1, 0,    4, 's', 'h', 'o',
				 'p', 0, 1, 't', 0, 2, 3, 0xfc, 1, 2,   0};
		wire_event(&w, MYSQL_EV_TABLE_MAP, 0, map, sizeof(map));
		put_inside();
		put_blob_row(i, zeros);
	}
	wire_xid(&w);
	put_inside();
	w.sums = true;
	w.pos = pos; /* those inside take no place in the log */
	put_payload(slice_of(events, n_events), 0, n_events);
}

/* An event with a checksum around the body, into @bytes; at the log's next place. */
static size_t make_event(void)
{
	uint32_t size = (uint32_t)(MYSQL_EVENT_HEADER_LEN + n_body + 4);
	wire_event(&w, MYSQL_EV_TRANSACTION_PAYLOAD, 0, body, 0);
	uint32_t pos = w.pos + size - (uint32_t)w.len;
	memcpy(bytes, w.event, MYSQL_EVENT_HEADER_LEN);
	memcpy(bytes + 9, &size, 4);
	memcpy(bytes + 13, &pos, 4);
	memcpy(bytes + MYSQL_EVENT_HEADER_LEN, body, n_body);
	uint32_t crc = (uint32_t)crc32(0, bytes, size - 4);
	memcpy(bytes + size - 4, &crc, 4);
	w.pos = pos;
	return size;
}

/* @bytes[0..len-1] in packets of a dump. */
static void make_packets(size_t len)
{
	size_t head = w.semi_sync ? 3 : 1, n_packets = (len + head) / MYSQL_PACKET_MAX + 1;
	memmove(bytes + head, bytes, len);
	memcpy(bytes, (uint8_t[]){0, MYSQL_ACK, 1}, head);
	len += head;
	n_bytes = len + n_packets * MYSQL_PACKET_HEADER;
	for (size_t i = n_packets; i-- > 0;) {
		size_t at = i * MYSQL_PACKET_MAX;
		size_t n = len - at < MYSQL_PACKET_MAX ? len - at : MYSQL_PACKET_MAX;
		uint8_t *to = bytes + at + i * MYSQL_PACKET_HEADER;
		memmove(to + MYSQL_PACKET_HEADER, bytes + at, n);
		memcpy(to, (uint8_t[]){(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), ++w.seq},
		       4);
	}
}

static void give(size_t from, size_t to, size_t piece)
{
	for (; from < to; from += piece)
		parser_run_data(&w.run, 1, bytes + from, to - from < piece ? to - from : piece);
}

static void begin_session(void)
{
	parser_run_reset(&w.run);
	w.pos = 4;
	wire_begin(&w);
	wire_gtid(&w, 1);
	wire_send(&w);
}

/* The rows of the large one, @n of them; the last says so. */
static void rows_are_right(size_t n, size_t of)
{
	assert_string_equal(w.run.broken, "");
	for (size_t i = 0; i < n; i++) {
		char text[64];
		snprintf(text, sizeof(text), "\"tx_index\":%zu,", i);
		wire_record_has(&w, i, text);
		snprintf(text, sizeof(text), "\"row\":%zu", i);
		wire_record_has(&w, i, text);
		snprintf(text, sizeof(text), "\"c1\":%zu,", i);
		wire_record_has(&w, i, text);
		bool last = strstr(w.run.frames[i].record, "\"last\":true");
		assert_int_equal(last, i + 1 == of);
	}
}

static void follow_up(void)
{
	size_t n = w.run.n_frames;
	wire_gtid(&w, 2);
	wire_send(&w);
	wire_statement(&w, "BEGIN");
	wire_insert(&w, 9, "orders", 77, 1);
	wire_xid(&w);
	wire_send(&w);
	wire_records_are(&w, n + 1);
	wire_record_has(&w, n, "\"id\":77");
	wire_record_has(&w, n, "000007:2\",");
	wire_record_has(&w, n, "\"tx_index\":0,\"last\":true");
}

/* A frame for comparing: its record, and where it stands. */
struct kept {
	char *record;
	uint64_t stream_off, identity;
	uint32_t idx;
};

static size_t keep(struct kept *k)
{
	for (size_t i = 0; i < w.run.n_frames; i++) {
		const struct run_frame *f = &w.run.frames[i];
		k[i] = (struct kept){strdup(f->record), f->stream_off, f->identity, f->idx};
	}
	return w.run.n_frames;
}

static void same_as(const struct kept *k, size_t n)
{
	assert_int_equal(w.run.n_frames, n);
	for (size_t i = 0; i < n; i++) {
		const struct run_frame *f = &w.run.frames[i];
		assert_string_equal(f->record, k[i].record);
		assert_true(f->stream_off == k[i].stream_off && f->identity == k[i].identity &&
			    f->idx == k[i].idx);
	}
}

static void a_transaction_longer_than_a_packet_goes_out_as_it_comes(void **state)
{
	static struct kept kept[LARGE_ROWS + 8];
	static const struct {
		size_t piece;
		unsigned burst;
		bool semi_sync;
	} ways[] = {{1 << 20, 64, false}, {65536, 64, true}, {1460, 1, false}, {99991, 3, false}};
	size_t n_kept = 0;
	make_large(LARGE_ROWS, false);
	for (size_t i = 0; i < 4; i++) {
		w.run.burst = ways[i].burst;
		w.semi_sync = ways[i].semi_sync;
		begin_session();
		make_packets(make_event());
		assert_true(n_bytes > MYSQL_PACKET_MAX);
		give(0, n_bytes / 2, ways[i].piece);
		size_t half = w.run.n_frames; /* they do not wait for the rest */
		assert_true(half > LARGE_ROWS / 2 - 20 && half < LARGE_ROWS);
		give(n_bytes / 2, n_bytes, ways[i].piece);
		wire_records_are(&w, LARGE_ROWS);
		rows_are_right(LARGE_ROWS, LARGE_ROWS);
		assert_int_equal(w.run.skipped, 0);
		follow_up();
		if (i == 0)
			n_kept = keep(kept);
		same_as(kept, n_kept);
	}
	w.semi_sync = false;
	w.run.burst = 64;
	for (size_t i = 0; i < n_kept; i++)
		free(kept[i].record);
}

/* A log up to its first transaction. */
static void begin_file(void)
{
	static const uint8_t magic[] = {0xfe, 'b', 'i', 'n'};
	parser_run_reset(&w.run);
	w.pos = 4;
	wire_dump(&w, "bin.000001");
	parser_run_data(&w.run, 1, magic, 4);
	wire_format(&w);
	parser_run_data(&w.run, 1, w.event, w.len);
	wire_gtid(&w, 1);
	parser_run_data(&w.run, 1, w.event, w.len);
}

static void a_log_file_gives_the_same_as_its_packets(void **state)
{
	make_large(LARGE_ROWS, false);
	begin_file();
	n_bytes = make_event();
	give(0, n_bytes, 32768);
	rows_are_right(LARGE_ROWS, LARGE_ROWS);
	wire_records_are(&w, LARGE_ROWS);
	assert_true(w.run.frames[0].identity != 0);
	assert_int_equal(w.run.skipped, 0);
}

/* One event with rows of a blob of half a MiB each. */
static size_t make_large_rows(unsigned n)
{
	const uint32_t blob = 1u << 19;
	uint32_t pos = w.pos;
	wire_rows(&w, 9, 1, 1); /* its header, and all in front of the rows */
	size_t at = MYSQL_EVENT_HEADER_LEN + 8 + 2 + 1 + 1;
	memcpy(bytes, w.event, at);
	for (unsigned i = 0; i < n; i++) {
		memcpy(bytes + at, (uint8_t[]){0xfc, (uint8_t)i, 0, 0, 0}, 5);
		memcpy(bytes + at + 5, &blob, 4);
		memset(bytes + at + 9, 'a' + (int)i % 26, blob);
		at += 9 + blob;
	}
	uint32_t size = (uint32_t)at + 4, end = pos + size;
	memcpy(bytes + 9, &size, 4);
	memcpy(bytes + 13, &end, 4);
	uint32_t crc = (uint32_t)crc32(0, bytes, (unsigned)at);
	memcpy(bytes + at, &crc, 4);
	w.pos = end;
	return size;
}

/* And to the rows of it, of the table of such events. */
static void begin_rows(void)
{
	uint8_t map[] = {9,   0, 0, 0,   0, 0, 1, 0,    4, 's', 'h', 'o',
			 'p', 0, 1, 't', 0, 2, 3, 0xfc, 1, 4,   0};
	begin_file();
	wire_query(&w, "shop", "BEGIN");
	parser_run_data(&w.run, 1, w.event, w.len);
	wire_event(&w, MYSQL_EV_TABLE_MAP, 0, map, sizeof(map));
	parser_run_data(&w.run, 1, w.event, w.len);
}

/* As on the wire, where it comes in packets that are put together. */
static void rows_of_a_file_longer_than_may_stay_unread_are_read(void **state)
{
	enum { N = 70 };
	w.sums = true;
	for (unsigned cut = 0; cut < 2; cut++) {
		begin_rows();
		n_bytes = make_large_rows(N);
		assert_true(n_bytes > MYSQL_ROW_BYTES_MAX);
		give(0, n_bytes - cut, cut ? 1460 : 1 << 20);
		if (cut) {
			parser_run_end(&w.run);
			wire_records_are(&w, 0);
			assert_string_equal(w.run.why, mysql_fault_text(MYSQL_F_CUT));
			continue;
		}
		wire_records_are(&w, 0); /* it waits for what is behind it */
		wire_xid(&w);
		parser_run_data(&w.run, 1, w.event, w.len);
		wire_records_are(&w, N);
		wire_record_has(&w, N - 1, "\"tx_index\":69,\"last\":true");
		assert_int_equal(w.run.skipped, 0);
	}
}

/* The packets of the compressed protocol, stored. */
static void packets_inside_of_compressed_ones_are_taken_in_parts_too(void **state)
{
	static uint8_t squeezed[MYSQL_SQUEEZED_HEADER + 500000];
	uint32_t caps = MYSQL_CAP_41 | MYSQL_CAP_COMPRESS;
	make_large(LARGE_ROWS, false);
	parser_run_reset(&w.run);
	w.pos = 4;
	wire_greet(&w, caps);
	wire_login(&w, caps, 40);
	wire_say(&w, 1, 2, wire_ok, sizeof(wire_ok));
	uint8_t dump[] = {
		MYSQL_COM_BINLOG_DUMP, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'b', 'i', 'n', '.', '1'};
	size_t n = wire_pack(&w, 0, dump, sizeof(dump));
	memcpy(squeezed, (uint8_t[]){(uint8_t)n, 0, 0, 0, 0, 0, 0}, 7);
	memcpy(squeezed + 7, w.packet, n);
	parser_run_data(&w.run, 0, squeezed, n + 7);
	wire_rotate(&w, "bin.1", MYSQL_FLAG_ARTIFICIAL);
	uint8_t *all = malloc(LARGE_BYTES + WIRE_BYTES);
	size_t len = wire_pack_event(&w);
	memcpy(all, w.packet, len);
	wire_format(&w);
	n = wire_pack_event(&w);
	memcpy(all + len, w.packet, n);
	len += n;
	wire_gtid(&w, 1);
	n = wire_pack_event(&w);
	memcpy(all + len, w.packet, n);
	len += n;
	make_packets(make_event());
	memcpy(all + len, bytes, n_bytes);
	len += n_bytes;
	w.run.burst = 5;
	for (size_t at = 0, seq = 1; at < len; at += n, seq++) {
		n = len - at < 500000 ? len - at : 500000;
		memcpy(squeezed,
		       (uint8_t[]){(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)seq,
				   0, 0, 0},
		       7);
		memcpy(squeezed + 7, all + at, n);
		parser_run_data(&w.run, 1, squeezed, n + 7);
	}
	free(all);
	w.run.burst = 64;
	parser_run_end(&w.run);
	wire_records_are(&w, LARGE_ROWS);
	rows_are_right(LARGE_ROWS, LARGE_ROWS);
	assert_int_equal(w.run.skipped, 0);
}

/* What is behind @n_rows rows, which is the end of the transaction: a letter with its name. */
static void ends_in_a_letter(size_t n_rows, const char *why)
{
	wire_records_are(&w, n_rows + 1);
	rows_are_right(n_rows, 0);
	assert_non_null(w.run.frames[n_rows].unparsed);
	assert_string_equal(w.run.frames[n_rows].unparsed, why);
	wire_record_has(&w, n_rows, "\"raw\":");
	wire_record_has(&w, n_rows, "\"raw_cut\":true");
	wire_record_has(&w, n_rows, "000007:1\",");
}

static void a_slice_that_ends_inside_the_checksum_breaks_nothing(void **state)
{
	make_large(LARGE_ROWS, false);
	for (size_t k = 1; k <= 8; k++) {
		begin_session();
		make_packets(make_event());
		give(0, n_bytes - k, 1 << 20);
		give(n_bytes - k, n_bytes, k > 4 ? 1 : k);
		wire_records_are(&w, LARGE_ROWS);
		rows_are_right(LARGE_ROWS, LARGE_ROWS);
		assert_int_equal(w.run.skipped, 0);
		follow_up();
	}
}

static void a_fault_in_the_middle_is_a_letter_behind_the_rows_before_it(void **state)
{
	char *letters[2];
	for (int i = 0; i < 2; i++) {
		make_large(LARGE_ROWS, false);
		begin_session();
		/* Blocks stand as they were: of one in the middle the header. */
		size_t at = HEAD_BYTES + ZSTD_frameHeaderSize(body + HEAD_BYTES, 18);
		memset(body + at + BLOCKS / 2 * (3 + ZSTD_BLOCKSIZE_MAX), 0xff, 3);
		make_packets(make_event());
		give(0, n_bytes, i ? 1460 : 700000);
		size_t rows = w.run.n_frames - 1;
		assert_true(rows > LARGE_ROWS / 2 - 20 && rows <= LARGE_ROWS / 2);
		letters[i] = strdup(w.run.frames[rows].record);
		ends_in_a_letter(rows, mysql_fault_text(MYSQL_F_COMPRESSION));
		assert_int_equal(w.run.skipped, 0);
		follow_up();
	}
	assert_string_equal(letters[0], letters[1]);
	free(letters[0]);
	free(letters[1]);
}

static void a_wrong_checksum_of_a_long_one_is_told_behind_its_rows(void **state)
{
	make_large(LARGE_ROWS, false);
	begin_session();
	size_t n = make_event();
	bytes[n - 1] ^= 1;
	make_packets(n);
	give(0, n_bytes, 65536);
	wire_records_are(&w, LARGE_ROWS + 1);
	rows_are_right(LARGE_ROWS, LARGE_ROWS);
	assert_string_equal(w.run.frames[LARGE_ROWS].unparsed, mysql_fault_text(MYSQL_F_CHECKSUM));
	follow_up();
	assert_int_equal(((struct mysql_pool *)w.run.pool)->chains.row[MYSQL_CHAIN_checksums], 1);
}

static void a_capture_that_ends_inside_says_so(void **state)
{
	make_large(LARGE_ROWS, false);
	begin_session();
	make_packets(make_event());
	give(0, n_bytes / 2, 65536);
	size_t rows = w.run.n_frames;
	parser_run_end(&w.run);
	ends_in_a_letter(rows, mysql_fault_text(MYSQL_F_CUT));
	/* And behind a hole all goes on. */
	begin_session();
	make_packets(make_event());
	give(0, n_bytes / 2, 65536);
	parser_run_gap(&w.run, 1, n_bytes - n_bytes / 2);
	ends_in_a_letter(rows, mysql_fault_text(MYSQL_F_CUT));
	wire_gtid(&w, 2);
	wire_send(&w);
	wire_insert(&w, 9, "orders", 78, 1);
	wire_records_are(&w, rows + 2);
	wire_record_has(&w, rows + 1, "\"id\":78");
}

/* Where the capture stops is no part of what is wrong with the event. */
static void one_that_is_cut_has_one_reason_wherever_the_capture_stops(void **state)
{
	static const size_t ends[] = {160, 1000, 60000, 70000, 9000000, 0};
	make_large(LARGE_ROWS, false);
	for (int unknown = 0; unknown < 2; unknown++)
		for (size_t i = 0; i < 6; i++) {
			body[3] = unknown ? 7 : 0; /* the algorithm */
			begin_session();
			make_packets(make_event());
			give(0, ends[i] ? ends[i] : n_bytes - 3, i % 2 ? 1460 : 1 << 20);
			parser_run_end(&w.run);
			size_t n = w.run.n_frames;
			assert_true(n > 0 && w.run.frames[n - 1].unparsed);
			assert_string_equal(
				w.run.frames[n - 1].unparsed,
				mysql_fault_text(unknown ? MYSQL_F_ALGORITHM : MYSQL_F_CUT));
		}
	body[3] = 0;
	for (size_t n = MYSQL_EVENT_HEADER_LEN; n < 200; n += 7) { /* a file tells it earlier */
		begin_rows();
		make_event();
		give(0, n, 1);
		parser_run_end(&w.run);
		wire_records_are(&w, 1);
		assert_string_equal(w.run.frames[0].unparsed, mysql_fault_text(MYSQL_F_CUT));
	}
}

/* The bytes that a session keeps unread compete with those of all others. */
static void memory_that_is_missing_for_unread_bytes_does_not_end_one_in_parts(void **state)
{
	make_large(LARGE_ROWS, false);
	begin_session();
	make_packets(make_event());
	for (size_t at = 0; at < n_bytes; at += 1 << 20) {
		give(at, at + (1 << 20) < n_bytes ? at + (1 << 20) : n_bytes, 1 << 20);
		parser_run_no_room(&w.run, 1);
	}
	wire_records_are(&w, LARGE_ROWS);
	rows_are_right(LARGE_ROWS, LARGE_ROWS);
	assert_int_equal(w.run.skipped + w.run.left_over, 0);
	follow_up();
}

/* A packet that is not the last one, with nothing behind it but another event. */
static void packets_that_end_before_their_event_say_so(void **state)
{
	make_large(LARGE_ROWS, false);
	begin_session();
	make_packets(make_event());
	give(0, MYSQL_PACKET_MAX + MYSQL_PACKET_HEADER, 65536);
	parser_run_data(&w.run, 1, (uint8_t[]){0, 0, 0, 2}, 4);
	size_t rows = w.run.n_frames;
	wire_gtid(&w, 2);
	wire_send(&w);
	ends_in_a_letter(rows, mysql_fault_text(MYSQL_F_CUT));
	follow_up();
}

/* KiB of memory: VmRSS now, VmHWM at most since the peak was forgotten. */
static long memory_kib(const char *key)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtol(line + strlen(key) + 1, NULL, 10);
	fclose(f);
	return kib;
}

static void forget_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");
	assert_non_null(f);
	fputs("5", f);
	fclose(f);
}

static uint64_t n_inside, sum_inside;

static void counted(void *arg, struct slice event)
{
	n_inside++;
	sum_inside += event.len;
}

/* 1 GiB of events in half a megabyte: neither they nor their transaction are held. */
static void a_transaction_of_any_size_takes_little_memory(void **state)
{
	size_t times = 0, one;
	make_large(1, true);
	one = n_events;
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer in = {events, one, 0};
	ZSTD_outBuffer out = {bytes, LARGE_BYTES, 0};
	for (; times * one < 1u << 30; times++)
		for (in.pos = 0; in.pos < in.size;)
			assert_false(
				ZSTD_isError(ZSTD_compressStream2(c, &out, &in, ZSTD_e_continue)));
	while (ZSTD_compressStream2(c, &out, &in, ZSTD_e_end))
		;
	ZSTD_freeCCtx(c);
	put_payload(slice_of(bytes, out.pos), 255, times * one);
	body[3] = 0; /* it is zstd, after all */
	size_t len = make_event();
	struct mysql_event ev;
	assert_int_equal(mysql_event_parse(slice_of(bytes, len), &rig->format, &ev), MYSQL_F_OK);
	forget_peak();
	long before = memory_kib("VmRSS:");
	n_inside = sum_inside = 0;
	assert_int_equal(payload_walk(&ev, UINT64_MAX, len, counted, NULL), MYSQL_F_END);
	assert_int_equal(n_inside, 4 * times);
	assert_int_equal(sum_inside, times * one);
	long took = memory_kib("VmHWM:") - before;
	if (took > 16 << 10)
		fail_msg("%ld KiB were taken", took);
}

static int setup(void **state)
{
	rig = rig_create();
	wire_init(&w);
	events = malloc(LARGE_BYTES + SL_PAD);
	body = malloc(LARGE_BYTES + SL_PAD);
	bytes = malloc(LARGE_BYTES + SL_PAD);
	if (!events || !body || !bytes)
		return -1;
	three_events();
	put_payload(slice_of(events, n_events), 0, n_events);
	struct mysql_event ev = event_of(n_body);
	return payload_walk(&ev, 81, 81, counted, NULL) == MYSQL_F_END ? 0 : -1;
}

static int teardown(void **state)
{
	free(events);
	free(body);
	free(bytes);
	wire_fini(&w);
	rig_destroy(rig);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compressed_transactions_give_their_events),
		cmocka_unit_test(payloads_that_cannot_be_unpacked_are_named),
		cmocka_unit_test(an_event_too_long_to_be_held_costs_no_other),
		cmocka_unit_test(a_transaction_longer_than_a_packet_goes_out_as_it_comes),
		cmocka_unit_test(a_log_file_gives_the_same_as_its_packets),
		cmocka_unit_test(packets_inside_of_compressed_ones_are_taken_in_parts_too),
		cmocka_unit_test(a_slice_that_ends_inside_the_checksum_breaks_nothing),
		cmocka_unit_test(a_fault_in_the_middle_is_a_letter_behind_the_rows_before_it),
		cmocka_unit_test(a_wrong_checksum_of_a_long_one_is_told_behind_its_rows),
		cmocka_unit_test(a_capture_that_ends_inside_says_so),
		cmocka_unit_test(rows_of_a_file_longer_than_may_stay_unread_are_read),
		cmocka_unit_test(one_that_is_cut_has_one_reason_wherever_the_capture_stops),
		cmocka_unit_test(memory_that_is_missing_for_unread_bytes_does_not_end_one_in_parts),
		cmocka_unit_test(packets_that_end_before_their_event_say_so),
		cmocka_unit_test(a_transaction_of_any_size_takes_little_memory),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
