#include "parsers/http1_state.h"

static const char *const why_text[] = {
	[WHY_LENGTH] = "Content-Length is not one number",
	[WHY_TRANSFER] = "Transfer-Encoding does not end in chunked",
	[WHY_TOO_LARGE] = "body larger than body_bytes_max",
	[WHY_NO_ROOM] = "request larger than frame.bytes_max",
	[WHY_CHUNKS] = "chunked body is damaged",
	[WHY_HOLE] = "body has a hole",
	[WHY_END] = "the session ended inside the body",
};

static const char no_request_text[] = "no request begins here";

/* --- Out -------------------------------------------------------------------------------------- */

/* Unread bytes have a bound: what only waits goes before something behind it is refused. */
static bool is_in_the_way(const struct http1_call *c, const struct queued *q)
{
	size_t unread = c->in->data.len;
	return unread > frame_bytes_max(c->out) / 2 &&
	       (q != queue_last(c->st) || call_pos(c, q->start + q->len) < unread);
}

/* Must its answer not be waited for any longer? */
static bool is_due(const struct http1_call *c, const struct queued *q)
{
	const struct parse_in *in = c->in;
	if (q->status || (q->flags & (Q_NO_WAIT | Q_ANSWERED | Q_FILTERED)))
		return true;
	if (in->end || in->before_gap || c->conf->answer_wait_ns == 0)
		return true;
	/* The client goes on and no packet of the server was ever seen: there will be none. */
	if (in->one_sided && (q != queue_last(c->st) || c->st->now_ns > q->time_ns))
		return true;
	return c->st->now_ns >= queued_due(c, q) || is_in_the_way(c, q);
}

static void take_scratch(struct http1_call *c)
{
	if (c->work.base)
		return;
	c->work.cap = frame_scratch_max(c->out) - 2 * SL_PAD;
	c->work.base = frame_scratch(c->out, c->work.cap);
	if (!c->work.base)
		c->work.cap = 0;
}

/* A later head has been read since: this one is read once more. */
static const struct http1_msg *read_again(struct http1_call *c, const struct queued *q,
					  struct slice bytes)
{
	const char *why;
	c->again = (struct http1_msg){.start = q->start};
	enum http1_step s = http1_head_read(&c->again, bytes, false, UINT32_MAX, &why);
	assert(s == HTTP1_DONE);
	(void)s;
	return &c->again;
}

/* The client's address, which is the same all the time: its text, made once. */
static inline struct slice client_of(struct http1_call *c)
{
	struct http1_state *st = c->st;
	if (!st->client_len)
		st->client_len = (uint8_t)http1_address_put(c->in->addr[c->in->dir], st->client);
	return slice_of(st->client, st->client_len);
}

/* The events of a message, of which @q says when it came and what became of it. False when the
 * burst is full.
 */
static inline bool put_message(struct http1_call *c, const struct http1_msg *m,
			       const struct queued *q, struct slice bytes)
{
	take_scratch(c);
	struct http1_request r = {
		.msg = m,
		.bytes = bytes,
		.time_ns = q->time_ns,
		.status = q->status,
		.why = why_text[q->why],
		.cut = q->why == WHY_HOLE || q->why == WHY_END,
		.client = client_of(c),
	};
	return http1_events_put(c->conf, &r, &c->work, &c->st->progress, c->out, &c->tally);
}

/* False when the burst is full. */
static bool put_request(struct http1_call *c, struct queued *q)
{
	struct slice bytes = call_from(c, q->start);
	const struct http1_msg *m = &c->st->req;
	if (bytes.len > q->len)
		bytes.len = q->len;
	if (q->flags & Q_FILTERED) {
		c->tally.passed_over += bytes.len;
		return true;
	}
	if (m->start != q->start || m->head_len == 0)
		m = read_again(c, q, bytes);
	return put_message(c, m, q, bytes);
}

/* Emits what is due, in order, from @q on. False when the burst is full. */
static bool put_all_due(struct http1_call *c, struct queued *q)
{
	struct http1_state *st = c->st;
	for (; q && (q->flags & (Q_WHOLE | Q_EARLY)) && is_due(c, q); q = queue_not_out(st)) {
		if (!put_request(c, q))
			return false;
		st->progress = (struct http1_progress){0};
		queue_set_out(st, q);
		if (!(q->flags & Q_WHOLE)) {
			st->req.skipping = true;
			st->req.passed_over = q->flags & Q_FILTERED;
			st->req.wanted = q->why != WHY_NONE;
		}
		queue_trim(st);
	}
	return true;
}

