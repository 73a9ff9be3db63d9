#include "dataplane/sink/out_batch.h"

#include <errno.h>
#include <string.h>

#include "dataplane/base/mem.h"

void out_batch_place(struct out_batch *b, uint8_t *memory, size_t cap)
{
	*b = (struct out_batch){.ends = (uint32_t *)memory,
				.buf = memory + OUT_BATCH_HEAD,
				.cap = cap,
				.recs_max = OUT_BATCH_RECS_MAX};
}

void out_batch_place_small(struct out_batch *b, uint8_t *memory)
{
	const size_t ends = OUT_BATCH_SMALL_RECS * sizeof(*b->ends);
	*b = (struct out_batch){.ends = (uint32_t *)memory,
				.buf = memory + ends,
				.cap = OUT_BATCH_SMALL - ends,
				.recs_max = OUT_BATCH_SMALL_RECS};
}

void out_batch_grow(struct out_batch *b, uint8_t *memory, size_t cap)
{
	const struct out_batch was = *b;
	b->ends = (uint32_t *)memory;
	b->cap = cap;
	b->recs_max = OUT_BATCH_RECS_MAX;
	out_batch_lay(b, was.pos);
	memcpy(b->ends, was.ends, was.n_recs * sizeof(*was.ends));
	memcpy(b->buf, was.buf, was.len);
}

int out_batch_init(struct out_batch *b, size_t cap)
{
	uint8_t *memory = mem_map(out_batch_room(cap));
	*b = (struct out_batch){0};
	if (memory)
		out_batch_place(b, memory, cap);
	return memory ? 0 : -ENOMEM;
}

void out_batch_init_marks(struct out_batch *b)
{
	uint8_t *memory = (uint8_t *)b->ends;
	b->marks = (struct out_mark *)(memory + OUT_BATCH_MARKS);
	b->mark_buf = memory + OUT_BATCH_TEXTS;
}

void out_batch_fini(struct out_batch *b)
{
	mem_unmap(b->ends, out_batch_room(b->cap));
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
