/* ddl_priv.h - what the files that read DDL share: the statement as far as it has been read.
 *
 * In:     tokens.
 * Out:    names in UTF-8, defs in the build, `why` when something is not understood.
 * Owns:   nothing.
 * Runs:   the thread that owns the schema.
 * Limits: those of ddl_build.h.
 */
#ifndef SL_PARSERS_MYSQL_DDL_PRIV_H
#define SL_PARSERS_MYSQL_DDL_PRIV_H

#include "parsers/mysql/ddl.h"
#include "parsers/mysql/ddl_build.h"
#include "parsers/mysql/sql.h"

struct ddl {
	struct mysql_schema *sc;
	struct ddl_build *b;
	const struct mysql_ddl *q;
	struct sql s;
	const char *why; /* static text: what was not understood; NULL so far */
	bool changed;    /* a version was written that was not there before */
	bool unknown;    /* a table is unknown from here on */
	bool repeated;   /* a version was there already */
	bool database;   /* it was about one */
};

struct ddl_name {
	struct slice db, table;
};

static inline bool ddl_fail(struct ddl *d, const char *why)
{
	if (!d->why)
		d->why = why;
	return false;
}

/* The token as UTF-8 without quotes and escapes, to @out of @cap bytes. False: not this charset, or
 * too long. Does not go on to the next token.
 */
bool ddl_utf8(struct ddl *d, uint8_t *out, size_t cap, size_t *ret_len);

/* [db.]table, into the names of the build. */
bool ddl_table_name(struct ddl *d, struct ddl_name *ret);
bool ddl_db_name(struct ddl *d, struct slice *ret);

/* A column's name into the text of the build; the token is passed. */
bool ddl_column_name(struct ddl *d, struct slice *ret);

/* Name, type and attributes of one column, up to what ends it: ',' or ')', FIRST or AFTER. */
bool ddl_column(struct ddl *d, struct build_def **ret);

/* "CHARACTER SET x", "CHARSET x" and "COLLATE x", with "=" or not. False: the token is none of
 * them. *ret_cs and *ret_bytes change only when the charset is told.
 */
bool ddl_charset(struct ddl *d, uint8_t *ret_cs, uint8_t *ret_bytes, bool *ret_told);

/* Does an index, a key, a constraint or a period begin here, in a list of columns? */
bool ddl_is_key(const struct ddl *d);

/* Passes it. */
void ddl_key(struct ddl *d);

/* Options of a table, up to a ',' (in an ALTER) or the end. False: a SELECT follows. */
bool ddl_options(struct ddl *d, bool alter);

/* The clauses of ALTER TABLE, on the loaded columns. */
bool ddl_alter_clauses(struct ddl *d);

/* Reads one statement, whose first token is there. False: it is not about tables or databases. */
bool ddl_statement(struct ddl *d);

/* Statements: the token behind TABLE, and IF EXISTS or IF NOT EXISTS still to come. */
void ddl_create_table(struct ddl *d, bool or_replace);
void ddl_alter_table(struct ddl *d);
void ddl_rename_tables(struct ddl *d);

/* Behind DROP INDEX: of the primary key, which has that name; others are none of ours. */
void ddl_drop_index(struct ddl *d);

/* What is known of a table before this statement: SCHEMA_NONE or a version. */
uint32_t ddl_before(struct ddl *d, const struct ddl_name *n, struct table_key *ret_k);
/* Is that version one with columns? */
bool ddl_known(const struct ddl *d, uint32_t v);

/* The build becomes the table; unknown where it cannot. */
void ddl_commit(struct ddl *d, const struct table_key *k);
void ddl_copy(struct ddl *d, const struct table_key *k, uint32_t from);
void ddl_mark_unknown(struct ddl *d, const struct table_key *k);
void ddl_mark_gone(struct ddl *d, const struct table_key *k);

#endif
