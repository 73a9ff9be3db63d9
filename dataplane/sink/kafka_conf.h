/* kafka_conf.h - options of the Kafka sink, and the client's configuration made of them.
 *
 * In:     struct kafka_conf, filled from the option table.
 * Out:    rd_kafka_conf_t, or an error that names the option.
 * Owns:   nothing; the caller owns what is made.
 * Runs:   main, sink thread.
 * Limits: a secret from a file has at most 4095 bytes.
 */
#ifndef SL_SINK_KAFKA_CONF_H
#define SL_SINK_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>

#include "dataplane/base/err.h"
#include "dataplane/base/option.h"

struct kafka_conf {
	struct opt_strings brokers;
	const char *client_id, *password, *key_password;
	bool idempotence, create;
	int acks, compression;
	uint64_t linger_ns, message_bytes_max, timeout_ns;
	int64_t replication;
	struct opt_map properties;
};

extern const struct opt kafka_opts[];

/* @batch_bytes_max: of what the client sends at once; 0: as it has it. 0, -EINVAL or -ENOENT with a
 * text. On success the configuration is the caller's to destroy. */
int kafka_conf_make(const struct kafka_conf *c, uint32_t batch_bytes_max,
		    rd_kafka_conf_t **ret_conf, struct err *e);

#endif
