#include "dataplane/rec/rec.h"

#include <errno.h>

#include "dataplane/base/mem.h"
#include "dataplane/rec/json_text.h"

int schema_init(struct schema *s, const struct field_def *fields, uint16_t n_fields)
{
	*s = (struct schema){.fields = fields, .n_fields = n_fields};
	s->json = mem_alloc(n_fields * sizeof(*s->json));
	if (!s->json)
		return -ENOMEM;
	for (unsigned i = 0; i < n_fields; i++) {
		struct slice name = slice_str(fields[i].name);
		uint8_t *text = mem_alloc(JSON_TEXT_FACTOR * name.len + 3);
		bool invalid = false;
		if (!text) {
			schema_fini(s);
			return -ENOMEM;
		}
		text[0] = '"';
		size_t len = 1 + json_text_put(text + 1, name.ptr, name.len, &invalid);
		memcpy(text + len, "\":", 2);
		s->json[i] = slice_of(text, len + 2);
		s->json_bytes += (uint32_t)len + 2;
	}
	return 0;
}

void schema_fini(struct schema *s)
{
	for (unsigned i = 0; s->json && i < s->n_fields; i++)
		mem_free((void *)s->json[i].ptr);
	mem_free(s->json);
	*s = (struct schema){0};
}

void rec_begin(struct rec_builder *rb, struct batch *b, const struct schema *schema)
{
	assert(schema->n_fields <= REC_FIXED_MAX);
	rb->b = b;
	rb->schema = schema;
	rb->stream = (struct val){0};
	rb->change = NULL;
	rb->n_pairs = 0;
	rb->n_pairs_lost = 0;
	rb->full = false;
	memset(rb->fixed, 0, schema->n_fields * sizeof(rb->fixed[0]));
}

struct val rec_make8(struct rec_builder *rb, enum val_type type, const void *v)
{
	uint32_t off = arena_take8(&rb->b->arena, 8);
	if (!off) {
		rb->full = true;
		return (struct val){0};
	}
	memcpy(rb->b->arena.base + off, v, 8);
	return val_of(type, off, 8);
}

struct val rec_make_text(struct rec_builder *rb, enum val_type type, struct slice text)
{
	uint32_t off = text.len <= VAL_LEN_MAX ? arena_copy(&rb->b->arena, text.ptr, text.len) : 0;
	if (!off) {
		rb->full = true;
		return (struct val){0};
	}
	return val_of(type, off, text.len);
}

void rec_set_str(struct rec_builder *rb, unsigned i, struct slice text)
{
	rb->fixed[i] = rec_make_text(rb, VAL_STR, text);
}

void rec_set_i64(struct rec_builder *rb, unsigned i, int64_t v)
{
	rb->fixed[i] = rec_make8(rb, VAL_I64, &v);
}

void rec_set_time(struct rec_builder *rb, unsigned i, int64_t ns)
{
	rb->fixed[i] = rec_make8(rb, VAL_TIME, &ns);
}

void rec_pair(struct rec_builder *rb, struct val key, struct val v)
{
	if (rb->n_pairs == REC_PAIRS_MAX) {
		rb->n_pairs_lost++;
		return;
	}
	rb->pairs[2 * rb->n_pairs] = key;
	rb->pairs[2 * rb->n_pairs + 1] = v;
	rb->n_pairs++;
}

struct rec *rec_end(struct rec_builder *rb)
{
	struct batch *b = rb->b;
	size_t fixed = rb->schema->n_fields * sizeof(struct val);
	size_t pairs = rb->n_pairs * 2 * sizeof(struct val);
	if (rb->full || b->n_recs == BATCH_RECS_MAX)
		return NULL;
	uint32_t off = arena_take8(&b->arena, sizeof(struct rec) + fixed + pairs);
	if (!off)
		return NULL;
	struct rec *r = (struct rec *)(b->arena.base + off);
	*r = (struct rec){.schema = rb->schema,
			  .n_pairs = (uint16_t)rb->n_pairs,
			  .stream = rb->stream,
			  .change = rb->change};
	memcpy(r->vals, rb->fixed, fixed);
	memcpy(r->vals + rb->schema->n_fields, rb->pairs, pairs);
	b->recs[b->n_recs++] = r;
	return r;
}
