#include "tests/unit/unit.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "dataplane/base/clock.h"
#include "dataplane/sink/shipper.h"

#define N_QUEUES  2
#define N_BATCHES 64

/* A sink that answers by a script: one letter a write, the last for ever.
 * D done, B busy, R reject, F fatal, Q queued.
 */
struct script {
	const char *answers;
	int open_rc, flush_rc, close_rc;
	enum sink_answer poll;
	const char *notice;
};

struct seen {
	atomic_uint n_writes, n_polls, n_flushes, n_closes;
	uint32_t recs[N_BATCHES * 4]; /* n_recs of the batches that were done, in order */
	unsigned n_done;
	uint64_t opens_ns[4];
	atomic_uint n_opens;
};

static struct script script;
static struct seen seen;

struct script_state {
	const char *at;
};

static int script_open(void *state, const void *conf, struct err *e)
{
	struct script_state *st = state;
	if (seen.n_opens < sizeof(seen.opens_ns) / sizeof(seen.opens_ns[0]))
		seen.opens_ns[seen.n_opens] = clock_mono_ns();
	seen.n_opens++;
	st->at = script.answers + (seen.n_closes ? strlen(script.answers) - 1 : 0);
	if (script.open_rc < 0)
		return err_set(e, script.open_rc, "cannot open");
	if (script.notice)
		err_set(e, 0, "%s", script.notice);
	return 0;
}

static enum sink_answer script_write(void *state, const struct out_batch *b, struct err *e)
{
	struct script_state *st = state;
	char letter = *st->at;
	if (st->at[1])
		st->at++;
	seen.n_writes++;
	err_set(e, 0, "answer %c", letter);
	switch (letter) {
	case 'D':
		seen.recs[seen.n_done++] = b->n_recs;
		return SINK_DONE;
	case 'B':
		return SINK_BUSY;
	case 'R':
		return SINK_REJECT;
	case 'Q':
		return SINK_QUEUED;
	default:
		return SINK_FATAL;
	}
}

static enum sink_answer script_poll(void *state, struct err *e)
{
	seen.n_polls++;
	if (script.poll != SINK_DONE)
		err_set(e, 0, "poll");
	return script.poll;
}

static int script_flush(void *state, struct err *e)
{
	seen.n_flushes++;
	return script.flush_rc < 0 ? err_set(e, script.flush_rc, "cannot flush") : 0;
}

static int script_close(void *state, struct err *e)
{
	seen.n_closes++;
	return script.close_rc < 0 ? err_set(e, script.close_rc, "cannot close") : 0;
}

/* With reports: Q keeps the batch, and @release says how many of those have come back as what. */
static struct out_batch *queued[N_BATCHES];
static unsigned n_queued, n_reported;
static atomic_uint n_released;
static enum sink_fate fate;
static bool gives_up;
static uint8_t fates[OUT_BATCH_RECS_MAX];

static enum sink_answer keep_write(void *state, const struct out_batch *b, struct err *e)
{
	enum sink_answer answer = script_write(state, b, e);
	if (answer == SINK_QUEUED)
		queued[n_queued++] = (struct out_batch *)(uintptr_t)b;
	return answer;
}

static bool keep_report(void *state, struct sink_report *ret)
{
	if (n_reported == n_queued || (n_reported >= n_released && !gives_up))
		return false;
	*ret = (struct sink_report){.b = queued[n_reported++]};
	/* One record of each is lost to @fate. */
	ret->recs[SINK_WRITTEN] = gives_up ? 0 : ret->b->n_recs - 1;
	ret->recs[gives_up ? SINK_FAILED : fate] += gives_up ? ret->b->n_recs : 1;
	memset(fates, gives_up ? SINK_FAILED : SINK_WRITTEN, ret->b->n_recs);
	if (!gives_up)
		fates[ret->b->n_recs - 1] = (uint8_t)fate;
	ret->fates = fates;
	ret->bytes_written = 10;
	err_set(&ret->why, 0, "why");
	return true;
}

