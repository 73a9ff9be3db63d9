/* Text: what makes new text. */
#include <emmintrin.h>

#include "dataplane/base/text.h"
#include "dataplane/graph/fn.h"
#include "dataplane/graph/utf8.h"

static bool is_letter(uint8_t c)
{
	return text_lower(c) >= 'a' && text_lower(c) <= 'z';
}

static uint8_t upper_of(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? c & 0xdf : c;
}

/* Sixteen letters at a time: those from @from to @from + 25 change their bit of case. */
static inline void put_case16(uint8_t *out, const uint8_t *p, uint8_t from)
{
	const __m128i base = _mm_set1_epi8((char)(0x80 - from)), end = _mm_set1_epi8(-128 + 26);
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	__m128i letter = _mm_cmplt_epi8(_mm_add_epi8(v, base), end);
	__m128i bit = _mm_and_si128(letter, _mm_set1_epi8(0x20));
	_mm_storeu_si128((__m128i *)out, _mm_xor_si128(v, bit));
}

static void put_case(uint8_t *out, struct slice s, uint8_t from)
{
	size_t i = 0;
	for (; i + 16 <= s.len; i += 16)
		put_case16(out + i, s.ptr + i, from);
	for (; i < s.len; i++)
		out[i] = s.ptr[i] ^ ((uint8_t)(s.ptr[i] - from) < 26 ? 0x20 : 0);
}

/* param: to upper case. Short texts in the arena are done in one step, beyond their end. */
static void run_case(struct call *c, unsigned n)
{
	const struct slice *in = c->in[0]->s;
	const uint8_t *states = c->in[0]->state;
	uint8_t *out_states = c->out->state;
	struct slice *out = c->out->s;
	uint8_t from = c->fn->param ? 'a' : 'A';
	for (unsigned i = 0; i < n; i++) {
		struct slice s = in[i];
		out_states[i] = states[i];
		if (states[i] != VEC_VALUE)
			continue;
		uint8_t *p = call_room(c, s.len);
		if (!p)
			out_states[i] = VEC_NO_ROOM;
		else if (s.len <= 16 && arena_has(c->a, s.ptr))
			put_case16(p, s.ptr, from);
		else
			put_case(p, s, from);
		out[i] = slice_of(p, s.len);
	}
}

static uint8_t initcap(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s;
	uint8_t *p = call_room(c, s.len);
	bool inside = false;
	if (!p)
		return VEC_NO_ROOM;
	for (size_t i = 0; i < s.len; i++) {
		p[i] = inside ? text_lower(s.ptr[i]) : upper_of(s.ptr[i]);
		inside = is_letter(s.ptr[i]) || text_is_digit(s.ptr[i]);
	}
	ret->s = slice_of(p, s.len);
	return VEC_VALUE;
}

static uint8_t reverse(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s;
	uint8_t *p = call_room(c, s.len);
	if (!p)
		return VEC_NO_ROOM;
	ret->s = slice_of(p, s.len);
	for (size_t i = 0; i < s.len;) {
		size_t len = utf8_len(s.ptr[i]);
		memcpy(p + s.len - i - len, s.ptr + i, len);
		i += len;
	}
	return VEC_VALUE;
}

static uint8_t repeat(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s;
	uint64_t n = in[1].i > 0 && s.len > 0 ? (uint64_t)in[1].i : 0;
	uint8_t *p = n > FN_TEXT_MAX ? NULL : call_room(c, s.len * n);
	if (!p)
		return VEC_NO_ROOM;
	for (uint64_t i = 0; i < n; i++)
		memcpy(p + i * s.len, s.ptr, s.len);
	ret->s = slice_of(p, s.len * n);
	return VEC_VALUE;
}

