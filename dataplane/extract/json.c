/* The token index gives each token's first byte; the bytes between two tokens belong to the first
 * of them, or are white space:
 *
 *     { "name" : "a \"b\"" , "n" : -12.5 }
 *     ^ ^      ^ ^         ^ ^   ^ ^     ^
 *
 * so a token ends at the next one's start, less the blanks before it, and walking tokens checks
 * the grammar without looking at the inside of strings: control characters, UTF-8 and closing
 * quotes were checked by the index. Only escapes are left, and most texts have none.
 */
#include "dataplane/extract/json.h"

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/extract/json_quick.h"
#include "dataplane/extract/json_simd.h"
#include "dataplane/extract/json_token.h"
#include "dataplane/rec/json_text.h"

static const char err_utf8[] = "json: bytes that are not UTF-8";
static const char err_control[] = "json: control character in a string";
static const char err_unclosed[] = "json: a string does not end";
static const char err_empty[] = "json: no value";
static const char err_long[] = "json: longer than the reader's limit";
static const char err_other[] = "json: not readable";
static const char err_number[] = "json: bad number";
static const char err_scalar[] = "json: a value was expected";
static const char err_key[] = "json: a key was expected";
static const char err_colon[] = "json: ':' was expected";
static const char err_object[] = "json: ',' or '}' was expected";
static const char err_array[] = "json: ',' or ']' was expected";
static const char err_depth[] = "json: nested deeper than 512 levels";
static const char err_behind[] = "json: bytes behind the value";

struct json {
	struct json_index *index;
	size_t bytes_max;
	uint64_t keys_id; /* of the last text */
	struct json_quick quick;
};

/* One text while it is walked. */
struct walk {
	const uint8_t *p;
	const uint32_t *at; /* of each token; at[n] is the end */
	uint32_t n;
	bool has_escapes;
	const char *err; /* NULL: none so far */
};

struct json *json_create(size_t bytes_max)
{
	struct json *j = mem_alloc(sizeof(*j));
	if (!j)
		return NULL;
	j->bytes_max = bytes_max;
	j->index = json_index_create(bytes_max);
	if (!j->index) {
		mem_free(j);
		return NULL;
	}
	return j;
}

void json_destroy(struct json *j)
{
	if (!j)
		return;
	json_index_destroy(j->index);
	mem_free(j);
}

/* The first byte of token @i; 0, which begins no token, behind the last. */
static inline uint8_t peek(const struct walk *w, uint32_t i)
{
	return i < w->n ? w->p[w->at[i]] : 0;
}

/* Behind the last byte of token @i, which is there. */
static inline const uint8_t *token_end(const struct walk *w, uint32_t i)
{
	const uint8_t *end = w->p + w->at[i + 1];
	while (json_is_blank(end[-1]))
		end--;
	return end;
}

/* The walk ends here: the index that stands for it. */
static uint32_t fail(struct walk *w, const char *err)
{
	w->err = err;
	return 0;
}

/* The inside of the string token @i, which begins with a quote. */
static inline bool read_string(struct walk *w, uint32_t i, const char *bad, struct slice *ret_in)
{
	const uint8_t *from = w->p + w->at[i] + 1, *end = token_end(w, i) - 1;
	*ret_in = slice_of(from, (size_t)(end - from));
	if (end < from || *end != '"')
		w->err = bad;
	else if (w->has_escapes)
		w->err = json_check_escapes(*ret_in);
	return !w->err;
}

/* `"key" :` at token @i. */
static inline bool read_key(struct walk *w, uint32_t i, struct slice *ret_key)
{
	if (peek(w, i) != '"')
		return fail(w, err_key);
	if (!read_string(w, i, err_key, ret_key))
		return false;
	return peek(w, i + 1) == ':' || fail(w, err_colon);
}

