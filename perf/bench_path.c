/* bench_path - the whole path on one worker: a 1 GiB capture of syslog held in memory.
 *
 * Question: how many nanoseconds does an event cost from packet to record, from packet to JSON, and
 * from packet to a message of Protocol Buffers; and the last two with all stages: 30 rules that
 * match nothing, an enrichment from a dimension of 100,000 keys, a route?
 *
 *     bench_path [MiB of capture, default 1024] [rounds, default 5]
 *
 * Records to null: the source has no queue, so records end after extraction. To JSON and to
 * Protocol Buffers: they are encoded and handed to a sink that throws them away in its own thread.
 * All run in turns in one process; the first round is thrown away, and medians are told beside
 * minimum and maximum.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

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
static const char schema[] = "queue: bench/%s\n"
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
static const char schema_all[] = "  - { number: 25, name: rack, type: text }\n"
				 "  - { number: 26, name: team, type: text }\n";

/* @1: the directory; @2: the rules; @3: the format of both queues. */
static const char config_all[] =
	"schema_dir: \"%1$s/all\"\n"
	"dimensions:\n"
	"  host: { from: { file: { path: \"%1$s/hosts.csv\" } }, key: host,\n"
	"          fields: { rack: string, team: string } }\n"
	"sources: { syslog: { match: { udp: 514 }, parser: syslog, rules: { %2$s } } }\n"
	"pipeline:\n"
	"  rich: { op: enrich, from: syslog, dimension: host, key: hostname }\n"
	"  split: { op: route, from: rich,\n"
	"           branches: { errors: \"severity IN ('err', 'crit', 'alert', 'emerg')\" },\n"
	"           rest: other }\n"
	"sinks: { out: { \"null\": {} } }\n"
	"queues: { bench/errors: { from: split.errors, sink: out, format: %3$s },\n"
	"          bench/out: { from: split.other, sink: out, format: %3$s } }\n";
static const char *const rules[] = {
	"panic",     "oom-killer", "segfault",  "denied",       "refused",   "unreachable",
	"corrupt",   "checksum",   "deadlock",  "rollback",     "evicted",   "throttled",
	"expired",   "revoked",    "mismatch",  "truncated",    "overflow",  "underrun",
	"stalled",   "unhealthy",  "failover",  "rebalance",    "degraded",  "quarantine",
	"blacklist", "forbidden",  "malformed", "unauthorized", "exhausted", "poisoned"};

enum { TO_RECORD, TO_JSON, TO_PROTO, ALL_TO_JSON, ALL_TO_PROTO, N_ENDS };

static const char *const ends[N_ENDS] = {"packet to record", "packet to JSON",
					 "packet to Protocol Buffers", "all stages, to JSON",
					 "all stages, to Protocol Buffers"};

/* Configurations, and the files that they name. */
struct lab {
	char path[64];
	char configs[N_ENDS][4096];
};

static FILE *lab_open(const struct lab *l, const char *dir, const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s%s", l->path, dir, name);
	FILE *f = fopen(path, "w");
	bench_must(f != NULL, "cannot write into the bench's directory");
	return f;
}

static void write_schema(const struct lab *l, const char *dir, const char *queue, const char *more)
{
	char name[64];
	snprintf(name, sizeof(name), "bench.%s.schema.yaml", queue);
	FILE *f = lab_open(l, dir, name);
	fprintf(f, schema, queue);
	fputs(more, f);
	bench_must(fclose(f) == 0, "cannot write a schema");
}

/* The hosts of the capture among others. */
static void write_hosts(const struct lab *l)
{
	FILE *f = lab_open(l, "", "hosts.csv");
	fputs("host,rack,team\n", f);
	for (unsigned i = 0; i < 100000; i++)
		fprintf(f, "web-%u.example.com,r%u,team-%u\n", i, i % 40, i % 7);
	bench_must(fclose(f) == 0, "cannot write the hosts");
}

static void lab_make(struct lab *l)
{
	char list[1024] = "", path[128];
	snprintf(l->path, sizeof(l->path), "/tmp/bench_path.XXXXXX");
	bench_must(mkdtemp(l->path) != NULL, "no directory for the bench");
	snprintf(path, sizeof(path), "%s/all", l->path);
	bench_must(mkdir(path, 0700) == 0, "no directory for the bench");
	write_schema(l, "", "out", "");
	write_schema(l, "all/", "out", schema_all);
	write_schema(l, "all/", "errors", schema_all);
	write_hosts(l);
	for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "r%u: \"%s\", ", i,
			 rules[i]);
	snprintf(l->configs[TO_RECORD], sizeof(l->configs[0]), "%s", config_null);
	snprintf(l->configs[TO_JSON], sizeof(l->configs[0]), "%s", config_json);
	snprintf(l->configs[TO_PROTO], sizeof(l->configs[0]), config_proto, l->path);
	snprintf(l->configs[ALL_TO_JSON], sizeof(l->configs[0]), config_all, l->path, list, "json");
	snprintf(l->configs[ALL_TO_PROTO], sizeof(l->configs[0]), config_all, l->path, list,
		 "protobuf");
}

static void lab_remove(const struct lab *l)
{
	static const char *const made[] = {"all/bench.errors.schema.yaml",
					   "all/bench.out.schema.yaml",
					   "bench.out.schema.yaml",
					   "hosts.csv",
					   "all",
					   ""};
	char path[128];
	for (unsigned i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", l->path, made[i]);
		remove(path);
	}
}

/* What runs inside of worker_run is counted, once a topology: there is nothing to warm up but the
 * memory.
 */
static void count(const struct lab *l, const struct bench_capture *c)
{
	for (unsigned k = 0; k < N_ENDS; k++) {
		bench_run(l->configs[k], c);
		printf("count\t%s\t%" PRIu64 "\n", ends[k], c->n);
	}
}

static void measure(const struct lab *l, const struct bench_capture *c, unsigned rounds)
{
	double s[N_ENDS][BENCH_ROUNDS_MAX];
	if (rounds > BENCH_ROUNDS_MAX - 1)
		rounds = BENCH_ROUNDS_MAX - 1;
	for (unsigned i = 0; i < rounds + 1; i++)
		for (unsigned k = 0; k < N_ENDS; k++) /* the first round warms memory up */
			s[k][i ? i - 1 : 0] = bench_run(l->configs[k], c);
	printf("%" PRIu64 " events, %.1f bytes a packet\n", c->n, (double)c->len / (double)c->n);
	for (unsigned k = 0; k < N_ENDS; k++)
		bench_print(ends[k], s[k], rounds, (double)c->n);
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 2,
		    "bench_path [MiB of capture, 1024] [rounds, 5] - what does an event cost from "
		    "packet to record, to JSON and to Protocol Buffers, alone and with all "
		    "stages, on one worker?");
	struct lab lab;
	lab_make(&lab);
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
	struct bench_capture c = bench_capture_make(mib << 20, UINT64_MAX, 514, 1);
	if (bench_counts())
		count(&lab, &c);
	else
		measure(&lab, &c, argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5);
	bench_capture_free(&c);
	lab_remove(&lab);
	return 0;
}
