/* clickhouse_row.h - records as rows of ClickHouse's RowBinary.
 *
 * In:     the columns of a table, as DESCRIBE tells them; records as lines of JSON.
 * Out:    the row of a record, each value in the type of its column.
 * Owns:   the columns, an index of the tokens of a record.
 * Runs:   main (create), then the sink's thread: all of it.
 * Limits: CH_COLUMNS_MAX columns; record_max bytes a record.
 *
 * A column that the record lacks is NULL where it can be, else its type's zero: RowBinary has no
 * word for a default. A key that is no column is left out. Times without a zone are UTC.
 */
#ifndef SL_SINK_CLICKHOUSE_ROW_H
#define SL_SINK_CLICKHOUSE_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

#define CH_COLUMNS_MAX 1024

struct ch_rows;

/* @described: DESCRIBE TABLE ... FORMAT TSV. @record_max: of a record; a row has twice that at
 * most, and 64 KiB. 0, -ENOMEM, or -EINVAL with a text that names the column and its type.
 */
int ch_rows_create(const char *described, size_t record_max, struct ch_rows **ret_r, struct err *e);
void ch_rows_destroy(struct ch_rows *r);

/* The names, quoted, with commas between. Borrowed until destroy. */
const char *ch_rows_names(const struct ch_rows *r);

/* Of the line of a record, with SL_PAD readable bytes behind it. The row is borrowed until the next
 * one. -EINVAL with a text that names the column: the record does not fit into the table.
 */
int ch_rows_put(struct ch_rows *r, struct slice line, struct slice *ret_row, struct err *e);

#endif
