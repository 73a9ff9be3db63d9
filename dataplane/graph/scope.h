/* scope.h - the columns that expressions may name, and those that they do.
 *
 * In:     the caller's columns (expr.h), names from expressions.
 * Out:    inputs: numbered as they are first named.
 * Owns:   copies of the names.
 * Runs:   main.
 * Limits: SCOPE_INPUTS_MAX inputs.
 */
#ifndef SL_GRAPH_SCOPE_H
#define SL_GRAPH_SCOPE_H

#include "dataplane/graph/expr.h"

#define SCOPE_INPUTS_MAX 4096

/* The column that now() and its kin read. */
#define SCOPE_TIME       "_time"

struct scope {
	struct expr_column *columns;
	unsigned n_columns;
	bool open;
	struct expr_column *inputs; /* SCOPE_INPUTS_MAX of them */
	unsigned n_inputs;
};

int scope_init(struct scope *s, const struct expr_scope *from); /* 0 or -ENOMEM */
void scope_fini(struct scope *s);

/* The input for @name: as it is written, then (unless @quoted) in lower case. @n_parts: of a name
 * like a.b, which makes no column of an open scope. -EINVAL with a text, -ENOSPC, -ENOMEM.
 */
int scope_find(struct scope *s, struct slice name, bool quoted, unsigned n_parts,
	       unsigned *ret_input, struct err *e);

#endif
