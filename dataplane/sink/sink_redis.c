/* sink_redis.c - records as entries of Redis streams.
 *
 * In:     batches of any number of queues; each queue has its stream.
 * Out:    one entry a record, or `pack` records, lines, in one. A record is written when Redis has
 *         answered for it. All queues' records are sent in the order in which they came.
 * Owns:   the connection; batches from write until their report.
 * Runs:   sink thread; it never waits for Redis for more than WAIT_MS.
 * Limits: FLIGHTS batches; ENTRY_BYTES_MAX an entry. One address: no Cluster, no Sentinel.
 *
 * Entries go in rounds, one at a time, each a transaction:
 *
 *     MULTI  XADD ...  XADD ...  SET <mark> <number of the round>  EXEC
 *
 * A round is there whole or not at all, so what is sent again after an error is sent again in
 * order. When the connection breaks before the answer has come, the mark says which it was, and
 * nothing is there twice while this process lives.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/sink/out_hops.h"
#include "dataplane/sink/queued.h"
#include "dataplane/sink/redis_link.h"
#include "dataplane/sink/sinks.h"

#define NS_PER_MS       1000000ull
#define FLIGHTS         256
#define ROUND_ENTRIES   4096
#define ROUND_BYTES     (256u << 10)
#define ENTRY_BYTES_MAX (64u << 20)
#define ENTRY_ROOM      2048 /* of an entry, beside its data */
#define TRIES_MAX       8
#define AGAIN_NS_MIN    (100 * NS_PER_MS)
#define AGAIN_NS_MAX    (5000 * NS_PER_MS)
#define REFUSED_NS      (10000 * NS_PER_MS)
#define STALLED_NS      (1000 * NS_PER_MS)
#define OPEN_NS         (3000 * NS_PER_MS)
#define WAIT_MS         1
#define NO_ENTRY        UINT32_MAX

struct redis_sink_conf {
	const char *url, *password, *mark;
	int64_t length_max;
	uint64_t timeout_ns;
};

static const struct opt redis_sink_opts[] = {
	{.name = "url",
	 .type = OPT_STRING,
	 .off = offsetof(struct redis_sink_conf, url),
	 .def = "redis://127.0.0.1:6379/0",
	 .live = true,
	 .help = "redis://[USER@]HOST[:PORT][/DB], or unix://[USER@]/PATH[?db=DB] for a socket in "
		 "the file system. Without TLS."},
	{.name = "password",
	 .type = OPT_SECRET,
	 .off = offsetof(struct redis_sink_conf, password),
	 .live = true,
	 .help = "For AUTH: env:NAME or file:PATH, or the password itself."},
	{.name = "length_max",
	 .type = OPT_INT,
	 .off = offsetof(struct redis_sink_conf, length_max),
	 .max = 1000000000000,
	 .def = "0",
	 .live = true,
	 .help = "A stream keeps about so many entries (MAXLEN ~): older ones are deleted, read or "
		 "not. 0: all are kept."},
	{.name = "timeout",
	 .type = OPT_DURATION,
	 .off = offsetof(struct redis_sink_conf, timeout_ns),
	 .min = 100 * NS_PER_MS,
	 .max = 600000ll * NS_PER_MS,
	 .def = "10s",
	 .live = true,
	 .help = "A connection on which no answer comes for so long is closed, and made again."},
	{.name = "mark",
	 .type = OPT_STRING,
	 .off = offsetof(struct redis_sink_conf, mark),
	 .def = "sluice:mark:",
	 .live = true,
	 .help = "What the name of a key begins with in which every transaction leaves its number, "
		 "for a day: so what was written before a connection broke is not written again. "
		 "Empty: no key, and it may be."},
	OPT_END};

struct flight {
	struct queued q; /* first */
	struct flight *next;
	struct stream *stream;
	uint8_t done[OUT_BATCH_RECS_MAX]; /* at the first record of an entry */
};

/* A queue and its stream. */
struct stream {
	const struct sink_queue *queue; /* NULL: this one leads elsewhere */
	uint64_t refused_until_ns;      /* its records are lost, and then it is tried again */
	struct err refused_why;
	uint32_t told; /* fates that were told of, one bit each */
};

/* An entry: @rec is its first record. */
struct place {
	struct flight *f;
	uint32_t rec;
};

