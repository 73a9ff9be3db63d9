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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/config.h"
#include "ctl/eal.h"
#include "ctl/topology.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/replay.h"
#include "perf/bench.h"

static const char config_null[] = "sources: { syslog: { match: { udp: 514 }, parser: syslog },"
				  "           other: { match: { udp: 515 }, parser: syslog } }\n"
				  "sinks: { out: { \"null\": {} } }\n"
				  "queues: { bench/other: { from: other, sink: out } }\n";
static const char config_json[] = "sources: { syslog: { match: { udp: 514 }, parser: syslog } }\n"
				  "sinks: { out: { \"null\": {} } }\n"
				  "queues: { bench/out: { from: syslog, sink: out } }\n";

/* A nanosecond pcap of RFC 5424 datagrams of about 200 bytes, from 64 senders. */
static uint8_t *make_capture(size_t bytes, size_t *ret_len, uint64_t *ret_n)
{
	static const uint8_t head[24] = {0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0,
					 0,    0,    0,    0,    0, 0, 0, 4, 0, 1};
	uint8_t *p = mem_map(bytes + 4096);
	size_t at = sizeof(head);
	uint64_t n = 0;
	memcpy(p, head, sizeof(head));
	for (; at < bytes; n++) {
		char msg[512];
		int len = snprintf(
			msg, sizeof(msg),
			"<%u>1 2026-11-25T04:%02u:%02u.%06uZ web-%u.example.com nginx %u ID%u - "
			"GET /api/v1/items/%u?user=%u HTTP/1.1 status=%u bytes=%u request took "
			"%u us on shard %u; cache miss, retried",
			(unsigned)(n % 192), (unsigned)(n / 60 % 60), (unsigned)(n % 60),
			(unsigned)(n % 1000000), (unsigned)(n % 64), (unsigned)(1000 + n % 64),
			(unsigned)(n % 97), (unsigned)(n % 99991), (unsigned)(n % 7919),
			n % 50 ? 200 : 500, (unsigned)(n * 37 % 65536), (unsigned)(n % 5000),
			(unsigned)(n % 16));
		at += bench_put_udp(p + at, (uint32_t)n, 0x0a000001 + (uint32_t)(n % 64), 514, msg,
				    (size_t)len);
	}
	*ret_len = at;
	*ret_n = n;
	return p;
}

/* CPU seconds of one pass, those of the sink's thread included. */
static double run_once(const char *text, const void *capture, size_t len)
{
	struct err_list errs = {0};
	struct err e;
	struct config *c;
	struct topology *t;
	if (config_parse("bench", slice_str(text), NULL, &c, &errs) < 0) {
		err_list_print(&errs, stderr);
		exit(2);
	}
	err_list_fini(&errs);
	struct topology_input in = {.memory = slice_of(capture, len), .n_workers = 1};
	if (topology_build(c, &in, &t, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(2);
	}
	double from = bench_cpu();
	topology_run(t, false, stderr);
	double s = bench_cpu() - from;
	topology_destroy(t);
	config_free(c);
	return s;
}

/* What runs inside of worker_run is counted, once a topology: there is nothing to warm up but the
 * memory.
 */
static void count(const void *capture, size_t len, uint64_t n)
{
	run_once(config_null, capture, len);
	printf("count\tpacket to record\t%" PRIu64 "\n", n);
	run_once(config_json, capture, len);
	printf("count\tpacket to JSON\t%" PRIu64 "\n", n);
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 2,
		    "bench_path [MiB of capture, 1024] [rounds, 5] - what does an event cost from "
		    "packet to record, and to JSON, on one worker?");
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
	struct eal_conf eal = {.n_workers = 1};
	const char *note;
	struct err e;
	size_t len;
	uint64_t n;
	if (eal_start(&eal, &note, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 2;
	}
	uint8_t *capture = make_capture(mib << 20, &len, &n);
	if (bench_counts()) {
		count(capture, len, n);
		mem_unmap(capture, (mib << 20) + 4096);
		eal_stop();
		return 0;
	}
	double null_s[BENCH_ROUNDS_MAX], json_s[BENCH_ROUNDS_MAX];
	if (rounds > BENCH_ROUNDS_MAX - 1)
		rounds = BENCH_ROUNDS_MAX - 1;
	for (unsigned i = 0; i < rounds + 1; i++) {
		unsigned slot = i ? i - 1 : 0; /* the first round warms memory up */
		null_s[slot] = run_once(config_null, capture, len);
		json_s[slot] = run_once(config_json, capture, len);
	}
	printf("%" PRIu64 " events, %.1f bytes a packet\n", n, (double)len / (double)n);
	bench_print("packet to record (null)", null_s, rounds, (double)n);
	bench_print("packet to JSON (null sink)", json_s, rounds, (double)n);
	mem_unmap(capture, (mib << 20) + 4096);
	eal_stop();
	return 0;
}
