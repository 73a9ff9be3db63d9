/* Answers: which status belongs to which request, and when there is none. */
#include "http1_case.h"

#define OK_5   "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define NO_204 "HTTP/1.1 204 No Content\r\n\r\n"

static void get(unsigned i)
{
	char text[64];
	snprintf(text, sizeof(text), "GET /%u HTTP/1.1\r\n\r\n", i);
	client(text);
}

static void check_status(size_t i, const char *path, const char *status)
{
	char text[64];
	snprintf(text, sizeof(text), "\"path\":\"%s\",\"status\":%s,", path, status);
	check_meta(i, text);
}

/* --- Waiting -----------------------------------------------------------------------------------
 */

static void a_request_waits_for_its_status(void **state)
{
	both_seen();
	get(1);
	check_frames(0);
	assert_true(x.dirs[0].len > 0);
	server("HTTP/1.1 404 Not");
	check_frames(0);
	server(" Found\r\nContent-Length: 0\r\n\r\n");
	check_frames(1);
	check_status(0, "/1", "404");
	assert_int_equal(x.dirs[0].len, 0);
}

static void pipelined_answers_go_to_their_requests_in_order(void **state)
{
	both_seen();
	for (unsigned i = 0; i < 40; i++)
		get(i);
	check_frames(0);
	for (unsigned i = 0; i < 40; i++) {
		char text[64];
		snprintf(text, sizeof(text), "HTTP/1.1 %u x\r\nContent-Length: 1\r\n\r\nH",
			 200 + i);
		server(text);
	}
	check_frames(40);
	for (unsigned i = 0; i < 40; i++) {
		char path[8], status[8];
		snprintf(path, sizeof(path), "/%u", i);
		snprintf(status, sizeof(status), "%u", 200 + i);
		check_status(i, path, status);
	}
}

static void without_answer_wait_the_status_is_null_at_once(void **state)
{
	conf()->answer_wait_ns = 0;
	both_seen();
	get(1);
	check_frames(1);
	server(OK_5);
	get(2);
	check_frames(2);
	check_status(1, "/2", "null");
}

static void a_late_answer_is_not_given_to_the_next_request(void **state)
{
	both_seen();
	get(1);
	x.time_ns += 11 * SECOND;
	get(2);
	check_frames(1);
	check_status(0, "/1", "null");
	server("HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n");
	check_frames(1);
	server(OK_5);
	check_frames(2);
	check_status(1, "/2", "200");
}

static void a_packet_of_the_server_lets_an_expired_request_go(void **state)
{
	both_seen();
	get(1);
	x.time_ns += 11 * SECOND;
	server("HTTP/1.1 200 OK\r\nX-Slow: 1");
	check_frames(1);
	check_status(0, "/1", "null");
}

static void an_answer_after_the_wait_is_too_late_whether_or_not_somebody_looked(void **state)
{
	both_seen();
	get(1);
	assert_int_equal(x.dirs[0].due_ns, x.time_ns + 10 * SECOND);
	x.time_ns += 10 * SECOND;
	server(OK_5);
	check_frames(1);
	check_status(0, "/1", "null");
	assert_int_equal(x.dirs[0].due_ns, 0);
	get(2);
	server(OK_5);
	check_frames(2);
	check_status(1, "/2", "200");
}

static void one_sided_traffic_does_not_wait(void **state)
{
	get(1);
	check_frames(0);
	x.time_ns += 1;
	get(2);
	check_frames(1);
	for (unsigned i = 3; i < 100; i++)
		get(i);
	end();
	check_frames(99);
	assert_int_equal(x.left_over, 0);
}

static void the_end_of_the_session_ends_the_wait(void **state)
{
	both_seen();
	get(1);
	get(2);
	end();
	check_frames(2);
	check_status(1, "/2", "null");
}

static void many_unread_requests_do_not_wait_until_frame_refuses_them(void **state)
{
	static char body[100001];
	both_seen();
	x.out.bytes_max = 1 << 20;
	memset(body, ' ', 100000);
	for (unsigned i = 0; i < 20; i++) {
		client("POST /p HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: "
		       "100000\r\n"
		       "\r\n");
		client(body);
		assert_true(x.dirs[0].len < 1 << 20);
	}
	end();
	check_frames(20);
}

