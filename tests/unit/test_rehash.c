#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/rehash.h"
#include "tests/support/conf_default.h"
#include "tests/support/packet_make.h"

#define PACKETS_MAX 4000
#define SOURCES_MAX 3
#define WORKERS_MAX 4

/* A port that has a list of packets; asked again, nothing. */
struct list {
	struct capture c;
	struct pkt_raw p[PACKETS_MAX];
	unsigned n, at;
	unsigned burst; /* at most, in one receive; 0: 7 */
	atomic_uint left;
};

static int list_receive(struct capture *c, struct pkt_raw *out)
{
	struct list *l = (struct list *)c;
	int n = 0;
	for (int burst = l->burst ? (int)l->burst : 7; n < burst && l->at < l->n; n++)
		out[n] = l->p[l->at++];
	atomic_fetch_sub(&l->left, (unsigned)n);
	return n;
}

static void list_close(struct capture *c)
{
	(void)c;
}

static const struct capture_ops list_ops = {
	.name = "list", .receive = list_receive, .close = list_close};

static struct list lists[SOURCES_MAX];
static struct decode_conf conf;
static struct memlist memory;
static atomic_bool stop;
static struct rehash *rehash;
static struct decode *decoders[WORKERS_MAX];
static uint64_t base_ns, row[REHASH_N_COLS];
static struct {
	uint64_t number, time_ns;
	unsigned worker;
} got[PACKETS_MAX * WORKERS_MAX];
static unsigned n_got, n_decoded;

static int set_up(void **state)
{
	conf_default(&memory, decode_opts, &conf);
	memset(lists, 0, sizeof(lists));
	base_ns = clock_wall_ns() - 1000000000u;
	n_got = n_decoded = 0;
	atomic_store(&stop, false);
	rehash = NULL;
	memset(decoders, 0, sizeof(decoders));
	return 0;
}

static int tear_down(void **state)
{
	rehash_destroy(rehash);
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		decode_destroy(decoders[i]);
	memlist_fini(&memory);
	return 0;
}

/* Packet number @number, @us behind the start, by source @i. Its bytes live for the test. */
static void add(unsigned i, const struct made *m, uint64_t us, uint64_t number)
{
	struct list *l = &lists[i];
	uint8_t *bytes = memlist_array(&memory, made_len(m) + SL_PAD, 1);
	memcpy(bytes, m->b + m->at, made_len(m));
	l->p[l->n] = made_raw(m, LINK_ETHERNET);
	l->p[l->n].ptr = bytes;
	l->p[l->n].number = number;
	l->p[l->n++].time_ns = base_ns + us * 1000;
	atomic_fetch_add(&l->left, 1);
}

static struct made session_packet(unsigned session, bool back)
{
	static struct made m;
	char a[32], b[32];
	snprintf(a, sizeof(a), "10.0.%u.%u", session / 200, session % 200 + 1);
	snprintf(b, sizeof(b), "10.9.0.%u", session % 7 + 1);
	m = made_text("some text");
	made_udp(&m, back ? 514 : 1000 + session, back ? 1000 + session : 514);
	made_ip4(&m, back ? b : a, back ? a : b, 17);
	made_ether(&m, 0x0800);
	return m;
}

static void build(unsigned n_workers, unsigned n_sources, size_t bytes_max)
{
	struct err e;
	struct rehash_conf c = {.n_workers = n_workers,
				.n_sources = n_sources,
				.bytes_max = bytes_max,
				.decode = &conf,
				.stop = &stop};
	assert_int_equal(rehash_create(&c, &rehash, &e), 0);
	for (unsigned i = 0; i < n_sources; i++) {
		lists[i].c.ops = &list_ops;
		rehash_add(rehash, i, &lists[i].c, i % n_workers);
	}
	for (unsigned w = 0; w < n_workers; w++) {
		assert_int_equal(decode_create(&conf, &decoders[w], &e), 0);
		decode_share(decoders[w], w, n_workers);
	}
}

/* One receive of a worker, checked against what its decoder takes. */
static int turn(unsigned w)
{
	struct pkt_raw raw[PKT_BURST];
	struct pkt pkts[PKT_BURST];
	struct capture *c = rehash_capture(rehash, w);
	int n = capture_receive(c, raw);
	for (int i = 0; i < n; i++) {
		got[n_got].number = raw[i].number;
		got[n_got].time_ns = raw[i].time_ns;
		got[n_got++].worker = w;
	}
	n_decoded += n > 0 ? decode_burst(decoders[w], raw, (unsigned)n, pkts) : 0;
	decode_release(decoders[w]);
	return n;
}

