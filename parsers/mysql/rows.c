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

/* Where the first @len bytes of @data stand in the batch: *io_block, or a new one. NULL: the burst
 * is full.
 */
static inline const uint8_t *lay(struct reading *r, const struct mysql_event_ctx *ctx,
				 const struct frame *next, struct slice data, size_t len,
				 struct frame_block *io_block)
{
	size_t off = (size_t)(data.ptr - io_block->from);
	if (off + len <= io_block->len)
		return io_block->at + off;
	struct slice head = slice_of(ctx->head, ctx->head_len);
	struct frame_block b; /* io_block stays in registers */
	if (!frame_block(r->out, next, head, data, len, &b))
		return NULL;
	*io_block = b;
	return b.at;
}

/* The processor fetches the event behind this one while these rows are read: its checksum, which
 * does little else, would wait for it. Four lines at a time: how many a row has cannot be foreseen,
 * and one that is asked for early is asked for all the same.
 */
static inline void ask_ahead(const uint8_t *images, size_t n)
{
	for (size_t i = 0; i < n; i += 256)
		for (size_t k = 0; k < 256; k += 64)
			__builtin_prefetch(images + AHEAD + i + k);
}

/* What the frames of all rows have in common. */
static struct frame_run begin_rows(struct reading *r, struct mysql_event_ctx *ctx)
{
	const struct mysql_log *log = r->log;
	struct frame_desc d = {.identity = log->identity,
			       .stream_off =
				       log->identity || r->seen->off == 0 ? r->pos : r->seen->off,
			       .time_ns = r->seen->time_ns,
			       .body_kind = BODY_PARSER};
	mysql_late_begin(ctx);
	return frame_run_begin(r->out, &d);
}

/* @n rows more are done with. The last of them says so when it is the last of its transaction, and
 * has a frame: @put.
 */
static void end_rows(struct reading *r, const struct mysql_event_ctx *ctx, uint32_t n, bool all,
		     bool put)
{
	struct mysql_log *log = r->log;
	struct mysql_pool *p = r->p;
	if (n == 0)
		return;
	bool last = all && put && is_last(r, &ctx->rows);
	if (last)
		p->frames[(p->frames_put - 1) % MYSQL_FRAME_CTXS].last = true;
	log->txn.marked = last;
	log->txn.n += n;
	log->rows += n;
	log->idx += n;
}

/* The lengths of the images of the row at the front of @data, before | after << 32, where they are
 * not those of a row before.
 */
static __attribute__((noinline)) enum mysql_fault
measure(struct reading *r, struct mysql_event_ctx *ctx, const struct mysql_table *t,
	struct slice data, unsigned sides, uint64_t *ret_len)
{
	struct mysql_row row;
	uint64_t len = sides ? row_both(&r->p->shapes, t, data, sides) : 0;
	if (len) {
		*ret_len = len;
		return MYSQL_F_OK;
	}
	ctx->rows.data = data;
	enum mysql_fault fault = mysql_rows_next(&ctx->rows, t, &row);
	if (fault == MYSQL_F_OK)
		*ret_len = row.len[MYSQL_BEFORE] | (uint64_t)row.len[MYSQL_AFTER] << 32;
	return fault;
}

/* Frames of the rows in *io_data, which goes behind them. Where a row begins is known when the one
 * before is measured, and all waits for that: nothing of it goes by way of memory.
 * FULL: false.
 */
static inline bool put_rows(struct reading *r, struct mysql_event_ctx *ctx,
			    const struct mysql_table *t, struct slice *io_data,
			    enum mysql_fault *ret_fault)
{
	struct mysql_pool *p = r->p;
	struct slice data = *io_data;
	struct frame_block block = {.from = data.ptr};
	struct frame_run run = begin_rows(r, ctx);
	unsigned sides = data.len <= UINT32_MAX ? mysql_rows_plain(&ctx->rows, t) : 0;
	const size_t row_max = frame_bytes_max(r->out);
	const uint32_t idx = r->log->idx, tx_index = r->log->txn.n;
	uint64_t put = p->frames_put, len;
	uint32_t n = 0;
	bool full = false, long_row = false;
	row_shapes_begin(&p->shapes, t);
	for (;; n++) {
		len = sides ? row_both_by_shape(&p->shapes, t, data, sides) : 0;
		if (!len && (*ret_fault = measure(r, ctx, t, data, sides, &len)) != MYSQL_F_OK)
			break;
		size_t bytes = (len & UINT32_MAX) + (len >> 32);
		ask_ahead(data.ptr, bytes);
		long_row = bytes > row_max;
		if (!long_row) {
			const uint8_t *at = lay(r, ctx, run.next, data, bytes, &block);
			struct mysql_frame_ctx *fc = &p->frames[put % MYSQL_FRAME_CTXS];
			full = !at || !frame_run_put(&run, slice_of(at, bytes), idx + n, fc);
			if (full)
				break;
			*fc = (struct mysql_frame_ctx){.event = ctx,
						       .idx = idx + n,
						       .tx_index = tx_index + n,
						       .head_off = block.head_off};
			memcpy(fc->len, &len, sizeof(fc->len)); /* at once: it is read so */
			put++;
		} else {
			r->why = mysql_row_too_long;
		}
		data = slice_of(data.ptr + bytes, data.len - bytes);
	}
	frame_run_end(r->out, run.next, full);
	p->frames_put = put;
	end_rows(r, ctx, n, data.len == 0, !long_row);
	*io_data = data;
	return !full;
}

static enum mysql_outcome each_row(struct reading *r, const struct mysql_event *ev,
				   struct mysql_event_ctx *ctx, struct mysql_known *k)
{
	struct slice data = ctx->rows.data;
	enum mysql_fault fault;
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
