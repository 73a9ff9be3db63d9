/* Requests: heads, framing, filters, limits, holes. Bodies stand in test_http1_body.c, answers in
 * test_http1_answer.c.
 */
#include "http1_case.h"

#include <ctype.h>
#include <stdlib.h>

/* --- Heads -------------------------------------------------------------------------------------
 */

static void a_post_becomes_one_event_with_http(void **state)
{
	client("POST /v5/alt?a=1 HTTP/1.1\r\nHost: MSG.example.com:8080\r\nUser-Agent: curl/7\r\n"
	       "Referer: http://r/\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n"
	       "{\"a\":1}");
	end();
	check_frames(1);
	check_body(0, BODY_JSON, "{\"a\":1}");
	assert_string_equal(
		x.frames[0].meta,
		"{\"method\":\"POST\",\"host\":\"msg.example.com\",\"path\":\"/v5/alt\","
		"\"query\":\"a=1\",\"status\":null,\"client\":\"::\","
		"\"user_agent\":\"curl/7\",\"referer\":\"http://r/\"}");
	assert_int_equal(x.skipped + x.left_over + x.passed_over, 0);
}

static void a_get_with_a_query_is_a_form(void **state)
{
	client("GET /px.gif?t=15&u=%7B HTTP/1.1\r\nHost: a\r\n\r\n");
	end();
	check_frames(1);
	check_body(0, BODY_FORM, "t=15&u=%7B");
	check_meta(0, "\"path\":\"/px.gif\",\"status\"");
}

static void a_bare_request_is_an_event_unless_bare_is_off(void **state)
{
	client("GET /ping HTTP/1.1\r\n\r\n");
	end();
	check_frames(1);
	check_body(0, BODY_NONE, "");
	parser_run_reset(&x);
	conf()->bare = false;
	client("GET /ping HTTP/1.1\r\n\r\nGET /ping?x HTTP/1.1\r\n\r\n");
	end();
	check_frames(1);
	assert_int_equal(x.passed_over, 22);
}

static void heads_are_read_byte_by_byte(void **state)
{
	static const char text[] = "POST /slow HTTP/1.1\r\nHost: s\r\nX:\r\n y\r\nContent-Length: 2"
				   "\r\n\r\n{}GET /next HTTP/1.1\r\n\r\n";
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		parser_run_data(&x, 0, text + i, 1);
	end();
	check_frames(2);
	check_body(0, BODY_JSON, "{}");
	check_meta(0, "\"host\":\"s\"");
	check_meta(1, "/next");
}

static void a_folded_header_is_one_line(void **state)
{
	client("POST / HTTP/1.1\r\nHost:\r\n folded\r\nUser-Agent: a\r\n\t b\r\nContent-Length:\r\n"
	       " 2\r\nContent-Type:application/json\r\n\r\n{}");
	end();
	check_frames(1);
	check_body(0, BODY_JSON, "{}");
	check_meta(0, "\"host\":\"folded\"");
	check_meta(0, "\"user_agent\":\"a b\"");
}

static void a_value_is_the_same_whatever_other_header_is_folded(void **state)
{
	client("GET /a?b=1 HTTP/1.1\r\nHost: h\r\nUser-Agent: one\rtwo\r\n\r\n"
	       "GET /a?b=1 HTTP/1.1\r\nHost: h\r\nUser-Agent: one\rtwo\r\nX: a\r\n b\r\n\r\n");
	end();
	check_frames(2);
	check_meta(0, "\"user_agent\":\"one\\rtwo\"");
	check_meta(1, "\"user_agent\":\"one\\rtwo\"");
}

static void lines_may_end_without_carriage_return(void **state)
{
	client("POST / HTTP/1.1\nHost: lf\nContent-Type: text/json\nContent-Length: 2\n\n{}");
	end();
	check_frames(1);
	check_body(0, BODY_JSON, "{}");
}

static void the_first_of_repeated_headers_counts(void **state)
{
	client("GET / HTTP/1.1\r\nHost: one\r\nHost: two\r\nUser-Agent: a\r\nUser-Agent: "
	       "b\r\n\r\n");
	end();
	check_meta(0, "\"host\":\"one\"");
	check_meta(0, "\"user_agent\":\"a\"");
}

static void an_absolute_target_names_the_host(void **state)
{
	client("GET http://u:p@Proxy.example:81/p?q=1#f HTTP/1.1\r\nHost: other\r\n\r\n"
	       "GET http://hypnotoad.org?hail=all HTTP/1.1\r\n\r\n"
	       "CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n");
	end();
	check_frames(3);
	check_meta(0, "\"host\":\"proxy.example\",\"path\":\"/p\"");
	check_body(0, BODY_FORM, "q=1");
	check_meta(1, "\"host\":\"hypnotoad.org\",\"path\":\"\"");
	check_meta(2, "\"host\":\"[2001:db8::1]\"");
}

