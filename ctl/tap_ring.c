#include "ctl/tap_ring.h"

#include <assert.h>
#include <errno.h>

#include "dataplane/base/mem.h"

#define GOES_ON UINT32_MAX /* in place of a length: at the beginning */

struct head {
	uint32_t len, side;
	uint64_t time_ns;
};
static_assert(sizeof(struct head) == 16, "records stand at multiples of it");

static size_t whole(size_t len)
{
	return (sizeof(struct head) + len + 15) & ~(size_t)15;
}

int tap_ring_init(struct tap_ring *r, size_t cap)
{
	*r = (struct tap_ring){.cap = cap & ~(size_t)15};
	r->buf = mem_map(cap);
	return r->buf ? 0 : -ENOMEM;
}

void tap_ring_fini(struct tap_ring *r)
{
	if (r->buf)
		mem_unmap(r->buf, r->cap);
	r->buf = NULL;
}

static struct head *head_at(const struct tap_ring *r, size_t pos)
{
	return (struct head *)(r->buf + pos % r->cap);
}

uint8_t *tap_ring_room(struct tap_ring *r, size_t len)
{
	size_t put = atomic_load_explicit(&r->put, memory_order_relaxed);
	size_t left = r->cap - (put - atomic_load_explicit(&r->taken, memory_order_acquire));
	size_t to_end = r->cap - put % r->cap, need = whole(len + SL_PAD);
	size_t skip = need > to_end ? to_end : 0;
	if (len > r->cap || need + skip > left)
		return NULL;
	if (skip)
		head_at(r, put)->len = GOES_ON;
	r->at = put + skip;
	return (uint8_t *)(head_at(r, r->at) + 1);
}

void tap_ring_put(struct tap_ring *r, size_t len, unsigned side, uint64_t time_ns)
{
	*head_at(r, r->at) = (struct head){.len = (uint32_t)len, .side = side, .time_ns = time_ns};
	atomic_store_explicit(&r->put, r->at + whole(len), memory_order_release);
}

bool tap_ring_next(struct tap_ring *r, struct slice *ret_rec, unsigned *ret_side,
		   uint64_t *ret_time_ns)
{
	size_t taken = atomic_load_explicit(&r->taken, memory_order_relaxed);
	if (taken == atomic_load_explicit(&r->put, memory_order_acquire))
		return false;
	const struct head *h = head_at(r, taken);
	if (h->len == GOES_ON) {
		atomic_store_explicit(&r->taken, taken + r->cap - taken % r->cap,
				      memory_order_release);
		h = head_at(r, 0);
	}
	*ret_rec = slice_of((const uint8_t *)(h + 1), h->len);
	*ret_side = h->side;
	*ret_time_ns = h->time_ns;
	return true;
}

void tap_ring_done(struct tap_ring *r)
{
	size_t taken = atomic_load_explicit(&r->taken, memory_order_relaxed);
	atomic_store_explicit(&r->taken, taken + whole(head_at(r, taken)->len),
			      memory_order_release);
}
