/* The Kafka sink behind its shipper, against librdkafka's mock cluster. */
#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "dataplane/sink/kafka_conf.h"
#include "dataplane/sink/sinks.h"
#include "tests/support/kafka_mock.h"
#include "tests/support/sink_rig.h"

static struct mock mock;
static struct kafka_conf conf;
static const char *broker_list[1];

static int set_up(void **unused)
{
	mock_init(&mock, 3);
	assert_int_equal(rd_kafka_mock_topic_create(mock.cluster, "one", 1, 1), 0);
	assert_int_equal(rd_kafka_mock_topic_create(mock.cluster, "two", 1, 1), 0);
	broker_list[0] = mock.brokers;
	conf = (struct kafka_conf){.brokers = {broker_list, 1},
				   .client_id = "test",
				   .idempotence = true,
				   .linger_ns = 20000000,
				   .message_bytes_max = 1000000};
	rig_init("one", "two");
	return 0;
}

static int tear_down(void **unused)
{
	rig_fini();
	mock_fini(&mock);
	return 0;
}

static int create(uint64_t drain_ns_max)
{
	return rig_create("k", &sink_kafka, &conf, drain_ns_max);
}

static void start(uint64_t drain_ns_max)
{
	if (create(drain_ns_max) < 0 || shipper_start(s, &error) < 0)
		fail_msg("%s", error.text);
}

#define WAIT_FOR(condition) WAIT_UP_TO(4000, 10, condition)

static void expect_written(unsigned queue, unsigned n)
{
	assert_int_equal(count(queue, SHIPPER_written), n);
	assert_int_equal(count(queue, SHIPPER_records_in), n);
	assert_int_equal(n_back, n_made);
}

/* The topic has the records @from to @to - 1, each once and in order, and nothing else. */
static void expect_topic(const char *topic, unsigned from, unsigned to)
{
	unsigned n;
	struct text got = mock_read(&mock, topic, 0, &n), want = text_of(from, to);
	assert_int_equal(n, to - from);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	free(got.p);
	free(want.p);
}

/* A notice that has @text in it was told. */
static bool told(const char *text)
{
	struct err e;
	bool any = false;
	while (shipper_notice(s, &e))
		any |= strstr(e.text, text) != NULL;
	return any;
}

/* confluentinc/librdkafka#1487: what became of a message is not read, and the broker is blamed. */
static void a_record_is_written_when_the_broker_has_acknowledged_it(void **unused)
{
	start(0);
	make(N_BATCHES, false);
	assert_int_equal(shipper_stop(s, true, &error), 0);
	expect_written(0, N_BATCHES * PER_BATCH);
	expect_topic("one", 0, N_BATCHES * PER_BATCH);
}

static void queues_have_topics_of_their_own(void **unused)
{
	start(0);
	make(2, true);
	assert_int_equal(shipper_stop(s, true, &error), 0);
	assert_int_equal(count(0, SHIPPER_written), PER_BATCH);
	assert_int_equal(count(1, SHIPPER_written), PER_BATCH);
	expect_topic("one", 0, PER_BATCH);
	expect_topic("two", PER_BATCH, 2 * PER_BATCH);
}

static void records_are_packed_up_to_the_number_and_the_size_of_a_message(void **unused)
{
	unsigned n;
	conf.message_bytes_max = 4096;
	queues[0].pack = 20;
	start(0);
	make(4, false);
	assert_int_equal(shipper_stop(s, true, &error), 0);
	expect_written(0, 4 * PER_BATCH);
	struct text got = mock_read(&mock, "one", 0, &n), want = text_of(0, 4 * PER_BATCH);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	assert_in_range(n, want.len / 4096 + 1, 4 * PER_BATCH / 5);
	free(got.p);
	free(want.p);
}

