/* exact.h - sums that do not depend on the order of what is summed: no digit is lost on the way.
 *
 * In:     doubles; decimal numbers.
 * Out:    the sum, rounded once.
 * Owns:   nothing: the accumulators are the caller's, zero to begin with.
 * Runs:   any thread.
 * Limits: 2^63 summands.
 *
 * Accumulators are whole numbers in two's complement, lowest word first, in units of the smallest
 * value that there is: 2^-1074 for doubles, 10^-38 for decimals.
 */
#ifndef SL_GRAPH_EXACT_H
#define SL_GRAPH_EXACT_H

#include "dataplane/graph/numeric.h"

#define EXACT_F64_WORDS     34 /* 2098 bits for the largest double, and 64 for how many */
#define EXACT_NUMERIC_WORDS 6  /* 254 bits for 10^38 with 38 digits behind the point, and 64 */

struct exact_f64 {
	uint64_t words[EXACT_F64_WORDS];
	bool nan, plus, minus; /* one of the summands was NaN, infinity, -infinity */
};

void exact_f64_add(struct exact_f64 *x, double v);
double exact_f64_get(const struct exact_f64 *x); /* ties to even; infinity beyond the range */

struct exact_numeric {
	uint64_t words[EXACT_NUMERIC_WORDS];
	int32_t scale; /* the largest of the summands' */
};

void exact_numeric_add(struct exact_numeric *x, struct numeric n);
uint8_t exact_numeric_get(const struct exact_numeric *x,
			  struct numeric *ret_n); /* or
						    VEC_OUT_OF_RANGE */

#endif
