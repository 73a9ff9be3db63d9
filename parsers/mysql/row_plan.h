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

/* Works out `op` and `room` of all columns; to be called when all else of them is known. */
void row_plan_make(struct mysql_table *t);

/* row_len.c: makes the strides of a table; a full block is seen by who gave it. */
void row_len_make(struct mysql_table *t, struct block *b);

/* The lengths of the images of the row at the start of @data, before | after << 32: which of them
 * it has says @sides, a bit each. Of a table with strides. False: it is cut, or has no bytes.
 */
bool row_both(const struct mysql_table *t, struct slice data, unsigned sides, uint64_t *ret_len);

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
