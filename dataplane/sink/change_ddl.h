/* change_ddl.h - of a statement that changes tables: what it does, and to which table.
 *
 * In:     the text of the statement, UTF-8.
 * Out:    the kind; the names, as they are written but for their quotes.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: the first table of several.
 */
#ifndef SL_SINK_CHANGE_DDL_H
#define SL_SINK_CHANGE_DDL_H

#include "dataplane/base/slice.h"

enum change_verb {
	CHANGE_V_OTHER,
	CHANGE_V_CREATE,
	CHANGE_V_ALTER,
	CHANGE_V_DROP,
	CHANGE_V_TRUNCATE,
	CHANGE_V_RENAME,
};

enum change_thing { CHANGE_OF_OTHER, CHANGE_OF_TABLE, CHANGE_OF_DATABASE, CHANGE_OF_INDEX };

struct change_ddl {
	enum change_verb verb;
	enum change_thing thing;
	struct slice db, table; /* empty: not said; a quote inside of a name stays doubled */
};

void change_ddl_read(struct slice sql, struct change_ddl *ret);

#endif
