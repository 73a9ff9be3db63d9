/* change.h - what a record of a database's log is, for those who need more than its fields.
 *
 * In:     a parser that reads such a log: struct parser.changes says so.
 * Out:    the kind of the record, and the declared types of the table's columns.
 * Owns:   nothing. It lives until the end of the worker's turn.
 * Runs:   worker.
 * Limits: -
 *
 * The record's fixed fields are then these, in this order; `before` and `after` are objects of
 * columns in the table's order, of which some may be missing. NULL is `null`; JSON's own null in a
 * column of type JSON is `null `, with a blank behind it. They and `source` may be VAL_LATER:
 * later.h.
 */
#ifndef SL_REC_CHANGE_H
#define SL_REC_CHANGE_H

#include "dataplane/base/slice.h"

enum change_field {
	CHANGE_OP,  /* c, u, d; ddl; statement; commit, rollback, prepare */
	CHANGE_DB,  /* of ddl and statement: the current database */
	CHANGE_SQL, /* of ddl and statement; of XA */
	CHANGE_BEFORE,
	CHANGE_AFTER,
	CHANGE_SOURCE,
	CHANGE_N_FIELDS,
};

enum change_kind {
	CHANGE_ROW,
	CHANGE_DDL,
	CHANGE_STATEMENT,
	CHANGE_END, /* of a transaction, where its last change does not say so */
};

/* Types of columns as they are declared. */
enum change_type {
	CHANGE_T_UNKNOWN,
	CHANGE_T_TINYINT,
	CHANGE_T_SMALLINT,
	CHANGE_T_MEDIUMINT,
	CHANGE_T_INT,
	CHANGE_T_BIGINT,
	CHANGE_T_DECIMAL, /* length: digits in all; decimals: of the fraction */
	CHANGE_T_FLOAT,
	CHANGE_T_DOUBLE,
	CHANGE_T_BIT, /* length: bits */
	CHANGE_T_YEAR,
	CHANGE_T_DATE,
	CHANGE_T_TIME, /* decimals: of the fraction; so the next two */
	CHANGE_T_DATETIME,
	CHANGE_T_TIMESTAMP,
	CHANGE_T_CHAR, /* length: characters; so the next */
	CHANGE_T_VARCHAR,
	CHANGE_T_BINARY, /* length: bytes; so the next */
	CHANGE_T_VARBINARY,
	CHANGE_T_TINYTEXT,
	CHANGE_T_TEXT,
	CHANGE_T_MEDIUMTEXT,
	CHANGE_T_LONGTEXT,
	CHANGE_T_TINYBLOB,
	CHANGE_T_BLOB,
	CHANGE_T_MEDIUMBLOB,
	CHANGE_T_LONGBLOB,
	CHANGE_T_ENUM,
	CHANGE_T_SET,
	CHANGE_T_JSON,
	CHANGE_T_GEOMETRY,
	CHANGE_T_VECTOR,
	CHANGE_T_UUID,
	CHANGE_T_INET4,
	CHANGE_T_INET6,
	CHANGE_N_TYPES,
};

struct change_column {
	struct slice key; /* `,"name":`, as it stands in before and after; borrowed, padded */
	uint8_t type;     /* enum change_type */
	bool is_unsigned;
	bool in_key; /* of the primary key, where that is known */
	uint8_t decimals;
	uint32_t length;            /* 0: not known */
	const struct slice *labels; /* of ENUM and SET: the insides of JSON strings */
	unsigned n_labels;
};

struct change {
	enum change_kind kind;
	unsigned n_columns;     /* of a row's table */
	struct slice db, table; /* of a row; UTF-8, not escaped */
	const void *of;         /* the parser's own */
	/* Column @i from 0. */
	void (*column)(const void *of, unsigned i, struct change_column *ret);
};

#endif
