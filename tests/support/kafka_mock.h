/* kafka_mock.h - librdkafka's mock cluster for tests of the Kafka sink, and a reader of its topics.
 *
 * In:     names of topics.
 * Out:    the values of their messages, in the order of their offsets.
 * Owns:   the cluster, until mock_fini; texts belong to the caller.
 * Runs:   main of a test; the cluster has a thread of its own.
 * Limits: failures end the test.
 */
#ifndef SL_TESTS_SUPPORT_KAFKA_MOCK_H
#define SL_TESTS_SUPPORT_KAFKA_MOCK_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "tests/support/sink_peer.h"

/* Numbers of the protocol's requests. */
enum { MOCK_PRODUCE = 0, MOCK_INIT_PRODUCER_ID = 22 };

struct mock {
	rd_kafka_t *rk; /* what the cluster hangs on */
	rd_kafka_mock_cluster_t *cluster;
	const char *brokers;
};

static inline void mock_init(struct mock *m, int n_brokers)
{
	char text[256];
	m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, text, sizeof(text));
	assert_non_null(m->rk);
	m->cluster = rd_kafka_mock_cluster_new(m->rk, n_brokers);
	assert_non_null(m->cluster);
	m->brokers = rd_kafka_mock_cluster_bootstraps(m->cluster);
}

static inline void mock_fini(struct mock *m)
{
	if (m->cluster)
		rd_kafka_mock_cluster_destroy(m->cluster);
	if (m->rk)
		rd_kafka_destroy(m->rk);
	*m = (struct mock){0};
}

static inline rd_kafka_t *mock_reader(const struct mock *m)
{
	char text[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set(conf, "bootstrap.servers", m->brokers, text, sizeof(text));
	rd_kafka_conf_set(conf, "group.id", "test", text, sizeof(text));
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof(text));
	rd_kafka_conf_set(conf, "auto.offset.reset", "error", text, sizeof(text));
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	assert_non_null(rk);
	return rk;
}

static inline int64_t mock_end(rd_kafka_t *rk, const char *topic, int32_t partition)
{
	int64_t first, end;
	assert_int_equal(
		rd_kafka_query_watermark_offsets(rk, topic, partition, &first, &end, 10000), 0);
	assert_int_equal(first, 0);
	return end;
}

/* All values of one partition, each with a newline behind it; the number of messages. */
static inline struct text mock_read(const struct mock *m, const char *topic, int32_t partition,
				    unsigned *ret_n)
{
	struct text t = {0};
	rd_kafka_t *rk = mock_reader(m);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = 0;
	assert_int_equal(rd_kafka_assign(rk, list), 0);
	rd_kafka_topic_partition_list_destroy(list);
	text_append(&t, "", 0);
	*ret_n = 0;
	for (;;) {
		rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, 10000);
		assert_non_null(msg);
		bool at_end = msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
		bool end = at_end && msg->offset == mock_end(rk, topic, partition);
		if (!at_end && msg->err)
			fail_msg("%s", rd_kafka_message_errstr(msg));
		if (!at_end) {
			text_append(&t, msg->payload, msg->len);
			text_append(&t, "\n", 1);
			++*ret_n;
		}
		rd_kafka_message_destroy(msg);
		if (end)
			break;
	}
	rd_kafka_destroy(rk);
	return t;
}

#endif
