/* schema.h - what the columns of each table are called, at each place of a binary log.
 *
 * In:     the text of a schema dump, at start; DDL of QUERY events, in log order (ddl.h).
 * Out:    struct mysql_schema_table, borrowed until the next statement is applied.
 * Owns:   all versions of all tables, in one mapping of fixed size.
 * Runs:   create, load and destroy: main. All else: the worker that owns it; it never allocates.
 * Limits: mysql_schema_conf. Beyond them the oldest superseded versions go first; what then has no
 *         room is unknown, and counted.
 *
 * A table is known by (log, database, name). A log is one sequence of binlog files: what one server
 * writes, named by a number of the caller's. The dump is log 0: it holds where a log's own DDL has
 * not said otherwise. Each version holds from a position on, the end of the statement that made it.
 * A second replica that reads the same log later, or the same one after it has reconnected, finds
 * the versions of the place where it reads, and statements that come again change nothing.
 *
 * The answer may be "unknown", and never wrong: a statement that is not understood, or that does
 * not fit what is known, makes its tables unknown from there on.
 */
#ifndef SL_PARSERS_MYSQL_SCHEMA_H
#define SL_PARSERS_MYSQL_SCHEMA_H

#include "dataplane/base/err.h"
#include "parsers/mysql/table.h"

/* The type as it was declared. */
enum mysql_decl {
	MYSQL_DECL_OTHER, /* a type of a server to come: the name stands, the type is not checked */
	MYSQL_DECL_TINYINT, /* also BOOL */
	MYSQL_DECL_SMALLINT,
	MYSQL_DECL_MEDIUMINT,
	MYSQL_DECL_INT,
	MYSQL_DECL_BIGINT, /* also SERIAL */
	MYSQL_DECL_DECIMAL,
	MYSQL_DECL_FLOAT,
	MYSQL_DECL_DOUBLE,
	MYSQL_DECL_BIT,
	MYSQL_DECL_DATE,
	MYSQL_DECL_TIME,
	MYSQL_DECL_DATETIME,
	MYSQL_DECL_TIMESTAMP,
	MYSQL_DECL_YEAR,
	MYSQL_DECL_CHAR, /* BINARY, VARBINARY and the BLOBs are these with charset BINARY */
	MYSQL_DECL_VARCHAR,
	MYSQL_DECL_TINYTEXT,
	MYSQL_DECL_TEXT,
	MYSQL_DECL_MEDIUMTEXT,
	MYSQL_DECL_LONGTEXT,
	MYSQL_DECL_ENUM,
	MYSQL_DECL_SET,
	MYSQL_DECL_JSON, /* MariaDB: LONGTEXT on the wire */
	MYSQL_DECL_GEOMETRY,
	MYSQL_DECL_VECTOR, /* MariaDB: VARCHAR on the wire */
	MYSQL_DECL_UUID,   /* these three: MariaDB, STRING on the wire */
	MYSQL_DECL_INET4,
	MYSQL_DECL_INET6,
	MYSQL_N_DECL,
};

enum {
	MYSQL_COL_UNSIGNED = 1,
	MYSQL_COL_CHARSET_GUESSED = 2, /* the server's default: the database's is not known */
	MYSQL_COL_LABELS_UNKNOWN = 4,  /* ENUM or SET, whose labels could not be read */
	MYSQL_COL_WIDENED = 8,         /* CONVERT TO may have made the TEXT type larger */
	MYSQL_COL_COMPRESSED = 16,     /* MariaDB: types 140 and 141 on the wire */
	MYSQL_COL_GENERATED = 32,
	MYSQL_COL_KEY = 64, /* of the primary key */
};

struct mysql_schema_col {
	uint32_t name_off, labels_off; /* from the start of the table */
	uint32_t length; /* characters, bytes, bits or digits as declared; 0: not said */
	uint16_t name_len, n_labels;
	uint8_t decl, flags;    /* enum mysql_decl */
	uint8_t charset;        /* enum mysql_charset */
	uint8_t char_bytes_max; /* of its charset, 0: not known */
	uint8_t decimals;       /* of DECIMAL; of the fraction of TIME, DATETIME, TIMESTAMP */
};

/* A label of an ENUM or SET. */
struct mysql_schema_label {
	uint32_t off, len;
};

