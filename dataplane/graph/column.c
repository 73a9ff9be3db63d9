#include "dataplane/graph/column.h"

#include <emmintrin.h>
#include <string.h>

#include "dataplane/graph/bytes.h"

const struct op_field column_meta[] = {
	{"_time", SQL_TIMESTAMPTZ}, {"_source", SQL_TEXT}, {"_stream", SQL_TEXT},
	{"_src", SQL_TEXT},         {"_dst", SQL_TEXT},    {"_error", SQL_TEXT},
};
const unsigned column_n_meta = sizeof(column_meta) / sizeof(column_meta[0]);

static_assert(COLUMN_ERROR == sizeof(column_meta) / sizeof(column_meta[0]), "kinds in this order");

int column_init(struct column *c, const char *name, struct names *names,
		const struct slice *source_names)
{
	*c = (struct column){.name = slice_str(name), .fixed = -1, .source_names = source_names};
	size_t len = c->name.len < sizeof(c->head) ? c->name.len : sizeof(c->head);
	memcpy(&c->head, name, len);
	memset(&c->head_mask, 0xff, len);
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

static inline bool key_is(const struct column *c, const struct batch *b, struct val key)
{
	if (key.type == VAL_NAME)
		return key.off == c->name_id;
	/* Behind the end of the key there are bytes of the arena, or of its padding. */
	const uint8_t *p = b->arena.base + key.off;
	if (key.len != c->name.len || ((bytes_load8(p) ^ c->head) & c->head_mask))
		return false;
	return key.len <= sizeof(c->head) || memcmp(p, c->name.ptr, key.len) == 0;
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

/* Of a record of another schema than the last, or with its fields elsewhere. */
__attribute__((noinline)) static struct val *search(struct column *c, const struct batch *b,
						    struct rec *r)
{
	if (r->schema != c->schema) {
		c->schema = r->schema;
		c->fixed = find_fixed(r->schema, c->name);
		c->first_pair = r->schema->n_fields;
	}
	return c->fixed >= 0 ? &r->vals[c->fixed] : find_pair(c, b, r);
}

static inline struct val *find_slot(struct column *c, const struct batch *b, struct rec *r)
{
	if (r->schema == c->schema) {
		if (c->fixed >= 0)
			return &r->vals[c->fixed];
		struct val *pair = r->vals + c->first_pair + 2 * c->pair;
		if (c->pair < r->n_pairs && key_is(c, b, pair[0]))
			return &pair[1];
	}
	return search(c, b, r);
}

/* Where a column was found last, ready to look there again. Values are read as words, whose upper
 * half is type and length: that is what a key is told by, before its first bytes are.
 */
struct spot {
	const struct schema *schema;
	unsigned at;      /* the value's, in rec->vals; a pair's key stands before it */
	unsigned n_pairs; /* that a record has at least; 0: it is fixed */
	uint32_t key_top;
	bool by_name; /* the key is VAL_NAME */
	uint64_t head, head_mask;
};

static inline uint64_t word_of(const struct val *v)
{
	return bytes_load8((const uint8_t *)v);
}

/* Of the record that it was found in. */
static struct spot spot_of(const struct column *c, const struct rec *r)
{
	struct spot s = {.schema = c->schema, .head = c->head, .head_mask = c->head_mask};
	if (c->fixed >= 0) {
		s.at = (unsigned)c->fixed;
		return s;
	}
	s.at = c->first_pair + 2 * c->pair + 1;
	s.n_pairs = c->pair + 1;
	s.by_name = r->vals[s.at - 1].type == VAL_NAME;
	s.key_top = (uint32_t)(word_of(&r->vals[s.at - 1]) >> 32);
	return s;
}

static inline bool is_there(const struct spot *s, const struct column *c, const uint8_t *base,
			    const struct rec *r)
{
	if (r->schema != s->schema || r->n_pairs < s->n_pairs)
		return false;
	if (s->n_pairs == 0)
		return true;
	uint64_t key = word_of(&r->vals[s->at - 1]);
	if (key >> 32 != s->key_top)
		return false;
	if (s->by_name)
		return (uint32_t)key == c->name_id;
	const uint8_t *p = base + (uint32_t)key;
	return ((bytes_load8(p) ^ s->head) & s->head_mask) == 0 &&
	       (c->name.len <= sizeof(s->head) || memcmp(p, c->name.ptr, c->name.len) == 0);
}

/* The field of @r, by way of @spot; 0, which is VAL_ABSENT, when there is none. */
static inline uint64_t seek(struct spot *spot, struct column *c, const struct batch *b,
			    struct rec *r)
{
	if (is_there(spot, c, b->arena.base, r))
		return word_of(&r->vals[spot->at]);
	const struct val *slot = search(c, b, r);
	if (!slot)
		return 0;
	*spot = spot_of(c, r);
	return word_of(slot);
}

static inline unsigned type_of_word(uint64_t val)
{
	return (unsigned)(val >> 59);
}

/* Types of values, a bit each, that a type of SQL is carried as. */
static uint32_t carried_as(enum sql_type t)
{
	switch (t) {
	case SQL_BOOL:
		return 1u << VAL_TRUE | 1u << VAL_FALSE;
	case SQL_INT8:
		return 1u << VAL_I64;
	case SQL_FLOAT8:
		return 1u << VAL_F64;
	case SQL_TEXT:
		return 1u << VAL_STR | 1u << VAL_JSTR;
	case SQL_BYTEA:
		return 1u << VAL_BYTES;
	case SQL_TIMESTAMPTZ:
		return 1u << VAL_TIME;
	case SQL_JSON:
		return 1u << VAL_JSON | 1u << VAL_LATER;
	default:
		return 0;
	}
}

bool column_pass(struct column *c, const struct batch *b, struct rec *const *recs, unsigned n,
		 enum sql_type t, struct val *vals)
{
	uint32_t good = carried_as(t) | 1u << VAL_NULL, seen = 0;
	struct spot spot = {0};
	if (c->kind != COLUMN_FIELD)
		return false;
	for (unsigned i = 0; i < n; i++) {
		uint64_t val = seek(&spot, c, b, recs[i]);
		if (type_of_word(val) == VAL_ABSENT)
			val = (uint64_t)VAL_NULL << 59;
		memcpy(&vals[i], &val, sizeof(val));
		seen |= 1u << type_of_word(val);
	}
	return (seen & ~good) == 0;
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

/* Which of 16 bytes keep a text from standing for itself: in JSON's a backslash, in any other what
 * is not ASCII.
 */
static inline unsigned odd_bytes(const uint8_t *p, bool is_json)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)p);
	__m128i odd = is_json ? _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')) : bytes;
	return (unsigned)_mm_movemask_epi8(odd);
}

