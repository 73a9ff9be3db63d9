/* latency_row.h - a latency as a row of the API, and what came between two of them.
 *
 * In:     counts by bucket.
 * Out:    { stage, scope, records, sum_ns, mean_us, p50_us, p90_us, p99_us, p999_us, max_us,
 *         buckets }; these as { "EDGE_US": COUNT }, where they are not empty.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_CTL_LATENCY_ROW_H
#define SL_CTL_LATENCY_ROW_H

#include <jansson.h>

#include "dataplane/base/latency.h"

json_t *latency_row(const char *stage, const char *scope, const struct latency_sum *s);

/* Reads it back. */
void latency_row_read(const json_t *row, struct latency_sum *ret_s);

/* Makes the numbers of @row those of the time since @before, a row of the same stage and scope;
 * where they began anew since then they stay as they are.
 */
void latency_row_since(json_t *row, const json_t *before);

#endif
