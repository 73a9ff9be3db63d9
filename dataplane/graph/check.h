/* check.h - a tree of SQL to typed steps of a program.
 *
 * In:     struct sql_node, a scope.
 * Out:    steps; the type of the whole.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: FN_CALL_ARGS_MAX arguments of a function.
 */
#ifndef SL_GRAPH_CHECK_H
#define SL_GRAPH_CHECK_H

#include "dataplane/graph/program.h"
#include "dataplane/graph/resolve.h"
#include "dataplane/graph/scope.h"
#include "dataplane/graph/sql_parse.h"

/* What a node is: a step, or a literal of a type that is not decided yet. */
struct typed {
	uint8_t type; /* enum sql_type, or SQL_UNKNOWN: then it is a literal */
	bool null;    /* of unknown type: NULL */
	uint32_t step;
	struct slice literal;
	uint32_t off; /* in the text */
};

struct check {
	struct program *p;
	struct scope *scope;
	size_t off; /* of the first fault */
	struct err *e;
};

/* The whole expression; what is still unknown is text. -EINVAL with a text and c->off, -ENOSPC. */
int check_expr(struct check *c, const struct sql_node *n, struct typed *ret_t);

/* What the name of @n is as an item of a SELECT list, NULL when it has none. */
const char *check_item_name(const struct sql_node *n);

/* ---- between the files of the checker ---- */

int check_node(struct check *c, const struct sql_node *n, struct typed *ret_t);
int check_fail(struct check *c, uint32_t off, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* To type @t by an implicit cast, or, if @explicit, by any. */
int check_coerce(struct check *c, const struct typed *x, enum sql_type t, bool explicit,
		 struct typed *ret_t);

/* Calls @name, a function or an operator, after the rules of resolve.h. */
int check_call(struct check *c, const char *name, uint32_t off, const struct typed *args,
	       unsigned n, struct typed *ret_t);

/* A call of @fn with arguments that have its types. */
int check_step(struct check *c, const struct fn *fn, enum sql_type t, uint32_t off,
	       const struct typed *args, unsigned n, struct typed *ret_t);

/* Nodes that are function calls (check_call.c) and casts. */
int check_function(struct check *c, const struct sql_node *n, struct typed *ret_t);
int check_cast(struct check *c, const struct sql_node *n, struct typed *ret_t);
int check_now(struct check *c, const struct sql_node *n, struct typed *ret_t);
int check_path(struct check *c, const struct sql_node *n, struct typed *ret_t);
int check_constant(struct check *c, enum sql_type t, uint8_t state, const union cell *v,
		   uint32_t off, struct typed *ret_t);

#endif
