#include "dataplane/sink/handoff.h"

#include <assert.h>
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

/* A batch may hold the largest record there can be, so that some thousand queues take more
 * addresses than a process has: their spare batches become fewer.
 */
#define ADDRESSES_MAX  (32ull << 40)

/* A replay waits so long for a sink that has all batches: less than it takes to write half of them.
 * A sleep costs some 14 us of processor time in a guest, however short it is.
 */
#define WAIT_NS        400000

/* So many lanes, and their batches stand on huge pages; more would take 2 MiB for a record each. */
#define HUGE_LANES_MAX 64
#define HUGE_PAGE      (2u << 20)

/* What one worker holds of one queue: on lines that no other worker writes to. */
struct lane {
	_Alignas(64) struct rte_ring *full; /* worker to sink thread */
	struct rte_ring *free;              /* and back */
	struct rte_ring *spare; /* those of them that are not used while others are free; or NULL */
	struct out_batch *open;
	uint64_t bytes;                 /* handed over */
	unsigned n_made, n_spares_made; /* batches are made when they are needed first */
	bool marked;
	uint64_t row[HANDOFF_N_COLS]; /* on the page of what else a record touches */
	struct out_batch batches[HANDOFF_BATCHES + HANDOFF_HELD_MAX + HANDOFF_SPARES];
};

struct handoff {
	unsigned n_workers, n_queues, n_sinks;
	unsigned n_lanes, n_words;    /* of bits, one a lane */
	unsigned n_batches, n_spares; /* of a lane */
	uint16_t *sink_of_queue;
	unsigned *next_lane;   /* by sink: where its thread looks first */
	unsigned *next_worker; /* by queue: the same for handoff_take_queue */
	size_t batch_cap, slot_bytes;
	bool wait;
	atomic_bool stop_waiting;
	struct lane *lanes;   /* worker * n_queues + queue */
	uint64_t *open;       /* by worker: queues with an open batch, a bit each */
	atomic_ullong *ready; /* by sink: lanes that may have a full batch, a bit each */
	uint8_t *slots;       /* the memory of batches, n_batches a lane */
	uint8_t *spare_slots; /* of the spare ones, on small pages: used now and then */
	uint8_t *small;       /* of many lanes: where the first batch of each begins; or NULL */
	uint8_t *rings;       /* by lane */
	size_t rings_bytes;   /* of a lane */
};

static size_t ring_bytes(unsigned n)
{
	return n ? (size_t)rte_ring_get_memsize(rte_align32pow2(n + 1)) : 0;
}

/* Rings in memory of our own: DPDK has names for 2,560 things at most. */
static struct rte_ring *ring_make(uint8_t **io_at, unsigned n)
{
	struct rte_ring *r = (struct rte_ring *)*io_at;
	*io_at += ring_bytes(n);
	int rc = n ? rte_ring_init(r, "handoff", n, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ)
		   : -EINVAL;
	return rc == 0 ? r : NULL;
}

static void lane_init(struct handoff *h, unsigned at)
{
	struct lane *l = &h->lanes[at];
	uint8_t *p = h->rings + at * h->rings_bytes;
	l->full = ring_make(&p, h->n_batches + h->n_spares);
	l->free = ring_make(&p, h->n_batches);
	l->spare = ring_make(&p, h->n_spares);
}

static unsigned spares_of(const struct handoff *h)
{
	uint64_t n = ADDRESSES_MAX / h->slot_bytes / (h->n_lanes + 1);
	if (h->wait || n < h->n_batches)
		return 0;
	n -= h->n_batches;
	return n < HANDOFF_SPARES ? (unsigned)n : HANDOFF_SPARES;
}

/* How large all is, for the number of lanes. */
static void set_sizes(struct handoff *h)
{
	bool huge = h->n_lanes <= HUGE_LANES_MAX;
	size_t page = huge ? HUGE_PAGE : 4096;
	h->slot_bytes = (out_batch_room(h->batch_cap) + page - 1) / page * page;
	h->n_spares = spares_of(h);
	h->rings_bytes = ring_bytes(h->n_batches + h->n_spares) + ring_bytes(h->n_batches) +
			 ring_bytes(h->n_spares);
	h->n_words = (h->n_lanes + 63) / 64;
}

