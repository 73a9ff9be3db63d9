#include "tests/unit/unit.h"

#include "dataplane/base/mem.h"
#include "dataplane/graph/graph.h"

extern const struct op op_union;

/* Sources 0, 1, 2; nodes a (from 0 and 1) and b (from a and 2); queues 0: source 0, 1: b. */
#define N_RECS 200

static const uint16_t node_a[] = {0}, node_b[] = {1}, queue_0[] = {0}, queue_1[] = {1};
static struct graph_node nodes[] = {{"a", NULL, NULL, 3}, {"b", NULL, NULL, 4}};
static const struct graph_origin origins[] = {{node_a, 1, queue_0, 1},
					      {node_a, 1, NULL, 0},
					      {node_b, 1, NULL, 0},
					      {node_b, 1, NULL, 0},
					      {NULL, 0, queue_1, 1}};
static const struct graph_plan plan = {nodes, 2, origins, 5, 3};

/* An operator that copies each record four times over, and says when there is no room. */
static uint64_t n_no_room;

static void copy_run(const struct op_plan *p, void *state, struct op_run *x,
		     struct rec *const *recs, unsigned n)
{
	struct batch *b = op_batch(x);
	for (unsigned i = 0; i < n; i++) {
		size_t bytes = 4 * (sizeof(struct rec) + recs[i]->frame_len);
		uint32_t off = arena_take8(&b->arena, bytes);
		n_no_room += !off;
		if (!off)
			continue;
		memset(b->arena.base + off, 0xee, bytes);
		struct rec *r = (struct rec *)(b->arena.base + off);
		*r = *recs[i];
		op_emit(x, 0, &r, 1);
	}
}

static const struct op op_copy = {.name = "copy", .run = copy_run};

struct got {
	uint32_t idx[2][2 * N_RECS];
	unsigned n[2];
};

static void put(void *arg, unsigned queue, struct batch *b, struct rec *const *recs, unsigned n)
{
	struct got *g = arg;
	for (unsigned i = 0; i < n; i++)
		g->idx[queue][g->n[queue]++] = recs[i]->idx;
}

/* Records of the three sources in turn. */
static void fill(struct batch *b, size_t cap, uint32_t frame_len)
{
	static const struct schema none;
	memset(b, 0, sizeof(*b));
	assert_int_equal(arena_init(&b->arena, cap), 0);
	arena_reset(&b->arena);
	for (uint32_t i = 0; i < N_RECS; i++) {
		uint32_t off = arena_take8(&b->arena, sizeof(struct rec));
		assert_int_not_equal(off, 0);
		struct rec *r = (struct rec *)(b->arena.base + off);
		*r = (struct rec){.schema = &none,
				  .source = (uint16_t)(i % 3),
				  .idx = i,
				  .frame_len = frame_len};
		b->recs[b->n_recs++] = r;
	}
}

static struct graph *run(const struct op *op, struct batch *b, struct got *got)
{
	struct graph *g;
	struct err e;
	nodes[0].op = nodes[1].op = op;
	memset(got, 0, sizeof(*got));
	assert_int_equal(graph_create(&plan, put, got, &g, &e), 0);
	graph_push(g, b);
	assert_int_equal(b->n_recs, 0);
	return g;
}

static void each_source_comes_in_its_order_and_through_all_nodes(void **state)
{
	static struct batch b;
	static struct got got;
	fill(&b, 1 << 20, 0);
	struct graph *g = run(&op_union, &b, &got);
	assert_int_equal(got.n[0], (N_RECS + 2) / 3);
	assert_int_equal(got.n[1], N_RECS);
	for (unsigned i = 0; i < got.n[0]; i++)
		assert_int_equal(got.idx[0][i], 3 * i);
	/* All of source 0, then of 1, then of 2: each in its order. */
	for (unsigned i = 1; i < got.n[1]; i++)
		if (got.idx[1][i] % 3 == got.idx[1][i - 1] % 3)
			assert_int_equal(got.idx[1][i], got.idx[1][i - 1] + 3);
	assert_int_equal(graph_row(g, 0)[GRAPH_copies], (N_RECS + 2) / 3);
	for (unsigned o = 0; o < 5; o++)
		assert_int_equal(ledger_imbalance(&graph_ledger, graph_row(g, o)), 0);
	assert_int_equal(ledger_sum(op_union.ledger, graph_node_row(g, 1), LEDGER_IN), N_RECS);
	graph_destroy(g);
	arena_fini(&b.arena);
}

/* Both nodes write every record anew, in an arena that holds few of them at once. */
static void check_chunks(bool one_source)
{
	static struct batch b;
	static struct got got;
	fill(&b, 64 << 10, 256);
	for (unsigned i = 0; one_source && i < N_RECS; i++)
		b.recs[i]->source = 0;
	size_t used = b.arena.used;
	n_no_room = 0;
	struct graph *g = run(&op_copy, &b, &got);
	assert_int_equal(n_no_room, 0);
	assert_int_equal(got.n[1], N_RECS);
	assert_int_equal(b.arena.used, used);
	graph_destroy(g);
	arena_fini(&b.arena);
}

static void records_go_in_chunks_that_the_arena_holds(void **state)
{
	check_chunks(false);
	check_chunks(true);
}

static void what_nobody_takes_is_counted(void **state)
{
	static struct batch b;
	static struct got got;
	static const struct graph_origin alone[] = {
		{NULL, 0, NULL, 0}, {NULL, 0, queue_0, 1}, {NULL, 0, NULL, 0}};
	static const struct graph_plan none = {NULL, 0, alone, 3, 3};
	struct graph *g;
	struct err e;
	fill(&b, 1 << 20, 0);
	memset(&got, 0, sizeof(got));
	assert_int_equal(graph_create(&none, put, &got, &g, &e), 0);
	graph_push(g, &b);
	assert_int_equal(graph_row(g, 0)[GRAPH_no_queue], (N_RECS + 2) / 3);
	assert_int_equal(graph_row(g, 1)[GRAPH_records_out], (N_RECS + 1) / 3);
	assert_int_equal(got.n[0], (N_RECS + 1) / 3);
	graph_destroy(g);
	arena_fini(&b.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_source_comes_in_its_order_and_through_all_nodes),
		cmocka_unit_test(records_go_in_chunks_that_the_arena_holds),
		cmocka_unit_test(what_nobody_takes_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
