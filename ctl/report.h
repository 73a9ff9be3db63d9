/* report.h - the ledger as people and programs read it.
 *
 * In:     rows of the stages (table, scope, counters), summed over workers.
 * Out:    text on a terminal, JSON in a file; whether it balances, and what was lost.
 * Owns:   its rows.
 * Runs:   main; a report that is not added to any more, any thread.
 * Limits: -
 */
#ifndef SL_CTL_REPORT_H
#define SL_CTL_REPORT_H

#include <stdio.h>

#include "ctl/text_out.h"
#include "dataplane/base/err.h"
#include "dataplane/base/ledger.h"

struct report;

struct report *report_create(void); /* NULL when out of memory */
void report_destroy(struct report *r);

/* Adds @row to the row of (table's stage and unit, @scope). @scope: a source or queue, "" for all.
 */
void report_add(struct report *r, const struct ledger_table *t, const char *scope,
		const uint64_t *row);

/* Says of the row of (@t, @scope), which was added before, why @bytes of its column @col are there;
 * @times: how often that happened, 0: not counted. The same @text is summed.
 */
void report_add_reason(struct report *r, const struct ledger_table *t, const char *scope,
		       unsigned col, const char *text, uint64_t bytes, uint64_t times);

/* All rows of another report, with their reasons. */
void report_add_all(struct report *r, const struct report *other);

/* What a parser tells of its sessions: @len bytes of JSON, one object. They get @scope as "source".
 */
#define REPORT_TOLD_MAX (1u << 20)
void report_tell(struct report *r, const char *scope, const char *text, size_t len);
void report_print_told(const struct report *r, FILE *out); /* for people */

uint64_t report_losses(const struct report *r); /* LEDGER_LOSS and LEDGER_MISSED, of all units */
uint64_t report_imbalances(const struct report *r); /* rows that do not balance */

/* The same, unit by unit: bytes and records are not to be added up before people. */
#define REPORT_UNITS(X)          X(packets) X(bytes) X(frames) X(events) X(records)
#define REPORT_UNIT_MEMBER(unit) uint64_t unit;
struct report_lost {
	REPORT_UNITS(REPORT_UNIT_MEMBER)
};
void report_losses_by_unit(const struct report *r, struct report_lost *ret_lost);

void report_print(const struct report *r, FILE *out);

/* A line for each cell of LEDGER_LOSS and LEDGER_MISSED, in its own unit. */
void report_print_losses(const struct report *r, FILE *out);

/* {"balanced":true,"lost":0,"rows":[{"stage":..,"scope":..,"unit":..,"in":..,..,
 * "reasons":[{"name":"skipped","why":..,"bytes":1,"times":0}]}],"told":[{"source":..}]}. 0 or
 * -errno.
 */
int report_write_json(const struct report *r, const char *path, struct err *e);
void report_put_json(const struct report *r, struct text_out *o); /* without the outer braces */

/* The columns of the row of @stage and @scope; where a stage has several tables, of any. NULL:
 * there is none.
 */
const uint64_t *report_find(const struct report *r, const char *stage, const char *scope,
			    const struct ledger_table **ret_t);

/* Each row in the order of the path; @scope and @cols are borrowed until @row returns. */
typedef void report_row_fn(void *arg, const struct ledger_table *t, const char *scope,
			   const uint64_t *cols);
void report_each(const struct report *r, report_row_fn *row, void *arg);

/* Its tables, each once, in the order of their first rows: the one behind @of (NULL: the first);
 * NULL: no more. And the rows of one.
 */
struct report_table;
const struct report_table *report_table_next(const struct report *r, const struct report_table *of,
					     const struct ledger_table **ret_t);
size_t report_table_rows(const struct report_table *of);
void report_table_each(const struct report_table *of, report_row_fn *row, void *arg);

#endif