static void keep_give_up(void *state)
{
	gives_up = true;
}

static atomic_bool store_away;

static enum sink_answer script_probe(void *state, struct err *e)
{
	err_set(e, 0, "nobody there");
	return store_away ? SINK_BUSY : SINK_DONE;
}

static const struct sink_ops keeping_ops = {
	.name = "keeping",
	.state_size = sizeof(struct script_state),
	.open = script_open,
	.write = keep_write,
	.report = keep_report,
	.give_up = keep_give_up,
	.poll = script_poll,
	.flush = script_flush,
	.close = script_close,
};

static const struct sink_ops script_ops = {
	.name = "script",
	.state_size = sizeof(struct script_state),
	.open = script_open,
	.write = script_write,
	.poll = script_poll,
	.probe = script_probe,
	.flush = script_flush,
	.close = script_close,
};

static const struct sink_ops *ops;

/* The workers' side: batch i is of queue i % 2 and has i + 1 records. */
static struct out_batch batches[N_BATCHES];
static uint32_t ends[N_BATCHES][OUT_BATCH_RECS_MAX];
static atomic_uint n_ready, n_taken, n_back;

static struct out_batch *take(void *ctx)
{
	unsigned i = atomic_load(&n_taken);
	if (i == atomic_load(&n_ready))
		return NULL;
	atomic_store(&n_taken, i + 1);
	return &batches[i];
}

static uint32_t n_returned, n_written;

static void give_back(void *ctx, struct out_batch *b, const struct shipper_outcome *o)
{
	n_returned += o->n_returned;
	n_written += o->n_written;
	if (ops == &script_ops)
		assert_ptr_equal(b, &batches[n_back]); /* each once, in order */
	n_back++;
}

static unsigned dead[8], n_dead; /* batch * 100 + record */
static enum sink_fate dead_why[8];

static bool takes_dead; /* the letters are written somewhere */

static bool on_dead(void *ctx, const struct out_batch *b, uint32_t rec, enum sink_fate why,
		    const char *text)
{
	dead_why[n_dead % 8] = text[0] ? why : SINK_WRITTEN;
	dead[n_dead++ % 8] = (unsigned)(b - batches) * 100 + rec;
	return takes_dead;
}

static struct shipper *s;
static bool reopen, kept;
static struct err error;

static int set_up(void **unused)
{
	script = (struct script){.answers = "D"};
	memset(&seen, 0, sizeof(seen));
	n_ready = n_taken = n_back = 0;
	n_queued = n_reported = n_released = 0;
	fate = SINK_WRITTEN;
	gives_up = false;
	ops = &script_ops;
	reopen = kept = false;
	n_returned = n_written = n_dead = 0;
	takes_dead = false;
	for (unsigned i = 0; i < N_BATCHES; i++) {
		batches[i].ends = ends[i];
		batches[i].queue = i % N_QUEUES;
		batches[i].n_recs = i + 1;
		batches[i].len = 100;
	}
	error.text[0] = '\0';
	s = NULL;
	return 0;
}

static int tear_down(void **unused)
{
	shipper_destroy(s);
	return 0;
}

static int create(uint64_t drain_ns_max)
{
	const struct shipper_spec spec = {.name = "test",
					  .ops = ops,
					  .reopen = reopen,
					  .n_queues = N_QUEUES,
					  .take = take,
					  .give_back = give_back,
					  .dead = on_dead,
					  .kept = kept,
					  .probe = kept,
					  .drain_ns_max = drain_ns_max};
	return shipper_create(&spec, &s, &error);
}

static void start(uint64_t drain_ns_max)
{
	assert_int_equal(create(drain_ns_max), 0);
	assert_int_equal(shipper_start(s, &error), 0);
}

