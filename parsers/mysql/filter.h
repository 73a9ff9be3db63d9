/* filter.h - which tables a source wants: the patterns of its option `tables`.
 *
 * In:     patterns, names as table maps have them (UTF-8).
 * Out:    yes or no.
 * Owns:   nothing.
 * Runs:   any thread; nothing allocates.
 * Limits: steps are bounded by the product of the lengths.
 *
 * A pattern is `db.table`; one without a dot is a whole database. `*` stands for any characters,
 * also none, `?` for exactly one; the first dot ends the database. No pattern at all: every table.
 */
#ifndef SL_PARSERS_MYSQL_FILTER_H
#define SL_PARSERS_MYSQL_FILTER_H

#include "dataplane/base/option.h"
#include "dataplane/base/slice.h"

bool mysql_filter_table(const struct opt_strings *wanted, bool ignore_case, struct slice db,
			struct slice name);

/* May tables of @db be wanted? Of no database (an empty name): yes. */
bool mysql_filter_db(const struct opt_strings *wanted, bool ignore_case, struct slice db);

/* NULL, or static text: why @pattern is none, and what was expected. */
const char *mysql_filter_fault(struct slice pattern);

#endif
