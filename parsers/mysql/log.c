#include "parsers/mysql/log_priv.h"

#include "dataplane/base/text.h"
#include "dataplane/rec/json_text.h"
#include "parsers/mysql/wire.h"

static const char incident[] = "the server says that changes are missing from its log (incident)";
/* Each half of the name of an XA transaction. */
#define XID_PART_MAX 64

static const char too_long[] = "an event longer than the memory for it";
static const char forgotten[] = "a compressed transaction whose memory went to other sessions";
static const char bad_name[] = "a rotation to a log whose name cannot be";

/* --- Where we are ----------------------------------------------------------------------------- */

static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

/* FNV-1a, and a mixing of its weak upper bits. Many a server has id 1, and files are called alike
 * everywhere, so the time when the file was begun is a part of it.
 */
static void identify(struct mysql_log *log)
{
	uint64_t h = hash_bytes(0xcbf29ce484222325ull, "mysql", 5);
	h = hash_bytes(h, &log->server_id, sizeof(log->server_id));
	h = hash_bytes(h, &log->file_time, sizeof(log->file_time));
	h = hash_bytes(h, log->file, log->file_len);
	h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull;
	h ^= h >> 32;
	log->identity = log->file_len && log->file_time ? h | 1 : 0;
}

static bool is_file_name(struct slice file)
{
	if (file.len == 0 || file.len > MYSQL_FILE_NAME_MAX)
		return false;
	for (size_t i = 0; i < file.len; i++)
		if (file.ptr[i] < ' ' || file.ptr[i] == 0x7f)
			return false;
	return true;
}

void mysql_log_at(struct mysql_log *log, struct slice file, uint64_t pos)
{
	log->pos = pos;
	log->pos_known = true;
	log->hole = false;
	log->first_off = 0;
	if (is_file_name(file) && !slice_eq(file, slice_of(log->file, log->file_len))) {
		log->file_time = 0;
		memcpy(log->file, file.ptr, file.len);
		log->file_len = file.len;
	}
	identify(log);
}

/* Positions of events have 32 bits; a log may be longer. They speak of the log's own events: what
 * the server has taken checksums off is shorter than there.
 */
static void locate(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	r->pos = r->end = log->pos;
	if (ev->log_pos == 0 || (ev->flags & MYSQL_FLAG_ARTIFICIAL) ||
	    ev->type == MYSQL_EV_HEARTBEAT || ev->type == MYSQL_EV_HEARTBEAT_V2)
		return;
	uint64_t end = (log->pos & ~(uint64_t)UINT32_MAX) | ev->log_pos;
	if (end + INT32_MAX < log->pos)
		end += (uint64_t)1 << 32;
	uint64_t start = end > ev->size ? end - ev->size : 0;
	if (log->pos_known && start > log->pos && start - log->pos <= MYSQL_CHECKSUM_LEN)
		start = log->pos;
	r->pos = start;
	r->end = end;
}

/* Did the log go on in the same file, where bytes are missing? If not, then a new file has been
 * read from its beginning to this place, which is farther on than where the old one was left. The
 * server may leave events out, so bytes here and there are not the same, but about as many of each:
 * a new file is out of the question when what is missing is a quarter of what it would have taken.
 */
static void close_hole(struct reading *r, uint64_t off)
{
	struct mysql_log *log = r->log;
	if (r->end == r->pos)
		return; /* not of the log: a heartbeat, say */
	log->hole = false;
	if (off && log->off && log->first_off && r->pos >= log->pos && log->pos > log->first_pos) {
		double seen = (double)(log->off - log->first_off);
		double share = seen / (double)(log->pos - log->first_pos);
		if (4 * (double)(off - log->off) < share * (double)r->pos)
			return;
	}
	log->file_len = 0;
	log->identity = 0;
	log->pos_known = false;
}

uint64_t mysql_log_number(const struct mysql_log *log)
{
	return hash_bytes(log->server, &log->server_id, sizeof(log->server_id)) | 1;
}

struct mysql_map_place mysql_read_place(const struct reading *r, uint64_t pos)
{
	const struct mysql_log *log = r->log;
	return (struct mysql_map_place){
		.owner = log->owner,
		.log = mysql_log_number(log),
		.place = mysql_schema_place(slice_of(log->file, log->file_len), pos),
		.unsure = log->unsure,
		.frames = r->p->frames_put,
	};
}