static uint64_t sum(unsigned col)
{
	uint64_t total = 0;
	for (unsigned q = 0; q < N_QUEUES; q++) {
		uint64_t row[SHIPPER_N_COLS];
		shipper_row(s, q, row);
		assert_int_equal(ledger_imbalance(&shipper_ledger, row), 0);
		total += row[col];
	}
	return total;
}

/* Waits, with a limit of 10 s, for what the other thread does. */
#define WAIT_FOR(condition)                                                     \
	do {                                                                    \
		unsigned tries_ = 0;                                            \
		while (!(condition)) {                                          \
			assert_true(tries_++ < 100000);                         \
			nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL); \
		}                                                               \
	} while (0)

/* Records of the batches 0 to n - 1. */
static unsigned recs_of(unsigned n)
{
	return n * (n + 1) / 2;
}

static void every_batch_is_written_once_in_order_and_given_back(void **unused)
{
	start(0);
	n_ready = N_BATCHES;
	assert_int_equal(shipper_stop(s, true, &error), 0);
	assert_int_equal(n_back, N_BATCHES);
	assert_int_equal(seen.n_done, N_BATCHES);
	for (unsigned i = 0; i < N_BATCHES; i++)
		assert_int_equal(seen.recs[i], i + 1);
	assert_int_equal(sum(SHIPPER_records_in), recs_of(N_BATCHES));
	assert_int_equal(sum(SHIPPER_written), recs_of(N_BATCHES));
	assert_int_equal(sum(SHIPPER_bytes_written), 100 * N_BATCHES);
	assert_int_equal(sum(SHIPPER_batches_written), N_BATCHES);
	assert_int_equal(sum(SHIPPER_in_flight), 0);
	assert_int_equal(seen.n_flushes, 1);
	assert_int_equal(seen.n_closes, 1);
	assert_false(shipper_trouble(s, NULL));
	assert_false(shipper_failed(s));
}

