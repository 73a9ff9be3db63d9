/* lines on any bytes: as a datagram, and as a stream with a gap, whole and in small slices, from
 * which the same frames must come.
 */
#include <stdlib.h>

#include "parsers/parsers.h"
#include "tests/support/parser_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

/* The stream with a gap at @gap, in slices of @step bytes. */
static void feed(struct parser_run *run, const uint8_t *p, size_t len, size_t gap, size_t step)
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
	if (run->broken[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct parser_run whole, cut;
	if (!whole.parser) {
		parser_run_init(&whole, &parser_lines);
		parser_run_init(&cut, &parser_lines);
		cut.burst = 1;
	}
	if (len < 2 || len > 16384)
		return 0;
	parser_run_reset(&whole);
	parser_run_datagram(&whole, 0, p, len);
	size_t gap = p[0] & 1 ? p[1] % len : 0;
	feed(&whole, p, len, gap, len);
	feed(&cut, p, len, gap, 1 + p[0] % 17);
	if (whole.n_frames != cut.n_frames || whole.skipped != cut.skipped)
		abort();
	for (size_t i = 0; i < whole.n_frames; i++)
		if (!run_frame_same(&whole.frames[i], &cut.frames[i]))
			abort();
	return 0;
}
