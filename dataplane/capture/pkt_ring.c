#include "dataplane/capture/pkt_ring.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "dataplane/base/mem.h"

#define ALIGN    32u
#define TO_START UINT32_MAX /* as cap_len: the next packet stands at the start of the ring */

/* Stands in front of each packet. */
struct head {
	uint32_t cap_len, wire_len;
	uint16_t link, port;
	uint32_t pad;
	uint64_t time_ns, number;
};

static_assert(sizeof(struct head) == ALIGN, "packets are aligned to the head");

static uint64_t bytes_of(uint32_t cap_len)
{
	return sizeof(struct head) + (((uint64_t)cap_len + ALIGN - 1) & ~(uint64_t)(ALIGN - 1));
}

int pkt_ring_init(struct pkt_ring *r, size_t bytes, struct err *e)
{
	size_t cap = PKT_RING_BYTES_MIN;
	while (cap < bytes)
		cap *= 2;
	*r = (struct pkt_ring){.mask = cap - 1};
	r->bytes = mem_map(cap);
	return r->bytes ? 0 : err_set(e, -ENOMEM, "no memory for a ring of %zu bytes", cap);
}

void pkt_ring_fini(struct pkt_ring *r)
{
	if (r->bytes)
		mem_unmap(r->bytes, r->mask + 1);
}

static struct head *head_at(const struct pkt_ring *r, uint64_t at)
{
	return (struct head *)(r->bytes + (at & r->mask));
}

bool pkt_ring_put(struct pkt_ring *r, const struct pkt_raw *p)
{
	uint64_t need = bytes_of(p->cap_len), to_end = r->mask + 1 - (r->at & r->mask);
	uint64_t skip = need > to_end ? to_end : 0;
	uint64_t room = r->mask + 1 - (r->at - r->given_back_seen);
	if (room < skip + need) {
		r->given_back_seen = atomic_load_explicit(&r->given_back, memory_order_acquire);
		room = r->mask + 1 - (r->at - r->given_back_seen);
	}
	if (room < skip + need) {
		r->n_full++;
		return false;
	}
	if (skip)
		head_at(r, r->at)->cap_len = TO_START;
	struct head *h = head_at(r, r->at + skip);
	*h = (struct head){.cap_len = p->cap_len,
			   .wire_len = p->wire_len,
			   .link = p->link,
			   .port = p->port,
			   .time_ns = p->time_ns,
			   .number = p->number};
	memcpy(h + 1, p->ptr, p->cap_len);
	r->at += skip + need;
	r->n_put++;
	return true;
}

void pkt_ring_publish(struct pkt_ring *r)
{
	atomic_store_explicit(&r->told_full, r->n_full, memory_order_relaxed);
	atomic_store_explicit(&r->told_put, r->n_put, memory_order_relaxed);
	atomic_store_explicit(&r->put, r->at, memory_order_release);
}

bool pkt_ring_peek(struct pkt_ring *r, struct pkt_raw *ret_p)
{
	if (r->from == r->put_seen) {
		r->put_seen = atomic_load_explicit(&r->put, memory_order_acquire);
		if (r->from == r->put_seen)
			return false;
	}
	const struct head *h = head_at(r, r->from);
	if (h->cap_len == TO_START) {
		r->from += r->mask + 1 - (r->from & r->mask);
		h = head_at(r, r->from);
	}
	*ret_p = (struct pkt_raw){.ptr = (const uint8_t *)(h + 1),
				  .cap_len = h->cap_len,
				  .wire_len = h->wire_len,
				  .time_ns = h->time_ns,
				  .number = h->number,
				  .link = h->link,
				  .port = h->port};
	return true;
}

void pkt_ring_next(struct pkt_ring *r, const struct pkt_raw *p)
{
	r->from += bytes_of(p->cap_len);
	r->n_taken++;
}

void pkt_ring_give_back(struct pkt_ring *r)
{
	atomic_store_explicit(&r->given_back, r->from, memory_order_release);
}

bool pkt_ring_is_filling(struct pkt_ring *r)
{
	r->put_seen = atomic_load_explicit(&r->put, memory_order_acquire);
	return r->put_seen - r->from > r->mask / 2;
}

void pkt_ring_settle_here(struct pkt_ring *r)
{
	/* Keeps what is there, so that the other side may write already. A kernel without it takes
	 * memory where it is first written to.
	 */
#ifdef MADV_POPULATE_WRITE
	madvise(r->bytes, r->mask + 1, MADV_POPULATE_WRITE);
#endif
}