static size_t slots_bytes(const struct handoff *h, unsigned n)
{
	return (size_t)h->n_lanes * n * h->slot_bytes;
}

/* Most of many queues have few records at a time. Their first batches stand side by side, as small
 * as these, on huge pages: each alone takes three pages of the kernel's for its first ten records.
 */
static size_t small_bytes(const struct handoff *h)
{
	return h->n_lanes > HUGE_LANES_MAX ? (size_t)h->n_lanes * OUT_BATCH_SMALL : 0;
}

static void *map_small(size_t bytes)
{
	void *p = mem_map(bytes);
	mem_small_pages(p, bytes);
	return p;
}

static bool take_memory(struct handoff *h)
{
	h->sink_of_queue = mem_alloc(h->n_queues * sizeof(*h->sink_of_queue));
	h->next_lane = mem_alloc(h->n_sinks * sizeof(*h->next_lane));
	h->next_worker = mem_alloc(h->n_queues * sizeof(*h->next_worker));
	h->open = mem_alloc((size_t)h->n_workers * h->n_words * sizeof(*h->open));
	h->ready = map_small((size_t)h->n_sinks * h->n_words * sizeof(*h->ready));
	h->lanes = map_small(h->n_lanes * sizeof(*h->lanes));
	h->rings = map_small(h->n_lanes * h->rings_bytes);
	h->slots = mem_map(slots_bytes(h, h->n_batches));
	if (h->n_lanes > HUGE_LANES_MAX)
		mem_small_pages(h->slots, slots_bytes(h, h->n_batches));
	h->spare_slots = map_small(slots_bytes(h, h->n_spares));
	h->small = small_bytes(h) ? mem_map(small_bytes(h)) : NULL;
	return h->sink_of_queue && h->next_lane && h->next_worker && h->open && h->ready &&
	       h->lanes && h->rings && h->slots && h->spare_slots && (h->small || !small_bytes(h));
}

int handoff_create(const struct handoff_spec *spec, struct handoff **ret_h, struct err *e)
{
	assert(spec->n_held <= HANDOFF_HELD_MAX);
	struct handoff *h = mem_alloc(sizeof(*h));
	if (!h)
		return err_set(e, -ENOMEM, "no memory");
	*h = (struct handoff){.n_workers = spec->n_workers,
			      .n_queues = spec->n_queues,
			      .n_lanes = spec->n_workers * spec->n_queues,
			      .n_sinks = spec->n_sinks,
			      .n_batches = HANDOFF_BATCHES + spec->n_held,
			      .batch_cap = spec->batch_cap,
			      .wait = spec->wait};
	set_sizes(h);
	if (!take_memory(h)) {
		handoff_destroy(h);
		return err_set(e, -ENOMEM, "no address space for %u queues of %u workers",
			       spec->n_queues, spec->n_workers);
	}
	memcpy(h->sink_of_queue, spec->sink_of_queue, h->n_queues * sizeof(*h->sink_of_queue));
	for (unsigned i = 0; i < h->n_lanes; i++)
		lane_init(h, i);
	*ret_h = h;
	return 0;
}

void handoff_destroy(struct handoff *h)
{
	if (!h)
		return;
	mem_unmap(h->slots, slots_bytes(h, h->n_batches));
	mem_unmap(h->spare_slots, slots_bytes(h, h->n_spares));
	mem_unmap(h->small, small_bytes(h));
	mem_unmap(h->rings, h->n_lanes * h->rings_bytes);
	mem_unmap(h->lanes, h->n_lanes * sizeof(*h->lanes));
	mem_unmap(h->ready, (size_t)h->n_sinks * h->n_words * sizeof(*h->ready));
	mem_free(h->open);
	mem_free(h->next_lane);
	mem_free(h->next_worker);
	mem_free(h->sink_of_queue);
	mem_free(h);
}

