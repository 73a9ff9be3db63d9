/* bench_scale_streams - what does an event cost with 1 to 10,000 streams? Each stream is a source
 * with a port of its own and a queue; events go to all in turns, to JSON.
 *
 *     bench_scale_streams [events, default 262144]
 *
 * Turn by turn through all of them is the worst order for caches; and the first records of a stream
 * take its memory, which the fewer pay for the more streams there are: 26 events each of 10,000.
 * Sessions are as few as can be, one a stream: bench_scale_sessions is about them.
 */
#include "perf/bench_run.h"
#include "perf/bench_scale.h"

#define STREAMS_MAX 10000
#define COUNTED_MAX 100 /* valgrind has no addresses for the batches of more */
#define PORT        10000

static char *make_config(unsigned n)
{
	size_t cap = 256 + (size_t)n * 160, at = 0;
	char *text = malloc(cap);
	bench_must(text != NULL, "no memory");
	at += (size_t)snprintf(text + at, cap - at, "sources:\n");
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, cap - at,
				       "  s%u: { match: { udp: %u }, parser: syslog }\n", i,
				       PORT + i);
	at += (size_t)snprintf(text + at, cap - at, "sinks: { out: { \"null\": {} } }\nqueues:\n");
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, cap - at,
				       "  bench/q%u: { from: s%u, sink: out }\n", i, i);
	return text;
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 1,
		    "bench_scale_streams [events, 262144] - ns an event for 1 to 10,000 streams");
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 262144;
	scale_head("streams");
	unsigned max = bench_counts() ? COUNTED_MAX : STREAMS_MAX;
	for (unsigned x = 1; x <= max; x *= 10) {
		struct bench_capture c = bench_capture_make(n * 300, n, PORT, x);
		char *text = make_config(x);
		double s[SCALE_ROUNDS + 1];
		unsigned rounds = bench_counts() ? 1 : SCALE_ROUNDS + 1;
		for (unsigned i = 0; i < rounds; i++)
			s[i] = bench_run(text, &c);
		if (bench_counts())
			printf("count\t%u\t%llu\n", x, (unsigned long long)c.n);
		else
			scale_row(x, s + 1, (double)c.n);
		free(text);
		bench_capture_free(&c);
	}
	return 0;
}
