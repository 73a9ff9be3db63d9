#include "dataplane/sink/shipper.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"

#define NS_PER_MS      1000000ull

#define POLL_EVERY_NS  (100 * NS_PER_MS)
/* A sleep costs some 14 us in a guest, and a worker has other batches to fill meanwhile. */
#define IDLE_NS_MIN    (NS_PER_MS / 2) /* a batch waits for its thread this long, */
#define IDLE_NS_MAX    NS_PER_MS       /* or this long after a pause, */
#define QUIET_NS_MAX   (4 * NS_PER_MS) /* or this, when the sink has nothing to confirm */
#define BACKOFF_NS_MIN NS_PER_MS
#define BACKOFF_NS_MAX (100 * NS_PER_MS)
#define PROBE_NS       (1000 * NS_PER_MS)
#define REOPEN_NS_MIN  (1000 * NS_PER_MS)
#define REOPEN_NS_MAX  (60000 * NS_PER_MS)
#define NOTICES_MAX    8

LEDGER_DEFINE(shipper, "sink", "records", SHIPPER_COLS);

enum stop { STOP_NO, STOP_DRAIN, STOP_NOW };

struct shipper {
	struct shipper_spec spec;
	char *name;
	void *state;  /* the sink's */
	bool is_open; /* or half open */
	bool started;
	pthread_t thread;
	atomic_int stop; /* enum stop */
	atomic_bool failed;
	atomic_bool recall; /* fail on purpose: what is not written is wanted back */

	/* Of the sink's thread, until it is joined. */
	uint64_t now_ns, polled_ns, stop_seen_ns, probed_ns;
	bool away;         /* as the last probe said, and nothing was written since */
	unsigned n_queued; /* batches that the sink has taken and not reported */
	bool giving_up;    /* what is reported as failed is so because the sink is, no record */
	bool recalled;     /* closed on purpose, and opened again */
	uint64_t reopen_at_ns, reopen_wait_ns;
	int rc; /* the first that cost records, or may have */
	struct err result;

	/* Told to other threads. */
	pthread_mutex_t lock; /* of all but the last three */
	struct places {
		struct sink_place of[SINK_PLACES_MAX];
		unsigned n;
		bool mark;  /* to be forgotten before the next batch */
	} * places;         /* by queue; NULL: it is none of a pair, or has no such places */
	struct err trouble; /* empty: none */
	struct err notices[NOTICES_MAX];
	unsigned n_notices;
	atomic_uint version;     /* of rows; odd while they change */
	uint64_t *rows;          /* SHIPPER_N_COLS for each queue */
	struct latency *latency; /* by queue */
};

static void sleep_ns(uint64_t ns)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

/* Counters. One thread writes, so plain reads of its own; stores are whole words for the readers.
 */

