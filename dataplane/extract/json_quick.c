#include "dataplane/extract/json_quick.h"

#include <emmintrin.h>

#include "dataplane/base/text.h"
#include "dataplane/extract/json_number.h"
#include "dataplane/extract/json_quick_run.h"
#include "dataplane/extract/json_simd.h"
#include "dataplane/extract/json_token.h"
#include "dataplane/extract/keys.h"

/* One text while it is walked. Each function takes where it begins to read, and returns where it
 * has stopped, or NULL: something is wrong or unusual. So the place stays in a register, on which
 * all else waits. Reading goes up to SL_PAD bytes beyond the end, where anything may stand: what is
 * taken for a token there is refused.
 */
struct reader {
	const uint8_t *end;
	__m128i seen; /* all bytes of strings, or-ed: the highest bits tell of more than ASCII */
	bool wide;    /* the same of strings that were not or-ed */
	bool breaks;  /* a line was broken between tokens */
};

static inline __m128i load16(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

static const uint8_t *skip_some_blanks(struct reader *r, const uint8_t *p)
{
	while (p < r->end && json_is_blank(*p)) {
		r->breaks |= *p == '\n' || *p == '\r';
		p++;
	}
	return p;
}

static inline const uint8_t *skip_blanks(struct reader *r, const uint8_t *p)
{
	return __builtin_expect(*p <= ' ', 0) ? skip_some_blanks(r, p) : p;
}

/* ---- strings ---- */

/* Bytes that end the plain part of a string: quotes, backslashes, control characters. Of bytes with
 * their second bit turned over quotes and control characters are those up to 0x20.
 */
static inline __m128i string_marks(__m128i v)
{
	__m128i turned = _mm_xor_si128(v, _mm_set1_epi8(2));
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(turned, _mm_set1_epi8(0x20)), turned);
	return _mm_or_si128(low, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
}

/* The first mark from @p on; the text's end, or some byte behind it, when there is none. */
static inline const uint8_t *find_mark(struct reader *r, const uint8_t *p)
{
	__m128i seen = r->seen;
	unsigned marks = 0;
	for (; p < r->end; p += 16) {
		__m128i v = load16(p);
		marks = (unsigned)_mm_movemask_epi8(string_marks(v));
		seen = _mm_or_si128(seen, v);
		if (marks)
			break;
	}
	r->seen = seen;
	return marks ? p + __builtin_ctz(marks) : p;
}

/* The closing quote of a string from @from on, whose first mark at @p is none. */
static const uint8_t *close_escaped(struct reader *r, const uint8_t *from, const uint8_t *p)
{
	while (p < r->end && *p == '\\')
		p = find_mark(r, p + 2);
	if (p >= r->end || *p != '"')
		return NULL;
	return json_check_escapes(slice_of(from, (size_t)(p - from))) ? NULL : p;
}

/* The closing quote of the string whose inside begins at @from. */
static inline const uint8_t *string_end(struct reader *r, const uint8_t *from)
{
	const uint8_t *p = find_mark(r, from);
	if (p >= r->end)
		return NULL;
	return *p == '"' ? p : close_escaped(r, from, p);
}

/* ---- numbers and words ---- */

static inline bool is_of_number(uint8_t c)
{
	return text_is_digit(c) || c == '.' || c == '-' || c == '+' || (c | 0x20) == 'e';
}

static const uint8_t *long_number_end(struct reader *r, const uint8_t *from)
{
	const uint8_t *p = from;
	while (p < r->end && is_of_number(*p))
		p++;
	return p > from && json_is_number(slice_of(from, (size_t)(p - from))) ? p : NULL;
}

static inline const uint8_t *number_end(struct reader *r, const uint8_t *from)
{
	unsigned n = json_short_number(from);
	return n ? from + n : long_number_end(r, from);
}

/* A value that is neither string nor nested and begins with @c. */
static inline const uint8_t *plain_end(struct reader *r, const uint8_t *p, uint8_t c,
				       enum val_type *ret_type)
{
	switch (c) {
	case 't':
		*ret_type = VAL_TRUE;
		return memcmp(p, "true", 4) == 0 ? p + 4 : NULL;
	case 'f':
		*ret_type = VAL_FALSE;
		return memcmp(p + 1, "alse", 4) == 0 ? p + 5 : NULL;
	case 'n':
		*ret_type = VAL_NULL;
		return memcmp(p, "null", 4) == 0 ? p + 4 : NULL;
	default:
		*ret_type = VAL_NUM;
		return number_end(r, p);
	}
}

/* ---- nested values ---- */

/* `"key" :` between blanks. */
static inline const uint8_t *inner_key_end(struct reader *r, const uint8_t *p)
{
	p = skip_blanks(r, p);
	p = *p == '"' ? string_end(r, p + 1) : NULL;
	if (!p)
		return NULL;
	p = skip_blanks(r, p + 1);
	return *p == ':' ? p + 1 : NULL;
}

/* The brackets that are open; bits say which of them are objects, the lowest is the innermost. */
struct nest {
	uint64_t objects;
	unsigned depth;
};

/* Behind a value: closes what ends here, up to the next value. */
static inline const uint8_t *close_nested(struct reader *r, const uint8_t *p, struct nest *nest)
{
	while (nest->depth) {
		p = skip_blanks(r, p);
		uint8_t c = *p++;
		bool object = nest->objects & 1;
		if (p > r->end)
			return NULL;
		if (c == ',')
			return object ? inner_key_end(r, p) : p;
		if (c != (object ? '}' : ']'))
			return NULL;
		nest->objects >>= 1;
		nest->depth--;
	}
	return p;
}

/* Behind the bracket @c, up to the first value; *ret_empty: it has none. */
static inline const uint8_t *open_nested(struct reader *r, const uint8_t *p, uint8_t c,
					 struct nest *nest, bool *ret_empty)
{
	if (nest->depth++ == QUICK_DEPTH_MAX)
		return NULL;
	nest->objects = nest->objects << 1 | (c == '{');
	p = skip_blanks(r, p);
	*ret_empty = *p == (c == '{' ? '}' : ']');
	return *ret_empty || c == '[' ? p : inner_key_end(r, p);
}

static const uint8_t *nested_end(struct reader *r, const uint8_t *p)
{
	struct nest nest = {0};
	enum val_type type;
	r->breaks = false;
	do {
		bool empty = true;
		p = skip_blanks(r, p);
		uint8_t c = *p;
		if (p >= r->end)
			return NULL;
		if (c == '{' || c == '[') {
			p = open_nested(r, p + 1, c, &nest, &empty);
		} else if (c == '"') {
			p = string_end(r, p + 1);
			p = p ? p + 1 : NULL;
		} else {
			p = plain_end(r, p, c, &type);
		}
		if (p && empty)
			p = close_nested(r, p, &nest);
	} while (p && nest.depth);
	return r->breaks ? NULL : p;
}

/* ---- the object ---- */

static inline bool is_key(const struct quick_key *k, const uint8_t *p)
{
	__m128i differ = _mm_xor_si128(_mm_and_si128(load16(p), load16(k->mask)), load16(k->text));
	if (k->len > 16) {
		__m128i more = _mm_and_si128(load16(p + 16), load16(k->mask + 16));
		differ = _mm_or_si128(differ, _mm_xor_si128(more, load16(k->text + 16)));
	}
	unsigned same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(differ, _mm_setzero_si128()));
	return same == 0xffff && k->len;
}