/* Turns of all workers until all that the sources had has come out, and they have ended. */
static void run(unsigned n_workers)
{
	unsigned ended = 0;
	bool over[WORKERS_MAX] = {0};
	atomic_store(&stop, true);
	for (unsigned i = 0; ended < n_workers && i < 10000000; i++) {
		unsigned w = i % n_workers;
		if (over[w])
			continue;
		over[w] = turn(w) == -ENODATA;
		ended += over[w];
	}
	assert_int_equal(ended, n_workers);
}

/* The sum of all workers, which balances for each. */
static void sum_rows(unsigned n_workers)
{
	memset(row, 0, sizeof(row));
	for (unsigned w = 0; w < n_workers; w++) {
		uint64_t one[REHASH_N_COLS];
		rehash_row(rehash, w, one);
		assert_int_equal(ledger_imbalance(&rehash_ledger, one), 0);
		for (unsigned i = 0; i < REHASH_N_COLS; i++)
			row[i] += one[i];
	}
}

#define SESSIONS 300

static void both_directions_of_a_session_come_to_one_worker_by_whichever_port(void **state)
{
	for (unsigned n_workers = 1; n_workers <= WORKERS_MAX; n_workers++) {
		unsigned worker_of[SESSIONS], n_of_worker[WORKERS_MAX] = {0};
		set_up(state);
		for (unsigned s = 0; s < SESSIONS; s++)
			for (unsigned i = 0; i < 6; i++) {
				struct made m = session_packet(s, i % 2);
				add(i % 2, &m, s * 10 + i, s);
			}
		build(n_workers, 2, 1 << 20);
		run(n_workers);
		assert_int_equal(n_got, SESSIONS * 6);
		assert_int_equal(n_decoded, SESSIONS * 6);
		memset(worker_of, 0xff, sizeof(worker_of));
		for (unsigned i = 0; i < n_got; i++) {
			unsigned *w = &worker_of[got[i].number];
			n_of_worker[got[i].worker]++;
			assert_true(*w == UINT_MAX || *w == got[i].worker);
			*w = got[i].worker;
		}
		for (unsigned w = 0; w < n_workers; w++)
			assert_true(n_of_worker[w] > n_got / n_workers / 2);
		sum_rows(n_workers);
		assert_int_equal(row[REHASH_packets_in], n_got);
		assert_int_equal(row[REHASH_in_flight], 0);
		assert_int_equal(row[REHASH_out_of_order], 0);
		tear_down(state);
	}
	set_up(state);
}

static void packets_of_several_ports_come_in_the_order_of_their_time(void **state)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct made m = session_packet(i % 50, i & 1);
		add(i * i % 3, &m, i, i);
	}
	build(2, 3, 1 << 20);
	run(2);
	uint64_t last_ns[2] = {0};
	assert_int_equal(n_got, 1000);
	for (unsigned i = 0; i < n_got; i++) {
		assert_true(got[i].time_ns >= last_ns[got[i].worker]);
		last_ns[got[i].worker] = got[i].time_ns;
	}
	sum_rows(2);
	assert_int_equal(row[REHASH_out_of_order], 0);
}

static void a_packet_waits_for_earlier_ones_of_a_port_that_was_not_heard_yet(void **state)
{
	struct made m = session_packet(1, false);
	base_ns = clock_wall_ns() + 3600000000000u; /* nobody says that so much has come */
	add(0, &m, 0, 1);
	build(1, 2, 1 << 20);
	assert_int_equal(turn(0), 0);
	sum_rows(1);
	assert_int_equal(row[REHASH_in_flight], 1);
	m = session_packet(1, true);
	add(1, &m, 5, 2);
	assert_int_equal(turn(0), 1);
	assert_int_equal(got[0].number, 1);
	/* And one that nothing comes after is not kept for ever. */
	uint64_t until_ns = clock_mono_ns() + 20 * REHASH_HOLD_NS;
	while (n_got < 2 && clock_mono_ns() < until_ns)
		turn(0);
	assert_int_equal(n_got, 2);
	sum_rows(1);
	assert_int_equal(row[REHASH_in_flight], 0);
}

