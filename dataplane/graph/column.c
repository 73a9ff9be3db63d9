#include "dataplane/graph/column.h"

#include <emmintrin.h>
#include <limits.h>
#include <string.h>

#include "dataplane/base/bytes.h"

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

/* Remembers that @pair of @r is it. */
static struct val *found_pair(struct column *c, struct rec *r, unsigned pair)
{
	struct val *key = rec_pairs(r) + 2 * pair;
	c->at = (unsigned)(key + 1 - r->vals);
	c->n_pairs = pair + 1;
	c->key_top = (uint32_t)(val_word(key) >> 32);
	c->place = key->type == VAL_NAME                 ? COLUMN_NAMED
		   : c->name.len <= sizeof(c->head_mask) ? COLUMN_SHORT
							 : COLUMN_LONG;
	return key + 1;
}

/* In a record of another schema than the last, or with its fields elsewhere. NULL: it has none. */
__attribute__((noinline)) static struct val *search(struct column *c, const struct batch *b,
						    struct rec *r)
{
	if (r->schema != c->schema) {
		c->schema = r->schema;
		c->fixed = find_fixed(r->schema, c->name);
		c->place = c->fixed >= 0 ? COLUMN_FIXED : COLUMN_SHORT;
		c->at = c->fixed >= 0 ? (unsigned)c->fixed : 0;
		c->n_pairs = UINT_MAX; /* no record has as many */
	}
	if (c->fixed >= 0)
		return &r->vals[c->fixed];
	for (unsigned i = 0; i < r->n_pairs; i++)
		if (key_is(c, b, rec_pairs(r)[2 * i]))
			return found_pair(c, r, i);
	return NULL;
}

/* The fields of records from @i on, up to the first that does not have it where it was found last,
 * which is such a @place: the number of that record. Values are read as words, whose upper half is
 * type and length: that is what a key is told by, before its first bytes are.
 */
static inline __attribute__((always_inline)) unsigned
take_at(const struct column *c, enum column_place place, const uint8_t *restrict base,
	struct rec *const *restrict recs, unsigned i, unsigned n, struct val *restrict vals)
{
	const struct schema *schema = c->schema;
	uint64_t head = c->head, head_mask = c->head_mask, key_top = c->key_top;
	size_t at = offsetof(struct rec, vals) + c->at * sizeof(struct val);
	uint32_t name_id = c->name_id;
	unsigned n_pairs = c->n_pairs;
	for (; i < n; i++) {
		const uint8_t *slot = (const uint8_t *)recs[i] + at;
		if (recs[i]->schema != schema ||
		    (place != COLUMN_FIXED && recs[i]->n_pairs < n_pairs))
			break;
		if (place != COLUMN_FIXED) {
			uint64_t key = bytes_load8(slot - sizeof(struct val));
			if (key >> 32 != key_top)
				break;
			if (place == COLUMN_NAMED && (uint32_t)key != name_id)
				break;
			const uint8_t *p = base + (uint32_t)key;
			if (place != COLUMN_NAMED && ((bytes_load8(p) ^ head) & head_mask))
				break;
			if (place == COLUMN_LONG && memcmp(p, c->name.ptr, c->name.len) != 0)
				break;
		}
		memcpy(&vals[i], slot, sizeof(*vals));
	}
	return i;
}

typedef unsigned take_from(const struct column *c, const uint8_t *base, struct rec *const *recs,
			   unsigned i, unsigned n, struct val *vals);

__attribute__((noinline)) static unsigned take_fixed(const struct column *c, const uint8_t *base,
						     struct rec *const *recs, unsigned i,
						     unsigned n, struct val *vals)
{
	return take_at(c, COLUMN_FIXED, base, recs, i, n, vals);
}

__attribute__((noinline)) static unsigned take_named(const struct column *c, const uint8_t *base,
						     struct rec *const *recs, unsigned i,
						     unsigned n, struct val *vals)
{
	return take_at(c, COLUMN_NAMED, base, recs, i, n, vals);
}

__attribute__((noinline)) static unsigned take_short(const struct column *c, const uint8_t *base,
						     struct rec *const *recs, unsigned i,
						     unsigned n, struct val *vals)
{
	return take_at(c, COLUMN_SHORT, base, recs, i, n, vals);
}

__attribute__((noinline)) static unsigned take_long(const struct column *c, const uint8_t *base,
						    struct rec *const *recs, unsigned i, unsigned n,
						    struct val *vals)
{
	return take_at(c, COLUMN_LONG, base, recs, i, n, vals);
}

