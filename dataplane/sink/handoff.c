#include "dataplane/sink/handoff.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_config.h>
#include <rte_errno.h>
#include <rte_ring.h>

#include "dataplane/base/mem.h"

LEDGER_DEFINE(handoff, "queue", "records", HANDOFF_COLS);

/* What one worker holds of one queue: on lines that no other worker writes to. */
struct lane {
	_Alignas(64) struct rte_ring *full; /* worker to sink thread */
	struct rte_ring *free;              /* and back */
	struct rte_ring *spare; /* those of them that are not used while others are free; or NULL */
	struct out_batch *open;
	struct out_batch batches[HANDOFF_BATCHES + HANDOFF_SPARES];
	uint64_t row[HANDOFF_N_COLS];
};

struct handoff {
	unsigned n_workers, n_queues, n_sinks;
	uint16_t *sink_of_queue;
	unsigned *next_lane;   /* by sink: where its thread looks first */
	unsigned *next_worker; /* by queue: the same for handoff_take_queue */
	size_t batch_cap;
	bool wait;
	atomic_bool stop_waiting;
	struct lane *lanes; /* worker * n_queues + queue */
};

/* Rings have names of their own in the whole process, and there may be several hand-offs. */
static struct rte_ring *ring_create(const char *what, const struct handoff *h, unsigned worker,
				    unsigned queue, unsigned n, struct err *e)
{
	char name[RTE_RING_NAMESIZE];
	snprintf(name, sizeof(name), "%s%" PRIxPTR "_%u_%u", what, (uintptr_t)h / 64, worker,
		 queue);
	struct rte_ring *r = rte_ring_create(name, n, SOCKET_ID_ANY,
					     RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	if (!r)
		err_set(e, -ENOMEM, "cannot create ring %s: %s", name, rte_strerror(rte_errno));
	return r;
}

static int lane_init(struct lane *l, unsigned worker, unsigned queue, const struct handoff *h,
		     struct err *e)
{
	unsigned n = HANDOFF_BATCHES + (h->wait ? 0 : HANDOFF_SPARES);
	l->full = ring_create("full", h, worker, queue, n, e);
	l->free = ring_create("free", h, worker, queue, HANDOFF_BATCHES, e);
	if (!h->wait)
		l->spare = ring_create("spare", h, worker, queue, HANDOFF_SPARES, e);
	if (!l->full || !l->free || (!l->spare && !h->wait))
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		struct out_batch *b = &l->batches[i];
		if (out_batch_init(b, h->batch_cap) < 0)
			return err_set(e, -ENOMEM, "no address space for batches of %zu bytes",
				       h->batch_cap);
		if (i >= HANDOFF_BATCHES)
			out_batch_rare(b);
		b->queue = (uint16_t)queue;
		b->worker = (uint16_t)worker;
		rte_ring_enqueue(i < HANDOFF_BATCHES ? l->free : l->spare, b);
	}
	return 0;
}

int handoff_create(unsigned n_workers, unsigned n_queues, const uint16_t *sink_of_queue,
		   unsigned n_sinks, size_t batch_cap, bool wait, struct handoff **ret_h,
		   struct err *e)
{
	struct handoff *h = mem_alloc(sizeof(*h));
	if (!h)
		return err_set(e, -ENOMEM, "no memory");
	int rc = -ENOMEM;
	*h = (struct handoff){.n_workers = n_workers,
			      .n_queues = n_queues,
			      .n_sinks = n_sinks,
			      .batch_cap = batch_cap,
			      .wait = wait};
	h->sink_of_queue = mem_alloc(n_queues * sizeof(*h->sink_of_queue));
	h->next_lane = mem_alloc(n_sinks * sizeof(*h->next_lane));
	h->lanes = mem_alloc((size_t)n_workers * n_queues * sizeof(*h->lanes));
	h->next_worker = mem_alloc(n_queues * sizeof(*h->next_worker));
	if (!h->sink_of_queue || !h->next_lane || !h->lanes || !h->next_worker)
		goto fail;
	memcpy(h->sink_of_queue, sink_of_queue, n_queues * sizeof(*sink_of_queue));
	for (unsigned i = 0; i < n_workers * n_queues; i++) {
		rc = lane_init(&h->lanes[i], i / n_queues, i % n_queues, h, e);
		if (rc < 0)
			goto fail;
	}
	*ret_h = h;
	return 0;
fail:
	handoff_destroy(h);
	return rc;
}

