#include "dataplane/sink/recent.h"

#include <stdatomic.h>
#include <xxhash.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/out_hops.h"

/* The hash is 0 while the rest is written. */
struct place {
	_Atomic uint64_t hash;
	_Atomic int64_t offset;
	_Atomic int32_t partition;
};

struct recent {
	struct place *places;
	size_t n; /* a power of two */
};

struct recent *recent_create(size_t n_tables)
{
	struct recent *r = mem_alloc(sizeof(*r));
	if (!r)
		return NULL;
	r->n = RECENT_RECS;
	while (r->n > 1 && recent_bytes(r) * n_tables > RECENT_BYTES)
		r->n /= 2;
	r->places = mem_map(recent_bytes(r));
	if (!r->places) {
		mem_free(r);
		return NULL;
	}
	if (r->n < RECENT_RECS)
		mem_small_pages(r->places, recent_bytes(r));
	return r;
}

size_t recent_bytes(const struct recent *r)
{
	return r->n * sizeof(struct place);
}

void recent_destroy(struct recent *r)
{
	if (!r)
		return;
	mem_unmap(r->places, recent_bytes(r));
	mem_free(r);
}

static uint64_t hash_of(struct slice id)
{
	uint64_t hash = XXH3_64bits(id.ptr, id.len);
	return hash ? hash : 1;
}

static struct slice id_of(const struct out_batch *b, uint32_t rec)
{
	const char *id;
	struct slice hop;
	int len = out_batch_id(b, rec, &id);
	if (len > 0)
		return slice_of((const uint8_t *)id, (size_t)len);
	return b->marks && b->marks[rec].id_len ? out_hops_id(b, &b->marks[rec], &hop)
						: (struct slice){0};
}

void recent_add(struct recent *r, const struct out_batch *b, uint32_t rec, uint32_t n,
		int32_t partition, int64_t offset)
{
	for (uint32_t i = rec; i < rec + n; i++) {
		struct slice id = id_of(b, i);
		if (!id.len)
			continue;
		uint64_t hash = hash_of(id);
		struct place *p = &r->places[hash & (r->n - 1)];
		atomic_store_explicit(&p->hash, 0, memory_order_relaxed);
		atomic_thread_fence(memory_order_release);
		atomic_store_explicit(&p->offset, offset, memory_order_relaxed);
		atomic_store_explicit(&p->partition, partition, memory_order_relaxed);
		atomic_store_explicit(&p->hash, hash, memory_order_release);
	}
}

bool recent_find(const struct recent *r, struct slice id, int32_t *ret_partition,
		 int64_t *ret_offset)
{
	uint64_t hash = hash_of(id);
	const struct place *p = &r->places[hash & (r->n - 1)];
	if (atomic_load_explicit(&p->hash, memory_order_acquire) != hash)
		return false;
	*ret_offset = atomic_load_explicit(&p->offset, memory_order_relaxed);
	*ret_partition = atomic_load_explicit(&p->partition, memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&p->hash, memory_order_relaxed) == hash;
}
