/* seg_pool.h - pages for bytes that came early, all of one size, all taken at start.
 *
 * In:     -
 * Out:    page numbers, 1-based; 0 is "none".
 * Owns:   one mapping of page bytes, one of page headers; memory is touched only as used, and the
 *         page used last is used next.
 * Runs:   worker.
 * Limits: the number of pages given at start. A page that was spent (its bytes stand in events) is
 *         free again after seg_pool_release.
 *
 * Why pages of the stream's own address space, with a bit for each byte, and not a list of
 * segments: a page is found by its number alone, so a flood of one-byte segments, in any order,
 * costs a look-up each and no search; overlaps are settled byte by byte by looking at the bits; and
 * a thousand tiny segments in a row share one page.
 */
#ifndef SL_FLOW_SEG_POOL_H
#define SL_FLOW_SEG_POOL_H

#include "dataplane/base/slice.h"

#define SEG_PAGE_SHIFT 11
#define SEG_PAGE       (1u << SEG_PAGE_SHIFT) /* bytes of a page */
#define SEG_WORDS      (SEG_PAGE / 64)

struct seg_page {
	uint64_t no;       /* position in the stream >> SEG_PAGE_SHIFT */
	uint64_t first_ns; /* packet time of the first bytes put here */
	uint64_t time_ns;  /* and of the last */
	uint64_t number;   /* the packet that brought the last */
	uint32_t left, right;
	uint32_t n_runs; /* runs of bits in have and in cut: as many events at most */
	uint32_t pad;
	uint64_t have[SEG_WORDS]; /* the byte is here */
	uint64_t cut[SEG_WORDS];  /* the byte was on the wire, the capture cut it off */
};

/* What a page costs, bytes and header. */
#define SEG_PAGE_COST (SEG_PAGE + sizeof(struct seg_page))

struct seg_pool {
	struct seg_page *pages; /* [0] is the tree's "none" */
	uint8_t *bytes;
	uint32_t n_pages;
	uint32_t n_touched;
	uint32_t n_free; /* never touched ones too */
	uint32_t free;   /* list by right */
	uint32_t spent_head, spent_tail, n_spent;
};

/* Returns 0 or -ENOMEM. */
int seg_pool_init(struct seg_pool *pool, uint32_t n_pages);
void seg_pool_fini(struct seg_pool *pool);

/* A page with no bits set, or 0 when there is none. */
uint32_t seg_pool_get(struct seg_pool *pool);

/* The page's bytes stay readable until seg_pool_release. */
void seg_pool_spend(struct seg_pool *pool, uint32_t page);
void seg_pool_release(struct seg_pool *pool);

static inline uint8_t *seg_bytes(const struct seg_pool *pool, uint32_t page)
{
	return pool->bytes + ((size_t)page << SEG_PAGE_SHIFT);
}

#endif
