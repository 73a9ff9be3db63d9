/* A request whose answer is not waited for, and which is all here, goes out without a place among
 * those that wait; a filter, even one that lets all pass, makes each take the usual way. Sessions
 * of the same bytes in the same pieces must look the same after each piece.
 */
#include "tests/unit/unit.h"

#include "parsers/http1_state.h"
#include "parsers/parsers.h"
#include "tests/support/parser_run.h"

#define SECOND 1000000000ull

static uint32_t seed = 88172645u;

static unsigned below(unsigned n)
{
	seed = seed * 1664525 + 1013904223;
	return (unsigned)((uint64_t)(seed >> 8) * n >> 24);
}

static const char *pick(const char *const *of, unsigned n, unsigned usual)
{
	return of[below(4) ? below(usual) : below(n)];
}

#define PICK(of, usual) pick(of, sizeof(of) / sizeof((of)[0]), usual)

static const char *const methods[] = {"POST", "GET", "PUT", "HEAD", "CONNECT", "PRI", "M-SEARCH"};
static const char *const targets[] = {"/v5/alt?p=1", "/", "*", "http://b/x?y", "/a#b"};
static const char *const lines[] = {
	"Host: msg.example.com\r\n",
	"User-Agent: a program of some length, which has no end\r\n",
	"Connection: keep-alive\r\n",
	"Content-Type: application/json\r\n",
	"Content-Type: application/x-www-form-urlencoded\r\n",
	"Content-Type: text/plain\r\n",
	"Content-Type: image/png\r\n",
	"Content-Encoding: gzip\r\n",
	"Connection: upgrade\r\nUpgrade: websocket\r\n",
	"Upgrade: h2c\r\n",
	"Expect: 100-continue\r\n",
	"Transfer-Encoding: gzip\r\n",
	"X-Folded: a\r\n b\r\n",
	"Content-Length: 3, 4\r\n",
};
static const char *const bodies[] = {
	"{\"a\":1,\"b\":\"two\"}",      "[{\"a\":1},{\"a\":2},{\"a\":3}]",
	"{\"a\":1}\n{\"a\":2}\n",       "a=1&b=2",
	"\x1f\x8b nothing of the kind", "[]",
};

#define TEXT_MAX 65536

static size_t put_request(char *to, unsigned program)
{
	size_t n = (size_t)sprintf(to, "%s %s HTTP/1.1\r\n", PICK(methods, 2), PICK(targets, 1));
	uint32_t before = seed;
	seed = program * 2654435761u;
	const char *own[4];
	for (unsigned i = 0; i < 4; i++)
		own[i] = PICK(lines, 6);
	seed = before;
	for (unsigned i = 0; i < 4; i++)
		n += (size_t)sprintf(to + n, "%s", below(30) ? own[i] : PICK(lines, 6));
	const char *body = PICK(bodies, 3);
	unsigned blanks = below(20) ? 0 : 1100; /* more than body_bytes_max */
	switch (below(12)) {
	case 0:
		return n + (size_t)sprintf(to + n, "\r\n");
	case 1:
		return n +
		       (size_t)sprintf(to + n,
				       "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
				       strlen(body), body);
	default:
		return n + (size_t)sprintf(to + n, "Content-Length: %zu\r\n\r\n%*s%s",
					   strlen(body) + blanks, (int)blanks, "", body);
	}
}

static void check_same(const struct parser_run *a, const struct parser_run *b)
{
	assert_string_equal(a->broken, "");
	assert_string_equal(b->broken, "");
	assert_int_equal(a->consumed, b->consumed);
	assert_int_equal(a->skipped, b->skipped);
	assert_int_equal(a->passed_over, b->passed_over);
	assert_int_equal(a->left_over, b->left_over);
	for (unsigned d = 0; d < 2; d++) {
		assert_int_equal(a->dirs[d].left, b->dirs[d].left);
		assert_int_equal(a->dirs[d].due_ns, b->dirs[d].due_ns);
		assert_int_equal(a->dirs[d].needed, b->dirs[d].needed);
	}
	assert_true(a->why == b->why);
	assert_int_equal(a->n_frames, b->n_frames);
}

