/* A letter of any bytes: what is taken for one lies inside of it, and is written as it was read. */
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/dead_letter.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct dead_letter l, again;
	if (!dead_letter_read(slice_of(p, len), &l))
		return 0;
	size_t now = dead_letter_bytes(&l); /* as it is written now: one text more than version 1 */
	must(now == len + (p[0] == 1 ? 4 : 0));
	uint8_t *out = mem_alloc(now);
	must(out);
	dead_letter_put(&l, out);
	must(dead_letter_read(slice_of(out, now), &again));
	for (unsigned i = 0; i < DEAD_N_TEXTS; i++) {
		if (i != DEAD_GROUND || p[0] > 1)
			must(l.text[i].ptr >= p && l.text[i].ptr + l.text[i].len <= p + len);
		must(slice_eq(l.text[i], again.text[i]));
	}
	must(again.time_ns == l.time_ns && again.stream_off == l.stream_off);
	must(again.body_off + again.body_len <= again.text[DEAD_RAW].len);
	mem_free(out);
	return 0;
}