/* A worker that has nothing to do lets time go on, but not past what another one will bring. */
static void time_does_not_run_past_a_packet_that_another_worker_has_yet_to_read(void **state)
{
	struct capture *c;
	for (unsigned n_sources = 1; n_sources <= 2; n_sources++) {
		set_up(state);
		build(2, n_sources, 1 << 20);
		c = rehash_capture(rehash, 1);
		turn(0);
		turn(0);
		assert_int_equal(turn(1), 0);
		base_ns = clock_wall_ns();
		assert_true(c->come_ns < base_ns && c->come_ns > base_ns - REHASH_HOLD_NS / 2);
		unsigned session = 0;
		while (n_got == 0) { /* one that is worker 1's */
			struct made m = session_packet(session++, false);
			add(0, &m, session, session);
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
			/* Worker 0 has no core, and what it holds is older than all that 1 hears
			 * of.
			 */
			assert_int_equal(turn(1), 0);
			assert_true(c->come_ns <= lists[0].p[session - 1].time_ns);
			turn(0);
			n_got = 0;
			turn(1);
		}
		for (unsigned i = 0; i < 3; i++) { /* and goes on when it has looked */
			turn(0);
			turn(1);
		}
		assert_true(c->come_ns > got[0].time_ns);
		/* One that never comes back is not waited for. */
		base_ns = c->come_ns;
		nanosleep(&(struct timespec){.tv_nsec = REHASH_HOLD_NS + 10000000}, NULL);
		turn(1);
		assert_true(c->come_ns > base_ns);
		tear_down(state);
	}
	set_up(state);
}

static void a_worker_that_is_too_slow_loses_by_name_and_the_others_do_not(void **state)
{
	static struct made m;
	unsigned n_mine = 0;
	build(2, 1, 1);
	for (unsigned i = 0; i < PACKETS_MAX; i++) {
		uint8_t text[1400] = {0};
		m = made_bytes(text, sizeof(text));
		made_udp(&m, 1000 + i, 514);
		made_ip4(&m, "10.0.0.1", "10.9.0.1", 17);
		made_ether(&m, 0x0800);
		add(0, &m, i, i);
	}
	while (lists[0].at < lists[0].n)
		n_mine += (unsigned)turn(0);
	assert_int_equal(n_got, n_mine);
	run(2);
	sum_rows(2);
	assert_int_equal(row[REHASH_packets_in], PACKETS_MAX);
	assert_true(row[REHASH_ring_full] > 0);
	assert_int_equal(n_got + row[REHASH_ring_full], PACKETS_MAX);
	assert_true(n_mine > PACKETS_MAX / 3);
	/* Who looks after the worker's time is told: of its own loss, not of the others'. */
	assert_int_equal(capture_missed(rehash_capture(rehash, 1)), row[REHASH_ring_full]);
	assert_int_equal(capture_missed(rehash_capture(rehash, 0)), 0);
	atomic_store(&lists[0].c.stats.missed, 5);
	atomic_store(&lists[0].c.stats.no_buffer, 2);
	assert_int_equal(capture_missed(rehash_capture(rehash, 0)), 7);
}

static void a_worker_that_finds_whole_bursts_for_others_is_behind(void **state)
{
	struct capture *c;
	build(2, 1, 1 << 20);
	c = rehash_capture(rehash, 0);
	lists[0].burst = PKT_BURST;
	for (unsigned i = 0; i < PKT_BURST + 5; i++) {
		struct made m = session_packet(i, false);
		add(0, &m, i, i);
	}
	assert_true(turn(0) < PKT_BURST); /* the other half is of the other worker */
	assert_true(c->behind);
	turn(0);
	assert_false(c->behind);
	turn(0);
	assert_false(c->behind);
}

static void fragments_go_to_all_and_the_datagram_to_the_worker_of_its_session(void **state)
{
	static struct made m;
	for (unsigned i = 0; i < 20; i++) {
		uint8_t text[2000] = {0};
		static struct made whole;
		whole = made_bytes(text, sizeof(text));
		made_udp(&whole, 1000 + i, 514);
		m = made_bytes(whole.b + whole.at, 1480);
		made_ip4_part(&m, "10.0.0.1", "10.9.0.1", 17, i, 0, true);
		made_ether(&m, 0x0800);
		add(0, &m, 2 * i, i);
		m = made_bytes(whole.b + whole.at + 1480, made_len(&whole) - 1480);
		made_ip4_part(&m, "10.0.0.1", "10.9.0.1", 17, i, 1480, false);
		made_ether(&m, 0x0800);
		add(0, &m, 2 * i + 1, i);
	}
	build(3, 1, 1 << 20);
	run(3);
	assert_int_equal(n_got, 40 * 3);
	assert_int_equal(n_decoded, 20);
	uint64_t in = 0, joined = 0;
	for (unsigned w = 0; w < 3; w++) {
		in += decode_row(decoders[w])[DECODE_packets_in];
		joined += decode_row(decoders[w])[DECODE_fragments_joined];
		assert_int_equal(ledger_imbalance(&decode_ledger, decode_row(decoders[w])), 0);
	}
	assert_int_equal(in, 40);
	assert_int_equal(joined, 20);
	sum_rows(3);
	assert_int_equal(row[REHASH_packets_in], 40 + row[REHASH_copies]);
}

