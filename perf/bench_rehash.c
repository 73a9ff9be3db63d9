/* bench_rehash.c - what sharing out sessions in software costs: nanoseconds a packet, from a queue
 * through a ring to the worker that has its session.
 */
#include "perf/bench.h"

#include <pthread.h>

#include "dataplane/capture/rehash.h"
#include "tests/support/packet_make.h"

#define N_PACKETS  1024
#define STRIDE     256
#define ROUNDS     15
#define LOOPS      200
#define N_THREADED 8000000u

/* A queue that has the same packets again and again, the time of each one later. */
struct wheel {
	struct capture c;
	struct pkt_raw p[N_PACKETS];
	unsigned n, at;
	uint64_t now_ns, left; /* packets until it is empty */
};

static uint8_t bytes[2 * N_PACKETS][STRIDE];
static struct wheel wheels[2];
static struct opt_port_range vxlan = {4789, 4789};
static const struct decode_conf conf = {.fragment_wait_ns = 30000000000,
					.fragments_max = 1,
					.fragment_bytes_max = 1 << 20,
					.vxlan_ports = {&vxlan, 1},
					.tunnel_depth_max = 8};
static atomic_bool stop;
static uint64_t n_taken;

static int wheel_receive(struct capture *c, struct pkt_raw *out)
{
	struct wheel *w = (struct wheel *)c;
	unsigned n = w->left < PKT_BURST ? (unsigned)w->left : PKT_BURST;
	memcpy(out, w->p + w->at, n * sizeof(*out));
	for (unsigned i = 0; i < n; i++)
		out[i].time_ns = w->now_ns++;
	w->at = (w->at + n) % N_PACKETS;
	w->left -= n;
	return (int)n;
}

static void wheel_close(struct capture *c)
{
	(void)c;
}

static const struct capture_ops wheel_ops = {
	.name = "wheel", .receive = wheel_receive, .close = wheel_close};

/* 200 bytes of UDP, of sessions that worker @only of two has; UINT_MAX: of both. */
static void fill(struct wheel *w, unsigned only, uint8_t (*room)[STRIDE])
{
	static struct made m;
	struct decode *d;
	uint8_t text[158] = {0};
	*w = (struct wheel){.c.ops = &wheel_ops, .now_ns = clock_wall_ns() - 1000000000u};
	bench_must(decode_create(&conf, &d, NULL) == 0, "no memory");
	decode_share(d, 0, 2);
	for (unsigned i = 0; w->n < N_PACKETS; i++) {
		m = made_bytes(text, sizeof(text));
		made_udp(&m, 1024 + i % 60000, 514);
		made_ip4(&m, "10.0.0.1", "10.0.0.9", 17);
		made_ether(&m, 0x0800);
		struct pkt_raw p = made_raw(&m, LINK_ETHERNET);
		if (only != UINT_MAX && decode_owner(d, &p) != only)
			continue;
		memcpy(room[w->n], p.ptr, p.cap_len);
		p.ptr = room[w->n];
		w->p[w->n++] = p;
	}
	decode_destroy(d);
}

static struct rehash *make(unsigned n_workers, unsigned n_queues)
{
	struct rehash *r;
	struct rehash_conf c = {.n_workers = n_workers,
				.n_sources = n_queues,
				.bytes_max = 16 << 20,
				.decode = &conf,
				.stop = &stop};
	bench_must(rehash_create(&c, &r, NULL) == 0, "no memory");
	for (unsigned i = 0; i < n_queues; i++)
		rehash_add(r, i, &wheels[i].c, i % n_workers);
	return r;
}

struct turns {
	struct rehash *r;
	unsigned n_workers, n_queues;
};

/* All that the queues have goes to the workers, turn by turn, in one thread. */
static void share_packets(void *arg)
{
	const struct turns *t = arg;
	struct pkt_raw out[PKT_BURST];
	uint64_t until = n_taken + t->n_queues * N_PACKETS;
	for (unsigned i = 0; i < t->n_queues; i++)
		wheels[i].left = N_PACKETS;
	while (n_taken < until)
		for (unsigned w = 0; w < t->n_workers; w++)
			n_taken += (uint64_t)capture_receive(rehash_capture(t->r, w), out);
}

