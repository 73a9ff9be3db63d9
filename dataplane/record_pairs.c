#include "dataplane/record_pairs.h"

#include <string.h>
#include <xxhash.h>

#include "dataplane/base/mem.h"

#define SLOTS         (2 * PAIRS_WAITING_MAX) /* a power of two */
#define NONE          UINT32_MAX
#define TEXT_BYTES    (16u << 20) /* lines that wait, in the order of their coming */
#define LINE_MAX      (64u << 10)
#define SAMPLES_BYTES (8u << 20)

const char *const pair_fate_names[PAIR_N_FATES] = {"same", "changed", "removed", "added"};

struct waiting {
	uint64_t key, hash, until_ns;
	uint64_t text; /* where it was put, ever counted on */
	uint32_t len;  /* 0: not kept */
	uint32_t next; /* of the slot */
	uint16_t queue;
	uint8_t side;
	bool gone;
};

struct record_pairs {
	unsigned n_queues, samples_max;
	uint64_t (*counts)[PAIR_N_FATES];
	uint64_t now_ns;
	struct waiting *ring; /* in the order of their coming */
	uint32_t first, n;
	uint32_t *slots;
	uint8_t *text;
	uint64_t text_end;
	uint8_t *sample_text;
	size_t sample_end;
	struct pair_sample samples[PAIRS_SAMPLES_MAX];
	atomic_uint n_samples;
};

struct record_pairs *record_pairs_create(unsigned n_queues, unsigned samples_max)
{
	struct record_pairs *p = mem_alloc(sizeof(*p));
	if (!p)
		return NULL;
	p->n_queues = n_queues;
	p->samples_max = samples_max;
	p->counts = mem_alloc((n_queues + 1) * sizeof(*p->counts));
	p->ring = mem_map(PAIRS_WAITING_MAX * sizeof(*p->ring));
	p->slots = mem_map(SLOTS * sizeof(*p->slots));
	p->text = mem_map(TEXT_BYTES);
	p->sample_text = mem_map(SAMPLES_BYTES);
	if (!p->counts || !p->ring || !p->slots || !p->text || !p->sample_text) {
		record_pairs_destroy(p);
		return NULL;
	}
	memset(p->slots, 0xff, SLOTS * sizeof(*p->slots));
	return p;
}

void record_pairs_destroy(struct record_pairs *p)
{
	if (!p)
		return;
	mem_free(p->counts);
	if (p->ring)
		mem_unmap(p->ring, PAIRS_WAITING_MAX * sizeof(*p->ring));
	if (p->slots)
		mem_unmap(p->slots, SLOTS * sizeof(*p->slots));
	if (p->text)
		mem_unmap(p->text, TEXT_BYTES);
	if (p->sample_text)
		mem_unmap(p->sample_text, SAMPLES_BYTES);
	mem_free(p);
}

/* {"_id":"...", is how each line begins. */
uint64_t record_pairs_key(struct slice line, uint64_t queue)
{
	static const char head[] = "{\"_id\":\"";
	size_t n = sizeof(head) - 1, id = 0;
	if (slice_starts(line, slice_of(head, n)))
		while (n + id < line.len && line.ptr[n + id] != '"')
			id++;
	return XXH3_64bits_withSeed(line.ptr + (id ? n : 0), id, queue);
}

/* ---- samples ---- */

static struct slice keep_sample(struct record_pairs *p, struct slice line)
{
	if (!line.len || line.len > SAMPLES_BYTES - p->sample_end)
		return (struct slice){0};
	uint8_t *to = p->sample_text + p->sample_end;
	memcpy(to, line.ptr, line.len);
	p->sample_end += line.len;
	return slice_of(to, line.len);
}

static void settle(struct record_pairs *p, unsigned queue, enum pair_fate fate, struct slice old,
		   struct slice new)
{
	uint64_t *count = &p->counts[queue][fate];
	unsigned n = atomic_load_explicit(&p->n_samples, memory_order_relaxed);
	if (fate != PAIR_SAME && *count < p->samples_max && n < PAIRS_SAMPLES_MAX) {
		p->samples[n] = (struct pair_sample){
			.queue = queue,
			.fate = fate,
			.old = keep_sample(p, old),
			.new = keep_sample(p, new),
		};
		atomic_store_explicit(&p->n_samples, n + 1, memory_order_release);
	}
	__atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
}

bool record_pairs_sample(const struct record_pairs *p, unsigned i, struct pair_sample *ret)
{
	bool there = i < atomic_load_explicit(&p->n_samples, memory_order_acquire);
	if (there)
		*ret = p->samples[i];
	return there;
}

