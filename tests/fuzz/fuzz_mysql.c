/* mysql on any bytes: as a dialogue in the form of the laws' samples, or else as what the server
 * sends (a log file among it); whole and in small slices, from which the same frames must come.
 *
 *     { 'C' or 'S', blank, length, LF | bytes }      small letters: behind a hole
 */
#include <stdlib.h>
#include <string.h>

#include "parsers/parsers.h"
#include "tests/support/parser_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

/* Takes the head of a part away. Returns the bytes of the part: all, when there is no head. */
static size_t head(struct slice *io_s, char *ret_who)
{
	size_t n = 0, i = 2;
	const uint8_t *p = io_s->ptr;
	*ret_who = 'S';
	if (io_s->len < 4 || !strchr("CScs", p[0]) || p[0] == 0 || p[1] != ' ')
		return io_s->len;
	for (; i < io_s->len && i < 8 && p[i] >= '0' && p[i] <= '9'; i++)
		n = 10 * n + p[i] - '0';
	if (i == io_s->len || p[i] != '\n')
		return io_s->len;
	*ret_who = (char)p[0];
	*io_s = slice_from(*io_s, i + 1);
	return n < io_s->len ? n : io_s->len;
}

static void feed(struct parser_run *run, struct slice s, size_t step)
{
	parser_run_reset(run);
	while (s.len) {
		char who;
		size_t n = head(&s, &who);
		unsigned dir = who == 'S' || who == 's';
		if (who == 'c' || who == 's')
			parser_run_gap(run, dir, 7);
		for (size_t at = 0; at < n; at += step)
			parser_run_data(run, dir, s.ptr + at, n - at < step ? n - at : step);
		s = slice_from(s, n);
	}
	parser_run_end(run);
	if (run->broken[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct parser_run whole, cut;
	if (!whole.parser) {
		parser_run_init(&whole, &parser_mysql);
		parser_run_init(&cut, &parser_mysql);
		cut.burst = 1;
	}
	if (len < 4 || len > 32768)
		return 0;
	feed(&whole, slice_of(p, len), len);
	feed(&cut, slice_of(p, len), 1 + p[len / 2] % 97);
	if (whole.n_frames != cut.n_frames || whole.skipped != cut.skipped)
		abort();
	for (size_t i = 0; i < whole.n_frames; i++)
		if (!run_frame_same(&whole.frames[i], &cut.frames[i]))
			abort();
	return 0;
}
