/* The Redis sink behind its shipper, against a Redis in a thread that misbehaves when it is told
 * to. */
#include "tests/unit/unit.h"

#include "dataplane/sink/sinks.h"
#include "tests/support/redis_fake.h"
#include "tests/support/sink_rig.h"

static struct fake_redis *fake;
static char *dir, url[256];
static void *conf;

static int set_up(void **unused)
{
	dir = dir_make();
	fake = calloc(1, sizeof(*fake));
	conf = calloc(1, sink_redis.conf_size);
	snprintf(url, sizeof(url), "unix://%s/redis.sock", dir);
	conf_text(&sink_redis, conf, "url", url);
	conf_text(&sink_redis, conf, "mark", "m:");
	conf_number(&sink_redis, conf, "timeout", 10000000000);
	rig_init("one", "two");
	return 0;
}

static int tear_down(void **unused)
{
	rig_fini();
	fake_fini(fake);
	free(fake);
	free(conf);
	dir_remove(dir);
	return 0;
}

static int create(void)
{
	return rig_create("r", &sink_redis, conf, 0);
}

static void start(void)
{
	if (create() < 0 || shipper_start(s, &error) < 0)
		fail_msg("%s", error.text);
}

#define WAIT_FOR(condition) WAIT_UP_TO(2000, 5, condition)

static void stop(void)
{
	if (shipper_stop(s, true, &error) < 0)
		fail_msg("%s", error.text);
	fake_stop(fake);
}

/* The stream of queue 0 has the records of the first @n batches, each once and in order. */
static void expect_stream(unsigned n)
{
	unsigned entries;
	struct text got = fake_text(fake, "one", &entries), want = text_of(0, n * PER_BATCH);
	assert_int_equal(entries, n * PER_BATCH);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	free(want.p);
	assert_int_equal(count(0, SHIPPER_written), n * PER_BATCH);
	assert_int_equal(count(0, SHIPPER_bytes_written), want.len);
}

static void every_record_is_an_entry_in_its_order(void **unused)
{
	fake_start(fake, dir);
	start();
	make(30, false);
	stop();
	expect_stream(30);
	assert_int_equal(n_back, 30);
	assert_int_equal(atomic_load(&fake->n_connections), 1);
}

static void two_queues_go_to_two_streams(void **unused)
{
	unsigned n;
	fake_start(fake, dir);
	start();
	make(10, true);
	stop();
	fake_text(fake, "one", &n);
	assert_int_equal(n, 5 * PER_BATCH);
	fake_text(fake, "two", &n);
	assert_int_equal(n, 5 * PER_BATCH);
	assert_int_equal(count(0, SHIPPER_written), 5 * PER_BATCH);
	assert_int_equal(count(1, SHIPPER_written), 5 * PER_BATCH);
}

static void packed_records_are_lines_of_one_entry(void **unused)
{
	unsigned n;
	queues[0].pack = 8;
	fake_start(fake, dir);
	start();
	make(2, false);
	stop();
	struct text got = fake_text(fake, "one", &n), want = text_of(0, 2 * PER_BATCH);
	assert_int_equal(n, 2 * 7);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	free(want.p);
}

static void a_key_and_an_id_are_fields_of_the_entry(void **unused)
{
	unsigned n;
	queues[0].headers = true;
	fake_start(fake, dir);
	start();
	struct out_batch *b = batch_of(0, 1);
	out_batch_init_marks(b);
	memcpy(b->mark_buf, "k1id-7", 6);
	b->marks[0] = (struct out_mark){.off = 0, .key_len = 2, .id_len = 4};
	batches[0] = b;
	n_made = 1;
	stop();
	struct text got = fake_text(fake, "one", &n);
	assert_non_null(strstr(got.p, "}\nkey: k1\nsluice-id: id-7\nsluice-hop: 1\n"));
}

static void a_connection_cut_after_the_transaction_gives_nothing_twice(void **unused)
{
	atomic_store(&fake->fault, FAKE_CUT_AFTER_EXEC);
	fake_start(fake, dir);
	start();
	make(20, false);
	stop();
	expect_stream(20);
	assert_int_equal(atomic_load(&fake->n_connections), 2);
}

static void a_connection_cut_before_the_transaction_loses_nothing(void **unused)
{
	atomic_store(&fake->fault, FAKE_CUT_BEFORE_EXEC);
	fake_start(fake, dir);
	start();
	make(20, false);
	stop();
	expect_stream(20);
}

static void without_a_mark_what_is_not_answered_for_is_there_twice(void **unused)
{
	unsigned n;
	conf_text(&sink_redis, conf, "mark", "");
	atomic_store(&fake->fault, FAKE_CUT_AFTER_EXEC);
	fake_start(fake, dir);
	start();
	make(1, false);
	stop();
	fake_text(fake, "one", &n);
	assert_int_equal(n, 2 * PER_BATCH);
	assert_int_equal(count(0, SHIPPER_written), PER_BATCH);
}

static void a_full_memory_is_told_and_waited_for(void **unused)
{
	fake->refusal = "OOM command not allowed when used memory > 'maxmemory'.";
	fake->refused_verb = "XADD";
	atomic_store(&fake->fault, FAKE_REFUSES);
	fake_start(fake, dir);
	start();
	make(4, false);
	WAIT_FOR(shipper_trouble(s, &error));
	assert_non_null(strstr(error.text, "OOM command not allowed"));
	assert_int_equal(count(0, SHIPPER_in_flight), 4 * PER_BATCH);
	atomic_store(&fake->fault, FAKE_GOOD);
	stop();
	expect_stream(4);
}