uint64_t record_pairs_count(const struct record_pairs *p, unsigned queue, enum pair_fate fate)
{
	return __atomic_load_n(&p->counts[queue][fate], __ATOMIC_RELAXED);
}

/* ---- those that wait ---- */

/* The ring of texts goes on without end; what is older than its size is gone. */
static uint64_t put_text(struct record_pairs *p, struct slice line)
{
	if (p->text_end % TEXT_BYTES + line.len > TEXT_BYTES)
		p->text_end += TEXT_BYTES - p->text_end % TEXT_BYTES;
	uint64_t at = p->text_end;
	memcpy(p->text + at % TEXT_BYTES, line.ptr, line.len);
	p->text_end += line.len;
	return at;
}

static struct slice text_of(const struct record_pairs *p, const struct waiting *w)
{
	if (w->len == 0 || p->text_end - w->text > TEXT_BYTES)
		return (struct slice){0};
	return slice_of(p->text + w->text % TEXT_BYTES, w->len);
}

static uint32_t *slot_of(struct record_pairs *p, uint64_t key)
{
	return &p->slots[key & (SLOTS - 1)];
}

static void unlink_waiting(struct record_pairs *p, uint32_t at)
{
	uint32_t *link = slot_of(p, p->ring[at].key);
	while (*link != at)
		link = &p->ring[*link].next;
	*link = p->ring[at].next;
	p->ring[at].gone = true;
}

/* The first in front stays alone, or has gone by now. */
static void drop_first(struct record_pairs *p)
{
	uint32_t at = p->first;
	struct waiting *w = &p->ring[at];
	if (!w->gone) {
		struct slice line = text_of(p, w), none = {0};
		unlink_waiting(p, at);
		if (w->side == PAIR_OLD)
			settle(p, w->queue, PAIR_ONLY_OLD, line, none);
		else
			settle(p, w->queue, PAIR_ONLY_NEW, none, line);
	}
	p->first = (at + 1) % PAIRS_WAITING_MAX;
	p->n--;
}

static void wait_for_other(struct record_pairs *p, enum pair_side side, unsigned queue,
			   uint64_t key, uint64_t hash, struct slice line)
{
	if (p->n == PAIRS_WAITING_MAX)
		drop_first(p);
	uint32_t at = (p->first + p->n++) % PAIRS_WAITING_MAX;
	bool keep = line.len <= LINE_MAX;
	p->ring[at] = (struct waiting){.key = key,
				       .hash = hash,
				       .until_ns = p->now_ns + PAIRS_WAIT_NS,
				       .text = keep ? put_text(p, line) : 0,
				       .len = keep ? (uint32_t)line.len : 0,
				       .next = NONE,
				       .queue = (uint16_t)queue,
				       .side = (uint8_t)side};
	uint32_t *link = slot_of(p, key);
	while (*link != NONE)
		link = &p->ring[*link].next;
	*link = at;
}

/* Of several with one _id the first of a side is that of the other. */
void record_pairs_add(struct record_pairs *p, enum pair_side side, unsigned queue,
		      struct slice line)
{
	uint64_t key = record_pairs_key(line, queue), hash = XXH3_64bits(line.ptr, line.len);
	uint32_t at = *slot_of(p, key);
	while (at != NONE &&
	       (p->ring[at].key != key || p->ring[at].side == side || p->ring[at].queue != queue))
		at = p->ring[at].next;
	if (at == NONE) {
		wait_for_other(p, side, queue, key, hash, line);
		return;
	}
	struct slice other = text_of(p, &p->ring[at]);
	unlink_waiting(p, at);
	if (p->ring[at].hash == hash)
		settle(p, queue, PAIR_SAME, other, line);
	else if (side == PAIR_NEW)
		settle(p, queue, PAIR_CHANGED, other, line);
	else
		settle(p, queue, PAIR_CHANGED, line, other);
}

void record_pairs_advance(struct record_pairs *p, uint64_t now_ns)
{
	p->now_ns = now_ns > p->now_ns ? now_ns : p->now_ns;
	for (unsigned i = 0; i < PAIRS_DROPPED_AT_ONCE && p->n; i++) {
		const struct waiting *w = &p->ring[p->first];
		if (!w->gone && w->until_ns > p->now_ns)
			break;
		drop_first(p);
	}
}

bool record_pairs_finish(struct record_pairs *p)
{
	for (unsigned i = 0; i < PAIRS_DROPPED_AT_ONCE && p->n; i++)
		drop_first(p);
	return p->n == 0;
}
