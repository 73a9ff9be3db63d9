#include "dataplane/sink/shipper.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

#define NS_PER_MS      1000000ull

#define POLL_EVERY_NS  (100 * NS_PER_MS)
#define IDLE_NS_MIN    (NS_PER_MS / 16) /* a batch waits for its thread this long, */
#define IDLE_NS_MAX    NS_PER_MS        /* or this long after a pause */
#define BACKOFF_NS_MIN NS_PER_MS
#define BACKOFF_NS_MAX (100 * NS_PER_MS)

LEDGER_DEFINE(shipper, "sink", "records", SHIPPER_COLS);

enum stop { STOP_NO, STOP_DRAIN, STOP_NOW };

struct shipper {
	struct shipper_spec spec;
	char *name;
	void *state; /* the sink's */
	bool is_open, started;
	pthread_t thread;
	atomic_int stop; /* enum stop */
	atomic_bool failed;

	/* Of the sink's thread, until it is joined. */
	uint64_t now_ns, polled_ns, stop_seen_ns;
	int rc; /* the first that cost records, or may have */
	struct err result;

	/* Told to other threads. */
	pthread_mutex_t lock; /* of trouble */
	struct err trouble;   /* empty: none */
	atomic_uint version;  /* of rows; odd while they change */
	uint64_t *rows;       /* SHIPPER_N_COLS for each queue */
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

static void fail(struct shipper *s, int rc, const struct err *e)
{
	remember(s, rc, e);
	set_trouble(s, s->result.text);
	atomic_store_explicit(&s->failed, true, memory_order_release);
}

/* The sink's thread */

static void settle(struct shipper *s, struct out_batch *b, unsigned col)
{
	rows_begin(s);
	add(s, b->queue, SHIPPER_held, 0 - (uint64_t)b->n_recs);
	add(s, b->queue, col, b->n_recs);
	if (col == SHIPPER_written) {
		add(s, b->queue, SHIPPER_bytes_written, b->len);
		add(s, b->queue, SHIPPER_batches_written, 1);
	}
	rows_end(s);
	s->spec.give_back(s->spec.ctx, b);
}

static void poll_sink(struct shipper *s)
{
	struct err e = {0};
	s->polled_ns = s->now_ns;
	switch (s->spec.ops->poll(s->state, &e)) {
	case SINK_DONE:
		set_trouble(s, "");
		break;
	case SINK_BUSY:
		set_trouble(s, e.text);
		break;
	default:
		fail(s, -EIO, &e);
	}
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
	while (!shipper_failed(s)) {
		struct err e = {0};
		enum sink_answer answer = s->spec.ops->write(s->state, b, &e);
		switch (answer) {
		case SINK_DONE:
			set_trouble(s, "");
			settle(s, b, SHIPPER_written);
			return;
		case SINK_REJECT:
			remember(s, -EIO, &e);
			settle(s, b, SHIPPER_rejected);
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
			break;
		case SINK_QUEUED:
			err_set(&e, -EIO, "it answered QUEUED, and acks are not followed yet");
			fail(s, -EIO, &e);
			break;
		case SINK_FATAL:
			fail(s, -EIO, &e);
			break;
		}
	}
	settle(s, b, SHIPPER_failed);
}

static void ship(struct shipper *s, struct out_batch *b)
{
	rows_begin(s);
	add(s, b->queue, SHIPPER_records_in, b->n_recs);
	add(s, b->queue, SHIPPER_held, b->n_recs);
	rows_end(s);
	if (atomic_load_explicit(&s->stop, memory_order_acquire) != STOP_NOW) {
		write_batch(s, b);
		return;
	}
	struct err e;
	remember(s, err_set(&e, -ECANCELED, "stopped before its last records were written"), &e);
	settle(s, b, SHIPPER_failed);
}

static void close_sink(struct shipper *s)
{
	struct err e = {0};
	int rc = shipper_failed(s) ? 0 : s->spec.ops->flush(s->state, &e);
	if (rc < 0)
		fail(s, rc, &e);
	e.text[0] = '\0';
	rc = s->spec.ops->close(s->state, &e);
	if (rc < 0)
		fail(s, rc, &e);
	s->is_open = false;
}

static void *run(void *arg)
{
	struct shipper *s = arg;
	uint64_t idle_ns = IDLE_NS_MIN;
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
			if (idle_ns < IDLE_NS_MAX)
				idle_ns *= 2;
		}
		s->now_ns = clock_mono_ns();
		if (!shipper_failed(s) && (!b || s->now_ns - s->polled_ns >= POLL_EVERY_NS))
			poll_sink(s);
	}
	close_sink(s);
	return NULL;
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
	if (!s->name || !s->state || !s->rows) {
		err_set(e, rc, "sink %s: out of memory", spec->name);
		goto fail;
	}
	s->is_open = true; /* close accepts what is half open */
	struct err text = {0};
	rc = spec->ops->open(s->state, spec->conf, &text);
	if (rc < 0 || text.text[0])
		err_prefix(&text, rc, "sink %s: ", spec->name);
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
	mem_free(s->rows);
	mem_free(s->state);
	mem_free(s->name);
	mem_free(s);
}

int shipper_start(struct shipper *s, struct err *e)
{
	sigset_t all, before;
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
