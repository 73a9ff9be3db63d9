/* Bodies: content types, arrays and lines, codings, bombs. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zlib.h>
#include <zstd.h>

#include "http1_case.h"

static uint8_t coded[1 << 20];

static void post(const char *type, const char *more, const void *body, size_t len)
{
	char head[512];
	int n = snprintf(head, sizeof(head),
			 "POST /b HTTP/1.1\r\nContent-Type: %s\r\n%sContent-Length: %zu\r\n\r\n",
			 type, more, len);
	parser_run_data(&x, 0, head, (size_t)n);
	parser_run_data(&x, 0, body, len);
}

static void post_text(const char *type, const char *body)
{
	post(type, "", body, strlen(body));
}

/* @bits: 15 zlib, -15 raw deflate, 31 gzip. */
static size_t deflated(int bits, const void *in, size_t len, uint8_t *out, size_t cap)
{
	z_stream z = {.next_in = (uint8_t *)in, .avail_in = (unsigned)len};
	z.next_out = out;
	z.avail_out = (unsigned)cap;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return cap - z.avail_out;
}

/* --- Shapes ------------------------------------------------------------------------------------
 */

static void an_array_is_an_event_an_element(void **state)
{
	post_text("application/json",
		  " [ {\"a\":\"],[\\\"\"} ,{\"b\":[1,{\"c\":2}]},3,\"x,y\" ,[4] ]\n");
	end();
	check_frames(5);
	check_body(0, BODY_JSON, "{\"a\":\"],[\\\"\"}");
	check_body(1, BODY_JSON, "{\"b\":[1,{\"c\":2}]}");
	check_body(2, BODY_JSON, "3");
	check_body(3, BODY_JSON, "\"x,y\"");
	check_body(4, BODY_JSON, "[4]");
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(x.frames[i].idx, i);
		assert_int_equal(x.frames[i].stream_off, 0);
		check_meta(i, "\"path\":\"/b\"");
	}
}

static void elements_are_found_at_every_place_of_a_vector(void **state)
{
	char body[200], want[64];
	for (unsigned pad = 0; pad < 40; pad++) {
		parser_run_reset(&x);
		snprintf(body, sizeof(body), "[{\"%*s\":\"\\\\\\\"]\"},{\"k\":\"%*s\"}]", (int)pad,
			 "", (int)(39 - pad), "");
		post_text("application/json", body);
		end();
		check_frames(2);
		snprintf(want, sizeof(want), "{\"k\":\"%*s\"}", (int)(39 - pad), "");
		check_body(1, BODY_JSON, want);
	}
}

static void an_empty_array_is_still_seen(void **state)
{
	post_text("application/json", " [ ] ");
	end();
	check_frames(1);
	check_body(0, BODY_NONE, "");
}

static void an_array_that_does_not_end_gives_what_is_whole_and_the_rest(void **state)
{
	post_text("application/json", "[{\"a\":1},{\"b\":\"x");
	end();
	check_frames(2);
	check_body(0, BODY_JSON, "{\"a\":1}");
	check_body(1, BODY_JSON, "{\"b\":\"x");
}

static void bytes_behind_an_array_are_not_swallowed(void **state)
{
	post_text("application/json", "[1] x");
	end();
	check_frames(2);
	check_body(1, BODY_JSON, "] x");
}

static void lines_of_json_are_an_event_each(void **state)
{
	post_text("application/x-ndjson", "{\"a\":1}\n\n  {\"a\":2}\r\nbroken\n{\"a\":4}");
	end();
	check_frames(4);
	check_body(1, BODY_JSON, "{\"a\":2}");
	check_body(2, BODY_JSON, "broken");
	assert_int_equal(x.frames[3].idx, 3);
}

static void objects_a_line_are_lines_also_when_the_type_says_json(void **state)
{
	post_text("application/json", "{\"index\":{}}\n{\"a\":1}\n");
	end();
	check_frames(2);
}

static void an_object_over_many_lines_is_one(void **state)
{
	post_text("application/json", "{\n\"a\":[\n{\"b\":1},\n{\"c\":2}\n]\n}\n");
	end();
	check_frames(1);
}

static void a_beacon_of_type_text_is_json_when_it_looks_so(void **state)
{
	post_text("text/plain;charset=UTF-8", "{\"a\":1}");
	post_text("application/x-www-form-urlencoded", "{\"a\":1}");
	post_text("application/vnd.api+json; charset=utf-8", "\xef\xbb\xbf{\"a\":1}");
	end();
	check_frames(3);
	for (unsigned i = 0; i < 3; i++)
		check_body(i, BODY_JSON, "{\"a\":1}");
}

static void a_form_is_one_event(void **state)
{
	post_text("application/x-www-form-urlencoded", "a=1&b=%20");
	end();
	check_frames(1);
	check_body(0, BODY_FORM, "a=1&b=%20");
}

