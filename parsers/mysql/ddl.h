/* ddl.h - read CREATE, ALTER, RENAME and DROP of tables and databases into a schema.
 *
 * In:     the text of one statement, as a QUERY event has it.
 * Out:    new versions in a struct mysql_schema.
 * Owns:   nothing.
 * Runs:   the thread that owns the schema.
 * Limits: 4096 columns a table and 1 MiB of names and labels; the table is unknown beyond.
 *
 * The grammar is read with tolerance: what has no say in names and types is passed over. Temporary
 * tables are not ours: no row event is about them.
 */
#ifndef SL_PARSERS_MYSQL_DDL_H
#define SL_PARSERS_MYSQL_DDL_H

#include "parsers/mysql/schema.h"

#define MYSQL_MODE_ANSI_QUOTES          (1u << 2)
#define MYSQL_MODE_REAL_AS_FLOAT        (1u << 0)
#define MYSQL_MODE_NO_BACKSLASH_ESCAPES (1u << 20)

/* A QUERY event. Of MariaDB's two-phase ALTER only the COMMIT ALTER (a flag of its GTID) is given.
 */
struct mysql_ddl {
	uint64_t log;            /* of which server; see schema.h; not 0 */
	uint64_t place;          /* mysql_schema_place() of the end of the event */
	struct slice db;         /* the current database; may be empty */
	struct slice sql;        /* in the charset of the client */
	uint64_t sql_mode;       /* status variable Q_SQL_MODE, 0: not there */
	uint16_t client_charset; /* Q_CHARSET: collations, 0: not there */
	uint16_t server_charset;
	uint16_t db_charset; /* Q_CHARSET_DATABASE, 0: not there */
	uint16_t error;      /* the event's error code: not 0, and the statement half failed */
};

enum mysql_ddl_result {
	MYSQL_DDL_NONE,     /* not about tables or databases: INSERT, BEGIN, CREATE VIEW, ... */
	MYSQL_DDL_APPLIED,  /* understood, the schema has it (also when there was nothing to do) */
	MYSQL_DDL_REPEATED, /* this place of the log has been read before */
	MYSQL_DDL_UNKNOWN,  /* the tables that it names are unknown from here on */
};

/* @ret_why: static text when UNKNOWN, else NULL. May be a null pointer. */
enum mysql_ddl_result mysql_ddl_apply(struct mysql_schema *sc, const struct mysql_ddl *q,
				      const char **ret_why);

/* Is this text (the first bytes are enough) a statement that DESIGN calls "ddl"? CREATE, ALTER,
 * DROP, RENAME and TRUNCATE of anything, behind comments.
 */
bool mysql_ddl_is(struct slice sql);

#endif
