/* log_priv.h - the parts of log.c: one event at hand, and what its frames are made with.
 *
 * In:     an event whose place in the log is known.
 * Out:    frames.
 * Owns:   nothing: struct reading lives for one call.
 * Runs:   worker.
 * Limits: those of log.h.
 */
#ifndef SL_PARSERS_MYSQL_LOG_PRIV_H
#define SL_PARSERS_MYSQL_LOG_PRIV_H

#include "parsers/mysql/ddl.h"
#include "parsers/mysql/pool.h"

extern const char mysql_row_too_long[];

/* One event, or one inside of a compressed transaction. */
struct reading {
	struct mysql_pool *p;
	struct mysql_log *log;
	const struct mysql_format *format;
	struct frame_out *out;
	uint64_t pos, end; /* of the event in its log */
	const struct mysql_seen *seen;
	struct mysql_part *part;   /* of the event at hand; NULL: it is whole */
	enum mysql_ahead ahead;    /* of the event at hand, or inside it */
	const char *why;           /* something of it is lost */
	bool again;                /* some of its frames have gone out in the burst before */
	struct mysql_chain *chain; /* NULL: not known who talks */
	struct mysql_link link;    /* no file: the event has no place */
};

/* Where a table map or statement stands, as schema.h has it. */
struct mysql_map_place mysql_read_place(const struct reading *r, uint64_t pos);

/* keep.c: what outlives a run. Where a table map's place in the log is not known, since the session
 * was joined late, the newest of what was kept is better than nothing, and marked unsure.
 */
void mysql_keep_guess(const struct mysql_pool *p, const struct mysql_log *log,
		      struct mysql_map_place *io_at);
void mysql_keep_apply(struct mysql_pool *p, const struct mysql_log *log, struct mysql_ddl *q);
/* The log has been read up to its `pos`. */
void mysql_keep_follow(struct mysql_pool *p, struct mysql_log *log);

/* The log as schema.h numbers it. */
uint64_t mysql_log_number(const struct mysql_log *log);

/* Field source, but for what differs from row to row and the bracket at its end. */
void mysql_read_source(struct reading *r, struct mysql_event_ctx *ctx, const struct mysql_event *ev,
		       struct slice db, bool unsure);

/* False when the burst is full. */
bool mysql_read_put(struct reading *r, struct mysql_event_ctx *ctx, struct frame_desc *d,
		    const uint32_t len[2], bool last);

/* A change that no transaction has begun for is one of its own. */
void mysql_read_begin_alone(struct reading *r);

/* The transaction is over: its GTID and its statements are not those of the next. */
void mysql_read_over(struct mysql_log *log);

/* The transaction ends with @ev, in this way: "commit". An event of its own, unless there is
 * nothing to end, or its last change has said so already.
 */
enum mysql_outcome mysql_read_end(struct reading *r, const struct mysql_event *ev, const char *op,
				  struct slice sql);

/* A whole event, its first MYSQL_DEAD_BYTES, as a frame that says what is wrong with it. @k: of its
 * table, or NULL.
 */
#define MYSQL_DEAD_BYTES (1u << 20)
#define MYSQL_DEAD_SHOWN 65536 /* of it, in its record */
enum mysql_outcome mysql_read_dead(struct reading *r, const struct mysql_event *ev,
				   struct mysql_known *k, const char *why);

enum mysql_outcome mysql_read_rows(struct reading *r, const struct mysql_event *ev);

/* The same in two steps, for an event whose context has its rows and source: what its table says,
 * and the rows from log->rows on.
 */
void mysql_read_table(struct reading *r, struct mysql_event_ctx *ctx, struct mysql_known *k);
enum mysql_outcome mysql_read_rest(struct reading *r, const struct mysql_event *ev,
				   struct mysql_event_ctx *ctx, struct mysql_known *k);

/* One event, or one inside of a compressed transaction. */
enum mysql_outcome mysql_read_event(struct reading *r, const struct mysql_event *ev);

/* inside.c: a whole transaction in one event. */
enum mysql_outcome mysql_read_payload(struct reading *r, const struct mysql_event *ev);

/* pieces.c */
enum mysql_outcome mysql_read_piece(struct reading *r, const struct mysql_event *ev);

/* query.c */
enum mysql_outcome mysql_read_query(struct reading *r, const struct mysql_event *ev);

#endif
