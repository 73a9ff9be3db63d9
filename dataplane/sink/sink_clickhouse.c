/* sink_clickhouse.c - records as rows of ClickHouse tables, over HTTP.
 *
 * In:     batches of any number of queues; each queue has its table.
 * Out:    one INSERT of many records at a time for each table. A record is written when ClickHouse
 *         has answered that its insert is done. A table gets its records in their order.
 * Owns:   the connections; batches from write until their report.
 * Runs:   sink thread; it never waits for ClickHouse for more than WAIT_MS.
 * Limits: FLIGHTS batches; RECORD_BYTES_MAX a record; TRIES_MAX tries after an error of no known
 *         kind.
 *
 * What is sent again is sent again as it was, under the same token, by which ClickHouse knows that
 * it has it already, where it can. An insert that is refused for its data is cut: to the record
 * that ClickHouse names, or else to halves, until the record is found.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/sink/body.h"
#include "dataplane/sink/clickhouse_conf.h"
#include "dataplane/sink/clickhouse_row.h"
#include "dataplane/sink/queued.h"
#include "dataplane/sink/sinks.h"

#define NS_PER_MS        1000000ull
#define FLIGHTS          512
#define RECORD_BYTES_MAX (64u << 20)
#define ROW_RECORD_MAX   (16u << 20) /* of one that becomes a row */
#define TRIES_MAX        8
#define AGAIN_NS_MIN     (100 * NS_PER_MS)
#define AGAIN_NS_MAX     (5000 * NS_PER_MS)
#define ASK_NS           (10000 * NS_PER_MS)
#define STALLED_NS       (1000 * NS_PER_MS)
#define SILENT_NS        (5000 * NS_PER_MS)
#define OPEN_NS          (3000 * NS_PER_MS)
#define WAIT_MS          1
#define ANSWER_BYTES     4096
#define ASKED_BYTES      (256u << 10)
#define NO_WINDOW        UINT32_MAX

struct flight {
	struct queued q; /* first */
	struct flight *next;
	struct table *table;
	uint64_t at_ns; /* when it came */
	uint8_t done[OUT_BATCH_RECS_MAX];
};

enum table_state {
	TABLE_UNASKED,
	TABLE_GOOD,
	TABLE_MISSING, /* its records are lost, until it is asked for again */
};

/* A queue and its table. */
struct table {
	const struct sink_queue *queue; /* NULL: this one leads elsewhere */
	char name[600];                 /* quoted */
	enum table_state state;
	uint64_t ask_ns; /* not asked for before */
	struct err missing_why;
	struct ch_rows *rows; /* RowBinary */
	struct flight *first, **end;
	uint64_t bytes; /* of its batches */
	uint32_t told;  /* fates that were told of, one bit each */
	/* The insert. */
	struct ch_call call;
	char answer[ANSWER_BYTES];
	struct body body;
	bool out;
	uint32_t n;      /* its records, from the first that is not done */
	uint32_t again;  /* so many, exactly: it is sent again; 0: it is not */
	uint32_t window; /* so many at most, while one that is refused is looked for */
	bool suspect;    /* the record behind this insert is to go alone */
	XXH128_hash_t token;
	unsigned tries;
	uint64_t resume_ns, again_ns;
	uint64_t failing_ns; /* since when it is not taken; 0: it is */
};

/* What is asked of ClickHouse, beside the inserts: one thing at a time. */
enum asked { ASKED_NOTHING, ASKED_SETTINGS, ASKED_ZSTD, ASKED_TABLE };

/* What is to be known before the first insert: which settings there are, and whether zstd is. */
enum greeting { GREETING_SETTINGS, GREETING_ZSTD, GREETING_DONE };

struct ch_state {
	const struct ch_conf *conf;
	struct ch_http http;
	struct table **tables; /* by queue */
	unsigned n_tables;
	struct queued_lists q;
	struct flight *flights;
	enum asked asked;
	struct table *asked_of;
	struct ch_call ask;
	char *ask_text;
	struct body ask_body;
	enum greeting greeting;
	bool has_token, has_best_effort, has_null_default;
	enum body_form form;
	uint64_t ask_ns, ask_again_ns;
	uint64_t progress_ns;
	bool refused, met;
	struct err trouble; /* empty: nothing */
};