/* confluentinc/librdkafka#488: one oversize record fails its neighbours in the batch. */
static void of_a_refused_batch_only_the_message_that_is_too_large_is_lost(void **unused)
{
	unsigned n;
	rd_kafka_resp_err_t too_large = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	/* 50, 25, 12, 6, 3, 1: the broker seems to dislike the first record. */
	rd_kafka_mock_push_request_errors(mock.cluster, MOCK_PRODUCE, 6, too_large, too_large,
					  too_large, too_large, too_large, too_large);
	start(0);
	make(1, false);
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_non_null(strstr(error.text, "topic \"one\": a record of "));
	assert_int_equal(count(0, SHIPPER_too_large), 1);
	assert_int_equal(count(0, SHIPPER_written), PER_BATCH - 1);
	struct text got = mock_read(&mock, "one", 0, &n), want = text_of(1, PER_BATCH);
	assert_int_equal(n, PER_BATCH - 1);
	assert_string_equal(got.p, want.p);
	free(got.p);
	free(want.p);
}

/* open-telemetry/opentelemetry-collector-contrib#44161: "too large", but which record? */
/* open-telemetry/opentelemetry-collector-contrib#44161: "too large", but which record? */
static void a_record_beyond_the_limit_is_told_with_its_size_and_the_others_go(void **unused)
{
	conf.message_bytes_max = 1000;
	start(0);
	make(1, false);
	batches[1] = calloc(1, sizeof(*batches[1]));
	out_batch_init(batches[1], 8192);
	memset(batches[1]->buf, 'y', 5000);
	batches[1]->len = batches[1]->ends[0] = 5000;
	batches[1]->n_recs = 1;
	batch_add(batches[1], 7);
	n_made = 2;
	WAIT_FOR(n_back == 2);
	assert_true(told("a record of 5000 bytes is not written: larger than message_bytes_max"));
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_int_equal(count(0, SHIPPER_too_large), 1);
	assert_int_equal(count(0, SHIPPER_written), PER_BATCH + 1);
}

/* rsyslog/rsyslog#1584: never reconnects, or goes quiet without a word. */
static void brokers_that_are_away_are_told_of_and_waited_for(void **unused)
{
	struct err e;
	start(0);
	make(2, false);
	WAIT_FOR(n_back == 2);
	for (int i = 1; i <= 3; i++)
		rd_kafka_mock_broker_set_down(mock.cluster, i);
	make(10, false);
	WAIT_FOR(shipper_trouble(s, &e));
	assert_true(e.text[0]);
	assert_int_equal(count(0, SHIPPER_in_flight), 10 * PER_BATCH);
	for (int i = 1; i <= 3; i++)
		rd_kafka_mock_broker_set_up(mock.cluster, i);
	assert_int_equal(shipper_stop(s, true, &error), 0);
	assert_false(shipper_trouble(s, NULL));
	expect_written(0, 12 * PER_BATCH);
	expect_topic("one", 0, 12 * PER_BATCH);
}

/* What is changed in the batch while the client has it is what the broker gets. */
static void the_client_sends_from_the_batch_that_the_worker_filled(void **unused)
{
	start(0);
	make(1, false);
	WAIT_FOR(n_back == 1);
	for (int i = 1; i <= 3; i++)
		rd_kafka_mock_broker_set_down(mock.cluster, i);
	make(1, false);
	WAIT_FOR(shipper_trouble(s, NULL));
	assert_int_equal(n_back, 1);
	uint8_t *last = batches[1]->buf + batches[1]->len - 3;
	*last = '!';
	for (int i = 1; i <= 3; i++)
		rd_kafka_mock_broker_set_up(mock.cluster, i);
	assert_int_equal(shipper_stop(s, true, &error), 0);
	unsigned n;
	struct text got = mock_read(&mock, "one", 0, &n), want = text_of(0, 2 * PER_BATCH);
	want.p[want.len - 3] = '!';
	assert_int_equal(n, 2 * PER_BATCH);
	assert_memory_equal(got.p, want.p, want.len);
	free(got.p);
	free(want.p);
}

static void a_sink_of_a_pair_that_has_nothing_to_do_is_ill_without_metadata(void **unused)
{
	struct err e;
	is_paired = true;
	start(0);
	WAIT_FOR(!shipper_trouble(s, NULL));
	for (int i = 1; i <= 3; i++)
		rd_kafka_mock_broker_set_down(mock.cluster, i);
	WAIT_FOR(shipper_trouble(s, &e));
	assert_true(e.text[0]);
	for (int i = 1; i <= 3; i++)
		rd_kafka_mock_broker_set_up(mock.cluster, i);
	WAIT_FOR(!shipper_trouble(s, NULL));
	assert_int_equal(shipper_stop(s, true, &error), 0);
}