unsigned handoff_batches(const struct handoff *h)
{
	return h->n_batches + h->n_spares;
}

void handoff_mark_queue(struct handoff *h, unsigned queue)
{
	for (unsigned w = 0; w < h->n_workers; w++)
		h->lanes[w * h->n_queues + queue].marked = true;
}

static struct lane *lane_of(const struct handoff *h, unsigned worker, unsigned queue)
{
	return &h->lanes[worker * h->n_queues + queue];
}

static inline uint64_t *open_word(const struct handoff *h, unsigned worker, unsigned queue)
{
	return &h->open[worker * h->n_words + queue / 64];
}

static void hand_over(struct handoff *h, struct lane *l)
{
	struct out_batch *b = l->open;
	unsigned sink = h->sink_of_queue[b->queue], at = (unsigned)(l - h->lanes);
	l->open = NULL;
	*open_word(h, b->worker, b->queue) &= ~(1ull << b->queue % 64);
	l->row[HANDOFF_records_out] += b->n_recs;
	l->row[HANDOFF_in_flight] -= b->n_recs;
	l->row[HANDOFF_batches]++;
	l->bytes += b->len;
	rte_ring_enqueue(l->full, b); /* has room for every batch of the lane */
	if (sink != HANDOFF_NO_SINK)
		atomic_fetch_or_explicit(&h->ready[sink * h->n_words + at / 64], 1ull << at % 64,
					 memory_order_release);
}

static uint8_t *memory_of(const struct handoff *h, const struct lane *l, unsigned i)
{
	size_t at = (size_t)(l - h->lanes);
	bool spare = i >= h->n_batches;
	size_t slot = spare ? at * h->n_spares + i - h->n_batches : at * h->n_batches + i;
	return (spare ? h->spare_slots : h->slots) + slot * h->slot_bytes;
}

static struct out_batch *make_batch(const struct handoff *h, struct lane *l, unsigned i)
{
	struct out_batch *b = &l->batches[i];
	size_t at = (size_t)(l - h->lanes);
	if (i == 0 && h->small && !l->marked)
		out_batch_place_small(b, h->small + at * OUT_BATCH_SMALL);
	else
		out_batch_place(b, memory_of(h, l, i), h->batch_cap);
	b->queue = (uint16_t)(at % h->n_queues);
	b->worker = (uint16_t)(at / h->n_queues);
	if (l->marked)
		out_batch_init_marks(b);
	return b;
}

static struct out_batch *spare_batch(const struct handoff *h, struct lane *l)
{
	void *b;
	if (!l->spare)
		return NULL;
	if (rte_ring_dequeue(l->spare, &b) == 0)
		return b;
	return l->n_spares_made < h->n_spares ? make_batch(h, l, h->n_batches + l->n_spares_made++)
					      : NULL;
}

static struct out_batch *free_batch(struct handoff *h, struct lane *l)
{
	void *b = NULL;
	if (rte_ring_dequeue(l->free, &b) == 0)
		return b;
	if (l->n_made < h->n_batches)
		return make_batch(h, l, l->n_made++);
	if (!h->wait)
		return spare_batch(h, l);
	l->row[HANDOFF_waits]++;
	while (rte_ring_dequeue(l->free, &b) != 0) {
		if (atomic_load_explicit(&h->stop_waiting, memory_order_relaxed))
			return NULL;
		nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
	}
	return b;
}

/* Most records are no longer. */
#define SOON_BYTES 512

void handoff_soon(const struct handoff *h, unsigned worker, unsigned queue)
{
	const struct out_batch *b = lane_of(h, worker, queue)->open;
	if (!b)
		return;
	__builtin_prefetch(&b->ends[b->n_recs], 1);
	for (unsigned off = 0; off < SOON_BYTES; off += 64)
		__builtin_prefetch(b->buf + b->len + off, 1);
}