/* Doubles a wait; a part of the result comes from the clock: those that lost their server together
 * do not come back together.
 */
static uint64_t next_try_ns(uint64_t *io_wait_ns)
{
	uint64_t now_ns = clock_mono_ns(), wait_ns = *io_wait_ns ? *io_wait_ns * 2 : AGAIN_NS_MIN;
	*io_wait_ns = wait_ns < AGAIN_NS_MAX ? wait_ns : AGAIN_NS_MAX;
	return now_ns + *io_wait_ns / 2 + now_ns / 1000 % (*io_wait_ns / 2);
}

/* ---- records ---- */

struct place {
	struct flight *f;
	uint32_t rec;
};

static struct place undone(struct place p)
{
	while (p.f && (p.rec >= p.f->q.report.b->n_recs || p.f->done[p.rec])) {
		if (++p.rec >= p.f->q.report.b->n_recs)
			p = (struct place){p.f->next, 0};
	}
	return p;
}

static struct place behind(struct place p)
{
	return undone((struct place){p.f, p.rec + 1});
}

static struct slice line_of(struct place p)
{
	const struct out_batch *b = p.f->q.report.b;
	uint32_t from = p.rec ? b->ends[p.rec - 1] : 0;
	return slice_of(b->buf + from, b->ends[p.rec] - from);
}

static void settle(struct place p, enum sink_fate fate)
{
	p.f->done[p.rec] = 1;
	p.f->q.fates[p.rec] = (uint8_t)fate;
	p.f->q.report.recs[fate]++;
	if (fate == SINK_WRITTEN)
		p.f->q.report.bytes_written += line_of(p).len;
	p.f->q.n_left--;
}

/* Batches of which all is settled leave the table's list. */
static void sweep(struct ch_state *st, struct table *t)
{
	struct flight **at = &t->first;
	while (*at) {
		struct flight *f = *at;
		if (f->q.n_left) {
			at = &f->next;
			continue;
		}
		*at = f->next;
		f->next = NULL;
		queued_end(&st->q, &f->q);
		t->bytes -= f->q.report.b->len;
	}
	t->end = at;
}

/* A record that will never be written. The first of a kind and table is told of. */
static void lose(struct ch_state *st, struct place p, enum sink_fate fate, const char *why)
{
	struct table *t = p.f->table;
	struct err e;
	err_set(&e, 0, "table %s: a record of %zu bytes is not written: %s", t->name,
		line_of(p).len, why);
	if (!p.f->q.report.why.text[0])
		p.f->q.report.why = e;
	if (!(t->told & 1u << fate))
		queued_tell(&st->q, e.text);
	t->told |= 1u << fate;
	settle(p, fate);
}

static void settle_all(struct ch_state *st, struct table *t, uint32_t n, enum sink_fate fate,
		       const char *why)
{
	struct place p = undone((struct place){t->first, 0});
	for (; p.f && n > 0; n--) {
		struct place next = behind(p);
		if (fate == SINK_WRITTEN)
			settle(p, fate);
		else
			lose(st, p, fate, why);
		p = next;
	}
	sweep(st, t);
}

/* ---- what an insert came to ---- */

static void written(struct ch_state *st, struct table *t)
{
	settle_all(st, t, t->n, SINK_WRITTEN, NULL);
	t->told &= ~(1u << SINK_NO_TOPIC);
	t->again = t->tries = 0;
	t->again_ns = t->failing_ns = 0;
	if (t->suspect)
		t->window = 1;
	else if (t->window != NO_WINDOW)
		t->window = t->window < UINT32_MAX / 4 ? t->window * 2 : NO_WINDOW;
	t->suspect = false;
	st->progress_ns = clock_mono_ns();
	st->trouble.text[0] = '\0';
}

