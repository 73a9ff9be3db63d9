/* fn.h - the functions, operators and casts of expressions: one table row each.
 *
 * In:     vectors of arguments.
 * Out:    a vector of results; text that comes into being lies in the arena of the call.
 * Owns:   nothing; what a row prepares from constant arguments is the set's.
 * Runs:   prepare: main. row, vec: worker (and main, to fold constants).
 * Limits: FN_ARGS_MAX declared arguments; FN_TEXT_MAX bytes of one text result.
 *
 * A row function sees one row whose arguments are all values (with FN_NULLS: or NULL); a vec
 * function sees the burst and answers for states itself. What is an operator in SQL has its
 * spelling for a name ("+"), a cast is named "::" and takes one argument.
 */
#ifndef SL_GRAPH_FN_H
#define SL_GRAPH_FN_H

#include "dataplane/base/err.h"
#include "dataplane/graph/numeric.h"
#include "dataplane/graph/vec.h"
#include "dataplane/graph/zone.h"

#define FN_ARGS_MAX      7
#define FN_CALL_ARGS_MAX 100 /* with those of FN_VARIADIC, as in PostgreSQL */
#define FN_TEXT_MAX      (1u << 20)

union cell {
	int64_t i;
	double f;
	struct slice s;
	struct numeric n;
	struct interval v;
};

struct patterns;
struct patterns_scratch;

/* One step of a program, as a function sees it. */
struct call {
	const struct fn *fn;
	const void *aux; /* what prepare made */
	struct vec *out;
	struct vec *const *in;
	unsigned n_in;
	uint32_t constants;    /* bit i: argument i is the same in all rows */
	const uint8_t *states; /* FN_NULLS: of the arguments of this row */
	struct arena *a;
	const struct zone *zone; /* of the session: text to and from timestamptz */
	struct patterns_scratch *patterns;
};

typedef uint8_t fn_row(struct call *c, const union cell *in, union cell *ret);
typedef void fn_vec(struct call *c, unsigned n);

/* What a function is prepared with: its arguments' constant values (one row; NULL: not constant),
 * and room that lives as long as the set.
 */
struct fn_prep {
	const struct fn *fn;
	const struct vec *const *constants;
	unsigned n_args;
	uint32_t subject; /* a number for argument 0: the same for the same vector */
	struct arena *a;
	struct zones *zones;
	struct patterns *patterns;
	struct err *e;
};

enum fn_flag {
	FN_NULLS = 1,    /* the row function is called for NULL arguments too */
	FN_VARIADIC = 2, /* the last argument may come again, as often as one likes */
	FN_IMPLICIT = 4, /* casts: by itself */
	FN_HIDDEN =
		8, /* no name to suggest: the checker calls it, or it says what there is instead */
	FN_NO_FOLD = 16, /* not before all is built */
};

struct fn {
	const char *name;
	uint8_t ret; /* enum sql_type */
	uint8_t n_args;
	uint8_t args[FN_ARGS_MAX]; /* enum sql_type */
	uint8_t flags;
	uint8_t n_run; /* arguments that are read while running; 0: all */
	int32_t param; /* the function's own */
	fn_row *row;
	fn_vec *vec;
	/* 0 with *ret_aux, -EINVAL with a text, -ENOMEM. Room from p->a is kept. */
	int (*prepare)(struct fn_prep *p, const void **ret_aux);
};

/* All tables (fns.c). */
struct fn_table {
	const struct fn *fns;
	unsigned n;
};
/* `->` and `->>` with the name of a member: all they read of their first argument. fn_json.c */
bool fn_takes_member(const struct fn *f);

extern const struct fn_table *const fn_tables[];
extern const unsigned fn_n_tables;

extern const struct fn_table fns_compare, fns_arith, fns_math, fns_cast, fns_text, fns_text_edit,
	fns_pattern, fns_time, fns_time_make, fns_json, fns_inet, fns_hash;

/* Those that are no call in SQL but a form of its own. */
extern const struct fn fn_and, fn_or, fn_not, fn_is_null, fn_is_true, fn_is_false, fn_distinct,
	fn_case, fn_coalesce, fn_greatest, fn_least, fn_in;

#define FN_TABLE(array)                                   \
	{                                                 \
		array, sizeof(array) / sizeof((array)[0]) \
	}

/* Room for a text of @len bytes; NULL when there is none: VEC_NO_ROOM. */
static inline uint8_t *call_room(struct call *c, size_t len)
{
	uint32_t off = len <= FN_TEXT_MAX ? arena_take(c->a, len) : 0;
	return off ? c->a->base + off : NULL;
}

/* A copy of @text as the result. */
static inline uint8_t call_text(struct call *c, union cell *ret, const void *text, size_t len)
{
	uint8_t *p = call_room(c, len);
	if (!p)
		return VEC_NO_ROOM;
	if (len)
		memcpy(p, text, len);
	ret->s = slice_of(p, len);
	return VEC_VALUE;
}

/* Runs a row function over a burst. */
void fn_run_rows(struct call *c, unsigned n);

static inline void fn_run(struct call *c, unsigned n)
{
	if (c->fn->vec)
		c->fn->vec(c, n);
	else
		fn_run_rows(c, n);
}

/* The state of each row: that of the worse of two arguments, an error being worse than a NULL. */
static inline void fn_join_states(struct call *c, unsigned n)
{
	const uint8_t *restrict a = c->in[0]->state, *restrict b = c->in[1]->state;
	uint8_t *restrict out = c->out->state;
	for (unsigned i = 0; i < n; i++)
		out[i] = a[i] > b[i] ? a[i] : b[i];
}

/* How a value of a type is held. */
enum cell_kind { CELL_I, CELL_F, CELL_S, CELL_N, CELL_V };
enum cell_kind cell_kind_of(enum sql_type t);

void cell_load(const struct vec *v, unsigned i, union cell *ret);
void cell_store(struct vec *v, unsigned i, const union cell *in);

/* Below, at or above zero, in the order of the type. Not for JSON, which has none. */
int cell_compare(enum sql_type t, const union cell *a, const union cell *b);

#endif
