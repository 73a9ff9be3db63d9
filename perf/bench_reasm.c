/* bench_reasm.c - how fast do TCP segments become bytes in order, frames and records, beside
 * memcpy?
 *
 *     bench_reasm [MiB, default 1024] [rounds, default 5]
 *
 * In:     64 flows of syslog lines (RFC 5424, 196 bytes) in segments of 1,448 bytes, cold; once in
 *         order, once with one segment in a hundred behind its successor.
 * Out:    CPU time of flow_track, of the same with one read of each byte, of segment to frame, and
 *         of segment to record; beside one memcpy of all the bytes. All in one run and in turns,
 *         memory that was touched before; the first round is left out, medians.
 * Owns:   -
 * Runs:   by hand.
 * Limits: decoded packets are ready; decoding has its own bench.
 */
#include "dataplane/base/mem.h"
#include "dataplane/extract/extract.h"
#include "dataplane/frame/frame.h"
#include "parsers/parsers.h"
#include "perf/bench.h"
#include "tests/support/conf_default.h"

enum { FLOWS = 64, SEGMENT = 1448, FEW = 6400, BATCH_BYTES = 8 << 20 };

enum way { FLOW, READ, FRAME, RECORD, N_WAYS };

static const char *const ways[N_WAYS] = {"flow", "flow and one read", "segment to frame",
					 "segment to record"};

static unsigned n_packets;

/* Each flow sends the same lines again and again, and begins with another one. */
static void make_bytes(uint8_t *bytes)
{
	enum { LINES = 2048 };
	static char text[LINES * 256];
	uint32_t starts[LINES], len = 0;
	for (unsigned i = 0; i < LINES; i++) {
		starts[i] = len;
		len += (uint32_t)snprintf(
			text + len, sizeof(text) - len,
			"<%u>1 2026-11-25T04:%02u:%02u.%06uZ web-%u.example.com nginx %u ID%u - "
			"GET /api/v1/items/%u?user=%u HTTP/1.1 status=%u bytes=%u request took "
			"%u us on shard %u; cache miss, retried\n",
			i % 192, i / 60 % 60, i % 60, i * 487, i % 64, 1000 + i % 64, i % 97,
			i * 37, i * 3 % 7919, i % 50 ? 200 : 500, i * 37 % 65536, i % 5000, i % 16);
	}
	uint32_t at[FLOWS];
	for (unsigned k = 0; k < FLOWS; k++)
		at[k] = starts[k * (LINES / FLOWS)];
	for (unsigned i = 0; i < n_packets; i++) {
		uint32_t *from = &at[i % FLOWS], n = len - *from < SEGMENT ? len - *from : SEGMENT;
		memcpy(bytes + (size_t)i * SEGMENT, text + *from, n);
		memcpy(bytes + (size_t)i * SEGMENT + n, text, SEGMENT - n);
		*from = (*from + SEGMENT) % len;
	}
}

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

/* The stages behind capture, as a worker has them. */
struct stages {
	struct flow *flow;
	struct frame_stage *frame;
	struct extract *extract;
	struct names *names;
	struct batch batch;
	struct frame frames[BATCH_RECS_MAX];
	struct frame_source source;
	struct extract_source to_record;
	uint64_t conf[16]; /* the parser's: its defaults are zeros */
	enum way way;
	const struct pkt *p;
	uint64_t out, sum;
};

static void make_stages(struct stages *st)
{
	struct memlist mem = {0};
	struct flow_conf flow;
	struct frame_conf frame = {0};
	const struct parser *parser = &parser_syslog;
	static struct opt_port_range port = {514, 514};
	uint16_t n_fields = 0;
	struct err e;
	conf_default(&mem, flow_opts, &flow);
	conf_default(&mem, frame_opts, &frame);
	while (parser->fields[n_fields].name)
		n_fields++;
	st->names = names_create();
	st->source = (struct frame_source){
		.name = "syslog", .parser = parser, .conf = st->conf, .tcp = {&port, 1}};
	st->to_record = (struct extract_source){
		.parser = parser, .parser_conf = st->conf, .message_field = -1, .format_field = -1};
	bool made = st->names && flow_create(&flow, &st->flow, &e) == 0 &&
		    frame_create(&frame, &st->source, 1, st->flow, &st->frame, &e) == 0 &&
		    schema_init(&st->to_record.schema, parser->fields, n_fields) == 0 &&
		    extract_create(&st->to_record, 1, 1 << 20, st->names, &st->extract, &e) == 0 &&
		    arena_init(&st->batch.arena, BATCH_BYTES) == 0;
	bench_must(made, "cannot make the stages");
}

