#include "dataplane/flow/seg_pool.h"

#include <errno.h>

#include "dataplane/base/mem.h"

static size_t header_size(uint32_t n_pages)
{
	return ((size_t)n_pages + 1) * sizeof(struct seg_page);
}

static size_t bytes_size(uint32_t n_pages)
{
	return ((size_t)n_pages + 1) * SEG_PAGE + SL_PAD;
}

int seg_pool_init(struct seg_pool *pool, uint32_t n_pages)
{
	*pool = (struct seg_pool){.n_pages = n_pages, .n_free = n_pages};
	pool->pages = mem_map(header_size(n_pages));
	pool->bytes = mem_map(bytes_size(n_pages));
	if (!pool->pages || !pool->bytes) {
		seg_pool_fini(pool);
		return -ENOMEM;
	}
	return 0;
}

void seg_pool_fini(struct seg_pool *pool)
{
	if (pool->pages)
		mem_unmap(pool->pages, header_size(pool->n_pages));
	if (pool->bytes)
		mem_unmap(pool->bytes, bytes_size(pool->n_pages));
	*pool = (struct seg_pool){0};
}

uint32_t seg_pool_get(struct seg_pool *pool)
{
	uint32_t page = pool->free;
	if (page)
		pool->free = pool->pages[page].right;
	else if (pool->n_touched < pool->n_pages)
		page = ++pool->n_touched;
	else
		return 0;
	pool->n_free--;
	pool->pages[page] = (struct seg_page){0};
	return page;
}

void seg_pool_spend(struct seg_pool *pool, uint32_t page)
{
	pool->pages[page].right = pool->spent_head;
	pool->spent_head = page;
	if (!pool->spent_tail)
		pool->spent_tail = page;
	pool->n_spent++;
}

void seg_pool_release(struct seg_pool *pool)
{
	if (!pool->spent_head)
		return;
	pool->pages[pool->spent_tail].right = pool->free;
	pool->free = pool->spent_head;
	pool->n_free += pool->n_spent;
	pool->spent_head = pool->spent_tail = pool->n_spent = 0;
}