static void a_key_of_another_type_loses_its_records_by_name_and_others_go_on(void **unused)
{
	unsigned n;
	fake->refusal = "WRONGTYPE Operation against a key holding the wrong kind of value";
	fake->refused = "two";
	atomic_store(&fake->fault, FAKE_REFUSES_IN_EXEC);
	fake_start(fake, dir);
	start();
	make(6, true);
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_non_null(strstr(error.text, "stream \"two\": a record of"));
	assert_non_null(strstr(error.text, "WRONGTYPE"));
	assert_int_equal(count(1, SHIPPER_no_topic), 3 * PER_BATCH);
	assert_int_equal(count(0, SHIPPER_written), 3 * PER_BATCH);
	fake_stop(fake);
	fake_text(fake, "one", &n);
	assert_int_equal(n, 3 * PER_BATCH);
}

static void an_error_that_does_not_pass_is_not_tried_for_ever(void **unused)
{
	fake->refusal = "ERR nobody has ever heard of this";
	fake->refused_verb = "XADD";
	atomic_store(&fake->fault, FAKE_REFUSES);
	fake_start(fake, dir);
	start();
	batches[0] = batch_of(0, 1);
	n_made = 1;
	while (!shipper_notice(s, &error))
		pause_ms(50);
	assert_non_null(strstr(error.text, "is not written: ERR nobody has ever heard of this"));
	WAIT_FOR(count(0, SHIPPER_failed) == 1);
	fake_stop(fake);
}

static void a_cluster_is_told_and_not_tried(void **unused)
{
	fake->refusal = "MOVED 3999 127.0.0.1:6381";
	fake->refused_verb = "XADD";
	atomic_store(&fake->fault, FAKE_REFUSES);
	fake_start(fake, dir);
	start();
	make(1, false);
	WAIT_FOR(shipper_failed(s));
	assert_true(shipper_trouble(s, &error));
	assert_non_null(strstr(error.text, "MOVED"));
	fake_stop(fake);
}

static void a_mark_that_is_not_permitted_is_told_and_left_out(void **unused)
{
	fake->refusal = "NOPERM this user has no permissions to access one of the keys";
	fake->refused_verb = "SET";
	atomic_store(&fake->fault, FAKE_REFUSES);
	fake_start(fake, dir);
	start();
	make(3, false);
	WAIT_FOR(n_back == 3);
	assert_true(shipper_notice(s, &error));
	assert_non_null(strstr(error.text, "mark: NOPERM"));
	stop();
	expect_stream(3);
}

static void a_wrong_password_is_an_error_before_anything_starts(void **unused)
{
	fake->password = "right";
	fake_start(fake, dir);
	conf_text(&sink_redis, conf, "password", "wrong");
	assert_int_equal(create(), -EACCES);
	assert_non_null(strstr(error.text, "WRONGPASS"));
	assert_null(strstr(error.text, "\"wrong\""));
	conf_text(&sink_redis, conf, "password", NULL);
	assert_int_equal(create(), -EACCES);
	assert_non_null(strstr(error.text, "NOAUTH"));
	conf_text(&sink_redis, conf, "password", "right");
	start();
	make(1, false);
	stop();
	expect_stream(1);
}

static void a_redis_that_comes_late_is_told_and_gets_everything(void **unused)
{
	start();
	assert_non_null(strstr(error.text, "it is tried on"));
	make(5, false);
	WAIT_FOR(shipper_trouble(s, &error));
	assert_non_null(strstr(error.text, "No such file"));
	fake_start(fake, dir);
	stop();
	expect_stream(5);
}

static void a_silent_redis_is_left_and_asked_again_and_nothing_is_there_twice(void **unused)
{
	fake_start(fake, dir);
	conf_number(&sink_redis, conf, "timeout", 300000000);
	start();
	make(2, false);
	WAIT_FOR(n_back == 2);
	atomic_store(&fake->fault, FAKE_SILENT);
	make(2, false);
	WAIT_FOR(shipper_trouble(s, &error));
	atomic_store(&fake->fault, FAKE_GOOD);
	stop();
	expect_stream(4);
	assert_true(atomic_load(&fake->n_connections) > 1);
}

static void a_silent_redis_does_not_hold_up_a_stop(void **unused)
{
	fake_start(fake, dir);
	conf_number(&sink_redis, conf, "timeout", 300000000);
	start();
	atomic_store(&fake->fault, FAKE_SILENT);
	make(4, false);
	WAIT_FOR(shipper_trouble(s, NULL));
	assert_int_equal(shipper_stop(s, false, &error), -ECANCELED);
	assert_int_equal(count(0, SHIPPER_failed), 4 * PER_BATCH);
	assert_int_equal(n_back, 4);
	fake_stop(fake);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_record_is_an_entry_in_its_order),
		CASE(two_queues_go_to_two_streams),
		CASE(packed_records_are_lines_of_one_entry),
		CASE(a_key_and_an_id_are_fields_of_the_entry),
		CASE(a_connection_cut_after_the_transaction_gives_nothing_twice),
		CASE(a_connection_cut_before_the_transaction_loses_nothing),
		CASE(without_a_mark_what_is_not_answered_for_is_there_twice),
		CASE(a_full_memory_is_told_and_waited_for),
		CASE(a_key_of_another_type_loses_its_records_by_name_and_others_go_on),
		CASE(an_error_that_does_not_pass_is_not_tried_for_ever),
		CASE(a_cluster_is_told_and_not_tried),
		CASE(a_mark_that_is_not_permitted_is_told_and_left_out),
		CASE(a_wrong_password_is_an_error_before_anything_starts),
		CASE(a_redis_that_comes_late_is_told_and_gets_everything),
		CASE(a_silent_redis_is_left_and_asked_again_and_nothing_is_there_twice),
		CASE(a_silent_redis_does_not_hold_up_a_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
