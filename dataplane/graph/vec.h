/* vec.h - one column of a burst of records, in the types of SQL.
 *
 * In:     -
 * Out:    struct vec: a value, NULL or an error for each row.
 * Owns:   nothing: memory is a worker's (expr.h) or the batch's arena.
 * Runs:   worker.
 * Limits: VEC_ROWS_MAX rows.
 *
 * Types and their ranges are PostgreSQL's (its manual, chapter 8). What PostgreSQL raises as an
 * error is here the error of one row: the record that it belongs to is dropped by name, the others
 * go on.
 */
#ifndef SL_GRAPH_VEC_H
#define SL_GRAPH_VEC_H

#include "dataplane/base/slice.h"
#include "dataplane/rec/rec.h"

#define VEC_ROWS_MAX BATCH_RECS_MAX

enum sql_type {
	SQL_BOOL,        /* i: 0, 1 */
	SQL_INT2,        /* i */
	SQL_INT4,        /* i */
	SQL_INT8,        /* i */
	SQL_FLOAT4,      /* f */
	SQL_FLOAT8,      /* f */
	SQL_NUMERIC,     /* n */
	SQL_TEXT,        /* s: UTF-8 */
	SQL_BYTEA,       /* s */
	SQL_DATE,        /* i: days since 1970-01-01 */
	SQL_TIME,        /* i: nanoseconds since midnight */
	SQL_TIMESTAMP,   /* i: nanoseconds since 1970-01-01 00:00:00, of no zone */
	SQL_TIMESTAMPTZ, /* i: nanoseconds since 1970-01-01 00:00:00 UTC */
	SQL_INTERVAL,    /* v */
	SQL_JSON,        /* s: one valid JSON value (jsonb: its meaning, not its spelling) */
	SQL_INET,        /* s: text, as it stands; checked when it is made */
	SQL_N_TYPES,
};

/* As SQL spells it: "boolean", "integer", "double precision". */
extern const char *const sql_type_names[SQL_N_TYPES + 1]; /* by type, closed by NULL */
const char *sql_type_name(enum sql_type t);

/* What a row of a vector is. From VEC_ERROR on: which error (enum vec_error). */
enum vec_state { VEC_VALUE, VEC_NULL, VEC_ERROR };

enum vec_error {
	VEC_OUT_OF_RANGE = VEC_ERROR, /* of the type, or of what we hold of numeric */
	VEC_DIVISION_BY_ZERO,
	VEC_BAD_INPUT, /* text that the type of a cast does not take; an invalid argument */
	VEC_NO_ROOM,   /* the batch had no room for the result */
	VEC_N_STATES,
};

const char *vec_error_name(uint8_t state); /* "out_of_range", ...; a name for the ledger */

/* coefficient * 10^-scale; at most 38 digits. */
struct numeric {
	__int128 coef;
	int32_t scale; /* 0 .. 38 */
};

struct interval {
	int32_t months, days;
	int64_t ns;
};

struct vec {
	enum sql_type type;
	uint8_t *state; /* VEC_ROWS_MAX of each */
	union {
		int64_t *i;
		double *f;
		struct slice *s;
		struct numeric *n;
		struct interval *v;
	};
};

/* The states of the first @n rows, put together: VEC_VALUE where all of them are values, less than
 * VEC_ERROR where none is an error.
 */
unsigned vec_states(const struct vec *v, unsigned n);

/* Memory of a vector of type @t; the bytes are mem_alloc's. 0 or -ENOMEM. */
int vec_init(struct vec *v, enum sql_type t);
void vec_fini(struct vec *v);

/* From a record's value to row @i of @v, whose type says what is expected, and back into the arena.
 *
 * vec_put: a value that the type does not take (text in an integer column) is VEC_BAD_INPUT; an
 * absent one is NULL; SQL_TEXT takes every value, as it would be printed. May take room from @a.
 * vec_get: VAL_NULL for NULL; the caller looks at errors first. VAL_ABSENT when @a is full.
 */
void vec_put(struct vec *v, unsigned i, struct val val, struct arena *a);
struct val vec_get(const struct vec *v, unsigned i, struct arena *a);

#endif
