#include "dataplane/sink/sinks.h"

const struct sink_ops *const sinks[] = {
	&sink_stdout, &sink_file,       &sink_archive, &sink_kafka,
	&sink_redis,  &sink_clickhouse, &sink_null,    NULL,
};
