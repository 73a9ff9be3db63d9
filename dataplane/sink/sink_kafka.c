/* sink_kafka.c - records as messages of Kafka topics.
 *
 * In:     batches of any number of queues; each queue has its topic.
 * Out:    one message a record, or `pack` records, lines, in one. A record is written when the
 *         brokers have acknowledged it. Within a queue records are sent in their order, and what
 *         has to be sent again is sent again in order, before anything newer.
 * Owns:   the client; batches from write until their report: messages point into them.
 * Runs:   sink thread: the client calls back from poll only.
 * Limits: FLIGHTS batches; TRIES_MAX tries of a record that is refused for no known reason.
 *
 * A batch is a flight of messages, each NEW, SENT or DONE; a queue's flights are a list, and a
 * cursor goes along it. When something breaks the order of things, such as an error of the whole
 * client, or a batch of the client's refused because one of its messages is too large, there is a
 * cut: nothing more is sent, what the client still holds is taken back (NEW again), and when all is
 * reported the cursors begin anew at the oldest message that is not done.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/sink/kafka_conf.h"
#include "dataplane/sink/kafka_place.h"
#include "dataplane/sink/kafka_topic.h"
#include "dataplane/sink/kafka_verdict.h"
#include "dataplane/sink/out_hops.h"
#include "dataplane/sink/queued.h"
#include "dataplane/sink/recent.h"
#include "dataplane/sink/sinks.h"

#define NS_PER_MS          1000000ull
#define FLIGHTS            1024
#define SEND_MAX           128 /* messages in one call of the client */
#define TRIES_MAX          8
#define AGAIN_NS_MIN       (100 * NS_PER_MS)
#define AGAIN_NS_MAX       (5000 * NS_PER_MS)
#define STALLED_NS         (1000 * NS_PER_MS)
#define LOOK_MS            3000
#define PROBE_MS           1000
#define LIMIT_MS           1000
#define MAKE_MS            2000
#define MAKE_AGAIN_NS      (2000 * NS_PER_MS)
#define GIVE_UP_NS         (5000 * NS_PER_MS)
#define NO_WINDOW          UINT32_MAX

#define CLIENT_BATCH_BYTES 1000000 /* batch.size, where it is not set */
#define PACK_ROOM_BYTES    512     /* of a message, beside its value */

enum msg_state { MSG_NEW, MSG_SENT, MSG_DONE };

/* At the index of its first record. */
struct msg {
	uint16_t n; /* its records; 0: not made up yet, or within another */
	uint8_t state;
	uint8_t tries;
};

struct flight {
	struct queued q;     /* first */
	struct flight *next; /* of its queue */
	struct topic *topic;
	struct msg msgs[OUT_BATCH_RECS_MAX];
};

/* A queue and its topic. */
struct topic {
	const struct sink_queue *queue; /* NULL: this one leads elsewhere */
	rd_kafka_topic_t *rkt;
	struct flight *first, *last;
	struct flight *at; /* the cursor: of this flight, */
	uint32_t rec;      /* this record is the next */
	uint32_t n_out;    /* messages that the client has */
	uint32_t window;   /* so many at most, while one that is refused is looked for */
	uint32_t n_refused;
	/* Learned from what was refused: from this size on a message goes alone, so that it harms
	 * no other; and several records are not put into a message beyond that size.
	 */
	uint32_t alone_bytes, pack_bytes_max;
	bool alone; /* one of these is out */
	struct kafka_places places;
	uint32_t told;         /* fates that were told of, one bit each */
	bool to_make;          /* to be created first */
	uint64_t make_next_ns; /* not before */
};

struct kafka_state {
	const struct kafka_conf *conf;
	rd_kafka_t *rk;
	struct topic *topics; /* by queue */
	unsigned n_topics;
	/* What the topic with the lowest limit takes at once; 0: as the client has it. */
	uint32_t batch_bytes_max;
	bool limits_untold;
	struct queued_lists q;
	struct flight *flights;
	uint32_t n_out;
	uint64_t progress_ns; /* when a message was acknowledged last, or the first one sent */

