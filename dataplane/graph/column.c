#include "dataplane/graph/column.h"

#include <string.h>

#include "dataplane/graph/bytes.h"

const struct op_field column_meta[] = {
	{"_time", SQL_TIMESTAMPTZ}, {"_source", SQL_TEXT}, {"_stream", SQL_TEXT},
	{"_src", SQL_TEXT},         {"_dst", SQL_TEXT},    {"_error", SQL_TEXT},
};
const unsigned column_n_meta = sizeof(column_meta) / sizeof(column_meta[0]);

#define AHEAD 8 /* records that are asked for early */

static_assert(COLUMN_ERROR == sizeof(column_meta) / sizeof(column_meta[0]), "kinds in this order");

int column_init(struct column *c, const char *name, struct names *names,
		const struct slice *source_names)
{
	*c = (struct column){.name = slice_str(name), .fixed = -1, .source_names = source_names};
	for (unsigned i = 0; i < column_n_meta; i++)
		if (strcmp(column_meta[i].name, name) == 0)
			c->kind = COLUMN_TIME + i;
	return names_add(names, c->name, &c->name_id);
}

static int find_fixed(const struct schema *s, struct slice name)
{
	for (unsigned i = 0; i < s->n_fields; i++)
		if (slice_eq(slice_str(s->fields[i].name), name))
			return (int)i;
	return -1;
}

static bool key_is(const struct column *c, const struct batch *b, struct val key)
{
	if (key.type == VAL_NAME)
		return key.off == c->name_id;
	return bytes_same(arena_slice(&b->arena, key.off, key.len), c->name);
}

/* Not where the last record had it. */
static struct val *find_pair(struct column *c, const struct batch *b, struct rec *r)
{
	struct val *pairs = rec_pairs(r);
	for (unsigned i = 0; i < r->n_pairs; i++)
		if (key_is(c, b, pairs[2 * i])) {
			c->pair = i;
			return &pairs[2 * i + 1];
		}
	return NULL;
}

/* `"_src":"10.0.0.1:514","_dst":"10.0.0.9:514"`: the text of one of the two. */
static struct slice origin_part(const struct batch *b, const struct rec *r, bool dst)
{
	static const struct slice src_key = SLICE_LIT("\"_src\":\"");
	static const struct slice dst_key = SLICE_LIT("\",\"_dst\":\"");
	struct slice all = arena_slice(&b->arena, r->origin_off, r->origin_len);
	const uint8_t *mid = memmem(all.ptr, all.len, dst_key.ptr, dst_key.len);
	if (!mid)
		return (struct slice){0};
	const uint8_t *from = dst ? mid + dst_key.len : all.ptr + src_key.len;
	const uint8_t *to = dst ? all.ptr + all.len - 1 : mid;
	return slice_of(from, (size_t)(to - from));
}

static inline struct val *find_slot(struct column *c, const struct batch *b, struct rec *r)
{
	if (r->schema != c->schema) {
		c->schema = r->schema;
		c->fixed = find_fixed(r->schema, c->name);
	}
	if (c->fixed >= 0)
		return &r->vals[c->fixed];
	struct val *pairs = rec_pairs(r);
	if (c->pair < r->n_pairs && key_is(c, b, pairs[2 * c->pair]))
		return &pairs[2 * c->pair + 1];
	return find_pair(c, b, r);
}

struct val *column_slot(struct column *c, const struct batch *b, struct rec *r)
{
	return find_slot(c, b, r);
}

static struct slice meta_text(const struct column *c, const struct batch *b, const struct rec *r)
{
	if (c->kind == COLUMN_SRC || c->kind == COLUMN_DST)
		return origin_part(b, r, c->kind == COLUMN_DST);
	if (c->kind == COLUMN_ERROR)
		return slice_str(r->error);
	if (c->kind == COLUMN_STREAM && r->stream.type != VAL_ABSENT)
		return arena_slice(&b->arena, r->stream.off, r->stream.len);
	return c->source_names[r->source];
}

/* Most texts stand in the arena as they are read. */
static void fill_text(struct column *c, struct batch *b, struct rec *const *recs, unsigned n,
		      struct vec *v)
{
	for (unsigned i = 0; i < n; i++) {
		if (i + AHEAD < n)
			__builtin_prefetch(recs[i + AHEAD]->vals);
		const struct val *slot = find_slot(c, b, recs[i]);
		struct val val = slot ? *slot : (struct val){0};
		struct slice s = arena_slice(&b->arena, val.off, val.len);
		bool is_text = val.type == VAL_JSTR || val.type == VAL_STR;
		if (is_text && bytes_plain(s)) {
			v->state[i] = VEC_VALUE;
			v->s[i] = s;
		} else {
			vec_put(v, i, val, &b->arena);
		}
	}
}

void column_fill(struct column *c, struct batch *b, struct rec *const *recs, unsigned n,
		 struct vec *v)
{
	if (c->kind == COLUMN_FIELD && v->type == SQL_TEXT) {
		fill_text(c, b, recs, n, v);
		return;
	}
	if (c->kind == COLUMN_FIELD) {
		for (unsigned i = 0; i < n; i++) {
			const struct val *slot = find_slot(c, b, recs[i]);
			vec_put(v, i, slot ? *slot : (struct val){0}, &b->arena);
		}
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		if (c->kind == COLUMN_TIME) {
			v->state[i] = VEC_VALUE;
			v->i[i] = (int64_t)recs[i]->time_ns;
		} else {
			v->s[i] = meta_text(c, b, recs[i]);
			v->state[i] = v->s[i].ptr ? VEC_VALUE : VEC_NULL;
		}
	}
}
