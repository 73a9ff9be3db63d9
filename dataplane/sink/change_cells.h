/* change_cells.h - a row change taken apart again: its columns, and the place it stands in.
 *
 * In:     fields before, after and source of a record with a change (rec/change.h): compact JSON
 *         that is valid, in a padded buffer.
 * Out:    slices of it: keys, values, members; and what the table's declaration says of each.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: a column whose name is not in the table's order has no declaration, nor have those
 * behind.
 */
#ifndef SL_SINK_CHANGE_CELLS_H
#define SL_SINK_CHANGE_CELLS_H

#include "dataplane/rec/rec.h"

struct cell {
	unsigned column;    /* index in the table; behind all of them: not one of its columns */
	struct slice key;   /* `"name":` as it stands */
	struct slice value; /* one JSON value */
	struct change_column col; /* type UNKNOWN: not one of its columns */
};

/* The columns of one image, in order. */
struct cells {
	const struct change *change; /* NULL: an object that is no row */
	const uint8_t *p, *end;
	unsigned next; /* the first column that the next key can be */
};

/* @object may be empty: no columns. */
void cells_open(struct cells *c, const struct change *change, struct slice object);
bool cells_next(struct cells *c, struct cell *ret);

/* Both images at once, column by column: of an update with smaller images, the columns that only
 * one of them has, too. For each column the cell before, the cell after, or both.
 */
struct cell_pairs {
	struct cells cells[2];
	struct cell cell[2];
	bool has[2];
};

struct cell_pair {
	const struct cell *before, *after; /* NULL: that image has no such column */
};

void cell_pairs_open(struct cell_pairs *p, const struct batch *b, const struct rec *r);
bool cell_pairs_next(struct cell_pairs *p, struct cell_pair *ret);

/* The column as it is behind the change (before it, of a delete). */
static inline const struct cell *cell_now(struct cell_pair p)
{
	return p.after ? p.after : p.before;
}

/* The column had another value before. */
static inline bool cell_changed(struct cell_pair p)
{
	return p.before && p.after && !slice_eq(p.before->value, p.after->value);
}

/* Members of field source as they stand: strings with their quotes; empty: not there. */
struct change_place {
	struct slice db, file, pos, gtid, server_id, thread, ts_ms;
	struct slice txid, xid, tx_index, last;
};

void change_place_read(const struct batch *b, const struct rec *r, struct change_place *ret);

/* The text of field @i, when it has some. */
static inline struct slice change_text(const struct batch *b, const struct rec *r,
				       enum change_field i)
{
	struct val v = r->vals[i];
	bool text = v.type == VAL_JSON || v.type == VAL_STR;
	return text ? slice_of(b->arena.base + v.off, v.len) : (struct slice){0};
}

/* The letter of field op. */
static inline char change_op(const struct batch *b, const struct rec *r)
{
	struct slice op = change_text(b, r, CHANGE_OP);
	return op.len ? (char)op.ptr[0] : 'c';
}

#endif
