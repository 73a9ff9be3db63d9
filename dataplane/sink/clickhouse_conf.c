#include "dataplane/sink/clickhouse_conf.h"

#include <stddef.h>

#define NS_PER_MS 1000000ull

const char *const ch_formats[] = {"JSONEachRow", "RowBinary", NULL};
static const char *const compressions[] = {"none", "gzip", "zstd", NULL};

const struct opt ch_opts[] = {
	{.name = "url",
	 .type = OPT_STRING,
	 .off = offsetof(struct ch_conf, http.url),
	 .def = "http://127.0.0.1:8123",
	 .live = true,
	 .help = "Where ClickHouse listens for HTTP: http:// or https://."},
	{.name = "user",
	 .type = OPT_STRING,
	 .off = offsetof(struct ch_conf, http.user),
	 .live = true,
	 .help = "The user. Not set: \"default\"."},
	{.name = "password",
	 .type = OPT_SECRET,
	 .off = offsetof(struct ch_conf, http.password),
	 .live = true,
	 .help = "env:NAME or file:PATH, or the password itself."},
	{.name = "ca",
	 .type = OPT_PATH,
	 .off = offsetof(struct ch_conf, http.ca),
	 .live = true,
	 .help = "With https: a file with the certificates that sign the server's. Not set: those "
		 "of the system."},
	{.name = "format",
	 .type = OPT_ENUM,
	 .off = offsetof(struct ch_conf, format),
	 .choices = ch_formats,
	 .def = "JSONEachRow",
	 .live = true,
	 .help = "JSONEachRow: records go as they are, and ClickHouse parses them. RowBinary: "
		 "sluice parses them, by the columns that the table has; cheaper for ClickHouse."},
	{.name = "compression",
	 .type = OPT_ENUM,
	 .off = offsetof(struct ch_conf, compression),
	 .choices = compressions,
	 .def = "none",
	 .live = true,
	 .help = "Of what is sent. zstd needs a newer ClickHouse than 18.16; one that does not "
		 "know it gets gzip, and it is said."},
	{.name = "token",
	 .type = OPT_BOOL,
	 .off = offsetof(struct ch_conf, token),
	 .def = "true",
	 .live = true,
	 .help = "An insert that is sent again carries the same insert_deduplication_token: a "
		 "table "
		 "that keeps these takes it once. Needs ClickHouse 22.2; an older one gets none, "
		 "and it is said."},
	{.name = "insert_bytes",
	 .type = OPT_BYTES,
	 .off = offsetof(struct ch_conf, insert_bytes),
	 .min = 4096,
	 .max = 64 << 20,
	 .def = "1MiB",
	 .live = true,
	 .help = "An insert is sent when there is so much for its table, before compression."},
	{.name = "linger",
	 .type = OPT_DURATION,
	 .off = offsetof(struct ch_conf, linger_ns),
	 .max = 60000ll * NS_PER_MS,
	 .def = "500ms",
	 .live = true,
	 .help = "An insert is also sent when its first record has waited so long. ClickHouse "
		 "likes "
		 "few and large ones."},
	{.name = "timeout",
	 .type = OPT_DURATION,
	 .off = offsetof(struct ch_conf, http.timeout_ns),
	 .min = 100 * NS_PER_MS,
	 .max = 3600000ll * NS_PER_MS,
	 .def = "30s",
	 .live = true,
	 .help = "An insert that is not answered for so long is sent again."},
	{.name = "settings",
	 .type = OPT_MAP,
	 .off = offsetof(struct ch_conf, settings),
	 .live = true,
	 .help = "Settings of ClickHouse for each insert, by their names there."},
	OPT_END};