static void both_directions_of_a_session_in_a_tunnel_come_to_one_worker(void **state)
{
	/* VXLAN gives each direction, and each session, an outer source port of its own. */
	for (unsigned i = 0; i < 400; i++) {
		static struct made m;
		m = session_packet(i / 4, i % 2);
		made_hex(&m, "08000000 00007b00");
		made_udp(&m, 49152 + i * 37 % 1000, 4789);
		made_ip4(&m, i % 2 ? "172.16.0.2" : "172.16.0.1",
			 i % 2 ? "172.16.0.1" : "172.16.0.2", 17);
		made_ether(&m, 0x0800);
		add(i % 2, &m, i, i / 4);
	}
	unsigned worker_of[100], n_of_worker[4] = {0};
	build(4, 2, 1 << 20);
	run(4);
	assert_int_equal(n_decoded, 400);
	memset(worker_of, 0xff, sizeof(worker_of));
	for (unsigned i = 0; i < n_got; i++) {
		unsigned *w = &worker_of[got[i].number];
		n_of_worker[got[i].worker]++;
		assert_true(*w == UINT_MAX || *w == got[i].worker);
		*w = got[i].worker;
	}
	for (unsigned w = 0; w < 4; w++)
		assert_true(n_of_worker[w] > 40);
}

#define N_THREADED 2
static struct {
	unsigned n, n_back, n_decoded;
	uint64_t last_ns;
} seen[N_THREADED];

static void *work(void *arg)
{
	unsigned w = *(const unsigned *)arg;
	struct pkt_raw raw[PKT_BURST];
	struct pkt pkts[PKT_BURST];
	for (int n; (n = capture_receive(rehash_capture(rehash, w), raw)) != -ENODATA;) {
		for (int i = 0; i < n; i++) {
			seen[w].n_back += raw[i].time_ns < seen[w].last_ns;
			seen[w].last_ns = raw[i].time_ns;
		}
		seen[w].n += (unsigned)n;
		seen[w].n_decoded += n > 0 ? decode_burst(decoders[w], raw, (unsigned)n, pkts) : 0;
		sched_yield();
	}
	return NULL;
}

static void each_worker_in_a_thread_of_its_own_gets_its_sessions_in_order(void **state)
{
	pthread_t t[N_THREADED];
	unsigned index[N_THREADED] = {0, 1};
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < 2 * PACKETS_MAX; i++) {
		struct made m = session_packet(i % SESSIONS, i / SESSIONS % 2);
		add(i % 2, &m, i, i);
	}
	build(N_THREADED, 2, 4 << 20);
	for (unsigned w = 0; w < N_THREADED; w++)
		assert_int_equal(pthread_create(&t[w], NULL, work, &index[w]), 0);
	while (atomic_load(&lists[0].left) || atomic_load(&lists[1].left))
		sched_yield();
	atomic_store(&stop, true);
	for (unsigned w = 0; w < N_THREADED; w++)
		pthread_join(t[w], NULL);
	assert_int_equal(seen[0].n + seen[1].n, 2 * PACKETS_MAX);
	assert_int_equal(seen[0].n_decoded + seen[1].n_decoded, 2 * PACKETS_MAX);
	assert_true(seen[0].n > PACKETS_MAX / 2 && seen[1].n > PACKETS_MAX / 2);
	sum_rows(N_THREADED);
	assert_int_equal(row[REHASH_out_of_order], seen[0].n_back + seen[1].n_back);
	assert_int_equal(row[REHASH_in_flight] + row[REHASH_ring_full], 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_directions_of_a_session_come_to_one_worker_by_whichever_port),
		TEST(packets_of_several_ports_come_in_the_order_of_their_time),
		TEST(a_packet_waits_for_earlier_ones_of_a_port_that_was_not_heard_yet),
		TEST(time_does_not_run_past_a_packet_that_another_worker_has_yet_to_read),
		TEST(a_worker_that_is_too_slow_loses_by_name_and_the_others_do_not),
		TEST(a_worker_that_finds_whole_bursts_for_others_is_behind),
		TEST(fragments_go_to_all_and_the_datagram_to_the_worker_of_its_session),
		TEST(both_directions_of_a_session_in_a_tunnel_come_to_one_worker),
		TEST(each_worker_in_a_thread_of_its_own_gets_its_sessions_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