	bool cut, renew; /* a cut is being made; then a new client is needed */
	uint64_t resume_ns, again_ns;
	struct err trouble;  /* what the client says of its brokers; empty: nothing */
	struct err unusable; /* no client can be had, or none that may write */
};

/* ---- what becomes of messages ---- */

static void settle(struct kafka_state *st, struct flight *f, uint32_t rec, enum sink_fate fate)
{
	struct msg *m = &f->msgs[rec];
	m->state = MSG_DONE;
	f->q.report.recs[fate] += m->n;
	memset(f->q.fates + rec, fate, m->n);
	f->q.n_left -= m->n;
	if (f->q.n_left > 0)
		return;
	/* Out of its queue's list: mostly it is the first. */
	struct topic *t = f->topic;
	struct flight **at = &t->first, *before = NULL;
	for (; *at != f; at = &(*at)->next)
		before = *at;
	*at = f->next;
	if (t->last == f)
		t->last = before;
	if (t->at == f) {
		t->at = f->next;
		t->rec = 0;
	}
	f->next = NULL;
	queued_end(&st->q, &f->q);
}

/* A message that will never be written. The first of a kind and topic is told of. */
static void lose(struct kafka_state *st, struct flight *f, uint32_t rec, enum sink_fate fate,
		 const char *why)
{
	const char *id;
	struct topic *t = f->topic;
	struct err e;
	const struct out_batch *b = f->q.report.b;
	int id_len = out_batch_id(b, rec, &id);
	err_set(&e, 0, "topic \"%s\": a record of %u bytes%s%.*s is not written: %s",
		t->queue->topic, out_batch_bytes(b, rec, 1), id_len ? ", _id " : "", id_len, id,
		why);
	if (!f->q.report.why.text[0])
		f->q.report.why = e;
	if (!(t->told & 1u << fate))
		queued_tell(&st->q, e.text);
	t->told |= 1u << fate;
	settle(st, f, rec, fate);
}

/* The wait before the next try doubles until something is acknowledged. */
static void back_off(struct kafka_state *st)
{
	st->again_ns = st->again_ns ? st->again_ns * 2 : AGAIN_NS_MIN;
	if (st->again_ns > AGAIN_NS_MAX)
		st->again_ns = AGAIN_NS_MAX;
	st->resume_ns = clock_mono_ns() + st->again_ns;
}

static void begin_cut(struct kafka_state *st)
{
	if (st->cut)
		return;
	st->cut = true;
	for (unsigned i = 0; i < st->n_topics; i++)
		st->topics[i].n_refused = 0;
}

/* One message of a refused batch. Alone it is the culprit, or several records that are. */
static void refused(struct kafka_state *st, struct flight *f, uint32_t rec, enum sink_fate fate,
		    const char *why)
{
	struct topic *t = f->topic;
	struct msg *m = &f->msgs[rec];
	bool alone = t->window == 1 || (t->n_out == 0 && t->n_refused == 0);
	uint32_t bytes = out_batch_bytes(f->q.report.b, rec, m->n);
	m->state = MSG_NEW;
	if (alone && m->n == 1) {
		if (fate == SINK_TOO_LARGE && bytes < t->alone_bytes)
			t->alone_bytes = bytes;
		lose(st, f, rec, fate, why);
		return;
	}
	if (alone) {
		t->pack_bytes_max = bytes / 2;
		f->msgs[rec + m->n / 2].n = m->n - m->n / 2;
		m->n /= 2;
	}
	begin_cut(st);
	t->n_refused++;
}

