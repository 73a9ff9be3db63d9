/* test_sink_laws.c - what holds for every sink behind its shipper, whatever the peer is like.
 *
 *     each record is written once, in order, or counted as failed; never split, never silently lost
 *     the row balances whenever it is read; every batch is given back once
 *     a peer that stalls does not hold up a stop; a peer that went away is an error with a text
 */
#include "tests/unit/unit.h"

#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <time.h>

#include "dataplane/sink/kafka_conf.h"
#include "dataplane/sink/segment.h"
#include "dataplane/sink/sinks.h"
#include "tests/support/clickhouse_fake.h"
#include "tests/support/kafka_mock.h"
#include "tests/support/redis_fake.h"
#include "tests/support/sink_peer.h"

#define N_BATCHES 120

/* The workers' side: batches of 1 to 90 records, numbered on. */
static struct out_batch *batches[N_BATCHES];
static unsigned first_rec[N_BATCHES + 1];
static atomic_uint n_ready, n_taken, n_back;

static struct out_batch *take(void *ctx)
{
	unsigned i = n_taken;
	if (i == n_ready)
		return NULL;
	n_taken = i + 1;
	return batches[i];
}

static void give_back(void *ctx, struct out_batch *b, const struct shipper_outcome *o)
{
	n_back += b == batches[n_back]; /* each once, in order: else the count stays behind */
}

static char *dir;
static void *conf;
static const struct sink_queue queue = {.name = "law/queue", .topic = "law", .pack = 1};
static struct shipper *s;
static struct err error;
static int saved_stdout;

static int set_up_group(void **unused)
{
	signal(SIGPIPE, SIG_DFL); /* the sink's thread has to look after itself */
	for (unsigned i = 0; i < N_BATCHES; i++) {
		unsigned n = 1 + i * 37 % 90;
		batches[i] = batch_of(first_rec[i], first_rec[i] + n);
		first_rec[i + 1] = first_rec[i] + n;
	}
	return 0;
}

static int tear_down_group(void **unused)
{
	for (unsigned i = 0; i < N_BATCHES; i++)
		batch_free(batches[i]);
	return 0;
}

static int set_up(void **unused)
{
	n_ready = n_taken = n_back = 0;
	dir = dir_make();
	conf = calloc(1, 4096);
	fflush(stdout);
	saved_stdout = dup(STDOUT_FILENO);
	s = NULL;
	return 0;
}

static int tear_down(void **unused)
{
	shipper_destroy(s);
	dup2(saved_stdout, STDOUT_FILENO);
	close(saved_stdout);
	free(conf);
	dir_remove(dir);
	return 0;
}

static void start(const struct sink_ops *ops)
{
	const struct shipper_spec spec = {.name = "law",
					  .ops = ops,
					  .conf = conf,
					  .n_queues = 1,
					  .queues = &queue,
					  .take = take,
					  .give_back = give_back};
	if (shipper_create(&spec, &s, &error) < 0 || shipper_start(s, &error) < 0)
		fail_msg("%s", error.text);
}

static uint64_t count(unsigned col)
{
	uint64_t row[SHIPPER_N_COLS];
	shipper_row(s, 0, row);
	assert_int_equal(ledger_imbalance(&shipper_ledger, row), 0);
	return row[col];
}

#define WAIT_FOR(condition) WAIT_UP_TO(10000, 1, condition)

