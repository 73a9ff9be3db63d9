/* flow_table.h - the sessions that `sluicectl flows` shows: which of them, in what order, as rows.
 *
 * In:     sessions as flow and frame know them, one after the other; what was asked for.
 * Out:    the largest of those that fit, as rows of a reply.
 * Owns:   the room for them, taken when it is created.
 * Runs:   create, rows, destroy: any thread. add: a worker, which takes its own table.
 * Limits: FLOW_TABLE_ROWS_MAX rows; what fits and has no row is counted.
 *
 * The order is: bytes of both ways, most first; then the first packet, then the id. It is the same
 * whatever worker a session belongs to.
 */
#ifndef SL_CTL_FLOW_TABLE_H
#define SL_CTL_FLOW_TABLE_H

#include <jansson.h>

#include "dataplane/flow/flow.h"
#include "dataplane/frame/frame.h"

#define FLOW_TABLE_ROWS_MAX 10000

/* What is asked for. */
struct flow_query {
	unsigned state; /* bits of flow_state_bit; 0: any */
	int source;     /* index; -1: any */
	unsigned limit; /* rows, from 1 */
	bool by_id;     /* only the session of this id */
	uint64_t id;
};

struct flow_table;

/* The bit of a state by its name; 0: there is none. */
unsigned flow_state_bit(const char *name);
/* Their names, with commas between them. */
const char *flow_state_names(void);

/* NULL when out of memory. */
struct flow_table *flow_table_create(const struct flow_query *q);
void flow_table_destroy(struct flow_table *t); /* accepts NULL */

void flow_table_add(struct flow_table *t, unsigned worker, const struct flow_look *flow,
		    const struct frame_look *frame);

/* The rows of @n tables of one query together, which are emptied: sets `rows`, `sessions`,
 * `left_out` of @reply. @sources: names by index.
 */
void flow_table_reply(struct flow_table *const *tables, unsigned n,
		      const char *(*source)(const void *arg, unsigned i), const void *arg,
		      json_t *reply);

#endif
