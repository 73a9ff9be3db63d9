#include "parsers/http1_state.h"

/* Answers are read for their status and to know where the next one begins; no event is made of
 * them, and their bodies are consumed as they come.
 */

enum step { STEP_ON, STEP_MORE };

static void search_from(struct http1_msg *m, uint64_t at)
{
	m->phase = PHASE_SEARCH;
	m->start = m->at = at;
}

/* The request that a final status belongs to; NULL when that cannot be told. Whether the request
 * went out before, or waited for something to happen, must not show: what comes too late comes too
 * late.
 */
static struct queued *attribute(struct http1_call *c, uint16_t status)
{
	struct http1_state *st = c->st;
	struct queued *q = queue_not_answered(st);
	st->answers += st->answers < 2;
	if (q) {
		if (!(q->flags & Q_WHOLE) || c->st->now_ns < queued_due(c, q))
			q->status = status;
		queue_set_answered(st, q);
		c->wake = true;
	} else if (st->early_status) { /* for which of two? */
		st->answers = ANSWERS_EARLY;
		queue_go_blind(st);
	} else if (!st->blind) {
		st->early_status = status; /* the capture has turned the packets round */
	}
	return q;
}

static void begin_body(struct http1_msg *m, bool none)
{
	m->at = m->start + m->head_len;
	m->phase = PHASE_BEGIN;
	if (none)
		return;
	if (m->flags & HEAD_CHUNKED && !(m->flags & HEAD_BAD_TRANSFER)) {
		m->phase = PHASE_CHUNKS;
	} else if (!(m->flags & (HEAD_CHUNKED | HEAD_BAD_LENGTH)) && (m->flags & HEAD_LENGTH)) {
		m->body_left = m->length;
		if (m->body_left)
			m->phase = PHASE_LENGTH;
	} else {
		m->phase = PHASE_CLOSE;
	}
}

static enum step step_head(struct http1_call *c)
{
	struct http1_state *st = c->st;
	struct http1_msg *m = &st->ans;
	const char *why;
	switch (http1_head_next(c->in->memo, &st->known[1], m, call_from(c, m->start), true,
				c->conf->header_bytes_max, &why)) {
	case HTTP1_MORE:
		return STEP_MORE;
	case HTTP1_BROKEN:
		search_from(m, m->start + (m->scan ? m->scan : 1));
		return STEP_ON;
	default:
		break;
	}
	uint16_t status = m->status;
	if (status < 200 && status != 101) {
		begin_body(m, true);
		return STEP_ON;
	}
	const struct queued *q = attribute(c, status);
	unsigned flags = q ? q->flags : 0;
	bool connected = (flags & Q_CONNECT) && status < 300;
	if (status == 101 || connected)
		st->changed = HTTP1_UPGRADED;
	begin_body(m, st->changed || (flags & Q_HEAD) || status == 204 || status == 304);
	m->unsure = !q;
	queue_trim(st);
	return STEP_ON;
}

static enum step step_begin(struct http1_call *c)
{
	struct http1_msg *m = &c->st->ans;
	struct slice rest = call_next_line(c, m);
	switch (http1_answer_begins(rest)) {
	case HTTP1_MORE:
		return STEP_MORE;
	case HTTP1_BROKEN:
		search_from(m, m->at);
		return STEP_ON;
	default:
		http1_msg_begin(m, m->at);
		return STEP_ON;
	}
}

/* What lies before the next status line is part of a body, and would not have been kept either. */
static enum step step_search(struct http1_call *c)
{
	struct http1_msg *m = &c->st->ans;
	size_t at;
	bool found = http1_answer_find(call_from(c, m->at), &at);
	m->at += at;
	m->start = m->at;
	if (!found)
		return STEP_MORE;
	http1_msg_begin(m, m->at);
	return STEP_ON;
}

static enum step step_body(struct http1_call *c)
{
	struct http1_msg *m = &c->st->ans;
	struct slice rest = call_from(c, m->at);
	if (rest.len == 0)
		return STEP_MORE;
	if (m->unsure && m->phase == PHASE_LENGTH && m->body_left == m->length) {
		enum http1_step next = http1_answer_begins(rest);
		if (next == HTTP1_MORE && rest.len < m->length)
			return STEP_MORE;
		if (next == HTTP1_DONE) {
			m->phase = PHASE_BEGIN;
			return STEP_ON;
		}
	}
	if (http1_body_read(c, m)) {
		m->phase = PHASE_BEGIN;
		return STEP_ON;
	}
	if (m->phase == PHASE_CHUNKS && m->chunks.phase == CHUNK_BAD) {
		search_from(m, m->at);
		return STEP_ON;
	}
	return STEP_MORE;
}

static enum step step(struct http1_call *c)
{
	struct http1_msg *m = &c->st->ans;
	switch (m->phase) {
	case PHASE_BEGIN:
		return step_begin(c);
	case PHASE_SEARCH:
		return step_search(c);
	case PHASE_HEAD:
		return step_head(c);
	case PHASE_CLOSE:
		m->at = c->in->stream_off + c->in->data.len;
		return STEP_MORE;
	default:
		return step_body(c);
	}
}

static uint64_t kept_from(const struct http1_msg *m)
{
	return m->phase == PHASE_HEAD ? m->start : m->at;
}

/* The first bytes after joining in mid-stream: nothing is known to be missing when they are the
 * beginning of an answer, and one request had come before them.
 */
static bool joins_between(const struct http1_call *c)
{
	unsigned n = 0;
	for (unsigned i = 0; i < c->st->n; i++) {
		const struct queued *q = queue_at(c->st, i);
		n += !(q->flags & Q_ANSWERED) && q->time_ns <= c->in->time_ns;
	}
	return c->in->stream_off == 0 && n == 1 && http1_answer_begins(c->in->data) == HTTP1_DONE;
}

static void answers_gap(struct http1_call *c)
{
	struct http1_state *st = c->st;
	bool joined = joins_between(c);
	if (!http1_gap(c, &st->ans, 1) || joined)
		return;
	queue_go_blind(st);
	c->wake = true;
}

/* A request that has waited long enough goes out without status, also when no byte follows it. */
static bool has_expired(const struct http1_call *c)
{
	const struct queued *q = queue_not_out(c->st);
	return q && (q->flags & Q_WHOLE) && c->st->now_ns >= queued_due(c, q);
}

struct parse_result http1_answers(struct http1_call *c)
{
	struct http1_state *st = c->st;
	if (c->in->after_gap || kept_from(&st->ans) != c->in->stream_off)
		answers_gap(c);
	while (!st->changed && step(c) == STEP_ON)
		;
	struct parse_result r = {.status = PARSE_MORE};
	if (st->changed) {
		r.status = PARSE_DONE;
		r.why = st->changed;
	}
	r.consumed = call_pos(c, kept_from(&st->ans));
	r.needed = c->in->data.len - r.consumed + 1;
	r.wake = c->wake || has_expired(c);
	return r;
}
