/* dim_sql.h - the words of a dump's SQL, one after the other.
 *
 * In:     SQL as MySQL and MariaDB spell it.
 * Out:    tokens, borrowed from the text; what is in quotes without its escapes.
 * Owns:   nothing; the text is changed where it stands.
 * Runs:   who loads a dimension.
 * Limits: -
 */
#ifndef SL_DIM_DIM_SQL_H
#define SL_DIM_DIM_SQL_H

#include "dataplane/base/slice.h"

enum sql_kind {
	TOKEN_END,  /* also behind a quote or a comment without an end */
	TOKEN_WORD, /* a word or a number, as it stands */
	TOKEN_NAME, /* a name in backquotes */
	TOKEN_STRING,
	TOKEN_SIGN, /* one byte */
};

struct sql_token {
	enum sql_kind kind;
	struct slice s;
	unsigned line; /* where it begins */
};

struct sql_text {
	uint8_t *text;
	size_t len, at;
	unsigned line;   /* from 1 */
	unsigned broken; /* where what has no end begins; 0: nothing so far */
};

/* Comments are none, those for newer servers (those with ! behind the star) among them. */
struct sql_token dim_sql_next(struct sql_text *t);

/* What is left of the line, and the end of it; for DELIMITER, which is not SQL. */
struct slice dim_sql_line(struct sql_text *t);

/* Is it this word, in any case, or this sign? */
bool dim_sql_is(struct sql_token k, const char *word);

#endif