/* The same, at each step: mostly nothing is. */
static inline bool put_due(struct http1_call *c)
{
	struct queued *q = queue_not_out(c->st);
	return !q || !(q->flags & (Q_WHOLE | Q_EARLY)) || put_all_due(c, q);
}

/* --- In --------------------------------------------------------------------------------------- */

enum step { STEP_ON, STEP_MORE };

static void search_from(struct http1_msg *m, uint64_t start)
{
	m->phase = PHASE_SEARCH;
	m->start = m->at = start;
	m->skipping = false;
}

/* Bytes that are in no request. They are consumed when what stands before them is. */
static void lose(struct http1_call *c, size_t n, const char *why)
{
	c->st->lost += n;
	if (n)
		c->tally.why = why;
}

/* The session goes on as something else. No answer will tell of the requests that wait. */
static enum step change(struct http1_state *st, const char *to)
{
	st->changed = to;
	for (unsigned i = 0; i < st->n; i++)
		queue_at(st, i)->flags |= Q_NO_WAIT;
	return STEP_ON;
}

/* Something begins that is no request. */
static enum step no_request(struct http1_call *c, struct slice rest)
{
	struct http1_msg *m = &c->st->req;
	if (c->st->asked_change)
		return change(c->st, HTTP1_UPGRADED);
	if (parser_sees_tls(rest))
		return change(c->st, PARSER_TLS);
	if (rest.len < 3 && rest.ptr[0] == 0x16)
		return STEP_MORE;
	search_from(m, m->at);
	return STEP_ON;
}

static void begin_request(struct http1_state *st, uint64_t at)
{
	bool idle = !queue_not_answered(st);
	if (idle && st->ans.phase == PHASE_CLOSE)
		st->ans.phase = PHASE_SEARCH; /* the connection goes on, so that was no end */
	/* Requests that no one saw may wait for their answers, too, until one was answered. The
	 * first one of a session that was joined between two is as good: few clients send several
	 * at once.
	 */
	bool answered = st->answers && st->answers != ANSWERS_EARLY;
	if (idle && !st->pipelines && (answered || at == 0) &&
	    (st->ans.phase == PHASE_BEGIN || st->ans.phase == PHASE_SEARCH))
		st->blind = false;
	st->answers = 0;
	http1_msg_begin(&st->req, at);
}

static enum step step_begin(struct http1_call *c)
{
	struct http1_msg *m = &c->st->req;
	struct slice rest = call_next_line(c, m);
	if (rest.len == 0)
		return STEP_MORE;
	switch (http1_request_begins(rest)) {
	case HTTP1_MORE:
		return STEP_MORE;
	case HTTP1_BROKEN:
		return no_request(c, rest);
	default:
		begin_request(c->st, m->at);
		return STEP_ON;
	}
}

static enum step step_search(struct http1_call *c)
{
	struct http1_msg *m = &c->st->req;
	struct slice rest = call_from(c, m->start);
	size_t at, scan;
	bool behind_hole = c->st->gap_seen[0] && c->st->gap_at[0] == m->start;
	bool found = http1_request_find(rest, (size_t)(m->at - m->start), behind_hole, &at, &scan);
	lose(c, at, no_request_text);
	if (found) {
		begin_request(c->st, m->start + at);
		return STEP_ON;
	}
	m->at = m->start + scan;
	m->start += at;
	return STEP_MORE;
}

/* A body that will not be kept, since it is too long or does not fit into the unread bytes with its
 * head: its request's event goes out now, and those before it too.
 */
