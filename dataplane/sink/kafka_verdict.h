/* kafka_verdict.h - what the client's errors say of a message.
 *
 * In:     an error of librdkafka's.
 * Out:    the fate of the message, where it has one.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_SINK_KAFKA_VERDICT_H
#define SL_SINK_KAFKA_VERDICT_H

#include <librdkafka/rdkafka.h>

#include "dataplane/sink/sink.h"

struct kafka_verdict {
	rd_kafka_resp_err_t code;
	uint8_t fate;
	bool neighbours; /* all messages of a batch have this error, if one deserves it */
};

/* NULL: the message is to be sent again. */
const struct kafka_verdict *kafka_verdict(rd_kafka_resp_err_t code);

#endif
