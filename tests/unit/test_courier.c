#include "tests/unit/unit.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/sink/courier.h"

#define N_BATCHES 16
#define N_RECS    10
#define RECS_MAX  100000
#define QUEUE     3

/* Two sinks that do as they are told. A record is four bytes: its number. */
struct peer {
	atomic_int answer;
	uint32_t got[RECS_MAX];
	atomic_uint n_got;
};

static struct peer peers[2];

struct peer_state {
	const struct peer *const *conf;
};

static int peer_open(void *state, const void *conf, struct err *e)
{
	((struct peer_state *)state)->conf = conf;
	return 0;
}

static struct peer *peer_of(void *state)
{
	return *(struct peer *const *)((struct peer_state *)state)->conf;
}

static enum sink_answer peer_write(void *state, const struct out_batch *b, struct err *e)
{
	struct peer *p = peer_of(state);
	int answer = atomic_load(&p->answer);
	err_set(e, 0, "not now");
	if (answer != SINK_DONE)
		return (enum sink_answer)answer;
	unsigned n = atomic_load(&p->n_got);
	for (uint32_t i = 0; i < b->n_recs && n < RECS_MAX; i++, n++)
		memcpy(&p->got[n], b->buf + 4 * i, 4);
	atomic_store(&p->n_got, n);
	return SINK_DONE;
}

static enum sink_answer peer_poll(void *state, struct err *e)
{
	return SINK_DONE;
}

static int peer_flush(void *state, struct err *e)
{
	return 0;
}

static const struct sink_ops peer_ops = {
	.name = "peer",
	.state_size = sizeof(struct peer_state),
	.open = peer_open,
	.write = peer_write,
	.poll = peer_poll,
	.flush = peer_flush,
	.close = peer_flush,
};

/* The hand-off of one worker: batches that are full, and that are free. */
static struct out_batch batches[N_BATCHES];
static struct out_batch *full[N_BATCHES], *unused[N_BATCHES];
static unsigned n_full, n_unused;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct out_batch *take(void *ctx, unsigned queue)
{
	struct out_batch *b = NULL;
	pthread_mutex_lock(&lock);
	if (n_full) {
		b = full[0];
		memmove(full, full + 1, --n_full * sizeof(*full));
	}
	pthread_mutex_unlock(&lock);
	return b;
}

static void give_back(void *ctx, struct out_batch *b)
{
	pthread_mutex_lock(&lock);
	unused[n_unused++] = b;
	pthread_mutex_unlock(&lock);
}

/* Batches that nobody has taken yet. */
static unsigned n_left(void)
{
	pthread_mutex_lock(&lock);
	unsigned n = n_full;
	pthread_mutex_unlock(&lock);
	return n;
}

static uint32_t next_rec;

/* False: the worker would have to shed. */
static bool put(void)
{
	pthread_mutex_lock(&lock);
	struct out_batch *b = n_unused ? unused[--n_unused] : NULL;
	if (b) {
		b->n_recs = N_RECS;
		b->len = 4 * N_RECS;
		for (uint32_t i = 0; i < N_RECS; i++, next_rec++) {
			memcpy(b->buf + 4 * i, &next_rec, 4);
			b->ends[i] = 4 * (i + 1);
		}
		full[n_full++] = b;
	}
	pthread_mutex_unlock(&lock);
	return b != NULL;
}

static char dir[64];
static struct spool_conf spool;
static struct courier *c;
static struct shipper *shippers[2];
static struct err error;

struct side {
	unsigned index;
};
static struct side sides[2] = {{0}, {1}};

static struct out_batch *ship_take(void *ctx)
{
	return courier_take(c, ((struct side *)ctx)->index);
}

static void ship_give_back(void *ctx, struct out_batch *b, const struct shipper_outcome *o)
{
	courier_settle(c, ((struct side *)ctx)->index, b, o);
}

