/* schema_text.h - what was learnt of tables, as a text: SQL with places, written and read back.
 *
 * In:     a schema; how far its logs were followed. Or such a text.
 * Out:    such a text. Or the versions of a text, in a schema.
 * Owns:   nothing: the text is the caller's.
 * Runs:   main. mysql_schema_write sorts with memory of its own for the time of the call.
 * Limits: the buffer; MYSQL_STATE_LOGS logs.
 *
 * The text is UTF-8. Each statement stands behind a comment that says from where on it holds:
 *
 *     -- sluice mysql schema 1
 *     -- @log 8f00c2d3a1b4e697 at 1b2c3d4e5f607182 server_id 7 followed 3:4711
 *     -- @in 8f00c2d3a1b4e697
 *     -- @table 1:1234 flags 1
 *     CREATE TABLE `shop`.`orders` (
 *       `id` int(11),
 *       `name` varchar(64) CHARACTER SET utf8mb4,
 *       PRIMARY KEY (`id`)
 *     ) DEFAULT CHARSET=utf8mb4;
 *     -- @gone 2:99
 *     DROP TABLE `shop`.`orders`;
 *     -- @end 2
 *
 * Places are those of mysql_schema_place(): the number at the end of the log file's name, and the
 * position; @in says of which log what follows is. What SQL does not say stands in the comment:
 * `flags` of the table, and for columns that need it `columns N=flags:charbytes[?]`, where `?`
 * means that the charset is not known. @database and @unknown (from here on) are the other two;
 * @end counts the statements.
 */
#ifndef SL_PARSERS_MYSQL_SCHEMA_TEXT_H
#define SL_PARSERS_MYSQL_SCHEMA_TEXT_H

#include "parsers/mysql/schema.h"

#define MYSQL_STATE_LOGS 1024

/* A log, and up to where its statements have been seen without a hole. */
struct mysql_schema_log {
	uint64_t log;       /* as in schema.h */
	uint64_t server;    /* its address, as log.h has it */
	uint32_t server_id; /* of whose log it is */
	uint64_t followed;  /* a place */
};

struct mysql_schema_text {
	uint8_t *buf;
	size_t cap, len;
	bool full; /* it did not fit */
};

/* Writes all versions of logs (not those of a dump) behind what is in @out. 0 or -ENOMEM. */
int mysql_schema_write(const struct mysql_schema *sc, const struct mysql_schema_log *logs,
		       size_t n_logs, struct mysql_schema_text *out);

/* The statement that makes @t; empty: it stood in a dump, not in a log, or does not fit. */
struct slice mysql_schema_statement(const struct mysql_schema *sc,
				    const struct mysql_schema_table *t, uint8_t *out, size_t cap);

/* Reads what mysql_schema_write has written. @ret_logs has room for MYSQL_STATE_LOGS. Returns 0, or
 * -EINVAL with a text, and the line that it is about in *ret_line (from 1).
 */
int mysql_schema_read(struct mysql_schema *sc, struct slice text, struct mysql_schema_log *ret_logs,
		      size_t *ret_n_logs, unsigned *ret_line, struct err *e);

#endif