/* What is read beyond the end of a text is of the arena, or of its padding. */
static inline bool is_plain(const uint8_t *p, size_t len, bool is_json)
{
	for (; len > 16; p += 16, len -= 16)
		if (odd_bytes(p, is_json))
			return false;
	return (odd_bytes(p, is_json) & ((1u << len) - 1)) == 0;
}

static void put_word(struct vec *v, unsigned i, uint64_t word, struct arena *a)
{
	struct val val;
	memcpy(&val, &word, sizeof(val));
	vec_put(v, i, val, a);
}

/* Of a value that is not written yet, what is looked at. */
static void put_members(struct column *c, uint64_t word, struct batch *b, struct vec *v, unsigned i)
{
	struct val val;
	memcpy(&val, &word, sizeof(val));
	val = later_settle_some(&b->arena, val, &c->pick);
	if (val.type == VAL_ABSENT)
		v->state[i] = VEC_NO_ROOM;
	else
		vec_put(v, i, val, &b->arena);
}

/* Most texts stand in the arena as they are read. */
static void fill_texts(struct column *c, struct batch *b, struct rec *const *recs, unsigned n,
		       struct vec *v)
{
	struct slice *out = v->s;
	uint8_t *state = v->state;
	struct spot spot = {0};
	for (unsigned i = 0; i < n; i++) {
		uint64_t val = seek(&spot, c, b, recs[i]);
		const uint8_t *p = b->arena.base + (uint32_t)val;
		size_t len = val >> 32 & VAL_LEN_MAX;
		unsigned type = type_of_word(val);
		if ((type == VAL_JSTR || type == VAL_STR) && is_plain(p, len, type == VAL_JSTR)) {
			state[i] = VEC_VALUE;
			out[i] = slice_of(p, len);
		} else {
			put_word(v, i, val, &b->arena);
		}
	}
}

/* Most integers are carried as such. */
static void fill_ints(struct column *c, struct batch *b, struct rec *const *recs, unsigned n,
		      struct vec *v)
{
	int64_t max = v->type == SQL_INT8 ? INT64_MAX : v->type == SQL_INT4 ? INT32_MAX : INT16_MAX;
	struct spot spot = {0};
	for (unsigned i = 0; i < n; i++) {
		uint64_t val = seek(&spot, c, b, recs[i]);
		int64_t word = (int64_t)bytes_load8(b->arena.base + (uint32_t)val);
		if (type_of_word(val) == VAL_I64 && word <= max && word >= -max - 1) {
			v->state[i] = VEC_VALUE;
			v->i[i] = word;
		} else {
			put_word(v, i, val, &b->arena);
		}
	}
}

static void fill_others(struct column *c, struct batch *b, struct rec *const *recs, unsigned n,
			struct vec *v)
{
	struct spot spot = {0};
	for (unsigned i = 0; i < n; i++) {
		uint64_t val = seek(&spot, c, b, recs[i]);
		if (type_of_word(val) == VAL_LATER && c->pick.n)
			put_members(c, val, b, v, i);
		else
			put_word(v, i, val, &b->arena);
	}
}

static void put_meta(const struct column *c, const struct batch *b, const struct rec *r,
		     struct vec *v, unsigned i)
{
	if (c->kind == COLUMN_TIME) {
		v->state[i] = VEC_VALUE;
		v->i[i] = (int64_t)r->time_ns;
	} else {
		v->s[i] = meta_text(c, b, r);
		v->state[i] = v->s[i].ptr ? VEC_VALUE : VEC_NULL;
	}
}

void column_fill(struct column *c, struct batch *b, struct rec *const *recs, unsigned n,
		 struct vec *v)
{
	if (c->kind != COLUMN_FIELD)
		for (unsigned i = 0; i < n; i++)
			put_meta(c, b, recs[i], v, i);
	else if (v->type == SQL_TEXT)
		fill_texts(c, b, recs, n, v);
	else if (v->type == SQL_INT8 || v->type == SQL_INT4 || v->type == SQL_INT2)
		fill_ints(c, b, recs, n, v);
	else
		fill_others(c, b, recs, n, v);
}