static void start(int mode, bool backup, bool by_health)
{
	static const char *const names[] = {"first", "second"};
	static struct peer *const confs[2] = {&peers[0], &peers[1]};
	const struct courier_queue queue = {.name = "lab/a",
					    .queue = QUEUE,
					    .mode = mode,
					    .sink = 0,
					    .backup = backup ? 1 : COURIER_NO_SINK,
					    .by_health = by_health,
					    .switch_after_ns = 100000000,
					    .return_after_ns = 100000000};
	const struct courier_spec spec = {.queues = &queue,
					  .n_queues = 1,
					  .n_sinks = 2,
					  .sink_names = names,
					  .n_workers = 1,
					  .worker_batches = N_BATCHES,
					  .batch_cap = 1 << 16,
					  .spool = mode == LANE_OFF ? NULL : &spool,
					  .io = &file_ops_real,
					  .take = take,
					  .give_back = give_back};
	if (courier_create(&spec, &c, &error) < 0)
		fail_msg("%s", error.text);
	for (unsigned i = 0; i < 2; i++) {
		const struct shipper_spec ship = {.name = names[i],
						  .ops = &peer_ops,
						  .conf = &confs[i],
						  .n_queues = QUEUE + 1,
						  .index = i,
						  .take = ship_take,
						  .give_back = ship_give_back,
						  .ctx = &sides[i],
						  .kept = true,
						  .reopen = true};
		if (!courier_feeds(c, i))
			continue;
		assert_int_equal(shipper_create(&ship, &shippers[i], &error), 0);
		courier_attach(c, i, shippers[i]);
		assert_int_equal(shipper_start(shippers[i], &error), 0);
	}
	assert_int_equal(courier_start(c, &error), 0);
}

static void ms(unsigned n)
{
	nanosleep(&(struct timespec){.tv_nsec = n * 1000000l}, NULL);
}

/* Waits, with a limit of 20 s, for what other threads do. */
#define WAIT_FOR(condition)                            \
	do {                                           \
		unsigned tries_ = 0;                   \
		while (!(condition)) {                 \
			assert_true(tries_++ < 20000); \
			ms(1);                         \
		}                                      \
	} while (0)

static int stop(bool drain)
{
	courier_finish(c);
	for (unsigned i = 0; i < 2; i++)
		if (shippers[i])
			assert_int_equal(shipper_stop(shippers[i], drain, &error), 0);
	return courier_stop(c, &error);
}

static void destroy(void)
{
	for (unsigned i = 0; i < 2; i++) {
		shipper_destroy(shippers[i]);
		shippers[i] = NULL;
	}
	courier_destroy(c);
	c = NULL;
}

static uint64_t count(unsigned col)
{
	uint64_t row[LANE_N_COLS];
	assert_true(courier_row(c, QUEUE, row));
	assert_int_equal(ledger_imbalance(&lane_ledger, row), 0);
	return row[col];
}

static uint64_t spooled(unsigned col)
{
	uint64_t row[SPOOL_N_COLS];
	assert_true(courier_spool_row(c, QUEUE, row));
	assert_int_equal(ledger_imbalance(&spool_ledger, row), 0);
	return row[col];
}

/* Is @text in one of the notices? They are taken. */
static bool told(const char *text)
{
	struct err e;
	bool found = false;
	while (courier_notice(c, &e))
		found |= strstr(e.text, text) != NULL;
	return found;
}

