/* table_meta.h - the optional metadata of a table map, and what a schema adds to it.
 *
 * In:     a table whose columns have their types; the metadata's bytes; definitions of a schema.
 * Out:    signedness, character sets, names, labels, keys and visibility in the columns.
 * Owns:   nothing; names and labels go to the table's block.
 * Runs:   worker.
 * Limits: a field of metadata that is not known is passed over.
 */
#ifndef SL_PARSERS_MYSQL_TABLE_META_H
#define SL_PARSERS_MYSQL_TABLE_META_H

#include "parsers/mysql/block.h"
#include "parsers/mysql/table.h"

/* @mariadb: which columns have a place in the lists of character sets differs. */
enum mysql_fault table_meta_read(struct mysql_table *t, struct slice meta, bool mariadb,
				 const struct mysql_charsets *c, struct block *b);

/* Fills what the metadata left open. COLUMNS, COLUMN_TYPE: the schema is of another table. */
enum mysql_fault table_meta_defs(struct mysql_table *t, const struct mysql_column_def *defs,
				 unsigned n_defs, struct block *b);

/* c1..cn for columns without names; fixes what depends on names and character sets. */
enum mysql_fault table_meta_finish(struct mysql_table *t, struct block *b);

#endif
