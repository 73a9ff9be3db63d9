#include "tests/unit/unit.h"

#include "parsers/http1_known.h"

/* Heads of lines as programs send them and as they do not, and each head once more with some bytes
 * changed. A reader that remembers must say of each what one says that does not.
 */

static uint32_t seed = 2463534242u;

static unsigned below(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (unsigned)((uint64_t)(seed >> 8) * n >> 24);
}

static const char *const lines[] = {
	"Host: msg.example.com\r\n",
	"host: b\r\n",
	"HOST : b \r\n",
	"Host: \r\n",
	"Host:b\r\n",
	"Content-Length: %u\r\n",
	"content-length: %u\n",
	"Content-Length: 00000000000%u\r\n",
	"Content-Length: %u, %u\r\n",
	"Content-Length:\r\n",
	"Content-Type: application/json\r\n",
	"Content-Type: text/plain; charset=utf-8\r\n",
	"content-type: application/x-www-form-urlencoded\n",
	"Content-Type: multipart/form-data; "
	"boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW-%u-%u\r\n",
	"User-Agent: Mozilla/5.0 (Linux; Android %u; SM-G991B) AppleWebKit/537.36 (KHTML)\r\n",
	"User-Agent: a\r\n",
	"Referer: https://www.example.com/a?b=%u\r\n",
	"X-Forwarded-For: 10.0.%u.1\r\n",
	"Connection: keep-alive\r\n",
	"Connection: Upgrade, close\r\n",
	"Upgrade: websocket\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Transfer-Encoding: gzip\r\n",
	"Content-Encoding: gzip\r\n",
	"Content-Encoding: br, x%u\r\n",
	"Expect: 100-continue\r\n",
	"Accept-Encoding: gzip\r\n",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=%u\r\n",
	"Cookie: a=%u; b=%u\r\n",
	"X-Folded: a\r\n b %u\r\n",
	"no colon in this one\r\n",
	"exp\r\n",
	"X-A-Name-That-Is-Longer-Than-What-Is-Compared-Which-Is-Sixty-Four-Bytes-At-Most: %u\r\n",
	": %u\r\n",
};

static const char *const requests[] = {
	"POST /v5/alt/act?p=%u HTTP/1.1\r\n",
	"GET / HTTP/1.1\r\n",
	"GET /a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z?p=%u HTTP/1.0\r\n",
	"GET /with a blank HTTP/1.1\r\n",
	"GET  /%u HTTP/1.1\r\n",
	"DELETE http://b/%u HTTP/1.1\n",
	"OPTIONS * HTTP/1.1 \r\n",
};

#define HEAD_MAX 4096

static size_t put_text(char *to, size_t cap, const char *form)
{
	unsigned a = below(2) ? below(1000) : below(10), b = below(100000);
	return (size_t)snprintf(to, cap, form, a, b);
}

/* A few programs, of which each has its lines, and of those some that are left out at times. */
static size_t make_head(uint8_t *to, unsigned program, bool answer)
{
	char *p = (char *)to;
	size_t n = 0;
	uint32_t before = seed;
	seed = program * 2654435761u;
	unsigned n_lines = below(below(8) ? 6 : 30),
		 first = below(sizeof(requests) / sizeof(*requests));
	unsigned kinds[30];
	for (unsigned i = 0; i < n_lines; i++)
		kinds[i] = below(sizeof(lines) / sizeof(*lines));
	seed = before;
	n += answer ? put_text(p, HEAD_MAX, "HTTP/1.1 2%02u OK\r\n")
		    : put_text(p, HEAD_MAX, requests[first]);
	for (unsigned i = 0; i < n_lines; i++)
		if (below(60))
			n += put_text(p + n, HEAD_MAX - n, lines[kinds[i]]);
	n += put_text(p + n, HEAD_MAX - n, below(20) ? "\r\n" : "\n");
	if (below(2))
		n += put_text(p + n, HEAD_MAX - n,
			      "{\"a\":\"%u\",\"b\":\"%u, and so forth, for a while\"}");
	return n;
}

static size_t mutate(uint8_t *p, size_t n)
{
	for (unsigned i = below(4); i > 0 && n; i--) {
		size_t at = below((unsigned)n);
		switch (below(4)) {
		case 0:
			p[at] = (uint8_t) "\r\n \t:,0aA;\x7f\x80/"[below(14)];
			break;
		case 1:
			p[at] ^= (uint8_t)(1u << below(8));
			break;
		case 2:
			memmove(p + at, p + at + 1, n - at - 1);
			n--;
			break;
		default:
			n = at + 1; /* the rest is not here yet */
		}
	}
	return n;
}

/* Where it was read to counts for nothing once it is whole. */
static void check_same(struct http1_msg *want, struct http1_msg *got)
{
	want->line = want->scan = got->line = got->scan = 0;
	assert_memory_equal(want, got, sizeof(*want));
}

static unsigned n_whole, n_known;

