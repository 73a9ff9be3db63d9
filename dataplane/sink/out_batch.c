#include "dataplane/sink/out_batch.h"

#include <errno.h>

#include "dataplane/base/mem.h"

int out_batch_init(struct out_batch *b, size_t cap)
{
	*b = (struct out_batch){.buf = mem_map(cap), .cap = cap};
	return b->buf ? 0 : -ENOMEM;
}

int out_batch_init_marks(struct out_batch *b)
{
	b->marks = mem_alloc(OUT_BATCH_RECS_MAX * sizeof(*b->marks));
	b->mark_buf = mem_alloc(OUT_MARK_BYTES);
	return b->marks && b->mark_buf ? 0 : -ENOMEM;
}

void out_batch_fini(struct out_batch *b)
{
	mem_free(b->marks);
	mem_free(b->mark_buf);
	mem_unmap(b->buf, b->cap);
	*b = (struct out_batch){0};
}