static void a_leader_that_moves_costs_nothing(void **unused)
{
	rd_kafka_mock_partition_set_leader(mock.cluster, "one", 0, 1);
	start(0);
	for (int i = 0; i < 6; i++) {
		make(5, false);
		rd_kafka_mock_partition_set_leader(mock.cluster, "one", 0, 1 + (i + 1) % 3);
		pause_ms(50);
	}
	assert_int_equal(shipper_stop(s, true, &error), 0);
	expect_written(0, 30 * PER_BATCH);
	expect_topic("one", 0, 30 * PER_BATCH);
}

static void errors_that_pass_cost_nothing(void **unused)
{
	rd_kafka_mock_push_request_errors(
		mock.cluster, MOCK_PRODUCE, 5, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
		RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND);
	start(0);
	make(20, false);
	assert_int_equal(shipper_stop(s, true, &error), 0);
	expect_written(0, 20 * PER_BATCH);
	expect_topic("one", 0, 20 * PER_BATCH);
}

static void a_topic_that_is_not_there_is_an_error_before_anything_starts(void **unused)
{
	queues[1].topic = "gone";
	rd_kafka_mock_topic_set_error(mock.cluster, "gone",
				      RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_int_equal(create(0), -ENOENT);
	assert_string_equal(error.text,
			    "sink k: queue t/two: topic \"gone\" does not exist; expected it to be "
			    "made before, or create: true");
}

/* logstash-plugins/logstash-output-kafka#178: one bad topic stops everything. */
static void a_topic_that_must_not_be_written_to_does_not_stop_the_others(void **unused)
{
	start(0);
	make(2, true);
	WAIT_FOR(n_back == 2);
	rd_kafka_mock_topic_set_error(mock.cluster, "two",
				      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	rd_kafka_mock_push_request_errors(mock.cluster, MOCK_PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	make_of(1); /* the first that is sent now */
	WAIT_FOR(count(1, SHIPPER_no_topic) > 0);
	assert_true(told("topic \"two\": a record of"));
	make_of(0);
	make_of(1);
	make_of(0);
	WAIT_FOR(n_back == 6);
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_int_equal(count(0, SHIPPER_written), count(0, SHIPPER_records_in));
	assert_int_equal(count(1, SHIPPER_written) + count(1, SHIPPER_no_topic),
			 count(1, SHIPPER_records_in));
}

/* confluentinc/librdkafka#3584: the idempotent producer dies for good. */
static void a_client_that_fails_is_replaced_and_nothing_is_lost(void **unused)
{
	rd_kafka_mock_push_request_errors(mock.cluster, MOCK_INIT_PRODUCER_ID, 1,
					  RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
	start(0);
	make(10, false);
	WAIT_FOR(n_back == 10);
	assert_true(told("the client failed"));
	assert_int_equal(shipper_stop(s, true, &error), 0);
	expect_written(0, 10 * PER_BATCH);
	expect_topic("one", 0, 10 * PER_BATCH);
}

static void a_client_that_may_not_write_at_all_fails_the_sink_by_name(void **unused)
{
	rd_kafka_mock_push_request_errors(mock.cluster, MOCK_INIT_PRODUCER_ID, 1,
					  RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
	start(0);
	make(3, false);
	WAIT_FOR(shipper_failed(s));
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_non_null(strstr(error.text, "CLUSTER_AUTHORIZATION_FAILED"));
	assert_int_equal(count(0, SHIPPER_failed), 3 * PER_BATCH);
	assert_int_equal(n_back, 3);
}

/* logstash-plugins/logstash-output-kafka#178: permanent errors are retried for ever. */
static void an_error_that_does_not_pass_is_not_tried_for_ever(void **unused)
{
	rd_kafka_resp_err_t always[200];
	for (unsigned i = 0; i < 200; i++)
		always[i] = RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT;
	rd_kafka_mock_push_request_errors_array(mock.cluster, MOCK_PRODUCE, 200, always);
	start(0);
	make(1, false);
	WAIT_FOR(n_back == 1);
	assert_int_equal(count(0, SHIPPER_failed), PER_BATCH);
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_non_null(strstr(error.text, "not written"));
}

static void a_frozen_broker_does_not_hold_up_a_stop(void **unused)
{
	start(0);
	make(1, false);
	WAIT_FOR(n_back == 1);
	for (int i = 1; i <= 3; i++)
		rd_kafka_mock_broker_set_rtt(mock.cluster, i, 60000);
	make(5, false);
	WAIT_FOR(shipper_trouble(s, &error));
	assert_string_equal(error.text, "the brokers do not acknowledge what they were sent");
	assert_int_equal(shipper_stop(s, false, &error), -ECANCELED);
	assert_int_equal(count(0, SHIPPER_written), PER_BATCH);
	assert_int_equal(count(0, SHIPPER_failed), 5 * PER_BATCH);
	assert_int_equal(n_back, 6);
}

static void a_record_that_waits_longer_than_the_timeout_is_a_named_loss(void **unused)
{
	conf.timeout_ns = 1500000000;
	start(0);
	make(1, false);
	WAIT_FOR(n_back == 1);
	for (int i = 1; i <= 3; i++)
		rd_kafka_mock_broker_set_down(mock.cluster, i);
	make(2, false);
	WAIT_FOR(n_back == 3);
	assert_int_equal(count(0, SHIPPER_timed_out), 2 * PER_BATCH);
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
}

static void keys_and_ids_go_with_the_record(void **unused)
{
	queues[0].headers = true;
	start(0);
	batches[0] = batch_of(0, PER_BATCH);
	out_batch_init_marks(batches[0]);
	for (unsigned i = 0; i < PER_BATCH; i++) {
		batches[0]->marks[i] = (struct out_mark){batches[0]->mark_len, 2, 3};
		memcpy(batches[0]->mark_buf + batches[0]->mark_len, "k1id9", 5);
		batches[0]->mark_len += 5;
	}
	n_made = 1;
	assert_int_equal(shipper_stop(s, true, &error), 0);
	rd_kafka_t *rk = mock_reader(&mock);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, "one", 0)->offset = 0;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 10000);
	assert_non_null(m);
	assert_int_equal(m->key_len, 2);
	assert_memory_equal(m->key, "k1", 2);
	rd_kafka_headers_t *h;
	const void *value;
	size_t len;
	assert_int_equal(rd_kafka_message_headers(m, &h), 0);
	assert_int_equal(rd_kafka_header_get_last(h, "sluice-id", &value, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(value, "id9", 3);
	assert_int_equal(rd_kafka_header_get_last(h, "sluice-hop", &value, &len), 0);
	assert_memory_equal(value, "1", 1);
	rd_kafka_message_destroy(m);
	rd_kafka_destroy(rk);
}

static void a_topic_has_settings_of_its_own(void **unused)
{
	struct opt_pair pairs[] = {{"compression.codec", "lz4", 1, 1}};
	queues[1].properties = (struct opt_map){pairs, 1};
	make(4, true);
	start(0);
	WAIT_FOR(n_back == n_made);
	expect_written(0, 2 * PER_BATCH);
	expect_written(1, 2 * PER_BATCH);
	assert_int_equal(shipper_stop(s, true, &error), 0);
	shipper_destroy(s);
	s = NULL;
	pairs[0] = (struct opt_pair){"no.such.thing", "1", 1, 1};
	assert_int_equal(create(0), -EINVAL);
	assert_non_null(strstr(error.text, "queue t/two: properties: no.such.thing: "));
	/* It is heeded: an idempotent producer cannot do with fewer acknowledgements. */
	pairs[0] = (struct opt_pair){"request.required.acks", "1", 1, 1};
	assert_int_equal(create(0), -EINVAL);
	assert_non_null(strstr(error.text, "topic \"two\" of queue t/two: "));
}

static void a_setting_that_cannot_be_is_named(void **unused)
{
	struct opt_pair pairs[] = {{"no.such.thing", "1", 1, 1}};
	conf.properties = (struct opt_map){pairs, 1};
	assert_int_equal(create(0), -EINVAL);
	assert_non_null(strstr(error.text, "no.such.thing"));
	pairs[0] = (struct opt_pair){"sasl.password", "hunter2", 1, 1};
	assert_int_equal(create(0), -EINVAL);
	assert_string_equal(error.text, "sink k: properties: sasl.password: expected the option "
					"password in its place");
	/* librdkafka would wait for who writes to it. */
	char *dir = dir_make(), pipe[600];
	snprintf(pipe, sizeof(pipe), "%s/pipe", dir);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	pairs[0] = (struct opt_pair){"ssl.key.location", pipe, 1, 1};
	assert_int_equal(create(0), -ENOTSUP);
	assert_non_null(strstr(error.text, "sink k: properties: ssl.key.location: "));
	assert_non_null(strstr(error.text, "/pipe: no regular file"));
	dir_remove(dir);
	conf.properties.n = 0;
	conf.acks = 1;
	assert_int_equal(create(0), -EINVAL);
	assert_string_equal(error.text,
			    "sink k: acks: leader: expected all, or idempotence: false");
	conf.acks = 0;
	conf.password = "env:SLUICE_TEST_NO_SUCH_VARIABLE";
	assert_int_equal(create(0), -ENOENT);
	assert_string_equal(
		error.text,
		"sink k: password: the environment has no SLUICE_TEST_NO_SUCH_VARIABLE");
	conf.password = "file:/nonexistent/secret";
	assert_int_equal(create(0), -ENOENT);
	conf.password = NULL;
	broker_list[0] = "";
	assert_true(create(0) < 0);
}

static void a_port_of_a_broker_that_is_none_is_refused_before_anything_connects(void **unused)
{
	static const char *const bad[] = {
		"x:99999", "x:0", "x:", "x:9a", "SSL://x:65536", "[::1]:0"};
	static const char *const good[] = {"x",     "x:65535",    "SSL://x:1",
					   "[::1]", "[::1]:9092", "::1"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rd_kafka_conf_t *made = NULL;
		broker_list[0] = bad[i];
		assert_int_equal(kafka_conf_make(&conf, 0, &made, &error), -EINVAL);
		assert_non_null(strstr(error.text, "expected HOST:PORT, a port from 1 to 65535"));
		broker_list[0] = good[i];
		assert_int_equal(kafka_conf_make(&conf, 0, &made, &error), 0);
		rd_kafka_conf_destroy(made);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_is_written_when_the_broker_has_acknowledged_it),
		TEST(queues_have_topics_of_their_own),
		TEST(a_topic_has_settings_of_its_own),
		TEST(records_are_packed_up_to_the_number_and_the_size_of_a_message),
		TEST(of_a_refused_batch_only_the_message_that_is_too_large_is_lost),
		TEST(a_record_beyond_the_limit_is_told_with_its_size_and_the_others_go),
		TEST(brokers_that_are_away_are_told_of_and_waited_for),
		TEST(the_client_sends_from_the_batch_that_the_worker_filled),
		TEST(a_sink_of_a_pair_that_has_nothing_to_do_is_ill_without_metadata),
		TEST(a_leader_that_moves_costs_nothing),
		TEST(errors_that_pass_cost_nothing),
		TEST(a_topic_that_is_not_there_is_an_error_before_anything_starts),
		TEST(a_topic_that_must_not_be_written_to_does_not_stop_the_others),
		TEST(a_client_that_fails_is_replaced_and_nothing_is_lost),
		TEST(a_client_that_may_not_write_at_all_fails_the_sink_by_name),
		TEST(an_error_that_does_not_pass_is_not_tried_for_ever),
		TEST(a_frozen_broker_does_not_hold_up_a_stop),
		TEST(a_record_that_waits_longer_than_the_timeout_is_a_named_loss),
		TEST(keys_and_ids_go_with_the_record),
		TEST(a_setting_that_cannot_be_is_named),
		TEST(a_port_of_a_broker_that_is_none_is_refused_before_anything_connects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
