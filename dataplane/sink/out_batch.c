#include "dataplane/sink/out_batch.h"

#include <errno.h>

#include "dataplane/base/mem.h"

int out_batch_init(struct out_batch *b, size_t cap)
{
	*b = (struct out_batch){.buf = mem_map(cap), .cap = cap};
	return b->buf ? 0 : -ENOMEM;
}

void out_batch_fini(struct out_batch *b)
{
	mem_unmap(b->buf, b->cap);
	*b = (struct out_batch){0};
}
