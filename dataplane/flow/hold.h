/* hold.h - the early bytes of one direction, by their position in the stream.
 *
 * In:     ranges of bytes, in any order, overlapping as they like: the first ones win.
 * Out:    runs, from the lowest position on.
 * Owns:   its pages, in a splay tree by page number.
 * Runs:   worker.
 * Limits: the caller asks hold_pages_max() before it puts, and sees to it that the pool has these.
 *
 * Why a splay tree: m look-ups cost O(m log n) whatever the order of the positions, which a sender
 * chooses; the usual order (rising) costs O(1) each; it needs two links a page and no balance.
 */
#ifndef SL_FLOW_HOLD_H
#define SL_FLOW_HOLD_H

#include "dataplane/flow/seg_pool.h"

struct hold {
	uint32_t root;
	uint32_t n_pages;
	uint32_t n_runs; /* of all pages: events that these bytes and the cuts between can make */
};

enum hold_kind { HOLD_NONE, HOLD_BYTES, HOLD_CUT };

/* A run inside one page. */
struct hold_run {
	enum hold_kind kind;
	uint32_t len;
	uint64_t pos;
	uint64_t first_ns, time_ns, number; /* of its page */
	const uint8_t *ptr;                 /* HOLD_BYTES; good until seg_pool_release */
};

struct hold_source {
	uint64_t time_ns, number; /* of the packet */
};

/* What became of the bytes of one hold_put. */
struct hold_sum {
	uint32_t stored;
	uint32_t same;    /* were there already */
	uint32_t differs; /* were there already with another value */
};

/* Pages that a range can touch. */
static inline uint32_t hold_pages_max(uint64_t pos, uint64_t len)
{
	return len ? (uint32_t)(((pos + len - 1) >> SEG_PAGE_SHIFT) - (pos >> SEG_PAGE_SHIFT)) + 1
		   : 0;
}

/* Puts the bytes that are not there. */
struct hold_sum hold_put(struct hold *h, struct seg_pool *pool, uint64_t pos, struct slice bytes,
			 const struct hold_source *src);

/* Marks @len bytes as cut off by the capture, where there are none. */
void hold_put_cut(struct hold *h, struct seg_pool *pool, uint64_t pos, uint64_t len,
		  const struct hold_source *src);

/* The lowest run. Kind HOLD_NONE when nothing is held; then all pages are spent. */
struct hold_run hold_first(struct hold *h, struct seg_pool *pool);

/* Forgets the first @len bytes of the lowest run. */
void hold_eat(struct hold *h, struct seg_pool *pool, const struct hold_run *r, uint32_t len);

#endif