/* param: to the right. Cuts what is longer. */
static uint8_t pad(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s, fill = c->n_in > 2 ? in[2].s : SLICE_LIT(" ");
	uint64_t want = in[1].i > 0 ? (uint64_t)in[1].i : 0, have = utf8_count(s);
	if (have >= want || fill.len == 0) {
		ret->s = slice_of(s.ptr, utf8_offset(s, want));
		return VEC_VALUE;
	}
	if (want > FN_TEXT_MAX)
		return VEC_NO_ROOM;
	uint64_t n_fill = utf8_count(fill), n = want - have;
	size_t part = utf8_offset(fill, n % n_fill), bytes = n / n_fill * fill.len + part;
	uint8_t *p = call_room(c, s.len + bytes), *o = p;
	if (!p)
		return VEC_NO_ROOM;
	ret->s = slice_of(p, s.len + bytes);
	if (c->fn->param) {
		memcpy(o, s.ptr, s.len);
		o += s.len;
	}
	for (uint64_t i = 0; i < n / n_fill; i++, o += fill.len)
		memcpy(o, fill.ptr, fill.len);
	memcpy(o, fill.ptr, part);
	if (!c->fn->param)
		memcpy(o + part, s.ptr, s.len);
	return VEC_VALUE;
}

static uint8_t replace(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s, from = in[1].s, to = in[2].s;
	size_t n = 0;
	ret->s = s;
	if (s.len == 0 || from.len == 0)
		return VEC_VALUE;
	for (const uint8_t *p = s.ptr, *end = s.ptr + s.len;
	     (p = memmem(p, (size_t)(end - p), from.ptr, from.len)); p += from.len)
		n++;
	if (n == 0)
		return VEC_VALUE;
	size_t len = s.len - n * from.len + n * to.len;
	uint8_t *o = call_room(c, len);
	if (!o)
		return VEC_NO_ROOM;
	ret->s = slice_of(o, len);
	for (; n > 0; n--) {
		const uint8_t *at = memmem(s.ptr, s.len, from.ptr, from.len);
		size_t before = (size_t)(at - s.ptr);
		memcpy(o, s.ptr, before);
		if (to.len)
			memcpy(o + before, to.ptr, to.len);
		o += before + to.len;
		s = slice_from(s, before + from.len);
	}
	memcpy(o, s.ptr, s.len);
	return VEC_VALUE;
}

/* Each character of the second argument becomes that of the third at its place, or nothing. */
static uint8_t translate(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s, from = in[1].s, to = in[2].s;
	if (s.len > FN_TEXT_MAX / 4)
		return VEC_NO_ROOM;
	uint8_t *p = call_room(c, s.len * 4), *o = p;
	if (!p)
		return VEC_NO_ROOM;
	for (size_t i = 0; i < s.len;) {
		size_t len = utf8_len(s.ptr[i]), at = 0, k = 0;
		for (; at < from.len; at += utf8_len(from.ptr[at]), k++)
			if (utf8_len(from.ptr[at]) == len &&
			    memcmp(from.ptr + at, s.ptr + i, len) == 0)
				break;
		const uint8_t *with = s.ptr + i;
		size_t with_len = len;
		if (at < from.len) {
			size_t off = utf8_offset(to, k);
			with = to.ptr + off;
			with_len = off < to.len ? utf8_len(to.ptr[off]) : 0;
		}
		memcpy(o, with, with_len);
		o += with_len;
		i += len;
	}
	ret->s = slice_of(p, (size_t)(o - p));
	return VEC_VALUE;
}

