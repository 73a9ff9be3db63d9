#include "unit.h"

#include <zlib.h>
#include <zstd.h>

#include "parsers/mysql/stream.h"

#define LONG 0xffffffu

static struct mysql_streams *ss;
static uint8_t *bytes;

static struct slice packet(size_t len, uint8_t fill)
{
	bytes[0] = (uint8_t)len;
	bytes[1] = (uint8_t)(len >> 8);
	bytes[2] = (uint8_t)(len >> 16);
	bytes[3] = fill;
	memset(bytes + 4, fill, len);
	return slice_of(bytes, 4 + len);
}

static void packets_come_out_as_they_went_in(void **state)
{
	struct mysql_stream *s = mysql_stream_of(ss, 1, true);
	struct slice p, payload;
	p = packet(300, 7);
	assert_null(mysql_stream_add(s, slice_of(p.ptr, 100)));
	assert_false(mysql_stream_payload(s, &payload));
	assert_null(mysql_stream_add(s, slice_from(p, 100)));
	assert_null(mysql_stream_add(s, packet(0, 8)));
	assert_true(mysql_stream_payload(s, &payload));
	assert_int_equal(payload.len, 300);
	assert_int_equal(payload.ptr[299], 7);
	mysql_stream_drop(s);
	assert_true(mysql_stream_payload(s, &payload));
	assert_int_equal(payload.len, 0);
	mysql_stream_drop(s);
	assert_int_equal(mysql_stream_bytes(s).len, 0);
}

static void parts_of_a_long_packet_are_joined(void **state)
{
	struct mysql_stream *s = mysql_stream_of(ss, 1, true);
	struct slice payload;
	assert_null(mysql_stream_add(s, packet(LONG, 1)));
	assert_false(mysql_stream_payload(s, &payload));
	assert_null(mysql_stream_add(s, packet(LONG, 2)));
	assert_false(mysql_stream_payload(s, &payload));
	assert_null(mysql_stream_add(s, packet(5, 3)));
	assert_null(mysql_stream_add(s, packet(9, 4)));
	for (unsigned i = 0; i < 2; i++) {
		assert_true(mysql_stream_payload(s, &payload));
		assert_int_equal(payload.len, 2 * LONG + 5);
		assert_int_equal(payload.ptr[LONG - 1], 1);
		assert_int_equal(payload.ptr[LONG], 2);
		assert_int_equal(payload.ptr[2 * LONG - 1], 2);
		assert_int_equal(payload.ptr[2 * LONG], 3);
	}
	mysql_stream_drop(s);
	assert_true(mysql_stream_payload(s, &payload));
	assert_int_equal(payload.len, 9);
	assert_int_equal(payload.ptr[0], 4);
}

/* An event of just 16 MiB less one byte ends with an empty packet. */
static void a_long_packet_may_end_with_an_empty_one(void **state)
{
	struct mysql_stream *s = mysql_stream_of(ss, 1, true);
	struct slice payload;
	assert_null(mysql_stream_add(s, packet(LONG, 1)));
	assert_null(mysql_stream_add(s, packet(0, 2)));
	assert_true(mysql_stream_payload(s, &payload));
	assert_int_equal(payload.len, LONG);
	mysql_stream_drop(s);
	assert_int_equal(mysql_stream_bytes(s).len, 0);
}

static void more_than_the_buffer_is_refused_with_a_reason(void **state)
{
	struct mysql_stream *s = mysql_stream_of(ss, 1, true);
	const char *why = NULL;
	for (unsigned i = 0; i < 7 && !why; i++)
		why = mysql_stream_add(s, packet(LONG, 1));
	assert_string_equal(why, "an event longer than the memory for it");
}

static struct slice squeezed(size_t before, size_t len)
{
	static uint8_t out[4096];
	uint8_t head[] = {(uint8_t)len,    (uint8_t)(len >> 8),    0, 0,
			  (uint8_t)before, (uint8_t)(before >> 8), 0};
	memcpy(out, head, 7);
	memcpy(out + 7, bytes + 8192, len);
	return slice_of(out, 7 + len);
}

static void compressed_packets_hold_any_part_of_packets(void **state)
{
	struct mysql_stream *s = mysql_stream_of(ss, 1, true);
	struct slice payload, p = packet(1000, 5);
	uLongf len = 4000;
	assert_int_equal(compress(bytes + 8192, &len, p.ptr, 900), Z_OK);
	assert_null(mysql_stream_add_squeezed(ss, s, MYSQL_ZLIB, squeezed(900, len)));
	assert_false(mysql_stream_payload(s, &payload));
	memcpy(bytes + 8192, p.ptr + 900, 104); /* stored */
	assert_null(mysql_stream_add_squeezed(ss, s, MYSQL_ZLIB, squeezed(0, 104)));
	assert_true(mysql_stream_payload(s, &payload));
	assert_int_equal(payload.len, 1000);
	mysql_stream_drop(s);
	len = ZSTD_compress(bytes + 8192, 4000, p.ptr, p.len, 3);
	assert_null(mysql_stream_add_squeezed(ss, s, MYSQL_ZSTD, squeezed(p.len, len)));
	assert_true(mysql_stream_payload(s, &payload));
	assert_int_equal(payload.len, 1000);
}

static void what_does_not_decompress_is_refused(void **state)
{
	struct mysql_stream *s = mysql_stream_of(ss, 1, true);
	struct slice p = packet(1000, 5);
	uLongf len = 4000;
	assert_int_equal(compress(bytes + 8192, &len, p.ptr, 900), Z_OK);
	assert_non_null(mysql_stream_add_squeezed(ss, s, MYSQL_ZLIB, squeezed(899, len)));
	assert_non_null(mysql_stream_add_squeezed(ss, s, MYSQL_ZLIB, squeezed(901, len)));
	assert_non_null(mysql_stream_add_squeezed(ss, s, MYSQL_ZSTD, squeezed(900, len)));
	bytes[8200] ^= 1;
	assert_non_null(mysql_stream_add_squeezed(ss, s, MYSQL_ZLIB, squeezed(900, len)));
	assert_int_equal(mysql_stream_bytes(s).len, 0);
}

static void the_quietest_session_loses_its_buffer(void **state)
{
	for (uint32_t owner = 1; owner <= MYSQL_STREAMS; owner++)
		assert_non_null(mysql_stream_of(ss, owner, true));
	assert_non_null(mysql_stream_of(ss, 1, false));
	assert_non_null(mysql_stream_of(ss, MYSQL_STREAMS + 1, true));
	assert_null(mysql_stream_of(ss, 2, false));
	assert_non_null(mysql_stream_of(ss, 1, false));
	assert_null(mysql_stream_of(ss, 99, false));
}

static int set_up(void **state)
{
	bytes = malloc(LONG + 4096);
	return !bytes || mysql_streams_create(&ss) < 0;
}

static int tear_down(void **state)
{
	mysql_streams_destroy(ss);
	free(bytes);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(packets_come_out_as_they_went_in),
		TEST(parts_of_a_long_packet_are_joined),
		TEST(a_long_packet_may_end_with_an_empty_one),
		TEST(more_than_the_buffer_is_refused_with_a_reason),
		TEST(compressed_packets_hold_any_part_of_packets),
		TEST(what_does_not_decompress_is_refused),
		TEST(the_quietest_session_loses_its_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
