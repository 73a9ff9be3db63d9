/* A letter of a row change of any bytes: what comes of it lies in bounds, and comes to an end.
 *
 *     length of the frame u16, big-endian | frame | ground
 */
#include "parsers/parsers.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/parser_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct parser_run run;
	if (!run.parser) {
		parser_run_init(&run, &parser_mysql);
		run.keep_records = true;
	}
	if (len < 2 || len > 32768)
		return 0;
	size_t n = (size_t)p[0] << 8 | p[1];
	n = n < len - 2 ? n : len - 2;
	struct run_frame k = {
		.bytes = (uint8_t *)(uintptr_t)p + 2, .len = n, .body_len = n, .dir = 1};
	parser_run_reset(&run);
	parser_run_again(&run, &k, slice_of(p + 2 + n, len - 2 - n));
	must(!run.broken[0]);
	return 0;
}