static bool is_ascii(struct slice s)
{
	uint8_t all = 0;
	for (size_t i = 0; i < s.len; i++)
		all |= s.ptr[i];
	return all < 0x80;
}

/* Not what is longer or more than ASCII: what is expected is not looked at again. */
static void set_key(struct quick_key *k, struct slice key)
{
	*k = (struct quick_key){0};
	if (key.len + 3 > sizeof(k->text) || !is_ascii(key))
		return;
	k->len = (uint32_t)key.len + 3;
	k->bits = (uint32_t)(((uint64_t)1 << k->len) - 1);
	struct val v = val_of(VAL_JSTR, 0, key.len);
	k->word = key.len && key.ptr[0] == '_' ? 0 : val_word(&v);
	k->text[0] = k->text[key.len + 1] = '"';
	k->text[key.len + 2] = ':';
	memcpy(k->text + 1, key.ptr, key.len);
	memset(k->mask, 0xff, k->len);
}

/* The @i-th key, and its colon. */
static inline const uint8_t *read_key(struct reader *r, const uint8_t *p, struct json_quick *q,
				      unsigned i, struct slice *ret_key)
{
	struct quick_key *k = &q->keys[i];
	if (is_key(k, p)) {
		*ret_key = slice_of(p + 1, k->len - 3);
		return p + k->len;
	}
	const uint8_t *from = p + 1;
	p = *p == '"' ? string_end(r, from) : NULL;
	if (!p || memchr(from, '\\', (size_t)(p - from)))
		return NULL;
	*ret_key = slice_of(from, (size_t)(p - from));
	set_key(k, *ret_key);
	q->changed = true;
	p = skip_blanks(r, p + 1);
	return *p == ':' ? p + 1 : NULL;
}

