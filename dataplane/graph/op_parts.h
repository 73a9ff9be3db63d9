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

#include <string.h>

#include "dataplane/graph/column.h"
#include "dataplane/graph/expr.h"

/* Empty schemas at @n ports. 0 or -ENOMEM. */
int op_ports_init(struct op_plan *p, unsigned n);

/* The schema of port @port is that of @from, or has these fields. Names are copied. 0 or -ENOMEM.
 */
int op_schema_copy(struct op_plan *p, unsigned port, const struct op_schema *from);
int op_schema_set(struct op_plan *p, unsigned port, const struct op_field *fields, unsigned n,
		  bool open);

/* The fields of @from, but for those that are in @more, then @more. */
int op_schema_extend(struct op_plan *p, unsigned port, const struct op_schema *from,
		     const struct op_field *more, unsigned n_more);

/* Gives back the ports; for a plan that is nothing but a struct op_plan also the plan. */
void op_ports_fini(struct op_plan *p);
void op_plan_free(struct op_plan *p);

/* A part of a value, at @off bytes of it: faults are told at their place in the whole. @key: the
 * value's; NULL: whatever the part is built as.
 */
struct op_env_part {
	struct op_env env; /* for the part */
	const struct op_env *whole;
	const char *key;
	size_t off;
};

void op_env_part(struct op_env_part *p, const struct op_env *whole, const char *key, size_t off);

/* The type that a field of a record has for a type of SQL, for a table of fields. */
enum val_type op_val_type(enum sql_type t);

/* ---- records ---- */

/* A record of @schema with the identity of @from and room for @n_pairs pairs; the values are the
 * caller's to fill, all of them. NULL: the arena is full.
 */
static inline struct rec *op_rec(struct batch *b, const struct rec *from,
				 const struct schema *schema, unsigned n_pairs)
{
	size_t vals = (schema->n_fields + 2 * (size_t)n_pairs) * sizeof(struct val);
	uint32_t off = arena_take8(&b->arena, sizeof(struct rec) + vals);
	if (!off)
		return NULL;
	struct rec *r = (struct rec *)(b->arena.base + off);
	*r = *from;
	r->schema = schema;
	r->n_pairs = (uint16_t)n_pairs;
	return r;
}

/* A copy of @from with room for @n_more pairs behind its own. NULL: the arena is full. */
static inline struct rec *op_rec_copy(struct batch *b, const struct rec *from, unsigned n_more)
{
	struct rec *r = op_rec(b, from, from->schema, from->n_pairs + n_more);
	if (!r)
		return NULL;
	r->n_pairs = from->n_pairs;
	memcpy(r->vals, from->vals,
	       (from->schema->n_fields + 2u * from->n_pairs) * sizeof(struct val));
	return r;
}

/* Sets the field of @c in a copy with room for it: in its place, or as a new pair. */
void op_rec_put(struct column *c, const struct batch *b, struct rec *r, struct val v);

/* ---- expressions ---- */

/* The expressions of one node. */
struct op_exprs {
	struct expr_set *set;
	struct expr_column *scope; /* the fields of the node's input, and the columns of column.h */
	struct names *names;
	const struct slice *source_names;
};

struct op_exprs_state {
	const struct op_exprs *x;
	struct expr_run *run;
	struct column *columns; /* one for each input of the set */
	bool *left_out;         /* those that the next run does not fill */
	unsigned n_columns;
};

/* Init, add what there is, finish. */
int op_exprs_init(struct op_exprs *x, const struct op_env *env, struct err *e);
int op_exprs_finish(struct op_exprs *x, struct err *e);
void op_exprs_fini(struct op_exprs *x);

/* Adds the expression that stands under @key. Returns its number, or an error with its place. */
int op_exprs_add(struct op_exprs *x, const struct op_env *env, const char *key, const char *text,
		 struct err *e);

/* Adds all of a SELECT list. */
int op_exprs_add_list(struct op_exprs *x, const struct op_env *env, const char *key,
		      const char *text, const struct expr_item **ret_items, unsigned *ret_n,
		      struct err *e);

/* The same as the first, for one that must be a condition. */
int op_exprs_add_condition(struct op_exprs *x, const struct op_env *env, const char *key,
			   const char *text, struct err *e);

/* And for one whose values are told apart by struct key (key.h). */
int op_exprs_add_key(struct op_exprs *x, const struct op_env *env, const char *key,
		     const char *text, struct err *e);

int op_exprs_create(const struct op_exprs *x, struct op_exprs_state *s, struct err *e);
void op_exprs_discard(struct op_exprs_state *s);

/* Runs all of them over @recs; results: expr_run_result(s->run, number). */
void op_exprs_run(struct op_exprs_state *s, struct batch *b, struct rec *const *recs, unsigned n);

/* The columns of a ledger for records whose expression ended in an error, in the order of enum
 * vec_error, and behind them dead_letters; @col is the first of them.
 */

/* Counts @r, whose expression ended in @error: as a dead letter, or as lost under that name. */
void op_error(struct op_run *x, unsigned col, const struct rec *r, uint8_t error);

/* The same for each of @recs whose value in @v is an error. Returns how many. */
unsigned op_errors(struct op_run *x, unsigned col, struct rec *const *recs, const struct vec *v,
		   unsigned n);

#define OP_ERROR_COLS(X)                                                                 \
	X(LOSS, out_of_range, "an expression gave a value out of the range of its type") \
	X(LOSS, division_by_zero, "an expression divided by zero")                       \
	X(LOSS, bad_input, "a value is not of the type that an expression wants")        \
	X(LOSS, no_room, "the batch had no room for a result")                           \
	X(POLICY, dead_letters, "records that became dead letters")

#endif