struct round {
	bool out;    /* sent; its answer is owed */
	bool asking; /* what is asked is whether it was written */
	uint64_t number;
	uint32_t n; /* entries, from the first that is not done */
	bool marked;
	uint32_t n_heard; /* answers */
	uint32_t bad;     /* the first entry that Redis did not queue; n: the mark; or NO_ENTRY */
	char bad_why[200];
	unsigned tries;
};

struct redis_state {
	const struct redis_sink_conf *conf;
	struct redis_link link;
	bool met;
	struct stream *streams; /* by queue */
	unsigned n_streams;
	struct queued_lists q;
	struct flight *flights, *first, **end;
	struct round round;
	char mark[200]; /* empty: none */
	char length_max[24];
	uint64_t progress_ns, resume_ns, again_ns;
	struct err trouble; /* what Redis said; empty: nothing */
	struct err unusable;
};

/* ---- entries ---- */

/* The records from @p on that are one entry. */
static uint32_t n_of(struct place p)
{
	const struct out_batch *b = p.f->q.report.b;
	uint32_t n = 1;
	while (n < p.f->stream->queue->pack && p.rec + n < b->n_recs &&
	       out_batch_bytes(b, p.rec, n + 1) <= ROUND_BYTES)
		n++;
	return n;
}

/* The first entry from @p on that is not done; f NULL: there is none. */
static struct place undone(struct place p)
{
	while (p.f) {
		if (p.rec >= p.f->q.report.b->n_recs)
			p = (struct place){p.f->next, 0};
		else if (p.f->done[p.rec])
			p.rec += n_of(p);
		else
			break;
	}
	return p;
}

static struct place behind(struct place p)
{
	return (struct place){p.f, p.rec + n_of(p)};
}

static void settle(struct redis_state *st, struct place p, enum sink_fate fate)
{
	uint32_t n = n_of(p);
	p.f->done[p.rec] = 1;
	memset(p.f->q.fates + p.rec, fate, n);
	p.f->q.report.recs[fate] += n;
	if (fate == SINK_WRITTEN)
		p.f->q.report.bytes_written += out_batch_bytes(p.f->q.report.b, p.rec, n);
	p.f->q.n_left -= n;
}

/* Batches of which all is settled leave the list. */
static void sweep(struct redis_state *st)
{
	struct flight **at = &st->first;
	while (*at) {
		struct flight *f = *at;
		if (f->q.n_left) {
			at = &f->next;
			continue;
		}
		*at = f->next;
		f->next = NULL;
		queued_end(&st->q, &f->q);
	}
	st->end = at;
}

/* An entry that will never be written. The first of a kind and stream is told of. */
static void lose(struct redis_state *st, struct place p, enum sink_fate fate, const char *why)
{
	struct stream *s = p.f->stream;
	struct err e;
	err_set(&e, 0, "stream \"%s\": a record of %u bytes is not written: %s", s->queue->topic,
		out_batch_bytes(p.f->q.report.b, p.rec, 1), why);
	if (!p.f->q.report.why.text[0])
		p.f->q.report.why = e;
	if (!(s->told & 1u << fate))
		queued_tell(&st->q, e.text);
	s->told |= 1u << fate;
	settle(st, p, fate);
}

/* ---- what Redis refuses ---- */

enum act {
	ACT_UNKNOWN, /* tried TRIES_MAX times */
	ACT_AGAIN,   /* passes */
	ACT_RELINK,  /* passes, on another connection */
	ACT_STREAM,  /* this stream cannot be written to */
	ACT_USELESS, /* nothing can be written here */
};

static enum act judge(const char *why)
{
	static const struct {
		const char *begins;
		enum act act;
	} acts[] = {
		{"OOM ", ACT_AGAIN},         {"LOADING ", ACT_AGAIN},
		{"BUSY ", ACT_AGAIN},        {"MISCONF ", ACT_AGAIN},
		{"NOREPLICAS ", ACT_AGAIN},  {"CLUSTERDOWN ", ACT_AGAIN},
		{"READONLY ", ACT_RELINK},   {"MASTERDOWN ", ACT_RELINK},
		{"NOAUTH ", ACT_RELINK},     {"ERR max number of clients", ACT_RELINK},
		{"NOPERM ", ACT_STREAM},     {"WRONGTYPE ", ACT_STREAM},
		{"MOVED ", ACT_USELESS},     {"ASK ", ACT_USELESS},
		{"CROSSSLOT ", ACT_USELESS}, {"ERR unknown command", ACT_USELESS},
	};
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strncmp(why, acts[i].begins, strlen(acts[i].begins)) == 0)
			return acts[i].act;
	return ACT_UNKNOWN;
}

