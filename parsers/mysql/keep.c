/* What a log leaves for the next run: statements, and how far it was followed. Contracts:
 * log_priv.h, state.h.
 */
#include "parsers/mysql/log_priv.h"

/* Places behind those of all files that are known: of statements whose own place is not. */
#define PROVISIONAL (0xffffffull << 40)

static bool is_placed(const struct mysql_log *log)
{
	return log->file_len && log->server_id;
}

static uint64_t place_of(const struct mysql_log *log)
{
	return mysql_schema_place(slice_of(log->file, log->file_len), log->pos);
}

void mysql_keep_guess(const struct mysql_pool *p, const struct mysql_log *log,
		      struct mysql_map_place *io_at)
{
	if (!p->feed || is_placed(log))
		return;
	const struct mysql_schema_log *only = mysql_feed_only(p->feed, log->server);
	if (!only)
		return;
	io_at->log = only->log;
	io_at->place = UINT64_MAX;
	io_at->unsure = true;
}

void mysql_keep_apply(struct mysql_pool *p, const struct mysql_log *log, struct mysql_ddl *q)
{
	bool placed = is_placed(log);
	struct mysql_map_place at = {.log = q->log, .place = q->place};
	mysql_keep_guess(p, log, &at);
	if (at.log != q->log) {
		q->log = at.log;
		q->place = PROVISIONAL | ++p->provisional;
	}
	enum mysql_ddl_result result = mysql_ddl_apply(p->schema, q, NULL);
	if (p->feed && placed && (result == MYSQL_DDL_APPLIED || result == MYSQL_DDL_UNKNOWN))
		p->chains.row[MYSQL_CHAIN_not_kept] += !mysql_feed_statement(p->feed, q);
}

/* At the first place that is known: were statements missed since the log was left? From then on it
 * is followed, as long as nothing is missing.
 */
static void begin(struct mysql_pool *p, struct mysql_log *log, uint64_t number, uint64_t place)
{
	struct mysql_schema_log l = {.log = number,
				     .server = log->server,
				     .server_id = log->server_id,
				     .followed = place};
	bool known;
	uint64_t followed = 0;
	int idx = mysql_feed_log(p->feed, &l, &known, &followed);
	if (idx < 0 || (known && place > followed))
		log->unsure = true;
	log->kept = idx < 0 ? -1 : idx + 1;
	log->kept_log = number;
}

void mysql_keep_follow(struct mysql_pool *p, struct mysql_log *log)
{
	if (!p->feed || !is_placed(log) || log->hole || !log->pos_known)
		return;
	uint64_t number = mysql_log_number(log), place = place_of(log);
	if (log->kept == 0 || log->kept_log != number)
		begin(p, log, number, place);
	if (log->kept > 0 && !log->unsure)
		mysql_feed_follow(p->feed, log->kept - 1, place);
}