/* The token @i, which begins with @c, as a number or a word. */
static bool read_plain(struct walk *w, uint32_t i, uint8_t c, enum val_type *ret_type,
		       struct slice *ret_part)
{
	if (i >= w->n)
		return fail(w, err_scalar);
	const uint8_t *from = w->p + w->at[i];
	struct slice s = slice_of(from, (size_t)(token_end(w, i) - from));
	*ret_part = s;
	if (c == '-' || text_is_digit(c)) {
		*ret_type = VAL_NUM;
		return json_is_number(s) || fail(w, err_number);
	}
	if (slice_eq(s, SLICE_LIT("true")))
		*ret_type = VAL_TRUE;
	else if (slice_eq(s, SLICE_LIT("false")))
		*ret_type = VAL_FALSE;
	else if (slice_eq(s, SLICE_LIT("null")))
		*ret_type = VAL_NULL;
	else
		return fail(w, err_scalar);
	return true;
}

/* The brackets that are open; bits say which of them are objects. */
struct nest {
	unsigned depth;
	uint64_t is_object[JSON_DEPTH_MAX / 64];
};

/* The innermost open one is an object. */
static inline bool in_object(const struct nest *nest)
{
	unsigned top = nest->depth - 1;
	return nest->is_object[top / 64] >> (top % 64) & 1;
}

static inline void nest_open(struct nest *nest, bool object)
{
	unsigned i = nest->depth++;
	uint64_t bit = (uint64_t)1 << (i % 64);
	uint64_t others = nest->is_object[i / 64] & ~bit;
	nest->is_object[i / 64] = object ? others | bit : others;
}

/* Behind a value, at token @i: closes what ends here. Returns where the next value begins, or
 * where all is closed; 0 when it failed.
 */
static inline uint32_t walk_closing(struct walk *w, uint32_t i, struct nest *nest)
{
	struct slice key;
	while (nest->depth) {
		bool object = in_object(nest);
		uint8_t c = peek(w, i++);
		if (c == ',' && !object)
			return i;
		if (c == ',')
			return read_key(w, i, &key) ? i + 2 : 0;
		if (c != (object ? '}' : ']'))
			return fail(w, object ? err_object : err_array);
		nest->depth--;
	}
	return i;
}

/* One value, of any depth, at token @i. Returns the token behind it, or 0. */
static uint32_t walk_nested(struct walk *w, uint32_t i)
{
	struct nest nest = {0};
	struct slice part;
	enum val_type type;
	do {
		uint8_t c = peek(w, i);
		if (c == '"') {
			if (!read_string(w, i, err_scalar, &part))
				return 0;
			i++;
		} else if (c == '{' || c == '[') {
			if (nest.depth == JSON_DEPTH_MAX)
				return fail(w, err_depth);
			nest_open(&nest, c == '{');
			i++;
			if (peek(w, i) != (c == '{' ? '}' : ']')) {
				if (c == '{' && !read_key(w, i, &part))
					return 0;
				i += c == '{' ? 2 : 0;
				continue;
			}
		} else {
			if (!read_plain(w, i, c, &type, &part))
				return 0;
			i++;
		}
		i = walk_closing(w, i, &nest);
	} while (i && nest.depth);
	return i;
}

static const char *walk_start(struct json *j, struct slice text, struct walk *ret_w)
{
	if (slice_starts(text, SLICE_LIT("\xef\xbb\xbf")))
		text = slice_from(text, 3);
	if (text.len > j->bytes_max)
		return err_long;
	struct walk w = {.p = text.ptr};
	switch (json_index_run(j->index, text.ptr, text.len, &w.at, &w.n)) {
	case JSON_INDEX_OK:
		break;
	case JSON_INDEX_EMPTY:
		return err_empty;
	case JSON_INDEX_UTF8:
		return err_utf8;
	case JSON_INDEX_CONTROL:
		return err_control;
	case JSON_INDEX_UNCLOSED:
		return err_unclosed;
	case JSON_INDEX_LONG:
		return err_long;
	default:
		return err_other;
	}
	w.has_escapes = memchr(text.ptr, '\\', text.len);
	*ret_w = w;
	return NULL;
}

const char *json_check(struct json *j, struct slice text)
{
	struct walk w;
	const char *err = walk_start(j, text, &w);
	uint32_t i = err ? 0 : walk_nested(&w, 0);
	return err ? err : i == 0 ? w.err : i != w.n ? err_behind : NULL;
}

