/* Changes that became dead letters: what is kept of them beside their bytes, and how they are read
 * again. Contract: struct parser, in frame/parser.h.
 *
 *      0 | kind | flags u16 | of rows | of map | charset | end | 0 |
 *      8 | index in its transaction u32 | rows that had gone out u32 |
 *     16 | log u64 | place u64                                       |
 *     32 | texts, each behind its length u32                         |
 *
 * Rows are kept as an event and its table map; of both the lengths of their post-headers. The bytes
 * of an event that could not be read are all of it; of a row that failed further on they are its
 * images, and text `head` is what a rows event of version 2 has in front of them. Text `table` is a
 * CREATE TABLE, where the log itself has told how the table was made: what a dump says of it,
 * today's says again. All else is as the frame's context had it.
 */
#include "parsers/mysql/log_priv.h"
#include "parsers/mysql/schema_text.h"
#include "parsers/mysql/wire.h"

enum kind { KIND_ROWS, KIND_DDL, KIND_STATEMENT, KIND_END, N_KINDS };

enum flag {
	IN_TXN = 1,
	LAST = 2,
	SUM = 4,
	BEGUN = 8,
	COMMITS = 16,
	MARIADB = 32,
	UNSURE = 64,
	CAUSE_CUT = 128,
};

enum text { SOURCE, DB, CAUSE, HEAD, MAP, TABLE, N_TEXTS };

#define FIXED_BYTES 32
#define V2_POST_LEN 10
#define UTF8MB4     45 /* a collation of it */
#define HEAD_BYTES  (MYSQL_EVENT_HEADER_LEN + V2_POST_LEN + 9 + 2 * MYSQL_BITMAP_MAX)

static const char not_read[] = "what its letter keeps of it cannot be read";
static const char no_map[] = "its letter keeps the table map of another table";
static const char unnamed[] = ",\"unnamed\":true";
static const char unsure[] = ",\"unsure\":true";
static const char *const ends[] = {"", "commit", "rollback", "prepare"};

struct kept {
	uint8_t kind, post_len, map_post_len, charset, end;
	uint16_t flags;
	uint32_t tx_index, rows;
	uint64_t log, place;
	struct slice text[N_TEXTS];
};

/* --- Into a letter ---------------------------------------------------------------------------- */

static uint8_t *put_le(uint8_t *o, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		*o++ = (uint8_t)(v >> (8 * i));
	return o;
}

static size_t kept_put(const struct kept *k, uint8_t *out, size_t cap)
{
	size_t need = FIXED_BYTES;
	for (unsigned i = 0; i < N_TEXTS; i++)
		need += 4 + k->text[i].len;
	if (need > cap)
		return 0;
	uint8_t *o = put_le(out, k->kind, 1);
	o = put_le(o, k->flags, 2);
	o = put_le(o, k->post_len, 1);
	o = put_le(o, k->map_post_len, 1);
	o = put_le(o, k->charset, 1);
	o = put_le(o, k->end, 2);
	o = put_le(o, k->tx_index, 4);
	o = put_le(o, k->rows, 4);
	o = put_le(o, k->log, 8);
	o = put_le(o, k->place, 8);
	for (unsigned i = 0; i < N_TEXTS; i++) {
		o = put_le(o, k->text[i].len, 4);
		if (k->text[i].len)
			memcpy(o, k->text[i].ptr, k->text[i].len);
		o += k->text[i].len;
	}
	return need;
}

static void cut_end(struct slice *s, const char *end)
{
	size_t len = strlen(end);
	if (s->len >= len && memcmp(s->ptr + s->len - len, end, len) == 0)
		s->len -= len;
}