static void check_room(struct http1_call *c, struct queued *q)
{
	struct http1_state *st = c->st;
	const struct http1_msg *m = &st->req;
	uint64_t left = m->phase == PHASE_CHUNKS ? m->chunks.left : m->body_left;
	bool too_large = q->len - m->head_len + left > c->conf->body_bytes_max;
	if (q->flags & (Q_OUT | Q_EARLY) ||
	    (!too_large && q->len + left <= frame_bytes_max(c->out)))
		return;
	q->flags |= Q_EARLY;
	if (m->type != HTTP1_TYPE_OPAQUE)
		q->why = too_large ? WHY_TOO_LARGE : WHY_NO_ROOM;
	for (unsigned i = 0; i < st->n; i++)
		queue_at(st, i)->flags |= Q_NO_WAIT;
}

static bool is_wanted(const struct http1_call *c, struct slice bytes)
{
	const struct http1_conf *conf = c->conf;
	if (!conf->host.n && !conf->path.n && !conf->methods.n)
		return true;
	struct http1_place place = http1_place_of(&c->st->req, bytes);
	return http1_wanted(conf, &place);
}

static struct queued *enqueue(struct http1_call *c, struct slice bytes, struct slice method)
{
	struct http1_state *st = c->st;
	st->n++;
	struct queued *q = queue_last(st);
	*q = (struct queued){
		.start = st->req.start,
		.time_ns = c->in->time_ns,
		.len = st->req.head_len,
		.status = st->early_status,
	};
	if (slice_eq(method, SLICE_LIT("HEAD")))
		q->flags |= Q_HEAD;
	if (slice_eq(method, SLICE_LIT("CONNECT")))
		q->flags |= Q_CONNECT;
	if (st->early_status || st->blind)
		queue_set_answered(st, q);
	st->early_status = 0;
	struct queued *waits = queue_not_answered(st);
	if (waits && waits != q)
		st->pipelines = true;
	if (!is_wanted(c, bytes))
		q->flags |= Q_FILTERED | Q_EARLY;
	return q;
}

static void whole(struct http1_call *c)
{
	struct http1_msg *m = &c->st->req;
	struct queued *q = queue_last(c->st);
	q->flags |= Q_WHOLE;
	q->len = (uint32_t)(m->at - m->start);
	q->time_ns = c->in->time_ns;
	m->phase = PHASE_BEGIN;
	m->skipping = false;
	queue_trim(c->st);
}

/* Where the body ends is not known: what follows is searched for the next request. */
static void body_lost(struct http1_call *c, enum queue_why why)
{
	struct http1_msg *m = &c->st->req;
	struct queued *q = queue_last(c->st);
	if (!(q->flags & Q_OUT))
		q->why = (uint8_t)why;
	whole(c);
	search_from(m, m->at);
}

static void begin_body(struct http1_call *c, struct queued *q)
{
	struct http1_msg *m = &c->st->req;
	bool chunked = m->flags & HEAD_CHUNKED;
	if (q->flags & Q_CONNECT) {
		whole(c);
	} else if ((m->flags & HEAD_BAD_TRANSFER) || (m->codings.n_transfer && !chunked)) {
		body_lost(c, WHY_TRANSFER);
	} else if (chunked) {
		m->phase = PHASE_CHUNKS;
	} else if (m->flags & HEAD_BAD_LENGTH) {
		body_lost(c, WHY_LENGTH);
	} else if (m->length) {
		m->phase = PHASE_LENGTH;
		m->body_left = m->length;
		check_room(c, q);
	} else {
		whole(c);
	}
}

/* More is to be said of what follows the head than a number of bytes. */
#define HEAD_ODD (HEAD_BAD_LENGTH | HEAD_CHUNKED | HEAD_BAD_TRANSFER | HEAD_UPGRADE)

/* Is the request that @bytes begin with all here, and waits for nothing? Blind: for no answer, and
 * nobody before it does.
 */
static inline bool is_straight(const struct http1_call *c, struct slice bytes, struct slice method)
{
	const struct http1_state *st = c->st;
	const struct http1_conf *conf = c->conf;
	const struct http1_msg *m = &st->req;
	if (!st->blind || st->n || (m->flags & HEAD_ODD) || m->codings.n_transfer ||
	    slice_eq(method, SLICE_LIT("CONNECT")))
		return false;
	if (m->length > bytes.len - m->head_len || m->length > conf->body_bytes_max ||
	    m->head_len + m->length > frame_bytes_max(c->out))
		return false;
	return !conf->host.n && !conf->path.n && !conf->methods.n;
}

