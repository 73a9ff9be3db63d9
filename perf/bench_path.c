/* bench_path - the whole path on one worker: a 1 GiB capture of syslog held in memory.
 *
 * Question: how many nanoseconds does an event cost from packet to record, and from packet to JSON?
 *
 *     bench_path [MiB of capture, default 1024] [rounds, default 5]
 *
 * Records to null: the source has no queue, so records end after extraction. To JSON: they are
 * encoded and handed to a sink that throws them away in its own thread. Both run in turns in one
 * process; the first round is thrown away, and medians are told beside minimum and maximum.
 */
#include <inttypes.h>

#include "perf/bench_run.h"

static const char config_null[] = "sources: { syslog: { match: { udp: 514 }, parser: syslog },"
				  "           other: { match: { udp: 515 }, parser: syslog } }\n"
				  "sinks: { out: { \"null\": {} } }\n"
				  "queues: { bench/other: { from: other, sink: out } }\n";
static const char config_json[] = "sources: { syslog: { match: { udp: 514 }, parser: syslog } }\n"
				  "sinks: { out: { \"null\": {} } }\n"
				  "queues: { bench/out: { from: syslog, sink: out } }\n";

/* What runs inside of worker_run is counted, once a topology: there is nothing to warm up but the
 * memory.
 */
static void count(const struct bench_capture *c)
{
	bench_run(config_null, c);
	printf("count\tpacket to record\t%" PRIu64 "\n", c->n);
	bench_run(config_json, c);
	printf("count\tpacket to JSON\t%" PRIu64 "\n", c->n);
}

static void measure(const struct bench_capture *c, unsigned rounds)
{
	double null_s[BENCH_ROUNDS_MAX], json_s[BENCH_ROUNDS_MAX];
	if (rounds > BENCH_ROUNDS_MAX - 1)
		rounds = BENCH_ROUNDS_MAX - 1;
	for (unsigned i = 0; i < rounds + 1; i++) {
		unsigned slot = i ? i - 1 : 0; /* the first round warms memory up */
		null_s[slot] = bench_run(config_null, c);
		json_s[slot] = bench_run(config_json, c);
	}
	printf("%" PRIu64 " events, %.1f bytes a packet\n", c->n, (double)c->len / (double)c->n);
	bench_print("packet to record (null)", null_s, rounds, (double)c->n);
	bench_print("packet to JSON (null sink)", json_s, rounds, (double)c->n);
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 2,
		    "bench_path [MiB of capture, 1024] [rounds, 5] - what does an event cost from "
		    "packet to record, and to JSON, on one worker?");
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
	struct bench_capture c = bench_capture_make(mib << 20, UINT64_MAX, 514, 1);
	if (bench_counts())
		count(&c);
	else
		measure(&c, argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5);
	bench_capture_free(&c);
	return 0;
}