/* What stands in front of the images of one row, in an event of its own. */
static size_t put_head(const struct mysql_rows *rows, size_t images, bool last, uint8_t *out)
{
	static const uint8_t types[] = {[MYSQL_OP_WRITE] = MYSQL_EV_WRITE_ROWS_V2,
					[MYSQL_OP_UPDATE] = MYSQL_EV_UPDATE_ROWS_V2,
					[MYSQL_OP_DELETE] = MYSQL_EV_DELETE_ROWS_V2};
	size_t bitmap = (rows->n_columns + 7u) / 8;
	uint8_t *o = put_le(out + MYSQL_EVENT_HEADER_LEN, rows->table_id, 6);
	o = put_le(o, last ? MYSQL_ROWS_STMT_END : 0, 2);
	o = put_le(o, 2, 2); /* nothing extra */
	o = put_le(o, 252, 1);
	o = put_le(o, rows->n_columns, 2);
	for (unsigned side = MYSQL_BEFORE; side <= MYSQL_AFTER; side++) {
		if (rows->op == (side == MYSQL_BEFORE ? MYSQL_OP_WRITE : MYSQL_OP_DELETE))
			continue;
		memcpy(o, rows->present[side], bitmap);
		o += bitmap;
	}
	size_t len = (size_t)(o - out);
	o = put_le(out, 0, 4);
	o = put_le(o, rows->partial ? MYSQL_EV_PARTIAL_UPDATE_ROWS : types[rows->op], 1);
	o = put_le(o, 0, 4);
	o = put_le(o, len + images, 4);
	put_le(o, 0, 6);
	return len;
}

static uint16_t flags_of(const struct mysql_frame_ctx *fc)
{
	const struct mysql_event_ctx *ctx = fc->event;
	unsigned flags = (ctx->in_txn ? IN_TXN : 0) | (fc->last ? LAST : 0) |
			 (ctx->cause.cut ? CAUSE_CUT : 0);
	if (ctx->known)
		flags |= (ctx->known->mariadb ? MARIADB : 0) |
			 (ctx->known->place_unsure ? UNSURE : 0);
	if (ctx->raw_bytes)
		flags |= (ctx->dead.sum ? SUM : 0) | (ctx->dead.begun ? BEGUN : 0) |
			 (ctx->dead.commits ? COMMITS : 0);
	return (uint16_t)flags;
}

static uint8_t end_of(const char *op)
{
	uint8_t i = 3;
	while (i && strcmp(ends[i], op) != 0)
		i--;
	return i;
}

/* The statement is written to @out. */
static void put_table(const struct mysql_pool *p, const struct mysql_known *at, struct kept *k,
		      uint8_t *out, size_t cap)
{
	k->map_post_len = at->post_len;
	k->log = at->log;
	k->place = at->place;
	k->text[MAP] = at->body;
	if (!at->table || at->why || !p->schema)
		return;
	const struct mysql_schema_table *t =
		mysql_schema_find(p->schema, at->log, at->place, at->table->db, at->table->name);
	if (t)
		k->text[TABLE] = mysql_schema_statement(p->schema, t, out, cap);
}

size_t mysql_ground(const void *pool, const struct frame *f, uint8_t *out, size_t cap)
{
	const struct mysql_frame_ctx *fc = f->aux;
	const struct mysql_event_ctx *ctx = fc->event;
	uint8_t head[HEAD_BYTES];
	struct kept k = {.flags = flags_of(fc), .tx_index = fc->tx_index};
	k.text[SOURCE] = slice_of(ctx->source, ctx->source_len);
	k.text[CAUSE] = slice_of(ctx->cause.text, ctx->cause.len);
	cut_end(&k.text[SOURCE], unsure);
	cut_end(&k.text[SOURCE], unnamed);
	if (ctx->raw_bytes) {
		if (!ctx->known || ctx->raw_bytes != f->bytes.len)
			return 0;
		k.post_len = ctx->dead.post_len;
		k.rows = ctx->dead.rows;
	} else if (ctx->change.kind == CHANGE_ROW) {
		k.post_len = V2_POST_LEN;
		k.text[HEAD] = slice_of(head, put_head(&ctx->rows, f->bytes.len, fc->last, head));
	} else {
		k.kind = ctx->change.kind == CHANGE_DDL   ? KIND_DDL
			 : ctx->change.kind == CHANGE_END ? KIND_END
							  : KIND_STATEMENT;
		k.end = k.kind == KIND_END ? end_of(ctx->op) : 0;
		k.charset = ctx->charset;
		k.text[DB] = slice_of(ctx->db, k.kind == KIND_END ? 0 : ctx->db_len);
	}
	/* What is written into the second half is moved from there. */
	if (k.kind == KIND_ROWS)
		put_table(pool, ctx->known, &k, out + cap / 2, cap / 2);
	return kept_put(&k, out, cap / 2);
}