size_t json_unescape(uint8_t *out, struct slice in)
{
	const uint8_t *p = in.ptr, *end = in.ptr + in.len;
	uint8_t *o = out;
	while (p < end) {
		if (*p != '\\' || end - p < 2) {
			*o++ = *p++;
			continue;
		}
		const char *plain = "bfnrt", *is = memchr(plain, p[1], 5);
		int unit = json_unit_at(p, end);
		if (unit < 0) {
			*o++ = is ? (uint8_t) "\b\f\n\r\t"[is - plain] : p[1];
			p += 2;
			continue;
		}
		p += 6;
		uint32_t c = (uint32_t)unit;
		if (json_is_high(unit) && json_is_low(json_unit_at(p, end))) {
			c = 0x10000 + ((c - 0xd800) << 10) +
			    ((uint32_t)json_unit_at(p, end) - 0xdc00);
			p += 6;
		}
		if (c < 0x80) {
			*o++ = (uint8_t)c;
		} else if (c < 0x800) {
			*o++ = (uint8_t)(0xc0 | c >> 6);
			*o++ = (uint8_t)(0x80 | (c & 0x3f));
		} else if (c < 0x10000) {
			*o++ = (uint8_t)(0xe0 | c >> 12);
			*o++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
			*o++ = (uint8_t)(0x80 | (c & 0x3f));
		} else {
			*o++ = (uint8_t)(0xf0 | c >> 18);
			*o++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
			*o++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
			*o++ = (uint8_t)(0x80 | (c & 0x3f));
		}
	}
	return (size_t)(o - out);
}

/* Two spellings of one key must become one key, so escapes that need not be are taken out. */
static struct val key_val(const struct walk *w, struct rec_builder *rb, struct slice key)
{
	if (!w->has_escapes || !memchr(key.ptr, '\\', key.len))
		return keys_of_sender(rb, VAL_JSTR, key);
	struct arena *a = &rb->b->arena;
	uint32_t plain = arena_take(a, key.len);
	uint32_t off = arena_take(a, JSON_TEXT_FACTOR * key.len);
	if (!plain || !off) {
		rb->full = true;
		return (struct val){0};
	}
	bool invalid = false;
	size_t n = json_unescape(a->base + plain, key);
	n = json_text_put(a->base + off, a->base + plain, n, &invalid);
	a->used = off + n;
	return keys_of_sender(rb, VAL_JSTR, arena_slice(a, off, n));
}

/* A copy of a valid text without its blanks and line breaks. */
static struct val minified(struct rec_builder *rb, struct slice s)
{
	uint32_t off = arena_take(&rb->b->arena, s.len);
	if (!off) {
		rb->full = true;
		return (struct val){0};
	}
	uint8_t *out = rb->b->arena.base + off, *o = out;
	bool in_string = false;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.ptr[i];
		if (!in_string && json_is_blank(c))
			continue;
		*o++ = c;
		if (in_string && c == '\\' && i + 1 < s.len)
			*o++ = s.ptr[++i];
		else if (c == '"')
			in_string = !in_string;
	}
	return val_of(VAL_JSON, off, (size_t)(o - out));
}

/* The value at token @i, which begins with @c. Returns the token behind it, or 0. */
static uint32_t walk_value(struct walk *w, uint32_t i, uint8_t c, struct rec_builder *rb,
			   struct val *ret_v)
{
	enum val_type type;
	struct slice part;
	if (c == '"') {
		if (!read_string(w, i, err_scalar, &part))
			return 0;
		*ret_v = rec_ref(rb, VAL_JSTR, part);
		return i + 1;
	}
	if (c != '{' && c != '[') {
		if (!read_plain(w, i, c, &type, &part))
			return 0;
		*ret_v = rec_ref(rb, type, part);
		return i + 1;
	}
	const uint8_t *from = w->p + w->at[i];
	i = walk_nested(w, i);
	if (i == 0)
		return 0;
	part = slice_of(from, (size_t)(w->p + w->at[i - 1] + 1 - from));
	*ret_v = json_has_breaks(part) ? minified(rb, part) : rec_ref(rb, VAL_JSON, part);
	return i;
}