static void refuse_stream(struct redis_state *st, struct stream *s, const char *why)
{
	s->refused_until_ns = clock_mono_ns() + REFUSED_NS;
	err_set(&s->refused_why, 0, "%s", why);
}

static void back_off(struct redis_state *st, const char *why)
{
	uint64_t now_ns = clock_mono_ns();
	st->again_ns = st->again_ns ? st->again_ns * 2 : AGAIN_NS_MIN;
	if (st->again_ns > AGAIN_NS_MAX)
		st->again_ns = AGAIN_NS_MAX;
	st->resume_ns = now_ns + st->again_ns / 2 + now_ns / 1000 % (st->again_ns / 2);
	err_set(&st->trouble, 0, "%s", why);
}

static struct place entry(const struct redis_state *st, uint32_t i)
{
	struct place p = undone((struct place){st->first, 0});
	while (i-- > 0)
		p = undone(behind(p));
	return p;
}

/* The round was not written; @why, of its command `bad` or of the whole. */
static void round_failed(struct redis_state *st, const char *why)
{
	struct round *r = &st->round;
	bool of_mark = r->marked && r->bad == r->n;
	r->out = false;
	switch (judge(why)) {
	case ACT_AGAIN:
		back_off(st, why);
		return;
	case ACT_RELINK:
		redis_link_fail(&st->link, clock_mono_ns(), why);
		return;
	case ACT_USELESS:
		err_set(&st->unusable, 0, "%s", why);
		return;
	case ACT_STREAM:
		if (r->bad < r->n) {
			refuse_stream(st, entry(st, r->bad).f->stream, why);
			return;
		}
		if (of_mark) {
			struct err e;
			err_set(&e, 0, "mark: %s; without it records may be there twice", why);
			queued_tell(&st->q, e.text);
			st->mark[0] = '\0';
			return;
		}
		break;
	case ACT_UNKNOWN:
		break;
	}
	if (++r->tries <= TRIES_MAX) {
		back_off(st, why);
		return;
	}
	r->tries = 0;
	lose(st, entry(st, r->bad < r->n ? r->bad : 0), SINK_FAILED, why);
}

/* ---- a round ---- */

static void put_entry(struct redis_state *st, struct place p)
{
	struct redis_link *l = &st->link;
	const struct out_batch *b = p.f->q.report.b;
	const struct sink_queue *q = p.f->stream->queue;
	const struct out_mark *mark = b->marks ? &b->marks[p.rec] : NULL;
	bool key = mark && mark->key_len, id = mark && q->headers;
	uint32_t from = p.rec ? b->ends[p.rec - 1] : 0, to = b->ends[p.rec + n_of(p) - 1];
	if (!q->binary && to > from && b->buf[to - 1] == '\n')
		to--;
	redis_link_words(l, 5 + (st->length_max[0] ? 3 : 0) + (key ? 2 : 0) + (id ? 4 : 0));
	redis_link_word(l, SLICE_LIT("XADD"));
	redis_link_word(l, slice_str(q->topic));
	if (st->length_max[0]) {
		redis_link_word(l, SLICE_LIT("MAXLEN"));
		redis_link_word(l, SLICE_LIT("~"));
		redis_link_word(l, slice_str(st->length_max));
	}
	redis_link_word(l, SLICE_LIT("*"));
	redis_link_word(l, SLICE_LIT("data"));
	redis_link_word(l, slice_of(b->buf + from, to - from));
	if (key) {
		redis_link_word(l, SLICE_LIT("key"));
		redis_link_word(l, slice_of(b->mark_buf + mark->off, mark->key_len));
	}
	if (id) {
		redis_link_word(l, SLICE_LIT("sluice-id"));
		struct slice hop, record = out_hops_id(b, mark, &hop);
		redis_link_word(l, record);
		redis_link_word(l, SLICE_LIT("sluice-hop"));
		redis_link_word(l, hop);
	}
}

