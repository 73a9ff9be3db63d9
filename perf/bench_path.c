/* bench_path - the whole path on one worker: a 1 GiB capture of syslog held in memory.
 *
 * Question: how many nanoseconds does an event cost from packet to record, from packet to JSON, and
 * from packet to a message of Protocol Buffers?
 *
 *     bench_path [MiB of capture, default 1024] [rounds, default 5]
 *
 * Records to null: the source has no queue, so records end after extraction. To JSON and to
 * Protocol Buffers: they are encoded and handed to a sink that throws them away in its own thread.
 * All run in turns in one process; the first round is thrown away, and medians are told beside
 * minimum and maximum.
 */
#include <inttypes.h>
#include <unistd.h>

#include "perf/bench_run.h"

static const char config_null[] = "sources: { syslog: { match: { udp: 514 }, parser: syslog },"
				  "           other: { match: { udp: 515 }, parser: syslog } }\n"
				  "sinks: { out: { \"null\": {} } }\n"
				  "queues: { bench/other: { from: other, sink: out } }\n";
static const char config_json[] = "sources: { syslog: { match: { udp: 514 }, parser: syslog } }\n"
				  "sinks: { out: { \"null\": {} } }\n"
				  "queues: { bench/out: { from: syslog, sink: out } }\n";

/* With the numbers of the fields in a directory of its own, beside no other file. */
static const char config_proto[] =
	"schema_dir: \"%s\"\n"
	"sources: { syslog: { match: { udp: 514 }, parser: syslog } }\n"
	"sinks: { out: { \"null\": {} } }\n"
	"queues: { bench/out: { from: syslog, sink: out, format: protobuf } }\n";
static const char schema[] = "queue: bench/out\n"
			     "version: 1\n"
			     "open: true\n"
			     "fields:\n"
			     "  - { number: 16, name: facility, type: text }\n"
			     "  - { number: 17, name: severity, type: text }\n"
			     "  - { number: 18, name: hostname, type: text }\n"
			     "  - { number: 19, name: appname, type: text }\n"
			     "  - { number: 20, name: procid, type: text }\n"
			     "  - { number: 21, name: msgid, type: text }\n"
			     "  - { number: 22, name: timestamp, type: timestamptz }\n"
			     "  - { number: 23, name: message, type: text }\n"
			     "  - { number: 24, name: structured_data, type: json }\n";

struct schema_dir {
	char path[64], file[128];
};

static void schema_dir_make(struct schema_dir *d)
{
	snprintf(d->path, sizeof(d->path), "/tmp/bench_path.XXXXXX");
	bench_must(mkdtemp(d->path) != NULL, "no directory for the schema");
	snprintf(d->file, sizeof(d->file), "%s/bench.out.schema.yaml", d->path);
	FILE *f = fopen(d->file, "w");
	bool written = f && fputs(schema, f) >= 0;
	bench_must(f && fclose(f) == 0 && written, "cannot write the schema");
}

static void schema_dir_remove(const struct schema_dir *d)
{
	unlink(d->file);
	rmdir(d->path);
}

enum { TO_RECORD, TO_JSON, TO_PROTO, N_ENDS };

static const char *const ends[N_ENDS] = {"packet to record", "packet to JSON",
					 "packet to Protocol Buffers"};

/* What runs inside of worker_run is counted, once a topology: there is nothing to warm up but the
 * memory.
 */
static void count(const char *const configs[N_ENDS], const struct bench_capture *c)
{
	for (unsigned k = 0; k < N_ENDS; k++) {
		bench_run(configs[k], c);
		printf("count\t%s\t%" PRIu64 "\n", ends[k], c->n);
	}
}

static void measure(const char *const configs[N_ENDS], const struct bench_capture *c,
		    unsigned rounds)
{
	double s[N_ENDS][BENCH_ROUNDS_MAX];
	if (rounds > BENCH_ROUNDS_MAX - 1)
		rounds = BENCH_ROUNDS_MAX - 1;
	for (unsigned i = 0; i < rounds + 1; i++)
		for (unsigned k = 0; k < N_ENDS; k++) /* the first round warms memory up */
			s[k][i ? i - 1 : 0] = bench_run(configs[k], c);
	printf("%" PRIu64 " events, %.1f bytes a packet\n", c->n, (double)c->len / (double)c->n);
	for (unsigned k = 0; k < N_ENDS; k++)
		bench_print(ends[k], s[k], rounds, (double)c->n);
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 2,
		    "bench_path [MiB of capture, 1024] [rounds, 5] - what does an event cost from "
		    "packet to record, to JSON and to Protocol Buffers, on one worker?");
	struct schema_dir dir;
	schema_dir_make(&dir);
	char proto[512];
	snprintf(proto, sizeof(proto), config_proto, dir.path);
	const char *const configs[N_ENDS] = {config_null, config_json, proto};
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
	struct bench_capture c = bench_capture_make(mib << 20, UINT64_MAX, 514, 1);
	if (bench_counts())
		count(configs, &c);
	else
		measure(configs, &c, argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5);
	bench_capture_free(&c);
	schema_dir_remove(&dir);
	return 0;
}
