/* config_world.h - the stages, parsers, sinks and files of the tests of the configuration.
 *
 * In:     -
 * Out:    option tables and a disk that do not change when sluice does, so that messages can be
 *         compared word by word.
 * Owns:   nothing.
 * Runs:   tests. Linked before the library: these tables take the place of the real ones.
 * Limits: -
 */
#ifndef SL_TESTS_CONFIG_WORLD_H
#define SL_TESTS_CONFIG_WORLD_H

#include <stdlib.h>

#include "ctl/config.h"

const struct opt decode_opts[] = {OPT_END};

const struct opt flow_opts[] = {
	{.name = "tcp_idle",
	 .type = OPT_DURATION,
	 .off = offsetof(struct flow_conf, tcp_idle_ns),
	 .min = 1000000000,
	 .max = 86400000000000,
	 .def = "1h",
	 .help = "Idle."},
	{.name = "memory_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct flow_conf, memory_bytes_max),
	 .def = "64MiB",
	 .help = "Memory."},
	OPT_END,
};

const struct opt frame_opts[] = {
	{.name = "bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct frame_conf, bytes_max),
	 .min = 1024,
	 .max = 64 << 20,
	 .def = "1MiB",
	 .help = "Longest."},
	OPT_END,
};

struct http1_conf {
	struct opt_strings host, path;
	bool bare;
	int64_t events_max;
};

static const struct opt http1_opts[] = {
	{.name = "host",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct http1_conf, host),
	 .def = "[]",
	 .help = "Hosts."},
	{.name = "path",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct http1_conf, path),
	 .def = "[]",
	 .help = "Paths."},
	{.name = "bare",
	 .type = OPT_BOOL,
	 .off = offsetof(struct http1_conf, bare),
	 .def = "false",
	 .help = "Bare."},
	{.name = "events_max",
	 .type = OPT_INT,
	 .off = offsetof(struct http1_conf, events_max),
	 .min = 1,
	 .max = 1000,
	 .def = "100",
	 .help = "Events."},
	OPT_END,
};

static int http1_check(const void *conf, const char **ret_opt, size_t *ret_item, struct err *e)
{
	const struct http1_conf *c = conf;
	for (size_t i = 0; i < c->host.n; i++) {
		if (!strchr(c->host.items[i], '%'))
			continue;
		*ret_opt = "host";
		*ret_item = i;
		return err_set(e, -EINVAL, "\"%s\" has a %%", c->host.items[i]);
	}
	return 0;
}

static const char *const zones[] = {"UTC", "local", NULL};

static const struct opt syslog_opts[] = {
	{.name = "timezone", .type = OPT_ENUM, .choices = zones, .def = "UTC", .help = "Zone."},
	OPT_END,
};

static const struct field_def syslog_fields[] = {
	{.name = "hostname"}, {.name = "appname"}, {.name = "message"}, {.name = NULL}};

static const struct parser parser_syslog = {.name = "syslog",
					    .transports = PARSER_TCP | PARSER_UDP,
					    .fields = syslog_fields,
					    .opts = syslog_opts,
					    .conf_size = sizeof(int),
					    .default_ports = "udp:514 tcp:514,601-603"};
static const struct parser parser_http1 = {.name = "http1",
					   .transports = PARSER_TCP,
					   .opts = http1_opts,
					   .conf_size = sizeof(struct http1_conf),
					   .check = http1_check,
					   .default_ports = "tcp:80"};
static const struct parser parser_lines = {.name = "lines", .transports = PARSER_TCP | PARSER_UDP};
const struct parser *const parsers[] = {&parser_syslog, &parser_http1, &parser_lines, NULL};

struct file_conf {
	const char *path, *password, *url;
	uint64_t bytes_max, every_ns;
};

static const struct opt file_opts[] = {
	{.name = "path",
	 .type = OPT_PATH,
	 .off = offsetof(struct file_conf, path),
	 .required = true,
	 .help = "Path."},
	{.name = "password",
	 .type = OPT_SECRET,
	 .off = offsetof(struct file_conf, password),
	 .help = "Password."},
	{.name = "url", .type = OPT_STRING, .off = offsetof(struct file_conf, url), .help = "URL."},
	{.name = "bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct file_conf, bytes_max),
	 .min = 4096,
	 .max = 1 << 30,
	 .def = "1MiB",
	 .help = "Bytes."},
	{.name = "every",
	 .type = OPT_DURATION,
	 .off = offsetof(struct file_conf, every_ns),
	 .min = 1000000,
	 .def = "1s",
	 .help = "Time."},
	OPT_END,
};

static const struct sink_ops sink_stdout = {.name = "stdout"};
static const struct sink_ops sink_file = {
	.name = "file", .opts = file_opts, .conf_size = sizeof(struct file_conf)};
const struct sink_ops *const sinks[] = {&sink_stdout, &sink_file, NULL};

/* ---- a disk that is none ---- */

static const struct {
	const char *path, *text;
} disk[] = {
	{"good.yaml", "good: { grok: '%{WORD:a}' }\nalso: { logfmt: {} }\n"},
	{"bad.yaml", "one: { grok: a, kv: {} }\ntwo: { type: {} }\n"},
	{"broken.yaml", "a: [\n"},
	{"empty.yaml", "# nothing\n"},
	{"my.pat", "MINE \\d+\n"},
	{"conf/formats/deep.yaml", "deep: { json: {} }\n"},
};

static int disk_read(void *arg, const char *path, uint8_t **ret_bytes, size_t *ret_len,
		     struct err *e)
{
	for (size_t i = 0; i < sizeof(disk) / sizeof(disk[0]); i++) {
		if (strcmp(disk[i].path, path) != 0)
			continue;
		*ret_bytes = (uint8_t *)strdup(disk[i].text);
		*ret_len = strlen(disk[i].text);
		return 0;
	}
	return err_set(e, -ENOENT, "No such file or directory");
}

static const struct config_files files = {.read = disk_read};

#endif
