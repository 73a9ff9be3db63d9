/* sql_parse.h - the text of an expression to a tree of ours: PostgreSQL's grammar by libpg_query.
 *
 * In:     an expression, or a SELECT list; a whole SELECT.
 * Out:    struct sql_node, with the place of each in the text; of a SELECT its tokens.
 * Owns:   nothing: nodes and their text lie in an arena of the caller's.
 * Runs:   main.
 * Limits: EXPR_TEXT_BYTES_MAX of text, EXPR_DEPTH_MAX levels.
 *
 * What SQL has and expressions do not (subqueries, aggregates, windows, arrays, ...) is refused
 * here, by name. Forms that are a short hand for others come out as the others: NOT IN as NOT of
 * IN, BETWEEN as two comparisons.
 */
#ifndef SL_GRAPH_SQL_PARSE_H
#define SL_GRAPH_SQL_PARSE_H

#include "dataplane/base/arena.h"
#include "dataplane/base/err.h"

enum sql_kind {
	SQL_NODE_COLUMN, /* text: its name, parts joined by '.'; text is as the user spelled it */
	SQL_NODE_STAR,
	SQL_NODE_NULL,
	SQL_NODE_STRING, /* text */
	SQL_NODE_NUMBER, /* text */
	SQL_NODE_BOOL,   /* value */
	SQL_NODE_OP,     /* text: the operator; one or two args */
	SQL_NODE_AND,
	SQL_NODE_OR,
	SQL_NODE_NOT,
	SQL_NODE_CASE, /* args: what is compared or NULL, (when, then) .., else or NULL */
	SQL_NODE_COALESCE,
	SQL_NODE_GREATEST,
	SQL_NODE_LEAST,
	SQL_NODE_NULLIF,
	SQL_NODE_DISTINCT, /* IS DISTINCT FROM */
	SQL_NODE_IN,       /* args: what, then the list */
	SQL_NODE_LIKE,     /* args: what, pattern; value: 1 when case is ignored */
	SQL_NODE_IS,       /* value: enum sql_is */
	SQL_NODE_CALL,     /* text: the function */
	SQL_NODE_CAST,     /* text: the type; mods */
	SQL_NODE_NOW,      /* text: current_timestamp, ...; value: digits kept, -1: all */
	SQL_NODE_ARRAY,
};

enum sql_is { SQL_IS_NULL, SQL_IS_TRUE, SQL_IS_FALSE };

struct sql_node {
	enum sql_kind kind;
	uint32_t off; /* bytes into the user's text */
	struct slice text;
	int64_t value;
	struct sql_node **args;
	unsigned n_args;
	int32_t mods[2]; /* of a type, as in numeric(10,2) */
	unsigned n_mods;
	bool quoted; /* COLUMN: its name stood in quotes */
};

/* One item of a SELECT list. */
struct sql_item {
	const char *name; /* the alias, or NULL */
	struct sql_node *node;
};

/* -EINVAL with a text and the place; -ENOMEM; -ENOSPC when @a is full. */
int sql_parse_list(struct slice text, struct arena *a, struct sql_item **ret_items, unsigned *ret_n,
		   size_t *ret_off, struct err *e);

/* A word, a number, a text in quotes, a sign, as it stands in the text. Comments are none. */
struct sql_token {
	uint32_t off, len;
};

/* The tokens of one whole SELECT statement that PostgreSQL's grammar takes. The same errors. */
int sql_parse_select(struct slice text, struct arena *a, struct sql_token **ret_tokens,
		     unsigned *ret_n, size_t *ret_off, struct err *e);

#endif