/* --- Contexts and frames ---------------------------------------------------------------------- */

static size_t put_lit(uint8_t *out, const char *text)
{
	size_t len = strlen(text);
	memcpy(out, text, len);
	return len;
}

static size_t put_name(uint8_t *out, const char *key, struct slice text)
{
	bool invalid = false;
	size_t n = put_lit(out, key);
	if (text.len == 0)
		return n + put_lit(out + n, "null");
	out[n++] = '"';
	n += json_text_put(out + n, text.ptr, text.len, &invalid);
	out[n++] = '"';
	return n;
}

static size_t put_number(uint8_t *out, const char *key, uint64_t v)
{
	size_t n = put_lit(out, key);
	return n + text_put_u64((char *)out + n, v);
}

static void copy_cause(struct mysql_cause *to, const struct mysql_cause *from)
{
	to->cut = from->cut;
	to->len = from->len;
	memcpy(to->text, from->text, from->len);
}

/* Field source, but for the row's number and the bracket at its end. */
void mysql_read_source(struct reading *r, struct mysql_event_ctx *ctx, const struct mysql_event *ev,
		       struct slice db, bool unsure)
{
	const struct mysql_log *log = r->log;
	uint8_t *o = ctx->source;
	size_t n = put_name(o, "{\"db\":", db);
	if (ctx->table || ctx->name.len)
		n += put_name(o + n, ",\"table\":", ctx->table ? ctx->table->name : ctx->name);
	n += put_number(o + n, ",\"server_id\":", ev->server_id);
	n += put_name(o + n, ",\"file\":", slice_of(log->file, log->file_len));
	n += put_number(o + n, ",\"pos\":", r->pos);
	n += put_name(o + n, ",\"gtid\":", slice_of(log->gtid, log->gtid_len));
	n += put_number(o + n, ",\"ts_ms\":", (uint64_t)ev->time_s * 1000);
	n += put_name(o + n, ",\"txid\":", slice_of(log->txn.id, log->txn.id_len));
	ctx->in_txn = log->txn.open;
	ctx->cause.len = 0;
	if (ctx->table && log->cause.len)
		copy_cause(&ctx->cause, &log->cause);
	if (ctx->table && !ctx->table->named)
		n += put_lit(o + n, ",\"unnamed\":true");
	if (unsure)
		n += put_lit(o + n, ",\"unsure\":true");
	ctx->source_len = n;
}

bool mysql_read_put(struct reading *r, struct mysql_event_ctx *ctx, struct frame_desc *d,
		    const uint32_t len[2], bool last)
{
	struct mysql_pool *p = r->p;
	struct mysql_frame_ctx *fc = &p->frames[p->frames_put % MYSQL_FRAME_CTXS];
	struct mysql_txn *t = &r->log->txn;
	*fc = (struct mysql_frame_ctx){
		.event = ctx, .idx = r->log->idx, .tx_index = t->n, .last = last};
	memcpy(fc->len, len, sizeof(fc->len));
	d->aux = fc;
	d->identity = r->log->identity;
	d->stream_off = d->identity || r->seen->off == 0 ? r->pos : r->seen->off;
	d->time_ns = r->seen->time_ns;
	d->idx = r->log->idx;
	d->body_kind = d->unparsed ? BODY_NONE : BODY_PARSER;
	if (!frame_put(r->out, d))
		return false;
	ctx->last_frame = ++p->frames_put;
	r->log->idx++;
	t->n++;
	t->marked = last;
	return true;
}

void mysql_read_begin_alone(struct reading *r)
{
	struct mysql_log *log = r->log;
	if (!log->txn.open && log->txn.sure)
		mysql_txn_begin(&log->txn, (struct slice){0}, slice_of(log->file, log->file_len),
				r->pos);
}

void mysql_read_over(struct mysql_log *log)
{
	mysql_txn_end(&log->txn);
	log->over = true;
	log->undone = false;
	log->gtid_len = 0;
	log->cause.len = 0;
}