static void expect_all_written(void)
{
	if (shipper_stop(s, true, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(count(SHIPPER_written), first_rec[N_BATCHES]);
	assert_int_equal(count(SHIPPER_records_in), first_rec[N_BATCHES]);
	assert_int_equal(count(SHIPPER_in_flight), 0);
	assert_int_equal(n_back, N_BATCHES);
}

static void every_sink_of_the_table_is_whole(void **unused)
{
	for (size_t i = 0; sinks[i]; i++) {
		const struct sink_ops *ops = sinks[i];
		assert_non_null(ops->name);
		assert_non_null(ops->summary);
		assert_non_null(ops->opts);
		assert_true(ops->open && ops->write && ops->poll && ops->flush && ops->close);
		for (const struct opt *o = ops->opts; o->name; o++) {
			assert_non_null(o->help);
			assert_true(o->off < ops->conf_size);
		}
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(sinks[k]->name, ops->name);
	}
}

static void a_sink_that_was_never_opened_can_be_closed(void **unused)
{
	for (size_t i = 0; sinks[i]; i++) {
		void *state = calloc(1, sinks[i]->state_size + 1);
		assert_int_equal(sinks[i]->close(state, &error), 0);
		free(state);
	}
}

static void null_counts_every_record(void **unused)
{
	start(&sink_null);
	n_ready = N_BATCHES;
	expect_all_written();
}

/* Standard output */

struct reader {
	int fd;
	size_t step, stop_at; /* bytes a read; closes after so many */
	unsigned pause_ms;
	struct text got;
};

static void *read_pipe(void *arg)
{
	struct reader *r = arg;
	char buf[65536];
	ssize_t n;
	while (r->got.len < r->stop_at && (n = read(r->fd, buf, r->step)) > 0) {
		text_append(&r->got, buf, (size_t)n);
		if (r->pause_ms)
			pause_ms(r->pause_ms);
	}
	close(r->fd);
	return NULL;
}

/* Standard output becomes a pipe of one page; returns its other end. */
static int pipe_stdout(int flags)
{
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fcntl(fds[1], F_SETPIPE_SZ, 4096);
	fcntl(fds[1], F_SETFL, flags);
	assert_int_equal(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
	close(fds[1]);
	return fds[0];
}

static void stdout_delivers_to(struct reader *r, int flags)
{
	pthread_t thread;
	r->fd = pipe_stdout(flags);
	start(&sink_stdout);
	pthread_create(&thread, NULL, read_pipe, r);
	n_ready = N_BATCHES;
	expect_all_written();
	dup2(saved_stdout, STDOUT_FILENO); /* the end of the pipe */
	pthread_join(thread, NULL);
	struct text want = text_of(0, first_rec[N_BATCHES]);
	assert_int_equal(r->got.len, want.len);
	assert_memory_equal(r->got.p, want.p, want.len);
	free(want.p);
	free(r->got.p);
}

static void stdout_delivers_to_a_slow_reader(void **unused)
{
	stdout_delivers_to(&(struct reader){.step = 20000, .stop_at = SIZE_MAX, .pause_ms = 1}, 0);
}

static void stdout_delivers_to_a_reader_of_few_bytes(void **unused)
{
	stdout_delivers_to(&(struct reader){.step = 100, .stop_at = SIZE_MAX}, 0);
}

static void stdout_delivers_through_a_pipe_that_does_not_block(void **unused)
{
	stdout_delivers_to(&(struct reader){.step = 5000, .stop_at = SIZE_MAX}, O_NONBLOCK);
}

static void stdout_tells_what_a_reader_that_leaves_half_way_did_not_get(void **unused)
{
	pthread_t thread;
	struct reader r = {.fd = pipe_stdout(0), .step = 4096, .stop_at = 300000};
	start(&sink_stdout);
	pthread_create(&thread, NULL, read_pipe, &r);
	n_ready = N_BATCHES;
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_string_equal(error.text, "sink law: the reader of standard output went away");
	pthread_join(thread, NULL);
	assert_int_equal(n_back, N_BATCHES);
	assert_true(count(SHIPPER_written) > 0 && count(SHIPPER_failed) > 0);
	/* What it got is the beginning of what was sent. */
	struct text want = text_of(0, first_rec[N_BATCHES]);
	assert_memory_equal(r.got.p, want.p, r.got.len);
	free(want.p);
	free(r.got.p);
}

static void stdout_with_a_stalled_reader_can_be_stopped(void **unused)
{
	int fd = pipe_stdout(0);
	start(&sink_stdout);
	n_ready = N_BATCHES;
	struct err e;
	WAIT_FOR(shipper_trouble(s, &e));
	assert_string_equal(e.text, "the reader of standard output does not read");
	assert_int_equal(shipper_stop(s, false, &error), -ECANCELED);
	assert_int_equal(n_back, N_BATCHES);
	assert_int_equal(count(SHIPPER_written) + count(SHIPPER_failed), first_rec[N_BATCHES]);
	close(fd);
}

/* Files */

static char file_path[600];

static void configure_file(const char *in, const char *name, bool zstd, uint64_t rotate_bytes)
{
	snprintf(file_path, sizeof(file_path), "%s/%s", in, name);
	conf_text(&sink_file, conf, "path", file_path);
	conf_choice(&sink_file, conf, "compress", zstd);
	conf_number(&sink_file, conf, "level", 1);
	conf_number(&sink_file, conf, "frame_bytes", 100000);
	conf_number(&sink_file, conf, "rotate_bytes", rotate_bytes);
}

static unsigned expect_in_files(const char *in, bool zstd)
{
	unsigned n_files;
	struct text want = text_of(0, first_rec[N_BATCHES]), got = dir_text(in, zstd, &n_files);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	free(want.p);
	free(got.p);
	return n_files;
}

static void files_together_are_the_input_in_order(void **unused)
{
	configure_file(dir, "all-%n.ndjson", false, 0);
	start(&sink_file);
	n_ready = N_BATCHES;
	expect_all_written();
	assert_int_equal(expect_in_files(dir, false), 1);
}

static void files_rotated_in_the_middle_of_batches_are_the_input_in_order(void **unused)
{
	configure_file(dir, "all-%n.ndjson", false, 7001);
	start(&sink_file);
	n_ready = N_BATCHES;
	expect_all_written();
	assert_true(expect_in_files(dir, false) > N_BATCHES);
}

static void zstd_files_decoded_are_the_input_in_order(void **unused)
{
	configure_file(dir, "all-%n.ndjson", true, 7001);
	start(&sink_file);
	n_ready = N_BATCHES;
	expect_all_written();
	assert_true(expect_in_files(dir, true) > 3);
}

static void files_rotated_by_time_are_the_input_in_order(void **unused)
{
	configure_file(dir, "all-%n.ndjson", true, 0);
	conf_number(&sink_file, conf, "rotate_every", 1000000);
	start(&sink_file);
	for (unsigned i = 10; i <= N_BATCHES; i += 10) {
		n_ready = i;
		WAIT_FOR(n_back == i);
		pause_ms(3);
	}
	expect_all_written();
	assert_true(expect_in_files(dir, true) > 3);
}

/* A disk of 4 MiB, all but 32 KiB of it taken by ballast that goes when the sink is busy. */
static void make_small_disk(char disk[600], char ballast[700])
{
	snprintf(disk, 600, "%s/disk", dir);
	snprintf(ballast, 700, "%s/.ballast", disk);
	assert_int_equal(mkdir(disk, 0755), 0);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", disk, "tmpfs", 0, "size=4m") < 0) {
		print_message("skipped: mounting a small disk needs root\n");
		skip();
	}
	struct text fill = {0};
	fill.p = calloc(1, 1u << 16);
	FILE *f = fopen(ballast, "w");
	while (fwrite(fill.p, 1, 1u << 16, f) == 1u << 16 && fflush(f) == 0)
		;
	assert_int_equal(ftruncate(fileno(f), (4 << 20) - 32768), 0);
	fclose(f);
	free(fill.p);
}

/* The sink says so, waits, and goes on. */
static void free_the_disk(const char *disk, const char *ballast)
{
	struct err e;
	WAIT_FOR(shipper_trouble(s, &e));
	assert_non_null(strstr(e.text, "No space left on device"));
	assert_non_null(strstr(e.text, disk));
	assert_int_equal(unlink(ballast), 0);
	expect_all_written();
}

static void a_full_disk_delays_and_loses_nothing(bool zstd)
{
	char disk[600], ballast[700];
	make_small_disk(disk, ballast);
	configure_file(disk, "all-%n.ndjson", zstd, zstd ? 0 : 100000);
	start(&sink_file);
	n_ready = N_BATCHES;
	free_the_disk(disk, ballast);
	assert_true(expect_in_files(disk, zstd) > 0);
	assert_int_equal(umount(disk), 0);
}

static void a_full_disk_delays_plain_files_and_loses_nothing(void **unused)
{
	a_full_disk_delays_and_loses_nothing(false);
}

static void a_full_disk_delays_zstd_files_and_loses_nothing(void **unused)
{
	a_full_disk_delays_and_loses_nothing(true);
}

/* Archives */

static void configure_archive(const char *in, uint64_t rotate_bytes, bool sync)
{
	conf_text(&sink_archive, conf, "dir", in);
	conf_number(&sink_archive, conf, "rotate_bytes", rotate_bytes);
	*(bool *)conf_field(&sink_archive, conf, "sync") = sync;
}

/* Adds the records of a segment to *@io_n, each the next that is expected. */
static void expect_in_segment(const char *path, unsigned *io_n)
{
	struct seg_file *f;
	struct seg_frame fr;
	struct seg_damage d;
	struct seg_rec r;
	struct err e;
	uint64_t off = 0;
	assert_int_equal(seg_file_open(&file_ops_real, path, &f, &e), 0);
	assert_true(seg_file_indexed(f));
	while (seg_file_scan(f, &off, &fr, &d, &e) == SEG_FOUND_FRAME) {
		assert_int_equal(seg_file_load(f, &fr, &e), 0);
		for (; seg_file_next(f, &r); ++*io_n) {
			struct text want = text_of(*io_n, *io_n + 1);
			assert_int_equal(r.bytes.len, want.len);
			assert_memory_equal(r.bytes.ptr, want.p, want.len);
			free(want.p);
		}
	}
	seg_file_close(f);
}

static size_t expect_in_archive(const char *in)
{
	char pattern[700];
	glob_t found;
	unsigned n = 0;
	snprintf(pattern, sizeof(pattern), "%s/law@queue/*.seg", in);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		expect_in_segment(found.gl_pathv[i], &n);
	size_t n_files = found.gl_pathc;
	globfree(&found);
	assert_int_equal(n, first_rec[N_BATCHES]);
	return n_files;
}

static void segments_of_an_archive_are_the_input_in_order(void **unused)
{
	configure_archive(dir, 100000, true);
	start(&sink_archive);
	n_ready = N_BATCHES;
	expect_all_written();
	assert_true(expect_in_archive(dir) > 3);
}

static void a_full_disk_delays_an_archive_and_loses_nothing(void **unused)
{
	char disk[600], ballast[700];
	make_small_disk(disk, ballast);
	configure_archive(disk, 100000, false);
	start(&sink_archive);
	n_ready = N_BATCHES;
	free_the_disk(disk, ballast);
	assert_true(expect_in_archive(disk) > 3);
	assert_int_equal(umount(disk), 0);
}

static void a_disk_that_stays_full_ends_a_stop_with_an_error_and_a_count(void **unused)
{
	if (access("/dev/full", W_OK) < 0)
		skip();
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	start(&sink_stdout);
	n_ready = N_BATCHES;
	WAIT_FOR(shipper_trouble(s, NULL));
	assert_int_equal(shipper_stop(s, false, &error), -ECANCELED);
	assert_non_null(strstr(error.text, "No space left on device"));
	assert_int_equal(count(SHIPPER_failed), first_rec[N_BATCHES]);
}

static void a_directory_without_permission_fails_before_anything_starts(void **unused)
{
	configure_file(dir, "all.ndjson", false, 0);
	chmod(dir, 0500);
	bool root = geteuid() == 0;
	if (root)
		assert_int_equal(seteuid(65534), 0);
	const struct shipper_spec spec = {
		.name = "law", .ops = &sink_file, .conf = conf, .n_queues = 1};
	int rc = shipper_create(&spec, &s, &error);
	if (root)
		assert_int_equal(seteuid(0), 0);
	chmod(dir, 0700);
	assert_int_equal(rc, -EACCES);
	assert_non_null(strstr(error.text, dir));
}

/* Kafka: the peer is librdkafka's mock cluster. */

static struct mock mock;

static void start_kafka(void)
{
	static const char *brokers[1];
	mock_init(&mock, 2);
	assert_int_equal(rd_kafka_mock_topic_create(mock.cluster, "law", 1, 1), 0);
	brokers[0] = mock.brokers;
	*(struct kafka_conf *)conf = (struct kafka_conf){.brokers = {brokers, 1},
							 .client_id = "law",
							 .idempotence = true,
							 .linger_ns = 5000000,
							 .message_bytes_max = 1000000};
	start(&sink_kafka);
}

static void expect_topic_is_the_input(void)
{
	unsigned n;
	struct text got = mock_read(&mock, "law", 0, &n), want = text_of(0, first_rec[N_BATCHES]);
	if (got.len < want.len)
		fail_msg("%zu bytes of %zu: %s", got.len, want.len,
			 memcmp(got.p, want.p, got.len) == 0 ? "the first ones"
			 : memcmp(got.p, want.p + want.len - got.len, got.len) == 0
				 ? "the last ones"
				 : "a part is missing");
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	free(got.p);
	free(want.p);
	mock_fini(&mock);
}

static void a_topic_is_the_input_in_order(void **unused)
{
	start_kafka();
	n_ready = N_BATCHES;
	expect_all_written();
	expect_topic_is_the_input();
}

static void a_topic_whose_brokers_stall_drop_and_refuse_is_the_input_in_order(void **unused)
{
	start_kafka();
	for (unsigned i = 0; i < N_BATCHES; i += 10) {
		int32_t broker = 1 + (int32_t)(i / 10 % 2);
		rd_kafka_mock_broker_set_rtt(mock.cluster, 3 - broker, (int)i);
		rd_kafka_mock_push_request_errors(mock.cluster, MOCK_PRODUCE, 1,
						  RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
		rd_kafka_mock_broker_set_down(mock.cluster, broker);
		n_ready = i + 10;
		pause_ms(30);
		rd_kafka_mock_broker_set_up(mock.cluster, broker);
		rd_kafka_mock_partition_set_leader(mock.cluster, "law", 0, broker);
		count(SHIPPER_in_flight); /* balances */
		pause_ms(20);
	}
	expect_all_written();
	expect_topic_is_the_input();
}

static void a_topic_whose_brokers_stall_can_be_stopped(void **unused)
{
	start_kafka();
	rd_kafka_mock_broker_set_rtt(mock.cluster, 1, 60000);
	rd_kafka_mock_broker_set_rtt(mock.cluster, 2, 60000);
	n_ready = N_BATCHES;
	WAIT_FOR(shipper_trouble(s, NULL));
	assert_int_equal(shipper_stop(s, false, &error), -ECANCELED);
	assert_true(error.text[0]);
	assert_int_equal(count(SHIPPER_failed), first_rec[N_BATCHES]);
	assert_int_equal(count(SHIPPER_in_flight), 0);
	assert_int_equal(n_back, N_BATCHES);
	mock_fini(&mock);
}

/* Redis: the peer is a thread of ours. */

static struct fake_redis redis;
static char redis_url_text[256];

static void start_redis(void)
{
	redis = (struct fake_redis){0};
	snprintf(redis_url_text, sizeof(redis_url_text), "unix://%s/redis.sock", dir);
	conf_text(&sink_redis, conf, "url", redis_url_text);
	conf_text(&sink_redis, conf, "mark", "m:");
	conf_number(&sink_redis, conf, "timeout", 200000000);
	fake_start(&redis, dir);
	start(&sink_redis);
}

static void a_stream_whose_redis_stalls_and_drops_is_the_input_in_order(void **unused)
{
	static const int faults[] = {FAKE_CUT_BEFORE_EXEC, FAKE_CUT_AFTER_EXEC, FAKE_SILENT};
	unsigned n;
	start_redis();
	for (unsigned i = 0; i < N_BATCHES; i += 20) {
		atomic_store(&redis.fault, faults[i / 20 % 3]);
		n_ready = i + 20;
		pause_ms(250);
		atomic_store(&redis.fault, FAKE_GOOD);
		count(SHIPPER_in_flight); /* balances */
	}
	expect_all_written();
	fake_stop(&redis);
	struct text got = fake_text(&redis, "law", &n), want = text_of(0, first_rec[N_BATCHES]);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	free(want.p);
	fake_fini(&redis);
}

/* ClickHouse: likewise. */

static void a_table_whose_clickhouse_stalls_drops_and_refuses_is_the_input_in_order(void **unused)
{
	static const int faults[] = {CHF_CUT, CHF_SILENT, CHF_ERROR};
	static struct ch_fake clickhouse;
	char address[64];
	clickhouse = (struct ch_fake){.described = "record\tUInt32\t\t\nfill\tString\t\t\n",
				      .settings = "insert_deduplication_token\n",
				      .keeps_tokens = true,
				      .status = 500,
				      .error = "Code: 241, Memory limit exceeded"};
	ch_fake_start(&clickhouse, 0);
	snprintf(address, sizeof(address), "http://127.0.0.1:%u", clickhouse.port);
	conf_text(&sink_clickhouse, conf, "url", address);
	conf_number(&sink_clickhouse, conf, "insert_bytes", 60000);
	conf_number(&sink_clickhouse, conf, "linger", 10000000);
	conf_number(&sink_clickhouse, conf, "timeout", 300000000);
	*(bool *)conf_field(&sink_clickhouse, conf, "token") = true;
	start(&sink_clickhouse);
	for (unsigned i = 0; i < N_BATCHES; i += 20) {
		atomic_store(&clickhouse.fault, faults[i / 20 % 3]);
		n_ready = i + 20;
		pause_ms(350);
		atomic_store(&clickhouse.fault, CHF_GOOD);
		count(SHIPPER_in_flight); /* balances */
	}
	expect_all_written();
	ch_fake_stop(&clickhouse);
	struct text want = text_of(0, first_rec[N_BATCHES]);
	assert_int_equal(clickhouse.got.len, want.len);
	assert_memory_equal(clickhouse.got.p, want.p, want.len);
	free(want.p);
	free(clickhouse.got.p);
}

#define LAW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAW(every_sink_of_the_table_is_whole),
		LAW(a_sink_that_was_never_opened_can_be_closed),
		LAW(null_counts_every_record),
		LAW(stdout_delivers_to_a_slow_reader),
		LAW(stdout_delivers_to_a_reader_of_few_bytes),
		LAW(stdout_delivers_through_a_pipe_that_does_not_block),
		LAW(stdout_tells_what_a_reader_that_leaves_half_way_did_not_get),
		LAW(stdout_with_a_stalled_reader_can_be_stopped),
		LAW(files_together_are_the_input_in_order),
		LAW(files_rotated_in_the_middle_of_batches_are_the_input_in_order),
		LAW(zstd_files_decoded_are_the_input_in_order),
		LAW(files_rotated_by_time_are_the_input_in_order),
		LAW(a_full_disk_delays_plain_files_and_loses_nothing),
		LAW(a_full_disk_delays_zstd_files_and_loses_nothing),
		LAW(segments_of_an_archive_are_the_input_in_order),
		LAW(a_full_disk_delays_an_archive_and_loses_nothing),
		LAW(a_disk_that_stays_full_ends_a_stop_with_an_error_and_a_count),
		LAW(a_directory_without_permission_fails_before_anything_starts),
		LAW(a_topic_is_the_input_in_order),
		LAW(a_topic_whose_brokers_stall_drop_and_refuse_is_the_input_in_order),
		LAW(a_topic_whose_brokers_stall_can_be_stopped),
		LAW(a_stream_whose_redis_stalls_and_drops_is_the_input_in_order),
		LAW(a_table_whose_clickhouse_stalls_drops_and_refuses_is_the_input_in_order),
	};
	return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
