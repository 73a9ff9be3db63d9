/* sql_query.h - a whole SELECT, taken apart into what operators are made of.
 *
 * In:     SELECT items FROM input [[LEFT] JOIN dimension ON key = dimension.key ..] [WHERE ..]
 *         [GROUP BY tumble(time, 'length'), .. [HAVING ..]]
 * Out:    the texts of its parts, each with its place in the query.
 * Owns:   all texts, until sql_query_fini.
 * Runs:   main.
 * Limits: SQL_JOINS_MAX dimensions, SQL_NAMES_MAX groups and aggregates each.
 *
 * Parts keep their bytes at their places: what is written over (the alias of the input, a call of
 * an aggregate) leaves blanks behind it. So a fault in a part is a fault at a known place.
 */
#ifndef SL_GRAPH_SQL_QUERY_H
#define SL_GRAPH_SQL_QUERY_H

#include "dataplane/graph/sql_parse.h"

#define SQL_JOINS_MAX 16
#define SQL_NAMES_MAX 60

struct sql_part {
	const char *text; /* NULL: the query has none */
	size_t off;
};

struct sql_join {
	const char *dimension;
	const char *prefix;     /* "alias.": in front of its fields' names */
	const char *key_column; /* of the dimension, as the query names it */
	struct sql_part key;
	bool left; /* LEFT JOIN: a record without a row stays */
	size_t off;
};

struct sql_name {
	const char *name; /* of the field that it becomes */
	struct sql_part part;
};

struct sql_query {
	struct arena a;
	struct sql_part items, where, having;
	struct sql_join joins[SQL_JOINS_MAX];
	unsigned n_joins;
	bool where_joined; /* names a dimension */
	bool grouped;
	uint64_t window_ns;
	struct sql_part time; /* NULL: packet time */
	struct sql_name groups[SQL_NAMES_MAX], aggregates[SQL_NAMES_MAX];
	unsigned n_groups, n_aggregates;
	const struct sql_token *tokens; /* of the text as it was written */
	unsigned n_tokens;
	const char *text;
};

/* -EINVAL with a text and *ret_off, -ENOMEM. Fini in either case. */
int sql_query_read(struct sql_query *q, const char *text, size_t *ret_off, struct err *e);
void sql_query_fini(struct sql_query *q);

/* Does the query name @field without saying whose it is? Then its place. */
bool sql_query_bare(const struct sql_query *q, const char *field, size_t *ret_off);

#endif
