/* ddl_build.h - a table while a statement makes it.
 *
 * In:     column definitions as ddl_column.c reads them, or the columns of a version.
 * Out:    a block of the store.
 * Owns:   fixed space inside the schema, used again by each statement.
 * Runs:   the thread that owns the schema.
 * Limits: the constants below.
 *
 * Columns are found by name through an open table of slots and stand in a linked list, so that an
 * ALTER with thousands of clauses costs as much as it is long.
 */
#ifndef SL_PARSERS_MYSQL_DDL_BUILD_H
#define SL_PARSERS_MYSQL_DDL_BUILD_H

#include "parsers/mysql/schema_priv.h"

#define BUILD_COLS_MAX       4096 /* as in the servers */
#define BUILD_DEFS_MAX       8192 /* of a table, and of a statement about it */
#define BUILD_SLOTS          16384
#define BUILD_LABELS_MAX     65536
#define BUILD_TEXT_BYTES     (1u << 20)
#define BUILD_NAME_BYTES     1024 /* a name: 64 characters in the servers */
#define BUILD_LABEL_BYTES    4096 /* 255 characters in the servers */
#define BUILD_NAMES_BYTES    (256u << 10)
#define BUILD_PAIRS_MAX      1024
#define BUILD_KEY_MAX        32 /* columns of a primary key: 16 in MySQL */
#define BUILD_NONE           UINT16_MAX

/* Inside of a build only: the charset is the default of the table, which stands behind its columns.
 */
#define BUILD_COL_FROM_TABLE 0x80

enum build_where { BUILD_LAST, BUILD_FIRST, BUILD_AFTER };

struct build_def {
	struct mysql_schema_col col; /* name_off: in text; labels_off: index of labels */
	uint16_t next;               /* in the order of the table */
	uint16_t becomes;            /* of a column that was there: the def in its place */
	bool dropped, placed;
	bool skipped;  /* of an ALTER: IF EXISTS or IF NOT EXISTS says that it is not done */
	uint8_t where; /* enum build_where, of a def of an ALTER */
	struct slice after;
};

struct ddl_build {
	struct build_def defs[BUILD_DEFS_MAX];
	struct mysql_schema_label labels[BUILD_LABELS_MAX];
	uint16_t slots[BUILD_SLOTS];
	uint8_t text[BUILD_TEXT_BYTES];
	uint8_t scratch[BUILD_LABEL_BYTES]; /* a token without its quotes */
	uint8_t names[BUILD_NAMES_BYTES];   /* of tables and databases of the statement */
	/* RENAME: what each of these is called from now on. */
	struct build_pair {
		struct slice db, name;
		uint32_t version; /* that it takes over; SCHEMA_NONE: unknown */
		bool gone;
		uint64_t hash;
	} pairs[BUILD_PAIRS_MAX];

	uint32_t n_defs, n_old; /* the first n_old are the columns that were there */
	uint32_t n_labels, text_used, names_used, n_pairs;
	uint16_t first, last;
	uint8_t charset, char_bytes_max; /* the table's default */
	uint8_t flags;                   /* SCHEMA_... */
	bool row_columns;  /* row_start and row_end are declared, or the table has none */
	bool beyond_ascii; /* a column that was there has such a name */
	bool converts;     /* CONVERT TO the table's default charset */
	bool charset_told; /* the statement has an option for the default */
	bool conditional;  /* IF EXISTS or IF NOT EXISTS of a column */
	struct slice key[BUILD_KEY_MAX]; /* PRIMARY KEY (...), in text */
	unsigned n_key;
};

/* Before each table. Names and pairs stay: they are the statement's. */
void build_reset(struct ddl_build *b);

/* The columns of a version become the old ones. */
bool build_load(struct ddl_build *b, const struct mysql_schema_table *t);

/* Adds a column with a name of ours. */
bool build_fixed(struct ddl_build *b, const char *name, enum mysql_decl decl, uint8_t flags,
		 uint8_t decimals);

/* A new def, zeroed; NULL: too many. */
struct build_def *build_def(struct ddl_build *b);

/* Finds the def with this name among those that build_index has put in; BUILD_NONE: none. */
void build_index_clear(struct ddl_build *b);
bool build_index(struct ddl_build *b, uint16_t def); /* false: the name is there already */
uint16_t build_find(const struct ddl_build *b, struct slice name);

struct slice build_name(const struct ddl_build *b, uint16_t def);

/* The columns that were there are in no primary key any more. */
void build_drop_key(struct ddl_build *b);

/* Puts old columns, changes and additions in the order that the servers give them. Returns NULL, or
 * what does not fit.
 */
const char *build_order(struct ddl_build *b);

/* Charsets that follow the table's default, and types that follow from charset and length. */
void build_finish(struct ddl_build *b);

/* Makes the columns in their order a version. Returns NULL or what is wrong. */
const char *build_commit(struct mysql_schema *sc, const struct table_key *k, uint64_t place,
			 bool *ret_same);

/* The columns of version @from under another name. */
const char *build_copy(struct mysql_schema *sc, const struct table_key *k, uint64_t place,
		       uint32_t from, bool *ret_same);

#endif
