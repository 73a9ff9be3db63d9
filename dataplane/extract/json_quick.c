#include "dataplane/extract/json_quick.h"

#include <emmintrin.h>

#include "dataplane/base/text.h"
#include "dataplane/extract/json_simd.h"
#include "dataplane/extract/json_token.h"
#include "dataplane/extract/keys.h"

/* Bytes from @at on, of which those before @end are the text's. Reading goes up to SL_PAD bytes
 * beyond it, where anything may stand: what is taken for a token there is refused.
 */
struct reader {
	const uint8_t *at, *end;
	__m128i seen; /* all bytes of strings, or-ed: the highest bits tell of more than ASCII */
	bool breaks;  /* a line was broken between tokens */
};

static inline __m128i load16(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

static inline void skip_blanks(struct reader *r)
{
	while (*r->at <= ' ' && r->at < r->end && json_is_blank(*r->at)) {
		r->breaks |= *r->at == '\n' || *r->at == '\r';
		r->at++;
	}
}

/* ---- strings ---- */

/* Bytes that end the plain part of a string: quotes, backslashes, control characters. */
static inline unsigned string_marks(__m128i v)
{
	__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	__m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control));
}

/* The first of them from @p on; the text's end, or some byte behind it, when there is none. */
static inline const uint8_t *find_mark(struct reader *r, const uint8_t *p)
{
	while (p < r->end) {
		__m128i v = load16(p);
		unsigned marks = string_marks(v);
		r->seen = _mm_or_si128(r->seen, v);
		if (marks)
			return p + __builtin_ctz(marks);
		p += 16;
	}
	return p;
}

/* The rest of a string whose first backslash is at @p. NULL: it does not end, or an escape is bad.
 */
static const uint8_t *close_escaped(struct reader *r, const uint8_t *from, const uint8_t *p)
{
	while (p < r->end && *p == '\\')
		p = find_mark(r, p + 2);
	if (p >= r->end || *p != '"')
		return NULL;
	return json_check_escapes(slice_of(from, (size_t)(p - from))) ? NULL : p;
}

/* The string whose inside begins at @r. False: it is not as it should be. */
static inline bool read_string(struct reader *r, struct slice *ret_in)
{
	const uint8_t *from = r->at, *p = find_mark(r, from);
	if (p >= r->end)
		return false;
	if (*p != '"') {
		p = close_escaped(r, from, p);
		if (!p)
			return false;
	}
	*ret_in = slice_of(from, (size_t)(p - from));
	r->at = p + 1;
	return true;
}

/* ---- numbers and words ---- */

static inline bool is_of_number(uint8_t c)
{
	return text_is_digit(c) || c == '.' || c == '-' || c == '+' || (c | 0x20) == 'e';
}

static bool read_long_number(struct reader *r, struct slice *ret_part)
{
	const uint8_t *from = r->at, *p = from;
	while (p < r->end && is_of_number(*p))
		p++;
	*ret_part = slice_of(from, (size_t)(p - from));
	r->at = p;
	return json_is_number(*ret_part);
}

/* What has no exponent and less than 16 characters is looked at whole. */
static inline bool read_number(struct reader *r, struct slice *ret_part)
{
	const uint8_t *from = r->at;
	__m128i v = _mm_sub_epi8(load16(from), _mm_set1_epi8('0'));
	__m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v);
	unsigned others = ~(unsigned)_mm_movemask_epi8(digit), sign = *from == '-';
	unsigned n = (unsigned)__builtin_ctz(others & ~sign);
	if (n == sign || n >= 16 || (from[sign] == '0' && n > sign + 1))
		return read_long_number(r, ret_part);
	if (from[n] == '.') {
		unsigned behind = (unsigned)__builtin_ctz(others & ~sign & ~(1u << n));
		if (behind == n + 1 || behind >= 16)
			return read_long_number(r, ret_part);
		n = behind;
	}
	if ((from[n] | 0x20) == 'e')
		return read_long_number(r, ret_part);
	*ret_part = slice_of(from, n);
	r->at = from + n;
	return true;
}

static inline bool has_word(const uint8_t *p, const char *word)
{
	return memcmp(p, word, 4) == 0;
}

static inline bool read_word(struct reader *r, enum val_type *ret_type, struct slice *ret_part)
{
	const uint8_t *from = r->at;
	size_t len = 4;
	if (has_word(from, "true")) {
		*ret_type = VAL_TRUE;
	} else if (has_word(from, "null")) {
		*ret_type = VAL_NULL;
	} else if (has_word(from, "fals") && from[4] == 'e') {
		*ret_type = VAL_FALSE;
		len = 5;
	} else {
		return false;
	}
	*ret_part = slice_of(from, len);
	r->at = from + len;
	return true;
}

/* A value that is neither string nor nested. */
static inline bool read_plain(struct reader *r, uint8_t c, enum val_type *ret_type,
			      struct slice *ret_part)
{
	if (c != '-' && !text_is_digit(c))
		return read_word(r, ret_type, ret_part);
	*ret_type = VAL_NUM;
	return read_number(r, ret_part);
}

/* ---- nested values ---- */

/* `"key" :` between blanks. */
static bool read_inner_key(struct reader *r)
{
	struct slice key;
	skip_blanks(r);
	if (*r->at++ != '"' || !read_string(r, &key))
		return false;
	skip_blanks(r);
	return *r->at++ == ':';
}

/* Behind a value: closes what ends here, up to the next value. Bits of @io_objects say which of the
 * open brackets are objects, the lowest one is the innermost.
 */
