/* bench_run.h - whole runs of a topology over a capture in memory, one worker.
 *
 * In:     how many events, to how many ports; a configuration.
 * Out:    the capture; CPU seconds of a run, those of the sinks' threads and of main included.
 * Owns:   the capture: the caller.
 * Runs:   main of a benchmark.
 * Limits: -
 */
#ifndef SL_PERF_BENCH_RUN_H
#define SL_PERF_BENCH_RUN_H

#include "ctl/config.h"
#include "ctl/topology.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/replay.h"
#include "perf/bench.h"

struct bench_capture {
	uint8_t *bytes;
	size_t len, cap;
	uint64_t n; /* events */
};

/* RFC 5424, about 200 bytes. */
static inline size_t bench_put_line(char *msg, size_t cap, uint64_t n)
{
	return (size_t)snprintf(
		msg, cap,
		"<%u>1 2026-11-25T04:%02u:%02u.%06uZ web-%u.example.com nginx %u ID%u - "
		"GET /api/v1/items/%u?user=%u HTTP/1.1 status=%u bytes=%u request took "
		"%u us on shard %u; cache miss, retried",
		(unsigned)(n % 192), (unsigned)(n / 60 % 60), (unsigned)(n % 60),
		(unsigned)(n % 1000000), (unsigned)(n % 64), (unsigned)(1000 + n % 64),
		(unsigned)(n % 97), (unsigned)(n % 99991), (unsigned)(n % 7919), n % 50 ? 200 : 500,
		(unsigned)(n * 37 % 65536), (unsigned)(n % 5000), (unsigned)(n % 16));
}

/* A nanosecond pcap of datagrams to @n_ports ports from @port on in turns, in 64 sessions or as
 * many as there are ports: until it has @bytes, or @events.
 */
static inline struct bench_capture bench_capture_make(size_t bytes, uint64_t events, uint16_t port,
						      unsigned n_ports)
{
	static const uint8_t head[24] = {0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0,
					 0,    0,    0,    0,    0, 0, 0, 4, 0, 1};
	struct bench_capture c = {.cap = bytes + 4096, .len = sizeof(head)};
	c.bytes = mem_map(c.cap);
	bench_must(c.bytes != NULL, "no memory for the capture");
	memcpy(c.bytes, head, sizeof(head));
	const unsigned n_senders = n_ports < 64 ? 64 / n_ports : 1;
	for (; c.len < bytes && c.n < events; c.n++) {
		char msg[512];
		size_t len = bench_put_line(msg, sizeof(msg), c.n);
		uint32_t sender = 0x0a000001 + (uint32_t)(c.n / n_ports % n_senders);
		c.len += bench_put_udp(c.bytes + c.len, (uint32_t)c.n, sender,
				       (uint16_t)(port + c.n % n_ports), msg, len);
	}
	return c;
}

static inline void bench_capture_free(struct bench_capture *c)
{
	mem_unmap(c->bytes, c->cap);
}

/* CPU seconds of one pass; building is not counted. */
static inline double bench_run(const char *text, const struct bench_capture *capture)
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
	struct topology_input in = {.memory = slice_of(capture->bytes, capture->len),
				    .n_workers = 1};
	bench_must(topology_build(c, &in, &t, &e) == 0, e.text);
	double from = bench_cpu();
	topology_run(t, false, stderr);
	double s = bench_cpu() - from;
	topology_destroy(t);
	config_free(c);
	return s;
}

#endif