/* The client, or the brokers through it, did not write a message. */
static void failed(struct kafka_state *st, struct flight *f, uint32_t rec, rd_kafka_resp_err_t code)
{
	const char *why = rd_kafka_err2str(code);
	struct msg *m = &f->msgs[rec];
	const struct kafka_verdict *v = kafka_verdict(code);
	if (v && v->neighbours)
		refused(st, f, rec, v->fate, why);
	else if (v)
		lose(st, f, rec, v->fate, why);
	if (v)
		return;
	m->state = MSG_NEW;
	if (code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
		st->renew = true; /* it counts messages, and some are missing now */
		return;
	}
	if (code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
		err_set(&st->unusable, -EACCES, "%s", why);
	if (++m->tries > TRIES_MAX) {
		lose(st, f, rec, SINK_FAILED, why);
		return;
	}
	if (!st->cut) {
		struct err e;
		err_set(&e, 0, "%s; what is not acknowledged is sent again", why);
		queued_tell(&st->q, e.text);
		back_off(st);
	}
	st->renew = true;
	begin_cut(st);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct kafka_state *st = opaque;
	uintptr_t place = (uintptr_t)m->_private;
	struct flight *f = &st->flights[place / OUT_BATCH_RECS_MAX];
	uint32_t rec = place % OUT_BATCH_RECS_MAX;
	struct topic *t = f->topic;
	st->n_out--;
	t->n_out--;
	if (m->err) {
		failed(st, f, rec, m->err);
		return;
	}
	f->q.report.bytes_written += m->len;
	kafka_places_add(&t->places, m->partition, m->offset);
	if (t->queue->recent)
		recent_add(t->queue->recent, f->q.report.b, rec, f->msgs[rec].n, m->partition,
			   m->offset);
	st->progress_ns = clock_mono_ns();
	st->trouble.text[0] = '\0';
	st->again_ns = 0;
	t->told &= ~(1u << SINK_NO_TOPIC);
	if (t->window != NO_WINDOW)
		t->window = t->window < SEND_MAX * 64 ? t->window * 2 : NO_WINDOW;
	settle(st, f, rec, SINK_WRITTEN);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct kafka_state *st = opaque;
	char text[400];
	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		rd_kafka_resp_err_t cause = rd_kafka_fatal_error(rk, text, sizeof(text));
		struct err e;
		err_set(&e, 0,
			"the client failed (%s: %s); a new one sends again what is not "
			"acknowledged",
			rd_kafka_err2name(cause), text);
		queued_tell(&st->q, e.text);
		if (cause == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
			st->unusable = e;
		st->renew = true;
		back_off(st);
		begin_cut(st);
		return;
	}
	/* That all are down says less than what was said of the last. */
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && st->trouble.text[0])
		return;
	if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION && !st->trouble.text[0])
		queued_tell(&st->q, reason);
	err_set(&st->trouble, 0, "%s", reason);
}

/* What it would print is told by on_error, and by the reports. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
}

/* ---- sending ---- */

/* The records from @rec on that go into one message. */
static uint16_t make_up(const struct topic *t, const struct out_batch *b, uint32_t rec)
{
	uint32_t n = 1;
	while (n < t->queue->pack && rec + n < b->n_recs &&
	       out_batch_bytes(b, rec, n + 1) <= t->pack_bytes_max)
		n++;
	return (uint16_t)n;
}

static void fill(struct kafka_state *st, struct flight *f, uint32_t rec, bool binary,
		 rd_kafka_message_t *out)
{
	const struct out_batch *b = f->q.report.b;
	uint32_t from = rec ? b->ends[rec - 1] : 0, to = b->ends[rec + f->msgs[rec].n - 1];
	if (!binary && to > from && b->buf[to - 1] == '\n')
		to--;
	*out = (rd_kafka_message_t){
		.payload = b->buf + from,
		.len = to - from,
		._private = (void *)((uintptr_t)(f - st->flights) * OUT_BATCH_RECS_MAX + rec)};
	if (b->marks && b->marks[rec].key_len) {
		out->key = b->mark_buf + b->marks[rec].off;
		out->key_len = b->marks[rec].key_len;
	}
}

