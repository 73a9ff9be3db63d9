/* fuzz_parser.h - any bytes through a parser that keeps to one direction: as a datagram, and as a
 * stream with a gap, whole and in small slices, from which the same frames must come.
 *
 * In:     bytes; the first two say where the gap is and how long the slices are.
 * Out:    an abort when the contract of parser.h is broken, or when cuts change the frames.
 * Owns:   two runs, made once.
 * Runs:   main of a fuzz target, for one parser.
 * Limits: 16 KiB of input.
 */
#ifndef SL_FUZZ_FUZZ_PARSER_H
#define SL_FUZZ_FUZZ_PARSER_H

#include "tests/fuzz/fuzz.h"
#include "tests/support/parser_run.h"

/* The stream with a gap at @gap, in slices of @step bytes. */
static inline void fuzz_feed(struct parser_run *run, const uint8_t *p, size_t len, size_t gap,
			     size_t step)
{
	parser_run_reset(run);
	for (size_t at = 0; at < len;) {
		size_t n = len - at < step ? len - at : step;
		if (at < gap && gap - at < n)
			n = gap - at;
		parser_run_data(run, 0, p + at, n);
		at += n;
		if (at == gap)
			parser_run_gap(run, 0, 9);
	}
	parser_run_end(run);
	must(!run->broken[0]);
}

static inline int fuzz_parser(const struct parser *parser, const uint8_t *p, size_t len)
{
	static struct parser_run whole, cut;
	if (!whole.parser) {
		parser_run_init(&whole, parser);
		parser_run_init(&cut, parser);
		cut.burst = 1;
	}
	if (len < 2 || len > 16384)
		return 0;
	parser_run_reset(&whole);
	parser_run_datagram(&whole, 0, p, len);
	size_t gap = p[0] & 1 ? p[1] % len : 0;
	fuzz_feed(&whole, p, len, gap, len);
	fuzz_feed(&cut, p, len, gap, 1 + p[0] % 17);
	must(whole.n_frames == cut.n_frames && whole.skipped == cut.skipped);
	for (size_t i = 0; i < whole.n_frames; i++)
		must(run_frame_same(&whole.frames[i], &cut.frames[i]));
	return 0;
}

#endif
