/* sql.h - the tokens of a SQL text as MySQL and MariaDB write it.
 *
 * In:     bytes of a statement, or of a dump with many, in the charset of the client.
 * Out:    one token after the other, borrowed from these bytes; comments are passed over, what
 *         stands in executable ones is not.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: none: one pass over the bytes, every call ends. What cannot be a token is SQL_BAD.
 */
#ifndef SL_PARSERS_MYSQL_SQL_H
#define SL_PARSERS_MYSQL_SQL_H

#include "parsers/mysql/charset.h"

enum sql_kind {
	SQL_END,    /* the text has ended */
	SQL_WORD,   /* bare identifier or keyword; may begin with a digit */
	SQL_NUMBER, /* decimal digits only */
	SQL_NAME,   /* `quoted`: text without the quotes, doubled ones still double */
	SQL_DOUBLE, /* "quoted": a name or a string, by its place */
	SQL_STRING, /* 'quoted' */
	SQL_PUNCT,  /* one byte */
	SQL_BAD,    /* a quote that never ends */
};

struct sql {
	const uint8_t *at, *end;
	struct slice text; /* of the token */
	enum sql_kind kind;
	uint8_t punct; /* of SQL_PUNCT, else 0 */
	bool escapes;  /* in strings a backslash is one: not NO_BACKSLASH_ESCAPES */
	bool ansi;     /* ANSI_QUOTES: no escapes in "names" */
	bool executed; /* inside of an executable comment */
	enum mysql_charset charset;
};

/* Stands before the first token: call sql_next. */
void sql_init(struct sql *s, struct slice text, enum mysql_charset charset, uint64_t sql_mode);
void sql_next(struct sql *s);

/* Is the token this keyword (given in lower case)? Quoted names never are. */
bool sql_is(const struct sql *s, const char *keyword);

/* When it is: passes it and answers true. */
bool sql_accept(struct sql *s, const char *keyword);
bool sql_accept_punct(struct sql *s, uint8_t c);

/* Is the token behind this one that keyword, or that byte? */
bool sql_next_is(const struct sql *s, const char *keyword);
bool sql_next_punct(const struct sql *s, uint8_t c);

static inline bool sql_punct(const struct sql *s, uint8_t c)
{
	return s->punct == c;
}

/* Could the token be the name of something? */
static inline bool sql_names(const struct sql *s)
{
	return s->kind == SQL_WORD || s->kind == SQL_NAME || s->kind == SQL_DOUBLE ||
	       s->kind == SQL_NUMBER;
}

static inline bool sql_text(const struct sql *s)
{
	return s->kind == SQL_STRING || s->kind == SQL_DOUBLE;
}

/* From a '(' to behind its ')'. Any other token is passed alone. */
void sql_skip(struct sql *s);

/* Passes tokens up to a ',' or ')' outside of parentheses, a ';', or the end. */
void sql_skip_item(struct sql *s);

/* The length in bytes of the character at @p: more than 1 where a byte behind the first could be
 * taken for ASCII (gbk, big5, sjis, cp932, gb18030).
 */
size_t sql_char_bytes(enum mysql_charset cs, const uint8_t *p, const uint8_t *end);

/* Writes a quoted token without doubled quotes and escapes to @out (room for text.len) and returns
 * the bytes; still in the charset of the client.
 */
size_t sql_unquote(const struct sql *s, uint8_t *out);

#endif
