/* row_plan.h - images that have all columns of their table, by a plan of the table map.
 *
 * In:     an image, and columns that know what to do with their values.
 * Out:    its length; its text.
 * Owns:   nothing.
 * Runs:   worker. No allocation.
 * Limits: what has no plan, or not the room for its longest text, is written by value_put, which
 *         looks at each step. The text is the same.
 */
#ifndef SL_PARSERS_MYSQL_ROW_PLAN_H
#define SL_PARSERS_MYSQL_ROW_PLAN_H

#include "parsers/mysql/block.h"
#include "parsers/mysql/row.h"
#include "parsers/mysql/wire.h"

/* Works out `op` and `room` of all columns; to be called when all else of them is known. */
void row_plan_make(struct mysql_table *t);

/* row_len.c: makes the strides of a table; a full block is seen by who gave it. */
void row_len_make(struct mysql_table *t, struct block *b);

/* The way over images of one table in which the same columns are NULL: all steps between two
 * lengths are one. Those that came first of a table; they are found by comparing, one by one, which
 * the processor foresees: a place worked out from the bits would have to wait for them, row by row.
 */
#define ROW_SHAPES      8
#define ROW_SHAPE_STEPS 16

struct row_shape {
	uint64_t nulls;
	uint32_t n;    /* steps */
	uint32_t tail; /* bytes behind the last length */
	struct row_step {
		uint32_t go, mask; /* bytes to the next length, and which bits of a u32 it has */
	} steps[ROW_SHAPE_STEPS];
};

struct row_shapes {
	uint64_t table; /* its serial; 0: of no table */
	unsigned n;
	struct row_shape of[ROW_SHAPES];
};

/* Rows of @t follow. */
static inline void row_shapes_begin(struct row_shapes *ss, const struct mysql_table *t)
{
	if (ss->table == t->serial && t->serial)
		return;
	ss->table = t->serial;
	ss->n = 0;
}

/* The length of the image at the start of @data. 0: row_both is to be asked. */
static inline size_t row_by_shape(const struct row_shapes *ss, const struct mysql_table *t,
				  struct slice data)
{
	if (data.len < 8)
		return 0;
	const struct row_shape *s = ss->of, *none = s + ss->n;
	uint64_t nulls = wire_le64(data.ptr) & t->null_bits;
	for (; s != none && s->nulls != nulls; s++)
		;
	if (s == none)
		return 0;
	size_t at = 0, last = data.len - 4;
	for (const struct row_step *step = s->steps, *end = step + s->n; step != end; step++) {
		at += step->go;
		if (at > last)
			return 0;
		at += wire_le32(data.ptr + at) & step->mask;
	}
	at += s->tail;
	return at <= data.len ? at : 0;
}

/* The lengths of the images of the row at the start of @data, before | after << 32: which of them
 * it has says @sides, a bit each. Of a table with strides, of no more than 4 GiB. 0: as above.
 */
static inline uint64_t row_both_by_shape(const struct row_shapes *ss, const struct mysql_table *t,
					 struct slice data, unsigned sides)
{
	size_t before = 0, after = 0;
	if (sides & 1 << MYSQL_BEFORE) {
		before = row_by_shape(ss, t, data);
		if (!before)
			return 0;
		data = slice_of(data.ptr + before, data.len - before);
	}
	if (sides & 1 << MYSQL_AFTER) {
		after = row_by_shape(ss, t, data);
		if (!after)
			return 0;
	}
	return before | (uint64_t)after << 32;
}

/* The same of any row, whose shape is then known, where rows enough follow. 0: it is cut, or has
 * no bytes.
 */
uint64_t row_both(struct row_shapes *ss, const struct mysql_table *t, struct slice data,
		  unsigned sides);

/* The length of the image at the start of @bytes. False: it is cut. */
bool row_len(const struct mysql_table *t, struct slice bytes, uint32_t *ret_len);

/* Of a table with `room`, and an image that row_len has measured: its columns, `,"a":1,"b":null`,
 * at
 * @o, which has t->room bytes and JSON_TEXT_FACTOR times the image's; the new end.
 */
uint8_t *row_plan_text(const struct mysql_table *t, struct slice image, uint8_t *o,
		       bool *io_invalid, bool *io_guessed);

/* The same for the columns of @wanted, by bit, of a table with 64 of them or fewer. */
uint8_t *row_plan_some(const struct mysql_table *t, struct slice image, uint64_t wanted,
		       uint8_t *o);

/* Is all text of it valid? */
bool row_plan_valid(const struct mysql_table *t, struct slice image);

/* Appends the columns of @image, which row_len has measured and which is padded by SL_PAD:
 * `,"a":1,"b":null`. */
enum mysql_fault row_plan_put(const struct mysql_decoder *d, const struct mysql_table *t,
			      struct slice image, struct mysql_out *out);

#endif
