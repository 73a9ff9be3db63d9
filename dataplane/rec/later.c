#include "dataplane/rec/later.h"

struct val later_settle(struct arena *a, struct val v)
{
	return later_settle_some(a, v, NULL);
}

struct val later_settle_some(struct arena *a, struct val v, struct later_pick *pick)
{
	if (v.type != VAL_LATER)
		return v;
	size_t max = (size_t)JSON_TEXT_FACTOR * v.len + LATER_SLACK;
	if (max > arena_left(a))
		return (struct val){0};
	uint32_t off = (uint32_t)a->used;
	struct later *l = (struct later *)(a->base + v.off);
	uint8_t *out = a->base + off;
	uint8_t *end =
		pick && l->kind->put_some ? l->kind->put_some(l, pick, out) : l->kind->put(l, out);
	size_t len = (size_t)(end - out);
	if (len > VAL_LEN_MAX)
		return (struct val){0};
	a->used += len;
	return val_of(VAL_JSON, off, len);
}

struct rec *rec_settled(struct batch *b, struct rec *r)
{
	if (!(r->flags & REC_LATER))
		return r;
	unsigned n = r->schema->n_fields + 2u * r->n_pairs;
	size_t bytes = sizeof(*r) + n * sizeof(struct val);
	uint32_t off = arena_take8(&b->arena, bytes);
	if (!off)
		return NULL;
	struct rec *copy = (struct rec *)(b->arena.base + off);
	memcpy(copy, r, bytes);
	copy->flags &= (uint8_t)~REC_LATER;
	for (unsigned i = 0; i < n; i++) {
		struct val v = later_settle(&b->arena, r->vals[i]);
		if (v.type == VAL_ABSENT && r->vals[i].type != VAL_ABSENT)
			return NULL;
		copy->vals[i] = v;
	}
	return copy;
}
