/* fuzz_http1.c - any bytes as an HTTP/1 session, whole and cut, with and without a hole.
 *
 * In:     what a client sends; or a dialogue, of parts "C <bytes>\n" and "S <bytes>\n" and their
 *         bytes.
 * Out:    aborts when the contract of parser.h is broken, or when cuts change the frames.
 * Owns:   its two runs, made once.
 * Runs:   main.
 * Limits: 1 MiB of input.
 */
#include <stdio.h>

#include "parsers/http1.h"
#include "parsers/parsers.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/parser_run.h"

static struct parser_run whole, cut;

static void make_once(void)
{
	if (whole.parser)
		return;
	parser_run_init(&whole, &parser_http1);
	parser_run_init(&cut, &parser_http1);
	free(cut.memo);
	cut.memo = NULL;
	struct parser_run *runs[] = {&whole, &cut};
	for (unsigned i = 0; i < 2; i++) {
		struct http1_conf *conf = runs[i]->conf;
		conf->body_bytes_max = 64 << 10;
		conf->header_bytes_max = 4096;
		conf->events_max = 200;
	}
}

static void check(const struct parser_run *run)
{
	if (run->broken[0]) {
		fprintf(stderr, "%s\n", run->broken);
		abort();
	}
}

static void feed_pieces(struct parser_run *run, unsigned dir, struct slice s, size_t piece)
{
	while (s.len) {
		size_t n = s.len < piece ? s.len : piece;
		parser_run_data(run, dir, s.ptr, n);
		s = slice_from(s, n);
	}
}

static void feed(struct parser_run *run, struct slice s, size_t piece, bool hole)
{
	parser_run_reset(run);
	while (s.len > 3 && (s.ptr[0] == 'C' || s.ptr[0] == 'S') && s.ptr[1] == ' ') {
		unsigned dir = s.ptr[0] == 'S';
		const uint8_t *lf = memchr(s.ptr, '\n', s.len < 12 ? s.len : 12);
		if (!lf)
			break;
		size_t n = 0;
		for (const uint8_t *d = s.ptr + 2; d < lf; d++)
			n = n * 10 + (*d & 15);
		s = slice_from(s, (size_t)(lf - s.ptr) + 1);
		n = n < s.len ? n : s.len;
		size_t half = hole ? n / 2 : n;
		feed_pieces(run, dir, slice_of(s.ptr, half), piece);
		if (half < n) {
			parser_run_gap(run, dir, 1);
			feed_pieces(run, dir, slice_of(s.ptr + half + 1, n - half - 1), piece);
		}
		s = slice_from(s, n);
	}
	size_t half = hole ? s.len / 2 : s.len;
	feed_pieces(run, 0, slice_of(s.ptr, half), piece);
	if (half < s.len) {
		parser_run_gap(run, 0, 1);
		feed_pieces(run, 0, slice_from(s, half + 1), piece);
	}
	parser_run_end(run);
	check(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct slice s = slice_of(p, len < (1u << 20) ? len : 1u << 20);
	make_once();
	/* What the first session has noted is there in the second; the cut one does without. */
	memset(whole.memo, 0, parser_http1.memo_size);
	feed(&whole, s, SIZE_MAX, false);
	feed(&whole, s, SIZE_MAX, false);
	feed(&cut, s, 1 + len % 13, false);
	if (whole.n_frames != cut.n_frames || whole.skipped != cut.skipped)
		abort();
	for (size_t i = 0; i < whole.n_frames; i++) {
		const struct run_frame *a = &whole.frames[i], *b = &cut.frames[i];
		if (a->len != b->len || memcmp(a->bytes, b->bytes, a->len) != 0 || a->idx != b->idx)
			abort();
	}
	feed(&cut, s, 1 + len % 50, true);
	return 0;
}
