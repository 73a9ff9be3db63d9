#include "dataplane/graph/held.h"

#include "dataplane/base/mem.h"

/* A record and what it points to, in one piece; offsets count from its beginning.
 *
 *     | struct rec | values | frame | origin | stream | texts outside of the frame | key | about |
 */
struct entry {
	uint64_t until_ns;
	size_t off;
	uint32_t bytes, key_len, about_len; /* the last two stand behind the bytes */
	bool taken;
};

struct held {
	struct entry *entries; /* a ring */
	unsigned first, n, cap;
	uint8_t *bytes;        /* a ring; no record goes over its end */
	size_t bytes_cap, end; /* the next one goes to end */
};

struct held *held_create(unsigned recs_max, size_t bytes_max)
{
	struct held *h = mem_alloc(sizeof(*h));
	if (!h)
		return NULL;
	h->cap = recs_max;
	h->bytes_cap = bytes_max & ~(size_t)7;
	h->entries = mem_alloc(recs_max * sizeof(*h->entries));
	h->bytes = mem_map(h->bytes_cap);
	if (!h->entries || !h->bytes) {
		held_destroy(h);
		return NULL;
	}
	return h;
}

void held_destroy(struct held *h)
{
	if (!h)
		return;
	mem_unmap(h->bytes, h->bytes_cap);
	mem_free(h->entries);
	mem_free(h);
}

static struct entry *entry_at(const struct held *h, unsigned i)
{
	return &h->entries[(h->first + i) % h->cap];
}

/* ---- a record in one piece ---- */

struct laying {
	const struct arena *from;
	uint8_t *to; /* NULL: only counted */
	size_t at;
	uint32_t frame_off, frame_len, frame_at; /* where it was, and is */
};

static uint32_t lay(struct laying *l, uint32_t off, size_t len)
{
	size_t at = l->at;
	if (l->to && len)
		memcpy(l->to + at, l->from->base + off, len);
	l->at += len;
	return (uint32_t)at;
}

static bool has_bytes(struct val v)
{
	return v.type >= VAL_I64 && v.type <= VAL_BYTES;
}

static struct val lay_val(struct laying *l, struct val v)
{
	if (!has_bytes(v))
		return v;
	if (v.off >= l->frame_off && v.off - l->frame_off + (uint64_t)v.len <= l->frame_len)
		v.off = l->frame_at + (v.off - l->frame_off);
	else
		v.off = lay(l, v.off, v.len);
	return v;
}

static unsigned count_vals(const struct rec *r)
{
	return r->schema->n_fields + 2u * r->n_pairs;
}

/* Returns the bytes. @to: NULL, or so many. */
static size_t lay_rec(const struct batch *b, const struct rec *r, uint8_t *to)
{
	unsigned n = count_vals(r);
	struct laying l = {.from = &b->arena,
			   .to = to,
			   .at = sizeof(*r) + n * sizeof(struct val),
			   .frame_off = r->frame_off,
			   .frame_len = r->frame_len};
	struct rec head = *r;
	head.change = NULL;
	head.frame_off = l.frame_at = lay(&l, r->frame_off, r->frame_len);
	head.origin_off = lay(&l, r->origin_off, r->origin_len);
	head.stream = lay_val(&l, r->stream);
	struct val *vals = to ? ((struct rec *)to)->vals : NULL;
	for (unsigned i = 0; i < n; i++) {
		struct val v = lay_val(&l, r->vals[i]);
		if (to)
			vals[i] = v;
	}
	if (to)
		memcpy(to, &head, sizeof(head));
	return l.at;
}

/* ---- the ring ---- */

/* Where @len bytes go; SIZE_MAX: nowhere. */
static size_t find_room(const struct held *h, size_t len)
{
	if (h->n == 0)
		return len <= h->bytes_cap ? 0 : SIZE_MAX;
	size_t begin = entry_at(h, 0)->off;
	if (h->end > begin) {
		if (len <= h->bytes_cap - h->end)
			return h->end;
		return len < begin ? 0 : SIZE_MAX;
	}
	return len < begin - h->end ? h->end : SIZE_MAX;
}

