#include "dataplane/dim/dim.h"
#include "dataplane/dim/dim_file.h"

/* A table of a database whose replication is captured: its rows as a file had them, or none, and
 * then each change that is seen on the wire (graph/op_feed.c).
 */
struct binlog_conf {
	const char *source, *table, *snapshot;
};

static const struct opt binlog_opts[] = {
	{.name = "source",
	 .type = OPT_STRING,
	 .off = offsetof(struct binlog_conf, source),
	 .required = true,
	 .live = true,
	 .help = "The source that has the replication: one with parser mysql."},
	{.name = "table",
	 .type = OPT_STRING,
	 .off = offsetof(struct binlog_conf, table),
	 .required = true,
	 .live = true,
	 .help = "The table, as DB.TABLE. Its columns are the fields; their names must be known "
		 "(the "
		 "parser's option schema, or full metadata of rows)."},
	{.name = "snapshot",
	 .type = OPT_PATH,
	 .off = offsetof(struct binlog_conf, snapshot),
	 .live = true,
	 .help = "A file with its rows at the beginning: what mysqldump writes (schema and data), "
		 "or as for kind file, csv or a JSON object a line. Without it there are none "
		 "until "
		 "they change."},
	OPT_END,
};

static int binlog_load(const void *conf, struct dim_load *l, struct err *e)
{
	const struct binlog_conf *c = conf;
	if (!dim_load_key(l))
		return err_set(e, -EINVAL, "key is missing: which column is the key?");
	return c->snapshot ? dim_file_load(c->snapshot, c->table, l, e) : 0;
}

static const char *binlog_source(const void *conf, const char **ret_table)
{
	const struct binlog_conf *c = conf;
	*ret_table = c->table;
	return c->source;
}

const struct dim_kind dim_binlog = {
	.name = "binlog",
	.summary = "A table of a database, kept up to date by its captured replication",
	.opts = binlog_opts,
	.conf_size = sizeof(struct binlog_conf),
	.load = binlog_load,
	.source = binlog_source,
};