static unsigned n_threads(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/task");
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Of several sinks that start together one may have no thread: all of them are tried again. */
static void a_start_that_is_tried_again_makes_no_second_thread(void **unused)
{
	start(0);
	unsigned n = n_threads();
	assert_int_equal(shipper_start(s, &error), 0);
	assert_int_equal(n_threads(), n);
	n_ready = N_BATCHES;
	assert_int_equal(shipper_stop(s, true, &error), 0);
	assert_int_equal(n_back, N_BATCHES);
	assert_int_equal(seen.n_done, N_BATCHES);
	assert_int_equal(seen.n_closes, 1);
}

static void rows_are_kept_by_queue(void **unused)
{
	uint64_t row[SHIPPER_N_COLS];
	start(0);
	n_ready = 3;
	assert_int_equal(shipper_stop(s, true, &error), 0);
	shipper_row(s, 0, row);
	assert_int_equal(row[SHIPPER_written], 1 + 3);
	shipper_row(s, 1, row);
	assert_int_equal(row[SHIPPER_written], 2);
}

static void a_busy_sink_is_offered_the_batch_again(void **unused)
{
	script.answers = "BBBDBD";
	start(0);
	n_ready = 2;
	assert_int_equal(shipper_stop(s, true, &error), 0);
	assert_int_equal(seen.n_writes, 6);
	assert_int_equal(sum(SHIPPER_written), recs_of(2));
	assert_int_equal(sum(SHIPPER_busy), 4);
}

static void trouble_is_told_while_the_sink_is_busy_and_ends_with_it(void **unused)
{
	struct err e;
	script.answers = "BBBBD";
	start(0);
	n_ready = 1;
	WAIT_FOR(shipper_trouble(s, &e));
	assert_string_equal(e.text, "answer B");
	assert_int_equal(sum(SHIPPER_in_flight) + sum(SHIPPER_written), 1);
	WAIT_FOR(sum(SHIPPER_written) == 1);
	assert_false(shipper_trouble(s, NULL));
	assert_int_equal(shipper_stop(s, true, &error), 0);
}

static void a_rejected_batch_is_counted_as_loss_and_the_next_is_written(void **unused)
{
	script.answers = "DRD";
	start(0);
	n_ready = 3;
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_string_equal(error.text, "sink test: answer R");
	assert_int_equal(sum(SHIPPER_rejected), 2);
	assert_int_equal(sum(SHIPPER_written), 1 + 3);
	assert_false(shipper_failed(s));
}

static void after_a_fatal_answer_all_is_counted_as_failed_and_given_back(void **unused)
{
	script.answers = "DF";
	start(0);
	n_ready = 10;
	WAIT_FOR(n_back == 10);
	assert_true(shipper_failed(s));
	struct err e;
	assert_true(shipper_trouble(s, &e));
	assert_string_equal(e.text, "sink test: answer F");
	n_ready = 12;
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_string_equal(error.text, "sink test: answer F");
	assert_int_equal(seen.n_writes, 2);
	assert_int_equal(n_back, 12);
	assert_int_equal(sum(SHIPPER_written), 1);
	assert_int_equal(sum(SHIPPER_failed), recs_of(12) - 1);
	assert_int_equal(seen.n_flushes, 0);
	assert_int_equal(seen.n_closes, 1);
}

static void an_answer_that_nobody_follows_is_a_failure_and_not_a_success(void **unused)
{
	script.answers = "Q";
	start(0);
	n_ready = 1;
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_non_null(strstr(error.text, "QUEUED"));
	assert_int_equal(sum(SHIPPER_failed), 1);
}

static void a_batch_that_is_queued_is_held_until_its_report(void **unused)
{
	ops = &keeping_ops;
	script.answers = "Q";
	start(0);
	n_ready = 4;
	WAIT_FOR(seen.n_writes == 4); /* the next is offered before the first is acknowledged */
	assert_int_equal(n_back, 0);
	assert_int_equal(sum(SHIPPER_in_flight), recs_of(4));
	n_released = 2;
	WAIT_FOR(n_back == 2);
	assert_int_equal(sum(SHIPPER_written), recs_of(2));
	assert_int_equal(sum(SHIPPER_in_flight), recs_of(4) - recs_of(2));
	n_released = 4;
	assert_int_equal(shipper_stop(s, true, &error), 0);
	assert_int_equal(sum(SHIPPER_written), recs_of(4));
	assert_int_equal(n_back, 4);
}

static void a_report_counts_what_became_of_each_record(void **unused)
{
	static const unsigned cols[] = {[SINK_TOO_LARGE] = SHIPPER_too_large,
					[SINK_REJECTED] = SHIPPER_rejected,
					[SINK_NO_TOPIC] = SHIPPER_no_topic,
					[SINK_TIMED_OUT] = SHIPPER_timed_out,
					[SINK_FAILED] = SHIPPER_failed};
	for (fate = SINK_TOO_LARGE; fate < SINK_N_FATES; fate++) {
		enum sink_fate this_one = fate;
		set_up(NULL);
		fate = this_one;
		ops = &keeping_ops;
		script.answers = "Q";
		start(0);
		n_ready = n_released = 3;
		assert_int_equal(shipper_stop(s, true, &error), -EIO);
		assert_string_equal(error.text, "sink test: why");
		assert_int_equal(sum(SHIPPER_written), recs_of(3) - 3);
		assert_int_equal(sum(cols[fate]), 3);
		shipper_destroy(s);
		s = NULL;
	}
}

static void what_is_queued_when_a_stop_gives_up_is_failed_and_given_back(void **unused)
{
	ops = &keeping_ops;
	script.answers = "Q";
	start(20 * 1000000);
	n_ready = 5;
	assert_int_equal(shipper_stop(s, true, &error), -ETIMEDOUT);
	assert_int_equal(sum(SHIPPER_failed), recs_of(5));
	assert_int_equal(n_back, 5);
}

static void what_is_queued_when_the_sink_fails_is_failed_and_given_back(void **unused)
{
	ops = &keeping_ops;
	script.answers = "QQF";
	start(0);
	n_ready = 3;
	WAIT_FOR(n_back == 3);
	assert_int_equal(sum(SHIPPER_failed), recs_of(3));
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
}

static void a_sink_that_failed_is_opened_again_and_what_came_meanwhile_is_counted(void **unused)
{
	struct err e;
	reopen = true;
	script.answers = "DFD";
	start(0);
	n_ready = 2;
	WAIT_FOR(n_back == 2);
	n_ready = 3;
	WAIT_FOR(n_back == 3); /* while it is closed */
	WAIT_FOR(shipper_notice(s, &e));
	assert_string_equal(e.text, "sink test: answer F");
	WAIT_FOR(shipper_notice(s, &e));
	assert_string_equal(e.text, "sink test: was opened again, and takes records");
	assert_false(shipper_failed(s));
	n_ready = 4;
	WAIT_FOR(n_back == 4);
	assert_int_equal(sum(SHIPPER_written), 1 + 4);
	assert_int_equal(sum(SHIPPER_failed), 2 + 3);
	assert_int_equal(shipper_stop(s, true, &error), -EIO); /* it cost records */
	assert_int_equal(seen.n_closes, 2);
}

/* Up to half of each wait is by chance: many that failed together do not come back together. */
static void a_sink_that_fails_again_waits_twice_as_long(void **unused)
{
	const uint64_t ms = 1000000, late_ns = 400 * ms; /* others may have the core */
	reopen = true;
	script.answers = "F";
	start(0);
	n_ready = 1;
	WAIT_FOR(n_back == 1);
	uint64_t failed_ns = clock_mono_ns();
	script.open_rc = -EIO;
	WAIT_FOR(seen.n_opens == 2);
	WAIT_FOR(seen.n_opens == 3);
	assert_in_range(seen.opens_ns[1] - failed_ns, 400 * ms, 1000 * ms + late_ns);
	assert_in_range(seen.opens_ns[2] - seen.opens_ns[1], 1000 * ms, 2000 * ms + late_ns);
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
}

static void what_is_refused_for_good_is_told_record_by_record(void **unused)
{
	script.answers = "R";
	fate = SINK_REJECTED;
	start(0);
	n_ready = 2;
	shipper_stop(s, true, &error);
	assert_int_equal(n_dead, 3);
	assert_int_equal(dead[0], 0);
	assert_int_equal(dead[2], 101);
	assert_int_equal(dead_why[2], SINK_REJECTED);
	shipper_destroy(s);

	set_up(NULL);
	ops = &keeping_ops;
	script.answers = "Q";
	fate = SINK_TOO_LARGE;
	start(0);
	n_ready = n_released = 3;
	shipper_stop(s, true, &error);
	assert_int_equal(n_dead, 3); /* the last of each batch, and none that was written */
	assert_int_equal(dead[2], 202);
	assert_int_equal(dead_why[2], SINK_TOO_LARGE);
}

static void a_refused_record_that_is_a_dead_letter_is_not_lost(void **unused)
{
	script.answers = "RD";
	takes_dead = true;
	start(0);
	n_ready = 3; /* of 1, 2 and 3 records; the first is refused */
	assert_int_equal(shipper_stop(s, true, &error), 0);
	assert_int_equal(sum(SHIPPER_dead_letters), n_dead);
	assert_int_equal(sum(SHIPPER_rejected), 0);
	assert_int_equal(sum(SHIPPER_written) + n_dead, 6);
	assert_int_not_equal(n_dead, 0);
}

static void where_records_are_kept_a_failed_sink_returns_them_and_loses_none(void **unused)
{
	reopen = kept = true;
	ops = &keeping_ops;
	script.answers = "QQF";
	start(0);
	n_ready = 3;
	WAIT_FOR(n_back == 3);
	assert_int_equal(n_returned, recs_of(3));
	assert_int_equal(sum(SHIPPER_returned), recs_of(3));
	assert_int_equal(sum(SHIPPER_failed), 0);
	assert_int_equal(shipper_stop(s, true, &error), 0);
}

/* Every second record of what is given up was written. */
static void give_up_half(void *state)
{
	gives_up = true;
}

static bool report_half(void *state, struct sink_report *ret)
{
	if (!gives_up || n_reported == n_queued)
		return false;
	*ret = (struct sink_report){.b = queued[n_reported++], .fates = fates};
	for (uint32_t i = 0; i < ret->b->n_recs; i++) {
		fates[i] = i % 2 ? SINK_WRITTEN : SINK_FAILED;
		ret->recs[fates[i]]++;
	}
	return true;
}

static void a_batch_that_comes_back_has_only_what_was_not_written(void **unused)
{
	static struct sink_ops half_ops;
	static uint8_t text[6] = "abbccc";
	static struct out_mark marks[3] = {{.off = 1}, {.off = 2}, {.off = 3}};
	half_ops = keeping_ops;
	half_ops.give_up = give_up_half;
	half_ops.report = report_half;
	ops = &half_ops;
	kept = true;
	script.answers = "Q";
	batches[2].buf = text;
	batches[2].marks = marks;
	memcpy(ends[2], (uint32_t[]){1, 3, 6}, 12);
	batches[2].len = 6;
	static uint8_t other[100];
	batches[0].buf = batches[1].buf = other;
	start(20 * 1000000);
	n_ready = 3;
	shipper_stop(s, true, &error);
	assert_int_equal(batches[2].n_recs, 2);
	assert_int_equal(batches[2].len, 4);
	assert_memory_equal(text, "accc", 4);
	assert_int_equal(batches[2].ends[0], 1);
	assert_int_equal(batches[2].ends[1], 4);
	assert_int_equal(marks[1].off, 3);
	assert_int_equal(n_returned, 1 + 1 + 2);
	assert_int_equal(n_written, 1 + 1);
	batches[2].buf = batches[0].buf = batches[1].buf = NULL;
	batches[2].marks = NULL;
}

static void a_record_that_fails_for_good_is_lost_also_where_records_are_kept(void **unused)
{
	kept = true;
	ops = &keeping_ops;
	script.answers = "Q";
	fate = SINK_FAILED;
	start(0);
	n_ready = n_released = 3;
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_int_equal(n_returned, 0);
	assert_int_equal(sum(SHIPPER_failed), 3);
	assert_int_equal(n_written, recs_of(3) - 3);
}

static void a_recall_returns_what_is_queued_and_offered_and_the_sink_is_opened_again(void **unused)
{
	struct err e;
	kept = true;
	ops = &keeping_ops;
	script.answers = "QQB";
	start(0);
	n_ready = 3;
	WAIT_FOR(sum(SHIPPER_busy) > 0);
	shipper_recall(s);
	WAIT_FOR(n_back == 3);
	assert_int_equal(n_returned, recs_of(3));
	assert_true(shipper_failed(s));
	WAIT_FOR(!shipper_failed(s)); /* after a second */
	WAIT_FOR(shipper_notice(s, &e));
	assert_int_equal(shipper_stop(s, true, &error), 0);
	assert_int_equal(sum(SHIPPER_returned), recs_of(3));
}

static void
one_of_a_pair_that_has_nothing_to_do_is_asked_whether_it_would_take_records(void **unused)
{
	struct err e;
	kept = true;
	store_away = true;
	start(0);
	WAIT_FOR(shipper_trouble(s, &e));
	assert_string_equal(e.text, "nobody there");
	unsigned polls = seen.n_polls;
	WAIT_FOR(seen.n_polls > polls + 2);
	assert_true(shipper_trouble(s, NULL)); /* a poll that is well does not end it */
	store_away = false;
	WAIT_FOR(!shipper_trouble(s, NULL));
	store_away = true;
	WAIT_FOR(shipper_trouble(s, NULL));
	n_ready = 1; /* but a batch that is written does */
	WAIT_FOR(!shipper_trouble(s, NULL));
	store_away = false;
}

static void where_records_are_kept_a_stop_that_gives_up_loses_none(void **unused)
{
	kept = true;
	script.answers = "B";
	start(0);
	n_ready = 5;
	WAIT_FOR(sum(SHIPPER_busy) > 0);
	assert_int_equal(shipper_stop(s, false, &error), 0);
	assert_int_equal(n_returned, recs_of(5));
	assert_int_equal(sum(SHIPPER_returned), recs_of(5));
}

static void a_stop_that_does_not_drain_counts_what_it_gives_up(void **unused)
{
	script.answers = "DB";
	start(0);
	n_ready = 5;
	WAIT_FOR(seen.n_writes >= 2);
	assert_int_equal(shipper_stop(s, false, &error), -ECANCELED);
	assert_non_null(strstr(error.text, "stopped while it was busy: answer B"));
	assert_int_equal(n_back, 5);
	assert_int_equal(sum(SHIPPER_written), 1);
	assert_int_equal(sum(SHIPPER_failed), recs_of(5) - 1);
	assert_int_equal(seen.n_closes, 1);
}

static void a_stop_that_does_not_drain_loses_nothing_when_there_is_nothing(void **unused)
{
	start(0);
	n_ready = 5;
	WAIT_FOR(n_back == 5);
	assert_int_equal(shipper_stop(s, false, &error), 0);
}

static void a_drain_that_takes_too_long_ends_with_an_error(void **unused)
{
	script.answers = "B";
	start(20 * 1000000);
	n_ready = 3;
	assert_int_equal(shipper_stop(s, true, &error), -ETIMEDOUT);
	assert_non_null(strstr(error.text, "busy for too long while stopping: answer B"));
	assert_int_equal(sum(SHIPPER_failed), recs_of(3));
	assert_int_equal(n_back, 3);
}

static void an_idle_sink_is_polled(void **unused)
{
	start(0);
	WAIT_FOR(seen.n_polls > 3);
	assert_int_equal(shipper_stop(s, true, &error), 0);
}

static void a_poll_that_fails_fails_the_sink(void **unused)
{
	script.poll = SINK_FATAL;
	start(0);
	WAIT_FOR(shipper_failed(s));
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_string_equal(error.text, "sink test: poll");
}

static void a_poll_that_is_busy_is_trouble_but_no_failure(void **unused)
{
	script.poll = SINK_BUSY;
	start(0);
	WAIT_FOR(shipper_trouble(s, NULL));
	assert_int_equal(shipper_stop(s, true, &error), 0);
}

static void an_error_of_flush_or_close_is_not_silent(void **unused)
{
	script.flush_rc = -EIO;
	script.close_rc = -ENOSPC;
	start(0);
	n_ready = 1;
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_string_equal(error.text, "sink test: cannot flush");
	assert_true(shipper_failed(s));
	assert_int_equal(seen.n_closes, 1);
}

static void an_error_of_open_is_returned_with_the_name_and_the_state_is_closed(void **unused)
{
	script.open_rc = -EACCES;
	assert_int_equal(create(0), -EACCES);
	assert_string_equal(error.text, "sink test: cannot open");
	assert_null(s);
	assert_int_equal(seen.n_closes, 1);
}

static void a_notice_of_open_reaches_the_user_and_else_the_text_is_empty(void **unused)
{
	script.notice = "old files";
	assert_int_equal(create(0), 0);
	assert_string_equal(error.text, "sink test: old files");
	shipper_destroy(s);
	script.notice = NULL;
	assert_int_equal(create(0), 0);
	assert_string_equal(error.text, "");
}

static void a_shipper_that_never_started_closes_its_sink(void **unused)
{
	assert_int_equal(create(0), 0);
	assert_int_equal(shipper_stop(s, true, &error), 0);
	shipper_destroy(s);
	s = NULL;
	assert_int_equal(seen.n_closes, 1);
}

static void a_destroy_stops_what_still_runs(void **unused)
{
	start(0);
	n_ready = 1;
	shipper_destroy(s);
	s = NULL;
	assert_int_equal(n_back, 1);
	assert_int_equal(seen.n_closes, 1);
}

/* The ledger is read while the sink's thread counts. */
static void rows_balance_whenever_they_are_read(void **unused)
{
	start(0);
	for (unsigned i = 1; i <= N_BATCHES; i++) {
		n_ready = i;
		for (unsigned k = 0; k < 200; k++)
			sum(SHIPPER_in_flight); /* asserts the balance */
	}
	assert_int_equal(shipper_stop(s, true, &error), 0);
}

static void a_batch_has_room_for_its_capacity(void **unused)
{
	static struct out_batch b;
	assert_int_equal(out_batch_init(&b, 1u << 20), 0);
	assert_int_equal(b.cap, 1u << 20);
	b.buf[b.cap - 1] = 1;
	out_batch_fini(&b);
	assert_null(b.buf);
	out_batch_fini(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_batch_is_written_once_in_order_and_given_back),
		TEST(a_start_that_is_tried_again_makes_no_second_thread),
		TEST(rows_are_kept_by_queue),
		TEST(a_busy_sink_is_offered_the_batch_again),
		TEST(trouble_is_told_while_the_sink_is_busy_and_ends_with_it),
		TEST(a_rejected_batch_is_counted_as_loss_and_the_next_is_written),
		TEST(after_a_fatal_answer_all_is_counted_as_failed_and_given_back),
		TEST(an_answer_that_nobody_follows_is_a_failure_and_not_a_success),
		TEST(a_batch_that_is_queued_is_held_until_its_report),
		TEST(a_report_counts_what_became_of_each_record),
		TEST(what_is_queued_when_a_stop_gives_up_is_failed_and_given_back),
		TEST(what_is_queued_when_the_sink_fails_is_failed_and_given_back),
		TEST(a_sink_that_failed_is_opened_again_and_what_came_meanwhile_is_counted),
		TEST(a_sink_that_fails_again_waits_twice_as_long),
		TEST(what_is_refused_for_good_is_told_record_by_record),
		TEST(a_refused_record_that_is_a_dead_letter_is_not_lost),
		TEST(where_records_are_kept_a_failed_sink_returns_them_and_loses_none),
		TEST(a_batch_that_comes_back_has_only_what_was_not_written),
		TEST(a_record_that_fails_for_good_is_lost_also_where_records_are_kept),
		TEST(a_recall_returns_what_is_queued_and_offered_and_the_sink_is_opened_again),
		TEST(one_of_a_pair_that_has_nothing_to_do_is_asked_whether_it_would_take_records),
		TEST(where_records_are_kept_a_stop_that_gives_up_loses_none),
		TEST(a_stop_that_does_not_drain_counts_what_it_gives_up),
		TEST(a_stop_that_does_not_drain_loses_nothing_when_there_is_nothing),
		TEST(a_drain_that_takes_too_long_ends_with_an_error),
		TEST(an_idle_sink_is_polled),
		TEST(a_poll_that_fails_fails_the_sink),
		TEST(a_poll_that_is_busy_is_trouble_but_no_failure),
		TEST(an_error_of_flush_or_close_is_not_silent),
		TEST(an_error_of_open_is_returned_with_the_name_and_the_state_is_closed),
		TEST(a_notice_of_open_reaches_the_user_and_else_the_text_is_empty),
		TEST(a_shipper_that_never_started_closes_its_sink),
		TEST(a_destroy_stops_what_still_runs),
		TEST(rows_balance_whenever_they_are_read),
		TEST(a_batch_has_room_for_its_capacity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
