/* table.h - what a table map says of a table, in a shape that makes rows fast to read.
 *
 * In:     a TABLE_MAP event; optionally what a schema says of the same table.
 * Out:    struct mysql_table with its columns and names, all in one block of the caller's memory.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: MYSQL_COLUMNS_MAX columns; NO_SLOT when the block is too small.
 *
 * TABLE_MAP behind its header: table id u48 (u32 in logs with a post-header of 6) | flags u16 |
 * n, database, NUL | n, table, NUL | packed number of columns | a type byte each | packed length of
 * the metadata: 0 to 2 bytes a column by its type | a bit each: may be NULL | optional metadata
 * (MySQL 8.0, MariaDB 10.5): { type u8, packed length, value }...
 */
#ifndef SL_PARSERS_MYSQL_TABLE_H
#define SL_PARSERS_MYSQL_TABLE_H

#include <assert.h>

#include "dataplane/rec/change.h"
#include "parsers/mysql/charset.h"
#include "parsers/mysql/event.h"

#define MYSQL_COLUMNS_MAX 4096
#define MYSQL_BITMAP_MAX  (MYSQL_COLUMNS_MAX / 8)

/* Column types on the wire. */
enum mysql_type {
	MYSQL_T_DECIMAL = 0,
	MYSQL_T_TINY = 1,
	MYSQL_T_SHORT = 2,
	MYSQL_T_LONG = 3,
	MYSQL_T_FLOAT = 4,
	MYSQL_T_DOUBLE = 5,
	MYSQL_T_NULL = 6,
	MYSQL_T_TIMESTAMP = 7,
	MYSQL_T_LONGLONG = 8,
	MYSQL_T_INT24 = 9,
	MYSQL_T_DATE = 10,
	MYSQL_T_TIME = 11,
	MYSQL_T_DATETIME = 12,
	MYSQL_T_YEAR = 13,
	MYSQL_T_NEWDATE = 14,
	MYSQL_T_VARCHAR = 15,
	MYSQL_T_BIT = 16,
	MYSQL_T_TIMESTAMP2 = 17,
	MYSQL_T_DATETIME2 = 18,
	MYSQL_T_TIME2 = 19,
	MYSQL_T_TYPED_ARRAY = 20,
	MYSQL_T_BLOB_COMPRESSED = 140,    /* MariaDB */
	MYSQL_T_VARCHAR_COMPRESSED = 141, /* MariaDB */
	MYSQL_T_VECTOR = 242,
	MYSQL_T_JSON = 245,
	MYSQL_T_NEWDECIMAL = 246,
	MYSQL_T_ENUM = 247,
	MYSQL_T_SET = 248,
	MYSQL_T_TINY_BLOB = 249,
	MYSQL_T_MEDIUM_BLOB = 250,
	MYSQL_T_LONG_BLOB = 251,
	MYSQL_T_BLOB = 252,
	MYSQL_T_VAR_STRING = 253,
	MYSQL_T_STRING = 254,
	MYSQL_T_GEOMETRY = 255,
};

/* What a schema can say of a column beyond the wire type. */
enum mysql_kind {
	MYSQL_KIND_PLAIN,
	MYSQL_KIND_UUID, /* MariaDB: on the wire STRING of 16, 16 and 4 bytes */
	MYSQL_KIND_INET6,
	MYSQL_KIND_INET4,
};

/* A column as a schema knows it (mysqldump, DDL on the wire). Borrowed. */
struct mysql_column_def {
	struct slice name; /* UTF-8 */
	uint8_t type;      /* enum mysql_type: ENUM, SET, BLOB, ... the real one */
	uint8_t kind;      /* enum mysql_kind */
	bool is_unsigned;
	bool key_known, in_key;     /* of the primary key */
	uint8_t charset;            /* enum mysql_charset; of text, ENUM and SET */
	uint8_t char_bytes;         /* of the longest character of it; 0: not known */
	const struct slice *labels; /* ENUM and SET, UTF-8 */
	uint32_t n_labels;
};