static bool close_nested(struct reader *r, uint64_t *io_objects, unsigned *io_depth)
{
	while (*io_depth) {
		skip_blanks(r);
		uint8_t c = *r->at++;
		bool object = *io_objects & 1;
		if (r->at > r->end)
			return false;
		if (c == ',')
			return !object || read_inner_key(r);
		if (c != (object ? '}' : ']'))
			return false;
		*io_objects >>= 1;
		--*io_depth;
	}
	return true;
}

/* Opens the bracket @c, which was taken. *ret_empty: it is closed again at once. */
static bool open_nested(struct reader *r, uint8_t c, uint64_t *io_objects, unsigned *io_depth,
			bool *ret_empty)
{
	if (*io_depth == QUICK_DEPTH_MAX)
		return false;
	*io_objects = *io_objects << 1 | (c == '{');
	++*io_depth;
	skip_blanks(r);
	*ret_empty = *r->at == (c == '{' ? '}' : ']');
	return *ret_empty || c == '[' || read_inner_key(r);
}

static bool read_nested(struct reader *r, struct slice *ret_part)
{
	const uint8_t *from = r->at;
	uint64_t objects = 0;
	unsigned depth = 0;
	enum val_type type;
	struct slice part;
	r->breaks = false;
	do {
		skip_blanks(r);
		if (r->at >= r->end)
			return false;
		uint8_t c = *r->at;
		bool ok, empty = true;
		if (c == '"') {
			r->at++;
			ok = read_string(r, &part);
		} else if (c == '{' || c == '[') {
			r->at++;
			ok = open_nested(r, c, &objects, &depth, &empty);
		} else {
			ok = read_plain(r, c, &type, &part);
		}
		if (!ok || (empty && !close_nested(r, &objects, &depth)))
			return false;
	} while (depth);
	*ret_part = slice_of(from, (size_t)(r->at - from));
	return !r->breaks;
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
	k->text[0] = k->text[key.len + 1] = '"';
	k->text[key.len + 2] = ':';
	memcpy(k->text + 1, key.ptr, key.len);
	memset(k->mask, 0xff, k->len);
}

/* The @i-th key, and its colon. */
static inline bool read_key(struct reader *r, struct json_quick *q, unsigned i,
			    struct slice *ret_key)
{
	struct quick_key *k = &q->keys[i];
	if (is_key(k, r->at)) {
		*ret_key = slice_of(r->at + 1, k->len - 3);
		r->at += k->len;
		return true;
	}
	if (*r->at++ != '"' || !read_string(r, ret_key) || memchr(ret_key->ptr, '\\', ret_key->len))
		return false;
	set_key(k, *ret_key);
	q->changed = true;
	skip_blanks(r);
	return *r->at++ == ':';
}

static inline bool read_value(struct reader *r, struct rec_builder *rb, struct val *ret_v)
{
	enum val_type type = VAL_JSTR;
	struct slice part;
	uint8_t c = *r->at;
	bool ok;
	if (c == '"') {
		r->at++;
		ok = read_string(r, &part);
	} else if (c == '{' || c == '[') {
		type = VAL_JSON;
		ok = read_nested(r, &part);
	} else {
		ok = read_plain(r, c, &type, &part);
	}
	if (ok)
		*ret_v = rec_ref(rb, type, part);
	return ok;
}

static inline bool read_pair(struct reader *r, struct json_quick *q, unsigned i,
			     struct rec_builder *rb)
{
	struct slice key;
	struct val v;
	if (r->at >= r->end || i == QUICK_KEYS_MAX || rb->n_pairs == REC_PAIRS_MAX ||
	    !read_key(r, q, i, &key))
		return false;
	skip_blanks(r);
	if (!read_value(r, rb, &v))
		return false;
	rb->pairs[2 * rb->n_pairs] = keys_of_sender(rb, VAL_JSTR, key);
	rb->pairs[2 * rb->n_pairs + 1] = v;
	rb->n_pairs++;
	return true;
}

/* From the opening bracket to the closing one. An empty object is rare, and no pair begins there.
 */
static bool read_object(struct reader *r, struct json_quick *q, struct rec_builder *rb)
{
	uint8_t c = *r->at++;
	unsigned i = 0;
	if (c != '{')
		return false;
	do {
		skip_blanks(r);
		if (!read_pair(r, q, i++, rb))
			return false;
		skip_blanks(r);
		c = *r->at++;
	} while (c == ',');
	q->changed |= i != q->n;
	q->n = i;
	return c == '}' && r->at <= r->end;
}

/* Nothing but blanks behind it, and UTF-8 where it is more than ASCII. */
static bool ends_well(struct reader *r, struct slice text)
{
	skip_blanks(r);
	return r->at == r->end &&
	       (!_mm_movemask_epi8(r->seen) || json_utf8_valid(text.ptr, text.len));
}

bool json_quick_pairs(struct json_quick *q, struct slice text, struct rec_builder *rb,
		      uint64_t *ret_id)
{
	struct reader r = {.at = text.ptr, .end = text.ptr + text.len};
	unsigned n_pairs = rb->n_pairs;
	size_t used = rb->b->arena.used;
	bool full = rb->full;
	q->changed = false;
	skip_blanks(&r);
	bool ok = read_object(&r, q, rb) && ends_well(&r, text);
	q->id += q->changed;
	if (!ok) {
		rb->n_pairs = n_pairs;
		rb->b->arena.used = used;
		rb->full = full;
	}
	*ret_id = ok ? q->id : 0;
	return ok;
}