void handoff_destroy(struct handoff *h)
{
	if (!h)
		return;
	for (unsigned i = 0; h->lanes && i < h->n_workers * h->n_queues; i++) {
		struct lane *l = &h->lanes[i];
		rte_ring_free(l->full);
		rte_ring_free(l->free);
		rte_ring_free(l->spare);
		for (unsigned k = 0; k < HANDOFF_BATCHES + HANDOFF_SPARES; k++)
			out_batch_fini(&l->batches[k]);
	}
	mem_free(h->lanes);
	mem_free(h->next_lane);
	mem_free(h->next_worker);
	mem_free(h->sink_of_queue);
	mem_free(h);
}

int handoff_mark_queue(struct handoff *h, unsigned queue, struct err *e)
{
	for (unsigned w = 0; w < h->n_workers; w++) {
		struct lane *l = &h->lanes[w * h->n_queues + queue];
		for (unsigned i = 0; i < HANDOFF_BATCHES + (h->wait ? 0 : HANDOFF_SPARES); i++)
			if (out_batch_init_marks(&l->batches[i]) < 0)
				return err_set(e, -ENOMEM, "no memory for the keys of records");
	}
	return 0;
}

static struct lane *lane_of(const struct handoff *h, unsigned worker, unsigned queue)
{
	return &h->lanes[worker * h->n_queues + queue];
}

static void hand_over(struct lane *l)
{
	struct out_batch *b = l->open;
	l->open = NULL;
	l->row[HANDOFF_records_out] += b->n_recs;
	l->row[HANDOFF_held] -= b->n_recs;
	l->row[HANDOFF_batches]++;
	rte_ring_enqueue(l->full, b); /* has room for every batch of the lane */
}

static struct out_batch *free_batch(struct handoff *h, struct lane *l)
{
	void *b = NULL;
	if (rte_ring_dequeue(l->free, &b) == 0)
		return b;
	if (!h->wait)
		return rte_ring_dequeue(l->spare, &b) == 0 ? b : NULL;
	l->row[HANDOFF_waits]++;
	while (rte_ring_dequeue(l->free, &b) != 0) {
		if (atomic_load_explicit(&h->stop_waiting, memory_order_relaxed))
			return NULL;
		nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
	}
	return b;
}

struct out_batch *handoff_open(struct handoff *h, unsigned worker, unsigned queue, size_t len)
{
	struct lane *l = lane_of(h, worker, queue);
	struct out_batch *b = l->open;
	if (b && (b->n_recs == OUT_BATCH_RECS_MAX || len > b->cap - b->len ||
		  b->mark_len > OUT_MARK_BYTES - OUT_MARK_MAX)) {
		hand_over(l);
		b = NULL;
	}
	if (len > h->batch_cap) {
		l->row[HANDOFF_records_in]++;
		l->row[HANDOFF_too_large]++;
		return NULL;
	}
	if (!b) {
		b = free_batch(h, l);
		if (!b) {
			l->row[HANDOFF_records_in]++;
			l->row[HANDOFF_shed]++;
			return NULL;
		}
		b->len = 0;
		b->n_recs = 0;
		b->mark_len = 0;
		l->open = b;
	}
	return b;
}

uint8_t *handoff_room(struct handoff *h, unsigned worker, unsigned queue, size_t len)
{
	struct out_batch *b = handoff_open(h, worker, queue, len);
	return b ? b->buf + b->len : NULL;
}