/* One record of the insert is bad: alone it is that one. */
static void record_refused(struct ch_state *st, struct table *t, enum sink_fate fate)
{
	t->again = t->tries = 0;
	t->failing_ns = 0;
	st->progress_ns = clock_mono_ns();
	if (t->n == 1) {
		settle_all(st, t, 1, fate, t->call.why.text);
		t->window = NO_WINDOW;
		t->suspect = false;
		return;
	}
	bool named = fate == SINK_REJECTED && t->call.row > 0 && t->call.row <= t->n;
	t->suspect = named && t->call.row > 1;
	t->window = !named ? t->n / 2 : t->call.row > 1 ? t->call.row - 1 : 1;
}

static void again(struct table *t)
{
	t->again = t->n;
	t->resume_ns = next_try_ns(&t->again_ns);
	if (!t->failing_ns)
		t->failing_ns = clock_mono_ns();
}

static void insert_done(struct ch_state *st, struct table *t)
{
	t->out = false;
	switch (t->call.verdict) {
	case CH_GOOD:
		written(st, t);
		return;
	case CH_RECORD:
		record_refused(st, t, SINK_REJECTED);
		return;
	case CH_TOO_LARGE:
		record_refused(st, t, SINK_TOO_LARGE);
		return;
	case CH_TABLE:
		t->state = TABLE_MISSING;
		t->missing_why = t->call.why;
		t->ask_ns = clock_mono_ns() + ASK_NS;
		t->again = 0;
		t->failing_ns = 0;
		return;
	case CH_AGAIN:
	case CH_REFUSED:
		again(t);
		return;
	case CH_UNKNOWN:
		break;
	}
	t->state = TABLE_UNASKED; /* its columns may have changed */
	if (++t->tries <= TRIES_MAX) {
		again(t);
		return;
	}
	t->again = 0;
	t->failing_ns = 0;
	settle_all(st, t, t->n, SINK_FAILED, t->call.why.text);
}

/* ---- an insert ---- */

/* Its bytes; 0: this record cannot be in one, and is settled. */
static size_t put_record(struct ch_state *st, struct table *t, struct place p)
{
	struct slice line = line_of(p), row;
	struct err e;
	if (line.len > RECORD_BYTES_MAX) {
		lose(st, p, SINK_TOO_LARGE, "larger than 64 MiB");
		return 0;
	}
	if (!t->rows) {
		body_put(&t->body, line.ptr, line.len);
		return line.len;
	}
	if (ch_rows_put(t->rows, line, &row, &e) < 0) {
		lose(st, p, SINK_REJECTED, e.text);
		return 0;
	}
	body_put(&t->body, row.ptr, row.len);
	return row.len;
}

/* The token is of the records as they came, with their _id: rows of RowBinary that are the same
 * byte for byte may be of different ones, and then none of them has been there before. Records
 * of formats without an _id are told apart by the time of their batch.
 */
static void put_records(struct ch_state *st, struct table *t)
{
	uint32_t limit = t->again ? t->again : t->window;
	uint64_t bytes = 0;
	XXH3_state_t hash;
	struct place p = undone((struct place){t->first, 0});
	XXH3_INITSTATE(&hash);
	XXH3_128bits_reset(&hash);
	body_begin(&t->body, st->form);
	t->n = 0;
	while (p.f && t->n < limit) {
		struct place next = behind(p);
		struct slice line = line_of(p);
		if (!t->again && t->n && bytes + line.len > st->conf->insert_bytes)
			break;
		size_t len = put_record(st, t, p);
		if (len && t->n == 0) /* of the first that goes in: it is so again, when all is sent
					 again */
			XXH3_128bits_reset_withSeed(&hash, p.f->q.report.b->first_ns + p.rec);
		if (len)
			XXH3_128bits_update(&hash, line.ptr, line.len);
		bytes += len;
		t->n += len > 0;
		p = next;
	}
	t->token = XXH3_128bits_digest(&hash);
}