/* One message with headers. */
static rd_kafka_resp_err_t send_headed(rd_kafka_t *rk, struct topic *t, const struct out_batch *b,
				       uint32_t rec, const rd_kafka_message_t *m)
{
	const struct out_mark *mark = &b->marks[rec];
	struct slice hop, id = out_hops_id(b, mark, &hop);
	rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
	rd_kafka_header_add(headers, "sluice-id", -1, id.ptr, (ssize_t)id.len);
	rd_kafka_header_add(headers, "sluice-hop", -1, hop.ptr, (ssize_t)hop.len);
	const rd_kafka_vu_t parts[] = {
		{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = t->rkt},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {m->payload, m->len}},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {m->key, m->key_len}},
		{.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = m->_private},
		{.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
	};
	rd_kafka_error_t *e = rd_kafka_produceva(rk, parts, sizeof(parts) / sizeof(*parts));
	rd_kafka_resp_err_t code = e ? rd_kafka_error_code(e) : RD_KAFKA_RESP_ERR_NO_ERROR;
	if (e)
		rd_kafka_headers_destroy(headers); /* moved only when it was taken */
	if (e)
		rd_kafka_error_destroy(e);
	return code;
}

/* Hands messages to the client, whose fields err say how it went. */
static void send_all(rd_kafka_t *rk, struct topic *t, struct flight *f, rd_kafka_message_t *msgs,
		     unsigned n)
{
	if (!t->queue->headers || !f->q.report.b->marks) {
		rd_kafka_produce_batch(t->rkt, RD_KAFKA_PARTITION_UA, 0, msgs, (int)n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		uint32_t rec = (uintptr_t)msgs[i]._private % OUT_BATCH_RECS_MAX;
		msgs[i].err = i && msgs[i - 1].err == RD_KAFKA_RESP_ERR__QUEUE_FULL
				      ? msgs[i - 1].err
				      : send_headed(rk, t, f->q.report.b, rec, &msgs[i]);
	}
}

/* Messages of the flight at the cursor, from there on, that are to be sent. */
static unsigned collect(struct kafka_state *st, struct topic *t, rd_kafka_message_t *msgs)
{
	struct flight *f = t->at;
	unsigned n = 0;
	uint32_t room = t->window - t->n_out;
	uint32_t rec = t->rec;
	while (rec < f->q.report.b->n_recs && n < SEND_MAX && n < room) {
		struct msg *m = &f->msgs[rec];
		if (m->n == 0)
			m->n = make_up(t, f->q.report.b, rec);
		bool alone = m->state == MSG_NEW &&
			     out_batch_bytes(f->q.report.b, rec, m->n) >= t->alone_bytes;
		if (alone && (n || t->n_out))
			break;
		if (m->state == MSG_NEW)
			fill(st, f, rec, t->queue->binary, &msgs[n++]);
		rec += m->n;
		t->alone = alone;
		if (alone)
			break;
	}
	t->rec = rec;
	return n;
}

/* False: no more for now. */
static bool pump_step(struct kafka_state *st, struct topic *t)
{
	rd_kafka_message_t msgs[SEND_MAX];
	struct flight *f = t->at;
	if (st->cut || !f || t->n_out >= t->window || (t->alone && t->n_out))
		return false;
	unsigned n = collect(st, t, msgs);
	if (n == 0 && t->rec < f->q.report.b->n_recs) /* the next one goes alone */
		return false;
	if (t->rec >= f->q.report.b->n_recs) {
		t->at = f->next;
		t->rec = 0;
	}
	if (st->n_out == 0)
		st->progress_ns = clock_mono_ns();
	if (n)
		send_all(st->rk, t, f, msgs, n);
	bool full = false;
	for (unsigned i = 0; i < n; i++) {
		uint32_t rec = (uintptr_t)msgs[i]._private % OUT_BATCH_RECS_MAX;
		if (msgs[i].err == RD_KAFKA_RESP_ERR_NO_ERROR) {
			f->msgs[rec].state = MSG_SENT;
			st->n_out++;
			t->n_out++;
		} else if (msgs[i].err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
			if (!full) {
				t->at = f;
				t->rec = rec;
			}
			full = true;
		} else if (msgs[i].err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
			lose(st, f, rec, SINK_TOO_LARGE, "larger than message_bytes_max");
		} else {
			failed(st, f, rec, msgs[i].err);
		}
	}
	return !full;
}

/* Batches that a topic does not take would be refused whole. Without an answer the limit is found
 * when one is.
 */
static void learn_limit(struct kafka_state *st, struct topic *t)
{
	uint32_t bytes = 0;
	if (!st->limits_untold)
		bytes = kafka_topic_bytes_max(st->rk, t->queue->topic, LIMIT_MS);
	if (bytes <= PACK_ROOM_BYTES) {
		st->limits_untold = true; /* nor of other topics: not waited for again */
		return;
	}
	t->alone_bytes = bytes - PACK_ROOM_BYTES;
	if (t->pack_bytes_max > t->alone_bytes)
		t->pack_bytes_max = t->alone_bytes;
	if (bytes >= CLIENT_BATCH_BYTES || (st->batch_bytes_max && st->batch_bytes_max <= bytes))
		return;
	st->batch_bytes_max = bytes;
	st->renew = true; /* it is a setting of the client */
	begin_cut(st);
}

/* True when the topic may be written to; creates it when that is due. */
static bool topic_ready(struct kafka_state *st, struct topic *t)
{
	struct err e;
	uint64_t now_ns = clock_mono_ns();
	if (!t->to_make)
		return true;
	if (now_ns < t->make_next_ns)
		return false;
	t->make_next_ns = now_ns + MAKE_AGAIN_NS;
	int rc = kafka_topic_make(st->rk, t->queue->topic, t->queue->partitions,
				  (unsigned)st->conf->replication, MAKE_MS, &e);
	if (rc == 0)
		rc = kafka_topic_look(st->rk, t->rkt, MAKE_MS, &e) == 0 ? 0 : -EAGAIN;
	if (rc ==
	    -EINVAL) { /* its records are lost by name, as those of a topic that is not there */
		queued_tell(&st->q, e.text);
		rc = 0;
	}
	if (rc < 0)
		st->trouble = e;
	t->to_make = rc < 0;
	if (rc == 0)
		learn_limit(st, t);
	return rc == 0 && !st->cut;
}

static void pump(struct kafka_state *st)
{
	for (unsigned i = 0; i < st->n_topics && !st->cut; i++) {
		struct topic *t = &st->topics[i];
		if (!t->at || !topic_ready(st, t))
			continue;
		while (pump_step(st, t))
			;
	}
}

/* ---- the client ---- */

static int make_client(struct kafka_state *st, struct err *e)
{
	rd_kafka_conf_t *conf;
	char text[400];
	int rc = kafka_conf_make(st->conf, st->batch_bytes_max, &conf, e);
	if (rc < 0)
		return rc;
	rd_kafka_conf_set_opaque(conf, st);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_log_cb(conf, on_log);
	st->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!st->rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(e, -EINVAL, "%s", text);
	}
	for (unsigned i = 0; rc == 0 && i < st->n_topics; i++)
		if (st->topics[i].queue)
			rc = kafka_topic_open(st->rk, st->topics[i].queue, &st->topics[i].rkt, e);
	return rc;
}