/* --- And back --------------------------------------------------------------------------------- */

static bool kept_read(struct slice s, struct kept *ret)
{
	struct wire w = wire_of(s);
	*ret = (struct kept){.kind = (uint8_t)wire_int(&w, 1), .flags = (uint16_t)wire_int(&w, 2)};
	ret->post_len = (uint8_t)wire_int(&w, 1);
	ret->map_post_len = (uint8_t)wire_int(&w, 1);
	ret->charset = (uint8_t)wire_int(&w, 1);
	ret->end = (uint8_t)wire_int(&w, 2);
	ret->tx_index = (uint32_t)wire_int(&w, 4);
	ret->rows = (uint32_t)wire_int(&w, 4);
	ret->log = wire_int(&w, 8);
	ret->place = wire_int(&w, 8);
	for (unsigned i = 0; i < N_TEXTS; i++)
		ret->text[i] = wire_take(&w, wire_int(&w, 4));
	return !w.bad && ret->kind < N_KINDS && ret->charset < MYSQL_N_CS && ret->end <= 3 &&
	       ret->text[SOURCE].len < MYSQL_SOURCE_MAX - sizeof(unnamed) - sizeof(unsure) &&
	       ret->text[DB].len <= MYSQL_NAME_MAX && ret->text[CAUSE].len <= MYSQL_QUERY_MAX;
}

static void add_source(struct mysql_event_ctx *ctx, const char *text)
{
	size_t len = strlen(text);
	memcpy(ctx->source + ctx->source_len, text, len);
	ctx->source_len += len;
}

/* A context as it was, but for what its table says. */
static struct mysql_event_ctx *context(struct reading *r, const struct kept *k)
{
	struct mysql_event_ctx *ctx = mysql_pool_event(r->p);
	ctx->decoder = &r->p->decoder;
	ctx->table = NULL;
	ctx->in_txn = k->flags & IN_TXN;
	ctx->source_len = k->text[SOURCE].len;
	memcpy(ctx->source, k->text[SOURCE].ptr, ctx->source_len);
	ctx->cause.cut = k->flags & CAUSE_CUT;
	ctx->cause.len = k->text[CAUSE].len;
	memcpy(ctx->cause.text, k->text[CAUSE].ptr, ctx->cause.len);
	return ctx;
}

/* The log as it stood before what comes next. */
static void set_log(struct reading *r, const struct kept *k, uint32_t idx, uint32_t done)
{
	struct mysql_log *log = r->log;
	log->serial = ++r->p->serial;
	log->inner = 0;
	log->rows = k->rows + done;
	log->idx = idx + done;
	log->cause.len = 0;
	log->txn = (struct mysql_txn){
		.open = k->flags & IN_TXN, .begun = k->flags & BEGUN, .n = k->tx_index + done};
	r->ahead = k->flags & COMMITS ? MYSQL_AHEAD_COMMITS : MYSQL_AHEAD_GOES_ON;
}

/* The event that the rows are read from; NULL, or why there is none. */
static const char *event_of(struct reading *r, const struct kept *k, struct slice bytes,
			    struct mysql_format *f, struct mysql_event *ret_ev)
{
	struct slice head = k->text[HEAD];
	f->mariadb = k->flags & MARIADB;
	f->checksum = k->flags & SUM;
	f->post_len[MYSQL_EV_TABLE_MAP] = k->map_post_len;
	if (head.len) {
		uint8_t *whole = frame_scratch(r->out, head.len + bytes.len);
		if (!whole)
			return mysql_row_too_long;
		memcpy(whole, head.ptr, head.len);
		memcpy(whole + head.len, bytes.ptr, bytes.len);
		bytes = slice_of(whole, head.len + bytes.len);
	}
	enum mysql_fault fault = mysql_event_parse(bytes, f, ret_ev);
	if (fault != MYSQL_F_OK || !mysql_event_sum_ok(ret_ev))
		return fault == MYSQL_F_OK ? mysql_fault_text(MYSQL_F_CHECKSUM) : not_read;
	f->post_len[ret_ev->type] = k->post_len;
	return mysql_event_op(ret_ev->type) ? NULL : not_read;
}

