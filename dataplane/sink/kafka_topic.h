/* kafka_topic.h - is a topic there, and making it.
 *
 * In:     a producer, the name of a topic.
 * Out:    what the brokers say of it.
 * Owns:   nothing.
 * Runs:   main, sink thread: each call waits for the brokers, for its timeout at most.
 * Limits: -
 */
#ifndef SL_SINK_KAFKA_TOPIC_H
#define SL_SINK_KAFKA_TOPIC_H

#include <librdkafka/rdkafka.h>

#include "dataplane/base/err.h"
#include "dataplane/sink/sink.h"

#define KAFKA_TOPIC_BYTES_MAX 249

/* The handle of @q's topic, with the queue's own properties; the caller destroys it. 0, or -EINVAL
 * with a text that names the property or the topic. Asks no broker.
 */
int kafka_topic_open(rd_kafka_t *rk, const struct sink_queue *q, rd_kafka_topic_t **ret_rkt,
		     struct err *e);

/* 0: it is there. -ENOENT: it is not. -EACCES: it must not be seen or written to. -EINVAL: it can
 * have no such name. -EAGAIN: no broker has answered. All but 0 with a text that names the topic.
 */
int kafka_topic_look(rd_kafka_t *rk, rd_kafka_topic_t *rkt, int timeout_ms, struct err *e);

/* max.message.bytes of the topic: what a batch of the client's may have. 0: not to be learned. */
uint32_t kafka_topic_bytes_max(rd_kafka_t *rk, const char *topic, int timeout_ms);

/* 0 when it was made, or was there; -EAGAIN when it can be tried again, else -EINVAL, with a text.
 * @partitions, @replication 0: as the brokers have it.
 */
int kafka_topic_make(rd_kafka_t *rk, const char *topic, unsigned partitions, unsigned replication,
		     int timeout_ms, struct err *e);

#endif
