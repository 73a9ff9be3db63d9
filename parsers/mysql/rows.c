/* Rows events: one frame a row. Contract: log_priv.h. */
#include "parsers/mysql/late.h"
#include "parsers/mysql/log_priv.h"

/* Bytes: a usual event, and more. */
#define AHEAD 8192

static const char no_map[] = "rows whose table map was not seen";
const char mysql_row_too_long[] = "a row longer than the memory for it";

/* The rows of an event that was left in the middle go on where they were. */
static bool resume_rows(struct reading *r, const struct mysql_event *ev,
			struct mysql_event_ctx **ret_ctx)
{
	struct mysql_pool *p = r->p;
	if (p->rows_serial != r->log->serial || p->rows_inner != r->log->inner)
		return false;
	struct mysql_event_ctx *ctx = &p->events[p->event_at];
	if (!p->rows_apart)
		ctx->rows.data = slice_of(ev->bytes.ptr + p->rows_off, ctx->rows.data.len);
	*ret_ctx = ctx;
	return true;
}

static void keep_rows(struct reading *r, const struct mysql_event *ev, struct slice data)
{
	struct mysql_pool *p = r->p;
	struct mysql_event_ctx *ctx = &p->events[p->event_at];
	const uint8_t *at = data.ptr;
	ctx->rows.data = data;
	p->rows_apart = at < ev->bytes.ptr || at > ev->bytes.ptr + ev->bytes.len;
	p->rows_off = p->rows_apart ? 0 : (size_t)(at - ev->bytes.ptr);
	p->rows_serial = r->log->serial;
	p->rows_inner = r->log->inner;
}

/* No change of the transaction follows the last row of @rows. */
static bool is_last(const struct reading *r, const struct mysql_rows *rows)
{
	const struct mysql_txn *t = &r->log->txn;
	return t->open && (rows->flags & MYSQL_ROWS_STMT_END) &&
	       (!t->begun || r->ahead == MYSQL_AHEAD_COMMITS);
}

/* An event of which @n rows stay behind, or no more than that: the rows that follow in its event or
 * transaction keep their numbers.
 */
static enum mysql_outcome read_stopped(struct reading *r, const struct mysql_event *ev,
				       struct mysql_known *k, const char *why, uint32_t n)
{
	enum mysql_outcome o = mysql_read_dead(r, ev, k, why);
	if (o != MYSQL_FULL && n > 1) {
		r->log->idx += n - 1;
		r->log->txn.n += n - 1;
	}
	return o;
}

static uint32_t count_rows(struct mysql_rows *rows, const struct mysql_table *t)
{
	struct mysql_row row;
	uint32_t n = 0;
	while (t && mysql_rows_next(rows, t, &row) == MYSQL_F_OK)
		n++;
	return n + (uint32_t)rows->data.len; /* no more than these in what cannot be read */
}

/* The rows that are copied by now, and how long one may be. */
struct laid {
	struct frame_block block;
	size_t row_max;
};

/* Where the first @len bytes of @data stand in the batch; NULL: the burst is full. */
static inline const uint8_t *lay(struct reading *r, const struct mysql_event_ctx *ctx,
				 struct slice data, size_t len, struct laid *l)
{
	size_t off = (size_t)(data.ptr - l->block.from);
	if (off + len <= l->block.len)
		return l->block.at + off;
	struct slice head = slice_of(ctx->head, ctx->head_len);
	return frame_block(r->out, head, data, len, &l->block) ? l->block.at : NULL;
}

/* A frame of the first @n bytes of @data. False: the burst is full. */
static inline bool put_images(struct reading *r, const struct mysql_event_ctx *ctx,
			      struct slice data, size_t n, uint64_t len, struct laid *l)
{
	struct mysql_pool *p = r->p;
	struct mysql_txn *t = &r->log->txn;
	struct mysql_frame_ctx *fc = &p->frames[p->frames_put % MYSQL_FRAME_CTXS];
	const uint8_t *at = lay(r, ctx, data, n, l);
	if (!at)
		return false;
	bool last = n == data.len && is_last(r, &ctx->rows);
	fc->event = ctx;
	memcpy(fc->len, &len, sizeof(fc->len)); /* at once: it is read so */
	fc->idx = r->log->idx;
	fc->tx_index = t->n;
	fc->head_off = l->block.head_off;
	fc->last = last;
	if (!frame_put_like(r->out, slice_of(at, n), r->log->idx, fc))
		return false;
	t->marked = last;
	p->frames_put++;
	return true;
}

/* The processor fetches the event behind this one while these rows are read: its checksum, which
 * does little else, would wait for it.
 */
static inline void ask_ahead(const uint8_t *images, size_t n)
{
	for (size_t i = 0; i < n; i += 64)
		__builtin_prefetch(images + AHEAD + i);
}

/* The row of @n bytes at the front of @data. False: the burst is full. */
static inline bool put_row(struct reading *r, const struct mysql_event_ctx *ctx, struct slice data,
			   size_t n, uint64_t len, struct laid *l)
{
	struct mysql_log *log = r->log;
	ask_ahead(data.ptr, n);
	if (n > l->row_max) {
		r->why = mysql_row_too_long;
		log->txn.marked = false;
	} else if (!put_images(r, ctx, data, n, len, l)) {
		return false;
	}
	log->idx++;
	log->rows++;
	log->txn.n++;
	return true;
}

