#include "dataplane/sink/kafka_conf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/regular.h"
#include "dataplane/base/slice.h"
#include "dataplane/sink/secret.h"

#define NS_PER_MS 1000000u

static const char *const acks_names[] = {"all", "leader", "none", NULL};
static const char *const compressions[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};

const struct opt kafka_opts[] = {
	{.name = "brokers",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct kafka_conf, brokers),
	 .required = true,
	 .live = true,
	 .help = "Brokers to begin with, host:port: one, or a list; the others are found through "
		 "them."},
	{.name = "client_id",
	 .type = OPT_STRING,
	 .off = offsetof(struct kafka_conf, client_id),
	 .def = "sluice",
	 .live = true,
	 .help = "What brokers call this client in their logs and quotas."},
	{.name = "idempotence",
	 .type = OPT_BOOL,
	 .off = offsetof(struct kafka_conf, idempotence),
	 .def = "true",
	 .live = true,
	 .help = "The broker drops what the client sends twice, and keeps the order of what it "
		 "sends again. Needs acks: all."},
	{.name = "acks",
	 .type = OPT_ENUM,
	 .off = offsetof(struct kafka_conf, acks),
	 .choices = acks_names,
	 .def = "all",
	 .live = true,
	 .help = "When a record is written: all replicas that are in sync have it, the leader has "
		 "it, or (none) it was sent."},
	{.name = "compression",
	 .type = OPT_ENUM,
	 .off = offsetof(struct kafka_conf, compression),
	 .choices = compressions,
	 .def = "none",
	 .live = true,
	 .help = "How the client compresses its batches."},
	{.name = "linger",
	 .type = OPT_DURATION,
	 .off = offsetof(struct kafka_conf, linger_ns),
	 .max = 900000ll * NS_PER_MS,
	 .def = "5ms",
	 .live = true,
	 .help = "A message waits so long for others, to go with them."},
	{.name = "message_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct kafka_conf, message_bytes_max),
	 .min = 1000,
	 .max = 1000000000,
	 .def = "1000000",
	 .live = true,
	 .help = "A larger record is a loss, too_large. The broker and the topic have limits of "
		 "their own (message.max.bytes, max.message.bytes)."},
	{.name = "timeout",
	 .type = OPT_DURATION,
	 .off = offsetof(struct kafka_conf, timeout_ns),
	 .max = 86400000ll * NS_PER_MS,
	 .def = "0",
	 .live = true,
	 .help = "A record that is not acknowledged for so long is a loss, timed_out. 0: it is "
		 "kept until it is; a live port sheds what comes meanwhile, and a replay waits."},
	{.name = "create",
	 .type = OPT_BOOL,
	 .off = offsetof(struct kafka_conf, create),
	 .def = "false",
	 .live = true,
	 .help = "Topics that do not exist are made. Else a topic that does not exist is an "
		 "error."},
	{.name = "replication",
	 .type = OPT_INT,
	 .off = offsetof(struct kafka_conf, replication),
	 .max = 100,
	 .def = "0",
	 .live = true,
	 .help = "Replicas of a topic that is made. 0: as the brokers have it."},
	{.name = "password",
	 .type = OPT_SECRET,
	 .off = offsetof(struct kafka_conf, password),
	 .live = true,
	 .help = "For SASL: env:NAME or file:PATH, or the password itself. The rest of SASL and "
		 "TLS is in properties."},
	{.name = "key_password",
	 .type = OPT_SECRET,
	 .off = offsetof(struct kafka_conf, key_password),
	 .live = true,
	 .help = "Of the private key or key store of TLS: as password."},
	{.name = "properties",
	 .type = OPT_MAP,
	 .off = offsetof(struct kafka_conf, properties),
	 .live = true,
	 .help = "Any other setting of librdkafka, by its name there: security.protocol, "
		 "sasl.mechanism, ssl.ca.location."},
	OPT_END};

struct making {
	rd_kafka_conf_t *conf;
	struct err *e;
	int rc;
};

static void set(struct making *m, const char *name, const char *value)
{
	char text[400];
	if (m->rc == 0 &&
	    rd_kafka_conf_set(m->conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		m->rc = err_set(m->e, -EINVAL, "%s: %s", name, text);
}

static void set_number(struct making *m, const char *name, uint64_t n)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRIu64, n);
	set(m, name, text);
}

/* HOST, HOST:PORT or PROTOCOL://HOST:PORT. librdkafka finds a port that is none out when it
 * connects, and goes on trying. An address of IPv6 has a port only behind its brackets.
 */
static bool has_port_or_none(const char *broker)
{
	const char *scheme = strstr(broker, "://"), *host = scheme ? scheme + 3 : broker;
	const char *colon = strrchr(host, ':');
	bool bare = colon && *host != '[' && strchr(host, ':') != colon;
	if (!colon || bare || strchr(colon, ']'))
		return true;
	unsigned port = 0;
	const char *p = colon + 1;
	for (; *p >= '0' && *p <= '9' && port < 65536; p++)
		port = port * 10 + (unsigned)(*p - '0');
	return *p == '\0' && port > 0 && port < 65536;
}

static void set_brokers(struct making *m, const struct opt_strings *brokers)
{
	char list[8192];
	size_t n = 0;
	for (size_t i = 0; i < brokers->n && n < sizeof(list); i++) {
		if (!strchr(brokers->items[i], ',') && !has_port_or_none(brokers->items[i]))
			m->rc = err_set(m->e, -EINVAL,
					"brokers: %s: expected HOST:PORT, a port from 1 to 65535",
					brokers->items[i]);
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? "," : "",
				      brokers->items[i]);
	}
	if (n >= sizeof(list))
		m->rc = err_set(m->e, -EINVAL, "brokers: too many");
	else if (n == 0)
		m->rc = err_set(m->e, -EINVAL, "brokers: there is none");
	else
		set(m, "bootstrap.servers", list);
}

