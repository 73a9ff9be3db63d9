/* QUERY events: DDL, statements, and what begins and ends transactions. Contract: log_priv.h. */
#include "parsers/mysql/log_priv.h"

#include "dataplane/base/text.h"
#include "parsers/mysql/ddl.h"
#include "parsers/mysql/wire.h"

/* BEGIN, COMMIT, SAVEPOINT and their like, and comments: they change no data. */
static bool is_transaction(struct slice sql)
{
	static const char *const words[] = {
		"begin", "commit",  "rollback", "savepoint", "release", "xa",     "start", "set",
		"flush", "analyze", "optimize", "repair",    "grant",   "revoke", "use",   NULL};
	while (sql.len && (sql.ptr[0] <= ' ' || sql.ptr[0] == '/'))
		sql = slice_from(sql, 1);
	if (sql.len == 0 || sql.ptr[0] == '#')
		return true;
	for (unsigned i = 0; words[i]; i++) {
		size_t n = strlen(words[i]);
		if (sql.len >= n && text_ieq(slice_of(sql.ptr, n), slice_str(words[i])) &&
		    (sql.len == n || sql.ptr[n] <= ' ' || sql.ptr[n] == ';'))
			return true;
	}
	return false;
}

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
	mysql_ddl_apply(r->p->schema, &ddl, NULL);
}

static enum mysql_outcome put_statement(struct reading *r, const struct mysql_event *ev,
					const struct mysql_query *q, bool is_ddl)
{
	static const uint32_t none[2];
	struct mysql_event_ctx *ctx = mysql_pool_event(r->p);
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
	return mysql_read_put(r, ctx, &d, none) ? MYSQL_READ : MYSQL_FULL;
}

enum mysql_outcome mysql_read_query(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_query q;
	enum mysql_fault fault = mysql_query_parse(ev, r->format, r->p->unpack, &q);
	if (fault != MYSQL_F_OK)
		return mysql_read_dead(r, ev, mysql_fault_text(fault));
	bool is_ddl = mysql_ddl_is(q.sql);
	if (!is_ddl && is_transaction(q.sql))
		return MYSQL_READ;
	enum mysql_outcome o = MYSQL_PASSED;
	if (mysql_tables_wants_db(r->p->tables, q.db) && (is_ddl || r->p->conf->statements))
		o = put_statement(r, ev, &q, is_ddl);
	if (is_ddl && o != MYSQL_FULL)
		apply_ddl(r, ev, &q);
	return o;
}