static void unmake_stages(struct stages *st)
{
	extract_destroy(st->extract);
	schema_fini(&st->to_record.schema);
	frame_destroy(st->frame);
	flow_destroy(st->flow);
	names_destroy(st->names);
	arena_fini(&st->batch.arena);
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

static void read_events(struct stages *st, const struct flow_event *ev, unsigned n_ev)
{
	for (unsigned done = 0; done < n_ev && st->way >= FRAME;) {
		unsigned n_frames;
		arena_reset(&st->batch.arena);
		done += frame_parse(st->frame, ev + done, n_ev - done, &st->batch, st->frames,
				    &n_frames);
		st->batch.n_recs = 0;
		st->sum += n_frames;
		if (st->way == RECORD)
			st->sum += extract_records(st->extract, st->frames, 0, n_frames, NULL,
						   &st->batch);
	}
	for (unsigned k = 0; k < n_ev; k++) {
		st->out += ev[k].data.len;
		if (st->way == READ)
			st->sum += look(&ev[k]);
	}
}

static void track_packets(void *arg)
{
	struct stages *st = arg;
	for (unsigned i = 0; i < n_packets; i += PKT_BURST) {
		unsigned n = n_packets - i < PKT_BURST ? n_packets - i : PKT_BURST;
		const struct flow_event *ev;
		unsigned n_ev = flow_track(st->flow, st->p + i, n, &ev);
		read_events(st, ev, n_ev);
		flow_release(st->flow);
	}
}

static double run_way(const char *name, const struct pkt *p, enum way way, uint64_t *sum)
{
	static struct stages st;
	st = (struct stages){.p = p, .way = way};
	make_stages(&st);
	open_sessions(st.flow, p);
	double from = bench_cpu();
	if (bench_counts())
		bench_count(name, n_packets, track_packets, &st);
	else
		track_packets(&st);
	double took = bench_cpu() - from;
	bench_must(st.out == (uint64_t)n_packets * SEGMENT, "not all bytes came out");
	unmake_stages(&st);
	*sum += st.sum;
	return took;
}

static double run_memcpy(const uint8_t *bytes, uint8_t *to)
{
	double from = bench_cpu();
	memcpy(to, bytes, (size_t)n_packets * SEGMENT);
	return bench_cpu() - from;
}

static void case_name(char text[64], const char *name, const char *what)
{
	snprintf(text, 64, "%s: %s", name, what);
}

static void count_case(const char *name, const struct pkt *p, uint64_t *sum)
{
	char text[64];
	for (unsigned w = 0; w < N_WAYS; w++) {
		case_name(text, name, ways[w]);
		if (w != READ)
			run_way(text, p, (enum way)w, sum);
	}
}

static void measure_case(const char *name, const struct pkt *p, const uint8_t *bytes, uint8_t *to,
			 unsigned rounds, uint64_t *sum)
{
	double copy[BENCH_ROUNDS_MAX], took[N_WAYS][BENCH_ROUNDS_MAX];
	char text[64];
	for (unsigned i = 0; i <= rounds; i++) { /* the first warms up, and is written over */
		unsigned to_round = i ? i - 1 : 0;
		copy[to_round] = run_memcpy(bytes, to);
		for (unsigned w = 0; w < N_WAYS; w++)
			took[w][to_round] = run_way(name, p, (enum way)w, sum);
	}
	case_name(text, name, "memcpy of all, a segment");
	bench_print(text, copy, rounds, n_packets);
	for (unsigned w = 0; w < N_WAYS; w++) {
		case_name(text, name, ways[w]);
		bench_print(text, took[w], rounds, n_packets);
	}
	double copy_s = bench_median(copy, rounds), gb = (double)n_packets * SEGMENT / 1e9;
	printf("%s: memcpy %.2f GB/s", name, gb / copy_s);
	for (unsigned w = 0; w < N_WAYS; w++) {
		double s = bench_median(took[w], rounds);
		printf("; %s %.2f GB/s (%.0f %%)", ways[w], gb / s, 100 * copy_s / s);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 2,
		    "bench_reasm [MiB, 1024] [rounds, 5] - how fast do TCP segments become bytes "
		    "in order, frames and records, beside memcpy of the same bytes?");
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
	bench_must(mib >= 1 && mib <= 4096 && rounds >= 1 && rounds < BENCH_ROUNDS_MAX,
		   "1 to 4096 MiB, 1 to 63 rounds");
	n_packets = bench_counts() ? FEW : (unsigned)((mib << 20) / SEGMENT);
	size_t total = (size_t)n_packets * SEGMENT;
	uint8_t *bytes = mem_map(total), *to = mem_map(total);
	struct pkt *p = mem_alloc(n_packets * sizeof(*p));
	bench_must(bytes && to && p, "no memory");
	uint64_t sum = 0;
	make_bytes(bytes);
	static const struct {
		const char *name;
		unsigned late_each;
	} cases[] = {{"in order", 0}, {"1 % late", 100}};
	for (unsigned c = 0; c < 2; c++) {
		make_packets(p, bytes, cases[c].late_each);
		if (bench_counts())
			count_case(cases[c].name, p, &sum);
		else
			measure_case(cases[c].name, p, bytes, to, (unsigned)rounds, &sum);
	}
	mem_free(p);
	mem_unmap(to, total);
	mem_unmap(bytes, total);
	return sum == 42;
}