static void measure(const char *what, unsigned only, unsigned n_queues)
{
	double s[ROUNDS];
	for (unsigned i = 0; i < n_queues; i++)
		fill(&wheels[i], only, bytes + i * N_PACKETS);
	struct turns t = {.r = make(2, n_queues), .n_workers = 2, .n_queues = n_queues};
	share_packets(&t);
	if (bench_counts())
		bench_count(what, (double)n_queues * N_PACKETS, share_packets, &t);
	for (int r = -1; r < ROUNDS && !bench_counts(); r++) {
		double start = bench_now();
		for (int l = 0; l < LOOPS; l++)
			share_packets(&t);
		s[r < 0 ? 0 : r] = bench_now() - start;
	}
	if (!bench_counts())
		bench_print(what, s, ROUNDS, (double)n_queues * N_PACKETS * LOOPS);
	rehash_destroy(t.r);
}

/* ---- two threads ---- */

static struct core {
	struct rehash *r;
	unsigned worker;
	double cpu_s;
} cores[2];
static atomic_bool over;

/* The first reads the queue until it is empty; the other its ring, until nothing is in it then. */
static void *work(void *arg)
{
	struct core *core = arg;
	struct capture *c = rehash_capture(core->r, core->worker);
	struct pkt_raw out[PKT_BURST];
	double start = (double)clock_read_ns(CLOCK_THREAD_CPUTIME_ID) / 1e9;
	for (bool last = false; !last;) {
		last = core->worker ? atomic_load(&over) : wheels[0].left == 0;
		while (capture_receive(c, out) > 0) {
		}
	}
	atomic_store(&over, true);
	core->cpu_s = (double)clock_read_ns(CLOCK_THREAD_CPUTIME_ID) / 1e9 - start;
	return NULL;
}

/* Each thread is a worker. What finds a ring full is lost, as live. */
static void measure_threads(const char *what, unsigned only)
{
	pthread_t t[2];
	struct pkt_raw out[PKT_BURST];
	struct rehash *r = make(2, 1);
	uint64_t full = 0, row[REHASH_N_COLS];
	fill(&wheels[0], only, bytes);
	for (unsigned w = 0; w < 2; w++) /* the rings take their memory */
		capture_receive(rehash_capture(r, w), out);
	wheels[0].left = N_THREADED;
	atomic_store(&over, false);
	double start = bench_now();
	for (unsigned w = 0; w < 2; w++) {
		cores[w] = (struct core){.r = r, .worker = w};
		bench_must(pthread_create(&t[w], NULL, work, &cores[w]) == 0, "no thread");
	}
	for (unsigned w = 0; w < 2; w++)
		pthread_join(t[w], NULL);
	double s = bench_now() - start;
	for (unsigned w = 0; w < 2; w++) {
		rehash_row(r, w, row);
		full += row[REHASH_ring_full];
	}
	printf("%-44s %8.1f ns a packet; CPU of the reader %.1f; %.2f %% lost\n", what,
	       s * 1e9 / N_THREADED, cores[0].cpu_s * 1e9 / N_THREADED,
	       100.0 * (double)full / N_THREADED);
	rehash_destroy(r);
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 0,
		    "bench_rehash - what does it cost to share out sessions in software? "
		    "Nanoseconds a packet of 200 bytes.");
	measure("1 queue, to 1 other worker, by its ring", 1, 1);
	measure("1 queue, to 2 workers, one reads it", UINT_MAX, 1);
	measure("2 queues, to 2 workers, in packet time", UINT_MAX, 2);
	if (bench_counts())
		return 0;
	measure_threads("two cores: 1 queue, to 1 other worker", 1);
	measure_threads("two cores: 1 queue, to 2 workers", UINT_MAX);
	return 0;
}