bool held_put(struct held *h, const struct batch *b, const struct rec *r, struct slice key,
	      struct slice about, uint64_t until_ns)
{
	if (h->n == h->cap)
		return false;
	size_t bytes = lay_rec(b, r, NULL), all = (bytes + key.len + about.len + 7) & ~(size_t)7;
	if (bytes > UINT32_MAX || key.len > UINT32_MAX || about.len > UINT32_MAX)
		return false;
	size_t off = find_room(h, all);
	if (off == SIZE_MAX)
		return false;
	lay_rec(b, r, h->bytes + off);
	if (key.len)
		memcpy(h->bytes + off + bytes, key.ptr, key.len);
	if (about.len)
		memcpy(h->bytes + off + bytes + key.len, about.ptr, about.len);
	*entry_at(h, h->n++) = (struct entry){.until_ns = until_ns,
					      .off = off,
					      .bytes = (uint32_t)bytes,
					      .key_len = (uint32_t)key.len,
					      .about_len = (uint32_t)about.len};
	h->end = off + all;
	return true;
}

unsigned held_n(const struct held *h)
{
	return h->n;
}

bool held_is_taken(const struct held *h, unsigned i)
{
	return entry_at(h, i)->taken;
}

struct slice held_key(const struct held *h, unsigned i)
{
	const struct entry *e = entry_at(h, i);
	return slice_of(h->bytes + e->off + e->bytes, e->key_len);
}

struct slice held_about(const struct held *h, unsigned i)
{
	const struct entry *e = entry_at(h, i);
	return slice_of(h->bytes + e->off + e->bytes + e->key_len, e->about_len);
}

uint64_t held_until_ns(const struct held *h, unsigned i)
{
	return entry_at(h, i)->until_ns;
}

size_t held_bytes(const struct held *h, unsigned i)
{
	return entry_at(h, i)->bytes + 8;
}

static void move(struct val *v, uint32_t by)
{
	if (has_bytes(*v))
		v->off += by;
}

struct rec *held_take(struct held *h, unsigned i, struct batch *b)
{
	struct entry *e = entry_at(h, i);
	e->taken = true;
	uint32_t off = arena_take8(&b->arena, e->bytes);
	if (!off)
		return NULL;
	struct rec *r = (struct rec *)(b->arena.base + off);
	memcpy(r, h->bytes + e->off, e->bytes);
	r->frame_off += off;
	r->origin_off += off;
	move(&r->stream, off);
	unsigned n = count_vals(r);
	for (unsigned k = 0; k < n; k++)
		move(&r->vals[k], off);
	return r;
}

/* @text as a key; VAL_ABSENT: no room. */
static struct val key_of_text(struct arena *a, struct slice text)
{
	uint32_t off = arena_copy(a, text.ptr, text.len);
	return off ? val_of(VAL_STR, off, (uint32_t)text.len) : (struct val){0};
}

/* All fields of @r as pairs that have their names with them; NULL: no room. */
static struct rec *name_fields(const struct rec *r, const struct names *names, struct batch *b)
{
	static const struct schema no_fields;
	unsigned n_fields = r->schema->n_fields, n = n_fields + r->n_pairs;
	uint32_t off = arena_take8(&b->arena, sizeof(*r) + 2 * n * sizeof(struct val));
	if (!off || n > UINT16_MAX)
		return NULL;
	struct rec *to = (struct rec *)(b->arena.base + off);
	*to = *r;
	to->schema = &no_fields;
	to->n_pairs = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct val *pair =
			i < n_fields ? NULL : &r->vals[n_fields + 2 * (i - n_fields)];
		struct val key, v = pair ? pair[1] : r->vals[i];
		if (!pair && v.type == VAL_ABSENT)
			continue;
		if (!pair)
			key = key_of_text(&b->arena, slice_str(r->schema->fields[i].name));
		else
			key = pair[0].type == VAL_NAME
				      ? key_of_text(&b->arena, names_text(names, pair[0].off))
				      : pair[0];
		if (key.type == VAL_ABSENT)
			return NULL;
		to->vals[2 * to->n_pairs] = key;
		to->vals[2 * to->n_pairs++ + 1] = v;
	}
	return to;
}

bool held_move(struct held *h, unsigned i, struct held *to, const struct names *names,
	       const uint16_t *sources, struct batch *b)
{
	size_t mark = b->arena.used;
	struct rec *r = held_take(h, i, b);
	if (r)
		r = name_fields(r, names, b);
	if (r && sources)
		r->source = sources[r->source];
	bool done = r && held_put(to, b, r, held_key(h, i), held_about(h, i), held_until_ns(h, i));
	entry_at(h, i)->taken = done;
	b->arena.used = mark;
	return done;
}

void held_trim(struct held *h)
{
	while (h->n && entry_at(h, 0)->taken) {
		h->first = (h->first + 1) % h->cap;
		h->n--;
	}
}