static void text_is_a_message_or_lines(void **state)
{
	post_text("text/plain", "one\ntwo\n");
	end();
	check_frames(1);
	check_body(0, BODY_TEXT, "one\ntwo\n");
	parser_run_reset(&x);
	conf()->text = HTTP1_TEXT_LINES;
	post_text("text/plain", "one\ntwo\n");
	end();
	check_frames(2);
	check_body(1, BODY_TEXT, "two");
}

static void binary_bodies_are_no_content_of_events(void **state)
{
	post_text("multipart/form-data; boundary=x", "--x\r\n\r\nabc\r\n--x--");
	post_text("image/png", "\x89PNG");
	end();
	check_frames(2);
	check_body(0, BODY_NONE, "");
	assert_null(x.frames[0].unparsed);
	assert_int_equal(x.skipped, 0);
}

static void broken_json_is_handed_on_whole(void **state)
{
	post_text("application/json", "{broken json");
	end();
	check_frames(1);
	check_body(0, BODY_JSON, "{broken json");
}

static void a_body_of_more_events_than_events_max_says_so(void **state)
{
	conf()->events_max = 3;
	post_text("application/json", "[1,2,3,4,5]");
	end();
	check_frames(4);
	check_unparsed(3, "more than events_max events in one body");
	assert_int_equal(x.skipped, 5);
}

static void an_array_larger_than_a_burst_is_put_in_parts(void **state)
{
	char body[4000] = "[";
	for (unsigned i = 0; i < 500; i++)
		snprintf(body + strlen(body), 12, "%s%u", i ? "," : "", i);
	strcat(body + 1000, "]");
	size_t n = deflated(31, body, strlen(body), coded, sizeof(coded));
	x.burst = 7;
	post("application/json", "Content-Encoding: gzip\r\n", coded, n);
	post_text("application/json", body);
	end();
	check_frames(1000);
	check_body(499, BODY_JSON, "499");
	check_body(999, BODY_JSON, "499");
	assert_int_equal(x.frames[499].idx, 499);
}

/* --- Codings -----------------------------------------------------------------------------------
 */

static void gzip_deflate_and_zstd_come_off(void **state)
{
	static const char body[] = "{\"a\":\"0123456789012345678901234567890123456789\"}";
	static const struct {
		int bits;
		const char *name;
	} codings[] = {{31, "gzip"},    {31, "X-GZIP"}, {15, "deflate"},       {-15, "deflate"},
		       {31, "deflate"}, {15, "gzip"},   {31, "identity, gzip"}};
	char more[100];
	for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
		size_t n = deflated(codings[i].bits, body, strlen(body), coded, sizeof(coded));
		snprintf(more, sizeof(more), "Content-Encoding: %s\r\n", codings[i].name);
		post("application/json", more, coded, n);
	}
	size_t n = ZSTD_compress(coded, sizeof(coded), body, strlen(body), 3);
	post("application/json", "Content-Encoding: zstd\r\n", coded, n);
	end();
	check_frames(8);
	for (unsigned i = 0; i < 8; i++)
		check_body(i, BODY_JSON, body);
}

static void stacked_codings_come_off_in_turn(void **state)
{
	static const char body[] = "{\"a\":1}";
	static uint8_t second[1000], third[1000];
	size_t n = deflated(15, body, strlen(body), coded, sizeof(coded));
	n = deflated(31, coded, n, second, sizeof(second));
	n = ZSTD_compress(third, sizeof(third), second, n, 1);
	post("application/json", "Content-Encoding: deflate\r\nContent-Encoding: gzip, zstd\r\n",
	     third, n);
	post("application/json", "Content-Encoding: gzip, gzip, gzip, gzip, gzip\r\n", third, n);
	end();
	check_frames(2);
	check_body(0, BODY_JSON, body);
	check_unparsed(1, "more content-encodings than four");
}

static void a_gzip_body_may_have_members(void **state)
{
	size_t n = deflated(31, "{\"a\":", 5, coded, sizeof(coded));
	n += deflated(31, "1}", 2, coded + n, sizeof(coded) - n);
	post("application/json", "Content-Encoding: gzip\r\n", coded, n);
	end();
	check_body(0, BODY_JSON, "{\"a\":1}");
}

static void transfer_codings_come_off_before_content_codings(void **state)
{
	static uint8_t outer[1000];
	size_t n = deflated(31, "{\"a\":1}", 7, coded, sizeof(coded));
	n = deflated(15, coded, n, outer, sizeof(outer));
	client("POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
	       "Transfer-Encoding: deflate, chunked\r\n\r\n");
	for (size_t i = 0; i < n; i++) {
		client("1\r\n");
		parser_run_data(&x, 0, outer + i, 1);
		client("\r\n");
	}
	client("0\r\n\r\n");
	end();
	check_frames(1);
	check_body(0, BODY_JSON, "{\"a\":1}");
}