/* What the frames of all rows have in common. */
static void begin_rows(struct reading *r, struct mysql_event_ctx *ctx)
{
	const struct mysql_log *log = r->log;
	struct frame_desc d = {.identity = log->identity,
			       .stream_off =
				       log->identity || r->seen->off == 0 ? r->pos : r->seen->off,
			       .time_ns = r->seen->time_ns,
			       .body_kind = BODY_PARSER};
	frame_like(r->out, &d);
	mysql_late_begin(ctx);
}

/* The lengths of the images of the row at the front of @data, before | after << 32. */
static inline enum mysql_fault measure(struct reading *r, struct mysql_event_ctx *ctx,
				       const struct mysql_table *t, struct slice data,
				       uint64_t *ret_len)
{
	struct mysql_row row;
	ctx->rows.data = data;
	enum mysql_fault fault = mysql_rows_next(&ctx->rows, t, &row);
	if (fault == MYSQL_F_OK)
		*ret_len = row.len[MYSQL_BEFORE] | (uint64_t)row.len[MYSQL_AFTER] << 32;
	return fault;
}

/* Frames of the rows in *io_data, which goes behind them. Where a row begins is known when the one
 * before is measured, and all waits for that: it does not go by way of memory. FULL: false.
 */
static inline bool put_rows(struct reading *r, struct mysql_event_ctx *ctx,
			    const struct mysql_table *t, struct slice *io_data,
			    enum mysql_fault *ret_fault)
{
	unsigned sides = mysql_rows_plain(&ctx->rows, t);
	struct slice data = *io_data;
	struct laid laid = {.block.from = data.ptr, .row_max = frame_bytes_max(r->out)};
	uint64_t len;
	bool full = false;
	row_shapes_begin(&r->p->shapes, t);
	while (!full) {
		len = sides ? row_both(&r->p->shapes, t, data, sides) : 0;
		if (!len && (*ret_fault = measure(r, ctx, t, data, &len)) != MYSQL_F_OK)
			break;
		size_t n = (len & UINT32_MAX) + (len >> 32);
		full = !put_row(r, ctx, data, n, len, &laid);
		data = full ? data : slice_of(data.ptr + n, data.len - n);
	}
	*io_data = data;
	return !full;
}

static enum mysql_outcome each_row(struct reading *r, const struct mysql_event *ev,
				   struct mysql_event_ctx *ctx, struct mysql_known *k)
{
	struct slice data = ctx->rows.data;
	enum mysql_fault fault;
	begin_rows(r, ctx);
	bool all = put_rows(r, ctx, k->table, &data, &fault);
	ctx->last_frame = k->last_frame = r->p->frames_put;
	if (!all) {
		keep_rows(r, ev, data);
		return MYSQL_FULL;
	}
	if (fault == MYSQL_F_END)
		return r->why ? MYSQL_LOST : MYSQL_READ;
	return read_stopped(r, ev, k, mysql_fault_text(fault), (uint32_t)data.len);
}

/* Passes over the rows that have gone out, when nobody remembers where they ended. */
static enum mysql_fault skip_rows(struct reading *r, struct mysql_event_ctx *ctx,
				  const struct mysql_known *k)
{
	struct mysql_row row;
	enum mysql_fault fault = MYSQL_F_OK;
	for (uint32_t i = 0; i < r->log->rows && fault == MYSQL_F_OK; i++)
		fault = mysql_rows_next(&ctx->rows, k->table, &row);
	return fault;
}

enum mysql_outcome mysql_read_rest(struct reading *r, const struct mysql_event *ev,
				   struct mysql_event_ctx *ctx, struct mysql_known *k)
{
	enum mysql_fault fault = skip_rows(r, ctx, k);
	return fault == MYSQL_F_OK ? each_row(r, ev, ctx, k)
				   : mysql_read_dead(r, ev, k, mysql_fault_text(fault));
}

static enum mysql_outcome rows_of(struct reading *r, const struct mysql_event *ev, bool *ret_ends)
{
	struct mysql_pool *p = r->p;
	struct mysql_event_ctx *ctx;
	bool resumed = resume_rows(r, ev, &ctx);
	if (!resumed) {
		ctx = mysql_pool_event(p);
		enum mysql_fault fault = mysql_rows_begin(ev, r->format, p->unpack, &ctx->rows);
		if (fault != MYSQL_F_OK)
			return mysql_read_dead(r, ev, NULL, mysql_fault_text(fault));
		*ret_ends = ctx->rows.flags & MYSQL_ROWS_STMT_END;
		if (ctx->rows.data.len == 0)
			return MYSQL_READ;
	}
	*ret_ends = ctx->rows.flags & MYSQL_ROWS_STMT_END;
	struct mysql_known *k = mysql_tables_find(p->tables, r->log->owner, ctx->rows.table_id);
	if (!k) {
		r->why = no_map;
		return MYSQL_LOST;
	}
	if (!k->wanted)
		return MYSQL_PASSED;
	mysql_read_begin_alone(r);
	if (k->why)
		return read_stopped(r, ev, k, k->why, count_rows(&ctx->rows, k->table));
	if (resumed)
		return each_row(r, ev, ctx, k);
	mysql_read_table(r, ctx, k);
	mysql_read_source(r, ctx, ev, k->table->db, k->unsure);
	return mysql_read_rest(r, ev, ctx, k);
}

enum mysql_outcome mysql_read_rows(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	bool ends = false;
	enum mysql_outcome o = rows_of(r, ev, &ends);
	if (o == MYSQL_FULL || !ends)
		return o;
	log->cause.len = 0;
	if (!log->txn.begun && log->txn.open)
		mysql_read_over(log);
	return o;
}