static void check_frames_same(const struct parser_run *a, const struct parser_run *b)
{
	for (size_t i = 0; i < a->n_frames; i++) {
		assert_true(run_frame_same(&a->frames[i], &b->frames[i]));
		assert_int_equal(a->frames[i].time_ns, b->frames[i].time_ns);
	}
}

static void give(struct parser_run *runs, unsigned dir, const char *text, size_t len)
{
	bool cut = below(2);
	for (size_t at = 0, n; at < len; at += n) {
		n = cut ? 1 + below(below(2) ? 20 : 400) : len;
		n = n < len - at ? n : len - at;
		for (unsigned i = 0; i < 2; i++) {
			runs[i].time_ns += 1000;
			parser_run_data(&runs[i], dir, text + at, n);
		}
		check_same(&runs[0], &runs[1]);
	}
}

/* Requests of some programs, one or more a segment, answers at times, holes at others. */
static void talk(struct parser_run *runs, unsigned session)
{
	static char text[TEXT_MAX];
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
	unsigned answers = below(3) ? 0 : below(3);
	for (unsigned i = below(80); i > 0; i--) {
		size_t len = 0;
		for (unsigned n = below(4) ? 1 : 1 + below(8); n > 0; n--)
			len += put_request(text + len, session % 7);
		if (below(12) == 0)
			len += (size_t)sprintf(text + len, "\x81\x05 no request\r\n");
		if (below(20) == 0)
			text[below((unsigned)len)] ^= (char)(1 << below(8));
		give(runs, 0, text, len);
		if (answers && below(answers + 1) == 0)
			give(runs, 1, answer, sizeof(answer) - 1);
		unsigned hole = below(40), dir = below(2);
		for (unsigned k = 0; k < 2 && !hole; k++)
			parser_run_gap(&runs[k], dir, 100);
	}
}

static void set_up(struct parser_run *run, bool usual)
{
	static const char *all[] = {"*"};
	struct http1_conf *c = run->conf;
	parser_run_reset(run);
	run->time_ns = SECOND;
	c->path = (struct opt_strings){all, usual};
	c->body_bytes_max = 1024;
}

static void a_request_that_goes_straight_is_the_same_as_one_that_waits_for_nothing(void **state)
{
	static struct parser_run runs[2];
	size_t n_frames = 0;
	unsigned n_straight = 0;
	(void)state;
	for (unsigned i = 0; i < 2; i++)
		parser_run_init(&runs[i], &parser_http1);
	for (unsigned session = 0; session < 1500; session++) {
		unsigned burst = below(2) ? 1 + below(4) : 64, hole = below(3), no_wait = below(2);
		for (unsigned i = 0; i < 2; i++) {
			set_up(&runs[i], i == 1);
			runs[i].burst = burst;
			((struct http1_conf *)runs[i].conf)->answer_wait_ns = no_wait ? 0 : SECOND;
			for (unsigned d = 0; d < hole; d++)
				parser_run_gap(&runs[i], d, 10);
		}
		talk(runs, session);
		for (unsigned i = 0; i < 2; i++)
			parser_run_end(&runs[i]);
		check_same(&runs[0], &runs[1]);
		check_frames_same(&runs[0], &runs[1]);
		n_frames += runs[0].n_frames;
		const struct http1_state *a = runs[0].state, *b = runs[1].state;
		n_straight += a->first != b->first; /* fewer have stood in the queue */
	}
	print_message("%zu events, some of %u sessions went straight\n", n_frames, n_straight);
	assert_true(n_straight > 400 && n_frames > 20000);
	for (unsigned i = 0; i < 2; i++)
		parser_run_fini(&runs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_request_that_goes_straight_is_the_same_as_one_that_waits_for_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