enum mysql_outcome mysql_read_end(struct reading *r, const struct mysql_event *ev, const char *op,
				  struct slice sql)
{
	static const uint32_t none[2];
	struct mysql_txn *t = &r->log->txn;
	if (t->open && (sql.len || (t->n && !t->marked))) {
		struct mysql_event_ctx *ctx = mysql_pool_event(r->p);
		ctx->change = (struct change){.kind = CHANGE_END};
		ctx->decoder = &r->p->decoder;
		ctx->table = NULL;
		ctx->op = op;
		mysql_read_source(r, ctx, ev, (struct slice){0}, false);
		struct frame_desc d = {.bytes = sql.len ? sql : ev->bytes, .body = sql};
		if (!mysql_read_put(r, ctx, &d, none, true))
			return MYSQL_FULL;
	}
	mysql_read_over(r->log);
	return MYSQL_READ;
}

enum mysql_outcome mysql_read_dead(struct reading *r, const struct mysql_event *ev,
				   struct mysql_known *k, const char *why)
{
	static const uint32_t none[2];
	struct mysql_event_ctx *ctx = mysql_pool_event(r->p);
	struct slice raw = ev->bytes;
	struct slice db = k ? k->table ? k->table->db : k->db : slice_of(NULL, 0);
	ctx->table = NULL;
	ctx->known = k;
	ctx->raw_bytes = ev->size > raw.len ? ev->size : raw.len;
	ctx->dead = (struct mysql_dead_event){.sum = ev->has_crc,
					      .begun = r->log->txn.begun,
					      .commits = r->ahead == MYSQL_AHEAD_COMMITS,
					      .post_len = r->format->post_len[ev->type],
					      .rows = r->log->rows};
	if (k)
		ctx->name = k->table ? k->table->name : k->name;
	raw.len = raw.len < MYSQL_DEAD_BYTES ? raw.len : MYSQL_DEAD_BYTES;
	ctx->db_len = db.len < MYSQL_NAME_MAX ? db.len : MYSQL_NAME_MAX;
	if (db.len)
		memcpy(ctx->db, db.ptr, ctx->db_len);
	mysql_read_source(r, ctx, ev, slice_of(ctx->db, ctx->db_len), false);
	if (k)
		copy_cause(&ctx->cause, &r->log->cause);
	struct frame_desc d = {.bytes = raw, .body = raw, .unparsed = why};
	if (!mysql_read_put(r, ctx, &d, none, false))
		return MYSQL_FULL;
	if (k)
		k->last_frame = r->p->frames_put;
	return MYSQL_READ;
}

/* --- Events ----------------------------------------------------------------------------------- */

static enum mysql_outcome lost(struct reading *r, const char *why)
{
	r->why = why;
	return MYSQL_LOST;
}

static enum mysql_outcome read_format(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	enum mysql_fault fault = mysql_format_parse(ev, &log->format);
	if (fault != MYSQL_F_OK)
		return lost(r, mysql_fault_text(fault));
	log->has_format = true;
	/* A replica may refuse checksums, and is sent them all the same (MariaDB 10.11 to
	 * mariadb-binlog): the description says what the log has, the next event what has come.
	 */
	log->sums_known = !log->no_sums;
	if (log->no_sums)
		log->format.checksum = false;
	log->server_id = ev->server_id;
	log->file_time = ev->time_s;
	identify(log);
	mysql_txn_end(&log->txn);
	return MYSQL_READ;
}

static enum mysql_outcome read_rotate(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	struct slice file;
	uint64_t pos;
	enum mysql_fault fault = mysql_rotate_parse(ev, &file, &pos);
	if (fault != MYSQL_F_OK)
		return lost(r, mysql_fault_text(fault));
	if (!is_file_name(file))
		return lost(r, bad_name);
	if (log->server_id == 0)
		log->server_id = ev->server_id;
	mysql_log_at(log, file, pos);
	r->end = pos;
	return MYSQL_READ;
}

/* Of a session that was joined late this tells the file first: it names the log and the end of the
 * last event. The second kind, of MySQL 8.0.26, is only sent where a rotation has been.
 */
static enum mysql_outcome read_heartbeat(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	if ((log->file_len == 0 || log->hole) && is_file_name(ev->body)) {
		if (log->server_id == 0)
			log->server_id = ev->server_id;
		mysql_log_at(log, ev->body, ev->log_pos);
		r->end = log->pos;
	}
	return MYSQL_READ;
}