/* Its events without a place in the queue. False when the burst is full: what is out is noted, and
 * the rest goes the usual way.
 */
static inline bool put_straight(struct http1_call *c, struct slice bytes)
{
	struct http1_state *st = c->st;
	struct http1_msg *m = &st->req;
	size_t len = m->head_len + (size_t)m->length;
	if (!put_message(c, m, &(struct queued){.time_ns = c->in->time_ns},
			 slice_of(bytes.ptr, len)))
		return false;
	st->progress = (struct http1_progress){0};
	st->asked_change = false;
	m->at = m->start + len;
	m->phase = PHASE_BEGIN;
	return true;
}

static enum step step_head(struct http1_call *c)
{
	struct http1_state *st = c->st;
	struct http1_msg *m = &st->req;
	const char *why;
	struct slice bytes = call_from(c, m->start);
	switch (http1_head_next(c->in->memo, &st->known[0], m, bytes, false,
				c->conf->header_bytes_max, &why)) {
	case HTTP1_MORE:
		return STEP_MORE;
	case HTTP1_BROKEN:
		/* A line that is no request may still hold one; a head that is too long does not.
		 */
		lose(c, m->scan ? m->scan : 1, why);
		search_from(m, m->start + (m->scan ? m->scan : 1));
		return STEP_ON;
	default:
		break;
	}
	struct slice method = slice_of(bytes.ptr, m->method_len);
	if (slice_starts(bytes, SLICE_LIT("PRI * "))) {
		m->at = m->start;
		m->phase = PHASE_BEGIN;
		return change(st, "HTTP/2");
	}
	if (is_straight(c, bytes, method) && put_straight(c, bytes))
		return m->head_len + m->length == bytes.len ? STEP_MORE : STEP_ON;
	m->at = m->start + m->head_len;
	st->asked_change = slice_eq(method, SLICE_LIT("CONNECT")) ||
			   ((m->flags & HEAD_UPGRADE) && (m->flags & HEAD_UPGRADE_CONN));
	begin_body(c, enqueue(c, bytes, method));
	return STEP_ON;
}

/* Refused after Expect: 100-continue, the client may go on with the next request at once. */
static bool body_spared(const struct http1_call *c, const struct http1_msg *m)
{
	if (!(m->flags & HEAD_EXPECT) || m->at != m->start + m->head_len ||
	    queue_last(c->st)->status < 300)
		return false;
	struct slice rest = call_from(c, m->at);
	const uint8_t *sp = memchr(rest.ptr, ' ', rest.len < 16 ? rest.len : 16);
	return sp && http1_method_known(slice_of(rest.ptr, (size_t)(sp - rest.ptr)));
}

static enum step step_body(struct http1_call *c)
{
	struct http1_msg *m = &c->st->req;
	struct queued *q = queue_last(c->st);
	if (call_pos(c, m->at) == c->in->data.len)
		return STEP_MORE;
	bool here = m->phase == PHASE_LENGTH && !m->skipping && !(m->flags & HEAD_EXPECT) &&
		    m->body_left <= c->in->data.len - call_pos(c, m->at);
	if (here) { /* mostly */
		m->at += m->body_left;
		m->body_left = 0;
	}
	if (here || body_spared(c, m) || http1_body_read(c, m)) {
		whole(c);
		return STEP_ON;
	}
	if (m->phase == PHASE_CHUNKS && m->chunks.phase == CHUNK_BAD) {
		body_lost(c, WHY_CHUNKS);
		return STEP_ON;
	}
	q->len = (uint32_t)(m->at - m->start);
	if (!m->skipping)
		check_room(c, q);
	return q->flags & Q_EARLY && !(q->flags & Q_OUT) ? STEP_ON : STEP_MORE;
}

/* As far as nothing can be due in between: from the first byte to the end of a body that is kept.
 */
static inline enum step step(struct http1_call *c)
{
	struct http1_msg *m = &c->st->req;
	enum step s;
	switch (m->phase) {
	case PHASE_SEARCH:
		return step_search(c);
	case PHASE_BEGIN:
		s = step_begin(c);
		if (m->phase != PHASE_HEAD)
			return s;
		/* fall through */
	case PHASE_HEAD:
		s = step_head(c);
		if (m->phase != PHASE_LENGTH || queue_last(c->st)->flags & Q_EARLY)
			return s;
		/* fall through */
	default:
		return step_body(c);
	}
}