static void expect_in_order(const struct peer *p, uint32_t first, uint32_t n)
{
	assert_int_equal(p->n_got, n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(p->got[i], first + i);
}

static void remove_tree(const char *path)
{
	char name[512];
	DIR *d = opendir(path);
	if (!d) {
		unlink(path);
		return;
	}
	for (struct dirent *x; (x = readdir(d)) != NULL;) {
		if (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, x->d_name);
		remove_tree(name);
	}
	closedir(d);
	rmdir(path);
}

static int set_up(void **unused_)
{
	snprintf(dir, sizeof(dir), "/tmp/test_courier_XXXXXX");
	assert_non_null(mkdtemp(dir));
	spool = (struct spool_conf){.dir = dir,
				    .bytes_max = 64 << 20,
				    .segment_bytes = 1 << 20,
				    .sync = SPOOL_SYNC_BATCH,
				    .level = 1};
	n_full = n_unused = next_rec = 0;
	for (unsigned i = 0; i < N_BATCHES; i++) {
		assert_int_equal(out_batch_init(&batches[i], 1 << 16), 0);
		batches[i].queue = QUEUE;
		unused[n_unused++] = &batches[i];
	}
	for (unsigned i = 0; i < 2; i++) {
		peers[i].answer = SINK_DONE;
		peers[i].n_got = 0;
	}
	return 0;
}

static int tear_down(void **unused_)
{
	destroy();
	for (unsigned i = 0; i < N_BATCHES; i++)
		out_batch_fini(&batches[i]);
	remove_tree(dir);
	return 0;
}

static void records_go_through_and_batches_come_back(void **unused_)
{
	start(LANE_OVERFLOW, false, false);
	for (unsigned i = 0; i < 200; i++)
		WAIT_FOR(put());
	WAIT_FOR(courier_idle(c));
	assert_int_equal(stop(true), 0);
	expect_in_order(&peers[0], 0, 200 * N_RECS);
	assert_int_equal(n_unused, N_BATCHES);
	assert_int_equal(spooled(SPOOL_held), 0);
}

static void a_sink_that_is_away_costs_no_worker_a_batch_and_gets_all_when_it_is_back(void **unused_)
{
	peers[0].answer = SINK_BUSY;
	start(LANE_OVERFLOW, false, false);
	for (unsigned i = 0; i < 300; i++)
		WAIT_FOR(put());
	WAIT_FOR(spooled(SPOOL_held) > 0);
	WAIT_FOR(told("records go to the spool"));
	assert_int_equal(peers[0].n_got, 0);
	peers[0].answer = SINK_DONE;
	WAIT_FOR(peers[0].n_got == 300 * N_RECS);
	WAIT_FOR(told("the spool is drained"));
	WAIT_FOR(courier_idle(c));
	assert_int_equal(stop(true), 0);
	expect_in_order(&peers[0], 0, 300 * N_RECS);
	assert_int_equal(count(LANE_sent), 300 * N_RECS + count(LANE_returned));
}

/* syslog-ng/syslog-ng#4430: what was in the buffer is lost with the process. */
static void what_a_stop_leaves_is_sent_first_by_the_next_start(void **unused_)
{
	peers[0].answer = SINK_BUSY;
	start(LANE_OVERFLOW, false, false);
	for (unsigned i = 0; i < 100; i++)
		WAIT_FOR(put());
	WAIT_FOR(n_left() == 0);
	courier_stop_reading(c);
	WAIT_FOR(courier_idle(c)); /* although the sink has one: it is asked for it */
	assert_int_equal(stop(false), 0);
	assert_true(told("1000 records are in the spool, for the next start"));
	assert_int_equal(spooled(SPOOL_held), 1000);
	assert_int_equal(count(LANE_in_flight), 0);
	assert_int_equal(n_unused, N_BATCHES);
	destroy();

	peers[0].answer = SINK_DONE;
	start(LANE_OVERFLOW, false, false);
	assert_true(told("1000 records of an earlier run are in the spool, and go first"));
	assert_true(put());
	WAIT_FOR(courier_idle(c));
	assert_int_equal(stop(true), 0);
	expect_in_order(&peers[0], 0, 1010);
	assert_int_equal(spooled(SPOOL_held), 0);
}

static void without_a_spool_a_stop_counts_what_it_loses(void **unused_)
{
	peers[0].answer = SINK_BUSY;
	start(LANE_OFF, true, false);
	assert_true(put());
	WAIT_FOR(count(LANE_sent) == N_RECS);
	assert_int_equal(stop(false), -EIO);
	assert_string_equal(error.text, "queue lab/a: 10 records are lost: they were not written "
					"before the stop, and there is no spool");
	assert_int_equal(count(LANE_given_up), N_RECS);
}

static void a_queue_fails_over_by_health_and_returns_and_the_cuts_are_written_down(void **unused_)
{
	char path[128], text[4096];
	start(LANE_OVERFLOW, true, true);
	for (unsigned i = 0; i < 10; i++)
		WAIT_FOR(put());
	WAIT_FOR(peers[0].n_got == 100);
	peers[0].answer = SINK_BUSY;
	assert_true(put());
	WAIT_FOR(courier_sink(c, QUEUE) == 1);
	WAIT_FOR(peers[1].n_got == N_RECS);
	assert_true(told("records go to sink second now, not to first: the primary does not take "
			 "records; those below number 100 are written there"));
	peers[0].answer = SINK_DONE;
	WAIT_FOR(courier_sink(c, QUEUE) == 0);
	assert_true(put());
	WAIT_FOR(courier_idle(c));
	assert_int_equal(stop(true), 0);
	expect_in_order(&peers[1], 100, N_RECS);
	assert_int_equal(peers[0].n_got, 110);
	assert_int_equal(peers[0].got[100], 110);
	snprintf(path, sizeof(path), "%s/cuts.ndjson", dir);
	FILE *f = fopen(path, "r");
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_non_null(strstr(text, "\"queue\":\"lab/a\",\"from\":\"first\",\"to\":\"second\","
				     "\"acked\":100,\"why\":\"the primary does not"));
	assert_non_null(strstr(text, "\"from\":\"second\",\"to\":\"first\",\"acked\":110,"));
}

static void a_queue_is_paused_resumed_and_switched_by_command(void **unused_)
{
	start(LANE_OVERFLOW, true, false);
	assert_int_equal(courier_command(c, QUEUE + 1, LANE_PAUSE, 0, &error), -ENOENT);
	assert_int_equal(courier_command(c, QUEUE, LANE_PAUSE, 0, &error), 0);
	for (unsigned i = 0; i < 50; i++)
		WAIT_FOR(put());
	WAIT_FOR(n_left() == 0);
	assert_int_equal(peers[0].n_got, 0);
	assert_int_equal(courier_command(c, QUEUE, LANE_SWITCH, 1, &error), 0);
	assert_int_equal(courier_command(c, QUEUE, LANE_RESUME, 0, &error), 0);
	WAIT_FOR(courier_idle(c));
	assert_int_equal(stop(true), 0);
	assert_int_equal(peers[0].n_got, 0);
	expect_in_order(&peers[1], 0, 500);
}

static void *command_until_refused(void *ret_rc)
{
	struct err e;
	int rc = 0;
	for (unsigned i = 0; rc == 0; i++)
		rc = courier_command(c, QUEUE, i % 2 ? LANE_RESUME : LANE_PAUSE, 0, &e);
	atomic_store((atomic_int *)ret_rc, rc);
	return NULL;
}

static void a_command_beside_a_stop_is_refused_and_none_waits_for_ever(void **unused_)
{
	atomic_int rc = 0;
	pthread_t thread;
	start(LANE_OVERFLOW, true, false);
	assert_int_equal(pthread_create(&thread, NULL, command_until_refused, &rc), 0);
	for (unsigned i = 0; i < 50; i++)
		WAIT_FOR(put());
	assert_int_equal(stop(true), 0);
	WAIT_FOR(rc != 0);
	pthread_join(thread, NULL);
	assert_int_equal(rc, -ESHUTDOWN);
	assert_int_equal(courier_command(c, QUEUE, LANE_PAUSE, 0, &error), -ESHUTDOWN);
	assert_string_equal(error.text, "queue lab/a: it is stopping, and takes no commands");
}

static void a_resume_after_the_end_of_sending_sends_nothing(void **unused_)
{
	start(LANE_OVERFLOW, false, false);
	assert_int_equal(courier_command(c, QUEUE, LANE_PAUSE, 0, &error), 0);
	for (unsigned i = 0; i < N_BATCHES; i++)
		WAIT_FOR(put());
	courier_finish(c);
	assert_int_equal(shipper_stop(shippers[0], true, &error), 0);
	assert_int_equal(courier_command(c, QUEUE, LANE_RESUME, 0, &error), -ESHUTDOWN);
	assert_int_equal(courier_stop(c, &error), 0);
	assert_int_equal(peers[0].n_got, 0);
	assert_int_equal(spooled(SPOOL_held), N_BATCHES * N_RECS);
}

static void a_sink_that_fails_again_and_again_gets_all_in_order(void **unused_)
{
	start(LANE_ALWAYS, false, false);
	for (unsigned i = 0; i < 300; i++) {
		WAIT_FOR(put());
		if (i == 20 || i == 200)
			peers[0].answer = SINK_FATAL;
		if (i == 100 || i == 250)
			peers[0].answer = SINK_DONE;
	}
	WAIT_FOR(courier_idle(c));
	assert_int_equal(stop(true), 0);
	expect_in_order(&peers[0], 0, 3000);
	assert_int_equal(spooled(SPOOL_held), 0);
	assert_int_equal(spooled(SPOOL_appended), 3000);
}

static void a_spool_is_one_process_s(void **unused_)
{
	struct courier *second = NULL;
	start(LANE_OVERFLOW, false, false);
	const struct courier_queue queue = {
		.name = "lab/a", .mode = LANE_OVERFLOW, .backup = COURIER_NO_SINK};
	const struct courier_spec spec = {.queues = &queue,
					  .n_queues = 1,
					  .n_sinks = 1,
					  .n_workers = 1,
					  .worker_batches = N_BATCHES,
					  .batch_cap = 1 << 16,
					  .spool = &spool,
					  .io = &file_ops_real};
	assert_int_equal(courier_create(&spec, &second, &error), -EBUSY);
	assert_non_null(strstr(error.text, "spool of queue lab/a: "));
	assert_null(second);
	stop(true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_go_through_and_batches_come_back),
		TEST(a_sink_that_is_away_costs_no_worker_a_batch_and_gets_all_when_it_is_back),
		TEST(what_a_stop_leaves_is_sent_first_by_the_next_start),
		TEST(without_a_spool_a_stop_counts_what_it_loses),
		TEST(a_queue_fails_over_by_health_and_returns_and_the_cuts_are_written_down),
		TEST(a_queue_is_paused_resumed_and_switched_by_command),
		TEST(a_command_beside_a_stop_is_refused_and_none_waits_for_ever),
		TEST(a_resume_after_the_end_of_sending_sends_nothing),
		TEST(a_sink_that_fails_again_and_again_gets_all_in_order),
		TEST(a_spool_is_one_process_s),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