/* NULL, or why the rows cannot be read; then *ret_k is their table, if it is known. *ret_full: not
 * all of them have been put.
 */
static const char *again_rows(struct reading *r, const struct kept *k, struct slice bytes,
			      struct mysql_known **ret_k, bool *ret_full)
{
	struct mysql_pool *p = r->p;
	struct mysql_format f = *r->format;
	struct mysql_event ev, map = {.type = MYSQL_EV_TABLE_MAP, .body = k->text[MAP]};
	const char *why = event_of(r, k, bytes, &f, &ev);
	if (why)
		return why;
	struct mysql_event_ctx *ctx = context(r, k);
	struct mysql_map_place at = {.owner = r->log->owner,
				     .log = k->log,
				     .place = k->place,
				     .unsure = k->flags & UNSURE,
				     .frames = p->frames_put};
	const struct mysql_ddl made = {
		.log = k->log, .place = k->place, .sql = k->text[TABLE], .client_charset = UTF8MB4};
	bool wanted;
	if (made.sql.len && made.log && p->schema)
		mysql_ddl_apply(p->schema, &made, NULL);
	why = mysql_tables_add(p->tables, &map, &f, &at, &wanted);
	if (why || !wanted)
		return why;
	enum mysql_fault fault = mysql_rows_begin(&ev, &f, p->unpack, &ctx->rows);
	if (fault != MYSQL_F_OK)
		return mysql_fault_text(fault);
	*ret_k = mysql_tables_find(p->tables, r->log->owner, ctx->rows.table_id);
	if (!*ret_k || !(*ret_k)->wanted)
		return no_map;
	if ((*ret_k)->why)
		return (*ret_k)->why;
	mysql_read_table(r, ctx, *ret_k);
	if (!ctx->table->named)
		add_source(ctx, unnamed);
	if ((*ret_k)->unsure)
		add_source(ctx, unsure);
	*ret_full = mysql_read_rest(r, &ev, ctx, *ret_k) == MYSQL_FULL;
	return r->why;
}

static void again_other(struct reading *r, const struct kept *k, const struct frame *f)
{
	static const uint32_t none[2];
	static const uint8_t kinds[N_KINDS] = {[KIND_DDL] = CHANGE_DDL,
					       [KIND_STATEMENT] = CHANGE_STATEMENT,
					       [KIND_END] = CHANGE_END};
	struct mysql_event_ctx *ctx = context(r, k);
	struct frame_desc d = {.bytes = f->bytes, .body = f->body};
	ctx->change = (struct change){.kind = kinds[k->kind]};
	ctx->charset = k->charset;
	ctx->op = ends[k->end];
	ctx->db_len = k->text[DB].len;
	memcpy(ctx->db, k->text[DB].ptr, ctx->db_len);
	mysql_read_put(r, ctx, &d, none, k->flags & LAST);
}

void mysql_again(void *pool, const struct frame *f, struct slice ground, uint32_t *io_done,
		 struct frame_out *out)
{
	struct mysql_pool *p = pool;
	struct mysql_format format;
	struct mysql_seen seen = {.time_ns = f->time_ns};
	struct kept k;
	struct mysql_known *known = NULL;
	uint16_t slot = 0;
	bool full = false;
	/* Letters may be of different logs: what one of them tells of a table is not the next
	 * one's. */
	if (!p->again || *io_done == 0)
		p->again = mysql_pool_owner(p);
	mysql_format_init(&format);
	struct reading r = {.p = p,
			    .log = mysql_log_of(p, p->again, &slot),
			    .format = &format,
			    .out = out,
			    .pos = f->stream_off,
			    .end = f->stream_off,
			    .seen = &seen};
	const char *why = kept_read(ground, &k) ? NULL : not_read;
	if (why)
		k = (struct kept){0};
	set_log(&r, &k, f->idx, *io_done);
	if (!why && k.kind == KIND_ROWS)
		why = again_rows(&r, &k, f->bytes, &known, &full);
	else if (!why)
		again_other(&r, &k, f);
	*io_done = r.log->rows - k.rows;
	if (!why || full)
		return;
	struct mysql_event whole = {.bytes = f->bytes};
	mysql_read_dead(&r, &whole, known, why);
}