static enum mysql_outcome read_gtid(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_gtid g;
	enum mysql_fault fault = mysql_gtid_parse(ev, &g);
	r->log->gtid_len = 0;
	if (fault != MYSQL_F_OK) {
		mysql_txn_lost(&r->log->txn);
		return lost(r, mysql_fault_text(fault));
	}
	struct mysql_log *log = r->log;
	log->gtid_len = mysql_gtid_text(&g, log->gtid);
	mysql_txn_begin(&log->txn, slice_of(log->gtid, log->gtid_len),
			slice_of(log->file, log->file_len), r->pos);
	log->txn.begun = g.kind == MYSQL_GTID_MARIA && !g.standalone;
	log->cause.len = 0;
	log->commit_us = g.immediate_commit_us;
	log->undone = g.alter == MYSQL_ALTER_STARTS || g.alter == MYSQL_ALTER_FAILED;
	if (r->link.file.len)
		mysql_chain_gtid(&r->p->chains, r->chain, &g, slice_of(log->gtid, log->gtid_len),
				 &r->link);
	return MYSQL_READ;
}

/* A transaction that stays prepared until an XA COMMIT somewhere behind, or is committed at once.
 *
 *     at once u8 | format u32 | len of gtrid u32 | len of bqual u32 | gtrid, bqual
 */
static enum mysql_outcome read_prepare(struct reading *r, const struct mysql_event *ev)
{
	static const char hex[] = "0123456789abcdef";
	struct wire w = wire_of(ev->body);
	bool at_once = wire_int(&w, 1);
	uint64_t format = wire_int(&w, 4), len[2];
	len[0] = wire_int(&w, 4);
	len[1] = wire_int(&w, 4);
	char text[2 * XID_PART_MAX * 2 + 64];
	size_t n = put_lit((uint8_t *)text, "XA PREPARE ");
	for (unsigned i = 0; i < 2; i++) {
		struct slice part = wire_take(&w, len[i]);
		if (w.bad || part.len > XID_PART_MAX)
			return lost(r, mysql_fault_text(MYSQL_F_BODY));
		n += put_lit((uint8_t *)text + n, "X'");
		for (size_t k = 0; k < part.len; k++) {
			text[n++] = hex[part.ptr[k] >> 4];
			text[n++] = hex[part.ptr[k] & 15];
		}
		n += put_lit((uint8_t *)text + n, "',");
	}
	n += text_put_u64(text + n, format);
	bool any = r->log->txn.n > 0;
	return at_once ? mysql_read_end(r, ev, "commit", (struct slice){0})
		       : mysql_read_end(r, ev, "prepare", slice_of(text, any ? n : 0));
}

/* What the server was told, for the rows that follow. */
static enum mysql_outcome read_cause(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_cause *c = &r->log->cause;
	struct slice sql;
	if (!r->p->conf->query)
		return MYSQL_READ;
	enum mysql_fault fault = mysql_rows_query_parse(ev, &sql);
	if (fault != MYSQL_F_OK)
		return lost(r, mysql_fault_text(fault));
	c->cut = sql.len > MYSQL_QUERY_MAX;
	c->len = c->cut ? MYSQL_QUERY_MAX : sql.len;
	memcpy(c->text, sql.ptr, c->len);
	return MYSQL_READ;
}

static enum mysql_outcome read_map(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_map_place at = mysql_read_place(r, r->pos);
	mysql_keep_guess(r->p, r->log, &at);
	bool wanted;
	const char *why = mysql_tables_add(r->p->tables, ev, r->format, &at, &wanted);
	if (why)
		return lost(r, why);
	return wanted ? MYSQL_READ : MYSQL_PASSED;
}