/* Puts as many entries as belong in one round; what cannot be written is settled instead. */
static void put_entries(struct redis_state *st, uint64_t now_ns)
{
	struct round *r = &st->round;
	size_t bytes = 0;
	struct place p = undone((struct place){st->first, 0});
	while (p.f && r->n < ROUND_ENTRIES) {
		struct stream *s = p.f->stream;
		uint32_t len = out_batch_bytes(p.f->q.report.b, p.rec, n_of(p));
		if (r->n && bytes + len > ROUND_BYTES)
			break;
		if (now_ns < s->refused_until_ns) {
			lose(st, p, SINK_NO_TOPIC, s->refused_why.text);
		} else if (len > ENTRY_BYTES_MAX) {
			lose(st, p, SINK_TOO_LARGE, "larger than 64 MiB");
		} else {
			put_entry(st, p);
			bytes += len + ENTRY_ROOM / 16;
			r->n++;
		}
		p = undone(behind(p));
	}
}

static void begin_round(struct redis_state *st)
{
	struct round *r = &st->round;
	struct redis_link *l = &st->link;
	uint64_t now_ns = clock_mono_ns();
	if (r->out || !st->first || l->state != REDIS_LINK_UP || now_ns < st->resume_ns ||
	    st->unusable.text[0])
		return;
	*r = (struct round){.number = r->number + 1, .tries = r->tries, .bad = NO_ENTRY};
	redis_link_words(l, 1);
	redis_link_word(l, SLICE_LIT("MULTI"));
	put_entries(st, now_ns);
	sweep(st);
	if (r->n == 0) { /* all of it was settled */
		l->out_len = l->out_at;
		return;
	}
	r->out = true;
	r->marked = st->mark[0];
	if (r->marked) {
		char number[24];
		number[text_put_u64(number, r->number)] = '\0';
		redis_link_words(l, 5);
		redis_link_word(l, SLICE_LIT("SET"));
		redis_link_word(l, slice_str(st->mark));
		redis_link_word(l, slice_str(number));
		redis_link_word(l, SLICE_LIT("EX"));
		redis_link_word(l, SLICE_LIT("86400"));
	}
	redis_link_words(l, 1);
	redis_link_word(l, SLICE_LIT("EXEC"));
	l->heard_ns = now_ns;
	redis_link_step(l, now_ns, true);
}

static void progress(struct redis_state *st)
{
	st->progress_ns = clock_mono_ns();
	st->again_ns = 0;
	st->link.wait_ns = 0;
	st->trouble.text[0] = '\0';
	st->round.tries = 0;
	st->round.out = false;
}

/* The answer to EXEC: one for each entry, which are all written, but for those with an error. */
static void round_done(struct redis_state *st, const redisReply *all)
{
	struct place p = undone((struct place){st->first, 0});
	for (uint32_t i = 0; i < st->round.n; i++) {
		const redisReply *a = i < all->elements ? all->element[i] : NULL;
		struct place at = p;
		p = behind(p);
		if (a && a->type != REDIS_REPLY_ERROR) {
			at.f->stream->told &= ~(1u << SINK_NO_TOPIC);
			settle(st, at, SINK_WRITTEN);
		} else if (a && judge(a->str) == ACT_STREAM) {
			refuse_stream(st, at.f->stream, a->str);
			lose(st, at, SINK_NO_TOPIC, a->str);
		} else {
			lose(st, at, SINK_REJECTED, a ? a->str : "Redis gave no answer for it");
		}
		p = undone(p);
	}
	progress(st);
	sweep(st);
}

/* After the connection broke: was the round written? */
static void ask_for_mark(struct redis_state *st)
{
	if (!st->round.out)
		return;
	if (!st->round.marked || !st->mark[0]) {
		st->round.out = false;
		return;
	}
	st->round.asking = true;
	redis_link_words(&st->link, 2);
	redis_link_word(&st->link, SLICE_LIT("GET"));
	redis_link_word(&st->link, slice_str(st->mark));
	st->link.heard_ns = clock_mono_ns();
}

static void hear_mark(struct redis_state *st, const redisReply *a)
{
	uint64_t number;
	st->round.asking = st->round.out = false;
	if (a->type != REDIS_REPLY_STRING || !text_u64(slice_of(a->str, a->len), &number) ||
	    number != st->round.number)
		return;
	struct place p = undone((struct place){st->first, 0});
	for (uint32_t i = 0; i < st->round.n; i++) {
		settle(st, p, SINK_WRITTEN);
		p = undone(behind(p));
	}
	progress(st);
	sweep(st);
}