/* A column, ready for its values. */
struct mysql_column {
	uint8_t type;      /* enum mysql_type, the real one: STRING with ENUM inside is ENUM */
	uint8_t charset;   /* enum mysql_charset */
	uint8_t kind;      /* enum mysql_kind */
	uint8_t fixed;     /* bytes of every value; 0: a length of len_bytes stands in front */
	uint8_t len_bytes; /* 0 to 4 */
	uint8_t frac;      /* digits of fraction: temporal types, DECIMAL */
	uint8_t precision; /* DECIMAL: digits in all */
	bool is_unsigned;
	bool invisible, in_key;
	uint16_t meta; /* as it stood in the table map */
	uint16_t n_labels;
	uint16_t bytes_max; /* STRING, VARCHAR: the declared length in bytes */
	uint16_t key_len;
	uint16_t name_len;
	uint16_t room;              /* for key and value, all but the bytes of variable length */
	uint8_t op;                 /* row_plan.c: how a value is written */
	uint8_t char_bytes;         /* of the longest character of its set; 0: not known */
	const uint8_t *key;         /* `,"name":`, escaped: as it stands in a row's text */
	const uint8_t *name;        /* UTF-8, as it is */
	const struct slice *labels; /* of ENUM and SET: the inside of JSON strings */
};

static_assert(sizeof(struct mysql_column) == 48, "tables are sized by this");

/* The way over an image to the next value with a length in front of it: columns of fixed size, all
 * at once, then that column. row_len.c
 */
struct mysql_stride {
	uint64_t fixed_mask; /* columns of fixed size that are passed over */
	uint32_t fixed;      /* bytes of them when none is NULL */
	uint32_t len_mask;   /* of the length in a little-endian u32; 0: the image ends here */
	uint16_t column;     /* whose length it is */
	uint8_t len_bytes;
};

struct mysql_table {
	uint64_t id;
	uint64_t serial;       /* no two tables of tables.c have the same; 0: not one of these */
	struct slice db, name; /* as in the event: UTF-8 */
	uint16_t flags;
	uint16_t n_columns;
	uint16_t n_json;   /* columns of type JSON: the bits of a partial update */
	bool named;        /* columns have their real names: by metadata, or by the schema */
	bool typed;        /* signedness is known */
	bool has_key;      /* in_key is known */
	bool old_temporal; /* MariaDB: columns whose width has to be guessed */
	size_t room;       /* for a row but for its bytes; 0: some column has no plan */
	size_t bytes;      /* of the block, all in all */
	const struct mysql_stride *strides; /* NULL: it has too many columns for them */
	uint64_t null_bits;                 /* of an image, of a table with strides */
	struct mysql_column columns[];
};

/* The largest block that a table map with short names needs; what a slot should be at least. */
#define MYSQL_TABLE_BYTES_MIN 8192

/* Reads the names only: to look the table up in a schema, or to see whether it is wanted. */
enum mysql_fault mysql_table_name(const struct mysql_event *ev, const struct mysql_format *f,
				  uint64_t *ret_id, struct slice *ret_db, struct slice *ret_name);

/* Builds the table in @mem (@cap bytes, aligned to 8, padded by SL_PAD). @defs, which may be NULL,
 * fills in what the event's metadata does not say; COLUMNS or COLUMN_TYPE when it contradicts the
 * event. @c may be NULL: then labels and names are taken as UTF-8.
 */
enum mysql_fault mysql_table_parse(const struct mysql_event *ev, const struct mysql_format *f,
				   const struct mysql_charsets *c,
				   const struct mysql_column_def *defs, unsigned n_defs, void *mem,
				   size_t cap, struct mysql_table **ret_t);

/* The same for encoders, borrowed from @t. change.c */
struct change mysql_table_change(const struct mysql_table *t);

#endif
