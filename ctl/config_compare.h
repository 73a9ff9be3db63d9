/* config_compare.h - what a reload may change, and what needs a restart.
 *
 * In:     the configuration that runs, and the one that should.
 * Out:    a line for each part that only a restart changes.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 *
 * Options say for themselves whether a reload may change them (struct opt's `live`). Beside these,
 * the ports, sources, sinks and queues must be the same ones in the same order; formats, rules,
 * dimensions, the pipeline and what queues take from it may all be others.
 */
#ifndef SL_CTL_CONFIG_COMPARE_H
#define SL_CTL_CONFIG_COMPARE_H

#include "ctl/config.h"

/* The number of lines written to @out. */
unsigned config_restarts(const struct config *was, const struct config *is, FILE *out);

bool config_dimension_equal(const struct dimension_conf *a, const struct dimension_conf *b);
/* The same name, operator and options, from the same places. */
bool config_node_equal(const struct node_conf *a, const struct node_conf *b);

#endif