/* One answer to the commands of the round: MULTI, each entry, the mark, EXEC. */
static void hear(struct redis_state *st, const redisReply *a)
{
	struct round *r = &st->round;
	uint32_t i = r->n_heard++, last = 1 + r->n + r->marked;
	bool bad = a->type == REDIS_REPLY_ERROR;
	if (i < last && bad && !r->bad_why[0]) {
		r->bad = i ? i - 1 : NO_ENTRY;
		snprintf(r->bad_why, sizeof(r->bad_why), "%s", a->str);
	}
	if (i < last)
		return;
	if (r->bad_why[0] || a->type != REDIS_REPLY_ARRAY)
		round_failed(st, r->bad_why[0] ? r->bad_why : bad ? a->str : "an answer of no use");
	else
		round_done(st, a);
}

static void turn(struct redis_state *st)
{
	struct redis_link *l = &st->link;
	redisReply *a;
	if (redis_link_step(l, clock_mono_ns(), st->round.out))
		ask_for_mark(st);
	while (st->round.out && l->state == REDIS_LINK_UP &&
	       (a = redis_link_answer(l, clock_mono_ns()))) {
		if (st->round.asking)
			hear_mark(st, a);
		else
			hear(st, a);
		freeReplyObject(a);
	}
	sweep(st);
	begin_round(st);
}

/* ---- the sink ---- */

