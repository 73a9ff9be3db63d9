#include "dataplane/sink/batch_ring.h"

#include <stdatomic.h>

#include "dataplane/base/mem.h"

struct slot {
	struct out_batch *b;
	struct shipper_outcome o;
};

/* Heads count for ever; a slot is the head's lowest bits. Each has a cache line of its own. */
struct batch_ring {
	struct slot *slots;
	unsigned mask;
	_Alignas(64) atomic_uint put;
	_Alignas(64) atomic_uint got;
};

struct batch_ring *batch_ring_create(unsigned n)
{
	struct batch_ring *r = mem_alloc(sizeof(*r));
	unsigned cap = 1;
	while (cap < n)
		cap *= 2;
	if (!r)
		return NULL;
	r->mask = cap - 1;
	r->slots = mem_alloc(cap * sizeof(*r->slots));
	if (!r->slots) {
		mem_free(r);
		return NULL;
	}
	return r;
}

void batch_ring_destroy(struct batch_ring *r)
{
	if (!r)
		return;
	mem_free(r->slots);
	mem_free(r);
}

bool batch_ring_put(struct batch_ring *r, struct out_batch *b, const struct shipper_outcome *o)
{
	unsigned at = atomic_load_explicit(&r->put, memory_order_relaxed);
	if (at - atomic_load_explicit(&r->got, memory_order_acquire) > r->mask)
		return false;
	r->slots[at & r->mask] = (struct slot){b, o ? *o : (struct shipper_outcome){0}};
	atomic_store_explicit(&r->put, at + 1, memory_order_release);
	return true;
}

struct out_batch *batch_ring_get(struct batch_ring *r, struct shipper_outcome *ret_o)
{
	unsigned at = atomic_load_explicit(&r->got, memory_order_relaxed);
	if (at == atomic_load_explicit(&r->put, memory_order_acquire))
		return NULL;
	struct slot s = r->slots[at & r->mask];
	atomic_store_explicit(&r->got, at + 1, memory_order_release);
	if (ret_o)
		*ret_o = s.o;
	return s.b;
}