static void destroy_client(struct kafka_state *st)
{
	for (unsigned i = 0; i < st->n_topics; i++) {
		if (st->topics[i].rkt)
			rd_kafka_topic_destroy(st->topics[i].rkt);
		st->topics[i].rkt = NULL;
	}
	if (st->rk)
		rd_kafka_destroy(st->rk);
	st->rk = NULL;
}

/* Goes on with a cut, and ends it when the client has nothing more. */
static void advance_cut(struct kafka_state *st)
{
	struct err e;
	if (st->n_out > 0) {
		/* In flight only what a client that failed will not report by itself. */
		bool failed_for_good = rd_kafka_fatal_error(st->rk, NULL, 0) != 0;
		rd_kafka_purge(st->rk, RD_KAFKA_PURGE_F_QUEUE |
					       (failed_for_good ? RD_KAFKA_PURGE_F_INFLIGHT : 0));
		rd_kafka_poll(st->rk, 0);
	}
	if (st->n_out > 0 || clock_mono_ns() < st->resume_ns)
		return;
	if (st->renew) {
		destroy_client(st);
		if (make_client(st, &e) < 0) {
			st->unusable = e;
			return;
		}
	}
	st->cut = st->renew = false;
	for (unsigned i = 0; i < st->n_topics; i++) {
		struct topic *t = &st->topics[i];
		if (t->n_refused)
			t->window = t->n_refused > 1 ? t->n_refused / 2 : 1;
		t->n_refused = 0;
		t->at = t->first;
		t->rec = 0;
	}
}