static enum mysql_outcome read_one(struct reading *r, const struct mysql_event *ev)
{
	if (mysql_event_op(ev->type) != MYSQL_OP_NONE)
		return mysql_read_rows(r, ev);
	switch (ev->type) {
	case MYSQL_EV_FORMAT:
		return read_format(r, ev);
	case MYSQL_EV_ROTATE:
		return read_rotate(r, ev);
	case MYSQL_EV_HEARTBEAT:
		return read_heartbeat(r, ev);
	case MYSQL_EV_GTID:
	case MYSQL_EV_ANONYMOUS_GTID:
	case MYSQL_EV_GTID_TAGGED:
	case MYSQL_EV_MARIA_GTID:
		return read_gtid(r, ev);
	case MYSQL_EV_TABLE_MAP:
		return read_map(r, ev);
	case MYSQL_EV_XID:
		return mysql_read_end(r, ev, "commit", (struct slice){0});
	case MYSQL_EV_XA_PREPARE:
		return read_prepare(r, ev);
	case MYSQL_EV_ROWS_QUERY:
	case MYSQL_EV_ANNOTATE_ROWS:
		return read_cause(r, ev);
	case MYSQL_EV_QUERY:
	case MYSQL_EV_QUERY_COMPRESSED:
	case MYSQL_EV_EXECUTE_LOAD_QUERY:
		return mysql_read_query(r, ev);
	case MYSQL_EV_TRANSACTION_PAYLOAD:
		return r->format == &r->p->inner_format ? lost(r, mysql_fault_text(MYSQL_F_BODY))
							: mysql_read_payload(r, ev);
	case MYSQL_EV_INCIDENT:
		return lost(r, incident);
	case MYSQL_EV_START_ENCRYPTION:
		return lost(r, mysql_fault_text(MYSQL_F_ENCRYPTED));
	case MYSQL_EV_PARTIAL_ROW_DATA:
		return mysql_read_piece(r, ev);
	default:
		return mysql_event_name(ev->type) || (ev->flags & MYSQL_FLAG_IGNORABLE)
			       ? MYSQL_READ
			       : lost(r, mysql_event_unknown(ev->type));
	}
}

bool mysql_log_takes_parts(uint8_t type)
{
	return type == MYSQL_EV_TRANSACTION_PAYLOAD;
}

enum mysql_outcome mysql_read_event(struct reading *r, const struct mysql_event *ev)
{
	enum mysql_outcome o =
		r->part && !mysql_log_takes_parts(ev->type) ? lost(r, too_long) : read_one(r, ev);
	r->p->chains.types[ev->type] += o != MYSQL_FULL && o != MYSQL_MORE;
	return o;
}

/* Is there a checksum behind events? Asked of the first one, when no description has come, and of
 * each that announces a log: it follows what the replica can bear, not the log.
 */
static void ask_sum(struct mysql_log *log, struct slice event)
{
	struct mysql_format with = log->format;
	struct mysql_event ev;
	with.checksum = true;
	log->format.checksum =
		mysql_event_parse(event, &with, &ev) == MYSQL_F_OK && mysql_event_sum_ok(&ev);
	log->sums_known = true;
}

bool mysql_log_waits(const struct mysql_log *log, struct slice event)
{
	if (!log->txn.open || !log->txn.begun || mysql_event_op(event.ptr[4]) == MYSQL_OP_NONE)
		return false;
	size_t flags = MYSQL_EVENT_HEADER_LEN + (log->format.post_len[event.ptr[4]] == 6 ? 4 : 6);
	return event.len >= flags + 2 && (wire_le16(event.ptr + flags) & MYSQL_ROWS_STMT_END);
}

/* The event is the next one between this server and this replica, where its place is known. */
static void join_chain(struct reading *r, const struct mysql_event *ev, bool sum_ok)
{
	struct mysql_log *log = r->log;
	struct mysql_chains *cs = &r->p->chains;
	if (!log->paired)
		return;
	r->chain = mysql_chain_of(cs, &log->pair, &log->chain);
	if (log->behind_hole)
		r->chain->hole = true;
	log->behind_hole = false;
	if (r->end == r->pos || log->file_len == 0)
		return;
	r->link = (struct mysql_link){
		.owner = log->owner,
		.log_time = log->file_time,
		.file = slice_of(log->file, log->file_len),
		.pos = r->pos,
		.end = r->end,
		.time_ns = r->seen->time_ns,
		.type = ev->type,
		.mariadb = log->format.mariadb,
		.sum_wrong = !sum_ok,
		.end_off = r->seen->end_off,
		.acked = r->seen->acked,
	};
	if (!r->again)
		mysql_chain_event(cs, r->chain, &r->link);
}

