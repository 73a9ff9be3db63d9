/* expr.h - SQL scalar expressions over a burst of records: parsed, checked, compiled, run.
 *
 * In:     text, in PostgreSQL's grammar (libpg_query); the columns that it may name, with types.
 * Out:    a vector (vec.h) for each expression.
 * Owns:   a set owns its programs, constants and pattern data bases; a run owns a worker's vectors.
 * Runs:   building: main. Running: worker, without allocation but from the batch's arena.
 * Limits: EXPR_TEXT_BYTES_MAX of text, EXPR_DEPTH_MAX levels, EXPR_SET_MAX expressions a set.
 *
 * Semantics are PostgreSQL 15's; docs/expressions.md lists what there is and where we differ. All
 * expressions of one set share their common parts, and all their patterns on one column are scanned
 * in one pass.
 */
#ifndef SL_GRAPH_EXPR_H
#define SL_GRAPH_EXPR_H

#include "dataplane/base/err.h"
#include "dataplane/graph/vec.h"

#define EXPR_TEXT_BYTES_MAX (64u << 10)
#define EXPR_DEPTH_MAX      100
#define EXPR_SET_MAX        1024

struct expr_column {
	const char *name; /* as the record spells it; SQL folds unquoted names to lower case: a name
			   * is found as it is written first, then in lower case */
	enum sql_type type;
};

/* What an expression may name. */
struct expr_scope {
	const struct expr_column *columns;
	unsigned n_columns;
	bool open;        /* any other name is a column of type text that comes into being by being
			   * named: the fields of JSON are not known before they are seen */
	const char *zone; /* IANA name for timestamptz to and from text; NULL: UTC */
};

/* Where the text is wrong: @off bytes into it. */
struct expr_place {
	size_t off;
};

struct expr_set;
struct expr_run;

int expr_set_create(const struct expr_scope *scope, struct expr_set **ret_s, struct err *e);
void expr_set_destroy(struct expr_set *s);

/* Adds one expression. Returns its number in the set; -EINVAL with a text that says what is wrong
 * and, where something is not supported, what is instead, and @ret_at; -ENOMEM, -ENOSPC.
 */
int expr_set_add(struct expr_set *s, struct slice text, struct expr_place *ret_at, struct err *e);

/* One item of a SELECT list: `uid`, `dur::int AS seconds`, `*`. */
struct expr_item {
	char *name; /* of the result: the alias, else the column's or function's as in PostgreSQL */
	int expr;   /* number in the set; -1: a star */
};

/* Adds all of a SELECT list. Items are the set's. The same errors. */
int expr_set_add_list(struct expr_set *s, struct slice text, const struct expr_item **ret_items,
		      unsigned *ret_n, struct expr_place *ret_at, struct err *e);

/* Compiles patterns; nothing can be added after it. */
int expr_set_finish(struct expr_set *s, struct err *e);

enum sql_type expr_set_type(const struct expr_set *s, unsigned expr);

/* The columns that the set reads, those that came into being by being named included: the caller
 * fills a vector for each before it runs. The numbers are stable from expr_set_finish on.
 */
const struct expr_column *expr_set_inputs(const struct expr_set *s, unsigned *ret_n);

/* Where all that the set reads of input @i, a JSON value, are members by name (`->`, `->>`): their
 * names. Else *ret_n is 0: the whole value may be looked at.
 */
const struct slice *expr_set_members(const struct expr_set *s, unsigned i, unsigned *ret_n);

/* Is whether it is NULL all that the set asks of input @i? */
bool expr_set_asks_null(const struct expr_set *s, unsigned i);

/* Is the expression the same for all records (no column in it)? Then its value, one row. */
bool expr_set_constant(const struct expr_set *s, unsigned expr, const struct vec **ret_v);

/* Is the expression nothing but input @ret_input? */
bool expr_set_is_input(const struct expr_set *s, unsigned expr, unsigned *ret_input);

/* Does the expression ask whether a text input, @ret_input, is one of some constants (`=`, IN)?
 * Then how many, else 0; and the constants by number.
 */
unsigned expr_set_one_of(const struct expr_set *s, unsigned expr, unsigned *ret_input);
struct slice expr_set_one_of_text(const struct expr_set *s, unsigned expr, unsigned i);

/* Before expr_set_finish, of one that expr_set_one_of told of: the caller finds its result by
 * itself, in the input, and does not ask for it.
 */
void expr_set_leave_out(struct expr_set *s, unsigned expr);

/* After expr_set_finish: does a call read input @i? One that is a result, and no more, is not. */
bool expr_set_is_read(const struct expr_set *s, unsigned i);

/* The memory and scratch of one worker. */
int expr_run_create(const struct expr_set *s, struct expr_run **ret_r, struct err *e);
void expr_run_destroy(struct expr_run *r);

/* The vector of input @i, to be filled. */
struct vec *expr_run_input(struct expr_run *r, unsigned i);

/* Runs all expressions over the first @n rows of the inputs; text that comes into being lies in @a.
 */
void expr_run_all(struct expr_run *r, unsigned n, struct arena *a);

/* The result, until the next run. */
const struct vec *expr_run_result(const struct expr_run *r, unsigned expr);

#endif
