/* fuzz.h - what fuzz targets share.
 *
 * In:     what a target asserts.
 * Out:    an abort, which libFuzzer and corpus_main take for a crash.
 * Owns:   nothing.
 * Runs:   main of a fuzz target.
 * Limits: -
 */
#ifndef SL_FUZZ_FUZZ_H
#define SL_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static inline void must(bool ok)
{
	if (!ok)
		abort();
}

#endif
