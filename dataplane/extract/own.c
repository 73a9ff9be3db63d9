#include "dataplane/extract/own.h"

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"

/* Keys that begin with '_' were sluice's own before: the one that json.h put in front goes. */
static struct val own_key(const struct rec_builder *rb, struct val key)
{
	if (key.type == VAL_JSTR && key.len && rb->b->arena.base[key.off] == '_')
		return val_of(VAL_JSTR, key.off + 1, key.len - 1u);
	return key;
}

/* The fixed field of this name, or -1. */
static int find_fixed(const struct rec_builder *rb, struct val key)
{
	const uint8_t *text = rb->b->arena.base + key.off;
	for (unsigned i = 0; key.type == VAL_JSTR && i < rb->schema->n_fields; i++) {
		struct slice json = rb->schema->json[i]; /* "name": */
		if (json.len == key.len + 3u && memcmp(json.ptr + 1, text, key.len) == 0)
			return (int)i;
	}
	return -1;
}

static struct val time_val(struct rec_builder *rb, struct slice text)
{
	int64_t ns;
	if (text.len == 0 || civil_read_rfc3339(text, &ns) != text.len)
		return (struct val){0};
	return rec_make8(rb, VAL_TIME, &ns);
}

static struct val int_val(struct rec_builder *rb, enum val_type type, struct slice text)
{
	uint64_t v;
	bool minus = type == VAL_I64 && text.len && *text.ptr == '-';
	uint64_t max = type == VAL_I64 ? (uint64_t)INT64_MAX + minus : UINT64_MAX;
	if (!text_u64(slice_from(text, minus), &v) || v > max)
		return (struct val){0};
	v = minus ? 0 - v : v;
	return rec_make8(rb, type, &v);
}

/* @v as a value of @type, or VAL_ABSENT. */
static struct val as_type(struct rec_builder *rb, enum val_type type, struct val v)
{
	struct slice text = arena_slice(&rb->b->arena, v.off, v.len);
	if (v.type == VAL_NULL || v.type == type)
		return v;
	switch (type) {
	case VAL_STR:
		return v.type == VAL_JSTR ? v : (struct val){0};
	case VAL_TIME:
		return v.type == VAL_JSTR ? time_val(rb, text) : (struct val){0};
	case VAL_I64:
	case VAL_U64:
		return v.type == VAL_NUM ? int_val(rb, type, text) : (struct val){0};
	case VAL_TRUE:
	case VAL_FALSE:
		return v.type == VAL_TRUE || v.type == VAL_FALSE ? v : (struct val){0};
	default:
		return (struct val){0};
	}
}

void own_fields(struct rec_builder *rb, unsigned from)
{
	unsigned n = from;
	for (unsigned i = from; i < rb->n_pairs; i++) {
		struct val key = own_key(rb, rb->pairs[2 * i]), v = rb->pairs[2 * i + 1];
		int at = find_fixed(rb, key);
		struct val fixed = {0};
		if (at >= 0)
			fixed = as_type(rb, rb->schema->fields[at].type, v);
		if (fixed.type != VAL_ABSENT) {
			rb->fixed[at] = fixed;
			continue;
		}
		rb->pairs[2 * n] = key;
		rb->pairs[2 * n++ + 1] = v;
	}
	rb->n_pairs = n;
}
