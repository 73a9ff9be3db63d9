/* canal_type.h - a column's type as canal-json names it: MySQL's own text, and java.sql.Types.
 *
 * In:     the declaration of a column.
 * Out:    `varchar(64)` as a JSON string; a number.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: CANAL_TYPE_MAX bytes; an ENUM or SET whose labels have no room there is without them.
 */
#ifndef SL_SINK_CANAL_TYPE_H
#define SL_SINK_CANAL_TYPE_H

#include "dataplane/rec/change.h"

#define CANAL_TYPE_PLAIN_MAX 64 /* without labels */
#define CANAL_TYPE_MAX       2048

/* An upper bound for this column. */
static inline size_t canal_type_max(const struct change_column *col)
{
	return col->n_labels ? CANAL_TYPE_MAX : CANAL_TYPE_PLAIN_MAX;
}

uint8_t *canal_type_put(uint8_t *o, const struct change_column *col);
int canal_sql_type(const struct change_column *col);

#endif
