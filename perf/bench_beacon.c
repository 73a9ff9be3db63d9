/* bench_beacon.c - what does a beacon cost from its TCP segment to its record?
 *
 * In:     64 sessions of beacons in turns, a POST of some 780 bytes with ten fields of JSON in one
 *         segment each; once without answers, once with them. Each has values of its own.
 * Out:    one line a case: ns a beacon, median of 7 rounds (min-max); the first is discarded.
 * Owns:   -
 * Runs:   by hand.
 * Limits: decoded packets are ready (decoding has its own bench), and records end with their burst.
 */
#include "dataplane/base/mem.h"
#include "dataplane/extract/extract.h"
#include "dataplane/frame/frame.h"
#include "parsers/http1.h"
#include "parsers/parsers.h"
#include "perf/bench.h"
#include "tests/support/conf_default.h"

enum { SESSIONS = 64, TEXTS = 1024, TEXT_CAP = 1024, ROUNDS = 7 };

static const char answer[] =
	"HTTP/1.1 204 No Content\r\nServer: nginx/1.22\r\n"
	"Date: Wed, 25 Nov 2026 14:00:00 GMT\r\nConnection: keep-alive\r\n\r\n";

static unsigned n_beacons = 262144;
static uint8_t *texts; /* TEXT_CAP bytes each */
static uint32_t lens[TEXTS];

/* The path that is measured. */
static struct flow *flow;
static struct frame_stage *frame;
static struct extract *extract;
static struct extract_source extract_source = {
	.parser = &parser_http1, .message_field = -1, .format_field = -1};
static struct frame_source source;
static struct batch batch;
static struct frame frames[BATCH_RECS_MAX];
static struct memlist mem;
static uint64_t n_recs, n_whole;

static void make_texts(void)
{
	texts = mem_map((size_t)TEXTS * TEXT_CAP);
	bench_must(texts != NULL, "no memory");
	for (unsigned i = 0; i < TEXTS; i++) {
		char body[600], *to = (char *)texts + (size_t)i * TEXT_CAP;
		int len = snprintf(
			body, sizeof(body),
			"{\"t\":\"%u\",\"uid\":\"u%08x\",\"vid\":%u,\"dur\":%u.5,\"ok\":%s,"
			"\"region\":\"cn-%u\",\"ref\":null,\"ts\":1764045%06u,\"ad\":-1,"
			"\"note\":\"%*s\"}",
			i % 30, i * 2654435761u, 7000000 + i, i % 1000, i % 7 ? "true" : "false",
			i % 32, i * 97, 380 - (int)(i % 40), "x");
		lens[i] = (uint32_t)snprintf(
			to, TEXT_CAP,
			"POST /v5/alt/act?p=%u HTTP/1.1\r\nHost: msg.example.com\r\n"
			"User-Agent: Mozilla/5.0 (Linux; Android %u; SM-G991B) "
			"AppleWebKit/537.36\r\n"
			"Content-Type: application/json\r\nAccept-Encoding: gzip\r\n"
			"Connection: keep-alive\r\nX-Forwarded-For: 10.0.%u.1\r\n"
			"Content-Length: %d\r\n\r\n%s",
			i % 10, 9 + i % 6, i % 256, len, body);
	}
}

/* One worker's stages, with the options' defaults but for @answer_wait_ns. */
static void make_path(uint64_t answer_wait_ns)
{
	static struct opt_port_range port = {80, 80};
	static struct flow_conf flow_conf;
	static struct frame_conf frame_conf;
	static struct http1_conf conf;
	struct err e;
	conf_default(&mem, flow_opts, &flow_conf);
	conf_default(&mem, frame_opts, &frame_conf);
	conf_default(&mem, parser_http1.opts, &conf);
	conf.answer_wait_ns = answer_wait_ns;
	flow_conf.sessions_max = 4 * SESSIONS;
	frame_conf.carry_bytes_max = 16 << 20;
	source = (struct frame_source){
		.name = "b", .parser = &parser_http1, .conf = &conf, .tcp = {&port, 1}};
	bench_must(flow_create(&flow_conf, &flow, &e) == 0 &&
			   frame_create(&frame_conf, &source, 1, flow, &frame, &e) == 0,
		   "no memory");
}

static void destroy_path(void)
{
	frame_destroy(frame);
	flow_destroy(flow);
}

static void run_events(const struct flow_event *ev, unsigned n_ev)
{
	for (unsigned done = 0, n; done < n_ev;) {
		arena_reset(&batch.arena);
		batch.n_recs = 0;
		done += frame_parse(frame, ev + done, n_ev - done, &batch, frames, &n);
		bench_must(extract_records(extract, frames, 0, n, NULL, &batch) == n,
			   "a burst does not fit");
		n_recs += n;
		for (unsigned i = 0; i < n; i++)
			n_whole += batch.recs[i]->n_pairs == 11;
	}
}

