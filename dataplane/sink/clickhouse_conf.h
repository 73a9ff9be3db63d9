/* clickhouse_conf.h - options of the ClickHouse sink.
 *
 * In:     -
 * Out:    the table of them, and the struct that it fills.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_SINK_CLICKHOUSE_CONF_H
#define SL_SINK_CLICKHOUSE_CONF_H

#include "dataplane/sink/clickhouse_http.h"

struct ch_conf {
	struct ch_http_conf http;
	int format, compression;
	bool token;
	uint64_t insert_bytes, linger_ns;
	struct opt_map settings;
};

enum ch_format { CH_FORMAT_JSON, CH_FORMAT_BINARY };
extern const char *const ch_formats[]; /* by enum ch_format, as ClickHouse calls them */

extern const struct opt ch_opts[];

#endif
