/* QUERY events: DDL, statements, and what begins and ends transactions. Contract: log_priv.h. */
#include "parsers/mysql/log_priv.h"

#include "parsers/mysql/wire.h"

/* Status variables of a QUERY, as far as they matter; an unknown one ends them.
 *
 *     thread u32 | seconds u32 | len of db u8 | error u16 | len of variables u16 | variables
 */
static void read_status(const struct mysql_event *ev, struct mysql_ddl *q)
{
	/* Bytes of variables 0..; 255: a length byte says. */
	static const uint8_t widths[] = {4, 8, 0, 4, 6, 255, 255, 2, 2, 8, 4};
	struct wire w = wire_of(ev->body);
	wire_take(&w, 11);
	struct slice vars = wire_take(&w, wire_int(&w, 2));
	w = wire_of(vars);
	while (wire_left(&w) > 0) {
		unsigned code = (unsigned)wire_int(&w, 1);
		if (code >= sizeof(widths))
			return;
		size_t n = widths[code];
		if (code == 2)
			n = wire_int(&w, 1) + 1; /* the catalogue of old: NUL behind it */
		else if (n == 255)
			n = wire_int(&w, 1);
		struct slice v = wire_take(&w, n);
		if (w.bad)
			return;
		if (code == 1)
			q->sql_mode = wire_le64(v.ptr);
		if (code == 4) {
			q->client_charset = wire_le16(v.ptr);
			q->server_charset = wire_le16(v.ptr + 4);
		}
		if (code == 8)
			q->db_charset = wire_le16(v.ptr);
	}
}

static void apply_ddl(struct reading *r, const struct mysql_event *ev, const struct mysql_query *q)
{
	struct mysql_map_place at = mysql_read_place(r, r->end);
	struct mysql_ddl ddl = {
		.log = at.log,
		.place = at.place,
		.db = q->db,
		.sql = q->sql,
		.client_charset = q->collation,
		.error = q->error_code,
	};
	read_status(ev, &ddl);
	mysql_keep_apply(r->p, r->log, &ddl);
}

/* Behind BEGIN it is one of several; else a transaction of its own, whose GTID may have come. */
static enum mysql_outcome put_statement(struct reading *r, const struct mysql_event *ev,
					const struct mysql_query *q, bool is_ddl)
{
	static const uint32_t none[2];
	struct mysql_event_ctx *ctx = mysql_pool_event(r->p);
	mysql_read_begin_alone(r);
	bool last = r->log->txn.open && !r->log->txn.begun;
	ctx->change = (struct change){.kind = is_ddl ? CHANGE_DDL : CHANGE_STATEMENT};
	ctx->decoder = &r->p->decoder;
	ctx->table = NULL;
	ctx->charset = (uint8_t)mysql_charset_of(q->collation);
	ctx->db_len = q->db.len < MYSQL_NAME_MAX ? q->db.len : MYSQL_NAME_MAX;
	memcpy(ctx->db, q->db.ptr, ctx->db_len);
	mysql_read_source(r, ctx, ev, slice_of(ctx->db, ctx->db_len), false);
	struct frame_desc d = {.bytes = q->sql, .body = q->sql};
	if (q->sql.len > frame_bytes_max(r->out)) {
		r->why = mysql_row_too_long;
		return MYSQL_LOST;
	}
	return mysql_read_put(r, ctx, &d, none, last) ? MYSQL_READ : MYSQL_FULL;
}

static void end_alone(struct mysql_log *log)
{
	if (log->txn.open && !log->txn.begun)
		mysql_read_over(log);
}

static enum mysql_outcome read_ddl(struct reading *r, const struct mysql_event *ev,
				   const struct mysql_query *q)
{
	enum mysql_outcome o = MYSQL_PASSED;
	if (r->log->undone) { /* it will come again when it is done, or it never is */
		end_alone(r->log);
		return o;
	}
	if (mysql_tables_wants_db(r->p->tables, q->db))
		o = put_statement(r, ev, q, true);
	if (o == MYSQL_FULL)
		return o;
	end_alone(r->log);
	apply_ddl(r, ev, q);
	return o;
}

static enum mysql_outcome read_statement(struct reading *r, const struct mysql_event *ev,
					 const struct mysql_query *q)
{
	enum mysql_outcome o = MYSQL_PASSED;
	if (r->p->conf->statements && mysql_tables_wants_db(r->p->tables, q->db))
		o = put_statement(r, ev, q, false);
	if (o != MYSQL_FULL)
		end_alone(r->log);
	return o;
}

enum mysql_outcome mysql_read_query(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_query q;
	enum mysql_fault fault = mysql_query_parse(ev, r->format, r->p->unpack, &q);
	if (fault != MYSQL_F_OK) {
		r->log->unsure = true; /* it may have changed a table */
		return mysql_read_dead(r, ev, NULL, mysql_fault_text(fault));
	}
	if (mysql_ddl_is(q.sql))
		return read_ddl(r, ev, &q);
	struct mysql_txn *t = &r->log->txn;
	switch (mysql_txn_word(q.sql)) {
	case MYSQL_WORD_BEGIN:
		if (t->begun) /* of the one before the end is missing */
			mysql_read_over(r->log);
		/* fall through */
	case MYSQL_WORD_XA_BEGIN:
		t->sure = true;
		mysql_read_begin_alone(r);
		t->begun = true;
		return MYSQL_READ;
	case MYSQL_WORD_COMMIT:
		return mysql_read_end(r, ev, "commit", (struct slice){0});
	case MYSQL_WORD_ROLLBACK:
		return mysql_read_end(r, ev, "rollback", (struct slice){0});
	case MYSQL_WORD_XA_COMMIT:
		mysql_read_begin_alone(r);
		return mysql_read_end(r, ev, "commit", q.sql);
	case MYSQL_WORD_XA_ROLLBACK:
		mysql_read_begin_alone(r);
		return mysql_read_end(r, ev, "rollback", q.sql);
	case MYSQL_WORD_OTHER:
		return MYSQL_READ;
	default:
		return read_statement(r, ev, &q);
	}
}
