/* bench_scale_events - is the sixteenth part as dear as the first? The whole path to JSON, of 1 to
 * 16 times as many events.
 *
 *     bench_scale_events [events, default 131072]
 */
#include "perf/bench_run.h"
#include "perf/bench_scale.h"

static const char config[] = "sources: { syslog: { match: { udp: 514 }, parser: syslog } }\n"
			     "sinks: { out: { \"null\": {} } }\n"
			     "queues: { bench/out: { from: syslog, sink: out } }\n";

int main(int argc, char **argv)
{
	bench_about(argc, argv, 1,
		    "bench_scale_events [events, 131072] - ns an event for 1 to 16 times as many");
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 131072;
	scale_head("events");
	for (unsigned times = 1; times <= 16; times *= 2) {
		struct bench_capture c = bench_capture_make(n * times * 300, n * times, 514, 1);
		double s[SCALE_ROUNDS + 1];
		unsigned rounds = bench_counts() ? 1 : SCALE_ROUNDS + 1;
		for (unsigned i = 0; i < rounds; i++)
			s[i] = bench_run(config, &c);
		if (bench_counts())
			printf("count\t%llu\t%llu\n", (unsigned long long)c.n,
			       (unsigned long long)c.n);
		else
			scale_row(c.n, s + 1, (double)c.n);
		bench_capture_free(&c);
	}
	return 0;
}