/* Is there room for one more record in @b? A small one is given it. */
static bool makes_room(const struct handoff *h, const struct lane *l, struct out_batch *b,
		       size_t len)
{
	if (out_batch_is_small(b) && (b->n_recs == b->recs_max || len > b->cap - b->len))
		out_batch_grow(b, memory_of(h, l, 0), h->batch_cap);
	return b->n_recs < b->recs_max && len <= b->cap - b->len &&
	       b->mark_len <= OUT_MARK_BYTES - OUT_MARK_MAX;
}

struct out_batch *handoff_open(struct handoff *h, unsigned worker, unsigned queue, size_t len)
{
	struct lane *l = lane_of(h, worker, queue);
	struct out_batch *b = l->open;
	if (b && !makes_room(h, l, b, len)) {
		hand_over(h, l);
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
		b->pos = l->bytes;
		if (!out_batch_is_small(b))
			out_batch_lay(b, l->bytes);
		else if (len > b->cap)
			out_batch_grow(b, memory_of(h, l, 0), h->batch_cap);
		l->open = b;
		*open_word(h, worker, queue) |= 1ull << queue % 64;
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
	l->row[HANDOFF_in_flight] += n;
	if (l->open->len >= OUT_BATCH_BYTES)
		hand_over(h, l);
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

void handoff_narrowed(struct handoff *h, unsigned worker, unsigned queue, unsigned n_more,
		      unsigned n_misfits)
{
	struct lane *l = lane_of(h, worker, queue);
	l->row[HANDOFF_narrowed] += n_more;
	l->row[HANDOFF_misfits] += n_misfits;
}

unsigned handoff_level(const struct handoff *h, unsigned worker, unsigned queue)
{
	const struct lane *l = lane_of(h, worker, queue);
	unsigned n = h->n_spares, out = l->spare ? l->n_spares_made - rte_ring_count(l->spare) : 0;
	return (out > n / 2) + (out > n * 3 / 4) + (out > n * 7 / 8);
}

void handoff_flush(struct handoff *h, unsigned worker, bool last)
{
	for (unsigned q = 0; q < h->n_queues; q += 64)
		for (uint64_t open = *open_word(h, worker, q); open; open &= open - 1) {
			struct lane *l = lane_of(h, worker, q + (unsigned)__builtin_ctzll(open));
			bool other = l->n_made < h->n_batches || !rte_ring_empty(l->free);
			if (l->open->n_recs && (last || other))
				hand_over(h, l);
		}
}

void handoff_stop_waiting(struct handoff *h)
{
	atomic_store(&h->stop_waiting, true);
}

/* A full batch of lane @at. Its bit goes first: what the worker puts behind that sets it again. */
static struct out_batch *take_of(struct handoff *h, unsigned at, atomic_ullong *ready)
{
	void *b = NULL;
	struct rte_ring *full = h->lanes[at].full;
	atomic_fetch_and_explicit(ready, ~(1ull << at % 64), memory_order_acq_rel);
	if (rte_ring_dequeue(full, &b) == 0 && !rte_ring_empty(full))
		atomic_fetch_or_explicit(ready, 1ull << at % 64, memory_order_relaxed);
	return b;
}

/* Of the lanes from @from up to @to. */
static struct out_batch *take_between(struct handoff *h, unsigned sink, unsigned from, unsigned to)
{
	while (from < to) {
		atomic_ullong *ready = &h->ready[sink * h->n_words + from / 64];
		uint64_t bits = atomic_load_explicit(ready, memory_order_relaxed) >> from % 64;
		if (!bits) {
			from = (from / 64 + 1) * 64;
			continue;
		}
		from += (unsigned)__builtin_ctzll(bits);
		struct out_batch *b = from < to ? take_of(h, from, ready) : NULL;
		from++;
		if (b) {
			h->next_lane[sink] = from < h->n_lanes ? from : 0;
			return b;
		}
	}
	return NULL;
}

struct out_batch *handoff_take(struct handoff *h, unsigned sink)
{
	unsigned next = h->next_lane[sink];
	struct out_batch *b = take_between(h, sink, next, h->n_lanes);
	return b ? b : take_between(h, sink, 0, next);
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
	rte_ring_enqueue(b < l->batches + h->n_batches ? l->free : l->spare, b);
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