/* ---- the sink ---- */

static int kafka_open(void *state, const void *conf, struct err *e)
{
	struct kafka_state *st = state;
	st->conf = conf;
	st->flights = mem_map(FLIGHTS * sizeof(*st->flights));
	if (!st->flights)
		return err_set(e, -ENOMEM, "out of memory");
	queued_init(&st->q, st->flights, FLIGHTS, sizeof(*st->flights));
	return make_client(st, e);
}

static int grow_topics(struct kafka_state *st, unsigned n)
{
	if (n <= st->n_topics)
		return 0;
	unsigned cap = n < 8 ? 8 : n * 2;
	struct topic *topics = mem_alloc(cap * sizeof(*topics));
	if (!topics)
		return -ENOMEM;
	if (st->topics)
		memcpy(topics, st->topics, st->n_topics * sizeof(*topics));
	mem_free(st->topics);
	st->topics = topics;
	st->n_topics = cap;
	return 0;
}

static int kafka_queue(void *state, unsigned queue, const struct sink_queue *q, struct err *e)
{
	struct kafka_state *st = state;
	struct err why;
	if (grow_topics(st, queue + 1) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	struct topic *t = &st->topics[queue];
	t->queue = q;
	t->window = NO_WINDOW;
	t->alone_bytes = UINT32_MAX;
	t->pack_bytes_max = (uint32_t)st->conf->message_bytes_max - PACK_ROOM_BYTES;
	int rc = kafka_topic_open(st->rk, q, &t->rkt, e);
	if (rc < 0)
		return rc;
	/* Brokers that are away are not waited for once for each topic. */
	bool away = st->trouble.text[0] != '\0';
	rc = away ? -EAGAIN : kafka_topic_look(st->rk, t->rkt, LOOK_MS, &why);
	rd_kafka_poll(st->rk, 0); /* on_error: why nobody answered */
	if (rc == -EAGAIN && !away) {
		if (!st->trouble.text[0])
			st->trouble = why;
		err_set(e, 0, "%s; it is tried again when there are records", st->trouble.text);
	}
	if (rc == 0)
		learn_limit(st, t);
	t->to_make = st->conf->create && (rc == -ENOENT || rc == -EAGAIN);
	if (rc == 0 || rc == -EAGAIN || t->to_make)
		return 0;
	return err_set(e, rc, "queue %s: %s%s", q->name, why.text,
		       rc == -ENOENT ? "; expected it to be made before, or create: true" : "");
}

static enum sink_answer kafka_write(void *state, const struct out_batch *b, struct err *e)
{
	struct kafka_state *st = state;
	struct topic *t = b->queue < st->n_topics ? &st->topics[b->queue] : NULL;
	if (st->unusable.text[0] || !t || !t->queue) {
		err_set(e, -EIO, "%s", st->unusable.text[0] ? st->unusable.text : "no topic");
		return SINK_FATAL;
	}
	struct flight *f = (struct flight *)queued_begin(&st->q, b);
	if (!f) {
		err_set(e, -EAGAIN, "%s",
			st->trouble.text[0] ? st->trouble.text
					    : "it has not acknowledged what it has");
		return SINK_BUSY;
	}
	f->next = NULL;
	f->topic = t;
	memset(f->msgs, 0, b->n_recs * sizeof(f->msgs[0]));
	if (t->last)
		t->last->next = f;
	else
		t->first = f;
	t->last = f;
	if (!t->at) {
		t->at = f;
		t->rec = 0;
	}
	pump(st);
	return SINK_QUEUED;
}

static bool kafka_report(void *state, struct sink_report *ret)
{
	struct kafka_state *st = state;
	return queued_report(&st->q, ret);
}

static enum sink_answer kafka_poll(void *state, struct err *e)
{
	struct kafka_state *st = state;
	rd_kafka_poll(st->rk, 0);
	if (st->cut)
		advance_cut(st);
	if (st->unusable.text[0]) {
		*e = st->unusable;
		return SINK_FATAL;
	}
	pump(st);
	if (st->q.n_flying == 0)
		return SINK_DONE;
	uint64_t for_ns = clock_mono_ns() - st->progress_ns;
	if (for_ns < STALLED_NS)
		return SINK_DONE;
	err_set(e, 0, "%s",
		st->trouble.text[0] ? st->trouble.text
				    : "the brokers do not acknowledge what they were sent");
	return SINK_BUSY;
}

static void kafka_give_up(void *state)
{
	struct kafka_state *st = state;
	uint64_t until_ns = clock_mono_ns() + GIVE_UP_NS;
	st->cut = true; /* nothing more is sent */
	if (st->rk && st->n_out) {
		rd_kafka_purge(st->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		while (st->n_out && clock_mono_ns() < until_ns)
			rd_kafka_poll(st->rk, 10);
	}
	destroy_client(st);
	for (unsigned i = 0; i < st->n_topics; i++) {
		struct topic *t = &st->topics[i];
		while (t->first) {
			struct flight *f = t->first;
			uint32_t rec = 0;
			while (t->first == f) {
				struct msg *m = &f->msgs[rec];
				if (m->n == 0)
					m->n = 1;
				uint32_t n = m->n;
				if (m->state != MSG_DONE)
					lose(st, f, rec, SINK_FAILED, "given up");
				rec += n;
			}
		}
	}
}

static unsigned kafka_places(void *state, unsigned queue, bool mark, struct sink_place *ret,
			     unsigned max)
{
	struct kafka_state *st = state;
	if (queue >= st->n_topics)
		return 0;
	if (mark)
		kafka_places_reset(&st->topics[queue].places);
	return kafka_places_get(&st->topics[queue].places, ret, max);
}

/* By metadata of one of its topics. */
static enum sink_answer kafka_probe(void *state, struct err *e)
{
	struct kafka_state *st = state;
	for (unsigned i = 0; i < st->n_topics; i++)
		if (st->topics[i].queue)
			return kafka_topic_look(st->rk, st->topics[i].rkt, PROBE_MS, e) == -EAGAIN
				       ? SINK_BUSY
				       : SINK_DONE;
	return SINK_DONE;
}

static int kafka_flush(void *state, struct err *e)
{
	const struct kafka_state *st = state;
	return st->q.n_flying == 0
		       ? 0
		       : err_set(e, -EIO, "%u batches are not acknowledged", st->q.n_flying);
}

static int kafka_close(void *state, struct err *e)
{
	struct kafka_state *st = state;
	destroy_client(st);
	for (unsigned i = 0; i < st->n_topics; i++)
		kafka_places_fini(&st->topics[i].places);
	mem_free(st->topics);
	if (st->flights)
		mem_unmap(st->flights, FLIGHTS * sizeof(*st->flights));
	st->topics = NULL;
	st->flights = NULL;
	st->n_topics = 0;
	return 0;
}

const struct sink_ops sink_kafka = {
	.name = "kafka",
	.summary = "messages of Kafka topics, acknowledged",
	.opts = kafka_opts,
	.conf_size = sizeof(struct kafka_conf),
	.state_size = sizeof(struct kafka_state),
	.takes = SINK_TAKES_KEY | SINK_TAKES_PARTITIONS | SINK_TAKES_PACK | SINK_TAKES_HEADERS |
		 SINK_TAKES_BINARY | SINK_TAKES_PROPERTIES,
	.open = kafka_open,
	.queue = kafka_queue,
	.write = kafka_write,
	.report = kafka_report,
	.give_up = kafka_give_up,
	.poll = kafka_poll,
	.places = kafka_places,
	.probe = kafka_probe,
	.flush = kafka_flush,
	.close = kafka_close,
};
