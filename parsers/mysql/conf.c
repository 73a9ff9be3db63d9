#include "parsers/mysql/conf.h"

#include "parsers/mysql/filter.h"

const struct opt mysql_opts[] = {
	{.name = "tables",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct mysql_conf, tables),
	 .live = true,
	 .def = "[]",
	 .help = "Only changes of these tables: db.table, where * stands for any characters and ? "
		 "for one; db alone is all of its tables. None: of all tables."},
	{.name = "state",
	 .type = OPT_PATH,
	 .off = offsetof(struct mysql_conf, state),
	 .live = true,
	 .help = "A file that keeps the columns that DDL on the wire has told, so that they are "
		 "known after a restart. Made when it is not there; its directory must be."},
	{.name = "ignore_case",
	 .type = OPT_BOOL,
	 .off = offsetof(struct mysql_conf, ignore_case),
	 .live = true,
	 .def = "false",
	 .help = "The server ignores the case of tables' names (lower_case_table_names is 1 or 2): "
		 "so do tables and schema."},
	{.name = "schema",
	 .type = OPT_PATH,
	 .off = offsetof(struct mysql_conf, schema),
	 .live = true,
	 .help = "A dump without data (mysqldump --no-data --all-databases): names of columns, "
		 "where the server does not send them along (binlog_row_metadata is not FULL)."},
	{.name = "statements",
	 .type = OPT_BOOL,
	 .off = offsetof(struct mysql_conf, statements),
	 .live = true,
	 .def = "false",
	 .help = "Also statements that change rows, of a server that logs these in place of rows "
		 "(binlog_format is not ROW): as text, with op statement."},
	{.name = "query",
	 .type = OPT_BOOL,
	 .off = offsetof(struct mysql_conf, query),
	 .live = true,
	 .def = "false",
	 .help = "With each row change the statement that made it, as source.query, where the "
		 "server logs it (binlog_rows_query_log_events, binlog_annotate_row_events). Of "
		 "one longer than 4096 bytes the beginning, and source.query_cut."},
	{.name = "payload_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct mysql_conf, payload_bytes_max),
	 .live = true,
	 .min = 1 << 20,
	 .max = (int64_t)1 << 50,
	 .def = "16GiB",
	 .help = "A transaction that MySQL has compressed goes out while it is decompressed, "
		 "whatever "
		 "its size. This bounds what may come out of one: of one that says it is larger "
		 "nothing goes out but its raw event with the reason."},
	OPT_END,
};

int mysql_check(const void *conf, const char **ret_opt, size_t *ret_item, struct err *e)
{
	const struct mysql_conf *c = conf;
	for (size_t i = 0; i < c->tables.n; i++) {
		const char *why = mysql_filter_fault(slice_str(c->tables.items[i]));
		if (!why)
			continue;
		*ret_opt = "tables";
		*ret_item = i;
		return err_set(e, -EINVAL, "\"%s\" %s", c->tables.items[i], why);
	}
	return 0;
}
