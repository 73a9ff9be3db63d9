/* What does a record cost on its way through the Kafka sink?
 *
 *     bench_sink_kafka [FILE [BROKERS TOPIC [PACK [COMPRESSION]]]]
 *
 * FILE has a record a line (default: 200 bytes each, made here); 1,000,000 records go through the
 * shipper's thread in batches of 256 KiB to the topic, and each must be acknowledged. Without
 * brokers the peer is librdkafka's mock cluster in this process: its time counts too.
 * perf/sink_kafka.py runs it beside kcat and librdkafka's own program, on the same records.
 */
#include "perf/bench.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdatomic.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/kafka_conf.h"
#include "dataplane/sink/shipper.h"
#include "dataplane/sink/sinks.h"

#define N_RECS    1000000u
#define N_BATCHES 8
#define ROUNDS    5

static struct out_batch batches[N_BATCHES];
static bool is_free[N_BATCHES]; /* of the sink's thread only */
static uint32_t n_full[N_BATCHES];
static unsigned next_batch;
static atomic_uint n_left; /* records that were not taken yet */

/* The sink's thread plays the workers, too: a batch that came back is ready again. */
static struct out_batch *take(void *ctx)
{
	struct out_batch *b = &batches[next_batch];
	if (n_left == 0 || !is_free[next_batch])
		return NULL;
	is_free[next_batch] = false;
	next_batch = (next_batch + 1) % N_BATCHES;
	if (n_left < b->n_recs)
		b->n_recs = n_left;
	n_left -= b->n_recs;
	return b;
}

static void give_back(void *ctx, struct out_batch *b, const struct shipper_outcome *o)
{
	is_free[b - batches] = true;
}

/* Fills the batches with the lines of @text, over and over. */
static void fill_batches(const char *text, size_t len)
{
	size_t at = 0;
	for (unsigned i = 0; i < N_BATCHES; i++) {
		struct out_batch *b = &batches[i];
		bench_must(out_batch_init(b, OUT_BATCH_BYTES + 65536) == 0, "no memory");
		while (b->len < OUT_BATCH_BYTES && b->n_recs < OUT_BATCH_RECS_MAX) {
			const char *end = memchr(text + at, '\n', len - at);
			size_t n = end ? (size_t)(end - text) - at + 1 : 0;
			bench_must(n > 0 && n < 65536, "a record a line, below 64 KiB each");
			memcpy(b->buf + b->len, text + at, n);
			b->len += n;
			b->ends[b->n_recs++] = (uint32_t)b->len;
			at = at + n < len ? at + n : 0;
		}
		n_full[i] = b->n_recs;
	}
}

static void fill_from(const char *path)
{
	static char text[64 << 20];
	size_t len = 0;
	FILE *f = path ? fopen(path, "rb") : NULL;
	bench_must(!path || f, "the file cannot be read");
	if (f) {
		len = fread(text, 1, sizeof(text), f);
		fclose(f);
	} else {
		for (unsigned i = 0; i < 10000; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"{\"n\":%07u,\"pad\":\"%0178u\"}\n", i, i);
	}
	fill_batches(text, len);
}

/* Seconds, and the processor's, until all is acknowledged. */
static void run_once(const struct kafka_conf *conf, const struct sink_queue *queue, double *ret_s,
		     double *ret_cpu_s)
{
	struct err e;
	struct shipper *s;
	uint64_t row[SHIPPER_N_COLS];
	for (unsigned i = 0; i < N_BATCHES; i++) {
		is_free[i] = true;
		batches[i].n_recs = n_full[i]; /* the last of a round was cut */
	}
	next_batch = 0;
	n_left = N_RECS;
	const struct shipper_spec spec = {.name = "bench",
					  .ops = &sink_kafka,
					  .conf = conf,
					  .n_queues = 1,
					  .queues = queue,
					  .take = take,
					  .give_back = give_back};
	if (shipper_create(&spec, &s, &e) < 0) {
		fprintf(stderr, "bench: %s\n", e.text);
		exit(1);
	}
	double from = bench_now(), cpu = bench_cpu();
	bench_must(shipper_start(s, &e) == 0, "no thread");
	while (n_left)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	bench_must(shipper_stop(s, true, &e) == 0, "the sink failed");
	*ret_s = bench_now() - from;
	*ret_cpu_s = bench_cpu() - cpu;
	shipper_row(s, 0, row);
	bench_must(row[SHIPPER_written] == N_RECS, "not all were written");
	shipper_destroy(s);
}

static int choice_of(const char *name)
{
	for (const struct opt *o = kafka_opts; o->name; o++)
		for (int i = 0; strcmp(o->name, "compression") == 0 && o->choices[i]; i++)
			if (strcmp(o->choices[i], name) == 0)
				return i;
	bench_must(false, "no such compression");
	return 0;
}

int main(int argc, char **argv)
{
	bench_about(
		argc, argv, 5,
		"bench_sink_kafka [FILE [BROKERS TOPIC [PACK [COMPRESSION]]]]: records a second "
		"through the Kafka sink; BROKERS `mock`: librdkafka's own");
	char text[256];
	bool real = argc > 3 && strcmp(argv[2], "mock") != 0;
	const char *brokers[1];
	double s[ROUNDS], cpu[ROUNDS];
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, text, sizeof(text));
	rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(rk, 1);
	brokers[0] = real ? argv[2] : rd_kafka_mock_cluster_bootstraps(mock);
	struct kafka_conf conf = {.brokers = {brokers, 1},
				  .client_id = "bench",
				  .idempotence = true,
				  .linger_ns = 5000000,
				  .message_bytes_max = 1000000,
				  .compression = argc > 5 ? choice_of(argv[5]) : 0};
	struct sink_queue queue = {.name = "bench/kafka",
				   .topic = real ? argv[3] : "bench",
				   .pack = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 1};
	rd_kafka_mock_topic_create(mock, "bench", 1, 1);
	fill_from(argc > 1 ? argv[1] : NULL);
	double warm_s, warm_cpu;
	run_once(&conf, &queue, &warm_s, &warm_cpu);
	for (unsigned i = 0; i < ROUNDS; i++)
		run_once(&conf, &queue, &s[i], &cpu[i]);
	double median = bench_median(s, ROUNDS), cpu_median = bench_median(cpu, ROUNDS);
	printf("%s, pack %u: %.0f records/s (median of %d), %.0f ns of CPU a record\n",
	       real ? "broker" : "mock (its time included)", queue.pack, N_RECS / median, ROUNDS,
	       cpu_median * 1e9 / N_RECS);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(rk);
	return 0;
}
