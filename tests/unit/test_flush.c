#include "tests/unit/unit.h"

#include "dataplane/flush.h"
#include "tests/support/live_worker.h"

#define MS     1000000ull
#define FLOOD  64000      /* what has room for a record */
#define WAITS  4          /* of rare records, with the first setting; and again with the second */
#define MARGIN (300 * MS) /* this machine may have other work */

/* A port that never falls silent, or is silent but for one rare record after each flush: that one
 * waits longest. The clock of both is the machine's.
 */
struct world {
	struct capture c;
	bool busy;
	struct made flood, rare;
	uint8_t room[FLOOD];
	uint64_t put_ns; /* of the rare record that is open; 0: none is */
	bool is_rare_due;
	uint64_t waits[2 * WAITS];
	unsigned n_waits;
	struct worker *worker;
	struct worker_gen *next; /* the second setting */
	atomic_bool stop;
};

static int receive(struct capture *c, struct pkt_raw *out)
{
	struct world *x = (struct world *)c;
	int n = 0;
	if (x->busy)
		out[n++] = made_raw(&x->flood, LINK_ETHERNET);
	if (x->is_rare_due)
		out[n++] = made_raw(&x->rare, LINK_ETHERNET);
	x->is_rare_due = false;
	for (int i = 0; i < n; i++)
		out[i].time_ns = clock_wall_ns();
	return n;
}

static void rest(struct capture *c, uint64_t ns)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

static void no_close(struct capture *c)
{
}

static const struct capture_ops port_ops = {
	.name = "test", .receive = receive, .wait = rest, .close = no_close};

static uint8_t *take_room(void *arg, unsigned worker, unsigned queue, size_t len)
{
	struct world *x = arg;
	assert_true(len <= sizeof(x->room));
	return x->room;
}

static void commit(void *arg, unsigned worker, unsigned queue, size_t len, uint64_t time_ns)
{
	struct world *x = arg;
	if (queue == 1)
		x->put_ns = clock_wall_ns();
}

static void flushed(void *arg, unsigned worker, bool last)
{
	struct world *x = arg;
	if (x->put_ns) {
		x->waits[x->n_waits++] = clock_wall_ns() - x->put_ns;
		x->put_ns = 0;
	}
	if (x->n_waits == WAITS && x->next)
		worker_gen_give(x->worker, x->next);
	if (x->n_waits == 2 * WAITS)
		atomic_store(&x->stop, true);
	x->is_rare_due = x->n_waits < 2 * WAITS;
}

#define CONF                                                \
	"sources:\n"                                        \
	"  flood: { match: { udp: 514 }, parser: lines }\n" \
	"  rare: { match: { udp: 515 }, parser: lines }\n"  \
	"sinks: { a: { \"null\": {} } }\n"                  \
	"queues:\n"                                         \
	"  lab/flood: { from: flood, sink: a }\n"           \
	"  lab/rare: { from: rare, sink: a }\n"

static struct generation *build(const char *flush, struct generation *before)
{
	static char text[4096];
	snprintf(text, sizeof(text), "flush: %s\n%s", flush, CONF);
	return live_generation(text, before);
}

/* The waits of rare records under setting @first, then, after a reload, under @second. */
static struct world *run(bool busy, const char *first, const char *second)
{
	static struct world x;
	struct err e = {0};
	struct generation *a = build(first, NULL), *b = build(second, a);
	x = (struct world){.c = {.ops = &port_ops, .wait_max_ns = 10 * MS},
			   .busy = busy,
			   .flood = live_datagram(514),
			   .rare = live_datagram(515)};
	const struct worker_out out = {
		.room = take_room, .commit = commit, .flush = flushed, .arg = &x};
	struct worker_conf wc = live_worker_conf(a, &x.c, &x.stop, out);
	struct worker_conf wc_next = live_worker_conf(b, &x.c, &x.stop, out);
	assert_int_equal(worker_create(&wc, &x.worker, &e), 0);
	assert_int_equal(worker_gen_create(x.worker, &wc_next, &x.next, &e), 0);
	assert_int_equal(worker_run(x.worker), 0);
	assert_int_equal(x.n_waits, 2 * WAITS);
	assert_true(worker_gen_taken(x.worker));
	worker_destroy(x.worker);
	worker_gen_destroy(x.next);
	generation_put(b);
	generation_put(a);
	return &x;
}

/* A rest of 10 ms comes before the record. Others may have had the core: not all can be late. */
static void assert_waits(const uint64_t *waits, uint64_t longest_ns)
{
	uint64_t least = UINT64_MAX;
	for (unsigned i = 0; i < WAITS; i++) {
		assert_in_range(waits[i], longest_ns / 4, 10000 * MS);
		least = waits[i] < least ? waits[i] : least;
	}
	assert_in_range(least, 0, longest_ns);
}

static void a_record_beside_a_port_that_is_never_silent_waits_no_longer_than_busy(void **unused)
{
	struct world *x = run(true, "{ busy: 50ms }", "{ busy: 400ms }");
	assert_waits(x->waits, 50 * MS);
	assert_waits(x->waits + WAITS, 400 * MS);
}

static void a_record_of_a_port_that_falls_silent_waits_no_longer_than_idle(void **unused)
{
	struct world *x = run(false, "{ idle: 300ms, busy: 10s }", "{ idle: 80ms, busy: 10s }");
	assert_waits(x->waits, 300 * MS);
	assert_waits(x->waits + WAITS, 80 * MS);
}

static void with_idle_0_a_record_leaves_at_the_first_look_in_vain(void **unused)
{
	struct world *x = run(false, "{ idle: 0, busy: 10s }", "{ idle: 0, busy: 10s }");
	for (unsigned i = 0; i < 2 * WAITS; i++)
		assert_in_range(x->waits[i], 0, MARGIN);
}

static void a_clock_that_is_set_back_keeps_no_record(void **unused)
{
	assert_true(flush_is_due(5000 * MS, 4000 * MS, 50 * MS));
	assert_true(flush_is_due(5000 * MS, 9000 * MS, 50 * MS));
	assert_true(flush_is_due(5000 * MS, 5025 * MS, 50 * MS));
	assert_false(flush_is_due(5000 * MS, 5024 * MS, 50 * MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_record_beside_a_port_that_is_never_silent_waits_no_longer_than_busy),
		cmocka_unit_test(a_record_of_a_port_that_falls_silent_waits_no_longer_than_idle),
		cmocka_unit_test(with_idle_0_a_record_leaves_at_the_first_look_in_vain),
		cmocka_unit_test(a_clock_that_is_set_back_keeps_no_record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