/* What the event has done to the chain: the log goes on elsewhere, or a transaction is over. */
static void leave_chain(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	bool told = ev->type == MYSQL_EV_ROTATE || ev->type == MYSQL_EV_HEARTBEAT;
	if (r->chain && log->over && r->link.file.len && !r->chain->repeats &&
	    !log->pair.file_port) {
		uint64_t us = log->commit_us ? log->commit_us : ev->time_s * 1000000ull;
		mysql_chain_commit(r->chain, &r->link, us * 1000, log->commit_us != 0);
	}
	if (log->over)
		log->commit_us = 0;
	log->over = false;
	if (!r->chain || !told || log->file_len == 0)
		return;
	r->link = (struct mysql_link){.owner = log->owner,
				      .file = slice_of(log->file, log->file_len),
				      .end = ev->type == MYSQL_EV_ROTATE ? log->pos : ev->log_pos};
	if (r->link.end)
		mysql_chain_moved(r->chain, &r->link);
}

/* Reads the header of the event at hand, and says where it is. The fault that it has, or 0. */
static enum mysql_fault begin_event(struct reading *r, struct slice event, struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	uint16_t flags = wire_le16(event.ptr + 17);
	if (!r->again && !r->part &&
	    (!log->sums_known ||
	     (event.ptr[4] == MYSQL_EV_ROTATE && (flags & MYSQL_FLAG_ARTIFICIAL))))
		ask_sum(log, event);
	enum mysql_fault fault = r->part ? mysql_event_parse_front(event, &log->format, ev)
					 : mysql_event_parse(event, &log->format, ev);
	if (fault != MYSQL_F_OK)
		return fault;
	locate(r, ev);
	if (log->hole)
		close_hole(r, r->seen->off);
	/* That of an event in parts is seen when the last of them has come. */
	bool sum_ok = r->again || r->part || mysql_event_sum_ok(ev);
	join_chain(r, ev, sum_ok);
	return sum_ok ? MYSQL_F_OK : MYSQL_F_CHECKSUM;
}

static void end_event(struct reading *r, const struct mysql_event *ev)
{
	struct mysql_log *log = r->log;
	uint64_t off = r->seen->off;
	log->pos_known |= r->end != log->pos;
	log->pos = r->end;
	log->off = off ? off + ev->size : 0;
	if (!log->first_off && r->end > r->pos) {
		log->first_off = off;
		log->first_pos = r->pos;
	}
	leave_chain(r, ev);
	mysql_keep_follow(r->p, log);
}

static enum mysql_outcome torn(struct reading *r, uint8_t type, const char *why)
{
	r->log->unsure = true; /* it may have been a statement that changes a table */
	if (!mysql_event_op(type))
		mysql_txn_lost(&r->log->txn); /* or the boundary of a transaction */
	r->p->chains.types[type]++;
	return lost(r, why);
}

/* The bytes of the event that are there. Of one in parts its first ones are kept; none: its memory
 * is gone.
 */
static struct slice front_of(const struct reading *r, struct slice event)
{
	if (!r->part)
		return event;
	if (r->part->begins)
		return r->part->bytes;
	if (!r->again)
		return (struct slice){0};
	const struct mysql_payload *p =
		mysql_payload_of(r->p->payloads, r->log->owner, r->log->serial);
	return p ? mysql_payload_front(p) : (struct slice){0};
}

enum mysql_outcome mysql_log_event(struct mysql_pool *p, struct mysql_log *log, struct slice event,
				   const struct mysql_seen *seen, struct frame_out *out,
				   const char **ret_why)
{
	struct reading r = {.p = p,
			    .log = log,
			    .format = &log->format,
			    .out = out,
			    .seen = seen,
			    .part = seen->part,
			    .ahead = seen->ahead,
			    .why = log->lost_inside,
			    .again = log->serial != 0};
	struct mysql_event ev = {0};
	enum mysql_outcome o;
	event = front_of(&r, event);
	if (event.len == 0) {
		o = torn(&r, MYSQL_EV_TRANSACTION_PAYLOAD, forgotten);
	} else {
		if (!r.again)
			log->serial = ++p->serial;
		enum mysql_fault fault = begin_event(&r, event, &ev);
		o = fault ? torn(&r, event.ptr[4], mysql_fault_text(fault))
			  : mysql_read_event(&r, &ev);
	}
	*ret_why = r.why;
	log->lost_inside = r.why;
	if (o == MYSQL_FULL || o == MYSQL_MORE)
		return o;
	log->lost_inside = NULL;
	log->serial = 0;
	log->inner = 0;
	log->rows = log->idx = 0;
	if (ev.bytes.len)
		end_event(&r, &ev);
	return o;
}
