/* tables.h - the table maps that rows are read with, of all sessions of a worker and source.
 *
 * In:     TABLE_MAP events; what a schema says of their tables.
 * Out:    struct mysql_known, borrowed until BATCH_RECS_MAX more frames have been put.
 * Owns:   all of them, in slots of three sizes.
 * Runs:   create and destroy: main; the rest: worker.
 * Limits: the slots of TABLES_SIZES; the table that was not used for longest is forgotten first.
 */
#ifndef SL_PARSERS_MYSQL_TABLES_H
#define SL_PARSERS_MYSQL_TABLES_H

#include "dataplane/base/option.h"
#include "parsers/mysql/schema.h"
#include "parsers/mysql/table.h"

struct mysql_known {
	uint64_t id;               /* of the table, in the log of the owner */
	uint32_t owner;            /* 0: nobody */
	struct slice db, name;     /* where `table` is NULL: its names, or empty */
	bool wanted;               /* the source's `tables` let it through */
	bool unsure;               /* names are of a schema that may have missed a change */
	const char *why;           /* not NULL: its rows cannot be read, for this reason */
	struct mysql_table *table; /* NULL when not wanted, or when the map itself cannot be read */
	struct slice body;         /* of its event */
	uint64_t log, place;       /* where that stood, as schema.h has them */
	uint8_t post_len;          /* of such an event in its log */
	bool mariadb;              /* which that log is of */
	bool place_unsure;         /* statements that change tables may have been missed there */

	/* inside */
	uint64_t last_frame; /* number of the last frame that speaks of it, and 1 */
	uint64_t stamp;      /* of the schema, when it was made */
	uint8_t *block;
	uint32_t next;         /* of the same hash, and 1 */
	uint32_t newer, older; /* by use, and 1 */
	uint8_t size;
};

struct mysql_tables;

/* @charsets and @schema are borrowed; schema may be NULL. @ignore_case: of names of tables and
 * databases. 0 or -ENOMEM.
 */
int mysql_tables_create(const struct opt_strings *wanted, bool ignore_case,
			const struct mysql_charsets *charsets, struct mysql_schema *schema,
			struct mysql_tables **ret_ts);
void mysql_tables_destroy(struct mysql_tables *ts);

/* Where a table map stands. */
struct mysql_map_place {
	uint32_t owner;      /* of the session: table ids are its own */
	uint64_t log, place; /* as schema.h has them */
	bool unsure;         /* statements that change tables may have been missed */
	uint64_t frames;     /* that have been put so far */
};

/* Takes in a table map. NULL, or static text: it cannot be read, or there is no slot for it.
 * *ret_wanted: its rows are.
 */
const char *mysql_tables_add(struct mysql_tables *ts, const struct mysql_event *ev,
			     const struct mysql_format *f, const struct mysql_map_place *at,
			     bool *ret_wanted);

/* May tables of @db be wanted? */
bool mysql_tables_wants_db(const struct mysql_tables *ts, struct slice db);

/* NULL: the table map has not been seen, or was forgotten. */
struct mysql_known *mysql_tables_find(struct mysql_tables *ts, uint32_t owner, uint64_t id);

#endif
