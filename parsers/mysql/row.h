/* row.h - row events: the images inside, and one image as a JSON object.
 *
 * In:     WRITE, UPDATE, DELETE rows events of any version, and the table they speak of.
 * Out:    images (borrowed bytes), and text {"col":value,...} in a buffer of the caller's.
 * Owns:   nothing.
 * Runs:   worker. No allocation, no log.
 * Limits: MYSQL_COLUMNS_MAX columns; the text ends with NO_ROOM at the end of its buffer.
 *
 *     table id u48 | flags u16 | v2: extra length u16, extra | packed number of columns |
 *     bitmap: columns present (before) | update: bitmap: columns present (after) |
 *     { image before (update, delete), image after (write, update) }...
 *
 *     MariaDB's compressed events: all behind the bitmaps is one zlib block
 *
 *     image: a bit each present column: is NULL | the values of the others
 *
 * Typical use:
 *
 *     mysql_rows_begin(&ev, &format, unpack, &rows);
 *     table = look up rows.table_id;
 *     while ((fault = mysql_rows_next(&rows, table, &row)) == MYSQL_F_OK)
 *             copy row.bytes; later, with the same struct mysql_rows and table:
 *     mysql_row_json(dec, table, &rows, &row, MYSQL_AFTER, &out);
 */
#ifndef SL_PARSERS_MYSQL_ROW_H
#define SL_PARSERS_MYSQL_ROW_H

#include "parsers/mysql/table.h"
#include "parsers/mysql/unpack.h"

enum mysql_op { MYSQL_OP_NONE, MYSQL_OP_WRITE, MYSQL_OP_UPDATE, MYSQL_OP_DELETE };
enum mysql_side { MYSQL_BEFORE, MYSQL_AFTER };

#define MYSQL_ROWS_STMT_END 0x0001 /* flags: last event of its statement; table maps end here */

/* WRITE, UPDATE or DELETE for the types that carry rows, else NONE. */
enum mysql_op mysql_event_op(uint8_t type);

/* A rows event being read. All but `data` outlives the event's bytes: keep a copy to decode later.
 */
struct mysql_rows {
	uint64_t table_id;
	uint16_t flags;
	uint16_t n_columns;
	uint8_t op;        /* enum mysql_op */
	bool partial;      /* PARTIAL_UPDATE_ROWS */
	bool checked;      /* rows of an old temporal format are plausible, all of them */
	bool whole[2];     /* by side: images have all columns, and none of them in part */
	struct slice data; /* images that are not read yet; borrowed */
	uint8_t present[2][MYSQL_BITMAP_MAX + 8]; /* by enum mysql_side */
};

struct mysql_row {
	struct slice bytes; /* both images, before first */
	uint32_t len[2];    /* of each image in it; 0: the op has none */
};

/* @u is for compressed events; NULL: they are the fault COMPRESSION. Dummy events (table id
 * 0xffffff, "end of statement" without rows) have no data.
 */
enum mysql_fault mysql_rows_begin(const struct mysql_event *ev, const struct mysql_format *f,
				  struct mysql_unpack *u, struct mysql_rows *ret_r);

/* The next row, or END. After any other fault the rest of the event cannot be read. OLD_TEMPORAL
 * comes before the first row: with columns whose width is not told, rows are believed when they end
 * where the event ends and all their times are ones that a clock can show.
 */
enum mysql_fault mysql_rows_next(struct mysql_rows *r, const struct mysql_table *t,
				 struct mysql_row *ret_row);

/* Rows whose images row_both (row_plan.h) can measure: its @sides. 0: mysql_rows_next has to be
 * asked.
 */
unsigned mysql_rows_plain(const struct mysql_rows *r, const struct mysql_table *t);

/* Where text goes. */
struct mysql_out {
	uint8_t *buf; /* JSON_TEXT_SLACK bytes behind cap are ours to write, too */
	size_t len, cap;
	bool invalid_text; /* some text was not valid in its character set */
	bool guessed;      /* some text or number is of a column whose set or sign nobody told */
};

/* What decoding needs besides the table: made once a worker. */
struct mysql_decoder {
	const struct mysql_charsets *charsets;
	struct mysql_unpack *unpack; /* compressed columns; may be NULL: the fault COMPRESSION */
};

/* Appends one image as a JSON object: columns that are not in the image are left out. @row's bytes
 * may be a copy (padded by SL_PAD). A partial update of a JSON column is applied to the value
 * before where that is in the row, else written as
 * {"_partial":[{"op":"replace","path":"$.a","value":1}]}. On a fault nothing is appended. The image
 * of a row that the op does not have is the text null.
 */
enum mysql_fault mysql_row_json(const struct mysql_decoder *d, const struct mysql_table *t,
				const struct mysql_rows *r, const struct mysql_row *row,
				enum mysql_side side, struct mysql_out *out);

#endif
