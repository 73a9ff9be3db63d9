/* sinks.h - the sinks by name.
 *
 * In:     -
 * Out:    one const struct sink_ops for each sink_<name>.c; sink.h declares the table of them.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_SINK_SINKS_H
#define SL_SINK_SINKS_H

#include "dataplane/sink/sink.h"

extern const struct sink_ops sink_archive;
extern const struct sink_ops sink_clickhouse;
extern const struct sink_ops sink_file;
extern const struct sink_ops sink_kafka;
extern const struct sink_ops sink_null;
extern const struct sink_ops sink_redis;
extern const struct sink_ops sink_stdout;

#endif
