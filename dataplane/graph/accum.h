/* accum.h - the aggregate functions: what a group of records comes down to.
 *
 * In:     rows of vectors.
 * Out:    one value.
 * Owns:   nothing: an accumulator is accum_bytes of the caller's, zeroed and aligned to 16.
 * Runs:   accum_parse, accum_type: main. Else: worker.
 * Limits: approx_distinct is a HyperLogLog of 4,096 registers: its standard error is 1.6 %.
 *
 * NULLs are left out, as in SQL; of nothing, a count is 0 and all else is NULL. Results do not
 * depend on the order of rows: sums are exact (exact.h).
 */
#ifndef SL_GRAPH_ACCUM_H
#define SL_GRAPH_ACCUM_H

#include "dataplane/graph/fn.h"

enum accum_kind {
	ACCUM_COUNT_ALL, /* count(*) */
	ACCUM_COUNT,
	ACCUM_SUM,
	ACCUM_MIN,
	ACCUM_MAX,
	ACCUM_AVG,
	ACCUM_DISTINCT, /* approx_distinct */
};

struct accum {
	enum accum_kind kind;
	enum sql_type in, out;
};

/* `sum(x)`: the function, in any case, and the text of its argument. False: it is something else.
 */
bool accum_parse(const char *text, enum accum_kind *ret_kind, struct slice *ret_arg);
extern const char accum_names[]; /* for messages */

/* Fills x->out from x->kind and x->in. NULL, or what was expected in place of that type. */
const char *accum_type(struct accum *x);

size_t accum_bytes(const struct accum *x); /* a multiple of 16 */

/* Row @i of @v, which is no error. @v is NULL for count(*). */
void accum_add(const struct accum *x, void *at, const struct vec *v, unsigned i);

/* VEC_VALUE, VEC_NULL or VEC_OUT_OF_RANGE. */
uint8_t accum_get(const struct accum *x, const void *at, union cell *ret);

#endif
