/* bench_http1.c - what does a beacon cost until its frame, or its record, is in the batch, and its
 * head alone, next to http_parser?
 *
 * In:     nothing; a POST of 780 bytes with a head of 271, its answer, and a batch of 20 events;
 * one with ten fields of JSON. Out:    one line a case: ns a request, median of 7 rounds (min-max).
 * The rounds are interleaved, so that noise of the machine meets all alike, and the first is
 * discarded. Owns:   a batch and scratch. Runs:   main. Limits: JSON is read in the last case only;
 * bench_extract has it alone.
 */
#include <http_parser.h>

#include "dataplane/extract/extract.h"
#include "dataplane/frame/frame_out.h"
#include "parsers/http1_state.h"
#include "parsers/parsers.h"
#include "perf/bench.h"

#define ROUNDS 7
#define CASES  6

static const char head[] =
	"POST /v5/alt/act?p=1 HTTP/1.1\r\nHost: msg.example.com\r\n"
	"User-Agent: Mozilla/5.0 (Linux; Android 13; SM-G991B) AppleWebKit/537.36\r\n"
	"Content-Type: application/json\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n"
	"X-Forwarded-For: 10.0.0.1\r\nX-Pad: 12345\r\n";
static const char answer[] =
	"HTTP/1.1 204 No Content\r\nServer: nginx/1.22\r\n"
	"Date: Wed, 25 Nov 2026 14:00:00 GMT\r\nConnection: keep-alive\r\n\r\n";

static unsigned n_requests = 200000;
static char one[2048], many[16384], beacon[2048];
static size_t one_len, many_len, beacon_len;
static struct extract *extract;
static struct batch batch;
static struct frame frames[BATCH_RECS_MAX];
static struct frame_out out;
static struct http1_state state;
static struct http1_known known;
static struct http1_conf conf = {
	.body_bytes_max = 1 << 20, .header_bytes_max = 65536, .events_max = 10000, .bare = true};
static volatile size_t sink;

static size_t make_request(char *to, size_t cap, const char *body, size_t body_len)
{
	size_t n = (size_t)snprintf(to, cap, "%sContent-Length: %zu\r\n\r\n", head, body_len);
	memcpy(to + n, body, body_len);
	return n + body_len;
}

static void make_requests(void)
{
	static char body[510], list[12000] = "[", fields[510];
	snprintf(body, sizeof(body), "{\"text\":\"%*s\"}", 509 - 11, "x");
	one_len = make_request(one, sizeof(one), body, 509);
	for (unsigned i = 0; i < 20; i++) {
		strcat(list, i ? "," : "");
		strcat(list, body);
	}
	strcat(list, "]");
	many_len = make_request(many, sizeof(many), list, strlen(list));
	snprintf(
		fields, sizeof(fields),
		"{\"t\":\"15\",\"uid\":\"u0000a1b2\",\"vid\":7654321,\"dur\":12.5,\"ok\":true,"
		"\"region\":\"cn-7\",\"ref\":null,\"ts\":1764045796123,\"ad\":-1,\"note\":\"%*s\"}",
		380, "x");
	beacon_len = make_request(beacon, sizeof(beacon), fields, strlen(fields));
}

static struct parse_result call(unsigned dir, const char *p, size_t len, uint64_t off)
{
	struct parse_in in = {
		.data = slice_of(p, len),
		.stream_off = off,
		.time_ns = 1,
		.dir = (uint8_t)dir,
		.memo = &known,
		.addr = {{[10] = 0xff, 0xff, 10, 0, 0, 1}, {[10] = 0xff, 0xff, 10, 0, 0, 2}}};
	arena_reset(&out.scratch);
	return parser_http1.parse(&state, &conf, &in, &out);
}

static void start_burst(void)
{
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	frame_out_begin(&out, &batch, frames, BATCH_RECS_MAX);
}