static int put_params(const struct ch_state *st, const struct table *t, char *out, size_t cap)
{
	size_t n = 0;
	const struct opt_map *s = &st->conf->settings;
	out[0] = '\0';
	for (size_t i = 0; i < s->n && n < cap; i++) {
		char *name = curl_easy_escape(t->call.easy, s->items[i].key, 0);
		char *value = curl_easy_escape(t->call.easy, s->items[i].value, 0);
		n += (size_t)snprintf(out + n, cap - n, "&%s=%s", name ? name : "",
				      value ? value : "");
		curl_free(name);
		curl_free(value);
	}
	if (st->conf->format == CH_FORMAT_JSON && n < cap)
		n += (size_t)snprintf(
			out + n, cap - n, "&input_format_skip_unknown_fields=1%s%s",
			st->has_best_effort ? "&date_time_input_format=best_effort" : "",
			st->has_null_default ? "&input_format_null_as_default=1" : "");
	if (st->has_token && n < cap)
		n += (size_t)snprintf(out + n, cap - n,
				      "&insert_deduplication_token=%016" PRIx64 "%016" PRIx64,
				      t->token.high64, t->token.low64);
	return n < cap ? 0 : -EINVAL;
}

static bool due(const struct ch_state *st, const struct table *t, uint64_t now_ns)
{
	if (t->out || !t->first || now_ns < t->resume_ns || st->greeting != GREETING_DONE)
		return false;
	return t->again || t->window != NO_WINDOW || t->bytes >= st->conf->insert_bytes ||
	       now_ns - t->first->at_ns >= st->conf->linger_ns;
}

static void begin_insert(struct ch_state *st, struct table *t)
{
	char query[6000], params[2000];
	struct err e;
	const char *names = t->rows ? ch_rows_names(t->rows) : NULL;
	put_records(st, t);
	sweep(st, t);
	if (t->n == 0)
		return;
	bool fits = body_end(&t->body);
	int len = snprintf(query, sizeof(query), "INSERT INTO %s%s%s%s FORMAT %s", t->name,
			   names ? " (" : "", names ? names : "", names ? ")" : "",
			   ch_formats[st->conf->format]);
	int rc = len < (int)sizeof(query) ? put_params(st, t, params, sizeof(params)) : -EINVAL;
	if (!fits)
		err_set(&e, rc = -EINVAL, "the insert is larger than can be sent");
	else if (rc < 0)
		err_set(&e, rc, "the query is too long: expected fewer columns, or fewer settings");
	else
		rc = ch_http_begin(&st->http, &t->call, query, params, t->body.buf, t->body.len,
				   body_encoding(st->form), &e);
	t->out = rc == 0;
	if (rc == 0)
		return;
	t->call.why = e;
	t->call.verdict = rc == -EINVAL ? CH_UNKNOWN : CH_AGAIN;
	insert_done(st, t);
}

/* ---- what is asked ---- */

static void begin_ask(struct ch_state *st, enum asked what, struct table *t, const char *query,
		      const char *encoding)
{
	struct err e;
	st->asked = what;
	st->asked_of = t;
	if (ch_http_begin(&st->http, &st->ask, query, "", st->ask_body.buf,
			  encoding ? st->ask_body.len : 0, encoding, &e) == 0)
		return;
	st->asked = ASKED_NOTHING;
	st->trouble = e;
	st->ask_ns = next_try_ns(&st->ask_again_ns);
}

static void ask_table(struct ch_state *st, struct table *t)
{
	char query[700];
	snprintf(query, sizeof(query), "DESCRIBE TABLE %s FORMAT TSV", t->name);
	begin_ask(st, ASKED_TABLE, t, query, NULL);
}

