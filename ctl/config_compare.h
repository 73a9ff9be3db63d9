/* config_compare.h - what a reload may change, and what needs a restart.
 *
 * In:     the configuration that runs, and the one that should.
 * Out:    a line for each part that only a restart changes.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 *
 * Options say for themselves whether a reload may change them (struct opt's `live`). Beside these,
 * the ports must be the same ones in the same order; sources, formats, rules, dimensions, the
 * pipeline, queues and sinks may all be others. Of a source only a restart changes what the
 * process has no room for, or has shared out among its workers:
 *   - a parser with longer frames than any that it was started with;
 *   - ports of a parser whose sessions belong together, where there are several workers;
 *   - options beside a state file that stays the same: the next one would read what the one before
 *     still writes.
 */
#ifndef SL_CTL_CONFIG_COMPARE_H
#define SL_CTL_CONFIG_COMPARE_H

#include "ctl/config.h"

#define CONFIG_RESTART_PATH 1024 /* bytes of a path at most; what is longer is cut */

/* Each part that only a restart changes: `api.socket`, `sources.NAME.KEY` (also of keys inside of
 * match), or a part that there was not, or is not any more (`sources.NAME`, `capture.ports`).
 */
typedef void config_restart_fn(void *arg, const char *path);
void config_each_restart(const struct config *was, const struct config *is, config_restart_fn *each,
			 void *arg);

/* The same as lines for people. The number of lines written to @out. */
unsigned config_restarts(const struct config *was, const struct config *is, FILE *out);

/* As many of the same names and parsers, in the same order: what reads the frames of one may read
 * those of the other.
 */
bool config_same_sources(const struct config *was, const struct config *is);

/* The source of @was that goes on as @s, with its sessions; NULL: @s is a new one, or another.
 * *io_hint: where it may be, 0 at first.
 */
const struct source_conf *config_source_before(const struct config *was,
					       const struct source_conf *s, size_t *io_hint);
/* The one of that name, whatever it is. */
const struct source_conf *config_source_named(const struct config *c, const char *name,
					      size_t *io_hint);

bool config_dimension_equal(const struct dimension_conf *a, const struct dimension_conf *b);
/* The same name, operator and options, from the same places. */
bool config_node_equal(const struct node_conf *a, const struct node_conf *b);
bool config_sink_equal(const struct sink_conf *a, const struct sink_conf *b);
/* The same name, and the same way from the hand-off on. */
bool config_queue_way_equal(const struct queue_conf *a, const struct queue_conf *b);

#endif