static int redis_sink_open(void *state, const void *conf, struct err *e)
{
	struct redis_state *st = state;
	const struct redis_sink_conf *c = conf;
	st->conf = c;
	st->end = &st->first;
	st->link.password = c->password;
	st->link.timeout_ns = c->timeout_ns;
	int rc = redis_url_parse(c->url, &st->link.url, e);
	if (rc < 0)
		return rc;
	st->flights = mem_map(FLIGHTS * sizeof(*st->flights));
	if (!st->flights || redis_link_init(&st->link) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	queued_init(&st->q, st->flights, FLIGHTS, sizeof(*st->flights));
	if (c->length_max)
		st->length_max[text_put_u64(st->length_max, (uint64_t)c->length_max)] = '\0';
	if (c->mark && c->mark[0])
		snprintf(st->mark, sizeof(st->mark), "%.100s%d-%" PRIx64, c->mark, (int)getpid(),
			 clock_mono_ns());
	return 0;
}

/* Waits a little for the connection: what is wrong with it is known at the start. */
static int meet(struct redis_state *st, struct err *e)
{
	uint64_t until_ns = clock_mono_ns() + OPEN_NS;
	st->met = true;
	while (!redis_link_step(&st->link, clock_mono_ns(), false) && !st->link.refused &&
	       clock_mono_ns() < until_ns && st->link.state != REDIS_LINK_DOWN)
		redis_link_wait(&st->link, 10);
	if (st->link.refused)
		return err_set(e, -EACCES, "%s", st->link.why.text);
	if (st->link.state != REDIS_LINK_UP)
		err_set(e, 0, "%s; it is tried on",
			st->link.why.text[0] ? st->link.why.text : "Redis does not answer");
	return 0;
}

static int grow_streams(struct redis_state *st, unsigned n)
{
	if (n <= st->n_streams)
		return 0;
	struct stream *streams = mem_alloc(n * sizeof(*streams));
	if (!streams)
		return -ENOMEM;
	if (st->streams)
		memcpy(streams, st->streams, st->n_streams * sizeof(*streams));
	mem_free(st->streams);
	st->streams = streams;
	st->n_streams = n;
	return 0;
}

/* What Redis has at the key, when it says so in time: a stream, or nothing. */
static int check_kind(struct redis_state *st, const struct sink_queue *q, struct err *e)
{
	uint64_t until_ns = clock_mono_ns() + OPEN_NS;
	redisReply *a = NULL;
	int rc = 0;
	if (st->link.state != REDIS_LINK_UP)
		return 0;
	redis_link_words(&st->link, 2);
	redis_link_word(&st->link, SLICE_LIT("TYPE"));
	redis_link_word(&st->link, slice_str(q->topic));
	do {
		redis_link_step(&st->link, clock_mono_ns(), true);
		a = redis_link_answer(&st->link, clock_mono_ns());
		if (!a)
			redis_link_wait(&st->link, 10);
	} while (!a && st->link.state == REDIS_LINK_UP && clock_mono_ns() < until_ns);
	if (!a) /* or its answer would be taken for another's */
		redis_link_fail(&st->link, clock_mono_ns(), "no answer in time");
	else if (a->type == REDIS_REPLY_STATUS && strcmp(a->str, "none") != 0 &&
		 strcmp(a->str, "stream") != 0)
		rc = err_set(e, -EINVAL,
			     "queue %s: the key \"%s\" has a %s; expected a stream, or no such key",
			     q->name, q->topic, a->str);
	if (a)
		freeReplyObject(a);
	return rc;
}

static int redis_sink_queue(void *state, unsigned queue, const struct sink_queue *q, struct err *e)
{
	struct redis_state *st = state;
	if (grow_streams(st, queue + 1) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	st->streams[queue].queue = q;
	int rc = st->met ? 0 : meet(st, e);
	return rc == 0 ? check_kind(st, q, e) : rc;
}

static enum sink_answer redis_sink_write(void *state, const struct out_batch *b, struct err *e)
{
	struct redis_state *st = state;
	struct stream *s = b->queue < st->n_streams ? &st->streams[b->queue] : NULL;
	if (st->unusable.text[0] || !s || !s->queue) {
		err_set(e, -EIO, "%s", st->unusable.text[0] ? st->unusable.text : "no stream");
		return SINK_FATAL;
	}
	struct flight *f = (struct flight *)queued_begin(&st->q, b);
	if (!f) {
		const char *why = st->link.why.text[0] ? st->link.why.text : st->trouble.text;
		err_set(e, -EAGAIN, "%s", why[0] ? why : "it has not answered for what it has");
		return SINK_BUSY;
	}
	f->next = NULL;
	f->stream = s;
	memset(f->done, 0, b->n_recs);
	if (!st->first)
		st->progress_ns = clock_mono_ns();
	*st->end = f;
	st->end = &f->next;
	turn(st);
	return SINK_QUEUED;
}

static bool redis_sink_report(void *state, struct sink_report *ret)
{
	struct redis_state *st = state;
	return queued_report(&st->q, ret);
}

static enum sink_answer redis_sink_poll(void *state, struct err *e)
{
	struct redis_state *st = state;
	if (st->round.out || st->link.state == REDIS_LINK_GREETING)
		redis_link_wait(&st->link, WAIT_MS);
	turn(st);
	if (st->unusable.text[0]) {
		*e = st->unusable;
		return SINK_FATAL;
	}
	if (st->q.n_flying == 0 || clock_mono_ns() - st->progress_ns < STALLED_NS)
		return SINK_DONE;
	const char *why = st->link.why.text[0] ? st->link.why.text : st->trouble.text;
	err_set(e, 0, "%s", why[0] ? why : "Redis does not answer");
	return SINK_BUSY;
}

static void redis_sink_give_up(void *state)
{
	struct redis_state *st = state;
	struct place p = undone((struct place){st->first, 0});
	for (; p.f; p = undone(behind(p)))
		lose(st, p, SINK_FAILED, "given up");
	sweep(st);
	st->round.out = false;
	redis_link_fail(&st->link, clock_mono_ns(), "given up");
}

static int redis_sink_flush(void *state, struct err *e)
{
	const struct redis_state *st = state;
	return st->q.n_flying == 0 ? 0
				   : err_set(e, -EIO, "%u batches are not written", st->q.n_flying);
}

static int redis_sink_close(void *state, struct err *e)
{
	struct redis_state *st = state;
	redis_link_fini(&st->link);
	mem_free(st->streams);
	if (st->flights)
		mem_unmap(st->flights, FLIGHTS * sizeof(*st->flights));
	st->streams = NULL;
	st->flights = NULL;
	return 0;
}

const struct sink_ops sink_redis = {
	.name = "redis",
	.summary = "entries of Redis streams, acknowledged",
	.opts = redis_sink_opts,
	.conf_size = sizeof(struct redis_sink_conf),
	.state_size = sizeof(struct redis_state),
	.takes = SINK_TAKES_KEY | SINK_TAKES_PACK | SINK_TAKES_HEADERS | SINK_TAKES_BINARY,
	.topic_also = ":/@{}",
	.open = redis_sink_open,
	.queue = redis_sink_queue,
	.write = redis_sink_write,
	.report = redis_sink_report,
	.give_up = redis_sink_give_up,
	.poll = redis_sink_poll,
	.flush = redis_sink_flush,
	.close = redis_sink_close,
};