static void heard_settings(struct ch_state *st)
{
	/* The text of an error may have these names too. */
	const char *has = st->ask.verdict == CH_GOOD ? st->ask.text : "";
	st->has_token = st->conf->token && strstr(has, "insert_deduplication_token");
	st->has_best_effort = strstr(has, "date_time_input_format");
	st->has_null_default = strstr(has, "input_format_null_as_default");
	if (st->conf->token && !st->has_token)
		queued_tell(&st->q, "this ClickHouse has no insert_deduplication_token: what is "
				    "sent again may be "
				    "there twice, with the same _id");
	st->greeting = st->form == BODY_ZSTD ? GREETING_ZSTD : GREETING_DONE;
}

static void heard_zstd(struct ch_state *st)
{
	st->greeting = GREETING_DONE;
	if (st->ask.verdict == CH_GOOD)
		return;
	st->form = BODY_GZIP;
	queued_tell(&st->q, "this ClickHouse does not know compression zstd: gzip is used");
}

static void heard_table(struct ch_state *st, struct table *t)
{
	struct err e;
	t->ask_ns = clock_mono_ns() + ASK_NS;
	if (st->ask.verdict != CH_GOOD) {
		t->state = TABLE_MISSING;
		t->missing_why = st->ask.why;
		return;
	}
	t->state = TABLE_GOOD;
	if (st->conf->format != CH_FORMAT_BINARY)
		return;
	ch_rows_destroy(t->rows);
	t->rows = NULL;
	if (ch_rows_create(st->ask.text, ROW_RECORD_MAX, &t->rows, &e) < 0) {
		t->state = TABLE_MISSING;
		t->missing_why = e;
	}
}

static void ask_done(struct ch_state *st)
{
	enum asked what = st->asked;
	enum ch_verdict v = st->ask.verdict;
	st->asked = ASKED_NOTHING;
	st->refused = v == CH_REFUSED;
	if (v == CH_AGAIN || v == CH_REFUSED) {
		st->trouble = st->ask.why;
		st->ask_ns = next_try_ns(&st->ask_again_ns);
		return;
	}
	st->ask_again_ns = 0;
	st->trouble.text[0] = '\0';
	if (what == ASKED_SETTINGS)
		heard_settings(st);
	else if (what == ASKED_ZSTD)
		heard_zstd(st);
	else
		heard_table(st, st->asked_of);
}

/* Asks for what has to be known, if nothing is being asked. */
static void ask_on(struct ch_state *st)
{
	uint64_t now_ns = clock_mono_ns();
	if (st->asked != ASKED_NOTHING || now_ns < st->ask_ns)
		return;
	if (st->greeting == GREETING_SETTINGS) {
		begin_ask(st, ASKED_SETTINGS, NULL,
			  "SELECT name FROM system.settings WHERE name IN "
			  "('insert_deduplication_token', 'date_time_input_format', "
			  "'input_format_null_as_default') FORMAT TSV",
			  NULL);
		return;
	}
	if (st->greeting == GREETING_ZSTD) {
		body_begin(&st->ask_body, BODY_ZSTD);
		body_put(&st->ask_body, " FORMAT TSV", 11);
		body_end(&st->ask_body);
		begin_ask(st, ASKED_ZSTD, NULL, "SELECT 1", "zstd");
		return;
	}
	for (unsigned i = 0; i < st->n_tables; i++) {
		struct table *t = st->tables[i];
		bool wanted = t && !t->out && t->state != TABLE_GOOD &&
			      (t->state == TABLE_UNASKED || now_ns >= t->ask_ns);
		if (wanted) {
			ask_table(st, t);
			return;
		}
	}
}

static void turn(struct ch_state *st)
{
	ch_http_turn(&st->http);
	if (st->asked != ASKED_NOTHING && !st->ask.out)
		ask_done(st);
	ask_on(st);
	uint64_t now_ns = clock_mono_ns();
	for (unsigned i = 0; i < st->n_tables; i++) {
		struct table *t = st->tables[i];
		if (t && t->out && !t->call.out)
			insert_done(st, t);
		if (t && t->state == TABLE_MISSING && !t->out && t->first)
			settle_all(st, t, UINT32_MAX, SINK_NO_TOPIC, t->missing_why.text);
		if (t && t->state == TABLE_GOOD && due(st, t, now_ns))
			begin_insert(st, t);
	}
}

