/* sink_rig.h - a sink behind its shipper, fed with numbered records: what the tests of the sinks
 * with topics share.
 *
 * In:     the sink, its configuration.
 * Out:    batches that it takes, and what the shipper counts of them.
 * Owns:   the batches, the shipper `s`.
 * Runs:   main; take and give_back: the sink's thread.
 * Limits: N_QUEUES queues, N_BATCHES batches of PER_BATCH records. One rig in a program.
 */
#ifndef SL_TESTS_SUPPORT_SINK_RIG_H
#define SL_TESTS_SUPPORT_SINK_RIG_H

#include <stdatomic.h>
#include <time.h>

#include "tests/support/sink_peer.h"

#define N_QUEUES  2
#define N_BATCHES 64
#define PER_BATCH 50

static struct sink_queue queues[N_QUEUES];
static struct out_batch *batches[N_BATCHES];
static atomic_uint n_made, n_taken, n_back;
static struct shipper *s;
static bool is_paired; /* it is asked how it is when it has nothing to do */
static struct err error;

static struct out_batch *take(void *ctx)
{
	unsigned i = atomic_load(&n_taken);
	if (i == atomic_load(&n_made))
		return NULL;
	atomic_store(&n_taken, i + 1);
	return batches[i];
}

static void give_back(void *ctx, struct out_batch *b, const struct shipper_outcome *o)
{
	atomic_fetch_add(&n_back, 1);
}

/* Two queues; their topics are @one and @two. */
static void rig_init(const char *one, const char *two)
{
	queues[0] = (struct sink_queue){.name = "t/one", .topic = one, .pack = 1};
	queues[1] = (struct sink_queue){.name = "t/two", .topic = two, .pack = 1};
	n_made = n_taken = n_back = 0;
	is_paired = false;
	error.text[0] = '\0';
	s = NULL;
}

static void rig_fini(void)
{
	shipper_destroy(s);
	for (unsigned i = 0; i < n_made; i++)
		batch_free(batches[i]);
}

static int rig_create(const char *name, const struct sink_ops *ops, const void *conf,
		      uint64_t drain_ns_max)
{
	const struct shipper_spec spec = {.name = name,
					  .ops = ops,
					  .conf = conf,
					  .n_queues = N_QUEUES,
					  .queues = queues,
					  .take = take,
					  .give_back = give_back,
					  .probe = is_paired,
					  .drain_ns_max = drain_ns_max};
	return shipper_create(&spec, &s, &error);
}

/* The next batch: number i has the records from i * PER_BATCH on. */
static void make_of(uint16_t queue)
{
	unsigned at = n_made;
	batches[at] = batch_of(at * PER_BATCH, (at + 1) * PER_BATCH);
	batches[at]->queue = queue;
	atomic_fetch_add(&n_made, 1);
}

/* @n batches, of queue 0 or of both in turn. */
static void make(unsigned n, bool two_queues)
{
	for (unsigned i = 0; i < n; i++)
		make_of(two_queues ? n_made % N_QUEUES : 0);
}

static uint64_t count(unsigned queue, unsigned col)
{
	uint64_t row[SHIPPER_N_COLS];
	shipper_row(s, queue, row);
	assert_int_equal(ledger_imbalance(&shipper_ledger, row), 0);
	return row[col];
}

#endif