/* A text of librdkafka's about a secret may hold it: ours names the option only. */
static void set_secret(struct making *m, const char *option, const char *name, const char *value)
{
	char text[SECRET_BYTES_MAX];
	if (m->rc < 0 || !value)
		return;
	m->rc = secret_read(option, value, text, m->e);
	if (m->rc < 0)
		return;
	if (rd_kafka_conf_set(m->conf, name, text, NULL, 0) != RD_KAFKA_CONF_OK)
		m->rc = err_set(m->e, -EINVAL, "%s: librdkafka does not take it", option);
	explicit_bzero(text, sizeof(text));
}

/* Names that have an option of their own, which they would contradict, and what is told in clear
 * text only to those who may read everything.
 */
static const struct {
	const char *property, *option;
} owned[] = {
	{"sasl.password", "password"},
	{"ssl.key.password", "key_password"},
	{"ssl.keystore.password", "key_password"},
	{"bootstrap.servers", "brokers"},
	{"metadata.broker.list", "brokers"},
	{"enable.idempotence", "idempotence"},
	{"acks", "acks"},
	{"request.required.acks", "acks"},
	{"compression.codec", "compression"},
	{"compression.type", "compression"},
	{"linger.ms", "linger"},
	{"queue.buffering.max.ms", "linger"},
	{"message.max.bytes", "message_bytes_max"},
	{"message.timeout.ms", "timeout"},
	{"delivery.timeout.ms", "timeout"},
	{"client.id", "client_id"},
	{"ssl.key.pem", "properties ssl.key.location"},
	{"sasl.oauthbearer.client.secret", "properties sasl.oauthbearer.config"},
	{"transactional.id", "idempotence"},
	{"enable.gapless.guarantee", "idempotence"},
};

/* librdkafka opens keys and certificates by itself, and waits for who writes to a pipe. */
static void keep_from_pipes(struct making *m, const char *property, const char *value)
{
	struct slice name = slice_str(property), end = SLICE_LIT(".location");
	if (m->rc == 0 && name.len > end.len &&
	    slice_eq(slice_from(name, name.len - end.len), end) && regular_may_block(value))
		m->rc = err_set(m->e, -ENOTSUP, "properties: %s: %s: %s", property, value,
				regular_why(-ENOTSUP));
}

static void set_properties(struct making *m, const struct opt_map *map)
{
	for (size_t i = 0; m->rc == 0 && i < map->n; i++) {
		for (size_t k = 0; k < sizeof(owned) / sizeof(owned[0]); k++)
			if (strcmp(map->items[i].key, owned[k].property) == 0)
				m->rc = err_set(m->e, -EINVAL,
						"properties: %s: expected the option %s in its "
						"place",
						map->items[i].key, owned[k].option);
		keep_from_pipes(m, map->items[i].key, map->items[i].value);
		set(m, map->items[i].key, map->items[i].value);
	}
}

/* What the sink is built on. Properties come behind and may change it, but for `owned`. */
static void set_basis(struct making *m)
{
	/* The batches that a worker can have out are the bound; this one is never the smaller. */
	set(m, "queue.buffering.max.messages", "1000000");
	set(m, "queue.buffering.max.kbytes", "2000000");
	set(m, "partitioner", "murmur2_random"); /* as Java's: a key has one partition for all */
	set(m, "allow.auto.create.topics", "false");
	set(m, "topic.metadata.propagation.max.ms", "5000");
	set(m, "topic.metadata.refresh.interval.ms", "10000"); /* a topic that is back is seen */
	set(m, "socket.timeout.ms", "10000");
	set(m, "reconnect.backoff.max.ms", "2000");
	set(m, "log.connection.close", "false");
	set(m, "socket.keepalive.enable", "true");
}

int kafka_conf_make(const struct kafka_conf *c, uint32_t batch_bytes_max,
		    rd_kafka_conf_t **ret_conf, struct err *e)
{
	static const char *const acks[] = {"all", "1", "0"};
	struct making m = {.conf = rd_kafka_conf_new(), .e = e};
	set_basis(&m);
	set_brokers(&m, &c->brokers);
	set(&m, "client.id", c->client_id);
	if (c->idempotence && c->acks != 0)
		m.rc = err_set(e, -EINVAL, "acks: %s: expected all, or idempotence: false",
			       acks_names[c->acks]);
	set(&m, "enable.idempotence", c->idempotence ? "true" : "false");
	set(&m, "acks", acks[c->acks]);
	set(&m, "compression.codec", compressions[c->compression]);
	set_number(&m, "linger.ms", c->linger_ns / NS_PER_MS);
	set_number(&m, "message.max.bytes", c->message_bytes_max);
	set_number(&m, "message.timeout.ms", c->timeout_ns / NS_PER_MS);
	if (batch_bytes_max)
		set_number(&m, "batch.size", batch_bytes_max);
	if (!c->idempotence) /* or what is sent again would come behind what was not */
		set(&m, "max.in.flight.requests.per.connection", "1");
	set_properties(&m, &c->properties);
	set_secret(&m, "password", "sasl.password", c->password);
	set_secret(&m, "key_password", "ssl.key.password", c->key_password);
	if (m.rc < 0)
		rd_kafka_conf_destroy(m.conf);
	else
		*ret_conf = m.conf;
	return m.rc;
}
