#include "dataplane/sink/kafka_topic.h"

#include <string.h>

#include "dataplane/base/text.h"

static int look_failed(rd_kafka_resp_err_t code, const char *topic, struct err *e)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE: /* just made */
		return 0;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		return err_set(e, -ENOENT, "topic \"%s\" does not exist", topic);
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		return err_set(e, -EACCES, "topic \"%s\": this client is not allowed to see it",
			       topic);
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		return err_set(e, -EINVAL, "topic \"%s\": no topic can be called so", topic);
	default:
		return err_set(e, -EAGAIN, "topic \"%s\": %s", topic, rd_kafka_err2str(code));
	}
}

int kafka_topic_open(rd_kafka_t *rk, const struct sink_queue *q, rd_kafka_topic_t **ret_rkt,
		     struct err *e)
{
	char text[400];
	rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(rk);
	for (size_t i = 0; i < q->properties.n; i++) {
		const struct opt_pair *p = &q->properties.items[i];
		if (rd_kafka_topic_conf_set(conf, p->key, p->value, text, sizeof(text)) ==
		    RD_KAFKA_CONF_OK)
			continue;
		rd_kafka_topic_conf_destroy(conf);
		return err_set(e, -EINVAL, "queue %s: properties: %s: %s", q->name, p->key, text);
	}
	*ret_rkt = rd_kafka_topic_new(rk, q->topic, conf); /* frees it, also when it fails */
	if (*ret_rkt)
		return 0;
	return err_set(e, -EINVAL, "topic \"%s\" of queue %s: %s", q->topic, q->name,
		       rd_kafka_err2str(rd_kafka_last_error()));
}

int kafka_topic_look(rd_kafka_t *rk, rd_kafka_topic_t *rkt, int timeout_ms, struct err *e)
{
	const struct rd_kafka_metadata *md;
	const char *topic = rd_kafka_topic_name(rkt);
	rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, rkt, &md, timeout_ms);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		err_set(e, -EAGAIN, "topic \"%s\": no broker has answered in %d ms: %s", topic,
			timeout_ms, rd_kafka_err2str(code));
		return -EAGAIN;
	}
	code = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
	rd_kafka_metadata_destroy(md);
	return look_failed(code, topic, e);
}

static uint32_t limit_of(rd_kafka_event_t *ev)
{
	size_t n = 0, n_entries = 0;
	uint64_t bytes;
	const rd_kafka_ConfigResource_t **all = rd_kafka_DescribeConfigs_result_resources(
		rd_kafka_event_DescribeConfigs_result(ev), &n);
	if (n != 1 || rd_kafka_ConfigResource_error(all[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	const rd_kafka_ConfigEntry_t **entries =
		rd_kafka_ConfigResource_configs(all[0], &n_entries);
	for (size_t i = 0; i < n_entries; i++) {
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);
		if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "max.message.bytes") == 0 &&
		    value && text_u64(slice_str(value), &bytes) && bytes <= INT32_MAX)
			return (uint32_t)bytes;
	}
	return 0;
}

uint32_t kafka_topic_bytes_max(rd_kafka_t *rk, const char *topic, int timeout_ms)
{
	rd_kafka_ConfigResource_t *what =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
	rd_kafka_AdminOptions_t *o =
		rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_AdminOptions_set_request_timeout(o, timeout_ms, NULL, 0);
	rd_kafka_DescribeConfigs(rk, &what, 1, o, answers);
	rd_kafka_event_t *ev = rd_kafka_queue_poll(answers, timeout_ms + 500);
	uint32_t bytes = 0;
	if (ev && rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR_NO_ERROR)
		bytes = limit_of(ev);
	if (ev)
		rd_kafka_event_destroy(ev);
	rd_kafka_AdminOptions_destroy(o);
	rd_kafka_queue_destroy(answers);
	rd_kafka_ConfigResource_destroy(what);
	return bytes;
}

static int make_failed(rd_kafka_resp_err_t code, const char *topic, const char *text, struct err *e)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
	case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
		return 0;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
	case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
		return err_set(e, -EINVAL, "topic \"%s\" cannot be made: %s", topic,
			       text ? text : rd_kafka_err2str(code));
	default:
		return err_set(e, -EAGAIN, "topic \"%s\" is not made yet: %s", topic,
			       text ? text : rd_kafka_err2str(code));
	}
}

static int result_of(rd_kafka_event_t *ev, const char *topic, struct err *e)
{
	size_t n = 0;
	if (!ev)
		return make_failed(RD_KAFKA_RESP_ERR__TIMED_OUT, topic, NULL, e);
	if (rd_kafka_event_error(ev) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return make_failed(rd_kafka_event_error(ev), topic, rd_kafka_event_error_string(ev),
				   e);
	const rd_kafka_topic_result_t **all =
		rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &n);
	if (n != 1)
		return make_failed(RD_KAFKA_RESP_ERR__BAD_MSG, topic, NULL, e);
	return make_failed(rd_kafka_topic_result_error(all[0]), topic,
			   rd_kafka_topic_result_error_string(all[0]), e);
}

int kafka_topic_make(rd_kafka_t *rk, const char *topic, unsigned partitions, unsigned replication,
		     int timeout_ms, struct err *e)
{
	char text[256];
	rd_kafka_NewTopic_t *t =
		rd_kafka_NewTopic_new(topic, partitions ? (int)partitions : -1,
				      replication ? (int)replication : -1, text, sizeof(text));
	if (!t)
		return err_set(e, -EINVAL, "topic \"%s\" cannot be made: %s", topic, text);
	rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
	rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_AdminOptions_set_request_timeout(o, timeout_ms, NULL, 0);
	rd_kafka_AdminOptions_set_operation_timeout(o, timeout_ms, NULL, 0);
	rd_kafka_CreateTopics(rk, &t, 1, o, answers);
	rd_kafka_event_t *ev = rd_kafka_queue_poll(answers, timeout_ms + 500);
	int rc = result_of(ev, topic, e);
	if (ev)
		rd_kafka_event_destroy(ev);
	rd_kafka_AdminOptions_destroy(o);
	rd_kafka_queue_destroy(answers);
	rd_kafka_NewTopic_destroy(t);
	return rc;
}