static inline const uint8_t *read_value(struct reader *r, const uint8_t *p,
					const struct rec_builder *rb, struct val *ret_v)
{
	enum val_type type = VAL_JSTR;
	const uint8_t *from = p;
	uint8_t c = *p;
	if (c == '"') {
		p = string_end(r, ++from);
	} else if (c == '{' || c == '[') {
		type = VAL_JSON;
		p = nested_end(r, p);
	} else {
		p = plain_end(r, p, c, &type);
	}
	if (!p)
		return NULL;
	*ret_v = rec_ref(rb, type, slice_of(from, (size_t)(p - from)));
	return p + (c == '"');
}

static inline const uint8_t *read_pair(struct reader *r, const uint8_t *p, struct json_quick *q,
				       unsigned i, struct rec_builder *rb)
{
	struct slice key;
	struct val v;
	if (p >= r->end || i == QUICK_KEYS_MAX || rb->n_pairs == REC_PAIRS_MAX)
		return NULL;
	p = read_key(r, p, q, i, &key);
	if (!p)
		return NULL;
	p = read_value(r, skip_blanks(r, p), rb, &v);
	if (!p)
		return NULL;
	rb->pairs[2 * rb->n_pairs] = keys_of_sender(rb, VAL_JSTR, key);
	rb->pairs[2 * rb->n_pairs + 1] = v;
	rb->n_pairs++;
	return p;
}

enum quick_way json_quick_way(void)
{
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	    __builtin_cpu_supports("bmi"))
		return QUICK_AVX512;
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") ? QUICK_AVX2
									       : QUICK_PLAIN;
}

/* The pairs from @io on that are as expected. */
static inline void read_expected(struct reader *r, struct json_quick *q, struct rec_builder *rb,
				 struct quick_place *io)
{
	if (q->way == QUICK_AVX512)
		json_quick_run_avx512(q, r->end, rb, io);
	else if (q->way == QUICK_AVX2)
		json_quick_run_avx2(q, r->end, rb, io);
}

/* From the opening bracket to behind the closing one. An empty object is rare, and no pair begins
 * there.
 */
static const uint8_t *read_object(struct reader *r, const uint8_t *p, struct json_quick *q,
				  struct rec_builder *rb)
{
	struct quick_place at = {.p = p + 1};
	if (*p != '{')
		return NULL;
	for (uint8_t c = ','; c == ',';) {
		read_expected(r, q, rb, &at);
		if (at.closed)
			break;
		p = read_pair(r, skip_blanks(r, at.p), q, at.i++, rb);
		if (!p)
			return NULL;
		p = skip_blanks(r, p);
		c = *p;
		at.p = p + 1;
		at.closed = c == '}';
	}
	q->changed |= at.i != q->n;
	q->n = at.i;
	r->wide |= at.wide;
	return at.closed && at.p <= r->end ? at.p : NULL;
}

bool json_quick_pairs(struct json_quick *q, struct slice text, struct rec_builder *rb,
		      uint64_t *ret_id)
{
	struct reader r = {.end = text.ptr + text.len};
	unsigned n_pairs = rb->n_pairs;
	size_t used = rb->b->arena.used;
	bool full = rb->full;
	q->changed = false;
	if (q->way == QUICK_ANY)
		q->way = json_quick_way();
	const uint8_t *p = read_object(&r, skip_blanks(&r, text.ptr), q, rb);
	q->id += q->changed;
	if (p && skip_blanks(&r, p) == r.end &&
	    ((!r.wide && !_mm_movemask_epi8(r.seen)) || json_utf8_valid(text.ptr, text.len))) {
		*ret_id = q->id;
		return true;
	}
	rb->n_pairs = n_pairs;
	rb->b->arena.used = used;
	rb->full = full;
	*ret_id = 0;
	return false;
}
