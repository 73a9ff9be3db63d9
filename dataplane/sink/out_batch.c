#include "dataplane/sink/out_batch.h"

#include <errno.h>
#include <string.h>

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

int out_batch_id(const struct out_batch *b, uint32_t rec, const char **ret_id)
{
	static const char key[] = "{\"_id\":\"";
	const uint8_t *p = b->buf + (rec ? b->ends[rec - 1] : 0);
	size_t len = (size_t)(b->buf + b->ends[rec] - p);
	*ret_id = "";
	if (len < sizeof(key) || memcmp(p, key, sizeof(key) - 1) != 0)
		return 0;
	p += sizeof(key) - 1;
	const uint8_t *end = memchr(p, '"', len - (sizeof(key) - 1));
	*ret_id = (const char *)p;
	return end && end - p <= OUT_ID_MAX ? (int)(end - p) : 0;
}