/* From packets to records. */
struct run {
	const struct pkt *pkts;
	unsigned n;
};

static void track(void *arg)
{
	const struct run *r = arg;
	for (unsigned i = 0; i < r->n; i += PKT_BURST) {
		const struct flow_event *ev;
		unsigned n = r->n - i < PKT_BURST ? r->n - i : PKT_BURST;
		unsigned n_ev = flow_track(flow, r->pkts + i, n, &ev);
		run_events(ev, n_ev);
		flow_release(flow);
	}
}

static struct pkt packet(unsigned session, bool back)
{
	static const uint8_t server[16] = {[10] = 0xff, 0xff, 10, 1, 1, 1};
	uint8_t client[16] = {[10] = 0xff, 0xff, 10, 0, 0, (uint8_t)session};
	struct pkt p = {
		.proto = IPPROTO_TCP_, .tcp_flags = TCP_ACK, .time_ns = 1700000000000000000};
	memcpy(back ? p.dst : p.src, client, 16);
	memcpy(back ? p.src : p.dst, server, 16);
	p.sport = back ? 80 : (uint16_t)(10000 + session);
	p.dport = back ? (uint16_t)(10000 + session) : 80;
	return p;
}

static void open_sessions(bool answered)
{
	const struct flow_event *ev;
	for (unsigned k = 0; k < SESSIONS; k++)
		for (unsigned back = 0; back <= answered; back++) {
			struct pkt syn = packet(k, back);
			syn.tcp_flags = back ? TCP_SYN | TCP_ACK : TCP_SYN;
			syn.seq = UINT32_MAX;
			flow_track(flow, &syn, 1, &ev);
		}
	flow_release(flow);
}

/* A turn of all sessions' beacons, then their answers. */
static unsigned make_packets(struct pkt *p, bool answered)
{
	uint32_t seq[SESSIONS][2] = {0};
	struct pkt *to = p;
	for (unsigned i = 0; i < n_beacons; i += SESSIONS)
		for (unsigned k = 0; k < (answered ? 2u : 1u) * SESSIONS; k++) {
			unsigned session = k % SESSIONS, back = k / SESSIONS;
			unsigned text = (i + session) % TEXTS;
			*to = packet(session, back);
			to->time_ns += (uint64_t)(to - p) * 1000;
			to->number = (uint64_t)(to - p) + 1;
			to->payload = back ? (const uint8_t *)answer : texts + text * TEXT_CAP;
			to->len = back ? sizeof(answer) - 1 : lens[text];
			to->seq = seq[session][back];
			to->ack = seq[session][!back];
			seq[session][back] += to->len;
			to++;
		}
	return (unsigned)(to - p);
}

/* Seconds of all beacons. */
static double run_case(const char *name, struct pkt *p, bool answered)
{
	struct run r = {p, make_packets(p, answered)};
	make_path(answered ? 10000000000u : 0);
	open_sessions(answered);
	n_recs = n_whole = 0;
	double from = bench_cpu();
	if (bench_counts())
		bench_count(name, n_beacons, track, &r);
	else
		track(&r);
	double took = bench_cpu() - from;
	bench_must(n_recs == n_beacons && n_whole == n_recs, "not each beacon became its record");
	destroy_path();
	return took;
}

int main(int argc, char **argv)
{
	static const char *const names[2] = {"segment to record", "and its answer's"};
	double seconds[2][ROUNDS];
	struct names *keys = names_create();
	struct err e;
	bench_about(argc, argv, 0,
		    "bench_beacon - what does a beacon cost from its TCP segment to its record?");
	if (bench_counts())
		n_beacons = 128 * SESSIONS;
	struct pkt *p = mem_alloc(2 * (size_t)n_beacons * sizeof(*p));
	bench_must(p && keys && arena_init(&batch.arena, 4 << 20) == 0 &&
			   extract_create(&extract_source, 1, 1 << 20, keys, &extract, &e) == 0,
		   "no memory");
	make_texts();
	for (unsigned round = 0; round <= (bench_counts() ? 0 : ROUNDS); round++)
		for (unsigned i = 0; i < 2; i++) {
			double s = run_case(names[i], p, i == 1);
			seconds[i][round ? round - 1 : 0] = s;
		}
	for (unsigned i = 0; i < 2 && !bench_counts(); i++)
		bench_print(names[i], seconds[i], ROUNDS, n_beacons);
	extract_destroy(extract);
	names_destroy(keys);
	arena_fini(&batch.arena);
	mem_free(p);
	mem_unmap(texts, (size_t)TEXTS * TEXT_CAP);
	memlist_fini(&mem);
	return 0;
}
