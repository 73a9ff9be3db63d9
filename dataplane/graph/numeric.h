/* numeric.h - decimal numbers of at most 38 digits, with PostgreSQL's scales and rounding.
 *
 * In:     struct numeric (vec.h), text, integers, doubles.
 * Out:    the same; 0 (VEC_VALUE) or an error state of vec.h.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: |coefficient| < 10^38, scale 0..38: what does not fit is VEC_OUT_OF_RANGE. No NaN, no
 *         infinity.
 */
#ifndef SL_GRAPH_NUMERIC_H
#define SL_GRAPH_NUMERIC_H

#include "dataplane/graph/vec.h"

#define NUMERIC_DIGITS_MAX 38
#define NUMERIC_TEXT_MAX   44 /* bytes of numeric_put */

/* " -12.50e3 ", blanks around it allowed. */
uint8_t numeric_parse(struct slice s, struct numeric *ret_n);
size_t numeric_put(char *out, struct numeric n);

struct numeric numeric_of(int64_t v);
uint8_t numeric_to_i64(struct numeric n, int64_t *ret_v); /* rounds halves away from zero */
uint8_t numeric_from_f64(double v, int digits, struct numeric *ret_n); /* of so many digits */
double numeric_to_f64(struct numeric n);

int numeric_cmp(struct numeric a, struct numeric b);
uint8_t numeric_add(struct numeric a, struct numeric b, struct numeric *ret_n);
uint8_t numeric_sub(struct numeric a, struct numeric b, struct numeric *ret_n);
uint8_t numeric_mul(struct numeric a, struct numeric b, struct numeric *ret_n);
uint8_t numeric_div(struct numeric a, struct numeric b, struct numeric *ret_n);
uint8_t numeric_mod(struct numeric a, struct numeric b, struct numeric *ret_n);

/* To @scale digits behind the point (negative: before it). */
enum numeric_rounding { NUMERIC_HALF_UP, NUMERIC_TRUNC, NUMERIC_CEIL, NUMERIC_FLOOR };
uint8_t numeric_round(struct numeric n, int64_t scale, enum numeric_rounding how,
		      struct numeric *ret_n);

/* The same value without zeros at the end of the fraction. */
struct numeric numeric_trim(struct numeric n);

#endif
