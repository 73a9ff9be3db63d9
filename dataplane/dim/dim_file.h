/* dim_file.h - the rows of a file, for other kinds that begin with one.
 *
 * In:     a CSV with names of columns in its first line, or a JSON object a line; or a dump
 *         (dim_dump.h).
 * Out:    rows.
 * Owns:   nothing.
 * Runs:   who loads a dimension.
 * Limits: 8 GiB.
 */
#ifndef SL_DIM_DIM_FILE_H
#define SL_DIM_DIM_FILE_H

#include "dataplane/dim/dim.h"

/* @table: "DB.TABLE", of which a dump has the rows. 0, or -errno with a text. */
int dim_file_load(const char *path, const char *table, struct dim_load *l, struct err *e);

#endif
