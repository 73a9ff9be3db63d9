#include "dataplane/sink/kafka_verdict.h"

static const struct kafka_verdict verdicts[] = {
	{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, SINK_TOO_LARGE, true},
	{RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, SINK_TOO_LARGE, true},
	{RD_KAFKA_RESP_ERR_INVALID_RECORD, SINK_REJECTED, true},
	{RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, SINK_REJECTED, true},
	{RD_KAFKA_RESP_ERR_INVALID_MSG, SINK_REJECTED, true},
	{RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, SINK_TIMED_OUT, false},
	{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, SINK_NO_TOPIC, false},
	{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, SINK_NO_TOPIC, false},
	{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, SINK_NO_TOPIC, false},
	{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, SINK_NO_TOPIC, false},
	{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, SINK_NO_TOPIC, false},
};

const struct kafka_verdict *kafka_verdict(rd_kafka_resp_err_t code)
{
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (verdicts[i].code == code)
			return &verdicts[i];
	return NULL;
}
