/* mjson.h - MySQL's binary JSON, and the differences of partial updates, as JSON text.
 *
 * In:     the value of a JSON column; the diffs of a PARTIAL_UPDATE_ROWS event.
 * Out:    JSON text as the server prints it: DECIMAL as a number, temporal values and bytes as
 *         text.
 * Owns:   nothing.
 * Runs:   worker. No allocation; recursion to MJSON_DEPTH_MAX.
 * Limits: MJSON_DEPTH_MAX levels (the server's is 100); NO_ROOM at the end of the buffer.
 *
 *     type u8 | value; an object or array (sizes u16 or, large, u32; offsets from its start):
 *
 *     count | bytes | object: { key offset, key length u16 }... | { type u8, value or offset }... |
 *     keys | values
 */
#ifndef SL_PARSERS_MYSQL_MJSON_H
#define SL_PARSERS_MYSQL_MJSON_H

#include "parsers/mysql/row.h"

#define MJSON_DEPTH_MAX 128

/* JSON's own null in a row's text has a blank behind it: `null `. It is the same value to a reader
 * of JSON, and encoders tell it from SQL's NULL. @from: where the value's text begins in @out.
 */
enum mysql_fault mjson_mark_null(struct mysql_out *out, size_t from);

/* Appends the text of a whole value: type byte, then the value. An empty value is null. */
enum mysql_fault mjson_put(struct slice value, struct mysql_out *out);

/* The bytes of text that applying diffs may look at, all in all: beyond it they are written as they
 * are. Hostile events would cost the square of their size otherwise.
 */
#define MJSON_DIFF_WORK_MAX (64u << 20)

/* Appends the text of @base with the diffs applied, in order; or, where @base is NULL or a diff
 * does not apply to it, the diffs themselves as
 * {"_partial":[{"op":"replace"|"insert"|"remove","path":"$.a[0]","value":...}]}.
 */
enum mysql_fault mjson_put_diff(const struct slice *base, struct slice diffs,
				struct mysql_out *out);

#endif