/* In a block of its own size: whoever reads more is found out. */
static void check_head(struct http1_known *k, uint8_t *io_at, const uint8_t *text, size_t n,
		       bool answer)
{
	static http1_known_run *const ways[] = {http1_known_sse, http1_known_avx2,
						http1_known_avx512};
	bool can[] = {true, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"),
		      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi")};
	struct http1_msg want, got;
	const char *why = NULL, *why2 = NULL;
	uint8_t *p = malloc(n);
	assert_non_null(p);
	memcpy(p, text, n);
	struct slice bytes = {p, n};
	uint64_t bytes_max = below(30) ? 4096 : below(400);
	http1_msg_begin(&want, 77);
	enum http1_step step = http1_head_read(&want, bytes, answer, bytes_max, &why);
	unsigned n_did = 0;
	for (unsigned i = 0; i < 3 && n; i++)
		for (unsigned h = 0; can[i] && h < HTTP1_KNOWN_MAX; h++) {
			struct slice some = {p, n < bytes_max ? n : bytes_max};
			http1_msg_begin(&got, 77);
			if (!k->heads[h].n_lines || !some.len ||
			    !ways[i](&k->heads[h], &got, some, answer))
				continue;
			assert_int_equal(step, HTTP1_DONE);
			check_same(&want, &got);
			n_did += 1u << (8 * i);
		}
	for (unsigned i = 1; i < 3; i++) /* what one knows, all know */
		assert_true(!can[i] || (n_did >> (8 * i) & 255) == (n_did & 255));
	n_whole += step == HTTP1_DONE;
	n_known += (n_did & 255) > 0;
	http1_msg_begin(&got, 77);
	assert_int_equal(http1_head_next(k, io_at, &got, bytes, answer, bytes_max, &why2), step);
	if (step == HTTP1_DONE)
		check_same(&want, &got);
	if (step == HTTP1_BROKEN)
		assert_string_equal(why, why2);
	assert_true(step == HTTP1_DONE || got.scan == want.scan);
	free(p);
}

static void a_head_that_is_known_is_read_as_one_that_is_not(void **state)
{
	static struct http1_known k;
	uint8_t text[2 * HEAD_MAX], at[2][8] = {{0}};
	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		bool answer = below(4) == 0;
		unsigned session = below(8);
		size_t n = make_head(text, 1 + session + (i / 8000) * 8, answer);
		check_head(&k, &at[answer][session], text, n, answer);
		n = mutate(text, n);
		if (n)
			check_head(&k, &at[answer][session], text, n, answer);
	}
	print_message("%u of %u heads were known\n", n_known, n_whole);
	assert_true(n_known > n_whole / 8); /* or nothing was shown */
}

static void a_head_that_comes_in_parts_is_read_as_a_whole_one(void **state)
{
	static struct http1_known k;
	uint8_t text[2 * HEAD_MAX], at = 0;
	const char *why;
	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct http1_msg want, got;
		size_t n = make_head(text, 1 + i % 5, false), some = below((unsigned)n);
		http1_msg_begin(&want, 5);
		enum http1_step step = http1_head_read(&want, slice_of(text, n), false, 4096, &why);
		http1_msg_begin(&got, 5);
		enum http1_step part =
			http1_head_next(&k, &at, &got, slice_of(text, some), false, 4096, &why);
		if (part == HTTP1_MORE)
			part = http1_head_next(&k, &at, &got, slice_of(text, n), false, 4096, &why);
		assert_int_equal(part, step);
		if (step == HTTP1_DONE)
			check_same(&want, &got);
	}
}

/* Each with lines of its own, and more of them than are remembered. */
/* What is learnt again and again costs more than it saves: a miss would show in what is waited for.
 */
static void heads_that_take_turns_in_a_session_are_all_known(void **state)
{
	static const char *const texts[] = {
		"POST /a HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nContent-Length: 2\r\n\r\n",
		"GET /b HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nX-Other: 1\r\n\r\n",
		"GET /c HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\n\r\n"};
	struct http1_known *k = calloc(1, sizeof(*k));
	uint8_t at = 0;
	for (unsigned i = 0; i < 600; i++) {
		struct http1_msg m;
		const char *why;
		uint8_t bytes[256] = {0};
		const char *text = texts[i % 3];
		memcpy(bytes, text, strlen(text));
		http1_msg_begin(&m, 0);
		assert_int_equal(http1_head_next(k, &at, &m, slice_of(bytes, strlen(text)), false,
						 4096, &why),
				 HTTP1_DONE);
		assert_true(i < 300 || k->wait == 0);
	}
	free(k);
}

static void more_programs_than_are_remembered_are_read_all_the_same(void **state)
{
	static struct http1_known k;
	uint8_t text[2 * HEAD_MAX], at[200] = {0};
	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		unsigned session = i % 200;
		size_t n = make_head(text, 1 + session, false);
		check_head(&k, &at[session], text, n, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_that_is_known_is_read_as_one_that_is_not),
		cmocka_unit_test(a_head_that_comes_in_parts_is_read_as_a_whole_one),
		cmocka_unit_test(heads_that_take_turns_in_a_session_are_all_known),
		cmocka_unit_test(more_programs_than_are_remembered_are_read_all_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
