/* op_parts.h - what operators share: schemas at their ports, expressions over their records.
 *
 * In:     struct op_env; texts of expressions.
 * Out:    ports of a plan; a set of expressions with the columns that it reads.
 * Owns:   the schemas at ports; the set.
 * Runs:   init, fini: main. op_exprs_run: worker.
 * Limits: see expr.h.
 */
#ifndef SL_GRAPH_OP_PARTS_H
#define SL_GRAPH_OP_PARTS_H

#include "dataplane/graph/op.h"

/* Empty schemas at @n ports. 0 or -ENOMEM. */
int op_ports_init(struct op_plan *p, unsigned n);

/* The schema of port @port is that of @from, or has these fields. Names are copied. 0 or -ENOMEM.
 */
int op_schema_copy(struct op_plan *p, unsigned port, const struct op_schema *from);
int op_schema_set(struct op_plan *p, unsigned port, const struct op_field *fields, unsigned n,
		  bool open);

/* Gives back the ports; for a plan that is nothing but a struct op_plan also the plan. */
void op_ports_fini(struct op_plan *p);
void op_plan_free(struct op_plan *p);

/* ---- records ---- */

/* A record of @schema with the identity of @from and room for @n_pairs pairs; the values are the
 * caller's to fill, all of them. NULL: the arena is full.
 */
struct rec *op_rec(struct batch *b, const struct rec *from, const struct schema *schema,
		   unsigned n_pairs);

#endif