void handoff_mark(struct handoff *h, unsigned worker, unsigned queue, struct slice key,
		  struct slice id)
{
	struct out_batch *b = lane_of(h, worker, queue)->open;
	struct out_mark *m = &b->marks[b->n_recs];
	*m = (struct out_mark){.off = b->mark_len,
			       .key_len = key.len < OUT_KEY_MAX ? (uint16_t)key.len : OUT_KEY_MAX,
			       .id_len = id.len < OUT_ID_MAX ? (uint8_t)id.len : OUT_ID_MAX};
	if (m->key_len)
		memcpy(b->mark_buf + m->off, key.ptr, m->key_len);
	if (m->id_len)
		memcpy(b->mark_buf + m->off + m->key_len, id.ptr, m->id_len);
	b->mark_len += m->key_len + m->id_len;
}

void handoff_added(struct handoff *h, unsigned worker, unsigned queue, unsigned n)
{
	struct lane *l = lane_of(h, worker, queue);
	l->row[HANDOFF_records_in] += n;
	l->row[HANDOFF_held] += n;
	if (l->open->len >= OUT_BATCH_BYTES)
		hand_over(l);
}

void handoff_commit(struct handoff *h, unsigned worker, unsigned queue, size_t len,
		    uint64_t time_ns)
{
	out_batch_add(lane_of(h, worker, queue)->open, len, time_ns);
	handoff_added(h, worker, queue, 1);
}

void handoff_leave_out(struct handoff *h, unsigned worker, unsigned queue, unsigned col)
{
	struct lane *l = lane_of(h, worker, queue);
	l->row[HANDOFF_records_in]++;
	l->row[col]++;
}

void handoff_narrowed(struct handoff *h, unsigned worker, unsigned queue, bool more, bool misfit)
{
	struct lane *l = lane_of(h, worker, queue);
	l->row[HANDOFF_narrowed] += more;
	l->row[HANDOFF_misfits] += misfit;
}

unsigned handoff_level(const struct handoff *h, unsigned worker, unsigned queue)
{
	const struct lane *l = lane_of(h, worker, queue);
	unsigned out = l->spare ? HANDOFF_SPARES - rte_ring_count(l->spare) : 0;
	return (out > HANDOFF_SPARES / 2) + (out > HANDOFF_SPARES * 3 / 4) +
	       (out > HANDOFF_SPARES * 7 / 8);
}

void handoff_flush(struct handoff *h, unsigned worker, bool last)
{
	for (unsigned q = 0; q < h->n_queues; q++) {
		struct lane *l = lane_of(h, worker, q);
		if (l->open && l->open->n_recs && (last || !rte_ring_empty(l->free)))
			hand_over(l);
	}
}

void handoff_stop_waiting(struct handoff *h)
{
	atomic_store(&h->stop_waiting, true);
}

struct out_batch *handoff_take(struct handoff *h, unsigned sink)
{
	unsigned n = h->n_workers * h->n_queues;
	for (unsigned i = 0; i < n; i++) {
		unsigned at = (h->next_lane[sink] + i) % n;
		void *b = NULL;
		if (h->sink_of_queue[at % h->n_queues] != sink)
			continue;
		if (rte_ring_dequeue(h->lanes[at].full, &b) == 0) {
			h->next_lane[sink] = (at + 1) % n;
			return b;
		}
	}
	return NULL;
}

struct out_batch *handoff_take_queue(struct handoff *h, unsigned queue)
{
	for (unsigned i = 0; i < h->n_workers; i++) {
		unsigned w = (h->next_worker[queue] + i) % h->n_workers;
		void *b = NULL;
		if (rte_ring_dequeue(lane_of(h, w, queue)->full, &b) == 0) {
			h->next_worker[queue] = (w + 1) % h->n_workers;
			return b;
		}
	}
	return NULL;
}

void handoff_give_back(struct handoff *h, struct out_batch *b)
{
	struct lane *l = lane_of(h, b->worker, b->queue);
	out_batch_trim(b);
	rte_ring_enqueue(b < l->batches + HANDOFF_BATCHES ? l->free : l->spare, b);
}

bool handoff_has(const struct handoff *h, const struct out_batch *b)
{
	const struct lane *l = h->lanes, *end = l + h->n_workers * h->n_queues;
	return (uintptr_t)b >= (uintptr_t)l && (uintptr_t)b < (uintptr_t)end;
}

const uint64_t *handoff_row(const struct handoff *h, unsigned worker, unsigned queue)
{
	return lane_of(h, worker, queue)->row;
}