/* ---- the sink ---- */

/* Until nothing is asked any more, or the time is over. */
static void ask_now(struct ch_state *st)
{
	uint64_t until_ns = clock_mono_ns() + OPEN_NS;
	do {
		turn(st);
		ch_http_wait(&st->http, 10);
	} while (st->asked != ASKED_NOTHING && clock_mono_ns() < until_ns);
	turn(st);
}

static int clickhouse_open(void *state, const void *conf, struct err *e)
{
	struct ch_state *st = state;
	const struct ch_conf *c = conf;
	st->conf = c;
	st->form = (enum body_form)c->compression;
	int rc = ch_http_init(&st->http, &c->http, e);
	if (rc < 0)
		return rc;
	st->flights = mem_map(FLIGHTS * sizeof(*st->flights));
	st->ask_text = mem_map(ASKED_BYTES);
	if (!st->flights || !st->ask_text || body_init(&st->ask_body) < 0 ||
	    ch_call_init(&st->ask, st->ask_text, ASKED_BYTES) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	queued_init(&st->q, st->flights, FLIGHTS, sizeof(*st->flights));
	return 0;
}

/* Waits a little for an answer: what is wrong is known at the start. */
static int meet(struct ch_state *st, struct err *e)
{
	st->met = true;
	ask_now(st);
	if (st->refused)
		return err_set(e, -EACCES, "%s", st->trouble.text);
	if (st->greeting != GREETING_DONE)
		err_set(e, 0, "%s; it is tried on",
			st->trouble.text[0] ? st->trouble.text : "ClickHouse does not answer");
	return 0;
}

static int grow_tables(struct ch_state *st, unsigned n)
{
	if (n <= st->n_tables)
		return 0;
	struct table **tables = mem_alloc(n * sizeof(struct table *));
	if (!tables)
		return -ENOMEM;
	if (st->tables)
		memcpy(tables, st->tables, st->n_tables * sizeof(struct table *));
	mem_free(st->tables);
	st->tables = tables;
	st->n_tables = n;
	return 0;
}

/* "db.table" or "table", each part quoted. */
static void quote(const char *topic, char *out, size_t cap)
{
	const char *dot = strchr(topic, '.');
	if (dot && dot > topic && dot[1])
		snprintf(out, cap, "`%.*s`.`%s`", (int)(dot - topic), topic, dot + 1);
	else
		snprintf(out, cap, "`%s`", topic);
}

static int clickhouse_queue(void *state, unsigned queue, const struct sink_queue *q, struct err *e)
{
	struct ch_state *st = state;
	struct table *t = mem_alloc(sizeof(*t));
	int rc;
	if (!t || grow_tables(st, queue + 1) < 0) {
		mem_free(t);
		return err_set(e, -ENOMEM, "out of memory");
	}
	st->tables[queue] = t;
	t->queue = q;
	t->end = &t->first;
	t->window = NO_WINDOW;
	quote(q->topic, t->name, sizeof(t->name));
	if (body_init(&t->body) < 0 || ch_call_init(&t->call, t->answer, sizeof(t->answer)) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	rc = st->met ? 0 : meet(st, e);
	if (rc < 0)
		return rc;
	if (st->greeting == GREETING_DONE && t->state == TABLE_UNASKED)
		ask_now(st);
	if (t->state == TABLE_MISSING)
		return err_set(e, -ENOENT, "queue %s: table %s: %s", q->name, t->name,
			       t->missing_why.text);
	return 0;
}

static enum sink_answer clickhouse_write(void *state, const struct out_batch *b, struct err *e)
{
	struct ch_state *st = state;
	struct table *t = b->queue < st->n_tables ? st->tables[b->queue] : NULL;
	if (!t) {
		err_set(e, -EIO, "no table");
		return SINK_FATAL;
	}
	struct flight *f = (struct flight *)queued_begin(&st->q, b);
	if (!f) {
		err_set(e, -EAGAIN, "%s",
			st->trouble.text[0] ? st->trouble.text
					    : "it has not answered for what it has");
		return SINK_BUSY;
	}
	f->next = NULL;
	f->table = t;
	f->at_ns = clock_mono_ns();
	memset(f->done, 0, b->n_recs);
	if (st->q.n_flying == 1)
		st->progress_ns = f->at_ns;
	*t->end = f;
	t->end = &f->next;
	t->bytes += b->len;
	turn(st);
	return SINK_QUEUED;
}

static bool clickhouse_report(void *state, struct sink_report *ret)
{
	struct ch_state *st = state;
	return queued_report(&st->q, ret);
}

/* A table that has not taken its records for a while, whatever the others do; or NULL. */
static const struct table *failing(const struct ch_state *st)
{
	uint64_t now_ns = clock_mono_ns();
	for (unsigned i = 0; i < st->n_tables; i++) {
		const struct table *t = st->tables[i];
		if (t && t->failing_ns && now_ns - t->failing_ns >= STALLED_NS)
			return t;
	}
	return NULL;
}

static enum sink_answer clickhouse_poll(void *state, struct err *e)
{
	struct ch_state *st = state;
	if (st->q.n_flying)
		ch_http_wait(&st->http, WAIT_MS);
	turn(st);
	const struct table *t = failing(st);
	if (t) {
		err_set(e, 0, "table %s: %s", t->name, t->call.why.text);
		return SINK_BUSY;
	}
	uint64_t for_ns = clock_mono_ns() - st->progress_ns;
	bool told = st->trouble.text[0];
	if (st->q.n_flying == 0 || for_ns < (told ? STALLED_NS : st->conf->linger_ns + SILENT_NS))
		return SINK_DONE;
	err_set(e, 0, "%s", told ? st->trouble.text : "ClickHouse does not answer");
	return SINK_BUSY;
}

static void clickhouse_give_up(void *state)
{
	struct ch_state *st = state;
	for (unsigned i = 0; i < st->n_tables; i++) {
		struct table *t = st->tables[i];
		if (!t)
			continue;
		ch_http_end(&st->http, &t->call);
		t->out = false;
		settle_all(st, t, UINT32_MAX, SINK_FAILED, "given up");
	}
}

static int clickhouse_flush(void *state, struct err *e)
{
	const struct ch_state *st = state;
	return st->q.n_flying == 0 ? 0
				   : err_set(e, -EIO, "%u batches are not written", st->q.n_flying);
}

static int clickhouse_close(void *state, struct err *e)
{
	struct ch_state *st = state;
	for (unsigned i = 0; i < st->n_tables; i++) {
		struct table *t = st->tables[i];
		if (!t)
			continue;
		ch_call_fini(&st->http, &t->call);
		body_fini(&t->body);
		ch_rows_destroy(t->rows);
		mem_free(t);
	}
	mem_free(st->tables);
	ch_call_fini(&st->http, &st->ask);
	body_fini(&st->ask_body);
	ch_http_fini(&st->http);
	if (st->ask_text)
		mem_unmap(st->ask_text, ASKED_BYTES);
	if (st->flights)
		mem_unmap(st->flights, FLIGHTS * sizeof(*st->flights));
	st->tables = NULL;
	st->n_tables = 0;
	st->ask_text = NULL;
	st->flights = NULL;
	return 0;
}

const struct sink_ops sink_clickhouse = {
	.name = "clickhouse",
	.summary = "rows of ClickHouse tables, over HTTP, acknowledged",
	.opts = ch_opts,
	.conf_size = sizeof(struct ch_conf),
	.state_size = sizeof(struct ch_state),
	.open = clickhouse_open,
	.queue = clickhouse_queue,
	.write = clickhouse_write,
	.report = clickhouse_report,
	.give_up = clickhouse_give_up,
	.poll = clickhouse_poll,
	.flush = clickhouse_flush,
	.close = clickhouse_close,
};
