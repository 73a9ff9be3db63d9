/* bench_reasm.c - how fast do TCP segments become bytes in order, beside copying the same bytes?
 *
 * In:     64 flows, 1,448 bytes a segment, 64 MiB in all, cold; once in order, once with one
 *         segment in a hundred behind its successor.
 * Out:    GB/s of payload of flow_track, of the same with one read of each byte, and of memcpy of
 *         the same segments, all in one run: six rounds, the first is left out, medians.
 * Owns:   -
 * Runs:   by hand.
 * Limits: decoded packets are ready; decoding has its own bench.
 */
#include "dataplane/base/mem.h"
#include "dataplane/flow/flow.h"
#include "perf/bench.h"
#include "tests/support/conf_default.h"

enum { FLOWS = 64, SEGMENT = 1448, ROUNDS = 6, TOTAL = 64 << 20, FEW = 6400 };

static unsigned n_packets = TOTAL / SEGMENT;

static void make_packets(struct pkt *p, const uint8_t *bytes, unsigned late_each)
{
	uint32_t seq[FLOWS] = {0};
	for (unsigned i = 0; i < n_packets; i++) {
		unsigned k = i % FLOWS;
		p[i] = (struct pkt){
			.proto = IPPROTO_TCP_,
			.sport = (uint16_t)(10000 + k),
			.dport = 514,
			.src = {[10] = 0xff, 0xff, 10, 0, 0, (uint8_t)k},
			.dst = {[10] = 0xff, 0xff, 10, 1, 1, 1},
			.tcp_flags = TCP_ACK,
			.seq = seq[k],
			.time_ns = 1700000000000000000 + i * 1000ull,
			.number = i + 1,
			.payload = bytes + (size_t)i * SEGMENT,
			.len = SEGMENT,
		};
		seq[k] += SEGMENT;
	}
	/* A segment and the next of its flow change places. */
	for (unsigned i = 0; late_each && i + FLOWS < n_packets; i++) {
		if (i % late_each != late_each - 1)
			continue;
		struct pkt first = p[i];
		p[i].seq = p[i + FLOWS].seq;
		p[i].payload = p[i + FLOWS].payload;
		p[i + FLOWS].seq = first.seq;
		p[i + FLOWS].payload = first.payload;
	}
}

static struct flow *make_flow(void)
{
	struct memlist mem = {0};
	struct flow_conf conf;
	struct flow *f = NULL;
	struct err e;
	conf_default(&mem, flow_opts, &conf);
	bench_must(flow_create(&conf, &f, &e) == 0, e.text);
	return f;
}

/* Each flow's SYN: what is joined late is copied at its start, and that is not the question. */
static void open_sessions(struct flow *f, const struct pkt *p)
{
	const struct flow_event *ev;
	for (unsigned k = 0; k < FLOWS; k++) {
		struct pkt syn = p[k];
		syn.tcp_flags = TCP_SYN;
		syn.seq = UINT32_MAX;
		syn.len = 0;
		flow_track(f, &syn, 1, &ev);
	}
	flow_release(f);
}

/* The sum is what a parser does at least: look at each byte once (a word at a time). */
static uint64_t look(const struct flow_event *e)
{
	uint64_t sum = 0, w;
	size_t i = 0;
	for (; i + 8 <= e->data.len; i += 8) {
		memcpy(&w, e->data.ptr + i, 8);
		sum += w;
	}
	return sum;
}

struct track {
	struct flow *f;
	const struct pkt *p;
	bool read;
	uint64_t out, sum;
};

static void track_packets(void *arg)
{
	struct track *t = arg;
	for (unsigned i = 0; i < n_packets; i += PKT_BURST) {
		unsigned n = n_packets - i < PKT_BURST ? n_packets - i : PKT_BURST;
		const struct flow_event *ev;
		unsigned n_ev = flow_track(t->f, t->p + i, n, &ev);
		for (unsigned k = 0; k < n_ev; k++) {
			t->out += ev[k].data.len;
			if (t->read)
				t->sum += look(&ev[k]);
		}
		flow_release(t->f);
	}
}

static double run_flow(const char *name, const struct pkt *p, bool read, uint64_t *sum)
{
	struct track t = {.f = make_flow(), .p = p, .read = read};
	open_sessions(t.f, p);
	double from = bench_now();
	if (bench_counts())
		bench_count(name, n_packets, track_packets, &t);
	else
		track_packets(&t);
	double took = bench_now() - from;
	bench_must(t.out == (uint64_t)n_packets * SEGMENT, "not all bytes came out");
	flow_destroy(t.f);
	*sum += t.sum;
	return took;
}

static double run_memcpy(const struct pkt *p, uint8_t *to)
{
	double from = bench_now();
	for (unsigned i = 0; i < n_packets; i++)
		memcpy(to + (size_t)i * SEGMENT, p[i].payload, SEGMENT);
	return bench_now() - from;
}

static double report(const char *name, const char *what, double *s)
{
	char text[64];
	snprintf(text, sizeof(text), "%s: %s, a segment", name, what);
	bench_print(text, s + 1, ROUNDS - 1, n_packets); /* [0] warmed up */
	return bench_median(s + 1, ROUNDS - 1);
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 0,
		    "bench_reasm - how fast do TCP segments become bytes in order, beside memcpy?");
	if (bench_counts())
		n_packets = FEW;
	size_t total = (size_t)n_packets * SEGMENT;
	uint8_t *bytes = mem_map(total), *to = mem_map(total);
	struct pkt *p = mem_alloc(n_packets * sizeof(*p));
	bench_must(bytes && to && p, "no memory");
	uint64_t sum = 0;
	for (size_t i = 0; i < total; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	static const struct {
		const char *name;
		unsigned late_each;
	} cases[] = {{"in order", 0}, {"1 % late", 100}};
	for (unsigned c = 0; c < 2; c++) {
		double copy[ROUNDS], track[ROUNDS], read[ROUNDS];
		make_packets(p, bytes, cases[c].late_each);
		if (bench_counts()) {
			run_flow(cases[c].name, p, false, &sum);
			continue;
		}
		for (unsigned i = 0; i < ROUNDS; i++) {
			copy[i] = run_memcpy(p, to);
			track[i] = run_flow(cases[c].name, p, false, &sum);
			read[i] = run_flow(cases[c].name, p, true, &sum);
		}
		double copy_s = report(cases[c].name, "memcpy", copy);
		double track_s = report(cases[c].name, "flow", track);
		double read_s = report(cases[c].name, "flow and one read", read);
		printf("%.2f, %.2f and %.2f GB/s; with one read %.0f %% of memcpy\n",
		       (double)total / copy_s / 1e9, (double)total / track_s / 1e9,
		       (double)total / read_s / 1e9, 100 * copy_s / read_s);
	}
	mem_free(p);
	mem_unmap(to, total);
	mem_unmap(bytes, total);
	return sum == 42;
}