static void bytes_that_are_not_utf8_are_replaced_and_flagged(void **state)
{
	client("GET /\xff\"x HTTP/1.1\r\n\r\n");
	end();
	check_meta(0, "\"path\":\"/\xef\xbf\xbd\\\"x\"");
	check_meta(0, "\"_invalid_utf8\":true");
}

static void the_client_is_the_peer_or_who_it_was_forwarded_for(void **state)
{
	client("GET / HTTP/1.1\r\nX-Forwarded-For: 10.1.2.3, 10.0.0.1\r\n\r\n");
	end();
	check_meta(0, "\"client\":\"::\"");
	parser_run_reset(&x);
	conf()->trust_forwarded = true;
	client("GET / HTTP/1.1\r\nX-Forwarded-For: 10.1.2.3, 10.0.0.1\r\n\r\n");
	end();
	check_meta(0, "\"client\":\"10.1.2.3\"");
}

static void a_made_up_method_is_an_event_too(void **state)
{
	client("CCM_POST /x HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: "
	       "2\r\n\r\n{}"
	       "GET /n HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	check_meta(0, "\"method\":\"CCM_POST\"");
	check_body(0, BODY_JSON, "{}");
	check_meta(1, "/n");
}

static void http_0_9_and_odd_versions_are_requests(void **state)
{
	client("GET /old\r\n\r\nGET /three HTTP/3.7\r\n\r\n");
	end();
	check_frames(2);
}

/* --- Framing -----------------------------------------------------------------------------------
 */

static void pipelined_requests_in_one_segment_are_told_apart(void **state)
{
	client("\r\nPOST /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}\r\nGET /2 HTTP/1.1\r\n\r\n"
	       "GET /3?x HTTP/1.0\r\n\r\n");
	end();
	check_frames(3);
	check_meta(0, "/1");
	check_meta(1, "/2");
	check_meta(2, "/3");
}

static void ten_thousand_pipelined_requests_all_become_events(void **state)
{
	static const char one[] = "POST /p HTTP/1.1\r\nContent-Type: application/json\r\n"
				  "Content-Length: 9\r\n\r\n{\"n\":123}";
	size_t n = 10000, len = sizeof(one) - 1;
	char *all = malloc(n * len);
	assert_non_null(all);
	for (size_t i = 0; i < n; i++)
		memcpy(all + i * len, one, len);
	both_seen();
	parser_run_data(&x, 0, all, n * len);
	end();
	check_frames(n);
	assert_int_equal(x.frames[n - 1].stream_off, (n - 1) * len);
	assert_int_equal(x.skipped + x.left_over, 0);
	free(all);
}

