/* bench_scale_sessions - what does a segment cost while 1 to 1,000,000 other sessions stand idle?
 *
 *     bench_scale_sessions [idle sessions at most, default 1000000]
 *
 * 64 sessions send in turns, 1,448 bytes a segment; the others were opened before and say nothing.
 * Packet time moves on, so that their expiry is looked at too.
 */
#include "dataplane/base/mem.h"
#include "dataplane/flow/flow.h"
#include "perf/bench_scale.h"
#include "tests/support/conf_default.h"

enum { ACTIVE = 64, SEGMENT = 1448, ROUND = 64 * 1024 };

struct run {
	struct flow *f;
	uint8_t bytes[SEGMENT + 64];
	uint32_t seq;
	uint64_t time_ns, number, out;
	unsigned n_packets;
};

static struct pkt packet(struct run *r, uint32_t client)
{
	struct pkt p = {.proto = IPPROTO_TCP_,
			.sport = (uint16_t)(1024 + client % 60000),
			.dport = 514,
			.src = {[10] = 0xff, 0xff, 10, (uint8_t)(client / 60000), 0, 1},
			.dst = {[10] = 0xff, 0xff, 10, 200, 1, 1},
			.tcp_flags = TCP_SYN,
			.seq = UINT32_MAX,
			.time_ns = r->time_ns += 1000,
			.number = ++r->number,
			.payload = r->bytes};
	return p;
}

static void open_session(struct run *r, uint32_t client)
{
	const struct flow_event *ev;
	struct pkt p = packet(r, client);
	flow_track(r->f, &p, 1, &ev);
	flow_release(r->f);
}

static void send_segments(void *arg)
{
	struct run *r = arg;
	for (unsigned i = 0; i < r->n_packets; i += ACTIVE) {
		struct pkt p[ACTIVE];
		const struct flow_event *ev;
		for (unsigned k = 0; k < ACTIVE; k++) {
			p[k] = packet(r, k);
			p[k].tcp_flags = TCP_ACK;
			p[k].seq = r->seq;
			p[k].len = SEGMENT;
		}
		r->seq += SEGMENT;
		unsigned n = flow_track(r->f, p, ACTIVE, &ev);
		for (unsigned k = 0; k < n; k++)
			r->out += ev[k].data.len;
		flow_release(r->f);
		flow_advance(r->f, r->time_ns, &ev);
		flow_release(r->f);
	}
}

static void measure(unsigned n_idle)
{
	struct memlist mem = {0};
	struct flow_conf conf;
	struct err e;
	struct run r = {.time_ns = 1700000000000000000,
			.n_packets = bench_counts() ? ROUND / 16 : ROUND};
	conf_default(&mem, flow_opts, &conf);
	conf.sessions_max = 2000000;
	bench_must(flow_create(&conf, &r.f, &e) == 0, e.text);
	for (unsigned i = 0; i < ACTIVE + n_idle; i++)
		open_session(&r, i);
	scale_measure(n_idle, r.n_packets, send_segments, &r);
	bench_must(r.out % SEGMENT == 0 && r.out > 0, "not all bytes came out");
	flow_destroy(r.f);
}

int main(int argc, char **argv)
{
	bench_about(
		argc, argv, 1,
		"bench_scale_sessions [idle sessions at most, 1000000] - ns a segment beside so "
		"many idle sessions");
	unsigned max = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
	scale_head("idle sessions");
	for (unsigned x = 1; x <= max; x *= 10)
		measure(x);
	return 0;
}
