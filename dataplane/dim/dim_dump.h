/* dim_dump.h - the rows of one table out of a mysqldump.
 *
 * In:     the SQL that mysqldump or mariadb-dump writes for schema and data (CREATE TABLE, INSERT),
 *         of one database or of several.
 * Out:    rows, their values spelled as those of row changes are.
 * Owns:   nothing.
 * Runs:   who loads a dimension.
 * Limits: 8 GiB; DUMP_COLUMNS_MAX columns; DIM_ROW_BYTES_MAX of binary values in a row.
 */
#ifndef SL_DIM_DIM_DUMP_H
#define SL_DIM_DIM_DUMP_H

#include "dataplane/dim/dim.h"

#define DUMP_COLUMNS_MAX 4096

/* Does a file begin as a dump does? */
bool dim_dump_is(struct slice text);

/* @table: "DB.TABLE". @text is changed where it stands: escapes are taken out. 0, or -errno with a
 * text that begins with @path and a line.
 */
int dim_dump_load(const char *path, uint8_t *text, size_t len, const char *table,
		  struct dim_load *l, struct err *e);

#endif