static uint32_t walk_object(struct walk *w, struct rec_builder *rb)
{
	uint32_t i = 1;
	if (peek(w, i) == '}')
		return i + 1;
	for (;;) {
		struct slice key, part;
		struct val v;
		if (!read_key(w, i, &key))
			return 0;
		i += 2;
		uint8_t c = peek(w, i);
		if (c == '"') {
			/* Most are texts. */
			if (!read_string(w, i, err_scalar, &part))
				return 0;
			v = rec_ref(rb, VAL_JSTR, part);
			i++;
		} else {
			i = walk_value(w, i, c, rb, &v);
			if (i == 0)
				return 0;
		}
		rec_pair(rb, key_val(w, rb, key), v);
		c = peek(w, i++);
		if (c != ',')
			return c == '}' ? i : fail(w, err_object);
	}
}

static const char *read_pairs(struct json *j, struct slice text, struct rec_builder *rb)
{
	struct walk w;
	const char *err = walk_start(j, text, &w);
	if (err)
		return err;
	uint32_t i;
	uint8_t c = peek(&w, 0);
	if (c == '{') {
		i = walk_object(&w, rb);
	} else {
		struct val v;
		i = walk_value(&w, 0, c, rb, &v);
		if (i)
			rec_pair(rb, rec_make_text(rb, VAL_JSTR, SLICE_LIT("value")), v);
	}
	return i == 0 ? w.err : i == w.n ? NULL : err_behind;
}

/* A copy in which bytes that are not UTF-8, and escapes of half a surrogate pair, are U+FFFD: as
 * many of them as text outside of JSON would have.
 */
static struct slice repaired(struct rec_builder *rb, struct slice text)
{
	struct arena *a = &rb->b->arena;
	uint32_t off = arena_take(a, 3 * text.len);
	if (!off) {
		rb->full = true;
		return (struct slice){0};
	}
	uint8_t *o = a->base + off;
	const uint8_t *p = text.ptr, *end = p + text.len, *valid = p;
	while (p < end) {
		if (p >= valid)
			valid = p + text_utf8_valid(p, (size_t)(end - p));
		int unit = json_unit_at(p, end);
		if (p == valid) {
			size_t n;
			json_text_wide(p, (size_t)(end - p), &n);
			p += n;
			memcpy(o, "\xef\xbf\xbd", 3);
			o += 3;
		} else if (json_is_low(unit) ||
			   (json_is_high(unit) && !json_is_low(json_unit_at(p + 6, end)))) {
			memcpy(o, "\\ufffd", 6);
			p += 6;
			o += 6;
		} else {
			/* A surrogate pair, or one escape, is copied as a whole. */
			size_t n = json_is_high(unit) ? 12 : *p == '\\' && end - p > 1 ? 2 : 1;
			if (p + n > valid)
				n = 1;
			memcpy(o, p, n);
			p += n;
			o += n;
		}
	}
	size_t len = (size_t)(o - (a->base + off));
	a->used = off + len;
	return arena_slice(a, off, len);
}

const char *json_pairs_by_tokens(struct json *j, struct slice text, struct rec_builder *rb,
				 bool *ret_repaired)
{
	unsigned n_pairs = rb->n_pairs, n_lost = rb->n_pairs_lost;
	const char *err = read_pairs(j, text, rb);
	bool repair = err == err_utf8 || err == json_err_surrogate;
	if (repair) {
		rb->n_pairs = n_pairs;
		rb->n_pairs_lost = n_lost;
		text = repaired(rb, text);
		err = text.ptr ? read_pairs(j, text, rb) : err;
	}
	if (err) {
		rb->n_pairs = n_pairs;
		rb->n_pairs_lost = n_lost;
		return err;
	}
	*ret_repaired = repair;
	return NULL;
}

const char *json_pairs(struct json *j, struct slice text, struct rec_builder *rb,
		       bool *ret_repaired)
{
	if (text.len <= j->bytes_max && json_quick_pairs(&j->quick, text, rb, &j->keys_id)) {
		*ret_repaired = false;
		return NULL;
	}
	j->keys_id = 0;
	return json_pairs_by_tokens(j, text, rb, ret_repaired);
}

uint64_t json_keys_id(const struct json *j)
{
	return j->keys_id;
}
