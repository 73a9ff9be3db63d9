/* http1_state.h - what the two directions of an HTTP/1 session know of each other.
 *
 * In:     -
 * Out:    -
 * Owns:   the requests whose events or whose answers are still to come, in order.
 * Runs:   worker.
 * Limits: QUEUE_MAX such requests; then the next one stays unread until the first is answered.
 *
 * A request stays among the unread bytes until its answer is seen, so that its events can carry the
 * status. The queue says what stands there:
 *
 *     unread:  | request 1 | request 2 | request 3, half |
 *     queue:     200         waits        open
 *
 * Which answer belongs to which request is sure as long as no byte is missing. After a hole no
 * status is given (`blind`) until a request begins while nothing else is on its way - and for a
 * client that sends requests without waiting that moment cannot be told, so never again. Then a
 * request that is all here when its head is read never stands in the queue.
 */
#ifndef SL_PARSERS_HTTP1_STATE_H
#define SL_PARSERS_HTTP1_STATE_H

#include "parsers/http1_known.h"

#define QUEUE_MAX      32
#define HTTP1_UPGRADED "upgraded to another protocol"

enum queue_flag {
	Q_WHOLE = 1,     /* its last byte was read */
	Q_OUT = 2,       /* nothing more to emit */
	Q_ANSWERED = 4,  /* no answer to come that we could tell is its */
	Q_NO_WAIT = 8,   /* emit without status */
	Q_HEAD = 16,     /* HEAD: its answer has no body */
	Q_CONNECT = 32,  /* CONNECT: behind a 2xx HTTP is over */
	Q_FILTERED = 64, /* not wanted by host, path or methods */
	Q_EARLY = 128,   /* may go out before its last byte: the body is not needed */
};

/* Why a request's body is of no use. */
enum queue_why {
	WHY_NONE,
	WHY_LENGTH,
	WHY_TRANSFER,
	WHY_TOO_LARGE,
	WHY_NO_ROOM,
	WHY_CHUNKS,
	WHY_HOLE,
	WHY_END
};

struct queued {
	uint64_t start;   /* stream offset */
	uint64_t time_ns; /* packet time of its last byte; of its head, until that is read */
	uint32_t len;     /* so far; all of it when Q_WHOLE */
	uint16_t status;
	uint8_t flags; /* enum queue_flag */
	uint8_t why;   /* enum queue_why */
};

struct http1_state {
	struct http1_msg req, ans;
	struct queued queue[QUEUE_MAX];
	struct http1_progress progress; /* of the first request that is not out */
	uint64_t now_ns;
	uint64_t gap_at[2];  /* [0] requests, [1] answers: the hole before this offset is dealt with
			      */
	uint64_t lost;       /* bytes before req.start that are in no request, not yet consumed */
	const char *changed; /* not NULL: the session goes on as this */
	uint16_t early_status; /* an answer was seen before the request it is for */
	uint8_t first, n;
	uint8_t n_out, n_answered; /* of the queue's first ones: Q_OUT, Q_ANSWERED */
	uint8_t answers;           /* final ones since the last request began: 0, 1, 2 for more */
#define ANSWERS_EARLY 3u           /* two of them came before their requests */
	uint8_t known[2];          /* of http1_head_next */
	uint8_t client_len;
	uint8_t client[HTTP1_ADDRESS_MAX]; /* the client's address as text, when client_len is not 0
					    */
	bool gap_seen[2];
	bool roles_known, swapped; /* swapped: direction 1 asks */
	bool blind;
	bool pipelines;    /* the client has sent a request before the answer to the one before */
	bool asked_change; /* the newest request is CONNECT or has Upgrade */
};

/* One call of parse. */
struct http1_call {
	struct http1_state *st;
	const struct http1_conf *conf;
	const struct parse_in *in;
	struct frame_out *out;
	struct http1_work work;
	struct http1_tally tally;
	bool wake;
	struct http1_msg again; /* not set before it is needed */
};

struct parse_result http1_requests(struct http1_call *c);
struct parse_result http1_answers(struct http1_call *c);

/* The hole in front of this call's bytes: goes on in a body that is known to reach over it, else
 * searches. Returns false when the hole was dealt with in an earlier call.
 */
bool http1_gap(struct http1_call *c, struct http1_msg *m, unsigned role);

/* Reads on in the body of @m. True when its last byte was read. CHUNK_BAD shows in m->chunks. */
bool http1_body_read(struct http1_call *c, struct http1_msg *m);

static inline struct queued *queue_at(struct http1_state *st, unsigned i)
{
	return &st->queue[(st->first + i) % QUEUE_MAX];
}

static inline struct queued *queue_last(struct http1_state *st)
{
	return queue_at(st, st->n - 1u);
}

/* Requests go out in order. The first that is not out, or NULL. */
static inline struct queued *queue_not_out(struct http1_state *st)
{
	return st->n_out < st->n ? queue_at(st, st->n_out) : NULL;
}

static inline void queue_set_out(struct http1_state *st, struct queued *q)
{
	assert(q == queue_not_out(st));
	q->flags |= Q_OUT;
	st->n_out++;
}

/* So do answers come. The first that may still have one, or NULL. */
static inline struct queued *queue_not_answered(struct http1_state *st)
{
	return st->n_answered < st->n ? queue_at(st, st->n_answered) : NULL;
}

static inline void queue_set_answered(struct http1_state *st, struct queued *q)
{
	assert(q == queue_not_answered(st));
	q->flags |= Q_ANSWERED;
	st->n_answered++;
}

/* Packet time from which its answer is not waited for. */
static inline uint64_t queued_due(const struct http1_call *c, const struct queued *q)
{
	return q->time_ns + c->conf->answer_wait_ns;
}

/* Takes away what is out and answered. */
static inline void queue_trim(struct http1_state *st)
{
	unsigned gone = Q_WHOLE | Q_OUT | Q_ANSWERED;
	while (st->n && (queue_at(st, 0)->flags & gone) == gone) {
		st->first = (uint8_t)((st->first + 1u) % QUEUE_MAX);
		st->n--;
		st->n_out--;
		st->n_answered--;
	}
}

/* No answer that comes from now on can be told to belong to what is in the queue. */
static inline void queue_go_blind(struct http1_state *st)
{
	for (unsigned i = 0; i < st->n; i++)
		queue_at(st, i)->flags |= Q_ANSWERED | Q_NO_WAIT;
	st->n_answered = st->n;
	st->blind = true;
	st->early_status = 0;
	queue_trim(st);
}

/* Offset of @stream_off in this call's bytes. */
static inline size_t call_pos(const struct http1_call *c, uint64_t stream_off)
{
	return (size_t)(stream_off - c->in->stream_off);
}

static inline struct slice call_from(const struct http1_call *c, uint64_t stream_off)
{
	return slice_from(c->in->data, call_pos(c, stream_off));
}

/* What follows the empty lines at @m->at, which is moved there. */
static inline struct slice call_next_line(const struct http1_call *c, struct http1_msg *m)
{
	struct slice rest = call_from(c, m->at);
	while (rest.len && (rest.ptr[0] == '\r' || rest.ptr[0] == '\n')) {
		rest = slice_from(rest, 1);
		m->at++;
	}
	return rest;
}

#endif
