/* column.h - one field of the records of a burst, as a vector.
 *
 * In:     records of any schemas; the name and type that are wanted.
 * Out:    a filled vector (vec.h).
 * Owns:   nothing; a column remembers where it found its field last.
 * Runs:   init: main. fill: worker.
 * Limits: VEC_ROWS_MAX records.
 */
#ifndef SL_GRAPH_COLUMN_H
#define SL_GRAPH_COLUMN_H

#include "dataplane/graph/op.h"
#include "dataplane/rec/later.h"

enum column_kind {
	COLUMN_FIELD,
	COLUMN_TIME,
	COLUMN_SOURCE,
	COLUMN_STREAM,
	COLUMN_SRC,
	COLUMN_DST,
	COLUMN_ERROR
};

/* A field of the schema, or a pair, by the kind of its key. */
enum column_place { COLUMN_FIXED, COLUMN_NAMED, COLUMN_SHORT, COLUMN_LONG };

struct column {
	struct slice name;
	uint64_t head, head_mask; /* its first eight bytes, and which of them it has */
	uint32_t name_id;         /* the same name as a key */
	enum column_kind kind;
	const struct slice *source_names; /* by rec->source */
	struct later_pick pick; /* the members that are looked at; none: the whole value is */
	bool only_there;        /* of a text: nobody asks more than whether it is NULL */
	/* Where it was found last: the next record likely has it there, too. */
	const struct schema *schema; /* of that record */
	enum column_place place;
	unsigned at;      /* the value's, in rec->vals; a pair's key stands before it */
	unsigned n_pairs; /* that a record has at least */
	uint32_t key_top; /* the upper half of the key: its type and length */
	int fixed;        /* its index in the schema, or -1 */
};

/* Fields that every record has, whatever its schema: _time, _source, _stream, _src, _dst, _error.
 */
extern const struct op_field column_meta[];
extern const unsigned column_n_meta;

/* 0, -ENOMEM or -ENOSPC. @name is borrowed, and so are the names of sources, by rec->source. */
int column_init(struct column *c, const char *name, struct names *names,
		const struct slice *source_names);

/* Row i of @v is the field of recs[i]; absent ones are NULL. */
void column_fill(struct column *c, struct batch *b, struct rec *const *recs, unsigned n,
		 struct vec *v);

/* The same for records that carry it as type @t is carried, so that it can be handed on as it is:
 * vals[i] is its value, VAL_NULL for absent ones. False when some record does not, and for meta
 * fields: then the values of such records are VAL_ABSENT.
 */
bool column_pass(struct column *c, const struct batch *b, struct rec *const *recs, unsigned n,
		 enum sql_type t, struct val *vals);

/* Where one record has the field, meta fields aside; NULL when it does not. */
struct val *column_slot(struct column *c, const struct batch *b, struct rec *r);

#endif
