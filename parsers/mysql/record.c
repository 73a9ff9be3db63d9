#include "dataplane/base/text.h"
#include "dataplane/rec/json_text.h"
#include "parsers/mysql/late.h"
#include "parsers/mysql/log_priv.h"

const struct field_def mysql_fields[] = {
	[CHANGE_OP] =
		{"op", VAL_STR,
		 "c, u or d: a row was inserted, updated or deleted; ddl; statement; commit, "
		 "rollback, prepare: a transaction ended so, where its last change did not tell"},
	[CHANGE_DB] = {"db", VAL_STR, "of ddl and statement: the current database"},
	[CHANGE_SQL] = {"sql", VAL_STR, "of ddl and statement: its text; of XA: the statement"},
	[CHANGE_BEFORE] = {"before", VAL_JSON, "columns of the row before the change, or null"},
	[CHANGE_AFTER] = {"after", VAL_JSON, "columns of the row after the change, or null"},
	[CHANGE_SOURCE] =
		{"source", VAL_JSON,
		 "where the change stands: db, table, server_id, file, pos, row, gtid, "
		 "ts_ms; txid, tx_index, last: its transaction, its place there from 0, true on "
		 "the last one; query: its statement (option query); unnamed: the names of the "
		 "columns are not known; unsure: they are those of before a hole in the capture"},
	{NULL},
};

static struct val put_text(struct rec_builder *rb, struct slice text)
{
	return rec_make_text(rb, VAL_STR, text);
}

/* What is left of the arena, to be written from its front. */
static struct mysql_out begin_json(const struct rec_builder *rb)
{
	const struct arena *a = &rb->b->arena;
	size_t left = arena_left(a), cap = left > JSON_TEXT_SLACK ? left - JSON_TEXT_SLACK : 0;
	if (cap > VAL_LEN_MAX)
		cap = VAL_LEN_MAX;
	return (struct mysql_out){.buf = a->base + a->used, .cap = cap};
}

static struct val end_json(struct rec_builder *rb, const struct mysql_out *out)
{
	struct arena *a = &rb->b->arena;
	struct val v = val_of(VAL_JSON, (uint32_t)a->used, out->len);
	a->used += out->len;
	return v;
}

const char *mysql_image_now(struct rec_builder *rb, const struct mysql_event_ctx *ev,
			    const struct mysql_row *row, enum mysql_side side, bool *ret_invalid)
{
	struct mysql_out out = begin_json(rb);
	enum mysql_fault fault = mysql_row_json(ev->decoder, ev->table, &ev->rows, row, side, &out);
	if (fault == MYSQL_F_NO_ROOM) {
		rb->full = true;
		return NULL;
	}
	if (fault != MYSQL_F_OK)
		return mysql_fault_text(fault);
	rec_set(rb, side == MYSQL_BEFORE ? CHANGE_BEFORE : CHANGE_AFTER, end_json(rb, &out));
	*ret_invalid = out.invalid_text;
	return NULL;
}

static void set_source(struct rec_builder *rb, const struct mysql_frame_ctx *fc, bool invalid)
{
	struct mysql_out out = begin_json(rb);
	if (out.cap < mysql_source_max(fc->event)) {
		rb->full = true;
		return;
	}
	out.len = (size_t)(mysql_source_put(fc, invalid, out.buf) - out.buf);
	rec_set(rb, CHANGE_SOURCE, end_json(rb, &out));
}

/* `db.table`, or the name of the database alone; its length. */
static size_t name_stream(struct slice db, struct slice table, uint8_t *name)
{
	size_t n = db.len < MYSQL_NAME_MAX ? db.len : MYSQL_NAME_MAX;
	memcpy(name, db.ptr, n);
	if (table.len) {
		size_t more = table.len < MYSQL_NAME_MAX ? table.len : MYSQL_NAME_MAX;
		name[n++] = '.';
		memcpy(name + n, table.ptr, more);
		n += more;
	}
	return n;
}

static void set_stream(struct rec_builder *rb, struct slice db, struct slice table)
{
	uint8_t name[2 * MYSQL_NAME_MAX + 1];
	size_t n = name_stream(db, table, name);
	if (n)
		rb->stream = put_text(rb, slice_of(name, n));
}

