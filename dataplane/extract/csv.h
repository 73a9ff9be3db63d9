/* csv.h - comma-separated (RFC 4180) and tab-separated values to fields.
 *
 * In:     one line, and how many columns it has.
 * Out:    one slice a column.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: the columns that the configuration names; a line with another number is of another shape.
 */
#ifndef SL_EXTRACT_CSV_H
#define SL_EXTRACT_CSV_H

#include "dataplane/rec/rec.h"

struct csv {
	uint8_t sep;
	int quote; /* -1: none, every byte between separators is the value's (tsv) */
};

/* The columns of @line, which lies in the arena of @rb. Doubled quotes inside of quotes become one,
 * in a copy in the arena. False when the line has not @n columns, or a quoted value does not end
 * before its separator.
 */
bool csv_split(const struct csv *c, struct slice line, struct rec_builder *rb, unsigned n,
	       struct slice *ret_columns);

#endif