/* One version of one table: this, columns, labels and text in one block. */
struct mysql_schema_table {
	uint32_t bytes;   /* of the block */
	uint32_t version; /* its owner, inside schema.c */
	uint32_t n_cols;
	uint32_t key_off; /* database and name, one behind the other */
	uint16_t db_len, name_len;
	uint8_t charset, char_bytes_max; /* the table's default */
	uint8_t flags;
	struct mysql_schema_col cols[];
};

struct mysql_schema;

struct mysql_schema_conf {
	uint32_t versions_max; /* of all tables and databases together; 0: 8192 */
	size_t bytes_max; /* of all of them, below 4 GiB; 0: 64 MiB (memory only as it fills) */
	bool ignore_case; /* lower_case_table_names is not 0 at the server */
	const struct mysql_charsets *charsets; /* borrowed; NULL: names and labels are UTF-8 */
};

struct mysql_schema_stats {
	uint64_t applied;   /* DDL statements that changed a table or database */
	uint64_t repeated;  /* came again from a log that is read twice */
	uint64_t unknown;   /* tables that a statement made unknown */
	uint64_t no_room;   /* of these: for want of room */
	uint64_t forgotten; /* superseded versions that made room for others */
};

/* Returns 0, -ENOMEM, or -EINVAL. */
int mysql_schema_create(const struct mysql_schema_conf *conf, struct mysql_schema **ret_sc,
			struct err *e);
void mysql_schema_destroy(struct mysql_schema *sc);

/* What a dump gave. @why is static text about the first table that is unknown, or NULL. */
struct mysql_schema_loaded {
	uint32_t tables, unknown;
	uint32_t line; /* of that table, from 1 */
	const char *why;
};

/* Reads the text of `mysqldump --no-data` (data in it is passed over) as log 0. Returns 0 (then
 * look at *ret), or -EINVAL: there is no table in it. Main, before the worker starts.
 */
int mysql_schema_load(struct mysql_schema *sc, struct slice dump, struct mysql_schema_loaded *ret,
		      struct err *e);

/* A place in a log as one number: the names of a log's files end in a number, and within a file the
 * position counts: that of event headers, or beyond 4 GiB when the caller has counted on.
 */
uint64_t mysql_schema_place(struct slice file_name, uint64_t pos);

/* The columns of a table for an event that starts at @place of @log, or NULL: unknown. */
const struct mysql_schema_table *mysql_schema_find(const struct mysql_schema *sc, uint64_t log,
						   uint64_t place, struct slice db,
						   struct slice table);

const struct mysql_schema_stats *mysql_schema_stats(const struct mysql_schema *sc);

static inline struct slice mysql_schema_name(const struct mysql_schema_table *t, uint32_t col)
{
	const struct mysql_schema_col *c = &t->cols[col];
	return slice_of((const uint8_t *)t + c->name_off, c->name_len);
}

/* @idx from 0. Labels are UTF-8. The value of ENUM is idx + 1, that of SET is bit idx. */
static inline struct slice mysql_schema_label(const struct mysql_schema_table *t, uint32_t col,
					      uint32_t idx)
{
	const uint8_t *base = (const uint8_t *)t;
	const struct mysql_schema_label *l =
		(const struct mysql_schema_label *)(base + t->cols[col].labels_off) + idx;
	return slice_of(base + l->off, l->len);
}

/* The columns as a table map has them, before any of its optional metadata. */
struct mysql_schema_seen {
	uint32_t n_cols;
	const uint8_t *types;  /* as in the event: ENUM and SET are 254 */
	struct slice metadata; /* the block behind the types, as it is */
};

struct mysql_schema_mismatch {
	uint32_t col;        /* index of the column; n_cols of the shorter one when counts differ */
	const char *what;    /* static text: another number of columns, type or length */
	uint32_t want, seen; /* counts; enum mysql_decl and type; declared and seen length */
};

/* Does the table map agree with the schema? False: *ret says where not. Ask once a table map. */
bool mysql_schema_fits(const struct mysql_schema_table *t, const struct mysql_schema_seen *seen,
		       struct mysql_schema_mismatch *ret);

/* The schema as table.h takes it, with types from @seen, which fits. @defs has room for
 * seen->n_cols (MariaDB may hide a column at the end, see schema_fits.c), and @labels for the
 * labels of all ENUMs and SETs together: those beyond @labels_cap stay unknown. All of it points
 * into @t. Returns the number of defs.
 */
uint32_t mysql_schema_defs(const struct mysql_schema_table *t, const struct mysql_schema_seen *seen,
			   struct mysql_column_def *defs, struct slice *labels, size_t labels_cap);

#endif