static take_from *const takes[] = {[COLUMN_FIXED] = take_fixed,
				   [COLUMN_NAMED] = take_named,
				   [COLUMN_SHORT] = take_short,
				   [COLUMN_LONG] = take_long};

/* The field of each record; VAL_ABSENT where there is none. */
static void take(struct column *c, const struct batch *b, struct rec *const *recs, unsigned n,
		 struct val *vals)
{
	for (unsigned i = 0;; i++) {
		i = takes[c->place](c, b->arena.base, recs, i, n, vals);
		if (i == n)
			return;
		const struct val *slot = search(c, b, recs[i]);
		vals[i] = slot ? *slot : (struct val){0};
	}
}

struct val *column_slot(struct column *c, const struct batch *b, struct rec *r)
{
	struct val v;
	return takes[c->place](c, b->arena.base, &r, 0, 1, &v) ? &r->vals[c->at] : search(c, b, r);
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
	if (c->kind != COLUMN_FIELD) {
		memset(vals, 0, n * sizeof(*vals));
		return false;
	}
	take(c, b, recs, n, vals);
	for (unsigned i = 0; i < n; i++) {
		unsigned type = (unsigned)(val_word(&vals[i]) >> VAL_TYPE_SHIFT);
		if (type == VAL_ABSENT) {
			type = VAL_NULL;
			vals[i] = val_of(VAL_NULL, 0, 0);
		}
		seen |= 1u << type;
	}
	if ((seen & ~good) == 0)
		return true;
	for (unsigned i = 0; i < n; i++)
		if (!(good >> vals[i].type & 1))
			vals[i] = (struct val){0};
	return false;
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
	static const uint16_t first[] = {0,     0x1,    0x3,    0x7,    0xf,   0x1f,
					 0x3f,  0x7f,   0xff,   0x1ff,  0x3ff, 0x7ff,
					 0xfff, 0x1fff, 0x3fff, 0x7fff, 0xffff};
	for (; __builtin_expect(len > 16, 0); p += 16, len -= 16)
		if (odd_bytes(p, is_json))
			return false;
	return (odd_bytes(p, is_json) & first[len]) == 0;
}

/* The same of a text that mostly is of 32 bytes at most. */
static inline bool is_short_plain(const uint8_t *p, size_t len, bool is_json)
{
	if (len <= 16)
		return is_plain(p, len, is_json);
	if (__builtin_expect(len > 32, 0))
		return is_plain(p, len, is_json);
	return (odd_bytes(p, is_json) | odd_bytes(p + len - 16, is_json)) == 0;
}

/* Of a value that is not written yet, what is looked at. */
static void put_members(struct column *c, struct val val, struct batch *b, struct vec *v,
			unsigned i)
{
	val = later_settle_some(&b->arena, val, &c->pick);
	if (val.type == VAL_ABSENT)
		v->state[i] = VEC_NO_ROOM;
	else
		vec_put(v, i, val, &b->arena);
}

static void fill_states(const struct val *vals, unsigned n, uint8_t *state)
{
	for (unsigned i = 0; i < n; i++)
		state[i] = val_word(&vals[i]) >> VAL_TYPE_SHIFT <= VAL_NULL ? VEC_NULL : VEC_VALUE;
}

/* Texts of one type that stand in the arena as they are read, from @i on: the number of the first
 * that is another thing.
 */
static inline __attribute__((always_inline)) unsigned
fill_plain(const struct val *restrict vals, enum val_type type, const uint8_t *restrict base,
	   unsigned i, unsigned n, struct slice *restrict out)
{
	for (; i < n; i++) {
		uint64_t val = val_word(&vals[i]);
		const uint8_t *p = base + (uint32_t)val;
		size_t len = val >> 32 & VAL_LEN_MAX;
		if (val >> VAL_TYPE_SHIFT != type || !is_plain(p, len, type == VAL_JSTR))
			break;
		out[i] = slice_of(p, len);
	}
	return i;
}

static void fill_texts(const struct val *vals, unsigned n, struct batch *b, struct vec *v)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned first = i;
		if (vals[i].type == VAL_JSTR)
			i = fill_plain(vals, VAL_JSTR, b->arena.base, i, n, v->s);
		else if (vals[i].type == VAL_STR)
			i = fill_plain(vals, VAL_STR, b->arena.base, i, n, v->s);
		memset(v->state + first, VEC_VALUE, i - first);
		if (i < n)
			vec_put(v, i, vals[i], &b->arena);
	}
}

/* The same of a field of the schema, straight from the records, NULL included. Returns how many
 * they are before the first that is another thing, or of another schema. @state: VEC_VALUE.
 */
