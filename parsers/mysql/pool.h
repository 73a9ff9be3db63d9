/* pool.h - what the sessions of a worker and source that replicate have in common.
 *
 * In:     the source's options.
 * Out:    memory and decoders for log.c, mysql.c and record.c.
 * Owns:   everything it points to.
 * Runs:   create and destroy: main; the rest: worker.
 * Limits: those of its parts.
 */
#ifndef SL_PARSERS_MYSQL_POOL_H
#define SL_PARSERS_MYSQL_POOL_H

#include "parsers/mysql/log.h"
#include "parsers/mysql/payload.h"
#include "parsers/mysql/row_plan.h"
#include "parsers/mysql/state.h"

/* A burst has at most BATCH_RECS_MAX frames, so as many contexts are in use; and one to fill. */
#define MYSQL_EVENT_CTXS (BATCH_RECS_MAX + 2)
#define MYSQL_FRAME_CTXS (2 * BATCH_RECS_MAX)

struct mysql_pool {
	const struct mysql_conf *conf;
	struct mysql_unpack *unpack;
	struct mysql_payloads *payloads;
	struct mysql_schema *schema;
	struct mysql_feed *feed; /* of keep; NULL: nothing is kept */
	uint64_t provisional;    /* statements whose place in the log was not known */
	struct mysql_decoder decoder;
	struct mysql_tables *tables;
	struct mysql_streams *streams;
	uint32_t owners; /* given out so far */
	uint32_t again;  /* owner of what dead letters are read with; 0: none yet */

	struct mysql_log logs[MYSQL_LOGS];
	uint64_t log_calls;
	struct mysql_chains chains;

	uint64_t serial; /* of the last event that was begun */
	uint64_t frames_put;
	unsigned event_at;    /* the context that is being filled or used */
	uint64_t rows_serial; /* whose rows it holds, and at which inner event; 0: nobody's */
	uint64_t rows_inner;
	bool rows_apart; /* its rows lie in memory of `unpack` */
	size_t rows_off; /* else so far behind the event's first byte */
	struct mysql_format inner_format;
	struct row_shapes shapes;
	struct mysql_event_ctx events[MYSQL_EVENT_CTXS];
	struct mysql_frame_ctx frames[MYSQL_FRAME_CTXS];
};

int mysql_pool_create(const void *conf, void *keep, void **ret_pool, struct err *e);
void mysql_pool_destroy(void *pool);

/* struct parser's, of the chains. */
const uint64_t *mysql_pool_row(const void *pool);
size_t mysql_pool_tell(const void *const *pools, unsigned n, char *out, size_t cap);

/* A number for a session, under which its things in the pool are found; never 0. */
uint32_t mysql_pool_owner(struct mysql_pool *p);

/* A context that no frame of this burst points to, for the next event. */
struct mysql_event_ctx *mysql_pool_event(struct mysql_pool *p);

#endif
