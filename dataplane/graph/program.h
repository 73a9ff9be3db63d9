/* program.h - the steps that a set of expressions comes down to: columns, constants, calls.
 *
 * In:     functions, and the numbers of the steps that they take their arguments from.
 * Out:    steps, each after those that it reads. A step that is there is not made again, and a call
 *         of constants is a constant.
 * Owns:   steps, constants, what functions prepare, zones, patterns.
 * Runs:   building: main. Reading: any thread.
 * Limits: PROGRAM_STEPS_MAX steps; PROGRAM_BYTES of constants and lists.
 */
#ifndef SL_GRAPH_PROGRAM_H
#define SL_GRAPH_PROGRAM_H

#include "dataplane/graph/expr.h"
#include "dataplane/graph/fn.h"
#include "dataplane/graph/pattern.h"

#define PROGRAM_STEPS_MAX 65536
#define PROGRAM_BYTES     (64u << 20) /* of address space; what is not used takes no memory */

struct step {
	const struct fn *fn; /* NULL: a column, or a constant */
	const void *aux;
	struct vec *constant; /* one row; NULL: none */
	const uint32_t *args;
	uint32_t n_args;
	uint32_t column; /* of the inputs */
	uint8_t type; /* enum sql_type: of the result, which for CASE and its kin is not fn->ret */
	uint64_t hash;
};

struct program {
	struct arena a;
	struct step *steps;
	uint32_t n_steps;
	uint32_t *index; /* of steps by hash, PROGRAM_INDEX of them; 0: empty, else number + 1 */
	struct zones *zones;
	const struct zone *zone;
	struct patterns *patterns;
	struct arena scratch; /* text of calls that are tried */
};

int program_init(struct program *p, const char *zone, struct err *e);
void program_fini(struct program *p);

/* Each returns 0 and the step's number, or -ENOSPC. */
int program_column(struct program *p, enum sql_type t, uint32_t column, uint32_t *ret_step);
int program_constant(struct program *p, enum sql_type t, uint8_t state, const union cell *v,
		     uint32_t *ret_step);
/* -EINVAL too, with a text, when the function refuses its arguments. */
int program_call(struct program *p, const struct fn *fn, enum sql_type t, const uint32_t *args,
		 uint32_t n_args, uint32_t *ret_step, struct err *e);

/* Aligned room that lives as long as the program, zeroed; NULL when it is full. */
void *program_take(struct program *p, size_t bytes);

/* The value of a constant step, or NULL. */
static inline const struct vec *program_value(const struct program *p, uint32_t step)
{
	return p->steps[step].constant;
}

#endif
