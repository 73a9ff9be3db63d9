#include "tests/unit/unit.h"

#include "tests/support/live_worker.h"

#define MS 1000000ull
#define CONF                                                                 \
	"sources: { lines: { match: { udp: 514 }, parser: lines } }\n"       \
	"pipeline:\n"                                                        \
	"  sums: { op: aggregate, from: lines, window: 10ms, lateness: 0,\n" \
	"          aggregates: { n: \"count(*)\" } }\n"                      \
	"sinks: { a: { \"null\": {} } }\n"                                   \
	"queues: { lab/sums: { from: sums, sink: a } }\n"

/* A port with a packet, then none, until time has gone past its window; then another comes, of
 * which the worker hears late.
 */
struct world {
	struct capture c;
	struct made m;
	uint8_t room[4096];
	unsigned n_sent, n_windows;
	uint64_t due_ns;   /* the second packet came then; 0: not yet */
	unsigned n_unseen; /* looks that do not find it, as another worker has it yet */
	bool stalls;       /* or this one gets no core between its look and the clock */
	atomic_bool stop;
};

static int receive(struct capture *c, struct pkt_raw *out)
{
	struct world *x = (struct world *)c;
	uint64_t now_ns = clock_wall_ns();
	if (x->n_sent == 2)
		atomic_store(&x->stop, true);
	if (x->n_sent == 1 && x->n_windows == 1 && !x->due_ns && !x->stalls) {
		x->due_ns = now_ns;
		c->come_ns = now_ns;
		x->n_unseen = 300;
	}
	bool comes = x->n_sent == 0 || (x->due_ns && x->n_sent == 1 && x->n_unseen == 0);
	if (!comes) {
		x->n_unseen -= x->n_unseen > 0;
		return 0;
	}
	out[0] = made_raw(&x->m, LINK_ETHERNET);
	out[0].time_ns = x->n_sent++ ? x->due_ns : now_ns;
	return 1;
}

static void rest(struct capture *c, uint64_t ns)
{
	struct world *x = (struct world *)c;
	bool stalls = x->stalls && x->n_windows == 1 && !x->due_ns;
	if (stalls)
		x->due_ns = clock_wall_ns();
	nanosleep(&(struct timespec){.tv_nsec = (long)(stalls ? 60 * MS : ns)}, NULL);
}

static void no_close(struct capture *c)
{
}

static const struct capture_ops port_ops = {
	.name = "test", .receive = receive, .wait = rest, .close = no_close};

static uint8_t *take_room(void *arg, unsigned worker, unsigned queue, size_t len)
{
	return ((struct world *)arg)->room;
}

static void commit(void *arg, unsigned worker, unsigned queue, size_t len, uint64_t time_ns)
{
	((struct world *)arg)->n_windows++;
}

static void flushed(void *arg, unsigned worker, bool last)
{
}

/* Records that came too late for their window. */
static uint64_t late_in(struct world *x)
{
	struct generation *g = live_generation(CONF, NULL);
	struct worker *w;
	struct err e = {0};
	x->c.ops = &port_ops;
	x->c.wait_max_ns = 10 * MS;
	x->m = live_datagram(514);
	struct worker_conf wc = live_worker_conf(
		g, &x->c, &x->stop,
		(struct worker_out){
			.room = take_room, .commit = commit, .flush = flushed, .arg = x});
	assert_int_equal(worker_create(&wc, &w, &e), 0);
	assert_int_equal(worker_run(w), 0);
	const struct ledger_table *t = g->pipeline->graph.nodes[0].op->ledger;
	const uint64_t *row = graph_node_row(worker_graph(w), 0);
	uint64_t late = ledger_sum(t, row, LEDGER_LOSS) + ledger_sum(t, row, LEDGER_POLICY);
	assert_int_equal(ledger_sum(t, row, LEDGER_IN), 2);
	assert_int_equal(ledger_imbalance(t, row), 0);
	worker_destroy(w);
	generation_put(g);
	return late;
}

static void a_packet_that_came_while_the_worker_had_no_core_is_not_late(void **state)
{
	static struct world x = {.stalls = true};
	assert_int_equal(late_in(&x), 0);
	assert_int_equal(x.n_windows, 2); /* the first of them in silence */
}

static void a_packet_that_another_worker_holds_yet_is_not_late(void **state)
{
	static struct world x;
	assert_int_equal(late_in(&x), 0);
	assert_int_equal(x.n_windows, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_that_came_while_the_worker_had_no_core_is_not_late),
		cmocka_unit_test(a_packet_that_another_worker_holds_yet_is_not_late),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