static uint8_t chr(struct call *c, const union cell *in, union cell *ret)
{
	uint8_t bytes[4];
	int64_t v = in[0].i;
	if (v < 1 || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return VEC_BAD_INPUT;
	return call_text(c, ret, bytes, utf8_put(bytes, (uint32_t)v));
}

static uint8_t join2(struct call *c, const union cell *in, union cell *ret)
{
	struct slice a = in[0].s, b = in[1].s;
	uint8_t *p = call_room(c, a.len + b.len);
	if (!p)
		return VEC_NO_ROOM;
	if (a.len)
		memcpy(p, a.ptr, a.len);
	if (b.len)
		memcpy(p + a.len, b.ptr, b.len);
	ret->s = slice_of(p, a.len + b.len);
	return VEC_VALUE;
}

/* concat, and (param: 1) concat_ws, whose first argument comes between the others. NULLs are left
 * out.
 */
static uint8_t concat(struct call *c, const union cell *in, union cell *ret)
{
	unsigned first = (unsigned)c->fn->param;
	struct slice by = first ? in[0].s : (struct slice){0};
	if (first && c->states[0] == VEC_NULL)
		return VEC_NULL;
	size_t len = 0;
	for (unsigned k = first; k < c->n_in; k++)
		if (c->states[k] == VEC_VALUE)
			len += in[k].s.len + by.len;
	uint8_t *p = call_room(c, len), *o = p;
	if (!p)
		return VEC_NO_ROOM;
	bool some = false;
	for (unsigned k = first; k < c->n_in; k++) {
		if (c->states[k] != VEC_VALUE)
			continue;
		if (some && by.len)
			o = (uint8_t *)memcpy(o, by.ptr, by.len) + by.len;
		some = true;
		if (in[k].s.len)
			memcpy(o, in[k].s.ptr, in[k].s.len);
		o += in[k].s.len;
	}
	ret->s = slice_of(p, (size_t)(o - p));
	return VEC_VALUE;
}

static uint8_t overlay(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s, with = in[1].s;
	int64_t from = in[2].i, n = c->n_in > 3 ? in[3].i : (int64_t)utf8_count(with);
	if (from <= 0)
		return VEC_BAD_INPUT;
	size_t head = utf8_offset(s, (uint64_t)from - 1);
	int64_t behind = from - 1 + n;
	size_t tail = utf8_offset(s, behind < 0 ? 0 : (uint64_t)behind);
	size_t len = head + with.len + s.len - tail;
	uint8_t *p = call_room(c, len);
	if (!p)
		return VEC_NO_ROOM;
	memcpy(p, s.ptr, head);
	memcpy(p + head, with.ptr, with.len);
	memcpy(p + head + with.len, s.ptr + tail, s.len - tail);
	ret->s = slice_of(p, len);
	return VEC_VALUE;
}

static uint8_t to_hex(struct call *c, const union cell *in, union cell *ret)
{
	char text[16];
	uint64_t v = c->fn->args[0] == SQL_INT4 ? (uint32_t)in[0].i : (uint64_t)in[0].i;
	size_t len = text_put_hex64(text, v), skip = 0;
	while (skip < len - 1 && text[skip] == '0')
		skip++;
	return call_text(c, ret, text + skip, len - skip);
}

#define PAD(name, right)                                                                      \
	{name, SQL_TEXT, 2, {SQL_TEXT, SQL_INT4}, .param = right, .row = pad},                \
	{                                                                                     \
		name, SQL_TEXT, 3, {SQL_TEXT, SQL_INT4, SQL_TEXT}, .param = right, .row = pad \
	}

static const struct fn fns[] = {
	{"lower", SQL_TEXT, 1, {SQL_TEXT}, .param = 0, .vec = run_case},
	{"upper", SQL_TEXT, 1, {SQL_TEXT}, .param = 1, .vec = run_case},
	{"initcap", SQL_TEXT, 1, {SQL_TEXT}, .row = initcap},
	{"reverse", SQL_TEXT, 1, {SQL_TEXT}, .row = reverse},
	{"repeat", SQL_TEXT, 2, {SQL_TEXT, SQL_INT4}, .row = repeat},
	PAD("lpad", 0),
	PAD("rpad", 1),
	{"replace", SQL_TEXT, 3, {SQL_TEXT, SQL_TEXT, SQL_TEXT}, .row = replace},
	{"translate", SQL_TEXT, 3, {SQL_TEXT, SQL_TEXT, SQL_TEXT}, .row = translate},
	{"chr", SQL_TEXT, 1, {SQL_INT4}, .row = chr},
	{"||", SQL_TEXT, 2, {SQL_TEXT, SQL_TEXT}, .row = join2},
	{"||", SQL_BYTEA, 2, {SQL_BYTEA, SQL_BYTEA}, .row = join2},
	{"concat", SQL_TEXT, 1, {SQL_TEXT}, FN_NULLS | FN_VARIADIC, .param = 0, .row = concat},
	{"concat_ws",
	 SQL_TEXT,
	 2,
	 {SQL_TEXT, SQL_TEXT},
	 FN_NULLS | FN_VARIADIC,
	 .param = 1,
	 .row = concat},
	{"overlay", SQL_TEXT, 3, {SQL_TEXT, SQL_TEXT, SQL_INT4}, .row = overlay},
	{"overlay", SQL_TEXT, 4, {SQL_TEXT, SQL_TEXT, SQL_INT4, SQL_INT4}, .row = overlay},
	{"to_hex", SQL_TEXT, 1, {SQL_INT4}, .row = to_hex},
	{"to_hex", SQL_TEXT, 1, {SQL_INT8}, .row = to_hex},
};

const struct fn_table fns_text_edit = FN_TABLE(fns);