static inline __attribute__((always_inline)) unsigned
fill_fixed(const struct column *c, enum val_type type, const uint8_t *restrict base,
	   struct rec *const *restrict recs, unsigned n, uint8_t *restrict state,
	   struct slice *restrict out)
{
	const struct schema *schema = c->schema;
	size_t at = offsetof(struct rec, vals) + c->at * sizeof(struct val);
	struct rec *const *r = recs, *const *end = recs + n;
	for (; r < end; r++, out++) {
		if ((*r)->schema != schema)
			break;
		uint64_t val = bytes_load8((const uint8_t *)*r + at);
		const uint8_t *p = base + (uint32_t)val;
		size_t len = val >> 32 & VAL_LEN_MAX;
		if (__builtin_expect(val >> VAL_TYPE_SHIFT != type ||
					     !is_short_plain(p, len, type == VAL_JSTR),
				     0)) {
			if (val >> VAL_TYPE_SHIFT > VAL_NULL)
				break;
			state[r - recs] = VEC_NULL;
			continue;
		}
		*out = slice_of(p, len);
	}
	return (unsigned)(r - recs);
}

static __attribute__((noinline)) unsigned fill_fixed_str(const struct column *c,
							 const uint8_t *base,
							 struct rec *const *recs, unsigned n,
							 uint8_t *state, struct slice *out)
{
	return fill_fixed(c, VAL_STR, base, recs, n, state, out);
}

static __attribute__((noinline)) unsigned fill_fixed_jstr(const struct column *c,
							  const uint8_t *base,
							  struct rec *const *recs, unsigned n,
							  uint8_t *state, struct slice *out)
{
	return fill_fixed(c, VAL_JSTR, base, recs, n, state, out);
}

/* Texts of records that mostly have the field where the last one had it, in their schema. */
static void fill_fixed_texts(struct column *c, struct batch *b, struct rec *const *recs, unsigned n,
			     struct vec *v)
{
	const uint8_t *base = b->arena.base;
	memset(v->state, VEC_VALUE, n);
	for (unsigned i = 0;; i++) {
		if (c->place == COLUMN_FIXED) {
			i += fill_fixed_str(c, base, recs + i, n - i, v->state + i, v->s + i);
			i += fill_fixed_jstr(c, base, recs + i, n - i, v->state + i, v->s + i);
		}
		if (i == n)
			return;
		const struct val *slot = column_slot(c, b, recs[i]);
		vec_put(v, i, slot ? *slot : (struct val){0}, &b->arena);
	}
}

/* Most integers are carried as such. */
static void fill_ints(const struct val *vals, unsigned n, struct batch *b, struct vec *v)
{
	int64_t max = v->type == SQL_INT8 ? INT64_MAX : v->type == SQL_INT4 ? INT32_MAX : INT16_MAX;
	const uint8_t *base = b->arena.base;
	int64_t *out = v->i;
	uint8_t *state = v->state;
	for (unsigned i = 0; i < n; i++) {
		uint64_t val = val_word(&vals[i]);
		int64_t word = (int64_t)bytes_load8(base + (uint32_t)val);
		if (val >> VAL_TYPE_SHIFT == VAL_I64 && word <= max && word >= -max - 1) {
			state[i] = VEC_VALUE;
			out[i] = word;
		} else {
			vec_put(v, i, vals[i], &b->arena);
		}
	}
}

static void fill_others(struct column *c, const struct val *vals, unsigned n, struct batch *b,
			struct vec *v)
{
	for (unsigned i = 0; i < n; i++) {
		if (vals[i].type == VAL_LATER && c->pick.n)
			put_members(c, vals[i], b, v, i);
		else
			vec_put(v, i, vals[i], &b->arena);
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
	struct val vals[VEC_ROWS_MAX];
	if (c->kind != COLUMN_FIELD) {
		for (unsigned i = 0; i < n; i++)
			put_meta(c, b, recs[i], v, i);
		return;
	}
	if (c->place == COLUMN_FIXED && v->type == SQL_TEXT && !c->only_there) {
		fill_fixed_texts(c, b, recs, n, v);
		return;
	}
	take(c, b, recs, n, vals);
	if (c->only_there)
		fill_states(vals, n, v->state);
	else if (v->type == SQL_TEXT)
		fill_texts(vals, n, b, v);
	else if (v->type == SQL_INT8 || v->type == SQL_INT4 || v->type == SQL_INT2)
		fill_ints(vals, n, b, v);
	else
		fill_others(c, vals, n, b, v);
}
