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
#include "dataplane/base/slice.h"

#define MYSQL_SCHEMA_COLS_MAX 4096 /* of a table, as in the servers */

/* The type as it was declared. */
enum mysql_kind {
	MYSQL_KIND_OTHER, /* a type of a server to come: its name stands, its type is not checked */
	MYSQL_KIND_TINYINT, /* also BOOL */
	MYSQL_KIND_SMALLINT,
	MYSQL_KIND_MEDIUMINT,
	MYSQL_KIND_INT,
	MYSQL_KIND_BIGINT, /* also SERIAL */
	MYSQL_KIND_DECIMAL,
	MYSQL_KIND_FLOAT,
	MYSQL_KIND_DOUBLE,
	MYSQL_KIND_BIT,
	MYSQL_KIND_DATE,
	MYSQL_KIND_TIME,
	MYSQL_KIND_DATETIME,
	MYSQL_KIND_TIMESTAMP,
	MYSQL_KIND_YEAR,
	MYSQL_KIND_CHAR, /* BINARY, VARBINARY and the BLOBs are these with charset binary */
	MYSQL_KIND_VARCHAR,
	MYSQL_KIND_TINYTEXT,
	MYSQL_KIND_TEXT,
	MYSQL_KIND_MEDIUMTEXT,
	MYSQL_KIND_LONGTEXT,
	MYSQL_KIND_ENUM,
	MYSQL_KIND_SET,
	MYSQL_KIND_JSON, /* MariaDB: LONGTEXT on the wire */
	MYSQL_KIND_GEOMETRY,
	MYSQL_KIND_VECTOR, /* MariaDB: VARCHAR on the wire */
	MYSQL_KIND_UUID,   /* these three: MariaDB, STRING on the wire, 16, 4 and 16 bytes */
	MYSQL_KIND_INET4,
	MYSQL_KIND_INET6,
};

enum {
	MYSQL_COL_UNSIGNED = 1,
	MYSQL_COL_CHARSET_GUESSED = 2, /* from the server's default: the database's is not known */
	MYSQL_COL_LABELS_UNKNOWN = 4,  /* ENUM or SET, whose labels could not be read */
	MYSQL_COL_WIDENED = 8,         /* CONVERT TO may have made the TEXT type larger */
	MYSQL_COL_COMPRESSED = 16,     /* MariaDB: types 140 and 141 on the wire */
	MYSQL_COL_GENERATED = 32,
	MYSQL_COL_FROM_TABLE = 64, /* the charset follows the table's default (inside only) */
};

struct mysql_schema_col {
	uint32_t name_off, labels_off; /* from the start of the table */
	uint32_t length;               /* characters, bytes, bits or digits as declared; 0: not */
	uint16_t name_len, n_labels;
	uint16_t collation; /* the default collation of its charset (63 binary, 45 utf8mb4, 8
			     * latin1, 28 gbk, ...); 0: not known, or no text */
	uint8_t kind, flags;
	uint8_t decimals; /* of DECIMAL; fraction digits of TIME, DATETIME, TIMESTAMP */
};

/* One version of one table: header, columns, labels and text in one block. */
struct mysql_schema_table {
	uint32_t bytes; /* of the block */
	uint32_t entry;
	uint64_t from; /* it holds from this position of its log on */
	uint32_t n_cols;
	uint16_t collation; /* the table's default, 0: not known */
	uint8_t flags;
	struct mysql_schema_col cols[];
};

/* A label of an ENUM or SET, as it stands behind the columns. */
struct mysql_schema_label {
	uint32_t off, len;
};

struct mysql_schema;

/* Turns text of character set @collation into UTF-8: at most @cap bytes to @out. Returns the bytes,
 * or SIZE_MAX: not that charset, no room, or the charset is not known.
 */
typedef size_t mysql_schema_to_utf8(void *ctx, uint16_t collation, struct slice in, uint8_t *out,
				    size_t cap);

struct mysql_schema_conf {
	uint32_t versions_max;         /* of all tables together, and databases; 0: 8192 */
	size_t bytes_max;              /* of all of them; 0: 64 MiB (touched only where used) */
	bool ignore_case;              /* lower_case_table_names is not 0 at the server */
	mysql_schema_to_utf8 *to_utf8; /* NULL: names outside ASCII are known in UTF-8 only */
	void *to_utf8_ctx;
};

struct mysql_schema_stats {
	uint64_t applied;   /* DDL statements that changed a table or database */
	uint64_t repeated;  /* came again from a log that is read twice */
	uint64_t unknown;   /* tables that a statement made unknown */
	uint64_t no_room;   /* of these: for want of room */
	uint64_t forgotten; /* superseded versions that made room for others */
	uint32_t tables;    /* now known */
};

/* Returns 0, -ENOMEM, or -EINVAL. */
int mysql_schema_create(const struct mysql_schema_conf *conf, struct mysql_schema **ret_sc,
			struct err *e);
void mysql_schema_destroy(struct mysql_schema *sc);

/* What a dump gave. @why is static text about the first table that is unknown, or NULL. */
struct mysql_schema_loaded {
	uint32_t tables, unknown;
	uint32_t line;
	const char *why;
};

/* Reads the text of `mysqldump --no-data` (data in it is passed over) as log 0. Returns 0 (look at
 * @ret), or -EINVAL: there is no table in it. Main, before the worker starts.
 */
int mysql_schema_load(struct mysql_schema *sc, struct slice dump, struct mysql_schema_loaded *ret,
		      struct err *e);

/* A place in a log as one number: file names of a log end in a number, then counts the position.
 * Positions are those of the event headers, also beyond 4 GiB when the caller has counted on.
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

/* @idx from 0. Labels are UTF-8. The value of ENUM is idx + 1, of SET bit idx. */
static inline struct slice mysql_schema_label(const struct mysql_schema_table *t, uint32_t col,
					      uint32_t idx)
{
	const struct mysql_schema_label *l =
		(const struct mysql_schema_label *)((const uint8_t *)t + t->cols[col].labels_off) +
		idx;
	return slice_of((const uint8_t *)t + l->off, l->len);
}

/* The columns as a table map has them. */
struct mysql_schema_seen {
	uint32_t n_cols;
	const uint8_t *types; /* as in the event: ENUM and SET are 254 */
	/* The column's metadata: one byte as it is; VARCHAR and BIT their two bytes little-endian
	 * (BIT: bits | bytes << 8); STRING, ENUM, SET and DECIMAL first byte << 8 | second; 0.
	 */
	const uint16_t *meta;
	const uint8_t *is_unsigned; /* one byte a column, or NULL: the map does not say */
};

struct mysql_schema_mismatch {
	uint32_t col;        /* index of the column; n_cols of the shorter one when counts differ */
	const char *what;    /* static text: "number of columns", "type", "length", "signedness" */
	uint32_t want, seen; /* counts; enum mysql_kind and type; declared and seen length */
};

/* Does the table map agree with the schema? False: *ret says where not. Call it once a table map.
 */
bool mysql_schema_fits(const struct mysql_schema_table *t, const struct mysql_schema_seen *seen,
		       struct mysql_schema_mismatch *ret);

#endif