/* --- A call ----------------------------------------------------------------------------------- */

/* The first byte that is still needed; @q: the first that is not out. */
static uint64_t kept_from(const struct http1_state *st, const struct queued *q)
{
	const struct http1_msg *m = &st->req;
	if (q)
		return q->start;
	return m->phase == PHASE_HEAD || m->phase == PHASE_SEARCH ? m->start : m->at;
}

static struct parse_result result(struct http1_call *c, enum parse_status status)
{
	struct http1_state *st = c->st;
	const struct http1_msg *m = &st->req;
	const struct queued *q = queue_not_out(st);
	size_t consumed = call_pos(c, kept_from(st, q));
	size_t rest = c->in->data.len - consumed;
	st->lost += c->tally.lost;
	size_t counted = consumed - c->tally.passed_over;
	struct parse_result r = {
		.status = status,
		.consumed = consumed,
		.needed = rest + 1,
		.skipped = st->lost < counted ? (size_t)st->lost : counted,
		.passed_over = c->tally.passed_over,
		.why = c->tally.why,
	};
	st->lost -= r.skipped;
	if (r.skipped && !r.why)
		r.why = no_request_text;
	if (q && q->flags & Q_WHOLE)
		r.due_ns = queued_due(c, q);
	/* Nothing but the body of one request is awaited: no call before its end. */
	if (m->phase == PHASE_LENGTH && !m->skipping && st->n == 1 && !(m->flags & HEAD_EXPECT))
		r.needed = rest + (size_t)m->body_left;
	return r;
}

/* No more bytes will come for the request at hand: what its head says is still worth an event. */
static void cut_off(struct http1_call *c)
{
	struct http1_state *st = c->st;
	struct http1_msg *m = &st->req;
	if ((m->phase != PHASE_LENGTH && m->phase != PHASE_CHUNKS) || m->skipping)
		return;
	struct queued *q = queue_last(st);
	if (q->flags & Q_OUT)
		return;
	q->why = c->in->end ? WHY_END : WHY_HOLE;
	q->flags |= Q_EARLY | Q_NO_WAIT;
}

/* What had not gone out went with the unread bytes, and frame has counted it. Only a request whose
 * body goes on behind the hole keeps its place.
 */
static void requests_gap(struct http1_call *c)
{
	struct http1_state *st = c->st;
	struct http1_msg *m = &st->req;
	if (!http1_gap(c, m, 0))
		return;
	bool goes_on = m->phase == PHASE_LENGTH || m->phase == PHASE_CHUNKS;
	for (unsigned i = 0; i < st->n; i++)
		queue_at(st, i)->flags |= i + 1u == st->n && goes_on ? Q_OUT : Q_OUT | Q_WHOLE;
	st->n_out = st->n;
	if (goes_on && !m->skipping)
		m->skipping = m->wanted = true;
	st->progress = (struct http1_progress){0};
	st->lost = 0;
	if (st->answers > 1) /* to requests behind the hole, too, which come only now */
		st->answers = 0;
	queue_go_blind(st);
}

struct parse_result http1_requests(struct http1_call *c)
{
	struct http1_state *st = c->st;
	if (c->in->after_gap || kept_from(st, queue_not_out(st)) != c->in->stream_off)
		requests_gap(c);
	for (;;) {
		if (!put_due(c))
			return result(c, PARSE_OK);
		if (st->changed && !queue_not_out(st)) {
			c->tally.why = st->changed;
			return result(c, PARSE_DONE);
		}
		if (st->n == QUEUE_MAX && queue_last(st)->flags & Q_WHOLE) {
			if (queue_not_out(st))
				return result(c, PARSE_MORE);
			st->pipelines = true; /* so many answers are missing: give up on them */
			queue_go_blind(st);
		}
		if (step(c) == STEP_ON)
			continue;
		if (c->in->end || c->in->before_gap)
			cut_off(c);
		bool full = !put_due(c);
		return result(c, full ? PARSE_OK : PARSE_MORE);
	}
}