static void rows_begin(struct shipper *s)
{
	unsigned v = atomic_load_explicit(&s->version, memory_order_relaxed);
	atomic_store_explicit(&s->version, v + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void rows_end(struct shipper *s)
{
	unsigned v = atomic_load_explicit(&s->version, memory_order_relaxed);
	atomic_store_explicit(&s->version, v + 1, memory_order_release);
}

static void add(struct shipper *s, unsigned queue, unsigned col, uint64_t n)
{
	uint64_t *c = &s->rows[queue * SHIPPER_N_COLS + col];
	__atomic_store_n(c, *c + n, __ATOMIC_RELAXED);
}

void shipper_row(const struct shipper *s, unsigned queue, uint64_t ret_row[SHIPPER_N_COLS])
{
	const uint64_t *row = &s->rows[queue * SHIPPER_N_COLS];
	unsigned before, after;
	do {
		before = atomic_load_explicit(&s->version, memory_order_acquire);
		for (unsigned i = 0; i < SHIPPER_N_COLS; i++)
			ret_row[i] = __atomic_load_n(&row[i], __ATOMIC_RELAXED);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&s->version, memory_order_relaxed);
	} while (before != after || before & 1);
}

static void note_latency(struct shipper *s, const struct out_batch *b, uint32_t n_written)
{
	uint64_t now_ns = clock_wall_ns();
	if (n_written)
		latency_add(&s->latency[b->queue], now_ns > b->first_ns ? now_ns - b->first_ns : 0,
			    n_written);
}

const struct latency *shipper_latency(const struct shipper *s, unsigned queue)
{
	return &s->latency[queue];
}

/* Trouble */

static void set_trouble(struct shipper *s, const char *text)
{
	pthread_mutex_lock(&s->lock);
	snprintf(s->trouble.text, sizeof(s->trouble.text), "%s", text);
	pthread_mutex_unlock(&s->lock);
}

bool shipper_trouble(struct shipper *s, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	bool any = s->trouble.text[0] != '\0';
	if (any && e)
		*e = s->trouble;
	pthread_mutex_unlock(&s->lock);
	return any;
}

/* The last place is taken over by what comes later. */
static void add_notice(struct shipper *s, const struct err *e)
{
	pthread_mutex_lock(&s->lock);
	if (s->n_notices < NOTICES_MAX)
		s->n_notices++;
	s->notices[s->n_notices - 1] = *e;
	pthread_mutex_unlock(&s->lock);
}

bool shipper_notice(struct shipper *s, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	bool any = s->n_notices > 0;
	if (any) {
		*e = s->notices[0];
		memmove(s->notices, s->notices + 1, --s->n_notices * sizeof(*e));
	}
	pthread_mutex_unlock(&s->lock);
	return any;
}

unsigned shipper_places(struct shipper *s, unsigned queue, struct sink_place *ret)
{
	if (!s->places)
		return 0;
	pthread_mutex_lock(&s->lock);
	unsigned n = s->places[queue].n;
	memcpy(ret, s->places[queue].of, n * sizeof(*ret));
	pthread_mutex_unlock(&s->lock);
	return n;
}

void shipper_mark(struct shipper *s, unsigned queue)
{
	if (!s->places)
		return;
	pthread_mutex_lock(&s->lock);
	s->places[queue].mark = true;
	s->places[queue].n = 0;
	pthread_mutex_unlock(&s->lock);
}

/* Of the sink's thread: before a batch is written, and when one was. */
static void take_places(struct shipper *s, unsigned queue, bool written)
{
	struct places *p = &s->places[queue];
	pthread_mutex_lock(&s->lock);
	if (p->mark && !written)
		s->spec.ops->places(s->state, queue, true, NULL, 0);
	p->mark &= written;
	if (!p->mark)
		p->n = s->spec.ops->places(s->state, queue, false, p->of, SINK_PLACES_MAX);
	pthread_mutex_unlock(&s->lock);
}

bool shipper_failed(const struct shipper *s)
{
	return atomic_load_explicit(&s->failed, memory_order_acquire);
}

/* What costs records is remembered with the name of the sink; the first cause counts. */
static void remember(struct shipper *s, int rc, const struct err *e)
{
	if (s->rc != 0)
		return;
	s->rc = err_set(&s->result, rc, "sink %s: %s", s->name,
			e->text[0] ? e->text : "failed without saying why");
}

/* Where all is kept, a sink that fails costs nothing. */
static void fail(struct shipper *s, int rc, const struct err *e)
{
	struct err text = *e;
	if (!s->spec.kept)
		remember(s, rc, e);
	err_prefix(&text, rc, "sink %s: ", s->name);
	set_trouble(s, text.text);
	atomic_store_explicit(&s->failed, true, memory_order_release);
}

/* The sink's thread */

/* Moves records that become dead letters out of their fate. Returns how many. */
static uint32_t bury(struct shipper *s, struct sink_report *r)
{
	uint32_t n = 0;
	for (uint32_t i = 0; s->spec.dead && r->fates && i < r->b->n_recs; i++) {
		enum sink_fate fate = (enum sink_fate)r->fates[i];
		if ((fate == SINK_TOO_LARGE || fate == SINK_REJECTED) &&
		    s->spec.dead(s->spec.ctx, r->b, i, fate, r->why.text)) {
			r->recs[fate]--;
			n++;
		}
	}
	return n;
}

/* What comes back has only the records that have to be sent again. */
static void keep_unwritten(struct out_batch *b, const uint8_t *fates)
{
	uint32_t n = 0, from = 0, to = 0;
	for (uint32_t i = 0; i < b->n_recs; i++) {
		uint32_t end = b->ends[i];
		if (fates[i] == SINK_FAILED) {
			memmove(b->buf + to, b->buf + from, end - from);
			to += end - from;
			if (b->marks)
				b->marks[n] = b->marks[i];
			b->ends[n++] = to;
		}
		from = end;
	}
	b->n_recs = n;
	b->len = to;
}

static void settle_report(struct shipper *s, struct sink_report *r)
{
	static const uint8_t cols[SINK_N_FATES] = {
		[SINK_WRITTEN] = SHIPPER_written,     [SINK_TOO_LARGE] = SHIPPER_too_large,
		[SINK_REJECTED] = SHIPPER_rejected,   [SINK_NO_TOPIC] = SHIPPER_no_topic,
		[SINK_TIMED_OUT] = SHIPPER_timed_out, [SINK_FAILED] = SHIPPER_failed,
	};
	struct shipper_outcome o = {.n_written = r->recs[SINK_WRITTEN]};
	s->away &= o.n_written == 0;
	unsigned queue = r->b->queue;
	/* An error of one record for good is a loss also where records are kept. */
	bool returns = s->giving_up && s->spec.kept;
	uint32_t n_dead = bury(s, r);
	rows_begin(s);
	add(s, queue, SHIPPER_dead_letters, n_dead);
	add(s, queue, SHIPPER_in_flight, 0 - (uint64_t)r->b->n_recs);
	for (unsigned i = 0; i < SINK_N_FATES; i++) {
		unsigned col = returns && i == SINK_FAILED ? SHIPPER_returned : cols[i];
		add(s, queue, col, r->recs[i]);
		if (col == SHIPPER_returned)
			o.n_returned = r->recs[i];
	}
	add(s, queue, SHIPPER_bytes_written, r->bytes_written);
	add(s, queue, SHIPPER_batches_written, o.n_written > 0);
	rows_end(s);
	note_latency(s, r->b, o.n_written);
	if (o.n_written + o.n_returned + n_dead < r->b->n_recs)
		remember(s, -EIO, &r->why);
	if (s->places && o.n_written)
		take_places(s, queue, true);
	if (o.n_returned && r->fates && o.n_returned < r->b->n_recs)
		keep_unwritten(r->b, r->fates);
	s->spec.give_back(s->spec.ctx, r->b, &o);
}

/* A batch that was not QUEUED: all of its records have one fate. */
static void settle(struct shipper *s, struct out_batch *b, enum sink_fate fate,
		   const struct err *why)
{
	uint8_t fates[OUT_BATCH_RECS_MAX];
	struct sink_report r = {.b = b, .fates = fates, .why = *why};
	memset(fates, fate, b->n_recs);
	r.recs[fate] = b->n_recs;
	r.bytes_written = fate == SINK_WRITTEN ? b->len : 0;
	s->giving_up = fate == SINK_FAILED;
	settle_report(s, &r);
	s->giving_up = false;
}

static void take_reports(struct shipper *s)
{
	struct sink_report r;
	while (s->spec.ops->report && s->spec.ops->report(s->state, &r)) {
		if (r.b) {
			s->n_queued--;
			settle_report(s, &r);
		} else if (!s->giving_up || !s->spec.kept) { /* what is kept was not lost */
			err_prefix(&r.why, 0, "sink %s: ", s->name);
			add_notice(s, &r.why);
		}
	}
}

static void poll_sink(struct shipper *s)
{
	struct err e = {0};
	s->polled_ns = s->now_ns;
	switch (s->spec.ops->poll(s->state, &e)) {
	case SINK_DONE:
		if (!s->away)
			set_trouble(s, "");
		break;
	case SINK_BUSY:
		set_trouble(s, e.text);
		break;
	default:
		fail(s, -EIO, &e);
	}
	take_reports(s);
}

static void probe_sink(struct shipper *s)
{
	struct err e = {0};
	if (!s->spec.probe || !s->spec.ops->probe || s->n_queued ||
	    s->now_ns - s->probed_ns < PROBE_NS)
		return;
	s->away = s->spec.ops->probe(s->state, &e) != SINK_DONE;
	s->probed_ns = clock_mono_ns();
	set_trouble(s, s->away ? e.text : "");
}

/* What the sink has taken comes back, written or not. */
static void give_up_queued(struct shipper *s)
{
	take_reports(s);
	if (s->n_queued)
		s->spec.ops->give_up(s->state);
	s->giving_up = true;
	take_reports(s);
	s->giving_up = false;
	assert(s->n_queued == 0);
}

/* Fails the sink when that was asked for. */
static void heed_recall(struct shipper *s)
{
	struct err e;
	if (!atomic_exchange_explicit(&s->recall, false, memory_order_acquire) || shipper_failed(s))
		return;
	s->recalled = true;
	fail(s, err_set(&e, -ECANCELED, "what it has not written was taken back"), &e);
}

/* Has the batch at hand to be given up? */
static bool gives_up(struct shipper *s, const struct err *busy)
{
	enum stop stop = (enum stop)atomic_load_explicit(&s->stop, memory_order_acquire);
	struct err e;
	if (stop == STOP_NO)
		return false;
	if (s->stop_seen_ns == 0)
		s->stop_seen_ns = s->now_ns;
	if (stop == STOP_NOW) {
		fail(s, err_set(&e, -ECANCELED, "stopped while it was busy: %s", busy->text), &e);
		return true;
	}
	if (s->spec.drain_ns_max == 0 || s->now_ns - s->stop_seen_ns < s->spec.drain_ns_max)
		return false;
	fail(s, err_set(&e, -ETIMEDOUT, "busy for too long while stopping: %s", busy->text), &e);
	return true;
}

/* Offers the batch until it is settled. */
static void write_batch(struct shipper *s, struct out_batch *b)
{
	uint64_t backoff_ns = BACKOFF_NS_MIN;
	struct err e = {0};
	while (!shipper_failed(s)) {
		e.text[0] = '\0';
		enum sink_answer answer = s->spec.ops->write(s->state, b, &e);
		switch (answer) {
		case SINK_DONE:
			set_trouble(s, "");
			settle(s, b, SINK_WRITTEN, &e);
			return;
		case SINK_REJECT:
			settle(s, b, SINK_REJECTED, &e);
			return;
		case SINK_BUSY:
			set_trouble(s, e.text);
			rows_begin(s);
			add(s, b->queue, SHIPPER_busy, 1);
			rows_end(s);
			s->now_ns = clock_mono_ns();
			if (gives_up(s, &e))
				break;
			sleep_ns(backoff_ns);
			if (backoff_ns < BACKOFF_NS_MAX)
				backoff_ns *= 2;
			if (s->n_queued) /* its reports may make it room */
				poll_sink(s);
			heed_recall(s);
			break;
		case SINK_QUEUED:
			if (!s->spec.ops->report) {
				err_set(&e, -EIO, "it answered QUEUED, and reports nothing");
				fail(s, -EIO, &e);
				break;
			}
			s->n_queued++;
			take_reports(s);
			return;
		case SINK_FATAL:
			fail(s, -EIO, &e);
			break;
		}
	}
	shipper_trouble(s, &e);
	settle(s, b, SINK_FAILED, &e);
}

static void ship(struct shipper *s, struct out_batch *b)
{
	if (s->places && !shipper_failed(s))
		take_places(s, b->queue, false);
	rows_begin(s);
	add(s, b->queue, SHIPPER_records_in, b->n_recs);
	add(s, b->queue, SHIPPER_in_flight, b->n_recs);
	rows_end(s);
	if (atomic_load_explicit(&s->stop, memory_order_acquire) != STOP_NOW) {
		write_batch(s, b);
		return;
	}
	struct err e;
	err_set(&e, -ECANCELED, "stopped before its last records were written");
	if (!s->spec.kept)
		remember(s, -ECANCELED, &e);
	settle(s, b, SINK_FAILED, &e);
}

/* Opens the sink, and tells it of its queues; a text is a notice when 0 is returned. */
static int open_sink(struct shipper *s, struct err *e)
{
	const struct shipper_spec *spec = &s->spec;
	s->is_open = true; /* close accepts what is half open */
	int rc = spec->ops->open(s->state, spec->conf, e);
	for (unsigned q = 0; rc == 0 && spec->ops->queue && spec->queues && q < spec->n_queues; q++)
		if (spec->queues[q].sink == spec->index || spec->queues[q].backup == spec->index)
			rc = spec->ops->queue(s->state, q, &spec->queues[q], e);
	if (rc < 0 || e->text[0])
		err_prefix(e, rc, "sink %s: ", s->name);
	return rc;
}

static void close_failed(struct shipper *s)
{
	struct err e = {0};
	give_up_queued(s);
	if (s->spec.ops->close(s->state, &e) < 0)
		remember(s, -EIO, &e);
	s->is_open = false;
	memset(s->state, 0, s->spec.ops->state_size);
}

/* Doubles the time to the next try. A part of it comes from the clock: sinks of many hosts that
 * failed together do not come back together.
 */
static void plan_reopen(struct shipper *s)
{
	uint64_t wait = s->reopen_wait_ns * 2;
	wait = wait < REOPEN_NS_MIN ? REOPEN_NS_MIN : wait > REOPEN_NS_MAX ? REOPEN_NS_MAX : wait;
	s->reopen_wait_ns = wait;
	s->reopen_at_ns = s->now_ns + wait / 2 + s->now_ns / 1000 % (wait / 2);
}

static void try_reopen(struct shipper *s)
{
	struct err e = {0};
	if (s->is_open) {
		struct err why;
		if (shipper_trouble(s, &why))
			add_notice(s, &why);
		close_failed(s);
		plan_reopen(s);
		return;
	}
	if (s->now_ns < s->reopen_at_ns)
		return;
	if (open_sink(s, &e) < 0) {
		set_trouble(s, e.text);
		close_failed(s);
		plan_reopen(s);
		return;
	}
	set_trouble(s, "");
	s->recalled = false;
	s->probed_ns = 0;
	probe_sink(s);
	atomic_store_explicit(&s->failed, false, memory_order_release);
	err_set(&e, 0, "sink %s: was opened again, and takes records", s->name);
	add_notice(s, &e);
}

static void flush_sink(struct shipper *s)
{
	struct err e = {0};
	int rc = shipper_failed(s) ? 0 : s->spec.ops->flush(s->state, &e);
	if (rc < 0) {
		remember(s, rc, &e); /* it had answered DONE */
		fail(s, rc, &e);
	}
}

/* Waits, at a stop, for what the sink has taken. */
static void drain_queued(struct shipper *s)
{
	while (s->n_queued && !shipper_failed(s)) {
		struct err busy = {.text = "it has not acknowledged all of its records"};
		s->now_ns = clock_mono_ns();
		poll_sink(s);
		shipper_trouble(s, &busy);
		if (s->n_queued && gives_up(s, &busy))
			break;
		sleep_ns(IDLE_NS_MAX);
	}
	give_up_queued(s);
}

static void close_sink(struct shipper *s)
{
	struct err e = {0};
	if (!s->is_open)
		return;
	drain_queued(s);
	flush_sink(s);
	int rc = s->spec.ops->close(s->state, &e);
	if (rc < 0) {
		remember(s, rc, &e);
		fail(s, rc, &e);
	}
	s->is_open = false;
}

/* Between batches. @idle: there was none. */
static void look_after(struct shipper *s, bool idle)
{
	s->now_ns = clock_mono_ns();
	bool due = idle || s->n_queued || s->now_ns - s->polled_ns >= POLL_EVERY_NS;
	heed_recall(s);
	if (!shipper_failed(s) && due)
		poll_sink(s);
	if (!shipper_failed(s) && idle)
		probe_sink(s);
	if (!shipper_failed(s) && s->reopen_wait_ns && s->now_ns - s->reopen_at_ns > REOPEN_NS_MAX)
		s->reopen_wait_ns = 0; /* it holds: the next failure is a new one */
	if (!shipper_failed(s))
		return;
	if (s->spec.reopen || s->recalled)
		try_reopen(s);
	else if (s->is_open)
		give_up_queued(s);
}

static void *run(void *arg)
{
	struct shipper *s = arg;
	uint64_t idle_ns = IDLE_NS_MIN;
	confine_thread();
	for (;;) {
		/* Before the look for a batch: what was handed over before the stop is seen. */
		bool stopping = atomic_load_explicit(&s->stop, memory_order_acquire) != STOP_NO;
		struct out_batch *b = s->spec.take(s->spec.ctx);
		if (b) {
			ship(s, b);
			idle_ns = IDLE_NS_MIN;
		} else if (stopping) {
			break;
		} else {
			sleep_ns(idle_ns);
			if (idle_ns < (s->n_queued ? IDLE_NS_MAX : QUIET_NS_MAX))
				idle_ns *= 2;
		}
		look_after(s, !b);
	}
	close_sink(s);
	return NULL;
}

void shipper_recall(struct shipper *s)
{
	atomic_store_explicit(&s->recall, true, memory_order_release);
}

/* Main */

int shipper_create(const struct shipper_spec *spec, struct shipper **ret_s, struct err *e)
{
	struct shipper *s = mem_alloc(sizeof(*s));
	int rc = -ENOMEM;
	if (!s)
		return err_set(e, rc, "sink %s: out of memory", spec->name);
	pthread_mutex_init(&s->lock, NULL);
	s->spec = *spec;
	s->name = mem_strdup(spec->name);
	s->state = mem_alloc(spec->ops->state_size);
	s->rows = mem_alloc(spec->n_queues * SHIPPER_N_COLS * sizeof(*s->rows));
	s->latency = mem_alloc(spec->n_queues * sizeof(*s->latency));
	bool places = spec->probe && spec->ops->places;
	if (places)
		s->places = mem_alloc(spec->n_queues * sizeof(*s->places));
	if (!s->name || !s->state || !s->rows || !s->latency || (places && !s->places)) {
		err_set(e, rc, "sink %s: out of memory", spec->name);
		goto fail;
	}
	struct err text = {0};
	rc = open_sink(s, &text);
	if (e)
		*e = text;
	if (rc < 0)
		goto fail;
	*ret_s = s;
	return 0;
fail:
	shipper_destroy(s);
	return rc;
}

void shipper_destroy(struct shipper *s)
{
	if (!s)
		return;
	if (s->started)
		shipper_stop(s, false, NULL);
	if (s->is_open)
		s->spec.ops->close(s->state, &(struct err){0});
	pthread_mutex_destroy(&s->lock);
	mem_free(s->places);
	mem_free(s->latency);
	mem_free(s->rows);
	mem_free(s->state);
	mem_free(s->name);
	mem_free(s);
}

int shipper_start(struct shipper *s, struct err *e)
{
	sigset_t all, before;
	if (s->started)
		return 0;
	sigfillset(&all);
	/* The thread inherits the mask: signals are main's, and a write to nobody is EPIPE. */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(e, -rc, "sink %s: cannot start a thread: %s", s->name, strerror(rc));
	s->started = true;
	char name[16];
	snprintf(name, sizeof(name), "sink-%.10s", s->name);
	pthread_setname_np(s->thread, name);
	return 0;
}

int shipper_stop(struct shipper *s, bool drain, struct err *e)
{
	if (!s->started)
		return 0;
	atomic_store_explicit(&s->stop, drain ? STOP_DRAIN : STOP_NOW, memory_order_release);
	pthread_join(s->thread, NULL);
	s->started = false;
	return s->rc < 0 ? err_set(e, s->rc, "%s", s->result.text) : 0;
}