/* What the records of all rows of an event have. */
static void make_head(struct mysql_event_ctx *ctx)
{
	static const char ops[] = {
		[MYSQL_OP_WRITE] = 'c', [MYSQL_OP_UPDATE] = 'u', [MYSQL_OP_DELETE] = 'd'};
	ctx->head[0] = (uint8_t)ops[ctx->rows.op];
	ctx->head_len = 1 + name_stream(ctx->table->db, ctx->table->name, ctx->head + 1);
}

void mysql_read_table(struct reading *r, struct mysql_event_ctx *ctx, struct mysql_known *k)
{
	ctx->decoder = &r->p->decoder;
	ctx->known = k;
	ctx->table = k->table;
	ctx->change = mysql_table_change(k->table);
	make_head(ctx);
}

/* Apart from what is read far more often, which then needs no stack. */
#define APART __attribute__((noinline))

static APART void read_statement(const struct mysql_frame_ctx *fc, struct slice sql,
				 struct rec_builder *rb)
{
	const struct mysql_event_ctx *ev = fc->event;
	bool is_ddl = ev->change.kind == CHANGE_DDL, invalid = false;
	struct mysql_out out = begin_json(rb);
	out.len = mysql_charset_some(ev->decoder->charsets, ev->charset, &sql, out.buf, out.cap,
				     &invalid);
	if (sql.len) {
		rb->full = true;
		return;
	}
	struct val text = end_json(rb, &out);
	text.type = VAL_STR;
	rec_set(rb, CHANGE_SQL, text);
	rec_set(rb, CHANGE_OP, put_text(rb, is_ddl ? SLICE_LIT("ddl") : SLICE_LIT("statement")));
	if (ev->db_len)
		rec_set(rb, CHANGE_DB, put_text(rb, slice_of(ev->db, ev->db_len)));
	set_stream(rb, slice_of(ev->db, ev->db_len), (struct slice){0});
	set_source(rb, fc, invalid);
}

static APART void read_end(const struct mysql_frame_ctx *fc, struct slice sql,
			   struct rec_builder *rb)
{
	if (sql.len)
		rec_set(rb, CHANGE_SQL, put_text(rb, sql));
	rec_set(rb, CHANGE_OP, put_text(rb, slice_str(fc->event->op)));
	set_source(rb, fc, false);
}

/* The bytes stand for themselves: as text they would be lost. Of a row whose values cannot be read
 * they are the row's images, else those of its event from the header on.
 */
void mysql_dead(const struct frame *f, struct rec_builder *rb)
{
	const struct mysql_frame_ctx *fc = f->aux;
	const struct mysql_event_ctx *ev = fc->event;
	int64_t bytes = (int64_t)(ev->raw_bytes ? ev->raw_bytes : f->bytes.len);
	if (ev->table)
		set_stream(rb, ev->table->db, ev->table->name);
	else
		set_stream(rb, slice_of(ev->db, ev->db_len), ev->name);
	set_source(rb, fc, false);
	struct slice raw = f->bytes;
	raw.len = raw.len < MYSQL_DEAD_SHOWN ? raw.len : MYSQL_DEAD_SHOWN;
	rec_pair(rb, put_text(rb, SLICE_LIT("raw")), rec_ref(rb, VAL_BYTES, raw));
	rec_pair(rb, put_text(rb, SLICE_LIT("raw_bytes")), rec_make8(rb, VAL_I64, &bytes));
	if ((size_t)bytes > raw.len)
		rec_pair(rb, put_text(rb, SLICE_LIT("raw_cut")), val_of(VAL_TRUE, 0, 0));
}

const char *mysql_extract(const void *conf, const struct frame *f, struct rec_builder *rb)
{
	const struct mysql_frame_ctx *fc = f->aux;
	rb->change = &fc->event->change;
	if (fc->event->change.kind == CHANGE_ROW)
		return mysql_late_row(fc, f->body, rb);
	if (fc->event->change.kind == CHANGE_END)
		read_end(fc, f->body, rb);
	else
		read_statement(fc, f->body, rb);
	return NULL;
}
