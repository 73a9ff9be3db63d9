#include "dataplane/rec/rec.h"

#include <errno.h>

#include "dataplane/base/mem.h"
#include "dataplane/rec/json_text.h"

/* @json: `"name":`. False: it is too long. */
static bool key_fill(struct schema_key *key, struct slice json)
{
	if (json.len + 3 > sizeof(key->text))
		return false;
	memcpy(key->text, "\",", 2);
	memcpy(key->text + 2, json.ptr, json.len);
	key->text[2 + json.len] = '"';
	key->len = (uint8_t)(json.len + 3);
	return true;
}

static const struct schema_key last_key = {"\"}\n", 3};

int schema_init(struct schema *s, const struct field_def *fields, uint16_t n_fields)
{
	*s = (struct schema){.fields = fields, .n_fields = n_fields, .short_keys = true};
	s->json = mem_alloc(n_fields * sizeof(*s->json));
	s->keys = mem_alloc((n_fields + 1u) * sizeof(*s->keys));
	if (!s->json || !s->keys) {
		schema_fini(s);
		return -ENOMEM;
	}
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
		len += 2;
		s->json[i] = slice_of(text, len);
		s->json_bytes += (uint32_t)len;
		s->short_keys &= key_fill(&s->keys[i], s->json[i]);
	}
	s->keys[n_fields] = last_key;
	return 0;
}

void schema_share(struct schema *s, const struct schema *of)
{
	*s = *of;
	s->lent = true;
}

static void lay_fields(struct schema *to, const struct schema *from, struct schema_room *room)
{
	unsigned at = to->n_fields, n = from->n_fields;
	for (unsigned i = 0; i < n; i++) {
		room->fields[at + i] = from->fields[i];
		room->json[at + i] = from->json[i];
		room->keys[at + i] = from->keys[i];
	}
	to->n_fields = (uint16_t)(at + n);
	to->json_bytes += from->json_bytes;
	to->short_keys &= from->short_keys || n == 0;
}

bool schema_join(struct schema *s, const struct schema *a, const struct schema *b,
		 struct schema_room *room)
{
	if (a->n_fields + b->n_fields > SCHEMA_JOINED_MAX)
		return false;
	*s = (struct schema){.fields = room->fields,
			     .json = room->json,
			     .keys = room->keys,
			     .short_keys = true,
			     .lent = true};
	lay_fields(s, a, room);
	lay_fields(s, b, room);
	room->keys[s->n_fields] = last_key;
	return true;
}

void schema_fini(struct schema *s)
{
	for (unsigned i = 0; s->json && !s->lent && i < s->n_fields; i++)
		mem_free((void *)s->json[i].ptr);
	mem_free(s->lent ? NULL : s->json);
	mem_free(s->lent ? NULL : s->keys);
	*s = (struct schema){0};
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

/* One by one, as they were stored just now: two at a time would wait for both to be in the cache. A
 * call of memcpy would cost more, too, since they are few.
 */
static inline void copy_val(struct val *to, const struct val *from)
{
	uint64_t word;
	memcpy(&word, from, sizeof(word));
	__asm__("" : "+r"(word)); /* keeps the compiler from doing two at a time */
	memcpy(to, &word, sizeof(word));
}

/* The record where its pairs, and the batch's room, stand behind it: where it is when no text was
 * taken since it began, else behind all text. NULL: there is no place.
 */
static struct rec *with_room_for_pairs(struct rec_builder *rb, size_t pairs)
{
	unsigned n_fixed = rb->schema->n_fields, room = 2 * rb->b->room;
	struct arena *a = &rb->b->arena;
	if ((uint8_t *)(rb->fixed + n_fixed + room) == a->base + a->used)
		return arena_take(a, pairs) ? rb->rec : NULL;
	uint32_t off =
		arena_take8(a, sizeof(struct rec) + (n_fixed + room) * sizeof(struct val) + pairs);
	if (!off)
		return NULL;
	struct rec *r = (struct rec *)(a->base + off);
	for (unsigned i = 0; i < n_fixed; i++)
		copy_val(r->vals + i, rb->fixed + i);
	return r;
}

struct rec *rec_put_pairs(struct rec_builder *rb)
{
	unsigned n_pairs = rb->n_pairs;
	struct rec *r = with_room_for_pairs(rb, 2 * (size_t)n_pairs * sizeof(struct val));
	if (!r)
		return NULL;
	struct val *to = r->vals + rb->schema->n_fields;
	for (unsigned i = 0; i < n_pairs; i++)
		memcpy(to + 2 * i, rb->pairs + 2 * i, 2 * sizeof(struct val));
	return r;
}

struct rec *rec_end(struct rec_builder *rb)
{
	struct rec *r = rec_lay(rb);
	if (!r)
		return NULL;
	r->time_ns = r->session_id = r->stream_off = 0;
	r->idx = r->frame_off = r->frame_len = r->origin_off = 0;
	r->origin_len = r->source = r->dir = r->hops = 0;
	r->error = NULL;
	return r;
}