static void a_large_request_with_none_behind_it_waits_for_its_answer(void **state)
{
	static char body[900001];
	both_seen();
	x.out.bytes_max = 1 << 20;
	memset(body, ' ', 900000);
	for (unsigned i = 0; i < 2; i++) {
		client("POST /large HTTP/1.1\r\nContent-Type: application/json\r\n"
		       "Content-Length: 900000\r\n\r\n");
		client(body);
		check_frames(i);
		server(NO_204);
	}
	check_frames(2);
	check_status(1, "/large", "204");
}

/* --- What an answer is like --------------------------------------------------------------------
 */

static void interim_answers_are_no_answers(void **state)
{
	both_seen();
	client("POST /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n"
	       "Content-Length: 2\r\n\r\n");
	server("HTTP/1.1 100 Continue\r\n\r\n");
	client("{}");
	server("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" NO_204);
	check_frames(1);
	check_status(0, "/e", "204");
	check_body(0, BODY_JSON, "{}");
}

static void a_body_refused_after_expect_is_not_awaited(void **state)
{
	both_seen();
	client("POST /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n");
	server("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
	get(2);
	server(OK_5);
	check_frames(2);
	check_status(0, "/e", "417");
	check_status(1, "/2", "200");
}

static void an_answer_before_the_end_of_the_request_is_its_answer(void **state)
{
	both_seen();
	client("POST /e HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n{}");
	server("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	client("  ");
	check_frames(1);
	check_status(0, "/e", "413");
}

static void answers_to_head_and_204_and_304_have_no_body(void **state)
{
	both_seen();
	client("HEAD /h HTTP/1.1\r\n\r\n");
	server("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
	get(1);
	server("HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n");
	get(2);
	server("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n");
	get(3);
	server(OK_5);
	check_frames(4);
	check_status(3, "/3", "200");
}

static void bodies_of_answers_are_skipped_however_they_end(void **state)
{
	both_seen();
	get(1);
	server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n16\r\nHTTP/1.1 500 "
	       "no\r\n\r\n...");
	server("\r\n0\r\nX: y\r\n\r\n");
	get(2);
	server(OK_5);
	get(3);
	server("HTTP/1.0 201 OK\r\n\r\nto the end\r\nHTTP/1.1 500 no\r\n\r\n");
	end();
	check_frames(3);
	check_status(0, "/1", "200");
	check_status(1, "/2", "200");
	check_status(2, "/3", "201");
	assert_int_equal(x.left_over + x.skipped, 0);
}

static void bodies_of_answers_are_not_kept(void **state)
{
	static char piece[100001];
	both_seen();
	memset(piece, 'x', 100000);
	get(1);
	server("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
	for (unsigned i = 0; i < 10; i++) {
		server(piece);
		assert_int_equal(x.dirs[1].len, 0);
	}
	get(2);
	server(OK_5);
	check_status(1, "/2", "200");
}

/* --- Sessions that become something else -------------------------------------------------------
 */

static void websocket_is_left_alone_without_loss(void **state)
{
	both_seen();
	client("GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n");
	server("HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello");
	check_frames(1);
	check_status(0, "/ws", "101");
	assert_true(x.dirs[1].left);
	client("\x81\x85 GET / HTTP/1.1\r\n\r\n");
	assert_true(x.dirs[0].left);
	assert_string_equal(x.why, "upgraded to another protocol");
	end();
	check_frames(1);
	assert_int_equal(x.skipped, 0);
	assert_false(x.bad);
}

static void an_upgrade_that_is_refused_changes_nothing(void **state)
{
	both_seen();
	client("GET /h2 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
	server(OK_5);
	get(2);
	server(NO_204);
	check_frames(2);
	check_status(0, "/h2", "200");
	check_status(1, "/2", "204");
}

static void behind_connect_http_is_over(void **state)
{
	both_seen();
	client("CONNECT a:443 HTTP/1.1\r\n\r\n");
	server("HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno");
	client("CONNECT a:443 HTTP/1.1\r\n\r\n");
	server("HTTP/1.1 200 Connection established\r\n\r\n");
	check_frames(2);
	client("\x16\x03\x01 GET / HTTP/1.1\r\n\r\n");
	end();
	check_frames(2);
	assert_true(x.dirs[0].left);
}

static void one_side_of_a_tunnel_is_left_alone_as_well(void **state)
{
	client("CONNECT a:443 HTTP/1.1\r\n\r\n");
	x.time_ns += 1;
	client("\x16\x03\x01\x02");
	end();
	check_frames(1);
	assert_true(x.dirs[0].left);
	assert_int_equal(x.skipped, 0);
}

static void http_2_is_named(void **state)
{
	client("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	assert_true(x.dirs[0].left);
	assert_string_equal(x.why, "HTTP/2");
	check_frames(0);
}

static void tls_in_the_middle_is_named(void **state)
{
	client("GET / HTTP/1.1\r\n\r\n\x16\x03\x01\x02\x03");
	end();
	assert_string_equal(x.why, "TLS");
	check_frames(1);
	assert_int_equal(x.skipped, 0);
}

/* --- Joined late, holes, packets turned round --------------------------------------------------
 */

static void answers_before_the_first_request_of_a_late_join_are_ignored(void **state)
{
	x.dirs[0].after_gap = x.dirs[1].after_gap = true;
	server("rest of a body" OK_5);
	get(1);
	server(NO_204);
	check_frames(1);
	check_status(0, "/1", "204");
}

static void the_first_request_of_a_late_join_gets_its_status(void **state)
{
	x.dirs[0].after_gap = x.dirs[1].after_gap = true;
	get(1);
	server(NO_204);
	check_frames(1);
	check_status(0, "/1", "204");
}

static void an_answer_seen_before_its_request_is_kept_for_it(void **state)
{
	both_seen();
	server(NO_204);
	get(1);
	get(2);
	server(OK_5);
	check_frames(2);
	check_status(0, "/1", "204");
	check_status(1, "/2", "200");
}

static void client_and_server_may_be_guessed_the_wrong_way_round(void **state)
{
	x.dirs[0].after_gap = x.dirs[1].after_gap = true;
	parser_run_data(&x, 1, "GET /1 HTTP/1.1\r\n\r\n", 19);
	parser_run_data(&x, 0, NO_204, strlen(NO_204));
	check_frames(1);
	check_status(0, "/1", "204");
	assert_int_equal(x.frames[0].dir, 1);
}

static void behind_a_hole_in_the_answers_nothing_is_guessed(void **state)
{
	both_seen();
	get(1);
	server("HTTP/1.1 200 OK\r\nContent-");
	parser_run_gap(&x, 1, 40);
	get(2);
	check_frames(0);
	server("xyz" OK_5);
	check_frames(2);
	check_status(0, "/1", "null");
	check_status(1, "/2", "null");
	/* The client asks again after it has got all answers: from here on they are sure. */
	get(3);
	server(NO_204);
	check_frames(3);
	check_status(2, "/3",
		     "null"); /* it had two requests on their way before: not this client */
}

static void behind_a_hole_a_client_that_waits_gets_statuses_again(void **state)
{
	both_seen();
	get(1);
	server(OK_5);
	get(2);
	server("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01");
	parser_run_gap(&x, 1, 40);
	server("xyz" OK_5);
	get(3);
	server(NO_204);
	check_frames(3);
	check_status(1, "/2", "200");
	check_status(2, "/3", "204");
}

static void behind_a_hole_in_the_requests_no_status_is_shifted(void **state)
{
	both_seen();
	get(1);
	server(OK_5);
	client("GET /2 HT");
	server("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	parser_run_gap(&x, 0, 12);
	get(3);
	server(NO_204);
	check_frames(2);
	check_status(1, "/3", "204");
}

static void joined_before_an_answer_it_is_not_the_next_requests(void **state)
{
	x.dirs[0].after_gap = x.dirs[1].after_gap = true;
	server(OK_5);
	get(1);
	server(NO_204);
	check_frames(1);
	check_status(0, "/1", "204");
}

static void two_answers_before_their_requests_give_no_status(void **state)
{
	both_seen();
	get(1);
	server(OK_5);
	server(NO_204 OK_5);
	get(2);
	get(3);
	server("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	parser_run_end(&x);
	check_frames(3);
	check_status(0, "/1", "200");
	check_status(1, "/2", "null");
	check_status(2, "/3", "null");
}

/* The answer to the first may have been missed. */
static void joined_with_two_requests_on_their_way_neither_has_a_status(void **state)
{
	x.dirs[1].after_gap = true;
	get(1);
	get(2);
	server(NO_204);
	parser_run_end(&x);
	check_frames(2);
	check_status(0, "/1", "null");
	check_status(1, "/2", "null");
}

/* The packets behind the hole were held until it was given up, the answers to them were not. */
static void answers_to_requests_behind_a_hole_are_not_the_next_ones(void **state)
{
	both_seen();
	get(1);
	server(OK_5);
	server(NO_204 OK_5 OK_5);
	parser_run_gap(&x, 0, 30);
	get(3);
	get(4);
	server("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	parser_run_end(&x);
	check_frames(3);
	check_status(1, "/3", "null");
	check_status(2, "/4", "null");
}

/* The rest of a request, whose answer is still to come, and a whole one. */
static void joined_inside_of_a_request_the_next_one_has_no_status(void **state)
{
	x.dirs[0].after_gap = x.dirs[1].after_gap = true;
	client("rest of a head\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
	server(OK_5 NO_204);
	get(3);
	server("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
	check_frames(2);
	check_status(0, "/2", "null");
	check_status(1, "/3", "404");
}

static void a_hole_inside_the_body_of_an_answer_is_bridged(void **state)
{
	both_seen();
	get(1);
	server("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
	parser_run_gap(&x, 1, 60);
	server("HTTP/1.1 500 no\r\n\r\n01234567890");
	get(2);
	server(NO_204);
	check_frames(2);
	check_status(0, "/1", "200");
	check_status(1, "/2", "204");
}

static void an_answer_to_head_that_cannot_be_told_does_not_swallow_the_next(void **state)
{
	x.dirs[0].after_gap = x.dirs[1].after_gap = true;
	server("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" OK_5);
	get(1);
	server(NO_204);
	check_frames(1);
	check_status(0, "/1", "204");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_waits_for_its_status),
		T(pipelined_answers_go_to_their_requests_in_order),
		T(without_answer_wait_the_status_is_null_at_once),
		T(a_late_answer_is_not_given_to_the_next_request),
		T(a_packet_of_the_server_lets_an_expired_request_go),
		T(an_answer_after_the_wait_is_too_late_whether_or_not_somebody_looked),
		T(one_sided_traffic_does_not_wait),
		T(the_end_of_the_session_ends_the_wait),
		T(many_unread_requests_do_not_wait_until_frame_refuses_them),
		T(a_large_request_with_none_behind_it_waits_for_its_answer),
		T(interim_answers_are_no_answers),
		T(a_body_refused_after_expect_is_not_awaited),
		T(an_answer_before_the_end_of_the_request_is_its_answer),
		T(answers_to_head_and_204_and_304_have_no_body),
		T(bodies_of_answers_are_skipped_however_they_end),
		T(bodies_of_answers_are_not_kept),
		T(websocket_is_left_alone_without_loss),
		T(an_upgrade_that_is_refused_changes_nothing),
		T(behind_connect_http_is_over),
		T(one_side_of_a_tunnel_is_left_alone_as_well),
		T(http_2_is_named),
		T(tls_in_the_middle_is_named),
		T(answers_before_the_first_request_of_a_late_join_are_ignored),
		T(the_first_request_of_a_late_join_gets_its_status),
		T(an_answer_seen_before_its_request_is_kept_for_it),
		T(client_and_server_may_be_guessed_the_wrong_way_round),
		T(behind_a_hole_in_the_answers_nothing_is_guessed),
		T(behind_a_hole_a_client_that_waits_gets_statuses_again),
		T(behind_a_hole_in_the_requests_no_status_is_shifted),
		T(joined_before_an_answer_it_is_not_the_next_requests),
		T(two_answers_before_their_requests_give_no_status),
		T(joined_with_two_requests_on_their_way_neither_has_a_status),
		T(answers_to_requests_behind_a_hole_are_not_the_next_ones),
		T(joined_inside_of_a_request_the_next_one_has_no_status),
		T(a_hole_inside_the_body_of_an_answer_is_bridged),
		T(an_answer_to_head_that_cannot_be_told_does_not_swallow_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