static void brotli_is_named_and_not_silent(void **state)
{
	post("application/json", "Content-Encoding: br\r\n", "abc", 3);
	post("application/json", "Content-Encoding: exi\r\n", "abc", 3);
	end();
	check_frames(2);
	check_unparsed(0, "content-encoding br is not supported");
	check_unparsed(1, "content-encoding is not supported");
	assert_int_equal(x.skipped, 6);
	assert_string_equal(x.why, "content-encoding is not supported");
}

static void a_gzip_bomb_is_an_event_without_fields(void **state)
{
	static uint8_t zeros[40 << 20];
	size_t n = deflated(31, zeros, sizeof(zeros), coded, sizeof(coded));
	post("application/json", "Content-Encoding: gzip\r\n", coded, n);
	static uint8_t z[1 << 16];
	n = ZSTD_compress(z, sizeof(z), zeros, sizeof(zeros), 1);
	post("application/json", "Content-Encoding: zstd\r\n", z, n);
	end();
	check_frames(2);
	check_unparsed(0, "body larger than body_bytes_max");
	check_unparsed(1, "body larger than body_bytes_max");
}

static void a_bomb_inside_a_bomb_is_stopped_as_well(void **state)
{
	static uint8_t zeros[30 << 20], second[1 << 20];
	size_t n = deflated(31, zeros, sizeof(zeros), coded, sizeof(coded));
	n = deflated(31, coded, n, second, sizeof(second));
	post("application/json", "Content-Encoding: gzip, gzip\r\n", second, n);
	end();
	check_frames(1);
	check_unparsed(0, "body larger than body_bytes_max");
}

static void damaged_and_cut_compression_is_named(void **state)
{
	size_t n = deflated(31, "{\"a\":123456789}", 15, coded, sizeof(coded));
	post("application/json", "Content-Encoding: gzip\r\n", coded, n - 9);
	coded[n - 5] ^= 1; /* the checksum */
	post("application/json", "Content-Encoding: gzip\r\n", coded, n);
	post("application/json", "Content-Encoding: gzip\r\n", "{\"a\":1}", 7);
	post("application/json", "Content-Encoding: deflate\r\n", "<a>1</a>", 8);
	n = ZSTD_compress(coded, sizeof(coded), "{\"a\":123456789}", 15, 1);
	post("application/json", "Content-Encoding: zstd\r\n", coded, n - 1);
	post("application/json", "Content-Encoding: zstd\r\n", "{\"a\":\"twenty bytes\"}", 20);
	end();
	check_frames(6);
	check_unparsed(0, "compressed body ends early");
	check_unparsed(1, "compressed body is damaged");
	check_unparsed(2, "body is not gzip as its content-encoding says");
	check_unparsed(3, "compressed body is damaged");
	check_unparsed(4, "compressed body ends early");
	check_unparsed(5, "compressed body is damaged");
}

static void a_decompressor_takes_its_memory_from_scratch(void **state)
{
	assert_true(ZSTD_estimateDCtxSize() < 256 << 10);
	static char body[900 << 10];
	memset(body, ' ', sizeof(body));
	memcpy(body, "{\"a\":1}", 7);
	size_t n = deflated(31, body, sizeof(body), coded, sizeof(coded));
	post("application/json", "Content-Encoding: gzip\r\n", coded, n);
	end();
	check_frames(1);
	assert_int_equal(x.frames[0].body_len, sizeof(body));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_array_is_an_event_an_element),
		T(elements_are_found_at_every_place_of_a_vector),
		T(an_empty_array_is_still_seen),
		T(an_array_that_does_not_end_gives_what_is_whole_and_the_rest),
		T(bytes_behind_an_array_are_not_swallowed),
		T(lines_of_json_are_an_event_each),
		T(objects_a_line_are_lines_also_when_the_type_says_json),
		T(an_object_over_many_lines_is_one),
		T(a_beacon_of_type_text_is_json_when_it_looks_so),
		T(a_form_is_one_event),
		T(text_is_a_message_or_lines),
		T(binary_bodies_are_no_content_of_events),
		T(broken_json_is_handed_on_whole),
		T(a_body_of_more_events_than_events_max_says_so),
		T(an_array_larger_than_a_burst_is_put_in_parts),
		T(gzip_deflate_and_zstd_come_off),
		T(stacked_codings_come_off_in_turn),
		T(a_gzip_body_may_have_members),
		T(transfer_codings_come_off_before_content_codings),
		T(brotli_is_named_and_not_silent),
		T(a_gzip_bomb_is_an_event_without_fields),
		T(a_bomb_inside_a_bomb_is_stopped_as_well),
		T(damaged_and_cut_compression_is_named),
		T(a_decompressor_takes_its_memory_from_scratch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