static void chunks_have_extensions_and_trailers(void **state)
{
	client("POST /c HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: "
	       "chunked\r\n"
	       "\r\n3;n=1;q=\"a;b\"\r\n{\"a\r\n04 \r\n\":1}\r\n0\r\nX-Sum: 1\r\nVary: *\r\n\r\n"
	       "GET /n HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	check_body(0, BODY_JSON, "{\"a\":1}");
}

static void chunked_wins_over_a_length(void **state)
{
	client("POST /c HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
	       "Content-Type: application/json\r\n\r\n2\r\n{}\r\n0\r\n\r\nGET /n HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	check_body(0, BODY_JSON, "{}");
	check_meta(1, "/n");
}

static void a_chunk_size_beyond_64_bits_is_named(void **state)
{
	client("POST /c HTTP/1.1\r\nTransfer-Encoding: "
	       "chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n"
	       "\r\nGET /n HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	check_unparsed(0, "chunked body is damaged");
	check_meta(1, "/n");
	assert_true(x.skipped > 0);
}

static void two_lengths_that_differ_are_named_and_the_next_request_is_found(void **state)
{
	static const char *const heads[] = {
		"Content-Length: 2\r\nContent-Length: 3",
		"Content-Length: -2",
		"Content-Length: 18446744073709551618",
		"Content-Length:",
		"Content-Length: 0x2",
		"Content-Length: 2, 4",
	};
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		parser_run_reset(&x);
		client("POST /l HTTP/1.1\r\n");
		client(heads[i]);
		client("\r\n\r\n{}GET /n HTTP/1.1\r\n\r\n");
		end();
		check_frames(2);
		check_unparsed(0, "Content-Length is not one number");
		check_meta(0, "/l");
		check_meta(1, "/n");
		assert_int_equal(x.skipped, 2);
	}
	parser_run_reset(&x);
	client("POST /l HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
	       "Content-Length: 2, 02\r\n\r\n{}");
	end();
	check_body(0, BODY_JSON, "{}");
}

static void a_transfer_coding_that_hides_the_end_is_named(void **state)
{
	static const char *const values[] = {"chunked, gzip", "gzip", "chunkedchunked",
					     "chunked, chunked"};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		parser_run_reset(&x);
		client("POST /t HTTP/1.1\r\nTransfer-Encoding: ");
		client(values[i]);
		client("\r\n\r\n5\r\nWorld\r\n0\r\n\r\nGET /n HTTP/1.1\r\n\r\n");
		end();
		check_frames(2);
		check_unparsed(0, "Transfer-Encoding does not end in chunked");
		check_meta(1, "/n");
	}
}

static void nonsense_between_requests_is_skipped_and_counted(void **state)
{
	client("GET /1 HTTP/1.1\r\n\r\n\x01\x02{\"x\":1}GET /2 HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	assert_int_equal(x.skipped, 9);
	assert_string_equal(x.why, "no request begins here");
	assert_int_equal(x.frames[1].stream_off, 28);
}

/* --- Limits ------------------------------------------------------------------------------------
 */

static void a_length_of_a_gigabyte_is_an_event_without_fields_and_then_skipped(void **state)
{
	client("POST /big HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1073741824"
	       "\r\n\r\n{\"a\":");
	check_frames(1);
	check_unparsed(0, "body larger than body_bytes_max");
	char *piece = calloc(1, 1 << 20);
	assert_non_null(piece);
	size_t left = (1u << 30) - 5;
	while (left) {
		size_t n = left < (1u << 20) ? left : 1u << 20;
		parser_run_data(&x, 0, piece, n);
		assert_int_equal(x.dirs[0].len, 0);
		left -= n;
	}
	client("GET /after HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	assert_int_equal(x.skipped, 1u << 30);
	free(piece);
}

static void a_large_upload_of_an_image_is_an_event_and_no_loss(void **state)
{
	client("PUT /i?n=1 HTTP/1.1\r\nContent-Type: image/png\r\nContent-Length: 3000000\r\n\r\n");
	check_frames(1);
	assert_null(x.frames[0].unparsed);
	char *piece = calloc(1, 3000000);
	assert_non_null(piece);
	parser_run_data(&x, 0, piece, 3000000);
	client("GET /after HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	assert_int_equal(x.skipped, 0);
	free(piece);
}

static void chunks_beyond_the_limit_let_the_event_go_early(void **state)
{
	conf()->body_bytes_max = 1024;
	client("POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n");
	check_frames(1);
	check_unparsed(0, "body larger than body_bytes_max");
	char piece[0x401 + 1];
	memset(piece, 'x', sizeof(piece));
	piece[0x401] = 0;
	client(piece);
	client("\r\n0\r\n\r\nGET /n HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	assert_int_equal(x.skipped, 5 + 0x401 + 2 + 5);
}

static void a_request_that_does_not_fit_into_the_unread_bytes_is_named(void **state)
{
	x.out.bytes_max = 4096;
	client("POST /c HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: "
	       "5000\r\n\r\n");
	check_frames(1);
	check_unparsed(0, "request larger than frame.bytes_max");
	x.out.bytes_max = 8 << 20;
}

static void a_head_longer_than_its_limit_is_skipped(void **state)
{
	conf()->header_bytes_max = 1024;
	client("GET /long HTTP/1.1\r\nX: ");
	for (unsigned i = 0; i < 1100; i++)
		client("y");
	client("\r\n\r\nGET /n HTTP/1.1\r\n\r\n");
	end();
	check_frames(1);
	check_meta(0, "/n");
	assert_true(x.skipped > 1100);
}

static void requests_that_are_filtered_are_passed_over(void **state)
{
	const char *hosts[] = {"msg.example.com", "*.good.org"}, *paths[] = {"/v5/*", "/a?c"};
	conf()->host = (struct opt_strings){hosts, 2};
	conf()->path = (struct opt_strings){paths, 2};
	client("GET /v5/x HTTP/1.1\r\nHost: MSG.example.com:80\r\n\r\n");
	client("GET /v6/x HTTP/1.1\r\nHost: msg.example.com\r\n\r\n");
	client("GET /abc?q HTTP/1.1\r\nHost: a.b.good.org\r\n\r\n");
	client("POST /v5/x HTTP/1.1\r\nHost: bad.org\r\nContent-Length: 3000000\r\n\r\n");
	size_t before = x.consumed - x.passed_over;
	char *piece = calloc(1, 3000000);
	assert_non_null(piece);
	parser_run_data(&x, 0, piece, 3000000);
	assert_int_equal(x.consumed - x.passed_over, before);
	client("GET /v5/y HTTP/1.1\r\nHost: good.org\r\n\r\nGET /v5/y HTTP/1.1\r\nHost: notgood.org"
	       "\r\n\r\n");
	end();
	check_frames(3);
	assert_int_equal(x.skipped, 0);
	free(piece);
}

static void methods_can_be_chosen(void **state)
{
	const char *methods[] = {"POST"};
	conf()->methods = (struct opt_strings){methods, 1};
	client("GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\n\r\n");
	end();
	check_frames(1);
	check_meta(0, "POST");
	assert_int_equal(x.passed_over, 18);
}

/* --- Holes -------------------------------------------------------------------------------------
 */

/* elastic/beats#169: users want to survive a hole in a body they did not need. */
static void a_hole_in_a_body_costs_the_body_and_not_the_connection(void **state)
{
	client("POST /h HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: "
	       "100\r\n\r\n{\"a\"");
	parser_run_gap(&x, 0, 50);
	check_frames(1);
	check_unparsed(0, "body has a hole");
	assert_true(x.frames[0].cut);
	check_meta(0, "/h");
	client("GET /inside HTTP/1.1\r\n\r\n0123456789012345678901"); /* the last 46 bytes of it */
	client("GET /behind HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	check_meta(1, "/behind");
}

static void behind_a_hole_inside_a_body_the_next_request_is_at_its_place(void **state)
{
	client("POST /h HTTP/1.1\r\nContent-Length: 60\r\n\r\n0123456789");
	parser_run_gap(&x, 0, 20);
	client("GET /fake HTTP/1.1\r\n\r\n12345678POST /real HTTP/1.1\r\nContent-Length: 2\r\n"
	       "Content-Type: application/json\r\n\r\n{}");
	end();
	check_frames(2);
	check_meta(1, "/real");
	check_body(1, BODY_JSON, "{}");
}

static void behind_a_hole_between_requests_the_next_one_is_searched(void **state)
{
	client("GET /1 HTTP/1.1\r\n\r\nPOST /lost HTTP/1.1\r\nContent-");
	parser_run_gap(&x, 0, 30);
	client("\"x\":1}GET /2 HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	check_meta(1, "/2");
	assert_int_equal(x.skipped, 6);
}

static void a_method_cut_by_a_hole_is_not_made_up(void **state)
{
	client("GET /1 HTTP/1.1\r\n\r\n");
	parser_run_gap(&x, 0, 2);
	client("ST /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	check_meta(1, "/3");
}

static void a_session_that_ends_inside_a_body_still_shows_the_request(void **state)
{
	client("POST /e HTTP/1.1\r\nContent-Length: 100\r\n\r\n{\"a\"");
	end();
	check_frames(1);
	check_unparsed(0, "the session ended inside the body");
	assert_true(x.frames[0].cut);
	assert_int_equal(x.skipped, 4);
}

static void a_hole_inside_a_chunk_of_known_size_is_bridged(void **state)
{
	client("POST /h HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n0123456789");
	parser_run_gap(&x, 0, 10);
	client("012345678901\r\n0\r\n\r\nGET /n HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	check_unparsed(0, "body has a hole");
	check_meta(1, "/n");
}

/* --- Probe -------------------------------------------------------------------------------------
 */

static enum probe ask(unsigned dir, const char *text)
{
	return parser_run_probe(&x, dir, false, text, strlen(text));
}

static void the_first_bytes_tell_http_from_others(void **state)
{
	assert_int_equal(ask(0, "GET /x"), PROBE_YES);
	assert_int_equal(ask(0, "\r\nPOST /"), PROBE_YES);
	assert_int_equal(ask(0, "CONNECT a"), PROBE_YES);
	assert_int_equal(ask(0, "G"), PROBE_MORE);
	assert_int_equal(ask(0, ""), PROBE_MORE);
	assert_int_equal(ask(0, "XYZ /path"), PROBE_MORE);
	assert_int_equal(ask(0, "XYZ /path HTTP/1.1\r\n"), PROBE_YES);
	assert_int_equal(ask(0, "XYZ /path foo\r\n"), PROBE_NO);
	assert_int_equal(ask(1, "HTTP/1.1 200 OK\r\n"), PROBE_YES);
	assert_int_equal(ask(1, "HTT"), PROBE_MORE);
	assert_int_equal(ask(0, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), PROBE_NO);
	assert_int_equal(ask(0, "\x16\x03\x01\x02"), PROBE_NO);
	assert_int_equal(ask(0, "<34>Oct 11 su: x"), PROBE_NO);
	assert_int_equal(ask(0, "GET key\r\n"), PROBE_NO);
	assert_int_equal(ask(0, "hello world"), PROBE_NO);
	assert_int_equal(ask(1, "SSH-2.0-OpenSSH\r\n"), PROBE_NO);
}

/* What the one header line, of this name, is read as. */
static bool is_read(const char *name, const char *value)
{
	char text[128 + SL_PAD];
	struct http1_msg m = {0};
	const char *why;
	int len = snprintf(text, 128, "GET / HTTP/1.1\r\n%s: %s\r\n\r\n", name, value);
	assert_int_equal(http1_head_read(&m, slice_of(text, (size_t)len), false, 4096, &why),
			 HTTP1_DONE);
	bool has_span = false;
	for (unsigned i = SPAN_HOST; i < HTTP1_N_SPANS; i++)
		has_span = has_span || m.span[i].off;
	return has_span || m.flags || m.type || m.codings.n_content;
}

static void a_name_that_differs_in_a_byte_but_for_case_is_another_one(void **state)
{
	static const char *const lines[][2] = {
		{"host", "a"},
		{"Expect", "100-continue"},
		{"Upgrade", "x"},
		{"referer", "a"},
		{"USER-AGENT", "a"},
		{"connection", "upgrade"},
		{"Content-Type", "application/json"},
		{"content-length", "5"},
		{"X-Forwarded-For", "10.0.0.1"},
		{"content-encoding", "gzip"},
		{"transfer-encoding", "chunked"},
	};
	for (unsigned l = 0; l < sizeof(lines) / sizeof(lines[0]); l++) {
		char name[32];
		size_t len = strlen(lines[l][0]);
		for (unsigned c = 1; c < 256; c++) {
			/* Those that end the name or the line. */
			if (strchr(" \t\r\n:", (int)c) && c != '\r')
				continue;
			for (size_t i = 1; i + 1 < len; i++) {
				memcpy(name, lines[l][0], len + 1);
				name[i] = (char)c;
				assert_int_equal(is_read(name, lines[l][1]),
						 tolower((int)c) ==
							 tolower((uint8_t)lines[l][0][i]));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_differs_in_a_byte_but_for_case_is_another_one),
		T(a_post_becomes_one_event_with_http),
		T(a_get_with_a_query_is_a_form),
		T(a_bare_request_is_an_event_unless_bare_is_off),
		T(heads_are_read_byte_by_byte),
		T(a_folded_header_is_one_line),
		T(a_value_is_the_same_whatever_other_header_is_folded),
		T(lines_may_end_without_carriage_return),
		T(the_first_of_repeated_headers_counts),
		T(an_absolute_target_names_the_host),
		T(bytes_that_are_not_utf8_are_replaced_and_flagged),
		T(the_client_is_the_peer_or_who_it_was_forwarded_for),
		T(a_made_up_method_is_an_event_too),
		T(http_0_9_and_odd_versions_are_requests),
		T(pipelined_requests_in_one_segment_are_told_apart),
		T(ten_thousand_pipelined_requests_all_become_events),
		T(chunks_have_extensions_and_trailers),
		T(chunked_wins_over_a_length),
		T(a_chunk_size_beyond_64_bits_is_named),
		T(two_lengths_that_differ_are_named_and_the_next_request_is_found),
		T(a_transfer_coding_that_hides_the_end_is_named),
		T(nonsense_between_requests_is_skipped_and_counted),
		T(a_length_of_a_gigabyte_is_an_event_without_fields_and_then_skipped),
		T(a_large_upload_of_an_image_is_an_event_and_no_loss),
		T(chunks_beyond_the_limit_let_the_event_go_early),
		T(a_request_that_does_not_fit_into_the_unread_bytes_is_named),
		T(a_head_longer_than_its_limit_is_skipped),
		T(requests_that_are_filtered_are_passed_over),
		T(methods_can_be_chosen),
		T(a_hole_in_a_body_costs_the_body_and_not_the_connection),
		T(behind_a_hole_inside_a_body_the_next_request_is_at_its_place),
		T(behind_a_hole_between_requests_the_next_one_is_searched),
		T(a_method_cut_by_a_hole_is_not_made_up),
		T(a_session_that_ends_inside_a_body_still_shows_the_request),
		T(a_hole_inside_a_chunk_of_known_size_is_bridged),
		T(the_first_bytes_tell_http_from_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