static void parse_requests(const char *p, size_t len, bool answered, bool to_records)
{
	uint64_t off = 0, answer_off = 0;
	memset(&state, 0, sizeof(state));
	conf.answer_wait_ns = answered ? 10000000000ull : 0;
	for (unsigned i = 0; i < n_requests; i++) {
		if (i % 8 == 0)
			start_burst();
		struct parse_result r = call(0, p, len, off);
		if (answered) {
			answer_off += call(1, answer, sizeof(answer) - 1, answer_off).consumed;
			r = call(0, p, len, off);
		}
		if (r.consumed != len)
			abort();
		off += r.consumed;
		if (to_records && i % 8 == 7)
			sink += extract_records(extract, frames, 0, out.n, NULL, &batch);
	}
}

static void read_heads(void)
{
	const char *why;
	for (unsigned i = 0; i < n_requests; i++) {
		struct http1_msg m = {0};
		http1_head_read(&m, slice_of(one, one_len), false, 65536, &why);
		sink += m.head_len;
	}
}

static int on_bytes(http_parser *p, const char *at, size_t len)
{
	(void)p;
	sink += (size_t)*at + len;
	return 0;
}

static void http_parser_heads(void)
{
	static const http_parser_settings settings = {
		.on_url = on_bytes, .on_header_field = on_bytes, .on_header_value = on_bytes};
	for (unsigned i = 0; i < n_requests; i++) {
		http_parser p;
		http_parser_init(&p, HTTP_REQUEST);
		sink += http_parser_execute(&p, &settings, one, one_len);
	}
}

static void run_case(void *arg)
{
	switch (*(unsigned *)arg) {
	case 0:
		http_parser_heads();
		break;
	case 1:
		read_heads();
		break;
	case 2:
		parse_requests(one, one_len, false, false);
		break;
	case 3:
		parse_requests(one, one_len, true, false);
		break;
	case 4:
		parse_requests(many, many_len, false, false);
		break;
	case 5:
		parse_requests(beacon, beacon_len, true, true);
		break;
	}
}

/* Each request became one record, with all of its fields. */
static bool all_parsed(void)
{
	const uint64_t *row = extract_row(extract, 0);
	return row[EXTRACT_parsed] > 0 && row[EXTRACT_parsed] == row[EXTRACT_frames_in] &&
	       batch.n_recs == 8 && batch.recs[7]->n_pairs == 11;
}

int main(int argc, char **argv)
{
	static const char *const names[CASES] = {
		"head of 271 bytes, http_parser",
		"head of 271 bytes, ours",
		"request to frame",
		"request to frame, and its answer",
		"request of 20 events (10 KB), per event",
		"request of 10 fields, and its answer, to a record"};
	struct extract_source source = {
		.parser = &parser_http1, .message_field = -1, .format_field = -1};
	struct names *keys = names_create();
	struct err e;
	bench_about(
		argc, argv, 0,
		"bench_http1 - what does a beacon cost until its frame, or its record, is in the "
		"batch?");
	double seconds[CASES][ROUNDS];
	if (bench_counts())
		n_requests = 64;
	make_requests();
	if (arena_init(&batch.arena, 4 << 20) < 0 || frame_out_init(&out, 5 << 20) < 0 ||
	    extract_create(&source, 1, 1 << 20, keys, &extract, &e) < 0)
		return 1;
	for (unsigned round = 0; round <= ROUNDS; round++) {
		for (unsigned i = 0; i < CASES; i++) {
			double t = bench_cpu(), n = i == 4 ? 20.0 * n_requests : n_requests;
			run_case(&i);
			if (bench_counts() && i > 0)
				bench_count(names[i], n, run_case, &i);
			else if (round)
				seconds[i][round - 1] = bench_cpu() - t;
		}
		if (bench_counts())
			return 0;
	}
	bench_must(all_parsed(), "not all was parsed");
	for (unsigned i = 0; i < CASES; i++)
		bench_print(names[i], seconds[i], ROUNDS, i == 4 ? 20.0 * n_requests : n_requests);
	extract_destroy(extract);
	names_destroy(keys);
	return 0;
}
