/* http1_case.h - what the tests of the HTTP/1 parser share.
 *
 * In:     dialogues as text.
 * Out:    frames, checked.
 * Owns:   one run per test, in `x`.
 * Runs:   tests.
 * Limits: -
 */
#ifndef SL_TESTS_HTTP1_CASE_H
#define SL_TESTS_HTTP1_CASE_H

#include "parsers/http1.h"
#include "parsers/parsers.h"
#include "tests/support/parser_run.h"
#include "tests/unit/unit.h"

#define SECOND 1000000000ull

static struct parser_run x;

static inline struct http1_conf *conf(void)
{
	return x.conf;
}

static inline void client(const char *text)
{
	parser_run_data(&x, 0, text, strlen(text));
}

static inline void server(const char *text)
{
	parser_run_data(&x, 1, text, strlen(text));
}

static inline void end(void)
{
	parser_run_end(&x);
	assert_string_equal(x.broken, "");
}

/* Both directions were seen before the first byte, as after a handshake. */
static inline void both_seen(void)
{
	x.dirs[0].seen = x.dirs[1].seen = true;
}

static inline bool meta_has(size_t i, const char *text)
{
	assert_true(i < x.n_frames);
	return x.frames[i].meta && strstr(x.frames[i].meta, text);
}

static inline void check_meta(size_t i, const char *text)
{
	if (!meta_has(i, text))
		fail_msg("frame %zu: no %s in %s", i, text, x.frames[i].meta);
}

static inline void check_body(size_t i, enum frame_body kind, const char *text)
{
	assert_true(i < x.n_frames);
	const struct run_frame *f = &x.frames[i];
	if (f->body_kind != kind || f->body_len != strlen(text) ||
	    memcmp(f->bytes + f->body_off, text, f->body_len) != 0)
		fail_msg("frame %zu: kind %u '%.*s', not '%s'", i, f->body_kind, (int)f->body_len,
			 (char *)f->bytes + f->body_off, text);
}

static inline void check_unparsed(size_t i, const char *why)
{
	assert_true(i < x.n_frames);
	assert_non_null(x.frames[i].unparsed);
	assert_string_equal(x.frames[i].unparsed, why);
	assert_int_equal(x.frames[i].body_kind, BODY_NONE);
	assert_int_equal(x.frames[i].body_len, 0);
}

static inline void check_frames(size_t n)
{
	assert_string_equal(x.broken, "");
	if (x.n_frames != n)
		fail_msg("%zu frames, not %zu", x.n_frames, n);
}

static int begin(void **state)
{
	(void)state;
	parser_run_init(&x, &parser_http1);
	return 0;
}

static int done(void **state)
{
	(void)state;
	parser_run_fini(&x);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, done)

#endif
